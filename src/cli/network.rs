//! `bitsmith tune --model`: each layer of a user's network under each scheme is measured, in time and in what it does to the
//! network; one scheme for each layer is chosen within limits; and the chosen network is run as a whole.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{FLOAT, Loaded, ModelArgs, Slimmer, Ticker, table_of};
use super::plan::{figure, proof};
use super::under::{Origin, Under};
use super::whole;
use crate::assign::{Assignment, Costs, Question, Row, front, solve};
use crate::candidate::Contract;
use crate::data::Labelled;
use crate::layer::Layer;
use crate::model::ModelLayer;
use crate::model::program::{Numbers, Program};
use crate::model::score::{NetworkScore, answers, score};
use crate::model::sensitivity::{Sensitivity, of_layer, row};
use crate::model::slim::Mask;
use crate::quantized::QuantizedLayer;
use crate::record::{Table, read_table};
use crate::run::{Run, write_file};
use crate::scheme;
use crate::study::Plan;
use crate::study::parts;

/// What the chosen network must keep.
#[derive(clap::Args, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Goals {
    /// Most of top-1 that may be lost, of all samples: 1%; the fastest network that keeps it is chosen [default: 1% where
    /// nothing else is limited]. Of FPGAs: schemes that lose more are not designed [default: 1%]
    #[arg(long, value_name = "1%", value_parser = share)]
    max_drop: Option<f64>,
    /// Most that the layers may take together: 2ms, 800us
    #[arg(long, value_name = "2ms", requires = "model", value_parser = nanoseconds)]
    max_latency: Option<f64>,
    /// Most that the layers' weights may take: 500kB
    #[arg(long, value_name = "500kB", requires = "model", value_parser = bytes)]
    max_size: Option<f64>,
}

impl Goals {
    pub fn max_drop(&self) -> Option<f64> {
        self.max_drop
    }
}

fn number(text: &str, units: &[(&str, f64)], example: &str) -> Result<f64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let unit = units.iter().find(|(u, _)| *u == &text[digits.len()..]);
    let value = f64::from_str(digits).ok().filter(|v| *v > 0.0 && v.is_finite());
    value.zip(unit).map(|(v, (_, by))| v * by).ok_or_else(|| format!("expected something like {example}"))
}

fn share(text: &str) -> Result<f64, String> {
    number(text, &[("%", 0.01)], "1%")
}

