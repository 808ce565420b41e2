//! The tuning loop: a study is a plan of jobs, one per layer x scheme, each searched, raced to a final and recorded. Jobs take
//! turns: the next batch goes where the network may gain most, and is built while the one before it is measured.

mod energy;
mod finals;
mod job;
pub mod memory;
mod repeats;
mod turns;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::bench::{Batch, Bench, Device};
use crate::candidate::{Contract, Regime, Schedule};
use crate::certificate::{Group, group_of};
use crate::host::Machine;
use crate::kernel::Task;
use crate::layer::Layer;
use crate::record::{Accuracy, Final, Modelled, Outcome, Record, Table, whole_final};
use crate::scheme::compress::shapes;
use crate::scheme::{self, Scheme};
use crate::sessions::REPEATS;
use crate::target::Target;
use crate::timing::Model;
use finals::{FINAL_SHARE, NO_FAMILY};
use job::{Asked, JobSearch};
use memory::Memory;
use turns::Turns;

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
    /// Folders of earlier runs that it learns from.
    #[serde(default)]
    pub learned_from: Vec<PathBuf>,
    /// Sessions of each winner beside its final: what tells how much two sessions of one kernel differ.
    #[serde(default)]
    pub repeats: usize,
}

/// One layer x scheme.
#[derive(Clone, Debug)]
pub struct Job {
    pub layer: Layer,
    pub scheme: String,
}

/// The scheme that a layer is timed under: the same kernel is not timed under two names, which would seem to differ.
fn on_device(scheme: &Scheme) -> String {
    scheme.on_device().without_idle().to_string()
}

/// What a layer under a scheme is to devices: itself, or its two factors, each a layer `NAME.rRANK.1`, `.2` of its own in the network
/// `NETWORK+rN`: in no sum over the layers of the network itself.
pub fn parts(layer: &Layer, scheme: &str) -> Vec<Job> {
    let whole = |scheme: String| vec![Job { layer: layer.clone(), scheme }];
    let Ok(found) = scheme::find(scheme) else { return whole(scheme.into()) };
    let Some((rank, rest)) = found.rank(&layer.shape) else {
        return whole(on_device(&found.without_rank()));
    };
    let (first, second) = shapes(&layer.shape, rank);
    let of: Vec<String> = found.compressions.iter().filter(|c| c.rank(2, 2).is_some()).map(|c| c.name()).collect();
    let network = format!("{}+{}", layer.network, of.concat());
    let part = |i: usize, shape, relu| {
        let name = format!("{}.r{rank}.{i}", layer.name);
        let own = Layer::of_shape(&name, shape);
        let layer = Layer { network: network.clone(), count: layer.count, relu, ..own };
        Job { layer, scheme: on_device(&rest) }
    };
    vec![part(1, first, false), part(2, second, layer.relu)]
}

