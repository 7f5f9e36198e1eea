//! What each pane of a ring holds, in two bytes or in four.
//!
//! Devices report few digits, so nearly every value is a small multiple of 0.1 or of 1: fourteen bits
//! hold it as a multiple of the ring's step. The first value that does not fit changes the step; if no
//! step fits all values, the slots of the ring become four bytes wide, for good.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{AddAssign, Range};

use crate::bytes::{Reader, Snap, Writer};
use crate::error::Error;

/// More bad readings than these in one pane are not told apart.
const MAX_COUNT: u32 = 0x1fff;
/// The steps of two-byte slots, in thousandths: what devices resolve.
const STEPS: [i32; 4] = [1000, 100, 10, 1];
/// The step to begin with.
const TENTH: i32 = 100;

/// What a slot says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    Empty,
    /// One good reading of the ring's device.
    Good(i32),
    /// One reading of the ring's device that is marked as an artifact, and nothing else.
    Artifact(i32),
    /// So many bad readings, too old to tell apart.
    Spoilt(u32),
    /// See the ring's side table.
    Detail(u32),
}

/// Goes back over the panes of a ring. Steps are to be inlined: not a closure, which might not be.
pub(crate) trait Walk {
    /// One pane, and the one in which a window that ends at it has its end before. False to stop.
    fn step(&mut self, leaving: Slot, entering: Slot) -> bool;
}

/// How slots are written as numbers. From the top: artifacts around `2 * limit`, good values around
/// zero, counts below `-2 * limit`, references below `-3 * limit`, and [`empty`](Self::empty).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Code {
    /// Multiples of the step are smaller than this.
    limit: i32,
    step: i32,
}

impl Code {
    const WIDE: Self = Self { limit: Slots::LIMIT, step: 1 };

    #[inline]
    const fn narrow(step: i32) -> Self {
        Self { limit: 1 << 13, step }
    }

    #[inline]
    const fn empty(self) -> i32 {
        // In the order that does not overflow: the least number of the width.
        -3 * self.limit - self.limit
    }

    #[inline]
    const fn is_good(self, code: i32) -> bool {
        code > -self.limit && code < self.limit
    }

    #[inline]
    const fn unpack(self, code: i32) -> Slot {
        if self.is_good(code) {
            Slot::Good(code * self.step)
        } else if code == self.empty() {
            Slot::Empty
        } else if code > 0 {
            Slot::Artifact((code - 2 * self.limit) * self.step)
        } else if code <= -3 * self.limit {
            Slot::Detail((-3 * self.limit - code) as u32)
        } else {
            Slot::Spoilt((-2 * self.limit - code) as u32)
        }
    }

    /// Nothing if it does not fit.
    #[inline]
    const fn pack(self, slot: Slot) -> Option<i32> {
        match slot {
            Slot::Empty => Some(self.empty()),
            Slot::Good(value) => self.multiple(value),
            Slot::Artifact(value) => match self.multiple(value) {
                Some(n) => Some(2 * self.limit + n),
                None => None,
            },
            Slot::Spoilt(count) => {
                Some(-2 * self.limit - if count > MAX_COUNT { MAX_COUNT } else { count } as i32)
            }
            Slot::Detail(index) if index < self.limit as u32 => {
                Some(-3 * self.limit - index as i32)
            }
            Slot::Detail(_) => None,
        }
    }

    #[inline(always)]
    const fn multiple(self, value: i32) -> Option<i32> {
        // Divisions by constants: each is a multiplication. A tenth is what most devices resolve.
        let n = match self.step {
            100 => value / 100,
            1000 => value / 1000,
            10 => value / 10,
            _ => value,
        };
        if n * self.step == value && self.is_good(n) { Some(n) } else { None }
    }
}

/// What a run of slots adds up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Run {
    pub good: u32,
    /// Slots with artifacts only.
    pub bad: u32,
    /// In thousandths.
    pub sum: i64,
}

/// The slots of a ring, by place.
#[derive(Clone, Debug)]
pub(super) enum Slots {
    Narrow { codes: Box<[i16]>, step: i32 },
    Wide(Box<[i32]>),
}

impl Default for Slots {
    fn default() -> Self {
        Self::empty(0)
    }
}

impl Slots {
    /// Values in slots are smaller than this, in thousandths, whatever the width.
    pub const LIMIT: i32 = 1 << 29;

