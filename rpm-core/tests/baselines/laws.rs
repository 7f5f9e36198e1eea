//! What must hold whatever is learned, and however the readings come.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{ConditionState, SealedRecord};
use rpm_core::{HostTime, Receipt};
use serde_json::{Value as Json, json};

use crate::cases;
use crate::common::{self, Run, With, history, host, patient_id, reading};
use crate::stay::{
    MINUTE, P0, SECOND, active, change, found, midnight, probe, profile, restored, text,
};

const KINDS: [Kind; 2] = [Kind::HEART_RATE, Kind::RESPIRATORY_RATE];
const RULES: [&str; 8] = ["guard", "high", "low", "jump", "night", "mixed", "other", "twice"];

/// Panes of heart rate and respiration, and how late readings may be.
#[derive(Clone, Debug)]
struct World {
    panes: [i64; 2],
    horizon: i64,
    every: i64,
    half_life: i64,
    median: u16,
}

fn world() -> impl Strategy<Value = World> {
    let pane = || prop::sample::select(vec![20 * SECOND, MINUTE, 3 * MINUTE, 5 * MINUTE]);
    let horizon = 2 * MINUTE..10 * MINUTE;
    (pane(), pane(), horizon, 0..2_usize, 1..50_i64, 1..30_u16).prop_map(
        |(heart, breath, horizon, every, half_lives, median)| {
            let every = [20, 30][every] * MINUTE;
            let half_life = half_lives * every;
            World { panes: [heart, breath], horizon, every, half_life, median }
        },
    )
}

impl World {
    fn json(&self) -> Json {
        let half_life = text(self.half_life);
        let learnt = |of: &str, learn: Json| {
            json!({
                "of": of, "learn": learn, "every": text(self.every), "warm_up": "4 min",
                "fallback": { "child": [70, 100], "any": [60, 90] },
            })
        };
        let range = json!({ "from": "10 %", "to": "90 %", "half_life": half_life });
        let median = json!({ "panes": self.median });
        let both = json!({ "all": [
            { "signal": "heart_rate", "above": 4, "baseline": "middle" },
            { "signal": "respiratory_rate", "above": 1, "baseline": "breath" },
        ] });
        let mut twice = active(
            "twice",
            "respiratory_rate",
            &json!({
            "above": 1, "distance": "deviations", "baseline": "breath" }),
        );
        twice["levels"][0]["times"] = json!({ "count": 2, "within": "40 min" });
        let mut high = active("high", "heart_rate", &json!({ "above": 12, "baseline": "mean" }));
        high["levels"][0]["for"] = "2 min".into();
        high["levels"][0]["clear"] = json!({ "below": 6, "baseline": "mean" });
        high["max_gap"] = "20 min".into();
        high["abandon_after"] = "1 h".into();
        let by_hour = json!({ "above": 10, "baseline": "hour" });
        let jump = json!({
            "statistic": "mean", "over": text(3 * self.panes[0]), "coverage": "0 %",
            "above": 10, "distance": "percent", "baseline": "middle",
        });
        let mut rules = vec![
            active("guard", "heart_rate", &json!({ "above": 150 })),
            high,
            active(
                "low",
                "heart_rate",
                &json!({
                "below": -1.5, "distance": "deviations", "baseline": "range" }),
            ),
            active("jump", "heart_rate", &jump),
            probe("night", "heart_rate", &by_hour),
            active("mixed", "heart_rate", &both),
            active("other", "respiratory_rate", &json!({ "above": -60, "baseline": "mean" })),
            twice,
        ];
        for rule in &mut rules {
            // Host time is no matter of what is learned.
            rule["unverified_after"] = "3000 d".into();
        }
        json!({
            "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": text(self.horizon),
            "signals": {
                "heart_rate": { "cadence": text(self.panes[0]) },
                "respiratory_rate": { "cadence": text(self.panes[1]) },
            },
            "baselines": {
                "mean": learnt("heart_rate", json!({ "mean": { "half_life": half_life } })),
                "hour": learnt("heart_rate", json!({ "by_hour": { "half_life": half_life } })),
                "range": learnt("heart_rate", json!({ "range": range })),
                "breath": learnt("respiratory_rate", json!({ "mean": { "half_life": half_life } })),
                "middle": { "of": "heart_rate", "learn": { "median": median } },
            },
            "rules": rules,
        })
    }

