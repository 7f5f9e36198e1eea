//! An alert from its first record to its last: a fold over records.

use std::collections::BTreeSet;

use rpm_core::record::{
    AlertChange, Body, Clause, ConditionState, Level, PolicyRef, Record, Status, Verdict,
};
use rpm_core::{AlertId, Duration, HostTime, PatientId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// One line of `alerts.jsonl`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Episode {
    /// The recording's tenant, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Whose.
    pub patient: PatientId,
    /// The patient's alerts count from 1.
    pub alert: AlertId,
    /// The rule.
    pub rule: String,
    /// What the clinician reads.
    pub title: String,
    /// The highest level it reached.
    pub level: Level,
    /// How urgently people are called.
    pub priority: Priority,
    /// Whether the rule only records.
    pub shadow: bool,
    /// When the engine opened it.
    pub opened_at: HostTime,
    /// Since when the limit was crossed.
    pub onset: Timestamp,
    /// Each level it had, and from when.
    pub level_changes: Vec<LevelChange>,
    /// When the condition was over.
    pub cleared_at: Option<Timestamp>,
    /// When the alert was closed, by itself or by a person.
    pub closed_at: Option<HostTime>,
    /// The worst value.
    pub peak: Option<String>,
    /// The public status at the end.
    pub status: Status,
    /// In short, why it was raised.
    pub reason: String,
    /// In full.
    pub explanation: String,
    /// What decided.
    pub policy: PolicyRef,
    /// The signals that met a limit at some time; for pictures.
    #[serde(skip)]
    pub signals: BTreeSet<String>,
    /// What the condition was, span by span; for pictures.
    #[serde(skip)]
    pub spans: Vec<Span>,
}

/// A level and when it was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LevelChange {
    /// When, in event time.
    pub observed_at: Timestamp,
    /// The level from then on.
    pub level: Level,
}

/// IEC 60601-1-8: how urgently people are called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Cyan.
    Low,
    /// Yellow.
    Medium,
    /// Red.
    High,
}

/// A stretch of time in one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// From when.
    pub from: Timestamp,
    /// Until when; open at the end of the recording.
    pub until: Option<Timestamp>,
    /// How bad.
    pub level: Level,
    /// What is known.
    pub phase: Phase,
}

/// What is known of an alert's condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It holds.
    Active,
    /// It held when the data stopped.
    Unverified,
    /// It is over, and the alert waits for a person.
    Latched,
}

impl Priority {
    /// Of a level.
    pub fn of(level: Level) -> Self {
        match level {
            Level::Urgent => Self::High,
            Level::Review => Self::Medium,
            Level::Informational => Self::Low,
        }
    }

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// For tables and messages.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Urgent => "urgent",
        Level::Review => "review",
        Level::Informational => "informational",
    }
}

impl Episode {
    /// How long the condition held, if it ended; a gap without data counts, for nobody knows.
    pub fn duration(&self) -> Option<Duration> {
        self.cleared_at.map(|end| end.since(self.onset))
    }

    /// `patient/number`, with the tenant before it where there is one.
    pub fn reference(&self) -> String {
        let tenant = self.tenant.as_ref().map(|t| format!("{}/", t.as_str())).unwrap_or_default();
        format!("{tenant}{}/{}", self.patient.as_str(), self.alert)
    }

    /// Takes in a record; true if it opened a new episode at the end of the list.
    pub fn fold(episodes: &mut Vec<Self>, record: &Record) {
        match &record.body {
            Body::AlertOpened { .. } => episodes.extend(Self::open(record)),
            Body::AlertChanged { alert, .. } => {
                if let Some(episode) = episodes.iter_mut().find(|e| e.alert == *alert) {
                    episode.change(record);
                }
            }
            _ => {}
        }
    }

