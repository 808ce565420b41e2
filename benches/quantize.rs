//! Seconds that quantizing one large matrix takes, once per method: `cargo bench --bench quantize [METHOD...]`.

use std::time::Instant;

use bitsmith::candidate::Contract;
use bitsmith::data::LayerData;
use bitsmith::layer::{Layer, Shape};
use bitsmith::quantized::QuantizedLayer;
use bitsmith::scheme;
use bitsmith::scheme::correct::{Draft, Input};

/// Rows of synthetic activations that calibrate.
const ROWS: usize = 512;

/// Weights [n, k] and a scheme.
const CASES: [(usize, usize, &str); 10] = [
    (4096, 11008, "w8a32"),
    (4096, 11008, "w4a32g32"),
    (4096, 11008, "w4a32g32-mse"),
    (4096, 11008, "kmeans4"),
    (4096, 11008, "nf4"),
    (4096, 11008, "w4a32g128-affine-hqq"),
    (4096, 11008, "w4a32g128-awq"),
    (4096, 11008, "w4a32g128-gptq"),
    (1024, 1024, "w4a32-adaround"),
    (1024, 1024, "w4a32-gptq"),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (n, k, name) in CASES.iter().filter(|c| wanted.is_empty() || wanted.iter().any(|w| w == c.2)) {
        let shape = Shape::gemm(ROWS, *n, *k).expect("a legal shape");
        let LayerData { weights, bias, samples, .. } =
            LayerData::of(&Layer::of_shape("bench", shape)).expect("synthetic");
        let scheme = scheme::find(name).expect("a scheme");
        let layer = Draft { shape, weights, bias, input: Input::default(), importance: None };
        let begin = Instant::now();
        let q = QuantizedLayer::of(layer, &[&samples[0]], &scheme, Contract::F32io);
        let seconds = begin.elapsed().as_secs_f64();
        println!("{name:24} [{n}, {k}], {ROWS} rows: {seconds:8.2} s, {:.2} bits", q.stored_bits / (n * k) as f64);
    }
}
