//! No identifier and no value of a patient stands in an error, in a `Debug` text or in advice: these
//! land in logs. Records and quarantined inputs carry them, and show them only when asked to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use core::fmt::Debug;
use std::sync::Arc;

use common::{T0, host, policy};
use rpm_core::event::{
    AbsentReason, Body, Context, Device, DeviceStatus, Event, Kind, KindRef, Lineage, Profile,
    Quality, json as event_json,
};
use rpm_core::policy::Policy;
use rpm_core::record::read_line;
use rpm_core::{
    Action, Code, Command, DeviceId, Engine, EngineConfig, Monitor, Output, PatientId, Phi,
    Reading, Roster, Shift, TenantId, Timestamp, Value,
};
use serde_json::json;

/// What identifies somebody, or was measured. None of it is in the policy.
const PATIENT: &str = "Ada-Lovelace-1815";
const TENANT: &str = "Mercy-Hospital";
const DEVICE: &str = "oximeter-of-Ada";
const NURSE: &str = "nurse-Florence";
const NOTE: &str = "Ada said she fell";
/// 83.217 %, as a value, in thousandths and as text.
const VALUE: i32 = 83_217;
const SECRETS: [&str; 8] = [PATIENT, TENANT, DEVICE, NURSE, NOTE, "83.217", "83217", "Lovelace"];

#[track_caller]
fn assert_silent(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} shows {secret}: {text}");
    }
}

#[track_caller]
fn assert_debug(what: &str, value: &impl Debug) {
    assert_silent(what, &format!("{value:?}"));
    assert_silent(what, &format!("{value:#?}"));
}

fn ward() -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward",
        "signals": { "spo2": { "cadence": "1 s" } },
        "rules": [
            { "id": "low", "title": "Low", "signal": "spo2",
              "levels": [{ "level": "urgent", "raise": { "below": 90 } }] },
            { "id": "missing", "title": "Missing", "signal": "spo2", "missing_for": "60 s" },
        ],
        "care": {
            "routes": [{ "id": "all", "queue": "ward", "escalation": "all" }],
            "escalations": { "all": { "answer_within": "1 min", "steps": [
                { "after": "0 s", "to": ["nurse"], "channels": ["push"] },
            ] } },
        },
    }))
}

fn event(body: Body) -> Event {
    Event {
        tenant: Some(TenantId::new(TENANT).unwrap()),
        patient: PatientId::new(PATIENT).unwrap(),
        device: Device {
            id: DeviceId::new(DEVICE).unwrap(),
            model: None,
            firmware: None,
            class: None,
        },
        sequence: None,
        observed_at: Timestamp::from_millis(T0),
        received_at: None,
        body,
        quality: Quality::GOOD,
        lineage: Lineage { original_value: Some(Phi::new("83.217".into())), ..Lineage::default() },
        unknown: Some(format!("{{\"name\":\"{PATIENT}\"}}").into()),
    }
}

fn reading(ms: i64) -> Event {
    let value = Ok(Value::from_thousandths(VALUE));
    let mut event = event(Body::Reading { kind: KindRef::Known(Kind::SPO2), value });
    event.observed_at = Timestamp::from_millis(T0 + ms);
    event
}

/// An engine in which something has happened, and what came out.
fn busy() -> (Engine, Vec<Output>) {
    let mut engine = Engine::new(ward(), EngineConfig::default());
    for second in 0..5 {
        engine.handle_event(reading(second * 1000), host(second * 1000)).unwrap();
    }
    // Two devices in a pane, an artifact, a conflict.
    let mut artifact = reading(2500);
    artifact.quality = Quality::ARTIFACT;
    engine.handle_event(artifact, host(5000)).unwrap();
    let mut other = reading(2000);
    other.body = Body::Reading {
        kind: KindRef::Known(Kind::SPO2),
        value: Ok(Value::from_thousandths(VALUE + 1)),
    };
    engine.handle_event(other, host(5000)).unwrap();
    engine.handle_json(format!("{{\"patient\":\"{PATIENT}\",").as_bytes(), host(5000)).unwrap();
    let key = engine
        .find_patient(Some(&TenantId::new(TENANT).unwrap()), &PatientId::new(PATIENT).unwrap())
        .unwrap();
    let alert = engine.alerts(key)[0].id;
    for action in [
        Action::Acknowledge,
        Action::Resolve { reason: rpm_core::record::Resolution::Other, note: Some(NOTE.into()) },
    ] {
        let revision = engine.alerts(key)[0].revision;
        let command = Command {
            patient: key,
            alert,
            seen_revision: revision,
            actor: NURSE.into(),
            role: "nurse".into(),
            action,
        };
        engine.handle_command(&command, host(6000)).unwrap().unwrap();
    }
    let command = Command {
        patient: key,
        alert,
        seen_revision: 0,
        actor: NURSE.into(),
        role: "nurse".into(),
        action: Action::Acknowledge,
    };
    let refusal = engine.handle_command(&command, host(6000)).unwrap().unwrap_err();
    assert_silent("a refusal", &format!("{refusal} {refusal:?}"));
    let mut outputs = Vec::new();
    while let Some(output) = engine.poll_output() {
        outputs.push(output);
    }
    (engine, outputs)
}

