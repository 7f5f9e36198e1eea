//! A signal: one kind of measurement of one patient, in panes of event time.
//!
//! | module | holds |
//! |---|---|
//! | `ring` | the panes: who is in which, exact duplicates, what is late |
//! | `slots` | what each pane holds, in two bytes or in four |
//! | `cursor` | running sums of one window, movable forwards and backwards |
//! | `slack` | which readings need no look |
//! | `def` | what a policy says of a signal |
//! | `baseline` | what is usual for the patient |
//! | `drift` | a slow drift away from what is usual |
//! | `summary` | one value a night |
//! | [`statistic`] | what can be asked of a window: **add a statistic here** |

pub(crate) mod baseline;
pub(crate) mod cursor;
mod def;
pub(crate) mod drift;
pub(crate) mod pane;
pub(crate) mod ring;
pub(crate) mod slack;
pub(crate) mod slots;
pub mod statistic;
pub(crate) mod summary;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use smallvec::SmallVec;

use crate::event::Quality;
use crate::id::DeviceKey;
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

pub use baseline::{BaselineAction, BaselineCommand};
use cursor::Cursor;
pub(crate) use def::Feed;
pub use def::SignalDef;
use pane::Tally;
pub(crate) use ring::{Amended, Gate, Placed, Ring};
use slack::Slack;
pub use statistic::Statistic;
use statistic::WindowView;

/// A reading on its way into a pane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub observed_at: Timestamp,
    pub device: DeviceKey,
    pub value: Value,
    pub quality: Quality,
}

/// What a pane of a derived signal holds is smaller than this, in thousandths.
pub(crate) const HELD_LIMIT: i32 = slots::Slots::LIMIT;

/// What a pane of a derived signal holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    Nothing,
    Good(i32),
    /// A value that is not to be believed.
    Artifact(i32),
}

/// One signal of one patient: four lines of the cache, of which the usual reading touches the first two.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Signal {
    pub ring: Ring,
    /// When the host last got a reading of this signal that counts.
    pub last_arrival: Option<HostTime>,
    /// What good readings of the next panes no rule need look at.
    pub borne: Slack,
    /// When the pane of the newest such reading starts: rules that read the signal have come so far.
    pub glided: i64,
    /// How many panes one reading covers: the cadence in panes, at least one.
    pub cover: u32,
    /// The newest pane that a window was asked of; it can lie beyond the ring's.
    pub asked: i64,
    /// One per window of the signal's definition, in its order.
    pub cursors: SmallVec<[Cursor; 2]>,
    /// What few signals have.
    pub aside: Option<Box<Aside>>,
}

const _: () = assert!(size_of::<Signal>() <= 256);

/// From when to when a signal is expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Expected {
    from: HostTime,
    until: HostTime,
}

impl Expected {
    const FOREVER: HostTime = HostTime::from_millis(i64::MAX);

    pub fn new(from: Option<HostTime>, until: Option<HostTime>) -> Self {
        let (from, until) = (from.unwrap_or(HostTime::NEVER), until.unwrap_or(Self::FOREVER));
        Self { from, until }
    }

    /// From when on, if anybody said so.
    pub fn from(self) -> Option<HostTime> {
        Some(self.from).filter(|from| *from != HostTime::NEVER)
    }

    /// Until when, if it ends.
    pub fn until(self) -> Option<HostTime> {
        Some(self.until).filter(|until| *until != Self::FOREVER)
    }
}

impl Default for Expected {
    fn default() -> Self {
        Self::new(None, None)
    }
}

/// What few signals have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside {
    /// When it is expected, by enrolment.
    pub expected: Expected,
    /// What came last that does not count.
    pub spoilt: Option<Spoilt>,
    /// The last reading that would count if its device had been worn.
    pub unworn: Option<Unworn>,
}

/// A reading of nobody, which is one of the patient if it turns out that the device was worn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unworn {
    pub device: DeviceKey,
    pub observed_at: Timestamp,
    /// When the host got it.
    pub came: HostTime,
}

/// Readings that came and do not count, without one in between that does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spoilt {
    /// When the first of them came.
    pub since: HostTime,
    /// What was wrong with them.
    pub flags: Quality,
}

impl Signal {
    pub fn new(def: &SignalDef) -> Self {
        Self {
            ring: Ring::new(def.pane_ms, def.ring_panes),
            cursors: def.windows.iter().map(|_| Cursor::default()).collect(),
            last_arrival: None,
            borne: Slack::NONE,
            glided: i64::MIN,
            cover: def.cover,
            asked: i64::MIN,
            aside: None,
        }
    }

