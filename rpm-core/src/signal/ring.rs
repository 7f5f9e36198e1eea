//! The panes of a signal, in a ring of slots.
//!
//! Telemetry is regular: nearly every pane holds one reading of one device, good or marked as an
//! artifact. Such a pane is one slot holding the value itself. What does not fit (several readings
//! in a pane, a second device, other flags) goes to a side table and the slot refers to it; a device
//! whose readings jitter within the pane gets a parallel array of offsets, once, when the first one
//! does. So a regular signal costs two bytes a pane and a duplicate is still told from a conflict
//! exactly.

mod follow;
mod gate;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::pane::{Detail, Entry, Pane, Point, State, Tally};
use super::slots::{Run, Slot, Slots, Walk};
use super::{Held, Sample};
use crate::bytes::{Reader, Snap, Writer};
use crate::error::Error;
use crate::event::Quality;
use crate::id::DeviceKey;
use crate::time::Timestamp;
use crate::value::Value;

pub(crate) use gate::Gate;

/// No pane at all, before the first reading.
const NONE: i64 = i64::MIN;

/// What became of a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Placed {
    Accepted,
    Duplicate,
    Conflict,
    /// Older than every pane kept.
    TooOld,
}

/// What became of a correction or a void.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Amended {
    Changed,
    /// It had been made before.
    Same,
    /// There is no reading of this identity.
    Unknown,
}

/// See the module. What every reading needs comes first, within a line of the cache.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Ring {
    slots: Slots,
    pub(super) width: i64,
    newest: i64,
    /// When the newest pane starts, so that the usual reading needs no division.
    newest_start: i64,
    capacity: u32,
    /// Index of the newest pane's slot.
    head: u32,
    /// The offset of every compact reading while there is no array of them.
    phase: u32,
    /// The device of every compact reading.
    device: u16,
    odd: Option<Box<Odd>>,
}

/// What only a ring has whose panes are not all of the usual kind.
#[derive(Clone, Debug, Default)]
struct Odd {
    /// The offset of each compact reading, if they differ.
    offsets: Option<Box<[u32]>>,
    /// Panes that do not fit a slot.
    details: Vec<Detail>,
    /// Those of them that are free.
    free: Vec<u32>,
}

impl Default for Ring {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl Ring {
    /// A ring of `capacity` panes of `width` milliseconds; slots are allocated with the first use.
    pub fn new(width: i64, capacity: u32) -> Self {
        Self {
            width: width.max(1),
            capacity: capacity.max(1),
            slots: Slots::default(),
            newest: NONE,
            newest_start: 0,
            head: 0,
            phase: 0,
            device: 0,
            odd: None,
        }
    }

    #[inline]
    pub fn pane_of(&self, t: Timestamp) -> i64 {
        let ahead = t.as_millis().wrapping_sub(self.newest_start);
        if self.newest != NONE && (0..self.width).contains(&ahead) {
            self.newest
        } else if self.newest != NONE && (self.width..2 * self.width).contains(&ahead) {
            self.newest + 1
        } else {
            t.as_millis().div_euclid(self.width)
        }
    }

    #[inline]
    pub fn newest(&self) -> Option<i64> {
        (self.newest != NONE).then_some(self.newest)
    }

    /// The newest pane of a ring that has one.
    #[inline]
    pub fn newest_pane(&self) -> i64 {
        self.newest
    }

    /// How wide its panes are, in milliseconds.
    #[inline]
    pub fn width(&self) -> i64 {
        self.width
    }

    /// When it starts.
    #[inline]
    pub fn newest_start(&self) -> i64 {
        self.newest_start
    }

    /// The oldest pane that still has a slot.
    #[inline]
    pub fn oldest(&self) -> i64 {
        self.newest.saturating_sub(i64::from(self.capacity) - 1)
    }

    pub fn start_of(&self, pane: i64) -> i64 {
        pane.saturating_mul(self.width)
    }

    /// When the latest good reading of the pane was observed.
    pub fn time_of(&self, pane: i64) -> Timestamp {
        let offset = self.view(pane).last.offset;
        Timestamp::from_millis(self.start_of(pane).saturating_add(i64::from(offset)))
    }

    /// The latest good reading of a pane that has one: when it was observed, and its value.
    pub fn last_of(&self, pane: i64) -> (i64, i32) {
        let last = self.view(pane).last;
        (self.start_of(pane).saturating_add(i64::from(last.offset)), last.value)
    }

