//! What comes out: polled one by one, typed or as JSON, or all together as lines.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rpm_core::alert::MessagePart;
use rpm_core::record::{Body, ConditionState, Level, Record};
use rpm_core::{Code, Output, PatientId, TenantId};
use serde::Serialize;
use serde_json::Value;

use crate::engine::{RPMON_LOG_INFO, RPMON_LOG_WARN, Watch, rpmon_engine, with};
use crate::handle::shared;
use crate::input::status_number;
use crate::status::{self, rpmon_status};
use crate::text::{place, rpmon_bytes, rpmon_str};

/// Something the engine has decided.
///
/// It never changes: any number of threads may read it. Every text that is asked of it lives as long as it
/// does. Free it with `rpmon_output_free`; it may outlive its engine.
pub struct rpmon_output {
    output: Output,
    /// The JSON of what is no record; a record has its line.
    json: String,
    /// Names of what happened: `type` of a record, reasons, keys.
    words: Words,
}

#[derive(Default)]
struct Words {
    kind: String,
    detail: String,
    key: String,
    replaces: String,
}

/// A decision, for the log of records: `rpmon_output_record`.
pub const RPMON_OUTPUT_RECORD: u32 = 1;
/// An input that was refused, back again: `rpmon_output_quarantined`.
pub const RPMON_OUTPUT_QUARANTINED: u32 = 2;
/// Somebody is to be told: `rpmon_output_delivery`.
pub const RPMON_OUTPUT_DELIVER: u32 = 3;
/// A message is to be taken back: `rpmon_output_cancel`.
pub const RPMON_OUTPUT_CANCEL: u32 = 4;
/// Everybody has been told, and nobody has answered: `rpmon_output_exhausted`.
pub const RPMON_OUTPUT_EXHAUSTED: u32 = 5;

/// No level.
pub const RPMON_LEVEL_NONE: u32 = 0;
/// For the record.
pub const RPMON_LEVEL_INFORMATIONAL: u32 = 1;
/// Somebody should look at it today.
pub const RPMON_LEVEL_REVIEW: u32 = 2;
/// Somebody must act now.
pub const RPMON_LEVEL_URGENT: u32 = 3;

/// Of a condition: no evaluation yet.
pub const RPMON_CONDITION_NEVER_SEEN: u32 = 1;
/// Of a condition: not met.
pub const RPMON_CONDITION_NORMAL: u32 = 2;
/// Of a condition: met, but not yet for long enough.
pub const RPMON_CONDITION_PENDING: u32 = 3;
/// Of a condition: met.
pub const RPMON_CONDITION_ACTIVE: u32 = 4;
/// Of a condition: active, and on the way to be cleared.
pub const RPMON_CONDITION_CLEARING: u32 = 5;
/// Of a condition: active when the data stopped; nobody knows.
pub const RPMON_CONDITION_ACTIVE_UNVERIFIED: u32 = 6;
/// Of a condition: over, but kept open until a person has dealt with it.
pub const RPMON_CONDITION_LATCHED: u32 = 7;

/// A decision. What does not apply is 0 or empty; everything there is stands in `line`.
#[repr(C)]
pub struct rpmon_record {
    /// The canonical line of JSON, without a line end. Store this; it is what the hash is of.
    pub line: rpmon_str,
    /// What was decided: `alert_opened`, `alert_changed`, `condition_changed`, ...
    pub record_type: rpmon_str,
    /// The organisation, where the host has more than one.
    pub tenant: rpmon_str,
    /// Whose record; empty for what concerns the engine as a whole.
    pub patient: rpmon_str,
    /// The rule.
    pub rule: rpmon_str,
    /// For people: the title of an alert that opened.
    pub title: rpmon_str,
    /// What happened to an alert (`acknowledged`, `cleared`, ...), or why something was refused or withheld.
    pub detail: rpmon_str,
    /// Counts the patient's records from 1.
    pub seq: u64,
    /// When it was decided, by the host's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// When it was so, in event time, in milliseconds since 1970; `at_ms` if it has none of its own.
    pub observed_at_ms: i64,
    /// How many inputs the patient had had.
    pub inputs: u64,
    /// Their running checksum.
    pub checksum: u64,
    /// The alert.
    pub alert: u32,
    /// The alert's revision.
    pub revision: u32,
    /// `RPMON_LEVEL_...`.
    pub level: u32,
    /// `RPMON_CONDITION_...`.
    pub condition: u32,
    /// `RPMON_STATUS_...`.
    pub status: u32,
    /// Of `RPMON_STATUS_REPEATED`: how often.
    pub repeats: u32,
    /// 1 if the alert only records, because its rule is on trial.
    pub shadow: u32,
    /// 0.
    pub reserved: u32,
}

