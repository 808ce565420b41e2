//! The nest as C: the block functions, the stage, the entry, and the loops between them.

use std::fmt::Display;

use super::Nest;
use crate::candidate::Name;
use crate::emit::{Function, Source, Stmt, do_, for_, if_, let_, note, set};
use crate::kernel::{Arithmetic, bf16, column_stride};
use crate::scheme::activations::Kind;

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
        Source { symbol, header: format!("isa/{}.h", self.task.isa.name), text, work_bytes: self.work_bytes() }
    }

    /// Parameters that every function below the entry shares.
    fn parameters(&self) -> String {
        let depth = if self.blocks_depth() { ", int64_t from, int64_t steps" } else { "" };
        format!(
            "const {} *lhs, {} *out, const struct bs_args *args, const struct bs_grid *grids{depth}",
            self.element(),
            self.output()
        )
    }
    fn pass(&self) -> &'static str {
        if self.blocks_depth() { "lhs, out, args, grids, from, steps" } else { "lhs, out, args, grids" }
    }

    /// A block function for every combination of whole and left-over rows and columns.
    fn blocks(&self, symbol: &str) -> Vec<Function> {
        let mut rows: Vec<usize> = self.row_tails().into_iter().collect();
        if self.has_whole_blocks() {
            rows.push(self.rows);
        }
        let mut all = Vec::new();
        for r in rows {
            if self.full_panels() > 0 {
                all.push(self.block(symbol, r, self.vectors, 0));
            }
            if self.full_panels() < self.panels() {
                let (vectors, partial) = self.last_panel();
                all.push(self.block(symbol, r, vectors, partial));
            }
        }
        all
    }

    /// Vectors of the incomplete last panel, and filled lanes of its last vector (0: all).
    pub(super) fn last_panel(&self) -> (usize, usize) {
        let columns = self.task.shape.n() - self.full_panels() * self.vectors * self.tile.n;
        (columns.div_ceil(self.tile.n), columns % self.tile.n)
    }

    fn block_name(symbol: &str, rows: usize, vectors: usize, partial: usize) -> String {
        if partial == 0 { format!("{symbol}_{rows}x{vectors}") } else { format!("{symbol}_{rows}x{vectors}p{partial}") }
    }

    fn block(&self, symbol: &str, rows: usize, vectors: usize, partial: usize) -> Function {
        let name = Self::block_name(symbol, rows, vectors, partial);
        let mut body = Vec::new();
        for r in 0..rows {
            let at = self.row(&format!("i + {r}"));
            body.push(let_(&format!("const {} *", self.element()), format!("a{r}"), format!("lhs + {at}")));
        }
        body.extend(self.for_each_vector(rows, vectors, partial, |r, v, lanes| self.begin(r, v, lanes)));
        body.extend((self.family.inner)(self, rows, vectors, partial));
        let whole = vectors - usize::from(partial > 0);
        body.extend(self.for_each_vector(rows, vectors, partial, |r, v, lanes| self.end(r, v, lanes, v | 1 < whole)));
        Function {
            head: format!("static void {name}({}, int64_t i, int64_t column, const char *rhs)", self.parameters()),
            body,
        }
    }

    fn for_each_vector(
        &self,
        rows: usize,
        vectors: usize,
        partial: usize,
        f: impl Fn(usize, usize, Option<usize>) -> Vec<Stmt>,
    ) -> Vec<Stmt> {
        let lanes = |v| (partial > 0 && v + 1 == vectors).then_some(partial);
        (0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v))).flat_map(|(r, v)| f(r, v, lanes(v))).collect()
    }

    /// The first of the outputs of one accumulator.
    fn out(&self, r: usize, v: usize) -> String {
        format!("out + (i + {r}) * {} + column + {}", self.task.shape.n(), v * self.tile.n)
    }

    /// The first of an accumulator's parameters in an array of `args->cols`.
    fn parameter(&self, array: usize, ty: &str, v: usize) -> String {
        let first = array * column_stride(self.task.shape.n());
        format!("(const {ty} *)args->cols + {first} + column + {}", v * self.tile.n)
    }

    /// Where the sums of all groups come together, or of everything.
    fn begin(&self, r: usize, v: usize, lanes: Option<usize>) -> Vec<Stmt> {
        let t = &self.tile.prefix;
        let zero = format!("{t}_zero()");
        vec![match self.task.group() {
            Some(_) => let_(&format!("{t}_real"), format!("f{r}_{v}"), format!("{t}_real_zero()")),
            None if self.begins_with_init() => {
                let_(&format!("{t}_acc"), format!("c{r}_{v}"), self.plus(&zero, &self.init(v), lanes))
            }
            None => let_(&format!("{t}_acc"), format!("c{r}_{v}"), zero),
        }]
    }

    /// Do sums begin with `init`? They cannot where they are no plain sums, or the depth's first block is not known.
    fn begins_with_init(&self) -> bool {
        let given = matches!(self.task.arithmetic(), Arithmetic::Int | Arithmetic::Requant);
        given && !self.stored.scaled() && !self.blocks_depth()
    }

    fn init(&self, v: usize) -> String {
        self.parameter(0, "int32_t", v)
    }

    /// `sum` plus as many words as it has lanes that are stored.
    fn plus(&self, sum: &str, from: &str, lanes: Option<usize>) -> String {
        let t = &self.tile.prefix;
        lanes.map_or_else(|| format!("{t}_plus({sum}, {from})"), |n| format!("{t}_plus_n({sum}, {from}, {n})"))
    }

    /// Stores one accumulator; of two that are requantized as a pair, both with the second.
    fn end(&self, r: usize, v: usize, lanes: Option<usize>, paired: bool) -> Vec<Stmt> {
        let (t, out) = (&self.tile.prefix, self.out(r, v));
        let acc = format!("{}{r}_{v}", if self.task.group().is_some() { "f" } else { "c" });
        let (suffix, last) = lanes.map_or(("", String::new()), |l| ("_n", format!(", {l}")));
        let relu = i32::from(self.task.relu);
        let finish = |word: &str, rest: String| do_(format!("{t}_{word}{suffix}({out}, {acc}, {rest}{last})"));
        let grid = if self.grid_per_row() { format!("grids[i + {r}]") } else { "grids[0]".into() };
        let float = |array| self.parameter(array, "float", v);
        let mut all = self.whole_sums(r, v, lanes);
        let finish = match self.task.arithmetic() {
            Arithmetic::Int => do_(format!("{t}_store{suffix}({out}, {acc}{last})")),
            Arithmetic::Requant => {
                let low = if self.task.relu { "args->out_zero" } else { "0" };
                let rest = |v| format!("{}, args->out_zero, {low}", self.parameter(1, "float", v));
                match (paired, v % 2) {
                    (false, _) => finish("requant", rest(v)),
                    (true, 0) => return all,
                    (true, _) => {
                        let (first, before) = (self.out(r, v - 1), format!("c{r}_{}", v - 1));
                        do_(format!("{t}_requant_pair({first}, {before}, {acc}, {})", rest(v - 1)))
                    }
                }
            }
            Arithmetic::Float => finish("finish", format!("{}, {relu}", float(0))),
            Arithmetic::Dynamic => {
                let sums = self.parameter(1, "int32_t", v);
                finish("finish", format!("{grid}, {}, {sums}, {}, {relu}", float(0), float(2)))
            }
            Arithmetic::Groups => finish("finish_groups", format!("{grid}, {}, {}, {relu}", float(0), float(1))),
            Arithmetic::Coded => finish("finish", format!("{}, {}, {relu}", float(0), float(1))),
        };
        if !self.blocks_depth() {
            all.push(finish);
            return all;
        }
        let cast = if self.is_dynamic() { "(int32_t *)" } else { "" };
        let store = do_(format!("{t}_store{suffix}({cast}({out}), {acc}{last})"));
        all.push(if_(format!("from + steps < {}", self.steps()), vec![store], vec![finish]));
        all
    }

    /// Adds to a block's sums what they begin with: `init`, or the sums of the depth before.
    fn whole_sums(&self, r: usize, v: usize, lanes: Option<usize>) -> Vec<Stmt> {
        let acc = format!("c{r}_{v}");
        let mut all = vec![];
        if self.task.group().is_none() && self.stored.scaled() {
            all.push(set(&acc, format!("{}_settle({acc})", self.stored.prefix)));
        }
        let plus = |from: String| set(&acc, self.plus(&acc, &from, lanes));
        let cast = if self.is_dynamic() { "(const int32_t *)" } else { "" };
        let before = format!("{cast}({})", self.out(r, v));
        let init = self.init(v);
        match (self.task.arithmetic(), self.blocks_depth()) {
            (Arithmetic::Int, true) => all.push(plus(format!("from == 0 ? {init} : {before}"))),
            (Arithmetic::Int | Arithmetic::Requant, false) if !self.begins_with_init() => all.push(plus(init)),
            (_, true) => all.push(if_("from > 0", vec![plus(before)], vec![])),
            (_, false) => {}
        }
        all
    }

    fn is_dynamic(&self) -> bool {
        self.task.arithmetic() == Arithmetic::Dynamic
    }

    /// Chooses the block function for the rows that are left and the panel.
    fn at(&self, symbol: &str) -> Function {
        let width = self.vectors * self.tile.n;
        let panel = self.vectors * self.column_bytes(self.tile);
        let packed = format!("(const char *)args->rhs + p * {panel}");
        let mut body = vec![let_("const char *", "rhs", if self.unpacks() { self.panel() } else { packed })];
        if self.blocks_depth() {
            let last = self.last_panel().0 * self.tile.vector_bytes();
            let full = self.vectors * self.tile.vector_bytes();
            body.push(set("rhs", format!("rhs + from * (p < {} ? {full} : {last})", self.full_panels())));
            body.push(set("lhs", format!("lhs + from * {}", self.tile.k)));
        }
        let calls = |vectors: usize, partial: usize| {
            let call = |r| {
                do_(format!("{}({}, i, p * {width}, rhs)", Self::block_name(symbol, r, vectors, partial), self.pass()))
            };
            let tails = self.row_tails();
            let mut chain =
                tails.iter().rev().fold(vec![], |rest, r| vec![if_(format!("rows - i == {r}"), vec![call(*r)], rest)]);
            if self.has_whole_blocks() {
                chain = vec![if_(format!("rows - i >= {}", self.rows), vec![call(self.rows)], chain)];
            }
            chain
        };
        let (vectors, partial) = self.last_panel();
        body.extend(match (self.full_panels(), self.panels()) {
            (0, _) => calls(vectors, partial),
            (full, all) if full == all => calls(self.vectors, 0),
            (full, _) => vec![if_(format!("p < {full}"), calls(self.vectors, 0), calls(vectors, partial))],
        });
        Function {
            head: format!("static void {symbol}_at({}, int64_t i, int64_t rows, int64_t p)", self.parameters()),
            body,
        }
    }

    /// Copies, pads, converts or quantizes the lines of a strip.
    fn stage(&self, symbol: &str) -> Function {
        let (s, t) = (&self.task.shape, &self.tile.prefix);
        let input = self.input();
        let parts = if self.tile.per > 1 { format!(", {}", self.parts()) } else { String::new() };
        let row = |x: &str, to: &str, n: usize, grid: &str| match self.task.arithmetic() {
            Arithmetic::Dynamic | Arithmetic::Groups => do_(format!("{t}_quant({to}, {x}, {n}, {grid}{parts})")),
            _ => match self.task.scheme.activations.half() {
                Some(half) => do_(format!("{t}_stage_{half}({to}, {x}, {n})")),
                None => do_(format!("{t}_stage({to}, {x}, {n}{parts})")),
            },
        };
        let body = if self.plain_rows() {
            let mut each = vec![let_(&format!("const {input} *"), "x", format!("in + (line + r) * {}", s.k()))];
            if self.grids() > 0 && self.grid_per_row() {
                each.extend(self.grid("grids[r]", "x", s.k()));
            }
            let grid = if self.grid_per_row() { "grids[r]" } else { "grids[0]" };
            each.push(row("x", &format!("to + r * {}", self.row_stride()), s.k(), grid));
            if self.fills_up() && !s.k().is_multiple_of(self.tile.k) {
                let rest = for_("i", s.k(), s.k().next_multiple_of(self.tile.k), 1, vec![set("row[i]", "0")]);
                each.push(let_(&format!("{} *", self.element()), "row", format!("to + r * {}", self.row_stride())));
                each.push(rest);
            }
            vec![for_("r", 0, "lines", 1, each)]
        } else {
            self.stage_image(row)
        };
        let head = format!(
            "static void {symbol}_stage({} *to, const {input} *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines)",
            self.element()
        );
        let mut all = vec![do_("(void)grids, (void)zero")];
        all.extend(body);
        Function { head, body: all }
    }

    /// The grid of `n` numbers from `x` on.
    fn grid(&self, grid: &str, x: &str, n: usize) -> Vec<Stmt> {
        if matches!(self.task.scheme.activations.kind, Kind::Signs) {
            return vec![set(grid, format!("bs_grid_of_signs({x}, {n})"))];
        }
        let range = format!("{}_range({x}, {n}, &low, &high)", self.tile.prefix);
        let of = format!("bs_grid_of(low, high, {})", self.task.scheme.greatest_activation());
        vec![let_("float", "low", "0, high = 0"), do_(range), set(grid, of)]
    }

    fn stage_image(&self, row: impl Fn(&str, &str, usize, &str) -> Stmt) -> Vec<Stmt> {
        let s = &self.task.shape;
        let (line, middle) = (self.line(), s.w.min(self.staged_width() - s.left));
        let (before, after) = (s.left * s.c, (s.left + middle) * s.c);
        let fill = |from: usize, below: usize| for_("x", from, below, 1, vec![set("row[x]", "pad")]);
        let mut inside = vec![];
        if before > 0 {
            inside.push(fill(0, before));
        }
        inside.push(row(&format!("in + y * {}", s.w * s.c), &format!("row + {before}"), middle * s.c, "grids[0]"));
        if after < line {
            inside.push(fill(after, line));
        }
        let pad = match self.task.arithmetic() {
            Arithmetic::Int | Arithmetic::Requant => "zero",
            Arithmetic::Dynamic | Arithmetic::Groups => "grids[0].zero",
            Arithmetic::Float | Arithmetic::Coded => "0",
        };
        let element = self.element();
        let each = vec![
            let_(&format!("{element} *"), "row", format!("to + r * {line}")),
            let_("const int64_t", "y", format!("line * {} + r - {}", s.stride, s.top)),
            if_(format!("y < 0 || y >= {}", s.h), vec![fill(0, line)], inside),
        ];
        let rows = format!("(lines - 1) * {} + {}", s.stride, s.kh);
        let mut all =
            vec![let_(&format!("const {element}"), "pad", format!("({element}){pad}")), for_("r", 0, &rows, 1, each)];
        if self.fills_up() {
            let end = format!("({rows}) * {line}");
            all.push(for_("x", &end, format!("{end} + {}", self.tile.k), 1, vec![set("to[x]", "0")]));
        }
        all
    }

    /// Must what a last step reads past a row be numbers, as zero times anything else need not be zero?
    fn fills_up(&self) -> bool {
        self.family.tiles == bf16::FAMILY.tiles
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
        body.push(for_("line", "line0", "line1", self.strip(), self.strip_body(symbol)));
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
        let [_, columns, _] = self.schedule.sizes("c");
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
        let group = (columns / (self.vectors * self.tile.n)).max(1);
        let group = if columns == 0 { self.panels() } else { group };
        let end = let_("const int64_t", "group_end", least(&format!("group + {group}"), "panel1"));
        for_("group", "panel0", "panel1", group, vec![end, inside])
    }
}

fn least(a: &str, b: impl Display) -> String {
    format!("({a}) < {b} ? ({a}) : {b}")
}
