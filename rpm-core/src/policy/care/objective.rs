//! What is asked of a service: objectives, and when their error budgets burn too fast.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::spec::{BurnWindowsSpec, ErrorBudgetSpec, ObjectiveSpec};
use crate::error::Code;
use crate::policy::compile::Compiler;
use crate::time::Duration;
use crate::value::write_thousandths;

const MAX_OBJECTIVES: usize = 100;
const MAX_WINDOWS: usize = 16;
const MINUTE: Duration = Duration::from_secs(60);
/// Good and bad events are kept by the minute for so long: memory is bounded by it.
const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long something takes; the ends of each are in the table of
/// [`insight::slo`](crate::insight::slo).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
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

/// What goes wrong, whenever it does; what is counted beside it is in the table of
/// [`insight::slo`](crate::insight::slo).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// Everybody was told, and nobody had answered.
    Missed,
    /// Closed by itself, and nobody ever had it.
    Unanswered,
    /// Taken after everybody had been told.
    Late,
    /// A message that failed, or of which nothing was heard in time.
    Undelivered,
    /// Resolved as said by another alert already.
    Duplicate,
}

/// What an objective is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(untagged)]
pub enum Indicator {
    /// It has to happen in time.
    Latency {
        /// What has to happen.
        #[serde(rename = "indicator")]
        of: Latency,
        /// Within which time.
        within: Duration,
    },
    /// It must not happen.
    Miss {
        /// What must not.
        #[serde(rename = "indicator")]
        of: Miss,
    },
}

/// Which share of what must be good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Objective {
    /// For people.
    pub title: String,
    /// What is measured.
    #[serde(flatten)]
    pub indicator: Indicator,
    /// Of urgent alerts and messages about them, or of all others.
    pub critical: bool,
    /// So many of a thousand have to be good; 1000 and more leave no budget at all.
    pub share_permille: u16,
}

/// When an error budget burns so fast that somebody should be told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BurnPolicy {
    /// The time for which the budget is.
    pub period: Duration,
    /// Each says so by itself.
    pub windows: Vec<BurnWindows>,
    /// Below so many events in the long window a rate says nothing...
    pub min_events: u64,
    /// ... and neither does it with fewer bad ones than this. Where no budget is left to begin
    /// with, one is enough.
    pub min_bad: u64,
}

/// A long window that says it is serious, and a short one that says it still goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BurnWindows {
    /// The long one.
    pub long: Duration,
    /// The short one. Both are whole minutes, of which the last is the one that has begun.
    pub short: Duration,
    /// In both, so many thousandths of the rate that uses the budget up in the whole period.
    pub factor_permille: u64,
}

impl Latency {
    /// Every latency.
    pub const ALL: [Self; 6] = [
        Self::ConditionDelay,
        Self::SignalDelay,
        Self::Handed,
        Self::Delivered,
        Self::Acknowledged,
        Self::Resolved,
    ];

    /// Its name in policies and reports.
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

impl Miss {
    /// Every miss.
    pub const ALL: [Self; 5] =
        [Self::Missed, Self::Unanswered, Self::Late, Self::Undelivered, Self::Duplicate];

    /// Its name in policies and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Unanswered => "unanswered",
            Self::Late => "late",
            Self::Undelivered => "undelivered",
            Self::Duplicate => "duplicate",
        }
    }
}

impl Objective {
    /// So many of a thousand may be bad.
    pub(crate) fn budget_permille(&self) -> u64 {
        1000 - u64::from(self.share_permille.min(1000))
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = if self.critical { "critical" } else { "others" };
        write!(f, "{} ({class}): ", self.title)?;
        write_thousandths(i64::from(self.share_permille) * 100, f)?;
        match self.indicator {
            Indicator::Latency { of, within } => {
                write!(f, " % {} within {within}", of.name().replace('_', " "))
            }
            Indicator::Miss { of } => write!(f, " % not {}", of.name()),
        }
    }
}

impl fmt::Display for BurnPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { period, min_events, min_bad, .. } = self;
        write!(f, "{period}; burns too fast at ")?;
        for (index, BurnWindows { long, short, factor_permille }) in self.windows.iter().enumerate()
        {
            f.write_str(if index == 0 { "" } else { ", or at " })?;
            write_thousandths(i64::try_from(*factor_permille).unwrap_or(i64::MAX), f)?;
            write!(f, " times its rate over {long} and {short}")?;
        }
        write!(f, ", from {min_events} events and {min_bad} bad ones")
    }
}

impl BurnPolicy {
    /// Whether there is a rate at which it pages: that of nothing but bad events is the highest.
    pub(crate) fn can_page(&self, objective: &Objective) -> bool {
        let budget = objective.budget_permille();
        self.windows
            .iter()
            .any(|windows| windows.factor_permille.saturating_mul(budget) <= 1_000_000)
    }
}

