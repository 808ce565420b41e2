//! What strategies see of a space: its points, what is expected of each, and what earlier tasks taught.

use std::sync::{Arc, OnceLock};

use crate::candidate::{Schedule, Space};
use crate::kernel::estimate::View;

/// Points whose views are kept; of larger spaces they are made when they are asked for.
const KEPT: usize = 1 << 16;

/// Winners that one task passes on.
const WINNERS: usize = 8;

/// A space and what may be known of its points before any is tried.
pub struct Field {
    pub space: Space,
    view: Box<dyn Fn(&Schedule) -> View + Send + Sync>,
    kept: Vec<OnceLock<Arc<View>>>,
    pub past: Past,
    /// Is there an analytical guess?
    pub guesses: bool,
}

/// What earlier tasks taught: what was expected of their points, and what they took.
#[derive(Clone, Default)]
pub struct Past {
    /// Features, and the logarithm of the time over the guess.
    pub rows: Vec<(Vec<f32>, f64)>,
    /// Schedules that won there, the likeliest first.
    pub winners: Vec<Schedule>,
}

impl Past {
    /// What one task's points teach, the fastest first.
    pub fn of(timed: impl IntoIterator<Item = (Schedule, Arc<View>, f64)>) -> Self {
        let mut past = Self::default();
        for (schedule, view, ns) in timed {
            if past.winners.len() < WINNERS {
                past.winners.push(schedule);
            }
            past.rows.push((view.features.clone(), (ns / view.guess_ns).ln()));
        }
        past
    }

    /// Winners of several tasks take turns.
    pub fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        let (mut all, mut more) = (Vec::new(), other.winners.into_iter());
        let mut own = std::mem::take(&mut self.winners).into_iter();
        loop {
            let (a, b) = (more.next(), own.next());
            if a.is_none() && b.is_none() {
                break;
            }
            all.extend(a.into_iter().chain(b));
        }
        self.winners = all;
        let mut known = std::collections::HashSet::new();
        self.winners.retain(|w| known.insert(w.clone()));
    }
}

impl Field {
    pub fn new(space: Space, view: impl Fn(&Schedule) -> View + Send + Sync + 'static) -> Self {
        let kept = if space.len() <= KEPT { space.len() } else { 0 };
        let kept = (0..kept).map(|_| OnceLock::new()).collect();
        Self { space, view: Box::new(view), kept, past: Past::default(), guesses: true }
    }

    /// A space of which nothing is known: choices are described by their sizes and their places among the words.
    pub fn plain(space: Space) -> Self {
        let mut words: Vec<Vec<String>> = Vec::new();
        for point in space.iter() {
            words.resize(words.len().max(point.0.len()), vec![]);
            for (known, knob) in words.iter_mut().zip(&point.0) {
                if !known.contains(&knob.word) {
                    known.push(knob.word.clone());
                }
            }
        }
        let view = move |point: &Schedule| {
            let mut features = Vec::new();
            for (known, knob) in words.iter().zip(&point.0) {
                features.push(known.iter().position(|w| *w == knob.word).unwrap_or(0) as f32);
                let size = |i: usize| knob.sizes.get(i).map_or(-1.0, |s| (*s as f32 + 1.0).ln());
                features.extend((0..3).map(size));
            }
            View { features, guess_ns: 1.0, least_ns: 0.0 }
        };
        Self { guesses: false, ..Self::new(space, view) }
    }

    /// The same without guesses: what is left when the analytical model is taken away.
    pub fn without_guesses(mut self) -> Self {
        let view = self.view;
        self.view = Box::new(move |s| {
            let v = view(s);
            // the first features are shares of the guess
            View { features: v.features.into_iter().skip(7).collect(), guess_ns: 1.0, least_ns: 0.0 }
        });
        self.guesses = false;
        self.past = Past::default();
        self
    }

    pub fn view(&self, point: usize) -> Arc<View> {
        let make = || Arc::new((self.view)(&self.space.at(point)));
        self.kept.get(point).map_or_else(make, |kept| kept.get_or_init(make).clone())
    }
}

/// The points that were not asked for yet.
pub struct Unasked {
    asked: Vec<bool>,
    left: usize,
}

impl Unasked {
    pub fn new(points: usize) -> Self {
        Self { asked: vec![false; points], left: points }
    }

    pub fn has(&self, point: usize) -> bool {
        !self.asked[point]
    }

    pub fn left(&self) -> usize {
        self.left
    }

    /// Marks a point as asked; false if it was.
    pub fn take(&mut self, point: usize) -> bool {
        let fresh = !std::mem::replace(&mut self.asked[point], true);
        self.left -= usize::from(fresh);
        fresh
    }

    /// A point by chance, not asked for yet, of a range.
    pub fn draw(&self, range: std::ops::Range<usize>, rng: &mut fastrand::Rng) -> Option<usize> {
        if range.is_empty() {
            return None;
        }
        let lucky = (0..16).map(|_| rng.usize(range.clone())).find(|p| self.has(*p));
        // where few are left: the first one behind a point by chance
        let from = rng.usize(range.clone());
        lucky.or_else(|| (from..range.end).chain(range.start..from).find(|p| self.has(*p)))
    }

    /// A point by chance: of a tile, each as likely as the others, and then of its schedules.
    pub fn draw_by_tile(&self, space: &Space, rng: &mut fastrand::Rng) -> Option<usize> {
        let mut tiles = space.tiles();
        while !tiles.is_empty() {
            let (_, range) = tiles.swap_remove(rng.usize(..tiles.len()));
            if let Some(point) = self.draw(range, rng) {
                return Some(point);
            }
        }
        None
    }
}
