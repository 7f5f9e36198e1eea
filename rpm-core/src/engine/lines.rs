//! Events in their JSON form: a plain reading of a patient and a device that the engine knows becomes
//! a compact reading at once, whatever else goes through an event of its own.

use smallvec::SmallVec;

use super::output::Rejected;
use super::{BatchReceipt, Engine, READ_AHEAD, Reading};
use crate::error::Error;
use crate::event::Signature;
use crate::event::json::{self, KindWire, ReadingWire};
use crate::id::{DeviceKey, PatientKey};
use crate::intake::Receipt;
use crate::time::HostTime;

/// So many lines of a batch.
type Group<T> = SmallVec<[T; READ_AHEAD]>;

impl Engine {
    /// Takes one event in, in its JSON form. Text that is no event is quarantined whole.
    ///
    /// # Errors
    /// [`Code::OutputQueueFull`](crate::Code::OutputQueueFull) as
    /// [`handle_event`](Self::handle_event).
    pub fn handle_json(&mut self, text: &[u8], now: HostTime) -> Result<Receipt, Error> {
        self.handle_line(text, json::parse_reading(text).as_ref(), None, now)
    }

    /// Takes events in, each in its JSON form and at its own time: the same decisions, byte for byte,
    /// as one [`handle_json`](Self::handle_json) for each.
    ///
    /// ```
    /// # use rpm_core::{Engine, EngineConfig, HostTime, policy::Policy};
    /// # let policy = Policy::from_json(br#"{"id": "p", "version": 1, "title": "P",
    /// #     "signals": {"spo2": {"cadence": "1 s"}},
    /// #     "rules": [{"id": "gone", "title": "Gone", "signal": "spo2", "missing_for": "1 min"}]
    /// # }"#).unwrap();
    /// let mut engine = Engine::new(policy, EngineConfig::default());
    /// let now = HostTime::from_millis(1_772_331_185_000);
    /// let done = engine.handle_json_batch(&[(b"{}", now), (b"no event", now)]);
    /// assert_eq!((done.consumed, done.quarantined), (2, 2));
    /// ```
    pub fn handle_json_batch(&mut self, lines: &[(&[u8], HostTime)]) -> BatchReceipt {
        let mut done = BatchReceipt::default();
        for group in lines.chunks(READ_AHEAD) {
            let wires: Group<_> = group.iter().map(|(text, _)| json::parse_reading(text)).collect();
            let likely = self.read_ahead_of(&wires);
            for (((text, now), wire), likely) in group.iter().zip(&wires).zip(likely) {
                let Ok(receipt) = self.handle_line(text, wire.as_ref(), likely, *now) else {
                    return done;
                };
                done.count(receipt);
            }
        }
        done
    }

    fn handle_line(
        &mut self,
        text: &[u8],
        wire: Option<&ReadingWire<'_>>,
        likely: Option<u32>,
        now: HostTime,
    ) -> Result<Receipt, Error> {
        let known = |wire| Some((self.known_reading(wire, likely, now)?, wire));
        if let Some((reading, wire)) = wire.and_then(known) {
            return self.handle_known(&reading, wire);
        }
        match json::parse(text) {
            Ok(event) => self.handle_event(event, now),
            Err(error) => {
                let now = self.advance(now)?;
                Ok(self.desk.reject(now, error.code(), Rejected::Text(text.to_vec())))
            }
        }
    }

    /// A plain reading of a patient and a device that the engine knows needs no event of its own.
    fn known_reading(
        &self,
        wire: &ReadingWire<'_>,
        likely: Option<u32>,
        now: HostTime,
    ) -> Option<Reading> {
        let (KindWire::Known(kind), false) = (wire.kind, wire.signature == Signature::Invalid)
        else {
            return None;
        };
        let (tenant, id) = (wire.tenant, wire.patient);
        let likely = likely.filter(|key| self.is_named(*key, tenant, id)).map(PatientKey);
        let patient = likely.or_else(|| self.find(tenant, id))?;
        let devices = &self.patients[patient.0 as usize].devices;
        let device = devices.iter().position(|d| d.id.as_str() == wire.device.id)?;
        Some(Reading {
            patient,
            device: DeviceKey(device as u16),
            kind,
            value: wire.value,
            quality: wire.quality,
            sequence: wire.sequence,
            observed_at: wire.observed_at,
            received_at: now,
        })
    }

    fn handle_known(
        &mut self,
        reading: &Reading,
        wire: &ReadingWire<'_>,
    ) -> Result<Receipt, Error> {
        let (key, now) = (reading.patient.0, self.advance(reading.received_at)?);
        let patient = &mut self.patients[key as usize];
        let mut call = self.desk.call(&self.force, now);
        let receipt = patient.reading(&mut call, reading);
        if let Receipt::Quarantined(code) = receipt {
            // What could be borrowed can be owned: this does not fail.
            let event = wire.to_event()?;
            patient.reject(&mut call, event.into(), code);
        }
        let rearm = call.rearm;
        self.after(key, rearm, now);
        Ok(receipt)
    }

    /// As [`read_ahead`](Self::read_ahead), and the names that will be compared. Also gives whom each line
    /// is about most likely.
    fn read_ahead_of(&self, wires: &[Option<ReadingWire<'_>>]) -> [Option<u32>; READ_AHEAD] {
        let mut likely = [None; READ_AHEAD];
        for (likely, wire) in likely.iter_mut().zip(wires) {
            *likely = wire.as_ref().and_then(|wire| self.likely(wire.tenant, wire.patient));
        }
        let kind = |wire: &Option<ReadingWire<'_>>| match wire.as_ref()?.kind {
            KindWire::Known(kind) => Some(kind),
            KindWire::Declared(_) => None,
        };
        let known = || likely.iter().zip(wires).filter_map(|(key, wire)| key.zip(kind(wire)));
        self.read_ahead(known());
        let patients = known().filter_map(|(key, _)| self.patients.get(key as usize));
        core::hint::black_box(patients.fold(0, |sum, patient| sum ^ patient.touch_names()));
        likely
    }
}
