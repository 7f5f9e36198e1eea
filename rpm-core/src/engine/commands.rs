//! What people do about alerts.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::lane::RuleState;
use super::patient::{Call, Patient};
use crate::alert::{Action, Alert, Command};
use crate::error::{Code, Error};
use crate::id::AlertId;
use crate::record::Body;

impl Patient {
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
}
