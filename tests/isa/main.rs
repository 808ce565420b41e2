//! The words of every tile, through kernels emitted as for any layer: all pairs of bytes at every place of a step, sums at
//! the ends of their range, ties of rounding. (`vocabulary.rs`: every header says every word that a family may use.)

#[path = "../common/mod.rs"]
mod common;
mod vocabulary;

use bitsmith::bench::problem::Problem;
use bitsmith::candidate::{Contract, Schedule};
use bitsmith::emit::Source;
use bitsmith::kernel::{Task, chain16, dot, lut};
use bitsmith::layer::{Op, Shape};
use bitsmith::native::Tile;
use bitsmith::op;
use bitsmith::scheme::Weights;
use bitsmith::scheme::affine::Grid;
use common::Lab;
use common::rig::{Operands, Rig};

const ISAS: [&str; 10] = [
    "x86-scalar",
    "x86-avx2",
    "x86-avxvnni",
    "x86-avx512vnni",
    "armv7-neon",
    "arm-neon",
    "arm-dotprod",
    "arm-i8mm",
    "arm-sve512",
    "arm-sve2",
];
/// Those that say how bits are counted.
const COUNTING: [&str; 4] = ["x86-scalar", "x86-avx2", "x86-avx512vpopcnt", "arm-neon"];

/// Those that say how sums are looked up in tables.
const LOOKING_UP: [&str; 4] = ["x86-scalar", "x86-avx2", "x86-avx512vnni", "arm-neon"];

/// A schedule of this tile with raw activations and one with staged ones, the smallest and largest of their blocks.
fn schedules(task: &Task, tile: &Tile) -> Vec<Schedule> {
    let points = task.space().unwrap().points();
    let of = |word: &str| points.iter().filter(|p| p.0[0].word == tile.variant() && p.has(word)).collect::<Vec<_>>();
    let ends =
        |all: Vec<&Schedule>| all.first().into_iter().chain(all.last()).map(|p| (*p).clone()).collect::<Vec<_>>();
    [ends(of("raw")), ends(of("staged"))].concat()
}

/// Kernels of one integer task per schedule, with the weights they are asked to multiply.
struct Bank {
    task: Task,
    schedules: Vec<Schedule>,
    first: usize,
}

/// Every bank's kernels in one program.
fn start(lab: &Lab, tasks: Vec<(Task, Vec<Schedule>)>) -> (Rig, Vec<Bank>) {
    let (mut sources, mut banks) = (Vec::new(), Vec::new());
    for (task, schedules) in tasks {
        let first = sources.len();
        sources.extend(schedules.iter().map(|s| task.emit(s).unwrap()));
        banks.push(Bank { task, schedules, first });
    }
    (Rig::start(lab, &sources), banks)
}

impl Bank {
    /// Runs every kernel of the bank and compares with the law, output for output.
    fn check(&self, rig: &mut Rig, lhs: &[u8], codes: &[i8], init: &[i32]) {
        let (shape, n) = (&self.task.shape, self.task.shape.n());
        let right = op::reference_int(shape, lhs, codes, init, 0);
        let weights = Weights::Int { codes: codes.to_vec(), scales: vec![1.0; n], group: None };
        let cols = self.task.pack_columns(&weights, init, &[], &vec![0.0; n]);
        for (i, schedule) in self.schedules.iter().enumerate() {
            let rhs = self.task.pack(schedule, &weights).unwrap();
            let operands =
                Operands { lhs, rhs: &rhs, cols: &cols, out_bytes: right.len() * 4, zeros: [0; 2], threads: 1 };
            let name = self.task.name(schedule).unwrap();
            let out = rig.run(self.first + i, &operands, "right").unwrap_or_else(|f| panic!("{name}: {f}"));
            let out = out.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()));
            let wrong = out.zip(&right).position(|(got, right)| got != *right);
            assert_eq!(wrong.map(|at| (at / n, at % n)), None, "{name}, {shape:?}: (row, column)");
        }
    }
}

/// Columns are all weights of so many bits. (Most schemes leave out the least one; tiles take it too.)
fn every_code(bits: usize) -> impl Iterator<Item = i8> {
    (0..1 << bits).map(move |code| (code - (1 << (bits - 1))) as i8)
}

