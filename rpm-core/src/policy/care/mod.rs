//! Who is told of alerts, who may do what, when an alert keeps quiet, and what is asked of the
//! service: the part of a policy that is about people.

mod compile;
mod objective;
pub mod spec;
mod words;

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::plan::{Rule, RuleBody};
use crate::record::Level;
use crate::small_map::SmallMap;
use crate::time::{Duration, HostTime};
pub use objective::{BurnPolicy, BurnWindows, Indicator, Latency, Miss, Objective};
use spec::CircumstanceSpec;
pub(super) use words::describe;

const DAY: i64 = 24 * 60;
const MINUTE_MS: i64 = 60_000;

/// What a role may be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Acknowledge and give back.
    Acknowledge,
    /// Start and finish remediation.
    Remediate,
    /// Resolve.
    Resolve,
    /// Shelve and unshelve what is not urgent.
    Shelve,
    /// Shelve urgent alerts as well.
    ShelveUrgent,
    /// Take out of service and return.
    OutOfService,
    /// Assign to somebody.
    Assign,
    /// Restart or shift what was learned of a patient.
    Baseline,
}

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertClass {
    /// The patient.
    Physiological,
    /// The equipment.
    Technical,
}

/// A value for each level.
pub(crate) type PerLevel = [Option<Duration>; 3];

/// The part about people, compiled. See [`spec`] for what each field means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Care {
    pub offset_min: i16,
    pub acknowledged_for: PerLevel,
    pub remediation_for: PerLevel,
    pub reopen_within: Duration,
    pub reopen_resolved_after: Option<Duration>,
    pub stale_after: Duration,
    pub shelve_at_most: Duration,
    pub group_within: Duration,
    pub expire_after: Duration,
    pub quiet_hours: Option<Hours>,
    pub roles: SmallMap<String, BTreeSet<Permission>>,
    pub suppressions: Vec<Circumstance>,
    pub inhibitions: Vec<Inhibition>,
    pub routes: Vec<Route>,
    pub escalations: Vec<Escalation>,
    pub objectives: Vec<Objective>,
    pub burn: BurnPolicy,
}

#[derive(Clone, Debug)]
pub(crate) struct Circumstance {
    pub id: String,
    pub when: CircumstanceSpec,
    pub rules: Vec<String>,
    pub at_most: Level,
}

#[derive(Clone, Debug)]
pub(crate) struct Inhibition {
    pub by: String,
    pub rules: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub id: String,
    pub levels: Vec<Level>,
    pub class: Option<AlertClass>,
    pub rules: Vec<String>,
    pub cohorts: Vec<String>,
    pub hours: Option<Hours>,
    pub queue: String,
    /// Index of its escalation.
    pub escalation: Option<u16>,
    /// Minutes of the day, in order.
    pub digest_at: Vec<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Escalation {
    pub id: String,
    /// Every message, in the order of time.
    pub sends: Vec<Send>,
    /// After how long nobody is left to be told.
    pub exhausted_after: Duration,
}

/// A step, or one of its repetitions.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub after: Duration,
    /// Which step, from 1.
    pub step: u16,
    pub to: Vec<String>,
    pub channels: Vec<String>,
}

/// Minutes of the day; over midnight if the end is not after the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hours {
    pub from: i64,
    pub until: i64,
}

/// What a route asks of an alert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub level: Level,
    pub class: AlertClass,
    pub rule: &'a str,
    pub cohort: Option<&'a str>,
    /// Minute of the patient's day.
    pub minute: i64,
}

impl Hours {
    pub fn contain(self, minute: i64) -> bool {
        if self.from < self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }
}

impl Route {
    fn takes(&self, wanted: &Wanted<'_>) -> bool {
        let lists = |list: &[String], name: &str| list.is_empty() || list.iter().any(|n| n == name);
        (self.levels.is_empty() || self.levels.contains(&wanted.level))
            && self.class.is_none_or(|class| class == wanted.class)
            && lists(&self.rules, wanted.rule)
            && (self.cohorts.is_empty() || wanted.cohort.is_some_and(|c| lists(&self.cohorts, c)))
            && self.hours.is_none_or(|hours| hours.contain(wanted.minute))
    }
}

impl Escalation {
    /// How many intents one round can cause at most.
    fn intents(&self) -> usize {
        self.sends.iter().map(|send| send.to.len() * send.channels.len()).sum()
    }
}

impl Care {
    /// The first route that takes the alert.
    pub fn route(&self, wanted: &Wanted<'_>) -> Option<u16> {
        self.routes.iter().position(|route| route.takes(wanted)).map(|index| index as u16)
    }

