//! Modelled times: what is counted is what runs, and nothing modelled is taken for measured.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use bitsmith::bench::{Bench, Device};
use bitsmith::candidate::{Contract, Regime};
use bitsmith::host::Caches;
use bitsmith::kernel::Task;
use bitsmith::layer::Shape;
use bitsmith::record::{Modelled, Record, read_table};
use bitsmith::scheme;
use bitsmith::target::{Core, Evidence, Reads, TARGETS, Target};
use bitsmith::timing::Model;
use common::{cache, sample};

fn core(cpu: &str) -> Core {
    let read_bytes_per_cycle = Reads { l2: 32.0, l3: 16.0, memory: 8.0 };
    Core { cpu: cpu.into(), clock_ghz: 2.0, read_bytes_per_cycle, ..Core::default() }
}

fn task(device: &Device, shape: Shape, caches: Caches) -> Task {
    Task {
        shape,
        relu: false,
        scheme: scheme::find("w8a8").unwrap(),
        contract: Contract::Int8,
        isa: device.isa.clone(),
        threads: 1,
        caches,
    }
}

const CACHES: Caches = Caches { l1: 32 << 10, l2: 512 << 10, l3: 0 };

/// Four times the depth is four times the steps: what one kernel counts follows its loops.
#[test]
fn counts_follow_the_loops() {
    for (target, cpu) in [("x86-scalar", "x86-64"), ("arm-dotprod-qemu", "neoverse-n1")] {
        let device = Device::open(Target::find(target).unwrap(), &cache()).unwrap();
        let [short, long] = [256, 1024].map(|k| task(&device, Shape::gemm(16, 64, k).unwrap(), CACHES));
        let long_ones: HashSet<_> = long.space().unwrap().points().into_iter().collect();
        let both = short.space().unwrap().points().into_iter().filter(|s| long_ones.contains(s)).collect();
        let schedules = sample(both, 8, 7);
        let [short, long] = [short, long].map(|task| {
            let mut model = Model::of(&device, core(cpu)).unwrap();
            let mut bench = Bench::new(&device, task, "user/l", Regime::Hot, 1, Instant::now()).unwrap();
            model.rows(bench.problem(), "user/l", Regime::Hot, &schedules).unwrap()
        });
        assert_eq!(short.len(), 8);
        for (a, b) in short.iter().zip(&long) {
            assert_eq!((a.message.as_str(), &a.candidate), ("", &b.candidate));
            let (few, many) = (a.instructions.unwrap(), b.instructions.unwrap());
            assert!(many > 3.0 * few && many < 4.2 * few, "{}: {few} and {many}", a.candidate);
            assert!(b.cycles.unwrap() > 2.0 * a.cycles.unwrap(), "{}", a.candidate);
        }
    }
}

/// No kernel needs fewer multiplications than its core can do: a model that beats the published peak is wrong.
#[test]
fn no_modelled_time_beats_the_peak() {
    let device = Device::open(Target::find("arm-dotprod-qemu").unwrap(), &cache()).unwrap();
    let mut model = Model::new(&device).unwrap();
    let shape = Shape::gemm(32, 64, 512).unwrap();
    let mut bench =
        Bench::new(&device, task(&device, shape, CACHES), "user/l", Regime::Hot, 1, Instant::now()).unwrap();
    let schedules = sample(bench.task().space().unwrap().points(), 24, 3);
    for m in model.rows(bench.problem(), "user/l", Regime::Hot, &schedules).unwrap() {
        let share = m.peak_share.unwrap();
        assert!(share > 0.02 && share <= 1.0, "{}: {share}", m.candidate);
        assert!((m.ns.unwrap() * m.clock_ghz / m.cycles.unwrap() - 1.0).abs() < 1e-3);
        assert_eq!(m.evidence, Evidence::Modelled);
        // a product of 16 and the loads it needs
        let each = m.instructions.unwrap() / shape.macs() as f64;
        assert!(each > 1.0 / 16.0 && each < 0.5, "{}: {each} instructions per multiply-accumulate", m.candidate);
    }
}

