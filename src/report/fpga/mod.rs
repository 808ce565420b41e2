//! The page of a run on an FPGA: tables and charts, made from its records alone.

mod bits;
mod folding;
mod html;
mod model;
mod walls;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Chart, draw_all, write_charts};
use crate::fpga::row::Row;
use crate::fpga::tune::Plan;
use crate::fpga::tune::choose::{Layer, choose};
use crate::record::{Accuracy, read_table};
use crate::run::write_file;

/// All that the page is made from.
pub struct Data {
    pub dir: PathBuf,
    pub plan: Plan,
    pub rows: Vec<Row>,
    pub accuracy: Vec<Accuracy>,
}

impl Data {
    /// # Errors
    /// A folder that is no run on an FPGA, or a damaged file in it.
    pub fn read(dir: &Path) -> Result<Self> {
        Ok(Self {
            dir: dir.into(),
            plan: Plan::read(dir)?,
            rows: read_table(&dir.join("fpga.csv"))?,
            accuracy: read_table(&dir.join("accuracy.csv"))?,
        })
    }

    /// What was chosen.
    pub fn layers(&self) -> Vec<Layer<'_>> {
        choose(&self.rows, &self.accuracy, self.plan.max_drop)
    }
}

/// Every chart, in the order of the page: one file and one row each.
pub static CHARTS: &[Chart<Data>] = &[
    Chart {
        name: "walls",
        title: "What speed takes of the device",
        about: "Each kind of resource against the calls of the layer in a million clock cycles; the walls are what the device's \
                margins allow. Cycles, so that designs with and without a clock stand in one picture.",
        first: false,
        draw: walls::draw,
    },
    Chart {
        name: "folding",
        title: "Foldings",
        about: "What each folding takes of the room that the device has, by the strongest figures that are known of it.",
        first: false,
        draw: folding::draw,
    },
    Chart {
        name: "bits",
        title: "Bits against look-up tables",
        about: "Look-up tables of a whole design for each multiply-accumulate of a clock cycle: what fewer bits buy.",
        first: false,
        draw: bits::draw,
    },
    Chart {
        name: "model",
        title: "Modelled against counted",
        about: "How far the model that ranked the designs was off where synthesis or place and route has counted.",
        first: false,
        draw: model::draw,
    },
];

/// Writes `charts/*.svg` and `report.html` into the folder of the run; returns the path of the page.
/// # Errors
/// A folder that cannot be written.
pub fn write(data: &Data) -> Result<PathBuf> {
    let drawn = draw_all(CHARTS, data)?;
    write_charts(&data.dir.join("charts"), &drawn)?;
    let page = data.dir.join("report.html");
    write_file(&page, &html::page(data, &drawn)?)?;
    Ok(page)
}
