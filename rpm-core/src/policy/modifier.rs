//! Circumstances that change what a rule asks for.
//!
//! A modifier is in force while all that it asks of the patient is known to be so; unknown is not so.
//! Those in force apply in the order in which the policy lists them, each to what the ones before it
//! left: `to` puts a limit or a hold to a value, `plus` moves it; a level that `rests` is not judged,
//! which neither raises nor clears it. Where several change the severity of a level, or the mode of its rule,
//! the last one says which it is.

use alloc::string::String;
use alloc::vec::Vec;

use super::care::Hours;
use crate::event::{Context, Profile};
use crate::time::Duration;

/// A modifier, compiled. See [`ModifierSpec`](super::spec::ModifierSpec) for what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Modifier {
    pub id: String,
    pub title: String,
    pub when: When,
}

/// What must be known to be so.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct When {
    pub activity: Vec<String>,
    pub posture: Vec<String>,
    pub care_phase: Vec<String>,
    /// So long at most the phase of care has gone on.
    pub phase_within: Option<Duration>,
    pub asleep: Option<bool>,
    pub on_oxygen: Option<bool>,
    pub age_band: Vec<String>,
    pub conditions: Vec<String>,
    pub cohort: Vec<String>,
    pub hours: Option<Hours>,
}

/// What a modifier does to a limit or to a hold, in thousandths or milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Adjust {
    /// Index of the modifier.
    pub modifier: u16,
    pub change: Shift,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shift {
    To(i64),
    Plus(i64),
}

impl Shift {
    pub fn apply(self, value: i64) -> i64 {
        match self {
            Self::To(value) => value,
            Self::Plus(by) => value.saturating_add(by),
        }
    }
}

impl When {
    /// Whether it is so, given what is known at a time: circumstances, for how long the phase of care
    /// has gone on, the profile, and the minute of the patient's day.
    pub fn holds(
        &self,
        context: &Context,
        phase_for: Option<Duration>,
        profile: Option<&Profile>,
        minute: i64,
    ) -> bool {
        let one_of = |wanted: &[String], known: Option<&String>| {
            wanted.is_empty() || known.is_some_and(|known| wanted.contains(known))
        };
        let is = |wanted: Option<bool>, known: Option<bool>| wanted.is_none() || wanted == known;
        let conditions = profile.map_or(&[][..], |profile| &profile.conditions);
        let phase = self.phase_within;
        one_of(&self.activity, context.activity.as_ref())
            && one_of(&self.posture, context.posture.as_ref())
            && one_of(&self.care_phase, context.care_phase.as_ref())
            && phase.is_none_or(|most| phase_for.is_some_and(|gone| gone <= most))
            && is(self.asleep, context.asleep)
            && is(self.on_oxygen, context.on_oxygen)
            && one_of(&self.age_band, profile.and_then(|profile| profile.age_band.as_ref()))
            && one_of(&self.cohort, profile.and_then(|profile| profile.cohort.as_ref()))
            && (self.conditions.is_empty()
                || conditions.iter().any(|known| self.conditions.contains(known)))
            && self.hours.is_none_or(|hours| hours.contain(minute))
    }
}