    /// Makes `pane` the newest; panes in between are empty.
    #[inline(never)]
    pub fn advance(&mut self, pane: i64) {
        let steps = pane - self.newest;
        if steps >= i64::from(self.capacity) {
            self.slots.clear();
            if let Some(odd) = &mut self.odd {
                (odd.details, odd.free) = (Vec::new(), Vec::new());
            }
            self.head = 0;
        } else {
            for _ in 0..steps {
                self.turn();
                self.slots.set(self.head as usize, Slot::Empty);
            }
        }
        self.newest = pane;
        self.newest_start = self.start_of(pane);
    }

    /// The oldest place becomes the newest.
    #[inline(always)]
    fn turn(&mut self) {
        self.head = if self.head + 1 >= self.capacity { 0 } else { self.head + 1 };
        if self.odd.is_some() {
            self.release(self.head as usize);
        }
    }

    /// Whether the oldest pane can leave without a trace: it has no good reading, or the next one has one
    /// and may stand in for it.
    #[inline(always)]
    pub fn forgets(&self, may_stand_in: bool) -> bool {
        let next = |at| if at + 1 >= self.capacity { 0 } else { at + 1 };
        let oldest = next(self.head);
        let stands_in = || self.slots.plain(next(oldest) as usize).is_some();
        may_stand_in && stands_in() || !self.is_good(self.slots.get(oldest as usize))
    }

    /// Reads the newest slot: the next one is its neighbour.
    #[inline]
    pub fn touch(&self) -> u64 {
        self.slots.touch(self.head as usize)
    }

    /// The side table gives back what the slot refers to.
    #[inline(never)]
    fn release(&mut self, at: usize) {
        if let (Slot::Detail(index), Some(odd)) = (self.slots.get(at), &mut self.odd) {
            odd.details[index as usize] = Detail::default();
            odd.free.push(index);
        }
    }

    #[inline]
    fn slot_index(&self, pane: i64) -> Option<usize> {
        // One comparison for both bounds: a negative distance wraps to a huge one.
        let distance = self.newest.wrapping_sub(pane) as u64;
        if self.newest == NONE || distance >= u64::from(self.capacity) {
            return None;
        }
        let distance = distance as u32;
        let at = self.head.wrapping_sub(distance);
        Some(if distance > self.head { at.wrapping_add(self.capacity) } else { at } as usize)
    }

    /// What the pane adds up to; empty outside the ring.
    #[inline]
    pub fn view(&self, pane: i64) -> Pane {
        match self.slot_index(pane) {
            Some(at) => self.decode(at),
            None => Pane::EMPTY,
        }
    }

    /// The place of a pane's slot; past the end for a pane outside the ring: this is the hot path.
    #[inline]
    fn place_of(&self, pane: i64) -> usize {
        // One comparison for both bounds, and for a ring without panes: `NONE` is far from any.
        let distance = self.newest.wrapping_sub(pane) as u64;
        if distance >= u64::from(self.capacity) {
            return usize::MAX;
        }
        let distance = distance as u32;
        let at = self.head.wrapping_sub(distance);
        (if distance > self.head { at.wrapping_add(self.capacity) } else { at }) as usize
    }

    /// The value of a pane that holds one good reading and nothing else, as nearly all do.
    #[inline]
    pub fn plain(&self, pane: i64) -> Option<i32> {
        self.slots.plain(self.place_of(pane))
    }

    /// The part of [`view`](Self::view) that running sums need.
    #[inline]
    pub fn tally(&self, pane: i64) -> Tally {
        self.tally_of(self.slots.get(self.place_of(pane)))
    }

    /// What the pane of a slot adds up to.
    #[inline]
    pub(super) fn tally_of(&self, slot: Slot) -> Tally {
        match slot {
            Slot::Good(value) => Tally::one(value),
            Slot::Empty => Tally::EMPTY,
            Slot::Artifact(_) => Tally { bad: 1, ..Tally::EMPTY },
            Slot::Spoilt(count) => Tally { bad: count, ..Tally::EMPTY },
            Slot::Detail(index) => self.detail(index).map_or(Tally::EMPTY, |d| Tally {
                good: d.total.good,
                bad: d.total.bad,
                sum: d.total.sum,
            }),
        }
    }

