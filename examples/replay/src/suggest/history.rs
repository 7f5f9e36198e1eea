//! When conditions held, from the records; and what a change of a rule takes of that.
//!
//! A condition follows from readings alone: people, messages and other rules change what an alert
//! does, and never when its condition held. So this is where to see what would be lost.

use std::collections::BTreeMap;

use rpm_core::insight::Owner;
use rpm_core::record::{Body, ConditionState, Level, Record};
use rpm_core::{Duration, Timestamp};
use serde::Serialize;

const LEVELS: [Level; 3] = [Level::Informational, Level::Review, Level::Urgent];

/// The conditions of every rule of every patient.
#[derive(Default)]
pub struct Histories {
    by_rule: BTreeMap<String, BTreeMap<Owner, History>>,
}

/// The level of one condition, and since when.
#[derive(Default)]
struct History {
    changes: Vec<(Timestamp, Option<Level>)>,
}

/// A stretch of time at a level or above.
#[derive(Clone, Copy)]
pub struct Stretch {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What must not be given up.
pub struct Keep<'a> {
    /// What lasted so long, and to be told of no later than that.
    pub lasting: Duration,
    /// What people said was real, whatever it lasted.
    pub real: &'a BTreeMap<Owner, Vec<Stretch>>,
    /// The end of the recording.
    pub end: Timestamp,
}

/// What a change takes of one patient's condition.
#[derive(Default)]
pub struct Cost {
    /// Episodes that nobody hears of any more. Those that are merged or shortened are not lost.
    pub lost: u64,
    /// Urgent stretches that are not urgent any more, or lost.
    pub lost_urgent: u64,
    /// The longest of either.
    pub longest_lost: Duration,
    /// By how much later at most what is not lost is told.
    pub delay: Duration,
    /// Milliseconds in which the condition held, before and after.
    pub held: [i64; 2],
    /// The first that must not be given up and is.
    pub breach: Option<Breach>,
}

/// Something that must not be given up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Breach {
    /// Its level.
    pub level: Level,
    /// Since when.
    pub from: Timestamp,
    /// How long it lasted.
    pub lasted: Duration,
    /// How much later it would be told; absent if not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Duration>,
    /// Whether people said that it was real.
    pub real: bool,
}

impl Histories {
    /// Takes in a record.
    pub fn fold(&mut self, record: &Record) {
        let Some(owner) = Owner::of(record) else {
            return;
        };
        match &record.body {
            Body::ConditionChanged { rule, observed_at, state, .. } => {
                self.history(rule, owner).push(*observed_at, *state);
            }
            Body::ConditionRevised { rule, since, history, .. } => {
                let own = self.history(rule, owner);
                own.changes.retain(|(at, _)| at < since);
                history.iter().for_each(|change| own.push(change.observed_at, change.state));
            }
            _ => {}
        }
    }

    fn history(&mut self, rule: &str, owner: Owner) -> &mut History {
        self.by_rule.entry(rule.to_string()).or_default().entry(owner).or_default()
    }

    /// What becomes of every patient's episodes of a rule if they follow another rule.
    pub fn cost(&self, rule: &str, then: (&Self, &str), keep: &Keep<'_>) -> BTreeMap<Owner, Cost> {
        let (others, other) = then;
        let others = others.by_rule.get(other);
        let none = History::default();
        let patients = self.by_rule.get(rule).into_iter().flatten();
        let cost = |(owner, history): (&Owner, &History)| {
            let after = others.and_then(|others| others.get(owner)).unwrap_or(&none);
            let real = keep.real.get(owner).map_or(&[][..], Vec::as_slice);
            (owner.clone(), Cost::of(history, after, real, keep))
        };
        patients.map(cost).collect()
    }
}

impl History {
    fn push(&mut self, at: Timestamp, state: ConditionState) {
        use ConditionState as C;
        let level = match state {
            C::Active(level) | C::Clearing(level) | C::ActiveUnverified(level) => Some(level),
            C::NeverSeen | C::Normal | C::Pending | C::Latched(_) => None,
        };
        if self.changes.last().map_or(level.is_some(), |(_, last)| *last != level) {
            self.changes.push((at, level));
        }
    }

