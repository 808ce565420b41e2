//! What every format holds, over every example of every kind and every granularity it takes.

use std::sync::Arc;

use bitsmith::scheme::format::{self, Fit, Format, Granularity};
use bitsmith::scheme::lattice::{Matrix, Quantized};
use bitsmith::scheme::levels::Levels;
use proptest::prelude::*;

struct Case {
    label: String,
    format: Arc<dyn Format>,
    how: Fit<'static>,
}

impl Case {
    fn name(&self) -> String {
        self.format.name()
    }
    fn quantize(&self, x: &[f32], k: usize) -> Quantized {
        self.format.quantize(&Matrix::new(x, k), &self.how)
    }
    /// Scales as they come out: not powers of two, not quantized themselves.
    fn free_scales(&self) -> bool {
        !self.how.pow2 && !matches!(self.how.granularity, Granularity::Group { sub: Some(_), .. })
    }
}

fn cases() -> Vec<Case> {
    let group = |sub| Granularity::Group { columns: 8, sub };
    let all = [Granularity::Row, Granularity::Tensor, group(None), group(Some(6))];
    let mut cases = vec![];
    for name in format::KINDS.iter().flat_map(|k| k.examples) {
        let (format, _) = format::parse(name).unwrap();
        let takes = format.takes();
        let granularities = if takes.scale { &all[..] } else { &all[..1] };
        let zeros: &[(bool, bool)] =
            if takes.integer { &[(false, false), (true, false), (false, true)] } else { &[(false, false)] };
        for granularity in granularities {
            for pow2 in [false, true].into_iter().filter(|p| takes.scale || !p) {
                for (affine, full) in zeros.iter().copied() {
                    let how = Fit { granularity: *granularity, affine, full, pow2, ..Fit::default() };
                    let label = format!("{name} {granularity:?} affine {affine} full {full} pow2 {pow2}");
                    cases.push(Case { label, format: format.clone(), how });
                }
            }
        }
    }
    cases
}

/// Two rows of `k` numbers within binary16's normal range even when they are divided by a few hundred.
fn rows() -> impl Strategy<Value = (usize, Vec<f32>)> {
    let number = prop_oneof![8 => 100i32..400, 8 => -400i32..-100, 1 => Just(0i32)]; // halves: ties happen
    (1usize..70).prop_flat_map(move |k| {
        let numbers = proptest::collection::vec(number.clone().prop_map(|v| v as f32 / 2.0), 2 * k);
        (Just(k), numbers)
    })
}

