//! Quantized networks as files of other stacks: what ONNX Runtime, the gguf package and compressed-tensors' rules make of them
//! is what the tool computes.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bitsmith::accuracy::class;
use bitsmith::candidate::Contract;
use bitsmith::data::{LayerData, Trained};
use bitsmith::exchange::{FILES, Network, Part, alone, chain};
use bitsmith::layer::{self, Layer, Shape};
use bitsmith::model::graph::{Array, Binary, Fold, Graph, Operation, Unary, Window};
use bitsmith::model::program::{Numbers, Program, draft, quantized};
use bitsmith::model::{Given, Model, Rounding};
use bitsmith::scheme;
use bitsmith::tensor::Tensor;
use serde_json::Value;

/// Writes a network; the notes.
fn write(network: &Network, format: &str, to: &Path) -> Vec<String> {
    let format = FILES.iter().find(|f| f.name == format).unwrap();
    let written = (format.write)(network).unwrap();
    for (name, bytes) in &written.files {
        fs::write(name.map_or_else(|| to.to_path_buf(), |n| to.join(n)), bytes).unwrap();
    }
    written.notes
}

/// What another stack says; what it prints.
fn ask(args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchange.py");
    let out = Command::new(common::python()).arg(script).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn tensor(file: &Path, name: &str) -> Vec<f32> {
    Tensor::from_safetensors(&fs::read(file).unwrap(), name).unwrap().data
}

fn npy(path: &Path, dims: &[usize], x: &[f32]) {
    let shape = dims.iter().map(|d| format!("{d}, ")).collect::<String>();
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    text += &" ".repeat(63 - (text.len() + 10) % 64);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16 + 1).to_le_bytes());
    bytes.extend(text.bytes().chain(*b"\n"));
    bytes.extend(x.iter().flat_map(|v| v.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// Every layer of a model under a scheme, calibrated by some samples.
fn under(model: Model, name: &str, contract: Contract, samples: &[Vec<f32>]) -> Network {
    let scheme = scheme::find(name).unwrap();
    let float = Program::new(&model, Numbers::Float).unwrap();
    let traces: Vec<_> = samples.iter().map(|x| float.trace(x).unwrap()).collect();
    let part = |l: bitsmith::model::ModelLayer| {
        let inputs: Vec<Vec<f32>> = traces.iter().map(|t| float.layer_input(t, l.node).unwrap()).collect();
        let parameters = model.parameters(&l).unwrap();
        let quantized = quantized(draft(l.layer.shape, parameters), &inputs, &scheme, contract);
        Part { node: l.node, name: l.layer.name, scheme: scheme.clone(), quantized }
    };
    let parts = model.layers().into_iter().map(part).collect();
    Network { parts, model, source: None }
}

/// What the tool computes, sample by sample.
fn ours(mut network: Network, samples: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let parts = std::mem::take(&mut network.parts);
    let mut program = Program::new(&network.model, Numbers::Float).unwrap();
    parts.into_iter().for_each(|p| program.set(p.node, Arc::new(p.quantized)));
    samples.iter().map(|x| program.run(x).unwrap()).collect()
}

/// Models with their samples, and what ONNX Runtime makes of all of them.
struct Runtime {
    dir: tempfile::TempDir,
}

impl Runtime {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn add(&self, name: &str, network: &Network, samples: &[Vec<f32>]) -> Vec<String> {
        npy(&self.dir.path().join(format!("{name}.npy")), &[samples.len(), samples[0].len()], &samples.concat());
        write(network, "onnx", &self.dir.path().join(format!("{name}.onnx")))
    }

    fn run(&self) {
        ask(&["onnx", self.dir.path().to_str().unwrap()]);
    }

    fn answers(&self, name: &str) -> Vec<f32> {
        tensor(&self.dir.path().join("y.safetensors"), name)
    }
}

/// Ways that numbers travel through a layer.
const WAYS: &[(&str, Contract)] = &[
    ("f32", Contract::F32io),
    ("w8a8", Contract::Qdq),
    ("w4a8-tensor", Contract::F32io),
    ("w8a8-static", Contract::F32io),
    ("w8a8", Contract::F32io),
    ("w4a8-static", Contract::F32io),
    ("w4a8g32-static", Contract::F32io),
    ("w4a4-static", Contract::F32io),
    ("w4a4", Contract::F32io),
    ("w1a1", Contract::F32io),
    ("w1a1-static", Contract::F32io),
    ("wta8-static", Contract::F32io),
    ("w4a32g16-affine", Contract::F32io),
    ("w8a32-affine", Contract::F32io),
    ("w4a32g32-full", Contract::F32io),
    ("f16a16", Contract::F32io),
    ("bf16abf16", Contract::F32io),
    ("q4_0", Contract::F32io),
    ("q4_1", Contract::F32io),
    ("nf4", Contract::F32io),
    ("w8a8-static-hadamard", Contract::F32io),
    ("w8a8-static-smoothquant", Contract::F32io),
];

#[test]
fn every_layer_under_every_scheme_gives_in_onnx_runtime_what_the_tool_computes() {
    let digits = layer::Network::built_in("digits").unwrap();
    let trained = Trained::load(&digits).unwrap().unwrap();
    let runtime = Runtime::new();
    let mut cases = Vec::new();
    // of rows that have a grid each, there are several
    let rows = Layer::of_shape("rows", Shape::gemm(5, 24, 64).unwrap());
    let data = LayerData::of(&rows).unwrap();
    let all = (0..digits.layers.len()).map(|i| (digits.layers[i].clone(), trained.layer_data(&digits, i, 12)));
    for (layer, data) in all.chain([(rows, data)]) {
        for (name, contract) in WAYS {
            let model = alone("one", &[(&layer, data.weights.clone(), data.bias.clone())]).unwrap();
            let network = under(model, name, *contract, &data.samples);
            let case = format!("{}-{name}-{contract:?}", layer.name);
            runtime.add(&case, &network, &data.samples);
            let step = network.parts[0].quantized.grids(layer.relu).1.map_or(0.0, |g| g.scale);
            cases.push((case, step, ours(network, &data.samples)));
        }
    }
    runtime.run();
    let mut wrong = Vec::new();
    for (case, step, ours) in &cases {
        let (ours, theirs) = (ours.concat(), runtime.answers(case));
        let range = ours.iter().fold(0f32, |m, v| m.max(v.abs()));
        let far = |by: f32| ours.iter().zip(&theirs).filter(|(a, b)| (*a - *b).abs() > by).count();
        // sums of f32 in another order; where outputs are codes, one in a thousand may round to the next one
        let (near, one_off) = (far(1e-5 * range), far(step * 1.001 + 1e-5 * range));
        let allowed = if *step > 0.0 { ours.len().div_ceil(1000) } else { 0 };
        if ours.len() != theirs.len() || one_off > 0 || near > allowed {
            wrong
                .push(format!("{case}: {near} of {} differ, {one_off} by more than a code; range {range}", ours.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Layers of images that lie channels last follow one another without being turned back and forth.
#[test]
fn images_are_turned_once() {
    let digits = layer::Network::built_in("digits").unwrap();
    let trained = Trained::load(&digits).unwrap().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("digits.onnx");
    write(&under(chain(&digits, &trained).unwrap(), "w8a8", Contract::Qdq, &trained.calibration.x[..5]), "onnx", &file);
    let back = Model::read(&file, &Given::default()).unwrap();
    let turned = back.graph.nodes.iter().filter(|n| matches!(n.op, Operation::Transpose(_))).count();
    assert_eq!(turned, 2, "at the image that comes in, and before it becomes a row");
}

/// Our own reader makes the same of a file that we wrote.
#[test]
fn what_was_exported_can_be_imported() {
    let digits = layer::Network::built_in("digits").unwrap();
    let trained = Trained::load(&digits).unwrap().unwrap();
    let (dir, samples) = (tempfile::tempdir().unwrap(), &trained.test.x[..100]);
    let file = dir.path().join("digits.onnx");
    let of_floats = ["w8a8", "w4a8-static", "w4a8", "w4a4"].map(|name| (name, Contract::F32io));
    for (name, contract) in of_floats.into_iter().chain([("w8a8", Contract::Qdq)]) {
        let network = || under(chain(&digits, &trained).unwrap(), name, contract, &trained.calibration.x[..5]);
        write(&network(), "onnx", &file);
        let back = Model::read(&file, &Given::default()).unwrap();
        let program = Program::new(&back, Numbers::AsIs).unwrap();
        let ours = ours(network(), samples);
        let same = samples.iter().zip(&ours).filter(|(x, y)| class(&program.run(x).unwrap()) == class(y)).count();
        assert!(same >= 99, "{name} {contract:?}: {same} of 100");
    }
}

#[test]
fn whole_networks_predict_alike() {
    let digits = layer::Network::built_in("digits").unwrap();
    let trained = Trained::load(&digits).unwrap().unwrap();
    let (samples, calibration) = (&trained.test.x, &trained.calibration.x[..50]);
    let runtime = Runtime::new();
    let network = |name: &str, contract| under(chain(&digits, &trained).unwrap(), name, contract, calibration);
    let ways = [("w8a8", Contract::Qdq), ("w8a8-static", Contract::F32io), ("w4a8", Contract::F32io)];
    for (name, contract) in ways {
        runtime.add(&format!("{name}-{contract:?}"), &network(name, contract), samples);
    }
    runtime.run();
    for (name, contract) in ways {
        let theirs = runtime.answers(&format!("{name}-{contract:?}"));
        let ours = ours(network(name, contract), samples);
        let same = ours.iter().zip(theirs.chunks_exact(10)).filter(|(a, b)| class(a) == class(b)).count();
        println!("{name} {contract:?}: the same class of {same} of {} digits", samples.len());
        // a sum that is rounded otherwise may move a code, and a code the class of a digit that is on the edge
        assert!(same * 100 >= samples.len() * 99, "{name} {contract:?}: {same}");
    }
}

/// Every operation of graphs, in its variants, as one graph: its outputs side by side.
fn all_operations() -> Model {
    let mut g = Graph::new("all", "test");
    let x = g.value("x", Some(vec![1, 4, 6, 5]));
    g.inputs.push(x);
    let constant = |g: &mut Graph, dims: &[usize], seed: u64| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let count = dims.iter().product();
        g.constant("c", Array::f32(dims.to_vec(), (0..count).map(|_| rng.f32() * 2.0 - 1.0).collect()))
    };
    let (row, whole) = (constant(&mut g, &[5], 1), constant(&mut g, &[1, 4, 6, 5], 2));
    let (by, plus) = (constant(&mut g, &[4], 3), constant(&mut g, &[4], 4));
    let matrix = constant(&mut g, &[3, 6], 5);
    let table = constant(&mut g, &[7, 3], 6);
    let add = |g: &mut Graph, op: Operation, inputs: &[usize]| g.add("n", op, inputs, "v").unwrap();
    let positive = add(&mut g, Operation::Unary(Unary::Abs), &[x]);
    let mut ends = vec![positive];
    use Unary as U;
    let unary = [
        U::Relu,
        U::Clip(-0.5, 0.7),
        U::LeakyRelu(0.2),
        U::Sigmoid,
        U::Tanh,
        U::Sin,
        U::Cos,
        U::Gelu,
        U::GeluTanh,
        U::Erf,
        U::Exp,
        U::Neg,
        U::Floor,
        U::Round,
        U::Sign,
        U::HardSwish,
        U::HardSigmoid(0.3, 0.4),
        U::Silu,
        U::Elu(0.9),
        U::Softplus,
        U::Bipolar(0.6),
    ];
    ends.extend(unary.map(|u| add(&mut g, Operation::Unary(u), &[x])));
    ends.extend([U::Log, U::Sqrt, U::Rsqrt, U::Reciprocal].map(|u| add(&mut g, Operation::Unary(u), &[positive])));
    use Binary as B;
    for op in [B::Add, B::Sub, B::Mul, B::Div, B::Min, B::Max, B::SquaredDifference] {
        ends.push(add(&mut g, Operation::Binary(op), &[x, whole]));
        ends.push(add(&mut g, Operation::Binary(op), &[row, x]));
    }
    ends.push(add(&mut g, Operation::Binary(B::Pow), &[positive, whole]));
    let signs = add(&mut g, Operation::Unary(U::Sign), &[x]);
    for op in [B::Equal, B::Less, B::Greater] {
        let holds = add(&mut g, Operation::Binary(op), &[signs, row]);
        let equal = add(&mut g, Operation::Binary(op), &[signs, signs]);
        ends.extend([holds, equal, add(&mut g, Operation::Where, &[holds, whole, row])]);
    }
    for fold in [Fold::Mean, Fold::Sum, Fold::Max, Fold::Min] {
        for (axes, keep) in [(vec![2, 3], true), (vec![1], false)] {
            ends.push(add(&mut g, Operation::Reduce { fold, axes, keep }, &[x]));
        }
    }
    let last = add(&mut g, Operation::Transpose(vec![0, 2, 3, 1]), &[x]);
    for channels_first in [true, false] {
        let from = if channels_first { x } else { last };
        let window = |pad, dilation| Window { kernel: [2, 3], stride: [2, 1], pad, dilation, channels_first };
        ends.push(add(&mut g, Operation::MaxPool(window([1, 1, 0, 1], [1, 1])), &[from]));
        for whole in [true, false] {
            let op = Operation::AveragePool { window: window([1, 1, 0, 1], [1, 1]), whole };
            ends.push(add(&mut g, op, &[from]));
        }
        for (groups, dilation) in [(1, [1, 1]), (2, [2, 1])] {
            let w = constant(&mut g, &[6, 2, 3, 4 / groups], 7);
            let bias = constant(&mut g, &[6], 8);
            let op = Operation::Conv { window: window([1, 0, 1, 2], dilation), groups, relu: groups == 2 };
            ends.push(add(&mut g, op, &[from, w, bias]));
        }
    }
    let linear = constant(&mut g, &[7, 5], 9);
    ends.push(add(&mut g, Operation::Linear { relu: true }, &[x, linear]));
    let turned = add(&mut g, Operation::Transpose(vec![0, 1, 3, 2]), &[x]);
    for (a, b, transposed) in
        [(x, turned, [false; 2]), (x, x, [false, true]), (x, x, [true, false]), (x, turned, [true, true])]
    {
        ends.push(add(&mut g, Operation::MatMul { transposed }, &[a, b]));
    }
    ends.push(add(&mut g, Operation::Softmax { axis: 1, beta: 1.0 }, &[x]));
    ends.push(add(&mut g, Operation::Softmax { axis: 3, beta: 0.5 }, &[x]));
    ends.push(add(&mut g, Operation::LogSoftmax { axis: 2 }, &[x]));
    let (scale, shift) = (constant(&mut g, &[6, 5], 10), constant(&mut g, &[6, 5], 11));
    ends.push(add(&mut g, Operation::LayerNorm { axis: 2, epsilon: 1e-3 }, &[x, scale, shift]));
    ends.push(add(&mut g, Operation::Affine { axis: 1 }, &[x, by, plus]));
    ends.push(add(&mut g, Operation::Reshape(vec![3, 40]), &[x]));
    ends.push(add(&mut g, Operation::Concat(2), &[x, whole]));
    ends.push(add(&mut g, Operation::Pad { amounts: vec![[0, 0], [1, 0], [0, 2], [3, 1]], value: -0.25 }, &[x]));
    let slices =
        [vec![(0, 1, 1), (1, 4, 2), (5, -1, -1), (4, 0, -2)], vec![(0, 1, 1), (0, 4, 1), (2, 5, 1), (0, 5, 3)]];
    ends.extend(slices.map(|s| add(&mut g, Operation::Slice(s), &[x])));
    let ints = g.constant("i", Array::ints(&[2, -1, 0]));
    ends.push(add(&mut g, Operation::Gather(2), &[x, ints]));
    let whole_numbers = add(&mut g, Operation::Unary(U::Sign), &[positive]);
    ends.push(add(&mut g, Operation::Gather(0), &[table, whole_numbers]));
    ends.push(add(&mut g, Operation::Expand(vec![2, 4, 6, 5]), &[x]));
    ends.push(add(&mut g, Operation::Identity, &[x]));
    ends.extend(g.add_all("split", Operation::Split { axis: 3, sizes: vec![1, 4] }, &[x], &["a", "b"]).unwrap());
    let product = add(&mut g, Operation::MatMul { transposed: [false; 2] }, &[matrix, x]);
    ends.push(product);
    let flat: Vec<usize> = ends
        .iter()
        .map(|e| {
            let count = g.known(*e).unwrap().iter().product();
            g.add("flat", Operation::Reshape(vec![count]), &[*e], "flat").unwrap()
        })
        .collect();
    let end = g.add("end", Operation::Concat(0), &flat, "end").unwrap();
    g.outputs.push(end);
    Model { graph: g, rounding: Rounding::Float }
}

#[test]
fn every_operation_gives_in_onnx_runtime_what_the_tool_computes() {
    let mut rng = fastrand::Rng::with_seed(7);
    let samples: Vec<Vec<f32>> = (0..3).map(|_| (0..120).map(|_| rng.f32() * 4.0 - 2.0).collect()).collect();
    let runtime = Runtime::new();
    let network = || Network { model: all_operations(), parts: vec![], source: None };
    runtime.add("all", &network(), &samples);
    for name in ["float.onnx", "qdq.onnx"] {
        // files of others, written anew
        let model = Model::read(&models().join(name), &Given::default()).unwrap();
        let x: Vec<Vec<f32>> =
            Tensor::read("x.npy", &models()).unwrap().data.chunks_exact(192).map(<[f32]>::to_vec).collect();
        runtime.add(name, &Network { model, parts: vec![], source: None }, &x);
    }
    runtime.run();
    let (expected, got) = (ours(network(), &samples).concat(), runtime.answers("all"));
    assert_eq!(expected.len(), got.len());
    let wrong: Vec<usize> =
        (0..got.len()).filter(|i| (expected[*i] - got[*i]).abs() > 2e-5 * expected[*i].abs().max(1.0)).collect();
    assert!(wrong.is_empty(), "{} wrong, the first at {} of {}", wrong.len(), wrong[0], got.len() / 3);
    let float = Tensor::read("float.y.npy", &models()).unwrap().data;
    let far = float.iter().zip(runtime.answers("float.onnx")).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-5, "{far}");
}

fn models() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

/// Layers of 3 x 512 weights each, by chance, as a model without a graph.
fn matrices() -> Model {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut graph = Graph::new("matrices", "test");
    for name in ["a.weight", "b.weight"] {
        let values = (0..3 * 512).map(|_| (rng.f32() - 0.4) * rng.f32()).collect();
        graph.lone_layer(name, Array::f32(vec![3, 512], values), "f32").unwrap();
    }
    Model { graph, rounding: Rounding::Float }
}

fn weights_under(name: &str) -> Network {
    let (model, scheme) = (matrices(), scheme::find(name).unwrap());
    let part = |l: bitsmith::model::ModelLayer| {
        let p = model.parameters(&l).unwrap();
        let quantized = quantized(draft(l.layer.shape, p), &[], &scheme, Contract::F32io);
        Part { node: l.node, name: l.layer.name, scheme: scheme.clone(), quantized }
    };
    let parts = model.layers().into_iter().map(part).collect();
    Network { parts, model, source: None }
}

#[test]
fn the_gguf_package_reads_every_kind_of_block_as_the_tool_does() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("m.gguf"), dir.path().join("m.safetensors"));
    let kinds = bitsmith::model::gguf::KINDS.iter().map(|k| k.1);
    for kind in kinds {
        let network = weights_under(kind);
        write(&network, "gguf", &file);
        let told: Value = serde_json::from_str(&ask(&["gguf", file.to_str().unwrap(), out.to_str().unwrap()])).unwrap();
        assert_eq!(told["kinds"]["a.weight"], kind);
        assert_eq!(told["fields"]["general.name"], "matrices");
        let again = Model::read(&file, &Given::default()).unwrap();
        for (part, layer) in network.parts.iter().zip(again.layers()) {
            assert_eq!(tensor(&out, &part.name), part.quantized.values, "{kind} by the gguf package");
            assert_eq!(again.parameters(&layer).unwrap().weights, part.quantized.values, "{kind} by the tool");
        }
    }
}

#[test]
fn what_is_not_quantized_of_a_gguf_file_stays_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let source = models().join("tiny.gguf");
    let (file, out) = (dir.path().join("small.gguf"), dir.path().join("small.safetensors"));
    let (code, stdout, stderr) = bitsmith(&[
        "export",
        source.to_str().unwrap(),
        "--to",
        "gguf",
        "--scheme",
        "q4_0",
        "--keep",
        "*Q8_0*",
        "--out",
        file.to_str().unwrap(),
    ]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("layers: 4 in q4_0; 1 kept as they are (*Q8_0*)"), "{stdout}");
    let told = |file: &Path| -> Value {
        serde_json::from_str(&ask(&["gguf", file.to_str().unwrap(), out.to_str().unwrap()])).unwrap()
    };
    let (before, after) = (told(&source), told(&file));
    for (key, value) in before["fields"].as_object().unwrap().iter().filter(|(k, _)| !k.starts_with("GGUF.")) {
        if !["general.file_type", "general.quantization_version", "general.alignment"].contains(&key.as_str()) {
            assert_eq!(after["fields"][key], *value, "{key}");
        }
    }
    assert_eq!(
        (&after["fields"]["general.file_type"], &after["kinds"]["blk.F32.weight"]),
        (&Value::from("2"), &Value::from("q4_0"))
    );
    let names = |v: &Value| v["kinds"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "every tensor, in its order");
    assert_eq!(before["kinds"]["blk.Q8_0.weight"], after["kinds"]["blk.Q8_0.weight"]);
}

#[test]
fn compressed_tensors_are_decoded_to_the_tools_own_weights() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("y.safetensors");
    for (name, format) in [
        ("w4a16g32", "pack-quantized"),
        ("w4a16g128-affine", "pack-quantized"),
        ("w4a32", "pack-quantized"),
        ("w8a32-affine", "pack-quantized"),
        ("w3a32g32-full", "pack-quantized"),
        ("w8a16-tensor", "pack-quantized"),
        ("w8a8", "int-quantized"),
        ("fp8e4m3afp8e4m3", "float-quantized"),
        ("q4_0", "pack-quantized"),
    ] {
        let network = weights_under(name);
        write(&network, "compressed-tensors", dir.path());
        let config: Value = serde_json::from_str(&fs::read_to_string(dir.path().join("config.json")).unwrap()).unwrap();
        assert_eq!(config["quantization_config"]["format"], format, "{name}");
        ask(&["compressed-tensors", dir.path().to_str().unwrap(), out.to_str().unwrap()]);
        for part in &network.parts {
            assert_eq!(tensor(&out, part.name.trim_end_matches(".weight")), part.quantized.values, "{name}");
        }
    }
}

fn bitsmith(args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_bitsmith")).args(args).output().unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn mistakes_are_told_in_one_line_with_their_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out").display().to_string();
    let model = models().join("float.onnx").display().to_string();
    let gguf = models().join("tiny.gguf").display().to_string();
    let cases: &[(&[&str], &str)] = &[
        (
            &["nothing", "--to", "onnx"],
            "nothing is no folder of a run, no built-in network, and no model (.onnx, .gguf, .safetensors, .tflite)",
        ),
        (&[&model, "--to", "onnx"], "--scheme is missing; name a number format, such as w8a8"),
        (
            &[&model, "--to", "onnx", "--scheme", "w8a8-static"],
            "w8a8-static needs samples to calibrate with; give them by --data X.npy",
        ),
        (&[&model, "--to", "onnx", "--scheme", "w8a8", "--contract", "qdq"], "w8a8 needs samples"),
        (
            &[&model, "--to", "onnx", "--scheme", "nf4", "--contract", "qdq"],
            "nf4 has no contract qdq; give --contract f32io",
        ),
        (&[&model, "--to", "gguf", "--scheme", "w4a8"], "GGUF has no type for w4a8; choose one of f32, f16, q4_0"),
        (&["digits", "--to", "onnx", "--scheme", "w8a8+r50%"], "w8a8+r50% changes the network's shapes"),
        (&[&model, "--to", "onnx", "--scheme", "w8a8+c25"], "choose a scheme without +cN and +rN"),
        (&[&model, "--to", "onnx", "--scheme", "w8a8+p50-refit"], "choose a scheme without -refit"),
        (&[&gguf, "--to", "compressed-tensors", "--scheme", "q4_k"], "compressed-tensors has no type for q4_k here"),
        (&[&gguf, "--to", "gguf", "--scheme", "q4_0", "--keep", "*"], "there is nothing to quantize"),
        (&[&gguf, &gguf, "--to", "gguf", "--scheme", "q4_0"], "--to gguf takes one run or model, not 2"),
        (
            &["digits", "--scheme", "w4a4", "--interval", "600", "--data", "x.npy"],
            "--data is for models; add --to onnx, gguf or compressed-tensors",
        ),
        (&["resnet50", "--to", "onnx", "--scheme", "w8a8"], "resnet50 has no trained weights to export"),
    ];
    // the model that is read is never written over
    let own = dir.path().join("model.safetensors");
    fs::copy(models().join("tiny.safetensors"), &own).unwrap();
    let before = fs::read(&own).unwrap();
    let (code, _, stderr) = bitsmith(&[
        "export",
        own.to_str().unwrap(),
        "--to",
        "compressed-tensors",
        "--scheme",
        "w4a16",
        "--out",
        dir.path().to_str().unwrap(),
    ]);
    assert!(code == 2 && stderr.contains("is the model itself; name another"), "{stderr}");
    assert_eq!(fs::read(&own).unwrap(), before);
    for (args, expected) in cases {
        let args = [&["export"][..], args, &["--out", &out]].concat();
        let (code, _, stderr) = bitsmith(&args);
        assert_eq!((code, stderr.lines().count()), (2, 1), "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
        assert!(!Path::new(&out).exists(), "{args:?} left something");
    }
}
