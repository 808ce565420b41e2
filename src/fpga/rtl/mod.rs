//! A unit in SystemVerilog. It never stops once it has begun a beat: a beat that completes an output is begun only when the
//! output queue has a place for it. So no register has an enable, and memories and multipliers keep theirs.

mod beats;
mod products;
mod requant;
mod sums;

use super::ir::{Mvau, in_block_ram};
use super::parameters::Parameters;
use super::sv::{self, Item, Module, Stmt, counter_bits, if_, literal, logic, next};

/// The static modules that emitted ones consist of, by file name.
pub static MODULES: &[(&str, &str)] = &[
    ("bs_fifo.sv", include_str!("../../../native/rtl/bs_fifo.sv")),
    ("bs_credit.sv", include_str!("../../../native/rtl/bs_credit.sv")),
    ("bs_queue.sv", include_str!("../../../native/rtl/bs_queue.sv")),
    ("bs_resize.sv", include_str!("../../../native/rtl/bs_resize.sv")),
    ("bs_window.sv", include_str!("../../../native/rtl/bs_window.sv")),
];

/// What a bench consists of, beside the module `bench`.
pub static BENCH: &[(&str, &str)] = &[
    ("bs_bench.sv", include_str!("../../../native/rtl/bs_bench.sv")),
    ("bs_clock.sv", include_str!("../../../native/rtl/bs_clock.sv")),
    ("main.cpp", include_str!("../../../native/rtl/main.cpp")),
];

/// A module, and the file of weights that it reads when it starts.
pub struct Rtl {
    pub module: String,
    /// `<name>.weights.hex`: one word a line.
    pub weights: String,
}

/// The unit as module `name`: streams `in` and `out`, each of `valid`, `ready` and `data`, the first element in the low
/// bits. Elements of outputs have [`Mvau::output_bits`].
pub fn unit(name: &str, unit: &Mvau, own: &Parameters) -> Rtl {
    let w = Writer { unit, own, name };
    let mut items = vec![Item::Genvars(vec!["p".into(), "s".into()])];
    for part in [w.control(), w.memory(), w.products(), w.tree(), w.sums(), w.requant(), w.queue()] {
        items.extend(part);
    }
    let unit_note = format!(
        "{unit}\n{} cycles from vector to vector, {} from the last input to the last output",
        unit.interval(),
        unit.latency()
    );
    let module = Module {
        note: unit_note,
        name: name.into(),
        ports: stream_ports(unit.input_lanes() * unit.activation_bits as usize, unit.pe * unit.output_bits() as usize),
        items,
    };
    Rtl { module: module.print(), weights: weights_hex(unit, &own.weights) }
}

/// Clock, reset and one stream each way.
pub fn stream_ports(input: usize, output: usize) -> Vec<sv::Port> {
    let port = |way, bits, name: &str| (way, bits, name.to_string());
    vec![
        port("input", 0, "clk"),
        port("input", 0, "rst"),
        port("input", 0, "in_valid"),
        port("output", 0, "in_ready"),
        port("input", input, "in_data"),
        port("output", 0, "out_valid"),
        port("input", 0, "out_ready"),
        port("output", output, "out_data"),
    ]
}

/// Words of the memory of weights in the order in which they are read, lane `p * simd + s` of each in its bits.
fn weights_hex(unit: &Mvau, weights: &[i8]) -> String {
    let (folds, bits) = (unit.synapse_folds(), unit.weight_bits as usize);
    let code = |w: i8| if bits == 1 { u64::from(w > 0) } else { w as u64 & ((1 << bits) - 1) };
    let words = (0..unit.neuron_folds() * folds).map(|at| {
        let (nf, sf) = (at / folds, at % folds);
        let lane = |i: usize| {
            let (row, column) = (nf * unit.pe + i / unit.simd, sf * unit.simd + i % unit.simd);
            code(weights[row * unit.columns + column])
        };
        hex_word((0..unit.pe * unit.simd).map(lane), bits)
    });
    words.fold(String::new(), |text, word| text + &word + "\n")
}

