//! Integer grids against ONNX Runtime's operators.

use bitsmith::scheme::affine::Grid;
use bitsmith::scheme::format::pack;
use bitsmith::scheme::lattice::Step;
use bitsmith::scheme::levels::Levels;

use super::{bytes, f32s, list, same, vectors};

#[test]
fn quantize_linear_and_dequantize_linear() {
    for case in list(&vectors("onnx")["linear"]) {
        let (scale, x, codes) = (f32s(&case["scale"])[0], f32s(&case["x"]), bytes(&case["codes"]));
        let point = case["point"].as_i64().map(|p| p as i32);
        let levels = if point.is_some() { Levels::unsigned(8) } else { Levels::signed(8, true) };
        let step = match point {
            Some(point) => Step::with_point(&levels, scale, point),
            None => Step::symmetric(&levels, scale),
        };
        // s8 bytes are two's complement, our codes count from the least level
        let code = |b: u8| u16::from(if point.is_some() { b } else { b ^ 0x80 });
        for (x, byte) in x.iter().zip(&codes) {
            assert_eq!(step.nearest(*x), code(*byte), "{x} / {scale}");
        }
        let back: Vec<f32> = codes.iter().map(|b| step.value(code(*b))).collect();
        same(&back, &f32s(&case["back"]), "DequantizeLinear");
    }
}

/// Scales and zero points agree bit for bit. Codes: ONNX divides by the scale, kernels here multiply with its inverse,
/// so a number within an ulp or two of a tie may get the neighbouring code; no other may.
#[test]
fn dynamic_quantize_linear() {
    let all = vectors("onnx");
    let (mut total, mut moved) = (0, 0);
    for case in list(&all["dynamic"]) {
        let x = f32s(&case["x"]);
        let grid = Grid::of(&x, 8);
        same(&[grid.scale], &f32s(&case["scale"]), "scale");
        assert_eq!(i64::from(grid.zero), case["zero"].as_i64().unwrap());
        for (x, theirs) in x.iter().zip(bytes(&case["codes"])) {
            let ours = grid.quantize(*x);
            let from_tie = ((f64::from(*x) / f64::from(grid.scale)).rem_euclid(1.0) - 0.5).abs();
            assert!(ours == theirs || ours.abs_diff(theirs) == 1 && from_tie < 1e-4, "{x}: {ours} {theirs}");
            total += 1;
            moved += usize::from(ours != theirs);
        }
    }
    assert!(moved * 50 < total, "{moved} of {total}");
}

/// MatMulNBits: 4 bits in blocks of 32 along k, the first of two codes in the low half; scale is the number of largest
/// magnitude over -8 (symmetric, zero point 8), or the range over 15 with a 4-bit zero point.
#[test]
fn four_bit_weights_of_matmul_nbits() {
    for case in list(&vectors("onnx")["nbits"]) {
        let symmetric = case["symmetric"].as_bool().unwrap();
        let (scales, packed) = (f32s(&case["scales"]), bytes(&case["packed"]));
        let zeros = bytes(&case["zeros"]);
        let blocks = case["k"].as_u64().unwrap() as usize / 32;
        let mut index = 0;
        for (n, row) in list(&case["rows"]).iter().enumerate() {
            let row_zeros = &zeros[n * blocks.div_ceil(2)..][..blocks.div_ceil(2)];
            let zeros = pack::unpack(row_zeros, 4, blocks).unwrap();
            for (x, zero) in f32s(row).chunks(32).zip(zeros) {
                let (scale, bytes) = (scales[index], &packed[index * 16..][..16]);
                let codes = if symmetric { symmetric_block(x, scale) } else { affine_block(x, scale, zero) };
                assert_eq!(pack::pack(&codes, 4), bytes, "block {index}");
                index += 1;
            }
        }
        assert_eq!(index, scales.len());
    }
}

fn symmetric_block(x: &[f32], scale: f32) -> Vec<u8> {
    let largest = x.iter().fold(0f32, |a, v| if v.abs() > a.abs() { *v } else { a });
    same(&[largest / -8.0], &[scale], "scale");
    let levels = Levels::signed(4, true);
    x.iter().map(|v| Step::symmetric(&levels, scale).nearest(*v) as u8).collect()
}

fn affine_block(x: &[f32], scale: f32, zero: u8) -> Vec<u8> {
    let (low, high) = x.iter().fold((0f32, 0f32), |(l, h), v| (l.min(*v), h.max(*v)));
    same(&[(high - low) / 15.0], &[scale], "scale");
    assert_eq!((-low / scale).round_ties_even() as u8, zero);
    let levels = Levels::unsigned(4);
    x.iter().map(|v| Step::with_point(&levels, scale, zero.into()).nearest(*v) as u8).collect()
}
