//! `bitsmith tune --model`: one scheme for each layer is chosen within limits, what was chosen is run as a whole and measured as one
//! program beside the network under each scheme alone, and all of it is written down.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::model::{FLOAT, Loaded, table_of};
use super::network::Network;
use super::plan::{figure, proof};
use super::under::{Origin, Under};
use super::whole;
use crate::assign::{Assignment, Costs, Question, Row, front, solve};
use crate::data::Labelled;
use crate::decision::{AS_CHOSEN, CHOSEN, Decision, FRONT, FrontPoint};
use crate::model::ModelLayer;
use crate::model::program::{Numbers, Program};
use crate::model::score::{Answers, NetworkScore, answers, score};
use crate::model::sensitivity::Sensitivity;
use crate::record::{Table, read_table};
use crate::run::{Run, write_file};
use crate::scheme;
use crate::study::{Plan, parts};

/// Columns of `costs.csv`.
const COLUMNS: [&str; 4] = ["kl", "drop", "latency_ns", "bytes"];
const KL: usize = 0;
const LATENCY: usize = 2;
const BYTES: usize = 3;
/// Longest search for an assignment.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest search for a front that is only shown.
const SHOWN: Duration = Duration::from_secs(20);
/// Networks that are chosen and measured at most, each by what the ones before it taught.
const TURNS: usize = 3;

/// (layer, scheme), of every layer.
type Schemes = Vec<(String, String)>;

/// What the samples are for: the first half chooses, the second scores.
const CHOOSES: usize = 0;
const SCORES: usize = 1;

/// A network between its measurements and its choice.
struct Chooser<'n> {
    network: &'n Network<'n>,
    costs: Costs,
    float: Program<'n>,
    halves: [Labelled; 2],
    /// Inputs of each layer in f32 on the calibration samples, and of the network before channels were left out.
    samples: Vec<Vec<Vec<f32>>>,
    whole: &'n Loaded,
    whole_inputs: Vec<Vec<Vec<f32>>>,
    /// What the network says in f32, all channels there.
    truths: [Answers; 2],
    /// Networks that were run, on which half.
    runs: RefCell<HashMap<(usize, Schemes), NetworkScore>>,
}

/// A network that was measured as one program.
struct Tried {
    assignment: Assignment,
    how: String,
    label: String,
    /// Infinite where it has no time.
    ns: f64,
    ci: (f64, f64),
}

