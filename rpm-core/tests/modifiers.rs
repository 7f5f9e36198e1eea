//! Circumstances change what rules ask for: named cases, and that nothing depends on the order in which
//! circumstances and readings arrive.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, event, heart_rate, host, policy};
use proptest::prelude::*;
use rpm_core::Code;
use rpm_core::event::{Body, Context, Event, Profile};
use rpm_core::policy::Policy;
use rpm_core::record::ConditionState::{Active, Normal};
use rpm_core::record::{self, Level};
use serde_json::{Value as Json, json};

fn minutes(n: i64) -> i64 {
    n * 60_000
}

fn with(modifiers: &Json) -> Json {
    json!({
        "id": "home", "version": 1, "title": "Home", "lateness_horizon": "10 min",
        "signals": { "heart_rate": { "cadence": "1 min" } },
        "rules": [{
            "id": "fast", "title": "Heart rate is high", "signal": "heart_rate",
            "levels": [
                { "level": "review", "raise": { "above": 120 }, "clear": { "below": 115 } },
                { "level": "urgent", "raise": { "above": 150 }, "clear": { "below": 140 },
                  "for": "2 min", "latch": false }
            ]
        }],
        "modifiers": modifiers
    })
}

fn walking() -> Json {
    json!([{ "id": "walking", "title": "walking", "when": { "activity": ["walking", "running"] },
             "rules": ["fast"], "levels": ["review"], "limit": { "plus": 20 } }])
}

fn home(modifiers: &Json) -> Arc<Policy> {
    policy(&with(modifiers))
}

fn doing(ms: i64, activity: &str) -> Event {
    let activity = Some(activity.to_string());
    event(ms, Body::Context(Context { activity, ..Context::default() }))
}

fn phase(ms: i64, name: &str) -> Event {
    let care_phase = Some(name.to_string());
    event(ms, Body::Context(Context { care_phase, ..Context::default() }))
}

fn explained(run: &Run) -> String {
    let records: Vec<_> = run.records.iter().map(|sealed| &sealed.record).collect();
    record::explain(records, rpm_core::AlertId(1)).unwrap().to_string()
}

fn mistakes(json: &Json) -> Vec<(Code, String)> {
    let errors = Policy::from_json(json.to_string().as_bytes()).unwrap_err();
    let of = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
    errors.errors().iter().map(of).collect()
}

#[test]
fn a_limit_is_higher_while_the_patient_walks() {
    let mut run = Run::new(&home(&walking()));
    run.live(doing(minutes(0), "walking"));
    run.live(heart_rate(minutes(1), 135));
    assert_eq!(run.state("fast"), Normal);
    run.live(heart_rate(minutes(2), 141));
    assert_eq!(run.state("fast"), Active(Level::Review));
    let text = explained(&run);
    assert!(text.contains("limit above 140 /min (120 became 140: walking, since "), "{text}");
}

#[test]
fn unknown_is_not_so_and_rest_is_not_walking() {
    for context in [None, Some("rest")] {
        let mut run = Run::new(&home(&walking()));
        if let Some(activity) = context {
            run.live(doing(0, activity));
        }
        run.live(heart_rate(minutes(1), 135));
        assert_eq!(run.state("fast"), Active(Level::Review), "{context:?}");
    }
}

/// The walk ends: what was high for a walker is high for one who sits, and what was over is not.
#[test]
fn the_limit_comes_back_with_the_next_reading() {
    let mut run = Run::new(&home(&walking()));
    run.live(doing(minutes(0), "walking"));
    run.live(heart_rate(minutes(1), 135));
    run.live(doing(minutes(2), "rest"));
    assert_eq!(run.state("fast"), Normal, "nothing was measured since");
    run.live(heart_rate(minutes(3), 135));
    assert_eq!(run.state("fast"), Active(Level::Review));
}

