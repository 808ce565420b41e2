//! The funnel: every stage takes longer than the one before and sees fewer designs. Layers take turns, so that each has
//! something to show early; every row is written as soon as it is known, and is never made twice.

mod vendors;
mod wholes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rayon::prelude::*;

use super::job::{Job, Refused};
use super::lane::{Correction, Lane, Point, best_of_foldings, lossy, noise, points, promising};
use super::plan::Plan;
use super::rank;
use super::whole;
use super::work::{Candidate, csim, limits};
use crate::fpga::Evidence;
use crate::fpga::row::Row;
use crate::fpga::sim::Within;
use crate::fpga::synth::{Flow, Stage};
use crate::fpga::tool::Failure;
use crate::fpga::vendor::Tool;
use crate::record::{Accuracy, Outcome, Table};
use crate::stats::median;

/// Designs of a layer that come as far as C simulation, RTL simulation, synthesis, and place and route.
pub const KEPT: [usize; 4] = [60, 50, 20, 5];
/// Designs that are simulated in C++ by one program.
const TOGETHER: usize = 12;
/// Syntheses of a layer before its first design is placed and routed, and between two of these.
const TURNS: [usize; 2] = [2, 4];
/// Shares of the run after which no more C simulations, and RTL simulations, are begun.
const SHARES: [f64; 2] = [0.15, 0.35];
/// Modelled designs of all layers that are written; of more only those that go on.
const MOST_ROWS: usize = 4000;
/// Share of the run after which networks as a whole take their turn.
const LAYERS_SHARE: f64 = 0.6;
/// Share of the run that is for open tools, where there are vendors' too.
const OPEN_SHARE: f64 = 0.5;
/// Share of the run that a step should take at most in the first turn; twice as much in the next, and so on to the last.
const FIRST_TURN: f64 = 0.04;
const LAST_TURN: u32 = 4;
/// A layer's first clock may take what this turn allows: one routed design says more than many that are not.
const FIRST_CLOCK: u32 = 3;
/// Most that one tool may take of the run for one design.
const A_STEP: f64 = 0.25;
/// Most that the simulation of one RTL may take of the run, and no less than so many seconds: wide sums without registers
/// have simulators recompute whole words at every change of a bit.
const A_SIMULATION: (f64, f64) = (0.03, 20.0);
/// Seconds that a step should take before any was done, and more for each look-up table.
const FIRST: [(f64, f64); 3] = [(2.0, 0.0), (3.0, 0.004), (30.0, 0.012)];

/// What a run tells while it goes on.
pub trait Progress: Send {
    fn stage(&mut self, what: &str, todo: usize);
    fn row(&mut self, row: &Row);
    fn note(&mut self, text: &str);
}

pub struct Tuner<'a> {
    plan: &'a Plan,
    flow: Option<Flow>,
    vendors: Vec<Tool>,
    table: Mutex<Table>,
    rows: Mutex<Vec<Row>>,
    work: PathBuf,
    begun: Instant,
    before: f64,
    stop: &'a AtomicBool,
    progress: Mutex<&'a mut dyn Progress>,
}

impl<'a> Tuner<'a> {
    /// Goes on with what the table in `dir` holds. Without `flow` nothing comes further than C simulation.
    /// # Errors
    /// A table that cannot be read or written.
    pub fn open(
        plan: &'a Plan,
        flow: Option<Flow>,
        vendors: Vec<Tool>,
        dir: &Path,
        stop: &'a AtomicBool,
        progress: &'a mut dyn Progress,
    ) -> Result<Self> {
        let (table, rows) = Table::open::<Row>(&dir.join("fpga.csv"))?;
        let before = rows.iter().filter_map(|r| r.at_s).fold(0.0, f64::max);
        Ok(Self {
            plan,
            flow,
            vendors,
            table: Mutex::new(table),
            rows: Mutex::new(rows),
            work: dir.join("work"),
            begun: Instant::now(),
            before,
            stop,
            progress: Mutex::new(progress),
        })
    }

