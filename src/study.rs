//! The tuning loop: a study is a plan of jobs, one per layer x scheme, each searched, raced to a final and recorded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::bench::replay::Replay;
use crate::bench::{Bench, Device, Duel, Evaluate, FINAL};
use crate::candidate::{Contract, Knob, Name, Regime, Schedule, Space};
use crate::certificate::{Group, group_of};
use crate::emit::Source;
use crate::kernel::Task;
use crate::layer::Layer;
use crate::timing::Model;
use crate::record::{Final, Modelled, Outcome, Record, Table, whole_final};
use crate::scheme;
use crate::search;
use crate::target::Target;

/// What a run spends: seconds or tries, over all its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Budget {
    Seconds(f64),
    Trials(usize),
}

impl std::str::FromStr for Budget {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (number, unit) = (digits.parse::<f64>().ok().filter(|n| *n > 0.0), &text[digits.len()..]);
        match (number, unit) {
            (Some(n), "s") => Ok(Budget::Seconds(n)),
            (Some(n), "m" | "min") => Ok(Budget::Seconds(n * 60.0)),
            (Some(n), "h") => Ok(Budget::Seconds(n * 3600.0)),
            (Some(n), "trials") if n.fract() == 0.0 => Ok(Budget::Trials(n as usize)),
            _ => Err("expected a time or a number of tries, for example 60s, 10m or 200trials".into()),
        }
    }
}

/// Everything that decides what a run does: written to `study.json`, read again by `--resume`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub target: Target,
    pub layers: Vec<Layer>,
    pub schemes: Vec<String>,
    pub contract: Contract,
    pub regime: Regime,
    pub threads: usize,
    pub strategy: String,
    pub seed: u64,
    pub budget: Budget,
}

/// One layer x scheme.
#[derive(Clone, Debug)]
pub struct Job {
    pub layer: Layer,
    pub scheme: String,
}

impl Plan {
    pub fn jobs(&self) -> Vec<Job> {
        let each = |layer: &Layer| {
            let layer = layer.clone();
            self.schemes.iter().map(move |s| Job { layer: layer.clone(), scheme: s.clone() })
        };
        self.layers.iter().flat_map(each).collect()
    }

    pub fn group(&self, job: &Job) -> Group {
        (job.layer.key(), job.scheme.clone(), self.contract, self.target.name.clone(), self.regime, self.threads)
    }

    /// # Errors
    /// A scheme of which there is none.
    pub fn task(&self, job: &Job, device: &Device) -> Result<Task> {
        Ok(Task {
            shape: job.layer.shape,
            relu: job.layer.relu,
            scheme: scheme::find(&job.scheme)?,
            contract: self.contract,
            isa: device.isa.clone(),
            threads: self.threads,
            caches: device.caches(),
        })
    }
}

/// What a run tells whoever watches it.
pub trait Progress {
    fn job(&mut self, index: usize, jobs: usize, job: &Job, space: usize);
    /// After every batch: tries so far in this job and its best time.
    fn batch(&mut self, tried: usize, best: Option<&Record>);
    /// The same of a target that gives no times: the least modelled one, in ns, and its schedule.
    fn modelled(&mut self, tried: usize, best: Option<(f64, &str)>);
    fn done(&mut self);
    /// Something a reader of the result must know.
    fn note(&mut self, text: &str);
}

/// What a job cost.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    pub space: usize,
    pub seconds: f64,
}

/// The tables that a run writes.
pub struct Tables {
    pub records: Table,
    pub finals: Table,
    /// Of a target that gives no times and has a model.
    pub modelled: Option<Table>,
    pub old_records: Vec<Record>,
    pub old_finals: Vec<Final>,
    pub old_modelled: Vec<Modelled>,
}

impl Tables {
    /// With the table of modelled times where there will be some.
    pub fn open(dir: &std::path::Path, models: bool) -> Result<Self> {
        let (records, old_records) = Table::open(&dir.join("records.csv"))?;
        let (finals, old_finals) = Table::open(&dir.join("finals.csv"))?;
        let (modelled, old_modelled) = match models {
            true => Table::open(&dir.join("modelled.csv")).map(|(table, rows)| (Some(table), rows))?,
            false => (None, vec![]),
        };
        Ok(Self { records, finals, modelled, old_records, old_finals, old_modelled })
    }
}

