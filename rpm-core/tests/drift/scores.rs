//! A drift of scores: how much worse a patient is than is usual for that patient, by early warning scores and
//! by what models say.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef};
use rpm_core::policy::Policy;
use rpm_core::{PatientKey, Value};
use serde_json::{Value as Json, json};

use crate::common::{self, Run, T0, cases, reading};
use crate::named::{ACTIVE, Chance, MINUTE, at};
use crate::{late, restored};

/// Rounds every four hours, NEWS2 of what they measure, and a rule on how far that rises.
fn rounds(learn: &Json, limit: f64) -> Json {
    json!({
        "id": "drift", "version": 1, "title": "Drift", "lateness_horizon": "8 h",
        "signals": {
            "heart_rate": { "cadence": "4 h", "pane": "1 h" },
            "respiratory_rate": { "cadence": "4 h", "pane": "1 h" },
            "spo2": { "cadence": "4 h", "pane": "1 h" },
            "systolic_bp": { "cadence": "4 h", "pane": "1 h" },
            "body_temperature": { "cadence": "4 h", "pane": "1 h" },
            "news2": { "score": "news2", "cadence": "4 h" },
            "rise": { "cadence": "4 h", "drift": { "baseline": "usual", "direction": "up" } },
        },
        "scores": { "news2": { "chart": "news2", "max_age": "6 h", "if_missing": "normal" } },
        "baselines": { "usual": { "of": "news2", "learn": learn, "warm_up": "56 h" } },
        "rules": [{
            "id": "rises", "title": "Rises", "signal": "rise", "unverified_after": "300 d",
            "levels": [{
                "level": "review", "raise": { "at_or_above": limit }, "clear": { "below": 1 },
            }],
        }],
    })
}

fn median() -> Json {
    json!({ "median": { "panes": 28 } })
}

fn mean() -> Json {
    json!({ "mean": { "half_life": "10 d" } })
}

/// What a round measures, in thousandths, of a patient who is so much worse.
fn round(number: i64, vitals: [i32; 5]) -> Vec<Event> {
    let kinds = [
        Kind::RESPIRATORY_RATE,
        Kind::SPO2,
        Kind::SYSTOLIC_BP,
        Kind::HEART_RATE,
        Kind::BODY_TEMPERATURE,
    ];
    let ms = at(0, 0) + number * 4 * 60 * MINUTE + 30 * MINUTE;
    let placed = kinds.into_iter().zip(vitals).zip(0..);
    placed.map(|((kind, value), minute)| reading(kind, ms + minute * MINUTE, value)).collect()
}

/// Vitals of one who is not quite well: some rounds count 0, some 4.
fn by_chance(chance: &mut Chance, worse: bool) -> [i32; 5] {
    let by = i64::from(worse);
    [
        chance.of(18_000 + 1500 * by, 2500),
        chance.of(96_000 - 1000 * by, 1200).min(100_000),
        chance.of(118_000, 12_000),
        chance.of(85_000 + 8000 * by, 10_000),
        chance.of(37_200, 400),
    ]
}

fn sum(run: &Run) -> Option<i32> {
    run.engine.latest(PatientKey(0), "rise").map(|(_, value)| value.thousandths())
}

/// A score is compared with those before it, so its own pane is never one of the median's.
#[test]
fn a_median_of_scores_that_asks_for_all_its_panes_gets_all_but_one() {
    let mut plan = rounds(&median(), 4.0);
    let usual =
        |plan: &mut Json, field: &str, value: Json| plan["baselines"]["usual"][field] = value;
    usual(&mut plan, "warm_up", json!("112 h"));
    let mut run = Run::new(&common::policy(&plan));
    for number in 0..40 {
        for event in round(number, [16_000, 97_000, 120_000, 70_000, 36_800]) {
            run.live(event);
        }
    }
    assert!(run.engine.latest(PatientKey(0), "rise").is_some());

    usual(&mut plan, "learn", json!({ "median": { "panes": 1 } }));
    let told = Policy::from_json(plan.to_string().as_bytes()).unwrap_err().to_string();
    assert!(told.contains("signals.rise.drift.baseline") && told.contains("two panes"), "{told}");
}

