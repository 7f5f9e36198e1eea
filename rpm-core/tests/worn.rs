//! Readings of a device that is known not to be worn are there and do not count: named cases, and that
//! nothing depends on the order in which readings and what devices say of themselves arrive. The model
//! looks every reading's time up in all that its device said, flags it, and lets the flags decide.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, With, event, heart_rate, history, host, patient_id, policy, spo2};
use proptest::prelude::*;
use rpm_core::event::{Body as EventBody, Context, DeviceStatus, Event, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::ConditionState::{Active, ActiveUnverified, Normal};
use rpm_core::record::{AlertChange, Body, Level};
use rpm_core::{Duration, Engine, EngineConfig, PatientKey, Receipt, Value};
use serde_json::{Value as Json, json};

const SECOND: i64 = 1000;

fn seconds(n: i64) -> i64 {
    n * SECOND
}

fn home(signals: &Json, rules: &Json) -> Arc<Policy> {
    policy(&json!({
        "id": "home", "version": 1, "title": "Home", "lateness_horizon": "2 min",
        "signals": signals, "rules": rules
    }))
}

fn low() -> Json {
    json!({ "id": "low", "title": "Low", "signal": "spo2", "statistic": "mean", "over": "10 s",
            "levels": [{ "level": "review", "raise": { "below": 90 }, "clear": { "at_or_above": 92 },
                         "latch": false }] })
}

fn oximeter() -> Arc<Policy> {
    home(&json!({ "spo2": { "cadence": "1 s" } }), &json!([low()]))
}

fn said(ms: i64, worn: Option<bool>) -> Event {
    let status = DeviceStatus { worn, battery_percent: Some(50), ..DeviceStatus::default() };
    event(ms, EventBody::DeviceStatus(status))
}

fn off(ms: i64) -> Event {
    said(ms, Some(false))
}

fn on(ms: i64) -> Event {
    said(ms, Some(true))
}

/// Readings of these seconds.
fn stretch(run: &mut Run, from: i64, until: i64, percent: i32) {
    for second in from..until {
        run.live(spo2(seconds(second), percent));
    }
}

#[test]
fn what_a_device_measures_that_is_not_worn_raises_nothing_and_why_says_so() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 0, 30, 97);
    run.live(off(seconds(30)));
    stretch(&mut run, 30, 60, 60);
    assert_eq!((run.state("low"), run.opened("low").len()), (Normal, 0));
    assert!(run.receipts.iter().all(|receipt| *receipt == Receipt::Accepted));
    let why = run.engine.why(PatientKey(0), "low").unwrap();
    assert_eq!(why.not_worn.unwrap().since, common::observed(seconds(30)));
    let text = why.to_string();
    assert!(text.contains("left out: device not worn since 2020-09-13T12:27:30Z"), "{text}");
    // It is back on the finger, and speaks of the patient again.
    run.live(on(seconds(60)));
    stretch(&mut run, 60, 75, 80);
    assert_eq!(run.opened("low"), [(Level::Review, seconds(64))]);
}

#[test]
fn the_record_says_what_was_left_out_of_the_window() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 0, 30, 97);
    run.live(off(seconds(30)));
    stretch(&mut run, 30, 34, 20);
    run.live(on(seconds(34)));
    stretch(&mut run, 34, 45, 70);
    let records: Vec<_> = run.records.iter().map(|sealed| &sealed.record).collect();
    let text = rpm_core::record::explain(records, rpm_core::AlertId(1)).unwrap().to_string();
    let told = "left out: device not worn since 2020-09-13T12:27:30Z, until 2020-09-13T12:27:34Z";
    assert!(text.contains(told), "{text}");
}

