//! Every family on every instruction set, bit for bit against the law, on all small shapes and their tails, with every
//! buffer flush against an inaccessible page. Shapes and schedules are drawn by chance, always the same.

mod common;

use bitsmith::candidate::{Contract, Regime, Schedule};
use bitsmith::host::Caches;
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use common::rig::Case;
use common::{ARITHMETICS, Lab, TINY, sample};
use fastrand::Rng;

/// Widest vector and deepest step of the tiles of one kind, but for those that unpack weights: see `narrow_weights`.
fn extents(lab: &Lab, kind: &str) -> (usize, usize) {
    let tiles = || lab.device.isa.tiles_of(kind).filter(|t| t.bits >= 8);
    (tiles().map(|t| t.n).max().unwrap(), tiles().map(|t| t.k).max().unwrap())
}

fn pick(task: Task, rng: &mut Rng, wanted: impl Fn(&Schedule) -> bool) -> Option<Case> {
    let points: Vec<Schedule> = task.space().unwrap().points().into_iter().filter(wanted).collect();
    rng.choice(points).map(|schedule| Case { task, schedule })
}

/// One case of each arithmetic for each of `count` shapes, on 1 to `threads` threads.
fn draw(
    lab: &Lab,
    count: usize,
    threads: usize,
    caches: Option<Caches>,
    shape: impl Fn(&mut Rng) -> Shape,
) -> Vec<Case> {
    let mut rng = Rng::with_seed(count as u64);
    let mut cases = Vec::new();
    for _ in 0..count {
        let shape = shape(&mut rng);
        for (scheme, contract) in ARITHMETICS {
            let mut task = lab.task(shape, scheme, contract, rng.bool(), rng.usize(1..=threads));
            task.caches = caches.unwrap_or(task.caches);
            cases.extend(pick(task, &mut rng, |_| true));
        }
    }
    cases
}

/// All widths and depths up to two tiles and one more; heights up to two of the tallest blocks and one more. The two
/// contracts of quantized products take turns.
fn products_of_every_size(lab: &Lab) {
    let mut rng = Rng::with_seed(1);
    let mut cases = Vec::new();
    for kind in ["dot", "f32"] {
        let (wide, deep) = extents(lab, kind);
        for n in 1..=2 * wide + 1 {
            for k in (n % lab.stride() + 1..=2 * deep + 1).step_by(lab.stride()) {
                let m = (n * 7 + k * 5) % 29 + 1;
                let (scheme, contract) =
                    if kind == "f32" { ARITHMETICS[2] } else { ARITHMETICS[[0, 1, 3][(n + k) % 3]] };
                let task = lab.task(Shape::gemm(m, n, k).unwrap(), scheme, contract, rng.bool(), 1);
                cases.extend(pick(task, &mut rng, |_| true));
            }
        }
    }
    lab.prove(&cases);
}

/// Rows, columns and depth in blocks, alone and together, and prefetching.
fn blocked_products(lab: &Lab) {
    let mut rng = Rng::with_seed(2);
    let mut cases = Vec::new();
    for i in 0..36 {
        let (scheme, contract) = ARITHMETICS[i % 4];
        let shape = Shape::gemm(rng.usize(2..30), rng.usize(1..80), rng.usize(17..260)).unwrap();
        let mut task = lab.task(shape, scheme, contract, rng.bool(), rng.usize(1..=2));
        task.caches = TINY;
        let wanted = |s: &Schedule| {
            let [m, n, k] = s.sizes("c");
            [k > 0, n > 0, m > 0, s.sizes("p") != [0]][i / 3 % 4]
        };
        cases.extend(pick(task, &mut rng, wanted));
    }
    assert!(cases.iter().filter(|c| c.schedule.sizes::<3>("c")[2] > 0).count() >= 6, "no blocks of depth were drawn");
    lab.prove(&cases);
}

