//! Is the certificate right? The finals of a run are held again and again, each time as another program (the kernels in another
//! order), and what each of them says is compared with all others. The run is `$BITSMITH_RUN`; `$BITSMITH_FINALS` is how often
//! [default: 12].
//!
//! - Of the finals that say P(best) >= 95 %: how many chose a kernel that no finalist beats by more than a tie, by the medians of
//!   all other finals.
//! - Kernels raced against their own copy: how many finals say that the two differ.
//! - The standard deviation of a kernel's time from program to program, as a share, after what rounds show is taken off: what the
//!   certificate must allow for.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use bitsmith::bench::build::cache_folder;
use bitsmith::bench::{Bench, Device, FINAL};
use bitsmith::candidate::Schedule;
use bitsmith::certificate::{EQUAL, Group, Winner, group_of, winners};
use bitsmith::emit::Source;
use bitsmith::record::{Final, Record};
use bitsmith::run::Run;
use bitsmith::stats::median;
use bitsmith::study::{Job, Plan};

/// A claim is one of at least so much.
const SURE: f64 = 0.95;
/// Seconds of one final.
const SECONDS: f64 = 1.0;

#[derive(Default)]
struct Tally {
    claims: usize,
    right: usize,
    copies: usize,
    told_apart: usize,
    between: Vec<f64>,
}

/// The finalists of one competition, with a row of each.
struct Finalists<'a> {
    records: Vec<Record>,
    rows: Vec<&'a Final>,
    schedules: Vec<Schedule>,
}

fn finalists<'a>(run: &'a Run, group: &Group) -> Result<Finalists<'a>> {
    let records: Vec<Record> = run.records.iter().filter(|r| group_of(r) == *group).cloned().collect();
    let (mut rows, mut schedules): (Vec<&Final>, Vec<Schedule>) = (vec![], vec![]);
    for f in run.finals.iter().filter(|f| f.layer == group.0 && f.scheme == group.1) {
        if !rows.iter().any(|r| r.candidate == f.candidate) {
            let record = records.iter().rfind(|r| r.candidate == f.candidate).context("a finalist without a record")?;
            schedules.push(record.schedule.parse()?);
            rows.push(f);
        }
    }
    Ok(Finalists { records, rows, schedules })
}

/// What the certificate makes of samples, which are those of `rows`, in order.
fn verdict(records: &[Record], rows: &[&Final], series: &[Vec<f64>], held: u64) -> Option<Winner> {
    let total = series.iter().map(Vec::len).sum();
    let row = |(f, samples): (&&Final, &Vec<f64>)| -> Vec<Final> {
        let one =
            |(round, ns): (usize, &f64)| Final { round, ns: *ns, held, rows: total, roof_ns: None, ..(*f).clone() };
        samples.iter().enumerate().map(one).collect()
    };
    let finals: Vec<Final> = rows.iter().zip(series).flat_map(row).collect();
    winners(records, &finals, &[]).pop()
}

