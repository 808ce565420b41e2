//! The C of what lies between layers: loops over views, in the arithmetic of the reference (`model/compute.rs`).
//!
//! Operands are `x0`, `x1`, .. and the result `y`, pointers to f32 that the step declares.

use anyhow::{Result, bail, ensure};

use super::view::{Turn, View, turns};
use crate::emit::{Stmt, do_, for_, if_, let_, set};
use crate::model::graph::{Binary, Fold, Operation, Unary, Window};
use crate::model::infer::image;

/// Sums that a loop keeps next to each other on the stack, at most.
const SUMS: usize = 2048;
/// Numbers of a row that a softmax keeps on the stack, at most.
const ROW: usize = 8192;

/// Does C compute the very same bits as the reference, whatever the C library?
pub fn is_exact(op: &Operation) -> bool {
    match op {
        Operation::Unary(u) => matches!(
            u,
            Unary::Relu
                | Unary::Clip(..)
                | Unary::LeakyRelu(_)
                | Unary::Neg
                | Unary::Abs
                | Unary::Sqrt
                | Unary::Reciprocal
                | Unary::Floor
                | Unary::Round
                | Unary::Sign
                | Unary::HardSwish
                | Unary::HardSigmoid(..)
                | Unary::Bipolar(_)
        ),
        Operation::Binary(b) => *b != Binary::Pow,
        Operation::Softmax { .. }
        | Operation::LogSoftmax { .. }
        | Operation::LayerNorm { .. }
        | Operation::MatMul { .. }
        | Operation::Conv { .. } => false,
        _ => true,
    }
}

/// A number as C spells it.
pub fn float(v: f32) -> String {
    match v {
        v if v.is_nan() => "NAN".into(),
        v if v == f32::INFINITY => "INFINITY".into(),
        v if v == f32::NEG_INFINITY => "-INFINITY".into(),
        v => format!("{v:e}f"),
    }
}

/// Loops, one in the other, around what `body` makes of each operand's index.
fn nest(loops: &[Turn], operands: usize, prefix: &str, body: impl FnOnce(&[String]) -> Vec<Stmt>) -> Vec<Stmt> {
    let index = |o: usize| sum(loops.iter().enumerate().map(|(i, t)| (format!("{prefix}{i}"), t.steps[o])));
    let indices: Vec<String> = (0..operands).map(index).collect();
    let wrap = |inside: Vec<Stmt>, (i, t): (usize, &Turn)| vec![for_(&format!("{prefix}{i}"), 0, t.times, 1, inside)];
    loops.iter().enumerate().rev().fold(body(&indices), wrap)
}

/// `i0 * 640 + i1`
fn sum(terms: impl Iterator<Item = (String, isize)>) -> String {
    let said = terms.filter(|(_, step)| *step != 0).map(|(name, step)| match step {
        1 => name,
        step => format!("{name} * {step}"),
    });
    let text = said.collect::<Vec<_>>().join(" + ");
    if text.is_empty() { "0".into() } else { text }
}

/// `y = of(x0, x1, ..)` for every element; operands are repeated where they have dimensions of 1.
pub fn map(y: &View, xs: &[View], of: impl FnOnce(&[String]) -> String) -> Vec<Stmt> {
    let xs: Vec<View> = xs.iter().map(|x| x.broadcast(&y.dims)).collect();
    let steps: Vec<&[isize]> = std::iter::once(y).chain(&xs).map(|v| v.steps.as_slice()).collect();
    nest(&turns(&y.dims, &y.order(), &steps), steps.len(), "i", |at| {
        let xs: Vec<String> = at[1..].iter().enumerate().map(|(i, at)| format!("x{i}[{at}]")).collect();
        vec![set(format!("y[{}]", at[0]), of(&xs))]
    })
}

