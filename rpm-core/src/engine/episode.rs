//! From a condition that changed to the alert that follows it.

use alloc::string::String;
use alloc::vec::Vec;

use super::deadlines::flap_window;
use super::lane::{Cause, Effect, Effects, RuleState};
use super::patient::{Call, Patient};
use crate::alert::{Alert, Escalation, Response, Suppression, Told, level_of, news_of};
use crate::id::AlertId;
use crate::policy::{Limits, Policy, RuleBody};
use crate::record::{
    AlertChange, Body, Clause, Closure, ConditionState, Level, NotWorn, NotifyReason,
};
use crate::rule::condition::{Abandoned, Change, Machine};
use crate::rule::predicate::Signals;
use crate::time::{Duration, HostTime, Timestamp};
use crate::value::write_thousandths;

/// What a record of a change says besides the change.
#[derive(Default)]
pub(crate) struct Note {
    pub observed_at: Option<Timestamp>,
    pub peak: Option<String>,
    pub by: Option<String>,
    pub until: Option<HostTime>,
    pub reason: Option<String>,
    pub note: Option<String>,
    pub queue: Option<String>,
    pub intervention: Option<String>,
    pub evidence: Vec<Clause>,
    /// Whether it is more severe than it has been: whoever is told hears that first, also of what keeps coming
    /// and going.
    pub worse: bool,
}

/// What a record of a new episode says of its condition.
pub(crate) struct Opening {
    pub level: Level,
    pub state: ConditionState,
    pub onset: Timestamp,
    pub since: Timestamp,
    pub observed_at: Timestamp,
    pub evidence: Vec<Clause>,
    pub hold: Duration,
}

/// What late evidence made of a condition's history, and why it did.
#[derive(Clone, Copy)]
pub(crate) struct Revision<'a> {
    pub history: &'a [(i64, ConditionState)],
    pub cause: Cause,
}

