//! The engine: many patients by one policy, behind one lock.

use std::sync::{Arc, Mutex};

use rpm_core::alert::{Command, Delivery, DeliveryReport, Roster, Shift};
use rpm_core::engine::Waiting;
use rpm_core::record::{ConditionState, ModelRef, Priority, StageChange};
use rpm_core::risk::registry::RollOut;
use rpm_core::{
    AlertId, BaselineCommand, Counts, DeviceId, DeviceKey, Engine as CoreEngine, HostTime,
    PatientId, PatientKey, Receipt, TenantId,
};

use crate::convert::{
    Alert, Answer, BatchReceipt, Chain, Config, Latest, Output, RestoreReport, WhyNot,
};
use crate::error::RpmonError;
use crate::event::Event;
use crate::packed;
use crate::policy::{Policy, PolicyChange, cores};

/// Watches many patients by one policy. Safe to share between threads: calls wait for each other.
///
/// `handle_*` take something in; after each of them `drain_outputs`, then look at `next_wakeup`.
/// Everything else changes nothing.
#[derive(uniffi::Object)]
pub struct Engine {
    core: Mutex<CoreEngine>,
    restored: Option<RestoreReport>,
}

impl Engine {
    /// Runs a call. One that panicked has left the engine in between: nobody gets at it any more.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut CoreEngine) -> R) -> Result<R, RpmonError> {
        Ok(call(&mut *self.core.lock().map_err(|_| RpmonError::Poisoned)?))
    }
}

#[uniffi::export]
impl Engine {
    /// An engine without patients.
    #[uniffi::constructor(default(config))]
    pub fn new(policy: &Policy, config: Config) -> Self {
        let core = CoreEngine::new(Arc::clone(&policy.core), config.into());
        Self { core: Mutex::new(core), restored: None }
    }

    /// An engine from a snapshot. Going on with it equals never having stopped.
    ///
    /// `policies` must have the one in force, and those of open episodes that it replaced.
    #[uniffi::constructor(default(config))]
    pub fn restore(
        snapshot: Vec<u8>,
        policies: Vec<Arc<Policy>>,
        now: HostTime,
        config: Config,
    ) -> Result<Self, RpmonError> {
        let (core, report) = CoreEngine::restore(&snapshot, &cores(&policies), config.into(), now)?;
        Ok(Self { core: Mutex::new(core), restored: Some(report.into()) })
    }

    /// What the restore found; nothing for an engine that began anew.
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

    /// The key of a patient, who is added if new.
    #[uniffi::method(default(tenant = None))]
    pub fn patient(
        &self,
        id: PatientId,
        tenant: Option<TenantId>,
    ) -> Result<PatientKey, RpmonError> {
        Ok(self.with(|core| core.patient(tenant.as_ref(), &id))??)
    }

    /// The key of a patient that the engine has seen.
    #[uniffi::method(default(tenant = None))]
    pub fn find_patient(
        &self,
        id: PatientId,
        tenant: Option<TenantId>,
    ) -> Result<Option<PatientKey>, RpmonError> {
        self.with(|core| core.find_patient(tenant.as_ref(), &id))
    }

    /// The key of a patient's device, which is added if new.
    pub fn device(&self, patient: PatientKey, id: DeviceId) -> Result<DeviceKey, RpmonError> {
        Ok(self.with(|core| core.device(patient, &id))??)
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
        self.with(|core| packed::handle_all(readings, |chunk| core.handle_batch(chunk)).into())
    }