/// Sums, or other folds, of many elements into each element of the result.
struct Folding<'a> {
    y: &'a View,
    /// How each operand moves with each dimension of the result.
    outer: Vec<Vec<isize>>,
    /// The loops over what is folded, with the steps of the operands.
    inner: Vec<Turn>,
    /// Where an operand begins, relative to its view.
    starts: Vec<isize>,
    /// Of dimensions of the result whose index is `o{dimension}`, and the loops `r{i}`: what must hold for an element to count.
    guards: Vec<(usize, String)>,
    /// The type and the first value of a fold.
    begin: (&'static str, &'static str),
    /// What a fold becomes by one more element.
    step: fn(&str, &[String]) -> String,
    /// What the result is, of the fold and the name of the number of elements seen.
    end: String,
}

impl Folding<'_> {
    fn print(self) -> Vec<Stmt> {
        let (y, operands) = (self.y, self.outer.len());
        let order: Vec<usize> = y.order().into_iter().filter(|d| y.dims[*d] != 1).collect();
        let guarded = |d: usize| self.guards.iter().any(|(g, _)| *g == d);
        // results next to each other are folded together, in a row of sums
        let row = order.last().copied().filter(|d| y.dims[*d] <= SUMS && !guarded(*d));
        let outer: Vec<usize> = order.iter().copied().filter(|d| Some(*d) != row).collect();
        let width = row.map_or(1, |d| y.dims[d]);
        let name = |d: usize| format!("o{d}");
        let at = |o: usize| {
            let by_result = outer.iter().map(|d| (name(*d), self.outer[o][*d]));
            let by_row = row.iter().map(|d| ("j".to_string(), self.outer[o][*d]));
            let by_fold = self.inner.iter().enumerate().map(|(i, t)| (format!("r{i}"), t.steps[o]));
            let index = sum(by_result.chain(by_row).chain(by_fold));
            match self.starts[o] {
                0 => format!("x{o}[{index}]"),
                start => format!("x{o}[{index} + {start}]"),
            }
        };
        let elements: Vec<String> = (0..operands).map(at).collect();
        let each = |body: Stmt| for_("j", 0, width, 1, vec![body]);
        let mut inside = vec![each(set("s[j]", (self.step)("s[j]", &elements))), do_("seen += 1")];
        if !self.guards.is_empty() {
            let all: Vec<&str> = self.guards.iter().map(|(_, g)| g.as_str()).collect();
            inside = vec![if_(all.join(" && "), inside, vec![])];
        }
        let loops = self.inner.iter().enumerate().rev();
        let folded = loops.fold(inside, |body, (i, t)| vec![for_(&format!("r{i}"), 0, t.times, 1, body)]);
        let result =
            sum(outer.iter().map(|d| (name(*d), y.steps[*d])).chain(row.iter().map(|d| ("j".into(), y.steps[*d]))));
        let mut body = vec![
            do_(format!("{} s[{width}]", self.begin.0)),
            let_("int64_t", "seen", "0"),
            each(set("s[j]", self.begin.1)),
        ];
        body.extend(folded);
        body.push(each(set(format!("y[{result}]"), self.end)));
        let mut all = body;
        for d in outer.iter().rev() {
            all = vec![for_(&name(*d), 0, y.dims[*d], 1, all)];
        }
        vec![Stmt::Block(all)]
    }
}

/// The result's dimensions of height and width, and how a window's input moves and is bounded.
struct Slid {
    /// Steps over the dimensions of the result, of the spatial ones; the channel's is left to the caller.
    outer: Vec<isize>,
    inner: Vec<(usize, isize)>,
    start: isize,
    guards: Vec<(usize, String)>,
}

fn slid(window: &Window, x: &View, y: &View) -> Result<Slid> {
    let [h, w, _] = image(&x.dims, window.channels_first)?;
    let first = if window.channels_first { 2 } else { 1 };
    let (mut outer, mut inner, mut start, mut guards) = (vec![0; 4], vec![], 0, vec![]);
    for (i, size) in [h, w].into_iter().enumerate() {
        let (d, pad) = (first + i, window.pad[i]);
        let (stride, dilation) = (window.stride[i], window.dilation[i]);
        outer[d] = stride as isize * x.steps[d];
        inner.push((window.kernel[i], dilation as isize * x.steps[d]));
        start -= pad as isize * x.steps[d];
        let last = (y.dims[d] - 1) * stride + (window.kernel[i] - 1) * dilation;
        if pad > 0 || last >= size {
            let of_result = if y.dims[d] == 1 { "0".into() } else { format!("o{d} * {stride}") };
            guards.push((d, format!("(uint64_t)({of_result} + r{i} * {dilation} - {pad}) < {size}")));
        }
    }
    Ok(Slid { outer, inner, start, guards })
}

