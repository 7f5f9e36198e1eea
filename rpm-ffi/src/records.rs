//! Folds over records, and back-tests: no engine is asked.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::c_char;

use rpm_core::insight::{Kpi, Slo};
use rpm_core::record::{Record, explain, read_line};
use rpm_core::{AlertId, Code, HostTime};

use crate::engine::{RPMON_NEVER, config_of, rpmon_config};
use crate::handle::shared;
use crate::policy::rpmon_policy;
use crate::status::{self, code, rpmon_status};
use crate::text::{bytes, place, rpmon_bytes, rpmon_str, text};

/// The records of lines, each checked against its hash. Lines that are no records, such as messages, are
/// left out.
fn records(lines: &str) -> Result<Vec<Record>, Code> {
    let record = |line: &&str| line.starts_with("{\"hash\":");
    let read = |line: &str| read_line(line).map(|(record, _)| record).map_err(code);
    lines.lines().filter(record).map(read).collect()
}

/// Why an alert was raised and what became of it, in plain words, from the records alone: what was measured,
/// against which limit, who was told, who did what. Free it with `rpmon_bytes_free`.
///
/// @param lines stored records, a line each; those of other patients are left out
/// @param tenant the organisation; empty if the host has one only
/// @return `RPMON_UNKNOWN_ALERT` if none of them opened it; or what is wrong with a line
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_explain(
    lines: *const c_char,
    len: usize,
    tenant: rpmon_str,
    patient: rpmon_str,
    alert: u32,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, lines) = unsafe { (place(out)?, text(lines, len)?) };
        // SAFETY: as above.
        let (tenant, patient) = unsafe { (tenant.text()?, patient.text()?) };
        // And those of the engine itself: who let which version of a model speak.
        let theirs = |record: &&Record| {
            record.patient.as_ref().is_none_or(|id| {
                id.as_str() == patient
                    && record.tenant.as_ref().map_or("", |id| id.as_str()) == tenant
            })
        };
        let records = records(lines)?;
        let told = explain(records.iter().filter(theirs), AlertId(alert));
        out.put(rpmon_bytes::from_text(alloc::format!("{}", told.ok_or(Code::UnknownAlert)?)));
        Ok(())
    }))
}

/// The alarm figures of records (ISA-18.2, IEC 62682) as JSON. Free it with `rpmon_bytes_free`.
///
/// @param lines stored records of any patients, a line each, in the order of their stream
/// @param until_ms up to when; the latest record if that is later
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_kpi(
    lines: *const c_char,
    len: usize,
    until_ms: i64,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, lines) = unsafe { (place(out)?, text(lines, len)?) };
        let mut kpi = Kpi::default();
        records(lines)?.iter().for_each(|record| kpi.fold(record));
        out.put(rpmon_bytes::from_json(&kpi.report(HostTime::from_millis(until_ms))));
        Ok(())
    }))
}

/// The service levels of records by a policy's objectives, as JSON. Free it with `rpmon_bytes_free`.
///
/// Other parameters as of `rpmon_kpi`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_slo(
    policy: *const rpmon_policy,
    lines: *const c_char,
    len: usize,
    until_ms: i64,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, lines, policy) =
            unsafe { (place(out)?, text(lines, len)?, shared::get(policy)?) };
        let mut slo = Slo::of(&policy.0);
        records(lines)?.iter().for_each(|record| slo.fold(record));
        out.put(rpmon_bytes::from_json(&slo.report(HostTime::from_millis(until_ms))));
        Ok(())
    }))
}

/// What a policy would have decided: replays a log of inputs through a fresh engine. What falls due between
/// two inputs happens at its own time.
///
/// @param log inputs, a line each, as for `rpmon_engine_handle_input`
/// @param config null means all defaults
/// @param until_ms up to when time passes; `RPMON_NEVER`: to the last input
/// @param lines every output, a line each, as of `rpmon_engine_poll_lines`; may be null; free it with
///        `rpmon_bytes_free`
/// @param report counts and alarm figures, as JSON; may be null; free it with `rpmon_bytes_free`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_back_test(
    policy: *const rpmon_policy,
    log: *const c_char,
    len: usize,
    config: *const rpmon_config,
    until_ms: i64,
    lines: *mut rpmon_bytes,
    report: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (policy, log) = unsafe { (shared::get(policy)?, bytes(log, len)?) };
        let until = (until_ms != RPMON_NEVER).then_some(HostTime::from_millis(until_ms));
        let mut all = String::new();
        let wanted = !lines.is_null();
        let found =
            rpm_core::back_test(Arc::clone(&policy.0), config_of(config), log, until, |output| {
                if wanted {
                    all.push_str(&output.to_json());
                    all.push('\n');
                }
            });
        // SAFETY: as above. Who gives no room does not want it.
        if let Ok(lines) = unsafe { place(lines) } {
            lines.put(rpmon_bytes::from_text(all));
        }
        // SAFETY: as above.
        if let Ok(report) = unsafe { place(report) } {
            report.put(rpmon_bytes::from_text(found.to_json()));
        }
        Ok(())
    }))
}