    /// Each pane from `from` back to `until`, with the one `lag` panes before it, unless the walk
    /// is over earlier.
    #[inline(always)]
    pub fn walk_back(&self, from: i64, until: i64, lag: i64, walk: &mut impl Walk) {
        let (mut at, oldest) = (from, self.oldest());
        let until = until.max(oldest);
        while at >= until {
            let (newer, older) = (self.place_of(at), self.place_of(at - lag));
            // Up to where either comes round to the other end of the slots, or leaves the ring.
            let kept = (at - lag).saturating_sub(oldest);
            let left = if kept < 0 { at - until } else { kept.min(at - until) };
            let more = if at > self.newest { 0 } else { newer.min(older).min(left as usize) };
            if !self.slots.walk_back(newer, older, more + 1, walk) {
                return;
            }
            at -= more as i64 + 1;
        }
    }

    /// What so many panes from this one on add up to, if all are in the ring and their slots say it.
    pub fn run(&self, first: i64, count: u32) -> Option<Run> {
        if first.saturating_add(i64::from(count)) > self.newest.saturating_add(1) {
            return None;
        }
        let (start, count) = (self.place_of(first), count as usize);
        let split = (self.capacity as usize).checked_sub(start)?.min(count);
        let (a, b) = (self.slots.run(start..start + split)?, self.slots.run(0..count - split)?);
        Some(Run { good: a.good + b.good, bad: a.bad + b.bad, sum: a.sum + b.sum })
    }

    #[inline]
    fn decode(&self, at: usize) -> Pane {
        match self.slots.get(at) {
            Slot::Good(value) => Pane::single(Point { offset: self.offset_at(at), value }),
            Slot::Empty => Pane::EMPTY,
            Slot::Artifact(_) => Pane::bad(1),
            Slot::Spoilt(count) => Pane::bad(count),
            Slot::Detail(index) => self.detail(index).map_or(Pane::EMPTY, |d| d.total),
        }
    }

    #[inline]
    fn offset_at(&self, at: usize) -> u32 {
        self.offsets().map_or(self.phase, |offsets| offsets[at])
    }

    fn offsets(&self) -> Option<&[u32]> {
        self.odd.as_ref()?.offsets.as_deref()
    }

    fn detail(&self, index: u32) -> Option<&Detail> {
        self.odd.as_ref()?.details.get(index as usize)
    }

    fn details(&self) -> &[Detail] {
        self.odd.as_ref().map_or(&[], |odd| &odd.details)
    }

    /// The sum of the squares of the pane's good readings.
    pub fn squares(&self, pane: i64) -> i128 {
        match self.slots.get(self.place_of(pane)) {
            Slot::Good(value) => i128::from(value) * i128::from(value),
            Slot::Detail(index) => self.detail(index).map_or(0, |d| d.squares),
            _ => 0,
        }
    }

    /// Whether the pane has a good reading: then it is evidence.
    #[inline]
    pub fn has_good(&self, pane: i64) -> bool {
        self.is_good(self.slots.get(self.place_of(pane)))
    }

    /// Whether the pane of a slot has a good reading.
    #[inline]
    pub fn is_good(&self, slot: Slot) -> bool {
        match slot {
            Slot::Good(_) => true,
            Slot::Detail(index) => self.detail(index).is_some_and(|d| d.total.good > 0),
            _ => false,
        }
    }

    /// The nearest pane before this one with a good reading.
    #[inline]
    pub fn good_before(&self, pane: i64) -> Option<i64> {
        let newest = self.newest()?;
        let from = pane.saturating_sub(1).min(newest);
        (self.oldest()..=from).rev().find(|p| self.has_good(*p))
    }

    /// The nearest pane after this one with a good reading.
    #[inline]
    pub fn good_after(&self, pane: i64) -> Option<i64> {
        let newest = self.newest()?;
        let from = pane.saturating_add(1).max(self.oldest());
        (from..=newest).find(|p| self.has_good(*p))
    }

    /// Puts the reading into its pane. The pane is at most [`newest`](Self::newest), or the first.
    #[inline]
    pub fn place(&mut self, pane: i64, sample: &Sample, good: bool) -> Placed {
        if self.newest == NONE {
            self.begin(pane, sample);
        }
        let Some(at) = self.slot_index(pane) else {
            return Placed::TooOld;
        };
        let entry = self.entry(pane, sample, good);
        if self.slots.get(at) == Slot::Empty {
            self.fill(at, pane, entry);
            return Placed::Accepted;
        }
        self.join(at, pane, entry)
    }

    /// Whether a pane holds this and nothing else.
    pub fn holds(&self, pane: i64, held: Held) -> bool {
        self.slots.get(self.place_of(pane)) == slot_of(held)
    }

