//! What a rule in shadow would have done, beside the rule that is in force: before somebody signs for a
//! new version of a model, or of a rule.
//!
//! Both went through the same engine: the same triage, the same suppression, the same people. What is
//! counted, all of it in whole numbers:
//!
//! - An **alarm** lasts as long as an alert is active and nothing keeps it from annunciating. It begins when
//!   the alert opens, comes back, or comes out of suppression; an alert that was suppressed as it opened is
//!   counted apart. Nobody can close an alert of a rule in shadow, so nothing counts that only people end.
//!   Time is when the engine knew it ([`Record::at`]).
//! - **Episodes.** Alarms of one patient, of either rule, belong to one episode if less than
//!   [`Question::apart`] lies between the end of one and the beginning of the next. An episode is found by
//!   the rules of which it has an alarm; of both, the **lead** is from the first alarm of the candidate to
//!   the first of the rule in force.
//! - An episode that had begun before the period did is left out, and counted: the candidate could not be
//!   first.
//! - **Outcomes.** What people called an alert when they resolved it. Nobody sees the alerts of a rule in
//!   shadow: what only the candidate found is set against alerts of any rule of the same patient that opened
//!   in the episode or within [`Question::near`] of it, and were judged.
//! - **Events**, if the host knows of any ([`Trial::event`]): one is found by a rule with an alarm at some
//!   time from [`Question::lead`] before its onset to [`Question::delay`] after it.
//!
//! No share is told of fewer than [`LEAST_FOR_SHARE`], no quartiles of fewer than [`LEAST_FOR_QUARTILES`],
//! no rate for less than [`LEAST_DAYS`] days of patients.

mod count;
mod page;
mod report;
mod span;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::owner::Owner;
use crate::error::{Code, Error};
use crate::policy::Policy;
use crate::policy::spec::RuleSpec;
use crate::record::{Body, ModelRef, PolicyRef, Record, ScoreFailure, StageChange};
use crate::time::{Duration, HostTime};
use crate::value::Value;

pub use page::Block;
pub use report::{
    Agreement, Counted, Episode, Episodes, Events, Lead, Outcomes, Quartiles, Side, TrialReport,
    Voice,
};
use span::Course;

/// Of fewer no share is told.
pub const LEAST_FOR_SHARE: u64 = 20;
/// Of fewer no quartiles are told.
pub const LEAST_FOR_QUARTILES: u64 = 8;
/// For fewer days of patients no rate is told.
pub const LEAST_DAYS: i64 = 10;

/// What is to be decided, and how it is counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Question {
    /// The rule in shadow.
    pub candidate: String,
    /// The rule that is in force.
    pub active: String,
    /// The model whose scores the candidate reads, by the name of its entry in the policy's `risk`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    /// Whether the rule in force reads the scores of the version in force.
    pub both_read: bool,
    /// From when on.
    pub from: HostTime,
    /// Until when.
    pub until: HostTime,
    /// Alarms this far apart belong to different episodes.
    pub apart: Duration,
    /// So long before and after an episode alerts that people judged say something about it.
    pub near: Duration,
    /// So long before an event an alarm belongs to it.
    pub lead: Duration,
    /// So long after it.
    pub delay: Duration,
}

impl Question {
    /// Whether one rule of a policy is to take the place of another: episodes an hour apart, what was judged
    /// within twelve hours, events from twelve hours before to three hours after.
    ///
    /// # Errors
    /// [`Code::UnknownRule`] if the policy has no such rule in shadow, or no such rule in force.
    pub fn of(policy: &Policy, candidate: &str, active: &str) -> Result<Self, Error> {
        let rules = &policy.spec().rules;
        let named = |name: &str, shadow: bool| {
            rules.iter().find(|rule| rule.id == name && is_of_mode(rule, shadow))
        };
        let missing = |field: &str| Error::new(Code::UnknownRule).at(field);
        let read = named(candidate, true).ok_or_else(|| missing("candidate"))?.signal.as_ref();
        let read_in_force = named(active, false).ok_or_else(|| missing("active"))?.signal.as_ref();
        let mut risks = policy.spec().risk.iter();
        let risk = risks.find(|(_, risk)| risk.shadow.is_some() && risk.shadow.as_ref() == read);
        let hours = |n: i64| Duration::from_secs(n * 3600);
        Ok(Self {
            candidate: candidate.into(),
            active: active.into(),
            risk: risk.map(|(name, _)| name.clone()),
            both_read: risk.is_some_and(|(_, risk)| read_in_force == Some(&risk.signal)),
            from: HostTime::from_millis(0),
            until: HostTime::from_millis(i64::MAX),
            apart: hours(1),
            near: hours(12),
            lead: hours(12),
            delay: hours(3),
        })
    }

    /// The one rule in shadow that reads the scores of versions in shadow, and the one that reads those of
    /// the version in force: what is asked if nobody names the rules.
    ///
    /// # Errors
    /// [`Code::UnknownRule`] if there are none, or several.
    pub fn of_model(policy: &Policy) -> Result<Self, Error> {
        let spec = policy.spec();
        let reading = |signal: &str, shadow: bool| {
            let reads = move |rule: &&RuleSpec| {
                rule.signal.as_deref() == Some(signal) && is_of_mode(rule, shadow)
            };
            let rules = spec.rules.iter().filter(reads);
            rules.map(|rule| rule.id.as_str()).collect::<Vec<_>>()
        };
        let pairs = spec.risk.values().filter_map(|risk| {
            let shadow = risk.shadow.as_deref()?;
            match (&reading(shadow, true)[..], &reading(&risk.signal, false)[..]) {
                ([candidate], [active]) => Some((*candidate, *active)),
                _ => None,
            }
        });
        match &pairs.collect::<Vec<_>>()[..] {
            [(candidate, active)] => Self::of(policy, candidate, active),
            _ => Err(Error::new(Code::UnknownRule).at("candidate")),
        }
    }

