//! Cases by their names.

use std::sync::Arc;

use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use rpm_core::record::{AlertChange, ConditionState, Level, Resolution};
use rpm_core::{Action, Code, PatientKey};
use serde_json::{Value as Json, json};

use crate::common::{self, Run, With, heart_rate, host, patient_id, reading};
use crate::stay::{
    DAY, HOUR, MINUTE, active, change, clause, evidence, found, midnight, minutes, probe, profile,
    ward, ward_json,
};

fn usual() -> Json {
    json!({ "usual": { "of": "heart_rate", "learn": { "mean": { "half_life": "3 d" } } } })
}

/// Fifteen above what is usual; over at eight.
fn tachycardia(level: &str, latch: bool) -> Json {
    json!({ "id": "fast", "title": "Faster than usual", "signal": "heart_rate", "levels": [{
        "level": level, "raise": { "above": 15, "baseline": "usual" }, "for": "3 min",
        "clear": { "below": 8, "baseline": "usual" }, "clear_for": "2 min", "latch": latch,
    }] })
}

fn state(run: &Run, patient: u32) -> ConditionState {
    run.engine.condition(PatientKey(patient), "fast").unwrap()
}

#[test]
fn fifteen_beats_more_mean_something_for_one_patient_and_nothing_for_the_other() {
    let mut run = Run::new(&ward(&usual(), &json!([tachycardia("review", false)])));
    for minute in 0..26 * 60 {
        let (slow, quick) = (54 + minute % 3, 74 + minute % 12);
        run.live(heart_rate(minute * MINUTE, slow as i32));
        run.live(heart_rate(minute * MINUTE, quick as i32).patient(1));
    }
    for minute in 26 * 60..26 * 60 + 10 {
        run.live(heart_rate(minute * MINUTE, 76));
        run.live(heart_rate(minute * MINUTE, 86).patient(1));
    }
    assert_eq!(run.opened("fast"), [(Level::Review, 26 * HOUR)]);
    assert_eq!(state(&run, 0), ConditionState::Active(Level::Review));
    assert_eq!(state(&run, 1), ConditionState::Normal);
    let clause = &evidence(&run, "fast").unwrap()[0];
    let usual = clause.baseline.as_ref().unwrap();
    assert!((clause.limit.as_ref().unwrap().parse::<f64>().unwrap() - 70.0).abs() < 0.01);
    assert_eq!((usual.baseline.as_str(), usual.distance.as_str()), ("usual", "15"));
    let said = clause.to_string();
    assert!(said.contains(&format!(", usual, {} panes since ", usual.samples)), "{said}");
}

#[test]
fn without_history_the_fallback_is_used_and_said() {
    let mut baselines = usual();
    baselines["usual"]["fallback"] = json!({ "any": [60, 100], "child": [80, 120] });
    let policy = ward(&baselines, &json!([tachycardia("review", false)]));
    let mut run = Run::new(&policy);
    minutes(&mut run, 0..10, |_| 116);
    assert_eq!(run.opened("fast"), [(Level::Review, 0)]);
    let said = evidence(&run, "fast").unwrap()[0].to_string();
    assert!(said.contains("(15 from 100, usual, the policy's fallback)"), "{said}");
    // What is fast for an adult is not for a child.
    let mut child = Run::new(&policy);
    child.event(profile(0, Some("child"), None), host(0));
    minutes(&mut child, 0..10, |_| 116);
    assert!(child.opened("fast").is_empty());
    assert_eq!(found(&mut child, "fast").unwrap().limit, 135.0);
    let mut other = Run::new(&policy);
    other.event(profile(0, Some("elder"), None), host(0));
    minutes(&mut other, 0..10, |_| 116);
    assert_eq!(other.opened("fast").len(), 1, "for everybody else");
}

#[test]
fn without_a_fallback_there_is_too_little_data_and_no_alert() {
    let mut run = Run::new(&ward(&usual(), &json!([tachycardia("urgent", true)])));
    minutes(&mut run, 0..23 * 60, |minute| if minute < 1000 { 60 } else { 180 });
    assert!(run.opened("fast").is_empty());
    let clause = clause(&mut run, "fast").unwrap();
    assert_eq!((clause.limit.as_ref(), clause.verdict), (None, rpm_core::record::Verdict::Stale));
    let said = clause.to_string();
    assert!(said.contains("no limit yet (usual is not known yet)"), "{said}");
}

