//! What was done about alerts, and whether it helped.

use std::sync::Arc;

use crate::common::{patient_id, spo2};
use rpm_core::insight::{Card, Owner, Queues};
use rpm_core::record::{Body as Record, Resolution, explain};
use rpm_core::{Action, AlertId, Code, Engine, EngineConfig};
use serde_json::json;

use crate::ward::*;

fn start(intervention: &str) -> Action {
    Action::StartRemediation { owner: None, due: None, intervention: Some(intervention.into()) }
}

/// What is told of interventions: which, whether it helped, and how often of how many times.
fn judged(ward: &Ward) -> Vec<(String, bool, u16, u16)> {
    let told = |record: &Record| match record {
        Record::InterventionJudged { helped, so_far, .. } => {
            Some((so_far.intervention.clone(), *helped, so_far.helped, so_far.tried))
        }
        _ => None,
    };
    ward.records.iter().filter_map(told).collect()
}

fn oxygen(helped: bool, of: u16, tried: u16) -> (String, bool, u16, u16) {
    ("oxygen".into(), helped, of, tried)
}

fn helped_term(ward: &Ward, id: u32) -> Option<i32> {
    let priority = ward.engine.priority(P0, AlertId(id), crate::common::host(HOUR))?;
    priority.terms.iter().find(|term| term.name == "helped").map(|term| term.points)
}

fn new_ward(more: &serde_json::Value) -> Ward {
    Ward::new(&ward(&care(more)))
}

/// A review alert at `second`, oxygen a second later, and a good value two seconds after that.
fn oxygen_helps(ward: &mut Ward, id: u32, second: i64) {
    ward.take(spo2(at(second), 91));
    ward.act(id, ann(), start("oxygen"), at(second + 1)).unwrap();
    ward.take(spo2(at(second + 3), 97));
}

#[test]
fn what_helped_before_is_told_and_lifts_the_next_alert() {
    let mut ward = new_ward(&json!({ "remediation_for": { "review": "10 s" } }));
    oxygen_helps(&mut ward, 1, 0);
    oxygen_helps(&mut ward, 2, 50);
    assert_eq!(judged(&ward), [oxygen(true, 1, 1), oxygen(true, 2, 2)]);
    // The third time it has not helped by the time in which it should have.
    ward.take(spo2(at(100), 91));
    assert_eq!(helped_term(&ward, 3), Some(20));
    ward.act(3, ann(), start("oxygen"), at(101)).unwrap();
    for second in 102..=111 {
        ward.take(spo2(at(second), 91));
    }
    assert_eq!(judged(&ward).last(), Some(&oxygen(false, 2, 3)));
    assert_eq!(helped_term(&ward, 3), Some(10));
    ward.take(spo2(at(120), 97));
    assert_eq!(judged(&ward).len(), 3, "it was judged");
    ward.take(spo2(at(170), 91));
    let opened = ward.records.iter().rev().find_map(|record| match record {
        Record::AlertOpened { priority, interventions, .. } => Some((priority, interventions)),
        _ => None,
    });
    let (priority, interventions) = opened.unwrap();
    assert!(priority.terms.iter().any(|term| term.name == "helped" && term.points == 10));
    assert_eq!(interventions[0].to_string(), "oxygen helped 2 of 3 times");
}

