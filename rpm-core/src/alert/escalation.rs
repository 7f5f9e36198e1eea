//! How far an alert's escalation has come.

use crate::alert::priority::Evidence;
use crate::record::NotifyReason;
use crate::time::HostTime;

/// One alert's way through the steps of its escalation policy.
///
/// Steps run on time since the round began, never on what channels report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Escalation {
    /// Which route of the policy took the alert.
    pub route: Option<u16>,
    /// Counts rounds from 1; each begins with the first step.
    pub round: u16,
    /// The round that is under way.
    pub running: Option<Round>,
    /// The last round came to its end unanswered.
    pub exhausted: bool,
    /// Since when nobody has answered.
    pub unattended_since: Option<HostTime>,
    /// What was measured when the alert opened or rose.
    pub evidence: Evidence,
}

/// A round under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Round {
    /// When it began.
    pub since: HostTime,
    /// Why.
    pub reason: NotifyReason,
    /// The next of the escalation's sends; after the last comes exhaustion.
    pub next: u16,
}
