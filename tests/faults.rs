//! Planted faults: kernels made wrong in every way we could think of. Each is recorded as what it is, the good kernels
//! of its batch stay right, and no process is left behind.

mod common;

use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use bitsmith::bench::Device;
use bitsmith::candidate::{Contract, Regime, Schedule};
use bitsmith::emit::Source;
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use bitsmith::record::{Outcome, Record};
use bitsmith::scheme::Weights;
use bitsmith::target::Target;
use common::Lab;

/// What a fault is planted in; all with staged activations and tails of rows, columns and depth.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Victim {
    /// u8 in, s32 out.
    Product,
    /// f32 in and out, quantized inside.
    Quantized,
    /// f32 throughout.
    Float,
    /// A convolution with padding.
    Padded,
    /// A product on two threads.
    Shared,
}
use Victim::*;

struct Fault {
    what: &'static str,
    victim: Victim,
    outcome: Outcome,
    says: &'static str,
    plant: fn(&mut Source, &Facts),
}

/// What an edit must know of its kernel.
struct Facts {
    /// Prefix of the tile's words.
    tile: String,
    /// Bytes of each buffer.
    lhs: usize,
    rhs: usize,
    cols: usize,
    out: usize,
    steps: usize,
}

/// Puts statements at the kernel's beginning.
fn enter(source: &mut Source, code: &str) {
    replace(source, "(void)thread, (void)threads;\n", &format!("(void)thread, (void)threads;\n    {code}\n"));
}

/// Puts statements at the kernel's end.
fn leave(source: &mut Source, code: &str) {
    let end = source.text.rfind('}').unwrap();
    source.text.insert_str(end, &format!("    {code}\n"));
}

fn replace(source: &mut Source, from: &str, to: &str) {
    assert!(source.text.contains(from), "nothing to plant the fault in: no `{from}` in\n{}", source.text);
    source.text = source.text.replace(from, to);
}

/// Reads or writes one byte at an offset from a buffer.
fn touch(source: &mut Source, buffer: &str, at: i64, write: bool) {
    let byte = format!("((volatile char *)args->{buffer})[{at}]");
    enter(source, &if write { format!("{byte} = 1;") } else { format!("(void){byte};") });
}

const fn fault(
    what: &'static str,
    victim: Victim,
    outcome: Outcome,
    says: &'static str,
    plant: fn(&mut Source, &Facts),
) -> Fault {
    Fault { what, victim, outcome, says, plant }
}

use Outcome::{BuildFailed, Crashed, TimedOut, WrongAnswer};
const PAST_OUT: &str = "wrote outside its output buffer";

