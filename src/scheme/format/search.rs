//! The searches for scales that ggml's quantizers share, in its order of f32 operations, so that the bytes agree
//! (ggml-quants.c: make_qkx2_quants and make_qkx3_quants, make_qp_quants, make_qx_quants, make_q3_quants).

/// A group whose numbers are all smaller has no scale.
pub const LEAST: f32 = 1e-15;

/// Nearest integer, ties to even, by the addition that ggml uses; what it says beyond 2^22 is no number of use, and
/// callers clamp it.
pub fn nearest(x: f32) -> i32 {
    ((x + 12_582_912.0).to_bits() & 0x7f_ffff) as i32 - 0x40_0000
}

/// The largest magnitude, and the first number that has it.
pub fn peak(x: &[f32]) -> (f32, f32) {
    x.iter().fold((0.0, 0.0), |(size, at), v| if v.abs() > size { (v.abs(), *v) } else { (size, at) })
}

/// The index of the value nearest to `x`, halfway the upper one.
pub fn best_index(values: &[i8; 16], x: f32) -> usize {
    let above = values.partition_point(|v| f32::from(*v) <= x);
    match above {
        0 => 0,
        16 => 15,
        _ if x - f32::from(values[above - 1]) < f32::from(values[above]) - x => above - 1,
        _ => above,
    }
}

/// A search for `scale * level - least`: steps tried, and how errors count.
#[derive(Clone, Copy)]
pub struct Affine {
    /// The largest level.
    pub top: i32,
    /// `top + from`, then `by` more each time: levels that the range is cut into.
    pub from: f32,
    pub by: f32,
    pub steps: u8,
    /// Errors count by magnitude, not by their square.
    pub absolute: bool,
}

impl Affine {
    fn levels(&self, inverse: f32, low: f32, x: &[f32]) -> Vec<u8> {
        x.iter().map(|v| nearest(inverse * (v - low)).clamp(0, self.top) as u8).collect()
    }

    fn error(&self, (scale, low): (f32, f32), codes: &[u8], x: &[f32], weights: &[f32]) -> f32 {
        codes.iter().zip(x).zip(weights).fold(0.0, |sum, ((l, v), w)| {
            let off = scale * f32::from(*l) + low - v;
            sum + w * if self.absolute { off.abs() } else { off * off }
        })
    }

    /// Scale, least number (negated: never negative), codes. Each trial's scale and least number are those of least
    /// weighted squared error for its codes.
    pub fn search(&self, x: &[f32], weights: &[f32]) -> (f32, f32, Vec<u8>) {
        let low = x.iter().fold(f32::MAX, |a, v| a.min(*v)).min(0.0);
        let high = x.iter().fold(f32::MIN, |a, v| a.max(*v));
        if high <= low {
            return (0.0, -low, vec![0; x.len()]);
        }
        let (sum_w, sum_x) = x.iter().zip(weights).fold((0f32, 0f32), |(s, sx), (v, w)| (s + w, sx + w * v));
        let top = self.top as f32;
        let inverse = top / (high - low);
        let mut best = (1.0 / inverse, low);
        let mut codes = self.levels(inverse, low, x);
        let mut least = self.error(best, &codes, x, weights);
        for step in 0..=self.steps {
            // from the best least number so far
            let inverse = (self.from + self.by * f32::from(step) + top) / (high - best.1);
            let trial = self.levels(inverse, best.1, x);
            if let Some(fitted) = least_squares(&trial, x, weights, (sum_w, sum_x)) {
                let error = self.error(fitted, &trial, x, weights);
                if error < least {
                    (least, best, codes) = (error, fitted, trial);
                }
            }
        }
        (best.0, -best.1, codes)
    }
}

/// Scale and least number (not above zero) that fit the codes best.
fn least_squares(codes: &[u8], x: &[f32], weights: &[f32], (sum_w, sum_x): (f32, f32)) -> Option<(f32, f32)> {
    let (mut l1, mut l2, mut lx) = (0f32, 0f32, 0f32);
    for ((l, v), w) in codes.iter().zip(x).zip(weights) {
        let l = f32::from(*l);
        l1 += w * l;
        l2 += w * l * l;
        lx += w * l * v;
    }
    let d = sum_w * l2 - l1 * l1;
    let free = ((sum_w * lx - sum_x * l1) / d, (l2 * sum_x - l1 * lx) / d);
    (d > 0.0).then_some(if free.1 > 0.0 { (lx / l2, 0.0) } else { free })
}

