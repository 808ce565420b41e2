//! Which layers and number formats, under what conditions: what every verb that times kernels is told.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::candidate::{Contract, Regime};
use crate::data::LayerData;
use crate::layer::{Layer, Network, Shape};
use crate::nightly::DevicePlan;
use crate::scheme;
use crate::search;
use crate::study::{Budget, Plan};
use crate::target::Target;

#[derive(clap::Args)]
pub struct Choice {
    /// Built-in network; may be repeated
    #[arg(long = "network", value_name = "NET")]
    networks: Vec<String>,
    /// TOML file of layers (schema: docs/formats.md)
    #[arg(long, value_name = "FILE.toml")]
    layers: Option<PathBuf>,
    /// Matrix product: rows x outputs x inputs; may be repeated
    #[arg(long, value_name = "MxNxK")]
    gemm: Vec<String>,
    /// Convolution: input, output channels, window, stride, padding; may be repeated
    #[arg(long, value_name = "HxWxCxFxKHxKW[sS][pP]")]
    conv: Vec<String>,
    /// Number format; may be repeated [default: all that the contract has]
    #[arg(long = "scheme", value_name = "S")]
    schemes: Vec<String>,
    /// int8: u8 in, s32 out; f32io: f32 in and out, quantization inside the call
    #[arg(long, value_enum, default_value = "f32io")]
    contract: Contract,
    /// Threads of a kernel
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// What the caches hold when a call begins
    #[arg(long, value_enum, default_value = "hot")]
    regime: Regime,
}

/// What is tuned when nothing is named.
const DEFAULT_NETWORKS: [&str; 3] = ["digits", "tiny-kws", "bert-base"];
/// Seconds for each layer x scheme when no budget is given.
const DEFAULT_SECONDS: f64 = 5.0;

/// What is compared when no scheme is named.
const DEFAULT_SCHEMES: [&str; 2] = ["f32", "w8a8"];

impl Choice {
    /// What a plan of nights says of a device; its files are relative to `folder`.
    pub fn of(device: &DevicePlan, folder: &Path) -> Self {
        Self {
            networks: device.networks.clone(),
            layers: device.layers.as_ref().map(|file| folder.join(file)),
            gemm: device.gemm.clone(),
            conv: device.conv.clone(),
            schemes: device.schemes.clone(),
            contract: device.contract,
            threads: device.threads,
            regime: device.regime,
        }
    }

    /// The plan, of a model's own layers and those that are named, with the first strategy, seed 0 and the default budget.
    /// # Errors
    /// Names and shapes that are none, tensors that cannot be read.
    pub fn plan(&self, target: &Target, own: Vec<Layer>) -> Result<Plan> {
        let layers = self.layers(own)?;
        let schemes = self.schemes()?;
        ensure!(self.threads > 0, "--threads is 0; it must be at least 1");
        let jobs = layers.len() * schemes.len();
        Ok(Plan {
            target: target.clone(),
            layers,
            schemes,
            contract: self.contract,
            regime: self.regime,
            threads: self.threads,
            strategy: search::STRATEGIES[0].name.into(),
            seed: 0,
            budget: Budget::Seconds(DEFAULT_SECONDS * jobs as f64),
            learned_from: vec![],
            repeats: 0,
        })
    }

    /// The layers: a model's own and those that are named, else the built-in ones.
    /// # Errors
    /// Names and shapes that are none, tensors that cannot be read.
    pub fn layers(&self, own: Vec<Layer>) -> Result<Vec<Layer>> {
        let mut layers = own;
        for name in &self.networks {
            layers.extend(Network::built_in(name)?.layers);
        }
        if let Some(file) = &self.layers {
            let network = Network::read(file)?;
            network.layers.iter().filter(|l| l.has_tensors()).try_for_each(|l| LayerData::of(l).map(drop))?;
            layers.extend(network.layers);
        }
        for text in &self.gemm {
            let shape = Shape::parse_gemm(text).with_context(|| format!("--gemm {text}"))?;
            layers.push(Layer::of_shape(&format!("gemm-{text}"), shape));
        }
        for text in &self.conv {
            let shape = Shape::parse_conv(text).with_context(|| format!("--conv {text}"))?;
            layers.push(Layer::of_shape(&format!("conv-{text}"), shape));
        }
        if layers.is_empty() {
            for name in DEFAULT_NETWORKS {
                layers.extend(Network::built_in(name)?.layers);
            }
        }
        let mut keys = HashSet::new();
        layers.retain(|l| keys.insert(l.key())); // named twice, tuned once
        Ok(layers)
    }

    pub fn contract(&self) -> Contract {
        self.contract
    }

    /// Does it name layers?
    pub fn names_layers(&self) -> bool {
        !(self.networks.is_empty() && self.gemm.is_empty() && self.conv.is_empty()) || self.layers.is_some()
    }

    pub fn names_schemes(&self) -> bool {
        !self.schemes.is_empty()
    }

    /// The schemes, by their names.
    /// # Errors
    /// There is none of a name.
    pub fn schemes(&self) -> Result<Vec<String>> {
        let default: Vec<String> = DEFAULT_SCHEMES.iter().map(ToString::to_string).collect();
        let mut names: Vec<String> = Vec::new();
        for s in if self.schemes.is_empty() { &default } else { &self.schemes } {
            for scheme in scheme::matching(s)? {
                let name = scheme.to_string();
                let fits = !self.schemes.is_empty() || scheme.contracts().contains(&self.contract);
                if fits && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }
}