/// Candidates asked for at once: enough to share a compilation, few enough to learn from.
const BATCH: usize = 24;
const LEAST_BATCH: usize = 6;
/// Finalists, and how far behind the best one may be to be one.
const FINALISTS: usize = 8;
const FINAL_MARGIN: f64 = 1.06;
/// Share of a job's time that is kept for its final.
const FINAL_SHARE: f64 = 0.1;

/// Family and schedule of the one record of a job that no kernel serves.
const NO_FAMILY: &str = "none";

/// A run in progress.
pub struct Study<'a> {
    pub plan: &'a Plan,
    pub device: &'a Device,
    pub tables: Tables,
    pub stop: &'a AtomicBool,
    /// Where nobody can measure.
    pub model: Option<Model<'a>>,
    /// When the run began, had it never been interrupted.
    started: Instant,
    /// Seconds that a candidate of the last batch took, all told.
    pace: f64,
    old: HashMap<Group, Vec<Record>>,
}

impl<'a> Study<'a> {
    pub fn new(plan: &'a Plan, device: &'a Device, mut tables: Tables, stop: &'a AtomicBool) -> Self {
        let old = std::mem::take(&mut tables.old_records);
        let spent = old.iter().map(|r| r.at_s).fold(0.0, f64::max);
        let started = Instant::now().checked_sub(Duration::from_secs_f64(spent)).unwrap_or_else(Instant::now);
        let mut groups: HashMap<Group, Vec<Record>> = HashMap::new();
        for record in old {
            groups.entry(group_of(&record)).or_default().push(record);
        }
        Self { plan, device, tables, stop, model: None, started, pace: 0.0, old: groups }
    }

