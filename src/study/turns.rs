//! Jobs that are searched in turns, and what is left for each.

use std::time::Instant;

use super::job::{JobSearch, OPENING};
use super::{BATCH, Budget, Job};

/// Jobs that are searched in turns.
pub struct Turns<'a> {
    pub begun: Instant,
    pub budget: Budget,
    pub searches: Vec<JobSearch<'a>>,
    /// Jobs not begun, the next one last.
    pub waiting: Vec<(usize, Job)>,
    /// Of the whole run.
    pub jobs: usize,
    /// Share of the budget that finals and repeats have.
    pub kept: f64,
    /// Points asked for.
    pub out: usize,
}

impl Turns<'_> {
    /// Candidates that a search may have now.
    pub fn room(&self, at: usize) -> usize {
        let (search, waiting) = (&self.searches[at], self.waiting.len());
        // what waits has its part of what is left: a whole opening for each
        let parts = search.openings_left() + waiting * OPENING;
        match self.budget {
            Budget::Seconds(s) => {
                let left = s * (1.0 - self.kept) - self.begun.elapsed().as_secs_f64();
                search.room(if search.is_opening() { left / parts as f64 } else { left })
            }
            Budget::Trials(n) => {
                let left = n.saturating_sub(self.out).saturating_sub(waiting);
                let own = if search.is_opening() { (left / parts).max(1).min(left) } else { left };
                own.min(BATCH)
            }
        }
    }

    /// The budget as if each of so many jobs had the same.
    pub fn each(&self, jobs: usize) -> Budget {
        match self.budget {
            Budget::Seconds(s) => Budget::Seconds(s / jobs as f64),
            trials @ Budget::Trials(_) => trials,
        }
    }
}
