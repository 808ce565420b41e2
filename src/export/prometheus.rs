//! Prometheus text format 0.0.4, for the textfile collector: gauges in seconds, as its naming rules want.

use std::fmt::Write;

use anyhow::Result;

use super::timed;
use crate::certificate::Winner;
use crate::run::Run;

/// A gauge: its name, what it is, its value.
type Gauge = (&'static str, &'static str, fn(&Winner, f64, (f64, f64)) -> Option<f64>);

const GAUGES: &[Gauge] = &[
    ("bitsmith_kernel_seconds", "Median time of one call of the winning kernel.", |_, ns, _| Some(ns / 1e9)),
    ("bitsmith_kernel_low_seconds", "Lower end of its 95 % interval.", |_, _, ci| Some(ci.0 / 1e9)),
    ("bitsmith_kernel_high_seconds", "Upper end of its 95 % interval.", |_, _, ci| Some(ci.1 / 1e9)),
    ("bitsmith_kernel_roof_ratio", "Share of the device's measured roof.", |w, _, _| w.roof_share),
];

pub fn write(run: &Run) -> Result<String> {
    let mut out = String::new();
    for (name, help, value) in GAUGES {
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")?;
        for (w, ns, ci) in timed(run) {
            let r = &w.record;
            let labels = [
                ("layer", r.layer.as_str()),
                ("scheme", &r.scheme),
                ("contract", r.contract.name()),
                ("target", &r.target),
                ("regime", r.regime.name()),
                ("threads", &r.threads.to_string()),
            ];
            let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escaped(v))).collect();
            if let Some(value) = value(w, ns, ci) {
                writeln!(out, "{name}{{{}}} {value:e}", labels.join(","))?;
            }
        }
    }
    Ok(out)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
