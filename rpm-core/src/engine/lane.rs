//! Signals and conditions of one patient under one policy: evidence in, changes of conditions out.
//!
//! Every patient has a live lane. What is older than the lateness horizon is read through another one
//! on its own; see `backlog`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use super::Reading;
use super::derive::Rederived;
use crate::error::Code;
use crate::event::Quality;
use crate::id::AlertId;
use crate::policy::{Limits, Policy, Rule, RuleBody, SignalDef};
use crate::record::{NotWorn, Verdict};
use crate::rule::background::Background;
use crate::rule::calm::Calm;
use crate::rule::condition::{Abandoned, Change, Condition, Pulse};
use crate::rule::predicate::{Known, Signals, rests};
use crate::rule::pulses::Pulses;
use crate::signal::{Amended, Placed, Sample, Signal, Unworn};
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

/// So many panes in a side table are looked through for ones that fit a slot again.
const SETTLE_EVERY: usize = 8;

/// What every reading needs comes first, within a line of the cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Lane {
    pub signals: Box<[Signal]>,
    pub pulses: Pulses,
    /// The newest observation, in event time.
    pub newest: i64,
    /// From when on evidence is judged only after [`Lane::learn`].
    pub learn_at: i64,
    /// How many rules miss their signal now.
    pub absent: u16,
    pub rules: Box<[RuleState]>,
    pub background: Background,
}

/// What a patient remembers of a rule.
#[derive(Clone, Debug)]
pub(crate) enum RuleState {
    Limits(Watch),
    Missing(Absence),
    /// A retired rule without an open episode.
    Resting,
}

/// A condition and what it has to do with people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub condition: Condition,
    /// The data stopped while it was active.
    pub unverified: bool,
    /// Active only by evidence too old to page on; becomes a finding, or an alert if it lasts.
    pub dated: bool,
    /// The open episode.
    pub alert: Option<AlertId>,
    /// When the data last said whether it holds, while it was active.
    pub told_at: Option<HostTime>,
}

/// A missing signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Absence {
    /// Since when it is missing.
    pub since: Option<HostTime>,
    pub alert: Option<AlertId>,
}

/// What a reading did to a rule that reads its signal.
#[derive(Debug)]
pub(crate) enum Effect {
    Changed(Change),
    Abandoned(Abandoned),
    /// The condition got evidence although it was unverified or dated.
    Refreshed,
}

/// What became of a reading that [`Lane::append`] was asked to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Appended {
    /// It is not of the usual kind, and was not taken.
    No,
    /// It changed no condition.
    Calm,
    /// [`Lane::look`] has to follow.
    Restless,
}

/// What a reading did, by index of the rule. Nearly always nothing, and then it costs nothing.
#[derive(Debug)]
pub(crate) struct Effects {
    /// When the reading came.
    pub now: HostTime,
    /// Whether it was one: other circumstances are no evidence that anything goes on.
    pub measured: bool,
    /// What it was, if not that.
    pub cause: Cause,
    pub list: Vec<(usize, Effect)>,
}

/// Why what was decided is so no longer, where it is not because a reading came late.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Cause {
    /// As records name it.
    pub reason: Option<&'static str>,
    /// The stretch of time in which a device is known now not to have been worn.
    pub not_worn: Option<NotWorn>,
}

impl Effects {
    pub fn at(now: HostTime) -> Self {
        Self { now, measured: true, cause: Cause::default(), list: Vec::new() }
    }

    /// Of circumstances, in which nothing was measured.
    pub fn of_circumstances(now: HostTime) -> Self {
        Self { measured: false, cause: Cause::of("circumstances"), ..Self::at(now) }
    }

    /// Of a reading that was given another value, or taken out.
    pub fn of_amendment(now: HostTime, is_void: bool) -> Self {
        let cause = Cause::of(if is_void { "void" } else { "correction" });
        Self { cause, ..Self::at(now) }
    }
}

impl Cause {
    fn of(reason: &'static str) -> Self {
        Self { reason: Some(reason), not_worn: None }
    }

