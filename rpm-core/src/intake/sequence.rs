//! Which of a device's sequence numbers were seen: a window of the most recent ones.

const WORDS: usize = 4;
/// How far back from the highest number a repetition is told by its number alone. Older ones are
/// still told by device, kind and time. One word is being filled, so it does not count.
pub(crate) const REACH: u64 = (WORDS as u64 - 1) * 64;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SequenceWindow {
    /// One more than the highest number seen; 0 before the first.
    pub next: u64,
    /// Bit `n % 64` of word `n / 64 % WORDS` for number `n`; zero from `next` on.
    pub bits: [u64; WORDS],
}

/// Whether a number was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    No,
    Yes,
    /// Too far back to know, or the device started to count again.
    Unknown,
}

impl SequenceWindow {
    #[inline]
    pub fn lookup(&self, number: u64) -> Seen {
        if number >= self.next {
            Seen::No
        } else if self.next - number > REACH {
            Seen::Unknown
        } else if self.bits[word(number)] & bit(number) != 0 {
            Seen::Yes
        } else {
            Seen::No
        }
    }

    #[inline(always)]
    pub fn insert(&mut self, number: u64) {
        if number >= self.next {
            let (filling, wanted) = (self.next.saturating_sub(1) / 64, number / 64);
            if wanted != filling {
                self.open_words(filling, wanted);
            }
            self.next = number.saturating_add(1);
        } else if self.next - number > REACH {
            return;
        }
        self.bits[word(number)] |= bit(number);
    }

    /// Empties the words after `filling` up to `wanted`.
    #[inline(never)]
    fn open_words(&mut self, filling: u64, wanted: u64) {
        let first = wanted.saturating_sub(WORDS as u64 - 1).max(filling.saturating_add(1));
        for open in first..=wanted {
            self.bits[open as usize % WORDS] = 0;
        }
    }
}

#[inline]
fn word(number: u64) -> usize {
    (number / 64) as usize % WORDS
}

#[inline]
fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seen_once_in_any_order() {
        let mut window = SequenceWindow::default();
        for n in [3, 1, 2, 250, 100, 300, 299] {
            assert_eq!(window.lookup(n), Seen::No, "{n}");
            window.insert(n);
            assert_eq!(window.lookup(n), Seen::Yes, "{n}");
        }
        assert_eq!(window.lookup(250), Seen::Yes);
        assert_eq!(window.lookup(1), Seen::Unknown);
        assert_eq!(window.lookup(120), Seen::No);
    }

    #[test]
    fn the_highest_number_does_not_overflow() {
        let mut window = SequenceWindow::default();
        window.insert(u64::MAX);
        window.insert(0);
        assert_eq!(window.lookup(0), Seen::Unknown);
    }
}