#[test]
fn a_level_reached_through_a_baseline_is_like_any_other() {
    let mut run = Run::new(&ward(&usual(), &json!([tachycardia("urgent", true)])));
    let day = 26 * 60;
    minutes(&mut run, 0..day, |_| 60);
    minutes(&mut run, day..day + 3, |_| 76);
    assert_eq!(run.state("fast"), ConditionState::Pending, "held two minutes of three");
    minutes(&mut run, day + 3..day + 4, |_| 76);
    assert_eq!(run.opened("fast"), [(Level::Urgent, day * MINUTE)]);
    minutes(&mut run, day + 4..day + 20, |_| 70);
    assert_eq!(run.state("fast"), ConditionState::Active(Level::Urgent), "between the limits");
    minutes(&mut run, day + 20..day + 22, |_| 67);
    assert_eq!(run.state("fast"), ConditionState::Clearing(Level::Urgent));
    minutes(&mut run, day + 22..day + 24, |_| 67);
    assert_eq!(run.state("fast"), ConditionState::Latched(Level::Urgent));
    let refused = run.command(1, 0, Action::Acknowledge, host((day + 24) * MINUTE));
    assert_eq!(refused, Err(Code::StaleRevision));
    let resolve = Action::Resolve { reason: Resolution::Other, note: Some("seen".into()) };
    let seen = run.revision(1);
    run.command(1, seen, resolve, host((day + 24) * MINUTE)).unwrap();
    assert_eq!(run.state("fast"), ConditionState::Normal);
    assert!(!run.changes("fast").contains(&AlertChange::Reopened));
}

#[test]
fn a_slow_drift_is_learned_and_a_sudden_step_is_alarmed() {
    let policy = ward(&usual(), &json!([tachycardia("review", false)]));
    let mut run = Run::new(&policy);
    // One beat more every eight hours: twenty-four more in eight days.
    minutes(&mut run, 0..8 * 24 * 60, |minute| 60 + (minute / 480) as i32);
    assert!(run.opened("fast").is_empty());
    assert!(found(&mut run, "fast").unwrap().edge > 68.0);
    let end = 8 * 24 * 60;
    minutes(&mut run, end..end + 10, |_| 84 + 12);
    assert_eq!(run.opened("fast"), [(Level::Review, end * MINUTE)]);
}

#[test]
fn an_open_episode_does_not_teach_its_own_values() {
    let policy = ward(&usual(), &json!([tachycardia("review", false)]));
    let mut run = Run::new(&policy);
    let day = 26 * 60;
    minutes(&mut run, 0..day, |minute| 59 + (minute % 3) as i32);
    minutes(&mut run, day..day + 6 * 24 * 60, |_| 110);
    assert_eq!(run.state("fast"), ConditionState::Active(Level::Review), "after six days still");
    let said = found(&mut run, "fast").unwrap();
    // What was seen before the hold was over was learned: three minutes of it.
    assert!((said.edge - 60.1).abs() < 0.1, "{said:?}");
    minutes(&mut run, day + 6 * 24 * 60..day + 6 * 24 * 60 + 10, |_| 60);
    assert_eq!(run.state("fast"), ConditionState::Normal);
}

/// "The night's mean at or above the median of the nights before + 4 on two consecutive nights", with
/// one reading a day.
fn nights(rise: i64, of: u16, within: &str) -> Arc<Policy> {
    common::policy(&json!({
        "id": "nights", "version": 1, "title": "Nights", "lateness_horizon": "1 h",
        "signals": { "heart_rate": { "cadence": "1 d" } },
        "baselines": { "nights": { "of": "heart_rate", "learn": { "median": { "panes": of } } } },
        "rules": [{
            "id": "rise", "title": "Night pulse rises", "signal": "heart_rate",
            "levels": [{
                "level": "review", "raise": { "at_or_above": rise, "baseline": "nights" },
                "times": { "count": 2, "within": within },
            }],
        }],
    }))
}

/// What a script over the finished list of nights would find: on which days the second of two
/// consecutive nights is at or above the median of the (up to `of`, at least half of them known) nights
/// before it plus the rise, begun anew only when a night is not.
fn offline(nights: &[Option<i32>], of: usize, rise: i32) -> Vec<usize> {
    let high = |day: usize| {
        let value = nights[day]?;
        let mut before: Vec<i32> =
            nights[day.saturating_sub(of)..day].iter().copied().flatten().collect();
        if before.len() < of.div_ceil(2).max(1) {
            return None;
        }
        before.sort_unstable();
        let middle = before[(before.len() - 1) / 2] + before[before.len() / 2];
        Some(2 * value >= middle + 2 * rise)
    };
    let (mut found, mut active) = (Vec::new(), false);
    for day in 0..nights.len() {
        match high(day) {
            Some(true) if !active && day > 0 && high(day - 1) == Some(true) => {
                found.push(day);
                active = true;
            }
            Some(false) => active = false,
            _ => {}
        }
    }
    found
}

