//! The stage: lines of a strip copied, padded, converted or quantized.

use super::Nest;
use crate::emit::{Function, Stmt, do_, for_, if_, let_, set};
use crate::kernel::{Arithmetic, bf16};
use crate::scheme::activations::Kind;

impl Nest<'_> {
    /// Copies, pads, converts or quantizes the lines of a strip.
    pub(super) fn stage(&self, symbol: &str) -> Function {
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
            // rows that are packed are staged behind all others first
            let at = if self.packs_rows() { self.packed_rows().to_string() } else { "r".into() };
            each.push(let_(&format!("{} *", self.element()), "row", format!("to + {at} * {}", self.row_stride())));
            each.push(row("x", "row", s.k(), grid));
            let whole = s.k().next_multiple_of(self.tile.k);
            if self.fills_up() && whole > s.k() {
                each.push(for_("i", s.k(), whole, 1, vec![set("row[i]", "0")]));
            }
            if self.packs_rows() {
                each.extend(self.pack_row(whole));
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

    /// Puts row `r` of `k` elements between the other rows of its tile, run by run.
    fn pack_row(&self, k: usize) -> Vec<Stmt> {
        let (m, run, stride) = (self.tile.m, self.tile.run, self.row_stride());
        let to = format!("to + (r - r % {m}) * {stride} + r % {m} * {run}");
        let copy = do_(format!("memcpy(rows + i * {m}, row + i, {})", run * self.tile.elem));
        vec![let_(&format!("{} *", self.element()), "rows", to), for_("i", 0, k, run, vec![copy])]
    }

    /// The grid of `n` numbers from `x` on, or the one that the call was given.
    pub(super) fn grid(&self, grid: &str, x: &str, n: usize) -> Vec<Stmt> {
        let signs = matches!(self.task.scheme.activations.kind, Kind::Signs);
        if self.task.has_static_grid() {
            let (top, shift) = (self.task.scheme.greatest_activation(), u8::from(signs));
            return vec![set(grid, format!("bs_grid_fixed(args->zero, args->out_zero, {top}, {shift})"))];
        }
        if signs {
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
        // of depthwise layers it is taken off as they are loaded
        let off = if self.family.own_channels() { 0 } else { self.tile.off };
        let pad = if off == 0 { pad.into() } else { format!("({pad} - {off})") };
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
}
