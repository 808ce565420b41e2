//! A run in ten seconds, on a terminal of 100 columns.

use super::format::{self, known};
use super::network::{Sum, Total, totals};
use super::peers::{PeerRow, peer_rows, verdicts};
use super::rows::{Row, rows};
use super::view::{contexts, failed};
use crate::record::Outcome;
use crate::run::Run;
use crate::target::Evidence;
use crate::timing::judge;

/// Widest line, and most lines of the table.
const WIDTH: usize = 100;
const MOST: usize = 30;
/// A share of the roof above this one is the roof's mistake.
const OVER: f64 = 1.02;

/// The winners, the networks and the failures of a run, as plain text; what was taken under different conditions, apart.
pub fn summary(run: &Run) -> String {
    let (mut rows, totals) = (rows(run), totals(run));
    let mut out = String::new();
    for (context, _) in contexts(run) {
        out += &format!("{}\n", format::shorten(&context.title(), WIDTH));
        let (own, others) = rows.into_iter().partition(|r| r.context == context);
        rows = others;
        out += &table(&own);
        if context.evidence == Evidence::Modelled {
            out += &format!("{}\n", judge::verdict());
        }
        out.push('\n');
        totals.iter().filter(|t| t.context == context).for_each(|t| out += &network(t));
        out.push('\n');
    }
    out += &peers(run);
    if out.is_empty() {
        return "nothing was recorded\n".into();
    }
    out += &failures(run);
    format!("{}\n", out.trim_end())
}

/// Alignment of each column: true is to the right.
type Columns = Vec<(&'static str, bool)>;

fn table(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let timed = rows.iter().any(|r| r.ns.is_some());
    let one_network = rows.iter().all(|r| r.network == first.network);
    let shown = slowest(rows);
    let mut columns: Columns = vec![("layer", false), ("format", false), ("m×n×k", true)];
    columns.extend(if timed {
        vec![("time", true), ("±", true), ("GMAC/s", true), ("roof", true), ("P(best)", true)]
    } else {
        vec![("result", false)]
    });
    columns.push(("SQNR", true));
    let lines: Vec<Vec<String>> = shown.iter().map(|r| cells(r, timed, one_network)).collect();
    let mut out = aligned(&columns, lines);
    if rows.iter().any(|r| r.share.is_some_and(|s| s > OVER)) {
        out += "a share above 100 %: that roof was measured in a slower moment; `bitsmith targets probe` measures it again\n";
    }
    if shown.len() < rows.len() {
        let others = if timed { "faster ones" } else { "more" };
        out += &format!("… and {} {others}, in report.html\n", rows.len() - shown.len());
    }
    out
}

/// Our winners beside others; of many layers only the first.
fn peers(run: &Run) -> String {
    let rows = peer_rows(run);
    if rows.is_empty() {
        return String::new();
    }
    let one_network = rows.iter().all(|r| r.network == rows[0].network);
    let cells = |r: &PeerRow| {
        let name = if one_network { r.layer.clone() } else { format!("{}/{}", r.network, r.layer) };
        let call = if r.overhead.is_empty() { String::new() } else { format!(", call {}", r.overhead) };
        let last = if r.failed { String::new() } else { format!("{}{call}", r.ratio_interval) };
        let cells = [&name, &r.series, &r.own_time, &r.peer, &r.time, &r.ratio];
        cells.into_iter().cloned().chain([last]).collect()
    };
    let columns = vec![
        ("layer", false),
        ("format", false),
        ("ours", true),
        ("peer", false),
        ("its time", true),
        ("peer/ours", true),
        ("95 % interval", false),
    ];
    let mut out = aligned(&columns, rows.iter().take(MOST).map(cells).collect());
    if rows.len() > MOST {
        out += &format!("… and {} others, in report.html\n", rows.len() - MOST);
    }
    verdicts(run).iter().for_each(|v| out += &format!("{}\n", format::shorten(v, WIDTH)));
    out + "\n"
}

/// The slowest rows, in their order.
fn slowest(rows: &[Row]) -> Vec<&Row> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let ns = |i: usize| rows[i].ns.unwrap_or(f64::INFINITY); // what has no time needs attention
    order.sort_by(|a, b| ns(*b).total_cmp(&ns(*a)));
    order.truncate(MOST);
    order.sort_unstable();
    order.into_iter().map(|i| &rows[i]).collect()
}