fn pool(window: &Window, x: &View, y: &View, fold: Fold, end: String) -> Result<Vec<Stmt>> {
    let mut s = slid(window, x, y)?;
    let channel = if window.channels_first { 1 } else { 3 };
    s.outer[channel] = x.steps[channel];
    let inner = s.inner.iter().map(|(times, step)| Turn { times: *times, steps: vec![*step] }).collect();
    let (begin, step) = folding(fold);
    Ok(Folding { y, outer: vec![s.outer], inner, starts: vec![s.start], guards: s.guards, begin, step, end }.print())
}

type Step = fn(&str, &[String]) -> String;

fn folding(fold: Fold) -> ((&'static str, &'static str), Step) {
    match fold {
        Fold::Max => (("float", "-INFINITY"), |s, x| format!("{0} > {s} ? {0} : {s}", x[0])),
        Fold::Min => (("float", "INFINITY"), |s, x| format!("{0} < {s} ? {0} : {s}", x[0])),
        Fold::Sum | Fold::Mean => (("double", "0.0"), |s, x| format!("{s} + {}", x[0])),
    }
}

const PRODUCT: Step = |s, x| format!("{s} + (double){} * {}", x[0], x[1]);

fn reduce(fold: Fold, axes: &[usize], keep: bool, x: &View, y: &View) -> Vec<Stmt> {
    let kept: Vec<usize> = (0..x.dims.len()).filter(|d| keep || !axes.contains(d)).collect();
    let outer = kept.iter().map(|d| if axes.contains(d) { 0 } else { x.steps[*d] }).collect();
    let inner = axes.iter().map(|a| Turn { times: x.dims[*a], steps: vec![x.steps[*a]] }).collect();
    let count: usize = axes.iter().map(|a| x.dims[*a]).product();
    let end = match fold {
        Fold::Mean => format!("(float)(s[j] / {count}.0)"),
        _ => "(float)s[j]".into(),
    };
    let (begin, step) = folding(fold);
    Folding { y, outer: vec![outer], inner, starts: vec![0], guards: vec![], begin, step, end }.print()
}

fn matmul(transposed: [bool; 2], a: &View, b: &View, y: &View) -> Vec<Stmt> {
    let rank = y.dims.len();
    // [.., m, k] and [.., n, k]
    let sides = |x: &View, swap: bool| {
        let (rows, depth) = (x.dims.len() - 2, x.dims.len() - 1);
        let (rows, depth) = if swap { (depth, rows) } else { (rows, depth) };
        let batch: Vec<usize> = (0..x.dims.len() - 2).collect();
        let part = View {
            dims: batch.iter().map(|d| x.dims[*d]).collect(),
            steps: x.steps[..batch.len()].to_vec(),
            ..x.clone()
        };
        (part.broadcast(&y.dims[..rank - 2]).steps, x.steps[rows], (x.dims[depth], x.steps[depth]))
    };
    let (batch_a, m, (k, by_a)) = sides(a, transposed[0]);
    let (batch_b, n, (_, by_b)) = sides(b, !transposed[1]);
    let outer = vec![[batch_a, vec![m, 0]].concat(), [batch_b, vec![0, n]].concat()];
    let inner = vec![Turn { times: k, steps: vec![by_a, by_b] }];
    let end = "(float)s[j]".to_string();
    let begin = ("double", "0.0");
    Folding { y, outer, inner, starts: vec![0, 0], guards: vec![], begin, step: PRODUCT, end }.print()
}

