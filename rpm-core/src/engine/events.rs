//! Full events: resolved to what the hot path takes, or to what they change; refusals put out.

use alloc::boxed::Box;

use super::Reading;
use super::care::Dated;
use super::output::{Output, Rejected};
use super::patient::{Call, Patient};
use crate::error::{Code, Error};
use crate::event::{Body, Device, Enrolment, Event, KindRef, Lineage, Quality, Signature};
use crate::id::{DeviceId, DeviceKey, PatientId, PatientKey};
use crate::intake::{self, Receipt, Seen};
use crate::policy::{self, Policy};
use crate::record;
use crate::signal::Expected;
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

impl Patient {
    /// Takes an event in. It comes out again if it is refused.
    pub fn event(&mut self, call: &mut Call<'_>, event: Event, max_devices: usize) -> Receipt {
        let receipt = match self.try_event(call, &event, max_devices) {
            Ok(receipt) => receipt,
            Err(code) => {
                self.chain.inputs += 1;
                self.counts.count(Receipt::Quarantined(code));
                Receipt::Quarantined(code)
            }
        };
        if let Receipt::Quarantined(code) = receipt {
            self.reject(call, Box::new(event), code);
        }
        receipt
    }

    /// What becomes of it; an error is a refusal that has not been counted yet.
    fn try_event(
        &mut self,
        call: &mut Call<'_>,
        event: &Event,
        max_devices: usize,
    ) -> Result<Receipt, Code> {
        if event.lineage.signature == Signature::Invalid {
            return Err(Code::BadSignature);
        }
        let device = self.device(&event.device.id, max_devices).map_err(|e| e.code())?;
        match &event.body {
            Body::Reading { kind, value } => {
                let value = *value;
                let absent = if value.is_err() { Quality::ABSENT } else { Quality::GOOD };
                let value = value.unwrap_or_default();
                let reading = as_reading(call, event, kind, device, value, absent)?;
                Ok(self.reading(call, &reading))
            }
            Body::Correction { kind, value } => {
                let reading = as_reading(call, event, kind, device, *value, Quality::GOOD)?;
                Ok(self.amended(call, &reading, Some(*value)))
            }
            Body::Void { kind } => {
                let none = Value::ZERO;
                let reading = as_reading(call, event, kind, device, none, Quality::ABSENT)?;
                Ok(self.amended(call, &reading, None))
            }
            Body::Enrolment(enrolment) => self.other(call, event, device, |patient, call| {
                patient.enrol(call, enrolment);
            }),
            Body::DeviceStatus(status) => self.other(call, event, device, |patient, call| {
                if let Some(worn) = status.worn {
                    patient.take_wearing(call, device, event.observed_at, worn);
                }
                let Some(class) = event.device.class.clone() else { return };
                patient.take_circumstances(call, |care| {
                    let known = care.devices.remove(&class);
                    let latest = newer(known, event.observed_at, status);
                    care.devices.extend(latest.map(|status| (class, status)));
                });
            }),
            Body::Context(context) => self.other(call, event, device, |patient, call| {
                patient.take_context(call, event.observed_at, context);
            }),
            Body::Profile(profile) => self.other(call, event, device, |patient, call| {
                patient.take_profile(call, |known| newer(known, event.observed_at, profile));
                let scale = |patient: &Self| {
                    patient.lane.background.situation.profile().and_then(|p| p.spo2_scale)
                };
                let before = scale(patient);
                patient.know_profile(call.policy);
                patient.attend_all(call, None);
                if scale(patient) != before {
                    patient.circumstances_changed(call, Timestamp::from_millis(i64::MIN));
                }
            }),
        }
    }

    fn amended(&mut self, call: &mut Call<'_>, r: &Reading, to: Option<Value>) -> Receipt {
        self.note(r);
        let receipt = self.amend(call, r, to).unwrap_or_else(Receipt::Quarantined);
        self.counts.count(receipt);
        receipt
    }

