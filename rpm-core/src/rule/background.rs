//! What rules know of a patient beside the windows of signals.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::event::Context;
use crate::policy::Policy;
use crate::signal::baseline::Usual;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    pub usual: Usual,
    pub situation: Situation,
    /// Of each signal that a score reads: the last good value that has left its panes, and when it was
    /// observed. Empty if no score reads any.
    pub carried: Box<[Option<(i64, i32)>]>,
}

/// What is known of the patient's circumstances, and since when.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Situation {
    /// From when on each was so, oldest first.
    pub contexts: Vec<(i64, Context)>,
    /// Of the profile.
    pub spo2_scale: Option<u8>,
}

static UNKNOWN: Context =
    Context { activity: None, asleep: None, on_oxygen: None, posture: None, care_phase: None };

impl Background {
    pub fn new(policy: &Policy) -> Self {
        let offset = i64::from(policy.care().offset_min) * 60_000;
        let scored = if policy.tabs().is_empty() { 0 } else { policy.signals().len() };
        Self {
            usual: Usual::new(policy.baselines(), offset),
            situation: Situation::default(),
            carried: (0..scored).map(|_| None).collect(),
        }
    }
}

impl Situation {
    /// What was known to be so at a time.
    pub fn at(&self, at: i64) -> &Context {
        let later = self.contexts.partition_point(|(since, _)| *since <= at);
        later.checked_sub(1).map_or(&UNKNOWN, |index| &self.contexts[index].1)
    }

    /// What is known to be so now.
    pub fn now(&self) -> &Context {
        self.contexts.last().map_or(&UNKNOWN, |(_, context)| context)
    }

    /// From a time on it is so, until something else is. What nothing asks of any more is forgotten.
    pub fn take(&mut self, at: i64, context: &Context, edge: i64) {
        match self.contexts.binary_search_by_key(&at, |(since, _)| *since) {
            Ok(index) => self.contexts[index].1 = context.clone(),
            Err(index) => self.contexts.insert(index, (at, context.clone())),
        }
        let gone = self.contexts.partition_point(|(since, _)| *since < edge);
        self.contexts.drain(..gone.saturating_sub(1));
    }
}
