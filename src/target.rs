//! Targets: a device, its instruction set, its compiler and the runner that reaches it. Schema: `docs/formats.md`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::host::{Caches, Machine};
use crate::input;
use crate::native::Isa;

/// One device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub name: String,
    #[serde(default)]
    pub title: String,
    pub family: Family,
    /// The vocabulary `native/isa/NAME.h`.
    pub isa: String,
    /// Features the device must have, as `/proc/cpuinfo` spells them.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Debian packages that bring the compiler and the runner's program.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Of a device that does not tell them, or is emulated.
    #[serde(default)]
    pub caches: Option<Caches>,
    pub compiler: Compiler,
    pub runner: Runner,
    /// What times are modelled by, where nobody can measure them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Core>,
}

/// A core as a model of times sees it, from public documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// LLVM's name of the core, or of the nearest one that it has a scheduling model of.
    pub cpu: String,
    /// Instructions it takes up in a cycle, where it is wider than the core that LLVM knows.
    #[serde(default)]
    pub dispatch: u32,
    /// Are moves between vector registers done by renaming, without an execution unit, where LLVM's model does not know it?
    #[serde(default)]
    pub free_moves: bool,
    pub clock_ghz: f64,
    /// Bytes per cycle that one core reads from behind its first-level cache.
    pub read_bytes_per_cycle: Reads,
    /// Multiply-accumulates per cycle of one core as published, by the kind of tile.
    #[serde(default)]
    pub peak: BTreeMap<String, f64>,
    /// An emulator of the core, or of one that has its instructions, with its options.
    #[serde(default)]
    pub emulator: Vec<String>,
    /// Where these figures are from.
    pub source: String,
}

/// Of each level behind the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reads {
    pub l2: f64,
    #[serde(default)]
    pub l3: f64,
    pub memory: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    X86,
    Arm,
    Fpga,
}

/// How a batch becomes a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiler {
    pub cc: String,
    #[serde(default)]
    pub flags: Vec<String>,
    /// Flags of the linking step only.
    #[serde(default)]
    pub link: Vec<String>,
}

/// How the program is started, and what its figures are worth.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    pub kind: RunnerKind,
    #[serde(default)]
    pub evidence: Evidence,
    /// The program that runs others, with its options: an emulator, or an ssh that is not plain `ssh`.
    #[serde(default)]
    pub command: Vec<String>,
    /// Of `ssh`: the device, as the user's ssh configuration names it.
    #[serde(default)]
    pub host: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunnerKind {
    /// This machine.
    Host,
    /// An emulator of another CPU, on this machine.
    Qemu,
    /// Another machine.
    Ssh,
}

/// What a figure rests on. Figures of different classes are never ranked against each other without saying so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Timed on the device itself.
    #[default]
    Measured,
    /// Computed by an emulator: right or wrong, never a time.
    Emulated,
    /// Computed from the code and a description of the core: a time that nobody measured.
    Modelled,
}

impl Runner {
    /// What makes no sense about it, if anything.
    fn mistake(&self) -> Option<&'static str> {
        match (self.kind, self.command.is_empty(), self.host.is_empty()) {
            (RunnerKind::Qemu, true, _) => Some("command is missing; name the emulator and its options"),
            _ if self.evidence == Evidence::Modelled => {
                Some("evidence is `measured` or `emulated`; `model` gives times")
            }
            (RunnerKind::Qemu, ..) if self.evidence == Evidence::Measured => {
                Some("an emulator gives no times; say evidence = \"emulated\"")
            }
            (RunnerKind::Ssh, _, true) => Some("host is missing; name the device as ssh knows it"),
            (RunnerKind::Host, false, _) => Some("command is for qemu and ssh"),
            (RunnerKind::Host | RunnerKind::Qemu, _, false) => Some("host is for ssh"),
            _ => None,
        }
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

impl Evidence {
    pub fn name(self) -> &'static str {
        match self {
            Evidence::Measured => "measured",
            Evidence::Emulated => "emulated",
            Evidence::Modelled => "modelled",
        }
    }
}

