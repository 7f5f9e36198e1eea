//! A model of an alert's life that is simple enough to be believed: lists that are looked through,
//! and one function for each thing that can happen. It decides from all readings anew each time, and
//! knows nothing of how the engine does it. Times are milliseconds since the beginning.

mod people;
mod time;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::Code;
use rpm_core::record::{
    ConditionState, DeliveryState, Level, NotifyReason as Why, Status, WithholdReason as Not,
};

use crate::ward::{Ask, HR_HIGH, HR_MISSING, PEOPLE, ROSTERS, SPO2_LOW, SPO2_MILD, Turn, Ward};

const S: i64 = 1000;
const MIN: i64 = 60 * S;
const DAY: i64 = 24 * 60 * MIN;
/// From the ward's first minute on.
const QUIET: (i64, i64) = (10 * MIN, 40 * MIN);
const MISSING_FOR: i64 = 150 * S;
const STALE_AFTER: i64 = 120 * MIN;
const EXPIRE_AFTER: i64 = 20 * MIN;

/// After how long, to whom, by which channels; then how long until nobody is left.
type Plan = (&'static [(i64, &'static str, &'static [&'static str])], i64, &'static str);
const QUICK: Plan = (
    &[
        (0, "nurse", &["push"]),
        (60 * S, "nurse", &["push"]),
        (90 * S, "doctor", &["pager", "push"]),
        (120 * S, "nurse", &["push"]),
    ],
    240 * S,
    "quick",
);
const CALM: Plan =
    (&[(30 * S, "technician", &["push"]), (300 * S, "nurse", &["push"])], 480 * S, "calm");

/// Function, person and channel.
pub type Address = (String, Option<String>, String);

