//! `bambu_results_0.xml` of Bambu: attributes of elements named after what they count.

use anyhow::{Result, anyhow, bail};
use roxmltree::{Document, Node};

use super::{Report, count};
use crate::fpga::resources::Resources;

fn value(root: Node, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let element = root.descendants().find(|n| n.has_tag_name(*name))?;
        Some(element.attribute("value").or_else(|| element.text())?.trim().to_string())
    })
}

/// # Errors
/// A text that is no such report.
pub fn parse(xml: &str) -> Result<Report> {
    let document = Document::parse(xml).map_err(|e| anyhow!("the report of Bambu is damaged: {e}"))?;
    let root = document.root_element();
    let number = |names: &[&str]| value(root, names).and_then(|t| count(&t));
    let real = |names: &[&str]| value(root, names)?.parse::<f64>().ok().filter(|f| *f > 0.0 && f.is_finite());
    let resources = Resources {
        lut: number(&["SLICE_LUTS", "LUTS", "AREA"]),
        ff: number(&["REGISTERS", "FLIP_FLOPS"]),
        bram: number(&["BRAMS", "BRAM"]),
        dsp: number(&["DSPS", "DSP"]),
        uram: number(&["URAM"]),
    };
    let cycles = number(&["CYCLES", "AVERAGE_CYCLES"]);
    let fmax_mhz = real(&["FREQUENCY"]).or_else(|| Some(1e3 / real(&["PERIOD"])?));
    if resources == Resources::default() && cycles.is_none() && fmax_mhz.is_none() {
        bail!("this is no report of Bambu: it counts nothing that is known");
    }
    Ok(Report { resources, asked_mhz: None, fmax_mhz, latency: [cycles; 2], interval: [None; 2] })
}
