//! Another policy for a running engine: what goes on, what is followed to its end, what begins.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, enrolment, heart_rate, host, policy, spo2, verify_chain};
use proptest::prelude::*;
use rpm_core::event::Kind;
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::{AlertChange, Body, ConditionState, Level};
use rpm_core::{
    Action, Code, Duration, Engine, EngineConfig, HostTime, Monitor, Output, PatientKey,
};
use serde_json::{Value as Json, json};

/// Low saturation, urgent, latching: below a limit for five seconds.
fn low(limit: u8) -> Json {
    json!({
        "id": "low", "title": "Low oxygen saturation", "signal": "spo2",
        "unverified_after": "60 s",
        "levels": [{
            "level": "urgent", "raise": { "below": limit }, "for": "5 s",
            "clear": { "above": limit + 2 }, "clear_for": "3 s",
        }],
    })
}

fn version(version: u32, signals: &Json, rules: &[Json]) -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": version, "title": "Ward", "lateness_horizon": "30 s",
        "signals": signals, "rules": rules,
    }))
}

fn each_second() -> Json {
    json!({ "spo2": { "cadence": "1 s" } })
}

fn ward(number: u32, rules: &[Json]) -> Arc<Policy> {
    version(number, &each_second(), rules)
}

fn change(run: &mut Run, to: &Arc<Policy>, at: HostTime, now: HostTime) -> Result<(), Code> {
    let from = Arc::clone(run.engine.policy());
    let proposal = Proposal::new(&from, Arc::clone(to), "dr.a", "fewer alarms at night").unwrap();
    let done = run.engine.handle_change(proposal.approve("dr.b", at).unwrap(), now).unwrap();
    run.drain();
    done.map_err(|e| e.code())
}

fn seconds(run: &mut Run, seconds: std::ops::RangeInclusive<i64>, percent: i32) {
    for second in seconds {
        run.live(spo2(second * 1000, percent));
    }
}

fn changed_at(run: &Run) -> Vec<HostTime> {
    let changes =
        run.records.iter().filter(|r| matches!(r.record.body, Body::PolicyChanged { .. }));
    changes.map(|r| r.record.at).collect()
}

fn resolve() -> Action {
    Action::Resolve {
        reason: rpm_core::record::Resolution::FalseArtifact,
        note: Some("probe replaced".into()),
    }
}

#[test]
fn a_change_needs_a_reason_an_owner_and_somebody_else() {
    let (a, b) = (ward(1, &[low(90)]), ward(2, &[low(85)]));
    let refused = |owner: &str, reason: &str| {
        Proposal::new(&a, Arc::clone(&b), owner, reason).unwrap_err().code()
    };
    assert_eq!(refused(" ", "why"), Code::MissingField);
    assert_eq!(refused("dr.a", ""), Code::MissingField);
    let same = Proposal::new(&a, Arc::clone(&a), "dr.a", "why").unwrap_err();
    assert_eq!(same.code(), Code::NothingChanges);
    let proposal = Proposal::new(&a, b, "dr.a", "why").unwrap();
    for nobody in ["dr.a", "", " "] {
        let refused = proposal.clone().approve(nobody, host(0)).unwrap_err();
        assert_eq!(refused.code(), Code::NotApproved);
    }
}

#[test]
fn a_change_made_for_another_policy_is_stale() {
    let (a, b, c) = (ward(1, &[low(90)]), ward(2, &[low(85)]), ward(3, &[low(80)]));
    let mut run = Run::new(&b);
    let proposal = Proposal::new(&a, c, "dr.a", "why").unwrap().approve("dr.b", host(0)).unwrap();
    let refused = run.engine.handle_change(proposal, host(0)).unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::StaleProposal);
    assert_eq!(run.engine.policy().hash(), b.hash());
}