#[test]
fn an_engine_shows_nobody() {
    let (engine, _) = busy();
    assert_debug("an engine", &engine);
}

#[test]
fn a_monitor_shows_nobody() {
    let tenant = TenantId::new(TENANT).unwrap();
    let mut monitor = Monitor::new(ward(), Some(&tenant), &PatientId::new(PATIENT).unwrap());
    monitor.handle_event(reading(0), host(0)).unwrap();
    assert_debug("a monitor with outputs waiting", &monitor);
    while monitor.poll_output().is_some() {}
    assert_debug("a monitor", &monitor);
}

#[test]
fn outputs_show_nobody() {
    let (_, outputs) = busy();
    assert!(outputs.len() > 5);
    for output in &outputs {
        assert_debug("an output", output);
        if let Output::Record(sealed) = output {
            assert!(sealed.line.contains("\"record\""));
            assert_debug("a sealed record", sealed);
            assert_debug("a record", &sealed.record);
        }
    }
}

/// Messages go to people about people.
#[test]
fn messages_rosters_and_queues_show_nobody() {
    let (mut engine, outputs) = busy();
    let told = |output: &&Output| matches!(output, Output::Deliver(_) | Output::Cancel(_));
    assert!(outputs.iter().filter(told).count() >= 2, "somebody was told, and it was taken back");
    for output in outputs.iter().filter(told) {
        match output {
            Output::Deliver(intent) => {
                assert_eq!(intent.patient.as_str(), PATIENT, "who needs it can ask for it");
                assert_debug("an intent", intent);
                assert_debug("a part", &intent.parts);
                assert_debug("a target", &intent.target);
            }
            Output::Cancel(cancel) => assert_debug("a cancellation", cancel),
            _ => {}
        }
    }
    let shift = Shift {
        function: "nurse".into(),
        person: NURSE.into(),
        from: host(0),
        until: host(9_000_000),
        tenant: Some(TenantId::new(TENANT).unwrap()),
        patient: Some(PatientId::new(PATIENT).unwrap()),
    };
    assert_debug("a shift", &shift);
    let roster = Roster::new([shift]);
    assert_debug("a roster", &roster);
    engine.handle_roster(roster, host(7000)).unwrap();
    while engine.poll_output().is_some() {}
    assert_debug("a queue", &engine.queue(Some("ward"), host(7000), 10));
    let key = engine
        .find_patient(Some(&TenantId::new(TENANT).unwrap()), &PatientId::new(PATIENT).unwrap())
        .unwrap();
    assert_debug("deliveries", &engine.deliveries(key));
    for action in [
        Action::Assign { to: NURSE.into() },
        Action::Note { text: NOTE.into() },
        Action::Shelve { until: host(8000), reason: NOTE.into() },
        Action::TakeOutOfService { reference: NOTE.into() },
        Action::StartRemediation {
            owner: Some(NURSE.into()),
            due: None,
            intervention: Some(NOTE.into()),
        },
    ] {
        assert_debug("an action", &action);
        let (alert, seen_revision) = (rpm_core::AlertId(1), 0);
        let (actor, role) = (NURSE.into(), "nurse".into());
        let command = Command { patient: key, alert, seen_revision, actor, role, action };
        let refusal = engine.handle_command(&command, host(7000)).unwrap().unwrap_err();
        assert_debug("a refusal", &refusal);
        assert_silent("a refusal", &refusal.to_string());
    }
}

#[test]
fn alerts_and_answers_show_nobody() {
    let (mut engine, _) = busy();
    let key = engine
        .find_patient(Some(&TenantId::new(TENANT).unwrap()), &PatientId::new(PATIENT).unwrap())
        .unwrap();
    assert_debug("an alert", &engine.alerts(key));
    assert_debug("why", &engine.why(key, "low"));
    assert_debug("counts", &engine.counts(key));
    assert_debug("a chain", &engine.chain(key));
    let action =
        Action::Resolve { reason: rpm_core::record::Resolution::Other, note: Some(NOTE.into()) };
    let command = Command {
        patient: key,
        alert: rpm_core::AlertId(1),
        seen_revision: 1,
        actor: NURSE.into(),
        role: "nurse".into(),
        action,
    };
    assert_debug("a command", &command);
}

