//! The facade: many patients, one policy, calls in and outputs out.
//!
//! | module | holds |
//! |---|---|
//! | [`Engine`] (here) | patients by key, the call families, wake-ups |
//! | [`monitor`] | the same for one patient, without a map |
//! | `patient`, `lane` | what one patient is: intake, signals and conditions, the record stream |
//! | `episode` | from a condition that changed to the alert that follows it |
//! | `commands` | what people do about alerts |
//! | `backlog`, `findings` | data older than the lateness horizon, and what they say |
//! | `change` | another policy, while it runs |
//! | `events` | full events, resolved; refusals put out |
//! | `lines`, `inputs` | events, and whatever enters, in their JSON form |
//! | `care`, `notify` | what keeps an alert from annunciating; who is told, and who next |
//! | `risk`, `scorer` | scores of models: taken in like readings; asked for when they are due |
//! | `timers`, `deadlines` | what happens because host time passed, to signals and to alerts |
//! | `rank`, [`queue`](Engine::queue) | how pressing an alert is, and queues in that order |
//! | `output` | the bounded queue of outputs |
//! | [`snapshot`] | state to bytes and back |
//! | [`why`] | why there is no alert yet |

mod absence;
mod backlog;
mod care;
mod change;
mod commands;
mod consent;
mod deadlines;
mod derive;
mod desk;
mod episode;
mod events;
mod findings;
mod inputs;
mod intervention;
mod lane;
mod learning;
mod lines;
pub mod monitor;
mod notify;
mod output;
mod patient;
mod queue;
mod rank;
mod relearning;
mod risk;
mod scorer;
mod shadow;
pub mod snapshot;
mod summaries;
mod timers;
pub mod why;

use alloc::collections::BinaryHeap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use hashbrown::HashTable;

use crate::alert::{Alert, Command, Delivery, DeliveryReport, Refusal, Roster};
use crate::error::{Code, Error};
use crate::event::{Event, Kind, Quality};
use crate::id::{AlertId, DeviceId, DeviceKey, PatientId, PatientKey, TenantId};
use crate::intake::{Counts, Receipt};
use crate::policy::{Policy, Rule};
use crate::record::{Chain, ConditionState, Priority};
use crate::signal::Sample;
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

use change::Force;
use desk::Desk;
use lane::Lane;
pub use monitor::Monitor;
pub use output::{Output, Rejected};
use patient::{Patient, UNARMED};
use queue::Board;
pub use queue::Waiting;
pub use risk::FeatureRow;
pub use scorer::Scorer;
pub use snapshot::RestoreReport;
pub use why::WhyNot;

/// Bounds of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EngineConfig {
    /// How many patients at most.
    pub max_patients: u32,
    /// How many devices a patient may have.
    pub max_devices: u16,
    /// How many outputs may wait before input is refused. At least one call's worth always fits.
    pub max_outputs: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { max_patients: 10_000_000, max_devices: 1000, max_outputs: 65_536 }
    }
}

impl EngineConfig {
    /// The same with another bound on waiting outputs.
    #[must_use]
    pub fn with_max_outputs(mut self, outputs: usize) -> Self {
        self.max_outputs = outputs;
        self
    }

    /// The same with another bound on patients.
    #[must_use]
    pub fn with_max_patients(mut self, patients: u32) -> Self {
        self.max_patients = patients;
        self
    }
}

/// A reading in its compact form, for batches: 48 bytes, no text.
///
/// Patient and device are looked up once, with [`Engine::patient`] and [`Engine::device`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whose body it was.
    pub patient: PatientKey,
    /// What measured it.
    pub device: DeviceKey,
    /// What was measured.
    pub kind: Kind,
    /// The value in the kind's canonical unit.
    pub value: Value,
    /// What the device says of the quality.
    pub quality: Quality,
    /// The device's own counter, if it has one.
    pub sequence: Option<u64>,
    /// When the body was measured.
    pub observed_at: Timestamp,
    /// When the host got it: the `now` of this reading.
    pub received_at: HostTime,
}

impl Reading {
    /// What a pane takes of it.
    #[inline]
    pub(crate) fn sample(&self) -> Sample {
        let (observed_at, device, value) = (self.observed_at, self.device, self.value);
        Sample { observed_at, device, value, quality: self.quality }
    }
}

