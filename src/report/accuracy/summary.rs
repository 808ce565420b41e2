//! Accuracy in ten seconds, on a terminal of 100 columns.

use super::proxies::{RULE, best_proxy, ranking, recommendation};
use super::view::{Entry, Net, decibels, networks};
use crate::layer::Network;
use crate::record::Accuracy;
use crate::report::format::{self, known};

const WIDTH: usize = 100;
/// Warnings shown.
const WARNINGS: usize = 8;

/// For each network one line per scheme, the largest first; then what a user must know, and what to take.
pub fn summary(rows: &[Accuracy]) -> String {
    if rows.is_empty() {
        return "nothing was measured\n".into();
    }
    let each: Vec<String> = networks(rows).iter().map(network).collect();
    format!("{}{}", each.join("\n"), warnings(rows).iter().map(|w| format!("{w}\n")).collect::<String>())
}

fn network(net: &Net) -> String {
    let longest = net.entries.iter().map(|e| e.title.chars().count()).max().unwrap_or(0);
    let name = longest.clamp(8, 26);
    let title = format!("{}: SQNR of its layers' outputs, {}; * no other is smaller and better", net.name, net.data);
    let mut out = format!("{}\n", format::shorten(&title, WIDTH));
    out += &format!(
        "  {:<name$}{:>7}{:>10}{:>10}{:>10}{:>9}  {}\n",
        "scheme", "bits", "least", "median", "weights", "KL", "top-1"
    );
    net.entries.iter().rev().for_each(|e| out += &line(e, name));
    let sizes = sizes(net);
    if !sizes.is_empty() {
        out += "weights as stored, scales, tables and places of zeros counted:\n";
        out += &wrapped(&sizes, ",");
    }
    let ranks = ranking(net);
    if !ranks.is_empty() {
        let taus: Vec<String> = ranks.iter().map(|r| format!("{} {:.2}", r.proxy.name, r.tau)).collect();
        out += &format!("Kendall's tau-b with top-1 over {}:\n", format::count(ranks[0].n, "scheme"));
        out += &wrapped(&taus, ",");
    }
    let recommendation = recommendation(net);
    if !recommendation.is_empty() {
        out += &format!("take {recommendation}\n  {}\n", best_proxy(net));
        out += &wrapped(&RULE.split(' ').map(String::from).collect::<Vec<_>>(), "");
    }
    out
}

/// What the weights of a whole built-in network take, where some are compressed.
fn sizes(net: &Net) -> Vec<String> {
    let compressed = |e: &&Entry| e.scheme.contains('+') && e.whole.is_some();
    let Some(network) = Network::built_in(net.name).ok().filter(|_| net.entries.iter().any(|e| compressed(&e))) else {
        return vec![];
    };
    let weights = network.layers.iter().map(|l| l.shape.weights_len()).sum::<usize>() as f64;
    net.entries
        .iter()
        .rev()
        .filter(|e| e.whole.is_some())
        .map(|e| format!("{} {:.1} kB", e.title, e.bits * weights / 8e3))
        .collect()
}

fn line(e: &Entry, name: usize) -> String {
    let db = |v: Option<f64>| known(v, decibels);
    let top1 = e.top1().map(|(hits, of)| format::top1(hits, of)).unwrap_or_default();
    let kl = e.kl().map(kl).unwrap_or_default();
    let text = format!(
        "{} {:<name$}{:>7.2}{:>10}{:>10}{:>10}{kl:>9}  {top1}",
        if e.best { "*" } else { " " },
        format::shorten(&e.title, name),
        e.bits,
        db(e.least),
        db(e.median),
        db(e.weights)
    );
    format!("{}\n", text.trim_end())
}

/// A divergence; rounding may bring it below zero.
pub fn kl(v: f64) -> String {
    match v {
        v if v <= 0.0 => "0".into(),
        v if v < 0.001 => format!("{v:.0e}"),
        v => format::significant(v, 2),
    }
}

/// Phrases in indented lines, `after` each but the last a comma or nothing.
fn wrapped(phrases: &[String], after: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for (i, phrase) in phrases.iter().enumerate() {
        let comma = if i + 1 < phrases.len() { after } else { "" };
        let last = lines.len() - 1;
        if lines[last].chars().count() + phrase.chars().count() + 2 > WIDTH {
            lines.push(" ".into());
        }
        let last = lines.len() - 1;
        lines[last] += &format!(" {phrase}{comma}");
    }
    lines.iter().map(|l| format!("{l}\n")).collect()
}

/// Each note once, the commonest first, with how many rows have it and the first of them.
pub fn warnings(rows: &[Accuracy]) -> Vec<String> {
    let mut all: Vec<(&str, usize, &Accuracy)> = Vec::new();
    for r in rows {
        for note in r.note.split("; ").filter(|n| !n.is_empty()) {
            match all.iter_mut().find(|(n, ..)| *n == note) {
                Some((_, count, _)) => *count += 1,
                None => all.push((note, 1, r)),
            }
        }
    }
    all.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    let more = all.len().saturating_sub(WARNINGS);
    let written = all.iter().take(WARNINGS).map(|(note, count, first)| {
        let place = format!("{}/{} {}", first.network, first.layer, first.scheme);
        let times = if *count > 1 { format!(", first {place}") } else { format!(", {place}") };
        format!("warning: {} ({}{times})", format::shorten(note, 120), format::count(*count, "row"))
    });
    let rest = (more > 0).then(|| format!("and {}", format::count(more, "other warning")));
    written.chain(rest).collect()
}