    fn open(record: &Record) -> Option<Self> {
        let Body::AlertOpened {
            alert,
            rule,
            title,
            level,
            shadow,
            onset,
            observed_at,
            evidence,
            policy,
            ..
        } = &record.body
        else {
            return None;
        };
        let span = Span { from: *observed_at, until: None, level: *level, phase: Phase::Active };
        Some(Self {
            tenant: record.tenant.clone(),
            patient: record.patient.clone()?,
            alert: *alert,
            rule: rule.clone(),
            title: title.clone(),
            level: *level,
            priority: Priority::of(*level),
            shadow: *shadow,
            opened_at: record.at,
            onset: *onset,
            level_changes: vec![LevelChange { observed_at: *observed_at, level: *level }],
            cleared_at: None,
            closed_at: None,
            peak: evidence.iter().find_map(|c| c.value.clone()),
            status: Status::New,
            reason: reason(evidence, title),
            explanation: String::new(),
            policy: policy.clone(),
            signals: met(evidence).map(|c| c.signal.clone()).collect(),
            spans: vec![span],
        })
    }

    fn change(&mut self, record: &Record) {
        let Body::AlertChanged { change, status, condition, observed_at, peak, evidence, .. } =
            &record.body
        else {
            return;
        };
        let at = observed_at.unwrap_or(Timestamp::from_millis(record.at.as_millis()));
        self.status = *status;
        self.signals.extend(met(evidence).map(|c| c.signal.clone()));
        if peak.is_some() {
            self.peak.clone_from(peak);
        }
        self.shadow &= *change != AlertChange::Surfaced;
        if *change == AlertChange::Reopened {
            (self.closed_at, self.cleared_at) = (None, None);
        }
        let ends = [AlertChange::Resolved, AlertChange::Closed, AlertChange::Retracted];
        if ends.contains(change) {
            self.closed_at = Some(record.at);
            self.end_span(at);
            // Resolved while it held: the condition went on, the alert did not.
            self.cleared_at = self.cleared_at.or(Some(at));
            return;
        }
        self.enter(*condition, at);
    }

    fn enter(&mut self, condition: ConditionState, at: Timestamp) {
        let next = match condition {
            ConditionState::Active(level) | ConditionState::Clearing(level) => {
                Some((level, Phase::Active))
            }
            ConditionState::ActiveUnverified(level) => Some((level, Phase::Unverified)),
            ConditionState::Latched(level) => Some((level, Phase::Latched)),
            ConditionState::NeverSeen | ConditionState::Normal | ConditionState::Pending => None,
        };
        let held = next.filter(|(_, phase)| *phase != Phase::Latched);
        self.cleared_at = match held {
            Some(_) => None,
            None => self.cleared_at.or(Some(at)),
        };
        if let Some((level, _)) = held {
            self.note_level(level, at);
        }
        let last = self.spans.last().filter(|s| s.until.is_none()).map(|s| (s.level, s.phase));
        if next == last {
            return;
        }
        self.end_span(at);
        if let Some((level, phase)) = next {
            self.spans.push(Span { from: at, until: None, level, phase });
        }
    }

    fn note_level(&mut self, level: Level, at: Timestamp) {
        if self.level_changes.last().is_none_or(|last| last.level != level) {
            self.level_changes.push(LevelChange { observed_at: at, level });
        }
        self.level = self.level.max(level);
        self.priority = Priority::of(self.level);
    }

    fn end_span(&mut self, at: Timestamp) {
        if let Some(span) = self.spans.last_mut().filter(|s| s.until.is_none()) {
            span.until = Some(at.max(span.from));
        }
    }
}

/// One line from the clauses that were met.
fn reason(evidence: &[Clause], title: &str) -> String {
    let told: Vec<String> = met(evidence).map(clause).collect();
    if told.is_empty() { title.to_string() } else { told.join("; ") }
}

fn met(evidence: &[Clause]) -> impl Iterator<Item = &Clause> {
    evidence.iter().filter(|c| c.verdict == Verdict::Met)
}