impl Default for BurnPolicy {
    /// The common pairs for a budget of thirty days: 2 % of it in an hour, 5 % in six hours; ten
    /// events, two of them bad.
    fn default() -> Self {
        let hours = |hours: i64| Duration::from_secs(hours * 3600);
        let fast = BurnWindows { long: hours(1), short: MINUTE.times(5), factor_permille: 14_400 };
        let slow = BurnWindows { long: hours(6), short: MINUTE.times(30), factor_permille: 6_000 };
        Self { period: hours(30 * 24), windows: [fast, slow].into(), min_events: 10, min_bad: 2 }
    }
}

impl Compiler {
    pub fn objectives(&mut self, specs: &[ObjectiveSpec]) -> Vec<Objective> {
        if specs.len() > MAX_OBJECTIVES {
            self.error(Code::TooManyItems, "care.objectives");
            return Vec::new();
        }
        let specs = specs.iter().enumerate();
        specs
            .filter_map(|(i, spec)| self.objective(spec, &format!("care.objectives[{i}]")))
            .collect()
    }

    fn objective(&mut self, spec: &ObjectiveSpec, path: &str) -> Option<Objective> {
        self.title(&spec.title, &format!("{path}.title"));
        let share = self.share(&spec.share, &format!("{path}.share"));
        // Whoever writes this of a miss means the opposite.
        if share == Some(0) {
            let hint = "the share that has to be good".to_string();
            self.error_with(Code::OutOfRange, format!("{path}.share"), hint);
        }
        let indicator = self.indicator(spec, path);
        Some(Objective {
            title: spec.title.clone(),
            indicator: indicator?,
            critical: spec.critical,
            share_permille: u16::try_from(share?).ok()?,
        })
    }

    fn indicator(&mut self, spec: &ObjectiveSpec, path: &str) -> Option<Indicator> {
        let bound = format!("{path}.within");
        let within = self.optional_duration(spec.within.as_ref(), &bound);
        let latency = Latency::ALL.into_iter().find(|of| of.name() == spec.indicator);
        let miss = Miss::ALL.into_iter().find(|of| of.name() == spec.indicator);
        match (latency, miss, within) {
            (Some(of), _, Some(within)) => return Some(Indicator::Latency { of, within }),
            (_, Some(of), None) => return Some(Indicator::Miss { of }),
            (None, None, _) => {
                let names = Latency::ALL.map(Latency::name).into_iter();
                let names: Vec<_> = names.chain(Miss::ALL.map(Miss::name)).collect();
                let hint = format!("one of {}", names.join(", "));
                self.error_with(Code::UnknownCode, format!("{path}.indicator"), hint);
            }
            _ => self.error(Code::LatencyBound, bound),
        }
        None
    }

    pub fn burn_policy(&mut self, spec: &ErrorBudgetSpec) -> BurnPolicy {
        let otherwise = BurnPolicy::default();
        let path = "care.error_budget.period";
        let period = self.optional_duration(spec.period.as_ref(), path);
        let windows = match spec.windows.as_slice() {
            [] => otherwise.windows,
            specs => self.burn_windows(specs),
        };
        let policy = BurnPolicy {
            period: period.unwrap_or(otherwise.period),
            windows,
            min_events: spec.min_events.map_or(otherwise.min_events, u64::from),
            min_bad: spec.min_bad.map_or(otherwise.min_bad, u64::from),
        };
        let longest = policy.windows.iter().map(|windows| windows.long).max().unwrap_or(MINUTE);
        if !(longest..=MAX_PERIOD).contains(&policy.period) {
            let hint = format!("no shorter than the longest window, and at most {MAX_PERIOD}");
            self.error_with(Code::OutOfRange, path, hint);
        }
        policy
    }

    fn burn_windows(&mut self, specs: &[BurnWindowsSpec]) -> Vec<BurnWindows> {
        if specs.len() > MAX_WINDOWS {
            self.error(Code::TooManyItems, "care.error_budget.windows");
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let path = format!("care.error_budget.windows[{index}]");
            let long = self.duration(&spec.long, &format!("{path}.long"));
            let short = self.duration(&spec.short, &format!("{path}.short"));
            let is_whole = |span: Duration| span.as_millis() % MINUTE.as_millis() == 0;
            if !(is_whole(long) && is_whole(short) && (MINUTE..=long).contains(&short)) {
                let hint = "whole minutes, the short one no longer than the long one".to_string();
                self.error_with(Code::OutOfRange, path.as_str(), hint);
            }
            let factor = self.number(&spec.factor, &format!("{path}.factor")).thousandths();
            if factor <= 0 {
                self.error(Code::OutOfRange, format!("{path}.factor"));
            }
            let factor_permille = u64::try_from(factor).unwrap_or(0);
            found.push(BurnWindows { long, short, factor_permille });
        }
        found
    }
}
