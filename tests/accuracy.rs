//! The accuracy of layers and networks: trained digits, users' tensors, synthetic data; and the law itself against loops
//! written a second time.

use std::fs;
use std::path::Path;

use bitsmith::accuracy::{of_layer, of_network};
use bitsmith::candidate::Contract;
use bitsmith::data::{LayerData, MOST_SAMPLES, Trained};
use bitsmith::layer::{Layer, Network, Op, Shape};
use bitsmith::record::Accuracy;

use bitsmith::scheme::affine::Grid;

use bitsmith::scheme::{Weights, find};
use bitsmith::{layer, op};
use npyz::WriterBuilder;
use proptest::prelude::*;

fn digits() -> (Network, Trained) {
    let network = Network::built_in("digits").unwrap();
    let trained = Trained::load(&network).unwrap().unwrap();
    (network, trained)
}

#[test]
fn digits_in_floats_score_what_their_readme_says() {
    let (network, trained) = digits();
    let row = of_network(&network, &trained, &find("f32").unwrap(), Contract::F32io).unwrap();
    assert_eq!((row.network.as_str(), row.layer.as_str(), row.data.as_str()), ("digits", "", "real"));
    assert_eq!((row.top1, row.samples, row.weight_bits), (Some(398), 400, 32.0));
    let readme = fs::read_to_string("src/networks/digits/README.md").unwrap();
    assert!(readme.contains("| test | 99.50 % (398 of 400) |"));
}

#[test]
fn digits_in_eight_bits_score_nearly_the_same() {
    let (network, trained) = digits();
    for contract in Contract::ALL {
        let row = of_network(&network, &trained, &find("w8a8").unwrap(), contract).unwrap();
        println!("w8a8 {}: {} of {}, {:.3} bits", contract.name(), row.top1.unwrap(), row.samples, row.weight_bits);
        assert!(row.top1.unwrap().abs_diff(398) <= 2, "{row:?}");
        // one f32 scale for each of 170 output channels of 13,376 weights
        assert!((row.weight_bits - (8.0 + 32.0 * 170.0 / 13376.0)).abs() < 1e-12);
    }
}

#[test]
fn digits_layers_are_as_wrong_as_eight_bits_are() {
    let (network, trained) = digits();
    for (i, layer) in network.layers.iter().enumerate() {
        let data = trained.layer_data(&network, i, 200);
        for contract in Contract::ALL {
            let row = of_layer(layer, &data, &find("w8a8").unwrap(), contract).unwrap();
            let (sqnr, cosine) = (row.sqnr_db.unwrap(), row.cosine.unwrap());
            println!("w8a8 {} {:5}: {sqnr:.2} dB, cosine {cosine:.6}", contract.name(), layer.name);
            assert!(sqnr > 30.0 && sqnr < 60.0 && cosine > 0.999, "{row:?}");
            assert_eq!((row.data.as_str(), row.samples, row.layer.as_str()), ("real", 100, layer.name.as_str()));
        }
        let row = of_layer(layer, &data, &find("f32").unwrap(), Contract::F32io).unwrap();
        assert!(row.sqnr_db.unwrap() > 130.0, "{row:?}");
    }
}

#[test]
fn rows_never_hold_a_figure_that_is_no_number() {
    let (network, trained) = digits();
    let mut rows: Vec<Accuracy> = vec![];
    for scheme in bitsmith::scheme::LISTED.iter().map(|n| find(n).unwrap()) {
        for contract in scheme.contracts() {
            rows.push(of_network(&network, &trained, &scheme, *contract).unwrap());
            for name in ["tiny-ad", "tiny-kws"] {
                for layer in &Network::built_in(name).unwrap().layers {
                    let mut data = LayerData::of(layer).unwrap();
                    rows.push(of_layer(layer, &data, &scheme, *contract).unwrap());
                    data.weights.fill(0.0);
                    rows.push(of_layer(layer, &data, &scheme, *contract).unwrap());
                }
            }
        }
    }
    for row in rows {
        let figures = [row.sqnr_db, row.cosine, row.mse, row.max_error, Some(row.weight_bits)];
        assert!(figures.iter().flatten().all(|v| v.is_finite()), "{row:?}");
    }
}

#[test]
fn built_in_layers_have_synthetic_data_that_never_change() {
    for (name, _) in layer::NETWORKS {
        for layer in Network::built_in(name).unwrap().layers.iter().filter(|l| l.shape.weights_len() < 1_000_000) {
            let data = LayerData::of(layer).unwrap();
            let shape = &layer.shape;
            assert_eq!((data.weights.len(), data.bias.len()), (shape.weights_len(), shape.n()));
            assert!(data.samples.len() == 1 && data.samples[0].len() == shape.lhs_len() && !data.real);
            assert!(data.weights.iter().chain(&data.samples[0]).all(|v| v.is_finite()), "{}", layer.key());
            assert_eq!(data, LayerData::of(layer).unwrap(), "{}", layer.key());
        }
    }
}

