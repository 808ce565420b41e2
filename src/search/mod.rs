//! Strategies: which candidates to try next. They see the space, what is expected of its points, the seed and what came of
//! earlier tries; nothing else.

mod anneal;
mod climb;
mod evolve;
mod field;
mod forest;
mod grid;
mod model;
mod prior;
mod random;
mod tpe;

use std::sync::Arc;

use anyhow::{Result, anyhow};

pub use field::{Field, Past, Unasked};
pub use forest::Forest;

/// A search over the points of a space, by their index. Never asks for a point twice.
pub trait Search {
    /// Up to `count` points to try next; none when it has no more.
    fn ask(&mut self, count: usize) -> Vec<usize>;
    /// What came of points: time of a call in nanoseconds, none for a failure.
    fn tell(&mut self, results: &[(usize, Option<f64>)]);
    /// The least time that a point not asked for is hoped to take, in nanoseconds; none where the strategy cannot tell.
    fn hope(&self) -> Option<f64> {
        None
    }
}

/// A strategy: its name, what it does, and how it is made.
pub struct Strategy {
    pub name: &'static str,
    pub about: &'static str,
    pub make: fn(&Arc<Field>, u64) -> Box<dyn Search>,
}

/// Every strategy: one file and one row each. The first is the default.
pub static STRATEGIES: &[Strategy] = &[
    Strategy { name: "model", about: "guided by an analytical guess and a learned cost model", make: model::make },
    Strategy { name: "evolve", about: "random start, then neighbours and crossings of the best", make: evolve::make },
    Strategy {
        name: "anneal",
        about: "simulated annealing: a walk that takes steps back less and less",
        make: anneal::make,
    },
    Strategy { name: "climb", about: "greedy local search with restarts", make: climb::make },
    Strategy { name: "tpe", about: "tree-structured Parzen estimator", make: tpe::make },
    Strategy { name: "prior", about: "the analytical guess alone, best first", make: prior::make },
    Strategy { name: "random", about: "uniform, without repetition", make: random::make },
    Strategy { name: "grid", about: "every point, in order", make: grid::make },
];

/// The strategy of that name.
pub fn find(name: &str) -> Result<&'static Strategy> {
    STRATEGIES.iter().find(|s| s.name == name).ok_or_else(|| {
        let names: Vec<_> = STRATEGIES.iter().map(|s| s.name).collect();
        anyhow!("unknown strategy `{name}`; choose one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::{Axis, Knob, Space};
    use std::collections::HashSet;

    fn field() -> Arc<Field> {
        let axis = |name: &'static str| -> Axis {
            (name, Box::new(move |_| (0..8).map(|i| Knob::sizes(name, &[i])).collect()))
        };
        Arc::new(Field::plain(Space::product(&["a", "b", "c"].map(axis))))
    }

    /// A bowl with its bottom at (5, 2, 6); a tenth of the points fail.
    fn cost(field: &Field, i: usize) -> Option<f64> {
        let point = field.space.at(i);
        let at = |w| point.sizes::<1>(w)[0] as f64;
        let d = (at("a") - 5.0).powi(2) + (at("b") - 2.0).powi(2) + (at("c") - 6.0).powi(2);
        (i % 10 != 3).then_some(100.0 + d)
    }

    fn play(strategy: &Strategy, seed: u64, tries: usize) -> (f64, Vec<usize>) {
        let field = field();
        let mut search = (strategy.make)(&field, seed);
        let (mut asked, mut best) = (vec![], f64::INFINITY);
        while asked.len() < tries {
            let points = search.ask(16.min(tries - asked.len()));
            if points.is_empty() {
                break;
            }
            let results: Vec<_> = points.iter().map(|p| (*p, cost(&field, *p))).collect();
            best = results.iter().filter_map(|r| r.1).fold(best, f64::min);
            search.tell(&results);
            asked.extend(points);
        }
        (best, asked)
    }

    #[test]
    fn every_strategy_covers_the_space_once_and_repeats_itself_under_a_seed() {
        for s in STRATEGIES {
            let (best, asked) = play(s, 1, 10_000);
            assert_eq!(asked.len(), 512, "{}", s.name);
            assert_eq!(asked.iter().collect::<HashSet<_>>().len(), 512, "{}", s.name);
            assert_eq!(best, 100.0, "{}", s.name);
            assert_eq!(play(s, 7, 200).1, play(s, 7, 200).1, "{}", s.name);
        }
    }

    #[test]
    fn learning_beats_chance() {
        let mean = |name: &str| (0..40).map(|seed| play(find(name).unwrap(), seed, 64).0).sum::<f64>() / 40.0;
        let chance = mean("random");
        for name in ["model", "evolve", "anneal", "climb", "tpe"] {
            assert!(mean(name) < chance, "{name} {} {chance}", mean(name));
        }
    }
}