/// However often vitals are measured within a pane, the score as of its end is one value.
#[test]
fn a_score_is_one_step_a_pane_and_as_of_its_last_reading() {
    let policy = common::policy(&rounds(&median(), 9.0));
    let (mut once, mut often) = (Run::new(&policy), Run::new(&policy));
    let well = [16_000, 97_000, 120_000, 80_000, 37_000];
    for number in 0..30 {
        // Two points from the twentieth round on: an oxygen saturation of 92 %.
        let mut vitals = well;
        vitals[1] = if number < 20 { 97_000 } else { 92_000 };
        for event in round(number, vitals) {
            once.live(event.clone());
            often.live(event);
        }
        for minute in 10..60 {
            let ms = at(0, 0) + number * 4 * 60 * MINUTE + (30 + minute) * MINUTE;
            often.live(reading(Kind::SPO2, ms, if minute % 3 == 0 { 90_000 } else { 97_000 }));
        }
        let ms = at(0, 0) + number * 4 * 60 * MINUTE + 95 * MINUTE;
        often.live(reading(Kind::SPO2, ms, vitals[1]));
        assert_eq!(sum(&once), sum(&often), "round {number}");
    }
    // Two points are two deviations of a point, less half of one, ten times over; held at ten.
    assert_eq!(sum(&once), Some(10_000));
    // Without any round there is no step: the sum stands.
    once.tick(common::host(at(20, 0)));
    assert_eq!(sum(&once), Some(10_000));
}

/// Readings that come late count as if they had come in time: every score after them, and every sum.
#[test]
fn a_late_reading_moves_the_scores_and_the_sums_after_it() {
    let policy = common::policy(&rounds(&median(), 4.0));
    let (mut plain, mut slow) = (Run::new(&policy), Run::new(&policy));
    let mut chance = Chance(5);
    let mut held: Vec<Event> = Vec::new();
    for number in 0..80 {
        for event in round(number, by_chance(&mut chance, number > 60)) {
            let now = rpm_core::HostTime::assume_immediate(event.observed_at);
            plain.live(event.clone());
            let is_late = (chance.of(0, 1000) > 500) && number < 79;
            if is_late {
                held.push(event);
            } else {
                slow.event(event, now);
            }
        }
        // The round after, the other way round.
        if number % 2 == 1 {
            let now = common::host(at(0, 0) + number * 4 * 60 * MINUTE + 60 * MINUTE);
            held.drain(..).rev().for_each(|event| {
                slow.event(event, now);
            });
            assert_eq!(sum(&plain), sum(&slow), "round {number}");
        }
        if number % 7 == 3 {
            slow = restored(slow, &policy);
        }
    }
    assert_eq!(plain.state("rises"), slow.state("rises"));
    assert!(slow.refused.is_empty());
}

/// False alarms in a thousand rounds of people who are as ill as they are, and after how many rounds it is found
/// that one has become about a point worse.
fn alarms(learn: &Json, limit: f64) -> (usize, usize) {
    let (people, rounds_each) = (20, 600);
    let policy = common::policy(&rounds(learn, limit));
    let take = |run: &mut Run, number: i64, chance: &mut Chance, worse: bool| {
        round(number, by_chance(chance, worse)).into_iter().for_each(|event| {
            run.live(event);
        });
    };
    let (mut alarms, mut delays) = (0, Vec::new());
    for person in 0..people {
        let mut chance = Chance(person + 1);
        let mut run = Run::new(&policy);
        (0..rounds_each).for_each(|number| take(&mut run, number, &mut chance, false));
        alarms += run.opened("rises").len();
        let (mut run, mut delay) = (Run::new(&policy), 0);
        (0..120).for_each(|number| take(&mut run, number, &mut chance, false));
        if run.state("rises") == ACTIVE {
            continue;
        }
        while run.state("rises") != ACTIVE && delay < 60 {
            take(&mut run, 120 + delay, &mut chance, true);
            delay += 1;
        }
        delays.push(delay as usize);
    }
    delays.sort_unstable();
    (alarms * 1000 / (people as usize * rounds_each as usize), delays[delays.len() / 2])
}

