//! What to take, of the rows of a run alone: for each layer the fastest, the quickest to answer and the smallest design, and
//! the front. Figures of different evidence are never ranked against each other: of each layer the strongest class counts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lane::lossy;
use super::rank;
use crate::fpga::Evidence;
use crate::fpga::row::Row;
use crate::record::Accuracy;

/// What a design can be the best of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    Throughput,
    Latency,
    Smallest,
}

impl Objective {
    pub const ALL: [Objective; 3] = [Objective::Throughput, Objective::Latency, Objective::Smallest];

    pub fn name(self) -> &'static str {
        match self {
            Objective::Throughput => "throughput",
            Objective::Latency => "latency",
            Objective::Smallest => "smallest",
        }
    }

    /// What of a row is to be least. Times where there is a clock, else clock cycles.
    fn figure(self, row: &Row) -> Option<[f64; 2]> {
        let (pace, latency, share) = (pace(row), latency(row)?, row.share.unwrap_or(f64::INFINITY));
        Some(match self {
            Objective::Throughput => [pace, share],
            Objective::Latency => [latency, share],
            Objective::Smallest => [share, pace],
        })
    }
}

/// From call to call: nanoseconds at the clock that was reached, or clock cycles where none is known.
pub fn pace(row: &Row) -> f64 {
    (row.interval * row.vectors) as f64 * row.fmax_mhz.map_or(1.0, |mhz| 1e3 / mhz)
}

/// Of one call, likewise. None where simulation disagrees with the formula.
pub fn latency(row: &Row) -> Option<f64> {
    row.call_ns.or(row.cycles.map(|c| c as f64))
}

/// Of every design the strongest row that counts cells, unless anything was found wrong with it. Simulation counts none: it
/// confirms what stands in other rows.
pub fn strongest(rows: &[Row]) -> Vec<&Row> {
    let mut best: BTreeMap<(&str, &str, &str), &Row> = BTreeMap::new();
    fn key(r: &Row) -> (&str, &str, &str) {
        (&r.layer, &r.scheme, &r.design)
    }
    let mut failed: BTreeMap<(&str, &str, &str), Evidence> = BTreeMap::new();
    for row in rows.iter().filter(|r| !r.design.is_empty()) {
        // simulation disagrees with the law, or with the formula of cycles
        let simulated = (Evidence::Rtlsim..=Evidence::PnrOpen).contains(&row.evidence);
        let disagrees = simulated && row.cycles.is_none();
        if disagrees || row.outcome.is_some_and(|o| !o.right()) {
            failed.insert(key(row), row.evidence);
        } else if failed.get(&key(row)).is_some_and(|e| row.outcome.is_some() && *e <= row.evidence) {
            // it had more time
            failed.remove(&key(row));
        }
        // of equal evidence the later one
        if row.lut.is_some() && best.get(&key(row)).is_none_or(|own| row.evidence >= own.evidence) {
            best.insert(key(row), row);
        }
    }
    best.retain(|design, _| !failed.contains_key(design));
    best.into_values().collect()
}

/// A layer's choice.
#[derive(Clone, Debug)]
pub struct Layer<'a> {
    pub name: &'a str,
    /// What the figures below rest on.
    pub evidence: Evidence,
    pub best: Vec<(Objective, &'a Row)>,
    /// What is better than every other in time, size or accuracy, the fastest first.
    pub front: Vec<&'a Row>,
    /// Right designs of this evidence.
    pub of: usize,
}

/// Every layer of the run, in the order of its rows. Schemes that lose more than `most` of top-1 are not chosen.
pub fn choose<'a>(rows: &'a [Row], accuracy: &[Accuracy], most: f64) -> Vec<Layer<'a>> {
    let mut names: Vec<&str> = Vec::new();
    rows.iter().for_each(|r| {
        if !names.contains(&r.layer.as_str()) {
            names.push(&r.layer);
        }
    });
    let all = strongest(rows);
    names.into_iter().filter_map(|name| of_layer(name, &all, accuracy, most)).collect()
}

fn of_layer<'a>(name: &'a str, all: &[&'a Row], accuracy: &[Accuracy], most: f64) -> Option<Layer<'a>> {
    let out = lossy(accuracy, name, most);
    let here = |r: &Row| r.layer == name && !out.contains(&r.scheme);
    let fits = |r: &&&Row| here(r) && r.share.is_none_or(|s| s <= 1.0) && latency(r).is_some();
    let own: Vec<&Row> = all.iter().filter(fits).copied().collect();
    let class = own.iter().map(|r| r.evidence).max()?;
    let own: Vec<&Row> = own.into_iter().filter(|r| r.evidence == class).collect();
    let least = |objective: Objective| {
        let figured = own.iter().filter_map(|r| Some((objective.figure(r)?, *r)));
        figured.min_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal)).map(|(_, r)| (objective, r))
    };
    let figures: Vec<[f64; 3]> =
        own.iter().map(|r| [pace(r), r.share.unwrap_or(f64::INFINITY), -sqnr(accuracy, r).unwrap_or(0.0)]).collect();
    let mut front: Vec<&Row> = rank::front(&figures).into_iter().map(|i| own[i]).collect();
    front.sort_by(|a, b| pace(a).total_cmp(&pace(b)));
    let best = Objective::ALL.into_iter().filter_map(least).collect();
    Some(Layer { name, evidence: class, best, front, of: own.len() })
}

