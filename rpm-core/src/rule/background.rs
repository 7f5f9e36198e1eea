//! What rules know of a patient beside the windows of signals.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::calm::Calm;
use super::wearing::Wearing;
use crate::event::{Context, Profile};
use crate::policy::Policy;
use crate::signal::Signal;
use crate::signal::baseline::{CHUNK, Method, Norm, Usual};
use crate::signal::summary::Summary;
use crate::time::Duration;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    pub usual: Usual,
    /// One of each summary of the policy.
    pub summaries: Box<[Summary]>,
    pub situation: Situation,
    /// Of each signal that a score reads: the last good value that has left its panes, and when it was
    /// observed. Empty if no score reads any.
    pub carried: Box<[Option<(i64, i32)>]>,
    /// From when on drifts from a baseline are added up anew, and which one, where people set it right.
    pub restarts: Vec<(i64, u16)>,
    /// Of each signal, if any is derived.
    pub calm: Box<[Calm]>,
}

/// What is known of the patient's circumstances, and since when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    /// From when on each was so, oldest first.
    pub contexts: Vec<Since>,
    pub wearing: Wearing,
    profile: Option<Box<Profile>>,
}

/// Circumstances from a time on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Since {
    pub at: i64,
    pub context: Context,
    /// Since when the phase of care has been the one it is.
    pub phase_since: i64,
}

static UNKNOWN: Context =
    Context { activity: None, asleep: None, on_oxygen: None, posture: None, care_phase: None };

impl Background {
    pub fn new(policy: &Policy) -> Self {
        let offset = i64::from(policy.care().offset_min) * 60_000;
        let scored = if policy.has_feeds() { policy.signals().len() } else { 0 };
        Self {
            usual: Usual::new(policy.baselines(), offset),
            summaries: policy.summaries().map(|(_, def)| Summary::new(def)).collect(),
            situation: Situation::default(),
            carried: (0..scored).map(|_| None).collect(),
            restarts: Vec::new(),
            calm: Calm::none(policy),
        }
    }

    /// Drifts from a baseline are added up from zero from a time on.
    pub fn restart(&mut self, baseline: u16, from: i64) {
        self.restarts.retain(|(_, of)| *of != baseline);
        self.restarts.push((from, baseline));
    }

    /// From when on drifts from a baseline are added up.
    pub fn restarted(&self, baseline: u16) -> i64 {
        let restart = self.restarts.iter().find(|(_, of)| *of == baseline);
        restart.map_or(i64::MIN, |(from, _)| *from)
    }

    /// What a baseline says of a time: learned, or what is taken as usual for the patient's age band.
    pub fn usual_at(
        &self,
        policy: &Policy,
        signals: &[Signal],
        baseline: u16,
        at: i64,
    ) -> Option<Norm> {
        self.usual_for(policy, signals, baseline, at, at)
    }

    /// The same for what was observed in an earlier pane: by the state in which the patient was then, as far back as
    /// that is kept in any order of arrival, and without that pane where it is one of those that are asked.
    pub fn usual_for(
        &self,
        policy: &Policy,
        signals: &[Signal],
        baseline: u16,
        at: i64,
        of: i64,
    ) -> Option<Norm> {
        let index = usize::from(baseline);
        let def = &policy.baselines()[index];
        let ring = &signals[usize::from(def.signal)].ring;
        if matches!(def.method, Method::Median { .. }) && of < at {
            return self.usual.median_without(index, def, ring, at, of);
        }
        let known = at - of <= CHUNK * ring.width();
        let asleep = self.situation.at(of).asleep.filter(|_| known);
        self.usual.at(index, def, ring, at, self.situation.age_band(), asleep)
    }
}

impl Situation {
    /// What was known to be so at a time.
    pub fn at(&self, at: i64) -> &Context {
        self.entry(at).map_or(&UNKNOWN, |since| &since.context)
    }

    /// Since when it was.
    pub fn since(&self, at: i64) -> Option<i64> {
        self.entry(at).map(|since| since.at)
    }

    /// For how long the phase of care had gone on.
    pub fn phase_for(&self, at: i64) -> Option<Duration> {
        self.entry(at).map(|since| Duration::from_millis(at.saturating_sub(since.phase_since)))
    }

    fn entry(&self, at: i64) -> Option<&Since> {
        let later = self.contexts.partition_point(|since| since.at <= at);
        self.contexts.get(later.checked_sub(1)?)
    }

    /// From when on something else is so, after a time.
    pub fn next_after(&self, at: i64) -> Option<i64> {
        let later = self.contexts.partition_point(|since| since.at <= at);
        self.contexts.get(later).map(|since| since.at)
    }

    /// What is known to be so now.
    pub fn now(&self) -> &Context {
        self.contexts.last().map_or(&UNKNOWN, |since| &since.context)
    }

    /// Who the patient is.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }

    /// How old, as far as that is known.
    pub fn age_band(&self) -> Option<&str> {
        self.profile()?.age_band.as_deref()
    }

    /// Somebody said who the patient is.
    pub fn set_profile(&mut self, profile: Option<&Profile>) {
        self.profile = profile.cloned().map(Box::new);
    }

    /// From a time on it is so, until something else is. What nothing asks of any more is forgotten.
    pub fn take(&mut self, at: i64, context: &Context, edge: i64) {
        let index = self.contexts.partition_point(|since| since.at < at);
        if self.contexts.get(index).is_some_and(|since| since.at == at) {
            self.contexts.remove(index);
        }
        let since = Since { at, context: context.clone(), phase_since: at };
        self.contexts.insert(index, since);
        for later in index..self.contexts.len() {
            let before = later.checked_sub(1).map(|before| &self.contexts[before]);
            let same = |before: &&Since| {
                before.context.care_phase == self.contexts[later].context.care_phase
            };
            let began = before.filter(same).map(|before| before.phase_since);
            self.contexts[later].phase_since = began.unwrap_or(self.contexts[later].at);
        }
        let gone = self.contexts.partition_point(|since| since.at < edge);
        self.contexts.drain(..gone.saturating_sub(1));
    }
}
