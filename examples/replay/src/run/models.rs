//! Models beside the rules: artifacts, and what was decided about them, from a folder; rows for training.
//!
//! What was measured at one time is scored together, when time goes on. Training rows are written at the
//! same moment, by the same call: so what a model learns from is what it will see.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use rpm_core::input::{Input, InputBody};
use rpm_core::policy::Policy;
use rpm_core::record::Hash;
use rpm_core::risk::Model;
use rpm_core::{FeatureRow, HostTime, PatientId, PatientKey};

use super::commands;
use crate::failure::Failure;

/// What people decided, one input a line, in the form of [`rpm_core::input`].
pub const REGISTRY: &str = "registry.jsonl";

/// Every model of a folder.
pub fn models_of(folder: &Path) -> Result<Vec<Arc<Model>>, Failure> {
    let entries = fs::read_dir(folder).map_err(|e| Failure::at(folder, &e))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>()?;
    paths.sort();
    paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .map(|p| load(p))
        .collect()
}

/// What was decided about the models of a folder, in the order of time; nothing yet if there is no file.
pub fn roll_outs_of(folder: &Path) -> Result<Vec<Input<'static>>, Failure> {
    let path = folder.join(REGISTRY);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let inputs = commands::read(&path)?;
    if inputs.iter().any(|input| !matches!(input.body, InputBody::RollOut(_))) {
        return Err(Failure::new(format!("{}: a line is no roll-out", path.display())));
    }
    Ok(inputs)
}

/// A model and its manifest.
pub fn load(path: &Path) -> Result<Arc<Model>, Failure> {
    let read = |path: &Path| fs::read(path).map_err(|e| Failure::at(path, &e));
    let manifest = path.with_extension("json");
    Model::load(&read(path)?, &read(&manifest)?)
        .map_err(|e| Failure::new(format!("{}: {e}", manifest.display())))
}

/// Rows for training, as CSV: a key that tells nobody who it is, the time, and the features.
pub struct Rows {
    file: csv::Writer<BufWriter<File>>,
    /// Which entry of the policy's `risk`.
    pub risk: String,
    salt: String,
}

impl Rows {
    /// For the one model of a policy. The declaration of its features lies beside the rows.
    pub fn create(path: &Path, policy: &Policy, salt: &str) -> Result<Self, Failure> {
        let [risk] = policy.risks() else {
            return Err(Failure::new("rows are of a policy with one entry in `risk`"));
        };
        let declaration = path.with_extension("features.json");
        fs::write(&declaration, risk.declaration()).map_err(|e| Failure::at(&declaration, &e))?;
        let file = File::create(path).map_err(|e| Failure::at(path, &e))?;
        let mut file = csv::Writer::from_writer(BufWriter::new(file));
        let names = ["key", "t_seconds"].into_iter().chain(risk.features());
        file.write_record(names).map_err(|e| Failure::new(e.to_string()))?;
        Ok(Self { file, risk: risk.name().to_string(), salt: salt.to_string() })
    }

    /// A row of a patient. Numbers are written so that they are read as the same ones.
    pub fn write(&mut self, patient: &PatientId, row: &FeatureRow) -> Result<(), Failure> {
        let key = Hash::of(format!("{}{}", self.salt, patient.as_str()).as_bytes()).to_string();
        let time = row.observed_at.as_millis() / 1000;
        let number = |x: &f32| if x.is_nan() { String::new() } else { format!("{x}") };
        let head = [key[..16].to_string(), time.to_string()];
        let fields = head.into_iter().chain(row.values.iter().map(number));
        self.file.write_record(fields).map_err(|e| Failure::new(e.to_string()))
    }
}

/// Whoever was measured at one time.
#[derive(Default)]
pub struct Moment {
    at: Option<HostTime>,
    patients: BTreeSet<PatientKey>,
}

impl Moment {
    /// Those of the time before, once it is over.
    pub fn over(&mut self, now: Option<HostTime>) -> Option<(HostTime, BTreeSet<PatientKey>)> {
        let at = self.at.filter(|at| now.is_none_or(|now| *at < now))?;
        self.at = None;
        Some((at, std::mem::take(&mut self.patients)))
    }

    /// Somebody was measured.
    pub fn see(&mut self, patient: PatientKey, at: HostTime) {
        self.at = Some(at);
        self.patients.insert(patient);
    }
}
