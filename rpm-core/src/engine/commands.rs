//! What people do about alerts.

use alloc::string::ToString;

use super::care::{Shelf, change_to, unsuppressed_news};
use super::episode::Note;
use super::patient::{Call, Patient};
use crate::alert::{
    Action, Alert, Command, Refusal, Response, ResponseTrigger, Suppression, intervention, news_of,
};
use crate::error::Code;
use crate::id::AlertId;
use crate::policy::{Care, Permission, Policy};
use crate::record::{AlertChange, Body, Closure, ConditionState, Level, NotifyReason, Resolution};
use crate::time::HostTime;

/// A term of the priority counts no further.
const MOST_HISTORY: u8 = 4;

/// What a command did, for the record and for those who are to be told.
struct Done {
    change: AlertChange,
    note: Note,
    news: Option<NotifyReason>,
}

impl Done {
    fn new(change: AlertChange, note: Note) -> Self {
        Self { change, note, news: news_of(change) }
    }
}

impl From<AlertChange> for Done {
    fn from(change: AlertChange) -> Self {
        Self::new(change, Note::default())
    }
}

impl Patient {
    /// Takes a person's command; a refusal is recorded and changes nothing.
    pub fn command(&mut self, call: &mut Call<'_>, command: &Command) -> Result<(), Refusal> {
        self.note_command(command);
        match self.obey(call, command) {
            Ok(done) => {
                let queue = done.news.and_then(|news| self.reroute(call, command.alert, news));
                let note = Note { by: Some(command.actor.clone()), queue, ..done.note };
                self.judge_by(call, command.alert, done.change, None);
                self.try_out(command.alert, &command.action, call.now);
                self.tell(call, command.alert, done.change, note);
                if let Action::Resolve { reason, .. } = &command.action {
                    if reason.is_true() == Some(true) {
                        self.forget_episode(call, command.alert, &command.actor);
                    }
                }
                if done.change != AlertChange::Noted {
                    self.attend(call, command.alert, done.news);
                }
                if let Action::Assign { to } = &command.action {
                    self.tell_person(call, command.alert, to, NotifyReason::Assigned);
                }
                self.release_closed(call, command.alert);
                Ok(())
            }
            Err(code) => Err(self.refuse(call, command, code)),
        }
    }

    fn refuse(&mut self, call: &mut Call<'_>, command: &Command, code: Code) -> Refusal {
        let alert = self.alert(command.alert);
        let revision = alert.map(|alert| alert.revision);
        let status = alert.map(Alert::status);
        let body = Body::CommandRefused {
            alert: command.alert,
            action: command.action.name().to_string(),
            reason: code.name().to_string(),
            revision,
            status,
            by: command.actor.clone(),
        };
        self.record(call, body);
        Refusal { code, revision, status }
    }

    fn note_command(&mut self, command: &Command) {
        self.chain.inputs += 1;
        let checksum = &mut self.chain.checksum;
        checksum.feed(u64::from(command.alert.0) << 32 | u64::from(command.seen_revision));
        checksum.feed_text(command.actor.as_bytes());
        checksum.feed_text(command.role.as_bytes());
        // Serialising an action cannot fail: it has no maps.
        let action = serde_json::to_string(&command.action).unwrap_or_default();
        checksum.feed_text(action.as_bytes());
    }

