//! A condition: what a rule with levels makes of the evidence, pane after pane.
//!
//! The state after a pane is a pure function of the state before it and of what the panes hold. So
//! late evidence is simple: go back to the state before the pane it fell into, evaluate every pane
//! with evidence from there again, and compare the histories. An undo list remembers the states,
//! and only where they changed: a quiet patient has none.
//!
//! Time here is event time in milliseconds: the start of the pane. Nothing in this module happens
//! because time passed; without evidence no state changes.

use alloc::vec::Vec;

use super::predicate::{Signals, pane_at};
use crate::policy::{Expr, Leaf, LevelDef, Limits};
use crate::record::{ConditionState, Level, Verdict};
use crate::signal::slack::Slack;
use crate::time::Duration;

/// The most levels a rule can have: one of each class.
pub(crate) const MAX_LEVELS: usize = 3;
/// Before any evidence.
const NEVER: i64 = i64::MIN;
/// So long an undo list is worth looking at for entries that nothing can reach any more.
const PRUNE_AT: usize = 16;

/// So many hits are worth looking at, whenever the list would grow.
const HITS_AT: usize = 64;

/// One condition of one patient.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    pub machine: Machine,
    /// The states before each pane that changed them, oldest first.
    pub undo: Vec<(i64, Machine)>,
    /// When a level with `times` was met, oldest first; only for rules that have one.
    pub hits: Vec<(i64, u8)>,
}

/// The part of a condition that every reading looks at. Kept apart from the rest, so that the rules
/// of a patient to whom nothing happens share a cache line or two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pulse {
    /// The newest pane evaluated.
    pub frontier: i64,
    /// For how long nothing can be met, so that plain readings need no look.
    pub slack: Slack,
    /// Normal, and no hold is running.
    pub quiet: bool,
}

const _: () = assert!(size_of::<Pulse>() <= 32);

/// What a condition remembers from one pane to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Machine {
    /// 0: none; otherwise the place of the active level, from 1.
    pub level: u8,
    pub seen: bool,
    /// Of each level: the hold of its clear predicate if it is active, else of its raise predicate.
    pub holds: [Hold; MAX_LEVELS],
    /// When the raise predicate of the episode's first level was first met.
    pub onset: i64,
    /// When the raise predicate of the level now active was first met.
    pub since: i64,
    /// When the level now active was reached.
    pub reached: i64,
    /// The worst value of the first comparison while active, in thousandths.
    pub peak: Option<i64>,
}

/// How long a predicate has been met, over covered time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hold {
    /// When it was first met, or [`NEVER`].
    pub since: i64,
    /// Time in between that does not count.
    pub paused: i64,
    /// How long nothing could be said, up to the last evaluation.
    pub gap: i64,
}

/// What an evaluation brought about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// New evidence changed the state.
    Stepped { at: i64, state: ConditionState },
    /// Late evidence changed what happened from `since` on: the state before, then each change.
    Revised { since: i64, history: Vec<(i64, ConditionState)> },
}

/// A hold that a gap ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Abandoned {
    pub level: Level,
    pub at: i64,
    pub held: Duration,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            level: 0,
            seen: false,
            holds: [Hold::IDLE; MAX_LEVELS],
            onset: NEVER,
            since: NEVER,
            reached: NEVER,
            peak: None,
        }
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self { frontier: NEVER, slack: Slack::NONE, quiet: false }
    }
}

impl Pulse {
    /// Of a condition that has been evaluated up to `frontier`.
    pub fn of(condition: &Condition, frontier: i64) -> Self {
        Self { frontier, slack: Slack::NONE, quiet: condition.machine.is_quiet() }
    }

    /// Whether a plain reading at `from` cannot matter: a good one has a value.
    #[inline(always)]
    pub fn idles(&self, from: i64, good: Option<i32>) -> bool {
        self.slack.lasts(from, good) && from > self.frontier
    }

    /// Nobody asks what it says any more.
    pub fn rest(&mut self) {
        *self = Self { slack: Slack::ENDLESS, ..Self::default() };
    }

    /// What cannot be met is not known any more.
    pub fn wake(&mut self) {
        self.slack = Slack::NONE;
    }

