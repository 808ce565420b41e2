//! Every code of every format that kernels decode, at every place of a step, with every scale and zero point that can be
//! stored: multiplied by a one and zeros, it gives exactly the number that it stands for.

mod common;

use bitsmith::bench::problem::Problem;
use bitsmith::candidate::{Contract, Schedule};
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use bitsmith::scheme::coded::ScaleType;
use bitsmith::scheme::lattice::{Lattice, Matrix, Origin, Quantized};
use bitsmith::scheme::levels::{Levels, MiniFloat};
use bitsmith::scheme::{self, LISTED, Weights};
use common::Lab;
use common::rig::{Operands, Rig};

// those of AVX-VNNI are the tiles of AVX2
const ISAS: [&str; 4] = ["x86-scalar", "x86-avx2", "x86-avx512vnni", "arm-neon"];

const SCHEMES: [&str; 28] = [
    "f16",
    "bf16",
    "w1a32",
    "wta32",
    "w2a32",
    "w3a32",
    "w4a32-full",
    "w8a32-full",
    "w5a32",
    "nf4",
    "kmeans1",
    "kmeans5",
    "kmeans8",
    "fp8e4m3",
    "fp8e5m2",
    "fp6e2m3",
    "fp6e3m2",
    "fp4e2m1",
    "w4a32g32-affine",
    "w8a32g32-affine",
    "w4a32g32-pow2",
    "w1a32g32",
    "w2a32g16",
    "fp8e4m3g32",
    "mxfp4",
    "mxint8",
    "nvfp4",
    "q4_0",
];

/// Levels of a scheme; a table that is made from numbers gets numbers.
fn levels(task: &Task) -> Levels {
    match task.scheme.decoded().unwrap() {
        Levels::Table(t)
            if t[0] == t[t.len() - 1] || t.iter().any(|v| !v.is_finite()) || t.len() > 2 && t[1] == t[0] =>
        {
            Levels::Table((0..t.len()).map(|i| (i as f32 - 2.5) * 0.37).collect())
        }
        levels => levels,
    }
}

/// Every scale that is stored like that, and powers of two where scales are f32 or many; the first is the greatest.
fn scales(stored: Option<ScaleType>) -> Vec<f32> {
    match stored {
        None => vec![8.0, 1.0, 0.25],
        Some(ScaleType::F16) => (0..40).map(|i| 2f32.powi(15 - i) * if i % 3 == 1 { -1.0 } else { 1.0 }).collect(),
        Some(ScaleType::Bf16) => (0..200).map(|i| 2f32.powi(80 - i)).collect(),
        // beginning with what mxint8 begins with; results stay within f32
        Some(ScaleType::E8m0) => (0..234).map(|i| 2f64.powi(100 - i) as f32).collect(),
        Some(ScaleType::E4m3) => (1..=126).rev().map(|rank| MiniFloat::E4M3.ranked(rank)).collect(),
    }
}

/// A column for each code, which it holds at some place of every group; other codes elsewhere.
fn weights(task: &Task) -> Quantized {
    let (n, k, levels, groups) = (task.shape.n(), task.shape.k(), levels(task), task.scheme.groups());
    let group = groups.map_or(k, |g| g.columns);
    let (count, scales) = (levels.count(), scales(groups.map(|g| g.scale)));
    let all = n * k.div_ceil(group);
    let points = groups.is_some_and(|g| g.points).then(|| (0..all).map(|i| (i * 7 % count) as i32).collect());
    let lattice = Lattice {
        k,
        group,
        levels,
        scales: (0..all).map(|i| scales[i % scales.len()]).collect(),
        origin: points.map_or(Origin::Zero, Origin::Points),
        stored_bits: 0.0,
    };
    Quantized::of(lattice, (0..n * k).map(|i| ((i / k + i % k * 5) % count) as u16).collect())
}

/// The smallest and the largest block, raw and staged.
fn schedules(task: &Task) -> Vec<Schedule> {
    let points = task.space().unwrap().points();
    let of = |word: &str| points.iter().filter(|p| p.has(word)).cloned().collect::<Vec<_>>();
    ["raw", "staged"]
        .into_iter()
        .flat_map(|w| of(w).first().into_iter().chain(of(w).last()).cloned().collect::<Vec<_>>())
        .collect()
}

/// A task, its weights, and the answers to activations.
struct Trial {
    task: Task,
    weights: Weights,
    x: Vec<f32>,
    right: Vec<f32>,
}

/// Rows of the unit matrix. Of floats of 16 bits each has a column of its own, and one row is enough.
fn one_hot(lab: &Lab, scheme: &str) -> Trial {
    let task = |n, k| lab.task(Shape::gemm(k, n, k).unwrap(), scheme, Contract::F32io, false, 1);
    let (least, count) = (task(1, 1), levels(&task(1, 1)).count());
    let depth = if count > 256 { 1 } else { least.scheme.groups().map_or(33, |g| 2 * g.columns + 3) };
    let task = task(count, depth);
    let (k, n) = (task.shape.k(), task.shape.n());
    let q = weights(&task);
    let x = (0..k * k).map(|i| f32::from(u8::from(i / k == i % k))).collect();
    let right = (0..k * n).map(|i| q.values[i % n * k + i / n]).collect();
    Trial { task, weights: Weights::Coded(q), x, right }
}

