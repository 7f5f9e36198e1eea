//! From a condition that changed to the alert that follows it.

use alloc::string::String;
use alloc::vec::Vec;

use super::lane::{Effect, Effects, RuleState};
use super::patient::{Call, Patient};
use crate::alert::{Alert, level_of};
use crate::id::AlertId;
use crate::policy::{Mode, Policy, RuleBody};
use crate::record::{AlertChange, Body, ConditionState, Level};
use crate::rule::condition::{Abandoned, Change, Machine};
use crate::rule::predicate::Signals;
use crate::time::{Duration, Timestamp};
use crate::value::write_thousandths;

impl Patient {
    #[inline(never)]
    pub fn take_effects(&mut self, call: &mut Call<'_>, effects: Effects) {
        for (rule, effect) in effects.list {
            match effect {
                Effect::Abandoned(gap) => self.hold_abandoned(call, rule, &gap),
                Effect::Changed(change) => self.condition_changed(call, rule, &change),
                Effect::Refreshed => self.annunciate(call, rule, None),
            }
        }
    }

    fn hold_abandoned(&mut self, call: &mut Call<'_>, rule: usize, gap: &Abandoned) {
        let body = Body::HoldAbandoned {
            rule: call.policy.rules()[rule].label(),
            level: gap.level,
            observed_at: self.exact_time(call.policy, rule, gap.at),
            held: gap.held,
        };
        self.record(call, body);
    }

    fn condition_changed(&mut self, call: &mut Call<'_>, rule: usize, change: &Change) {
        let id = call.policy.rules()[rule].label();
        match change {
            Change::Stepped { at, state } => {
                // An alert's own record carries the evidence; the way there does not need it.
                let body = Body::ConditionChanged {
                    rule: id,
                    observed_at: self.exact_time(call.policy, rule, *at),
                    state: *state,
                    evidence: Vec::new(),
                };
                self.record(call, body);
                self.annunciate(call, rule, None);
            }
            Change::Revised { since, history } => {
                let changes = history.iter().map(|(at, state)| crate::record::Change {
                    observed_at: self.exact_time(call.policy, rule, *at),
                    state: *state,
                });
                let history_exact = changes.collect();
                let body = Body::ConditionRevised {
                    rule: id,
                    since: Timestamp::from_millis(*since),
                    history: history_exact,
                };
                self.record(call, body);
                self.annunciate(call, rule, Some(history));
            }
        }
    }

    /// When the latest reading of a pane was observed: finer than the pane. Where a rule's signals
    /// have panes of different width, only readings within the narrowest count, so that what came
    /// later into the wider ones does not move the time.
    fn exact_time(&self, policy: &Policy, rule: usize, at: i64) -> Timestamp {
        let start = Timestamp::from_millis(at);
        let RuleBody::Limits(limits) = &policy.rules()[rule].body else {
            return start;
        };
        let signals = || limits.signals.iter().map(|s| usize::from(*s));
        let narrowest = signals().map(|s| policy.signals()[s].pane_ms).min().unwrap_or(0);
        let time = |s: usize| {
            let ring = &self.lane.signals[s].ring;
            let pane = ring.pane_of(start);
            (ring.start_of(pane) == at && ring.has_good(pane)).then(|| ring.time_of(pane))
        };
        let within = |t: &Timestamp| t.as_millis() < at + narrowest;
        signals().filter_map(time).filter(within).max().unwrap_or(start)
    }