/// Bits of the widest weights that a tile takes.
fn bits(tile: &Tile) -> usize {
    tile.bits.min(8)
}

/// All pairs of a byte and a weight, 65,536 of 8 bits, at each place of a step and of what is left over, alone and everywhere at once.
fn every_pair_in_every_place(lab: &Lab) {
    let mut tasks = Vec::new();
    for tile in lab.device.isa.tiles_of("dot") {
        let depths: Vec<usize> = if tile.scaled() {
            vec![tile.k - 1, tile.k, tile.k + 1]
        } else {
            (1..=2 * tile.k + 1).step_by(lab.stride()).collect()
        };
        for k in depths {
            let shape = Shape::gemm(256, 1 << bits(tile), k).unwrap();
            let of = |full: &str| lab.task(shape, &format!("w{}a8{full}", bits(tile)), Contract::Int8, false, 1);
            let task = Some(of("-full")).filter(|task| (dot::FAMILY.serves)(task, tile)).unwrap_or_else(|| of(""));
            let schedules = schedules(&task, tile);
            tasks.push((task, schedules));
        }
    }
    let (mut rig, banks) = start(lab, tasks);
    for bank in &banks {
        let (n, k) = (bank.task.shape.n(), bank.task.shape.k());
        let least = -(bank.task.scheme.greatest_code() as i32) as i8;
        let every = every_code(n.ilog2() as usize).map(|code| code.max(least));
        let codes: Vec<i8> = every.flat_map(|c| std::iter::repeat_n(c, k)).collect();
        let everywhere: Vec<u8> = (0..=255u8).flat_map(|a| std::iter::repeat_n(a, k)).collect();
        bank.check(&mut rig, &everywhere, &codes, &vec![0; n]);
        // emulators are slow: of many places every third, others at each of three depths next to each other
        let (first, stride) = if k > 8 && lab.stride() > 1 { (k % 3, 3) } else { (0, 1) };
        for place in (first..k).step_by(stride) {
            let alone = |i: usize| if i % k == place { everywhere[i] } else { 0 };
            let lhs: Vec<u8> = (0..everywhere.len()).map(alone).collect();
            bank.check(&mut rig, &lhs, &codes, &vec![-7; n]);
        }
    }
}

/// Bits of weights and activations that are chained.
const CHAINED: [(usize, usize); 10] = [(2, 8), (3, 8), (4, 8), (5, 8), (6, 8), (8, 4), (8, 6), (4, 4), (2, 2), (1, 1)];

/// All activations with all weights of few bits through the chained tiles, at each place of a step; and the longest chains
/// of the largest products, which a longer one would overflow.
fn every_pair_of_a_chain(lab: &Lab) {
    let mut tasks = Vec::new();
    for tile in lab.device.isa.tiles_of("chain") {
        for (weights, bits) in CHAINED {
            let of = |k: usize| {
                let shape = Shape::gemm(1 << bits, 1 << weights, k).unwrap();
                lab.task(shape, &format!("w{weights}a{bits}"), Contract::Int8, false, 1)
            };
            if !(chain16::FAMILY.serves)(&of(1), tile) {
                continue;
            }
            let short = if bits == 8 { 1..=2 * tile.k + 1 } else { tile.k + 1..=tile.k + 1 };
            for k in short.step_by(lab.stride()).chain([2 * chain16::longest(&of(1), tile) * tile.k + 7]) {
                let task = of(k);
                let all = schedules(&task, tile);
                tasks.push((task, all));
            }
        }
    }
    if tasks.is_empty() {
        return; // this instruction set has no use for them
    }
    let (mut rig, banks) = start(lab, tasks);
    for bank in &banks {
        let (k, n) = (bank.task.shape.k(), bank.task.shape.n());
        let most = bank.task.scheme.greatest_code() as i32;
        let code = |column: usize| (column as i32 - most).clamp(-most, most) as i8;
        let codes: Vec<i8> = (0..n).flat_map(|column| std::iter::repeat_n(code(column), k)).collect();
        let lhs: Vec<u8> = (0..bank.task.shape.m()).flat_map(|a| std::iter::repeat_n(a as u8, k)).collect();
        bank.check(&mut rig, &lhs, &codes, &vec![3; n]);
    }
}

