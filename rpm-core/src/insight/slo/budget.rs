//! Good and bad events of one objective by the minute, and what is still waited for.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::Waiting;
use super::report::{Burn, ObjectiveReport, Standing};
use crate::insight::measure::{Rate, Share};
use crate::policy::care::{BurnWindows, Indicator, Latency, Miss};
use crate::policy::{BurnPolicy, Objective};
use crate::time::{Duration, HostTime};

const MINUTE_MS: i64 = 60_000;

/// Events of a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Events {
    good: u64,
    bad: u64,
}

impl Events {
    fn all(self) -> u64 {
        self.good + self.bad
    }
}

/// How waiting ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Met,
    Failed,
    Dropped,
}

/// An objective and its events: at most a minute each of the period, and what is waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Track {
    objective: Objective,
    minutes: BTreeMap<i64, Events>,
    /// By when it has to happen, both ends of that time inside.
    waiting: BTreeSet<(HostTime, Waiting)>,
}

fn minute_of(at: HostTime) -> i64 {
    at.as_millis().div_euclid(MINUTE_MS)
}

/// The minute before the first of a window that ends now.
fn before(now: HostTime, window: Duration) -> i64 {
    minute_of(HostTime::from_millis(now.as_millis().saturating_sub(window.as_millis())))
}

impl Track {
    pub fn new(objective: Objective) -> Self {
        Self { objective, minutes: BTreeMap::new(), waiting: BTreeSet::new() }
    }

    /// Within which time the objective wants this of this class, if it does.
    pub fn within_of(&self, of: Latency, critical: bool) -> Option<Duration> {
        match self.objective.indicator {
            Indicator::Latency { of: own, within } if own == of => {
                (self.objective.critical == critical).then_some(within)
            }
            _ => None,
        }
    }

    /// Whether the objective is that this does not happen to this class.
    pub fn forbids(&self, of: Miss, critical: bool) -> bool {
        self.objective.indicator == Indicator::Miss { of } && self.objective.critical == critical
    }

    /// It has to happen until then.
    pub fn started(&mut self, until: HostTime, what: Waiting) {
        self.waiting.insert((until, what));
    }

    /// It happened, or cannot happen, or need not happen any more. Past its time it is bad whatever
    /// became of it, so that it does not matter when that was learned.
    pub fn ended(&mut self, until: HostTime, what: &Waiting, at: HostTime, end: End) {
        let waited = (until, what.clone());
        if !self.waiting.remove(&waited) {
            return;
        }
        match end {
            _ if until < at => self.count(until, false),
            End::Met => self.count(at, true),
            End::Failed => self.count(at, false),
            End::Dropped => {}
        }
    }

    /// An event.
    pub fn count(&mut self, at: HostTime, good: bool) {
        let events = self.minutes.entry(minute_of(at)).or_default();
        events.good += u64::from(good);
        events.bad += u64::from(!good);
    }

    /// Forgets what is older than the period.
    pub fn tidy(&mut self, now: HostTime, period: Duration) {
        let oldest = before(now, period);
        while self.minutes.first_key_value().is_some_and(|(minute, _)| *minute <= oldest) {
            self.minutes.pop_first();
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (minute, events) in other.minutes {
            let mine = self.minutes.entry(minute).or_default();
            mine.good += events.good;
            mine.bad += events.bad;
        }
        self.waiting.extend(other.waiting);
    }

    /// The events of a window that ends now, with those whose time is up.
    fn within(&self, now: HostTime, window: Duration) -> Events {
        let first = before(now, window).saturating_add(1);
        let mut sum = Events::default();
        for events in self.minutes.range(first..).map(|(_, events)| *events) {
            sum.good += events.good;
            sum.bad += events.bad;
        }
        let overdue = self.waiting.iter().take_while(|(until, _)| *until < now);
        sum.bad += overdue.filter(|(until, _)| minute_of(*until) >= first).count() as u64;
        sum
    }

    pub fn report(&self, policy: &BurnPolicy, now: HostTime) -> ObjectiveReport {
        let period = self.within(now, policy.period);
        let budget = self.objective.budget_permille();
        let burn = |windows: &BurnWindows| self.burn(policy, windows, now);
        let burns: Vec<Burn> = policy.windows.iter().map(burn).collect();
        let waiting = self.waiting.iter().filter(|(until, _)| *until >= now).count();
        let standing = match period {
            _ if period.bad * 1000 > budget * period.all() => Standing::Missed,
            _ if period.all() < policy.min_events => Standing::TooFew,
            _ => Standing::Kept,
        };
        ObjectiveReport {
            objective: self.objective.clone(),
            events: period.all(),
            bad: period.bad,
            good_share: Share::of(period.good, period.all()),
            remaining_permille: remaining(period, budget),
            waiting: waiting as u64,
            standing: if period.all() == 0 { Standing::TooFew } else { standing },
            pages: burns.iter().any(|burn| burn.pages),
            burns,
        }
    }

    fn burn(&self, policy: &BurnPolicy, windows: &BurnWindows, now: HostTime) -> Burn {
        let (long, short) = (self.within(now, windows.long), self.within(now, windows.short));
        let budget = self.objective.budget_permille();
        let (long_rate, short_rate) = (rate(long, budget), rate(short, budget));
        let burns = |rate: Option<Rate>| rate.is_some_and(|r| r.0 >= windows.factor_permille);
        let enough = long.all() >= policy.min_events && long.bad >= policy.min_bad;
        let pages = match budget {
            0 => long.bad > 0 && short.bad > 0,
            _ => enough && burns(long_rate) && burns(short_rate),
        };
        Burn { windows: *windows, events: long.all(), bad: long.bad, long_rate, short_rate, pages }
    }
}

/// How many times as fast as the budget allows.
fn rate(events: Events, budget: u64) -> Option<Rate> {
    let allowed = i128::from(events.all()) * i128::from(budget);
    Rate::of(i128::from(events.bad) * 1000, allowed)
}

/// What is left of the budget in thousandths of it; below zero it is overdrawn.
fn remaining(events: Events, budget: u64) -> Option<i64> {
    let allowed = i128::from(events.all()) * i128::from(budget);
    if allowed == 0 {
        return (events.all() > 0 && events.bad == 0).then_some(1000);
    }
    let left = allowed - i128::from(events.bad) * 1000;
    Some(left.saturating_mul(1000).div_euclid(allowed).clamp(i64::MIN.into(), 1000) as i64)
}
