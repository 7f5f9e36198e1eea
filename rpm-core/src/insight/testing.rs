//! Records for tests, in a few words: figures are counted by hand, so their records are written so.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::owner::Owner;
use crate::id::{AlertId, PatientId};
use crate::record::{
    AlertChange, Body, Checksum, ConditionState, DeliveryState, Hash, IntentKey, Level,
    NotifyReason, PolicyRef, Priority, Record, Status, Target,
};
use crate::time::{Duration, HostTime, Timestamp};

/// Seconds after 1970: every bin and day begins with the first.
pub fn at(seconds: i64) -> HostTime {
    HostTime::from_millis(seconds * 1000)
}

pub fn owner(patient: u32) -> Owner {
    Owner { tenant: None, patient: PatientId::new(&format!("p{patient}")).unwrap() }
}

/// An alert of a patient, of a rule of the same number.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub patient: u32,
    pub alert: u32,
    pub level: Level,
    pub queue: Option<&'static str>,
}

/// An urgent alert in the ward's queue.
pub fn urgent(patient: u32, alert: u32) -> Subject {
    Subject { patient, alert, level: Level::Urgent, queue: Some("ward") }
}

impl Subject {
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    pub fn queue(self, queue: Option<&'static str>) -> Self {
        Self { queue, ..self }
    }

    pub fn record(self, second: i64, body: Body) -> Record {
        Record {
            tenant: None,
            patient: Some(owner(self.patient).patient),
            seq: 0,
            at: at(second),
            inputs: 0,
            checksum: Checksum::default(),
            body,
            prev: Hash::default(),
        }
    }

    fn rule(self) -> String {
        format!("rule{}", self.alert % 10)
    }

    /// Opens, three seconds after it was observed, ten after its onset.
    pub fn opens(self, second: i64) -> Record {
        self.opens_as(second, false)
    }

    pub fn opens_as(self, second: i64, shadow: bool) -> Record {
        let observed = |before: i64| Timestamp::from_millis((second - before) * 1000);
        let body = Body::AlertOpened {
            alert: AlertId(self.alert),
            rule: self.rule(),
            title: "Title".into(),
            level: self.level,
            shadow,
            onset: observed(10),
            since: observed(10),
            observed_at: observed(3),
            evidence: Vec::new(),
            hold: Duration::ZERO,
            policy: PolicyRef { id: "policy".into(), version: 1, hash: Hash::default() },
            priority: Priority { total: 1000 * self.level as i32, terms: Vec::new() },
            route: self.queue.map(Into::into),
            queue: self.queue.map(Into::into),
            interventions: Vec::new(),
        };
        self.record(second, body)
    }

    /// Changes with nobody having it and the condition active.
    pub fn changes(self, second: i64, change: AlertChange) -> Record {
        self.becomes(second, change, Status::Repeated(1), ConditionState::Active(self.level))
    }

    pub fn becomes(
        self,
        second: i64,
        change: AlertChange,
        status: Status,
        condition: ConditionState,
    ) -> Record {
        let body = Body::AlertChanged {
            alert: AlertId(self.alert),
            rule: self.rule(),
            revision: 2,
            change,
            status,
            condition,
            observed_at: None,
            peak: None,
            by: None,
            until: None,
            suppression: None,
            priority: None,
            queue: None,
            intervention: None,
            reason: None,
            note: None,
            evidence: Vec::new(),
        };
        self.record(second, body)
    }

    /// Somebody takes it.
    pub fn acknowledged(self, second: i64) -> Record {
        let condition = ConditionState::Active(self.level);
        self.becomes(second, AlertChange::Acknowledged, Status::Acknowledged, condition).by("ann")
    }

    /// Somebody resolves it; the condition is over.
    pub fn resolved(self, second: i64, why: &str) -> Record {
        let normal = ConditionState::Normal;
        self.becomes(second, AlertChange::Resolved, Status::Resolved, normal).by("ann").because(why)
    }

    /// The condition is over, and the alert with it.
    pub fn ends(self, second: i64) -> [Record; 2] {
        let normal = ConditionState::Normal;
        [
            self.becomes(second, AlertChange::Cleared, Status::New, normal),
            self.becomes(second, AlertChange::Closed, Status::Resolved, normal),
        ]
    }

    pub fn exhausted(self, second: i64) -> Record {
        let (alert, rule, escalation) = (AlertId(self.alert), self.rule(), "e".into());
        self.record(second, Body::EscalationExhausted { alert, rule, escalation })
    }

    pub fn planned(self, second: i64, key: u128) -> Record {
        let body = Body::DeliveryPlanned {
            key: IntentKey(key),
            alerts: Vec::from([AlertId(self.alert)]),
            target: Target { function: "nurse".into(), person: None },
            channel: "push".into(),
            reason: NotifyReason::Opened,
            escalation: "e".into(),
            step: 1,
            replaces: None,
        };
        self.record(second, body)
    }

    pub fn delivery(self, second: i64, key: u128, state: DeliveryState) -> Record {
        let key = IntentKey(key);
        self.record(second, Body::DeliveryChanged { key, state, reason: None })
    }
}

/// The same change, with more of its fields.
pub trait With {
    fn by(self, person: &str) -> Self;
    fn because(self, why: &str) -> Self;
    fn suppressed(self) -> Self;
}

impl With for Record {
    fn by(mut self, person: &str) -> Self {
        if let Body::AlertChanged { by, .. } = &mut self.body {
            *by = Some(person.into());
        }
        self
    }

    fn because(mut self, why: &str) -> Self {
        if let Body::AlertChanged { reason, .. } = &mut self.body {
            *reason = Some(why.into());
        }
        self
    }

    fn suppressed(mut self) -> Self {
        if let Body::AlertChanged { suppression, .. } = &mut self.body {
            *suppression = Some("shelved".into());
        }
        self
    }
}
