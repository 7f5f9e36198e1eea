//! One value a night: what a signal was in a part of the patient's day.
//!
//! A *night* is the part of the day that the policy names; the panes that start in it are its own. What
//! can no longer change is added up as it becomes certain, and the few panes that still can are asked
//! each time: so hours of readings cost a handful of integers, late evidence counts where it belongs,
//! and neither the order of arrival nor duplicates matter.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Statistic;
use super::ring::Ring;
use crate::value::{div_round, write_thousandths};

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
    pub what: What,
    /// When a night ends, in the patient's day.
    pub until: i64,
    /// How long it is, at most a day.
    pub length: i64,
    pub coverage_permille: i64,
    /// So long ago a pane must be to be certain.
    pub certain_after: i64,
}

/// What is asked of a night.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// One of [`What::STATISTICS`].
    Statistic(Statistic),
    /// The middle of its panes' means, each rounded to a step; between two it is half way.
    Median { step: i32 },
    /// The lowest of them that so many hundred-thousandths do not exceed.
    Percentile { rank: i32, step: i32 },
}

/// So many steps at most lie between the lowest value that counts and the highest: more distinct values
/// a night cannot have.
pub(crate) const MOST_STEPS: i64 = 1024;

/// What one patient's summary knows.
#[derive(Clone, PartialEq, Eq, Debug)]
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Total {
    /// Good readings.
    pub count: u32,
    /// Panes that have any.
    pub covered: u32,
    pub sum: i64,
    pub min: i32,
    pub max: i32,
    /// Where their middle or another rank is asked for: how many panes there are of each step, from low to high.
    pub steps: Option<Vec<(i32, u32)>>,
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
    /// Whether another one says the same of the same.
    pub fn summarises_like(&self, other: &Self) -> bool {
        let facts = |def: &Self| (def.what, def.until, def.length, def.coverage_permille);
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
        (enough && total.count > 0).then(|| self.what.of(total))
    }
}

impl What {
    pub const STATISTICS: [Statistic; 4] =
        [Statistic::Mean, Statistic::Min, Statistic::Max, Statistic::Sum];

    /// To what each pane's mean is rounded, if they are counted one by one.
    pub fn step(self) -> Option<i32> {
        match self {
            Self::Statistic(_) => None,
            Self::Median { step } | Self::Percentile { step, .. } => Some(step),
        }
    }

    /// In policies and records: `median`, `percentile 90`.
    pub fn name(self) -> String {
        match self {
            Self::Statistic(statistic) => statistic.name().into(),
            Self::Median { .. } => "median".into(),
            Self::Percentile { rank, .. } => {
                let mut percent = String::new();
                let _ = write_thousandths(rank.into(), &mut percent);
                format!("percentile {percent}")
            }
        }
    }

    /// Of panes of which one at least counts, in thousandths.
    fn of(self, total: &Total) -> i64 {
        let panes = u64::from(total.covered);
        match self {
            Self::Statistic(Statistic::Min) => total.min.into(),
            Self::Statistic(Statistic::Max) => total.max.into(),
            Self::Statistic(Statistic::Sum) => total.sum,
            Self::Statistic(_) => div_round(total.sum.into(), total.count.into()) as i64,
            Self::Median { step } => {
                let (low, high) =
                    (total.ranked(panes.saturating_sub(1) / 2), total.ranked(panes / 2));
                div_round((i128::from(low) + i128::from(high)) * i128::from(step), 2) as i64
            }
            Self::Percentile { rank, step } => {
                let nth = (panes * u64::from(rank.unsigned_abs())).div_ceil(100_000).max(1);
                i64::from(total.ranked(nth - 1)) * i64::from(step)
            }
        }
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
    pub fn new(def: &SummaryDef) -> Self {
        Self { next: NEVER, told: NEVER, night: NEVER, total: Total::new(def) }
    }

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
                (self.night, self.total) = (number, Total::new(def));
            }
            self.total.add(ring, pane, def);
        }
        self.next = end;
    }

    /// What a night adds up to by now; of one long ago nothing is known any more.
    pub fn total(&self, def: &SummaryDef, ring: &Ring, number: i64, offset: i64) -> Total {
        let night = def.night(number, ring.width, offset);
        let mut total = if number == self.night { self.total.clone() } else { Total::new(def) };
        if let Some(newest) = ring.newest() {
            let first = night.first.max(self.next).max(ring.oldest());
            (first..night.end.min(newest + 1)).for_each(|pane| total.add(ring, pane, def));
        }
        total
    }
}

impl Total {
    pub fn new(def: &SummaryDef) -> Self {
        let steps = def.what.step().map(|_| Vec::new());
        Self { count: 0, covered: 0, sum: 0, min: i32::MAX, max: i32::MIN, steps }
    }

    /// How many steps the pane of a rank holds; ranks count from 0.
    fn ranked(&self, rank: u64) -> i32 {
        let mut below = 0;
        let reached = |(_, panes): &&(i32, u32)| {
            below += u64::from(*panes);
            below > rank
        };
        self.steps.iter().flatten().find(reached).map_or(0, |(steps, _)| *steps)
    }

    fn add(&mut self, ring: &Ring, pane: i64, def: &SummaryDef) {
        let view = ring.view(pane);
        if view.good > 0 {
            self.count = self.count.saturating_add(view.good);
            self.covered = self.covered.saturating_add(1);
            self.sum = self.sum.saturating_add(view.sum);
            (self.min, self.max) = (self.min.min(view.min), self.max.max(view.max));
            if let Some((step, all)) = def.what.step().zip(self.steps.as_mut()) {
                let mean = div_round(view.sum.into(), view.good.into());
                let steps = div_round(mean, step.max(1).into()) as i32;
                match all.binary_search_by_key(&steps, |(steps, _)| *steps) {
                    Ok(at) => all[at].1 = all[at].1.saturating_add(1),
                    Err(at) => all.insert(at, (steps, 1)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn def(until: i64, length: i64) -> SummaryDef {
        let (until, length) = (until * HOUR, length * HOUR);
        let (what, coverage_permille) = (What::Statistic(Statistic::Mean), 500);
        SummaryDef { of: 0, place: 0, what, until, length, coverage_permille, certain_after: 0 }
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
    fn ranks_are_those_of_the_sorted_panes() {
        for n in 1..40_i32 {
            let mut sorted: Vec<i32> = (0..n).map(|i| i * i % 17).collect();
            sorted.sort_unstable();
            let mut steps: Vec<(i32, u32)> = Vec::new();
            for value in &sorted {
                match steps.last_mut().filter(|(last, _)| last == value) {
                    Some((_, panes)) => *panes += 1,
                    None => steps.push((*value, 1)),
                }
            }
            let n_panes = n as u32;
            let total = Total {
                covered: n_panes,
                count: n_panes,
                steps: Some(steps),
                ..Total::new(&def(7, 7))
            };
            let at = |rank: i32| i64::from(sorted[rank as usize]) * 500;
            let middle = (at((n - 1) / 2) + at(n / 2)) / 2;
            assert_eq!(What::Median { step: 500 }.of(&total), middle, "{n}");
            for (rank, percent) in [(1, 0), (50_000, 50), (90_000, 90), (100_000, 100)] {
                let nth = (n * percent + 99) / 100;
                let found = What::Percentile { rank, step: 500 }.of(&total);
                assert_eq!(found, at(nth.max(1) - 1), "{n} {percent}");
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
