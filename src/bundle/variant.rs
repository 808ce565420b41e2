//! The kernels of one target, each with its packed weights.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::Deployed;
use crate::emit::Source;
use crate::host::Caches;
use crate::kernel::Task;
use crate::kernel::layout::Layout;
use crate::layer::Layer;
use crate::record::Record;
use crate::run::Run;
use crate::scheme::{self, Scheme};
use crate::study::Plan;
use crate::target::{Evidence, RunnerKind, TARGETS, Target};

/// What of a bundle is one target's.
pub struct Variant {
    /// What it is deployed to: of an emulated target the one whose instructions it emulates.
    pub target: Target,
    /// The CPU that chose the kernels; empty where they were emulated.
    pub cpu: String,
    /// In the order of the layers.
    pub kernels: Vec<Kernel>,
    /// Packed weights and columns of all kernels.
    pub blob: Vec<u8>,
}

/// One layer's kernel on one target.
pub struct Kernel {
    pub record: Record,
    pub source: Source,
    /// Where in the blob.
    pub weights: std::ops::Range<usize>,
    pub columns: std::ops::Range<usize>,
    /// How its weights are packed, where `pack.h` can do it.
    pub layout: Option<Layout>,
    pub median_ns: Option<f64>,
    pub ci_ns: Option<(f64, f64)>,
}

/// Sections of a blob begin at multiples of this.
const ALIGN: usize = 64;

impl Variant {
    /// # Errors
    /// A layer without a right kernel, or a kernel that this program would write differently now.
    pub fn of(run: &Run, plan: &Plan, scheme: &str, layers: &[Deployed]) -> Result<Self> {
        let caches = run.provenance.as_ref().map_or(Caches::default(), |p| p.host.caches);
        let measures = plan.target.runner.evidence == Evidence::Measured;
        let cpu = run.provenance.as_ref().filter(|_| measures).map_or(String::new(), |p| p.host.cpu.clone());
        let mut variant = Self { target: deployed_to(&plan.target)?, cpu, kernels: vec![], blob: vec![] };
        // weights may be pruned, kernels are dense
        let kernels = scheme::find(scheme)?.on_device().without_idle();
        let name = kernels.to_string();
        for deployed in layers {
            let key = deployed.layer.key();
            let winner = run.winners.iter().find(|w| w.record.layer == key && w.record.scheme == name);
            let winner = winner.with_context(|| format!("layer {key} has no right kernel of {scheme}"))?;
            let task = task(plan, &deployed.layer, &kernels, caches)?;
            let schedule = winner.record.schedule.parse()?;
            let source = task.emit(&schedule)?;
            ensure!(
                source.hash() == winner.record.source_hash,
                "layer {key}: this version writes the kernel {} differently than the one that was measured; tune again",
                winner.record.candidate
            );
            let weights = variant.section(&task.pack(&schedule, &deployed.quantized.weights)?);
            let columns = variant.section(&deployed.columns(&task));
            let symbol = format!("{}_{}", c_name(&deployed.layer.name), c_name(&variant.target.name));
            let text = source.text.replace(&source.symbol, &symbol);
            variant.kernels.push(Kernel {
                source: Source { symbol, text, ..source },
                record: winner.record.clone(),
                weights,
                columns,
                layout: task.layout(&schedule)?,
                median_ns: winner.median_ns,
                ci_ns: winner.ci_ns,
            });
        }
        Ok(variant)
    }

    fn section(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        self.blob.resize(self.blob.len().next_multiple_of(ALIGN), 0);
        let from = self.blob.len();
        self.blob.extend(bytes);
        from..self.blob.len()
    }

    /// Targets later in the registry have more instructions; a user's own come before all of them.
    pub fn rank(&self) -> usize {
        TARGETS.iter().position(|(name, _)| *name == self.target.name).unwrap_or(TARGETS.len())
    }
}

fn deployed_to(target: &Target) -> Result<Target> {
    if target.runner.evidence == Evidence::Measured {
        return Ok(target.clone());
    }
    let native = |t: &Target| {
        (&t.isa, t.runner.kind) == (&target.isa, RunnerKind::Host) && t.runner.evidence == Evidence::Measured
    };
    let found = Target::all()?.into_iter().find(native);
    found.with_context(|| format!("{} is emulated, and no target has its instructions ({})", target.name, target.isa))
}

/// What a plan asks of a layer's kernels.
/// # Errors
/// A target with no such instruction set.
pub fn task(plan: &Plan, layer: &Layer, scheme: &Scheme, caches: Caches) -> Result<Task> {
    Ok(Task {
        shape: layer.shape,
        relu: layer.relu,
        scheme: scheme.clone(),
        contract: plan.contract,
        isa: Arc::new(plan.target.isa()?),
        threads: plan.threads,
        caches,
    })
}

/// A name that C takes.
pub fn c_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
