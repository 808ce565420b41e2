//! Formats of few bits, groups, and weights that are decoded, by the families that serve them.

use bitsmith::candidate::{Contract, Schedule};
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use fastrand::Rng;

use crate::common::rig::Case;
use crate::common::{ARITHMETICS, Lab, TINY};
use crate::{pick, window};

/// Integer weights of every width, by each tile that serves them; every depth up to two steps of a tile and one more.
pub fn narrow_weights(lab: &Lab) {
    let mut rng = Rng::with_seed(4);
    let mut cases = Vec::new();
    for tile in lab.device.isa.tiles.iter().filter(|t| t.bits < 8 && ["dot", "chain"].contains(&t.kind())) {
        let stride = if lab.stride() > 1 && tile.k > 16 { 13 } else { lab.stride() };
        for k in (1..=2 * tile.k + 1).step_by(stride) {
            let (scheme, contract) = (format!("w{}a8", tile.bits), ARITHMETICS[[0, 1, 3][k % 3]].1);
            let shape = Shape::gemm(k * 5 % 17 + 1, k * 7 % (2 * tile.n + 1) + 1, k).unwrap();
            let task = lab.task(shape, &scheme, contract, rng.bool(), 1);
            let wanted = |s: &Schedule| s.0[0].word == tile.variant();
            cases.extend(pick(task.clone(), &mut rng, wanted));
            cases.extend(pick(task, &mut rng, |s| wanted(s) && s.has("un")));
        }
    }
    for i in (0..36).step_by(lab.stride()) {
        let scheme = format!("w{}a8{}", 2 + i % 6, if i % 5 == 0 { "-full" } else { "" });
        let (m, n, c) = (rng.usize(1..20), rng.usize(1..50), rng.usize(1..300));
        let shape = match i / 6 % 4 {
            0 | 1 => Shape::gemm(m, n, c),
            2 => Shape::conv(Op::Conv2d, [m % 7 + 2, 5, c % 20 + 1], n, [2, 3], 1, [1, 0, 0, 2]),
            _ => Shape::conv(Op::Depthwise, [m % 7 + 2, 5, n], n, [2, 3], 2, [0, 1, 1, 0]),
        };
        let task = lab.task(shape.unwrap(), &scheme, ARITHMETICS[i % 2].1, rng.bool(), rng.usize(1..=2));
        cases.extend(pick_of_each_tile(task, &mut rng));
    }
    let chained = cases.iter().filter(|c| c.schedule.sizes("d") != [0]).count();
    assert!(chained >= 8 || lab.device.isa.tiles_of("chain").next().is_none(), "{chained} chains");
    lab.prove(&cases);
}

/// Grids that are found beforehand, with numbers beyond both their ends, by each family that quantizes what it takes in.
pub fn static_grids(lab: &Lab) {
    let mut rng = Rng::with_seed(9);
    let mut cases = Vec::new();
    for i in (0..24).step_by(lab.stride()) {
        let (weights, bits) = (["w8", "w4", "w2", "w1"][i % 4], [8, 8, 4, 2, 1][i % 5]);
        let group = if i % 6 == 5 { "g32" } else { "" };
        let (m, n, c) = (rng.usize(1..20), rng.usize(1..50), rng.usize(1..300));
        let shape = match i / 4 % 3 {
            1 if group.is_empty() => Shape::conv(Op::Conv2d, [m % 7 + 2, 5, c % 20 + 1], n, [2, 3], 1, [1, 0, 0, 2]),
            2 if group.is_empty() => Shape::conv(Op::Depthwise, [m % 7 + 2, 5, n], n, [2, 3], 2, [0, 1, 1, 0]),
            _ => Shape::gemm(m, n, c),
        };
        let scheme = format!("{weights}a{bits}{group}-static");
        let task = lab.task(shape.unwrap(), &scheme, Contract::F32io, rng.bool(), rng.usize(1..=2));
        assert!(task.has_static_grid(), "{scheme}");
        cases.extend(pick_of_each_tile(task, &mut rng));
    }
    lab.prove(&cases);
}

/// Activations of 7 to 2 bits and signs, under every contract, by each family that serves them; with groups too.
pub fn narrow_activations(lab: &Lab) {
    let mut rng = Rng::with_seed(6);
    let mut cases = Vec::new();
    for i in 0..42 {
        let (weights, bits) = (["w8", "w4", "w2", "wt", "w1"][i % 5], 7 - i % 7);
        let (group, contract) = match i % 4 {
            3 => ("g32", Contract::F32io),
            c => ("", Contract::ALL[c]),
        };
        let (m, n, c) = (rng.usize(1..20), rng.usize(1..50), rng.usize(1..300));
        let shape = match i / 4 % 3 {
            1 if group.is_empty() => Shape::conv(Op::Conv2d, [m % 7 + 2, 5, c % 20 + 1], n, [2, 3], 1, [1, 0, 0, 2]),
            2 if group.is_empty() => Shape::conv(Op::Depthwise, [m % 7 + 2, 5, n], n, [2, 3], 2, [0, 1, 1, 0]),
            _ => Shape::gemm(m, n, c),
        };
        let scheme = format!("{weights}a{bits}{group}");
        let task = lab.task(shape.unwrap(), &scheme, contract, rng.bool(), rng.usize(1..=2));
        for family in task.families().unwrap() {
            let of = |s: &Schedule| lab.device.isa.tile(family.tiles, &s.0[0].word).is_some();
            cases.extend(pick(task.clone(), &mut rng, of));
        }
    }
    lab.prove(&cases);
}

