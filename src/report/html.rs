//! `report.html`: one page that needs nothing but itself.

use std::collections::BTreeMap;

use anyhow::Result;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::chosen::{Picked, picked};
use super::devices::{Offer, Widths, offers, widths};
use super::format::{self, known};
use super::heatmap;
use super::network::{Sum, Total, totals};
use super::night::Verdict;
use super::peers::{PeerRow, peer_rows, verdicts};
use super::rows::{Row, rows};
use super::trend::{self, TrendRow};
use super::view::{Context, contexts, failed, positive, time_of};
use super::{Beside, ChartFile, Drawn};
use crate::record::Outcome;
use crate::run::Run;
use crate::target::Evidence;
use crate::timing::judge;

/// The page of runs with their charts, and what is beside them.
/// # Errors
/// Only a mistake in the template.
pub fn page(runs: &[(&Run, &[Drawn])], beside: &Beside) -> Result<String> {
    render("report.html", include_str!("report.html"), serde_json::to_value(Page::of(runs, beside))?)
}

/// Every table of the page, without the charts.
/// # Errors
/// None that a user could cause.
pub fn tables(runs: &[&Run], beside: &Beside) -> Result<serde_json::Value> {
    let runs: Vec<(&Run, &[Drawn])> = runs.iter().map(|run| (*run, &[][..])).collect();
    Ok(serde_json::to_value(Page::of(&runs, beside))?)
}

/// The tables for a pull request.
/// # Errors
/// Only a mistake in the template.
pub fn markdown(runs: &[&Run], beside: &Beside) -> Result<String> {
    render("report.md", include_str!("report.md"), tables(runs, beside)?)
}

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    /// What the night found that the runs are of.
    verdict: Option<Verdict>,
    /// What runs of models chose.
    chosen: Vec<Picked>,
    offers: Vec<Offer>,
    /// Is known of any device what it takes?
    metered: bool,
    /// Does any device have a price?
    priced: bool,
    /// Are there several devices to compare?
    compared: bool,
    widths: Vec<Widths>,
    runs: Vec<RunPage<'a>>,
}

impl<'a> Page<'a> {
    fn of(runs: &[(&'a Run, &'a [Drawn])], beside: &Beside) -> Self {
        let alone: Vec<&Run> = runs.iter().map(|r| r.0).collect();
        let each = runs.iter().enumerate();
        let pages: Vec<RunPage> = each.map(|(i, (run, drawn))| RunPage::of(i, run, drawn, beside)).collect();
        let offers = offers(&alone, &beside.prices);
        let network = |o: &Offer| offers.iter().filter(|p| p.network == o.network).count() > 1;
        Self {
            title: match (&beside.night, &pages[..]) {
                (Some((name, _)), _) => name.clone(),
                (None, [one]) => one.title.clone(),
                (None, all) => format!("{} runs", all.len()),
            },
            verdict: beside.night.as_ref().map(|(_, report)| Verdict::of(report)),
            metered: offers.iter().any(|o| o.joules.is_some()),
            priced: offers.iter().any(|o| o.cost_per_million.is_some()),
            compared: offers.iter().any(network),
            chosen: picked(&alone),
            widths: widths(&alone),
            offers,
            runs: pages,
        }
    }
}

/// A page of this template. The name's ending switches escaping on.
/// # Errors
/// Only a mistake in the template.
pub fn render(name: &'static str, template: &'static str, page: serde_json::Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("style.css", include_str!("style.css"))?;
    environment.add_template("table.js", include_str!("table.js"))?;
    environment.add_template(name, template)?;
    let text = environment.get_template(name)?.render(template_value(page))?;
    Ok(text.replace("&#x2f;", "/")) // harmless where every attribute is quoted, and names of layers stay searchable
}

/// What a template sees.
pub fn template_value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(b),
        Json::Number(n) => n.as_u64().map_or_else(|| Value::from(n.as_f64()), Value::from),
        Json::String(s) => Value::from(s),
        Json::Array(all) => all.into_iter().map(template_value).collect(),
        Json::Object(map) => {
            Value::from(map.into_iter().map(|(k, v)| (k, template_value(v))).collect::<BTreeMap<_, _>>())
        }
    }
}

