//! Patterns of several signals in time: one thing, then another.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, heart_rate, host, policy, spo2};
use proptest::prelude::*;
use rpm_core::Code;
use rpm_core::event::Event;
use rpm_core::policy::Policy;
use rpm_core::record::ConditionState::{self, Active, Normal};
use rpm_core::record::{self, Level};
use serde_json::{Value as Json, json};

fn minutes(n: i64) -> i64 {
    n * 60_000
}

/// SpO2 falls, then the heart rate rises within 10 minutes.
fn written() -> Json {
    json!({
        "id": "home", "version": 1, "title": "Home", "lateness_horizon": "20 min",
        "signals": { "heart_rate": { "cadence": "1 min" }, "spo2": { "cadence": "1 min" } },
        "rules": [{
            "id": "fall-then-rise", "title": "Oxygen fell, then the heart rate rose",
            "levels": [{ "level": "review", "raise": { "all": [
                { "recently": { "within": "10 min", "of": { "signal": "spo2", "below": 90 } } },
                { "signal": "heart_rate", "above": 110 }
            ] } }]
        }]
    })
}

fn home() -> Arc<Policy> {
    policy(&written())
}

fn state(run: &Run) -> ConditionState {
    run.state("fall-then-rise")
}

#[test]
fn one_after_the_other_within_the_time_is_the_pattern() {
    let mut run = Run::new(&home());
    run.live(heart_rate(minutes(0), 80));
    run.live(spo2(minutes(1), 88));
    run.live(spo2(minutes(2), 95));
    assert_eq!(state(&run), Normal);
    run.live(heart_rate(minutes(10), 120));
    assert_eq!(state(&run), Active(Level::Review));
    let records: Vec<_> = run.records.iter().map(|sealed| &sealed.record).collect();
    let text = record::explain(records, rpm_core::AlertId(1)).unwrap().to_string();
    assert!(text.contains("heart_rate last was 120 /min, limit above 110 /min"), "{text}");
    assert!(home().describe().contains("within the last 10 min spo2 last is below 90 %"));
}

#[test]
fn too_late_or_the_other_way_round_is_not() {
    let mut late = Run::new(&home());
    late.live(spo2(minutes(1), 88));
    late.live(spo2(minutes(2), 95));
    late.live(heart_rate(minutes(11), 120));
    assert_eq!(state(&late), Normal);
    let mut other = Run::new(&home());
    other.live(heart_rate(minutes(1), 120));
    other.live(heart_rate(minutes(2), 80));
    other.live(spo2(minutes(3), 88));
    assert_eq!(state(&other), Normal);
}

/// A reading that comes late is where it belongs in the sequence.
#[test]
fn a_late_fall_is_still_before_the_rise() {
    let mut run = Run::new(&home());
    run.live(spo2(minutes(0), 97));
    run.live(heart_rate(minutes(5), 120));
    assert_eq!(state(&run), Normal);
    run.event(spo2(minutes(2), 86), host(minutes(6)));
    assert_eq!(state(&run), Active(Level::Review));
}

/// Several that are worth a review each are urgent together.
#[test]
fn three_reviews_at_once_are_urgent() {
    let rule = |id: &str, signal: &str, limit: Json| {
        json!({ "id": id, "title": id, "signal": signal,
                "levels": [{ "level": "review", "raise": limit }] })
    };
    let mut written = written();
    written["signals"]["respiratory_rate"] = json!({ "cadence": "1 min" });
    written["rules"] = json!([
        rule("fast", "heart_rate", json!({ "above": 110 })),
        rule("low", "spo2", json!({ "below": 92 })),
        rule("short", "respiratory_rate", json!({ "above": 24 })),
        { "id": "all-three", "title": "Three at once", "levels": [{ "level": "urgent",
          "raise": { "at_least": { "count": 3, "of": [
              { "rule": "fast" }, { "rule": "low" }, { "rule": "short" }] } } }] },
    ]);
    let mut run = Run::new(&policy(&written));
    run.live(heart_rate(0, 120));
    run.live(spo2(0, 91));
    assert_ne!(run.state("all-three"), Active(Level::Urgent));
    run.live(common::reading(rpm_core::event::Kind::RESPIRATORY_RATE, 0, 26_000));
    assert_eq!(run.state("all-three"), Active(Level::Urgent));
}

#[test]
fn mistakes_have_their_paths() {
    let with = |recently: Json| {
        let mut written = written();
        written["rules"][0]["levels"][0]["raise"] = json!({ "recently": recently });
        let errors = Policy::from_json(written.to_string().as_bytes()).unwrap_err();
        let of = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
        errors.errors().iter().map(of).collect::<Vec<_>>()
    };
    let below = json!({ "signal": "spo2", "below": 90 });
    let path = |end: &str| format!("rules[0].levels[0].raise.recently.{end}");
    for within in ["1 s", "5 d"] {
        let found = with(json!({ "within": within, "of": below }));
        assert_eq!(found, [(Code::OutOfRange, path("within"))], "{within}");
    }
    let nested = json!({ "recently": { "within": "5 min", "of": below } });
    assert_eq!(with(json!({ "within": "5 min", "of": nested })), [(Code::TooDeep, path("of"))]);
}

/// What it means, in the shortest words: of readings by minute, whether the pattern is met at each.
fn naive(falls: &[Option<i32>], rates: &[Option<i32>]) -> Vec<Option<bool>> {
    let last = |values: &[Option<i32>], at: usize| {
        values[at.saturating_sub(2)..=at].iter().rev().flatten().next().copied()
    };
    let met = |at: usize| {
        if falls[at].is_none() && rates[at].is_none() {
            return None;
        }
        let from = at.saturating_sub(9);
        // `last` looks back over three cadences, here as everywhere.
        let looked = (from..=at).filter(|t| falls[*t].is_some() || *t == at);
        let fell: Vec<bool> =
            looked.filter_map(|t| last(falls, t)).map(|value| value < 90).collect();
        let fall = if fell.iter().any(|fell| *fell) {
            Some(true)
        } else if fell.is_empty() {
            None
        } else {
            Some(false)
        };
        let rise = last(rates, at).map(|rate| rate > 110);
        match (fall, rise) {
            (Some(true), Some(true)) => Some(true),
            (Some(false), _) | (_, Some(false)) => Some(false),
            _ => None,
        }
    };
    (0..falls.len()).map(met).collect()
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/patterns.txt", 5))]

    #[test]
    fn it_is_met_when_its_words_say_so_in_any_order_of_arrival(
        falls in proptest::collection::vec(proptest::option::of(84_i32..96), 18),
        rates in proptest::collection::vec(proptest::option::of(95_i32..125), 18),
        order in Just((0..36_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let events: Vec<Option<Event>> = (0..18)
            .map(|i| falls[i].map(|value| spo2(minutes(i as i64), value)))
            .chain((0..18).map(|i| rates[i].map(|value| heart_rate(minutes(i as i64), value))))
            .collect();
        let mut run = Run::new(&home());
        for event in order.iter().filter_map(|index| events[*index].clone()) {
            run.event(event, host(minutes(18)));
        }
        // Active from the first minute it is met, until one says that it is not.
        let mut active = false;
        for met in naive(&falls, &rates).into_iter().flatten() {
            active = met;
        }
        let state = state(&run);
        prop_assert_eq!(matches!(state, Active(_)), active, "{:?}", state);
    }
}