#[test]
fn modifiers_apply_in_the_order_of_the_policy() {
    let both = |first: Json, second: Json| {
        let modifiers = json!([
            { "id": "a", "title": "a", "when": { "activity": ["walking"] }, "rules": ["fast"],
              "levels": ["review"], "limit": first },
            { "id": "b", "title": "b", "when": { "activity": ["walking"] }, "rules": ["fast"],
              "levels": ["review"], "limit": second },
        ]);
        let mut run = Run::new(&home(&modifiers));
        run.live(doing(minutes(0), "walking"));
        run.live(heart_rate(minutes(1), 139));
        run.state("fast")
    };
    assert_eq!(both(json!({ "plus": 10 }), json!({ "to": 130 })), Active(Level::Review));
    assert_eq!(both(json!({ "to": 130 }), json!({ "plus": 10 })), Normal);
}

#[test]
fn a_level_that_rests_is_neither_raised_nor_cleared() {
    let rests = json!([{ "id": "exercise", "title": "exercise",
        "when": { "activity": ["exercise"] }, "rules": ["fast"], "levels": ["review"],
        "rests": true }]);
    let mut run = Run::new(&home(&rests));
    run.live(doing(minutes(0), "exercise"));
    run.live(heart_rate(minutes(1), 145));
    assert_eq!(run.state("fast"), Normal);
    run.live(doing(minutes(2), "rest"));
    run.live(heart_rate(minutes(3), 145));
    assert_eq!(run.state("fast"), Active(Level::Review));
    run.live(doing(minutes(4), "exercise"));
    run.live(heart_rate(minutes(5), 80));
    assert_eq!(run.state("fast"), Active(Level::Review), "who exercises cannot clear it");
    run.live(doing(minutes(6), "rest"));
    run.live(heart_rate(minutes(7), 80));
    assert_eq!(run.state("fast"), Normal);
}

#[test]
fn a_hold_can_be_longer_and_the_record_says_which_was_in_force() {
    let held = json!([{ "id": "stairs", "title": "stairs", "when": { "activity": ["stairs"] },
        "rules": ["fast"], "levels": ["review"], "hold": { "to": "3 min" } }]);
    let mut run = Run::new(&home(&held));
    run.live(doing(minutes(0), "stairs"));
    for minute in 1..=3 {
        run.live(heart_rate(minutes(minute), 130));
        assert!(run.opened("fast").is_empty(), "{minute}");
    }
    run.live(heart_rate(minutes(4), 130));
    assert!(explained(&run).contains("held 3 min"), "{}", explained(&run));
}

#[test]
fn the_first_days_after_a_phase_began_are_counted_from_its_beginning() {
    let early = json!([{ "id": "early", "title": "first day after surgery",
        "when": { "care_phase": ["post-op"], "phase_within": "24 h" },
        "rules": ["fast"], "levels": ["review"], "limit": { "to": 110 } }]);
    let mut run = Run::new(&home(&early));
    run.live(phase(minutes(0), "post-op"));
    // The same phase said again is not a new one.
    run.live(phase(minutes(600), "post-op"));
    run.live(heart_rate(minutes(1439), 112));
    assert_eq!(run.state("fast"), Active(Level::Review));
    run.live(heart_rate(minutes(1442), 112));
    assert_eq!(run.state("fast"), Normal, "the limit is 120 again, and cleared below 115");
}

#[test]
fn profile_and_hours_modify_as_well() {
    let child = json!([
        { "id": "child", "title": "child", "when": { "age_band": ["child"] }, "rules": ["fast"],
          "levels": ["review"], "limit": { "plus": 15 } },
        { "id": "night", "title": "at night", "when": { "hours": { "from": "22:00", "until": "06:00" } },
          "rules": ["fast"], "levels": ["review"], "limit": { "plus": -20 } },
    ]);
    let state = |offset: i16, band: &str| {
        let mut run = Run::new(&home(&child));
        let profile = Profile {
            age_band: Some(band.to_string()),
            utc_offset_min: Some(offset),
            ..Profile::default()
        };
        run.live(event(0, Body::Profile(Box::new(profile))));
        run.live(heart_rate(minutes(1), 116));
        run.state("fast")
    };
    // The beginning is 12:27 UTC.
    assert_eq!(state(0, "adult"), Normal);
    assert_eq!(state(11 * 60, "adult"), Active(Level::Review), "23:28 there");
    assert_eq!(state(11 * 60, "child"), Active(Level::Review), "120 + 15 - 20");
    assert_eq!(state(0, "child"), Normal);
}