/// Chooses, runs what was chosen on samples that had no part in it, says how it compares with what was predicted and with each scheme
/// alone, and writes it all.
/// # Errors
/// Limits that no assignment keeps; a run that was stopped.
pub fn choose(network: &Network, dir: &Path, run: &Run, plan: &Plan) -> Result<(String, serde_json::Value)> {
    let chooser = Chooser::new(network, dir, run)?;
    let first = chooser.select(&chooser.costs, 0.0)?;
    let mut closing = String::new();
    let mut measured = None;
    let (chosen, how) = match whole::why_not(network.contract) {
        Some(why) => {
            closing += why;
            first
        }
        None => {
            network.ticker.end();
            let checks = &chooser.halves[CHOOSES].x;
            let mut bench = whole::Bench::open(&network.loaded, (plan, run, dir), &chooser.samples, checks)?;
            let tried = chooser.close(first, &mut bench, &mut closing)?;
            measured = bench.last_of(&tried.label).cloned();
            (tried.assignment, tried.how)
        }
    };
    let chosen = Assignment::priced(&chooser.costs, chosen.schemes);
    let seen = chooser.run_on(CHOOSES, &chosen.schemes)?;
    let rows = chooser.ladder(dir, &chosen)?;
    let fronts = chooser.fronts()?;
    network.ticker.end();
    whole::write_table(&dir.join(FRONT), &fronts)?;
    let mut csv = String::from("layer,scheme\n");
    chosen.schemes.iter().for_each(|(l, s)| csv += &format!("{l},{s}\n"));
    write_file(&dir.join("assignment.csv"), &csv)?;
    let decision = Decision {
        schemes: chosen.schemes.iter().map(|(l, s)| (l.clone(), s.clone().into())).collect(),
        latency_ns: chosen.totals[LATENCY],
        bytes: chosen.totals[BYTES],
        predicted_kl: chosen.totals[KL],
        measured_kl: seen.kl,
        predicted_drop: chosen.totals[1],
        measured_drop: seen.lost as i64 - seen.won as i64,
        chosen_on: seen.samples,
        float: rows.first().context("nothing was scored")?.clone(),
        chosen: rows.last().context("nothing was scored")?.clone(),
        limits: network.goals.limits(),
        how: how.trim().into(),
        whole: measured,
    };
    let document = serde_json::to_value(&decision)?;
    write_file(&dir.join(CHOSEN), &format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    Ok((text(&chooser.costs, &chosen, &(how + &closing), &seen, &rows), document))
}

/// What each choice costs, of those that were both measured and timed. Writes `costs.csv`.
fn costs(network: &Network, dir: &Path, run: &Run) -> Result<Costs> {
    let sensitivities: Vec<Sensitivity> = read_table(&dir.join("sensitivity.csv"))?;
    let timed: HashMap<(String, String), f64> = run
        .winners
        .iter()
        .filter_map(|w| Some(((w.record.layer.clone(), w.record.scheme.clone()), w.median_ns?)))
        .collect();
    let mut rows = Vec::new();
    let layers = &network.loaded.layers;
    for l in layers {
        let same = |o: &&ModelLayer| (o.layer.shape, o.layer.relu) == (l.layer.shape, l.layer.relu);
        let first = layers.iter().find(same).unwrap_or(l);
        // what runs as two layers takes the time of both
        let time = |scheme: &str| {
            let each = parts(&first.layer, scheme).into_iter();
            each.map(|j| timed.get(&(j.layer.key(), j.scheme)).copied()).sum::<Option<f64>>()
        };
        for scheme in &network.schemes {
            let known = sensitivities.iter().find(|s| (&s.layer, &s.scheme) == (&l.layer.name, scheme));
            let (kl, drop, size) = match known {
                Some(s) => (s.kl, s.drop as f64, s.weight_bytes),
                None if scheme == FLOAT => (Some(0.0), 0.0, 4.0 * l.layer.shape.weights_len() as f64),
                None => continue,
            };
            let (Some(kl), Some(ns)) = (kl, time(scheme)) else { continue };
            let costs = vec![kl, drop, ns, size];
            rows.push(Row { layer: l.layer.name.clone(), tie: String::new(), scheme: scheme.clone(), costs });
        }
        let name = &l.layer.name;
        ensure!(
            rows.last().is_some_and(|r| r.layer == *name),
            "layer `{name}` has no scheme with a measured time; see {}",
            dir.join("records.csv").display()
        );
    }
    let costs = Costs { columns: COLUMNS.map(String::from).to_vec(), rows };
    let mut text = format!("layer,tie,scheme,{}\n", COLUMNS.join(","));
    for r in &costs.rows {
        let values: Vec<String> = r.costs.iter().map(ToString::to_string).collect();
        text += &format!("{},,{},{}\n", r.layer, r.scheme, values.join(","));
    }
    write_file(&dir.join("costs.csv"), &text)?;
    Ok(costs)
}

impl<'n> Chooser<'n> {
    fn new(network: &'n Network<'n>, dir: &Path, run: &Run) -> Result<Self> {
        let (ticker, loaded) = (&network.ticker, &network.loaded);
        let costs = costs(network, dir, run)?;
        let float = Program::new(&loaded.model, Numbers::Float)?;
        let samples = loaded.calibration_inputs(&float, ticker)?;
        let halves = network.halves();
        let whole = network.whole.as_ref().unwrap_or(loaded);
        let teacher = Program::new(&whole.model, Numbers::Float)?;
        let whole_inputs = whole.calibration_inputs(&teacher, ticker)?;
        let say = |half: usize| {
            ticker.begin(FLOAT, halves[half].x.len());
            answers(&teacher, &halves[half].x, &|| ticker.tick())
        };
        let truths = [say(CHOOSES)?, say(SCORES)?];
        let runs = RefCell::default();
        Ok(Self { network, costs, float, halves, samples, whole, whole_inputs, truths, runs })
    }

    /// The layers' chosen schemes; none of f32 ones.
    fn found(&self, chosen: &Schemes) -> Result<Vec<Option<scheme::Scheme>>> {
        let of = |l: &ModelLayer| {
            let found = chosen.iter().find(|(name, _)| *name == l.layer.name).map(|c| c.1.as_str());
            found.filter(|s| *s != FLOAT).map(scheme::find).transpose()
        };
        self.network.loaded.layers.iter().map(of).collect()
    }

    /// A network, run as a whole on one half of the samples; never twice.
    fn run_on(&self, half: usize, chosen: &Schemes) -> Result<NetworkScore> {
        let key = (half, chosen.clone());
        if let Some(known) = self.runs.borrow().get(&key) {
            return Ok(known.clone());
        }
        let (network, ticker) = (self.network, &self.network.ticker);
        let schemes = self.found(chosen)?;
        let refits = network.refits || schemes.iter().flatten().any(|s| s.refits());
        let origin = Origin { whole: self.whole, given: &network.given, inputs: &self.whole_inputs };
        let origin = refits.then_some(&origin);
        let Under { program, bytes, .. } =
            network.loaded.under(&schemes, network.contract, &self.samples, origin, ticker)?;
        let (x, y) = (&self.halves[half].x, &self.halves[half].y);
        ticker.begin("network", x.len());
        let got = answers(&program, x, &|| ticker.tick())?;
        let name = &network.loaded.model.graph.name;
        let row = score(name, AS_CHOSEN, network.contract, &got, &self.truths[half], y);
        let row = NetworkScore { weight_bytes: bytes, ..row };
        self.runs.borrow_mut().insert(key, row.clone());
        Ok(row)
    }

    /// Top-1 that is lost on the samples that choose, of all.
    fn loss(&self, chosen: &Schemes) -> Result<f64> {
        self.run_on(CHOOSES, chosen).map(|s| (s.lost as f64 - s.won as f64) / s.samples as f64)
    }

    /// Every layer under one scheme.
    fn uniform(&self, scheme: &str) -> Schemes {
        self.costs.layers().iter().map(|l| (l.to_string(), scheme.to_string())).collect()
    }

    /// Writes to `networks.csv` what the network scores on samples that nothing was chosen by: in f32, under each scheme alone, and, last,
    /// as chosen. What an earlier choice found of the schemes alone is kept.
    fn ladder(&self, dir: &Path, chosen: &Assignment) -> Result<Vec<NetworkScore>> {
        let (network, truth) = (self.network, &self.truths[SCORES]);
        let (name, contract, y) = (&network.loaded.model.graph.name, network.contract, &self.halves[SCORES].y);
        let float_bytes = self.whole.layers.iter().map(|l| 4.0 * l.layer.shape.weights_len() as f64).sum();
        let float = NetworkScore { weight_bytes: float_bytes, ..score(name, FLOAT, contract, truth, truth, y) };
        let path = dir.join("networks.csv");
        let same = |r: &NetworkScore| (&r.network, r.contract, r.samples) == (name, contract, y.len());
        let mut rows = vec![float];
        rows.extend(
            read_table::<NetworkScore>(&path)?
                .into_iter()
                .filter(|r| same(r) && ![FLOAT, AS_CHOSEN].contains(&r.scheme.as_str())),
        );
        whole::write_table(&path, &rows)?;
        let (mut table, _) = Table::open::<NetworkScore>(&path)?;
        for scheme in network.schemes.iter().filter(|s| *s != FLOAT || network.whole.is_some()) {
            let label = network.called(scheme);
            if !rows.iter().any(|r| r.scheme == label) {
                let row = NetworkScore { scheme: label, ..self.run_on(SCORES, &self.uniform(scheme))? };
                table.append(&row)?;
                rows.push(row);
            }
        }
        let row = self.run_on(SCORES, &chosen.schemes)?;
        table.append(&row)?;
        rows.push(row);
        Ok(rows)
    }

    /// The fronts of divergence against time and against size, limits aside.
    fn fronts(&self) -> Result<Vec<FrontPoint>> {
        let names = self.costs.layers();
        let mut points = Vec::new();
        for against in [LATENCY, BYTES] {
            let question = Question { minimize: KL, limits: vec![] };
            let front = front(&self.costs, &names, &question, against, SHOWN)?;
            for p in front.points {
                let run = self.runs.borrow().get(&(CHOOSES, p.schemes.clone())).cloned();
                points.push(FrontPoint {
                    against: COLUMNS[against].into(),
                    kl: p.totals[KL],
                    drop: p.totals[1],
                    latency_ns: p.totals[LATENCY],
                    bytes: p.totals[BYTES],
                    measured_kl: run.as_ref().and_then(|r| r.kl),
                    measured_drop: run.map(|r| r.lost as i64 - r.won as i64),
                    whole: front.whole,
                    schemes: p.schemes.into_iter().map(|s| s.1).collect::<Vec<_>>().join(";"),
                });
            }
        }
        Ok(points)
    }

    /// Most of top-1 that may be lost, where that is a goal.
    fn most_lost(&self) -> Option<f64> {
        self.network.goals.limits().drop
    }

    /// The best assignment for the goals. `between` is what a network takes beside its layers: a limit of time is one of both.
    fn select(&self, costs: &Costs, between: f64) -> Result<(Assignment, String)> {
        let goals = self.network.goals.limits();
        let limits = [(LATENCY, goals.latency_ns.map(|l| l - between)), (BYTES, goals.bytes)];
        let limits: Vec<(usize, f64)> = limits.iter().filter_map(|(c, l)| l.map(|l| (*c, l))).collect();
        match self.most_lost() {
            None => {
                let s = solve(costs, &costs.layers(), &Question { minimize: KL, limits }, PATIENCE)?;
                let how = proof("divergence", &s);
                Ok((s.assignment, how))
            }
            Some(most) => self.fastest_within(costs, limits, most),
        }
    }

    /// The fastest assignment of the front of time and divergence whose network, run as a whole on the samples that choose,
    /// loses no more than `most` of top-1. As the loss rises along the front but for chance, by halving.
    fn fastest_within(&self, costs: &Costs, limits: Vec<(usize, f64)>, most: f64) -> Result<(Assignment, String)> {
        let front = front(costs, &costs.layers(), &Question { minimize: KL, limits }, LATENCY, PATIENCE)?;
        let (mut low, mut high) = (0, front.points.len() - 1);
        let loss = |i: usize| self.loss(&front.points[i].schemes);
        let mut tried = 0;
        while low < high {
            let middle = (low + high) / 2;
            tried += 1;
            if loss(middle)? <= most { high = middle } else { low = middle + 1 }
        }
        let kept = loss(low)? <= most;
        let whole = if front.whole { "" } else { " (not all there are: the time was up)" };
        let verdict = if kept {
            format!("the fastest that loses no more than {:.3} % of top-1 on the samples that choose", most * 100.0)
        } else {
            format!("MISSED: none loses as little as {:.3} % of top-1; this one has the least divergence", most * 100.0)
        };
        let how = format!(
            "{verdict}; of {} assignments on the front of time and divergence{whole}, {} were run as a whole\n",
            front.points.len(),
            tried + 1
        );
        Ok((front.points[low].clone(), how))
    }

    /// Measures the chosen network as one program, and every scheme alone. Where the chosen one is not the sum of its parts, or takes
    /// longer than it may, every layer is timed within networks and the choice is made again by these times, at most [`TURNS`] times; of
    /// the networks that were measured and keep the limit the fastest is given, or, where only time or size is limited, the latest.
    fn close(&self, first: (Assignment, String), bench: &mut whole::Bench, said: &mut String) -> Result<Tried> {
        let too_long = |ns: f64| self.network.goals.limits().latency_ns.is_some_and(|most| ns > most);
        let mut known: Vec<Tried> = Vec::new();
        let mut alone: Vec<Tried> = Vec::new();
        let (mut next, mut how) = first;
        for turn in 1..=TURNS {
            let tried = self.tried(bench, (next.clone(), how.clone()), &format!("chosen-{turn}"), said);
            let (ns, interacts, timed) = (tried.0.ns, tried.1, tried.0.ns.is_finite());
            known.push(tried.0);
            if turn == 1 && timed {
                alone = self.alone(bench, &next, said);
            }
            if turn == TURNS || !timed || !(interacts || too_long(ns)) {
                break;
            }
            let in_place = bench.in_place(&self.costs, LATENCY);
            let layers = Assignment::priced(&in_place, next.schemes.clone()).totals[LATENCY];
            match self.select(&in_place, (ns - layers).max(0.0)) {
                Ok((again, why)) if !known.iter().any(|k| k.assignment.schemes == again.schemes) => {
                    (next, how) = (again, why);
                }
                Ok(_) => {
                    *said += "by times within networks the same schemes are chosen\n";
                    break;
                }
                Err(e) => {
                    *said += &format!("MISSED, what lies between layers counted: {e:#}\n");
                    break;
                }
            }
        }
        let mut kept: Vec<usize> = (0..known.len()).filter(|i| !too_long(known[*i].ns)).collect();
        if self.most_lost().is_some() {
            kept.sort_by(|a, b| known[*a].ns.total_cmp(&known[*b].ns));
            kept.truncate(1);
        }
        let best = kept.last().copied().or(known.len().checked_sub(1)).context("nothing was measured")?;
        let best = known.swap_remove(best);
        Ok(self.faster_alone(&best, alone)?.unwrap_or(best))
    }

    /// Measures a network, and tells whether it is something else than the sum of its parts.
    fn tried(
        &self,
        bench: &mut whole::Bench,
        (assignment, how): (Assignment, String),
        label: &str,
        said: &mut String,
    ) -> (Tried, bool) {
        let label = label.to_string();
        let none =
            |assignment, how, label| Tried { assignment, how, label, ns: f64::INFINITY, ci: (0.0, f64::INFINITY) };
        match bench.measure(&label, &assignment, &self.float) {
            Ok(got) => {
                bench.last().into_iter().for_each(|row| *said += &whole::text(row));
                if got.rounds == 0 {
                    return (none(assignment, how, label), false);
                }
                let ci = (got.whole.low, got.whole.high);
                (Tried { assignment, how, label, ns: got.whole.ns, ci }, got.interacts())
            }
            Err(e) => {
                *said += &format!("the network as one program ({label}) was not measured: {e:#}\n");
                (none(assignment, how, label), false)
            }
        }
    }

    /// The network under each scheme alone, but for the one that was chosen.
    fn alone(&self, bench: &mut whole::Bench, chosen: &Assignment, said: &mut String) -> Vec<Tried> {
        let mut all = Vec::new();
        for scheme in &self.network.schemes {
            let label = self.network.called(scheme);
            if let Some(uniform) = whole::uniform(&self.costs, scheme).filter(|a| a.schemes != chosen.schemes) {
                let how = format!(
                    "every layer under {label}: as one program it is faster than what was chosen layer by layer"
                );
                all.push(self.tried(bench, (uniform, how), &format!("all-{label}"), said).0);
            }
        }
        all
    }

    /// A scheme alone that keeps the goals and is faster than the chosen network beyond doubt; only where speed was asked for.
    fn faster_alone(&self, best: &Tried, alone: Vec<Tried>) -> Result<Option<Tried>> {
        let Some(most) = self.most_lost() else { return Ok(None) };
        let goals = self.network.goals.limits();
        let small = |a: &Assignment| goals.bytes.is_none_or(|limit| a.totals[BYTES] <= limit);
        let mut faster: Vec<Tried> = alone.into_iter().filter(|t| t.ci.1 < best.ci.0 && small(&t.assignment)).collect();
        faster.retain(|t| goals.latency_ns.is_none_or(|limit| t.ns <= limit));
        faster.sort_by(|a, b| a.ns.total_cmp(&b.ns));
        for mut tried in faster {
            if self.loss(&tried.assignment.schemes)? <= most {
                tried.how +=
                    &format!(", and loses no more than {:.3} % of top-1 on the samples that choose\n", most * 100.0);
                return Ok(Some(tried));
            }
        }
        Ok(None)
    }
}

fn text(costs: &Costs, chosen: &Assignment, how: &str, seen: &NetworkScore, rows: &[NetworkScore]) -> String {
    let wide = chosen.schemes.iter().map(|(l, _)| l.len()).max().unwrap_or(0).clamp(5, 60) + 2;
    let mut text = format!("\n{:<wide$}{:<18}{:>12}{:>12}{:>12}\n", "layer", "scheme", "KL, nats", "us", "kB");
    let line = |name: &str, scheme: &str, c: &[f64]| {
        format!(
            "{name:<wide$}{scheme:<18}{:>12}{:>12}{:>12}\n",
            figure(c[KL]),
            figure(c[LATENCY] / 1e3),
            figure(c[BYTES] / 1e3)
        )
    };
    for (layer, scheme) in &chosen.schemes {
        let row = costs.rows.iter().find(|r| (&r.layer, &r.scheme) == (layer, scheme));
        text += &row.map(|r| line(layer, scheme, &r.costs)).unwrap_or_default();
    }
    text += &line("total", "", &chosen.totals);
    text += how;
    text += &format!(
        "predicted by adding up the layers: KL {} nats, {} of {} samples lost; measured, all layers together: KL {} nats, {} lost\n",
        figure(chosen.totals[KL]),
        chosen.totals[1],
        seen.samples,
        seen.kl.map_or("-".into(), figure),
        seen.lost as i64 - seen.won as i64
    );
    text += "times of layers are medians, each timed alone\n\n";
    text += &format!("on the {} samples that nothing was chosen by:\n", rows[0].samples);
    text + &table_of(rows)
}