/// Nothing is said of what has not been said: a battery is no word about the wrist, and no word is not "off".
#[test]
fn unknown_is_not_off() {
    let mut run = Run::new(&oximeter());
    run.live(said(seconds(0), None));
    stretch(&mut run, 1, 20, 80);
    assert_eq!(run.state("low"), Active(Level::Review));
    let mut run = Run::new(&oximeter());
    run.live(off(seconds(0)));
    run.live(said(seconds(1), None));
    stretch(&mut run, 2, 20, 80);
    assert!(run.opened("low").is_empty(), "a word about the battery does not put it on");
    // Both of one instant: nobody knows.
    for both in [[off(0), on(0)], [on(0), off(0)]] {
        let mut run = Run::new(&oximeter());
        for said in both {
            run.live(said);
        }
        stretch(&mut run, 1, 20, 80);
        assert_eq!(run.state("low"), Active(Level::Review));
    }
}

#[test]
fn another_device_of_the_same_patient_goes_on_counting() {
    let mut run = Run::new(&oximeter());
    run.live(off(0));
    for second in 0..20 {
        run.live(spo2(seconds(second), 98));
        run.live(spo2(seconds(second), 85).device(1));
    }
    assert_eq!(run.state("low"), Active(Level::Review));
    assert_eq!(
        run.engine.latest(PatientKey(0), "spo2").unwrap().1,
        Value::from_thousandths(85_000)
    );
}

/// What is active stays open, and says that nobody knows. A device that lies on a table clears nothing.
#[test]
fn taking_the_device_off_clears_nothing() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 0, 30, 85);
    run.live(off(seconds(30)));
    stretch(&mut run, 30, 300, 99);
    run.tick(host(seconds(300)));
    assert_eq!(run.state("low"), ActiveUnverified(Level::Review));
    assert!(!run.changes("low").contains(&AlertChange::Cleared), "{:?}", run.changes("low"));
    run.live(on(seconds(300)));
    stretch(&mut run, 300, 320, 99);
    assert_eq!(run.state("low"), Normal);
}

/// It sends on, and watches nobody: that is as if it had stopped. Worn again it is back at once.
#[test]
fn a_device_on_the_table_is_a_missing_signal() {
    let gone = json!({ "id": "gone", "title": "Gone", "signal": "spo2", "missing_for": "30 s" });
    let rules = json!([low(), gone]);
    for flagged in [false, true] {
        let mut run = Run::new(&home(&json!({ "spo2": { "cadence": "1 s" } }), &rules));
        stretch(&mut run, 0, 10, 97);
        if !flagged {
            run.live(off(seconds(10)));
        }
        for second in 10..60 {
            let mut reading = spo2(seconds(second), 97);
            if flagged {
                reading.quality = Quality::NOT_WORN;
            }
            run.live(reading);
        }
        assert_eq!(run.opened("gone").len(), 1, "{flagged}");
        run.live(on(seconds(60)));
        stretch(&mut run, 60, 65, 97);
        assert!(run.changes("gone").contains(&AlertChange::Cleared), "{flagged}");
    }
}

/// The word that it was off comes after what it measured: what that raised never was.
#[test]
fn a_late_word_takes_back_what_was_raised_by_readings_of_nobody() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 0, 30, 97);
    stretch(&mut run, 30, 50, 60);
    assert_eq!(run.state("low"), Active(Level::Review));
    run.event(off(seconds(30)), host(seconds(50)));
    assert_eq!(run.state("low"), Normal);
    assert_eq!(run.changes("low"), [AlertChange::Revised, AlertChange::Closed]);
    // And the word that it was on after all brings it back.
    run.event(on(seconds(31)), host(seconds(51)));
    assert_eq!(run.state("low"), Active(Level::Review));
}

