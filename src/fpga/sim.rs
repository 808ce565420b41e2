//! Running designs: their C++ on this machine, their RTL in a simulator. Answers, and of RTL clock cycles.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, anyhow};

use super::Evidence;
use super::design::{Trial, bench, csim_main};
use super::tool::{self, Failure, Limits};
use super::{hls, rtl};

/// What a simulator says of one design.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    pub design: String,
    /// Outputs, or beats of them in RTL, that were compared with the law's; and those that were different or missing.
    pub outputs: u64,
    pub wrong: u64,
    /// From the first input to the last output, both counted, and between the ends of the last two frames; RTL only, and
    /// only where nobody kept it waiting.
    pub cycles: Option<u64>,
    pub interval: Option<u64>,
}

/// A way to run designs.
pub struct Simulator {
    pub name: &'static str,
    pub evidence: Evidence,
    /// What it needs on the path, and the Debian package that brings it.
    pub program: &'static str,
    pub package: &'static str,
    /// Builds in a folder that holds the designs' files.
    build: fn(&Path, &[Trial], &Within) -> Result<(), Failure>,
    /// Runs what was built; its lines.
    run: fn(&Path, &Within) -> Result<String, Failure>,
}

/// What a simulator may take, and who may stop it.
pub struct Within<'a> {
    pub limits: Limits,
    pub stop: &'a AtomicBool,
}

/// Of simulations that nobody waits for with a clock in his hand.
const PATIENT: Limits = Limits { seconds: 3600.0, memory: 16 << 30 };

/// Every simulator, the fastest to run last.
pub static SIMULATORS: &[Simulator] = &[
    Simulator {
        name: "csim",
        evidence: Evidence::Csim,
        program: "g++",
        package: "g++",
        build: build_csim,
        run: |dir, within| output(&mut Command::new(dir.join("csim")), dir, "run.log", within),
    },
    Simulator {
        name: "icarus",
        evidence: Evidence::Rtlsim,
        program: "iverilog",
        package: "iverilog",
        build: build_icarus,
        run: |dir, within| output(Command::new("vvp").args(["-n", "bench.vvp"]), dir, "run.log", within),
    },
    Simulator {
        name: "verilator",
        evidence: Evidence::Rtlsim,
        program: "verilator",
        package: "verilator",
        build: build_verilator,
        run: |dir, within| output(&mut Command::new(dir.join("obj_dir/Vbench")), dir, "run.log", within),
    },
];

/// # Errors
/// No such simulator.
pub fn simulator(name: &str) -> Result<&'static Simulator> {
    let names = || SIMULATORS.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    SIMULATORS
        .iter()
        .find(|s| s.name == name)
        .ok_or_else(|| anyhow!("no simulator `{name}`; choose one of {}", names()))
}

impl Simulator {
    /// Why it cannot be used here, and the remedy.
    pub fn missing(&self) -> Option<String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = std::env::split_paths(&path).any(|dir| dir.join(self.program).is_file());
        (!there).then(|| format!("`{}` is not on the path; apt install {}", self.program, self.package))
    }

    /// Runs all trials in one program, in a folder for it alone. Verdicts are in the order of the trials.
    /// # Errors
    /// A simulator that is not there, sources that do not build, a program that ends without a verdict.
    pub fn verdicts(&self, dir: &Path, trials: &[Trial]) -> Result<Vec<Verdict>> {
        let within = Within { limits: PATIENT, stop: &AtomicBool::new(false) };
        self.verdicts_within(dir, trials, &within).map_err(|e| anyhow!("{}: {e}", self.name))
    }

    /// The same with limits.
    /// # Errors
    /// As [`Simulator::verdicts`]; programs that take more than they may.
    pub fn verdicts_within(&self, dir: &Path, trials: &[Trial], within: &Within) -> Result<Vec<Verdict>, Failure> {
        self.missing().map_or(Ok(()), |why| Err(Failure::Missing(why)))?;
        write_files(dir, trials).map_err(|e| broken(dir, &e))?;
        // programs are run elsewhere
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.into());
        (self.build)(&dir, trials, within)?;
        let said = (self.run)(&dir, within)?;
        let verdict = |t: &Trial| {
            let line = said.lines().find(|l| l.split(' ').next() == Some(&t.design.name) && l.contains(" wrong="));
            let line = line.ok_or_else(|| Failure::Failed(format!("no verdict of {}", t.design.name)))?;
            let field =
                |name: &str| line.split(' ').find_map(|w| w.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok());
            let timed = |name| field(name).filter(|v| *v > 0 && t.seed == 0);
            let interval = timed("interval").filter(|_| t.vectors.outputs.len() > 1);
            let counts = field("outputs").zip(field("wrong"));
            let (outputs, wrong) = counts.ok_or_else(|| Failure::Failed(format!("strange line `{line}`")))?;
            Ok(Verdict { design: t.design.name.clone(), outputs, wrong, cycles: timed("cycles"), interval })
        };
        trials.iter().map(verdict).collect()
    }
}

