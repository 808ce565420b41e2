//! A design ready to be built: its sources in both languages, and golden vectors that both are held to.

use std::fmt::Write;

use super::hls;
use super::ir::{Mvau, Requant, UnitKind};
use super::parameters::Parameters;
use super::rtl;
use super::sv::{Module, assign, instance, logic};

/// One side of a design: what a beat consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub lanes: usize,
    pub bits: usize,
    pub signed: bool,
}

impl Stream {
    pub fn width(&self) -> usize {
        self.lanes * self.bits
    }

    /// Elements as one hexadecimal word a beat, the first in the low bits.
    fn hex(&self, elements: &[i32]) -> String {
        let mask = (1u64 << self.bits) - 1;
        let word = |beat: &[i32]| rtl::hex_word(beat.iter().map(|v| *v as i64 as u64 & mask), self.bits) + "\n";
        elements.chunks(self.lanes).map(word).collect()
    }
}

/// Inputs and the outputs that the law gives, frame by frame, each in the order in which a design takes and gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    pub inputs: Vec<Vec<i32>>,
    pub outputs: Vec<Vec<i32>>,
}

/// A unit, or units behind one another, as sources.
#[derive(Clone, Debug)]
pub struct Design {
    /// The module, the top function, and the stem of every file.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Relative path and text: modules and the memories that they read.
    pub rtl: Vec<(String, String)>,
    /// `<name>.cpp`.
    pub hls: String,
    pub input: Stream,
    pub output: Stream,
}

/// A name that C++ and SystemVerilog take.
pub fn symbol(name: &str) -> String {
    let word = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if word.starts_with(|c: char| c.is_ascii_digit()) { format!("d{word}") } else { word }
}

impl Design {
    /// One unit.
    /// # Errors
    /// Numbers that the unit cannot hold.
    pub fn of_unit(name: &str, unit: &Mvau, own: &Parameters) -> anyhow::Result<Self> {
        own.check(unit)?;
        let made = rtl::unit(name, unit, own);
        Ok(Self {
            name: name.into(),
            title: unit.to_string(),
            rtl: vec![(format!("{name}.sv"), made.module), (format!("{name}.weights.hex"), made.weights)],
            hls: format!("#include \"bs_types.h\"\n\n{}", hls::unit(name, unit, own, true)),
            input: unit_input(unit),
            output: unit_output(unit),
        })
    }

    /// `<name>.in.hex` and `<name>.out.hex`.
    pub fn vector_files(&self, vectors: &Vectors) -> [(String, String); 2] {
        let all = |stream: &Stream, frames: &[Vec<i32>]| frames.iter().map(|f| stream.hex(f)).collect();
        [
            (format!("{}.in.hex", self.name), all(&self.input, &vectors.inputs)),
            (format!("{}.out.hex", self.name), all(&self.output, &vectors.outputs)),
        ]
    }

    /// The main program that runs the top function on golden vectors.
    pub fn testbench(&self, frames: usize) -> String {
        let (name, form) = (&self.name, |s: &Stream| format!("{{{}, {}, {}}}", s.lanes, s.bits, s.signed));
        format!("    wrong |= bs_run(\"{name}\", {}, {}, {frames}, {name});\n", form(&self.input), form(&self.output))
    }

    /// What declares the top function for that program.
    pub fn declaration(&self) -> String {
        let word = |s: &Stream| {
            let ty = if s.signed { "BS_INT" } else { "BS_UINT" };
            format!("bs_word<{ty}({}), {}>", s.bits, s.lanes)
        };
        format!("void {}(bs_stream<{} > &, bs_stream<{} > &, int);\n", self.name, word(&self.input), word(&self.output))
    }
}

pub(super) fn unit_input(unit: &Mvau) -> Stream {
    Stream { lanes: unit.input_lanes(), bits: unit.activation_bits as usize, signed: unit.signed }
}

pub(super) fn unit_output(unit: &Mvau) -> Stream {
    Stream { lanes: unit.pe, bits: unit.output_bits() as usize, signed: unit.requant == Requant::None }
}

