//! Names of units: `mvau.w4a4.r64c576.pe4.simd8.block.reg.tree1.acc18.thr4.x1.dsp`. The first three parts are needed; the
//! others may come in any order, and have defaults.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::ir::{Memory, Multiplier, Mvau, Requant, UnitKind};

impl fmt::Display for Mvau {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind == UnitKind::Dense { "mvau" } else { "vvau" };
        let signed = if self.signed { "s" } else { "" };
        write!(f, "{kind}.w{}a{}{signed}.r{}c{}", self.weight_bits, self.activation_bits, self.rows, self.columns)?;
        write!(f, ".pe{}.simd{}", self.pe, self.simd)?;
        f.write_str(if self.memory == Memory::Block { ".block" } else { ".dist" })?;
        f.write_str(if self.registered { ".reg" } else { ".noreg" })?;
        write!(f, ".tree{}.acc{}", self.tree, self.accumulator)?;
        match self.requant {
            Requant::None => f.write_str(".none")?,
            Requant::Shift { bits } => write!(f, ".shift{bits}")?,
            Requant::Thresholds { bits } => write!(f, ".thr{bits}")?,
        }
        write!(f, ".x{}", self.packing)?;
        f.write_str(if self.multiplier == Multiplier::Dsp { ".dsp" } else { ".lut" })
    }
}

/// What a word starts with, and the number behind it.
fn numbered(word: &str) -> (&str, Option<usize>) {
    let at = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
    (&word[..at], word[at..].parse().ok())
}

/// `w4a4s`: bits of weights and of activations, and whether these are signed.
fn numbers(word: &str) -> Option<([u32; 2], bool)> {
    let (word, signed) = word.strip_suffix('s').map_or((word, false), |w| (w, true));
    let (w, a) = word.strip_prefix('w')?.split_once('a')?;
    Some(([w.parse().ok()?, a.parse().ok()?], signed))
}

/// `r64c576`.
fn size(word: &str) -> Option<[usize; 2]> {
    let (r, c) = word.strip_prefix('r')?.split_once('c')?;
    Some([r.parse().ok()?, c.parse().ok()?])
}

impl FromStr for Mvau {
    type Err = anyhow::Error;

    /// # Errors
    /// One line that says what part is wrong and what would be right.
    fn from_str(name: &str) -> Result<Self> {
        let mut words = name.split('.');
        let kind = match words.next() {
            Some("mvau") => UnitKind::Dense,
            Some("vvau") => UnitKind::Depthwise,
            _ => bail!("design `{name}`: it begins with mvau (matrix-vector) or vvau (depthwise)"),
        };
        let (bits, signed) = words.next().and_then(numbers).with_context(|| {
            format!("design `{name}`: the second part is the bits of weights and activations, such as w4a4 or w8a8s")
        })?;
        let size = words
            .next()
            .and_then(size)
            .with_context(|| format!("design `{name}`: the third part is outputs and inputs, such as r64c576"))?;
        let mut unit = Mvau::new(kind, size, bits, [1, 1]).with_context(|| format!("design `{name}`"))?;
        unit.signed = signed;
        unit.accumulator = 0;
        let mut seen = Vec::new();
        for word in words {
            let slot = unit.take(word).with_context(|| {
                format!(
                    "design `{name}`: `{word}` is none of peN, simdN, block or dist, reg or noreg, treeN, accN, none or \
                     shiftN or thrN, x1 or x2, dsp or lut"
                )
            })?;
            ensure!(!seen.contains(&slot), "design `{name}`: `{word}` says again what was said before");
            seen.push(slot);
        }
        if unit.accumulator == 0 {
            unit.accumulator = unit.worst_accumulator();
        }
        unit.check().with_context(|| format!("design `{name}`"))?;
        Ok(unit)
    }
}

impl Mvau {
    /// Takes one choice over; which one it was.
    fn take(&mut self, word: &str) -> Option<&'static str> {
        match (word, numbered(word)) {
            ("block", _) => self.memory = Memory::Block,
            ("dist", _) => self.memory = Memory::Distributed,
            ("reg", _) => self.registered = true,
            ("noreg", _) => self.registered = false,
            ("none", _) => self.requant = Requant::None,
            ("dsp", _) => self.multiplier = Multiplier::Dsp,
            ("lut", _) => self.multiplier = Multiplier::Fabric,
            (_, ("pe", Some(n))) => self.pe = n,
            (_, ("simd", Some(n))) => self.simd = n,
            (_, ("tree", Some(n))) => self.tree = u32::try_from(n).ok()?,
            (_, ("acc", Some(n))) => self.accumulator = u32::try_from(n).ok().filter(|n| *n > 0)?,
            (_, ("shift", Some(n))) => self.requant = Requant::Shift { bits: u32::try_from(n).ok()? },
            (_, ("thr", Some(n))) => self.requant = Requant::Thresholds { bits: u32::try_from(n).ok()? },
            (_, ("x", Some(n))) => self.packing = u32::try_from(n).ok()?,
            _ => return None,
        }
        Some(match word {
            "block" | "dist" => "memory",
            "reg" | "noreg" => "register",
            "none" => "requant",
            "dsp" | "lut" => "multiplier",
            _ => match numbered(word).0 {
                "pe" => "pe",
                "simd" => "simd",
                "tree" => "tree",
                "acc" => "acc",
                "x" => "packing",
                _ => "requant",
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        let name = "mvau.w4a4.r64c576.pe4.simd8.block.reg.tree1.acc18.thr4.x2.dsp";
        let unit: Mvau = name.parse().unwrap();
        assert_eq!(unit.to_string(), name);
        let short: Mvau = "vvau.w2a8s.r32c9.lut.pe4".parse().unwrap();
        assert_eq!(short.to_string(), "vvau.w2a8s.r32c9.pe4.simd1.block.reg.tree1.acc13.none.x1.lut");
        assert_eq!(short.to_string().parse::<Mvau>().unwrap(), short);
        let say = |name: &str| format!("{:#}", name.parse::<Mvau>().unwrap_err());
        assert!(say("mvau.w4a4.r64c576.pe5").ends_with("pe = 5 does not divide rows = 64; take 4 or 8"));
        assert!(say("mvau.w4.r1c1").contains("second part"));
        assert!(say("mvau.w4a4.r1c1.pe1.pe1").contains("says again"));
        assert!(say("mvau.w4a4.r1c1.fast").contains("`fast` is none of"));
        assert!(say("mvau.w4a4.r2c2.shift8.thr4").contains("says again"));
        assert!(say("mvau.w8a8.r3c4.pe3.x2").contains("pe = 3 is odd"));
    }
}
