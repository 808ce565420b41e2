//! A kernel of ours against a peer: two programs that stay alive and are asked in turns, on the same cpus.

use anyhow::Result;

use super::harness::Failure;
use super::race::{Parts, Rules, race};
use super::session::Session;
use super::{Bench, COLD_POOL};
use crate::candidate::Schedule;

/// Who failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Own,
    Peer,
}

/// Samples by round, nanoseconds of one call, of ours and of the peer.
type Rounds = [Vec<f64>; 2];

impl Bench<'_> {
    /// Builds and checks a kernel, and times it and a peer in rounds, each round in an order drawn anew. `peer` gives the
    /// nanoseconds of so many calls.
    pub fn versus(
        &mut self,
        schedule: &Schedule,
        rules: &Rules,
        peer: &mut dyn FnMut(u64) -> std::result::Result<f64, Failure>,
    ) -> Result<std::result::Result<Rounds, (Side, Failure)>> {
        let source = self.task().emit(schedule)?;
        let (programs, blamed) = self.device.builder.build(&[&source])?;
        let Some((program, _)) = programs.into_iter().next() else {
            let why = blamed.into_iter().next().map_or(String::new(), |(_, message)| message);
            return Ok(Err((Side::Own, Failure::Refused(why))));
        };
        let pool = COLD_POOL * self.device.caches().last();
        let runner = self.device.runner.clone();
        let mut session = match Session::start(runner, program, &mut self.problem, vec![schedule])? {
            Ok(session) => session.watched(self.device.watch.clone()),
            Err(failure) => return Ok(Err((Side::Own, failure))),
        };
        if let Some((_, wrong)) = session.check(0)? {
            return Ok(Err((Side::Own, Failure::Refused(wrong))));
        }
        if let Err(failure) = session.prepare(&[0], (self.regime, pool))? {
            return Ok(Err((Side::Own, failure)));
        }
        const OWN: usize = 0;
        let mut time = |groups: &[(usize, u64)]| {
            let one = |(who, calls): &(usize, u64)| match *who {
                OWN => session.time(OWN, *calls).map_err(|f| (Side::Own, f)),
                _ => peer(*calls).map_err(|f| (Side::Peer, f)),
            };
            groups.iter().map(one).collect()
        };
        let series = race(&[OWN, OWN + 1], Parts::default(), rules, self.seed, &mut time);
        Ok(series.map(|s| [s[0].samples.clone(), s[1].samples.clone()]))
    }
}
