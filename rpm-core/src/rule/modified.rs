//! What circumstances make of limits and holds.

use alloc::vec::Vec;

use super::predicate::{Signals, text};
use crate::policy::{Adjust, Leaf, LevelDef};
use crate::record::Modified;
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1440;

impl Signals<'_> {
    /// Whether all that a modifier asks is known to be so at a time.
    fn in_force(&self, modifier: u16, at: i64) -> bool {
        let situation = &self.background.situation;
        let local = at.saturating_add(self.background.usual.offset);
        let minute = local.div_euclid(MINUTE_MS).rem_euclid(DAY_MINUTES);
        let when = &self.policy.modifiers()[usize::from(modifier)].when;
        when.holds(situation.at(at), situation.phase_for(at), situation.profile(), minute)
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
        def.rests.iter().any(|modifier| self.in_force(*modifier, at))
    }

    /// Which modifiers made a limit what it is, for a record.
    pub fn modified(&self, leaf: &Leaf, at: i64) -> Vec<Modified> {
        let mut limit = leaf.limit;
        let in_force = leaf.adjusts.iter().filter(|adjust| self.in_force(adjust.modifier, at));
        let told = |adjust: &Adjust| {
            let modifier = &self.policy.modifiers()[usize::from(adjust.modifier)];
            let from = text(limit);
            limit = adjust.change.apply(limit);
            Modified {
                modifier: modifier.id.clone(),
                title: modifier.title.clone(),
                from,
                to: text(limit),
                since: self.background.situation.since(at).map(Timestamp::from_millis),
            }
        };
        in_force.map(told).collect()
    }
}
