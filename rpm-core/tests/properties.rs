//! What must hold for every policy and every stream of events.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, T0, With, history, host, patient_id, policy, reading, verify_chain};
use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef, Quality, json as event_json};
use rpm_core::policy::Policy;
use rpm_core::record::{self, AlertChange, ConditionState, SealedRecord};
use rpm_core::{
    Action, AlertId, Code, Command, Engine, EngineConfig, HostTime, Monitor, Output, PatientKey,
    Reading, Receipt, Rejected, Timestamp, Value,
};
use serde_json::{Value as Json, json};

const KINDS: [Kind; 3] = [Kind::HEART_RATE, Kind::SPO2, Kind::RESPIRATORY_RATE];
const NAMES: [&str; 3] = ["heart_rate", "spo2", "respiratory_rate"];
/// The values go to and fro here, in whole units.
const RANGES: [(i32, i32); 3] = [(60, 140), (80, 99), (8, 32)];
const HORIZON_MS: i64 = 30_000;

// --- Policies at random ------------------------------------------------------------------------

const STATISTICS: [&str; 12] = [
    "last",
    "count",
    "mean",
    "min",
    "max",
    "sum",
    "delta",
    "rate_of_change",
    "slope",
    "standard_deviation",
    "coverage",
    "time_since_last",
];

/// A limit, as a share of the statistic's usual range.
fn limit(signal: usize, statistic: &str, share: i32) -> Json {
    let (low, high) = RANGES[signal];
    let (low, high) = match statistic {
        "count" => (0, 15),
        "sum" => (low, high * 10),
        "delta" => (low - high, high - low),
        "rate_of_change" | "slope" => (-200, 200),
        "standard_deviation" => (0, 20),
        "coverage" => (0, 100),
        "time_since_last" => (0, 12),
        _ => (low, high),
    };
    json!(low + (high - low) * share / 100)
}

#[derive(Clone, Debug)]
struct Comparison {
    signal: usize,
    statistic: &'static str,
    over_panes: i64,
    coverage: Option<i64>,
    high: bool,
    share: i32,
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let statistic = prop_oneof![2 => Just("last"), 5 => prop::sample::select(&STATISTICS[..])];
    let coverage = prop::option::of(0..=100_i64);
    (0..3_usize, statistic, 1..12_i64, coverage, any::<bool>(), 5..95_i32).prop_map(
        |(signal, statistic, over_panes, coverage, high, share)| Comparison {
            signal,
            statistic,
            over_panes,
            coverage,
            high,
            share,
        },
    )
}

/// The pane of each signal in seconds.
type Panes = [i64; 3];

fn comparison_json(c: &Comparison, panes: Panes, high: bool, share: i32) -> Json {
    let name = if high { "above" } else { "below" };
    let mut found = json!({
        "signal": NAMES[c.signal], "statistic": c.statistic,
        name: limit(c.signal, c.statistic, share),
    });
    if !matches!(c.statistic, "last" | "time_since_last") {
        found["over"] = json!(format!("{} s", c.over_panes * panes[c.signal]));
        if let Some(coverage) = c.coverage {
            found["coverage"] = json!(format!("{coverage} %"));
        }
    }
    found
}

#[derive(Clone, Debug)]
enum RulePlan {
    Limits {
        parts: Vec<Comparison>,
        shape: usize,
        levels: Vec<LevelPlan>,
        gaps: (i64, i64),
        artifacts: Option<i64>,
        mode: usize,
    },
    Missing {
        signal: usize,
        seconds: i64,
    },
}

#[derive(Clone, Debug)]
struct LevelPlan {
    hold: i64,
    times: Option<(i64, i64)>,
    clear: Option<i32>,
    clear_for: i64,
    latch: Option<bool>,
}

fn level_plan() -> impl Strategy<Value = LevelPlan> {
    let hold = prop_oneof![3 => Just(0), 3 => 1..6_i64, 1 => 6..25_i64];
    let times = prop::option::weighted(0.2, (1..4_i64, 2..15_i64));
    let clear_for = prop_oneof![2 => Just(0), 3 => 1..6_i64, 1 => 6..25_i64];
    (hold, times, prop::option::of(-3..15_i32), clear_for, any::<Option<bool>>()).prop_map(
        |(hold, times, clear, clear_for, latch)| LevelPlan { hold, times, clear, clear_for, latch },
    )
}

fn rule_plan() -> impl Strategy<Value = RulePlan> {
    let limits = (
        prop::collection::vec(comparison(), 1..=3),
        0..6_usize,
        prop::collection::vec(level_plan(), 1..=3),
        (0..10_i64, 0..25_i64),
        prop::option::weighted(0.3, 0..=100_i64),
        prop_oneof![8 => Just(0_usize), 1 => Just(1), 1 => Just(2)],
    );
    let limits = limits.prop_map(|(parts, shape, levels, gaps, artifacts, mode)| {
        RulePlan::Limits { parts, shape, levels, gaps, artifacts, mode }
    });
    let missing = (0..3_usize, 5..60_i64);
    let missing = missing.prop_map(|(signal, seconds)| RulePlan::Missing { signal, seconds });
    prop_oneof![5 => limits, 1 => missing]
}

/// The predicate of one level: shapes 0 to 2 are a single comparison.
fn predicate(parts: &[Comparison], shape: usize, panes: Panes, distance: i32, clear: bool) -> Json {
    let part = |c: &Comparison| {
        let outwards = if c.high { distance } else { -distance };
        comparison_json(c, panes, c.high != clear, (c.share + outwards).clamp(1, 99))
    };
    let all: Vec<Json> = parts.iter().map(part).collect();
    match shape {
        3 => json!({ "all": all }),
        4 => json!({ "any": all }),
        5 if all.len() > 1 => json!({ "at_least": { "count": 2, "of": all } }),
        5 => json!({ "not": all[0] }),
        _ => all[0].clone(),
    }
}

