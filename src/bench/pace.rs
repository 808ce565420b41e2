//! Times of different batches, brought to one pace. A machine's speed may change by a third from batch to batch, so only what
//! was timed side by side compares: the fastest so far races along in every batch and is what others are measured by.
//!
//! Who is taken for the fastest is so by luck in part. Were others measured by the time that it won by, every new leader would
//! lower all later times a little, by tens of percent over a long search. So a rival has to show once more that it is faster, and
//! it is a third race that says by how much: what chose it does not measure it.
//!
//! The fastest has luck of its own in each program: where its code and its operands happen to lie. So products in registers race along,
//! which know no such luck, and what the fastest says of the machine's pace counts only as far as they bear it out.

use super::race::Series;
use crate::candidate::Schedule;
use crate::stats::median;

/// Rounds below which a series is no measure of others, and has no rounds in common with one that is.
const LEAST: usize = 3;

/// A rival that is less than this share faster than the leader does not take its place: nothing is gained, and each change of
/// leaders adds its error.
const FASTER: f64 = 0.02;

/// The machine's pace as the leader tells it may differ from what products in registers tell by this share.
const LUCK: f64 = 0.05;

/// Who leads, and its time at the pace of the first batch.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    leader: Option<(Schedule, f64)>,
    rival: Option<Rival>,
    /// Time of the products at that pace.
    steady: Option<f64>,
}

/// One that was faster than the leader.
#[derive(Clone, Debug)]
struct Rival {
    schedule: Schedule,
    ns: f64,
    /// It was so a second time.
    again: bool,
}

/// One of a batch: what it is, its samples, and whether it raced to the end.
pub type Raced<'a> = (&'a Schedule, &'a Series, bool);

impl Pace {
    /// One whose leader was found out elsewhere.
    pub fn led_by(schedule: Schedule, ns: f64) -> Self {
        Self { leader: Some((schedule, ns)), ..Self::default() }
    }

    /// Who races along in the next batch.
    pub fn along(&self) -> impl Iterator<Item = &Schedule> {
        self.leader.iter().map(|l| &l.0).chain(self.rival.iter().map(|r| &r.schedule))
    }

    /// The times of a batch, which holds those that raced along, at the pace of the first one. `steady` are samples of products in
    /// registers, if any.
    pub fn correct(&mut self, batch: &[Raced], steady: &[f64]) -> Vec<Option<f64>> {
        let series = |who: &Schedule| batch.iter().find(|r| r.0 == who).map(|r| r.1).filter(|s| !s.samples.is_empty());
        let pace = self.leader.as_ref().and_then(|(leader, ns)| Some((series(leader)?, *ns)));
        let now = (steady.len() >= LEAST).then(|| median(steady));
        let clock = now.zip(self.steady).map(|(now, then)| then / now);
        if self.steady.is_none() {
            self.steady = now.map(|now| now * pace.map_or(1.0, |(s, ns)| ns / median(&s.samples)));
        }
        let times: Vec<Option<f64>> = batch.iter().map(|r| borne_out(r.1, at_pace(r.1, pace), clock)).collect();
        let Some((_, least)) = &self.leader else {
            let raced = batch.iter().zip(&times).filter(|(r, _)| r.2).filter_map(|(r, ns)| Some((r.0.clone(), (*ns)?)));
            self.leader = raced.min_by(|a, b| a.1.total_cmp(&b.1));
            return times;
        };
        let bar = least * (1.0 - FASTER);
        let of = |who: &Schedule| batch.iter().position(|r| r.0 == who).and_then(|i| times[i]);
        let shown = self.rival.as_ref().and_then(|r| Some((r.again, of(&r.schedule)?))).filter(|_| pace.is_some());
        match (shown, self.rival.take()) {
            (Some((true, ns)), Some(rival)) => self.leader = Some((rival.schedule, ns)),
            (Some((false, ns)), Some(rival)) if ns < bar => self.rival = Some(Rival { ns, again: true, ..rival }),
            (None, rival) => self.rival = rival, // it was not raced: this batch was built before
            _ => {}
        }
        let raced = batch.iter().zip(&times).filter(|(r, _)| r.2).filter_map(|(r, ns)| Some((r.0, (*ns)?)));
        if let Some((fastest, ns)) = raced.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|f| f.1 < bar && pace.is_some()) {
            let known = self.along().any(|s| s == fastest);
            if !known && self.rival.as_ref().is_none_or(|r| ns < r.ns * (1.0 - FASTER)) {
                self.rival = Some(Rival { schedule: fastest.clone(), ns, again: false });
            }
        }
        times
    }
}

