//! Derived signals follow those that they are made of.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::lane::{Cause, Effects, Lane, RuleState};
use crate::event::{Context, Quality};
use crate::id::DeviceKey;
use crate::policy::{Derivation, Derived, Policy, RuleBody};
use crate::rule::calm::Calm;
use crate::rule::derived::Inputs;
use crate::rule::predicate::{Known, Signals, pane_at};
use crate::rule::pulses::look_at_all;
use crate::signal::{Feed, Gate, Held, SignalDef};
use crate::time::Timestamp;

/// Between which values, and until when.
type Same = ((i32, i32), i64);

/// What became of a signal when it was derived anew.
#[derive(Debug)]
pub(crate) struct Rederived {
    pub signal: usize,
    /// Panes that hold something else now, oldest first.
    pub changed: Vec<i64>,
    /// The newest one.
    pub last: i64,
}

impl Lane {
    /// A device is worn from a time on, or it is not. Where that is news its readings count, or do not any more:
    /// what they touch is derived and judged anew, as far back as anything can change. Also gives the signals of
    /// which readings have come, as is known only now, and when the last was observed.
    pub fn know_wearing(
        &mut self,
        policy: &Policy,
        device: DeviceKey,
        at: Timestamp,
        worn: bool,
        effects: &mut Effects,
    ) -> Vec<(usize, Timestamp)> {
        let edge = self.newest.saturating_sub(policy.look_back());
        let wearing = &mut self.background.situation.wearing;
        let Some(stretch) = wearing.tell(device, at.as_millis(), worn, edge) else {
            return Vec::new();
        };
        let closed = wearing.leaves_out(device, stretch.start);
        look_at_all(&mut self.signals);
        effects.cause = Cause::of_wearing(!closed, &stretch);
        let (mut regated, mut came) = (Vec::new(), Vec::new());
        for (index, def) in policy.signals().iter().enumerate() {
            // What takes readings of a device that is not worn takes all of them; what is derived has none.
            let takes_all = def.accept.any(Quality::NOT_WORN);
            if takes_all || def.derived.is_some() || self.newest == i64::MIN {
                continue;
            }
            let opens = (!closed).then_some(def.accept);
            let gate = Gate { device, stretch: stretch.clone(), opens };
            let from = pane_at(self.newest, def.pane_ms) - def.horizon_panes;
            let changed = self.signals[index].regate(&gate, from, def);
            if let Some(last) = changed.last().copied() {
                self.ask_panes(index);
                let signal = &mut self.signals[index];
                let last_came = if closed { None } else { signal.was_worn(device, &stretch) };
                came.extend(last_came.map(|observed_at| (index, observed_at)));
                regated.push(Rederived { signal: index, changed, last });
            }
        }
        if regated.is_empty() {
            return came;
        }
        // As what is derived: nothing of what is made of these has followed yet.
        self.follow_up(policy, &mut regated);
        self.judge(policy, &regated, effects);
        self.look_at_all_again();
        came
    }

    /// Other circumstances, from a time on.
    pub fn know_context(&mut self, policy: &Policy, at: Timestamp, context: &Context) {
        let edge = self.newest.saturating_sub(policy.look_back());
        self.background.situation.take(at.as_millis(), context, edge);
    }

    /// What is asked of beside measurements is otherwise from a time on: all is derived and judged anew,
    /// no further back than what it is made of is kept.
    pub fn circumstances_changed(&mut self, policy: &Policy, from: i64, effects: &mut Effects) {
        let mut all = Vec::new();
        for (index, derived) in policy.derived().iter().enumerate() {
            // These follow what they are made of; but what a value drifts from may ask whether the patient slept.
            let follows = match &derived.how {
                Derivation::Summary(_) => true,
                Derivation::Drift(def) => !def.by_sleep,
                _ => false,
            };
            if follows {
                continue;
            }
            let width = policy.signals()[usize::from(derived.signal)].pane_ms;
            let known = policy.lateness_horizon().as_millis().saturating_add(2 * width);
            let from = from.max(self.newest.saturating_sub(known));
            all.extend(self.derive_from(policy, index, from));
        }
        self.follow_up(policy, &mut all);
        // Nothing was measured: what is as it was is no evidence.
        all.retain(|derived| !derived.changed.is_empty());
        self.judge(policy, &all, effects);
        let edge = self.newest.saturating_sub(policy.look_back());
        self.judge_again(policy, from.max(edge), effects);
        self.look_at_all_again();
    }

