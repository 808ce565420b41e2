//! Models of users: read, run and scored. The expected answers are ONNX Runtime's and LiteRT's (`data/models/make.py`).

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use bitsmith::model::aimet::Encodings;
use bitsmith::model::graph::Operation;
use bitsmith::model::program::{Numbers, Program};
use bitsmith::model::{Given, InputShape, Model};
use bitsmith::tensor::Tensor;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

fn read(name: &str) -> Model {
    Model::read(&folder().join(name), &Given::default()).unwrap()
}

fn numbers(name: &str) -> Tensor {
    Tensor::read(name, &folder()).unwrap()
}

/// The samples, [6, 3, 8, 8], as the model takes them.
fn samples(channels_first: bool) -> Vec<Vec<f32>> {
    let each = numbers("x.npy").data;
    let turned = |x: &[f32]| (0..192).map(|i| x[i % 3 * 64 + i / 3]).collect();
    each.chunks_exact(192).map(|x| if channels_first { x.to_vec() } else { turned(x) }).collect()
}

/// The largest distance from the expected answers, over all samples.
fn distance(model: &str, answers: &str, how: Numbers, channels_first: bool) -> f32 {
    let model = read(model);
    let program = Program::new(&model, how).unwrap();
    let got: Vec<f32> = samples(channels_first).iter().flat_map(|x| program.run(x).unwrap()).collect();
    let expected = numbers(answers).data;
    assert_eq!(got.len(), expected.len());
    got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn float_models_give_the_answers_of_other_runtimes() {
    assert!(distance("float.onnx", "float.y.npy", Numbers::Float, true) < 1e-5);
    assert!(distance("float.tflite", "float-tflite.y.npy", Numbers::Float, false) < 1e-4);
}

#[test]
fn quantized_models_give_the_very_codes_of_other_runtimes() {
    assert_eq!(distance("int8.tflite", "int8-tflite.y.npy", Numbers::AsIs, false), 0.0);
    assert_eq!(distance("qlinear.onnx", "qlinear.y.npy", Numbers::AsIs, true), 0.0);
    assert_eq!(distance("qdq.onnx", "qdq.y.npy", Numbers::AsIs, true), 0.0);
    // passing over the grids is another network
    assert!(distance("int8.tflite", "int8-tflite.y.npy", Numbers::Float, false) > 0.01);
}

#[test]
fn batch_normalization_biases_and_relus_become_part_of_their_layers() {
    let model = read("float.onnx");
    let names: Vec<String> = model.layers().iter().map(|l| format!("{} {}", l.layer.name, l.layer.relu)).collect();
    assert_eq!(names, ["c1 true", "dw false", "fc false"]);
    assert!(!model.graph.nodes.iter().any(|n| matches!(n.op, Operation::Affine { .. })));
    let tflite = read("int8.tflite");
    let quant = tflite.graph.values[tflite.graph.nodes[0].inputs[1]].quant.clone().unwrap();
    assert_eq!((quant.bits, quant.scales.len()), (8, 4), "the file's own scales are kept");
}

#[test]
fn what_is_not_understood_is_named_with_its_reason() {
    let path = folder().join("odd.onnx");
    let open = format!("{:#}", Model::read(&path, &Given::default()).unwrap_err());
    assert!(open.contains("input `x` has an open dimension 3 (`W`); give its size by --shape x=1x..."), "{open}");
    let given = |text: &str| Given::new(&[text.parse::<InputShape>().unwrap()]);
    let model = Model::read(&path, &given("x=1x3x8x8")).unwrap();
    let reasons: Vec<String> = model.graph.unsupported().map(|(n, why)| format!("{}: {why}", n.name)).collect();
    assert_eq!(reasons[0], "strange: Det: is an operator that is not known");
    assert_eq!(reasons[1], "after: Relu: the shape of its input `e` is not known");
    let refused = model.runnable().unwrap_err().to_string();
    assert_eq!(refused, "cannot be run: node `strange`: Det: is an operator that is not known (and 1 more)");
    let wrong = format!("{:#}", Model::read(&path, &given("z=1x3x8x8")).unwrap_err());
    assert!(wrong.contains("open dimension"), "{wrong}");
    let outside = format!("{:#}", Model::read(&folder().join("outside.onnx"), &Given::default()).unwrap_err());
    assert!(outside.contains("`../../../Cargo.toml` is not in the model's folder; move it there"), "{outside}");
}

/// Published topologies as exporters write them, opset by opset (`zoo.py`), sample by sample beside ONNX Runtime.
#[test]
fn networks_of_exporters_give_the_answers_of_onnx_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zoo.py");
    let out = std::process::Command::new(common::python()).arg(script).arg(dir.path()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let answers = fs::read(dir.path().join("answers.safetensors")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_none_or(|e| e != "onnx") {
            continue;
        }
        count += 1;
        let stem = entry.file_stem().unwrap().to_string_lossy().into_owned();
        let mut model = Model::read(&entry, &Given::default()).unwrap();
        // QONNX's grids of activations are part of what its models say
        let mut how = if stem.starts_with("qonnx") { Numbers::AsIs } else { Numbers::Float };
        if stem == "aimet" {
            let encodings = Encodings::read(&dir.path().join("aimet.encodings")).unwrap();
            model = model.encoded(&encodings).unwrap();
            let note = model.graph.notes.last().unwrap();
            assert!(note.contains("encodings of 16 of 16 weights, 13 of 13 activations"), "{note}");
            how = Numbers::AsIs;
        }
        if let Err(why) = model.runnable() {
            wrong.push(format!("{stem}: {why:#}"));
            continue;
        }
        let program = Program::new(&model, how).unwrap();
        let tensor = |part: &str| Tensor::from_safetensors(&answers, &format!("{stem}.{part}")).unwrap();
        let (x, y) = (tensor("x"), tensor("y"));
        for (x, y) in x.data.chunks(x.shape[1]).zip(y.data.chunks(y.shape[1])) {
            let got = program.run(x).unwrap();
            assert_eq!(got.len(), y.len(), "{stem}");
            let most = y.iter().fold(0f32, |m, v| m.max(v.abs()));
            let off = got.iter().zip(y).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            // f32 throughout on their side, f64 sums on ours
            if off > 2e-5 * most {
                wrong.push(format!("{stem}: off by {off} of {most}"));
            }
        }
        assert!(!model.layers().is_empty(), "{stem}");
    }
    assert!(wrong.is_empty() && count >= 42, "{count}: {wrong:#?}");
}

#[test]
fn weights_without_a_graph_are_layers_of_their_own() {
    let model = read("tiny.gguf");
    let layers = model.layers();
    let names: Vec<&str> = layers.iter().map(|l| l.layer.name.as_str()).collect();
    assert_eq!(names, ["blk.F32.weight", "blk.F16.weight", "blk.Q4_0.weight", "blk.Q5_1.weight", "blk.Q8_0.weight"]);
    let values: Vec<f32> = layers.iter().flat_map(|l| model.parameters(l).unwrap().weights).collect();
    assert_eq!(values, numbers("gguf.values.npy").data, "the numbers that the gguf package reads");
    assert!(model.runnable().unwrap_err().to_string().contains("weights without a graph"));
    let model = read("tiny.safetensors");
    let names: Vec<String> = model.layers().iter().map(|l| l.layer.name.clone()).collect();
    assert_eq!(names, ["a.weight", "b.weight"]);
    assert_eq!(model.graph.notes, ["1 matrices of other types are passed over, such as c.qweight (I32)"]);
}

fn bitsmith(args: &[&str], dir: &Path) -> (i32, String, String) {
    let out = Command::cargo_bin("bitsmith").unwrap().args(args).current_dir(dir).output().unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

/// Sixty samples that float.onnx has an opinion of, labelled by it, but every fifth wrongly.
fn labelled(dir: &Path) -> Vec<String> {
    let program_model = read("float.onnx");
    let program = Program::new(&program_model, Numbers::Float).unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    let x: Vec<Vec<f32>> = (0..60).map(|_| (0..192).map(|_| rng.f32() * 4.0 - 2.0).collect()).collect();
    let class = |x: &Vec<f32>| bitsmith::accuracy::class(&program.run(x).unwrap()).unwrap() as u8;
    let y: Vec<u8> =
        x.iter().enumerate().map(|(i, x)| if i % 5 == 0 { (class(x) + 1) % 5 } else { class(x) }).collect();
    let header = |dtype: &str, shape: &str| {
        let mut text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
        text += &" ".repeat(63 - (text.len() + 10) % 64);
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16 + 1).to_le_bytes());
        bytes.extend(text.bytes().chain(*b"\n"));
        bytes
    };
    let floats: Vec<u8> = x.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(dir.join("x.npy"), [header("<f4", "(60, 3, 8, 8)"), floats].concat()).unwrap();
    fs::write(dir.join("y.npy"), [header("|u1", "(60,)"), y].concat()).unwrap();
    let model = folder().join("float.onnx").display().to_string();
    ["--model", &model, "--data", "x.npy", "--labels", "y.npy", "--calibrate", "20"].map(String::from).to_vec()
}