impl Patient {
    #[inline(never)]
    pub fn take_effects(&mut self, call: &mut Call<'_>, effects: Effects) {
        let cause = effects.cause;
        for (rule, effect) in effects.list {
            match effect {
                Effect::Abandoned(gap) => self.hold_abandoned(call, rule, &gap),
                Effect::Changed(change) => self.condition_changed(call, rule, &change, cause),
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

    fn condition_changed(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        change: &Change,
        cause: Cause,
    ) {
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
                    reason: cause.reason.map(Into::into),
                };
                self.record(call, body);
                self.annunciate(call, rule, Some(Revision { history, cause }));
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
    pub fn annunciate(&mut self, call: &mut Call<'_>, rule: usize, revised: Option<Revision<'_>>) {
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let frontier = self.lane.frontier(call.policy, rule);
        let RuleState::Limits(watch) = &mut self.lane.rules[rule] else {
            return;
        };
        let (machine, state) = (watch.condition.machine, watch.condition.machine.state(limits));
        let has_alert = watch.alert.is_some();
        let was_dated = watch.dated;
        watch.unverified = false;
        if level_of(state).is_none() {
            watch.dated = false;
            if let (false, Some(Revision { history, .. })) = (has_alert, revised) {
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
                // All that said it may have been taken back: then since what was.
                let known = |at: &i64| *at != i64::MIN;
                let told = revised.iter().flat_map(|revised| revised.history).map(|(at, _)| *at);
                let at = Some(frontier).into_iter().chain(told).find(known).unwrap_or(frontier);
                self.follow(call, rule, state, at, revised.map(|revised| revised.cause));
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
        // Its condition is still the one of when it was closed.
        if level.is_none_or(|level| level > alert.level_now()) {
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
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let top = usize::from(machine.level).saturating_sub(1);
        // Old panes may have left the ring: then what holds now is the evidence.
        let frontier = self.lane.frontier(call.policy, rule);
        let kept = frontier.saturating_sub(call.policy.lateness_horizon().as_millis());
        let at = if machine.reached >= kept { machine.reached } else { frontier };
        let times = [machine.onset, machine.since, machine.reached];
        let [onset, since, observed_at] = times.map(|at| self.exact_time(call.policy, rule, at));
        let background = &self.lane.background;
        let mut signals = Signals::new(call.policy, &mut self.lane.signals, background);
        let (source, mut evidence) = signals.evidence(limits, top, at);
        let (own, now) = (call.policy.rules()[rule].mode, call.now.as_millis());
        let mode = signals.mode_told(own, &limits.levels[top].modes, now);
        if let Some(first) = evidence.first_mut() {
            first.modifiers.extend(mode);
        }
        let opening = Opening {
            level,
            state,
            onset,
            since,
            observed_at,
            evidence,
            hold: Duration::from_millis(signals.hold(&limits.levels[source], at)),
        };
        self.open_alert(call, rule, opening);
    }

    /// An episode begins: the rule is tied to it, the record says why, and somebody is told.
    pub fn open_alert(&mut self, call: &mut Call<'_>, rule: usize, opening: Opening) {
        let def = &call.policy.rules()[rule];
        let shadow = self.only_records(call.policy, rule, opening.level, call.now);
        let id = self.new_alert(call, rule, &opening, shadow);
        self.keep_usual(call, rule, id);
        match &mut self.lane.rules[rule] {
            RuleState::Limits(watch) => watch.alert = Some(id),
            RuleState::Missing(absence) => absence.alert = Some(id),
            RuleState::Resting => {}
        }
        self.weigh(call.policy, id, &opening.evidence);
        let now = call.now;
        let reason = NotifyReason::Opened;
        let route = self.alert(id).and_then(|a| self.route_of(call.policy, a, reason, now));
        if let Some(alert) = self.alert_mut(id) {
            alert.escalation.route = route;
        }
        let route = route.map(|route| &call.policy.care().routes[usize::from(route)]);
        let body = Body::AlertOpened {
            alert: id,
            rule: def.id().into(),
            title: def.title().into(),
            level: opening.level,
            shadow,
            onset: opening.onset,
            since: opening.since,
            observed_at: opening.observed_at,
            evidence: opening.evidence,
            hold: opening.hold,
            policy: call.policy.reference(),
            priority: self.priority(call.policy, id, now),
            route: route.map(|route| route.id.clone()),
            queue: route.map(|route| route.queue.clone()),
            interventions: self.tried(call.policy, rule),
        };
        self.record(call, body);
        self.attend(call, id, Some(reason));
    }

    fn new_alert(
        &mut self,
        call: &Call<'_>,
        rule: usize,
        opening: &Opening,
        shadow: bool,
    ) -> AlertId {
        let id = AlertId(self.next_alert);
        self.next_alert = self.next_alert.saturating_add(1);
        // As a return within an episode is dated: by the rule's own evidence.
        let observed = match &call.policy.rules()[rule].body {
            RuleBody::Limits(_) => self.lane.frontier(call.policy, rule),
            RuleBody::Missing(_) => call.now.as_millis(),
        };
        let told = self.told(call, rule, observed);
        // An episode that comes back is a new one; if that goes on, it is one that is unstable.
        let last = self.alerts.iter().filter(|a| a.rule == rule).max_by_key(|a| a.id);
        let reentries = last.map(|alert| alert.reentries.clone());
        let mut alert = Alert {
            id,
            rule,
            level: opening.level,
            shadow,
            shadow_until: None,
            onset: opening.onset,
            opened_at: call.now,
            version: call.policy.version(),
            revision: 1,
            repeats: 0,
            unstable: false,
            stale: 0,
            assigned: None,
            cleared_at: None,
            condition: opening.state,
            response: Response::Unowned,
            suppression: Suppression::None,
            reentries: reentries.unwrap_or_default(),
            escalation: Escalation::default(),
            trial: None,
        };
        if last.is_some() {
            alert.unstable = alert.flaps(told);
        }
        // Of closed alerts only the latest of each rule is kept; the records have them all.
        self.alerts.retain(|a| a.is_open() || a.rule != rule);
        self.alerts.push(alert);
        id
    }

    pub fn told(&self, call: &Call<'_>, rule: usize, observed: i64) -> Told {
        Told { now: call.now, observed, flap_window: flap_window(call.policy, rule) }
    }

    /// What a rule's comparisons say now.
    pub fn evidence_now(&mut self, call: &Call<'_>, rule: usize) -> Vec<Clause> {
        match (&call.policy.rules()[rule].body, &self.lane.rules[rule]) {
            (RuleBody::Limits(limits), RuleState::Limits(watch)) => {
                let top = usize::from(watch.condition.machine.level).saturating_sub(1);
                let frontier = self.lane.frontier(call.policy, rule);
                let mut signals =
                    Signals::new(call.policy, &mut self.lane.signals, &self.lane.background);
                signals.evidence(limits, top, frontier).1
            }
            (RuleBody::Missing(missing), _) => Vec::from([self.silence(call, missing)]),
            _ => Vec::new(),
        }
    }

    /// Lets the open alert of a rule follow its condition.
    fn follow(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        state: ConditionState,
        at: i64,
        revised: Option<Cause>,
    ) {
        let RuleState::Limits(watch) = &self.lane.rules[rule] else {
            return;
        };
        let (Some(id), machine) = (watch.alert, watch.condition.machine) else {
            return;
        };
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let observed_at = self.exact_time(call.policy, rule, at);
        let (told, handed) = (self.told(call, rule, at), self.was_told(id));
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let latch = limits.levels.iter().any(|l| l.latch && l.level <= alert.level);
        let (before, highest) = (alert.condition, alert.level);
        let Some(change) = alert.follow(state, latch, told) else {
            // No news, but what keeps it quiet may depend on its level.
            if alert.condition != before {
                self.attend(call, id, None);
            }
            return;
        };
        let worse = alert.level > highest;
        let taken_back = revised.is_some() && change == AlertChange::Cleared;
        // Nobody has heard of it, and there is nothing to hear.
        let unheard = alert.escalation.round > 0 && !handed && alert.response == Response::Unowned;
        let retracted = taken_back && unheard;
        if retracted {
            alert.condition = ConditionState::Normal;
        }
        let change = if taken_back { AlertChange::Revised } else { change };
        let top = usize::from(machine.level).checked_sub(1);
        let raised = news_of(change).is_some();
        let mut signals = Signals::new(call.policy, &mut self.lane.signals, &self.lane.background);
        let evidence = match (top.filter(|_| raised), revised.and_then(|cause| cause.not_worn)) {
            (Some(top), _) => signals.clauses(&limits.levels[top].raise, at),
            (None, Some(not_worn)) => left_out(&mut signals, limits, before, at, not_worn),
            (None, None) => Vec::new(),
        };
        let reason = revised.and_then(|cause| cause.reason).map(Into::into);
        if retracted {
            return self.retract(call, rule, id, Note { reason, evidence, ..note_at(observed_at) });
        }
        if raised {
            self.weigh(call.policy, id, &evidence);
        }
        let peak = machine.peak.filter(|_| top.is_some()).map(decimal);
        let note = Note { peak, reason, evidence, worse, ..note_at(observed_at) };
        self.alert_changed(call, id, change, note);
        if let (AlertChange::Cleared | AlertChange::Lowered, Some(retired)) =
            (change, &call.policy.rules()[rule].retired)
        {
            self.successor_speaks(call, retired.successor);
        }
        self.close_if_over(call, rule, Some(id));
    }

    fn retract(&mut self, call: &mut Call<'_>, rule: usize, id: AlertId, note: Note) {
        if let Some(alert) = self.alert_mut(id) {
            alert.close(call.now, Closure::Retracted);
        }
        self.alert_changed(call, id, AlertChange::Retracted, note);
        self.let_rule_go(call, rule);
    }

    /// What nothing latches closes by itself once the condition is over, or after the time in which
    /// it may come back.
    pub fn close_if_over(&mut self, call: &mut Call<'_>, rule: usize, id: Option<AlertId>) {
        let Some(alert) = id.and_then(|id| self.alert(id)) else {
            return;
        };
        let over = alert.condition == ConditionState::Normal;
        let waits = alert.is_open() && !self.reopen_window(call.policy, alert).is_zero();
        match (over, waits, alert.id) {
            (true, false, id) => self.close_now(call, rule, id, Closure::Cleared),
            (true, true, _) => call.rearm = true,
            (false, ..) => {}
        }
    }

    pub fn close_now(&mut self, call: &mut Call<'_>, rule: usize, id: AlertId, reason: Closure) {
        if let Some(alert) = self.alert_mut(id).filter(|alert| alert.is_open()) {
            alert.close(call.now, reason);
            self.alert_changed(call, id, AlertChange::Closed, Note::default());
        }
        self.let_rule_go(call, rule);
    }

    /// A rule is no longer tied to an episode.
    pub fn let_rule_go(&mut self, call: &mut Call<'_>, rule: usize) {
        match &mut self.lane.rules[rule] {
            RuleState::Limits(watch) => watch.alert = None,
            RuleState::Missing(absence) => absence.alert = None,
            RuleState::Resting => {}
        }
        self.episode_over(call, rule);
    }

    /// An alert changed: the record says how, and whom it concerns is told.
    pub fn alert_changed(
        &mut self,
        call: &mut Call<'_>,
        id: AlertId,
        change: AlertChange,
        note: Note,
    ) {
        let news = if note.worse { Some(NotifyReason::Raised) } else { news_of(change) };
        self.judge_by(call, id, change, note.observed_at);
        let queue = news.and_then(|reason| self.reroute(call, id, reason));
        self.tell(call, id, change, Note { queue, ..note });
        self.attend(call, id, news);
    }

    /// The record of a change of an alert.
    pub fn tell(&mut self, call: &mut Call<'_>, id: AlertId, change: AlertChange, note: Note) {
        let Some(alert) = self.alert(id) else {
            return;
        };
        let moved = news_of(change).is_some() && alert.is_open();
        let suppression = alert.suppression.state();
        let body = Body::AlertChanged {
            alert: id,
            rule: call.policy.rules()[alert.rule].id().into(),
            revision: alert.revision,
            change,
            status: alert.status(),
            condition: alert.condition,
            observed_at: note.observed_at,
            peak: note.peak,
            by: note.by,
            until: note.until,
            suppression: (!alert.suppression.is_none()).then(|| suppression.name().into()),
            priority: moved.then(|| self.priority(call.policy, id, call.now)),
            queue: note.queue,
            intervention: note.intervention,
            reason: note.reason,
            note: note.note,
            evidence: note.evidence,
        };
        self.record(call, body);
    }
}

fn note_at(observed_at: Timestamp) -> Note {
    Note { observed_at: Some(observed_at), ..Note::default() }
}

/// What the comparisons of the level that an alert had say now that a device is known not to have been worn,
/// each with that stretch of time if readings in it were left out.
fn left_out(
    signals: &mut Signals<'_>,
    limits: &Limits,
    before: ConditionState,
    at: i64,
    stretch: NotWorn,
) -> Vec<Clause> {
    let level = level_of(before);
    let Some(def) = limits.levels.iter().find(|def| Some(def.level) == level) else {
        return Vec::new();
    };
    let until = stretch.until.map_or(i64::MAX, Timestamp::as_millis);
    let mut clauses = signals.clauses(&def.raise, at);
    for (clause, leaf) in clauses.iter_mut().zip(def.raise.leaves()) {
        let left_out = signals.not_worn(leaf.signal, stretch.since.as_millis()..until);
        clause.not_worn = left_out.or(clause.not_worn);
    }
    clauses
}

fn decimal(thousandths: i64) -> String {
    let mut text = String::new();
    let _ = write_thousandths(thousandths, &mut text);
    text
}
