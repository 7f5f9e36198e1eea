//! Named cases.

use std::sync::Arc;

use rpm_core::event::{Body, Event, Kind, KindRef};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::{AlertChange, ConditionState, Level, Verdict, explain};
use rpm_core::{Code, PatientKey, Receipt, Value};
use serde_json::{Value as Json, json};

use crate::common::{Run, event, heart_rate, host, policy, reading, spo2};

const ACTIVE: ConditionState = ConditionState::Active(Level::Review);

/// A fused signal `beat` of heart rate and pulse, and rules.
fn monitor(version: u32, fused: &Json, rules: &Json) -> Arc<Policy> {
    policy(&json!({
        "id": "monitor", "version": version, "title": "Monitor", "lateness_horizon": "2 min",
        "signals": {
            "heart_rate": { "cadence": "1 s" },
            "pulse_rate": { "cadence": "1 s" },
            "activity": { "cadence": "1 s" },
            "beat": { "fused": fused, "cadence": "1 s" },
        },
        "rules": rules,
    }))
}

fn pair() -> Json {
    json!({ "of": ["heart_rate", "pulse_rate"], "agree_within": 10 })
}

fn fast() -> Json {
    json!({ "id": "fast", "title": "Fast heart rate", "signal": "beat", "levels": [
        { "level": "review", "raise": { "above": 120 } },
    ] })
}

fn fast_mean(more: &Json) -> Json {
    let mut rule = json!({
        "id": "fast", "title": "Fast heart rate", "signal": "beat",
        "statistic": "mean", "over": "4 s", "coverage": "50 %",
        "levels": [{ "level": "review", "raise": { "above": 120 } }],
    });
    for (field, value) in more.as_object().unwrap() {
        rule[field] = value.clone();
    }
    rule
}

fn pulse(ms: i64, rate: i32) -> Event {
    reading(Kind::PULSE_RATE, ms, rate * 1000)
}

fn activity(ms: i64, met: i32) -> Event {
    reading(Kind::ACTIVITY, ms, met * 1000)
}

/// What the only comparison of the rule `fast` says now.
fn clause(run: &mut Run) -> (Option<String>, u8, Verdict) {
    let why = run.engine.why(PatientKey(0), "fast").unwrap();
    let clause = &why.levels[0].now[0];
    (clause.value.clone(), clause.coverage, clause.verdict)
}

#[test]
fn the_first_source_counts_and_the_second_where_it_is_missing() {
    let mut run = Run::new(&monitor(1, &pair(), &json!([fast()])));
    run.live(heart_rate(0, 125));
    run.live(pulse(10, 119));
    assert_eq!(run.state("fast"), ACTIVE, "what the electrodes say, confirmed within 10");
    run.live(pulse(1000, 100));
    assert_eq!(run.state("fast"), ConditionState::Normal, "the pulse alone is enough");
    run.live(heart_rate(2000, 130));
    assert_eq!(run.state("fast"), ACTIVE, "so is the heart rate");
}

#[test]
fn sources_that_disagree_are_no_evidence() {
    let mut run = Run::new(&monitor(1, &pair(), &json!([fast()])));
    run.live(heart_rate(0, 80));
    for second in 1..10 {
        // The pulse is there first, so that nothing is believed even for a moment.
        run.live(pulse(second * 1000, 80));
        let before = run.records.len();
        run.live(heart_rate(second * 1000 + 10, 150));
        assert_eq!(run.records.len(), before);
    }
    assert_eq!(run.state("fast"), ConditionState::Normal);
    // Exactly as far apart as they may be.
    run.live(pulse(20_000, 130));
    run.live(heart_rate(20_010, 140));
    assert_eq!(run.state("fast"), ACTIVE);
}

#[test]
fn disagreement_counts_as_artifacts_of_the_window() {
    let all_count = fast_mean(&json!({ "coverage": "25 %" }));
    let few_bad = fast_mean(&json!({ "coverage": "25 %", "max_artifact": "50 %" }));
    for (rule, verdict) in [(all_count, Verdict::Met), (few_bad, Verdict::Invalid)] {
        let mut run = Run::new(&monitor(1, &pair(), &json!([rule])));
        for second in 0..3 {
            run.live(pulse(second * 1000, 80));
            run.live(heart_rate(second * 1000 + 10, 150));
        }
        run.live(heart_rate(3000, 130));
        assert_eq!(clause(&mut run), (Some("130".into()), 25, verdict));
        assert_eq!(run.state("fast") == ACTIVE, verdict == Verdict::Met);
    }
}

#[test]
fn a_late_second_source_takes_back_what_was_believed() {
    let mut run = Run::new(&monitor(1, &pair(), &json!([fast()])));
    run.live(heart_rate(0, 80));
    run.live(heart_rate(1000, 150));
    assert_eq!((run.state("fast"), run.opened("fast").len()), (ACTIVE, 1));
    run.event(pulse(1000, 82), host(1500));
    assert_eq!(run.state("fast"), ConditionState::Normal);
    assert_eq!(run.changes("fast"), [AlertChange::Revised, AlertChange::Closed]);
}

