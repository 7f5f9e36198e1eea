//! Every call into the engine, in one place: what a host has to do, and no more.
//!
//! The loop is always the same: wake the engine when it asked for it, hand over an input, take every
//! output.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rpm_core::event::unit::{self, Unit};
use rpm_core::event::{
    Body, Device, Enrolment, Event, Expected, Kind, KindRef, Lineage, Quality, json, kind,
};
use rpm_core::input::{InputBody, Whose};
use rpm_core::policy::{Policy, PolicyErrors};
use rpm_core::record::{ConditionState, Explanation, Record, SealedRecord, explain};
use rpm_core::{
    Alert, AlertId, Answer, Code, Command, DeviceId, Engine, EngineConfig, Error, FeatureRow,
    HostTime, Input, Output, PatientId, PatientKey, Ratio, Receipt, Refusal, Rejected, Roster,
    Scored, Scorer, TenantId, Timestamp, Value,
};

use crate::failure::Failure;
use crate::input::item::Item;
use crate::input::names::{Measure, Names};
use crate::input::row::Row;
use crate::run::enrolment::Stay;

/// What the engine says, as it says it.
pub trait Outputs {
    /// A decision.
    fn record(&mut self, sealed: SealedRecord) -> Result<(), Failure>;
    /// An event that was refused, back again.
    fn quarantined(&mut self, reason: Code, input: Rejected) -> Result<(), Failure>;
    /// What a model said, before it is taken in.
    fn input(&mut self, _: &Input<'_>) -> Result<(), Failure> {
        Ok(())
    }
    /// What concerns those who are to be told. The records say it as well.
    fn message(&mut self, _: Output) -> Result<(), Failure> {
        Ok(())
    }
}

/// An engine with a policy, and the time it has reached.
pub struct Host {
    engine: Engine,
    tenant: Option<TenantId>,
    now: Option<HostTime>,
}

impl Host {
    /// A fresh engine.
    pub fn new(policy: &Arc<Policy>, tenant: Option<TenantId>) -> Self {
        let engine = Engine::new(Arc::clone(policy), EngineConfig::default());
        Self { engine, tenant, now: None }
    }

    /// Lets time pass up to `to`: everything that fell due before it happens at its own time.
    ///
    /// What is due exactly then is the engine's own to do before it takes the next input.
    pub fn advance(&mut self, to: HostTime, out: &mut dyn Outputs) -> Result<(), Failure> {
        if self.now.is_some_and(|now| now >= to) {
            return Ok(());
        }
        let mut before = None;
        while let Some(due) = self.engine.next_wakeup().filter(|due| *due < to) {
            // A wake-up that stays due would keep us here for ever.
            if before == Some(due) {
                break;
            }
            self.call(out, |engine| engine.handle_timeout(due))?;
            before = Some(due);
        }
        self.now = Some(to);
        Ok(())
    }

    /// Lets time pass up to and including `to`.
    pub fn finish(&mut self, to: HostTime, out: &mut dyn Outputs) -> Result<(), Failure> {
        self.advance(to, out)?;
        self.call(out, |engine| engine.handle_timeout(to))
    }

    /// Hands over an event.
    pub fn event(
        &mut self,
        event: &Event,
        now: HostTime,
        out: &mut dyn Outputs,
    ) -> Result<Receipt, Failure> {
        self.advance(now, out)?;
        self.call(out, |engine| engine.handle_event(event.clone(), now))
    }

    /// Hands over a command; the inner error is the engine's refusal.
    pub fn command(
        &mut self,
        command: &Command,
        now: HostTime,
        out: &mut dyn Outputs,
    ) -> Result<Result<(), Refusal>, Failure> {
        self.advance(now, out)?;
        self.call(out, |engine| engine.handle_command(command, now))
    }

    /// Hands over what is no event.
    pub fn input(
        &mut self,
        input: &Input<'static>,
        out: &mut dyn Outputs,
    ) -> Result<Answer, Failure> {
        let mut input = input.clone();
        if let (Some(whose), Some(tenant)) = (input.whose_mut(), &self.tenant) {
            whose.tenant = Some(tenant.clone());
        }
        self.advance(input.at, out)?;
        self.call(out, |engine| engine.handle_input(&input))
    }

    /// Asks the models that are due for a patient. A replay measures no times: each model is in budget.
    pub fn score(
        &mut self,
        scorer: &mut Scorer,
        patient: PatientKey,
        now: HostTime,
        out: &mut dyn Outputs,
    ) -> Result<(), Failure> {
        self.advance(now, out)?;
        for scored in scorer.ask(&self.engine, patient, now, &mut || 0) {
            if let Some(patient) = self.engine.patient_id(patient) {
                let whose = Whose { tenant: None, patient: patient.clone() };
                let body = InputBody::Score(whose, scored.clone());
                out.input(&Input { at: now, body })?;
            }
            self.call(out, |engine| engine.handle_score(&scored, now))?
                .map_err(|e| Failure::new(e.to_string()))?;
        }
        Ok(())
    }