    pub fn empty(count: usize) -> Self {
        let codes = vec![Code::narrow(TENTH).empty() as i16; count];
        Self::Narrow { codes: codes.into(), step: TENTH }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Narrow { codes, .. } => codes.len(),
            Self::Wide(codes) => codes.len(),
        }
    }

    #[inline]
    pub fn get(&self, at: usize) -> Slot {
        self.code().unpack(self.number(at))
    }

    /// The value of one good reading, if that is what the slot holds: the hot path.
    #[inline]
    pub fn plain(&self, at: usize) -> Option<i32> {
        let (code, n) = (self.code(), self.number(at));
        code.is_good(n).then_some(n.wrapping_mul(code.step))
    }

    /// What the slots at these places add up to, if all are empty or hold a single reading. Without a
    /// branch per slot, so that the processor takes many at once.
    pub fn run(&self, places: Range<usize>) -> Option<Run> {
        match self {
            Self::Narrow { codes, step } => {
                // Fourteen bits each: 32 hold the sum of more panes than a signal may keep.
                run::<i32>(Code::narrow(*step), codes.get(places)?.iter().map(|c| i32::from(*c)))
            }
            Self::Wide(codes) => run::<i64>(Code::WIDE, codes.get(places)?.iter().copied()),
        }
    }

    /// Each slot from `newer` back, with the one that goes back from `older` beside it, so many
    /// times or until the walk is over. Places past the end are empty. Whether it went all the way.
    #[inline(always)]
    pub fn walk_back(
        &self,
        newer: usize,
        older: usize,
        count: usize,
        walk: &mut impl Walk,
    ) -> bool {
        match self {
            Self::Narrow { codes, step } => {
                walk_back(Code::narrow(*step), codes, newer, older, count, walk)
            }
            Self::Wide(codes) => walk_back(Code::WIDE, codes, newer, older, count, walk),
        }
    }

    /// Reads the memory of a slot, for the sake of the cache.
    #[inline]
    pub fn touch(&self, at: usize) -> u64 {
        self.number(at) as u64
    }

    /// Puts a slot in.
    #[inline(never)]
    pub fn set(&mut self, at: usize, slot: Slot) {
        match self.code().pack(slot) {
            Some(n) => self.store(at, n),
            None => self.make_fit(at, slot),
        }
    }

    /// Puts in a single reading: the hot path of [`set`](Self::set).
    #[inline(always)]
    pub fn set_reading(&mut self, at: usize, value: i32, good: bool) {
        if let Self::Narrow { codes, step } = self {
            let code = Code::narrow(*step);
            if let (Some(n), Some(slot)) = (code.multiple(value), codes.get_mut(at)) {
                *slot = if good { n } else { 2 * code.limit + n } as i16;
                return;
            }
        }
        self.set(at, if good { Slot::Good(value) } else { Slot::Artifact(value) });
    }

    /// How a good value is written in a two-byte slot at a place, if it is one and the value fits.
    #[inline(always)]
    pub fn narrow_code(&self, at: usize, value: i32) -> Option<i16> {
        match self {
            Self::Narrow { codes, step } if at < codes.len() => {
                Code::narrow(*step).multiple(value).map(|n| n as i16)
            }
            _ => None,
        }
    }

    /// Puts in what [`narrow_code`](Self::narrow_code) gave.
    #[inline(always)]
    pub fn store_narrow(&mut self, at: usize, code: i16) {
        if let Self::Narrow { codes, .. } = self {
            if let Some(slot) = codes.get_mut(at) {
                *slot = code;
            }
        }
    }

    #[inline]
    fn code(&self) -> Code {
        match self {
            Self::Narrow { step, .. } => Code::narrow(*step),
            Self::Wide(_) => Code::WIDE,
        }
    }

    #[inline]
    fn number(&self, at: usize) -> i32 {
        match self {
            Self::Narrow { codes, step } => {
                codes.get(at).map_or(Code::narrow(*step).empty(), |c| i32::from(*c))
            }
            Self::Wide(codes) => codes.get(at).copied().unwrap_or(Code::WIDE.empty()),
        }
    }

    #[inline]
    fn store(&mut self, at: usize, n: i32) {
        match self {
            Self::Narrow { codes, .. } => {
                if let Some(code) = codes.get_mut(at) {
                    *code = n as i16;
                }
            }
            Self::Wide(codes) => {
                if let Some(code) = codes.get_mut(at) {
                    *code = n;
                }
            }
        }
    }

    pub fn clear(&mut self) {
        match self {
            Self::Narrow { codes, step } => codes.fill(Code::narrow(*step).empty() as i16),
            Self::Wide(codes) => codes.fill(Code::WIDE.empty()),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }

    /// With another step, or with wider slots.
    #[cold]
    fn make_fit(&mut self, at: usize, slot: Slot) {
        let mut all: Vec<Slot> = self.iter().collect();
        if let Some(place) = all.get_mut(at) {
            *place = slot;
        }
        let narrow = |step: &i32| Some((*step, pack_all(Code::narrow(*step), &all)?));
        *self = match STEPS.iter().filter(|_| self.is_narrow()).find_map(narrow) {
            Some((step, codes)) => {
                Self::Narrow { codes: codes.into_iter().map(|c| c as i16).collect(), step }
            }
            None => Self::Wide(pack_all(Code::WIDE, &all).unwrap_or_default().into()),
        };
    }

    fn is_narrow(&self) -> bool {
        matches!(self, Self::Narrow { .. })
    }

    pub fn save(&self, w: &mut Writer) {
        match self {
            Self::Narrow { codes, step } => {
                step.save(w);
                w.halves(codes);
            }
            Self::Wide(codes) => {
                0_i32.save(w);
                w.words(codes);
            }
        }
    }

    pub fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let step = r.read::<i32>()?;
        r.ensure(step == 0 || STEPS.contains(&step))?;
        Ok(match step {
            0 => Self::Wide(r.words()?.into()),
            _ => Self::Narrow { codes: r.halves()?.into(), step },
        })
    }
}