/// Walking makes a review urgent; what makes something urgent milder must be meant.
fn severity(levels: &str, to: &str) -> Json {
    json!([{ "id": "walking", "title": "walking", "when": { "activity": ["walking"] },
             "rules": ["fast"], "levels": [levels], "severity": to, "widens_urgent": true }])
}

#[test]
fn a_level_counts_as_a_more_severe_one_while_circumstances_say_so() {
    let mut run = Run::new(&home(&severity("review", "urgent")));
    run.live(doing(minutes(0), "walking"));
    run.live(heart_rate(minutes(1), 125));
    assert_eq!(run.state("fast"), Active(Level::Urgent));
    assert_eq!(run.opened("fast"), [(Level::Urgent, minutes(1))]);
    let text = explained(&run);
    assert!(text.contains("limit above 120 /min (review became urgent: walking, since "), "{text}");
    // Below what an urgent rate would have to come to, and still one for review.
    run.live(heart_rate(minutes(2), 118));
    assert_eq!(run.state("fast"), Active(Level::Urgent));
    run.live(doing(minutes(3), "rest"));
    run.live(heart_rate(minutes(4), 118));
    assert_eq!(run.state("fast"), Active(Level::Review));
    run.live(heart_rate(minutes(5), 100));
    assert_eq!(run.state("fast"), Normal);
}

#[test]
fn what_is_active_becomes_more_severe_with_its_circumstances() {
    let mut run = Run::new(&home(&severity("review", "urgent")));
    run.live(heart_rate(minutes(0), 125));
    assert_eq!(run.state("fast"), Active(Level::Review));
    run.live(doing(minutes(1), "walking"));
    run.live(heart_rate(minutes(2), 118));
    assert_eq!(run.state("fast"), Active(Level::Review), "not over, and not raised either");
    run.live(heart_rate(minutes(3), 121));
    assert_eq!(run.state("fast"), Active(Level::Urgent));
    assert_eq!(run.changes("fast"), [record::AlertChange::Raised]);
}

#[test]
fn an_urgent_level_that_counts_as_a_milder_one_is_urgent_when_that_is_over() {
    let mut run = Run::new(&home(&severity("urgent", "review")));
    run.live(doing(minutes(0), "walking"));
    for minute in 1..8 {
        run.live(heart_rate(minutes(minute), 160));
        assert_eq!(run.state("fast"), Active(Level::Review), "{minute}");
    }
    run.live(doing(minutes(8), "rest"));
    run.live(heart_rate(minutes(9), 160));
    assert_eq!(run.state("fast"), Active(Level::Urgent));
    // What is active is not lowered by circumstances.
    run.live(doing(minutes(10), "walking"));
    run.live(heart_rate(minutes(11), 160));
    assert_eq!(run.state("fast"), Active(Level::Urgent));
}

#[test]
fn the_last_severity_in_force_counts() {
    let both = |first: &str, last: &str| {
        let each = |id: &str, to: &str| {
            json!({ "id": id, "title": id, "when": { "activity": ["walking"] }, "rules": ["fast"],
                    "severity": to, "widens_urgent": true })
        };
        let mut run = Run::new(&home(&json!([each("a", first), each("b", last)])));
        run.live(doing(minutes(0), "walking"));
        for minute in 1..5 {
            run.live(heart_rate(minutes(minute), 160));
        }
        run.state("fast")
    };
    assert_eq!(both("urgent", "review"), Active(Level::Review));
    assert_eq!(both("review", "urgent"), Active(Level::Urgent));
}

#[test]
fn a_severity_is_a_level_of_the_rule() {
    let of = |to: &str| {
        json!([{ "id": "m", "title": "m", "when": { "asleep": true }, "rules": ["fast"],
                 "severity": to }])
    };
    let errors = mistakes(&with(&of("worse")));
    assert_eq!(errors, [(Code::UnknownLevel, "modifiers[0].severity".into())]);
    let errors = mistakes(&with(&of("informational")));
    assert_eq!(errors, [(Code::UnknownLevel, "modifiers[0].rules[0]".into())]);
    let words = home(&of("urgent")).describe();
    assert!(words.contains("m - m: of fast, it counts as urgent."), "{words}");
}