// ---- users' tensors ----------------------------------------------------------------

fn write_npy<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], data: &[T]) {
    let file = fs::File::create(path).unwrap();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd().unwrap();
    writer.extend(data.iter().copied()).unwrap();
    writer.finish().unwrap();
}

fn ramp(len: usize) -> Vec<f32> {
    (0..len).map(|i| i as f32 - 3.0).collect()
}

/// The only layer of a file of layers in `dir`.
fn user_layer(dir: &Path, text: &str) -> Layer {
    let path = dir.join("layers.toml");
    fs::write(&path, format!("[[layer]]\nname = \"a\"\n{text}\n")).unwrap();
    Network::read(&path).unwrap().layers.remove(0)
}

#[test]
fn users_tensors_come_in_the_layers_shape() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, shape: &[u64]| {
        let len = shape.iter().product::<u64>() as usize;
        write_npy(&dir.path().join(name), shape, &ramp(len));
        ramp(len)
    };
    let (w, x, b) = (write("w.npy", &[3, 4]), write("x.npy", &[5, 2, 4]), write("b.npy", &[3]));
    let files = "weights = \"w.npy\"\nactivations = \"x.npy\"\nbias = \"b.npy\"";
    let gemm = user_layer(dir.path(), &format!("op = \"gemm\"\nm = 2\nn = 3\nk = 4\n{files}"));
    let data = LayerData::of(&gemm).unwrap();
    assert_eq!((&data.weights, &data.bias, data.samples.concat()), (&w, &b, x));
    assert_eq!((data.samples.len(), data.real), (5, true));
    let row = of_layer(&gemm, &data, &find("w8a8").unwrap(), Contract::F32io).unwrap();
    assert_eq!((row.network.as_str(), row.data.as_str(), row.samples), ("layers", "real", 3));
    assert!(row.sqnr_db.unwrap() > 30.0);

    // convolutions, a depthwise one, and one row; a single sample without the leading dimension
    for (op, weights, x, count) in [
        ("op = \"conv2d\"\nh = 5\nw = 4\nc = 2\nf = 3\nkh = 3\nkw = 2", &[3, 3, 2, 2][..], &[7, 5, 4, 2][..], 7),
        ("op = \"conv2d\"\nh = 5\nw = 4\nc = 2\nf = 3\nkh = 3\nkw = 2", &[3, 3, 2, 2], &[5, 4, 2], 1),
        ("op = \"depthwise\"\nh = 5\nw = 4\nc = 2\nkh = 3\nkw = 3", &[2, 3, 3], &[2, 5, 4, 2], 2),
        ("op = \"gemv\"\nn = 3\nk = 4", &[3, 4], &[250, 4], MOST_SAMPLES),
        ("op = \"gemv\"\nn = 3\nk = 4", &[3, 4], &[4], 1),
    ] {
        let (weights, x) = (write("w.npy", weights), write("x.npy", x));
        let layer = user_layer(dir.path(), &format!("{op}\nweights = \"w.npy\"\nactivations = \"x.npy\""));
        let data = LayerData::of(&layer).unwrap();
        assert_eq!((data.weights, data.samples.len()), (weights, count), "{op}");
        assert_eq!(data.samples.concat(), x[..count * layer.shape.lhs_len()], "{op}");
        assert!(data.real && data.bias.iter().all(|b| *b == 0.0));
    }

    // weights alone: the activations are synthetic, and so is the row
    write("w.npy", &[3, 4]);
    let layer = user_layer(dir.path(), "op = \"gemm\"\nm = 2\nn = 3\nk = 4\nweights = \"w.npy\"");
    let data = LayerData::of(&layer).unwrap();
    assert_eq!((data.weights.len(), data.samples.len(), data.real), (12, 1, false));
    assert_eq!(of_layer(&layer, &data, &find("w8a8").unwrap(), Contract::Int8).unwrap().data, "synthetic");
}

