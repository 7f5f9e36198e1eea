//! Scores beside rules: read by rules like any reading, never in their way, replayed byte for byte.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::error::Code;
use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use rpm_core::record::{AlertChange, Body, Level, ModelRef, ScoreFailure};
use rpm_core::risk::registry::{RollOut, Stage, Why};
use rpm_core::risk::{Manifest, Model};
use rpm_core::{Engine, EngineConfig, HostTime, PatientKey, Receipt, Scored, Scorer, Value};
use serde_json::{Value as Json, json};

use super::bytes;
use super::common::{Run, With as _, heart_rate, host, observed, policy, reading, spo2};

use crate::common;

const PATIENT: PatientKey = PatientKey(0);

/// Sixteen features of three signals, and rules with and without the score.
fn spec() -> Json {
    let mut features = Vec::new();
    for signal in ["heart_rate", "spo2", "respiratory_rate"] {
        for statistic in ["last", "mean", "min", "max"] {
            features.push(json!({ "signal": signal, "statistic": statistic, "over": "10 s" }));
        }
        features.push(json!({ "signal": signal, "over": "10 s", "missing": true }));
    }
    features.push(json!({ "condition": "copd" }));
    json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "30 s",
        "kinds": {
            "sepsis_risk": { "title": "Sepsis risk", "unit": "1", "possible": [0, 1] },
            "sepsis_risk_next": { "title": "Sepsis risk, next", "unit": "1", "possible": [0, 1] },
        },
        "signals": {
            "heart_rate": { "cadence": "1 s" }, "spo2": { "cadence": "1 s" },
            "respiratory_rate": { "cadence": "1 s" },
            "sepsis_risk": { "cadence": "5 s", "pane": "1 s" },
            "sepsis_risk_next": { "cadence": "5 s", "pane": "1 s" },
        },
        "risk": { "sepsis": {
            "title": "Sepsis", "model": "sepsis", "signal": "sepsis_risk",
            "shadow": "sepsis_risk_next", "features": features, "every": "5 s", "known": "50 %",
        } },
        "rules": [
            { "id": "low", "title": "Low", "signal": "spo2",
              "levels": [{ "level": "urgent", "raise": { "below": 90 }, "for": "2 s", "latch": false,
                           "clear": { "above": 92 } }] },
            { "id": "risky", "title": "Sepsis is likely", "signal": "sepsis_risk",
              "unverified_after": "20 s",
              "levels": [{ "level": "review", "raise": { "above": 0.6 }, "for": "10 s",
                           "clear": { "below": 0.5 }, "clear_for": "5 s" }] },
            { "id": "risky-next", "title": "Sepsis is likely, next", "mode": "shadow",
              "signal": "sepsis_risk_next",
              "levels": [{ "level": "review", "raise": { "above": 0.6 } }] },
        ],
    })
}

fn ward() -> Arc<Policy> {
    policy(&spec())
}

fn version(policy: &Policy, number: u32) -> Arc<Model> {
    let mut manifest = Manifest::from_json(&bytes("logistic", "json")).unwrap();
    (manifest.id, manifest.version) = ("sepsis".into(), number);
    manifest.features = Some(policy.risk("sepsis").unwrap().hash());
    Model::load(&bytes("logistic", "onnx"), manifest.to_json().as_bytes()).unwrap()
}

fn why() -> Why {
    Why { owner: "dr.a".into(), reason: "better".into(), evidence: "report".into() }
}

fn take(run: &mut Run, roll_out: &RollOut, ms: i64) {
    run.engine.handle_roll_out(roll_out, host(ms)).unwrap().unwrap();
    run.drain();
}

fn stage(run: &mut Run, version: u32, to: Stage, ms: i64) {
    let (id, approver) = ("sepsis".into(), "dr.b".into());
    take(run, &RollOut::Stage { id, version, to, why: why(), approver }, ms);
}

fn register(run: &mut Run, model: &Model, ms: i64) {
    take(run, &RollOut::Register { model: model.reference(), owner: "dr.a".into() }, ms);
}