/// All activations with all weights of 1 to 4 bits each through the tiles that count bits: everywhere, and alone at each place
/// of two steps and one more; and chains that are full of ones, which a longer one would overflow.
fn every_pair_of_bits(lab: &Lab) {
    let tile = lab.device.isa.tiles_of("bits").next().unwrap();
    let mut tasks = Vec::new();
    for (weights, bits) in [(1, 1), (1, 4), (2, 2), (3, 3), (4, 1), (4, 4)] {
        for k in [1, tile.k, 2 * tile.k + 1, 64 * tile.k + 1] {
            let full = if weights > 1 { "-full" } else { "" };
            let shape = Shape::gemm(1 << bits, 1 << weights, k).unwrap();
            let task = lab.task(shape, &format!("w{weights}a{bits}{full}"), Contract::Int8, false, 1);
            let all = schedules(&task, tile);
            tasks.push((task, all));
        }
    }
    let (mut rig, banks) = start(lab, tasks);
    for bank in &banks {
        let (m, n, k) = (bank.task.shape.m(), bank.task.shape.n(), bank.task.shape.k());
        let codes: Vec<i8> = bank.task.scheme.codes().iter().flat_map(|c| std::iter::repeat_n(*c, k)).collect();
        let everywhere: Vec<u8> = (0..m).flat_map(|a| std::iter::repeat_n(a as u8, k)).collect();
        bank.check(&mut rig, &everywhere, &codes, &vec![3; n]);
        for place in 0..k.min(2 * tile.k + 1) {
            let alone = |i: usize| if i % k == place { everywhere[i] } else { 0 };
            let lhs: Vec<u8> = (0..everywhere.len()).map(alone).collect();
            bank.check(&mut rig, &lhs, &codes, &vec![-7; n]);
        }
    }
}

/// All weights of 1 to 4 bits with all activations through the tables: everywhere, and alone at each place of a step and of the
/// next one; every index and its complement at every place among the largest activations; and chains of the largest sums,
/// which longer ones would overflow.
fn every_entry_of_a_table(lab: &Lab) {
    let tile = lab.device.isa.tiles_of("lut").next().unwrap();
    let mut tasks = Vec::new();
    for (weights, bits) in [(1, 8), (2, 6), (3, 7), (4, 8)] {
        let full = if weights > 1 { "-full" } else { "" };
        let scheme = format!("w{weights}a{bits}{full}");
        let of = |k| lab.task(Shape::gemm(1 << bits, 1 << weights, k).unwrap(), &scheme, Contract::Int8, false, 1);
        for k in [3, tile.k + 1, 2 * lut::longest(&of(1), tile) * tile.k] {
            let all = schedules(&of(k), tile);
            tasks.push((of(k), all));
        }
    }
    let (mut rig, banks) = start(lab, tasks);
    for bank in &banks {
        let (m, n, k) = (bank.task.shape.m(), bank.task.shape.n(), bank.task.shape.k());
        let levels = bank.task.scheme.codes();
        let codes: Vec<i8> = levels.iter().flat_map(|c| std::iter::repeat_n(*c, k)).collect();
        let everywhere: Vec<u8> = (0..m).flat_map(|a| std::iter::repeat_n(a as u8, k)).collect();
        bank.check(&mut rig, &everywhere, &codes, &vec![3; n]);
        if k > tile.k + 1 {
            continue;
        }
        for place in 0..k {
            let alone = |i: usize| if i % k == place { everywhere[i] } else { 0 };
            let lhs: Vec<u8> = (0..everywhere.len()).map(alone).collect();
            bank.check(&mut rig, &lhs, &codes, &vec![-7; n]);
        }
        // columns that differ take the two levels of a bit; rows count down from the largest activation
        let lhs: Vec<u8> = (0..m * k).map(|i| (m - 1 - i / k % 4.min(m) * (i % k % 3) % m) as u8).collect();
        for index in 0..16 {
            let level = |i: usize| levels[if index >> (i % k % 4) & 1 == 0 { i / k } else { n - 1 - i / k }];
            bank.check(&mut rig, &lhs, &(0..n * k).map(level).collect::<Vec<_>>(), &vec![5; n]);
        }
    }
}

