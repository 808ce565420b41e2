//! The report of `bitsmith accuracy`: a table and charts, made from its tables alone.

mod heatmap;
pub mod histogram;
mod html;
mod ladder;
mod overflow;
mod proxies;
mod summary;
mod view;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Chart, draw_all, write_charts};
use crate::run::write_file;
pub use overflow::overflows;
pub use summary::summary;
pub use view::Data;

/// Every chart, in the order of the page: one file and one row each.
pub static CHARTS: &[Chart<Data>] = &[
    Chart {
        name: "ladder",
        title: "What bits buy",
        about: "Error, and top-1 where there are labels, against the bits that a weight takes with its share of scales and \
                tables. One panel for each kind of activations, as these cost differently.",
        first: false,
        draw: ladder::draw,
    },
    Chart {
        name: "sqnr",
        title: "Layer by layer",
        about: "Which layers bear which number format.",
        first: false,
        draw: heatmap::draw,
    },
    Chart {
        name: "proxies",
        title: "What foretells top-1",
        about: "How well figures that need no labels rank the schemes: the four best.",
        first: false,
        draw: proxies::draw,
    },
    Chart {
        name: "histogram",
        title: "Numbers and grids",
        about: "How the numbers of the largest layers lie on the grids of the best schemes. Weights are divided by the \
                scale of their group, so that one grid stands for all.",
        first: false,
        draw: histogram::draw,
    },
];

/// Writes `charts/*.svg` and `accuracy.html` into the folder of these tables; returns the path of the page.
/// # Errors
/// A folder that cannot be written.
pub fn write(dir: &Path, data: &Data) -> Result<PathBuf> {
    let drawn = draw_all(CHARTS, data)?;
    write_charts(&dir.join("charts"), &drawn)?;
    let page = dir.join("accuracy.html");
    write_file(&page, &html::page(data, &drawn)?)?;
    Ok(page)
}
