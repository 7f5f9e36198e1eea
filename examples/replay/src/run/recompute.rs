//! Scores that were recorded, asked for again: whether the same artifacts still say the same of the same rows.

use std::path::Path;
use std::sync::Arc;

use rpm_core::record::{ModelRef, ScoreFailure};
use rpm_core::risk::Model;
use rpm_core::{HostTime, PatientId, Scored, Scorer, Timestamp, Value};
use serde::Serialize;

use super::journal::write_json;
use super::models::models_of;
use crate::failure::{Failure, Verdict};
use crate::host::Host;

/// The file that tells.
pub const RECOMPUTED: &str = "recompute.json";

/// Asks again, and compares.
pub struct Recompute {
    scorer: Scorer,
    /// What came of it so far.
    pub told: Recomputed,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recomputed {
    /// Scores may differ by so many thousandths.
    pub tolerance: u16,
    /// Recorded scores, and reasons why there was none, that were asked for again.
    pub asked: u64,
    /// The very same.
    pub same: u64,
    /// Not the same, and within the tolerance.
    pub within: u64,
    /// Not asked for again: no version spoke, or it had taken too long.
    pub not_asked: u64,
    /// Those that differ.
    pub differ: Vec<Difference>,
}

/// A recorded score that is not what the model says.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    at: HostTime,
    patient: PatientId,
    risk: String,
    model: Option<ModelRef>,
    observed_at: Timestamp,
    recorded: String,
    now: String,
    /// Whether the row that went in is another one.
    other_inputs: bool,
}

impl Recompute {
    /// With the artifacts of a folder.
    pub fn open(folder: &Path, tolerance: u16) -> Result<Self, Failure> {
        let models: Vec<Arc<Model>> = models_of(folder)?;
        let told = Recomputed { tolerance, ..Recomputed::default() };
        Ok(Self { scorer: Scorer::new(models), told })
    }

    /// Before a recorded score is taken in.
    pub fn see(&mut self, host: &Host, patient: &PatientId, said: &Scored, at: HostTime) {
        if said.model.is_none() || said.result == Err(ScoreFailure::OverBudget) {
            self.told.not_asked += 1;
            return;
        }
        self.told.asked += 1;
        let again = host.score_again(&mut self.scorer, patient, said);
        // A reason why there was none is recorded without the hash of the row.
        let other_inputs = again.as_ref().is_none_or(|again| {
            let row = said.result.is_err() || again.inputs == said.inputs;
            again.observed_at != said.observed_at || !row
        });
        let result = again.map_or(Err(ScoreFailure::MissingInputs), |again| again.result);
        let gap = match (said.result, result) {
            (Ok(said), Ok(now)) => Some(said.thousandths().abs_diff(now.thousandths())),
            (said, now) => (said == now).then_some(0),
        };
        match gap.filter(|gap| !other_inputs && *gap <= u32::from(self.told.tolerance)) {
            Some(0) => self.told.same += 1,
            Some(_) => self.told.within += 1,
            None => self.told.differ.push(Difference {
                at,
                patient: patient.clone(),
                risk: said.risk.clone(),
                model: said.model.clone(),
                observed_at: said.observed_at,
                recorded: words(said.result),
                now: words(result),
                other_inputs,
            }),
        }
    }
}

impl Recomputed {
    /// Writes it down below a directory, and tells it.
    pub fn tell(&self, folder: &Path, out: &mut dyn std::io::Write) -> Result<Verdict, Failure> {
        const SHOWN: usize = 20;
        let Recomputed { tolerance, asked, same, within, not_asked, differ } = self;
        write_json(&folder.join(RECOMPUTED), self)?;
        for found in differ.iter().take(SHOWN) {
            let Difference { at, patient, risk, model, recorded, now, other_inputs, .. } = found;
            let model = model.as_ref().map(ToString::to_string).unwrap_or_default();
            let row = if *other_inputs { ", of other inputs" } else { "" };
            let patient = patient.as_str();
            writeln!(out, "{at} {patient} {risk}: {model} said {recorded}, now {now}{row}")?;
        }
        if differ.len() > SHOWN {
            writeln!(out, "... and {} more in {RECOMPUTED}", differ.len() - SHOWN)?;
        }
        writeln!(
            out,
            "{asked} recorded scores asked for again: {same} the same, {within} within {tolerance} \
             thousandths, {} differ; {not_asked} not asked for",
            differ.len()
        )?;
        Ok(if differ.is_empty() { Verdict::Clean } else { Verdict::Findings })
    }
}

fn words(result: Result<Value, ScoreFailure>) -> String {
    result.map_or_else(|why| why.name().replace('_', " "), |score| score.to_string())
}
