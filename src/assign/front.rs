//! The whole front of two costs: every pair of totals that no other assignment beats.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Assignment, Costs, Question, Solution, solve};

/// Assignments in order of rising `against` and falling objective.
pub struct Front {
    pub points: Vec<Assignment>,
    /// Are these all the points there are? Else the time was up, and between some of them there may be more.
    pub whole: bool,
    pub seconds: f64,
}

/// The front of the objective against a column, by solving again and again with a limit just below the last total. Other
/// limits hold for every point.
/// # Errors
/// No assignment keeps the limits.
pub fn front(costs: &Costs, layers: &[&str], question: &Question, against: usize, patience: Duration) -> Result<Front> {
    ensure!(against != question.minimize, "the front of {} against itself is one point", costs.columns[against]);
    let begun = Instant::now();
    let mut points: Vec<Assignment> = Vec::new();
    let mut limit = f64::INFINITY;
    let room = 1e-9 * costs.rows.iter().map(|r| r.costs[against].abs()).sum::<f64>().max(f64::MIN_POSITIVE);
    let left = |begun: Instant| patience.saturating_sub(begun.elapsed());
    loop {
        let found = match cheapest(costs, layers, question, against, limit, left(begun)) {
            Ok(found) => found,
            Err(e) if points.is_empty() => return Err(e),
            Err(_) => break,
        };
        if !found.optimal || left(begun).is_zero() {
            points.reverse();
            return Ok(Front { points, whole: false, seconds: begun.elapsed().as_secs_f64() });
        }
        limit = found.assignment.totals[against];
        limit -= room; // the next point is less by more than sums of floats are wrong by
        points.push(found.assignment);
    }
    points.reverse();
    Ok(Front { points, whole: true, seconds: begun.elapsed().as_secs_f64() })
}

/// The best objective within a limit, and of the assignments that have it the one that costs least of the other.
fn cheapest(
    costs: &Costs,
    layers: &[&str],
    question: &Question,
    against: usize,
    limit: f64,
    patience: Duration,
) -> Result<Solution> {
    let mut limits = question.limits.clone();
    if limit.is_finite() {
        limits.push((against, limit));
    }
    let best = solve(costs, layers, &Question { minimize: question.minimize, limits: limits.clone() }, patience)?;
    limits.push((question.minimize, best.assignment.totals[question.minimize]));
    let cheap = solve(costs, layers, &Question { minimize: against, limits }, patience)?;
    Ok(Solution { optimal: best.optimal && cheap.optimal, ..cheap })
}
