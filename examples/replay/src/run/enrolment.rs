//! Who is expected to send what, from when to when, as a recording shows it.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::Timestamp;

use crate::input::row::Row;

/// A patient's stay in a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stay {
    /// The first reading.
    pub from: Timestamp,
    /// The last reading.
    pub until: Timestamp,
    /// What is read at all, as numbers of [`Names`](crate::input::names::Names).
    pub measures: BTreeSet<u32>,
}

/// The stays of all patients.
#[derive(Default)]
pub struct Stays {
    by_patient: BTreeMap<u32, Stay>,
}

impl Stays {
    /// Takes in a reading.
    pub fn see(&mut self, row: &Row) {
        let (from, until) = (row.observed, row.observed);
        let new = || Stay { from, until, measures: BTreeSet::new() };
        let stay = self.by_patient.entry(row.patient).or_insert_with(new);
        stay.from = stay.from.min(from);
        stay.until = stay.until.max(until);
        stay.measures.insert(row.measure);
    }

    /// The stay of a patient, once.
    pub fn take(&mut self, patient: u32) -> Option<Stay> {
        self.by_patient.remove(&patient)
    }
}
