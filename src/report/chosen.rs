//! The network that a run of a model chose, beside the same network under each scheme alone: what stands above all else on its page.

use serde::Serialize;

use super::format::{self, known};
use super::view::positive;
use crate::decision::{AS_CHOSEN, Whole};
use crate::model::score::NetworkScore;
use crate::run::Run;
use crate::target::Evidence;
use crate::whole::measure::NetworkTime;

/// What one run chose.
#[derive(Serialize)]
pub struct Picked {
    pub network: String,
    pub device: String,
    /// What to take away, in one or two sentences.
    pub message: String,
    pub mix: String,
    pub how: String,
    pub missed: bool,
    /// How the program was checked; why there is none. Did it fail?
    pub checked: String,
    pub wrong: bool,
    pub samples: usize,
    /// What writes the chosen network for deployment.
    pub again: String,
    pub rungs: Vec<RungRow>,
}

/// A network under one scheme, or as chosen.
pub struct Rung<'a> {
    pub label: String,
    pub chosen: bool,
    pub score: &'a NetworkScore,
    /// As one program, measured on the device.
    pub time: Option<&'a NetworkTime>,
    /// Layers added up, each timed alone.
    pub sum_ns: Option<f64>,
}

impl Rung<'_> {
    /// Median and interval of the program.
    pub fn ns(&self) -> Option<(f64, f64, f64)> {
        let t = self.time?;
        Some((t.median_ns?, t.ci_low_ns?, t.ci_high_ns?))
    }
}

/// The ladder: the most bytes first, the chosen network last.
pub fn rungs<'a>(whole: &'a Whole) -> Vec<Rung<'a>> {
    let rung = |score: &'a NetworkScore| {
        let scheme = score.scheme.as_str();
        let chosen = scheme == AS_CHOSEN;
        let time = if chosen { whole.decision.whole.as_ref() } else { whole.time_of(scheme) };
        let sum_ns = if chosen { Some(whole.decision.latency_ns) } else { sum(whole, scheme) };
        let label = if chosen { "as chosen".into() } else { scheme.into() };
        Rung { label, chosen, score, time: time.filter(|t| t.evidence == Evidence::Measured), sum_ns }
    };
    let mut all: Vec<Rung> = whole.scores.iter().map(rung).collect();
    all.sort_by(|a, b| a.chosen.cmp(&b.chosen).then(b.score.weight_bytes.total_cmp(&a.score.weight_bytes)));
    all
}

/// The layers' times under one scheme, where each has one.
fn sum(whole: &Whole, scheme: &str) -> Option<f64> {
    let costs = whole.costs.as_ref()?;
    let column = costs.column("latency_ns").ok()?;
    let rows = costs.rows.iter().filter(|r| r.scheme == scheme);
    let each: Vec<f64> = rows.map(|r| r.costs[column]).collect();
    positive(Some(each.iter().sum())).filter(|_| each.len() == costs.layers().len())
}

/// One row of the table.
#[derive(Serialize)]
pub struct RungRow {
    pub scheme: String,
    pub chosen: bool,
    pub time: String,
    pub interval: String,
    pub predicted: String,
    pub ratio: String,
    pub ratio_interval: String,
    /// Is the program something else than the sum of its steps?
    pub differs: bool,
    pub speed_up: String,
    pub layers: String,
    pub top1: String,
    pub top1_interval: String,
    pub against: &'static str,
    pub test: String,
    pub worse: bool,
    pub kl: String,
    pub size: String,
    pub ns: Option<f64>,
    pub low_ns: Option<f64>,
    pub high_ns: Option<f64>,
    pub predicted_ns: Option<f64>,
    pub top1_share: f64,
    pub weight_bytes: f64,
}

/// What runs chose, in their order.
pub fn picked(runs: &[&Run]) -> Vec<Picked> {
    runs.iter().filter_map(|run| run.whole.as_ref().map(|whole| of(run, whole))).collect()
}

fn of(run: &Run, whole: &Whole) -> Picked {
    let decision = &whole.decision;
    let rungs = rungs(whole);
    let float = rungs.iter().find(|r| r.score.scheme == "f32").and_then(Rung::ns);
    let provenance = run.provenance.as_ref();
    let title = provenance.map(|p| p.target_title.clone()).filter(|t| !t.is_empty());
    Picked {
        network: decision.chosen.network.clone(),
        device: title.or(provenance.map(|p| p.target.clone())).unwrap_or_default(),
        message: message(whole),
        mix: decision.mix(),
        how: decision.how.clone(),
        missed: decision.how.starts_with("MISSED"),
        checked: checked(decision.whole.as_ref()),
        wrong: decision.whole.as_ref().is_some_and(|t| !t.outcome.right()),
        samples: decision.chosen.samples,
        again: format!("bitsmith export {} --to onnx --out chosen.onnx", run.dir.display()),
        rungs: rungs.iter().map(|r| row(r, float)).collect(),
    }
}

