//! The loop nest around a block: threads, strips of rows (staged where the schedule says so), column panels, blocks of
//! depth, and the block function itself with its tails. Families say what happens inside a block; this says the rest.
//!
//! ```text
//! thread -> strip of lines (MC) -> [stage] -> group of panels (NC) -> depth (KC) -> rows x panels, in either order -> block
//!                                                                     [unpack a panel] -> rows -> block
//! ```
//! A *line* is what one strip step takes: a row of a matrix product, or an output row of a convolution (`width` rows).
//! A convolution is never lowered to a matrix of windows: its staged form is the padded image itself.

use std::collections::BTreeSet;

use super::{Arithmetic, Family, Task};
use crate::candidate::Schedule;
use crate::native::Tile;
use crate::op;
use crate::scheme::Weights;
use crate::scheme::coded::Groups;

mod block;
mod stage;
mod text;
mod traffic;
mod unpack;

/// A task with its schedule, and the numbers that follow from both.
pub struct Nest<'a> {
    pub task: &'a Task,
    pub family: &'a Family,
    /// What a block multiplies with.
    pub tile: &'a Tile,
    /// What weights are packed for: the same, unless panels are unpacked before they are multiplied.
    pub stored: &'a Tile,
    pub schedule: &'a Schedule,
    /// Rows and vectors of a block.
    pub rows: usize,
    pub vectors: usize,
    /// Are activations read where they lie, or staged first?
    pub raw: bool,
}

impl<'a> Nest<'a> {
    pub fn new(task: &'a Task, family: &'a Family, tile: &'a Tile, schedule: &'a Schedule) -> Self {
        let [rows, vectors] = schedule.sizes("b");
        let (rows, vectors, raw) = (rows.max(1) * tile.m, vectors.max(1), schedule.has("raw"));
        let plain = tile.plain.as_deref().filter(|_| schedule.has("un"));
        Self { task, family, tile: plain.unwrap_or(tile), stored: tile, schedule, rows, vectors, raw }
    }

    /// Is every panel unpacked once for all the rows of a strip?
    pub fn unpacks(&self) -> bool {
        self.tile != self.stored
    }

    /// The address of a packed vector, `step` vectors past `rhs`.
    pub fn rhs(&self, step: &str) -> String {
        format!("(const void *)(rhs + ({step}) * {})", self.tile.vector_bytes())
    }

    /// Elements between two window rows of the input.
    pub fn line(&self) -> usize {
        let s = &self.task.shape;
        if self.raw { s.w * s.c } else { self.staged_width() * s.c }
    }

    /// Is the depth walked in several blocks, with partial sums in the output?
    pub fn blocks_depth(&self) -> bool {
        self.depth_block() > 0
    }

    pub fn push_weight(&self, out: &mut Vec<u8>, weights: &Weights, index: Option<usize>) {
        match (weights, index) {
            (Weights::Int { codes, .. }, Some(i)) => match self.stored.bits {
                8 => out.push(codes[i] as u8),
                _ => out.extend(i16::from(codes[i]).to_le_bytes()),
            },
            (Weights::Float(w), Some(i)) => out.extend(w[i].to_le_bytes()),
            (Weights::Coded(_), Some(_)) => {}
            (_, None) => out.resize(out.len() + self.stored.bits / 8, 0),
        }
    }

    fn depth_block(&self) -> usize {
        let [_, _, depth] = self.schedule.sizes("c");
        depth / self.tile.k
    }

    /// Are the rows of the left side plain rows of the input, one after the other?
    fn plain_rows(&self) -> bool {
        self.task.shape.is_plain()
    }

    /// Are staged rows packed, `m` of them, as a tile multiplies them: [k / run][row][run]? Those of images overlap.
    pub fn packs_rows(&self) -> bool {
        !self.raw && self.plain_rows() && self.tile.m > 1 && !self.tile.numbered()
    }

    /// Rows that a block has one address for.
    pub fn rows_together(&self) -> usize {
        if self.tile.numbered() || self.packs_rows() { self.tile.m } else { 1 }
    }

    /// Lines of the output, and rows in each.
    fn lines(&self) -> (usize, usize) {
        let s = &self.task.shape;
        if self.plain_rows() { (s.m(), 1) } else { (s.oh, s.ow) }
    }

    fn staged_width(&self) -> usize {
        let s = &self.task.shape;
        (s.ow - 1) * s.stride + s.kw
    }

    /// Rows that a numbered register is configured for. Where a strip ends before them, what they read is not stored.
    fn tile_rows(&self) -> usize {
        if self.tile.numbered() { self.tile.m.min(self.task.shape.m()) } else { 1 }
    }

    /// Elements from one plain row to the next.
    pub fn row_stride(&self) -> usize {
        let k = self.task.shape.k();
        if self.raw {
            return k;
        }
        let stride = self.parts() * k.next_multiple_of(self.tile.k) / self.tile.per;
        // rows a multiple of 1 KiB apart would compete for the same cache sets
        if (stride * self.tile.elem).is_multiple_of(1024) { stride + 64 / self.tile.elem } else { stride }
    }

    fn parts(&self) -> usize {
        (self.family.parts)(self.task)
    }

