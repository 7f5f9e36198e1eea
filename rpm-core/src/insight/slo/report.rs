//! Latencies, misses and budgets, as they are handed out.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::Misses;
use crate::insight::histogram::Histogram;
use crate::insight::measure::{Rate, Share, Spread};
use crate::policy::Objective;
use crate::policy::care::{BurnWindows, Latency, Miss};
use crate::time::HostTime;

/// Service levels at a time. They name nobody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SloReport {
    /// At which time.
    pub until: HostTime,
    /// Of what was urgent.
    pub critical: Delays,
    /// Of everything else.
    pub non_critical: Delays,
    /// Each objective, in the order given.
    pub objectives: Vec<ObjectiveReport>,
}

/// Latencies and misses of one class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Delays {
    /// From crossing the limit to an active condition.
    pub condition_delay: Spread,
    /// From the active condition to the alert.
    pub signal_delay: Spread,
    /// From planning a message to handing it over.
    pub handed: Spread,
    /// From planning a message to its arrival.
    pub delivered: Spread,
    /// From asking to somebody who takes it.
    pub acknowledged: Spread,
    /// From asking to somebody who resolves it.
    pub resolved: Spread,
    /// What went wrong.
    #[serde(flatten)]
    pub misses: Misses,
}

impl Delays {
    pub(super) fn of(latencies: &[Histogram; Latency::ALL.len()], misses: Misses) -> Self {
        let [condition_delay, signal_delay, handed, delivered, acknowledged, resolved] =
            latencies.each_ref().map(Spread::from);
        Self { condition_delay, signal_delay, handed, delivered, acknowledged, resolved, misses }
    }

    fn spreads(&self) -> [Spread; Latency::ALL.len()] {
        [
            self.condition_delay,
            self.signal_delay,
            self.handed,
            self.delivered,
            self.acknowledged,
            self.resolved,
        ]
    }
}

/// How an objective stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The share is what was asked for.
    Kept,
    /// It is less.
    Missed,
    /// Nothing bad beyond the budget, but too few events to call that kept.
    TooFew,
}

/// An objective over its period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ObjectiveReport {
    /// What was asked.
    #[serde(flatten)]
    pub objective: Objective,
    /// Events in the period.
    pub events: u64,
    /// Those that did not happen in time, or should not have happened.
    pub bad: u64,
    /// The share of the others.
    pub good_share: Option<Share>,
    /// What is left of the budget, in thousandths of it; below zero it is overdrawn. Nothing if
    /// there were no events, or if there is no budget and it was used.
    pub remaining_permille: Option<i64>,
    /// Events whose time is not up.
    pub waiting: u64,
    /// How it stands.
    pub standing: Standing,
    /// Whether the budget burns so fast that somebody should be told now.
    pub pages: bool,
    /// The rates behind that.
    pub burns: Vec<Burn>,
}

/// How fast a budget burns: 1 uses it up in exactly its period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Burn {
    /// The windows.
    #[serde(flatten)]
    pub windows: BurnWindows,
    /// Events in the long window.
    pub events: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// The rate in the long window; none without events, or without a budget.
    pub long_rate: Option<Rate>,
    /// The rate in the short window.
    pub short_rate: Option<Rate>,
    /// Whether both are at or above the factor, with events enough to mean it.
    pub pages: bool,
}

impl fmt::Display for SloReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "service levels at {}", self.until)?;
        for (name, delays) in [("critical", &self.critical), ("others", &self.non_critical)] {
            writeln!(f, "\n{name}: median and percentiles\n{delays}")?;
        }
        self.objectives.iter().try_for_each(|objective| write!(f, "\n{objective}"))
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (latency, spread) in Latency::ALL.iter().zip(self.spreads()) {
            writeln!(f, "  {:<20} {spread}", latency.name().replace('_', " "))?;
        }
        let misses = Miss::ALL.map(|of| format!("{} {}", self.misses.count(of), of.name()));
        write!(f, "  {}", misses.join(", "))
    }
}

impl fmt::Display for ObjectiveReport {
    /// A rate is explained by what it is made of: events, and the bad ones among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objective, events, bad, .. } = self;
        writeln!(f, "objective {objective}")?;
        let standing = match self.standing {
            Standing::Kept => "kept",
            Standing::Missed => "MISSED",
            Standing::TooFew => "too few events to tell",
        };
        writeln!(f, "  {standing}: {bad} bad of {events}, {} waiting", self.waiting)?;
        let left = self.remaining_permille.map_or("none".into(), tenths);
        writeln!(f, "  budget left: {left}")?;
        for burn in &self.burns {
            let rate = |rate: Option<Rate>| rate.map_or(String::from("none"), |r| r.to_string());
            let BurnWindows { long, short, factor_permille } = burn.windows;
            let pages = if burn.pages { "YES" } else { "no" };
            writeln!(
                f,
                "  burns {} over {long}, {} over {short} (pages from {}: {pages}; {} bad of {})",
                rate(burn.long_rate),
                rate(burn.short_rate),
                Rate(factor_permille),
                burn.bad,
                burn.events
            )?;
        }
        Ok(())
    }
}

/// Thousandths as per cent, with their sign.
fn tenths(permille: i64) -> String {
    let sign = if permille < 0 { "-" } else { "" };
    let permille = permille.unsigned_abs();
    format!("{sign}{}.{} %", permille / 10, permille % 10)
}