/// Why it was taken back stands in the records, in what explains the alert, and in words.
#[test]
fn what_a_late_word_takes_back_says_why() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 0, 30, 97);
    stretch(&mut run, 30, 50, 60);
    run.event(off(seconds(30)), host(seconds(50)));
    let reasons = |run: &Run| {
        let reason = |body: &Body| match body {
            Body::ConditionRevised { reason, .. } => Some(("condition", reason.clone())),
            Body::AlertChanged { change: AlertChange::Revised, reason, .. } => {
                Some(("alert", reason.clone()))
            }
            _ => None,
        };
        run.bodies().into_iter().filter_map(reason).collect::<Vec<_>>()
    };
    let not_worn = Some("not_worn".to_string());
    assert_eq!(reasons(&run), [("condition", not_worn.clone()), ("alert", not_worn)]);
    let records = run.records.iter().map(|sealed| &sealed.record);
    let told = rpm_core::record::explain(records, rpm_core::AlertId(1)).unwrap();
    let event = told.history.iter().find(|e| e.change == AlertChange::Revised).unwrap();
    let left_out = event.not_worn.unwrap();
    assert_eq!((left_out.since, left_out.until), (common::observed(seconds(30)), None));
    let words = "taken back by late evidence: device not worn since 2020-09-13T12:27:30Z\n";
    assert!(told.to_string().contains(words), "{told}");
}

/// Nobody had been told yet, and the level only falls: the reason is the same.
/// Nothing is left that could say when: what is taken back is dated by when it was.
#[test]
fn what_was_all_of_nobody_is_taken_back_as_of_when_it_was() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 10, 30, 70);
    assert_eq!(run.opened("low").len(), 1);
    run.event(off(seconds(5)), host(seconds(31)));
    let taken_back = |body: &&Body| match body {
        Body::AlertChanged {
            change: AlertChange::Revised | AlertChange::Retracted,
            observed_at,
            ..
        } => *observed_at,
        _ => None,
    };
    let bodies = run.bodies();
    let at = bodies.iter().find_map(taken_back).unwrap();
    let at = at.as_millis() - common::observed(0).as_millis();
    assert!((seconds(10)..seconds(30)).contains(&at), "{at}");
}

#[test]
fn what_a_late_word_lowers_or_retracts_says_why() {
    let levels = json!([
        { "level": "review", "raise": { "below": 90 }, "clear": { "at_or_above": 92 } },
        { "level": "urgent", "raise": { "below": 70 }, "latch": false },
    ]);
    let two = json!({ "id": "low", "title": "Low", "signal": "spo2", "levels": levels });
    let signals = json!({ "spo2": { "cadence": "1 s" } });
    let mut run = Run::new(&home(&signals, &json!([two])));
    stretch(&mut run, 0, 10, 85);
    stretch(&mut run, 10, 20, 60);
    run.event(off(seconds(10)), host(seconds(20)));
    let lowered = |body: &&Body| match body {
        Body::AlertChanged { change: AlertChange::Lowered, reason, evidence, .. } => {
            reason.as_deref() == Some("not_worn") && evidence[0].not_worn.is_some()
        }
        _ => false,
    };
    assert!(run.bodies().into_iter().any(|body| lowered(&body)), "{:?}", run.changes("low"));
    // Somebody would have been told, and was not yet.
    let mut plan = json!({
        "id": "home", "version": 1, "title": "Home", "lateness_horizon": "2 min",
        "signals": signals, "rules": [low()],
    });
    plan["care"] = json!({
        "routes": [{ "id": "all", "queue": "ward", "escalation": "page" }],
        "escalations": { "page": { "answer_within": "5 min", "steps": [
            { "after": "0 s", "to": ["nurse"], "channels": ["pager"] },
        ] } },
    });
    let mut run = Run::new(&policy(&plan));
    stretch(&mut run, 0, 30, 97);
    stretch(&mut run, 30, 50, 60);
    run.event(off(seconds(30)), host(seconds(50)));
    let retracted = |body: &&Body| match body {
        Body::AlertChanged { change: AlertChange::Retracted, reason, evidence, .. } => {
            reason.as_deref() == Some("not_worn") && evidence[0].not_worn.is_some()
        }
        _ => false,
    };
    assert!(run.bodies().into_iter().any(|body| retracted(&body)), "{:?}", run.changes("low"));
}

