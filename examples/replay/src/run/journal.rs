//! The files of an output directory.
//!
//! | file | a line is |
//! |---|---|
//! | `records.jsonl` | a decision, hash-chained, in the order of the engine |
//! | `alerts.jsonl` | an alert from its opening to its end, by patient |
//! | `quarantine.jsonl` | an input that was refused, with its reason and place |
//! | `messages.jsonl` | who was to be told, and what was taken back |
//! | `models.jsonl` | what was decided about models, and what they said: lines for `--commands` |
//! | `policies.jsonl` | a policy that decided, and for which tenant |
//! | `summary.json` | (the whole file) counts |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rpm_core::policy::Policy;
use rpm_core::record::{Body, Record, SealedRecord};
use rpm_core::{AlertId, Code, Input, Output, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::summary::Classes;
use crate::episode::Episode;
use crate::failure::Failure;
use crate::host;
use crate::input::row::Refusal;
use crate::input::sort::{BUDGET, Sorter, Spill};
use crate::stream;

/// Writes an output directory.
pub struct Journal {
    directory: PathBuf,
    records: Out,
    quarantine: Out,
    messages: Out,
    models: Out,
    policies: Out,
    count: u64,
    patients: BTreeMap<String, i64>,
    told: Sorter<Told>,
    /// What was decided about models, and after how many records.
    steps: Vec<(u64, Record)>,
}

/// Where an input stood.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The file.
    pub file: &'a Path,
    /// Its line, from 1.
    pub line: u64,
}

#[derive(Serialize)]
struct Quarantined<'a> {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<std::borrow::Cow<'a, str>>,
}

/// A line of `policies.jsonl`.
#[derive(Serialize, Deserialize)]
struct Decided {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
    policy: Box<RawValue>,
}

const POLICIES: &str = "policies.jsonl";

impl Journal {
    /// Makes the directory and empties the files of an earlier run.
    pub fn create(directory: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(directory).map_err(|e| Failure::at(directory, &e))?;
        Ok(Self {
            directory: directory.to_path_buf(),
            records: Out::create(directory.join("records.jsonl"))?,
            quarantine: Out::create(directory.join("quarantine.jsonl"))?,
            messages: Out::create(directory.join("messages.jsonl"))?,
            models: Out::create(directory.join("models.jsonl"))?,
            policies: Out::create(directory.join(POLICIES))?,
            count: 0,
            patients: BTreeMap::new(),
            told: Sorter::new(&scratch(directory, "records"), BUDGET),
            steps: Vec::new(),
        })
    }

    /// A directory for temporary files, which whoever makes it removes.
    pub fn scratch(&self, name: &str) -> PathBuf {
        scratch(&self.directory, name)
    }

    /// How many records were written so far.
    pub fn records(&self) -> u64 {
        self.count
    }

    /// Writes down what decides from here on, as it is hashed: whoever reads the records has to
    /// know.
    pub fn policy(&mut self, tenant: Option<&TenantId>, policy: &Policy) -> Result<(), Failure> {
        let policy = RawValue::from_string(policy.to_json());
        let policy = policy.map_err(|e| Failure::new(e.to_string()))?;
        self.policies.json(&Decided { tenant: tenant.cloned(), policy })
    }

    /// Writes a record.
    pub fn record(&mut self, sealed: &SealedRecord) -> Result<(), Failure> {
        self.records.line(sealed.line.as_bytes())?;
        self.count += 1;
        if matches!(sealed.record.body, Body::ModelChanged { .. }) {
            self.steps.push((self.count, sealed.record.clone()));
        } else if concerns_alerts(&sealed.record) {
            let (patient, number) = (self.patient(&sealed.record), self.count);
            self.told.push(Told { patient, number, line: sealed.line.clone() })?;
        }
        Ok(())
    }

    /// Writes a message.
    pub fn message(&mut self, message: &Output) -> Result<(), Failure> {
        self.messages.line(message.to_json().as_bytes())
    }

    /// Writes what was decided about a model, or what one said.
    pub fn input(&mut self, input: &Input<'_>) -> Result<(), Failure> {
        self.models.line(input.to_json().as_bytes())
    }

    /// Writes an event that the engine refused.
    pub fn quarantined(
        &mut self,
        reason: Code,
        place: Option<Place<'_>>,
        event: &str,
    ) -> Result<(), Failure> {
        let event = serde_json::from_str(event).map_err(|e| Failure::new(e.to_string()))?;
        self.quarantine(&Quarantined { event: Some(event), ..quarantined(reason, place) })
    }

    /// Writes a text that the engine refused.
    pub fn quarantined_text(
        &mut self,
        reason: Code,
        place: Option<Place<'_>>,
        text: &[u8],
    ) -> Result<(), Failure> {
        let row = Some(String::from_utf8_lossy(text));
        self.quarantine(&Quarantined { row, ..quarantined(reason, place) })
    }

    /// Writes a row that became no event.
    pub fn refused(
        &mut self,
        refusal: Refusal,
        place: Option<Place<'_>>,
        row: &[u8],
    ) -> Result<(), Failure> {
        let row = Some(String::from_utf8_lossy(row));
        let column = Some(refusal.column);
        self.quarantine(&Quarantined { column, row, ..quarantined(refusal.code, place) })
    }

    /// Closes the files, for a reader of the records alone.
    pub fn close(mut self) -> Result<(), Failure> {
        self.flush()
    }

