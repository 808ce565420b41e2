//! Tables of levels: fixed ones, and ones made from the numbers themselves. Numbers are scaled into [-1, 1] first; all
//! groups of a tensor share one table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{Fit, Format, Kind, Takes, fit_scaled, parse_bits};
use crate::scheme::calibrate::MinMax;
use crate::scheme::lattice::{Lattice, Matrix, Quantized};
use crate::scheme::levels::Levels;

pub const NORMAL_FLOAT: Kind = Kind {
    pattern: "nf4",
    about: "4-bit NormalFloat (Dettmers et al., QLoRA, 2023)",
    parse: |text| text.starts_with("nf4").then(|| codebook("nf4".into(), Maker::Fixed(NF4.into()), 3)),
    examples: &["nf4"],
};

pub const KMEANS: Kind = Kind {
    pattern: "kmeansN (N = 1..8)",
    about: "k-means from a linear start, codes Huffman-coded (Han et al., Deep Compression, 2016)",
    parse: |text| made(text, "kmeans", Maker::KMeans),
    examples: &["kmeans4", "kmeans3", "kmeans2"],
};

pub const LLOYD: Kind = Kind {
    pattern: "lloydN (N = 1..8)",
    about: "Lloyd-Max: the table with the least mean squared error (Lloyd, 1957; Max, 1960)",
    parse: |text| made(text, "lloyd", Maker::Lloyd),
    examples: &["lloyd4", "lloyd3", "lloyd2"],
};

pub const EQUAL: Kind = Kind {
    pattern: "equalN (N = 1..8)",
    about: "equal population: every level stands for as many numbers (what some call histogram equalization)",
    parse: |text| made(text, "equal", Maker::EqualPopulation),
    examples: &["equal4", "equal3", "equal2"],
};

pub const UNIFORM: Kind = Kind {
    pattern: "uniformN (N = 1..8)",
    about: "2^N equally spaced levels on either side of zero, none on it (Max, 1960)",
    parse: |text| {
        let (bits, length) = parse_bits(text, "uniform", 1..=8)?;
        let last = ((1u32 << bits) - 1) as f32;
        let table = (0..1u32 << bits).map(|i| (2.0 * i as f32 - last) / last).collect();
        Some(codebook(format!("uniform{bits}"), Maker::Fixed(table), length))
    },
    examples: &["uniform4"],
};

pub const TABLE: Kind = Kind {
    pattern: "lut[L:L:...]",
    about: "any ascending table of 2 to 256 levels, for example lut[-8:-4:-2:-1:0:1:2:4]",
    parse: |text| {
        let (inside, _) = text.strip_prefix("lut[")?.split_once(']')?;
        let levels: Option<Vec<f32>> =
            inside.split(':').map(|v| v.parse().ok().filter(|v: &f32| v.is_finite())).collect();
        let levels = levels.filter(|l| (2..=256).contains(&l.len()) && l.windows(2).all(|w| w[0] < w[1]))?;
        let length = inside.len() + 5;
        Some(codebook(text[..length].into(), Maker::Fixed(levels.into()), length))
    },
    examples: &[],
};

/// QLoRA, appendix E.
#[allow(clippy::excessive_precision)]
const NF4: [f32; 16] = [
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
];

/// Numbers that a table is made from, at most: evenly spaced ones of a larger tensor.
const MOST_NUMBERS: usize = 1 << 20;

/// Makes a first table of so many levels from ascending numbers.
type Start = fn(&[f32], usize) -> Vec<f32>;

enum Maker {
    Fixed(Arc<[f32]>),
    KMeans(u32),
    Lloyd(u32),
    EqualPopulation(u32),
}

struct Codebook {
    name: String,
    maker: Maker,
}

fn codebook(name: String, maker: Maker, length: usize) -> (Arc<dyn Format>, usize) {
    (Arc::new(Codebook { name, maker }), length)
}

