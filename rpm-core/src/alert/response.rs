//! The response region: what people do about an alert.

use alloc::string::String;

use crate::record::Closure;
use crate::redact::redacted;
use crate::time::HostTime;

/// What people did about an alert.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Response {
    /// Nobody has taken it.
    #[default]
    Unowned,
    /// Somebody has seen it.
    Acknowledged {
        /// Who.
        by: String,
        /// When, by the host's clock.
        at: HostTime,
        /// Until when it stands while the condition is active; for good if absent.
        until: Option<HostTime>,
    },
    /// Somebody is doing something about it.
    InRemediation {
        /// Who.
        owner: String,
        /// Since when.
        since: HostTime,
        /// Until when it should have helped.
        due: Option<HostTime>,
    },
    /// It is over.
    Closed {
        /// When.
        at: HostTime,
        /// How.
        reason: Closure,
    },
}

/// A state of the response region without what it carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ResponseState {
    /// Nobody has taken it.
    Unowned,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody is doing something about it.
    InRemediation,
    /// It is over.
    Closed,
}

/// What moves the response region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ResponseTrigger {
    /// A person has seen it.
    Acknowledge,
    /// A person gives it back.
    Unacknowledge,
    /// A person starts to do something.
    StartRemediation,
    /// A person has done it; what it is worth remains to be seen.
    FinishRemediation,
    /// A person closes it.
    Resolve,
    /// The deadline passed and the condition is still there, or the shift ended and nobody took over.
    Lapse,
    /// The next shift takes over.
    HandOver,
    /// More severe, or back.
    Rise,
    /// The condition is over and nothing keeps it open, or late evidence took it back.
    Close,
    /// It is still there long after a person resolved it.
    Reopen,
}

impl ResponseState {
    /// Every transition there is; what is not in the table is refused.
    pub const TRANSITIONS: &'static [(Self, ResponseTrigger, Self)] = {
        use ResponseState::{Acknowledged, Closed, InRemediation, Unowned};
        use ResponseTrigger as T;
        &[
            (Unowned, T::Acknowledge, Acknowledged),
            (Unowned, T::StartRemediation, InRemediation),
            (Unowned, T::Rise, Unowned),
            (Unowned, T::Resolve, Closed),
            (Unowned, T::Close, Closed),
            (Acknowledged, T::Unacknowledge, Unowned),
            (Acknowledged, T::StartRemediation, InRemediation),
            (Acknowledged, T::Lapse, Unowned),
            (Acknowledged, T::HandOver, Acknowledged),
            (Acknowledged, T::Rise, Unowned),
            (Acknowledged, T::Resolve, Closed),
            (Acknowledged, T::Close, Closed),
            (InRemediation, T::FinishRemediation, Acknowledged),
            (InRemediation, T::Unacknowledge, Unowned),
            (InRemediation, T::Lapse, Unowned),
            (InRemediation, T::HandOver, InRemediation),
            (InRemediation, T::Rise, Unowned),
            (InRemediation, T::Resolve, Closed),
            (InRemediation, T::Close, Closed),
            (Closed, T::Reopen, Unowned),
        ]
    };

    /// Where a trigger leads, if it leads anywhere.
    pub fn after(self, trigger: ResponseTrigger) -> Option<Self> {
        let mut table = Self::TRANSITIONS.iter();
        table.find(|(from, by, _)| (*from, *by) == (self, trigger)).map(|(_, _, to)| *to)
    }
}

impl Response {
    /// The state alone.
    pub fn state(&self) -> ResponseState {
        match self {
            Self::Unowned => ResponseState::Unowned,
            Self::Acknowledged { .. } => ResponseState::Acknowledged,
            Self::InRemediation { .. } => ResponseState::InRemediation,
            Self::Closed { .. } => ResponseState::Closed,
        }
    }

    /// Who has taken it.
    pub fn owner(&self) -> Option<&str> {
        self.taken().map(|(person, _)| person)
    }

    /// Who has taken it, and since when.
    pub(crate) fn taken(&self) -> Option<(&str, HostTime)> {
        match self {
            Self::Acknowledged { by, at, .. } => Some((by, *at)),
            Self::InRemediation { owner, since, .. } => Some((owner, *since)),
            Self::Unowned | Self::Closed { .. } => None,
        }
    }
}

redacted!(Response);