#[test]
fn bad_tensors_are_one_line_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write_npy(&at("w.npy"), &[3, 4], &ramp(12));
    write_npy(&at("turned.npy"), &[4, 3], &ramp(12));
    write_npy(&at("u16.npy"), &[3, 4], &[1u16; 12]);
    write_npy(&at("nan.npy"), &[3, 4], &[f32::NAN; 12]);
    write_npy(&at("odd.npy"), &[3, 3], &ramp(9));
    write_npy(&at("none.npy"), &[0, 2, 4], &ramp(0));
    let whole = fs::read(at("w.npy")).unwrap();
    fs::write(at("short.npy"), &whole[..whole.len() - 3]).unwrap();
    fs::write(at("head.npy"), &whole[..20]).unwrap();
    fs::write(at("empty.npy"), "").unwrap();
    fs::write(at("short.safetensors"), [9, 0, 0, 0, 0, 0, 0, 0, b'{']).unwrap();
    for (name, header) in [
        ("garbled.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }}"),
        ("fortran.npy", "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }"),
        ("record.npy", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4), }"),
        ("huge.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }"),
        ("large.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"),
        ("wraps.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 12), }"),
    ] {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len() + 1).unwrap().to_le_bytes());
        bytes.extend(header.bytes().chain([b'\n']).chain([0; 48]));
        fs::write(at(name), bytes).unwrap();
    }

    let say = |field: &str, file: &str| {
        let text = format!("op = \"gemm\"\nm = 2\nn = 3\nk = 4\n{field} = \"{file}\"");
        let error = format!("{:#}", LayerData::of(&user_layer(dir.path(), &text)).expect_err(file));
        let name = file.split('#').next().unwrap();
        assert!(error.contains(&at(name).display().to_string()) && error.lines().count() == 1, "{error}");
        println!("{error}");
        error
    };
    assert!(say("weights", "turned.npy").ends_with("turned.npy: weights has shape [4, 3], the layer needs [3, 4]"));
    assert!(say("bias", "w.npy").ends_with("w.npy: bias has shape [3, 4], the layer needs [3]"));
    assert!(say("activations", "odd.npy").ends_with("activations has shape [3, 3], the layer needs [1, 2, 4]"));
    assert!(say("activations", "none.npy").contains("shape [0, 2, 4]"));
    assert!(say("weights", "u16.npy").contains("save it as float32"));
    assert!(say("weights", "nan.npy").contains("must be finite"));
    assert!(say("weights", "short.npy").ends_with("is truncated"));
    assert!(say("weights", "gone.npy").contains("cannot read"));
    for file in [
        "head.npy",
        "empty.npy",
        "garbled.npy",
        "fortran.npy",
        "record.npy",
        "large.npy",
        "short.safetensors",
        "short.safetensors#w",
        "gone.txt",
        "w.npy#w",
    ] {
        say("weights", file);
    }
    if cfg!(not(debug_assertions)) {
        say("weights", "huge.npy"); // npyz multiplies the dimensions, which debug builds of it do not let overflow
        say("weights", "wraps.npy");
    }
}

#[test]
fn a_network_that_its_files_do_not_fit_is_refused_in_one_line() {
    let text = include_str!("../src/networks/digits/digits.toml");
    let say = |from: &str, to: &str| {
        let network = Network::parse("digits.toml", &text.replacen(from, to, 1), Path::new("")).unwrap();
        format!("{:#}", Trained::load(&network).unwrap_err())
    };
    let gives = "digits: `pw2` gives 1024 numbers and `fc` takes 1000; they cannot be run";
    assert_eq!(say("k = 1024", "k = 1000"), gives);
    assert_eq!(
        say("n = 10\n", "n = 11\n"),
        "digits.safetensors#fc.weight: it has shape [10, 1024], the layer needs [11, 1024]"
    );
    assert!(say("n = 10\n", "n = 10\ncount = 2\n").contains("occurs once"));
    assert!(
        say("name = \"pw2\"", "name = \"pw9\"").starts_with("digits.safetensors: has no tensor `pw9.weight`; it has ")
    );
    assert_eq!(say("\"digits-data.", "\"gone."), "gone.safetensors belongs to no built-in network");
    let few = say("\"digits.safetensors\"", "\"digits-data.safetensors\"");
    assert!(few.starts_with("digits-data.safetensors: has no tensor `conv1.weight`"), "{few}");
}

// ---- the law against loops written a second time -----------------------------------

