//! Ten minutes and days: what is counted by them, and what follows from the counts.

use super::guidance::{BIN, FLOOD_ABOVE, FLOOD_ENDS_BELOW};
use crate::small_map::SmallMap;
use crate::time::HostTime;

const DAY_MS: i64 = 86_400_000;

/// How many alarms each ten minutes had; those without are not kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Bins {
    counts: SmallMap<i64, u64>,
}

/// Ten minutes from the first to the last, both of them inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Range {
    pub first: i64,
    pub last: i64,
}

/// What the bins of a time say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Load {
    pub alarms: u64,
    /// The most in one bin, and when that began.
    pub peak: (u64, HostTime),
    pub over: u64,
    pub floods: u64,
    pub in_flood: u64,
}

impl Range {
    /// The bins that a time touches; its end is not part of it, but what lies there is.
    pub fn of(from: HostTime, until: HostTime, latest: HostTime) -> Self {
        let before_end = HostTime::from_millis(until.as_millis().saturating_sub(1));
        let last = bin_of(before_end).max(bin_of(latest));
        Self { first: bin_of(from), last: last.max(bin_of(from)) }
    }

    pub fn len(self) -> u64 {
        self.first.abs_diff(self.last) + 1
    }
}

fn bin_of(at: HostTime) -> i64 {
    at.as_millis().div_euclid(BIN.as_millis())
}

fn begin_of(bin: i64) -> HostTime {
    HostTime::from_millis(bin.saturating_mul(BIN.as_millis()))
}

impl Bins {
    pub fn count(&mut self, at: HostTime) {
        *self.counts.get_or_insert_with(bin_of(at), || 0) += 1;
    }

    pub fn take_back(&mut self, at: HostTime) {
        let bin = bin_of(at);
        if let Some(count) = self.counts.get_mut(&bin) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&bin);
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (bin, count) in other.counts {
            *self.counts.get_or_insert_with(bin, || 0) += count;
        }
    }

    /// Beginning and count of each bin that has any.
    pub fn iter(&self) -> impl Iterator<Item = (HostTime, u64)> + '_ {
        self.counts.iter().map(|(bin, count)| (begin_of(*bin), *count))
    }

    /// A flood begins with a bin of more than ten and goes on until one of fewer than five.
    pub fn load(&self) -> Load {
        let mut load = Load::default();
        // The bin before, if the flood lasted until its end.
        let mut flooded: Option<i64> = None;
        for (&bin, &count) in &self.counts {
            load.alarms += count;
            if count > load.peak.0 {
                load.peak = (count, begin_of(bin));
            }
            let goes_on = flooded == Some(bin - 1) && count >= FLOOD_ENDS_BELOW;
            let over = count > FLOOD_ABOVE;
            load.over += u64::from(over);
            load.floods += u64::from(over && !goes_on);
            load.in_flood += u64::from(over || goes_on);
            flooded = (over || goes_on).then_some(bin);
        }
        load
    }
}

/// How many spans touch each day, as steps up and down: a span costs two entries, however long.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Days {
    steps: SmallMap<i64, i64>,
}

impl Days {
    /// A span; its end is not part of it.
    pub fn span(&mut self, from: HostTime, until: HostTime) {
        if until <= from {
            return;
        }
        let day = |ms: i64| ms.div_euclid(DAY_MS);
        let after = day(until.as_millis().saturating_sub(1)).saturating_add(1);
        self.step(day(from.as_millis()), 1);
        self.step(after, -1);
    }

    fn step(&mut self, day: i64, by: i64) {
        let step = self.steps.get_or_insert_with(day, || 0);
        *step += by;
        if *step == 0 {
            self.steps.remove(&day);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        other.steps.iter().for_each(|(day, by)| self.step(*day, *by));
    }

    /// The most on one day.
    pub fn most(&self) -> u64 {
        let level = |sum: &mut i64, by: &i64| {
            *sum += by;
            Some(*sum)
        };
        let most = self.steps.values().scan(0, level).max();
        most.unwrap_or(0).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(counts: &[u64]) -> Bins {
        let mut bins = Bins::default();
        for (bin, count) in (0..).zip(counts) {
            (0..*count).for_each(|_| bins.count(begin_of(bin)));
        }
        bins
    }

    fn floods(counts: &[u64]) -> (u64, u64) {
        let load = bins(counts).load();
        (load.floods, load.in_flood)
    }

    #[test]
    fn eleven_in_ten_minutes_start_a_flood_that_ends_below_five() {
        assert_eq!(floods(&[10, 10, 10]), (0, 0), "ten are no flood");
        assert_eq!(floods(&[11, 4, 11]), (2, 2));
        assert_eq!(floods(&[11, 5, 9, 5, 4, 5]), (1, 4));
        assert_eq!(floods(&[11, 0, 5]), (1, 1), "a bin without alarms ends it as well");
        assert_eq!(floods(&[3, 12, 30, 11]), (1, 3));
    }

    #[test]
    fn the_peak_is_the_first_of_the_highest_bins() {
        let load = bins(&[2, 7, 0, 7]).load();
        assert_eq!(load.peak, (7, begin_of(1)));
        assert_eq!((load.alarms, load.over), (16, 0));
    }

    #[test]
    fn a_range_holds_what_lies_at_its_end() {
        let at = |minutes: i64| HostTime::from_millis(minutes * 60_000);
        assert_eq!(Range::of(at(0), at(60), at(59)).len(), 6);
        assert_eq!(Range::of(at(0), at(60), at(60)).len(), 7, "an alarm at the end has its bin");
        assert_eq!(Range::of(at(5), at(5), at(5)).len(), 1);
        assert_eq!(Range::of(at(9), at(11), at(9)).len(), 2);
    }

    #[test]
    fn spans_touch_the_days_that_they_reach_into() {
        let at = |hours: i64| HostTime::from_millis(hours * 3_600_000);
        let mut days = Days::default();
        days.span(at(20), at(30));
        days.span(at(24), at(48));
        days.span(at(48), at(49));
        assert_eq!(days.most(), 2, "the second and the third do not share a day");
        days.span(at(0), at(500));
        assert_eq!(days.most(), 3);
        days.span(at(5), at(5));
        assert_eq!(days.most(), 3);
    }
}
