//! A snapshot that an earlier build wrote, and what came of it.
//!
//! `testdata/snapshots` keeps a snapshot of each version of the format, the policy it was made under,
//! and the records of going on from it. Every later release restores it and decides the same, byte
//! for byte. The files are written by
//!
//! ```text
//! UPDATE_GOLDEN=1 cargo test -p rpm-core --test golden_snapshot
//! ```
//!
//! which is right only before the first release that writes the version. After that a change of what
//! is written needs a new version and files of its own beside these.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use common::{Run, With, enrolment, event, heart_rate, host, patient_id, reading, spo2};
use rpm_core::event::{AbsentReason, Body, Event, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::ConditionState::{
    Active, ActiveUnverified, Clearing, Latched, NeverSeen, Normal, Pending,
};
use rpm_core::record::Level::{Informational, Review, Urgent};
use rpm_core::{
    Action, Code, Duration, Engine, EngineConfig, PatientKey, Receipt, TenantId, Value,
};

/// When the snapshot is taken, in seconds after the beginning.
const SNAPSHOT_AT: i64 = 900;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/snapshots")).join(name)
}

fn policy() -> Arc<Policy> {
    let text = fs::read(golden("engine-v1.policy.json")).unwrap();
    Policy::from_json(&text).unwrap()
}

fn breaths(t: i64, rate: i32) -> Event {
    // A device that counts its readings.
    reading(Kind::RESPIRATORY_RATE, t * 1000, rate * 1000).device(2).sequence((t / 5) as u64)
}

fn temperature(t: i64, thousandths: i32) -> Event {
    reading(Kind::BODY_TEMPERATURE, t * 1000, thousandths).device(4)
}

fn lactate(t: i64, thousandths: i32) -> Event {
    let value = Ok(Value::from_thousandths(thousandths));
    event(t * 1000, Body::Reading { kind: KindRef::Declared("lactate".into()), value }).device(5)
}

fn correction(t: i64, percent: i32) -> Event {
    let value = Value::from_thousandths(percent * 1000);
    event(t * 1000, Body::Correction { kind: KindRef::Known(Kind::SPO2), value })
}

/// Oxygen saturation of the first patient: falls from 300 s on, hardly recovers, recovers.
fn saturation(t: i64) -> i32 {
    match t {
        300..360 => 90,
        360..400 => 78,
        400..1100 => 91,
        _ => 97,
    }
}

fn rate(t: i64) -> i32 {
    match t {
        800 | 850 | 1000 => 35,
        870..960 => 125,
        _ => 80,
    }
}

/// Everything the first patient sends in a second.
fn second(run: &mut Run, t: i64) {
    match t {
        // The probe moves.
        100..105 | 880..884 => {
            run.live(spo2(t * 1000, 60).quality(Quality::ARTIFACT.with(Quality::MOTION)));
        }
        // It lost the finger, and says so.
        890..892 => {
            let value = Err(AbsentReason::Error);
            run.live(event(t * 1000, Body::Reading { kind: KindRef::Known(Kind::SPO2), value }));
        }
        // Held up on the way: see `late`.
        630..640 => {}
        _ => drop(run.live(spo2(t * 1000, saturation(t)))),
    }
    if t >= 700 && t % 10 == 0 {
        run.live(spo2(t * 1000, saturation(t) + 1).device(1));
    }
    run.live(heart_rate(t * 1000, rate(t)));
    if t % 5 == 0 {
        let rate = 16 + (t.clamp(600, 840) - 600) / 24;
        let flags = if t % 50 == 0 { Quality::QUESTIONABLE } else { Quality::GOOD };
        run.live(breaths(t, rate as i32).quality(flags));
    }
    if t % 60 == 0 && !(421..1200).contains(&t) {
        run.live(temperature(t, if (300..=420).contains(&t) { 38_600 } else { 37_000 }));
    }
    if t % 600 == 0 && t <= 600 {
        run.live(lactate(t, if t < 600 { 1_000 } else { 3_500 }));
    }
    // The second patient, of another house, has a low saturation for as long as there is one.
    if t < 860 {
        let mut other = spo2(t * 1000, if t < 700 { 98 } else { 83 }).patient(1);
        other.tenant = Some(TenantId::new("north").unwrap());
        run.live(other);
    }
}

