//! One row of `fpga.csv`: what is known of a design on a device, by one class of evidence. Columns: `docs/formats.md`.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Evidence;
use super::chain::{Chain, Stage};
use super::device::Device;
use super::ir::Mvau;
use super::resources::Resources;
use super::synth::Figures;
use crate::record::Outcome;

/// Rows of different evidence are never ranked against each other. An empty cell is unknown, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Empty where a design was synthesized for itself.
    pub layer: String,
    pub scheme: String,
    /// The unit's name, which says all about it.
    pub design: String,
    pub device: String,
    pub evidence: Evidence,
    /// None of a modelled design, which nobody has run.
    pub outcome: Option<Outcome>,
    /// Vectors of one call of the layer.
    pub vectors: u64,
    /// Clock cycles from vector to vector.
    pub interval: u64,
    /// Clock cycles of one call: by the formula where modelled, else that formula as simulation confirmed it.
    pub cycles: Option<u64>,
    /// Median over the seeds of place and route, with the least and the greatest.
    pub fmax_mhz: Option<f64>,
    pub fmax_low: Option<f64>,
    pub fmax_high: Option<f64>,
    pub seeds: usize,
    pub lut: Option<u64>,
    pub ff: Option<u64>,
    pub bram: Option<u64>,
    pub dsp: Option<u64>,
    pub uram: Option<u64>,
    /// Share of what the device's margins allow, of that of which most is taken.
    pub share: Option<f64>,
    /// One call, cycles at the median clock.
    pub call_ns: Option<f64>,
    /// 1e9 multiply-accumulates per second.
    pub gmacs: Option<f64>,
    /// Versions of what made the figures.
    pub tools: String,
    /// Seconds that it took.
    pub seconds: f64,
    pub message: String,
    /// Hash of the RTL and of the C++ with all numbers; of designs that were tuned.
    #[serde(default)]
    pub source: String,
    /// Seconds since the run began.
    #[serde(default)]
    pub at_s: Option<f64>,
}

impl Row {
    pub fn resources(&self) -> Resources {
        Resources::of([self.lut, self.ff, self.bram, self.dsp, self.uram])
    }

    /// A design for `vectors` vectors a call, of which nothing but its name is known yet.
    pub fn new(unit: &Mvau, device: &Device, vectors: u64, evidence: Evidence) -> Self {
        Self {
            layer: String::new(),
            scheme: String::new(),
            design: unit.to_string(),
            device: device.name.clone(),
            evidence,
            outcome: None,
            vectors,
            interval: unit.interval(),
            cycles: Some(unit.cycles(vectors)),
            fmax_mhz: None,
            fmax_low: None,
            fmax_high: None,
            seeds: 0,
            lut: None,
            ff: None,
            bram: None,
            dsp: None,
            uram: None,
            share: None,
            call_ns: None,
            gmacs: None,
            tools: String::new(),
            seconds: 0.0,
            message: String::new(),
            source: String::new(),
            at_s: None,
        }
    }

    /// A layer that no design serves under a scheme.
    pub fn refused(layer: &str, scheme: &str, device: &Device, vectors: u64, why: &str) -> Self {
        let one = Mvau::new(super::UnitKind::Dense, [1, 1], [1, 1], [1, 1]).expect("the least unit is one");
        Self {
            layer: layer.into(),
            scheme: scheme.into(),
            design: String::new(),
            interval: 0,
            cycles: None,
            outcome: Some(Outcome::Unsupported),
            message: why.into(),
            ..Self::new(&one, device, vectors, Evidence::Modelled)
        }
    }

    pub fn with_resources(mut self, device: &Device, own: &Resources) -> Self {
        [self.lut, self.ff, self.bram, self.dsp, self.uram] = own.each();
        let share = device.share(own);
        self.share = own.lut.map(|_| (share * 1e4).round() / 1e4);
        self
    }

    /// With a clock, and so with times.
    pub fn with_clock(mut self, unit: &Mvau, mhz: f64) -> Self {
        let two = |x: f64| (x * 100.0).round() / 100.0;
        self.fmax_mhz = Some(two(mhz));
        self.call_ns = self.cycles.map(|c| two(c as f64 * 1e3 / mhz));
        let macs = (unit.rows * unit.columns) as f64 * self.vectors as f64;
        self.gmacs = self.call_ns.map(|ns| (macs / ns * 1e4).round() / 1e4);
        self
    }

    /// What the open tools found. Where simulation needed other cycles than the formula says, none are claimed.
    pub fn of(unit: &Mvau, device: &Device, vectors: u64, figures: &Figures, tools: &str) -> Self {
        let mut row = Self::new(unit, device, vectors, figures.evidence).with_resources(device, &figures.resources);
        if figures.resources == Resources::default() {
            row.share = None;
        }
        row.outcome = Some(figures.outcome);
        row.cycles = row.cycles.filter(|_| figures.cycles == Some(unit.cycles(figures.vectors)));
        if let (Some(mhz), Some((low, high))) = (figures.fmax_median(), figures.fmax_range()) {
            row = row.with_clock(unit, mhz);
            (row.fmax_low, row.fmax_high) = (Some(low), Some(high));
        }
        row.seeds = figures.fmax.len();
        row.tools = tools.into();
        row.seconds = (figures.seconds * 10.0).round() / 10.0;
        row.message = figures.message.clone();
        row
    }

    /// What the open tools found of a chain, `design` by name; a call is one frame. Where frames did not follow one another as
    /// its formula says, no cycles are claimed.
    pub fn of_chain(design: &str, chain: &Chain, device: &Device, figures: &Figures, tools: &str) -> Result<Self> {
        let unit = chain.stages.iter().find_map(|s| if let Stage::Unit { unit, .. } = s { Some(unit) } else { None });
        let unit = unit.with_context(|| format!("{design}: a chain without units"))?;
        let mut row = Self::of(unit, device, 1, figures, tools);
        row.design = design.into();
        row.interval = chain.interval();
        let before = (figures.vectors.saturating_sub(1)) * row.interval;
        row.cycles = figures.cycles.and_then(|c| c.checked_sub(before)).filter(|c| *c > 0);
        let two = |x: f64| (x * 100.0).round() / 100.0;
        row.call_ns = row.cycles.zip(row.fmax_mhz).map(|(c, mhz)| two(c as f64 * 1e3 / mhz));
        let per_second = row.fmax_mhz.map(|mhz| mhz * 1e6 / row.interval as f64);
        row.gmacs = per_second.map(|n| (chain.macs() as f64 * n * 1e-9 * 1e4).round() / 1e4);
        Ok(row)
    }

    /// Is it the same design on the same device, by the same tools?
    pub fn same(&self, design: &str, device: &str, tools: &str) -> bool {
        self.design == design && self.device == device && self.tools == tools
    }
}
