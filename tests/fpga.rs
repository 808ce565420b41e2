//! Designs for FPGAs: C++ and RTL against the law, cycles against the formula.

use std::path::PathBuf;

use bitsmith::accuracy;
use bitsmith::candidate::Contract;
use bitsmith::data::Trained;
use bitsmith::fpga::chain::{Chain, Stage, Window};
use bitsmith::fpga::design::{Design, Trial, Vectors, symbol, unit_vectors};
use bitsmith::fpga::ir::divisors;
use bitsmith::fpga::network::Stream;
use bitsmith::fpga::sim::{SIMULATORS, Verdict, simulator};
use bitsmith::fpga::{Memory, Mvau, Parameters, Requant, UnitKind};
use bitsmith::layer::{Network, Op, Shape};
use bitsmith::{op, scheme};

/// A folder of the test's own, empty.
fn folder(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fpga").join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A unit with numbers by chance, vectors, and its design.
struct Case {
    unit: Mvau,
    design: Design,
    vectors: Vectors,
}

impl Case {
    fn new(index: usize, unit: &Mvau, vectors: usize) -> Self {
        let (unit, own) = Parameters::synthetic(unit, index as u64);
        let design = Design::of_unit(&format!("{}_{index}", symbol(&unit.to_string())), &unit, &own).unwrap();
        Self { vectors: unit_vectors(&unit, &own, vectors, index as u64 + 1), unit, design }
    }
}

fn verdicts(simulator_name: &str, folder_name: &str, cases: &[Case], seed: u32) -> Vec<Verdict> {
    let trials: Vec<_> = cases.iter().map(|c| Trial { design: &c.design, vectors: &c.vectors, seed }).collect();
    let all = simulator(simulator_name).unwrap().verdicts(&folder(folder_name), &trials).unwrap();
    for (verdict, case) in all.iter().zip(cases) {
        assert_eq!(verdict.wrong, 0, "{simulator_name}: {}", case.unit);
        let outputs: usize = case.vectors.outputs.iter().map(Vec::len).sum();
        let lanes = if simulator_name == "csim" { 1 } else { case.unit.pe };
        assert_eq!(verdict.outputs as usize, outputs / lanes, "{simulator_name}: {}", case.unit);
    }
    all
}

/// All widths, each with `each` foldings of small shapes and every other choice in turn.
fn sweep(each: usize, longest: u64) -> Vec<Mvau> {
    let rng = &mut fastrand::Rng::with_seed(7);
    let mut all = Vec::new();
    for (w, a) in (1..=8).flat_map(|w| (1..=8).map(move |a| (w, a))) {
        let mut foldings = std::collections::BTreeSet::new();
        while foldings.len() < each {
            let i = foldings.len();
            let (rows, columns) = (rng.usize(1..=12), rng.usize(1..=14));
            let depthwise = i % 4 == 3;
            let pe = *rng.choice(&divisors(rows)).unwrap();
            let simd = if depthwise { 1 } else { *rng.choice(&divisors(columns)).unwrap() };
            if !foldings.insert((rows, columns, pe, simd)) {
                continue;
            }
            let kind = if depthwise { UnitKind::Depthwise } else { UnitKind::Dense };
            let mut unit = Mvau::new(kind, [rows, columns], [w, a], [pe, simd]).unwrap();
            if unit.interval() > longest {
                foldings.remove(&(rows, columns, pe, simd));
                continue;
            }
            unit.signed = rng.bool();
            unit.memory = if rng.bool() { Memory::Block } else { Memory::Distributed };
            unit.registered = rng.bool();
            unit.tree = rng.u32(0..=3);
            unit.requant = match i % 3 {
                0 => Requant::None,
                1 => Requant::Shift { bits: rng.u32(1..=8) },
                _ => Requant::Thresholds { bits: rng.u32(1..=if w == a { 8 } else { 4 }) },
            };
            let packed = Mvau { packing: 2, ..unit.clone() };
            if packed.check().is_ok() && rng.bool() {
                unit = packed;
            }
            all.push(unit);
        }
    }
    all
}

#[test]
fn cpp_of_every_width_and_folding_is_the_law() {
    let cases: Vec<_> = sweep(12, u64::MAX).iter().enumerate().map(|(i, u)| Case::new(i, u, 8)).collect();
    assert_eq!(cases.len(), 768);
    verdicts("csim", "csim", &cases, 0);
}

#[test]
fn rtl_of_every_width_is_the_law_in_the_cycles_of_the_formula() {
    let cases: Vec<_> = sweep(4, 40).iter().enumerate().map(|(i, u)| Case::new(i, u, 8)).collect();
    for (verdict, case) in verdicts("icarus", "icarus", &cases, 0).iter().zip(&cases) {
        assert_eq!(verdict.cycles, Some(case.unit.cycles(8)), "{}", case.unit);
        assert_eq!(verdict.interval, Some(case.unit.interval()), "{}", case.unit);
    }
}

/// A window and a unit behind it, with numbers by chance.
fn convolution(index: usize, shape: Shape, [pe, simd]: [usize; 2], requant: Requant, from: usize) -> Chain {
    let kind = if shape.op == Op::Depthwise { UnitKind::Depthwise } else { UnitKind::Dense };
    let mut unit = Mvau::new(kind, [shape.n(), shape.k()], [4, 5], [pe, simd]).unwrap();
    unit.requant = requant;
    let (unit, own) = Parameters::synthetic(&unit, index as u64);
    let lanes = unit.input_lanes();
    let mut stages = vec![];
    if from != lanes {
        stages.push(Stage::Resize { bits: 5, from, to: lanes });
    }
    stages.push(Stage::Window(Window { shape, lanes, bits: 5, pad: 3 }));
    stages.push(Stage::Unit { name: format!("unit{index}"), unit, own });
    Chain { name: format!("conv{index}"), frame: shape.lhs_len(), stages }
}

fn convolutions() -> Vec<Chain> {
    let conv = |op, input, f, kernel, stride, pad| Shape::conv(op, input, f, kernel, stride, pad).unwrap();
    let thresholds = Requant::Thresholds { bits: 3 };
    vec![
        convolution(0, conv(Op::Conv2d, [5, 6, 4], 6, [3, 3], 1, [1; 4]), [3, 2], Requant::None, 4),
        convolution(1, conv(Op::Conv2d, [7, 5, 2], 4, [3, 3], 2, [1; 4]), [4, 2], thresholds, 1),
        convolution(2, conv(Op::Conv2d, [6, 6, 3], 2, [2, 3], 1, [0; 4]), [2, 1], Requant::Shift { bits: 4 }, 3),
        convolution(3, conv(Op::Conv2d, [6, 7, 2], 2, [1, 1], 2, [0; 4]), [1, 1], thresholds, 1),
        convolution(4, conv(Op::Depthwise, [6, 5, 6], 6, [3, 3], 1, [1; 4]), [3, 1], thresholds, 6),
        convolution(5, conv(Op::Depthwise, [8, 8, 4], 4, [3, 3], 2, [0, 0, 1, 1]), [2, 1], Requant::None, 1),
        convolution(6, conv(Op::Conv2d, [9, 4, 1], 3, [4, 1], 3, [2, 0, 1, 0]), [1, 1], Requant::None, 1),
        convolution(7, conv(Op::Conv2d, [1, 9, 4], 3, [1, 5], 2, [0, 2, 0, 2]), [3, 4], Requant::None, 2),
    ]
}

#[test]
fn windows_are_those_of_the_convolution_in_every_simulator() {
    let chains = convolutions();
    let rng = &mut fastrand::Rng::with_seed(5);
    let mut made = vec![];
    for chain in &chains {
        let frames: Vec<Vec<i32>> = (0..4).map(|_| (0..chain.frame).map(|_| rng.i32(0..32)).collect()).collect();
        let Some(Stage::Window(window)) = chain.stages.iter().find(|s| matches!(s, Stage::Window(_))) else { panic!() };
        let Some(Stage::Unit { unit, own, .. }) = chain.stages.last() else { panic!() };
        for frame in &frames {
            // the law of windows and units is that of the kernels
            let codes: Vec<u8> = frame.iter().map(|v| *v as u8).collect();
            let sums = op::reference_int(&window.shape, &codes, &own.weights, &own.init, window.pad);
            let rows = unit.rows;
            let zero = Parameters { init: vec![0; rows], ..own.clone() };
            let code = |(i, sum): (usize, &i32)| zero.rescaled(unit, i % rows, *sum);
            assert_eq!(chain.law(frame), sums.iter().enumerate().map(code).collect::<Vec<_>>(), "{}", chain.name);
        }
        made.push((chain.design().unwrap(), chain.vectors(frames)));
    }
    for (simulator, seed) in [("csim", 0), ("icarus", 0), ("verilator", 0), ("icarus", 77)] {
        let trials: Vec<_> = made.iter().map(|(design, vectors)| Trial { design, vectors, seed }).collect();
        let dir = folder(&format!("windows-{simulator}-{seed}"));
        let all = bitsmith::fpga::sim::simulator(simulator).unwrap().verdicts(&dir, &trials).unwrap();
        for (verdict, chain) in all.iter().zip(&chains) {
            assert_eq!(verdict.wrong, 0, "{simulator}: {}", chain.name);
            if simulator != "csim" && seed == 0 {
                assert_eq!(verdict.interval, Some(chain.interval()), "{simulator}: {}", chain.name);
            }
        }
    }
}

#[test]
fn the_digits_network_streams_as_its_own_arithmetic_says() {
    let network = Network::built_in("digits").unwrap();
    let trained = Trained::load(&network).unwrap().unwrap();
    let scheme = scheme::find("w4a4").unwrap();
    let stream = Stream::of(&network, &trained, &scheme, 600).unwrap();
    assert!(stream.chain.interval() <= 600);
    let frames: Vec<Vec<i32>> = trained.test.x.iter().map(|x| stream.frame(x)).collect();
    let vectors = stream.chain.vectors(frames);
    let mut right = 0;
    for ((image, label), sums) in trained.test.x.iter().zip(&trained.test.y).zip(&vectors.outputs) {
        let logits = stream.logits(sums);
        assert_eq!(logits, stream.reference(image), "bit for bit");
        right += usize::from(accuracy::class(&logits) == Some(usize::from(*label)));
    }
    let row = accuracy::of_network(&network, &trained, &scheme, Contract::Int8).unwrap();
    assert_eq!(row.top1, Some(right), "as `bitsmith accuracy` says");
    let design = stream.chain.design().unwrap();
    for simulator in SIMULATORS.iter().filter(|s| s.name != "icarus") {
        let trials = [Trial { design: &design, vectors: &vectors, seed: 0 }];
        let verdict = &simulator.verdicts(&folder(&format!("digits-{}", simulator.name)), &trials).unwrap()[0];
        assert_eq!((verdict.wrong, verdict.outputs > 0), (0, true), "{}", simulator.name);
        if simulator.name == "verilator" {
            assert_eq!(verdict.interval, Some(stream.chain.interval()));
        }
    }
}

/// After a change that is meant, `BITSMITH_BLESS=1 cargo test --test fpga golden` writes the files anew.
#[test]
fn golden_texts_of_a_unit() {
    let name = "mvau.w4a4.r4c6.pe2.simd3.thr2";
    let (unit, own) = Parameters::synthetic(&name.parse().unwrap(), 9);
    let design = Design::of_unit("golden", &unit, &own).unwrap();
    for (file, text) in [("mvau.sv", &design.rtl[0].1), ("mvau.cpp", &design.hls)] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
        if std::env::var_os("BITSMITH_BLESS").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        assert!(*text == std::fs::read_to_string(&path).unwrap_or_default(), "{file} is emitted otherwise");
    }
}