    /// What is no reading: told from its repetition by the device's sequence number alone.
    fn other(
        &mut self,
        call: &mut Call<'_>,
        event: &Event,
        device: DeviceKey,
        take: impl FnOnce(&mut Self, &mut Call<'_>),
    ) -> Result<Receipt, Code> {
        intake::check_time(call.policy, event.observed_at, call.now)?;
        self.chain.inputs += 1;
        self.chain.checksum.feed(event.observed_at.as_millis() as u64);
        self.chain.checksum.feed_text(crate::event::json::write(event).as_bytes());
        let state = &mut self.devices[usize::from(device.0)];
        let known = event.sequence.is_some_and(|n| state.sequence.lookup(n) == Seen::Yes);
        if let Some(number) = event.sequence.filter(|_| !known) {
            state.sequence.insert(number);
        }
        if !known {
            take(self, call);
        }
        let receipt = if known { Receipt::Duplicate } else { Receipt::Accepted };
        self.counts.count(receipt);
        Ok(receipt)
    }

    /// From now on these signals are expected; others are as before.
    fn enrol(&mut self, call: &mut Call<'_>, enrolment: &Enrolment) {
        for expected in &enrolment.signals {
            let index = call.policy.resolve(&expected.kind).and_then(|k| call.policy.signal_of(k));
            let Some(index) = index else { continue };
            let host = |t: Timestamp| HostTime::from_millis(t.as_millis());
            let twins = call.policy.signals()[index].twins.iter().map(|twin| usize::from(*twin));
            for index in twins.chain([index]) {
                let signal = &mut self.lane.signals[index];
                let pane = call.policy.signals()[index].pane_ms;
                signal.cover = policy::cover(expected.cadence, pane);
                let until = expected.until.map(host);
                signal.expect(Expected::new(Some(host(expected.from)), until));
            }
        }
        // What is covered has changed, and with it what can be met.
        self.lane.wake();
        call.rearm = true;
    }

    /// Puts a refused event out, beside the record that says so.
    pub fn reject(&mut self, call: &mut Call<'_>, event: Box<Event>, reason: Code) {
        let kind = match &event.body {
            Body::Reading { kind, .. } | Body::Correction { kind, .. } | Body::Void { kind } => {
                // Only names that the policy knows: anything else could be anybody's data.
                call.policy.resolve(kind).and_then(|k| call.policy.kind_name(k)).map(Into::into)
            }
            _ => None,
        };
        let observed_at = event.observed_at;
        let name = reason.name().into();
        self.record(call, record::Body::EventQuarantined { reason: name, kind, observed_at });
        call.out.push(Output::Quarantined { reason, input: Rejected::Event(event) });
    }

    /// A refused reading of a batch comes out as the event that it stands for.
    pub fn reject_reading(&mut self, call: &mut Call<'_>, r: &Reading, reason: Code) {
        if let Ok(event) = as_event(call.policy, Some(self), r) {
            self.reject(call, event, reason);
        }
    }
}

/// What was observed last stands, whatever arrived last.
fn newer<T: Clone>(known: Option<Dated<T>>, observed_at: Timestamp, what: &T) -> Option<Dated<T>> {
    let stands = |known: &Dated<T>| known.observed_at > observed_at;
    known.filter(stands).or_else(|| Some(Dated { observed_at, what: what.clone() }))
}

/// The event that a compact reading stands for. Keys that are nobody's have no names: `?`.
pub(crate) fn as_event(
    policy: &Policy,
    patient: Option<&Patient>,
    r: &Reading,
) -> Result<Box<Event>, Error> {
    let device = patient.and_then(|p| p.devices.get(usize::from(r.device.0)));
    let kind = match r.kind.info() {
        Some(_) => KindRef::Known(r.kind),
        None => KindRef::Declared(policy.kind_name(r.kind).unwrap_or("?").into()),
    };
    let id = device.map_or_else(|| DeviceId::new("?"), |d| Ok(d.id.clone()))?;
    Ok(Box::new(Event {
        tenant: patient.and_then(|p| p.tenant.clone()),
        patient: patient.map_or_else(|| PatientId::new("?"), |p| Ok(p.id.clone()))?,
        device: Device { id, model: None, firmware: None, class: None },
        sequence: r.sequence,
        observed_at: r.observed_at,
        received_at: Some(r.received_at),
        body: Body::Reading { kind, value: Ok(r.value) },
        quality: r.quality,
        lineage: Lineage::default(),
        unknown: None,
    }))
}

fn as_reading(
    call: &Call<'_>,
    event: &Event,
    kind: &KindRef,
    device: DeviceKey,
    value: Value,
    flags: Quality,
) -> Result<Reading, Code> {
    let resolved = call.policy.resolve(kind).ok_or(Code::UnknownKind)?;
    if let KindRef::Declared(_) = kind {
        let declared = call.policy.declared_unit(resolved);
        let given = event.lineage.original_unit.as_deref();
        if flags.is_good() && given.is_some() && given != declared {
            return Err(Code::UnknownUnit);
        }
    }
    Ok(Reading {
        // The patient has been found already.
        patient: PatientKey(0),
        device,
        kind: resolved,
        value,
        quality: event.quality.with(flags),
        sequence: event.sequence,
        observed_at: event.observed_at,
        received_at: call.now,
    })
}