/// A run under a policy with version 1 in force, and what asks it.
fn with_model(policy: &Arc<Policy>) -> (Run, Scorer) {
    let (mut run, model) = (Run::new(policy), version(&ward(), 1));
    register(&mut run, &model, -1000);
    stage(&mut run, 1, Stage::Shadow, -1000);
    stage(&mut run, 1, Stage::Active, -1000);
    (run, Scorer::new(vec![model]))
}

/// What a model is said to have said.
fn scored(ms: i64, result: Result<i32, ScoreFailure>) -> Scored {
    Scored {
        patient: PATIENT,
        risk: "sepsis".into(),
        model: Some(ModelRef { id: "sepsis".into(), version: 1, hash: Default::default() }),
        shadow: false,
        observed_at: observed(ms),
        result: result.map(Value::from_thousandths),
        inputs: Default::default(),
        latency_us: None,
        terms: Vec::new(),
    }
}

fn say(run: &mut Run, ms: i64, result: Result<i32, ScoreFailure>) {
    run.engine.handle_score(&scored(ms, result), host(ms)).unwrap().unwrap();
    run.drain();
}

#[test]
fn a_score_opens_an_alert_after_its_hold_and_closes_it_with_hysteresis() {
    let mut run = Run::new(&ward());
    run.live(heart_rate(0, 80));
    for ms in [0, 5_000] {
        say(&mut run, ms, Ok(700));
    }
    assert!(run.opened("risky").is_empty(), "held for 5 s of 10");
    say(&mut run, 10_000, Ok(650));
    assert_eq!(run.opened("risky"), [(Level::Review, 0)]);
    for (ms, score) in [(15_000, 550), (20_000, 450), (25_000, 450)] {
        say(&mut run, ms, Ok(score));
    }
    assert_eq!(run.changes("risky"), [AlertChange::Cleared, AlertChange::Closed]);
}

/// Nothing that enters is lost without an output, and a score is no exception.
#[test]
fn a_score_that_is_refused_comes_out_again() {
    let mut run = Run::new(&ward());
    run.live(heart_rate(0, 80));
    let early = scored(86_400_000, Ok(700));
    let receipt = run.engine.handle_score(&early, host(1000)).unwrap().unwrap();
    assert_eq!(receipt, Receipt::Quarantined(Code::FutureTime));
    run.drain();
    assert_eq!(run.refused.len(), 1);
    let refused = |body: &&Body| matches!(body, Body::EventQuarantined { .. });
    assert_eq!(run.bodies().into_iter().filter(refused).count(), 1);
    let counts = run.engine.counts(PATIENT).unwrap();
    assert_eq!((counts.accepted, counts.quarantined), (1, 1));
}

/// A record of a score, with the patient in place of the signal, is the line that decides the same.
#[test]
fn a_log_of_lines_has_scores_in_it() {
    let ward = ward();
    let (mut first, mut scorer) = with_model(&ward);
    let (mut again, _) = with_model(&ward);
    let mut lines = 0;
    for second in 0..30 {
        for run in [&mut first, &mut again] {
            run.live(heart_rate(second * 1000, 80 + second as i32));
            run.live(spo2(second * 1000, 95));
        }
        let before = first.records.len();
        scorer.run(&mut first.engine, PATIENT, host(second * 1000), &mut || 0).unwrap();
        first.drain();
        for sealed in &first.records[before..] {
            let mut said = serde_json::to_value(&sealed.record.body).unwrap();
            let said = said.as_object_mut().unwrap();
            if !matches!(said.remove("type"), Some(Json::String(name)) if name.starts_with("risk_"))
            {
                continue;
            }
            said.remove("signal");
            said.insert("patient".into(), sealed.record.patient.as_ref().unwrap().as_str().into());
            let line = json!({ "at": host(second * 1000), "score": said }).to_string();
            let answer = again.engine.handle_input_json(line.as_bytes()).unwrap();
            assert_eq!(answer.to_string(), "accepted");
            again.drain();
            lines += 1;
        }
    }
    assert!(lines >= 5, "{lines}");
    assert_eq!(first.lines(), again.lines());
}

