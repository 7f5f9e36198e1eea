//! Replacing one policy by another: proposed with a reason, approved by someone else.

use alloc::string::String;
use alloc::sync::Arc;

use super::Policy;
use crate::error::{Code, Error};
use crate::record::Hash;
use crate::time::HostTime;

/// A change that somebody wants.
#[derive(Clone, Debug)]
pub struct Proposal {
    from: Hash,
    to: Arc<Policy>,
    reason: String,
    owner: String,
}

/// A change that somebody else has approved. Only [`Proposal::approve`] makes one.
#[derive(Clone, Debug)]
pub struct Approved {
    pub(crate) proposal: Proposal,
    pub(crate) approver: String,
    pub(crate) effective_at: HostTime,
}

impl Proposal {
    /// Proposes `to` in place of `from`.
    ///
    /// # Errors
    /// [`Code::EmptyName`] without an owner or a reason.
    pub fn new(from: &Policy, to: Arc<Policy>, owner: &str, reason: &str) -> Result<Self, Error> {
        for (text, field) in [(owner, "owner"), (reason, "reason")] {
            if text.trim().is_empty() {
                return Err(Error::new(Code::EmptyName).at(field));
            }
        }
        Ok(Self { from: from.hash(), to, reason: reason.into(), owner: owner.into() })
    }

    /// Approves, to take effect at a time of the host.
    ///
    /// # Errors
    /// [`Code::NotApproved`] if the owner approves their own change.
    pub fn approve(self, approver: &str, effective_at: HostTime) -> Result<Approved, Error> {
        if approver.trim().is_empty() || approver == self.owner {
            return Err(Error::new(Code::NotApproved).at("approver"));
        }
        Ok(Approved { proposal: self, approver: approver.into(), effective_at })
    }

    pub(crate) fn from(&self) -> Hash {
        self.from
    }

    pub(crate) fn to(&self) -> &Arc<Policy> {
        &self.to
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }
}
