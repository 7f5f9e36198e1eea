//! How long each hand-over takes from the body to somebody who helps, and whether that is good enough.
//!
//! | latency | from | to |
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
//! Some things must not happen at all, however long they take. Beside each of these *misses* there
//! is what came through instead:
//!
//! | miss | bad at the moment | good at the moment |
//! |---|---|---|
//! | `missed` | everybody had been told, and nobody had answered | somebody took it before that |
//! | `late` | somebody took it after that | somebody took it before that |
//! | `unanswered` | it closed by itself, and nobody ever had it | somebody took it |
//! | `undelivered` | a message failed, or nothing was heard of it in time | it arrived |
//! | `duplicate` | somebody resolved it as said by another alert | somebody resolved it for another reason |
//!
//! An alert counts each time that somebody is asked anew, as its clocks do, and what is measured no
//! further is here neither good nor bad: the share of `missed` is of those times that ended with an
//! answer or with nobody left to tell, that of `late` is of answers, that of `unanswered` of
//! answers and of alerts that closed without one, that of `undelivered` of messages that arrived or
//! never will, that of `duplicate` of alerts that people resolved.
//!
//! An [`Objective`] says which share of a latency must be within which time, or which share must be
//! no miss; a policy's care section has some, and a caller may have others. What happens in time is
//! good, and what does not is bad at the moment its time was up: nobody has to answer late, or at
//! all, for the budget to burn. A miss is bad when it happens. Burn rates page only above a minimum
//! of events, so that one late answer in a quiet night is a fact and no emergency; where the budget
//! is zero, one is enough.

mod budget;
mod report;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::episode::{Clock, Episodes, Turn, Wait};
use super::histogram::Histogram;
use super::owner::Owner;
use crate::id::AlertId;
use crate::policy::Policy;
pub use crate::policy::care::{BurnPolicy, BurnWindows, Indicator, Latency, Miss, Objective};
use crate::record::{Body, DeliveryState, IntentKey, Level, Record, Resolution};
use crate::time::{Duration, HostTime};
use budget::{End, Track};
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
    /// Resolved as said by another alert already.
    pub duplicate: u64,
}

impl Misses {
    /// How often it happened.
    pub fn count(&self, of: Miss) -> u64 {
        match of {
            Miss::Missed => self.missed,
            Miss::Unanswered => self.unanswered,
            Miss::Late => self.late,
            Miss::Undelivered => self.undelivered,
            Miss::Duplicate => self.duplicate,
        }
    }

    fn add(&mut self, of: Miss, more: u64) {
        *match of {
            Miss::Missed => &mut self.missed,
            Miss::Unanswered => &mut self.unanswered,
            Miss::Late => &mut self.late,
            Miss::Undelivered => &mut self.undelivered,
            Miss::Duplicate => &mut self.duplicate,
        } += more;
    }
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
    latencies: [Histogram; Latency::ALL.len()],
    misses: Misses,
}