/// A message to somebody. Hand it over once for each key, and report what became of it.
#[repr(C)]
pub struct rpmon_delivery {
    /// Never two messages for one key: 32 hexadecimal digits.
    pub key: rpmon_str,
    /// The organisation, where the host has more than one.
    pub tenant: rpmon_str,
    /// About whom.
    pub patient: rpmon_str,
    /// To whom: the function in the care team.
    pub function: rpmon_str,
    /// Who has it by the roster; empty if nobody is known to the engine.
    pub person: rpmon_str,
    /// How, as the policy names channels.
    pub channel: rpmon_str,
    /// In which queue the alert waits.
    pub queue: rpmon_str,
    /// Why now: `opened`, `raised`, ...
    pub reason: rpmon_str,
    /// The key of the message it takes the place of; empty if there is none.
    pub replaces: rpmon_str,
    /// When it was decided, in milliseconds since 1970.
    pub at_ms: i64,
    /// After this it is of no use to anybody.
    pub expires_at_ms: i64,
    /// How many alerts it names: `rpmon_output_part`.
    pub parts: u64,
}

/// What a message says of one alert.
#[repr(C)]
pub struct rpmon_part {
    /// The rule.
    pub rule: rpmon_str,
    /// Its title.
    pub title: rpmon_str,
    /// What was measured, in words.
    pub detail: rpmon_str,
    /// Since when, in event time, in milliseconds since 1970.
    pub onset_ms: i64,
    /// The alert.
    pub alert: u32,
    /// Its revision: what an acknowledgement from the message has seen.
    pub revision: u32,
    /// How bad now: `RPMON_LEVEL_...`.
    pub level: u32,
    /// 0.
    pub reserved: u32,
}

/// A message to be taken back, if it still can be.
#[repr(C)]
pub struct rpmon_cancel {
    /// Which.
    pub key: rpmon_str,
    /// The organisation, where the host has more than one.
    pub tenant: rpmon_str,
    /// About whom it is.
    pub patient: rpmon_str,
    /// To which function it went, or would have gone.
    pub function: rpmon_str,
    /// To whom, if that was known.
    pub person: rpmon_str,
    /// How.
    pub channel: rpmon_str,
    /// Why: `answered`, `cleared`, ...
    pub reason: rpmon_str,
}

/// An input that was refused.
#[repr(C)]
pub struct rpmon_quarantined {
    /// The event in its JSON form, or a JSON string with the text that could not be read.
    pub input: rpmon_str,
    /// Why.
    pub reason: rpmon_status,
    /// 0.
    pub reserved: u32,
}

/// Everybody has been told of an alert, and nobody has answered.
#[repr(C)]
pub struct rpmon_exhausted {
    /// The organisation, where the host has more than one.
    pub tenant: rpmon_str,
    /// Whose alert.
    pub patient: rpmon_str,
    /// The escalation policy.
    pub escalation: rpmon_str,
    /// Which.
    pub alert: u32,
    /// 0.
    pub reserved: u32,
}

impl rpmon_output {
    fn new(output: Output) -> Self {
        let mut words = Words::default();
        let json = match &output {
            Output::Record(sealed) => {
                words = words_of(&sealed.record);
                String::new()
            }
            Output::Deliver(intent) => {
                words.key = intent.key.to_string();
                words.replaces = intent.replaces.map(|key| key.to_string()).unwrap_or_default();
                words.detail = word(&intent.reason);
                output.to_json()
            }
            Output::Cancel(cancel) => {
                words.key = cancel.key.to_string();
                words.detail = word(&cancel.reason);
                output.to_json()
            }
            Output::Quarantined { input, .. } => {
                words.detail = input.to_json();
                output.to_json()
            }
            _ => output.to_json(),
        };
        Self { output, json, words }
    }

    fn line(&self) -> &str {
        match &self.output {
            Output::Record(sealed) => &sealed.line,
            _ => &self.json,
        }
    }
}

