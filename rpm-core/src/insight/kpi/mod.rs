//! Whether people can keep up: the alarm figures of ISA-18.2 and IEC 62682 for each queue.
//!
//! What is counted is an **annunciated alarm**: somebody is asked to look. An alert opens, becomes
//! more severe, comes back, or comes out of suppression with nobody having it. Reminders (an
//! acknowledgement that ran out, an alert that became stale) are not new alarms. Alerts of shadow
//! rules and what was suppressed are counted apart. An alert counts where it waited when it opened;
//! alerts that no route took are under `unrouted`.
//!
//! Time is record time, cut into ten minutes and days of UTC. A flood is told from those ten minutes
//! as they lie, so eleven alarms that straddle an edge need not be one; in return folds can be merged.
//! The standards want thirty days of records for one operator before a figure is taken for its
//! guidance; [`KpiReport::enough`] says whether there were.
//!
//! ```
//! use rpm_core::HostTime;
//! use rpm_core::insight::Kpi;
//! # let records: Vec<rpm_core::record::Record> = Vec::new();
//!
//! let mut kpi = Kpi::default();
//! for record in &records {
//!     kpi.fold(record);
//! }
//! let report = kpi.report(HostTime::from_millis(86_400_000));
//! println!("{report}");
//! ```

mod chatter;
mod figures;
pub mod guidance;
pub mod report;
mod table;
mod tally;
mod time;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::episode::{Ask, Episode, Episodes, Turn, Wait};
use super::owner::Owner;
use crate::error::Code;
use crate::id::TenantId;
use crate::record::{Body, Record, Resolution};
use crate::small_map::SmallMap;
use crate::time::{Duration, HostTime};
pub use report::{Actor, KpiReport, Predictive, QueueReport};
use tally::Tally;

/// What keeps an alert from annunciating.
const SUPPRESSING: [&str; 2] = ["shelve", "take_out_of_service"];

/// What counts as chattering, fleeting and stale: sites differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Thresholds {
    /// A rule chatters for a patient that is annunciated so often...
    pub chatter_count: usize,
    /// ... within this time.
    pub chatter_within: Duration,
    /// A condition that is over sooner than this is fleeting.
    pub fleeting_below: Duration,
    /// An alert that is open for longer than this is stale.
    pub stale_after: Duration,
}

impl Default for Thresholds {
    /// Three in a minute, ten seconds, a day: the common screens; the standards define chattering
    /// and fleeting in words only.
    fn default() -> Self {
        Self {
            chatter_count: 3,
            chatter_within: Duration::from_secs(60),
            fleeting_below: Duration::from_secs(10),
            stale_after: Duration::from_secs(24 * 3600),
        }
    }
}

/// How alerts turned out, by what people said when they resolved them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Verdicts {
    /// It was so.
    #[serde(rename = "true")]
    pub correct: u64,
    /// It was not.
    #[serde(rename = "false")]
    pub wrong: u64,
    /// Resolved for a reason that says neither.
    pub unknown: u64,
}

/// A queue of an organisation.
type Place = (Option<TenantId>, String);

/// The fold.
///
/// It remembers open alerts, a count for each rule of a patient that was ever annunciated, and one
/// for each ten minutes in which something was; nothing for each record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kpi {
    thresholds: Thresholds,
    span: Option<(HostTime, HostTime)>,
    episodes: Episodes,
    queues: SmallMap<Place, Tally>,
    rules: BTreeMap<String, Verdicts>,
    patients: BTreeMap<Owner, Verdicts>,
    not_permitted: u64,
    shelved_too_long: u64,
}

impl Kpi {
    /// With thresholds of one's own.
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, ..Self::default() }
    }

    /// Takes in the next record.
    pub fn fold(&mut self, record: &Record) {
        let at = record.at;
        self.span = widened(self.span, Some((at, at)));
        if let Body::CommandRefused { action, reason, .. } = &record.body {
            // Who may not acknowledge keeps nothing quiet.
            if !SUPPRESSING.contains(&action.as_str()) {
                return;
            }
            self.not_permitted += u64::from(reason == Code::NotPermitted.name());
            self.shelved_too_long += u64::from(reason == Code::ShelvedTooLong.name());
        }
        let Self { thresholds, episodes, queues, rules, patients, .. } = self;
        episodes.follow(record, |owner, _, episode, turn| {
            if let Turn::Resolved(reason) = turn {
                rules.entry(episode.rule.clone()).or_default().count(reason);
                patients.entry(owner.clone()).or_default().count(reason);
            }
            let place = (owner.tenant.clone(), episode.queue.clone());
            let tally = queues.get_or_insert_with(place, Tally::default);
            tally.turn(thresholds, owner, episode, turn, at);
        });
    }

    /// Takes over what the other has counted of *other patients*, with the same thresholds: as if
    /// one fold had read all their records.
    pub fn merge(&mut self, other: Self) {
        self.span = widened(self.span, other.span);
        self.episodes.merge(other.episodes);
        for (place, tally) in other.queues {
            self.queues.get_or_insert_with(place, Tally::default).merge(tally);
        }
        for (rule, verdicts) in other.rules {
            self.rules.entry(rule).or_default().add(verdicts);
        }
        for (owner, verdicts) in other.patients {
            self.patients.entry(owner).or_default().add(verdicts);
        }
        self.not_permitted += other.not_permitted;
        self.shelved_too_long += other.shelved_too_long;
    }

    /// The time of the latest record.
    pub fn latest(&self) -> Option<HostTime> {
        self.span.map(|(_, latest)| latest)
    }

    /// Annunciated alarms of each ten minutes in which there was one, for a chart.
    pub fn bins<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
        queue: &'a str,
    ) -> impl Iterator<Item = (HostTime, u64)> + 'a {
        let chosen =
            self.queues.iter().filter(move |((t, q), _)| t.as_ref() == tenant && q == queue);
        chosen.flat_map(|(_, tally)| tally.bins.iter())
    }

    /// The bad actors of all queues together: every rule of a patient that annunciated, the most
    /// frequent first, of the same count by rule and patient.
    pub fn actors(&self) -> Vec<Actor> {
        figures::actors(self)
    }

    /// The figures from the first record until this time, or the latest record if that is later.
    pub fn report(&self, until: HostTime) -> KpiReport {
        figures::report(self, until)
    }
}

/// From the earlier beginning to the later end.
fn widened(
    span: Option<(HostTime, HostTime)>,
    other: Option<(HostTime, HostTime)>,
) -> Option<(HostTime, HostTime)> {
    match (span, other) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

impl Verdicts {
    fn count(&mut self, reason: Option<Resolution>) {
        self.say(reason.and_then(Resolution::is_true));
    }

    /// One more, whether it was so.
    pub(super) fn say(&mut self, was_so: Option<bool>) {
        match was_so {
            Some(true) => self.correct += 1,
            Some(false) => self.wrong += 1,
            None => self.unknown += 1,
        }
    }

    /// How many people have said it of.
    pub(super) fn judged(&self) -> u64 {
        self.correct + self.wrong
    }

    fn add(&mut self, other: Self) {
        self.correct += other.correct;
        self.wrong += other.wrong;
        self.unknown += other.unknown;
    }
}

#[cfg(test)]
mod tests;
