//! Circumstances put a rule in another mode: what only records, when it does so no longer, and what goes on.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::Profile;
use rpm_core::insight::{Card, Owner, Queues};
use rpm_core::record::ConditionState::{Active, Normal};
use rpm_core::record::{Level, Resolution, Status};

use super::ward::*;
use super::*;
use crate::common::{event, host, patient_id, spo2};
use rpm_core::event::{Body, Event};
use rpm_core::policy::Policy;
use rpm_core::record::{self, AlertChange, Body as Record, NotifyReason, WithholdReason};
use rpm_core::{Code, Engine, EngineConfig, HostTime};
use serde_json::{Value as Json, json};

fn ward_with(modifiers: &Json) -> Json {
    json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "30 s",
        "signals": { "spo2": { "cadence": "1 s" } },
        "rules": [
            { "id": "low", "title": "Low oxygen", "signal": "spo2", "levels": [
                { "level": "review", "raise": { "below": 92 }, "clear": { "above": 93 } },
                { "level": "urgent", "raise": { "below": 88 }, "clear": { "above": 90 } },
            ] },
            { "id": "off", "title": "Off", "mode": "disabled", "signal": "spo2",
              "levels": [{ "level": "review", "raise": { "below": 92 } }] },
            { "id": "tried", "title": "Tried", "mode": "shadow", "signal": "spo2",
              "levels": [{ "level": "review", "raise": { "below": 95 }, "latch": false }] },
        ],
        "modifiers": modifiers,
        "care": care(&json!({})),
    })
}

fn modifier(id: &str, when: &Json, mode: &str, more: &Json) -> Json {
    let mut modifier = json!({ "id": id, "title": id, "when": when, "rules": ["low"],
                               "mode": mode, "widens_urgent": true });
    for (key, value) in more.as_object().unwrap() {
        modifier[key] = value.clone();
    }
    modifier
}

fn palliative() -> Json {
    json!([modifier("palliative", &json!({ "care_phase": ["palliative"] }), "shadow", &json!({}))])
}

fn of(modifiers: &Json) -> Ward {
    Ward::new(&common::policy(&ward_with(modifiers)))
}

fn mistakes(modifiers: &Json) -> Vec<(Code, String)> {
    let text = ward_with(modifiers).to_string();
    let errors = Policy::from_json(text.as_bytes()).unwrap_err();
    let of = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
    errors.errors().iter().map(of).collect()
}

#[test]
fn in_palliative_care_a_rule_only_records() {
    let mut ward = of(&palliative());
    ward.take(context(at(0), "palliative"));
    ward.take(spo2(at(1), 85));
    // The rule, and the one on trial.
    assert_eq!((ward.news(), ward.withheld()), (vec![], vec![WithholdReason::Shadow; 2]));
    assert!(ward.alert(1).shadow && ward.alert(1).is_active());
    assert!(ward.engine.queue(None, host(at(1)), 9).is_empty());
    let explanation = record::explain(&ward.sealed, rpm_core::AlertId(1)).unwrap();
    let text = explanation.to_string();
    assert!(
        text.contains("(active became shadow: palliative, since 2020-09-13T12:27:00Z)"),
        "{text}"
    );
}

/// The procedure is over and the condition is not: that is an alert as any other.
#[test]
fn what_is_still_there_when_the_mode_is_over_is_told() {
    let mut ward = of(&palliative());
    ward.take(context(at(0), "palliative"));
    ward.take(spo2(at(1), 85));
    ward.take(context(at(2), "ward"));
    assert_eq!(ward.changes(1), [AlertChange::Surfaced]);
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Unsuppressed)]);
    assert_eq!(ward.engine.queue(Some("ward"), host(at(2)), 9).len(), 1);
    ward.tick(at(400));
    assert_eq!(ward.news().len(), 2, "and its escalation goes on");
    assert!(!ward.alert(1).shadow);
}

#[test]
fn what_was_over_by_then_is_not() {
    let mut ward = of(&palliative());
    ward.take(context(at(0), "palliative"));
    ward.take(spo2(at(1), 85));
    ward.take(spo2(at(2), 97));
    ward.take(context(at(3), "ward"));
    assert!(ward.news().is_empty() && ward.alert(1).shadow, "latched, and nobody's business");
    // Until it is back.
    ward.take(spo2(at(4), 85));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Reentered)]);
    assert_eq!(
        ward.changes(1),
        [AlertChange::Cleared, AlertChange::Reentered, AlertChange::Surfaced]
    );
}