    /// Brings the alert of a rule in line with its condition.
    pub fn annunciate(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        revised: Option<&[(i64, ConditionState)]>,
    ) {
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let RuleState::Limits(watch) = &mut self.lane.rules[rule] else {
            return;
        };
        let state = watch.condition.machine.state(limits);
        let (frontier, machine) = (self.lane.pulses[rule].frontier, watch.condition.machine);
        let has_alert = watch.alert.is_some();
        let was_dated = watch.dated;
        watch.unverified = false;
        if level_of(state).is_none() {
            watch.dated = false;
            if let (false, Some(history)) = (has_alert, revised) {
                self.past_finding(call, rule, history);
            } else if was_dated {
                self.dated_finding(call, rule, frontier);
            }
        } else if !has_alert && self.too_old_to_page(call, rule, frontier) {
            self.set_dated(rule, true);
            call.rearm = true;
            return;
        }
        self.set_dated(rule, false);
        match (has_alert, level_of(state)) {
            (true, level) if !self.let_go(call, rule, level) => {
                self.follow(call, rule, state, frontier, revised.is_some());
            }
            (_, Some(level))
                if self.alert_of(rule).is_none()
                    && call.policy.rules()[rule].retired.is_none()
                    && !self.is_spoken_for(call.policy, rule, level) =>
            {
                self.open(call, rule, level, state, &machine);
            }
            _ => {}
        }
        call.rearm = true;
    }

    pub fn alert_of(&self, rule: usize) -> Option<AlertId> {
        match &self.lane.rules[rule] {
            RuleState::Limits(watch) => watch.alert,
            RuleState::Missing(absence) => absence.alert,
            RuleState::Resting => None,
        }
    }

    /// Whether a person has closed the rule's alert. It is let go when the condition is over, or
    /// when it became worse than what was closed: that is an alert of its own.
    fn let_go(&mut self, call: &mut Call<'_>, rule: usize, level: Option<Level>) -> bool {
        let id = self.alert_of(rule);
        let Some(alert) = self.alerts.iter_mut().find(|a| Some(a.id) == id) else {
            return true;
        };
        if alert.is_open() {
            return false;
        }
        if level.is_none_or(|level| level > alert.level) {
            alert.condition = ConditionState::Normal;
            if let RuleState::Limits(watch) = &mut self.lane.rules[rule] {
                watch.alert = None;
            }
            self.episode_over(call, rule);
        }
        true
    }

    fn set_dated(&mut self, rule: usize, dated: bool) {
        if let RuleState::Limits(watch) = &mut self.lane.rules[rule] {
            watch.dated = dated;
        }
    }