/// The name of one of a list, as JSON has it.
fn word(name: &impl Serialize) -> String {
    match serde_json::to_value(name) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

fn words_of(record: &Record) -> Words {
    let detail = match &record.body {
        Body::AlertChanged { change, .. } => word(change),
        Body::NotificationWithheld { reason, .. } => word(reason),
        Body::DeliveryPlanned { reason, .. } => word(reason),
        Body::EventQuarantined { reason, .. }
        | Body::CommandRefused { reason, .. }
        | Body::ReportRefused { reason, .. } => reason.clone(),
        Body::BaselineChanged { change, .. } => change.clone(),
        Body::EscalationExhausted { escalation, .. } => escalation.clone(),
        _ => String::new(),
    };
    let key = match &record.body {
        Body::DeliveryPlanned { key, .. }
        | Body::DeliveryChanged { key, .. }
        | Body::ReportRefused { key, .. } => key.to_string(),
        _ => String::new(),
    };
    Words { kind: record.body.name().into(), detail, key, replaces: String::new() }
}

fn optional(text: Option<&str>) -> rpmon_str {
    text.map_or(rpmon_str::EMPTY, rpmon_str::of)
}

fn tenant(tenant: Option<&TenantId>) -> rpmon_str {
    optional(tenant.map(TenantId::as_str))
}

/// The number of a level.
pub fn level_number(level: Level) -> u32 {
    match level {
        Level::Informational => RPMON_LEVEL_INFORMATIONAL,
        Level::Review => RPMON_LEVEL_REVIEW,
        Level::Urgent => RPMON_LEVEL_URGENT,
    }
}

/// The numbers of a condition's state and of its level.
pub fn condition_numbers(state: ConditionState) -> (u32, u32) {
    let of = |state, level| (state, level_number(level));
    match state {
        ConditionState::NeverSeen => (RPMON_CONDITION_NEVER_SEEN, RPMON_LEVEL_NONE),
        ConditionState::Normal => (RPMON_CONDITION_NORMAL, RPMON_LEVEL_NONE),
        ConditionState::Pending => (RPMON_CONDITION_PENDING, RPMON_LEVEL_NONE),
        ConditionState::Active(level) => of(RPMON_CONDITION_ACTIVE, level),
        ConditionState::Clearing(level) => of(RPMON_CONDITION_CLEARING, level),
        ConditionState::ActiveUnverified(level) => of(RPMON_CONDITION_ACTIVE_UNVERIFIED, level),
        ConditionState::Latched(level) => of(RPMON_CONDITION_LATCHED, level),
    }
}

fn record_of(output: &rpmon_output, record: &Record) -> rpmon_record {
    let mut typed = rpmon_record {
        line: rpmon_str::of(output.line()),
        record_type: rpmon_str::of(&output.words.kind),
        tenant: tenant(record.tenant.as_ref()),
        patient: optional(record.patient.as_ref().map(PatientId::as_str)),
        rule: optional(record.body.rule()),
        title: rpmon_str::EMPTY,
        detail: rpmon_str::of(&output.words.detail),
        seq: record.seq,
        at_ms: record.at.as_millis(),
        observed_at_ms: record.at.as_millis(),
        inputs: record.inputs,
        checksum: record.checksum.0,
        alert: record.body.alert().map_or(0, |alert| alert.0),
        revision: 0,
        level: RPMON_LEVEL_NONE,
        condition: 0,
        status: 0,
        repeats: 0,
        shadow: 0,
        reserved: 0,
    };
    match &record.body {
        Body::ConditionChanged { observed_at, state, .. } => {
            typed.observed_at_ms = observed_at.as_millis();
            (typed.condition, typed.level) = condition_numbers(*state);
        }
        Body::AlertOpened { title, level, shadow, observed_at, .. } => {
            typed.title = rpmon_str::of(title);
            typed.observed_at_ms = observed_at.as_millis();
            (typed.revision, typed.level) = (1, level_number(*level));
            (typed.condition, _) = condition_numbers(ConditionState::Active(*level));
            (typed.status, typed.shadow) = (crate::input::RPMON_STATUS_NEW, u32::from(*shadow));
        }
        Body::AlertChanged { revision, status, condition, observed_at, .. } => {
            typed.revision = *revision;
            (typed.status, typed.repeats) = status_number(*status);
            (typed.condition, typed.level) = condition_numbers(*condition);
            typed.observed_at_ms = observed_at.map_or(typed.at_ms, |at| at.as_millis());
        }
        Body::CommandRefused { revision, status, .. } => {
            typed.revision = revision.unwrap_or(0);
            (typed.status, typed.repeats) = status.map_or((0, 0), status_number);
        }
        Body::RetrospectiveFinding { level, from, .. } => {
            (typed.level, typed.observed_at_ms) = (level_number(*level), from.as_millis());
        }
        Body::HoldAbandoned { level, observed_at, .. } => {
            (typed.level, typed.observed_at_ms) = (level_number(*level), observed_at.as_millis());
        }
        Body::EventQuarantined { observed_at, .. } => {
            typed.observed_at_ms = observed_at.as_millis();
        }
        _ => {}
    }
    typed
}

/// What the log should hear of an output.
fn note(watch: &Watch, output: &Output) {
    if let Output::Record(sealed) = output {
        match &sealed.record.body {
            Body::ClockWentBack { .. } => watch.log(
                RPMON_LOG_WARN,
                "the host's clock went back: the engine goes on at the latest time seen",
            ),
            Body::PolicyChanged { .. } => watch.log(RPMON_LOG_INFO, "another policy is in force"),
            Body::ModelChanged { .. } => {
                watch.log(RPMON_LOG_INFO, "a version of a model came to another stage");
            }
            _ => {}
        }
    }
}

/// The next output, in the order of decisions; null if there is none. Poll after every
/// `rpmon_engine_handle_...` call until there is none.
///
/// @param out the output, to be freed with `rpmon_output_free`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_poll(
    engine: *mut rpmon_engine,
    out: *mut *mut rpmon_output,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let out = place(out)?;
            let next = watch.engine.poll_output();
            next.iter().for_each(|output| note(watch, output));
            let handle = |output| shared::new(rpmon_output::new(output));
            out.put(next.map_or(core::ptr::null_mut(), handle));
            Ok(())
        })
    })
}