/// Several panes at once become evidence, and each of them counts.
#[test]
fn a_void_gives_back_what_was_not_believed() {
    let fused = json!({ "of": ["heart_rate"], "unless": {
        "signal": "activity", "statistic": "max", "over": "5 s", "coverage": "0 %", "above": 4,
    } });
    let mut run = Run::new(&monitor(1, &fused, &json!([fast()])));
    run.live(activity(0, 6));
    for (second, rate) in [(1, 100), (2, 100), (3, 150)] {
        run.live(heart_rate(second * 1000, rate));
    }
    assert_eq!(run.state("fast"), ConditionState::NeverSeen);
    run.event(event(0, Body::Void { kind: KindRef::Known(Kind::ACTIVITY) }), host(3500));
    assert_eq!(run.opened("fast"), [(Level::Review, 3000)]);
}

#[test]
fn what_speaks_against_must_be_known() {
    let fused = json!({ "of": ["heart_rate"], "unless": { "signal": "activity", "above": 4 } });
    let rules = json!([fast()]);
    let mut run = Run::new(&monitor(1, &fused, &rules));
    run.live(heart_rate(0, 130));
    assert_eq!(run.state("fast"), ACTIVE, "nobody knows of any motion");
    let mut run = Run::new(&monitor(1, &fused, &rules));
    run.live(activity(0, 6));
    run.live(heart_rate(10, 130));
    assert_eq!(run.state("fast"), ConditionState::NeverSeen);
    run.live(activity(1000, 2));
    run.live(heart_rate(1010, 130));
    assert_eq!(run.state("fast"), ACTIVE);
    run.event(activity(1500, 6), host(2000));
    assert_eq!(run.state("fast"), ConditionState::NeverSeen, "it moved after all");
    // What was known long ago is not known to be so.
    run.live(heart_rate(60_000, 130));
    assert_eq!(run.state("fast"), ACTIVE);
}

/// Before and after a change of the policy: the same signal goes on with its window, another
/// begins.
/// A finger that is cold or gripped: the saturation that is measured on it is no evidence, and one measured
/// while nobody knows is.
#[test]
fn a_finger_without_blood_says_nothing_of_saturation() {
    let plan = policy(&json!({
        "id": "monitor", "version": 1, "title": "Monitor", "lateness_horizon": "2 min",
        "signals": {
            "spo2": { "cadence": "1 s" },
            "perfusion_index": { "cadence": "1 s" },
            "trusted": { "cadence": "1 s", "fused": {
                "of": ["spo2"], "unless": { "signal": "perfusion_index", "below": 0.3 } } },
        },
        "rules": [{ "id": "low", "title": "Low", "signal": "trusted",
                    "levels": [{ "level": "review", "raise": { "below": 90 }, "latch": false }] }],
    }));
    let perfusion = |ms, thousandths| reading(Kind::PERFUSION_INDEX, ms, thousandths);
    let mut run = Run::new(&plan);
    run.live(perfusion(0, 1200));
    run.live(spo2(100, 97));
    run.live(perfusion(1000, 200));
    run.live(spo2(1100, 80));
    assert_eq!(run.state("low"), ConditionState::Normal);
    // It came late, and the finger was well supplied after all.
    run.live(spo2(2100, 80));
    run.event(perfusion(2000, 900), host(3000));
    assert_eq!(run.state("low"), ACTIVE);
    let mut unknown = Run::new(&plan);
    unknown.live(spo2(0, 80));
    assert_eq!(unknown.state("low"), ACTIVE);
}

#[test]
fn a_policy_change_keeps_a_signal_that_means_the_same() {
    let wider = json!({ "of": ["heart_rate", "pulse_rate"], "agree_within": 30 });
    for (fused, expected) in [(pair(), Some(("130", 100))), (wider, None)] {
        let mut run = Run::new(&monitor(1, &pair(), &json!([fast_mean(&json!({}))])));
        (0..4).for_each(|second| {
            run.live(heart_rate(second * 1000, 130));
        });
        let rule = fast_mean(&json!({ "title": "Fast", "coverage": "60 %" }));
        let to = monitor(2, &fused, &json!([rule]));
        let from = Arc::clone(run.engine.policy());
        let proposal = Proposal::new(&from, to, "dr.a", "why").unwrap();
        let approved = proposal.approve("dr.b", host(0)).unwrap();
        run.engine.handle_change(approved, host(3500)).unwrap().unwrap();
        run.live(heart_rate(4000, 130));
        let (value, coverage, verdict) = clause(&mut run);
        match expected {
            Some(kept) => assert_eq!((value.as_deref().unwrap(), coverage), kept),
            None => assert_eq!((coverage, verdict), (25, Verdict::Stale)),
        }
    }
}

