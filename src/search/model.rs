//! `model`: guided by what is expected. The analytical guess ranks the points at first; a forest that learned from earlier
//! tasks corrects it, and a second one learns what both still miss here. Of the points not tried yet those are asked for
//! that may be fastest: expected time less a multiple of the forest's doubt, which differs from point to point of a batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Field, Forest, Search, Unasked};
use crate::candidate::Knob;

/// Points that compete for a batch; of larger spaces some by chance and what lies around the best.
const POOL: usize = 4096;
/// Points that an own forest is asked about, and the best tries whose neighbours are among them.
const SHORT: usize = 1024;
const AROUND: usize = 6;
/// Tries before the first own forest.
const START: usize = 10;
/// Rows of earlier tasks that are learned from.
const PAST: usize = 4000;
/// Share of the tries that are left to chance.
const CHANCE: f64 = 0.05;
/// Slower than the best by more than this factor is slow, however slow: such times say nothing about the fast ones.
const SLOW: f64 = 3.0;

struct Model {
    field: Arc<Field>,
    unasked: Unasked,
    past: Option<Forest>,
    /// Logarithm of what is expected without own tries, by point.
    expected: HashMap<usize, f64>,
    told: Vec<(usize, f64)>,
    failed: Vec<usize>,
    /// Logarithm of the least time that was hoped for when points were chosen last.
    hope: Option<f64>,
    seed: u64,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let past = &field.past.rows;
    let past = (!past.is_empty()).then(|| {
        let mut rows: Vec<usize> = (0..past.len()).collect();
        rng.shuffle(&mut rows);
        rows.truncate(PAST);
        let x: Vec<&[f32]> = rows.iter().map(|i| past[*i].0.as_slice()).collect();
        let y: Vec<f64> = rows.iter().map(|i| past[*i].1).collect();
        Forest::fit(&x, &y, seed)
    });
    Box::new(Model {
        field: field.clone(),
        unasked: Unasked::new(field.space.len()),
        past,
        expected: HashMap::new(),
        told: vec![],
        failed: vec![],
        hope: None,
        seed,
        rng,
    })
}

impl Model {
    fn expected(&mut self, point: usize) -> f64 {
        let (field, past) = (&self.field, &self.past);
        *self.expected.entry(point).or_insert_with(|| {
            let view = field.view(point);
            view.guess_ns.ln() + past.as_ref().map_or(0.0, |forest| forest.predict(&view.features).0)
        })
    }

    /// Points that may be asked for.
    fn pool(&mut self) -> Vec<usize> {
        let points = self.field.space.len();
        if points <= POOL {
            return (0..points).filter(|p| self.unasked.has(*p)).collect();
        }
        let mut all: HashSet<usize> = HashSet::new();
        let best: Vec<usize> = self.told.iter().take(8).map(|t| t.0).collect();
        let kin: Vec<usize> = self.field.past.winners.iter().map(|s| self.field.space.nearest(&s.0)).collect();
        for point in best.into_iter().chain(kin) {
            all.extend(self.field.space.neighbours(point));
            all.insert(point);
        }
        for _ in 0..POOL / 2 {
            all.extend(self.unasked.draw_by_tile(&self.field.space, &mut self.rng));
        }
        let mut pool: Vec<usize> = all.into_iter().filter(|p| self.unasked.has(*p)).collect();
        pool.sort_unstable(); // a set has no order of its own
        pool
    }

