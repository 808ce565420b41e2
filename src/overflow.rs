//! Overflow verdicts: what the sums of an instruction path could come to, and what they do come to on real activations.
//! Bit-true on any host: the drop in accuracy of a CPU whose instructions saturate shows without that CPU.

use anyhow::Result;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::accuracy::{self, Metrics};
use crate::candidate::Contract;
use crate::data::{LayerData, Trained};
use crate::layer::{Layer, Network, Op, Shape};
use crate::op;
use crate::quantized::QuantizedLayer;
use crate::scheme::observed::window;
use crate::scheme::{Scheme, Weights};

/// A way of adding up products of u8 activations and s8 weights.
pub struct Path {
    pub name: &'static str,
    /// Instructions that add so.
    pub about: &'static str,
    /// Products that meet in a narrow sum before they are widened to 32 bits.
    pub chain: usize,
    /// Bits of the narrow sum, which saturates.
    pub bits: u32,
}

/// Every path that is judged, the exact one first. Kernels here use exact ones only; the others are what libraries use on older CPUs.
pub static PATHS: &[Path] = &[
    Path { name: "exact32", about: "vpdpbusd, vpmaddwd, sdot, smmla: 32-bit sums", chain: 1, bits: 32 },
    Path { name: "vpmaddubsw", about: "vpmaddubsw + vpmaddwd: pairs saturate at 16 bits", chain: 2, bits: 16 },
    Path { name: "acc16", about: "vpmaddubsw + vpaddsw: 16 products saturate at 16 bits", chain: 16, bits: 16 },
];

/// Is there an overflow?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not with any activations.
    Never,
    /// With some, but not with those that were tried.
    Possible,
    /// With those that were tried.
    Happens,
}

/// One row of `overflow.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overflow {
    pub network: String,
    /// Empty for a whole network.
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    pub path: String,
    pub verdict: Verdict,
    /// The largest size that a narrow sum could have, and the largest that it can hold.
    pub bound: u64,
    pub limit: u64,
    /// Share of the narrow sums that saturated.
    pub saturated: f64,
    /// Of the outputs with exact sums, and with this path's.
    pub exact_sqnr_db: Option<f64>,
    pub sqnr_db: Option<f64>,
    /// Of a network: correctly classified samples of the test split, with exact sums and with this path's.
    pub exact_top1: Option<usize>,
    pub top1: Option<usize>,
    pub samples: usize,
}

impl Path {
    fn limit(&self) -> i64 {
        (1i64 << (self.bits - 1)) - 1
    }

    /// Sums of a layer, [m, n], and how many narrow sums saturated.
    pub fn sums(&self, shape: &Shape, lhs: &[u8], codes: &[i8], zero: i32) -> (Vec<i32>, u64) {
        if self.chain == 1 {
            return (op::exact_sums(shape, lhs, codes, zero), 0);
        }
        let (k, n, depthwise) = (shape.k(), shape.n(), shape.op == Op::Depthwise);
        let mut out = vec![0; shape.out_len()];
        let row = |(pixel, out): (usize, &mut [i32])| {
            let mut gathered = Vec::with_capacity(k);
            let mut count = 0;
            if !depthwise {
                window(shape, lhs, pixel, None, zero as u8, &mut gathered);
            }
            for (channel, (out, codes)) in out.iter_mut().zip(codes.chunks_exact(k)).enumerate() {
                if depthwise {
                    gathered.clear();
                    window(shape, lhs, pixel, Some(channel), zero as u8, &mut gathered);
                }
                let (sum, saturated) = self.sum(&gathered, codes);
                (*out, count) = (sum, count + saturated);
            }
            count
        };
        let saturated = out.par_chunks_mut(n).enumerate().map(row).sum();
        (out, saturated)
    }

    fn sum(&self, x: &[u8], w: &[i8]) -> (i32, u64) {
        let (low, high) = (-self.limit() as i32 - 1, self.limit() as i32);
        let (mut sum, mut saturated) = (0i32, 0);
        for (x, w) in x.chunks(self.chain).zip(w.chunks(self.chain)) {
            let mut narrow = 0i32;
            // pairs are what one instruction makes; each further pair is added to the narrow sum
            for (x, w) in x.chunks(2).zip(w.chunks(2)) {
                let pair: i32 = x.iter().zip(w).map(|(x, w)| i32::from(*x) * i32::from(*w)).sum();
                let added = narrow + pair.clamp(low, high);
                narrow = added.clamp(low, high);
                saturated += u64::from(pair != pair.clamp(low, high) || added != narrow);
            }
            sum = sum.wrapping_add(narrow);
        }
        (sum, saturated)
    }

    /// The largest size that a narrow sum could have with activations of 0..=top: every positive weight of a chain meets
    /// the greatest activation and every negative one none, or the other way round.
    pub fn bound(&self, codes: &[i8], k: usize, top: u64) -> u64 {
        let chain = if self.chain == 1 { k } else { self.chain };
        let sizes = |w: &[i8]| {
            let sum = |sign: i32| w.iter().map(|w| (sign * i32::from(*w)).max(0) as u64).sum::<u64>();
            top * sum(1).max(sum(-1))
        };
        codes.chunks_exact(k).flat_map(|row| row.chunks(chain)).map(sizes).max().unwrap_or(0)
    }
}