#[test]
fn two_nights_above_the_nights_before() {
    let (of, mut seed, mut alarms) = (14, 7_u64, 0);
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for patient in 0..40 {
        let mut ill = 0;
        let nights: Vec<Option<i32>> = (0..120)
            .map(|_| {
                ill = if ill == 0 && next(15) == 0 { 4 } else { i64::max(ill - 1, 0) };
                let pulse = 58 + next(6) as i32 + if ill > 0 { 6 } else { 0 };
                (next(10) > u64::from(patient % 3 == 0) * 2).then_some(pulse)
            })
            .collect();
        let mut run = Run::new(&nights_policy(of));
        for (day, pulse) in nights.iter().enumerate() {
            if let Some(pulse) = pulse {
                run.live(heart_rate(midnight() + day as i64 * DAY + 5 * HOUR, *pulse));
            }
        }
        let said = common::history(&run.records, &patient_id(0), "rise", DAY);
        let active =
            |(_, state): &&(i64, ConditionState)| *state == ConditionState::Active(Level::Review);
        let first = common::T0 + midnight();
        let days: Vec<usize> =
            said.iter().filter(active).map(|(at, _)| ((at - first) / DAY) as usize).collect();
        let expected = offline(&nights, usize::from(of), 4);
        assert_eq!(days, expected, "patient {patient}: {nights:?}");
        alarms += expected.len();
    }
    assert!(alarms > 40, "the data had something to find: {alarms}");
}

fn nights_policy(of: u16) -> Arc<Policy> {
    nights(4, of, "2 d")
}

#[test]
fn panes_of_a_day_are_learned_too() {
    let policy = json!({
        "id": "scale", "version": 1, "title": "Scale", "lateness_horizon": "1 d",
        "signals": { "weight": { "cadence": "1 d" } },
        "baselines": { "usual": { "of": "weight", "every": "3 d", "warm_up": "10 d",
            "learn": { "mean": { "half_life": "30 d" } } } },
        "rules": [active("gain", "weight", &json!({ "above": 2, "baseline": "usual" }))],
    });
    let kind = Kind::WEIGHT;
    let mut run = Run::new(&common::policy(&policy));
    for day in 0..60 {
        run.live(reading(kind, midnight() + day * DAY + 7 * HOUR, 80_000 + (day % 3) as i32 * 300));
        let known = found(&mut run, "gain");
        assert_eq!(known.is_some(), known.is_some_and(|k| k.samples >= 10));
        // Ten days, the day in question, three until it is certain, and until the next interval.
        assert!(day >= 13 || known.is_none(), "day {day}: {known:?}");
        assert!(day <= 16 || known.is_some(), "day {day}");
    }
    run.live(reading(kind, midnight() + 60 * DAY + 7 * HOUR, 82_600));
    assert_eq!(run.opened("gain").len(), 1);
    assert!((found(&mut run, "gain").unwrap().edge - 80.3).abs() < 0.05);
}

#[test]
fn by_hour_tells_night_from_day_wherever_the_patient_is() {
    let baselines = json!({ "usual": {
        "of": "heart_rate", "learn": { "by_hour": { "half_life": "7 d" } } } });
    let rules = json!([probe("p", "heart_rate", &json!({ "above": 0, "baseline": "usual" }))]);
    let mut run = Run::new(&ward(&baselines, &rules));
    let start = midnight() / MINUTE;
    // Asleep from 22 to 6 by the patient's clock.
    let rate = |local: i64| if (6 * 60..22 * 60).contains(&(local % (24 * 60))) { 80 } else { 55 };
    let day = 24 * 60;
    minutes(&mut run, start..start + 5 * day, |minute| rate(minute - start));
    let at = |run: &mut Run, minute: i64, rate: i32| {
        minutes(run, minute..minute + 1, |_| rate);
        found(run, "p").unwrap().edge
    };
    assert_eq!(at(&mut run, start + 5 * day + 3 * 60, 55), 55.0);
    assert_eq!(at(&mut run, start + 5 * day + 12 * 60, 80), 80.0);
    // To where it is nine hours later: three in the afternoon by UTC is midnight there.
    let moved = start + 5 * day + 13 * 60;
    run.event(profile(moved * MINUTE, None, Some(9 * 60)), host(moved * MINUTE));
    assert_eq!(at(&mut run, moved + 2 * 60, 55), 55.0, "15:00 is midnight");
    assert_eq!(at(&mut run, moved + 10 * 60, 80), 80.0, "23:00 is eight o'clock");
    assert_eq!(at(&mut run, moved + 23 * 60, 80), 80.0, "12:00 is nine in the evening");
}

