//! Running designs: their C++ on this machine, their RTL in a simulator. Answers, and of RTL clock cycles.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::Evidence;
use super::design::{Trial, bench, csim_main};
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
    build: fn(&Path, &[Trial]) -> Result<()>,
    /// Runs what was built; its lines.
    run: fn(&Path) -> Result<String>,
}

/// Every simulator, the fastest to run last.
pub static SIMULATORS: &[Simulator] = &[
    Simulator {
        name: "csim",
        evidence: Evidence::Csim,
        program: "g++",
        package: "g++",
        build: build_csim,
        run: |dir| output(Command::new(dir.join("csim")).current_dir(dir)),
    },
    Simulator {
        name: "icarus",
        evidence: Evidence::Rtlsim,
        program: "iverilog",
        package: "iverilog",
        build: build_icarus,
        run: |dir| output(Command::new("vvp").args(["-n", "bench.vvp"]).current_dir(dir)),
    },
    Simulator {
        name: "verilator",
        evidence: Evidence::Rtlsim,
        program: "verilator",
        package: "verilator",
        build: build_verilator,
        run: |dir| output(Command::new(dir.join("obj_dir/Vbench")).current_dir(dir)),
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
        self.missing().map_or(Ok(()), |why| Err(anyhow!("{why}")))?;
        write_files(dir, trials)?;
        (self.build)(dir, trials).with_context(|| format!("{} cannot build the designs", self.name))?;
        let said = (self.run)(dir).with_context(|| format!("{} cannot run the designs", self.name))?;
        let verdict = |t: &Trial| {
            let line = said.lines().find(|l| l.split(' ').next() == Some(&t.design.name) && l.contains(" wrong="));
            let line = line.with_context(|| format!("{}: no verdict of {}", self.name, t.design.name))?;
            let field =
                |name: &str| line.split(' ').find_map(|w| w.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok());
            let timed = |name| field(name).filter(|v| *v > 0 && t.seed == 0);
            let interval = timed("interval").filter(|_| t.vectors.outputs.len() > 1);
            let counts = field("outputs").zip(field("wrong"));
            let (outputs, wrong) = counts.with_context(|| format!("strange line `{line}`"))?;
            Ok(Verdict { design: t.design.name.clone(), outputs, wrong, cycles: timed("cycles"), interval })
        };
        trials.iter().map(verdict).collect()
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

fn build_csim(dir: &Path, trials: &[Trial]) -> Result<()> {
    let mut units = vec!["csim.cpp".to_string()];
    for (i, some) in trials.chunks(PER_UNIT).enumerate() {
        let text: String = some.iter().map(|t| format!("#include \"{}.cpp\"\n", t.design.name)).collect();
        let name = format!("designs{i}.cpp");
        fs::write(dir.join(&name), text).with_context(|| format!("cannot write {name}"))?;
        units.push(name);
    }
    let mut cc = Command::new("g++");
    cc.args(["-std=c++14", "-O1", "-Wno-unknown-pragmas", "-o", "csim"]).args(units).current_dir(dir);
    output(&mut cc).map(drop)
}

fn sources(trials: &[Trial]) -> Vec<String> {
    let own = trials.iter().flat_map(|t| t.design.rtl.iter().map(|(name, _)| name));
    let all = rtl::MODULES.iter().map(|(name, _)| (*name).to_string()).chain(own.cloned());
    let mut all: Vec<String> = all.filter(|n| n.ends_with(".sv")).collect();
    all.extend(["bs_bench.sv".into(), "bench.sv".into()]);
    all
}

fn build_icarus(dir: &Path, trials: &[Trial]) -> Result<()> {
    let mut cc = Command::new("iverilog");
    cc.args(["-g2012", "-s", "bs_clock", "-o", "bench.vvp", "bs_clock.sv"]).args(sources(trials)).current_dir(dir);
    output(&mut cc).map(drop)
}

fn build_verilator(dir: &Path, trials: &[Trial]) -> Result<()> {
    let mut cc = Command::new("verilator");
    cc.args(["--cc", "--exe", "--build", "--top-module", "bench", "-O3", "-Wno-fatal", "-Wno-WIDTH", "-Wno-lint"]);
    cc.args(["-j", "2", "-CFLAGS", "-O1", "main.cpp"]).args(sources(trials)).current_dir(dir);
    output(&mut cc).map(drop)
}

/// What a command says; its first complaint where it fails.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let out =
        command.stdin(Stdio::null()).env("LC_ALL", "C").output().with_context(|| format!("{program} cannot be run"))?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() && !said.contains(" wrong=") {
        let error = String::from_utf8_lossy(&out.stderr).into_owned() + &said;
        let first = error.lines().find(|l| l.to_lowercase().contains("error")).or(error.lines().next());
        bail!("{program}: {}", first.unwrap_or("it ended without a word"));
    }
    ensure!(!said.contains("$readmem") || !said.contains("ERROR"), "{}", said.lines().next().unwrap_or_default());
    Ok(said)
}
