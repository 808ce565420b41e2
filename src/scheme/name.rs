//! The one grammar that names schemes, parsed and printed here.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

use super::activations::{Activations, Kind, Per};
use super::calibrate::{self, Calibrator, MinMax};
use super::compress::{self, COMPRESSIONS, Compression};
use super::correct::{self, CORRECTIONS};
use super::format::{self, Granularity, SUPER_BLOCK};
use super::lattice::Matrix;
use super::round::{self, ROUNDINGS};
use super::{LISTED, Scheme};
use std::sync::Arc;

/// For help texts.
pub const GRAMMAR: &str = "\
A scheme is WEIGHTS[aACTIVATIONS][gCOLUMNS[qBITS]][+COMPRESSION...][-OPTION...], for example w8a8, w4a8g32-mse-gptq,
nf4, mxfp4a8, w4a8+24-refit.
  WEIGHTS      w8..w2 (integers), wt (ternary), w1 (binary), or a format: see `bitsmith schemes`
  ACTIVATIONS  8..2 (unsigned, with a zero point), 1 (signs), 16 (f16), 32 (f32, the default), or a format
  gCOLUMNS     one scale per so many weights of a row (default: one per row); qBITS: scales quantized to so many bits
  +COMPRESSION pN (N % of the weights become zeros), NM or N:M (N of every M stay), cN (N % of the output channels go),
               rN or rN% (two factors of rank N, or of N % of the weights), kN (N shared values, Huffman-coded)
  -tensor      one weight scale for the whole tensor
  -affine -full -pow2   a zero point; the full range of two's complement; scales that are powers of two
  -CALIBRATOR  clips weights: minmax (default), mse, kl, p99_9, ...
  -static, -static_CALIBRATOR   one range of activations ahead of time instead of one per row at run time
  -atensor, -ablockN    dynamic ranges of activations per tensor, or per N channels
  -ROUNDING    nearest (default), floor, stochastic, gptq, adaround, hqq
  -CORRECTION  any of cle, hadamard, smoothquant, awq, importance, refit, biascorr";

/// The scheme of that name.
/// # Errors
/// A [`WrongName`], with the nearest name that is right.
pub fn find(name: &str) -> Result<Scheme> {
    name.parse()
}

/// The schemes that a name or a pattern stands for: `*` for anything in a listed name, `[1-8]` or `[148]` for each of these
/// digits in any name.
/// # Errors
/// A pattern that fits nothing, or a wrong name.
pub fn matching(pattern: &str) -> Result<Vec<Scheme>> {
    if pattern.contains('[') {
        let each = digits(pattern)?.into_iter().map(|p| matching(&p));
        return Ok(each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect());
    }
    if !pattern.contains('*') {
        return Ok(vec![find(pattern)?]);
    }
    let fits = |name: &str| wildcard(pattern.as_bytes(), name.as_bytes());
    let found: Vec<Scheme> = LISTED.iter().filter(|n| fits(n)).map(|n| find(n)).collect::<Result<_>>()?;
    ensure!(!found.is_empty(), "`{pattern}` matches no listed scheme; `bitsmith schemes` lists them");
    Ok(found)
}

/// The pattern with each digit that its first brackets stand for.
fn digits(pattern: &str) -> Result<Vec<String>> {
    let wrong = || format!("`{pattern}`: brackets hold digits, such as [1-8] or [148]");
    let (before, rest) = pattern.split_once('[').with_context(wrong)?;
    let (inside, after) = rest.split_once(']').with_context(wrong)?;
    let bytes = inside.as_bytes();
    let all: Vec<u8> = match bytes {
        [low, b'-', high] if low <= high => (*low..=*high).collect(),
        _ => bytes.to_vec(),
    };
    ensure!(!all.is_empty() && all.iter().all(u8::is_ascii_digit), wrong());
    Ok(all.iter().map(|d| format!("{before}{}{after}", char::from(*d))).collect())
}

/// Does a text fit a pattern in which `*` stands for anything?
pub fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|i| wildcard(rest, &text[i..])),
        Some((c, rest)) => text.first() == Some(c) && wildcard(rest, &text[1..]),
    }
}

/// A name that is no scheme: one line of what is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct WrongName {
    name: String,
    at: usize,
    length: usize,
    problem: String,
}