/// What people may have heard of does not vanish: it goes on until it is closed, and so do its messages.
#[test]
fn an_alert_that_is_no_mere_record_goes_on_until_it_is_closed() {
    let mut ward = of(&palliative());
    ward.take(spo2(at(0), 90));
    assert_eq!(ward.news(), [told("nurse/inbox", NotifyReason::Opened)]);
    ward.take(context(at(1), "palliative"));
    assert!(!ward.alert(1).shadow);
    ward.take(spo2(at(2), 85));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)], "no rise waits");
    ward.tick(at(310));
    assert_eq!(ward.news().len(), 2);
    ward.act(1, ann(), resolve(Resolution::TrueActedOn), at(311)).unwrap();
    ward.take(spo2(at(312), 97));
    ward.take(spo2(at(313), 85));
    let urgent = ward.engine.alerts(P0).iter().filter(|a| a.is_open() && a.level == Level::Urgent);
    assert!(urgent.map(|a| a.shadow).eq([true]), "the next one is a record");
}

#[test]
fn a_mode_can_be_of_one_level_and_a_rise_to_another_one_is_told_at_once() {
    let mut ward = of(&json!([modifier(
        "resting",
        &json!({ "care_phase": ["recovery"] }),
        "shadow",
        &json!({ "levels": ["review"], "widens_urgent": false }),
    )]));
    ward.take(context(at(0), "recovery"));
    ward.take(spo2(at(1), 90));
    assert!(ward.news().is_empty() && ward.alert(1).shadow);
    ward.take(spo2(at(2), 85));
    assert_eq!(ward.news(), [told("nurse/push", NotifyReason::Raised)]);
    // And it is no record again when it falls.
    ward.take(spo2(at(3), 91));
    assert!(!ward.alert(1).shadow);
}

/// Nothing has to arrive for it: the phase has gone on for so long, the hour has come.
#[test]
fn time_alone_ends_a_mode() {
    let within = json!({ "care_phase": ["procedure"], "phase_within": "10 s" });
    // The beginning is 12:27 UTC.
    let hours = json!({ "hours": { "from": "12:00", "until": "12:28" } });
    for (when, ends) in [(within, 10_001), (hours, at(60))] {
        let mut ward = of(&json!([modifier("m", &when, "shadow", &json!({}))]));
        ward.take(context(at(0), "procedure"));
        ward.take(spo2(at(1), 85));
        ward.tick(ends - 1);
        assert!(ward.news().is_empty(), "{when}");
        assert_eq!(ward.engine.next_wakeup().map(|at| at <= host(ends)), Some(true));
        ward.tick(ends);
        assert_eq!(ward.news().len(), 1, "{when}");
    }
}

#[test]
fn a_profile_puts_a_trial_rule_to_work() {
    let mut ward = of(&json!([modifier(
        "high-risk",
        &json!({ "cohort": ["high-risk"] }),
        "active",
        &json!({ "rules": ["tried"], "widens_urgent": false })
    )]));
    ward.take(spo2(at(0), 94));
    assert!(ward.news().is_empty() && ward.alert(1).shadow);
    let cohort = Some("high-risk".to_string());
    ward.take(event(at(1), Body::Profile(Box::new(Profile { cohort, ..Profile::default() }))));
    assert_eq!(ward.news(), [told("nurse/inbox", NotifyReason::Unsuppressed)]);
}

#[test]
fn what_is_disabled_is_not_judged() {
    let mut ward =
        of(&json!([modifier("bath", &json!({ "activity": ["bath"] }), "disabled", &json!({}))]));
    let doing = |ms, activity: &str| {
        let activity = Some(activity.to_string());
        event(ms, Body::Context(rpm_core::event::Context { activity, ..Default::default() }))
    };
    ward.take(doing(at(0), "bath"));
    ward.take(spo2(at(1), 80));
    assert_eq!(ward.engine.condition(P0, "low"), Some(Normal));
    ward.take(doing(at(2), "rest"));
    ward.take(spo2(at(3), 80));
    assert_eq!(ward.engine.condition(P0, "low"), Some(Active(Level::Urgent)));
    ward.take(doing(at(4), "bath"));
    ward.take(spo2(at(5), 99));
    assert_eq!(ward.engine.condition(P0, "low"), Some(Active(Level::Urgent)), "nor is it over");
}