    fn policy(&self) -> Arc<Policy> {
        common::policy(&self.json())
    }
}

#[derive(Clone, Debug)]
struct Step {
    /// Since the reading before.
    gap: i64,
    signal: usize,
    value: i32,
    oddity: u8,
    /// How late it is.
    late: i64,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let gap =
        prop_oneof![8 => SECOND..70 * SECOND, 4 => MINUTE..8 * MINUTE, 1 => MINUTE..90 * MINUTE];
    let step = (gap, 0..3_usize, 0..20_i32, any::<u8>(), 0..1000_i64).prop_map(
        |(gap, signal, value, oddity, late)| Step { gap, signal: signal % 2, value, oddity, late },
    );
    prop::collection::vec(step, 2..most)
}

/// When each is observed, when it comes, and the reading.
fn readings(world: &World, steps: &[Step]) -> Vec<(i64, i64, Event)> {
    let (mut ms, mut found) = (0, Vec::new());
    for step in steps {
        ms += step.gap;
        let base = [64, 12][step.signal];
        let value = match step.oddity {
            0..=9 => base * 2 + 30 + step.value,
            10..=40 => base + step.value * 2,
            _ => base + step.value / 3,
        };
        let flags = if step.oddity > 245 { Quality::ARTIFACT } else { Quality::GOOD };
        let event = reading(KINDS[step.signal], ms, value * 1000).quality(flags);
        // A place in between leaves room for what lies in the same pane.
        found.push((ms, ms + step.late * (world.horizon - SECOND) / 1000, event));
    }
    found
}

/// What is decided of each rule: its history, and what it says in the end.
fn decided(run: &mut Run, policy: &Policy) -> Vec<(Vec<(i64, ConditionState)>, String)> {
    let of_rule = |rule: &&str| {
        let (_, def) = policy.rule(rule).unwrap();
        let panes = def.signals().into_iter().map(|s| policy.signals()[s].pane());
        let narrowest = panes.min().unwrap().as_millis();
        let past = history(&run.records, &patient_id(0), rule, narrowest);
        let mut why = run.engine.why(P0, rule).unwrap();
        // Whether it latched depends on people.
        why.state = ConditionState::Normal;
        (past, serde_json::to_string(&why).unwrap())
    };
    RULES.iter().map(of_rule).collect()
}

fn same(
    a: &[(Vec<(i64, ConditionState)>, String)],
    b: &[(Vec<(i64, ConditionState)>, String)],
) -> Result<(), TestCaseError> {
    for ((a, b), rule) in a.iter().zip(b).zip(RULES) {
        prop_assert_eq!(&a.1, &b.1, "what {} says", rule);
        // Where panes are of two widths, evidence of a wide one has no one time in narrow ones.
        let of = |past: &[(i64, ConditionState)]| {
            past.iter().map(|(at, state)| (if rule == "mixed" { 0 } else { *at }, *state)).collect()
        };
        let (a, b): (Vec<_>, Vec<_>) = (of(&a.0), of(&b.0));
        prop_assert_eq!(a, b, "the history of {}", rule);
    }
    Ok(())
}

fn is_heart_rate(event: &Event) -> bool {
    let kind = KindRef::Known(Kind::HEART_RATE);
    matches!(&event.body, Body::Reading { kind: k, .. } if *k == kind)
}

fn bodies(records: &[SealedRecord]) -> Vec<String> {
    records.iter().map(|r| serde_json::to_string(&r.record.body).unwrap()).collect()
}

/// All of them as if they came at one time of the host: it is no matter of arrival.
fn run_all<'a>(policy: &Arc<Policy>, events: impl Iterator<Item = &'a Event>) -> Run {
    let mut run = Run::new(policy);
    for event in events {
        let receipt = run.event(event.clone(), host(1000 * 24 * 60 * MINUTE));
        assert_eq!(receipt, Receipt::Accepted);
    }
    run
}

