//! Corrections: what they must leave as it is, and what they promise. And of corrections and roundings alike: that results
//! depend on nothing but the numbers, and are numbers.

use bitsmith::accuracy::of_network;
use bitsmith::candidate::Contract;
use bitsmith::data::{LayerData, Trained};
use bitsmith::layer::{Layer, Network, Op, Shape};
use bitsmith::op;
use bitsmith::quantized::QuantizedLayer;
use bitsmith::scheme::correct::{self, CORRECTIONS, Draft, Input, rotate};
use bitsmith::scheme::find;
use bitsmith::scheme::observed::Observed;

fn draft(shape: Shape, weights: &[f32], bias: &[f32]) -> Draft {
    Draft { shape, weights: weights.to_vec(), bias: bias.to_vec(), input: Input::default(), importance: None }
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape::gemm(7, 6, 48).unwrap(),
        Shape::gemm(5, 6, 37).unwrap(),
        Shape::conv(Op::Conv2d, [6, 5, 12], 5, [3, 3], 2, [1; 4]).unwrap(),
        Shape::conv(Op::Depthwise, [6, 5, 8], 8, [3, 3], 1, [1; 4]).unwrap(),
    ]
}

fn assert_close(got: &[f32], truth: &[f32], what: &str) {
    let size = truth.iter().fold(0f32, |m, v| m.max(v.abs()));
    let error = got.iter().zip(truth).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(error <= 1e-4 * size, "{what}: {error} of {size}");
}

#[test]
fn a_corrected_layer_in_floats_computes_the_same() {
    for shape in shapes() {
        let data = LayerData::of(&Layer::of_shape("x", shape)).unwrap();
        let x = &data.samples[0];
        let truth = op::forward(&shape, false, x, &data.weights, &data.bias);
        for names in ["hadamard", "smoothquant", "awq", "importance", "hadamard-smoothquant-awq-importance"] {
            let scheme = find(&format!("w4a32-{names}")).unwrap();
            let mut layer = draft(shape, &data.weights, &data.bias);
            let mut observed = Observed::of(&shape, &[x]);
            for c in &scheme.corrections {
                let input = layer.input.clone();
                c.before(&mut layer, &observed, &scheme);
                let changed = input != layer.input;
                assert!(c.changes_input() || !changed);
                if changed {
                    observed = Observed::of(&shape, &[x]).map(|row| layer.input.apply(row, shape.c));
                }
            }
            let mut x = x.clone();
            layer.input.apply(&mut x, shape.c);
            let got = op::forward(&shape, false, &x, &layer.weights, &layer.bias);
            assert_close(&got, &truth, &format!("{names} {shape:?}"));
            assert!(shape.op != Op::Depthwise || layer.input.is_none());
            // the same through the pipeline: f32 weights, so nothing but the corrections changes anything
            let exact = find(&format!("f32-{names}")).unwrap();
            let whole = draft(shape, &data.weights, &data.bias);
            let whole = QuantizedLayer::of(whole, &[&data.samples[0]], &exact, Contract::F32io);
            assert_close(&whole.forward(&shape, false, &data.samples[0]), &truth, names);
        }
    }
}

#[test]
fn corrections_do_what_they_are_for() {
    let shape = Shape::gemm(16, 8, 64).unwrap(); // one outlier channel
    let data = LayerData::of(&Layer::of_shape("x", shape)).unwrap();
    let scheme = find("w4a8").unwrap();
    let spread = |name: &str| {
        let mut layer = draft(shape, &data.weights, &data.bias);
        let observed = Observed::of(&shape, &[&data.samples[0]]);
        correct::find(name).unwrap().before(&mut layer, &observed, &scheme);
        let peaks = observed.map(|row| layer.input.apply(row, 64)).channel_peaks();
        let most = peaks.iter().fold(0f32, |m, p| m.max(*p));
        most / (peaks.iter().sum::<f32>() / 64.0)
    };
    let before = spread("importance");
    assert!(spread("hadamard") < before / 3.0 && spread("smoothquant") < before / 2.0);
    let error = |name: &str| {
        let layer = draft(shape, &data.weights, &data.bias);
        let q = QuantizedLayer::of(layer, &[&data.samples[0]], &find(name).unwrap(), Contract::F32io);
        let truth = op::forward(&shape, false, &data.samples[0], &data.weights, &data.bias);
        let got = q.forward(&shape, false, &data.samples[0]);
        got.iter().zip(&truth).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
    };
    assert!(error("w4a32-awq") < error("w4a32"), "one of its candidates changes nothing");
    assert!(error("w4a32-mse-importance") < error("w4a32-mse"));
}