fn made(text: &str, prefix: &str, maker: fn(u32) -> Maker) -> Option<(Arc<dyn Format>, usize)> {
    let (bits, length) = parse_bits(text, prefix, 1..=8)?;
    Some(codebook(format!("{prefix}{bits}"), maker(bits), length))
}

impl Format for Codebook {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn family(&self) -> &'static str {
        "codebook"
    }
    fn bits(&self) -> f64 {
        match &self.maker {
            Maker::Fixed(table) => f64::from(usize::BITS - (table.len() - 1).leading_zeros()),
            Maker::KMeans(bits) | Maker::Lloyd(bits) | Maker::EqualPopulation(bits) => f64::from(*bits),
        }
    }
    fn takes(&self) -> Takes {
        Takes { scale: true, integer: false, clip: matches!(self.maker, Maker::Fixed(_)) }
    }
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice {
        let bits = self.bits();
        let (start, count): (Start, usize) = match &self.maker {
            Maker::Fixed(table) => return fit_scaled(x, Levels::Table(table.clone()), bits, how),
            Maker::KMeans(_) => (linear, 1 << bits as u32),
            Maker::Lloyd(_) | Maker::EqualPopulation(_) => (equal_population, 1 << bits as u32),
        };
        let unit = Levels::Table([-1.0, 1.0].into());
        let scaled = fit_scaled(x, unit, bits, &Fit { calibrator: &MinMax, ..how.clone() });
        let sorted = scaled_sorted(x, &scaled);
        let table = start(&sorted, count);
        let table = if matches!(self.maker, Maker::EqualPopulation(_)) { table } else { lloyd(&sorted, table) };
        let stored_bits = scaled.stored_bits + 32.0 * table.len() as f64;
        Lattice { levels: Levels::Table(table.into()), stored_bits, ..scaled }
    }
    fn coded_bits(&self, q: &Quantized) -> Option<f64> {
        matches!(self.maker, Maker::KMeans(_)).then(|| huffman_bits(&q.codes))
    }
}

/// Numbers of the matrix over their scales, ascending.
fn scaled_sorted(x: &Matrix, lattice: &Lattice) -> Vec<f32> {
    let stride = x.data.len().div_ceil(MOST_NUMBERS);
    let scale = |i: usize| lattice.step(i / x.k, i % x.k).scale;
    let mut numbers: Vec<f32> = (0..x.data.len()).step_by(stride).map(|i| x.data[i] / scale(i)).collect();
    numbers.sort_unstable_by(f32::total_cmp);
    numbers
}

/// Evenly spaced from the least to the greatest.
pub(in crate::scheme) fn linear(sorted: &[f32], count: usize) -> Vec<f32> {
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    (0..count).map(|i| low + (high - low) * i as f32 / (count - 1).max(1) as f32).collect()
}

/// The mean of each of `count` runs of equally many numbers.
fn equal_population(sorted: &[f32], count: usize) -> Vec<f32> {
    let at = |i: usize| i * sorted.len() / count;
    let mean = |from: usize, to: usize| {
        let run = &sorted[from..to.max(from + 1).min(sorted.len()).max(from)];
        let run = if run.is_empty() { &sorted[sorted.len() - 1..] } else { run };
        (run.iter().map(|v| f64::from(*v)).sum::<f64>() / run.len() as f64) as f32
    };
    (0..count).map(|i| mean(at(i).min(sorted.len() - 1), at(i + 1))).collect()
}

