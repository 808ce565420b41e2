//! What one call of a kernel moves between caches, by the loops around its blocks: an array that a loop does not move
//! through is read anew in each of its turns, unless all that a turn touches stays in the cache.

use super::Nest;
use crate::candidate::Regime;

/// Weights, activations as a block reads them, and outputs.
const ARRAYS: usize = 3;

/// One loop around a block: its turns, and which arrays it moves through.
struct Loop {
    turns: f64,
    moves: [bool; ARRAYS],
}

impl Nest<'_> {
    /// Bytes that come into a cache of so many bytes in one call of a single thread, from what lies behind it.
    pub fn traffic(&self, cache: u64, regime: Regime) -> f64 {
        let cache = cache as f64;
        let mut touched = self.touched();
        let mut moved = touched;
        for l in self.loops() {
            let stays = touched.iter().sum::<f64>() <= cache;
            for a in 0..ARRAYS {
                if l.moves[a] {
                    touched[a] *= l.turns;
                    moved[a] *= l.turns;
                } else if !stays {
                    moved[a] *= l.turns;
                }
            }
        }
        let input = self.staged_from();
        let stays = touched.iter().sum::<f64>() + input <= cache;
        let cold = match regime {
            Regime::Hot => [false; ARRAYS],
            Regime::WeightsCold => [true, false, false],
            Regime::AllCold => [true; ARRAYS],
        };
        let again = (0..ARRAYS).filter(|a| cold[*a] || !stays).map(|a| moved[a]).sum::<f64>();
        again + if stays && regime != Regime::AllCold { 0.0 } else { input }
    }

    /// Bytes that staging reads.
    fn staged_from(&self) -> f64 {
        let element = if self.input() == "float" { 4 } else { 1 };
        if self.raw { 0.0 } else { (self.task.shape.lhs_len() * element) as f64 }
    }

    /// Bytes of each array that one block touches.
    fn touched(&self) -> [f64; ARRAYS] {
        let strip = self.strip_rows();
        let lines = match self.raw {
            true => self.task.shape.lhs_len() as f64 * if self.input() == "float" { 4.0 } else { 1.0 } / self.strips(),
            false => self.staged_bytes() as f64,
        };
        let rows = (self.rows as f64).min(strip);
        let (depths, channels) = (self.depths(), if self.family.own_channels() { self.panels() as f64 } else { 1.0 });
        let weights = (self.vectors * self.column_bytes(self.stored)) as f64;
        let outputs =
            rows * (self.vectors * self.tile.n).min(self.task.shape.n()) as f64 * self.task.out_width() as f64;
        [weights / depths, lines / strip * rows / depths / channels, outputs]
    }

    fn strip_rows(&self) -> f64 {
        (self.strip() * self.lines().1) as f64
    }

    fn strips(&self) -> f64 {
        self.lines().0.div_ceil(self.strip()) as f64
    }

    fn depths(&self) -> f64 {
        if self.blocks_depth() { self.steps().div_ceil(self.depth_block()) as f64 } else { 1.0 }
    }

    /// From the one around a block to that of strips.
    fn loops(&self) -> [Loop; 5] {
        let row_blocks = (self.strip_rows() / self.rows as f64).ceil();
        let group = self.panels_of_group();
        let own = self.family.own_channels();
        let panels = |turns: f64| Loop { turns, moves: [true, own, true] };
        let rows = || Loop { turns: row_blocks, moves: [false, true, true] };
        let depth = Loop { turns: self.depths(), moves: [true, true, false] };
        let groups = panels(self.panels() as f64 / group as f64);
        let strips = Loop { turns: self.strips(), moves: [false, true, true] };
        let inner = panels(group as f64);
        match self.schedule.has("mn") {
            true => [inner, rows(), depth, groups, strips],
            false => [rows(), inner, depth, groups, strips],
        }
    }
}
