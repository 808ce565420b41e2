//! What becomes of a sum: nothing, multiplier and shift, or thresholds.

use super::super::ir::{MULTIPLIER_BITS, Requant, SHIFT_STAGES, in_block_ram};
use super::super::parameters::Rescale;
use super::super::sv::{Item, Stmt, assign, for_, if_, literal, literal_signed, logic, next, note, signed};
use super::{Writer, read, style};

impl Writer<'_> {
    /// `result`, there where `ready_now`.
    pub(super) fn requant(&self) -> Vec<Item> {
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
    pub(super) fn complete(&self, stages: usize) -> Vec<Item> {
        let shift = if stages == 1 { "done".into() } else { format!("{{stages[{}:0], done}}", stages - 2) };
        vec![
            logic(stages, "stages"),
            Item::Clocked(vec![if_("rst", vec![next("stages", literal(stages, 0))], vec![next("stages", shift)])]),
            logic(0, "complete"),
            assign("complete", if stages == 1 { "stages".into() } else { format!("stages[{}]", stages - 1) }),
        ]
    }

    pub(super) fn shift(&self, multipliers: &[u32], shift: u32, [zero, low]: [i32; 2], bits: u32) -> Vec<Item> {
        let (acc, m, out) = (self.unit.accumulator as usize, MULTIPLIER_BITS as usize, bits as usize);
        let whole = acc + m;
        let total = whole.max(shift as usize + 9) + 1;
        let code = total - shift as usize;
        let mut items = self.per_fold("multiplier", m, |row| u64::from(multipliers[row]), 0);
        items.extend(self.complete(SHIFT_STAGES as usize));
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
                signed(whole + 1, "early_product"),
                Item::Clocked(vec![
                    next("factor", factor),
                    next("part", format!("$signed(sum[p * {acc} +: {acc}])")),
                    next("early_product", "part * factor"),
                    next("product", "early_product"),
                ]),
            ]);
        }
        let half = (1i64 << (shift - 1)) + (i64::from(zero) << shift);
        let (bottom, top) = (i64::from(low), (1 << bits) - 1);
        let limit = |v: i64| literal_signed(code.max(out + 1), v);
        body.extend([
            signed(total, "rounded"),
            signed(code.max(out + 1), "code"),
            logic(0, "below"),
            logic(0, "above"),
            logic(out, "low_bits"),
            logic(out, "clamped"),
            assign("code", format!("$signed(rounded[{}:{shift}])", total - 1)),
            Item::Clocked(vec![
                next("rounded", format!("product + {}", literal_signed(total, half))),
                next("below", format!("code < {}", limit(bottom))),
                next("above", format!("code > {}", limit(top))),
                next("low_bits", format!("code[{}:0]", out - 1)),
                next("clamped", format!("below ? {} : above ? {} : low_bits", literal(out, bottom), literal(out, top))),
            ]),
            assign(format!("result[p * {out} +: {out}]"), "clamped"),
        ]);
        items.push(logic(self.unit.pe * out, "result"));
        items.push(for_("p", self.unit.pe, "requantise", body));
        items
    }

    /// A binary search: one bit of the code for each threshold that is looked up.
    pub(super) fn thresholds(&self, steps: &[i32], bits: u32) -> Vec<Item> {
        let folds = self.fold_bits();
        let block = |bit: u32| in_block_ram(self.unit.neuron_folds() << bit);
        let stages = self.unit.requant_stages() as usize;
        let mut items = self.complete(stages);
        // the fold of an output, for as long as thresholds are looked up
        items.extend(self.fold_counter("sum_fold", 0));
        for stage in 0..stages - 1 {
            items.push(logic(folds, format!("fold{stage}")));
            let from = if stage == 0 { "sum_fold".into() } else { format!("fold{}", stage - 1) };
            items.push(Item::Clocked(vec![next(format!("fold{stage}"), from)]));
        }
        let first = if block(0) { "early_fold" } else { "sum_fold" };
        if block(0) {
            items.extend(self.fold_counter(first, 1));
        }
        items.push(logic(self.unit.pe * bits as usize, "result"));
        for p in 0..self.unit.pe {
            // cycles after the sum was complete, when the bits so far are known
            let mut known = 1;
            for bit in 0..bits {
                items.extend(self.threshold_memory(steps, bits, p, bit));
                let index = match bit {
                    0 => first.into(),
                    _ => format!("{{fold{known}, code{p}_{}}}", bit - 1),
                };
                items.extend(self.threshold_bit(p, bit, &index, block(bit)));
                known += if bit == 0 { 0 } else { 2 + usize::from(block(bit)) };
            }
            items.push(assign(format!("result[{} +: {bits}]", p * bits as usize), format!("code{p}_{}", bits - 1)));
        }
        items
    }

    /// The thresholds that decide bit `bit` of output lane `p`, by fold and by the bits before it.
    fn threshold_memory(&self, steps: &[i32], bits: u32, p: usize, bit: u32) -> Vec<Item> {
        let (acc, each) = (self.unit.accumulator as usize, (1usize << bits) - 1);
        let (memory, words) = (format!("threshold{p}_{bit}"), self.unit.neuron_folds() << bit);
        let word = |at: usize| {
            let (nf, prefix) = (at >> bit, at & ((1 << bit) - 1));
            let step = ((2 * prefix + 1) << (bits - 1 - bit)) - 1;
            let value = steps[(nf * self.unit.pe + p) * each + step];
            Stmt::Is { to: format!("{memory}[{at}]"), value: literal(acc, i64::from(value)) }
        };
        vec![
            Item::Memory { style: style(words), bits: acc, name: memory.clone(), words },
            Item::Initial((0..words).map(word).collect()),
        ]
    }

    /// `code<p>_<bit>`: the bits of a code down to this one; the sum waits beside them for what is looked up.
    fn threshold_bit(&self, p: usize, bit: u32, index: &str, block: bool) -> Vec<Item> {
        let acc = self.unit.accumulator as usize;
        let (limit, sum, code) = (format!("limit{p}_{bit}"), format!("sum{p}_{bit}"), format!("code{p}_{bit}"));
        let mut items = read(&format!("threshold{p}_{bit}"), index, acc, &limit, block);
        items.extend([signed(acc, sum.clone()), logic(bit as usize + 1, code.clone())]);
        if bit == 0 {
            let own = format!("$signed(sum[{} +: {acc}])", p * acc);
            items.push(Item::Clocked(vec![next(code, format!("{own} >= $signed({limit})")), next(sum, own)]));
            return items;
        }
        let (mut held, mut prefix) = (format!("sum{p}_{}", bit - 1), format!("code{p}_{}", bit - 1));
        for wait in 0..1 + usize::from(block) {
            let (to, bits) = (format!("held{p}_{bit}_{wait}"), format!("prefix{p}_{bit}_{wait}"));
            items.extend([signed(acc, to.clone()), logic(bit as usize, bits.clone())]);
            items.push(Item::Clocked(vec![next(to.clone(), held), next(bits.clone(), prefix)]));
            (held, prefix) = (to, bits);
        }
        let reached = format!("{{{prefix}, {held} >= $signed({limit})}}");
        items.push(Item::Clocked(vec![next(code, reached), next(sum, held)]));
        items
    }
}
