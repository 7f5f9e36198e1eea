//! What is usual of the patient asleep and awake.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::HostTime;
use rpm_core::event::{Body, Context, Event, Kind};
use rpm_core::policy::Policy;
use rpm_core::record::ConditionState::{Active, Normal};
use rpm_core::record::Level;
use serde_json::{Value as Json, json};

use crate::cases;
use crate::common::{self, Run, Step, T0, Told, event, heart_rate, host, reading, steps, told};
use crate::stay::{
    DAY, HOUR, MINUTE, active, change, clause, found, minutes, probe, restored, ward, ward_json,
};

const PANE: i64 = 5 * MINUTE;
/// From the beginning to the first whole pane.
const ORIGIN: i64 = PANE - T0 % PANE;
/// The lateness horizon, and two panes.
const CERTAIN: i64 = 30 * MINUTE;

fn sleeps(ms: i64, asleep: Option<bool>) -> Event {
    event(ms, Body::Context(Context { asleep, ..Context::default() }))
}

fn by_sleep() -> Json {
    json!({ "usual": {
        "of": "heart_rate", "learn": { "by_sleep": { "half_life": "3650 d" } }, "warm_up": "30 min",
        "fallback": { "any": [50, 110] },
    } })
}

fn plan() -> Arc<Policy> {
    let rules = json!([probe("p", "heart_rate", &json!({ "above": 0, "baseline": "usual" }))]);
    let mut json = ward_json(&by_sleep(), &rules);
    json["lateness_horizon"] = "20 min".into();
    json["signals"]["heart_rate"]["cadence"] = "5 min".into();
    common::policy(&json)
}

/// The mean of the panes that were certain when the hour began and of the same state, and how many.
fn expected(steps: &[Step], told: &[Told]) -> Option<(f64, u32)> {
    let state = |at: i64| {
        let before = told.iter().rev().find(|(since, ..)| since * MINUTE <= at);
        before.and_then(|(_, asleep, _)| *asleep)
    };
    let newest = steps.last()?.0 * PANE;
    let asleep = state(newest)?;
    let zero = T0 + ORIGIN;
    let began = (zero + newest).div_euclid(HOUR) * HOUR - zero;
    let certain = |pane: i64| (pane + 1) * PANE <= began - CERTAIN;
    let same = |(pane, ..): &&Step| certain(*pane) && state(pane * PANE) == Some(asleep);
    let values: Vec<f64> =
        steps.iter().filter(same).map(|(_, value, _)| f64::from(*value)).collect();
    (values.len() >= 6)
        .then(|| (values.iter().sum::<f64>() / values.len() as f64, values.len() as u32))
}

proptest! {
    #![proptest_config(cases(20_261_202, 60))]

    /// However late, within the horizon, readings and circumstances come, and wherever it is restored.
    #[test]
    fn each_state_has_a_mean_of_its_own(steps in steps(200), told in told(1200, 16), late in any::<bool>()) {
        let plan = plan();
        let mut arrivals: Vec<(i64, Event)> = Vec::new();
        for (pane, value, lag) in &steps {
            let at = ORIGIN + pane * PANE;
            let arrives = at + if late { lag * MINUTE } else { 0 };
            arrivals.push((arrives, reading(Kind::HEART_RATE, at, value * 1000)));
        }
        let end = steps.last().unwrap().0 * PANE;
        let known: Vec<Told> = told.into_iter().filter(|(at, ..)| at * MINUTE <= end).collect();
        for (minute, asleep, lag) in &known {
            let at = ORIGIN + minute * MINUTE;
            let arrives = at - 1 + if late { lag * MINUTE } else { 0 };
            arrivals.push((arrives, sleeps(at, *asleep)));
        }
        arrivals.sort_by_key(|(arrives, _)| *arrives);
        let mut run = Run::new(&plan);
        let now = HostTime::from_millis(T0 + 400 * DAY);
        for (index, (_, event)) in arrivals.into_iter().enumerate() {
            if index % 37 == 5 {
                run = restored(run, &[Arc::clone(&plan)], now);
            }
            run.event(event, now);
        }
        let said = found(&mut run, "p").unwrap();
        match expected(&steps, &known) {
            Some((mean, samples)) => {
                prop_assert_eq!(said.samples, samples);
                prop_assert!((said.edge - mean).abs() < 0.02, "{} {mean}", said.edge);
            }
            // The reference range.
            None => prop_assert_eq!((said.samples, said.edge), (0, 110.0)),
        }
    }
}

/// Twenty more than asleep is ordinary for one who is awake; who knows neither asks the reference range.
#[test]
fn a_limit_is_measured_from_what_is_usual_in_that_state() {
    let rules = json!([active("high", "heart_rate", &json!({ "above": 15, "baseline": "usual" }))]);
    let mut run = Run::new(&ward(&by_sleep(), &rules));
    run.live(sleeps(0, Some(false)));
    minutes(&mut run, 0..600, |_| 80);
    run.live(sleeps(600 * MINUTE, Some(true)));
    minutes(&mut run, 600..1000, |_| 55);
    minutes(&mut run, 1000..1001, |_| 75);
    assert_eq!(run.state("high"), Active(Level::Review));
    let said = clause(&mut run, "high").unwrap().to_string();
    assert!(said.contains("(15 from 55, usual asleep, "), "{said}");
    // Awake after all, as somebody says a minute late: then it was nothing.
    run.event(sleeps(1000 * MINUTE, Some(false)), host(1001 * MINUTE));
    assert_eq!(run.state("high"), Normal);
    let said = clause(&mut run, "high").unwrap().to_string();
    assert!(said.contains("(15 from 80, usual awake, "), "{said}");
    run.event(sleeps(1000 * MINUTE, None), host(1001 * MINUTE));
    let said = clause(&mut run, "high").unwrap().to_string();
    assert!(said.contains("(15 from 110, usual, the policy's fallback)"), "{said}");
}

#[test]
fn both_states_go_on_under_another_policy_that_means_the_same() {
    let rules = |title: &str| {
        let mut rule = probe("p", "heart_rate", &json!({ "above": 0, "baseline": "usual" }));
        rule["title"] = title.into();
        json!([rule])
    };
    let mut run = Run::new(&ward(&by_sleep(), &rules("One")));
    run.live(sleeps(0, Some(true)));
    minutes(&mut run, 0..300, |minute| 50 + (minute % 7) as i32);
    let before = found(&mut run, "p");
    let mut to = ward_json(&by_sleep(), &rules("Another"));
    to["version"] = 2.into();
    change(&mut run, &common::policy(&to), 300 * MINUTE);
    assert_eq!(found(&mut run, "p"), before);
    run.live(heart_rate(300 * MINUTE, 51));
    assert!(before.unwrap().samples > 100);
}
