//! Scores follow the signals that they read.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use smallvec::smallvec;

use super::lane::{Effects, Lane};
use crate::event::Context;
use crate::policy::{Policy, RuleBody, Tab};
use crate::rule::predicate::{Signals, pane_at};
use crate::rule::tabs::Inputs;
use crate::signal::SignalDef;
use crate::time::Timestamp;

/// Before anything was measured.
pub(super) fn no_inputs(policy: &Policy) -> Box<[Inputs]> {
    let none = |tab: &Tab| smallvec![None; policy.scores()[usize::from(tab.score)].signals().len()];
    policy.tabs().iter().map(none).collect()
}

impl Lane {
    /// The inputs of every score, as of now: what a snapshot need not hold.
    pub fn gather_inputs(&mut self, policy: &Policy) {
        let signals = Signals::new(policy, &mut self.signals, &self.background);
        let inputs = |tab: &Tab| signals.inputs(&policy.scores()[usize::from(tab.score)], i64::MAX);
        self.inputs = policy.tabs().iter().map(inputs).collect();
    }

    /// Other circumstances, from a time on: scores that ask for them are counted anew.
    pub fn take_context(
        &mut self,
        policy: &Policy,
        at: Timestamp,
        context: &Context,
        effects: &mut Effects,
    ) {
        let edge = self.newest.saturating_sub(policy.look_back());
        self.background.situation.take(at.as_millis(), context, edge);
        let from = at.as_millis().max(edge);
        for index in 0..policy.tabs().len() {
            self.recount(policy, index, from, effects);
        }
        self.judge_again(policy, from, effects);
    }

    /// Circumstances changed: rules that ask of them are evaluated anew from a time on.
    fn judge_again(&mut self, policy: &Policy, from: i64, effects: &mut Effects) {
        let modified = policy.rules().iter().filter_map(|rule| match &rule.body {
            RuleBody::Limits(limits) if limits.modified => limits.signals.first().copied(),
            _ => None,
        });
        let signals: BTreeSet<u16> = modified.collect();
        for signal in signals.into_iter().map(usize::from) {
            let ring = &self.signals[signal].ring;
            let Some(newest) = ring.newest() else {
                continue;
            };
            let first = ring.pane_of(Timestamp::from_millis(from)).max(ring.oldest());
            if first <= newest {
                self.evaluate(policy, signal, first, true, effects);
            }
        }
    }

    /// Before a signal's ring goes on by so many panes: what will have left it can still be the last
    /// value there is.
    pub fn carry(&mut self, def: &SignalDef, index: usize, steps: i64) {
        let ring = &self.signals[index].ring;
        let (oldest, Some(newest)) = (ring.oldest(), ring.newest()) else {
            return;
        };
        let leaving = oldest.saturating_add(steps).min(newest.saturating_add(1));
        if steps <= 0 || def.feeds.is_empty() {
            return;
        }
        let last = if leaving - oldest == 1 {
            // The usual case, without a search.
            ring.has_good(oldest).then_some(oldest)
        } else {
            ring.good_before(leaving)
        };
        if let Some(pane) = last {
            self.background.carried[index] = Some(ring.last_of(pane));
        }
    }

    /// What had left the panes of a signal under another policy.
    pub fn carry_over(&mut self, index: usize, last: Option<(i64, i32)>) {
        if let Some(carried) = self.background.carried.get_mut(index) {
            *carried = last;
        }
    }