    /// Makes a pane hold this and nothing else. Whether that changed anything: outside the ring nothing
    /// does.
    pub fn write(&mut self, pane: i64, held: Held) -> bool {
        match self.newest() {
            None => {
                self.slots = Slots::empty(self.capacity as usize);
                (self.newest, self.newest_start) = (pane, self.start_of(pane));
            }
            Some(newest) if pane > newest => self.advance(pane),
            Some(_) => {}
        }
        let Some(at) = self.slot_index(pane) else {
            return false;
        };
        let slot = slot_of(held);
        let changed = self.slots.get(at) != slot;
        self.slots.set(at, slot);
        changed
    }

    /// What is written holds as of so long after the start of its pane.
    pub fn date(&mut self, offset: i64) {
        self.phase = offset.clamp(0, self.width - 1) as u32;
    }

    fn begin(&mut self, pane: i64, sample: &Sample) {
        self.slots = Slots::empty(self.capacity as usize);
        self.head = 0;
        self.newest = pane;
        self.newest_start = self.start_of(pane);
        self.device = sample.device.0;
        self.phase = self.entry(pane, sample, true).offset;
    }

    #[inline]
    fn entry(&self, pane: i64, sample: &Sample, good: bool) -> Entry {
        Entry {
            offset: (sample.observed_at.as_millis() - self.start_of(pane)) as u32,
            value: sample.value.thousandths(),
            delivered: sample.value.thousandths(),
            device: sample.device.0,
            quality: sample.quality,
            state: State::of(good),
        }
    }

    #[inline]
    fn fill(&mut self, at: usize, pane: i64, entry: Entry) {
        let Some(slot) = self.compact(&entry) else {
            let index = self.new_detail(pane);
            self.slots.set(at, Slot::Detail(index));
            self.push_entry(index, entry);
            return;
        };
        if self.offsets().is_some() || entry.offset != self.phase {
            let none_yet = || vec![self.phase; self.slots.len()].into();
            let odd = self.odd.get_or_insert_default();
            odd.offsets.get_or_insert_with(none_yet)[at] = entry.offset;
        }
        self.slots.set(at, slot);
    }

    /// The slot that says all there is to say of a single reading, if one does.
    #[inline]
    fn compact(&self, entry: &Entry) -> Option<Slot> {
        let as_delivered = entry.device == self.device && entry.value == entry.delivered;
        if !as_delivered || entry.value <= -Slots::LIMIT || entry.value >= Slots::LIMIT {
            return None;
        }
        match (entry.state, entry.quality) {
            (State::Good, Quality::GOOD) => Some(Slot::Good(entry.value)),
            (State::Bad, Quality::ARTIFACT) => Some(Slot::Artifact(entry.value)),
            _ => None,
        }
    }

    fn compact_entry(&self, at: usize) -> Option<Entry> {
        let (value, quality) = match self.slots.get(at) {
            Slot::Good(value) => (value, Quality::GOOD),
            Slot::Artifact(value) => (value, Quality::ARTIFACT),
            _ => return None,
        };
        let (offset, device) = (self.offset_at(at), self.device);
        let state = State::of(quality.is_good());
        Some(Entry { offset, value, delivered: value, device, quality, state })
    }

    /// The remembered reading of this identity.
    fn known(&self, at: usize, offset: u32, device: u16) -> Option<Entry> {
        let same = |e: &Entry| e.offset == offset && e.device == device;
        match self.slots.get(at) {
            Slot::Detail(index) => self.detail(index)?.entries.iter().copied().find(same),
            _ => self.compact_entry(at).filter(same),
        }
    }

    /// A second reading in a pane: a repetition, a contradiction, or a neighbour.
    fn join(&mut self, at: usize, pane: i64, entry: Entry) -> Placed {
        if let Slot::Spoilt(_) = self.slots.get(at) {
            // Only counts are left of it, and they are as old as the horizon: take it as known.
            return Placed::Duplicate;
        }
        match self.known(at, entry.offset, entry.device) {
            Some(known) if known.delivered == entry.value => Placed::Duplicate,
            Some(_) => Placed::Conflict,
            None => {
                let index = self.expand(at, pane);
                self.push_entry(index, entry);
                Placed::Accepted
            }
        }
    }

