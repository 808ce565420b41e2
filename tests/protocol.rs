//! The harness by itself, spoken to line by line: every mistake is answered, every buffer ends at a guard page, and the
//! program lives no longer and takes no more than it is allowed.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bitsmith::emit::Source;
use common::Lab;
use common::sysfs::Sysfs;

fn kernel(symbol: &str, code: &str) -> Source {
    let head = format!("void {symbol}(const struct bs_args *args, int32_t thread, int32_t threads)");
    let text = format!("{head} {{\n    (void)thread, (void)threads;\n    {code}\n}}\n");
    Source { symbol: symbol.into(), header: "isa/scalar.h".into(), text, work_bytes: 64 }
}

/// The zero point is where a kernel reads or writes.
fn build() -> PathBuf {
    let touch = |buffer: &str| format!("*(volatile char *)args->out = ((volatile char *)args->{buffer})[args->zero];");
    let sources = [
        kernel("read_lhs", &touch("lhs")),
        kernel("read_rhs", &touch("rhs")),
        kernel("read_cols", &touch("cols")),
        kernel("read_out", &touch("out")),
        kernel("write_out", "((volatile char *)args->out)[args->zero] = 1;"),
        kernel("write_lhs", "((volatile char *)args->lhs)[args->zero] = 1;"),
        kernel("fill", "for (int i = 0; i < args->zero; i++) ((char *)args->out)[i] = (char)i;"),
        kernel("hoard", "for (;;) memset(__builtin_malloc(1 << 20), 1, 1 << 20);"),
        kernel("share", "((int32_t *)args->out)[thread] = thread + 100 * threads;"),
        kernel("linger", "for (;;) __asm__ volatile(\"\");"),
    ];
    let (programs, blamed) = Lab::timed().device.builder.build(&sources.iter().collect::<Vec<_>>()).unwrap();
    assert!(blamed.is_empty(), "{blamed:?}");
    programs[0].0.clone()
}

fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(build)
}

const READ_LHS: usize = 0;
const WRITE_OUT: usize = 4;
const WRITE_LHS: usize = 5;
const FILL: usize = 6;
const HOARD: usize = 7;
const SHARE: usize = 8;
const LINGER: usize = 9;

