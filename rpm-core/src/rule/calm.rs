//! What was last measured of a signal that others are derived of, and what would change nothing of them.
//!
//! One line of the cache has it for two signals, where their panes lie in as many places as there are
//! signals. It is known of the usual readings only: after any other it is unknown, and the panes say it.

use alloc::boxed::Box;

use crate::policy::Policy;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm {
    /// When the newest good reading was observed, if that is known.
    at: i64,
    /// What it is, in thousandths.
    value: i32,
    /// Readings up to the end of the newest derived panes change nothing, with values between two.
    low: i32,
    high: i32,
    end: i64,
}

impl Calm {
    /// Nothing is known.
    pub const NEVER: Self = Self { at: i64::MIN, value: 0, low: 0, high: 0, end: i64::MIN };

    /// Of each signal, if any is derived, before anything was measured.
    pub fn none(policy: &Policy) -> Box<[Self]> {
        let signals = if policy.has_feeds() { policy.signals().len() } else { 0 };
        (0..signals).map(|_| Self::NEVER).collect()
    }

    /// Whether a good reading newer than all before changes nothing.
    #[inline]
    pub fn bears(&self, at: i64, value: i32) -> bool {
        at < self.end && self.low <= value && value <= self.high
    }

    /// Takes it in.
    #[inline]
    pub fn takes(&mut self, at: i64, value: i32) {
        (self.at, self.value) = (at, value);
    }

    /// The newest good reading, if it is known.
    #[inline]
    pub fn newest(&self) -> Option<(i64, i32)> {
        (self.at != i64::MIN).then_some((self.at, self.value))
    }

    /// What was derived of the newest reading would be of any between these, until an end.
    pub fn between(&mut self, (low, high): (i32, i32), end: i64) {
        (self.low, self.high, self.end) = (low, high, end);
    }

    /// Nothing is known any more of what readings change.
    pub fn look_again(&mut self) {
        self.end = i64::MIN;
    }

    /// Where the panes end of which it is known.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Goes on until a later end, if the newest reading lies between the two and is not from before the
    /// panes that end there. Whether it does.
    pub fn goes_on(&mut self, until: i64) -> bool {
        let newer = self.end != i64::MIN && self.at >= self.end;
        let same = newer && Self { end: until, ..*self }.bears(self.at, self.value);
        if same {
            self.end = until;
        }
        same
    }
}
