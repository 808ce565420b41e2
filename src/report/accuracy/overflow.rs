//! Overflow verdicts in a few lines, on a terminal.

use crate::overflow::{Overflow, PATHS, Verdict};
use crate::report::format::{self, known};

/// Schemes whose sums could overflow somewhere, path by path; one line where none can.
pub fn overflows(rows: &[Overflow]) -> String {
    let narrow = PATHS.iter().filter(|p| rows.iter().any(|r| r.path == p.name && r.verdict != Verdict::Never));
    let text: String = narrow.map(|p| path(p.name, p.about, rows)).collect();
    match (rows.is_empty(), text.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "no sum of these layers can overflow on any path\n".into(),
        _ => text,
    }
}

fn path(name: &str, about: &str, rows: &[Overflow]) -> String {
    let mut out = format!("on {name} ({about}; emulated bit for bit):\n");
    let mut schemes: Vec<(&str, &str)> = Vec::new();
    for r in rows.iter().filter(|r| r.path == name) {
        if r.verdict != Verdict::Never && !schemes.contains(&(&r.network, &r.scheme)) {
            schemes.push((&r.network, &r.scheme));
        }
    }
    for (network, scheme) in schemes {
        let own: Vec<&Overflow> =
            rows.iter().filter(|r| r.path == name && r.network == network && r.scheme == scheme).collect();
        let layers: Vec<&&Overflow> = own.iter().filter(|r| !r.layer.is_empty()).collect();
        let happens = layers.iter().filter(|r| r.verdict == Verdict::Happens).count();
        let worst = layers.iter().filter_map(|r| Some((r.exact_sqnr_db? - r.sqnr_db?, r)));
        let worst = worst.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|w| w.0 > 0.05);
        let worst = worst.map_or(String::new(), |(_, r)| {
            let (exact, got) = (known(r.exact_sqnr_db, format::decibels), known(r.sqnr_db, format::decibels));
            format!("; worst {}: {exact} becomes {got}", r.layer)
        });
        let top1 = own.iter().find_map(|r| Some((r.exact_top1?, r.top1?, r.samples)));
        let top1 = top1.map_or(String::new(), |(exact, got, of)| format!("; top-1 {exact} becomes {got} of {of}"));
        out += &format!("  {network} {scheme}: saturates in {happens} of {} layers{worst}{top1}\n", layers.len());
    }
    out
}
