//! What enters.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::c_char;

use rpm_core::alert::DeliveryReport;
use rpm_core::event::{Kind, Quality};
use rpm_core::input::{self, Answer, Change, Input, InputBody};
use rpm_core::record::{DeliveryState, IntentKey, Status};
use rpm_core::{
    AlertId, BatchReceipt, Code, Command, DeviceKey, Error, HostTime, PatientKey, Reading, Receipt,
    Timestamp, Value,
};

use crate::engine::{RPMON_NEVER, rpmon_engine, with};
use crate::error::{rpmon_error, tell};
use crate::handle::shared;
use crate::policy::rpmon_policy;
use crate::status::{self, code, rpmon_status};
use crate::text::{array, bytes, place, rpmon_str, text};

/// A reading in its compact form, for batches: no text.
///
/// Look patient, device and kind up once, with `rpmon_engine_patient`, `rpmon_engine_device` and
/// `rpmon_policy_kind`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_reading {
    /// When the body was measured, in milliseconds since 1970, UTC.
    pub observed_at_ms: i64,
    /// When the host got it: the host's time of the call for this reading.
    pub received_at_ms: i64,
    /// The device's own counter, if `has_sequence`.
    pub sequence: u64,
    /// Whose body it was.
    pub patient: u32,
    /// The value, in thousandths of the kind's canonical unit: 97.4 % is 97400.
    pub value_thousandths: i32,
    /// What measured it.
    pub device: u16,
    /// What was measured: `RPMON_KIND_...`, or of `rpmon_policy_kind`.
    pub kind: u16,
    /// What the device says of the quality: a sum of `RPMON_QUALITY_...`; 0 is good.
    pub quality: u8,
    /// 1 if `sequence` counts, else 0.
    pub has_sequence: u8,
    /// 0.
    pub reserved: u16,
}

/// An event in its JSON form, and the host's time of the call for it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_line {
    /// The text, UTF-8.
    pub text: rpmon_str,
    /// In milliseconds since 1970, UTC.
    pub now_ms: i64,
}

/// What became of a batch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_batch {
    /// How many were taken; fewer than given if the queue of outputs was full: poll, then give the rest.
    pub consumed: u64,
    /// Accepted ones.
    pub accepted: u64,
    /// Known already.
    pub duplicate: u64,
    /// Refused; they come out again.
    pub quarantined: u64,
}

/// An event, or what a model said, counts.
pub const RPMON_ANSWER_ACCEPTED: u32 = 1;
/// It was known already and changed nothing.
pub const RPMON_ANSWER_DUPLICATE: u32 = 2;
/// It was refused for `code`, and comes out again as an output.
pub const RPMON_ANSWER_QUARANTINED: u32 = 3;
/// Anything else was taken.
pub const RPMON_ANSWER_TAKEN: u32 = 4;
/// It was refused for `code`, and changed nothing.
pub const RPMON_ANSWER_REFUSED: u32 = 5;

/// Of an alert: nobody has seen it.
pub const RPMON_STATUS_NEW: u32 = 1;
/// Of an alert: it came back, or rose; how often is in `repeats`.
pub const RPMON_STATUS_REPEATED: u32 = 2;
/// Of an alert: somebody has seen it.
pub const RPMON_STATUS_ACKNOWLEDGED: u32 = 3;
/// Of an alert: somebody is doing something about it.
pub const RPMON_STATUS_IN_REMEDIATION: u32 = 4;
/// Of an alert: over and closed.
pub const RPMON_STATUS_RESOLVED: u32 = 5;

/// What became of an input.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_answer {
    /// `RPMON_ANSWER_...`.
    pub kind: u32,
    /// Why it was quarantined or refused; else `RPMON_OK`.
    pub code: rpmon_status,
    /// Of a refused command: the alert's revision now; 0 if there is no such alert.
    pub revision: u32,
    /// Of a refused command: the alert's status now, `RPMON_STATUS_...`; 0 if there is no such alert.
    pub status: u32,
}

