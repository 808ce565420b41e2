//! `evolve`: a random start, then one-axis mutations of the best points and crossings between them, with a tenth of the
//! tries left to chance. Chance takes a tile first, each as likely as the others, and then one of its schedules: a tile with
//! many schedules does not crowd out one with few.

use std::sync::Arc;

use super::{Field, Search, Unasked};

/// Parents, and tries before the first child.
const PARENTS: usize = 12;
const START: usize = 24;

struct Evolve {
    field: Arc<Field>,
    unasked: Unasked,
    /// Points that worked, fastest first.
    best: Vec<(usize, f64)>,
    told: usize,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    let unasked = Unasked::new(field.space.len());
    Box::new(Evolve { field: field.clone(), unasked, best: vec![], told: 0, rng: fastrand::Rng::with_seed(seed) })
}

impl Evolve {
    /// A fresh child of good parents, if one is found.
    fn child(&mut self) -> Option<usize> {
        let parents = self.best.len().min(PARENTS);
        let space = &self.field.space;
        for _ in 0..20 {
            // squared: the fastest have the most children
            let pick = |rng: &mut fastrand::Rng| (rng.f64().powi(2) * parents as f64) as usize;
            let (a, b) = (self.best[pick(&mut self.rng)].0, self.best[pick(&mut self.rng)].0);
            let child = if self.rng.f64() < 0.7 {
                self.rng.choice(space.neighbours(a))
            } else {
                let (a, b) = (space.at(a), space.at(b));
                let genes = a.0.into_iter().zip(b.0);
                let mixed: Vec<_> = genes.map(|(x, y)| if self.rng.bool() { x } else { y }).collect();
                Some(space.nearest(&mixed))
            };
            if let Some(child) = child.filter(|c| self.unasked.has(*c)) {
                return Some(child);
            }
        }
        let near = self.best[..parents].iter().flat_map(|(p, _)| space.neighbours(*p));
        near.into_iter().find(|c| self.unasked.has(*c))
    }
}

impl Search for Evolve {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        while asked.len() < count {
            let explore = self.told < START || self.best.is_empty() || self.rng.f64() < 0.1;
            let child = if explore { None } else { self.child() };
            let chance = |s: &mut Self| s.unasked.draw_by_tile(&s.field.space, &mut s.rng);
            let Some(point) = child.or_else(|| chance(self)) else { break };
            self.unasked.take(point);
            asked.push(point);
        }
        asked
    }

    fn tell(&mut self, results: &[(usize, Option<f64>)]) {
        self.told += results.len();
        self.best.extend(results.iter().filter_map(|(p, ns)| Some((*p, (*ns)?))));
        self.best.sort_by(|a, b| a.1.total_cmp(&b.1));
    }
}
