//! Whole networks: the times of their layers added up, per number format, and what follows from them.

use super::format;
use super::view::{Context, Planned, Series, contexts, modelled_of, networks, series, split, time_of};
use crate::record::{Accuracy, Record};
use crate::run::Run;
use crate::target::Evidence;

/// One network under one context.
pub struct Total {
    pub network: String,
    pub context: Context,
    /// Layers of it in the run.
    pub layers: usize,
    /// Are layers counted as often as they occur? Otherwise once, because nothing says how often.
    pub counted: bool,
    pub sums: Vec<Sum>,
}

/// One network under one number format.
pub struct Sum {
    pub series: Series,
    /// Winners' medians added up; none where no layer has one.
    pub ns: Option<f64>,
    /// The same of modelled times, where every layer has one.
    pub modelled_ns: Option<f64>,
    /// Layers that have a right kernel, and those that have a time.
    pub right: usize,
    pub timed: usize,
    /// How many times as fast as f32 on the layers that both have, and how many those are.
    pub speed_up: Option<f64>,
    pub common: usize,
    /// Correctly classified samples, of how many.
    pub top1: Option<(usize, usize)>,
    pub weight_bits: Option<f64>,
    /// The least SQNR of its layers.
    pub worst_sqnr_db: Option<f64>,
}

impl Total {
    pub fn complete(&self, sum: &Sum) -> bool {
        sum.timed == self.layers
    }
    pub fn f32(&self) -> Option<&Sum> {
        self.sums.iter().find(|s| s.series.is_f32())
    }

    /// Is it compared with f32 although it leaves out what f32 has no need of, the quantization?
    pub fn is_product(&self, sum: &Sum) -> bool {
        sum.speed_up.is_some() && self.f32().is_some_and(|f| f.series.contract != sum.series.contract)
    }

    /// How the layers were added up.
    pub fn basis(&self) -> String {
        let how = if self.counted { "each as often as it occurs" } else { "each counted once" };
        format!("{}, {how}", format::count(self.layers, "layer"))
    }

    /// What a reader should take away, in one or two sentences.
    pub fn message(&self) -> String {
        if self.context.evidence == Evidence::Modelled {
            let each = self.sums.iter().map(|s| match s.modelled_ns {
                Some(ns) => format!("{} {}", s.series.title(), format::time(ns)),
                None => format!("{} right in {} of {}", s.series.title(), s.right, self.layers),
            });
            return format!("modelled, not measured; {}, {}.", self.basis(), each.collect::<Vec<_>>().join(", "));
        }
        if self.context.evidence == Evidence::Emulated {
            let each =
                self.sums.iter().map(|s| format!("{} right in {} of {}", s.series.title(), s.right, self.layers));
            return format!("emulated: checked only; {}.", each.collect::<Vec<_>>().join(", "));
        }
        let best = self.sums.iter().filter(|s| s.speed_up.is_some() && !s.series.is_f32());
        let best = best.max_by(|a, b| self.rank(a).total_cmp(&self.rank(b)));
        match (best, self.f32()) {
            (Some(best), Some(f32)) => self.against_f32(best, f32),
            _ => self.alone(),
        }
    }

    /// What takes and gives the same as f32 comes before what is faster.
    fn rank(&self, sum: &Sum) -> f64 {
        sum.speed_up.unwrap_or(0.0) + if self.is_product(sum) { 0.0 } else { 1e9 }
    }

    fn against_f32(&self, best: &Sum, f32: &Sum) -> String {
        let speed_up = best.speed_up.unwrap_or(1.0);
        let verdict = if speed_up >= 1.0 {
            format!("{} as fast as f32", format::times(speed_up))
        } else {
            format!("slower than f32, at {} of its speed", format::percent(speed_up, 0))
        };
        let from_to = match (self.complete(best).then_some(best.ns), self.complete(f32).then_some(f32.ns)) {
            (Some(Some(ns)), Some(Some(base))) => format!(" ({} → {})", format::time(base), format::time(ns)),
            _ => format!(" on the {} that both have", format::count(best.common, "layer")),
        };
        let product = if self.is_product(best) { ", quantization not included" } else { "" };
        format!("{} is {verdict}{from_to}{product}.{}", best.series.title(), accuracy_change(best, f32))
    }

    fn alone(&self) -> String {
        let each = self.sums.iter().filter_map(|s| {
            let top1 = s.top1.map_or(String::new(), |(hits, of)| format!(", top-1 {}", format::top1(hits, of)));
            let layers = format::count(s.timed, "layer");
            Some(format!("{} takes {} for {layers}{top1}", s.series.title(), format::time(s.ns?)))
        });
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            return match self.sums.iter().any(|s| s.right > 0) {
                true => "checked; no times.".into(),
                false => "no candidate was right.".into(),
            };
        }
        each.join("; ") + "."
    }
}

