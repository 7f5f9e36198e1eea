//! What the service levels should be, computed again from all records: whoever wants to know
//! something of an alert looks at its whole story.

use std::collections::BTreeMap;

use rpm_core::insight::slo::{
    BurnPolicy, BurnWindows, Indicator, Latency, Miss, Objective, ObjectiveReport,
};
use rpm_core::record::{
    AlertChange as C, Body, ConditionState as S, DeliveryState as D, Level, Record, Status,
};
use rpm_core::{AlertId, Duration, HostTime, PatientId};

/// What a report says of an objective: events, bad ones, whether it pages; and so for each window.
pub type Figures = (u64, u64, bool, Vec<(u64, u64, bool)>);

/// What the fold says.
pub fn figures(report: &ObjectiveReport) -> Figures {
    let burns = report.burns.iter().map(|burn| (burn.events, burn.bad, burn.pages));
    (report.events, report.bad, report.pages, burns.collect())
}

/// What it should say; nothing of a latency other than that of an answer.
pub fn expected(
    records: &[Record],
    of: &Objective,
    policy: &BurnPolicy,
    now: HostTime,
) -> Option<Figures> {
    let events = match of.indicator {
        Indicator::Miss { of: Miss::Undelivered } => messages(records),
        Indicator::Miss { of } => stories(records).values().flat_map(|s| s.misses(of)).collect(),
        Indicator::Latency { of: Latency::Acknowledged, within } => {
            stories(records).values().flat_map(|s| s.answers(within, now)).collect()
        }
        Indicator::Latency { .. } => return None,
    };
    let minute = |at: HostTime| at.as_millis().div_euclid(60_000);
    let count = |window: Duration| {
        let before = minute(HostTime::from_millis(now.as_millis() - window.as_millis()));
        let counts = |e: &&Event| e.critical == of.critical && minute(e.at) > before;
        let all: Vec<&Event> = events.iter().filter(counts).collect();
        (all.len() as u64, all.iter().filter(|e| !e.good).count() as u64)
    };
    let budget = 1000 - u64::from(of.share_permille);
    let burn = |windows: &BurnWindows| {
        let ((all, bad), (recent, recent_bad)) = (count(windows.long), count(windows.short));
        let fast = |all: u64, bad: u64| {
            all > 0 && bad * 1_000_000 >= windows.factor_permille * budget * all
        };
        let enough = all >= policy.min_events && bad >= policy.min_bad;
        let pages = if budget == 0 {
            bad > 0 && recent_bad > 0
        } else {
            enough && fast(all, bad) && fast(recent, recent_bad)
        };
        (all, bad, pages)
    };
    let burns: Vec<_> = policy.windows.iter().map(burn).collect();
    let (all, bad) = count(policy.period);
    Some((all, bad, burns.iter().any(|(_, _, pages)| *pages), burns))
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: HostTime,
    critical: bool,
    good: bool,
}

/// All records about one alert.
struct Story<'a>(Vec<&'a Record>);

/// From a record that asks somebody to the one that ends the waiting.
struct Asking {
    start: usize,
    end: Option<usize>,
}

type Key = (Option<PatientId>, AlertId);

/// Of alerts that annunciate.
fn stories(records: &[Record]) -> BTreeMap<Key, Story<'_>> {
    let mut stories: BTreeMap<Key, Story<'_>> = BTreeMap::new();
    for (key, record) in records.iter().filter_map(|record| Some((about(record)?, record))) {
        if matches!(record.body, Body::AlertOpened { shadow: false, .. }) {
            stories.insert(key, Story(vec![record]));
        } else if let Some(story) = stories.get_mut(&key) {
            story.0.push(record);
        }
    }
    stories
}

fn about(record: &Record) -> Option<Key> {
    match &record.body {
        Body::AlertOpened { alert, .. }
        | Body::AlertChanged { alert, .. }
        | Body::EscalationExhausted { alert, .. } => Some((record.patient.clone(), *alert)),
        _ => None,
    }
}

