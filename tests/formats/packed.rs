//! Block formats: bytes and values against gguf (llama.cpp's Python package), and NumPy with ml_dtypes.

use bitsmith::scheme::format::{self, Fit, block};
use bitsmith::scheme::lattice::Matrix;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{bytes, f32s, list, same, vectors};

/// Our bytes are theirs, and quantizing is reading them.
fn bytes_agree(name: &str, rows: &[Value], expected: &[Value]) {
    for (i, (row, expected)) in rows.iter().zip(expected).enumerate() {
        let (row, expected) = (f32s(row), bytes(expected));
        let got = block::pack(name, &row).unwrap();
        let different = got.iter().zip(&expected).position(|(g, e)| g != e);
        assert_eq!((got.len(), different), (expected.len(), None), "{name}, row {i}");
        let read = block::unpack(name, &expected, row.len()).unwrap();
        let quantized = format::parse(name).unwrap().0.quantize(&Matrix::new(&row, row.len()), &Fit::default());
        assert_eq!(quantized.codes, read.codes, "{name}, row {i}");
        assert_eq!(quantized.lattice, read.lattice, "{name}, row {i}");
        same(&quantized.values, &read.values, name);
    }
}

#[test]
fn blocks_of_ggml_are_quantized_to_its_bytes() {
    let all = vectors("ggml");
    let types = all["quantized"].as_object().unwrap();
    assert_eq!(types.len(), 7);
    for (name, expected) in types {
        bytes_agree(name, list(&all["x"]), list(expected));
    }
}

#[test]
fn blocks_of_ggml_are_read_to_its_numbers() {
    let all = vectors("ggml");
    let types = all["read"].as_object().unwrap();
    assert_eq!(types.len(), 13);
    for (name, expected) in types {
        let values = f32s(&expected["values"]);
        let got = block::unpack(name, &bytes(&expected["bytes"]), values.len()).unwrap();
        same(&got.values, &values, name);
    }
}

#[test]
fn microscaling_follows_the_rules_of_ocp() {
    let all = vectors("microscaling");
    let names = ["mxfp8e4m3", "mxfp8e5m2", "mxfp6e2m3", "mxfp6e3m2", "mxfp4", "mxint8"];
    for (name, element) in names.into_iter().zip(["e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "int8"]) {
        bytes_agree(name, list(&all["x"]), list(&all["mx"][element]));
    }
    bytes_agree("nvfp4", list(&all["x"]), list(&all["nvfp4"]));
}

#[test]
fn rows_are_filled_up_with_zeros() {
    let row: Vec<f32> = (0..45).map(|i| (i as f32 * 0.7).sin()).collect();
    for layout in block::layouts() {
        let mut padded = row.clone();
        padded.resize(45usize.div_ceil(layout.columns) * layout.columns, 0.0);
        let packed = block::pack(layout.name, &row).unwrap();
        assert_eq!(Some(&packed), block::pack(layout.name, &padded).as_ref(), "{}", layout.name);
        assert_eq!(packed.len(), padded.len() / layout.columns * layout.bytes);
        let read = block::unpack(layout.name, &packed, 45).unwrap();
        assert_eq!(read.lattice.stored_bits, packed.len() as f64 * 8.0, "{}", layout.name);
        assert_eq!(read.values.len(), 45);
        same(&read.values, &block::unpack(layout.name, &packed, padded.len()).unwrap().values[..45], layout.name);
        assert!(block::unpack(layout.name, &packed[1..], 45).is_none(), "{}: too few bytes", layout.name);
    }
    assert!(block::pack("q9_0", &row).is_none() && block::unpack("w8", &[], 0).is_none());
}

#[test]
fn scales_that_are_no_numbers_are_refused() {
    for layout in block::layouts() {
        let nothing = vec![0xff; layout.bytes];
        assert!((layout.decode)(&nothing).is_none(), "{}", layout.name);
    }
    assert!(block::unpack("nvfp4", &[0xff; 13], 16).is_none());
}

/// Mean squared error over that of the numbers themselves, of 16 rows of normal numbers.
fn relative_error(name: &str, importance: Option<&[f32]>, k: usize, weights: &[f32]) -> f64 {
    let x: Vec<f32> = (0..16 * k).map(|i| normal(i as u64)).collect();
    let found = format::parse(name).unwrap().0;
    let q = found.quantize(&Matrix::new(&x, k), &Fit { importance, ..Fit::default() });
    let sum = |f: &dyn Fn(usize) -> f32| {
        (0..x.len()).map(|i| f64::from(f(i)).powi(2) * f64::from(weights[i % k])).sum::<f64>()
    };
    sum(&|i| x[i] - q.values[i]) / sum(&|i| x[i])
}

fn normal(seed: u64) -> f32 {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..12).map(|_| rng.f32()).sum::<f32>() - 6.0
}

/// Uniform steps over the range r of a group of normal numbers err by (r / (2^b - 1))^2 / 12; r is about 3.5 for 16
/// numbers and 4.1 for 32. The bounds leave room for symmetric levels and for scales that are integers.
#[test]
fn searched_scales_err_no_more_than_their_bits_allow() {
    let ones = vec![1.0; 512];
    let bounds =
        [("q2_k", 0.11), ("q3_k", 0.04), ("q4_k", 0.008), ("q5_k", 0.002), ("q6_k", 0.0006), ("iq4_nl", 0.009)];
    for (name, bound) in bounds {
        let error = relative_error(name, None, 512, &ones);
        assert!(error < bound && error > bound / 4.0, "{name}: {error}");
    }
}

#[test]
fn importance_lowers_the_error_that_it_weighs() {
    let weights: Vec<f32> = (0..512).map(|i| if i % 7 == 0 { 25.0 } else { 0.2 }).collect();
    for name in ["q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl"] {
        let (with, without) =
            (relative_error(name, Some(&weights), 512, &weights), relative_error(name, None, 512, &weights));
        assert!(with < without, "{name}: {with} {without}");
    }
}

/// SHA-256 (first 8 bytes) of the bytes of the rows in ggml.json, without and with importance. There is no Python peer;
/// ggml's own C, built without contraction (commit d99724f2b141), writes the same.
const SEARCHED: [(&str, &str, &str); 6] = [
    ("q2_k", "2b4549619c00b23a", "c7d958b97903d576"),
    ("q3_k", "1b6d2ddcb988887e", "6cfdb200563f0ae4"),
    ("q4_k", "712470b40912aa08", "27dba5c42cc83a62"),
    ("q5_k", "8b53a59f2c2fa132", "0b4293ba8a219379"),
    ("q6_k", "d3cf3b1bdb9bab4c", "09171273c5e920ca"),
    ("iq4_nl", "2701c5517beb0d63", "2e136c9fbc2e7c7d"),
];

#[test]
fn searched_blocks_have_the_bytes_of_ggml() {
    let importance: Vec<f32> = (0..512).map(|i| (i * 37 % 101 + 1) as f32 / 16.0).collect();
    let all = vectors("ggml");
    let rows: Vec<Vec<f32>> = list(&all["x"]).iter().map(f32s).collect();
    for (name, plain, weighted) in SEARCHED {
        let layout = block::layouts().find(|l| l.name == name).unwrap();
        for (expected, importance) in [(plain, None), (weighted, Some(&importance[..]))] {
            let bytes: Vec<u8> = rows.iter().flat_map(|r| layout.pack(r, importance)).collect();
            let digest = Sha256::digest(bytes);
            let hex: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected, "{name}, importance: {}", importance.is_some());
        }
    }
}
