//! Everything the engine decides, as one ordered stream per patient, hash-chained.
//!
//! A record's canonical form is one line of JSON:
//!
//! ```text
//! {"hash":"<64 hex digits>","record":{...,"prev":"<64 hex digits>"}}
//! ```
//!
//! `hash` is the SHA-256 of the exact bytes of the `record` object; `prev` is the hash of the
//! patient's record before it, 64 zeros for the first. Ten lines of any language check a stream.
//! Accepted readings leave no record of their own; each record carries how many inputs the patient
//! has had and their running [`Checksum`], so that a kept log and the decisions check each other.

pub mod care;
pub mod chain;
pub mod explain;
pub mod risk;
pub mod score;
mod tagged;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{AlertId, PatientId, TenantId};
use crate::redact::redacted;
use crate::time::{Duration, HostTime, Timestamp};

pub use care::{
    Closure, DeliveryState, IntentKey, NotifyReason, Priority, Resolution, Target, Term, Tried,
    WithholdReason,
};
pub use chain::{Chain, Checksum, Hash, SealedRecord, read_line};
pub use explain::{Explanation, explain};
pub use risk::{ModelRef, Part, RiskTerm, ScoreFailure, Stage, StageChange};
pub use score::{Absence, CountedParameter, CountedScore, Monitoring};