/// A person's command.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_command {
    /// Whose alert: of `rpmon_engine_patient`.
    pub patient: u32,
    /// Which.
    pub alert: u32,
    /// The revision that the person saw. If the alert has changed since, the command is refused.
    pub seen_revision: u32,
    /// 0.
    pub reserved: u32,
    /// Who, as the host names people.
    pub by: rpmon_str,
    /// In which role, by the host's word; may be empty.
    pub role: rpmon_str,
    /// What, as a JSON object: `{"action":"acknowledge"}`,
    /// `{"action":"resolve","reason":"true_acted_on","note":"oxygen given"}`.
    pub action: rpmon_str,
}

/// The message was taken over by its channel.
pub const RPMON_DELIVERY_HANDED: u32 = 1;
/// It arrived.
pub const RPMON_DELIVERY_DELIVERED: u32 = 2;
/// Somebody has seen it.
pub const RPMON_DELIVERY_SEEN: u32 = 3;
/// It could not be delivered.
pub const RPMON_DELIVERY_FAILED: u32 = 4;

/// So many readings are converted at a time.
const GROUP: usize = 64;
const NOTHING: Reading = Reading {
    patient: PatientKey(0),
    device: DeviceKey(0),
    kind: Kind(0),
    value: Value::ZERO,
    quality: Quality::GOOD,
    sequence: None,
    observed_at: Timestamp::from_millis(0),
    received_at: HostTime::from_millis(0),
};

impl rpmon_reading {
    #[inline]
    fn reading(&self) -> Reading {
        Reading {
            patient: PatientKey(self.patient),
            device: DeviceKey(self.device),
            kind: Kind(self.kind),
            value: Value::from_thousandths(self.value_thousandths),
            quality: Quality::from_bits(self.quality),
            sequence: (self.has_sequence != 0).then_some(self.sequence),
            observed_at: Timestamp::from_millis(self.observed_at_ms),
            received_at: HostTime::from_millis(self.received_at_ms),
        }
    }
}

impl rpmon_batch {
    const NONE: Self = Self { consumed: 0, accepted: 0, duplicate: 0, quarantined: 0 };

    fn add(&mut self, done: BatchReceipt) {
        self.consumed += done.consumed as u64;
        self.accepted += done.accepted;
        self.duplicate += done.duplicate;
        self.quarantined += done.quarantined;
    }
}

impl From<Answer> for rpmon_answer {
    fn from(answer: Answer) -> Self {
        let code = answer.code().map_or(status::OK, |code| code.number().into());
        let (kind, revision, status) = match answer {
            Answer::Event(Receipt::Accepted) => (RPMON_ANSWER_ACCEPTED, None, None),
            Answer::Event(Receipt::Duplicate) => (RPMON_ANSWER_DUPLICATE, None, None),
            Answer::Event(Receipt::Quarantined(_)) => (RPMON_ANSWER_QUARANTINED, None, None),
            Answer::Refused { revision, status, .. } => (RPMON_ANSWER_REFUSED, revision, status),
            _ => (RPMON_ANSWER_TAKEN, None, None),
        };
        let (status, _) = status.map_or((0, 0), status_number);
        Self { kind, code, revision: revision.unwrap_or(0), status }
    }
}

/// A public status as its number, and how often it was repeated.
pub fn status_number(status: Status) -> (u32, u32) {
    match status {
        Status::New => (RPMON_STATUS_NEW, 0),
        Status::Repeated(times) => (RPMON_STATUS_REPEATED, times.into()),
        Status::Acknowledged => (RPMON_STATUS_ACKNOWLEDGED, 0),
        Status::InRemediation => (RPMON_STATUS_IN_REMEDIATION, 0),
        Status::Resolved => (RPMON_STATUS_RESOLVED, 0),
    }
}

