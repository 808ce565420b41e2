//! A unit in SystemVerilog. It never stops once it has begun a beat: a beat that completes an output is begun only when the
//! output queue has a place for it. So no register has an enable, and memories and multipliers keep theirs.

use super::ir::{MULTIPLIER_BITS, Memory, Mvau, Requant, UnitKind};
use super::parameters::{Parameters, Rescale};
use super::sv::{
    self, Item, Module, Stmt, assign, counter_bits, for_, if_, instance, literal, literal_signed, logic, next, note,
    signed,
};

/// The static modules that emitted ones consist of, by file name.
pub static MODULES: &[(&str, &str)] = &[
    ("bs_fifo.sv", include_str!("../../native/rtl/bs_fifo.sv")),
    ("bs_credit.sv", include_str!("../../native/rtl/bs_credit.sv")),
    ("bs_queue.sv", include_str!("../../native/rtl/bs_queue.sv")),
    ("bs_resize.sv", include_str!("../../native/rtl/bs_resize.sv")),
    ("bs_window.sv", include_str!("../../native/rtl/bs_window.sv")),
];

/// What a bench consists of, beside the module `bench`.
pub static BENCH: &[(&str, &str)] = &[
    ("bs_bench.sv", include_str!("../../native/rtl/bs_bench.sv")),
    ("bs_clock.sv", include_str!("../../native/rtl/bs_clock.sv")),
    ("main.cpp", include_str!("../../native/rtl/main.cpp")),
];

/// Buffers of more words than these are kept in block RAM.
const DISTRIBUTED_WORDS: usize = 64;

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
    if words > DISTRIBUTED_WORDS { "block".into() } else { "distributed".into() }
}

struct Writer<'a> {
    unit: &'a Mvau,
    own: &'a Parameters,
    name: &'a str,
}

