//! `bitsmith tune --model`: the chosen network as one program on the device, predicted beside measured; where they differ, the
//! choice is made again by times that were taken within networks.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::model::{FLOAT, Loaded};
use crate::assign::{Assignment, Costs};
use crate::bench::Device;
use crate::bench::build::cache_folder;
use crate::candidate::Contract;
use crate::kernel::Task;
use crate::model::program::Program;
use crate::model::{Model, ModelLayer};
use crate::quantized::QuantizedLayer;
use crate::report::format;
use crate::run::{Run, write_file};
use crate::scheme;
use crate::study::{Job, Plan, parts};
use crate::whole::measure::{Case, How, Measured, NetworkTime, StepTime, measure};
use crate::whole::{Chosen, Kind, Whole};

/// Seconds of one program.
const SECONDS: f64 = 2.0;
/// Samples that a network is checked with.
const CASES: usize = 8;

/// Measures networks of one run.
pub struct Bench<'a> {
    loaded: &'a Loaded,
    plan: &'a Plan,
    run: &'a Run,
    dir: &'a Path,
    /// Inputs of each layer on the calibration samples.
    samples: &'a [Vec<Vec<f32>>],
    /// Samples that networks are checked with.
    inputs: &'a [Vec<f32>],
    device: Device,
    rows: Vec<NetworkTime>,
    steps: Vec<StepTime>,
}

/// A layer under its scheme, by its node.
type Layer = (usize, Arc<QuantizedLayer>);

/// The scheme that an assignment gives a layer.
fn scheme_in<'s>(assignment: &'s Assignment, layer: &str) -> &'s str {
    assignment.schemes.iter().find(|(name, _)| name == layer).map_or(FLOAT, |c| c.1.as_str())
}

/// What a layer takes within the networks that were measured.
fn middle(times: &[f64]) -> Option<f64> {
    (!times.is_empty()).then(|| crate::stats::median(times))
}

impl<'a> Bench<'a> {
    /// # Errors
    /// A device that cannot be reached.
    pub fn open(
        loaded: &'a Loaded,
        (plan, run, dir): (&'a Plan, &'a Run, &'a Path),
        samples: &'a [Vec<Vec<f32>>],
        inputs: &'a [Vec<f32>],
    ) -> Result<Self> {
        let device = Device::open(plan.target.clone(), &cache_folder()?)?;
        device.has_cpus(plan.threads)?;
        let inputs = &inputs[..inputs.len().min(CASES)];
        Ok(Self { loaded, plan, run, dir, samples, inputs, device, rows: vec![], steps: vec![] })
    }

    /// The kernels of an assignment, each as it won, with the layers' own weights; and these layers, by their nodes.
    fn kernels(&self, assignment: &Assignment) -> Result<(Vec<Chosen>, Vec<Layer>)> {
        let layers = &self.loaded.layers;
        let (mut all, mut whole) = (Vec::new(), Vec::new());
        for (i, l) in layers.iter().enumerate() {
            let name = scheme_in(assignment, &l.layer.name);
            let same = |o: &&crate::model::ModelLayer| (o.layer.shape, o.layer.relu) == (l.layer.shape, l.layer.relu);
            let jobs = parts(&layers.iter().find(same).unwrap_or(l).layer, name);
            let quantized =
                Arc::new(self.loaded.quantize(i, &scheme::find(name)?, self.plan.contract, self.samples)?);
            let run_as = quantized.parts().map_or_else(|| vec![quantized.clone()], |both| both.to_vec());
            ensure!(run_as.len() == jobs.len(), "layer {} is {} under {name}", l.layer.name, jobs.len());
            for (part, (job, own)) in jobs.iter().zip(run_as).enumerate() {
                all.push(self.kernel(l, job, own, (part, jobs.len()))?);
            }
            if name != FLOAT {
                whole.push((l.node, quantized));
            }
        }
        Ok((all, whole))
    }

    /// The kernel of a layer, or of one of the parts that it runs as.
    fn kernel(
        &self,
        l: &ModelLayer,
        job: &Job,
        quantized: Arc<QuantizedLayer>,
        (part, of): (usize, usize),
    ) -> Result<Chosen> {
        let (key, dense) = (job.layer.key(), scheme::find(&job.scheme)?);
        let won = self.run.winners.iter().find(|w| w.record.layer == key && w.record.scheme == job.scheme);
        let won = won.with_context(|| format!("layer {key} has no right kernel of {}", job.scheme))?;
        let task = Task {
            shape: job.layer.shape,
            relu: job.layer.relu,
            scheme: dense,
            contract: self.plan.contract,
            isa: self.device.isa.clone(),
            threads: self.plan.threads,
            caches: self.device.caches(),
        };
        let schedule = won.record.schedule.parse()?;
        let hash = task.emit(&schedule)?.hash();
        let candidate = &won.record.candidate;
        ensure!(
            hash == won.record.source_hash,
            "layer {key}: this version writes {candidate} differently than the one that was measured; tune again"
        );
        let layer = if of == 1 { l.layer.name.clone() } else { format!("{}.{}", l.layer.name, part + 1) };
        Ok(Chosen { node: l.node, layer, task, schedule, quantized })
    }

    /// What the reference makes of the samples, and how far a right network may be from it: not at all where both compute the
    /// same; else no more than a quarter of what the schemes themselves change, as roundings may put a number on the next code.
    fn cases(&self, float: &Program, layers: Vec<Layer>, exact: bool) -> Result<Vec<Case>> {
        let mut program = float.clone();
        layers.into_iter().for_each(|(node, layer)| program.set(node, layer));
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0f32, |m, (x, y)| m.max((x - y).abs()));
        let case = |x: &Vec<f32>| {
            let (right, plain) = (program.run(x)?, float.run(x)?);
            let most = right.iter().fold(0f32, |m, v| m.max(v.abs()));
            let bound = if exact { 0.0 } else { (1e-4 * most).max(0.25 * far(&right, &plain)) };
            Ok(Case { input: x.clone(), right, bound })
        };
        self.inputs.iter().map(case).collect()
    }

