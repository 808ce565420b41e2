//! Number formats against other implementations (`golden/numbers`, made by its `make.py`) and against what every format
//! must hold.

mod elements;
mod onnx;
mod packed;
mod properties;

use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/golden/numbers/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn u16s(hex: &Value) -> Vec<u16> {
    bytes(hex).chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
}

fn f32s(hex: &Value) -> Vec<f32> {
    bytes(hex).chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The first place where two lists differ, bit for bit.
fn same(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let different = got.iter().zip(expected).position(|(g, e)| g.to_bits() != e.to_bits());
    if let Some(i) = different {
        panic!("{what}: number {i} is {:e}, not {:e}", got[i], expected[i]);
    }
}
