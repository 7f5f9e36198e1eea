//! What people expect of a score that rules read, by name.

use std::sync::Arc;

use rpm_core::event::{Body, Context, Event, Kind, KindRef, Profile, Quality};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::{self, ConditionState, Level};
use rpm_core::{Code, PatientKey, Reading, Receipt, Value};
use serde_json::{Value as Json, json};

use crate::common::{Run, With, event, heart_rate, host, observed, policy, reading, spo2};

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

/// When an hour begins, in minutes after the beginning of a test.
const NEXT_HOUR: i64 = 33;

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
    for event in [
        heart_rate(minutes(0), 80),
        spo2(minutes(0), 96),
        respiration(minutes(0), 18),
        oxygen(1, Some(true)),
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
    assert_eq!(run.state("news2-high"), ConditionState::Active(Level::Urgent));
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

/// A ward of one score, `s`, as the signal `score`, with these rules.
fn one_score(version: u32, score: &Json, pane: &str, rules: &[Json]) -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": version, "title": "Ward", "lateness_horizon": "10 min",
        "signals": {
            "heart_rate": { "cadence": "1 min" }, "pulse_rate": { "cadence": "1 min" },
            "spo2": { "cadence": "1 min" }, "systolic_bp": { "cadence": "1 min" },
            "score": { "score": "s", "cadence": pane },
        },
        "scores": { "s": score }, "rules": rules,
    }))
}

/// A rule on the last value of the score.
fn high(limit: u8) -> Json {
    json!({ "id": "high", "title": "High", "signal": "score", "unverified_after": "10 min",
        "levels": [{ "level": "review", "raise": { "at_or_above": limit } }] })
}

fn news2() -> Json {
    json!({ "chart": "news2" })
}

/// Three points for a fast heart.
fn fast_heart(limit: u8) -> Json {
    json!({ "title": "Site", "parameters": [{ "name": "beats", "signal": "heart_rate",
        "bands": [{ "at_most": limit, "points": 0 }, { "points": 3 }] }] })
}

fn oxygen(minute: i64, on_oxygen: Option<bool>) -> Event {
    event(minutes(minute), Body::Context(Context { on_oxygen, ..Context::default() }))
}

fn prescribed(minute: i64, scale: u8) -> Event {
    let profile = Profile { spo2_scale: Some(scale), ..Profile::default() };
    event(minutes(minute), Body::Profile(Box::new(profile)))
}

fn active(run: &Run, rule: &str) -> bool {
    matches!(run.state(rule), ConditionState::Active(_))
}

/// 90 % are three points on scale 1, and where they should be on scale 2. The prescription holds for
/// the value that is there already.
#[test]
fn a_prescribed_scale_counts_from_when_it_is_known() {
    let mut run = Run::new(&one_score(1, &news2(), "1 min", &[high(3)]));
    run.live(oxygen(0, Some(false)));
    run.live(spo2(minutes(0), 90));
    assert_eq!(run.state("high"), ConditionState::Active(Level::Review));
    run.live(prescribed(1, 2));
    assert_eq!(run.state("high"), ConditionState::Normal);
    run.live(spo2(minutes(2), 90));
    assert_eq!(run.state("high"), ConditionState::Normal);
    run.live(prescribed(3, 1));
    assert_eq!(run.state("high"), ConditionState::Active(Level::Review));
    // What was so before the score existed was so, too.
    let mut run = Run::new(&one_score(1, &news2(), "1 min", &[high(3)]));
    for event in [prescribed(0, 2), oxygen(0, Some(false)), spo2(minutes(1), 90)] {
        run.live(event);
    }
    assert_eq!(run.state("high"), ConditionState::Normal);
}

/// On scale 2, 97 % are none on air and three on oxygen: unknown is not air.
#[test]
fn unknown_oxygen_is_not_air() {
    let policy = one_score(1, &news2(), "1 min", &[high(3)]);
    let after = |told: &[Option<bool>]| {
        let mut run = Run::new(&policy);
        run.live(prescribed(0, 2));
        for told in told {
            run.live(oxygen(0, *told));
        }
        run.live(spo2(minutes(1), 97));
        run
    };
    assert!(!active(&after(&[Some(false)]), "high"));
    for unknown in [after(&[]), after(&[None])] {
        assert!(active(&unknown, "high"));
        let text = explained(&unknown, "high");
        assert!(text.contains("air or oxygen unknown"), "{text}");
    }
    // Three for the value, two for the oxygen.
    let on_oxygen = after(&[Some(true)]);
    assert!(explained(&on_oxygen, "high").contains("NEWS2 5"), "{}", explained(&on_oxygen, "high"));
}

