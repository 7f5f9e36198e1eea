//! What the tests share: events in a few words, runs, and folds over records.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};
use rpm_core::event::{self, Body, Device, Event, Kind, KindRef, Lineage, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{self, AlertChange, ConditionState, SealedRecord};
use rpm_core::{
    Action, Code, Command, DeviceId, Duration, Engine, EngineConfig, HostTime, Output, PatientId,
    PatientKey, Receipt, Rejected, Timestamp, Value,
};

/// Generated cases from a fixed seed, unless the environment names another; what failed once is kept
/// in the file and tried first.
pub fn cases(kept: &'static str, seed: u64) -> Config {
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(seed);
    }
    config
}

/// When every test begins: a whole minute, so that panes of every width start here.
pub const T0: i64 = 1_600_000_020_000;

/// A time so many milliseconds after the beginning.
pub fn host(ms: i64) -> HostTime {
    HostTime::from_millis(T0 + ms)
}

/// The same, in event time.
pub fn observed(ms: i64) -> Timestamp {
    Timestamp::from_millis(T0 + ms)
}

/// A policy from JSON; the test fails with its mistakes.
pub fn policy(json: &serde_json::Value) -> Arc<Policy> {
    match Policy::from_json(json.to_string().as_bytes()) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}\n{json:#}"),
    }
}

/// A patient's identifier.
pub fn patient_id(number: u8) -> PatientId {
    PatientId::new(&format!("p{number}")).unwrap()
}

/// A device's identifier.
pub fn device_id(number: u8) -> DeviceId {
    DeviceId::new(&format!("d{number}")).unwrap()
}

/// An event of patient 0 and device 0.
pub fn event(ms: i64, body: Body) -> Event {
    Event {
        tenant: None,
        patient: patient_id(0),
        device: Device { id: device_id(0), model: None, firmware: None, class: None },
        sequence: None,
        observed_at: observed(ms),
        received_at: None,
        body,
        quality: Quality::GOOD,
        lineage: Lineage::default(),
        unknown: None,
    }
}

/// A reading; the value in thousandths.
pub fn reading(kind: Kind, ms: i64, value: i32) -> Event {
    let value = Ok(Value::from_thousandths(value));
    event(ms, Body::Reading { kind: KindRef::Known(kind), value })
}

/// An oxygen saturation in per cent.
pub fn spo2(ms: i64, percent: i32) -> Event {
    reading(Kind::SPO2, ms, percent * 1000)
}

/// A heart rate per minute.
pub fn heart_rate(ms: i64, rate: i32) -> Event {
    reading(Kind::HEART_RATE, ms, rate * 1000)
}

/// The same event with other fields.
pub trait With: Sized {
    /// Of this patient.
    fn patient(self, number: u8) -> Self;
    /// From this device.
    fn device(self, number: u8) -> Self;
    /// With this number of the device's own.
    fn sequence(self, number: u64) -> Self;
    /// With these flags.
    fn quality(self, quality: Quality) -> Self;
}

impl With for Event {
    fn patient(mut self, number: u8) -> Self {
        self.patient = patient_id(number);
        self
    }

    fn device(mut self, number: u8) -> Self {
        self.device.id = device_id(number);
        self
    }

    fn sequence(mut self, number: u64) -> Self {
        self.sequence = Some(number);
        self
    }

    fn quality(mut self, quality: Quality) -> Self {
        self.quality = quality;
        self
    }
}

/// An enrolment that expects these kinds from a time on, at a cadence.
pub fn enrolment(
    ms: i64,
    kinds: &[Kind],
    cadence: Duration,
    from: i64,
    until: Option<i64>,
) -> Event {
    let expected = |kind: &Kind| event::Expected {
        kind: KindRef::Known(*kind),
        cadence,
        from: observed(from),
        until: until.map(observed),
    };
    let signals = kinds.iter().map(expected).collect();
    event(ms, Body::Enrolment(event::Enrolment { signals }))
}

/// An engine, and everything that came out of it.
#[derive(Debug)]
pub struct Run {
    /// The engine.
    pub engine: Engine,
    /// Its records.
    pub records: Vec<SealedRecord>,
    /// What it refused.
    pub refused: Vec<(Code, Rejected)>,
    /// The answer to each event.
    pub receipts: Vec<Receipt>,
}

impl Run {
    /// Without patients.
    pub fn new(policy: &Arc<Policy>) -> Self {
        let config = EngineConfig::default();
        Self::of(Engine::new(Arc::clone(policy), config))
    }

    /// Around an engine.
    pub fn of(engine: Engine) -> Self {
        Self { engine, records: Vec::new(), refused: Vec::new(), receipts: Vec::new() }
    }