#[test]
fn without_scores_the_last_one_ages_out_and_a_failure_is_recorded() {
    let mut run = Run::new(&ward());
    run.live(heart_rate(0, 80));
    for ms in [0, 5_000, 10_000] {
        say(&mut run, ms, Ok(700));
    }
    say(&mut run, 15_000, Err(ScoreFailure::OverBudget));
    run.tick(host(60_000));
    assert_eq!(run.changes("risky"), [AlertChange::Unverified]);
    let failed =
        |body: &&Body| matches!(body, Body::RiskFailed { reason: ScoreFailure::OverBudget, .. });
    assert_eq!(run.bodies().into_iter().filter(failed).count(), 1);
    // A rule about something else goes on by what it knows.
    for ms in (61_000..65_000).step_by(1000) {
        run.live(spo2(ms, 80));
    }
    assert_eq!(run.opened("low"), [(Level::Urgent, 61_000)]);
}

#[test]
fn a_score_in_shadow_annunciates_nothing() {
    let mut run = Run::new(&ward());
    run.live(heart_rate(0, 80));
    let shadow = Scored { shadow: true, ..scored(0, Ok(900)) };
    run.engine.handle_score(&shadow, host(0)).unwrap().unwrap();
    run.drain();
    let opened = |body: &&Body| matches!(body, Body::AlertOpened { shadow: true, .. });
    assert_eq!(run.bodies().into_iter().filter(opened).count(), 1);
    assert_eq!(run.opened("risky"), []);
    assert!(run.engine.queue(None, host(1000), 10).is_empty());
}

#[test]
fn a_high_score_raises_the_priority_and_a_low_one_only_where_the_policy_lets_it() {
    for (lowers, low, high) in [(false, 10, 90), (true, -80, 80)] {
        let mut spec = spec();
        spec["risk"]["sepsis"]["lowers"] = json!(lowers);
        let mut run = Run::new(&policy(&spec));
        for ms in [0, 1000, 2000] {
            run.live(spo2(ms, 80));
        }
        let priority = |run: &Run| run.engine.queue(None, host(3000), 1)[0].priority.clone();
        let without = priority(&run).total;
        say(&mut run, 2000, Ok(100));
        assert_eq!(priority(&run).total - without, low);
        say(&mut run, 3000, Ok(900));
        assert_eq!(priority(&run).total - without, high);
        assert!(priority(&run).terms.iter().any(|t| (&*t.name, t.points) == ("risk", high)));
    }
}

/// A score that is too old to count moves its patient's alerts when it becomes so, however time passes.
#[test]
fn an_aged_score_leaves_the_order_of_a_queue_at_its_time() {
    let run = |ticks: &[i64]| {
        let mut run = Run::new(&ward());
        for ms in [0, 1000, 2000] {
            run.live(spo2(ms, 80));
        }
        for ms in [2000, 3000, 4000] {
            run.live(spo2(ms, 80).patient(1));
        }
        // Of the second patient, whose alert is the younger one; it counts for twice five seconds.
        let said = Scored { patient: PatientKey(1), ..scored(5000, Ok(900)) };
        run.engine.handle_score(&said, host(5000)).unwrap().unwrap();
        run.drain();
        ticks.iter().for_each(|ms| run.tick(host(*ms)));
        run
    };
    let first = |run: &Run, ms: i64| {
        let queue = run.engine.queue(None, host(ms), 1);
        (queue[0].patient.0, queue[0].priority.terms.iter().any(|t| t.name == "risk"))
    };
    let before = run(&[15_000]);
    assert_eq!(first(&before, 15_000), (1, true));
    assert_eq!(before.engine.next_wakeup(), Some(host(15_001)));
    let (at_once, by_and_by) = (run(&[16_000]), run(&[6_000, 15_000, 15_001, 16_000]));
    for run in [&at_once, &by_and_by] {
        assert_eq!(first(run, 16_000), (0, false));
    }
    assert!(
        at_once.engine.queue(None, host(16_000), 9)
            == by_and_by.engine.queue(None, host(16_000), 9)
    );
    assert_eq!(at_once.lines(), by_and_by.lines());
}