    /// Moves a compact pane to the side table.
    fn expand(&mut self, at: usize, pane: i64) -> u32 {
        if let Slot::Detail(index) = self.slots.get(at) {
            return index;
        }
        let known = self.compact_entry(at);
        let index = self.new_detail(pane);
        self.slots.set(at, Slot::Detail(index));
        if let Some(known) = known {
            self.push_entry(index, known);
        }
        index
    }

    fn new_detail(&mut self, pane: i64) -> u32 {
        let odd = self.odd.get_or_insert_default();
        let index = odd.free.pop().unwrap_or_else(|| {
            odd.details.push(Detail::default());
            odd.details.len() as u32 - 1
        });
        odd.details[index as usize] = Detail { pane, ..Detail::default() };
        index
    }

    fn push_entry(&mut self, index: u32, entry: Entry) {
        if let Some(odd) = &mut self.odd {
            let detail = &mut odd.details[index as usize];
            detail.entries.push(entry);
            detail.recount();
        }
    }

    /// Changes one remembered reading or takes it back.
    pub fn amend(&mut self, pane: i64, sample: &Sample, to: Option<(Value, bool)>) -> Amended {
        let wanted = self.entry(pane, sample, true);
        let Some(at) = self.slot_index(pane) else {
            return Amended::Unknown;
        };
        let Some(known) = self.known(at, wanted.offset, wanted.device) else {
            return Amended::Unknown;
        };
        let amended = match to {
            Some((value, good)) => {
                let (value, state) = (value.thousandths(), State::of(good));
                Entry { value, quality: sample.quality, state, ..known }
            }
            None => Entry { state: State::Void, ..known },
        };
        if amended == known {
            return Amended::Same;
        }
        let index = self.expand(at, pane);
        let Some(odd) = &mut self.odd else {
            return Amended::Unknown;
        };
        let detail = &mut odd.details[index as usize];
        if let Some(entry) = detail.entries.iter_mut().find(|e| **e == known) {
            *entry = amended;
        }
        detail.recount();
        Amended::Changed
    }

    /// The value with which a reading of this identity first came, if it is remembered.
    pub fn find(&self, pane: i64, sample: &Sample) -> Option<Value> {
        let wanted = self.entry(pane, sample, true);
        let known = self.known(self.slot_index(pane)?, wanted.offset, wanted.device)?;
        Some(Value::from_thousandths(known.delivered))
    }

    /// How many panes stand in the side table.
    #[inline]
    pub fn detailed(&self) -> usize {
        self.odd.as_ref().map_or(0, |odd| odd.details.len() - odd.free.len())
    }

    /// Forgets who was in panes before `edge`, where nobody can be repeated, corrected or voided
    /// any more; what fits a slot again goes back to it.
    pub fn settle(&mut self, edge: i64) {
        let Some(mut odd) = self.odd.take() else {
            return;
        };
        let jitters = odd.offsets.is_some();
        for (index, detail) in odd.details.iter_mut().enumerate() {
            if detail.entries.is_empty() || detail.pane >= edge {
                continue;
            }
            let Some(at) = self.slot_index(detail.pane) else {
                continue;
            };
            match self.compacted(detail, jitters) {
                Some(slot) => {
                    self.slots.set(at, slot);
                    *detail = Detail::default();
                    odd.free.push(index as u32);
                }
                None => detail.entries = smallvec::SmallVec::new(),
            }
        }
        self.odd = Some(odd);
    }

    fn compacted(&self, detail: &Detail, jitters: bool) -> Option<Slot> {
        let only = detail.entries.first().filter(|_| detail.entries.len() == 1);
        let on_phase = |e: &&Entry| !jitters && e.offset == self.phase;
        match only.filter(on_phase).and_then(|e| self.compact(e)) {
            Some(slot) => Some(slot),
            None if detail.total == Pane::EMPTY => Some(Slot::Empty),
            None if detail.total.good == 0 => Some(Slot::Spoilt(detail.total.bad)),
            None => None,
        }
    }
}

fn slot_of(held: Held) -> Slot {
    match held {
        Held::Nothing => Slot::Empty,
        Held::Good(value) => Slot::Good(value),
        Held::Artifact(value) => Slot::Artifact(value),
    }
}

/// Under another policy.
impl Ring {
    /// The same panes in a ring of another size; the oldest may not fit.
    pub fn resized(&self, capacity: u32) -> Self {
        let mut ring = Self { capacity: capacity.max(1), ..self.clone() };
        if capacity == self.capacity || self.newest == NONE {
            return ring;
        }
        ring.slots = Slots::empty(ring.capacity as usize);
        ring.head = ring.capacity - 1;
        let kept = self.oldest().max(ring.oldest())..=self.newest;
        let mut offsets = vec![self.phase; ring.capacity as usize];
        for pane in kept {
            let (from, to) = (self.place_of(pane), ring.place_of(pane));
            offsets[to] = self.offset_at(from);
            ring.slots.set(to, self.slots.get(from));
        }
        if let Some(odd) = &mut ring.odd {
            odd.offsets = odd.offsets.is_some().then(|| offsets.into());
            odd.free = Vec::new();
        }
        let free = ring.unused(ring.details().len());
        if let Some(odd) = &mut ring.odd {
            odd.free = free;
        }
        ring
    }

