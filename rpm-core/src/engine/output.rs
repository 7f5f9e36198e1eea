//! What comes out, and the bounded queue it waits in.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::alert::{CancelDelivery, DeliveryIntent};
use crate::error::Code;
use crate::event::{Event, json};
use crate::id::{AlertId, PatientId, TenantId};
use crate::record::SealedRecord;

/// Something the engine has decided. Poll until there is none.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// A decision, with its canonical line.
    Record(Box<SealedRecord>),
    /// An input that was refused, whole, beside the record that says so.
    Quarantined {
        /// Why.
        reason: Code,
        /// What came in.
        input: Rejected,
    },
    /// Somebody is to be told. Hand it over once, and report what became of it.
    Deliver(Box<DeliveryIntent>),
    /// A message is to be taken back, if it still can be.
    Cancel(CancelDelivery),
    /// Everybody has been told of an alert, and nobody has answered. The record beside it says the
    /// same; what a site does then is the host's.
    EscalationExhausted {
        /// The organisation, where the host has more than one.
        tenant: Option<TenantId>,
        /// Whose alert.
        patient: PatientId,
        /// Which.
        alert: AlertId,
        /// The escalation policy.
        escalation: String,
    },
}

/// The JSON form of what is no record.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Quarantined {
        reason: &'a str,
        input: &'a RawValue,
    },
    Deliver(&'a DeliveryIntent),
    Cancel(&'a CancelDelivery),
    EscalationExhausted {
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant: Option<&'a TenantId>,
        patient: &'a PatientId,
        alert: AlertId,
        escalation: &'a str,
    },
}

impl Output {
    /// One line of JSON. A record's is its canonical line, `{"hash":...,"record":{...}}`; everything
    /// else has a `type`: `quarantined` (with the `input`: the event, or a string with the text that
    /// could not be read), `deliver`, `cancel` or `escalation_exhausted`.
    pub fn to_json(&self) -> String {
        match self {
            Self::Record(sealed) => sealed.line.clone(),
            Self::Deliver(intent) => json_of(&Line::Deliver(intent)),
            Self::Cancel(cancel) => json_of(&Line::Cancel(cancel)),
            Self::EscalationExhausted { tenant, patient, alert, escalation } => {
                let tenant = tenant.as_ref();
                json_of(&Line::EscalationExhausted { tenant, patient, alert: *alert, escalation })
            }
            Self::Quarantined { reason, input } => {
                // What was just written can be read.
                let input = RawValue::from_string(input.to_json()).unwrap_or_default();
                json_of(&Line::Quarantined { reason: reason.name(), input: &input })
            }
        }
    }
}

/// Serialising these types cannot fail: no map has keys that are not text.
fn json_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A refused input, as it came.
#[derive(Clone, PartialEq, Eq)]
pub enum Rejected {
    /// It could be read.
    Event(Box<Event>),
    /// It could not.
    Text(Vec<u8>),
}

impl Rejected {
    /// The event in its JSON form, or a JSON string with the text, where bytes that are not UTF-8 are
    /// replaced.
    pub fn to_json(&self) -> String {
        match self {
            Self::Event(event) => json::write(event),
            Self::Text(bytes) => json_of(&String::from_utf8_lossy(bytes)),
        }
    }
}

impl core::fmt::Debug for Rejected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Event(_) => "Event([redacted])",
            Self::Text(_) => "Text([redacted])",
        })
    }
}

/// Outputs in the order in which they were decided.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Output>,
    capacity: usize,
}

impl Queue {
    pub fn new(capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), capacity }
    }

    /// So many fit, whatever the configuration says.
    pub fn hold_at_least(&mut self, outputs: usize) {
        self.capacity = self.capacity.max(outputs);
    }

    /// Whether so many more fit. Asked before anything changes.
    #[inline]
    pub fn has_room(&self, wanted: usize) -> bool {
        // A single input may always produce its outputs into an empty queue.
        self.waiting.is_empty() || self.waiting.len() + wanted <= self.capacity
    }

    pub fn push(&mut self, output: Output) {
        self.waiting.push_back(output);
    }

    pub fn pop(&mut self) -> Option<Output> {
        self.waiting.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
