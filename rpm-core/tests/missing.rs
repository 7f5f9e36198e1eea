//! A signal that stays away, or of which nothing comes that counts: what is said of the two, and what
//! circumstances make of a rule on it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, With, cases, enrolment, event, host, policy, spo2};
use proptest::prelude::*;
use rpm_core::event::{Body as EventBody, Context, DeviceStatus, Event, Kind, Profile, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::ConditionState::{Active, NeverSeen, Normal};
use rpm_core::record::{self, AlertChange, Body, Clause, Level};
use rpm_core::{AlertId, Code, Duration, Engine, EngineConfig, HostTime, PatientKey};
use serde_json::{Value as Json, json};

const P0: PatientKey = PatientKey(0);

fn at(second: i64) -> i64 {
    second * 1000
}

fn plan(accept: &Json, modifiers: &Json) -> Json {
    json!({
        "id": "home", "version": 1, "title": "Home", "lateness_horizon": "30 s",
        "signals": { "spo2": { "cadence": "1 s", "accept": accept } },
        "rules": [
            { "id": "low", "title": "Low", "signal": "spo2",
              "levels": [{ "level": "urgent", "raise": { "below": 80 } }] },
            { "id": "gone", "title": "Gone", "signal": "spo2", "missing_for": "120 s" },
        ],
        "modifiers": modifiers,
    })
}

fn home() -> Arc<Policy> {
    policy(&plan(&json!([]), &json!([])))
}

fn artifact(second: i64) -> Event {
    spo2(at(second), 60).quality(Quality::ARTIFACT)
}

fn phase(second: i64, phase: &str) -> Event {
    let care_phase = Some(phase.to_string());
    event(at(second), EventBody::Context(Context { care_phase, ..Context::default() }))
}

/// When the rule's alerts opened, in seconds of host time, and what was said.
fn opened(run: &Run) -> Vec<(i64, Clause)> {
    let of = |sealed: &record::SealedRecord| match &sealed.record.body {
        Body::AlertOpened { rule, evidence, .. } if rule == "gone" => {
            Some(((sealed.record.at.as_millis() - host(0).as_millis()) / 1000, evidence[0].clone()))
        }
        _ => None,
    };
    run.records.iter().filter_map(of).collect()
}

#[test]
fn nothing_that_comes_is_told_apart_from_nothing_that_counts() {
    let mut silent = Run::new(&home());
    let mut noisy = Run::new(&home());
    for run in [&mut silent, &mut noisy] {
        run.live(spo2(at(0), 97));
    }
    for second in 1..200 {
        noisy.live(artifact(second));
    }
    for run in [&mut silent, &mut noisy] {
        run.tick(host(at(200)));
        assert_eq!(run.state("gone"), Active(Level::Urgent));
    }
    let [(when, clause)] = &opened(&silent)[..] else { panic!() };
    assert_eq!((*when, clause.instead.join(" ")), (120, "nothing".into()));
    assert_eq!(clause.to_string(), "spo2: nothing came for 120 s, limit 120 s");
    let [(when, clause)] = &opened(&noisy)[..] else { panic!() };
    assert_eq!((*when, clause.instead.join(" ")), (120, "artifact".into()));
    assert_eq!(clause.to_string(), "spo2: only artifacts came for 120 s, limit 120 s");
    let records = noisy.records.iter().map(|sealed| &sealed.record);
    let told = record::explain(records, AlertId(1)).unwrap().to_string();
    assert!(told.contains("only artifacts came for 120 s"), "{told}");
    let why = noisy.engine.why(P0, "gone").unwrap();
    assert!(why.to_string().contains("since then only artifacts"), "{why}");
    // One reading that counts is enough, and one more artifact is not the next episode.
    noisy.live(spo2(at(200), 97));
    noisy.live(artifact(201));
    assert_eq!(noisy.state("gone"), Normal);
    assert!(noisy.changes("gone").contains(&AlertChange::Cleared));
    noisy.tick(host(at(319)));
    assert_eq!(opened(&noisy).len(), 1);
    noisy.tick(host(at(320)));
    assert_eq!(opened(&noisy).len(), 2);
}

/// What is wrong with what comes is named, whatever it is; what the signal takes is not missing.
#[test]
fn each_kind_of_reading_that_does_not_count_is_named() {
    let flagged = |flags: &[Quality], accept: Json| {
        let mut run = Run::new(&policy(&plan(&accept, &json!([]))));
        for second in 0..150 {
            let flags = flags[second as usize % flags.len()];
            run.live(spo2(at(second), 97).quality(flags));
        }
        run.tick(host(at(150)));
        opened(&run).first().map(|(_, clause)| clause.to_string())
    };
    let said = |came: &str| Some(format!("spo2: only {came} came for 120 s, limit 120 s"));
    let questionable = Quality::QUESTIONABLE;
    assert_eq!(flagged(&[questionable], json!([])), said("questionable readings"));
    assert_eq!(
        flagged(&[Quality::ARTIFACT, questionable], json!([])),
        said("artifacts and questionable readings")
    );
    assert_eq!(flagged(&[questionable], json!(["questionable"])), None);
    assert_eq!(flagged(&[Quality::ARTIFACT], json!(["artifact"])), None);
}

#[test]
fn a_device_on_the_table_is_told_from_one_that_is_silent() {
    let mut run = Run::new(&home());
    run.live(spo2(at(0), 97));
    let off = DeviceStatus { worn: Some(false), ..DeviceStatus::default() };
    run.live(event(at(1), EventBody::DeviceStatus(off)));
    for second in 1..150 {
        run.live(spo2(at(second), 97));
    }
    let [(_, clause)] = &opened(&run)[..] else { panic!() };
    assert_eq!((clause.instead.join(" "), clause.not_worn.is_some()), ("not_worn".into(), true));
    let said = "only readings of a device that is not worn came for 120 s, limit 120 s, left out: \
                device not worn since 2020-09-13T12:27:01Z";
    assert!(clause.to_string().contains(said), "{clause}");
}

/// Nobody enrolled it and nothing ever counted: it is waited for from the first that came.
#[test]
fn a_stream_that_never_was_anything_but_artifacts_is_missing() {
    let mut run = Run::new(&home());
    assert_eq!(run.state("gone"), NeverSeen);
    for second in 10..200 {
        run.live(artifact(second));
    }
    assert_eq!(opened(&run).iter().map(|(when, _)| *when).collect::<Vec<_>>(), [130]);
    // With an enrolment, from when it is expected.
    let mut run = Run::new(&home());
    run.live(enrolment(0, &[Kind::SPO2], Duration::from_secs(1), at(5), None));
    for second in 10..200 {
        run.live(artifact(second));
    }
    assert_eq!(opened(&run).iter().map(|(when, _)| *when).collect::<Vec<_>>(), [125]);
}

fn restore(run: &mut Run, second: i64) {
    let (bytes, now) = (run.engine.snapshot().unwrap(), host(at(second)));
    run.engine = Engine::restore(&bytes, &[home()], EngineConfig::default(), now).unwrap().0;
}

fn worn(second: i64, worn: bool) -> Event {
    let status = DeviceStatus { worn: Some(worn), ..DeviceStatus::default() };
    event(at(second), EventBody::DeviceStatus(status))
}

/// What begins with readings of nobody is waited for from the first reading that is one of the patient.
#[test]
fn a_device_that_was_put_on_is_waited_for() {
    for restored in [false, true] {
        let mut noisy = Run::new(&home());
        for event in [worn(0, false), spo2(at(1), 97), worn(2, true)] {
            noisy.live(event);
        }
        let mut silent = Run::new(&home());
        silent.live(spo2(at(1), 97).quality(Quality::NOT_WORN));
        for second in 2..60 {
            noisy.live(artifact(second));
            silent.live(spo2(at(second), 97));
        }
        for (run, when) in [(&mut noisy, 122), (&mut silent, 179)] {
            if restored {
                restore(run, 60);
            }
            assert!(run.engine.next_wakeup().is_some_and(|wakeup| wakeup <= host(at(when))));
            run.tick(host(at(500)));
            assert_eq!(opened(run).iter().map(|(when, _)| *when).collect::<Vec<_>>(), [when]);
        }
    }
}

/// The next reading of a signal that is missing is as ordinary as any, but for that.
#[test]
fn the_reading_that_was_waited_for_ends_the_wait_however_ordinary_it_is() {
    let mut run = Run::new(&home());
    for second in 0..60 {
        run.live(spo2(at(second), 97));
    }
    run.tick(host(at(179)));
    assert_eq!(run.state("gone"), Active(Level::Urgent));
    // The network was slow: it was measured when it should have been.
    run.event(spo2(at(60), 97), host(at(180)));
    assert_eq!(run.state("gone"), Normal);
}

/// That a device was worn is learned late: its readings have come, and are waited for after the last of them.
#[test]
fn readings_of_a_device_that_was_worn_after_all_have_come() {
    let mut run = Run::new(&home());
    run.live(worn(0, false));
    for second in 1..10 {
        run.live(spo2(at(second), 97));
    }
    restore(&mut run, 10);
    assert_eq!(run.engine.next_wakeup(), None);
    run.event(worn(0, true), host(at(11)));
    assert_eq!(run.state("low"), Normal);
    assert_eq!(run.engine.next_wakeup(), Some(host(at(129))));

    // Of a signal that is missing it is the end.
    let mut run = Run::new(&home());
    for event in [spo2(at(0), 97), worn(1, false)] {
        run.live(event);
    }
    for second in 100..130 {
        run.live(spo2(at(second), 97));
    }
    assert_eq!(run.state("gone"), Active(Level::Urgent));
    run.event(worn(99, true), host(at(131)));
    assert_eq!(run.state("gone"), Normal);
    assert_eq!(run.engine.next_wakeup(), Some(host(at(249))));
}

#[test]
fn where_time_ends_no_rest_ends_any_more() {
    let hours = json!({ "hours": { "from": "00:00", "until": "23:59" } });
    let rests = json!([{ "id": "washing", "title": "washing", "rules": ["gone"], "when": hours,
        "rests": true, "widens_urgent": true }]);
    for offset in [-720, -60, 0, 60] {
        let mut run = Run::new(&policy(&plan(&json!([]), &rests)));
        let profile = Profile { utc_offset_min: Some(offset), ..Profile::default() };
        run.live(event(0, EventBody::Profile(Box::new(profile))));
        let late = HostTime::from_millis(i64::MAX - 1000);
        run.event(spo2(at(1), 97), late);
        run.tick(late);
        assert!(run.engine.next_wakeup().is_none_or(|at| at > late));
    }
}

#[test]
fn what_never_came_is_told_from_what_never_counted() {
    let mut run = Run::new(&home());
    run.live(worn(0, true));
    let why = |run: &mut Run| run.engine.why(P0, "gone").unwrap().to_string();
    assert_eq!(why(&mut run), "gone: nothing has come yet");
    run.live(artifact(1));
    assert_eq!(why(&mut run), "gone: nothing that counts has come yet, only artifacts");
}

fn procedure(mode: &str) -> Json {
    json!([{ "id": "procedure", "title": "in theatre", "when": { "care_phase": ["procedure"] },
             "rules": ["gone"], "mode": mode, "widens_urgent": true }])
}

/// During a procedure the probe is off: that is only recorded, and told as soon as the procedure is over.
#[test]
fn a_missing_signal_is_only_recorded_by_circumstances_and_surfaces() {
    let mut run = Run::new(&policy(&plan(&json!([]), &procedure("shadow"))));
    run.live(spo2(at(0), 97));
    run.live(phase(1, "procedure"));
    run.tick(host(at(200)));
    let alert = run.engine.alerts(P0)[0].clone();
    assert!(alert.shadow && alert.is_open(), "recorded");
    let [(_, clause)] = &opened(&run)[..] else { panic!() };
    assert!(clause.to_string().contains("active became shadow: in theatre"), "{clause}");
    run.live(phase(300, "ward"));
    assert_eq!(run.changes("gone"), [AlertChange::Surfaced]);
    assert!(!run.engine.alerts(P0)[0].shadow);
    // What was over by then is nobody's business.
    let mut run = Run::new(&policy(&plan(&json!([]), &procedure("shadow"))));
    run.live(spo2(at(0), 97));
    run.live(phase(1, "procedure"));
    run.tick(host(at(200)));
    run.live(spo2(at(210), 97));
    run.live(phase(300, "ward"));
    assert_eq!(run.changes("gone"), [AlertChange::Cleared, AlertChange::Closed]);
}

/// While it rests nothing is missing; when that is over it is, at once and not before.
#[test]
fn a_missing_signal_that_rests_is_judged_as_soon_as_that_is_over() {
    for (rests, mode) in [(true, None), (false, Some("disabled"))] {
        let mut modifiers = procedure("disabled");
        modifiers[0]["mode"] = json!(mode);
        modifiers[0]["rests"] = rests.into();
        let policy = policy(&plan(&json!([]), &modifiers));
        let mut run = Run::new(&policy);
        run.live(spo2(at(0), 97));
        run.live(phase(1, "procedure"));
        run.tick(host(at(250)));
        assert_eq!((run.state("gone"), run.engine.next_wakeup()), (Normal, None));
        run.live(phase(300, "ward"));
        assert_eq!(opened(&run).iter().map(|(when, _)| *when).collect::<Vec<_>>(), [300]);
        // What is open is over when the signal is back, also while the rule rests.
        run.live(phase(310, "procedure"));
        run.live(spo2(at(320), 97));
        assert_eq!(run.changes("gone"), [AlertChange::Cleared, AlertChange::Closed]);
    }
}

/// The hours of the day are known ahead: the wake-up is when the rest ends, and a restart between changes nothing.
#[test]
fn a_rest_that_ends_by_the_clock_wakes_the_host_in_time() {
    // The tests begin at 12:27 UTC.
    let modifiers = json!([{ "id": "ward-round", "title": "washing", "rules": ["gone"],
        "when": { "hours": { "from": "12:00", "until": "13:00" } }, "rests": true,
        "widens_urgent": true }]);
    let policy = policy(&plan(&json!([]), &modifiers));
    let mut run = Run::new(&policy);
    run.live(spo2(at(0), 97));
    let one =
        HostTime::from_millis(host(0).as_millis().div_euclid(3_600_000) * 3_600_000 + 3_600_000);
    assert_eq!(run.engine.next_wakeup(), Some(one));
    run.tick(host(at(600)));
    let bytes = run.engine.snapshot().unwrap();
    let policies = [Arc::clone(&policy)];
    let config = EngineConfig::default();
    let (engine, report) = Engine::restore(&bytes, &policies, config, host(at(700))).unwrap();
    assert_eq!((report.timers_due, engine.next_wakeup()), (0, Some(one)));
    run = Run { engine, ..run };
    run.tick(HostTime::from_millis(one.as_millis() + 5000));
    let due = (one.as_millis() - host(0).as_millis()) / 1000;
    assert_eq!(opened(&run).iter().map(|(when, _)| *when).collect::<Vec<_>>(), [due]);
}

#[test]
fn what_cannot_be_changed_of_a_missing_signal_is_refused() {
    let mistakes = |change: Json| {
        let mut modifiers = procedure("shadow");
        for (key, value) in change.as_object().unwrap() {
            modifiers[0][key] = value.clone();
        }
        let text = plan(&json!([]), &modifiers).to_string();
        let errors = Policy::from_json(text.as_bytes()).err();
        let of = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
        errors.map_or(Vec::new(), |errors| errors.errors().iter().map(of).collect())
    };
    let place = "modifiers[0].rules[0]".to_string();
    assert_eq!(mistakes(json!({})), []);
    for change in [
        json!({ "limit": { "to": 60 } }),
        json!({ "hold": { "plus": "1 min" } }),
        json!({ "severity": "review" }),
        json!({ "levels": ["review"] }),
    ] {
        assert_eq!(mistakes(change.clone()), [(Code::NothingModified, place.clone())], "{change}");
    }
    assert_eq!(mistakes(json!({ "levels": ["urgent"] })), []);
    let meant = json!({ "widens_urgent": false });
    assert_eq!(mistakes(meant), [(Code::WidensUrgent, place)], "it blinds an urgent rule");
}

/// Second by second: a good reading, an artifact, nothing, or another phase of care.
#[derive(Clone, Copy, Debug)]
enum Step {
    Good,
    Artifact,
    Nothing,
    Phase(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Good),
        6 => Just(Step::Artifact),
        12 => Just(Step::Nothing),
        1 => prop::sample::select(vec!["procedure", "recovery", "ward"]).prop_map(Step::Phase),
    ]
}