#[test]
fn what_is_broken_is_found() {
    let unit: Mvau = "mvau.w4a4.r4c6.pe2.simd3.shift8".parse().unwrap();
    let right = Case::new(0, &unit, 6);
    let broken = |name: &str, edit: &dyn Fn(&mut Design)| {
        let mut design = right.design.clone();
        edit(&mut design);
        let trials = [Trial { design: &design, vectors: &right.vectors, seed: 0 }];
        let simulator_name = name.split('-').next().unwrap();
        simulator(simulator_name).unwrap().verdicts(&folder(&format!("broken-{name}")), &trials)
    };
    let replace = |text: &mut String, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
    };
    // a sign that is lost, a weight that is another, a sum that starts from the last one
    let unsigned =
        broken("icarus-sign", &|d| replace(&mut d.rtl[0].1, "weight * activation", "$unsigned(weight) * activation"));
    let other = broken("icarus-weight", &|d| {
        let other = d.rtl[1].1.replace(|c: char| c.is_ascii_hexdigit(), "5");
        d.rtl[1].1 = other;
    });
    let kept = broken("icarus-first", &|d| replace(&mut d.rtl[0].1, "firsts[", "lasts["));
    for (what, verdict) in [("sign", unsigned), ("weight", other), ("first", kept)] {
        assert!(verdict.unwrap()[0].wrong > 0, "{what}");
    }
    let early = broken("icarus-early", &|d| replace(&mut d.rtl[0].1, ".push(complete)", ".push(done)"));
    assert!(early.unwrap()[0].wrong > 0, "an output before it is complete");
    let shifted = broken("csim-shift", &|d| replace(&mut d.hls, "scaled >> ", "scaled >> 1 + "));
    assert!(shifted.unwrap()[0].wrong > 0);
    // the proof of the accumulator is checked where standard integers would hide an overflow
    let bound = format!("BS_BOUND(total, {})", right.unit.accumulator);
    let narrow = broken("csim-bound", &|d| replace(&mut d.hls, &bound, "BS_BOUND(total, 5)"));
    assert!(format!("{:#}", narrow.unwrap_err()).contains("does not fit 5 bits"));
}

