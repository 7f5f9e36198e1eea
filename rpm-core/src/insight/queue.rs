//! What waits to be looked at, the most pressing first, from records alone.
//!
//! The engine has a queue of its own, whose priorities grow while nobody answers. This one is for hosts
//! that only have records: an alert stands where it stood when it opened, or where the last record
//! that moved it put it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use serde::Serialize;

use super::episode::UNROUTED;
use super::owner::Owner;
use crate::id::AlertId;
use crate::record::{AlertChange, Body, ConditionState, Level, Record, Status, Tried};
use crate::redact::redacted;
use crate::time::HostTime;

/// An open alert in its queue.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Whose.
    #[serde(flatten)]
    pub owner: Owner,
    /// Which.
    pub alert: AlertId,
    /// Its rule.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How severe it was last.
    pub level: Level,
    /// Whether it only records so far, and waits for nobody.
    #[serde(skip)]
    pub(crate) shadow: bool,
    /// What people have done about it.
    pub status: Status,
    /// The condition by the last record; active if there was none since it opened.
    pub condition: ConditionState,
    /// What keeps it from annunciating, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppression: Option<String>,
    /// The revision that a command has to name.
    pub revision: u32,
    /// Greater is sooner.
    pub priority: i32,
    /// When it opened.
    pub opened_at: HostTime,
    /// Where it waits; `unrouted` if no route took it.
    pub queue: String,
    /// What was done about the patient's alerts of the rule, and whether it helped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Tried>,
}

redacted!(Entry);

/// The fold: the open alerts of every queue.
///
/// ```
/// use rpm_core::insight::Queues;
/// # let records: Vec<rpm_core::record::Record> = Vec::new();
///
/// let mut queues = Queues::default();
/// for record in &records {
///     queues.fold(record);
/// }
/// for entry in queues.of("ward") {
///     println!("{entry}");
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Queues {
    alerts: BTreeMap<(Owner, AlertId), Entry>,
}

impl Queues {
    /// Takes in the next record.
    pub fn fold(&mut self, record: &Record) {
        let Some(owner) = Owner::of(record) else {
            return;
        };
        if let Some(entry) = opened(&owner, record) {
            // A closed one of the rule does not open again.
            let whose = (owner.clone(), AlertId(0))..=(owner.clone(), AlertId(u32::MAX));
            let old =
                self.alerts.range(whose).find(|(_, old)| !old.waits() && old.rule == entry.rule);
            if let Some(key) = old.map(|(key, _)| key.clone()) {
                self.alerts.remove(&key);
            }
            self.alerts.insert((owner, entry.alert), entry);
        } else if let Body::AlertChanged { alert, .. } | Body::InterventionJudged { alert, .. } =
            &record.body
        {
            if let Some(entry) = self.alerts.get_mut(&(owner, *alert)) {
                entry.change(&record.body);
            }
        }
    }

    /// The names of queues in which something waits.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.open().map(|entry| entry.queue.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What waits in a queue, by priority; of the same priority what has waited longer is first.
    pub fn of(&self, queue: &str) -> Vec<&Entry> {
        self.chosen(queue, false)
    }

    /// What would wait in a queue and is suppressed, in the same order.
    pub fn suppressed(&self, queue: &str) -> Vec<&Entry> {
        self.chosen(queue, true)
    }

    fn chosen(&self, queue: &str, suppressed: bool) -> Vec<&Entry> {
        let wanted = |e: &&Entry| e.queue == queue && e.suppression.is_some() == suppressed;
        let mut found: Vec<&Entry> = self.open().filter(wanted).collect();
        // Stable: what is equal stays in the order of patients.
        found.sort_by_key(|entry| (Reverse(entry.priority), entry.opened_at));
        found
    }

    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.alerts.values().filter(|entry| entry.waits() && !entry.shadow)
    }
}

fn opened(owner: &Owner, record: &Record) -> Option<Entry> {
    let Body::AlertOpened {
        alert, rule, title, level, shadow, priority, queue, interventions, ..
    } = &record.body
    else {
        return None;
    };
    Some(Entry {
        owner: owner.clone(),
        alert: *alert,
        rule: rule.clone(),
        title: title.clone(),
        level: *level,
        shadow: *shadow,
        status: Status::New,
        condition: ConditionState::Active(*level),
        suppression: None,
        revision: 1,
        priority: priority.total,
        opened_at: record.at,
        queue: queue.clone().unwrap_or_else(|| UNROUTED.into()),
        interventions: interventions.clone(),
    })
}

impl Entry {
    /// Whether it is open.
    fn waits(&self) -> bool {
        self.status != Status::Resolved
    }

    fn change(&mut self, body: &Body) {
        if let Body::InterventionJudged { so_far, .. } = body {
            so_far.clone().put_into(&mut self.interventions);
        }
        let Body::AlertChanged {
            change,
            revision,
            status,
            condition,
            suppression,
            priority,
            queue,
            ..
        } = body
        else {
            return;
        };
        // What was closed is opened again by one change only; a note on it changes nothing.
        if !self.waits() && *change != AlertChange::Reopened {
            return;
        }
        self.revision = *revision;
        self.status = *status;
        self.condition = *condition;
        self.suppression.clone_from(suppression);
        self.shadow &= *change != AlertChange::Surfaced;
        if let Some(level) = crate::alert::level_of(*condition) {
            self.level = level;
        }
        if let Some(priority) = priority {
            self.priority = priority.total;
        }
        if let Some(queue) = queue {
            self.queue.clone_from(queue);
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, owner, alert, title, level, opened_at, .. } = self;
        write!(f, "{priority:>5}  {owner}/{alert}  {title}, {}, since {opened_at}", level.name())?;
        self.suppression.iter().try_for_each(|why| write!(f, " ({})", why.replace('_', " ")))?;
        self.interventions.iter().try_for_each(|tried| write!(f, ", {tried}"))
    }
}