impl Writer<'_> {
    fn replays(&self) -> bool {
        self.unit.kind == UnitKind::Dense && self.unit.neuron_folds() > 1
    }

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

    /// Which beat is begun, and whether one is.
    fn control(&self) -> Vec<Item> {
        let (sf, at) = (self.unit.synapse_folds(), self.unit.weight_memory().1);
        let (sf_bits, at_bits) = (counter_bits(sf), counter_bits(at));
        let count = |name: &str, bits: usize, of: usize| {
            let (zero, one) = (literal(bits, 0), literal(bits, 1));
            let value = match of {
                1 => zero,
                _ => format!("{name} == {} ? {zero} : {name} + {one}", literal(bits, of as i64 - 1)),
            };
            next(name, value)
        };
        let mut reset = vec![next("beat", literal(sf_bits, 0)), next("address", literal(at_bits, 0))];
        let mut step = vec![count("beat", sf_bits, sf), count("address", at_bits, at)];
        let take = if self.replays() {
            reset.push(next("fold", literal(self.fold_bits(), 0)));
            step.push(if_("last", vec![self.count_fold("fold")], vec![]));
            format!("fold == {}", literal(self.fold_bits(), 0))
        } else {
            "1'b1".into()
        };
        let mut items = vec![
            note("which beat of an output is begun, and whether one is"),
            logic(sf_bits, "beat"),
            logic(at_bits, "address"),
        ];
        if self.replays() {
            items.push(logic(self.fold_bits(), "fold"));
        }
        items.extend(["first", "last", "take", "issue", "room", "taken"].map(|n| logic(0, n)));
        items.extend([
            assign("first", format!("beat == {}", literal(sf_bits, 0))),
            assign("last", format!("beat == {}", literal(sf_bits, sf as i64 - 1))),
            assign("take", take),
            assign("in_ready", "take && (room || !last)"),
            assign("issue", "(in_valid || !take) && (room || !last)"),
            Item::Clocked(vec![if_("rst", reset, vec![if_("issue", step, vec![])])]),
        ]);
        items.extend(self.flags());
        items
    }

    /// What is known of a beat, on its way to the sums.
    fn flags(&self) -> Vec<Item> {
        let n = self.unit.before_sum() as usize;
        let shift = |name: &str, from: &str| next(name, format!("{{{name}[{}:0], {from}}}", n - 2));
        vec![
            note("and on its way: is it one, is it the first of an output, is it the last"),
            logic(n, "valid"),
            logic(n, "firsts"),
            logic(n, "lasts"),
            Item::Clocked(vec![if_("rst", vec![next("valid", literal(n, 0))], vec![shift("valid", "issue")])]),
            Item::Clocked(vec![shift("firsts", "first"), shift("lasts", "last")]),
        ]
    }

    /// Weights and activations of a beat: `w` and `x`.
    fn memory(&self) -> Vec<Item> {
        let (bits, words) = self.unit.weight_memory();
        let memory = if self.unit.memory == Memory::Block { "block" } else { "distributed" };
        let (x, sf) = (self.input_bits(), self.unit.synapse_folds());
        let mut items = vec![
            note("weights, and the activations that they meet"),
            Item::Memory { style: memory.into(), bits, name: "weights".into(), words },
            Item::Initial(vec![Stmt::Do(format!("$readmemh(\"{}.weights.hex\", weights)", self.name))]),
            logic(bits, "w1"),
            Item::Clocked(vec![next("w1", "weights[address]")]),
        ];
        let replays = self.replays();
        if replays {
            let style = if self.unit.registered { style(sf) } else { "distributed".into() };
            items.push(Item::Memory { style, bits: x, name: "replay".into(), words: sf });
            items.push(Item::Clocked(vec![if_("issue && take", vec![next("replay[beat]", "in_data")], vec![])]));
        }
        items.push(logic(x, "x1"));
        items.push(Item::Clocked(vec![match (replays, self.unit.registered) {
            (true, false) => next("x1", "take ? in_data : replay[beat]"),
            _ => next("x1", "in_data"),
        }]));
        if self.unit.registered {
            items.extend([logic(bits, "w"), logic(x, "x")]);
            let mut body = vec![next("w", "w1")];
            if replays {
                items.extend([logic(x, "again"), logic(0, "taken1")]);
                items.push(Item::Clocked(vec![next("again", "replay[beat]"), next("taken1", "take")]));
                body.push(next("x", "taken1 ? x1 : again"));
            } else {
                body.push(next("x", "x1"));
            }
            items.push(Item::Clocked(body));
        } else {
            items.extend([logic(bits, "w"), logic(x, "x"), assign("w", "w1"), assign("x", "x1")]);
        }
        items
    }

    /// One activation as a signed operand: its bits, and the text for the lane at `index` of `from`.
    fn operand(&self, from: &str, index: &str) -> (usize, String) {
        let a = self.unit.activation_bits as usize;
        let slice = format!("{from}[({index}) * {a} +: {a}]");
        match self.unit.signed {
            true => (a, format!("$signed({slice})")),
            false => (a + 1, format!("$signed({{1'b0, {slice}}})")),
        }
    }

    /// `products`: one for each output and input of a beat.
    fn products(&self) -> Vec<Item> {
        let u = self.unit;
        let (p, count) = (u.product_bits() as usize, u.pe * u.simd);
        let mut items = vec![note("products"), logic(count * p, "products")];
        if u.packing == 1 {
            items.extend(self.operands());
        }
        items.extend(if u.packing == 1 { self.single_products() } else { self.packed_products() });
        items
    }

    /// `factors` and `inputs`: what is multiplied; a register of its own where hard multipliers take it in.
    fn operands(&self) -> Vec<Item> {
        let all = [("factors", "w", self.unit.weight_memory().0), ("inputs", "x", self.input_bits())];
        let mut items: Vec<Item> = all.iter().map(|(to, _, bits)| logic(*bits, *to)).collect();
        if self.unit.product_stages() > 1 {
            items.push(Item::Clocked(all.map(|(to, from, _)| next(to, from)).to_vec()));
        } else {
            items.extend(all.map(|(to, from, _)| assign(to, from)));
        }
        items
    }

    /// The weight at `index` of `from` as a signed operand.
    fn weight(&self, to: &str, from: &str, index: &str) -> Vec<Item> {
        let (w, d) = (self.unit.weight_bits as usize, self.unit.operand_bits() as usize);
        let value = match w {
            1 => format!("{from}[{index}] ? 2'sb01 : 2'sb11"),
            _ => format!("$signed({from}[({index}) * {w} +: {w}])"),
        };
        vec![signed(d, to), assign(to, value)]
    }

    fn single_products(&self) -> Vec<Item> {
        let u = self.unit;
        let (p, s) = (u.product_bits() as usize, u.simd);
        let index = format!("p * {s} + s");
        let lane = if u.kind == UnitKind::Depthwise { "p" } else { "s" };
        let (bits, activation) = self.operand("inputs", lane);
        let mut body = vec![signed(bits, "activation"), assign("activation", activation), signed(p, "product")];
        if u.weight_bits == 1 {
            let value = format!("factors[{index}] ? activation : -activation");
            // the wide operand makes the choice as wide as the product
            let wide = format!("{} + ({value})", literal_signed(p, 0));
            body.push(Item::Clocked(vec![next("product", wide)]));
        } else {
            body.extend(self.weight("weight", "factors", &index));
            body.push(Item::Clocked(vec![next("product", "weight * activation")]));
        }
        body.push(assign(format!("products[({index}) * {p} +: {p}]"), "product"));
        vec![for_("p", u.pe, "output_lane", vec![for_("s", s, "input_lane", body)])]
    }

    /// Two products of one multiplier: `x * (w1 * 2^p + w0)`, where the lower one's sign has borrowed from the upper.
    fn packed_products(&self) -> Vec<Item> {
        let u = self.unit;
        let (p, s, d) = (u.product_bits() as usize, u.simd, u.operand_bits() as usize);
        let (low, high) = (format!("2 * p * {s} + s"), format!("(2 * p + 1) * {s} + s"));
        let (bits, activation) = self.operand("x_packed", "s");
        let packed = u.packed_bits() as usize;
        let mut body = self.weight("weight_low", "w", &low);
        body.extend(self.weight("weight_high", "w", &high));
        body.extend([
            signed(d + 1, "upper"),
            signed(p, "lower"),
            assign(
                "upper",
                format!(
                    "weight_low < 0 ? weight_high - {} : weight_high + {}",
                    literal_signed(d + 1, 1),
                    literal_signed(d + 1, 0)
                ),
            ),
            assign("lower", "weight_low"),
            signed(packed, "pair"),
            Item::Clocked(vec![next("pair", "$signed({upper, lower})")]),
            signed(bits, "activation"),
            assign("activation", activation),
            signed(packed + bits, "both"),
            Item::Clocked(vec![next("both", "pair * activation")]),
            logic(p, "product_low"),
            logic(p, "product_high"),
            Item::Clocked(vec![
                next("product_low", format!("both[{}:0]", p - 1)),
                next("product_high", format!("both[{}:{p}] + {{{{{}{{1'b0}}}}, both[{}]}}", 2 * p - 1, p - 1, p - 1)),
            ]),
            assign(format!("products[({low}) * {p} +: {p}]"), "product_low"),
            assign(format!("products[({high}) * {p} +: {p}]"), "product_high"),
        ]);
        vec![
            logic(self.input_bits(), "x_packed"),
            Item::Clocked(vec![next("x_packed", "x")]),
            for_("p", u.pe / 2, "output_pair", vec![for_("s", s, "input_lane", body)]),
        ]
    }

    /// `terms`: the sum of a beat's products for each output.
    fn tree(&self) -> Vec<Item> {
        let u = self.unit;
        let levels = u.tree_levels();
        let mut items = vec![note("the sum of a beat's products")];
        let (mut from, mut count, mut bits) = ("products".to_string(), u.simd, u.product_bits() as usize);
        for level in 1..=levels {
            let (to, half) = (format!("level{level}"), count.div_ceil(2));
            let registered = u.tree > 0 && (level % u.tree == 0 || level == levels);
            let slice = |i: &str| format!("$signed({from}[(p * {count} + {i}) * {bits} +: {bits}])");
            let node = |label: &str, n: usize, value: String, first: String| {
                let mut body = vec![signed(bits + 1, "sum")];
                body.push(if registered { Item::Clocked(vec![next("sum", value)]) } else { assign("sum", value) });
                body.push(assign(format!("{to}[(p * {half} + {first}) * {} +: {0}]", bits + 1), "sum"));
                for_("s", n, label, body)
            };
            let pair = format!("{} + {}", slice("2 * s"), slice("2 * s + 1"));
            let mut body = vec![node("node", count / 2, pair, "s".into())];
            if count % 2 == 1 {
                let alone = slice(&format!("{}", count - 1));
                body.push(node("alone", 1, alone, format!("{} + s", half - 1)));
            }
            items.push(logic(u.pe * half * (bits + 1), to.clone()));
            items.push(for_("p", u.pe, format!("tree{level}"), body));
            (from, count, bits) = (to, half, bits + 1);
        }
        items.extend([logic(u.pe * bits, "terms"), assign("terms", from)]);
        items
    }

    fn term_bits(&self) -> usize {
        (self.unit.product_bits() + self.unit.tree_levels()) as usize
    }

    /// A memory with a word for each fold of outputs, and `<name>` where it was read one cycle ago at `index`.
    fn per_fold(&self, name: &str, bits: usize, value: impl Fn(usize) -> u64, index: &str) -> Vec<Item> {
        let (pe, folds) = (self.unit.pe, self.unit.neuron_folds());
        let word = |nf: usize| {
            let word = hex_word((0..pe).map(|p| value(nf * pe + p)), bits);
            Stmt::Is { to: format!("{name}_memory[{nf}]"), value: format!("{}'h{word}", pe * bits) }
        };
        vec![
            Item::Memory { style: style(folds), bits: pe * bits, name: format!("{name}_memory"), words: folds },
            Item::Initial((0..folds).map(word).collect()),
            logic(pe * bits, name),
            Item::Clocked(vec![next(name, format!("{name}_memory[{index}]"))]),
        ]
    }

    fn has_init(&self) -> bool {
        self.own.init.iter().any(|v| *v != 0)
    }

    /// `sum`, complete where `done`, of outputs `sum_fold`.
    fn sums(&self) -> Vec<Item> {
        let u = self.unit;
        let (acc, n, term, folds) =
            (u.accumulator as usize, u.before_sum() as usize, self.term_bits(), self.fold_bits());
        let mut items = vec![note("sums")];
        if self.has_init() {
            let ahead = format!("valid[{}] && lasts[{}]", n - 2, n - 2);
            items.push(logic(folds, "init_fold"));
            items.push(Item::Clocked(vec![if_(
                "rst",
                vec![next("init_fold", literal(folds, 0))],
                vec![if_(ahead, vec![self.count_fold("init_fold")], vec![])],
            )]));
            let value = |row: usize| self.own.init[row] as u64;
            items.extend(self.per_fold("init", acc, value, "init_fold"));
        }
        let start = match self.has_init() {
            true => format!("$signed(init[p * {acc} +: {acc}])"),
            false => literal_signed(acc, 0),
        };
        let add = if_(format!("valid[{}]", n - 1), vec![next("total", "base + term")], vec![]);
        items.extend([
            logic(u.pe * acc, "sum"),
            logic(0, "done"),
            for_(
                "p",
                u.pe,
                "accumulator",
                vec![
                    signed(acc, "base"),
                    signed(acc, "term"),
                    signed(acc, "total"),
                    assign("base", format!("firsts[{}] ? {start} : total", n - 1)),
                    assign("term", format!("$signed(terms[p * {term} +: {term}])")),
                    Item::Clocked(vec![add]),
                    assign(format!("sum[p * {acc} +: {acc}]"), "total"),
                ],
            ),
            Item::Clocked(vec![if_(
                "rst",
                vec![next("done", "1'b0")],
                vec![next("done", format!("valid[{}] && lasts[{0}]", n - 1))],
            )]),
        ]);
        if u.requant != Requant::None {
            let now = format!("valid[{}] && lasts[{0}]", n - 1);
            items.push(logic(folds, "sum_fold"));
            items.push(Item::Clocked(vec![if_(
                "rst",
                vec![next("sum_fold", literal(folds, 0))],
                vec![if_(now, vec![self.count_fold("sum_fold")], vec![])],
            )]));
        }
        items
    }

    /// `result`, there where `ready_now`.
    fn requant(&self) -> Vec<Item> {
        let bits = self.unit.pe * self.unit.output_bits() as usize;
        let mut items = match (&self.own.rescale, self.unit.requant) {
            (Rescale::Shift { multipliers, shift, zero, low }, Requant::Shift { bits }) => {
                self.shift(multipliers, *shift, [*zero, *low], bits)
            }
            (Rescale::Thresholds(steps), Requant::Thresholds { bits }) => self.thresholds(steps, bits),
            _ => vec![logic(bits, "result"), logic(0, "complete"), assign("result", "sum"), assign("complete", "done")],
        };
        items.insert(0, note("what becomes of them"));
        items
    }

    /// `done`, so many cycles later: `complete`.
    fn complete(&self, stages: usize) -> Vec<Item> {
        let shift = if stages == 1 { "done".into() } else { format!("{{stages[{}:0], done}}", stages - 2) };
        vec![
            logic(stages, "stages"),
            Item::Clocked(vec![if_("rst", vec![next("stages", literal(stages, 0))], vec![next("stages", shift)])]),
            logic(0, "complete"),
            assign("complete", if stages == 1 { "stages".into() } else { format!("stages[{}]", stages - 1) }),
        ]
    }

    fn shift(&self, multipliers: &[u32], shift: u32, [zero, low]: [i32; 2], bits: u32) -> Vec<Item> {
        let (acc, m, out) = (self.unit.accumulator as usize, MULTIPLIER_BITS as usize, bits as usize);
        let whole = acc + m;
        let total = whole.max(shift as usize + 9) + 1;
        let code = total - shift as usize;
        let mut items = self.per_fold("multiplier", m, |row| u64::from(multipliers[row]), "sum_fold");
        items.extend(self.complete(5));
        let factor = format!("$signed({{1'b0, multiplier[p * {m} +: {m}]}})");
        let mut body = vec![signed(m + 1, "factor"), signed(whole, "product")];
        // operands of 18 bits, in registers: what a hard multiplier takes
        if acc > 18 {
            body.extend([
                signed(18, "low_part"),
                signed(acc - 17, "high_part"),
                signed(36, "low_product"),
                signed(acc + 1, "high_product"),
                Item::Clocked(vec![
                    next("factor", factor),
                    next("low_part", format!("$signed({{1'b0, sum[p * {acc} +: 17]}})")),
                    next("high_part", format!("$signed(sum[p * {acc} + 17 +: {}])", acc - 17)),
                    next("low_product", "low_part * factor"),
                    next("high_product", "high_part * factor"),
                    next("product", "$signed({high_product, 17'h0}) + low_product"),
                ]),
            ]);
        } else {
            body.extend([
                signed(acc, "part"),
                signed(whole + 1, "early"),
                Item::Clocked(vec![
                    next("factor", factor),
                    next("part", format!("$signed(sum[p * {acc} +: {acc}])")),
                    next("early", "part * factor"),
                    next("product", "early"),
                ]),
            ]);
        }
        let half = (1i64 << (shift - 1)) + (i64::from(zero) << shift);
        let (bottom, top) = (i64::from(low), (1 << bits) - 1);
        let limit = |v: i64| literal_signed(code.max(out + 1), v);
        body.extend([
            signed(total, "rounded"),
            signed(code.max(out + 1), "code"),
            logic(out, "clamped"),
            assign("code", format!("$signed(rounded[{}:{shift}])", total - 1)),
            Item::Clocked(vec![
                next("rounded", format!("product + {}", literal_signed(total, half))),
                next(
                    "clamped",
                    format!(
                        "code < {} ? {} : code > {} ? {} : code[{}:0]",
                        limit(bottom),
                        literal(out, bottom),
                        limit(top),
                        literal(out, top),
                        out - 1
                    ),
                ),
            ]),
            assign(format!("result[p * {out} +: {out}]"), "clamped"),
        ]);
        items.push(logic(self.unit.pe * out, "result"));
        items.push(for_("p", self.unit.pe, "requantise", body));
        items
    }

    /// A binary search: one bit of the code for each threshold that is looked up.
    fn thresholds(&self, steps: &[i32], bits: u32) -> Vec<Item> {
        let (acc, folds, out) = (self.unit.accumulator as usize, self.fold_bits(), bits as usize);
        let each = (1usize << bits) - 1;
        let mut items = self.complete(2 * out - 1);
        // the fold of an output, for as long as thresholds are looked up
        for stage in 0..2 * out - 2 {
            items.push(logic(folds, format!("fold{stage}")));
            let from = if stage == 0 { "sum_fold".into() } else { format!("fold{}", stage - 1) };
            items.push(Item::Clocked(vec![next(format!("fold{stage}"), from)]));
        }
        items.push(logic(self.unit.pe * out, "result"));
        for p in 0..self.unit.pe {
            let mut before = format!("$signed(sum[{} +: {acc}])", p * acc);
            for bit in 0..out {
                let memory = format!("threshold{p}_{bit}");
                let words = self.unit.neuron_folds() << bit;
                let word = |at: usize| {
                    let (nf, prefix) = (at >> bit, at & ((1 << bit) - 1));
                    let step = ((2 * prefix + 1) << (out - 1 - bit)) - 1;
                    let value = steps[(nf * self.unit.pe + p) * each + step];
                    Stmt::Is { to: format!("{memory}[{at}]"), value: literal(acc, i64::from(value)) }
                };
                items.extend([
                    Item::Memory { style: style(words), bits: acc, name: memory.clone(), words },
                    Item::Initial((0..words).map(word).collect()),
                    logic(acc, format!("limit{p}_{bit}")),
                    signed(acc, format!("sum{p}_{bit}")),
                    logic(bit + 1, format!("code{p}_{bit}")),
                ]);
                let reached = |before: &str| format!("{before} >= $signed(limit{p}_{bit})");
                if bit == 0 {
                    items.push(Item::Clocked(vec![
                        next(format!("limit{p}_0"), format!("{memory}[sum_fold]")),
                        next(format!("sum{p}_0"), before.clone()),
                        next(format!("code{p}_0"), reached(&before)),
                    ]));
                } else {
                    let (prefix, fold) = (format!("code{p}_{}", bit - 1), format!("fold{}", 2 * bit - 1));
                    items.extend([signed(acc, format!("held{p}_{bit}")), logic(bit, format!("prefix{p}_{bit}"))]);
                    items.push(Item::Clocked(vec![
                        next(format!("limit{p}_{bit}"), format!("{memory}[{{{fold}, {prefix}}}]")),
                        next(format!("held{p}_{bit}"), before.clone()),
                        next(format!("prefix{p}_{bit}"), prefix),
                        next(format!("sum{p}_{bit}"), format!("held{p}_{bit}")),
                        next(
                            format!("code{p}_{bit}"),
                            format!("{{prefix{p}_{bit}, {}}}", reached(&format!("held{p}_{bit}"))),
                        ),
                    ]));
                }
                before = format!("sum{p}_{bit}");
            }
            items.push(assign(format!("result[{} +: {out}]", p * out), format!("code{p}_{}", out - 1)));
        }
        items
    }

    fn queue(&self) -> Vec<Item> {
        let bits = self.unit.pe * self.unit.output_bits() as usize;
        let depth = self.unit.queue();
        let wire = |names: &[&'static str]| names.iter().map(|n| (*n, (*n).to_string())).collect::<Vec<_>>();
        let mut credit = wire(&["clk", "rst", "taken", "room"]);
        credit.push(("begun", "issue && last".into()));
        let mut queue = wire(&["clk", "rst", "taken", "out_valid", "out_ready", "out_data"]);
        queue.extend([("push", "complete".to_string()), ("data", "result".to_string())]);
        vec![
            note("the output queue"),
            instance("bs_credit", &[("DEPTH", depth.to_string())], "credit", &credit),
            instance("bs_fifo", &[("WIDTH", bits.to_string()), ("DEPTH", depth.to_string())], "queue", &queue),
        ]
    }
}