#[test]
fn scores_are_refused_before_anything_changes() {
    let mut run = Run::new(&ward());
    run.live(heart_rate(0, 80));
    let code = |run: &mut Run, scored: &Scored| {
        run.engine.handle_score(scored, host(10)).unwrap().unwrap_err().code()
    };
    let before = run.engine.chain(PATIENT);
    let refused = scored(0, Ok(1001));
    assert_eq!(code(&mut run, &refused), Code::OutOfRange);
    let refused = Scored { risk: "other".into(), ..scored(0, Ok(1)) };
    assert_eq!(code(&mut run, &refused), Code::UnknownRisk);
    let refused = Scored { patient: PatientKey(7), ..scored(0, Ok(1)) };
    assert_eq!(code(&mut run, &refused), Code::UnknownPatient);
    assert_eq!(run.engine.chain(PATIENT), before);
}

#[test]
fn a_model_is_asked_after_new_evidence_and_not_too_often() {
    let ward = ward();
    let (mut run, mut scorer) = with_model(&ward);
    let mut asked = Vec::new();
    for second in 0..30 {
        if !(12..25).contains(&second) {
            run.live(heart_rate(second * 1000, 80 + second as i32));
            run.live(spo2(second * 1000, 95));
        }
        scorer.run(&mut run.engine, PATIENT, host(second * 1000), &mut || 0).unwrap();
        let before = run.records.len();
        run.drain();
        let scores = run.records[before..].iter();
        let scored = scores.filter(|r| matches!(r.record.body, Body::RiskScored { .. })).count();
        asked.extend((scored > 0).then_some(second));
    }
    // At 15 s there is what was measured at 11 s; at 20 s nothing new.
    assert_eq!(asked, [0, 5, 10, 15, 25]);
    let Some(Body::RiskScored { terms, model, .. }) =
        run.bodies().into_iter().rev().find(|body| matches!(body, Body::RiskScored { .. }))
    else {
        panic!("no score")
    };
    assert_eq!(model.as_ref().map(|model| model.version), Some(1));
    assert!(!terms.is_empty() && terms.len() <= 3);
}

/// While a rule is pending or active it is asked every five seconds, else every twenty.
#[test]
fn a_model_is_asked_while_a_rule_goes_on() {
    let mut spec = spec();
    spec["risk"]["sepsis"]["only_while"] = json!(["low"]);
    spec["risk"]["sepsis"]["at_least_every"] = json!("20 s");
    let ward = policy(&spec);
    let (mut run, mut scorer) = with_model(&ward);
    let mut asked = Vec::new();
    for second in 0..40 {
        let percent = if (8..15).contains(&second) { 85 } else { 95 };
        run.live(spo2(second * 1000, percent));
        run.live(heart_rate(second * 1000, 80));
        let said = scorer.ask(&run.engine, PATIENT, host(second * 1000), &mut || 0);
        asked.extend((!said.is_empty()).then_some(second));
    }
    assert_eq!(asked, [0, 8, 13, 33]);
    let words = ward.describe();
    let wanted = "every 5 s at most, while low is pending or active, and every 20 s all the same";
    assert!(words.contains(wanted), "{words}");
}