fn rule_json(index: usize, plan: &RulePlan, panes: Panes, unverified_after: &str) -> Json {
    let id = format!("r{index}");
    let (parts, shape, levels, gaps, artifacts, mode) = match plan {
        RulePlan::Missing { signal, seconds } => {
            return json!({
                "id": id, "title": "missing", "signal": NAMES[*signal],
                "missing_for": format!("{seconds} s"),
            });
        }
        RulePlan::Limits { parts, shape, levels, gaps, artifacts, mode } => {
            (parts, *shape, levels, gaps, artifacts, *mode)
        }
    };
    // High and low of the same statistic may not stand in one rule.
    let mut parts = parts.clone();
    let first = parts[0].clone();
    for part in &mut parts[1..] {
        if (part.signal, part.statistic) == (first.signal, first.statistic) {
            part.high = first.high;
        }
    }
    if let [_, b, c] = &mut parts[..] {
        if (c.signal, c.statistic) == (b.signal, b.statistic) {
            c.high = b.high;
        }
    }
    let names = ["informational", "review", "urgent"];
    let count = levels.len();
    let level = |(i, plan): (usize, &LevelPlan)| {
        let distance = i as i32 * 8;
        let mut level = json!({
            "level": names[3 - count + i],
            "raise": predicate(&parts, shape, panes, distance, false),
            "clear_for": format!("{} s", plan.clear_for),
        });
        match plan.times {
            Some((count, within)) => {
                level["times"] = json!({ "count": count, "within": format!("{within} s") });
            }
            None => level["for"] = json!(format!("{} s", plan.hold)),
        }
        if let Some(clear) = plan.clear {
            level["clear"] = predicate(&parts, shape, panes, distance - clear, true);
        }
        if let Some(latch) = plan.latch {
            level["latch"] = json!(latch);
        }
        level
    };
    let levels: Vec<Json> = levels.iter().enumerate().map(level).collect();
    let modes = ["active", "shadow", "disabled"];
    // A gap shorter than a pane is refused: no hold could ever accrue.
    let gap = gaps.0.max(panes.iter().copied().max().unwrap_or(1));
    let mut rule = json!({
        "id": id, "title": "limits", "levels": levels,
        "mode": modes[mode],
        "max_gap": format!("{gap} s"),
        "abandon_after": format!("{} s", gap + gaps.1),
        "unverified_after": unverified_after,
    });
    if let Some(share) = artifacts {
        rule["max_artifact"] = json!(format!("{share} %"));
    }
    rule
}

#[derive(Clone, Debug)]
struct PolicyPlan {
    panes: Panes,
    cadences: [i64; 3],
    rules: Vec<RulePlan>,
    unverified_s: i64,
    skew_s: i64,
}

impl PolicyPlan {
    /// The policy; with `calm`, nothing ever counts as unverified because host time passed.
    fn policy(&self, calm: bool) -> Arc<Policy> {
        let unverified =
            if calm { "300 d".to_string() } else { format!("{} s", self.unverified_s) };
        let signal = |i: usize| {
            json!({
                "cadence": format!("{} s", self.cadences[i]),
                "pane": format!("{} s", self.panes[i]),
                "accept": if i == 0 { json!(["motion"]) } else { json!([]) },
            })
        };
        let rules = self.rules.iter().enumerate();
        let rules: Vec<Json> =
            rules.map(|(i, plan)| rule_json(i, plan, self.panes, &unverified)).collect();
        policy(&json!({
            "id": "generated", "version": 1, "title": "generated",
            "lateness_horizon": format!("{} s", HORIZON_MS / 1000),
            "max_future_skew": format!("{} s", self.skew_s),
            "signals": { NAMES[0]: signal(0), NAMES[1]: signal(1), NAMES[2]: signal(2) },
            "rules": rules,
        }))
    }
}

fn policy_plan() -> impl Strategy<Value = PolicyPlan> {
    let timing = prop_oneof![
        3 => Just((1_i64, 1_i64)), 1 => Just((1, 5)), 1 => Just((5, 5)), 1 => Just((10, 10)), 1 => Just((1, 3)),
    ];
    let rules = prop::collection::vec(rule_plan(), 1..=3);
    (prop::array::uniform3(timing), rules, 5..60_i64, 1..20_i64).prop_map(
        |(timing, rules, unverified_s, skew_s)| PolicyPlan {
            panes: timing.map(|t| t.0),
            cadences: timing.map(|t| t.1),
            rules,
            unverified_s,
            skew_s,
        },
    )
}

// --- Streams at random -------------------------------------------------------------------------

/// One input and when it comes.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "streams are short")]
enum Input {
    Event(Event),
    /// Alert, how far the seen revision is off, and whether to resolve.
    Command(u32, u32, bool),
}

#[derive(Clone, Debug)]
struct Step {
    gap_s: i64,
    jitter_ms: i64,
    signal: usize,
    patient: u8,
    device: u8,
    change: Option<i32>,
    noise: i32,
    late_ms: i64,
    /// What is odd about it.
    oddity: u8,
}

fn steps(patients: u8) -> impl Strategy<Value = Vec<Step>> {
    let gap_s = prop_oneof![6 => Just(0_i64), 14 => Just(1), 3 => 2..7_i64, 1 => 7..45_i64, 1 => 45..150_i64];
    let jitter = prop_oneof![2 => Just(0), 1 => 0..1000_i64];
    let late = prop_oneof![4 => Just(0), 2 => 0..HORIZON_MS - 6000, 1 => 30_000..200_000_i64];
    let step = (
        gap_s,
        jitter,
        0..3_usize,
        0..patients,
        prop_oneof![5 => Just(0_u8), 1 => Just(1)],
        prop::option::weighted(0.25, 0..=100_i32),
        -2..=2_i32,
        late,
        any::<u8>(),
    );
    let step = step.prop_map(
        |(gap_s, jitter_ms, signal, patient, device, change, noise, late_ms, oddity)| Step {
            gap_s,
            jitter_ms,
            signal,
            patient,
            device,
            change,
            noise,
            late_ms,
            oddity,
        },
    );
    prop::collection::vec(step, 1..100)
}

