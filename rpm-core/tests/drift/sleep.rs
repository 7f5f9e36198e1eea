//! A drift from what is usual of the patient asleep, and awake.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Context, Event, Kind};
use rpm_core::policy::Policy;
use rpm_core::record::{self, ConditionState};
use serde_json::{Value as Json, json};

use crate::common::{
    self, Run, Step, T0, Told, cases, event, heart_rate, host, reading, steps, told,
};
use crate::named::{ACTIVE, Chance, MINUTE, at};
use crate::{late, restored};

const PANE: i64 = 5 * MINUTE;
/// From the beginning to the first whole pane.
const ORIGIN: i64 = PANE - T0 % PANE;
const HOUR: i64 = 60 * MINUTE;
/// The lateness horizon, and two panes.
const CERTAIN: i64 = 30 * MINUTE;
/// So many panes are kept of a sum.
const KEPT: i64 = 64;

fn sleeps(ms: i64, asleep: Option<bool>) -> Event {
    event(ms, Body::Context(Context { asleep, ..Context::default() }))
}

fn plan(cadence: &str, horizon: &str, limit: f64) -> Json {
    json!({
        "id": "drift", "version": 1, "title": "Drift", "lateness_horizon": horizon,
        "signals": {
            "heart_rate": { "cadence": cadence },
            "rise": { "cadence": cadence, "drift": { "baseline": "usual", "direction": "up" } },
        },
        "baselines": { "usual": {
            "of": "heart_rate", "learn": { "by_sleep": { "half_life": "60 d" } },
        } },
        "rules": [{
            "id": "rises", "title": "Rises", "signal": "rise", "unverified_after": "300 d",
            "levels": [{
                "level": "review", "raise": { "at_or_above": limit }, "clear": { "below": 1 },
            }],
        }],
    })
}

fn sum(run: &Run) -> Option<i32> {
    let (_, value) = run.engine.latest(rpm_core::PatientKey(0), "rise")?;
    Some(value.thousandths())
}

/// Hours of a day: asleep until eight at 50, then awake at 70, each a little to either side.
fn hours(run: &mut Run, days: std::ops::Range<i64>, higher_asleep: i32, tell: bool) {
    for day in days {
        for hour in 0..24 {
            let asleep = hour < 8;
            if tell && (hour == 0 || hour == 8) {
                run.live(sleeps(at(day, hour), Some(asleep)));
            }
            let usual = if asleep { 50 + higher_asleep } else { 70 };
            let noise = [0, 2, -1, 1, -2][((day * 24 + hour) % 5) as usize];
            run.live(heart_rate(at(day, hour) + 30 * MINUTE, usual + noise));
        }
    }
}

/// A night that is four beats faster than nights are is still far slower than the day.
#[test]
fn each_value_is_compared_with_the_state_in_which_its_pane_began() {
    let by_sleep = plan("1 h", "2 h", 4.0);
    let mut of_all = by_sleep.clone();
    of_all["baselines"]["usual"]["learn"] = json!({ "mean": { "half_life": "60 d" } });
    let found = |plan: &Json, higher: i32| {
        let mut run = Run::new(&common::policy(plan));
        hours(&mut run, 0..20, 0, true);
        hours(&mut run, 20..22, higher, true);
        !run.opened("rises").is_empty()
    };
    assert!(found(&by_sleep, 4) && !found(&by_sleep, 0));
    assert!(found(&of_all, 0), "by one mean for both, each ordinary day drifts from the night");
    let words = common::policy(&by_sleep).describe();
    assert!(
        words.contains("heart_rate lies above usual asleep or awake, whichever is known"),
        "{words}"
    );
}

/// Not as awake, not as asleep, and not as nothing: the sum stands until somebody knows again.
#[test]
fn what_is_measured_while_nobody_knows_counts_for_nothing() {
    let mut run = Run::new(&common::policy(&plan("1 h", "2 h", 9.0)));
    hours(&mut run, 0..20, 0, true);
    hours(&mut run, 20..21, 1, true);
    let before = sum(&run).unwrap();
    run.live(sleeps(at(21, 0), None));
    for hour in 0..12 {
        run.live(heart_rate(at(21, hour) + 30 * MINUTE, if hour < 6 { 120 } else { 40 }));
        assert_eq!(sum(&run), Some(before), "hour {hour}");
    }
    run.live(sleeps(at(21, 12), Some(false)));
    run.live(heart_rate(at(21, 12) + 30 * MINUTE, 76));
    assert!(sum(&run).unwrap() > before, "and goes on from there");
    // Who never said anything has no sum at all, and no alert.
    let mut run = Run::new(&common::policy(&plan("1 h", "2 h", 4.0)));
    hours(&mut run, 0..20, 0, false);
    hours(&mut run, 20..22, 30, false);
    assert_eq!((sum(&run), run.opened("rises").len()), (None, 0));
}