proptest! {
    #![proptest_config(cases(20_261_102, 60))]

    #[test]
    fn the_order_of_arrival_changes_nothing(world in world(), steps in steps(120)) {
        let policy = world.policy();
        let mut all = readings(&world, &steps);
        let mut in_order = run_all(&policy, all.iter().map(|(.., e)| e));
        all.sort_by_key(|(ms, comes, _)| (*comes, *ms));
        let mut late = run_all(&policy, all.iter().map(|(.., e)| e));
        same(&decided(&mut in_order, &policy), &decided(&mut late, &policy))?;
    }

    /// The clocks change, or the patient turns out to be a child, in between.
    #[test]
    fn nor_before_and_after_a_profile(
        world in world(), steps in steps(80), place in any::<prop::sample::Index>(),
        hours in -12..=12_i16, band in prop::option::of(Just("child")),
    ) {
        let policy = world.policy();
        let all = readings(&world, &steps);
        let (first, then) = all.split_at(place.index(all.len()));
        let at = first.last().map_or(0, |(ms, ..)| *ms);
        let event = profile(at, band, Some(hours * 60));
        let run = |late: bool| {
            let (mut first, mut then) = (first.to_vec(), then.to_vec());
            if late {
                first.sort_by_key(|(ms, comes, _)| (*comes, *ms));
                then.sort_by_key(|(ms, comes, _)| (*comes, *ms));
            }
            let events = first.iter().map(|(.., e)| e).chain([&event]);
            run_all(&policy, events.chain(then.iter().map(|(.., e)| e)))
        };
        let (mut in_order, mut late) = (run(false), run(true));
        same(&decided(&mut in_order, &policy), &decided(&mut late, &policy))?;
    }

    #[test]
    fn repetitions_change_nothing(
        world in world(), steps in steps(80),
        again in prop::collection::vec((any::<prop::sample::Index>(), 1..1000_i64), 1..20),
    ) {
        let policy = world.policy();
        let all = readings(&world, &steps);
        let mut repeated: Vec<(i64, bool, Event)> =
            all.iter().map(|(ms, _, e)| (*ms, false, e.clone())).collect();
        for (index, late) in again {
            let (ms, _, event) = index.get(&all);
            repeated.push((ms + late * (world.horizon - SECOND) / 1000, true, event.clone()));
        }
        repeated.sort_by_key(|(at, again, _)| (*at, *again));
        let now = host(1000 * 24 * 60 * MINUTE);
        let mut twice = Run::new(&policy);
        for (_, again, event) in repeated {
            let receipt = twice.event(event, now);
            prop_assert_eq!(receipt == Receipt::Duplicate, again);
        }
        let mut once = run_all(&policy, all.iter().map(|(.., e)| e));
        prop_assert_eq!(bodies(&once.records), bodies(&twice.records));
        same(&decided(&mut once, &policy), &decided(&mut twice, &policy))?;
    }

    /// From the bytes and on, at every step; late readings, a profile and ticks in between.
    #[test]
    fn snapshots_and_ticks_change_no_byte(
        world in world(), steps in steps(60), ticks in 0..3_i64, hours in -12..=12_i16,
    ) {
        let policy = world.policy();
        let mut all = readings(&world, &steps);
        all.push((all[0].0, all[all.len() / 2].1, profile(all[0].0, Some("child"), Some(60 * hours))));
        all.sort_by_key(|(ms, comes, _)| (*comes, *ms));
        let policies = [Arc::clone(&policy)];
        let (mut plain, mut other) = (Run::new(&policy), Run::new(&policy));
        let mut before = 0;
        for (_, comes, event) in all {
            for tick in 1..=ticks {
                other.tick(host(before + (comes - before) * tick / (ticks + 1)));
            }
            other = restored(other, &policies, host(before));
            prop_assert_eq!(
                plain.event(event.clone(), host(comes)), other.event(event, host(comes))
            );
            prop_assert_eq!(plain.records.len(), other.records.len());
            before = comes;
        }
        prop_assert_eq!(plain.lines(), other.lines());
        prop_assert_eq!(plain.engine.counts(P0), other.engine.counts(P0));
        same(&decided(&mut plain, &policy), &decided(&mut other, &policy))?;
    }

    /// Artifacts, implausible values, and what is said to be no measurement are not learned.
    #[test]
    fn bad_readings_teach_nothing(
        world in world(), steps in steps(80),
        bad in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, 0..60_i32), 1..20),
    ) {
        let policy = world.policy();
        let all = readings(&world, &steps);
        let mut soiled: Vec<(i64, Event)> = all.iter().map(|(ms, _, e)| (*ms, e.clone())).collect();
        for (index, what, value) in bad {
            // Near a good one: a ring that a bad one pushes on forgets what lies far before.
            let near: Vec<i64> = all.iter().filter(|(.., e)| is_heart_rate(e)).map(|r| r.0).collect();
            prop_assume!(!near.is_empty());
            let ms = index.get(&near);
            let (value, flags) = match what {
                0 => (60 + value, Quality::ARTIFACT),
                1 => (301 + value % 49, Quality::GOOD),
                _ => (60 + value, Quality::IMPLAUSIBLE),
            };
            let event = reading(Kind::HEART_RATE, ms - 1, value * 1000).quality(flags).device(1);
            if !soiled.iter().any(|(at, _)| *at == ms - 1) {
                soiled.push((ms - 1, event));
            }
        }
        soiled.sort_by_key(|(ms, _)| *ms);
        let mut clean = run_all(&policy, all.iter().map(|(.., e)| e));
        let mut soiled = run_all(&policy, soiled.iter().map(|(_, e)| e));
        for rule in ["high", "low", "jump", "night", "other"] {
            prop_assert_eq!(found(&mut clean, rule), found(&mut soiled, rule), "{}", rule);
        }
        same(&decided(&mut clean, &policy), &decided(&mut soiled, &policy))?;
    }

    /// While a rule about a signal is active it does not matter what the signal says.
    #[test]
    fn what_was_observed_in_an_episode_teaches_nothing(
        world in world(), steps in steps(120), more in 1..40_i32,
    ) {
        let mut json = world.json();
        json["rules"] = json!([
            json["rules"][0].clone(),
            probe("high", "heart_rate", &json!({ "above": 0, "baseline": "mean" })),
            probe("low", "heart_rate", &json!({ "below": 0, "baseline": "range" })),
            probe("night", "heart_rate", &json!({ "below": 0, "baseline": "hour" })),
        ]);
        let policy = common::policy(&json);
        let all = readings(&world, &steps);
        let louder = |event: &Event| {
            let Body::Reading { value: Ok(value), .. } = event.body else { panic!() };
            if value.thousandths() <= 150_000 || event.quality != Quality::GOOD {
                return event.clone();
            }
            let value = value.thousandths() + more * 1000;
            reading(KINDS[0], event.observed_at.as_millis() - common::T0, value)
        };
        // One reading a pane, so that the rule stands for all of what the pane holds.
        let mut panes = std::collections::BTreeSet::new();
        let pane = |event: &Event| event.observed_at.as_millis().div_euclid(world.panes[0]);
        let all: Vec<Event> =
            all.into_iter().map(|(.., e)| e).filter(|e| panes.insert(pane(e))).collect();
        let loud: Vec<Event> = all.iter().map(louder).collect();
        let (mut a, mut b) = (run_all(&policy, all.iter()), run_all(&policy, loud.iter()));
        for rule in ["high", "low", "night"] {
            prop_assert_eq!(found(&mut a, rule), found(&mut b, rule), "{}", rule);
        }
    }

    /// Another policy in which everything means the same changes nothing, whenever it comes, wherever
    /// the patient lives, and whoever he is.
    #[test]
    fn a_policy_that_means_the_same_changes_nothing(
        world in world(), steps in steps(80), place in any::<prop::sample::Index>(),
        hours in -12..=12_i16, band in prop::option::of(Just("child")),
    ) {
        let mut json = world.json();
        let policy = common::policy(&json);
        json["version"] = 2.into();
        json["title"] = "Ward two".into();
        let next = common::policy(&json);
        let mut all = readings(&world, &steps);
        all.sort_by_key(|(ms, comes, _)| (*comes, *ms));
        let place = place.index(all.len());
        let now = 1000 * 24 * 60 * MINUTE;
        let run = |changes: bool| {
            let mut run = Run::new(&policy);
            run.event(profile(0, band, Some(60 * hours)), host(now));
            for (index, (.., event)) in all.iter().enumerate() {
                if changes && index == place {
                    change(&mut run, &next, now);
                }
                run.event(event.clone(), host(now));
            }
            run
        };
        let (mut as_before, mut changed) = (run(false), run(true));
        same(&decided(&mut as_before, &policy), &decided(&mut changed, &policy))?;
    }
}

