//! One pane: what its readings add up to, independent of the order in which they came.

use smallvec::SmallVec;

use crate::bytes::{Reader, Snap, Writer, corrupt};
use crate::error::Error;
use crate::event::Quality;
use crate::value::div_round;

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

/// What a window's running sums need of a pane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    pub good: u32,
    pub bad: u32,
    pub sum: i64,
}

impl Tally {
    pub const EMPTY: Self = Self { good: 0, bad: 0, sum: 0 };

    /// Of one good reading.
    #[inline]
    pub fn one(value: i32) -> Self {
        Self { good: 1, bad: 0, sum: i64::from(value) }
    }

    /// The mean of the good readings, if there are any.
    pub fn mean(&self) -> Option<i32> {
        let good = self.good > 0;
        good.then(|| div_round(self.sum.into(), i128::from(self.good)) as i32)
    }

    /// One if the pane is covered, one if it has bad readings only.
    #[inline]
    pub fn marks(&self) -> (i32, i32) {
        (i32::from(self.good > 0), i32::from(self.good == 0 && self.bad > 0))
    }
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
        match entry.state {
            State::Good => {}
            State::Bad => return self.bad += 1,
            State::Void => return,
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
    /// The value as it first came: what a repetition brings again.
    pub delivered: i32,
    pub device: u16,
    pub quality: Quality,
    pub state: State,
}

/// Whether a remembered reading counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Good,
    /// Of bad quality, or without a value.
    Bad,
    /// Taken back. Remembered, so that its repetition does not bring it back.
    Void,
}

impl State {
    pub fn of(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
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
            self.squares += if entry.state == State::Good { value * value } else { 0 };
        }
    }
}

impl Snap for Pane {
    fn save(&self, w: &mut Writer) {
        self.good.save(w);
        self.bad.save(w);
        self.sum.save(w);
        self.min.save(w);
        self.max.save(w);
        for point in [self.first, self.last] {
            point.offset.save(w);
            point.value.save(w);
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let (good, bad, sum) = (r.read()?, r.read()?, r.time()?);
        let (min, max) = (r.read()?, r.read()?);
        let first = Point { offset: r.read()?, value: r.read()? };
        let last = Point { offset: r.read()?, value: r.read()? };
        Ok(Self { good, bad, sum, min, max, first, last })
    }
}

impl Snap for Entry {
    fn save(&self, w: &mut Writer) {
        self.offset.save(w);
        self.value.save(w);
        self.delivered.save(w);
        self.device.save(w);
        self.quality.to_byte().save(w);
        (self.state as u8).save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let (offset, value, delivered, device) = (r.read()?, r.read()?, r.read()?, r.read()?);
        let quality = Quality::from_byte(r.read()?);
        let state = match r.read::<u8>()? {
            0 => State::Good,
            1 => State::Bad,
            2 => State::Void,
            _ => return Err(corrupt()),
        };
        Ok(Self { offset, value, delivered, device, quality, state })
    }
}

impl Snap for Detail {
    fn save(&self, w: &mut Writer) {
        self.pane.save(w);
        self.total.save(w);
        self.squares.save(w);
        w.list(self.entries.iter());
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let (pane, total, squares) = (r.time()?, r.read()?, r.read::<i128>()?);
        // What sums of squares of panes can come to, so that they can be added up.
        r.ensure((0..1 << 100).contains(&squares))?;
        Ok(Self { pane, total, squares, entries: SmallVec::from_vec(r.list()?) })
    }
}
