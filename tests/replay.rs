//! Strategies against spaces that were recorded whole on a device: the promise of the default, and what can be read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitsmith::replay::foreign;
use bitsmith::replay::play::{Game, Rules, Teachers, chance, games, lessons};
use bitsmith::replay::space::Recorded;
use bitsmith::replay::table::{Line, budget};
use bitsmith::search::{self, Field};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/spaces")
}

fn spaces() -> Vec<Recorded> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "gz"));
    files.sort();
    files.iter().flat_map(|f| Recorded::read(f).unwrap()).collect()
}

const BATCH: usize = 16;

fn line(recorded: &Recorded, field: Field, name: &str, (tries, runs): (usize, u64)) -> Line {
    let rules = Rules { batch: BATCH, tries, runs };
    let played: Vec<Game> = games(recorded, &Arc::new(field), search::find(name).unwrap(), &rules);
    Line::of(recorded, name, &played)
}

/// 98 % of the optimum after 3 % of the space or 64 measurements, and better than chance.
#[test]
fn the_default_finds_the_best_kernels_with_few_measurements() {
    let all = spaces();
    assert!(all.len() >= 14);
    for recorded in &all {
        let rules = (budget(recorded.space.len()), 7);
        let own = line(recorded, recorded.field().unwrap(), search::STRATEGIES[0].name, rules);
        assert!(own.share.0 >= 0.98, "{}: {:.4} after {} of {}", own.space, own.share.0, own.budget, own.points);
        let random = line(recorded, recorded.field().unwrap(), "random", rules);
        assert!(
            own.share.0 >= random.share.0 - 0.002,
            "{}: {:.4} random {:.4}",
            own.space,
            own.share.0,
            random.share.0
        );
    }
}

/// What other layers taught on the same target: 97 % after 16 measurements.
#[test]
fn the_default_is_quick_where_other_layers_are_known() {
    let all = spaces();
    let mut reached = vec![];
    for (i, recorded) in all.iter().enumerate() {
        let mut field = recorded.field().unwrap();
        field.past = lessons(&all, i, Teachers::Same, 128).unwrap();
        if !field.past.rows.is_empty() {
            let warm = line(recorded, field, search::STRATEGIES[0].name, (16, 7));
            reached.push((warm.early, warm.space));
        }
    }
    reached.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(reached.len() >= 12);
    assert!(reached[0].0 >= 0.96 && reached[reached.len() / 2].0 >= 0.97, "{reached:?}");
}

/// The analytic expectation of chance against the mean of many random games.
#[test]
fn chance_is_what_random_games_come_to() {
    let recorded = &Recorded::read(&folder().join("conv-qdq.space.gz")).unwrap()[0];
    let exact = chance(recorded, 40);
    let rules = Rules { batch: BATCH, tries: 40, runs: 3000 };
    let played = games(recorded, &Arc::new(recorded.field().unwrap()), search::find("random").unwrap(), &rules);
    for i in [0, 4, 39] {
        let mean = played.iter().map(|g| g.best[i]).sum::<f64>() / 3000.0;
        assert!((mean / exact[i] - 1.0).abs() < 0.02, "{i}: {mean} {}", exact[i]);
    }
    assert!((chance(recorded, 200).last().unwrap() / recorded.best() - 1.0).abs() < 1e-9);
}

fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn our_records_survive_t4_and_our_own_file() {
    let recorded = &Recorded::read(&folder().join("conv-qdq.space.gz")).unwrap()[0];
    let (_dir, path) = written("x.json", serde_json::to_string(&foreign::t4(recorded)).unwrap().as_bytes());
    let back = &Recorded::read(&path).unwrap()[0];
    let sorted = |r: &Recorded| {
        let mut all: Vec<u64> = r.ns.iter().flatten().map(|ns| ns.round() as u64).collect();
        all.sort_unstable();
        all
    };
    assert_eq!((back.space.len(), sorted(back)), (recorded.space.len(), sorted(recorded)));
    let (_dir, path) = written("x.space", recorded.text().unwrap().as_bytes());
    let own = &Recorded::read(&path).unwrap()[0];
    assert_eq!((&own.space.points(), &own.ns), (&recorded.space.points(), &recorded.ns));
}

const CACHE: &str = r#"{"schema_version": "1.1.0", "device_name": "d", "kernel_name": "k", "problem_size": 1,
"tune_params_keys": ["block_size_x", "use"], "tune_params": {"block_size_x": [16, 32], "use": ["a", "b"]}, "objective": "time",
"cache": {
"16,a": {"block_size_x": 16, "use": "a", "time": 2.5, "compile_time": 100.0, "verification_time": 0, "benchmark_time": 50.0, "strategy_time": 0, "framework_time": 0, "timestamp": ""},
"32,b": {"block_size_x": 32, "use": "b", "time": "RuntimeFailedConfig", "compile_time": 1, "verification_time": 0, "benchmark_time": 0, "strategy_time": 0, "framework_time": 0, "timestamp": ""},
"32,a": {"block_size_x": 32, "use": "a", "time": 1.25, "compile_time": 1, "verification_time": 0, "benchmark_time": 0, "strategy_time": 0, "framework_time": 0, "timestamp": ""},"#;

#[test]
fn caches_of_kernel_tuner_are_read_open_and_closed() {
    for text in [CACHE.to_string(), format!("{}}}}}", CACHE.trim_end_matches(','))] {
        let (_dir, path) = written("cache.json", text.as_bytes());
        let space = &Recorded::read(&path).unwrap()[0];
        assert_eq!((space.space.len(), space.best()), (3, 1.25e6));
        assert_eq!(space.ns.iter().filter(|ns| ns.is_none()).count(), 1);
        assert!((space.seconds[0] - 0.15).abs() < 1e-9);
        let model = line(space, space.field().unwrap(), "model", (3, 3));
        assert_eq!(model.share.0, 1.0);
    }
}

/// Whatever is cut or changed in a file: an error, never a panic.
#[test]
fn damaged_files_are_refused() {
    let mut rng = fastrand::Rng::with_seed(5);
    let whole = std::fs::read(folder().join("conv-qdq.space.gz")).unwrap();
    for cut in [0, 5, 40, whole.len() / 2, whole.len() - 4] {
        let (_dir, path) = written("x.space.gz", &whole[..cut]);
        assert!(Recorded::read(&path).is_err(), "{cut}");
    }
    let text = Recorded::read(&folder().join("gemv-w4a8g32.space.gz")).unwrap()[0].text().unwrap();
    let mut read = 0;
    for source in [text.as_str(), CACHE] {
        for _ in 0..300 {
            let mut bytes = source.as_bytes().to_vec();
            let at = rng.usize(..bytes.len());
            if rng.bool() {
                bytes.truncate(at)
            } else {
                bytes[at] = rng.u8(32..127)
            }
            let (_dir, path) = written("x", &bytes);
            read += usize::from(Recorded::read(&path).and_then(|r| r[0].field()).is_ok());
        }
    }
    assert!(read < 500, "some of these were no spaces");
    for (text, says) in [
        ("nonsense", "no recorded space"),
        ("{}", "neither `cache`"),
        (r#"{"results": [{"configuration": {"a": 1}, "invalidity": "compile"}]}"#, "no point has a time"),
        (r#"{"results": [{}]}"#, "no `configuration`"),
        (r#"{"schema":1}"#, "line 1"),
    ] {
        let (_dir, path) = written("x", text.as_bytes());
        let said = format!("{:#}", Recorded::read(&path).err().unwrap());
        assert!(said.contains(says) && said.contains("/x"), "{said}");
    }
}