fn nanoseconds(text: &str) -> Result<f64, String> {
    number(text, &[("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)], "2ms")
}

fn bytes(text: &str) -> Result<f64, String> {
    number(text, &[("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("KiB", 1024.0), ("MiB", 1_048_576.0)], "500kB")
}

/// `model.json`: what a run of a model was asked beside its plan.
#[derive(Serialize, Deserialize)]
pub struct Asked {
    pub model: ModelArgs,
    pub goals: Goals,
    /// The schemes that were named, where some leave out channels, which the plan's no longer say.
    #[serde(default)]
    pub schemes: Option<Vec<String>>,
}

/// Columns of `costs.csv`.
const COLUMNS: [&str; 4] = ["kl", "drop", "latency_ns", "bytes"];
const KL: usize = 0;
const LATENCY: usize = 2;
const BYTES: usize = 3;
/// Longest search for an assignment.
const PATIENCE: Duration = Duration::from_secs(60);

/// Networks that are chosen and measured at most, each by what the ones before it taught.
const TURNS: usize = 3;

/// A model on its way through a run. Of the samples that are not for calibration the first half chooses, and the second,
/// which nothing was chosen by, scores.
pub struct Network<'a> {
    loaded: Loaded,
    /// The network as it was before channels were left out, where some were.
    whole: Option<Loaded>,
    /// Outputs that its layers still give, by node.
    given: HashMap<usize, Mask>,
    /// Do layers make up for channels that are gone?
    refits: bool,
    goals: &'a Goals,
    contract: Contract,
    schemes: Vec<String>,
    ticker: Ticker<'a>,
}

impl<'a> Network<'a> {
    /// # Errors
    /// Files that cannot be read; too few samples.
    pub fn new(asked: &'a Asked, contract: Contract, schemes: &[String], stop: &'a AtomicBool) -> Result<Self> {
        let loaded = asked.model.load()?;
        ensure!(
            loaded.test.x.len() >= 2,
            "one sample cannot both choose and score; give more, or a smaller --calibrate"
        );
        let ticker = Ticker::new(stop);
        let (goals, schemes) = (&asked.goals, asked.schemes.as_deref().unwrap_or(schemes));
        let found: Vec<scheme::Scheme> = schemes.iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
        let slimming = found.iter().find(|s| s.channels().is_some());
        let Some(slimming) = slimming else {
            let (schemes, given) = (schemes.to_vec(), HashMap::new());
            return Ok(Self { loaded, whole: None, given, refits: false, goals, contract, schemes, ticker });
        };
        let name = |s: &scheme::Scheme| s.channels().map(|(c, _)| c.name());
        let other = found.iter().find(|s| name(s) != name(slimming));
        ensure!(
            other.is_none(),
            "channels are left out of the network as a whole: give every --scheme the same +{}, f32+{0} too",
            name(slimming).unwrap_or_default()
        );
        let float = Program::new(&loaded.model, Numbers::Float)?;
        let inputs = loaded.calibration_inputs(&float, &ticker)?;
        let fitting = found.iter().find(|s| s.refits()).unwrap_or(slimming);
        let refits = fitting.refits();
        let Some(Slimmer { loaded: slimmer, given, .. }) = loaded.slimmer(fitting, &inputs)? else {
            bail!("{fitting} leaves out no channels")
        };
        ticker.end();
        let mut rest: Vec<String> = Vec::new();
        for scheme in found.iter().filter_map(|s| s.channels()).map(|(_, rest)| rest.without_idle().to_string()) {
            if !rest.contains(&scheme) {
                rest.push(scheme);
            }
        }
        Ok(Self { loaded: slimmer, whole: Some(loaded), given, refits, goals, contract, schemes: rest, ticker })
    }

    /// The schemes of the layers, channels aside.
    pub fn schemes(&self) -> &[String] {
        &self.schemes
    }

    /// Writes the layers' weights into the run, and gives the layers whose kernels are to be timed: of those with one shape the
    /// first.
    /// # Errors
    /// No layers; files that cannot be written.
    pub fn layers(&self, dir: &Path) -> Result<Vec<Layer>> {
        let all = super::import::export(&self.loaded.model, &self.loaded.layers, &dir.join("model.toml"))?;
        let mut once: Vec<Layer> = Vec::new();
        for layer in all {
            match once.iter_mut().find(|l| (l.shape, l.relu) == (layer.shape, layer.relu)) {
                Some(same) => same.count += 1,
                None => once.push(layer),
            }
        }
        Ok(once)
    }

    fn halves(&self) -> [Labelled; 2] {
        let test = &self.loaded.test;
        let (x, y) = (test.x.split_at(test.x.len() / 2), test.y.split_at(test.x.len() / 2));
        [Labelled { x: x.0.to_vec(), y: y.0.to_vec() }, Labelled { x: x.1.to_vec(), y: y.1.to_vec() }]
    }

    /// Fills `sensitivity.csv`: each layer under each scheme, all others in f32, on the samples that choose.
    /// # Errors
    /// A table that cannot be written; the run was stopped.
    pub fn sensitivities(&self, dir: &Path) -> Result<()> {
        let loaded = &self.loaded;
        let [choosing, _] = self.halves();
        let (mut table, old) = Table::open::<Sensitivity>(&dir.join("sensitivity.csv"))?;
        let known: HashSet<(String, String)> = old.iter().map(|s| (s.layer.clone(), s.scheme.clone())).collect();
        let missing = |layer: &str| -> Result<Vec<(String, scheme::Scheme)>> {
            let new =
                self.schemes.iter().filter(|s| *s != FLOAT && !known.contains(&(layer.to_string(), (*s).clone())));
            new.map(|s| Ok((s.clone(), scheme::find(s)?))).collect()
        };
        let float = Program::new(&loaded.model, Numbers::Float)?;
        let mut calibrated = None;
        let mut truth = None;
        for (i, layer) in loaded.layers.iter().enumerate() {
            let schemes = missing(&layer.layer.name)?;
            if schemes.is_empty() {
                continue;
            }
            if calibrated.is_none() {
                calibrated = Some(loaded.calibration_inputs(&float, &self.ticker)?);
                self.ticker.begin(FLOAT, choosing.x.len());
                truth = Some(answers(&float, &choosing.x, &|| self.ticker.tick())?);
            }
            let (Some(samples), Some(truth)) = (&calibrated, &truth) else { bail!("no calibration") };
            let quantize =
                |(_, s): &(String, scheme::Scheme)| Ok(Arc::new(loaded.quantize(i, s, self.contract, samples)?));
            let layers: Vec<Arc<QuantizedLayer>> = schemes.iter().map(quantize).collect::<Result<_>>()?;
            let what = format!("[{}/{}] sensitivity of {}", i + 1, loaded.layers.len(), layer.layer.name);
            self.ticker.begin(&what, choosing.x.len());
            let got = of_layer(&float, layer.node, &layers, &choosing.x, &|| self.ticker.tick())?;
            let each = schemes.iter().zip(&layers).zip(&got);
            let rows: Vec<Sensitivity> = each
                .map(|(((name, _), q), got)| row(layer, name, self.contract, q, (got, truth), &choosing.y))
                .collect();
            table.append_all(&rows)?;
        }
        self.ticker.end();
        Ok(())
    }

    /// What each choice costs, of those that were both measured and timed. Writes `costs.csv`.
    fn costs(&self, dir: &Path, run: &Run) -> Result<Costs> {
        let sensitivities: Vec<Sensitivity> = read_table(&dir.join("sensitivity.csv"))?;
        let timed: HashMap<(String, String), f64> = run
            .winners
            .iter()
            .filter_map(|w| Some(((w.record.layer.clone(), w.record.scheme.clone()), w.median_ns?)))
            .collect();
        let mut rows = Vec::new();
        for l in &self.loaded.layers {
            let same = |o: &&crate::model::ModelLayer| (o.layer.shape, o.layer.relu) == (l.layer.shape, l.layer.relu);
            let first = self.loaded.layers.iter().find(same).unwrap_or(l);
            // what runs as two layers takes the time of both
            let time = |scheme: &str| {
                let each = parts(&first.layer, scheme).into_iter();
                each.map(|j| timed.get(&(j.layer.key(), j.scheme)).copied()).sum::<Option<f64>>()
            };
            for scheme in &self.schemes {
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

    /// The layers' chosen schemes; none of f32 ones.
    fn schemes_of(&self, chosen: &Assignment) -> Result<Vec<Option<scheme::Scheme>>> {
        let of = |l: &ModelLayer| {
            let found = chosen.schemes.iter().find(|(name, _)| *name == l.layer.name).map(|c| c.1.as_str());
            found.filter(|s| *s != FLOAT).map(scheme::find).transpose()
        };
        self.loaded.layers.iter().map(of).collect()
    }

    /// Chooses, runs what was chosen on samples that had no part in it, and says how it compares with what was predicted.
    /// # Errors
    /// Limits that no assignment keeps; a run that was stopped.
    pub fn choose(&self, dir: &Path, run: &Run, plan: &Plan) -> Result<(String, serde_json::Value)> {
        let costs = self.costs(dir, run)?;
        let names = costs.layers();
        let float = Program::new(&self.loaded.model, Numbers::Float)?;
        let samples = self.loaded.calibration_inputs(&float, &self.ticker)?;
        let halves = self.halves();
        let whole = self.whole.as_ref().unwrap_or(&self.loaded);
        let teacher = Program::new(&whole.model, Numbers::Float)?;
        let whole_inputs = whole.calibration_inputs(&teacher, &self.ticker)?;
        let origin = Origin { whole, given: &self.given, inputs: &whole_inputs };
        let truths = [0, 1].map(|i| {
            self.ticker.begin(FLOAT, halves[i].x.len());
            answers(&teacher, &halves[i].x, &|| self.ticker.tick())
        });
        let [truth, held] = truths;
        let truths = [truth?, held?];
        let name = &self.loaded.model.graph.name;
        let run_on = |half: usize, chosen: &Assignment| -> Result<NetworkScore> {
            let schemes = self.schemes_of(chosen)?;
            let refits = self.refits || schemes.iter().flatten().any(|s| s.refits());
            let origin = refits.then_some(&origin);
            let Under { program, bytes, .. } =
                self.loaded.under(&schemes, self.contract, &samples, origin, &self.ticker)?;
            self.ticker.begin("chosen network", halves[half].x.len());
            let got = answers(&program, &halves[half].x, &|| self.ticker.tick())?;
            let row = score(name, "chosen", self.contract, &got, &truths[half], &halves[half].y);
            Ok(NetworkScore { weight_bytes: bytes, ..row })
        };
        let select = |costs: &Costs, between: f64| self.select(costs, &names, between, |a| run_on(0, a));
        let (first, first_how) = select(&costs, 0.0)?;
        let mut closing = String::new();
        let mut measured = None;
        let (chosen, how) = match whole::why_not(self.contract) {
            Some(why) => {
                closing += why;
                (first, first_how)
            }
            None => {
                self.ticker.end();
                let mut bench = whole::Bench::open(&self.loaded, (plan, run, dir), &samples, &halves[0].x)?;
                let choice = self.close(&costs, (first, first_how), &float, &mut bench, &mut closing, &select)?;
                measured = bench.last_of(&choice.2).cloned();
                (choice.0, choice.1)
            }
        };
        let chosen = Assignment::priced(&costs, chosen.schemes);
        let (seen, scored) = (run_on(0, &chosen)?, run_on(1, &chosen)?);
        self.ticker.end();
        let base = score(name, FLOAT, self.contract, &truths[1], &truths[1], &halves[1].y);
        let base = NetworkScore {
            weight_bytes: whole.layers.iter().map(|l| 4.0 * l.layer.shape.weights_len() as f64).sum(),
            ..base
        };
        let mut csv = String::from("layer,scheme\n");
        chosen.schemes.iter().for_each(|(l, s)| csv += &format!("{l},{s}\n"));
        write_file(&dir.join("assignment.csv"), &csv)?;
        let document = json!({
            "schemes": chosen.schemes.iter().map(|(l, s)| (l.clone(), json!(s))).collect::<serde_json::Map<_, _>>(),
            "latency_ns": chosen.totals[LATENCY], "bytes": chosen.totals[BYTES],
            "predicted_kl": chosen.totals[KL], "measured_kl": seen.kl, "predicted_drop": chosen.totals[1],
            "measured_drop": seen.lost as i64 - seen.won as i64, "chosen_on": seen.samples, "float": base, "chosen": scored, "how": how.trim(),
            "whole": measured,
        });
        let text = self.text(&costs, &chosen, &(how + &closing), &seen, &[base, scored]);
        Ok((text, document))
    }

    /// The best assignment for the goals. `between` is what a network takes beside its layers: a limit of time is one of both.
    fn select(
        &self,
        costs: &Costs,
        names: &[&str],
        between: f64,
        run_on: impl Fn(&Assignment) -> Result<NetworkScore>,
    ) -> Result<(Assignment, String)> {
        let limits = [(LATENCY, self.goals.max_latency.map(|l| l - between)), (BYTES, self.goals.max_size)];
        let limits: Vec<(usize, f64)> = limits.iter().filter_map(|(c, l)| l.map(|l| (*c, l))).collect();
        let drop = self.goals.max_drop.or(limits.is_empty().then_some(0.01));
        match drop {
            None => {
                let s = solve(costs, names, &Question { minimize: KL, limits }, PATIENCE)?;
                let how = proof("divergence", &s);
                Ok((s.assignment, how))
            }
            Some(most) => self.fastest_within(costs, names, limits, most, run_on),
        }
    }

    /// Measures the chosen network as one program. Where it is not the sum of its parts, or takes longer than it may, every layer
    /// is timed within networks and the choice is made again by these times, at most [`TURNS`] times; of the networks that were
    /// measured and keep the limit the fastest is given, or, where only time or size is limited, the latest.
    #[allow(clippy::type_complexity)]
    fn close(
        &self,
        costs: &Costs,
        first: (Assignment, String),
        float: &Program,
        bench: &mut whole::Bench,
        said: &mut String,
        select: &dyn Fn(&Costs, f64) -> Result<(Assignment, String)>,
    ) -> Result<(Assignment, String, String)> {
        let too_long = |ns: f64| self.goals.max_latency.is_some_and(|most| ns > most);
        let mut known: Vec<(Assignment, String, String, f64)> = Vec::new();
        let (mut next, mut how) = first;
        for turn in 1..=TURNS {
            let label = format!("chosen-{turn}");
            let got = match bench.measure(&label, &next, float) {
                Ok(got) => got,
                Err(e) => {
                    *said += &format!("the network as one program ({label}) was not measured: {e:#}\n");
                    known.push((next, how, label, f64::INFINITY));
                    break;
                }
            };
            bench.last().into_iter().for_each(|row| *said += &whole::text(row));
            let timed = got.rounds > 0;
            let time = if timed { got.whole.ns } else { f64::INFINITY };
            known.push((next.clone(), how.clone(), label, time));
            if turn == TURNS || !timed || !(got.interacts() || too_long(time)) {
                break;
            }
            if turn == 1 {
                for scheme in &self.schemes {
                    if let Some(all) = whole::uniform(costs, scheme).filter(|a| a.schemes != next.schemes) {
                        match bench.measure(&format!("all-{scheme}"), &all, float) {
                            Ok(_) => bench.last().into_iter().for_each(|row| *said += &whole::text(row)),
                            Err(e) => *said += &format!("all layers in {scheme} were not measured: {e:#}\n"),
                        }
                    }
                }
            }
            let in_place = bench.in_place(costs, LATENCY);
            let layers = Assignment::priced(&in_place, next.schemes.clone()).totals[LATENCY];
            match select(&in_place, (time - layers).max(0.0)) {
                Ok((again, why)) if !known.iter().any(|k| k.0.schemes == again.schemes) => (next, how) = (again, why),
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
        let within = |k: &&(Assignment, String, String, f64)| !too_long(k.3);
        let fastest = known.iter().filter(within).min_by(|a, b| a.3.total_cmp(&b.3));
        let by_drop = self.goals.max_drop.is_some() || (self.goals.max_latency, self.goals.max_size) == (None, None);
        let best = if by_drop { fastest } else { known.iter().rfind(within) };
        let (assignment, how, label, _) = best.or(known.last()).context("nothing was measured")?.clone();
        Ok((assignment, how, label))
    }

    /// The fastest assignment of the front of time and divergence whose network, run as a whole on the samples that choose,
    /// loses no more than `most` of top-1. As the loss rises along the front but for chance, by halving.
    fn fastest_within(
        &self,
        costs: &Costs,
        names: &[&str],
        limits: Vec<(usize, f64)>,
        most: f64,
        run_on: impl Fn(&Assignment) -> Result<NetworkScore>,
    ) -> Result<(Assignment, String)> {
        let front = front(costs, names, &Question { minimize: KL, limits }, LATENCY, PATIENCE)?;
        let (mut low, mut high) = (0, front.points.len() - 1);
        let loss = |i: usize| run_on(&front.points[i]).map(|s| (s.lost as f64 - s.won as f64) / s.samples as f64);
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

    fn text(
        &self,
        costs: &Costs,
        chosen: &Assignment,
        how: &str,
        seen: &NetworkScore,
        rows: &[NetworkScore],
    ) -> String {
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
}
