//! An alert as its records tell it, in the turns that figures are made of.
//!
//! Somebody is *asked* when an alert opens, becomes more severe, comes back, or comes out of
//! suppression with nobody having it. From then on two clocks run, until somebody takes it and until
//! somebody resolves it. What becomes more severe is measured anew from then: nobody can have been
//! late for what was not yet so. What is suppressed waits for nobody.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as Unknown, StrDeserializer};
use smallvec::SmallVec;

use super::owner::Owner;
use crate::id::AlertId;
use crate::record::{AlertChange, Body, ConditionState, Level, Record, Resolution, Status};
use crate::small_map::SmallMap;
use crate::time::{Duration, HostTime};

/// The name under which alerts are counted that no route took.
pub(super) const UNROUTED: &str = "unrouted";

/// What is remembered of an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Episode {
    pub rule: String,
    pub queue: String,
    /// How severe it was last.
    pub level: Level,
    /// How severe it was when the clock for an answer last started.
    pub asked_as: Level,
    /// Since when it is open, or was last.
    pub open_since: HostTime,
    /// Whether everybody was told since somebody was asked.
    pub exhausted: bool,
    answer: Option<Clock>,
    resolution: Option<Clock>,
    active_since: Option<HostTime>,
    /// How often somebody was asked.
    asked: u32,
    /// It only records so far.
    shadow: bool,
    pub open: bool,
}

/// Since when somebody is waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Clock {
    pub since: HostTime,
    /// How severe it was then.
    pub level: Level,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wait {
    Answer,
    Resolution,
}

/// Why somebody is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    Opened,
    Worse,
    Back,
    Unsuppressed,
}

/// One turn of an alert; a record can cause several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Opened, by a rule that only records. Nothing else is said of it.
    Shadow,
    /// Opened, and this long after its onset and its observation.
    Opened { condition: Duration, signal: Duration },
    /// Somebody is asked.
    Asked(Ask),
    /// Somebody would have been asked.
    Hushed,
    /// It was suppressed as it opened: nobody was asked after all.
    TakenBack,
    /// A clock starts.
    Started(Wait, Clock),
    /// What it waited for has happened.
    Met(Wait, Clock),
    /// There is nothing to wait for any more.
    Dropped(Wait, Clock),
    /// Everybody was told.
    Exhausted,
    /// A person said what it was.
    Resolved(Option<Resolution>),
    /// The condition is over, so long after it began.
    Over(Duration),
    /// Closed; whether somebody was asked and nobody ever answered.
    Ended { unanswered: bool },
}

type Turns = SmallVec<[Turn; 6]>;

/// The alerts of many patients that are open, and those closed ones that may open again: at most one
/// for each rule of a patient.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Episodes {
    by_owner: BTreeMap<Owner, SmallMap<AlertId, Episode>>,
}

impl Episodes {
    /// Follows a record; `see` is told of each turn.
    pub fn follow(
        &mut self,
        record: &Record,
        mut see: impl FnMut(&Owner, AlertId, &Episode, Turn),
    ) {
        let Some((owner, id)) = Owner::of(record).zip(alert_of(&record.body)) else {
            return;
        };
        let mut turns = Turns::new();
        if let Some(episode) = opened(record) {
            let alerts = self.by_owner.entry(owner.clone()).or_default();
            // What is closed does not open again once its rule has another.
            alerts.retain(|_, old| old.open || old.rule != episode.rule);
            alerts.insert(id, episode);
        }
        let alerts = self.by_owner.get_mut(&owner);
        let Some(episode) = alerts.and_then(|alerts| alerts.get_mut(&id)) else {
            return;
        };
        episode.take(record, &mut turns);
        for turn in turns {
            see(&owner, id, episode, turn);
        }
    }

    /// Takes over what the other follows.
    pub fn merge(&mut self, other: Self) {
        for (owner, alerts) in other.by_owner {
            self.by_owner.entry(owner).or_default().extend(alerts);
        }
    }

    /// How severe an alert was last.
    pub fn level(&self, owner: &Owner, id: AlertId) -> Option<Level> {
        self.by_owner.get(owner)?.get(&id).map(|episode| episode.level)
    }

