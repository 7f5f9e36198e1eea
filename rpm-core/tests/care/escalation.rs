//! Who is told, who next, and who has it.

use std::sync::Arc;

use crate::common::{heart_rate, host, patient_id, spo2};
use rpm_core::alert::{DeliveryReport, Response};
use rpm_core::insight::{Card, Owner, Queues};
use rpm_core::record::{
    self, AlertChange, Body as Record, ConditionState, DeliveryState, IntentKey, NotifyReason,
    Resolution, Status, WithholdReason,
};
use rpm_core::{Action, AlertId, Code, Command, Engine, EngineConfig, Roster, Shift};
use serde_json::json;

use crate::ward::*;

#[test]
fn an_urgent_alert_goes_up_step_by_step_and_says_when_nobody_is_left() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 85));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Opened)]);
    ward.tick(2 * MINUTE - 1);
    assert!(ward.news().iter().all(|(to, _)| to != "nurse/push"));
    ward.tick(2 * MINUTE);
    assert_eq!(ward.news()[0], told("nurse/push", NotifyReason::Opened));
    ward.tick(5 * MINUTE);
    assert_eq!(ward.news()[0], told("charge_nurse/pager", NotifyReason::Opened));
    ward.tick(10 * MINUTE - 1);
    assert!(!ward.told.contains(&Told::Exhausted(1)));
    ward.tick(10 * MINUTE);
    assert!(ward.told.contains(&Told::Exhausted(1)));
    ward.tick(5 * HOUR);
    let exhausted = |record: &&Record| matches!(record, Record::EscalationExhausted { alert, .. } if alert.0 == 1);
    assert_eq!(ward.records.iter().filter(exhausted).count(), 1, "once");
    assert!(ward.alert(1).is_exhausted());
}

#[test]
fn notifications_do_not_go_on_after_the_acknowledgement() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 85));
    let key = ward.intents[0].key;
    ward.act(1, ann(), Action::Acknowledge, at(30)).unwrap();
    assert_eq!(ward.told.last(), Some(&Told::Back(key, WithholdReason::Answered)));
    for second in 1..600 {
        ward.take(spo2(at(30) + at(second), 85));
    }
    let of_low = ward.intents.iter().filter(|i| i.parts[0].rule == "low").count();
    assert_eq!(of_low, 1);
}

#[test]
fn an_acknowledgement_runs_out_while_the_condition_is_still_there() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 85));
    ward.act(1, ann(), Action::Acknowledge, at(1)).unwrap();
    ward.news();
    for second in 2..=900 {
        ward.take(spo2(at(second), 85));
    }
    assert_eq!(ward.alert(1).status(), Status::Acknowledged);
    ward.take(spo2(at(901), 85));
    assert_eq!(ward.alert(1).status(), Status::Repeated(1));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::AcknowledgementLapsed)]);
}

#[test]
fn a_months_old_acknowledged_alert_does_not_page() {
    // It was urgent, is over, and somebody knows: nobody is woken for it.
    let mut ward = Ward::new(&ward(&care(&json!({ "stale_after": "3650 d" }))));
    ward.take(spo2(0, 85));
    ward.take(spo2(at(1), 97));
    ward.act(1, ann(), Action::Acknowledge, at(2)).unwrap();
    assert!(matches!(ward.alert(1).condition, ConditionState::Latched(_)));
    ward.news();
    ward.tick(90 * DAY);
    assert!(ward.news().iter().all(|(to, _)| to != "nurse/push" && to != "charge_nurse/pager"));
    assert_eq!(ward.alert(1).status(), Status::Acknowledged);
}

#[test]
fn an_open_alert_is_brought_up_again_and_never_closed_in_silence() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 85));
    ward.take(spo2(at(1), 97));
    ward.tick(DAY - 1);
    ward.news();
    ward.tick(DAY);
    // For review: whoever was to be paged was paged a day ago.
    assert_eq!(ward.news(), [told("nurse/inbox", NotifyReason::Stale)]);
    assert!(ward.alert(1).is_open());
    assert_eq!(ward.alert(1).stale, 1);
}

#[test]
fn more_severe_clears_the_acknowledgement_and_starts_again() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 91));
    assert_eq!(ward.news(), [told("nurse/inbox", NotifyReason::Opened)]);
    ward.act(1, ann(), Action::Acknowledge, at(1)).unwrap();
    ward.take(spo2(at(2), 85));
    assert_eq!(ward.alert(1).response, Response::Unowned);
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
}