#[test]
fn it_takes_effect_at_its_time_and_says_who_and_why() {
    let mut run = Run::new(&ward(1, &[low(90)]));
    seconds(&mut run, 0..=9, 97);
    let to = ward(2, &[low(85)]);
    change(&mut run, &to, host(20_500), host(9_500)).unwrap();
    assert_eq!(run.engine.next_wakeup(), Some(host(20_500)));
    seconds(&mut run, 10..=20, 97);
    assert_eq!(run.engine.policy().version(), 1);
    seconds(&mut run, 21..=40, 88);
    assert_eq!((run.engine.policy().version(), changed_at(&run)), (2, vec![host(20_500)]));
    assert!(run.opened("low").is_empty(), "88 is not below 85");
    let body = run.bodies().into_iter().find(|b| matches!(b, Body::PolicyChanged { .. })).unwrap();
    let Body::PolicyChanged { from, to, reason, owner, approver } = body else { panic!() };
    assert_eq!((from.version, to.version), (1, 2));
    let said = (reason.as_str(), owner.as_str(), approver.as_str());
    assert_eq!(said, ("fewer alarms at night", "dr.a", "dr.b"));
    verify_chain(&run.lines());
}

/// What is asked of people is reported and decides nothing: no latch, no answer, no message hangs
/// on it.
#[test]
fn other_objectives_leave_everything_as_it_was() {
    let asked = |number: u32, objectives: Json, min_events: u32| {
        policy(&json!({
            "id": "ward", "version": number, "title": "Ward", "lateness_horizon": "30 s",
            "signals": { "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } },
            "rules": [low(90), {
                "id": "fast", "title": "Fast heart rate", "signal": "heart_rate",
                "levels": [{ "level": "urgent", "raise": { "above": 130 }, "for": "30 s" }],
            }],
            "care": {
                "objectives": objectives, "error_budget": { "min_events": min_events },
                "routes": [{ "id": "all", "queue": "ward", "escalation": "call" }],
                "escalations": { "call": { "answer_within": "1 min", "steps": [
                    { "after": "0 s", "to": ["nurse"], "channels": ["push"] },
                    { "after": "1 min", "to": ["doctor"], "channels": ["phone"] },
                ] } },
            },
        }))
    };
    let missed =
        json!([{ "title": "M", "indicator": "missed", "critical": true, "share": "99 %" }]);
    let play = |change_at: Option<i64>| {
        let mut run = Run::new(&asked(1, json!([]), 10));
        for second in 0..=110 {
            // One alert opens after five seconds and is acknowledged; a hold of thirty runs from
            // the fifteenth, and its alert goes up a minute later.
            run.live(spo2(second * 1000, if second < 30 { 85 } else { 97 }));
            run.live(heart_rate(second * 1000, if second < 15 { 80 } else { 140 }));
            if second == 8 {
                run.command(1, 1, Action::Acknowledge, host(8300)).unwrap();
            }
            if change_at == Some(second) {
                let (now, before) = (host(second * 1000 + 500), run.records.len());
                change(&mut run, &asked(2, missed.clone(), 5), host(0), now).unwrap();
                assert_eq!(run.records.len(), before + 1, "nothing but the change itself");
            }
        }
        let alerts = run.engine.alerts(PatientKey(0)).to_vec();
        let told = |body: &Body| match body {
            Body::AlertOpened { alert, level, since, .. } => {
                Some(format!("{alert:?} {level:?} {since}"))
            }
            Body::AlertChanged { .. }
            | Body::DeliveryPlanned { .. }
            | Body::DeliveryChanged { .. }
            | Body::NotificationWithheld { .. } => Some(serde_json::to_string(body).unwrap()),
            _ => None,
        };
        let told = run.records.iter().filter_map(|r| Some((r.record.at, told(&r.record.body)?)));
        let told: Vec<(HostTime, String)> = told.collect();
        assert_eq!((run.state("low"), alerts.len()), (ConditionState::Latched(Level::Urgent), 2));
        let planned = told.iter().filter(|(_, told)| told.contains("delivery_planned")).count();
        assert!(planned >= 3, "{told:#?}");
        told
    };
    let undisturbed = play(None);
    for second in [3, 6, 10, 20, 40, 70] {
        assert_eq!(play(Some(second)), undisturbed, "changed after {second} s");
    }
}

#[test]
fn editing_a_description_clears_neither_a_latch_nor_an_acknowledgement() {
    let mut run = Run::new(&ward(1, &[low(90)]));
    seconds(&mut run, 0..=9, 85);
    run.command(1, 1, Action::Acknowledge, host(9_500)).unwrap();
    let mut rule = low(90);
    rule["title"] = "Sauerstoff niedrig".into();
    let before = run.records.len();
    change(&mut run, &ward(2, &[rule.clone()]), host(0), host(9_600)).unwrap();
    assert_eq!(run.records.len(), before + 1, "nothing but the change itself");
    seconds(&mut run, 10..=20, 97);
    assert_eq!(run.state("low"), ConditionState::Latched(Level::Urgent));
    rule["rationale"] = "as agreed on Monday".into();
    change(&mut run, &ward(3, &[rule]), host(0), host(20_500)).unwrap();
    assert_eq!(run.state("low"), ConditionState::Latched(Level::Urgent));
    let alert = &run.engine.alerts(PatientKey(0))[0];
    assert!(matches!(alert.response, rpm_core::alert::Response::Acknowledged { .. }));
    assert_eq!((alert.version, run.opened("low").len()), (1, 1));
}

#[test]
fn a_hold_goes_on_if_its_rule_means_the_same() {
    let mut run = Run::new(&ward(1, &[low(90)]));
    seconds(&mut run, 0..=3, 85);
    let mut rule = low(90);
    rule["title"] = "Another title".into();
    change(&mut run, &ward(2, &[rule]), host(0), host(3_500)).unwrap();
    seconds(&mut run, 4..=5, 85);
    assert_eq!(run.opened("low"), [(Level::Urgent, 0)]);
}

#[test]
fn an_open_episode_is_followed_to_its_end_by_the_version_that_opened_it() {
    let mut run = Run::new(&ward(1, &[low(90)]));
    seconds(&mut run, 0..=9, 85);
    // Under the new limit 85 would be no reason for an alert, and 87 one to clear it.
    change(&mut run, &ward(2, &[low(80)]), host(0), host(9_500)).unwrap();
    seconds(&mut run, 10..=20, 87);
    let alert = run.engine.alerts(PatientKey(0))[0].clone();
    assert_eq!(alert.condition, ConditionState::Active(Level::Urgent));
    assert_eq!((alert.version, run.engine.rule_of(&alert).unwrap().id()), (1, "low"));
    seconds(&mut run, 21..=30, 95);
    assert_eq!(run.changes("low"), [AlertChange::Cleared]);
    let revision = run.revision(1);
    run.command(1, revision, resolve(), host(30_500)).unwrap();
    // From now on the new limit decides.
    seconds(&mut run, 31..=50, 85);
    assert_eq!(run.opened("low").len(), 1);
    seconds(&mut run, 51..=60, 75);
    assert_eq!(run.opened("low").len(), 2);
    assert_eq!(run.engine.alerts(PatientKey(0)).last().unwrap().version, 2);
}

#[test]
fn a_rule_that_went_away_still_follows_its_episode() {
    let quick = json!({
        "id": "fast", "title": "Fast heart rate", "signal": "heart_rate",
        "levels": [{ "level": "review", "raise": { "above": 120 }, "clear": { "below": 110 },
                     "latch": false }],
    });
    let signals = json!({ "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } });
    let mut run = Run::new(&version(1, &signals, &[low(90), quick]));
    for second in 0..5 {
        run.live(heart_rate(second * 1000, 140));
    }
    assert_eq!(run.opened("fast").len(), 1);
    change(&mut run, &ward(2, &[low(90)]), host(0), host(4_500)).unwrap();
    run.live(heart_rate(5_000, 140));
    assert!(run.engine.alerts(PatientKey(0))[0].is_active());
    run.live(heart_rate(6_000, 100));
    assert_eq!(run.changes("fast"), [AlertChange::Cleared, AlertChange::Closed]);
    run.live(heart_rate(7_000, 150));
    assert_eq!(run.opened("fast").len(), 1, "nothing new from a rule out of force");
}

#[test]
fn what_is_worse_is_said_at_once_and_what_is_not_waits_for_the_episode_before() {
    let review = |limit: u8| {
        let mut rule = low(limit);
        rule["levels"][0]["level"] = "review".into();
        rule["levels"][0]["latch"] = false.into();
        rule
    };
    let mut run = Run::new(&ward(1, &[review(90)]));
    seconds(&mut run, 0..=9, 84);
    let mut rule = review(92);
    change(&mut run, &ward(2, &[rule.clone()]), host(0), host(9_500)).unwrap();
    seconds(&mut run, 10..=20, 84);
    assert_eq!(run.opened("low").len(), 1, "the episode says it already");
    // 93 ends the old episode; 94 would end the new one.
    seconds(&mut run, 21..=30, 93);
    assert_eq!(run.opened("low").len(), 2);
    rule["levels"][0]["level"] = "urgent".into();
    change(&mut run, &ward(3, &[rule]), host(0), host(30_500)).unwrap();
    seconds(&mut run, 31..=40, 84);
    let levels: Vec<Level> = run.opened("low").iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::Review, Level::Review, Level::Urgent]);
}

#[test]
fn a_rollback_is_a_change_like_any_other() {
    let (first, second) = (ward(1, &[low(90)]), ward(2, &[low(80)]));
    let mut run = Run::new(&first);
    seconds(&mut run, 0..=9, 85);
    change(&mut run, &second, host(0), host(9_500)).unwrap();
    seconds(&mut run, 10..=12, 85);
    change(&mut run, &first, host(0), host(12_500)).unwrap();
    // The episode is again that of the rule in force.
    assert_eq!(run.state("low"), ConditionState::Active(Level::Urgent));
    seconds(&mut run, 13..=20, 97);
    assert_eq!(run.state("low"), ConditionState::Latched(Level::Urgent));
    assert_eq!((run.opened("low").len(), changed_at(&run).len()), (1, 2));
}

#[test]
fn windows_stay_full_when_panes_change() {
    let mean = |limit: u8| {
        json!({
            "id": "low", "title": "Low", "signal": "spo2", "statistic": "mean", "over": "60 s",
            "levels": [{ "level": "urgent", "raise": { "below": limit } }],
        })
    };
    let pane = |pane: &str| json!({ "spo2": { "cadence": "1 s", "pane": pane } });
    for (from, to) in [("1 s", "2 s"), ("2 s", "1 s"), ("1 s", "1 s")] {
        let mut run = Run::new(&version(1, &pane(from), &[mean(80)]));
        seconds(&mut run, 0..=99, 88);
        change(&mut run, &version(2, &pane(to), &[mean(90)]), host(0), host(99_500)).unwrap();
        seconds(&mut run, 100..=101, 88);
        assert_eq!(run.opened("low").len(), 1, "{from} to {to}: at once, not in a minute");
    }
}

#[test]
fn an_episode_keeps_its_panes_when_panes_change() {
    let pane = |pane: &str| json!({ "spo2": { "cadence": "1 s", "pane": pane } });
    let mut run = Run::new(&version(1, &pane("1 s"), &[low(90)]));
    seconds(&mut run, 0..=9, 85);
    change(&mut run, &version(2, &pane("5 s"), &[low(90)]), host(0), host(9_500)).unwrap();
    seconds(&mut run, 10..=15, 85);
    seconds(&mut run, 16..=20, 97);
    // Three seconds above the limit, by panes of one second.
    let cleared = |body: &&Body| matches!(body, Body::AlertChanged { change, .. } if *change == AlertChange::Cleared);
    let bodies = run.bodies();
    let Some(Body::AlertChanged { observed_at, .. }) = bodies.into_iter().find(cleared) else {
        panic!("not cleared");
    };
    assert_eq!(observed_at.unwrap(), common::observed(19_000));
}

#[test]
fn an_enrolment_and_a_silence_outlive_a_change() {
    let missing = |title: &str| json!({ "id": "gone", "title": title, "signal": "spo2", "missing_for": "60 s" });
    let mut run = Run::new(&ward(1, &[missing("Gone")]));
    run.live(enrolment(0, &[Kind::SPO2], Duration::from_secs(1), 0, None));
    run.tick(host(61_000));
    assert_eq!(run.opened("gone").len(), 1);
    change(&mut run, &ward(2, &[missing("No oxygen saturation")]), host(0), host(61_500)).unwrap();
    run.tick(host(200_000));
    assert_eq!(run.opened("gone").len(), 1, "no second alert for the same silence");
    run.live(spo2(201_000, 97));
    assert_eq!(run.changes("gone"), [AlertChange::Cleared, AlertChange::Closed]);
    run.tick(host(262_000));
    assert_eq!(run.opened("gone").len(), 2, "and the next silence is found");
}

#[test]
fn a_latch_of_the_version_before_does_not_silence_the_rule() {
    let mut run = Run::new(&ward(1, &[low(85)]));
    seconds(&mut run, 0..=9, 80);
    run.command(1, 1, Action::Acknowledge, host(9_500)).unwrap();
    seconds(&mut run, 10..=19, 97);
    assert_eq!(run.state("low"), ConditionState::Latched(Level::Urgent));
    change(&mut run, &ward(2, &[low(90)]), host(0), host(19_500)).unwrap();
    seconds(&mut run, 20..=30, 88);
    assert_eq!(run.opened("low").len(), 2, "88 is below the new limit");
    assert!(run.engine.alerts(PatientKey(0))[0].is_open(), "and the latch stays");
}

#[test]
fn a_trial_that_nobody_heard_does_not_silence_the_rule() {
    let mut trial = low(90);
    trial["mode"] = "shadow".into();
    let mut run = Run::new(&ward(1, &[trial]));
    seconds(&mut run, 0..=9, 85);
    change(&mut run, &ward(2, &[low(90)]), host(0), host(9_500)).unwrap();
    seconds(&mut run, 10..=20, 85);
    assert_eq!(run.opened("low").len(), 2);
}

#[test]
fn what_gets_worse_after_it_was_resolved_is_one_alert_of_the_rule_in_force() {
    let two = |limit: u8| {
        json!({
            "id": "low", "title": "Low", "signal": "spo2",
            "levels": [{ "level": "review", "raise": { "below": limit } },
                       { "level": "urgent", "raise": { "below": limit - 5 } }],
        })
    };
    let mut run = Run::new(&ward(1, &[two(90)]));
    seconds(&mut run, 0..=5, 88);
    change(&mut run, &ward(2, &[two(91)]), host(0), host(5_500)).unwrap();
    seconds(&mut run, 6..=8, 88);
    let revision = run.revision(1);
    run.command(1, revision, resolve(), host(8_500)).unwrap();
    seconds(&mut run, 9..=12, 80);
    let open = run.engine.alerts(PatientKey(0)).iter().filter(|a| a.is_open()).count();
    assert_eq!((open, run.engine.alerts(PatientKey(0)).last().unwrap().version), (1, 2));
    seconds(&mut run, 13..=20, 97);
    assert!(run.engine.alerts(PatientKey(0)).iter().all(|a| !a.is_active()));
}

#[test]
fn nothing_is_dated_before_the_policy_that_found_it() {
    let gone = json!({ "id": "gone", "title": "Gone", "signal": "spo2", "missing_for": "60 s" });
    let lives = [vec![300_000], vec![180_000, 199_000, 200_000, 300_000]].map(|ticks| {
        let mut run = Run::new(&ward(1, &[low(90)]));
        seconds(&mut run, 0..=90, 97);
        let to = ward(2, &[low(90), gone.clone()]);
        change(&mut run, &to, host(200_000), host(100_000)).unwrap();
        ticks.into_iter().for_each(|at| run.tick(host(at)));
        let opened =
            |r: &&rpm_core::record::SealedRecord| matches!(r.record.body, Body::AlertOpened { .. });
        assert_eq!(run.records.iter().find(opened).unwrap().record.at, host(200_000));
        run.lines()
    });
    assert_eq!(lives[0], lives[1]);
}

/// Two policies of one ward that differ in a rule, and what both see.
fn plans() -> impl Strategy<Value = (u8, u8, Vec<i32>, usize, usize)> {
    let values = prop::collection::vec(prop_oneof![4 => 76..100, 1 => Just(0)], 20..120);
    (78..95_u8, 78..95_u8, values, 0..120_usize, 0..120_usize)
}

fn feed(run: &mut Run, values: &[i32], from: usize) {
    for (second, value) in values.iter().enumerate().filter(|(_, v)| **v > 0) {
        run.live(spo2((from + second) as i64 * 1000, *value));
    }
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/policy_change.txt", 8))]

    /// A policy that means the same decides the same.
    #[test]
    fn a_change_of_words_changes_no_decision((limit, _, values, at, _) in plans()) {
        let mut rule = low(limit);
        let plain = ward(1, &[rule.clone()]);
        rule["title"] = "The same in other words".into();
        let at = at.min(values.len());
        let (mut one, mut two) = (Run::new(&plain), Run::new(&plain));
        feed(&mut one, &values, 0);
        feed(&mut two, &values[..at], 0);
        let now = host(at as i64 * 1000 - 500);
        change(&mut two, &ward(2, &[rule]), now, now).unwrap();
        feed(&mut two, &values[at..], at);
        let decided = |run: &Run| -> Vec<String> {
            let bodies = run.bodies().into_iter().filter(|b| !matches!(b, Body::PolicyChanged { .. }));
            bodies.map(|b| serde_json::to_string(b).unwrap()).map(|b| match b.find("\"title\"") {
                Some(title) => b[..title].to_string(),
                None => b,
            }).collect()
        };
        prop_assert_eq!(decided(&one), decided(&two));
    }

    /// A snapshot at any moment of a life with changes loses nothing, and a monitor lives the same.
    #[test]
    fn a_life_with_changes_survives_snapshots((a, b, values, at, stop) in plans()) {
        let policies = [ward(1, &[low(a)]), ward(2, &[low(b)]), ward(3, &[low(a)])];
        let (at, stop) = (at.min(values.len()), stop.min(values.len()));
        let mut whole = Run::new(&policies[0]);
        let mut parts = Run::new(&policies[0]);
        let id = common::patient_id(0);
        let mut monitor = Monitor::new(Arc::clone(&policies[0]), None, &id);
        for run in [&mut whole, &mut parts] {
            run.engine.patient(None, &id).unwrap();
        }
        for (second, value) in values.iter().enumerate() {
            let now = host(second as i64 * 1000);
            if second == at {
                let then = now.plus(Duration::from_secs(10));
                for (to, effective) in [(1, now), (2, then)] {
                    let approved = |from: &Arc<Policy>| {
                        let to = Arc::clone(&policies[to]);
                        let proposal = Proposal::new(from, to, "dr.a", "why").unwrap();
                        proposal.approve("dr.b", effective).unwrap()
                    };
                    for run in [&mut whole, &mut parts] {
                        let change = approved(run.engine.policy());
                        run.engine.handle_change(change, now).unwrap().unwrap();
                        run.drain();
                    }
                    let change = approved(monitor.policy());
                    monitor.handle_change(change, now).unwrap().unwrap();
                }
            }
            if second == stop {
                let bytes = parts.engine.snapshot().unwrap();
                let config = EngineConfig::default();
                let (engine, _) = Engine::restore(&bytes, &policies, config, now).unwrap();
                prop_assert_eq!(engine.snapshot().unwrap(), bytes);
                parts.engine = engine;
            }
            if *value > 0 {
                let event = spo2(second as i64 * 1000, *value);
                whole.event(event.clone(), now);
                parts.event(event.clone(), now);
                monitor.handle_event(event, now).unwrap();
            }
        }
        let end = host(values.len() as i64 * 1000 + 100_000);
        whole.tick(end);
        parts.tick(end);
        monitor.handle_timeout(end).unwrap();
        prop_assert_eq!(whole.lines(), parts.lines());
        let mut lines = Vec::new();
        while let Some(output) = monitor.poll_output() {
            if let Output::Record(sealed) = output {
                lines.push(sealed.line);
            }
        }
        prop_assert_eq!(whole.lines(), lines);
        verify_chain(&whole.lines());
    }
}

#[test]
fn old_data_that_wait_are_read_by_the_policy_under_which_they_came() {
    let mut run = Run::new(&ward(1, &[low(90)]));
    seconds(&mut run, 1000..=1010, 97);
    // An upload of what was low an hour ago, and the change comes before it is read.
    for second in 0..20 {
        run.event(spo2(second * 1000, 85), host(1_011_000));
    }
    change(&mut run, &ward(2, &[low(80)]), host(0), host(1_012_000)).unwrap();
    let found: Vec<_> = run
        .bodies()
        .into_iter()
        .filter(|body| {
            matches!(body, Body::RetrospectiveFinding { .. } | Body::PolicyChanged { .. })
        })
        .collect();
    assert!(
        matches!(found[..], [Body::RetrospectiveFinding { .. }, Body::PolicyChanged { .. }]),
        "{found:?}"
    );
}

/// The same rule with these routes; each tells somebody else.
fn routed(number: u32, routes: &[&str]) -> Arc<Policy> {
    let route = |id: &&str| json!({ "id": id, "queue": id, "escalation": id });
    let escalation = |id: &&str| {
        let step = json!({ "after": "0 s", "to": [id], "channels": ["push"],
            "repeat": { "every": "1 min", "times": 5 } });
        ((*id).to_string(), json!({ "answer_within": "5 min", "steps": [step] }))
    };
    let escalations: serde_json::Map<_, _> = routes.iter().map(escalation).collect();
    policy(&json!({
        "id": "ward", "version": number, "title": "Ward", "lateness_horizon": "30 s",
        "signals": each_second(), "rules": [low(90)],
        "care": {
            "routes": routes.iter().map(route).collect::<Vec<_>>(),
            "escalations": escalations,
        },
    }))
}

fn told(run: &Run) -> Vec<(String, HostTime)> {
    let told = |record: &rpm_core::record::Record| match &record.body {
        Body::DeliveryPlanned { target, .. } => Some((target.function.clone(), record.at)),
        _ => None,
    };
    run.records.iter().filter_map(|sealed| told(&sealed.record)).collect()
}

#[test]
fn a_round_goes_on_by_the_route_of_the_same_name() {
    let mut run = Run::new(&routed(1, &["nurse"]));
    seconds(&mut run, 0..=9, 85);
    let began = told(&run);
    change(&mut run, &routed(2, &["nurse", "unused"]), host(0), host(9_500)).unwrap();
    assert_eq!(told(&run), began, "nobody is told twice");
    run.tick(host(65_000));
    let again = began[0].1.as_millis() + 60_000;
    assert_eq!(told(&run).last(), Some(&("nurse".into(), HostTime::from_millis(again))));
}

#[test]
fn whose_route_is_gone_is_told_of_by_another_one() {
    let mut run = Run::new(&routed(1, &["nurse"]));
    seconds(&mut run, 0..=9, 85);
    change(&mut run, &routed(2, &["team"]), host(0), host(9_500)).unwrap();
    let to: Vec<String> = told(&run).into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, ["nurse", "team"]);
    let taken_back = |body: &&Body| {
        matches!(
            body,
            Body::DeliveryChanged { state: rpm_core::record::DeliveryState::Cancelled, .. }
        )
    };
    assert_eq!(run.bodies().into_iter().filter(taken_back).count(), 1);
}