    /// Every open alert.
    pub fn open(&self) -> impl Iterator<Item = (&Owner, &Episode)> {
        let all = self.by_owner.iter();
        let all = all.flat_map(|(owner, alerts)| alerts.values().map(move |alert| (owner, alert)));
        all.filter(|(_, episode)| episode.open && !episode.shadow)
    }
}

/// The alert that a record is about.
fn alert_of(body: &Body) -> Option<AlertId> {
    match body {
        Body::AlertOpened { alert, .. }
        | Body::AlertChanged { alert, .. }
        | Body::EscalationExhausted { alert, .. } => Some(*alert),
        _ => None,
    }
}

fn opened(record: &Record) -> Option<Episode> {
    let Body::AlertOpened { rule, level, queue, shadow, .. } = &record.body else {
        return None;
    };
    Some(Episode {
        rule: rule.clone(),
        queue: queue.clone().unwrap_or_else(|| UNROUTED.into()),
        level: *level,
        asked_as: *level,
        open_since: record.at,
        exhausted: false,
        answer: None,
        resolution: None,
        active_since: Some(record.at),
        asked: 0,
        shadow: *shadow,
        open: true,
    })
}

/// What an [`AlertChange`]'s record says that matters here.
struct Changed<'a> {
    at: HostTime,
    change: AlertChange,
    status: Status,
    condition: ConditionState,
    suppressed: bool,
    by_person: bool,
    reason: Option<&'a str>,
}

impl Episode {
    /// Whether somebody was ever asked to look at it.
    pub fn was_asked(&self) -> bool {
        self.asked > 0
    }

    fn take(&mut self, record: &Record, turns: &mut Turns) {
        match &record.body {
            Body::AlertOpened { .. } if self.shadow => turns.push(Turn::Shadow),
            Body::AlertOpened { onset, observed_at, .. } => {
                let condition = observed_at.since(*onset);
                turns.push(Turn::Opened { condition, signal: record.at.age_of(*observed_at) });
                self.ask(record.at, Ask::Opened, turns);
            }
            Body::AlertChanged { change, status, condition, suppression, by, reason, .. } => {
                let changed = Changed {
                    at: record.at,
                    change: *change,
                    status: *status,
                    condition: *condition,
                    suppressed: suppression.is_some(),
                    by_person: by.is_some(),
                    reason: reason.as_deref(),
                };
                self.change(&changed, turns);
            }
            Body::EscalationExhausted { .. } => {
                self.exhausted = true;
                turns.push(Turn::Exhausted);
            }
            _ => {}
        }
    }

    /// What becomes of one that only records is nobody's business, until it does so no longer.
    fn change_shadow(&mut self, to: &Changed<'_>, turns: &mut Turns) {
        self.follow_condition(to, &mut Turns::new());
        self.open &= to.status != Status::Resolved;
        if to.change == AlertChange::Surfaced {
            (self.shadow, self.open_since) = (false, to.at);
            if to.suppressed || wants_answer(to) {
                self.ask_unless(to, Ask::Unsuppressed, turns);
            }
        }
    }

    fn change(&mut self, to: &Changed<'_>, turns: &mut Turns) {
        use AlertChange as C;
        if self.shadow {
            return self.change_shadow(to, turns);
        }
        self.follow_condition(to, turns);
        match to.change {
            C::Raised => self.ask_unless(to, Ask::Worse, turns),
            C::Reentered | C::BecameUnstable => self.ask_unless(to, Ask::Back, turns),
            C::Unsuppressed if wants_answer(to) => self.ask(to.at, Ask::Unsuppressed, turns),
            // Whoever had it does not have it any more: no new alarm, but somebody is waited for.
            C::Reopened => {
                (self.open, self.open_since) = (true, to.at);
                self.start(to, turns);
            }
            C::Lapsed | C::Unacknowledged | C::RemediationOverdue => self.start(to, turns),
            C::Shelved | C::SuppressedByRule | C::Inhibited | C::OutOfService => {
                self.hush(to, turns);
            }
            C::Acknowledged | C::RemediationStarted => meet(&mut self.answer, Wait::Answer, turns),
            C::Resolved => {
                meet(&mut self.answer, Wait::Answer, turns);
                meet(&mut self.resolution, Wait::Resolution, turns);
                turns.push(Turn::Resolved(to.reason.and_then(resolution)));
            }
            _ => {}
        }
        if to.status == Status::Resolved && self.open {
            self.open = false;
            let unanswered = self.answer.is_some() && to.change == C::Closed;
            self.drop_clocks(turns);
            turns.push(Turn::Ended { unanswered });
        }
    }

