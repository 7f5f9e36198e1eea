//! What the fold found, as it is handed out.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{Thresholds, Verdicts};
use crate::id::TenantId;
use crate::insight::measure::{Figure, Rate, Share, Spread};
use crate::insight::owner::Owner;
use crate::redact::redacted;
use crate::time::HostTime;

/// The figures of a time. `Display` prints them as tables, with the patients' identifiers.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct KpiReport {
    /// The first record.
    pub from: Option<HostTime>,
    /// The end of the time.
    pub until: HostTime,
    /// Ten minutes that it touches.
    pub bins: u64,
    /// Whole days.
    pub days: u64,
    /// Whether that is as many as the guidance is for.
    pub enough: bool,
    /// What counted as chattering, fleeting and stale.
    pub thresholds: Thresholds,
    /// Commands refused that may have been attempts to suppress without being allowed to.
    pub unauthorized: Unauthorized,
    /// Each queue, by tenant and name.
    pub queues: Vec<QueueReport>,
    /// How the alerts of each rule turned out, by its name.
    pub rules: Vec<Predictive<String>>,
    /// The same for each patient of whom an alert was resolved.
    pub patients: Vec<Predictive<Owner>>,
}

/// Commands that would have kept alerts from annunciating, and were refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Unauthorized {
    /// The sum of the two.
    pub refused: Figure<u64>,
    /// For want of a permission.
    pub not_permitted: u64,
    /// Shelved for longer than the policy lets anybody.
    pub shelved_too_long: u64,
}

/// The figures of one queue.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct QueueReport {
    /// The organisation, where the host has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The queue's name in the policy; `unrouted` for what no route took.
    pub queue: String,
    /// Annunciated alarms.
    pub annunciated: u64,
    /// What would have been one and was suppressed.
    pub suppressed: u64,
    /// Alerts of rules that only record.
    pub shadow: u64,
    /// Alarms an hour.
    pub per_hour: Figure<Rate>,
    /// The most in ten minutes.
    pub peak: Figure<u64>,
    /// When those began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_at: Option<HostTime>,
    /// The share of all ten minutes that had more than ten.
    pub over_ten: Figure<Share>,
    /// The share of the time that was spent in flood.
    pub in_flood: Figure<Share>,
    /// How many floods there were.
    pub floods: u64,
    /// The most stale alerts on any day.
    pub stale: Figure<u64>,
    /// Stale at the end.
    pub stale_now: u64,
    /// Rules of a patient that chattered.
    pub chattering: Figure<u64>,
    /// How often one began to.
    pub chatter_bursts: u64,
    /// Annunciated, and over at once.
    pub fleeting: Figure<u64>,
    /// The ten most frequent.
    pub top: Vec<Actor>,
    /// The share of all alarms that they are.
    pub top_share: Figure<Share>,
    /// Shares of the levels, from mild to severe.
    pub mix: Figure<[Share; 3]>,
    /// From when somebody was asked until somebody took it.
    pub acknowledge: Spread,
    /// Until somebody resolved it.
    pub resolve: Spread,
}

/// A rule of a patient.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The rule.
    pub rule: String,
    /// The patient.
    #[serde(flatten)]
    pub owner: Owner,
    /// Its annunciated alarms.
    pub annunciated: u64,
    /// Their share of the queue's.
    pub share: Share,
    /// How often it began to chatter.
    pub chatter_bursts: u64,
}

/// How alerts turned out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Predictive<T> {
    /// Of what.
    pub of: T,
    /// Counts by what people said.
    #[serde(flatten)]
    pub verdicts: Verdicts,
    /// The positive predictive value: the share of the correct among those that were judged.
    pub value: Option<Share>,
}

redacted!(KpiReport, QueueReport, Actor, Predictive<String>, Predictive<Owner>);
