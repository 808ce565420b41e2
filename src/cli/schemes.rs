//! `bitsmith schemes`

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use super::print;
use crate::host::Host;
use crate::kernel::Task;
use crate::layer::Shape;
use crate::native::Isa;
use crate::scheme::compress::{COMPRESSIONS, factors, reduce};
use crate::scheme::correct::{Draft, Input};
use crate::scheme::{self, GRAMMAR, LISTED, Scheme, calibrate, correct, format, round};
use crate::target::Target;

#[derive(clap::Args)]
#[command(after_help = GRAMMAR)]
pub struct Args {
    /// Names or patterns, for example 'w4*' [default: all listed ones, and the parts that names are made of]
    schemes: Vec<String>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// What is told of one scheme.
struct Row {
    scheme: Scheme,
    /// Bits per weight of rows of [`COLUMNS`] weights, scales and tables included.
    bits: f64,
    /// Targets that a kernel family serves it on.
    targets: Vec<String>,
}

/// Weights of a row that bits per weight are counted for, and rows.
const COLUMNS: usize = 4096;
const ROWS: usize = 8;

pub fn run(args: &Args) -> Result<()> {
    let all: Vec<String> = LISTED.iter().map(ToString::to_string).collect();
    let mut schemes: Vec<Scheme> = Vec::new();
    for pattern in if args.schemes.is_empty() { &all } else { &args.schemes } {
        schemes.extend(scheme::matching(pattern)?);
    }
    let targets: Vec<(Target, Arc<Isa>)> =
        Target::all()?.into_iter().map(|t| Ok((t.clone(), Arc::new(t.isa()?)))).collect::<Result<_>>()?;
    let rows: Vec<Row> = schemes.into_iter().map(|s| row(s, &targets)).collect::<Result<_>>()?;
    if args.json {
        return print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&json!({ "schemes": rows.iter().map(document).collect::<Vec<_>>() }))?
        ));
    }
    let mut text =
        format!("{:<28}{:>11}  {:<20}{:<24}{}\n", "scheme", "bits/weight", "weights", "granularity", "kernels on");
    for r in &rows {
        let kernels = if r.targets.is_empty() { "-".into() } else { format!("{} targets", r.targets.len()) };
        let (family, name) = (r.scheme.weights.family(), r.scheme.to_string());
        text += &format!("{name:<28}{:>11.3}  {family:<20}{:<24}{kernels}\n", r.bits, r.scheme.granularity_name());
    }
    if args.schemes.is_empty() {
        text += &format!("\n{GRAMMAR}\n\n{}", parts());
    }
    print(&text)
}

fn row(scheme: Scheme, targets: &[(Target, Arc<Isa>)]) -> Result<Row> {
    let weights: Vec<f32> = (0..ROWS * COLUMNS).map(|i| ((i * 2_654_435_761) % 1009) as f32 / 504.5 - 1.0).collect();
    let shape = Shape::gemm(1, ROWS, COLUMNS)?;
    let bias = vec![0.0; ROWS];
    let draft = Draft { shape, bias, input: Input::default(), importance: None, weights };
    let stored = |mut draft: Draft, scheme: &Scheme| {
        let reduced = reduce(&mut draft, scheme, None);
        let k = draft.shape.k();
        scheme.stored_bits(&scheme.quantize_reduced(&draft.weights, k, None, (None, &reduced)), &reduced)
    };
    let bits: f64 = match scheme.rank(&shape) {
        Some((rank, rest)) => factors(&draft, rank, None).into_iter().map(|d| stored(d, &rest)).sum(),
        None => stored(draft, &scheme.without_rank()),
    };
    let bits = bits / (ROWS * COLUMNS) as f64;
    let shape = Shape::gemm(16, 64, 64)?;
    let serves = |isa: &Arc<Isa>| {
        scheme.contracts().iter().any(|contract| {
            let (scheme, isa, contract) = (scheme.clone(), isa.clone(), *contract);
            let caches = Host::default().caches;
            Task { shape, relu: false, scheme, contract, isa, threads: 1, caches }.families().is_ok()
        })
    };
    let targets = targets.iter().filter(|(_, isa)| serves(isa)).map(|(t, _)| t.name.clone()).collect();
    Ok(Row { scheme, bits, targets })
}

fn document(r: &Row) -> serde_json::Value {
    let s = &r.scheme;
    json!({
        "name": s.to_string(), "bits_per_weight": r.bits, "code_bits": s.weight_bits(), "weights": s.weights.name(),
        "activations": s.activations.kind.to_string(), "activation_bits": s.activations.bits(), "family": s.weights.family(),
        "granularity": s.granularity_name(), "contracts": s.contracts().iter().map(|c| c.name()).collect::<Vec<_>>(),
        "kernels_on": r.targets, "about": s.about(),
    })
}

/// What names are made of.
fn parts() -> String {
    let line = |name: &str, about: &str| format!("  {name:<44}{about}\n");
    let mut text = "Formats:\n".to_string();
    format::KINDS.iter().for_each(|k| text += &line(k.pattern, k.about));
    text += "Calibrators:\n";
    calibrate::CALIBRATORS.iter().for_each(|k| text += &line(k.pattern, k.about));
    text += "Roundings:\n";
    round::ROUNDINGS.iter().for_each(|r| text += &line(r.name(), r.about()));
    text += "Compressions:\n";
    COMPRESSIONS.iter().for_each(|k| text += &line(&format!("+{}", k.pattern), k.about));
    text += "Corrections:\n";
    correct::CORRECTIONS.iter().for_each(|c| text += &line(c.name(), c.about()));
    text
}
