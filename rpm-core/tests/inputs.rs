//! One line of JSON for whatever enters: what is wrong with one is told by field, and a log of lines
//! decides what the calls themselves decide.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use rpm_core::alert::{Command, DeliveryReport};
use rpm_core::input::{self, Answer, Input};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::DeliveryState;
use rpm_core::{
    Action, AlertId, Code, Engine, EngineConfig, HostTime, Monitor, Output, PatientId, Receipt,
};

fn policy(limit: u8) -> Arc<Policy> {
    let text = policy_text(limit);
    Policy::from_json(text.as_bytes()).unwrap()
}

fn policy_text(limit: u8) -> String {
    format!(
        r#"{{"id":"home","version":{limit},"title":"Oxygen at home",
        "signals":{{"spo2":{{"cadence":"1 s"}}}},
        "rules":[{{"id":"low","title":"Low","signal":"spo2",
          "levels":[{{"level":"urgent","raise":{{"below":{limit}}}}}]}}],
        "care":{{"routes":[{{"id":"all","queue":"ward","escalation":"page"}}],
          "escalations":{{"page":{{"answer_within":"5 min","steps":[
            {{"after":"0 s","to":["nurse"],"channels":["pager"]}}]}}}}}}}}"#
    )
}

const EVENT: &str = r#"{"v":"1.0","patient":"p1","device":"d1","observed_at":1000,"reading":{"kind":"spo2","value":80,"unit":"%"}}"#;

fn outputs(mut poll: impl FnMut() -> Option<Output>) -> Vec<String> {
    std::iter::from_fn(|| poll().map(|output| output.to_json())).collect()
}