#[test]
fn events_and_readings_show_nobody() {
    let secret = || Some(PATIENT.to_string());
    let bodies = [
        Body::Reading {
            kind: KindRef::Known(Kind::SPO2),
            value: Ok(Value::from_thousandths(VALUE)),
        },
        Body::Reading { kind: KindRef::Known(Kind::SPO2), value: Err(AbsentReason::Error) },
        Body::Correction {
            kind: KindRef::Known(Kind::SPO2),
            value: Value::from_thousandths(VALUE),
        },
        Body::Void { kind: KindRef::Known(Kind::SPO2) },
        Body::DeviceStatus(DeviceStatus { battery_percent: Some(83), ..DeviceStatus::default() }),
        Body::Context(Context { activity: secret(), ..Context::default() }),
        Body::Profile(Box::new(Profile { cohort: secret(), ..Profile::default() })),
        Body::Profile(Box::new(Profile {
            declined_channels: secret().into_iter().collect(),
            ..Profile::default()
        })),
    ];
    for body in bodies {
        assert_debug("a body", &body);
        let event = event(body);
        assert_debug("an event", &event);
        assert_debug("a lineage", &event.lineage);
        assert_debug("a device", &event.device);
        assert_debug("a patient", &event.patient);
    }
    assert_debug("a value", &Value::from_thousandths(VALUE));
    assert_debug("a context", &Context { activity: secret(), ..Context::default() });
    assert_debug(
        "what helped",
        &rpm_core::record::Tried { intervention: PATIENT.into(), tried: 1, helped: 0 },
    );
    assert_debug("a profile", &Profile { cohort: secret(), ..Profile::default() });
    let mut engine = Engine::new(ward(), EngineConfig::default());
    let patient = engine.patient(None, &PatientId::new(PATIENT).unwrap()).unwrap();
    let device = engine.device(patient, &DeviceId::new(DEVICE).unwrap()).unwrap();
    let reading = Reading {
        patient,
        device,
        kind: Kind::SPO2,
        value: Value::from_thousandths(VALUE),
        quality: Quality::GOOD,
        sequence: None,
        observed_at: Timestamp::from_millis(T0),
        received_at: host(0),
    };
    assert_debug("a reading", &reading);
}

#[test]
fn errors_of_event_texts_show_nobody() {
    let good = event_json::write(&reading(0));
    let mut texts: Vec<String> = Vec::new();
    // Cut off, and with every kind of wrong content in every field.
    texts.extend((0..good.len()).filter(|i| good.is_char_boundary(*i)).map(|i| good[..i].into()));
    let parsed: serde_json::Value = serde_json::from_str(&good).unwrap();
    let wrong = [
        json!(PATIENT),
        json!(VALUE),
        json!("83.217"),
        json!({ PATIENT: 83.217 }),
        json!([PATIENT]),
        json!(null),
        json!(true),
        json!(format!("{PATIENT}\u{7}")),
        json!("83.217 %"),
    ];
    for field in parsed.as_object().unwrap().keys() {
        for wrong in &wrong {
            let mut text = parsed.clone();
            text[field] = wrong.clone();
            texts.push(text.to_string());
        }
    }
    for field in ["kind", "value", "unit", "absent"] {
        for wrong in &wrong {
            let mut text = parsed.clone();
            text["reading"][field] = wrong.clone();
            texts.push(text.to_string());
        }
    }
    let mut failed = 0;
    for text in &texts {
        if let Err(error) = event_json::parse(text.as_bytes()) {
            failed += 1;
            assert_silent(text, &format!("{error}"));
            assert_debug(text, &error);
        }
    }
    assert!(failed > 100);
}

/// A field that nobody knows is named in the error; a careless sender may put a name there.
#[test]
fn errors_do_not_quote_unknown_field_names() {
    let mut text: serde_json::Value =
        serde_json::from_str(&event_json::write(&reading(0))).unwrap();
    text[PATIENT] = json!(1);
    let error = event_json::parse(text.to_string().as_bytes()).unwrap_err();
    assert_silent("an unknown field", &format!("{error} {error:?}"));
}

#[test]
fn other_errors_show_nobody() {
    for text in [PATIENT, "83.217", NOTE] {
        let errors = [
            Value::from_thousandths(0).to_string().parse::<Value>().err(),
            text.parse::<rpm_core::Duration>().err(),
            text.parse::<Timestamp>().err(),
            format!("{text} x").parse::<Value>().err(),
            format!("{text} x").parse::<rpm_core::Decimal>().err(),
            PatientId::new(&format!("{text}\n")).err(),
            read_line(text).err(),
            read_line(&format!("{{\"hash\":\"{:064}\",\"record\":{{\"patient\":\"{text}\"}}}}", 0))
                .err(),
        ];
        for error in errors.into_iter().flatten() {
            assert_silent(text, &format!("{error} {error:?}"));
        }
    }
    let (engine, _) = busy();
    let mut bytes = engine.snapshot().unwrap();
    for i in (0..bytes.len()).step_by(7) {
        bytes[i] ^= 0x55;
        let policies = [Arc::clone(engine.policy())];
        let error =
            Engine::restore(&bytes, &policies, EngineConfig::default(), host(0)).unwrap_err();
        assert_silent("a snapshot", &format!("{error} {error:?}"));
        bytes[i] ^= 0x55;
    }
    for code in Code::ALL {
        assert_silent("a code", code.message());
    }
}

/// A quarantined input comes out whole; only its `Debug` is silent.
#[test]
fn what_is_refused_can_still_be_read() {
    let (_, outputs) = busy();
    let refused: Vec<_> = outputs
        .iter()
        .filter_map(|o| match o {
            Output::Quarantined { input: rpm_core::Rejected::Event(event), .. } => Some(event),
            _ => None,
        })
        .collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].patient.as_str(), PATIENT);
}
