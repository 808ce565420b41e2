//! A unit in HLS C++: one flattened loop at an initiation interval of 1, as Vitis HLS and Catapult like it. The same text
//! runs on this machine, where it asserts that sums stay within the accumulator.

use std::fmt::Write;

use super::ir::{Memory, Multiplier, Mvau, Requant, UnitKind};
use super::parameters::{Parameters, Rescale};
use crate::emit::{Function, Stmt, do_, if_, let_, line, loop_, note, set};

/// What emitted C++ includes, by file name.
pub static HEADERS: &[(&str, &str)] = &[
    ("bs_types.h", include_str!("../../native/hls/bs_types.h")),
    ("bs_testbench.h", include_str!("../../native/hls/bs_testbench.h")),
    ("bs_window.h", include_str!("../../native/hls/bs_window.h")),
];

/// The unit as a function `name(in, out, vectors)`, its types and its numbers. `top`: it has ports of its own.
pub fn unit(name: &str, unit: &Mvau, own: &Parameters, top: bool) -> String {
    let w = Writer { unit, own, name };
    let mut out = format!("/* {unit}: {} cycles from vector to vector */\n", unit.interval());
    w.types(&mut out);
    w.numbers(&mut out);
    let head = format!("void {name}(bs_stream<{name}_in> &in, bs_stream<{name}_out> &out, int vectors)");
    let mut body = if top { ports() } else { vec![] };
    body.extend(w.body());
    Function { head, body }.print(&mut out);
    out
}

/// The interface of a top function: streams, and a register for the number of frames.
pub fn ports() -> Vec<Stmt> {
    let pragma = |text: &str| line(format!("#pragma HLS {text}"));
    vec![
        pragma("INTERFACE axis port=in"),
        pragma("INTERFACE axis port=out"),
        pragma("INTERFACE s_axilite port=vectors"),
        pragma("INTERFACE s_axilite port=return"),
        pragma("AGGREGATE variable=in compact=bit"),
        pragma("AGGREGATE variable=out compact=bit"),
    ]
}

struct Writer<'a> {
    unit: &'a Mvau,
    own: &'a Parameters,
    name: &'a str,
}

