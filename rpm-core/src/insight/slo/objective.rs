//! What is asked of a service, as the host writes it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// A latency that is measured; see the table of [`super`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// From crossing the limit to an active condition.
    ConditionDelay,
    /// From the active condition to the alert.
    SignalDelay,
    /// From planning a message to handing it over.
    Handed,
    /// From planning a message to its arrival.
    Delivered,
    /// From asking to somebody who takes it.
    Acknowledged,
    /// From asking to somebody who resolves it.
    Resolved,
}

impl Indicator {
    /// Every indicator.
    pub const ALL: [Self; 6] = [
        Self::ConditionDelay,
        Self::SignalDelay,
        Self::Handed,
        Self::Delivered,
        Self::Acknowledged,
        Self::Resolved,
    ];

    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConditionDelay => "condition_delay",
            Self::SignalDelay => "signal_delay",
            Self::Handed => "handed",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// Which share of what must happen within which time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// For people.
    pub name: String,
    /// What is measured.
    pub indicator: Indicator,
    /// Of urgent alerts, or of all others.
    pub critical: bool,
    /// It has to happen within this time...
    pub within: Duration,
    /// ... for so many of a thousand; 1000 and more leave no budget at all.
    pub share_permille: u16,
}

impl Objective {
    /// So many of a thousand may fail.
    pub(super) fn budget_permille(&self) -> u64 {
        1000 - u64::from(self.share_permille.min(1000))
    }
}

/// When a budget burns so fast that somebody should be told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurnPolicy {
    /// The time for which the budget is.
    pub period: Duration,
    /// Each says so by itself.
    pub windows: Vec<BurnWindows>,
    /// Below so many events in the long window a rate says nothing...
    pub min_events: u64,
    /// ... and neither does it with fewer bad ones than this. Where no budget is left to begin with,
    /// one is enough.
    pub min_bad: u64,
}

/// A long window that says it is serious, and a short one that says it still goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurnWindows {
    /// The long one.
    pub long: Duration,
    /// The short one. Both are whole minutes, of which the last is the one that has begun.
    pub short: Duration,
    /// In both, so many thousandths of the rate that uses the budget up in the whole period.
    pub factor_permille: u64,
}

impl Default for BurnPolicy {
    /// The common pairs for a budget of thirty days: 2 % of it in an hour, 5 % in six hours; ten
    /// events, two of them bad.
    fn default() -> Self {
        let hours = |hours: i64| Duration::from_secs(hours * 3600);
        let minutes = |minutes: i64| Duration::from_secs(minutes * 60);
        let fast = BurnWindows { long: hours(1), short: minutes(5), factor_permille: 14_400 };
        let slow = BurnWindows { long: hours(6), short: minutes(30), factor_permille: 6_000 };
        Self { period: hours(30 * 24), windows: [fast, slow].into(), min_events: 10, min_bad: 2 }
    }
}
