//! `profile.toml` of a run on an FPGA: what was chosen for each layer, and what every figure rests on.

use anyhow::Result;
use serde::Serialize;

use super::choose::{Layer, accuracy_of, choose, pace, top1};
use super::plan::Plan;
use crate::fpga::resources::Resources;
use crate::fpga::row::Row;
use crate::record::Accuracy;

#[derive(Serialize)]
struct Profile<'a> {
    schema: u32,
    tool: Tool,
    device: Device<'a>,
    layer: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Tool {
    version: &'static str,
    revision: &'static str,
}

#[derive(Serialize)]
struct Device<'a> {
    target: &'a str,
    title: &'a str,
    part: &'a str,
    package: &'a str,
    speed: &'a str,
    /// Asked of place and route.
    clock_mhz: f64,
    total: Resources,
    /// What designs may take.
    room: Resources,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    objective: &'static str,
    scheme: &'a str,
    design: &'a str,
    source: &'a str,
    evidence: &'static str,
    vectors: u64,
    interval_cycles: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_cycles: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<Clock>,
    resources: Resources,
    /// Of what the margins allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqnr_db: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top1: Option<[usize; 2]>,
    tools: &'a str,
    /// Designs of this evidence that it was chosen among.
    of: usize,
}

#[derive(Serialize)]
struct Clock {
    fmax_mhz: f64,
    fmax_low: f64,
    fmax_high: f64,
    seeds: usize,
    call_ns: f64,
    calls_per_second: f64,
}

/// The text of `profile.toml`.
/// # Errors
/// None that a user could cause.
pub fn profile(plan: &Plan, rows: &[Row], accuracy: &[Accuracy]) -> Result<String> {
    let d = &plan.device;
    let device = Device {
        target: &d.name,
        title: &d.title,
        part: &d.part,
        package: &d.package,
        speed: &d.speed,
        clock_mhz: d.clock_mhz,
        total: d.total,
        room: d.room(),
    };
    let layers = choose(rows, accuracy, plan.max_drop);
    let layer = layers.iter().flat_map(|l| entries(l, accuracy)).collect();
    let tool = Tool { version: env!("CARGO_PKG_VERSION"), revision: env!("BITSMITH_REVISION") };
    Ok(toml::to_string_pretty(&Profile { schema: 1, tool, device, layer })?)
}

fn entries<'a>(layer: &Layer<'a>, accuracy: &[Accuracy]) -> Vec<Entry<'a>> {
    let entry = |(objective, r): &(super::choose::Objective, &'a Row)| Entry {
        name: &r.layer,
        objective: objective.name(),
        scheme: &r.scheme,
        design: &r.design,
        source: &r.source,
        evidence: r.evidence.name(),
        vectors: r.vectors,
        interval_cycles: r.interval,
        call_cycles: r.cycles,
        clock: clock(r),
        resources: r.resources(),
        share: r.share,
        sqnr_db: accuracy_of(accuracy, r).and_then(|a| a.sqnr_db),
        top1: top1(accuracy, r).map(|(hits, of)| [hits, of]),
        tools: &r.tools,
        of: layer.of,
    };
    layer.best.iter().map(entry).collect()
}

fn clock(r: &Row) -> Option<Clock> {
    Some(Clock {
        fmax_mhz: r.fmax_mhz?,
        fmax_low: r.fmax_low?,
        fmax_high: r.fmax_high?,
        seeds: r.seeds,
        call_ns: r.call_ns?,
        calls_per_second: (1e9 / pace(r) * 10.0).round() / 10.0,
    })
}