/// What else writes over what was decided is named as well; a reading that came late is what is usual.
#[test]
fn corrections_voids_and_circumstances_are_reasons_too() {
    let by = |arrives: &dyn Fn(&mut Run)| {
        let mut plan = json!({
            "id": "home", "version": 1, "title": "Home", "lateness_horizon": "2 min",
            "signals": { "spo2": { "cadence": "1 s" } },
            "rules": [{ "id": "low", "title": "Low", "signal": "spo2",
                        "levels": [{ "level": "review", "raise": { "below": 90 } }] }],
        });
        plan["modifiers"] = json!([{
            "id": "copd", "title": "target prescribed", "when": { "asleep": true }, "rules": ["low"],
            "limit": { "to": 80 },
        }]);
        let mut run = Run::new(&policy(&plan));
        stretch(&mut run, 0, 10, 97);
        run.live(spo2(seconds(10), 85));
        run.live(spo2(seconds(12), 97));
        run.live(spo2(seconds(14), 85));
        arrives(&mut run);
        let reason = |body: &Body| match body {
            Body::ConditionRevised { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        run.bodies().into_iter().filter_map(reason).next_back().unwrap()
    };
    let kind = || KindRef::Known(Kind::SPO2);
    let told = |body: EventBody| {
        by(&|run: &mut Run| {
            run.event(event(seconds(14), body.clone()), host(seconds(15)));
        })
    };
    let value = Value::from_thousandths(96_000);
    assert_eq!(told(EventBody::Correction { kind: kind(), value }).as_deref(), Some("correction"));
    assert_eq!(told(EventBody::Void { kind: kind() }).as_deref(), Some("void"));
    let asleep = Context { asleep: Some(true), ..Context::default() };
    assert_eq!(told(EventBody::Context(asleep)).as_deref(), Some("circumstances"));
    let late = by(&|run: &mut Run| {
        run.event(spo2(seconds(11), 97), host(seconds(15)));
    });
    assert_eq!(late, None);
}

#[test]
fn a_signal_can_take_readings_of_a_device_that_is_not_worn() {
    let lying =
        home(&json!({ "spo2": { "cadence": "1 s", "accept": ["not_worn"] } }), &json!([low()]));
    let mut run = Run::new(&lying);
    run.live(off(0));
    stretch(&mut run, 0, 20, 80);
    assert_eq!(run.state("low"), Active(Level::Review));
}

#[test]
fn a_correction_of_a_reading_that_is_left_out_is_left_out() {
    let mut run = Run::new(&oximeter());
    stretch(&mut run, 0, 20, 97);
    run.live(off(seconds(20)));
    stretch(&mut run, 20, 30, 97);
    for second in 20..30 {
        let kind = KindRef::Known(Kind::SPO2);
        let value = Value::from_thousandths(70_000);
        let correction = event(seconds(second), EventBody::Correction { kind, value });
        assert_eq!(run.event(correction, host(seconds(30))), Receipt::Accepted);
    }
    assert_eq!((run.state("low"), run.opened("low").len()), (Normal, 0));
    // It was worn after all.
    run.event(on(seconds(20)), host(seconds(31)));
    assert_eq!(run.state("low"), Active(Level::Review));
}

/// Data that a phone kept back for hours are read with what was said of their time.
#[test]
fn what_was_kept_back_is_left_out_as_well() {
    for worn in [false, true] {
        let mut run = Run::new(&oximeter());
        let hour = 3600;
        run.live(spo2(seconds(hour), 97));
        let now = host(seconds(hour + 1));
        for second in 0..60 {
            run.event(spo2(seconds(second), 70), now);
        }
        run.event(if worn { on(0) } else { off(0) }, now);
        run.event(on(seconds(120)), now);
        run.tick(host(seconds(hour + 600)));
        assert_eq!(run.findings("low").is_empty(), !worn);
    }
}

/// What is left out teaches nothing.
#[test]
fn a_baseline_does_not_learn_from_a_device_on_the_table() {
    let learn = |off_at: Option<i64>| {
        let policy = policy(&json!({
            "id": "home", "version": 1, "title": "Home", "lateness_horizon": "1 min",
            "signals": { "heart_rate": { "cadence": "1 min" } },
            "baselines": { "usual": { "of": "heart_rate", "learn": { "mean": { "half_life": "1 h" } },
                                      "warm_up": "30 min" } },
            "rules": [{ "id": "fast", "title": "Fast", "signal": "heart_rate",
                "levels": [{ "level": "review", "raise": { "baseline": "usual", "above": 20 } }] }]
        }));
        let mut run = Run::new(&policy);
        for minute in 0..600 {
            let ms = minute * 60_000;
            let late = off_at.filter(|at| *at == minute);
            run.live(heart_rate(ms, if (300..400).contains(&minute) { 85 } else { 70 }));
            // A little late, within the horizon.
            late.map(|_| run.live(off(ms - 30_000)));
            (minute == 400 && off_at.is_some()).then(|| run.live(on(ms - 30_000)));
        }
        let usual =
            run.engine.why(PatientKey(0), "fast").unwrap().levels[0].now[0].baseline.clone();
        usual.unwrap().value.unwrap()
    };
    assert_eq!(learn(Some(300)), "70");
    assert_ne!(learn(None), "70");
}

// --- In any order ------------------------------------------------------------------------------

/// One second of one device.
#[derive(Clone, Debug)]
struct Told {
    at: i64,
    device: u8,
    worn: Option<bool>,
}

/// Whether a device was known not to be worn: by the latest word up to then; both at once is no word.
fn unworn(told: &[Told], device: u8, at: i64) -> bool {
    let words = || told.iter().filter(|t| t.device == device && t.at <= at && t.worn.is_some());
    let latest = words().map(|t| t.at).max();
    let mut last = words().filter(|t| Some(t.at) == latest).peekable();
    last.peek().is_some() && last.all(|t| t.worn == Some(false))
}

/// Rules on a raw signal, on what two sources agree on, on a score, and on how much of a window there is.
fn everything() -> Arc<Policy> {
    home(
        &json!({
            "spo2": { "cadence": "1 s", "pane": "2 s" },
            "heart_rate": { "cadence": "1 s" },
            "pulse_rate": { "cadence": "1 s" },
            "heart": { "cadence": "2 s", "fused": { "of": ["heart_rate", "pulse_rate"], "agree_within": 10 } }
        }),
        &json!([
            { "id": "low", "title": "Low", "signal": "spo2", "statistic": "mean", "over": "10 s",
              "coverage": "50 %", "max_artifact": "40 %",
              "levels": [
                { "level": "review", "raise": { "below": 93 }, "for": "4 s", "latch": false },
                { "level": "urgent", "raise": { "below": 88 }, "clear": { "above": 91 }, "latch": false }] },
            { "id": "fast", "title": "Fast", "signal": "heart", "levels": [
                { "level": "review", "raise": { "above": 110 }, "for": "6 s", "latch": false }] },
            { "id": "thin", "title": "Thin", "signal": "spo2", "statistic": "coverage", "over": "20 s",
              "levels": [{ "level": "review", "raise": { "below": 60 }, "latch": false }] },
            { "id": "both", "title": "Both", "levels": [{ "level": "urgent", "latch": false, "raise": { "all": [
                { "signal": "spo2", "statistic": "mean", "over": "6 s", "below": 92 },
                { "signal": "heart_rate", "above": 105 }] } }] }
        ]),
    )
}

const RULES: [(&str, i64); 4] = [("low", 2000), ("fast", 2000), ("thin", 2000), ("both", 1000)];

fn readings() -> impl Strategy<Value = Vec<Event>> {
    let one = (0..40_i64, 0..2_u8, 0..3_u8, 0..20_i32, 0..10_u8, 0..3_i64).prop_map(
        |(second, device, which, value, flag, jitter)| {
            let ms = seconds(second) + jitter * 300;
            let event = match which {
                0 => spo2(ms, 82 + value),
                1 => heart_rate(ms, 90 + 2 * value),
                _ => common::reading(Kind::PULSE_RATE, ms, (90 + 2 * value) * 1000),
            };
            let flags = if flag == 0 { Quality::ARTIFACT } else { Quality::GOOD };
            event.device(device).quality(flags)
        },
    );
    // One reading of each identity.
    proptest::collection::vec(one, 20..120).prop_map(|events| {
        let mut seen = std::collections::BTreeSet::new();
        let mut events = events;
        events.retain(|e| {
            let EventBody::Reading { kind, .. } = &e.body else { return true };
            seen.insert((format!("{kind:?}"), e.device.id.clone(), e.observed_at))
        });
        events
    })
}

fn words() -> impl Strategy<Value = Vec<Told>> {
    let worn = prop_oneof![3 => Just(Some(false)), 3 => Just(Some(true)), 1 => Just(None)];
    let one = (0..40_i64, 0..2_u8, worn);
    let told = |(second, device, worn)| Told { at: seconds(second), device, worn };
    proptest::collection::vec(one.prop_map(told), 0..8)
}

fn stories(run: &Run) -> Vec<Vec<(i64, rpm_core::record::ConditionState)>> {
    RULES.map(|(rule, pane)| history(&run.records, &patient_id(0), rule, pane)).into()
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/worn.txt", 5))]

    /// Whatever arrives when, and however often: the same as if the flags had come with the readings.
    #[test]
    fn words_of_devices_are_flags_of_their_readings(
        readings in readings(),
        told in words(),
        order in proptest::collection::vec(any::<u32>(), 128),
        tidy in any::<bool>(),
        repeats in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        stop in any::<prop::sample::Index>(),
    ) {
        let policy = everything();
        let now = host(seconds(41));
        // The model: every reading as it would have been flagged, in order of time.
        let mut flagged: Vec<Event> = readings.clone();
        for event in &mut flagged {
            let device = if event.device.id == common::device_id(0) { 0 } else { 1 };
            if unworn(&told, device, event.observed_at.as_millis() - common::T0) {
                event.quality = event.quality.with(Quality::NOT_WORN);
            }
        }
        flagged.sort_by_key(|event| event.observed_at);
        let mut model = Run::new(&policy);
        for event in flagged {
            model.event(event, now);
        }
        // The engine: readings and words in any order, some of them again, and a snapshot somewhere.
        let word = |t: &Told| said(t.at, t.worn).device(t.device);
        let mut events: Vec<Event> = readings.into_iter().chain(told.iter().map(word)).collect();
        for again in repeats {
            events.push(events[again.index(events.len())].clone());
        }
        // Or nearly in order, as they come from a bedside.
        let key = |(key, event): (u32, Event)| {
            let late = event.observed_at.as_millis() + i64::from(key % 4) * 2000;
            (if tidy { late } else { key.into() }, event)
        };
        let mut keyed: Vec<(i64, Event)> = order.into_iter().cycle().zip(events).map(key).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let all: Vec<_> = keyed.iter().map(|(_, e)| rpm_core::event::json::write(e)).collect();
        let stop = stop.index(keyed.len());
        let mut run = Run::new(&policy);
        for (index, (_, event)) in keyed.into_iter().enumerate() {
            run.event(event, now);
            if index == stop {
                let bytes = run.engine.snapshot().unwrap();
                let policies = [Arc::clone(&policy)];
                let (engine, _) =
                    Engine::restore(&bytes, &policies, EngineConfig::default(), now).unwrap();
                prop_assert_eq!(&engine.snapshot().unwrap(), &bytes);
                run.engine = engine;
            }
        }
        prop_assert_eq!(stories(&model), stories(&run), "{:#?}", all);
        for (rule, _) in RULES {
            prop_assert_eq!(model.state(rule), run.state(rule), "{}", rule);
        }
        for signal in ["spo2", "heart_rate", "pulse_rate", "heart"] {
            let (a, b) = (&model.engine, &run.engine);
            prop_assert_eq!(a.latest(PatientKey(0), signal), b.latest(PatientKey(0), signal));
        }
    }
}

#[test]
fn the_horizon_is_wider_than_the_stories() {
    assert!(everything().lateness_horizon() > Duration::from_secs(41));
}
