//! Compressions: what goes is gone, what is left is counted, and networks with fewer channels are the networks that they should be.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use bitsmith::candidate::Contract;
use bitsmith::data::LayerData;
use bitsmith::layer::{Layer, Op, Shape};
use bitsmith::model::program::{Numbers, Program};
use bitsmith::model::slim::slim;
use bitsmith::model::{Given, Model};
use bitsmith::op;
use bitsmith::quantized::QuantizedLayer;
use bitsmith::scheme::compress::channels::chosen;
use bitsmith::scheme::compress::{COMPRESSIONS, parse};
use bitsmith::scheme::correct::{Draft, Input};
use bitsmith::scheme::{Scheme, find};
use bitsmith::study::parts;
use serde_json::Value;

fn scheme(name: &str) -> Scheme {
    find(name).unwrap()
}

fn layer(shape: Shape) -> (Draft, Vec<f32>) {
    let data = LayerData::of(&Layer::of_shape("x", shape)).unwrap();
    let (weights, bias) = (data.weights, vec![0.25; shape.n()]);
    (Draft { shape, weights, bias, input: Input::default(), importance: None }, data.samples[0].clone())
}

fn quantized(draft: &Draft, x: &[f32], name: &str) -> QuantizedLayer {
    QuantizedLayer::of(draft.clone(), &[x], &scheme(name), Contract::F32io)
}

