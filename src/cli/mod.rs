//! The command line: one file per verb.

mod accuracy;
mod baseline;
mod choice;
mod choose;
mod compare;
mod convert;
mod design;
mod emit;
mod exchange;
mod export;
mod fpga;
mod history;
mod import;
mod judge;
mod layers;
mod model;
mod network;
mod nightly;
mod plan;
mod progress;
mod recover;
mod replay;
mod report;
mod schemes;
mod synth;
mod targets;
mod tune;
mod under;
mod whole;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::scheme::WrongName;
use crate::study::Plan;

/// Finds, proves and reports the best quantized kernel for every layer on this device.
#[derive(Parser)]
#[command(name = "bitsmith", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  bitsmith tune                                  the built-in layers, on this CPU
  bitsmith tune --gemm 512x512x512 --budget 60s  one matrix product, for a minute
  bitsmith tune --network resnet50 --scheme w8a8 --budget 10m
  bitsmith report results/x86-avx2/2026-01-31-1  tables and charts again, from the records alone
  bitsmith targets                               what this machine can run, and why not the rest";

#[derive(Subcommand)]
enum Verb {
    /// Tune layers on a target: search, check, race, record, report
    Tune(Box<tune::Args>),
    /// Time a peer, such as ONNX Runtime or oneDNN, beside the winners of a run
    Baseline(Box<baseline::Args>),
    /// How wrong each number format is on each layer and network
    Accuracy(accuracy::Args),
    /// Train a built-in network to live with a scheme: quantization-aware, taught by the float network, averaged
    Recover(recover::Args),
    /// Read a model (ONNX, TFLite): its layers, its quantization, and what of it is not understood
    Import(import::Args),
    /// Choose one scheme per layer from a table of costs, within limits: the exact optimum
    Plan(plan::Args),
    /// Synthesize, prove, place and route designs for an FPGA with open tools
    Synth(synth::Args),
    /// List number formats, and how their names are made
    Schemes(schemes::Args),
    /// List the targets, or measure this machine's roofs
    Targets(targets::Args),
    /// List the built-in networks, or the layers of one
    Layers(layers::Args),
    /// Play search strategies against recorded spaces, without a device
    Replay(replay::Args),
    /// Hold the model of times against runs that were measured on this machine: how far off is it?
    Judge(judge::Args),
    /// Rebuild tables and charts of runs from their records alone, or compare runs on one page
    Report(report::Args),
    /// Is NEW slower than BASE? Exit code 0: no, 1: yes, 3: not enough evidence
    Compare(compare::Args),
    /// Write the winners of a run in a format that other tools read
    Convert(convert::Args),
    /// Tune every device of a plan, one after another, and say whether anything is slower than in the nights before
    Nightly(nightly::Args),
    /// Night by night: how the times of each layer went, where they changed, and what changed with them
    History(history::Args),
    /// Print the C of a run's winners, or of any of its candidates
    Emit(emit::Args),
    /// Write what gets deployed: the chosen kernels as C with a build and a proof, or a quantized model as ONNX, GGUF or safetensors
    Export(export::Args),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  bitsmith completions bash > ~/.local/share/bash-completion/completions/bitsmith"
    )]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line: 0 when done, 2 with one line on stderr (and a pointer into a wrong name) when something was asked for that cannot be had.
pub fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => run(cli.verb),
        Err(e) if e.use_stderr() && !matches!(e.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) => Err(
            anyhow!("{}", e.to_string().split("\n\nUsage").next().unwrap_or_default().trim_start_matches("error: ")),
        ),
        Err(e) => e.exit(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if is_closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) if e.is::<Ended>() => ExitCode::from(e.downcast_ref::<Ended>().map_or(2, |ended| ended.0)),
        Err(e) => {
            eprintln!("error: {}", one_line(&format!("{e:#}")));
            if let Some(wrong) = e.downcast_ref::<WrongName>() {
                eprintln!("{}", wrong.pointer());
            }
            ExitCode::from(2)
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Tune(args) => tune::run(&args),
        Verb::Baseline(args) => baseline::run(&args),
        Verb::Accuracy(args) => accuracy::run(&args),
        Verb::Recover(args) => recover::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Plan(args) => plan::run(&args),
        Verb::Synth(args) => synth::run(&args),
        Verb::Schemes(args) => schemes::run(&args),
        Verb::Targets(args) => targets::run(&args),
        Verb::Layers(args) => layers::run(&args),
        Verb::Judge(args) => judge::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Convert(args) => convert::run(&args),
        Verb::Nightly(args) => nightly::run(&args),
        Verb::History(args) => history::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Emit(args) => emit::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bitsmith", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(())
        }
    }
}

/// Not a mistake: the verb did what it was asked to, and this exit code is its answer.
#[derive(Debug)]
struct Ended(u8);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit code {}", self.0)
    }
}

impl std::error::Error for Ended {}

impl Ended {
    fn with(code: u8) -> Result<()> {
        if code == 0 { Ok(()) } else { Err(Self(code).into()) }
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("; ")
}

/// `bitsmith layers | head` is no mistake.
fn is_closed_pipe(e: &anyhow::Error) -> bool {
    e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What a run was asked to do.
fn read_plan(dir: &Path) -> Result<Plan> {
    let path = dir.join("study.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} holds no run: no study.json", dir.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// Prints to stdout; a reader that has gone is an error that `main` forgives.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Set by Ctrl-C or a termination signal; a second one ends the program at once.
fn stop_flag() -> Result<&'static AtomicBool> {
    static STOP: OnceLock<AtomicBool> = OnceLock::new();
    let stop = STOP.get_or_init(|| AtomicBool::new(false));
    ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping after this batch; again to stop at once");
    })
    .context("cannot catch Ctrl-C")?;
    Ok(stop)
}

/// `<root>/<date>-<n>`, which no run has used yet.
fn new_run_folder(root: &Path) -> Result<PathBuf> {
    let date = jiff::Timestamp::now().to_string();
    fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
    for n in 1.. {
        let dir = root.join(format!("{}-{n}", &date[..10]));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e).with_context(|| format!("cannot create {}", dir.display())),
        }
    }
    unreachable!("there is always another number")
}
