//! For how long a comparison that is not met need not be looked at.
//!
//! A pane moves the sum of a window by no more than the range of what counts, so a mean that is far from
//! its limit stays on its side of it for a while. What is possible is far wider than what is usual: with
//! an edge a little beyond the limit, and a look at every reading beyond that, the while is much longer.

use crate::policy::Comparison;
use crate::value::Value;

/// So many panes more, as long as no reading is beyond the edge. In bytes, so that it leaves no holes in
/// what every rule of every patient has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slack {
    /// In thousandths.
    edge: [u8; 4],
    panes: [u8; 2],
    /// Beyond the edge is above it.
    high: bool,
}

impl Slack {
    pub const NONE: Self = Self { edge: [0; 4], panes: [0; 2], high: false };

    fn new(edge: i32, panes: u16, high: bool) -> Self {
        Self { edge: edge.to_ne_bytes(), panes: panes.to_ne_bytes(), high }
    }

    /// No edge: any reading.
    pub fn of(comparison: Comparison, panes: u32, edge: Option<i32>) -> Self {
        let high = comparison.is_high();
        let edge = edge.unwrap_or(if high { i32::MAX } else { i32::MIN });
        Self::new(edge, u16::try_from(panes).unwrap_or(u16::MAX), high)
    }

    fn edge(self) -> i32 {
        i32::from_ne_bytes(self.edge)
    }

    fn panes(self) -> u16 {
        u16::from_ne_bytes(self.panes)
    }

    /// As long as both last.
    pub fn and(self, other: Self) -> Self {
        if self.high != other.high {
            return Self::NONE;
        }
        let (a, b) = (self.edge(), other.edge());
        let edge = if self.high { a.min(b) } else { a.max(b) };
        Self::new(edge, self.panes().min(other.panes()), self.high)
    }

    /// Goes so many panes on, to one with this value if that is good. Whether it lasts until there.
    #[inline(always)]
    pub fn lasts(&mut self, steps: u32, value: Option<i32>) -> bool {
        let inside = |value| if self.high { value <= self.edge() } else { value >= self.edge() };
        let inside = value.is_none_or(inside);
        let left = u32::from(self.panes()).checked_sub(steps).filter(|_| inside);
        self.panes = (left.unwrap_or(0) as u16).to_ne_bytes();
        left.is_some()
    }
}

/// Half as far beyond a limit as what counts reaches on this side of it, and the range that is left of
/// what counts: in thousandths.
pub(crate) fn edge(
    comparison: Comparison,
    limit: i64,
    (low, high): (Value, Value),
) -> (i32, (Value, Value)) {
    let (least, most) = (i64::from(low.thousandths()), i64::from(high.thousandths()));
    let high_side = comparison.is_high();
    let reach = if high_side { limit - least } else { most - limit }.max(0) / 2;
    let edge = if high_side { limit.saturating_add(reach) } else { limit.saturating_sub(reach) };
    let edge = edge.clamp(least, most) as i32;
    let at = Value::from_thousandths(edge);
    (edge, if high_side { (low, at) } else { (at, high) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_until_its_panes_are_gone_or_a_reading_is_beyond_its_edge() {
        let slack = Slack::of(Comparison::Below, 5, Some(80_000));
        let mut at_ease = slack;
        assert!(at_ease.lasts(3, Some(97_000)) && at_ease.lasts(2, None));
        assert!(!at_ease.lasts(1, Some(97_000)));
        let mut startled = slack;
        assert!(startled.lasts(1, Some(80_000)));
        // Once gone it is gone, whatever comes next.
        assert!(!startled.lasts(1, Some(79_999)) && !startled.lasts(1, Some(97_000)));
        let mut tighter = slack.and(Slack::of(Comparison::AtOrBelow, 9, Some(85_000)));
        assert!(!tighter.lasts(1, Some(84_000)));
        assert_eq!(slack.and(Slack::of(Comparison::Above, 9, Some(0))), Slack::NONE);
    }

    #[test]
    fn the_edge_lies_beyond_the_limit_and_within_what_counts() {
        let range = (Value::from_thousandths(20_000), Value::from_thousandths(100_000));
        assert_eq!(edge(Comparison::Below, 90_000, range).0, 85_000);
        assert_eq!(edge(Comparison::Above, 60_000, range).0, 80_000);
        assert_eq!(edge(Comparison::Above, 95_000, range).0, 100_000);
        assert_eq!(edge(Comparison::Below, 200_000, range).0, 100_000);
    }
}