/// A harness and its two pipes.
struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Talk {
    fn start(arguments: &[&str]) -> Self {
        Self::of(Command::new(program()).args(arguments))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    fn send(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).and_then(|()| stdin.flush()).unwrap();
    }

    /// The next line; empty at the end of output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\n").as_bytes());
        self.line()
    }

    fn ok(&mut self, command: &str) -> String {
        let answer = self.ask(command);
        answer.strip_prefix("ok").unwrap_or_else(|| panic!("`{command}`: `{answer}`")).trim().to_string()
    }

    /// How it ended, after its input was closed.
    fn end(mut self) -> ExitStatus {
        self.stdin = None;
        self.child.wait().unwrap()
    }

    /// Buffers 0, 1, 2 hold `bytes` bytes, which count up; buffer 3 as many zeros.
    fn load(&mut self, bytes: usize) {
        let data: Vec<u8> = (0..bytes).map(|i| i as u8).collect();
        for buffer in 0..3 {
            self.send(format!("load {buffer} {bytes}\n").as_bytes());
            self.send(&data);
            assert_eq!(self.line(), "ok");
        }
        self.ok(&format!("alloc 3 {bytes}"));
    }

    fn bind(&mut self, kernel: usize, zero: i64) {
        self.ok(&format!("bind {kernel} 0 1 2 3 {zero} 0 1"));
    }

    fn dump(&mut self) -> Vec<u8> {
        let bytes: usize = self.ok("dump").parse().unwrap();
        let mut out = vec![0; bytes];
        self.stdout.read_exact(&mut out).unwrap();
        out
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn mistakes_are_answered_and_change_nothing() {
    let mut talk = Talk::start(&[]);
    talk.load(64);
    talk.bind(FILL, 64);
    let hash = talk.ok(&format!("check {FILL} left"));
    let mistakes = "nosuch|HELLO|hello there|load|load 0|load 0 4 4|load 256 0|load -1 0|load x 0|load 0 -4|load 0 4x|\
        alloc 0|alloc 0 1e3|alloc 0 0x10|alloc 0 99999999999999999999|alloc 0 70368744177664|free|free 256|free 0 1|\
        bind 0|bind 99 0 1 2 3 0 0 1|bind 0 0 1 2 0 0 0 1|bind 0 0 1 2 1 0 0 1|bind 0 0 1 2 2 0 0 1|bind 0 200 1 2 3 0 0 1|\
        bind 0 0 1 2 201 0 0 1|bind 0 0 1 2 3 0 0 0|bind 0 0 1 2 3 0 0 257|bind 0 0 1 2 3 2147483648 0 1|bind 0 0 1 2 3 a 0 1|\
        bind 0 0 1 2 3 0|check 0 left|check 0|check 6|check 6 up|check 6 Left|check 99 left|check -1 left|regime|\
        regime warm 1|regime hot|regime hot -1|dump 0|time|time 6|time 6:|time :1|time 6:0|time 6:-1|time 6:1:1|time 6:x|\
        time 99:1|time 0:1|time 6:1 0:1|count|count 6|count 6 0|count 6 x|count 99 1|count 0 1| |  ";
    for mistake in mistakes.split('|') {
        let answer = talk.ask(mistake);
        assert!(answer.starts_with("err ") && answer.len() > 8, "`{mistake}`: `{answer}`");
        assert!(talk.ok("hello").starts_with("bitsmith 3 "), "after `{mistake}`");
    }
    assert_eq!(talk.ok(&format!("check {FILL} right")), hash);
    assert_eq!(talk.dump(), (0..64).collect::<Vec<u8>>());
    assert!(talk.end().success());
}

#[test]
fn lines_of_any_length_and_payloads_of_malformed_loads_are_survived() {
    let mut talk = Talk::start(&[]);
    for length in [100, 1 << 20, (1 << 20) + 1, 3 << 20] {
        let answer = talk.ask(&"x".repeat(length));
        assert!(answer.starts_with("err "), "{length}: {answer}");
    }
    assert!(talk.ask(&format!("time {}", "0:1 ".repeat(20_000))).starts_with("err "));
    assert!(talk.ask("hel\0lo").starts_with("err "));
    assert!(talk.ask("").starts_with("err "));
    // a load that is refused takes its payload with it, whatever that looks like
    talk.send(b"load 999 6\nhello\n");
    assert!(talk.line().starts_with("err "));
    assert!(talk.ok("hello").contains("kernels=10"));
    // a line cut short by the end of input is not a command
    talk.send(b"hello");
    assert!(talk.end().success());
}

#[test]
fn hello_says_what_is_there() {
    let mut talk = Talk::start(&["--cpu", "0"]);
    let hello = talk.ok("hello");
    let fields: Vec<&str> = hello.split(' ').collect();
    assert_eq!(fields[..3], ["bitsmith", "3", "kernels=10"]);
    let number = |field: &str, name: &str| field.strip_prefix(name).unwrap().parse::<u64>().unwrap();
    assert!(number(fields[3], "timer_ns=") > 0);
    assert_eq!(number(fields[4], "cpus="), 1);
    assert_eq!(fields[5], if cfg!(target_arch = "aarch64") { "tick=cntvct_el0" } else { "tick=clock_monotonic_raw" });
}

/// Either what the CPU counted, which is no less than the loop has instructions, or why it does not count.
#[test]
fn cycles_and_instructions_are_counted_or_it_is_told_why_not() {
    let mut talk = Talk::start(&[]);
    talk.load(4096);
    talk.bind(FILL, 4096);
    let answer = talk.ask(&format!("count {FILL} 10"));
    let Some(counts) = answer.strip_prefix("ok ") else {
        assert!(answer.starts_with("err no hardware counters: "), "{answer}");
        return;
    };
    let counts: Vec<u64> = counts.split(' ').map(|n| n.parse().unwrap()).collect();
    assert!(counts.len() == 3 && counts[2] == 11 && counts[0] > 0 && counts[1] > 11 * 4096 / 64, "{counts:?}");
}

/// A tree as Linux shows it, of a board with one sensor, one fan, and one cooler of cpus.
#[test]
fn a_device_says_how_fast_and_how_hot_it_is() {
    let tree = Sysfs::new();
    let mut talk = Talk::start(&["--cpu", "0", "--sysfs", tree.root()]);
    assert!(talk.ok("hello").ends_with(" khz=1500000 zones=1"));
    talk.load(64);
    talk.bind(FILL, 64);
    assert_eq!(talk.ok("watch"), "khz=1500000:1500000 mc=45000");
    let round = talk.ok(&format!("time {FILL}:2 {FILL}:1"));
    assert!(round.ends_with(" khz=1500000:1500000 mc=45000"), "{round}");
    tree.set("class/thermal/thermal_zone0/temp", "80000");
    assert_eq!(talk.ok("watch"), "khz=1500000:1500000 mc=80000 over=0");
    tree.set("class/thermal/thermal_zone0/temp", "79999");
    tree.set("class/thermal/cooling_device1/cur_state", "2");
    tree.set("class/thermal/cooling_device0/cur_state", "4"); // a fan slows nobody down
    assert_eq!(talk.ok("watch"), "khz=1500000:1500000 mc=79999 held=2");
    tree.set("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "not a number");
    tree.set("class/thermal/thermal_zone0/temp", "");
    tree.set("class/thermal/cooling_device1/cur_state", "0");
    assert_eq!(talk.ok("watch"), "");
    assert!(talk.ok(&format!("time {FILL}:1")).parse::<u64>().is_ok(), "nothing readable, nothing said");
    for nowhere in ["/nonexistent", &"x".repeat(5000)] {
        let mut blind = Talk::start(&["--sysfs", nowhere]);
        assert!(blind.ok("hello").ends_with(" khz=0 zones=0"));
        assert_eq!(blind.ok("watch"), "");
    }
}

/// Every byte of a buffer can be reached and none beside it, whichever side is guarded.
#[test]
fn buffers_end_at_guard_pages() {
    for bytes in [1i64, 3, 64, 4095, 4096, 4097, 10_000] {
        for kernel in [READ_LHS, READ_LHS + 1, READ_LHS + 2, READ_LHS + 3, WRITE_OUT] {
            let mut talk = Talk::start(&[]);
            talk.load(bytes as usize);
            for at in [0, bytes - 1] {
                talk.bind(kernel, at);
                talk.ok(&format!("check {kernel} left"));
                talk.ok(&format!("check {kernel} right"));
            }
            let (side, outside) = if (bytes + kernel as i64) % 2 == 0 { ("left", -1) } else { ("right", bytes) };
            talk.bind(kernel, outside);
            assert_eq!(talk.ask(&format!("check {kernel} {side}")), "", "{bytes} bytes, kernel {kernel}, {side}");
            assert_eq!(signal(talk.end()), Some(11));
        }
    }
}

fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[test]
fn writes_beside_the_output_and_into_inputs_are_noticed() {
    let mut talk = Talk::start(&[]);
    talk.load(100);
    talk.bind(WRITE_OUT, 100);
    assert_eq!(talk.ask(&format!("check {WRITE_OUT} left")), "err wrote outside its output buffer");
    talk.bind(WRITE_OUT, -1);
    assert_eq!(talk.ask(&format!("check {WRITE_OUT} right")), "err wrote outside its output buffer");
    assert!(talk.ask("dump").starts_with("err "), "the output of a kernel that went too far is not to be had");
    talk.bind(WRITE_LHS, 0);
    assert_eq!(talk.ask(&format!("check {WRITE_LHS} left")), "");
    assert_eq!(signal(talk.end()), Some(11));
}

/// What a kernel leaves out shows, whatever the buffer held before.
#[test]
fn outputs_begin_poisoned() {
    let mut talk = Talk::start(&[]);
    talk.load(8);
    talk.bind(FILL, 5);
    for side in ["left", "right", "left"] {
        talk.ok(&format!("check {FILL} {side}"));
        assert_eq!(talk.dump(), [0, 1, 2, 3, 4, 0xA5, 0xA5, 0xA5]);
    }
}

#[test]
fn threads_share_a_call_and_regimes_time_it() {
    let mut talk = Talk::start(&[]);
    talk.load(64);
    for threads in [1, 2, 3, 16] {
        talk.ok(&format!("bind {SHARE} 0 1 2 3 0 0 {threads}"));
        talk.ok(&format!("check {SHARE} right"));
        let words: Vec<i32> = talk.dump().chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect();
        let right = |t: i32| if t < threads { t + 100 * threads } else { 0xA5A5_A5A5u32 as i32 };
        assert_eq!(words, (0..16).map(right).collect::<Vec<_>>());
    }
    talk.bind(FILL, 64);
    for regime in ["hot 0", "weights-cold 100000", "all-cold 100000", "all-cold 0"] {
        talk.ok(&format!("regime {regime}"));
        let times = talk.ok(&format!("time {FILL}:3 {SHARE}:1 {FILL}:1"));
        assert_eq!(times.split(' ').filter_map(|t| t.parse::<u64>().ok()).count(), 3, "{regime}: {times}");
    }
    talk.ok(&format!("check {FILL} left"));
    assert_eq!(talk.dump(), (0..64).collect::<Vec<u8>>());
}

#[test]
fn memory_is_limited() {
    let mut talk = Talk::start(&["--memory", "268435456"]);
    assert!(talk.ask("alloc 9 1073741824").starts_with("err out of memory"));
    talk.load(4096);
    assert!(talk.ok("hello").starts_with("bitsmith"));
    talk.bind(HOARD, 0);
    assert_eq!(talk.ask(&format!("check {HOARD} left")), "");
    assert_eq!(signal(talk.end()), Some(11), "no memory is a null pointer, and that a crash");
}

#[test]
fn no_core_file_and_only_the_cpus_it_was_given() {
    let mut talk = Talk::start(&["--cpu", "0", "--memory", "1073741824"]);
    talk.ok("hello");
    let proc = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", talk.child.id())).unwrap();
    let limit = |name: &str| {
        let line = proc("limits").lines().find(|l| l.starts_with(name)).unwrap().to_string();
        line[name.len()..].split_whitespace().next().unwrap().to_string()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max address space"), "1073741824");
    let status = proc("status");
    let cpus = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    assert_eq!(cpus, "0");
}

#[test]
fn malformed_options_end_it() {
    for options in [
        &["--cpu"][..],
        &["--memory"],
        &["--nosuch", "1"],
        &["--cpu", "x"],
        &["--cpu", "0,,9999"],
        &["--memory", "-1"],
        &["extra"],
    ] {
        let mut talk = Talk::start(options);
        assert!(talk.line().starts_with("err "), "{options:?}");
        assert_eq!(talk.end().code(), Some(2), "{options:?}");
    }
}

/// Killed outright, its parent can tell it nothing: the kernel does, even in the midst of an endless call.
#[test]
fn it_dies_with_its_parent() {
    for busy in [false, true] {
        // a shell starts it, with the pipes of this test, so that their end is not what ends it
        let script = "\"$0\" <&3 & echo $!; wait";
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("exec 3<&0; {script}")]).arg(program());
        let mut talk = Talk::of(&mut shell);
        let pid: u32 = talk.line().parse().unwrap();
        talk.load(16);
        talk.bind(LINGER, 0);
        if busy {
            talk.send(format!("check {LINGER} left\n").as_bytes());
        }
        assert!(alive(pid));
        talk.child.kill().unwrap();
        let begun = Instant::now();
        while alive(pid) {
            assert!(begun.elapsed() < Duration::from_secs(20), "still there");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
