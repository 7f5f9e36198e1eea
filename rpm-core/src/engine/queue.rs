//! The queues of open alerts, the most pressing first, kept in order as alerts change.
//!
//! A priority grows while nobody answers, so it cannot be kept sorted as it is. What is kept sorted is
//! the part that stands still; of alerts that agree in it the one that has waited longest is first.
//! A look at a queue goes through few such groups, however many alerts wait. A score that grows too old to
//! count moves its patient's alerts at that time, by a wake-up of its own.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Bound;

use super::patient::Patient;
use crate::alert::Alert;
use crate::alert::priority::{Facts, MOST_UNATTENDED};
use crate::id::{AlertId, PatientKey};
use crate::policy::Policy;
use crate::record::Priority;
use crate::redact::redacted;
use crate::time::HostTime;

/// An alert that waits in a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub patient: PatientKey,
    /// Which.
    pub alert: AlertId,
    /// Why it stands where it does.
    pub priority: Priority,
}

redacted!(Waiting);

/// The queue of alerts that no route takes.
const UNROUTED: u16 = u16::MAX;

/// A place in a queue, in the order of queues.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    queue: u16,
    /// The part of the priority that stands still.
    rank: Reverse<i32>,
    /// Only what nobody has answered becomes more pressing.
    answered: bool,
    since: HostTime,
    patient: u32,
    alert: AlertId,
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    places: BTreeSet<Place>,
    /// Of patients with any.
    by_patient: BTreeMap<u32, Vec<Place>>,
}

impl Board {
    /// Puts a patient's alerts where they belong now.
    pub fn update(&mut self, key: u32, patient: &Patient, policy: &Policy, now: HostTime) {
        let waits = |a: &&Alert| a.is_open() && !a.shadow && a.suppression.is_none();
        if patient.alerts.iter().find(waits).is_none() && !self.by_patient.contains_key(&key) {
            return;
        }
        for place in self.by_patient.remove(&key).unwrap_or_default() {
            self.places.remove(&place);
        }
        let alerts = patient.alerts.iter().filter(waits);
        let places: Vec<Place> =
            alerts.map(|alert| place(key, patient, alert, policy, now)).collect();
        self.places.extend(places.iter().copied());
        if !places.is_empty() {
            self.by_patient.insert(key, places);
        }
    }

    /// The first of a queue, by what their priority is at a time.
    pub fn first(
        &self,
        patients: &[Patient],
        policy: &Policy,
        queue: Option<&str>,
        now: HostTime,
        most: usize,
    ) -> Vec<Waiting> {
        let Some(queue) = queue_number(policy, queue) else {
            return Vec::new();
        };
        let mut found: Vec<(i32, Place)> = Vec::new();
        let mut from = Bound::Included(Place::first_of(queue));
        while let Some(head) = self.places.range((from, Bound::Unbounded)).next() {
            let enough = found
                .get(most.wrapping_sub(1))
                .is_some_and(|(worst, _)| head.rank.0.saturating_add(MOST_UNATTENDED) < *worst);
            if head.queue != queue || enough {
                break;
            }
            let group = self.places.range(head..).take(most);
            let group = group.take_while(|p| {
                p.queue == queue && (p.rank, p.answered) == (head.rank, head.answered)
            });
            found.extend(group.filter_map(|place| {
                let (patient, alert) = place.of(patients)?;
                Some((patient.facts(policy, alert, now).priority().total, *place))
            }));
            found.sort_unstable_by_key(|(total, place)| (Reverse(*total), *place));
            found.truncate(most);
            from = Bound::Excluded(head.last_of_group());
        }
        let waiting = |(_, place): &(i32, Place)| {
            let (patient, alert) = place.of(patients)?;
            let priority = patient.facts(policy, alert, now).priority();
            Some(Waiting { patient: PatientKey(place.patient), alert: place.alert, priority })
        };
        found.iter().filter_map(waiting).collect()
    }
}

impl Place {
    fn first_of(queue: u16) -> Self {
        Self {
            queue,
            rank: Reverse(i32::MAX),
            answered: false,
            since: HostTime::NEVER,
            patient: 0,
            alert: AlertId(0),
        }
    }

    fn last_of_group(&self) -> Self {
        let since = HostTime::from_millis(i64::MAX);
        Self { since, patient: u32::MAX, alert: AlertId(u32::MAX), ..*self }
    }

    fn of<'a>(&self, patients: &'a [Patient]) -> Option<(&'a Patient, &'a Alert)> {
        let patient = patients.get(self.patient as usize)?;
        Some((patient, patient.alert(self.alert)?))
    }
}

fn place(key: u32, patient: &Patient, alert: &Alert, policy: &Policy, now: HostTime) -> Place {
    let since = alert.escalation.unattended_since;
    let facts = Facts { unattended: 0, ..patient.facts(policy, alert, now) };
    Place {
        queue: alert.escalation.route.map_or(UNROUTED, |route| policy.care().queue_of(route)),
        rank: Reverse(facts.priority().total),
        answered: since.is_none(),
        since: since.unwrap_or(alert.opened_at),
        patient: key,
        alert: alert.id,
    }
}

fn queue_number(policy: &Policy, name: Option<&str>) -> Option<u16> {
    let Some(name) = name else {
        return Some(UNROUTED);
    };
    let routes = &policy.care().routes;
    routes.iter().position(|route| route.queue == name).map(|index| index as u16)
}
