//! What can be asked of a window.
//!
//! To add a statistic: a variant, its row in `TABLE`, its arm in `WindowView::compute`. Nothing
//! else in the engine knows them by name.

use core::cmp::Ordering;
use core::fmt;

use super::cursor::Cursor;
use super::ring::Ring;
use crate::value::{div_round, write_thousandths};

/// A statistic of a window of one signal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Statistic {
    /// The latest good reading.
    Last,
    /// How many good readings.
    Count,
    /// Arithmetic mean.
    Mean,
    /// Lowest.
    Min,
    /// Highest.
    Max,
    /// Sum.
    Sum,
    /// Latest minus earliest.
    Delta,
    /// `Delta` over the time between the two.
    RateOfChange,
    /// Slope of the least-squares line; a reading's place is its pane.
    Slope,
    /// Sample standard deviation.
    StandardDeviation,
    /// Good readings' share of the window in per cent.
    Coverage,
    /// Seconds since the latest good reading.
    TimeSinceLast,
}

/// How a statistic is written, asked for and printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub statistic: Statistic,
    /// In policies and records.
    pub name: &'static str,
    /// Whether `over` is needed; otherwise it is optional and bounds how far back to look.
    pub window: bool,
    /// Whether it needs the sums of a line.
    pub line: bool,
    pub unit: UnitOf,
}

/// In what a statistic is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnitOf {
    /// The signal's unit.
    Signal,
    /// The signal's unit per a span of time.
    SignalPerTime,
    /// A unit of its own (UCUM).
    Own(&'static str),
}

/// The table of statistics.
#[rustfmt::skip]
pub(crate) const TABLE: [Row; 12] = {
    use Statistic as S;
    use UnitOf::{Own, Signal, SignalPerTime};
    [
        Row { statistic: S::Last, name: "last", window: false, line: false, unit: Signal },
        Row { statistic: S::Count, name: "count", window: true, line: false, unit: Own("1") },
        Row { statistic: S::Mean, name: "mean", window: true, line: false, unit: Signal },
        Row { statistic: S::Min, name: "min", window: true, line: false, unit: Signal },
        Row { statistic: S::Max, name: "max", window: true, line: false, unit: Signal },
        Row { statistic: S::Sum, name: "sum", window: true, line: false, unit: Signal },
        Row { statistic: S::Delta, name: "delta", window: true, line: false, unit: Signal },
        Row { statistic: S::RateOfChange, name: "rate_of_change", window: true, line: false, unit: SignalPerTime },
        Row { statistic: S::Slope, name: "slope", window: true, line: true, unit: SignalPerTime },
        Row { statistic: S::StandardDeviation, name: "standard_deviation", window: true, line: false, unit: Signal },
        Row { statistic: S::Coverage, name: "coverage", window: true, line: false, unit: Own("%") },
        Row { statistic: S::TimeSinceLast, name: "time_since_last", window: false, line: false, unit: Own("s") },
    ]
};

impl Statistic {
    /// The statistic of this name.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.statistic)
    }

    /// Its name in policies and records.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Every name, for advice.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|row| row.name)
    }

    pub(crate) fn row(self) -> &'static Row {
        // The table is in the order of the variants; a test holds it to that.
        &TABLE[self as usize]
    }
}

/// An exact result: `top / bottom` thousandths, or its square.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantity {
    pub top: i128,
    /// Positive.
    pub bottom: i128,
    /// Whether the quotient is the square of the result (standard deviation).
    pub squared: bool,
}

impl Quantity {
    #[inline]
    fn new(top: impl Into<i128>, bottom: impl Into<i128>) -> Self {
        Self { top: top.into(), bottom: bottom.into(), squared: false }
    }

    /// Compares with a limit in thousandths, exactly.
    #[inline]
    pub fn compare(&self, limit: i64) -> Ordering {
        let limit = i128::from(limit);
        if !self.squared {
            return self.top.cmp(&(limit * self.bottom));
        }
        if limit < 0 {
            return Ordering::Greater;
        }
        self.top.cmp(&(limit * limit).saturating_mul(self.bottom))
    }

    /// Rounded to thousandths, half away from zero, within `i64`.
    pub fn thousandths(&self) -> i64 {
        let whole = if self.squared {
            // Exact for perfect squares, otherwise within half a thousandth.
            let doubled = (self.top.max(0).saturating_mul(4) / self.bottom).isqrt();
            (doubled + 1) / 2
        } else {
            div_round(self.top, self.bottom)
        };
        whole.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_thousandths(self.thousandths(), f)
    }
}

/// One window, ready to be asked.
pub(crate) struct WindowView<'a> {
    pub ring: &'a Ring,
    /// Stands at the window's newest pane.
    pub cursor: &'a Cursor,
    pub panes: u32,
    /// Panes that one reading covers.
    pub cover: u32,
}