/// A convolution that there are no kernels for: in groups, dilated, or with two strides.
fn conv(window: &Window, groups: usize, relu: bool, xs: &[View], y: &View) -> Result<Vec<Stmt>> {
    let (x, w) = (&xs[0], &xs[1]);
    let s = slid(window, x, y)?;
    let channel = if window.channels_first { 1 } else { 3 };
    let (each, outs) = (w.dims[3], w.dims[0] / groups);
    // the channels of the result as [groups, outs]: a fifth dimension
    let split = |steps: &[isize], by_group: isize, by_out: isize| {
        let mut steps = steps.to_vec();
        steps[channel] = by_group;
        steps.push(by_out);
        steps
    };
    let mut dims = y.dims.clone();
    dims[channel] = groups;
    dims.push(outs);
    let step = y.steps[channel];
    let five = View { dims, steps: split(&y.steps, step * outs as isize, step), ..y.clone() };
    let of_x = split(&s.outer, each as isize * x.steps[channel], 0);
    let of_w = split(&[0; 4], outs as isize * w.steps[0], w.steps[0]);
    let mut outer = vec![of_x, of_w];
    let mut inner: Vec<Turn> =
        s.inner.iter().zip([1, 2]).map(|((n, step), d)| Turn { times: *n, steps: vec![*step, w.steps[d]] }).collect();
    inner.push(Turn { times: each, steps: vec![x.steps[channel], w.steps[3]] });
    let mut starts = vec![s.start, 0];
    let mut total = "s[j]".to_string();
    if let Some(b) = xs.get(2) {
        // read by the index of the result, not by what is folded
        outer.push(split(&[0; 4], outs as isize * b.steps[0], b.steps[0]));
        starts.push(0);
        inner.iter_mut().for_each(|t| t.steps.push(0));
        let order: Vec<usize> = five.order().into_iter().filter(|d| five.dims[*d] != 1).collect();
        let guarded = |d: usize| s.guards.iter().any(|(g, _)| *g == d);
        let row = order.last().copied().filter(|d| five.dims[*d] <= SUMS && !guarded(*d));
        let name = |d: usize| if Some(d) == row { "j".to_string() } else { format!("o{d}") };
        let index = sum(order.iter().map(|d| (name(*d), outer[2][*d])));
        total = format!("(s[j] + x2[{index}])");
    }
    let end = if relu { format!("{total} > 0.0 ? (float){total} : 0.0f") } else { format!("(float){total}") };
    let begin = ("double", "0.0");
    Ok(Folding { y: &five, outer, inner, starts, guards: s.guards, begin, step: PRODUCT, end }.print())
}

fn along(axis: usize, x: &View, y: &View, body: impl Fn(&str, &str) -> Vec<Stmt>) -> Vec<Stmt> {
    let others: Vec<usize> = y.order().into_iter().filter(|d| *d != axis).collect();
    let loops = turns(&y.dims, &others, &[&y.steps, &x.steps]);
    nest(&loops, 2, "i", |at| {
        let by = |step: isize, name: &str, at: &str| format!("{name}[{at} + l * {step}]");
        body(&by(x.steps[axis], "x0", &at[1]), &by(y.steps[axis], "y", &at[0]))
    })
}

fn softmax(axis: usize, beta: f32, log: bool, x: &View, y: &View) -> Vec<Stmt> {
    let length = x.dims[axis];
    let beta = if beta == 1.0 { String::new() } else { format!("(double){} * ", float(beta)) };
    along(axis, x, y, |x, y| {
        let each = |body: Vec<Stmt>| for_("l", 0, length, 1, body);
        let exp = format!("exp({beta}((double)({x} - most)))");
        let mut all = vec![
            let_("float", "most", "-INFINITY"),
            each(vec![set("most", format!("{x} > most ? {x} : most"))]),
            let_("double", "sum", "0.0"),
        ];
        if log {
            all.push(each(vec![set("sum", format!("sum + {exp}"))]));
            all.push(each(vec![set(y, format!("(float)((double)({x} - most) - log(sum))"))]));
        } else if length <= ROW {
            all.insert(0, do_(format!("double e[{length}]")));
            all.push(each(vec![set("e[l]", exp), set("sum", "sum + e[l]")]));
            all.push(each(vec![set(y, "(float)(e[l] / sum)")]));
        } else {
            all.push(each(vec![set("sum", format!("sum + {exp}"))]));
            all.push(each(vec![set(y, format!("(float)({exp} / sum)"))]));
        }
        vec![Stmt::Block(all)]
    })
}

