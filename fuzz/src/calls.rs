//! An arbitrary sequence of calls of the engine, on a policy with one rule of each sort.
//!
//! The first patient is also watched by a [`Monitor`], which must decide the same.

use std::sync::{Arc, LazyLock};

use rpm_core::event::{
    Body, Device, Enrolment, Event, Expected, Kind, KindRef, Lineage, Quality, json,
};
use rpm_core::policy::{Policy, PolicySpec, Proposal};
use rpm_core::record::IntentKey;
use rpm_core::{
    AlertId, Code, Command, DeliveryReport, DeviceId, DeviceKey, Duration, Engine, EngineConfig,
    Error, HostTime, Monitor, Output, PatientId, PatientKey, Reading, Receipt, TenantId, Timestamp,
    Value,
};

use super::bytes::Bytes;
use super::ledger::Ledger;
use super::people;

/// One rule of each sort.
pub static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    Policy::from_json(include_bytes!("rules.json")).unwrap_or_else(|e| unreachable!("{e}"))
});

/// That one, and what it may be changed to: in words, in rules, in limits, in panes.
pub static POLICIES: LazyLock<Vec<Arc<Policy>>> = LazyLock::new(|| {
    let changed = |version: u32, change: fn(&mut PolicySpec)| {
        let mut spec = PolicySpec { version, ..POLICY.spec().clone() };
        change(&mut spec);
        Policy::from_spec(spec).unwrap_or_else(|e| unreachable!("{e}"))
    };
    Vec::from([
        Arc::clone(&POLICY),
        changed(8, |spec| spec.rules.iter_mut().for_each(|rule| rule.title.push('!'))),
        changed(9, |spec| {
            spec.rules.truncate(4);
            spec.care.routes.remove(0);
            spec.care.suppressions.remove(1);
        }),
        changed(10, |spec| {
            spec.rules.iter_mut().for_each(|rule| rule.unverified_after = Some("7 s".into()));
        }),
        changed(11, |spec| {
            spec.lateness_horizon = "45 s".into();
            for pane in spec.signals.values_mut().map(|signal| &mut signal.pane) {
                // Windows stay whole numbers of panes.
                *pane = pane.as_deref().filter(|pane| *pane != "2 s").map(Into::into);
            }
        }),
    ])
});

/// When the host's clock starts.
const START: i64 = 1_700_000_000_000;
const KINDS: [Kind; 6] = [
    Kind::SPO2,
    Kind::HEART_RATE,
    Kind::BODY_TEMPERATURE,
    Kind(Kind::FIRST_DECLARED),
    Kind::CONSCIOUSNESS,
    Kind::STEPS,
];
const DECLARED: &str = "lactate";
const PATIENTS: [&str; 3] = ["p0", "p1", "p2"];
const DEVICES: [&str; 3] = ["d0", "d1", "d2"];
const TEXTS: [&str; 10] = [
    r#"{"v":"1.0","patient":"p0","device":"d0","observed_at":1700000001000,"reading":{"kind":"spo2","value":86.5,"unit":"%"}}"#,
    r#"{"v":"1.0","patient":"p0","device":"d7","sequence":3,"observed_at":1700000002000,"reading":{"kind":"lactate","value":4.5,"unit":"mmol/L"}}"#,
    r#"{"v":"1.0","patient":"p0","device":"d0","observed_at":1700000002000,"reading":{"kind":"lactate","value":4.5,"unit":"mg/dL"}}"#,
    r#"{"v":"1.0","patient":"p0","device":"d0","observed_at":1700000003000,"reading":{"kind":"spo2","absent":"error"}}"#,
    r#"{"v":"1.0","patient":"p0","device":"d0","observed_at":1700000001000,"correction":{"kind":"spo2","value":97,"unit":"%"}}"#,
    r#"{"v":"1.0","patient":"p0","device":"d0","observed_at":1700000000000,"enrolment":{"signals":[{"kind":"spo2","cadence":"1 s","from":1700000000000},{"kind":"heart_rate","cadence":"2 s","from":0,"until":1700000100000}]}}"#,
    r#"{"v":"1.0","patient":"p0","device":"d0","sequence":9,"observed_at":1700000000000,"profile":{"age_band":"adult","spo2_scale":2}}"#,
    r#"{"v":"1.0","tenant":"north","patient":"p0","device":"d0","observed_at":1700000004000,"reading":{"kind":"heart_rate","value":170,"unit":"/min"}}"#,
    r#"{"v":0,"p":"p1","dev":"d1","seq":17,"t":1700000005000,"kind":"spo2","value":80,"unit":"%"}"#,
    r#"{"v":"1.0","patient":"p9","device":"d0","observed_at":1700000004000,"lineage":{"signature":"invalid"},"context":{"asleep":true}}"#,
];