#[rustfmt::skip]
static FAULTS: &[Fault] = &[
    // wrong numbers
    fault("last row skipped", Product, WrongAnswer, "row 12", |s, _| replace(s, "if (rows - i == 1)", "if (0)")),
    fault("last step of depth skipped", Product, WrongAnswer, "should be", |s, f| replace(s, &format!("k < {}; k", f.steps), &format!("k < {}; k", f.steps - 1))),
    fault("two rows swapped", Product, WrongAnswer, "row 0", |s, _| { replace(s, "lhs + (i + 0) *", "lhs + (i + 9) *"); replace(s, "lhs + (i + 1) *", "lhs + (i + 0) *"); replace(s, "lhs + (i + 9) *", "lhs + (i + 1) *") }),
    fault("initial sums one column off", Product, WrongAnswer, "column 0", |s, _| replace(s, "args->cols + 0 + column + 0)", "args->cols + 0 + column + 1)")),
    fault("nothing written", Product, WrongAnswer, "0xa5a5a5a5", |s, _| enter(s, "return;")),
    fault("right at first, then wrong", Product, WrongAnswer, "row 0, column 0", |s, _| leave(s, "static int calls; if (++calls == 3) *(int32_t *)args->out ^= 1;")),
    fault("padding one off the zero point", Padded, WrongAnswer, "should be", |s, _| replace(s, "elem)zero", "elem)(zero + 1)")),
    fault("zero point one off", Quantized, WrongAnswer, "should be", |s, _| replace(s, "grids[r]);\n", "grids[r]);\n        grids[r].zero += 1;\n")),
    fault("truncated instead of rounded", Quantized, WrongAnswer, "should be", |s, f| {
        replace(s, &format!("{}_quant(", f.tile), "truncate(");
        s.text.insert_str(0, &format!("static void truncate({}_elem *to, const float *x, int64_t n, struct bs_grid g) {{\n    for (int64_t i = 0; i < n; i++) {{\n        int q = (int)(x[i] * g.inverse) + g.zero;\n        to[i] = q < 0 ? 0 : q > 255 ? 255 : q;\n    }}\n}}\n", f.tile));
    }),
    fault("ReLU forgotten", Quantized, WrongAnswer, "should be", |s, _| { replace(s, "column + 0, 1", "column + 0, 0"); s.text = s.text.replace("column + 8, 1", "column + 8, 0") }),
    fault("not a number", Float, WrongAnswer, "NaN", |s, _| leave(s, "*(float *)args->out = __builtin_nanf(\"\");")),
    fault("one part in 10000 too large", Float, WrongAnswer, "row 0, column 0", |s, _| leave(s, "*(float *)args->out = *(float *)args->out * 1.0001f + 1e-4f;")),
    fault("one thread's share missing", Shared, WrongAnswer, "0xa5a5a5a5", |s, _| enter(s, "if (thread == 1) return;")),
    // memory
    fault("one byte past the activations", Product, Crashed, "SIGSEGV", |s, f| touch(s, "lhs", f.lhs as i64, false)),
    fault("one byte past the weights", Product, Crashed, "SIGSEGV", |s, f| touch(s, "rhs", f.rhs as i64, false)),
    fault("one byte past the columns", Product, Crashed, "SIGSEGV", |s, f| touch(s, "cols", f.cols as i64, false)),
    fault("one byte before the activations", Product, Crashed, "SIGSEGV", |s, _| touch(s, "lhs", -1, false)),
    fault("one byte before the weights", Product, Crashed, "SIGSEGV", |s, _| touch(s, "rhs", -1, false)),
    fault("one byte before the columns", Product, Crashed, "SIGSEGV", |s, _| touch(s, "cols", -1, false)),
    fault("one byte written past the output", Product, WrongAnswer, PAST_OUT, |s, f| touch(s, "out", f.out as i64, true)),
    fault("one byte written before the output", Product, Crashed, "SIGSEGV", |s, _| touch(s, "out", -1, true)),
    fault("one byte written past the scratch", Product, WrongAnswer, "wrote outside its scratch", |s, _| { let end = s.work_bytes as i64; touch(s, "work", end, true) }),
    fault("an input overwritten", Product, Crashed, "SIGSEGV", |s, _| touch(s, "lhs", 0, true)),
    fault("huge allocation", Product, Crashed, "SIGSEGV", |s, _| enter(s, "for (;;) *(volatile char *)__builtin_malloc(1 << 30) = 1;")),
    fault("stack overflow", Product, Crashed, "SIGSEGV", |s, _| { s.text.insert_str(0, "static int deeper(volatile char *p) { volatile char here[4096]; here[0] = *p; return deeper(here) + here[0]; }\n"); enter(s, "volatile char top = 0; deeper(&top);") }),
    // ways to end, and not to
    fault("illegal instruction", Product, Crashed, "SIGILL", |s, _| enter(s, "__builtin_trap();")),
    fault("division by zero", Product, Crashed, "SIGFPE", |s, _| enter(s, "volatile int some = 7, none = 0; none = some / none;")),
    fault("abort", Product, Crashed, "SIGABRT", |s, _| enter(s, "__builtin_abort();")),
    fault("kills its process", Product, Crashed, "SIGKILL", |s, _| enter(s, "int raise(int); raise(9);")),
    fault("exit as if all were well", Product, Crashed, "exit status: 0", |s, _| enter(s, "__builtin_exit(0);")),
    fault("endless loop", Product, TimedOut, "no answer within", |s, _| enter(s, "for (;;) __asm__ volatile(\"\");")),
    fault("stops its process", Product, TimedOut, "no answer within", |s, _| enter(s, "int raise(int); raise(19);")),
    fault("waits for a thread that never comes", Shared, TimedOut, "no answer within", |s, _| enter(s, "static _Atomic int there; while (thread == 0 && !there) {}")),
    // the protocol
    fault("prints two answers", Product, WrongAnswer, "", |s, _| enter(s, "__builtin_puts(\"ok 0\\nok 0\"); return;")),
    fault("reads standard input", Product, TimedOut, "no answer within", |s, _| enter(s, "int getchar(void); getchar();")),
];

/// The tests of this file look at this process's children, so they take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn lab() -> Lab {
    let vectors = Target::find("x86-avx2").unwrap().missing().is_none();
    Lab::new(if vectors { "x86-avx2" } else { "x86-scalar" })
}