impl core::fmt::Debug for Reading {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reading").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BatchReceipt {
    /// How many readings were taken; fewer than given if the output queue was full. Poll, then give
    /// the rest.
    pub consumed: usize,
    /// Accepted ones.
    pub accepted: u64,
    /// Known already.
    pub duplicate: u64,
    /// Refused; they come out again.
    pub quarantined: u64,
}

impl BatchReceipt {
    #[inline]
    fn count(&mut self, receipt: Receipt) {
        self.consumed += 1;
        match receipt {
            Receipt::Accepted => self.accepted += 1,
            Receipt::Duplicate => self.duplicate += 1,
            Receipt::Quarantined(_) => self.quarantined += 1,
        }
    }
}

/// How many readings of a batch are looked at ahead: their memory fits the first-level cache.
const READ_AHEAD: usize = 16;

/// What readings of so many patients touch stays in the processor's caches.
const NEAR: usize = 512;

/// Watches many patients by one policy.
///
/// Four families of calls. `handle_*` take something in; after each of them
/// [`poll_output`](Self::poll_output) until it is empty and look at
/// [`next_wakeup`](Self::next_wakeup). Getters change nothing. See the crate's documentation for
/// the whole loop.
pub struct Engine {
    force: Force,
    config: EngineConfig,
    patients: Vec<Patient>,
    /// Patient keys by the hash of tenant and identifier.
    index: HashTable<u32>,
    /// At most one current wake-up a patient; those that a patient no longer waits for are skipped.
    timers: BinaryHeap<Reverse<(i64, u32)>>,
    board: Board,
    desk: Desk,
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine").field("patients", &self.patients.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine without patients.
    pub fn new(policy: Arc<Policy>, config: EngineConfig) -> Self {
        let desk = Desk::new(&policy, config.max_outputs);
        Self {
            force: Force::new(policy),
            config,
            patients: Vec::new(),
            index: HashTable::new(),
            timers: BinaryHeap::new(),
            board: Board::default(),
            desk,
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Arc<Policy> {
        self.force.policy()
    }

    /// The rule of an alert, as it was when the alert was opened.
    pub fn rule_of(&self, alert: &Alert) -> Option<&Rule> {
        self.force.plan.rules().get(alert.rule)
    }

    /// The key of a patient, who is added if new.
    pub fn patient(
        &mut self,
        tenant: Option<&TenantId>,
        id: &PatientId,
    ) -> Result<PatientKey, Error> {
        if let Some(key) = self.find_patient(tenant, id) {
            return Ok(key);
        }
        if self.patients.len() >= self.config.max_patients as usize {
            return Err(Error::new(Code::CapacityReached).at("patient"));
        }
        let key = self.patients.len() as u32;
        self.add_patient(Patient::new(tenant.cloned(), id.clone(), &self.force.plan));
        Ok(PatientKey(key))
    }

    /// The name of a patient.
    pub fn patient_id(&self, patient: PatientKey) -> Option<&PatientId> {
        self.patients.get(patient.0 as usize).map(|patient| &patient.id)
    }

    /// The key of a patient that the engine has seen.
    pub fn find_patient(&self, tenant: Option<&TenantId>, id: &PatientId) -> Option<PatientKey> {
        self.find(tenant.map(TenantId::as_str), id.as_str())
    }

    fn find(&self, tenant: Option<&str>, id: &str) -> Option<PatientKey> {
        let same = |key: &u32| self.is_named(*key, tenant, id);
        self.index.find(hash(tenant, id), same).map(|key| PatientKey(*key))
    }

    fn is_named(&self, key: u32, tenant: Option<&str>, id: &str) -> bool {
        let patient = &self.patients[key as usize];
        patient.id.as_str() == id && patient.tenant.as_ref().map(TenantId::as_str) == tenant
    }

    /// The patient whom a name most likely means, told by its hash alone.
    fn likely(&self, tenant: Option<&str>, id: &str) -> Option<u32> {
        self.index.find(hash(tenant, id), |_| true).copied()
    }

    fn add_patient(&mut self, patient: Patient) {
        let (key, hash_of_new) = (self.patients.len() as u32, hash_patient(&patient));
        self.patients.push(patient);
        let patients = &self.patients;
        self.index.insert_unique(hash_of_new, key, |k| hash_patient(&patients[*k as usize]));
    }

    /// The key of a patient's device, which is added if new.
    pub fn device(&mut self, patient: PatientKey, id: &DeviceId) -> Result<DeviceKey, Error> {
        let most = usize::from(self.config.max_devices);
        let known = self.patients.get_mut(patient.0 as usize);
        known.ok_or_else(|| Error::new(Code::UnknownPatient))?.device(id, most)
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// [`Code::OutputQueueFull`]: poll, then call again with the same event. Whatever is wrong with
    /// the event itself is a [`Receipt::Quarantined`].
    pub fn handle_event(&mut self, event: Event, now: HostTime) -> Result<Receipt, Error> {
        let now = self.advance(now)?;
        let key = match self.patient(event.tenant.as_ref(), &event.patient) {
            Ok(key) => key,
            Err(error) => {
                let rejected = Rejected::Event(event.into());
                return Ok(self.desk.reject(now, error.code(), rejected));
            }
        };
        let most = usize::from(self.config.max_devices);
        let patient = &mut self.patients[key.0 as usize];
        let mut call = self.desk.call(&self.force, now);
        let receipt = patient.event(&mut call, event, most);
        let rearm = call.rearm;
        self.after(key.0, rearm, now);
        Ok(receipt)
    }

    /// Takes readings in, each at its own `received_at`: the same decisions, byte for byte, as one
    /// [`handle_event`](Self::handle_event) for each.
    pub fn handle_batch(&mut self, readings: &[Reading]) -> BatchReceipt {
        let mut done = BatchReceipt::default();
        for group in readings.chunks(READ_AHEAD) {
            if self.patients.len() > NEAR {
                self.read_ahead(group.iter().map(|r| (r.patient.0, r.kind)));
            }
            for reading in group {
                let Ok(receipt) = self.handle_reading(reading) else {
                    return done;
                };
                done.count(receipt);
            }
        }
        done
    }

    /// Reads the memory that a group of readings will need, by patient and kind. Readings of many
    /// patients lie far apart; fetched one after another each waits for memory, fetched together they
    /// wait once. One pass for each step from pointer to pointer, so that no read waits for another
    /// patient's.
    #[inline]
    fn read_ahead(&self, group: impl Iterator<Item = (u32, Kind)>) {
        let mut lanes: [Option<(&Lane, u16)>; READ_AHEAD] = [None; READ_AHEAD];
        let mut sum = 0;
        for (lane, (key, kind)) in lanes.iter_mut().zip(group) {
            if let Some(patient) = self.patients.get(key as usize) {
                sum ^= patient.touch();
                let signal = self.force.plan.signal_of(kind);
                *lane = signal.map(|signal| (&patient.lane, signal as u16));
            }
        }
        for (lane, signal) in lanes.iter().flatten() {
            sum ^= lane.touch(usize::from(*signal));
        }
        for (lane, signal) in lanes.iter().flatten() {
            sum ^= lane.touch_slots(usize::from(*signal));
        }
        core::hint::black_box(sum);
    }

    /// Takes one reading in.
    ///
    /// # Errors
    /// [`Code::OutputQueueFull`] as [`handle_event`](Self::handle_event).
    #[inline]
    pub fn handle_reading(&mut self, reading: &Reading) -> Result<Receipt, Error> {
        let now = self.advance(reading.received_at)?;
        let key = reading.patient.0;
        let Some(patient) = self.patients.get_mut(key as usize) else {
            let event = events::as_event(&self.force.plan, None, reading)?;
            return Ok(self.desk.reject(now, Code::UnknownPatient, Rejected::Event(event)));
        };
        let mut call = self.desk.call(&self.force, now);
        let receipt = patient.reading(&mut call, reading);
        let rearm = call.rearm;
        if let Receipt::Quarantined(code) = receipt {
            let mut call = self.desk.call(&self.force, now);
            patient.reject_reading(&mut call, reading, code);
        }
        if rearm {
            self.after(key, true, now);
        }
        Ok(receipt)
    }

    /// Takes a person's command in.
    ///
    /// # Errors
    /// The outer error is [`Code::OutputQueueFull`]: nothing happened, call again. The inner one is
    /// the refusal: it is recorded, and nothing else changed.
    pub fn handle_command(
        &mut self,
        command: &Command,
        now: HostTime,
    ) -> Result<Result<(), Refusal>, Error> {
        let now = self.advance(now)?;
        let Some(patient) = self.patients.get_mut(command.patient.0 as usize) else {
            let code = Code::UnknownPatient;
            return Ok(Err(Refusal { code, revision: None, status: None }));
        };
        let mut call = self.desk.call(&self.force, now);
        let result = patient.command(&mut call, command);
        self.after(command.patient.0, true, now);
        Ok(result)
    }

    /// Takes in what a channel reports of a message.
    ///
    /// # Errors
    /// The outer error is [`Code::OutputQueueFull`]: nothing happened, call again. The inner one is
    /// [`Code::UnknownIntent`] or [`Code::ReportOutOfOrder`]: it is recorded, and nothing else changed.
    pub fn handle_report(
        &mut self,
        report: &DeliveryReport,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        let now = self.advance(now)?;
        let Some(patient) = self.patients.get_mut(report.patient.0 as usize) else {
            return Ok(Err(Error::new(Code::UnknownPatient)));
        };
        let mut call = self.desk.call(&self.force, now);
        let result = patient.report(&mut call, report.key, report.state);
        self.after(report.patient.0, true, now);
        Ok(result)
    }

    /// Takes in who is on duty from now on, and until when; it replaces what was said before.
    ///
    /// # Errors
    /// [`Code::OutputQueueFull`]: nothing happened, call again.
    pub fn handle_roster(&mut self, roster: Roster, now: HostTime) -> Result<(), Error> {
        let now = self.advance(now)?;
        self.desk.record(now, self.force.take_roster(roster));
        (0..self.patients.len() as u32).for_each(|key| self.arm(key));
        // Room is left for one call's outputs; the rest waits for the next call.
        let _ = self.fire_due(now);
        Ok(())
    }

    /// Does what is due by `now`. Calling early is harmless, calling late only delays.
    ///
    /// # Errors
    /// [`Code::OutputQueueFull`]: poll, then call again; what was done stays done.
    pub fn handle_timeout(&mut self, now: HostTime) -> Result<(), Error> {
        self.advance(now).map(|_| ())
    }

    /// The next output, in the order of decisions. Poll after every `handle_*` call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.desk.out.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<HostTime> {
        let timer = self.timers.peek().map(|Reverse((at, _))| HostTime::from_millis(*at));
        timer.into_iter().chain(self.force.changes_at()).min()
    }

    /// How many patients there are.
    pub fn len(&self) -> usize {
        self.patients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patients.is_empty()
    }

    /// What became of a patient's inputs.
    pub fn counts(&self, patient: PatientKey) -> Option<Counts> {
        self.patients.get(patient.0 as usize).map(|p| p.counts)
    }

    /// The end of a patient's record stream.
    pub fn chain(&self, patient: PatientKey) -> Option<Chain> {
        self.patients.get(patient.0 as usize).map(|p| p.chain)
    }

    /// A patient's alerts: the open ones, and the latest closed one of each rule.
    pub fn alerts(&self, patient: PatientKey) -> &[Alert] {
        self.patients.get(patient.0 as usize).map_or(&[], |p| &p.alerts)
    }

    /// What was asked to be delivered of a patient's open alerts, and where it has come to.
    pub fn deliveries(&self, patient: PatientKey) -> &[Delivery] {
        self.patients.get(patient.0 as usize).map_or(&[], |p| &p.care().deliveries)
    }

    /// What to look at first: the alerts that wait in a queue, at most so many, the most pressing
    /// first. Without a name: those that no route takes. Suppressed alerts do not wait.
    ///
    /// The cost does not depend on how many wait.
    pub fn queue(&self, name: Option<&str>, now: HostTime, most: usize) -> Vec<Waiting> {
        self.board.first(&self.patients, &self.force.plan, name, now, most)
    }

    /// How pressing an alert is at a time, and why.
    pub fn priority(&self, patient: PatientKey, alert: AlertId, now: HostTime) -> Option<Priority> {
        let patient = self.patients.get(patient.0 as usize)?;
        Some(patient.facts(&self.force.plan, patient.alert(alert)?, now).priority())
    }

    /// The state of a rule's condition for a patient.
    pub fn condition(&self, patient: PatientKey, rule: &str) -> Option<ConditionState> {
        let (index, _) = self.force.plan.rule(rule)?;
        Some(self.patients.get(patient.0 as usize)?.condition(&self.force.plan, index))
    }

    /// The newest good value of a patient's signal, by the signal's name, and when it was observed; of
    /// a score the latest that was counted, and when its pane starts. None if the panes hold none.
    pub fn latest(&self, patient: PatientKey, signal: &str) -> Option<(Timestamp, Value)> {
        self.patients.get(patient.0 as usize)?.latest(&self.force.plan, signal)
    }

    /// Why a rule has not raised an alert for a patient, or what holds it back.
    pub fn why(&mut self, patient: PatientKey, rule: &str) -> Option<WhyNot> {
        let (index, _) = self.force.plan.rule(rule)?;
        Some(self.patients.get_mut(patient.0 as usize)?.why(&self.force.plan, index))
    }

    /// Host time goes on to `now`: whatever is due happens, in the order in which it is due.
    #[inline]
    fn advance(&mut self, now: HostTime) -> Result<HostTime, Error> {
        let now = self.desk.tick(now);
        let timer = self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now.as_millis());
        if timer || self.force.changes_at().is_some_and(|at| at <= now) {
            self.fire_due(now)?;
        }
        self.desk.reached = now;
        self.desk.ensure_room().map(|()| now)
    }

    fn fire_due(&mut self, now: HostTime) -> Result<(), Error> {
        loop {
            let timer = self.timers.peek().map(|Reverse(timer)| *timer);
            let timer = timer.filter(|(at, _)| *at <= now.as_millis());
            let change = self.force.changes_at().filter(|at| *at <= now);
            if timer.is_none() && change.is_none() {
                return Ok(());
            }
            self.desk.ensure_room()?;
            match (timer, change) {
                // What is due before a change happens before it, by the policy that is in force.
                (Some((at, key)), change) if change.is_none_or(|c| at < c.as_millis()) => {
                    self.timers.pop();
                    self.fire(key, at, now);
                }
                (_, Some(change)) => self.change_policy(change.max(self.desk.reached))?,
                _ => {}
            }
        }
    }

    /// A wake-up of a patient, if the patient still waits for it.
    fn fire(&mut self, key: u32, at: i64, now: HostTime) {
        let patient = &mut self.patients[key as usize];
        if patient.armed != at {
            return;
        }
        patient.armed = UNARMED;
        let since = self.desk.reached;
        let mut call = self.desk.call(&self.force, now);
        if patient.fire(&mut call, since, HostTime::from_millis(at)) {
            let at = call.now;
            self.desk.reached = self.desk.reached.max(at);
        }
        self.arm(key);
    }

    /// After a patient's state changed: its wake-up, and whatever is due at once.
    fn after(&mut self, key: u32, rearm: bool, now: HostTime) {
        if rearm {
            self.arm(key);
            if self.patients[key as usize].armed <= now.as_millis() {
                // Room is left for one call's outputs; the rest waits for the next call.
                let _ = self.fire_due(now);
            }
        }
    }

    fn arm(&mut self, key: u32) {
        let patient = &mut self.patients[key as usize];
        let (plan, now) = (&self.force.plan, self.desk.now);
        self.board.update(key, patient, plan, now);
        let fade = patient.next_fade(plan, now).map_or(UNARMED, HostTime::as_millis);
        let at = patient.deadline_ms(&self.force, self.desk.reached).min(fade);
        if at < patient.armed {
            patient.armed = at;
            self.timers.push(Reverse((at, key)));
        }
    }
}

fn hash(tenant: Option<&str>, id: &str) -> u64 {
    // Fixed, not seeded: the order of a table decides nothing here, and identifiers come from a
    // host that the engine trusts with patients' lives already.
    let mut sum = crate::record::Checksum::default();
    sum.feed_text(id.as_bytes());
    sum.feed_text(tenant.unwrap_or_default().as_bytes());
    // The table looks at the top bits and at the bottom ones.
    sum.0 ^ (sum.0 >> 32)
}

fn hash_patient(patient: &Patient) -> u64 {
    hash(patient.tenant.as_ref().map(TenantId::as_str), patient.id.as_str())
}
