//! The monitor: one patient, for a phone that watches its owner; behind one lock.

use std::sync::{Arc, Mutex};

use rpm_core::alert::{Command, Delivery, DeliveryReport, Roster, Shift};
use rpm_core::record::ConditionState;
use rpm_core::{
    AlertId, BaselineCommand, BatchReceipt as CoreBatchReceipt, Counts, DeviceId, DeviceKey,
    HostTime, Monitor as CoreMonitor, PatientId, Reading, Receipt, TenantId,
};

use crate::convert::{Alert, Answer, BatchReceipt, Chain, Latest, Output, RestoreReport, WhyNot};
use crate::error::RpmonError;
use crate::event::Event;
use crate::packed;
use crate::policy::{Policy, PolicyChange, cores};

/// Watches one patient by one policy: the same decisions as an engine with that patient in it. Safe to
/// share between threads: calls wait for each other.
///
/// `handle_*` take something in; after each of them `drain_outputs`, then look at `next_wakeup`.
/// Everything else changes nothing.
#[derive(uniffi::Object)]
pub struct Monitor {
    core: Mutex<CoreMonitor>,
    restored: Option<RestoreReport>,
}

impl Monitor {
    /// Runs a call. One that panicked has left the monitor in between: nobody gets at it any more.
    fn with<R>(&self, call: impl FnOnce(&mut CoreMonitor) -> R) -> Result<R, RpmonError> {
        Ok(call(&mut *self.core.lock().map_err(|_| RpmonError::Poisoned)?))
    }
}

#[uniffi::export]
impl Monitor {
    /// A monitor of this patient.
    #[uniffi::constructor(default(tenant = None))]
    pub fn new(policy: &Policy, patient: PatientId, tenant: Option<TenantId>) -> Self {
        let core = CoreMonitor::new(Arc::clone(&policy.core), tenant.as_ref(), &patient);
        Self { core: Mutex::new(core), restored: None }
    }

    /// A monitor from its snapshot. Going on with it equals never having stopped.
    ///
    /// `policies` must have the one in force, and those of open episodes that it replaced.
    #[uniffi::constructor]
    pub fn restore(
        snapshot: Vec<u8>,
        policies: Vec<Arc<Policy>>,
        now: HostTime,
    ) -> Result<Self, RpmonError> {
        let (core, report) = CoreMonitor::restore(&snapshot, &cores(&policies), now)?;
        Ok(Self { core: Mutex::new(core), restored: Some(report.into()) })
    }

    /// What the restore found; nothing for a monitor that began anew.
    pub fn restore_report(&self) -> Option<RestoreReport> {
        self.restored.clone()
    }

    /// The whole state as bytes: patients' data, to be kept like them. Drain the outputs first.
    pub fn snapshot(&self) -> Result<Vec<u8>, RpmonError> {
        Ok(self.with(|core| core.snapshot())??)
    }

    /// The policy in force.
    pub fn policy(&self) -> Result<Policy, RpmonError> {
        self.with(|core| Policy { core: Arc::clone(core.policy()) })
    }

    /// The key of a device, which is added if new.
    pub fn device(&self, id: DeviceId) -> Result<DeviceKey, RpmonError> {
        Ok(self.with(|core| core.device(&id))??)
    }

    /// Takes one event in.
    pub fn handle_event(&self, event: Event, now: HostTime) -> Result<Receipt, RpmonError> {
        let text = event.to_json()?;
        Ok(self.with(|core| core.handle_json(text.as_bytes(), now))??)
    }

    /// Takes one event in, in its JSON form. Text that is no event is quarantined whole.
    pub fn handle_json(&self, text: Vec<u8>, now: HostTime) -> Result<Receipt, RpmonError> {
        Ok(self.with(|core| core.handle_json(&text, now))??)
    }

    /// Takes in whatever enters, as a line of JSON with its own time: an event, a command, a report,
    /// what a model said, a roster, a change, or that time has passed. The error says that the line is none of these, or that
    /// outputs have to be drained first.
    pub fn handle_input(&self, line: Vec<u8>) -> Result<Answer, RpmonError> {
        Ok(self.with(|core| core.handle_input_json(&line))??.into())
    }

    /// Takes packed readings in, 40 bytes each, at their own `received_at`: the quick way. The same
    /// decisions, byte for byte, as one event for each.
    pub fn handle_batch(&self, readings: &[u8]) -> Result<BatchReceipt, RpmonError> {
        let readings = packed::readings(readings)?;
        self.with(|core| packed::handle_all(readings, |chunk| batch(core, chunk)).into())
    }

