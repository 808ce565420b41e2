//! The report of a run: tables and charts, made from its records alone.

pub mod accuracy;
mod bits;
mod chosen;
pub(crate) mod canvas;
mod convergence;
mod devices;
pub(crate) mod format;
pub mod fpga;
mod front;
mod heatmap;
mod html;
mod ladder;
mod network;
mod night;
mod pareto;
mod peers;
pub(crate) mod plot;
mod prices;
mod roofline;
mod rows;
mod summary;
mod sheets;
mod trend;
mod view;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::run::{Run, write_file};
use crate::verdict::Report;
pub(crate) use html::template_value;
pub use html::{markdown, tables};
pub use prices::{Price, Prices};
pub use sheets::write as write_sheets;
pub use summary::summary;
pub use trend::{Trend, draw as trend, sentence, trends_of, with_changes};

/// File stem and SVG text.
pub type Drawing = (String, String);

/// A kind of chart, of a run or of what else it is made from. Its files are named after it.
pub struct Chart<T = Run> {
    pub name: &'static str,
    pub title: &'static str,
    /// What a reader sees in it.
    pub about: &'static str,
    /// Does it stand above the tables?
    pub first: bool,
    /// Nothing where the run has nothing to show.
    pub draw: fn(&T) -> Result<Vec<Drawing>>,
}

/// Every chart, in the order of the page: one file and one row each.
pub static CHARTS: &[Chart] = &[
    Chart {
        name: "ladder",
        title: "The ladder",
        about: "What the whole network scores, takes and weighs in f32, under each scheme alone, and as chosen layer by layer.",
        first: true,
        draw: ladder::draw,
    },
    Chart {
        name: "front",
        title: "The front",
        about: "What is lost for time and for size where every layer may have a scheme of its own, and where the chosen network stands.",
        first: true,
        draw: front::draw,
    },
    Chart {
        name: "pareto",
        title: "Latency against accuracy",
        about: "What each number format costs in accuracy and gives in time, layer by layer, and over the whole network.",
        first: false,
        draw: pareto::draw,
    },
    Chart {
        name: "bits",
        title: "Time against bits",
        about: "What narrower weights buy: the fastest kernel of each family at each width. For layers tuned with three or \
                more widths.",
        first: false,
        draw: bits::draw,
    },
    Chart {
        name: "roofline",
        title: "Roofline",
        about: "How close each chosen kernel comes to what the device can do at most.",
        first: false,
        draw: roofline::draw,
    },
    Chart {
        name: "heatmap",
        title: "Tiling",
        about: "How fast each register block is. One chart for each layer and number format; no more than 12, \
                those in which most time is spent.",
        first: false,
        draw: heatmap::draw,
    },
    Chart {
        name: "convergence",
        title: "Convergence",
        about: "How many candidates, and how many seconds, the search needed.",
        first: false,
        draw: convergence::draw,
    },
];

/// Drawn from the history of all runs, not from one.
static TREND: Chart = Chart {
    name: "trend",
    title: "Trend",
    about: "Night by night: the time of a kernel, its levels, and what changed besides the code.",
    first: false,
    draw: |_| Ok(vec![]),
};

/// What one kind of chart came to.
struct Drawn<T: 'static = Run> {
    chart: &'static Chart<T>,
    files: Vec<Drawing>,
}

/// What a page's template reads of a chart.
#[derive(Serialize)]
struct ChartBlock<'a> {
    name: &'a str,
    title: &'a str,
    about: &'a str,
    files: Vec<ChartFile<'a>>,
}

#[derive(Serialize)]
struct ChartFile<'a> {
    stem: &'a str,
    svg: &'a str,
}

impl<T> Drawn<T> {
    fn block(&self) -> ChartBlock<'_> {
        let Chart { name, title, about, .. } = *self.chart;
        ChartBlock { name, title, about, files: self.chart_files() }
    }

    fn chart_files(&self) -> Vec<ChartFile<'_>> {
        self.files.iter().map(|(stem, svg)| ChartFile { stem, svg }).collect()
    }
}

