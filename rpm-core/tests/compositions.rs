//! Compositions of two signals against a model that has the four answers written out. Rules here
//! have no holds, so a condition is active when the last definite answer was "met".

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Run, T0, history, host, patient_id, policy, reading};
use proptest::prelude::*;
use rpm_core::event::Kind;
use rpm_core::record::{ConditionState, Level};
use serde_json::{Value as Json, json};

const KINDS: [Kind; 2] = [Kind::HEART_RATE, Kind::PULSE_RATE];
const NAMES: [&str; 2] = ["heart_rate", "pulse_rate"];
const HORIZON_MS: i64 = 30_000;

#[derive(Clone, Debug)]
enum Expr {
    Leaf { signal: usize, statistic: &'static str, panes: i64, coverage: i64, limit: i64 },
    AtLeast(usize, Vec<Expr>),
    Not(Box<Expr>),
}

/// Good values by pane and, in it, by time.
type Signal = BTreeMap<i64, Vec<(i64, i64)>>;

/// Met, not met, or nobody knows.
type Answer = Option<bool>;

fn answer(expr: &Expr, signals: &[Signal; 2], widths: [i64; 2], at: i64) -> Answer {
    match expr {
        Expr::Not(part) => answer(part, signals, widths, at).map(|met| !met),
        Expr::AtLeast(count, parts) => {
            // Try every way in which what is unknown could turn out.
            let known: Vec<Answer> = parts.iter().map(|p| answer(p, signals, widths, at)).collect();
            let unknown: Vec<usize> = (0..known.len()).filter(|i| known[*i].is_none()).collect();
            let outcome = |bits: usize| {
                let turned =
                    |i: usize| unknown.iter().position(|u| *u == i).map(|b| bits >> b & 1 == 1);
                let met = (0..known.len()).filter(|i| known[*i].or(turned(*i)) == Some(true));
                met.count() >= *count
            };
            let outcomes: BTreeSet<bool> = (0..1 << unknown.len()).map(outcome).collect();
            if outcomes.len() == 1 { outcomes.first().copied() } else { None }
        }
        Expr::Leaf { signal, statistic, panes, coverage, limit } => {
            let pane = at.div_euclid(widths[*signal]);
            let window = signals[*signal].range(pane - panes + 1..=pane);
            let covered = window.clone().count() as i64;
            if covered * 100 < coverage * panes {
                return None;
            }
            let all: Vec<i64> = window.clone().flat_map(|(_, v)| v.iter().map(|x| x.1)).collect();
            let last = window.clone().next_back();
            match *statistic {
                "mean" => {
                    let (sum, count) = (all.iter().sum::<i64>(), all.len() as i64);
                    (count > 0).then(|| sum > limit * 1000 * count)
                }
                "count" => Some(all.len() as i64 > *limit),
                "max" => all.iter().max().map(|v| *v > limit * 1000),
                "time_since_last" => last.map(|(p, _)| (pane - p) * widths[*signal] > limit * 1000),
                _ => last.map(|(_, v)| v.iter().max().unwrap().1 > limit * 1000),
            }
        }
    }
}

fn model(expr: &Expr, signals: &[Signal; 2], widths: [i64; 2]) -> Vec<(i64, ConditionState)> {
    // Whatever measures one of the rule's signals is a moment to look.
    let read = read_signals(expr);
    let times: BTreeSet<i64> =
        read.iter().flat_map(|s| signals[*s].keys().map(|pane| pane * widths[*s])).collect();
    let mut found: Vec<(i64, ConditionState)> = Vec::new();
    for at in times {
        let before = found.last().map(|(_, state)| *state);
        let state = match answer(expr, signals, widths, at) {
            Some(true) => ConditionState::Active(Level::Review),
            Some(false) => ConditionState::Normal,
            None => before.unwrap_or(ConditionState::Normal),
        };
        if before != Some(state) {
            found.push((at, state));
        }
    }
    found
}

fn read_signals(expr: &Expr) -> BTreeSet<usize> {
    match expr {
        Expr::Leaf { signal, .. } => [*signal].into(),
        Expr::AtLeast(_, parts) => parts.iter().flat_map(read_signals).collect(),
        Expr::Not(part) => read_signals(part),
    }
}

fn spec(expr: &Expr, widths: [i64; 2]) -> Json {
    match expr {
        Expr::Leaf { signal, statistic, panes, coverage, limit } => json!({
            "signal": NAMES[*signal], "statistic": statistic, "above": limit,
            "over": format!("{} ms", panes * widths[*signal]), "coverage": format!("{coverage} %"),
        }),
        Expr::Not(part) => json!({ "not": spec(part, widths) }),
        Expr::AtLeast(count, parts) => {
            let of: Vec<Json> = parts.iter().map(|p| spec(p, widths)).collect();
            match *count {
                1 => json!({ "any": of }),
                n if n == of.len() => json!({ "all": of }),
                n => json!({ "at_least": { "count": n, "of": of } }),
            }
        }
    }
}

fn leaf() -> impl Strategy<Value = Expr> {
    let statistic = prop::sample::select(vec!["last", "mean", "count", "max", "time_since_last"]);
    (0..2_usize, statistic, 1..8_i64, 0..=100_i64, 0..=20_i64).prop_map(
        |(signal, statistic, panes, coverage, share)| {
            let limit = match statistic {
                "count" => share / 3,
                "time_since_last" => share / 4,
                _ => 60 + share,
            };
            Expr::Leaf { signal, statistic, panes, coverage, limit }
        },
    )
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(3, 10, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            3 => (parts, any::<prop::sample::Index>())
                .prop_map(|(parts, count)| Expr::AtLeast(count.index(parts.len()) + 1, parts)),
            1 => inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/compositions.txt", 20_260_303))]

    #[test]
    fn compositions_agree_with_the_model(
        expr in expr(),
        widths in prop::sample::select(vec![[1000, 1000], [1000, 5000], [5000, 1000], [500, 2000]]),
        steps in prop::collection::vec(
            (prop_oneof![8 => Just(500_i64), 4 => 0..2000_i64, 1 => 2000..60_000_i64],
             0..2_usize, 58..84_i32, prop_oneof![2 => Just(0), 1 => 0..HORIZON_MS - 11_000]),
            1..80),
    ) {
        let policy = policy(&json!({
            "id": "compositions", "version": 1, "title": "compositions", "lateness_horizon": "30 s",
            "signals": {
                NAMES[0]: { "cadence": format!("{} ms", widths[0]) },
                NAMES[1]: { "cadence": format!("{} ms", widths[1]) },
            },
            "rules": [{ "id": "r", "title": "r", "unverified_after": "300 d",
                        "levels": [{ "level": "review", "raise": spec(&expr, widths) }] }],
        }));
        let (mut ms, mut signals) = (0, [Signal::new(), Signal::new()]);
        let mut arrivals = Vec::new();
        let mut seen = BTreeSet::new();
        for (gap, signal, value, late) in steps {
            ms += gap;
            if seen.insert((signal, ms)) {
                let panes = signals[signal].entry((T0 + ms).div_euclid(widths[signal]));
                panes.or_default().push((ms, i64::from(value) * 1000));
                arrivals.push((ms + late, ms, reading(KINDS[signal], ms, value * 1000)));
            }
        }
        let expected = model(&expr, &signals, widths);
        let read = read_signals(&expr);
        let narrow = read.iter().map(|s| widths[*s]).min().unwrap();
        for late in [false, true] {
            arrivals.sort_by_key(|(arrival, ms, _)| if late { *arrival } else { *ms });
            let mut run = Run::new(&policy);
            for (.., event) in &arrivals {
                run.event(event.clone(), host(100_000_000));
            }
            let found = history(&run.records, &patient_id(0), "r", narrow);
            prop_assert_eq!(&found, &expected, "late: {}", late);
        }
    }
}
