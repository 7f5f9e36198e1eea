//! `summary.json`: what came in, what became of it, and how often people are called.

use std::collections::BTreeMap;

use rpm_core::Timestamp;
use rpm_core::policy::Policy;
use rpm_core::record::{Level, PolicyRef};
use serde::Serialize;

use super::tally::{Fates, Orders, Tally};
use crate::episode::{Episode, level_name};

/// Alerts by class.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Classes {
    counts: [u64; 3],
}

const LEVELS: [Level; 3] = [Level::Urgent, Level::Review, Level::Informational];

impl Classes {
    /// Counts an alert; those of shadow rules call nobody and are left out.
    pub fn count(&mut self, episode: &Episode) {
        for (level, count) in LEVELS.iter().zip(&mut self.counts) {
            *count += u64::from(!episode.shadow && *level == episode.level);
        }
    }

    /// Each class with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        LEVELS.iter().map(|level| level_name(*level)).zip(self.counts)
    }
}

/// One replay's summary.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What decided.
    pub policy: PolicyRef,
    /// The files.
    pub readings: Vec<String>,
    /// First observed time of an accepted event.
    pub first_observed_at: Option<Timestamp>,
    /// Last observed time of an accepted event.
    pub last_observed_at: Option<Timestamp>,
    /// Every row and event: `in` is the sum of the other three.
    pub events: Fates,
    /// The same by kind; the kinds add up to `events`.
    pub kinds: BTreeMap<String, Fates>,
    /// Accepted readings of kinds that the policy does not monitor.
    pub unmonitored: BTreeMap<String, u64>,
    /// Accepted readings that say that there is no value: empty, NaN, infinite.
    pub without_value: BTreeMap<String, u64>,
    /// What people did.
    pub commands: Orders,
    /// Patients enrolled from the first to the last reading; not among `events`.
    pub enrolled: u64,
    /// Records written.
    pub records: u64,
    /// Patients with an accepted event.
    pub patients: u64,
    /// Time under observation, in days, to the thousandth.
    pub patient_days: f64,
    /// Alerts by their highest level.
    pub alerts: BTreeMap<&'static str, u64>,
    /// The same for each day of a patient, to the thousandth.
    pub alarms_per_patient_day: BTreeMap<&'static str, f64>,
}

const DAY: i64 = 86_400_000;

impl Summary {
    /// From the counts of a replay.
    pub fn new(policy: &Policy, tally: &Tally, classes: &Classes, records: u64) -> Self {
        let time = tally.patient_time();
        let per_day = |count| ratio(i128::from(count) * i128::from(DAY), time);
        Self {
            policy: policy.reference(),
            readings: tally.files.clone(),
            first_observed_at: tally.span().map(|(first, _)| first),
            last_observed_at: tally.span().map(|(_, last)| last),
            events: tally.all.clone(),
            kinds: tally.kinds.clone(),
            unmonitored: tally.unmonitored.clone(),
            without_value: tally.without_value.clone(),
            commands: tally.orders.clone(),
            enrolled: tally.enrolled,
            records,
            patients: tally.patients(),
            patient_days: ratio(i128::from(time), DAY),
            alerts: classes.iter().collect(),
            alarms_per_patient_day: classes.iter().map(|(n, c)| (n, per_day(c))).collect(),
        }
    }
}

/// To the thousandth, rounded down in integers: the same on every machine. Zero if `bottom` is.
fn ratio(top: i128, bottom: i64) -> f64 {
    let thousandths = (top * 1000).checked_div(i128::from(bottom)).unwrap_or(0);
    thousandths as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_exact_and_survive_zero() {
        assert!((ratio(1, 3) - 0.333).abs() < 1e-12);
        assert!(ratio(5, 0).abs() < 1e-12);
    }
}