    /// After a good reading newer than all of its signal: counts what reads it. False if a rule has
    /// something to say of that; then [`count_again`](Self::count_again) has to follow.
    #[inline(never)]
    pub fn count(&mut self, policy: &Policy, def: &SignalDef, index: usize) -> bool {
        let ring = &self.signals[index].ring;
        let (at, value) = ring.last_of(ring.newest_pane());
        for feed in &def.feeds {
            let tab = &policy.tabs()[usize::from(feed.tab)];
            let (score, signal) =
                (&policy.scores()[usize::from(tab.score)], usize::from(tab.signal));
            let known = &mut self.inputs[usize::from(feed.tab)][usize::from(feed.input)];
            let before = known.replace((at, value));
            let width = policy.signals()[signal].pane_ms;
            let (here, newest) = (pane_at(at, width), self.signals[signal].ring.newest());
            let newest = newest.filter(|newest| here <= *newest);
            // It says what the value before it said, where that still counted.
            let same = |newest: i64| {
                before.is_some_and(|(since, before)| {
                    newest.saturating_mul(width) - since <= score.least_max_age()
                        && score.same_points(usize::from(feed.input), before, value)
                })
            };
            match newest {
                Some(newest) if self.signals[signal].ring.has_good(here) && same(newest) => {
                    continue;
                }
                // What changes a pane that was evaluated takes the general way.
                Some(_) => return false,
                None => {}
            }
            self.set_pane(policy, tab, usize::from(feed.tab), here);
            let readers = policy.readers(signal).iter();
            let mut rules = readers.map(|reader| usize::from(reader.rule));
            if !rules.all(|rule| self.stays_calm(policy, rule, signal, true)) {
                return false;
            }
        }
        true
    }

    /// Puts the score as of now into a pane.
    fn set_pane(&mut self, policy: &Policy, tab: &Tab, index: usize, pane: i64) {
        let def = &policy.signals()[usize::from(tab.signal)];
        let score = &policy.scores()[usize::from(tab.score)];
        let start = pane.saturating_mul(def.pane_ms);
        let signals = Signals::new(policy, &mut self.signals, &self.background);
        let outcome = signals.counted(score, &self.inputs[index], start, start + def.pane_ms);
        self.signals[usize::from(tab.signal)].set(pane, tab.value(&outcome), def);
    }

    /// After a pane of a signal changed: counts what reads it from there on, and evaluates the rules
    /// that read that.
    #[inline(never)]
    pub fn count_again(&mut self, policy: &Policy, index: usize, pane: i64, effects: &mut Effects) {
        let def = &policy.signals()[index];
        let from = self.signals[index].ring.start_of(pane);
        for feed in &def.feeds {
            self.recount(policy, usize::from(feed.tab), from, effects);
        }
    }

    /// Counts the panes of a score anew from a time on.
    pub fn recount(&mut self, policy: &Policy, index: usize, from: i64, effects: &mut Effects) {
        let tab = &policy.tabs()[index];
        let signal = usize::from(tab.signal);
        let (def, score) = (&policy.signals()[signal], &policy.scores()[usize::from(tab.score)]);
        let first = pane_at(from, def.pane_ms).max(self.signals[signal].ring.oldest());
        let mut first_changed = None;
        let latest = score.signals().iter().filter_map(|s| {
            let ring = &self.signals[usize::from(*s)].ring;
            Some(pane_at(ring.last_of(ring.good_before(i64::MAX)?).0, def.pane_ms))
        });
        let Some(last) = latest.chain(self.signals[signal].ring.newest()).max() else {
            return;
        };
        let first = first.min(last);
        for pane in first..=last {
            let start = pane.saturating_mul(def.pane_ms);
            let end = start + def.pane_ms;
            let signals = Signals::new(policy, &mut self.signals, &self.background);
            let inputs = signals.inputs(score, end);
            let fresh = inputs.iter().flatten().any(|(at, _)| *at >= start);
            let outcome = fresh.then(|| signals.counted(score, &inputs, start, end));
            let value = outcome.and_then(|outcome| tab.value(&outcome));
            if self.signals[signal].set(pane, value, def) {
                first_changed = first_changed.or(Some(pane));
            }
            if pane == last {
                self.inputs[index] = inputs;
            }
        }
        // What `count` put there may not have been evaluated.
        let pane = first_changed.unwrap_or(last);
        let good = self.signals[signal].ring.has_good(pane);
        self.evaluate(policy, signal, pane, good, effects);
    }
}
