//! Running sums of one window, at a place that moves.
//!
//! A window is the pane it stands at and those before it. Moving one pane on adds one pane and
//! takes one away; moving back does the reverse. So late evidence is evaluated again from where it
//! belongs at a cost that depends on how late it is, not on how long the window is.

use super::pane::Tally;
use super::ring::Ring;
use super::slots::Slot;

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
        pane <= self.at && self.at - pane < i64::from(window.panes)
    }

    /// Takes in that a pane it holds adds up to something else than before.
    #[inline]
    pub fn replace(&mut self, pane: i64, before: Tally, after: Tally, window: &Window) {
        let x = pane - self.at;
        self.apply(x, before, -1, window.line);
        self.apply(x, after, 1, window.line);
    }

    #[inline]
    fn apply(&mut self, x: i64, what: Tally, sign: i64, line: bool) {
        let (covered, spoilt) = what.marks();
        self.covered = self.covered.wrapping_add_signed(sign as i32 * covered);
        self.spoilt = self.spoilt.wrapping_add_signed(sign as i32 * spoilt);
        let (count, sum) = (sign * i64::from(what.good), sign * what.sum);
        self.count += count;
        self.sum += sum;
        if line {
            self.x += count * x;
            self.xx += count * x * x;
            self.xy += sum * x;
        }
    }

    /// Stands at `pane` afterwards.
    #[inline]
    pub fn seek(&mut self, ring: &Ring, pane: i64, window: &Window) {
        // Where it stands already, panes that it holds may have left the ring meanwhile.
        let whole = pane - i64::from(window.panes) >= ring.oldest().saturating_sub(1);
        if self.at != pane || !whole {
            self.travel(ring, pane, window);
        }
    }

    #[inline(never)]
    fn travel(&mut self, ring: &Ring, pane: i64, window: &Window) {
        let length = i64::from(window.panes);
        let far = self.at == NOWHERE || pane.saturating_sub(self.at).abs() >= length;
        // It lags so far behind that panes which it holds have been overwritten.
        let lost = self.at.saturating_sub(length) < ring.oldest().saturating_sub(1);
        if lost || far {
            return self.stand(ring, pane, window);
        }
        if self.at < pane && self.leap(ring, pane, window).is_some() {
            return;
        }
        while self.at < pane {
            match ring.plain(self.at + 1) {
                Some(value) => self.forward_plain(ring, value, window),
                None => self.forward(ring, ring.tally(self.at + 1), window),
            }
        }
        while self.at > pane {
            self.backward(ring, ring.plain(self.at), window);
        }
    }

    /// Forwards or back in one go, if it keeps no line and the slots say all there is to say.
    pub fn leap(&mut self, ring: &Ring, pane: i64, window: &Window) -> Option<()> {
        let panes = u32::try_from((pane - self.at).abs()).ok().filter(|_| !window.line)?;
        let first = pane.min(self.at) + 1;
        let newer = ring.run(first, panes)?;
        let older = ring.run(first - i64::from(window.panes), panes)?;
        let (entering, leaving) = if pane > self.at { (newer, older) } else { (older, newer) };
        self.covered = self.covered.wrapping_add(entering.good).wrapping_sub(leaving.good);
        self.spoilt = self.spoilt.wrapping_add(entering.bad).wrapping_sub(leaving.bad);
        self.count += i64::from(entering.good) - i64::from(leaving.good);
        self.sum += entering.sum - leaving.sum;
        self.at = pane;
        Some(())
    }

    /// One pane on: the oldest leaves, the origin moves, the next enters at the origin.
    #[inline(never)]
    pub fn forward(&mut self, ring: &Ring, entering: Tally, window: &Window) {
        let far = i64::from(window.panes) - 1;
        self.apply(-far, ring.tally(self.at - far), -1, window.line);
        if window.line {
            self.shift(1);
        }
        self.apply(0, entering, 1, window.line);
        self.at += 1;
    }

    /// The same for a plain reading: where it replaces another, the counts stay.
    #[inline(always)]
    pub fn forward_plain(&mut self, ring: &Ring, entering: i32, window: &Window) {
        let far = i64::from(window.panes) - 1;
        let Some(leaving) = ring.plain(self.at - far) else {
            return self.forward(ring, Tally::one(entering), window);
        };
        let (entering, leaving) = (i64::from(entering), i64::from(leaving));
        if window.line {
            let (count, sum, x) = (self.count - 1, self.sum - leaving, self.x + far);
            self.xx += count - 2 * x - far * far;
            self.xy += leaving * far - sum;
            self.x = x - count;
        }
        self.sum += entering - leaving;
        self.at += 1;
    }

    /// One pane back; `here` is what the pane holds where it stands, if that is plain.
    #[inline]
    pub fn backward(&mut self, ring: &Ring, here: Option<i32>, window: &Window) {
        let length = i64::from(window.panes);
        match (here, ring.plain(self.at - length)) {
            (Some(leaving), Some(entering)) => {
                self.exchange_back(i64::from(leaving), i64::from(entering), window);
            }
            _ => self.swap_back(ring.tally(self.at), ring.tally(self.at - length), window),
        }
        self.at -= 1;
    }

    /// The same on a walk over the slots.
    #[inline(always)]
    pub fn walk_back(&mut self, ring: &Ring, leaving: Slot, entering: Slot, window: &Window) {
        match (leaving, entering) {
            (Slot::Good(leaving), Slot::Good(entering)) => {
                self.exchange_back(i64::from(leaving), i64::from(entering), window);
            }
            _ => self.swap_back(ring.tally_of(leaving), ring.tally_of(entering), window),
        }
        self.at -= 1;
    }

    /// One plain reading for another, backwards: the counts stay.
    #[inline]
    fn exchange_back(&mut self, leaving: i64, entering: i64, window: &Window) {
        if window.line {
            let far = i64::from(window.panes) - 1;
            let (count, sum) = (self.count - 1, self.sum - leaving);
            self.xx += count + 2 * self.x + far * far;
            self.xy += sum - entering * far;
            self.x += count - far;
        }
        self.sum += entering - leaving;
    }

    /// The same for anything else.
    #[inline]
    fn swap_back(&mut self, leaving: Tally, entering: Tally, window: &Window) {
        self.apply(0, leaving, -1, window.line);
        if window.line {
            self.shift(-1);
        }
        self.apply(1 - i64::from(window.panes), entering, 1, window.line);
    }

    /// `n Sxy - Sx Sy` and `n Sxx - Sx^2`, the slope's two parts, if 64 bits hold them.
    #[inline]
    pub fn slope(&self) -> Option<(i64, i64)> {
        let top = self.count.checked_mul(self.xy)?.checked_sub(self.x.checked_mul(self.sum)?)?;
        let bottom = self.count.checked_mul(self.xx)?.checked_sub(self.x.checked_mul(self.x)?)?;
        Some((top, bottom))
    }

    /// Moves the origin of the line's sums: each x becomes x - by.
    #[inline]
    fn shift(&mut self, by: i64) {
        self.xx += self.count - 2 * by * self.x;
        self.x -= by * self.count;
        self.xy -= by * self.sum;
    }

    #[cold]
    fn stand(&mut self, ring: &Ring, pane: i64, window: &Window) {
        *self = Self { at: pane, ..Self::default() };
        let first = pane.saturating_sub(i64::from(window.panes) - 1).max(ring.oldest());
        for p in first..=pane {
            self.apply(p - pane, ring.tally(p), 1, window.line);
        }
    }
}
