//! How things stand. None of these calls changes anything.

use core::ffi::c_char;

use rpm_core::alert::{Alert, Delivery};
use rpm_core::record::DeliveryState;
use rpm_core::{AlertId, Code, HostTime, PatientKey, Waiting};

use crate::engine::{rpmon_engine, with};
use crate::input::{
    RPMON_DELIVERY_DELIVERED, RPMON_DELIVERY_FAILED, RPMON_DELIVERY_HANDED, RPMON_DELIVERY_SEEN,
    status_number,
};
use crate::output::{condition_numbers, level_number};
use crate::status::{self, rpmon_status};
use crate::text::{fill, fixed, place, rpmon_bytes, rpmon_str};

/// How many inputs of a patient had which outcome.
#[repr(C)]
pub struct rpmon_counts {
    /// Accepted.
    pub accepted: u64,
    /// Known already.
    pub duplicate: u64,
    /// Refused.
    pub quarantined: u64,
    /// Of the accepted: of kinds that the policy does not monitor.
    pub unmonitored: u64,
    /// Of the accepted: older than the lateness horizon, evaluated on their own.
    pub beyond_horizon: u64,
}

/// The end of a patient's record stream.
#[repr(C)]
pub struct rpmon_chain {
    /// How many records there are.
    pub records: u64,
    /// The hash of the last one; zeros before the first.
    pub head: [u8; 32],
}

/// An alert as it stands.
#[repr(C)]
pub struct rpmon_alert {
    /// The rule, with a zero byte at its end.
    pub rule: [c_char; 80],
    /// Since when the limit was crossed, in event time, in milliseconds since 1970.
    pub onset_ms: i64,
    /// When it opened, by the host's clock.
    pub opened_at_ms: i64,
    /// Its number, unique within the patient.
    pub alert: u32,
    /// Counts every change; commands name the one they saw.
    pub revision: u32,
    /// The highest level reached so far: `RPMON_LEVEL_...`.
    pub level: u32,
    /// `RPMON_CONDITION_...`.
    pub condition: u32,
    /// The level now: `RPMON_LEVEL_...`; none if it is over.
    pub condition_level: u32,
    /// `RPMON_STATUS_...`.
    pub status: u32,
    /// Of `RPMON_STATUS_REPEATED`: how often.
    pub repeats: u32,
    /// `RPMON_SUPPRESSION_...`.
    pub suppression: u32,
    /// 1 if it is not closed.
    pub open: u8,
    /// 1 if it only records, because its rule is on trial.
    pub shadow: u8,
    /// 1 if it keeps coming and going.
    pub unstable: u8,
    /// 0.
    pub reserved: [u8; 5],
}

/// Nothing keeps an alert from annunciating.
pub const RPMON_SUPPRESSION_NONE: u32 = 0;
/// A person put it aside.
pub const RPMON_SUPPRESSION_SHELVED: u32 = 1;
/// Circumstances explain it.
pub const RPMON_SUPPRESSION_BY_RULE: u32 = 2;
/// Another alert says it.
pub const RPMON_SUPPRESSION_INHIBITED: u32 = 3;
/// The equipment is being worked on.
pub const RPMON_SUPPRESSION_OUT_OF_SERVICE: u32 = 4;

/// A message of an open alert, and where it has come to.
#[repr(C)]
pub struct rpmon_message {
    /// 32 hexadecimal digits and a zero byte.
    pub key: [c_char; 40],
    /// When it is given up, unless it arrives.
    pub expires_at_ms: i64,
    /// The first of the alerts that it names.
    pub alert: u32,
    /// `RPMON_DELIVERY_...`.
    pub state: u32,
}

/// The host was asked to hand it over, and has not reported yet.
pub const RPMON_DELIVERY_PLANNED: u32 = 5;
/// It was taken back.
pub const RPMON_DELIVERY_CANCELLED: u32 = 6;
/// It did not arrive in time.
pub const RPMON_DELIVERY_EXPIRED: u32 = 7;

/// An alert that waits in a queue.
#[repr(C)]
pub struct rpmon_waiting {
    /// Whose.
    pub patient: u32,
    /// Which.
    pub alert: u32,
    /// Its priority: greater is sooner.
    pub priority: i32,
    /// 0.
    pub reserved: u32,
}

/// The newest value of a signal.
#[repr(C)]
pub struct rpmon_latest {
    /// When it was observed, in milliseconds since 1970.
    pub observed_at_ms: i64,
    /// In thousandths of the signal's unit.
    pub value_thousandths: i32,
    /// 0.
    pub reserved: u32,
}