/// The watch says an hour later that the patient had woken: what was compared with the night is compared with
/// the day, and the alert that there was because of it is taken back for that reason.
#[test]
fn a_state_that_is_learned_late_counts_from_when_it_was_so() {
    let wakes = |told: i64| {
        let mut run = Run::new(&common::policy(&plan("10 min", "2 h", 4.0)));
        for day in 0..6 {
            for ten in 0..144 {
                let ms = at(day, 0) + ten * 10 * MINUTE;
                if ten == 0 || ten == 48 {
                    run.live(sleeps(ms, Some(ten == 0)));
                }
                let noise = [0, 2, -1, 1, -2][((day * 144 + ten) % 5) as usize];
                run.live(heart_rate(ms + MINUTE, if ten < 48 { 50 } else { 70 } + noise));
            }
        }
        run.live(sleeps(at(6, 0), Some(true)));
        for ten in 0..18 {
            let ms = at(6, 0) + ten * 10 * MINUTE;
            if ten == told {
                run.event(sleeps(at(6, 2), Some(false)), host(ms));
            }
            run.live(heart_rate(ms + MINUTE, if ten < 12 { 50 } else { 70 } + (ten % 2) as i32));
        }
        run
    };
    let (in_time, late) = (wakes(12), wakes(17));
    assert!(in_time.opened("rises").is_empty());
    assert_eq!(late.opened("rises").len(), 1, "as long as nobody knew");
    assert_eq!(sum(&in_time), sum(&late));
    assert_eq!(late.state("rises"), ConditionState::Normal);
    let because = |body: &record::Body| match body {
        record::Body::ConditionRevised { reason, .. } => reason.clone(),
        _ => None,
    };
    let reasons: Vec<String> = late.bodies().into_iter().filter_map(because).collect();
    assert_eq!(reasons, ["circumstances"]);
}

/// Two values a day, one asleep and one awake, each normal by itself: false alarms in a thousand values of people
/// to whom nothing happens, and after how many values a lasting rise by one deviation of each is found.
fn by_chance(limit: f64) -> (usize, usize) {
    let (people, days) = (40, 350);
    let mut json = plan("12 h", "1 d", limit);
    json["baselines"]["usual"]["warm_up"] = "7 d".into();
    let policy = common::policy(&json);
    let value = |chance: &mut Chance, half: i64, risen: bool| {
        let (mean, deviation) = if half == 0 { (52_000, 3000) } else { (70_000, 5000) };
        chance.of(mean, deviation) + if risen { deviation as i32 } else { 0 }
    };
    let take = |run: &mut Run, chance: &mut Chance, day: i64, half: i64, risen: bool| {
        run.live(sleeps(at(day, 12 * half), Some(half == 0)));
        let value = value(chance, half, risen);
        run.live(reading(Kind::HEART_RATE, at(day, 12 * half + 6), value));
    };
    let (mut alarms, mut delays) = (0, Vec::new());
    for person in 0..people {
        let mut chance = Chance(person + 1);
        let mut run = Run::new(&policy);
        (0..2 * days).for_each(|n| take(&mut run, &mut chance, n / 2, n % 2, false));
        alarms += run.opened("rises").len();
        let (mut run, mut delay) = (Run::new(&policy), 0);
        (0..200).for_each(|n| take(&mut run, &mut chance, n / 2, n % 2, false));
        if run.state("rises") == ACTIVE {
            continue;
        }
        while run.state("rises") != ACTIVE && delay < 60 {
            take(&mut run, &mut chance, (200 + delay) / 2, delay % 2, true);
            delay += 1;
        }
        delays.push(delay as usize);
    }
    delays.sort_unstable();
    (alarms * 1000 / (people as usize * 2 * days as usize), delays[delays.len() / 2])
}