/// All 65,536 pairs through the depthwise tiles: pixels are the activations, channels the weights.
fn every_pair_of_a_channel(lab: &Lab) {
    let mut tasks = Vec::new();
    for tile in lab.device.isa.tiles_of("dw") {
        for taps in 1..=3 {
            let shape = Shape::conv(Op::Depthwise, [256 + taps - 1, 1, 256], 256, [taps, 1], 1, [0; 4]).unwrap();
            let task = lab.task(shape, "w8a8", Contract::Int8, false, 1);
            let schedules = schedules(&task, tile);
            tasks.push((task, schedules));
        }
    }
    let (mut rig, banks) = start(lab, tasks);
    for bank in &banks {
        let taps = bank.task.shape.k();
        let codes: Vec<i8> = every_code(8).flat_map(|c| std::iter::repeat_n(c, taps)).collect();
        let lhs: Vec<u8> = (0..bank.task.shape.h).flat_map(|y| std::iter::repeat_n(y as u8, 256)).collect();
        bank.check(&mut rig, &lhs, &codes, &[1; 256]);
    }
}

/// The largest and smallest products as often as a 32-bit sum allows.
fn sums_at_the_ends(lab: &Lab) {
    let shape = |k| Shape::gemm(2, 5, k).unwrap();
    let most = largest_depth(lab);
    let mut tasks = Vec::new();
    for tile in lab.device.isa.tiles_of("dot") {
        for k in [2, 3, 511, 4095, 4096, most] {
            let task = lab.task(shape(k), &format!("w{}a8", bits(tile)), Contract::Int8, false, 1);
            let schedules = schedules(&task, tile);
            tasks.push((task, schedules));
        }
    }
    let (mut rig, banks) = start(lab, tasks);
    for bank in &banks {
        let k = bank.task.shape.k();
        let signs = [|_| 1, |_| -1, |i| if i % 2 == 0 { 1 } else { -1 }, |i| if i % 4 < 2 { -1 } else { 1 }, |_| 0];
        let most = bank.task.scheme.greatest_code() as i8;
        let codes: Vec<i8> = signs.iter().flat_map(|f: &fn(usize) -> i8| (0..k).map(f)).map(|s| s * most).collect();
        bank.check(&mut rig, &vec![255; 2 * k], &codes, &[1000, -1000, 0, i32::MAX, i32::MIN]);
    }
}

/// Deepest product that is served; one more could overflow.
fn largest_depth(lab: &Lab) -> usize {
    let most = i32::MAX as usize / (255 * 255);
    let space = |k| lab.task(Shape::gemm(2, 5, k).unwrap(), "w8a8", Contract::Int8, false, 1).space();
    assert!(space(most).is_ok());
    assert!(space(most + 1).unwrap_err().to_string().contains("could overflow a 32-bit accumulator"));
    most
}

/// Codes that lie exactly between two steps go to the even one, and what lies outside is clamped: each code is read back
/// through a column that holds a single 1.
fn ties_of_rounding(lab: &Lab) {
    let k = 96;
    let task = lab.task(Shape::gemm(4, k, k).unwrap(), "w8a8", Contract::F32io, false, 1);
    let schedules = lab.device.isa.tiles_of("dot").filter(|t| !t.scaled()).flat_map(|t| schedules(&task, t)).collect();
    let (mut rig, banks) = start(lab, vec![(task, schedules)]);
    let bank = &banks[0];
    // scales of 1, 1/2, 3 and 1, with the zero point at either end and in between; the first two numbers set the range
    let row = |low: f32, high: f32, step: f32| {
        (0..k).map(move |i| [low, high].get(i).copied().unwrap_or((low + (i as f32 - 2.0) * step).min(high)))
    };
    let rows = [row(0.0, 255.0, 0.5), row(-64.0, 63.5, 0.25), row(-765.0, 0.0, 1.5), row(-100.0, 155.0, 2.5)];
    let x: Vec<f32> = rows.into_iter().flatten().collect();
    let (codes, scales): (Vec<i8>, _) = ((0..k * k).map(|i| i8::from(i / k == i % k)).collect(), vec![1.0; k]);
    let right = op::forward_int(&bank.task.shape, false, &x, (&codes, &scales), &vec![0.0; k], |row| Grid::of(row, 8));
    assert_eq!(right[2..10], [0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 3.0, 4.0], "the law itself");
    let weights = Weights::Int { codes, scales, group: None };
    let cols = bank.task.pack_columns(&weights, &[], &[], &vec![0.0; k]);
    let lhs: Vec<u8> = x.iter().flat_map(|v| v.to_le_bytes()).collect();
    for (i, schedule) in bank.schedules.iter().enumerate() {
        let rhs = bank.task.pack(schedule, &weights).unwrap();
        let operands =
            Operands { lhs: &lhs, rhs: &rhs, cols: &cols, out_bytes: right.len() * 4, zeros: [0; 2], threads: 1 };
        let out = rig.run(i, &operands, "left").unwrap();
        let out: Vec<f32> = out.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(out, right, "{schedule}");
    }
}

