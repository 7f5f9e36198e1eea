//! What is usual for the patient is learned from what can no longer change.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::lane::{Lane, RuleState};
use super::patient::Patient;
use crate::policy::Policy;
use crate::rule::predicate::pane_at;
use crate::signal::baseline::{CHUNK, Method};

impl Patient {
    /// What of the profile bears on what rules know.
    pub fn know_profile(&mut self, policy: &Policy) {
        let profile = self.care().profile.as_ref().map(|profile| profile.what.clone());
        let offset = i64::from(self.care().offset_min(policy)) * 60_000;
        self.lane.background.situation.set_profile(profile.as_ref());
        self.lane.wake();
        if offset != self.lane.background.usual.offset {
            // First of all that is certain, so that what is published anew does not depend on how many
            // readings were waited for.
            self.lane.learn_now(policy);
            self.lane.background.usual.move_to(offset);
            self.lane.learn_now(policy);
        }
    }
}

impl Lane {
    /// What is certain by the newest reading is learned.
    fn learn_now(&mut self, policy: &Policy) {
        if self.newest != i64::MIN {
            self.learn(policy, self.newest);
        }
    }

    /// Before evidence as new as that is judged: what is certain by then is learned, and what is
    /// published for its time is.
    #[inline(never)]
    pub fn learn(&mut self, policy: &Policy, newest: i64) {
        let mut next = i64::MAX;
        for (index, def) in policy.baselines().iter().enumerate() {
            let offset = self.background.usual.offset;
            let interval = def.interval_of(newest, offset);
            let published = self.background.usual.baselines[index].published;
            for interval in [interval - 1, interval].into_iter().filter(|i| *i > published) {
                self.take_in(policy, index, def.known_until(interval, offset));
                self.background.usual.baselines[index].publish(def, interval);
            }
            self.take_in(policy, index, newest.saturating_sub(def.certain_after));
            let width = policy.signals()[usize::from(def.signal)].pane_ms;
            let boundary = (interval + 1).saturating_mul(def.interval).saturating_sub(offset);
            next = next.min(boundary).min(newest.saturating_add(CHUNK * width));
        }
        self.learn_at = next.min(self.add_up(policy, newest));
    }

    /// Takes in the panes that end by a time.
    fn take_in(&mut self, policy: &Policy, index: usize, until: i64) {
        let def = &policy.baselines()[index];
        let ring = &self.signals[usize::from(def.signal)].ring;
        let end = pane_at(until, policy.signals()[usize::from(def.signal)].pane_ms);
        let Some(newest) =
            ring.newest().filter(|_| end > self.background.usual.baselines[index].next)
        else {
            return;
        };
        let next = self.background.usual.baselines[index].next.max(ring.oldest());
        // The ring of a new patient is as good as empty.
        let Some(from) = ring.good_after(next.saturating_sub(1)).filter(|from| *from < end) else {
            self.background.usual.baselines[index].next = end;
            return;
        };
        let guards = def.guards.iter().filter(|rule| self.stirred(usize::from(**rule)));
        let guards: Vec<usize> = guards.map(|rule| usize::from(*rule)).collect();
        let situation = &self.background.situation;
        let by_sleep = matches!(def.method, Method::BySleep { .. });
        let sleeps = |at| if by_sleep { situation.at(at).asleep } else { None };
        let (baseline, offset) =
            (&mut self.background.usual.baselines[index], self.background.usual.offset);
        let mut asleep = sleeps(ring.start_of(from));
        let mut stretch = def.stretch(ring.start_of(from), offset);
        // Of the stretch: the first of the panes that count, and what they hold.
        let (mut first, mut values) = (0, SmallVec::<[i32; CHUNK as usize]>::new());
        for pane in from..end.min(newest + 1) {
            let Some(value) = ring.plain(pane).or_else(|| ring.tally(pane).mean()) else {
                continue;
            };
            let at = ring.start_of(pane);
            if guards.iter().any(|rule| is_active(&self.rules[*rule], at)) {
                continue;
            }
            if at >= stretch.end || sleeps(at) != asleep {
                baseline.learn(def, first, &values, &stretch, asleep);
                (stretch, asleep) = (def.stretch(at, offset), sleeps(at));
                values.clear();
            }
            if values.is_empty() {
                first = at;
            }
            values.push(value);
        }
        baseline.learn(def, first, &values, &stretch, asleep);
        baseline.next = end;
    }

    /// Whether a rule was anything but quiet for as long as is remembered.
    fn stirred(&self, rule: usize) -> bool {
        match &self.rules[rule] {
            RuleState::Limits(watch) => {
                watch.condition.machine.level > 0 || !watch.condition.undo.is_empty()
            }
            RuleState::Missing(_) | RuleState::Resting => false,
        }
    }
}

/// Whether a rule was active at a time.
fn is_active(rule: &RuleState, at: i64) -> bool {
    match rule {
        RuleState::Limits(watch) => watch.condition.at(at).level > 0,
        RuleState::Missing(_) | RuleState::Resting => false,
    }
}