impl Plan {
    pub fn jobs(&self) -> Vec<Job> {
        let each = |layer: &Layer| self.schemes.iter().flat_map(|s| parts(layer, s)).collect::<Vec<Job>>();
        let mut known = HashSet::new();
        let mut jobs: Vec<Job> = self.layers.iter().flat_map(each).collect();
        jobs.retain(|j| known.insert((j.layer.key(), j.scheme.clone())));
        jobs
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
    /// The job that was shown last has ended.
    fn ended(&mut self);
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
    pub repeats: Table,
    /// Where the device's counters say what kernels take.
    pub energy: Option<Table>,
    /// Of a target that gives no times and has a model.
    pub modelled: Option<Table>,
    pub old_records: Vec<Record>,
    pub old_finals: Vec<Final>,
    /// How wrong each layer is under each scheme, as far as it is known.
    pub accuracy: Vec<Accuracy>,
    pub old_modelled: Vec<Modelled>,
}

impl Tables {
    /// With the table of modelled times where there will be some.
    pub fn open(dir: &std::path::Path, models: bool) -> Result<Self> {
        let (records, old_records) = Table::open(&dir.join("records.csv"))?;
        let (finals, old_finals) = Table::open(&dir.join("finals.csv"))?;
        let (repeats, _) = Table::open::<Final>(&dir.join(REPEATS))?;
        let (modelled, old_modelled) = match models {
            true => Table::open(&dir.join("modelled.csv")).map(|(table, rows)| (Some(table), rows))?,
            false => (None, vec![]),
        };
        Ok(Self {
            records,
            finals,
            repeats,
            energy: None,
            modelled,
            old_records,
            old_finals,
            old_modelled,
            accuracy: vec![],
        })
    }
}

/// Candidates asked for at once: enough to share a compilation, few enough to learn from.
pub const BATCH: usize = 16;
const LEAST_BATCH: usize = 6;
/// Share by which a roof may have been measured too low.
const LOW_ROOF: f64 = 0.1;
/// Jobs that take turns: their operands are all held.
const TOGETHER: usize = 12;

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
    old: HashMap<Group, Vec<Record>>,
    memory: Memory,
}

/// A batch on its way: whose it is, what was asked for, and its program.
type Order = (usize, Asked, Option<Result<Batch>>);

impl<'a> Study<'a> {
    pub fn new(plan: &'a Plan, device: &'a Device, mut tables: Tables, stop: &'a AtomicBool) -> Self {
        let old = std::mem::take(&mut tables.old_records);
        let spent = old.iter().map(|r| r.at_s).fold(0.0, f64::max);
        let started = Instant::now().checked_sub(Duration::from_secs_f64(spent)).unwrap_or_else(Instant::now);
        let mut groups: HashMap<Group, Vec<Record>> = HashMap::new();
        for record in old {
            groups.entry(group_of(&record)).or_default().push(record);
        }
        let memory = Memory::of(&plan.learned_from, device);
        Self { plan, device, tables, stop, model: None, started, old: groups, memory }
    }