macro_rules! on_every_isa {
    ($($test:ident)*) => {
        $(#[test]
        fn $test() {
            ISAS.iter().for_each(|name| super::$test(&super::Lab::new(name)));
        })*
    };
}

mod exact {
    use super::ISAS;

    #[test]
    fn every_pair_of_bits() {
        super::COUNTING.iter().for_each(|name| super::every_pair_of_bits(&super::Lab::new(name)));
    }

    #[test]
    fn every_entry_of_a_table() {
        super::LOOKING_UP.iter().for_each(|name| super::every_entry_of_a_table(&super::Lab::new(name)));
    }

    on_every_isa! {
        every_pair_in_every_place
        every_pair_of_a_chain
        every_pair_of_a_channel
        sums_at_the_ends
        ties_of_rounding
    }
}

/// The layers that are compared across instruction sets.
fn compared() -> Vec<(Shape, &'static str, Contract)> {
    let (gemm, deep) = (Shape::gemm(9, 21, 70).unwrap(), Shape::gemm(5, 19, 160).unwrap());
    let channels = Shape::conv(Op::Depthwise, [6, 5, 21], 21, [3, 3], 1, [1; 4]).unwrap();
    vec![
        (gemm, "w8a8", Contract::Int8),
        (gemm, "w8a8", Contract::Qdq),
        (gemm, "w8a8", Contract::F32io),
        (gemm, "w4a8", Contract::Int8),
        (gemm, "w3a8", Contract::F32io),
        (deep, "w4a8g32", Contract::F32io),
        (channels, "w8a8", Contract::F32io),
    ]
}

/// One layer by every tile of every instruction set: not only right each by itself, but the same. Names the first element that
/// is not.
#[test]
fn every_instruction_set_gives_the_same_bits() {
    let mut first: Vec<Option<Vec<u8>>> = vec![None; compared().len()];
    for name in ISAS.into_iter().chain(["arm-sve256"]) {
        let lab = Lab::new(name);
        let mut kernels: Vec<(usize, Task, Schedule)> = Vec::new();
        for (i, (shape, scheme, contract)) in compared().into_iter().enumerate() {
            let task = lab.task(shape, scheme, contract, true, 1);
            let mut points = task.space().unwrap().points();
            points.dedup_by_key(|point| point.0[0].word.clone());
            kernels.extend(points.into_iter().map(|point| (i, task.clone(), point)));
        }
        let sources: Vec<Source> = kernels.iter().map(|(_, task, schedule)| task.emit(schedule).unwrap()).collect();
        let mut rig = Rig::start(&lab, &sources);
        for (kernel, (i, task, schedule)) in kernels.iter().enumerate() {
            let mut problem = Problem::new(task.clone(), 5).unwrap();
            let rhs = problem.pack(schedule).unwrap().to_vec();
            let (width, n) = (task.out_width(), task.shape.n());
            let (input, out_bytes) = (&problem.inputs[1], task.shape.out_len() * width);
            let (zeros, cols) = ([input.zero, input.out_zero], &problem.columns);
            let operands = Operands { lhs: &input.lhs, rhs: &rhs, cols, out_bytes, zeros, threads: 1 };
            let out = rig.run(kernel, &operands, "right").unwrap();
            let right = first[*i].get_or_insert_with(|| out.clone());
            let wrong = out.chunks(width).zip(right.chunks(width)).position(|(a, b)| a != b);
            let at = wrong.map(|i| (i / n, i % n, &out[i * width..][..width], &right[i * width..][..width]));
            assert_eq!(at, None, "{}: (row, column, bytes, those of {})", task.name(schedule).unwrap(), ISAS[0]);
        }
    }
}
