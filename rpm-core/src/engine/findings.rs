//! What old or late data say was going on: dated findings, never pages.

use super::lane::RuleState;
use super::patient::{Call, Patient};
use crate::alert::{Alert, level_of};
use crate::policy::RuleBody;
use crate::record::{Body, ConditionState, Level};
use crate::rule::condition::Machine;
use crate::time::Timestamp;

impl Patient {
    /// The backlog has come to its end: says what was going on.
    pub fn close_backlog(&mut self, call: &mut Call<'_>) {
        let Some(backlog) = self.backlog.take() else {
            return;
        };
        for past in backlog.read(call.policy, &self.lane) {
            self.finding(call, past.rule, &past.machine, past.until);
        }
    }

    pub fn finding(&mut self, call: &mut Call<'_>, rule: usize, machine: &Machine, until: i64) {
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let Some(top) = usize::from(machine.level).checked_sub(1) else {
            return;
        };
        let (from, until) = (machine.onset, until.max(machine.onset));
        let alerted = self.had_alert(rule, from, until);
        let body = Body::RetrospectiveFinding {
            rule: call.policy.rules()[rule].label(),
            level: limits.levels[top].level,
            from: Timestamp::from_millis(from),
            until: Timestamp::from_millis(until),
            alerted,
        };
        self.record(call, body);
    }

    /// The live lane went through old data, was active there, and came out of it.
    pub fn dated_finding(&mut self, call: &mut Call<'_>, rule: usize, until: i64) {
        let RuleState::Limits(watch) = &self.lane.rules[rule] else {
            return;
        };
        let active = watch.condition.undo.iter().rev().map(|(_, m)| *m).find(|m| m.level > 0);
        if let Some(machine) = active {
            self.finding(call, rule, &machine, until);
        }
    }

    /// Late evidence says that a condition was active for a while, and is over. What was known to be
    /// active before that while is no news: it had its alert.
    pub fn past_finding(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        history: &[(i64, ConditionState)],
    ) {
        let mut start: Option<(i64, Level)> = None;
        let mut known = history.first().is_some_and(|(_, state)| level_of(*state).is_some());
        for (at, state) in history.iter().skip(1) {
            match (level_of(*state), start) {
                (Some(_), None) if known => {}
                (Some(level), None) => start = Some((*at, level)),
                (Some(level), Some((from, worst))) => start = Some((from, worst.max(level))),
                (None, Some((from, level))) => {
                    let alerted = self.had_alert(rule, from, *at);
                    let body = Body::RetrospectiveFinding {
                        rule: call.policy.rules()[rule].label(),
                        level,
                        from: Timestamp::from_millis(from),
                        until: Timestamp::from_millis(*at),
                        alerted,
                    };
                    self.record(call, body);
                    start = None;
                }
                (None, None) => known = false,
            }
        }
    }

    /// Whether an alert of the rule was open at some time in between, as far as alerts are kept.
    fn had_alert(&self, rule: usize, from: i64, until: i64) -> bool {
        let overlaps = |a: &Alert| {
            let onset = a.onset.as_millis();
            a.rule == rule && onset <= until && (a.is_active() || onset >= from)
        };
        self.alerts.iter().any(overlaps)
    }
}