    /// Takes out what is waiting.
    pub fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Record(sealed) => self.records.push(*sealed),
                Output::Quarantined { reason, input } => self.refused.push((reason, input)),
                _ => {}
            }
        }
    }

    /// Takes an event in.
    pub fn event(&mut self, event: Event, now: HostTime) -> Receipt {
        let receipt = self.engine.handle_event(event, now).unwrap();
        self.receipts.push(receipt);
        self.drain();
        receipt
    }

    /// Takes an event in as soon as it is observed.
    pub fn live(&mut self, event: Event) -> Receipt {
        let now = HostTime::assume_immediate(event.observed_at);
        self.event(event, now)
    }

    /// Host time goes on.
    pub fn tick(&mut self, now: HostTime) {
        self.engine.handle_timeout(now).unwrap();
        self.drain();
    }

    /// Somebody does something about an alert of patient 0.
    pub fn command(
        &mut self,
        alert: u32,
        seen_revision: u32,
        action: Action,
        now: HostTime,
    ) -> Result<(), Code> {
        let command = Command {
            patient: PatientKey(0),
            alert: rpm_core::AlertId(alert),
            seen_revision,
            actor: "nurse".into(),
            role: "nurse".into(),
            action,
        };
        let result = self.engine.handle_command(&command, now).unwrap();
        self.drain();
        result.map_err(|refusal| refusal.code)
    }

    /// The current revision of an alert of patient 0.
    pub fn revision(&self, alert: u32) -> u32 {
        let alerts = self.engine.alerts(PatientKey(0));
        alerts.iter().find(|a| a.id.0 == alert).map_or(0, |a| a.revision)
    }

    /// The state of a rule for patient 0.
    pub fn state(&self, rule: &str) -> ConditionState {
        self.engine.condition(PatientKey(0), rule).unwrap_or(ConditionState::NeverSeen)
    }

    /// What was decided, without what only places it.
    pub fn bodies(&self) -> Vec<&record::Body> {
        self.records.iter().map(|r| &r.record.body).collect()
    }

    /// The alerts opened for a rule, as levels and onsets.
    pub fn opened(&self, rule: &str) -> Vec<(record::Level, i64)> {
        let opened = |body: &record::Body| match body {
            record::Body::AlertOpened { rule: r, level, onset, .. } if r == rule => {
                Some((*level, onset.as_millis() - T0))
            }
            _ => None,
        };
        self.bodies().into_iter().filter_map(opened).collect()
    }

    /// What happened to the alerts of a rule.
    pub fn changes(&self, rule: &str) -> Vec<AlertChange> {
        let changed = |body: &record::Body| match body {
            record::Body::AlertChanged { rule: r, change, .. } if r == rule => Some(*change),
            _ => None,
        };
        self.bodies().into_iter().filter_map(changed).collect()
    }

    /// The findings about the past of a rule: level, from, until, whether alerted.
    pub fn findings(&self, rule: &str) -> Vec<(record::Level, i64, i64, bool)> {
        let found = |body: &record::Body| match body {
            record::Body::RetrospectiveFinding { rule: r, level, from, until, alerted }
                if r == rule =>
            {
                Some((*level, from.as_millis() - T0, until.as_millis() - T0, *alerted))
            }
            _ => None,
        };
        self.bodies().into_iter().filter_map(found).collect()
    }

    /// The lines.
    pub fn lines(&self) -> Vec<String> {
        self.records.iter().map(|r| r.line.clone()).collect()
    }
}

/// The history of a rule's condition for a patient by its records: the times of its changes, cut
/// down to whole panes, and the states. What the passing of host time alone caused (data that
/// stopped) is left out, and so is the return from it.
pub fn history(
    records: &[SealedRecord],
    patient: &PatientId,
    rule: &str,
    pane_ms: i64,
) -> Vec<(i64, ConditionState)> {
    let pane = |t: Timestamp| t.as_millis().div_euclid(pane_ms) * pane_ms;
    let mut found: Vec<(i64, ConditionState)> = Vec::new();
    for sealed in records.iter().filter(|r| r.record.patient.as_ref() == Some(patient)) {
        match &sealed.record.body {
            record::Body::ConditionChanged { rule: r, observed_at, state, .. }
                if r == rule && !matches!(state, ConditionState::ActiveUnverified(_)) =>
            {
                found.push((pane(*observed_at), *state));
            }
            record::Body::ConditionRevised { rule: r, since, history, .. } if r == rule => {
                found.retain(|(at, _)| *at < pane(*since));
                found.extend(history.iter().map(|c| (pane(c.observed_at), c.state)));
            }
            _ => {}
        }
    }
    // A state that follows itself is no change; before the first change nothing was seen.
    let mut last = ConditionState::NeverSeen;
    found.retain(|(_, state)| core::mem::replace(&mut last, *state) != *state);
    found
}

/// Fails unless the lines are whole, in order, and chained patient by patient.
pub fn verify_chain(lines: &[String]) {
    let mut ends: std::collections::BTreeMap<Option<PatientId>, (u64, record::Hash)> =
        std::collections::BTreeMap::new();
    for line in lines {
        let (record, hash) = record::read_line(line).unwrap();
        let (seq, prev) = ends.get(&record.patient).copied().unwrap_or_default();
        assert_eq!(record.seq, seq + 1, "{line}");
        assert_eq!(record.prev, prev, "{line}");
        ends.insert(record.patient, (record.seq, hash));
    }
}

/// A reading: its pane, the value, how late it comes in minutes.
pub type Step = (i64, i32, i64);
/// Circumstances: since which minute, whether asleep, how late that is told in minutes.
pub type Told = (i64, Option<bool>, i64);

/// Readings of a person who sleeps and wakes, with gaps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![20 => Just(1_i64), 1 => 2..30_i64];
    prop::collection::vec((gap, 50..90_i32, 0..14_i64), 20..most).prop_map(|steps| {
        let mut pane = 0;
        let placed = steps.into_iter().map(|(gap, value, late)| {
            pane += gap;
            (pane, value, late)
        });
        placed.collect()
    })
}

/// What is told of that person's sleep in so many minutes.
pub fn told(until: i64, most: usize) -> impl Strategy<Value = Vec<Told>> {
    let asleep = prop::sample::select(vec![Some(true), Some(false), None]);
    let all = prop::collection::btree_map(0..until, (asleep, 0..14_i64), 0..most);
    all.prop_map(|all| all.into_iter().map(|(at, (asleep, late))| (at, asleep, late)).collect())
}
