//! What must hold of them.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Event, Kind, KindRef, json as event_json};
use rpm_core::policy::Policy;
use rpm_core::record::{self, AlertChange, ConditionState};
use rpm_core::{
    Action, AlertId, Code, Command, Engine, EngineConfig, HostTime, Monitor, Output, PatientKey,
    Reading, Receipt, Rejected, Timestamp, Value,
};
use serde_json::json;

use crate::common::{self, Run, T0, history, host, patient_id, policy, verify_chain};
use crate::policies::*;
use crate::streams::*;

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
