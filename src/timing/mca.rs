//! `llvm-mca`: how many cycles a basic block takes on a core of which LLVM has a scheduling model. It knows what the core's
//! ports, latencies and widths allow, and takes every load for one that hits the first-level cache.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

/// Iterations of a block in two simulations. What the longer one takes more is the steady state: without filling and draining.
const SHORT: usize = 10;
const LONG: usize = 30;

/// The tool, for one core.
pub struct Mca {
    program: PathBuf,
    triple: &'static str,
    pub cpu: String,
    /// Instructions that the core takes up in a cycle; 0: as many as LLVM says.
    dispatch: u32,
    /// `llvm-mca 19.1.7`
    pub version: String,
    /// By the text of a block: cycles of one pass.
    known: HashMap<String, f64>,
}

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "CodeRegions")]
    regions: Vec<Region>,
}
#[derive(Deserialize)]
struct Region {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "SummaryView")]
    summary: Summary,
}
#[derive(Deserialize)]
struct Summary {
    #[serde(rename = "TotalCycles")]
    cycles: f64,
}

impl Mca {
    /// # Errors
    /// No `llvm-mca` on this machine, or one that does not know the core.
    pub fn new(triple: &'static str, cpu: &str, dispatch: u32) -> Result<Self> {
        let (program, version) = newest()
            .ok_or_else(|| anyhow!("no `llvm-mca` on the path or in /usr/lib/llvm-*/bin; apt install llvm-19"))?;
        let mca = Self { program, triple, cpu: cpu.into(), dispatch, version, known: HashMap::new() };
        // an unknown core is told on stderr and taken for a generic one
        let (_, said) = mca.simulate("nop\n", 1)?;
        ensure!(!said.contains("not a recognized processor"), "{} knows no core `{cpu}`", mca.version);
        Ok(mca)
    }

    /// Cycles of one pass of each block, when it is repeated; none for a block that it makes nothing of.
    pub fn cycles<'a>(&mut self, blocks: impl IntoIterator<Item = &'a str>) -> Result<HashMap<&'a str, f64>> {
        let all: Vec<&str> = blocks.into_iter().collect();
        let mut new: Vec<&str> = all.iter().copied().filter(|b| !self.known.contains_key(*b)).collect();
        new.sort_unstable();
        new.dedup();
        if !new.is_empty() {
            let mut text = String::new();
            for (i, block) in new.iter().enumerate() {
                text += &format!("# LLVM-MCA-BEGIN b{i}\n{block}# LLVM-MCA-END\n");
            }
            let (short, long) = (self.regions(&text, SHORT)?, self.regions(&text, LONG)?);
            for (i, block) in new.iter().enumerate() {
                let name = format!("b{i}");
                if let Some((short, long)) = short.get(&name).zip(long.get(&name)) {
                    self.known.insert(block.to_string(), (long - short).max(0.0) / (LONG - SHORT) as f64);
                }
            }
        }
        Ok(all.into_iter().filter_map(|b| Some((b, *self.known.get(b)?))).collect())
    }

    /// Cycles of so many iterations of each region, by its name.
    fn regions(&self, text: &str, iterations: usize) -> Result<HashMap<String, f64>> {
        let (out, said) = self.simulate(text, iterations)?;
        let report: Report = serde_json::from_str(&out).map_err(|_| {
            anyhow!("{} gives no report: {}", self.version, said.lines().next().unwrap_or("it says nothing"))
        })?;
        Ok(report.regions.into_iter().map(|r| (r.name, r.summary.cycles)).collect())
    }

    fn simulate(&self, text: &str, iterations: usize) -> Result<(String, String)> {
        let mut command = Command::new(&self.program);
        command.args(["-mtriple", self.triple, "-mcpu", &self.cpu, "-json"]);
        command.args(["-instruction-info=false", "-resource-pressure=false", "-skip-unsupported-instructions=any"]);
        command.args([format!("-iterations={iterations}"), format!("-dispatch={}", self.dispatch)]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut stdin = child.stdin.take().context("llvm-mca has no input")?;
        let text = text.to_string();
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output()?;
        let _ = writer.join(); // what it does not read it complains of
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&output.stdout), text(&output.stderr)))
    }
}

/// The newest `llvm-mca` of this machine, and what it calls itself.
fn newest() -> Option<(PathBuf, String)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|d| d.path().join("bin")));
    let programs = folders.iter().map(|d| d.join("llvm-mca")).filter(|p| p.is_file());
    let known = programs.filter_map(|p| {
        let output = Command::new(&p).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text.split_once("version ")?.1.split_whitespace().next()?.to_string();
        let key: Vec<u32> = number.split('.').filter_map(|n| n.parse().ok()).collect();
        Some((key, p, format!("llvm-mca {number}")))
    });
    known.max().map(|(_, program, version)| (program, version))
}