impl Story<'_> {
    fn change(&self, index: usize) -> Option<C> {
        match &self.0[index].body {
            Body::AlertChanged { change, .. } => Some(*change),
            _ => None,
        }
    }

    fn is_exhaustion(&self, index: usize) -> bool {
        matches!(self.0[index].body, Body::EscalationExhausted { .. })
    }

    /// Whether from this record on somebody should answer, if nobody has it.
    fn asks(&self, index: usize) -> bool {
        let Body::AlertChanged { change, status, condition, suppression, .. } = &self.0[index].body
        else {
            return matches!(self.0[index].body, Body::AlertOpened { .. });
        };
        let wanted = match change {
            C::Unsuppressed => {
                let over = matches!(condition, S::Normal | S::Pending | S::NeverSeen);
                matches!(status, Status::New | Status::Repeated(_)) && !over
            }
            C::Raised
            | C::Reentered
            | C::BecameUnstable
            | C::Reopened
            | C::Lapsed
            | C::Unacknowledged
            | C::RemediationOverdue => true,
            _ => false,
        };
        wanted && suppression.is_none()
    }

    /// Whether it is worse, and measured anew.
    fn renews(&self, index: usize) -> bool {
        self.change(index) == Some(C::Raised) && self.asks(index)
    }

    fn is_answer(&self, index: usize) -> bool {
        let change = self.change(index);
        matches!(change, Some(C::Acknowledged | C::RemediationStarted | C::Resolved))
    }

    /// Whether nobody is waited for after this record, whatever was before.
    fn ends(&self, index: usize) -> bool {
        let hushes = [C::Shelved, C::SuppressedByRule, C::Inhibited, C::OutOfService];
        let change = self.change(index);
        let closed =
            matches!(self.0[index].body, Body::AlertChanged { status: Status::Resolved, .. });
        self.is_answer(index) || closed || change.is_some_and(|c| hushes.contains(&c))
    }

    fn askings(&self) -> Vec<Asking> {
        let starts = |i: &usize| {
            let before = (0..*i).rev().find(|j| self.asks(*j) || self.ends(*j));
            let waits = before.is_some_and(|j| self.asks(j));
            self.asks(*i) && (!waits || self.renews(*i))
        };
        let end =
            |start: usize| (start + 1..self.0.len()).find(|i| self.ends(*i) || self.renews(*i));
        (0..self.0.len()).filter(starts).map(|start| Asking { start, end: end(start) }).collect()
    }

    /// How severe it was after this record.
    fn is_urgent(&self, index: usize) -> bool {
        let level = |i: usize| match &self.0[i].body {
            Body::AlertOpened { level, .. } => Some(*level),
            Body::AlertChanged {
                condition: S::Active(level) | S::Clearing(level) | S::ActiveUnverified(level),
                ..
            } => Some(*level),
            _ => None,
        };
        (0..=index).rev().find_map(level) == Some(Level::Urgent)
    }

    /// Whether everybody was told before this record, since somebody was last asked.
    fn is_exhausted(&self, index: usize) -> bool {
        let last = (0..index).rev().find(|i| self.asks(*i) || self.is_exhaustion(*i));
        last.is_some_and(|i| self.is_exhaustion(i))
    }

    fn misses(&self, of: Miss) -> Vec<Event> {
        let askings = self.askings();
        let mut events = Vec::new();
        for (i, record) in self.0.iter().enumerate() {
            let asking = askings.iter().rfind(|asking| asking.start < i);
            let Some(asking) = asking else { continue };
            let waited = asking.end.is_none_or(|end| end >= i);
            let answered = waited && self.is_answer(i);
            let good = match of {
                Miss::Missed if self.is_exhaustion(i) => Some(false),
                Miss::Missed if answered && !self.is_exhausted(i) => Some(true),
                Miss::Late if answered => Some(!self.is_exhausted(i)),
                Miss::Unanswered if answered => Some(true),
                Miss::Unanswered if waited && self.change(i) == Some(C::Closed) => Some(false),
                Miss::Duplicate if self.change(i) == Some(C::Resolved) => {
                    let Body::AlertChanged { reason, .. } = &record.body else { continue };
                    Some(reason.as_deref() != Some("duplicate"))
                }
                _ => None,
            };
            let critical = self.is_urgent(asking.start);
            events.extend(good.map(|good| Event { at: record.at, critical, good }));
        }
        events
    }

    /// Answers in time, and times that were up without one.
    fn answers(&self, within: Duration, now: HostTime) -> Vec<Event> {
        let event = |asking: &Asking| {
            let until = self.0[asking.start].at.plus(within);
            let end = asking.end.map(|end| (self.0[end].at, self.is_answer(end)));
            let critical = self.is_urgent(asking.start);
            match end {
                Some((at, answered)) if at <= until => {
                    answered.then_some(Event { at, critical, good: true })
                }
                Some(_) => Some(Event { at: until, critical, good: false }),
                None => (until < now).then_some(Event { at: until, critical, good: false }),
            }
        };
        self.askings().iter().filter_map(event).collect()
    }
}

/// Messages that arrived, and those that never will.
fn messages(records: &[Record]) -> Vec<Event> {
    let mut events = Vec::new();
    for (i, planned) in records.iter().enumerate() {
        let Body::DeliveryPlanned { key: wanted, alerts, .. } = &planned.body else { continue };
        let is_urgent = |alert: &AlertId| {
            let key = Some((planned.patient.clone(), *alert));
            let story = Story(records[..i].iter().filter(|r| about(r) == key).collect());
            story.0.len().checked_sub(1).is_some_and(|last| story.is_urgent(last))
        };
        let critical = alerts.iter().any(is_urgent);
        let end = records[i..].iter().find_map(|record| match &record.body {
            Body::DeliveryChanged { key, state, .. } if key == wanted => match state {
                D::Planned | D::Handed => None,
                D::Cancelled => Some(None),
                D::Delivered | D::Seen => Some(Some((record.at, true))),
                D::Failed | D::Expired => Some(Some((record.at, false))),
            },
            _ => None,
        });
        events.extend(end.flatten().map(|(at, good)| Event { at, critical, good }));
    }
    events
}