#[test]
fn what_keeps_a_model_from_scoring_is_said() {
    let ward = ward();
    let reason = |(mut run, mut scorer): (Run, Scorer), clock: &mut dyn FnMut() -> u64| {
        run.live(heart_rate(0, 80));
        run.live(spo2(0, 95));
        scorer.run(&mut run.engine, PATIENT, host(0), clock).unwrap();
        run.drain();
        match run.bodies().last() {
            Some(Body::RiskFailed { reason, .. }) => Some(*reason),
            _ => None,
        }
    };
    let mut still = || 0;
    let nobody = (Run::new(&ward), Scorer::default());
    assert_eq!(reason(nobody, &mut still), Some(ScoreFailure::NoModel));
    let (run, _) = with_model(&ward);
    assert_eq!(reason((run, Scorer::default()), &mut still), Some(ScoreFailure::NoModel));
    assert_eq!(reason(with_model(&ward), &mut still), None);
    let with = |change: fn(&mut Json)| {
        let mut spec = spec();
        change(&mut spec["risk"]["sepsis"]);
        policy(&spec)
    };
    let other = with(|risk| risk["features"][0]["over"] = json!("11 s"));
    assert_eq!(reason(with_model(&other), &mut still), Some(ScoreFailure::OtherFeatures));
    let wanting = with(|risk| risk["known"] = json!("90 %"));
    assert_eq!(reason(with_model(&wanting), &mut still), Some(ScoreFailure::MissingInputs));
    let hurried = with(|risk| risk["budget"] = json!("1 ms"));
    let mut time = 0;
    let mut slow = || {
        time += 1500;
        time
    };
    assert_eq!(reason(with_model(&hurried), &mut slow), Some(ScoreFailure::OverBudget));
}

#[test]
fn a_rollback_is_in_the_next_score() {
    let ward = ward();
    let (mut run, mut scorer) = with_model(&ward);
    let next = version(&ward, 2);
    register(&mut run, &next, -500);
    stage(&mut run, 2, Stage::Shadow, -500);
    scorer.load(next);
    for second in 0..30 {
        match second {
            8 => stage(&mut run, 2, Stage::Active, 8000),
            18 => {
                let (id, approver) = ("sepsis".into(), "dr.b".into());
                take(&mut run, &RollOut::Rollback { id, why: why(), approver }, 18_000);
            }
            _ => {}
        }
        run.live(heart_rate(second * 1000, 80));
        run.live(spo2(second * 1000, 95));
        scorer.run(&mut run.engine, PATIENT, host(second * 1000), &mut || 0).unwrap();
        run.drain();
    }
    let version = |body: &Body| match body {
        Body::RiskScored { model, shadow, .. } => Some((model.as_ref()?.version, *shadow)),
        _ => None,
    };
    let scored: Vec<_> = run.bodies().into_iter().filter_map(version).collect();
    let wanted = [
        (1, false),
        (2, true),
        (1, false),
        (2, true),
        (2, false),
        (2, false),
        (1, false),
        (1, false),
    ];
    assert_eq!(scored, wanted);
}

#[test]
fn an_explanation_names_the_model_that_spoke_and_the_one_after_it() {
    let mut run = Run::new(&ward());
    run.live(heart_rate(0, 80));
    for ms in [0, 5_000, 10_000] {
        say(&mut run, ms, Ok(700));
    }
    let model = ModelRef { id: "sepsis".into(), version: 2, hash: Default::default() };
    let other = Scored { model: Some(model), ..scored(15_000, Ok(650)) };
    run.engine.handle_score(&other, host(15_000)).unwrap().unwrap();
    run.drain();
    let records: Vec<_> = run.records.iter().map(|sealed| &sealed.record).collect();
    let told = rpm_core::record::explain(records, rpm_core::AlertId(1)).unwrap();
    let said: Vec<_> =
        told.models.iter().map(|said| said.model.as_ref().unwrap().version).collect();
    assert_eq!(said, [1, 2]);
    assert!(told.to_string().contains("sepsis@1 said 0.7 of sepsis_risk"), "{told}");
}

