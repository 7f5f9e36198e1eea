//! The suppression region: why an open alert annunciates nothing for now.

use alloc::string::String;

use crate::id::AlertId;
use crate::redact::redacted;
use crate::time::HostTime;

/// Why an alert annunciates nothing for now, if so.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Suppression {
    /// It annunciates.
    #[default]
    None,
    /// A person put it aside for a while.
    Shelved {
        /// Until when.
        until: HostTime,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The patient's circumstances explain it: a rule of the policy says so.
    ByRule {
        /// Which of the policy's suppressions.
        id: String,
    },
    /// Another open alert of the patient says what there is to say.
    InhibitedBy {
        /// Which.
        alert: AlertId,
    },
    /// Maintenance took the rule out of service for this patient.
    OutOfService {
        /// Work order or ticket.
        reference: String,
    },
}

/// A state of the suppression region without what it carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SuppressionState {
    /// It annunciates.
    None,
    /// Put aside by a person.
    Shelved,
    /// Explained by circumstances.
    SuppressedByRule,
    /// Said by another alert.
    InhibitedBy,
    /// Under maintenance.
    OutOfService,
}

impl SuppressionState {
    /// Every state. The region is a function of its causes, so each leads to each; where several
    /// hold, the last of this list is said.
    pub const ALL: [Self; 5] =
        [Self::None, Self::InhibitedBy, Self::SuppressedByRule, Self::Shelved, Self::OutOfService];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shelved => "shelved",
            Self::SuppressedByRule => "suppressed_by_rule",
            Self::InhibitedBy => "inhibited_by",
            Self::OutOfService => "out_of_service",
        }
    }
}

impl Suppression {
    /// The state alone.
    pub fn state(&self) -> SuppressionState {
        match self {
            Self::None => SuppressionState::None,
            Self::Shelved { .. } => SuppressionState::Shelved,
            Self::ByRule { .. } => SuppressionState::SuppressedByRule,
            Self::InhibitedBy { .. } => SuppressionState::InhibitedBy,
            Self::OutOfService { .. } => SuppressionState::OutOfService,
        }
    }

    /// Until when, if it ends by itself.
    pub fn until(&self) -> Option<HostTime> {
        match self {
            Self::Shelved { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Whether the alert annunciates.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

redacted!(Suppression);
