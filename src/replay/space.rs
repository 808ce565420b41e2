//! A recorded space: every point of a task with the time that it took. File format: `docs/formats.md`.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::foreign;
use crate::bench::probe::Roofs;
use crate::candidate::{Contract, Regime, Schedule, Space};
use crate::host::Host;
use crate::kernel::Task;
use crate::kernel::estimate::{self, Speeds};
use crate::layer::Layer;
use crate::native::Isa;
use crate::record::Record;
use crate::run::Run;
use crate::scheme;
use crate::search::{Field, Past};
use crate::study::Plan;

/// What was recorded where: the first line of a space file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    pub schema: u32,
    pub layer: Layer,
    pub scheme: String,
    pub contract: Contract,
    pub regime: Regime,
    pub threads: usize,
    pub target: String,
    pub isa: String,
    pub host: Host,
    pub compiler: String,
    /// UTC, RFC 3339.
    pub recorded: String,
    pub roofs: Option<Roofs>,
}

/// Every point of a space that was tried.
#[derive(Clone)]
pub struct Recorded {
    pub name: String,
    /// None of spaces of other tools.
    pub head: Option<Head>,
    pub space: Space,
    /// Nanoseconds of a call; none of a point that failed.
    pub ns: Vec<Option<f64>>,
    /// Seconds that a try took, building included.
    pub seconds: Vec<f64>,
}

/// One row of a space file.
#[derive(Serialize, Deserialize)]
struct Row {
    schedule: String,
    ns: Option<f64>,
    seconds: f64,
}

impl Recorded {
    /// # Errors
    /// No row, a schedule twice, no row with a time.
    pub fn new(name: &str, head: Option<Head>, rows: Vec<(Schedule, Option<f64>, f64)>) -> Result<Self> {
        let space = Space::of(rows.iter().map(|r| &r.0));
        ensure!(rows.iter().any(|r| r.1.is_some()), "{name}: no point has a time");
        let (mut ns, mut seconds) = (vec![None; space.len()], vec![f64::NAN; space.len()]);
        for (schedule, time, spent) in rows {
            let index = space.index(&schedule).with_context(|| format!("{name}: `{schedule}` is cut short"))?;
            ensure!(seconds[index].is_nan(), "{name}: `{schedule}` is there twice");
            ensure!(time.is_none_or(|t| t.is_finite() && t > 0.0), "{name}: `{schedule}`: its time is no time");
            (ns[index], seconds[index]) = (time, spent);
        }
        Ok(Self { name: name.into(), head, space, ns, seconds })
    }