/// An arbitrary sequence of calls of the engine.
pub fn engine_ops(bytes: &[u8]) {
    let mut input = Bytes::new(bytes);
    let mut ward = Ward::new(input.u8());
    while !input.is_empty() {
        ward.step(&mut input);
    }
    ward.finish();
}

/// An engine and everything that is known about it from outside.
pub struct Ward {
    engine: Engine,
    config: EngineConfig,
    ledger: Ledger,
    /// The same for the first patient alone.
    monitor: Monitor,
    monitor_lines: Vec<String>,
    clock: i64,
    last: Option<Reading>,
}

pub fn config(outputs: u8) -> EngineConfig {
    let mut config = EngineConfig::default();
    config = config.with_max_outputs(usize::from(outputs)).with_max_patients(5);
    config.max_devices = 64;
    config
}

fn patient(number: usize) -> PatientId {
    PatientId::new(PATIENTS[number]).expect("a name")
}

impl Ward {
    pub fn new(outputs: u8) -> Self {
        let config = config(outputs);
        let mut engine = Engine::new(Arc::clone(&POLICY), config);
        let mut monitor = Monitor::new(Arc::clone(&POLICY), None, &patient(0));
        for (number, device) in DEVICES.iter().enumerate() {
            let key = engine.patient(None, &patient(number)).expect("room");
            assert_eq!(key, PatientKey(number as u32));
            let device = DeviceId::new(device).expect("a name");
            engine.device(PatientKey(0), &device).expect("room");
            monitor.device(&device).expect("room");
        }
        let (ledger, monitor_lines) = (Ledger::default(), Vec::new());
        Self { engine, config, ledger, monitor, monitor_lines, clock: START, last: None }
    }

    pub fn step(&mut self, input: &mut Bytes<'_>) {
        let call = input.u8();
        match call {
            u8::MAX => return self.change(input),
            254 => return self.report(input),
            253 => return self.roster(input),
            _ => {}
        }
        match call % 16 {
            0..=5 => {
                let reading = self.reading(input);
                self.take_reading(reading);
            }
            6 => self.batch(input),
            7 => self.json(input),
            8 => {
                let body = match input.u8() % 2 {
                    0 => Body::Correction { kind: kind_ref(input), value: value(input) },
                    _ => Body::Void { kind: kind_ref(input) },
                };
                self.event(input, body);
            }
            9 => {
                let body = match input.u8() % 4 {
                    0 => people::circumstances(input),
                    1 => Body::Reading { kind: kind_ref(input), value: Ok(value(input)) },
                    _ => self.enrolment(input),
                };
                self.event(input, body);
            }
            10 => self.command(input),
            11 => {
                let now = self.now(input);
                self.timeout(now);
            }
            12 => {
                self.drain();
            }
            13 => {
                // The engine's own may be one that nobody waits for any more.
                let at = self.monitor.next_wakeup();
                self.timeout(at.unwrap_or_default());
            }
            14 => {
                let Some(mut reading) = self.last else { return };
                reading.value = if input.u8() < 128 { reading.value } else { value(input) };
                self.take_reading(reading);
            }
            _ => {
                self.drain();
                self.ledger.settle(&mut self.engine);
            }
        }
    }

    /// Another policy, now or later.
    fn change(&mut self, input: &mut Bytes<'_>) {
        let now = self.now(input);
        let to = &POLICIES[usize::from(input.u8()) % POLICIES.len()];
        let later = i64::from(input.pick(&[0_u8, 0, 1, 100]));
        let at = HostTime::from_millis(self.clock + later * 1000);
        let proposal = Proposal::new(self.engine.policy(), Arc::clone(to), "a", "why");
        let Some(change) = proposal.ok().and_then(|proposal| proposal.approve("b", at).ok()) else {
            return self.timeout(now);
        };
        let taken = self.until_taken(|engine| engine.handle_change(change.clone(), now));
        let taken = taken.expect("only a full queue");
        self.timeout(now);
        // The engine refuses if too many episodes are open, which may be those of other patients.
        if taken.is_ok() {
            let mirrored = self.monitor.handle_change(change, now);
            assert_eq!(mirrored, Ok(Ok(())), "engine and monitor answer differently");
        }
        self.mirror_timeout(now);
    }