    /// Builds, checks and times the network of an assignment, and writes what came of it to `network.csv` and `steps.csv`.
    /// # Errors
    /// A device that is lost; files that cannot be written. A network that fails is a row.
    pub fn measure(&mut self, label: &str, assignment: &Assignment, float: &Program) -> Result<Measured> {
        let model: &Model = &self.loaded.model;
        let (chosen, layers) = self.kernels(assignment)?;
        let whole = Whole::new(model, &chosen)?;
        let cases = self.cases(float, layers, whole.exact)?;
        let how = How {
            regime: self.plan.regime,
            threads: self.plan.threads,
            sessions: self.plan.repeats + 1,
            seconds: SECONDS,
            seed: self.plan.seed,
            macs: model.macs(),
        };
        let cache = cache_folder()?;
        let _lock = self.device.lock(&cache, |text| eprintln!("{text}"))?;
        let got = measure(&self.device, &whole, &cases, &how)?;
        self.note(label, &chosen, &whole, &got, &how);
        self.write()?;
        Ok(got)
    }

    fn note(&mut self, label: &str, chosen: &[Chosen], whole: &Whole, got: &Measured, how: &How) {
        let timed = got.rounds > 0;
        let some = |v: f64| timed.then_some((v * 100.0).round() / 100.0);
        let share = |v: f64| timed.then_some((v * 1e4).round() / 1e4);
        let ((layers, in_layers), (glue, in_glue)) = (got.sums(whole, true), got.sums(whole, false));
        self.rows.push(NetworkTime {
            network: self.loaded.model.graph.name.clone(),
            assignment: label.into(),
            target: self.device.target.name.clone(),
            regime: how.regime,
            threads: how.threads,
            outcome: got.outcome,
            evidence: self.device.target.runner.evidence,
            checked: got.checked,
            exact: whole.exact,
            worst_error: got.worst,
            sessions: if timed { how.sessions } else { 0 },
            rounds: got.rounds,
            median_ns: some(got.whole.ns),
            ci_low_ns: some(got.whole.low),
            ci_high_ns: some(got.whole.high),
            predicted_ns: some(got.alone.ns),
            predicted_low_ns: some(got.alone.low),
            predicted_high_ns: some(got.alone.high),
            ratio: share(got.ratio.ns),
            ratio_low: share(got.ratio.low),
            ratio_high: share(got.ratio.high),
            layers_ns: some(layers),
            glue_ns: some(glue),
            layers_in_place_ns: some(in_layers),
            glue_in_place_ns: some(in_glue),
            arena_bytes: whole.arena_bytes,
            weight_bytes: whole.weights.len() + whole.columns.len(),
            source_hash: whole.sources[0].hash(),
            compiler: self.device.builder.id.clone(),
            host: self.device.host.fingerprint(),
            message: got.message.replace('\n', " "),
        });
        for (step, (alone, in_place)) in whole.steps.iter().zip(&got.steps) {
            let of = |kind: &Kind| match kind {
                Kind::Kernel(i) => {
                    let c = &chosen[*i];
                    let name = c.task.name(&c.schedule).map_or_else(|_| String::new(), |n| n.to_string());
                    ("kernel".to_string(), c.task.scheme.to_string(), name)
                }
                Kind::Glue(op) => (op.clone(), String::new(), String::new()),
            };
            let (kind, scheme, candidate) = of(&step.kind);
            let short = |v: f64| (v * 100.0).round() / 100.0;
            let (alone_ns, in_place_ns) = (short(*alone), short(*in_place));
            let (assignment, step) = (label.into(), step.name.clone());
            self.steps.push(StepTime { assignment, step, kind, scheme, candidate, alone_ns, in_place_ns });
        }
    }

