//! Why nobody is told for now.

use crate::common::{heart_rate, spo2};
use rpm_core::alert::Suppression;
use rpm_core::record::{AlertChange, NotifyReason, Status, WithholdReason};
use rpm_core::{Action, Code};
use serde_json::json;

use crate::ward::*;

#[test]
fn snoozing_urgent_high_does_not_hide_urgent_low() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(heart_rate(0, 160));
    ward.act(1, ann(), shelve(30 * MINUTE), at(1)).unwrap();
    ward.news();
    ward.take(heart_rate(at(2), 80));
    ward.take(heart_rate(at(3), 30));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Opened)]);
}

#[test]
fn a_shelf_holds_for_the_next_episode_and_not_for_what_is_worse() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), shelve(HOUR), at(1)).unwrap();
    ward.take(spo2(at(2), 97));
    assert_eq!(ward.alert(1).status(), Status::Resolved);
    ward.news();
    ward.take(spo2(at(3), 91));
    assert!(ward.news().is_empty());
    assert!(matches!(ward.alert(2).suppression, Suppression::Shelved { .. }));
    assert_eq!(ward.withheld().last(), Some(&WithholdReason::Shelved));
    ward.take(spo2(at(4), 85));
    assert_eq!(ward.news().len(), 1, "a level increase breaks through");
    assert!(ward.alert(2).suppression.is_none());
}

#[test]
fn a_snooze_that_ends_on_stale_data_does_not_raise_an_alarm_about_the_patient() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(spo2(0, 85));
    ward.act(1, ann(), shelve(30 * MINUTE), at(1)).unwrap();
    ward.news();
    ward.tick(30 * MINUTE + at(1));
    let news = ward.news();
    // The missing signal is what is told, and of the alert only that nobody knows: to those who
    // look after the equipment.
    assert!(news.contains(&told("nurse/inbox", NotifyReason::Unverified)), "{news:?}");
    assert!(news.iter().all(|(to, _)| to != "nurse/push"), "{news:?}");
}

#[test]
fn a_snooze_that_ends_on_fresh_data_tells_at_once() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(spo2(0, 85));
    ward.act(1, ann(), shelve(60 * SECOND), at(1)).unwrap();
    ward.news();
    for second in 2..=60 {
        ward.take(spo2(at(second), 85));
    }
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Unsuppressed)]);
}

#[test]
fn a_snooze_that_ends_after_the_alert_says_so_and_tells_nobody() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(spo2(0, 91));
    ward.act(1, ann(), shelve(60 * SECOND), at(1)).unwrap();
    for second in 2..=70 {
        ward.take(spo2(at(second), 97));
    }
    assert_eq!(ward.changes(1).last(), Some(&AlertChange::Unsuppressed));
    assert_eq!(ward.intents.len(), 1);
}

#[test]
fn nothing_is_shelved_for_longer_than_the_policy_lets() {
    let mut ward = Ward::new(&ward(&permissive(&json!({ "shelve_at_most": "1 h" }))));
    ward.take(spo2(0, 85));
    assert_eq!(ward.act(1, ann(), shelve(HOUR + at(2)), at(1)), Err(Code::ShelvedTooLong));
    assert_eq!(ward.act(1, ann(), shelve(0), at(1)), Err(Code::TimePassed));
    assert_eq!(ward.act(1, ann(), Action::Unshelve, at(1)), Err(Code::NotPossibleNow));
}

#[test]
fn a_probe_that_is_off_hides_no_other_signal_and_is_acknowledged_alone() {
    let inhibition = json!({ "inhibitions": [{ "by": "lost", "rules": ["low"] }] });
    let mut ward = Ward::new(&ward(&permissive(&inhibition)));
    ward.take(spo2(0, 97));
    ward.tick(at(60));
    assert_eq!(ward.alert(1).rule, 3, "lost");
    ward.act(1, ann(), Action::Acknowledge, at(61)).unwrap();
    ward.news();
    ward.take(heart_rate(at(62), 30));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Opened)]);
    // The probe is back and shows what was beneath: nobody has acknowledged that.
    ward.take(spo2(at(63), 85));
    let low = ward.engine.alerts(P0).iter().find(|a| a.rule == 0).unwrap();
    assert_eq!((low.status(), low.suppression.clone()), (Status::New, Suppression::None));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Opened)]);
}

#[test]
fn circumstances_that_explain_an_alert_keep_it_quiet_and_no_longer() {
    let theatre = json!({ "suppressions": [{
        "id": "theatre", "title": "In theatre", "when": { "care_phase": "procedure" },
        "rules": ["low"], "at_most": "review",
    }] });
    let mut ward = Ward::new(&ward(&care(&theatre)));
    ward.take(context(0, "procedure"));
    ward.take(spo2(at(1), 91));
    assert!(ward.news().is_empty());
    assert_eq!(ward.withheld(), [WithholdReason::SuppressedByRule]);
    ward.take(heart_rate(at(2), 160));
    assert_eq!(ward.news().len(), 1, "other rules are not concerned");
    // Late news of an earlier phase changes nothing.
    ward.take(context(-at(5), "ward"));
    assert!(!ward.alert(1).suppression.is_none());
    ward.take(context(at(3), "ward"));
    assert_eq!(ward.news(), [told("nurse/inbox", NotifyReason::Unsuppressed)]);
}

#[test]
fn out_of_service_lasts_until_it_is_back() {
    let mut ward = Ward::new(&ward(&permissive(&json!({}))));
    ward.take(spo2(0, 85));
    let out = Action::TakeOutOfService { reference: "w-17".into() };
    ward.act(1, ann(), out, at(1)).unwrap();
    ward.news();
    ward.tick(at(55));
    assert!(ward.news().is_empty());
    ward.take(spo2(at(56), 85));
    ward.act(1, ann(), Action::ReturnToService, at(57)).unwrap();
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Unsuppressed)]);
}
