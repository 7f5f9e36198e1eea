//! The engine on the ward hour: samples as readings, records as transitions.

use std::sync::Arc;

use rpm_core::event::{Kind, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{AlertChange, Body};
use rpm_core::{
    DeviceId, DeviceKey, Engine, EngineConfig, HostTime, Output, PatientId, PatientKey, Reading,
    Timestamp, Value,
};

use crate::ward_hour::Sample;
use crate::yardstick::{CLEARED, NEW, Transition};

/// The policy of the ward hour, as the command line uses it.
pub const POLICY: &str = include_str!("../../testdata/policies/ward-hour.toml");

/// What a hospital would add to it: routes, escalations, deadlines.
const CARE: &str = include_str!("care.toml");

/// What knows the patient: three baselines with a rule each, and NEWS2.
const USUAL: &str = include_str!("usual.toml");

/// Which rule of [`POLICY`] is which of the yardstick's.
const RULES: [(&str, u8); 4] =
    [("desaturation", 1), ("tachycardia", 2), ("decline", 3), ("spo2-missing", 4)];

/// The engine and what has come out of it.
pub struct Ward {
    /// The engine itself.
    pub engine: Engine,
    /// Records so far.
    pub records: u64,
    /// Alerts that opened and cleared so far.
    pub transitions: Vec<Transition>,
}

/// Readings for [`Engine::handle_batch`]. Patient keys are those of a fresh [`Ward`].
pub fn readings(samples: &[Sample]) -> Vec<Reading> {
    samples.iter().map(reading).collect()
}

/// The reading that a sample is.
pub fn reading(sample: &Sample) -> Reading {
    const KINDS: [Kind; 4] =
        [Kind::HEART_RATE, Kind::SPO2, Kind::RESPIRATORY_RATE, Kind::BODY_TEMPERATURE];
    Reading {
        patient: PatientKey(sample.patient),
        device: DeviceKey(0),
        kind: KINDS[usize::from(sample.kind)],
        value: Value::from_thousandths(i32::from(sample.value) * 100),
        quality: if sample.is_artifact() { Quality::ARTIFACT } else { Quality::GOOD },
        sequence: Some(u64::from(sample.seq)),
        observed_at: Timestamp::from_millis(i64::from(sample.t_ms)),
        received_at: HostTime::from_millis(i64::from(sample.arrival_ms())),
    }
}

/// The name of a patient of the ward.
pub fn patient_name(patient: u32) -> String {
    format!("P{patient:06}")
}

impl Ward {
    /// The policy of the ward hour, compiled.
    ///
    /// # Panics
    /// If the bundled policy is wrong.
    pub fn policy() -> Arc<Policy> {
        Policy::from_toml(POLICY).expect("the bundled policy is valid")
    }

    /// An engine with this many patients, each with one device.
    ///
    /// # Panics
    /// If more patients are asked for than an engine holds.
    pub fn new(patients: u32) -> Self {
        Self::of(Self::policy(), patients)
    }

    /// The same policy with everything about people.
    ///
    /// # Panics
    /// If the bundled text is wrong.
    pub fn policy_with_care() -> Arc<Policy> {
        Policy::from_toml(&[POLICY, CARE].concat()).expect("the bundled policy is valid")
    }

    /// The same policy with what is usual for each patient, and a score.
    ///
    /// # Panics
    /// If the bundled text is wrong.
    pub fn policy_with_usual() -> Arc<Policy> {
        Policy::from_toml(&[POLICY, USUAL].concat()).expect("the bundled policy is valid")
    }

    /// The same under a policy.
    ///
    /// # Panics
    /// If more patients are asked for than an engine holds.
    pub fn of(policy: Arc<Policy>, patients: u32) -> Self {
        let mut engine = Engine::new(policy, EngineConfig::default());
        let device = DeviceId::new("bedside").expect("a valid identifier");
        for patient in 0..patients {
            let id = PatientId::new(&patient_name(patient)).expect("a valid identifier");
            let key = engine.patient(None, &id).expect("room for the ward");
            engine.device(key, &device).expect("room for a device");
        }
        Self { engine, records: 0, transitions: Vec::new() }
    }

    /// Takes a batch in, and every output out.
    #[inline(never)]
    pub fn push(&mut self, readings: &[Reading]) {
        let mut rest = readings;
        while !rest.is_empty() {
            let done = self.engine.handle_batch(rest);
            rest = &rest[done.consumed..];
            self.drain();
        }
    }

    /// Takes one reading in, and every output out.
    #[inline]
    pub fn push_one(&mut self, reading: &Reading) {
        while self.engine.handle_reading(reading).is_err() {
            self.drain();
        }
        self.drain();
    }

    /// Takes a batch of lines of JSON in, and every output out.
    #[inline(never)]
    pub fn push_json(&mut self, lines: &[(&[u8], HostTime)]) {
        let mut rest = lines;
        while !rest.is_empty() {
            let done = self.engine.handle_json_batch(rest);
            rest = &rest[done.consumed..];
            self.drain();
        }
    }

    /// Half a minute after the end, as the yardstick.
    pub fn finish(&mut self, duration_ms: u32) {
        let end = HostTime::from_millis(i64::from(duration_ms) + 30_000);
        while self.engine.handle_timeout(end).is_err() {
            self.drain();
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            let Output::Record(sealed) = output else { continue };
            self.records += 1;
            let record = sealed.record;
            let Some(patient) = record.patient else { continue };
            let patient = patient.as_str()[1..].parse().unwrap_or(u32::MAX);
            let (rule, state, observed) = match &record.body {
                Body::AlertOpened { rule, observed_at, .. } => (rule, NEW, *observed_at),
                Body::AlertChanged { rule, change: AlertChange::Cleared, observed_at, .. } => {
                    (rule, CLEARED, observed_at.unwrap_or_default())
                }
                _ => continue,
            };
            let Some((_, rule)) = RULES.iter().find(|(id, _)| id == rule) else { continue };
            self.transitions.push(Transition {
                patient,
                rule: *rule,
                state,
                t_ms: record.at.as_millis() as u32,
                observed_ms: observed.as_millis() as u32,
            });
        }
    }
}
