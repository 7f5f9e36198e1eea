//! Scores at the ends of what is accepted: no panic, and nothing lost.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Context, Event, Kind};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::ConditionState;
use rpm_core::{Engine, EngineConfig, HostTime, Receipt, Timestamp};
use serde_json::{Value as Json, json};

use crate::common::{self, Run, heart_rate, host, policy, reading};

/// The last millisecond that a reading may carry: of the year 9999.
const LAST: i64 = 253_402_300_799_999;

fn ward(pane: &str, horizon: &str, scores: usize) -> Arc<Policy> {
    let mut signals = json!({
        "heart_rate": { "cadence": pane }, "spo2": { "cadence": pane },
        "systolic_bp": { "cadence": pane },
    });
    let (mut charts, mut rules) = (json!({}), Vec::new());
    for n in 0..scores {
        let name = format!("s{n}");
        let chart = ["news2", "mews", "qsofa", "shock_index"][n % 4];
        charts[&name] = json!({ "chart": chart, "max_age": "unlimited" });
        signals[&name] = json!({ "score": name, "cadence": pane });
        rules.push(rule(&name));
    }
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": horizon,
        "signals": signals, "scores": charts, "rules": rules,
    }))
}

fn rule(signal: &str) -> Json {
    json!({ "id": signal, "title": "High", "signal": signal, "unverified_after": "30 d",
        "levels": [{ "level": "review", "raise": { "at_or_above": 1 } }] })
}

/// An event at a time of its own.
fn at(ms: i64, event: Event) -> Event {
    Event { observed_at: Timestamp::from_millis(ms), ..event }
}

fn oxygen() -> Event {
    common::event(0, Body::Context(Context { on_oxygen: Some(true), ..Context::default() }))
}

proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 40, ..common::cases("tests/regressions/score_rules.txt", 20_261_102)
    })]

    /// Gaps of years, panes of a millisecond and of a day, times at both ends.
    #[test]
    fn nothing_panics_and_a_snapshot_holds(
        pane in prop::sample::select(&["1 ms", "1 s", "1 h", "1 d"]),
        horizon in prop::sample::select(&["0 s", "100 ms", "1 s"]),
        steps in prop::collection::vec((0..9_usize, 0..4_usize, any::<bool>()), 1..40),
        start in prop::sample::select(&[0, 1, 86_400_000, LAST - 86_400_000, LAST]),
        now in prop::sample::select(&[LAST, i64::MAX]),
    ) {
        let policy = ward(pane, horizon, 4);
        let mut run = Run::new(&policy);
        let now = HostTime::from_millis(now);
        let mut ms = start;
        for (gap, what, back) in steps {
            let gap = [0, 1, 2, 63, 1000, 60_000, 86_400_000, 40_000_000_000, 1 << 47][gap];
            ms = if back { ms - gap } else { ms + gap }.clamp(0, LAST);
            let event = match what {
                0 => heart_rate(0, 120),
                1 => reading(Kind::SPO2, 0, 91_000),
                2 => reading(Kind::SYSTOLIC_BP, 0, 85_000),
                _ => oxygen(),
            };
            run.event(at(ms, event), now);
        }
        let bytes = run.engine.snapshot().unwrap();
        let config = EngineConfig::default();
        let (engine, _) = Engine::restore(&bytes, &[policy], config, now).unwrap();
        prop_assert!(bytes == engine.snapshot().unwrap());
    }
}

#[test]
fn twenty_scores_of_one_ward() {
    let mut run = Run::new(&ward("1 min", "10 min", 20));
    for minute in 0..30 {
        run.live(heart_rate(minute * 60_000, 120));
        run.live(reading(Kind::SYSTOLIC_BP, minute * 60_000, 85_000));
    }
    for n in 0..20 {
        let state = run.state(&format!("s{n}"));
        assert!(matches!(state, ConditionState::Active(_)), "{n}: {state:?}");
    }
}

/// What never comes is missing, and a score of nothing is none.
#[test]
fn inputs_that_never_come() {
    let mut run = Run::new(&ward("1 min", "10 min", 4));
    run.live(oxygen());
    run.tick(host(100_000_000));
    run.live(at(common::T0, heart_rate(0, 80)));
    assert!(matches!(run.state("s0"), ConditionState::Active(_)), "two for the oxygen");
    assert_eq!(run.state("s3"), ConditionState::NeverSeen, "no pressure, no shock index");
}

/// A score that begins with another policy, and a note from long ago: only what its panes can hold
/// is counted, so that it takes no time.
#[test]
fn a_note_from_long_ago_costs_no_more_than_the_panes() {
    let with = |version: u32, scored: bool| {
        let mut json = json!({
            "id": "ward", "version": version, "title": "Ward", "lateness_horizon": "1 s",
            "signals": { "heart_rate": { "cadence": "1 ms" }, "glucose": { "cadence": "1 d" } },
            "rules": [{ "id": "g", "title": "Glucose", "signal": "glucose",
                        "levels": [{ "level": "review", "raise": { "above": 300 } }] }],
        });
        if scored {
            json["signals"]["score"] = json!({ "score": "s", "cadence": "1 ms" });
            json["scores"] = json!({ "s": { "chart": "news2" } });
            json["rules"].as_array_mut().unwrap().push(rule("score"));
        }
        policy(&json)
    };
    let (first, second) = (with(1, false), with(2, true));
    let mut run = Run::new(&first);
    run.live(heart_rate(1_000_000_000, 120));
    let now = host(1_000_000_000);
    let proposal = Proposal::new(&first, second, "dr.a", "a score").unwrap();
    run.engine.handle_change(proposal.approve("dr.b", now).unwrap(), now).unwrap().unwrap();
    assert_eq!(run.event(at(common::T0, oxygen()), now), Receipt::Accepted);
    assert!(run.engine.condition(rpm_core::PatientKey(0), "score").is_some());
}