#[test]
fn the_last_mode_in_force_counts() {
    let both = |first: &str, last: &str| {
        let when = json!({ "care_phase": ["palliative"] });
        let each = |id, mode| modifier(id, &when, mode, &json!({}));
        let mut ward = of(&json!([each("a", first), each("b", last)]));
        ward.take(context(at(0), "palliative"));
        ward.take(spo2(at(1), 85));
        let low = |a: &&rpm_core::Alert| a.level == Level::Urgent;
        ward.engine.alerts(P0).iter().find(low).map(|alert| alert.shadow)
    };
    assert_eq!(both("shadow", "active"), Some(false));
    assert_eq!(both("active", "shadow"), Some(true));
    assert_eq!(both("disabled", "active"), Some(false));
    assert_eq!(both("active", "disabled"), None);
}

#[test]
fn what_silences_an_urgent_level_must_be_meant() {
    let when = json!({ "care_phase": ["palliative"] });
    for mode in ["shadow", "disabled"] {
        let plain = json!({ "widens_urgent": false });
        let errors = mistakes(&json!([modifier("m", &when, mode, &plain)]));
        assert_eq!(errors, [(Code::WidensUrgent, "modifiers[0].rules[0]".into())], "{mode}");
    }
    let errors = mistakes(&json!([modifier("m", &when, "quiet", &json!({}))]));
    assert_eq!(errors, [(Code::UnknownMode, "modifiers[0].mode".into())]);
    let errors = mistakes(&json!([modifier("m", &when, "active", &json!({ "rules": ["off"] }))]));
    assert_eq!(errors, [(Code::NothingModified, "modifiers[0].rules[0]".into())]);
    let words = common::policy(&ward_with(&palliative())).describe();
    let told = "palliative - palliative: of low, it is only recorded and alerts nobody.";
    assert!(words.contains(told), "{words}");
}