    /// Takes in one plain good reading more at `from` if nothing is going on.
    #[inline]
    pub fn continues(&mut self, limits: &Limits, signals: &mut Signals<'_>, from: i64) -> bool {
        let calm = from > self.frontier && self.passes(limits, signals, from, true);
        if calm && limits.bounded {
            let leaves = limits.levels.iter().filter_map(LevelDef::leaf);
            let slack = leaves.map(|leaf| signals.slack(leaf, from)).reduce(Slack::and);
            self.slack = slack.unwrap_or(Slack::NONE);
        }
        calm
    }

    /// Takes in that a pane after the frontier changed, if nothing was going on and nothing is: by
    /// far the most frequent case. False if the condition has to look itself.
    #[inline]
    pub fn passes(
        &mut self,
        limits: &Limits,
        signals: &mut Signals<'_>,
        from: i64,
        fresh: bool,
    ) -> bool {
        self.slack = Slack::NONE;
        let calm = self.quiet && !(fresh && any_met(limits, signals, from));
        if calm && fresh {
            self.frontier = from;
        }
        calm
    }

    /// The same for a pane up to the frontier.
    pub fn passes_late(
        &mut self,
        condition: &Condition,
        limits: &Limits,
        signals: &mut Signals<'_>,
        from: i64,
    ) -> bool {
        self.slack = Slack::NONE;
        self.quiet && condition.changed() < from && !self.ever_met(limits, signals, from)
    }

    /// Whether any level is met in any pane from `from` to the newest.
    #[inline(never)]
    fn ever_met(&self, limits: &Limits, signals: &mut Signals<'_>, from: i64) -> bool {
        if limits.plain || limits.bounded {
            let leaves = limits.levels.iter().filter_map(LevelDef::leaf);
            let met = leaves.map(|leaf| signals.was_met(leaf, from, self.frontier));
            let steady = |met: bool, one: Option<bool>| Some(met || one?);
            if let Some(met) = met.into_iter().try_fold(false, steady) {
                return met;
            }
        }
        let mut at = from - 1;
        while let Some(next) = next_evidence(limits, signals, at).filter(|t| *t <= self.frontier) {
            if any_met(limits, signals, next) {
                return true;
            }
            at = next;
        }
        false
    }
}

impl Hold {
    pub const IDLE: Self = Self { since: NEVER, paused: 0, gap: 0 };

    #[inline]
    pub fn is_running(&self) -> bool {
        self.since != NEVER
    }

    pub fn held(&self, at: i64) -> i64 {
        if self.is_running() { at - self.since - self.paused } else { 0 }
    }
}

impl Machine {
    pub fn state(&self, limits: &Limits) -> ConditionState {
        if let Some(top) = usize::from(self.level).checked_sub(1) {
            let level = limits.levels[top].level;
            return match self.holds[top].is_running() {
                true => ConditionState::Clearing(level),
                false => ConditionState::Active(level),
            };
        }
        match self.seen {
            _ if self.holds.iter().any(Hold::is_running) => ConditionState::Pending,
            true => ConditionState::Normal,
            false => ConditionState::NeverSeen,
        }
    }

    /// Normal, and no hold is running.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.seen && self.level == 0 && !self.holds.iter().any(Hold::is_running)
    }

    /// What changes the state, without what only changes how it is measured.
    #[inline]
    fn phase(&self) -> (u8, bool, bool) {
        let running = match usize::from(self.level).checked_sub(1) {
            Some(top) => self.holds[top].is_running(),
            None => self.holds.iter().any(Hold::is_running),
        };
        (self.level, self.seen, running)
    }
}

impl Condition {
    /// Takes in that the pane that starts at `from` changed. `fresh` says that it has good evidence.
    pub fn evaluate(
        &mut self,
        pulse: &mut Pulse,
        limits: &Limits,
        signals: &mut Signals<'_>,
        from: i64,
        fresh: bool,
        abandoned: &mut Vec<Abandoned>,
    ) -> Option<Change> {
        if from <= pulse.frontier {
            let (change, frontier) = self.evaluate_again(pulse.frontier, limits, signals, from);
            *pulse = Pulse::of(self, frontier);
            return change;
        }
        if !fresh {
            return None;
        }
        let before = self.machine.phase();
        self.step(pulse.frontier, limits, signals, from, Some(abandoned));
        *pulse = Pulse::of(self, from);
        if before == self.machine.phase() {
            return None;
        }
        Some(Change::Stepped { at: from, state: self.machine.state(limits) })
    }

