//! Asks models when they are due, and gives what they say to the engine.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Engine;
use super::risk::FeatureRow;
use crate::error::Error;
use crate::id::PatientKey;
use crate::policy::risk::Scoring;
use crate::record::{ConditionState, RiskTerm, ScoreFailure};
use crate::risk::registry::Assigned;
use crate::risk::{Model, Scored, Term, Work};
use crate::time::{HostTime, Timestamp};
use crate::value::write_thousandths;

/// So many terms stand in a record.
const TERMS: usize = 3;

/// Runs loaded models beside an engine, whose registry says which of them score whom.
///
/// It is no part of the engine: what it does comes in by [`Engine::handle_score`], as an input. Nothing of
/// it belongs in a snapshot; after a restart every patient is due with the next evidence.
#[derive(Default)]
pub struct Scorer {
    models: Vec<Arc<Model>>,
    asked: BTreeMap<(u32, String), Asked>,
    /// What was said, and not taken in yet.
    said: VecDeque<Scored>,
    work: Work,
}

/// When a model was last asked of a patient.
#[derive(Clone, Copy)]
struct Asked {
    at: HostTime,
    evidence: Timestamp,
}

impl Scorer {
    /// With these models.
    pub fn new(models: Vec<Arc<Model>>) -> Self {
        Self { models, ..Self::default() }
    }

    /// One more model.
    pub fn load(&mut self, model: Arc<Model>) {
        self.models.push(model);
    }

    /// Asks the models that are due for a patient: where there is new evidence, while the policy wants it,
    /// and not more often than it says. Call it after inputs, whenever there is time. `clock` counts microseconds, for the
    /// budget; one that stands still never finds anything too slow.
    ///
    /// # Errors
    /// [`Code::OutputQueueFull`](crate::Code::OutputQueueFull): poll, then call again. What was said already
    /// is kept.
    pub fn run(
        &mut self,
        engine: &mut Engine,
        patient: PatientKey,
        now: HostTime,
        clock: &mut dyn FnMut() -> u64,
    ) -> Result<(), Error> {
        self.hand_over(engine, now)?;
        let said = self.ask(engine, patient, now, clock);
        self.said.extend(said);
        self.hand_over(engine, now)
    }

    /// As [`run`](Self::run), but leaves what was said to the host, which logs it and gives it to
    /// [`Engine::handle_score`].
    pub fn ask(
        &mut self,
        engine: &Engine,
        patient: PatientKey,
        now: HostTime,
        clock: &mut dyn FnMut() -> u64,
    ) -> Vec<Scored> {
        let mut said = Vec::new();
        let policy = Arc::clone(engine.policy());
        for risk in policy.risks() {
            let key = (patient.0, risk.name().to_string());
            let last = self.asked.get(&key).copied();
            // The row is counted afresh each time: not before it may be asked for.
            let since = |asked: Asked| now.since(asked.at);
            if last.is_some_and(|asked| since(asked) < risk.every()) {
                continue;
            }
            let overdue = |least| last.is_none_or(|asked| since(asked) >= least);
            if !risk.at_least_every().is_some_and(overdue) && !is_wanted(engine, patient, risk) {
                continue;
            }
            let Some(row) = engine.features(patient, risk.name()) else { continue };
            if last.is_some_and(|asked| row.observed_at <= asked.evidence) {
                continue;
            }
            let assigned = engine.assigned(patient, risk.model());
            self.asked.insert(key, Asked { at: now, evidence: row.observed_at });
            said.extend(self.ask_all(risk, patient, &row, &assigned, clock));
        }
        said
    }

    /// What a version would say now in place of what it is recorded to have said, of the row that the patient
    /// has now: for a replay, before it takes the recorded score in. None if there is no such row.
    pub fn again(&mut self, engine: &Engine, said: &Scored) -> Option<Scored> {
        let row = engine.features(said.patient, &said.risk)?;
        let policy = Arc::clone(engine.policy());
        let risk = policy.risk(&said.risk)?;
        let model = self.models.iter().find(|m| Some(m.reference()) == said.model);
        let no_model = Err(ScoreFailure::NoModel);
        let result = model.map_or(no_model, |m| score(risk, m, &row, &mut self.work));
        let (observed_at, inputs) = (row.observed_at, row.hash());
        Some(Scored { observed_at, inputs, result, ..said.clone() })
    }