/// One decision, as it stands in the stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Record {
    /// The organisation, where the host has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Whose record; absent for what concerns the engine as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientId>,
    /// Counts the patient's records from 1.
    pub seq: u64,
    /// When it was decided, by the host's clock.
    pub at: HostTime,
    /// How many inputs the patient had had.
    pub inputs: u64,
    /// Their running checksum.
    pub checksum: Checksum,
    /// What was decided.
    #[serde(flatten)]
    pub body: Body,
    /// The hash of the record before.
    pub prev: Hash,
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Body {
    /// An event was refused; the event itself came out beside this record.
    EventQuarantined {
        /// The name of the code.
        reason: String,
        /// What kind of reading it was, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// When it claims to have been observed.
        observed_at: Timestamp,
    },
    /// A condition went from one state to another as evidence came in.
    ConditionChanged {
        /// The rule.
        rule: String,
        /// When, in event time.
        observed_at: Timestamp,
        /// The new state.
        state: ConditionState,
        /// What was measured.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<Clause>,
    },
    /// Late evidence rewrote a condition's history from a time on.
    ConditionRevised {
        /// The rule.
        rule: String,
        /// From when on the history below replaces what was recorded.
        since: Timestamp,
        /// The state before `since`, then each change.
        history: Vec<Change>,
        /// What did, if not a reading that came late: `not_worn` or `worn`, by what a device says of itself;
        /// `circumstances`; a `correction` or a `void` of a reading.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A hold was given up because of a gap: silence neither satisfies nor resets it unseen.
    HoldAbandoned {
        /// The rule.
        rule: String,
        /// The level that was about to be raised or cleared.
        level: Level,
        /// When evidence came again, in event time.
        observed_at: Timestamp,
        /// What had been held until then.
        held: Duration,
    },
    /// What old data say was going on, learned only now. Never a page.
    RetrospectiveFinding {
        /// The rule.
        rule: String,
        /// The highest level reached.
        level: Level,
        /// From when, in event time.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
        /// Whether an alert was open for this rule at some time in between.
        alerted: bool,
    },
    /// An episode began.
    AlertOpened {
        /// The alert.
        alert: AlertId,
        /// The rule.
        rule: String,
        /// The rule's title.
        title: String,
        /// Its level.
        level: Level,
        /// Whether it annunciates or only records.
        shadow: bool,
        /// Since when any of the rule's limits was crossed, in event time.
        onset: Timestamp,
        /// Since when this level's limit was.
        since: Timestamp,
        /// When the level was reached, in event time; for a missing signal, when it was due.
        observed_at: Timestamp,
        /// What was measured.
        evidence: Vec<Clause>,
        /// How long it had to be met, and was.
        hold: Duration,
        /// What decided.
        policy: PolicyRef,
        /// What to look at first, and why.
        priority: Priority,
        /// The route that takes it, if the policy has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        /// Where it waits to be looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        /// What was done about the patient's alerts of the rule before, and whether it helped; the
        /// latest comes last.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        interventions: Vec<Tried>,
    },
    /// An episode changed.
    AlertChanged {
        /// The alert.
        alert: AlertId,
        /// The rule.
        rule: String,
        /// Counts the alert's changes; commands name the one they saw.
        revision: u32,
        /// What happened.
        change: AlertChange,
        /// The public status after it.
        status: Status,
        /// The condition after it.
        condition: ConditionState,
        /// When, in event time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observed_at: Option<Timestamp>,
        /// The worst value so far, in the rule's first statistic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak: Option<String>,
        /// Who, if a person did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Until when it stands: an acknowledgement, a remediation, a shelf.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<HostTime>,
        /// What is kept from annunciating it; absent if nothing is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suppression: Option<String>,
        /// What to look at first, where the change moved it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        /// Where it waits from now on, where the change moved it to another queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        /// What is being done about it, as the site names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention: Option<String>,
        /// Why, as a code or a reference. Where late evidence changed it, what that was if no reading: as of
        /// the condition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// In a person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// What was measured.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<Clause>,
    },
    /// It is known whether what was done about an alert helped.
    InterventionJudged {
        /// The alert.
        alert: AlertId,
        /// The rule.
        rule: String,
        /// Whether it helped this time.
        helped: bool,
        /// This time and all before, for this patient and rule.
        so_far: Tried,
    },
    /// A command was refused and changed nothing.
    CommandRefused {
        /// The alert it named.
        alert: AlertId,
        /// What was asked for: `acknowledge`, `shelve`, ...
        action: String,
        /// The name of the code.
        reason: String,
        /// The alert's revision now, if there is such an alert.
        revision: Option<u32>,
        /// Its status now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
        /// Who.
        by: String,
    },
    /// The host was asked to tell somebody.
    DeliveryPlanned {
        /// The intent, never twice.
        key: IntentKey,
        /// The alerts it names, the gravest first.
        alerts: Vec<AlertId>,
        /// To whom.
        target: Target,
        /// How.
        channel: String,
        /// Why.
        reason: NotifyReason,
        /// The escalation policy.
        escalation: String,
        /// Which of its steps, from 1; 0 for what no step asks for.
        step: u16,
        /// The intent whose place it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<IntentKey>,
    },
    /// An intent came further, or was taken back.
    DeliveryChanged {
        /// The intent.
        key: IntentKey,
        /// Where it is now.
        state: DeliveryState,
        /// Why, if the engine took it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<WithholdReason>,
    },
    /// Somebody would have been told, and is not.
    NotificationWithheld {
        /// The alert.
        alert: AlertId,
        /// The rule.
        rule: String,
        /// Why not.
        reason: WithholdReason,
        /// Until when, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<HostTime>,
        /// On which channel; on all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    /// Everybody has been told, and nobody has answered.
    EscalationExhausted {
        /// The alert.
        alert: AlertId,
        /// The rule.
        rule: String,
        /// The escalation policy.
        escalation: String,
    },
    /// The host reported of an intent that is not remembered, or out of order.
    ReportRefused {
        /// The intent.
        key: IntentKey,
        /// The name of the code.
        reason: String,
    },
    /// Another roster is in force.
    RosterChanged {
        /// How many shifts it has.
        shifts: u64,
        /// The SHA-256 of its shifts in order, each as a line of JSON.
        hash: Hash,
    },
    /// What is usual for the patient was set right.
    BaselineChanged {
        /// The baseline.
        baseline: String,
        /// `restart`, `shift`, or `remove`: what was observed during an episode that people called true
        /// was not usual.
        change: String,
        /// From when on it is learned, or was not usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
        /// By how much everything learned was moved, in the signal's unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_value: Option<String>,
        /// The episode.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alert: Option<AlertId>,
        /// Who.
        by: String,
        /// Why, in the person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A model scored the patient.
    RiskScored {
        /// Which entry of the policy's `risk`.
        risk: String,
        /// The signal that the score is a reading of; absent if it is only recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<String>,
        /// Which version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelRef>,
        /// Whether it is only watched.
        shadow: bool,
        /// When the latest evidence in its inputs was observed.
        observed_at: Timestamp,
        /// The score, between 0 and 1.
        score: String,
        /// The hash of its inputs.
        inputs_hash: Hash,
        /// How long it took, in microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency_us: Option<u64>,
        /// What moved it, the strongest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        terms: Vec<RiskTerm>,
    },
    /// A model had no score to give. Rules go on.
    RiskFailed {
        /// Which entry of the policy's `risk`.
        risk: String,
        /// Which version; absent if none may score.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelRef>,
        /// Whether it is only watched.
        shadow: bool,
        /// When the latest evidence was observed.
        observed_at: Timestamp,
        /// Why.
        reason: ScoreFailure,
    },
    /// A version of a model came to another stage: the registry is a fold over these.
    ModelChanged {
        /// Which version.
        model: ModelRef,
        /// Where it was; absent when it was registered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Stage>,
        /// Where it is.
        to: Stage,
        /// Who wanted it.
        owner: String,
        /// Who approved it; absent when it was registered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approver: Option<String>,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// On what grounds: a report, by name or hash.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        evidence: String,
        /// Whether it was a way back, and no promotion.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        rollback: bool,
    },
    /// The host's clock went back; the engine goes on at the latest time seen.
    ClockWentBack {
        /// What the host said.
        said: HostTime,
    },
    /// Another policy version decides from now on.
    PolicyChanged {
        /// The one before.
        from: PolicyRef,
        /// The one from now on.
        to: PolicyRef,
        /// Why.
        reason: String,
        /// Who asked for it.
        owner: String,
        /// Who approved it.
        approver: String,
    },
}

impl Body {
    /// Its `type` in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EventQuarantined { .. } => "event_quarantined",
            Self::ConditionChanged { .. } => "condition_changed",
            Self::ConditionRevised { .. } => "condition_revised",
            Self::HoldAbandoned { .. } => "hold_abandoned",
            Self::RetrospectiveFinding { .. } => "retrospective_finding",
            Self::AlertOpened { .. } => "alert_opened",
            Self::AlertChanged { .. } => "alert_changed",
            Self::InterventionJudged { .. } => "intervention_judged",
            Self::CommandRefused { .. } => "command_refused",
            Self::DeliveryPlanned { .. } => "delivery_planned",
            Self::DeliveryChanged { .. } => "delivery_changed",
            Self::NotificationWithheld { .. } => "notification_withheld",
            Self::EscalationExhausted { .. } => "escalation_exhausted",
            Self::ReportRefused { .. } => "report_refused",
            Self::RosterChanged { .. } => "roster_changed",
            Self::BaselineChanged { .. } => "baseline_changed",
            Self::RiskScored { .. } => "risk_scored",
            Self::RiskFailed { .. } => "risk_failed",
            Self::ModelChanged { .. } => "model_changed",
            Self::ClockWentBack { .. } => "clock_went_back",
            Self::PolicyChanged { .. } => "policy_changed",
        }
    }

    /// The rule that it is about, if it is about one.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::ConditionChanged { rule, .. }
            | Self::ConditionRevised { rule, .. }
            | Self::HoldAbandoned { rule, .. }
            | Self::RetrospectiveFinding { rule, .. }
            | Self::AlertOpened { rule, .. }
            | Self::AlertChanged { rule, .. }
            | Self::InterventionJudged { rule, .. }
            | Self::NotificationWithheld { rule, .. }
            | Self::EscalationExhausted { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// The alert that it is about, if it is about one.
    pub fn alert(&self) -> Option<AlertId> {
        match self {
            Self::AlertOpened { alert, .. }
            | Self::AlertChanged { alert, .. }
            | Self::InterventionJudged { alert, .. }
            | Self::CommandRefused { alert, .. }
            | Self::NotificationWithheld { alert, .. }
            | Self::EscalationExhausted { alert, .. } => Some(*alert),
            Self::BaselineChanged { alert, .. } => *alert,
            _ => None,
        }
    }
}

/// Which policy decided.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// The SHA-256 of its canonical JSON.
    pub hash: Hash,
}

/// How bad: the classes of triage, from mild to severe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the record.
    Informational,
    /// Somebody should look at it today.
    Review,
    /// Somebody must act now.
    Urgent,
}

