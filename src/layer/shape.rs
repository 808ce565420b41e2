//! Operations and their shapes.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// The kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Gemm,
    Gemv,
    Conv2d,
    Depthwise,
}

impl Op {
    pub const ALL: [Op; 4] = [Op::Gemm, Op::Gemv, Op::Conv2d, Op::Depthwise];

    pub fn name(self) -> &'static str {
        match self {
            Op::Gemm => "gemm",
            Op::Gemv => "gemv",
            Op::Conv2d => "conv2d",
            Op::Depthwise => "depthwise",
        }
    }
}

/// Largest number of elements of any one tensor of a layer.
const MOST_ELEMENTS: u64 = 1 << 31;

/// One problem, every operation written as a convolution over NHWC with a batch of one: gemm [m,k]x[n,k] is a 1x1
/// convolution over m pixels of k channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    pub op: Op,
    /// Input height, width, channels.
    pub h: usize,
    pub w: usize,
    pub c: usize,
    /// Output channels.
    pub f: usize,
    /// Window.
    pub kh: usize,
    pub kw: usize,
    pub stride: usize,
    /// Padding before the first row and column; what follows the last is implied by the output's size.
    pub top: usize,
    pub left: usize,
    /// Output height and width.
    pub oh: usize,
    pub ow: usize,
}

impl Shape {
    /// `m` rows of activations, `n` outputs, `k` inputs.
    pub fn gemm(m: usize, n: usize, k: usize) -> Result<Self> {
        let op = if m == 1 { Op::Gemv } else { Op::Gemm };
        Self { op, h: m, w: 1, c: k, f: n, kh: 1, kw: 1, stride: 1, top: 0, left: 0, oh: m, ow: 1 }.checked()
    }

    /// A window of `kernel` over an input of `input` = [h, w, c]; `pad` = [top, left, bottom, right].
    pub fn conv(
        op: Op,
        input: [usize; 3],
        f: usize,
        kernel: [usize; 2],
        stride: usize,
        pad: [usize; 4],
    ) -> Result<Self> {
        let ([h, w, c], [kh, kw], [top, left, bottom, right]) = (input, kernel, pad);
        for (name, value) in [("h", h), ("w", w), ("c", c), ("f", f), ("kh", kh), ("kw", kw), ("stride", stride)] {
            ensure!(value > 0, "{name} is 0; it must be at least 1");
        }
        let narrow = top < kh && bottom < kh && left < kw && right < kw;
        ensure!(narrow, "pad is not smaller than the {kh}x{kw} window");
        let out = |size: usize, before: usize, after: usize, window: usize| {
            let padded = size.checked_add(before + after).filter(|p| *p >= window);
            padded.map(|p| (p - window) / stride + 1).context("the window is larger than the padded input")
        };
        let (oh, ow) = (out(h, top, bottom, kh)?, out(w, left, right, kw)?);
        Self { op, h, w, c, f, kh, kw, stride, top, left, oh, ow }.checked()
    }

    fn checked(self) -> Result<Self> {
        for (name, value) in [("m", self.h), ("n", self.f), ("k", self.c)] {
            ensure!(value > 0, "{name} is 0; every dimension must be at least 1");
        }
        let product = |dims: &[usize]| dims.iter().try_fold(1u64, |p, d| p.checked_mul(*d as u64));
        for (what, dims) in [
            ("input", [self.h, self.w, self.c, 1]),
            ("weights", [self.f, self.kh, self.kw, self.taps_c()]),
            ("output", [self.oh, self.ow, self.f, 1]),
        ] {
            let small = product(&dims).is_some_and(|p| p <= MOST_ELEMENTS);
            ensure!(small, "the {what} would have more than 2^31 elements");
        }
        Ok(self)
    }

    fn taps_c(&self) -> usize {
        if self.op == Op::Depthwise { 1 } else { self.c }
    }

    /// Rows of the equivalent matrix product.
    pub fn m(&self) -> usize {
        self.oh * self.ow
    }
    /// Columns of the equivalent matrix product.
    pub fn n(&self) -> usize {
        self.f
    }
    /// Products summed into one output.
    pub fn k(&self) -> usize {
        self.kh * self.kw * self.taps_c()
    }
    /// Multiply-accumulates of one call.
    pub fn macs(&self) -> u64 {
        self.m() as u64 * self.n() as u64 * self.k() as u64
    }
    /// Elements of the activations.
    pub fn lhs_len(&self) -> usize {
        self.h * self.w * self.c
    }
    /// Shape of the activations, as a user gives them: [m, k] or [h, w, c].
    pub fn lhs_shape(&self) -> Vec<usize> {
        if matches!(self.op, Op::Gemm | Op::Gemv) { vec![self.h, self.c] } else { vec![self.h, self.w, self.c] }
    }
    /// Shape of the weights: [n, k], [f, kh, kw, c] or [c, kh, kw].
    pub fn weights_shape(&self) -> Vec<usize> {
        match self.op {
            Op::Gemm | Op::Gemv => vec![self.f, self.c],
            Op::Conv2d => vec![self.f, self.kh, self.kw, self.c],
            Op::Depthwise => vec![self.c, self.kh, self.kw],
        }
    }
    pub fn weights_len(&self) -> usize {
        self.n() * self.k()
    }
    pub fn out_len(&self) -> usize {
        self.m() * self.n()
    }
    /// Is it a product of matrices, rows of the input and of the weights as they lie?
    pub fn is_plain(&self) -> bool {
        self.op != Op::Depthwise && self.kh == 1 && self.kw == 1 && self.stride == 1 && !self.padded()
    }

    /// Does any window reach outside the input?
    pub fn padded(&self) -> bool {
        let reach = |o: usize, window: usize| (o - 1) * self.stride + window;
        self.top > 0 || self.left > 0 || reach(self.oh, self.kh) > self.h || reach(self.ow, self.kw) > self.w
    }

    /// `MxNxK`.
    pub fn parse_gemm(text: &str) -> Result<Self> {
        let d = dims(text).filter(|d| d.len() == 3).context("expected MxNxK, for example 512x512x512")?;
        Self::gemm(d[0], d[1], d[2])
    }

    /// `HxWxCxFxKHxKW[sS][pP]`.
    pub fn parse_conv(text: &str) -> Result<Self> {
        let what = "expected HxWxCxFxKHxKW[sS][pP], for example 56x56x64x64x3x3s1p1";
        let (rest, pad) = text.split_once('p').map_or((text, "0"), |(r, p)| (r, p));
        let (rest, stride) = rest.split_once('s').map_or((rest, "1"), |(r, s)| (r, s));
        let d = dims(rest).filter(|d| d.len() == 6).context(what)?;
        let (stride, pad): (usize, usize) = (stride.parse().context(what)?, pad.parse().context(what)?);
        Self::conv(Op::Conv2d, [d[0], d[1], d[2]], d[3], [d[4], d[5]], stride, [pad; 4])
    }
}

fn dims(text: &str) -> Option<Vec<usize>> {
    text.split('x').map(|d| d.parse().ok()).collect()
}
