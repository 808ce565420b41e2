//! The nest as C: the whole kernel, its entry, and the loops between that and the blocks.

use std::fmt::Display;

use super::Nest;
use crate::candidate::Name;
use crate::emit::{Function, Source, Stmt, do_, for_, let_, note};
use crate::kernel::amx;

impl Nest<'_> {
    /// The whole kernel as text.
    pub fn source(&self, name: &Name) -> Source {
        let (symbol, shape, tile) = (name.symbol(), &self.task.shape, self.tile);
        let mut text = format!(
            "/* {name}: {}x{}x{}, {} */\n_Static_assert({p}_N == {}, \"tile\");\n",
            shape.m(),
            shape.n(),
            shape.k(),
            self.task.contract.name(),
            tile.n,
            p = tile.prefix,
        );
        let mut functions = self.blocks(&symbol);
        functions.push(self.at(&symbol));
        if self.unpacks() {
            functions.push(self.unpack(&symbol));
        }
        if !self.raw {
            functions.push(self.stage(&symbol));
        }
        functions.push(self.entry(&symbol));
        functions.iter().for_each(|f| f.print(&mut text));
        Source { symbol, header: self.task.isa.header(), text, work_bytes: self.work_bytes() }
    }

    /// Parameters that every function below the entry shares.
    pub(super) fn parameters(&self) -> String {
        let depth = if self.blocks_depth() { ", int64_t from, int64_t steps" } else { "" };
        format!(
            "const {} *lhs, {} *out, const struct bs_args *args, const struct bs_grid *grids{depth}",
            self.element(),
            self.output()
        )
    }
    pub(super) fn pass(&self) -> &'static str {
        if self.blocks_depth() { "lhs, out, args, grids, from, steps" } else { "lhs, out, args, grids" }
    }

    /// The kernel's entry: its thread's share, strip by strip.
    fn entry(&self, symbol: &str) -> Function {
        let s = &self.task.shape;
        let (lines, _) = self.lines();
        let by_panels = self.schedule.has("tn");
        let (lines_of, panels_of) = if by_panels { ("0", "thread") } else { ("thread", "0") };
        let mut body = vec![
            do_("(void)thread, (void)threads"),
            let_("const int64_t", "line0", format!("{lines_of} * (int64_t){}", self.share())),
            let_("const int64_t", "line1", least(&format!("line0 + {}", self.share()), lines)),
            let_("const int64_t", "panel0", format!("{panels_of} * (int64_t){}", self.panel_share())),
            let_("const int64_t", "panel1", least(&format!("panel0 + {}", self.panel_share()), self.panels())),
            let_(&format!("const {} *", self.input()), "in", "args->lhs"),
            let_("struct bs_grid *", "grids", "args->work"),
        ];
        if self.grids() > 0 && !self.grid_per_row() {
            body.extend(self.grid("grids[0]", "in", s.lhs_len()));
        }
        let strips = for_("line", "line0", "line1", self.strip(), self.strip_body(symbol));
        if self.tile.numbered() {
            let t = &self.tile.prefix;
            let begin = format!("{t}_begin({}, {})", self.tile_rows(), amx::rhs(self, 0));
            body.extend([do_(begin), strips, do_(format!("{t}_end()"))]);
        } else {
            body.push(strips);
        }
        Function { head: format!("void {symbol}(const struct bs_args *args, int32_t thread, int32_t threads)"), body }
    }

    fn strip_body(&self, symbol: &str) -> Vec<Stmt> {
        let (s, width) = (&self.task.shape, self.lines().1);
        let mut body = vec![
            let_("const int64_t", "lines", least("line1 - line", self.strip())),
            let_("const int64_t", "rows", format!("lines * {width}")),
            let_(
                &format!("{} *", self.output()),
                "out",
                format!("({} *)args->out + line * {}", self.output(), width * s.n()),
            ),
        ];
        if self.raw {
            let step = if self.plain_rows() { s.k() } else { s.stride * self.line() };
            body.push(let_(&format!("const {} *", self.element()), "lhs", format!("in + line * {step}")));
        } else {
            let at = |ty: &str, bytes: usize| format!("({ty} *)((char *)args->work + {bytes})");
            body.push(let_(&format!("{} *", self.element()), "lhs", at(&self.element(), self.grid_bytes())));
            body.push(do_(format!("{symbol}_stage(lhs, in, grids, args->zero, line, lines)")));
        }
        body.push(self.panel_groups(symbol));
        body
    }

    fn panel_groups(&self, symbol: &str) -> Stmt {
        let call = do_(format!("{symbol}_at({}, i, rows, p)", self.pass()));
        let by_rows = |inside| for_("i", 0, "rows", self.rows, inside);
        let by_panels = |inside| for_("p", "group", "group_end", 1, inside);
        let blocks = if self.schedule.has("mn") {
            by_rows(vec![by_panels(vec![call])])
        } else if self.unpacks() {
            by_panels(vec![do_(format!("{symbol}_unpack(args, p)")), by_rows(vec![call])])
        } else {
            by_panels(vec![by_rows(vec![call])])
        };
        let inside = match self.depth_block() {
            0 => blocks,
            depth => {
                let steps = let_("const int64_t", "steps", least(&format!("{} - from", self.steps()), depth));
                let partial = note("partial sums rest in the output between blocks of depth");
                for_("from", 0, self.steps(), depth, vec![partial, steps, blocks])
            }
        };
        let group = self.panels_of_group();
        let end = let_("const int64_t", "group_end", least(&format!("group + {group}"), "panel1"));
        for_("group", "panel0", "panel1", group, vec![end, inside])
    }
}

fn least(a: &str, b: impl Display) -> String {
    format!("({a}) < {b} ? ({a}) : {b}")
}