#[test]
fn every_kind_reads_its_own_examples_and_no_other_kind_does() {
    for (i, kind) in COMPRESSIONS.iter().enumerate() {
        for name in kind.examples {
            let (place, found) = parse(name).unwrap();
            assert_eq!((place, found.name().as_str()), (i, *name));
            assert_eq!(scheme(&format!("f32+{name}")).to_string(), format!("f32+{name}"));
        }
    }
    for wrong in ["", "p0", "p100", "p", "p5 0", "k1", "k257", "r0", "r100%", "r", "c0", "é", "+", "1:1", "99:100"] {
        assert!(parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn what_is_pruned_is_zero_under_every_format_and_rounding_that_allows_it() {
    let (draft, x) = layer(Shape::gemm(40, 12, 64).unwrap());
    let names = [
        "f32+p50",
        "w8a8+p75",
        "w4a8+24",
        "w4a8g32+14-mse",
        "w4a32g32+p50-affine",
        "w3a8+24-gptq",
        "w3a8+24-gptq-refit",
        "w2a8+p50-adaround",
        "w4a8+8:16-stochastic",
        "w4a8+p50-floor",
        "wta8+p50",
        "nf4+24",
        "mxfp4+p50",
        "q4_0+24",
        "w8a8+p50+k16-refit",
        "w4a8+p50-hadamard",
        "w4a8+24-importance-refit",
    ];
    for name in names {
        let q = quantized(&draft, &x, name);
        let gone = q.values.iter().filter(|v| **v == 0.0).count() as f64 / q.values.len() as f64;
        assert!(gone >= q.sparsity && q.sparsity >= 0.5, "{name}: {gone} {}", q.sparsity);
        if name.contains("+24") {
            let most = q.values.chunks(4).map(|four| four.iter().filter(|v| **v != 0.0).count()).max();
            assert!(most.unwrap() <= 2, "{name}");
        }
    }
}

#[test]
fn sizes_are_those_of_a_file_that_gives_the_weights_back() {
    let (draft, x) = layer(Shape::gemm(3, 12, 64).unwrap());
    let bits = |name: &str| quantized(&draft, &x, name).stored_bits;
    let (all, scales) = (12.0 * 64.0, 12.0 * 32.0);
    assert_eq!(bits("w8a8"), 8.0 * all + scales);
    assert_eq!(bits("w8a8+p50"), 8.0 * all / 2.0 + all + scales, "half of the codes and a bitmap");
    assert_eq!(bits("w4a8+24"), 4.0 * all / 2.0 + 2.0 * all / 2.0 + scales, "half of the codes with two bits each");
    assert_eq!(bits("w4a8+14"), 4.0 * all / 4.0 + 2.0 * all / 4.0 + scales);
    assert_eq!(bits("f32+c25"), 9.0 * 64.0 * 32.0);
    // rank 5 of 12 x 64: both factors with scales of their own outputs
    assert_eq!(bits("w8a8+r50%"), 8.0 * 5.0 * (12.0 + 64.0) + 32.0 * (5.0 + 12.0));
    assert_eq!(bits("w8a8+r12"), bits("w8a8"), "no smaller as factors, so it stays");
    let shared = bits("f32+k16");
    assert!(shared > 16.0 * 40.0 + 2.0 * all && shared <= 16.0 * 40.0 + 4.0 * all + 64.0, "{shared}");
    assert!(bits("f32+p90") < 32.0 * (all - (all * 0.9f64).floor()) + 0.6 * all, "gaps take less than a bitmap");
    let depthwise = layer(Shape::conv(Op::Depthwise, [6, 6, 8], 8, [3, 3], 1, [1; 4]).unwrap());
    let same = |name: &str| quantized(&depthwise.0, &depthwise.1, name).values;
    assert_eq!(same("w8a8+p50+r50%"), same("w8a8"), "a depthwise layer is neither pruned nor factored");
}

#[test]
fn refitting_helps_on_the_inputs_that_it_saw() {
    for shape in [Shape::gemm(200, 12, 32).unwrap(), Shape::conv(Op::Conv2d, [9, 9, 4], 8, [3, 3], 1, [1; 4]).unwrap()]
    {
        let (draft, x) = layer(shape);
        let truth = op::forward(&shape, false, &x, &draft.weights, &draft.bias);
        let error = |name: &str| -> f64 {
            let got = quantized(&draft, &x, name).forward(&shape, false, &x);
            got.iter().zip(&truth).map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        for name in ["f32+p50", "f32+24", "f32+r50%"] {
            let (plain, fitted) = (error(name), error(&format!("{name}-refit")));
            assert!(fitted < plain, "{name}: {fitted} {plain}");
        }
        assert!(error("w4a8+24-gptq-refit") < error("w4a8+24"));
    }
}

#[test]
fn a_layer_of_low_rank_is_two_jobs() {
    let shape = Shape::conv(Op::Conv2d, [9, 9, 16], 32, [3, 3], 2, [1; 4]).unwrap();
    let layer = Layer { relu: true, ..Layer::of_shape("c", shape) };
    let two = parts(&layer, "w8a8+r50%-refit");
    let told: Vec<(String, &str, bool)> =
        two.iter().map(|j| (j.layer.key(), j.scheme.as_str(), j.layer.relu)).collect();
    assert_eq!(told, [("user+r50%/c.r13.1".into(), "w8a8", false), ("user+r50%/c.r13.2".into(), "w8a8", true)]);
    let macs = |i: usize| two[i].layer.shape.macs();
    assert_eq!((macs(0), macs(1)), (25 * 13 * 144, 25 * 13 * 32));
    assert_eq!(two[0].layer.shape.out_len(), two[1].layer.shape.lhs_len());
    assert_eq!(parts(&layer, "w4a8+24+k16-refit")[0].scheme, "w4a8", "a dense kernel is timed once");
    assert_eq!(parts(&layer, "w4a8-gptq")[0].scheme, "w4a8-gptq");
    let one = parts(&layer, "w8a8+r500");
    assert_eq!((one.len(), one[0].scheme.as_str()), (1, "w8a8"));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models")
}

#[test]
fn a_model_without_channels_is_the_model_with_those_taken_for_zero() {
    let model = Model::read(&folder().join("float.tflite"), &Given::default()).unwrap();
    let layers = model.layers();
    let kept = chosen(&model.parameters(&layers[0]).unwrap().weights, layers[0].layer.shape.k(), 3);
    let slimmer = slim(&model, &*parse("c25").unwrap().1, None).unwrap().model;
    let shapes: Vec<(usize, usize)> = slimmer.layers().iter().map(|l| (l.layer.shape.n(), l.layer.shape.k())).collect();
    assert_eq!(shapes, [(3, 27), (5, 48)]);
    let (program, less) =
        (Program::new(&model, Numbers::Float).unwrap(), Program::new(&slimmer, Numbers::Float).unwrap());
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..3 {
        let x: Vec<f32> = (0..192).map(|_| rng.f32() * 2.0 - 1.0).collect();
        let values = program.trace(&x).unwrap();
        let mut between = program.layer_input(&values, layers[1].node).unwrap();
        between.iter_mut().enumerate().filter(|(i, _)| !kept[i % 4]).for_each(|(_, v)| *v = 0.0);
        let p = model.parameters(&layers[1]).unwrap();
        let truth = op::forward(&layers[1].layer.shape, layers[1].layer.relu, &between, &p.weights, &p.bias);
        let got = less.layer_input(&less.trace(&x).unwrap(), slimmer.layers()[1].node).unwrap();
        assert_eq!(got.len(), 48);
        let fc = slimmer.parameters(&slimmer.layers()[1]).unwrap();
        let got = op::forward(&slimmer.layers()[1].layer.shape, layers[1].layer.relu, &got, &fc.weights, &fc.bias);
        assert!(truth.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-5), "{truth:?} {got:?}");
        assert!(less.run(&x).unwrap().iter().all(|v| v.is_finite()));
    }
}

fn bitsmith(args: &[&str], dir: &Path) -> (i32, String, String) {
    let out = Command::cargo_bin("bitsmith").unwrap().args(args).current_dir(dir).output().unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

/// Forty samples of float.tflite, labelled by itself.
fn labelled(dir: &Path) -> Vec<String> {
    let model = Model::read(&folder().join("float.tflite"), &Given::default()).unwrap();
    let program = Program::new(&model, Numbers::Float).unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    let x: Vec<Vec<f32>> = (0..40).map(|_| (0..192).map(|_| rng.f32() * 4.0 - 2.0).collect()).collect();
    let class = |x: &Vec<f32>| bitsmith::accuracy::class(&program.run(x).unwrap()).unwrap() as u8;
    let header = |dtype: &str, shape: &str| {
        let mut text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
        text += &" ".repeat(63 - (text.len() + 10) % 64);
        [b"\x93NUMPY\x01\x00", &(text.len() as u16 + 1).to_le_bytes()[..], text.as_bytes(), b"\n"].concat()
    };
    let floats: Vec<u8> = x.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(dir.join("x.npy"), [header("<f4", "(40, 8, 8, 3)"), floats].concat()).unwrap();
    fs::write(dir.join("y.npy"), [header("|u1", "(40,)"), x.iter().map(class).collect()].concat()).unwrap();
    let model = folder().join("float.tflite").display().to_string();
    ["--model", &model, "--data", "x.npy", "--labels", "y.npy", "--calibrate", "20"].map(String::from).to_vec()
}

#[test]
fn a_model_is_compressed_scored_tuned_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let run = |verb: &str, more: &[&str]| {
        let mut args = vec![verb.to_string()];
        args.extend(labelled(dir.path()));
        args.extend(more.iter().map(ToString::to_string));
        bitsmith(&args.iter().map(String::as_str).collect::<Vec<_>>(), dir.path())
    };
    let schemes = ["--scheme", "f32+c25-refit", "--scheme", "w8a8+p50", "--scheme", "w8a8+r50%", "--json"];
    let (code, stdout, stderr) = run("accuracy", &schemes);
    assert_eq!(code, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let bytes = |i: usize| document["networks"][i]["weight_bytes"].as_f64().unwrap();
    assert_eq!(bytes(0), 4.0 * (108.0 + 320.0));
    assert_eq!(bytes(1), 4.0 * (3.0 * 27.0 + 5.0 * 48.0));
    assert!(bytes(2) < bytes(0) / 4.0 && bytes(3) < bytes(0) / 4.0);
    assert!(stdout.contains("multiplied as zeros by dense kernels"), "{stdout}");

    let (code, _, stderr) = run("tune", &["--scheme", "f32", "--scheme", "w8a8+c25"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("give every --scheme the same +c25"), "{stderr}");

    let tune = [
        "--scheme",
        "f32+c25",
        "--scheme",
        "w8a8+c25",
        "--scheme",
        "w8a8+c25+r50%",
        "--budget",
        "36trials",
        "--max-drop",
        "60%",
        "--out",
        "run",
    ];
    let (code, stdout, stderr) = run("tune", &tune);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("on the 10 samples that nothing was chosen by"), "{stdout}");
    let records = fs::read_to_string(dir.path().join("run/records.csv")).unwrap();
    assert!(records.contains(".r1.1,") && records.contains(".r1.2,"), "{records}");
    assert!(!records.contains("+c25"), "kernels are those of smaller layers: {records}");
    let costs = fs::read_to_string(dir.path().join("run/costs.csv")).unwrap();
    assert_eq!(costs.lines().filter(|l| l.contains("w8a8+r50%")).count(), 2, "{costs}");
    let again = bitsmith(&["tune", "--resume", "run"], dir.path());
    assert_eq!((again.0, fs::read_to_string(dir.path().join("run/costs.csv")).unwrap()), (0, costs), "{}", again.2);
}

#[test]
fn a_pruned_network_is_one_program_of_dense_kernels() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["tune".to_string()];
    args.extend(labelled(dir.path()));
    args.extend(
        ["--scheme", "w8a8+p50", "--budget", "12trials", "--max-drop", "100%", "--out", "run"].map(String::from),
    );
    let (code, _, stderr) = bitsmith(&args.iter().map(String::as_str).collect::<Vec<_>>(), dir.path());
    assert_eq!(code, 0, "{stderr}");
    let table = |name: &str| {
        let mut reader = csv::Reader::from_path(dir.path().join("run").join(name)).unwrap();
        reader.deserialize::<HashMap<String, String>>().map(|r| r.unwrap()).collect::<Vec<_>>()
    };
    let (networks, steps) = (table("network.csv"), table("steps.csv"));
    assert_eq!(
        (networks[0]["assignment"].as_str(), networks[0]["outcome"].as_str()),
        ("chosen-1", "Measured"),
        "{networks:?}"
    );
    assert!(steps.iter().any(|s| s["kind"] == "kernel"), "{steps:?}");
    assert!(steps.iter().filter(|s| s["kind"] == "kernel").all(|s| s["scheme"] == "w8a8"), "{steps:?}");
}

#[test]
fn layers_of_low_rank_are_two_steps_of_one_program() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["tune".to_string()];
    args.extend(labelled(dir.path()));
    args.extend(
        ["--scheme", "w8a8+r50%", "--budget", "18trials", "--max-drop", "100%", "--out", "run"].map(String::from),
    );
    let (code, stdout, stderr) = bitsmith(&args.iter().map(String::as_str).collect::<Vec<_>>(), dir.path());
    assert_eq!(code, 0, "{stderr}");
    let table = |name: &str| {
        let mut reader = csv::Reader::from_path(dir.path().join("run").join(name)).unwrap();
        reader.deserialize::<HashMap<String, String>>().map(|r| r.unwrap()).collect::<Vec<_>>()
    };
    let (networks, steps) = (table("network.csv"), table("steps.csv"));
    assert_eq!((networks[0]["outcome"].as_str(), networks[0]["exact"].as_str()), ("Measured", "true"), "{stdout}");
    assert_eq!(networks[0]["checked"], "8");
    let kernels: Vec<&str> = steps.iter().filter(|s| s["kind"] == "kernel").map(|s| s["step"].as_str()).collect();
    let parts = kernels.iter().filter(|k| k.ends_with(".1") || k.ends_with(".2")).count();
    assert!(parts >= 2 && parts.is_multiple_of(2), "{kernels:?}");
}

#[test]
fn training_recovers_what_pruning_lost_and_a_second_run_computes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["recover", "--scheme", "w4a8+p75", "--recipe", "distill", "--epochs", "2", "--json", "--out", "r"];
    let (code, stdout, stderr) = bitsmith(&args, dir.path());
    assert_eq!(code, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let rows = document["rows"].as_array().unwrap();
    let correct: Vec<u64> = rows.iter().map(|r| r["correct"].as_u64().unwrap()).collect();
    let recipes: Vec<&str> = rows.iter().map(|r| r["recipe"].as_str().unwrap()).collect();
    assert_eq!(recipes, ["none", "none", "distill"]);
    assert_eq!(correct[0], 398);
    assert!(correct[1] < 200 && correct[2] > 300, "{correct:?}");
    assert!(dir.path().join("r/w4a8+p75-distill.safetensors").exists());
    let before = fs::read_to_string(dir.path().join("r/recovery.csv")).unwrap();
    assert_eq!(bitsmith(&args, dir.path()).0, 0);
    assert_eq!(fs::read_to_string(dir.path().join("r/recovery.csv")).unwrap(), before);
    // the weights are a layer file like any other
    let layers = bitsmith(&["layers", "r/w4a8+p75-distill.toml"], dir.path());
    assert!(layers.0 == 0 && layers.1.contains("pw2"), "{}", layers.2);
    let (code, _, stderr) = bitsmith(&["recover", "--network", "resnet50", "--scheme", "w2a2"], dir.path());
    assert!(code == 2 && stderr.contains("only digits has"), "{stderr}");
}

#[test]
fn training_is_the_same_on_any_number_of_threads() {
    let run = |threads: &str| {
        let dir = tempfile::tempdir().unwrap();
        let args = ["recover", "--scheme", "w2a4+c25", "--recipe", "qat", "--epochs", "1", "--out", "r"];
        let mut command = Command::cargo_bin("bitsmith").unwrap();
        let out = command.args(args).current_dir(dir.path()).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(out.status.success());
        fs::read(dir.path().join("r/w2a4+c25-qat.safetensors")).unwrap()
    };
    assert_eq!(run("1"), run("3"));
}

#[test]
fn layers_of_a_network_make_up_for_those_before() {
    let network = bitsmith::layer::Network::built_in("digits").unwrap();
    let trained = bitsmith::data::Trained::load(&network).unwrap().unwrap();
    for name in ["w4a8+24", "w8a8+p75", "w3a8"] {
        let right = |name: &str| {
            bitsmith::accuracy::of_network(&network, &trained, &scheme(name), Contract::F32io).unwrap().top1.unwrap()
        };
        let (plain, fitted) = (right(name), right(&format!("{name}-refit")));
        assert!(fitted > plain + 20, "{name}: {fitted} {plain}");
    }
}
