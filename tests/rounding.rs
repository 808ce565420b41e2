//! Roundings that look at a layer's inputs, and corrections: against naive code written a second time, and against what
//! they promise.

use bitsmith::accuracy::of_network;
use bitsmith::candidate::Contract;
use bitsmith::data::{LayerData, Trained};
use bitsmith::layer::{Layer, Network, Op, Shape};
use bitsmith::op;
use bitsmith::quantized::QuantizedLayer;
use bitsmith::scheme::correct::{self, CORRECTIONS, Draft, Input, rotate};
use bitsmith::scheme::evidence::Evidence;
use bitsmith::scheme::format::{self, Fit, Granularity};
use bitsmith::scheme::lattice::{Lattice, Matrix, Origin, Quantized};
use bitsmith::scheme::{find, round};

/// A layer [n, k] and m rows of inputs that are few hidden numbers mixed, so that columns are correlated.
fn correlated(m: usize, n: usize, k: usize, seed: u64) -> (Vec<f32>, Evidence) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut normal = || (0..12).map(|_| rng.f32()).sum::<f32>() - 6.0;
    let hidden = (k / 4).max(1);
    let mix: Vec<f32> = (0..hidden * k).map(|_| normal()).collect();
    let mut x = vec![];
    for _ in 0..m {
        let z: Vec<f32> = (0..hidden).map(|_| normal()).collect();
        x.extend((0..k).map(|j| z.iter().enumerate().map(|(i, z)| z * mix[i * k + j]).sum::<f32>() + 0.3 * normal()));
    }
    let weights = (0..n * k).map(|_| normal()).collect();
    (weights, Evidence::of(&Shape::gemm(m, n, k).unwrap(), &[&x]))
}

fn quantize(rounding: &str, format: &str, how: &Fit, w: &[f32], evidence: &Evidence) -> Quantized {
    let format = format::parse(format).unwrap().0;
    round::find(rounding).unwrap().round(&Matrix::new(w, evidence.k), &*format, how, Some(evidence))
}

/// tr(dW H dW'), row by row of the inputs.
fn loss(w: &[f32], q: &Quantized, evidence: &Evidence) -> f64 {
    let (k, rows) = (evidence.k, evidence.rows(0));
    let mut sum = 0.0;
    for (w, v) in w.chunks_exact(k).zip(q.values.chunks_exact(k)) {
        for x in rows.chunks_exact(k) {
            let y: f64 = (0..k).map(|j| f64::from(x[j]) * (f64::from(w[j]) - f64::from(v[j]))).sum();
            sum += y * y;
        }
    }
    sum / (rows.len() / k) as f64
}

// ---- GPTQ --------------------------------------------------------------------------

type Square = Vec<Vec<f64>>;

fn inverse(a: &Square) -> Square {
    let n = a.len();
    let mut rows: Square = (0..n).map(|i| [&a[i][..], &vec![0.0; n]].concat()).collect();
    (0..n).for_each(|i| rows[i][n + i] = 1.0);
    for i in 0..n {
        let pivot = rows[i][i];
        rows[i].iter_mut().for_each(|v| *v /= pivot);
        for j in (0..n).filter(|j| *j != i) {
            let factor = rows[j][i];
            (0..2 * n).for_each(|c| rows[j][c] -= factor * rows[i][c]);
        }
    }
    rows.into_iter().map(|r| r[n..].to_vec()).collect()
}

/// U, upper triangular, with U'U = a.
fn upper_cholesky(a: &Square) -> Square {
    let n = a.len();
    let mut u = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in i..n {
            let sum: f64 = (0..i).map(|p| u[p][i] * u[p][j]).sum();
            u[i][j] = if i == j { (a[i][i] - sum).sqrt() } else { (a[i][j] - sum) / u[i][i] };
        }
    }
    u
}

