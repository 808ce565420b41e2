//! Models of what a unit takes: exact for block RAM, fitted for look-up tables. A fit is judged on rows that it did not see.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::fabric::Fabric;

/// Published units: no design of ours.
const PUBLISHED: &str = include_str!("model/published.csv");

/// A row of the published tables.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Published {
    /// `pe` or `simd`: a sweep of one; `grid`: of both.
    pub sweep: String,
    /// `hls` or `rtl`.
    pub backend: String,
    pub w: u32,
    pub a: u32,
    pub pe: u64,
    pub simd: u64,
    pub lut: u64,
    pub ff: Option<u64>,
    pub delay_ns: Option<f64>,
}

/// # Errors
/// None but those of a damaged build.
pub fn published() -> Result<Vec<Published>> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(PUBLISHED.as_bytes());
    reader.deserialize().map(|row| row.context("published.csv")).collect()
}

/// Block RAMs of a read-only memory of `words` words of `bits` bits: of all shapes of a block the one that needs fewest,
/// as synthesis lays them out.
pub fn blocks(fabric: &Fabric, bits: u64, words: u64) -> u64 {
    let of = |(width, depth): &(u64, u64)| bits.div_ceil(*width) * words.div_ceil(*depth);
    fabric.block.iter().map(of).min().unwrap_or(0)
}

/// `a PE SIMD + b PE + c SIMD + d` look-up tables, of one backend and one pair of widths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Folded([f64; 4]);

fn features(pe: u64, simd: u64) -> [f64; 4] {
    let (p, s) = (pe as f64, simd as f64);
    [p * s, p, s, 1.0]
}

impl Folded {
    /// The fit of the least squared relative error.
    /// # Errors
    /// Fewer rows than it has numbers, or rows that do not tell these apart.
    pub fn fit(rows: &[&Published]) -> Result<Self> {
        ensure!(rows.len() >= 4, "{} rows; a fit of four numbers needs at least as many", rows.len());
        let mut system = [[0.0; 5]; 4];
        for row in rows {
            let x = features(row.pe, row.simd).map(|f| f / row.lut as f64);
            for (i, line) in system.iter_mut().enumerate() {
                for (j, f) in x.iter().enumerate() {
                    line[j] += x[i] * f;
                }
                line[4] += x[i];
            }
        }
        let found = solve(system.map(|line| line.to_vec()).to_vec());
        let found = found.and_then(|f| <[f64; 4]>::try_from(f).ok());
        found.map(Self).context("these rows do not tell the terms of the model apart")
    }

    /// Look-up tables; never less than one.
    pub fn lut(&self, pe: u64, simd: u64) -> f64 {
        features(pe, simd).iter().zip(self.0).map(|(x, b)| x * b).sum::<f64>().max(1.0)
    }

    /// |predicted - true| / true.
    pub fn error(&self, row: &Published) -> f64 {
        (self.lut(row.pe, row.simd) - row.lut as f64).abs() / row.lut as f64
    }
}

/// Gaussian elimination with pivots, of lines of coefficients with what they come to at the end; none where the system has no
/// one solution.
fn solve(mut m: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = m.len();
    let scale: f64 = m.iter().flatten().fold(0.0, |most, x| x.abs().max(most));
    for k in 0..count {
        let pivot = (k..count).max_by(|a, b| m[*a][k].abs().total_cmp(&m[*b][k].abs()))?;
        m.swap(k, pivot);
        let line = m[k].clone();
        if line[k].abs() <= scale * 1e-14 {
            return None;
        }
        for (_, other) in m.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let factor = other[k] / line[k];
            other.iter_mut().zip(&line).for_each(|(x, y)| *x -= factor * y);
        }
    }
    Some((0..count).map(|i| m[i][count] / m[i][i]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fpga::fabric;
    use crate::stats::median;

    /// Errors of rows, each predicted by a fit to the rows of all other SIMDs.
    fn held_out(rows: &[&Published]) -> Vec<f64> {
        let mut simds: Vec<u64> = rows.iter().map(|r| r.simd).collect();
        simds.sort_unstable();
        simds.dedup();
        let of = |simd: u64| {
            let (out, seen): (Vec<&Published>, Vec<&Published>) = rows.iter().partition(|r| r.simd == simd);
            let fit = Folded::fit(&seen).unwrap();
            out.into_iter().map(move |r| fit.error(r)).collect::<Vec<_>>()
        };
        simds.into_iter().flat_map(of).collect()
    }

    #[test]
    fn the_form_predicts_published_units_that_it_was_not_fitted_to() {
        let all = published().unwrap();
        assert_eq!(all.len(), 116);
        for (backend, most) in [("rtl", 0.04), ("hls", 0.06)] {
            let of = |r: &&Published| r.backend == backend && (r.w, r.a) == (4, 4);
            let six_by_six = |r: &&Published| r.sweep == "grid" || (r.sweep == "pe" && r.pe > 1);
            let rows: Vec<&Published> = all.iter().filter(of).filter(six_by_six).collect();
            assert_eq!(rows.len(), 36);
            let errors = held_out(&rows);
            assert!(median(&errors) <= most, "{backend}: median error {:.4}", median(&errors));
        }
        assert!(Folded::fit(&all.iter().take(3).collect::<Vec<_>>()).is_err());
        let same: Vec<&Published> = std::iter::repeat_n(&all[0], 9).collect();
        assert!(Folded::fit(&same).unwrap_err().to_string().contains("apart"));
    }

    #[test]
    fn blocks_have_shapes() {
        let xc7 = fabric::find("xc7").unwrap();
        for (bits, words, wanted) in [
            (1, 16384, 1),
            (1, 16385, 2),
            (2, 8192, 1),
            (4, 4096, 1),
            (9, 2048, 1),
            (18, 1024, 1),
            (36, 512, 1),
            (256, 64, 8),
        ] {
            assert_eq!(blocks(xc7, bits, words), wanted, "{bits} x {words}");
        }
        let ice40 = fabric::find("ice40").unwrap();
        assert_eq!((blocks(ice40, 16, 256), blocks(ice40, 32, 300), blocks(ice40, 2, 2048)), (1, 4, 1));
    }
}
