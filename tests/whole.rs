//! A network as one program: what it computes is what the reference computes, on every device that gives answers.

use std::path::Path;
use std::sync::Arc;

use bitsmith::bench::Device;
use bitsmith::candidate::{Contract, Regime};
use bitsmith::kernel::Task;
use bitsmith::model::graph::{Array, Binary as B, Fold, Graph, Operation, Unary as U, ValueId, Window};
use bitsmith::model::program::{Numbers, Program, draft, quantized};
use bitsmith::model::{Given, Model, Rounding};
use bitsmith::record::Outcome;
use bitsmith::scheme;
use bitsmith::target::Target;
use bitsmith::whole::measure::{Case, How, Measured, measure};
use bitsmith::whole::{Chosen, Kind, Whole};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    Model::read(&folder.join(name), &Given::default()).unwrap()
}

/// Every layer under a scheme, with the kernel in the middle of its space.
fn chosen(model: &Model, device: &Device, name: &str, threads: usize) -> Vec<Chosen> {
    let scheme = scheme::find(name).unwrap();
    let each = model.layers().into_iter().map(|l| {
        let parameters = model.parameters(&l).unwrap();
        // what a static grid leaves out on both sides is put on its ends
        let range: Vec<f32> = (0..l.layer.shape.lhs_len()).map(|i| (i % 5) as f32 * 0.5 - 0.75).collect();
        let layer = quantized(draft(l.layer.shape, parameters), &[range], &scheme, Contract::F32io);
        let (isa, caches) = (device.isa.clone(), device.caches());
        let contract = Contract::F32io;
        let task =
            Task { shape: l.layer.shape, relu: l.layer.relu, scheme: scheme.clone(), contract, isa, threads, caches };
        let space = task.space().unwrap();
        let schedule = space.at(space.len() / 2);
        Chosen { node: l.node, layer: l.layer.name, task, schedule, quantized: Arc::new(layer) }
    });
    each.collect()
}

/// Samples with the reference's answers, which an exact network must give to the bit.
fn cases(model: &Model, chosen: &[Chosen], exact: bool) -> Vec<Case> {
    let mut program = Program::new(model, Numbers::Float).unwrap();
    chosen.iter().for_each(|c| program.set(c.node, c.quantized.clone()));
    let count: usize = model.runnable().unwrap().iter().product();
    let mut rng = fastrand::Rng::with_seed(11);
    let case = |_| {
        let input: Vec<f32> = (0..count).map(|_| rng.f32() * 4.0 - 2.0).collect();
        let right = program.run(&input).unwrap();
        let most = right.iter().fold(0f32, |m, v| m.max(v.abs()));
        Case { input, right, bound: if exact { 0.0 } else { 2e-3 * most } }
    };
    (0..4).map(case).collect()
}

fn run(device: &Device, whole: &Whole, cases: &[Case], threads: usize) -> Measured {
    let how = How { regime: Regime::Hot, threads, sessions: 1, seconds: 0.05, seed: 1, macs: 1_000_000 };
    measure(device, whole, cases, &how).unwrap()
}

fn device(target: &str, cache: &Path) -> Device {
    Device::open(Target::find(target).unwrap(), cache).unwrap()
}

#[test]
fn a_network_as_one_program_gives_the_answers_of_the_reference() {
    let cache = tempfile::tempdir().unwrap();
    let device = device("host", cache.path());
    for (file, scheme, threads) in [
        ("float.onnx", "w8a8", 1),
        ("float.onnx", "f32", 1),
        ("float.onnx", "w4a8", 2),
        ("float.onnx", "w8a8-static", 2),
        ("float.tflite", "w8a8", 1),
        ("int8.tflite", "w8a8", 1),
    ] {
        let threads = threads.min(device.host.cpus);
        let model = model(file);
        let chosen = chosen(&model, &device, scheme, threads);
        let whole = Whole::new(&model, &chosen).unwrap();
        let got = run(&device, &whole, &cases(&model, &chosen, whole.exact), threads);
        assert!(got.outcome.right(), "{file} {scheme}: {:?} {}", got.outcome, got.message);
        assert_eq!(got.checked, 4, "{file} {scheme}");
        assert_eq!(whole.steps.iter().filter(|s| matches!(s.kind, Kind::Kernel(_))).count(), chosen.len());
        if device.times() {
            assert_eq!(got.outcome, Outcome::Measured);
            assert_eq!(got.steps.len(), whole.steps.len());
            assert!(got.whole.low <= got.whole.ns && got.whole.ns <= got.whole.high && got.whole.low > 0.0);
            assert!(got.steps.iter().all(|(alone, _)| *alone > 0.0));
        }
    }
}

