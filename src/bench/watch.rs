//! Is the device as fast as it was? What it says of its clock and its heat around every round of samples, and what is done
//! with a round that was taken while it held itself back: it is thrown away and taken again once the device has cooled.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::harness::{Failure, Harness};

/// A clock this much below the fastest that was seen under load is one of a device that holds itself back. Boards step
/// down by 5 % and more; what a clock reads otherwise jitters by is less.
pub const FALL: f64 = 0.04;
/// How often a round is taken before its kernels are recorded as throttled.
pub const TRIES: u32 = 3;
/// How long a device may cool before a round is tried again, and how often it is asked.
const COOL: Duration = Duration::from_secs(30);
const ASK: Duration = Duration::from_millis(500);

/// What a device said around a round, or when it was asked. What it cannot tell is None or 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// The slowest cpu's clock, the lower of before and after, and after alone.
    pub khz: Option<(u64, u64)>,
    /// The hottest zone in m°C.
    pub hottest: Option<i64>,
    /// The thermal zone that is past its trip point.
    pub over: Option<u32>,
    /// States of the cooling devices that slow cpus down, summed.
    pub held: u64,
    /// Times that a cpu was throttled in between.
    pub events: u64,
}

impl Sighting {
    /// Of the words `name=value` of an answer; others are passed over.
    pub fn parse(answer: &str) -> Self {
        let word = |name: &str| answer.split(' ').find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str| word(name).and_then(|w| w.parse().ok());
        let khz = word("khz").and_then(|w| {
            let (before, after) = w.split_once(':')?;
            let (before, after): (u64, u64) = (before.parse().ok()?, after.parse().ok()?);
            Some((before.min(after), after))
        });
        Self {
            khz,
            hottest: word("mc").and_then(|w| w.parse().ok()),
            over: word("over").and_then(|w| w.parse().ok()),
            held: number("held").unwrap_or(0),
            events: number("events").unwrap_or(0),
        }
    }

    /// Does it say, at rest, that it is held back? (Its clock says nothing then: it is low because nobody works.)
    fn hot(&self) -> bool {
        self.over.is_some() || self.held > 0
    }
}

/// What is known of a device since its run began.
#[derive(Debug, Default)]
struct Known {
    /// The fastest clock under load.
    khz: u64,
    /// Did the last round that was given up leave it hot? Then nobody waits again as long.
    hopeless: bool,
}

/// The watch over one device, for all layers of a run.
#[derive(Debug, Default)]
pub struct Watch {
    known: Mutex<Known>,
}

impl Watch {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets its references: the device has started anew.
    pub fn reset(&self) {
        *self.known() = Known::default();
    }

    /// Why a round is worth nothing, if it is not. A clock that is faster than any before becomes the reference.
    pub fn judge(&self, seen: &Sighting) -> Option<String> {
        let mut known = self.known();
        if let Some((low, after)) = seen.khz {
            known.khz = known.khz.max(after);
            if (low as f64) < known.khz as f64 * (1.0 - FALL) {
                return Some(format!("its clock fell to {} of {} MHz", low / 1000, known.khz / 1000));
            }
        }
        let heat = || seen.hottest.map_or(String::new(), |mc| format!(" at {:.1} °C", mc as f64 / 1000.0));
        match seen {
            Sighting { over: Some(zone), .. } => Some(format!("thermal zone {zone} is past its trip point{}", heat())),
            Sighting { held: 1.., .. } => Some(format!("its cooling slows the cpus down{}", heat())),
            Sighting { events: 1.., .. } => Some(format!("a cpu was throttled{}", heat())),
            _ => None,
        }
    }

    /// Times a round as often as it takes to have one that counts.
    /// # Errors
    /// [`Failure::Throttled`] where [`TRIES`] rounds did not count; what the harness fails with.
    pub fn time(
        &self,
        harness: &mut Harness,
        groups: &[(usize, u64)],
        retaken: &mut Retaken,
    ) -> Result<Vec<f64>, Failure> {
        for last in 1..=TRIES {
            let (times, seen) = harness.time_watched(groups)?;
            let Some(why) = self.judge(&seen) else {
                self.known().hopeless = false;
                return Ok(times);
            };
            retaken.rounds += 1;
            retaken.why.clone_from(&why);
            if last == TRIES {
                self.known().hopeless = true;
                self.settle(&seen);
                return Err(Failure::Throttled(format!("{TRIES} rounds in a row did not count: {why}")));
            }
            self.cool(harness, &why)?;
        }
        unreachable!("the last try returns")
    }

