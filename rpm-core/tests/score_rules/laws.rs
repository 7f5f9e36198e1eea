//! What must hold of scores as signals, whatever happens in whatever order.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use rpm_core::event::{Body, Event, KindRef, json as event_json};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::{
    Duration, Engine, EngineConfig, HostTime, Monitor, Output, PatientKey, Reading, Receipt,
};

use crate::common::{self, Run, history, host, patient_id, verify_chain};
use crate::model::Model;
use crate::ward::{Fact, Ward, arrivals, facts, in_order, recent_facts, ward};

fn cases(seed: u64, cases: u32) -> Config {
    let mut config = common::cases("tests/regressions/score_rules.txt", seed);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

/// Everything arrives at the end of time, so that nothing happens because host time passes.
fn at_the_end(ward: &Ward, events: impl IntoIterator<Item = Event>) -> Run {
    let mut run = Run::new(&ward.policy(true));
    for event in events {
        let receipt = run.event(event, host(100_000_000));
        assert!(!matches!(receipt, Receipt::Quarantined(_)), "{receipt:?}");
    }
    run
}

fn as_they_come(policy: &Arc<Policy>, stream: &[(HostTime, Event)]) -> Run {
    let mut run = Run::new(policy);
    for (now, event) in stream {
        run.event(event.clone(), *now);
    }
    run
}

/// The conditions of a ward's rules.
fn histories(ward: &Ward, run: &Run) -> Vec<Vec<(i64, rpm_core::record::ConditionState)>> {
    let policy = ward.policy(true);
    let of_rule = |index: usize| {
        let id = format!("r{index}");
        let (_, def) = policy.rule(&id).unwrap();
        let panes = def.signals().into_iter().map(|s| policy.signals()[s].pane().as_millis());
        history(&run.records, &patient_id(0), &id, panes.min().unwrap())
    };
    (0..ward.rules.len()).map(of_rule).collect()
}

fn agrees(ward: &Ward, facts: &[Fact], run: &Run, how: &str) -> Result<(), TestCaseError> {
    let policy = ward.policy(true);
    let model = Model::new(ward, &policy, facts);
    let expected: Vec<_> = ward.rules.iter().map(|rule| model.history(rule)).collect();
    prop_assert_eq!(histories(ward, run), expected, "{}", how);
    Ok(())
}

/// The same run, its engine taken to bytes and back.
fn restore(run: Run, policies: &[Arc<Policy>], now: HostTime) -> Result<Run, TestCaseError> {
    let bytes = run.engine.snapshot().unwrap();
    let (engine, _) = Engine::restore(&bytes, policies, EngineConfig::default(), now).unwrap();
    prop_assert!(bytes == engine.snapshot().unwrap(), "bytes to state and back");
    Ok(Run { engine, ..run })
}

fn change(run: &mut Run, to: &Arc<Policy>, at: HostTime) {
    let from = Arc::clone(run.engine.policy());
    let proposal = Proposal::new(&from, Arc::clone(to), "dr.a", "why not").unwrap();
    run.engine.handle_change(proposal.approve("dr.b", at).unwrap(), at).unwrap().unwrap();
    run.drain();
}

fn the_end(stream: &[(HostTime, Event)]) -> HostTime {
    stream.last().unwrap().0.plus(Duration::from_secs(10_000))
}

proptest! {
    #![proptest_config(cases(20_261_101, 25))]

    /// In the order of measuring, and as late as the horizon allows.
    #[test]
    fn the_engine_agrees_with_the_model(ward in ward(), facts in facts()) {
        let run = at_the_end(&ward, in_order(&facts));
        agrees(&ward, &facts, &run, "in order")?;
        let run = at_the_end(&ward, arrivals(&facts).into_iter().map(|(_, event)| event));
        agrees(&ward, &facts, &run, "late")?;
    }

    /// Within the horizon a prescribed scale holds for all that is counted, whenever it is known.
    #[test]
    fn it_does_not_matter_when_a_prescription_is_known(ward in ward(), facts in recent_facts()) {
        let run = at_the_end(&ward, in_order(&facts));
        agrees(&ward, &facts, &run, "in order")?;
        let run = at_the_end(&ward, arrivals(&facts).into_iter().map(|(_, event)| event));
        agrees(&ward, &facts, &run, "late")?;
    }

    /// What comes twice counts once.
    #[test]
    fn repetitions_change_nothing(
        ward in ward(), facts in facts(), again in prop::collection::vec(any::<bool>(), 70),
    ) {
        let mut events = Vec::new();
        for ((_, event), again) in arrivals(&facts).into_iter().zip(again.iter().cycle()) {
            let reading = matches!(event.body, Body::Reading { .. });
            events.push(event.clone());
            if *again {
                events.push(event);
            } else if let Some(before) = events.iter().rev().nth(2).filter(|_| reading) {
                events.extend(matches!(before.body, Body::Reading { .. }).then(|| before.clone()));
            }
        }
        agrees(&ward, &facts, &at_the_end(&ward, events), "with repetitions")?;
    }

    /// Whoever stops and goes on anywhere decides the same, byte for byte.
    #[test]
    fn a_snapshot_at_every_step_changes_nothing(ward in ward(), facts in facts()) {
        let policy = ward.policy(false);
        let stream = arrivals(&facts);
        let mut plain = as_they_come(&policy, &stream);
        let mut stopped = Run::new(&policy);
        for (now, event) in &stream {
            stopped.event(event.clone(), *now);
            stopped = restore(stopped, &[Arc::clone(&policy)], *now)?;
        }
        prop_assert_eq!(plain.lines(), stopped.lines());
        plain.tick(the_end(&stream));
        stopped.tick(the_end(&stream));
        prop_assert_eq!(plain.lines(), stopped.lines());
        for rule in 0..ward.rules.len() {
            let (key, id) = (PatientKey(0), format!("r{rule}"));
            prop_assert_eq!(plain.engine.why(key, &id), stopped.engine.why(key, &id));
        }
        verify_chain(&plain.lines());
    }

    /// How often the host looks at the clock changes no byte.
    #[test]
    fn ticks_in_between_change_no_byte(
        ward in ward(), facts in facts(), ticks in prop::collection::vec(1..60_000_i64, 70),
    ) {
        let policy = ward.policy(false);
        let stream = arrivals(&facts);
        let mut plain = as_they_come(&policy, &stream);
        let mut ticked = Run::new(&policy);
        let mut last = i64::MIN;
        for ((now, event), before) in stream.iter().zip(ticks.iter().cycle()) {
            let tick = now.as_millis() - before;
            if tick > last {
                ticked.tick(HostTime::from_millis(tick));
            }
            while let Some(at) = ticked.engine.next_wakeup().filter(|at| at <= now) {
                ticked.tick(at);
            }
            ticked.event(event.clone(), *now);
            last = now.as_millis();
        }
        plain.tick(the_end(&stream));
        ticked.tick(the_end(&stream));
        prop_assert_eq!(plain.lines(), ticked.lines());
    }

    /// Readings may come as events, as JSON, in batches, one at a time, or to a monitor.
    #[test]
    fn every_door_leads_to_the_same_records(ward in ward(), facts in facts(), size in 1..20_usize) {
        let policy = ward.policy(false);
        let stream: Vec<_> = arrivals(&facts).into_iter()
            .filter(|(_, event)| matches!(event.body, Body::Reading { .. }))
            .map(|(now, event)| (now, Event { received_at: Some(now), ..event }))
            .collect();
        let one = as_they_come(&policy, &stream);
        let mut json = Run::new(&policy);
        for (now, event) in &stream {
            json.engine.handle_json(event_json::write(event).as_bytes(), *now).unwrap();
            json.drain();
        }
        prop_assert_eq!(one.lines(), json.lines(), "JSON");
        let mut batch = Run::new(&policy);
        let all: Vec<Reading> =
            stream.iter().map(|(now, event)| compact(&mut batch.engine, *now, event)).collect();
        for part in all.chunks(size) {
            let mut rest = part;
            while !rest.is_empty() {
                let done = batch.engine.handle_batch(rest);
                rest = &rest[done.consumed..];
                batch.drain();
            }
        }
        prop_assert_eq!(one.lines(), batch.lines(), "a batch");
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

    /// The same score under other words, in another place of the policy: nothing ends.
    #[test]
    fn other_words_change_no_condition(
        ward in ward(), facts in facts(), at in any::<prop::sample::Index>(),
    ) {
        let mut renamed = ward.json(2, true);
        renamed["scores"]["a"] = renamed["scores"]["s"].take();
        renamed["scores"].as_object_mut().unwrap().remove("s");
        renamed["signals"]["score"]["score"] = "a".into();
        renamed["signals"]["zz"] = serde_json::json!({ "kind": "glucose", "cadence": "1 min" });
        let to = common::policy(&renamed);
        let events: Vec<Event> = arrivals(&facts).into_iter().map(|(_, event)| event).collect();
        let at = at.index(events.len());
        let mut run = Run::new(&ward.policy(true));
        let end = host(100_000_000);
        for (index, event) in events.into_iter().enumerate() {
            if index == at {
                change(&mut run, &to, end);
            }
            run.event(event, end);
        }
        agrees(&ward, &facts, &run, "under other words")?;
    }

    /// Another policy, whatever it changes: no panic, and a snapshot goes on as if nothing was.
    #[test]
    fn another_policy_is_taken_over_whole(
        first in ward(), second in ward(), facts in facts(), at in any::<prop::sample::Index>(),
    ) {
        let policies = [first.policy(false), common::policy(&second.json(2, false))];
        let stream = arrivals(&facts);
        let at = at.index(stream.len());
        let mut plain = Run::new(&policies[0]);
        let mut stopped = Run::new(&policies[0]);
        for (index, (now, event)) in stream.iter().enumerate() {
            for run in [&mut plain, &mut stopped] {
                if index == at {
                    change(run, &policies[1], *now);
                }
                run.event(event.clone(), *now);
            }
            stopped = restore(stopped, &policies, *now)?;
        }
        plain.tick(the_end(&stream));
        stopped.tick(the_end(&stream));
        prop_assert_eq!(plain.lines(), stopped.lines());
    }
}

fn compact(engine: &mut Engine, now: HostTime, event: &Event) -> Reading {
    let patient = engine.patient(None, &event.patient).unwrap();
    let device = engine.device(patient, &event.device.id).unwrap();
    let Body::Reading { kind: KindRef::Known(kind), value: Ok(value) } = event.body else {
        panic!("not a reading")
    };
    let (quality, sequence) = (event.quality, event.sequence);
    let (observed_at, received_at) = (event.observed_at, now);
    Reading { patient, device, kind, value, quality, sequence, observed_at, received_at }
}