/// What the model expects to come out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Said {
    Deliver(BTreeSet<u32>, Address, Why),
    Cancel(usize),
    Exhausted(u32, &'static str),
    Withheld(u32, Not),
    /// Of an alert, what was done helped or not, and how often of how many times so far.
    Judged(u32, String, bool, (u16, u16)),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    Unowned,
    Acknowledged { by: String, at: i64, until: Option<i64> },
    InRemediation { owner: String, at: i64, due: Option<i64> },
    Closed { at: i64, resolved: bool },
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Quiet {
    No,
    Inhibited(u32),
    ByRule,
    Shelved,
    OutOfService,
}

#[derive(Clone, Debug)]
struct Round {
    plan: Plan,
    /// What is due before that waits for it.
    since: i64,
    next: usize,
    why: Why,
}

#[derive(Clone, Debug)]
pub struct Alert {
    pub id: u32,
    pub rule: usize,
    /// The level now, or `None` if the condition is over.
    pub now: Option<Level>,
    pub unverified: bool,
    pub worst: Level,
    latched: bool,
    pub revision: u32,
    pub repeats: u16,
    pub unstable: bool,
    stale: i64,
    opened_at: i64,
    cleared_at: Option<i64>,
    pub response: Response,
    pub quiet: Quiet,
    round: Option<Round>,
    rounds: u32,
    pub exhausted: bool,
    /// What is done about it: since when, and until when.
    trial: Option<(&'static str, i64, Option<i64>)>,
}

/// A message that was asked for.
#[derive(Clone, Debug)]
pub struct Message {
    pub alerts: BTreeSet<u32>,
    pub address: Address,
    pub why: Why,
    pub state: DeliveryState,
    expires_at: i64,
}

#[derive(Clone, Debug)]
struct Shelf {
    rule: usize,
    level: Level,
    /// For good, if the equipment is out of service.
    until: Option<i64>,
}

#[derive(Clone, Debug, Default)]
struct Rule {
    /// What all readings together say.
    level: Option<Level>,
    unverified: bool,
    told_at: i64,
    missing: bool,
    /// The episode that speaks for the rule, open or closed by a person.
    episode: Option<u32>,
    reentries: Vec<i64>,
}

#[derive(Clone, Debug)]
pub struct Model {
    ward: Ward,
    now: i64,
    /// Up to when everything that was due has happened.
    done: i64,
    roster: &'static [Turn],
    declined: &'static [&'static str],
    phase: Option<&'static str>,
    /// Good readings of each signal by time.
    good: [BTreeMap<i64, i32>; 2],
    seen: [BTreeSet<i64>; 2],
    heart_at: i64,
    rules: [Rule; 4],
    pub alerts: Vec<Alert>,
    shelves: Vec<Shelf>,
    /// Rule, what was done, whether it helped: the latest comes last.
    judged: Vec<(usize, &'static str, bool)>,
    pub messages: Vec<Message>,
    next: u32,
    pub said: Vec<Said>,
}

impl Alert {
    pub fn open(&self) -> bool {
        !matches!(self.response, Response::Closed { .. })
    }

    pub fn owner(&self) -> Option<&str> {
        match &self.response {
            Response::Acknowledged { by, .. } => Some(by),
            Response::InRemediation { owner, .. } => Some(owner),
            _ => None,
        }
    }

    pub fn status(&self) -> Status {
        match self.response {
            Response::Closed { .. } => Status::Resolved,
            Response::InRemediation { .. } => Status::InRemediation,
            Response::Acknowledged { .. } => Status::Acknowledged,
            Response::Unowned if self.repeats > 0 => Status::Repeated(self.repeats),
            Response::Unowned => Status::New,
        }
    }

    /// Of what is over, what was worst.
    pub fn level(&self) -> Level {
        self.now.unwrap_or(self.worst)
    }

    pub fn condition(&self) -> ConditionState {
        match self.now {
            Some(level) if self.unverified => ConditionState::ActiveUnverified(level),
            Some(level) => ConditionState::Active(level),
            None if self.latched => ConditionState::Latched(self.worst),
            None => ConditionState::Normal,
        }
    }

    /// Nobody has it, and it is not over; one that comes and goes is not over before it is closed.
    pub fn wants_answer(&self) -> bool {
        let over = self.now.is_none() && !self.latched && !self.unstable;
        self.response == Response::Unowned && !over
    }

    pub fn escalating(&self) -> bool {
        self.round.is_some()
    }
}

fn under_way(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Planned | DeliveryState::Handed | DeliveryState::Delivered)
}

impl Model {
    pub fn new(ward: Ward) -> Self {
        Self {
            ward,
            now: 0,
            done: 0,
            roster: ROSTERS[0],
            declined: &[],
            judged: Vec::new(),
            phase: None,
            good: Default::default(),
            seen: Default::default(),
            heart_at: 0,
            rules: Default::default(),
            alerts: Vec::new(),
            shelves: Vec::new(),
            messages: Vec::new(),
            next: 1,
            said: Vec::new(),
        }
    }

    pub fn alert(&self, id: u32) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.id == id)
    }

    pub(super) fn get(&mut self, id: u32) -> &mut Alert {
        self.alerts.iter_mut().find(|alert| alert.id == id).unwrap()
    }

    /// Raised on a value, cleared on another: from the first reading to the last.
    fn level_of(&self, rule: usize) -> Option<Level> {
        let mut level = None;
        for value in self.good[usize::from(rule != HR_HIGH)].values() {
            let urgent = Some(Level::Urgent);
            let review = Some(Level::Review);
            level = match (rule, level, *value) {
                (HR_HIGH, _, 131..) => urgent,
                (HR_HIGH, Some(Level::Urgent), 121..) => urgent,
                (HR_HIGH, Some(_), 96..) | (HR_HIGH, None, 101..) => review,
                (SPO2_LOW, _, ..85) | (SPO2_LOW, Some(_), ..90) => urgent,
                (SPO2_MILD, _, ..92) | (SPO2_MILD, Some(_), ..94) => review,
                _ => None,
            };
        }
        level
    }

    pub fn reading(&mut self, signal: usize, value: i32, artifact: bool, at: i64) {
        // A second reading of one moment is a duplicate or a conflict.
        if at < 0 || !self.seen[signal].insert(at) {
            return;
        }
        let late = self.good[signal].last_key_value().is_some_and(|(last, _)| *last > at);
        if !artifact {
            self.good[signal].insert(at, value);
        }
        // Artifacts are as good as nothing.
        if signal == 0 && !artifact {
            self.heart_at = self.now;
            if std::mem::take(&mut self.rules[HR_MISSING].missing) {
                self.follow(HR_MISSING, false);
            }
        }
        if !artifact {
            self.evaluate(signal, late);
        }
    }

    pub fn correct(&mut self, signal: usize, back: usize, value: i32) -> Option<i64> {
        let at = *self.good[signal].keys().rev().nth(back)?;
        if self.now - at > 300 * S {
            return None;
        }
        if self.good[signal].insert(at, value) != Some(value) {
            self.evaluate(signal, true);
        }
        Some(at)
    }

    fn evaluate(&mut self, signal: usize, late: bool) {
        let rules = if signal == 0 { HR_HIGH..=HR_HIGH } else { SPO2_LOW..=SPO2_MILD };
        for rule in rules.clone() {
            let level = self.level_of(rule);
            let before = std::mem::replace(&mut self.rules[rule].level, level);
            if level.is_some() || before.is_some() {
                self.rules[rule].told_at = self.now;
                self.rules[rule].unverified = false;
            }
        }
        for rule in rules {
            self.follow(rule, late);
        }
    }

    /// Whether the rule is active now, and how bad.
    fn active(&self, rule: usize) -> Option<Level> {
        match rule {
            HR_MISSING => self.rules[rule].missing.then_some(Level::Urgent),
            _ => self.rules[rule].level,
        }
    }

    /// When a rule's evidence was newest: a missing signal has only host time.
    fn evidence_at(&self, rule: usize) -> i64 {
        match rule {
            HR_MISSING => self.now,
            HR_HIGH => *self.good[0].last_key_value().unwrap().0,
            _ => *self.good[1].last_key_value().unwrap().0,
        }
    }

    fn flap_window(rule: usize) -> i64 {
        if rule == HR_MISSING { 3 * MISSING_FOR } else { 10 * 10 * S }
    }

    /// Counts a return; whether it is one of three within ten sampling intervals.
    fn flaps(&mut self, rule: usize) -> bool {
        let at = self.evidence_at(rule);
        let times = &mut self.rules[rule].reentries;
        times.push(at);
        let third = times.len().checked_sub(3).map(|place| times[place]);
        third.is_some_and(|third| at - third <= Self::flap_window(rule))
    }

    /// The alert of a rule follows its condition.
    pub(super) fn follow(&mut self, rule: usize, late: bool) {
        let level = self.active(rule);
        let Some(id) = self.rules[rule].episode else {
            if let Some(level) = level {
                self.open(rule, level);
            }
            return;
        };
        if !self.alert(id).unwrap().open() {
            return self.follow_closed(rule, id, level);
        }
        let alert = self.get(id);
        let before = alert.now;
        let was_unverified = std::mem::take(&mut alert.unverified);
        match (before, level) {
            (None, None) => {}
            (None, Some(level)) => self.comes_back(id, level),
            (Some(_), None) => self.goes(id, late),
            (Some(old), Some(new)) if new > old => self.rises(id, new, Why::Raised),
            (Some(old), Some(new)) if old == new && !was_unverified => {}
            (Some(old), Some(new)) => {
                alert.now = level;
                let news = new < old && !alert.unstable || new == old && was_unverified;
                alert.revision += u32::from(news);
                self.attend(id, None);
            }
        }
    }

    /// Whoever resolved it is not called again for the same, only for worse; it is done with when the
    /// condition is over.
    pub(super) fn follow_closed(&mut self, rule: usize, id: u32, level: Option<Level>) {
        let closed = self.get(id);
        match level {
            Some(level) if level > closed.level() => {
                closed.now = None;
                self.open(rule, level);
            }
            Some(_) => {}
            None => {
                closed.now = None;
                self.rules[rule].episode = None;
            }
        }
    }

    pub(super) fn open(&mut self, rule: usize, level: Level) {
        // Of closed alerts only the last of a rule is kept.
        let again = self.alerts.iter().any(|alert| alert.rule == rule);
        let unstable = again && self.flaps(rule);
        self.alerts.retain(|alert| alert.rule != rule);
        let id = self.next;
        self.next += 1;
        self.alerts.push(Alert {
            id,
            rule,
            now: Some(level),
            unverified: self.rules[rule].unverified,
            worst: level,
            latched: false,
            revision: 1,
            repeats: 0,
            unstable,
            stale: 0,
            opened_at: self.now,
            cleared_at: None,
            response: Response::Unowned,
            quiet: Quiet::No,
            round: None,
            rounds: 0,
            exhausted: false,
            trial: None,
        });
        self.rules[rule].episode = Some(id);
        self.attend(id, Some(Why::Opened));
    }

    pub(super) fn comes_back(&mut self, id: u32, level: Level) {
        let alert = self.get(id);
        let (rule, worse) = (alert.rule, level > alert.worst);
        alert.cleared_at = None;
        alert.latched = false;
        if alert.unstable && !worse {
            // One episode, as far as people are concerned: it never went away.
            alert.now = Some(level);
            return self.attend(id, None);
        }
        let becomes_unstable = !alert.unstable && self.flaps(rule);
        self.get(id).unstable |= becomes_unstable;
        self.rises(id, level, if worse { Why::Raised } else { Why::Reentered });
    }

    /// More severe, or back: an acknowledgement no longer stands. What nobody had and only rises is no
    /// repetition.
    pub(super) fn rises(&mut self, id: u32, level: Level, why: Why) {
        let was_there = self.get(id).now.replace(level).is_some();
        self.judge(id, false);
        let alert = self.get(id);
        let repeats = !was_there || alert.response != Response::Unowned;
        alert.now = Some(level);
        alert.worst = alert.worst.max(level);
        alert.repeats += u16::from(repeats);
        alert.revision += 1;
        alert.response = Response::Unowned;
        self.attend(id, Some(why));
    }

    /// The condition is over.
    pub(super) fn goes(&mut self, id: u32, late: bool) {
        let (now, told) = (self.now, self.was_told(id));
        let alert = self.get(id);
        alert.now = None;
        alert.cleared_at = Some(now);
        let urgent = alert.rule == HR_HIGH && alert.worst == Level::Urgent;
        alert.latched = urgent;
        if alert.unstable {
            return self.attend(id, None);
        }
        alert.revision += 1;
        let (rule, trial) = (alert.rule, alert.trial);
        match trial {
            Some((_, since, _)) if !late && self.evidence_at(rule) > since => self.judge(id, true),
            _ => self.get(id).trial = None,
        }
        let alert = self.get(id);
        if late && !told && alert.rounds > 0 && alert.response == Response::Unowned {
            // Nobody has heard of it, and there is nothing to hear.
            alert.latched = false;
            alert.revision += 1;
            return self.close(id);
        }
        self.attend(id, None);
        if !urgent && !self.ward.reopens {
            self.get(id).revision += 1;
            self.close(id);
        }
    }

    pub(super) fn close(&mut self, id: u32) {
        let now = self.now;
        let alert = self.get(id);
        alert.response = Response::Closed { at: now, resolved: false };
        alert.trial = None;
        let rule = alert.rule;
        self.rules[rule].episode = None;
        self.attend(id, None);
    }

    /// Whether a message about it has left the house.
    pub(super) fn was_told(&self, id: u32) -> bool {
        use DeliveryState::{Delivered, Handed, Seen};
        let left = |m: &&Message| matches!(m.state, Handed | Delivered | Seen);
        self.messages.iter().filter(left).any(|message| message.alerts.contains(&id))
    }
}