/// The accuracy of a row's layer under its scheme.
pub fn accuracy_of<'a>(accuracy: &'a [Accuracy], row: &Row) -> Option<&'a Accuracy> {
    let own = |a: &&Accuracy| !a.layer.is_empty() && format!("{}/{}", a.network, a.layer) == row.layer;
    accuracy.iter().filter(own).find(|a| a.scheme == row.scheme)
}

fn sqnr(accuracy: &[Accuracy], row: &Row) -> Option<f64> {
    accuracy_of(accuracy, row)?.sqnr_db
}

/// Top-1 of the layer's network with every layer under the row's scheme: right ones, of how many.
pub fn top1(accuracy: &[Accuracy], row: &Row) -> Option<(usize, usize)> {
    let network = row.layer.rsplit_once('/').map_or(row.layer.as_str(), |l| l.0);
    let own = accuracy.iter().find(|a| a.layer.is_empty() && a.network == network && a.scheme == row.scheme)?;
    Some((own.top1?, own.samples))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fpga::device::Device;
    use crate::fpga::ir::Mvau;
    use crate::record::Outcome;

    fn row(design: &str, evidence: Evidence, lut: u64, mhz: Option<f64>) -> Row {
        let (unit, device): (Mvau, _) = (design.parse().unwrap(), Device::find("ecp5-45k").unwrap());
        let resources = crate::fpga::resources::Resources { lut: Some(lut), ..Default::default() };
        let row = Row::new(&unit, &device, 10, evidence).with_resources(&device, &resources);
        let row = mhz.map_or(row.clone(), |mhz| row.with_clock(&unit, mhz));
        let outcome = (evidence > Evidence::Modelled).then_some(Outcome::Checked);
        Row { layer: "n/l".into(), scheme: "w4a4".into(), outcome, ..row }
    }

    const SLOW: &str = "mvau.w4a4.r8c8.pe1.simd1";
    const FAST: &str = "mvau.w4a4.r8c8.pe8.simd8";
    const FULL: &str = "mvau.w4a4.r8c8.pe8.simd4";

    #[test]
    fn the_strongest_class_decides_and_what_failed_is_out() {
        let mut rows = vec![
            row(SLOW, Evidence::Modelled, 100, None),
            row(FAST, Evidence::Modelled, 900, None),
            row(FULL, Evidence::Modelled, 40_000, None),
        ];
        let best = |rows: &[Row]| {
            let layers = choose(rows, &[], 0.01);
            let l = &layers[0];
            let names: Vec<u64> = l.best.iter().map(|(_, r)| r.lut.unwrap()).collect();
            (l.evidence, names, l.front.len(), l.of)
        };
        assert_eq!(best(&rows), (Evidence::Modelled, vec![900, 900, 100], 2, 2), "what does not fit is out");
        // a clock makes 64 times the cycles no faster, and modelled designs no rivals
        rows.push(row(SLOW, Evidence::PnrOpen, 120, Some(100.0)));
        assert_eq!(best(&rows), (Evidence::PnrOpen, vec![120, 120, 120], 1, 1));
        rows.push(row(FAST, Evidence::PnrOpen, 950, Some(50.0)));
        assert_eq!(best(&rows), (Evidence::PnrOpen, vec![950, 950, 120], 2, 2));
        assert_eq!((pace(&rows[4]), latency(&rows[4])), (10.0 * 20.0, Some(20.0 * (10 + 9) as f64)));
        let failed = Row { outcome: Some(Outcome::WrongAnswer), lut: None, ..row(FAST, Evidence::Csim, 0, None) };
        rows.push(failed);
        assert_eq!(best(&rows), (Evidence::PnrOpen, vec![120, 120, 120], 1, 1), "wrong anywhere is wrong");
    }

    #[test]
    fn schemes_that_lose_too_much_are_out_unless_all_do() {
        let score = |scheme: &str, top1: usize| Accuracy {
            network: "n".into(),
            layer: String::new(),
            scheme: scheme.into(),
            contract: crate::candidate::Contract::Int8,
            data: "real".into(),
            samples: 400,
            sqnr_db: None,
            cosine: None,
            mse: None,
            max_error: None,
            top1: Some(top1),
            weight_bits: 4.0,
            weight_sqnr_db: None,
            kl: None,
            note: String::new(),
        };
        let all = [score("f32", 396), score("w8a8", 395), score("w4a4", 392), score("w2a2", 300)];
        assert_eq!(lossy(&all, "n/l", 0.01), ["w2a2"]);
        assert_eq!(lossy(&all, "n/l", 0.005), ["w4a4", "w2a2"]);
        assert_eq!(lossy(&[all[0].clone(), all[2].clone(), all[3].clone()], "n/l", 0.001), ["w2a2"], "the best stays");
        assert_eq!(lossy(&all, "other/l", 0.01), [""; 0]);
    }
}