impl WindowView<'_> {
    /// The statistic, if the window has enough readings for it. `per` is the time base of rates in
    /// milliseconds.
    #[inline]
    pub fn compute(&self, statistic: Statistic, per: i64) -> Option<Quantity> {
        let c = self.cursor;
        let some = c.count > 0;
        match statistic {
            Statistic::Mean => some.then(|| Quantity::new(c.sum, c.count)),
            Statistic::Slope => self.slope(per),
            Statistic::Sum => some.then(|| Quantity::new(c.sum, 1)),
            Statistic::Count => Some(Quantity::new(c.count * 1000, 1)),
            Statistic::Coverage => {
                let panes = i64::from(self.panes);
                Some(Quantity::new(self.covered().min(panes) * 100_000, panes))
            }
            Statistic::Last => self.last().map(|(_, value)| Quantity::new(value, 1)),
            Statistic::Min => self.fold(|a, p| a.min(p.min), i32::MAX),
            Statistic::Max => self.fold(|a, p| a.max(p.max), i32::MIN),
            Statistic::Delta => self.ends().map(|(_, delta)| Quantity::new(delta, 1)),
            Statistic::RateOfChange => {
                let (span, delta) = self.ends()?;
                (span > 0).then(|| Quantity::new(i128::from(delta) * i128::from(per), span))
            }
            Statistic::StandardDeviation => self.variance(),
            Statistic::TimeSinceLast => {
                let (pane, _) = self.last()?;
                Some(Quantity::new((c.at - pane) * self.ring.width, 1))
            }
        }
    }

    /// How the statistic compares with a limit in thousandths, if there is enough data for it.
    #[inline]
    pub fn compare(&self, statistic: Statistic, per: i64, limit: i64) -> Option<Ordering> {
        if let Statistic::Mean = statistic {
            // The most frequent one by far, and both sides fit 64 bits: a limit has 31, a count 16.
            let c = self.cursor;
            return (c.count > 0).then(|| c.sum.cmp(&(limit * c.count)));
        }
        if let Statistic::Slope = statistic {
            if let Some(ordering) = self.compare_slope(per, limit) {
                return Some(ordering);
            }
        }
        self.compare_any(statistic, per, limit)
    }

    /// Out of line: its wide numbers would burden the quick comparisons.
    #[inline(never)]
    fn compare_any(&self, statistic: Statistic, per: i64, limit: i64) -> Option<Ordering> {
        self.compute(statistic, per).map(|quantity| quantity.compare(limit))
    }

    /// The same in 64 bits, if everything fits: no window of a vital sign comes near the limit.
    #[inline]
    fn compare_slope(&self, per: i64, limit: i64) -> Option<Ordering> {
        let (top, bottom) = self.cursor.slope()?;
        let limit = limit.checked_mul(self.ring.width)?.checked_mul(bottom)?;
        (bottom > 0).then_some(top.checked_mul(per)?.cmp(&limit))
    }

    /// Whether good readings cover so many thousandths of the window; without a division.
    #[inline]
    pub fn covers(&self, permille: i64) -> bool {
        self.covered() * 1000 >= permille * i64::from(self.panes)
    }

    /// Whether more than so many thousandths of the panes that have readings have only bad ones.
    #[inline]
    pub fn is_spoilt(&self, permille: i64) -> bool {
        let spoilt = i64::from(self.cursor.spoilt);
        spoilt * 1000 > permille * (spoilt + i64::from(self.cursor.covered))
    }

    /// Good readings' share of the window in per cent, rounded.
    pub fn coverage_percent(&self) -> u8 {
        let panes = i64::from(self.panes);
        ((self.covered().min(panes) * 200 + panes) / (2 * panes)) as u8
    }

    /// Panes covered by good readings, each for as long as the next is not due.
    #[inline]
    fn covered(&self) -> i64 {
        i64::from(self.cursor.covered) * i64::from(self.cover)
    }

    fn first_pane(&self) -> i64 {
        (self.cursor.at - i64::from(self.panes) + 1).max(self.ring.oldest())
    }

    fn last(&self) -> Option<(i64, i32)> {
        let at = self.cursor.at;
        let pane = if self.ring.has_good(at) { at } else { self.ring.good_before(at)? };
        (pane >= self.first_pane()).then(|| (pane, self.ring.view(pane).last.value))
    }

    /// Time and difference between the earliest and the latest good reading.
    fn ends(&self) -> Option<(i64, i64)> {
        let (latest, value) = self.last()?;
        let earliest = self.ring.good_after(self.first_pane() - 1)?;
        let first = self.ring.view(earliest).first;
        let start = self.ring.start_of(earliest) + i64::from(first.offset);
        let span = self.ring.time_of(latest).as_millis() - start;
        Some((span, i64::from(value) - i64::from(first.value)))
    }

    fn fold(&self, pick: impl Fn(i32, &super::pane::Pane) -> i32, start: i32) -> Option<Quantity> {
        let views = (self.first_pane()..=self.cursor.at).map(|p| self.ring.view(p));
        let found = views.filter(|p| p.good > 0).fold(start, |a, p| pick(a, &p));
        (self.cursor.count > 0).then(|| Quantity::new(found, 1))
    }

    /// `(n Sxy - Sx Sy) / (n Sxx - Sx^2)`, from thousandths per pane to thousandths per `per`.
    #[inline]
    fn slope(&self, per: i64) -> Option<Quantity> {
        let c = self.cursor;
        let wide = |a: i64, b: i64| i128::from(a) * i128::from(b);
        let bottom = wide(c.count, c.xx) - wide(c.x, c.x);
        if bottom <= 0 {
            return None;
        }
        let top = wide(c.count, c.xy) - wide(c.x, c.sum);
        Some(Quantity::new(top * i128::from(per), bottom * i128::from(self.ring.width)))
    }

    /// Sample variance. Sums of squares are taken when asked, not kept: few rules ask.
    fn variance(&self) -> Option<Quantity> {
        let n = i128::from(self.cursor.count);
        if n < 2 {
            return None;
        }
        let panes = self.first_pane()..=self.cursor.at;
        let squares: i128 = panes.map(|p| self.ring.squares(p)).sum();
        let sum = i128::from(self.cursor.sum);
        Some(Quantity { top: n * squares - sum * sum, bottom: n * (n - 1), squared: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.statistic as usize, index, "{}", row.name);
        }
    }

    #[test]
    fn square_roots_round_to_the_nearest() {
        let of = |top: i128| Quantity { top, bottom: 1, squared: true }.thousandths();
        assert_eq!((of(0), of(4), of(6), of(7), of(1_000_000)), (0, 2, 2, 3, 1000));
    }
}
