//! The words of what happens between an alert and the people it is for.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::Hash;
use crate::error::{Code, Error};
use crate::redact::redacted;

/// The idempotency key of an intent: the same decision has the same key in every replay and after
/// every restore, so that a host which remembers keys never sends anything twice.
///
/// Printed as 32 hexadecimal digits; it names nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IntentKey(pub u128);

impl IntentKey {
    /// From what makes a decision one: whose, which, when in its escalation, to whom, how.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let Hash(hash) = Hash::of(&bytes);
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(u128::from_be_bytes(half))
    }
}

impl fmt::Display for IntentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for IntentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<IntentKey> for String {
    fn from(key: IntentKey) -> Self {
        alloc::format!("{key}")
    }
}

impl TryFrom<String> for IntentKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let key = u128::from_str_radix(&text, 16).ok().filter(|_| digits);
        key.map(Self).ok_or_else(|| Error::new(Code::UnknownIntent).at("key"))
    }
}

/// To whom a message goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The function in the care team that the policy asks for.
    pub function: String,
    /// Who has it by the roster; nobody is known to the engine if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// Why somebody is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyReason {
    /// The alert opened.
    Opened,
    /// It became more severe.
    Raised,
    /// It came back.
    Reentered,
    /// The acknowledgement ran out while the condition is still there.
    AcknowledgementLapsed,
    /// What was done has not helped in time.
    RemediationOverdue,
    /// Whoever had it went off shift.
    HandedOver,
    /// It is no longer suppressed, and still there.
    Unsuppressed,
    /// It is no longer suppressed, and the data have stopped: nobody knows.
    Unverified,
    /// Somebody resolved it, and it is still there.
    Reopened,
    /// Somebody gave it back.
    GivenBack,
    /// It was assigned to this person.
    Assigned,
    /// It has been open for too long.
    Stale,
    /// A message named several alerts, and one of them is answered.
    Regrouped,
}

/// Why somebody is not told, or no longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithholdReason {
    /// Put aside by a person.
    Shelved,
    /// Explained by circumstances.
    SuppressedByRule,
    /// Said by another alert.
    InhibitedBy,
    /// Under maintenance.
    OutOfService,
    /// It waits for the end of quiet hours.
    QuietHours,
    /// It waits for the digest.
    Digest,
    /// The patient has not consented to being monitored.
    NoConsent,
    /// The patient declines this channel.
    PatientDeclined,
    /// The rule only records.
    Shadow,
    /// No route of the policy takes it.
    NoRoute,
    /// Somebody has taken it.
    Answered,
    /// The condition is over.
    Cleared,
    /// The episode is closed.
    Closed,
    /// Another message says it better.
    Superseded,
}

/// Where an intent has come to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The engine asked.
    Planned,
    /// The host handed it to the channel.
    Handed,
    /// The channel says it arrived.
    Delivered,
    /// A person has looked at it.
    Seen,
    /// The channel says it did not arrive.
    Failed,
    /// It was taken back.
    Cancelled,
    /// Nothing was heard of it in time.
    Expired,
}

impl DeliveryState {
    /// Every transition there is. What a slow channel reports late is not refused for it: a report
    /// may skip states.
    pub const TRANSITIONS: &'static [(Self, Self)] = {
        use DeliveryState::{Cancelled, Delivered, Expired, Failed, Handed, Planned, Seen};
        &[
            (Planned, Handed),
            (Planned, Delivered),
            (Planned, Seen),
            (Planned, Failed),
            (Planned, Cancelled),
            (Planned, Expired),
            (Handed, Delivered),
            (Handed, Seen),
            (Handed, Failed),
            (Handed, Cancelled),
            (Handed, Expired),
            (Delivered, Seen),
            (Delivered, Cancelled),
        ]
    };

    /// Whether it may become the other.
    pub fn may_become(self, to: Self) -> bool {
        Self::TRANSITIONS.contains(&(self, to))
    }

    /// Whether the message may be on its way to somebody, or lie before them unread.
    pub fn is_under_way(self) -> bool {
        self.may_become(Self::Cancelled)
    }

    /// Whether it has left the host.
    pub fn was_handed(self) -> bool {
        matches!(self, Self::Handed | Self::Delivered | Self::Seen)
    }
}

/// Why an episode was closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closure {
    /// The condition was over and nothing kept it open.
    Cleared,
    /// Late evidence took it back before anybody was told.
    Retracted,
    /// A person resolved it.
    Resolved(Resolution),
}

/// What an alert turned out to be. The share of true ones is a rule's predictive value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// True, and something was done.
    TrueActedOn,
    /// True, and there was nothing to do.
    TrueNotActionable,
    /// False: not from the body.
    FalseArtifact,
    /// False: the limit does not fit the patient.
    FalseLimit,
    /// Said by another alert already.
    Duplicate,
    /// None of these; say so in the note.
    Other,
}

/// A priority and how it came about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Priority {
    /// Greater is sooner.
    pub total: i32,
    /// What it is the sum of; the sum stays within its class.
    pub terms: Vec<Term>,
}

/// One term of a priority.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Term {
    /// Its name in the table of this module.
    pub name: alloc::borrow::Cow<'static, str>,
    /// What it adds.
    pub points: i32,
}

/// How often something was done about a patient's alerts of one rule, and how often it helped.
///
/// ```
/// use rpm_core::record::Tried;
/// let oxygen = Tried { intervention: "oxygen".into(), tried: 3, helped: 2 };
/// assert_eq!(oxygen.to_string(), "oxygen helped 2 of 3 times");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What, as the site names it.
    pub intervention: String,
    /// How often it is known whether it helped.
    pub tried: u16,
    /// How often it did.
    pub helped: u16,
}

impl Tried {
    /// So many interventions of a rule are remembered, the last ones.
    pub const MOST: usize = 4;

    /// Puts it last in a list, in place of what the list said of the same intervention.
    pub(crate) fn put_into(self, list: &mut Vec<Self>) {
        list.retain(|known| known.intervention != self.intervention);
        if list.len() >= Self::MOST {
            list.remove(0);
        }
        list.push(self);
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { intervention, tried, helped } = self;
        write!(f, "{} helped {helped} of {tried} times", intervention.replace('_', " "))
    }
}

impl Resolution {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TrueActedOn,
        Self::TrueNotActionable,
        Self::FalseArtifact,
        Self::FalseLimit,
        Self::Duplicate,
        Self::Other,
    ];

    /// Its name in commands and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrueActedOn => "true_acted_on",
            Self::TrueNotActionable => "true_not_actionable",
            Self::FalseArtifact => "false_artifact",
            Self::FalseLimit => "false_limit",
            Self::Duplicate => "duplicate",
            Self::Other => "other",
        }
    }

    /// Whether the condition was real; nothing is known of `duplicate` and `other`.
    pub fn is_true(self) -> Option<bool> {
        match self {
            Self::TrueActedOn | Self::TrueNotActionable => Some(true),
            Self::FalseArtifact | Self::FalseLimit => Some(false),
            Self::Duplicate | Self::Other => None,
        }
    }
}

redacted!(Target, Tried);