impl WrongName {
    /// The name, and a caret under each character of the wrong part.
    pub fn pointer(&self) -> String {
        format!("    {}\n    {}{}", self.name, " ".repeat(self.at), "^".repeat(self.length.max(1)))
    }
}

impl fmt::Display for WrongName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scheme `{}`: {}", self.name, self.problem)
    }
}

impl std::error::Error for WrongName {}

fn wrong(name: &str, at: usize, length: usize, problem: impl fmt::Display) -> Error {
    WrongName { name: name.into(), at, length, problem: problem.to_string() }.into()
}

impl FromStr for Scheme {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        let end = end_of(name, 0, '-');
        let head_length = end_of(name, 0, '+').min(end);
        let mut scheme = head(name, head_length)?;
        let mut at = head_length;
        while at < end {
            let part = name[at + 1..end].split('+').next().unwrap_or("");
            compression(&mut scheme, part).map_err(|problem| wrong(name, at + 1, part.len(), problem))?;
            at += 1 + part.len();
        }
        while at < name.len() {
            let part = name[at + 1..].split('-').next().unwrap_or("");
            option(&mut scheme, part).map_err(|problem| wrong(name, at + 1, part.len(), problem))?;
            at += 1 + part.len();
        }
        consistent(&scheme).map_err(|problem| wrong(name, 0, name.len(), problem))?;
        let order = |c: &&dyn super::Correction| CORRECTIONS.iter().position(|k| k.name() == c.name());
        scheme.corrections.sort_by_key(order);
        scheme.corrections.dedup_by_key(|c| c.name());
        Ok(scheme)
    }
}

/// Up to the first sign of this kind; a table's own signs do not count.
fn end_of(name: &str, from: usize, sign: char) -> usize {
    let from = if name.starts_with("lut[") { name.find(']').unwrap_or(from) } else { from };
    name[from..].find(sign).map_or(name.len(), |i| from + i)
}

/// Takes one compression into account: they are kept in the order in which they are applied.
fn compression(scheme: &mut Scheme, part: &str) -> Result<(), String> {
    let place = |c: &dyn Compression| compress::parse(&c.name()).map_or(0, |(place, _)| place);
    let Some((at, found)) = compress::parse(part) else {
        let examples = COMPRESSIONS.iter().flat_map(|k| k.examples);
        let near = examples.min_by_key(|e| strsim::damerau_levenshtein(e, part)).unwrap_or(&"p50");
        return Err(format!("no such compression; did you mean `+{near}`?"));
    };
    if scheme.compressions.iter().any(|c| place(&**c) == at) {
        return Err(format!("{} a second time: a scheme has one compression of a kind", COMPRESSIONS[at].pattern));
    }
    scheme.compressions.push(found);
    scheme.compressions.sort_by_key(|c| place(&**c));
    Ok(())
}

/// Does a weight of zero stay zero? Data of no symmetry are quantized with zeros among them.
fn has_zero(s: &Scheme) -> bool {
    let x: Vec<f32> = (0..512).map(|i| if i % 5 == 3 { 0.0 } else { ((i * 37 % 101) as f32 - 43.7) / 61.3 }).collect();
    let q = s.weights.quantize(&Matrix::new(&x, 256), &s.fit());
    (0..x.len()).filter(|i| x[*i] == 0.0).all(|i| {
        let step = q.lattice.step(i / 256, i % 256);
        q.codes.is_empty() || step.value(step.nearest(0.0)) == 0.0
    })
}