    /// Takes a person's command in; its patient key is ignored.
    pub fn handle_command(&self, command: Command, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_command(&command, now))???)
    }

    /// Takes in what a channel reports of a message; its patient key is ignored.
    pub fn handle_report(&self, report: DeliveryReport, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_report(&report, now))???)
    }

    /// Takes in what a person asks of what was learned; its patient key is ignored.
    pub fn handle_baseline(
        &self,
        command: BaselineCommand,
        now: HostTime,
    ) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_baseline(&command, now))???)
    }

    /// Takes in who is on duty from now on, and until when; it replaces what was said before.
    pub fn handle_roster(&self, shifts: Vec<Shift>, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_roster(Roster::new(shifts), now))??)
    }

    /// Takes an approved change of the policy in: it takes effect at its time, or at once.
    pub fn handle_change(&self, change: PolicyChange, now: HostTime) -> Result<(), RpmonError> {
        let handle = |core: &mut CoreMonitor| {
            let approved = change.approve(core.policy())?;
            core.handle_change(approved, now)?
        };
        Ok(self.with(handle)??)
    }

    /// Does what is due by `now`. Calling early is harmless, calling late only delays.
    pub fn handle_timeout(&self, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_timeout(now))??)
    }

    /// Everything decided and not yet drained, in the order of decisions.
    pub fn drain_outputs(&self) -> Result<Vec<Output>, RpmonError> {
        self.with(|core| std::iter::from_fn(|| core.poll_output()).map(Output::from).collect())
    }

    /// The same as lines of JSON. A record's is its canonical line: store that.
    pub fn drain_lines(&self) -> Result<Vec<String>, RpmonError> {
        self.with(|core| std::iter::from_fn(|| core.poll_output()).map(|o| o.to_json()).collect())
    }

    /// When to call `handle_timeout` if nothing else happens before.
    pub fn next_wakeup(&self) -> Result<Option<HostTime>, RpmonError> {
        self.with(|core| core.next_wakeup())
    }

    /// The alerts: the open ones, and the latest closed one of each rule.
    pub fn alerts(&self) -> Result<Vec<Alert>, RpmonError> {
        let of = |core: &mut CoreMonitor| {
            let alerts = core.alerts().iter();
            alerts.map(|alert| Alert::new(alert, core.rule_of(alert))).collect()
        };
        self.with(of)
    }

    /// One of the alerts.
    pub fn alert(&self, id: AlertId) -> Result<Option<Alert>, RpmonError> {
        let of = |core: &mut CoreMonitor| {
            let alert = core.alerts().iter().find(|alert| alert.id == id)?;
            Some(Alert::new(alert, core.rule_of(alert)))
        };
        self.with(of)
    }

    /// What was asked to be delivered of the open alerts, and where it has come to.
    pub fn deliveries(&self) -> Result<Vec<Delivery>, RpmonError> {
        self.with(|core| core.deliveries().to_vec())
    }

    /// What became of the inputs.
    pub fn counts(&self) -> Result<Counts, RpmonError> {
        self.with(|core| core.counts())
    }

    /// The end of the record stream.
    pub fn chain(&self) -> Result<Chain, RpmonError> {
        self.with(|core| core.chain().into())
    }

    /// The state of a rule's condition.
    pub fn condition(&self, rule: &str) -> Result<Option<ConditionState>, RpmonError> {
        self.with(|core| core.condition(rule))
    }

    /// The newest good value of a signal, by the signal's name.
    pub fn latest(&self, signal: &str) -> Result<Option<Latest>, RpmonError> {
        self.with(|core| core.latest(signal).map(Latest::from))
    }

    /// Why a rule has not raised an alert, or what holds it back.
    pub fn why(&self, rule: &str) -> Result<Option<WhyNot>, RpmonError> {
        self.with(|core| core.why(rule).map(WhyNot::from))
    }
}

/// A batch, reading by reading; it ends where the outputs have no more room.
fn batch(core: &mut CoreMonitor, readings: &[Reading]) -> CoreBatchReceipt {
    let mut done = CoreBatchReceipt::default();
    for reading in readings {
        match core.handle_reading(reading) {
            Ok(Receipt::Accepted) => done.accepted += 1,
            Ok(Receipt::Duplicate) => done.duplicate += 1,
            Ok(Receipt::Quarantined(_)) => done.quarantined += 1,
            Err(_) => return done,
        }
        done.consumed += 1;
    }
    done
}
