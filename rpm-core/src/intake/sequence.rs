//! Which of a device's sequence numbers were seen: a window of the most recent ones.

const WORDS: usize = 4;
/// How far back from the highest number a repetition is told by its number alone. Older ones are
/// still told by device, kind and time.
pub(crate) const REACH: u64 = (WORDS as u64) * 64;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SequenceWindow {
    /// One more than the highest number seen; 0 before the first.
    pub next: u64,
    /// Bit `n % REACH` for number `n`.
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

    #[inline]
    pub fn insert(&mut self, number: u64) {
        if number == self.next {
            // The next one, as nearly always.
            self.next = number.saturating_add(1);
            self.bits[word(number)] |= bit(number);
            return;
        }
        self.insert_any(number);
    }

    fn insert_any(&mut self, number: u64) {
        if number >= self.next {
            if number - self.next >= REACH {
                self.bits = [0; WORDS];
            } else {
                for skipped in self.next..number {
                    self.bits[word(skipped)] &= !bit(skipped);
                }
            }
            self.next = number.saturating_add(1);
        } else if self.next - number > REACH {
            return;
        }
        self.bits[word(number)] |= bit(number);
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
        assert_eq!(window.lookup(60), Seen::No);
    }

    #[test]
    fn the_highest_number_does_not_overflow() {
        let mut window = SequenceWindow::default();
        window.insert(u64::MAX);
        window.insert(0);
        assert_eq!(window.lookup(0), Seen::Unknown);
    }
}
