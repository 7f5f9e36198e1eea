//! What happens to a patient because host time passed: signals that stay away, alerts whose data
//! stopped, backlogs that have been read to their end.
//!
//! Every timer is a function of the patient's state, so there is nothing to cancel and nothing to
//! forget in a snapshot. The engine keeps one wake-up a patient; one that comes too early finds
//! nothing due and is set again.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::change::Force;
use super::deadlines::Deadline;
use super::episode::{Note, Opening};
use super::lane::RuleState;
use super::patient::{Call, Patient, UNARMED};
use crate::alert::Roster;
use crate::id::AlertId;
use crate::policy::{Missing, Policy, RuleBody};
use crate::record::{Body, Clause, ConditionState, Level, Verdict};
use crate::time::{Duration, HostTime, Timestamp};

/// A backlog from which nothing came for so long has been read to its end.
const BACKLOG_QUIET: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    Missing(usize),
    Unverified(usize),
    Backlog,
    Alert(Deadline),
}

impl Patient {
    /// When something will be due next, unless something happens before.
    pub fn next_deadline(&self, force: &Force) -> Option<HostTime> {
        self.next_timer(&force.plan, &force.roster).map(|(at, _)| at)
    }

    /// The deadline for the engine's list of wake-ups.
    pub fn deadline_ms(&self, force: &Force) -> i64 {
        self.next_deadline(force).map_or(UNARMED, HostTime::as_millis)
    }

    fn next_timer(&self, policy: &Policy, roster: &Roster) -> Option<(HostTime, Timer)> {
        let of_rule = |(i, body): (usize, &RuleBody)| match (body, &self.lane.rules[i]) {
            (RuleBody::Missing(missing), RuleState::Missing(absence)) => {
                let at = self.missing_at(missing).filter(|_| absence.since.is_none())?;
                Some((at, Timer::Missing(i)))
            }
            (RuleBody::Limits(limits), RuleState::Limits(watch)) => {
                let watched = watch.alert.is_some() || watch.dated;
                if !watched || watch.unverified || watch.condition.machine.level == 0 {
                    return None;
                }
                Some((watch.told_at?.plus(limits.unverified_after), Timer::Unverified(i)))
            }
            _ => None,
        };
        let rules = policy.rules().iter().enumerate();
        let active = rules.filter(|(_, r)| r.mode() != crate::policy::Mode::Disabled);
        let rules = active.filter_map(|(i, rule)| of_rule((i, &rule.body)));
        let alerts = self.next_alert_deadline(policy, roster);
        let alerts = alerts.map(|(at, deadline)| (at, Timer::Alert(deadline)));
        let timers = rules.chain(self.backlog_at().map(|at| (at, Timer::Backlog))).chain(alerts);
        // The end of time never comes.
        timers.filter(|(at, _)| at.as_millis() < UNARMED).min()
    }

    fn missing_at(&self, missing: &Missing) -> Option<HostTime> {
        let signal = &self.lane.signals[usize::from(missing.signal)];
        let base = signal.last_arrival.max(signal.expected().from)?;
        let at = base.plus(missing.after);
        // Nobody waits for a signal after the end of its enrolment.
        signal.expected().until.is_none_or(|until| at <= until).then_some(at)
    }

    fn backlog_at(&self) -> Option<HostTime> {
        self.backlog.as_ref().map(|backlog| backlog.last_arrival.plus(BACKLOG_QUIET))
    }

    /// Does the first thing that is due by `until`; false if nothing is. `since` is the time up to
    /// which the engine has come: what was due before happens then.
    pub fn fire(&mut self, call: &mut Call<'_>, since: HostTime, until: HostTime) -> bool {
        let Some((at, timer)) =
            self.next_timer(call.policy, call.roster).filter(|(at, _)| *at <= until)
        else {
            return false;
        };
        call.now = at.max(since);
        match timer {
            Timer::Missing(rule) => self.goes_missing(call, rule),
            Timer::Unverified(rule) => self.goes_unverified(call, rule),
            Timer::Backlog => self.close_backlog(call),
            Timer::Alert(deadline) => self.meet_deadline(call, at, deadline),
        }
        true
    }

    fn goes_missing(&mut self, call: &mut Call<'_>, rule: usize) {
        let RuleBody::Missing(missing) = &call.policy.rules()[rule].body else {
            return;
        };
        let RuleState::Missing(absence) = &mut self.lane.rules[rule] else {
            return;
        };
        absence.since = Some(call.now);
        self.lane.absent += 1;
        let due = Timestamp::from_millis(call.now.as_millis());
        self.condition_record(call, rule, due, ConditionState::Active(missing.level));
        let level = missing.level;
        if let Some(id) = self.alert_of(rule) {
            // It is missing again while the episode of the last time is open.
            self.follow_missing(call, id, ConditionState::Active(level));
        } else if !self.is_spoken_for(call.policy, rule, level) {
            self.missing_alert(call, rule);
        }
    }

