//! Changing a policy: somebody proposes, somebody else approves, a time is set.
//!
//! Rolling back is a change like any other, to an earlier policy. What a change would have changed is
//! found out by replaying a recording under both policies and comparing the records.

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use super::Policy;
use crate::error::{Code, Error};
use crate::record::{Hash, PolicyRef};
use crate::time::HostTime;

/// A change that somebody wants.
#[derive(Clone, Debug)]
pub struct Proposal {
    from: PolicyRef,
    to: Arc<Policy>,
    owner: String,
    reason: String,
}

/// A change that somebody else agreed to. Give it to
/// [`Engine::handle_change`](crate::Engine::handle_change).
#[derive(Clone, Debug)]
pub struct Approved {
    pub(crate) from: PolicyRef,
    pub(crate) to: Arc<Policy>,
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) approver: String,
    pub(crate) effective_at: HostTime,
}

impl Proposal {
    /// To go from one policy to another. People are named as the host names them.
    ///
    /// # Errors
    /// [`Code::MissingField`] without an owner or a reason, [`Code::NothingChanges`] if both policies
    /// are the same.
    pub fn new(from: &Policy, to: Arc<Policy>, owner: &str, reason: &str) -> Result<Self, Error> {
        for (field, text) in [("owner", owner), ("reason", reason)] {
            if text.trim().is_empty() {
                return Err(Error::new(Code::MissingField).at(field));
            }
        }
        if from.hash() == to.hash() {
            return Err(Error::new(Code::NothingChanges).at("to"));
        }
        let (owner, reason) = (owner.to_string(), reason.to_string());
        Ok(Self { from: from.reference(), to, owner, reason })
    }

    /// What would decide.
    pub fn to(&self) -> &Arc<Policy> {
        &self.to
    }

    /// Agrees, for a time: in the past means at once.
    ///
    /// ```
    /// # use rpm_core::{Code, HostTime, policy::{Policy, Proposal}};
    /// # let policy = |limit: u8| Policy::from_json(format!(r#"{{
    /// #   "id": "home", "version": {limit}, "title": "Oxygen at home",
    /// #   "signals": {{ "spo2": {{ "cadence": "1 s" }} }},
    /// #   "rules": [{{ "id": "low", "title": "Low", "signal": "spo2",
    /// #     "levels": [{{ "level": "urgent", "raise": {{ "below": {limit} }} }}] }}]
    /// # }}"#).as_bytes()).unwrap();
    /// let change = Proposal::new(&policy(88), policy(85), "dr.a", "too many alarms at night")?;
    /// let at = HostTime::from_millis(1_772_331_185_000);
    /// assert_eq!(change.clone().approve("dr.a", at).unwrap_err().code(), Code::NotApproved);
    /// assert!(change.approve("dr.b", at).is_ok());
    /// # Ok::<(), rpm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotApproved`] if nobody approves, or the owner.
    pub fn approve(self, approver: &str, effective_at: HostTime) -> Result<Approved, Error> {
        if approver.trim().is_empty() || approver == self.owner {
            return Err(Error::new(Code::NotApproved).at("approver"));
        }
        let Self { from, to, owner, reason } = self;
        let approver = approver.to_string();
        Ok(Approved { from, to, owner, reason, approver, effective_at })
    }
}

impl Approved {
    /// When it takes effect.
    pub fn effective_at(&self) -> HostTime {
        self.effective_at
    }

    /// Whether it was made for this policy.
    pub(crate) fn is_for(&self, current: Hash) -> bool {
        self.from.hash == current
    }
}
