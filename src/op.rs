//! What a layer computes, by the portable law of `native/reference.c`.

use crate::layer::{Op, Shape};
use crate::native::abi;
use crate::scheme::affine::Grid;

fn conv(s: &Shape) -> abi::bs_conv {
    abi::bs_conv {
        h: s.h as u64,
        w: s.w as u64,
        c: s.c as u64,
        f: s.f as u64,
        kh: s.kh as u64,
        kw: s.kw as u64,
        stride: s.stride as u64,
        top: s.top as u64,
        left: s.left as u64,
        oh: s.oh as u64,
        ow: s.ow as u64,
        depthwise: u64::from(s.op == Op::Depthwise),
    }
}

/// `out[m][n] = init[n] + sum lhs * weights` in exact 32-bit integers; padding reads as `zero`.
pub fn reference_int(shape: &Shape, lhs: &[u8], codes: &[i8], init: &[i32], zero: i32) -> Vec<i32> {
    assert_eq!((lhs.len(), codes.len(), init.len()), (shape.lhs_len(), shape.weights_len(), shape.n()));
    let mut out = vec![0; shape.out_len()];
    // SAFETY: the lengths above are those that the function reads and writes for this shape
    unsafe {
        abi::bs_reference_int(&conv(shape), lhs.as_ptr(), codes.as_ptr(), init.as_ptr(), zero, out.as_mut_ptr());
    }
    out
}

/// Sums of groups of `group` inputs times `scales` [n, groups], added up in f32 as `bs_reference_groups` says.
pub fn reference_groups(shape: &Shape, lhs: &[u8], codes: &[i8], scales: &[f32], group: usize, zero: i32) -> Vec<f32> {
    assert!(shape.op != Op::Depthwise && group > 0);
    assert_eq!((lhs.len(), codes.len()), (shape.lhs_len(), shape.weights_len()));
    assert_eq!(scales.len(), shape.n() * shape.k().div_ceil(group));
    let mut out = vec![0.0; shape.out_len()];
    let (lhs, codes, scales, to) = (lhs.as_ptr(), codes.as_ptr(), scales.as_ptr(), out.as_mut_ptr());
    // SAFETY: the lengths above are those that the function reads and writes for this shape
    unsafe { abi::bs_reference_groups(&conv(shape), lhs, codes, scales, group as u64, zero, to) };
    out
}

/// The same in floating point with f64 accumulation, and for every output the sum of absolute products.
pub fn reference_f64(shape: &Shape, lhs: &[f32], weights: &[f32]) -> (Vec<f64>, Vec<f64>) {
    assert_eq!((lhs.len(), weights.len()), (shape.lhs_len(), shape.weights_len()));
    let (mut out, mut magnitude) = (vec![0.0; shape.out_len()], vec![0.0; shape.out_len()]);
    // SAFETY: as above
    unsafe {
        abi::bs_reference_f64(&conv(shape), lhs.as_ptr(), weights.as_ptr(), out.as_mut_ptr(), magnitude.as_mut_ptr());
    }
    (out, magnitude)
}

/// Rows that share one dynamic grid: 1 in a matrix product; in an image all there are, never 1 even if it has one pixel.
pub fn rows_per_grid(shape: &Shape) -> usize {
    if matches!(shape.op, Op::Gemm | Op::Gemv) { 1 } else { usize::MAX }
}

/// Numbers that share one dynamic grid: a row of a matrix product, or a whole image.
pub fn grid_span(shape: &Shape) -> usize {
    if rows_per_grid(shape) == 1 { shape.k() } else { shape.lhs_len() }
}

/// A quantized layer on f32 activations: quantize, multiply in integers, finish; bit for bit what an `f32io` kernel
/// gives. `grid` tells the grid of the numbers that share one.
pub fn forward_int(
    shape: &Shape,
    relu: bool,
    x: &[f32],
    (codes, scales): (&[i8], &[f32]),
    bias: &[f32],
    grid: impl Fn(&[f32]) -> Grid,
) -> Vec<f32> {
    let sums = &mut |lhs: &[u8], codes: &[i8], zero| exact_sums(shape, lhs, codes, zero);
    forward_int_with(shape, relu, x, (codes, scales), bias, grid, sums)
}

/// [`reference_int`] from zero.
pub fn exact_sums(shape: &Shape, lhs: &[u8], codes: &[i8], zero: i32) -> Vec<i32> {
    reference_int(shape, lhs, codes, &vec![0; shape.n()], zero)
}

/// Sums of a layer, [m, n]: of u8 activations, s8 codes, and what padding reads as.
pub type Sums<'a> = dyn FnMut(&[u8], &[i8], i32) -> Vec<i32> + 'a;

/// The same with sums that are made in another way.
pub fn forward_int_with(
    shape: &Shape,
    relu: bool,
    x: &[f32],
    (codes, scales): (&[i8], &[f32]),
    bias: &[f32],
    grid: impl Fn(&[f32]) -> Grid,
    accumulate: &mut Sums,
) -> Vec<f32> {
    let (grids, lhs) = quantized(shape, x, grid);
    let sums = column_sums(codes, shape.k());
    let zero = grids.first().map_or(0, |g| g.zero);
    let acc = accumulate(&lhs, codes, zero);
    let n = shape.n();
    acc.iter()
        .enumerate()
        .map(|(i, a)| {
            let (row, col) = (i / n, i % n);
            grids[row / rows_per_grid(shape)].finish(*a, scales[col], sums[col], bias[col], relu)
        })
        .collect()
}

