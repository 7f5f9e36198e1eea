//! The pulse of every rule of a patient, and what readings of a signal are nothing to look at.
//!
//! Nearly every reading changes nothing: it is the next of its signal, and as ordinary as those before. What
//! the rules that read a signal bear together is kept beside its newest pane, and so is how far readings came
//! that way, so that one look at one place tells it. Who asks for a pulse asks [here](Pulses::of), where that
//! is taken in; who changes one asks [here](Pulses::at), and then nothing is known of the rule's signals any
//! more.

use alloc::boxed::Box;

use super::condition::Pulse;
use crate::policy::{Policy, RuleBody};
use crate::signal::Signal;
use crate::signal::slack::Slack;

/// Of each rule; of no meaning for a missing signal.
#[derive(Clone, Debug)]
pub(crate) struct Pulses(Box<[Pulse]>);

impl From<Box<[Pulse]>> for Pulses {
    fn from(pulses: Box<[Pulse]>) -> Self {
        Self(pulses)
    }
}

impl Pulses {
    /// Before any evidence.
    pub fn new(policy: &Policy) -> Self {
        Self(policy.rules().iter().map(|_| Pulse::default()).collect())
    }

    /// The pulse of a rule.
    pub fn of(&self, policy: &Policy, signals: &[Signal], rule: usize) -> Pulse {
        let mut pulse = self.0[rule];
        for signal in read_by(policy, rule) {
            pulse.frontier = pulse.frontier.max(signals[signal].glided);
        }
        pulse
    }

    /// Whether a rule is normal, and no hold is running.
    pub fn is_quiet(&self, rule: usize) -> bool {
        self.0[rule].quiet
    }

    /// The pulse of a rule, to be changed.
    pub fn at(&mut self, policy: &Policy, signals: &mut [Signal], rule: usize) -> &mut Pulse {
        for signal in read_by(policy, rule) {
            let glided = core::mem::replace(&mut signals[signal].glided, i64::MIN);
            signals[signal].borne = Slack::NONE;
            for reader in policy.readers(signal) {
                let pulse = &mut self.0[usize::from(reader.rule)];
                pulse.frontier = pulse.frontier.max(glided);
            }
        }
        &mut self.0[rule]
    }

    /// A rule has nothing to say of a pane that starts at a time.
    #[inline]
    pub fn reach(&mut self, rule: usize, from: i64) {
        self.0[rule].frontier = from;
    }

    /// Whether a rule need not look at a plain reading at a time: see [`Pulse::idles`].
    #[inline]
    pub fn idles(&self, rule: usize, from: i64, good: Option<i32>) -> bool {
        self.0[rule].idles(from, good)
    }

    /// What good readings of a signal no rule that reads it need look at, now that each of them has looked. One
    /// that has a [gauge](crate::policy::Reader::gauge) has to look at that.
    pub fn bear(&self, policy: &Policy, index: usize) -> Slack {
        let borne = |rule: u16, gauged: bool| {
            let pulse = &self.0[usize::from(rule)];
            if gauged && pulse.quiet { Slack::ENDLESS } else { pulse.slack }
        };
        let readers = policy.readers(index).iter().map(|r| borne(r.rule, r.gauge.is_some()));
        readers.fold(Slack::within(policy.signals()[index].plausible), Slack::and)
    }

    /// What cannot be met is not known any more.
    pub fn wake(&mut self, signals: &mut [Signal]) {
        self.0.iter_mut().for_each(Pulse::wake);
        look_at_all(signals);
    }

    /// Reads what readings will need that are to be looked at, for the sake of the cache.
    #[inline]
    pub fn touch(&self) -> i64 {
        self.0.first().map_or(0, |pulse| pulse.frontier)
    }
}

/// Every reading is looked at again, as long as nothing else is found of it.
pub(crate) fn look_at_all(signals: &mut [Signal]) {
    signals.iter_mut().for_each(|signal| signal.borne = Slack::NONE);
}

/// The signals on whose readings a rule is evaluated.
fn read_by(policy: &Policy, rule: usize) -> impl Iterator<Item = usize> + '_ {
    let signals: &[u16] = match &policy.rules()[rule].body {
        RuleBody::Limits(limits) => &limits.signals,
        RuleBody::Missing(_) => &[],
    };
    let reads = move |signal: &usize| {
        policy.readers(*signal).iter().any(|reader| usize::from(reader.rule) == rule)
    };
    signals.iter().map(|signal| usize::from(*signal)).filter(reads)
}
