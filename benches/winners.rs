//! Times the winners of a run again, each on its own device, through the same harness; the ratio to what the profile
//! says is printed by criterion's own comparison of runs. The run is `$BITSMITH_RUN`, or the newest below `results/`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bitsmith::bench::build::cache_folder;
use bitsmith::bench::race::Rules;
use bitsmith::bench::{Bench, Device};
use bitsmith::candidate::Schedule;
use bitsmith::certificate::Winner;
use bitsmith::kernel::Task;
use bitsmith::run::Run;
use bitsmith::scheme;
use bitsmith::study::Plan;
use criterion::Criterion;

fn newest() -> Option<PathBuf> {
    if let Some(run) = std::env::var_os("BITSMITH_RUN") {
        return Some(run.into());
    }
    let folders = |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    let runs = folders("results".into()).flat_map(folders).filter(|p| p.join("profile.toml").is_file());
    runs.max_by_key(|p| p.metadata().and_then(|m| m.modified()).ok())
}

fn bench_of<'a>(device: &'a Device, plan: &Plan, winner: &Winner) -> anyhow::Result<Bench<'a>> {
    let r = &winner.record;
    let layer = plan.layers.iter().find(|l| l.key() == r.layer);
    let layer = layer.ok_or_else(|| anyhow::anyhow!("layer {} is not in study.json", r.layer))?;
    let task = Task {
        shape: layer.shape,
        relu: layer.relu,
        scheme: scheme::find(&r.scheme)?,
        contract: r.contract,
        isa: device.isa.clone(),
        threads: r.threads,
        caches: device.caches(),
    };
    Bench::new(device, task, &r.layer, r.regime, 0, Instant::now())
}

/// Median nanoseconds of one call, over `rounds` samples.
fn time(bench: &mut Bench, schedule: &Schedule, rounds: u64) -> anyhow::Result<f64> {
    let rules = Rules { sample_ns: 2e5, rounds: rounds.clamp(3, 500) as usize, least: 3, alpha: 0.0, hopeless: 1e9 };
    let series = bench.duel(std::slice::from_ref(schedule), &rules)?.series;
    anyhow::ensure!(!series[0].1.is_empty(), "the kernel no longer gives the right answer");
    Ok(bitsmith::stats::median(&series[0].1))
}

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let Some(dir) = newest() else {
        println!("no run below results/; make one with `make tune`");
        return Ok(());
    };
    let run = Run::load(&dir)?;
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(dir.join("study.json"))?)?;
    let device = Device::open(plan.target.clone(), &cache_folder()?)?;
    for winner in run.winners.iter().filter(|w| w.median_ns.is_some()) {
        let name = format!("{} {}", winner.record.layer, winner.record.candidate);
        let schedule: Schedule = winner.record.schedule.parse()?;
        let mut bench = bench_of(&device, &plan, winner)?;
        criterion.bench_function(&name, |b| {
            b.iter_custom(|calls| match time(&mut bench, &schedule, calls) {
                Ok(ns) => Duration::from_secs_f64(ns * calls as f64 / 1e9),
                Err(e) => panic!("{name}: {e:#}"),
            });
        });
        if let Some(then) = winner.median_ns {
            let now = time(&mut bench, &schedule, 50)?;
            println!("{name}: {:.3} of the profile's {:.1} us", now / then, then / 1e3);
        }
    }
    criterion.final_summary();
    Ok(())
}
