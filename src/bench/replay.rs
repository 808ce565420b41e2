//! `replay`: answers from records. A resumed run, a strategy under test and a warm start are all this.

use std::collections::HashMap;

use anyhow::{Result, anyhow};

use super::Evaluate;
use crate::candidate::Schedule;
use crate::record::Record;

/// Recorded candidates of one layer x scheme, by schedule, in front of an optional live device.
pub struct Replay<'a, L: Evaluate> {
    known: HashMap<String, Record>,
    live: Option<&'a mut L>,
}

impl<'a, L: Evaluate> Replay<'a, L> {
    /// Without `live`, a schedule that was never recorded is an error.
    pub fn new(records: impl IntoIterator<Item = Record>, live: Option<&'a mut L>) -> Self {
        Self { known: records.into_iter().map(|r| (r.schedule.clone(), r)).collect(), live }
    }

    /// Is this schedule's record known?
    pub fn knows(&self, schedule: &Schedule) -> bool {
        self.known.contains_key(&schedule.to_string())
    }

    /// The device itself.
    pub fn live(&mut self) -> Option<&mut L> {
        self.live.as_deref_mut()
    }
}

impl<L: Evaluate> Evaluate for Replay<'_, L> {
    fn evaluate(&mut self, schedules: &[Schedule]) -> Result<Vec<Record>> {
        let new: Vec<Schedule> = schedules.iter().filter(|s| !self.knows(s)).cloned().collect();
        if !new.is_empty() {
            let live = self.live.as_mut().ok_or_else(|| anyhow!("schedule `{}` was never recorded", new[0]))?;
            for record in live.evaluate(&new)? {
                self.known.insert(record.schedule.clone(), record);
            }
        }
        Ok(schedules.iter().map(|s| self.known[&s.to_string()].clone()).collect())
    }
}