#[test]
fn a_value_that_is_too_old_drops_out_and_the_record_says_so() {
    let score = json!({ "chart": "news2", "max_age": "10 min",
        "parameters": { "systolic": { "max_age": "unlimited" } } });
    let mut run = Run::new(&one_score(1, &score, "1 min", &[high(5)]));
    run.live(heart_rate(minutes(0), 115));
    run.live(reading(Kind::SYSTOLIC_BP, minutes(0), 95_000));
    run.live(spo2(minutes(10), 96));
    assert!(!active(&run, "high"), "two and two");
    run.live(spo2(minutes(11), 91));
    assert!(
        run.opened("high").len() == 1,
        "the pulse is too old, the pressure is not: two and three"
    );
    let text = explained(&run, "high");
    assert!(text.contains("NEWS2 5") && text.contains("pulse (too old)"), "{text}");
    assert!(text.contains("systolic 95 mm[Hg] 2"), "{text}");
    // The pressure left its panes long ago.
    run.live(spo2(minutes(600), 91));
    assert!(active(&run, "high"));
    run.live(spo2(minutes(601), 96));
    run.live(heart_rate(minutes(601), 135));
    assert!(active(&run, "high"), "two of ten hours ago, and three");
}

#[test]
fn the_points_of_one_parameter_are_a_signal() {
    let json = json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "10 min",
        "signals": {
            "heart_rate": { "cadence": "1 min" }, "spo2": { "cadence": "1 min" },
            "beats": { "score": "s", "part": "pulse", "cadence": "1 min" },
        },
        "scores": { "s": { "chart": "news2" } },
        "rules": [{ "id": "beats", "title": "Pulse", "signal": "beats",
            "levels": [{ "level": "review", "raise": { "at_or_above": 2 } }] }],
    });
    let mut run = Run::new(&policy(&json));
    run.live(spo2(minutes(0), 80));
    assert_eq!(run.state("beats"), ConditionState::NeverSeen, "no pulse, no points of it");
    run.live(heart_rate(minutes(1), 120));
    assert!(active(&run, "beats"));
}

/// A patient who gets worse by two points in six hours, far from any alarm.
#[test]
fn a_rule_reads_the_rise_of_a_score() {
    let rises = json!({ "id": "rises", "title": "Rises", "levels": [{ "level": "review",
        "raise": { "signal": "score", "statistic": "delta", "over": "6 h", "at_or_above": 2,
                   "coverage": "1 %" } }] });
    let mut run = Run::new(&one_score(1, &news2(), "1 h", &[rises]));
    let hour = |h: i64| minutes(60 * h);
    for h in 0..12 {
        run.live(heart_rate(hour(h), 80));
        run.live(spo2(hour(h), 96));
    }
    assert!(!active(&run, "rises"));
    run.live(heart_rate(hour(12), 100));
    assert!(!active(&run, "rises"), "one point");
    run.live(spo2(hour(14), 95));
    assert!(active(&run, "rises"), "two points in two hours");
    for h in 15..24 {
        run.live(heart_rate(hour(h), 100));
        run.live(spo2(hour(h), 95));
    }
    assert!(!active(&run, "rises"), "as high as six hours ago");
}

/// A rule that reads a score and one of the vital signs in it sees both as they are.
#[test]
fn a_vital_sign_and_the_score_of_it_change_together() {
    let unexplained = json!({ "id": "unexplained", "title": "Fast, and the score is silent",
        "levels": [{ "level": "review", "raise": { "all": [
            { "signal": "heart_rate", "above": 100 },
            { "not": { "signal": "score", "at_or_above": 3 } } ] } }] });
    let both = json!({ "id": "both", "title": "Fast, and the score says so",
        "levels": [{ "level": "review", "raise": { "all": [
            { "signal": "heart_rate", "above": 100 }, { "signal": "score", "at_or_above": 3 } ] } }] });
    let policy = one_score(1, &fast_heart(100), "1 min", &[unexplained, both]);
    for device in [0, 1] {
        let mut run = Run::new(&policy);
        for minute in 0..3 {
            run.live(heart_rate(minutes(minute), 80));
        }
        // Of another device it takes another way.
        run.live(heart_rate(minutes(3), 120).device(device));
        assert_eq!(run.opened("both").len(), 1);
        assert_eq!(run.opened("unexplained"), vec![], "no instant was like that");
        run.live(heart_rate(minutes(4), 90).device(device));
        assert!(!active(&run, "both"));
        assert_eq!(run.opened("unexplained"), vec![]);
        let lines = run.lines();
        let said = |line: &&String| line.contains("\"unexplained\"") && line.contains("active");
        assert_eq!(lines.iter().find(said), None, "nor does a record say so");
    }
}