/// What that costs is in the policies' README.
#[test]
fn what_chance_does_with_a_mean_of_each_state() {
    for (limit, expected) in [(4.0, (3, 7)), (5.0, (1, 9))] {
        assert_eq!(by_chance(limit), expected, "{limit}");
    }
}

/// The sums by pane: each value against the mean of those of the same state that were certain when its hour
/// began, in deviations of ten.
fn expected(steps: &[Step], told: &[Told]) -> Vec<(i64, f64)> {
    let state = |pane: i64| {
        let before = told.iter().rev().find(|(since, ..)| since * MINUTE <= pane * PANE);
        before.and_then(|(_, asleep, _)| *asleep)
    };
    let zero = T0 + ORIGIN;
    let (mut sum, mut sums) = (0.0_f64, Vec::new());
    for (pane, value, _) in steps {
        let began = (zero + pane * PANE).div_euclid(HOUR) * HOUR - zero;
        let Some(asleep) = state(*pane) else { continue };
        let certain = |before: i64| (before + 1) * PANE <= began - CERTAIN;
        let same = |(at, ..): &&Step| certain(*at) && state(*at) == Some(asleep);
        let usual: Vec<f64> = steps.iter().filter(same).map(|(_, v, _)| f64::from(*v)).collect();
        if usual.len() >= 6 {
            let mean = usual.iter().sum::<f64>() / usual.len() as f64;
            let deviations = ((f64::from(*value) - mean) / 20.0).clamp(-4.0, 4.0);
            sum = (sum + deviations - 0.1).clamp(0.0, 10.0);
            sums.push((*pane, sum));
        }
    }
    sums
}

fn property_plan() -> Arc<Policy> {
    let mut json = plan("5 min", "20 min", 9.9);
    json["signals"]["rise"]["drift"]["allowance"] = json!(0.1);
    json["baselines"]["usual"]["learn"] = json!({ "by_sleep": { "half_life": "3650 d" } });
    json["baselines"]["usual"]["warm_up"] = "30 min".into();
    json["baselines"]["usual"]["least_deviation"] = 20.into();
    // What only records keeps nothing from being learned.
    json["rules"][0]["mode"] = "shadow".into();
    common::policy(&json)
}

proptest! {
    #![proptest_config(cases("tests/regressions/drift.txt", 20_261_130))]

    /// However late, within the horizon, readings and circumstances come, and wherever it is restored.
    #[test]
    fn sums_of_both_states_agree_with_a_naive_model(
        steps in steps(160),
        told in told(900, 12),
        late_ones in any::<bool>(),
    ) {
        let policy = property_plan();
        let mut arrivals: Vec<(i64, Event)> = Vec::new();
        for (pane, value, lag) in &steps {
            let at = ORIGIN + pane * PANE;
            let arrives = at + if late_ones { lag * MINUTE } else { 0 };
            arrivals.push((arrives, reading(Kind::HEART_RATE, at, value * 1000)));
        }
        let end = steps.last().unwrap().0 * PANE;
        let known: Vec<Told> = told.into_iter().filter(|(at, ..)| at * MINUTE <= end).collect();
        for (minute, asleep, lag) in &known {
            let at = ORIGIN + minute * MINUTE;
            let arrives = at - 1 + if late_ones { lag * MINUTE } else { 0 };
            arrivals.push((arrives, sleeps(at, *asleep)));
        }
        arrivals.sort_by_key(|(arrives, _)| *arrives);
        let mut run = Run::new(&policy);
        for (index, (_, event)) in arrivals.into_iter().enumerate() {
            if index % 37 == 5 {
                run = restored(run, &policy);
            }
            run.event(event, late());
        }
        let newest = steps.last().unwrap().0;
        let found = run.engine.latest(rpm_core::PatientKey(0), "rise");
        let pane = |at: i64| (at - T0 - ORIGIN).div_euclid(PANE);
        let found = found.map(|(at, v)| (pane(at.as_millis()), f64::from(v.thousandths()) / 1000.0));
        let sums = expected(&steps, &known);
        // What has left the panes is added to, but no longer told.
        match sums.last().copied().filter(|(pane, _)| newest - pane < KEPT) {
            None => prop_assert_eq!(found, None),
            Some((pane, sum)) => {
                let (found_at, found) = found.unwrap();
                prop_assert_eq!(found_at, pane);
                prop_assert!((found - sum).abs() < 0.01 + 0.001 * sums.len() as f64, "{found} {sum}");
            }
        }
    }
}