    /// What the version that spoke would say now, of the row that the patient has now.
    pub fn score_again(
        &self,
        scorer: &mut Scorer,
        patient: &PatientId,
        said: &Scored,
    ) -> Option<Scored> {
        let patient = self.engine.find_patient(self.tenant.as_ref(), patient)?;
        scorer.again(&self.engine, &Scored { patient, ..said.clone() })
    }

    /// Who a patient is, and the row that goes into a model of the policy.
    pub fn features(&self, patient: PatientKey, risk: &str) -> Option<(&PatientId, FeatureRow)> {
        Some((self.engine.patient_id(patient)?, self.engine.features(patient, risk)?))
    }

    /// When the engine wants to be called next.
    pub fn next_wakeup(&self) -> Option<HostTime> {
        self.engine.next_wakeup()
    }

    /// An alert, open or the last of its rule.
    pub fn alert(&self, patient: PatientKey, alert: AlertId) -> Option<&Alert> {
        self.engine.alerts(patient).iter().find(|a| a.id == alert)
    }

    /// The latest time it was told.
    pub fn now(&self) -> Option<HostTime> {
        self.now
    }

    /// The engine's key of a patient.
    pub fn patient(&mut self, patient: &PatientId) -> Result<PatientKey, Failure> {
        let key = self.engine.patient(self.tenant.as_ref(), patient);
        key.map_err(|e| Failure::new(e.to_string()))
    }

    /// The state of a rule's condition.
    pub fn condition(&self, patient: PatientKey, rule: &str) -> Option<ConditionState> {
        self.engine.condition(patient, rule)
    }

    /// The newest good value of a patient's signal, and when it was observed.
    pub fn latest(&self, patient: &PatientId, signal: &str) -> Option<(Timestamp, Value)> {
        let key = self.engine.find_patient(self.tenant.as_ref(), patient)?;
        self.engine.latest(key, signal)
    }

    /// Why a rule has not raised, in words.
    pub fn why(&mut self, patient: PatientKey, rule: &str) -> Option<String> {
        self.engine.why(patient, rule).map(|why| why.to_string())
    }

    /// The event of an item; numbers become names again.
    pub fn to_event(&self, item: &Item, names: &Names) -> Result<Event, Code> {
        match item {
            Item::Row(row) => row_event(row, names, self.tenant.clone()),
            Item::Text(text) => {
                let mut event = json::parse(&text.json).map_err(|e| e.code())?;
                if self.tenant.is_some() {
                    event.tenant.clone_from(&self.tenant);
                }
                Ok(event)
            }
        }
    }

    /// The event that expects of a patient what the recording holds, while it lasts.
    pub fn enrolment(
        &self,
        stay: &Stay,
        patient: u32,
        names: &Names,
    ) -> Result<Option<Event>, Failure> {
        let policy = self.engine.policy();
        let mut signals = Vec::new();
        for kind in stay.measures.iter().filter_map(|number| names.measure_at(*number)) {
            let signal = policy.resolve(&kind.kind).and_then(|kind| policy.signal_of(kind));
            let Some(definition) = signal.and_then(|at| policy.signals().get(at)) else {
                continue;
            };
            signals.push(Expected {
                kind: kind.kind.clone(),
                cadence: definition.cadence(),
                from: stay.from,
                until: Some(stay.until),
            });
        }
        let Some(patient) = names.patient_at(patient).filter(|_| !signals.is_empty()) else {
            return Ok(None);
        };
        let id = DeviceId::new("recording").map_err(|e| Failure::new(e.to_string()))?;
        Ok(Some(Event {
            tenant: self.tenant.clone(),
            patient: patient.clone(),
            device: Device { id, model: None, firmware: None, class: None },
            sequence: None,
            observed_at: stay.from,
            received_at: None,
            body: Body::Enrolment(Enrolment { signals }),
            quality: Quality::GOOD,
            lineage: Lineage::default(),
            unknown: None,
        }))
    }

    /// Says who is on duty.
    pub fn roster(
        &mut self,
        roster: &Roster,
        now: HostTime,
        out: &mut dyn Outputs,
    ) -> Result<(), Failure> {
        self.call(out, |engine| engine.handle_roster(roster.clone(), now))
    }

    fn call<T>(
        &mut self,
        out: &mut dyn Outputs,
        mut input: impl FnMut(&mut Engine) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        loop {
            let result = input(&mut self.engine);
            let drained = self.drain(out)?;
            match result {
                Ok(answer) => return Ok(answer),
                Err(e) if e.code() == Code::OutputQueueFull && drained => {}
                Err(e) => return Err(Failure::new(e.to_string())),
            }
        }
    }

    fn drain(&mut self, out: &mut dyn Outputs) -> Result<bool, Failure> {
        let mut drained = false;
        while let Some(output) = self.engine.poll_output() {
            drained = true;
            match output {
                Output::Record(sealed) => out.record(*sealed)?,
                Output::Quarantined { reason, input } => out.quarantined(reason, input)?,
                message => out.message(message)?,
            }
        }
        Ok(drained)
    }
}

