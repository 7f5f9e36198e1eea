//! What happens to a patient because host time passed: signals that stay away (`absence`), alerts whose
//! data stopped, backlogs that have been read to their end.
//!
//! Every timer is a function of the patient's state, so there is nothing to cancel and nothing to
//! forget in a snapshot. The engine keeps one wake-up a patient; one that comes too early finds
//! nothing due and is set again.

use alloc::vec::Vec;

use super::change::Force;
use super::deadlines::Deadline;
use super::episode::Note;
use super::lane::RuleState;
use super::patient::{Call, Patient, UNARMED};
use crate::alert::Roster;
use crate::policy::{Policy, RuleBody};
use crate::record::{Body, ConditionState, Level};
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
    ///
    /// `since` is the time up to which the engine has come: what rests by circumstances is looked at from then on.
    pub fn next_deadline(&self, force: &Force, since: HostTime) -> Option<HostTime> {
        self.next_timer(&force.plan, &force.roster, since).map(|(at, _)| at)
    }

    /// The deadline for the engine's list of wake-ups.
    pub fn deadline_ms(&self, force: &Force, since: HostTime) -> i64 {
        self.next_deadline(force, since).map_or(UNARMED, HostTime::as_millis)
    }

    fn next_timer(
        &self,
        policy: &Policy,
        roster: &Roster,
        since: HostTime,
    ) -> Option<(HostTime, Timer)> {
        let of_rule = |(i, body): (usize, &RuleBody)| match (body, &self.lane.rules[i]) {
            (RuleBody::Missing(missing), RuleState::Missing(absence)) => {
                let waits = absence.since.is_none();
                let at = waits.then(|| self.missing_at(policy, missing, since)).flatten()?;
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

    fn backlog_at(&self) -> Option<HostTime> {
        self.backlog.as_ref().map(|backlog| backlog.last_arrival.plus(BACKLOG_QUIET))
    }

    /// Does the first thing that is due by `until`; false if nothing is. `since` is the time up to
    /// which the engine has come: what was due before happens then.
    pub fn fire(&mut self, call: &mut Call<'_>, since: HostTime, until: HostTime) -> bool {
        let Some((at, timer)) =
            self.next_timer(call.policy, call.roster, since).filter(|(at, _)| *at <= until)
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

    pub fn condition_record(
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