#[test]
fn an_episode_keeps_the_baseline_of_its_own_policy() {
    let first = ward(&usual(), &json!([tachycardia("review", false)]));
    let mut run = Run::new(&first);
    let day = 26 * 60;
    minutes(&mut run, 0..day + 10, |minute| if minute < day { 60 } else { 90 });
    assert_eq!(run.state("fast"), ConditionState::Active(Level::Review));
    // The rule is measured from something else now, of which nothing is known.
    let mut json = ward_json(&usual(), &json!([tachycardia("review", false)]));
    json["version"] = 2.into();
    json["baselines"]["usual"]["learn"]["mean"]["half_life"] = "5 d".into();
    change(&mut run, &common::policy(&json), (day + 10) * MINUTE);
    minutes(&mut run, day + 10..day + 200, |_| 90);
    let alert = &run.engine.alerts(PatientKey(0))[0];
    assert!(alert.is_open() && alert.version == 1);
    assert_eq!(found(&mut run, "fast"), None, "begun anew");
    // Back where it was usual, by what was known then.
    minutes(&mut run, day + 200..day + 210, |_| 61);
    let alert = &run.engine.alerts(PatientKey(0))[0];
    assert!(!alert.is_open(), "{:?}", run.changes("fast"));
}

#[test]
fn a_baseline_that_means_the_same_goes_on() {
    let first = ward(&usual(), &json!([tachycardia("review", false)]));
    let mut run = Run::new(&first);
    minutes(&mut run, 0..26 * 60, |_| 60);
    let before = found(&mut run, "fast").unwrap();
    // Another rule, another title: the same baseline.
    let more = probe("more", "heart_rate", &json!({ "above": 1, "baseline": "usual" }));
    let mut json = ward_json(&usual(), &json!([tachycardia("review", false), more]));
    json["version"] = 2.into();
    change(&mut run, &common::policy(&json), 26 * HOUR - 1);
    assert_eq!(found(&mut run, "fast"), Some(before));
    minutes(&mut run, 26 * 60..27 * 60 + 1, |_| 60);
    assert!(found(&mut run, "more").unwrap().samples > before.samples);
}

/// Old data of a child are judged by what is usual for a child.
#[test]
fn old_data_are_judged_by_the_fallback_of_the_age_band() {
    let mut baselines = usual();
    baselines["usual"]["fallback"] = json!({ "any": [60, 100], "child": [80, 130] });
    let mut run = Run::new(&ward(&baselines, &json!([tachycardia("review", false)])));
    let now = 10 * 60;
    run.event(profile(0, Some("child"), None), host(now * MINUTE));
    run.event(heart_rate(now * MINUTE, 90), host(now * MINUTE));
    for minute in 0..30 {
        run.event(heart_rate(minute * MINUTE, 120), host(now * MINUTE));
    }
    run.tick(host((now + 10) * MINUTE));
    assert!(run.findings("fast").is_empty(), "{:?}", run.findings("fast"));
}

/// A signal that stands still has no deviation: a beat more is not many deviations more.
#[test]
fn a_constant_signal_is_not_left_by_the_smallest_step() {
    let rule = |id: &str, baseline: &str| {
        active(
            id,
            "heart_rate",
            &json!({
            "above": 3, "distance": "deviations", "baseline": baseline }),
        )
    };
    let of = |least: Option<f64>| {
        let mut usual = usual()["usual"].clone();
        if let Some(least) = least {
            usual["least_deviation"] = least.into();
        }
        usual
    };
    let baselines = json!({ "plain": of(None), "none": of(Some(0.0)), "wide": of(Some(2.5)) });
    let rules = json!([rule("of-charts", "plain"), rule("any", "none"), rule("wide", "wide")]);
    let policy = ward(&baselines, &rules);
    let mut run = Run::new(&policy);
    minutes(&mut run, 0..26 * 60, |_| 60);
    for (minute, rate, opened) in
        [(0, 61, [0, 1, 0]), (1, 63, [0, 1, 0]), (2, 64, [1, 1, 0]), (3, 68, [1, 1, 1])]
    {
        minutes(&mut run, 26 * 60 + minute..26 * 60 + minute + 1, |_| rate);
        let found = ["of-charts", "any", "wide"].map(|rule| run.opened(rule).len());
        assert_eq!(found, opened, "{rate}");
    }
    let said = evidence(&run, "of-charts").unwrap()[0].to_string();
    assert!(said.contains("(3 deviations of 1 (at least; 0 found) from 60, plain, "), "{said}");
    let words = policy.describe();
    assert!(words.contains("is above plain + 3 deviations of at least 1 /min"), "{words}");
    assert!(words.contains("is above none + 3 deviations;"), "{words}");
}