/// Planes of bits: all widths of both sides, all small shapes, under every contract, and depths that fill planes and chains.
pub fn bit_planes(lab: &Lab) {
    let mut rng = Rng::with_seed(7);
    let mut cases = Vec::new();
    let tile = lab.device.isa.tiles_of("bits").next().unwrap();
    for i in 0..80 {
        let (weights, bits) = (["w1", "wt", "w2", "w3", "w4"][i % 5], 1 + i / 5 % 4);
        let k = [i % 5 + 1, rng.usize(1..=2 * tile.k + 1), tile.k * 16, tile.k * 31 + 1, rng.usize(1..3000)]
            [i / 20 + i % 2];
        let (m, n) = (rng.usize(1..25), i % (2 * tile.n + 1) + 1);
        let shape = match i % 7 {
            6 => Shape::conv(Op::Conv2d, [m % 5 + 1, 3, k], n, [1, 1], 1, [0; 4]),
            _ => Shape::gemm(m, n, k),
        };
        let full = if i % 3 == 0 && !["w1", "wt"].contains(&weights) { "-full" } else { "" };
        let (scheme, contract) = (format!("{weights}a{bits}{full}"), Contract::ALL[i % 3]);
        let mut task = lab.task(shape.unwrap(), &scheme, contract, rng.bool(), rng.usize(1..=2));
        if i % 4 == 0 {
            task.caches = TINY;
        }
        cases.extend(pick(task, &mut rng, |s| s.0[0].word == tile.variant()));
    }
    assert_eq!(cases.len(), 80);
    lab.prove(&cases);
}

/// Tables of sums: weights of 1 to 4 bits and activations of 1 to 8, all small shapes, under every contract, and depths of
/// several chains.
pub fn tables_of_sums(lab: &Lab) {
    let mut rng = Rng::with_seed(8);
    let mut cases = Vec::new();
    let tile = lab.device.isa.tiles_of("lut").next().unwrap();
    for i in 0..2 * tile.k + 21 {
        let (weights, bits) = (["w1", "wt", "w2", "w3", "w4"][i % 5], [8, 6, 7, 4, 1, 5, 2, 3][i / 5 % 8]);
        let k = if i <= 2 * tile.k { i + 1 } else { rng.usize(1..3000) };
        let (m, n) = (rng.usize(1..25), i % (2 * tile.n + 1) + 1);
        let shape = match i % 7 {
            6 => Shape::conv(Op::Conv2d, [m % 5 + 1, 3, k], n, [1, 1], 1, [0; 4]),
            5 => Shape::gemm(1, n, k),
            _ => Shape::gemm(m, n, k),
        };
        let full = if i % 3 == 0 && !["w1", "wt"].contains(&weights) { "-full" } else { "" };
        let (scheme, contract) = (format!("{weights}a{bits}{full}"), Contract::ALL[i % 3]);
        let mut task = lab.task(shape.unwrap(), &scheme, contract, rng.bool(), rng.usize(1..=2));
        if i % 4 == 0 {
            task.caches = TINY;
        }
        cases.extend(pick(task, &mut rng, |s| s.0[0].word == tile.variant()));
    }
    assert_eq!(cases.len(), 2 * tile.k + 21);
    lab.prove(&cases);
}

/// Weights with a scale for every group of inputs, of every width, the last group whole or not.
pub fn grouped_weights(lab: &Lab) {
    let mut rng = Rng::with_seed(5);
    let mut cases = Vec::new();
    for i in (0..28).step_by(lab.stride()) {
        let group = [32, 64, 16, 128][i / 7 % 4];
        let scheme = format!(
            "w{}a8g{group}{}",
            ["t", "2", "3", "4", "5", "6", "8"][i % 7],
            if i % 5 == 1 { "-full" } else { "" }
        );
        let scheme = if scheme.starts_with("wt") { format!("wta8g{group}") } else { scheme };
        let k = [group, group * 3, rng.usize(1..group * 4)][i % 3];
        let shape = Shape::gemm(rng.usize(1..20), rng.usize(1..50), k).unwrap();
        let task = lab.task(shape, &scheme, Contract::F32io, rng.bool(), rng.usize(1..=2));
        cases.extend(pick_of_each_tile(task, &mut rng));
    }
    lab.prove(&cases);
}

