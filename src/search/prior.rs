//! `prior`: the analytical guess alone, best first. Learns nothing; what the learned model is worth shows beside it.

use std::sync::Arc;

use super::{Field, Search, Unasked};

/// Points that are guessed at; of a larger space so many by chance.
const MOST: usize = 1 << 16;

struct Prior {
    field: Arc<Field>,
    unasked: Unasked,
    /// Best last.
    order: Vec<usize>,
    rng: fastrand::Rng,
}

pub fn make(field: &Arc<Field>, seed: u64) -> Box<dyn Search> {
    let (points, mut rng) = (field.space.len(), fastrand::Rng::with_seed(seed));
    let mut order: Vec<usize> =
        if points <= MOST { (0..points).collect() } else { (0..MOST).map(|_| rng.usize(..points)).collect() };
    rng.shuffle(&mut order); // equal guesses in no order
    let mut guessed: Vec<(f64, usize)> = order.iter().map(|p| (field.view(*p).guess_ns, *p)).collect();
    guessed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let order = guessed.into_iter().map(|g| g.1).collect();
    Box::new(Prior { field: field.clone(), unasked: Unasked::new(points), order, rng })
}

impl Search for Prior {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        while asked.len() < count {
            let all = 0..self.field.space.len();
            let Some(point) = self.order.pop().or_else(|| self.unasked.draw(all, &mut self.rng)) else { break };
            if self.unasked.take(point) {
                asked.push(point);
            }
        }
        asked
    }
    fn tell(&mut self, _results: &[(usize, Option<f64>)]) {}
}
