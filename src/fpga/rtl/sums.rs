//! Sums over the beats of an output, and the queue of what becomes of them.

use super::super::sv::{Item, assign, for_, if_, instance, literal_signed, logic, next, note, signed};
use super::Writer;

impl Writer<'_> {
    pub(super) fn has_init(&self) -> bool {
        self.own.init.iter().any(|v| *v != 0)
    }

    /// `sum`, complete where `done`.
    pub(super) fn sums(&self) -> Vec<Item> {
        let u = self.unit;
        let (acc, n, term) = (u.accumulator as usize, u.before_sum() as usize, self.term_bits());
        let mut items = vec![note("sums")];
        if self.has_init() {
            let value = |row: usize| self.own.init[row] as u64;
            items.extend(self.per_fold("init", acc, value, 1));
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
        items
    }

    pub(super) fn queue(&self) -> Vec<Item> {
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