/// Who let the version speak that raised the alert, and what was decided while it was open: of the engine's own
/// records beside the patient's.
#[test]
fn an_explanation_says_who_promoted_the_model_and_who_took_it_back() {
    let ward = ward();
    let (mut run, model) = (Run::new(&ward), version(&ward, 2));
    let (mut with_one, _) = with_model(&ward);
    core::mem::swap(&mut run, &mut with_one);
    register(&mut run, &model, -500);
    stage(&mut run, 2, Stage::Shadow, -500);
    stage(&mut run, 2, Stage::Active, -400);
    run.live(heart_rate(0, 80));
    for ms in [0, 5_000, 10_000] {
        let said = Scored { model: Some(model.reference()), ..scored(ms, Ok(700)) };
        run.engine.handle_score(&said, host(ms)).unwrap().unwrap();
        run.drain();
    }
    let (id, approver) = ("sepsis".into(), "dr.c".into());
    take(&mut run, &RollOut::Rollback { id, why: why(), approver }, 12_000);
    let records: Vec<_> = run.records.iter().map(|sealed| &sealed.record).collect();
    let told = rpm_core::record::explain(records, rpm_core::AlertId(1)).unwrap();
    let stage = told.models[0].stage.as_ref().unwrap();
    assert_eq!((&stage.to, stage.at), (&Stage::Active, host(-400)));
    assert_eq!((stage.owner.as_str(), stage.approver.as_deref()), ("dr.a", Some("dr.b")));
    assert_eq!(stage.evidence, "report");
    let back: Vec<_> = told.roll_out.iter().map(|s| (s.model.version, &s.to, s.rollback)).collect();
    assert_eq!(back, [(2, &Stage::Retired, true), (1, &Stage::Active, true)]);
    let text = told.to_string();
    let promoted = "sepsis@2 active (shadow before) by dr.a, approved by dr.b: better; on report";
    assert!(text.contains(promoted), "{text}");
    assert!(text.contains("rolled back: sepsis@1 active (retired before) by dr.a"), "{text}");
}

/// Once versions are registered, nobody else speaks: not the one before, not one in shadow as if it counted,
/// and not another artifact by the same number.
#[test]
fn only_the_version_that_the_registry_names_may_score() {
    let ward = ward();
    let (mut run, _) = with_model(&ward);
    let next = version(&ward, 2);
    register(&mut run, &next, 0);
    stage(&mut run, 2, Stage::Shadow, 0);
    run.live(heart_rate(0, 80));
    let (one, two) = (version(&ward, 1).reference(), next.reference());
    let forged = ModelRef { hash: Default::default(), ..one.clone() };
    let before = run.engine.chain(PATIENT);
    for (model, shadow) in [(&one, true), (&two, false), (&forged, false)] {
        let said = Scored { model: Some(model.clone()), shadow, ..scored(100, Ok(700)) };
        let refused = run.engine.handle_score(&said, host(100)).unwrap().unwrap_err();
        assert_eq!((refused.code(), refused.path()), (Code::NotAssigned, Some("model")));
    }
    assert_eq!(run.engine.chain(PATIENT), before);
    for (model, shadow) in [(one, false), (two, true)] {
        let said = Scored { model: Some(model), shadow, ..scored(100, Ok(700)) };
        run.engine.handle_score(&said, host(100)).unwrap().unwrap();
    }
    run.drain();
}

/// What a change of stage is worth: the records alone make the registry again, a snapshot keeps it, and a
/// policy that changes leaves it alone.
#[test]
fn the_registry_is_in_records_and_snapshots() {
    let ward = ward();
    let (mut run, _) = with_model(&ward);
    register(&mut run, &version(&ward, 2), 5);
    let mut other = spec();
    other["version"] = json!(2);
    other["title"] = json!("Another ward");
    let other = policy(&other);
    let proposal = rpm_core::policy::Proposal::new(&ward, Arc::clone(&other), "dr.a", "a title");
    let change = proposal.unwrap().approve("dr.b", host(10)).unwrap();
    run.engine.handle_change(change, host(10)).unwrap().unwrap();
    run.drain();
    let steps = run.records.iter().filter_map(|r| rpm_core::record::StageChange::of(&r.record));
    let of_records = rpm_core::risk::Registry::from_history(steps.collect());
    assert_eq!(&of_records, run.engine.registry());
    assert_eq!(of_records.history().len(), 4);
    let bytes = run.engine.snapshot().unwrap();
    let again = Engine::restore(&bytes, &[other], EngineConfig::default(), host(20)).unwrap().0;
    assert_eq!(again.registry(), run.engine.registry());
}

