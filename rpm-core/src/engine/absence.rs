//! A signal that is expected and stays away, or of which only readings come that do not count.
//!
//! Host time drives it, so that a stream that was never seen is found too. What comes and does not count, such
//! as artifacts alone, blinds the same rules as silence does: the record tells the two apart. Circumstances
//! may keep such a rule from being judged, or from annunciating; what is open is over when the signal is back,
//! whatever they are.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::episode::{Note, Opening};
use super::lane::RuleState;
use super::patient::{Call, Patient};
use crate::event::Quality;
use crate::id::AlertId;
use crate::policy::{Missing, Policy, RuleBody};
use crate::record::{Clause, ConditionState, NotWorn, Verdict};
use crate::rule::predicate::Signals;
use crate::time::{HostTime, Timestamp};
use crate::value::write_thousandths;

/// So many changes of circumstances are foreseen at a time.
const LOOKS: usize = 100;
/// What came instead of readings that count, where no quality flag says it.
pub(crate) const NOTHING: &str = "nothing";
const ABSENT: &str = "absent";
const NOT_WORN: &str = "not_worn";

impl Patient {
    /// When a signal will be missing, if nothing comes that counts. While the rule rests by circumstances it is
    /// not judged: then as soon as that is over, as far as it can be foreseen.
    pub fn missing_at(
        &self,
        policy: &Policy,
        missing: &Missing,
        since: HostTime,
    ) -> Option<HostTime> {
        let signal = &self.lane.signals[usize::from(missing.signal)];
        let mut at = signal.waited_since()?.plus(missing.after);
        if missing.may_rest() {
            at = self.judged_from(policy, missing, at.max(since))?;
        }
        // Nobody waits for a signal after the end of its enrolment.
        signal.expected().until().is_none_or(|until| at <= until).then_some(at)
    }

    fn judged_from(&self, policy: &Policy, missing: &Missing, from: HostTime) -> Option<HostTime> {
        let background = &self.lane.background;
        let mut at = from.as_millis();
        for _ in 0..LOOKS {
            if !background.rests(policy, &missing.rests, &missing.modes, at) {
                break;
            }
            at = background.changes_after(policy, missing.modifiers(), at)?;
        }
        // If it still rests by then, that is found when it is due.
        Some(HostTime::from_millis(at))
    }

    pub fn goes_missing(&mut self, call: &mut Call<'_>, rule: usize) {
        let RuleBody::Missing(missing) = &call.policy.rules()[rule].body else {
            return;
        };
        let (rests, modes, now) = (&missing.rests, &missing.modes, call.now.as_millis());
        if self.lane.background.rests(call.policy, rests, modes, now) {
            return;
        }
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
        let onset = signal.waited_since().unwrap_or(call.now);
        let onset = Timestamp::from_millis(onset.as_millis());
        let due = Timestamp::from_millis(call.now.as_millis());
        let mut clause = self.silence(call, missing);
        let own = call.policy.rules()[rule].mode;
        let signals = Signals::new(call.policy, &mut self.lane.signals, &self.lane.background);
        clause.modifiers.extend(signals.mode_told(own, &missing.modes, due.as_millis()));
        self.open_alert(
            call,
            rule,
            Opening {
                level: missing.level,
                state: ConditionState::Active(missing.level),
                onset,
                since: onset,
                observed_at: due,
                evidence: Vec::from([clause]),
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

    /// What a record says of a signal that is missing: for how long, and what came instead.
    pub fn silence(&mut self, call: &Call<'_>, missing: &Missing) -> Clause {
        let index = usize::from(missing.signal);
        let last = self.lane.signals[index].waited_since().unwrap_or(call.now);
        let seconds = |ms: i64| {
            let mut text = String::new();
            let _ = write_thousandths(ms, &mut text);
            text
        };
        let (instead, not_worn) = self.instead(call.policy, missing);
        Clause {
            signal: call.policy.signals()[index].name.clone(),
            statistic: "time_since_last".to_string(),
            over: None,
            value: Some(seconds(call.now.since(last).as_millis())),
            unit: "s".to_string(),
            comparison: "at_or_above".to_string(),
            limit: Some(seconds(missing.after.as_millis())),
            modifiers: Vec::new(),
            baseline: None,
            accuracy: None,
            score: None,
            summary: None,
            drift: None,
            not_worn,
            instead,
            coverage: 0,
            verdict: Verdict::Met,
        }
    }

    /// What has come of a signal since its last reading that counts.
    pub fn instead(
        &mut self,
        policy: &Policy,
        missing: &Missing,
    ) -> (Vec<String>, Option<NotWorn>) {
        let signal = &self.lane.signals[usize::from(missing.signal)];
        let flags = signal.spoilt_since().map_or(Quality::GOOD, |spoilt| spoilt.flags);
        let ring = &signal.ring;
        let last_good = ring.good_before(i64::MAX).map(|pane| ring.last_of(pane).0);
        let from = last_good.unwrap_or_else(|| ring.start_of(ring.oldest()));
        let span = from..self.lane.newest.saturating_add(1);
        let signals = Signals::new(policy, &mut self.lane.signals, &self.lane.background);
        let not_worn = signals.not_worn(missing.signal, span);
        let absent = flags.any(Quality::ABSENT).then_some(ABSENT);
        let of_nobody = not_worn.is_some().then_some(NOT_WORN);
        let mut instead: Vec<String> =
            flags.names().chain(absent).chain(of_nobody).map(ToOwned::to_owned).collect();
        if instead.is_empty() {
            instead.push(NOTHING.to_string());
        }
        (instead, not_worn)
    }
}