#[derive(Serialize)]
struct RunPage<'a> {
    index: usize,
    dir: String,
    title: String,
    origin: String,
    facts: Vec<Fact>,
    command: &'a str,
    contexts: Vec<String>,
    many: bool,
    timed: bool,
    emulated: bool,
    /// How good the model is, where times are modelled.
    modelled: String,
    regimes: Vec<&'static str>,
    cards: Vec<Card>,
    sure: String,
    blocks: Vec<Block>,
    networks: Vec<NetworkRow>,
    verdicts: Vec<String>,
    peers: Vec<PeerRow>,
    failures: Vec<Failed>,
    tried: usize,
    roofs: Vec<Fact>,
    trends: Vec<TrendRow>,
    /// What writes this page again, from the records alone.
    again: String,
    charts: Vec<ChartBlock<'a>>,
}

impl<'a> RunPage<'a> {
    fn of(index: usize, run: &'a Run, drawn: &'a [Drawn], beside: &Beside) -> Self {
        let contexts: Vec<Context> = contexts(run).into_iter().map(|c| c.0).collect();
        let evidence = |e: Evidence| contexts.iter().any(|c| c.evidence == e);
        let (timed, many) = (evidence(Evidence::Measured) || contexts.is_empty(), contexts.len() > 1);
        let (rows, totals) = (rows(run), totals(run));
        Self {
            index,
            dir: run.dir.display().to_string(),
            title: title(run, &contexts),
            origin: origin(run),
            facts: facts(run),
            command: run.provenance.as_ref().map_or("", |p| p.command.as_str()),
            contexts: contexts.iter().map(Context::title).collect(),
            many,
            timed,
            emulated: evidence(Evidence::Emulated),
            modelled: if evidence(Evidence::Modelled) { judge::verdict() } else { String::new() },
            regimes: regimes(&contexts),
            cards: cards(&totals, many),
            sure: sure(&rows),
            blocks: blocks(rows, many),
            networks: totals.iter().flat_map(|t| t.sums.iter().map(move |s| network_row(t, s))).collect(),
            verdicts: verdicts(run),
            peers: peer_rows(run),
            failures: failures(run),
            tried: run.records.len(),
            roofs: if timed { roofs(run) } else { vec![] },
            trends: beside.trends_for(run).filter_map(|t| trend::row(t, &run.dir)).collect(),
            again: format!("bitsmith report {}", run.dir.display()),
            charts: drawn.iter().filter(|d| !d.files.is_empty()).map(|d| chart(run, d)).collect(),
        }
    }
}

fn title(run: &Run, contexts: &[Context]) -> String {
    let named = run.provenance.as_ref().map(|p| if p.target_title.is_empty() { &p.target } else { &p.target_title });
    match (named, contexts.first()) {
        (Some(name), _) => name.clone(),
        (None, Some(context)) => context.target.clone(),
        _ => "a run without records".into(),
    }
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

/// CPU, compiler and date in one line.
fn origin(run: &Run) -> String {
    let Some(p) = &run.provenance else { return String::new() };
    // to the second
    let started = p.started.split('.').next().unwrap_or_default();
    let started = if started.len() < p.started.len() { format!("{started}Z") } else { started.into() };
    let parts = [&p.host.cpu, &p.compiler, &started];
    parts.into_iter().filter(|s| !s.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" · ")
}

/// Where the figures come from; what is unknown is left out.
fn facts(run: &Run) -> Vec<Fact> {
    let Some(p) = &run.provenance else {
        return vec![Fact { name: "Provenance", value: "unknown: the run has no host.toml".into() }];
    };
    let h = &p.host;
    let memory = if h.memory_bytes > 0 {
        format!(", {:.1} GiB", h.memory_bytes as f64 / 1024f64.powi(3))
    } else {
        String::new()
    };
    let machine = if h.virtualized { ", virtual machine" } else { "" };
    let caches = [("L1", h.caches.l1), ("L2", h.caches.l2), ("L3", h.caches.l3)];
    let caches = caches.iter().filter(|c| c.1 > 0).map(|(name, bytes)| format!("{name} {} KiB", bytes / 1024));
    let facts = [
        ("Target", p.target.clone()),
        ("CPU", format!("{}, {}{memory}{machine}", h.cpu, format::count(h.cpus, "CPU"))),
        ("Caches", caches.collect::<Vec<_>>().join(", ")),
        ("Host", format!("{}, {}", h.name, h.kernel)),
        ("Microcode", h.microcode.clone()),
        ("Governor", h.governor.clone()),
        ("Compiler", p.compiler.clone()),
        ("Flags", p.compiler_flags.join(" ")),
        ("Counters", p.counters.clone()),
        ("Energy", if p.energy.is_empty() { String::new() } else { format!("not measured: {}", p.energy) }),
        ("Started", p.started.clone()),
        ("Tool", format!("bitsmith {} ({})", p.tool.version, p.tool.revision)),
    ];
    facts.into_iter().filter(|f| !f.1.is_empty()).map(|(name, value)| Fact { name, value }).collect()
}

fn regimes(contexts: &[Context]) -> Vec<&'static str> {
    let mut all: Vec<_> = contexts.iter().map(|c| c.regime.name()).collect();
    all.dedup();
    all
}

