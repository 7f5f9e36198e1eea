//! Every conversion between `rpm-core` and what crosses: identifiers and times as plain numbers and
//! text, and the few types that look different outside.

use std::borrow::Cow;

use rpm_core::alert::{CancelDelivery, DeliveryIntent, Response, Suppression};
use rpm_core::engine::why::LevelNow;
use rpm_core::event::json;
use rpm_core::record::{
    Body, Checksum, ConditionState, Explanation, Hash, IntentKey, Level, NotWorn, SealedRecord,
    Status,
};
use rpm_core::{
    AlertId, BatchReceipt as CoreBatchReceipt, Code, DeviceId, DeviceKey, EngineConfig, HostTime,
    PatientId, PatientKey, Receipt, Rejected, RestoreReport as CoreRestoreReport, TenantId,
    Timestamp, Value, WhyNot as CoreWhyNot,
};

use crate::error::{Problem, RpmonError};

pub(crate) use rpm_core::Duration as TimeSpan;
/// A term's name, as the core writes it.
pub(crate) type TermName = Cow<'static, str>;

uniffi::custom_type!(
    /// When the body was measured: milliseconds since 1970-01-01T00:00:00Z.
    Timestamp, i64, {
        remote,
        lower: |time| time.as_millis(),
        try_lift: |ms| Ok(Timestamp::from_millis(ms)),
    }
);
uniffi::custom_type!(
    /// When the host called, by its own clock: milliseconds since 1970-01-01T00:00:00Z.
    HostTime, i64, {
        remote,
        lower: |time| time.as_millis(),
        try_lift: |ms| Ok(HostTime::from_millis(ms)),
    }
);
uniffi::custom_type!(
    /// A length of time in milliseconds, never negative.
    TimeSpan, i64, {
        remote,
        lower: |span| span.as_millis(),
        try_lift: |ms| Ok(TimeSpan::from_millis(ms)),
    }
);
uniffi::custom_type!(
    /// A measurement: thousandths of the canonical unit of its kind.
    Value, i32, {
        remote,
        lower: |value| value.thousandths(),
        try_lift: |thousandths| Ok(Value::from_thousandths(thousandths)),
    }
);
uniffi::custom_type!(
    /// A patient inside one engine.
    PatientKey, u32, { remote, lower: |key| key.0, try_lift: |key| Ok(PatientKey(key)) }
);
uniffi::custom_type!(
    /// A device of one patient inside one engine.
    DeviceKey, u16, { remote, lower: |key| key.0, try_lift: |key| Ok(DeviceKey(key)) }
);
uniffi::custom_type!(
    /// An alert of one patient: counts from 1.
    AlertId, u32, { remote, lower: |id| id.0, try_lift: |id| Ok(AlertId(id)) }
);
uniffi::custom_type!(
    /// A running checksum of inputs.
    Checksum, u64, { remote, lower: |sum| sum.0, try_lift: |sum| Ok(Checksum(sum)) }
);
uniffi::custom_type!(
    /// A SHA-256 as 64 hexadecimal digits.
    Hash, String, {
        remote,
        lower: |hash| hash.to_string(),
        try_lift: |text| Ok(serde_json::from_value(text.into())?),
    }
);
uniffi::custom_type!(
    /// What makes a message one: 32 hexadecimal digits. Never two messages for one key.
    IntentKey, String, {
        remote,
        lower: |key| key.to_string(),
        try_lift: |text| Ok(IntentKey::try_from(text).map_err(RpmonError::from)?),
    }
);
uniffi::custom_type!(
    /// The organisation that owns the data: 1 to 256 bytes.
    TenantId, String, {
        remote,
        lower: |id| id.as_str().to_owned(),
        try_lift: |text| Ok(TenantId::new(&text).map_err(RpmonError::from)?),
    }
);
uniffi::custom_type!(
    /// The host's reference of a patient, unique within the tenant: 1 to 256 bytes.
    PatientId, String, {
        remote,
        lower: |id| id.as_str().to_owned(),
        try_lift: |text| Ok(PatientId::new(&text).map_err(RpmonError::from)?),
    }
);
uniffi::custom_type!(
    /// A device's own identifier, unique within the tenant: 1 to 256 bytes.
    DeviceId, String, {
        remote,
        lower: |id| id.as_str().to_owned(),
        try_lift: |text| Ok(DeviceId::new(&text).map_err(RpmonError::from)?),
    }
);
uniffi::custom_type!(
    /// The name of a term of a priority.
    TermName, String, {
        remote,
        lower: |name| name.into_owned(),
        try_lift: |text| Ok(Cow::Owned(text)),
    }
);

