//! What figures are made of: shares, rates, and what a standard says of them. Integers only.

use alloc::string::{String, ToString as _};
use core::fmt;

use serde::Serialize;

use super::histogram::Histogram;
use crate::time::Duration;
use crate::value::{div_round, write_thousandths};

/// A share in thousandths, rounded half up; printed in per cent.
///
/// ```
/// use rpm_core::insight::measure::Share;
/// assert_eq!(Share::of(1, 144).unwrap().to_string(), "0.7 %");
/// assert_eq!(Share::of(0, 0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Share(pub u32);

impl Share {
    /// The share of a part; of nothing there is none.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let whole = i128::from(whole);
        (whole > 0).then(|| Self(narrow(div_round(i128::from(part) * 1000, whole))))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_thousandths(i64::from(self.0) * 100, f)?;
        f.write_str(" %")
    }
}

/// A rate in thousandths, rounded half up: of alarms in an hour, or of a budget's burning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Rate(pub u64);

impl Rate {
    /// So many for each of so many; nothing for none.
    pub(super) fn of(many: i128, of: i128) -> Option<Self> {
        (of > 0).then(|| Self(div_round(many.saturating_mul(1000), of).clamp(0, MOST) as u64))
    }
}

/// Rates stop here, so that they print as what they are: more than anybody can count.
const MOST: i128 = i64::MAX as i128;

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_thousandths(i64::try_from(self.0).unwrap_or(i64::MAX), f)
    }
}

fn narrow(n: i128) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What guidance says of a figure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// As it should be.
    Within,
    /// More than that, up to the most that can be managed.
    Tolerable,
    /// Beyond the guidance.
    Beyond,
}

impl Judgement {
    /// Within, or beyond.
    pub(super) fn of(within: bool) -> Self {
        if within { Self::Within } else { Self::Beyond }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Tolerable => "tolerable",
            Self::Beyond => "BEYOND",
        }
    }
}

/// A figure beside what guidance says it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Figure<T> {
    /// What it is.
    pub value: T,
    /// What it should be, in words; the numbers are in [`super::kpi::guidance`].
    pub guidance: &'static str,
    /// What that says of it.
    pub verdict: Judgement,
}

/// Percentiles of a latency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Spread {
    /// Of how many.
    pub count: u64,
    /// Half took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<Duration>,
    /// Nine of ten took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<Duration>,
    /// Ninety-nine of a hundred took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Duration>,
    /// The longest, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<Duration>,
}

impl From<&Histogram> for Spread {
    fn from(histogram: &Histogram) -> Self {
        Self {
            count: histogram.count(),
            median: histogram.percentile(500),
            p90: histogram.percentile(900),
            p99: histogram.percentile(990),
            longest: histogram.max(),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(median), Some(p90), Some(p99), Some(longest)) =
            (self.median, self.p90, self.p99, self.longest)
        else {
            return f.write_str("none");
        };
        let [median, p90, p99, longest] = [median, p90, p99, longest].map(rough);
        write!(f, "{median}, 90 % {p90}, 99 % {p99}, longest {longest}, of {}", self.count)
    }
}

/// Rounded up to a unit of which there are at least ten: a histogram knows little better, and people
/// need no more.
fn rough(duration: Duration) -> String {
    const UNITS: [i64; 5] = [1, 1000, 60_000, 3_600_000, 86_400_000];
    let ms = duration.as_millis();
    let unit = UNITS.into_iter().rev().find(|unit| ms / 10 >= *unit).unwrap_or(1);
    let rest = (unit - ms % unit) % unit;
    duration.plus(Duration::from_millis(rest)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_round_half_up() {
        assert_eq!(Share::of(1, 3), Some(Share(333)));
        assert_eq!(Share::of(1, 2000), Some(Share(1)));
        assert_eq!(Share::of(u64::MAX, u64::MAX).unwrap().to_string(), "100 %");
        assert_eq!(Rate::of(25, 2), Some(Rate(12_500)));
        assert_eq!(Rate::of(25, 2).unwrap().to_string(), "12.5");
        assert_eq!(Rate::of(1, 0), None);
        assert_eq!(Rate::of(i128::MAX, 1).unwrap().0, i64::MAX as u64);
    }

    #[test]
    fn spreads_are_read_at_a_glance() {
        let read = |ms| rough(Duration::from_millis(ms));
        let found = [0, 1, 9_999, 10_001, 7_197_000, 36_000_001].map(read);
        assert_eq!(found, ["0 s", "1 ms", "9999 ms", "11 s", "120 min", "11 h"]);
        assert_eq!(read(i64::MAX), Duration::from_millis(i64::MAX).to_string());
        assert_eq!(Spread::default().to_string(), "none");
    }
}
