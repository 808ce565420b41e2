//! `tpe`: the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011). Of the points drawn from what the good tries
//! chose, that one is asked for of which the good are likelier than the others; each axis by itself.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Field, Search, Unasked};
use crate::candidate::{Knob, Schedule};

/// Share of the tries that count as good; tries before the first estimate; points that compete.
const GOOD: f64 = 0.2;
const START: usize = 20;
const COMPETE: usize = 32;

struct Tpe {
    field: Arc<Field>,
    unasked: Unasked,
    told: Vec<(Schedule, f64)>,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    let unasked = Unasked::new(field.space.len());
    Box::new(Tpe { field: field.clone(), unasked, told: vec![], rng: fastrand::Rng::with_seed(seed) })
}

/// How often each choice was made.
type Counts = HashMap<Knob, f64>;

fn counts(tries: &[(Schedule, f64)]) -> Counts {
    let mut all = Counts::new();
    tries.iter().flat_map(|t| &t.0.0).for_each(|knob| *all.entry(knob.clone()).or_default() += 1.0);
    all
}

impl Tpe {
    fn estimated(&mut self, good: &Counts, others: &Counts, split: usize) -> Option<usize> {
        let rest = (self.told.len() - split) as f64;
        let mut best: Option<(f64, usize)> = None;
        for _ in 0..COMPETE {
            // one good try's choices, each replaced by another good one's now and then
            let mut knobs = self.told[self.rng.usize(..split)].0.0.clone();
            for (axis, knob) in knobs.iter_mut().enumerate() {
                let other = &self.told[self.rng.usize(..split)].0.0;
                if let Some(its) = other.get(axis).filter(|_| self.rng.f64() < 0.5) {
                    *knob = its.clone();
                }
            }
            let near = self.field.space.nearest(&knobs);
            let around = if self.rng.f64() < 0.3 { self.field.space.neighbours(near) } else { vec![] };
            let point = self.rng.choice(&around).copied().unwrap_or(near);
            if !self.unasked.has(point) {
                continue;
            }
            let chance = |counts: &Counts, knob: &Knob, of: f64| (counts.get(knob).unwrap_or(&0.0) + 0.5) / (of + 1.0);
            let schedule = self.field.space.at(point);
            let score = schedule.0.iter().map(|k| (chance(good, k, split as f64) / chance(others, k, rest)).ln()).sum();
            if best.is_none_or(|(b, _)| score > b) {
                best = Some((score, point));
            }
        }
        best.map(|b| b.1)
    }
}

impl Search for Tpe {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let split = ((self.told.len() as f64 * GOOD) as usize).max(1);
        let ready = self.told.len() >= START;
        let tables = ready.then(|| (counts(&self.told[..split]), counts(&self.told[split..])));
        let mut asked = Vec::new();
        while asked.len() < count {
            let likely = tables.as_ref().and_then(|(good, others)| self.estimated(good, others, split));
            let Some(point) = likely.or_else(|| self.unasked.draw_by_tile(&self.field.space, &mut self.rng)) else {
                break;
            };
            self.unasked.take(point);
            asked.push(point);
        }
        asked
    }

    fn tell(&mut self, results: &[(usize, Option<f64>)]) {
        let space = &self.field.space;
        self.told.extend(results.iter().map(|(p, ns)| (space.at(*p), ns.unwrap_or(f64::INFINITY))));
        self.told.sort_by(|a, b| a.1.total_cmp(&b.1));
    }
}
