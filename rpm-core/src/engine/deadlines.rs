//! What happens to open alerts because time passed: acknowledgements run out, shifts end, steps of
//! an escalation are due.

use alloc::string::String;

use super::episode::Note;
use super::patient::{Call, Patient};
use crate::alert::{Alert, Response, ResponseTrigger, Roster, Trial};
use crate::id::AlertId;
use crate::policy::{Policy, RuleBody};
use crate::record::{AlertChange, Closure, ConditionState, NotifyReason};
use crate::time::{Duration, HostTime};

/// So many times an alert is brought up because it has been open for too long; after that it only
/// waits in its queue.
const MOST_STALE: u16 = 100;

/// What is due, in the order in which what is due at once happens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Deadline {
    /// A shelf comes down.
    Unshelve(usize),
    /// An acknowledgement runs out.
    Lapse(AlertId),
    /// A remediation has not helped.
    Overdue(AlertId),
    /// Whoever has it goes off shift.
    HandOver(AlertId),
    /// Nothing came back within the reopen window.
    Close(AlertId),
    /// It is still there long after it was resolved.
    Reopen(AlertId),
    /// Messages are due. An escalation that ends now ends before somebody is reminded of the alert.
    Send,
    /// It has been open for too long.
    Stale(AlertId),
    /// A message was not heard of.
    Expire,
    /// What was done about it could have helped until now.
    HelpsNoMore(AlertId),
    /// It may not only record any more.
    Surface(AlertId),
}

impl Patient {
    /// The first deadline of the patient's alerts.
    pub fn next_alert_deadline(
        &self,
        policy: &Policy,
        roster: &Roster,
    ) -> Option<(HostTime, Deadline)> {
        let shelves = self.care().shelves.iter();
        let shelves = shelves.filter_map(|s| Some((s.until()?, Deadline::Unshelve(s.rule))));
        let alerts = self.alerts.iter().flat_map(|alert| self.deadlines(policy, roster, alert));
        let expiry = self.expires_at().map(|at| (at, Deadline::Expire));
        shelves.chain(alerts).chain(expiry).min()
    }

    fn deadlines(
        &self,
        policy: &Policy,
        roster: &Roster,
        alert: &Alert,
    ) -> impl Iterator<Item = (HostTime, Deadline)> {
        let (care, id) = (policy.care(), alert.id);
        let over = alert.condition == ConditionState::Normal;
        let answer = match &alert.response {
            Response::Acknowledged { until, .. } => {
                until.filter(|_| alert.is_active()).map(|at| (at, Deadline::Lapse(id)))
            }
            Response::InRemediation { due, .. } => {
                due.filter(|_| alert.is_active()).map(|at| (at, Deadline::Overdue(id)))
            }
            Response::Closed { at, reason: Closure::Resolved(_) } if alert.is_active() => {
                let after = care.reopen_resolved_after;
                after.map(|after| (at.plus(after), Deadline::Reopen(id)))
            }
            _ => None,
        };
        let open = alert.is_open();
        let stale_at = care.stale_after.times(i64::from(alert.stale) + 1);
        let stale = (open && alert.stale < MOST_STALE)
            .then(|| (alert.opened_at.plus(stale_at), Deadline::Stale(id)));
        let ends = self.shift_ends(roster, alert).map(|at| (at, Deadline::HandOver(id)));
        let close = alert.cleared_at.filter(|_| open && over);
        let close =
            close.map(|at| (at.plus(self.reopen_window(policy, alert)), Deadline::Close(id)));
        let send = self.send_at(policy, alert).map(|at| (at, Deadline::Send));
        let trial = alert.trial.as_ref().filter(|_| open).and_then(Trial::ends_at);
        let trial = trial.map(|at| (at, Deadline::HelpsNoMore(id)));
        let surface = alert.shadow_until.filter(|_| open).map(|at| (at, Deadline::Surface(id)));
        [answer, stale, ends, close, send, trial, surface].into_iter().flatten()
    }

    /// When the shift of whoever has an alert ends.
    fn shift_ends(&self, roster: &Roster, alert: &Alert) -> Option<HostTime> {
        let (person, since) = alert.response.taken()?;
        let shift = roster.shift_of(person, self.tenant.as_ref(), &self.id, since)?;
        Some(shift.until)
    }