    /// The open episode of a missing signal follows it.
    fn follow_missing(&mut self, call: &mut Call<'_>, id: AlertId, to: ConditionState) {
        let now = Timestamp::from_millis(call.now.as_millis());
        let Some(rule) = self.alert(id).filter(|alert| alert.is_open()).map(|alert| alert.rule)
        else {
            return;
        };
        let told = self.told(call, rule, now.as_millis());
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let before = alert.condition;
        match alert.follow(to, false, told) {
            Some(change) => {
                let note = Note { observed_at: Some(now), ..Note::default() };
                self.alert_changed(call, id, change, note);
            }
            None if before != to => self.attend(call, id, None),
            None => {}
        }
    }

    /// Says that a signal is missing.
    pub fn missing_alert(&mut self, call: &mut Call<'_>, rule: usize) {
        let RuleBody::Missing(missing) = &call.policy.rules()[rule].body else {
            return;
        };
        let signal = &self.lane.signals[usize::from(missing.signal)];
        let last = signal.last_arrival.max(signal.expected().from).unwrap_or(call.now);
        let onset = Timestamp::from_millis(last.as_millis());
        let due = Timestamp::from_millis(call.now.as_millis());
        self.open_alert(
            call,
            rule,
            Opening {
                level: missing.level,
                state: ConditionState::Active(missing.level),
                onset,
                since: onset,
                observed_at: due,
                evidence: Vec::from([silence(call, missing, call.now.since(last))]),
                hold: missing.after,
            },
        );
    }

    /// A reading arrived: rules that missed its signal are over, if it says anything of the present.
    pub fn signal_is_back(&mut self, call: &mut Call<'_>, index: usize, observed: Timestamp) {
        for rule in &call.policy.signals()[index].watchers {
            let rule = usize::from(*rule);
            let RuleState::Missing(absence) = &mut self.lane.rules[rule] else {
                continue;
            };
            if absence.since.is_none() {
                continue;
            }
            let RuleBody::Missing(missing) = &call.policy.rules()[rule].body else {
                continue;
            };
            let fresh = missing.after.max(call.policy.lateness_horizon());
            if call.now.age_of(observed) <= fresh {
                absence.since = None;
                self.lane.absent -= 1;
                self.is_back(call, rule);
            }
        }
    }

    fn is_back(&mut self, call: &mut Call<'_>, rule: usize) {
        let RuleState::Missing(absence) = &self.lane.rules[rule] else {
            return;
        };
        let id = absence.alert;
        let now = Timestamp::from_millis(call.now.as_millis());
        self.condition_record(call, rule, now, ConditionState::Normal);
        if let Some(alert) = id.and_then(|id| self.alert_mut(id)) {
            if alert.is_open() {
                let id = alert.id;
                self.follow_missing(call, id, ConditionState::Normal);
            } else {
                alert.condition = ConditionState::Normal;
            }
        }
        self.close_if_over(call, rule, id);
        call.rearm = true;
    }

    fn goes_unverified(&mut self, call: &mut Call<'_>, rule: usize) {
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let RuleState::Limits(watch) = &mut self.lane.rules[rule] else {
            return;
        };
        watch.unverified = true;
        let top = usize::from(watch.condition.machine.level).saturating_sub(1);
        let level: Level = limits.levels[top].level;
        let machine = watch.condition.machine;
        let state = ConditionState::ActiveUnverified(level);
        let due = Timestamp::from_millis(call.now.as_millis());
        self.condition_record(call, rule, due, state);
        self.unverified_alert(call, rule, level, state, &machine);
    }

    /// The open alert says so; a condition that was too old to page on, and still held when the
    /// data stopped, becomes an alert now.
    fn unverified_alert(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        level: Level,
        state: ConditionState,
        machine: &crate::rule::condition::Machine,
    ) {
        let RuleState::Limits(watch) = &mut self.lane.rules[rule] else {
            return;
        };
        watch.dated = false;
        let Some(id) = watch.alert else {
            return self.open(call, rule, level, state, machine);
        };
        let told = self.told(call, rule, self.lane.newest);
        let open = self.alert_mut(id).filter(|alert| alert.is_open());
        if let Some(change) = open.and_then(|alert| alert.follow(state, false, told)) {
            self.alert_changed(call, id, change, Note::default());
        }
    }

    fn condition_record(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        observed_at: Timestamp,
        state: ConditionState,
    ) {
        let rule = call.policy.rules()[rule].label();
        let body = Body::ConditionChanged { rule, observed_at, state, evidence: Vec::new() };
        self.record(call, body);
    }
}

pub(super) fn silence(call: &Call<'_>, missing: &Missing, silent: Duration) -> Clause {
    let seconds = |d: Duration| {
        let mut text = alloc::string::String::new();
        let _ = crate::value::write_thousandths(d.as_millis(), &mut text);
        text
    };
    Clause {
        signal: call.policy.signals()[usize::from(missing.signal)].name.clone(),
        statistic: "time_since_last".to_string(),
        over: None,
        value: Some(seconds(silent)),
        unit: "s".to_string(),
        comparison: "at_or_above".to_string(),
        limit: Some(seconds(missing.after)),
        modifiers: Vec::new(),
        baseline: None,
        accuracy: None,
        score: None,
        summary: None,
        drift: None,
        not_worn: None,
        coverage: 0,
        verdict: Verdict::Met,
    }
}
