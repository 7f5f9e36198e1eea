//! For how long readings need not be looked at, and which.

use crate::value::Value;

/// Up to a pane, as long as every reading lies in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slack {
    /// When the last pane for which it lasts starts.
    until: i64,
    /// In thousandths.
    low: i32,
    high: i32,
}

impl Slack {
    /// Every reading is to be looked at.
    pub const NONE: Self = Self { until: i64::MIN, low: i32::MIN, high: i32::MAX };
    /// None is.
    pub const ENDLESS: Self = Self { until: i64::MAX, ..Self::NONE };

    /// Those outside of a range are.
    pub fn within((low, high): (Value, Value)) -> Self {
        Self { low: low.thousandths(), high: high.thousandths(), ..Self::ENDLESS }
    }

    /// From a pane after one that starts at a time on all are.
    pub fn until(self, until: i64) -> Self {
        Self { until: until.min(self.until), ..self }
    }

    /// As long as both last.
    pub fn and(self, other: Self) -> Self {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        Self { until: self.until.min(other.until), low, high }
    }

    /// Whether it lasts until a pane that starts at a time and holds this value, if anything good.
    #[inline(always)]
    pub fn lasts(&self, from: i64, value: Option<i32>) -> bool {
        from <= self.until && value.is_none_or(|value| self.low <= value && value <= self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_until_its_last_pane_and_for_readings_in_its_range() {
        let of = |low, high| {
            Slack::within((Value::from_thousandths(low), Value::from_thousandths(high)))
        };
        let slack = of(80_000, 100_000).until(5);
        assert!(
            slack.lasts(3, Some(97_000)) && slack.lasts(5, None) && slack.lasts(1, Some(80_000))
        );
        assert!(!slack.lasts(6, Some(97_000)) && !slack.lasts(1, Some(79_999)));
        let both = slack.and(of(85_000, 120_000).until(4));
        assert!(both.lasts(4, Some(85_000)) && both.lasts(4, Some(100_000)));
        assert!(!both.lasts(5, Some(90_000)) && !both.lasts(1, Some(84_999)));
        assert!(!both.lasts(1, Some(100_001)));
        assert!(!Slack::NONE.lasts(0, None) && Slack::ENDLESS.and(slack) == slack);
    }
}