    /// A device says of a stretch of time that it was worn, or that it was not.
    pub fn of_wearing(worn: bool, stretch: &Range<i64>) -> Self {
        if worn {
            return Self::of("worn");
        }
        let until = Some(stretch.end).filter(|until| *until != i64::MAX);
        let until = until.map(Timestamp::from_millis);
        let not_worn = Some(NotWorn { since: Timestamp::from_millis(stretch.start), until });
        Self { not_worn, ..Self::of("not_worn") }
    }
}

impl Watch {
    /// Whether it is active and the newest evidence says so or says that it is not: data that
    /// cannot tell verify nothing.
    fn is_told(&self, pulse: &Pulse, limits: &Limits, signals: &mut Signals<'_>) -> bool {
        let Some(top) = usize::from(self.condition.machine.level).checked_sub(1) else {
            return false;
        };
        let verdict = signals.verdict(&limits.levels[top].raise, pulse.frontier);
        matches!(verdict, Verdict::Met | Verdict::NotMet)
    }
}

impl Lane {
    pub fn new(policy: &Policy) -> Self {
        let state = |rule: &Rule| match &rule.body {
            _ if rule.retired.is_some() => RuleState::Resting,
            RuleBody::Limits(_) => RuleState::Limits(Watch::default()),
            RuleBody::Missing(_) => RuleState::Missing(Absence::default()),
        };
        Self {
            signals: policy.signals().iter().map(Signal::new).collect(),
            rules: policy.rules().iter().map(state).collect(),
            pulses: Pulses::new(policy),
            newest: i64::MIN,
            learn_at: if policy.learns() { i64::MIN } else { i64::MAX },
            background: Background::new(policy),
            absent: 0,
        }
    }

    /// Reads what every reading of a signal needs, for the sake of the cache.
    #[inline]
    pub fn touch(&self, index: usize) -> u64 {
        self.signals.get(index).map_or(0, Signal::touch) ^ self.pulses.touch() as u64
    }

    /// The same for what lies one pointer further.
    #[inline]
    pub fn touch_slots(&self, index: usize) -> u64 {
        self.signals.get(index).map_or(0, |signal| signal.ring.touch())
    }

    /// What is usual, or known of the patient, has changed: what cannot be met is not known any more.
    pub fn wake(&mut self) {
        self.pulses.wake(&mut self.signals);
        self.look_at_all_again();
    }

    /// Counts anew how many rules miss their signal.
    pub fn count_absent(&mut self) {
        let missing =
            |rule: &&RuleState| matches!(rule, RuleState::Missing(a) if a.since.is_some());
        self.absent = self.rules.iter().filter(missing).count() as u16;
    }

    /// The newest pane for which a rule was evaluated.
    pub fn frontier(&self, policy: &Policy, rule: usize) -> i64 {
        self.pulses.of(policy, &self.signals, rule).frontier
    }

    /// Whether the reading lies within the lateness horizon of the newest one.
    #[inline]
    pub fn is_current(&self, def: &SignalDef, observed: i64) -> bool {
        // The usual case first: nothing newer has been seen.
        observed >= self.newest || {
            let behind = self.newest - observed;
            behind <= def.horizon_ms
                || self.newest.div_euclid(def.pane_ms) - observed.div_euclid(def.pane_ms)
                    <= def.horizon_panes
        }
    }

    /// Takes the good reading that nearly all are: of the next pane, and so ordinary that no rule need look at
    /// it. What [`append`](Self::append) does for it, in few steps; nothing changed if it is not that.
    #[inline(always)]
    pub fn glide(&mut self, policy: &Policy, index: usize, r: &Reading, now: HostTime) -> Appended {
        let (observed, value) = (r.observed_at.as_millis(), r.value.thousandths());
        let def = &policy.signals()[index];
        let Some(signal) = self.signals.get_mut(index) else {
            return Appended::No;
        };
        let from = signal.ring.next_start();
        let Some((at, code)) = signal.fits_next(observed, r.device, value) else {
            return Appended::No;
        };
        if !signal.borne.lasts(from, Some(value))
            || observed > now.as_millis()
            || !r.observed_at.is_plausible()
            || observed >= self.learn_at
            || self.newest.wrapping_sub(observed) > def.horizon_ms
            || self.absent > 0
        {
            return Appended::No;
        }
        if !def.feeds.is_empty() {
            // What leaves the ring leaves it without a trace, and what is derived stays as it is.
            let calm = &mut self.background.calm[index];
            if !signal.ring.forgets(def.stands_in()) || !calm.bears(observed, value) {
                return Appended::No;
            }
            calm.takes(observed, value);
        }
        signal.ring.push(at, code);
        signal.last_arrival = Some(now);
        self.newest = self.newest.max(observed);
        for gauge in policy.readers(index).iter().filter_map(|reader| reader.gauge.as_ref()) {
            if !rests(gauge, signal, def, value) {
                return Appended::Restless;
            }
        }
        signal.glided = from;
        Appended::Calm
    }

