//! How long each hand-over takes from the body to somebody who helps, and whether that is good enough.
//!
//! | indicator | from | to |
//! |---|---|---|
//! | `condition_delay` | the limit was crossed | the condition was active (IEC 60601-1-8: alarm condition delay) |
//! | `signal_delay` | the condition was active | the alert was out (IEC 60601-1-8: alarm signal generation delay) |
//! | `handed` | a message was planned | the host handed it to its channel |
//! | `delivered` | a message was planned | the channel said it arrived |
//! | `acknowledged` | somebody was asked | somebody took it |
//! | `resolved` | somebody was asked | somebody resolved it |
//!
//! Critical is what was urgent when its clock started; an alert that becomes urgent is measured anew
//! from then. What needs nobody any more (a condition that is over, a message taken back, an alert
//! that is suppressed) is measured no further and spoils nothing.
//!
//! An [`Objective`] says which share of one indicator must be within which time. An event is good when
//! it happened in time, and bad at the moment its time was up: nobody has to answer late, or at all,
//! for the budget to burn. Burn rates page only above a minimum of events, so that one late answer in
//! a quiet night is a fact and no emergency.

mod budget;
mod objective;
mod report;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::episode::{Clock, Episodes, Turn, Wait};
use super::histogram::Histogram;
use super::owner::Owner;
use crate::id::AlertId;
use crate::record::{Body, DeliveryState, IntentKey, Level, Record};
use crate::time::{Duration, HostTime};
use budget::{End, Track};
pub use objective::{BurnPolicy, BurnWindows, Indicator, Objective};
pub use report::{Burn, Delays, ObjectiveReport, SloReport, Standing};

/// What went wrong on the way to people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Misses {
    /// Everybody was told, and nobody had answered.
    pub missed: u64,
    /// Closed by itself, and nobody ever had it.
    pub unanswered: u64,
    /// Taken after everybody had been told.
    pub late: u64,
    /// Messages that failed, or of which nothing was heard in time.
    pub undelivered: u64,
}

/// What is waited for: to look it up when it happens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Waiting {
    Alert(Owner, AlertId),
    Intent(IntentKey),
}

/// A message under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Intent {
    planned: HostTime,
    critical: bool,
    handed: bool,
}

/// Latencies and misses of one class.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Class {
    latencies: [Histogram; Indicator::ALL.len()],
    misses: Misses,
}

/// The fold.
///
/// ```
/// use rpm_core::insight::Slo;
/// use rpm_core::insight::slo::{BurnPolicy, Indicator, Objective};
/// use rpm_core::{Duration, HostTime};
///
/// let answers = Objective {
///     name: "urgent alerts are answered".into(),
///     indicator: Indicator::Acknowledged,
///     critical: true,
///     within: Duration::from_secs(300),
///     share_permille: 990,
/// };
/// let slo = Slo::new(vec![answers], BurnPolicy::default());
/// // slo.fold(&record), for each record
/// let report = slo.report(HostTime::from_millis(0));
/// assert_eq!(report.objectives[0].events, 0);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slo {
    policy: BurnPolicy,
    tracks: Vec<Track>,
    latest: Option<HostTime>,
    critical: Class,
    other: Class,
    episodes: Episodes,
    intents: BTreeMap<IntentKey, Intent>,
}

impl Slo {
    /// With objectives, and what makes them page.
    pub fn new(objectives: Vec<Objective>, policy: BurnPolicy) -> Self {
        Self {
            policy,
            tracks: objectives.into_iter().map(Track::new).collect(),
            latest: None,
            critical: Class::default(),
            other: Class::default(),
            episodes: Episodes::default(),
            intents: BTreeMap::new(),
        }
    }

    /// Takes in the next record.
    pub fn fold(&mut self, record: &Record) {
        self.latest = self.latest.max(Some(record.at));
        let mut episodes = core::mem::take(&mut self.episodes);
        episodes.follow(record, |owner, id, episode, turn| {
            let critical = episode.level == Level::Urgent;
            let key = Waiting::Alert(owner.clone(), id);
            self.turn(key, critical, episode.exhausted, turn, record.at);
        });
        self.episodes = episodes;
        match &record.body {
            Body::DeliveryPlanned { key, alerts, .. } => {
                let critical = alerts.iter().any(|id| self.is_critical(record, *id));
                self.planned(*key, critical, record.at);
            }
            Body::DeliveryChanged { key, state, .. } => self.delivery(*key, *state, record.at),
            _ => {}
        }
        self.tidy();
    }

