//! Scores as signals: rules read them as they read a measurement.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

use std::sync::Arc;

use common::{Run, event, heart_rate, host, observed, policy, reading, spo2};
use rpm_core::event::{Body, Context, Event, Kind};
use rpm_core::policy::Policy;
use rpm_core::{Value, record};
use serde_json::json;

fn ward() -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward",
        "lateness_horizon": "10 min",
        "signals": {
            "heart_rate": { "cadence": "1 min" },
            "spo2": { "cadence": "1 min" },
            "respiratory_rate": { "cadence": "5 min", "pane": "1 min" },
            "news2": { "score": "news2", "cadence": "1 min" },
            "red": { "score": "news2", "part": "highest_single", "cadence": "1 min" }
        },
        "scores": { "news2": { "chart": "news2" } },
        "rules": [
            { "id": "news2-high", "title": "NEWS2 is high", "signal": "news2", "levels": [
                { "level": "review", "raise": { "at_or_above": 5 } },
                { "level": "urgent", "raise": { "at_or_above": 7 }, "latch": false }
            ] },
            { "id": "one-red", "title": "Three in one parameter", "signal": "red", "levels": [
                { "level": "review", "raise": { "at_or_above": 3 } }
            ] }
        ]
    }))
}

fn minutes(n: i64) -> i64 {
    n * 60_000
}

fn respiration(ms: i64, rate: i32) -> Event {
    reading(Kind::RESPIRATORY_RATE, ms, rate * 1000)
}

/// What an alert's explanation says, of the first alert of a rule.
fn explained(run: &Run, rule: &str) -> String {
    let records: Vec<_> = run.records.iter().map(|sealed| &sealed.record).collect();
    let opened = records.iter().find_map(|record| match &record.body {
        record::Body::AlertOpened { alert, rule: of, .. } if of == rule => Some(*alert),
        _ => None,
    });
    record::explain(records, opened.unwrap()).unwrap().to_string()
}

#[test]
fn a_rule_reads_a_score_and_explains_its_terms() {
    let mut run = Run::new(&ward());
    let oxygen = Context { on_oxygen: Some(true), ..Context::default() };
    for event in [
        heart_rate(minutes(0), 80),
        spo2(minutes(0), 96),
        respiration(minutes(0), 18),
        event(minutes(1), Body::Context(oxygen)),
        heart_rate(minutes(2), 115),
        spo2(minutes(2), 93),
    ] {
        run.live(event);
    }
    assert_eq!(run.opened("news2-high").len(), 1, "oxygen 2, pulse 2, saturation 2");
    let text = explained(&run, "news2-high");
    assert!(text.contains("NEWS2 6 (medium): respiration 18 /min 0, SpO2 93 % 2"), "{text}");
    assert!(text.contains("missing: "), "{text}");
    assert!(run.opened("one-red").is_empty());
    run.live(respiration(minutes(3), 26));
    assert_eq!(run.opened("one-red").len(), 1);
    assert!(explained(&run, "one-red").contains("respiration 26 /min 3"));
    assert_eq!(run.state("news2-high"), record::ConditionState::Active(record::Level::Urgent));
}

/// A host that draws a score asks for it as for a measurement; a score's time is that of its pane.
#[test]
fn the_latest_value_of_a_score_or_a_measurement_can_be_asked() {
    let mut run = Run::new(&ward());
    assert_eq!(run.engine.find_patient(None, &common::patient_id(0)), None);
    let second = |ms: i64| minutes(ms) + 1000;
    for event in [heart_rate(second(0), 95), spo2(second(1), 93), heart_rate(second(2), 80)] {
        run.live(event);
    }
    let patient = run.engine.find_patient(None, &common::patient_id(0)).unwrap();
    let value = |n: i32| Value::from_thousandths(n * 1000);
    let latest = |run: &Run, signal: &str| run.engine.latest(patient, signal);
    assert_eq!(latest(&run, "heart_rate"), Some((observed(second(2)), value(80))));
    assert_eq!(latest(&run, "news2"), Some((observed(minutes(2)), value(2))), "saturation 2");
    assert_eq!(latest(&run, "respiratory_rate"), None, "never measured");
    assert_eq!(latest(&run, "no such signal"), None);
    run.event(spo2(second(0), 97), host(second(2)));
    assert_eq!(latest(&run, "news2"), Some((observed(minutes(2)), value(2))), "late, and older");
    assert_eq!(latest(&run, "spo2"), Some((observed(second(1)), value(93))));
    assert_eq!(
        ward().describe().lines().find(|line| line.contains("Review: when news2")),
        Some("  Review: when news2 last is at or above 5; over when that is no longer so.")
    );
}

/// Late evidence changes a score where it belongs, as if it had come in time.
#[test]
fn late_evidence_is_counted_where_it_belongs() {
    let in_time = [
        heart_rate(minutes(0), 80),
        spo2(minutes(0), 96),
        respiration(minutes(1), 26),
        heart_rate(minutes(2), 115),
        spo2(minutes(3), 93),
        heart_rate(minutes(4), 80),
        spo2(minutes(5), 97),
    ];
    let mut first = Run::new(&ward());
    for event in &in_time {
        first.live(event.clone());
    }
    for late in 0..in_time.len() {
        let mut second = Run::new(&ward());
        for (_, event) in in_time.iter().enumerate().filter(|(index, _)| *index != late) {
            second.live(event.clone());
        }
        second.event(in_time[late].clone(), host(minutes(5)));
        for rule in ["news2-high", "one-red"] {
            assert_eq!(first.state(rule), second.state(rule), "{late}");
        }
    }
}
