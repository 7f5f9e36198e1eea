//! An alert: the episode of a condition that became active, and what people do about it.
//!
//! An alert's state is a product of regions that change independently: what the condition does and
//! how people respond. The public status is a pure function of them.

use alloc::string::String;

use crate::error::{Code, Error};
use crate::id::{AlertId, PatientKey};
use crate::record::{AlertChange, ConditionState, Level, Status};
use crate::redact::redacted;
use crate::time::{HostTime, Timestamp};

/// One episode.
#[derive(Clone, PartialEq, Eq)]
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
    /// How often it came back or rose after it was acknowledged.
    pub repeats: u16,
    /// The condition region.
    pub condition: ConditionState,
    /// The response region.
    pub response: Response,
}

/// What people did about an alert.
#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    /// Nobody has taken it.
    Unowned,
    /// Somebody has seen it.
    Acknowledged {
        /// Who.
        by: String,
        /// When, by the host's clock.
        at: HostTime,
    },
    /// It is over.
    Closed,
}

/// What a person asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Whose alert.
    pub patient: PatientKey,
    /// Which.
    pub alert: AlertId,
    /// The revision that the person saw. If the alert has changed since, the command is refused.
    pub seen_revision: u32,
    /// Who, as the host names people.
    pub actor: String,
    /// What.
    pub action: Action,
}

/// What can be done with an alert.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// "I have seen it."
    Acknowledge,
    /// "It has been dealt with."
    Resolve {
        /// How.
        reason: String,
    },
}

redacted!(Alert, Response, Command, Action);

impl Alert {
    /// The public status.
    pub fn status(&self) -> Status {
        match &self.response {
            Response::Closed => Status::Resolved,
            Response::Acknowledged { .. } => Status::Acknowledged,
            Response::Unowned if self.repeats > 0 => Status::Repeated(self.repeats),
            Response::Unowned => Status::New,
        }
    }

    /// Whether it is not closed.
    pub fn is_open(&self) -> bool {
        self.response != Response::Closed
    }

    /// Whether the condition is or may still be there.
    pub fn is_active(&self) -> bool {
        use ConditionState as C;
        matches!(self.condition, C::Active(_) | C::Clearing(_) | C::ActiveUnverified(_))
    }

    /// Takes a person's action, or says why not; then nothing has changed.
    pub(crate) fn apply(&mut self, command: &Command, at: HostTime) -> Result<AlertChange, Error> {
        if command.seen_revision != self.revision {
            return Err(Error::new(Code::StaleRevision));
        }
        if !self.is_open() {
            return Err(Error::new(Code::AlertClosed));
        }
        let change = match &command.action {
            Action::Acknowledge => {
                if matches!(self.response, Response::Acknowledged { .. }) {
                    return Err(Error::new(Code::AlreadyAcknowledged));
                }
                self.response = Response::Acknowledged { by: command.actor.clone(), at };
                AlertChange::Acknowledged
            }
            Action::Resolve { .. } => {
                self.response = Response::Closed;
                if let ConditionState::Latched(_) = self.condition {
                    self.condition = ConditionState::Normal;
                }
                AlertChange::Resolved
            }
        };
        self.revision += 1;
        Ok(change)
    }

    /// Follows the condition; says what that means for the people who look at it.
    ///
    /// `latch` is whether the highest level reached stays open when the condition is over.
    pub(crate) fn follow(&mut self, to: ConditionState, latch: bool) -> Option<AlertChange> {
        use ConditionState as C;
        let was_active = self.is_active();
        let before = level_of(self.condition);
        let change = match (to, before) {
            (C::Active(level) | C::Clearing(level), _) if !was_active => {
                self.rise_to(level);
                Some(AlertChange::Reentered)
            }
            (C::Active(new) | C::Clearing(new), Some(old)) if new > old => {
                self.rise_to(new);
                Some(AlertChange::Raised)
            }
            (C::Active(new) | C::Clearing(new), Some(old)) if new < old => {
                Some(AlertChange::Lowered)
            }
            (C::Active(_) | C::Clearing(_), _) => match self.condition {
                C::ActiveUnverified(_) => Some(AlertChange::Verified),
                _ => None,
            },
            (C::ActiveUnverified(_), _) => Some(AlertChange::Unverified),
            (C::Normal | C::Pending | C::NeverSeen, _) if was_active => Some(AlertChange::Cleared),
            _ => return None,
        };
        self.condition = match change {
            Some(AlertChange::Cleared) if latch => C::Latched(self.level),
            Some(AlertChange::Cleared) => C::Normal,
            _ => to,
        };
        if change.is_some() {
            self.revision += 1;
        }
        change
    }

    /// More severe, or back: whoever acknowledged has not seen this.
    fn rise_to(&mut self, level: Level) {
        self.level = self.level.max(level);
        self.repeats = self.repeats.saturating_add(1);
        self.response = Response::Unowned;
    }

    /// Closes without a person, after the condition cleared and nothing latches it.
    pub(crate) fn close(&mut self) {
        self.response = Response::Closed;
        self.revision += 1;
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