fn alert_of(alert: &Alert, rule: &str) -> rpmon_alert {
    let (condition, condition_level) = condition_numbers(alert.condition);
    let (status, repeats) = status_number(alert.status());
    let suppression = match alert.suppression.state() {
        rpm_core::alert::SuppressionState::None => RPMON_SUPPRESSION_NONE,
        rpm_core::alert::SuppressionState::Shelved => RPMON_SUPPRESSION_SHELVED,
        rpm_core::alert::SuppressionState::SuppressedByRule => RPMON_SUPPRESSION_BY_RULE,
        rpm_core::alert::SuppressionState::InhibitedBy => RPMON_SUPPRESSION_INHIBITED,
        rpm_core::alert::SuppressionState::OutOfService => RPMON_SUPPRESSION_OUT_OF_SERVICE,
    };
    rpmon_alert {
        rule: fixed(rule),
        onset_ms: alert.onset.as_millis(),
        opened_at_ms: alert.opened_at.as_millis(),
        alert: alert.id.0,
        revision: alert.revision,
        level: level_number(alert.level),
        condition,
        condition_level,
        status,
        repeats,
        suppression,
        open: u8::from(alert.is_open()),
        shadow: u8::from(alert.shadow),
        unstable: u8::from(alert.unstable),
        reserved: [0; 5],
    }
}

fn message_of(delivery: &Delivery) -> rpmon_message {
    let state = match delivery.state {
        DeliveryState::Planned => RPMON_DELIVERY_PLANNED,
        DeliveryState::Handed => RPMON_DELIVERY_HANDED,
        DeliveryState::Delivered => RPMON_DELIVERY_DELIVERED,
        DeliveryState::Seen => RPMON_DELIVERY_SEEN,
        DeliveryState::Failed => RPMON_DELIVERY_FAILED,
        DeliveryState::Cancelled => RPMON_DELIVERY_CANCELLED,
        DeliveryState::Expired => RPMON_DELIVERY_EXPIRED,
    };
    rpmon_message {
        key: fixed(&alloc::format!("{}", delivery.key)),
        expires_at_ms: delivery.expires_at.as_millis(),
        alert: delivery.alerts.first().map_or(0, |alert| alert.0),
        state,
    }
}

fn waiting_of(waiting: &Waiting) -> rpmon_waiting {
    rpmon_waiting {
        patient: waiting.patient.0,
        alert: waiting.alert.0,
        priority: waiting.priority.total,
        reserved: 0,
    }
}

/// How many patients there are. Their keys are 0, 1, 2, ... in the order of their first appearance.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_patients(
    engine: *const rpmon_engine,
    out: *mut u32,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            place(out)?.put(u32::try_from(watch.engine.len()).unwrap_or(u32::MAX));
            Ok(())
        })
    })
}

/// What became of a patient's inputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_counts(
    engine: *const rpmon_engine,
    patient: u32,
    out: *mut rpmon_counts,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let out = place(out)?;
            let counts = watch.engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            out.put(rpmon_counts {
                accepted: counts.accepted,
                duplicate: counts.duplicate,
                quarantined: counts.quarantined,
                unmonitored: counts.unmonitored,
                beyond_horizon: counts.beyond_horizon,
            });
            Ok(())
        })
    })
}

/// The end of a patient's record stream, to be compared with the records that the host has stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_chain(
    engine: *const rpmon_engine,
    patient: u32,
    out: *mut rpmon_chain,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let out = place(out)?;
            let chain = watch.engine.chain(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            out.put(rpmon_chain { records: chain.len(), head: chain.head().0 });
            Ok(())
        })
    })
}

/// A patient's alerts: the open ones, and the latest closed one of each rule.
///
/// @param buffer room for `capacity` alerts; null if `capacity` is 0
/// @param count how many there are: if more than `capacity`, nothing was written to `buffer`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_alerts(
    engine: *const rpmon_engine,
    patient: u32,
    buffer: *mut rpmon_alert,
    capacity: usize,
    count: *mut usize,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let engine = &watch.engine;
            engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            let typed =
                |alert: &Alert| alert_of(alert, engine.rule_of(alert).map_or("", |r| r.id()));
            let alerts = engine.alerts(PatientKey(patient));
            fill(alerts.iter().map(typed), buffer, capacity, count)
        })
    })
}