/// `WEIGHTS[aACTIVATIONS][gCOLUMNS[qBITS]]`.
fn head(name: &str, length: usize) -> Result<Scheme> {
    let head = &name[..length];
    let unknown = |at: usize, what: &str| {
        let near = nearest(name).map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        wrong(name, at, length - at, format!("{what}{near}"))
    };
    let (weights, mut at) = format::parse(head).ok_or_else(|| unknown(0, "no such weight format"))?;
    let mut activations = Activations::F32;
    if let Some(rest) = head[at..].strip_prefix('a') {
        let (kind, n) = Activations::parse(rest).ok_or_else(|| unknown(at + 1, "no such activations"))?;
        activations.kind = kind;
        at += 1 + n;
    }
    let mut granularity = Granularity::Row;
    if head[at..].starts_with('g') {
        let (columns, n) = number(&head[at + 1..]).ok_or_else(|| unknown(at, "expected gCOLUMNS, for example g32"))?;
        at += 1 + n;
        let mut sub = None;
        if head[at..].starts_with('q') {
            let (bits, n) = number(&head[at + 1..])
                .filter(|(b, _)| (2..=8).contains(b))
                .ok_or_else(|| unknown(at, "expected qBITS of 2 to 8"))?;
            sub = Some(bits as u32);
            at += 1 + n;
        }
        granularity = Granularity::Group { columns, sub };
    }
    if at < length {
        return Err(unknown(at, "cannot read this part"));
    }
    Ok(Scheme {
        weights,
        granularity,
        affine: false,
        full: false,
        pow2: false,
        clip: Arc::new(MinMax),
        activations,
        rounding: &round::Nearest,
        corrections: vec![],
        compressions: vec![],
    })
}

fn number(text: &str) -> Option<(usize, usize)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok().filter(|n| *n > 0).map(|n| (n, digits))
}

/// Takes one option into account.
fn option(scheme: &mut Scheme, part: &str) -> Result<(), String> {
    match part {
        "tensor" => scheme.granularity = Granularity::Tensor,
        "affine" => scheme.affine = true,
        "full" => scheme.full = true,
        "pow2" => scheme.pow2 = true,
        "static" => scheme.activations.fixed = Some(Arc::new(MinMax)),
        "atensor" => scheme.activations.per = Per::Tensor,
        _ => return named_option(scheme, part),
    }
    Ok(())
}

fn named_option(scheme: &mut Scheme, part: &str) -> Result<(), String> {
    if let Some((columns, _)) = part.strip_prefix("ablock").and_then(|t| number(t).filter(|(_, n)| *n == t.len())) {
        scheme.activations.per = Per::Block(columns);
    } else if let Some(c) = part.strip_prefix("static_").and_then(calibrate::parse) {
        scheme.activations.fixed = Some(c);
    } else if let Some(c) = calibrate::parse(part) {
        scheme.clip = c;
    } else if let Some(r) = round::find(part) {
        scheme.rounding = r;
    } else if let Some(c) = correct::find(part) {
        scheme.corrections.push(c);
    } else {
        let near = options().into_iter().min_by_key(|o| strsim::damerau_levenshtein(o, part));
        return Err(format!("no such option; did you mean `{}`?", near.unwrap_or_default()));
    }
    Ok(())
}

/// Every option, for suggestions.
fn options() -> Vec<String> {
    let fixed = ["tensor", "affine", "full", "pow2", "static", "atensor", "ablock32"];
    let calibrators = calibrate::CALIBRATORS.iter().flat_map(|k| k.examples);
    let mut all: Vec<String> = fixed.iter().chain(calibrators.clone()).map(ToString::to_string).collect();
    all.extend(calibrators.map(|c| format!("static_{c}")));
    all.extend(ROUNDINGS.iter().map(|r| r.name().to_string()));
    all.extend(CORRECTIONS.iter().map(|c| c.name().to_string()));
    all
}

fn nearest(name: &str) -> Option<String> {
    let formats = format::KINDS.iter().flat_map(|k| k.examples);
    let all = LISTED.iter().chain(formats);
    let ranked = all.map(|n| (strsim::damerau_levenshtein(n, name), *n)).min_by_key(|(d, _)| *d);
    ranked.filter(|(d, _)| *d <= name.len().max(3) / 2 + 1).map(|(_, n)| n.to_string())
}

