//! ONNX Runtime, by its Python package.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Adapter;
use crate::bench::build::kept;

pub const ADAPTER: Adapter = Adapter {
    name: "onnxruntime",
    remedy: "`pip install onnxruntime onnx numpy`, and where that is not the Python of `python3`, name it by BITSMITH_PYTHON",
    command,
};

fn command(cache: &Path, _threads: usize) -> Result<Command> {
    let script = kept(cache, "baseline.py", include_str!("../../../native/baselines/onnxruntime.py"))?;
    let python = std::env::var_os("BITSMITH_PYTHON").filter(|p| !p.is_empty());
    let mut command = Command::new(python.unwrap_or_else(|| "python3".into()));
    command.arg(script);
    Ok(command)
}