    /// The points of the pool that are worth an own forest's while: by expectation, around the best, and some by chance.
    fn shortlist(&mut self) -> Vec<usize> {
        let pool = self.pool();
        if pool.len() <= SHORT {
            return pool;
        }
        let mut ranked: Vec<(f64, usize)> = pool.iter().map(|p| (self.expected(*p), *p)).collect();
        ranked.select_nth_unstable_by(SHORT / 2, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut list: HashSet<usize> = ranked[..SHORT / 2].iter().map(|r| r.1).collect();
        for (point, _) in self.told.iter().take(AROUND) {
            list.extend(self.field.space.neighbours(*point));
        }
        list.extend((0..SHORT / 4).filter_map(|_| self.rng.choice(&pool)));
        let mut list: Vec<usize> = list.into_iter().filter(|p| self.unasked.has(*p)).collect();
        list.sort_unstable(); // a set has no order of its own
        list
    }

    /// The first tries: what won elsewhere, then the best by expectation, no two alike in tile and block.
    fn first(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        for winner in self.field.past.winners.clone().iter().take(count / 2) {
            let point = self.field.space.nearest(&winner.0);
            if self.unasked.take(point) {
                asked.push(point);
            }
        }
        if !self.field.guesses && self.past.is_none() {
            return asked; // nothing is expected: chance
        }
        let mut pool = self.pool();
        self.rng.shuffle(&mut pool); // equals in no order
        let mut ranked: Vec<(f64, usize)> = pool.into_iter().map(|p| (self.expected(p), p)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut kinds: HashMap<Vec<Knob>, usize> = HashMap::new();
        for (_, point) in ranked {
            if asked.len() >= count {
                break;
            }
            let kind: Vec<Knob> = self.field.space.at(point).0.into_iter().take(2).collect();
            let met = kinds.entry(kind).or_default();
            if *met == 0 && self.unasked.take(point) {
                asked.push(point);
                *met += 1;
            }
        }
        asked
    }

    /// What own tries say of the expectation's mistakes.
    fn forest(&mut self) -> Forest {
        let best = self.told.first().map_or(0.0, |t| t.1);
        let slow = best + SLOW.ln();
        let failed: Vec<(usize, f64)> = self.failed.iter().map(|p| (*p, slow)).collect();
        let rows: Vec<(usize, f64)> = self.told.iter().copied().chain(failed).collect();
        let y: Vec<f64> = rows.iter().map(|(p, ln)| ln.min(slow) - self.expected(*p)).collect();
        let views: Vec<_> = rows.iter().map(|(p, _)| self.field.view(*p)).collect();
        let x: Vec<&[f32]> = views.iter().map(|v| v.features.as_slice()).collect();
        Forest::fit(&x, &y, self.seed.wrapping_add(rows.len() as u64))
    }

    fn likely(&mut self, count: usize) -> Vec<usize> {
        let forest = self.forest();
        let mut pool: Vec<(usize, f64, f64)> = Vec::new();
        for point in self.shortlist() {
            let (mean, doubt) = forest.predict(&self.field.view(point).features);
            pool.push((point, self.expected(point) + mean, doubt));
        }
        self.hope = pool.iter().map(|p| p.1 - p.2).reduce(f64::min);
        let mut asked = Vec::new();
        while asked.len() < count && !pool.is_empty() {
            let boldness = -self.rng.f64().max(1e-9).ln(); // exponential, mean 1
            let hope = |p: &(usize, f64, f64)| p.1 - boldness * p.2;
            let best = (0..pool.len()).min_by(|a, b| hope(&pool[*a]).total_cmp(&hope(&pool[*b])));
            let Some(best) = best else { break };
            let point = pool.swap_remove(best).0;
            if self.unasked.take(point) {
                asked.push(point);
            }
        }
        asked
    }
}

impl Search for Model {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let chance = (0..count).filter(|_| self.rng.f64() < CHANCE).count().min(count.saturating_sub(1));
        let guided = count - chance;
        let tries = self.told.len() + self.failed.len();
        let mut asked = if tries < START { self.first(guided) } else { self.likely(guided) };
        while asked.len() < count {
            let Some(point) = self.unasked.draw_by_tile(&self.field.space, &mut self.rng) else { break };
            self.unasked.take(point);
            asked.push(point);
        }
        asked
    }

    fn tell(&mut self, results: &[(usize, Option<f64>)]) {
        for (point, ns) in results {
            match ns {
                Some(ns) => self.told.push((*point, ns.ln())),
                None => self.failed.push(*point),
            }
        }
        self.told.sort_by(|a, b| a.1.total_cmp(&b.1));
    }

    fn hope(&self) -> Option<f64> {
        self.hope.map(f64::exp)
    }
}