    /// When the signal is expected, by enrolment; from the first arrival on without one.
    pub fn expected(&self) -> Expected {
        self.aside.as_ref().map_or_else(Expected::default, |aside| aside.expected)
    }

    /// From now on it is expected then.
    pub fn expect(&mut self, expected: Expected) {
        if expected != self.expected() {
            self.aside.get_or_insert_default().expected = expected;
        }
    }

    /// A reading came that does not count.
    pub fn spoil(&mut self, now: HostTime, flags: Quality) {
        let spoilt = match self.spoilt_since() {
            Some(spoilt) => Spoilt { flags: spoilt.flags.with(flags), ..spoilt },
            None => Spoilt { since: now, flags },
        };
        self.aside.get_or_insert_default().spoilt = Some(spoilt);
    }

    /// The device was worn after all in a stretch of time: readings of it have come. When the last was observed, if
    /// that is news.
    pub fn was_worn(&mut self, device: DeviceKey, stretch: &Range<i64>) -> Option<Timestamp> {
        let unworn = self.aside.as_mut()?.unworn.take_if(|unworn| {
            unworn.device == device && stretch.contains(&unworn.observed_at.as_millis())
        })?;
        let news = self.last_arrival.is_none_or(|at| at < unworn.came);
        self.last_arrival = self.last_arrival.max(Some(unworn.came));
        news.then_some(unworn.observed_at)
    }

    /// What has come since the last reading that counts, if that is anything.
    pub fn spoilt_since(&self) -> Option<Spoilt> {
        let spoilt = self.aside.as_ref()?.spoilt;
        spoilt.filter(|spoilt| self.last_arrival.is_none_or(|at| spoilt.since > at))
    }

    /// Since when readings are missed: from the last that counts, or from when they are expected; of what nobody
    /// enrolled, from the first that came.
    pub fn waited_since(&self) -> Option<HostTime> {
        let known = self.last_arrival.max(self.expected().from());
        known.or_else(|| self.spoilt_since().map(|spoilt| spoilt.since))
    }

    /// Takes the readings of another signal of the same kind over.
    pub fn take_over(&mut self, from: &Self, was: &SignalDef, def: &SignalDef) {
        self.last_arrival = from.last_arrival;
        self.aside.clone_from(&from.aside);
        if from.cover != was.cover {
            // An enrolment said so; in panes of this width.
            let span = i64::from(from.cover) * was.pane_ms;
            self.cover = u32::try_from(span / def.pane_ms).unwrap_or(u32::MAX).max(1);
        }
        if was.pane_ms == def.pane_ms {
            self.ring = from.ring.resized(def.ring_panes);
            return;
        }
        let derived = def.derived.is_some();
        // What is derived is so as of the end of a pane: of those that make up a wider one, the last.
        // What one of a wider pane was at each time within it, nobody knows.
        let fits = !derived || def.pane_ms % was.pane_ms == 0;
        for (sample, good) in from.ring.readings().filter(|_| fits) {
            if derived {
                let (pane, value) = (self.ring.pane_of(sample.observed_at), sample.value);
                let held = if good { Held::Good } else { Held::Artifact };
                self.set(pane, held(value.thousandths()), def);
            } else {
                self.insert(&sample, good, def);
            }
        }
    }

    /// Puts a reading into its pane and keeps every window that covers it true. Also gives the
    /// pane.
    pub fn insert(&mut self, sample: &Sample, good: bool, def: &SignalDef) -> (Placed, i64) {
        let pane = self.ring.pane_of(sample.observed_at);
        let newest = self.ring.newest();
        let fresh = newest.is_none_or(|newest| pane > newest);
        match newest {
            Some(_) if fresh => self.ring.advance(pane),
            // Nothing lies before the first reading: every window can stand there at once.
            None => self.cursors.iter_mut().for_each(|cursor| cursor.at = pane),
            Some(_) => {}
        }
        let before = if fresh { Tally::EMPTY } else { self.ring.tally(pane) };
        let placed = self.ring.place(pane, sample, good);
        if placed == Placed::Accepted {
            self.replace(pane, before, def);
        }
        (placed, pane)
    }