#[derive(Serialize)]
struct Card {
    network: String,
    message: String,
    context: String,
}

fn cards(totals: &[Total], many: bool) -> Vec<Card> {
    let context = |t: &Total| if many { t.context.title() } else { String::new() };
    totals.iter().map(|t| Card { network: t.network.clone(), message: t.message(), context: context(t) }).collect()
}

/// How many of the decisions that were decided in a final are safe.
fn sure(rows: &[Row]) -> String {
    let decided: Vec<f64> = rows.iter().filter_map(|r| r.sure).collect();
    if decided.is_empty() {
        return String::new();
    }
    let safe = decided.iter().filter(|p| **p >= 0.95).count();
    format!("{safe} of {} at least 95 % certain.", format::count(decided.len(), "choice"))
}

/// Rows of one network under one context.
#[derive(Serialize)]
struct Block {
    network: String,
    context: String,
    rows: Vec<Row>,
}

fn blocks(rows: Vec<Row>, many: bool) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    for row in rows {
        let context = if many { row.context.title() } else { String::new() };
        match all.iter_mut().find(|b| b.network == row.network && b.context == context) {
            Some(block) => block.rows.push(row),
            None => all.push(Block { network: row.network.clone(), context, rows: vec![row] }),
        }
    }
    all
}

#[derive(Serialize)]
struct NetworkRow {
    network: String,
    context: String,
    scheme: String,
    contract: &'static str,
    time: String,
    layers: String,
    basis: String,
    speed_up: String,
    /// Does it leave out the quantization that f32 has no need of?
    product: bool,
    best: bool,
    top1: String,
    samples: String,
    worst_sqnr: String,
    bits: String,
}

fn network_row(total: &Total, sum: &Sum) -> NetworkRow {
    let others = total.sums.iter().filter(|s| s.series.contract == sum.series.contract);
    let fastest = others.filter_map(|s| s.speed_up).fold(0.0, f64::max);
    let speed_up = sum.speed_up.map(|x| {
        let partly =
            if sum.common < total.layers { format!(" on {} of {}", sum.common, total.layers) } else { String::new() };
        if sum.series.is_f32() { "1 (the baseline)".into() } else { format!("{}{partly}", format::times(x)) }
    });
    NetworkRow {
        network: total.network.clone(),
        context: total.context.title(),
        scheme: sum.series.scheme.clone(),
        contract: sum.series.contract.name(),
        time: known(sum.ns, format::time),
        layers: format!("{} of {}", if sum.ns.is_some() { sum.timed } else { sum.right }, total.layers),
        basis: total.basis(),
        product: total.is_product(sum),
        best: sum.speed_up.is_some_and(|x| x > 1.0 && x >= fastest),
        speed_up: speed_up.unwrap_or(format::UNKNOWN.into()),
        top1: known(sum.top1, |(hits, of)| format::top1(hits, of)),
        samples: known(sum.top1, |(hits, of)| format!("{hits} of {of}")),
        worst_sqnr: known(sum.worst_sqnr_db, format::decibels),
        bits: known(positive(sum.weight_bits), |b| format::significant(b, 3)),
    }
}