/// The built-in targets: one file and one row each. `host` picks the last one that this machine can measure.
pub static TARGETS: &[(&str, &str)] = &[
    ("x86-scalar", include_str!("../targets/x86-scalar.toml")),
    ("x86-avx2", include_str!("../targets/x86-avx2.toml")),
    ("x86-avxvnni-evex", include_str!("../targets/x86-avxvnni-evex.toml")),
    ("x86-avxvnni", include_str!("../targets/x86-avxvnni.toml")),
    ("x86-avx512vnni", include_str!("../targets/x86-avx512vnni.toml")),
    ("x86-avx512vpopcnt", include_str!("../targets/x86-avx512vpopcnt.toml")),
    ("x86-avx512bf16", include_str!("../targets/x86-avx512bf16.toml")),
    ("x86-amx", include_str!("../targets/x86-amx.toml")),
    ("x86-avxvnni-simde", include_str!("../targets/x86-avxvnni-simde.toml")),
    ("x86-avx512vnni-simde", include_str!("../targets/x86-avx512vnni-simde.toml")),
    ("x86-avx512vpopcnt-simde", include_str!("../targets/x86-avx512vpopcnt-simde.toml")),
    ("x86-avx512bf16-simde", include_str!("../targets/x86-avx512bf16-simde.toml")),
    ("x86-amx-emulated", include_str!("../targets/x86-amx-emulated.toml")),
    ("armv7-neon", include_str!("../targets/armv7-neon.toml")),
    ("arm-neon", include_str!("../targets/arm-neon.toml")),
    ("arm-sve512", include_str!("../targets/arm-sve512.toml")),
    ("arm-sve256", include_str!("../targets/arm-sve256.toml")),
    ("arm-sve2", include_str!("../targets/arm-sve2.toml")),
    ("arm-dotprod", include_str!("../targets/arm-dotprod.toml")),
    ("arm-i8mm", include_str!("../targets/arm-i8mm.toml")),
    ("arm-bf16", include_str!("../targets/arm-bf16.toml")),
    ("arm-neon-qemu", include_str!("../targets/arm-neon-qemu.toml")),
    ("arm-dotprod-qemu", include_str!("../targets/arm-dotprod-qemu.toml")),
    ("arm-i8mm-qemu", include_str!("../targets/arm-i8mm-qemu.toml")),
    ("arm-bf16-qemu", include_str!("../targets/arm-bf16-qemu.toml")),
    ("armv7-neon-qemu", include_str!("../targets/armv7-neon-qemu.toml")),
    ("arm-sve512-qemu", include_str!("../targets/arm-sve512-qemu.toml")),
    ("arm-sve256-qemu", include_str!("../targets/arm-sve256-qemu.toml")),
    ("arm-sve2-qemu", include_str!("../targets/arm-sve2-qemu.toml")),
    ("pi4", include_str!("../targets/pi4.toml")),
    ("pi5", include_str!("../targets/pi5.toml")),
    ("neoverse-n1", include_str!("../targets/neoverse-n1.toml")),
    ("neoverse-v1", include_str!("../targets/neoverse-v1.toml")),
    ("cortex-a53", include_str!("../targets/cortex-a53.toml")),
    ("rk3588-a55", include_str!("../targets/rk3588-a55.toml")),
    ("rk3588-a76", include_str!("../targets/rk3588-a76.toml")),
    ("neoverse-n2", include_str!("../targets/neoverse-n2.toml")),
    ("neoverse-v2", include_str!("../targets/neoverse-v2.toml")),
    ("apple-m1", include_str!("../targets/apple-m1.toml")),
];

/// What follows the name of a device that is emulated here.
const EMULATED: &str = "-qemu";
/// What that takes beside the tool.
const EMULATED_PACKAGES: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user", "llvm-19"];

impl Target {
    /// `host`, the name of a built-in target, or the path of a TOML file.
    pub fn find(name: &str) -> Result<Self> {
        if name == "host" {
            return Self::host();
        }
        if let Some((n, text)) = TARGETS.iter().find(|(n, _)| *n == name) {
            return Self::parse(&format!("{n}.toml"), text);
        }
        if name.ends_with(".toml") {
            return Self::parse(name, &input::read_text(Path::new(name))?);
        }
        if let Some(device) = name.strip_suffix(EMULATED).filter(|n| TARGETS.iter().any(|(t, _)| t == n)) {
            return Self::find(device)?.emulated();
        }
        let names: Vec<_> = TARGETS.iter().map(|(n, _)| *n).collect();
        bail!("unknown target `{name}`; choose host, {}, or the path of a .toml file", names.join(", "))
    }