fn cells(r: &Row, timed: bool, one_network: bool) -> Vec<String> {
    let name = if one_network { r.layer.clone() } else { format!("{}/{}", r.network, r.layer) };
    let mut cells = vec![name, r.series.clone(), r.shape.clone()];
    let sure = match r.ties.len() {
        0 => r.p_best.clone(),
        n => format!("{}, {}", r.p_best, format::count(n, "tie")),
    };
    let unknown = || format::UNKNOWN.to_string();
    match (timed, r.no_time.is_empty()) {
        (false, _) => cells.push(r.no_time.clone()),
        (true, true) => {
            cells.extend([r.time.clone(), r.spread.replace('±', ""), r.gmacs.clone(), r.roof.clone(), sure]);
        }
        (true, false) => cells.extend([short(r), unknown(), unknown(), unknown(), unknown()]),
    }
    cells.push(r.sqnr.clone());
    cells
}

fn short(r: &Row) -> String {
    if r.right { "checked".into() } else { "none right".into() }
}

/// Columns as wide as they must be, two spaces apart; the first gives way where the line would be too long.
fn aligned(columns: &Columns, lines: Vec<Vec<String>>) -> String {
    let length = |s: &str| s.chars().count();
    let widest = |c: usize| lines.iter().map(|l| length(&l[c])).max().unwrap_or(0).max(length(columns[c].0));
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let rest: usize = widths[1..].iter().map(|w| w + 2).sum();
    widths[0] = widths[0].min(WIDTH.saturating_sub(rest).max(8));
    let head = columns.iter().map(|c| c.0.to_string()).collect();
    let mut out = String::new();
    for line in std::iter::once(head).chain(lines) {
        let cell = |(c, text): (usize, &String)| {
            let text = format::shorten(text, widths[c]);
            let pad = " ".repeat(widths[c] - length(&text));
            if columns[c].1 { pad + &text } else { text + &pad }
        };
        out += line.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

fn network(total: &Total) -> String {
    let head = |text: String| format!("{}\n", format::shorten(&format!("{}: {text}", total.network), WIDTH));
    if total.context.evidence != Evidence::Measured || total.sums.iter().all(|s| s.ns.is_none()) {
        return head(total.message());
    }
    let mut out = head(total.basis());
    let lines = total.sums.iter().map(|s| network_cells(total, s)).collect();
    let columns = vec![("  format", false), ("time", true), ("speed-up", true), ("top-1", true), ("least SQNR", true)];
    out += &aligned(&columns, lines);
    if total.sums.iter().any(|s| total.is_product(s)) {
        out += "  int8: the product alone, without the quantization that f32io includes\n";
    }
    out
}

fn network_cells(total: &Total, sum: &Sum) -> Vec<String> {
    let partly = if total.complete(sum) { String::new() } else { format!(" ({} of {})", sum.timed, total.layers) };
    let speed_up = sum.speed_up.filter(|_| !sum.series.is_f32());
    vec![
        format!("  {}{partly}", sum.series.title()),
        known(sum.ns, format::time),
        known(speed_up, format::times),
        known(sum.top1, |(hits, of)| format::top1(hits, of)),
        known(sum.worst_sqnr_db, format::decibels),
    ]
}

fn failures(run: &Run) -> String {
    let count = |o: Outcome| run.records.iter().filter(|r| r.outcome == o).count();
    let each = Outcome::ALL.into_iter().filter(|o| failed(*o) && count(*o) > 0);
    let each: Vec<String> = each.map(|o| format!("{} {o:?}", count(o))).collect();
    if each.is_empty() {
        return String::new();
    }
    format!("failures: {} of {} tried\n", each.join(", "), run.records.len())
}
