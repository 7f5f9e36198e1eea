//! When alarms stood, in the time of the body.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::insight::Owner;
use rpm_core::{Duration, Timestamp};

use crate::episode::{Episode, Phase};

const DAY: i64 = 86_400_000;

/// From when to when an alarm stood for each patient; open at the end of the recording.
#[derive(Default)]
pub struct Alarms {
    /// How many there were.
    pub count: u64,
    spans: BTreeMap<Owner, Vec<(Timestamp, Option<Timestamp>)>>,
}

impl Alarms {
    /// Takes in an episode if it counts: of the rule, or of any that is in force.
    pub fn see(&mut self, episode: &Episode, rule: Option<&str>) {
        if rule.map_or(episode.shadow, |rule| rule != episode.rule) {
            return;
        }
        self.count += 1;
        let owner = Owner { tenant: episode.tenant.clone(), patient: episode.patient.clone() };
        // What only waits for a person is over.
        let held = episode.spans.iter().filter(|span| span.phase != Phase::Latched);
        let spans = held.map(|span| (span.from, span.until));
        self.spans.entry(owner).or_default().extend(spans);
    }

    /// How long after a time an alarm first stands, before another time.
    pub fn first(&self, owner: &Owner, from: Timestamp, before: Timestamp) -> Option<Duration> {
        let spans = self.spans.get(owner)?.iter();
        let stands = |(begin, end): &&(Timestamp, Option<Timestamp>)| {
            *begin < before && (*begin >= from || end.is_none_or(|end| end > from))
        };
        spans.filter(stands).map(|(begin, _)| (*begin).max(from).since(from)).min()
    }

    /// How many days have a reading, and on how many of these an alarm stood.
    pub fn days(&self, seen: &BTreeMap<Owner, BTreeSet<Timestamp>>) -> (u64, u64) {
        let (mut all, mut alarmed) = (0, 0);
        for (owner, times) in seen {
            let days: BTreeSet<i64> =
                times.iter().map(|at| at.as_millis().div_euclid(DAY)).collect();
            let start = |day: i64| Timestamp::from_millis(day.saturating_mul(DAY));
            let stands = |day: &&i64| self.first(owner, start(**day), start(**day + 1)).is_some();
            all += days.len() as u64;
            alarmed += days.iter().filter(stands).count() as u64;
        }
        (all, alarmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_stands_from_its_begin_up_to_its_end() {
        let owner = Owner { tenant: None, patient: rpm_core::PatientId::new("p").unwrap() };
        let time = |day: i64| Timestamp::from_millis(day * DAY);
        let spans = vec![(time(3), Some(time(5))), (time(9), None)];
        let alarms = Alarms { count: 2, spans: BTreeMap::from([(owner.clone(), spans)]) };
        let first = |from, before| {
            let after = alarms.first(&owner, time(from), time(before))?;
            Some(after.as_millis() / DAY)
        };
        assert_eq!(first(0, 3), None);
        assert_eq!(first(0, 4), Some(3));
        assert_eq!(first(4, 6), Some(0), "stands already");
        assert_eq!(first(5, 9), None, "over");
        assert_eq!(first(11, 12), Some(0), "never over");
        let times: BTreeSet<_> = [2, 3, 5, 8, 9, 20].into_iter().map(time).collect();
        let half_a_day = Timestamp::from_millis(4 * DAY + DAY / 2);
        let times = times.into_iter().chain([time(4), half_a_day]).collect();
        assert_eq!(alarms.days(&BTreeMap::from([(owner, times)])), (7, 4));
    }
}