/// Of dense rows.
fn layer_norm(axis: usize, epsilon: f32, xs: &[View]) -> Vec<Stmt> {
    let length: usize = xs[0].dims[axis..].iter().product();
    let rows: usize = xs[0].dims[..axis].iter().product();
    let at = format!("x0[i0 * {length} + l]");
    let each = |body: Stmt| for_("l", 0, length, 1, vec![body]);
    let scale = if xs.len() > 1 { "(double)x1[l]" } else { "1.0" };
    let bias = if xs.len() > 2 { "(double)x2[l]" } else { "0.0" };
    let body = vec![
        let_("double", "mean", "0.0"),
        each(set("mean", format!("mean + (double){at}"))),
        set("mean", format!("mean / {length}.0")),
        let_("double", "variance", "0.0"),
        each(set("variance", format!("variance + ((double){at} - mean) * ((double){at} - mean)"))),
        let_("double", "by", format!("1.0 / sqrt(variance / {length}.0 + (double){})", float(epsilon))),
        each(set(format!("y[i0 * {length} + l]"), format!("(float)(((double){at} - mean) * by * {scale} + {bias})"))),
    ];
    vec![for_("i0", 0, rows, 1, body)]
}

fn gather(axis: usize, x: &View, indices: usize, y: &View) -> Vec<Stmt> {
    let (size, outer) = (x.dims[axis], &x.dims[..axis]);
    let inner = &x.dims[axis + 1..];
    // the result is dense: [outer, indices, inner]
    let rest: usize = inner.iter().product();
    let y_outer = View::dense(y.place, outer).steps.iter().map(|s| s * (indices * rest) as isize).collect::<Vec<_>>();
    let y_inner = View::dense(y.place, inner).steps;
    let before: Vec<usize> = (0..outer.len()).collect();
    let after: Vec<usize> = (0..inner.len()).collect();
    let at_inner = turns(inner, &after, &[&y_inner, &x.steps[axis + 1..]]);
    let at_outer = turns(outer, &before, &[&y_outer, &x.steps[..axis]]);
    nest(&at_outer, 2, "i", |o| {
        let copy = nest(&at_inner, 2, "k", |i| {
            let to = format!("y[{} + l * {rest} + {}]", o[0], i[0]);
            vec![set(to, format!("x0[{} + at * {} + {}]", o[1], x.steps[axis], i[1]))]
        });
        let mut body = vec![
            let_("int64_t", "at", "(int64_t)x1[l]"),
            set("at", format!("at < 0 ? at + {size} : at")),
            set("at", format!("at < 0 ? 0 : at < {size} ? at : {}", size - 1)),
        ];
        body.extend(copy);
        vec![for_("l", 0, indices, 1, body)]
    })
}

fn unary(op: Unary, x: &str) -> String {
    match op {
        Unary::Relu => format!("net_relu({x})"),
        Unary::Clip(low, high) => format!("net_clip({x}, {}, {})", float(low), float(high)),
        Unary::LeakyRelu(slope) => format!("net_leaky_relu({x}, {})", float(slope)),
        Unary::Sigmoid => format!("net_sigmoid({x})"),
        Unary::Tanh => format!("tanhf({x})"),
        Unary::Sin => format!("sinf({x})"),
        Unary::Cos => format!("cosf({x})"),
        Unary::Gelu => format!("net_gelu({x})"),
        Unary::GeluTanh => format!("net_gelu_tanh({x})"),
        Unary::Erf => format!("net_erf({x})"),
        Unary::Exp => format!("expf({x})"),
        Unary::Log => format!("logf({x})"),
        Unary::Sqrt => format!("sqrtf({x})"),
        Unary::Rsqrt => format!("1.0f / sqrtf({x})"),
        Unary::Neg => format!("-{x}"),
        Unary::Abs => format!("fabsf({x})"),
        Unary::Reciprocal => format!("1.0f / {x}"),
        Unary::Floor => format!("floorf({x})"),
        Unary::Round => format!("rintf({x})"),
        Unary::Sign => format!("net_sign({x})"),
        Unary::HardSwish => format!("net_hard_swish({x})"),
        Unary::HardSigmoid(alpha, beta) => format!("net_hard_sigmoid({x}, {}, {})", float(alpha), float(beta)),
        Unary::Silu => format!("net_silu({x})"),
        Unary::Elu(alpha) => format!("net_elu({x}, {})", float(alpha)),
        Unary::Softplus => format!("net_softplus({x})"),
        Unary::Bipolar(size) => format!("net_bipolar({x}, {})", float(size)),
    }
}