/// Every output that waits, in the order of decisions, each as a line of JSON with a line end: a record's
/// canonical line, or an object with a `type`. Empty if there is none. Free it with `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_poll_lines(
    engine: *mut rpmon_engine,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let out = place(out)?;
            let mut lines = Vec::new();
            while let Some(output) = watch.engine.poll_output() {
                note(watch, &output);
                match &output {
                    Output::Record(sealed) => lines.extend_from_slice(sealed.line.as_bytes()),
                    output => lines.extend_from_slice(output.to_json().as_bytes()),
                }
                lines.push(b'\n');
            }
            out.put(rpmon_bytes::from_vec(lines));
            Ok(())
        })
    })
}

/// What it is: `RPMON_OUTPUT_...`; 0 of null. Numbers that this header does not have may come with a later
/// library: read those as JSON, or leave them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_type(output: *const rpmon_output) -> u32 {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(output) }.map_or(0, |output| match &output.output {
        Output::Record(_) => RPMON_OUTPUT_RECORD,
        Output::Quarantined { .. } => RPMON_OUTPUT_QUARANTINED,
        Output::Deliver(_) => RPMON_OUTPUT_DELIVER,
        Output::Cancel(_) => RPMON_OUTPUT_CANCEL,
        Output::EscalationExhausted { .. } => RPMON_OUTPUT_EXHAUSTED,
        _ => u32::MAX,
    })
}

/// The output as a line of JSON, without a line end; empty of null. It lives as long as the output.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_json(output: *const rpmon_output) -> rpmon_str {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(output) }.map_or(rpmon_str::EMPTY, |output| rpmon_str::of(output.line()))
}

/// Looks at an output as what it is.
///
/// # Safety
/// `output` is null or lives; `out` is null or points to room.
unsafe fn view<T>(
    output: *const rpmon_output,
    out: *mut T,
    make: impl FnOnce(&rpmon_output) -> Option<T>,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, output) = unsafe { (place(out)?, shared::get(output)?) };
        out.put(make(output).ok_or(Code::BadArgument)?);
        Ok(())
    }))
}

/// The output as a decision. Its texts live as long as the output.
///
/// @return `RPMON_BAD_ARGUMENT` if it is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_record(
    output: *const rpmon_output,
    out: *mut rpmon_record,
) -> rpmon_status {
    let make = |output: &rpmon_output| match &output.output {
        Output::Record(sealed) => Some(record_of(output, &sealed.record)),
        _ => None,
    };
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { view(output, out, make) }
}