/// Schemes whose weights a tile decodes, by the kinds of tiles and the bits of their codes.
const DECODED: [(&str, usize, &[&str]); 9] = [
    ("table", 1, &["w1a32", "w1a32g32"]),
    ("table", 2, &["wta32", "w2a16g32", "w2a32g16-affine"]),
    ("table", 4, &["nf4", "mxfp4", "w4a32", "w4a32g32", "nvfp4", "nf4abf16g64", "q4_0", "w3a32g32-affine", "w4a32g8"]),
    ("table", 8, &["kmeans5", "kmeans6g16"]),
    ("int", 8, &["w8a32", "w8a32g32-affine", "mxint8"]),
    ("e4m3", 8, &["fp8e4m3", "fp6e2m3", "fp8e4m3g32", "mxfp8e4m3"]),
    ("e5m2", 8, &["fp8e5m2", "fp6e3m2"]),
    ("f16", 16, &["f16", "f16a16"]),
    ("bf16", 16, &["bf16", "bf16abf16"]),
];

/// By every tile that decodes: all widths and depths up to two of it and one more, and larger layers in blocks.
pub fn decoded_weights(lab: &Lab) {
    let mut rng = Rng::with_seed(6);
    let mut cases = Vec::new();
    for (kind, bits, schemes) in DECODED {
        let tile = lab.device.isa.tiles_of(kind).find(|t| t.bits == bits).unwrap();
        let of = |scheme: &str, n, k, relu| {
            lab.task(Shape::gemm((n * 3 + k * 5) % 17 + 1, n, k).unwrap(), scheme, Contract::F32io, relu, 1)
        };
        for size in 0..=(2 * tile.n).max(2 * tile.k) {
            let (n, k) = (size * 5 % (2 * tile.n + 1) + 1, size % (2 * tile.k + 1) + 1);
            cases.extend(pick(of(schemes[size % schemes.len()], n, k, rng.bool()), &mut rng, |_| true));
        }
        for (i, scheme) in schemes.iter().enumerate() {
            let k = if i % 2 == 0 { tile.k * rng.usize(4..20) } else { rng.usize(30..200) };
            let mut task = of(scheme, rng.usize(1..50), k, rng.bool());
            (task.threads, task.caches) = (rng.usize(1..=2), TINY);
            cases.extend(pick(task, &mut rng, |_| true));
        }
    }
    let conv = Shape::conv(Op::Conv2d, [6, 5, 7], 19, [2, 3], 1, [1, 0, 0, 2]).unwrap();
    for (_, _, schemes) in DECODED {
        cases.extend(pick(lab.task(conv, schemes[0], Contract::F32io, rng.bool(), 2), &mut rng, |_| true));
    }
    let deep = lab.task(Shape::gemm(9, 40, 128).unwrap(), "w4a32", Contract::F32io, true, 1);
    let deep = Task { caches: TINY, ..deep };
    cases.extend((0..3).filter_map(|_| pick(deep.clone(), &mut rng, |s| s.sizes::<3>("c")[2] > 0)));
    lab.prove(&cases);
}

/// A case of each tile that serves the task, unpacked in registers and ahead.
fn pick_of_each_tile(task: Task, rng: &mut Rng) -> Vec<Case> {
    let points = task.space().unwrap().points();
    let kind = |s: &Schedule| (s.0[0].word.clone(), s.has("un"));
    let kinds: std::collections::BTreeSet<_> = points.iter().map(kind).collect();
    let of = |k: &_| points.iter().filter(|s| kind(s) == *k).cloned().collect::<Vec<_>>();
    kinds.iter().filter_map(|k| rng.choice(of(k))).map(|schedule| Case { task: task.clone(), schedule }).collect()
}

/// bf16 in pairs: every depth up to two steps and one more, windows whose rows are of odd length.
pub fn bf16_pairs(lab: &Lab) {
    let mut rng = Rng::with_seed(7);
    let mut cases = Vec::new();
    for tile in lab.device.isa.tiles_of("bfdot") {
        let pairs = |s: &Schedule| s.0[0].word == tile.variant();
        for n in 1..=2 * tile.n + 1 {
            let shape = Shape::gemm(n * 3 % 17 + 1, n, n * 7 % (2 * tile.k + 1) + 1).unwrap();
            cases.extend(pick(lab.task(shape, "bf16abf16", Contract::F32io, rng.bool(), 1), &mut rng, pairs));
        }
        for _ in 0..12 {
            let (c, f) = (rng.usize(1..=20), rng.usize(1..=40));
            let shape = [window(&mut rng, Op::Conv2d, c, f), Shape::gemm(c, f, rng.usize(30..300)).unwrap()];
            for shape in shape {
                let mut task = lab.task(shape, "bf16abf16", Contract::F32io, rng.bool(), rng.usize(1..=2));
                task.caches = TINY;
                cases.extend(pick(task, &mut rng, pairs));
            }
        }
    }
    lab.prove(&cases);
}
