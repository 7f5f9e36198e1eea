//! What people ask of a baseline.

use alloc::string::String;

use serde::Serialize;

use crate::id::PatientKey;
use crate::redact::redacted;
use crate::time::Timestamp;
use crate::value::Value;

/// What a person asks of what was learned of a patient: a new medication or a new device makes
/// something else usual.
#[derive(Clone, PartialEq, Eq)]
pub struct BaselineCommand {
    /// Whose.
    pub patient: PatientKey,
    /// Which, by its name in the policy.
    pub baseline: String,
    /// What.
    pub action: BaselineAction,
    /// Who, as the host names people.
    pub actor: String,
    /// In which role, by the host's word; the policy says what a role may do.
    pub role: String,
    /// Why, in the person's words.
    pub reason: String,
}

/// What can be done with a baseline.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum BaselineAction {
    /// Forget everything: nothing observed before a time is usual any more. Until enough has been
    /// seen again, the fallback is.
    Restart {
        /// From when on to learn; from the newest observation on if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
    },
    /// Everything learned lies by so much higher, or lower if negative: another device, say, that
    /// reads 2 less. Not for a median, which asks the readings themselves.
    Shift {
        /// By how much, in the signal's unit.
        by: Value,
    },
}

impl BaselineAction {
    /// Its name in records and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart { .. } => "restart",
            Self::Shift { .. } => "shift",
        }
    }
}

redacted!(BaselineCommand, BaselineAction);