/// The elements of one vector as the unit takes them: of a depthwise unit tap after tap for each beat's channels.
pub fn in_beat_order(unit: &Mvau, x: &[i32]) -> Vec<i32> {
    if unit.kind == UnitKind::Dense {
        return x.to_vec();
    }
    let (k, pe) = (unit.columns, unit.pe);
    let at = |i: usize| {
        let (fold, tap, lane) = (i / (k * pe), i / pe % k, i % pe);
        x[(fold * pe + lane) * k + tap]
    };
    (0..x.len()).map(at).collect()
}

/// Vectors of a unit by chance, the extreme ones first.
pub fn unit_vectors(unit: &Mvau, own: &Parameters, count: usize, seed: u64) -> Vectors {
    let inputs = own.inputs(unit, count, seed);
    Vectors {
        outputs: inputs.iter().map(|x| own.law(unit, x)).collect(),
        inputs: inputs.iter().map(|x| in_beat_order(unit, x)).collect(),
    }
}

/// A design, its vectors, and how it is driven: seed 0 never waits.
pub struct Trial<'a> {
    pub design: &'a Design,
    pub vectors: &'a Vectors,
    pub seed: u32,
}

/// The longest that a bench waits, in clock cycles.
const LONGEST: usize = 100_000_000;

/// Module `bench` that drives every trial at once.
pub fn bench(trials: &[Trial]) -> String {
    let mut items = vec![logic(trials.len(), "dones"), assign("done", "&dones")];
    for (i, trial) in trials.iter().enumerate() {
        let (d, v) = (trial.design, trial.vectors);
        let n = |name: &str| format!("{name}{i}");
        let beats = |s: &Stream, frames: &[Vec<i32>]| frames.iter().map(|f| f.len() / s.lanes).sum::<usize>();
        let (taken, given) = (beats(&d.input, &v.inputs), beats(&d.output, &v.outputs));
        for (name, bits) in [
            ("in_valid", 0),
            ("in_ready", 0),
            ("in_data", d.input.width()),
            ("out_valid", 0),
            ("out_ready", 0),
            ("out_data", d.output.width()),
        ] {
            items.push(logic(bits, n(name)));
        }
        let wires = ["in_valid", "in_ready", "in_data", "out_valid", "out_ready", "out_data"];
        let mut ports: Vec<(&str, String)> = vec![("clk", "clk".into()), ("rst", "rst".into())];
        ports.extend(wires.map(|w| (w, n(w))));
        items.push(instance(&d.name, &[], &n("design"), &ports));
        ports.push(("done", format!("dones[{i}]")));
        let text = |s: String| format!("\"{s}\"");
        let parameters = [
            ("NAME", text(d.name.clone())),
            ("IN_FILE", text(format!("{}.in.hex", d.name))),
            ("OUT_FILE", text(format!("{}.out.hex", d.name))),
            ("IN_WIDTH", d.input.width().to_string()),
            ("IN_COUNT", taken.to_string()),
            ("OUT_WIDTH", d.output.width().to_string()),
            ("OUT_COUNT", given.to_string()),
            ("FRAME", v.outputs.first().map_or(1, |f| f.len() / d.output.lanes).to_string()),
            ("SEED", trial.seed.to_string()),
            ("LIMIT", LONGEST.to_string()),
        ];
        items.push(instance("bs_bench", &parameters, &n("driver"), &ports));
    }
    let port = |way, name: &str| (way, 0, name.to_string());
    let ports = vec![port("input", "clk"), port("input", "rst"), port("output", "done")];
    Module { note: "drives designs with golden vectors".into(), name: "bench".into(), ports, items }.print()
}

/// A program that runs every design's C++ on its vectors: `main.cpp`. The designs' own sources are compiled beside it.
pub fn csim_main(trials: &[Trial]) -> String {
    let mut out = String::from("#include \"bs_testbench.h\"\n\n");
    trials.iter().for_each(|t| out.push_str(&t.design.declaration()));
    out.push_str("\nint main()\n{\n    int wrong = 0;\n");
    for t in trials {
        out.push_str(&t.design.testbench(t.vectors.inputs.len()));
    }
    let _ = writeln!(out, "    return wrong;\n}}");
    out
}