    /// The same for a period.
    #[must_use]
    pub fn between(self, from: HostTime, until: HostTime) -> Self {
        Self { from, until, ..self }
    }

    fn holds(&self, at: HostTime) -> bool {
        self.from <= at && at < self.until
    }
}

/// Whether a rule is in shadow, or in force.
fn is_of_mode(rule: &RuleSpec, shadow: bool) -> bool {
    match rule.mode.as_deref() {
        Some("shadow") => shadow,
        None | Some("active") => !shadow,
        Some(_) => false,
    }
}

/// The fold.
///
/// It remembers each alarm of the two rules, each alert that people judged, and the latest score of every
/// patient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    question: Question,
    courses: BTreeMap<Owner, Course>,
    voices: BTreeMap<(bool, ModelRef), Heard>,
    gaps: BTreeMap<u16, u64>,
    /// The sum of what the candidate said less what the version in force said, in thousandths.
    difference: i64,
    policies: BTreeSet<PolicyRef>,
    steps: BTreeSet<StageChange>,
}

/// What a version said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Heard {
    scores: u64,
    failures: BTreeMap<ScoreFailure, u64>,
}

/// What both versions said of the same evidence, as far as it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Latest {
    at: crate::time::Timestamp,
    candidate: Option<i32>,
    active: Option<i32>,
}

impl Trial {
    /// Of a question, before any record.
    pub fn new(question: Question) -> Self {
        Self {
            question,
            courses: BTreeMap::new(),
            voices: BTreeMap::new(),
            gaps: BTreeMap::new(),
            difference: 0,
            policies: BTreeSet::new(),
            steps: BTreeSet::new(),
        }
    }

    /// Takes in the next record.
    pub fn fold(&mut self, record: &Record) {
        self.steps.extend(StageChange::of(record));
        if record.at >= self.question.until {
            return;
        }
        let holds = self.question.holds(record.at);
        match &record.body {
            Body::PolicyChanged { from, to, .. } if holds => {
                self.policies.extend([from.clone(), to.clone()]);
            }
            Body::AlertOpened { policy, .. } if holds => {
                self.policies.insert(policy.clone());
            }
            _ => {}
        }
        let Some(owner) = Owner::of(record) else {
            return;
        };
        let course = self.courses.entry(owner.clone()).or_default();
        course.follow(record, &self.question);
        if !holds {
            return;
        }
        course.see(record);
        let mut latest = course.scores;
        self.hear(&record.body, &mut latest);
        if let Some(course) = self.courses.get_mut(&owner) {
            course.scores = latest;
        }
    }

    /// A patient was watched from a time to a time. Else it is from the first record in the period to the
    /// last before which something had come in.
    pub fn watched(&mut self, owner: Owner, from: HostTime, until: HostTime) {
        let (from, until) = (from.max(self.question.from), until.min(self.question.until));
        if from <= until {
            self.courses.entry(owner).or_default().stay = Some((from, until));
        }
    }

    /// Something happened to a patient that an alarm should have found; no onset says that nothing did.
    pub fn event(&mut self, owner: Owner, onset: Option<HostTime>) {
        let course = self.courses.entry(owner).or_default();
        course.labelled = true;
        course.events.extend(onset.filter(|at| self.question.holds(*at)));
    }

    /// Takes over what the other has counted of *other patients*, for the same question: as if one fold had
    /// read all their records.
    pub fn merge(&mut self, other: Self) {
        self.courses.extend(other.courses);
        for (voice, heard) in other.voices {
            let mine = self.voices.entry(voice).or_default();
            mine.scores += heard.scores;
            for (why, n) in heard.failures {
                *mine.failures.entry(why).or_default() += n;
            }
        }
        for (gap, n) in other.gaps {
            *self.gaps.entry(gap).or_default() += n;
        }
        self.difference += other.difference;
        self.policies.extend(other.policies);
        self.steps.extend(other.steps);
    }

    /// What was found so far.
    pub fn report(&self) -> TrialReport {
        count::report(self)
    }

    /// What a model said, if it is the one in question.
    fn hear(&mut self, body: &Body, latest: &mut Latest) {
        let (risk, model, shadow, observed_at, result) = match body {
            Body::RiskScored { risk, model, shadow, observed_at, score, .. } => {
                let Ok(score) = score.parse::<Value>() else { return };
                (risk, model, *shadow, *observed_at, Ok(score.thousandths()))
            }
            Body::RiskFailed { risk, model, shadow, observed_at, reason } => {
                (risk, model, *shadow, *observed_at, Err(*reason))
            }
            _ => return,
        };
        let is_read = shadow || self.question.both_read;
        if self.question.risk.as_ref() != Some(risk) || !is_read {
            return;
        }
        if let Some(model) = model {
            let heard = self.voices.entry((shadow, model.clone())).or_default();
            match result {
                Ok(_) => heard.scores += 1,
                Err(why) => *heard.failures.entry(why).or_default() += 1,
            }
        }
        let Ok(score) = result else { return };
        if latest.at != observed_at {
            *latest = Latest { at: observed_at, ..Latest::default() };
        }
        let side = if shadow { &mut latest.candidate } else { &mut latest.active };
        if side.replace(score).is_some() {
            return;
        }
        if let (Some(candidate), Some(active)) = (latest.candidate, latest.active) {
            let difference = candidate - active;
            let gap = u16::try_from(difference.unsigned_abs()).unwrap_or(u16::MAX);
            *self.gaps.entry(gap).or_default() += 1;
            self.difference += i64::from(difference);
        }
    }
}

#[cfg(test)]
mod tests;