/// Takes readings in, each at its own `received_at_ms`: the same decisions as one call for each, and much
/// quicker.
///
/// A reading with a key that is nobody's is quarantined. If the queue of outputs is full, `consumed` is less
/// than `count`: poll, then give the rest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_readings(
    engine: *mut rpmon_engine,
    readings: *const rpmon_reading,
    count: usize,
    out: *mut rpmon_batch,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, readings) = (place(out)?, array(readings, count)?);
            let mut batch = rpmon_batch::NONE;
            let mut converted = [NOTHING; GROUP];
            for group in readings.chunks(GROUP) {
                for (to, from) in converted.iter_mut().zip(group) {
                    *to = from.reading();
                }
                let done = watch.engine.handle_batch(&converted[..group.len()]);
                batch.add(done);
                if done.consumed < group.len() {
                    break;
                }
            }
            out.put(batch);
            Ok(())
        })
    })
}

/// Takes one event in, in its JSON form. Text that is no event is quarantined whole.
///
/// @param out may be null
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again with the same event
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_json(
    engine: *mut rpmon_engine,
    json: *const c_char,
    len: usize,
    now_ms: i64,
    out: *mut rpmon_answer,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let json = bytes(json, len)?;
            let receipt = watch.engine.handle_json(json, HostTime::from_millis(now_ms));
            answer(Answer::Event(receipt.map_err(code)?), out)
        })
    })
}

/// Takes events in, each in its JSON form and at its own time: the same decisions as one call for each.
///
/// If the queue of outputs is full, `consumed` is less than `count`: poll, then give the rest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_json_batch(
    engine: *mut rpmon_engine,
    lines: *const rpmon_line,
    count: usize,
    out: *mut rpmon_batch,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, lines) = (place(out)?, array(lines, count)?);
            // All are looked at before anything happens.
            let read = |line: &rpmon_line| {
                let text = bytes(line.text.data, line.text.len)?;
                Ok((text, HostTime::from_millis(line.now_ms)))
            };
            let lines: Vec<_> = lines.iter().map(read).collect::<Result<_, Code>>()?;
            let mut batch = rpmon_batch::NONE;
            batch.add(watch.engine.handle_json_batch(&lines));
            out.put(batch);
            Ok(())
        })
    })
}

/// Takes in whatever enters, as a line of JSON with the host's time in it: an event, a command, a report, a
/// baseline command, what a model said, a roster, a change of policy, or time alone.
///
/// ```text
/// {"at":"2026-03-01T02:13:06Z","event":{"v":"1.0","patient":"p1",...}}
/// {"at":"2026-03-01T02:14:00Z","command":{"patient":"p1","alert":1,"seen_revision":1,"by":"ann","action":"acknowledge"}}
/// {"at":"2026-03-01T09:01:00Z"}
/// ```
///
/// A log of such lines, with the policy it began under, is all it takes to decide the same again.
///
/// @param out may be null
/// @param error may be null; if the line is no input, what is wrong with it
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again with the same line; else what is wrong with the
///         line: nothing has happened
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_input(
    engine: *mut rpmon_engine,
    line: *const c_char,
    len: usize,
    out: *mut rpmon_answer,
    error: *mut *mut rpmon_error,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let line = bytes(line, len)?;
            let told = |e: Error| tell(core::slice::from_ref(&e), error);
            answer(watch.engine.handle_input_json(line).map_err(told)?, out)
        })
    })
}

/// Takes a person's command in.
///
/// A refusal is an answer, not an error: it is recorded and changes nothing else.
///
/// @param out may be null
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again; or what is wrong with `action`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_command(
    engine: *mut rpmon_engine,
    command: *const rpmon_command,
    now_ms: i64,
    out: *mut rpmon_answer,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let command = shared::get(command)?;
            let command = Command {
                patient: PatientKey(command.patient),
                alert: AlertId(command.alert),
                seen_revision: command.seen_revision,
                actor: command.by.text()?.into(),
                role: command.role.text()?.into(),
                action: input::action(command.action.text()?).map_err(code)?,
            };
            let now = HostTime::from_millis(now_ms);
            let done = watch.engine.handle_command(&command, now).map_err(code)?;
            answer(done.into(), out)
        })
    })
}

