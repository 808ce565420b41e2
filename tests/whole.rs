//! A network as one program: what it computes is what the reference computes, on every device that gives answers.

use std::path::Path;
use std::sync::Arc;

use bitsmith::bench::Device;
use bitsmith::candidate::{Contract, Regime};
use bitsmith::kernel::Task;
use bitsmith::model::program::{Numbers, Program, quantized};
use bitsmith::model::{Given, Model};
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
        let layer = quantized(l.layer.shape, &parameters, &[], &scheme, Contract::F32io);
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
