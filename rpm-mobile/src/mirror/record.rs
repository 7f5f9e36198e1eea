//! Records: what the engine decides, as `rpm_core::record` has it.

use super::*;

/// One decision, as it stands in the stream.
#[uniffi::remote(Record)]
pub struct Record {
    /// The organisation, where the host has more than one.
    pub tenant: Option<TenantId>,
    /// Whose record; absent for what concerns the engine as a whole.
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
    pub body: RecordBody,
    /// The hash of the record before.
    pub prev: Hash,
}

/// What was decided.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum RecordBody {
    /// An event was refused; the event itself came out beside this record.
    EventQuarantined {
        /// The name of the code.
        reason: String,
        /// What kind of reading it was, if it was one.
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
        held: TimeSpan,
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
        hold: TimeSpan,
        /// What decided.
        policy: PolicyRef,
        /// What to look at first, and why.
        priority: Priority,
        /// The route that takes it, if the policy has one.
        route: Option<String>,
        /// Where it waits to be looked at.
        queue: Option<String>,
        /// What was done about the patient's alerts of the rule before, and whether it helped; the
        /// latest comes last.
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
        observed_at: Option<Timestamp>,
        /// The worst value so far, in the rule's first statistic.
        peak: Option<String>,
        /// Who, if a person did it.
        by: Option<String>,
        /// Until when it stands: an acknowledgement, a remediation, a shelf.
        until: Option<HostTime>,
        /// What is kept from annunciating it; absent if nothing is.
        suppression: Option<String>,
        /// What to look at first, where the change moved it.
        priority: Option<Priority>,
        /// Where it waits from now on, where the change moved it to another queue.
        queue: Option<String>,
        /// What is being done about it, as the site names it.
        intervention: Option<String>,
        /// Why, as a code or a reference. Where late evidence changed it, what that was if no reading: as of
        /// the condition.
        reason: Option<String>,
        /// In a person's words.
        note: Option<String>,
        /// What was measured.
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
        replaces: Option<IntentKey>,
    },
    /// An intent came further, or was taken back.
    DeliveryChanged {
        /// The intent.
        key: IntentKey,
        /// Where it is now.
        state: DeliveryState,
        /// Why, if the engine took it back.
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
        until: Option<HostTime>,
        /// On which channel; on all of them if absent.
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
        from: Option<Timestamp>,
        /// By how much everything learned was moved, in the signal's unit.
        by_value: Option<String>,
        /// The episode.
        alert: Option<AlertId>,
        /// Who.
        by: String,
        /// Why, in the person's words.
        note: Option<String>,
    },
    /// A model scored the patient.
    RiskScored {
        /// Which entry of the policy's `risk`.
        risk: String,
        /// The signal that the score is a reading of; absent if it is only recorded.
        signal: Option<String>,
        /// Which version.
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
        latency_us: Option<u64>,
        /// What moved it, the strongest first.
        terms: Vec<RiskTerm>,
    },
    /// A model had no score to give. Rules go on.
    RiskFailed {
        /// Which entry of the policy's `risk`.
        risk: String,
        /// Which version; absent if none may score.
        model: Option<ModelRef>,
        /// Whether it is only watched.
        shadow: bool,
        /// When the latest evidence was observed.
        observed_at: Timestamp,
        /// Why.
        reason: ScoreFailure,
    },
    /// The host's clock went back; the engine goes on at the latest time seen.
    ClockWentBack {
        /// What the host said.
        said: HostTime,
    },
    /// A version of a model came to another stage: the registry is a fold over these.
    ModelChanged {
        /// Which version.
        model: ModelRef,
        /// Where it was; absent when it was registered.
        from: Option<ModelStage>,
        /// Where it is.
        to: ModelStage,
        /// Who wanted it.
        owner: String,
        /// Who approved it; absent when it was registered.
        approver: Option<String>,
        /// Why.
        reason: String,
        /// On what grounds: a report, by name or hash.
        evidence: String,
        /// Whether it was a way back, and no promotion.
        rollback: bool,
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

/// Which policy decided.
#[uniffi::remote(Record)]
pub struct PolicyRef {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// The SHA-256 of its canonical JSON.
    pub hash: Hash,
}

/// How bad: the classes of triage, from mild to severe.
#[uniffi::remote(Enum)]
pub enum Level {
    /// For the record.
    Informational,
    /// Somebody should look at it today.
    Review,
    /// Somebody must act now.
    Urgent,
}

/// A condition's state.
#[uniffi::remote(Enum)]
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
#[uniffi::remote(Record)]
pub struct Change {
    /// When.
    pub observed_at: Timestamp,
    /// The state from then on.
    pub state: ConditionState,
}

/// What happened to an episode.
#[uniffi::remote(Enum)]
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
#[uniffi::remote(Enum)]
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

/// A record with its canonical line.
#[uniffi::remote(Record)]
pub struct SealedRecord {
    /// What was decided.
    pub record: Record,
    /// The canonical line of JSON, without a line end. Store this; it is what the hash is of.
    pub line: String,
}

#[cfg(test)]
mod tests {
    use rpm_core::record::read_line;
    use uniffi::FfiConverter;

    use super::*;
    use crate::convert::is_listed;

    /// What an engine has written once, decision by decision, there and back.
    #[test]
    fn records_cross_whole() {
        let stored = include_str!("../../../testdata/snapshots/engine-v1.records.jsonl");
        for line in stored.lines() {
            let (record, _) = read_line(line).unwrap();
            assert!(is_listed(&record.body), "{line}");
            let mut bytes = Vec::new();
            <Record as FfiConverter<crate::UniFfiTag>>::write(record.clone(), &mut bytes);
            let back = <Record as FfiConverter<crate::UniFfiTag>>::try_read(&mut bytes.as_slice());
            assert!(back.unwrap() == record, "{line}");
        }
        assert!(stored.lines().count() > 10);
    }
}