/// Choices that do not go together.
fn consistent(s: &Scheme) -> Result<(), String> {
    let (takes, name) = (s.weights.takes(), s.weights.name());
    let refuse = |wrong: bool, what: &str| if wrong { Err(what.to_string()) } else { Ok(()) };
    refuse(!takes.scale && s.granularity != Granularity::Row, &format!("{name} has its own granularity"))?;
    refuse(!takes.scale && s.pow2, &format!("{name} has its own scales"))?;
    refuse(!takes.integer && (s.affine || s.full), &format!("-affine and -full are for integer weights, not {name}"))?;
    refuse(s.affine && s.full, "-affine weights have the full range already")?;
    refuse(!takes.clip && s.clip.name() != "minmax", &format!("{name} takes no calibrator"))?;
    refuse(s.clip.name() == "avg", "avg is for activations (-static_avg); weights have no batches")?;
    let round = s.rounding;
    let (pointless, name) = (round.moves_points() && !s.affine, round.name());
    refuse(pointless, &format!("{name} moves zero points, which only -affine weights have"))?;
    let pruned = s.prunes() || s.channels().is_some();
    refuse(
        s.compressions.iter().filter(|c| c.kept(&Matrix::new(&[1.0], 1)).is_some()).count() > 1,
        "+pN and +NM both prune; choose one",
    )?;
    let shared = s.compressions.iter().any(|c| c.values().is_some());
    refuse(
        shared && round.name() != "nearest",
        &format!("+kN shares values, which -{} would tear apart", round.name()),
    )?;
    refuse(pruned && round.moves_points(), &format!("-{} leaves no zero for pruned weights", round.name()))?;
    refuse(pruned && !has_zero(s), &format!("{} has no zero for pruned weights", s.weights.name()))?;
    if let Granularity::Group { columns, sub: Some(_) } = s.granularity {
        refuse(columns >= SUPER_BLOCK, "quantized scales need groups of fewer than 256 columns")?;
    }
    let a = &s.activations;
    let scaled = match &a.kind {
        Kind::F32 => false,
        Kind::Affine(_) | Kind::Signs => true,
        Kind::Format(f) => f.takes().scale,
    };
    refuse(
        !scaled && (a.fixed.is_some() || a.per != Per::Row),
        "these activations have no scale of their own to choose",
    )?;
    let chosen = a.fixed.as_ref().is_some_and(|c| c.name() != MinMax.name());
    refuse(matches!(a.kind, Kind::Signs) && chosen, "signs have no range that a calibrator could choose")?;
    refuse(a.fixed.is_some() && a.per != Per::Row, "-static is one range for the tensor")
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.weights.name())?;
        let plain_integer = matches!(self.weights.family(), "integer" | "ternary and binary");
        if plain_integer || !self.activations.float() {
            write!(f, "a{}", self.activations.kind)?;
        }
        if let Granularity::Group { columns, sub } = self.granularity {
            write!(f, "g{columns}")?;
            sub.map_or(Ok(()), |bits| write!(f, "q{bits}"))?;
        }
        self.compressions.iter().try_for_each(|c| write!(f, "+{}", c.name()))?;
        let flags = [
            (self.granularity == Granularity::Tensor, "tensor"),
            (self.affine, "affine"),
            (self.full, "full"),
            (self.pow2, "pow2"),
            (self.activations.per == Per::Tensor, "atensor"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, word)| write!(f, "-{word}"))?;
        if let Per::Block(n) = self.activations.per {
            write!(f, "-ablock{n}")?;
        }
        if self.clip.name() != MinMax.name() {
            write!(f, "-{}", self.clip.name())?;
        }
        match self.activations.fixed.as_ref().map(|c| c.name()) {
            Some(name) if name == MinMax.name() => write!(f, "-static")?,
            Some(name) => write!(f, "-static_{name}")?,
            None => {}
        }
        if self.rounding.name() != ROUNDINGS[0].name() {
            write!(f, "-{}", self.rounding.name())?;
        }
        self.corrections.iter().try_for_each(|c| write!(f, "-{}", c.name()))
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for Scheme {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in LISTED {
            assert_eq!(find(name).unwrap().to_string(), *name);
        }
        let canonical = [
            ("w4", "w4a32"),
            ("w4g32a8", ""),
            ("w4a8g32-gptq", ""),
            ("w4a8-floor-mse-affine", "w4a8-affine-mse-floor"),
            ("f32a32", "f32"),
            ("f16a16", "f16a16"),
            ("w8a8-static_p99_99", "w8a8-static_p99_99"),
            ("lut[-1:-0.5:0:0.5:1]a8g64-minmax", "lut[-1:-0.5:0:0.5:1]a8g64"),
            ("w4a8g32q6-ablock32", "w4a8g32q6-ablock32"),
            ("w4a8+2:4", "w4a8+24"),
            ("f32+k16+p50+c25", "f32+c25+p50+k16"),
            ("w8a8g32+r50%+8:16-refit-gptq", "w8a8g32+r50%+8:16-gptq-refit"),
            ("lut[-1:-0.5:0:0.5:1e+3]a8+p50-mse", "lut[-1:-0.5:0:0.5:1e+3]a8+p50-mse"),
        ];
        for (given, printed) in canonical.iter().filter(|(_, p)| !p.is_empty()) {
            let scheme = find(given).unwrap();
            assert_eq!(scheme.to_string(), *printed);
            assert_eq!(find(printed).unwrap(), scheme);
        }
    }

    #[test]
    fn every_name_that_parses_is_printed_so_that_it_parses_to_the_same() {
        let formats: Vec<&str> = format::KINDS.iter().flat_map(|k| k.examples).copied().collect();
        let (mut tried, mut parsed) = (0, 0);
        let options: Vec<String> = options().into_iter().chain([String::new()]).collect();
        for format in &formats {
            for input in ["", "a8", "a4", "a1", "a16", "a32", "afp8e4m3"] {
                for group in ["", "g32", "g128q6", "g32+24", "+c25+p50+k16"] {
                    for (i, option) in options.iter().enumerate() {
                        let two = if i % 3 == 0 { "-mse" } else { "" };
                        let dash = if option.is_empty() { "" } else { "-" };
                        tried += 1;
                        let Ok(scheme) = find(&format!("{format}{input}{group}{dash}{option}{two}")) else { continue };
                        parsed += 1;
                        assert_eq!(find(&scheme.to_string()).unwrap().to_string(), scheme.to_string());
                    }
                }
            }
        }
        assert!(parsed > tried / 4, "{parsed} of {tried}");
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let cases = [
            ("w9a8", "no such weight format; did you mean `w8a8`?", 0, 4),
            ("w4a9", "no such activations; did you mean", 3, 1),
            ("w4a8g0", "expected gCOLUMNS", 4, 2),
            ("w4a8x", "cannot read this part", 4, 1),
            ("w4a8-florr", "no such option; did you mean `floor`?", 5, 5),
            ("w4a8-", "no such option", 5, 1),
            ("f16-mse", "f16 takes no calibrator", 0, 7),
            ("fp8e4m3-affine", "-affine and -full are for integer weights", 0, 14),
            ("w4a8-hqq", "hqq moves zero points, which only -affine", 0, 8),
            ("w4a32-static", "no scale of their own", 0, 12),
            ("", "no such weight format", 0, 1),
            ("w8a8+x50-gptq", "no such compression; did you mean `+c50`?", 5, 3),
            ("w8a8+", "no such compression", 5, 1),
            ("w8a8+p50+p75", "a second time", 9, 3),
            ("w8a8+p50+24", "both prune", 0, 11),
            ("w1a8+p50", "w1 has no zero", 0, 8),
            ("kmeans4+24", "kmeans4 has no zero", 0, 10),
            ("q4_1+p50", "q4_1 has no zero", 0, 8),
            ("w4a32g32+p50-affine-hqq", "-hqq leaves no zero", 0, 23),
            ("w4a8+k16-gptq", "would tear apart", 0, 13),
        ];
        for (name, problem, at, length) in cases {
            let error = find(name).err().unwrap().downcast::<WrongName>().unwrap();
            assert!(error.to_string().contains(problem), "{name}: {error}");
            assert_eq!((error.at, error.length.max(1)), (at, length), "{error}");
            assert_eq!(error.pointer(), format!("    {name}\n    {}{}", " ".repeat(at), "^".repeat(length)));
        }
    }

    #[test]
    fn patterns_match_listed_schemes() {
        let names = |p: &str| matching(p).unwrap().iter().map(Scheme::to_string).collect::<Vec<_>>();
        assert_eq!(names("w1*"), ["w1a8", "w1a1", "w1a32"]);
        assert_eq!(names("w4a8g32"), ["w4a8g32"]);
        assert!(names("*g32*").len() > 3);
        assert!(matching("x*").is_err());
        assert_eq!(names("w[1-2]a[48]"), ["w1a4", "w1a8", "w2a4", "w2a8"]);
        assert_eq!(names("w4a[8]g32"), ["w4a8g32"]);
        for wrong in ["w[a4", "w[]a8", "w[8-1]a8", "w[x]a8", "w[1-]a8"] {
            let error = matching(wrong).unwrap_err().to_string();
            assert!(error.contains("brackets hold digits"), "{wrong}: {error}");
        }
    }
}
