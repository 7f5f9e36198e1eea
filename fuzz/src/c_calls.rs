//! Arbitrary calls of the C functions with arguments that C could give: null, wrong lengths, keys of nobody,
//! bytes that are no text, snapshots that were changed. Memory errors are the sanitizer's to find; here it is
//! checked that a failed call writes nothing, and that no call panics.

use std::ptr;

use rpmon::engine::*;
use rpmon::error::*;
use rpmon::handle::Handle;
use rpmon::input::*;
use rpmon::model::*;
use rpmon::output::*;
use rpmon::policy::*;
use rpmon::query::*;
use rpmon::records::*;
use rpmon::scorer::*;
use rpmon::text::*;

use super::bytes::Bytes;

const POLICY: &str = include_str!("rules.json");
/// What no call may answer.
const PANICKED: u32 = 608;
const UNTOUCHED: i64 = 0x5afe_5afe;

/// An arbitrary sequence of calls.
pub fn c_calls(bytes: &[u8]) {
    // A handle's layout is nobody's business.
    let _ = size_of::<Handle<()>>();
    let mut input = Bytes::new(bytes);
    let (mut policy, mut engine) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: every pointer is null, to a variable that lives, or came from the library.
    unsafe {
        assert_eq!(load(POLICY.as_bytes(), &mut policy), 0);
        assert_eq!(rpmon_engine_new(policy, ptr::null(), &mut engine), 0);
        while !input.is_empty() {
            let status = step(&mut input, policy, &mut engine);
            assert_ne!(status, PANICKED);
        }
        rpmon_engine_free(&mut engine);
        rpmon_engine_free(&mut engine);
        rpmon_policy_free(&mut policy);
    }
}

unsafe fn load(text: &[u8], policy: &mut *mut rpmon_policy) -> u32 {
    let mut error = ptr::null_mut();
    // SAFETY: the text lives, the variables do.
    unsafe {
        let status = rpmon_policy_from_json(text.as_ptr().cast(), text.len(), policy, &mut error);
        for index in 0..rpmon_error_count(error) + 1 {
            let (path, message) =
                (rpmon_error_path(error, index), rpmon_error_message(error, index));
            assert!(path.text().is_ok() && message.text().is_ok());
        }
        rpmon_error_free(&mut error);
        status
    }
}

/// A text of the input, an empty one, or one that is not there.
fn text<'a>(input: &mut Bytes<'a>) -> rpmon_str {
    let length = usize::from(input.u8());
    match length {
        255 => rpmon_str { data: ptr::null(), len: 3 },
        254 => rpmon_str { data: ptr::null(), len: 0 },
        253 => rpmon_str::of("p0"),
        252 => rpmon_str::of("d0"),
        _ => {
            let taken = input.take(length);
            rpmon_str { data: taken.as_ptr().cast(), len: taken.len() }
        }
    }
}

fn reading(input: &mut Bytes<'_>) -> rpmon_reading {
    let at = 1_700_000_000_000 + i64::from(input.u16()) * 100;
    rpmon_reading {
        observed_at_ms: if input.u8() == 0 { input.i64() } else { at },
        received_at_ms: at + i64::from(input.u8()) * 50,
        sequence: u64::from(input.u8()),
        patient: u32::from(input.u8() % 4),
        value_thousandths: input.i32() % 200_000,
        device: u16::from(input.u8() % 3),
        kind: input.u16() % 20,
        quality: input.u8(),
        has_sequence: input.u8(),
        reserved: 0,
    }
}