fn task(lab: &Lab, victim: Victim) -> Task {
    let gemm = Shape::gemm(13, 19, 37).unwrap();
    let conv = Shape::conv(Op::Conv2d, [6, 5, 3], 19, [3, 3], 1, [1; 4]).unwrap();
    match victim {
        Product => lab.task(gemm, "w8a8", Contract::Int8, true, 1),
        Quantized => lab.task(gemm, "w8a8", Contract::F32io, true, 1),
        Float => lab.task(gemm, "f32", Contract::F32io, true, 1),
        Padded => lab.task(conv, "w8a8", Contract::Int8, true, 1),
        Shared => lab.task(gemm, "w8a8", Contract::Int8, true, 2),
    }
}

/// A schedule of three rows by two vectors with staged activations, one step at a time; and another one.
fn victim_and_bystander(task: &Task) -> [Schedule; 2] {
    let points = task.space().unwrap().points();
    let plain = |p: &&Schedule| p.has("staged") && p.sizes("b") == [3, 2] && p.sizes("k") == [1] && !p.has("tn");
    let other = |p: &&Schedule| p.sizes("k") == [2] && p.sizes("b") != [3, 2] && !p.has("tn");
    [points.iter().find(plain).unwrap().clone(), points.iter().find(other).unwrap().clone()]
}

fn facts(task: &Task, schedule: &Schedule) -> Facts {
    let (shape, n) = (&task.shape, task.shape.n());
    let weights = match task.scheme.float_activations() {
        true => Weights::Float(vec![0.0; shape.weights_len()]),
        false => Weights::Int { codes: vec![0; shape.weights_len()], scales: vec![1.0; n], group: None },
    };
    let tile = task.isa.tiles.iter().find(|t| t.variant() == schedule.0[0].word).unwrap();
    let element = if task.contract == Contract::Int8 { 1 } else { 4 };
    Facts {
        tile: tile.prefix.clone(),
        lhs: shape.lhs_len() * element,
        rhs: task.pack(schedule, &weights).unwrap().len(),
        cols: task.pack_columns(&weights, &vec![0; n], &vec![0.0; n], &vec![0.0; n]).len(),
        out: shape.out_len() * 4,
        steps: shape.k().div_ceil(tile.k),
    }
}

/// Tries every fault of one victim in one batch, a good kernel after each; even records are the faults'.
fn try_all(lab: &Lab, victim: Victim, faults: &[&Fault]) -> Vec<Record> {
    let task = task(lab, victim);
    let pair = victim_and_bystander(&task);
    let facts = facts(&task, &pair[0]);
    let points: Vec<Schedule> = faults.iter().flat_map(|_| pair.clone()).collect();
    lab.try_edited(task, &points, Regime::Hot, |i, source| {
        if i % 2 == 0 {
            (faults[i / 2].plant)(source, &facts);
        }
        rename(source, i);
    })
}

/// One program may hold the same schedule more than once.
fn rename(source: &mut Source, i: usize) {
    let symbol = format!("{}_copy{i}", source.symbol);
    source.text = source
        .text
        .replace(&source.symbol, &symbol)
        .replace("truncate(", &format!("truncate{i}("))
        .replace("deeper(", &format!("deeper{i}("));
    source.symbol = symbol;
}

/// Harness processes of this one, dead or alive. (Linux cuts a name after 15 letters.)
fn harnesses() -> Vec<String> {
    let me = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|d| std::fs::read_to_string(d.path().join("stat")).ok());
    let child = |stat: &String| {
        let (name, rest) = stat.rsplit_once(')').unwrap_or_default();
        name.contains("(batch-") && rest.split_whitespace().nth(1) == Some(&me)
    };
    stats.filter(child).collect()
}