    /// Whether the newest evidence is older than the horizon: it says what was, not what is.
    fn too_old_to_page(&self, call: &Call<'_>, rule: usize, frontier: i64) -> bool {
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return false;
        };
        let widest = limits.signals.iter().map(|s| call.policy.signals()[usize::from(*s)].pane_ms);
        let pane = Duration::from_millis(widest.max().unwrap_or(0));
        let age = call.now.age_of(Timestamp::from_millis(frontier));
        age > call.policy.lateness_horizon().plus(pane)
    }

    pub fn open(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        level: Level,
        state: ConditionState,
        machine: &Machine,
    ) {
        let def = &call.policy.rules()[rule];
        let RuleBody::Limits(limits) = &def.body else {
            return;
        };
        let top = usize::from(machine.level).saturating_sub(1);
        // Old panes may have left the ring: then what holds now is the evidence.
        let frontier = self.lane.pulses[rule].frontier;
        let kept = frontier.saturating_sub(call.policy.lateness_horizon().as_millis());
        let at = if machine.reached >= kept { machine.reached } else { frontier };
        let observed_at = self.exact_time(call.policy, rule, machine.reached);
        let onset = self.exact_time(call.policy, rule, machine.onset);
        let since = self.exact_time(call.policy, rule, machine.since);
        let mut signals = Signals::new(call.policy.signals(), &mut self.lane.signals);
        let evidence = signals.clauses(&limits.levels[top].raise, at);
        let alert = self.new_alert(call, rule, level, state, onset);
        if let RuleState::Limits(watch) = &mut self.lane.rules[rule] {
            watch.alert = Some(alert);
        }
        let body = Body::AlertOpened {
            alert,
            rule: def.id.clone(),
            title: def.title.clone(),
            level,
            shadow: def.mode == Mode::Shadow,
            onset,
            since,
            observed_at,
            evidence,
            hold: Duration::from_millis(limits.levels[top].hold),
            policy: call.policy.reference(),
        };
        self.record(call, body);
    }

    pub fn new_alert(
        &mut self,
        call: &Call<'_>,
        rule: usize,
        level: Level,
        condition: ConditionState,
        onset: Timestamp,
    ) -> AlertId {
        let id = AlertId(self.next_alert);
        self.next_alert = self.next_alert.saturating_add(1);
        // Of closed alerts only the latest of each rule is kept; the records have them all.
        self.alerts.retain(|a| a.is_open() || a.rule != rule);
        self.alerts.push(Alert {
            id,
            rule,
            level,
            shadow: call.policy.rules()[rule].mode == Mode::Shadow,
            onset,
            opened_at: call.now,
            version: call.policy.version(),
            revision: 1,
            repeats: 0,
            condition,
            response: crate::alert::Response::Unowned,
        });
        id
    }

    /// Lets the open alert of a rule follow its condition.
    fn follow(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        state: ConditionState,
        at: i64,
        revised: bool,
    ) {
        let RuleState::Limits(watch) = &self.lane.rules[rule] else {
            return;
        };
        let (id, machine) = (watch.alert, watch.condition.machine);
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let observed_at = self.exact_time(call.policy, rule, at);
        let Some(alert) = self.alerts.iter_mut().find(|a| Some(a.id) == id) else {
            return;
        };
        let latch = limits.levels.iter().any(|l| l.latch && l.level <= alert.level);
        let Some(change) = alert.follow(state, latch) else {
            return;
        };
        let raised = matches!(change, AlertChange::Raised | AlertChange::Reentered);
        let lost = revised && change == AlertChange::Cleared;
        let change = if lost { AlertChange::Revised } else { change };
        let top = usize::from(machine.level).checked_sub(1);
        let evidence = match top.filter(|_| raised) {
            Some(top) => {
                let mut signals = Signals::new(call.policy.signals(), &mut self.lane.signals);
                signals.clauses(&limits.levels[top].raise, at)
            }
            None => Vec::new(),
        };
        let peak = machine.peak.filter(|_| top.is_some()).map(decimal);
        self.alert_changed(call, id, change, Some(observed_at), peak, None, evidence);
        if let (AlertChange::Cleared | AlertChange::Lowered, Some(retired)) =
            (change, &call.policy.rules()[rule].retired)
        {
            self.successor_speaks(call, retired.successor);
        }
        self.close_if_over(call, rule, id);
    }

    /// What nothing latches closes by itself once the condition is over.
    pub fn close_if_over(&mut self, call: &mut Call<'_>, rule: usize, id: Option<AlertId>) {
        let Some(alert) = self.alerts.iter_mut().find(|a| Some(a.id) == id) else {
            return;
        };
        if alert.condition != ConditionState::Normal {
            return;
        }
        if alert.is_open() {
            alert.close();
            self.alert_changed(call, id, AlertChange::Closed, None, None, None, Vec::new());
        }
        match &mut self.lane.rules[rule] {
            RuleState::Limits(watch) => watch.alert = None,
            RuleState::Missing(absence) => absence.alert = None,
            RuleState::Resting => {}
        }
        self.episode_over(call, rule);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn alert_changed(
        &mut self,
        call: &mut Call<'_>,
        id: Option<AlertId>,
        change: AlertChange,
        observed_at: Option<Timestamp>,
        peak: Option<String>,
        person: Option<(String, Option<String>)>,
        evidence: Vec<crate::record::Clause>,
    ) {
        let Some(alert) = self.alerts.iter().find(|a| Some(a.id) == id) else {
            return;
        };
        let (by, reason) = person.map_or((None, None), |(by, reason)| (Some(by), reason));
        let body = Body::AlertChanged {
            alert: alert.id,
            rule: call.policy.rules()[alert.rule].id.clone(),
            revision: alert.revision,
            change,
            status: alert.status(),
            condition: alert.condition,
            observed_at,
            peak,
            by,
            reason,
            evidence,
        };
        self.record(call, body);
    }
}

fn decimal(thousandths: i64) -> String {
    let mut text = String::new();
    let _ = write_thousandths(thousandths, &mut text);
    text
}