/// From the beginning to the snapshot.
fn before(run: &mut Run) {
    run.live(enrolment(0, &[Kind::SPO2, Kind::HEART_RATE], Duration::from_secs(1), 0, None));
    let never_seen = enrolment(0, &[Kind::SPO2], Duration::from_secs(1), 300_000, Some(800_000));
    run.live(never_seen.patient(2));
    for t in 0..SNAPSHOT_AT {
        second(run, t);
        let now = host(t * 1000 + 500);
        match t {
            440 => assert_eq!(run.event(spo2(430_000, 70), now), refused(Code::Conflict)),
            450 => assert_eq!(run.event(correction(445, 92), now), Receipt::Accepted),
            460 => {
                let void = event(455_000, Body::Void { kind: KindRef::Known(Kind::SPO2) });
                assert_eq!(run.event(void, now), Receipt::Accepted);
            }
            480 => assert_eq!(run.event(breaths(480, 16), now), Receipt::Duplicate),
            500 => acknowledge(run, "spo2-low", now),
            // What was held up comes in one piece, newest first.
            680 => {
                for late in (630..640).rev() {
                    assert_eq!(run.event(spo2(late * 1000, 95), now), Receipt::Accepted);
                }
            }
            710 => assert_eq!(run.event(spo2(760_000, 91), now), refused(Code::FutureTime)),
            720 => assert_eq!(run.event(spo2(720_500, 0), now), refused(Code::Impossible)),
            // The host's clock goes back.
            730 => assert_eq!(run.event(spo2(729_500, 91), host(725_000)), Receipt::Accepted),
            // Another phone was offline for an hour, and has only begun to tell.
            885 => {
                for past in -3600..-3000 {
                    let body = reading(Kind::SPO2, past * 1000, 82_000).device(3);
                    assert_eq!(run.event(body, now), Receipt::Accepted);
                }
            }
            _ => {}
        }
    }
}

/// From the snapshot on.
fn after(run: &mut Run) {
    for t in SNAPSHOT_AT..1500 {
        second(run, t);
        let now = host(t * 1000 + 500);
        match t {
            // Into panes from before the snapshot: late, again, contradicting, corrected.
            902 => assert_eq!(run.event(spo2(885_000, 91).device(1), now), Receipt::Accepted),
            903 => assert_eq!(run.event(spo2(899_000, 91), now), Receipt::Duplicate),
            904 => assert_eq!(run.event(spo2(899_000, 92), now), refused(Code::Conflict)),
            905 => assert_eq!(run.event(correction(898, 85), now), Receipt::Accepted),
            906 => assert_eq!(run.event(breaths(895, 26), now), Receipt::Duplicate),
            // More of what the other phone kept, a part of it known already.
            910 => {
                for past in -3010..-2990 {
                    run.event(reading(Kind::SPO2, past * 1000, 82_000).device(3), now);
                }
            }
            920 => {
                let latched = open_alert(run, "spo2-very-low");
                let resolve = || Action::Resolve {
                    reason: rpm_core::record::Resolution::FalseArtifact,
                    note: Some("probe moved".into()),
                };
                assert_eq!(run.command(latched, 0, resolve(), now), Err(Code::StaleRevision));
                let seen = run.revision(latched);
                assert_eq!(run.command(latched, seen, resolve(), now), Ok(()));
            }
            940 => {
                let low = open_alert(run, "spo2-low");
                let seen = run.revision(low);
                let again = run.command(low, seen, Action::Acknowledge, now);
                assert_eq!(again, Err(Code::AlreadyAcknowledged));
                acknowledge(run, "heart-fast", now);
            }
            _ => {}
        }
    }
    run.tick(host(1_600_000));
    // Nobody sends anything any more.
    run.tick(host(10_000_000));
}

fn refused(code: Code) -> Receipt {
    Receipt::Quarantined(code)
}

