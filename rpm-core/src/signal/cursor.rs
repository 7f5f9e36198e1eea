//! Running sums of one window, at a place that moves.
//!
//! A window is the pane it stands at and those before it. Moving one pane on adds one pane and
//! takes one away; moving back does the reverse. So late evidence is evaluated again from where it
//! belongs at a cost that depends on how late it is, not on how long the window is.

use super::pane::Pane;
use super::ring::Ring;

/// What a window needs to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    /// How many panes it has.
    pub panes: u32,
    /// Whether sums for a least-squares line are kept.
    pub line: bool,
}

/// Not standing anywhere yet.
const NOWHERE: i64 = i64::MIN;

/// See the module. Positions of the line's sums count from `at`, so that they stay small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    pub at: i64,
    /// Panes with a good reading.
    pub covered: u32,
    /// Panes with bad readings only.
    pub spoilt: u32,
    /// Good readings.
    pub count: i64,
    pub sum: i64,
    /// Sum of x, of x squared, and of x times y over good readings; x is the pane's distance
    /// from `at`, so never positive.
    pub x: i64,
    pub xx: i64,
    pub xy: i64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { at: NOWHERE, covered: 0, spoilt: 0, count: 0, sum: 0, x: 0, xx: 0, xy: 0 }
    }
}

impl Cursor {
    /// Whether the pane counts in the window where it stands now.
    #[inline]
    pub fn holds(&self, pane: i64, window: &Window) -> bool {
        self.at != NOWHERE && pane <= self.at && self.at - pane < i64::from(window.panes)
    }

    #[inline]
    pub fn put(&mut self, pane: i64, what: &Pane, window: &Window) {
        self.apply(pane, what, 1, window);
    }

    #[inline]
    pub fn take(&mut self, pane: i64, what: &Pane, window: &Window) {
        self.apply(pane, what, -1, window);
    }

    #[inline]
    fn apply(&mut self, pane: i64, what: &Pane, sign: i64, window: &Window) {
        if what.good == 0 {
            let spoilt = u32::from(what.bad > 0);
            self.spoilt = self.spoilt.wrapping_add_signed(sign as i32 * spoilt as i32);
            return;
        }
        self.covered = self.covered.wrapping_add_signed(sign as i32);
        let count = sign * i64::from(what.good);
        let sum = sign * what.sum;
        self.count += count;
        self.sum += sum;
        if window.line {
            let x = pane - self.at;
            self.x += count * x;
            self.xx += count * x * x;
            self.xy += sum * x;
        }
    }

    /// Stands at `pane` afterwards.
    #[inline]
    pub fn seek(&mut self, ring: &Ring, pane: i64, window: &Window) {
        let length = i64::from(window.panes);
        let distance = pane.wrapping_sub(self.at);
        if self.at == NOWHERE || distance >= length || distance <= -length {
            self.stand(ring, pane, window);
            return;
        }
        while self.at < pane {
            let leaving = self.at - length + 1;
            self.take(leaving, &ring.view(leaving), window);
            self.shift(1, window);
            self.put(self.at, &ring.view(self.at), window);
        }
        while self.at > pane {
            self.take(self.at, &ring.view(self.at), window);
            self.shift(-1, window);
            let entering = self.at - length + 1;
            self.put(entering, &ring.view(entering), window);
        }
    }

    /// Moves the origin of the line's sums by `by` panes.
    #[inline]
    fn shift(&mut self, by: i64, window: &Window) {
        self.at += by;
        if window.line {
            // Each x becomes x - by.
            self.xx += self.count * by * by - 2 * by * self.x;
            self.x -= by * self.count;
            self.xy -= by * self.sum;
        }
    }

    fn stand(&mut self, ring: &Ring, pane: i64, window: &Window) {
        *self = Self { at: pane, ..Self::default() };
        let first = pane.saturating_sub(i64::from(window.panes) - 1).max(ring.oldest());
        for p in first..=pane {
            self.put(p, &ring.view(p), window);
        }
    }

    /// Starts afresh if the window reaches back before `oldest`.
    #[inline]
    pub fn forget_if_before(&mut self, oldest: i64, window: &Window) {
        if self.at != NOWHERE && self.at - i64::from(window.panes) + 1 < oldest {
            self.at = NOWHERE;
        }
    }
}
