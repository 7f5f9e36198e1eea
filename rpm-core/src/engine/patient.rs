//! One patient: intake, lanes, alerts and the record stream.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::Reading;
use super::backlog::Backlog;
use super::lane::{Appended, Effect, Effects, Lane, RuleState};
use super::output::{Output, Queue};
use crate::alert::{Action, Alert, Command, level_of};
use crate::error::{Code, Error};
use crate::event::Quality;
use crate::id::{AlertId, DeviceKey, PatientId, TenantId};
use crate::intake::{self, Counts, DeviceState, Receipt, Seen};
use crate::policy::{Mode, Policy, RuleBody};
use crate::record::{AlertChange, Body, Chain, ConditionState, Level};
use crate::rule::condition::{Abandoned, Change, Machine};
use crate::rule::predicate::Signals;
use crate::signal::{Placed, Sample};
use crate::time::{Duration, HostTime, Timestamp};
use crate::value::{Value, write_thousandths};

/// No timer.
pub(crate) const UNARMED: i64 = i64::MAX;

/// See the module. What every reading needs comes first, in three lines of the cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Patient {
    pub lane: Lane,
    pub devices: SmallVec<[DeviceState; 1]>,
    pub chain: Chain,
    pub counts: Counts,
    pub tenant: Option<TenantId>,
    pub id: PatientId,
    /// Data older than the horizon, to be evaluated on their own.
    pub backlog: Option<Box<Backlog>>,
    /// Open alerts and the latest closed one of each rule.
    pub alerts: Vec<Alert>,
    pub next_alert: u32,
    /// When the engine's timer for this patient goes off.
    pub armed: i64,
}

/// What every call carries down.
pub(crate) struct Call<'a> {
    pub policy: &'a Policy,
    pub now: HostTime,
    pub out: &'a mut Queue,
    /// Whether a timer may be due earlier than the one that is set.
    pub rearm: bool,
}

impl Patient {
    pub fn new(tenant: Option<TenantId>, id: PatientId, policy: &Policy) -> Self {
        Self {
            tenant,
            id,
            devices: SmallVec::new(),
            lane: Lane::new(policy),
            backlog: None,
            alerts: Vec::new(),
            next_alert: 1,
            chain: Chain::default(),
            counts: Counts::default(),
            armed: UNARMED,
        }
    }

    /// Reads what every reading needs, for the sake of the cache.
    #[inline]
    pub fn touch(&self) -> u64 {
        let seen = self.devices.first().map_or(0, |device| device.sequence.next);
        self.lane.newest as u64 ^ seen ^ self.chain.inputs
    }

    /// The same for the names of patient and device.
    #[inline]
    pub fn touch_names(&self) -> u8 {
        let first = |name: &str| name.as_bytes().first().copied().unwrap_or(0);
        first(self.id.as_str()) ^ self.devices.first().map_or(0, |d| first(d.id.as_str()))
    }

    /// Takes a reading in; a refusal is the caller's to put out, with the event.
    #[inline]
    pub fn reading(&mut self, call: &mut Call<'_>, r: &Reading) -> Receipt {
        self.note(r);
        let Some(index) = call.policy.signal_of(r.kind) else {
            return self.irregular(call, r);
        };
        match self.regular(call, r, index) {
            Appended::No => return self.irregular(call, r),
            Appended::Calm => {}
            Appended::Restless => self.look(call, index, r.quality.is_good()),
        }
        self.counts.accepted += 1;
        Receipt::Accepted
    }

    /// The reading that nearly all are: believable, new, and the next of its signal.
    /// Does for it what [`receive`](Self::receive) does, or nothing and says so.
    #[inline]
    fn regular(&mut self, call: &Call<'_>, r: &Reading, index: usize) -> Appended {
        let (sample, def) = (r.sample(), &call.policy.signals()[index]);
        let Some(device) = self.devices.get_mut(usize::from(sample.device.0)) else {
            return Appended::No;
        };
        // One slot of a pane can say that a reading is good, or that it is an artifact.
        let plain = sample.quality.is_good()
            || sample.quality == Quality::ARTIFACT && !def.accept.any(Quality::ARTIFACT);
        let believable = plain
            && def.twins.is_empty()
            && intake::is_plausible(def, sample.value)
            && intake::check_time(call.policy, sample.observed_at, call.now).is_ok();
        let new = r.sequence.is_none_or(|number| device.sequence.lookup(number) == Seen::No);
        if !believable || !new {
            return Appended::No;
        }
        let appended = self.lane.append(call.policy, def, index, &sample, call.now);
        if let (Some(number), true) = (r.sequence, appended != Appended::No) {
            device.sequence.insert(number);
        }
        appended
    }