fn row_event(row: &Row, names: &Names, tenant: Option<TenantId>) -> Result<Event, Code> {
    let patient = names.patient_at(row.patient).ok_or(Code::UnknownPatient)?;
    let device = names.device_at(row.device).ok_or(Code::UnknownDevice)?;
    let measure = names.measure_at(row.measure).ok_or(Code::UnknownKind)?;
    Ok(Event {
        tenant,
        patient: patient.clone(),
        device: Device { id: device.clone(), model: None, firmware: None, class: None },
        sequence: row.sequence,
        observed_at: row.observed,
        received_at: row.received,
        body: Body::Reading { kind: measure.kind.clone(), value: row.value },
        quality: row.quality,
        lineage: Lineage::default(),
        unknown: None,
    })
}

/// When an event in JSON is replayed: when it was received, else when it was observed.
pub fn due(text: &[u8]) -> Result<HostTime, Code> {
    let event = json::parse(text).map_err(|e| e.code())?;
    Ok(event.received_at.unwrap_or_else(|| HostTime::assume_immediate(event.observed_at)))
}

/// An event as one line of JSON.
pub fn event_json(event: &Event) -> String {
    json::write(event)
}

/// The value of a code, such as `V` of consciousness.
pub fn code_value(of: &KindRef, code: &str) -> Option<Value> {
    match of {
        KindRef::Known(known) => kind::code_value(*known, code),
        KindRef::Declared(_) => None,
    }
}

/// Kinds and units: the engine's table and what the policy declares besides.
#[derive(Clone)]
pub struct Units {
    policy: Arc<Policy>,
}

impl Units {
    /// Of a policy.
    pub fn new(policy: &Arc<Policy>) -> Self {
        Self { policy: Arc::clone(policy) }
    }

    /// Whether a kind of this name exists.
    pub fn knows(&self, kind: &str) -> bool {
        self.policy.spec().kinds.contains_key(kind) || Kind::named(kind).is_some()
    }

    /// The unit in which a kind is kept.
    pub fn unit_of(&self, kind: &str) -> Option<String> {
        if let Some(declared) = self.policy.spec().kinds.get(kind) {
            return Some(declared.unit.clone());
        }
        let info = Kind::named(kind)?.info()?;
        Some(info.unit.code().to_string())
    }

    /// A kind in a unit.
    pub fn measure(&self, kind: &str, unit: &str) -> Result<Measure, Code> {
        let (reference, ratio) = match self.policy.spec().kinds.get(kind) {
            Some(declared) => (KindRef::Declared(kind.into()), same_unit(&declared.unit, unit)?),
            None => {
                let known = Kind::named(kind).ok_or(Code::UnknownKind)?;
                let info = known.info().ok_or(Code::UnknownKind)?;
                let from = Unit::parse(unit).map_err(|e| e.code())?;
                let ratio = unit::conversion(from, info).map_err(|e| e.code())?;
                (KindRef::Known(known), ratio)
            }
        };
        Ok(Measure { kind: reference, ratio })
    }
}

/// A declared kind takes its own unit, in any spelling.
fn same_unit(declared: &str, given: &str) -> Result<Ratio, Code> {
    let same = declared == given
        || matches!((Unit::parse(declared), Unit::parse(given)), (Ok(a), Ok(b)) if a == b);
    if same { Ok(Ratio::ONE) } else { Err(Code::UnknownUnit) }
}

/// Reads a policy: TOML by its extension, else JSON.
pub fn load_policy(path: &Path) -> Result<Arc<Policy>, PolicyProblem> {
    let failed = |e: &std::io::Error| PolicyProblem::Unreadable(Failure::at(path, e));
    let bytes = fs::read(path).map_err(|e| failed(&e))?;
    if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("toml")) {
        return Policy::from_json(&bytes).map_err(PolicyProblem::Wrong);
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        PolicyProblem::Unreadable(Failure::new(format!("{}: not UTF-8", path.display())))
    })?;
    Policy::from_toml(&text).map_err(PolicyProblem::Wrong)
}

/// Why there is no policy.
pub enum PolicyProblem {
    /// The file could not be read.
    Unreadable(Failure),
    /// It was read, and is wrong.
    Wrong(PolicyErrors),
}

impl PolicyProblem {
    /// All of it as one failure, for commands that need the policy only to go on.
    pub fn into_failure(self, path: &Path) -> Failure {
        match self {
            Self::Unreadable(failure) => failure,
            Self::Wrong(errors) => {
                let all: Vec<String> = errors.errors().iter().map(|e| format!("\n  {e}")).collect();
                Failure::new(format!("{}: not a valid policy{}", path.display(), all.concat()))
            }
        }
    }
}

/// Why an alert was raised and what became of it, in words.
pub fn explanation(records: &[Record], alert: AlertId) -> Option<Explanation> {
    explain(records.iter(), alert)
}