fn accuracy_change(best: &Sum, f32: &Sum) -> String {
    let share = |t: Option<(usize, usize)>| t.filter(|t| t.1 > 0).map(|(hits, of)| hits as f64 / of as f64);
    let of = best.top1.map_or(String::new(), |(_, samples)| format!(" of {samples} samples"));
    match (share(f32.top1), share(best.top1), best.worst_sqnr_db) {
        (Some(a), Some(b), _) => format!(" Top-1: {} → {}{of}.", format::percent(a, 2), format::percent(b, 2)),
        (None, Some(b), _) => format!(" Top-1: {}{of}.", format::percent(b, 2)),
        (_, None, Some(db)) => format!(" Its worst layer has an SQNR of {}.", format::decibels(db)),
        _ => String::new(),
    }
}

/// Every network under every context, in order.
pub fn totals(run: &Run) -> Vec<Total> {
    let planned = Planned::of(run);
    let mut all = Vec::new();
    for network in networks(run) {
        for (context, _) in contexts(run) {
            let inside = |r: &&Record| split(&r.layer).0 == network && context.holds(r);
            let mut layers: Vec<&Record> = Vec::new();
            for r in run.records.iter().filter(inside) {
                if !layers.iter().any(|l| l.layer == r.layer) {
                    layers.push(r);
                }
            }
            if layers.is_empty() {
                continue;
            }
            let counted = layers.iter().all(|r| planned.layer(r).is_some());
            let count = |r: &Record| if counted { planned.count(r) } else { 1.0 };
            let tried = |s: &Series| run.records.iter().filter(inside).any(|r| s.holds(r));
            let adder = Adder { run, network: &network, context: &context, layers: &layers, count: &count };
            let mut sums: Vec<Sum> = series(run).into_iter().filter(tried).map(|s| adder.sum(s)).collect();
            adder.compare(&mut sums);
            all.push(Total { network: network.clone(), context, layers: layers.len(), counted, sums });
        }
    }
    all
}

struct Adder<'a> {
    run: &'a Run,
    network: &'a str,
    context: &'a Context,
    /// One record of each layer.
    layers: &'a [&'a Record],
    count: &'a dyn Fn(&Record) -> f64,
}

impl Adder<'_> {
    fn winner(&self, series: &Series, layer: &str) -> Option<&crate::certificate::Winner> {
        let same = |r: &Record| r.layer == layer && series.holds(r) && self.context.holds(r);
        self.run.winners.iter().find(|w| same(&w.record))
    }

    /// The time of a layer, as often as it occurs.
    fn ns(&self, series: &Series, layer: &Record) -> Option<f64> {
        Some(time_of(self.winner(series, &layer.layer)?)? * (self.count)(layer))
    }

    fn sum(&self, series: Series) -> Sum {
        let times: Vec<f64> = self.layers.iter().filter_map(|l| self.ns(&series, l)).collect();
        let modelled = |l: &&Record| Some(modelled_of(self.winner(&series, &l.layer)?)? * (self.count)(l));
        let whole = self.run.accuracy.iter().find(|a| self.is_whole(a, &series));
        let sqnr = self.layers.iter().filter_map(|l| self.accuracy(&series, l)?.sqnr_db.filter(|db| db.is_finite()));
        Sum {
            ns: (!times.is_empty()).then(|| times.iter().sum()),
            modelled_ns: self.layers.iter().map(modelled).sum(),
            right: self.layers.iter().filter(|l| self.winner(&series, &l.layer).is_some()).count(),
            timed: times.len(),
            speed_up: None,
            common: 0,
            top1: whole.and_then(|a| Some((a.top1?, a.samples))),
            weight_bits: whole.map(|a| a.weight_bits).or_else(|| self.weight_bits(&series)),
            worst_sqnr_db: sqnr.reduce(f64::min),
            series,
        }
    }

    /// Is it the accuracy of the whole network under this number format?
    fn is_whole(&self, a: &Accuracy, series: &Series) -> bool {
        a.layer.is_empty() && a.network == self.network && (&a.scheme, a.contract) == (&series.scheme, series.contract)
    }

    fn accuracy(&self, series: &Series, layer: &Record) -> Option<&Accuracy> {
        let own = self.run.records.iter().find(|r| r.layer == layer.layer && series.holds(r) && self.context.holds(r));
        self.run.accuracy_of(own?)
    }

    /// Bits per weight over all layers whose weights were looked at.
    fn weight_bits(&self, series: &Series) -> Option<f64> {
        let known = self.layers.iter().filter_map(|l| Some((l, self.accuracy(series, l)?)));
        let (mut bits, mut weights) = (0.0, 0.0);
        for (layer, accuracy) in known {
            let own = layer.n as f64 * layer.k as f64;
            (bits, weights) = (bits + accuracy.weight_bits * own, weights + own);
        }
        (weights > 0.0).then(|| bits / weights)
    }

    /// Sets each sum's speed-up against f32, on the layers that both have.
    fn compare(&self, sums: &mut [Sum]) {
        let Some(base) = sums.iter().find(|s| s.series.is_f32()).map(|s| s.series.clone()) else { return };
        for sum in sums {
            let both = self.layers.iter().filter_map(|l| self.ns(&base, l).zip(self.ns(&sum.series, l)));
            let (mut f32, mut own) = (0.0, 0.0);
            for (a, b) in both {
                (f32, own, sum.common) = (f32 + a, own + b, sum.common + 1);
            }
            sum.speed_up = (sum.common > 0).then(|| f32 / own);
        }
    }
}