impl Writer<'_> {
    fn types(&self, out: &mut String) {
        let (u, name) = (self.unit, self.name);
        let activation = if u.signed { "BS_INT" } else { "BS_UINT" };
        let result = if u.requant == Requant::None { "BS_INT" } else { "BS_UINT" };
        let weight = if u.weight_bits == 1 { "BS_UINT" } else { "BS_INT" };
        for (kind, ty) in [
            ("weight", format!("{weight}({})", u.weight_bits)),
            ("activation", format!("{activation}({})", u.activation_bits)),
            ("product", format!("BS_INT({})", u.product_bits())),
            ("sum", format!("BS_INT({})", u.accumulator)),
            ("wide", format!("BS_INT({})", u.accumulator + 1)),
            ("result", format!("{result}({})", u.output_bits())),
            ("in", format!("bs_word<{name}_activation, {}>", u.input_lanes())),
            ("out", format!("bs_word<{name}_result, {}>", u.pe)),
        ] {
            let _ = writeln!(out, "typedef {ty} {name}_{kind};");
        }
    }

    /// Arrays that the function reads, each with its first index over outputs that are computed side by side.
    fn numbers(&self, out: &mut String) {
        let (u, name) = (self.unit, self.name);
        let (pe, simd, sf, nf) = (u.pe, u.simd, u.synapse_folds(), u.neuron_folds());
        let weight = |p: usize, s: usize, at: usize| {
            let value = self.own.weights[(at / sf * pe + p) * u.columns + at % sf * simd + s];
            if u.weight_bits == 1 { i64::from(value > 0) } else { i64::from(value) }
        };
        let lanes = (0..pe).map(|p| {
            let each = (0..simd).map(|s| list((0..sf * nf).map(|at| weight(p, s, at))));
            format!("{{{}}}", each.collect::<Vec<_>>().join(",\n  "))
        });
        let lanes: Vec<_> = lanes.collect();
        let _ = writeln!(
            out,
            "static const {name}_weight {name}_weights[{pe}][{simd}][{}] = {{\n {}}};",
            sf * nf,
            lanes.join(",\n ")
        );
        let mut folded = |what: &str, ty: &str, values: &dyn Fn(usize) -> i64| {
            let rows: Vec<_> = (0..pe).map(|p| list((0..nf).map(|f| values(f * pe + p)))).collect();
            let _ = writeln!(out, "static const {ty} {name}_{what}[{pe}][{nf}] = {{{}}};", rows.join(",\n "));
        };
        if !matches!(u.requant, Requant::Thresholds { .. }) {
            folded("init", &format!("{name}_sum"), &|row| i64::from(self.own.init[row]));
        }
        match &self.own.rescale {
            Rescale::Shift { multipliers, .. } => {
                folded("multiplier", "BS_UINT(17)", &|row| i64::from(multipliers[row]));
            }
            Rescale::Thresholds(steps) => {
                let each = steps.len() / u.rows;
                let rows = (0..pe).map(|p| {
                    let row = |t: usize| list((0..nf).map(|f| i64::from(steps[(f * pe + p) * each + t])));
                    format!("{{{}}}", (0..each).map(row).collect::<Vec<_>>().join(", "))
                });
                let rows: Vec<_> = rows.collect();
                let _ = writeln!(
                    out,
                    "static const {name}_sum {name}_thresholds[{pe}][{each}][{nf}] = {{{}}};",
                    rows.join(",\n ")
                );
            }
            Rescale::None => {}
        }
    }

    fn body(&self) -> Vec<Stmt> {
        let (u, name) = (self.unit, self.name);
        let pragma = |text: String| line(format!("#pragma HLS {text}"));
        let storage = if u.memory == Memory::Block { "bram" } else { "lutram" };
        let mut body = vec![
            pragma(format!("ARRAY_PARTITION variable={name}_weights complete dim=1")),
            pragma(format!("ARRAY_RESHAPE variable={name}_weights complete dim=2")),
            pragma(format!("BIND_STORAGE variable={name}_weights type=rom_1p impl={storage}")),
        ];
        for (what, there) in [
            ("init", !matches!(u.requant, Requant::Thresholds { .. })),
            ("multiplier", matches!(u.requant, Requant::Shift { .. })),
            ("thresholds", matches!(u.requant, Requant::Thresholds { .. })),
        ] {
            if there {
                body.push(pragma(format!("ARRAY_PARTITION variable={name}_{what} complete dim=1")));
            }
        }
        if matches!(u.requant, Requant::Thresholds { .. }) {
            body.push(pragma(format!("ARRAY_PARTITION variable={name}_thresholds complete dim=2")));
        }
        if self.unit.replays() {
            body.push(do_(format!("{name}_activation replay[{}][{}]", u.synapse_folds(), u.simd)));
            body.push(pragma("ARRAY_RESHAPE variable=replay complete dim=2".into()));
        }
        body.push(do_(format!("{name}_sum sum[{}]", u.pe)));
        body.push(pragma("ARRAY_PARTITION variable=sum complete".into()));
        body.push(let_("int", "beat", "0"));
        body.push(let_("int", "fold", "0"));
        body.push(let_("int", "address", "0"));
        body.push(loop_(format!("for (int i = 0; i < vectors * {}; i++)", u.interval()), self.iteration()));
        body
    }

    /// One clock cycle.
    fn iteration(&self) -> Vec<Stmt> {
        let (u, name) = (self.unit, self.name);
        let lanes = |body: Vec<Stmt>| {
            let mut all = vec![line("#pragma HLS UNROLL")];
            all.extend(body);
            loop_(format!("for (int s = 0; s < {}; s++)", u.simd), all)
        };
        let mut body = vec![line("#pragma HLS PIPELINE II=1"), do_(format!("{name}_in x"))];
        body.push(if self.unit.replays() {
            if_(
                "fold == 0",
                vec![set("x", "in.read()"), lanes(vec![set("replay[beat][s]", "x.lane[s]")])],
                vec![lanes(vec![set("x.lane[s]", "replay[beat][s]")])],
            )
        } else {
            set("x", "in.read()")
        });
        body.push(do_(format!("{name}_out y")));
        let mut outputs = vec![line("#pragma HLS UNROLL"), let_(&format!("{name}_sum"), "term", "0")];
        outputs.push(lanes(self.product()));
        let base = match u.requant {
            Requant::Thresholds { .. } => format!("({name}_sum)0"),
            _ => format!("{name}_init[p][fold]"),
        };
        outputs.extend([
            let_(&format!("{name}_sum"), "base", format!("beat == 0 ? {base} : sum[p]")),
            let_(&format!("{name}_wide"), "total", format!("({name}_wide)base + term")),
            do_(format!("BS_BOUND(total, {})", u.accumulator)),
            set("sum[p]", "total"),
        ]);
        outputs.extend(self.requant());
        body.push(loop_(format!("for (int p = 0; p < {}; p++)", u.pe), outputs));
        let (sf, nf) = (u.synapse_folds(), u.neuron_folds());
        body.push(if_(format!("beat == {}", sf - 1), vec![do_("out.write(y)")], vec![]));
        let at_end = if_(format!("++fold == {nf}"), vec![set("fold", "0"), set("address", "0")], vec![]);
        body.push(do_("address++"));
        body.push(if_(format!("++beat == {sf}"), vec![set("beat", "0"), at_end], vec![]));
        body
    }

    fn product(&self) -> Vec<Stmt> {
        let (u, name) = (self.unit, self.name);
        let x = if u.kind == UnitKind::Depthwise { "x.lane[p]" } else { "x.lane[s]" };
        let weight = format!("{name}_weights[p][s][address]");
        let product = format!("{name}_product");
        let bind = if u.multiplier == Multiplier::Dsp { "dsp" } else { "fabric" };
        let value = match u.weight_bits {
            1 => format!("{weight} ? ({product})({x}) : ({product})(-({product})({x}))"),
            _ => format!("{weight} * {x}"),
        };
        let mut body = vec![let_(&product, "product", value)];
        if u.weight_bits > 1 {
            body.push(line(format!("#pragma HLS BIND_OP variable=product op=mul impl={bind}")));
        }
        body.push(set("term", "term + product"));
        body
    }

    fn requant(&self) -> Vec<Stmt> {
        let (u, name) = (self.unit, self.name);
        match (&self.own.rescale, u.requant) {
            (Rescale::Shift { shift, zero, low, .. }, Requant::Shift { bits }) => {
                let wide = format!("BS_INT({})", (u.accumulator + 18).max(shift + 10));
                let half = (1i64 << (shift - 1)) + (i64::from(*zero) << shift);
                let top = (1 << bits) - 1;
                vec![
                    note("half a unit, and the zero point, are added before the shift"),
                    let_(&wide, "scaled", format!("({wide})total * ({wide}){name}_multiplier[p][fold] + {half}ll")),
                    let_(&wide, "code", format!("scaled >> {shift}")),
                    set("y.lane[p]", format!("code < {low} ? {low} : code > {top} ? {top} : (int)code")),
                ]
            }
            (Rescale::Thresholds(_), Requant::Thresholds { bits }) => {
                let each = (1 << bits) - 1;
                vec![
                    let_("int", "code", "0"),
                    loop_(
                        format!("for (int t = 0; t < {each}; t++)"),
                        vec![
                            line("#pragma HLS UNROLL"),
                            set("code", format!("code + (total >= {name}_thresholds[p][t][fold])")),
                        ],
                    ),
                    set("y.lane[p]", "code"),
                ]
            }
            _ => vec![set("y.lane[p]", "total")],
        }
    }
}

/// `{1, 2, 3}`
fn list(values: impl Iterator<Item = i64>) -> String {
    format!("{{{}}}", values.map(|v| v.to_string()).collect::<Vec<_>>().join(", "))
}