#[test]
fn nobody_delivers_readings_of_a_score() {
    let mut run = Run::new(&one_score(1, &fast_heart(100), "1 min", &[high(3)]));
    run.live(heart_rate(minutes(0), 80));
    for name in ["score", "s", "total"] {
        let (kind, value) = (KindRef::Declared(name.into()), Ok(Value::from_thousandths(9000)));
        let receipt = run.live(event(minutes(1), Body::Reading { kind, value }));
        assert_eq!(receipt, Receipt::Quarantined(Code::UnknownKind));
        let kind = KindRef::Declared(name.into());
        let receipt = run.live(event(minutes(0), Body::Void { kind }));
        assert_eq!(receipt, Receipt::Quarantined(Code::UnknownKind));
    }
    let kind = run.engine.policy().signals().iter().find(|s| s.name() == "score").unwrap().kind();
    let patient = run.engine.find_patient(None, &crate::common::patient_id(0)).unwrap();
    let device = run.engine.device(patient, &crate::common::device_id(0)).unwrap();
    let reading = Reading {
        patient,
        device,
        kind,
        value: Value::from_thousandths(3000),
        quality: Quality::GOOD,
        sequence: None,
        observed_at: observed(minutes(2)),
        received_at: host(minutes(2)),
    };
    let _ = run.engine.handle_reading(&reading).unwrap();
    let _ = run.engine.handle_batch(&[reading]);
    run.drain();
    assert_eq!(run.state("high"), ConditionState::Normal);
}

/// A kind that the policy declares may be called as a signal that is a score; it stays a kind.
#[test]
fn a_declared_kind_is_not_the_score_of_its_name() {
    let json = json!({
        "id": "ward", "version": 1, "title": "Ward",
        "kinds": { "score": { "title": "Told", "unit": "1", "possible": [0, 20] } },
        "signals": { "heart_rate": { "cadence": "1 min" },
                     "score": { "score": "s", "cadence": "1 min" } },
        "scores": { "s": fast_heart(100) }, "rules": [high(3)],
    });
    let mut run = Run::new(&policy(&json));
    run.live(heart_rate(minutes(0), 80));
    let (kind, value) = (KindRef::Declared("score".into()), Ok(Value::from_thousandths(9000)));
    run.live(event(minutes(1), Body::Reading { kind, value }));
    assert_eq!(run.state("high"), ConditionState::Normal);
}

/// The oximeter's pulse is younger than the monitor's heart rate, until it is not.
#[test]
fn of_two_sources_the_younger_counts() {
    for device in [0, 1] {
        let mut run = Run::new(&one_score(1, &news2(), "5 min", &[high(2)]));
        run.live(heart_rate(minutes(4), 80));
        run.live(reading(Kind::PULSE_RATE, minutes(7), 120_000));
        assert!(active(&run, "high"));
        run.live(heart_rate(minutes(8), 81).device(device));
        assert!(!active(&run, "high"));
        run.live(reading(Kind::PULSE_RATE, minutes(10), 121_000));
        assert!(active(&run, "high"));
    }
}

// --- Late and missing -------------------------------------------------------------------------

/// A note of oxygen that is written two hours later: what was counted stays, as far as it can be
/// counted no more.
#[test]
fn a_note_from_long_ago_does_not_wipe_the_score() {
    let counted = json!({ "id": "counted", "title": "Counted", "unverified_after": "30 d",
        "levels": [{ "level": "review", "raise": {
            "signal": "score", "statistic": "count", "over": "3 h", "coverage": "1 %",
            "at_or_above": 6 } }] });
    let policy = one_score(1, &news2(), "30 min", &[counted]);
    let mut run = Run::new(&policy);
    for minute in 0..=240 {
        run.live(heart_rate(minutes(minute), 120));
    }
    assert!(active(&run, "counted"));
    run.event(oxygen(60, Some(true)), host(minutes(240)));
    run.live(heart_rate(minutes(250), 120));
    assert!(active(&run, "counted"), "six half hours: {:?}", run.state("counted"));
}

