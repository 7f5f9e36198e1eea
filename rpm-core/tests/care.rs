//! From condition to clinician: who is told, when, and why not; each case by its name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{T0, event, heart_rate, host, policy, spo2};
use rpm_core::alert::{DeliveryReport, Response, Suppression};
use rpm_core::event::{Body, Context, Event, Profile};
use rpm_core::policy::Policy;
use rpm_core::record::{
    AlertChange, Body as Record, ConditionState, DeliveryState, IntentKey, Level, NotifyReason,
    Resolution, Status, WithholdReason,
};
use rpm_core::{
    Action, Alert, AlertId, Code, Command, DeliveryIntent, Engine, EngineConfig, HostTime, Output,
    PatientKey, Roster, Shift,
};
use serde_json::{Value as Json, json};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const P0: PatientKey = PatientKey(0);

fn limit(id: &str, signal: &str, level: &str, raise: &Json, clear: &Json) -> Json {
    json!({ "id": id, "title": id, "signal": signal, "levels": [
        { "level": level, "raise": raise, "clear": clear },
    ] })
}

/// A ward: low and high saturation and heart rate, two levels of low, a missing probe.
fn ward(care: &Json) -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "30 s",
        "signals": { "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } },
        "rules": [
            { "id": "low", "title": "Low oxygen", "signal": "spo2", "levels": [
                { "level": "review", "raise": { "below": 92 }, "clear": { "above": 93 } },
                { "level": "urgent", "raise": { "below": 88 }, "clear": { "above": 90 } },
            ] },
            limit("fast", "heart_rate", "urgent", &json!({ "above": 150 }), &json!({ "below": 140 })),
            limit("slow", "heart_rate", "urgent", &json!({ "below": 40 }), &json!({ "above": 45 })),
            { "id": "lost", "title": "No oxygen reading", "signal": "spo2", "missing_for": "60 s" },
        ],
        "care": care,
    }))
}

/// Nurse at once by push, again after two minutes; then the charge nurse by pager after five.
fn care(more: &Json) -> Json {
    let mut care = json!({
        "acknowledged_for": { "urgent": "15 min", "review": "4 h" },
        "group_within": "0 s",
        "routes": [
            { "id": "urgent", "levels": ["urgent"], "class": "physiological", "queue": "ward",
              "escalation": "urgent" },
            { "id": "technical", "class": "technical", "queue": "equipment", "escalation": "calm" },
            { "id": "rest", "queue": "ward", "escalation": "calm" },
        ],
        "escalations": {
            "urgent": { "answer_within": "5 min", "steps": [
                { "after": "0 s", "to": ["nurse"], "channels": ["push"],
                  "repeat": { "every": "2 min", "times": 1 } },
                { "after": "5 min", "to": ["charge_nurse"], "channels": ["pager"] },
            ] },
            "calm": { "answer_within": "1 h", "steps": [
                { "after": "0 s", "to": ["nurse"], "channels": ["inbox"] },
            ] },
        },
    });
    for (key, value) in more.as_object().unwrap() {
        care[key] = value.clone();
    }
    care
}

/// What a channel was asked, in the order in which it was.
#[derive(Clone, PartialEq, Debug)]
enum Told {
    Tell(IntentKey, String, NotifyReason, Vec<u32>),
    Back(IntentKey, WithholdReason),
    Exhausted(u32),
}

struct Ward {
    engine: Engine,
    told: Vec<Told>,
    intents: Vec<DeliveryIntent>,
    records: Vec<Record>,
}

impl Ward {
    fn new(policy: &Arc<Policy>) -> Self {
        Self::of(Engine::new(Arc::clone(policy), EngineConfig::default()))
    }