/// The time of a series at the pace at which another, raced along with it, takes so many nanoseconds. Without another of
/// some rounds, the median as it is.
fn at_pace(series: &Series, pace: Option<(&Series, f64)>) -> Option<f64> {
    let own = (!series.samples.is_empty()).then(|| median(&series.samples))?;
    let Some((other, ns)) = pace.filter(|(s, _)| s.samples.len() >= LEAST) else { return Some(own) };
    if series.samples.len() < LEAST {
        return Some(own / median(&other.samples) * ns); // it left at the first look
    }
    let ratios: Vec<f64> = series.samples.iter().zip(&other.samples).map(|(a, b)| a / b).collect();
    Some(median(&ratios) * ns)
}

/// A time at the leader's pace, as far as that of the products bears it out: that is the first one's over their time now.
fn borne_out(series: &Series, ns: Option<f64>, clock: Option<f64>) -> Option<f64> {
    let (Some(clock), Some(at_pace)) = (clock, ns) else { return ns };
    let own = median(&series.samples) * clock;
    Some(at_pace.clamp(own * (1.0 - LUCK), own * (1.0 + LUCK)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::Knob;

    fn series(samples: &[f64]) -> Series {
        Series { samples: samples.to_vec(), eliminated: false }
    }

    #[test]
    fn times_are_brought_to_the_pace_of_the_leader() {
        // the machine is half as fast as when the leader took 100, and slower still in the second round
        let (other, own) = (series(&[200.0, 300.0, 200.0]), series(&[220.0, 330.0, 221.0]));
        assert!((at_pace(&own, Some((&other, 100.0))).unwrap() - 110.0).abs() < 1e-9);
        assert_eq!(at_pace(&own, None), Some(221.0));
        assert_eq!(at_pace(&series(&[400.0]), Some((&other, 100.0))), Some(200.0));
        assert_eq!(at_pace(&series(&[]), Some((&other, 100.0))), None);
        assert_eq!(at_pace(&own, Some((&series(&[]), 100.0))), Some(221.0));
        assert_eq!(at_pace(&own, Some((&series(&[900.0]), 100.0))), Some(221.0)); // one sample measures nobody
    }

    /// In the second batch's program the leader takes twice as long, the machine is a tenth slower.
    #[test]
    fn the_leaders_luck_is_no_pace() {
        let who = |i| Schedule(vec![Knob::sizes("k", &[i])]);
        let mut pace = Pace::default();
        let batch = |own: f64, other: f64| [(who(0), series(&[own; 8])), (who(1), series(&[other; 8]))];
        let correct = |pace: &mut Pace, batch: &[(Schedule, Series)], steady: f64| {
            pace.correct(&batch.iter().map(|(s, t)| (s, t, true)).collect::<Vec<_>>(), &[steady; 8])
        };
        correct(&mut pace, &batch(100.0, 120.0), 50.0);
        let times = correct(&mut pace, &batch(200.0, 132.0), 55.0);
        assert!((times[1].unwrap() / 120.0 - 1.0).abs() <= LUCK + 1e-9, "{times:?}");
        // one that failed has no samples, and no time
        let failed = [&batch(112.0, 132.0)[..], &[(who(2), series(&[]))]].concat();
        assert_eq!(correct(&mut pace, &failed, 55.0)[2], None);
        // a pace that products bear out is taken
        let times = correct(&mut pace, &batch(112.0, 132.0), 55.0);
        assert!((times[1].unwrap() - 132.0 / 1.12).abs() < 1e-9, "{times:?}");
    }

    /// Two hundred batches of kernels of which each takes 1000, with 3 % of noise, on a machine that drifts: whoever is
    /// luckiest is a rival, and the last batch still takes about as long as the first.
    #[test]
    fn luck_does_not_add_up() {
        for seed in 0..10 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut pace, mut last) = (Pace::default(), vec![]);
            for batch in 0..200usize {
                let speed = 1.0 + 0.2 * (batch as f64 / 30.0).sin();
                let mut all: Vec<Schedule> = pace.along().cloned().collect();
                all.extend((0..16).map(|i| Schedule(vec![Knob::sizes("k", &[batch, i])])));
                let mut sample = || 1000.0 * speed * (0.97 + 0.06 * rng.f64());
                let timed: Vec<Series> =
                    all.iter().map(|_| series(&std::array::from_fn::<_, 8, _>(|_| sample()))).collect();
                let raced: Vec<Raced> = all.iter().zip(&timed).map(|(s, t)| (s, t, true)).collect();
                let steady: [f64; 8] = std::array::from_fn(|_| 50.0 * speed);
                last = pace.correct(&raced, &steady).into_iter().flatten().collect();
            }
            let end = median(&last);
            assert!((920.0..1080.0).contains(&end), "seed {seed}: {end}");
        }
    }
}