/// A respiratory rate of an hour's pane may come nearly two hours late: it counts with the heart rate
/// of its time.
#[test]
fn a_late_value_of_a_wide_pane_counts_with_what_the_others_said() {
    let json = json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "10 min",
        "signals": {
            "heart_rate": { "cadence": "1 min" }, "respiratory_rate": { "cadence": "1 h" },
            "score": { "score": "s", "cadence": "1 h" },
        },
        "scores": { "s": { "chart": "news2" } },
        "rules": [{ "id": "max", "title": "Max", "levels": [{ "level": "review", "raise": {
            "signal": "score", "statistic": "max", "over": "3 h", "at_or_above": 5 } }] }],
    });
    let policy = policy(&json);
    let late = reading(Kind::RESPIRATORY_RATE, minutes(NEXT_HOUR + 50), 28_000);
    let mut run = Run::new(&policy);
    for minute in 0..110 {
        let rate = if minute < 60 { 120 } else { 80 };
        run.live(heart_rate(minutes(NEXT_HOUR + minute), rate));
    }
    assert_eq!(run.event(late, host(minutes(NEXT_HOUR + 110))), Receipt::Accepted);
    assert!(active(&run, "max"), "two and three");
}

/// Somebody takes back the only reading that raised the score.
#[test]
fn a_score_without_its_reading_raises_nothing() {
    let mut run = Run::new(&one_score(1, &fast_heart(100), "1 min", &[high(3)]));
    run.live(heart_rate(minutes(0), 80));
    run.live(heart_rate(minutes(1), 120));
    assert!(active(&run, "high"));
    let kind = KindRef::Known(Kind::HEART_RATE);
    run.event(event(minutes(1), Body::Void { kind }), host(minutes(2)));
    assert_eq!(run.state("high"), ConditionState::Normal);
}

/// The blood pressure that makes up for a refused score makes it up for every pane since.
#[test]
fn what_was_missing_gives_all_panes_their_score_at_once() {
    let mut score = fast_heart(100);
    score["if_missing"] = json!("refuse");
    score["parameters"].as_array_mut().unwrap().push(json!({ "name": "p",
        "signal": "systolic_bp", "bands": [{ "at_most": 100, "points": 1 }, { "points": 0 }] }));
    let mut rule = high(3);
    rule["levels"][0]["for"] = json!("3 min");
    let mut run = Run::new(&one_score(1, &score, "1 min", &[rule]));
    for minute in 1..6 {
        run.live(heart_rate(minutes(minute), 120));
    }
    assert_eq!(run.state("high"), ConditionState::NeverSeen);
    run.event(reading(Kind::SYSTOLIC_BP, minutes(0), 120_000), host(minutes(5)));
    assert!(active(&run, "high"), "for four minutes: {:?}", run.state("high"));
}

/// Words about circumstances, and readings that do not count, verify nothing.
#[test]
fn only_measurements_verify_a_score() {
    let minds = json!({ "id": "minds", "title": "Minds artifacts", "signal": "heart_rate",
        "max_artifact": "10 %", "levels": [{ "level": "review", "raise": { "above": 100 } }] });
    let mut run = Run::new(&one_score(1, &fast_heart(100), "1 min", &[high(3), minds]));
    run.live(heart_rate(minutes(0), 120));
    run.tick(host(minutes(20)));
    let unverified = ConditionState::ActiveUnverified(Level::Review);
    assert_eq!(run.state("high"), unverified);
    run.live(oxygen(20, Some(true)));
    run.live(prescribed(20, 2));
    assert_eq!(run.state("high"), unverified);
    for minute in 21..25 {
        run.live(heart_rate(minutes(minute), 120).quality(Quality::ARTIFACT));
        assert_eq!(run.state("high"), unverified);
    }
    run.live(heart_rate(minutes(25), 120));
    assert!(active(&run, "high"));
}

/// Readings that leave the score as it is verify it all the same, also within a pane of an hour.
#[test]
fn a_score_that_stays_as_it_is_is_verified_by_what_comes() {
    let mut run = Run::new(&one_score(1, &fast_heart(100), "1 h", &[high(3)]));
    for minute in 1..50 {
        run.tick(host(minutes(minute)));
        run.live(heart_rate(minutes(minute), 120));
        assert!(active(&run, "high"), "{minute}: {:?}", run.state("high"));
    }
    run.tick(host(minutes(49 + 11)));
    assert_eq!(run.state("high"), ConditionState::ActiveUnverified(Level::Review));
}

