//! Every family on every instruction set, bit for bit against the law, on all small shapes and their tails, with every
//! buffer flush against an inaccessible page. Shapes and schedules are drawn by chance, always the same.

#[path = "../common/mod.rs"]
mod common;
mod formats;

use bitsmith::bench::harness::Harness;
use bitsmith::candidate::{Contract, Regime, Schedule};
use bitsmith::host::Caches;
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use bitsmith::target::{TARGETS, Target};
use common::rig::{Case, program};
use common::{ARITHMETICS, Lab, TINY, sample};
use fastrand::Rng;
use formats::{
    bf16_pairs, bit_planes, decoded_weights, grouped_weights, narrow_activations, narrow_weights, static_grids,
    tables_of_sums,
};

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
        on_every_isa!(@ i8mm "arm-i8mm" products_of_every_size every_tile depthwise narrow_weights grouped_weights);
        on_every_isa!(@ armv7 "armv7-neon" products_of_every_size every_tile depthwise narrow_weights grouped_weights);
        on_every_isa!(@ sve512 "arm-sve512" products_of_every_size narrow_weights);
        on_every_isa!(@ sve2 "arm-sve2" blocked_products grouped_weights);
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

/// Each tile of SVE at each length of vectors, also at those that no target has: one header for all of them. A core of 512 bits
/// is asked for 128 and 256.
#[test]
fn vectors_of_every_length() {
    let built_in = |name: &str| TARGETS.iter().find(|(n, _)| *n == name).unwrap().1;
    for (name, from) in [("arm-sve512-qemu", "512"), ("arm-sve256-qemu", "256")] {
        for bits in ["128", "256", "512"] {
            let text = built_in(name).replace(from, bits).replace("sve-max-vq=2", "sve-max-vq=4");
            every_tile(&Lab::of(Target::parse("t.toml", &text).unwrap()));
        }
    }
}

/// A core refuses kernels of longer vectors than it has.
#[test]
fn vectors_that_are_too_long_are_refused() {
    let text = TARGETS.iter().find(|(n, _)| *n == "arm-sve256-qemu").unwrap().1;
    let lab = Lab::of(Target::parse("t.toml", &text.replace("256", "512")).unwrap());
    let task = lab.task(Shape::gemm(2, 3, 4).unwrap(), "w8a8", Contract::Int8, false, 1);
    let source = task.emit(&task.space().unwrap().points()[0]).unwrap();
    let command = lab.device.runner.command(&program(&lab, &[source]), 1).unwrap();
    let refused = Harness::start(command, std::time::Duration::from_secs(30)).err().unwrap().to_string();
    assert!(refused.contains("no vectors of 512 bits"), "{refused}");
}

/// Rows, columns and depth of a tile and some more, and windows, by each tile that multiplies without tables, unpacked in
/// registers and ahead.
fn every_tile(lab: &Lab) {
    let mut rng = Rng::with_seed(10);
    let mut cases = Vec::new();
    let kinds = ["dot", "chain", "f32", "dw", "dwf"];
    let tiles: Vec<_> = kinds.iter().flat_map(|kind| lab.device.isa.tiles_of(kind)).collect();
    for (i, tile) in tiles.iter().enumerate() {
        let (n, k) = (tile.n + 3, 2 * tile.k + 1);
        let channels = Shape::conv(Op::Depthwise, [4, 5, n], n, [3, 3], 1, [1; 4]);
        let shape = if tile.kind().starts_with("dw") { channels } else { Shape::gemm(5, n, k) };
        let scheme = match tile.kind() {
            "f32" | "dwf" => "f32",
            "chain" => "w2a8",
            _ => &format!("w{}a8", tile.bits.min(8)),
        };
        let contract = if scheme == "f32" { Contract::F32io } else { Contract::ALL[i % 3] };
        let task = lab.task(shape.unwrap(), scheme, contract, rng.bool(), 1);
        let of = |s: &Schedule| s.0[0].word == tile.variant();
        cases.extend(pick(task.clone(), &mut rng, |s| of(s) && !s.has("un")));
        cases.extend(pick(task, &mut rng, |s| of(s) && s.has("un")));
        if tile.kind() == "dot" {
            let window = Shape::conv(Op::Conv2d, [5, 4, 7], n, [3, 2], 1, [1, 0, 0, 1]).unwrap();
            let task = lab.task(window, scheme, contract, rng.bool(), 2);
            cases.extend(pick(task, &mut rng, of));
        }
    }
    assert!(cases.len() >= tiles.len());
    lab.prove(&cases);
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
    #[test]
    fn neon() {
        super::bit_planes(&super::Lab::new("arm-neon"));
    }
}

// those of AVX-VNNI are the tiles of AVX2
on_every_isa!(@ scalar_looks_up "x86-scalar" tables_of_sums);
on_every_isa!(@ avx2_looks_up "x86-avx2" tables_of_sums);
on_every_isa!(@ avx512vnni_looks_up "x86-avx512vnni" tables_of_sums);
on_every_isa!(@ neon_looks_up "arm-neon" tables_of_sums);
on_every_isa!(@ scalar_decodes "x86-scalar" decoded_weights);
on_every_isa!(@ avx2_decodes "x86-avx2" decoded_weights);
on_every_isa!(@ avx512vnni_decodes "x86-avx512vnni" decoded_weights);
on_every_isa!(@ neon_decodes "arm-neon" decoded_weights);
on_every_isa!(@ scalar_given "x86-scalar" static_grids);
on_every_isa!(@ avx2_given "x86-avx2" static_grids);
on_every_isa!(@ avx512_given "x86-avx512vpopcnt" static_grids);
on_every_isa!(@ neon_given "arm-neon" static_grids);
on_every_isa!(@ sve_given "arm-sve512" static_grids);

#[test]
fn bf16_pairs_are_multiplied() {
    ["x86-avx512bf16", "arm-bf16"].iter().for_each(|name| bf16_pairs(&Lab::new(name)));
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