fn bitsmith(arguments: &[&str]) -> (Option<i32>, String, String) {
    let out = assert_cmd::Command::cargo_bin("bitsmith").unwrap().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

/// What `make` says in an exported folder.
fn make(dir: &std::path::Path, target: &str) -> String {
    let out = std::process::Command::new("make").arg("-C").arg(dir).arg(target).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn exported_folders_prove_themselves() {
    let dir = folder("export");
    let unit = dir.join("unit");
    let out = unit.to_str().unwrap();
    let (code, said, _) = bitsmith(&["export", "mvau.w8a8.r8c16.pe2.simd4.shift8", "--frames", "6", "--out", out]);
    assert_eq!(code, Some(0));
    assert!(said.contains("prove it: make -C"), "{said}");
    assert!(make(&unit, "csim").contains("outputs=48 wrong=0"));
    assert!(make(&unit, "icarus").contains("outputs=24 wrong=0 cycles=110 interval=16"), "6 * 16 + 14");
    let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(unit.join("design.json")).unwrap()).unwrap();
    assert_eq!((&facts["interval"]["cycles"], &facts["interval"]["evidence"]), (&16.into(), &"modelled".into()));
    assert!(std::fs::read_to_string(unit.join("hls/vitis.tcl")).unwrap().contains("cosim_design"));

    let layers = dir.join("layers.toml");
    let text = "[[layer]]\nname = \"fc\"\nop = \"gemm\"\nm = 3\nn = 4\nk = 8\n\
        [[layer]]\nname = \"conv\"\nop = \"conv2d\"\nh = 5\nw = 5\nc = 2\nf = 4\nkh = 3\nkw = 3\npad = 1\n";
    std::fs::write(&layers, text).unwrap();
    let several = dir.join("several");
    let arguments = ["--scheme", "w4a8", "--interval", "500", "--check", "--out", several.to_str().unwrap()];
    let (code, _, progress) = bitsmith(&[&["export", layers.to_str().unwrap()], &arguments[..]].concat());
    assert_eq!(code, Some(0), "{progress}");
    assert!(progress.contains("verilator: 6 outputs, 0 wrong") || progress.contains("verilator: "), "{progress}");
    let facts = std::fs::read(several.join("layers_conv/design.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_slice(&facts).unwrap();
    let seen: Vec<_> = facts["checks"].as_array().unwrap().iter().map(|c| (&c["simulator"], &c["wrong"])).collect();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|(_, wrong)| **wrong == 0), "{facts}");
}

#[test]
fn mistakes_get_one_line() {
    let say = |arguments: &[&str]| {
        let (code, _, error) = bitsmith(&[&["export"], arguments, &["--out", "Cargo.toml/x"]].concat());
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        error
    };
    assert!(say(&["mvau.w4a4.r64c576.pe5"]).contains("pe = 5 does not divide rows = 64; take 4 or 8"));
    assert!(say(&["mvau.w9a4.r64c576"]).contains("weights of 9 bits; units have 1 to 8"));
    assert!(say(&["mvau.w4a4.r64c576.pe4.acc3"]).contains("acc"));
    assert!(say(&["digits"]).contains("--scheme is missing"));
    assert!(say(&["digits", "--scheme", "w4a4"]).contains("--interval is missing"));
    let slow = say(&["digits", "--scheme", "w4a4", "--interval", "20"]);
    assert!(slow.contains("layer conv1 takes at least 576 cycles"), "{slow}");
    assert!(say(&["digits", "--scheme", "f32", "--interval", "900"]).contains("integer"));
    assert!(say(&["digits", "--scheme", "w4a8g32", "--interval", "900"]).contains("on one grid"));
    assert!(say(&["mvau.w4a4.r4c4", "--frames", "2"]).contains("cannot write Cargo.toml/x"));
}