    /// Checks everything first, then changes.
    fn obey(&mut self, call: &mut Call<'_>, command: &Command) -> Result<Done, Code> {
        let (id, care) = (command.alert, call.policy.care());
        let alert = self.alert(id).ok_or(Code::UnknownAlert)?;
        if alert.revision != command.seen_revision {
            return Err(Code::StaleRevision);
        }
        permit(care, alert, command)?;
        // What is put aside may outlive its episode, and so may what is said of it.
        let outlives = matches!(
            command.action,
            Action::Unshelve | Action::ReturnToService | Action::Note { .. }
        );
        if !alert.is_open() && !outlives {
            return Err(Code::AlertClosed);
        }
        match &command.action {
            Action::Shelve { until, reason } => {
                let (until, by) = (*until, command.actor.clone());
                shelf_fits(care, call.now, until)?;
                let why = Suppression::Shelved { until, by, reason: reason.clone() };
                self.put_aside(call, id, why)
            }
            Action::TakeOutOfService { reference } => {
                let why = Suppression::OutOfService { reference: reference.clone() };
                self.put_aside(call, id, why)
            }
            Action::Unshelve => self.take_down(call, id, true),
            Action::ReturnToService => self.take_down(call, id, false),
            Action::Assign { to } => {
                let alert = self.alert_mut(id).ok_or(Code::UnknownAlert)?;
                alert.assigned = Some(to.clone());
                alert.revision += 1;
                let note = Note { reason: Some(to.clone()), ..Note::default() };
                Ok(Done::new(AlertChange::Assigned, note))
            }
            Action::Note { text } => {
                let note = Note { note: Some(text.clone()), ..Note::default() };
                Ok(Done::new(AlertChange::Noted, note))
            }
            _ => {
                let alert = self.alert_mut(id).ok_or(Code::UnknownAlert)?;
                let done = respond(care, alert, command, call.now)?;
                alert.revision += 1;
                self.learn(call.policy, id, &command.action);
                Ok(done)
            }
        }
    }

    /// What people make of a rule's alerts enters the priority of its next ones.
    fn learn(&mut self, policy: &Policy, id: AlertId, action: &Action) {
        let Some(alert) = self.alert(id) else {
            return;
        };
        let rule = policy.rules()[alert.rule].id().to_string();
        let verdict = match action {
            Action::Resolve { reason, .. } => reason.is_true(),
            Action::Acknowledge => None,
            _ => return,
        };
        let history = self.care_mut().history.get_or_insert_with(rule, Default::default);
        match (action, verdict) {
            (Action::Acknowledge, _) => {
                history.acknowledged = (history.acknowledged + 1).min(MOST_HISTORY);
            }
            (_, Some(true)) => history.false_alarms = 0,
            (_, Some(false)) => {
                history.false_alarms = (history.false_alarms + 1).min(MOST_HISTORY);
                history.acknowledged = 0;
            }
            (_, None) => {}
        }
    }

    /// Keeps the alert's rule from annunciating for this patient, up to the level of now.
    fn put_aside(&mut self, call: &Call<'_>, id: AlertId, why: Suppression) -> Result<Done, Code> {
        let alert = self.alert(id).ok_or(Code::UnknownAlert)?;
        let (rule, level, state) = (alert.rule, alert.level_now(), why.state());
        let note = match &why {
            Suppression::Shelved { until, reason, .. } => {
                Note { until: Some(*until), note: Some(reason.clone()), ..Note::default() }
            }
            Suppression::OutOfService { reference } => {
                Note { reason: Some(reference.clone()), ..Note::default() }
            }
            _ => Note::default(),
        };
        let shelves = &mut self.care_mut().shelves;
        shelves.retain(|shelf| shelf.rule != rule || shelf.why.state() != state);
        shelves.push(Shelf { rule, level, why });
        self.resuppress(call, id);
        Ok(Done { change: change_to(state), note, news: None })
    }

    /// Takes a shelf down, or ends a maintenance.
    fn take_down(&mut self, call: &Call<'_>, id: AlertId, shelf: bool) -> Result<Done, Code> {
        let rule = self.alert(id).ok_or(Code::UnknownAlert)?.rule;
        let meant = |s: &Shelf| s.rule == rule && s.until().is_some() == shelf;
        if !self.care().shelves.iter().any(meant) {
            return Err(Code::NotPossibleNow);
        }
        self.care_mut().shelves.retain(|shelf| !meant(shelf));
        self.resuppress(call, id);
        let alert = self.alert(id).ok_or(Code::UnknownAlert)?;
        let free = alert.suppression.is_none();
        let news = free.then(|| unsuppressed_news(alert)).flatten();
        Ok(Done { change: change_to(alert.suppression.state()), note: Note::default(), news })
    }

    fn resuppress(&mut self, call: &Call<'_>, id: AlertId) {
        let Some(alert) = self.alert(id) else {
            return;
        };
        let cause = match alert.is_open() {
            true => self.cause(call.policy, call.now, alert),
            false => Suppression::None,
        };
        if let Some(alert) = self.alert_mut(id) {
            alert.suppression = cause;
            alert.revision += 1;
        }
    }