/// Elements of `bits` bits as one hexadecimal word, the first in the low bits.
pub fn hex_word(elements: impl Iterator<Item = u64>, bits: usize) -> String {
    let all: Vec<bool> = elements.flat_map(|v| (0..bits).map(move |b| v >> b & 1 == 1)).collect();
    let digit = |c: &[bool]| {
        let value = c.iter().enumerate().map(|(i, b)| u32::from(*b) << i).sum();
        char::from_digit(value, 16).unwrap_or('0')
    };
    all.chunks(4).rev().map(digit).collect()
}

/// `(* ram_style *)` of a memory of so many words.
fn style(words: usize) -> String {
    if in_block_ram(words) { "block".into() } else { "distributed".into() }
}

struct Writer<'a> {
    unit: &'a Mvau,
    own: &'a Parameters,
    name: &'a str,
}

impl Writer<'_> {
    fn fold_bits(&self) -> usize {
        counter_bits(self.unit.neuron_folds())
    }

    fn input_bits(&self) -> usize {
        self.unit.input_lanes() * self.unit.activation_bits as usize
    }

    /// A counter of folds of outputs.
    fn count_fold(&self, name: &str) -> Stmt {
        let (bits, folds) = (self.fold_bits(), self.unit.neuron_folds());
        let (zero, one) = (literal(bits, 0), literal(bits, 1));
        let value = if folds == 1 {
            zero
        } else {
            format!("{name} == {} ? {zero} : {name} + {one}", literal(bits, folds as i64 - 1))
        };
        next(name, value)
    }

    /// A counter of folds of outputs: it is at that of a beat until the beat leaves the place `ahead` before the sums, as the
    /// last of its output.
    fn fold_counter(&self, name: &str, ahead: usize) -> Vec<Item> {
        let bits = self.fold_bits();
        let left = match (self.unit.before_sum() as usize).checked_sub(1 + ahead) {
            Some(place) => format!("valid[{place}] && lasts[{place}]"),
            None => "issue && last".into(),
        };
        let count = vec![if_(left, vec![self.count_fold(name)], vec![])];
        vec![logic(bits, name), Item::Clocked(vec![if_("rst", vec![next(name, literal(bits, 0))], count)])]
    }

    /// A memory with a word for each fold of outputs, and `<name>`: that of the output whose last beat is `ahead` places
    /// before the sums leaves it, in the cycle after. Block RAM has a register behind it, and is read a cycle earlier.
    fn per_fold(&self, name: &str, bits: usize, value: impl Fn(usize) -> u64, ahead: usize) -> Vec<Item> {
        let (pe, folds) = (self.unit.pe, self.unit.neuron_folds());
        let word = |nf: usize| {
            let word = hex_word((0..pe).map(|p| value(nf * pe + p)), bits);
            Stmt::Is { to: format!("{name}_memory[{nf}]"), value: format!("{}'h{word}", pe * bits) }
        };
        let block = in_block_ram(folds);
        let mut items = self.fold_counter(&format!("{name}_fold"), ahead + usize::from(block));
        items.extend([
            Item::Memory { style: style(folds), bits: pe * bits, name: format!("{name}_memory"), words: folds },
            Item::Initial((0..folds).map(word).collect()),
        ]);
        items.extend(read(&format!("{name}_memory"), &format!("{name}_fold"), pe * bits, name, block));
        items
    }
}

/// `to`, of `bits` bits: what a memory holds at an index, a cycle later; two of block RAM, which has a register behind it.
fn read(memory: &str, index: &str, bits: usize, to: &str, block: bool) -> Vec<Item> {
    let word = format!("{memory}[{index}]");
    let mut items = vec![logic(bits, to)];
    if block {
        let early = format!("{to}_word");
        items.extend([logic(bits, early.clone()), Item::Clocked(vec![next(early.clone(), word), next(to, early)])]);
    } else {
        items.push(Item::Clocked(vec![next(to, word)]));
    }
    items
}
