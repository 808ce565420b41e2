//! `report.html` of a run on an FPGA: one page that needs nothing but itself.

use anyhow::Result;
use serde::Serialize;

use super::Data;
use crate::fpga::Evidence;
use crate::fpga::resources::Resources;
use crate::fpga::row::Row;
use crate::fpga::tune::choose::{Layer, accuracy_of, pace, top1};
use crate::report::format::{self, known};
use crate::report::{ChartBlock, Drawn, html};

/// The page with these charts.
/// # Errors
/// Only a mistake in the template.
pub fn page(data: &Data, drawn: &[Drawn<Data>]) -> Result<String> {
    let d = &data.plan.device;
    let room = d.room();
    let walls = Resources::NAMES.iter().zip(d.total.each()).zip(room.each());
    let mut tools: Vec<&str> = data.rows.iter().flat_map(|r| r.tools.split("; ")).filter(|t| !t.is_empty()).collect();
    tools.sort_unstable();
    tools.dedup();
    let page = Page {
        title: d.name.clone(),
        about: d.title.clone(),
        dir: data.dir.display().to_string(),
        room: walls
            .filter_map(|((n, total), room)| Some(format!("{} of {} {n}", room?, total.filter(|t| *t > 0)?)))
            .collect(),
        stages: stages(&data.rows),
        tools,
        layers: data.layers().iter().map(|l| block(data, l)).collect(),
        failures: failures(&data.rows),
        charts: drawn.iter().filter(|d| !d.files.is_empty()).map(Drawn::block).collect(),
    };
    html::render("fpga.html", include_str!("fpga.html"), serde_json::to_value(page)?)
}

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    about: String,
    dir: String,
    room: Vec<String>,
    stages: Vec<Stage>,
    tools: Vec<&'a str>,
    layers: Vec<Block<'a>>,
    failures: Vec<Failure<'a>>,
    charts: Vec<ChartBlock<'a>>,
}

#[derive(Serialize)]
struct Stage {
    name: &'static str,
    designs: usize,
    failed: usize,
    seconds: String,
}

fn stages(rows: &[Row]) -> Vec<Stage> {
    use Evidence::{Cosim, Csim, Csynth, Impl, Modelled, PnrOpen, Rtlsim, SynthOpen};
    let of = |evidence: Evidence| {
        let own: Vec<&Row> = rows.iter().filter(|r| r.evidence == evidence && !r.design.is_empty()).collect();
        Stage {
            name: evidence.name(),
            designs: own.len(),
            failed: own.iter().filter(|r| r.outcome.is_some_and(|o| !o.right())).count(),
            seconds: format::time(own.iter().map(|r| r.seconds).sum::<f64>() * 1e9),
        }
    };
    let all = [Modelled, Csim, Rtlsim, SynthOpen, PnrOpen, Csynth, Cosim, Impl].into_iter().map(of);
    all.filter(|s| s.designs > 0).collect()
}

#[derive(Serialize)]
struct Failure<'a> {
    layer: &'a str,
    scheme: &'a str,
    design: &'a str,
    evidence: &'static str,
    outcome: String,
    message: &'a str,
}

fn failures(rows: &[Row]) -> Vec<Failure<'_>> {
    let failed = rows.iter().filter_map(|r| Some((r, r.outcome.filter(|o| !o.right())?)));
    failed
        .map(|(r, outcome)| Failure {
            layer: &r.layer,
            scheme: &r.scheme,
            design: &r.design,
            evidence: r.evidence.name(),
            outcome: format!("{outcome:?}"),
            message: &r.message,
        })
        .collect()
}

#[derive(Serialize)]
struct Block<'a> {
    name: &'a str,
    evidence: &'static str,
    of: usize,
    rows: Vec<Line<'a>>,
}

/// A design that was chosen, or is of the front.
#[derive(Serialize)]
struct Line<'a> {
    chosen: String,
    scheme: &'a str,
    design: &'a str,
    speed: String,
    clock: String,
    cycles: String,
    lut: String,
    ff: String,
    bram: String,
    dsp: String,
    share: String,
    sqnr: String,
    top1: String,
}

fn block<'a>(data: &Data, layer: &Layer<'a>) -> Block<'a> {
    let mut rows: Vec<(&'a Row, Vec<&str>)> = Vec::new();
    for (objective, row) in &layer.best {
        match rows.iter_mut().find(|(r, _)| std::ptr::eq(*r, *row)) {
            Some((_, names)) => names.push(objective.name()),
            None => rows.push((row, vec![objective.name()])),
        }
    }
    for row in &layer.front {
        if !rows.iter().any(|(r, _)| std::ptr::eq(*r, *row)) {
            rows.push((row, vec![]));
        }
    }
    let rows = rows.into_iter().map(|(r, names)| line(data, r, names.join(", "))).collect();
    Block { name: layer.name, evidence: layer.evidence.name(), of: layer.of, rows }
}

fn line<'a>(data: &Data, r: &'a Row, chosen: String) -> Line<'a> {
    let number = |n: Option<u64>| known(n, |n| n.to_string());
    let clock = match (r.fmax_mhz, r.fmax_low, r.fmax_high) {
        (Some(mhz), Some(low), Some(high)) => {
            format!("{mhz:.1} MHz ({low:.1} – {high:.1}, {})", format::count(r.seeds, "seed"))
        }
        _ => format::UNKNOWN.into(),
    };
    Line {
        chosen,
        scheme: &r.scheme,
        design: &r.design,
        speed: r.fmax_mhz.map_or(format::UNKNOWN.into(), |_| {
            format!("{} ({} a second)", format::time(pace(r)), format::significant(1e9 / pace(r), 3))
        }),
        clock,
        cycles: (r.interval * r.vectors).to_string(),
        lut: number(r.lut),
        ff: number(r.ff),
        bram: number(r.bram),
        dsp: number(r.dsp),
        share: known(r.share, |s| format::percent(s, 1)),
        sqnr: known(accuracy_of(&data.accuracy, r).and_then(|a| a.sqnr_db), format::decibels),
        top1: known(top1(&data.accuracy, r), |(hits, of)| format::top1(hits, of)),
    }
}
