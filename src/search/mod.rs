//! Strategies: which candidates to try next. They see the space, the seed and what came of earlier tries; nothing else.

mod evolve;
mod grid;
mod random;

use anyhow::{Result, anyhow};

use crate::candidate::Space;

/// A search over the points of a space, by their index. Never asks for a point twice.
pub trait Search {
    /// Up to `count` points to try next; none when it has no more.
    fn ask(&mut self, count: usize) -> Vec<usize>;
    /// What came of points: time of a call in nanoseconds, none for a failure.
    fn tell(&mut self, results: &[(usize, Option<f64>)]);
}

/// A strategy: its name, what it does, and how it is made.
pub struct Strategy {
    pub name: &'static str,
    pub about: &'static str,
    pub make: fn(&Space, u64) -> Box<dyn Search>,
}

/// Every strategy: one file and one row each. The first is the default.
pub static STRATEGIES: &[Strategy] = &[
    Strategy { name: "evolve", about: "random start, then neighbours and crossings of the best", make: evolve::make },
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
    use crate::candidate::Knob;
    use std::collections::HashSet;

    fn space() -> Space {
        let axis = |name: &'static str| {
            let word = name.to_string();
            (
                name,
                Box::new(move |_: &_| (0..8).map(|i| Knob::sizes(&word, &[i])).collect::<Vec<_>>())
                    as Box<dyn Fn(&_) -> _>,
            )
        };
        Space::product(&[axis("a"), axis("b"), axis("c")])
    }

    /// A bowl with its bottom at (5, 2, 6); a tenth of the points fail.
    fn cost(space: &Space, i: usize) -> Option<f64> {
        let at = |w| space.points[i].sizes::<1>(w)[0] as f64;
        let d = (at("a") - 5.0).powi(2) + (at("b") - 2.0).powi(2) + (at("c") - 6.0).powi(2);
        (i % 10 != 3).then_some(100.0 + d)
    }

    fn play(strategy: &Strategy, seed: u64, tries: usize) -> (f64, Vec<usize>) {
        let space = space();
        let mut search = (strategy.make)(&space, seed);
        let (mut asked, mut best) = (vec![], f64::INFINITY);
        while asked.len() < tries {
            let points = search.ask(16.min(tries - asked.len()));
            if points.is_empty() {
                break;
            }
            let results: Vec<_> = points.iter().map(|p| (*p, cost(&space, *p))).collect();
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
    fn evolution_beats_chance() {
        let mean = |name: &str| (0..40).map(|seed| play(find(name).unwrap(), seed, 96).0).sum::<f64>() / 40.0;
        assert!(mean("evolve") < mean("random"), "{} {}", mean("evolve"), mean("random"));
    }
}