    /// A resolved alert lets go of its rule once the condition is over; while it is still active
    /// the rule stays tied to it, so that resolving does not raise the same alert again.
    fn release_closed(&mut self, call: &mut Call<'_>, id: AlertId) {
        let over = |a: &&Alert| a.id == id && !a.is_open() && !a.is_active();
        let Some(rule) = self.alerts.iter().find(over).map(|alert| alert.rule) else {
            return;
        };
        if self.alert_of(rule) == Some(id) {
            self.let_rule_go(call, rule);
        }
    }
}

/// Whether the policy lets the role do that. Shelving what is urgent takes more than shelving.
fn permit(care: &Care, alert: &Alert, command: &Command) -> Result<(), Code> {
    let Some(permission) = command.action.permission() else {
        return Ok(());
    };
    let shelves = matches!(command.action, Action::Shelve { .. });
    let urgent = shelves && alert.level_now() == Level::Urgent;
    let needed = if urgent { Permission::ShelveUrgent } else { permission };
    if care.permits(&command.role, needed) { Ok(()) } else { Err(Code::NotPermitted) }
}

fn shelf_fits(care: &Care, now: HostTime, until: HostTime) -> Result<(), Code> {
    if until <= now {
        return Err(Code::TimePassed);
    }
    if until.since(now) > care.shelve_at_most { Err(Code::ShelvedTooLong) } else { Ok(()) }
}

/// What moves the response region.
fn respond(care: &Care, alert: &mut Alert, command: &Command, now: HostTime) -> Result<Done, Code> {
    let (actor, level) = (command.actor.clone(), alert.level_now() as usize);
    match &command.action {
        Action::Acknowledge => {
            if let Response::Acknowledged { .. } = alert.response {
                return Err(Code::AlreadyAcknowledged);
            }
            let until = care.acknowledged_for[level].map(|span| now.plus(span));
            let to = Response::Acknowledged { by: actor, at: now, until };
            alert.respond(ResponseTrigger::Acknowledge, to)?;
            Ok(Done::new(AlertChange::Acknowledged, Note { until, ..Note::default() }))
        }
        Action::Unacknowledge => {
            alert.respond(ResponseTrigger::Unacknowledge, Response::Unowned)?;
            Ok(AlertChange::Unacknowledged.into())
        }
        Action::StartRemediation { owner, due, intervention } => {
            if due.is_some_and(|due| due <= now) {
                return Err(Code::TimePassed);
            }
            if intervention.as_ref().is_some_and(|word| !intervention::is_name(word)) {
                return Err(Code::BadIntervention);
            }
            let planned = care.remediation_for[level].map(|span| now.plus(span));
            let (owner, due) = (owner.clone().unwrap_or(actor), due.or(planned));
            let reason = Some(owner.clone());
            alert.respond(
                ResponseTrigger::StartRemediation,
                Response::InRemediation { owner, since: now, due },
            )?;
            let intervention = intervention.clone();
            let note = Note { until: due, reason, intervention, ..Note::default() };
            Ok(Done::new(AlertChange::RemediationStarted, note))
        }
        Action::FinishRemediation => {
            let until = care.acknowledged_for[level].map(|span| now.plus(span));
            let to = Response::Acknowledged { by: actor, at: now, until };
            alert.respond(ResponseTrigger::FinishRemediation, to)?;
            Ok(Done::new(AlertChange::RemediationFinished, Note { until, ..Note::default() }))
        }
        Action::Resolve { reason, note } => {
            let closed = Response::Closed { at: now, reason: Closure::Resolved(*reason) };
            alert.respond(ResponseTrigger::Resolve, closed)?;
            if let ConditionState::Latched(_) = alert.condition {
                alert.condition = ConditionState::Normal;
            }
            Ok(Done::new(AlertChange::Resolved, resolved(*reason, note.clone())))
        }
        _ => Err(Code::NotPossibleNow),
    }
}

fn resolved(reason: Resolution, note: Option<alloc::string::String>) -> Note {
    Note { reason: Some(reason.name().to_string()), note, ..Note::default() }
}