/// Takes in what a channel reports of a message.
///
/// @param key the message's, as in `rpmon_delivery`
/// @param state `RPMON_DELIVERY_...`
/// @param out may be null
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again; `RPMON_BAD_ARGUMENT` of a state that is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_report(
    engine: *mut rpmon_engine,
    patient: u32,
    key: rpmon_str,
    state: u32,
    now_ms: i64,
    out: *mut rpmon_answer,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let state = match state {
                RPMON_DELIVERY_HANDED => DeliveryState::Handed,
                RPMON_DELIVERY_DELIVERED => DeliveryState::Delivered,
                RPMON_DELIVERY_SEEN => DeliveryState::Seen,
                RPMON_DELIVERY_FAILED => DeliveryState::Failed,
                _ => return Err(Code::BadArgument),
            };
            let key = IntentKey::try_from(String::from(key.text()?)).map_err(code)?;
            let report = DeliveryReport { patient: PatientKey(patient), key, state };
            let now = HostTime::from_millis(now_ms);
            let done = watch.engine.handle_report(&report, now).map_err(code)?;
            answer(done.into(), out)
        })
    })
}

/// Takes in who is on duty from now on: a JSON list of shifts, in place of what was said before.
///
/// ```text
/// [{"function":"nurse","person":"ann","from":"2026-03-01T07:00:00Z","until":"2026-03-01T19:00:00Z"}]
/// ```
///
/// @param error may be null; if the text is no roster, what is wrong with it
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again; else what is wrong with the text
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_roster(
    engine: *mut rpmon_engine,
    json: *const c_char,
    len: usize,
    now_ms: i64,
    error: *mut *mut rpmon_error,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let json = text(json, len)?;
            let told = |e: Error| tell(core::slice::from_ref(&e), error);
            let roster = input::roster(json.as_bytes()).map_err(told)?;
            watch.engine.handle_roster(roster, HostTime::from_millis(now_ms)).map_err(code)
        })
    })
}

/// Takes an approved change of the policy in. Rules that mean the same go on with all their state; open
/// episodes of others end under the version that opened them.
///
/// @param to stays the caller's; a restore needs it
/// @param owner who proposed it
/// @param reason why
/// @param approver who approved it: somebody else
/// @param effective_at_ms when it takes effect; `RPMON_NEVER` means at once
/// @param out may be null; a refusal is an answer
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_change(
    engine: *mut rpmon_engine,
    to: *const rpmon_policy,
    owner: rpmon_str,
    reason: rpmon_str,
    approver: rpmon_str,
    effective_at_ms: i64,
    now_ms: i64,
    out: *mut rpmon_answer,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let change = Change {
                from: None,
                to: Arc::clone(&shared::get(to)?.0),
                owner: owner.text()?.into(),
                reason: reason.text()?.into(),
                approver: approver.text()?.into(),
                effective_at: (effective_at_ms != RPMON_NEVER)
                    .then_some(HostTime::from_millis(effective_at_ms)),
            };
            let at = HostTime::from_millis(now_ms);
            let input = Input { at, body: InputBody::Change(change) };
            let done = watch.engine.handle_input(&input).map_err(code)?;
            answer(done, out)
        })
    })
}

/// Hands an answer out, if somebody wants it.
///
/// # Safety
/// `out` is null or points to room for an answer.
unsafe fn answer(answer: Answer, out: *mut rpmon_answer) -> Result<(), Code> {
    // SAFETY: the caller's promise.
    if let Ok(out) = unsafe { place(out) } {
        out.put(answer.into());
    }
    Ok(())
}