/// Integer codes of a layer, and the greatest activation; None where its sums are not integer ones
/// throughout.
fn integers<'a>(layer: &'a QuantizedLayer, scheme: &Scheme) -> Option<(&'a [i8], u64)> {
    match (&layer.weights, scheme.activations.kind.top()) {
        (Weights::Int { codes, .. }, Some(top)) if scheme.group().is_none() && !scheme.reshapes() => {
            Some((codes, top as u64))
        }
        _ => None,
    }
}

/// The verdicts on one layer, one for each path; none for schemes that do not add up integers. Calibrated and measured on
/// the same samples as [`accuracy::of_layer`].
/// # Errors
/// Those of [`accuracy::of_layer`].
pub fn of_layer(layer: &Layer, data: &LayerData, scheme: &Scheme, contract: Contract) -> Result<Vec<Overflow>> {
    let trial = accuracy::Trial::of(layer, data, scheme, contract)?;
    let Some((codes, top)) = integers(&trial.quantized, scheme) else { return Ok(vec![]) };
    let exact = trial.metrics(|x| trial.quantized.forward(&trial.shape, layer.relu, x));
    let judge = |path: &Path| {
        let (mut saturated, mut sums) = (0, 0);
        let metrics = trial.metrics(|x| {
            trial.quantized.forward_with(&trial.shape, layer.relu, x, &mut |lhs, codes, zero| {
                let (out, count) = path.sums(&trial.shape, lhs, codes, zero);
                (saturated, sums) = (saturated + count, sums + narrow_sums(path, &trial.shape));
                out
            })
        });
        let row = row(path, scheme, contract, path.bound(codes, trial.shape.k(), top), saturated as f64 / sums as f64);
        Overflow {
            network: layer.network.clone(),
            layer: layer.name.clone(),
            samples: trial.measured.len(),
            ..with(row, &exact, &metrics)
        }
    };
    Ok(PATHS.iter().map(judge).collect())
}

/// The verdicts on a network: what it scores with every layer on the path.
/// # Errors
/// Those of [`accuracy::of_network`].
pub fn of_network(network: &Network, trained: &Trained, scheme: &Scheme, contract: Contract) -> Result<Vec<Overflow>> {
    let layers = accuracy::quantized_layers(network, trained, scheme, contract);
    if layers.iter().any(|l| integers(l, scheme).is_none()) {
        return Ok(vec![]);
    }
    let mut exact_top1 = None; // that of the first path, whose sums are exact
    let judge = |path: &Path| {
        let (mut saturated, mut sums, mut correct) = (0, 0, 0);
        for (image, label) in trained.test.x.iter().zip(&trained.test.y) {
            let logits = network.layers.iter().zip(&layers).fold(image.clone(), |x, (layer, q)| {
                q.forward_with(&layer.shape, layer.relu, &x, &mut |lhs, codes, zero| {
                    let (out, count) = path.sums(&layer.shape, lhs, codes, zero);
                    (saturated, sums) = (saturated + count, sums + narrow_sums(path, &layer.shape));
                    out
                })
            });
            correct += usize::from(accuracy::class(&logits) == Some(usize::from(*label)));
        }
        let bounds = layers.iter().zip(&network.layers).filter_map(|(q, l)| {
            let (codes, top) = integers(q, scheme)?;
            Some(path.bound(codes, l.shape.k(), top))
        });
        let exact_top1 = *exact_top1.get_or_insert(correct);
        Overflow {
            network: network.name.clone(),
            exact_top1: Some(exact_top1),
            top1: Some(correct),
            samples: trained.test.x.len(),
            ..row(path, scheme, contract, bounds.max().unwrap_or(0), saturated as f64 / sums as f64)
        }
    };
    Ok(PATHS.iter().map(judge).collect())
}

/// Additions into narrow sums that a layer takes: one for each pair.
fn narrow_sums(path: &Path, shape: &Shape) -> u64 {
    let pairs = if path.chain == 1 { 1 } else { shape.k().div_ceil(2) };
    (shape.out_len() * pairs) as u64
}

fn row(path: &Path, scheme: &Scheme, contract: Contract, bound: u64, saturated: f64) -> Overflow {
    let limit = path.limit() as u64;
    let verdict = match (bound <= limit, saturated > 0.0) {
        (true, _) => Verdict::Never,
        (false, false) => Verdict::Possible,
        (false, true) => Verdict::Happens,
    };
    Overflow {
        network: String::new(),
        layer: String::new(),
        scheme: scheme.to_string(),
        contract,
        path: path.name.into(),
        verdict,
        bound,
        limit,
        saturated,
        exact_sqnr_db: None,
        sqnr_db: None,
        exact_top1: None,
        top1: None,
        samples: 0,
    }
}

