//! `bitsmith export` of designs for FPGAs: a unit by its name, a trained network, or each layer of a file.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::print;
use crate::data::{LayerData, Trained};
use crate::fpga::design::{Design, Vectors, symbol, unit_vectors};
use crate::fpga::export::{self, Synthesis};
use crate::fpga::network::{Stream, of_layer};
use crate::fpga::sim::SIMULATORS;
use crate::fpga::{Mvau, Parameters};
use crate::layer::{NETWORKS, Network};
use crate::scheme;

/// What only designs need.
#[derive(clap::Args)]
pub struct Options {
    /// Of a design: clock cycles from frame to frame, at most; it gets as few multipliers as that takes
    #[arg(long, value_name = "CYCLES", help_heading = "Designs for FPGAs")]
    interval: Option<u64>,
    /// Golden vectors of a design
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Designs for FPGAs")]
    frames: u32,
    /// Runs a design in every simulator that is here before it is written
    #[arg(long, help_heading = "Designs for FPGAs")]
    check: bool,
    /// Part that the script for Vitis HLS names
    #[arg(long, value_name = "PART", default_value = "xc7z020-clg400-1", help_heading = "Designs for FPGAs")]
    part: String,
    /// Clock period that it asks for, in ns
    #[arg(long, value_name = "NS", default_value_t = 5.0, help_heading = "Designs for FPGAs")]
    clock: f64,
}

/// Is this a design, rather than the folder of a run?
pub fn is_design(what: &Path) -> bool {
    let name = what.to_string_lossy();
    let network = NETWORKS.iter().any(|(n, _)| *n == name) && !what.exists();
    name.starts_with("mvau.")
        || name.starts_with("vvau.")
        || network
        || (name.ends_with(".toml") && !name.ends_with("profile.toml"))
}

/// A design, its golden vectors, and its cycles from frame to frame by the formula.
struct Ready {
    design: Design,
    vectors: Vectors,
    interval: u64,
}

pub fn run(what: &Path, scheme: Option<&str>, out: &Path, args: &Options) -> Result<()> {
    ensure!(args.clock > 0.0 && args.clock.is_finite(), "--clock {}: give a period in ns", args.clock);
    let all = designs(&what.to_string_lossy(), what, scheme, args)?;
    let synthesis = Synthesis { part: args.part.clone(), clock_ns: args.clock };
    let several = all.len() > 1;
    for ready in &all {
        let dir = if several { out.join(&ready.design.name) } else { out.to_path_buf() };
        let checks = if args.check { checked(&dir, ready)? } else { vec![] };
        export::write(&dir, &ready.design, &ready.vectors, ready.interval, &synthesis, &checks)?;
        let dir = dir.display();
        print(&format!("{}: {dir}/README.md\nprove it: make -C {dir} csim icarus\n", ready.design.title))?;
    }
    Ok(())
}

/// Every simulator that is here has its say.
fn checked(dir: &Path, ready: &Ready) -> Result<Vec<export::Check>> {
    let mut checks = Vec::new();
    for simulator in SIMULATORS {
        if let Some(why) = simulator.missing() {
            eprintln!("{}: {why}", simulator.name);
            continue;
        }
        let check = export::check(simulator, dir, &ready.design, &ready.vectors)?;
        let cycles = check
            .verdict
            .interval
            .map_or(String::new(), |c| format!(", {c} cycles from frame to frame (formula: {})", ready.interval));
        eprintln!("{}: {} outputs, {} wrong{cycles}", simulator.name, check.verdict.outputs, check.verdict.wrong);
        checks.push(check);
    }
    Ok(checks)
}

fn designs(name: &str, path: &Path, scheme: Option<&str>, args: &Options) -> Result<Vec<Ready>> {
    let frames = args.frames as usize;
    if name.starts_with("mvau.") || name.starts_with("vvau.") {
        let given: Mvau = name.parse()?;
        let (tight, own) = Parameters::synthetic(&given, 1);
        // the accumulator of these numbers, unless the name says another
        let unit = if name.contains(".acc") { given } else { tight };
        ensure!(
            scheme.is_none() && args.interval.is_none(),
            "{name}: its name says its bits and its folding; leave --scheme and --interval out"
        );
        return Ok(vec![of_unit(&unit, &own, frames)?]);
    }
    let scheme = scheme::find(scheme.context("--scheme is missing; name a number format, such as w4a4")?)?;
    let interval =
        args.interval.context("--interval is missing; give the clock cycles from frame to frame, such as 1000")?;
    let network = if path.exists() { Network::read(path)? } else { Network::built_in(name)? };
    if let Some(trained) = Trained::load(&network)? {
        let stream = Stream::of(&network, &trained, &scheme, interval)?;
        let images = trained.test.x.iter().take(frames).map(|x| stream.frame(x)).collect();
        return Ok(vec![Ready {
            design: stream.chain.design()?,
            vectors: stream.chain.vectors(images),
            interval: stream.chain.interval(),
        }]);
    }
    let each = network.layers.iter().map(|layer| {
        let (chain, samples) = of_layer(layer, &LayerData::of(layer)?, &scheme, interval)?;
        let vectors = chain.vectors(samples.into_iter().take(frames).collect());
        Ok(Ready { design: chain.design()?, vectors, interval: chain.interval() })
    });
    each.collect()
}

fn of_unit(unit: &Mvau, own: &Parameters, frames: usize) -> Result<Ready> {
    let design = Design::of_unit(&symbol(&unit.to_string()), unit, own)?;
    Ok(Ready { design, vectors: unit_vectors(unit, own, frames, 2), interval: unit.interval() })
}