#[test]
fn what_is_wrong_is_told_by_its_field() {
    let command = r#""patient":"p1","alert":1,"seen_revision":1,"by":"ann""#;
    let cases = [
        ("", Code::MalformedJson, None),
        ("[]", Code::WrongType, None),
        ("{}", Code::MissingField, Some("at")),
        (r#"{"at":"noon"}"#, Code::BadTimestamp, Some("at")),
        (r#"{"at":0,"tick":{}}"#, Code::UnknownField, Some("tick")),
        (r#"{"at":0,"at":0}"#, Code::DuplicateField, Some("at")),
        (r#"{"at":0,"roster":[],"event":{}}"#, Code::ExclusiveFields, Some("roster")),
        (r#"{"at":0,"command":{}}"#, Code::MissingField, Some("command.patient")),
        (
            &format!(r#"{{"at":0,"command":{{{command},"action":"sing"}}}}"#),
            Code::UnknownCode,
            Some("command.action"),
        ),
        (
            &format!(r#"{{"at":0,"command":{{{command},"action":"resolve"}}}}"#),
            Code::MissingField,
            Some("command.reason"),
        ),
        (
            &format!(r#"{{"at":0,"command":{{{command},"action":"resolve","reason":"so"}}}}"#),
            Code::UnknownCode,
            Some("command.reason"),
        ),
        (
            &format!(r#"{{"at":0,"command":{{{command},"action":"acknowledge","note":"so"}}}}"#),
            Code::UnknownField,
            Some("command.note"),
        ),
        (
            r#"{"at":0,"report":{"patient":"p1","key":"12","state":"seen"}}"#,
            Code::UnknownIntent,
            Some("report.key"),
        ),
        (
            r#"{"at":0,"baseline":{"patient":"p1","baseline":"b","by":"a","action":"shift"}}"#,
            Code::MissingField,
            Some("baseline.by_value"),
        ),
        (
            r#"{"at":0,"roster":[{"function":"nurse","person":"ann","from":0,"until":"x"}]}"#,
            Code::BadTimestamp,
            Some("roster[0].until"),
        ),
        (
            r#"{"at":0,"change":{"to":{"id":"x"},"owner":"a","reason":"b","approver":"c"}}"#,
            Code::PolicySyntax,
            Some("change.to"),
        ),
        (r#"{"v":"1.0","patient":"p1"}"#, Code::MissingField, Some("reading")),
    ];
    for (line, code, path) in cases {
        let error = Input::parse(line.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.path()), (code, path), "{line}: {error}");
    }
    assert_eq!(Input::parse(b"\xff").unwrap_err().code(), Code::BadEncoding);
    let long = vec![b' '; input::MAX_INPUT_LEN + 1];
    assert_eq!(Input::parse(&long).unwrap_err().code(), Code::TooLarge);
}

#[test]
fn a_line_that_is_no_input_changes_nothing() {
    let mut engine = Engine::new(policy(88), EngineConfig::default());
    assert!(engine.handle_input_json(b"{\"at\":99999999,\"command\":{}}").is_err());
    // Had its time passed, this one would be late.
    let line = format!(r#"{{"at":1200,"event":{EVENT}}}"#);
    let answer = engine.handle_input_json(line.as_bytes()).unwrap();
    assert_eq!(answer, Answer::Event(Receipt::Accepted));
    let told = outputs(|| engine.poll_output());
    assert!(!told.concat().contains("clock_went_back"));
}

#[test]
fn an_event_that_cannot_be_read_comes_out_again() {
    let mut engine = Engine::new(policy(88), EngineConfig::default());
    let answer = engine.handle_input_json(br#"{"at":5,"event":"SpO2 \"low\""}"#).unwrap();
    assert_eq!(answer.code(), Some(Code::MalformedJson));
    let told = outputs(|| engine.poll_output());
    let back = r#"{"type":"quarantined","reason":"malformed_json","input":"SpO2 \"low\""}"#;
    assert!(told.contains(&back.to_string()), "{told:?}");
}

/// An event alone is taken in when it was received, else when it was observed.
#[test]
fn an_event_may_stand_alone() {
    let at = |line: &str| Input::parse(line.as_bytes()).unwrap().at.as_millis();
    assert_eq!(at(EVENT), 1000);
    assert_eq!(at(&EVENT.replace("\"reading\"", "\"received_at\":1250,\"reading\"")), 1250);
}

/// A day of everything that enters, by lines and by calls, for an engine and for a monitor.
#[test]
fn lines_decide_what_calls_decide() {
    let change = policy_text(85);
    let lines = |key: &str| {
        [
            format!(r#"{{"at":1200,"event":{EVENT}}}"#),
            format!(r#"{{"at":1900,"report":{{"patient":"p1","key":"{key}","state":"delivered"}}}}"#),
            r#"{"at":2000,"command":{"patient":"p1","alert":1,"seen_revision":1,"by":"ann","action":"acknowledge"}}"#.into(),
            r#"{"at":3000,"command":{"patient":"p9","alert":1,"seen_revision":1,"by":"ann","action":"acknowledge"}}"#.into(),
            r#"{"at":4000,"roster":[{"function":"nurse","person":"ann","from":0,"until":9000}]}"#.into(),
            format!(r#"{{"at":5000,"change":{{"to":{change},"owner":"a","reason":"b","approver":"c"}}}}"#),
            format!(r#"{{"at":5500,"change":{{"to":{change},"owner":"a","reason":"b","approver":"c"}}}}"#),
            r#"{"at":60000}"#.into(),
        ]
    };
    let expected = [
        "accepted",
        "taken",
        "taken",
        "refused unknown_patient",
        "taken",
        "taken",
        "refused nothing_changes",
        "taken",
    ];

    let patient = PatientId::new("p1").unwrap();
    let at = HostTime::from_millis;
    let mut engine = Engine::new(policy(88), EngineConfig::default());
    engine.handle_json(EVENT.as_bytes(), at(1200)).unwrap();
    let mut called = Vec::new();
    let mut key = None;
    while let Some(output) = engine.poll_output() {
        if let Output::Deliver(intent) = &output {
            key = Some(intent.key);
        }
        called.push(output.to_json());
    }
    let (key, patient_key) = (key.unwrap(), engine.find_patient(None, &patient).unwrap());
    let report = DeliveryReport { patient: patient_key, key, state: DeliveryState::Delivered };
    engine.handle_report(&report, at(1900)).unwrap().unwrap();
    let command = Command {
        patient: patient_key,
        alert: AlertId(1),
        seen_revision: 1,
        actor: "ann".into(),
        role: String::new(),
        action: Action::Acknowledge,
    };
    engine.handle_command(&command, at(2000)).unwrap().unwrap();
    let shifts = br#"[{"function":"nurse","person":"ann","from":0,"until":9000}]"#;
    engine.handle_roster(input::roster(shifts).unwrap(), at(4000)).unwrap();
    let proposal = Proposal::new(engine.policy(), policy(85), "a", "b").unwrap();
    engine.handle_change(proposal.approve("c", at(5000)).unwrap(), at(5000)).unwrap().unwrap();
    engine.handle_timeout(at(60_000)).unwrap();
    called.extend(outputs(|| engine.poll_output()));

    let lines = lines(&key.to_string());
    let mut engine = Engine::new(policy(88), EngineConfig::default());
    let mut monitor = Monitor::new(policy(88), None, &patient);
    let (mut of_engine, mut of_monitor) = (Vec::new(), Vec::new());
    for (line, expected) in lines.iter().zip(expected) {
        let answer = engine.handle_input_json(line.as_bytes()).unwrap();
        assert_eq!(answer.to_string(), expected, "{line}");
        of_engine.extend(outputs(|| engine.poll_output()));
        assert_eq!(monitor.handle_input_json(line.as_bytes()).unwrap(), answer, "{line}");
        of_monitor.extend(outputs(|| monitor.poll_output()));
    }
    assert_eq!(of_engine, called);
    assert_eq!(of_monitor, called);
}

/// Written and read again, every input of every conformance case decides the same.
#[test]
fn what_is_written_decides_the_same() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/conformance");
    let mut written = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let case = std::fs::read_to_string(path).unwrap();
        let case: serde_json::Value = serde_json::from_str(&case).unwrap();
        let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), String::from);
        let Ok(policy) = Policy::from_json(text(&case["policy"]).as_bytes()) else { continue };
        let engine = || Engine::new(Arc::clone(&policy), EngineConfig::default());
        let (mut first, mut second) = (engine(), engine());
        let answer = |engine: &mut Engine, line: &str| {
            let answer = engine.handle_input_json(line.as_bytes());
            answer.map(|answer| answer.to_string()).map_err(|error| error.code())
        };
        for line in case["inputs"].as_array().into_iter().flatten().map(text) {
            let Ok(input) = Input::parse(line.as_bytes()) else { continue };
            let again = input.to_json();
            assert!(!again.contains('\n'));
            let object: serde_json::Map<_, _> = serde_json::from_str(&again).unwrap();
            written.extend(object.keys().filter(|name| *name != "at").cloned());
            assert_eq!(answer(&mut first, &line), answer(&mut second, &again));
            let said = outputs(|| first.poll_output());
            assert_eq!(said, outputs(|| second.poll_output()));
        }
    }
    assert_eq!(written.len(), 8, "{written:?}");
}