    /// A clock that stays lower without any sign of heat is how fast the device is from now on: a boost that is over, say, or
    /// a limit of power. One batch is lost to it, not the run; batches are compared by the leader that races along.
    fn settle(&self, seen: &Sighting) {
        if let Some((_, khz)) = seen.khz.filter(|_| !seen.hot() && seen.events == 0) {
            log_line(&format!("the device's clock stays at {} MHz; what comes is measured so", khz / 1000));
            self.known().khz = khz;
        }
    }

    /// Waits until the device says that it is no longer held back, and a moment longer.
    fn cool(&self, harness: &mut Harness, why: &str) -> Result<(), Failure> {
        // one that did not recover last time is asked again, but not waited for as long
        let limit = if self.known().hopeless { ASK } else { COOL };
        let (begun, mut said) = (Instant::now(), false);
        loop {
            thread::sleep(ASK);
            if !harness.watch()?.hot() || begun.elapsed() >= limit {
                return Ok(());
            }
            if !said {
                log_line(&format!(
                    "the device is held back ({why}); waiting up to {} s for it to cool",
                    limit.as_secs()
                ));
                said = true;
            }
        }
    }
}

/// Rounds of one race that did not count and were taken again, and why the last one did not.
#[derive(Clone, Debug, Default)]
pub struct Retaken {
    pub rounds: u32,
    pub why: String,
    /// Did the device start anew, and the whole race with it?
    pub restarted: bool,
}

impl Retaken {
    /// For a record; empty where every round counted.
    pub fn message(&self) -> String {
        let were = if self.rounds == 1 { "round was" } else { "rounds were" };
        let rounds = (self.rounds > 0).then(|| format!("{} {were} taken again: {}", self.rounds, self.why));
        let restart = self.restarted.then(|| "the device started anew, and the race with it".to_string());
        [restart, rounds].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Progress goes to stderr, as stdout may be a document.
fn log_line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_what_is_missing_is_not_guessed() {
        let seen = Sighting::parse("1200 1300 khz=1500000:1400000 mc=81250 over=0 held=2 events=3");
        let full =
            Sighting { khz: Some((1_400_000, 1_400_000)), hottest: Some(81_250), over: Some(0), held: 2, events: 3 };
        assert_eq!(seen, full);
        assert_eq!(Sighting::parse("1200 1300"), Sighting::default());
        for strange in ["khz=1500000", "khz=a:b", "khz=", "mc= over= held=-1", "over=-1"] {
            assert_eq!(Sighting::parse(strange), Sighting::default(), "{strange}");
        }
    }

    #[test]
    fn a_fall_is_told_from_jitter_whatever_came_first() {
        let watch = Watch::default();
        let at = |before: u64, after: u64| watch.judge(&Sighting::parse(&format!("khz={before}:{after}")));
        assert_eq!(at(1_500_000, 1_500_000), None);
        assert_eq!(at(1_450_000, 1_480_000), None, "within the allowed share");
        assert_eq!(at(1_500_000, 1_000_000).unwrap(), "its clock fell to 1000 of 1500 MHz");
        assert!(at(1_000_000, 1_500_000).is_some(), "it was slow before");
        assert_eq!(at(1_800_000, 1_800_000), None);
        assert!(at(1_500_000, 1_500_000).is_some(), "the reference has risen");
        watch.reset();
        assert_eq!(at(1_500_000, 1_500_000), None);
        assert_eq!(watch.judge(&Sighting::default()), None, "nothing readable is no reason");
        for (told, why) in [("mc=85000 over=3", "zone 3"), ("held=1", "cooling"), ("events=2", "throttled")] {
            assert!(watch.judge(&Sighting::parse(told)).is_some_and(|w| w.contains(why)), "{told}");
        }
    }
}