/// One to three threads, more of them than rows or columns too, each way to share the work.
fn shared_work(lab: &Lab) {
    let mut rng = Rng::with_seed(3);
    let mut cases = Vec::new();
    for i in 0..36 {
        let (scheme, contract) = ARITHMETICS[i % 4];
        let (m, n, c) = (rng.usize(1..34), rng.usize(1..70), rng.usize(1..40));
        let shape = match i % 4 {
            0 | 1 => Shape::gemm(m, n, c),
            2 => Shape::conv(Op::Conv2d, [m % 7 + 2, 5, c], n, [2, 3], 1, [1, 0, 0, 2]),
            _ => Shape::conv(Op::Depthwise, [m % 7 + 2, 5, c], c, [2, 3], 2, [0, 1, 1, 0]),
        };
        let task = lab.task(shape.unwrap(), scheme, contract, rng.bool(), 2 + i / 3 % 2);
        // one row can be split by its columns only
        let split = if i / 6 % 2 == 0 && task.shape.m() > 1 { "tm" } else { "tn" };
        cases.extend(pick(task, &mut rng, |s| s.has(split)));
    }
    lab.prove(&cases);
}

/// A window that fits its padded input.
fn window(rng: &mut Rng, op: Op, c: usize, f: usize) -> Shape {
    loop {
        let kernel = [rng.usize(1..=5), rng.usize(1..=4)];
        let pad = [kernel[0], kernel[1], kernel[0], kernel[1]].map(|k| rng.usize(0..k));
        let pad = if rng.bool() { [0; 4] } else { pad };
        let input = [rng.usize(1..=9), rng.usize(1..=9), c];
        if let Ok(shape) = Shape::conv(op, input, f, kernel, rng.usize(1..=3), pad) {
            return shape;
        }
    }
}

fn convolutions(lab: &Lab) {
    let any = |rng: &mut Rng| {
        let (c, f) = (rng.usize(1..=20), rng.usize(1..=40));
        window(rng, Op::Conv2d, c, f)
    };
    lab.prove(&draw(lab, 28, 2, None, any));
    lab.prove(&draw(lab, 8, 1, Some(TINY), any));
}

/// Windows of one pixel, dense and with strides.
fn pointwise_convolutions(lab: &Lab) {
    let any = |rng: &mut Rng| {
        let input = [rng.usize(1..=7), rng.usize(1..=7), rng.usize(1..=40)];
        Shape::conv(Op::Conv2d, input, rng.usize(1..=40), [1, 1], rng.usize(1..=3), [0; 4]).unwrap()
    };
    lab.prove(&draw(lab, 16, 2, None, any));
}

fn depthwise(lab: &Lab) {
    let any = |rng: &mut Rng| {
        let c = rng.usize(1..=37);
        window(rng, Op::Depthwise, c, c)
    };
    lab.prove(&draw(lab, 20, 2, None, any));
    lab.prove(&draw(lab, 8, 1, Some(TINY), any));
    // blocks that divide an output line, whose pixels share columns: of every stride
    let mut rng = Rng::with_seed(9);
    let mut cases = Vec::new();
    for i in 0..24 {
        let (stride, scheme) = (i % 3 + 1, ARITHMETICS[i % 4]);
        let input = [rng.usize(3..=6), 11 * stride + 3, rng.usize(1..=50)];
        let shape = Shape::conv(Op::Depthwise, input, input[2], [3, 3 - i / 12], stride, [0; 4]).unwrap();
        let task = lab.task(shape, scheme.0, scheme.1, rng.bool(), 1);
        let divides = |s: &Schedule| s.sizes::<2>("b")[0] > 1 && shape.ow.is_multiple_of(s.sizes::<2>("b")[0]);
        cases.extend(pick(task, &mut rng, divides));
    }
    assert!(cases.len() >= 20, "{} cases", cases.len());
    lab.prove(&cases);
}

