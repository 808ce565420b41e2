//! `bitsmith emit`

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{print, read_plan};
use crate::bundle;
use crate::candidate::Name;
use crate::emit::Source;
use crate::host::Host;
use crate::record::Record;
use crate::run::Run;
use crate::scheme;
use crate::study::Plan;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bitsmith emit results/x86-avx2/2026-01-31-1\n  \
    bitsmith emit results/x86-avx2/2026-01-31-1 gemm.w8a8.avx2.dot.wide.b4x2.k2.staged.mn.c0x0x0.p0")]
pub struct Args {
    /// The folder of a run
    dir: PathBuf,
    /// A candidate of the run [default: the winners]
    candidate: Option<Name>,
}

pub fn run(args: &Args) -> Result<()> {
    let run = Run::load(&args.dir)?;
    let plan = read_plan(&args.dir)?;
    let wanted: Vec<&Record> = match &args.candidate {
        Some(name) => run.records.iter().filter(|r| r.candidate == name.to_string()).collect(),
        None => run.winners.iter().map(|w| &w.record).collect(),
    };
    if wanted.is_empty() {
        bail!("{}: no record of such a candidate; records.csv lists them", args.dir.display());
    }
    wanted.iter().try_for_each(|r| print(&format!("/* layer {} */\n{}\n", r.layer, source(&plan, r)?.text)))
}

/// The kernel of a record, emitted again.
fn source(plan: &Plan, record: &Record) -> Result<Source> {
    let Some(layer) = plan.layers.iter().find(|l| l.key() == record.layer) else {
        bail!("layer {} is not in study.json", record.layer);
    };
    let scheme = scheme::find(&record.scheme)?;
    let task = bundle::task(plan, layer, &scheme, Host::this().caches)?;
    task.emit(&record.schedule.parse()?)
}