/// Bounds of an engine; absent ones are the core's.
#[derive(Clone, Copy, Debug, Default, uniffi::Record)]
pub struct Config {
    /// How many patients at most.
    #[uniffi(default = None)]
    pub max_patients: Option<u32>,
    /// How many devices a patient may have.
    #[uniffi(default = None)]
    pub max_devices: Option<u16>,
    /// How many outputs may wait before input is refused.
    #[uniffi(default = None)]
    pub max_outputs: Option<u32>,
}

impl From<Config> for EngineConfig {
    fn from(config: Config) -> Self {
        let mut bounds = Self::default();
        bounds.max_patients = config.max_patients.unwrap_or(bounds.max_patients);
        bounds.max_devices = config.max_devices.unwrap_or(bounds.max_devices);
        bounds.max_outputs = config.max_outputs.map_or(bounds.max_outputs, |most| most as usize);
        bounds
    }
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, uniffi::Record)]
pub struct BatchReceipt {
    /// How many readings were taken; fewer than given if the output queue was full. Drain the outputs,
    /// then give the rest.
    pub consumed: u64,
    /// Accepted ones.
    pub accepted: u64,
    /// Known already.
    pub duplicate: u64,
    /// Refused; they come out again.
    pub quarantined: u64,
}

impl From<CoreBatchReceipt> for BatchReceipt {
    fn from(receipt: CoreBatchReceipt) -> Self {
        let CoreBatchReceipt { consumed, accepted, duplicate, quarantined } = receipt;
        Self { consumed: consumed as u64, accepted, duplicate, quarantined }
    }
}

/// What a restore found: what happened while nobody looked.
#[derive(Clone, PartialEq, Eq, Debug, uniffi::Record)]
pub struct RestoreReport {
    /// From the last call before the snapshot to the restore.
    pub gap: TimeSpan,
    /// How many patients came back.
    pub patients: u64,
    /// How many alerts are open. None of them is annunciated again.
    pub open_alerts: u64,
    /// How many patients have a timer that fell due in the gap. The next call does what is due.
    pub timers_due: u64,
    /// How many readings were expected in the gap and have not come.
    pub readings_missed: u64,
}

impl From<CoreRestoreReport> for RestoreReport {
    fn from(report: CoreRestoreReport) -> Self {
        Self {
            gap: report.gap,
            patients: report.patients as u64,
            open_alerts: report.open_alerts as u64,
            timers_due: report.timers_due as u64,
            readings_missed: report.readings_missed,
        }
    }
}

/// Something the engine has decided. Drain after every call.
#[derive(Clone, uniffi::Enum)]
#[allow(clippy::large_enum_variant, reason = "it is written to bytes at once")]
pub enum Output {
    /// A decision, with its canonical line.
    Record {
        /// The record and its line.
        sealed: SealedRecord,
        /// The alert that it opened or changed, if it did.
        alert: Option<AlertId>,
    },
    /// An input that was refused, whole, beside the record that says so.
    Quarantined {
        /// Why.
        reason: Code,
        /// What came in: the event in its JSON form, or the text that was none.
        input: Vec<u8>,
    },
    /// Somebody is to be told. Hand it over once, and report what became of it.
    Deliver {
        /// To whom, how, why and what.
        intent: DeliveryIntent,
    },
    /// A message is to be taken back, if it still can be.
    Cancel {
        /// Which, and why.
        cancel: CancelDelivery,
    },
    /// Everybody has been told of an alert, and nobody has answered.
    EscalationExhausted {
        /// The organisation, where the host has more than one.
        tenant: Option<TenantId>,
        /// Whose alert.
        patient: PatientId,
        /// Which.
        alert: AlertId,
        /// The escalation policy.
        escalation: String,
    },
    /// Something that this list does not have yet, as a line of JSON.
    Unlisted {
        /// For a record its canonical line.
        line: String,
    },
}

