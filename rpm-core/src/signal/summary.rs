//! One value a night: what a signal was in a part of the patient's day.
//!
//! A *night* is the part of the day that the policy names; the panes that start in it are its own. What
//! can no longer change is added up as it becomes certain, and the few panes that still can are asked
//! each time: so hours of readings cost a handful of integers, late evidence counts where it belongs,
//! and neither the order of arrival nor duplicates matter.

use super::Statistic;
use super::ring::Ring;
use crate::value::div_round;

const DAY_MS: i64 = 86_400_000;
/// Before anything.
const NEVER: i64 = i64::MIN;

/// What a policy says of a summary. Times are in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SummaryDef {
    /// The signal that is summarised.
    pub of: u16,
    /// Its place among the policy's summaries.
    pub place: u16,
    /// One of [`SummaryDef::STATISTICS`].
    pub statistic: Statistic,
    /// When a night ends, in the patient's day.
    pub until: i64,
    /// How long it is, at most a day.
    pub length: i64,
    pub coverage_permille: i64,
    /// So long ago a pane must be to be certain.
    pub certain_after: i64,
}

/// What one patient's summary knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Summary {
    /// The first pane that has not been added up.
    pub next: i64,
    /// The newest night that is over and told.
    pub told: i64,
    /// The night whose panes were added up last, and what came of it.
    pub night: i64,
    pub total: Total,
}

/// What panes add up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Total {
    /// Good readings.
    pub count: u32,
    /// Panes that have any.
    pub covered: u32,
    pub sum: i64,
    pub min: i32,
    pub max: i32,
}

/// The panes of a night, from one to before another, by the clock of one patient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Night {
    pub first: i64,
    pub end: i64,
    /// In milliseconds.
    pub width: i64,
}

impl SummaryDef {
    pub const STATISTICS: [Statistic; 4] =
        [Statistic::Mean, Statistic::Min, Statistic::Max, Statistic::Sum];

    /// Whether another one says the same of the same.
    pub fn summarises_like(&self, other: &Self) -> bool {
        let facts = |def: &Self| (def.statistic, def.until, def.length, def.coverage_permille);
        facts(self) == facts(other)
    }

    /// The panes of a night. Nights are numbered by the local day on which they end.
    pub fn night(&self, number: i64, width: i64, offset: i64) -> Night {
        let end = number.saturating_mul(DAY_MS).saturating_add(self.until - offset);
        let pane = |at: i64| at.div_euclid(width) + i64::from(at.rem_euclid(width) > 0);
        Night { first: pane(end.saturating_sub(self.length)), end: pane(end), width }
    }

    /// The first night that ends after a time.
    pub fn ends_after(&self, at: i64, offset: i64) -> i64 {
        at.saturating_add(offset - self.until).div_euclid(DAY_MS).saturating_add(1)
    }

    /// The last night of which all panes have passed by a time.
    pub fn over_by(&self, at: i64, width: i64, offset: i64) -> i64 {
        let passed = at.div_euclid(width).saturating_mul(width);
        passed.saturating_add(offset - self.until).div_euclid(DAY_MS)
    }

    /// What a night comes to, in thousandths, if enough of it is covered.
    pub fn value(&self, night: Night, total: &Total, cover: u32) -> Option<i64> {
        let enough = night.covered(total, cover) * 1000 >= self.coverage_permille * night.panes();
        (enough && total.count > 0).then(|| match self.statistic {
            Statistic::Min => total.min.into(),
            Statistic::Max => total.max.into(),
            Statistic::Sum => total.sum,
            _ => div_round(total.sum.into(), total.count.into()) as i64,
        })
    }
}

impl Night {
    /// When it is over.
    pub fn over(&self) -> i64 {
        self.end.saturating_mul(self.width)
    }

    /// When it begins.
    pub fn start(&self) -> i64 {
        self.first.saturating_mul(self.width)
    }

    fn panes(&self) -> i64 {
        self.end - self.first
    }

    /// Panes covered by good readings, of which each covers so many.
    fn covered(&self, total: &Total, cover: u32) -> i64 {
        i64::from(total.covered).saturating_mul(cover.into()).min(self.panes())
    }

