//! Streams of events and commands at random, and what is asked of a run.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{self, SealedRecord};
use rpm_core::{Action, HostTime, Timestamp, Value};

use crate::common::{self, Run, T0, With, host, reading};
use crate::policies::{HORIZON_MS, KINDS, PolicyPlan, RANGES, RulePlan};

/// One input and when it comes.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "streams are short")]
pub enum Input {
    Event(Event),
    /// Alert, how far the seen revision is off, and whether to resolve.
    Command(u32, u32, bool),
}

#[derive(Clone, Debug)]
pub struct Step {
    pub gap_s: i64,
    pub jitter_ms: i64,
    pub signal: usize,
    pub patient: u8,
    pub device: u8,
    pub change: Option<i32>,
    pub noise: i32,
    pub late_ms: i64,
    /// What is odd about it.
    pub oddity: u8,
}

pub fn steps(patients: u8) -> impl Strategy<Value = Vec<Step>> {
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
pub fn readings(steps: &[Step], sequences: bool) -> Vec<(i64, Step, Event)> {
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

pub fn value_of(event: &Event) -> Option<i32> {
    match &event.body {
        Body::Reading { value: Ok(value), .. } => Some(value.thousandths()),
        _ => None,
    }
}

pub fn with_value(event: &Event, thousandths: i32) -> Event {
    let mut event = event.clone();
    if let Body::Reading { value, .. } = &mut event.body {
        *value = Ok(Value::from_thousandths(thousandths));
    }
    event
}

/// The stream as it arrives: everything that can go wrong on the way does.
pub fn arrivals(steps: &[Step], sequences: bool) -> Vec<(HostTime, Input)> {
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

pub fn apply(run: &mut Run, now: HostTime, input: &Input) {
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

pub fn run_all(policy: &Arc<Policy>, stream: &[(HostTime, Input)]) -> Run {
    let mut run = Run::new(policy);
    for (now, input) in stream {
        apply(&mut run, *now, input);
    }
    run
}

/// The records without what counts and chains inputs.
pub fn decisions(records: &[SealedRecord]) -> Vec<(HostTime, record::Body)> {
    records.iter().map(|r| (r.record.at, r.record.body.clone())).collect()
}

pub fn limit_rules(plan: &PolicyPlan) -> Vec<String> {
    let rules = plan.rules.iter().enumerate();
    let limits = rules.filter(|(_, rule)| matches!(rule, RulePlan::Limits { .. }));
    limits.map(|(i, _)| format!("r{i}")).collect()
}