    /// A rule has something to say of the newest pane of a signal.
    #[inline(never)]
    fn look(&mut self, call: &mut Call<'_>, index: usize, good: bool) {
        let mut effects = Effects::at(call.now);
        self.lane.look(call.policy, index, good, &mut effects);
        self.take_effects(call, effects);
    }

    #[inline(never)]
    fn irregular(&mut self, call: &mut Call<'_>, r: &Reading) -> Receipt {
        let receipt = self.receive(call, r).unwrap_or_else(Receipt::Quarantined);
        self.counts.count(receipt);
        receipt
    }

    /// Into the count and checksum of the inputs: three words.
    #[inline]
    pub fn note(&mut self, r: &Reading) {
        let checksum = &mut self.chain.checksum;
        self.chain.inputs += 1;
        checksum.feed(r.observed_at.as_millis() as u64);
        let (value, device) = (r.value.thousandths() as u32, u32::from(r.device.0));
        checksum.feed(u64::from(value) << 32 | u64::from(device << 16 | u32::from(r.kind.0)));
        let sequence = r.sequence.map_or(u64::MAX, |s| s.wrapping_add(1));
        checksum.feed(sequence.rotate_left(8) ^ u64::from(r.quality.bits()));
    }

    fn receive(&mut self, call: &mut Call<'_>, r: &Reading) -> Result<Receipt, Code> {
        intake::check_time(call.policy, r.observed_at, call.now)?;
        let Some(device) = self.devices.get(usize::from(r.device.0)) else {
            return Err(Code::UnknownDevice);
        };
        let seen = r.sequence.map_or(Seen::Unknown, |n| device.sequence.lookup(n));
        let Some(index) = call.policy.signal_of(r.kind) else {
            return Ok(self.unmonitored(r, seen));
        };
        let def = &call.policy.signals()[index];
        let mut sample = r.sample();
        sample.quality = intake::check_value(def, sample.value, sample.quality)?;
        if seen == Seen::Yes {
            return self.repeated(index, &sample);
        }
        let placed = if self.lane.is_current(def, sample.observed_at.as_millis()) {
            self.live(call, index, &sample)
        } else {
            self.belated(call, index, &sample)
        };
        match placed {
            Placed::Accepted => {
                self.mark_sequence(r);
                Ok(Receipt::Accepted)
            }
            Placed::Duplicate => Ok(Receipt::Duplicate),
            Placed::Conflict => Err(Code::Conflict),
            Placed::TooOld => Err(Code::BeyondHorizon),
        }
    }

    #[inline]
    fn mark_sequence(&mut self, r: &Reading) {
        let device = self.devices.get_mut(usize::from(r.device.0));
        if let (Some(number), Some(device)) = (r.sequence, device) {
            device.sequence.insert(number);
        }
    }

    fn unmonitored(&mut self, r: &Reading, seen: Seen) -> Receipt {
        if seen == Seen::Yes {
            return Receipt::Duplicate;
        }
        self.mark_sequence(r);
        self.counts.unmonitored += 1;
        Receipt::Accepted
    }

    /// The device used the number before: for the same reading, or for another.
    fn repeated(&self, index: usize, sample: &Sample) -> Result<Receipt, Code> {
        let backlog = self.backlog.as_ref();
        let in_backlog = || backlog.and_then(|backlog| backlog.find(index, sample));
        let known = self.lane.find(index, sample).or_else(in_backlog);
        let oldest = self.lane.signals[index].ring.oldest();
        let pane = self.lane.signals[index].ring.pane_of(sample.observed_at);
        match known {
            Some(value) if value == sample.value => Ok(Receipt::Duplicate),
            // The pane has left the ring: all that is known is the number.
            None if pane < oldest => Ok(Receipt::Duplicate),
            _ => Err(Code::Conflict),
        }
    }

