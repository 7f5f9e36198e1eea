//! Models beside rules, as hosts hold them.

use std::sync::{Arc, Mutex};

use rpm_core::record::{Hash, ModelRef, ScoreFailure};
use rpm_core::risk::registry::{Part, Registry, Stage, StageChange, Step, Why};
use rpm_core::risk::{Attribution, Model as CoreModel, Term, Work};
use rpm_core::{Code, HostTime, PatientId, PatientKey, Scorer as CoreScorer, Value};

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

/// How far a version of a model goes.
#[derive(Clone, uniffi::Enum)]
pub enum ModelStage {
    /// Scores everybody; rules in shadow may read it, nobody is told.
    Shadow,
    /// Scores so many of a thousand patients, by a hash of the patient's identifier.
    Canary {
        /// From 1 to 1000.
        permille: u16,
    },
    /// Scores the patients of these cohorts.
    Cohorts {
        /// As in their profiles.
        names: Vec<String>,
    },
    /// Scores everybody else.
    Active,
    /// Scores nobody any more.
    Retired,
}

/// On whose word a step is taken.
#[derive(Clone, uniffi::Record)]
pub struct Approval {
    /// Who proposed it, as the host names people.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Where what was found out can be read: a report, by name or hash.
    pub evidence: String,
    /// Who approved it: somebody else.
    pub approver: String,
}

/// Asks models when they are due, and gives what they say to an engine. It holds the registry: which versions
/// there are, and how far each has come. Safe to share between threads: calls wait for each other.
///
/// Nothing of it is in a snapshot: keep `history`, and after a restart give it to `restore`.
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

    /// Takes a model in as a candidate, which scores nobody yet.
    pub fn register(&self, model: &Model, owner: &str, now: HostTime) -> Result<(), RpmonError> {
        let model = Arc::clone(&model.core);
        self.with(|core| Ok(core.registry_mut().register(model, owner, now)?))
    }

    /// Takes an approved step, at once: from candidate through shadow and canary to active. Where it makes a
    /// version active, the one before retires.
    pub fn step(
        &self,
        model: &str,
        version: u32,
        to: ModelStage,
        approval: Approval,
        now: HostTime,
    ) -> Result<(), RpmonError> {
        let (why, approver) = approval.parts();
        let approved = Step::new(model, version, to.into(), why)?.approve(&approver)?;
        self.with(|core| Ok(core.registry_mut().apply(approved, now)?))
    }

    /// Goes back, at once, to the version that was active before; to rules alone, if there was none.
    pub fn rollback(
        &self,
        model: &str,
        approval: Approval,
        now: HostTime,
    ) -> Result<(), RpmonError> {
        let (why, approver) = approval.parts();
        self.with(|core| Ok(core.registry_mut().rollback(model, &why, &approver, now)?))
    }

    /// Every step that was taken, the oldest first, as a JSON list.
    pub fn history(&self) -> Result<String, RpmonError> {
        self.with(|core| Ok(serde_json::to_string(core.registry().history()).unwrap_or_default()))
    }

    /// Makes the registry again of its steps and the models that they name.
    pub fn restore(&self, history: &str, models: Vec<Arc<Model>>) -> Result<(), RpmonError> {
        let history: Vec<StageChange> =
            serde_json::from_str(history).map_err(|_| Code::MalformedJson)?;
        let models: Vec<_> = models.iter().map(|model| Arc::clone(&model.core)).collect();
        let registry = Registry::from_history(&history, &models)?;
        self.with(|core| {
            *core.registry_mut() = registry;
            Ok(())
        })
    }

    /// Which version of a model scored a patient at a time.
    #[uniffi::method(default(cohort = None))]
    pub fn scored_at(
        &self,
        model: &str,
        patient: PatientId,
        at: HostTime,
        cohort: Option<String>,
    ) -> Result<Option<ModelRef>, RpmonError> {
        self.with(|core| Ok(core.registry().scored_at(model, &patient, cohort.as_deref(), at)))
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

impl Approval {
    fn parts(self) -> (Why, String) {
        let Self { owner, reason, evidence, approver } = self;
        (Why { owner, reason, evidence }, approver)
    }
}

impl From<ModelStage> for Stage {
    fn from(stage: ModelStage) -> Self {
        match stage {
            ModelStage::Shadow => Self::Shadow,
            ModelStage::Canary { permille } => Self::Canary(Part::Permille(permille)),
            ModelStage::Cohorts { names } => Self::Canary(Part::Cohorts(names)),
            ModelStage::Active => Self::Active,
            ModelStage::Retired => Self::Retired,
        }
    }
}

fn failed(failure: ScoreFailure) -> Code {
    match failure {
        ScoreFailure::MissingInputs => Code::BadArgument,
        _ => Code::NotANumber,
    }
}