/// A phone that was offline for eight hours: what was is found, and nobody is paged.
#[test]
fn old_data_give_a_finding_and_no_page() {
    let mut run = Run::new(&one_score(1, &news2(), "1 min", &[high(5)]));
    run.live(heart_rate(minutes(500), 80));
    run.live(spo2(minutes(500), 97));
    for minute in 0..60 {
        let ill = (20..30).contains(&minute);
        let (rate, percent) = if ill { (125, 91) } else { (80, 97) };
        run.event(heart_rate(minutes(minute), rate), host(minutes(501)));
        run.event(spo2(minutes(minute), percent), host(minutes(501)));
    }
    run.tick(host(minutes(510)));
    assert_eq!(run.opened("high"), vec![]);
    let found = run.findings("high");
    assert_eq!(found.len(), 1, "{found:?}");
    let (level, from, until, alerted) = found[0];
    assert_eq!((level, from, alerted), (Level::Review, minutes(20), false));
    assert!((minutes(29)..=minutes(30)).contains(&until), "{until}");
    assert_eq!(run.state("high"), ConditionState::Normal);
}

// --- Another policy ---------------------------------------------------------------------------

fn change(run: &mut Run, to: &Arc<Policy>, minute: i64) {
    let from = Arc::clone(run.engine.policy());
    let proposal = Proposal::new(&from, Arc::clone(to), "dr.a", "another table").unwrap();
    let approved = proposal.approve("dr.b", host(minutes(minute))).unwrap();
    run.engine.handle_change(approved, host(minutes(minute))).unwrap().unwrap();
    run.drain();
}

/// An episode is followed to its end by the table that opened it.
#[test]
fn a_retired_rule_keeps_its_own_score() {
    let policies =
        [100, 130].map(|limit| one_score(limit, &fast_heart(limit as u8), "1 min", &[high(3)]));
    let mut run = Run::new(&policies[0]);
    for minute in 0..3 {
        run.live(heart_rate(minutes(minute), 120));
    }
    assert_eq!(run.opened("high").len(), 1);
    change(&mut run, &policies[1], 3);
    for minute in 3..6 {
        run.live(heart_rate(minutes(minute), 120));
        let alert = &run.engine.alerts(PatientKey(0))[0];
        assert_eq!(alert.condition, ConditionState::Active(Level::Review), "by its own table");
    }
    assert_eq!(run.state("high"), ConditionState::Normal, "by the new one");
    run.live(heart_rate(minutes(6), 90));
    assert_eq!(run.engine.alerts(PatientKey(0))[0].condition, ConditionState::Normal);
    run.live(heart_rate(minutes(7), 140));
    assert_eq!(run.opened("high").len(), 2);
}

/// A table that changed begins with what is measured under it: nothing is carried from the old one.
#[test]
fn another_table_starts_anew() {
    let mut mean = high(2);
    mean["levels"][0]["raise"] = json!({ "signal": "score", "statistic": "mean", "over": "10 min",
        "at_or_above": 2 });
    let policies =
        [100, 90].map(|limit| one_score(limit, &fast_heart(limit as u8), "1 min", &[mean.clone()]));
    let mut run = Run::new(&policies[0]);
    for minute in 0..20 {
        run.live(heart_rate(minutes(minute), 95));
    }
    assert_eq!(run.state("high"), ConditionState::Normal);
    change(&mut run, &policies[1], 20);
    for minute in 20..24 {
        run.live(heart_rate(minutes(minute), 95));
        assert!(!active(&run, "high"), "less than half of the window");
    }
    for minute in 24..26 {
        run.live(heart_rate(minutes(minute), 95));
    }
    assert!(active(&run, "high"));
}

/// Only the panes of the score are other ones: what a pane holds is still the score as of its end, and
/// not the mean of the scores that were there.
#[test]
fn wider_panes_of_a_score_hold_one_score_each() {
    let mut highest = high(2);
    highest["levels"][0]["raise"] = json!({ "signal": "score", "statistic": "max",
        "over": "30 min", "at_or_above": 2, "coverage": "1 %" });
    let narrow = one_score(1, &fast_heart(100), "1 min", &[high(3)]);
    let wide = one_score(2, &fast_heart(100), "10 min", &[highest]);
    let mut run = Run::new(&narrow);
    for minute in 0..20 {
        let rate = if minute == 3 || minute == 14 { 120 } else { 80 };
        run.live(heart_rate(minutes(NEXT_HOUR + minute), rate));
    }
    change(&mut run, &wide, NEXT_HOUR + 20);
    run.live(heart_rate(minutes(NEXT_HOUR + 21), 80));
    assert!(!active(&run, "high"), "at the ends of the panes the heart was calm");
}