#[test]
fn a_network_that_is_wrong_is_a_record_with_its_place() {
    let cache = tempfile::tempdir().unwrap();
    let device = device("host", cache.path());
    let model = model("float.onnx");
    let chosen = chosen(&model, &device, "w8a8", 1);
    let mut whole = Whole::new(&model, &chosen).unwrap();
    let cases = cases(&model, &chosen, whole.exact);
    // a weight with another sign; a program that does not compile
    let at = whole.weights.len() / 2;
    whole.weights[at..].iter_mut().for_each(|b| *b ^= 0x55);
    let got = run(&device, &whole, &cases, 1);
    assert_eq!(got.outcome, Outcome::WrongAnswer);
    assert!(got.message.contains("sample 0, output"), "{}", got.message);
    whole.sources[0].text += "int broken(void) { return undeclared; }\n";
    let got = run(&device, &whole, &cases, 1);
    assert_eq!(got.outcome, Outcome::BuildFailed);
    assert!(got.message.contains("undeclared"), "{}", got.message);
}

/// A graph that begins with an image of four channels, or rows, from a layer, and goes on with some operations.
fn graph(image: bool, rest: &[(Operation, Vec<Array>)]) -> Model {
    let mut rng = fastrand::Rng::with_seed(23);
    let mut drawn =
        |dims: &[usize]| Array::f32(dims.to_vec(), (0..dims.iter().product()).map(|_| rng.f32() * 2.0 - 1.0).collect());
    let mut graph = Graph::new("g", "made");
    let dims = if image { vec![1, 4, 7, 6] } else { vec![1, 5, 8] };
    let x = graph.value("x", Some(dims));
    graph.inputs.push(x);
    let window = Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], dilation: [1, 1], channels_first: true };
    let (op, weights) = if image {
        (Operation::Conv { window, groups: 1, relu: false }, drawn(&[4, 1, 1, 4]))
    } else {
        (Operation::Linear { relu: false }, drawn(&[8, 8]))
    };
    let w = graph.constant("w", weights);
    let mut last = graph.add("layer", op, &[x, w], "y").unwrap();
    let first = last;
    for (i, (op, constants)) in rest.iter().enumerate() {
        let mut inputs: Vec<ValueId> = vec![last];
        // a second activation where an operation has no constants
        if constants.is_empty() && matches!(op, Operation::Binary(_) | Operation::MatMul { .. } | Operation::Concat(_))
        {
            inputs.push(first);
        }
        inputs.extend(constants.iter().map(|a| graph.constant("c", a.clone())));
        let outputs: &[&str] = if matches!(op, Operation::Split { .. }) { &["a", "b"] } else { &["a"] };
        last = *graph.add_all(&format!("n{i}"), op.clone(), &inputs, outputs).unwrap().last().unwrap();
    }
    graph.outputs.push(last);
    Model { graph, rounding: Rounding::Float }
}

/// Does it begin with an image? And what follows, with constants.
type Chain = (bool, Vec<(Operation, Vec<Array>)>);