/// What a number may be off beyond half a step: f32 arithmetic, and in ggml's plain blocks that codes are chosen before
/// the scale and the offset are rounded to binary16 (2^-11 of either, and the step's share in the choice).
fn slack(q: &Quantized, case: &Case, row: usize, col: usize, x: f32) -> f32 {
    let step = q.lattice.step(row, col);
    let reach = (step.scale * q.lattice.levels.peak()).abs();
    let relative = if case.format.family() == "ggml" { 2f32.powi(-10) } else { 1e-6 };
    let levels = q.lattice.levels.count() as u16;
    let ends = step.value(0).abs().max(step.value(levels.saturating_sub(1)).abs());
    relative * (reach + ends + x.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// At most half the distance of the levels around a number, and the end itself beyond the ends. Ternary weights have
    /// a threshold of their own.
    #[test]
    fn errors_are_at_most_half_a_step((k, x) in rows()) {
        for case in cases().iter().filter(|c| c.name() != "wt") {
            let q = case.quantize(&x, k);
            if q.lattice.levels == Levels::Exact {
                prop_assert_eq!(&q.values, &x);
                continue;
            }
            for (i, (x, got)) in x.iter().zip(&q.values).enumerate() {
                let (row, col) = (i / k, i % k);
                let step = q.lattice.step(row, col);
                let (below, above) = step.neighbours(*x);
                let (low, high) = (step.value(below), step.value(above));
                let bound = if below == above { (x - low).abs() } else { (high - low) / 2.0 };
                let most = bound + slack(&q, case, row, col, *x);
                prop_assert!((x - got).abs() <= most, "{}: {x} became {got}, between {low} and {high}", case.label);
            }
        }
    }

    #[test]
    fn order_is_kept_within_a_group((k, x) in rows()) {
        for case in cases() {
            let q = case.quantize(&x, k);
            let group = q.lattice.group.min(k);
            for (x, y) in x.chunks(k).zip(q.values.chunks(k)) {
                for (x, y) in x.chunks(group).zip(y.chunks(group)) {
                    let mut order: Vec<usize> = (0..x.len()).collect();
                    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
                    prop_assert!(order.windows(2).all(|w| y[w[0]] <= y[w[1]]), "{}: {x:?} {y:?}", case.label);
                }
            }
        }
    }

    /// All but w1c, whose levels are -1 and 1, and e5m2 with scales of scales, which at 2^-16 of its largest number leave
    /// binary16's normal range. (q3_k's search overflows from 1e4 on, in ggml too, and then finds other scales.)
    #[test]
    fn a_power_of_two_passes_through((k, x) in rows(), power in 0i32..=4) {
        let factor = 2f32.powi(power);
        let scaled: Vec<f32> = x.iter().map(|v| v * factor).collect();
        let scaled_alike = |c: &&Case| c.name() != "w1c" && (c.name() != "fp8e5m2" || c.free_scales());
        for case in cases().iter().filter(scaled_alike) {
            let expected = case.quantize(&x, k).values;
            for (got, expected) in case.quantize(&scaled, k).values.iter().zip(expected) {
                // zeros of formats without a zero are as small as their scale gets
                let zero = got.abs() < 1e-7 && expected.abs() < 1e-7;
                prop_assert!(zero || *got == expected * factor, "{}: {got} {expected}", case.label);
            }
        }
    }

    #[test]
    fn quantizing_again_changes_nothing((k, x) in rows()) {
        for (case, tolerance) in cases().iter().filter_map(|c| settled(c).map(|t| (c, t))) {
            let once = case.quantize(&x, k).values;
            let twice = case.quantize(&once, k).values;
            for (a, b) in once.iter().zip(&twice) {
                prop_assert!((a - b).abs() <= tolerance * a.abs(), "{}: {a} became {b}", case.label);
            }
        }
    }

    #[test]
    fn nothing_becomes_infinite_or_nan(
        k in 1usize..70,
        picks in proptest::collection::vec(0usize..9, 140),
        only in proptest::option::of(0usize..9),
    ) {
        let numbers = [0.0, 1.0, -1.0, 1e38, -1e38, 1e-40, -1e-40, 65504.0, -3e-5];
        let x: Vec<f32> = picks[..2 * k].iter().map(|i| numbers[only.unwrap_or(*i)]).collect();
        for case in cases() {
            let q = case.quantize(&x, k);
            prop_assert!(q.values.iter().all(|v| v.is_finite()), "{}: {x:?} {:?}", case.label, q.values);
            prop_assert!(q.lattice.scales.iter().all(|s| s.is_finite()), "{}: {:?}", case.label, q.lattice.scales);
            prop_assert!(q.lattice.stored_bits.is_finite() && q.lattice.stored_bits > 0.0);
            if only == Some(0) && case.name() != "w1c" {
                prop_assert!(q.values.iter().all(|v| v.abs() < 1e-7), "{}: {:?}", case.label, q.values);
            }
        }
    }

    /// Other roundings choose codes on the lattice that `fit` gives: any number, far ones too, gets a code of it, also
    /// where a group is empty and its scale may be zero.
    #[test]
    fn every_lattice_can_be_rounded_on((k, mut x) in rows(), at in -1e6f32..1e6, empty: bool) {
        if empty {
            x.fill(0.0);
        }
        for case in cases() {
            let q = case.quantize(&x, k);
            let fitted = case.format.fit(&Matrix::new(&x, k), &case.how);
            prop_assert_eq!(&fitted, &q.lattice, "{}", case.label);
            let count = fitted.levels.count();
            let step = fitted.step(1, k - 1);
            for x in [at, 0.0, -0.0, 1e38] {
                let (below, above) = step.neighbours(x);
                let codes = [step.nearest(x), below, above];
                prop_assert!(count == 0 || codes.iter().all(|c| usize::from(*c) < count), "{}", case.label);
                prop_assert!(count == 0 || step.value(below) <= step.value(above), "{}", case.label);
            }
        }
    }
}

/// How far numbers that are quantized already may move, relative to themselves; None where the format promises nothing:
/// k-quants and iq4_nl search anew, kmeans, lloyd and equal make a new table, ranges with a zero point or an offset
/// (affine, q4_1, q5_1) and the lopsided range of -full end elsewhere than they were laid, scales that are rounded
/// upwards (-pow2) or by more than a step (gNqM, nvfp4) may be rounded again.
fn settled(case: &Case) -> Option<f32> {
    let name = case.name();
    let exact = ["f64", "f32", "f16", "bf16", "w1c", "q4_0", "q5_0", "q8_0", "tq1_0", "tq2_0"];
    let nearly = ["fp8", "fp6", "fp4", "wt", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "nf4", "uniform"];
    if exact.contains(&name.as_str()) || name.starts_with("mx") {
        return Some(0.0);
    }
    let plain = case.free_scales() && !case.how.affine && !case.how.full;
    (plain && nearly.iter().any(|n| name.starts_with(n))).then_some(1e-6)
}
