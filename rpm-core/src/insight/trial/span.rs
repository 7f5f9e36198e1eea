//! One patient in a trial: alarms of the two rules, what people judged, what happened.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Latest, Question};
use crate::id::AlertId;
use crate::insight::episode::resolution;
use crate::record::{AlertChange, Body, ConditionState, Level, Record, Resolution};
use crate::small_map::SmallMap;
use crate::time::HostTime;

/// Which of the two rules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Of {
    Candidate,
    Active,
}

/// An alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub of: Of,
    pub alert: AlertId,
    pub from: HostTime,
    /// None while it goes on.
    pub until: Option<HostTime>,
    /// The most severe it was.
    pub level: Level,
}

/// An alert that people judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Judged {
    pub alert: AlertId,
    /// Whether it is of the rule in force that is in question.
    pub of_active: bool,
    pub opened: HostTime,
    pub reason: Resolution,
}

/// A patient.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Course {
    /// From when to when there was evidence, by the records.
    seen: Option<(HostTime, HostTime)>,
    /// The same, if the host said so.
    pub stay: Option<(HostTime, HostTime)>,
    /// How many inputs there had been.
    inputs: u64,
    pub spans: Vec<Span>,
    /// When alerts of each rule were kept from annunciating as they began.
    pub hushed: Vec<(Of, HostTime)>,
    pub judged: Vec<Judged>,
    pub labelled: bool,
    pub events: Vec<HostTime>,
    pub scores: Latest,
    alerts: SmallMap<AlertId, Alert>,
}

/// An alert that is not over, or may come back.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Alert {
    of: Option<Of>,
    rule: String,
    opened: HostTime,
    level: Level,
    sounds: bool,
}

impl Course {
    /// From when to when the patient was there, if at all.
    pub fn watched(&self) -> Option<(HostTime, HostTime)> {
        self.stay.or(self.seen)
    }

    /// The patient was there, if anything has come in since the record before.
    pub fn see(&mut self, record: &Record) {
        let (_, last) = self.seen.get_or_insert((record.at, record.at));
        if record.inputs > self.inputs {
            (*last, self.inputs) = (record.at, record.inputs);
        }
    }

    pub fn follow(&mut self, record: &Record, question: &Question) {
        match &record.body {
            Body::AlertOpened { alert, rule, level, shadow, .. } => {
                let of = match shadow {
                    true if *rule == question.candidate => Some(Of::Candidate),
                    false if *rule == question.active => Some(Of::Active),
                    true => return,
                    false => None,
                };
                // What is closed does not open again once its rule has another.
                self.alerts.retain(|_, old| old.sounds || old.rule != *rule);
                let (rule, level) = (rule.clone(), *level);
                let opened = Alert { of, rule, opened: record.at, level, sounds: false };
                self.alerts.insert(*alert, opened);
                self.sound(*alert, record.at, true, false);
            }
            Body::AlertChanged { alert, change, condition, suppression, reason, .. } => {
                let Some(known) = self.alerts.get_mut(alert) else {
                    return;
                };
                let level = active_level(*condition);
                known.level = level.unwrap_or(known.level);
                let of_active = known.of == Some(Of::Active);
                let opened = known.opened;
                if *change == AlertChange::Resolved {
                    let reason = reason.as_deref().and_then(resolution);
                    let reason = reason.unwrap_or(Resolution::Other);
                    self.judged.retain(|judged| judged.alert != *alert);
                    self.judged.push(Judged { alert: *alert, of_active, opened, reason });
                }
                let suppressed = suppression.is_some();
                self.sound(*alert, record.at, level.is_some() && !suppressed, suppressed);
                if *change == AlertChange::Retracted {
                    // Nobody had been told.
                    let last = self.spans.iter().rposition(|span| span.alert == *alert);
                    last.map(|last| self.spans.remove(last));
                }
            }
            _ => {}
        }
    }

    /// An alert annunciates from now on, or does not. What is suppressed as it begins was no alarm.
    fn sound(&mut self, id: AlertId, at: HostTime, sounds: bool, suppressed: bool) {
        let Some(alert) = self.alerts.get_mut(&id) else {
            return;
        };
        let before = core::mem::replace(&mut alert.sounds, sounds);
        let Some(of) = alert.of else {
            return;
        };
        let level = alert.level;
        if sounds && !before {
            self.spans.push(Span { of, alert: id, from: at, until: None, level });
            return;
        }
        let Some(last) = self.spans.iter().rposition(|span| span.alert == id) else {
            return;
        };
        let span = &mut self.spans[last];
        if sounds {
            span.level = span.level.max(level);
        } else if before && suppressed && span.from == at {
            self.spans.remove(last);
            self.hushed.push((of, at));
        } else if before {
            span.until = Some(at);
        }
    }
}

/// How severe a condition is while it is active; one that only waits for people is over.
fn active_level(condition: ConditionState) -> Option<Level> {
    use ConditionState as C;
    match condition {
        C::Active(level) | C::Clearing(level) | C::ActiveUnverified(level) => Some(level),
        C::Latched(_) | C::NeverSeen | C::Normal | C::Pending => None,
    }
}
