//! Whether what people did about an alert helped: see [`crate::alert::intervention`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::care::History;
use super::patient::{Call, Patient};
use crate::alert::{Action, Trial};
use crate::id::AlertId;
use crate::policy::Policy;
use crate::record::{AlertChange, Body, ConditionState, Tried};
use crate::time::{HostTime, Timestamp};

/// What a change of an alert says of what was done about it.
enum Outcome {
    Helped,
    /// It did not, if the condition is still there.
    Ended,
    /// Nobody can say.
    Unknown,
}

impl Patient {
    /// An alert changes: that may say whether what was done about it helped.
    pub fn judge_by(
        &mut self,
        call: &mut Call<'_>,
        id: AlertId,
        change: AlertChange,
        observed_at: Option<Timestamp>,
    ) {
        use AlertChange as C;
        let Some(trial) = self.alert(id).and_then(|alert| alert.trial.as_ref()) else {
            return;
        };
        let outcome = match change {
            C::Cleared if observed_at.is_some_and(|at| trial.may_have_led_to(at)) => {
                Outcome::Helped
            }
            C::Raised | C::Reentered | C::BecameUnstable => Outcome::Ended,
            C::Lapsed | C::RemediationOverdue => Outcome::Ended,
            C::RemediationStarted | C::Resolved => Outcome::Ended,
            C::Cleared | C::Revised | C::Retracted | C::Closed => Outcome::Unknown,
            // What was finished has been done, whoever has the alert.
            C::Unacknowledged if trial.finished_at.is_none() => Outcome::Unknown,
            _ => return,
        };
        self.settle(call, id, outcome);
    }

    /// The time in which what was done could help is over.
    pub fn helps_no_more(&mut self, call: &mut Call<'_>, id: AlertId) {
        self.settle(call, id, Outcome::Ended);
    }

    fn settle(&mut self, call: &mut Call<'_>, id: AlertId, outcome: Outcome) {
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let (active, rule) = (alert.is_active(), alert.rule);
        let Some(trial) = alert.trial.take() else {
            return;
        };
        let helped = match outcome {
            Outcome::Helped => true,
            Outcome::Ended if active => false,
            Outcome::Ended | Outcome::Unknown => return,
        };
        let rule = call.policy.rules()[rule].id().to_string();
        let history = self.care_mut().history.get_or_insert_with(rule.clone(), History::default);
        let so_far = history.judge(trial.intervention, helped);
        self.record(call, Body::InterventionJudged { alert: id, rule, helped, so_far });
    }

    /// A person begins to do something, or has done it.
    pub fn try_out(&mut self, id: AlertId, action: &Action, now: HostTime) {
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        match action {
            Action::StartRemediation { intervention, .. } => {
                // What is over, on its way there, or unknown: who could say what helped?
                let there = matches!(alert.condition, ConditionState::Active(_));
                let new = |intervention: &String| Trial {
                    intervention: intervention.clone(),
                    since: now,
                    finished_at: None,
                };
                alert.trial = intervention.as_ref().filter(|_| there).map(new);
            }
            Action::FinishRemediation => {
                if let Some(trial) = &mut alert.trial {
                    trial.finished_at = Some(now);
                }
            }
            _ => {}
        }
    }

    /// What was done about a rule's alerts before.
    pub fn tried(&self, policy: &Policy, rule: usize) -> Vec<Tried> {
        let history = self.care().history.get(policy.rules()[rule].id());
        history.map(|history| history.interventions.clone()).unwrap_or_default()
    }
}

impl History {
    fn judge(&mut self, intervention: String, helped: bool) -> Tried {
        let known = self.interventions.iter().find(|tried| tried.intervention == intervention);
        let mut tried = known.cloned().unwrap_or(Tried { intervention, tried: 0, helped: 0 });
        if tried.tried < u16::MAX {
            tried.tried += 1;
            tried.helped += u16::from(helped);
        }
        tried.clone().put_into(&mut self.interventions);
        tried
    }

    /// Of what helps best: how much more often it helped than not.
    pub fn best_help(&self) -> i64 {
        let margin = |t: &Tried| 2 * i64::from(t.helped) - i64::from(t.tried);
        self.interventions.iter().map(margin).max().unwrap_or(0)
    }
}