    /// Good readings' share of it in per cent, rounded.
    pub fn coverage_percent(&self, total: &Total, cover: u32) -> u8 {
        let panes = self.panes().max(1);
        ((self.covered(total, cover) * 200 + panes) / (2 * panes)) as u8
    }
}

impl Summary {
    pub const NEW: Self = Self { next: NEVER, told: NEVER, night: NEVER, total: Total::new() };

    /// Adds the panes before one up, none of which can change any more.
    pub fn take_in(&mut self, def: &SummaryDef, ring: &Ring, end: i64, offset: i64) {
        let Some(newest) = ring.newest().filter(|_| end > self.next) else {
            return;
        };
        for pane in self.next.max(ring.oldest())..end.min(newest + 1) {
            let start = ring.start_of(pane);
            let number = def.ends_after(start, offset);
            if !ring.has_good(pane) || pane < def.night(number, ring.width, offset).first {
                continue;
            }
            if number != self.night {
                (self.night, self.total) = (number, Total::new());
            }
            self.total.add(ring, pane);
        }
        self.next = end;
    }

    /// What a night adds up to by now; of one long ago nothing is known any more.
    pub fn total(&self, def: &SummaryDef, ring: &Ring, number: i64, offset: i64) -> Total {
        let night = def.night(number, ring.width, offset);
        let mut total = if number == self.night { self.total } else { Total::new() };
        if let Some(newest) = ring.newest() {
            let first = night.first.max(self.next).max(ring.oldest());
            (first..night.end.min(newest + 1)).for_each(|pane| total.add(ring, pane));
        }
        total
    }
}

impl Total {
    pub const fn new() -> Self {
        Self { count: 0, covered: 0, sum: 0, min: i32::MAX, max: i32::MIN }
    }

    fn add(&mut self, ring: &Ring, pane: i64) {
        let view = ring.view(pane);
        if view.good > 0 {
            self.count = self.count.saturating_add(view.good);
            self.covered = self.covered.saturating_add(1);
            self.sum = self.sum.saturating_add(view.sum);
            (self.min, self.max) = (self.min.min(view.min), self.max.max(view.max));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn def(until: i64, length: i64) -> SummaryDef {
        let (until, length) = (until * HOUR, length * HOUR);
        let (statistic, coverage_permille) = (Statistic::Mean, 500);
        SummaryDef {
            of: 0,
            place: 0,
            statistic,
            until,
            length,
            coverage_permille,
            certain_after: 0,
        }
    }

    #[test]
    fn nights_follow_each_other_and_do_not_overlap() {
        for (until, length) in [(7, 7), (7, 9), (0, 24), (23, 24), (0, 1)] {
            for offset in [-12 * HOUR, -HOUR / 2, 0, 5 * HOUR + HOUR / 2, 14 * HOUR] {
                for width in [1000, 60_000, 7 * 60_000, HOUR] {
                    let def = def(until, length);
                    let night = |number| def.night(number, width, offset);
                    for number in [-3, 0, 20_000] {
                        assert!(night(number).end <= night(number + 1).first);
                        assert!((night(number).panes() * width - def.length).abs() < width);
                        assert_eq!(def.over_by(night(number).over(), width, offset), number);
                        assert_eq!(
                            def.over_by(night(number).over() - 1, width, offset),
                            number - 1
                        );
                        let (first, last) = (night(number).first, night(number).end - 1);
                        assert_eq!(def.ends_after(first * width, offset), number);
                        assert_eq!(def.ends_after(last * width, offset), number);
                    }
                }
            }
        }
    }

    #[test]
    fn a_night_is_by_the_patients_clock() {
        // From 22:00 to 07:00 two hours east of Greenwich: from 20:00 to 05:00 there.
        let night = def(7, 9).night(20_000, 60_000, 2 * HOUR);
        assert_eq!(night.start(), 20_000 * DAY_MS - 4 * HOUR);
        assert_eq!(night.over(), 20_000 * DAY_MS + 5 * HOUR);
    }
}