#[test]
fn a_model_is_scored_with_intervals_and_a_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["accuracy".to_string()];
    args.extend(labelled(dir.path()));
    args.extend(["--out", "run", "--json", "--scheme", "w8a8", "--scheme", "w2a8"].map(String::from));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, stdout, stderr) = bitsmith(&args, dir.path());
    assert_eq!(code, 0, "{stderr}");
    let rows = serde_json::from_str::<Value>(&stdout).unwrap()["networks"].as_array().unwrap().clone();
    let names: Vec<&str> = rows.iter().map(|r| r["scheme"].as_str().unwrap()).collect();
    assert_eq!(names, ["f32", "w8a8", "w2a8"]);
    assert_eq!((rows[0]["samples"].as_u64(), rows[0]["correct"].as_u64()), (Some(40), Some(32)));
    assert!(rows[0]["top1_low"].as_f64() < Some(0.8) && rows[0]["top1_high"].as_f64() > Some(0.8));
    assert_eq!(rows[0]["agreement"].as_f64(), Some(1.0));
    assert!(rows[1]["kl"].as_f64() < rows[2]["kl"].as_f64(), "2 bits hurt more than 8");
    let table = fs::read_to_string(dir.path().join("run/networks.csv")).unwrap();
    assert_eq!(bitsmith(&args, dir.path()).0, 0);
    assert_eq!(fs::read_to_string(dir.path().join("run/networks.csv")).unwrap(), table, "nothing is computed twice");
    let (code, _, stderr) =
        bitsmith(&["accuracy", "--model", args[2], "--data", "y.npy", "--labels", "y.npy"], dir.path());
    assert_eq!(code, 2);
    assert!(stderr.contains("y.npy: has shape [60]") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn import_writes_layers_that_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let model = folder().join("float.onnx").display().to_string();
    let (code, stdout, stderr) = bitsmith(&["import", &model, "--out", "net.toml"], dir.path());
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("3 layers") && stdout.contains("everything in it is understood"), "{stdout}");
    let network = bitsmith::layer::Network::read(&dir.path().join("net.toml")).unwrap();
    let model = read("float.onnx");
    for (ours, theirs) in network.layers.iter().zip(model.layers()) {
        assert_eq!((ours.shape, ours.relu), (theirs.layer.shape, theirs.layer.relu));
        let data = bitsmith::data::LayerData::of(ours).unwrap();
        assert_eq!(data.weights, model.parameters(&theirs).unwrap().weights);
    }
}