/// All in one program.
fn run(lab: &Lab, trials: &[Trial]) {
    let each = || trials.iter().flat_map(|t| schedules(&t.task).into_iter().map(move |s| (t, s)));
    let sources: Vec<_> = each().map(|(t, s)| t.task.emit(&s).unwrap()).collect();
    let mut rig = Rig::start(lab, &sources);
    for (i, (trial, schedule)) in each().enumerate() {
        let (task, n) = (&trial.task, trial.task.shape.n());
        let cols = task.pack_columns(&trial.weights, &[], &[], &vec![0.0; n]);
        let rhs = task.pack(&schedule, &trial.weights).unwrap();
        let lhs: Vec<u8> = trial.x.iter().flat_map(|v| v.to_le_bytes()).collect();
        let out_bytes = trial.right.len() * 4;
        let operands = Operands { lhs: &lhs, rhs: &rhs, cols: &cols, out_bytes, zeros: [0; 2], threads: 1 };
        let name = task.name(&schedule).unwrap();
        let out = rig.run(i, &operands, "right").unwrap_or_else(|f| panic!("{name}: {f}"));
        let got = out.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        let wrong = got.zip(&trial.right).enumerate().find(|(_, (got, right))| got != *right);
        assert_eq!(wrong.map(|(at, both)| (at / n, at % n, both)), None, "{name}: (row, column, (got, right))");
    }
}

#[test]
fn every_code_is_decoded() {
    for isa in ISAS {
        let lab = Lab::new(isa);
        let trials: Vec<Trial> = SCHEMES.iter().map(|scheme| one_hot(&lab, scheme)).collect();
        run(&lab, &trials);
    }
}

/// Activations of 16 bits are f32 rounded as the scheme says: every number of 9 exponents beside ties, subnormals and what
/// is too large, read back through a column that holds a single one.
#[test]
fn activations_are_rounded_as_the_scheme_says() {
    let mut rng = fastrand::Rng::with_seed(1);
    let numbers: Vec<f32> = (0..4001)
        .map(|i| {
            let bits = rng.u32(0..0x0010_0000) << 12 | [0, 0x800, 0x1000, 0x8000, 0xfff][i % 5];
            let exponent = [103, 111, 112, 113, 127, 141, 142, 143, 254][i / 5 % 9];
            f32::from_bits(bits & 0x807f_ffff | exponent << 23 | (i as u32 & 1) << 31)
        })
        .collect();
    let schemes = [("f32a16", MiniFloat::F16), ("f32abf16", MiniFloat::BF16), ("bf16abf16", MiniFloat::BF16)];
    for isa in ISAS.into_iter().chain(["x86-avx512bf16", "arm-bf16"]) {
        let lab = Lab::new(isa);
        let trial = |(scheme, float): &(&str, MiniFloat)| {
            let task = lab.task(Shape::gemm(numbers.len(), 1, 1).unwrap(), scheme, Contract::F32io, false, 1);
            let one = task.scheme.weights.quantize(&Matrix::new(&[1.0], 1), &task.scheme.fit());
            let weights = task.scheme.decoded().map_or(Weights::Float(vec![1.0]), |_| Weights::Coded(one));
            Trial { task, weights, x: numbers.clone(), right: numbers.iter().map(|v| float.round(*v)).collect() }
        };
        run(&lab, &schemes.iter().map(trial).collect::<Vec<_>>());
    }
}

#[test]
fn schemes_have_kernels_where_they_say_so() {
    for isa in ISAS {
        let lab = Lab::new(isa);
        for name in LISTED {
            let task = lab.task(Shape::gemm(3, 20, 64).unwrap(), name, Contract::F32io, false, 1);
            let space = task.space().map(|s| s.len());
            assert_eq!(space.is_ok(), task.scheme.has_kernels(), "{name} on {isa}: {space:?}");
            assert_ne!(space.unwrap_or(1), 0, "{name} on {isa}");
        }
    }
    let has = |name: &str| scheme::find(name).unwrap().has_kernels();
    let all =
        ["f32", "f16a16", "bf16abf16", "w4a16g32", "w4a32-tensor", "w4a32-pow2", "w1a32", "kmeans4", "nvfp4", "tq2_0"];
    assert!(all.into_iter().all(has));
    let none =
        ["f64", "fp8e4m3afp8e4m3", "w4a32g32q6", "q4_1", "q4_k", "w4a8-awq", "w4a32-smoothquant", "w4a32-affine"];
    assert!(!none.into_iter().any(has));
}

/// What a family takes, the law has an answer to, whatever the operation: groups of inputs have none in a window, say.
#[test]
fn whatever_has_kernels_has_a_reference() {
    let conv = |op, f, kernel, stride| Shape::conv(op, [5, 5, 64], f, kernel, stride, [0; 4]).unwrap();
    let shapes = [
        Shape::gemm(3, 20, 64).unwrap(),
        Shape::gemm(1, 20, 64).unwrap(),
        conv(Op::Conv2d, 20, [3, 3], 1),
        conv(Op::Conv2d, 20, [1, 1], 2),
        conv(Op::Depthwise, 64, [3, 3], 1),
    ];
    let (lab, mut served) = (Lab::new("x86-scalar"), 0);
    for name in LISTED.iter().copied().chain(["w4a8g32", "w2a8g64", "w8a8", "w1a1"]) {
        for (shape, contract) in shapes.iter().flat_map(|s| Contract::ALL.map(|c| (*s, c))) {
            let task = lab.task(shape, name, contract, true, 1);
            if task.space().is_ok() {
                served += 1;
                assert!(!Problem::new(task, 1).unwrap().inputs.is_empty());
            }
        }
    }
    assert!(served > 100, "{served}");
}