/// Lloyd's algorithm in one dimension: cells end halfway between levels, levels are their cells' means.
pub(in crate::scheme) fn lloyd(sorted: &[f32], mut table: Vec<f32>) -> Vec<f32> {
    let mut sums = Vec::with_capacity(sorted.len() + 1);
    sums.push(0.0);
    for v in sorted {
        sums.push(sums[sums.len() - 1] + f64::from(*v));
    }
    for _ in 0..2000 {
        let mut from = 0;
        let mut moved = 0f32;
        for i in 0..table.len() {
            let to = match table.get(i + 1) {
                Some(next) => {
                    let middle = (f64::from(table[i]) + f64::from(*next)) / 2.0;
                    sorted.partition_point(|v| f64::from(*v) <= middle).max(from)
                }
                None => sorted.len(),
            };
            if to > from {
                let mean = ((sums[to] - sums[from]) / (to - from) as f64) as f32;
                moved = moved.max((mean - table[i]).abs());
                table[i] = mean;
            }
            from = to;
        }
        if moved < 1e-7 {
            break;
        }
    }
    table.sort_unstable_by(f32::total_cmp);
    table
}

/// Length of all codes under their optimal prefix code.
pub(in crate::scheme) fn huffman_bits(codes: &[u16]) -> f64 {
    let mut counts = std::collections::HashMap::new();
    codes.iter().for_each(|c| *counts.entry(*c).or_insert(0u64) += 1);
    let mut heap: BinaryHeap<Reverse<u64>> = counts.into_values().map(Reverse).collect();
    if heap.len() == 1 {
        return codes.len() as f64;
    }
    let mut total = 0;
    while let (Some(Reverse(a)), Some(Reverse(b))) = (heap.pop(), heap.pop()) {
        total += a + b;
        heap.push(Reverse(a + b));
        if heap.len() == 1 {
            break;
        }
    }
    total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inverse of the normal distribution at evenly spaced probabilities: N(0, 1) without noise.
    fn normal(count: usize) -> Vec<f32> {
        use statrs::distribution::{ContinuousCDF, Normal};
        let n = Normal::new(0.0, 1.0).unwrap();
        (0..count).map(|i| n.inverse_cdf((i as f64 + 0.5) / count as f64) as f32).collect()
    }

    fn mse(name: &str, calibrator: &str, x: &[f32]) -> f64 {
        let format = super::super::parse(name).unwrap().0;
        let calibrator = crate::scheme::calibrate::parse(calibrator).unwrap();
        let q = format.quantize(&Matrix::new(x, x.len()), &Fit { calibrator: &*calibrator, ..Fit::default() });
        x.iter().zip(&q.values).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / x.len() as f64
    }

    /// J. Max, Quantizing for minimum distortion, IRE Trans. Inform. Theory, 1960, tables I and II.
    #[test]
    fn quantizers_of_a_normal_distribution_reach_the_errors_that_max_published() {
        let x = normal(400_000);
        for (bits, published) in [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497), (5, 0.002499)] {
            let got = mse(&format!("lloyd{bits}"), "minmax", &x);
            assert!((got / published - 1.0).abs() < 3e-3, "lloyd{bits}: {got} {published}");
        }
        for (bits, published) in [(2, 0.1188), (3, 0.03744), (4, 0.01154), (5, 0.003490)] {
            let got = mse(&format!("uniform{bits}"), "mse", &x);
            assert!((got / published - 1.0).abs() < 3e-3, "uniform{bits}: {got} {published}");
        }
    }

    #[test]
    fn equal_population_fills_every_level_alike() {
        let x = normal(4096);
        let q = super::super::parse("equal3").unwrap().0.quantize(&Matrix::new(&x, 4096), &Fit::default());
        let mut counts = [0; 8];
        q.codes.iter().for_each(|c| counts[usize::from(*c)] += 1);
        // cells end halfway between means, so the outer ones of a normal distribution are a little smaller
        assert!(counts.iter().all(|c| (380..=660).contains(c)), "{counts:?}");
    }

    #[test]
    fn huffman_codes_are_optimal_prefix_codes() {
        // probabilities 1/2, 1/4, 1/8, 1/8: lengths 1, 2, 3, 3
        assert_eq!(huffman_bits(&[0, 0, 0, 0, 1, 1, 2, 3]), 4.0 + 4.0 + 3.0 + 3.0);
        assert_eq!(huffman_bits(&[7; 5]), 5.0);
        assert_eq!(huffman_bits(&[]), 0.0);
    }
}