/// # Safety
/// Both come from the library.
unsafe fn step(
    input: &mut Bytes<'_>,
    policy: *mut rpmon_policy,
    engine: &mut *mut rpmon_engine,
) -> u32 {
    let it = *engine;
    let now = 1_700_000_000_000 + i64::from(input.u16()) * 1000;
    let patient = u32::from(input.u8() % 4);
    let mut answer = rpmon_answer { kind: 99, code: 0, revision: 0, status: 0 };
    let mut told = rpmon_bytes { data: ptr::null_mut(), len: 0 };
    // SAFETY: every pointer is null, to a variable that lives, or came from the library.
    let status = unsafe {
        match input.u8() % 25 {
            0..=3 => {
                let readings: Vec<_> = (0..input.u8() % 9).map(|_| reading(input)).collect();
                let mut batch =
                    rpmon_batch { consumed: 9999, accepted: 0, duplicate: 0, quarantined: 0 };
                let count = if input.u8() == 0 { usize::MAX / 8 } else { readings.len() };
                let status = rpmon_engine_handle_readings(it, readings.as_ptr(), count, &mut batch);
                assert_eq!(status == 0, batch.consumed != 9999);
                status
            }
            4 => {
                let json = text(input);
                rpmon_engine_handle_json(it, json.data, json.len, now, &mut answer)
            }
            5 => {
                let lines = [text(input), text(input)].map(|text| rpmon_line { text, now_ms: now });
                let mut batch =
                    rpmon_batch { consumed: 0, accepted: 0, duplicate: 0, quarantined: 0 };
                rpmon_engine_handle_json_batch(it, lines.as_ptr(), 2, &mut batch)
            }
            6 => {
                let line = text(input);
                let mut error = ptr::null_mut();
                let status =
                    rpmon_engine_handle_input(it, line.data, line.len, &mut answer, &mut error);
                rpmon_error_free(&mut error);
                assert_eq!(status == 0, answer.kind != 99);
                status
            }
            7 => {
                let actions =
                    [r#"{"action":"acknowledge"}"#, r#"{"action":"resolve","reason":"other"}"#];
                let action = rpmon_str::of(input.pick(&actions));
                let action = if input.u8() == 0 { text(input) } else { action };
                let (alert, seen_revision) = (u32::from(input.u8() % 4), u32::from(input.u8() % 4));
                let (by, role) = (text(input), text(input));
                let command =
                    rpmon_command { patient, alert, seen_revision, reserved: 0, by, role, action };
                rpmon_engine_handle_command(it, &command, now, &mut answer)
            }
            8 => rpmon_engine_handle_report(
                it,
                patient,
                text(input),
                input.u8().into(),
                now,
                &mut answer,
            ),
            9 => {
                let json = text(input);
                rpmon_engine_handle_roster(it, json.data, json.len, now, ptr::null_mut())
            }
            10 => {
                let words = [text(input), text(input), text(input)];
                let [owner, reason, approver] = words;
                rpmon_engine_handle_change(
                    it,
                    policy,
                    owner,
                    reason,
                    approver,
                    now,
                    now,
                    &mut answer,
                )
            }
            11 => rpmon_engine_handle_timeout(it, now),
            12 | 13 => poll(it),
            14 => rpmon_engine_poll_lines(it, &mut told),
            15 => {
                let mut key = 0;
                rpmon_engine_patient(it, text(input), text(input), &mut key)
            }
            16 => {
                let mut key = 0;
                rpmon_engine_device(it, patient, text(input), &mut key)
            }
            17 => restored(input, policy, engine, now),
            18 => ask(input, it, patient, now),
            19 => rpmon_engine_why(it, patient, text(input), &mut told),
            20 => {
                let lines = text(input);
                rpmon_explain(lines.data, lines.len, text(input), text(input), 1, &mut told)
            }
            21 => {
                let log = text(input);
                rpmon_back_test(
                    policy,
                    log.data,
                    log.len,
                    ptr::null(),
                    now,
                    &mut told,
                    ptr::null_mut(),
                )
            }
            22 => {
                let mut other = ptr::null_mut();
                let text = text(input);
                let bytes = if text.data.is_null() {
                    &[][..]
                } else {
                    std::slice::from_raw_parts(text.data.cast::<u8>(), text.len)
                };
                let status = load(bytes, &mut other);
                assert_eq!(status == 0, !other.is_null());
                rpmon_policy_free(&mut other);
                status
            }
            24 => models(input, it, patient, now),
            _ => {
                let mut at = UNTOUCHED;
                let status = rpmon_engine_next_wakeup(ptr::null(), &mut at);
                assert!(status != 0 && at == UNTOUCHED);
                rpmon_engine_next_wakeup(it, &mut at)
            }
        }
    };
    // SAFETY: they came from the library, or are none.
    unsafe {
        rpmon_bytes_free(&mut told);
        rpmon_bytes_free(&mut told);
    }
    status
}

/// A scorer that lives for some calls.
///
/// # Safety
/// The engine lives.
unsafe fn models(input: &mut Bytes<'_>, engine: *mut rpmon_engine, patient: u32, now: i64) -> u32 {
    let (mut scorer, mut model, mut error) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let mut told = rpmon_bytes { data: ptr::null_mut(), len: 0 };
    let (mut row, mut count, mut score) = ([0.0_f32; 4], 99, 0);
    // SAFETY: the caller's promise; everything else lives here.
    unsafe {
        assert_eq!(rpmon_scorer_new(None, ptr::null_mut(), &mut scorer), 0);
        let (onnx, manifest) = (text(input), text(input));
        let status = rpmon_model_load(
            onnx.data,
            onnx.len,
            manifest.data,
            manifest.len,
            &mut model,
            &mut error,
        );
        assert_eq!(status == 0, !model.is_null());
        rpmon_error_free(&mut error);
        for _ in 0..input.u8() % 4 {
            let status = match input.u8() % 4 {
                0 => rpmon_scorer_load(scorer, model),
                1 => rpmon_scorer_run(scorer, engine, patient, now),
                2 => {
                    let (model, who, cohort) = (text(input), text(input), text(input));
                    let status = rpmon_engine_scored_at(engine, model, who, cohort, now, &mut told);
                    rpmon_bytes_free(&mut told);
                    status
                }
                _ => {
                    let risk = text(input);
                    let at = ptr::null_mut();
                    let row = row.as_mut_ptr();
                    rpmon_engine_features(engine, patient, risk, at, row, 4, &mut count)
                }
            };
            assert_ne!(status, PANICKED);
        }
        let status = rpmon_model_score(model, row.as_ptr(), 4, &mut score);
        assert!(status != 0 || (0..=1000).contains(&score));
        assert_eq!(rpmon_engine_model_history(engine, &mut told), 0);
        rpmon_bytes_free(&mut told);
        let _ = rpmon_model_reference(model, &mut told);
        rpmon_bytes_free(&mut told);
        rpmon_model_free(&mut model);
        rpmon_scorer_free(&mut scorer)
    }
}

/// # Safety
/// The engine lives.
unsafe fn poll(engine: *mut rpmon_engine) -> u32 {
    let mut output = ptr::null_mut();
    // SAFETY: the caller's promise; everything else lives here.
    unsafe {
        let status = rpmon_engine_poll(engine, &mut output);
        assert!(rpmon_output_json(output).text().is_ok());
        let mut record = std::mem::zeroed::<rpmon_record>();
        let mut delivery = std::mem::zeroed::<rpmon_delivery>();
        let mut part = std::mem::zeroed::<rpmon_part>();
        let is_record = rpmon_output_record(output, &mut record) == 0;
        assert_eq!(is_record, rpmon_output_type(output) == RPMON_OUTPUT_RECORD);
        if rpmon_output_delivery(output, &mut delivery) == 0 {
            assert!(delivery.key.text().is_ok_and(|key| key.len() == 32));
            for index in 0..delivery.parts as usize + 1 {
                let there = rpmon_output_part(output, index, &mut part) == 0;
                assert_eq!(there, index < delivery.parts as usize);
            }
        }
        rpmon_output_free(&mut output);
        status
    }
}

/// # Safety
/// Both come from the library.
unsafe fn restored(
    input: &mut Bytes<'_>,
    policy: *mut rpmon_policy,
    engine: &mut *mut rpmon_engine,
    now: i64,
) -> u32 {
    let mut bytes = rpmon_bytes { data: ptr::null_mut(), len: 0 };
    let mut again = ptr::null_mut();
    let all = [policy.cast_const()];
    // SAFETY: the caller's promise; everything else lives here.
    unsafe {
        let status = rpmon_engine_snapshot(*engine, &mut bytes);
        if status != 0 {
            return status;
        }
        let changed = input.u8() < 64 && bytes.len > 0;
        if changed {
            let at = usize::from(input.u16()) % bytes.len;
            *bytes.data.add(at) = (*bytes.data.add(at)).wrapping_add(1);
        }
        let (data, len) = (bytes.data, bytes.len);
        let status = rpmon_engine_restore(
            data,
            len,
            all.as_ptr(),
            1,
            ptr::null(),
            now,
            &mut again,
            ptr::null_mut(),
        );
        assert_eq!(status == 0, !again.is_null());
        assert!(changed || status == 0);
        if status == 0 {
            rpmon_engine_free(engine);
            *engine = again;
        }
        rpmon_bytes_free(&mut bytes);
        status
    }
}

/// # Safety
/// The engine lives.
unsafe fn ask(input: &mut Bytes<'_>, engine: *mut rpmon_engine, patient: u32, now: i64) -> u32 {
    let mut count = 99;
    // SAFETY: the caller's promise; everything else lives here.
    unsafe {
        let mut alerts: [rpmon_alert; 2] = std::mem::zeroed();
        let mut messages: [rpmon_message; 2] = std::mem::zeroed();
        let mut waiting: [rpmon_waiting; 2] = std::mem::zeroed();
        let mut latest = std::mem::zeroed::<rpmon_latest>();
        let (mut condition, mut level) = (0, 0);
        match input.u8() % 6 {
            0 => rpmon_engine_alerts(engine, patient, alerts.as_mut_ptr(), 2, &mut count),
            1 => rpmon_engine_alerts(engine, patient, ptr::null_mut(), 0, &mut count),
            2 => rpmon_engine_messages(engine, patient, messages.as_mut_ptr(), 2, &mut count),
            3 => {
                let queue = text(input);
                let status =
                    rpmon_engine_queue(engine, queue, now, waiting.as_mut_ptr(), 2, &mut count);
                assert!(status != 0 || count <= 2);
                status
            }
            4 => rpmon_engine_latest(engine, patient, text(input), &mut latest),
            _ => rpmon_engine_condition(engine, patient, text(input), &mut condition, &mut level),
        }
    }
}
