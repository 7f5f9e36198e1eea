//! What became of each input: every one is counted exactly once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rpm_core::event::{Body, Event};
use rpm_core::policy::Policy;
use rpm_core::{Code, Receipt, Timestamp};
use serde::Serialize;

use super::recompute::Recomputed;

/// Inputs in, and what became of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Fates {
    /// How many came.
    #[serde(rename = "in")]
    pub total: u64,
    /// Taken in.
    pub accepted: u64,
    /// Known already.
    pub duplicate: u64,
    /// Refused.
    pub quarantined: u64,
    /// Refused, by the reason's name.
    pub quarantined_by_reason: BTreeMap<&'static str, u64>,
}

impl Fates {
    fn count(&mut self, receipt: Receipt) {
        self.total += 1;
        match receipt {
            Receipt::Accepted => self.accepted += 1,
            Receipt::Duplicate => self.duplicate += 1,
            Receipt::Quarantined(code) => {
                self.quarantined += 1;
                *self.quarantined_by_reason.entry(code.name()).or_default() += 1;
            }
        }
    }

    /// Takes in another count.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.quarantined += other.quarantined;
        for (reason, count) in &other.quarantined_by_reason {
            *self.quarantined_by_reason.entry(reason).or_default() += count;
        }
    }
}

/// Commands, and what became of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Orders {
    /// Obeyed.
    pub accepted: u64,
    /// Refused, by the reason's name.
    pub refused: BTreeMap<&'static str, u64>,
}

/// The counts of one replay.
#[derive(Clone, Debug)]
pub struct Tally {
    /// All inputs.
    pub all: Fates,
    /// Inputs of each kind that the engine or the policy knows.
    pub kinds: BTreeMap<String, Fates>,
    /// Accepted readings of kinds that no signal of the policy reads.
    pub unmonitored: BTreeMap<String, u64>,
    /// Accepted readings that say that there is no value.
    pub without_value: BTreeMap<String, u64>,
    /// Commands.
    pub orders: Orders,
    /// What came of asking again for recorded scores, if that was asked.
    pub recomputed: Option<Recomputed>,
    /// Patients enrolled by their recording; no inputs of the files.
    pub enrolled: u64,
    /// The files, as they were named.
    pub files: Vec<String>,
    monitored: Vec<String>,
    /// First and last observed time of each patient's accepted events.
    spans: Vec<Option<(Timestamp, Timestamp)>>,
}

/// Where inputs are counted whose kind is not known.
const NO_KIND: &str = "(none or unknown)";

impl Tally {
    /// Nothing yet.
    pub fn new(policy: &Policy, files: &[PathBuf]) -> Self {
        let signals = policy.signals().iter();
        let kinds = signals.filter_map(|s| policy.kind_name(s.kind()));
        Self {
            all: Fates::default(),
            kinds: BTreeMap::new(),
            unmonitored: BTreeMap::new(),
            without_value: BTreeMap::new(),
            orders: Orders::default(),
            recomputed: None,
            enrolled: 0,
            files: files.iter().map(|f| f.display().to_string()).collect(),
            monitored: kinds.map(ToString::to_string).collect(),
            spans: Vec::new(),
        }
    }

    /// A row that became no event.
    pub fn refused(&mut self, kind: Option<&str>, code: Code) {
        self.count(kind, Receipt::Quarantined(code));
    }

    /// An event that the engine answered.
    pub fn answered(&mut self, kind: Option<&str>, patient: u32, event: &Event, receipt: Receipt) {
        self.count(kind, receipt);
        if receipt != Receipt::Accepted {
            return;
        }
        if let (Some(kind), Body::Reading { value: Err(_), .. }) = (kind, &event.body) {
            update(&mut self.without_value, kind, |count| *count += 1);
        }
        let observed = event.observed_at;
        if let Some(kind) = kind.filter(|kind| !self.monitored.iter().any(|m| m == kind)) {
            update(&mut self.unmonitored, kind, |count| *count += 1);
        }
        let at = patient as usize;
        if self.spans.len() <= at {
            self.spans.resize(at + 1, None);
        }
        let (first, last) = self.spans[at].unwrap_or((observed, observed));
        self.spans[at] = Some((first.min(observed), last.max(observed)));
    }

    /// A command that the engine answered.
    pub fn commanded(&mut self, answer: Result<(), Code>) {
        match answer {
            Ok(()) => self.orders.accepted += 1,
            Err(code) => *self.orders.refused.entry(code.name()).or_default() += 1,
        }
    }

    /// How many patients had an accepted event.
    pub fn patients(&self) -> u64 {
        self.spans.iter().flatten().count() as u64
    }

    /// The time from each patient's first to last accepted event, together, in milliseconds.
    pub fn patient_time(&self) -> i64 {
        let times = self.spans.iter().flatten();
        times.fold(0, |sum: i64, (first, last)| sum.saturating_add(last.since(*first).as_millis()))
    }

    /// The first and the last observed time of all accepted events.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let spans = self.spans.iter().flatten().copied();
        spans.reduce(|(first, last), (f, l)| (first.min(f), last.max(l)))
    }

    fn count(&mut self, kind: Option<&str>, receipt: Receipt) {
        self.all.count(receipt);
        update(&mut self.kinds, kind.unwrap_or(NO_KIND), |fates| fates.count(receipt));
    }
}

/// Changes the entry of a name, which is copied only when it is new.
fn update<T: Default>(map: &mut BTreeMap<String, T>, name: &str, change: impl FnOnce(&mut T)) {
    match map.get_mut(name) {
        Some(entry) => change(entry),
        None => change(map.entry(name.to_string()).or_default()),
    }
}
