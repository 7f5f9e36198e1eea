//! Why an alert is there, from its records alone.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::{AlertChange, Body, Clause, Level, PolicyRef, Record, Status, Verdict};
use crate::id::AlertId;
use crate::redact::redacted;
use crate::time::{Duration, HostTime, Timestamp};

/// Everything the records say of one alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// The alert.
    pub alert: AlertId,
    /// The rule that raised it.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// The level at which it opened.
    pub level: Level,
    /// Since when the limit was crossed.
    pub onset: Timestamp,
    /// Since when this level's limit was.
    pub since: Timestamp,
    /// When the level was reached, in event time.
    pub observed_at: Timestamp,
    /// When the engine learned it.
    pub learned_at: HostTime,
    /// What was measured.
    pub evidence: Vec<Clause>,
    /// How long it had to hold, and did.
    pub hold: Duration,
    /// What decided.
    pub policy: PolicyRef,
    /// What happened to the alert since.
    pub history: Vec<Event>,
    /// The status by the last record.
    pub status: Status,
}

/// One entry of an alert's history.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, by the host's clock.
    pub at: HostTime,
    /// What.
    pub change: AlertChange,
    /// The status after it.
    pub status: Status,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

redacted!(Event);

/// Explains an alert of the patient whose records these are, in their order.
///
/// Returns nothing if none of them opened it.
pub fn explain<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    wanted: AlertId,
) -> Option<Explanation> {
    let mut found: Option<Explanation> = None;
    for record in records {
        match &record.body {
            Body::AlertOpened { alert, .. } if *alert == wanted => found = opened(record),
            Body::AlertChanged { alert, change, status, by, reason, .. } if *alert == wanted => {
                if let Some(explanation) = &mut found {
                    explanation.status = *status;
                    let (by, reason) = (by.clone(), reason.clone());
                    let event =
                        Event { at: record.at, change: *change, status: *status, by, reason };
                    explanation.history.push(event);
                }
            }
            _ => {}
        }
    }
    found
}

fn opened(record: &Record) -> Option<Explanation> {
    let Body::AlertOpened {
        alert,
        rule,
        title,
        level,
        onset,
        since,
        observed_at,
        evidence,
        hold,
        policy,
        ..
    } = &record.body
    else {
        return None;
    };
    Some(Explanation {
        alert: *alert,
        rule: rule.to_owned(),
        title: title.to_owned(),
        level: *level,
        onset: *onset,
        since: *since,
        observed_at: *observed_at,
        learned_at: record.at,
        evidence: evidence.to_owned(),
        hold: *hold,
        policy: policy.to_owned(),
        history: Vec::new(),
        status: Status::New,
    })
}

impl fmt::Display for Clause {
    /// As a nurse would say it: `spo2 mean over 60 s was 88.4 %, limit 90 %, coverage 97 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.signal, self.statistic.replace('_', " "))?;
        if let Some(over) = self.over {
            write!(f, " over {over}")?;
        }
        let unit = if self.unit == "1" { "" } else { self.unit.as_str() };
        let space = if unit.is_empty() { "" } else { " " };
        match &self.value {
            Some(value) => write!(f, " was {value}{space}{unit}")?,
            None => f.write_str(" could not be told")?,
        }
        write!(f, ", limit {} {}{space}{unit}", self.comparison.replace('_', " "), self.limit)?;
        if self.over.is_some() {
            write!(f, ", coverage {} %", self.coverage)?;
        }
        match self.verdict {
            Verdict::Met => Ok(()),
            Verdict::NotMet => f.write_str(" (not met)"),
            Verdict::Stale => f.write_str(" (too little data)"),
            Verdict::Invalid => f.write_str(" (too many artifacts)"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.rule)?;
        write!(f, " is {}", self.level.name())?;
        for (i, clause) in self.evidence.iter().enumerate() {
            write!(f, "{} {clause}", if i == 0 { ":" } else { ";" })?;
        }
        if self.hold.is_zero() {
            write!(f, ", since {}", self.since)?;
        } else {
            write!(f, ", held {} from {}", self.hold, self.since)?;
        }
        write!(f, ", policy {} v{}", self.policy.id, self.policy.version)?;
        let delay = self.learned_at.age_of(self.observed_at);
        if delay > Duration::from_secs(60) {
            write!(f, "; learned {delay} later, at {}", self.learned_at)?;
        }
        for event in &self.history {
            write!(f, "\n  {} {}", event.at, event.change.words())?;
            if let Some(by) = &event.by {
                write!(f, " by {by}")?;
            }
            if let Some(reason) = &event.reason {
                write!(f, ": {reason}")?;
            }
        }
        Ok(())
    }
}

impl Level {
    /// Its name in policies and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Review => "review",
            Self::Urgent => "urgent",
        }
    }

    /// The alarm priority of IEC 60601-1-8 that the class stands for.
    pub fn priority(self) -> &'static str {
        match self {
            Self::Informational => "low",
            Self::Review => "medium",
            Self::Urgent => "high",
        }
    }
}

impl AlertChange {
    /// What happened, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Raised => "became more severe",
            Self::Lowered => "became less severe",
            Self::Unverified => "data stopped: nobody knows whether it still holds",
            Self::Verified => "data are back and it still holds",
            Self::Cleared => "cleared",
            Self::Reentered => "came back",
            Self::Revised => "taken back by late evidence",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }
}