/// Readings with their times in milliseconds; no two of one identity; in the order of measuring.
fn readings(steps: &[Step], sequences: bool) -> Vec<(i64, Step, Event)> {
    let (mut second, mut shares) = (0, [50; 3]);
    let mut found: Vec<(i64, Step, Event)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for step in steps {
        second += step.gap_s;
        let share = &mut shares[step.signal];
        *share = step.change.unwrap_or(*share);
        let (low, high) = RANGES[step.signal];
        let value = (low + (high - low) * *share / 100 + step.noise) * 1000;
        let ms = second * 1000 + step.jitter_ms;
        if !seen.insert((step.patient, step.device, step.signal, ms)) {
            continue;
        }
        let quality = match step.oddity {
            0..=12 => Quality::ARTIFACT,
            13..=20 => Quality::MOTION,
            21..=25 => Quality::LOW_PERFUSION.with(Quality::QUESTIONABLE),
            _ => Quality::GOOD,
        };
        let value = value.clamp(1000, if step.signal == 1 { 100_000 } else { 300_000 });
        let mut event = reading(KINDS[step.signal], ms, value)
            .patient(step.patient)
            .device(step.device)
            .quality(quality);
        if sequences {
            event.sequence = Some(found.len() as u64);
        }
        found.push((ms, step.clone(), event));
    }
    found
}

fn value_of(event: &Event) -> Option<i32> {
    match &event.body {
        Body::Reading { value: Ok(value), .. } => Some(value.thousandths()),
        _ => None,
    }
}

fn with_value(event: &Event, thousandths: i32) -> Event {
    let mut event = event.clone();
    if let Body::Reading { value, .. } = &mut event.body {
        *value = Ok(Value::from_thousandths(thousandths));
    }
    event
}

/// The stream as it arrives: everything that can go wrong on the way does.
fn arrivals(steps: &[Step], sequences: bool) -> Vec<(HostTime, Input)> {
    let mut found: Vec<(i64, usize, Input)> = Vec::new();
    let mut push = |at: i64, input: Input| {
        let place = found.len();
        found.push((at, place, input));
    };
    for (ms, step, event) in readings(steps, sequences) {
        let at = ms + step.late_ms;
        push(at, Input::Event(event.clone()));
        let kind = KindRef::Known(KINDS[step.signal]);
        let amend = |body: Body| Event { body, sequence: None, ..event.clone() };
        match step.oddity {
            30..=39 => push(at + step.jitter_ms, Input::Event(event)),
            // Another value under the same identity.
            40..=45 => {
                let other = value_of(&event).map_or(9000, |v| v + 1000);
                push(at + 10, Input::Event(with_value(&event, other)));
            }
            46..=52 => {
                let value = Value::from_thousandths(value_of(&event).unwrap_or(80_000) - 9000);
                push(at + 2000, Input::Event(amend(Body::Correction { kind, value })));
            }
            53..=58 => push(at + 3000, Input::Event(amend(Body::Void { kind }))),
            // Impossible, from the future, from before the epoch.
            59..=64 => push(at, Input::Event(with_value(&event, 2_000_000))),
            65..=70 => {
                let mut event = event;
                event.observed_at = Timestamp::from_millis(T0 + at + 1000 * i64::from(step.oddity));
                push(at, Input::Event(event));
            }
            71..=72 => {
                let mut event = event;
                event.observed_at = Timestamp::from_millis(-5);
                push(at, Input::Event(event));
            }
            73..=85 => push(at + 1, Input::Command(u32::from(step.device) + 1, 0, step.noise < 0)),
            86..=90 => push(at + 1, Input::Command(1, 1, step.noise < 0)),
            91..=93 => {
                let cadence = rpm_core::Duration::from_secs(1);
                let until = (step.noise > 0).then_some(ms + 60_000);
                let event = common::enrolment(ms, &KINDS[..=step.signal], cadence, ms, until);
                push(at, Input::Event(event.patient(step.patient)));
            }
            _ => {}
        }
    }
    found.sort_by_key(|(at, place, _)| (*at, *place));
    found.into_iter().map(|(at, _, input)| (host(at), input)).collect()
}

fn apply(run: &mut Run, now: HostTime, input: &Input) {
    match input {
        Input::Event(event) => drop(run.event(event.clone(), now)),
        Input::Command(alert, off, resolve) => {
            if run.engine.is_empty() {
                return;
            }
            let action = if *resolve {
                Action::Resolve { reason: record::Resolution::Other, note: Some("seen".into()) }
            } else {
                Action::Acknowledge
            };
            let seen = run.revision(*alert) + off;
            let _ = run.command(*alert, seen, action, now);
        }
    }
}

fn run_all(policy: &Arc<Policy>, stream: &[(HostTime, Input)]) -> Run {
    let mut run = Run::new(policy);
    for (now, input) in stream {
        apply(&mut run, *now, input);
    }
    run
}

/// The records without what counts and chains inputs.
fn decisions(records: &[SealedRecord]) -> Vec<(HostTime, record::Body)> {
    records.iter().map(|r| (r.record.at, r.record.body.clone())).collect()
}