#[test]
fn tune_chooses_a_scheme_for_each_layer_and_runs_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["tune".to_string()];
    args.extend(labelled(dir.path()));
    args.extend(
        ["--scheme", "f32", "--scheme", "w8a8", "--budget", "36trials", "--max-drop", "10%", "--out", "run"]
            .map(String::from),
    );
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, stdout, stderr) = bitsmith(&args, dir.path());
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("on the 20 samples that nothing was chosen by"), "{stdout}");
    let run = dir.path().join("run");
    let lines = |file: &str| fs::read_to_string(run.join(file)).unwrap().lines().count();
    assert_eq!((lines("sensitivity.csv"), lines("costs.csv"), lines("assignment.csv")), (4, 7, 4));
    // as one program: right, and with a time where there are times
    assert!(stdout.contains("the network as one program (chosen-1)"), "{stdout}");
    let table = fs::read_to_string(run.join("network.csv")).unwrap();
    let whole: Vec<&str> = table.lines().nth(1).unwrap().split(',').collect();
    assert!(["Measured", "Checked"].contains(&whole[5]) && whole[7] == "8", "{table}");
    assert!(fs::read_to_string(run.join("steps.csv")).unwrap().contains("kernel"));
    // the ladder: in f32, under the scheme alone, as chosen; on the samples that nothing was chosen by
    let ladder = fs::read_to_string(run.join("networks.csv")).unwrap();
    let rungs: Vec<Vec<&str>> = ladder.lines().skip(1).map(|l| l.split(',').collect()).collect();
    assert_eq!(
        rungs.iter().map(|r| (r[1], r[3])).collect::<Vec<_>>(),
        [("f32", "20"), ("w8a8", "20"), ("chosen", "20")]
    );
    assert!(fs::read_to_string(run.join("network.csv")).unwrap().contains(",all-"));
    let front = fs::read_to_string(run.join("front.csv")).unwrap();
    assert!(
        front.lines().any(|l| l.starts_with("latency_ns,")) && front.lines().any(|l| l.ends_with(",f32;f32;f32")),
        "{front}"
    );
    let decision: Value = serde_json::from_str(&fs::read_to_string(run.join("chosen.json")).unwrap()).unwrap();
    assert_eq!(decision["schemes"].as_object().unwrap().len(), 3);
    assert!(fs::read_to_string(run.join("report.html")).unwrap().contains("The network that was chosen"));
    let size = bitsmith(&["plan", "run/costs.csv", "--minimize", "kl", "--limit", "bytes=800", "--json"], dir.path());
    let document: Value = serde_json::from_str(&size.1).unwrap();
    assert_eq!(document["optimal"], Value::Bool(true));
    let exported = bitsmith(&["export", "run", "--to", "onnx", "--out", "chosen.onnx"], dir.path());
    assert_eq!(exported.0, 0, "{}", exported.2);
    let table = fs::read_to_string(run.join("assignment.csv")).unwrap();
    let chosen = table.lines().filter(|l| l.ends_with(",w8a8")).count();
    assert!(chosen == 0 || exported.1.contains(&format!("layers: {chosen} in w8a8")), "{table}{}", exported.1);
    let back = Model::read(&dir.path().join("chosen.onnx"), &Given::default()).unwrap();
    assert_eq!((back.graph.inputs.len(), back.graph.unsupported().count()), (1, 0));
    let before = fs::read_to_string(run.join("sensitivity.csv")).unwrap();
    let again = bitsmith(&["tune", "--resume", "run"], dir.path());
    assert_eq!((again.0, fs::read_to_string(run.join("sensitivity.csv")).unwrap()), (0, before), "{}", again.2);
    let after = fs::read_to_string(run.join("networks.csv")).unwrap();
    assert_eq!(after.lines().take(3).collect::<Vec<_>>(), ladder.lines().take(3).collect::<Vec<_>>());
    assert_eq!(after.lines().count(), 4, "{after}");
}