/// Points are few and skewed, not normal: what that costs is in the policies' README.
#[test]
fn what_chance_does_with_a_score() {
    let mut found = Vec::new();
    for (learn, limit, expected) in [
        (mean(), 4.0, (6, 8)),
        (mean(), 5.0, (2, 10)),
        (median(), 4.0, (5, 8)),
        (median(), 5.0, (2, 13)),
    ] {
        found.push((alarms(&learn, limit), expected, learn, limit));
    }
    assert!(found.iter().all(|(found, expected, ..)| found == expected), "{found:?}");
}

/// A heart rate: its pane, the value, how many panes late it comes, whether it is voided.
type Step = (i64, i32, i64, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![12 => Just(1_i64), 3 => 2..5_i64, 1 => 5..200_i64];
    let rate = prop::sample::select(vec![38, 45, 70, 80, 95, 105, 115, 125, 135]);
    let fate = prop_oneof![9 => Just(false), 1 => Just(true)];
    prop::collection::vec((gap, rate, 0..4_i64, fate), 5..90).prop_map(|steps| {
        let mut pane = 0;
        let placed = steps.into_iter().map(|(gap, rate, late, void)| {
            pane += gap;
            (pane, rate, late, void)
        });
        placed.collect()
    })
}

/// NEWS2's points for a pulse.
fn points(rate: i32) -> i64 {
    match rate {
        ..=40 | 131.. => 3,
        111..=130 => 2,
        41..=50 | 91..=110 => 1,
        _ => 0,
    }
}

/// Half away from zero.
fn rounded(top: i64, bottom: i64) -> i64 {
    let half = (2 * top.abs() + bottom).div_euclid(2 * bottom);
    half * top.signum()
}

fn median_of(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let n = values.len();
    rounded(values[(n - 1) / 2] + values[n / 2], 2)
}

/// The sums by pane, in thousandths: each score is a step in the pane of the next one.
fn expected(steps: &[Step], of: i64) -> Vec<(i64, i64)> {
    let stand = steps.iter().filter(|(.., void)| !void);
    let scores: BTreeMap<i64, i64> =
        stand.map(|(pane, rate, ..)| (*pane, points(*rate) * 1000)).collect();
    let (mut sum, mut sums) = (0, Vec::new());
    for ((pane, score), (next, _)) in scores.iter().zip(scores.iter().skip(1)) {
        // What is usual then, but for the score itself.
        let before: Vec<i64> =
            scores.range((next - of).min(*pane)..*pane).map(|(_, score)| *score).collect();
        if before.len() < 3 {
            continue;
        }
        let middle = median_of(before.clone());
        let far = before.iter().map(|score| (score - middle).abs()).collect();
        let spread = rounded(median_of(far) * 14_826, 10_000).max(1000);
        let deviations = rounded((score - middle) * 1000, spread).clamp(-4000, 4000);
        sum = (sum + deviations - 500).clamp(0, 10_000);
        sums.push((*next, sum));
    }
    sums
}