/// What stays in a cache comes into it once; what does not comes with every turn of the loop around it.
#[test]
fn traffic_follows_the_order_of_loops() {
    let device = Device::open(Target::find("x86-scalar").unwrap(), &cache()).unwrap();
    let task = task(&device, Shape::gemm(64, 256, 256).unwrap(), CACHES);
    let point = |order: &str| {
        let points = task.space().unwrap().points();
        let wanted = |p: &&bitsmith::candidate::Schedule| {
            p.has(order) && p.has("raw") && p.sizes::<2>("b")[0] == 4 && p.sizes::<3>("c") == [0, 0, 0]
        };
        points.iter().find(wanted).unwrap().clone()
    };
    let weights = (256 * 256) as f64;
    let large = task.traffic(&point("mn"), 1 << 30, Regime::Hot).unwrap();
    assert_eq!(large, 0.0);
    // weights do not fit: rows outside read them for each of 16 blocks, panels outside once
    let rows_outside = task.traffic(&point("mn"), 32 << 10, Regime::Hot).unwrap();
    let panels_outside = task.traffic(&point("nm"), 32 << 10, Regime::Hot).unwrap();
    assert!(rows_outside > 15.0 * weights && rows_outside < 20.0 * weights, "{rows_outside}");
    assert!(panels_outside < 8.0 * weights, "{panels_outside}");
    let cold = task.traffic(&point("nm"), 1 << 30, Regime::WeightsCold).unwrap();
    assert_eq!(cold, weights);
}

fn bitsmith(dir: &Path, args: &[&str]) -> Output {
    let mut bitsmith = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    bitsmith.args(args).current_dir(dir).env("BITSMITH_CACHE", cache()).output().unwrap()
}

/// A device that nobody has is tuned by its emulation and its model, and every figure says so.
#[test]
fn a_device_that_is_not_at_hand_gets_a_profile_of_modelled_times() {
    let dir = tempfile::tempdir().unwrap();
    let tune = ["tune", "--target", "pi5-qemu", "--gemm", "4x24x64", "--scheme", "w8a8", "--contract", "int8"];
    let output = bitsmith(dir.path(), &[&tune[..], &["--budget", "30trials", "--out", "run"]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("times modelled: nobody measured them") && said.contains("on no ARM core"), "{said}");
    let read = |name: &str| fs::read_to_string(dir.path().join("run").join(name)).unwrap();
    let profile = read("profile.toml");
    assert!(profile.contains("evidence = \"modelled\"") && profile.contains("[layer.modelled]"), "{profile}");
    assert!(profile.contains("judged = \"model: ") && !profile.contains("[layer.latency]"), "{profile}");
    let records: Vec<Record> = read_table(&dir.path().join("run/records.csv")).unwrap();
    assert!(records.iter().all(|r| r.median_ns.is_none() && r.evidence == Evidence::Emulated));
    let rows: Vec<Modelled> = read_table(&dir.path().join("run/modelled.csv")).unwrap();
    assert_eq!(rows.len(), records.len());
    // the one with the least modelled time is chosen
    let least = rows.iter().min_by(|a, b| a.ns.unwrap().total_cmp(&b.ns.unwrap())).unwrap();
    let tied = rows.iter().filter(|m| m.ns == least.ns).any(|m| profile.contains(&format!("\"{}\"", m.candidate)));
    assert!(tied, "{profile}");
    // going on models nothing again
    let before = read("modelled.csv");
    let again = bitsmith(dir.path(), &["tune", "--resume", "run", "--budget", "30trials"]);
    assert!(again.status.success());
    assert_eq!(read("modelled.csv"), before);
    assert!(read("report.html").contains("were measured by nobody"));
}

#[test]
fn a_missing_tool_is_told_and_costs_only_the_times() {
    let dir = tempfile::tempdir().unwrap();
    let text = TARGETS.iter().find(|(n, _)| *n == "arm-neon-qemu").unwrap().1;
    fs::write(dir.path().join("t.toml"), text.replace("cpu = \"cortex-a72\"", "cpu = \"nosuch\"")).unwrap();
    let tune =
        ["tune", "--target", "t.toml", "--gemm", "2x8x8", "--scheme", "w8a8", "--budget", "2trials", "--out", "run"];
    let output = bitsmith(dir.path(), &tune);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("no modelled times:") && said.contains("`nosuch`"), "{said}");
    assert!(!dir.path().join("run/modelled.csv").exists());
    let refused = bitsmith(dir.path(), &["tune", "--target", "arm-neon-qemu-qemu", "--gemm", "2x8x8"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("no `model` with an `emulator`"), "{said}");
}