    /// Makes a pane hold this and nothing else: what was derived and not measured. Whether that changed
    /// anything.
    pub fn set(&mut self, pane: i64, held: Held, def: &SignalDef) -> bool {
        let newest = self.ring.newest();
        if newest.is_none() {
            self.cursors.iter_mut().for_each(|cursor| cursor.at = pane);
        }
        let fresh = newest.is_none_or(|newest| pane > newest);
        let before = if fresh { Tally::EMPTY } else { self.ring.tally(pane) };
        if !self.ring.write(pane, held) {
            return false;
        }
        self.replace(pane, before, def);
        true
    }

    /// Puts a reading that [follows](Ring::steps_to) the newest one by so many panes into the ring.
    /// Windows go there when they are asked; those that stand there already, because a rule asked
    /// about a time that another signal had reached, take it in.
    #[inline]
    pub fn append(&mut self, steps: u32, sample: &Sample, def: &SignalDef) {
        self.ring.append(steps, sample);
        let pane = self.ring.newest_pane();
        if pane <= self.asked {
            self.replace(pane, Tally::EMPTY, def);
        }
    }

    /// The place and the code of a good reading that is the only one of the next pane, in step with those
    /// before, where no window stands already: all that is left to do is to [`push`](Ring::push) it.
    #[inline(always)]
    pub fn fits_next(&self, observed: i64, device: DeviceKey, value: i32) -> Option<(usize, i16)> {
        let fits = self.ring.fits_next(observed, device, value)?;
        (self.ring.newest_pane() >= self.asked).then_some(fits)
    }

    /// Reads what the next reading will need, for the sake of the cache.
    #[inline]
    pub fn touch(&self) -> u64 {
        let places = self.cursors.last().map_or(0, |cursor| cursor.at);
        (places ^ self.asked ^ self.ring.newest_pane()) as u64
    }

    /// Gives the reading of this identity another value, or takes it out.
    pub fn amend(
        &mut self,
        sample: &Sample,
        to: Option<(Value, bool)>,
        def: &SignalDef,
    ) -> Amended {
        let pane = self.ring.pane_of(sample.observed_at);
        let before = self.ring.tally(pane);
        let amended = self.ring.amend(pane, sample, to);
        if amended == Amended::Changed {
            self.replace(pane, before, def);
        }
        amended
    }

    /// Decides anew whether readings of a device count, in panes from one on. Which panes hold something else
    /// now, oldest first.
    pub fn regate(&mut self, gate: &Gate, from: i64, def: &SignalDef) -> Vec<i64> {
        let (Some(newest), width) = (self.ring.newest(), def.pane_ms) else {
            return Vec::new();
        };
        let first = gate.stretch.start.div_euclid(width).max(from).max(self.ring.oldest());
        let last = gate.stretch.end.div_euclid(width).min(newest);
        let mut changed = Vec::new();
        for pane in first..=last {
            let before = self.ring.tally(pane);
            if self.ring.regate(pane, gate) {
                self.replace(pane, before, def);
                changed.push(pane);
            }
        }
        changed
    }

    /// The view of a window that ends at `pane`.
    #[inline(always)]
    pub fn window<'a>(&'a mut self, index: usize, pane: i64, def: &SignalDef) -> WindowView<'a> {
        let window = &def.windows[index];
        let cursor = &mut self.cursors[index];
        cursor.seek(&self.ring, pane, window);
        self.asked = self.asked.max(pane);
        WindowView { ring: &self.ring, cursor, panes: window.panes, cover: self.cover }
    }

    /// The view of a window that ends at the newest pane, which is plain and holds `value`.
    #[inline(always)]
    pub fn newest_window<'a>(
        &'a mut self,
        index: usize,
        def: &SignalDef,
        value: i32,
    ) -> WindowView<'a> {
        let (window, pane) = (&def.windows[index], self.ring.newest_pane());
        let cursor = &mut self.cursors[index];
        if cursor.at == pane - 1 {
            cursor.forward_plain(&self.ring, value, window);
        } else {
            cursor.seek(&self.ring, pane, window);
        }
        WindowView { ring: &self.ring, cursor, panes: window.panes, cover: self.cover }
    }

    #[inline]
    fn replace(&mut self, pane: i64, before: Tally, def: &SignalDef) {
        for (cursor, window) in self.cursors.iter_mut().zip(&def.windows) {
            if cursor.holds(pane, window) {
                cursor.replace(pane, before, self.ring.tally(pane), window);
            }
        }
    }
}