// --- Whatever happens --------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Step {
    Reading(i32),
    Phase(&'static str),
    Wait(i64),
    Resolve,
    /// A phase that is learned late.
    Late(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let phase = || prop::sample::select(vec!["ward", "palliative", "procedure"]);
    prop_oneof![
        6 => (80..100_i32).prop_map(Step::Reading),
        2 => phase().prop_map(Step::Phase),
        1 => (1..90_i64).prop_map(Step::Wait),
        1 => Just(Step::Resolve),
        1 => phase().prop_map(Step::Late),
    ]
}

/// All of it in shadow, the milder level for a while, and none.
fn modes(mode: &str) -> Arc<Policy> {
    common::policy(&ward_with(&json!([
        modifier("palliative", &json!({ "care_phase": ["palliative"] }), mode, &json!({})),
        modifier(
            "procedure",
            &json!({ "care_phase": ["procedure"], "phase_within": "40 s" }),
            mode,
            &json!({ "levels": ["review"] })
        ),
    ])))
}

/// Whether an alert should be a mere record, by what is known now.
fn records(phases: &[(i64, &'static str)], level: Level, now: i64) -> bool {
    let mut known: Vec<_> = phases.iter().filter(|(at, _)| *at <= now).collect();
    known.sort_by_key(|(at, _)| *at);
    let Some((_, name)) = known.last() else { return false };
    let same = known.iter().rev().take_while(|(_, other)| other == name);
    let since = same.last().map_or(now, |(at, _)| *at);
    match *name {
        "palliative" => true,
        "procedure" => level == Level::Review && now - since <= 40_000,
        _ => false,
    }
}

fn run(
    policy: &Arc<Policy>,
    steps: &[Step],
    snapshot_at: Option<usize>,
) -> (Ward, Vec<(i64, &'static str)>) {
    let mut ward = Ward::new(policy);
    let (mut now, mut phases) = (0, Vec::new());
    for (index, step) in steps.iter().enumerate() {
        now += SECOND;
        match step {
            Step::Reading(percent) => ward.take(spo2(now, *percent)),
            Step::Phase(name) => {
                phases.push((now, *name));
                ward.take(context(now, name));
            }
            Step::Wait(seconds) => {
                now += at(*seconds);
                ward.tick(now);
            }
            Step::Resolve => {
                let open = ward.engine.alerts(P0).iter().find(|alert| alert.is_open());
                if let Some(id) = open.map(|alert| alert.id.0) {
                    let reason = Resolution::FalseLimit;
                    ward.act(id, ann(), resolve(reason), now).unwrap();
                }
            }
            Step::Late(name) => {
                // A second that nothing else has.
                phases.push((now - 7_500, *name));
                let mut late: Event = context(now - 7_500, name);
                late.sequence = None;
                ward.engine.handle_event(late, host(now)).unwrap();
                ward.drain();
            }
        }
        if snapshot_at == Some(index) {
            let bytes = ward.engine.snapshot().unwrap();
            let now = HostTime::from_millis(host(now).as_millis());
            let config = EngineConfig::default();
            ward.engine = Engine::restore(&bytes, &[Arc::clone(policy)], config, now).unwrap().0;
            assert_eq!(ward.engine.snapshot().unwrap(), bytes);
        }
    }
    ward.tick(now);
    (ward, phases)
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/modes.txt", 6))]

    #[test]
    fn modes_hold_back_and_take_nothing_away(
        steps in proptest::collection::vec(step(), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let policy = modes("shadow");
        let (mut ward, phases) = run(&policy, &steps, None);
        let now = steps.iter().map(|s| match s { Step::Wait(n) => at(n + 1), _ => SECOND }).sum();
        // A mode changes what people hear and not what is so.
        let (plain, _) = run(&modes("active"), &steps, None);
        for rule in ["low", "tried"] {
            let story = |ward: &Ward| -> Vec<_> {
                let of_rule = |body: &Record| match body {
                    Record::ConditionChanged { rule: r, observed_at, state, .. } if r == rule => {
                        Some(vec![(*observed_at, *state)])
                    }
                    Record::ConditionRevised { rule: r, history, .. } if r == rule => {
                        Some(history.iter().map(|c| (c.observed_at, c.state)).collect())
                    }
                    _ => None,
                };
                ward.records.iter().filter_map(of_rule).collect()
            };
            prop_assert_eq!(story(&ward), story(&plain), "{}", rule);
        }
        // What is there and not meant to be quiet is heard.
        for alert in ward.engine.alerts(P0).iter().filter(|a| a.is_open() && a.is_active()) {
            let own = policy.rules()[alert.rule].id() == "tried";
            let quiet = own || records(&phases, alert.level_now(), now);
            prop_assert!(quiet || !alert.shadow, "{:?} {:?}", phases, now);
        }
        // What has once been more than a record never is one again.
        for id in 1..=ward.engine.alerts(P0).iter().map(|a| a.id.0).max().unwrap_or(0) {
            let mut shadow = None;
            for body in &ward.records {
                match body {
                    Record::AlertOpened { alert, shadow: s, .. } if alert.0 == id => shadow = Some(*s),
                    Record::AlertChanged { alert, change: AlertChange::Surfaced, .. }
                        if alert.0 == id =>
                    {
                        prop_assert_eq!(shadow, Some(true));
                        shadow = Some(false);
                    }
                    Record::NotificationWithheld { alert, reason, .. } if alert.0 == id => {
                        prop_assert!(*reason != WithholdReason::Shadow || shadow == Some(true));
                    }
                    Record::DeliveryPlanned { alerts, .. } if alerts.iter().any(|a| a.0 == id) => {
                        prop_assert_eq!(shadow, Some(false));
                    }
                    _ => {}
                }
            }
            if let Some(alert) = ward.engine.alerts(P0).iter().find(|a| a.id.0 == id) {
                prop_assert_eq!(Some(alert.shadow), shadow);
            }
        }
        // The folds see the same.
        let (mut queues, mut card) = (Queues::default(), Card::new(Owner { tenant: None, patient: patient_id(0) }));
        for record in &ward.sealed {
            queues.fold(record);
            card.fold(record);
        }
        let waiting: Vec<u32> = {
            let queues = ["ward", "equipment"].map(|name| ward.engine.queue(Some(name), host(now), 99));
            let mut ids: Vec<u32> = queues.iter().flatten().map(|w| w.alert.0).collect();
            ids.sort_unstable();
            ids
        };
        let mut folded: Vec<u32> =
            ["ward", "equipment"].iter().flat_map(|name| queues.of(name)).map(|e| e.alert.0).collect();
        folded.sort_unstable();
        prop_assert_eq!(&waiting, &folded);
        let mut shown: Vec<u32> =
            card.open().iter().filter(|a| !a.shadow).map(|a| a.alert.0).collect();
        shown.sort_unstable();
        prop_assert_eq!(&waiting, &shown);
        prop_assert!(card.open().iter().all(|a| a.status != Status::Resolved));
        // A snapshot anywhere changes nothing.
        let (cut, _) = run(&policy, &steps, Some(cut.index(steps.len())));
        prop_assert_eq!(&ward.sealed, &cut.sealed);
        ward.news();
    }
}
