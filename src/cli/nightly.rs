//! `bitsmith nightly`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::choice::Choice;
use super::progress::Bar;
use super::{Ended, compare::percent, new_run_folder, print, read_plan, report, stop_flag, tune};
use crate::bench::Device;
use crate::export::FORMS;
use crate::input::read_text;
use crate::nightly::{DevicePlan, Night, NightPlan, Nights, Stage};
use crate::report::{Beside, Prices, Trend, with_changes};
use crate::run::{Run, write_file};
use crate::store::{self, Query};
use crate::study::Plan;
use crate::study::memory::runs_of;
use crate::target::Target;
use crate::verdict::{Report, Rules, compare};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What every device tunes (schema: docs/formats.md)
    #[arg(value_name = "PLAN.toml")]
    plan: PathBuf,
    /// Go on with the last night, by the plan that it began with; devices that failed are tried again
    #[arg(long)]
    resume: bool,
}

const EXAMPLES: &str = "\
Devices are measured one after another; one that cannot be reached is reported, and the others go on. The night ends with
a verdict against those before it. Exit code: 0 the same or better, 1 something is slower, 3 not enough evidence (the
first night, a device that was not there, a night that was stopped), 2 a mistake.

A plan:
  [[device]]
  target = \"host\"
  networks = [\"digits\", \"tiny-kws\"]
  schemes = [\"w8a8\", \"w4a8\"]
  budget = \"20m\"

Examples:
  bitsmith nightly lab.toml
  bitsmith nightly lab.toml --resume";

/// The forms of a verdict that are kept, by the ending of their file.
const KEPT: [(&str, &str); 4] = [("text", "txt"), ("json", "json"), ("junit", "xml"), ("markdown", "md")];

/// Trends on the page at most.
const TRENDS: usize = 12;

pub fn run(args: &Args) -> Result<()> {
    let stop = stop_flag()?;
    let text = read_text(&args.plan)?;
    let file = args.plan.display().to_string();
    let plan = NightPlan::parse(&file, &text)?;
    let name = args.plan.file_stem().map_or_else(|| "plan".into(), |n| n.to_string_lossy().into_owned());
    let folder = fs::canonicalize(&args.plan).ok().and_then(|p| p.parent().map(Path::to_path_buf)).unwrap_or_default();
    let jobs = jobs(&plan, &folder).with_context(|| file.clone())?;
    percent(&plan.gate).map_err(|why| anyhow!("{file}: field `gate`: {why}"))?;
    let nights = Nights::open(&plan.results, &name)?;
    let last = nights.all().pop();
    if !args.resume {
        if let Some(last) = last.as_ref().filter(|dir| Night::read(dir).is_ok_and(|n| n.verdict.is_none())) {
            eprintln!("note: {} was not finished, and stays so", last.display());
        }
        let dir = new_run_folder(&nights.root)?;
        write_file(&dir.join("plan.toml"), &text)?;
        let before = last.as_ref().and_then(|dir| Night::read(dir).ok());
        let night = Night::new(&plan, &folder, before.as_ref().map_or(0, |n| n.number));
        if let Some(before) = before.filter(|b| b.started > night.started) {
            eprintln!("note: the clock is behind the last night, {}; nights keep their order", before.started);
        }
        night.write(&dir)?;
        return go(&nights, &dir, night, &plan, &jobs, stop);
    }
    let Some(dir) = last else { bail!("there is no night of {name}; start one without --resume") };
    let night = Night::read(&dir)?;
    let whole = night.verdict.is_some() && night.devices.iter().all(|d| d.stage == Stage::Done);
    ensure!(!whole, "{} is finished; start the next night without --resume", dir.display());
    let begun = read_text(&dir.join("plan.toml"))?;
    let plan = NightPlan::parse(&file, &begun)?;
    let jobs = self::jobs(&plan, &night.folder).with_context(|| file)?;
    go(&nights, &dir, night, &plan, &jobs, stop)
}

/// The study of every device. Mistakes are found here, before anything is measured.
fn jobs(plan: &NightPlan, folder: &Path) -> Result<Vec<(Target, Plan)>> {
    plan.devices
        .iter()
        .map(|device| job(plan, device, folder).with_context(|| format!("device {}", device.target)))
        .collect()
}

fn job(plan: &NightPlan, device: &DevicePlan, folder: &Path) -> Result<(Target, Plan)> {
    let own = device.target.ends_with(".toml").then(|| folder.join(&device.target).display().to_string());
    let target = Target::find(own.as_deref().unwrap_or(&device.target))?;
    target.require()?;
    let mut study = Choice::of(device, folder).plan(&target, vec![])?;
    study.repeats = plan.repeats;
    study.budget = device.budget().map_err(|why| anyhow!(why))?.unwrap_or(study.budget);
    study.learned_from = runs_of(&target.name);
    Ok((target, study))
}

/// Measures what is left of a night, and judges it.
fn go(
    nights: &Nights,
    dir: &Path,
    mut night: Night,
    plan: &NightPlan,
    jobs: &[(Target, Plan)],
    stop: &AtomicBool,
) -> Result<()> {
    for (i, (target, study)) in jobs.iter().enumerate() {
        if night.devices.get(i).is_none_or(|d| d.stage == Stage::Done) {
            continue;
        }
        eprintln!("[device {} of {}] {}", i + 1, jobs.len(), target.name);
        let outcome = measure(&mut night, i, (target, study), &plan.results, dir, stop);
        if stop.load(Ordering::Relaxed) {
            print(&format!("stopped early; {} goes on by --resume\n", dir.display()))?;
            return Ended::with(3);
        }
        let part = &mut night.devices[i];
        (part.stage, part.why) = match outcome {
            Ok(()) => (Stage::Done, String::new()),
            Err(e) => (Stage::Failed, format!("{e:#}").lines().collect::<Vec<_>>().join("; ")),
        };
        if part.stage == Stage::Failed {
            eprintln!("note: {} failed, the others go on: {}", part.target, part.why);
        }
        night.write(dir)?;
    }
    judge(nights, dir, night, plan)
}

/// Begins the run of one device, or goes on with it.
fn measure(
    night: &mut Night,
    at: usize,
    (target, study): (&Target, &Plan),
    results: &Path,
    dir: &Path,
    stop: &AtomicBool,
) -> Result<()> {
    let begun = night.devices[at].run.clone().filter(|run| run.join("study.json").is_file());
    let study = begun.as_ref().map_or_else(|| Ok(study.clone()), |run| read_plan(run))?;
    let place = |device: &Device| {
        if let Some(run) = &begun {
            return Ok(run.clone());
        }
        let run = new_run_folder(&results.join(&device.target.name))?;
        night.devices[at].run = Some(run.clone());
        night.devices[at].stage = Stage::Running;
        night.write(dir)?;
        Ok(run)
    };
    let (run, _) = tune::carry_out(&study, target.clone(), place, &mut Bar::new(), stop)?;
    report::finish(&Run::load(&run)?).map(drop)
}

/// Compares the night with those before it and writes what came of it.
fn judge(nights: &Nights, dir: &Path, mut night: Night, plan: &NightPlan) -> Result<()> {
    let before = nights.before(dir, plan.base);
    let gate = percent(&plan.gate).map_err(|why| anyhow!("field `gate`: {why}"))?;
    let (base, new) = (Night::side(&before), Night::side(night.runs()));
    let mut verdict = compare(&base, &new, &Rules { gate, ..Rules::default() });
    let failed = night.devices.iter().filter(|d| d.stage == Stage::Failed);
    verdict.notes.extend(failed.map(|d| format!("device {} failed: {}", d.target, d.why)));
    if before.is_empty() {
        verdict.notes.push("the first night of this plan: there is nothing to compare it with".into());
    }
    let trends = trends(&plan.results, &verdict).unwrap_or_else(|e| {
        verdict.notes.push(format!("no trends: {e:#}"));
        vec![]
    });
    write(dir, &verdict, &night, plan, trends)?;
    let code = match verdict.exit_code() {
        0 if night.devices.iter().any(|d| d.stage == Stage::Failed) => 3,
        code => code,
    };
    night.verdict = Some(code);
    night.write(dir)?;
    let text = FORMS.iter().find(|f| f.name == "text").map(|f| (f.write)(&verdict)).transpose()?;
    print(&format!("{}night: {}\n", text.unwrap_or_default(), dir.display()))?;
    Ended::with(code)
}

/// Histories of what was found, and where that is little, of what else was compared; those with a story alone.
fn trends(results: &Path, verdict: &Report) -> Result<Vec<Trend>> {
    let address = store::address(results);
    let mut all = Vec::new();
    for c in verdict.comparisons.iter().take(TRENDS) {
        let (layer, scheme, target) = (c.key.layer.clone(), c.key.scheme.clone(), c.key.target.clone());
        let mut found = match all.is_empty() {
            true => store::ask(&address, results, &Query { layer, scheme, target })?.0,
            false => store::open(&address)?.history(&Query { layer, scheme, target })?,
        };
        found.retain(|h| {
            (&h.key.contract, &h.key.regime, h.key.threads) == (&c.key.contract, &c.key.regime, c.key.threads)
        });
        all.extend(found.into_iter().filter(|h| h.points.len() > 1).map(with_changes));
    }
    Ok(all)
}

fn write(dir: &Path, verdict: &Report, night: &Night, plan: &NightPlan, trends: Vec<Trend>) -> Result<()> {
    for (name, ending) in KEPT {
        for form in FORMS.iter().filter(|f| f.name == name) {
            write_file(&dir.join(format!("verdict.{ending}")), &(form.write)(verdict)?)?;
        }
    }
    let runs: Vec<Run> = night.runs().map(|run| Run::load(run)).collect::<Result<_>>()?;
    if runs.is_empty() {
        return Ok(());
    }
    // a device is known by the target that its run had: a plan may say `host`, or name a file
    let priced = plan.devices.iter().zip(&night.devices).filter_map(|(device, part)| {
        let run = runs.iter().find(|r| Some(&r.dir) == part.run.as_ref())?;
        Some((run.provenance.as_ref()?.target.clone(), device.price?))
    });
    let prices = Prices { per_hour: priced.collect(), currency: plan.currency.clone() };
    let name = dir.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let beside = Beside { trends, prices, night: Some((format!("Night {name}"), verdict.clone())) };
    crate::report::compare_with(&runs, &beside, &dir.join("report.html"))
}