#[test]
fn nobody_measures_a_derived_signal() {
    let mut run = Run::new(&monitor(1, &pair(), &json!([fast()])));
    run.live(heart_rate(0, 80));
    let value = Ok(Value::from_thousandths(150_000));
    let named = Body::Reading { kind: KindRef::Declared("beat".into()), value };
    assert_eq!(run.live(event(1000, named)), Receipt::Quarantined(Code::UnknownKind));
    // Inside, derived signals have kinds of their own: they are nothing that a host could name.
    for number in [u16::MAX, u16::MAX - 1] {
        run.live(reading(Kind(number), 2000, 150_000));
    }
    assert_eq!(run.state("fast"), ConditionState::Normal);
}

#[test]
fn the_explanation_says_when_the_device_cannot_tell() {
    let opened = |rate: i32| {
        let mut spec: Json =
            serde_json::from_str(&monitor(1, &pair(), &json!([fast()])).to_json()).unwrap();
        spec["signals"]["beat"]["accuracy"] = 3.into();
        let mut run = Run::new(&policy(&spec));
        run.live(heart_rate(0, rate));
        assert_eq!(run.state("fast"), ACTIVE);
        let records = run.records.iter().map(|sealed| &sealed.record);
        explain(records, rpm_core::AlertId(1)).unwrap().to_string()
    };
    let near = "nearer than the device's accuracy of 3 /min";
    assert!(opened(122).contains(near), "{}", opened(122));
    assert!(!opened(123).contains(near), "{}", opened(123));
}

/// Kinds of a site's own, in one unit.
fn site(ranges: [[i64; 2]; 2], derived: &Json, rule: &Json) -> Json {
    let kind =
        |[low, high]: [i64; 2]| json!({ "title": "K", "unit": "1", "possible": [low, high] });
    json!({
        "id": "site", "version": 1, "title": "Site", "lateness_horizon": "2 min",
        "kinds": { "a": kind(ranges[0]), "b": kind(ranges[1]) },
        "signals": { "a": { "cadence": "1 s" }, "b": { "cadence": "1 s" }, "d": derived },
        "rules": [rule],
    })
}

fn own(kind: &str, second: i64, value: i32) -> Event {
    let value = Ok(Value::from_units(value).unwrap());
    event(second * 1000, Body::Reading { kind: KindRef::Declared(kind.into()), value })
}

/// A second source may say what the first one never could, also when it comes late.
#[test]
fn a_late_source_of_a_wider_range_is_seen() {
    let derived = json!({ "fused": { "of": ["a", "b"] }, "cadence": "1 s" });
    let rule = json!({
        "id": "high", "title": "High", "signal": "d", "statistic": "mean", "over": "10 s",
        "levels": [{ "level": "review", "raise": { "above": 10 } }],
    });
    let policy = policy(&site([[0, 10], [0, 1000]], &derived, &rule));
    let mut run = Run::new(&policy);
    for second in (0..59).filter(|second| *second != 29) {
        let (kind, value) = if second == 20 { ("b", 60) } else { ("a", 0) };
        run.live(own(kind, second, value));
    }
    assert!(run.findings("high").is_empty());
    // Only the ten seconds up to this one hold both.
    run.event(own("b", 29, 60), host(59_000));
    assert_eq!(run.findings("high").len(), 1, "{:#?}", run.lines());
}

#[test]
fn a_difference_is_counted_to_the_last_digit() {
    let derived = json!({ "difference": ["a", "b"], "cadence": "1 s" });
    let rule = json!({
        "id": "fast", "title": "Fast", "signal": "d",
        "levels": [{ "level": "review", "raise": { "below": -200_000 } }],
    });
    let mut run = Run::new(&policy(&site([[0, 10], [0, 250_000]], &derived, &rule)));
    run.live(own("a", 0, 3));
    run.live(own("b", 0, 249_999));
    assert_eq!(clause(&mut run).0.as_deref(), Some("-249996"));
    assert_eq!(run.state("fast"), ACTIVE);
    run.live(own("a", 1, 3));
    assert_eq!(clause(&mut run).0.as_deref(), Some("-249996"), "one of the two is not enough");
}

/// What a derived signal can hold is told when the policy is read, and not found out later.
#[test]
fn values_that_no_derived_pane_can_hold_are_refused() {
    let rule = json!({
        "id": "high", "title": "High", "signal": "d",
        "levels": [{ "level": "review", "raise": { "above": 10 } }],
    });
    let fused = json!({ "fused": { "of": ["a", "b"] }, "cadence": "1 s" });
    let difference = json!({ "difference": ["a", "b"], "cadence": "1 s" });
    for derived in [fused, difference] {
        let json = site([[0, 10], [0, 600_000]], &derived, &rule);
        let errors = Policy::from_json(json.to_string().as_bytes()).unwrap_err();
        let errors = errors.errors();
        assert_eq!(errors[0].code(), Code::OutOfRange);
        assert_eq!(errors[0].path(), Some("signals.d"));
    }
}