#[test]
fn story_card_and_queue_say_what_helped() {
    let mut ward = new_ward(&json!({}));
    oxygen_helps(&mut ward, 1, 0);
    ward.take(spo2(at(50), 91));
    ward.act(2, ann(), start("reposition_probe"), at(51)).unwrap();
    ward.take(spo2(at(52), 85));
    let records = ward.sealed.clone();
    let story = explain(&records, AlertId(2)).unwrap().to_string();
    let mut card = Card::new(Owner { tenant: None, patient: patient_id(0) });
    let mut queues = Queues::default();
    for record in &records {
        card.fold(record);
        queues.fold(record);
    }
    let entry = queues.of("ward")[0].to_string();
    for text in [&story, &card.to_string(), &entry] {
        for line in ["oxygen helped 1 of 1 times", "reposition probe helped 0 of 1 times"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
    assert!(story.contains("remediation started by ann: ann; reposition probe"), "{story}");
}

#[test]
fn what_helps_after_it_was_done_counts_for_half_an_hour() {
    let run = |later: i64| {
        let mut ward = new_ward(&json!({ "acknowledged_for": {} }));
        ward.take(spo2(0, 91));
        ward.act(1, ann(), start("oxygen"), at(1)).unwrap();
        ward.act(1, ann(), Action::FinishRemediation, at(2)).unwrap();
        for second in 3..2 + later {
            ward.take(spo2(at(second), 91));
        }
        ward.take(spo2(at(2 + later), 97));
        judged(&ward)
    };
    assert_eq!(run(1799), [oxygen(true, 1, 1)]);
    assert_eq!(run(1800), [oxygen(false, 0, 1)]);
}

#[test]
fn worse_or_resolved_while_it_is_there_has_not_helped() {
    let mut ward = new_ward(&json!({}));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), start("oxygen"), at(1)).unwrap();
    ward.take(spo2(at(2), 85));
    assert_eq!(judged(&ward), [oxygen(false, 0, 1)]);
    ward.act(1, ann(), start("oxygen"), at(3)).unwrap();
    ward.act(1, ann(), resolve(Resolution::TrueActedOn), at(4)).unwrap();
    assert_eq!(judged(&ward)[1..], [oxygen(false, 0, 2)]);
}

#[test]
fn silence_has_not_helped() {
    let mut ward = new_ward(&json!({ "remediation_for": { "review": "20 min" } }));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), start("oxygen"), at(1)).unwrap();
    ward.tick(20 * MINUTE);
    assert_eq!(judged(&ward), []);
    ward.tick(20 * MINUTE + at(1));
    assert_eq!(judged(&ward), [oxygen(false, 0, 1)]);
    // Nor has what was begun when nobody knew: it may have been over before.
    ward.act(1, ann(), start("oxygen"), 21 * MINUTE).unwrap();
    ward.take(spo2(22 * MINUTE, 97));
    assert_eq!(judged(&ward).len(), 1);
}

#[test]
fn what_was_over_before_anything_was_done_has_not_been_helped() {
    let mut ward = new_ward(&json!({}));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), start("oxygen"), at(10)).unwrap();
    // The good value is from before, and comes late.
    ward.engine.handle_event(spo2(at(9), 97), crate::common::host(at(12))).unwrap();
    ward.drain();
    assert!(!ward.alert(1).is_active());
    assert_eq!(judged(&ward), []);
}

#[test]
fn the_last_four_are_remembered_and_outlive_a_restart() {
    let policy = ward(&care(&json!({})));
    let mut ward = Ward::new(&policy);
    for (n, what) in (1_i64..).zip(["a", "b", "c", "d", "a", "e"]) {
        ward.take(spo2(at(50 * n), 91));
        ward.act(n as u32, ann(), start(what), at(50 * n + 1)).unwrap();
        if what == "e" {
            let bytes = ward.engine.snapshot().unwrap();
            let (policies, now) = ([Arc::clone(&policy)], crate::common::host(at(50 * n + 2)));
            let restored = Engine::restore(&bytes, &policies, EngineConfig::default(), now);
            ward.engine = restored.unwrap().0;
        }
        ward.take(spo2(at(50 * n + 3), 97));
    }
    ward.take(spo2(at(350), 91));
    let opened = ward.records.iter().rev().find_map(|record| match record {
        Record::AlertOpened { interventions, .. } => Some(interventions.clone()),
        _ => None,
    });
    let known: Vec<(String, u16)> =
        opened.unwrap().into_iter().map(|tried| (tried.intervention, tried.tried)).collect();
    let known: Vec<(&str, u16)> = known.iter().map(|(what, n)| (what.as_str(), *n)).collect();
    assert_eq!(known, [("c", 1), ("d", 1), ("a", 2), ("e", 1)]);
}

#[test]
fn an_intervention_has_a_name_and_not_a_story() {
    let mut ward = new_ward(&json!({}));
    ward.take(spo2(0, 91));
    let before = ward.alert(1).clone();
    for word in ["", "gave oxygen", "a\n", &"x".repeat(65)] {
        assert_eq!(ward.act(1, ann(), start(word), at(1)), Err(Code::BadIntervention));
        assert!(before == *ward.alert(1), "nothing changed");
    }
    ward.act(1, ann(), start("oxygen-2.5_l"), at(1)).unwrap();
}