/// What was asked to be delivered of a patient's open alerts, and where it has come to.
///
/// Parameters as of `rpmon_engine_alerts`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_messages(
    engine: *const rpmon_engine,
    patient: u32,
    buffer: *mut rpmon_message,
    capacity: usize,
    count: *mut usize,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let engine = &watch.engine;
            engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            let messages = engine.deliveries(PatientKey(patient));
            fill(messages.iter().map(message_of), buffer, capacity, count)
        })
    })
}

/// What to look at first: the alerts that wait in a queue, the most pressing first, at most `capacity`.
/// Suppressed alerts do not wait. The cost does not depend on how many wait.
///
/// @param queue its name; empty for the alerts that no route takes
/// @param count how many were written
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_queue(
    engine: *const rpmon_engine,
    queue: rpmon_str,
    now_ms: i64,
    buffer: *mut rpmon_waiting,
    capacity: usize,
    count: *mut usize,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let queue = queue.text()?;
            let queue = (!queue.is_empty()).then_some(queue);
            let now = HostTime::from_millis(now_ms);
            let waiting = watch.engine.queue(queue, now, capacity);
            fill(waiting.iter().map(waiting_of), buffer, capacity, count)
        })
    })
}

/// How pressing an alert is at a time and why: its terms, as JSON. Free it with `rpmon_bytes_free`.
///
/// @return `RPMON_UNKNOWN_ALERT`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_priority(
    engine: *const rpmon_engine,
    patient: u32,
    alert: u32,
    now_ms: i64,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let out = place(out)?;
            let (patient, alert) = (PatientKey(patient), AlertId(alert));
            let now = HostTime::from_millis(now_ms);
            let priority = watch.engine.priority(patient, alert, now);
            out.put(rpmon_bytes::from_json(&priority.ok_or(Code::UnknownAlert)?));
            Ok(())
        })
    })
}

/// The state of a rule's condition for a patient.
///
/// @param condition `RPMON_CONDITION_...`
/// @param level `RPMON_LEVEL_...`; may be null
/// @return `RPMON_UNKNOWN_PATIENT`, `RPMON_UNKNOWN_RULE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_condition(
    engine: *const rpmon_engine,
    patient: u32,
    rule: rpmon_str,
    condition: *mut u32,
    level: *mut u32,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, rule) = (place(condition)?, rule.text()?);
            watch.engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            let state = watch.engine.condition(PatientKey(patient), rule);
            let (state, of) = condition_numbers(state.ok_or(Code::UnknownRule)?);
            out.put(state);
            if let Ok(level) = place(level) {
                level.put(of);
            }
            Ok(())
        })
    })
}

/// The newest good value of a patient's signal, or the latest score, by the signal's name.
///
/// @return `RPMON_UNKNOWN_PATIENT`; `RPMON_NOT_FOUND` if there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_latest(
    engine: *const rpmon_engine,
    patient: u32,
    signal: rpmon_str,
    out: *mut rpmon_latest,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, signal) = (place(out)?, signal.text()?);
            watch.engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            let latest = watch.engine.latest(PatientKey(patient), signal);
            let (at, value) = latest.ok_or(Code::NotFound)?;
            out.put(rpmon_latest {
                observed_at_ms: at.as_millis(),
                value_thousandths: value.thousandths(),
                reserved: 0,
            });
            Ok(())
        })
    })
}

/// Why a rule has not raised an alert for a patient, or what holds it back, as JSON: the question asked at
/// the bedside. Free it with `rpmon_bytes_free`.
///
/// @return `RPMON_UNKNOWN_PATIENT`, `RPMON_UNKNOWN_RULE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_why(
    engine: *mut rpmon_engine,
    patient: u32,
    rule: rpmon_str,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { why(engine, patient, rule, out, |why| rpmon_bytes::from_json(&why)) }
}

/// The same in plain words. Free it with `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_why_text(
    engine: *mut rpmon_engine,
    patient: u32,
    rule: rpmon_str,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    let words = |why| rpmon_bytes::from_text(alloc::format!("{why}"));
    // SAFETY: the caller's promises are those that are asked for.
    unsafe { why(engine, patient, rule, out, words) }
}

/// # Safety
/// As of the functions above.
unsafe fn why(
    engine: *mut rpmon_engine,
    patient: u32,
    rule: rpmon_str,
    out: *mut rpmon_bytes,
    told: impl FnOnce(rpm_core::WhyNot) -> rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, rule) = (place(out)?, rule.text()?);
            watch.engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            let why = watch.engine.why(PatientKey(patient), rule);
            out.put(told(why.ok_or(Code::UnknownRule)?));
            Ok(())
        })
    })
}
