//! One value a night: told when a night is over, and again when late evidence changes it.

use alloc::vec::Vec;

use super::derive::Rederived;
use super::lane::Lane;
use crate::policy::{Derivation, Policy};
use crate::rule::predicate::{Signals, pane_at};
use crate::signal::baseline::CHUNK;
use crate::signal::summary::{Night, SummaryDef};

impl Lane {
    /// Adds up what is certain by a time, up to the end of the night that is told next. When there will
    /// be more to do.
    pub fn add_up(&mut self, policy: &Policy, newest: i64) -> i64 {
        let (mut next, newest) = (i64::MAX, newest.max(self.newest));
        for (_, def) in policy.summaries() {
            let width = policy.signals()[usize::from(def.of)].pane_ms;
            self.begin_nights(def, width, newest);
            let over = self.night_after_told(def, width).over();
            self.take_night_in(def, width, newest.saturating_sub(def.certain_after).min(over));
            next = next.min(over).min(newest.saturating_add(CHUNK * width));
        }
        next
    }

    /// Whether a night is over by a time and has not been told.
    pub fn ends_a_night(&self, policy: &Policy, newest: i64) -> bool {
        policy.summaries().any(|(_, def)| {
            let told = self.background.summaries[usize::from(def.place)].told;
            let width = policy.signals()[usize::from(def.of)].pane_ms;
            told != i64::MIN && self.night_after_told(def, width).over() <= newest
        })
    }

    /// Tells the nights that are over by a time, from the oldest on.
    pub fn end_nights(&mut self, policy: &Policy, newest: i64) -> Vec<Rederived> {
        let mut found = Vec::new();
        for (derived, def) in policy.summaries() {
            let (place, signal) = (usize::from(def.place), usize::from(derived.signal));
            let width = policy.signals()[usize::from(def.of)].pane_ms;
            self.begin_nights(def, width, newest);
            let certain = newest.saturating_sub(def.certain_after);
            let mut changed = Vec::new();
            loop {
                let night = self.night_after_told(def, width);
                if night.over() > newest {
                    break;
                }
                self.take_night_in(def, width, certain.min(night.over()));
                self.background.summaries[place].told += 1;
                changed.extend(self.tell(policy, signal, def, night));
                self.skip_nights(def, width, newest);
            }
            found.extend(rederived(signal, changed));
        }
        found
    }

    /// After panes from one on changed: tells the nights again that are over and that these bear on.
    pub fn tell_again(&mut self, policy: &Policy, index: usize, pane: i64) -> Vec<Rederived> {
        let summaries = policy.signals()[index].summaries.iter();
        let mut found = Vec::new();
        for derived in summaries.map(|derived| &policy.derived()[usize::from(*derived)]) {
            let Derivation::Summary(def) = &derived.how else {
                continue;
            };
            let (width, offset) = (policy.signals()[index].pane_ms, self.background.usual.offset);
            let told = self.background.summaries[usize::from(def.place)].told;
            let first = def.ends_after(pane.saturating_mul(width), offset);
            let signal = usize::from(derived.signal);
            let nights = (first..=told).map(|number| def.night(number, width, offset));
            let changed = nights.filter_map(|night| self.tell(policy, signal, def, night));
            found.extend(rederived(signal, changed.collect()));
        }
        found
    }

    /// Makes the pane in which a night ends hold what it came to: which that is, if it is news.
    fn tell(
        &mut self,
        policy: &Policy,
        signal: usize,
        summary: &SummaryDef,
        night: Night,
    ) -> Option<i64> {
        let def = &policy.signals()[signal];
        let pane = pane_at(night.over(), def.pane_ms);
        let signals = Signals::new(policy, &mut self.signals, &self.background);
        let held = signals.night(summary, night.over()).1;
        self.signals[signal].ring.date(night.over() - pane.saturating_mul(def.pane_ms));
        self.signals[signal].set(pane, held, def).then_some(pane)
    }

    /// With the first evidence: what was over before it is not told.
    fn begin_nights(&mut self, def: &SummaryDef, width: i64, newest: i64) {
        let offset = self.background.usual.offset;
        let summary = &mut self.background.summaries[usize::from(def.place)];
        if summary.told == i64::MIN {
            summary.told = def.over_by(newest, width, offset);
        }
    }

    /// Nights in which nothing was measured go by untold.
    fn skip_nights(&mut self, def: &SummaryDef, width: i64, newest: i64) {
        let offset = self.background.usual.offset;
        let ring = &self.signals[usize::from(def.of)].ring;
        let summary = &mut self.background.summaries[usize::from(def.place)];
        let over = def.over_by(newest, width, offset);
        let more = ring.good_after(summary.next.saturating_sub(1));
        let first = more.map_or(over + 1, |pane| def.ends_after(ring.start_of(pane), offset));
        summary.told = summary.told.max(over.min(first - 1));
    }

    fn night_after_told(&self, def: &SummaryDef, width: i64) -> Night {
        let told = self.background.summaries[usize::from(def.place)].told;
        def.night(told.saturating_add(1), width, self.background.usual.offset)
    }

    fn take_night_in(&mut self, def: &SummaryDef, width: i64, until: i64) {
        let (ring, offset) =
            (&self.signals[usize::from(def.of)].ring, self.background.usual.offset);
        let summary = &mut self.background.summaries[usize::from(def.place)];
        summary.take_in(def, ring, pane_at(until, width), offset);
    }
}

/// If anything became of it.
fn rederived(signal: usize, changed: Vec<i64>) -> Option<Rederived> {
    let last = *changed.last()?;
    Some(Rederived { signal, changed, last })
}
