//! Quiet hours, groups, coming and going, and what to look at first.

use std::sync::Arc;

use crate::common::{T0, event, heart_rate, host, policy, spo2};
use rpm_core::Action;
use rpm_core::alert::DeliveryReport;
use rpm_core::event::{Body, Profile};
use rpm_core::policy::Policy;
use rpm_core::record::{AlertChange, DeliveryState, Level, NotifyReason, Status, WithholdReason};
use serde_json::{Value as Json, json};

use crate::ward::*;

#[test]
fn quiet_hours_hold_review_back_and_never_urgent() {
    // The tests begin at 12:27 UTC.
    let quiet =
        json!({ "quiet_hours": { "from": "22:00", "until": "07:00" }, "utc_offset": "+10:00" });
    let mut ward = Ward::new(&ward(&care(&quiet)));
    assert_eq!(T0 % DAY / HOUR, 12);
    ward.take(spo2(0, 91));
    assert!(ward.news().is_empty());
    assert_eq!(ward.withheld(), [WithholdReason::QuietHours]);
    ward.take(heart_rate(at(1), 160));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Opened)]);
    ward.take(spo2(at(2), 85));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
    let mut patient = Ward::new(&ward_policy_of(&quiet));
    // The patient lives where it is noon.
    let profile = Profile { utc_offset_min: Some(0), ..Profile::default() };
    patient.take(event(0, Body::Profile(Box::new(profile))));
    patient.take(spo2(at(1), 91));
    assert_eq!(patient.news().len(), 1);
}

fn ward_policy_of(more: &Json) -> Arc<Policy> {
    ward(&care(more))
}

