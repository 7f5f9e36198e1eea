//! Long half-lives, far values, many distinct values: what bounded memory and whole numbers cost.

use rpm_core::event::Kind;
use rpm_core::{HostTime, Receipt};
use serde_json::json;

use crate::common::{self, Run, T0, reading};
use crate::stay::{DAY, MINUTE, P0, active, found, probe};

/// A sine and noise from a fixed seed: no two minutes alike.
fn noise(minute: i64) -> i32 {
    let mixed = (minute as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed >> 40) % 601) as i32 - 300
}

/// Temperature lies close together: its deviation has few thousandths to lose.
#[test]
fn a_small_deviation_survives_a_long_half_life() {
    for (half_life, every) in [("30 d", "1 h"), ("365 d", "1 h"), ("30 d", "4 min")] {
        let policy = common::policy(&json!({
            "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "1 min",
            "signals": { "body_temperature": { "cadence": "1 min" } },
            "baselines": { "usual": {
                "of": "body_temperature", "every": every, "learn": { "mean": { "half_life": half_life } },
            } },
            "rules": [probe("p", "body_temperature", &json!({
                "above": 3, "distance": "deviations", "baseline": "usual" }))],
        }));
        let mut run = Run::new(&policy);
        let (mut sum, mut squares, count) = (0_i64, 0_i64, 60 * 24 * 20);
        for minute in 0..count {
            let value = 36_800 + noise(minute);
            run.live(reading(Kind::BODY_TEMPERATURE, minute * MINUTE, value));
            (sum, squares) =
                (sum + i64::from(value - 36_800), squares + i64::from(value - 36_800).pow(2));
        }
        let mean = sum as f64 / count as f64;
        let deviation = (squares as f64 / count as f64 - mean * mean).sqrt();
        let found = found(&mut run, "p").unwrap();
        // Weights differ by less than a half; the noise does not.
        assert!((found.edge * 1000.0 - 36_800.0 - mean).abs() < 3.0, "{found:?} {mean}");
        let spread = found.spread * 1000.0;
        assert!(
            (spread / deviation - 1.0).abs() < 0.01,
            "{half_life} {every}: {spread} {deviation}"
        );
    }
}

/// What is long ago counts for nothing any more, however rarely something new comes.
#[test]
fn after_many_half_lives_only_the_new_counts() {
    let policy = common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "1 min",
        "signals": { "heart_rate": { "cadence": "5 min" } },
        "baselines": {
            "mean": { "of": "heart_rate", "learn": { "mean": { "half_life": "1 d" } } },
            "range": { "of": "heart_rate", "learn": {
                "range": { "from": "1 %", "to": "99 %", "half_life": "1 d" } } },
        },
        "rules": [
            probe("m", "heart_rate", &json!({ "above": 0, "baseline": "mean" })),
            probe("r", "heart_rate", &json!({ "above": 0, "baseline": "range" })),
        ],
    }));
    let mut run = Run::new(&policy);
    for place in 0..12 * 24 * 30 {
        let rate = if place < 12 * 24 * 5 { 100 + place % 20 } else { 60 + place % 10 };
        run.live(reading(Kind::HEART_RATE, i64::from(place) * 5 * MINUTE, rate * 1000));
    }
    assert!((found(&mut run, "m").unwrap().edge - 64.5).abs() < 0.2);
    assert_eq!(found(&mut run, "r").unwrap().edge, 69.0);
}

/// A range of up to 26 distinct values is exact; of more, its ends are off by at most the width of the
/// data over twelve.
#[test]
fn a_range_of_many_values_is_near() {
    let policy = common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "1 min",
        "signals": { "heart_rate": { "cadence": "1 min" } },
        "baselines": { "range": { "of": "heart_rate", "learn": {
            "range": { "from": "5 %", "to": "95 %", "half_life": "30 d" } } } },
        "rules": [
            probe("high", "heart_rate", &json!({ "above": 0, "baseline": "range" })),
            probe("low", "heart_rate", &json!({ "below": 0, "baseline": "range" })),
        ],
    }));
    // Up, down, and at random: as a sketch meets them in practice, and as it would rather not.
    let orders: [fn(i64) -> i64; 3] =
        [|m| m / 30 % 100, |m| 99 - m / 30 % 100, |m| i64::from(noise(m) + 300) % 100];
    for order in orders {
        let mut run = Run::new(&policy);
        for minute in 0..3000 {
            let rate = 50 + order(minute) as i32;
            run.live(reading(Kind::HEART_RATE, minute * MINUTE, rate * 1000));
        }
        let (low, high) = (found(&mut run, "low").unwrap(), found(&mut run, "high").unwrap());
        assert!((low.edge - 55.0).abs() <= 100.0 / 12.0, "{low:?}");
        assert!((high.edge - 145.0).abs() <= 100.0 / 12.0, "{high:?}");
    }
}