#[test]
fn every_planted_fault_is_recorded_as_what_it_is() {
    let _turn = turn();
    let lab = lab();
    let mut wrong = Vec::new();
    for victim in [Product, Quantized, Float, Padded, Shared] {
        let faults: Vec<&Fault> = FAULTS.iter().filter(|f| f.victim == victim).collect();
        let records = try_all(&lab, victim, &faults);
        for (fault, r) in faults.iter().zip(records.chunks(2)) {
            println!("{:<38}{:<13}{}", fault.what, format!("{:?}", r[0].outcome), r[0].message);
            if r[0].outcome != fault.outcome || !r[0].message.contains(fault.says) {
                wrong.push(format!("{}: {:?} {}", fault.what, r[0].outcome, r[0].message));
            }
            if !r[1].outcome.right() {
                wrong.push(format!("the good kernel after `{}`: {:?} {}", fault.what, r[1].outcome, r[1].message));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "not recorded as it should be");
    assert_eq!(harnesses(), [""; 0], "processes are left");
}

/// A batch of good kernels with edits to some.
fn try_batch(lab: &Lab, edits: &[(usize, &str)]) -> Vec<Record> {
    let task = task(lab, Product);
    let points = common::sample(task.space().unwrap().points(), 15, 7);
    lab.try_edited(task, &points, Regime::Hot, |i, source| {
        if let Some((_, code)) = edits.iter().find(|(at, _)| *at == i) {
            enter(source, code);
        }
    })
}

/// The records of edited kernels are as given, all others are right.
fn assert_outcomes(records: &[Record], bad: &[(usize, Outcome, &str)]) {
    for (i, r) in records.iter().enumerate() {
        match bad.iter().find(|(at, ..)| *at == i) {
            Some((_, outcome, says)) => {
                assert_eq!(r.outcome, *outcome, "kernel {i}: {}", r.message);
                assert!(r.message.contains(says), "kernel {i}: {}", r.message);
            }
            None => assert!(r.outcome.right(), "good kernel {i}: {:?} {}", r.outcome, r.message),
        }
    }
    assert_eq!(harnesses(), [""; 0], "processes are left");
}

#[test]
fn what_does_not_build_is_told_apart() {
    let _turn = turn();
    let records = try_batch(&lab(), &[(2, "this is not C;"), (9, "void nosuch(void); nosuch();")]);
    assert_outcomes(&records, &[(2, BuildFailed, "error: "), (9, BuildFailed, "undefined reference to `nosuch'")]);
}

#[test]
fn twelve_good_kernels_outlive_three_bad_ones() {
    let _turn = turn();
    let bad = [(0, "return;"), (7, "__builtin_trap();"), (14, "for (;;) __asm__ volatile(\"\");")];
    let records = try_batch(&Lab::timed(), &bad);
    assert_outcomes(&records, &[(0, WrongAnswer, ""), (7, Crashed, "SIGILL"), (14, TimedOut, "")]);
    assert!(records.iter().filter(|r| r.outcome == Outcome::Measured).all(|r| r.median_ns.is_some_and(|ns| ns > 0.0)));
}

/// Right in the three calls of the check; the race makes at least four more, or anew in a fresh process.
#[test]
fn faults_that_show_only_in_the_race() {
    let _turn = turn();
    // a check makes three calls, and the first look of a hot race four more
    let bad = [
        (1, "static int calls; if (++calls == 4) __builtin_trap();"),
        (6, "static int calls; if (++calls == 4) for (;;) __asm__ volatile(\"\");"),
    ];
    let records = try_batch(&Lab::timed(), &bad);
    assert_outcomes(&records, &[(1, Crashed, "SIGILL"), (6, TimedOut, "no answer")]);
}

/// Several that build programs at once which share units, as two runs on one machine may, do not take each other's files away.
#[test]
fn programs_that_share_units_are_built_at_once() {
    let lab = Lab::new("x86-scalar");
    let folder = tempfile::tempdir().unwrap();
    let device = || Device::open(Target::find("x86-scalar").unwrap(), folder.path()).unwrap();
    let task = lab.task(Shape::gemm(3, 5, 7).unwrap(), "w8a8", Contract::Int8, false, 1);
    let mut source = task.emit(&task.space().unwrap().points()[0]).unwrap();
    for round in 0..4 {
        source.text += &format!("/* {round} */\n");
        // some find what others have just made
        let late = |turn: u64| {
            thread::sleep(Duration::from_millis(40 * turn));
            let mut own = source.clone();
            own.symbol += "_own";
            own.text = format!("{}/* {turn} */\n", own.text.replace(&source.symbol, &own.symbol));
            device().builder.build(&[&source, &own])
        };
        let builds = thread::scope(|s| {
            let all: Vec<_> = (0..12)
                .map(|turn| {
                    s.spawn({
                        let late = &late;
                        move || late(turn)
                    })
                })
                .collect();
            all.into_iter().map(|b| b.join().unwrap()).collect::<Vec<_>>()
        });
        for build in builds {
            let (programs, blamed) = build.unwrap();
            assert!(blamed.is_empty() && programs[0].0.is_file(), "{blamed:?}");
        }
    }
}