/// Finals held again: the samples of each, by finalist.
fn hold(bench: &mut Bench, f: &Finalists, times: u64) -> Result<Vec<Vec<Vec<f64>>>> {
    let ns = f.rows.iter().map(|r| r.ns);
    let rules = FINAL.lasting(SECONDS, ns);
    let mut all = Vec::new();
    for seed in 0..times {
        let mut order: Vec<usize> = (0..f.schedules.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        let shuffled: Vec<Schedule> = order.iter().map(|i| f.schedules[*i].clone()).collect();
        let mut series = vec![vec![]; order.len()];
        for (i, (_, samples)) in order.iter().zip(bench.duel(&shuffled, &rules)?.series) {
            series[*i] = samples;
        }
        all.push(series);
    }
    Ok(all)
}

/// Of each final and finalist, the median of its ratio to the first finalist, as a logarithm.
fn ratios(finals: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let one = |series: &Vec<Vec<f64>>| {
        let ratio = |s: &Vec<f64>| median(&s.iter().zip(&series[0]).map(|(a, b)| (a / b).ln()).collect::<Vec<_>>());
        series.iter().map(ratio).collect()
    };
    finals.iter().map(one).collect()
}

fn judge(f: &Finalists, finals: &[Vec<Vec<f64>>], tally: &mut Tally) {
    let ratios = ratios(finals);
    for (at, series) in finals.iter().enumerate() {
        let Some(w) = verdict(&f.records, &f.rows, series, at as u64) else { continue };
        if w.p_best.is_none_or(|p| p < SURE) {
            continue;
        }
        let pooled = |i: usize| {
            median(&ratios.iter().enumerate().filter(|(o, _)| *o != at).map(|(_, r)| r[i]).collect::<Vec<_>>())
        };
        let all: Vec<f64> = (0..f.rows.len()).map(pooled).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let chosen = f.rows.iter().position(|r| r.candidate == w.record.candidate).map_or(f64::INFINITY, |i| all[i]);
        tally.claims += 1;
        tally.right += usize::from(chosen - least <= (1.0 + EQUAL).ln());
    }
    for i in 1..f.rows.len() {
        let each: Vec<f64> = ratios.iter().map(|r| r[i]).collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        let variance = each.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (each.len() - 1) as f64;
        tally.between.push((variance / 2.0).sqrt()); // a ratio has the errors of two kernels
    }
}

/// A kernel against its own copy under another name.
fn against_itself(bench: &mut Bench, f: &Finalists, times: u64, tally: &mut Tally) -> Result<()> {
    let source = bench.task().emit(&f.schedules[0])?;
    let symbol = format!("{}_again", source.symbol);
    let copy = Source { text: source.text.replace(&source.symbol, &symbol), symbol, ..source.clone() };
    let other = Final { candidate: format!("{} again", f.rows[0].candidate), ..f.rows[0].clone() };
    let rules = FINAL.lasting(SECONDS / 2.0, [f.rows[0].ns; 2]);
    for seed in 0..times {
        // between other kernels, so that each program lies otherwise
        let filler = bench.task().emit(&f.schedules[seed as usize % f.schedules.len()])?;
        let name = format!("{}_{seed}", filler.symbol);
        let filler = Source { text: filler.text.replace(&filler.symbol, &name), symbol: name, ..filler };
        let mut pair = vec![(f.schedules[0].clone(), source.clone()), (f.schedules[0].clone(), copy.clone())];
        pair.insert(seed as usize % 3, (f.schedules[seed as usize % f.schedules.len()].clone(), filler));
        let series = bench.duel_of(pair, &rules)?.series;
        let of =
            |symbol: &str| series.iter().find(|(s, _)| s.symbol == symbol).map(|(_, x)| x.clone()).unwrap_or_default();
        let both = [of(&source.symbol), of(&copy.symbol)];
        let record = f.records.iter().rfind(|r| r.candidate == f.rows[0].candidate).context("no record")?;
        let records = [record.clone(), Record { candidate: other.candidate.clone(), ..record.clone() }];
        let Some(w) = verdict(&records, &[f.rows[0], &other], &both, seed) else { continue };
        tally.copies += 1;
        tally.told_apart += usize::from(w.runner_up.is_some());
    }
    Ok(())
}

fn main() -> Result<()> {
    let Some(dir) = std::env::var_os("BITSMITH_RUN") else {
        println!("BITSMITH_RUN is not set; make a run with `make tune` and name its folder");
        return Ok(());
    };
    let times = std::env::var("BITSMITH_FINALS").ok().and_then(|n| n.parse().ok()).unwrap_or(12).max(3);
    let run = Run::load(dir.as_ref())?;
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(run.dir.join("study.json"))?)?;
    let device = Device::open(plan.target.clone(), &cache_folder()?)?.with_roofs(&cache_folder()?, plan.threads)?;
    let jobs: BTreeMap<String, Job> = plan.jobs().into_iter().map(|j| (format!("{:?}", plan.group(&j)), j)).collect();
    let mut tally = Tally::default();
    for (_, job) in jobs {
        let f = finalists(&run, &plan.group(&job))?;
        if f.rows.is_empty() {
            continue;
        }
        let mut bench =
            Bench::new(&device, plan.task(&job, &device)?, &job.layer.key(), plan.regime, 0, Instant::now())?;
        let (claims, right, between) = (tally.claims, tally.right, tally.between.len());
        if f.rows.len() > 1 {
            judge(&f, &hold(&mut bench, &f, times)?, &mut tally);
        }
        against_itself(&mut bench, &f, times, &mut tally)?;
        let own = &tally.between[between..];
        println!(
            "{:40} {:10} {} finalists: {} of {} claims right, {:.2} % between programs",
            job.layer.key(),
            job.scheme,
            f.rows.len(),
            tally.right - right,
            tally.claims - claims,
            if own.is_empty() { 0.0 } else { 100.0 * median(own) },
        );
    }
    let share = |a: usize, b: usize| if b == 0 { f64::NAN } else { 100.0 * a as f64 / b as f64 };
    println!("of {} finals that say P(best) >= 95 %: {:.1} % right", tally.claims, share(tally.right, tally.claims));
    println!(
        "of {} kernels against their own copy: {:.1} % told apart",
        tally.copies,
        share(tally.told_apart, tally.copies)
    );
    if !tally.between.is_empty() {
        println!(
            "from program to program a time differs by {:.2} % (median of standard deviations)",
            100.0 * median(&tally.between)
        );
    }
    Ok(())
}