/// Counts of cells per microlitre are large: their squares do not fit what those of a pulse fit.
#[test]
fn large_values_have_a_true_deviation() {
    let policy = common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "1 min",
        "kinds": { "platelets": { "title": "Platelets", "unit": "/uL", "possible": [0, 2_000_000] } },
        "signals": { "platelets": { "cadence": "1 s" } },
        "baselines": { "usual": { "of": "platelets", "warm_up": "1 h",
            "learn": { "mean": { "half_life": "30 d" } } } },
        "rules": [probe("p", "platelets", &json!({ "above": 0, "baseline": "usual" }))],
    }));
    let kind = policy.kind_named("platelets").unwrap();
    let mut run = Run::new(&policy);
    for second in 0..3 * 3600 {
        let value = if second % 2 == 0 { 0 } else { 400_000_000 };
        run.live(reading(kind, second * 1000, value));
    }
    let found = found(&mut run, "p").unwrap();
    assert!((found.edge - 200_000.0).abs() < 1.0, "{found:?}");
    assert!((found.spread - 200_000.0).abs() < 1.0, "{found:?}");
}

/// A spread that has no room is not one of the other sign: the limit stays on its side.
#[test]
fn a_spread_too_wide_is_as_wide_as_can_be() {
    let end = 2_147_483;
    let policy = common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "0 s",
        "kinds": { "k": { "title": "K", "unit": "1", "possible": [-end, end] } },
        "signals": { "k": { "cadence": "1 min" } },
        "baselines": {
            "median": { "of": "k", "learn": { "median": { "panes": 10 } } },
            "range": { "of": "k", "warm_up": "1 h", "learn": {
                "range": { "from": "5 %", "to": "95 %", "half_life": "1 d" } } },
            "mean": { "of": "k", "warm_up": "1 h", "learn": { "mean": { "half_life": "1 d" } } },
        },
        "rules": [
            probe("median", "k", &json!({ "above": 2000, "distance": "deviations",
                "baseline": "median", "statistic": "mean", "over": "10 h" })),
            probe("range", "k", &json!({ "above": 1, "distance": "deviations", "baseline": "range" })),
            probe("mean", "k", &json!({ "above": 1, "distance": "deviations", "baseline": "mean" })),
        ],
    }));
    let kind = policy.kind_named("k").unwrap();
    let mut run = Run::new(&policy);
    for minute in 0..300 {
        let value = if minute % 2 == 0 { end } else { -end };
        let at = HostTime::from_millis(T0 + minute * MINUTE);
        assert_eq!(run.event(reading(kind, minute * MINUTE, value * 1000), at), Receipt::Accepted);
    }
    for rule in ["median", "range", "mean"] {
        let found = found(&mut run, rule).unwrap();
        assert!(found.spread > 200_000.0 && found.limit > found.edge, "{rule}: {found:?}");
    }
}

/// A year without a reading, and the day after.
#[test]
fn a_gap_of_years_is_survived() {
    let policy = common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "1 min",
        "signals": { "heart_rate": { "cadence": "1 min" } },
        "baselines": { "usual": { "of": "heart_rate", "learn": { "mean": { "half_life": "3 d" } } } },
        "rules": [active("p", "heart_rate", &json!({ "above": 15, "baseline": "usual" }))],
    }));
    let mut run = Run::new(&policy);
    for minute in 0..24 * 60 * 2 {
        run.live(reading(Kind::HEART_RATE, minute * MINUTE, 60_000));
    }
    let later = 3 * 366 * DAY;
    run.live(reading(Kind::HEART_RATE, later, 70_000));
    assert_eq!(found(&mut run, "p").unwrap().edge, 60.0, "nothing else is known");
    for minute in 1..24 * 60 {
        run.live(reading(Kind::HEART_RATE, later + minute * MINUTE, 70_000));
    }
    assert_eq!(found(&mut run, "p").unwrap().edge, 70.0);
    assert!(run.engine.condition(P0, "p").is_some() && run.opened("p").is_empty());
}
