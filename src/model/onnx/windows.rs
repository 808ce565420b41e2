//! Windows, padding and slices, as ONNX states them.

use anyhow::{Context, Result, bail, ensure};

use super::proto::Node;
use super::{Attributes, Reader};
use crate::model::build::{axis, sizes};
use crate::model::graph::{Operation, ValueId, Window};
use crate::model::infer::image;

impl Reader {
    /// Of an image; of one that was a line where the kernel has one dimension.
    pub(super) fn window(&self, node: &Node, x: ValueId, kernel: &[usize]) -> Result<Window> {
        let line = kernel.len() == 1;
        // a line is one row, which any stride passes once
        let pair = |name: &str| -> Result<[usize; 2]> {
            match sizes(node.ints(name).unwrap_or(if line { &[1] } else { &[1, 1] }))?[..] {
                [both] if line => Ok([both, both]),
                [h, w] if !line => Ok([h, w]),
                ref other => bail!("{name} {other:?} do not fit a window of {kernel:?}"),
            }
        };
        let kernel = match *kernel {
            [w] => [1, w],
            [h, w] => [h, w],
            _ => bail!("a window of {} dimensions", kernel.len()),
        };
        let (stride, dilation) = (pair("strides")?, pair("dilations")?);
        ensure!(
            stride.iter().chain(&kernel).chain(&dilation).all(|v| (1..1 << 20).contains(v)),
            "a window or stride of 0"
        );
        let [h, w, _] = image(self.graph.known(x)?, true)?;
        let pad: [usize; 4] = match node.text("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" | "" => match sizes(node.ints("pads").unwrap_or(if line { &[0; 2] } else { &[0; 4] }))?[..] {
                [left, right] if line => [0, left, 0, right],
                [top, left, bottom, right] if !line => [top, left, bottom, right],
                ref other => bail!("pads {other:?} do not fit a window of {kernel:?}"),
            },
            "VALID" => [0; 4],
            mode @ ("SAME_UPPER" | "SAME_LOWER") => {
                let all = [same(h, kernel[0], stride[0], dilation[0]), same(w, kernel[1], stride[1], dilation[1])];
                let (small, large) = ([all[0] / 2, all[1] / 2], [all[0].div_ceil(2), all[1].div_ceil(2)]);
                let ([t, l], [b, r]) = if mode == "SAME_UPPER" { (small, large) } else { (large, small) };
                [t, l, b, r]
            }
            other => bail!("auto_pad `{other}`"),
        };
        ensure!(pad.iter().all(|p| *p < 1 << 20), "pads of {pad:?}");
        Ok(Window { kernel, stride, pad, dilation, channels_first: true })
    }

    pub(super) fn pad(&self, node: &Node, dims: &[usize]) -> Result<Operation> {
        let mode = node.text("mode").unwrap_or("constant");
        ensure!(mode == "constant" || mode.is_empty(), "pads by `{mode}`");
        let value = self.number(node, 2)?.unwrap_or(node.float("value", 0.0));
        Ok(Operation::Pad { amounts: self.amounts(node, dims)?, value })
    }

    /// [before, after] of each dimension.
    pub(super) fn amounts(&self, node: &Node, dims: &[usize]) -> Result<Vec<[usize; 2]>> {
        let given = match node.ints("pads") {
            Some(pads) => Some(pads.to_vec()),
            None => self.integers(node, 1)?,
        };
        let pads = sizes(&given.context("has no pads")?)?;
        let axes = self.integers(node, 3)?.unwrap_or_else(|| (0..dims.len() as i64).collect());
        ensure!(pads.len() == 2 * axes.len(), "has {} pads for {} axes", pads.len(), axes.len());
        let mut amounts = vec![[0, 0]; dims.len()];
        for (i, a) in axes.iter().enumerate() {
            amounts[axis(*a, dims.len())?] = [pads[i], pads[axes.len() + i]];
        }
        Ok(amounts)
    }

    pub(super) fn slice(&self, node: &Node, dims: &[usize]) -> Result<Operation> {
        let part = |i: usize, name: &str| match node.ints(name) {
            Some(ints) => Ok(Some(ints.to_vec())),
            None => self.integers(node, i),
        };
        let (starts, ends) = (part(1, "starts")?.context("has no starts")?, part(2, "ends")?.context("has no ends")?);
        let axes = part(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = part(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
        let n = starts.len();
        ensure!(
            ends.len() == n && axes.len() == n && steps.len() == n,
            "starts, ends, axes and steps differ in number"
        );
        let mut ranges: Vec<(i64, i64, i64)> = dims.iter().map(|d| (0, *d as i64, 1)).collect();
        for i in 0..n {
            let at = axis(axes[i], dims.len())?;
            let d = dims[at] as i64;
            let from = |v: i64| if v < 0 { v.saturating_add(d) } else { v };
            let step = steps[i];
            ensure!(step != 0, "has a step of 0");
            let (start, end) = (from(starts[i]), from(ends[i]));
            ranges[at] = if step > 0 {
                (start.clamp(0, d), end.clamp(0, d), step)
            } else {
                (start.clamp(0, (d - 1).max(0)), end.clamp(-1, d), step)
            };
        }
        Ok(Operation::Slice(ranges))
    }
}

/// All padding that keeps `ceil(size / stride)` outputs.
fn same(size: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    let outputs = size.div_ceil(stride);
    ((outputs.max(1) - 1) * stride + (kernel - 1) * dilation + 1).saturating_sub(size)
}
