//! Sums that stay narrow for some steps and are widened before they could overflow: what `chain16`, `bitserial` and `lut` share.

use super::nest::Nest;
use super::product::{prefetch, step_into};
use crate::emit::{Stmt, for_, let_, set};

/// How a chain takes a step, and how it ends: expressions of what they are given by name.
pub struct Words<'a> {
    /// Activations of a row at a step.
    pub lhs: &'a dyn Fn(usize, &str) -> String,
    /// A narrow sum with the products of both sides.
    pub add: &'a dyn Fn(&str, &str, &str) -> String,
    /// An accumulator with a narrow sum.
    pub widen: &'a dyn Fn(&str, &str) -> String,
}

/// `steps` steps in chains of `length`, then what is left over.
pub fn chains(nest: &Nest, (rows, vectors): (usize, usize), steps: usize, length: usize, words: &Words) -> Vec<Stmt> {
    let length = length.clamp(1, steps.max(1));
    let whole = steps / length * length;
    let one = |from: &str, length| one(nest, (rows, vectors), from, length, words);
    let mut body = Vec::new();
    if whole == length {
        body.extend(one("0", length));
    } else if whole > 0 {
        body.push(for_("k", 0, whole, length, one("k", length)));
    }
    if steps > whole {
        body.extend(one(&whole.to_string(), steps - whole));
    }
    body
}

/// One chain of `length` steps from `from` on. Its loop is unrolled.
pub fn one(nest: &Nest, (rows, vectors): (usize, usize), from: &str, length: usize, words: &Words) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    let [unroll] = nest.schedule.sizes("k");
    let unroll = unroll.max(1).min(length);
    let each = || (0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v)));
    let step = |k: String, tag: &str| {
        let add = |r, v, x: &str, b: &str| set(format!("s{r}_{v}"), (words.add)(&format!("s{r}_{v}"), x, b));
        step_into(nest, (rows, vectors), &k, tag, |r| (words.lhs)(r, &k), add)
    };
    let none = |(r, v)| let_(&format!("{t}_sum"), format!("s{r}_{v}"), format!("{t}_none()"));
    let mut body: Vec<Stmt> = each().map(none).collect();
    let even = length / unroll * unroll;
    if even == unroll {
        body.extend((0..unroll).flat_map(|u| step(format!("{from} + {u}"), &u.to_string())));
    } else {
        let mut inner: Vec<Stmt> = if from == "k" { prefetch(nest, vectors, unroll) } else { vec![] };
        inner.extend((0..unroll).flat_map(|u| step(format!("{from} + j + {u}"), &u.to_string())));
        body.push(for_("j", 0, even, unroll, inner));
    }
    body.extend((even..length).flat_map(|u| step(format!("{from} + {u}"), &format!("r{u}"))));
    let widen = |(r, v)| set(format!("c{r}_{v}"), (words.widen)(&format!("c{r}_{v}"), &format!("s{r}_{v}")));
    body.extend(each().map(widen));
    vec![Stmt::Block(body)]
}
