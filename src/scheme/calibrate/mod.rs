//! Calibrators: how much of the data a grid should cover.

mod average;
mod entropy;
mod minmax;
mod mse;
mod percentile;

use std::sync::Arc;

pub use minmax::MinMax;

/// What a grid is laid on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f32,
    pub high: f32,
}

impl Range {
    /// The range of finite numbers; [0, 0] of none.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a f32>) -> Self {
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return Self { low: 0.0, high: 0.0 } };
        let (low, high) = values.fold((*first, *first), |(l, h), v| (l.min(*v), h.max(*v)));
        Self { low, high }
    }
    /// The same on either side of zero.
    pub fn symmetric(peak: f32) -> Self {
        Self { low: -peak, high: peak }
    }
    pub fn peak(self) -> f32 {
        self.high.max(-self.low)
    }
}

/// Chooses a range.
pub trait Calibrator: Send + Sync {
    fn name(&self) -> String;
    /// The range for `batches` of finite numbers, laid with `levels` levels (0: no rounding), symmetric about zero or not.
    /// `error` tells the summed squared error of quantizing them with a range.
    fn range(&self, batches: &[&[f32]], symmetric: bool, levels: usize, error: &dyn Fn(Range) -> f64) -> Range;
}

/// One row of the registry.
pub struct Kind {
    pub pattern: &'static str,
    pub about: &'static str,
    pub parse: fn(&str) -> Option<Arc<dyn Calibrator>>,
    pub examples: &'static [&'static str],
}

/// Every calibrator: one file and one row each.
pub static CALIBRATORS: &[Kind] = &[minmax::KIND, average::KIND, percentile::KIND, mse::KIND, entropy::KIND];

pub fn parse(name: &str) -> Option<Arc<dyn Calibrator>> {
    CALIBRATORS.iter().find_map(|k| (k.parse)(name))
}

/// What a user must know of a calibrator's choice of range; errors are summed squares.
pub fn warning(chosen: &dyn Calibrator, range: Range, all: Range, error: &dyn Fn(Range) -> f64) -> Option<String> {
    if chosen.name() == MinMax.name() {
        return None;
    }
    verdict(&chosen.name(), range == all, error(range), error(all))
}

/// That a calibrator did nothing, or clipped too much: its error against that of clipping nothing.
pub fn verdict(name: &str, same: bool, with: f64, without: f64) -> Option<String> {
    let least = MinMax.name();
    if same {
        return Some(format!("{name} equals {least} here"));
    }
    let times = with / without;
    (times > 2.0).then(|| {
        let cliff = if name.starts_with('p') { "percentile cliff: " } else { "" };
        format!("{cliff}{name} has {times:.1} times the squared error of {least}; what it clips matters")
    })
}

/// Both ends of all batches, or the larger end on either side.
fn whole(batches: &[&[f32]], symmetric: bool) -> Range {
    let range = Range::of(batches.iter().copied().flatten());
    if symmetric { Range::symmetric(range.peak()) } else { range }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::lattice::Step;
    use crate::scheme::levels::Levels;

    fn squared(values: &[f32], levels: &Levels, r: Range) -> f64 {
        let scale = (r.peak() / levels.peak()).max(1e-30);
        let step = Step::symmetric(levels, scale);
        values.iter().map(|v| f64::from(v - step.round(*v)).powi(2)).sum()
    }

    /// 10,000 numbers between -1 and 1, dense about zero, and one of 100.
    fn with_outlier() -> Vec<f32> {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut x: Vec<f32> = (0..10_000).map(|_| (rng.f32() - 0.5) * 2.0 * rng.f32()).collect();
        x.push(100.0);
        x
    }

    #[test]
    fn every_calibrator_stays_within_the_data_and_names_itself() {
        let (x, levels) = (with_outlier(), Levels::signed(8, false));
        for name in CALIBRATORS.iter().flat_map(|k| k.examples) {
            let c = parse(name).unwrap();
            assert_eq!(c.name(), *name);
            for symmetric in [false, true] {
                let r = c.range(&[&x], symmetric, 255, &|r| squared(&x, &levels, r));
                assert!(r.low <= 0.0 && r.high > 0.0 && r.peak() <= 100.0, "{name} {r:?}");
                assert!(!symmetric || r.low == -r.high, "{name}");
            }
            let constant = c.range(&[&[3.0; 64]], true, 255, &|r| squared(&[3.0; 64], &levels, r));
            assert!(constant.high > 0.0 && constant.high <= 3.0, "{name} {constant:?}");
            let zeros = c.range(&[&[0.0; 64]], true, 255, &|_| 0.0);
            assert_eq!(zeros, Range::symmetric(0.0), "{name}");
            let empty = c.range(&[], false, 255, &|_| 0.0);
            assert_eq!(empty, Range { low: 0.0, high: 0.0 }, "{name}");
        }
    }

    #[test]
    fn clipping_calibrators_drop_the_outlier() {
        let (x, levels) = (with_outlier(), Levels::signed(4, false));
        // at 4 bits the outlier's own error is larger than everything else's
        for name in ["kl", "p99_9"] {
            let r = parse(name).unwrap().range(&[&x], true, 15, &|r| squared(&x, &levels, r));
            assert!(r.high < 30.0, "{name} {r:?}");
        }
        let r = parse("avg").unwrap().range(&[&x[..5000], &x[5000..]], true, 15, &|_| 0.0);
        assert!(r.high < 99.0 && r.high > 1.0, "{r:?}");
    }

    #[test]
    fn mse_finds_the_best_clip_of_a_grid_search() {
        let (x, levels) = (with_outlier()[..10_000].to_vec(), Levels::signed(3, false));
        let error = |r| squared(&x, &levels, r);
        let r = parse("mse").unwrap().range(&[&x], true, 7, &error);
        let best = (1..=1000).map(|i| error(Range::symmetric(i as f32 / 1000.0))).fold(f64::INFINITY, f64::min);
        assert!(error(r) <= best * 1.005, "{} {best}", error(r));
    }

    #[test]
    fn warnings_say_what_happened() {
        let x = with_outlier();
        let levels = Levels::signed(8, false);
        let error = |r| squared(&x, &levels, r);
        let all = whole(&[&x], true);
        let p = parse("p99_9").unwrap();
        let cliff = warning(&*p, p.range(&[&x], true, 255, &error), all, &error).unwrap();
        assert!(cliff.starts_with("percentile cliff: p99_9 has"), "{cliff}");
        assert_eq!(warning(&*p, all, all, &error).unwrap(), "p99_9 equals minmax here");
        assert_eq!(warning(&MinMax, all, all, &error), None);
    }
}