#[test]
fn a_channels_report_moves_no_step() {
    let run = |reports: bool| {
        let mut ward = Ward::new(&ward(&care(&json!({}))));
        ward.take(spo2(0, 85));
        if reports {
            for state in [DeliveryState::Handed, DeliveryState::Delivered, DeliveryState::Seen] {
                let report = DeliveryReport { patient: P0, key: ward.intents[0].key, state };
                ward.engine.handle_report(&report, host(1)).unwrap().unwrap();
            }
        }
        ward.tick(10 * MINUTE);
        ward.intents.iter().map(|i| (i.at, i.channel.clone())).collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn what_was_not_heard_of_expires_and_a_late_report_is_told_so() {
    let mut ward = Ward::new(&ward(&care(&json!({ "expire_after": "3 min" }))));
    ward.take(spo2(0, 85));
    let key = ward.intents[0].key;
    ward.tick(3 * MINUTE);
    let state =
        |ward: &Ward| ward.engine.deliveries(P0).iter().find(|d| d.key == key).map(|d| d.state);
    assert_eq!(state(&ward), Some(DeliveryState::Expired));
    let report = DeliveryReport { patient: P0, key, state: DeliveryState::Handed };
    let answer = ward.engine.handle_report(&report, host(4 * MINUTE)).unwrap();
    assert_eq!(answer.unwrap_err().code(), Code::ReportOutOfOrder);
    let report = DeliveryReport { key: IntentKey(7), ..report };
    let answer = ward.engine.handle_report(&report, host(4 * MINUTE)).unwrap();
    assert_eq!(answer.unwrap_err().code(), Code::UnknownIntent);
}

#[test]
fn a_restart_does_not_page_everything_again() {
    let policy = ward(&care(&json!({})));
    let mut before = Ward::new(&policy);
    before.take(spo2(0, 85));
    before.take(heart_rate(at(1), 160));
    before.act(1, ann(), Action::Acknowledge, at(2)).unwrap();
    let bytes = before.engine.snapshot().unwrap();
    let restore = || {
        let policies = [Arc::clone(&policy)];
        Engine::restore(&bytes, &policies, EngineConfig::default(), host(at(3))).unwrap().0
    };
    let mut after = Ward::of(restore());
    after.tick(at(30));
    assert!(after.told.is_empty(), "{:?}", after.told);
    after.tick(2 * MINUTE + at(1));
    before.told.clear();
    before.tick(at(30));
    before.tick(2 * MINUTE + at(1));
    assert_eq!(after.told, before.told, "keys are the same, too");
    assert!(!after.told.is_empty());
}

fn roster(shifts: &[(&str, &str, i64, i64)]) -> Roster {
    Roster::new(shifts.iter().map(|(function, person, from, until)| Shift {
        function: (*function).into(),
        person: (*person).into(),
        from: host(*from),
        until: host(*until),
        tenant: None,
        patient: None,
    }))
}

#[test]
fn at_the_end_of_the_shift_the_next_one_has_it() {
    let mut ward = Ward::new(&ward(&care(&json!({ "acknowledged_for": {} }))));
    let shifts = [("nurse", "ann", -HOUR, 4 * HOUR), ("nurse", "bob", 4 * HOUR, 12 * HOUR)];
    ward.engine.handle_roster(roster(&shifts), host(0)).unwrap();
    ward.drain();
    ward.take(spo2(0, 85));
    assert_eq!(ward.news(), [told("nurse=ann/push", NotifyReason::Opened)]);
    ward.act(1, ann(), Action::Acknowledge, at(1)).unwrap();
    ward.tick(4 * HOUR - 1);
    assert_eq!(ward.alert(1).response.owner(), Some("ann"));
    ward.told.clear();
    ward.tick(4 * HOUR);
    assert_eq!(ward.alert(1).response.owner(), Some("bob"));
    assert_eq!(ward.news(), [told("assignee=bob/push", NotifyReason::HandedOver)]);
    // Nobody follows Bob: then nobody has it, and it is unanswered again.
    ward.tick(12 * HOUR);
    assert_eq!(ward.alert(1).status(), Status::Repeated(1));
    assert!(ward.changes(1).ends_with(&[AlertChange::HandedOver, AlertChange::Lapsed]));
}

#[test]
fn who_is_assigned_is_told_at_once_and_by_name() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 85));
    ward.news();
    ward.act(1, ann(), Action::Assign { to: "dr eve".into() }, at(5)).unwrap();
    assert_eq!(ward.news(), [told("assignee=dr eve/push", NotifyReason::Assigned)]);
    assert_eq!(ward.alert(1).assigned.as_deref(), Some("dr eve"));
}