    fn of(engine: Engine) -> Self {
        Self { engine, told: Vec::new(), intents: Vec::new(), records: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Record(sealed) => self.records.push(sealed.record.body),
                Output::Deliver(intent) => {
                    let person = intent.target.person.as_deref().map(|p| format!("={p}"));
                    let to = &intent.target.function;
                    let address = format!("{to}{}/{}", person.unwrap_or_default(), intent.channel);
                    let alerts = intent.parts.iter().map(|part| part.alert.0).collect();
                    self.told.push(Told::Tell(intent.key, address, intent.reason, alerts));
                    self.intents.push(*intent);
                }
                Output::Cancel(cancel) => self.told.push(Told::Back(cancel.key, cancel.reason)),
                Output::EscalationExhausted { alert, .. } => {
                    self.told.push(Told::Exhausted(alert.0));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn take(&mut self, event: Event) {
        let now = HostTime::assume_immediate(event.observed_at);
        self.engine.handle_event(event, now).unwrap();
        self.drain();
    }

    fn tick(&mut self, ms: i64) {
        self.engine.handle_timeout(host(ms)).unwrap();
        self.drain();
    }

    fn act(&mut self, alert: u32, by: (&str, &str), action: Action, ms: i64) -> Result<(), Code> {
        // Whoever acts has looked at what there is by then.
        self.tick(ms);
        let seen_revision = self.alert(alert).revision;
        self.act_on(alert, seen_revision, by, action, ms)
    }

    fn act_on(
        &mut self,
        alert: u32,
        seen_revision: u32,
        (actor, role): (&str, &str),
        action: Action,
        ms: i64,
    ) -> Result<(), Code> {
        let (actor, role) = (actor.into(), role.into());
        let alert = AlertId(alert);
        let command = Command { patient: P0, alert, seen_revision, actor, role, action };
        let answer = self.engine.handle_command(&command, host(ms)).unwrap();
        self.drain();
        answer.map_err(|refusal| refusal.code)
    }

    fn alert(&self, id: u32) -> &Alert {
        self.engine.alerts(P0).iter().find(|a| a.id.0 == id).unwrap()
    }

    /// What was asked since the last look: addresses and reasons.
    fn news(&mut self) -> Vec<(String, NotifyReason)> {
        let told = std::mem::take(&mut self.told);
        let tell = |told| match told {
            Told::Tell(_, address, reason, _) => Some((address, reason)),
            _ => None,
        };
        told.into_iter().filter_map(tell).collect()
    }

    fn withheld(&self) -> Vec<WithholdReason> {
        let reason = |record: &Record| match record {
            Record::NotificationWithheld { reason, .. } => Some(*reason),
            _ => None,
        };
        self.records.iter().filter_map(reason).collect()
    }

    fn changes(&self, wanted: u32) -> Vec<AlertChange> {
        let change = |record: &Record| match record {
            Record::AlertChanged { alert, change, .. } if alert.0 == wanted => Some(*change),
            _ => None,
        };
        self.records.iter().filter_map(change).collect()
    }
}

fn ann() -> (&'static str, &'static str) {
    ("ann", "nurse")
}

fn at(second: i64) -> i64 {
    second * SECOND
}

fn told(address: &str, reason: NotifyReason) -> (String, NotifyReason) {
    (address.into(), reason)
}

fn resolve(reason: Resolution) -> Action {
    Action::Resolve { reason, note: None }
}

fn shelve(until: i64) -> Action {
    Action::Shelve { until: host(until), reason: "bathing".into() }
}

fn context(ms: i64, phase: &str) -> Event {
    let care_phase = Some(phase.to_string());
    event(ms, Body::Context(Context { care_phase, ..Context::default() }))
}

// --- Escalation --------------------------------------------------------------------------------

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

// --- Who ---------------------------------------------------------------------------------------

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
    let start = Action::StartRemediation { owner: Some("bob".into()), due: None };
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

// --- Suppression -------------------------------------------------------------------------------

fn permissive(more: &Json) -> Json {
    let all = ["acknowledge", "remediate", "resolve", "shelve", "shelve_urgent", "out_of_service"];
    let mut care = care(&json!({ "roles": { "nurse": { "may": all } } }));
    for (key, value) in more.as_object().unwrap() {
        care[key] = value.clone();
    }
    care
}

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

// --- Quiet hours, digests, groups --------------------------------------------------------------

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

// --- Coming and going --------------------------------------------------------------------------

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

// --- The queue ---------------------------------------------------------------------------------

#[test]
fn the_queue_is_in_the_order_of_priority_and_each_says_why() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    for patient in 0..40_u8 {
        let mut reading = spo2(at(i64::from(patient)), if patient % 4 == 0 { 85 } else { 91 });
        reading.patient = common::patient_id(patient);
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

// --- The policy --------------------------------------------------------------------------------

#[test]
fn every_mistake_of_the_part_about_people_is_told_with_its_path() {
    let care = json!({
        "utc_offset": "1 hour",
        "stale_after": "1 s",
        "acknowledged_for": { "grave": "1 h" },
        "quiet_hours": { "from": "25:00", "until": "07:00" },
        "suppressions": [{ "id": "s", "title": "S", "when": {}, "rules": ["nothing"] }],
        "inhibitions": [
            { "by": "lost", "rules": ["fast"] },
            { "by": "low", "rules": ["lost"] }, { "by": "lost", "rules": ["low"] },
        ],
        "routes": [
            { "id": "a", "queue": "q", "escalation": "nobody" },
            { "id": "a", "queue": "q", "digest_at": ["08:00"] },
        ],
        "escalations": { "e": { "answer_within": "1 min", "steps": [
            { "after": "0 s", "to": [], "channels": ["push"] },
        ] } },
    });
    let text = json!({
        "id": "ward", "version": 1, "title": "Ward",
        "signals": { "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } },
        "rules": [
            limit("low", "spo2", "urgent", &json!({ "below": 88 }), &json!({ "above": 90 })),
            limit("fast", "heart_rate", "urgent", &json!({ "above": 150 }), &json!({ "below": 140 })),
            { "id": "lost", "title": "Lost", "signal": "spo2", "missing_for": "60 s" },
        ],
        "care": care,
    });
    let errors = Policy::from_json(text.to_string().as_bytes()).unwrap_err();
    let found: Vec<(Code, &str)> =
        errors.errors().iter().map(|e| (e.code(), e.path().unwrap())).collect();
    for wanted in [
        (Code::BadOffset, "care.utc_offset"),
        (Code::OutOfRange, "care.stale_after"),
        (Code::UnknownLevel, "care.acknowledged_for.grave"),
        (Code::BadTimeOfDay, "care.quiet_hours.from"),
        (Code::UnknownCircumstance, "care.suppressions[0].when"),
        (Code::UnknownRule, "care.suppressions[0].rules[0]"),
        (Code::UnrelatedInhibition, "care.inhibitions[0].rules[0]"),
        (Code::Cycle, "care.inhibitions"),
        (Code::UnknownEscalation, "care.routes[0].escalation"),
        (Code::DuplicateId, "care.routes[1].id"),
        (Code::UrgentDeferred, "care.routes[1].digest_at"),
        (Code::NoSteps, "care.escalations.e.steps[0]"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} is not among {found:#?}");
    }
}

#[test]
fn harm_and_onset_make_the_class_of_iec_60601_1_8() {
    let level = |harm: &str, onset: &str, level: Option<&str>| {
        let mut def = json!({ "raise": { "below": 88 }, "harm": harm, "onset": onset });
        def["level"] = level.map_or(Json::Null, Json::from);
        let text = json!({
            "id": "w", "version": 1, "title": "W", "signals": { "spo2": { "cadence": "1 s" } },
            "rules": [{ "id": "low", "title": "Low", "signal": "spo2", "levels": [def] }],
        });
        let policy =
            Policy::from_json(text.to_string().as_bytes()).map_err(|e| e.errors()[0].code())?;
        let mut ward = Ward::new(&policy);
        ward.take(spo2(0, 80));
        Ok::<Level, Code>(ward.alert(1).level)
    };
    assert_eq!(level("death_or_irreversible", "prompt", None), Ok(Level::Urgent));
    assert_eq!(level("death_or_irreversible", "delayed", None), Ok(Level::Review));
    assert_eq!(level("minor", "delayed", None), Ok(Level::Informational));
    assert_eq!(level("minor", "prompt", Some("urgent")), Err(Code::LevelMismatch));
}

#[test]
fn nothing_is_told_of_without_a_route_and_the_record_says_so() {
    let only_urgent = json!({ "routes": [
        { "id": "urgent", "levels": ["urgent"], "queue": "ward", "escalation": "urgent" },
    ] });
    let mut ward = Ward::new(&ward(&care(&only_urgent)));
    ward.take(spo2(0, 91));
    assert_eq!(ward.withheld(), [WithholdReason::NoRoute]);
    assert_eq!(ward.engine.queue(None, host(0), 5).len(), 1, "it waits all the same");
}

#[test]
fn the_story_of_an_alert_names_everybody_who_was_told() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    let mut lines = Vec::new();
    ward.engine.handle_event(spo2(0, 85), host(0)).unwrap();
    ward.engine.handle_timeout(host(10 * MINUTE)).unwrap();
    while let Some(output) = ward.engine.poll_output() {
        if let Output::Record(sealed) = output {
            lines.push(sealed.record);
        }
    }
    let story = rpm_core::record::explain(&lines, AlertId(1)).unwrap().to_string();
    for part in ["push to nurse because opened", "pager to charge_nurse", "nobody has answered"] {
        assert!(story.contains(part), "{part} is not in {story}");
    }
}

#[test]
fn a_command_concerns_the_patient_whom_it_names() {
    let mut ward = Ward::new(&ward(&care(&json!({}))));
    let of = |number: u8, ms: i64| {
        let mut reading = spo2(ms, 85);
        reading.patient = common::patient_id(number);
        reading
    };
    ward.take(of(0, 0));
    ward.take(of(1, at(1)));
    let other = ward.engine.alerts(PatientKey(1)).to_vec();
    ward.act(1, ann(), Action::Acknowledge, at(2)).unwrap();
    assert_eq!(ward.engine.alerts(PatientKey(1)), &other[..]);
}
