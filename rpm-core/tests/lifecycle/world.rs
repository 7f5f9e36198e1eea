//! The engine and the model side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rpm_core::alert::{Alert, Delivery, Suppression};
use rpm_core::event::{Body, Context, Kind, KindRef, Profile, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{self, ConditionState, DeliveryState, IntentKey};
use rpm_core::{
    AlertId, Code, Command, DeliveryReport, Duration, Engine, EngineConfig, Output, PatientKey,
    Roster, Shift, Value,
};

use crate::common::{T0, With, enrolment, event, host, reading};
use crate::model::{Address, Message, Model, Quiet, Said};
use crate::ward::{Ask, DECLINED, Event, PEOPLE, ROSTERS, RULES, Step, Ward};

const KINDS: [Kind; 2] = [Kind::HEART_RATE, Kind::SPO2];
pub const PATIENT: PatientKey = PatientKey(0);

/// An engine with its one patient, and everything that came out of it.
pub struct Bed {
    pub policy: Arc<Policy>,
    pub engine: Engine,
    /// Milliseconds since the beginning.
    pub now: i64,
    /// Of the last step.
    pub out: Vec<Output>,
    /// Of all steps.
    pub lines: Vec<String>,
    /// Every message so far.
    pub keys: Vec<IntentKey>,
    /// When the good readings of each signal were observed.
    good: [BTreeSet<i64>; 2],
    seen: [BTreeSet<i64>; 2],
}

/// What a step was answered with, if it was one that is answered.
pub type Answer = Option<Result<(), Code>>;

impl Bed {
    pub fn new(ward: Ward) -> Self {
        let policy = ward.policy();
        let engine = Engine::new(Arc::clone(&policy), EngineConfig::default());
        let mut bed = Self::around(policy, engine, 0);
        let expected = enrolment(0, &KINDS[..1], Duration::from_secs(10), 0, None);
        bed.engine.handle_event(expected, host(0)).unwrap();
        bed.drain();
        bed
    }

    /// An engine that has come to some time already.
    pub fn around(policy: Arc<Policy>, engine: Engine, now: i64) -> Self {
        Self {
            policy,
            engine,
            now,
            out: Vec::new(),
            lines: Vec::new(),
            keys: Vec::new(),
            good: Default::default(),
            seen: Default::default(),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match &output {
                Output::Record(sealed) => self.lines.push(sealed.line.clone()),
                Output::Deliver(intent) => self.keys.push(intent.key),
                _ => {}
            }
            self.out.push(output);
        }
    }

    pub fn alerts(&self) -> &[Alert] {
        self.engine.alerts(PATIENT)
    }

    pub fn alert(&self, id: AlertId) -> Option<&Alert> {
        self.alerts().iter().find(|alert| alert.id == id)
    }

    /// Which alert a step means, and what revision it has seen; beyond the list there is none.
    pub fn meant(&self, place: usize, off: i64) -> (u32, u32) {
        let alert = self.alerts().iter().rev().nth(place);
        let (id, revision) = alert.map_or((99, 1), |alert| (alert.id.0, alert.revision));
        (id, revision.saturating_add_signed(off as i32))
    }

    /// The first alert, and its revision or another one.
    pub fn first(&self, off: i32) -> (u32, u32) {
        let alert = self.alerts().first();
        alert.map_or((99, 1), |a| (a.id.0, a.revision.saturating_add_signed(off)))
    }

    /// How many readings have been accepted.
    pub fn accepted(&self) -> u64 {
        self.engine.counts(PATIENT).map_or(0, |counts| counts.accepted)
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: i64) {
        self.now = now;
        self.engine.handle_timeout(host(now)).unwrap();
        self.drain();
    }

    pub fn command(&mut self, id: u32, seen: u32, who: usize, ask: Ask) -> Result<(), Code> {
        let (actor, role) = PEOPLE[who];
        let command = Command {
            patient: PATIENT,
            alert: AlertId(id),
            seen_revision: seen,
            actor: actor.into(),
            role: role.into(),
            action: ask.action(self.now),
        };
        let result = self.engine.handle_command(&command, host(self.now)).unwrap();
        self.drain();
        result.map_err(|refusal| refusal.code)
    }

    pub fn reading(&mut self, signal: usize, value: i32, artifact: bool, at: i64) {
        if at < 0 {
            return;
        }
        if self.seen[signal].insert(at) && !artifact {
            self.good[signal].insert(at);
        }
        let quality = if artifact { Quality::ARTIFACT } else { Quality::GOOD };
        let reading = reading(KINDS[signal], at, value * 1000).quality(quality);
        self.engine.handle_event(reading, host(self.now)).unwrap();
        self.drain();
    }

    fn correct(&mut self, signal: usize, back: usize, value: i32) {
        let at = self.good[signal].iter().rev().nth(back).copied();
        if let Some(at) = at.filter(|at| self.now - at <= 300_000) {
            let value = Value::from_thousandths(value * 1000);
            let body = Body::Correction { kind: KindRef::Known(KINDS[signal]), value };
            self.engine.handle_event(event(at, body), host(self.now)).unwrap();
            self.drain();
        }
    }

    fn report(&mut self, place: usize, state: DeliveryState) -> Result<(), Code> {
        let key = self.keys[place];
        let report = DeliveryReport { patient: PATIENT, key, state };
        let result = self.engine.handle_report(&report, host(self.now)).unwrap();
        self.drain();
        result.map_err(|error| error.code())
    }

    pub fn restore(&mut self) {
        let bytes = self.engine.snapshot().unwrap();
        let policies = [Arc::clone(&self.policy)];
        let (engine, _) =
            Engine::restore(&bytes, &policies, EngineConfig::default(), host(self.now)).unwrap();
        assert!(engine.snapshot().unwrap() == bytes, "bytes to state and back");
        self.engine = engine;
    }

    /// Time passes, then the step's event happens.
    pub fn step(&mut self, step: &Step) -> Answer {
        self.out.clear();
        self.tick(self.now + step.after_s * 1000);
        self.happens(&step.event)
    }

    pub fn happens(&mut self, what: &Event) -> Answer {
        match what {
            Event::Tick => {}
            Event::Reading { signal, value, artifact, ago_s } => {
                self.reading(*signal, *value, *artifact, self.now - ago_s * 1000);
            }
            Event::Correct { signal, back, value } => self.correct(*signal, *back, *value),
            Event::Phase(phase) => {
                let care_phase = Some((*phase).into());
                let context = Context { care_phase, ..Context::default() };
                let context = event(self.now, Body::Context(context));
                self.engine.handle_event(context, host(self.now)).unwrap();
                self.drain();
            }
            Event::Declines(which) => {
                let declined_channels = DECLINED[*which].iter().map(|c| (*c).into()).collect();
                let profile = Profile { declined_channels, ..Profile::default() };
                let profile = event(self.now, Body::Profile(Box::new(profile)));
                self.engine.handle_event(profile, host(self.now)).unwrap();
                self.drain();
            }
            Event::Command { alert, off, who, ask } => {
                let (id, seen) = self.meant(*alert, *off);
                return Some(self.command(id, seen, *who, *ask));
            }
            Event::Report { message, state } => {
                let place = self.keys.len().checked_sub(message + 1)?;
                return Some(self.report(place, *state));
            }
            Event::Roster(which) => {
                self.engine.handle_roster(roster(*which), host(self.now)).unwrap();
                self.drain();
            }
            Event::Restore => self.restore(),
        }
        None
    }

    /// When the engine wants to be called next.
    pub fn next_wakeup(&self) -> Option<i64> {
        self.engine.next_wakeup().map(|at| at.as_millis() - T0)
    }

    pub fn condition(&self, rule: usize) -> ConditionState {
        self.engine.condition(PATIENT, RULES[rule]).unwrap()
    }

    /// Everything that came out in the last step, in words.
    pub fn said(&self) -> Vec<String> {
        let said = |output: &Output| match output {
            Output::Record(sealed) => sealed.line.clone(),
            Output::Deliver(intent) => serde_json::to_string(intent).unwrap(),
            Output::Cancel(cancel) => serde_json::to_string(cancel).unwrap(),
            other => format!("{other:?}"),
        };
        self.out.iter().map(said).collect()
    }

    /// The records of the last step.
    pub fn bodies(&self) -> impl Iterator<Item = &record::Body> {
        self.out.iter().filter_map(|output| match output {
            Output::Record(sealed) => Some(&sealed.record.body),
            _ => None,
        })
    }

    pub fn deliveries(&self) -> &[Delivery] {
        self.engine.deliveries(PATIENT)
    }
}

fn roster(which: usize) -> Roster {
    Roster::new(ROSTERS[which].iter().map(|(function, person, from, until)| Shift {
        function: (*function).into(),
        person: (*person).into(),
        from: host(from * 1000),
        until: host(until * 1000),
        tenant: None,
        patient: None,
    }))
}

/// Both, and which message of the model has which key.
pub struct World {
    pub bed: Bed,
    pub model: Model,
    keys: BTreeMap<IntentKey, usize>,
}

impl World {
    pub fn new(ward: Ward) -> Self {
        Self { bed: Bed::new(ward), model: Model::new(ward), keys: BTreeMap::new() }
    }

    /// The same for both; the difference, if there is one.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let told = self.model.messages.len();
        self.model.said.clear();
        let now = self.bed.now + step.after_s * 1000;
        self.model.advance(now);
        let events = match step.event {
            Event::Command { alert, off, who, ask } => {
                // What is due by now happens first, in the engine as well.
                self.bed.out.clear();
                self.bed.tick(now);
                let (id, seen) = self.bed.meant(alert, off);
                let answer = self.bed.command(id, seen, who, ask);
                Some((answer, self.model.command(id, seen, who, ask)))
            }
            Event::Report { message, state } => {
                let answer = self.bed.step(step);
                let key = self.bed.keys.len().checked_sub(message + 1);
                let key = key.map(|place| self.bed.keys[place]);
                self.learn_keys(told)?;
                let place = key.map(|key| self.keys[&key]);
                answer.zip(place.map(|place| self.model.report(place, state)))
            }
            _ => {
                self.bed.step(step);
                self.happens(&step.event);
                None
            }
        };
        self.model.advance(now);
        self.learn_keys(told)?;
        if let Some((engine, model)) = events {
            // Of a message that matters to nobody it may be forgotten that there was one.
            let late = |answer| matches!(answer, Err(Code::UnknownIntent | Code::ReportOutOfOrder));
            if !(late(engine) && late(model)) {
                same("answer", &engine, &model)?;
            }
        }
        self.compare()
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Reading { signal, value, artifact, ago_s } => {
                self.model.reading(signal, value, artifact, self.bed.now - ago_s * 1000);
            }
            Event::Correct { signal, back, value } => {
                self.model.correct(signal, back, value);
            }
            Event::Phase(phase) => self.model.phase(phase),
            Event::Declines(which) => self.model.declines(DECLINED[which]),
            Event::Roster(which) => self.model.roster(which),
            _ => {}
        }
    }

    /// Matches what the engine sent to what the model expects to be sent.
    fn learn_keys(&mut self, told: usize) -> Result<(), String> {
        let deliver = |output: &Output| match output {
            Output::Deliver(intent) => Some(intent.clone()),
            _ => None,
        };
        let sent: Vec<_> = self.bed.out.iter().filter_map(deliver).collect();
        for intent in sent {
            if self.keys.contains_key(&intent.key) {
                continue;
            }
            let alerts: BTreeSet<u32> = intent.parts.iter().map(|part| part.alert.0).collect();
            let target = intent.target.clone();
            let address: Address = (target.function, target.person, intent.channel.clone());
            let fits =
                |m: &Message| m.alerts == alerts && m.address == address && m.why == intent.reason;
            let free = |place: &usize| !self.keys.values().any(|known| known == place);
            let messages = told..self.model.messages.len();
            let mut found = messages.filter(|at| fits(&self.model.messages[*at])).filter(free);
            let place = found.next().ok_or_else(|| {
                format!("sent, but not expected: {alerts:?} {address:?} {:?}", intent.reason)
            })?;
            self.keys.insert(intent.key, place);
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), String> {
        let mut said: Vec<Said> = self.bed.out.iter().filter_map(|o| self.heard(o)).collect();
        let mut expected = self.model.said.clone();
        said.sort();
        expected.sort();
        same("said", &said, &expected)?;
        let seen: Vec<String> = self.bed.alerts().iter().map(of_engine).collect();
        let expected: Vec<String> = self.model.alerts.iter().map(of_model).collect();
        same("alerts", &seen, &expected)?;
        for delivery in self.bed.deliveries() {
            let message = &self.model.messages[self.keys[&delivery.key]];
            same("message", &delivery.state, &message.state)?;
        }
        let live = |state: DeliveryState| state.is_under_way();
        let ours = self.model.messages.iter().filter(|m| live(m.state)).count();
        let theirs = self.bed.deliveries().iter().filter(|d| live(d.state)).count();
        same("messages under way", &theirs, &ours)
    }

    fn heard(&self, output: &Output) -> Option<Said> {
        match output {
            Output::Deliver(intent) => {
                let message = &self.model.messages[self.keys[&intent.key]];
                let (alerts, address) = (message.alerts.clone(), message.address.clone());
                Some(Said::Deliver(alerts, address, intent.reason))
            }
            Output::Cancel(cancel) => Some(Said::Cancel(self.keys[&cancel.key])),
            Output::EscalationExhausted { alert, escalation, .. } => {
                let name = if escalation == "quick" { "quick" } else { "calm" };
                Some(Said::Exhausted(alert.0, name))
            }
            Output::Record(sealed) => match &sealed.record.body {
                record::Body::NotificationWithheld { alert, reason, .. } => {
                    Some(Said::Withheld(alert.0, *reason))
                }
                record::Body::InterventionJudged { alert, helped, so_far, .. } => {
                    let record::Tried { intervention, tried, helped: of } = so_far.clone();
                    Some(Said::Judged(alert.0, intervention, *helped, (of, tried)))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: &T, model: &T) -> Result<(), String> {
    if engine == model {
        return Ok(());
    }
    Err(format!("{what}: the engine has\n  {engine:?}\nand the model\n  {model:?}"))
}

/// What is compared of an alert; of one that is closed suppression means nothing.
fn of_engine(alert: &Alert) -> String {
    let quiet = match &alert.suppression {
        _ if !alert.is_open() => Quiet::No,
        Suppression::None => Quiet::No,
        Suppression::Shelved { .. } => Quiet::Shelved,
        Suppression::ByRule { .. } => Quiet::ByRule,
        Suppression::InhibitedBy { alert } => Quiet::Inhibited(alert.0),
        Suppression::OutOfService { .. } => Quiet::OutOfService,
    };
    let condition = alert.is_open().then_some(alert.condition);
    format!(
        "{} of rule {} at {}: {:?} by {:?}, {condition:?}, {quiet:?}, unstable {}, told {} {}",
        alert.id.0,
        alert.rule,
        alert.revision,
        alert.status(),
        alert.response.owner(),
        alert.unstable,
        alert.is_escalating(),
        alert.is_exhausted(),
    )
}

fn of_model(alert: &crate::model::Alert) -> String {
    let quiet = if alert.open() { alert.quiet } else { Quiet::No };
    let condition = alert.open().then(|| alert.condition());
    format!(
        "{} of rule {} at {}: {:?} by {:?}, {condition:?}, {quiet:?}, unstable {}, told {} {}",
        alert.id,
        alert.rule,
        alert.revision,
        alert.status(),
        alert.owner(),
        alert.unstable,
        alert.escalating(),
        alert.exhausted,
    )
}
