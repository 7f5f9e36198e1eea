//! What a policy would have decided: a log of inputs through a fresh engine, in one call.
//!
//! Time passes as it would have: what falls due between two inputs happens at its own time. Two logs or
//! two policies are compared by comparing what comes out.

use alloc::string::String;
use alloc::sync::Arc;

use serde::Serialize;

use crate::engine::{Engine, EngineConfig, Output};
use crate::error::{Code, Error};
use crate::input::{Answer, Input};
use crate::insight::Kpi;
use crate::insight::kpi::KpiReport;
use crate::intake::Receipt;
use crate::policy::Policy;
use crate::time::HostTime;

/// What came of a log.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct BackTest {
    /// Events and scores that were accepted.
    pub accepted: u64,
    /// Those that were known already.
    pub duplicate: u64,
    /// Those that were refused.
    pub quarantined: u64,
    /// Other inputs that were taken.
    pub taken: u64,
    /// Inputs that were refused.
    pub refused: u64,
    /// Lines that were no inputs, and were left out.
    pub unreadable: u64,
    /// The alarm figures.
    pub kpi: KpiReport,
}

crate::redact::redacted!(BackTest);

/// Replays a log, one input a line in the form of [`input`](crate::input), up to a time or to its last
/// input, and hands over each output in order.
///
/// ```
/// # use rpm_core::{EngineConfig, HostTime, back_test, policy::Policy};
/// # let policy = Policy::from_json(br#"{"id": "p", "version": 1, "title": "P",
/// #     "signals": {"spo2": {"cadence": "1 s"}},
/// #     "rules": [{"id": "gone", "title": "Gone", "signal": "spo2", "missing_for": "1 min"}]
/// # }"#).unwrap();
/// let log = br#"{"v":"1.0","patient":"p1","device":"d1","observed_at":0,"reading":{"kind":"spo2","value":97,"unit":"%"}}"#;
/// let until = Some(HostTime::from_millis(60_000));
/// let mut lines = Vec::new();
/// let done = back_test(policy, EngineConfig::default(), log, until, |output| lines.push(output.to_json()));
/// assert_eq!(done.accepted, 1);
/// assert!(lines.last().unwrap().contains("alert_opened"));
/// ```
pub fn back_test(
    policy: Arc<Policy>,
    config: EngineConfig,
    log: &[u8],
    until: Option<HostTime>,
    mut each: impl FnMut(Output),
) -> BackTest {
    let mut stage = Stage { engine: Engine::new(policy, config), kpi: Kpi::default(), now: None };
    let (mut counts, mut unreadable) = ([0_u64; 5], 0);
    for line in log.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        match Input::parse(line) {
            _ if line.is_empty() => {}
            Ok(input) => {
                stage.pass(input.at, &mut each);
                let answer = stage.call(&mut each, |engine| engine.handle_input(&input));
                match answer {
                    Some(Answer::Event(Receipt::Accepted)) => counts[0] += 1,
                    Some(Answer::Event(Receipt::Duplicate)) => counts[1] += 1,
                    Some(Answer::Event(Receipt::Quarantined(_))) => counts[2] += 1,
                    Some(Answer::Taken) => counts[3] += 1,
                    Some(Answer::Refused { .. }) => counts[4] += 1,
                    None => unreadable += 1,
                }
            }
            Err(_) => unreadable += 1,
        }
    }
    if let Some(end) = until.max(stage.now) {
        stage.pass(end, &mut each);
        stage.call(&mut each, |engine| engine.handle_timeout(end));
    }
    let [accepted, duplicate, quarantined, taken, refused] = counts;
    let kpi = stage.kpi.report(until.max(stage.now).unwrap_or_default());
    BackTest { accepted, duplicate, quarantined, taken, refused, unreadable, kpi }
}

impl BackTest {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Serialising these types cannot fail: no map has keys that are not text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

struct Stage {
    engine: Engine,
    kpi: Kpi,
    /// The latest time reached.
    now: Option<HostTime>,
}

impl Stage {
    /// Lets time pass: what is due before `to` happens at its own time.
    fn pass(&mut self, to: HostTime, each: &mut impl FnMut(Output)) {
        let mut before = None;
        while let Some(due) = self.engine.next_wakeup().filter(|due| *due < to) {
            // A wake-up that stays due would keep us here for ever.
            if before == Some(due) {
                break;
            }
            self.call(each, |engine| engine.handle_timeout(due));
            before = Some(due);
        }
        self.now = self.now.max(Some(to));
    }

    fn call<T>(
        &mut self,
        each: &mut impl FnMut(Output),
        mut input: impl FnMut(&mut Engine) -> Result<T, Error>,
    ) -> Option<T> {
        loop {
            let result = input(&mut self.engine);
            while let Some(output) = self.engine.poll_output() {
                if let Output::Record(sealed) = &output {
                    self.kpi.fold(&sealed.record);
                }
                each(output);
            }
            match result {
                Err(error) if error.code() == Code::OutputQueueFull => {}
                result => return result.ok(),
            }
        }
    }
}