    /// From the state before `from` on, over every pane with evidence up to `end`. Also gives the
    /// newest pane that has evidence now.
    fn evaluate_again(
        &mut self,
        end: i64,
        limits: &Limits,
        signals: &mut Signals<'_>,
        from: i64,
    ) -> (Option<Change>, i64) {
        let touched = self.undo.last().is_some_and(|(at, _)| *at >= from);
        let before = if touched { self.history(limits, from) } else { Vec::new() };
        self.rewind(from);
        let mut frontier = signals.evidence_before(&limits.signals, from).unwrap_or(NEVER);
        let mut next = next_evidence(limits, signals, from - 1);
        while let Some(at) = next.filter(|at| *at <= end) {
            self.step(frontier, limits, signals, at, None);
            frontier = at;
            next = next_evidence(limits, signals, at);
        }
        let touches = self.undo.last().is_some_and(|(at, _)| *at >= from);
        if !touched && !touches {
            return (None, frontier);
        }
        let history = self.history(limits, from);
        let before = if touched { before } else { Vec::from([history[0]]) };
        ((before != history).then_some(Change::Revised { since: from, history }), frontier)
    }

    /// What it was at a time, as far back as that is remembered.
    pub fn at(&self, at: i64) -> &Machine {
        let later = self.undo.partition_point(|(changed, _)| *changed <= at);
        self.undo.get(later).map_or(&self.machine, |(_, before)| before)
    }

    /// The newest pane that changed the state, as far back as it is remembered.
    fn changed(&self) -> i64 {
        self.undo.last().map_or(NEVER, |(at, _)| *at)
    }

    /// Gives the memory of earlier states back if no late reading can reach any of them.
    pub fn forget(&mut self, limits: &Limits, frontier: i64) {
        if self.changed() < frontier.saturating_sub(limits.keep) {
            self.undo = Vec::new();
        }
    }

    fn rewind(&mut self, from: i64) {
        while let Some((at, machine)) = self.undo.last().filter(|(at, _)| *at >= from) {
            debug_assert!(*at >= from);
            self.machine = *machine;
            self.undo.pop();
        }
        let keep = self.hits.partition_point(|(at, _)| *at < from);
        self.hits.truncate(keep);
    }

    /// The state before `from`, then each change of state since.
    pub fn history(&self, limits: &Limits, from: i64) -> Vec<(i64, ConditionState)> {
        let start = self.undo.partition_point(|(at, _)| *at < from);
        let before = self.undo.get(start).map_or(&self.machine, |(_, machine)| machine);
        let mut history = Vec::from([(from, before.state(limits))]);
        for (index, (at, _)) in self.undo.iter().enumerate().skip(start) {
            let after = self.undo.get(index + 1).map_or(&self.machine, |(_, machine)| machine);
            let state = after.state(limits);
            if history.last().is_none_or(|(_, last)| *last != state) {
                history.push((*at, state));
            }
        }
        history
    }

    /// One pane of evidence; the one evaluated before it is `before`.
    fn step(
        &mut self,
        before: i64,
        limits: &Limits,
        signals: &mut Signals<'_>,
        at: i64,
        abandoned: Option<&mut Vec<Abandoned>>,
    ) {
        let machine = self.machine;
        let mut step = Step { limits, signals, at, before, machine, given_up: Vec::new() };
        step.machine.seen = true;
        let top = usize::from(self.machine.level);
        step.count_hits(top, &mut self.hits);
        let raised = step.raise(top, &mut self.hits);
        if raised.is_none() && top > 0 {
            step.clear(top);
        }
        if step.machine.level > 0 {
            step.watch_peak();
        }
        let (after, given_up) = (step.machine, step.given_up);
        if let Some(abandoned) = abandoned {
            abandoned.extend(given_up);
        }
        if after != self.machine {
            self.prune(limits, at);
            self.undo.push((at, self.machine));
            self.machine = after;
        }
    }

    /// Drops what no reading within the horizon can reach any more.
    fn prune(&mut self, limits: &Limits, at: i64) {
        if self.undo.len() < PRUNE_AT {
            return;
        }
        let edge = at.saturating_sub(limits.keep);
        let gone = self.undo.partition_point(|(t, _)| *t < edge);
        // Moved only when half of it goes, so that the cost per entry stays constant.
        if gone * 2 >= self.undo.len() {
            self.undo.drain(..gone);
        }
    }
}

