//! Panels of narrow weights that are unpacked once for all the rows of a strip: what stands in the schedule as order `un`.
//! In scratch a panel then lies as if it had been packed for the plain tile, with the narrow tile's scales.

use super::Nest;
use crate::emit::{Function, Stmt, do_, for_, if_, let_, set};
use crate::kernel::product;

impl Nest<'_> {
    /// Bytes of an unpacked panel; 0 where none is. The last step of a row of the window may write on, into the next row's
    /// place, before that is written.
    pub(super) fn panel_bytes(&self) -> usize {
        if !self.unpacks() {
            return 0;
        }
        let last = self.stored.k / self.tile.k * self.tile.vector_bytes();
        (self.vectors * (self.column_bytes(self.tile) + last)).next_multiple_of(64)
    }

    /// Where the panel begins in scratch.
    pub(super) fn panel(&self) -> String {
        format!("(char *)args->work + {}", self.work_bytes() - self.panel_bytes() as u64)
    }

    /// Unpacks panel `p`.
    pub(super) fn unpack(&self, symbol: &str) -> Function {
        let packed = self.vectors * self.column_bytes(self.stored);
        let mut body = vec![
            let_("const char *", "from", format!("(const char *)args->rhs + p * {packed}")),
            let_("char *", "to", self.panel()),
        ];
        let (last, _) = self.last_panel();
        let full = self.unpack_panel(self.vectors);
        body.extend(match (self.full_panels(), self.panels()) {
            (0, _) => self.unpack_panel(last),
            (full_panels, all) if full_panels == all => full,
            (full_panels, _) => vec![if_(format!("p < {full_panels}"), full, self.unpack_panel(last))],
        });
        Function { head: format!("static void {symbol}_unpack(const struct bs_args *args, int64_t p)"), body }
    }

    fn unpack_panel(&self, vectors: usize) -> Vec<Stmt> {
        let (shape, segment) = (&self.task.shape, product::segment(&self.task.shape));
        let Some(group) = self.task.group() else {
            return vec![for_("row", 0, product::segments(shape), 1, self.unpack_depth(vectors, segment, 0))];
        };
        let scales = vectors * self.tile.n * 2;
        let mut body = vec![];
        if segment / group > 0 {
            body.push(for_("group", 0, segment / group, 1, self.unpack_depth(vectors, group, scales)));
        }
        if segment % group > 0 {
            body.push(Stmt::Block(self.unpack_depth(vectors, segment % group, scales)));
        }
        body
    }

    /// So much depth of a panel, and the bytes of scales that follow it; `from` and `to` move on.
    fn unpack_depth(&self, vectors: usize, depth: usize, scales: usize) -> Vec<Stmt> {
        let (narrow, plain) = (self.stored, self.tile);
        let (from, to) = (vectors * narrow.vector_bytes(), vectors * plain.vector_bytes());
        let vector = |v: usize| {
            do_(format!(
                "{}_unpack((int8_t *)to + s * {} + {}, {to}, (const void *)(from + s * {from} + {}))",
                narrow.prefix,
                narrow.k / plain.k * to,
                v * plain.vector_bytes(),
                v * narrow.vector_bytes(),
            ))
        };
        let steps = depth.div_ceil(narrow.k);
        let mut body = vec![
            for_("s", 0, steps, 1, (0..vectors).map(vector).collect()),
            set("from", format!("from + {}", steps * from)),
            set("to", format!("to + {}", depth.div_ceil(plain.k) * to)),
        ];
        if scales > 0 {
            body.push(do_(format!("memcpy(to, from, {scales})")));
            body.push(set("from", format!("from + {scales}")));
            body.push(set("to", format!("to + {scales}")));
        }
        body
    }
}
