//! The part of a policy that is about people.

use crate::common::{host, spo2};
use rpm_core::policy::Policy;
use rpm_core::record::{Level, WithholdReason};
use rpm_core::{Action, AlertId, Code, Output, PatientKey};
use serde_json::{Value as Json, json};

use crate::ward::*;

#[test]
fn every_mistake_of_the_part_about_people_is_told_with_its_path() {
    let care = json!({
        "utc_offset": "1 hour",
        "stale_after": "1 s",
        "acknowledged_for": { "grave": "1 h" },
        "quiet_hours": { "from": "25:00", "until": "07:00" },
        "suppressions": [{ "id": "s", "title": "S", "when": {}, "rules": ["nothing"] }],
        "inhibitions": [
            { "by": "lost", "rules": ["fast"] },
            { "by": "low", "rules": ["lost"] }, { "by": "lost", "rules": ["low"] },
        ],
        "routes": [
            { "id": "a", "queue": "q", "escalation": "nobody" },
            { "id": "a", "queue": "q", "digest_at": ["08:00"] },
        ],
        "escalations": { "e": { "answer_within": "1 min", "steps": [
            { "after": "0 s", "to": [], "channels": ["push"] },
        ] } },
    });
    let text = json!({
        "id": "ward", "version": 1, "title": "Ward",
        "signals": { "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } },
        "rules": [
            limit("low", "spo2", "urgent", &json!({ "below": 88 }), &json!({ "above": 90 })),
            limit("fast", "heart_rate", "urgent", &json!({ "above": 150 }), &json!({ "below": 140 })),
            { "id": "lost", "title": "Lost", "signal": "spo2", "missing_for": "60 s" },
        ],
        "care": care,
    });
    let errors = Policy::from_json(text.to_string().as_bytes()).unwrap_err();
    let found: Vec<(Code, &str)> =
        errors.errors().iter().map(|e| (e.code(), e.path().unwrap())).collect();
    for wanted in [
        (Code::BadOffset, "care.utc_offset"),
        (Code::OutOfRange, "care.stale_after"),
        (Code::UnknownLevel, "care.acknowledged_for.grave"),
        (Code::BadTimeOfDay, "care.quiet_hours.from"),
        (Code::UnknownCircumstance, "care.suppressions[0].when"),
        (Code::UnknownRule, "care.suppressions[0].rules[0]"),
        (Code::UnrelatedInhibition, "care.inhibitions[0].rules[0]"),
        (Code::Cycle, "care.inhibitions"),
        (Code::UnknownEscalation, "care.routes[0].escalation"),
        (Code::DuplicateId, "care.routes[1].id"),
        (Code::UrgentDeferred, "care.routes[1].digest_at"),
        (Code::NoSteps, "care.escalations.e.steps[0]"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} is not among {found:#?}");
    }
}

#[test]
fn harm_and_onset_make_the_class_of_iec_60601_1_8() {
    let level = |harm: &str, onset: &str, level: Option<&str>| {
        let mut def = json!({ "raise": { "below": 88 }, "harm": harm, "onset": onset });
        def["level"] = level.map_or(Json::Null, Json::from);
        let text = json!({
            "id": "w", "version": 1, "title": "W", "signals": { "spo2": { "cadence": "1 s" } },
            "rules": [{ "id": "low", "title": "Low", "signal": "spo2", "levels": [def] }],
        });
        let policy =
            Policy::from_json(text.to_string().as_bytes()).map_err(|e| e.errors()[0].code())?;
        let mut ward = Ward::new(&policy);
        ward.take(spo2(0, 80));
        Ok::<Level, Code>(ward.alert(1).level)
    };
    assert_eq!(level("death_or_irreversible", "prompt", None), Ok(Level::Urgent));
    assert_eq!(level("death_or_irreversible", "delayed", None), Ok(Level::Review));
    assert_eq!(level("minor", "delayed", None), Ok(Level::Informational));
    assert_eq!(level("minor", "prompt", Some("urgent")), Err(Code::LevelMismatch));
}

#[test]
fn nothing_is_told_of_without_a_route_and_the_record_says_so() {
    let only_urgent = json!({ "routes": [
        { "id": "urgent", "levels": ["urgent"], "queue": "ward", "escalation": "urgent" },
    ] });
    let mut ward = Ward::new(&ward(&care(&only_urgent)));
    ward.take(spo2(0, 91));
    assert_eq!(ward.withheld(), [WithholdReason::NoRoute]);
    assert_eq!(ward.engine.queue(None, host(0), 5).len(), 1, "it waits all the same");
}

#[test]
fn the_story_of_an_alert_names_everybody_who_was_told() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    let mut lines = Vec::new();
    ward.engine.handle_event(spo2(0, 85), host(0)).unwrap();
    ward.engine.handle_timeout(host(10 * MINUTE)).unwrap();
    while let Some(output) = ward.engine.poll_output() {
        if let Output::Record(sealed) = output {
            lines.push(sealed.record);
        }
    }
    let story = rpm_core::record::explain(&lines, AlertId(1)).unwrap().to_string();
    for part in ["push to nurse because opened", "pager to charge_nurse", "nobody has answered"] {
        assert!(story.contains(part), "{part} is not in {story}");
    }
}

#[test]
fn a_command_concerns_the_patient_whom_it_names() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    let of = |number: u8, ms: i64| {
        let mut reading = spo2(ms, 85);
        reading.patient = crate::common::patient_id(number);
        reading
    };
    ward.take(of(0, 0));
    ward.take(of(1, at(1)));
    let other = ward.engine.alerts(PatientKey(1)).to_vec();
    ward.act(1, ann(), Action::Acknowledge, at(2)).unwrap();
    assert_eq!(ward.engine.alerts(PatientKey(1)), &other[..]);
}