#[test]
fn a_role_does_what_the_policy_lets_it_and_no_more() {
    let roles = json!({ "roles": {
        "nurse": { "may": ["acknowledge", "shelve"] },
        "physician": { "may": ["acknowledge", "resolve", "shelve", "shelve_urgent"] },
    } });
    let mut ward = Ward::new(&ward(&care(&roles)));
    ward.take(spo2(0, 85));
    let before = (ward.alert(1).clone(), ward.told.len());
    let eve = ("eve", "physician");
    for (by, action) in [
        (ann(), resolve(Resolution::FalseArtifact)),
        (ann(), shelve(HOUR)),
        (("?", "visitor"), Action::Acknowledge),
        (eve, Action::TakeOutOfService { reference: "w-17".into() }),
    ] {
        assert_eq!(ward.act(1, by, action, at(1)), Err(Code::NotPermitted));
        assert_eq!((ward.alert(1).clone(), ward.told.len()), before, "nothing changed");
    }
    assert_eq!(ward.act(1, eve, shelve(HOUR), at(1)), Ok(()));
}

#[test]
fn a_refusal_carries_how_things_stand() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), Action::Acknowledge, at(1)).unwrap();
    let command = Command {
        patient: P0,
        alert: AlertId(1),
        seen_revision: 1,
        actor: "bob".into(),
        role: "nurse".into(),
        action: resolve(Resolution::Duplicate),
    };
    let refusal = ward.engine.handle_command(&command, host(at(2))).unwrap().unwrap_err();
    assert_eq!(refusal.code, Code::StaleRevision);
    assert_eq!((refusal.revision, refusal.status), (Some(2), Some(Status::Acknowledged)));
}

#[test]
fn an_acknowledgement_that_races_a_resolve_does_not_reopen() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 85));
    let seen = ward.alert(1).revision;
    ward.act(1, ("eve", "physician"), resolve(Resolution::TrueActedOn), at(1)).unwrap();
    let late = ward.act_on(1, seen, ann(), Action::Acknowledge, at(2));
    assert_eq!(late, Err(Code::StaleRevision));
    assert_eq!(ward.alert(1).status(), Status::Resolved);
    let now = ward.alert(1).revision;
    assert_eq!(ward.act_on(1, now, ann(), Action::Acknowledge, at(3)), Err(Code::AlertClosed));
}

#[test]
fn a_remediation_that_has_not_helped_in_time_is_brought_up_again() {
    let mut ward = Ward::new(&ward(&care(&json!({ "remediation_for": { "urgent": "10 min" } }))));
    ward.take(spo2(0, 85));
    let owner = Some("bob".into());
    let start = Action::StartRemediation { owner, due: None, intervention: None };
    ward.act(1, ann(), start, at(60)).unwrap();
    assert_eq!(ward.alert(1).status(), Status::InRemediation);
    assert_eq!(ward.alert(1).response.owner(), Some("bob"));
    ward.news();
    ward.tick(11 * MINUTE);
    assert!(ward.news().contains(&told("nurse/push", NotifyReason::RemediationOverdue)));
    assert_eq!(ward.alert(1).status(), Status::Repeated(1));
}

#[test]
fn resolved_while_it_is_still_there_opens_again_if_it_stays() {
    let mut ward = Ward::new(&ward(&care(&json!({ "reopen_resolved_after": "10 min" }))));
    ward.take(spo2(0, 85));
    ward.act(1, ann(), resolve(Resolution::TrueActedOn), at(1)).unwrap();
    ward.news();
    for second in 2..=600 {
        ward.take(spo2(at(second), 85));
    }
    assert_eq!(ward.alert(1).status(), Status::Resolved);
    ward.take(spo2(at(601), 85));
    assert_eq!(ward.alert(1).status(), Status::Repeated(1));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Reopened)]);
}

/// What waits in two queues, by the engine and by its records alike.
fn queues(ward: &Ward) -> (Vec<u32>, Vec<u32>) {
    let mut queues = Queues::default();
    ward.sealed.iter().for_each(|record| queues.fold(record));
    let of = |name: &str| -> Vec<u32> {
        let ours: Vec<u32> = queues.of(name).iter().map(|entry| entry.alert.0).collect();
        let engine = ward.engine.queue(Some(name), host(at(20)), 9);
        assert_eq!(ours, engine.iter().map(|w| w.alert.0).collect::<Vec<_>>(), "{name}");
        ours
    };
    (of("ward"), of("now"))
}

/// Every change, and the queue that its record names.
fn named(ward: &Ward) -> Vec<(AlertChange, Option<String>)> {
    let named = |record: &Record| match record {
        Record::AlertChanged { change, queue, .. } => Some((*change, queue.clone())),
        _ => None,
    };
    ward.records.iter().filter_map(named).collect()
}