/// One evaluation under way.
struct Step<'a, 'b> {
    limits: &'a Limits,
    signals: &'a mut Signals<'b>,
    at: i64,
    /// The evaluation before, or [`NEVER`] if there was none or it is too long ago to be known.
    before: i64,
    machine: Machine,
    given_up: Vec<Abandoned>,
}

impl Step<'_, '_> {
    /// What a level's predicate says; of one that rests nothing can be told.
    #[inline]
    fn judge(&mut self, def: &LevelDef, expr: &Expr) -> Verdict {
        if self.limits.modified && self.signals.rests(def, self.at) {
            return Verdict::Stale;
        }
        self.signals.verdict(expr, self.at)
    }

    #[inline]
    fn hold(&self, def: &LevelDef) -> i64 {
        if self.limits.modified { self.signals.hold(def, self.at) } else { def.hold }
    }

    /// Times count whether the level is active or not.
    fn count_hits(&mut self, top: usize, hits: &mut Vec<(i64, u8)>) {
        for (i, def) in self.limits.levels.iter().enumerate().take(top) {
            if def.times.is_some() && self.judge(def, &def.raise) == Verdict::Met {
                count_hit(hits, self.limits, self.at, i);
            }
        }
    }

    /// Evaluates the levels that are not active; the highest that is reached becomes active.
    #[inline]
    fn raise(&mut self, top: usize, hits: &mut Vec<(i64, u8)>) -> Option<usize> {
        let mut reached: Option<(usize, i64)> = self.more_severe(top);
        for i in top..self.limits.levels.len() {
            let def = &self.limits.levels[i];
            let verdict = self.judge(def, &def.raise);
            let since = self.machine.holds[i].since;
            let held = self.accrue(i, verdict);
            let satisfied = match def.times {
                None => held.is_some_and(|held| held >= self.hold(def)),
                Some(_) => verdict == Verdict::Met && count_hit(hits, self.limits, self.at, i),
            };
            let counts_as = self.counts_as(i);
            let higher = counts_as >= top && reached.is_none_or(|(to, _)| counts_as >= to);
            if satisfied && higher {
                let onset = if since == NEVER { self.at } else { self.machine.holds[i].since };
                reached = Some((counts_as, onset));
            }
        }
        let (i, since) = reached?;
        if top == 0 {
            let earliest = self.machine.holds.iter().filter(|h| h.is_running()).map(|h| h.since);
            self.machine.onset = earliest.min().unwrap_or(since).min(since);
            self.machine.peak = None;
        }
        self.machine.level = (i + 1) as u8;
        self.machine.since = since;
        self.machine.reached = self.at;
        // Levels now active watch for their clear predicate; it has not been looked at yet.
        self.machine.holds[..=i].fill(Hold::IDLE);
        Some(i)
    }

    /// As which level one counts, by its place.
    #[inline]
    fn counts_as(&self, i: usize) -> usize {
        if !self.limits.modified {
            return i;
        }
        self.signals.counts_as(&self.limits.levels[i], i, self.at)
    }

    /// A level that is active, goes on, and counts as a more severe one now.
    fn more_severe(&mut self, top: usize) -> Option<(usize, i64)> {
        let places = if self.limits.modified { 0..top } else { 0..0 };
        let mut reached = None;
        for i in places {
            let (def, to) = (&self.limits.levels[i], self.counts_as(i));
            let higher = to >= top && reached.is_none_or(|(highest, _)| to >= highest);
            if higher && self.judge(def, &def.raise) == Verdict::Met {
                reached = Some((to, self.at));
            }
        }
        reached
    }

    /// Evaluates the clear predicates of the active levels; goes down to the highest that holds on.
    fn clear(&mut self, top: usize) {
        // A level that goes on keeps up the one as which it counts.
        let (mut remaining, mut kept_up) = (0, 0);
        for i in 0..top {
            if i < kept_up {
                (remaining, self.machine.holds[i]) = (i + 1, Hold::IDLE);
                continue;
            }
            let def = &self.limits.levels[i];
            let verdict = match &def.clear {
                Some(clear) => self.judge(def, clear),
                None => match self.judge(def, &def.raise) {
                    Verdict::Met => Verdict::NotMet,
                    Verdict::NotMet => Verdict::Met,
                    unknown => unknown,
                },
            };
            if self.accrue(i, verdict).is_none_or(|held| held < def.clear_hold) {
                remaining = i + 1;
                kept_up = kept_up.max((self.counts_as(i) + 1).min(top));
            }
        }
        if remaining < top {
            self.machine.level = remaining as u8;
            self.machine.reached = self.at;
            self.machine.holds[remaining..].fill(Hold::IDLE);
        }
    }