/// The paper's algorithm without blocks: Cholesky of the inverse, each error pushed to all columns that are left.
fn textbook(w: &[f32], lattice: &Lattice, evidence: &Evidence) -> Vec<u16> {
    let (k, rows) = (evidence.k, evidence.rows(0));
    let product = |i: usize, j: usize| rows.chunks_exact(k).map(|x| f64::from(x[i]) * f64::from(x[j])).sum::<f64>();
    let mut h: Square = (0..k).map(|i| (0..k).map(|j| product(i, j)).collect()).collect();
    let damping = 0.01 * (0..k).map(|i| h[i][i]).sum::<f64>() / k as f64;
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|a, b| h[*b][*b].total_cmp(&h[*a][*a]));
    (0..k).for_each(|i| h[i][i] += damping);
    let permuted = order.iter().map(|i| order.iter().map(|j| h[*i][*j]).collect()).collect();
    let u = upper_cholesky(&inverse(&permuted));
    let mut codes = vec![0; w.len()];
    for row in 0..w.len() / k {
        let mut left: Vec<f64> = order.iter().map(|j| f64::from(w[row * k + j])).collect();
        for t in 0..k {
            let step = lattice.step(row, order[t]);
            let code = step.nearest(left[t] as f32);
            codes[row * k + order[t]] = code;
            let error = (left[t] - f64::from(step.value(code))) / u[t][t];
            (t..k).for_each(|j| left[j] -= error * u[t][j]);
        }
    }
    codes
}

#[test]
fn gptq_is_the_textbook_algorithm() {
    let group = Fit { granularity: Granularity::Group { columns: 16, sub: None }, affine: true, ..Fit::default() };
    let cases =
        [(70, 5, 40, "w4"), (30, 3, 150, "w3"), (200, 70, 33, "w2"), (64, 4, 24, "nf4"), (9, 2, 300, "fp4e2m1")];
    for (seed, (m, n, k, format)) in cases.into_iter().enumerate() {
        let (w, evidence) = correlated(m, n, k, seed as u64);
        for how in [Fit::default(), group.clone()] {
            let how = Fit { affine: how.affine && format.starts_with('w'), ..how };
            let got = quantize("gptq", format, &how, &w, &evidence);
            assert_eq!(got.codes, textbook(&w, &got.lattice, &evidence), "{format} {m}x{n}x{k}");
        }
    }
}

