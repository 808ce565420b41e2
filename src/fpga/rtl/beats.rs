//! Which beat is begun, what is known of it on its way, and the weights and activations of it.

use super::super::ir::{Memory, in_block_ram};
use super::super::sv::{Item, Stmt, assign, counter_bits, if_, literal, logic, next, note};
use super::{Writer, read, style};

impl Writer<'_> {
    /// Which beat is begun, and whether one is.
    pub(super) fn control(&self) -> Vec<Item> {
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
        let take = if self.unit.replays() {
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
        if self.unit.replays() {
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
    pub(super) fn flags(&self) -> Vec<Item> {
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
    pub(super) fn memory(&self) -> Vec<Item> {
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
        let replays = self.unit.replays();
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
            if replays && in_block_ram(sf) && self.unit.product_stages() > 1 {
                // the memory has a register behind it, and the choice is made in front of the operands' register
                items.extend(read("replay", "beat", x, "again", true));
                items.extend([logic(2, "takes"), assign("x", "takes[1] ? x2 : again"), logic(x, "x2")]);
                body.extend([next("takes", "{takes[0], take}"), next("x2", "x1")]);
            } else if replays {
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
}