    /// Takes over what the other has counted of *other patients*, with the same objectives in the
    /// same order: as if one fold had read all their records.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.tracks.iter_mut().zip(other.tracks) {
            mine.merge(theirs);
        }
        self.latest = self.latest.max(other.latest);
        self.critical.merge(&other.critical);
        self.other.merge(&other.other);
        self.episodes.merge(other.episodes);
        self.intents.extend(other.intents);
        self.tidy();
    }

    /// The figures at this time, or at the latest record if that is later.
    pub fn report(&self, until: HostTime) -> SloReport {
        let until = self.latest.map_or(until, |latest| latest.max(until));
        let objectives = self.tracks.iter().map(|track| track.report(&self.policy, until));
        SloReport {
            until,
            critical: Delays::of(&self.critical.latencies, self.critical.misses),
            non_critical: Delays::of(&self.other.latencies, self.other.misses),
            objectives: objectives.collect(),
        }
    }

    /// The latencies themselves, to merge them with others or to draw them.
    pub fn latencies(&self, indicator: Indicator, critical: bool) -> &Histogram {
        let class = if critical { &self.critical } else { &self.other };
        &class.latencies[indicator as usize]
    }

    /// What is older than the period is forgotten.
    fn tidy(&mut self) {
        if let Some(now) = self.latest {
            let period = self.policy.period;
            self.tracks.iter_mut().for_each(|track| track.tidy(now, period));
        }
    }

    fn class(&mut self, critical: bool) -> &mut Class {
        if critical { &mut self.critical } else { &mut self.other }
    }

    fn turn(&mut self, key: Waiting, critical: bool, exhausted: bool, turn: Turn, at: HostTime) {
        match turn {
            Turn::Opened { condition, signal } => {
                self.measured(Indicator::ConditionDelay, critical, condition, at);
                self.measured(Indicator::SignalDelay, critical, signal, at);
            }
            Turn::Started(wait, clock) => {
                self.started(indicator(wait), is_urgent(clock), clock.since, key);
            }
            Turn::Met(wait, clock) => {
                let late = exhausted && wait == Wait::Answer;
                self.class(is_urgent(clock)).misses.late += u64::from(late);
                self.met(indicator(wait), is_urgent(clock), clock.since, &key, at);
            }
            Turn::Dropped(wait, clock) => {
                self.ended(indicator(wait), is_urgent(clock), clock.since, &key, at, End::Dropped);
            }
            Turn::Exhausted => self.class(critical).misses.missed += 1,
            Turn::Ended { unanswered } => {
                self.class(critical).misses.unanswered += u64::from(unanswered);
            }
            _ => {}
        }
    }

    fn is_critical(&self, record: &Record, id: AlertId) -> bool {
        let level = Owner::of(record).and_then(|owner| self.episodes.level(&owner, id));
        level == Some(Level::Urgent)
    }

    fn planned(&mut self, key: IntentKey, critical: bool, at: HostTime) {
        self.intents.insert(key, Intent { planned: at, critical, handed: false });
        self.started(Indicator::Handed, critical, at, Waiting::Intent(key));
        self.started(Indicator::Delivered, critical, at, Waiting::Intent(key));
    }

    fn delivery(&mut self, key: IntentKey, state: DeliveryState, at: HostTime) {
        use DeliveryState as S;
        let Some(mut intent) = self.intents.remove(&key) else {
            return;
        };
        let Intent { planned, critical, .. } = intent;
        let waiting = Waiting::Intent(key);
        // A channel may skip states: what arrived was handed over.
        if matches!(state, S::Handed | S::Delivered | S::Seen) && !intent.handed {
            intent.handed = true;
            self.met(Indicator::Handed, critical, planned, &waiting, at);
        }
        match state {
            S::Planned | S::Handed => {
                self.intents.insert(key, intent);
            }
            S::Delivered | S::Seen => {
                self.met(Indicator::Delivered, critical, planned, &waiting, at);
            }
            S::Failed | S::Expired => {
                self.class(critical).misses.undelivered += 1;
                if !intent.handed {
                    self.ended(Indicator::Handed, critical, planned, &waiting, at, End::Failed);
                }
                self.ended(Indicator::Delivered, critical, planned, &waiting, at, End::Failed);
            }
            S::Cancelled => {
                self.ended(Indicator::Handed, critical, planned, &waiting, at, End::Dropped);
                self.ended(Indicator::Delivered, critical, planned, &waiting, at, End::Dropped);
            }
        }
    }

    fn tracks_of(&mut self, of: Indicator, critical: bool) -> impl Iterator<Item = &mut Track> {
        self.tracks.iter_mut().filter(move |track| track.is_of(of, critical))
    }

    fn measured(&mut self, of: Indicator, critical: bool, took: Duration, at: HostTime) {
        self.class(critical).latencies[of as usize].record(took);
        self.tracks_of(of, critical).for_each(|track| track.measured(took, at));
    }

    fn started(&mut self, of: Indicator, critical: bool, since: HostTime, what: Waiting) {
        self.tracks_of(of, critical).for_each(|track| track.started(since, what.clone()));
    }

    fn met(
        &mut self,
        of: Indicator,
        critical: bool,
        since: HostTime,
        what: &Waiting,
        at: HostTime,
    ) {
        self.class(critical).latencies[of as usize].record(at.since(since));
        self.ended(of, critical, since, what, at, End::Met);
    }

    fn ended(
        &mut self,
        of: Indicator,
        critical: bool,
        since: HostTime,
        what: &Waiting,
        at: HostTime,
        end: End,
    ) {
        self.tracks_of(of, critical).for_each(|track| track.ended(since, what, at, end));
    }
}

impl Class {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.merge(theirs);
        }
        let (mine, theirs) = (&mut self.misses, &other.misses);
        mine.missed += theirs.missed;
        mine.unanswered += theirs.unanswered;
        mine.late += theirs.late;
        mine.undelivered += theirs.undelivered;
    }
}

fn is_urgent(clock: Clock) -> bool {
    clock.level == Level::Urgent
}

fn indicator(wait: Wait) -> Indicator {
    match wait {
        Wait::Answer => Indicator::Acknowledged,
        Wait::Resolution => Indicator::Resolved,
    }
}

#[cfg(test)]
mod tests;