#[test]
fn what_is_due_at_once_for_one_person_is_one_message_that_names_each() {
    let quiet = json!({ "quiet_hours": { "from": "12:00", "until": "13:00" } });
    let mut ward = Ward::new(&policy(&json!({
        "id": "ward", "version": 1, "title": "Ward",
        "signals": { "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } },
        "rules": [
            limit("low", "spo2", "review", &json!({ "below": 92 }), &json!({ "above": 93 })),
            limit("fast", "heart_rate", "review", &json!({ "above": 110 }), &json!({ "below": 100 })),
        ],
        "care": care(&quiet),
    })));
    ward.take(spo2(0, 91));
    ward.take(heart_rate(at(1), 120));
    assert!(ward.told.is_empty());
    ward.tick(HOUR);
    let [Told::Tell(key, _, _, alerts)] = &ward.told[..] else {
        panic!("{:?}", ward.told);
    };
    assert_eq!(alerts, &[1, 2]);
    let key = *key;
    // One of the two is answered: the message is replaced by one that names the other.
    ward.act(1, ann(), Action::Acknowledge, HOUR + at(1)).unwrap();
    assert_eq!(ward.told[1], Told::Back(key, WithholdReason::Answered));
    let last = ward.intents.last().unwrap();
    assert_eq!((last.replaces, last.reason), (Some(key), NotifyReason::Regrouped));
    assert_eq!(last.parts.iter().map(|p| p.alert.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_patient_who_does_not_consent_is_nobodys_message() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    let profile = Profile { consent: Some(false), ..Profile::default() };
    ward.take(event(0, Body::Profile(Box::new(profile))));
    ward.take(spo2(at(1), 85));
    assert!(ward.told.is_empty());
    assert_eq!(ward.withheld(), [WithholdReason::NoConsent]);
}

#[test]
fn what_comes_back_within_the_window_continues_its_episode() {
    let mut ward = Ward::new(&ward(&care(&json!({ "reopen_within": "5 min" }))));
    ward.take(spo2(0, 91));
    ward.take(spo2(at(1), 97));
    assert!(ward.alert(1).is_open(), "it waits whether it comes back");
    ward.take(spo2(at(20), 91));
    assert_eq!(ward.alert(1).status(), Status::Repeated(1));
    assert_eq!(ward.engine.alerts(P0).len(), 1);
    ward.take(spo2(at(21), 97));
    ward.tick(at(21) + 5 * MINUTE);
    assert_eq!(ward.alert(1).status(), Status::Resolved);
}

#[test]
fn three_returns_in_ten_intervals_are_one_unstable_episode_that_hides_nothing_worse() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    for second in 0..8 {
        ward.take(spo2(at(second), if second % 2 == 0 { 91 } else { 97 }));
    }
    let unstable = ward.engine.alerts(P0).iter().find(|a| a.unstable).unwrap();
    assert!(unstable.is_open());
    let (id, revision) = (unstable.id.0, unstable.revision);
    ward.act(id, ann(), Action::Acknowledge, at(8)).unwrap();
    ward.news();
    for second in 9..30 {
        ward.take(spo2(at(second), if second % 2 == 0 { 91 } else { 97 }));
    }
    assert!(ward.news().is_empty());
    assert_eq!(ward.alert(id).revision, revision + 1, "what was seen is still what there is");
    assert_eq!(ward.alert(id).status(), Status::Acknowledged);
    ward.take(spo2(at(30), 85));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
    assert_eq!(ward.alert(id).level, Level::Urgent);
}

#[test]
fn late_evidence_retracts_what_nobody_was_told_and_revises_what_somebody_was() {
    let taken_back = |handed: bool| {
        let mut ward = Ward::new(&ward_that_averages());
        for second in 0..10 {
            ward.take(spo2(at(second), 97));
        }
        // Two low readings overtake the three before them, which were high.
        ward.take(spo2(at(13), 80));
        ward.take(spo2(at(14), 80));
        assert_eq!(ward.intents.len(), 1);
        if handed {
            let (key, state) = (ward.intents[0].key, DeliveryState::Handed);
            let report = DeliveryReport { patient: P0, key, state };
            ward.engine.handle_report(&report, host(at(14))).unwrap().unwrap();
        }
        for second in [12, 11, 10] {
            let now = host(at(15));
            ward.engine.handle_event(spo2(at(second), 99), now).unwrap();
        }
        ward.drain();
        (ward.changes(1), ward.alert(1).status())
    };
    let (changes, status) = taken_back(false);
    assert_eq!((&changes[..], status), (&[AlertChange::Retracted][..], Status::Resolved));
    let (changes, _) = taken_back(true);
    assert_eq!(changes[0], AlertChange::Revised);
}

/// Urgent when the mean over five seconds is below 88, of which two readings are enough.
fn ward_that_averages() -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "30 s",
        "signals": { "spo2": { "cadence": "1 s" } },
        "rules": [{ "id": "low", "title": "Low", "signal": "spo2", "statistic": "mean",
            "over": "5 s", "coverage": "40 %",
            "levels": [{ "level": "urgent", "raise": { "below": 88 } }] }],
        "care": care(&json!({})),
    }))
}

#[test]
fn the_queue_is_in_the_order_of_priority_and_each_says_why() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    for patient in 0..40_u8 {
        let mut reading = spo2(at(i64::from(patient)), if patient % 4 == 0 { 85 } else { 91 });
        reading.patient = crate::common::patient_id(patient);
        ward.take(reading);
    }
    for minute in [1, 12, 45, 200] {
        let now = host(minute * MINUTE);
        let first = ward.engine.queue(Some("ward"), now, 15);
        let all = ward.engine.queue(Some("ward"), now, 1000);
        assert_eq!((first.len(), all.len()), (15, 40));
        assert_eq!(first, all[..15]);
        let totals: Vec<i32> = all.iter().map(|w| w.priority.total).collect();
        assert!(totals.is_sorted_by(|a, b| a >= b), "{totals:?}");
        for waiting in &all {
            let alone = ward.engine.priority(waiting.patient, waiting.alert, now);
            assert_eq!(alone.as_ref(), Some(&waiting.priority));
            assert!(waiting.priority.terms.iter().any(|term| term.name == "class"));
        }
        assert!(totals[9] >= 2000 && totals[10] < 2000, "urgent ones first");
    }
    assert!(ward.engine.queue(Some("no such queue"), host(0), 5).is_empty());
}