#[test]
fn gptq_is_hardly_ever_worse_than_nearest_and_mostly_much_better() {
    let mut ratios = vec![];
    for seed in 0..40 {
        let (w, evidence) = correlated(150, 12, 48, seed);
        for format in ["w4", "w3", "w2", "nf4"] {
            let cost = |r: &str| loss(&w, &quantize(r, format, &Fit::default(), &w, &evidence), &evidence);
            ratios.push(cost("gptq") / cost("nearest"));
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    println!("gptq over nearest: mean {mean:.3}, worst {worst:.3}");
    assert!(mean < 0.5 && worst < 1.02, "{mean} {worst}");
}

/// Rows with one input each: the Gram matrix is diagonal.
fn independent(k: usize) -> Evidence {
    let x: Vec<f32> = (0..k * k).map(|i| if i % (k + 1) == 0 { 1.0 + (i % 7) as f32 } else { 0.0 }).collect();
    Evidence::of(&Shape::gemm(k, 1, k).unwrap(), &[&x])
}

#[test]
fn gptq_of_independent_inputs_is_nearest() {
    let (w, _) = correlated(1, 9, 40, 5);
    for format in ["w8", "w4", "w2", "nf4", "fp6e2m3", "f16"] {
        let of = |r: &str| quantize(r, format, &Fit::default(), &w, &independent(40));
        assert_eq!(of("gptq"), of("nearest"), "{format}");
    }
}

// ---- AdaRound ----------------------------------------------------------------------

#[test]
fn adaround_goes_up_or_down_and_is_not_worse_than_nearest() {
    let mut ratios = vec![];
    for seed in 0..6 {
        let (w, evidence) = correlated(100, 8, 32, seed);
        for format in ["w4", "w3", "w2", "nf4"] {
            let of = |r: &str| quantize(r, format, &Fit::default(), &w, &evidence);
            let (learned, nearest) = (of("adaround"), of("nearest"));
            for (i, code) in learned.codes.iter().enumerate() {
                let (a, b) = learned.lattice.step(i / 32, i % 32).neighbours(w[i]);
                assert!(*code == a || *code == b);
            }
            ratios.push(loss(&w, &learned, &evidence) / loss(&w, &nearest, &evidence));
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    println!("adaround over nearest: mean {mean:.3}");
    assert!(ratios.iter().all(|r| *r < 1.01) && mean < 0.6, "{ratios:?}");
}

#[test]
fn adaround_learns_from_few_rows_at_a_time_where_inputs_are_many() {
    let (w, evidence) = correlated(40, 2, 2050, 1);
    let cost = |r: &str| loss(&w, &quantize(r, "w3", &Fit::default(), &w, &evidence), &evidence);
    let ratio = cost("adaround") / cost("nearest");
    println!("adaround over nearest, by rows: {ratio:.3}");
    assert!(ratio < 0.6);
}

// ---- HQQ ---------------------------------------------------------------------------

#[test]
fn hqq_lowers_the_norm_that_it_minimizes() {
    let (w, evidence) = correlated(4, 16, 256, 3);
    let group = Granularity::Group { columns: 32, sub: None };
    for (format, granularity) in [("w4", group), ("w2", group), ("w3", Granularity::Row), ("w4", Granularity::Tensor)] {
        let how = Fit { affine: true, granularity, ..Fit::default() };
        let norm = |q: &Quantized| w.iter().zip(&q.values).map(|(a, b)| f64::from(a - b).abs().powf(0.7)).sum::<f64>();
        let (got, plain) =
            (quantize("hqq", format, &how, &w, &evidence), quantize("nearest", format, &how, &w, &evidence));
        println!("hqq {format} {granularity:?}: {:.4} of the norm", norm(&got) / norm(&plain));
        assert!(norm(&got) < norm(&plain));
        assert!(matches!(got.lattice.origin, Origin::Offsets(_)));
        assert_eq!((&got.lattice.scales, &got.lattice.levels), (&plain.lattice.scales, &plain.lattice.levels));
        assert!(got.lattice.stored_bits > plain.lattice.stored_bits);
    }
    assert!(find("w4a32g32-hqq").unwrap_err().to_string().contains("only -affine weights have"));
}

// ---- corrections ---------------------------------------------------------------------

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
            let mut evidence = Evidence::of(&shape, &[x]);
            for c in &scheme.corrections {
                let input = layer.input.clone();
                c.before(&mut layer, &evidence, &scheme);
                let changed = input != layer.input;
                assert!(c.changes_input() || !changed);
                if changed {
                    evidence = Evidence::of(&shape, &[x]).map(|row| layer.input.apply(row, shape.c));
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
        let evidence = Evidence::of(&shape, &[&data.samples[0]]);
        correct::find(name).unwrap().before(&mut layer, &evidence, &scheme);
        let peaks = evidence.map(|row| layer.input.apply(row, 64)).channel_peaks();
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
    let (w, _) = correlated(1, 4, 60, 2);
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
    shapes.push(Shape::gemm(300, 150, 280).unwrap()); // several blocks of everything
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
        for (w, x) in weights.iter().flat_map(|w| inputs.iter().map(move |x| (w, x))) {
            for name in NAMES {
                let layer = draft(shape, w, &data.bias);
                let q = QuantizedLayer::of(layer, &[x], &find(name).unwrap(), Contract::F32io);
                let y = q.forward(&shape, false, x);
                let all = q.values.iter().chain(&q.bias).chain(&y);
                assert!(all.into_iter().all(|v| v.is_finite()), "{name} {shape:?} {} {}", w[0], x[0]);
            }
        }
    }
}