    /// The same ward, stopped here and restored, and the bytes in between.
    pub fn restored(&mut self) -> (Self, Vec<u8>) {
        self.drain();
        let policies = &POLICIES;
        let now = HostTime::from_millis(self.clock);
        let bytes = self.engine.snapshot().expect("the queue was emptied");
        let (engine, report) =
            Engine::restore(&bytes, policies, self.config, now).expect("its own snapshot");
        assert_eq!(report.patients, self.engine.len());
        let monitor = self.monitor.snapshot().expect("the queue was emptied");
        let (monitor, _) = Monitor::restore(&monitor, policies, now).expect("its own snapshot");
        let restored = Self {
            engine,
            config: self.config,
            ledger: self.ledger.clone(),
            monitor,
            monitor_lines: self.monitor_lines.clone(),
            clock: self.clock,
            last: self.last,
        };
        (restored, bytes)
    }

    /// Checks what can be checked when everything has come out, and gives every line.
    pub fn finish(mut self) -> Vec<String> {
        // What found no room in a full queue is done by the next call.
        self.timeout(HostTime::from_millis(self.clock));
        self.drain();
        self.ledger.settle(&mut self.engine);
        let lines = self.ledger.lines(&patient(0));
        for (engine, monitor) in lines.iter().zip(&self.monitor_lines) {
            assert_eq!(engine, monitor, "engine and monitor differ");
        }
        assert_eq!(lines.len(), self.monitor_lines.len(), "engine and monitor differ");
        self.ledger.into_lines()
    }

    /// The host's clock: mostly a little later, sometimes nonsense.
    fn now(&mut self, input: &mut Bytes<'_>) -> HostTime {
        let step = input.u8();
        let jump = i64::from(step);
        self.clock += match step {
            0..=99 => jump * 20,
            100..=199 => (jump - 99) * 1000,
            200..=239 => (jump - 199) * 60_000,
            240..=245 => (jump - 239) * 86_400_000,
            246..=249 => (245 - jump) * 10_000,
            _ => 0,
        };
        HostTime::from_millis(match step {
            250 => i64::MIN,
            251 => i64::MAX,
            252 => 0,
            253 => input.i64(),
            _ => self.clock,
        })
    }

    /// When the body was measured: mostly just now, sometimes late, sometimes nonsense.
    fn observed(&mut self, input: &mut Bytes<'_>) -> Timestamp {
        let late = input.u8();
        let ms = i64::from(late);
        Timestamp::from_millis(match late {
            0..=149 => self.clock - ms * 100,
            150..=199 => self.clock - (ms - 149) * 1000,
            200..=239 => self.clock - (ms - 199) * 600_000,
            240..=247 => self.clock + (ms - 239) * 1000,
            248 => i64::MIN,
            249 => i64::MAX,
            250 => 0,
            251 => 253_402_300_799_999,
            _ => input.i64(),
        })
    }

    fn reading(&mut self, input: &mut Bytes<'_>) -> Reading {
        let who = input.u8();
        let received_at = self.now(input);
        let what = input.u8();
        Reading {
            patient: PatientKey(if who < 250 { u32::from(who % 3) } else { u32::from(who) }),
            device: DeviceKey(u16::from(who / 3 % 4)),
            kind: if what < 250 {
                KINDS[usize::from(what) % KINDS.len()]
            } else {
                Kind(input.u16())
            },
            value: value(input),
            quality: Quality::from_bits(input.pick(&[0, 0, 0, 1, 2, 16, 127, 255])),
            sequence: input.pick(&[None, None, Some(1), Some(2), Some(40), Some(u64::MAX)]),
            observed_at: self.observed(input),
            received_at,
        }
    }

    fn take_reading(&mut self, reading: Reading) {
        self.last = Some(reading);
        match self.until_taken(|engine| engine.handle_reading(&reading)) {
            Ok(receipt) => self.ledger.receipt(receipt),
            Err(error) => assert_eq!(error.code(), Code::UnknownPatient),
        }
        self.mirror_reading(&reading);
    }

