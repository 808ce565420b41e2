//! Tiles that multiply matrices, on a CPU that has them or in plain C, bit for bit against the law: every size up to two tiles and
//! one more, blocks of every shape, all pairs of bytes, and planted mistakes.

mod common;

use bitsmith::bench::problem::Problem;
use bitsmith::candidate::{Contract, Regime, Schedule};
use bitsmith::emit::Source;
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use bitsmith::op;
use bitsmith::record::Outcome;
use bitsmith::scheme::Weights;
use common::rig::{Case, Operands, Rig};
use common::{Lab, TINY};
use fastrand::Rng;

const CONTRACTS: [Contract; 3] = [Contract::Int8, Contract::Qdq, Contract::F32io];

fn lab() -> Lab {
    Lab::new("x86-amx")
}

fn points(task: &Task) -> Vec<Schedule> {
    task.space().unwrap().points().into_iter().filter(|s| s.0[0].word == "amx").collect()
}

#[test]
fn products_of_every_size() {
    let (lab, mut rng, mut cases) = (lab(), Rng::with_seed(1), Vec::new());
    for i in 0..96 {
        let (m, n, k) = (i % 33 + 1, i * 7 % 33 + 1, rng.usize(1..=129));
        let shape = match i % 5 {
            4 => Shape::conv(Op::Conv2d, [m, rng.usize(1..=3), k], n, [1, 1], 1, [0; 4]),
            _ => Shape::gemm(m, n, k),
        };
        let scheme = ["w8a8", "w8a8", "w8a8", "w8a8", "w4a8", "w8a5", "w1a1"][i / 3 % 7];
        let mut task = lab.task(shape.unwrap(), scheme, CONTRACTS[i % 3], rng.bool(), rng.usize(1..=2));
        if i % 4 == 0 {
            task.caches = TINY;
        }
        let schedule = rng.choice(points(&task)).unwrap();
        cases.push(Case { task, schedule });
    }
    lab.prove(&cases);
}

/// Every block that fits the registers, whole and with tails, in blocks of rows, columns and depth too.
#[test]
fn blocks_of_every_shape() {
    let (lab, mut rng, mut cases) = (lab(), Rng::with_seed(2), Vec::new());
    let blocks = [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [3, 1]];
    for (i, block) in blocks.into_iter().cycle().take(36).enumerate() {
        let [rows, vectors] = block.map(|b| b * 16);
        // a layer that has room for no larger one, or for this one and a tail
        let enough = if rows * vectors < 3 * 256 { 0 } else { rng.usize(0..40) };
        let shape = Shape::gemm(rows + enough, vectors + enough, rng.usize(65..1200)).unwrap();
        let mut task = lab.task(shape, "w8a8", CONTRACTS[i / 6 % 3], rng.bool(), 1 + i % 2);
        if i >= 18 {
            task.caches = TINY;
        }
        let mut all: Vec<Schedule> = points(&task).into_iter().filter(|s| s.sizes("b") == block).collect();
        let most = |s: &Schedule| s.sizes::<3>("c").iter().filter(|c| **c > 0).count();
        let blocked = all.iter().map(most).max().unwrap_or(0).min(i % 4);
        all.retain(|s| most(s) >= blocked);
        cases.extend(rng.choice(all).map(|schedule| Case { task, schedule }));
    }
    let met = |b: &[usize; 2]| cases.iter().any(|c| c.schedule.sizes("b") == *b);
    assert!(blocks.iter().all(met) && cases.len() == 36, "{} cases", cases.len());
    assert!(
        cases.iter().filter(|c| c.schedule.sizes::<3>("c")[2] > 0).count() > 2,
        "too few blocks of depth were drawn"
    );
    lab.prove(&cases);
}