fn limit_rules(plan: &PolicyPlan) -> Vec<String> {
    let rules = plan.rules.iter().enumerate();
    let limits = rules.filter(|(_, rule)| matches!(rule, RulePlan::Limits { .. }));
    limits.map(|(i, _)| format!("r{i}")).collect()
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/properties.txt", 20_260_302))]

    /// In whatever order readings arrive within the horizon, conditions were the same. `now` stands
    /// still and nothing counts as unverified: what host time does is not a matter of arrival.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        plan in policy_plan(), steps in steps(2), sequences in any::<bool>(), salt in any::<u64>(),
    ) {
        let policy = plan.policy(true);
        let now = host(100_000_000);
        let mut all = readings(&steps, sequences);
        let amendments: Vec<Event> = all.iter().filter_map(amendment).collect();
        let last = all.last().map_or(0, |(ms, ..)| *ms);
        let recent = |e: &Event| last - (e.observed_at.as_millis() - T0) < HORIZON_MS - 6000;
        let amendments: Vec<Event> = amendments.into_iter().filter(recent).collect();
        let run = |events: &[(i64, Step, Event)]| {
            let mut run = Run::new(&policy);
            for event in events.iter().map(|(.., e)| e).chain(&amendments) {
                prop_assert_eq!(run.event(event.clone(), now), Receipt::Accepted);
            }
            Ok(run)
        };
        let in_order = run(&all)?;
        // Each as late as its own and a second, unrelated choice say, but within the horizon.
        let mut mix = salt;
        all.sort_by_cached_key(|(ms, ..)| {
            mix = mix.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ms + ((mix >> 33) as i64) % (HORIZON_MS - 6000)
        });
        let shuffled = run(&all)?;
        for rule in limit_rules(&plan) {
            for patient in 0..2 {
                let id = patient_id(patient);
                let (_, def) = policy.rule(&rule).unwrap();
                let panes = def.signals().into_iter().map(|s| policy.signals()[s].pane());
                let narrowest = panes.min().unwrap().as_millis();
                prop_assert_eq!(
                    history(&in_order.records, &id, &rule, narrowest),
                    history(&shuffled.records, &id, &rule, narrowest),
                    "{} of patient {}", rule, patient
                );
                let state = |run: &Run| {
                    let key = run.engine.find_patient(None, &id);
                    key.and_then(|key| run.engine.condition(key, &rule)).map(unlatched)
                };
                prop_assert_eq!(state(&in_order), state(&shuffled));
            }
        }
    }

    /// What comes twice counts once, wherever the repetition comes within the horizon.
    #[test]
    fn repetitions_change_nothing(
        plan in policy_plan(), steps in steps(2), sequences in any::<bool>(),
        again in prop::collection::vec((any::<prop::sample::Index>(), 0..HORIZON_MS - 6000), 1..8),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let plain = run_all(&policy, &stream);
        let mut receipts = plain.receipts.iter();
        // The newest event time, so that a repetition stays within the horizon of it.
        let accepted: Vec<(usize, HostTime, Event)> = stream.iter().enumerate()
            .filter_map(|(i, (now, input))| match input {
                Input::Event(event) => Some((i, *now, event.clone(), *receipts.next().unwrap())),
                Input::Command(..) => None,
            })
            .filter(|(_, now, event, receipt)| {
                let fresh = now.age_of(event.observed_at).as_millis() < 6000;
                *receipt == Receipt::Accepted && fresh && matches!(event.body, Body::Reading { .. })
            })
            .map(|(i, now, event, _)| (i, now, event))
            .collect();
        prop_assume!(!accepted.is_empty());
        let mut repeated: Vec<(HostTime, usize, Input)> =
            stream.iter().enumerate().map(|(i, (now, input))| (*now, i, input.clone())).collect();
        let amended = |event: &Event| stream.iter().any(|(_, input)| matches!(input,
            Input::Event(e) if !matches!(e.body, Body::Reading { .. })
                && e.observed_at == event.observed_at && e.device == event.device));
        let mut added = 0;
        for (index, later) in again {
            let (place, _, event) = index.get(&accepted).clone();
            // A repetition of what was corrected since is a case of its own.
            if amended(&event) {
                continue;
            }
            // It comes with one of the inputs that follow, so that time passes as before.
            let until = event.observed_at.as_millis() + later;
            let newest = stream.iter().enumerate().rev()
                .find(|(i, (now, _))| *i >= place && now.as_millis() <= until);
            let (at, (now, _)) = newest.unwrap_or((place, &stream[place]));
            repeated.push((*now, at, Input::Event(event)));
            added += 1;
        }
        repeated.sort_by_key(|(now, place, _)| (*now, *place));
        let repeated: Vec<_> = repeated.into_iter().map(|(now, _, input)| (now, input)).collect();
        let doubled = run_all(&policy, &repeated);
        prop_assert_eq!(decisions(&plain.records), decisions(&doubled.records));
        let count = |run: &Run, receipt| run.receipts.iter().filter(|r| **r == receipt).count();
        prop_assert_eq!(count(&plain, Receipt::Accepted), count(&doubled, Receipt::Accepted));
        prop_assert_eq!(
            count(&plain, Receipt::Duplicate) + added, count(&doubled, Receipt::Duplicate)
        );
    }

    /// When everything stops, nothing clears, closes, acknowledges itself or matures. Two things
    /// happen: what is missing is said to be, and what was active becomes unverified; a condition
    /// that was active by evidence too old to page on opens its alert then.
    #[test]
    fn silence_decides_nothing(
        plan in policy_plan(), steps in steps(2), sequences in any::<bool>(), cut in any::<prop::sample::Index>(),
        ticks in prop::collection::vec(1..100_000_i64, 1..10),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let cut = cut.index(stream.len()) + 1;
        let mut run = run_all(&policy, &stream[..cut]);
        let before = run.records.len();
        let mut now = stream[cut - 1].0;
        for tick in ticks {
            now = now.plus(rpm_core::Duration::from_millis(tick));
            run.tick(now);
        }
        let limits = limit_rules(&plan);
        let mut unverified: Vec<&str> = Vec::new();
        for sealed in &run.records[before..] {
            match &sealed.record.body {
                record::Body::ConditionChanged { rule, state, .. } if limits.contains(rule) => {
                    prop_assert!(matches!(state, ConditionState::ActiveUnverified(_)), "{}", sealed.line);
                    unverified.push(rule);
                }
                record::Body::AlertChanged { rule, change, .. } if limits.contains(rule) => {
                    prop_assert_eq!(*change, AlertChange::Unverified, "{}", sealed.line);
                }
                record::Body::AlertOpened { rule, .. } if limits.contains(rule) => {
                    prop_assert!(unverified.contains(&rule.as_str()), "{}", sealed.line);
                }
                record::Body::ConditionChanged { state, .. } => {
                    prop_assert!(matches!(state, ConditionState::Active(_)), "{}", sealed.line);
                }
                record::Body::AlertOpened { .. } | record::Body::RetrospectiveFinding { .. } => {}
                _ => prop_assert!(false, "{}", sealed.line),
            }
        }
    }

    /// How often the host looks at the clock changes no byte.
    #[test]
    fn ticks_in_between_change_no_byte(
        plan in policy_plan(), steps in steps(3), sequences in any::<bool>(),
        ticks in prop::collection::vec((any::<prop::sample::Index>(), 0..50_000_i64), 1..20),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let mut plain = run_all(&policy, &stream);
        let mut ticked = Run::new(&policy);
        for (i, (now, input)) in stream.iter().enumerate() {
            let mut extra: Vec<i64> = ticks.iter()
                .filter(|(index, _)| index.index(stream.len()) == i)
                .map(|(_, before)| now.as_millis() - before)
                .collect();
            extra.sort_unstable();
            let earliest = if i == 0 { i64::MIN } else { stream[i - 1].0.as_millis() };
            for at in extra.into_iter().filter(|at| *at >= earliest) {
                ticked.tick(HostTime::from_millis(at));
            }
            // Every wake-up that is asked for is given, too.
            while let Some(at) = ticked.engine.next_wakeup().filter(|at| at <= now) {
                ticked.tick(at);
            }
            apply(&mut ticked, *now, input);
        }
        let end = stream.last().unwrap().0.plus(rpm_core::Duration::from_secs(10_000));
        plain.tick(end);
        let mut spent = 0;
        while let Some(at) = ticked.engine.next_wakeup().filter(|at| *at <= end) {
            ticked.tick(at);
            spent += 1;
            prop_assert!(spent < 1000, "wake-ups without end");
        }
        ticked.tick(end);
        prop_assert_eq!(plain.lines(), ticked.lines());
    }

    /// Whichever door readings come through, the same is decided, byte for byte.
    #[test]
    fn every_door_leads_to_the_same_records(
        plan in policy_plan(), steps in steps(1), sequences in any::<bool>(), size in 1..20_usize,
    ) {
        let policy = plan.policy(false);
        let stream: Vec<(HostTime, Event)> = arrivals(&steps, sequences).into_iter()
            .filter_map(|(now, input)| match input {
                // What no text can say is left out: a time before 1970.
                Input::Event(mut event)
                    if matches!(event.body, Body::Reading { .. })
                        && event.observed_at.is_plausible() =>
                {
                    event.received_at = Some(now);
                    Some((now, event))
                }
                _ => None,
            })
            .collect();
        let mut one = Run::new(&policy);
        for (now, event) in &stream {
            one.event(event.clone(), *now);
        }

        let mut json = Run::new(&policy);
        for (now, event) in &stream {
            let text = event_json::write(event);
            let receipt = json.engine.handle_json(text.as_bytes(), *now).unwrap();
            json.receipts.push(receipt);
            json.drain();
        }
        prop_assert_eq!(one.lines(), json.lines(), "JSON");
        prop_assert_eq!(&one.refused, &json.refused);
        prop_assert_eq!(&one.receipts, &json.receipts);

        let texts: Vec<(String, HostTime)> =
            stream.iter().map(|(now, event)| (event_json::write(event), *now)).collect();
        let texts: Vec<(&[u8], HostTime)> =
            texts.iter().map(|(text, now)| (text.as_bytes(), *now)).collect();
        let mut lines = Run::new(&policy);
        for part in texts.chunks(size) {
            let done = lines.engine.handle_json_batch(part);
            prop_assert_eq!(done.consumed, part.len());
            lines.drain();
        }
        prop_assert_eq!(one.lines(), lines.lines(), "lines of JSON");
        prop_assert_eq!(&one.refused, &lines.refused);
        prop_assert_eq!(one.engine.counts(PatientKey(0)), lines.engine.counts(PatientKey(0)));

        let compact = |engine: &mut Engine, now: HostTime, event: &Event| {
            let patient = engine.patient(None, &event.patient).unwrap();
            let device = engine.device(patient, &event.device.id).unwrap();
            compact(patient, device, now, event)
        };
        let mut single = Run::new(&policy);
        for (now, event) in &stream {
            let reading = compact(&mut single.engine, *now, event);
            let receipt = single.engine.handle_reading(&reading).unwrap();
            single.receipts.push(receipt);
            single.drain();
        }
        prop_assert_eq!(one.lines(), single.lines(), "readings one by one");
        prop_assert_eq!(&one.refused, &single.refused);

        let mut batch = Run::new(&policy);
        let all: Vec<Reading> =
            stream.iter().map(|(now, event)| compact(&mut batch.engine, *now, event)).collect();
        let mut counts = (0, 0, 0);
        for part in all.chunks(size) {
            let mut rest = part;
            while !rest.is_empty() {
                let done = batch.engine.handle_batch(rest);
                rest = &rest[done.consumed..];
                counts = (counts.0 + done.accepted, counts.1 + done.duplicate, counts.2 + done.quarantined);
                batch.drain();
            }
        }
        prop_assert_eq!(one.lines(), batch.lines(), "a batch");
        let counted = one.engine.counts(PatientKey(0)).unwrap();
        prop_assert_eq!(counts, (counted.accepted, counted.duplicate, counted.quarantined));
        prop_assert_eq!(one.engine.counts(PatientKey(0)), batch.engine.counts(PatientKey(0)));

        let mut monitor = Monitor::new(Arc::clone(&policy), None, &patient_id(0));
        let mut lines = Vec::new();
        for (now, event) in &stream {
            monitor.handle_event(event.clone(), *now).unwrap();
            while let Some(output) = monitor.poll_output() {
                if let Output::Record(sealed) = output {
                    lines.push(sealed.line);
                }
            }
        }
        prop_assert_eq!(one.lines(), lines, "a monitor");
    }

    /// A level without a hold is reached by the reading that meets it, whatever went on before.
    #[test]
    fn a_higher_level_is_never_delayed(
        steps in steps(1),
        shares in (40..70_i32, 2..20_i32, 2..20_i32), holds in (0..30_i64, 0..30_i64), clear_for in 0..30_i64,
        commands in any::<bool>(),
    ) {
        let (low, high) = RANGES[0];
        let limit = |share: i32| low + (high - low) * share / 100;
        let limits = [shares.0, shares.0 + shares.1, shares.0 + shares.1 + shares.2].map(limit);
        let clear = format!("{clear_for} s");
        let policy = policy(&json!({
            "id": "levels", "version": 1, "title": "levels", "lateness_horizon": "30 s",
            "signals": { "heart_rate": { "cadence": "1 s" } },
            "rules": [{ "id": "r", "title": "r", "signal": "heart_rate", "levels": [
                { "level": "informational", "raise": { "above": limits[0] },
                  "for": format!("{} s", holds.0), "clear_for": clear },
                { "level": "review", "raise": { "above": limits[1] },
                  "clear": { "below": limits[0] }, "clear_for": clear },
                { "level": "urgent", "raise": { "above": limits[2] },
                  "clear": { "below": limits[1] }, "clear_for": clear },
            ] }],
        }));
        let mut run = Run::new(&policy);
        let mut newest = -1;
        for (ms, step, event) in readings(&steps, false) {
            // In the order of measuring, so that each reading is the last one.
            if step.signal != 0 || ms <= newest {
                continue;
            }
            newest = ms;
            let value = value_of(&event).unwrap() / 1000;
            let good = event.quality.is_good();
            let before = run.state("r");
            let latched = matches!(before, ConditionState::Latched(_));
            let urgent_before = level_of(before) == Some(record::Level::Urgent) && !latched;
            let records = run.records.len();
            run.event(event, host(ms));
            if !good {
                continue;
            }
            let level = level_of(run.state("r"));
            if value > limits[2] {
                prop_assert_eq!(level, Some(record::Level::Urgent));
                if !urgent_before {
                    let told = run.records[records..].iter().any(|r| matches!(&r.record.body,
                        record::Body::AlertOpened { level: record::Level::Urgent, .. }
                            | record::Body::AlertChanged {
                                change: AlertChange::Raised | AlertChange::Reentered, .. }));
                    prop_assert!(told, "{:#?}", run.lines());
                    let alert = run.engine.alerts(PatientKey(0)).iter().find(|a| a.is_open()).unwrap();
                    prop_assert_eq!(&alert.response, &rpm_core::alert::Response::Unowned);
                }
            } else if value > limits[1] {
                prop_assert!(level >= Some(record::Level::Review));
            }
            if commands {
                let open = run.engine.alerts(PatientKey(0)).iter().find(|a| a.is_open()).map(|a| (a.id.0, a.revision));
                if let Some((id, revision)) = open {
                    let _ = run.command(id, revision, Action::Acknowledge, host(ms));
                }
            }
        }
    }

    /// Whatever comes in has one outcome, and they add up.
    #[test]
    fn every_input_has_one_outcome(
        plan in policy_plan(), steps in steps(3), sequences in any::<bool>(),
        garbage in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let mut run = run_all(&policy, &stream);
        let events = stream.iter().filter(|(_, i)| matches!(i, Input::Event(_))).count() as u64;
        let last = stream.last().unwrap().0;
        for text in &garbage {
            let receipt = run.engine.handle_json(text, last).unwrap();
            prop_assert!(matches!(receipt, Receipt::Quarantined(_)));
            run.drain();
        }
        let texts = run.refused.iter().filter(|(_, r)| matches!(r, Rejected::Text(_))).count();
        prop_assert_eq!(texts, garbage.len());
        let (mut total, mut quarantined) = (0, 0);
        for patient in 0..run.engine.len() {
            let counts = run.engine.counts(PatientKey(patient as u32)).unwrap();
            total += counts.total();
            quarantined += counts.quarantined;
        }
        prop_assert_eq!(total, events);
        prop_assert_eq!(quarantined, (run.refused.len() - texts) as u64);
        // Those that were refused come out once each, as they came in.
        let receipts = run.receipts.iter().zip(stream.iter().filter_map(|(_, i)| match i {
            Input::Event(event) => Some(event),
            Input::Command(..) => None,
        }));
        let refused = receipts.filter_map(|(receipt, event)| match receipt {
            Receipt::Quarantined(code) => Some((*code, Rejected::Event(Box::new(event.clone())))),
            _ => None,
        });
        let refused: Vec<_> = refused.collect();
        prop_assert_eq!(&run.refused[..refused.len()], &refused[..]);
        let recorded = run.bodies().into_iter()
            .filter(|b| matches!(b, record::Body::EventQuarantined { .. })).count();
        prop_assert_eq!(recorded, run.refused.len());
        // A record says how many inputs there were: events and commands.
        for patient in 0..run.engine.len() {
            let key = PatientKey(patient as u32);
            let nobody = Command { patient: key, alert: AlertId(u32::MAX), seen_revision: 0,
                actor: "nurse".into(), role: "nurse".into(), action: Action::Acknowledge };
            run.engine.handle_command(&nobody, last).unwrap().unwrap_err();
            run.drain();
            let commands = stream.iter().enumerate().filter(|(i, (_, input))| {
                matches!(input, Input::Command(..)) && patient == 0
                    && stream[..*i].iter().any(|(_, i)| matches!(i, Input::Event(_)))
            }).count() as u64;
            let counted = run.engine.counts(key).unwrap().total() + commands + 1;
            prop_assert_eq!(run.records.last().unwrap().record.inputs, counted);
        }
    }

    /// The same log again gives the same records, and they hang together.
    #[test]
    fn a_replay_gives_the_same_lines(plan in policy_plan(), steps in steps(3), sequences in any::<bool>()) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let first = run_all(&policy, &stream).lines();
        verify_chain(&first);
        prop_assert_eq!(first, run_all(&plan.policy(false), &stream).lines());
    }

    /// A queue that is nearly always full delays what comes out, and changes nothing else.
    #[test]
    fn a_full_queue_changes_nothing(plan in policy_plan(), steps in steps(3), sequences in any::<bool>()) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let events: Vec<(HostTime, Event)> = stream.into_iter().filter_map(|(now, i)| match i {
            Input::Event(event) => Some((now, event)),
            Input::Command(..) => None,
        }).collect();
        let run = |outputs: usize| {
            let config = EngineConfig::default().with_max_outputs(outputs);
            let mut run = Run::of(Engine::new(Arc::clone(&policy), config));
            let mut refusals = 0;
            for (now, event) in &events {
                loop {
                    match run.engine.handle_event(event.clone(), *now) {
                        Ok(receipt) => break run.receipts.push(receipt),
                        Err(error) => {
                            assert_eq!(error.code(), Code::OutputQueueFull);
                            let before = run.records.len();
                            run.drain();
                            assert!(run.records.len() > before, "refused with an empty queue");
                            refusals += 1;
                        }
                    }
                }
            }
            run.drain();
            let end = events.last().unwrap().0.plus(rpm_core::Duration::from_secs(10_000));
            while let Err(error) = run.engine.handle_timeout(end) {
                assert_eq!(error.code(), Code::OutputQueueFull);
                run.drain();
            }
            run.drain();
            (run, refusals)
        };
        let (free, refusals) = run(1_000_000);
        prop_assert_eq!(refusals, 0);
        let (tight, _) = run(1);
        prop_assert_eq!(free.lines(), tight.lines());
        prop_assert_eq!(free.receipts, tight.receipts);
        prop_assert_eq!(free.refused, tight.refused);
    }

    /// What is active has an alert that says the same, unless a person closed it or the evidence is
    /// too old to page on; what is over has none that says otherwise. A command touches one alert,
    /// and a refused one touches none.
    #[test]
    fn alerts_follow_conditions_and_commands_touch_one(
        plan in policy_plan(), steps in steps(1), sequences in any::<bool>(),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let mut run = Run::new(&policy);
        let key = PatientKey(0);
        // Good readings that stand.
        let mut good: Vec<(Kind, Timestamp)> = Vec::new();
        for (now, input) in &stream {
            let before = run.engine.alerts(key).to_vec();
            let records = run.records.len();
            run.tick(*now);
            let due = run.engine.alerts(key).to_vec();
            apply(&mut run, *now, input);
            let after = run.engine.alerts(key);
            match input {
                Input::Event(Event { body: Body::Reading { kind: KindRef::Known(kind), .. }, quality, observed_at, .. })
                    if quality.is_good() && run.receipts.last() == Some(&Receipt::Accepted) =>
                {
                    good.push((*kind, *observed_at));
                }
                Input::Event(Event { body: Body::Void { .. }, observed_at, .. }) => {
                    good.retain(|(_, at)| at != observed_at);
                }
                _ => {}
            }
            if let Input::Command(alert, off, _) = input {
                let touched = |a: &&rpm_core::Alert| !due.contains(*a);
                let touched: Vec<_> = after.iter().filter(touched).map(|a| a.id.0).collect();
                prop_assert!(touched.iter().all(|id| id == alert && *off == 0), "{:?}", touched);
            }
            // Nothing about an alert changes without its revision, and none without a record.
            for alert in after {
                if let Some(old) = before.iter().find(|a| a.id == alert.id) {
                    let visible = |a: &rpm_core::Alert| (a.level, a.repeats, a.response.clone());
                    prop_assert!(alert.revision >= old.revision);
                    prop_assert!(alert.revision > old.revision || visible(alert) == visible(old));
                    let told = run.records[records..].iter().filter(|r| matches!(&r.record.body,
                        record::Body::AlertChanged { alert: id, .. } if *id == alert.id)).count();
                    prop_assert_eq!(told as u32, alert.revision - old.revision);
                }
            }
            for (index, rule) in policy.rules().iter().enumerate() {
                let limits = matches!(plan.rules[index], RulePlan::Limits { .. });
                if !limits || rule.mode() == rpm_core::policy::Mode::Disabled {
                    continue;
                }
                let state = run.engine.condition(key, rule.id()).unwrap();
                let alerts: Vec<_> = after.iter().filter(|a| a.rule == index).collect();
                let open: Vec<_> = alerts.iter().filter(|a| a.is_open()).collect();
                prop_assert!(open.len() <= 1, "two open alerts of one rule");
                match (level_of(unlatched(state)), open.first()) {
                    (Some(_), Some(alert)) => prop_assert_eq!(alert.condition, state),
                    (None, Some(alert)) => {
                        prop_assert!(matches!(alert.condition, ConditionState::Latched(_)), "{:?} {:?}", state, alert);
                    }
                    (Some(level), None) => {
                        // Closed by a person, whom the same again does not call again.
                        let closed = alerts.iter().any(|a| a.is_active() && a.level >= level);
                        let reads: Vec<Kind> = rule.signals().into_iter()
                            .map(|s| policy.signals()[s].kind()).collect();
                        let fresh = good.iter().any(|(kind, at)| reads.contains(kind)
                            && now.age_of(*at).as_millis() < HORIZON_MS);
                        // Fresh data that cannot tell: then a timer ends the waiting.
                        let awaited = run.engine.next_wakeup().is_some();
                        prop_assert!(closed || !fresh || awaited, "{} is {:?} at {}, nobody told: {:#?}", rule.id(), state, now, run.lines());
                    }
                    (None, None) => {}
                }
            }
        }
    }

    /// Wherever it is stopped and restored, it goes on as if nothing had been.
    #[test]
    fn a_snapshot_at_any_step_changes_nothing(
        plan in policy_plan(), steps in steps(3), sequences in any::<bool>(),
        always in any::<bool>(), at in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let mut plain = run_all(&policy, &stream);
        let places: Vec<usize> = at.iter().map(|i| i.index(stream.len())).collect();
        let mut stopped = Run::new(&policy);
        for (i, (now, input)) in stream.iter().enumerate() {
            if always || places.contains(&i) {
                stopped = restore(stopped, &policy, *now)?;
            }
            apply(&mut stopped, *now, input);
        }
        let end = stream.last().unwrap().0.plus(rpm_core::Duration::from_secs(10_000));
        plain.tick(end);
        stopped = restore(stopped, &policy, end)?;
        stopped.tick(end);
        prop_assert_eq!(plain.lines(), stopped.lines());
        prop_assert_eq!(&plain.receipts, &stopped.receipts);
        for patient in 0..plain.engine.len() {
            let key = PatientKey(patient as u32);
            prop_assert_eq!(plain.engine.counts(key), stopped.engine.counts(key));
            prop_assert_eq!(plain.engine.alerts(key), stopped.engine.alerts(key));
        }
    }

    /// And it answers the same questions with the same words.
    #[test]
    fn a_restored_engine_gives_the_same_answers(
        plan in policy_plan(), steps in steps(3), sequences in any::<bool>(),
    ) {
        let policy = plan.policy(false);
        let stream = arrivals(&steps, sequences);
        let mut plain = run_all(&policy, &stream);
        let mut again = restore(run_all(&policy, &stream), &policy, stream.last().unwrap().0)?;
        for patient in 0..plain.engine.len() {
            let key = PatientKey(patient as u32);
            for rule in 0..plan.rules.len() {
                let id = format!("r{rule}");
                prop_assert_eq!(plain.engine.condition(key, &id), again.engine.condition(key, &id));
                prop_assert_eq!(plain.engine.why(key, &id), again.engine.why(key, &id));
            }
        }
    }
}

