//! A strategy against a recorded space: it asks, the records answer.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use rayon::prelude::*;

use super::space::Recorded;
use crate::search::{Field, Past, Strategy};

/// How games are played.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Candidates asked for at once.
    pub batch: usize,
    /// Measurements after which a game ends.
    pub tries: usize,
    /// Games, with the seeds from 0 on.
    pub runs: u64,
}

/// One game.
pub struct Game {
    /// Points in the order in which they were asked for.
    pub asked: Vec<usize>,
    /// Least time after each measurement.
    pub best: Vec<f64>,
    /// Seconds that the measurements took when they were recorded, up to each.
    pub seconds: Vec<f64>,
    /// Seconds that the strategy itself took.
    pub thought: f64,
}

/// Plays one game.
pub fn play(recorded: &Recorded, field: &Arc<Field>, strategy: &Strategy, seed: u64, rules: &Rules) -> Game {
    let begun = Instant::now();
    let mut search = (strategy.make)(field, seed);
    let mut game = Game { asked: vec![], best: vec![], seconds: vec![], thought: 0.0 };
    while game.asked.len() < rules.tries {
        let points = search.ask(rules.batch.min(rules.tries - game.asked.len()));
        if points.is_empty() {
            break;
        }
        let results: Vec<_> = points.iter().map(|p| (*p, recorded.ns[*p])).collect();
        search.tell(&results);
        for (point, ns) in results {
            let before = game.best.last().copied().unwrap_or(f64::INFINITY);
            game.best.push(ns.map_or(before, |ns| before.min(ns)));
            let spent = game.seconds.last().copied().unwrap_or(0.0);
            game.seconds.push(spent + recorded.seconds[point]);
            game.asked.push(point);
        }
    }
    game.thought = begun.elapsed().as_secs_f64();
    game
}

/// Plays a game for each seed.
pub fn games(recorded: &Recorded, field: &Arc<Field>, strategy: &Strategy, rules: &Rules) -> Vec<Game> {
    (0..rules.runs).into_par_iter().map(|seed| play(recorded, field, strategy, seed, rules)).collect()
}

/// What finished searches of the other spaces of the same target teach: of each the points that the default strategy would
/// have measured there, cold.
/// # Errors
/// As [`Recorded::field`].
pub fn lessons(all: &[Recorded], but: usize, tries: usize) -> Result<Past> {
    let target = |r: &Recorded| r.head.as_ref().map(|h| h.target.clone());
    let mut past = Past::default();
    for (i, other) in all.iter().enumerate().filter(|(_, o)| target(o).is_some() && target(o) == target(&all[but])) {
        if i == but {
            continue;
        }
        let rules = Rules { batch: 16, tries, runs: 1 };
        let game = play(other, &Arc::new(other.field()?), &crate::search::STRATEGIES[0], 0, &rules);
        past.add(other.lesson(&game.asked)?);
    }
    Ok(past)
}

/// The least time that chance finds with so many measurements without repetition, on average: exact, by the hypergeometric
/// distribution of the best rank. Entry i is of i + 1 measurements.
pub fn chance(recorded: &Recorded, tries: usize) -> Vec<f64> {
    let worst = recorded.ns.iter().flatten().copied().fold(0.0, f64::max);
    let mut sorted: Vec<f64> = recorded.ns.iter().map(|ns| ns.unwrap_or(worst)).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let expected = |draws: usize| {
        // P(the k-th fastest is the best of the draws), k from 0: starts at draws / n
        let (mut chance, mut sum) = (draws as f64 / n as f64, 0.0);
        for (k, ns) in sorted.iter().enumerate() {
            sum += chance * ns;
            if k + draws >= n {
                break;
            }
            chance *= (n - k - draws) as f64 / (n - k - 1) as f64;
        }
        sum
    };
    (1..=tries.min(n)).map(expected).collect()
}
