//! What circumstances make of limits and holds.

use alloc::string::String;
use alloc::vec::Vec;

use super::background::Background;
use super::predicate::{Signals, text};
use crate::policy::{Adjust, Leaf, LevelDef, Limits, Mode, Policy};
use crate::record::{Clause, Modified, Verdict};
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1440;

impl Background {
    /// Whether all that a modifier asks is known to be so at a time.
    fn in_force(&self, policy: &Policy, modifier: u16, at: i64) -> bool {
        let situation = &self.situation;
        let local = at.saturating_add(self.usual.offset);
        let minute = local.div_euclid(MINUTE_MS).rem_euclid(DAY_MINUTES);
        let when = &policy.modifiers()[usize::from(modifier)].when;
        when.holds(situation.at(at), situation.phase_for(at), situation.profile(), minute)
    }

    /// In which of these modes a rule is at a time, if circumstances say so.
    pub fn mode(&self, policy: &Policy, modes: &[(u16, Mode)], at: i64) -> Option<(u16, Mode)> {
        let in_force = |(modifier, _): &&(u16, Mode)| self.in_force(policy, *modifier, at);
        modes.iter().rev().find(in_force).copied()
    }

    /// Whether a rule is not judged at a time, as far as these modifiers say.
    pub fn rests(&self, policy: &Policy, rests: &[u16], modes: &[(u16, Mode)], at: i64) -> bool {
        rests.iter().any(|modifier| self.in_force(policy, *modifier, at))
            || self.mode(policy, modes, at).is_some_and(|(_, mode)| mode == Mode::Disabled)
    }

    /// The first time after another at which what modifiers ask may be otherwise because time passed.
    pub fn changes_after(
        &self,
        policy: &Policy,
        modifiers: impl Iterator<Item = u16>,
        at: i64,
    ) -> Option<i64> {
        let known = modifiers.flat_map(|modifier| {
            let when = &policy.modifiers()[usize::from(modifier)].when;
            let hours = when.hours.map(|hours| [hours.from, hours.until]).into_iter().flatten();
            let minute = at.saturating_add(self.usual.offset).div_euclid(MINUTE_MS);
            let hours = hours.map(move |hour| {
                let left = (hour - minute - 1).rem_euclid(DAY_MINUTES) + 1;
                let starts = minute.saturating_add(left).saturating_mul(MINUTE_MS);
                starts.saturating_sub(self.usual.offset)
            });
            let phase = when.phase_within.zip(self.situation.phase_for(at));
            // So long and no longer.
            let phase = phase.map(|(most, gone)| at - gone.as_millis() + most.as_millis() + 1);
            // Where time ends, nothing comes after.
            hours.chain(phase).filter(move |next| *next > at)
        });
        known.chain(self.situation.next_after(at)).min()
    }
}

impl Signals<'_> {
    fn in_force(&self, modifier: u16, at: i64) -> bool {
        self.background.in_force(self.policy, modifier, at)
    }

    /// A limit or a hold after what is in force.
    pub fn adjusted(&self, value: i64, adjusts: &[Adjust], at: i64) -> i64 {
        let in_force = adjusts.iter().filter(|adjust| self.in_force(adjust.modifier, at));
        in_force.fold(value, |value, adjust| adjust.change.apply(value))
    }

    /// How long a level's limit must be crossed.
    pub fn hold(&self, def: &LevelDef, at: i64) -> i64 {
        self.adjusted(def.hold, &def.hold_adjusts, at)
    }

    /// Whether a level is not judged now.
    pub fn rests(&self, def: &LevelDef, at: i64) -> bool {
        self.background.rests(self.policy, &def.rests, &def.modes, at)
    }

    /// What made the mode of a rule another one than its own, for a record.
    pub fn mode_told(&self, own: Mode, modes: &[(u16, Mode)], at: i64) -> Option<Modified> {
        let (modifier, mode) = self.background.mode(self.policy, modes, at)?;
        (mode != own).then(|| self.told(modifier, own.name().into(), mode.name().into(), at))
    }

    /// As which level one counts, by its place.
    pub fn counts_as(&self, def: &LevelDef, place: usize, at: i64) -> usize {
        let in_force = |(modifier, _): &&(u16, u8)| self.in_force(*modifier, at);
        let last = def.severities.iter().rev().find(in_force);
        last.map_or(place, |(_, to)| usize::from(*to))
    }

    /// What raised an active level: the place of the level whose limit is crossed, which may count as it,
    /// and what its comparisons found, for a record.
    pub fn evidence(&mut self, limits: &Limits, top: usize, at: i64) -> (usize, Vec<Clause>) {
        let mut source = top;
        if limits.modified {
            let places = (0..limits.levels.len()).rev();
            let mut raises = |place: &usize| {
                let def = &limits.levels[*place];
                let counts = self.counts_as(def, *place, at) == top && !self.rests(def, at);
                counts && self.verdict(&def.raise, at) == Verdict::Met
            };
            let own = raises(&top).then_some(top);
            source = own.or_else(|| places.into_iter().find(raises)).unwrap_or(top);
        }
        let def = &limits.levels[source];
        let mut clauses = self.clauses(&def.raise, at);
        let mut from = def.level;
        for (modifier, to) in &def.severities {
            let to = limits.levels[usize::from(*to)].level;
            if to == from || !self.in_force(*modifier, at) {
                continue;
            }
            if let Some(first) = clauses.first_mut() {
                let names = (from.name().into(), to.name().into());
                first.modifiers.push(self.told(*modifier, names.0, names.1, at));
            }
            from = to;
        }
        (source, clauses)
    }

    /// What a modifier made of something, for a record.
    fn told(&self, modifier: u16, from: String, to: String, at: i64) -> Modified {
        let def = &self.policy.modifiers()[usize::from(modifier)];
        Modified {
            modifier: def.id.clone(),
            title: def.title.clone(),
            from,
            to,
            since: self.background.situation.since(at).map(Timestamp::from_millis),
            until: self.known_until(modifier, at).map(Timestamp::from_millis),
        }
    }

    /// Until when a modifier that is in force will be, as far as that is a matter of time.
    fn known_until(&self, modifier: u16, at: i64) -> Option<i64> {
        let when = &self.policy.modifiers()[usize::from(modifier)].when;
        let local = at.saturating_add(self.background.usual.offset);
        let minute = local.div_euclid(MINUTE_MS);
        let hours = when.hours.map(|hours| {
            let left = (hours.until - minute).rem_euclid(DAY_MINUTES);
            (minute + left) * MINUTE_MS - self.background.usual.offset
        });
        let gone = self.background.situation.phase_for(at);
        let phase = when.phase_within.zip(gone);
        let phase = phase.map(|(most, gone)| at - gone.as_millis() + most.as_millis());
        hours.into_iter().chain(phase).min()
    }

    /// Which modifiers made a limit what it is, for a record.
    pub fn modified(&self, leaf: &Leaf, at: i64) -> Vec<Modified> {
        let mut limit = leaf.limit;
        let in_force = leaf.adjusts.iter().filter(|adjust| self.in_force(adjust.modifier, at));
        let told = |adjust: &Adjust| {
            let from = text(limit);
            limit = adjust.change.apply(limit);
            self.told(adjust.modifier, from, text(limit), at)
        };
        in_force.map(told).collect()
    }
}