/// The layer on grid-rounded activations, in the plainest loops: padding is the number 0 and so adds nothing.
fn naive(s: &Shape, relu: bool, x: &[f32], w: &[i8], scales: &[f32], bias: &[f32], fixed: Option<Grid>) -> Vec<f32> {
    let product = matches!(s.op, Op::Gemm | Op::Gemv);
    let mut out = vec![];
    for oy in 0..s.oh {
        for ox in 0..s.ow {
            let span = if product { &x[oy * s.c..(oy + 1) * s.c] } else { x };
            let grid = fixed.unwrap_or_else(|| Grid::of(span, 8));
            for f in 0..s.f {
                let mut sum = 0i64;
                for ky in 0..s.kh {
                    for kx in 0..s.kw {
                        let y = (oy * s.stride + ky) as i64 - s.top as i64;
                        let x0 = (ox * s.stride + kx) as i64 - s.left as i64;
                        if y < 0 || x0 < 0 || y >= s.h as i64 || x0 >= s.w as i64 {
                            continue;
                        }
                        let pixel = (y as usize * s.w + x0 as usize) * s.c;
                        let code = |c: usize| i64::from(grid.quantize(x[pixel + c])) - i64::from(grid.zero);
                        if s.op == Op::Depthwise {
                            sum += code(f) * i64::from(w[(f * s.kh + ky) * s.kw + kx]);
                        } else {
                            let taps = &w[((f * s.kh + ky) * s.kw + kx) * s.c..][..s.c];
                            sum += taps.iter().enumerate().map(|(c, w)| code(c) * i64::from(*w)).sum::<i64>();
                        }
                    }
                }
                let y = sum as f32 * (grid.scale * scales[f]) + bias[f];
                out.push(if relu { y.max(0.0) } else { y });
            }
        }
    }
    out
}

fn shapes() -> impl Strategy<Value = Shape> {
    let gemm = (1..7usize, 1..9usize, 1..40usize).prop_map(|(m, n, k)| Shape::gemm(m, n, k).unwrap());
    let window = (1..4usize, 1..4usize).prop_flat_map(|(kh, kw)| (Just([kh, kw]), (0..kh, 0..kw, 0..kh, 0..kw)));
    let conv = (1..8usize, 1..8usize, 1..6usize, 1..6usize, 1..4usize, window, any::<bool>());
    let conv = conv.prop_filter_map("the window is larger", |(h, w, c, f, stride, (window, pad), depthwise)| {
        let (op, f) = if depthwise { (Op::Depthwise, c) } else { (Op::Conv2d, f) };
        Shape::conv(op, [h, w, c], f, window, stride, [pad.0, pad.1, pad.2, pad.3]).ok()
    });
    prop_oneof![gemm, conv.boxed()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_integer_law_is_what_plain_loops_give(
        shape in shapes(),
        seed in any::<u64>(),
        relu in any::<bool>(),
        range in prop_oneof![Just(None), (-9f32..0.0, 0f32..9.0).prop_map(Some)],
        shift in -4f32..4.0,
    ) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let x: Vec<f32> = (0..shape.lhs_len()).map(|_| rng.f32() * 6.0 - 3.0 + shift).collect();
        let codes: Vec<i8> = (0..shape.weights_len()).map(|_| rng.i8(-127..=127)).collect();
        let scales: Vec<f32> = (0..shape.n()).map(|_| 0.001 + rng.f32()).collect();
        let bias: Vec<f32> = (0..shape.n()).map(|_| rng.f32() * 20.0 - 10.0).collect();
        let fixed = range.map(|(low, high)| Grid::of_range(low, high, 8));
        let got = op::forward_int(&shape, relu, &x, (&codes, &scales), &bias, |row| fixed.unwrap_or_else(|| Grid::of(row, 8)));
        let expected = naive(&shape, relu, &x, &codes, &scales, &bias, fixed);
        prop_assert_eq!(got, expected, "{:?} {:?}", shape, fixed);
    }

    #[test]
    fn eight_bits_are_never_far_from_floats(shape in shapes(), seed in any::<u64>(), shift in -4f32..4.0) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let x: Vec<f32> = (0..shape.lhs_len()).map(|_| rng.f32() * 6.0 - 3.0 + shift).collect();
        let w: Vec<f32> = (0..shape.weights_len()).map(|_| rng.f32() - 0.5).collect();
        let bias = vec![0.25; shape.n()];
        let scheme = find("w8a8").unwrap();
        let quantized = scheme.kernel_weights(scheme.quantize(&w, shape.k(), None, None));
        let Weights::Int { codes, scales, .. } = quantized else { unreachable!() };
        let got = op::forward_int(&shape, false, &x, (&codes, &scales), &bias, |row| Grid::of(row, 8));
        let truth = op::forward_f64(&shape, false, &x, &w, &bias);
        // each product: a step of the activations' grid times the weight, half a step of the weights' times the activation
        let bound = shape.k() as f64 * (0.04 * 0.5 + 0.5 / 254.0 * 7.1 + 1e-3);
        for (y, got) in truth.iter().zip(&got) {
            prop_assert!((y - f64::from(*got)).abs() <= bound, "{y} {got} {bound}");
        }
    }
}