    /// The address of row `i` of a strip, relative to its first.
    fn row(&self, i: &str) -> String {
        let s = &self.task.shape;
        if self.plain_rows() {
            return format!("({i}) * {}", self.row_stride());
        }
        let line = s.stride * self.line();
        format!("({i}) / {w} * {line} + ({i}) % {w} * {}", s.stride * s.c, w = s.ow)
    }

    /// Panels of a group.
    fn panels_of_group(&self) -> usize {
        let [_, columns, _] = self.schedule.sizes("c");
        if columns == 0 { self.panels() } else { (columns / (self.vectors * self.tile.n)).max(1) }
    }

    fn panels(&self) -> usize {
        self.task.shape.n().div_ceil(self.vectors * self.tile.n)
    }
    /// Panels that are complete; the last one may have fewer vectors, the last of them partly filled.
    fn full_panels(&self) -> usize {
        self.task.shape.n() / (self.vectors * self.tile.n)
    }
    fn steps(&self) -> usize {
        (self.family.steps)(self.task, self.tile)
    }

    /// Have groups of weights a zero point?
    pub fn has_points(&self) -> bool {
        self.task.scheme.groups().is_some_and(|g| g.points)
    }

    /// Bytes of one vector of outputs over the whole depth, scales and zero points of groups included: as packed for this
    /// tile.
    fn column_bytes(&self, tile: &Tile) -> usize {
        let of_group = |g: Groups| self.task.shape.k().div_ceil(g.columns) * (g.scale.bytes() + usize::from(g.points));
        let groups = self.task.scheme.groups().map_or(0, of_group);
        (self.family.steps)(self.task, tile) * tile.vector_bytes() + groups * tile.n
    }

    /// Lines of a strip, and of a thread's share.
    fn strip(&self) -> usize {
        let [rows, _, _] = self.schedule.sizes("c");
        let (lines, width) = self.lines();
        if rows == 0 { lines } else { (rows / width).clamp(1, lines) }
    }
    fn share(&self) -> usize {
        let (lines, _) = self.lines();
        let threads = if self.schedule.has("tn") { 1 } else { self.task.threads };
        let unit = if self.plain_rows() { self.rows } else { 1 };
        lines.div_ceil(threads).next_multiple_of(unit)
    }
    fn panel_share(&self) -> usize {
        let threads = if self.schedule.has("tn") { self.task.threads } else { 1 };
        self.panels().div_ceil(threads)
    }

    /// Rows left over after whole blocks, over all strips of all threads.
    fn row_tails(&self) -> BTreeSet<usize> {
        let (lines, width) = self.lines();
        let mut tails = BTreeSet::new();
        for begin in (0..lines).step_by(self.share()) {
            let end = (begin + self.share()).min(lines);
            for line in (begin..end).step_by(self.strip()) {
                tails.insert((end - line).min(self.strip()) * width % self.rows);
            }
        }
        tails.remove(&0);
        tails
    }

    /// Does any strip hold a whole block?
    fn has_whole_blocks(&self) -> bool {
        let (lines, width) = self.lines();
        self.strip().min(self.share()).min(lines) * width >= self.rows
    }

    /// Grids that a strip needs: one per row, or one for the image.
    fn grids(&self) -> usize {
        match self.task.arithmetic() {
            Arithmetic::Dynamic | Arithmetic::Groups if self.grid_per_row() => self.strip().min(self.share()),
            Arithmetic::Dynamic | Arithmetic::Groups => 1,
            Arithmetic::Int | Arithmetic::Requant | Arithmetic::Float | Arithmetic::Coded => 0,
        }
    }
    fn grid_per_row(&self) -> bool {
        op::rows_per_grid(&self.task.shape) == 1 && !self.task.has_static_grid()
    }
    fn grid_bytes(&self) -> usize {
        (self.grids() * 20).next_multiple_of(64)
    }

    fn work_bytes(&self) -> u64 {
        (self.grid_bytes() + self.staged_bytes() + self.panel_bytes()) as u64
    }

    fn staged_bytes(&self) -> usize {
        let s = &self.task.shape;
        let lines = self.strip().min(self.share());
        let elements = match (self.raw, self.plain_rows()) {
            (true, _) => 0,
            (false, true) if self.packs_rows() => (self.packed_rows() + 1) * self.row_stride(),
            (false, true) => lines.next_multiple_of(self.tile_rows()) * self.row_stride(),
            (false, false) => ((lines - 1) * s.stride + s.kh) * self.line(),
        };
        let slack = if self.raw { 0 } else { 64 }; // the last step of the last row may read on
        (elements * self.tile.elem + slack).next_multiple_of(64)
    }

    /// Rows that are packed, whole tiles of them.
    fn packed_rows(&self) -> usize {
        self.strip().min(self.share()).next_multiple_of(self.tile.m)
    }

    fn input(&self) -> &'static str {
        if matches!(self.task.arithmetic(), Arithmetic::Int | Arithmetic::Requant) { "uint8_t" } else { "float" }
    }
    fn output(&self) -> &'static str {
        match self.task.arithmetic() {
            Arithmetic::Int => "int32_t",
            Arithmetic::Requant => "uint8_t",
            Arithmetic::Dynamic | Arithmetic::Groups | Arithmetic::Float | Arithmetic::Coded => "float",
        }
    }
    /// Type of a left element as the block reads it.
    fn element(&self) -> String {
        if self.raw { self.input().into() } else { format!("{}_elem", self.tile.prefix) }
    }
}
