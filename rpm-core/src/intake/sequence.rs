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

    #[inline]
    pub fn insert(&mut self, number: u64) {
        if number >= self.next {
            let (filling, wanted) = (self.filling(), number / 64);
            if wanted != filling {
                self.open_words(filling, wanted);
            }
            self.next = number.saturating_add(1);
        } else if self.next - number > REACH {
            return;
        }
        self.bits[word(number)] |= bit(number);
    }

    /// The word that is being filled.
    #[inline]
    fn filling(&self) -> u64 {
        self.next.saturating_sub(1) / 64
    }

    /// Whether a number was not seen, and lies in a word that is there and surely not too old: as nearly all do.
    /// Signals of one device overtake each other at random, so this does not ask which number is higher, which
    /// no processor could guess.
    #[inline(always)]
    pub fn is_new(&self, number: u64) -> bool {
        let back = self.filling().wrapping_sub(number / 64);
        back <= WORDS as u64 - 2 && self.bits[word(number)] & bit(number) == 0
    }

    /// Takes in a number that [`is_new`](Self::is_new).
    #[inline(always)]
    pub fn mark(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
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
    fn what_is_new_is_not_seen_and_marking_it_is_inserting_it() {
        let (mut window, mut random) = (SequenceWindow::default(), 17_u64);
        let mut new = 0;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (step / 3 + 40).saturating_sub((random >> 33) % 300);
            let (seen, mut marked) = (window.lookup(number), window);
            window.insert(number);
            if marked.is_new(number) {
                marked.mark(number);
                assert_eq!((seen, marked), (Seen::No, window), "{number}");
                new += 1;
            }
        }
        assert!(new > 2_000, "{new}");
    }

    #[test]
    fn the_highest_number_does_not_overflow() {
        let mut window = SequenceWindow::default();
        window.insert(u64::MAX);
        window.insert(0);
        assert_eq!(window.lookup(0), Seen::Unknown);
    }
}