fn binary(op: Binary, a: &str, b: &str) -> String {
    match op {
        Binary::Add => format!("{a} + {b}"),
        Binary::Sub => format!("{a} - {b}"),
        Binary::Mul => format!("{a} * {b}"),
        Binary::Div => format!("{a} / {b}"),
        Binary::Pow => format!("powf({a}, {b})"),
        Binary::Min => format!("fminf({a}, {b})"),
        Binary::Max => format!("fmaxf({a}, {b})"),
        Binary::SquaredDifference => format!("net_squared_difference({a}, {b})"),
        Binary::Equal => format!("{a} == {b} ? 1.0f : 0.0f"),
        Binary::Less => format!("{a} < {b} ? 1.0f : 0.0f"),
        Binary::Greater => format!("{a} > {b} ? 1.0f : 0.0f"),
    }
}

/// The statements of an operation on views that fit it. Operands of layer normalization are dense, as is a gather's result;
/// parts of a concatenation are copied one by one.
/// # Errors
/// An operation that has no C.
pub fn statements(op: &Operation, xs: &[View], y: &View) -> Result<Vec<Stmt>> {
    ensure!(!xs.is_empty() && y.len() > 0, "computes nothing");
    let x = &xs[0];
    Ok(match op {
        Operation::Unary(u) => map(y, &xs[..1], |x| unary(*u, &x[0])),
        Operation::Binary(b) => map(y, &xs[..2], |x| binary(*b, &x[0], &x[1])),
        Operation::Where => map(y, &xs[..3], |x| format!("{} != 0.0f ? {} : {}", x[0], x[1], x[2])),
        Operation::Affine { axis } => {
            // one number for each index of the axis
            let of_channel = |v: &View| {
                let mut steps = vec![0; y.dims.len()];
                steps[*axis] = 1;
                View { dims: y.dims.clone(), steps, ..v.clone() }
            };
            let xs = [x.clone(), of_channel(&xs[1]), of_channel(&xs[2])];
            map(y, &xs, |x| format!("{} * {} + {}", x[0], x[1], x[2]))
        }
        Operation::Identity => map(y, &xs[..1], |x| x[0].clone()),
        Operation::MaxPool(window) => pool(window, x, y, Fold::Max, "s[j]".into())?,
        Operation::AveragePool { window, whole } => {
            let all = window.kernel[0] * window.kernel[1];
            let end = if *whole { format!("(float)(s[j] / {all}.0)") } else { "(float)(s[j] / (double)seen)".into() };
            pool(window, x, y, Fold::Mean, end)?
        }
        Operation::Reduce { fold, axes, keep } => reduce(*fold, axes, *keep, x, y),
        Operation::Softmax { axis, beta } => softmax(*axis, *beta, false, x, y),
        Operation::LogSoftmax { axis } => softmax(*axis, 1.0, true, x, y),
        Operation::LayerNorm { axis, epsilon } => layer_norm(*axis, *epsilon, xs),
        Operation::MatMul { transposed } => matmul(*transposed, x, &xs[1], y),
        Operation::Conv { window, groups, relu } => conv(window, *groups, *relu, xs, y)?,
        Operation::Gather(axis) => gather(*axis, x, xs[1].len(), y),
        other => bail!("{other:?} is not written in C"),
    })
}
