//! One patient, no map: for firmware, and for the keyed state of a distributed job.

use alloc::sync::Arc;

use super::change::Force;
use super::desk::Desk;
use super::output::{Output, Rejected};
use super::patient::Patient;
use super::{Reading, WhyNot};
use crate::alert::{Alert, Command, Delivery, DeliveryReport, Refusal, Roster};
use crate::error::{Code, Error};
use crate::event::Event;
use crate::id::{DeviceId, DeviceKey, PatientId, TenantId};
use crate::intake::{Counts, Receipt};
use crate::policy::{Policy, Rule};
use crate::record::{Chain, ConditionState};
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

/// How many devices one patient may have here.
pub(super) const MAX_DEVICES: usize = 64;
/// How many outputs may wait.
const MAX_OUTPUTS: usize = 256;

/// Watches one patient by one policy: the same decisions as an [`Engine`](super::Engine) with that
/// patient in it.
pub struct Monitor {
    pub(super) force: Force,
    pub(super) patient: Patient,
    pub(super) desk: Desk,
}

pub(super) fn new_desk(policy: &Policy) -> Desk {
    Desk::new(policy, MAX_OUTPUTS)
}

impl core::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

impl Monitor {
    /// A monitor of this patient.
    pub fn new(policy: Arc<Policy>, tenant: Option<&TenantId>, patient: &PatientId) -> Self {
        let desk = new_desk(&policy);
        let patient = Patient::new(tenant.cloned(), patient.clone(), &policy);
        Self { force: Force::new(policy), patient, desk }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Arc<Policy> {
        self.force.policy()
    }

    /// The rule of an alert, as it was when the alert was opened.
    pub fn rule_of(&self, alert: &Alert) -> Option<&Rule> {
        self.force.plan.rules().get(alert.rule)
    }

    /// The key of a device, which is added if new.
    pub fn device(&mut self, id: &DeviceId) -> Result<DeviceKey, Error> {
        self.patient.device(id, MAX_DEVICES)
    }

    /// Takes one event in; as [`Engine::handle_event`](super::Engine::handle_event). An event of
    /// another patient is quarantined.
    pub fn handle_event(&mut self, event: Event, now: HostTime) -> Result<Receipt, Error> {
        let now = self.advance(now)?;
        if event.patient != self.patient.id || event.tenant != self.patient.tenant {
            let rejected = Rejected::Event(event.into());
            return Ok(self.desk.reject(now, Code::UnknownPatient, rejected));
        }
        let mut call = self.desk.call(&self.force, now);
        let receipt = self.patient.event(&mut call, event, MAX_DEVICES);
        // The event is taken; what has no room yet happens with the next call.
        let _ = self.fire_due(now);
        Ok(receipt)
    }

    /// Takes one reading in; its patient key is ignored.
    pub fn handle_reading(&mut self, reading: &Reading) -> Result<Receipt, Error> {
        let now = self.advance(reading.received_at)?;
        let mut call = self.desk.call(&self.force, now);
        let receipt = self.patient.reading(&mut call, reading);
        if let Receipt::Quarantined(code) = receipt {
            self.patient.reject_reading(&mut call, reading, code);
        }
        // The event is taken; what has no room yet happens with the next call.
        let _ = self.fire_due(now);
        Ok(receipt)
    }

    /// Takes a person's command in; as [`Engine::handle_command`](super::Engine::handle_command).
    pub fn handle_command(
        &mut self,
        command: &Command,
        now: HostTime,
    ) -> Result<Result<(), Refusal>, Error> {
        let now = self.advance(now)?;
        let mut call = self.desk.call(&self.force, now);
        let result = self.patient.command(&mut call, command);
        // The command is taken; what has no room yet happens with the next call.
        let _ = self.fire_due(now);
        Ok(result)
    }

    /// Takes in what a channel reports of a message; its patient key is ignored.
    pub fn handle_report(
        &mut self,
        report: &DeliveryReport,
        now: HostTime,
    ) -> Result<Result<(), Error>, Error> {
        let now = self.advance(now)?;
        let mut call = self.desk.call(&self.force, now);
        let result = self.patient.report(&mut call, report.key, report.state);
        let _ = self.fire_due(now);
        Ok(result)
    }

    /// Takes in who is on duty; as [`Engine::handle_roster`](super::Engine::handle_roster).
    pub fn handle_roster(&mut self, roster: Roster, now: HostTime) -> Result<(), Error> {
        let now = self.advance(now)?;
        self.desk.record(now, self.force.take_roster(roster));
        let _ = self.fire_due(now);
        Ok(())
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: HostTime) -> Result<(), Error> {
        self.advance(now).map(|_| ())
    }

    /// The next output. Poll after every `handle_*` call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.desk.out.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<HostTime> {
        let timer = self.patient.next_deadline(&self.force, self.desk.reached);
        timer.into_iter().chain(self.force.changes_at()).min()
    }

    /// The alerts: the open ones, and the latest closed one of each rule.
    pub fn alerts(&self) -> &[Alert] {
        &self.patient.alerts
    }

    /// What was asked to be delivered of the open alerts, and where it has come to.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.patient.care().deliveries
    }

    /// What became of the inputs.
    pub fn counts(&self) -> Counts {
        self.patient.counts
    }

    /// The end of the record stream.
    pub fn chain(&self) -> Chain {
        self.patient.chain
    }

    /// The state of a rule's condition.
    pub fn condition(&self, rule: &str) -> Option<ConditionState> {
        let (index, _) = self.force.plan.rule(rule)?;
        Some(self.patient.condition(&self.force.plan, index))
    }

    /// The newest good value of a signal; as [`Engine::latest`](super::Engine::latest).
    pub fn latest(&self, signal: &str) -> Option<(Timestamp, Value)> {
        self.patient.latest(&self.force.plan, signal)
    }

    /// Why a rule has not raised an alert.
    pub fn why(&mut self, rule: &str) -> Option<WhyNot> {
        let (index, _) = self.force.plan.rule(rule)?;
        Some(self.patient.why(&self.force.plan, index))
    }

    pub(super) fn advance(&mut self, now: HostTime) -> Result<HostTime, Error> {
        let now = self.desk.tick(now);
        self.fire_due(now)?;
        self.desk.reached = now;
        self.desk.ensure_room().map(|()| now)
    }

    pub(super) fn fire_due(&mut self, now: HostTime) -> Result<(), Error> {
        loop {
            if self.next_wakeup().is_none_or(|at| at > now) {
                return Ok(());
            }
            self.desk.ensure_room()?;
            let timer = self.patient.next_deadline(&self.force, self.desk.reached);
            let change = self.force.changes_at().filter(|at| *at <= now);
            // What was due before it happens before it, by the policy that was in force.
            if let Some(change) = change.filter(|at| timer.is_none_or(|timer| *at <= timer)) {
                self.change_policy(change.max(self.desk.reached))?;
                continue;
            }
            let since = self.desk.reached;
            let mut call = self.desk.call(&self.force, since);
            if !self.patient.fire(&mut call, since, now) {
                return Ok(());
            }
            let at = call.now;
            self.desk.reached = self.desk.reached.max(at);
        }
    }
}
