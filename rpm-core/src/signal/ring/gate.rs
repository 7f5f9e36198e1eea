//! Readings that count only while their device is worn.

use core::ops::Range;

use super::Ring;
use crate::event::Quality;
use crate::id::DeviceKey;
use crate::signal::pane::{Entry, State};
use crate::signal::slots::Slot;

/// Whether the readings of a device count in a stretch of time.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub device: DeviceKey,
    pub stretch: Range<i64>,
    /// If they do, then unless they have other flags than these.
    pub opens: Option<Quality>,
}

impl Gate {
    /// What it makes of a reading of a pane that starts at a time, if it is one of those.
    fn judges(&self, start: i64, entry: &Entry) -> Option<State> {
        let at = start.saturating_add(entry.offset.into());
        let concerned = entry.device == self.device.0
            && entry.state != State::Void
            && self.stretch.contains(&at);
        let good = |accept| entry.quality.without(accept).is_good();
        concerned.then(|| State::of(self.opens.is_some_and(good)))
    }
}

impl Ring {
    /// Decides anew whether the remembered readings of a device in a pane count, of those in a stretch of time.
    /// Whether that changed anything.
    pub fn regate(&mut self, pane: i64, gate: &Gate) -> bool {
        let Some(at) = self.slot_index(pane) else {
            return false;
        };
        let start = self.start_of(pane);
        let changes = |e: &Entry| gate.judges(start, e).is_some_and(|state| state != e.state);
        match self.slots.get(at) {
            Slot::Detail(index) => {
                let entries = self.detail(index).map_or(&[][..], |d| &d.entries);
                if !entries.iter().any(changes) {
                    return false;
                }
            }
            _ if !self.compact_entry(at).is_some_and(|entry| changes(&entry)) => return false,
            _ => {}
        }
        let index = self.expand(at, pane);
        let Some(odd) = &mut self.odd else {
            return false;
        };
        let detail = &mut odd.details[index as usize];
        for entry in &mut detail.entries {
            entry.state = gate.judges(start, entry).unwrap_or(entry.state);
        }
        detail.recount();
        true
    }

    /// Whether a pane has bad readings of a device at a time at which it was left out. Of old panes it is only
    /// known that there were some.
    pub fn has_left_out(&self, pane: i64, left_out: impl Fn(DeviceKey, i64) -> bool) -> bool {
        let start = self.start_of(pane);
        let bad = |e: &Entry| {
            let at = start.saturating_add(e.offset.into());
            e.state == State::Bad && left_out(DeviceKey(e.device), at)
        };
        match self.slots.get(self.place_of(pane)) {
            Slot::Spoilt(_) => left_out(DeviceKey(self.device), start),
            Slot::Detail(index) => self.detail(index).is_some_and(|d| d.entries.iter().any(bad)),
            _ => false,
        }
    }
}