/// A condition's state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionState {
    /// No evaluation yet.
    NeverSeen,
    /// Not met.
    Normal,
    /// Met, but not yet for long enough.
    Pending,
    /// Met.
    Active(Level),
    /// Active, and on the way to be cleared.
    Clearing(Level),
    /// Active when the data stopped: nobody knows.
    ActiveUnverified(Level),
    /// Over, but kept open until a person has dealt with it.
    Latched(Level),
}

/// A state and when it began, in event time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub observed_at: Timestamp,
    /// The state from then on.
    pub state: ConditionState,
}

/// What happened to an episode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertChange {
    /// A more severe level; an acknowledgement no longer stands.
    Raised,
    /// A milder level.
    Lowered,
    /// The data stopped.
    Unverified,
    /// Data came again and the condition still holds.
    Verified,
    /// The condition is over.
    Cleared,
    /// The condition came back while the alert was open.
    Reentered,
    /// Late evidence took the condition back.
    Revised,
    /// Late evidence took the condition back before anybody was told.
    Retracted,
    /// It keeps coming and going: one episode from now on.
    BecameUnstable,
    /// It has been open for too long.
    BecameStale,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody gave it back.
    Unacknowledged,
    /// The acknowledgement ran out while the condition is still there.
    Lapsed,
    /// Whoever had it went off shift, and somebody else has it now.
    HandedOver,
    /// Somebody is doing something about it.
    RemediationStarted,
    /// Somebody has done something about it.
    RemediationFinished,
    /// What was done has not helped in time.
    RemediationOverdue,
    /// Somebody put it aside.
    Shelved,
    /// Circumstances explain it.
    SuppressedByRule,
    /// Another alert says it.
    Inhibited,
    /// Maintenance took it out of service.
    OutOfService,
    /// Nothing keeps it from annunciating any more.
    Unsuppressed,
    /// It only recorded, by its circumstances, and does so no longer.
    Surfaced,
    /// It is for somebody.
    Assigned,
    /// Somebody made a note.
    Noted,
    /// Somebody has dealt with it.
    Resolved,
    /// Closed by itself after it cleared.
    Closed,
    /// It is still there long after somebody resolved it.
    Reopened,
    /// It waits in another queue, for no other reason that has a record.
    Rerouted,
}