    /// Takes a plain reading, good or an artifact, that follows the one before, and all of its work if everything
    /// stays calm. Nothing changed if it is not that.
    #[inline(never)]
    pub fn append(
        &mut self,
        policy: &Policy,
        def: &SignalDef,
        index: usize,
        sample: &Sample,
        now: HostTime,
    ) -> Appended {
        let Some(mut signal) = self.signals.get_mut(index) else {
            return Appended::No;
        };
        let observed = sample.observed_at.as_millis();
        let late = self.newest.saturating_sub(observed) > def.horizon_ms;
        // Of a signal that nobody waits for yet somebody will from now on: a timer has to be set.
        let usual = !late && self.absent == 0 && signal.waited_since().is_some();
        let Some(steps) = signal.ring.steps_to(sample).filter(|_| usual) else {
            return Appended::No;
        };
        if self.background.situation.wearing.leaves_out(sample.device, observed) {
            return Appended::No;
        }
        if observed >= self.learn_at {
            if self.ends_a_night(policy, observed) {
                return Appended::No;
            }
            self.learn(policy, observed);
            signal = &mut self.signals[index];
        }
        if !def.feeds.is_empty() {
            if steps > 1 || !signal.ring.forgets(def.stands_in()) {
                self.carry(index, i64::from(steps));
            }
            signal = &mut self.signals[index];
        }
        signal.append(steps, sample, def);
        let good = sample.quality.is_good();
        if good {
            signal.last_arrival = Some(now);
        } else {
            signal.spoil(now, sample.quality);
        }
        self.newest = self.newest.max(observed);
        let from = signal.ring.newest_start();
        let value = good.then_some(sample.value.thousandths());
        // Before the signal's own rules: some read both.
        if good && !def.feeds.is_empty() {
            let (calm, value) = (&mut self.background.calm[index], sample.value.thousandths());
            calm.takes(observed, value);
            if !calm.bears(observed, value) && !self.derive(policy, def, index) {
                return Appended::Restless;
            }
            signal = &mut self.signals[index];
        }
        for reader in policy.readers(index) {
            let rule = usize::from(reader.rule);
            let gauge = reader.gauge.as_ref().filter(|_| good && self.pulses.is_quiet(rule));
            let rests = |leaf| rests(leaf, signal, def, sample.value.thousandths());
            if self.pulses.idles(rule, from, value) || gauge.is_some_and(rests) {
                if good {
                    self.pulses.reach(rule, from);
                }
            } else if !self.stays_calm(policy, rule, index, good) {
                return Appended::Restless;
            }
            signal = &mut self.signals[index];
        }
        let worn = self.background.situation.wearing.stays_worn(sample.device, observed);
        if good && worn && def.twins.is_empty() {
            signal.borne = self.pulses.bear(policy, index);
        }
        Appended::Calm
    }

    /// Whether a rule has nothing to say of the newest pane of a signal.
    #[inline(never)]
    pub fn stays_calm(&mut self, policy: &Policy, rule: usize, index: usize, good: bool) -> bool {
        let RuleBody::Limits(limits) = &policy.rules()[rule].body else {
            return true;
        };
        let pulse = self.pulses.at(policy, &mut self.signals, rule);
        if let RuleState::Resting = self.rules[rule] {
            pulse.rest();
            return true;
        }
        if !good {
            return pulse.quiet || !limits.minds_artifacts;
        }
        let ring = &self.signals[index].ring;
        let (at, pane) = (ring.newest_start(), ring.newest_pane());
        let known = Known { signal: index, at, pane };
        let mut signals = Signals::knowing(policy, &mut self.signals, &self.background, known);
        pulse.continues(limits, &mut signals, at)
    }

