//! The part of a policy that is about people.

use crate::common::{host, spo2};
use rpm_core::policy::Policy;
use rpm_core::policy::care::{BurnPolicy, BurnWindows, Indicator, Latency, Miss, Objective};
use rpm_core::record::{Level, WithholdReason};
use rpm_core::{Action, AlertId, Code, Duration, Output, PatientKey};
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

/// What is wrong with these objectives and this error budget, each with its path.
fn wrong(objectives: &Json, error_budget: &Json) -> Vec<(Code, String)> {
    let text = json!({
        "id": "w", "version": 1, "title": "W", "signals": {}, "rules": [],
        "care": { "objectives": objectives, "error_budget": error_budget },
    });
    let errors = Policy::from_json(text.to_string().as_bytes()).err();
    let errors = errors.iter().flat_map(|errors| errors.errors());
    errors.map(|e| (e.code(), e.path().unwrap_or_default().to_string())).collect()
}

#[test]
fn every_mistake_of_an_objective_is_told_with_its_path() {
    let objective = |indicator: &str, within: Option<&str>, share: &str| {
        let mut text = json!({
            "title": "T", "indicator": indicator, "critical": true, "share": share,
        });
        if let Some(within) = within {
            text["within"] = within.into();
        }
        text
    };
    let mut untitled = objective("late", None, "99 %");
    untitled["title"] = " ".into();
    let objectives = json!([
        objective("missed", None, "100 %"),
        objective("acknowledged", None, "95 %"),
        objective("missed", Some("5 min"), "95 %"),
        objective("answered", Some("5 min"), "95 %"),
        objective("resolved", Some("soon"), "95"),
        objective("missed", None, "0 %"),
        untitled,
    ]);
    let budget = json!({
        "period": "5 h",
        "windows": [
            { "long": "6 h", "short": "30 min", "factor": 6 },
            { "long": "5 min", "short": "1 h", "factor": 0 },
            { "long": "90 s", "short": "1 min", "factor": "fast" },
        ],
    });
    let found = wrong(&objectives, &budget);
    let found: Vec<(Code, &str)> = found.iter().map(|(code, path)| (*code, &**path)).collect();
    let of_windows = "care.error_budget.windows";
    assert_eq!(
        found,
        [
            (Code::LatencyBound, "care.objectives[1].within"),
            (Code::LatencyBound, "care.objectives[2].within"),
            (Code::UnknownCode, "care.objectives[3].indicator"),
            (Code::BadShare, "care.objectives[4].share"),
            (Code::BadDuration, "care.objectives[4].within"),
            (Code::OutOfRange, "care.objectives[5].share"),
            (Code::EmptyName, "care.objectives[6].title"),
            (Code::OutOfRange, &format!("{of_windows}[1]")),
            (Code::OutOfRange, &format!("{of_windows}[1].factor")),
            (Code::OutOfRange, &format!("{of_windows}[2]")),
            (Code::BadLimit, &format!("{of_windows}[2].factor")),
            (Code::OutOfRange, &format!("{of_windows}[2].factor")),
            (Code::OutOfRange, "care.error_budget.period"),
        ]
    );
    let many = json!(vec![objective("late", None, "99 %"); 101]);
    assert_eq!(wrong(&many, &json!({})), [(Code::TooManyItems, "care.objectives".into())]);
}

#[test]
fn objectives_mean_what_they_say() {
    let text = json!({
        "id": "w", "version": 1, "title": "W", "signals": {}, "rules": [],
        "care": {
            "objectives": [
                { "title": "Answers", "indicator": "acknowledged", "critical": true,
                  "within": "5 min", "share": "99.5 %" },
                { "title": "No noise", "indicator": "duplicate", "critical": false,
                  "share": "90 %" },
            ],
            "error_budget": { "period": "7 d", "min_bad": 3, "windows": [
                { "long": "2 h", "short": "10 min", "factor": 4.2 },
            ] },
        },
    });
    let policy = Policy::from_json(text.to_string().as_bytes()).unwrap();
    let within = Duration::from_secs(300);
    let answers = Indicator::Latency { of: Latency::Acknowledged, within };
    let noise = Indicator::Miss { of: Miss::Duplicate };
    let objective = |title: &str, indicator, critical, share_permille| Objective {
        title: title.into(),
        indicator,
        critical,
        share_permille,
    };
    let wanted =
        [objective("Answers", answers, true, 995), objective("No noise", noise, false, 900)];
    assert_eq!(policy.objectives(), wanted);
    let hours = |hours: i64| Duration::from_secs(hours * 3600);
    let windows =
        BurnWindows { long: hours(2), short: Duration::from_secs(600), factor_permille: 4200 };
    let (min_events, min_bad) = (BurnPolicy::default().min_events, 3);
    let wanted = BurnPolicy { period: hours(168), windows: vec![windows], min_events, min_bad };
    assert_eq!(policy.burn_policy(), &wanted);
    let said = policy.describe();
    for part in [
        "Answers (critical): 99.5 % acknowledged within 5 min",
        "No noise (others): 90 % not duplicate",
        "at 4.2 times its rate over 120 min and 10 min, from 10 events and 3 bad ones",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

/// A fifth may go wrong: at worst that is five times too much, and never six.
#[test]
fn a_budget_that_can_never_page_is_warned_of() {
    let warned = |share: &str, factor: f64| {
        let windows = json!([{ "long": "1 h", "short": "5 min", "factor": factor }]);
        let text = json!({
            "id": "w", "version": 1, "title": "W", "signals": {}, "rules": [],
            "care": {
                "objectives": [
                    { "title": "T", "indicator": "late", "critical": true, "share": share },
                ],
                "error_budget": { "windows": windows },
            },
        });
        let policy = Policy::from_json(text.to_string().as_bytes()).unwrap();
        let warnings = policy.warnings().iter();
        warnings.map(|w| (w.code(), w.path().unwrap().to_string())).collect::<Vec<_>>()
    };
    let never = vec![(Code::UnreachableBurn, "care.objectives[0].share".to_string())];
    assert_eq!(warned("80 %", 5.001), never);
    assert_eq!(warned("80 %", 5.0), []);
    assert_eq!(warned("100 %", 14.4), []);
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