#[test]
fn what_lies_between_layers_computes_what_the_reference_does() {
    use Operation::*;
    let cache = tempfile::tempdir().unwrap();
    let device = device("host", cache.path());
    let ones = |dims: &[usize], v: f32| {
        Array::f32(dims.to_vec(), (0..dims.iter().product()).map(|i| v + i as f32 / 9.0).collect())
    };
    let window = |kernel, stride, pad, dilation| Window { kernel, stride, pad, dilation, channels_first: true };
    let (odd, wide) = (window([3, 2], [2, 1], [1, 1, 0, 1], [1, 1]), window([3, 3], [1, 2], [2, 1, 2, 1], [2, 1]));
    let chains: Vec<Chain> = vec![
        (true, vec![(MaxPool(odd.clone()), vec![]), (Unary(U::HardSwish), vec![])]),
        (true, vec![(AveragePool { window: odd.clone(), whole: false }, vec![]), (Reshape(vec![4, 21]), vec![])]),
        (
            true,
            vec![
                (AveragePool { window: odd, whole: true }, vec![]),
                (Reduce { fold: Fold::Max, axes: vec![1, 3], keep: true }, vec![]),
            ],
        ),
        (true, vec![(Conv { window: wide, groups: 2, relu: true }, vec![ones(&[6, 3, 3, 2], -0.9), ones(&[6], -9.0)])]),
        (
            true,
            vec![
                (Concat(1), vec![]),
                (Affine { axis: 1 }, vec![ones(&[8], 0.5), ones(&[8], -0.3)]),
                (Softmax { axis: 1, beta: 1.0 }, vec![]),
            ],
        ),
        (
            true,
            vec![
                (Pad { amounts: vec![[0, 0], [1, 0], [0, 2], [1, 1]], value: 0.25 }, vec![]),
                (Slice(vec![(0, 1, 1), (4, -1, -2), (1, 8, 3), (0, 8, 1)]), vec![]),
            ],
        ),
        (
            true,
            vec![
                (Transpose(vec![0, 3, 2, 1]), vec![]),
                (Reduce { fold: Fold::Mean, axes: vec![1, 2], keep: false }, vec![]),
                (LogSoftmax { axis: 1 }, vec![]),
            ],
        ),
        (
            true,
            vec![
                (Reduce { fold: Fold::Sum, axes: vec![2], keep: true }, vec![]),
                (Expand(vec![1, 4, 3, 6]), vec![]),
                (Unary(U::Silu), vec![]),
            ],
        ),
        (
            false,
            vec![
                (LayerNorm { axis: 2, epsilon: 1e-5 }, vec![ones(&[8], 0.5), ones(&[8], -0.3)]),
                (Unary(U::Gelu), vec![]),
            ],
        ),
        (
            false,
            vec![
                (MatMul { transposed: [false, true] }, vec![]),
                (Softmax { axis: 2, beta: 0.35 }, vec![]),
                (MatMul { transposed: [false, false] }, vec![]),
            ],
        ),
        (
            false,
            vec![
                (Transpose(vec![0, 2, 1]), vec![]),
                (MatMul { transposed: [false, false] }, vec![]),
                (Unary(U::GeluTanh), vec![]),
            ],
        ),
        (
            true,
            vec![
                (Binary(B::Less), vec![ones(&[7, 1], -0.4)]),
                (Where, vec![ones(&[4, 1, 6], 0.5), ones(&[1], -9.0)]),
                (Unary(U::Sin), vec![]),
            ],
        ),
        (false, vec![(Binary(B::Greater), vec![ones(&[8], -0.5)]), (Binary(B::Equal), vec![ones(&[1], 1.0)])]),
        (false, vec![(Gather(1), vec![Array::ints(&[3, -1, 0])]), (Binary(B::Mul), vec![ones(&[3, 1], 1.5)])]),
        (
            false,
            vec![
                (Split { axis: 2, sizes: vec![3, 5] }, vec![]),
                (Unary(U::Clip(-0.2, 0.7)), vec![]),
                (Binary(B::Div), vec![ones(&[1], 3.0)]),
            ],
        ),
        (
            false,
            vec![
                (Binary(B::Add), vec![]),
                (Unary(U::Abs), vec![]),
                (Unary(U::Sqrt), vec![]),
                (Binary(B::Pow), vec![ones(&[1], 3.0)]),
            ],
        ),
    ];
    for (i, (image, rest)) in chains.into_iter().enumerate() {
        let model = graph(image, &rest);
        let chosen = chosen(&model, &device, "w8a8", 1);
        let whole = Whole::new(&model, &chosen).unwrap();
        let mut all = cases(&model, &chosen, whole.exact);
        // one layer of integers: only the C library may differ
        all.iter_mut().for_each(|c| c.bound /= 200.0);
        let got = run(&device, &whole, &all, 1);
        assert!(got.outcome.right(), "chain {i}: {:?} {}", got.outcome, got.message);
    }
}
