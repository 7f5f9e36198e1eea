//! The patient card: what is open, how grave it is, who has it, who was told.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use serde::Serialize;

use super::owner::Owner;
use crate::id::AlertId;
use crate::record::explain::Message;
use crate::record::{
    AlertChange, Body, Clause, ConditionState, Level, Priority, Record, Status, Tried,
};
use crate::redact::redacted;
use crate::small_map::SmallMap;
use crate::time::{HostTime, Timestamp};

/// So many messages of an alert are kept, the latest ones.
pub const MESSAGES: usize = 8;

/// One open alert on the card.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CardAlert {
    /// Which.
    pub alert: AlertId,
    /// Its rule.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How severe it was last.
    pub level: Level,
    /// Whether it only records.
    pub shadow: bool,
    /// What people have done about it.
    pub status: Status,
    /// The condition by the last record; active if there was none since it opened.
    pub condition: ConditionState,
    /// Since when the limit was crossed, in event time.
    pub onset: Timestamp,
    /// When it opened.
    pub opened_at: HostTime,
    /// The revision that a command has to name.
    pub revision: u32,
    /// What to look at first and why, as the last record that said so has it.
    pub priority: Priority,
    /// Where it waits, if a route took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// What keeps it from annunciating, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppression: Option<String>,
    /// The last person who did something about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Until when that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<HostTime>,
    /// What was measured when it opened or last came back or rose.
    pub evidence: Vec<Clause>,
    /// What was done about the patient's alerts of the rule, and whether it helped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Tried>,
    /// Who was told last, and who was not.
    pub messages: VecDeque<Message>,
}

redacted!(CardAlert, Card);

/// The fold over one patient's records; those of others change nothing.
///
/// ```
/// use rpm_core::PatientId;
/// use rpm_core::insight::{Card, Owner};
///
/// let card = Card::new(Owner { tenant: None, patient: PatientId::new("p1").unwrap() });
/// // card.fold(&record), for each record
/// assert_eq!(card.to_string(), "p1: nothing is open");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    owner: Owner,
    alerts: SmallMap<AlertId, CardAlert>,
}

impl Card {
    /// Of a patient.
    pub fn new(owner: Owner) -> Self {
        Self { owner, alerts: SmallMap::new() }
    }

    /// Whose card it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Takes in the next record.
    pub fn fold(&mut self, record: &Record) {
        if !self.owner.owns(record) {
            return;
        }
        if let Some(opened) = CardAlert::opened(record) {
            // A closed one of the rule does not open again.
            self.alerts.retain(|_, old| old.is_open() || old.rule != opened.rule);
            self.alerts.insert(opened.alert, opened);
        }
        self.alerts.values_mut().for_each(|alert| alert.go_on(record));
    }

    /// What is open: what annunciates before what only records, then by priority.
    pub fn open(&self) -> Vec<&CardAlert> {
        let mut open: Vec<_> = self.alerts.values().filter(|alert| alert.is_open()).collect();
        open.sort_by_key(|alert| (alert.shadow, Reverse(alert.priority.total)));
        open
    }
}

impl CardAlert {
    fn opened(record: &Record) -> Option<Self> {
        let Body::AlertOpened {
            alert,
            rule,
            title,
            level,
            shadow,
            onset,
            evidence,
            priority,
            queue,
            interventions,
            ..
        } = &record.body
        else {
            return None;
        };
        Some(Self {
            alert: *alert,
            rule: rule.clone(),
            title: title.clone(),
            level: *level,
            shadow: *shadow,
            status: Status::New,
            condition: ConditionState::Active(*level),
            onset: *onset,
            opened_at: record.at,
            revision: 1,
            priority: priority.clone(),
            queue: queue.clone(),
            suppression: None,
            by: None,
            until: None,
            evidence: evidence.clone(),
            interventions: interventions.clone(),
            messages: VecDeque::new(),
        })
    }

    fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    fn go_on(&mut self, record: &Record) {
        match &record.body {
            Body::AlertChanged { alert, change, .. }
                if *alert == self.alert && (self.is_open() || *change == AlertChange::Reopened) =>
            {
                self.change(&record.body);
            }
            Body::InterventionJudged { alert, so_far, .. } if *alert == self.alert => {
                so_far.clone().put_into(&mut self.interventions);
            }
            body => {
                self.messages.iter_mut().for_each(|message| message.follow(body));
                if let Some(message) = Message::of(record.at, body, self.alert) {
                    if self.messages.len() == MESSAGES {
                        self.messages.pop_front();
                    }
                    self.messages.push_back(message);
                }
            }
        }
    }

    fn change(&mut self, body: &Body) {
        let Body::AlertChanged {
            change,
            revision,
            status,
            condition,
            by,
            until,
            suppression,
            priority,
            queue,
            evidence,
            ..
        } = body
        else {
            return;
        };
        self.revision = *revision;
        self.status = *status;
        self.condition = *condition;
        self.suppression.clone_from(suppression);
        self.shadow &= *change != AlertChange::Surfaced;
        if let Some(level) = crate::alert::level_of(*condition) {
            self.level = level;
        }
        if by.is_some() {
            self.by.clone_from(by);
            self.until = *until;
        }
        if let Some(priority) = priority {
            self.priority = priority.clone();
        }
        if queue.is_some() {
            self.queue.clone_from(queue);
        }
        if !evidence.is_empty() {
            self.evidence.clone_from(evidence);
        }
    }
}

/// Written as the patient and the open alerts in order.
impl Serialize for Card {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            owner: &'a Owner,
            open: Vec<&'a CardAlert>,
        }
        Written { owner: &self.owner, open: self.open() }.serialize(serializer)
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open();
        if open.is_empty() {
            return write!(f, "{}: nothing is open", self.owner);
        }
        write!(f, "{}: {} open", self.owner, open.len())?;
        open.iter().try_for_each(|alert| write!(f, "\n{alert}"))
    }
}

impl fmt::Display for CardAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alert, title, level, onset, priority, .. } = self;
        write!(f, "{alert}  {title}: {}, {}, since {onset}", level.name(), words(self.status))?;
        self.by.iter().try_for_each(|by| write!(f, ", last by {by}"))?;
        self.suppression.iter().try_for_each(|why| write!(f, ", {}", why.replace('_', " ")))?;
        if self.shadow {
            f.write_str(", shadow: only records")?;
        }
        write!(f, "\n    priority {}", priority.total)?;
        for (at, term) in priority.terms.iter().enumerate() {
            let before = if at == 0 { ": " } else { ", " };
            write!(f, "{before}{} {}", term.name.replace('_', " "), term.points)?;
        }
        self.evidence.iter().try_for_each(|clause| write!(f, "\n    {clause}"))?;
        self.interventions.iter().try_for_each(|tried| write!(f, "\n    {tried}"))?;
        self.messages.iter().try_for_each(|message| write!(f, "\n    {message}"))
    }
}

fn words(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::Repeated(_) => "back again",
        Status::Acknowledged => "acknowledged",
        Status::InRemediation => "in remediation",
        Status::Resolved => "resolved",
    }
}
