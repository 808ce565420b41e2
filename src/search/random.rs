//! `random`: uniform, without repetition.

use super::Search;
use crate::candidate::Space;

struct Random(Vec<usize>);

pub fn make(space: &Space, seed: u64) -> Box<dyn Search> {
    let mut points: Vec<usize> = (0..space.points.len()).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut points);
    Box::new(Random(points))
}

impl Search for Random {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        self.0.split_off(self.0.len().saturating_sub(count))
    }
    fn tell(&mut self, _results: &[(usize, Option<f64>)]) {}
}