    /// Gives the engine what was said.
    fn hand_over(&mut self, engine: &mut Engine, now: HostTime) -> Result<(), Error> {
        while let Some(scored) = self.said.front() {
            // What another policy no longer asks for is refused, and nobody waits for it.
            let _ = engine.handle_score(scored, now)?;
            self.said.pop_front();
        }
        Ok(())
    }

    /// What each version that is to be asked says.
    fn ask_all(
        &mut self,
        risk: &Scoring,
        patient: PatientKey,
        row: &FeatureRow,
        assigned: &Assigned,
        clock: &mut dyn FnMut() -> u64,
    ) -> Vec<Scored> {
        let nobody = Scored {
            patient,
            risk: risk.name().to_string(),
            model: None,
            shadow: false,
            observed_at: row.observed_at,
            result: Err(ScoreFailure::NoModel),
            inputs: row.hash(),
            latency_us: None,
            terms: Vec::new(),
        };
        let mut said = Vec::new();
        let active = assigned.scores.iter().map(|model| (model, false));
        for (model, shadow) in active.chain(assigned.shadows.iter().map(|model| (model, true))) {
            let loaded = self.models.iter().find(|loaded| loaded.reference() == *model);
            let before = clock();
            let no_model = Err(ScoreFailure::NoModel);
            let mut result = loaded.map_or(no_model, |m| score(risk, m, row, &mut self.work));
            let took = clock().saturating_sub(before);
            if risk.budget().is_some_and(|budget| took > budget.as_millis() as u64 * 1000) {
                result = Err(ScoreFailure::OverBudget);
            }
            let explains = loaded.filter(|_| result.is_ok() && !shadow);
            let terms = explains.map(|model| terms(risk, model, row, &mut self.work));
            said.push(Scored {
                model: Some(model.clone()),
                shadow,
                result,
                latency_us: Some(took),
                terms: terms.unwrap_or_default(),
                ..nobody.clone()
            });
        }
        if assigned.scores.is_none() {
            said.push(nobody);
        }
        said
    }
}

/// Whether a rule is pending or active while which the model is asked.
fn is_wanted(engine: &Engine, patient: PatientKey, risk: &Scoring) -> bool {
    use ConditionState as C;
    let goes_on = |rule: &String| {
        let state = engine.condition(patient, rule);
        state.is_some_and(|state| !matches!(state, C::NeverSeen | C::Normal | C::Latched(_)))
    };
    risk.only_while().is_empty() || risk.only_while().iter().any(goes_on)
}

fn score(
    risk: &Scoring,
    model: &Model,
    row: &FeatureRow,
    work: &mut Work,
) -> Result<crate::value::Value, ScoreFailure> {
    if model.manifest().features != Some(risk.hash()) {
        return Err(ScoreFailure::OtherFeatures);
    }
    if row.known() < risk.least_known {
        return Err(ScoreFailure::MissingInputs);
    }
    model.score(&row.values, work)
}

/// The strongest contributions, against what is usual for the patient, or was in training.
fn terms(risk: &Scoring, model: &Model, row: &FeatureRow, work: &mut Work) -> Vec<RiskTerm> {
    let reference = &model.manifest().reference;
    let median = |i: usize| reference.get(i).map_or(f32::NAN, |reference| reference.usual);
    let usual = row.usual.iter().enumerate();
    let usual: Vec<f32> = usual.map(|(i, x)| if x.is_nan() { median(i) } else { *x }).collect();
    let Ok(reasons) = model.reasons(&row.values, &usual, work) else {
        return Vec::new();
    };
    let moved = reasons.terms.iter().filter(|term| term.added.abs() >= 0.0005);
    let words = |term: &Term| RiskTerm {
        feature: risk.features().nth(term.input).unwrap_or_default().to_string(),
        value: text(term.value),
        usual: text(term.usual),
        added: text(term.added).unwrap_or_default(),
    };
    moved.take(TERMS).map(words).collect()
}

/// In thousandths; nothing of what is missing.
fn text(x: f32) -> Option<String> {
    let mut out = String::new();
    let _ = write_thousandths(libm::round(f64::from(x) * 1000.0) as i64, &mut out);
    (!x.is_nan()).then_some(out)
}