#[test]
fn a_rotation_undoes_itself() {
    for n in [1, 2, 8, 128] {
        let x: Vec<f32> = (0..n).map(|i| (i as f32 * 1.7).sin()).collect();
        let mut y = x.clone();
        rotate(&mut y);
        assert!(n == 1 || y != x);
        rotate(&mut y);
        assert!(x.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

#[test]
fn equalized_layers_compute_the_same_and_have_equal_ranges() {
    let chain = [
        Shape::conv(Op::Conv2d, [6, 6, 3], 8, [3, 3], 1, [1; 4]).unwrap(),
        Shape::conv(Op::Depthwise, [6, 6, 8], 8, [3, 3], 2, [1; 4]).unwrap(),
        Shape::conv(Op::Conv2d, [3, 3, 8], 4, [1, 1], 1, [0; 4]).unwrap(),
        Shape::gemm(1, 10, 36).unwrap(),
        Shape::gemm(1, 5, 10).unwrap(),
    ];
    let relu = [true, true, false, true, false];
    let mut layers: Vec<Draft> = vec![];
    for (i, shape) in chain.iter().enumerate() {
        let data = LayerData::of(&Layer::of_shape(&format!("l{i}"), *shape)).unwrap();
        let bias: Vec<f32> = (0..shape.n()).map(|n| (n as f32).sin()).collect();
        layers.push(draft(*shape, &data.weights, &bias));
    }
    layers[0].weights[..27].fill(0.0); // a channel that nobody gives
    let x: Vec<f32> = (0..108).map(|i| (i as f32).cos()).collect();
    let run = |layers: &[Draft]| {
        let each = layers.iter().zip(relu);
        each.fold(x.clone(), |x, (l, relu)| op::forward(&l.shape, relu, &x, &l.weights, &l.bias))
    };
    let truth = run(&layers);
    let before = layers.clone();
    correct::find("cle").unwrap().across(&mut layers, &relu);
    assert_close(&run(&layers), &truth, "cle");
    assert_ne!(layers, before);
    let peak = |w: &mut dyn Iterator<Item = f32>| w.fold(0f32, |m, w| m.max(w.abs()));
    for channel in 0..4 {
        let gives = peak(&mut layers[2].weights[channel * 8..][..8].iter().copied());
        let takes = peak(&mut layers[3].weights.iter().skip(channel).step_by(4).copied()); // flattened, 10 x 9 x 4
        assert!((gives / takes - 1.0).abs() < 0.01, "{gives} {takes}");
    }
}

#[test]
fn the_digits_network_in_floats_is_the_same_under_every_correction() {
    let network = Network::built_in("digits").unwrap();
    let trained = Trained::load(&network).unwrap().unwrap();
    for name in CORRECTIONS.iter().map(|c| c.name()) {
        let scheme = find(&format!("f32-{name}")).unwrap();
        let row = of_network(&network, &trained, &scheme, Contract::F32io).unwrap();
        assert_eq!(row.top1, Some(398), "{name}");
        assert!(row.sqnr_db.is_none_or(|db| db > 100.0), "{name} {:?}", row.sqnr_db);
    }
}

#[test]
fn a_corrected_bias_leaves_no_mean_error() {
    for shape in shapes() {
        let data = LayerData::of(&Layer::of_shape("x", shape)).unwrap();
        let x = &data.samples[0];
        let mean_errors = |scheme: &str| {
            let layer = draft(shape, &data.weights, &data.bias);
            let q = QuantizedLayer::of(layer, &[x], &find(scheme).unwrap(), Contract::F32io);
            let (got, truth) = (q.forward(&shape, false, x), op::forward(&shape, false, x, &data.weights, &data.bias));
            let error = |n: usize| {
                let each = got.iter().zip(&truth).skip(n).step_by(shape.n());
                (each.map(|(a, b)| f64::from(a - b)).sum::<f64>() / shape.m() as f64).abs()
            };
            (0..shape.n()).map(error).fold(0.0, f64::max)
        };
        let (with, without) = (mean_errors("w2a32-biascorr"), mean_errors("w2a32"));
        assert!(with < 1e-4 * without, "{with} {without} {shape:?}");
    }
}

#[test]
fn uniform_importance_changes_nothing() {
    let w: Vec<f32> = (0..240).map(|i| (i as f32 * i as f32).sin()).collect();
    for name in ["w4a32-mse", "w3a32g32-mse"] {
        let scheme = find(name).unwrap();
        assert_eq!(scheme.quantize(&w, 60, Some(&[3.0; 60]), None), scheme.quantize(&w, 60, None, None));
    }
}

// ---- all of them ---------------------------------------------------------------------

const NAMES: [&str; 14] = [
    "w4a8-gptq",
    "w4a32g32-affine-gptq",
    "nf4-gptq",
    "wta8-gptq",
    "w4a8-adaround",
    "fp4e2m1-adaround",
    "w1a8-adaround",
    "w4a32g32-affine-hqq",
    "w4a8-awq",
    "w4a8-smoothquant",
    "w4a8-hadamard",
    "w4a8-mse-importance",
    "w4a8-biascorr",
    "w2a8-gptq-hadamard-smoothquant-awq-importance-biascorr",
];

#[test]
fn results_depend_on_nothing_but_the_numbers() {
    let pool = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, four) = (pool(1), pool(4));
    let mut shapes = shapes();
    shapes.push(Shape::gemm(160, 70, 140).unwrap()); // several blocks of everything
    for shape in shapes {
        let data = LayerData::of(&Layer::of_shape("x", shape)).unwrap();
        let run = |name: &str| {
            let layer = draft(shape, &data.weights, &data.bias);
            let q = QuantizedLayer::of(layer, &[&data.samples[0]], &find(name).unwrap(), Contract::F32io);
            let y = q.forward(&shape, true, &data.samples[0]);
            (q.values, q.bias, y)
        };
        for name in NAMES {
            let first = one.install(|| run(name));
            assert!(first == four.install(|| run(name)) && first == one.install(|| run(name)), "{name} {shape:?}");
        }
    }
}

#[test]
fn degenerate_layers_give_numbers() {
    let mut shapes = shapes();
    shapes.extend([Shape::gemm(1, 3, 1).unwrap(), Shape::gemm(1, 1, 40).unwrap()]);
    for shape in shapes {
        let data = LayerData::of(&Layer::of_shape("x", shape)).unwrap();
        let filled = |with: f32, n: usize| vec![with; n];
        let (n, m) = (data.weights.len(), data.samples[0].len());
        let weights = [data.weights.clone(), filled(0.0, n), filled(0.37, n), filled(-1e-40, n), filled(1e30, n)];
        let inputs = [data.samples[0].clone(), filled(0.0, m), filled(1.0, m), filled(1e-30, m)];
        let cases = weights.iter().flat_map(|w| inputs.iter().map(move |x| (w, x))).enumerate();
        for (i, (w, x)) in cases {
            let often = |name: &&&str| i % 5 == 0 || !name.contains("adaround"); // slow
            for name in NAMES.iter().filter(often) {
                let layer = draft(shape, w, &data.bias);
                let q = QuantizedLayer::of(layer, &[x], &find(name).unwrap(), Contract::F32io);
                let y = q.forward(&shape, false, x);
                let all = q.values.iter().chain(&q.bias).chain(&y);
                assert!(all.into_iter().all(|v| v.is_finite()), "{name} {shape:?} {} {}", w[0], x[0]);
            }
        }
    }
}