    fn live(&mut self, call: &mut Call<'_>, index: usize, sample: &Sample) -> Placed {
        let mut effects = Effects::at(call.now);
        let placed = self.lane.insert(call.policy, index, sample, &mut effects);
        if placed != Placed::Accepted {
            return placed;
        }
        if self.lane.signals[index].last_arrival.replace(call.now).is_none() {
            call.rearm = true;
        }
        if self.lane.absent > 0 {
            self.signal_is_back(call, index, sample.observed_at);
            for twin in &call.policy.signals()[index].twins {
                self.signal_is_back(call, usize::from(*twin), sample.observed_at);
            }
        }
        if !effects.list.is_empty() {
            self.take_effects(call, effects);
        }
        placed
    }

    /// Data from before the horizon: kept, and read on their own when no more comes.
    fn belated(&mut self, call: &mut Call<'_>, index: usize, sample: &Sample) -> Placed {
        if let Some(known) = self.lane.find(index, sample) {
            return if known == sample.value { Placed::Duplicate } else { Placed::Conflict };
        }
        if self.backlog.as_ref().is_some_and(|backlog| backlog.is_full()) {
            self.close_backlog(call);
        }
        let placed = self.backlog.get_or_insert_default().add(index, sample, call.now);
        if placed == Placed::Accepted {
            self.counts.beyond_horizon += 1;
            call.rearm = true;
        }
        placed
    }

    /// The backlog has come to its end: says what was going on.
    pub fn close_backlog(&mut self, call: &mut Call<'_>) {
        let Some(backlog) = self.backlog.take() else {
            return;
        };
        for past in backlog.read(call.policy, &self.lane) {
            self.finding(call, past.rule, &past.machine, past.until);
        }
    }

    fn finding(&mut self, call: &mut Call<'_>, rule: usize, machine: &Machine, until: i64) {
        let RuleBody::Limits(limits) = &call.policy.rules()[rule].body else {
            return;
        };
        let Some(top) = usize::from(machine.level).checked_sub(1) else {
            return;
        };
        let (from, until) = (machine.onset, until.max(machine.onset));
        let overlaps = |a: &Alert| {
            let onset = a.onset.as_millis();
            a.rule == rule && onset <= until && (a.is_active() || onset >= from)
        };
        let alerted = self.alerts.iter().any(overlaps);
        let body = Body::RetrospectiveFinding {
            rule: call.policy.rules()[rule].label(),
            level: limits.levels[top].level,
            from: Timestamp::from_millis(from),
            until: Timestamp::from_millis(until),
            alerted,
        };
        self.record(call, body);
    }

