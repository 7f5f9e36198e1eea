//! Derived signals follow those that they are made of.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use smallvec::smallvec;

use super::lane::{Effects, Lane};
use crate::event::Context;
use crate::policy::{Derivation, Derived, Policy, RuleBody};
use crate::rule::derived::Inputs;
use crate::rule::predicate::{Signals, pane_at};
use crate::signal::{Feed, Held, SignalDef};
use crate::time::Timestamp;

/// Before anything was measured.
pub(super) fn no_inputs(policy: &Policy) -> Box<[Inputs]> {
    policy.derived().iter().map(|derived| smallvec![None; derived.inputs.len()]).collect()
}

impl Lane {
    /// The inputs of every derived signal, as of now: what a snapshot need not hold.
    pub fn gather_inputs(&mut self, policy: &Policy) {
        let signals = Signals::new(policy, &mut self.signals, &self.background);
        let inputs = |derived: &Derived| signals.inputs(derived, i64::MAX);
        self.inputs = policy.derived().iter().map(inputs).collect();
    }

    /// Other circumstances, from a time on: what asks for them is derived and evaluated anew.
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
        for index in 0..policy.derived().len() {
            self.derive_from(policy, index, from, effects);
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
    pub fn carry(&mut self, index: usize, steps: i64) {
        let ring = &self.signals[index].ring;
        let (oldest, Some(newest)) = (ring.oldest(), ring.newest()) else {
            return;
        };
        if steps <= 0 {
            return;
        }
        let leaving = oldest.saturating_add(steps).min(newest.saturating_add(1));
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

    /// After a good reading newer than all of its signal: derives what is made of it. False if a rule
    /// has something to say of that; then [`derive_again`](Self::derive_again) has to follow.
    #[inline(never)]
    pub fn derive(&mut self, policy: &Policy, def: &SignalDef, index: usize) -> bool {
        let ring = &self.signals[index].ring;
        let latest = ring.last_of(ring.newest_pane());
        def.feeds.iter().all(|feed| self.derive_one(policy, *feed, latest))
    }

    fn derive_one(&mut self, policy: &Policy, feed: Feed, latest: (i64, i32)) -> bool {
        let index = usize::from(feed.derived);
        let derived = &policy.derived()[index];
        let signal = usize::from(derived.signal);
        let before = self.inputs[index][usize::from(feed.input)].replace(latest);
        let def = &policy.signals()[signal];
        let here = pane_at(latest.0, def.pane_ms);
        let ring = &self.signals[signal].ring;
        let known = ring.newest().filter(|newest| here <= *newest);
        if let Some(newest) = known {
            let says_the_same = || says_the_same(policy, derived, feed, newest, before, latest);
            if ring.has_good(here) && says_the_same() {
                return true;
            }
        }
        let start = here.saturating_mul(def.pane_ms);
        let mut signals = Signals::new(policy, &mut self.signals, &self.background);
        let held = signals.derive(derived, &self.inputs[index], start, start + def.pane_ms);
        match known {
            Some(newest) if here == newest => return self.signals[signal].ring.holds(here, held),
            // What changes a pane that was evaluated takes the general way.
            Some(_) => return false,
            None => {}
        }
        let good = matches!(held, Held::Good(_));
        self.signals[signal].set(here, held, def);
        let mut rules = policy.readers(signal).iter().map(|reader| usize::from(reader.rule));
        held == Held::Nothing || rules.all(|rule| self.stays_calm(policy, rule, signal, good))
    }

    /// After a pane of a signal changed: derives what is made of it from there on, and evaluates the
    /// rules that read that.
    #[inline(never)]
    pub fn derive_again(
        &mut self,
        policy: &Policy,
        index: usize,
        pane: i64,
        effects: &mut Effects,
    ) {
        let from = self.signals[index].ring.start_of(pane);
        for feed in &policy.signals()[index].feeds {
            self.derive_from(policy, usize::from(feed.derived), from, effects);
        }
    }

    /// Derives the panes of a signal anew from a time on.
    fn derive_from(&mut self, policy: &Policy, index: usize, from: i64, effects: &mut Effects) {
        let derived = &policy.derived()[index];
        let signal = usize::from(derived.signal);
        let def = &policy.signals()[signal];
        let latest = derived.inputs.iter().filter_map(|input| {
            let ring = &self.signals[usize::from(*input)].ring;
            Some(pane_at(ring.last_of(ring.good_before(i64::MAX)?).0, def.pane_ms))
        });
        let Some(last) = latest.chain(self.signals[signal].ring.newest()).max() else {
            return;
        };
        let first = pane_at(from, def.pane_ms).max(self.signals[signal].ring.oldest()).min(last);
        let mut first_changed = None;
        for pane in first..=last {
            let start = pane.saturating_mul(def.pane_ms);
            let end = start + def.pane_ms;
            let mut signals = Signals::new(policy, &mut self.signals, &self.background);
            let inputs = signals.inputs(derived, end);
            let held = signals.derive(derived, &inputs, start, end);
            if self.signals[signal].set(pane, held, def) {
                first_changed = first_changed.or(Some(pane));
            }
            if pane == last {
                self.inputs[index] = inputs;
            }
        }
        // What the short way put there may not have been evaluated.
        let pane = first_changed.unwrap_or(last);
        let good = self.signals[signal].ring.has_good(pane);
        self.evaluate(policy, signal, pane, good, effects);
    }
}

/// Whether a value of a score's input gives the points that the one before it gave, where that still
/// counted.
fn says_the_same(
    policy: &Policy,
    derived: &Derived,
    feed: Feed,
    newest: i64,
    before: Option<(i64, i32)>,
    latest: (i64, i32),
) -> bool {
    let (Derivation::Score { score, .. }, Some((since, before))) = (&derived.how, before) else {
        return false;
    };
    let score = &policy.scores()[usize::from(*score)];
    let width = policy.signals()[usize::from(derived.signal)].pane_ms;
    newest.saturating_mul(width) - since <= score.least_max_age()
        && score.same_points(usize::from(feed.input), before, latest.1)
}