fn with(row: Overflow, exact: &Metrics, path: &Metrics) -> Overflow {
    Overflow { exact_sqnr_db: exact.sqnr_db, sqnr_db: path.sqnr_db, ..row }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::find;

    fn path(name: &str) -> &'static Path {
        PATHS.iter().find(|p| p.name == name).unwrap()
    }

    #[test]
    fn sums_by_hand() {
        let shape = Shape::gemm(1, 1, 4).unwrap();
        // 255 * 127 * 2 = 64,770 saturates at 32,767; the second pair is -2
        let sums = |p: &str| path(p).sums(&shape, &[255, 255, 1, 1], &[127, 127, -1, -1], 0);
        assert_eq!(sums("exact32"), (vec![64_768], 0));
        assert_eq!(sums("vpmaddubsw"), (vec![32_765], 1));
        assert_eq!(sums("acc16"), (vec![32_765], 1));
        let negative = path("vpmaddubsw").sums(&shape, &[255; 4], &[-127, -127, 127, -127], 0);
        assert_eq!(negative, (vec![-32_768], 1));
    }

    #[test]
    fn bounds_by_hand() {
        let codes = [127, -127, 100, 100, 1, 1, 1, 1];
        assert_eq!(path("vpmaddubsw").bound(&codes, 4, 255), 255 * 200);
        assert_eq!(path("exact32").bound(&codes, 4, 255), 255 * 327);
        assert_eq!(path("vpmaddubsw").bound(&codes, 4, 15), 15 * 200);
        assert!(path("vpmaddubsw").bound(&[63, 63], 2, 255) <= 32_767, "7-bit weights are safe");
    }

    /// The instruction itself, where this machine has it, on random and extreme pairs.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn pairs_are_what_vpmaddubsw_gives() {
        use std::arch::x86_64::*;
        #[target_feature(enable = "ssse3")]
        unsafe fn maddubs(x: &[u8; 16], w: &[i8; 16]) -> [i16; 8] {
            // SAFETY: both arrays are 16 bytes, and so is the result
            unsafe {
                let r = _mm_maddubs_epi16(_mm_loadu_si128(x.as_ptr().cast()), _mm_loadu_si128(w.as_ptr().cast()));
                std::mem::transmute(r)
            }
        }
        if !std::arch::is_x86_feature_detected!("ssse3") {
            return;
        }
        let mut rng = fastrand::Rng::with_seed(5);
        let shape = Shape::gemm(1, 1, 2).unwrap();
        for _ in 0..5000 {
            let extreme = rng.bool();
            let x: [u8; 16] = std::array::from_fn(|_| if extreme { 255 } else { rng.u8(..) });
            let w: [i8; 16] = std::array::from_fn(|_| if extreme { [127, -128][rng.usize(..2)] } else { rng.i8(..) });
            // SAFETY: the feature was detected
            let right = unsafe { maddubs(&x, &w) };
            for (i, right) in right.iter().enumerate() {
                let (sum, _) = path("vpmaddubsw").sums(&shape, &x[2 * i..][..2], &w[2 * i..][..2], 0);
                assert_eq!(sum[0], i32::from(*right), "{:?} {:?}", &x[2 * i..][..2], &w[2 * i..][..2]);
            }
        }
    }

    #[test]
    fn the_exact_path_is_the_law() {
        let mut rng = fastrand::Rng::with_seed(6);
        for op in [Op::Conv2d, Op::Depthwise] {
            let shape = Shape::conv(op, [6, 5, 4], 4, [3, 3], 2, [1, 0, 1, 1]).unwrap();
            let lhs: Vec<u8> = (0..shape.lhs_len()).map(|_| rng.u8(..)).collect();
            let codes: Vec<i8> = (0..shape.weights_len()).map(|_| rng.i8(..)).collect();
            let right = op::reference_int(&shape, &lhs, &codes, &[0; 4], 77);
            assert_eq!(path("exact32").sums(&shape, &lhs, &codes, 77).0, right);
            // codes so small that nothing saturates: every path is the law
            let small: Vec<i8> = codes.iter().map(|c| c % 4).collect();
            let right = op::reference_int(&shape, &lhs, &small, &[0; 4], 77);
            for path in PATHS {
                assert_eq!(path.sums(&shape, &lhs, &small, 77), (right.clone(), 0), "{} {op:?}", path.name);
            }
        }
    }

    #[test]
    fn eight_bits_saturate_where_seven_do_not() {
        let layer = Layer::of_shape("x", Shape::gemm(64, 64, 256).unwrap());
        let data = LayerData::of(&layer).unwrap();
        let judge = |scheme: &str| {
            let rows = of_layer(&layer, &data, &find(scheme).unwrap(), Contract::F32io).unwrap();
            rows.into_iter().find(|r| r.path == "vpmaddubsw").unwrap()
        };
        let (eight, seven, four) = (judge("w8a8"), judge("w7a8"), judge("w4a8"));
        assert_ne!(eight.verdict, Verdict::Never);
        assert!(eight.bound > eight.limit);
        assert_eq!((seven.verdict, four.verdict), (Verdict::Never, Verdict::Never));
        assert_eq!(seven.sqnr_db, seven.exact_sqnr_db);
        assert!(of_layer(&layer, &data, &find("f32").unwrap(), Contract::F32io).unwrap().is_empty());
    }
}
