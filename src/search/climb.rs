//! `climb`: greedy local search. From a point by chance to whichever neighbour is better, the first one that is; where none
//! is, from another point by chance.

use std::sync::Arc;

use super::{Field, Search, Unasked};

struct Climb {
    field: Arc<Field>,
    unasked: Unasked,
    /// Where the climb stands, and neighbours of it that were not asked for.
    at: Option<f64>,
    around: Vec<usize>,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    let unasked = Unasked::new(field.space.len());
    let rng = fastrand::Rng::with_seed(seed);
    Box::new(Climb { field: field.clone(), unasked, at: None, around: vec![], rng })
}

impl Search for Climb {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        while asked.len() < count {
            let point = match self.around.pop() {
                Some(near) => Some(near),
                // a summit, if nothing that was asked for beats it
                None if asked.is_empty() || self.at.is_none() => {
                    self.at = None;
                    self.unasked.draw_by_tile(&self.field.space, &mut self.rng)
                }
                None => break,
            };
            let Some(point) = point else { break };
            if self.unasked.take(point) {
                asked.push(point);
            }
        }
        asked
    }

    fn tell(&mut self, results: &[(usize, Option<f64>)]) {
        let timed = results.iter().filter_map(|(p, ns)| Some((*p, (*ns)?)));
        let Some((point, ns)) = timed.min_by(|a, b| a.1.total_cmp(&b.1)) else { return };
        if self.at.is_none_or(|at| ns < at) {
            self.at = Some(ns);
            self.around = self.field.space.neighbours(point);
            self.rng.shuffle(&mut self.around);
        }
    }
}
