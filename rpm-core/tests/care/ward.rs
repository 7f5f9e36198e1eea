//! A ward with routes and escalations, and what its channels are asked.

use std::sync::Arc;

use crate::common::{event, host, policy};
use rpm_core::event::{Body, Context, Event};
use rpm_core::policy::Policy;
use rpm_core::record::{
    self, AlertChange, Body as Record, IntentKey, NotifyReason, Resolution, WithholdReason,
};
use rpm_core::{
    Action, Alert, AlertId, Code, Command, DeliveryIntent, Engine, EngineConfig, HostTime, Output,
    PatientKey,
};
use serde_json::{Value as Json, json};

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const P0: PatientKey = PatientKey(0);

pub fn limit(id: &str, signal: &str, level: &str, raise: &Json, clear: &Json) -> Json {
    json!({ "id": id, "title": id, "signal": signal, "levels": [
        { "level": level, "raise": raise, "clear": clear },
    ] })
}

/// A ward: low and high saturation and heart rate, two levels of low, a missing probe.
pub fn ward(care: &Json) -> Arc<Policy> {
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
pub fn care(more: &Json) -> Json {
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
pub enum Told {
    Tell(IntentKey, String, NotifyReason, Vec<u32>),
    Back(IntentKey, WithholdReason),
    Exhausted(u32),
}

pub struct Ward {
    pub engine: Engine,
    pub told: Vec<Told>,
    pub intents: Vec<DeliveryIntent>,
    pub records: Vec<Record>,
    /// The same, as they stand in the stream.
    pub sealed: Vec<record::Record>,
}

impl Ward {
    pub fn new(policy: &Arc<Policy>) -> Self {
        Self::of(Engine::new(Arc::clone(policy), EngineConfig::default()))
    }

    pub fn of(engine: Engine) -> Self {
        Self {
            engine,
            told: Vec::new(),
            intents: Vec::new(),
            records: Vec::new(),
            sealed: Vec::new(),
        }
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Record(sealed) => {
                    self.records.push(sealed.record.body.clone());
                    self.sealed.push(sealed.record);
                }
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

    pub fn take(&mut self, event: Event) {
        let now = HostTime::assume_immediate(event.observed_at);
        self.engine.handle_event(event, now).unwrap();
        self.drain();
    }

    pub fn tick(&mut self, ms: i64) {
        self.engine.handle_timeout(host(ms)).unwrap();
        self.drain();
    }

    pub fn act(
        &mut self,
        alert: u32,
        by: (&str, &str),
        action: Action,
        ms: i64,
    ) -> Result<(), Code> {
        // Whoever acts has looked at what there is by then.
        self.tick(ms);
        let seen_revision = self.alert(alert).revision;
        self.act_on(alert, seen_revision, by, action, ms)
    }

    pub fn act_on(
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

    pub fn alert(&self, id: u32) -> &Alert {
        self.engine.alerts(P0).iter().find(|a| a.id.0 == id).unwrap()
    }

    /// What was asked since the last look: addresses and reasons.
    pub fn news(&mut self) -> Vec<(String, NotifyReason)> {
        let told = std::mem::take(&mut self.told);
        let tell = |told| match told {
            Told::Tell(_, address, reason, _) => Some((address, reason)),
            _ => None,
        };
        told.into_iter().filter_map(tell).collect()
    }

    pub fn withheld(&self) -> Vec<WithholdReason> {
        let reason = |record: &Record| match record {
            Record::NotificationWithheld { reason, .. } => Some(*reason),
            _ => None,
        };
        self.records.iter().filter_map(reason).collect()
    }

    pub fn changes(&self, wanted: u32) -> Vec<AlertChange> {
        let change = |record: &Record| match record {
            Record::AlertChanged { alert, change, .. } if alert.0 == wanted => Some(*change),
            _ => None,
        };
        self.records.iter().filter_map(change).collect()
    }
}

pub fn ann() -> (&'static str, &'static str) {
    ("ann", "nurse")
}

pub fn at(second: i64) -> i64 {
    second * SECOND
}

pub fn told(address: &str, reason: NotifyReason) -> (String, NotifyReason) {
    (address.into(), reason)
}

pub fn resolve(reason: Resolution) -> Action {
    Action::Resolve { reason, note: None }
}

pub fn shelve(until: i64) -> Action {
    Action::Shelve { until: host(until), reason: "bathing".into() }
}

pub fn context(ms: i64, phase: &str) -> Event {
    let care_phase = Some(phase.to_string());
    event(ms, Body::Context(Context { care_phase, ..Context::default() }))
}

pub fn permissive(more: &Json) -> Json {
    let all = ["acknowledge", "remediate", "resolve", "shelve", "shelve_urgent", "out_of_service"];
    let mut care = care(&json!({ "roles": { "nurse": { "may": all } } }));
    for (key, value) in more.as_object().unwrap() {
        care[key] = value.clone();
    }
    care
}
