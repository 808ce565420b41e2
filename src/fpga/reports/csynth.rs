//! `csynth.xml` of Vitis HLS and of Vivado HLS: an estimate made before synthesis, which tends to overstate.

use anyhow::{Result, anyhow, bail};
use roxmltree::{Document, Node};

use super::{Report, count, period_ns};
use crate::fpga::resources::Resources;

/// Loops of a design, as the report has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    pub name: String,
    pub trips: Option<u64>,
    pub interval: Option<u64>,
    pub depth: Option<u64>,
}

fn child<'a>(node: Node<'a, 'a>, path: &[&str]) -> Option<Node<'a, 'a>> {
    path.iter().try_fold(node, |n, name| n.children().find(|c| c.has_tag_name(*name)))
}

fn text(node: Node, path: &[&str]) -> Option<String> {
    Some(child(node, path)?.text()?.trim().to_string())
}

/// # Errors
/// A text that is no such report.
pub fn parse(xml: &str) -> Result<(Report, Vec<Loop>)> {
    let document = Document::parse(xml).map_err(|e| anyhow!("csynth.xml is damaged: {e}"))?;
    let root = document.root_element();
    let (Some(performance), Some(area)) = (child(root, &["PerformanceEstimates"]), child(root, &["AreaEstimates"]))
    else {
        bail!(
            "csynth.xml has no PerformanceEstimates and AreaEstimates; it is of another tool, or of a run that failed"
        );
    };
    let unit = text(root, &["UserAssignments", "unit"]);
    let mhz = |t: Option<String>| t.and_then(|t| period_ns(&t, unit.as_deref())).map(|ns| 1e3 / ns);
    let timing = |name: &str| text(performance, &["SummaryOfTimingAnalysis", name]);
    let overall = |name: &str| text(performance, &["SummaryOfOverallLatency", name]).and_then(|t| count(&t));
    let used = |names: &[&str]| names.iter().find_map(|n| count(&text(area, &["Resources", n])?));
    let report = Report {
        resources: Resources {
            lut: used(&["LUT"]),
            ff: used(&["FF"]),
            bram: used(&["BRAM_18K"]),
            dsp: used(&["DSP", "DSP48E", "DSP48"]),
            uram: used(&["URAM"]),
        },
        asked_mhz: mhz(text(root, &["UserAssignments", "TargetClockPeriod"])),
        fmax_mhz: mhz(timing("EstimatedClockPeriod")),
        latency: [overall("Best-caseLatency"), overall("Worst-caseLatency")],
        interval: [overall("Interval-min"), overall("Interval-max")],
    };
    let loops = child(performance, &["SummaryOfLoopLatency"]);
    let mut found = Vec::new();
    loops.into_iter().for_each(|n| collect(n, &mut found, 0));
    Ok((report, found))
}

/// Loops may hold loops.
fn collect(node: Node, into: &mut Vec<Loop>, depth: usize) {
    for own in node.children().filter(Node::is_element) {
        let number = |name: &str| text(own, &[name]).and_then(|t| count(&t));
        if child(own, &["TripCount"]).is_some() && depth < 64 {
            let name = text(own, &["Name"]).unwrap_or_else(|| own.tag_name().name().into());
            let interval = number("PipelineII");
            into.push(Loop { name, trips: number("TripCount"), interval, depth: number("PipelineDepth") });
            collect(own, into, depth + 1);
        }
    }
}
