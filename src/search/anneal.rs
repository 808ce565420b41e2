//! `anneal`: simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983). Several walkers step to neighbours; a
//! step back of x % is taken with probability exp(-x / temperature), and the temperature falls.

use std::sync::Arc;

use super::{Field, Search, Unasked};

/// Relative differences that are forgiven at the start and in the end, and the tries over which they fall.
const HOT: f64 = 0.25;
const COLD: f64 = 0.005;
const COOLING: f64 = 300.0;
const WALKERS: usize = 6;

struct Anneal {
    field: Arc<Field>,
    unasked: Unasked,
    /// Where each walker stands.
    walkers: Vec<Option<(usize, f64)>>,
    /// Which walker asked for a point.
    steps: Vec<(usize, usize)>,
    told: usize,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    Box::new(Anneal {
        field: field.clone(),
        unasked: Unasked::new(field.space.len()),
        walkers: vec![None; WALKERS],
        steps: vec![],
        told: 0,
        rng: fastrand::Rng::with_seed(seed),
    })
}

impl Anneal {
    /// A fresh point beside the walker, or by chance where it stands nowhere or all around was tried.
    fn step(&mut self, walker: usize) -> Option<usize> {
        let mut near = self.walkers[walker].map_or(vec![], |(at, _)| self.field.space.neighbours(at));
        near.retain(|p| self.unasked.has(*p));
        let beside = self.rng.choice(&near).copied();
        beside.or_else(|| self.unasked.draw_by_tile(&self.field.space, &mut self.rng))
    }
}

impl Search for Anneal {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        while asked.len() < count {
            let walker = asked.len() % WALKERS;
            let Some(point) = self.step(walker) else { break };
            self.unasked.take(point);
            self.steps.push((point, walker));
            asked.push(point);
        }
        asked
    }

    fn tell(&mut self, results: &[(usize, Option<f64>)]) {
        self.told += results.len();
        let temperature = HOT * (COLD / HOT).powf((self.told as f64 / COOLING).min(1.0));
        for (point, ns) in results {
            let asked = self.steps.iter().rposition(|s| s.0 == *point).map(|i| self.steps.swap_remove(i).1);
            let (Some(walker), Some(ns)) = (asked, *ns) else { continue };
            let taken =
                self.walkers[walker].is_none_or(|(_, at)| self.rng.f64() < ((1.0 - ns / at) / temperature).exp());
            if taken {
                self.walkers[walker] = Some((*point, ns));
            }
        }
    }
}