    /// Every reading that is remembered exactly and stands, oldest first; and whether it is good.
    pub fn readings(&self) -> impl Iterator<Item = (Sample, bool)> + '_ {
        let panes = self.newest().map(|newest| self.oldest()..=newest);
        panes.into_iter().flatten().flat_map(move |pane| {
            let at = self.place_of(pane);
            let entries = match self.slots.get(at) {
                Slot::Detail(index) => self.detail(index).map_or(&[][..], |d| &d.entries).to_vec(),
                _ => self.compact_entry(at).into_iter().collect(),
            };
            entries.into_iter().filter(|e| e.state != State::Void).map(move |entry| {
                let at = self.start_of(pane).saturating_add(i64::from(entry.offset));
                let (observed_at, device) = (Timestamp::from_millis(at), DeviceKey(entry.device));
                let (value, quality) = (Value::from_thousandths(entry.value), entry.quality);
                let sample = Sample { observed_at, device, value, quality };
                (sample, entry.state == State::Good)
            })
        })
    }
}

/// To bytes and back.
impl Ring {
    pub fn save(&self, w: &mut Writer) {
        self.newest.save(w);
        if self.newest == NONE {
            return;
        }
        (self.head, u32::from(self.device)).save(w);
        self.phase.save(w);
        self.slots.save(w);
        let offsets = self.offsets().unwrap_or_default();
        w.words(&offsets.iter().map(|n| *n as i32).collect::<Vec<_>>());
        w.list(self.details().iter());
    }

    /// Reads a ring for a signal of this shape, of a patient with so many devices.
    pub fn load(
        r: &mut Reader<'_>,
        width: i64,
        capacity: u32,
        devices: usize,
    ) -> Result<Self, Error> {
        let mut ring = Self::new(width, capacity);
        ring.newest = r.time()?;
        if ring.newest == NONE {
            return Ok(ring);
        }
        ring.newest_start = ring.start_of(ring.newest);
        let device: u32;
        (ring.head, device) = r.read()?;
        ring.device = device as u16;
        ring.phase = r.read()?;
        ring.slots = Slots::load(r)?;
        let offsets: Vec<u32> = r.words()?.into_iter().map(|n| n as u32).collect();
        let items: Vec<Detail> = r.list()?;
        let inside = |offset: &u32| i64::from(*offset) < width;
        let refers = |slot: Slot| match slot {
            Slot::Detail(index) => (index as usize) < items.len(),
            _ => true,
        };
        let entries = || items.iter().flat_map(|d| &d.entries);
        r.ensure(ring.slots.len() == capacity as usize && ring.head < capacity)?;
        r.ensure((device as usize) < devices && inside(&ring.phase))?;
        r.ensure(offsets.is_empty() || offsets.len() == ring.slots.len())?;
        r.ensure(offsets.iter().all(inside) && ring.slots.iter().all(refers))?;
        r.ensure(entries().all(|e| inside(&e.offset) && usize::from(e.device) < devices))?;
        if !items.is_empty() || !offsets.is_empty() {
            let free = ring.unused(items.len());
            let offsets = (!offsets.is_empty()).then(|| offsets.into());
            ring.odd = Some(Box::new(Odd { offsets, details: items, free }));
        }
        Ok(ring)
    }

    /// Places in the side table that no slot refers to. In which order they are taken decides nothing.
    fn unused(&self, items: usize) -> Vec<u32> {
        let mut used = vec![false; items];
        for slot in self.slots.iter() {
            if let Slot::Detail(index) = slot {
                used[index as usize] = true;
            }
        }
        (0..items as u32).filter(|i| !used[*i as usize]).collect()
    }
}

impl Snap for (u32, u32) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.read()?, r.read()?))
    }
}
