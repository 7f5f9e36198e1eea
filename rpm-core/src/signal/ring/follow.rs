//! The reading that follows the newest one, as nearly all do.

use super::{NONE, Ring};
use crate::id::DeviceKey;
use crate::signal::Sample;
use crate::signal::slots::Slots;

/// A longer silence than this many panes is not part of the usual.
const MAX_STEPS: i64 = 64;

impl Ring {
    /// See [`Signal::fits_next`](crate::signal::Signal::fits_next).
    #[inline(always)]
    pub fn fits_next(&self, observed: i64, device: DeviceKey, value: i32) -> Option<(usize, i16)> {
        let in_step =
            observed.wrapping_sub(self.newest_start) == self.width + i64::from(self.phase);
        if !in_step || device.0 != self.device || self.odd.is_some() {
            return None;
        }
        let next = if self.head + 1 >= self.capacity { 0 } else { self.head + 1 } as usize;
        Some((next, self.slots.narrow_code(next, value)?))
    }

    /// When the pane after the newest starts.
    #[inline]
    pub fn next_start(&self) -> i64 {
        self.newest_start + self.width
    }

    /// Puts a reading of the next pane there that [fits](Self::fits_next).
    #[inline(always)]
    pub fn push(&mut self, at: usize, code: i16) {
        self.slots.store_narrow(at, code);
        self.head = at as u32;
        self.newest += 1;
        self.newest_start += self.width;
    }

    /// By how many panes the reading follows the newest one, if one slot says all there is to say of
    /// it, as of nearly all. Then [`append`](Self::append) is all there is to do.
    #[inline(always)]
    pub fn steps_to(&self, sample: &Sample) -> Option<u32> {
        let value = sample.value.thousandths();
        let ahead = sample.observed_at.as_millis().wrapping_sub(self.newest_start);
        let fits = value > -Slots::LIMIT && value < Slots::LIMIT;
        if !fits || sample.device.0 != self.device || self.newest == NONE {
            None
        } else if ahead == self.width + i64::from(self.phase) {
            Some(1)
        } else {
            self.steps_over(ahead)
        }
    }

    /// How many panes such a time after the start of the newest one are.
    #[inline(never)]
    fn steps_over(&self, ahead: i64) -> Option<u32> {
        if !(self.width..MAX_STEPS.saturating_mul(self.width)).contains(&ahead) {
            return None;
        }
        let (steps, offset) = (ahead / self.width, ahead % self.width);
        let on_phase = self.offsets().is_some() || offset == i64::from(self.phase);
        on_phase.then_some(steps as u32)
    }

    /// Puts a reading so many panes after the newest.
    #[inline(always)]
    pub fn append(&mut self, steps: u32, sample: &Sample) {
        if steps > 1 {
            self.advance(self.newest + i64::from(steps) - 1);
        }
        self.turn();
        let (value, good) = (sample.value.thousandths(), sample.quality.is_good());
        self.slots.set_reading(self.head as usize, value, good);
        self.newest += 1;
        self.newest_start += self.width;
        if let Some(offsets) = self.odd.as_mut().and_then(|odd| odd.offsets.as_mut()) {
            let offset = sample.observed_at.as_millis() - self.newest_start;
            offsets[self.head as usize] = offset as u32;
        }
    }
}
