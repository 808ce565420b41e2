//! Is a description of a unit, or of a network, right? RTL and netlists are simulated with the same beats, by chance and extreme, and must
//! give every output of the law, with every bit known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use super::design::{Design, Vectors};
use super::ir::{Mvau, UnitKind};
use super::parameters::Parameters;
use super::rtl::hex_word;
use super::tool::{self, Failure, Limits, Program};

const BENCH: &str = include_str!("../../native/fpga/bench.v");

/// Icarus Verilog.
#[derive(Clone, Debug)]
pub struct Simulator {
    compiler: Program,
    runner: Program,
}

/// What a simulation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Clock cycles for all vectors, from the one in which the first input is taken to that of the last output.
    Right { cycles: u64 },
    /// What was wrong first.
    Wrong(String),
}

/// Beats of a design's streams, one hexadecimal word each.
pub struct Beats {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// Vectors, or frames, that they are.
    pub vectors: u64,
    /// Bits of a beat that comes in, and of one that goes out.
    pub widths: [usize; 2],
    /// Clock cycles after which nobody waits any longer.
    pub limit: u64,
}

impl Beats {
    /// `vectors` inputs, the extreme ones first, and what the law makes of them.
    pub fn new(unit: &Mvau, own: &Parameters, vectors: usize, seed: u64) -> Self {
        let (a, out) = (unit.activation_bits as usize, unit.output_bits() as usize);
        let mask = |v: i32, bits: usize| u64::from(v as u32) & ((1 << bits) - 1);
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for x in own.inputs(unit, vectors, seed) {
            for beat in 0..unit.input_beats() {
                let lane = |l: usize| match unit.kind {
                    UnitKind::Dense => x[beat * unit.simd + l],
                    UnitKind::Depthwise => {
                        let (nf, sf) = (beat / unit.synapse_folds(), beat % unit.synapse_folds());
                        x[(nf * unit.pe + l) * unit.columns + sf]
                    }
                };
                inputs.push(hex_word((0..unit.input_lanes()).map(|l| mask(lane(l), a)), a));
            }
            outputs.extend(own.law(unit, &x).chunks(unit.pe).map(|c| hex_word(c.iter().map(|v| mask(*v, out)), out)));
        }
        let widths = [unit.input_lanes() * a, unit.pe * out];
        let limit = 16 * unit.cycles(vectors as u64) + 1000;
        Self { inputs, outputs, vectors: vectors as u64, widths, limit }
    }

    /// Those of recorded frames of a design that takes about `interval` cycles for one.
    pub fn of_frames(design: &Design, frames: &Vectors, interval: u64) -> Self {
        let [inputs, outputs] = design.vector_files(frames).map(|(_, text)| text.lines().map(String::from).collect());
        let count = frames.inputs.len() as u64;
        let widths = [design.input.width(), design.output.width()];
        Self { inputs, outputs, vectors: count, widths, limit: 16 * (count + 8) * interval + 10_000 }
    }
}

impl Simulator {
    /// # Errors
    /// Icarus Verilog is not there.
    pub fn find() -> Result<Self, Failure> {
        let install = "apt install iverilog";
        Ok(Self {
            compiler: tool::find(&["iverilog"], &["-V"], install)?,
            runner: tool::find(&["vvp"], &["-V"], install)?,
        })
    }

    pub fn version(&self) -> &str {
        &self.compiler.version
    }

    /// Simulates module `top` of `sources`, which may include what lies in `include`; once without pauses and once with.
    /// `folder` is where `$readmemh` of the design looks. `limit` is how many cycles it may take.
    /// # Errors
    /// What became of the simulator; a wrong answer is none.
    #[allow(clippy::too_many_arguments)]
    pub fn check(
        &self,
        (folder, name): (&Path, &str),
        top: &str,
        sources: &[PathBuf],
        include: &[PathBuf],
        beats: &Beats,
        limits: Limits,
        stop: &AtomicBool,
    ) -> Result<Verdict, Failure> {
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::StorageFull => Failure::DiskFull(folder.display().to_string()),
            _ => Failure::Failed(format!("{}: {e}", folder.display())),
        };
        fs::write(folder.join("bench.v"), BENCH).map_err(failed)?;
        fs::write(folder.join("inputs.hex"), beats.inputs.join("\n") + "\n").map_err(failed)?;
        fs::write(folder.join("outputs.hex"), beats.outputs.join("\n") + "\n").map_err(failed)?;
        let program = format!("{name}.vvp");
        let mut compile = Command::new(&self.compiler.path);
        compile.args(["-g2012", "-s", "bench", "-o", &program]);
        for (macro_name, value) in [
            ("UNIT", top.to_string()),
            ("INPUT_BITS", beats.widths[0].to_string()),
            ("OUTPUT_BITS", beats.widths[1].to_string()),
            ("INPUTS", beats.inputs.len().to_string()),
            ("OUTPUTS", beats.outputs.len().to_string()),
            ("LIMIT", beats.limit.to_string()),
        ] {
            compile.arg(format!("-D{macro_name}={value}"));
        }
        let include = include.iter().map(|i| format!("-I{}", i.display()));
        compile.args(include).arg("bench.v").args(sources);
        tool::run(&mut compile, folder, &format!("{name}.compile.log"), limits, stop)?;
        let mut cycles = 0;
        for stall in [false, true] {
            let mut run = Command::new(&self.runner.path);
            run.arg("-n").arg(&program).args(stall.then_some("+stall"));
            let log = format!("{name}.{}.log", if stall { "stall" } else { "flow" });
            let said = tool::run(&mut run, folder, &log, limits, stop)?;
            match verdict(&said, beats.outputs.len()) {
                Verdict::Right { cycles: own } if !stall => cycles = own,
                Verdict::Right { .. } => {}
                wrong => return Ok(wrong),
            }
        }
        Ok(Verdict::Right { cycles })
    }
}

/// What the bench says: `bitsmith beats B wrong W cycles C: HOW`.
fn verdict(said: &str, beats: usize) -> Verdict {
    let Some(line) = said.lines().find_map(|l| l.strip_prefix("bitsmith ")) else {
        return Verdict::Wrong("the simulation ended without a word".into());
    };
    let words: Vec<&str> = line.split([' ', ':']).collect();
    let number = |after: &str| {
        let at = words.iter().position(|w| *w == after)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    let done = line.ends_with(": done");
    match (number("beats"), number("wrong"), number("cycles")) {
        (Some(b), Some(0), Some(cycles)) if done && b == beats as u64 => Verdict::Right { cycles },
        (Some(b), Some(wrong), _) => {
            let first = said.lines().find(|l| l.starts_with("first wrong")).unwrap_or_default();
            let how = line.rsplit_once(": ").map_or("", |(_, how)| how);
            Verdict::Wrong(format!("{wrong} of {b} beats wrong, of {beats} wanted: {how}; {first}"))
        }
        _ => Verdict::Wrong(format!("the simulation said: {line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        assert_eq!(verdict("x\nbitsmith beats 8 wrong 0 cycles 72: done\n", 8), Verdict::Right { cycles: 72 });
        let wrong = |text| match verdict(text, 8) {
            Verdict::Wrong(why) => why,
            right => panic!("{right:?}"),
        };
        assert!(wrong("bitsmith beats 7 wrong 0 cycles 72: done").contains("of 8 wanted"));
        assert!(wrong("bitsmith beats 8 wrong 1 cycles 72: done").starts_with("1 of 8 beats wrong"));
        assert!(wrong("bitsmith beats 3 wrong 0 cycles 9: no more outputs").contains("no more outputs"));
        assert!(wrong("").contains("without a word"));
    }
}