/// A policy of the most awkward measures, and readings at the ends of everything.
#[derive(Clone, Debug)]
struct Extreme {
    panes: [i64; 2],
    horizon: i64,
    every: Option<i64>,
    half_life: i64,
    warm_up: i64,
    distance: i64,
    measured: &'static str,
    from: u16,
}

fn extreme() -> impl Strategy<Value = Extreme> {
    let pane = || prop::sample::select(vec![1, 2, 1000, 59_999, 3_600_000, 86_399_999, 86_400_000]);
    let day = 86_400_000_i64;
    let every = prop::option::of(prop::sample::select(vec![3_i64, 60_000, 7 * day, 3660 * day]));
    let half_life = prop::sample::select(vec![3_600_000, day * 3, 3660 * day]);
    let warm_up = prop::sample::select(vec![0, 1, day, 3660 * day]);
    let distance = prop::sample::select(vec![-2_147_483, -3, 0, 5, 2_147_483]);
    let measured = prop::sample::select(vec!["absolute", "percent", "deviations"]);
    let horizon = prop::sample::select(vec![0, 1, 30_000, 600_000, 8 * 3_600_000]);
    (pane(), pane(), horizon, every, half_life, warm_up, distance, (measured, 0..1000_u16))
        .prop_map(|(a, b, horizon, every, half_life, warm_up, distance, (measured, from))| {
            Extreme { panes: [a, b], horizon, every, half_life, warm_up, distance, measured, from }
        })
}

