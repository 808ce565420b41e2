//! The designs of a job: foldings, memories, multipliers, registers.

use super::job::Job;
use crate::fpga::device::Device;
use crate::fpga::ir::{Memory, Multiplier, Mvau, UnitKind, divisors};

/// Every legal design, in one order. Choices that make no difference are made once.
pub fn space(job: &Job, device: &Device) -> Vec<Mvau> {
    let base = &job.unit;
    let simds = if base.kind == UnitKind::Depthwise { vec![1] } else { divisors(job.lanes) };
    let hard = device.total.dsp.unwrap_or(0) > 0;
    let multipliers = [Multiplier::Dsp, Multiplier::Fabric];
    let multipliers = if hard { &multipliers[..] } else { &multipliers[1..] };
    let mut all = Vec::new();
    for (pe, simd) in divisors(base.rows).into_iter().flat_map(|pe| simds.iter().map(move |s| (pe, *s))) {
        let folded = Mvau { pe, simd, ..base.clone() };
        for (memory, multiplier) in
            [Memory::Block, Memory::Distributed].into_iter().flat_map(|m| multipliers.iter().map(move |x| (m, *x)))
        {
            let packings: &[u32] = if multiplier == Multiplier::Dsp { &[1, 2] } else { &[1] };
            for (registered, packing) in [true, false].into_iter().flat_map(|r| packings.iter().map(move |p| (r, *p))) {
                let trees = (0..=2u32).filter(|t| *t == 1 || *t <= folded.tree_levels());
                let points = trees.map(|tree| Mvau { memory, multiplier, registered, packing, tree, ..folded.clone() });
                all.extend(points.filter(|u| u.check().is_ok()));
            }
        }
    }
    all
}