    /// The newest pane of a signal made a rule restless: all of its rules are looked at again, which
    /// changes nothing for the others.
    pub fn look(&mut self, policy: &Policy, index: usize, good: bool, effects: &mut Effects) {
        let pane = self.signals[index].ring.newest_pane();
        self.evaluate_all(policy, index, pane, good, Vec::new(), effects);
    }

    /// Takes a reading in and evaluates what reads its signal.
    pub fn insert(
        &mut self,
        policy: &Policy,
        index: usize,
        sample: &Sample,
        effects: &mut Effects,
    ) -> Placed {
        let def = &policy.signals()[index];
        let good = self.is_good(def, sample);
        let mut nights = Vec::new();
        if sample.observed_at.as_millis() >= self.learn_at {
            // What is newer than all is always taken.
            if sample.observed_at.as_millis() > self.newest {
                nights = self.end_nights(policy, sample.observed_at.as_millis());
            }
            self.learn(policy, sample.observed_at.as_millis());
        }
        if !def.feeds.is_empty() {
            let ring = &self.signals[index].ring;
            let newest = ring.newest();
            let steps = newest.map_or(0, |newest| ring.pane_of(sample.observed_at) - newest);
            self.carry(index, steps);
        }
        let (placed, pane) = self.signals[index].insert(sample, good, def);
        if placed != Placed::Accepted {
            return placed;
        }
        self.newest = self.newest.max(sample.observed_at.as_millis());
        let newest = self.background.calm.get(index).and_then(Calm::newest);
        if good && newest.is_some_and(|(at, _)| at <= sample.observed_at.as_millis()) {
            self.ask_panes(index);
        }
        if !good || !sample.quality.is_good() {
            self.settle(index, def);
        }
        self.evaluate_all(policy, index, pane, good, nights, effects);
        for twin in &def.twins {
            let twin = usize::from(*twin);
            self.insert(policy, twin, sample, effects);
            self.arrives(twin, &policy.signals()[twin], sample, effects.now);
        }
        placed
    }

    /// A reading of a signal came. Whether it counts: what does not is waited for as if nothing had come.
    pub fn arrives(
        &mut self,
        index: usize,
        def: &SignalDef,
        sample: &Sample,
        now: HostTime,
    ) -> bool {
        let counts = self.is_good(def, sample);
        if counts {
            self.signals[index].last_arrival = Some(now);
        } else if !self.is_of_nobody(def, sample) {
            self.signals[index].spoil(now, sample.quality.without(def.accept));
        } else if sample.quality.without(def.accept).is_good() {
            let (device, observed_at) = (sample.device, sample.observed_at);
            let unworn = Unworn { device, observed_at, came: now };
            self.signals[index].aside.get_or_insert_default().unworn = Some(unworn);
        }
        counts
    }

    /// Gives a reading another value or takes it out, and evaluates again.
    pub fn amend(
        &mut self,
        policy: &Policy,
        index: usize,
        sample: &Sample,
        to: Option<Value>,
        effects: &mut Effects,
    ) -> Result<bool, Code> {
        let def = &policy.signals()[index];
        if !self.is_current(def, sample.observed_at.as_millis()) {
            return Err(Code::BeyondHorizon);
        }
        let good = self.is_good(def, sample);
        let to = to.map(|value| (value, good));
        match self.signals[index].amend(sample, to, def) {
            Amended::Unknown => return Err(Code::NothingToCorrect),
            Amended::Same => return Ok(false),
            Amended::Changed => {}
        }
        let pane = self.signals[index].ring.pane_of(sample.observed_at);
        // A pane may have lost what it was derived from.
        self.ask_panes(index);
        self.evaluate_all(policy, index, pane, true, Vec::new(), effects);
        for twin in &def.twins {
            // What the twin has forgotten already cannot matter to it any more.
            let _ = self.amend(policy, usize::from(*twin), sample, to.map(|(v, _)| v), effects);
        }
        Ok(true)
    }

