//! The delivery region: what the host was asked to hand over, and what it reports.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::id::{AlertId, PatientId, PatientKey, TenantId};
use crate::record::{DeliveryState, IntentKey, Level, NotifyReason, Target, WithholdReason};
use crate::redact::redacted;
use crate::time::{HostTime, Timestamp};

/// Asks the host to tell somebody. The engine itself sends nothing.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryIntent {
    /// Never two messages for one key.
    pub key: IntentKey,
    /// The organisation, where the host has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// About whom.
    pub patient: PatientId,
    /// What the message says, one part an alert, the gravest first.
    pub parts: Vec<MessagePart>,
    /// To whom.
    pub target: Target,
    /// How: `push`, `pager`, ... as the policy names channels.
    pub channel: String,
    /// In which queue the alert waits.
    pub queue: String,
    /// Why now.
    pub reason: NotifyReason,
    /// When it was decided.
    pub at: HostTime,
    /// After this it is of no use to anybody.
    pub expires_at: HostTime,
    /// The message it takes the place of: the host may update that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<IntentKey>,
}

/// What a message says of one alert.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct MessagePart {
    /// The alert.
    pub alert: AlertId,
    /// Its revision: what an acknowledgement from the message has seen.
    pub revision: u32,
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// How bad now.
    pub level: Level,
    /// Since when, in event time.
    pub onset: Timestamp,
    /// What was measured, in words.
    pub detail: String,
}

/// An intent, as the engine remembers it.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub key: IntentKey,
    /// The alerts it names.
    pub alerts: Vec<AlertId>,
    /// To whom.
    pub target: Target,
    /// How.
    pub channel: String,
    /// Where it has come to.
    pub state: DeliveryState,
    /// When it is given up, unless it arrives.
    pub expires_at: HostTime,
}

/// Asks the host to take a message back, if it still can.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CancelDelivery {
    /// The organisation, where the host has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// About whom it is.
    pub patient: PatientId,
    /// Which.
    pub key: IntentKey,
    /// To whom it went, or would have gone.
    pub target: Target,
    /// How.
    pub channel: String,
    /// Why.
    pub reason: WithholdReason,
}

/// What the host reports of an intent.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Whose.
    pub patient: PatientKey,
    /// Which.
    pub key: IntentKey,
    /// `Handed`, `Delivered`, `Seen` or `Failed`.
    pub state: DeliveryState,
}

redacted!(DeliveryIntent, MessagePart, Delivery, CancelDelivery, DeliveryReport);