/// The output as a message. Its texts live as long as the output.
///
/// @return `RPMON_BAD_ARGUMENT` if it is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_delivery(
    output: *const rpmon_output,
    out: *mut rpmon_delivery,
) -> rpmon_status {
    let make = |output: &rpmon_output| match &output.output {
        Output::Deliver(intent) => Some(rpmon_delivery {
            key: rpmon_str::of(&output.words.key),
            tenant: tenant(intent.tenant.as_ref()),
            patient: rpmon_str::of(intent.patient.as_str()),
            function: rpmon_str::of(&intent.target.function),
            person: optional(intent.target.person.as_deref()),
            channel: rpmon_str::of(&intent.channel),
            queue: rpmon_str::of(&intent.queue),
            reason: rpmon_str::of(&output.words.detail),
            replaces: rpmon_str::of(&output.words.replaces),
            at_ms: intent.at.as_millis(),
            expires_at_ms: intent.expires_at.as_millis(),
            parts: intent.parts.len() as u64,
        }),
        _ => None,
    };
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { view(output, out, make) }
}

/// What a message says of one of its alerts, the gravest first.
///
/// @return `RPMON_BAD_ARGUMENT` if the output is no message, or has fewer parts
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_part(
    output: *const rpmon_output,
    index: usize,
    out: *mut rpmon_part,
) -> rpmon_status {
    let typed = |part: &MessagePart| rpmon_part {
        rule: rpmon_str::of(&part.rule),
        title: rpmon_str::of(&part.title),
        detail: rpmon_str::of(&part.detail),
        onset_ms: part.onset.as_millis(),
        alert: part.alert.0,
        revision: part.revision,
        level: level_number(part.level),
        reserved: 0,
    };
    let make = |output: &rpmon_output| match &output.output {
        Output::Deliver(intent) => intent.parts.get(index).map(typed),
        _ => None,
    };
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { view(output, out, make) }
}

/// The output as a message to be taken back. Its texts live as long as the output.
///
/// @return `RPMON_BAD_ARGUMENT` if it is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_cancel(
    output: *const rpmon_output,
    out: *mut rpmon_cancel,
) -> rpmon_status {
    let make = |output: &rpmon_output| match &output.output {
        Output::Cancel(cancel) => Some(rpmon_cancel {
            key: rpmon_str::of(&output.words.key),
            tenant: tenant(cancel.tenant.as_ref()),
            patient: rpmon_str::of(cancel.patient.as_str()),
            function: rpmon_str::of(&cancel.target.function),
            person: optional(cancel.target.person.as_deref()),
            channel: rpmon_str::of(&cancel.channel),
            reason: rpmon_str::of(&output.words.detail),
        }),
        _ => None,
    };
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { view(output, out, make) }
}

/// The output as a refused input. Its text lives as long as the output.
///
/// @return `RPMON_BAD_ARGUMENT` if it is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_quarantined(
    output: *const rpmon_output,
    out: *mut rpmon_quarantined,
) -> rpmon_status {
    let make = |output: &rpmon_output| match &output.output {
        Output::Quarantined { reason, .. } => Some(rpmon_quarantined {
            input: rpmon_str::of(&output.words.detail),
            reason: reason.number().into(),
            reserved: 0,
        }),
        _ => None,
    };
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { view(output, out, make) }
}

/// The output as an escalation that is exhausted. Its texts live as long as the output.
///
/// @return `RPMON_BAD_ARGUMENT` if it is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_exhausted(
    output: *const rpmon_output,
    out: *mut rpmon_exhausted,
) -> rpmon_status {
    let make = |output: &rpmon_output| match &output.output {
        Output::EscalationExhausted { tenant: of, patient, alert, escalation } => {
            Some(rpmon_exhausted {
                tenant: tenant(of.as_ref()),
                patient: rpmon_str::of(patient.as_str()),
                escalation: rpmon_str::of(escalation),
                alert: alert.0,
                reserved: 0,
            })
        }
        _ => None,
    };
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { view(output, out, make) }
}

/// Frees an output and clears the variable. Null, or a variable that is null, does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_output_free(output: *mut *mut rpmon_output) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { shared::free(output) })
}
