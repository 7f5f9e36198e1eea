//! What the bare-metal image does, as a library, so that the host does the same: real recordings
//! through a policy, and every decision as its canonical line.
//!
//! `cargo xtask firmware` runs both and compares the lines.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use rpm_core::event::{Kind, Quality, json};
use rpm_core::policy::Policy;
use rpm_core::record::Body;
use rpm_core::{
    Action, AlertId, Command, DeviceId, DeviceKey, Duration, Error, HostTime, Monitor, Output,
    PatientId, PatientKey, Reading, Timestamp, Value,
};

/// The policy, as it would lie in a device's flash.
pub const POLICY: &[u8] = include_bytes!("../policy.json");

/// Who is expected to deliver what, from the start of the recording.
const EXPECTED: &str =
    r#"[{"kind":"spo2","cadence":"1 s","from":0},{"kind":"heart_rate","cadence":"1 s","from":0}]"#;
/// How long after the last reading the host still calls, for what is due by then.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// A recording of one patient, in order of time.
struct Recording {
    patient: &'static str,
    rows: &'static [Row],
}

/// One reading, in the canonical unit of its kind.
struct Row {
    second: u16,
    kind: Kind,
    value: i16,
}

include!(concat!(env!("OUT_DIR"), "/recordings.rs"));

/// What was done, added up over all recordings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Inputs given to the engine.
    pub inputs: u64,
    /// Those that count.
    pub accepted: u64,
    /// Those known already.
    pub duplicate: u64,
    /// Those refused.
    pub quarantined: u64,
    /// Decisions.
    pub records: u64,
    /// Of these: alerts opened.
    pub alerts: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, accepted, duplicate, quarantined, records, alerts } = self;
        write!(f, "{inputs} inputs: {accepted} accepted, {duplicate} duplicate, ")?;
        write!(f, "{quarantined} quarantined; {records} records, {alerts} alerts")
    }
}

/// Replays every recording, one monitor after another, and passes on each record's line.
///
/// # Errors
/// The policy is wrong, the engine refuses input, or an input has no outcome.
pub fn replay(mut line: impl FnMut(&str)) -> Result<Summary, String> {
    let policy = Policy::from_json(POLICY).map_err(|e| e.to_string())?;
    let mut summary = Summary::default();
    for recording in RECORDINGS {
        let mut bed = Bed::new(&policy, recording.patient).map_err(|e| e.to_string())?;
        bed.replay(recording, &mut line, &mut summary).map_err(|e| e.to_string())?;
    }
    let outcomes = summary.accepted + summary.duplicate + summary.quarantined;
    if outcomes != summary.inputs {
        return Err(format!("{} inputs have {outcomes} outcomes", summary.inputs));
    }
    Ok(summary)
}

/// One monitored patient and the person who looks after the alerts.
struct Bed {
    monitor: Monitor,
    device: DeviceKey,
    /// Alerts that nobody has seen yet.
    unseen: VecDeque<AlertId>,
}

impl Bed {
    fn new(policy: &Arc<Policy>, patient: &str) -> Result<Self, Error> {
        let mut monitor = Monitor::new(Arc::clone(policy), None, &PatientId::new(patient)?);
        let device = monitor.device(&DeviceId::new("bedside")?)?;
        Ok(Self { monitor, device, unseen: VecDeque::new() })
    }

    fn replay(
        &mut self,
        recording: &Recording,
        line: &mut impl FnMut(&str),
        summary: &mut Summary,
    ) -> Result<(), Error> {
        // What comes once comes as JSON, as from a gateway; readings come in their compact form.
        let enrolment = format!(
            r#"{{"v":"1.0","patient":"{}","device":"bedside","observed_at":0,"enrolment":{{"signals":{EXPECTED}}}}}"#,
            recording.patient
        );
        let mut now = HostTime::from_millis(0);
        self.monitor.handle_event(json::parse(enrolment.as_bytes())?, now)?;
        summary.inputs += 1;
        for row in recording.rows {
            let reading = self.reading(row);
            now = reading.received_at;
            self.monitor.handle_reading(&reading)?;
            summary.inputs += 1;
            self.drain(line, summary);
            self.acknowledge(now)?;
        }
        self.monitor.handle_timeout(now.plus(AFTERWARDS))?;
        self.drain(line, summary);
        let counts = self.monitor.counts();
        summary.accepted += counts.accepted;
        summary.duplicate += counts.duplicate;
        summary.quarantined += counts.quarantined;
        Ok(())
    }

    fn reading(&self, row: &Row) -> Reading {
        let observed_at = Timestamp::from_millis(i64::from(row.second) * 1000);
        Reading {
            patient: PatientKey(0),
            device: self.device,
            kind: row.kind,
            value: Value::from_thousandths(i32::from(row.value) * 1000),
            quality: Quality::GOOD,
            sequence: None,
            observed_at,
            received_at: HostTime::assume_immediate(observed_at),
        }
    }

    fn drain(&mut self, line: &mut impl FnMut(&str), summary: &mut Summary) {
        while let Some(output) = self.monitor.poll_output() {
            let Output::Record(sealed) = output else {
                continue;
            };
            summary.records += 1;
            if let Body::AlertOpened { alert, .. } = sealed.record.body {
                summary.alerts += 1;
                self.unseen.push_back(alert);
            }
            line(&sealed.line);
        }
    }

    /// Somebody sees each alert as soon as it opens.
    fn acknowledge(&mut self, now: HostTime) -> Result<(), Error> {
        while let Some(id) = self.unseen.pop_front() {
            let alert = self.monitor.alerts().iter().find(|a| a.id == id);
            let command = Command {
                patient: PatientKey(0),
                alert: id,
                seen_revision: alert.map_or(0, |a| a.revision),
                actor: "nurse".to_string(),
                role: "nurse".to_string(),
                action: Action::Acknowledge,
            };
            let answer = self.monitor.handle_command(&command, now)?;
            answer.map_err(|refusal| Error::new(refusal.code))?;
        }
        Ok(())
    }
}