fn with_a_queue_for_urgent(more: &serde_json::Value) -> Ward {
    let mut care = care(more);
    care["routes"][0]["queue"] = json!("now");
    Ward::new(&ward(&care))
}

#[test]
fn a_rise_names_the_queue_to_which_it_moves_the_alert() {
    let mut ward = with_a_queue_for_urgent(&json!({}));
    ward.take(spo2(0, 91));
    assert_eq!(queues(&ward), (vec![1], vec![]));
    ward.take(spo2(at(1), 85));
    assert_eq!(queues(&ward), (vec![], vec![1]));
    ward.act(1, ann(), Action::Acknowledge, at(2)).unwrap();
    ward.take(spo2(at(3), 91));
    let changes = [
        (AlertChange::Raised, Some("now".to_string())),
        (AlertChange::Acknowledged, None),
        (AlertChange::Lowered, None),
    ];
    assert_eq!(named(&ward), changes);
    let mut card = Card::new(Owner { tenant: None, patient: patient_id(0) });
    ward.sealed.iter().for_each(|record| card.fold(record));
    assert_eq!(card.open()[0].queue.as_deref(), Some("now"));
}

#[test]
fn what_gets_worse_in_silence_says_where_it_waits() {
    let quiet = json!({ "quiet_hours": { "from": "12:00", "until": "13:00" } });
    let mut ward = with_a_queue_for_urgent(&quiet);
    // It comes and goes, until it is one unstable episode; then it is mild, and given back.
    for (second, percent) in (0..).zip([85, 97, 85, 97, 85, 97, 85, 91]) {
        ward.take(spo2(at(second), percent));
    }
    assert!(ward.alert(1).unstable);
    ward.act(1, ann(), Action::Acknowledge, at(8)).unwrap();
    ward.act(1, ann(), Action::Unacknowledge, at(9)).unwrap();
    assert_eq!(named(&ward).last(), Some(&(AlertChange::Unacknowledged, Some("ward".into()))));
    assert_eq!(queues(&ward), (vec![1], vec![]));
    // As urgent as it has been before is no news, but it does not wait for the end of quiet hours.
    ward.take(spo2(at(10), 97));
    ward.take(spo2(at(11), 85));
    assert_eq!(named(&ward).last(), Some(&(AlertChange::Rerouted, Some("now".into()))));
    assert_eq!(queues(&ward), (vec![], vec![1]));
}

/// Nobody has seen it yet: that it became worse is news, and no repetition.
#[test]
fn what_rises_before_anybody_has_seen_it_is_raised_and_not_repeated() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    ward.take(spo2(0, 91));
    ward.take(spo2(at(1), 85));
    let told_of =
        [told("nurse/inbox", NotifyReason::Opened), told("nurse/push", NotifyReason::Raised)];
    assert_eq!((ward.news(), ward.changes(1)), (told_of.into(), vec![AlertChange::Raised]));
    assert_eq!(ward.alert(1).status(), Status::New);
    let said = record::explain(&ward.sealed, AlertId(1)).unwrap().to_string();
    assert!(said.contains("became more severe") && !said.contains("came back"), "{said}");
    assert!(said.contains("push to nurse because raised"), "{said}");
    // Acknowledged, back to review, and worse again: now it is.
    ward.act(1, ann(), Action::Acknowledge, at(2)).unwrap();
    ward.take(spo2(at(3), 91));
    ward.take(spo2(at(4), 85));
    assert_eq!(ward.alert(1).status(), Status::Repeated(1));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
}

/// A shelf that is broken through: what is told first is why.
#[test]
fn what_is_worse_than_what_was_put_aside_says_that_it_is_worse() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), shelve(10 * MINUTE), at(1)).unwrap();
    ward.news();
    ward.take(spo2(at(2), 85));
    assert_eq!(
        ward.changes(1),
        [AlertChange::Shelved, AlertChange::Raised, AlertChange::Unsuppressed]
    );
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
}

/// It becomes one that keeps coming and going, and is worse than ever: both are told, and the worse of them
/// first.
#[test]
fn what_becomes_unstable_and_is_worse_says_that_it_is_worse() {
    let mut ward = Ward::new(&ward(&care(&json!({ "reopen_within": "5 min" }))));
    for (second, percent) in [(0, 91), (1, 97), (2, 91), (3, 97), (4, 91), (5, 97)] {
        ward.take(spo2(at(second), percent));
    }
    ward.news();
    ward.take(spo2(at(6), 85));
    assert_eq!(ward.changes(1).last(), Some(&AlertChange::BecameUnstable));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
}