    #[inline(never)]
    fn take_effects(&mut self, call: &mut Call<'_>, effects: Effects) {
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

    /// The live lane went through old data, was active there, and came out of it.
    fn dated_finding(&mut self, call: &mut Call<'_>, rule: usize, until: i64) {
        let RuleState::Limits(watch) = &self.lane.rules[rule] else {
            return;
        };
        let active = watch.condition.undo.iter().rev().map(|(_, m)| *m).find(|m| m.level > 0);
        if let Some(machine) = active {
            self.finding(call, rule, &machine, until);
        }
    }

    /// Late evidence says that a condition was active for a while, and is over.
    fn past_finding(
        &mut self,
        call: &mut Call<'_>,
        rule: usize,
        history: &[(i64, ConditionState)],
    ) {
        let mut start: Option<(i64, Level)> = None;
        for (at, state) in history.iter().skip(1) {
            match (level_of(*state), start) {
                (Some(level), None) => start = Some((*at, level)),
                (Some(level), Some((from, worst))) => start = Some((from, worst.max(level))),
                (None, Some((from, level))) => {
                    let body = Body::RetrospectiveFinding {
                        rule: call.policy.rules()[rule].label(),
                        level,
                        from: Timestamp::from_millis(from),
                        until: Timestamp::from_millis(*at),
                        alerted: false,
                    };
                    self.record(call, body);
                    start = None;
                }
                (None, None) => {}
            }
        }
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

    /// Takes a person's command; the inner error is the refusal, recorded as well.
    pub fn command(&mut self, call: &mut Call<'_>, command: &Command) -> Result<(), Error> {
        self.chain.inputs += 1;
        self.chain
            .checksum
            .feed(u64::from(command.alert.0) << 32 | u64::from(command.seen_revision));
        self.chain.checksum.feed_text(command.actor.as_bytes());
        let alert = self.alerts.iter_mut().find(|a| a.id == command.alert);
        let revision = alert.as_ref().map(|a| a.revision);
        let applied = match alert {
            Some(alert) => alert.apply(command, call.now),
            None => Err(Error::new(Code::UnknownAlert)),
        };
        match applied {
            Ok(change) => {
                let reason = match &command.action {
                    Action::Resolve { reason } => Some(reason.clone()),
                    Action::Acknowledge => None,
                };
                let person = Some((command.actor.clone(), reason));
                self.alert_changed(
                    call,
                    Some(command.alert),
                    change,
                    None,
                    None,
                    person,
                    Vec::new(),
                );
                self.release_closed(call, command.alert);
                Ok(())
            }
            Err(error) => {
                let body = Body::CommandRefused {
                    alert: command.alert,
                    reason: error.code().name().to_string(),
                    revision,
                    by: command.actor.clone(),
                };
                self.record(call, body);
                Err(error)
            }
        }
    }

    /// A resolved alert lets go of its rule once the condition is over; while it is still active
    /// the rule stays tied to it, so that resolving does not raise the same alert again.
    fn release_closed(&mut self, call: &mut Call<'_>, id: AlertId) {
        let over = |a: &&Alert| a.id == id && !a.is_open() && !a.is_active();
        let Some(rule) = self.alerts.iter().find(over).map(|alert| alert.rule) else {
            return;
        };
        match &mut self.lane.rules[rule] {
            RuleState::Limits(watch) if watch.alert == Some(id) => watch.alert = None,
            RuleState::Missing(absence) if absence.alert == Some(id) => absence.alert = None,
            _ => return,
        }
        self.episode_over(call, rule);
    }

    pub fn record(&mut self, call: &mut Call<'_>, body: Body) {
        let sealed = self.chain.seal(self.tenant.as_ref(), Some(&self.id), call.now, body);
        call.out.push(Output::Record(sealed.into()));
    }

    /// The device's key; devices are few, so a scan will do.
    pub fn device(&mut self, id: &crate::id::DeviceId, most: usize) -> Result<DeviceKey, Error> {
        if let Some(index) = self.devices.iter().position(|d| d.id == *id) {
            return Ok(DeviceKey(index as u16));
        }
        if self.devices.len() >= most {
            return Err(Error::new(Code::CapacityReached).at("device"));
        }
        self.devices.push(DeviceState { id: id.clone(), sequence: Default::default() });
        Ok(DeviceKey(self.devices.len() as u16 - 1))
    }

    /// Gives a reading another value, or takes it out; whether that changed anything.
    pub fn amend(
        &mut self,
        call: &mut Call<'_>,
        r: &Reading,
        to: Option<Value>,
    ) -> Result<Receipt, Code> {
        intake::check_time(call.policy, r.observed_at, call.now)?;
        let device = self.devices.get(usize::from(r.device.0));
        let sequence = r.sequence.zip(device.map(|d| d.sequence));
        if sequence.is_some_and(|(number, window)| window.lookup(number) == Seen::Yes) {
            return Ok(Receipt::Duplicate);
        }
        let index = call.policy.signal_of(r.kind).ok_or(Code::NothingToCorrect)?;
        let def = &call.policy.signals()[index];
        let mut sample = r.sample();
        if let Some(value) = to {
            sample.quality = intake::check_value(def, value, Quality::GOOD)?;
        }
        let mut effects = Effects::at(call.now);
        let changed = self.lane.amend(call.policy, index, &sample, to, &mut effects)?;
        self.mark_sequence(r);
        self.take_effects(call, effects);
        Ok(if changed { Receipt::Accepted } else { Receipt::Duplicate })
    }
}

fn decimal(thousandths: i64) -> String {
    let mut text = String::new();
    let _ = write_thousandths(thousandths, &mut text);
    text
}