    /// After rules were judged: where one has something going on, readings are looked at again.
    pub fn stay_calm(&mut self, policy: &Policy, index: usize) {
        for feed in &policy.signals()[index].feeds {
            let derived = &policy.derived()[usize::from(feed.derived)];
            if !self.is_quiet(policy, usize::from(derived.signal)) {
                derived.inputs.iter().for_each(|input| self.look_again(usize::from(*input)));
            }
        }
    }

    /// The same of all signals.
    pub fn look_at_all_again(&mut self) {
        self.background.calm.iter_mut().for_each(Calm::look_again);
    }

    /// Nothing is known any more of what readings of a signal change.
    pub fn look_again(&mut self, index: usize) {
        if let Some(calm) = self.background.calm.get_mut(index) {
            calm.look_again();
        }
    }

    /// Panes of a signal changed in another than the usual way: only they know what is newest.
    pub fn ask_panes(&mut self, index: usize) {
        if let Some(calm) = self.background.calm.get_mut(index) {
            *calm = Calm::NEVER;
        }
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
    #[inline(never)]
    pub fn carry(&mut self, index: usize, steps: i64) {
        let ring = &self.signals[index].ring;
        let (oldest, Some(newest)) = (ring.oldest(), ring.newest()) else {
            return;
        };
        if steps <= 0 {
            return;
        }
        let leaving = oldest.saturating_add(steps).min(newest.saturating_add(1));
        if let Some(pane) = ring.good_before(leaving) {
            self.background.carried[index] = Some(ring.last_of(pane));
        }
    }

    /// Before a pane of a derived signal is written, which may be newer than all of them.
    fn carry_before(&mut self, index: usize, pane: i64) {
        if let Some(newest) = self.signals[index].ring.newest().filter(|newest| pane > *newest) {
            self.carry(index, pane - newest);
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
        if self.stays_as_counted(policy, def, index) {
            return true;
        }
        let Some(newest) = self.background.calm[index].newest() else {
            return false;
        };
        if !def.feeds.iter().all(|feed| self.derive_one(policy, *feed, newest.0)) {
            return false;
        }
        let same = |feed: &Feed| self.same_of(policy, *feed, newest);
        let both = |a: Option<Same>, b: Option<Same>| {
            let (((low, high), end), ((b_low, b_high), b_end)) = a.zip(b)?;
            Some(((low.max(b_low), high.min(b_high)), end.min(b_end)))
        };
        let same = def.feeds.iter().map(same).reduce(both).flatten();
        let calm = &mut self.background.calm[index];
        match same {
            Some((values, end)) => calm.between(values, end),
            None => calm.look_again(),
        }
        true
    }

    /// Whether another signal has begun the next pane of all that is derived of this one, and counted there
    /// what this one said before, and this one still says the same. That was one pane ago at most, so
    /// it was not too old.
    fn stays_as_counted(&mut self, policy: &Policy, def: &SignalDef, index: usize) -> bool {
        let calm = &mut self.background.calm[index];
        let (end, mut until) = (calm.end(), i64::MAX);
        for feed in &def.feeds {
            let derived = usize::from(policy.derived()[usize::from(feed.derived)].signal);
            let ring = &self.signals[derived].ring;
            if ring.newest_start() != end || !ring.has_good(ring.newest_pane()) {
                return false;
            }
            until = until.min(end.saturating_add(ring.width()));
        }
        calm.goes_on(until)
    }

    /// Between which values, and until when, a signal would leave a score as it is, now that a reading
    /// has been counted in.
    fn same_of(&self, policy: &Policy, feed: Feed, (at, value): (i64, i32)) -> Option<Same> {
        let derived = &policy.derived()[usize::from(feed.derived)];
        let Derivation::Score { score, .. } = derived.how else {
            return None;
        };
        let score = &policy.scores()[usize::from(score)];
        let width = policy.signals()[usize::from(derived.signal)].pane_ms;
        let here = pane_at(at, width);
        let signal = usize::from(derived.signal);
        // Other inputs may be a pane further, and that still counts on this one.
        let lasts = score.least_max_age() > 2 * width;
        let current = lasts && self.signals[signal].ring.has_good(here);
        if !current || !self.is_quiet(policy, signal) {
            return None;
        }
        let scale = self.background.situation.profile().and_then(|profile| profile.spo2_scale);
        let same = score.same_points(usize::from(feed.input), value, scale)?;
        Some((same, (here + 1).saturating_mul(width)))
    }

    /// Whether no rule that reads a signal has anything going on: what is going on has to be told that
    /// it goes on.
    fn is_quiet(&self, policy: &Policy, signal: usize) -> bool {
        let mut rules = policy.readers(signal).iter().map(|reader| usize::from(reader.rule));
        rules.all(|rule| {
            self.pulses.is_quiet(rule) || matches!(self.rules[rule], RuleState::Resting)
        })
    }

    fn derive_one(&mut self, policy: &Policy, feed: Feed, at: i64) -> bool {
        let derived = &policy.derived()[usize::from(feed.derived)];
        let signal = usize::from(derived.signal);
        let def = &policy.signals()[signal];
        // What is made of it in turn follows in the general way.
        if !def.feeds.is_empty() {
            return false;
        }
        let here = pane_at(at, def.pane_ms);
        let start = here.saturating_mul(def.pane_ms);
        let end = start + def.pane_ms;
        let mut signals = Signals::new(policy, &mut self.signals, &self.background);
        let inputs = signals.inputs(derived, end);
        let held = signals.derive(derived, &inputs, start, end);
        let ring = &self.signals[signal].ring;
        let good = matches!(held, Held::Good(_));
        let mut rules = policy.readers(signal).iter().map(|reader| usize::from(reader.rule));
        match ring.newest() {
            Some(newest) if here == newest => {
                if ring.holds(here, held) {
                    return self.is_quiet(policy, signal);
                }
                let calm = good && ring.has_good(here);
                calm && self.signals[signal].set(here, held, def)
                    && rules.all(|rule| self.stays_calm_again(policy, rule, signal))
            }
            // What changes an earlier pane takes the general way.
            Some(newest) if here < newest => false,
            _ => {
                self.add_to(derived, here, &inputs);
                self.signals[signal].set(here, held, def);
                let calm = |rule| self.stays_calm(policy, rule, signal, good);
                held == Held::Nothing || rules.all(calm)
            }
        }
    }

    /// Before a pane of a sum is written: what was added up before it is remembered, and it is dated as what
    /// is added to it.
    fn add_to(&mut self, derived: &Derived, pane: i64, inputs: &Inputs) {
        let (Derivation::Drift(_), Some((at, _))) = (&derived.how, inputs.iter().flatten().next())
        else {
            return;
        };
        let signal = usize::from(derived.signal);
        self.carry_before(signal, pane);
        let ring = &mut self.signals[signal].ring;
        ring.date(at.saturating_sub(ring.start_of(pane)));
    }

    /// Whether a rule has nothing to say of the newest pane of a signal, which it has judged already and
    /// which holds another value now.
    fn stays_calm_again(&mut self, policy: &Policy, rule: usize, index: usize) -> bool {
        let (RuleBody::Limits(limits), RuleState::Limits(watch)) =
            (&policy.rules()[rule].body, &self.rules[rule])
        else {
            return true;
        };
        let ring = &self.signals[index].ring;
        let (at, pane) = (ring.newest_start(), ring.newest_pane());
        let known = Known { signal: index, at, pane };
        let mut signals = Signals::knowing(policy, &mut self.signals, &self.background, known);
        let pulse = self.pulses.at(policy, signals.live, rule);
        pulse.passes_late(&watch.condition, limits, &mut signals, at)
    }

    /// After a pane of a signal changed: derives what is made of it from there on.
    /// [`judge`](Self::judge) has to follow.
    #[inline(never)]
    pub fn derive_again(&mut self, policy: &Policy, index: usize, pane: i64) -> Vec<Rederived> {
        let from = self.signals[index].ring.start_of(pane);
        let mut again = Vec::new();
        for feed in &policy.signals()[index].feeds {
            let derived = usize::from(feed.derived);
            if !self.is_overtaken(policy, derived, index, pane) {
                again.extend(self.derive_from(policy, derived, from));
                // What readings change was told of another value.
                self.look_again(index);
            }
        }
        again.extend(self.tell_again(policy, index, pane));
        self.follow_up(policy, &mut again);
        again
    }

    /// After signals were derived anew: derives what is made of these.
    pub fn follow_up(&mut self, policy: &Policy, found: &mut Vec<Rederived>) {
        let mut at = 0;
        while let Some(Rederived { signal, changed, .. }) = found.get(at) {
            at += 1;
            let (signal, Some(first)) = (*signal, changed.first().copied()) else {
                continue;
            };
            found.extend(self.tell_again(policy, signal, first));
            let from = self.signals[signal].ring.start_of(first);
            for feed in &policy.signals()[signal].feeds {
                found.extend(self.derive_from(policy, feed.derived.into(), from));
            }
        }
    }

    /// Whether a signal has a good value that is newer than a pane in all that is derived of that pane
    /// at the earliest, so that what the pane holds does not matter.
    fn is_overtaken(&self, policy: &Policy, derived: usize, index: usize, pane: i64) -> bool {
        let derived = &policy.derived()[derived];
        if !derived.how.reads_latest_only() {
            return false;
        }
        let ring = &self.signals[index].ring;
        let width = policy.signals()[usize::from(derived.signal)].pane_ms;
        let end = (pane_at(ring.start_of(pane), width) + 1).saturating_mul(width);
        ring.good_after(pane).is_some_and(|later| later < pane_at(end, ring.width()))
    }

    /// Derives the panes of a signal anew from a time on.
    fn derive_from(&mut self, policy: &Policy, index: usize, from: i64) -> Option<Rederived> {
        let derived = &policy.derived()[index];
        let signal = usize::from(derived.signal);
        let def = &policy.signals()[signal];
        let latest = derived.inputs.iter().filter_map(|input| {
            let ring = &self.signals[usize::from(*input)].ring;
            Some(pane_at(ring.last_of(ring.good_before(i64::MAX)?).0, def.pane_ms))
        });
        let last = latest.chain(self.signals[signal].ring.newest()).max()?;
        // What its ring does not hold is not worth deriving, also while that is still empty.
        let oldest = last.saturating_sub(i64::from(def.ring_panes) - 1);
        let first = pane_at(from, def.pane_ms).max(oldest).min(last);
        let mut changed = Vec::new();
        for pane in first..=last {
            let start = pane.saturating_mul(def.pane_ms);
            let end = start + def.pane_ms;
            let mut signals = Signals::new(policy, &mut self.signals, &self.background);
            let inputs = signals.inputs(derived, end);
            let held = signals.derive(derived, &inputs, start, end);
            self.add_to(derived, pane, &inputs);
            if matches!(derived.how, Derivation::Score { .. }) && !def.feeds.is_empty() {
                // A drift asks for the score before.
                self.carry_before(signal, pane);
            }
            if self.signals[signal].set(pane, held, def) {
                changed.push(pane);
            }
        }
        Some(Rederived { signal, changed, last })
    }

    /// Evaluates the rules that read signals whose panes hold something else now, from the oldest pane
    /// on.
    pub fn judge(&mut self, policy: &Policy, derived: &[Rederived], effects: &mut Effects) {
        let mut looks: Vec<(i64, usize, i64, bool)> = Vec::new();
        for Rederived { signal, changed, last } in derived {
            let ring = &self.signals[*signal].ring;
            // What the short way put there may not have been evaluated.
            let newest = changed.is_empty() && ring.has_good(*last);
            let panes = changed.iter().chain(newest.then_some(last)).enumerate();
            looks.extend(panes.map(|(nth, pane)| (ring.start_of(*pane), *signal, *pane, nth == 0)));
        }
        looks.sort_by_key(|(start, ..)| *start);
        for (start, signal, pane, first) in looks {
            // From its first pane on all is evaluated again. A value that was missing may have made
            // panes after that count for the first time.
            let is_new = |rule: u16| self.frontier(policy, rule.into()) < start;
            if first || policy.readers(signal).iter().any(|reader| is_new(reader.rule)) {
                self.evaluate(policy, signal, pane, true, effects);
            }
        }
    }
}
