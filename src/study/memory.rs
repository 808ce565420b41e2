//! What earlier runs teach: their records, as lessons for the tasks of this one.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{Job, Plan};
use crate::bench::Device;
use crate::certificate::{Group, group_of};
use crate::kernel::Task;
use crate::kernel::estimate::{self, Speeds};
use crate::record::Record;
use crate::run::Run;
use crate::search::Past;

/// Runs that are learned from, the latest first, and rows of each of their jobs.
const RUNS: usize = 24;
const ROWS: usize = 300;
/// Schedules of the very same task that are raced again before anything else.
const AGAIN: usize = 8;

/// The jobs of earlier runs, and those of this one that are under way.
#[derive(Default)]
pub struct Memory {
    lessons: Vec<Lesson>,
}

struct Lesson {
    group: Group,
    /// m, n, k of the layer.
    shape: [usize; 3],
    /// What its records were made with.
    compiler: String,
    host: String,
    past: Past,
}

/// The folders of earlier runs of a target, the latest first.
pub fn runs_of(target: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new("results").join(target)).into_iter().flatten().flatten();
    let begun = |dir: &Path| std::fs::metadata(dir.join("study.json")).and_then(|m| m.modified()).ok();
    let mut all: Vec<_> = entries.filter_map(|e| Some((begun(&e.path())?, e.path()))).collect();
    all.sort();
    all.into_iter().rev().map(|(_, dir)| dir).take(RUNS).collect()
}

impl Memory {
    /// What can be read of these runs; one that cannot teaches nothing.
    pub fn of(folders: &[PathBuf], device: &Device) -> Self {
        let mut memory = Self::default();
        for dir in folders {
            let plan = std::fs::read(dir.join("study.json")).ok();
            let plan = plan.and_then(|bytes| serde_json::from_slice::<Plan>(&bytes).ok());
            let Some((plan, run)) = plan.zip(Run::load(dir).ok()) else { continue };
            let mut groups: HashMap<Group, Vec<Record>> = HashMap::new();
            for record in run.records {
                groups.entry(group_of(&record)).or_default().push(record);
            }
            for job in plan.jobs() {
                let Some(records) = groups.remove(&plan.group(&job)) else { continue };
                let speeds = run.provenance.as_ref().and_then(|p| p.roofs.as_ref());
                if let Ok(task) = plan.task(&job, device) {
                    let speeds = speeds.map_or_else(|| Speeds::unknown(&task), |roofs| roofs.speeds(&task));
                    memory.learn(plan.group(&job), &task, &speeds, &records);
                }
            }
        }
        memory
    }

    /// Takes in what a job came to so far, in place of what it had come to before.
    pub fn learn(&mut self, group: Group, task: &Task, speeds: &Speeds, records: &[Record]) {
        let mut timed: Vec<(f64, &Record)> =
            records.iter().filter(|r| r.outcome.right()).filter_map(|r| Some((r.corrected_ns?, r))).collect();
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, first)) = timed.first() else { return };
        let (compiler, host) = (first.compiler.clone(), first.host.clone());
        // the fastest, and of the others every so many
        let every = (timed.len() / ROWS).max(1);
        let kept = timed.iter().enumerate().filter(|(i, _)| *i < ROWS / 3 || i % every == 0).map(|(_, t)| t);
        let views = kept.filter_map(|(ns, r)| {
            let schedule = r.schedule.parse().ok()?;
            let view = estimate::view(task, &schedule, speeds).ok()?;
            Some((schedule, view.into(), *ns))
        });
        let shape = [task.shape.m(), task.shape.n(), task.shape.k()];
        let past = Past::of(views);
        self.lessons.retain(|l| (&l.group, &l.compiler, &l.host) != (&group, &compiler, &host));
        self.lessons.push(Lesson { group, shape, compiler, host, past });
    }

    /// Lessons for a job, those of the likest tasks first. And how it was tuned before with another compiler, microcode or
    /// governor, where it was.
    pub fn past(&self, plan: &Plan, job: &Job, device: &Device) -> (Past, Option<String>) {
        let group = plan.group(job);
        let shape = &job.layer.shape;
        let own = [shape.m(), shape.n(), shape.k()];
        let far = |l: &Lesson| {
            let size = |(a, b): (&usize, &usize)| (*a as f64 / *b as f64).ln().abs();
            let other = f64::from(u8::from(l.group.1 != group.1)) + f64::from(u8::from(l.group.2 != group.2));
            l.shape.iter().zip(&own).map(size).sum::<f64>() + 2.0 * other
        };
        let same = |l: &&Lesson| {
            l.shape == own && (&l.group.1, l.group.2, l.group.4, l.group.5) == (&group.1, group.2, group.4, group.5)
        };
        let mut lessons: Vec<&Lesson> = self.lessons.iter().filter(|l| l.group.4 == group.4).collect();
        lessons.sort_by(|a, b| far(a).total_cmp(&far(b)));
        let mut past = Past::default();
        for lesson in lessons.iter().take(RUNS).rev() {
            past.add(lesson.past.clone());
        }
        let mut winners = Vec::new();
        for lesson in self.lessons.iter().filter(same) {
            winners.extend(lesson.past.winners.iter().take(AGAIN).cloned());
        }
        winners.append(&mut past.winners);
        let mut known = HashSet::new();
        winners.retain(|w| known.insert(w.clone()));
        past.winners = winners;
        let now = (&device.builder.id, &device.host.fingerprint());
        let stale = self.lessons.iter().filter(same).find(|l| (&l.compiler, &l.host) != now);
        let fresh = self.lessons.iter().filter(same).any(|l| (&l.compiler, &l.host) == now);
        let say = |l: &Lesson| {
            let what = if l.compiler == device.builder.id { "another CPU, microcode or governor" } else { &l.compiler };
            format!("tuned before with {what}: its best are raced again first")
        };
        (past, stale.filter(|_| !fresh).map(say))
    }
}
