//! What games come to: figures for each space and strategy, and their table.

use std::fmt::Write;

use super::play::{Game, chance};
use super::space::Recorded;
use crate::report::format::percent;
use crate::stats::median;

/// A time within this share of the optimum is good enough: what measurements are counted to.
pub const GOOD: f64 = 0.98;

/// The games of one strategy on one space.
pub struct Line {
    pub space: String,
    pub strategy: String,
    pub points: usize,
    /// Measurements that the share of the optimum is told after: 3 % of the space or 64, whichever is more.
    pub budget: usize,
    /// Optimum / best found after `budget` measurements, over the games: median and tenth percentile.
    pub share: (f64, f64),
    /// The same after 16 measurements, median.
    pub early: f64,
    /// Median of the measurements to [`GOOD`], and of the seconds that they took; none where half the games did not get there.
    pub tries: Option<f64>,
    pub seconds: Option<f64>,
    /// 1: the optimum at once. 0: as good as chance. Mean over the budget of (chance - best) / (chance - optimum), until chance
    /// is 95 % of the way from the median to the optimum (Willemsen et al., Future Generation Computer Systems 159, 2024).
    pub score: f64,
    /// Seconds of thinking for each measurement, mean.
    pub thought: f64,
    /// Median best so far over the games, by measurement, as a share of the optimum.
    pub curve: Vec<f64>,
}

/// 3 % of a space or 64 points, whichever is more.
pub fn budget(points: usize) -> usize {
    (points * 3).div_ceil(100).max(64).min(points)
}

impl Line {
    pub fn of(recorded: &Recorded, strategy: &str, games: &[Game]) -> Self {
        let (optimum, points) = (recorded.best(), recorded.space.len());
        let budget = budget(points);
        let at = |game: &Game, tries: usize| {
            game.best.get(tries.min(game.best.len()).saturating_sub(1)).map_or(0.0, |ns| optimum / ns)
        };
        let mut shares: Vec<f64> = games.iter().map(|g| at(g, budget)).collect();
        shares.sort_by(f64::total_cmp);
        let early: Vec<f64> = games.iter().map(|g| at(g, 16)).collect();
        let arrived = |g: &Game| g.best.iter().position(|ns| optimum / ns >= GOOD);
        let counted = |value: &dyn Fn(&Game, usize) -> f64| {
            let each: Vec<f64> = games.iter().map(|g| arrived(g).map_or(f64::INFINITY, |i| value(g, i))).collect();
            Some(median(&each)).filter(|m| m.is_finite())
        };
        let length = games.iter().map(|g| g.best.len()).max().unwrap_or(0);
        let curve = (1..=length).map(|t| median(&games.iter().map(|g| at(g, t)).collect::<Vec<_>>())).collect();
        let measured: usize = games.iter().map(|g| g.best.len()).sum();
        Self {
            space: recorded.name.clone(),
            strategy: strategy.into(),
            points,
            budget,
            share: (median(&shares), shares[shares.len() / 10]),
            early: median(&early),
            tries: counted(&|_, i| (i + 1) as f64),
            seconds: counted(&|g, i| g.seconds[i]),
            score: score(recorded, games),
            thought: games.iter().map(|g| g.thought).sum::<f64>() / measured.max(1) as f64,
            curve,
        }
    }
}

fn score(recorded: &Recorded, games: &[Game]) -> f64 {
    let optimum = recorded.best();
    let times: Vec<f64> = recorded.ns.iter().flatten().copied().collect();
    let goal = optimum + (median(&times) - optimum) * 0.05;
    let longest = games.iter().map(|g| g.best.len()).min().unwrap_or(0);
    let chance = chance(recorded, longest);
    let until = chance.iter().position(|ns| *ns <= goal).map_or(chance.len(), |i| i + 1);
    let at = |i: usize| {
        let mean = games.iter().map(|g| g.best[i]).filter(|b| b.is_finite()).sum::<f64>() / games.len() as f64;
        (chance[i] - mean) / (chance[i] - optimum).max(1e-9)
    };
    (0..until).map(at).sum::<f64>() / until.max(1) as f64
}

/// The table of all lines.
pub fn table(lines: &[Line]) -> String {
    let mut rows = vec![
        [
            "space",
            "points",
            "strategy",
            "after 16",
            "tried",
            "of optimum",
            "worst 10th",
            "tries to 98 %",
            "seconds",
            "score",
            "thinks",
        ]
        .map(String::from),
    ];
    for (i, l) in lines.iter().enumerate() {
        let first = i == 0 || lines[i - 1].space != l.space;
        let number = |x: Option<f64>, digits: usize| x.map_or("-".into(), |x| format!("{x:.digits$}"));
        rows.push([
            if first { l.space.clone() } else { String::new() },
            if first { l.points.to_string() } else { String::new() },
            l.strategy.clone(),
            percent(l.early, 1),
            l.budget.to_string(),
            percent(l.share.0, 1),
            percent(l.share.1, 1),
            number(l.tries, 0),
            number(l.seconds, 1),
            format!("{:.2}", l.score),
            format!("{:.1} ms", l.thought * 1e3),
        ]);
    }
    let widths: Vec<usize> = (0..11).map(|c| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(c, (cell, width))| {
            if matches!(c, 0 | 2) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}