/// What became of an input.
#[derive(Clone, uniffi::Enum)]
pub enum Answer {
    /// An event, or what a model said, has its receipt.
    Event {
        /// Accepted, duplicate or quarantined.
        receipt: Receipt,
    },
    /// It was taken.
    Taken,
    /// It was refused and changed nothing. A record says so where the patient is known.
    Refused {
        /// Why.
        problem: Problem,
        /// Of a command: the alert's revision now, if there is such an alert.
        revision: Option<u32>,
        /// Of a command: its status now.
        status: Option<Status>,
    },
}

impl From<rpm_core::Answer> for Answer {
    fn from(answer: rpm_core::Answer) -> Self {
        use rpm_core::Answer as Core;
        match answer {
            Core::Event(receipt) => Self::Event { receipt },
            Core::Refused { error, revision, status } => {
                Self::Refused { problem: Problem::of(&error), revision, status }
            }
            // Whatever else an answer may say one day, it is no refusal.
            _ => Self::Taken,
        }
    }
}

/// The line that a refused input was, or would have been.
fn text_of(input: Rejected) -> Vec<u8> {
    match input {
        Rejected::Event(event) => json::write(&event).into_bytes(),
        Rejected::Text(text) => text,
    }
}

impl From<rpm_core::Output> for Output {
    fn from(output: rpm_core::Output) -> Self {
        use rpm_core::Output as Core;
        match output {
            Core::Record(sealed) if is_listed(&sealed.record.body) => {
                let alert = alert_of(&sealed.record.body);
                Self::Record { sealed: *sealed, alert }
            }
            Core::Record(sealed) => Self::Unlisted { line: sealed.line },
            Core::Quarantined { reason, input } => {
                Self::Quarantined { reason, input: text_of(input) }
            }
            Core::Deliver(intent) => Self::Deliver { intent: *intent },
            Core::Cancel(cancel) => Self::Cancel { cancel },
            Core::EscalationExhausted { tenant, patient, alert, escalation } => {
                Self::EscalationExhausted { tenant, patient, alert, escalation }
            }
            other => Self::Unlisted { line: other.to_json() },
        }
    }
}

fn alert_of(body: &Body) -> Option<AlertId> {
    match body {
        Body::AlertOpened { alert, .. } | Body::AlertChanged { alert, .. } => Some(*alert),
        _ => None,
    }
}

/// Whether `mirror::record` has this variant. Passing one that it lacks would be a panic.
pub(crate) fn is_listed(body: &Body) -> bool {
    use Body as B;
    matches!(
        body,
        B::EventQuarantined { .. }
            | B::ConditionChanged { .. }
            | B::ConditionRevised { .. }
            | B::HoldAbandoned { .. }
            | B::RetrospectiveFinding { .. }
            | B::AlertOpened { .. }
            | B::AlertChanged { .. }
            | B::InterventionJudged { .. }
            | B::CommandRefused { .. }
            | B::DeliveryPlanned { .. }
            | B::DeliveryChanged { .. }
            | B::NotificationWithheld { .. }
            | B::EscalationExhausted { .. }
            | B::ReportRefused { .. }
            | B::RosterChanged { .. }
            | B::BaselineChanged { .. }
            | B::RiskScored { .. }
            | B::RiskFailed { .. }
            | B::ModelChanged { .. }
            | B::ClockWentBack { .. }
            | B::PolicyChanged { .. }
    )
}