    /// Takes a verdict into a hold; how long it has been met, if it is met now.
    #[inline]
    fn accrue(&mut self, i: usize, verdict: Verdict) -> Option<i64> {
        let hold = self.machine.holds[i];
        if !hold.is_running() {
            if verdict == Verdict::Met {
                self.machine.holds[i] = Hold { since: self.at, paused: 0, gap: 0 };
            }
            return (verdict == Verdict::Met).then_some(0);
        }
        if verdict == Verdict::NotMet {
            self.machine.holds[i] = Hold::IDLE;
            return None;
        }
        let met = verdict == Verdict::Met;
        if self.before == NEVER {
            // Further back than anything that is kept, which is further than any hold survives.
            return self.abandon(i, hold.since, met);
        }
        let step = self.at - self.before;
        let silent = hold.gap + step;
        if silent > self.limits.abandon_after {
            return self.abandon(i, self.before, met);
        }
        let covered = met && hold.gap == 0 && step <= self.limits.max_gap;
        let hold = &mut self.machine.holds[i];
        hold.paused += if covered { 0 } else { step };
        hold.gap = if met { 0 } else { silent };
        met.then(|| hold.held(self.at))
    }

    /// The gap was too long: what had been held is void, and said to be.
    fn abandon(&mut self, i: usize, last: i64, met: bool) -> Option<i64> {
        let held = Duration::from_millis(self.machine.holds[i].held(last));
        let level = self.limits.levels[i].level;
        self.given_up.push(Abandoned { level, at: self.at, held });
        let since = if met { self.at } else { NEVER };
        self.machine.holds[i] = Hold { since, paused: 0, gap: 0 };
        met.then_some(0)
    }

    fn watch_peak(&mut self) {
        let top = usize::from(self.machine.level) - 1;
        let Some(leaf) = first_leaf(&self.limits.levels[top].raise) else { return };
        let Some(value) = self.signals.value(leaf, self.at) else {
            return;
        };
        let worst = |peak: i64| {
            if leaf.comparison.is_high() { peak.max(value) } else { peak.min(value) }
        };
        self.machine.peak = Some(self.machine.peak.map_or(value, worst));
    }
}

/// The comparison of which an alert tells the worst value.
fn first_leaf(expr: &Expr) -> Option<&Leaf> {
    match expr {
        Expr::Leaf(leaf) => Some(leaf),
        Expr::All(parts) | Expr::Any(parts) | Expr::AtLeast(_, parts) => {
            parts.iter().find_map(first_leaf)
        }
        Expr::Not(part) => first_leaf(part),
        Expr::Recently(recently) => first_leaf(&recently.of),
    }
}

#[inline]
fn any_met(limits: &Limits, signals: &mut Signals<'_>, at: i64) -> bool {
    for def in &limits.levels {
        if signals.verdict(&def.raise, at) == Verdict::Met {
            return true;
        }
    }
    false
}

/// Remembers that a level was met, and says whether it has been often enough.
fn count_hit(hits: &mut Vec<(i64, u8)>, limits: &Limits, at: i64, level: usize) -> bool {
    let Some(times) = limits.levels[level].times else {
        return false;
    };
    if hits.len() >= HITS_AT && hits.len() == hits.capacity() {
        let edge = at.saturating_sub(limits.keep + limits.longest_times);
        hits.drain(..hits.partition_point(|(t, _)| *t < edge));
    }
    hits.push((at, level as u8));
    let edge = at.saturating_sub(times.within);
    let recent = hits.iter().rev().take_while(|(t, _)| *t > edge);
    recent.filter(|(_, l)| usize::from(*l) == level).count() >= usize::from(times.count)
}

/// The next pane after `at` in which any signal of the rule has good evidence.
fn next_evidence(limits: &Limits, signals: &Signals<'_>, at: i64) -> Option<i64> {
    let next = |s: &u16| {
        let (def, signal) = (&signals.defs[usize::from(*s)], &signals.live[usize::from(*s)]);
        let pane = signal.ring.good_after(pane_at(at, def.pane_ms))?;
        Some(signal.ring.start_of(pane))
    };
    limits.signals.iter().filter_map(next).min()
}
