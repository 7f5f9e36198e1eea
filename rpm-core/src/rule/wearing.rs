//! Which devices were worn when: what each of them said of itself.
//!
//! A device that said it is not worn is not until it says that it is, in event time, in whatever order
//! what it said arrives. Of what it never said nothing is known, and unknown is worn: its readings count.
//! If it said both of one instant, nobody knows, and they count as well.

use alloc::vec::Vec;
use core::ops::Range;

use crate::id::DeviceKey;

/// So many statements of a patient's devices are kept however old they are: data that a phone kept back for
/// hours find what was said of their time. More than that only as far back as anything can change.
pub(crate) const KEPT: usize = 256;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wearing {
    /// By device, oldest first.
    said: Vec<Said>,
    /// Whether any of it is that a device was not worn: what each reading asks first.
    gates: bool,
}

/// What a device said of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    pub device: u16,
    /// From when on.
    pub at: i64,
    pub worn: bool,
}

impl Wearing {
    /// From what was kept, if it is in order.
    pub fn of(said: Vec<Said>) -> Option<Self> {
        let key = |said: &Said| (said.device, said.at);
        let gates = said.iter().any(|said| !said.worn);
        said.is_sorted_by(|a, b| key(a) < key(b)).then_some(Self { said, gates })
    }

    /// All that is kept.
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// Whether a device was known not to be worn at a time.
    #[inline(always)]
    pub fn leaves_out(&self, device: DeviceKey, at: i64) -> bool {
        self.gates && self.unworn_since(device, at).is_some()
    }

    /// Whether the readings of a device count from a time on, as far as is known.
    pub fn stays_worn(&self, device: DeviceKey, at: i64) -> bool {
        let more = || {
            let later = self.said.get(self.place_after(device.0, at));
            later.is_some_and(|said| said.device == device.0)
        };
        !self.gates || !more() && !self.leaves_out(device, at)
    }

    /// Since when a device has been known not to be worn, if that is known of a time.
    #[inline(never)]
    pub fn unworn_since(&self, device: DeviceKey, at: i64) -> Option<i64> {
        let later = self.place_after(device.0, at);
        let before = self.said[..later].iter().rev().take_while(|said| said.device == device.0);
        let unworn = before.take_while(|said| !said.worn);
        unworn.last().map(|said| said.at)
    }

    /// Each stretch of time in which a device was known not to be worn.
    pub fn unworn(&self) -> impl Iterator<Item = (DeviceKey, Range<i64>)> + '_ {
        let same = |a: &Said, b: &Said| (a.device, a.worn) == (b.device, b.worn);
        let mut stretches = self.said.chunk_by(same).peekable();
        core::iter::from_fn(move || {
            let said = stretches.next()?;
            let next = stretches.peek().map(|next| next[0]);
            Some((said[0], next.filter(|next| next.device == said[0].device)))
        })
        .filter(|(said, _)| !said.worn)
        .map(|(said, next)| (DeviceKey(said.device), said.at..next.map_or(i64::MAX, |n| n.at)))
    }

    /// A device says that it is worn from a time on, or that it is not. For which stretch of time that is news,
    /// if for any. `edge` is how far back anything can change.
    pub fn tell(
        &mut self,
        device: DeviceKey,
        at: i64,
        worn: bool,
        edge: i64,
    ) -> Option<Range<i64>> {
        let known = self.leaves_out(device, at);
        let later = self.place_after(device.0, at);
        let until = self.said.get(later).filter(|said| said.device == device.0);
        let until = until.map_or(i64::MAX, |said| said.at);
        match later.checked_sub(1).map(|last| &mut self.said[last]) {
            Some(said) if (said.device, said.at) == (device.0, at) => said.worn |= worn,
            _ => self.said.insert(later, Said { device: device.0, at, worn }),
        }
        self.gates |= !worn;
        let news = self.leaves_out(device, at) != known;
        self.forget(edge);
        news.then_some(at..until)
    }

    /// The place of what a device said next after a time.
    fn place_after(&self, device: u16, at: i64) -> usize {
        self.said.partition_point(|said| (said.device, said.at) <= (device, at))
    }

    /// What says the same again is forgotten first, then what was said earliest.
    fn forget(&mut self, edge: i64) {
        if self.said.len() <= KEPT {
            return;
        }
        let mut last: Option<Said> = None;
        self.said.retain(|said| {
            let before = last.replace(*said);
            let again = before.is_some_and(|b| (b.device, b.worn) == (said.device, said.worn));
            said.at >= edge || !again
        });
        while self.said.len() > KEPT {
            let of_next =
                |at: usize| self.said.get(at + 1).filter(|s| s.device == self.said[at].device);
            // What a device said last before the edge is still so.
            let gone = |at: &usize| of_next(*at).is_some_and(|next| next.at < edge);
            let oldest = (0..self.said.len()).filter(gone).min_by_key(|at| self.said[*at].at);
            let Some(oldest) = oldest else { break };
            self.said.remove(oldest);
        }
        self.gates = self.said.iter().any(|said| !said.worn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceKey = DeviceKey(1);

    #[test]
    fn what_is_said_again_and_again_is_kept_once() {
        let mut wearing = Wearing::default();
        for at in 0..10_000 {
            wearing.tell(DEVICE, at, false, at - 10);
            wearing.tell(DeviceKey(2), at, true, at - 10);
        }
        assert!(wearing.said.len() <= KEPT, "{}", wearing.said.len());
        assert_eq!(wearing.unworn_since(DEVICE, 9_999), Some(0));
        assert!(!wearing.leaves_out(DeviceKey(2), 9_999));
        assert!(!wearing.leaves_out(DEVICE, -1) && !wearing.leaves_out(DeviceKey(3), 5));
    }

    #[test]
    fn a_device_that_cannot_make_up_its_mind_is_forgotten_from_the_oldest_on() {
        let mut wearing = Wearing::default();
        for at in 0..10_000 {
            wearing.tell(DEVICE, at, at % 2 == 0, at - 10);
        }
        assert_eq!(wearing.said.len(), KEPT);
        assert!(!wearing.leaves_out(DEVICE, 1), "nothing is known of it any more");
        let known = |at: i64| wearing.leaves_out(DEVICE, at) == (at % 2 != 0);
        assert!((9_990..10_000).all(known));
    }
}