/// The fold.
///
/// ```
/// use rpm_core::insight::Slo;
/// use rpm_core::HostTime;
/// use rpm_core::policy::Policy;
///
/// let policy = Policy::from_json(br#"{
///     "id": "ward", "version": 1, "title": "Ward",
///     "signals": { "spo2": { "cadence": "1 s" } },
///     "rules": [],
///     "care": { "objectives": [{
///         "title": "Urgent alerts are answered", "indicator": "acknowledged",
///         "critical": true, "within": "5 min", "share": "99 %"
///     }] }
/// }"#).unwrap();
/// let slo = Slo::of(&policy);
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
    /// With the objectives of a policy.
    pub fn of(policy: &Policy) -> Self {
        Self::new(policy.objectives().to_vec(), policy.burn_policy().clone())
    }

    /// With objectives of one's own, and what makes them page.
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
            let critical = episode.asked_as == Level::Urgent;
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
    pub fn latencies(&self, of: Latency, critical: bool) -> &Histogram {
        let class = if critical { &self.critical } else { &self.other };
        &class.latencies[of as usize]
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
                self.measured(Latency::ConditionDelay, critical, condition, at);
                self.measured(Latency::SignalDelay, critical, signal, at);
            }
            Turn::Started(wait, clock) => {
                self.started(latency(wait), is_urgent(clock), clock.since, key);
            }
            Turn::Met(wait, clock) => {
                if wait == Wait::Answer {
                    self.answered(is_urgent(clock), exhausted, at);
                }
                self.met(latency(wait), is_urgent(clock), clock.since, &key, at);
            }
            Turn::Dropped(wait, clock) => {
                self.ended(latency(wait), is_urgent(clock), clock.since, &key, at, End::Dropped);
            }
            Turn::Exhausted => self.outcome(Miss::Missed, critical, at, false),
            Turn::Ended { unanswered: true } => {
                self.outcome(Miss::Unanswered, critical, at, false);
            }
            Turn::Resolved(reason) => {
                let good = reason != Some(Resolution::Duplicate);
                self.outcome(Miss::Duplicate, critical, at, good);
            }
            _ => {}
        }
    }

    /// Somebody has it; after everybody was told it is late, and was missed already.
    fn answered(&mut self, critical: bool, exhausted: bool, at: HostTime) {
        self.outcome(Miss::Unanswered, critical, at, true);
        self.outcome(Miss::Late, critical, at, !exhausted);
        if !exhausted {
            self.outcome(Miss::Missed, critical, at, true);
        }
    }

    fn is_critical(&self, record: &Record, id: AlertId) -> bool {
        let level = Owner::of(record).and_then(|owner| self.episodes.level(&owner, id));
        level == Some(Level::Urgent)
    }

    fn planned(&mut self, key: IntentKey, critical: bool, at: HostTime) {
        self.intents.insert(key, Intent { planned: at, critical, handed: false });
        self.started(Latency::Handed, critical, at, Waiting::Intent(key));
        self.started(Latency::Delivered, critical, at, Waiting::Intent(key));
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
            self.met(Latency::Handed, critical, planned, &waiting, at);
        }
        match state {
            S::Planned | S::Handed => {
                self.intents.insert(key, intent);
            }
            S::Delivered | S::Seen => {
                self.met(Latency::Delivered, critical, planned, &waiting, at);
                self.outcome(Miss::Undelivered, critical, at, true);
            }
            S::Failed | S::Expired => {
                self.outcome(Miss::Undelivered, critical, at, false);
                if !intent.handed {
                    self.ended(Latency::Handed, critical, planned, &waiting, at, End::Failed);
                }
                self.ended(Latency::Delivered, critical, planned, &waiting, at, End::Failed);
            }
            S::Cancelled => {
                self.ended(Latency::Handed, critical, planned, &waiting, at, End::Dropped);
                self.ended(Latency::Delivered, critical, planned, &waiting, at, End::Dropped);
            }
        }
    }

    /// It went wrong, or it came through.
    fn outcome(&mut self, of: Miss, critical: bool, at: HostTime, good: bool) {
        self.class(critical).misses.add(of, u64::from(!good));
        let tracks = self.tracks.iter_mut().filter(|track| track.forbids(of, critical));
        tracks.for_each(|track| track.count(at, good));
    }

    /// Whose objective it is, each with its time.
    fn timed(
        &mut self,
        of: Latency,
        critical: bool,
    ) -> impl Iterator<Item = (Duration, &mut Track)> {
        let tracks = self.tracks.iter_mut();
        tracks.filter_map(move |track| Some((track.within_of(of, critical)?, track)))
    }

    fn measured(&mut self, of: Latency, critical: bool, took: Duration, at: HostTime) {
        self.class(critical).latencies[of as usize].record(took);
        self.timed(of, critical).for_each(|(within, track)| track.count(at, took <= within));
    }

    fn started(&mut self, of: Latency, critical: bool, since: HostTime, what: Waiting) {
        let timed = self.timed(of, critical);
        timed.for_each(|(within, track)| track.started(since.plus(within), what.clone()));
    }

    fn met(&mut self, of: Latency, critical: bool, since: HostTime, what: &Waiting, at: HostTime) {
        self.class(critical).latencies[of as usize].record(at.since(since));
        self.ended(of, critical, since, what, at, End::Met);
    }

    fn ended(
        &mut self,
        of: Latency,
        critical: bool,
        since: HostTime,
        what: &Waiting,
        at: HostTime,
        end: End,
    ) {
        let timed = self.timed(of, critical);
        timed.for_each(|(within, track)| track.ended(since.plus(within), what, at, end));
    }
}

impl Class {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.merge(theirs);
        }
        Miss::ALL.into_iter().for_each(|of| self.misses.add(of, other.misses.count(of)));
    }
}

fn is_urgent(clock: Clock) -> bool {
    clock.level == Level::Urgent
}

fn latency(wait: Wait) -> Latency {
    match wait {
        Wait::Answer => Latency::Acknowledged,
        Wait::Resolution => Latency::Resolved,
    }
}

#[cfg(test)]
mod tests;
