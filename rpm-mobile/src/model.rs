//! Models beside rules, as hosts hold them.

use std::sync::{Arc, Mutex};

use rpm_core::record::{Hash, ModelRef, ScoreFailure};
use rpm_core::risk::{Attribution, Model as CoreModel, Term, Work};
use rpm_core::{Code, HostTime, PatientKey, Scorer as CoreScorer, Value};

use crate::engine::Engine;
use crate::error::{Problem, RpmonError};

/// A verified model, immutable and shared: its bytes are those of its manifest, and it computes what it did
/// when it was trained.
#[derive(uniffi::Object)]
pub struct Model {
    core: Arc<CoreModel>,
}

/// What moved a score away from that of a reference row.
#[derive(Clone, uniffi::Record)]
pub struct Reasons {
    /// Whether terms add up to the difference; else they are found by putting the reference in the place of one
    /// input at a time.
    pub exact: bool,
    /// The strongest first.
    pub terms: Vec<InputTerm>,
}

/// What one input added to a model's sum.
#[derive(Clone, uniffi::Record)]
pub struct InputTerm {
    /// Its place in the row.
    pub input: u32,
    /// Its value; NaN if missing.
    pub value: f32,
    /// What it was compared with.
    pub usual: f32,
    /// What it added: to the logarithm of odds, of a model that ends in a logistic function.
    pub added: f32,
}

/// Asks models when they are due, and gives what they say to an engine, whose registry says which version
/// counts. Safe to share between threads: calls wait for each other.
///
/// Nothing of it is in a snapshot: after a restart make another one, and load the models again.
#[derive(uniffi::Object)]
pub struct Scorer {
    core: Mutex<CoreScorer>,
}

#[uniffi::export]
impl Model {
    /// Loads a model: the bytes that training exported, and their manifest. The error says what does not fit.
    #[uniffi::constructor]
    pub fn load(onnx: Vec<u8>, manifest: Vec<u8>) -> Result<Self, RpmonError> {
        Ok(Self { core: CoreModel::load(&onnx, &manifest)? })
    }

    /// Its name.
    pub fn id(&self) -> String {
        self.core.id().to_owned()
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        self.core.version()
    }

    /// The SHA-256 of its manifest, which holds that of its bytes.
    pub fn hash(&self) -> Hash {
        self.core.hash()
    }

    /// What names it: id, version and hash.
    pub fn reference(&self) -> ModelRef {
        self.core.reference()
    }

    /// How many numbers go in. A window grid goes in line by line.
    pub fn inputs(&self) -> u32 {
        self.core.inputs() as u32
    }

    /// Legal, but probably not meant.
    pub fn warnings(&self) -> Vec<Problem> {
        self.core.warnings().iter().map(Problem::of).collect()
    }

    /// The calibrated score of a row, between 0 and 1 in thousandths; NaN is missing. Nothing is recorded.
    pub fn score(&self, row: Vec<f32>) -> Result<Value, RpmonError> {
        Ok(self.core.score(&row, &mut Work::default()).map_err(failed)?)
    }

    /// What moved the score of a row; the reference are the medians of training if there is none.
    #[uniffi::method(default(reference = None))]
    pub fn reasons(
        &self,
        row: Vec<f32>,
        reference: Option<Vec<f32>>,
    ) -> Result<Reasons, RpmonError> {
        let reference = reference.unwrap_or_default();
        let reasons = self.core.reasons(&row, &reference, &mut Work::default()).map_err(failed)?;
        let term = |term: &Term| InputTerm {
            input: term.input as u32,
            value: term.value,
            usual: term.usual,
            added: term.added,
        };
        let terms = reasons.terms.iter().map(term).collect();
        Ok(Reasons { exact: reasons.how == Attribution::Exact, terms })
    }
}

#[uniffi::export]
impl Scorer {
    /// A scorer without models.
    #[uniffi::constructor]
    #[expect(clippy::new_without_default, reason = "hosts in other languages have no Default")]
    pub fn new() -> Self {
        Self { core: Mutex::default() }
    }

    /// Takes a model in. Whom it scores, the engine's registry says: see `handle_roll_out` there.
    pub fn load(&self, model: &Model) -> Result<(), RpmonError> {
        let model = Arc::clone(&model.core);
        self.with(|core| {
            core.load(model);
            Ok(())
        })
    }

    /// Asks the models that are due for a patient: where there is new evidence, and not more often than the
    /// policy says. What they say enters the engine. Call it after inputs, whenever there is time; the error
    /// says that outputs have to be drained first.
    pub fn run(
        &self,
        engine: &Engine,
        patient: PatientKey,
        now: HostTime,
    ) -> Result<(), RpmonError> {
        #[expect(clippy::disallowed_types, reason = "a model's time budget is of real time")]
        let start = std::time::Instant::now();
        let mut clock = || start.elapsed().as_micros() as u64;
        self.with(|scorer| {
            engine.with(|core| {
                core.counts(patient).ok_or(Code::UnknownPatient)?;
                Ok(scorer.run(core, patient, now, &mut clock)?)
            })?
        })
    }
}

impl Scorer {
    /// One that panicked has left it in between: nobody gets at it any more.
    fn with<R>(
        &self,
        call: impl FnOnce(&mut CoreScorer) -> Result<R, RpmonError>,
    ) -> Result<R, RpmonError> {
        call(&mut *self.core.lock().map_err(|_| RpmonError::Poisoned)?)
    }
}

fn failed(failure: ScoreFailure) -> Code {
    match failure {
        ScoreFailure::MissingInputs => Code::BadArgument,
        _ => Code::NotANumber,
    }
}
