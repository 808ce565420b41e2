//! The designs of one layer: what the model makes of all, and those that are on their way.

use std::collections::{BTreeMap, HashMap};

use super::job::Job;
use super::plan::Plan;
use super::work::Candidate;
use super::{guess, space};
use crate::fpga::Evidence;
use crate::fpga::device::Device;
use crate::fpga::ir::Mvau;
use crate::fpga::resources::Resources;
use crate::fpga::row::Row;
use crate::record::Accuracy;
use crate::stats::median;

/// Fronts of each job that are looked at: the guess is not so good that the first alone will do.
const FRONTS: usize = 3;

/// A layer's designs on their way, the most promising first.
pub struct Lane<'a> {
    pub layer: String,
    pub candidates: Vec<Candidate<'a>>,
    /// dB of error below the signal, by scheme.
    pub noise: HashMap<String, f64>,
    /// Schemes that lose too much.
    pub out: Vec<String>,
}

/// A design and what the model makes of it.
pub struct Point {
    pub unit: Mvau,
    pub guess: Resources,
    pub period: f64,
    pub share: f64,
}

impl Point {
    /// In no unit: what orders designs of one layer.
    pub fn time(&self) -> f64 {
        (self.unit.interval() as f64 * self.period).ln()
    }

    pub fn row(&self, job: &Job, device: &Device) -> Row {
        let row = Row::new(&self.unit, device, job.vectors, Evidence::Modelled).with_resources(device, &self.guess);
        let message = device.lacks(&self.guess).map_or(String::new(), |lacks| format!("does not fit: {lacks}"));
        Row { layer: job.layer.clone(), scheme: job.scheme.clone(), message, ..row }
    }
}

impl Candidate<'_> {
    pub fn time(&self) -> f64 {
        (self.unit.interval() as f64 * self.period).ln()
    }
}

impl Lane<'_> {
    /// The less the better; a scheme of which nothing is known has none.
    pub fn noise_of(&self, scheme: &str) -> f64 {
        self.noise.get(scheme).copied().unwrap_or(0.0)
    }
}

pub fn points(job: &Job, plan: &Plan) -> Vec<Point> {
    let of = |unit: Mvau| {
        let guess = guess::resources(&plan.device, &unit);
        let (period, share) = (guess::period(&plan.device, &unit), plan.device.share(&guess));
        Point { unit, guess, period, share }
    };
    space::space(job, &plan.device).into_iter().map(of).collect()
}

/// Of each folding the style that takes least.
pub fn best_of_foldings(points: &[Point]) -> Vec<&Point> {
    let mut best: BTreeMap<(usize, usize), &Point> = BTreeMap::new();
    for p in points {
        let own = best.entry((p.unit.pe, p.unit.simd)).or_insert(p);
        if (p.share, p.period) < (own.share, own.period) {
            *own = p;
        }
    }
    best.into_values().collect()
}

/// What fits, of the first fronts of time against share.
pub fn promising(points: &[Point]) -> Vec<&Point> {
    let mut left: Vec<&Point> = points.iter().filter(|p| p.share <= 1.0).collect();
    left.sort_by(|a, b| (a.time(), a.share).partial_cmp(&(b.time(), b.share)).unwrap_or(std::cmp::Ordering::Equal));
    let mut all = Vec::new();
    for _ in 0..FRONTS {
        let (mut least, mut rest) = (f64::INFINITY, Vec::new());
        for p in left {
            if p.share < least {
                least = p.share;
                all.push(p);
            } else {
                rest.push(p);
            }
        }
        left = rest;
    }
    all
}

/// How far the guess of look-up tables was off where synthesis has counted them.
pub struct Correction(Vec<f64>);

impl Correction {
    pub fn of(lane: &Lane, known: &[Option<Row>]) -> Self {
        let pairs = lane.candidates.iter().zip(known);
        let synthesized =
            pairs.filter_map(|(c, r)| Some((c, r.as_ref().filter(|r| r.evidence >= Evidence::SynthOpen)?)));
        Self(synthesized.filter_map(|(c, r)| Some(r.lut? as f64 / c.guess.lut?.max(1) as f64)).collect())
    }

    pub fn corrected(&self, c: &Candidate) -> Resources {
        let factor = if self.0.is_empty() { 1.0 } else { median(&self.0) };
        let lut = c.guess.lut.map(|n| (n as f64 * factor) as u64);
        Resources { lut, ..c.guess }
    }
}

/// dB of error, the less the better, by scheme; far below everything where there is none.
pub fn noise(accuracy: &[Accuracy], layer: &str) -> HashMap<String, f64> {
    let own = accuracy.iter().filter(|a| !a.layer.is_empty() && format!("{}/{}", a.network, a.layer) == layer);
    own.map(|a| (a.scheme.clone(), -a.sqnr_db.unwrap_or(if a.mse == Some(0.0) { 200.0 } else { 0.0 }))).collect()
}

/// Schemes under which the layer's network loses more than `most` of top-1 against f32 (or the best, where that was not
/// scored). Where all lose more, those that lose least stay.
pub fn lossy(accuracy: &[Accuracy], layer: &str, most: f64) -> Vec<String> {
    let network = layer.rsplit_once('/').map_or(layer, |l| l.0);
    let own = accuracy.iter().filter(|a| a.layer.is_empty() && a.network == network);
    let scored: Vec<(&str, f64)> =
        own.filter_map(|a| Some((a.scheme.as_str(), a.top1? as f64 / a.samples.max(1) as f64))).collect();
    let best = scored.iter().map(|s| s.1).fold(0.0, f64::max);
    let best = scored.iter().find(|s| s.0 == "f32").map_or(best, |s| s.1);
    let least = scored.iter().filter(|s| s.0 != "f32").map(|s| best - s.1).fold(f64::INFINITY, f64::min);
    scored.into_iter().filter(|s| best - s.1 > most.max(least) + 1e-12).map(|s| s.0.into()).collect()
}
