//! Kernels of every tile that this machine runs itself, under the address and undefined behaviour sanitizers, called on
//! heap buffers of exactly their size.

#[path = "../common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bitsmith::bench::problem::{Expected, Problem};
use bitsmith::candidate::{Contract, Schedule};
use bitsmith::emit::{self, Source, short_hash};
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use bitsmith::native::{self, Tile};
use bitsmith::target::{Evidence, RunnerKind, Target};
use common::{Lab, TINY, cache, rig, sample};
use rayon::prelude::*;

const SCHEMES: [&str; 22] = [
    "f32",
    "w8a8",
    "w4a8",
    "w2a8",
    "w2a3",
    "w1a1",
    "w1a32",
    "wta32",
    "w4a32g8-affine",
    "nf4a16g16",
    "kmeans5",
    "w8a32",
    "fp8e4m3",
    "fp8e5m2",
    "f16",
    "bf16",
    "nvfp4",
    "bf16abf16",
    "w7a8",
    "w6a8",
    "w5a8",
    "w3a8",
];

/// Rows, columns, depth, windows and channels with tails.
fn shapes() -> Vec<Shape> {
    let all = [
        Shape::gemm(5, 37, 21),
        Shape::gemm(1, 19, 45),
        Shape::gemm(7, 70, 275),
        Shape::conv(Op::Conv2d, [5, 4, 3], 19, [3, 2], 2, [1, 0, 0, 1]),
        Shape::conv(Op::Conv2d, [4, 5, 7], 18, [2, 3], 1, [0; 4]),
        Shape::conv(Op::Depthwise, [5, 6, 37], 37, [3, 3], 1, [1; 4]),
        Shape::conv(Op::Depthwise, [6, 5, 21], 21, [3, 2], 2, [0; 4]),
    ];
    all.into_iter().map(Result::unwrap).collect()
}

/// The first of the schemes that take turns with the shapes.
const TURNS: usize = 4;

/// Tiles that the targets before this one have from another header.
fn tried_before(target: &Target) -> BTreeSet<String> {
    let all = Target::all().unwrap();
    let before = all.iter().take_while(|t| t.name != target.name).filter(here).filter(|t| t.isa != target.isa);
    before.flat_map(|t| t.isa().unwrap().tiles).map(|t| t.prefix).collect()
}

/// Does this machine run it itself?
fn here(target: &&Target) -> bool {
    let host = target.runner.kind == RunnerKind::Host;
    host && target.missing().is_none() && target.runner.evidence == Evidence::Measured
}

/// A kernel, its operands and their right answers.
struct Case {
    problem: Problem,
    schedule: Schedule,
}

/// For each shape, scheme, contract and tile that go together one schedule; about every other one of caches so small that
/// everything is blocked, every third on two threads. Schemes from [`TURNS`] on take turns with the shapes.
fn cases(lab: &Lab) -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, shape) in shapes().into_iter().enumerate() {
        for (s, scheme) in SCHEMES.iter().enumerate() {
            if s >= TURNS && i % 3 != s % 3 {
                continue;
            }
            for (c, contract) in Contract::ALL.into_iter().enumerate() {
                let mut task = lab.task(shape, scheme, contract, true, 1 + usize::from((i + s + c) % 3 == 0));
                if (i + c) % 2 == 0 {
                    task.caches = TINY;
                }
                let Ok(space) = task.space() else { continue };
                let mut tiles: BTreeSet<String> = space.iter().map(|p| p.0[0].word.clone()).collect();
                let ahead = tried_before(&lab.device.target);
                tiles.retain(|t| !task.families().unwrap().iter().any(|f| ahead.contains(&format!("{}_{t}", f.tiles))));
                for tile in tiles {
                    let of_tile = space.iter().filter(|p| p.0[0].word == tile).collect();
                    // the shortest of a few: these take long to compile
                    let few = sample(of_tile, 4, cases.len() as u64);
                    let length = |p: &Schedule| task.emit(p).unwrap().text.len();
                    cases.extend(few.into_iter().min_by_key(length).map(|schedule| case(&task, schedule)));
                }
            }
        }
    }
    cases
}

fn case(task: &Task, schedule: Schedule) -> Case {
    let mut problem = Problem::new(task.clone(), 1).unwrap();
    problem.pack(&schedule).unwrap();
    Case { problem, schedule }
}

impl Case {
    fn source(&self) -> Source {
        self.problem.task.emit(&self.schedule).unwrap()
    }

    /// The calls of kernel `at` as `driver.c` reads them, one for each set of activations.
    fn calls(&self, at: usize, into: &mut Vec<u8>) {
        let (task, rhs) = (&self.problem.task, &self.problem.packed[&self.problem.task.pack_key(&self.schedule)]);
        let accumulates = |t: &&Tile| self.source().text.contains(&format!("{}_acc ", t.prefix));
        let tile = task.isa.tiles.iter().find(accumulates).unwrap();
        // what has scales or zero points between its weights is read byte by byte
        let element = match tile.kind() {
            "bits" => 4, // words of planes
            _ if task.is_coded() && task.group().is_some() => 1,
            _ => (tile.bits / 8).max(1),
        };
        for input in &self.problem.inputs {
            let lhs = input.lhs.len() / task.shape.lhs_len();
            let contents = [&input.lhs, rhs, &self.problem.columns];
            let out = (task.shape.out_len() * task.out_width(), task.out_width());
            let sizes = [(input.lhs.len(), lhs), (rhs.len(), element), (contents[2].len(), 4), out];
            let zeros = [input.zero, input.out_zero].map(i64::from);
            let head = [at as i64, zeros[0], zeros[1], task.threads as i64].into_iter();
            let words = head.chain(sizes.into_iter().flat_map(|(bytes, element)| [bytes as i64, element as i64]));
            into.extend(words.flat_map(i64::to_le_bytes));
            contents.iter().for_each(|bytes| into.extend_from_slice(bytes));
        }
    }
}

