//! What other tools read: comparisons for people and continuous integration, runs for dashboards.

mod action;
mod bencher;
mod google;
mod json;
mod junit;
mod markdown;
mod prometheus;
mod text;

use anyhow::Result;

pub use text::{summary, word};

use crate::run::Run;
use crate::verdict::Report;

/// A way to write a comparison.
pub struct Form {
    pub name: &'static str,
    pub about: &'static str,
    pub write: fn(&Report) -> Result<String>,
}

/// Every form of a comparison: one file and one row each. The first is the default.
pub static FORMS: &[Form] = &[
    Form { name: "text", about: "a table for the terminal", write: text::write },
    Form { name: "json", about: "every figure of every comparison", write: json::write },
    Form { name: "junit", about: "JUnit XML: a test case for each comparison", write: junit::write },
    Form { name: "markdown", about: "for a pull request or a job's summary", write: markdown::write },
];

/// A format in which others read the winners of a run.
pub struct Export {
    pub name: &'static str,
    pub about: &'static str,
    /// Only winners that were timed on the device itself are in it.
    pub write: fn(&Run) -> Result<String>,
}

/// Every format: one file and one row each.
pub static EXPORTS: &[Export] = &[
    Export { name: "google-benchmark", about: "JSON of Google Benchmark, for its compare.py", write: google::write },
    Export { name: "prometheus", about: "gauges for node_exporter's textfile collector", write: prometheus::write },
    Export { name: "github-action-benchmark", about: "customSmallerIsBetter of that action", write: action::write },
    Export { name: "bencher", about: "Bencher Metric Format (BMF)", write: bencher::write },
];

/// Name of a winner's series in every export: what stays the same from night to night.
fn series(w: &crate::certificate::Winner) -> String {
    let r = &w.record;
    let (contract, regime) = (r.contract.name(), r.regime.name());
    format!("{}/{}/{contract}/{}/{regime}/t{}", r.layer, r.scheme, r.target, r.threads)
}

/// Winners with a time that was measured, with it and its interval.
fn timed(run: &Run) -> impl Iterator<Item = (&crate::certificate::Winner, f64, (f64, f64))> {
    run.winners.iter().filter_map(|w| Some((w, w.median_ns?, w.ci_ns?)))
}

/// Text within XML.
fn xml(text: &str) -> String {
    let one = |c: char| match c {
        '&' => "&amp;".to_string(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '"' => "&quot;".into(),
        c if c.is_control() => " ".into(),
        c => c.into(),
    };
    text.chars().map(one).collect()
}