fn open_alert(run: &Run, rule: &str) -> u32 {
    let (index, _) = run.engine.policy().rule(rule).unwrap();
    let alerts = run.engine.alerts(PatientKey(0));
    let open = alerts.iter().find(|a| a.rule == index && a.is_open());
    open.unwrap_or_else(|| panic!("{rule} is {:?}", run.state(rule))).id.0
}

fn acknowledge(run: &mut Run, rule: &str, now: rpm_core::HostTime) {
    let alert = open_alert(run, rule);
    let seen = run.revision(alert);
    assert_eq!(run.command(alert, seen, Action::Acknowledge, now), Ok(()));
}

fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// The format's version of a snapshot: the two bytes after the magic word.
fn version(snapshot: &[u8]) -> u16 {
    u16::from_le_bytes([snapshot[6], snapshot[7]])
}

#[test]
fn a_snapshot_of_version_1_restores_and_goes_on_as_if_nothing_had_happened() {
    let policy = policy();
    let mut whole = Run::new(&policy);
    before(&mut whole);
    holds_one_of_everything(&whole);
    let written = whole.engine.snapshot().unwrap();
    let records_before = whole.records.len();
    after(&mut whole);
    let story = whole.lines();
    common::verify_chain(&story);
    let (snapshot, records) = (golden("engine-v1.snap"), golden("engine-v1.records.jsonl"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&snapshot, &written).unwrap();
        fs::write(&records, text(&story[records_before..])).unwrap();
    }

    // Restored, it goes on as committed.
    let bytes = fs::read(&snapshot).unwrap();
    let config = EngineConfig::default();
    let now = host(SNAPSHOT_AT * 1000);
    let (engine, report) = Engine::restore(&bytes, &[policy], config, now).unwrap();
    assert_eq!((report.patients, report.gap), (3, Duration::from_secs(1)));
    let mut restored = Run::of(engine);
    holds_one_of_everything(&restored);
    let restored_bytes = restored.engine.snapshot().unwrap();
    after(&mut restored);
    let committed = fs::read_to_string(&records).unwrap();
    for (line, (found, expected)) in
        (1..).zip(text(&restored.lines()).lines().zip(committed.lines()))
    {
        assert_eq!(found, expected, "line {line}");
    }
    assert_eq!(text(&restored.lines()), committed);

    // Nothing was lost on the way: the run that never stopped says the same.
    assert_eq!(text(&story[records_before..]), committed);

    // As long as this release writes the same version, it writes the same bytes.
    if version(&written) == version(&bytes) {
        assert!(written == bytes, "what is written changed: that needs a new version");
        assert!(restored_bytes == bytes, "a restored engine writes something else");
    }
}

/// What the snapshot is to hold, so that it stays worth keeping.
fn holds_one_of_everything(run: &Run) {
    let tenant = TenantId::new("north").unwrap();
    let key = |tenant, id| run.engine.find_patient(tenant, &patient_id(id)).unwrap();
    let (first, second, third) = (key(None, 0), key(Some(&tenant), 1), key(None, 2));
    let states = [
        (first, "spo2-low", Active(Review)),
        (first, "spo2-very-low", Latched(Urgent)),
        (first, "heart-fast", Pending),
        (first, "heart-pauses", Normal),
        (first, "heart-unsteady", Clearing(Informational)),
        (first, "fever", ActiveUnverified(Review)),
        (first, "lactate-rising", Active(Review)),
        (first, "distress", Active(Urgent)),
        (first, "temperature-missing", Active(Review)),
        (second, "spo2-low", ActiveUnverified(Urgent)),
        (third, "spo2-low", NeverSeen),
        (third, "spo2-missing", Active(Urgent)),
    ];
    for (patient, rule, state) in states {
        assert_eq!(run.engine.condition(patient, rule), Some(state), "{rule}");
    }
    let counts = run.engine.counts(first).unwrap();
    assert_eq!(counts.beyond_horizon, 600, "a backlog that has not been read");
    assert_eq!((counts.duplicate, counts.quarantined), (1, 3));
}
