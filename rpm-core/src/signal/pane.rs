//! One pane: what its readings add up to, independent of the order in which they came.

use smallvec::SmallVec;

use crate::event::Quality;

/// The commutative aggregates of one pane.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pane {
    /// Good readings.
    pub good: u32,
    /// Readings that do not count: bad quality, no value.
    pub bad: u32,
    pub sum: i64,
    /// Of the good ones; meaningless without any, as are the rest.
    pub min: i32,
    pub max: i32,
    /// The earliest and the latest good reading. Among readings of one instant (several devices)
    /// the larger value is the later, so that arrival does not matter.
    pub first: Point,
    pub last: Point,
}

/// A reading's place inside its pane, and its value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Point {
    /// Milliseconds from the start of the pane.
    pub offset: u32,
    pub value: i32,
}

impl Pane {
    pub const EMPTY: Self = Self {
        good: 0,
        bad: 0,
        sum: 0,
        min: 0,
        max: 0,
        first: Point { offset: 0, value: 0 },
        last: Point { offset: 0, value: 0 },
    };

    #[inline]
    pub const fn single(point: Point) -> Self {
        Self {
            good: 1,
            bad: 0,
            sum: point.value as i64,
            min: point.value,
            max: point.value,
            first: point,
            last: point,
        }
    }

    pub const fn bad(count: u32) -> Self {
        Self { bad: count, ..Self::EMPTY }
    }

    fn add(&mut self, entry: &Entry) {
        if !entry.good {
            self.bad += 1;
            return;
        }
        let point = Point { offset: entry.offset, value: entry.value };
        if self.good == 0 {
            *self = Self { bad: self.bad, ..Self::single(point) };
            return;
        }
        self.good += 1;
        self.sum += i64::from(entry.value);
        self.min = self.min.min(entry.value);
        self.max = self.max.max(entry.value);
        self.first = self.first.min(point);
        self.last = self.last.max(point);
    }
}

/// A reading remembered exactly, for as long as it may be repeated, corrected or voided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub offset: u32,
    pub value: i32,
    pub device: u16,
    pub quality: Quality,
    pub good: bool,
}

/// A pane that does not fit one slot: several readings, several devices, or bad quality.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detail {
    pub pane: i64,
    pub total: Pane,
    /// Sum of the squares of the good readings.
    pub squares: i128,
    /// Empty once the pane has left the lateness horizon.
    pub entries: SmallVec<[Entry; 2]>,
}

impl Detail {
    /// Totals are made anew from the entries: short lists, and nothing to get out of step.
    pub fn recount(&mut self) {
        self.total = Pane::EMPTY;
        self.squares = 0;
        for entry in &self.entries {
            self.total.add(entry);
            let value = i128::from(entry.value);
            self.squares += if entry.good { value * value } else { 0 };
        }
    }
}