/// Draws every chart of a registry.
fn draw_all<T>(charts: &'static [Chart<T>], from: &T) -> Result<Vec<Drawn<T>>> {
    let draw = |chart: &'static Chart<T>| {
        let files = (chart.draw)(from).with_context(|| format!("chart `{}`", chart.name))?;
        Ok(Drawn { chart, files })
    };
    charts.iter().map(draw).collect()
}

/// What a page shows beside the records of its runs.
#[derive(Clone, Default)]
pub struct Beside {
    /// How kernels went over the nights.
    pub trends: Vec<Trend>,
    pub prices: Prices,
    /// The night that the runs are of, where they are of one: how it is called, and what it found.
    pub night: Option<(String, Report)>,
}

impl Beside {
    /// The trends of a run's target.
    fn trends_for<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = &'a Trend> {
        self.trends.iter().filter(|t| run.provenance.as_ref().is_some_and(|p| p.target == t.0.key.target))
    }

    fn drawn(&self, run: &Run) -> Result<Drawn> {
        let one =
            |(h, changes): &Trend| Ok((format!("trend-{}", format::slug(&h.key.to_string())), trend(h, changes)?));
        Ok(Drawn { chart: &TREND, files: self.trends_for(run).map(one).collect::<Result<_>>()? })
    }
}

/// Writes `charts/*.svg` and `report.html` into the folder of a run; returns the path of the page.
/// # Errors
/// A folder that is no run, or cannot be written.
pub fn build(dir: &Path) -> Result<PathBuf> {
    build_with(&Run::load(dir)?, &Beside::default())
}

/// The same of a run that was read, with what is beside it.
/// # Errors
/// A folder that cannot be written.
pub fn build_with(run: &Run, beside: &Beside) -> Result<PathBuf> {
    let mut drawn = draw_all(CHARTS, run)?;
    drawn.push(beside.drawn(run)?);
    write_charts(&run.dir.join("charts"), &drawn)?;
    let page = run.dir.join("report.html");
    write_file(&page, &html::page(&[(run, &drawn)], beside)?)?;
    Ok(page)
}

/// One page of several runs: what to deploy where, how devices compare, and each run.
/// # Errors
/// A file that cannot be written.
pub fn compare(runs: &[Run], page: &Path) -> Result<()> {
    compare_with(runs, &Beside::default(), page)
}

/// The same, with what is beside them.
/// # Errors
/// A file that cannot be written.
pub fn compare_with(runs: &[Run], beside: &Beside, page: &Path) -> Result<()> {
    let mut drawn = runs.iter().map(|run| draw_all(CHARTS, run)).collect::<Result<Vec<_>>>()?;
    for (run, drawn) in runs.iter().zip(&mut drawn) {
        let trends = beside.drawn(run)?;
        let folder = page.with_file_name("charts");
        if !trends.files.is_empty() {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        trends.files.iter().try_for_each(|(stem, svg)| write_file(&folder.join(format!("{stem}.svg")), svg))?;
        drawn.push(trends);
    }
    let both: Vec<(&Run, &[Drawn])> = runs.iter().zip(&drawn).map(|(run, drawn)| (run, &drawn[..])).collect();
    write_file(page, &html::page(&both, beside)?)
}

/// Writes the charts and removes those that an earlier report made and this one did not.
fn write_charts<T>(folder: &Path, drawn: &[Drawn<T>]) -> Result<()> {
    let files: Vec<&Drawing> = drawn.iter().flat_map(|d| &d.files).collect();
    if !files.is_empty() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for (stem, svg) in &files {
        write_file(&folder.join(format!("{stem}.svg")), svg)?;
    }
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for path in entries.flatten().map(|e| e.path()) {
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let svg = path.extension().is_some_and(|e| e == "svg");
        let ours = drawn
            .iter()
            .map(|d| d.chart.name)
            .any(|n| stem == n || stem.strip_prefix(n).is_some_and(|s| s.starts_with('-')));
        if svg && ours && !files.iter().any(|(s, _)| *s == stem) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    // a folder of nothing says nothing
    let _ = fs::remove_dir(folder);
    Ok(())
}
