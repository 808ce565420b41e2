//! `bitsmith export`

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use super::{design, exchange, print, read_plan};
use crate::bundle::Bundle;
use crate::exchange::FILES;
use crate::run::Run;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bitsmith export results/x86-avx2/2026-01-31-1 --scheme w8a8 --out deploy\n  \
    bitsmith export results/x86-avx2/2026-01-31-1 results/arm-dotprod/2026-01-31-1 --scheme w4a8 --out deploy\n  \
    bitsmith export results/x86-avx2/2026-01-31-1 --to onnx --out model.onnx     the network that `tune --model` chose\n  \
    bitsmith export model.onnx --to onnx --scheme w8a8 --contract qdq --data x.npy --out quantized.onnx\n  \
    bitsmith export model.gguf --to gguf --scheme q4_0 --out small.gguf\n  \
    bitsmith export model.safetensors --to compressed-tensors --scheme w4a16g32 --out folder\n  \
    bitsmith export digits --scheme w4a4 --interval 600 --check --out digits\n  \
    bitsmith export mvau.w8a8.r32c64.pe4.simd8.shift8 --check --out unit")]
pub struct Args {
    /// The folder of a run, or its profile.toml; runs of the same layers on other targets go into the same bundle. Or a
    /// design for FPGAs: a unit by its name, a built-in network, a file of layers. With --to also a model of your own: .onnx,
    /// .tflite, .safetensors, .gguf
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The number format to deploy [default: the only one of the run]
    #[arg(long, value_name = "S")]
    scheme: Option<String>,
    /// bundle: C that needs libc alone; or a quantized model for other stacks: onnx, gguf, compressed-tensors
    #[arg(long, value_name = "FORMAT", default_value = "bundle",
        value_parser = PossibleValuesParser::new(["bundle"].into_iter().chain(FILES.iter().map(|f| f.name))))]
    to: String,
    /// What every name in C begins with
    #[arg(long, value_name = "NAME", default_value = "kernels")]
    name: String,
    /// Folder to write; of onnx and gguf a file
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    exchange: exchange::ModelOptions,
    #[command(flatten)]
    design: design::Options,
}

pub fn run(args: &Args) -> Result<()> {
    if let Some(format) = FILES.iter().find(|f| f.name == args.to) {
        return exchange::run(&args.runs, format, args.scheme.as_deref(), &args.out, &args.exchange);
    }
    args.exchange.refuse()?;
    if let [one] = &args.runs[..]
        && design::is_design(one)
    {
        return design::run(one, args.scheme.as_deref(), &args.out, &args.design);
    }
    let mut runs = Vec::new();
    for given in &args.runs {
        let profile = given.file_name().is_some_and(|name| name == "profile.toml");
        let dir = if profile { given.parent().map_or_else(PathBuf::new, PathBuf::from) } else { given.clone() };
        let dir = if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir };
        runs.push((Run::load(&dir)?, read_plan(&dir)?));
    }
    let bundle = Bundle::of(&args.name, &runs, args.scheme.as_deref())?;
    bundle.write(&args.out)?;
    let targets: Vec<&str> = bundle.variants.iter().map(|v| v.target.name.as_str()).collect();
    let out = args.out.display();
    print(&format!(
        "{} layers for {}: {out}/README.md\nprove it: cmake -S {out} -B {out}/build && cmake --build {out}/build && ctest --test-dir {out}/build\n",
        bundle.layers.len(),
        targets.join(", ")
    ))
}
