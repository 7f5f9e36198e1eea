//! What comes out, and the bounded queue it waits in.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::alert::{CancelDelivery, DeliveryIntent};
use crate::error::Code;
use crate::event::Event;
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

/// A refused input, as it came.
#[derive(Clone, PartialEq, Eq)]
pub enum Rejected {
    /// It could be read.
    Event(Box<Event>),
    /// It could not.
    Text(Vec<u8>),
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