/// The grids of activations, and their codes.
fn quantized(shape: &Shape, x: &[f32], grid: impl Fn(&[f32]) -> Grid) -> (Vec<Grid>, Vec<u8>) {
    let span = grid_span(shape);
    let grids: Vec<Grid> = x.chunks_exact(span).map(grid).collect();
    let codes = x.chunks_exact(span).zip(&grids).flat_map(|(row, g)| row.iter().map(|v| g.quantize(*v)));
    let codes = codes.collect();
    (grids, codes)
}

/// The same for weights that have a scale for every `group` inputs of an output: see `bs_finish_groups`.
pub fn forward_groups(
    shape: &Shape,
    relu: bool,
    x: &[f32],
    (codes, scales, group): (&[i8], &[f32], usize),
    bias: &[f32],
    grid: impl Fn(&[f32]) -> Grid,
) -> Vec<f32> {
    let (grids, lhs) = quantized(shape, x, grid);
    let zero = grids.first().map_or(0, |g| g.zero);
    let acc = reference_groups(shape, &lhs, codes, scales, group, zero);
    let (n, sums) = (shape.n(), weight_sums(codes, scales, group, shape.k()));
    let finish = |(i, acc): (usize, &f32)| {
        let (g, col) = (grids[i / n / rows_per_grid(shape)], i % n);
        let y = (acc * (1 << g.shift) as f32 - g.zero as f32 * sums[col]) * g.scale + bias[col];
        if relu { y.max(0.0) + 0.0 } else { y } // + 0: never a negative zero
    };
    acc.iter().enumerate().map(finish).collect()
}

/// The same from u8 to u8, as a `qdq` kernel: `grids` of all inputs and of all outputs. Gives what the codes stand for.
pub fn forward_qdq(
    shape: &Shape,
    relu: bool,
    x: &[f32],
    (codes, scales): (&[i8], &[f32]),
    bias: &[f32],
    (input, output): (Grid, Grid),
    accumulate: &mut Sums,
) -> Vec<f32> {
    let lhs: Vec<u8> = x.iter().map(|v| input.quantize(*v)).collect();
    let (init, multiplier) = requantization((codes, scales), bias, shape.k(), (input, output));
    let mut acc = accumulate(&lhs, codes, input.zero);
    acc.iter_mut().enumerate().for_each(|(i, acc)| *acc = acc.wrapping_add(init[i % shape.n()]));
    let codes = requantize_all(&acc, &multiplier, output.zero, relu);
    codes.iter().map(|code| (i32::from(*code) - output.zero) as f32 * output.scale).collect()
}

/// For each output what requantizing adds to the sums, and multiplies them with.
pub fn requantization(
    (codes, scales): (&[i8], &[f32]),
    bias: &[f32],
    k: usize,
    (input, output): (Grid, Grid),
) -> (Vec<i32>, Vec<f32>) {
    let sums = column_sums(codes, k);
    let parts = sums.iter().zip(scales).zip(bias).map(|((sum, scale), bias)| {
        // the code's unit; of signs' zero point there may be half a unit
        let (unit, zero) = (input.scale * scale * (1 << input.shift) as f32, input.zero * sum);
        let part = (zero & ((1 << input.shift) - 1)) as f32 / 2.0;
        ((bias / unit - part).round_ties_even() as i32 - (zero >> input.shift), unit / output.scale)
    });
    parts.unzip()
}

/// All sums, [m, n], requantized.
pub fn requantize_all(acc: &[i32], multiplier: &[f32], zero: i32, relu: bool) -> Vec<u8> {
    let low = if relu { zero } else { 0 };
    acc.iter().enumerate().map(|(i, acc)| requantize(*acc, multiplier[i % multiplier.len()], zero, low)).collect()
}

/// Sums requantized to u8: see `bs_requantize`.
pub fn requantize(acc: i32, multiplier: f32, zero: i32, low: i32) -> u8 {
    let y = (acc as f32 * multiplier).clamp((low - zero) as f32, (255 - zero) as f32);
    (y.round_ties_even() as i32 + zero) as u8
}

/// Sum of each output's weights, rounded once: what the activations' zero point is multiplied with.
pub fn weight_sums(codes: &[i8], scales: &[f32], group: usize, k: usize) -> Vec<f32> {
    let of_row = |(codes, scales): (&[i8], &[f32])| {
        let part = |(c, s): (&[i8], &f32)| c.iter().map(|c| f64::from(*c)).sum::<f64>() * f64::from(*s);
        codes.chunks(group).zip(scales).map(part).sum::<f64>() as f32
    };
    codes.chunks_exact(k).zip(scales.chunks_exact(k.div_ceil(group))).map(of_row).collect()
}

/// Sum of each output's weight codes: what the activations' zero point is multiplied with.
pub fn column_sums(codes: &[i8], k: usize) -> Vec<i32> {
    codes.chunks_exact(k).map(|row| row.iter().map(|c| i32::from(*c)).sum()).collect()
}

/// The layer in f64 on unquantized numbers: the truth that every scheme's error is measured against.
pub fn forward_f64(shape: &Shape, relu: bool, x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let (mut y, _) = reference_f64(shape, x, weights);
    for (i, v) in y.iter_mut().enumerate() {
        *v += f64::from(bias[i % shape.n()]);
        if relu {
            *v = v.max(0.0);
        }
    }
    y
}

/// The same, rounded to f32.
pub fn forward(shape: &Shape, relu: bool, x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    forward_f64(shape, relu, x, weights, bias).into_iter().map(|v| v as f32).collect()
}