    /// How long an alert stays open after its condition was over.
    pub fn reopen_window(&self, policy: &Policy, alert: &Alert) -> Duration {
        let window = policy.care().reopen_within;
        match alert.unstable {
            true => window.max(flap_window(policy, alert.rule)),
            false => window,
        }
    }

    pub fn meet_deadline(&mut self, call: &mut Call<'_>, due: HostTime, deadline: Deadline) {
        match deadline {
            Deadline::Unshelve(rule) => self.unshelve(call, rule),
            Deadline::Lapse(id) => self.lapses(call, id, AlertChange::Lapsed),
            Deadline::Overdue(id) => self.lapses(call, id, AlertChange::RemediationOverdue),
            Deadline::HandOver(id) => self.hand_over(call, id),
            Deadline::Close(id) => self.close_cleared(call, id),
            Deadline::Reopen(id) => self.reopen(call, id),
            Deadline::Stale(id) => {
                if let Some(alert) = self.alert_mut(id) {
                    alert.stale = alert.stale.saturating_add(1);
                    alert.revision += 1;
                    self.alert_changed(call, id, AlertChange::BecameStale, Note::default());
                }
            }
            Deadline::Send => self.send_due(call),
            Deadline::Expire => self.expire(call, due),
            Deadline::HelpsNoMore(id) => self.helps_no_more(call, id),
            Deadline::Surface(id) => self.attend(call, id, None),
        }
        call.rearm = true;
    }

    fn lapses(&mut self, call: &mut Call<'_>, id: AlertId, change: AlertChange) {
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        if alert.respond(ResponseTrigger::Lapse, Response::Unowned).is_ok() {
            alert.repeats = alert.repeats.saturating_add(1);
            alert.revision += 1;
            self.alert_changed(call, id, change, Note::default());
        }
    }

    /// The next one on duty has it; if nobody is, nobody has it.
    fn hand_over(&mut self, call: &mut Call<'_>, id: AlertId) {
        let (roster, patient, tenant) = (call.roster, self.id.clone(), self.tenant.clone());
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let Some((person, since)) = alert.response.taken() else {
            return;
        };
        let person = String::from(person);
        let ended = roster.shift_of(&person, tenant.as_ref(), &patient, since);
        let next = ended.and_then(|shift| {
            let at = shift.until;
            let next = roster.on_duty(&shift.function, tenant.as_ref(), &patient, at)?;
            Some((next.person.clone(), at))
        });
        let Some((next, at)) = next else {
            return self.lapses(call, id, AlertChange::Lapsed);
        };
        let same = next == person;
        let to = match alert.response.clone() {
            Response::Acknowledged { until, .. } => {
                Response::Acknowledged { by: next.clone(), at, until }
            }
            Response::InRemediation { due, .. } => {
                Response::InRemediation { owner: next.clone(), since: at, due }
            }
            other => other,
        };
        if alert.respond(ResponseTrigger::HandOver, to).is_err() || same {
            return;
        }
        alert.revision += 1;
        let (by, reason) = (Some(person), Some(next.clone()));
        let note = Note { by, reason, ..Note::default() };
        self.alert_changed(call, id, AlertChange::HandedOver, note);
        self.tell_person(call, id, &next, NotifyReason::HandedOver);
    }

    fn close_cleared(&mut self, call: &mut Call<'_>, id: AlertId) {
        if let Some(alert) = self.alert_mut(id) {
            alert.cleared_at = None;
            let rule = alert.rule;
            self.close_now(call, rule, id, Closure::Cleared);
        }
    }

    fn reopen(&mut self, call: &mut Call<'_>, id: AlertId) {
        let rule = self.alert(id).map(|alert| alert.rule);
        let condition = rule.map(|rule| self.condition(call.policy, rule));
        let Some((alert, condition)) = self.alert_mut(id).zip(condition) else {
            return;
        };
        // A closed alert does not follow its condition.
        alert.condition = condition;
        if alert.respond(ResponseTrigger::Reopen, Response::Unowned).is_ok() {
            alert.repeats = alert.repeats.saturating_add(1);
            alert.revision += 1;
            self.alert_changed(call, id, AlertChange::Reopened, Note::default());
        }
    }
}

/// Re-entries within this time make an episode of the rule unstable.
pub(super) fn flap_window(policy: &Policy, rule: usize) -> Duration {
    match &policy.rules()[rule].body {
        RuleBody::Limits(limits) => limits.flap_window,
        RuleBody::Missing(missing) => missing.after.times(3),
    }
}
