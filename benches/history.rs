//! How long the history of one layer takes in a large index, and a night to get into it. Rows are layers x nights:
//! `cargo bench --bench history -- [ROWS [FOLDER]]`, 1,000,000 in a temporary folder by default. Also one night of 50 devices as
//! folders of runs, with 2,000 records, 100 finals and two repeats each.

#[path = "../tests/common/nights.rs"]
mod nights;

use std::path::Path;
use std::time::Instant;

use bitsmith::sessions::{Environment, Key};
use bitsmith::store::{self, Night, Query, Row};

const DEVICES: usize = 50;
const LAYERS: usize = 2000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let rows: usize = words.first().and_then(|w| w.parse().ok()).unwrap_or(1_000_000);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = words.get(1).map_or(temporary.path(), Path::new);
    let address = dir.join("history.sqlite").display().to_string();
    let mut store = store::open(&address).expect("a store");
    let started = Instant::now();
    let mut filled = 0;
    let mut day = 0;
    let mut last = 0.0;
    while filled < rows {
        let night = Instant::now();
        for device in 0..DEVICES {
            let night = generated(device, day);
            filled += night.rows.len();
            store.put(&night).expect("room");
        }
        last = night.elapsed().as_secs_f64();
        day += 1;
        if day % 20 == 0 {
            eprintln!("{filled} rows after {:.0} s, the last night took {last:.1} s", started.elapsed().as_secs_f64());
        }
    }
    let bytes = std::fs::metadata(&address).map_or(0, |m| m.len());
    println!(
        "rows {filled}, nights {day}, file {:.2} GB, filled in {:.0} s",
        bytes as f64 / 1e9,
        started.elapsed().as_secs_f64()
    );
    println!("the last night of {DEVICES} devices x {LAYERS} rows was put in {last:.2} s");
    drop(store);
    let mut times = Vec::new();
    for i in 0..20 {
        let started = Instant::now();
        let mut store = store::open(&address).expect("a store");
        let query = Query { layer: format!("net/l{}", (i * 7919) % LAYERS), ..Query::default() };
        let found = store.history(&query).expect("an answer");
        assert_eq!(found.len(), DEVICES);
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "history of one layer on all {DEVICES} devices: median {:.1} ms, slowest {:.1} ms of {}",
        times[10],
        times[19],
        times.len()
    );
    folders(dir, &address);
}

/// Ingest of real folders into the filled index.
fn folders(dir: &Path, address: &str) {
    let root = dir.join("results");
    for device in 0..DEVICES {
        let mut night = nights::Night::new(&format!("d{device}"), 400);
        night.tries = 20;
        night.write(&root.join(format!("d{device}/2027-02-05-1")), &nights::kernels(100, 400));
    }
    let started = Instant::now();
    let mut store = store::open(address).expect("a store");
    let updated = store::update(store.as_mut(), &root).expect("runs");
    assert_eq!(updated.added, DEVICES);
    println!("ingest of {DEVICES} folders x 2000 records, 4500 samples each: {:.1} s", started.elapsed().as_secs_f64());
}

fn generated(device: usize, day: usize) -> Night {
    let mut rng = fastrand::Rng::with_seed((device * 1000 + day) as u64);
    let row = |i: usize| {
        let key = Key {
            layer: format!("net/l{i}"),
            scheme: "w8a8".into(),
            contract: "int8".into(),
            target: format!("d{device}"),
            regime: "hot".into(),
            threads: 1,
        };
        let ns = 1000.0 * (1.0 + rng.f64());
        let row = Row {
            median_ns: ns,
            low_ns: ns * 0.99,
            high_ns: ns * 1.01,
            sessions: 3,
            candidate: format!("gemm.w8a8.avx2.dot.l{i}"),
            source_hash: format!("{:016x}", i * 50 + device + day / 30),
            pace_ns: None,
            tried: 20,
        };
        (key, row)
    };
    Night {
        run: format!("/results/d{device}/{day}"),
        stamp: String::new(),
        environment: Environment {
            started: format!("{:06}", day),
            host: format!("d{device}"),
            ..Environment::default()
        },
        rows: (0..LAYERS).map(row).collect(),
    }
}
