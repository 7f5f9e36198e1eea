//! What people ask for.

use alloc::string::String;

use serde::Serialize;

use crate::error::Code;
use crate::id::{AlertId, PatientKey};
use crate::policy::Permission;
use crate::record::{Resolution, Status};
use crate::redact::redacted;
use crate::time::HostTime;

/// What a person asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Whose alert.
    pub patient: PatientKey,
    /// Which. A shelf outlives its episode: to take it down, name the rule's last alert.
    pub alert: AlertId,
    /// The revision that the person saw. If the alert has changed since, the command is refused.
    pub seen_revision: u32,
    /// Who, as the host names people.
    pub actor: String,
    /// In which role, by the host's word; the policy says what a role may do.
    pub role: String,
    /// What.
    pub action: Action,
}

/// What can be done with an alert.
///
/// ```
/// let text = r#"{"action": "resolve", "reason": "false_artifact", "note": "probe was loose"}"#;
/// let action = rpm_core::input::action(text).unwrap();
/// assert_eq!(action.permission(), Some(rpm_core::policy::Permission::Resolve));
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// "I have seen it."
    Acknowledge,
    /// "It is not mine after all."
    Unacknowledge,
    /// "Something is being done."
    StartRemediation {
        /// By whom; by the actor if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// Until when it should have helped; the policy's time if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        due: Option<HostTime>,
        /// What, as the site names it: `reposition_probe`, `oxygen`. Whether it
        /// [helped](super::intervention) is remembered for the rule and the patient.
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<String>,
    },
    /// "It has been done."
    FinishRemediation,
    /// "It has been dealt with."
    Resolve {
        /// What it was.
        reason: Resolution,
        /// In the person's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// "Not now." Holds for the rule and this patient, up to the alert's level, until the time.
    Shelve {
        /// Until when; the policy sets the longest time.
        until: HostTime,
        /// Why.
        reason: String,
    },
    /// "Now again."
    Unshelve,
    /// "The equipment is being worked on." Holds for the rule and this patient until it is back.
    TakeOutOfService {
        /// Work order or ticket.
        reference: String,
    },
    /// "The equipment is back."
    ReturnToService,
    /// "This is for you." Who is named is told at once.
    Assign {
        /// Who.
        to: String,
    },
    /// For the record.
    Note {
        /// In the person's words.
        text: String,
    },
}

/// Why a command was refused, and how things stand. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// The alert's revision now, if there is such an alert.
    pub revision: Option<u32>,
    /// Its status now.
    pub status: Option<Status>,
}

redacted!(Command, Action);

impl Action {
    /// Its name in records and in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Unacknowledge => "unacknowledge",
            Self::StartRemediation { .. } => "start_remediation",
            Self::FinishRemediation => "finish_remediation",
            Self::Resolve { .. } => "resolve",
            Self::Shelve { .. } => "shelve",
            Self::Unshelve => "unshelve",
            Self::TakeOutOfService { .. } => "take_out_of_service",
            Self::ReturnToService => "return_to_service",
            Self::Assign { .. } => "assign",
            Self::Note { .. } => "note",
        }
    }

    /// What it takes; a note takes nothing.
    pub fn permission(&self) -> Option<Permission> {
        match self {
            Self::Acknowledge | Self::Unacknowledge => Some(Permission::Acknowledge),
            Self::StartRemediation { .. } | Self::FinishRemediation => Some(Permission::Remediate),
            Self::Resolve { .. } => Some(Permission::Resolve),
            Self::Shelve { .. } | Self::Unshelve => Some(Permission::Shelve),
            Self::TakeOutOfService { .. } | Self::ReturnToService => Some(Permission::OutOfService),
            Self::Assign { .. } => Some(Permission::Assign),
            Self::Note { .. } => None,
        }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", crate::error::Error::new(self.code))?;
        match self.revision {
            Some(revision) => write!(f, "; the alert is at revision {revision}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Refusal {}
