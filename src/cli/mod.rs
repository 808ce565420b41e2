//! The command line: one file per verb.

mod layers;
mod progress;
mod report;
mod targets;
mod tune;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

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
    /// List the targets, or measure this machine's roofs
    Targets(targets::Args),
    /// List the built-in networks, or the layers of one
    Layers(layers::Args),
    /// Rebuild the tables and charts of a run from its records alone
    Report(report::Args),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  bitsmith completions bash > ~/.local/share/bash-completion/completions/bitsmith")]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line: 0 when done, 2 with one line on stderr when something was asked for that cannot be had.
pub fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if is_closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {}", one_line(&format!("{e:#}")));
            ExitCode::from(2)
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Tune(args) => tune::run(&args),
        Verb::Targets(args) => targets::run(&args),
        Verb::Layers(args) => layers::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bitsmith", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(())
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// `bitsmith layers | head` is no mistake.
fn is_closed_pipe(e: &anyhow::Error) -> bool {
    e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Prints to stdout; a reader that has gone is an error that `main` forgives.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
