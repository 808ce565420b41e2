//! The block functions: sums of rows x vectors of outputs, what they begin with and how they are stored, and the choice
//! among them.

use super::Nest;
use crate::emit::{Function, Stmt, do_, for_, if_, let_, set};
use crate::kernel::{Arithmetic, column_stride};

impl Nest<'_> {
    /// A block function for every combination of whole and left-over rows and columns.
    pub(super) fn blocks(&self, symbol: &str) -> Vec<Function> {
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
        for (a, r) in (0..rows).step_by(self.rows_together()).enumerate() {
            let at = self.row(&format!("i + {r}"));
            body.push(let_(&format!("const {} *", self.element()), format!("a{a}"), format!("lhs + {at}")));
        }
        let whole = vectors - usize::from(partial > 0);
        let end = |r: &str, v, lanes| self.end(r, v, lanes, v | 1 < whole);
        let inner = (self.family.inner)(self, rows, vectors, partial);
        if self.tile.numbered() {
            let mut each: Vec<Stmt> = (0..vectors).map(|v| self.row_of_sums(vectors, v)).collect();
            each.extend(self.for_each_vector(1, vectors, partial, |_, v, lanes| end("r", v, lanes)));
            body.extend(inner);
            body.push(for_("r", 0, rows, 1, each));
        } else {
            body.extend(self.for_each_vector(rows, vectors, partial, |r, v, lanes| self.begin(r, v, lanes)));
            body.extend(inner);
            body.extend(self.for_each_vector(rows, vectors, partial, |r, v, lanes| end(&r.to_string(), v, lanes)));
        }
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

    /// Vector `v` of row `r` of sums that lie in memory.
    fn row_of_sums(&self, vectors: usize, v: usize) -> Stmt {
        let (t, at) = (&self.tile.prefix, format!("sums + (r * {vectors} + {v}) * {}", self.tile.n));
        let_(&format!("{t}_acc"), format!("cr_{v}"), format!("{t}_row({at})"))
    }

    /// The first of the outputs of one accumulator.
    fn out(&self, r: &str, v: usize) -> String {
        format!("out + (i + {r}) * {} + column + {}", self.task.shape.n(), v * self.tile.n)
    }

    /// The first of an accumulator's parameters in an array of `args->cols`.
    fn parameter(&self, array: usize, ty: &str, v: usize) -> String {
        let first = array * column_stride(self.task.shape.n());
        format!("(const {ty} *)args->cols + {first} + column + {}", v * self.tile.n)
    }

    /// Where the sums of all groups come together, or of everything; rows that are multiplied together come apart later.
    fn begin(&self, r: usize, v: usize, lanes: Option<usize>) -> Vec<Stmt> {
        let t = &self.tile.prefix;
        let zero = format!("{t}_zero()");
        vec![match self.task.group() {
            Some(_) => let_(&format!("{t}_real"), format!("f{r}_{v}"), format!("{t}_real_zero()")),
            None if self.begins_with_init() => {
                let init = self.plus(&zero, &self.init(v), lanes);
                let_(&format!("{t}_acc"), format!("c{r}_{v}"), self.restored(&init, v, lanes))
            }
            None if self.tile.m > 1 => return vec![],
            None => let_(&format!("{t}_acc"), format!("c{r}_{v}"), zero),
        }]
    }

    /// Do sums begin with `init`? They cannot where they are no plain sums, or the depth's first block is not known.
    fn begins_with_init(&self) -> bool {
        let given = matches!(self.task.arithmetic(), Arithmetic::Int | Arithmetic::Requant);
        given && !self.stored.scaled() && !self.blocks_depth() && self.tile.m == 1
    }

    fn init(&self, v: usize) -> String {
        self.parameter(0, "int32_t", v)
    }

    /// Sums of a matrix product or a depthwise layer, with what the tile took off its activations given back.
    fn restored(&self, sums: &str, v: usize, lanes: Option<usize>) -> String {
        if self.tile.off == 0 {
            return sums.into();
        }
        let t = &self.tile.prefix;
        let array = if self.task.arithmetic() == Arithmetic::Requant { 2 } else { 1 };
        let weights = self.plus(&format!("{t}_zero()"), &self.parameter(array, "int32_t", v), lanes);
        format!("{t}_restore({sums}, {weights})")
    }

    fn restore(&self, acc: &str, v: usize, lanes: Option<usize>) -> Vec<Stmt> {
        if self.tile.off == 0 { vec![] } else { vec![set(acc, self.restored(acc, v, lanes))] }
    }

    /// `sum` plus as many words as it has lanes that are stored.
    fn plus(&self, sum: &str, from: &str, lanes: Option<usize>) -> String {
        let t = &self.tile.prefix;
        lanes.map_or_else(|| format!("{t}_plus({sum}, {from})"), |n| format!("{t}_plus_n({sum}, {from}, {n})"))
    }

    /// Stores one accumulator; of two that are requantized as a pair, both with the second.
    fn end(&self, r: &str, v: usize, lanes: Option<usize>, paired: bool) -> Vec<Stmt> {
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
                let off = self.tile.off;
                let grid = if off > 0 { format!("bs_grid_less({grid}, {off})") } else { grid };
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
        let mut end = if self.is_dynamic() { vec![] } else { self.restore(&acc, v, lanes) };
        end.push(finish);
        all.push(if_(format!("from + steps < {}", self.steps()), vec![store], end));
        all
    }

    /// Adds to a block's sums what they begin with: `init`, or the sums of the depth before.
    fn whole_sums(&self, r: &str, v: usize, lanes: Option<usize>) -> Vec<Stmt> {
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
            (Arithmetic::Int | Arithmetic::Requant, false) if !self.begins_with_init() => {
                all.push(plus(init));
                all.extend(self.restore(&acc, v, lanes));
            }
            (_, true) => all.push(if_("from > 0", vec![plus(before)], vec![])),
            (_, false) => {}
        }
        all
    }

    fn is_dynamic(&self) -> bool {
        self.task.arithmetic() == Arithmetic::Dynamic
    }

    /// Chooses the block function for the rows that are left and the panel.
    pub(super) fn at(&self, symbol: &str) -> Function {
        let width = self.vectors * self.tile.n;
        let panel = self.vectors * self.column_bytes(self.tile);
        let packed = format!("(const char *)args->rhs + p * {panel}");
        let mut body = vec![let_("const char *", "rhs", if self.unpacks() { self.panel() } else { packed })];
        if self.blocks_depth() {
            let last = self.last_panel().0 * self.tile.vector_bytes();
            let full = self.vectors * self.tile.vector_bytes();
            body.push(set("rhs", format!("rhs + from * (p < {} ? {full} : {last})", self.full_panels())));
            let rows = if self.packs_rows() { self.tile.m } else { 1 };
            body.push(set("lhs", format!("lhs + from * {}", self.tile.k * rows)));
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
}
