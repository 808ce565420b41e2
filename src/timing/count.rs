//! How often each basic block of a kernel runs in one call: counted by running a copy of the compiler's own assembly in which
//! every block counts. What a block holds is the very code that is timed; what it does besides is not looked at.

use anyhow::{Context, Result, bail, ensure};

use super::blocks::{Block, split};
use crate::bench::Device;
use crate::bench::harness::{Failure, Harness};
use crate::bench::problem::Problem;
use crate::bench::session::time_limit;
use crate::candidate::Schedule;
use crate::emit::{self, Source};
use crate::native;
use crate::target::Family;

/// Blocks of one kernel that ran, and how often.
pub type Counts = Vec<(Block, u64)>;

/// Buffers of the harness.
const OUT: usize = 0;
const COLUMNS: usize = 1;
const LHS: usize = 2;
const RHS: usize = 3;
const TOLD: usize = 4;

/// The kernel of `native/count/count.c` that tells what was counted.
const TELL: &str = "bs_tell_counts";

/// Of each source what its blocks did in one call, or why that is not known.
/// # Errors
/// A batch that does not build.
pub fn counts(
    device: &Device,
    problem: &mut Problem,
    sources: &[(Schedule, Source)],
) -> Result<Vec<std::result::Result<Counts, String>>> {
    let texts: Vec<&Source> = sources.iter().map(|(_, s)| s).collect();
    let (assembly, blocks) = counted(device, &texts)?;
    let tell = Source { symbol: TELL.into(), header: String::new(), text: String::new(), work_bytes: 0 };
    let table = emit::table(&texts.iter().copied().chain([&tell]).collect::<Vec<_>>());
    let counter = format!("enum {{ BS_BLOCKS = {} }};\n#include \"count/count.c\"\n", blocks.len().max(1));
    let program = match device.builder.assembled(&assembly, &[table, counter])? {
        Ok(program) => program,
        Err(message) => bail!("kernels that count do not build: {message}"),
    };
    let told = sources.iter().enumerate().map(|(k, (schedule, _))| {
        let told = run(device, problem, &program, (k, schedule, sources.len()), blocks.len());
        told.map(|counts| blocks.iter().cloned().zip(counts).filter(|(_, n)| *n > 0).collect())
            .map_err(|e| format!("{e:#}").replace('\n', " "))
    });
    let told = told.collect();
    let _ = std::fs::remove_file(&program);
    Ok(told)
}

/// The kernels' assembly with counters, and its blocks.
fn counted(device: &Device, sources: &[&Source]) -> Result<(Vec<String>, Vec<Block>)> {
    let name = match device.target.family {
        Family::X86 => "count/x86.s",
        Family::Arm => "count/arm.s",
        Family::Fpga => bail!("nothing counts blocks of this family"),
    };
    let count = native::FILES.iter().find(|(n, _)| *n == name).map(|(_, text)| *text).context("no counting macro")?;
    let (mut texts, mut blocks) = (vec![], vec![]);
    // the halves that a checked program is built of
    let (first, second) = sources.split_at(sources.len().div_ceil(2));
    for half in [first, second].into_iter().filter(|h| !h.is_empty()) {
        let assembly = match device.builder.assembly(&emit::batch(half))? {
            Ok(assembly) => assembly,
            Err(message) => bail!("{message}"),
        };
        let (own, text) = split(&assembly, blocks.len());
        texts.push(format!("{count}{text}"));
        blocks.extend(own);
    }
    Ok((texts, blocks))
}

/// Runs one kernel once in a program of its own, so that one that fails costs only itself.
fn run(
    device: &Device,
    problem: &mut Problem,
    program: &std::path::Path,
    (kernel, schedule, tell): (usize, &Schedule, usize),
    blocks: usize,
) -> Result<Vec<u64>> {
    let limit = time_limit(problem.task.shape.macs()) * device.runner.patience() * 2;
    let mut harness = Harness::start(device.runner.command(program, 1)?, limit)?;
    let weights = problem.pack(schedule)?.to_vec();
    let input = problem.inputs.first().context("no operands")?;
    let out = problem.task.shape.out_len() * problem.task.out_width();
    let mut talk = || -> std::result::Result<Vec<u8>, Failure> {
        harness.alloc(OUT, out)?;
        harness.load(COLUMNS, &problem.columns)?;
        harness.load(LHS, &input.lhs)?;
        harness.load(RHS, &weights)?;
        harness.alloc(TOLD, blocks * 8)?;
        harness.bind(kernel, [LHS, RHS, COLUMNS, OUT], [input.zero, input.out_zero], 1)?;
        harness.bind(tell, [LHS, RHS, COLUMNS, TOLD], [0, 0], 1)?;
        harness.check(kernel, "right")?;
        harness.check(tell, "right")?;
        harness.dump()
    };
    let bytes = talk().map_err(|f| anyhow::anyhow!("counting: {f}"))?;
    ensure!(bytes.len() == blocks * 8, "counting: {} bytes of {blocks} counts", bytes.len());
    let (words, _) = bytes.as_chunks::<8>();
    Ok(words.iter().map(|w| u64::from_le_bytes(*w)).collect())
}