    /// Evaluates what reads a signal, what reads what is derived from it, and what reads the `nights`
    /// that are over. A rule may read all of them: so all is derived first, and then evaluated from the
    /// oldest pane on.
    fn evaluate_all(
        &mut self,
        policy: &Policy,
        index: usize,
        pane: i64,
        good: bool,
        nights: Vec<Rederived>,
        effects: &mut Effects,
    ) {
        let def = &policy.signals()[index];
        let alone = def.feeds.is_empty() && def.summaries.is_empty();
        if nights.is_empty() && (!good || alone) {
            return self.evaluate(policy, index, pane, good, effects);
        }
        let mut derived = nights;
        self.follow_up(policy, &mut derived);
        if good {
            derived.extend(self.derive_again(policy, index, pane));
            derived.push(Rederived { signal: index, changed: Vec::from([pane]), last: pane });
        }
        self.judge(policy, &derived, effects);
        if !good {
            self.evaluate(policy, index, pane, good, effects);
        }
        self.stay_calm(policy, index);
    }

    /// Evaluates the rules that read a signal after one of its panes changed; `good` if that bears on
    /// what is good in it.
    #[inline(never)]
    pub fn evaluate(
        &mut self,
        policy: &Policy,
        index: usize,
        pane: i64,
        good: bool,
        effects: &mut Effects,
    ) {
        let ring = &self.signals[index].ring;
        let from = ring.start_of(pane);
        // What was taken out is no evidence any more.
        let fresh = good && ring.has_good(pane);
        let known = Known { signal: index, at: from, pane };
        let mut signals = Signals::knowing(policy, &mut self.signals, &self.background, known);
        for reader in policy.readers(index) {
            let reader = usize::from(reader.rule);
            let RuleBody::Limits(limits) = &policy.rules()[reader].body else {
                continue;
            };
            let pulse = self.pulses.at(policy, signals.live, reader);
            if !good && !limits.minds_artifacts {
                pulse.wake();
                continue;
            }
            let RuleState::Limits(watch) = &mut self.rules[reader] else {
                continue;
            };
            let passes = if from > pulse.frontier {
                pulse.passes(limits, &mut signals, from, fresh)
            } else {
                pulse.passes_late(&watch.condition, limits, &mut signals, from)
            };
            if passes {
                watch.condition.forget(limits, pulse.frontier);
                continue;
            }
            let mut gaps = Vec::new();
            let change =
                watch.condition.evaluate(pulse, limits, &mut signals, from, fresh, &mut gaps);
            if !gaps.is_empty() {
                let gaps = gaps.into_iter().map(|gap| (reader, Effect::Abandoned(gap)));
                effects.list.extend(gaps);
            }
            let measured = good && effects.measured;
            let told = change.is_some() || measured && watch.is_told(pulse, limits, &mut signals);
            if told {
                watch.told_at = Some(effects.now);
            }
            if let Some(change) = change {
                effects.list.push((reader, Effect::Changed(change)));
            } else if told && (watch.unverified || watch.dated) {
                effects.list.push((reader, Effect::Refreshed));
            }
        }
    }

    /// Whether a reading counts: for what it is, and for where its device was.
    #[inline]
    fn is_good(&self, def: &SignalDef, sample: &Sample) -> bool {
        sample.quality.without(def.accept).is_good() && !self.is_of_nobody(def, sample)
    }

    /// Whether a reading is none of the patient, because its device was not worn: a device on the table watches
    /// nobody.
    #[inline]
    fn is_of_nobody(&self, def: &SignalDef, sample: &Sample) -> bool {
        let wearing = &self.background.situation.wearing;
        let at = sample.observed_at.as_millis();
        !def.accept.any(Quality::NOT_WORN)
            && (sample.quality.any(Quality::NOT_WORN) || wearing.leaves_out(sample.device, at))
    }

    fn settle(&mut self, index: usize, def: &SignalDef) {
        let ring = &mut self.signals[index].ring;
        let detailed = ring.detailed();
        if detailed > 0 && detailed % SETTLE_EVERY == 0 {
            let edge = self.newest.div_euclid(def.pane_ms) - def.horizon_panes;
            ring.settle(edge);
        }
    }

    /// The value as delivered of a reading of this identity.
    pub fn find(&self, index: usize, sample: &Sample) -> Option<Value> {
        let ring = &self.signals[index].ring;
        ring.find(ring.pane_of(sample.observed_at), sample)
    }
}
