//! What a run on an FPGA was asked to do: written to `fpga.json`, read again by `--resume`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::fpga::device::Device;
use crate::layer::Layer;

/// Everything that decides what a run does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub device: Device,
    pub layers: Vec<Layer>,
    pub schemes: Vec<String>,
    /// Seconds that the run may take.
    pub seconds: f64,
    /// Seeds of place and route.
    pub seeds: u64,
    /// Share of all samples that a network with labels may lose of its top-1, for a scheme to be chosen.
    pub max_drop: f64,
}

/// Where a plan is written in the folder of its run.
pub const FILE: &str = "fpga.json";

impl Plan {
    /// # Errors
    /// A folder that holds none, or a damaged one.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} holds no run on an FPGA: no {FILE}", dir.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }
}