proptest! {
    #![proptest_config(cases("tests/regressions/drift.txt", 20_261_130))]

    /// However late, within the horizon, readings and voids come, and wherever it is restored.
    #[test]
    fn sums_of_scores_agree_with_a_naive_model(steps in steps(), of in 4..12_i64) {
        const HOUR: i64 = 60 * MINUTE;
        let mut plan = rounds(&json!({ "median": { "panes": of } }), 4.0);
        plan["signals"] = json!({
            "heart_rate": { "cadence": "1 h" },
            "news2": { "score": "news2", "cadence": "1 h" },
            "rise": { "cadence": "1 h", "drift": { "baseline": "usual", "direction": "up" } },
        });
        plan["baselines"]["usual"]["warm_up"] = "3 h".into();
        let policy = common::policy(&plan);
        let mut arrivals: Vec<(i64, Event)> = Vec::new();
        for (pane, rate, late, void) in &steps {
            let ms = at(0, 0) + pane * HOUR + 20 * MINUTE;
            arrivals.push((pane + late, reading(Kind::HEART_RATE, ms, rate * 1000)));
            if *void {
                let kind = KindRef::Known(Kind::HEART_RATE);
                arrivals.push((pane + late, common::event(ms, Body::Void { kind })));
            }
        }
        // Stable: what arrives at once arrives in the order in which it was measured.
        arrivals.sort_by_key(|(arrives, _)| *arrives);
        let mut run = Run::new(&policy);
        for (index, (_, event)) in arrivals.into_iter().enumerate() {
            if index % 23 == 7 {
                run = restored(run, &policy);
            }
            run.event(event, late());
        }
        prop_assert!(run.refused.is_empty(), "{:?}", run.refused);
        let pane = |ms: i64| (ms - T0 - at(0, 0)).div_euclid(HOUR);
        let found = run.engine.latest(PatientKey(0), "rise");
        let found = found.map(|(at, sum)| (pane(at.as_millis()), i64::from(sum.thousandths())));
        // What has left the panes is added to, but no longer told.
        let newest = steps.last().unwrap().0;
        let told = expected(&steps, of).last().copied().filter(|(pane, _)| newest - pane < 64);
        prop_assert_eq!(found, told);
    }
}

/// What a model says is a signal as any other: each pane's mean is a step.
#[test]
fn what_a_model_says_can_drift() {
    let policy = Policy::from_json(
        json!({
            "id": "drift", "version": 1, "title": "Drift", "lateness_horizon": "1 h",
            "kinds": { "sepsis_risk": { "title": "Risk", "unit": "1", "possible": [0, 1] } },
            "signals": {
                "heart_rate": { "cadence": "1 h" },
                "sepsis_risk": { "cadence": "1 h" },
                "rise": { "cadence": "1 h", "drift": { "baseline": "usual", "direction": "up" } },
            },
            "risk": { "sepsis": {
                "title": "Sepsis", "model": "sepsis", "signal": "sepsis_risk", "every": "1 h",
                "features": [{ "signal": "heart_rate", "over": "1 h" }],
            } },
            "baselines": { "usual": {
                "of": "sepsis_risk", "learn": { "median": { "panes": 24 } },
                "least_deviation": 0.02,
            } },
            "rules": [{
                "id": "rises", "title": "Rises", "signal": "rise",
                "levels": [{ "level": "review", "raise": { "at_or_above": 4 } }],
            }],
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    let mut run = Run::new(&policy);
    for hour in 0..60 {
        let ms = at(0, hour);
        let now = common::host(ms);
        run.event(reading(Kind::HEART_RATE, ms, 80_000), now);
        let score = 200 + [0, 10, -10][hour as usize % 3] + if hour < 48 { 0 } else { 40 };
        let said = rpm_core::Scored {
            patient: PatientKey(0),
            risk: "sepsis".into(),
            model: None,
            shadow: false,
            observed_at: common::observed(ms),
            result: Ok(Value::from_thousandths(score)),
            inputs: rpm_core::record::Hash::of(&[]),
            latency_us: None,
            terms: Vec::new(),
        };
        run.engine.handle_score(&said, now).unwrap().unwrap();
        run.drain();
        assert_eq!(run.opened("rises").is_empty(), hour < 50, "{hour}: {:?}", sum(&run));
    }
}
