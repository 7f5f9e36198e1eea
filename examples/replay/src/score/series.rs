//! The values of a signal, pane by pane, as the engine had them.

use std::collections::BTreeMap;
use std::path::Path;

use rpm_core::event::Event;
use rpm_core::{Duration, HostTime, Receipt, Timestamp, Value};

use crate::compare::labels::Labels;
use crate::failure::Failure;
use crate::host::Host;
use crate::progress::Progress;
use crate::run::Watch;

/// Asks the engine for the newest value after every event.
pub struct Collector<'a> {
    signal: &'a str,
    pane: i64,
    progress: Progress,
    patients: BTreeMap<String, Seen>,
}

/// What was seen of a patient.
struct Seen {
    /// First and last accepted event.
    span: (Timestamp, Timestamp),
    /// By pane: the value that it had at last, while it was the newest.
    values: BTreeMap<i64, Value>,
}

/// The panes of every patient, without a gap.
pub struct Series {
    /// The width of a pane, in milliseconds.
    pub pane: i64,
    /// In the order of their names.
    pub patients: Vec<(String, Vec<Step>)>,
    labelled: bool,
}

/// One pane of a patient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it begins, in milliseconds.
    pub at: i64,
    /// The value in it.
    pub value: Value,
    /// Whether nothing new was known, so that the value is that of the pane before.
    pub carried: bool,
    /// Whether it is one of an event's.
    pub of_event: bool,
}

impl<'a> Collector<'a> {
    /// Of a signal with panes of this width.
    pub fn new(signal: &'a str, pane: i64) -> Self {
        Self { signal, pane, progress: Progress::new("replay"), patients: BTreeMap::new() }
    }

    /// All panes of each stay; with labels, of the patients that have one.
    ///
    /// A pane without a value of its own has that of the pane before. What comes before every value
    /// counts `unmeasured`, or is left out.
    pub fn finish(self, labels: Option<&Labels>, unmeasured: Option<Value>) -> Series {
        self.progress.done();
        let mut names: Vec<&String> = self.patients.keys().collect();
        if let Some(labels) = labels {
            names = labels.onsets.keys().collect();
        }
        let panes = |name: &String| {
            let seen = self.patients.get(name);
            let told = labels.and_then(|labels| labels.stays.get(name));
            let told = told.map(|(from, until)| (from.as_millis(), until.as_millis()));
            let span = seen.map(|seen| (seen.span.0.as_millis(), seen.span.1.as_millis()));
            let (from, until) = told.or(span)?;
            let none = BTreeMap::new();
            let values = seen.map_or(&none, |seen| &seen.values);
            let (from, until) = (from.div_euclid(self.pane), until.div_euclid(self.pane));
            Some((name.clone(), steps(from..=until, self.pane, values, unmeasured)))
        };
        let patients = names.into_iter().filter_map(panes).collect();
        Series { pane: self.pane, patients, labelled: labels.is_some() }
    }
}

fn steps(
    panes: std::ops::RangeInclusive<i64>,
    width: i64,
    values: &BTreeMap<i64, Value>,
    unmeasured: Option<Value>,
) -> Vec<Step> {
    let mut last = values.range(..panes.start()).next_back().map(|(_, value)| *value);
    let step = |pane: i64| {
        let own = values.get(&pane).copied();
        last = own.or(last);
        let value = last.or(unmeasured)?;
        Some(Step { at: pane * width, value, carried: own.is_none(), of_event: false })
    };
    panes.filter_map(step).collect()
}

impl Watch for Collector<'_> {
    fn read(&mut self, rows: u64) {
        self.progress.read(rows);
    }

    fn replayed(&mut self, inputs: u64, all: u64) {
        self.progress.replayed(inputs, all);
    }

    fn event(&mut self, event: &Event, _: Option<&str>, receipt: Receipt, host: &Host) {
        if receipt != Receipt::Accepted {
            return;
        }
        let at = event.observed_at;
        let new = || Seen { span: (at, at), values: BTreeMap::new() };
        let seen = self.patients.entry(event.patient.as_str().to_string()).or_insert_with(new);
        seen.span = (seen.span.0.min(at), seen.span.1.max(at));
        if let Some((since, value)) = host.latest(&event.patient, self.signal) {
            seen.values.insert(since.as_millis().div_euclid(self.pane), value);
        }
    }

    fn warn(&mut self, message: &str) {
        self.progress.warn(message);
    }
}

impl Series {
    /// Marks the panes of events: from `lead` before a patient's first onset to the end of the
    /// stay.
    pub fn mark(&mut self, labels: &Labels, lead: Duration) {
        for (patient, steps) in &mut self.patients {
            let onset = labels.onsets.get(patient).and_then(|onsets| onsets.first());
            let Some(from) = onset.map(|onset: &HostTime| onset.as_millis() - lead.as_millis())
            else {
                continue;
            };
            for step in steps {
                step.of_event = step.at >= from;
            }
        }
    }

    /// As CSV: `patient, t_seconds, value, carried`, and `event` if there are labels.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed = |e: csv::Error| Failure::new(format!("{}: {e}", path.display()));
        let mut file = csv::Writer::from_path(path).map_err(failed)?;
        let columns = ["patient", "t_seconds", "value", "carried", "event"];
        let shown = if self.labelled { columns.len() } else { columns.len() - 1 };
        file.write_record(&columns[..shown]).map_err(failed)?;
        let flag = |flag: bool| u8::from(flag).to_string();
        for (patient, steps) in &self.patients {
            for step in steps {
                let at = step.at as f64 / 1000.0;
                let row = [
                    patient.clone(),
                    at.to_string(),
                    step.value.to_string(),
                    flag(step.carried),
                    flag(step.of_event),
                ];
                file.write_record(&row[..shown]).map_err(failed)?;
            }
        }
        file.flush().map_err(|e| Failure::at(path, &e))
    }
}