/// Until when circumstances last is told where it is a matter of time.
#[test]
fn the_record_says_until_when_where_that_is_known() {
    let when = [
        (json!({ "hours": { "from": "12:00", "until": "14:30" } }), "2020-09-13T14:30:00Z"),
        (json!({ "care_phase": ["recovery"], "phase_within": "3 h" }), "2020-09-13T15:27:00Z"),
    ];
    for (when, until) in when {
        let modifiers = json!([{ "id": "m", "title": "early", "when": when, "rules": ["fast"],
                                 "levels": ["review"], "limit": { "plus": -20 } }]);
        let mut run = Run::new(&home(&modifiers));
        run.live(phase(0, "recovery"));
        run.live(heart_rate(minutes(5), 110));
        let text = explained(&run);
        assert!(text.contains(&format!(", until {until})")), "{text}");
    }
}

#[test]
fn what_makes_an_urgent_level_less_sensitive_must_be_meant() {
    let widening = [
        json!({ "limit": { "plus": 1 } }),
        json!({ "limit": { "to": 151 } }),
        json!({ "hold": { "plus": "1 min" } }),
        json!({ "rests": true }),
        json!({ "severity": "review" }),
    ];
    for change in widening {
        let mut modifier = json!({ "id": "m", "title": "m", "when": { "asleep": true },
            "rules": ["fast"] });
        modifier.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let errors = mistakes(&with(&json!([modifier])));
        assert_eq!(errors, [(Code::WidensUrgent, "modifiers[0].rules[0]".into())], "{change}");
        modifier["widens_urgent"] = json!(true);
        home(&json!([modifier]));
    }
    let narrower = json!([{ "id": "m", "title": "m", "when": { "asleep": true },
        "rules": ["fast"], "limit": { "plus": -10 }, "hold": { "to": "1 min" } }]);
    home(&narrower);
}

#[test]
fn mistakes_are_told_all_at_once() {
    let errors = mistakes(&with(&json!([
        { "id": "a", "title": "a", "when": {}, "rules": ["fast"], "levels": ["review"],
          "limit": { "plus": 1 } },
        { "id": "a", "title": "a", "when": { "phase_within": "1 h" }, "rules": ["slow"] },
    ])));
    let expected = [
        (Code::UnknownCircumstance, "modifiers[0].when"),
        (Code::DuplicateId, "modifiers[1].id"),
        (Code::UnknownCircumstance, "modifiers[1].when.phase_within"),
        (Code::NothingModified, "modifiers[1]"),
        (Code::UnknownRule, "modifiers[1].rules[0]"),
    ];
    assert_eq!(errors, expected.map(|(code, path)| (code, path.to_string())));
}

/// What happened by the end, told by its history: changes of state with their times.
fn story(run: &Run) -> Vec<(i64, record::ConditionState)> {
    common::history(&run.records, &common::patient_id(0), "fast", minutes(1))
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/modifiers.txt", 4))]

    /// Circumstances that arrive late count from when they were so.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        rates in proptest::collection::vec(90_i32..170, 9),
        walks in proptest::collection::vec((0_i64..9, any::<bool>()), 0..4),
        order in Just((0..13_usize).collect::<Vec<_>>()).prop_shuffle(),
        which in 0..3_usize,
    ) {
        let readings = rates.iter().zip(0..).map(|(rate, i)| heart_rate(minutes(i) + 30_000, *rate));
        let mut times = std::collections::BTreeMap::new();
        for (minute, walks) in &walks {
            times.insert(*minute, *walks);
        }
        let name = |walks: bool| if walks { "walking" } else { "rest" };
        let contexts = times.iter().map(|(minute, walks)| doing(minutes(*minute), name(*walks)));
        let events: Vec<Event> = readings.chain(contexts).collect();
        let policy = home(&[walking(), severity("review", "urgent"), severity("urgent", "review")][which]);
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| event.observed_at);
        let mut first = Run::new(&policy);
        for event in sorted {
            first.event(event, host(minutes(9)));
        }
        let mut second = Run::new(&policy);
        for index in order.into_iter().filter(|index| *index < events.len()) {
            second.event(events[index].clone(), host(minutes(9)));
        }
        prop_assert_eq!(story(&first), story(&second));
        prop_assert_eq!(first.state("fast"), second.state("fast"));
    }
}