    /// A space file, a run's folder or its `records.csv`, a cache file of Kernel Tuner or a T4 file; packed by gzip or not.
    /// A run has a space for each of its layers x schemes.
    /// # Errors
    /// A file that is none of these; names the line or the field.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let named = || path.display().to_string();
        let folder = if path.is_dir() { Some(path) } else { path.parent().filter(|_| path.ends_with("records.csv")) };
        if let Some(folder) = folder {
            return of_run(&Run::load(folder)?).with_context(named);
        }
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut text = String::new();
        let read = if bytes.starts_with(&[0x1f, 0x8b]) {
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)
        } else {
            bytes.as_slice().read_to_string(&mut text)
        };
        read.with_context(|| format!("{} is no text, or its gzip is damaged", path.display()))?;
        let file = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let name = file.split('.').next().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        match serde_json::from_str::<Head>(first) {
            Ok(head) => Ok(vec![parse(name, head, text.split_once('\n').map_or("", |t| t.1)).with_context(named)?]),
            Err(why) if first.starts_with("{\"schema\"") => Err(why).with_context(|| format!("{}: line 1", named())),
            Err(_) if text.trim_start().starts_with('{') => Ok(vec![foreign::parse(name, &text).with_context(named)?]),
            Err(_) => bail!(
                "{} is no recorded space; expected a space file, a run's folder, or Kernel Tuner's or T4 JSON",
                named()
            ),
        }
    }

    /// The text of a space file.
    /// # Errors
    /// A space of another tool has no head to write.
    pub fn text(&self) -> Result<String> {
        let head = self.head.as_ref().with_context(|| format!("{} is a space of another tool", self.name))?;
        let mut text = serde_json::to_string(head)? + "\nschedule,ns,seconds\n";
        for (i, schedule) in self.space.iter().enumerate() {
            let ns = self.ns[i].map_or(String::new(), |ns| format!("{ns:.1}"));
            text += &format!("{schedule},{ns},{:.4}\n", self.seconds[i]);
        }
        Ok(text)
    }

    pub fn best(&self) -> f64 {
        self.ns.iter().flatten().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn task(&self) -> Result<Option<Task>> {
        let Some(head) = &self.head else { return Ok(None) };
        Ok(Some(Task {
            shape: head.layer.shape,
            relu: head.layer.relu,
            scheme: scheme::find(&head.scheme)?,
            contract: head.contract,
            isa: Arc::new(Isa::load(&head.isa)?),
            threads: head.threads,
            caches: head.host.caches,
        }))
    }

    /// What a strategy may know of it.
    /// # Errors
    /// A scheme or tiles that there are none of any more.
    pub fn field(&self) -> Result<Field> {
        let Some(task) = self.task()? else { return Ok(Field::plain(self.space.clone())) };
        let roofs = self.head.as_ref().and_then(|h| h.roofs.as_ref());
        let speeds = roofs.map_or_else(|| Speeds::unknown(&task), |r| r.speeds(&task));
        for (tile, of) in self.space.tiles() {
            let first = self.space.at(of.start);
            estimate::view(&task, &first, &speeds).with_context(|| format!("{}: tile `{tile}`", self.name))?;
        }
        Ok(Field::new(self.space.clone(), move |s| estimate::view(&task, s, &speeds).expect("its tile is there")))
    }

    /// What tries of these points teach about other tasks.
    pub fn lesson(&self, points: &[usize]) -> Result<Past> {
        let field = self.field()?;
        let mut timed: Vec<(f64, usize)> = points.iter().filter_map(|p| Some((self.ns[*p]?, *p))).collect();
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Past::of(timed.iter().map(|(ns, p)| (self.space.at(*p), field.view(*p), *ns))))
    }
}

fn parse(name: &str, head: Head, rows: &str) -> Result<Recorded> {
    ensure!(head.schema == 1, "space files of schema {} are unknown; this tool reads 1", head.schema);
    let mut reader = csv::Reader::from_reader(rows.as_bytes());
    let mut all = Vec::new();
    for (i, row) in reader.deserialize::<Row>().enumerate() {
        let row = row.with_context(|| format!("line {}", i + 3))?;
        let schedule = row.schedule.parse().with_context(|| format!("line {}", i + 3))?;
        all.push((schedule, row.ns, row.seconds));
    }
    Recorded::new(name, Some(head), all)
}

fn of_run(run: &Run) -> Result<Vec<Recorded>> {
    let text = fs::read_to_string(run.dir.join("study.json")).context("no study.json beside the records")?;
    let plan: Plan = serde_json::from_str(&text).context("study.json is damaged")?;
    let provenance = run.provenance.as_ref().context("no host.toml beside the records")?;
    let mut all = Vec::new();
    for job in plan.jobs() {
        let group = plan.group(&job);
        let rows: Vec<&Record> = run.records.iter().filter(|r| crate::certificate::group_of(r) == group).collect();
        let mut points = Vec::new();
        let mut known = std::collections::HashSet::new();
        for r in rows.iter().rev().filter(|r| !r.source_hash.is_empty() && known.insert(&r.schedule)) {
            let batch = rows.iter().filter(|o| o.at_s == r.at_s).count();
            let before = rows.iter().map(|o| o.at_s).filter(|at| *at < r.at_s).fold(0.0, f64::max);
            let time = r.corrected_ns.filter(|_| r.outcome.right());
            points.push((r.schedule.parse()?, time, (r.at_s - before) / batch as f64));
        }
        points.reverse();
        if points.iter().all(|p| p.1.is_none()) {
            continue;
        }
        let head = Head {
            schema: 1,
            layer: job.layer.clone(),
            scheme: job.scheme.clone(),
            contract: plan.contract,
            regime: plan.regime,
            threads: plan.threads,
            target: plan.target.name.clone(),
            isa: plan.target.isa.clone(),
            host: provenance.host.clone(),
            compiler: provenance.compiler.clone(),
            recorded: provenance.started.clone(),
            roofs: provenance.roofs.clone(),
        };
        let name = format!("{}-{}", job.layer.name, job.scheme);
        all.push(Recorded::new(&name, Some(head), points)?);
    }
    ensure!(!all.is_empty(), "no layer of this run has times");
    Ok(all)
}