fn message(whole: &Whole) -> String {
    let d = &whole.decision;
    let timed = d.whole.as_ref().filter(|t| t.evidence == Evidence::Measured);
    let time = match timed.and_then(|t| Some((t, t.median_ns?, t.ci_low_ns?, t.ci_high_ns?))) {
        Some((t, ns, low, high)) => {
            let ratio = known(t.ratio, |r| format!("{r:.3}"));
            let predicted = known(t.predicted_ns, format::time);
            format!(
                "{} ({}) as one program, measured: {ratio} of the {predicted} that its steps take alone",
                format::time(ns),
                format::interval((low, high))
            )
        }
        None => {
            let failed = d.whole.as_ref().filter(|t| !t.outcome.right());
            let failed = failed.map_or(String::new(), |t| format!("; as one program it failed: {:?}", t.outcome));
            format!("{}, its layers added up, each timed alone{failed}", format::time(d.latency_ns))
        }
    };
    let verdict = if d.chosen.p_value < 0.05 { "differs from" } else { "cannot be told from" };
    format!(
        "{}. {time}. Top-1 {}, which {verdict} f32's {} on {} samples that nothing was chosen by. Weights {}, in f32 {}.",
        d.mix(),
        format::top1(d.chosen.correct, d.chosen.samples),
        format::percent(d.float.top1, 2),
        d.chosen.samples,
        format::bytes(d.chosen.weight_bytes),
        format::bytes(d.float.weight_bytes)
    )
}

fn checked(time: Option<&NetworkTime>) -> String {
    let Some(t) = time else { return "It was not built as one program.".into() };
    if !t.outcome.right() {
        return format!("As one program: {:?}. {}", t.outcome, t.message);
    }
    let equal = if t.exact { "equal to the reference to the bit" } else { "within the bound of its roundings" };
    let glue = t.glue_ns.zip(t.predicted_ns).map_or(String::new(), |(glue, all)| {
        let share = format::percent(glue / all, 0);
        format!(" What lies between layers is {share} of its steps' time: plain C, which nothing tuned.")
    });
    let sessions = format::count(t.sessions, "session");
    format!(
        "{} checked, {equal}; {sessions} of {}, {}.{glue}",
        format::count(t.checked, "sample"),
        t.target,
        t.regime.name()
    )
}

fn row(rung: &Rung, float: Option<(f64, f64, f64)>) -> RungRow {
    let (score, ns, t) = (rung.score, rung.ns(), rung.time);
    let speed_up = ns.zip(float).filter(|_| score.scheme != "f32").map(|((own, low, high), (base, least, most))| {
        format!(
            "{} ({} – {})",
            format::times(base / own),
            format::significant(least / high, 3),
            format::significant(most / low, 3)
        )
    });
    let differs = t.and_then(|t| t.ratio_low.zip(t.ratio_high)).is_some_and(|(low, high)| low > 1.0 || high < 1.0);
    RungRow {
        scheme: rung.label.clone(),
        chosen: rung.chosen,
        time: known(ns, |n| format::time(n.0)),
        interval: known(ns, |n| format::interval((n.1, n.2))),
        predicted: known(t.and_then(|t| t.predicted_ns), format::time),
        ratio: known(t.and_then(|t| t.ratio), |r| format!("{r:.3}")),
        ratio_interval: known(t.and_then(|t| t.ratio_low.zip(t.ratio_high)), |(l, h)| format!("{l:.3} – {h:.3}")),
        differs,
        speed_up: speed_up.unwrap_or(format::UNKNOWN.into()),
        layers: known(rung.sum_ns, format::time),
        top1: format::percent(score.top1, 2),
        top1_interval: format!("{:.2} – {:.2}", 100.0 * score.top1_low, 100.0 * score.top1_high),
        against: match (score.scheme.as_str(), score.p_value < 0.05) {
            ("f32", _) => "the reference",
            (_, true) => "differs",
            (_, false) => "within noise",
        },
        test: if score.scheme == "f32" {
            String::new()
        } else {
            let p = if score.p_value < 1e-3 { "p < 0.001".into() } else { format!("p = {:.3}", score.p_value) };
            format!("{} lost, {} won, {p}", score.lost, score.won)
        },
        worse: score.p_value < 0.05 && score.lost > score.won,
        kl: known(score.kl, |v| format!("{v:.2e}")),
        size: format::bytes(score.weight_bytes),
        ns: ns.map(|n| n.0),
        low_ns: ns.map(|n| n.1),
        high_ns: ns.map(|n| n.2),
        predicted_ns: t.and_then(|t| t.predicted_ns),
        top1_share: score.top1,
        weight_bytes: score.weight_bytes,
    }
}
