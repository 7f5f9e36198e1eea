//! An alert: the episode of a condition that became active, and what people do about it.
//!
//! An alert's state is four regions that change independently, and the public status is a pure
//! function of them:
//!
//! | region | says | module |
//! |---|---|---|
//! | condition | whether it is so | [`ConditionState`] |
//! | response | what people do about it | [`response`] |
//! | suppression | why it annunciates nothing for now | [`suppression`] |
//! | delivery | who was told, message by message | [`delivery`] |
//!
//! Nothing that happens in the region of one alert changes a region of another, but for inhibition,
//! which the policy names.

pub mod command;
pub mod delivery;
pub(crate) mod escalation;
pub mod intervention;
pub mod priority;
pub mod response;
pub mod roster;
pub mod suppression;

use alloc::string::String;

use smallvec::SmallVec;

use crate::error::Code;
use crate::id::AlertId;
use crate::record::{AlertChange, Closure, ConditionState, Level, NotifyReason, Status};
use crate::redact::redacted;
use crate::time::{Duration, HostTime, Timestamp};

pub use command::{Action, Command, Refusal};
pub use delivery::{CancelDelivery, Delivery, DeliveryIntent, DeliveryReport, MessagePart};
pub(crate) use escalation::{Escalation, Round};
pub(crate) use intervention::Trial;
pub use response::{Response, ResponseState, ResponseTrigger};
pub use roster::{Roster, Shift};
pub use suppression::{Suppression, SuppressionState};

/// So many re-entries within ten sampling intervals make an episode unstable.
pub(crate) const FLAPS: usize = 3;

/// One episode.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alert {
    /// Its number, unique within the patient.
    pub id: AlertId,
    /// Index of its rule; [`Engine::rule_of`](crate::Engine::rule_of) has the rule itself.
    pub rule: usize,
    /// The version of the policy that opened it. It stays on that one.
    pub version: u32,
    /// The highest level reached so far.
    pub level: Level,
    /// Whether it only records.
    pub shadow: bool,
    /// Since when the limit was crossed, in event time.
    pub onset: Timestamp,
    /// When it opened, by the host's clock.
    pub opened_at: HostTime,
    /// Counts every change; commands name the one they saw.
    pub revision: u32,
    /// How often it came back, or rose after it was acknowledged.
    pub repeats: u16,
    /// Whether it keeps coming and going: then it stays one episode, and only what is worse is news.
    pub unstable: bool,
    /// How often it was brought up because it had been open for too long.
    pub stale: u16,
    /// Whom it is for, if somebody said so.
    pub assigned: Option<String>,
    /// When the condition was over, unless it is back.
    pub cleared_at: Option<HostTime>,
    /// The condition region.
    pub condition: ConditionState,
    /// The response region.
    pub response: Response,
    /// The suppression region.
    pub suppression: Suppression,
    /// When it last came back, in event time.
    pub(crate) reentries: SmallVec<[i64; FLAPS]>,
    /// The steps on the way to somebody who answers.
    pub(crate) escalation: Escalation,
    /// While it only records: when that is looked at again.
    pub(crate) shadow_until: Option<HostTime>,
    /// What is being done about it, until it is known whether that helped.
    pub(crate) trial: Option<Trial>,
}

redacted!(Alert);

impl Alert {
    /// The public status.
    pub fn status(&self) -> Status {
        match &self.response {
            Response::Closed { .. } => Status::Resolved,
            Response::InRemediation { .. } => Status::InRemediation,
            Response::Acknowledged { .. } => Status::Acknowledged,
            Response::Unowned if self.repeats > 0 => Status::Repeated(self.repeats),
            Response::Unowned => Status::New,
        }
    }

    /// Whether it is not closed.
    pub fn is_open(&self) -> bool {
        self.response.state() != ResponseState::Closed
    }

    /// Whether the condition is or may still be there.
    pub fn is_active(&self) -> bool {
        use ConditionState as C;
        matches!(self.condition, C::Active(_) | C::Clearing(_) | C::ActiveUnverified(_))
    }

    /// Whether somebody should answer: it is open, nobody has it, and it is not over. What keeps
    /// coming and going is not over before it is closed.
    pub fn wants_answer(&self) -> bool {
        let over = level_of(self.condition).is_none() && !self.unstable;
        self.response.state() == ResponseState::Unowned && !over
    }

    /// How severe it is now; the highest level if the condition is over.
    pub fn level_now(&self) -> Level {
        level_of(self.condition).unwrap_or(self.level)
    }

    /// How many rounds of its escalation have begun.
    pub fn rounds(&self) -> u16 {
        self.escalation.round
    }

    /// Whether a round is under way: somebody is being told, or will be when it may go out.
    pub fn is_escalating(&self) -> bool {
        self.escalation.running.is_some()
    }

    /// Whether everybody has been told and nobody has answered.
    pub fn is_exhausted(&self) -> bool {
        self.escalation.exhausted
    }

