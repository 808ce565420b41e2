//! A comparison for the terminal.

use std::fmt::Write;

use anyhow::Result;

use crate::verdict::{Comparison, Finding, Report};

/// Comparisons that found nothing, and those of quarantined devices, are counted and not listed.
pub fn write(report: &Report) -> Result<String> {
    let mut out = String::new();
    let quarantined =
        |c: &Comparison| report.devices.iter().any(|d| d.target == c.key.target && d.quarantined.is_some());
    for c in report.comparisons.iter().filter(|c| c.finding != Finding::Same && !quarantined(c)) {
        writeln!(out, "{:<11} {:<56} {}", word(c.finding), name(c), change(c))?;
        if !c.why.is_empty() {
            writeln!(out, "            {}", c.why)?;
        }
    }
    for d in &report.devices {
        let percent = |x: Option<f64>| x.map_or("unknown".into(), |x| format!("{:.2} %", 100.0 * x));
        let pace = 100.0 * (d.shift.exp() - 1.0);
        let (noise, sees) = (percent(d.noise), percent(d.detectable));
        writeln!(out, "device {}: noise {noise}, sees slowdowns of {sees}, own pace {pace:+.2} %", d.target)?;
        if let Some(why) = &d.quarantined {
            writeln!(out, "  quarantined, none of its {} comparisons is judged: {why}", d.comparisons)?;
        }
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "{}", summary(report))?;
    Ok(out)
}

pub fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Regression => "REGRESSION",
        Finding::Unknown => "unknown",
        Finding::Better => "better",
        Finding::Same => "same",
    }
}

pub fn name(c: &Comparison) -> String {
    let k = &c.key;
    format!("{} {} {} {} {} t{}", k.layer, k.scheme, k.contract, k.target, k.regime, k.threads)
}

/// `x1.031 [1.027, 1.035] q=0.0002`
pub fn change(c: &Comparison) -> String {
    let Some(ratio) = c.ratio else { return "no time".into() };
    let interval = c.interval.map_or(String::new(), |(low, high)| format!(" [{low:.3}, {high:.3}]"));
    let q =
        c.q.map_or(String::new(), |q| format!(" q={}", if q < 1e-4 { "<0.0001".into() } else { format!("{q:.4}") }));
    format!("x{ratio:.3}{interval}{q}")
}

/// One line.
pub fn summary(report: &Report) -> String {
    let of = |f| report.count(f);
    let gate = 100.0 * report.gate;
    format!(
        "{} comparisons at a gate of {gate} %: {} slower, {} faster, {} the same, {} without enough evidence",
        report.comparisons.len(),
        of(Finding::Regression),
        of(Finding::Better),
        of(Finding::Same),
        of(Finding::Unknown)
    )
}