/// Integer weights of every width, by each tile that serves them; every depth up to two steps of a tile and one more.
fn narrow_weights(lab: &Lab) {
    let mut rng = Rng::with_seed(4);
    let mut cases = Vec::new();
    for tile in lab.device.isa.tiles.iter().filter(|t| t.bits < 8 && ["dot", "chain"].contains(&t.kind())) {
        for k in (1..=2 * tile.k + 1).step_by(lab.stride()) {
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

/// Activations of 7 to 2 bits and signs, under every contract, by each family that serves them; with groups too.
fn narrow_activations(lab: &Lab) {
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
fn bit_planes(lab: &Lab) {
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
fn tables_of_sums(lab: &Lab) {
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
fn grouped_weights(lab: &Lab) {
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
fn decoded_weights(lab: &Lab) {
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

/// Larger layers through the tool's own check, many schedules of each.
fn larger_layers(lab: &Lab) {
    let gemm = Shape::gemm(64, 96, 200).unwrap();
    let gemv = Shape::gemm(1, 300, 520).unwrap();
    let conv = Shape::conv(Op::Conv2d, [14, 14, 24], 40, [3, 3], 1, [1; 4]).unwrap();
    let depthwise = Shape::conv(Op::Depthwise, [20, 20, 67], 67, [5, 5], 2, [1, 1, 2, 2]).unwrap();
    for (scheme, contract) in ARITHMETICS {
        for (shape, most) in [(gemm, 12), (gemv, 6), (conv, 6), (depthwise, 6)] {
            all_right(lab, shape, scheme, contract, most);
        }
    }
}

fn all_right(lab: &Lab, shape: Shape, scheme: &str, contract: Contract, most: usize) {
    let task = lab.task(shape, scheme, contract, true, 1);
    let points = sample(task.space().unwrap().points(), most, shape.macs());
    for r in lab.try_points(task, &points, Regime::Hot) {
        assert!(r.outcome.right(), "{} {shape:?}: {:?} {}", r.candidate, r.outcome, r.message);
    }
}

macro_rules! on_every_isa {
    ($($test:ident)*) => {
        on_every_isa!(@ scalar "x86-scalar" $($test)*);
        on_every_isa!(@ avx2 "x86-avx2" $($test)*);
        on_every_isa!(@ avxvnni "x86-avxvnni" $($test)*);
        on_every_isa!(@ avx512vnni "x86-avx512vnni" $($test)*);
        on_every_isa!(@ neon "arm-neon" $($test)*);
        // what these share with neon is tried there
        on_every_isa!(@ dotprod "arm-dotprod" products_of_every_size depthwise narrow_weights grouped_weights);
        on_every_isa!(@ i8mm "arm-i8mm" products_of_every_size depthwise narrow_weights grouped_weights);
    };
    (@ $isa:ident $target:literal $($test:ident)*) => {
        mod $isa {
            $(#[test]
            fn $test() {
                super::$test(&super::Lab::new($target));
            })*
        }
    };
}

/// By the instruction sets that say how bits are counted.
mod bit_planes {
    #[test]
    fn scalar() {
        super::bit_planes(&super::Lab::new("x86-scalar"));
    }
    #[test]
    fn avx2() {
        super::bit_planes(&super::Lab::new("x86-avx2"));
    }
    #[test]
    fn avx512vpopcnt() {
        super::bit_planes(&super::Lab::new("x86-avx512vpopcnt"));
    }
}

/// bf16 in pairs: every depth up to two steps and one more, windows whose rows are of odd length.
fn bf16_pairs(lab: &Lab) {
    let mut rng = Rng::with_seed(7);
    let mut cases = Vec::new();
    let pairs = |s: &Schedule| s.0[0].word == "zmmpair";
    for n in 1..=33 {
        let shape = Shape::gemm(n * 3 % 17 + 1, n, n * 7 % 5 + 1).unwrap();
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
    lab.prove(&cases);
}

// those of AVX-VNNI are the tiles of AVX2
on_every_isa!(@ scalar_looks_up "x86-scalar" tables_of_sums);
on_every_isa!(@ avx2_looks_up "x86-avx2" tables_of_sums);
on_every_isa!(@ avx512vnni_looks_up "x86-avx512vnni" tables_of_sums);
on_every_isa!(@ scalar_decodes "x86-scalar" decoded_weights);
on_every_isa!(@ avx2_decodes "x86-avx2" decoded_weights);
on_every_isa!(@ avx512vnni_decodes "x86-avx512vnni" decoded_weights);

#[test]
fn bf16_pairs_are_multiplied() {
    bf16_pairs(&Lab::new("x86-avx512bf16"));
}

on_every_isa! {
    products_of_every_size
    blocked_products
    shared_work
    convolutions
    pointwise_convolutions
    depthwise
    narrow_weights
    narrow_activations
    grouped_weights
    larger_layers
}