    /// Takes all jobs as far as the budget allows.
    /// # Errors
    /// What concerns every design: a tool that is gone, a full disk.
    pub fn run(&self, jobs: &[Job], refused: &[Refused], accuracy: &[Accuracy]) -> Result<()> {
        for r in refused {
            self.refuse(r)?;
        }
        let mut lanes = self.modelled(jobs, accuracy)?;
        let wholes = whole::wholes(self.plan, |network| lossy(accuracy, network, self.plan.max_drop))?;
        self.model_wholes(&wholes)?;
        self.simulate_c(&mut lanes)?;
        if self.flow.is_some() {
            self.simulate_rtl(&mut lanes)?;
            let share = if wholes.is_empty() { 1.0 } else { LAYERS_SHARE };
            self.rounds(&mut lanes, share)?;
            self.try_wholes(&wholes)?;
            self.rounds(&mut lanes, 1.0)?;
        }
        self.ask_vendors(&lanes)?;
        if !self.stopped() {
            self.note_left(&lanes)?;
            let _ = std::fs::remove_dir_all(&self.work);
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn at(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    fn left(&self) -> f64 {
        self.plan.seconds - self.at()
    }

    /// Writes rows, in one piece.
    fn keep(&self, mut rows: Vec<Row>) -> Result<()> {
        let at = (self.at() * 10.0).round() / 10.0;
        rows.iter_mut().for_each(|r| r.at_s = Some(at));
        self.table.lock().map_err(|_| poisoned())?.append_all(&rows)?;
        let mut progress = self.progress.lock().map_err(|_| poisoned())?;
        rows.iter().for_each(|r| progress.row(r));
        self.rows.lock().map_err(|_| poisoned())?.extend(rows);
        Ok(())
    }

    fn tell(&self, what: &str, todo: usize) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.stage(what, todo);
        }
    }

    /// The strongest row of a candidate. Figures of tools count if they are of these very tools.
    fn known(&self, c: &Candidate) -> Option<Row> {
        let tools = self.flow.as_ref().map(Flow::versions);
        let valid = |r: &&Row| r.evidence < Evidence::Rtlsim || Some(&r.tools) == tools.as_ref();
        // what had less time than it would have now is tried again
        let hasty = |r: &Row| r.outcome == Some(Outcome::TimedOut) && 1.5 * r.seconds < self.patience(r.evidence);
        let rows = self.rows.lock().ok()?;
        rows.iter().filter(|r| c.is_of(r)).filter(valid).filter(|r| !hasty(r)).max_by_key(|r| r.evidence).cloned()
    }

    /// Seconds that one tool may take of a design.
    fn patience(&self, evidence: Evidence) -> f64 {
        let step = A_STEP * self.plan.seconds;
        if evidence > Evidence::Rtlsim {
            step
        } else {
            (A_SIMULATION.0 * self.plan.seconds).max(A_SIMULATION.1).min(step)
        }
    }

    fn refuse(&self, r: &Refused) -> Result<()> {
        let same = |o: &Row| o.layer == r.layer && o.scheme == r.scheme && o.outcome == Some(Outcome::Unsupported);
        if self.rows.lock().map_err(|_| poisoned())?.iter().any(same) {
            return Ok(());
        }
        self.keep(vec![Row::refused(&r.layer, &r.scheme, &self.plan.device, r.vectors, &r.why)])
    }

    /// All designs by the model; those that go on, layer by layer.
    fn modelled<'b>(&self, jobs: &'b [Job], accuracy: &[Accuracy]) -> Result<Vec<Lane<'b>>> {
        let device = &self.plan.device;
        self.tell("model", jobs.len());
        let spaces: Vec<Vec<Point>> = jobs.par_iter().map(|job| points(job, self.plan)).collect();
        let best: Vec<Vec<&Point>> = spaces.iter().map(|s| best_of_foldings(s)).collect();
        let few = best.iter().map(Vec::len).sum::<usize>() <= MOST_ROWS;
        let mut lanes: Vec<Lane> = Vec::new();
        let mut by_layer: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let first = |j: &Job| jobs.iter().position(|o| o.layer == j.layer).unwrap_or(0);
        (0..jobs.len()).for_each(|i| by_layer.entry(first(&jobs[i])).or_default().push(i));
        for (first, own) in by_layer {
            let layer = jobs[first].layer.clone();
            let mut lane = Lane {
                out: lossy(accuracy, &layer, self.plan.max_drop),
                noise: noise(accuracy, &layer),
                layer,
                candidates: vec![],
            };
            let pool: Vec<(usize, &Point)> = own
                .iter()
                .filter(|i| !lane.out.contains(&jobs[**i].scheme))
                .flat_map(|i| promising(&spaces[*i]).into_iter().map(|p| (*i, p)))
                .collect();
            let figures: Vec<[f64; 3]> =
                pool.iter().map(|(i, p)| [p.time(), p.share, lane.noise_of(&jobs[*i].scheme)]).collect();
            let chosen: Vec<(usize, &Point)> = rank::order(&figures, KEPT[0]).into_iter().map(|i| pool[i]).collect();
            let made: Vec<Result<Candidate>> =
                chosen.par_iter().map(|(i, p)| Candidate::new(&jobs[*i], p.unit.clone(), p.guess, p.period)).collect();
            for c in made {
                lane.candidates.push(c?);
            }
            let layer = &lane.layer;
            let modelled = |r: &Row| r.layer == *layer && r.evidence == Evidence::Modelled && !r.design.is_empty();
            // a layer's are written in one piece
            let fresh = !self.rows.lock().map_err(|_| poisoned())?.iter().any(modelled);
            if fresh {
                let of = |job: &Job, p: &Point| p.row(job, device);
                let mut rows: Vec<Row> = match few {
                    true => own.iter().flat_map(|i| best[*i].iter().map(|p| of(&jobs[*i], p))).collect(),
                    false => vec![],
                };
                for (i, p) in &chosen {
                    let row = of(&jobs[*i], p);
                    if !rows.iter().any(|r| r.design == row.design && r.scheme == row.scheme) {
                        rows.push(row);
                    }
                }
                self.note_of(&lane, &own, &spaces)?;
                self.keep(rows)?;
            }
            lanes.push(lane);
        }
        Ok(lanes)
    }

    fn note_of(&self, lane: &Lane, own: &[usize], spaces: &[Vec<Point>]) -> Result<()> {
        let all: usize = own.iter().map(|i| spaces[*i].len()).sum();
        let fit: usize = own.iter().map(|i| spaces[*i].iter().filter(|p| p.share <= 1.0).count()).sum();
        let out = match lane.out.len() {
            0 => String::new(),
            n => format!(
                "; {n} schemes are out: they lose more of top-1 than {}% (--max-drop) or the best",
                self.plan.max_drop * 100.0
            ),
        };
        let text = format!("{}: {all} designs, {fit} should fit, {} go on{out}", lane.layer, lane.candidates.len());
        self.progress.lock().map_err(|_| poisoned())?.note(&text);
        Ok(())
    }

    /// Layers that a larger budget would bring further.
    fn note_left(&self, lanes: &[Lane]) -> Result<()> {
        let last = match &self.flow {
            Some(flow) if flow.routes() => (Evidence::PnrOpen, KEPT[3]),
            Some(_) => (Evidence::SynthOpen, KEPT[2]),
            None => (Evidence::Csim, KEPT[0]),
        };
        for lane in lanes {
            let known: Vec<Row> = lane.candidates.iter().filter_map(|c| self.known(c)).collect();
            let done = known.iter().filter(|r| r.evidence >= last.0).count();
            let failed = known.iter().filter(|r| r.outcome.is_some_and(|o| !o.right())).count();
            let wanted = last.1.min(lane.candidates.len().saturating_sub(failed));
            if done < wanted {
                let text = format!(
                    "{}: {done} of {wanted} designs came to {}; --resume with a larger --budget goes on",
                    lane.layer,
                    last.0.name()
                );
                self.progress.lock().map_err(|_| poisoned())?.note(&text);
            }
        }
        Ok(())
    }

    fn simulate_c(&self, lanes: &mut [Lane]) -> Result<()> {
        let wanted = |c: &&Candidate| self.known(c).is_none_or(|r| r.evidence < Evidence::Csim);
        let chunks: Vec<Vec<Vec<&Candidate>>> = lanes
            .iter()
            .map(|l| {
                let todo: Vec<&Candidate> = l.candidates.iter().filter(wanted).collect();
                todo.chunks(TOGETHER).map(<[&Candidate]>::to_vec).collect()
            })
            .collect();
        let turns = in_turns(chunks);
        self.tell("C simulation", turns.iter().map(Vec::len).sum());
        let ended: Vec<Result<()>> = turns
            .par_iter()
            .enumerate()
            .map(|(i, some)| {
                if self.stopped() || self.at() > SHARES[0] * self.plan.seconds {
                    return Ok(());
                }
                let within = Within { limits: limits(crate::fpga::synth::LIMITS, self.left()), stop: self.stop };
                match csim(some, &self.plan.device, &self.work.join(format!("c{i}")), &within) {
                    Ok(rows) => self.keep(rows),
                    Err(Failure::Stopped) => Ok(()),
                    Err(Failure::Missing(why)) => {
                        self.progress.lock().map_err(|_| poisoned())?.note(&format!("no C simulation: {why}"));
                        Ok(())
                    }
                    Err(e) => Err(anyhow!("{e}")),
                }
            })
            .collect();
        ended.into_iter().collect::<Result<Vec<()>>>()?;
        // what is wrong in C++ goes no further; what was not simulated for want of time may
        for lane in lanes {
            let right = |c: &Candidate| self.known(c).and_then(|r| r.outcome).is_none_or(Outcome::right);
            lane.candidates.retain(right);
            lane.candidates.truncate(KEPT[1]);
        }
        Ok(())
    }

    fn simulate_rtl(&self, lanes: &mut [Lane]) -> Result<()> {
        let wanted = |c: &&Candidate| self.known(c).is_none_or(|r| r.evidence < Evidence::Rtlsim);
        let todo = in_turns(lanes.iter().map(|l| l.candidates.iter().filter(wanted).collect()).collect());
        self.tell("RTL simulation", todo.len());
        let until = SHARES[1] * self.plan.seconds;
        self.steps(&todo, Stage::Simulated, until)
    }

    /// Some designs to one stage, as many at once as there are processors; none is begun after `until`.
    fn steps(&self, todo: &[&Candidate], stage: Stage, until: f64) -> Result<()> {
        let ended: Vec<Result<()>> = todo
            .par_iter()
            .with_max_len(1)
            .map(|c| if self.at() > until { Ok(()) } else { self.step(c, stage) })
            .collect();
        ended.into_iter().collect::<Result<Vec<()>>>().map(drop)
    }

    fn step(&self, c: &Candidate, stage: Stage) -> Result<()> {
        let Some(flow) = &self.flow else { return Ok(()) };
        let left = self.left();
        if self.stopped() || left <= 0.0 {
            return Ok(());
        }
        let mut flow = flow.clone();
        let patience = if stage == Stage::Simulated { Evidence::Rtlsim } else { Evidence::SynthOpen };
        flow.limits = limits(flow.limits, self.patience(patience));
        flow.deadline = Some(Instant::now() + Duration::from_secs_f64(left));
        flow.seeds = (1..=self.plan.seeds).collect();
        let known = self.known(c).filter(|r| r.evidence == Evidence::SynthOpen);
        match c.advance(&flow, known.as_ref(), stage, &self.work, self.stop) {
            // the budget ended, not the design's patience
            Ok(row) if row.outcome == Some(Outcome::TimedOut) && self.left() <= 0.2 => Ok(()),
            Ok(row) => self.keep(vec![row]),
            Err(Failure::Stopped) => Ok(()),
            Err(e) => Err(anyhow!("{e}")),
        }
    }

    /// Seconds that a step should take with a design of so many look-up tables: as others of this run took, for their size.
    fn expected(&self, stage: Stage, lut: u64) -> f64 {
        let evidence = [Evidence::Rtlsim, Evidence::SynthOpen, Evidence::PnrOpen][stage as usize];
        let usual = |lut: u64| FIRST[stage as usize].0 + FIRST[stage as usize].1 * lut as f64;
        let Ok(rows) = self.rows.lock() else { return 0.0 };
        let own = rows.iter().filter(|r| r.evidence == evidence && r.seconds > 0.0);
        let slower: Vec<f64> = own.filter_map(|r| Some(r.seconds / usual(r.lut?))).collect();
        usual(lut) * if slower.is_empty() { 1.0 } else { median(&slower) }
    }

    /// Is there time for it? Early turns are for what is soon done, so that each layer has something to show.
    fn affordable(&self, stage: Stage, lut: u64, turn: u32) -> bool {
        let share = FIRST_TURN * f64::from(1 << turn.min(LAST_TURN));
        self.expected(stage, lut) < (share * self.plan.seconds).min(self.left())
    }

    /// Synthesis, and place and route of the best, in turns.
    fn rounds(&self, lanes: &mut [Lane], share: f64) -> Result<()> {
        let routes = self.flow.as_ref().is_some_and(Flow::routes);
        self.tell("synthesis", lanes.len() * KEPT[2]);
        let mut turn = 0;
        let until = if self.vendors.is_empty() { share } else { OPEN_SHARE * share } * self.plan.seconds;
        while !self.stopped() && self.at() < until {
            let before = self.rows.lock().map_err(|_| poisoned())?.len();
            let todo: Vec<&Candidate> = in_turns(lanes.iter().map(|l| self.to_synthesize(l, turn)).collect());
            self.steps(&todo, Stage::Synthesized, f64::INFINITY)?;
            if routes {
                let todo: Vec<&Candidate> = lanes.iter().filter_map(|l| self.to_route(l, turn)).collect();
                self.steps(&todo, Stage::Routed, f64::INFINITY)?;
            }
            if self.rows.lock().map_err(|_| poisoned())?.len() == before && turn >= LAST_TURN {
                break;
            }
            turn += 1;
        }
        Ok(())
    }

    /// The next of a lane to be synthesized.
    fn to_synthesize<'l>(&self, lane: &'l Lane, turn: u32) -> Vec<&'l Candidate<'l>> {
        let known: Vec<Option<Row>> = lane.candidates.iter().map(|c| self.known(c)).collect();
        let done = known.iter().flatten().filter(|r| r.evidence >= Evidence::SynthOpen).count();
        let simulated = |r: &Row| r.evidence == Evidence::Rtlsim && r.outcome.is_some_and(Outcome::right);
        let ready = lane.candidates.iter().zip(&known).filter(|(_, r)| r.as_ref().is_some_and(simulated));
        let correction = Correction::of(lane, &known);
        let ready: Vec<(&Candidate, [f64; 3])> = ready
            .map(|(c, _)| (c, correction.corrected(c)))
            .filter(|(_, own)| self.affordable(Stage::Synthesized, own.lut.unwrap_or(0), turn))
            .map(|(c, own)| (c, [c.time(), self.plan.device.share(&own), lane.noise_of(&c.job.scheme)]))
            .filter(|(_, f)| f[1] <= 1.2)
            .collect();
        let figures: Vec<[f64; 3]> = ready.iter().map(|r| r.1).collect();
        let left = KEPT[2].saturating_sub(done).min(TURNS[usize::from(done > 0)]);
        rank::order(&figures, left).into_iter().map(|i| ready[i].0).collect()
    }

    /// The next of a lane to be placed and routed: the most promising of those that were proved.
    fn to_route<'l>(&self, lane: &'l Lane, turn: u32) -> Option<&'l Candidate<'l>> {
        let known: Vec<(&Candidate, Row)> = lane
            .candidates
            .iter()
            .filter_map(|c| Some((c, self.known(c)?)))
            .filter(|(_, r)| r.evidence >= Evidence::SynthOpen)
            .collect();
        let routed = |r: &Row| r.evidence == Evidence::PnrOpen;
        // a route that failed says so in a row of synthesis
        let tried = known.iter().filter(|(_, r)| routed(r) || !r.outcome.is_some_and(Outcome::right)).count();
        if tried >= 2 * KEPT[3] || known.iter().filter(|(_, r)| routed(r)).count() >= KEPT[3] {
            return None;
        }
        let right: Vec<&(&Candidate, Row)> =
            known.iter().filter(|(_, r)| r.outcome.is_some_and(Outcome::right)).collect();
        let figures: Vec<[f64; 3]> =
            right.iter().map(|(c, r)| [c.time(), r.share.unwrap_or(1.0), lane.noise_of(&c.job.scheme)]).collect();
        let turn = if tried == 0 { turn.max(FIRST_CLOCK) } else { turn };
        rank::order(&figures, usize::MAX)
            .into_iter()
            .map(|i| right[i])
            .find(|(_, r)| !routed(r) && self.affordable(Stage::Routed, r.lut.unwrap_or(0), turn))
            .map(|(c, _)| *c)
    }
}

fn poisoned() -> anyhow::Error {
    anyhow!("a thread of this run has died; go on with --resume")
}

/// The first of each, then the second of each.
fn in_turns<T>(lanes: Vec<Vec<T>>) -> Vec<T> {
    let mut lanes: Vec<_> = lanes.into_iter().map(Vec::into_iter).collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(lanes.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
}
