//! What the patient agrees to binds.

use crate::common::{event, spo2};
use rpm_core::Action;
use rpm_core::event::{Body, Event, Profile};
use rpm_core::record::{Body as Record, NotifyReason, WithholdReason};
use serde_json::json;

use crate::ward::*;

fn declines(ms: i64, channels: &[&str]) -> Event {
    let declined_channels = channels.iter().map(|channel| (*channel).into()).collect();
    event(ms, Body::Profile(Box::new(Profile { declined_channels, ..Profile::default() })))
}

fn consents(ms: i64, consent: bool) -> Event {
    let profile = Profile { consent: Some(consent), ..Profile::default() };
    event(ms, Body::Profile(Box::new(profile)))
}

/// On which channels nobody was told because the patient declines them.
fn declined(ward: &Ward) -> Vec<String> {
    let channel = |record: &Record| match record {
        Record::NotificationWithheld {
            reason: WithholdReason::PatientDeclined, channel, ..
        } => channel.clone(),
        _ => None,
    };
    ward.records.iter().filter_map(channel).collect()
}

fn two_channels() -> Ward {
    let mut care = care(&json!({}));
    care["escalations"]["urgent"]["steps"][0]["channels"] = json!(["push", "sms"]);
    Ward::new(&ward(&care))
}

#[test]
fn a_step_uses_the_channels_that_are_left() {
    let mut ward = two_channels();
    ward.take(declines(0, &["push", "letter"]));
    ward.take(spo2(at(1), 85));
    assert_eq!(ward.news(), [told("nurse/sms", NotifyReason::Opened)]);
    assert_eq!(declined(&ward), ["push"]);
}

#[test]
fn where_no_channel_is_left_the_next_step_comes_in_its_time() {
    let mut ward = two_channels();
    ward.take(declines(0, &["push", "sms"]));
    ward.take(spo2(at(1), 85));
    ward.tick(5 * MINUTE + at(1) - 1);
    assert!(!ward.news().iter().any(|(to, _)| to != "nurse/inbox"));
    assert_eq!(declined(&ward).len(), 4, "two channels, and again");
    ward.tick(5 * MINUTE + at(1));
    assert_eq!(ward.news(), [told("charge_nurse/pager", NotifyReason::Opened)]);
}

#[test]
fn whom_nobody_may_be_told_of_ends_exhausted_and_in_time() {
    let mut ward = two_channels();
    ward.take(declines(0, &["push", "sms", "pager"]));
    ward.take(spo2(at(1), 85));
    ward.tick(10 * MINUTE + at(1) - 1);
    assert!(!ward.told.contains(&Told::Exhausted(1)));
    ward.tick(10 * MINUTE + at(1));
    assert!(ward.told.contains(&Told::Exhausted(1)));
    assert!(ward.intents.iter().all(|intent| intent.channel == "inbox"), "the missing probe's");
}

#[test]
fn what_is_under_way_on_a_declined_channel_is_taken_back() {
    let mut ward = two_channels();
    ward.take(spo2(0, 85));
    let push = ward.intents.iter().find(|intent| intent.channel == "push").unwrap().key;
    ward.told.clear();
    ward.take(declines(at(1), &["push"]));
    assert_eq!(ward.told, [Told::Back(push, WithholdReason::PatientDeclined)]);
    // Nor is somebody told in person, but on the channels that are left.
    ward.act(1, ann(), Action::Assign { to: "eve".into() }, at(2)).unwrap();
    assert!(ward.news().contains(&told("assignee=eve/sms", NotifyReason::Assigned)));
    assert!(ward.intents.iter().skip(2).all(|intent| intent.channel != "push"));
    // What an older profile says changes nothing.
    ward.take(declines(-at(5), &[]));
    ward.tick(2 * MINUTE);
    assert!(ward.intents.iter().skip(2).all(|intent| intent.channel != "push"));
}

#[test]
fn consent_that_ends_takes_everything_back_and_begins_again_when_it_is_given() {
    let mut ward = two_channels();
    ward.take(spo2(0, 85));
    ward.told.clear();
    ward.take(consents(at(1), false));
    let back = |told: &Told| matches!(told, Told::Back(_, WithholdReason::NoConsent));
    assert!(ward.told.len() == 2 && ward.told.iter().all(back), "{:?}", ward.told);
    assert_eq!(ward.withheld(), [WithholdReason::NoConsent]);
    ward.tick(HOUR);
    assert!(ward.news().is_empty());
    assert!(ward.engine.alerts(P0).iter().all(|alert| !alert.is_escalating()));
    ward.take(spo2(HOUR + at(1), 85));
    ward.take(consents(HOUR + at(2), true));
    let news = ward.news();
    assert!(news.contains(&told("nurse/sms", NotifyReason::Unsuppressed)), "{news:?}");
}
