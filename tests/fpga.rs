//! Designs for FPGAs: C++ and RTL against the law, cycles against the formula.

use std::path::PathBuf;

use bitsmith::fpga::design::{Design, Trial, Vectors, symbol, unit_vectors};
use bitsmith::fpga::ir::divisors;
use bitsmith::fpga::sim::{Verdict, simulator};
use bitsmith::fpga::{Memory, Mvau, Parameters, Requant, UnitKind};

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
fn sweep(each: usize) -> Vec<Mvau> {
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
    let cases: Vec<_> = sweep(12).iter().enumerate().map(|(i, u)| Case::new(i, u, 8)).collect();
    assert_eq!(cases.len(), 768);
    verdicts("csim", "csim", &cases, 0);
}

#[test]
fn rtl_of_every_width_is_the_law_in_the_cycles_of_the_formula() {
    let cases: Vec<_> = sweep(4).iter().enumerate().map(|(i, u)| Case::new(i, u, 8)).collect();
    for (verdict, case) in verdicts("icarus", "icarus", &cases, 0).iter().zip(&cases) {
        assert_eq!(verdict.cycles, Some(case.unit.cycles(8)), "{}", case.unit);
        assert_eq!(verdict.interval, Some(case.unit.interval()), "{}", case.unit);
    }
}