fn same_bytes(a: &[u8], b: &[u8], what: &str) -> Result<(), TestCaseError> {
    let differs = a.iter().zip(b).position(|(a, b)| a != b);
    prop_assert!(a == b, "{what}: {} and {} bytes, differing at {differs:?}", a.len(), b.len());
    Ok(())
}

/// The same run, its engine taken to bytes and back.
fn restore(run: Run, policy: &Arc<Policy>, now: HostTime) -> Result<Run, TestCaseError> {
    let bytes = run.engine.snapshot().unwrap();
    let policies = [Arc::clone(policy)];
    let restored = Engine::restore(&bytes, &policies, EngineConfig::default(), now);
    let (engine, report) = restored.unwrap();
    prop_assert_eq!(report.patients, run.engine.len());
    same_bytes(&bytes, &engine.snapshot().unwrap(), "bytes to state and back")?;
    // It may have forgotten a wake-up that nobody waits for any more, and no other.
    if let Some(at) = engine.next_wakeup() {
        prop_assert!(run.engine.next_wakeup().is_some_and(|before| before <= at));
    }
    Ok(Run { engine, ..run })
}

/// A correction or a void of the reading, for some of them.
fn amendment(reading: &(i64, Step, Event)) -> Option<Event> {
    let (_, step, event) = reading;
    let kind = KindRef::Known(KINDS[step.signal]);
    let body = match step.oddity {
        46..=58 => {
            let value = Value::from_thousandths(value_of(event)? - 9000);
            Body::Correction { kind, value: value.max(Value::from_thousandths(2000)) }
        }
        59..=70 => Body::Void { kind },
        _ => return None,
    };
    Some(Event { body, sequence: None, ..event.clone() })
}

fn compact(
    patient: PatientKey,
    device: rpm_core::DeviceKey,
    now: HostTime,
    event: &Event,
) -> Reading {
    let Body::Reading { kind: KindRef::Known(kind), value: Ok(value) } = event.body else {
        panic!("not a reading")
    };
    Reading {
        patient,
        device,
        kind,
        value,
        quality: event.quality,
        sequence: event.sequence,
        observed_at: event.observed_at,
        received_at: now,
    }
}

fn level_of(state: ConditionState) -> Option<record::Level> {
    use ConditionState as C;
    match state {
        C::Active(l) | C::Clearing(l) | C::ActiveUnverified(l) | C::Latched(l) => Some(l),
        C::NeverSeen | C::Normal | C::Pending => None,
    }
}

/// Whether an alert latched depends on when people were told, which is no matter of conditions.
fn unlatched(state: ConditionState) -> ConditionState {
    match state {
        ConditionState::Latched(_) => ConditionState::Normal,
        other => other,
    }
}