#[inline(always)]
fn walk_back<T: Copy + Into<i32>>(
    code: Code,
    codes: &[T],
    newer: usize,
    older: usize,
    count: usize,
    walk: &mut impl Walk,
) -> bool {
    let read = |at: usize| codes.get(at).map_or(Slot::Empty, |n| code.unpack((*n).into()));
    for back in 0..count {
        if !walk.step(read(newer - back), read(older - back)) {
            return false;
        }
    }
    true
}

#[inline]
fn run<S>(code: Code, slots: impl Iterator<Item = i32>) -> Option<Run>
where
    S: From<i32> + AddAssign + Into<i64>,
{
    let (mut good, mut bad, mut odd, mut sum) = (0, 0, 0, S::from(0));
    for slot in slots {
        let is_good = code.is_good(slot);
        good += u32::from(is_good);
        bad += u32::from(slot >= code.limit);
        odd += u32::from(slot <= -code.limit && slot != code.empty());
        sum += S::from(if is_good { slot } else { 0 });
    }
    (odd == 0).then(|| Run { good, bad, sum: sum.into() * i64::from(code.step) })
}

fn pack_all(code: Code, slots: &[Slot]) -> Option<Vec<i32>> {
    slots.iter().map(|slot| code.pack(*slot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_unpack_to_what_was_packed() {
        for code in STEPS.map(Code::narrow).into_iter().chain([Code::WIDE]) {
            let numbers = [0, 1, -1, code.limit - 1, 1 - code.limit].map(|n| n * code.step);
            let slots = numbers.iter().flat_map(|v| [Slot::Good(*v), Slot::Artifact(*v)]);
            let counts = [1, 2, MAX_COUNT].map(Slot::Spoilt);
            let details = [0, 1, code.limit as u32 - 1].map(Slot::Detail);
            for slot in slots.chain(counts).chain(details).chain([Slot::Empty]) {
                assert_eq!(code.pack(slot).map(|n| code.unpack(n)), Some(slot), "{code:?}");
            }
            assert_eq!(code.pack(Slot::Detail(code.limit as u32)), None);
        }
        for code in STEPS.map(Code::narrow) {
            assert!(i16::try_from(code.empty()).is_ok(), "{code:?}");
            assert_eq!(code.pack(Slot::Good(code.limit * code.step)), None, "{code:?}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_changes_the_step_or_the_width_and_nothing_else() {
        let values = [97_000, 97_400, 36_650, 812_345, Slots::LIMIT - 1];
        let mut slots = Slots::empty(8);
        let mut widths = Vec::new();
        for (at, value) in values.into_iter().enumerate() {
            slots.set(at, Slot::Good(value));
            slots.set(7, Slot::Artifact(value));
            for (at, value) in values.iter().enumerate().take(at + 1) {
                assert_eq!((slots.get(at), slots.plain(at)), (Slot::Good(*value), Some(*value)));
            }
            assert_eq!((slots.get(7), slots.plain(7)), (Slot::Artifact(value), None));
            widths.push(match &slots {
                Slots::Narrow { step, .. } => *step,
                Slots::Wide(_) => 0,
            });
        }
        // 36.65 is no multiple of 0.1, and 97.4 is too large a multiple of 0.01.
        assert_eq!(widths, [100, 100, 0, 0, 0]);

        let mut steps = Slots::empty(2);
        for (at, value) in [36_600, 36_650].into_iter().enumerate() {
            steps.set(at, Slot::Good(value));
        }
        assert!(matches!(steps, Slots::Narrow { step: 10, .. }));
        let mut large = Slots::empty(2);
        for (at, value) in [500_000, 4_000_000].into_iter().enumerate() {
            large.set(at, Slot::Good(value));
        }
        assert!(matches!(large, Slots::Narrow { step: 1000, .. }));
        assert_eq!(large.get(1), Slot::Good(4_000_000));
    }
}