    fn write(&self) -> Result<()> {
        write_table(&self.dir.join("network.csv"), &self.rows)?;
        write_table(&self.dir.join("steps.csv"), &self.steps)
    }

    /// The latest row of an assignment.
    pub fn last_of(&self, label: &str) -> Option<&NetworkTime> {
        self.rows.iter().rfind(|r| r.assignment == label)
    }

    pub fn last(&self) -> Option<&NetworkTime> {
        self.rows.last()
    }

    /// The costs with times as they are within networks. A choice that was in none is scaled by what the others of its scheme
    /// became, or by what all became.
    pub fn in_place(&self, costs: &Costs, latency: usize) -> Costs {
        let kernels = || self.steps.iter().filter(|s| s.kind == "kernel");
        let ratios = |scheme: Option<&str>| -> Vec<f64> {
            let of = kernels().filter(|s| scheme.is_none_or(|n| n == s.scheme) && s.alone_ns > 0.0);
            of.map(|s| s.in_place_ns / s.alone_ns).collect()
        };
        let mut new = costs.clone();
        for row in &mut new.rows {
            let own: Vec<f64> = kernels()
                .filter(|s| (&s.step, &s.scheme) == (&row.layer, &row.scheme))
                .map(|s| s.in_place_ns)
                .collect();
            let by = || middle(&ratios(Some(&row.scheme))).or_else(|| middle(&ratios(None))).unwrap_or(1.0);
            row.costs[latency] = middle(&own).unwrap_or_else(|| row.costs[latency] * by());
        }
        new
    }
}

/// Writes a table anew.
pub fn write_table<T: Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    write_file(path, &String::from_utf8_lossy(&bytes))
}

/// All layers under one scheme, where each has it.
pub fn uniform(costs: &Costs, scheme: &str) -> Option<Assignment> {
    let layers = costs.layers();
    let of = |l: &&str| costs.rows.iter().any(|r| r.layer == **l && r.scheme == scheme);
    let schemes = || layers.iter().map(|l| (l.to_string(), scheme.to_string())).collect();
    layers.iter().all(of).then(|| Assignment::priced(costs, schemes()))
}

/// What the network took, in a few lines.
pub fn text(row: &NetworkTime) -> String {
    let time = |v: Option<f64>| v.map_or("-".into(), format::time);
    let share = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.3}"));
    if !row.outcome.right() {
        return format!("the network as one program ({}): {:?}: {}\n", row.assignment, row.outcome, row.message);
    }
    let equal = if row.exact { "equal to the bit" } else { "within the bound of its roundings" };
    let checked = format!("{} samples checked, {equal}", row.checked);
    if row.median_ns.is_none() {
        return format!(
            "the network as one program ({}): {}, {checked}; no times here\n",
            row.assignment,
            row.evidence.name()
        );
    }
    let agrees = match (row.ratio_low, row.ratio_high) {
        (Some(low), Some(high)) if low > 1.0 || high < 1.0 => "they differ by more than their interval",
        _ => "they agree within their interval",
    };
    format!(
        "the network as one program ({}): {} ({} - {}), {}, {}, {} sessions; {checked}\n  predicted by its steps alone: {} ({} - {}); measured / predicted {} ({} - {}): {agrees}\n  kernels {} alone, {} in place; between them {} alone, {} in place: plain C, which nothing tuned\n",
        row.assignment,
        time(row.median_ns),
        time(row.ci_low_ns),
        time(row.ci_high_ns),
        row.evidence.name(),
        row.regime.name(),
        row.sessions,
        time(row.predicted_ns),
        time(row.predicted_low_ns),
        time(row.predicted_high_ns),
        share(row.ratio),
        share(row.ratio_low),
        share(row.ratio_high),
        time(row.layers_ns),
        time(row.layers_in_place_ns),
        time(row.glue_ns),
        time(row.glue_in_place_ns)
    )
}

/// Why a contract has no network yet, if so.
pub fn why_not(contract: Contract) -> Option<&'static str> {
    (contract != Contract::F32io)
        .then_some("the network is not built as one program: only kernels that take and give f32 (--contract f32io) are put together yet\n")
}
