//! How a kernel's weights lie in memory, in numbers that a program of a few lines can follow (`native/deploy/pack.h`).

use anyhow::Result;

use super::{Task, depthwise, dot, float, product};
use crate::candidate::Schedule;
use crate::layer::Op;
use crate::scheme::coded::ScaleType;

/// Packing of matrix products and depthwise layers whose weights are integers of 1 to 8 bits, s16 or f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub depthwise: bool,
    pub n: usize,
    pub k: usize,
    /// Contiguous pieces of the depth; of depthwise layers the rows of the window.
    pub segments: usize,
    /// Outputs and depth of a vector, depth of an output that lies together, vectors of a panel.
    pub lanes: usize,
    pub depth: usize,
    pub run: usize,
    pub vectors: usize,
    /// Of a stored weight.
    pub bits: usize,
    /// Inputs that share a scale; 0 where all of an output do.
    pub group: usize,
}

impl Task {
    /// None where the weights of the schedule's family are packed in another way.
    /// # Errors
    /// A schedule that names no tile.
    pub fn layout(&self, schedule: &Schedule) -> Result<Option<Layout>> {
        let nest = self.nest(schedule)?;
        let (depthwise, stored) = (self.shape.op == Op::Depthwise, nest.stored);
        let known = [&dot::FAMILY, &float::FAMILY, &depthwise::INT, &depthwise::FLOAT];
        let scales = self.scheme.groups().is_none_or(|g| g.scale == ScaleType::F16 && !g.points);
        let known = known.iter().any(|f| f.name == nest.family.name) && scales;
        Ok(known.then(|| Layout {
            depthwise,
            n: self.shape.n(),
            k: self.shape.k(),
            segments: product::segments(&self.shape),
            lanes: stored.n,
            depth: stored.k,
            run: stored.run,
            vectors: nest.vectors,
            bits: stored.bits,
            group: self.group().unwrap_or(0),
        }))
    }
}