/// Scale and codes 0..=top of numbers that are not negative.
pub fn positive(top: i32, x: &[f32], weights: &[f32]) -> (f32, Vec<u8>) {
    let high = x.iter().fold(0f32, |a, v| a.max(*v));
    if high < LEAST {
        return (0.0, vec![0; x.len()]);
    }
    let level = |inverse: f32, v: f32| nearest(inverse * v).clamp(0, top);
    let error = |inverse: f32| {
        let scale = 1.0 / inverse;
        x.iter().zip(weights).fold(0f32, |sum, (v, w)| {
            let off = v - scale * level(inverse, *v) as f32;
            sum + w * off * off
        })
    };
    let mut inverse = top as f32 / high;
    let mut least = error(inverse);
    for step in (-4i8..=4).filter(|s| *s != 0) {
        let trial = (0.1 * f32::from(step) + top as f32) / high;
        let e = error(trial);
        if e < least {
            (least, inverse) = (e, trial);
        }
    }
    let mut codes: Vec<i32> = x.iter().map(|v| level(inverse, *v)).collect();
    let scale = descend(&mut codes, x, weights, |q| q.clamp(0, top), true);
    (scale, codes.into_iter().map(|c| c as u8).collect())
}

/// Moves one code at a time while the fit gets better, at most five rounds; the scale that then fits best.
fn descend(codes: &mut [i32], x: &[f32], weights: &[f32], clamp: impl Fn(i32) -> i32, strict: bool) -> f32 {
    let (mut lx, mut l2) = (0f32, 0f32);
    for ((l, v), w) in codes.iter().zip(x).zip(weights) {
        lx += w * v * *l as f32;
        l2 += w * *l as f32 * *l as f32;
    }
    for _ in 0..5 {
        let mut changed = false;
        for ((l, v), w) in codes.iter_mut().zip(x).zip(weights) {
            let old = *l as f32;
            let (mut slx, mut sl2) = (lx - w * v * old, l2 - w * old * old);
            let usable = slx > 0.0 && (sl2 > 0.0 || !strict);
            if !usable {
                continue;
            }
            let new = clamp(nearest(v * sl2 / slx));
            if new == *l {
                continue;
            }
            slx += w * v * new as f32;
            sl2 += w * new as f32 * new as f32;
            if (strict || sl2 > 0.0) && slx * slx * l2 > lx * lx * sl2 {
                (*l, lx, l2) = (new, slx, sl2);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    if l2 > 0.0 { lx / l2 } else { 0.0 }
}

/// Scale and codes 0..2*half (`half` stands for zero) of least weighted squared error among 19 trials.
pub fn symmetric(half: i32, x: &[f32], weights: &[f32]) -> (f32, Vec<u8>) {
    let (size, largest) = peak(x);
    if size < LEAST {
        return (0.0, vec![0; x.len()]);
    }
    let level = |inverse: f32, v: f32| nearest(inverse * v).clamp(-half, half - 1);
    let sums = |inverse: f32| {
        x.iter().zip(weights).fold((0f32, 0f32), |(lx, l2), (v, w)| {
            let l = level(inverse, *v) as f32;
            (lx + w * v * l, l2 + w * l * l)
        })
    };
    let mut inverse = -half as f32 / largest;
    let (lx, l2) = sums(inverse);
    let mut scale = if l2 == 0.0 { 0.0 } else { lx / l2 };
    let mut best = scale * lx;
    for step in (-9i8..=9).filter(|s| *s != 0) {
        let trial = -(half as f32 + 0.1 * f32::from(step)) / largest;
        let (lx, l2) = sums(trial);
        if l2 > 0.0 && lx * lx > best * l2 {
            inverse = trial;
            scale = lx / l2;
            best = scale * lx;
        }
    }
    (scale, x.iter().map(|v| (half + level(inverse, *v)) as u8).collect())
}

/// As [`symmetric`], every number weighted by its square, by descent from the first trial.
pub fn descending(half: i32, x: &[f32]) -> (f32, Vec<u8>) {
    let (size, largest) = peak(x);
    if size < LEAST {
        return (0.0, vec![0; x.len()]);
    }
    let clamp = |q: i32| q.clamp(-half, half - 1);
    let squares: Vec<f32> = x.iter().map(|v| v * v).collect();
    let mut codes: Vec<i32> = x.iter().map(|v| clamp(nearest(-half as f32 / largest * v))).collect();
    let scale = descend(&mut codes, x, &squares, clamp, false);
    (scale, codes.into_iter().map(|c| (c + half) as u8).collect())
}