/// One episode of a condition, as it stands.
#[derive(Clone, uniffi::Record)]
pub struct Alert {
    /// Its number, unique within the patient.
    pub id: AlertId,
    /// Its rule's name.
    pub rule: String,
    /// What the clinician reads.
    pub title: String,
    /// The version of the policy that opened it. It stays on that one.
    pub version: u32,
    /// The highest level reached so far.
    pub level: Level,
    /// How severe it is now; the highest level if the condition is over.
    pub level_now: Level,
    /// Whether it only records.
    pub shadow: bool,
    /// Since when the limit was crossed, in event time.
    pub onset: Timestamp,
    /// When it opened, by the host's clock.
    pub opened_at: HostTime,
    /// Counts every change; commands name the one they saw.
    pub revision: u32,
    /// How often it came back or rose after it was acknowledged.
    pub repeats: u16,
    /// Whether it keeps coming and going: then it stays one episode, and only what is worse is news.
    pub unstable: bool,
    /// How often it was brought up because it had been open for too long.
    pub stale: u16,
    /// Whom it is for, if somebody said so.
    pub assigned: Option<String>,
    /// When the condition was over, unless it is back.
    pub cleared_at: Option<HostTime>,
    /// The public status: a function of the regions below.
    pub status: Status,
    /// The condition region.
    pub condition: ConditionState,
    /// The response region.
    pub response: Response,
    /// The suppression region.
    pub suppression: Suppression,
    /// Whether somebody should answer.
    pub wants_answer: bool,
    /// How many rounds of its escalation have begun.
    pub rounds: u16,
    /// Whether everybody has been told and nobody has answered.
    pub exhausted: bool,
}

impl Alert {
    pub(crate) fn new(alert: &rpm_core::Alert, rule: Option<&rpm_core::policy::Rule>) -> Self {
        Self {
            id: alert.id,
            rule: rule.map(|rule| rule.id().to_owned()).unwrap_or_default(),
            title: rule.map(|rule| rule.title().to_owned()).unwrap_or_default(),
            version: alert.version,
            level: alert.level,
            level_now: alert.level_now(),
            shadow: alert.shadow,
            onset: alert.onset,
            opened_at: alert.opened_at,
            revision: alert.revision,
            repeats: alert.repeats,
            unstable: alert.unstable,
            stale: alert.stale,
            assigned: alert.assigned.clone(),
            cleared_at: alert.cleared_at,
            status: alert.status(),
            condition: alert.condition,
            response: alert.response.clone(),
            suppression: alert.suppression.clone(),
            wants_answer: alert.wants_answer(),
            rounds: alert.rounds(),
            exhausted: alert.is_exhausted(),
        }
    }
}

/// Where a rule stands for a patient, and what holds it back.
#[derive(Clone, uniffi::Record)]
pub struct WhyNot {
    /// The rule.
    pub rule: String,
    /// Its condition.
    pub state: ConditionState,
    /// Each level, from mild to severe.
    pub levels: Vec<LevelNow>,
    /// For a missing signal: since when nothing came that counts, if anything ever did.
    pub silent_since: Option<Timestamp>,
    /// For a missing signal: what has come since then that does not count, as in the record.
    pub instead: Vec<String>,
    /// If readings since the last that counted are left out because their device is not worn.
    pub not_worn: Option<NotWorn>,
    /// All of that for people.
    pub text: String,
}

impl From<CoreWhyNot> for WhyNot {
    fn from(why: CoreWhyNot) -> Self {
        let text = why.to_string();
        let CoreWhyNot { rule, state, levels, silent_since, instead, not_worn } = why;
        Self { rule, state, levels, silent_since, instead, not_worn, text }
    }
}

/// Why an alert is there and what became of it, from the records alone.
#[derive(Clone, uniffi::Record)]
pub struct Explained {
    /// Part by part.
    pub explanation: Explanation,
    /// All of that for people.
    pub text: String,
}

impl From<Explanation> for Explained {
    fn from(explanation: Explanation) -> Self {
        let text = explanation.to_string();
        Self { explanation, text }
    }
}

/// The newest good value of a signal.
#[derive(Clone, Copy, uniffi::Record)]
pub struct Latest {
    /// When it was observed.
    pub observed_at: Timestamp,
    /// In thousandths of the signal's unit.
    pub value: Value,
}

impl From<(Timestamp, Value)> for Latest {
    fn from((observed_at, value): (Timestamp, Value)) -> Self {
        Self { observed_at, value }
    }
}

/// The end of one patient's record stream.
#[derive(Clone, uniffi::Record)]
pub struct Chain {
    /// The hash of the last record; zeros before the first.
    pub head: Hash,
    /// How many records there are.
    pub records: u64,
}

impl From<rpm_core::record::Chain> for Chain {
    fn from(chain: rpm_core::record::Chain) -> Self {
        Self { head: chain.head(), records: chain.len() }
    }
}