    /// Runs every job that an earlier part of the run has not finished; stops early, with everything so far recorded,
    /// when `stop` is set.
    /// # Errors
    /// What makes going on pointless: a table that cannot be written, a device that is gone.
    pub fn run(&mut self, progress: &mut dyn Progress) -> Result<HashMap<Group, Cost>> {
        let all = self.plan.jobs();
        let jobs: Vec<&Job> = all.iter().filter(|j| !self.finished(&self.plan.group(j))).collect();
        let done = all.iter().filter(|j| self.finished(&self.plan.group(j)));
        let mut tried: usize = done.map(|j| self.old[&self.plan.group(j)].len()).sum();
        let mut costs = HashMap::new();
        for (i, job) in jobs.iter().enumerate() {
            let left = jobs.len() - i;
            let share = match self.plan.budget {
                Budget::Seconds(s) => {
                    Budget::Seconds((s - self.started.elapsed().as_secs_f64()).max(0.0) / left as f64)
                }
                Budget::Trials(n) => Budget::Trials(n.saturating_sub(tried).div_ceil(left).max(1)),
            };
            let begun = Instant::now();
            let (space, count) = self.job(job, (i, jobs.len()), share, progress)?;
            tried += count;
            costs.insert(self.plan.group(job), Cost { space, seconds: begun.elapsed().as_secs_f64() });
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        progress.done();
        Ok(costs)
    }

    /// Was this competition decided before the run was interrupted?
    fn finished(&self, group: &Group) -> bool {
        let finals: Vec<&Final> = self.tables.old_finals.iter().filter(|f| in_group(f, group)).collect();
        let (host, compiler) = (self.device.host.fingerprint(), &self.device.builder.id);
        let here = |r: &&Record| r.host == host && &r.compiler == compiler;
        let mut rows = self.old.get(group).into_iter().flatten().filter(here);
        let decided = !whole_final(&finals).is_empty();
        rows.any(|r| decided || r.family == NO_FAMILY)
    }

    /// Searches one job and holds its final. Returns the size of its space and the number of tries.
    fn job(
        &mut self,
        job: &Job,
        (index, jobs): (usize, usize),
        budget: Budget,
        progress: &mut dyn Progress,
    ) -> Result<(usize, usize)> {
        let (plan, group) = (self.plan, self.plan.group(job));
        let task = plan.task(job, self.device)?;
        let space = match task.space() {
            Ok(space) => space,
            Err(why) => {
                self.unsupported(job, &format!("{why:#}"))?;
                return Ok((0, 0));
            }
        };
        progress.job(index, jobs, job, space.points.len());
        let mut bench = Bench::new(self.device, task, &group.0, plan.regime, plan.seed, self.started)?;
        let known = self.known(&bench, self.old.get(&group).cloned().unwrap_or_default());
        let measured = self.search(&mut bench, known, &space, budget, progress)?;
        if !self.stop.load(Ordering::Relaxed) {
            self.hold_final(&mut bench, &group, &measured, budget)?;
        }
        Ok((space.points.len(), measured.len()))
    }

    /// Earlier records that still hold: same text, compiler and host.
    fn known(&self, bench: &Bench, old: Vec<Record>) -> Vec<Record> {
        let host = self.device.host.fingerprint();
        let holds = |r: &Record| {
            let source = r.schedule.parse::<Schedule>().and_then(|s| bench.task().emit(&s));
            r.host == host && r.compiler == self.device.builder.id && source.is_ok_and(|s| s.hash() == r.source_hash)
        };
        old.into_iter().filter(holds).collect()
    }

    fn search(
        &mut self,
        bench: &mut Bench,
        known: Vec<Record>,
        space: &Space,
        budget: Budget,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Record>> {
        let begun = Instant::now();
        let mut strategy = (search::find(&self.plan.strategy)?.make)(space, self.plan.seed);
        let recorded: std::collections::HashSet<String> = known.iter().map(|r| r.schedule.clone()).collect();
        if let Some(leader) = best(&known) {
            let ns = leader.corrected_ns.unwrap_or(f64::INFINITY);
            bench.set_incumbent(leader.schedule.parse()?, ns);
        }
        let mut device = Replay::new(known, Some(bench));
        let mut all: Vec<Record> = Vec::new();
        let mut fastest: Option<(f64, String)> = None;
        loop {
            let room = match budget {
                Budget::Seconds(s) => {
                    self.room(s * (1.0 - FINAL_SHARE) - begun.elapsed().as_secs_f64(), all.is_empty())
                }
                Budget::Trials(n) => n.saturating_sub(all.len()).min(BATCH),
            };
            let points = if room == 0 || self.stop.load(Ordering::Relaxed) { vec![] } else { strategy.ask(room) };
            if points.is_empty() {
                return Ok(all);
            }
            let schedules: Vec<Schedule> = points.iter().map(|p| space.points[*p].clone()).collect();
            let asked = Instant::now();
            let records = device.evaluate(&schedules)?;
            self.pace = asked.elapsed().as_secs_f64() / records.len().max(1) as f64;
            for record in records.iter().filter(|r| !recorded.contains(&r.schedule)) {
                self.tables.records.append(record)?;
            }
            let modelled = self.modelled(device.live(), &records)?;
            let time = |r: &Record| {
                r.corrected_ns.or_else(|| modelled.get(&r.schedule).copied()).filter(|_| r.outcome.right())
            };
            strategy.tell(&points.iter().copied().zip(records.iter().map(time)).collect::<Vec<_>>());
            all.extend(records);
            match modelled.is_empty() {
                true => progress.batch(all.len(), best(&all)),
                false => {
                    let least = modelled.into_iter().map(|(schedule, ns)| (ns, schedule));
                    fastest = least.chain(fastest).min_by(|a, b| a.0.total_cmp(&b.0));
                    progress.modelled(all.len(), fastest.as_ref().map(|(ns, schedule)| (*ns, schedule.as_str())));
                }
            }
        }
    }

    /// What the model makes of the right ones of these records, by schedule; nothing where there is none. What it made of
    /// one before is not asked again.
    fn modelled(&mut self, bench: Option<&mut Bench>, records: &[Record]) -> Result<HashMap<String, f64>> {
        let (Some(model), Some(bench)) = (&mut self.model, bench) else { return Ok(HashMap::new()) };
        let mut known = HashMap::new();
        let mut new = Vec::new();
        for r in records.iter().filter(|r| r.outcome == Outcome::Checked) {
            let name = model.name();
            match self.tables.old_modelled.iter().rfind(|m| m.is_of(r) && m.model == name) {
                Some(m) => drop(m.ns.map(|ns| known.insert(r.schedule.clone(), ns))),
                None => new.push(r),
            }
        }
        if let Some(first) = new.first() {
            let schedules: Vec<Schedule> = new.iter().map(|r| r.schedule.parse()).collect::<Result<_>>()?;
            let rows = model.rows(bench.problem(), &first.layer, self.plan.regime, &schedules)?;
            if let Some(table) = &mut self.tables.modelled {
                table.append_all(&rows)?;
            }
            known.extend(new.iter().zip(&rows).filter_map(|(r, m)| Some((r.schedule.clone(), m.ns?))));
        }
        Ok(known)
    }

    /// Candidates that a batch may have so as to end in time; the first batch of a job always has some.
    fn room(&self, seconds: f64, first: bool) -> usize {
        let fits = if self.pace > 0.0 { (seconds.max(0.0) / self.pace) as usize } else { BATCH };
        if first { fits.clamp(LEAST_BATCH, BATCH) } else { fits.min(BATCH) }
    }

    /// A balanced comparison of the best, in rounds; what decides.
    fn hold_final(&mut self, bench: &mut Bench, group: &Group, measured: &[Record], budget: Budget) -> Result<()> {
        let Some((leader, ns)) = best(measured).and_then(|r| Some((r.corrected_ns?, r.median_ns?))) else {
            return Ok(());
        };
        let mut close: Vec<&Record> = measured.iter().filter(|r| r.outcome == Outcome::Measured).collect();
        close.retain(|r| r.corrected_ns.is_some_and(|ns| ns <= leader * FINAL_MARGIN));
        close.sort_by(|a, b| a.corrected_ns.partial_cmp(&b.corrected_ns).unwrap_or(std::cmp::Ordering::Equal));
        close.truncate(FINALISTS);
        let seconds = match budget {
            Budget::Seconds(s) => (s * FINAL_SHARE).clamp(0.2, 10.0),
            Budget::Trials(_) => 3.0,
        };
        let rules = FINAL.lasting(seconds, close.iter().map(|_| ns));
        let schedules: Vec<Schedule> = close.iter().map(|r| r.schedule.parse()).collect::<Result<_>>()?;
        let Duel { series, roof_ns } = bench.duel(&schedules, &rules)?;
        let held = std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_millis() as u64);
        let total = series.iter().map(|(_, samples)| samples.len()).sum();
        let row = |record: &Record, source: &Source, round: usize, ns: f64| Final {
            layer: group.0.clone(),
            scheme: group.1.clone(),
            contract: group.2,
            target: group.3.clone(),
            regime: group.4,
            threads: group.5,
            candidate: record.candidate.clone(),
            source_hash: source.hash(),
            source_bytes: source.text.len(),
            round,
            ns: (ns * 100.0).round() / 100.0,
            held,
            rows: total,
            roof_ns: roof_ns.get(round).map(|ns| (ns * 100.0).round() / 100.0),
        };
        let pairs = close.iter().zip(&series);
        let rows: Vec<Final> = pairs
            .flat_map(|(r, (source, samples))| samples.iter().enumerate().map(|(i, ns)| row(r, source, i, *ns)))
            .collect();
        self.tables.finals.append_all(&rows)
    }

    /// A job that no kernel serves is one record that says why.
    fn unsupported(&mut self, job: &Job, why: &str) -> Result<()> {
        let shape = &job.layer.shape;
        let name = Name {
            op: shape.op.name().into(),
            scheme: job.scheme.clone(),
            isa: self.device.isa.name.clone(),
            family: NO_FAMILY.into(),
            schedule: Schedule(vec![Knob::word(NO_FAMILY)]),
        };
        self.tables.records.append(&Record {
            candidate: name.to_string(),
            layer: job.layer.key(),
            op: name.op,
            m: shape.m(),
            n: shape.n(),
            k: shape.k(),
            scheme: name.scheme,
            contract: self.plan.contract,
            target: self.device.target.name.clone(),
            family: name.family,
            schedule: name.schedule.to_string(),
            regime: self.plan.regime,
            threads: self.plan.threads,
            outcome: Outcome::Unsupported,
            evidence: self.device.target.runner.evidence,
            samples: 0,
            min_ns: None,
            median_ns: None,
            ci_low_ns: None,
            ci_high_ns: None,
            gmacs: None,
            roof_share: None,
            source_hash: String::new(),
            compiler: self.device.builder.id.clone(),
            host: self.device.host.fingerprint(),
            message: why.into(),
            cycles: None,
            instructions: None,
            at_s: Duration::as_secs_f64(&self.started.elapsed()),
            corrected_ns: None,
        })
    }
}

fn in_group(f: &Final, (layer, scheme, contract, target, regime, threads): &Group) -> bool {
    (&f.layer, &f.scheme, &f.target) == (layer, scheme, target)
        && (f.contract, f.regime, f.threads) == (*contract, *regime, *threads)
}

/// The fastest right record.
fn best(records: &[Record]) -> Option<&Record> {
    let timed = records.iter().filter(|r| r.outcome == Outcome::Measured && r.corrected_ns.is_some());
    timed.min_by(|a, b| a.corrected_ns.partial_cmp(&b.corrected_ns).unwrap_or(std::cmp::Ordering::Equal))
}