    /// Moves the response region, or says that the table has no such way.
    pub(crate) fn respond(&mut self, trigger: ResponseTrigger, to: Response) -> Result<(), Code> {
        if self.response.state().after(trigger) != Some(to.state()) {
            return Err(Code::NotPossibleNow);
        }
        self.response = to;
        Ok(())
    }

    /// Follows the condition; says what that means for the people who look at it.
    ///
    /// `latch` is whether the highest level reached stays open when the condition is over.
    pub(crate) fn follow(
        &mut self,
        to: ConditionState,
        latch: bool,
        at: Told,
    ) -> Option<AlertChange> {
        use ConditionState as C;
        let was_active = self.is_active();
        let before = level_of(self.condition);
        let change = match (to, before) {
            (C::Active(level) | C::Clearing(level), _) if !was_active => self.comes_back(level, at),
            (C::Active(new) | C::Clearing(new), Some(old)) if new > old => {
                // Always news, also of an unstable episode that has been as bad before.
                self.rise_to(new);
                Some(AlertChange::Raised)
            }
            (C::Active(new) | C::Clearing(new), Some(old)) if new < old => {
                (!self.unstable).then_some(AlertChange::Lowered)
            }
            (C::Active(_) | C::Clearing(_), _) => match self.condition {
                C::ActiveUnverified(_) => Some(AlertChange::Verified),
                _ => None,
            },
            (C::ActiveUnverified(_), _) => Some(AlertChange::Unverified),
            (C::Normal | C::Pending | C::NeverSeen, _) if was_active => {
                self.cleared_at = Some(at.now);
                self.condition = if latch { C::Latched(self.level) } else { C::Normal };
                let change = (!self.unstable).then_some(AlertChange::Cleared);
                self.revision += u32::from(change.is_some());
                return change;
            }
            _ => return None,
        };
        self.condition = to;
        self.revision += u32::from(change.is_some());
        change
    }

    /// The condition is back. One that keeps coming and going is one unstable episode, and only what
    /// is worse than before is news.
    fn comes_back(&mut self, level: Level, at: Told) -> Option<AlertChange> {
        self.cleared_at = None;
        let worse = level > self.level;
        if self.unstable && !worse {
            return None;
        }
        let became_unstable = !self.unstable && self.flaps(at);
        self.unstable |= became_unstable;
        self.rise_to(level);
        Some(match (became_unstable, worse) {
            (true, _) => AlertChange::BecameUnstable,
            (false, true) => AlertChange::Raised,
            (false, false) => AlertChange::Reentered,
        })
    }

    /// Counts a re-entry; whether there were too many in too short a time.
    pub(crate) fn flaps(&mut self, at: Told) -> bool {
        if self.reentries.len() == FLAPS {
            self.reentries.remove(0);
        }
        self.reentries.push(at.observed);
        let first = self.reentries.first().copied().unwrap_or(at.observed);
        self.reentries.len() == FLAPS && at.observed - first <= at.flap_window.as_millis()
    }

    /// More severe, or back: whoever acknowledged has not seen this. What nobody had acknowledged and only
    /// rises is no repetition: nobody has seen it yet.
    fn rise_to(&mut self, level: Level) {
        let repeats = !self.is_active() || self.response != Response::Unowned;
        self.level = self.level.max(level);
        self.repeats = self.repeats.saturating_add(repeats.into());
        // Every open state has this transition, and a closed alert does not follow its condition.
        let _ = self.respond(ResponseTrigger::Rise, Response::Unowned);
    }

    /// Closes without a person.
    pub(crate) fn close(&mut self, at: HostTime, reason: Closure) {
        if self.respond(ResponseTrigger::Close, Response::Closed { at, reason }).is_ok() {
            self.revision += 1;
        }
    }
}

/// When an alert's condition changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// By the host's clock.
    pub now: HostTime,
    /// In event time.
    pub observed: i64,
    /// Re-entries within this time are counted together.
    pub flap_window: Duration,
}

/// Whom a change is news for, and why.
pub(crate) fn news_of(change: AlertChange) -> Option<NotifyReason> {
    use AlertChange as C;
    match change {
        C::Raised => Some(NotifyReason::Raised),
        C::Reentered | C::BecameUnstable => Some(NotifyReason::Reentered),
        C::BecameStale => Some(NotifyReason::Stale),
        C::Unacknowledged => Some(NotifyReason::GivenBack),
        C::Lapsed => Some(NotifyReason::AcknowledgementLapsed),
        C::RemediationOverdue => Some(NotifyReason::RemediationOverdue),
        C::Reopened => Some(NotifyReason::Reopened),
        _ => None,
    }
}

/// The level of a state that has one.
pub(crate) fn level_of(state: ConditionState) -> Option<Level> {
    use ConditionState as C;
    match state {
        C::Active(l) | C::Clearing(l) | C::ActiveUnverified(l) | C::Latched(l) => Some(l),
        C::NeverSeen | C::Normal | C::Pending => None,
    }
}
