//! `random`: uniform, without repetition.

use std::sync::Arc;

use super::{Field, Search, Unasked};

struct Random {
    unasked: Unasked,
    points: usize,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    let points = field.space.len();
    Box::new(Random { unasked: Unasked::new(points), points, rng: fastrand::Rng::with_seed(seed) })
}

impl Search for Random {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        while asked.len() < count {
            let Some(point) = self.unasked.draw(0..self.points, &mut self.rng) else { break };
            self.unasked.take(point);
            asked.push(point);
        }
        asked
    }
    fn tell(&mut self, _results: &[(usize, Option<f64>)]) {}
}
