//! `evolve`: a random start, then one-axis mutations of the best points and crossings between them, with a tenth of the
//! tries left to chance. Chance takes a tile first, each as likely as the others, and then one of its schedules: a tile with
//! many schedules does not crowd out one with few.

use std::collections::{BTreeMap, HashMap};

use super::Search;
use crate::candidate::{Knob, Schedule, Space};

/// Parents, and tries before the first child.
const PARENTS: usize = 12;
const START: usize = 24;

struct Evolve {
    points: Vec<Schedule>,
    index: HashMap<Schedule, usize>,
    neighbours: Vec<Vec<usize>>,
    fresh: Vec<bool>,
    /// The points of each first knob, which is the tile.
    tiles: Vec<Vec<usize>>,
    /// Points that worked, fastest first.
    best: Vec<(usize, f64)>,
    told: usize,
    rng: fastrand::Rng,
}

pub fn make(space: &Space, seed: u64) -> Box<dyn Search> {
    let mut tiles: BTreeMap<Option<&Knob>, Vec<usize>> = BTreeMap::new();
    space.points.iter().enumerate().for_each(|(i, p)| tiles.entry(p.0.first()).or_default().push(i));
    let index = space.points.iter().cloned().enumerate().map(|(i, p)| (p, i)).collect();
    Box::new(Evolve {
        points: space.points.clone(),
        index,
        neighbours: space.neighbours(),
        fresh: vec![true; space.points.len()],
        tiles: tiles.into_values().collect(),
        best: vec![],
        told: 0,
        rng: fastrand::Rng::with_seed(seed),
    })
}

impl Evolve {
    /// A fresh child of good parents, if one is found.
    fn child(&mut self) -> Option<usize> {
        let parents = self.best.len().min(PARENTS);
        for _ in 0..20 {
            // squared: the fastest have the most children
            let pick = |rng: &mut fastrand::Rng| (rng.f64().powi(2) * parents as f64) as usize;
            let (a, b) = (self.best[pick(&mut self.rng)].0, self.best[pick(&mut self.rng)].0);
            let child = if self.rng.f64() < 0.7 {
                self.rng.choice(&self.neighbours[a]).copied()
            } else {
                let genes = self.points[a].0.iter().zip(&self.points[b].0);
                let mixed = genes.map(|(x, y)| if self.rng.bool() { x.clone() } else { y.clone() }).collect();
                self.index.get(&Schedule(mixed)).copied()
            };
            if let Some(child) = child.filter(|c| self.fresh[*c]) {
                return Some(child);
            }
        }
        let near = self.best[..parents].iter().flat_map(|(p, _)| &self.neighbours[*p]);
        near.copied().find(|c| self.fresh[*c])
    }

    fn chance(&mut self) -> Option<usize> {
        self.tiles.iter_mut().for_each(|points| points.retain(|i| self.fresh[*i]));
        self.tiles.retain(|points| !points.is_empty());
        let tile = self.rng.choice(&self.tiles)?;
        self.rng.choice(tile).copied()
    }
}

impl Search for Evolve {
    fn ask(&mut self, count: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        while asked.len() < count {
            let explore = self.told < START || self.best.is_empty() || self.rng.f64() < 0.1;
            let child = if explore { None } else { self.child() };
            let Some(point) = child.or_else(|| self.chance()) else { break };
            self.fresh[point] = false;
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
