//! The panes of a signal, in a ring of four-byte slots.
//!
//! Telemetry is regular: nearly every pane holds one reading of one device, good or marked as an
//! artifact. Such a pane is one slot holding the value itself. What does not fit (several readings
//! in a pane, a second device, other flags) goes to a side table and the slot refers to it; a device
//! whose readings jitter within the pane gets a parallel array of offsets, once, when the first one
//! does. So a regular signal costs four bytes a pane and a duplicate is still told from a conflict
//! exactly.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::Sample;
use super::pane::{Detail, Entry, Pane, Point, State, Tally};
use crate::bytes::{Reader, Snap, Writer};
use crate::error::Error;
use crate::event::Quality;
use crate::time::Timestamp;
use crate::value::Value;

/// No pane at all, before the first reading.
const NONE: i64 = i64::MIN;
/// The slot of a pane without a reading.
const EMPTY: i32 = i32::MIN;
/// Compact values are smaller than this; the few kinds that can be larger use the side table.
const LIMIT: i32 = 1 << 29;
/// Artifacts lie around this, counts below its negative, references further down.
const ARTIFACT: i32 = 1 << 30;
const REFERENCE: i32 = -3 * LIMIT;
const MAX_COUNT: u32 = 0xffff;

/// What a slot says, packed into 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Empty,
    /// One good reading of the ring's device.
    Good(i32),
    /// One reading of the ring's device that is marked as an artifact, and nothing else.
    Artifact(i32),
    /// So many bad readings, too old to tell apart.
    Spoilt(u32),
    /// See the side table.
    Detail(u32),
}

impl Slot {
    #[inline]
    const fn unpack(code: i32) -> Self {
        if code > -LIMIT && code < LIMIT {
            Self::Good(code)
        } else if code == EMPTY {
            Self::Empty
        } else if code > 0 {
            Self::Artifact(code - ARTIFACT)
        } else if code <= REFERENCE {
            Self::Detail((REFERENCE - code) as u32)
        } else {
            Self::Spoilt((-ARTIFACT - code) as u32)
        }
    }

    #[inline]
    const fn pack(self) -> i32 {
        match self {
            Self::Empty => EMPTY,
            Self::Good(value) => value,
            Self::Artifact(value) => ARTIFACT + value,
            Self::Spoilt(count) => {
                -ARTIFACT - (if count > MAX_COUNT { MAX_COUNT } else { count }) as i32
            }
            Self::Detail(index) => REFERENCE - index as i32,
        }
    }
}

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

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(super) width: i64,
    capacity: u32,
    /// Index of the newest pane's slot.
    head: u32,
    newest: i64,
    /// When the newest pane starts, so that the usual reading needs no division.
    newest_start: i64,
    slots: Box<[i32]>,
    /// The offset of every compact reading while there is no array of them.
    phase: u32,
    /// The device of every compact reading.
    device: u16,
    offsets: Option<Box<[u32]>>,
    details: Option<Box<Details>>,
}