/// From when to when it is missing, by looking at each second: nothing good for ten, unless it rests then.
fn expected(steps: &[Step]) -> Vec<(i64, bool)> {
    let (mut last, mut resting, mut missing) = (None, false, false);
    let mut changes = Vec::new();
    for (second, step) in (0..).zip(steps) {
        // What is due by then comes first.
        let due = |last: &i64| second - last >= 10 && !resting;
        if !missing && last.as_ref().is_some_and(due) {
            missing = true;
            changes.push((second, true));
        }
        match step {
            Step::Good => {
                if missing {
                    changes.push((second, false));
                }
                (last, missing) = (Some(second), false);
            }
            Step::Artifact => last = last.or(Some(second)),
            Step::Phase(phase) => resting = *phase == "procedure",
            Step::Nothing => {}
        }
        if !missing && !resting && last.is_some_and(|last| second - last >= 10) {
            missing = true;
            changes.push((second, true));
        }
    }
    changes
}

proptest! {
    #![proptest_config(cases("tests/regressions/missing.txt", 20_261_130))]

    /// When it goes missing and when it is back is what a look at each second finds, however often the host
    /// ticks and wherever it is restored.
    #[test]
    fn it_is_missing_when_a_look_at_each_second_says_so(
        steps in prop::collection::vec(step(), 1..160),
        every in 1..40_usize,
        stop in 3..50_usize,
    ) {
        let mut plan = plan(&json!([]), &json!([
            { "id": "procedure", "title": "in theatre", "when": { "care_phase": ["procedure"] },
              "rules": ["gone"], "rests": true, "widens_urgent": true },
            { "id": "recovery", "title": "recovers", "when": { "care_phase": ["recovery"] },
              "rules": ["gone"], "mode": "shadow", "widens_urgent": true },
        ]));
        plan["rules"][1]["missing_for"] = "10 s".into();
        let policy = policy(&plan);
        let mut run = Run::new(&policy);
        for (second, step) in (0..).zip(&steps) {
            if second as usize % stop == stop - 1 {
                let bytes = run.engine.snapshot().unwrap();
                let policies = [Arc::clone(&policy)];
                let config = EngineConfig::default();
                let now = host(at(second));
                run.engine = Engine::restore(&bytes, &policies, config, now).unwrap().0;
            }
            match step {
                Step::Good => { run.live(spo2(at(second), 97)); }
                Step::Artifact => { run.live(artifact(second)); }
                Step::Phase(name) => { run.live(phase(second, name)); }
                Step::Nothing if second as usize % every == 0 => run.tick(host(at(second))),
                Step::Nothing => {}
            }
        }
        run.tick(host(at(steps.len() as i64 - 1)));
        let change = |sealed: &record::SealedRecord| match &sealed.record.body {
            Body::ConditionChanged { rule, state, .. } if rule == "gone" => {
                let second = (sealed.record.at.as_millis() - host(0).as_millis()) / 1000;
                Some((second, *state != Normal))
            }
            _ => None,
        };
        let found: Vec<(i64, bool)> = run.records.iter().filter_map(change).collect();
        prop_assert_eq!(found, expected(&steps));
    }
}