    fn batch(&mut self, input: &mut Bytes<'_>) {
        let mut readings: Vec<_> = (0..1 + input.u8() % 4).map(|_| self.reading(input)).collect();
        readings.retain(|r| (r.patient.0 as usize) < PATIENTS.len());
        let mut rest = readings.as_slice();
        while !rest.is_empty() {
            let done = self.engine.handle_batch(rest);
            assert_eq!(done.consumed as u64, done.accepted + done.duplicate + done.quarantined);
            self.ledger.batch(done.accepted, done.duplicate, done.quarantined);
            rest = &rest[done.consumed..];
            assert!(rest.is_empty() || self.drain() > 0, "stuck");
        }
        for reading in &readings {
            self.mirror_reading(reading);
        }
    }

    fn json(&mut self, input: &mut Bytes<'_>) {
        let now = self.now(input);
        let which = usize::from(input.u8());
        let length = usize::from(input.u16());
        let text = match TEXTS.get(which) {
            Some(text) => text.as_bytes(),
            None => input.take(length),
        };
        self.take(|engine| engine.handle_json(text, now));
        match json::parse(text) {
            Ok(event) => self.mirror_event(event, now),
            Err(_) => self.mirror_timeout(now),
        }
    }

    fn event(&mut self, input: &mut Bytes<'_>, body: Body) {
        let now = self.now(input);
        let id = DeviceId::new(input.pick(&DEVICES)).expect("a name");
        let event = Event {
            tenant: input.pick(&[None, None, Some("north")]).and_then(|t| TenantId::new(t).ok()),
            patient: patient(usize::from(input.u8() % 3)),
            device: Device { id, model: None, firmware: None, class: Some("watch".into()) },
            sequence: input.pick(&[None, Some(1), Some(7)]),
            observed_at: self.observed(input),
            received_at: None,
            body,
            quality: Quality::GOOD,
            lineage: Lineage::default(),
            unknown: None,
        };
        self.take(|engine| engine.handle_event(event.clone(), now));
        self.mirror_event(event, now);
    }

    fn enrolment(&mut self, input: &mut Bytes<'_>) -> Body {
        let expected = |kind| Expected {
            kind,
            cadence: Duration::from_millis(input.pick(&[0, 1000, 60_000, i64::MAX])),
            from: Timestamp::from_millis(input.pick(&[0, START, i64::MIN, i64::MAX])),
            until: input.pick(&[None, None, Some(Timestamp::from_millis(START + 60_000))]),
        };
        let kinds = [KindRef::Known(Kind::SPO2), KindRef::Known(Kind::HEART_RATE)];
        Body::Enrolment(Enrolment { signals: kinds.map(expected).into() })
    }

    fn command(&mut self, input: &mut Bytes<'_>) {
        let now = self.now(input);
        let who = PatientKey(u32::from(input.u8() % 4));
        let alerts = self.engine.alerts(who);
        let alert = alerts.get(usize::from(input.u8()) % alerts.len().max(1));
        let (alert, revision) = alert.map_or((AlertId(0), 0), |a| (a.id, a.revision));
        let off = u32::from(input.pick(&[0_u8, 0, 0, 1]));
        let action = people::action(input, now);
        let command = Command {
            patient: who,
            alert,
            seen_revision: revision.wrapping_add(off),
            actor: "nurse".into(),
            role: input.pick(&["nurse", "nurse", "head", ""]).into(),
            action,
        };
        let result = self.until_taken(|engine| engine.handle_command(&command, now));
        let result = result.expect("only a full queue");
        if who == PatientKey(0) {
            let mirrored = self.mirror_until_taken(|monitor| monitor.handle_command(&command, now));
            assert_eq!(mirrored, result, "engine and monitor answer differently");
        } else {
            self.mirror_timeout(now);
        }
    }