    /// Runs every job that an earlier part of the run has not finished; stops early, with everything so far recorded,
    /// when `stop` is set.
    /// # Errors
    /// What makes going on pointless: a table that cannot be written, a device that is gone.
    pub fn run(&mut self, progress: &mut dyn Progress) -> Result<HashMap<Group, Cost>> {
        let all = self.plan.jobs();
        let jobs: Vec<(usize, &Job)> = all.iter().filter(|j| !self.finished(&self.plan.group(j))).enumerate().collect();
        let done = all.iter().filter(|j| self.finished(&self.plan.group(j)));
        let mut tried: usize = done.map(|j| self.old[&self.plan.group(j)].len()).sum();
        let mut costs = HashMap::new();
        let mut left = jobs.len();
        for some in jobs.chunks(TOGETHER) {
            let share = |all: f64| all.max(0.0) * some.len() as f64 / left as f64;
            let budget = match self.plan.budget {
                Budget::Seconds(s) => Budget::Seconds(share(s - self.started.elapsed().as_secs_f64())),
                Budget::Trials(n) => {
                    Budget::Trials((share(n.saturating_sub(tried) as f64).ceil() as usize).max(some.len()))
                }
            };
            for (group, cost, count) in self.together(some, jobs.len(), budget, progress)? {
                tried += count;
                costs.insert(group, cost);
            }
            left -= some.len();
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        progress.done();
        Ok(costs)
    }

    /// Searches some jobs in turns and holds their finals: what each cost, and its tries.
    fn together(
        &mut self,
        some: &[(usize, &Job)],
        jobs: usize,
        budget: Budget,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(Group, Cost, usize)>> {
        let mut turns = Turns {
            begun: Instant::now(),
            budget,
            searches: vec![],
            waiting: some.iter().rev().map(|(i, j)| (*i, (*j).clone())).collect(),
            jobs,
            kept: if self.plan.repeats > 0 { 2.0 * FINAL_SHARE } else { FINAL_SHARE },
            out: 0,
        };
        // a batch is built while another is measured, where there is a CPU for it
        let overlap = self.device.host.cpus > self.plan.threads && self.device.runner.is_here() && self.device.times();
        if overlap {
            let machine = Machine::here();
            let busy = machine.last_cpus(self.plan.threads);
            self.device.builder.keep_to(machine.allowed_cpus().into_iter().filter(|c| !busy.contains(c)).collect());
        }
        let mut current = self.order(&mut turns, progress)?.map(|(i, asked)| self.built(&turns, i, asked));
        while let Some((at, asked, batch)) = current.take() {
            let next = if overlap { self.order(&mut turns, progress)? } else { None };
            let todo = next.as_ref().map(|(i, asked)| (turns.searches[*i].bench.task().clone(), asked.clone()));
            let (device, search) = (self.device, &mut turns.searches[at]);
            let (model, tables, regime) = (&mut self.model, &mut self.tables, self.plan.regime);
            let mut guess = |bench: &mut Bench, records: &[Record]| modelled(model, tables, regime, bench, records);
            let (new, prepared) = std::thread::scope(|scope| {
                let builder = todo.map(|(task, asked)| scope.spawn(move || build(device, &task, &asked)));
                let new = batch.transpose().and_then(|batch| search.answer(&asked, batch, &mut guess));
                (
                    new,
                    builder.map(|b| b.join().unwrap_or_else(|_| Some(Err(anyhow::anyhow!("a build thread panicked"))))),
                )
            });
            self.tables.records.append_all(&new?)?;
            let search = &turns.searches[at];
            self.memory.learn(search.group.clone(), search.bench.task(), &search.speeds, &search.tried);
            search.tell(jobs, progress);
            current = match (next, prepared) {
                (Some((i, asked)), Some(batch)) => Some((i, asked, batch)),
                _ if overlap => None,
                _ => self.order(&mut turns, progress)?.map(|(i, asked)| self.built(&turns, i, asked)),
            };
            if current.is_none() {
                // what was just told may have woken a search that had nothing to ask
                current = self.order(&mut turns, progress)?.map(|(i, asked)| self.built(&turns, i, asked));
            }
        }
        let mut costs = Vec::new();
        let mut searches = std::mem::take(&mut turns.searches);
        for search in &mut searches {
            let begun = Instant::now();
            if !self.stop.load(Ordering::Relaxed) {
                self.hold_final(search, turns.each(some.len()))?;
            }
            search.tell(jobs, progress);
            progress.ended();
            if search.beaten > 0 {
                let (job, points) = (&search.job, search.points());
                let what = format!("{} of {points} not tried: the roof rules them out", search.beaten);
                progress.note(&format!("{} {}: {what}", job.layer.key(), job.scheme));
            }
            let seconds = search.spent + begun.elapsed().as_secs_f64();
            costs.push((search.group.clone(), Cost { space: search.points(), seconds }, search.tried.len()));
        }
        self.hold_repeats(&mut searches, turns.each(some.len()))?;
        self.meter(&mut searches)?;
        Ok(costs)
    }

    fn built(&self, turns: &Turns, at: usize, asked: Asked) -> Order {
        let batch = build(self.device, turns.searches[at].bench.task(), &asked);
        (at, asked, batch)
    }

    /// Whose turn it is, and what it asks for; none when the budget is spent or nobody has more.
    fn order(&mut self, turns: &mut Turns<'a>, progress: &mut dyn Progress) -> Result<Option<(usize, Asked)>> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let opening = turns.searches.iter().position(|s| s.is_opening() && !s.has_ended());
            let at = match (opening, turns.waiting.pop()) {
                (None, Some((index, job))) => match self.begin(&job, index, turns, progress)? {
                    Some(search) => {
                        turns.searches.push(search);
                        turns.searches.len() - 1
                    }
                    None => continue,
                },
                (opening, waiting) => {
                    turns.waiting.extend(waiting);
                    let open = turns.searches.iter_mut().enumerate().filter(|(_, s)| !s.has_ended());
                    let best = || open.map(|(i, s)| (i, s.gain())).max_by(|a, b| a.1.total_cmp(&b.1)).map(|b| b.0);
                    match opening.or_else(best) {
                        Some(at) => at,
                        None => return Ok(None),
                    }
                }
            };
            let room = turns.room(at);
            let asked = if room == 0 { None } else { turns.searches[at].ask(room) };
            match asked {
                Some(asked) => {
                    turns.out += asked.points.len();
                    return Ok(Some((at, asked)));
                }
                None if room == 0 && turns.waiting.is_empty() => return Ok(None),
                None => turns.searches[at].end(),
            }
        }
    }

    /// The search of a job; a job that no kernel serves, or that cannot win, is recorded and has none.
    fn begin(
        &mut self,
        job: &Job,
        index: usize,
        turns: &Turns,
        progress: &mut dyn Progress,
    ) -> Result<Option<JobSearch<'a>>> {
        if let Err(why) = self.plan.task(job, self.device)?.space() {
            self.unsearched(job, Outcome::Unsupported, &format!("{why:#}"))?;
            return Ok(None);
        }
        let old = self.old.get(&self.plan.group(job)).cloned().unwrap_or_default();
        if let Some(why) = self.dominated(job, &turns.searches)?.filter(|_| old.is_empty()) {
            progress.note(&format!("{} {}: {why}", job.layer.key(), job.scheme));
            self.unsearched(job, Outcome::Dominated, &why)?;
            return Ok(None);
        }
        let (past, again) = self.memory.past(self.plan, job, self.device);
        let search = JobSearch::new((self.plan, job, index), self.device, (old, past), self.started)?;
        progress.job(index, turns.jobs, job, search.points());
        if let Some(again) = again {
            progress.note(&format!("{} {}: {again}", job.layer.key(), job.scheme));
        }
        Ok(Some(search))
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
}

/// What the model makes of the right ones of these records, by schedule; nothing where there is none. What it made of one
/// before is not asked again.
fn modelled(
    model: &mut Option<Model>,
    tables: &mut Tables,
    regime: Regime,
    bench: &mut Bench,
    records: &[Record],
) -> Result<HashMap<String, f64>> {
    let Some(model) = model else { return Ok(HashMap::new()) };
    let mut known = HashMap::new();
    let mut new = Vec::new();
    for r in records.iter().filter(|r| r.outcome == Outcome::Checked) {
        let name = model.name();
        match tables.old_modelled.iter().rfind(|m| m.is_of(r) && m.model == name) {
            Some(m) => drop(m.ns.map(|ns| known.insert(r.schedule.clone(), ns))),
            None => new.push(r),
        }
    }
    if let Some(first) = new.first() {
        let schedules: Vec<Schedule> = new.iter().map(|r| r.schedule.parse()).collect::<Result<_>>()?;
        let rows = model.rows(bench.problem(), &first.layer, regime, &schedules)?;
        if let Some(table) = &mut tables.modelled {
            table.append_all(&rows)?;
        }
        known.extend(new.iter().zip(&rows).filter_map(|(r, m)| Some((r.schedule.clone(), m.ns?))));
    }
    Ok(known)
}

fn in_group(f: &Final, (layer, scheme, contract, target, regime, threads): &Group) -> bool {
    (&f.layer, &f.scheme, &f.target) == (layer, scheme, target)
        && (f.contract, f.regime, f.threads) == (*contract, *regime, *threads)
}

/// The program of what a batch asks anew; none where all of it is known.
fn build(device: &Device, task: &Task, asked: &Asked) -> Option<Result<Batch>> {
    (!asked.new.is_empty()).then(|| device.build(task, &asked.new, &asked.along))
}