/// One program of these kernels and the driver, kept by content.
fn build(target: &Target, sources: &[Source]) -> PathBuf {
    let sources = rig::distinct(sources);
    let all: Vec<&Source> = sources.iter().collect();
    let text = [&emit::batch(&all), &emit::table(&all), include_str!("driver.c")].concat();
    let native: String = native::FILES.iter().map(|(_, text)| *text).collect();
    let path = cache().join(format!(
        "sanitized-{}",
        short_hash([&target.name, &text, &native].map(String::as_str).concat().as_bytes())
    ));
    if path.is_file() {
        return path;
    }
    let unit = path.with_extension("c");
    std::fs::write(&unit, text).unwrap();
    let temporary = path.with_extension("tmp");
    let mut cc = Command::new(&target.compiler.cc);
    cc.args(["-std=gnu11", "-D_GNU_SOURCE", "-ffp-contract=off", "-w"]).args(&target.compiler.flags);
    cc.args(["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I"]);
    cc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("native")).arg(&unit).arg("-o").arg(&temporary).arg("-lm");
    let made = cc.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(temporary, &path).unwrap();
    path
}

fn run(program: &Path, calls: &[u8]) -> Output {
    // a file, as a program that is ended early would leave the writer of a pipe hanging
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(calls).unwrap();
    file.rewind().unwrap();
    let mut command = Command::new(program);
    command.stdin(file).stdout(Stdio::piped()).env("ASAN_OPTIONS", "detect_leaks=0").output().unwrap()
}

/// Every case runs clean, and those whose answer is exact give it.
fn sanitize(target: &Target) {
    let lab = Lab::new(&target.name);
    let cases = cases(&lab);
    let sources: Vec<Source> = cases.iter().map(Case::source).collect();
    let ahead = tried_before(target);
    for tile in lab.device.isa.tiles.iter().filter(|t| !ahead.contains(&t.prefix)) {
        let accumulates = format!("{}_acc ", tile.prefix);
        assert!(sources.iter().any(|s| s.text.contains(&accumulates)), "{}: no case of {}", target.name, tile.prefix);
    }
    let program = build(target, &sources);
    for (at, case) in cases.iter().enumerate() {
        let name = case.problem.task.name(&case.schedule).unwrap();
        let mut calls = Vec::new();
        case.calls(at, &mut calls);
        let output = run(&program, &calls);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} {:?}: {} {said}", case.problem.task.shape, output.status);
        let hashes = String::from_utf8(output.stdout).unwrap();
        let hashes: Vec<u64> = hashes.lines().map(|h| u64::from_str_radix(h, 16).unwrap()).collect();
        assert_eq!(hashes.len(), 2 * case.problem.inputs.len(), "{name}");
        for (input, both) in case.problem.inputs.iter().zip(hashes.chunks(2)) {
            let exact = matches!(input.expected, Expected::Exact { .. });
            assert!(!exact || both.iter().all(|h| input.expected.proves(*h)), "{name}: another answer");
        }
    }
}

#[test]
fn kernels_of_every_tile_run_clean() {
    let targets = Target::all().unwrap();
    targets.par_iter().filter(here).for_each(sanitize);
}

/// What a sanitizer must report, and the mistake planted for it.
const PLANTED: [(&str, &str, &str); 4] = [
    ("heap-buffer-overflow", "k < 21", "k < 22"),
    ("heap-buffer-overflow", "(void)thread, (void)threads;", "((volatile char *)args->out)[5 * 37 * 4] = 0;"),
    ("signed integer overflow", "(void)thread, (void)threads;", "volatile int32_t most = INT32_MAX; most = most + 1;"),
    ("misaligned address", "(void)thread, (void)threads;", "(void)*(volatile int32_t *)((char *)args->out + 1);"),
];

#[test]
fn planted_mistakes_are_reported() {
    let (target, lab) = (Target::find("x86-scalar").unwrap(), Lab::new("x86-scalar"));
    let task = lab.task(Shape::gemm(5, 37, 21).unwrap(), "w8a8", Contract::Int8, false, 1);
    let case = case(&task, "scalar.b3x2.k1.raw.mn.c0x0x0.p0".parse().unwrap());
    let mut sources = vec![case.source(); PLANTED.len()];
    for (source, (_, from, to)) in sources.iter_mut().zip(PLANTED) {
        assert!(source.text.contains(from), "no `{from}` in\n{}", source.text);
        source.text = source.text.replace(from, to);
    }
    let program = build(&target, &sources);
    for (at, (says, ..)) in PLANTED.iter().enumerate() {
        let mut calls = Vec::new();
        case.calls(at, &mut calls);
        let output = run(&program, &calls);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(says), "not `{says}`: {} {said}", output.status);
    }
}