    pub fn route_named(&self, id: &str) -> Option<u16> {
        self.routes.iter().position(|route| route.id == id).map(|index| index as u16)
    }

    /// The number of a route's queue: the first route that has a queue of that name.
    pub fn queue_of(&self, route: u16) -> u16 {
        let queue = self.routes.get(usize::from(route)).map(|route| &route.queue);
        let first = self.routes.iter().position(|route| Some(&route.queue) == queue);
        first.map_or(route, |index| index as u16)
    }

    pub fn escalation(&self, route: u16) -> Option<&Escalation> {
        let route = self.routes.get(usize::from(route))?;
        self.escalations.get(usize::from(route.escalation?))
    }

    /// Whether a role may do something. Without roles everybody may, but for what is urgent.
    pub fn permits(&self, role: &str, permission: Permission) -> bool {
        if self.roles.is_empty() {
            return permission != Permission::ShelveUrgent;
        }
        self.roles.get(role).is_some_and(|may| may.contains(&permission))
    }

    /// The most intents that one alert can have under way.
    pub fn most_intents(&self) -> usize {
        self.escalations.iter().map(Escalation::intents).max().unwrap_or(0)
    }

    /// When a message that is due may go out, and whether it is the digest that it waits for.
    /// Urgent ones go at once.
    pub fn goes_out(
        &self,
        route: u16,
        level: Level,
        due: HostTime,
        offset_min: i16,
    ) -> (HostTime, bool) {
        if level == Level::Urgent {
            return (due, false);
        }
        let digests = self.routes.get(usize::from(route)).map_or(&[][..], |r| &r.digest_at);
        let minute = minute_of_day(due, offset_min);
        let ahead = |wanted: i64| (wanted - minute).rem_euclid(DAY);
        let next_digest = digests.iter().map(|at| ahead(*at)).min();
        let (mut wait, digest) = (next_digest.unwrap_or(0), next_digest.is_some());
        if let Some(quiet) = self.quiet_hours {
            if quiet.contain((minute + wait).rem_euclid(DAY)) {
                wait += (quiet.until - minute - wait).rem_euclid(DAY);
            }
        }
        if wait == 0 {
            return (due, false);
        }
        // Whole minutes of local time.
        let start = due.as_millis().div_euclid(MINUTE_MS) + wait;
        (HostTime::from_millis(start * MINUTE_MS), digest)
    }
}

impl Rule {
    /// What its alerts are about.
    pub fn class(&self) -> AlertClass {
        match self.body {
            RuleBody::Limits(_) => AlertClass::Physiological,
            RuleBody::Missing(_) => AlertClass::Technical,
        }
    }
}

/// The minute of the local day.
pub(crate) fn minute_of_day(at: HostTime, offset_min: i16) -> i64 {
    (at.as_millis().div_euclid(MINUTE_MS) + i64::from(offset_min)).rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> HostTime {
        let time: crate::time::Timestamp = text.parse().unwrap();
        HostTime::from_millis(time.as_millis())
    }

    #[test]
    fn quiet_hours_go_over_midnight_in_local_time() {
        let quiet_hours = Some(Hours { from: 22 * 60, until: 7 * 60 });
        let care = Care { quiet_hours, ..Care::default() };
        let out = |time, level| care.goes_out(0, level, at(time), 60).0;
        // 23:30 local.
        let evening = "2026-03-01T22:30:00Z";
        assert_eq!(out(evening, Level::Review), at("2026-03-02T06:00:00Z"));
        assert_eq!(out(evening, Level::Urgent), at(evening), "urgent is never put off");
        let noon = "2026-03-01T11:00:12Z";
        assert_eq!(out(noon, Level::Review), at(noon));
    }

    #[test]
    fn a_digest_in_quiet_hours_waits_for_their_end() {
        let quiet_hours = Some(Hours { from: 22 * 60, until: 7 * 60 });
        let route = Route {
            id: "r".into(),
            levels: Vec::new(),
            class: None,
            rules: Vec::new(),
            cohorts: Vec::new(),
            hours: None,
            queue: "q".into(),
            escalation: None,
            digest_at: Vec::from([6 * 60, 18 * 60]),
        };
        let care = Care { quiet_hours, routes: Vec::from([route]), ..Care::default() };
        let out = |time| care.goes_out(0, Level::Informational, at(time), 0).0;
        assert_eq!(out("2026-03-01T12:00:00Z"), at("2026-03-01T18:00:00Z"));
        assert_eq!(out("2026-03-01T20:00:00Z"), at("2026-03-02T07:00:00Z"));
        assert_eq!(out("2026-03-01T18:00:30Z"), at("2026-03-01T18:00:30Z"), "that minute is now");
    }
}
