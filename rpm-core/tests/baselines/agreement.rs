//! Engine and model agree on what is usual, after every reading.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Kind, Quality};
use rpm_core::policy::Policy;
use rpm_core::{HostTime, Receipt};
use serde_json::json;

use crate::cases;
use crate::common::{self, Run, T0, With, reading};
use crate::model::{Learn, Plan, Point};
use crate::stay::{Found, HOUR, MINUTE, SECOND, active, found, probe, text};

/// In thousandths, of each probe's limit.
pub const DISTANCES: [(&str, &str, i32); 6] = [
    ("high", "absolute", 15_000),
    ("low", "absolute", -12_500),
    ("high", "percent", 20_000),
    ("low", "percent", -10_000),
    ("high", "deviations", 3000),
    ("low", "deviations", -2500),
];

fn learn() -> impl Strategy<Value = Learn> {
    let half_life = prop_oneof![HOUR..10 * HOUR, 10 * HOUR..72 * HOUR];
    let share = (1..500_u16, 500..1000_u16);
    prop_oneof![
        half_life.clone().prop_map(|half_life| Learn::Mean { half_life }),
        half_life.clone().prop_map(|half_life| Learn::ByHour { half_life }),
        (share, half_life).prop_map(|((from, to), half_life)| Learn::Range { from, to, half_life }),
        (1..40_u16).prop_map(|panes| Learn::Median { panes }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let pane = prop::sample::select(vec![SECOND, 7 * SECOND, MINUTE, 5 * MINUTE]);
    let fallback = prop::option::of((40..70, 71..110_i32));
    (pane, 0..20_i64, learn(), 0..4_usize, 0..3_usize, fallback, -840..=840_i64, 0..3_usize)
        .prop_map(|(pane, late, learn, every, warm_up, fallback, offset, floor)| {
            let horizon = late * pane / 7;
            let settled = horizon.max(pane) + 2 * pane;
            let parts = [None, Some(HOUR), Some(30 * MINUTE), Some(20 * MINUTE)];
            let every = parts[every].filter(|every| *every >= settled);
            let warm_up = [None, Some(pane), Some(9 * pane)][warm_up];
            let (guard, resolution) = (100_000, 1000);
            let least = [None, Some(0), Some(4500)][floor];
            Plan {
                pane,
                horizon,
                learn,
                every,
                warm_up,
                fallback,
                offset,
                guard,
                resolution,
                least,
            }
        })
}

/// Panes since the one before, place in the pane, value, quality; how many readings in the pane.
type Step = (i64, i64, i32, u8, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![20 => Just(1_i64), 4 => 1..5_i64, 1 => 5..4000_i64];
    let value = prop_oneof![10 => 60..80_i32, 1 => 101..120_i32];
    let many = prop_oneof![8 => Just(1_u8), 1 => 2..4_u8];
    prop::collection::vec((gap, 0..1000_i64, value, 0..16_u8, many), 1..160)
}

pub fn policy_of(plan: &Plan) -> Arc<Policy> {
    let mut rules = vec![active("guard", "heart_rate", &json!({ "above": plan.guard / 1000 }))];
    for (place, (side, measured, distance)) in DISTANCES.iter().enumerate() {
        let comparison = if *side == "high" { "above" } else { "below" };
        let raise = json!({
            comparison: f64::from(*distance) / 1000.0, "baseline": "usual", "distance": measured,
        });
        rules.push(probe(&format!("p{place}"), "heart_rate", &raise));
    }
    let (hours, minutes) = (plan.offset.abs() / 60, plan.offset.abs() % 60);
    let sign = if plan.offset < 0 { '-' } else { '+' };
    common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": text(plan.horizon),
        "signals": { "heart_rate": { "cadence": text(plan.pane) } },
        "baselines": { "usual": plan.baseline() }, "rules": rules,
        "care": { "utc_offset": format!("{sign}{hours:02}:{minutes:02}") },
    }))
}

/// What each probe of the engine says is what the model says.
pub fn agree(run: &mut Run, plan: &Plan, points: &[Point], pane: i64) -> Result<(), TestCaseError> {
    let usual = plan.usual(points, pane);
    for (place, (side, measured, distance)) in DISTANCES.iter().enumerate() {
        let said = found(run, &format!("p{place}"));
        let (Some(said), Some(norm)) = (said, usual) else {
            prop_assert!(said.is_none() && usual.is_none(), "{said:?} but {usual:?}");
            continue;
        };
        let edge = if *side == "high" { norm.high } else { norm.low };
        let inside = |value: f64, (low, high): (f64, f64)| {
            (low - 0.5..=high + 0.5).contains(&(value * 1000.0))
        };
        prop_assert!(inside(said.edge, edge), "edge {said:?} {norm:?}");
        prop_assert!(inside(said.spread, norm.spread), "spread {said:?} {norm:?}");
        prop_assert_eq!(said.samples as usize, norm.samples);
        prop_assert_eq!(said.since, norm.since.map(|since| since - T0));
        let distance = f64::from(*distance) / 1000.0;
        let Found { edge, spread, .. } = said;
        let limit = match *measured {
            "absolute" => edge + distance,
            "percent" => edge * (1.0 + distance / 100.0),
            _ => edge + spread * distance,
        };
        prop_assert!((said.limit - limit).abs() <= 0.001, "{} is not {limit}", said.limit);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(20_261_101, 80))]

    #[test]
    fn what_is_usual_is_what_the_model_says(plan in plan(), steps in steps()) {
        let (mut run, mut points) = (Run::new(&policy_of(&plan)), Vec::new());
        let mut pane = T0.div_euclid(plan.pane);
        for (gap, place, value, quality, many) in steps {
            pane += gap;
            for n in 0..i64::from(many) {
                let at = pane * plan.pane + (place + n * 331) % plan.pane.min(1000);
                let value = (value + n as i32) * 1000;
                let flags = match quality {
                    0 => Quality::ARTIFACT,
                    1 => Quality::IMPLAUSIBLE,
                    _ => Quality::GOOD,
                };
                let known = |p: &Point| p.at == at;
                if points.iter().any(known) {
                    continue;
                }
                let event = reading(Kind::HEART_RATE, at - T0, value).quality(flags);
                let now = HostTime::from_millis((pane + 1) * plan.pane);
                prop_assert_eq!(run.event(event, now), Receipt::Accepted);
                points.push(Point { at, value, good: flags.is_good() });
            }
            if points.last().is_some_and(|p| p.good) {
                agree(&mut run, &plan, &points, pane)?;
            }
        }
    }
}
