//! How figures are written, everywhere in tables and charts. What is unknown is a dash, never a zero.

use crate::candidate::Contract;

pub const UNKNOWN: &str = "–";

/// A figure that may be missing.
pub fn known<T>(value: Option<T>, write: impl Fn(T) -> String) -> String {
    value.map_or(UNKNOWN.into(), write)
}

/// So many significant digits, without an exponent.
pub fn significant(x: f64, digits: usize) -> String {
    if !x.is_finite() {
        return UNKNOWN.into();
    }
    // the exponent after rounding: 9.996 is 10.0 with three digits
    let rounded = format!("{x:.*e}", digits.saturating_sub(1));
    let exponent = rounded.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    let decimals = (digits as i32 - 1 - exponent).clamp(0, 9) as usize;
    format!("{x:.decimals$}")
}

/// The unit in which a time reads best: its name and its length in nanoseconds.
fn unit(ns: f64) -> (&'static str, f64) {
    match ns {
        ns if ns < 999.5 => ("ns", 1.0),
        ns if ns < 999.5e3 => ("µs", 1e3),
        ns if ns < 999.5e6 => ("ms", 1e6),
        _ => ("s", 1e9),
    }
}

/// `412 ns`, `4.12 µs`.
pub fn time(ns: f64) -> String {
    let (name, length) = unit(ns);
    format!("{} {name}", significant(ns / length, 3))
}

/// `3.1 mJ`.
pub fn energy(joules: f64) -> String {
    let units = [(1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ")];
    let (size, name) = units.into_iter().find(|u| joules >= 0.9995 * u.0).unwrap_or((1e-9, "nJ"));
    format!("{} {name}", significant(joules / size, 2))
}

/// `25.3 kB`.
pub fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 999.5 => format!("{b:.0} B"),
        b if b < 999.5e3 => format!("{} kB", significant(b / 1e3, 3)),
        b => format!("{} MB", significant(b / 1e6, 3)),
    }
}

/// `4.108 – 4.131 µs`.
pub fn interval((low, high): (f64, f64)) -> String {
    let (name, length) = unit(high);
    format!("{} – {} {name}", significant(low / length, 4), significant(high / length, 4))
}

/// Half the width of an interval against the middle.
pub fn spread((low, high): (f64, f64), middle: f64) -> String {
    format!("±{}", percent((high - low) / 2.0 / middle, 1))
}

pub fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", share * 100.0)
}

/// `+3.1 %`; what rounds to nothing has no sign.
pub fn signed(share: f64, decimals: usize) -> String {
    let text = format!("{:+.decimals$} %", 100.0 * share);
    let nothing = !text.contains(|c: char| c.is_ascii_digit() && c != '0');
    if nothing { text.replacen(['+', '-'], "", 1) } else { text }
}

/// `3.1×`.
pub fn times(ratio: f64) -> String {
    format!("{}×", significant(ratio, if ratio < 10.0 { 2 } else { 3 }))
}

/// A probability that never claims to be certain.
pub fn probability(p: f64) -> String {
    if p > 0.99 { "> 99 %".into() } else { percent(p, 0) }
}

pub fn decibels(db: f64) -> String {
    format!("{db:.1} dB")
}

/// The closer to 1, the more nines are shown.
pub fn cosine(c: f64) -> String {
    format!("{c:.6}")
}

pub fn shape(m: usize, n: usize, k: usize) -> String {
    format!("{m}×{n}×{k}")
}

/// A scheme under a contract; f32 has only one.
pub fn series(scheme: &str, contract: Contract) -> String {
    if scheme == "f32" { scheme.into() } else { format!("{scheme} {}", contract.name()) }
}

/// `1 layer`, `2 layers`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The 95 % interval of a share of which `hits` of `samples` were seen (Wilson's score interval).
pub fn wilson(hits: usize, samples: usize) -> Option<(f64, f64)> {
    if samples == 0 || hits > samples {
        return None;
    }
    let (z, n) = (1.959_964_f64, samples as f64);
    let p = hits as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    Some((((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)))
}

/// `99.25 % (97.8 – 99.7)`.
pub fn top1(hits: usize, samples: usize) -> String {
    let share = hits as f64 / samples.max(1) as f64;
    known(wilson(hits, samples), |(low, high)| {
        format!("{} ({:.1} – {:.1})", percent(share, 2), low * 100.0, high * 100.0)
    })
}

/// At most `width` characters; what is cut out of the middle becomes an ellipsis.
pub fn shorten(text: &str, width: usize) -> String {
    let all: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if all.len() <= width {
        return all.into_iter().collect();
    }
    let keep = width.saturating_sub(1);
    let (head, tail) = (keep.div_ceil(2), keep / 2);
    all[..head].iter().chain(['…'].iter()).chain(all[all.len() - tail..].iter()).collect()
}

/// A file name made of a layer's.
pub fn slug(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!(
            [412.4, 999.6, 4_125.0, 13.31e6, 2e9].map(time),
            ["412 ns", "1.00 µs", "4.12 µs", "13.3 ms", "2.00 s"]
        );
        assert_eq!(significant(9.996, 3), "10.0");
        assert_eq!(significant(0.0123, 2), "0.012");
        assert_eq!(interval((4108.2, 4131.0)), "4.108 – 4.131 µs");
        assert_eq!(spread((99.0, 101.0), 100.0), "±1.0 %");
        assert_eq!([0.031, -0.0004, 0.0, -0.1].map(|x| signed(x, 1)), ["+3.1 %", "0.0 %", "0.0 %", "-10.0 %"]);
        assert_eq!((times(3.12), times(12.34)), ("3.1×".into(), "12.3×".into()));
        assert_eq!(shorten("abcdefghij", 5), "ab…ij");
        assert_eq!(slug("net/a <b>"), "net-a--b-");
    }

    #[test]
    fn intervals_of_shares() {
        let (low, high) = wilson(398, 400).unwrap();
        assert!((low - 0.9820).abs() < 5e-4 && (high - 0.9986).abs() < 5e-4, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
        assert!(wilson(10, 10).unwrap().0 < 0.75);
        assert_eq!(top1(0, 0), UNKNOWN);
    }
}