/// Panes that do not fit a slot, with a list of free places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    items: Vec<Detail>,
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
            head: 0,
            newest: NONE,
            newest_start: 0,
            slots: Box::default(),
            phase: 0,
            device: 0,
            offsets: None,
            details: None,
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

    /// Makes `pane` the newest; panes in between are empty.
    #[inline]
    pub fn advance(&mut self, pane: i64) {
        let steps = pane - self.newest;
        if steps == 1 && self.capacity > 1 {
            self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
            self.clear_slot(self.head as usize);
        } else if steps >= i64::from(self.capacity) {
            self.slots.fill(EMPTY);
            self.details = None;
            self.head = 0;
        } else {
            for _ in 0..steps {
                self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
                self.clear_slot(self.head as usize);
            }
        }
        self.newest = pane;
        self.newest_start = self.start_of(pane);
    }

    /// Looks at the slot that the next pane will take, and at one so many panes before it.
    #[inline]
    pub fn read_ahead(&self, back: u32) -> u64 {
        let next = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
        let old = next.wrapping_sub(back);
        let old = if back > next { old.wrapping_add(self.capacity) } else { old };
        let look = |at: u32| self.slots.get(at as usize).copied().unwrap_or(0) as u64;
        look(next) ^ look(old)
    }

    #[inline]
    fn clear_slot(&mut self, at: usize) {
        let old = core::mem::replace(&mut self.slots[at], EMPTY);
        if let Slot::Detail(index) = Slot::unpack(old) {
            self.release(index);
        }
    }

    #[cold]
    fn release(&mut self, index: u32) {
        if let Some(details) = &mut self.details {
            details.items[index as usize] = Detail::default();
            details.free.push(index);
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

    /// The slot of a pane, packed: this is the hot path.
    #[inline]
    fn packed(&self, pane: i64) -> i32 {
        // One comparison for both bounds, and for a ring without panes: `NONE` is far from any.
        let distance = self.newest.wrapping_sub(pane) as u64;
        if distance >= u64::from(self.capacity) {
            return EMPTY;
        }
        let distance = distance as u32;
        let at = self.head.wrapping_sub(distance);
        let at = if distance > self.head { at.wrapping_add(self.capacity) } else { at };
        self.slots.get(at as usize).copied().unwrap_or(EMPTY)
    }

    /// The value of a pane that holds one good reading and nothing else, as nearly all do.
    #[inline]
    pub fn plain(&self, pane: i64) -> Option<i32> {
        let code = self.packed(pane);
        (code > -LIMIT && code < LIMIT).then_some(code)
    }

    /// The part of [`view`](Self::view) that running sums need.
    #[inline]
    pub fn tally(&self, pane: i64) -> Tally {
        match Slot::unpack(self.packed(pane)) {
            Slot::Good(value) => Tally { good: 1, bad: 0, sum: i64::from(value) },
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

    #[inline]
    fn decode(&self, at: usize) -> Pane {
        match Slot::unpack(self.slots[at]) {
            Slot::Good(value) => Pane::single(Point { offset: self.offset_at(at), value }),
            Slot::Empty => Pane::EMPTY,
            Slot::Artifact(_) => Pane::bad(1),
            Slot::Spoilt(count) => Pane::bad(count),
            Slot::Detail(index) => self.detail(index).map_or(Pane::EMPTY, |d| d.total),
        }
    }

    #[inline]
    fn offset_at(&self, at: usize) -> u32 {
        match &self.offsets {
            Some(offsets) => offsets[at],
            None => self.phase,
        }
    }

    fn detail(&self, index: u32) -> Option<&Detail> {
        self.details.as_ref()?.items.get(index as usize)
    }

    /// The sum of the squares of the pane's good readings.
    pub fn squares(&self, pane: i64) -> i128 {
        match self.slot_index(pane).map(|at| Slot::unpack(self.slots[at])) {
            Some(Slot::Good(value)) => i128::from(value) * i128::from(value),
            Some(Slot::Detail(index)) => self.detail(index).map_or(0, |d| d.squares),
            _ => 0,
        }
    }

    /// Whether the pane has a good reading: then it is evidence.
    #[inline]
    pub fn has_good(&self, pane: i64) -> bool {
        match self.slot_index(pane).map(|at| Slot::unpack(self.slots[at])) {
            Some(Slot::Good(_)) => true,
            Some(Slot::Detail(index)) => self.detail(index).is_some_and(|d| d.total.good > 0),
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
        if self.slots[at] == EMPTY {
            self.fill(at, pane, entry);
            return Placed::Accepted;
        }
        self.join(at, pane, entry)
    }

    /// Whether the reading falls into the pane after the newest and is as plain as the others:
    /// nearly all are. Then [`append`](Self::append) is all there is to do.
    #[inline]
    pub fn continues(&self, sample: &Sample) -> bool {
        let due = self.newest_start + self.width + i64::from(self.phase);
        let value = sample.value.thousandths();
        sample.observed_at.as_millis() == due
            && self.newest != NONE
            && sample.device.0 == self.device
            && self.offsets.is_none()
            && value > -LIMIT
            && value < LIMIT
    }

    /// Puts a plain reading into the pane after the newest.
    #[inline]
    pub fn append(&mut self, value: i32) {
        self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
        self.newest += 1;
        self.newest_start += self.width;
        if let Some(slot) = self.slots.get_mut(self.head as usize) {
            let old = core::mem::replace(slot, value);
            if old <= REFERENCE && old != EMPTY {
                self.release((REFERENCE - old) as u32);
            }
        }
    }

    fn begin(&mut self, pane: i64, sample: &Sample) {
        self.slots = vec![EMPTY; self.capacity as usize].into();
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
            self.slots[at] = Slot::Detail(index).pack();
            self.push_entry(index, entry);
            return;
        };
        if self.offsets.is_none() && entry.offset != self.phase {
            self.offsets = Some(vec![self.phase; self.slots.len()].into());
        }
        if let Some(offsets) = &mut self.offsets {
            offsets[at] = entry.offset;
        }
        self.slots[at] = slot.pack();
    }

    /// The slot that says all there is to say of a single reading, if one does.
    #[inline]
    fn compact(&self, entry: &Entry) -> Option<Slot> {
        let as_delivered = entry.device == self.device && entry.value == entry.delivered;
        if !as_delivered || entry.value <= -LIMIT || entry.value >= LIMIT {
            return None;
        }
        match (entry.state, entry.quality) {
            (State::Good, Quality::GOOD) => Some(Slot::Good(entry.value)),
            (State::Bad, Quality::ARTIFACT) => Some(Slot::Artifact(entry.value)),
            _ => None,
        }
    }

    fn compact_entry(&self, at: usize) -> Option<Entry> {
        let (value, quality) = match Slot::unpack(self.slots[at]) {
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
        match Slot::unpack(self.slots[at]) {
            Slot::Detail(index) => self.detail(index)?.entries.iter().copied().find(same),
            _ => self.compact_entry(at).filter(same),
        }
    }

    /// A second reading in a pane: a repetition, a contradiction, or a neighbour.
    fn join(&mut self, at: usize, pane: i64, entry: Entry) -> Placed {
        if let Slot::Spoilt(_) = Slot::unpack(self.slots[at]) {
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
        if let Slot::Detail(index) = Slot::unpack(self.slots[at]) {
            return index;
        }
        let known = self.compact_entry(at);
        let index = self.new_detail(pane);
        self.slots[at] = Slot::Detail(index).pack();
        if let Some(known) = known {
            self.push_entry(index, known);
        }
        index
    }

    fn new_detail(&mut self, pane: i64) -> u32 {
        let details = self.details.get_or_insert_with(Box::default);
        let index = details.free.pop().unwrap_or_else(|| {
            details.items.push(Detail::default());
            details.items.len() as u32 - 1
        });
        details.items[index as usize].pane = pane;
        index
    }

    fn push_entry(&mut self, index: u32, entry: Entry) {
        if let Some(details) = &mut self.details {
            let detail = &mut details.items[index as usize];
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
        let Some(details) = &mut self.details else {
            return Amended::Unknown;
        };
        let detail = &mut details.items[index as usize];
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
        self.details.as_ref().map_or(0, |d| d.items.len() - d.free.len())
    }

    /// Forgets who was in panes before `edge`, where nobody can be repeated, corrected or voided
    /// any more; what fits a slot again goes back to it.
    pub fn settle(&mut self, edge: i64) {
        let Some(mut details) = self.details.take() else {
            return;
        };
        for index in 0..details.items.len() {
            let detail = &mut details.items[index];
            if detail.entries.is_empty() || detail.pane >= edge {
                continue;
            }
            let Some(at) = self.slot_index(detail.pane) else {
                continue;
            };
            match self.compacted(detail) {
                Some(slot) => {
                    self.slots[at] = slot;
                    *detail = Detail::default();
                    details.free.push(index as u32);
                }
                None => detail.entries = smallvec::SmallVec::new(),
            }
        }
        self.details = Some(details);
    }

    fn compacted(&self, detail: &Detail) -> Option<i32> {
        let only = detail.entries.first().filter(|_| detail.entries.len() == 1);
        let on_phase = |e: &&Entry| self.offsets.is_none() && e.offset == self.phase;
        match only.filter(on_phase).and_then(|e| self.compact(e)) {
            Some(slot) => Some(slot.pack()),
            None if detail.total == Pane::EMPTY => Some(EMPTY),
            None if detail.total.good == 0 => Some(Slot::Spoilt(detail.total.bad).pack()),
            None => None,
        }
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
        w.words(&self.slots);
        let offsets = self.offsets.as_deref().map(|o| o.iter().map(|n| *n as i32).collect());
        let offsets: Vec<i32> = offsets.unwrap_or_default();
        w.words(&offsets);
        w.list(self.details.as_ref().map_or(&[][..], |d| &d.items).iter());
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
        ring.slots = r.words()?.into();
        let offsets: Vec<u32> = r.words()?.into_iter().map(|n| n as u32).collect();
        let items: Vec<Detail> = r.list()?;
        let inside = |offset: &u32| i64::from(*offset) < width;
        let refers = |slot: &i32| match Slot::unpack(*slot) {
            Slot::Detail(index) => (index as usize) < items.len(),
            _ => true,
        };
        let entries = || items.iter().flat_map(|d| &d.entries);
        r.ensure(ring.slots.len() == capacity as usize && ring.head < capacity)?;
        r.ensure((device as usize) < devices && inside(&ring.phase))?;
        r.ensure(offsets.is_empty() || offsets.len() == ring.slots.len())?;
        r.ensure(offsets.iter().all(inside) && ring.slots.iter().all(refers))?;
        r.ensure(entries().all(|e| inside(&e.offset) && usize::from(e.device) < devices))?;
        ring.offsets = (!offsets.is_empty()).then(|| offsets.into());
        ring.details = ring.with_free_list(items);
        Ok(ring)
    }

    /// Places that no slot refers to are free. In which order they are taken decides nothing.
    fn with_free_list(&self, items: Vec<Detail>) -> Option<Box<Details>> {
        let mut used = vec![false; items.len()];
        for slot in &self.slots {
            if let Slot::Detail(index) = Slot::unpack(*slot) {
                used[index as usize] = true;
            }
        }
        let free = (0..items.len() as u32).filter(|i| !used[*i as usize]).collect();
        (!items.is_empty()).then(|| Box::new(Details { items, free }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_unpack_to_what_was_packed() {
        let values = [0, 1, -1, LIMIT - 1, 1 - LIMIT];
        let slots = values.iter().flat_map(|v| [Slot::Good(*v), Slot::Artifact(*v)]);
        let counts = [1, 2, MAX_COUNT].map(Slot::Spoilt);
        let details = [0, 1, 1 << 28].map(Slot::Detail);
        for slot in slots.chain(counts).chain(details).chain([Slot::Empty]) {
            assert_eq!(Slot::unpack(slot.pack()), slot);
        }
    }
}