    /// A device that is not at hand: its kernels as they would be built for it, checked by an emulator here, with times by
    /// its model.
    /// # Errors
    /// A target without a model, or one whose model names no emulator.
    pub fn emulated(&self) -> Result<Self> {
        let core = self.model.as_ref().filter(|m| !m.emulator.is_empty());
        let core = core.ok_or_else(|| anyhow!("target {}: its file has no `model` with an `emulator`", self.name))?;
        let runner = Runner {
            kind: RunnerKind::Qemu,
            evidence: Evidence::Emulated,
            command: core.emulator.clone(),
            host: String::new(),
        };
        let title = self.title.split(", over ").next().unwrap_or_default();
        Ok(Self {
            name: format!("{}{EMULATED}", self.name),
            title: format!("{title}: checked by an emulator, times modelled"),
            requires: vec![],
            packages: EMULATED_PACKAGES.iter().map(ToString::to_string).collect(),
            runner,
            ..self.clone()
        })
    }

    /// The best target this machine can measure.
    pub fn host() -> Result<Self> {
        let measures = |t: &Self| t.runner.kind == RunnerKind::Host && t.runner.evidence == Evidence::Measured;
        let best = Self::all()?.into_iter().rev().filter(measures).find(|t| t.missing().is_none());
        best.ok_or_else(|| anyhow!("no built-in target fits this machine; `bitsmith targets` says why"))
    }

    pub fn all() -> Result<Vec<Self>> {
        TARGETS.iter().map(|(n, text)| Self::parse(&format!("{n}.toml"), text)).collect()
    }

    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let target: Self = input::parse_toml(file, text)?;
        if target.name.is_empty() || target.name.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)) {
            return Err(input::bad_field(file, text, 0, "name", "use letters, digits, - and _"));
        }
        Isa::load(&target.isa).map_err(|e| input::bad_field(file, text, 0, "isa", &format!("{e:#}")))?;
        if target.compiler.cc.is_empty() {
            return Err(input::bad_field(file, text, 0, "compiler", "cc is empty; name a C compiler"));
        }
        target.runner.mistake().map_or(Ok(target), |why| Err(input::bad_field(file, text, 0, "runner", why)))
    }

    /// Why this machine cannot run the target, if it cannot. Nobody asks another machine.
    pub fn missing(&self) -> Option<String> {
        let program = match (self.runner.kind, self.family, std::env::consts::ARCH) {
            (RunnerKind::Host, Family::X86, "x86_64") | (RunnerKind::Host, Family::Arm, "aarch64" | "arm") => {
                return self.lacking(&Machine::here()).map(|what| format!("this CPU lacks {what}"));
            }
            (RunnerKind::Host, family, arch) => {
                return Some(format!("needs {family:?}, this machine is {arch}").to_lowercase());
            }
            _ => [Some(&self.compiler.cc), self.runner.command.first()].into_iter().flatten().find(|p| !on_path(p))?,
        };
        let remedy = match self.packages.is_empty() {
            true => "install it".into(),
            false => format!("apt install {}", self.packages.join(" ")),
        };
        Some(format!("`{program}` is not on the path; {remedy}"))
    }

    /// Required features that a machine does not have, if any.
    pub fn lacking(&self, machine: &Machine) -> Option<String> {
        let there = machine.flags();
        let lacking: Vec<_> =
            self.requires.iter().filter(|r| !there.contains(r.as_str())).map(String::as_str).collect();
        (!lacking.is_empty()).then(|| lacking.join(", "))
    }

    /// Fails with the reason and the remedy when this machine cannot run the target.
    pub fn require(&self) -> Result<()> {
        match self.missing() {
            None => Ok(()),
            Some(why) => Err(anyhow!("{why}; `bitsmith targets` lists what it can run"))
                .with_context(|| format!("target {}", self.name)),
        }
    }

    pub fn isa(&self) -> Result<Isa> {
        Isa::load(&self.isa)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_targets_parse_and_mistakes_are_named() {
        for target in Target::all().unwrap() {
            target.isa().unwrap();
        }
        let text = TARGETS[1].1;
        let say = |from: &str, to: &str| Target::parse("t.toml", &text.replace(from, to)).unwrap_err().to_string();
        assert!(
            say("isa = \"avx2\"", "isa = \"avx3\"").starts_with("t.toml:4: field `isa`: no isa `avx3`; choose one of")
        );
        assert!(say("family = \"x86\"", "family = \"mips\"").contains("t.toml:3: field `family`"));
        assert!(say("requires", "require").contains("unknown field `require`"));
        assert!(Target::find("nosuch").unwrap_err().to_string().contains("x86-avx2"));
    }
}