    /// Writes `alerts.jsonl`, showing each episode to `see`; closes the other files.
    pub fn finish(mut self, mut see: impl FnMut(&Episode)) -> Result<Finished, Failure> {
        self.flush()?;
        let mut alerts = Out::create(self.directory.join("alerts.jsonl"))?;
        let mut classes = Classes::default();
        let mut patient = None;
        let mut records = Vec::new();
        let mut steps = self.steps.iter().peekable();
        let mut write = |records: &mut Vec<Record>| -> Result<(), Failure> {
            for episode in episodes(records) {
                alerts.json(&episode)?;
                classes.count(&episode);
                see(&episode);
            }
            records.clear();
            Ok(())
        };
        for told in self.told.finish()? {
            let told = told?;
            if patient.replace(told.patient) != Some(told.patient) {
                records.extend(steps.map(|(_, step)| step.clone()));
                write(&mut records)?;
                steps = self.steps.iter().peekable();
            }
            // Whoever explains an alert has to know who let the model speak.
            while let Some((_, step)) = steps.next_if(|(number, _)| *number < told.number) {
                records.push(step.clone());
            }
            let sealed = stream::parse(told.line.as_bytes());
            records.push(sealed.map_err(|e| Failure::new(e.to_string()))?.record);
        }
        records.extend(steps.map(|(_, step)| step.clone()));
        write(&mut records)?;
        alerts.finish()?;
        Ok(Finished { directory: self.directory, classes, records: self.count })
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.records.finish()?;
        self.quarantine.finish()?;
        self.messages.finish()?;
        self.models.finish()?;
        self.policies.finish()
    }

    fn quarantine(&mut self, line: &Quarantined<'_>) -> Result<(), Failure> {
        self.quarantine.json(line)
    }

    /// Patients by first appearance, the engine itself before them.
    fn patient(&mut self, record: &Record) -> i64 {
        let tenant = record.tenant.as_ref().map_or("", |t| t.as_str());
        let patient = record.patient.as_ref().map_or("", |p| p.as_str());
        let next = i64::try_from(self.patients.len()).unwrap_or(i64::MAX);
        *self.patients.entry(format!("{tenant}\0{patient}")).or_insert(next)
    }
}

/// A directory whose records are written.
pub struct Finished {
    /// Where.
    pub directory: PathBuf,
    /// Alerts by class.
    pub classes: Classes,
    /// Records written.
    pub records: u64,
}

impl Finished {
    /// Writes `summary.json`.
    pub fn summarise(&self, summary: &impl Serialize) -> Result<(), Failure> {
        write_json(&self.directory.join("summary.json"), summary)
    }
}

/// What decided in the run of a directory, by tenant; nothing if only its records were kept.
pub fn policies(directory: &Path) -> Result<BTreeMap<Option<TenantId>, Arc<Policy>>, Failure> {
    let path = directory.join(POLICIES);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if !path.exists() => return Ok(BTreeMap::new()),
        Err(e) => return Err(Failure::at(&path, &e)),
    };
    let read = |line: &str| {
        let Decided { tenant, policy } = serde_json::from_str(line).ok()?;
        Some((tenant, Policy::from_json(policy.get().as_bytes()).ok()?))
    };
    let read = |line| {
        read(line).ok_or_else(|| Failure::new(format!("{}: a line is no policy", path.display())))
    };
    text.lines().map(read).collect()
}

/// Writes a value as indented JSON.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::new(e.to_string()))?;
    fs::write(path, text + "\n").map_err(|e| Failure::at(path, &e))
}

/// One patient's episodes, explained.
fn episodes(records: &[Record]) -> Vec<Episode> {
    let mut episodes = Vec::new();
    for record in records {
        Episode::fold(&mut episodes, record);
    }
    let explain = |alert: AlertId| host::explanation(records, alert).map(|e| e.to_string());
    for episode in &mut episodes {
        episode.explanation = explain(episode.alert).unwrap_or_default();
    }
    episodes
}

/// Refused events say nothing about alerts and can be many.
fn concerns_alerts(record: &Record) -> bool {
    !matches!(record.body, Body::EventQuarantined { .. } | Body::ClockWentBack { .. })
}

fn quarantined<'a>(reason: Code, place: Option<Place<'_>>) -> Quarantined<'a> {
    Quarantined {
        reason: reason.name(),
        file: place.map(|p| p.file.display().to_string()),
        line: place.map(|p| p.line),
        column: None,
        event: None,
        row: None,
    }
}

fn scratch(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".sort-{name}"))
}

/// A record that an explanation may need, kept by patient.
struct Told {
    patient: i64,
    /// Among all records.
    number: u64,
    line: String,
}

impl Spill for Told {
    fn key(&self) -> i64 {
        self.patient
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.line.len()
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.patient.to_le_bytes())?;
        out.write_all(&self.number.to_le_bytes())?;
        out.write_all(&(self.line.len() as u64).to_le_bytes())?;
        out.write_all(self.line.as_bytes())
    }

    fn read(from: &mut dyn Read) -> io::Result<Self> {
        let mut number = [0; 8];
        from.read_exact(&mut number)?;
        let patient = i64::from_le_bytes(number);
        from.read_exact(&mut number)?;
        let count = u64::from_le_bytes(number);
        from.read_exact(&mut number)?;
        let damaged = |_| io::Error::from(io::ErrorKind::InvalidData);
        let length = usize::try_from(u64::from_le_bytes(number)).map_err(|_| damaged(()))?;
        let mut line = vec![0; length];
        from.read_exact(&mut line)?;
        let line = String::from_utf8(line).map_err(|_| damaged(()))?;
        Ok(Self { patient, number: count, line })
    }
}

/// A file of lines.
struct Out {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Out {
    fn create(path: PathBuf) -> Result<Self, Failure> {
        let file = File::create(&path).map_err(|e| Failure::at(&path, &e))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 18, file) })
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(line).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|e| Failure::at(&self.path, &e))
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_vec(value).map_err(|e| Failure::new(e.to_string()))?;
        self.line(&line)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|e| Failure::at(&self.path, &e))
    }
}