#[derive(Serialize)]
struct Failed {
    outcome: String,
    about: &'static str,
    count: usize,
    messages: Vec<Message>,
    more: usize,
}

#[derive(Serialize)]
struct Message {
    text: String,
    count: usize,
    layer: String,
    candidate: String,
}

/// Messages shown of each outcome.
const MESSAGES: usize = 3;

fn failures(run: &Run) -> Vec<Failed> {
    let outcomes = Outcome::ALL.into_iter().filter(|o| failed(*o));
    let each = outcomes.filter_map(|outcome| {
        let own: Vec<_> = run.records.iter().filter(|r| r.outcome == outcome).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut messages: Vec<Message> = Vec::new();
        for r in &own {
            *counts.entry(&r.message).or_insert(0) += 1;
            if counts[r.message.as_str()] == 1 && messages.len() < MESSAGES {
                let (layer, candidate) = (r.layer.clone(), r.candidate.clone());
                messages.push(Message { text: r.message.clone(), count: 0, layer, candidate });
            }
        }
        messages.iter_mut().for_each(|m| m.count = counts[m.text.as_str()]);
        messages.iter_mut().for_each(|m| m.text = format::shorten(&m.text, 400));
        let more = counts.len() - messages.len();
        let about = about(outcome);
        (!own.is_empty()).then(|| Failed { outcome: format!("{outcome:?}"), about, count: own.len(), messages, more })
    });
    each.collect()
}

fn about(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unsupported => "no kernel serves it",
        Outcome::BuildFailed => "the compiler refused it",
        Outcome::WrongAnswer => "its result differs from the reference; it was never timed",
        Outcome::Crashed => "it took its program down",
        Outcome::TimedOut => "it did not come back in time",
        Outcome::Throttled => "right, but the device held itself back whenever it was timed; it has no time",
        Outcome::Measured | Outcome::Eliminated | Outcome::Checked | Outcome::Dominated => "",
    }
}

fn roofs(run: &Run) -> Vec<Fact> {
    let Some(r) = run.provenance.as_ref().and_then(|p| p.roofs.as_ref()) else { return vec![] };
    let rate = |x: f64, unit: &str| known(positive(Some(x)), |x| format!("{} {unit}", format::significant(x, 4)));
    let cores = format!("with {}", format::count(r.threads, "thread"));
    vec![
        Fact { name: "int8 products, one core", value: rate(r.macs_per_s.int8 / 1e9, "GMAC/s") },
        Fact { name: "f32 products, one core", value: rate(r.macs_per_s.f32 / 1e9, "GMAC/s") },
        Fact { name: "reading from L1", value: format!("{} {cores}", rate(r.read_gb_per_s.l1, "GB/s")) },
        Fact { name: "reading from L2", value: format!("{} {cores}", rate(r.read_gb_per_s.l2, "GB/s")) },
        Fact { name: "reading from L3", value: format!("{} {cores}", rate(r.read_gb_per_s.l3, "GB/s")) },
        Fact { name: "reading from memory", value: format!("{} {cores}", rate(r.read_gb_per_s.memory, "GB/s")) },
        Fact { name: "clock while multiplying", value: rate(r.clock_ghz, "GHz") },
        Fact { name: "reading the timer", value: rate(r.timer_ns, "ns") },
    ]
}

#[derive(Serialize)]
struct ChartBlock<'a> {
    name: &'a str,
    title: &'a str,
    about: &'a str,
    first: bool,
    /// How many there would be, where only some are drawn.
    of: usize,
    files: Vec<ChartFile<'a>>,
}

fn chart<'a>(run: &Run, drawn: &'a Drawn) -> ChartBlock<'a> {
    let timed = run.winners.iter().filter(|w| time_of(w).is_some()).count();
    ChartBlock {
        name: drawn.chart.name,
        title: drawn.chart.title,
        about: drawn.chart.about,
        first: drawn.chart.first,
        of: if drawn.chart.name == "heatmap" && drawn.files.len() == heatmap::MOST { timed } else { 0 },
        files: drawn.chart_files(),
    }
}
