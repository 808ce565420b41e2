//! `accuracy.html`: one page that needs nothing but itself.

use anyhow::Result;
use serde::Serialize;

use super::overflow::overflows;
use super::proxies::{RULE, best_proxy, ranking, recommendation};
use super::summary::{kl, warnings};
use super::view::{Data, Entry, Net, decibels, distinct, networks};
use crate::candidate::Contract;
use crate::layer::Network;
use crate::report::format::{self, known};
use crate::report::{ChartBlock, Drawn, html};
use crate::scheme::LISTED;

/// The page of these rows with these charts.
/// # Errors
/// Only a mistake in the template.
pub fn page(data: &Data, drawn: &[Drawn<Data>]) -> Result<String> {
    let nets = networks(&data.rows);
    let names: Vec<&str> = nets.iter().map(|n| n.name).collect();
    let page = Page {
        title: if names.is_empty() { "nothing was measured".into() } else { names.join(", ") },
        commands: commands(&nets),
        rule: RULE,
        warnings: warnings(&data.rows),
        overflow: overflows(&data.overflows),
        networks: nets.iter().map(block).collect(),
        charts: drawn.iter().filter(|d| !d.files.is_empty()).map(Drawn::block).collect(),
    };
    html::render("accuracy.html", include_str!("accuracy.html"), serde_json::to_value(page)?)
}

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    commands: Vec<String>,
    rule: &'static str,
    warnings: Vec<String>,
    overflow: String,
    networks: Vec<Block<'a>>,
    charts: Vec<ChartBlock<'a>>,
}

/// Commands that give these figures, one for each contract, so far as the rows tell.
fn commands(nets: &[Net]) -> Vec<String> {
    let contracts = distinct(nets.iter().flat_map(|n| n.entries.iter().map(|e| e.contract)));
    let command = |contract: Contract| {
        let own = || nets.iter().flat_map(|n| &n.entries).filter(move |e| e.contract == contract);
        let built_in = nets.iter().filter(|n| Network::built_in(n.name).is_ok());
        let mut words: Vec<String> = vec!["bitsmith accuracy".into()];
        words.extend(built_in.map(|n| format!("--network {}", n.name)));
        if nets.iter().any(|n| Network::built_in(n.name).is_err()) {
            words.push("--layers FILE".into());
        }
        let schemes = distinct(own().map(|e| e.scheme));
        if schemes.iter().any(|s| !LISTED.contains(s)) || schemes.len() * 2 < LISTED.len() {
            words.extend(schemes.iter().map(|s| format!("--scheme {s}")));
        }
        words.push(format!("--contract {}", contract.name()));
        words.join(" ")
    };
    contracts.into_iter().map(command).collect()
}

#[derive(Serialize)]
struct Block<'a> {
    name: &'a str,
    data: &'a str,
    layers: String,
    samples: String,
    scored: bool,
    recommendation: String,
    best_proxy: String,
    taus: Vec<Tau>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Tau {
    name: &'static str,
    tau: String,
    n: usize,
}

#[derive(Serialize)]
struct Row {
    scheme: String,
    family: String,
    input: &'static str,
    best: bool,
    bits: String,
    least: String,
    median: String,
    weights: String,
    logits: String,
    kl: String,
    top1: String,
}

fn block<'a>(net: &'a Net) -> Block<'a> {
    let rows = || net.entries.iter().flat_map(|e| e.layers.iter());
    let (low, high) = rows().fold((usize::MAX, 0), |(l, h), r| (l.min(r.samples), h.max(r.samples)));
    let samples = match (low, high) {
        (_, 0) => String::new(),
        (low, high) if low == high => format!("{} of each layer", format::count(high, "sample")),
        (low, high) => format!("{low} to {high} samples of each layer"),
    };
    let images = net.entries.iter().filter_map(|e| e.whole).map(|w| w.samples).max();
    let images = images.map_or(String::new(), |n| format!("{n} labelled samples of the network"));
    let all: Vec<String> = [samples, images].into_iter().filter(|s| !s.is_empty()).collect();
    let taus = ranking(net).into_iter().map(|r| Tau { name: r.proxy.name, tau: format!("{:.3}", r.tau), n: r.n });
    Block {
        name: net.name,
        data: &net.data,
        layers: format::count(net.layers.len(), "layer"),
        samples: all.join("; "),
        scored: net.entries.iter().any(|e| e.top1().is_some()),
        recommendation: recommendation(net),
        best_proxy: best_proxy(net),
        taus: taus.collect(),
        rows: net.entries.iter().rev().map(row).collect(),
    }
}

fn row(e: &Entry) -> Row {
    let db = |v: Option<f64>| known(v, decibels);
    Row {
        scheme: e.title.clone(),
        family: e.family.clone(),
        input: e.input.title(),
        best: e.best,
        bits: format!("{:.2}", e.bits),
        least: db(e.least),
        median: db(e.median),
        weights: db(e.weights),
        logits: db(e.whole.and_then(super::view::sqnr)),
        kl: known(e.kl(), kl),
        top1: known(e.top1(), |(hits, of)| format::top1(hits, of)),
    }
}