fn clause(clause: &Clause) -> String {
    let over = clause.over.map(|d| format!(" over {d}")).unwrap_or_default();
    let value = clause.value.as_deref().unwrap_or("?");
    let comparison = clause.comparison.replace('_', " ");
    let limit = clause.limit.as_deref().unwrap_or("?");
    format!(
        "{} {}{over} {value} {}, {comparison} {limit}",
        clause.signal, clause.statistic, clause.unit
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: Body, ms: i64) -> Record {
        Record {
            tenant: None,
            patient: Some(PatientId::new("p").unwrap()),
            seq: 1,
            at: HostTime::from_millis(ms),
            inputs: 0,
            checksum: rpm_core::record::Checksum::default(),
            body,
            prev: rpm_core::record::Hash::default(),
        }
    }

    fn opened(ms: i64) -> Record {
        let at = Timestamp::from_millis(ms);
        record(
            Body::AlertOpened {
                alert: AlertId(1),
                rule: "spo2-low".into(),
                title: "Low oxygen".into(),
                level: Level::Review,
                shadow: false,
                onset: Timestamp::from_millis(ms - 500),
                since: Timestamp::from_millis(ms - 500),
                observed_at: at,
                evidence: vec![],
                hold: Duration::from_millis(500),
                policy: PolicyRef {
                    id: "home".into(),
                    version: 1,
                    hash: rpm_core::record::Hash::default(),
                },
                priority: rpm_core::record::Priority::default(),
                route: None,
                queue: None,
                interventions: vec![],
            },
            ms,
        )
    }

    fn changed(ms: i64, change: AlertChange, condition: ConditionState) -> Record {
        record(
            Body::AlertChanged {
                alert: AlertId(1),
                rule: "spo2-low".into(),
                revision: 2,
                change,
                status: Status::New,
                condition,
                observed_at: Some(Timestamp::from_millis(ms)),
                peak: None,
                by: None,
                until: None,
                suppression: None,
                priority: None,
                queue: None,
                intervention: None,
                reason: None,
                note: None,
                evidence: vec![],
            },
            ms,
        )
    }

    fn folded(records: &[Record]) -> Episode {
        let mut episodes = Vec::new();
        for record in records {
            Episode::fold(&mut episodes, record);
        }
        episodes.remove(0)
    }

    #[test]
    fn levels_gaps_and_the_end_become_spans() {
        let episode = folded(&[
            opened(1000),
            changed(2000, AlertChange::Raised, ConditionState::Active(Level::Urgent)),
            changed(3000, AlertChange::Unverified, ConditionState::ActiveUnverified(Level::Urgent)),
            changed(4000, AlertChange::Verified, ConditionState::Active(Level::Urgent)),
            changed(5000, AlertChange::Cleared, ConditionState::Latched(Level::Urgent)),
            changed(9000, AlertChange::Resolved, ConditionState::Normal),
        ]);
        let phases: Vec<_> = episode.spans.iter().map(|s| s.phase).collect();
        let known = [Phase::Active, Phase::Active, Phase::Unverified, Phase::Active];
        assert_eq!(phases, [known.as_slice(), &[Phase::Latched]].concat());
        assert_eq!((episode.level, episode.priority), (Level::Urgent, Priority::High));
        assert_eq!(episode.duration(), Some(Duration::from_millis(4500)));
        assert_eq!(episode.closed_at, Some(HostTime::from_millis(9000)));
        assert_eq!(episode.level_changes.len(), 2);
    }

    #[test]
    fn a_condition_that_comes_back_is_not_cleared() {
        let episode = folded(&[
            opened(1000),
            changed(2000, AlertChange::Cleared, ConditionState::Latched(Level::Review)),
            changed(3000, AlertChange::Reentered, ConditionState::Active(Level::Review)),
        ]);
        assert_eq!(episode.cleared_at, None);
        assert_eq!(episode.duration(), None);
        assert_eq!(episode.spans.len(), 3);
    }
}