fn broken(dir: &Path, e: &anyhow::Error) -> Failure {
    let full = |e: &std::io::Error| e.kind() == std::io::ErrorKind::StorageFull;
    match e.chain().filter_map(|e| e.downcast_ref()).any(full) {
        true => Failure::DiskFull(dir.display().to_string()),
        false => Failure::Failed(format!("{e:#}")),
    }
}

/// Everything that a simulator reads.
fn write_files(dir: &Path, trials: &[Trial]) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    for (name, text) in hls::HEADERS.iter().chain(rtl::MODULES).chain(rtl::BENCH) {
        write(name, text)?;
    }
    for t in trials {
        t.design.rtl.iter().try_for_each(|(name, text)| write(name, text))?;
        t.design.vector_files(t.vectors).iter().try_for_each(|(name, text)| write(name, text))?;
        write(&format!("{}.cpp", t.design.name), &t.design.hls)?;
    }
    write("bench.sv", &bench(trials))?;
    write("csim.cpp", &csim_main(trials))
}

/// Many designs in one compilation: starting the compiler costs more than a small design.
const PER_UNIT: usize = 64;

fn build_csim(dir: &Path, trials: &[Trial], within: &Within) -> Result<(), Failure> {
    let mut units = vec!["csim.cpp".to_string()];
    for (i, some) in trials.chunks(PER_UNIT).enumerate() {
        let text: String = some.iter().map(|t| format!("#include \"{}.cpp\"\n", t.design.name)).collect();
        let name = format!("designs{i}.cpp");
        let written = fs::write(dir.join(&name), text).with_context(|| format!("cannot write {name}"));
        written.map_err(|e| broken(dir, &e))?;
        units.push(name);
    }
    let mut cc = Command::new("g++");
    cc.args(["-std=c++14", "-O1", "-Wno-unknown-pragmas", "-o", "csim"]).args(units);
    output(&mut cc, dir, "build.log", within).map(drop)
}

fn sources(trials: &[Trial]) -> Vec<String> {
    let own = trials.iter().flat_map(|t| t.design.rtl.iter().map(|(name, _)| name));
    let all = rtl::MODULES.iter().map(|(name, _)| (*name).to_string()).chain(own.cloned());
    let mut all: Vec<String> = all.filter(|n| n.ends_with(".sv")).collect();
    all.extend(["bs_bench.sv".into(), "bench.sv".into()]);
    all
}

fn build_icarus(dir: &Path, trials: &[Trial], within: &Within) -> Result<(), Failure> {
    let mut cc = Command::new("iverilog");
    cc.args(["-g2012", "-s", "bs_clock", "-o", "bench.vvp", "bs_clock.sv"]).args(sources(trials));
    output(&mut cc, dir, "build.log", within).map(drop)
}

fn build_verilator(dir: &Path, trials: &[Trial], within: &Within) -> Result<(), Failure> {
    let mut cc = Command::new("verilator");
    cc.args(["--cc", "--exe", "--build", "--top-module", "bench", "-O3", "-Wno-fatal", "-Wno-WIDTH", "-Wno-lint"]);
    cc.args(["-j", "2", "-CFLAGS", "-O1", "main.cpp"]).args(sources(trials));
    output(&mut cc, dir, "build.log", within).map(drop)
}

/// What a command says; its first complaint where it fails. A bench that found something wrong ends without success.
fn output(command: &mut Command, dir: &Path, log: &str, within: &Within) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let said = match tool::run(command.env("LC_ALL", "C"), dir, log, within.limits, within.stop) {
        Err(Failure::Failed(why)) => {
            let said = fs::read(dir.join(log)).unwrap_or_default();
            let said = String::from_utf8_lossy(&said).into_owned();
            if !said.contains(" wrong=") {
                return Err(Failure::Failed(format!("{program}: {why}")));
            }
            said
        }
        other => other?,
    };
    match said.lines().next() {
        Some(first) if said.contains("$readmem") && said.contains("ERROR") => Err(Failure::Failed(first.into())),
        _ => Ok(said),
    }
}