    fn follow_condition(&mut self, to: &Changed<'_>, turns: &mut Turns) {
        use ConditionState as C;
        match to.condition {
            C::Active(level) | C::Clearing(level) | C::ActiveUnverified(level) => {
                self.level = level;
                self.active_since = self.active_since.or(Some(to.at));
            }
            C::Latched(_) | C::Normal | C::Pending | C::NeverSeen => {
                if let Some(since) = self.active_since.take() {
                    turns.push(Turn::Over(to.at.since(since)));
                }
            }
        }
    }

    fn ask_unless(&mut self, to: &Changed<'_>, why: Ask, turns: &mut Turns) {
        if to.suppressed { turns.push(Turn::Hushed) } else { self.ask(to.at, why, turns) }
    }

    fn ask(&mut self, at: HostTime, why: Ask, turns: &mut Turns) {
        self.asked = self.asked.saturating_add(1);
        turns.push(Turn::Asked(why));
        self.start_clocks(at, why == Ask::Worse, turns);
    }

    /// Somebody is waited for again.
    fn start(&mut self, to: &Changed<'_>, turns: &mut Turns) {
        if !to.suppressed {
            self.start_clocks(to.at, false, turns);
        }
    }

    fn start_clocks(&mut self, since: HostTime, anew: bool, turns: &mut Turns) {
        self.exhausted = false;
        if self.answer.is_none() || anew {
            self.asked_as = self.level;
        }
        let now = Clock { since, level: self.level };
        restart(&mut self.answer, Wait::Answer, now, anew, turns);
        restart(&mut self.resolution, Wait::Resolution, now, anew, turns);
    }

    fn hush(&mut self, to: &Changed<'_>, turns: &mut Turns) {
        let as_it_opened = self.asked == 1 && to.at == self.open_since && !to.by_person;
        if as_it_opened {
            self.asked = 0;
            turns.push(Turn::TakenBack);
        }
        self.drop_clocks(turns);
    }

    fn drop_clocks(&mut self, turns: &mut Turns) {
        let answer = self.answer.take().map(|clock| Turn::Dropped(Wait::Answer, clock));
        let resolution = self.resolution.take().map(|c| Turn::Dropped(Wait::Resolution, c));
        turns.extend(answer.into_iter().chain(resolution));
    }
}

fn meet(clock: &mut Option<Clock>, wait: Wait, turns: &mut Turns) {
    turns.extend(clock.take().map(|clock| Turn::Met(wait, clock)));
}

/// Starts a clock; one that runs goes on, unless it is to be measured anew.
fn restart(clock: &mut Option<Clock>, wait: Wait, now: Clock, anew: bool, turns: &mut Turns) {
    if clock.is_some() && !anew {
        return;
    }
    turns.extend(clock.take().map(|old| Turn::Dropped(wait, old)));
    *clock = Some(now);
    turns.push(Turn::Started(wait, now));
}

/// Whether somebody should answer: open, with nobody having it, and not over.
fn wants_answer(to: &Changed<'_>) -> bool {
    let over = matches!(
        to.condition,
        ConditionState::Normal | ConditionState::Pending | ConditionState::NeverSeen
    );
    matches!(to.status, Status::New | Status::Repeated(_)) && !to.suppressed && !over
}

/// The resolution of this name; a name that is not known says nothing.
pub(super) fn resolution(name: &str) -> Option<Resolution> {
    let name: StrDeserializer<'_, Unknown> = name.into_deserializer();
    Resolution::deserialize(name).ok()
}