    /// When it was at a level or above.
    fn stretches(&self, level: Level, end: Timestamp) -> Vec<Stretch> {
        let mut found: Vec<Stretch> = Vec::new();
        let mut since = None;
        for (at, now) in &self.changes {
            match (since, *now >= Some(level)) {
                (None, true) => since = Some(*at),
                (Some(from), false) => {
                    found.push(Stretch { from, until: *at });
                    since = None;
                }
                _ => {}
            }
        }
        // Nothing says that it ended: without data nothing is over.
        found.extend(since.map(|from| Stretch { from, until: end.max(from) }));
        found
    }
}

impl Stretch {
    fn lasted(&self) -> Duration {
        self.until.since(self.from)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

impl Cost {
    fn of(before: &History, after: &History, real: &[Stretch], keep: &Keep<'_>) -> Self {
        let mut cost = Self::default();
        for level in LEVELS {
            let (old, new) = (before.stretches(level, keep.end), after.stretches(level, keep.end));
            if level == LEVELS[0] {
                let held = |of: &[Stretch]| of.iter().map(|s| s.lasted().as_millis()).sum();
                cost.held = [held(&old), held(&new)];
            }
            // Both are in the order of time.
            let mut rest = new.iter().peekable();
            for was in &old {
                while rest.next_if(|is| is.until <= was.from).is_some() {}
                let heard = rest.peek().filter(|is| is.overlaps(was));
                let late = heard.map(|is| is.from.max(was.from).since(was.from));
                cost.count(level, was, late);
                let is_real = real.iter().any(|real| real.overlaps(was));
                let kept = late.is_some_and(|late| late <= keep.lasting);
                if !kept && (is_real || was.lasted() >= keep.lasting) {
                    let (from, lasted) = (was.from, was.lasted());
                    let breach = Breach { level, from, lasted, late, real: is_real };
                    // What is worse is said.
                    let worse = cost.breach.as_ref().is_none_or(|b| b.level < level);
                    if worse {
                        cost.breach = Some(breach);
                    }
                }
            }
        }
        cost
    }

    fn count(&mut self, level: Level, was: &Stretch, late: Option<Duration>) {
        match late {
            Some(late) => self.delay = self.delay.max(late),
            None => {
                self.lost += u64::from(level == LEVELS[0]);
                self.lost_urgent += u64::from(level == Level::Urgent);
                self.longest_lost = self.longest_lost.max(was.lasted());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(changes: &[(i64, Option<Level>)]) -> History {
        let at = |(s, level): &(i64, Option<Level>)| (Timestamp::from_millis(s * 1000), *level);
        History { changes: changes.iter().map(at).collect() }
    }

    fn cost(before: &History, after: &History) -> Cost {
        let (lasting, end) = (Duration::from_secs(60), Timestamp::from_millis(1_000_000));
        Cost::of(before, after, &[], &Keep { lasting, real: &BTreeMap::new(), end })
    }

    const REVIEW: Option<Level> = Some(Level::Review);
    const URGENT: Option<Level> = Some(Level::Urgent);

    #[test]
    fn merged_and_shortened_is_not_lost() {
        let before =
            history(&[(0, REVIEW), (10, None), (20, REVIEW), (30, None), (50, REVIEW), (90, None)]);
        let after = history(&[(0, REVIEW), (35, None), (55, REVIEW), (90, None)]);
        let cost = cost(&before, &after);
        assert_eq!((cost.lost, cost.delay), (0, Duration::from_secs(5)));
        assert_eq!(cost.held, [60_000, 70_000]);
        assert_eq!(cost.breach, None);
    }

    #[test]
    fn what_is_only_milder_is_not_kept_at_its_level() {
        let before = history(&[(0, REVIEW), (10, URGENT), (100, None), (200, REVIEW), (230, None)]);
        let after = history(&[(0, REVIEW), (100, None)]);
        let cost = cost(&before, &after);
        assert_eq!((cost.lost, cost.lost_urgent), (1, 1));
        assert_eq!(cost.longest_lost, Duration::from_secs(90));
        let breach = cost.breach.unwrap();
        assert_eq!((breach.level, breach.late), (Level::Urgent, None), "the short one may go");
    }

    #[test]
    fn what_is_told_too_late_is_not_kept() {
        let before = history(&[(0, URGENT), (300, None)]);
        let late = |s| cost(&before, &history(&[(s, URGENT), (300, None)])).breach;
        assert_eq!(late(60), None);
        assert_eq!(late(61).and_then(|b| b.late), Some(Duration::from_secs(61)));
    }
}
