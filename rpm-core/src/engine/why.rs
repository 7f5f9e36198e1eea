//! Why there is no alert yet: the question asked at the bedside.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::absence::NOTHING;
use super::lane::RuleState;
use super::patient::Patient;
use crate::policy::{Limits, Missing, Policy, RuleBody};
use crate::record::explain::came_words;
use crate::record::{Clause, ConditionState, Level, NotWorn};
use crate::redact::redacted;
use crate::rule::predicate::Signals;
use crate::time::{Duration, Timestamp};

/// Where a rule stands for a patient, and what holds it back.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct WhyNot {
    /// The rule.
    pub rule: String,
    /// Its condition.
    pub state: ConditionState,
    /// Each level, from mild to severe.
    pub levels: Vec<LevelNow>,
    /// For a missing signal: since when nothing came that counts, if anything ever did.
    pub silent_since: Option<Timestamp>,
    /// For a missing signal: what has come since then that does not count, as in the
    /// [record](Clause::instead).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instead: Vec<String>,
    /// If readings since the last that counted are left out because their device is not worn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_worn: Option<NotWorn>,
}

/// Where one level stands.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LevelNow {
    /// The level.
    pub level: Level,
    /// Whether it is active.
    pub active: bool,
    /// What its comparisons say now: those that clear it if it is active, else those that raise it.
    pub now: Vec<Clause>,
    /// How long they have been met, over covered time.
    pub held: Duration,
    /// How long they must be.
    pub needed: Duration,
    /// Of `held` so far, how long a gap did not count.
    pub paused: Duration,
}

redacted!(WhyNot, LevelNow);

impl Patient {
    /// The state of a rule, seen from outside.
    pub fn condition(&self, policy: &Policy, rule: usize) -> ConditionState {
        let id = match &self.lane.rules[rule] {
            RuleState::Limits(watch) => watch.alert,
            RuleState::Missing(absence) => absence.alert,
            RuleState::Resting => None,
        };
        let alert = self.alerts.iter().find(|a| Some(a.id) == id && a.is_open());
        match (&policy.rules()[rule].body, &self.lane.rules[rule]) {
            (RuleBody::Limits(limits), RuleState::Limits(watch)) => {
                let state = watch.condition.machine.state(limits);
                match (crate::alert::level_of(state), alert.map(|a| a.condition)) {
                    (Some(level), _) if watch.unverified => ConditionState::ActiveUnverified(level),
                    (None, Some(latched @ ConditionState::Latched(_))) => latched,
                    _ => state,
                }
            }
            (RuleBody::Missing(missing), RuleState::Missing(absence)) => match absence.since {
                Some(_) => ConditionState::Active(missing.level),
                None if self.lane.signals[usize::from(missing.signal)].last_arrival.is_none() => {
                    ConditionState::NeverSeen
                }
                None => ConditionState::Normal,
            },
            _ => ConditionState::NeverSeen,
        }
    }

    pub fn why(&mut self, policy: &Policy, rule: usize) -> WhyNot {
        let state = self.condition(policy, rule);
        let mut why = WhyNot {
            rule: policy.rules()[rule].id.clone(),
            state,
            levels: Vec::new(),
            silent_since: None,
            instead: Vec::new(),
            not_worn: None,
        };
        match &policy.rules()[rule].body {
            RuleBody::Limits(limits) => {
                why.levels = self.levels_now(policy, rule, limits);
                why.not_worn = self.not_worn(policy, rule, limits);
            }
            RuleBody::Missing(missing) => {
                why.silent_since = self.silent_since(missing);
                (why.instead, why.not_worn) = self.instead(policy, missing);
            }
        }
        why
    }

    fn levels_now(&mut self, policy: &Policy, rule: usize, limits: &Limits) -> Vec<LevelNow> {
        let RuleState::Limits(watch) = &self.lane.rules[rule] else {
            return Vec::new();
        };
        let (machine, at) = (watch.condition.machine, self.lane.frontier(policy, rule));
        if !machine.seen || at == i64::MIN {
            return Vec::new();
        }
        let mut signals = Signals::new(policy, &mut self.lane.signals, &self.lane.background);
        let mut now = |(i, def): (usize, &crate::policy::LevelDef)| {
            let active = i < usize::from(machine.level);
            let hold = machine.holds[i];
            let needed = if active { def.clear_hold } else { signals.hold(def, at) };
            let expr = if active { def.clear.as_ref().unwrap_or(&def.raise) } else { &def.raise };
            LevelNow {
                level: def.level,
                active,
                now: signals.clauses(expr, at),
                held: Duration::from_millis(hold.held(at)),
                needed: Duration::from_millis(needed),
                paused: Duration::from_millis(if hold.is_running() { hold.paused } else { 0 }),
            }
        };
        limits.levels.iter().enumerate().map(&mut now).collect()
    }

    fn not_worn(&mut self, policy: &Policy, rule: usize, limits: &Limits) -> Option<NotWorn> {
        let since = self.lane.frontier(policy, rule)..self.lane.newest.saturating_add(1);
        let signals = Signals::new(policy, &mut self.lane.signals, &self.lane.background);
        let of_signals = limits.signals.iter().filter_map(|s| signals.not_worn(*s, since.clone()));
        of_signals.max_by_key(|not_worn| not_worn.since)
    }

    fn silent_since(&self, missing: &Missing) -> Option<Timestamp> {
        let signal = &self.lane.signals[usize::from(missing.signal)];
        signal.last_arrival.map(|at| Timestamp::from_millis(at.as_millis()))
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spoilt = self.instead.iter().any(|name| name != NOTHING);
        let state = match self.state {
            ConditionState::NeverSeen if spoilt => "nothing that counts has come yet",
            ConditionState::NeverSeen => "nothing has come yet",
            ConditionState::Normal => "normal",
            ConditionState::Pending => "pending",
            ConditionState::Active(_) => "active",
            ConditionState::Clearing(_) => "clearing",
            ConditionState::ActiveUnverified(_) => "active when the data stopped",
            ConditionState::Latched(_) => "over, open until resolved",
        };
        write!(f, "{}: {state}", self.rule)?;
        if let Some(since) = self.silent_since {
            write!(f, ", last reading {since}")?;
        }
        if spoilt || self.silent_since.is_some() && !self.instead.is_empty() {
            let lead = if self.silent_since.is_some() { ", since then " } else { ", " };
            write!(f, "{lead}{}", came_words(&self.instead))?;
        }
        self.not_worn.iter().try_for_each(|not_worn| write!(f, ", left out: {not_worn}"))?;
        for level in &self.levels {
            let what = if level.active { "clears" } else { "raises" };
            write!(f, "\n  {} {what}:", level.level.name())?;
            for (i, clause) in level.now.iter().enumerate() {
                write!(f, "{} {clause}", if i == 0 { "" } else { ";" })?;
            }
            if !level.needed.is_zero() {
                write!(f, ", held {} of {}", level.held, level.needed)?;
            }
            if !level.paused.is_zero() {
                write!(f, ", {} did not count", level.paused)?;
            }
        }
        Ok(())
    }
}