/// Activations and weights of one product, and what `int8` kernels make of them.
fn run(rig: &mut Rig, kernel: usize, task: &Task, lhs: &[u8], rhs: &[u8]) -> Vec<i32> {
    let n = task.shape.n();
    let none = Weights::Int { codes: vec![0; task.shape.weights_len()], scales: vec![1.0; n], group: None };
    let cols = task.pack_columns(&none, &vec![-7; n], &[], &[]);
    let out_bytes = task.shape.out_len() * 4;
    let operands = Operands { lhs, rhs, cols: &cols, out_bytes, zeros: [0; 2], threads: 1 };
    let out = rig.run(kernel, &operands, "right").unwrap();
    out.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// All 65,536, at places of a step and of what is left over, alone and everywhere at once.
#[test]
fn every_pair_of_bytes() {
    let lab = lab();
    let of = |k| lab.task(Shape::gemm(256, 256, k).unwrap(), "w8a8-full", Contract::Int8, false, 1);
    let tasks: Vec<(Task, Schedule)> =
        [1, 4, 64, 67].map(of).into_iter().map(|t| (t.clone(), points(&t).swap_remove(0))).collect();
    let sources: Vec<Source> = tasks.iter().map(|(t, s)| t.emit(s).unwrap()).collect();
    let mut rig = Rig::start(&lab, &sources);
    for (i, (task, schedule)) in tasks.iter().enumerate() {
        let k = task.shape.k();
        let codes: Vec<i8> = (-128..=127i8).flat_map(|w| std::iter::repeat_n(w, k)).collect();
        let weights = Weights::Int { codes: codes.clone(), scales: vec![1.0; 256], group: None };
        let rhs = task.pack(schedule, &weights).unwrap();
        for place in [0, 1, 2, 3, 4, 31, 63, 64, 66, usize::MAX].into_iter().filter(|p| *p < k || *p == usize::MAX) {
            let there = |at: usize| at == place || place == usize::MAX;
            let lhs: Vec<u8> = (0..256 * k).map(|at| if there(at % k) { (at / k) as u8 } else { 0 }).collect();
            let right = op::reference_int(&task.shape, &lhs, &codes, &[-7; 256], 0);
            assert!(run(&mut rig, i, task, &lhs, &rhs) == right, "k = {k}, place {place}");
        }
    }
}

/// The largest products as often as a 32-bit sum allows.
#[test]
fn sums_at_the_end() {
    let lab = lab();
    let k = i32::MAX as usize / (255 * 255);
    let task = lab.task(Shape::gemm(2, 3, k).unwrap(), "w8a8", Contract::Int8, false, 1);
    let schedule = points(&task).swap_remove(0);
    let mut rig = Rig::start(&lab, &[task.emit(&schedule).unwrap()]);
    let codes: Vec<i8> = (0..3 * k).map(|i| [127, -127, [1, -1][i % 2]][i / k]).collect();
    let rhs = task.pack(&schedule, &Weights::Int { codes: codes.clone(), scales: vec![1.0; 3], group: None }).unwrap();
    let lhs = vec![255; 2 * k];
    assert_eq!(run(&mut rig, 0, &task, &lhs, &rhs), op::reference_int(&task.shape, &lhs, &codes, &[-7; 3], 0));
}

/// What is planted, the text it replaces, and what becomes of it.
const PLANTED: [(&str, &str, &str, Outcome); 7] = [
    ("tiles of one row too few", "mm_amx_begin(16,", "mm_amx_begin(15,", Outcome::WrongAnswer),
    ("the row that is left over forgotten", "r < 1; r += 1", "r < 0; r += 1", Outcome::WrongAnswer),
    ("one row of sums too many", "r < 1; r += 1", "r < 2; r += 1", Outcome::WrongAnswer),
    ("the last step of depth forgotten", "k < 3; k", "k < 2; k", Outcome::WrongAnswer),
    ("the sides of a product swapped", "_dot(0, 4, 6)", "_dot(0, 6, 4)", Outcome::WrongAnswer),
    ("rows a step too far apart", ", 192)", ", 256)", Outcome::WrongAnswer),
    ("tiles never configured", "mm_amx_begin(16, 6)", "(void)0", Outcome::Crashed),
];

#[test]
fn planted_mistakes_are_found() {
    let lab = lab();
    let task = lab.task(Shape::gemm(33, 33, 129).unwrap(), "w8a8", Contract::Int8, false, 1);
    let point: Schedule = "amx.b2x2.k1.staged.mn.c0x0x0.p0".parse().unwrap();
    let records = lab.try_edited(task, &vec![point; PLANTED.len() + 1], Regime::Hot, |i, source| {
        if let Some((what, from, to, _)) = PLANTED.get(i) {
            assert!(source.text.contains(from), "{what}: no `{from}` in\n{}", source.text);
            source.text = source.text.replace(from, to);
        }
        let symbol = format!("{}_copy{i}", source.symbol);
        source.text = source.text.replace(&source.symbol, &symbol);
        source.symbol = symbol;
    });
    for ((what, .., outcome), r) in PLANTED.iter().zip(&records) {
        assert_eq!(r.outcome, *outcome, "{what}: {}", r.message);
    }
    assert!(records[PLANTED.len()].outcome.right(), "{}", records[PLANTED.len()].message);
}

/// Weights as other tiles have them, lane by lane, are not what these tiles take: the check sees the difference.
#[test]
fn weights_in_another_order_are_found() {
    let lab = lab();
    let task = lab.task(Shape::gemm(17, 16, 64).unwrap(), "w8a8", Contract::Int8, false, 1);
    let schedule = points(&task).swap_remove(0);
    let mut rig = Rig::start(&lab, &[task.emit(&schedule).unwrap()]);
    let mut problem = Problem::new(task.clone(), 1).unwrap();
    let right = problem.pack(&schedule).unwrap().to_vec();
    assert_eq!(right.len(), 16 * 64);
    let lane_by_lane: Vec<u8> = (0..right.len()).map(|i| right[i / 4 % 16 * 64 + i / 64 * 4 + i % 4]).collect();
    let lhs = &problem.inputs[1].lhs;
    assert_ne!(run(&mut rig, 0, &task, lhs, &right), run(&mut rig, 0, &task, lhs, &lane_by_lane));
}
