//! `bitsmith targets` and `bitsmith targets probe`

use anyhow::{Result, ensure};
use serde_json::json;

use super::print;
use crate::bench::build::cache_folder;
use crate::bench::probe::{self, Roofs};
use crate::bench::{Device, counters::Counters};
use crate::fpga::device::Device as Fpga;
use crate::target::{Evidence, RunnerKind, Target};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bitsmith targets\n  bitsmith targets probe\n  bitsmith targets probe x86-avx2 --json"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// One JSON document on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Measure this machine's roofs for a target: multiply-accumulates per second, reading speeds, clock
    Probe {
        /// A target's name, or its TOML file
        #[arg(default_value = "host")]
        target: String,
        /// Threads that read at once
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
}

pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        None => list(args.json),
        Some(Verb::Probe { target, threads }) => probe(target, *threads, args.json),
    }
}

fn list(as_json: bool) -> Result<()> {
    let best = Target::host().ok().map(|t| t.name);
    let targets = Target::all()?;
    if as_json {
        let all = targets.iter().map(|t| {
            json!({
                "target": t.name, "title": t.title, "family": t.family, "isa": t.isa, "requires": t.requires,
                "evidence": t.runner.evidence, "runner": t.runner.kind,
                "runs_here": t.missing().is_none() && t.runner.kind != RunnerKind::Ssh, "why_not": t.missing(),
                "host": best.as_deref() == Some(&t.name),
            })
        });
        let document = json!({ "targets": all.collect::<Vec<_>>(), "fpgas": Fpga::all()? });
        return print(&format!("{}\n", serde_json::to_string_pretty(&document)?));
    }
    let mut text = String::new();
    let wide = targets.iter().map(|t| t.name.len()).max().unwrap_or(0) + 2;
    for t in &targets {
        let state = match (t.missing(), t.runner.evidence) {
            (Some(why), _) => why,
            (None, _) if best.as_deref() == Some(&t.name) => "runs here; `host` is this one".into(),
            (None, Evidence::Measured) if t.runner.kind == RunnerKind::Ssh => {
                format!("measured over ssh, on the host `{}` of your ssh configuration", t.runner.host)
            }
            (None, Evidence::Measured) => "runs here".into(),
            (None, _) if t.model.is_some() => "runs here, emulated: answers are checked, times modelled".into(),
            (None, _) => "runs here, emulated: answers are checked, no times".into(),
        };
        text += &format!("{:<wide$}{}\n{:<wide$}  {}\n", t.name, state, "", t.title);
    }
    for d in Fpga::all()? {
        let open = if d.fabric().route.is_some() { "cells and clock" } else { "cells, no clock" };
        text +=
            &format!("{:<wide$}FPGA: {open}, by `bitsmith synth`\n{:<wide$}  {}: {}\n", d.name, "", d.title, d.total);
    }
    print(&text)
}

fn probe(name: &str, threads: usize, as_json: bool) -> Result<()> {
    let target = Target::find(name)?;
    ensure!(threads > 0, "--threads is 0; it must be at least 1");
    ensure!(
        target.runner.evidence == Evidence::Measured,
        "target {name} is emulated and has no roofs; probe the target that this CPU has"
    );
    let cache = cache_folder()?;
    let device = Device::open(target, &cache)?;
    let _lock = device.lock(&cache, |text| eprintln!("{text}"))?;
    let roofs = probe::measure(&device, &cache, threads)?;
    if as_json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&roofs)?));
    }
    print(&table(&roofs, &device))
}

fn table(r: &Roofs, device: &Device) -> String {
    let (host, per_cycle) = (&device.host, |x: f64| x / 1e9 / r.clock_ghz);
    let counters = Counters::why_not().map_or("available".into(), |why| format!("none ({why}): times only"));
    let macs = &r.macs_per_s;
    let others = [
        ("int8 in tiles", macs.tiles),
        ("int4 by chain16", macs.chain16),
        ("bits by bitserial", macs.binary),
        ("2 bits by lut", macs.tables),
    ];
    let row = |(name, rate): (&str, f64)| {
        format!("  {name:<18} {:.1} GMAC/s ({:.1} per cycle)\n", rate / 1e9, per_cycle(rate))
    };
    let others: String = others.into_iter().filter(|(_, rate)| *rate > 0.0).map(row).collect();
    format!(
        "{} on {}\n  compiler           {}\n  clock              {:.3} GHz\n  int8 products      {:.1} GMAC/s ({:.1} per cycle)\n  \
         f32 products       {:.1} GMAC/s ({:.1} per cycle)\n{others}  reading, {} thread{}  L1 {:.1}, L2 {:.1}, L3 {:.1}, memory {:.1} GB/s\n  \
         timer resolution   {} ns\n  hardware counters  {counters}\n",
        r.target,
        host.cpu,
        r.compiler,
        r.clock_ghz,
        r.macs_per_s.int8 / 1e9,
        per_cycle(r.macs_per_s.int8),
        r.macs_per_s.f32 / 1e9,
        per_cycle(r.macs_per_s.f32),
        r.threads,
        if r.threads == 1 { " " } else { "s" },
        r.read_gb_per_s.l1,
        r.read_gb_per_s.l2,
        r.read_gb_per_s.l3,
        r.read_gb_per_s.memory,
        r.timer_ns,
    )
}