/// A story: seconds, what is measured, and what a model says.
fn story() -> impl Strategy<Value = Vec<(i64, u8, i32)>> {
    proptest::collection::vec((0..3_i64, 0..4_u8, 0..1000_i32), 1..120)
}

fn tell(run: &mut Run, ms: i64, what: u8, value: i32) {
    match what {
        0 => drop(run.live(heart_rate(ms, 40 + value / 8))),
        1 => drop(run.live(spo2(ms, 80 + value / 50))),
        2 => drop(run.live(reading(Kind::RESPIRATORY_RATE, ms, 8000 + value * 20))),
        _ => {}
    }
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/risk.txt", 20_261_130))]

    /// With scores and without them, whatever they say: the rules that do not read them decide the same,
    /// at the same time.
    #[test]
    fn scores_are_never_in_the_way_of_a_rule(story in story()) {
        let run = |with_scores: bool| {
            let mut run = Run::new(&ward());
            run.live(heart_rate(0, 80));
            let mut ms = 0;
            for (pause, what, value) in &story {
                ms += pause * 1000;
                tell(&mut run, ms, *what, *value);
                if *what == 3 && with_scores {
                    let result = if *value < 800 { Ok(*value) } else { Err(ScoreFailure::NotFinite) };
                    say(&mut run, ms, result);
                } else {
                    // Time passes all the same.
                    run.tick(host(ms));
                }
            }
            let of_low = |sealed: &&rpm_core::record::SealedRecord| match &sealed.record.body {
                Body::ConditionChanged { rule, .. } | Body::AlertOpened { rule, .. } => rule == "low",
                Body::AlertChanged { rule, .. } => rule == "low",
                _ => false,
            };
            let told = |sealed: &rpm_core::record::SealedRecord| (sealed.record.at, match &sealed.record.body {
                // How pressing it is may differ: that is what a score is for.
                Body::AlertOpened { level, onset, .. } => format!("opened {level:?} {onset:?}"),
                Body::AlertChanged { change, .. } => format!("{change:?}"),
                body => serde_json::to_string(body).unwrap(),
            });
            run.records.iter().filter(of_low).map(told).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(true), run(false));
    }

    /// What was recorded is enough: fed with the recorded scores, without any model, the same records come
    /// out byte for byte; and asked again, the models say the same.
    #[test]
    fn a_replay_takes_the_recorded_scores(story in story()) {
        let ward = ward();
        let (mut first, mut scorer) = with_model(&ward);
        first.live(heart_rate(0, 80));
        let mut inputs: Vec<(i64, u8, i32, Vec<Body>)> = Vec::new();
        let mut ms = 0;
        for (pause, what, value) in &story {
            ms += pause * 1000;
            tell(&mut first, ms, *what, *value);
            let before = first.records.len();
            scorer.run(&mut first.engine, PATIENT, host(ms), &mut || 0).unwrap();
            first.drain();
            let said = first.records[before..].iter().map(|r| r.record.body.clone());
            let said = said.filter(|b| matches!(b, Body::RiskScored { .. } | Body::RiskFailed { .. }));
            inputs.push((ms, *what, *value, said.collect()));
        }
        let (mut again, _) = with_model(&ward);
        again.live(heart_rate(0, 80));
        for (ms, what, value, said) in inputs {
            tell(&mut again, ms, what, value);
            for body in said {
                let recorded = Scored::from_record(PATIENT, &body).unwrap();
                again.engine.handle_score(&recorded, host(ms)).unwrap().unwrap();
                again.drain();
            }
        }
        prop_assert_eq!(first.lines(), again.lines());
        // A record is read from its line again, whatever it is of.
        for sealed in &first.records {
            let (read, _) = rpm_core::record::read_line(&sealed.line).unwrap();
            prop_assert_eq!(&read, &sealed.record);
        }
    }

    /// A snapshot anywhere in between changes nothing.
    #[test]
    fn a_snapshot_keeps_what_was_scored(story in story(), at in 0..120_usize) {
        let ward = ward();
        let run = |snapshot: Option<usize>| {
            let mut run = Run::new(&ward);
            run.live(heart_rate(0, 80));
            let mut ms = 0;
            for (step, (pause, what, value)) in story.iter().enumerate() {
                ms += pause * 1000;
                tell(&mut run, ms, *what, *value);
                if *what == 3 {
                    say(&mut run, ms, Ok(*value));
                }
                if snapshot == Some(step) {
                    let bytes = run.engine.snapshot().unwrap();
                    let (engine, _) = Engine::restore(&bytes, &[Arc::clone(&ward)], EngineConfig::default(), HostTime::from_millis(0)).unwrap();
                    run.engine = engine;
                }
            }
            (run.lines(), run.engine.features(PATIENT, "sepsis").map(|row| row.hash()))
        };
        prop_assert_eq!(run(None), run(Some(at)));
    }

    /// A row is what its readings say, whatever the order in which they arrived.
    #[test]
    fn a_row_is_that_of_a_naive_count(
        readings in proptest::collection::btree_map(0..25_i64, 40_000..180_000_i32, 1..25),
        order in any::<u64>(),
    ) {
        let mut arriving: Vec<_> = readings.iter().collect();
        let mut random = order | 1;
        for i in (1..arriving.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            arriving.swap(i, (random % (i as u64 + 1)) as usize);
        }
        let mut run = Run::new(&ward());
        for (second, value) in arriving {
            run.event(reading(Kind::HEART_RATE, second * 1000, *value), host(25_000));
        }
        let row = run.engine.features(PATIENT, "sepsis").unwrap();
        let newest = *readings.keys().last().unwrap();
        prop_assert_eq!(row.observed_at, observed(newest * 1000));
        let held: Vec<i32> = readings.range(newest - 9..).map(|(_, value)| *value).collect();
        let number = |thousandths: f64| (thousandths / 1000.0) as f32;
        let mean = held.iter().map(|v| f64::from(*v)).sum::<f64>() / held.len() as f64;
        let wanted = [
            number((*held.last().unwrap()).into()),
            number(mean.round()),
            number((*held.iter().min().unwrap()).into()),
            number((*held.iter().max().unwrap()).into()),
            0.0,
        ];
        prop_assert_eq!(&row.values[..5], &wanted);
        // Nothing else was measured, and nobody said who it is.
        prop_assert!(row.values[5..9].iter().all(|x| x.is_nan()));
        prop_assert_eq!(row.values[9].to_bits(), 1.0_f32.to_bits());
        prop_assert!(row.values[15].is_nan());
    }
}