    /// What a channel says of a message, of any or of none.
    fn report(&mut self, input: &mut Bytes<'_>) {
        let now = self.now(input);
        let who = PatientKey(u32::from(input.u8() % 3));
        let known = self.engine.deliveries(who);
        let key = known.get(usize::from(input.u8()) % known.len().max(1)).map(|known| known.key);
        let key = key.unwrap_or(IntentKey(input.u8().into()));
        let report = DeliveryReport { patient: who, key, state: people::state(input) };
        let result = self.until_taken(|engine| engine.handle_report(&report, now));
        let result = result.expect("only a full queue");
        if who == PatientKey(0) {
            let mirrored = self.mirror_until_taken(|monitor| monitor.handle_report(&report, now));
            assert_eq!(mirrored, result, "engine and monitor answer differently");
        } else {
            self.mirror_timeout(now);
        }
    }

    fn roster(&mut self, input: &mut Bytes<'_>) {
        let now = self.now(input);
        let roster = people::roster(input, self.clock);
        let taken = self.until_taken(|engine| engine.handle_roster(roster.clone(), now));
        taken.expect("only a full queue");
        self.mirror_until_taken(|monitor| monitor.handle_roster(roster.clone(), now));
    }

    fn timeout(&mut self, now: HostTime) {
        self.until_taken(|engine| engine.handle_timeout(now)).expect("only a full queue");
        assert!(self.engine.next_wakeup().is_none_or(|at| at > now), "due and not done");
        self.mirror_timeout(now);
    }

    fn take(&mut self, call: impl FnMut(&mut Engine) -> Result<Receipt, Error>) {
        let receipt = self.until_taken(call).expect("only a full queue");
        self.ledger.receipt(receipt);
    }

    /// Calls until there was room; a full queue must have something to poll and change no count.
    fn until_taken<T>(
        &mut self,
        mut call: impl FnMut(&mut Engine) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let before = self.inputs();
            match call(&mut self.engine) {
                Err(error) if error.code() == Code::OutputQueueFull => {
                    assert_eq!(self.inputs(), before, "refused and counted");
                    assert!(self.drain() > 0, "full and empty");
                }
                result => return result,
            }
        }
    }

    fn inputs(&self) -> u64 {
        let keys = (0..self.engine.len() as u32).map(PatientKey);
        keys.filter_map(|key| self.engine.counts(key)).map(|counts| counts.total()).sum()
    }

    fn drain(&mut self) -> usize {
        let mut polled = 0;
        while let Some(output) = self.engine.poll_output() {
            self.ledger.output(output);
            polled += 1;
        }
        polled
    }

    fn mirror_reading(&mut self, reading: &Reading) {
        if reading.patient != PatientKey(0) {
            return self.mirror_timeout(reading.received_at);
        }
        self.mirror_until_taken(|monitor| monitor.handle_reading(reading));
    }

    fn mirror_event(&mut self, event: Event, now: HostTime) {
        if event.patient != patient(0) || event.tenant.is_some() {
            return self.mirror_timeout(now);
        }
        self.mirror_until_taken(|monitor| monitor.handle_event(event.clone(), now));
    }

    /// What was due before may take more room than there is: then the input comes again.
    fn mirror_until_taken<T>(
        &mut self,
        mut input: impl FnMut(&mut Monitor) -> Result<T, Error>,
    ) -> T {
        loop {
            let result = input(&mut self.monitor);
            self.mirror_drain();
            if let Ok(answer) = result {
                return answer;
            }
        }
    }

    fn mirror_timeout(&mut self, now: HostTime) {
        while self.monitor.handle_timeout(now).is_err() {
            self.mirror_drain();
        }
        self.mirror_drain();
    }

    fn mirror_drain(&mut self) {
        while let Some(output) = self.monitor.poll_output() {
            match output {
                Output::Record(sealed) if sealed.record.patient.is_some() => {
                    self.monitor_lines.push(sealed.line);
                }
                _ => {}
            }
        }
    }
}

fn value(input: &mut Bytes<'_>) -> Value {
    let shape = input.u8();
    Value::from_thousandths(match shape {
        0..=249 => i32::from(shape) * 1000,
        250 => i32::MIN,
        251 => i32::MAX,
        _ => input.i32(),
    })
}

fn kind_ref(input: &mut Bytes<'_>) -> KindRef {
    match input.u8() {
        which @ 0..=199 => match KINDS[usize::from(which) % KINDS.len()] {
            Kind(Kind::FIRST_DECLARED) => KindRef::Declared(DECLARED.into()),
            kind => KindRef::Known(kind),
        },
        200..=229 => KindRef::Known(Kind(input.u16())),
        _ => KindRef::Declared("nothing".into()),
    }
}