impl Extreme {
    /// Nothing if no such policy is possible.
    fn policy(&self) -> Option<Arc<Policy>> {
        let share = |permille: u16| format!("{}.{} %", permille / 10, permille % 10);
        let half_life = text(self.half_life);
        let range = json!({ "from": share(self.from), "to": "100 %", "half_life": half_life });
        let learn = [
            ("mean", json!({ "mean": { "half_life": half_life } })),
            ("hour", json!({ "by_hour": { "half_life": half_life } })),
            ("range", json!({ "range": range })),
            ("median", json!({ "median": { "panes": self.from % 400 + 1 } })),
        ];
        let (mut baselines, mut rules) = (json!({}), Vec::new());
        for (name, learn) in learn {
            for signal in ["a", "b"] {
                let key = format!("{name}-{signal}");
                let warm_up = text(self.warm_up);
                baselines[&key] = json!({ "of": signal, "learn": learn, "warm_up": warm_up });
                baselines[&key]["fallback"] = json!({ "any": [-2_147_483, 2_147_483] });
                if let Some(every) = self.every {
                    baselines[&key]["every"] = text(every).into();
                }
                let raise = json!({
                    "above": self.distance, "distance": self.measured, "baseline": key,
                    "statistic": "mean", "over": text(self.panes[0].max(self.panes[1]) * 3),
                });
                rules.push(active(&format!("r-{key}"), signal, &raise));
            }
        }
        let both = json!({ "any": [
            { "signal": "a", "above": self.distance, "baseline": "median-a" },
            { "signal": "b", "below": self.distance, "baseline": "mean-b" },
        ] });
        rules.push(active("both", "a", &both));
        let kind =
            json!({ "title": "K", "unit": "1", "possible": [-2_147_483.647, 2_147_483.647] });
        let mut json = json!({
            "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": text(self.horizon),
            "max_future_skew": "1 h", "kinds": { "a": kind, "b": kind },
            "signals": {
                "a": { "cadence": text(self.panes[0]) }, "b": { "cadence": text(self.panes[1]) },
            },
            "baselines": baselines, "rules": rules,
        });
        // Baselines and rules that such panes do not allow are left out, as often as it takes.
        for _ in 0..30 {
            let errors = match Policy::from_json(json.to_string().as_bytes()) {
                Ok(policy) => return Some(policy),
                Err(errors) => errors,
            };
            let errors: Vec<String> = errors.errors().iter().map(|e| e.to_string()).collect();
            let baselines = json["baselines"].as_object_mut().unwrap();
            let before = baselines.len();
            baselines
                .retain(|name, _| !errors.iter().any(|e| e.contains(&format!("baselines.{name}"))));
            let left: Vec<String> = baselines.keys().cloned().collect();
            let shrunk = before > left.len();
            let rules = json["rules"].as_array_mut().unwrap();
            let count = rules.len();
            let mut place = 0;
            rules.retain(|_| {
                let bad = errors.iter().any(|e| e.contains(&format!("rules[{place}]")));
                place += 1;
                !bad
            });
            if !shrunk && rules.len() == count {
                return None;
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(cases(20_261_103, 60))]

    #[test]
    fn nothing_makes_it_panic(
        extreme in extreme(),
        steps in prop::collection::vec(
            (
                prop::sample::select(vec![1, 2, 60_000, 3_600_000, 86_400_000, 400 * 86_400_000_i64]),
                1..40_i64, any::<bool>(),
                prop_oneof![Just(i32::MIN + 1), Just(i32::MAX), Just(0), any::<i32>()], 0..10_u8,
            ), 1..60),
        far in any::<bool>(),
    ) {
        let Some(policy) = extreme.policy() else { return Ok(()) };
        let policies = [Arc::clone(&policy)];
        let kinds = [policy.kind_named("a").unwrap(), policy.kind_named("b").unwrap()];
        let mut run = Run::new(&policy);
        // The last instants that a reading may carry, or the first.
        let mut ms = if far { 253_402_300_799_999 - 40_000_000 } else { 0 };
        for (unit, times, signal, value, oddity) in steps {
            ms = (ms + unit * times).min(253_402_300_799_999);
            let at = if oddity == 0 { ms - extreme.horizon.min(ms) } else { ms };
            let event = reading(kinds[usize::from(signal)], at - common::T0, value.max(i32::MIN + 1));
            let now = HostTime::from_millis(ms);
            run.event(event, now);
            if oddity == 1 {
                run.event(profile(at - common::T0, None, Some(if signal { 840 } else { -840 })), now);
            }
            if oddity == 2 {
                run = restored(run, &policies, now);
            }
            for rule in policy.rules() {
                let why = run.engine.why(P0, rule.id());
                prop_assert!(!why.map(|why| why.to_string()).unwrap_or_default().is_empty());
            }
        }
        restored(run, &policies, HostTime::from_millis(ms));
    }
}

/// A late reading right after the clocks changed is still judged by what was learned.
#[test]
fn a_move_forgets_nothing() {
    let world = World {
        panes: [MINUTE, MINUTE],
        horizon: 5 * MINUTE,
        every: 20 * MINUTE,
        half_life: 20 * 60 * MINUTE,
        median: 5,
    };
    let mut run = Run::new(&world.policy());
    let from = midnight();
    for minute in 0..300 {
        run.live(reading(Kind::HEART_RATE, from + minute * MINUTE, 70_000));
    }
    let now = from + 299 * MINUTE;
    run.event(profile(now, None, Some(60)), host(now));
    let late = reading(Kind::HEART_RATE, now - MINUTE - 1, 71_000);
    assert_eq!(run.event(late, host(now)), Receipt::Accepted);
    assert!(found(&mut run, "night").is_some());
    let found = found(&mut run, "high").unwrap();
    assert_eq!((found.edge, found.samples > 200), (70.0, true), "not the fallback: {found:?}");
}