#[test]
fn mistakes_of_a_policy_are_told_with_their_place() {
    let codes = |change: fn(&mut Json)| {
        let mut spec = spec();
        change(&mut spec);
        let errors = Policy::from_json(spec.to_string().as_bytes()).unwrap_err();
        let told = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
        errors.errors().iter().map(told).collect::<Vec<_>>()
    };
    let at = |code, path: &str| vec![(code, path.to_string())];
    assert_eq!(
        codes(|spec| spec["risk"]["sepsis"]["signal"] = json!("spo2")),
        at(Code::ScoreSignal, "risk.sepsis.signal")
    );
    assert_eq!(
        codes(|spec| spec["risk"]["sepsis"]["features"] = json!([{ "signal": "spo2" }])),
        at(Code::WindowNeeded, "risk.sepsis.features[0].over")
    );
    assert_eq!(
        codes(|spec| spec["risk"]["sepsis"]["features"] =
            json!([{ "condition": "x", "over": "1 s" }])),
        at(Code::FeatureForm, "risk.sepsis.features[0]")
    );
    assert_eq!(
        codes(|spec| {
            spec["risk"]["sepsis"]["features"] =
                json!([{ "signal": "spo2", "over": "10 s", "minus_usual": "usual" }]);
        }),
        at(Code::UnknownBaseline, "risk.sepsis.features[0].minus_usual")
    );
    assert_eq!(
        codes(|spec| spec["risk"]["sepsis"]["known"] = json!("some")),
        at(Code::BadShare, "risk.sepsis.known")
    );
}