    /// Takes a person's command in.
    pub fn handle_command(&self, command: Command, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_command(&command, now))???)
    }

    /// Takes in what a channel reports of a message.
    pub fn handle_report(&self, report: DeliveryReport, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_report(&report, now))???)
    }

    /// Takes in what people decided about a version of a model. It holds from the next score on, and each step
    /// is recorded.
    pub fn handle_roll_out(&self, roll_out: RollOut, now: HostTime) -> Result<(), RpmonError> {
        Ok(self.with(|core| core.handle_roll_out(&roll_out, now))???)
    }

    /// Every step that a version of a model took, the oldest first.
    pub fn model_history(&self) -> Result<Vec<StageChange>, RpmonError> {
        self.with(|core| core.registry().history().to_vec())
    }

    /// Which version of a model scored a patient at a time.
    #[uniffi::method(default(cohort = None))]
    pub fn scored_at(
        &self,
        model: &str,
        patient: PatientId,
        at: HostTime,
        cohort: Option<String>,
    ) -> Result<Option<ModelRef>, RpmonError> {
        self.with(|core| core.registry().scored_at(model, &patient, cohort.as_deref(), at))
    }

    /// Takes in what a person asks of what was learned of a patient.
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
        let handle = |core: &mut CoreEngine| {
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

    /// How many patients there are.
    pub fn patients(&self) -> Result<u64, RpmonError> {
        self.with(|core| core.len() as u64)
    }

    /// A patient's alerts: the open ones, and the latest closed one of each rule.
    pub fn alerts(&self, patient: PatientKey) -> Result<Vec<Alert>, RpmonError> {
        let of = |core: &mut CoreEngine| {
            let alerts = core.alerts(patient).iter();
            alerts.map(|alert| Alert::new(alert, core.rule_of(alert))).collect()
        };
        self.with(of)
    }

    /// One of a patient's alerts.
    pub fn alert(&self, patient: PatientKey, id: AlertId) -> Result<Option<Alert>, RpmonError> {
        let of = |core: &mut CoreEngine| {
            let alert = core.alerts(patient).iter().find(|alert| alert.id == id)?;
            Some(Alert::new(alert, core.rule_of(alert)))
        };
        self.with(of)
    }

    /// What was asked to be delivered of a patient's open alerts, and where it has come to.
    pub fn deliveries(&self, patient: PatientKey) -> Result<Vec<Delivery>, RpmonError> {
        self.with(|core| core.deliveries(patient).to_vec())
    }

    /// What to look at first: the alerts that wait in a queue, at most so many, the most pressing
    /// first. Without a name: those that no route takes.
    pub fn queue(
        &self,
        name: Option<String>,
        now: HostTime,
        most: u32,
    ) -> Result<Vec<Waiting>, RpmonError> {
        self.with(|core| core.queue(name.as_deref(), now, most as usize))
    }

    /// How pressing an alert is at a time, and why.
    pub fn priority(
        &self,
        patient: PatientKey,
        alert: AlertId,
        now: HostTime,
    ) -> Result<Option<Priority>, RpmonError> {
        self.with(|core| core.priority(patient, alert, now))
    }

    /// What became of a patient's inputs.
    pub fn counts(&self, patient: PatientKey) -> Result<Option<Counts>, RpmonError> {
        self.with(|core| core.counts(patient))
    }

    /// The end of a patient's record stream.
    pub fn chain(&self, patient: PatientKey) -> Result<Option<Chain>, RpmonError> {
        self.with(|core| core.chain(patient).map(Chain::from))
    }

    /// The state of a rule's condition for a patient.
    pub fn condition(
        &self,
        patient: PatientKey,
        rule: &str,
    ) -> Result<Option<ConditionState>, RpmonError> {
        self.with(|core| core.condition(patient, rule))
    }

    /// The newest good value of a patient's signal, by the signal's name.
    pub fn latest(&self, patient: PatientKey, signal: &str) -> Result<Option<Latest>, RpmonError> {
        self.with(|core| core.latest(patient, signal).map(Latest::from))
    }

    /// Why a rule has not raised an alert for a patient, or what holds it back.
    pub fn why(&self, patient: PatientKey, rule: &str) -> Result<Option<WhyNot>, RpmonError> {
        self.with(|core| core.why(patient, rule).map(WhyNot::from))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "it is what is tested")]
    fn an_engine_that_failed_says_so_for_good() {
        let policy = Policy::from_json(
            br#"{"id": "p", "version": 1, "title": "P", "signals": {"spo2": {"cadence": "1 s"}},
                 "rules": [{"id": "gone", "title": "Gone", "signal": "spo2", "missing_for": "1 min"}]}"#
                .to_vec(),
        );
        let engine = Engine::new(&policy.unwrap(), Config::default());
        assert_eq!(engine.patients(), Ok(0));
        let failing = catch_unwind(AssertUnwindSafe(|| engine.with(|_| panic!("a fault"))));
        assert!(failing.is_err());
        assert_eq!(engine.patients(), Err(RpmonError::Poisoned));
        assert_eq!(engine.handle_timeout(HostTime::from_millis(0)), Err(RpmonError::Poisoned));
    }
}