/// The public status of an alert: a pure function of its state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has seen it.
    New,
    /// It came back so many times, or rose after it was acknowledged.
    Repeated(u16),
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody is doing something about it.
    InRemediation,
    /// Over and closed.
    Resolved,
}

/// What one comparison found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// The signal.
    pub signal: String,
    /// The statistic of it.
    pub statistic: String,
    /// Its window, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Duration>,
    /// The value found, as decimal text in `unit`, if there was enough data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// UCUM unit of value and limit.
    pub unit: String,
    /// `below`, `at_or_below`, `above`, `at_or_above`.
    pub comparison: String,
    /// The limit in force; absent where it is measured from a baseline that is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The circumstances that made the limit, or its distance from a baseline, what it is, in the order
    /// in which they applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<Modified>,
    /// What the limit is measured from, if it is a distance from what is usual for the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Usual>,
    /// The device's accuracy, if the value is nearer to the limit than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<String>,
    /// If the signal is a score: what it was counted from, and what it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<CountedScore>,
    /// If the signal is one value a night: what it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summarised>,
    /// If the signal is a drift: what it was added up from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drifted>,
    /// If readings in the window did not count because their device was not worn: the latest such stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_worn: Option<NotWorn>,
    /// If it is about a missing signal: what came instead of readings that count. `nothing`; or what was wrong
    /// with what came, by the names of quality flags (`artifact`); `absent`, readings without a value; `not_worn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instead: Vec<String>,
    /// Good readings' share of the window, in per cent.
    pub coverage: u8,
    /// What the comparison says.
    pub verdict: Verdict,
}

/// What circumstances made of a limit, or of a level.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    /// The modifier.
    pub modifier: String,
    /// The reason, for people.
    pub title: String,
    /// What the limit was before.
    pub from: String,
    /// And after.
    pub to: String,
    /// Since when the circumstances are known to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when they will be, where that is known: to an hour of the day, or so long after a phase began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What was usual for the patient, and how far from it a limit lies.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// The baseline.
    pub baseline: String,
    /// The value from which the distance counts; absent if none is known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its standard deviation, or what stands for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
    /// What the deviation was, if it is less than the least that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_found: Option<String>,
    /// How far from it the limit lies...
    pub distance: String,
    /// ... in what.
    pub measured: Distance,
    /// Whether it is of the patient asleep or awake, if it was learned of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asleep: Option<bool>,
    /// How many panes it was learned from; none if it is the policy's fallback.
    pub samples: u32,
    /// Since when it has been learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What one value a night was made of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summarised {
    /// The signal that was summarised.
    pub of: String,
    /// `mean`, `min`, `max`, `sum`, `median`, or `percentile 90`.
    pub statistic: String,
    /// When the night began.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// How many good readings there were.
    pub readings: u32,
    /// Good readings' share of it, in per cent.
    pub coverage: u8,
}

/// For how long a device was known not to be worn.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotWorn {
    /// Since when.
    pub since: Timestamp,
    /// Until when, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a drift away from a baseline was added up from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drifted {
    /// The signal that drifts.
    pub of: String,
    /// From what.
    pub baseline: String,
    /// `up` or `down`.
    pub direction: String,
    /// Deviations that were taken off each time.
    pub allowance: String,
    /// How many values there were since the sum was last zero.
    pub values: u32,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether there were more before, of which nothing is known any more.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub longer: bool,
}

/// In what a distance from a baseline is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// In the signal's unit.
    #[default]
    Absolute,
    /// In per cent of what is usual.
    Percent,
    /// In standard deviations of what is usual.
    Deviations,
}

/// What a predicate says: there are four answers, not two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not hold.
    NotMet,
    /// Too little data, or too old, to say.
    Stale,
    /// Data of too bad a quality to say.
    Invalid,
}

redacted!(Body, Clause, Drifted, Modified, NotWorn, Summarised, Usual);
