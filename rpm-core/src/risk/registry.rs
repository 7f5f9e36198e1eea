//! Which version of a model may say what about whom, and who decided that.
//!
//! A version is registered as a candidate, runs in shadow, may be tried on a part of the patients (the
//! canary), and becomes active; then the version before it retires. Every step is proposed by one
//! person and approved by another, with a reason and evidence. What stands here is a fold over those
//! steps: a host keeps them and makes the same registry of them again.
//!
//! | from | to |
//! |---|---|
//! | candidate | shadow, retired |
//! | shadow | canary, active, retired |
//! | canary | another canary, active, shadow, retired |
//! | active | retired; by a rollback the version before it is active again |
//! | retired | shadow |

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Model, ModelRef};
use crate::error::{Code, Error};
use crate::id::PatientId;
use crate::time::HostTime;

/// How far a version has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Known, and does nothing.
    Candidate,
    /// Scores everybody; rules in shadow may read it, nobody is told.
    Shadow,
    /// Scores a part of the patients.
    Canary(Part),
    /// Scores everybody else.
    Active,
    /// Scores nobody any more.
    Retired,
}

/// A part of the patients.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// So many of a thousand, by a hash of the patient's identifier: whoever is among the first ten is
    /// also among the first hundred.
    Permille(u16),
    /// Those of these cohorts.
    Cohorts(Vec<String>),
}

/// A step that somebody wants.
#[derive(Clone, Debug)]
pub struct Step {
    model: String,
    version: u32,
    to: Stage,
    why: Why,
}

/// A step that somebody else agreed to. Give it to [`Registry::apply`].
#[derive(Clone, Debug)]
pub struct ApprovedStep {
    step: Step,
    approver: String,
}

/// Who wants something, and on what grounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    /// Who wants it, as the host names people.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Where what was found out can be read: a report, by name or hash.
    pub evidence: String,
}

/// A step that was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StageChange {
    /// When.
    pub at: HostTime,
    /// Which version.
    pub model: ModelRef,
    /// Where it was; absent when it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Stage>,
    /// Where it is.
    pub to: Stage,
    /// Who wanted it.
    pub owner: String,
    /// Who approved it; absent when it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Why.
    pub reason: String,
    /// On what grounds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// Whether it was a way back, and no promotion.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rollback: bool,
}

/// On whose word a step is taken, and when.
#[derive(Clone, Copy)]
struct Word<'a> {
    why: &'a Why,
    approver: &'a str,
    at: HostTime,
    rollback: bool,
}

/// All versions of all models.
#[derive(Clone, Default, Debug)]
pub struct Registry {
    models: BTreeMap<(String, u32), (Arc<Model>, Stage)>,
    history: Vec<StageChange>,
}

/// Who scores a patient.
#[derive(Clone, Default, Debug)]
pub struct Assigned {
    /// The version that counts.
    pub scores: Option<Arc<Model>>,
    /// Those that are watched beside it.
    pub shadows: Vec<Arc<Model>>,
}

impl Step {
    /// To bring a version to a stage.
    ///
    /// # Errors
    ///
    /// [`Code::MissingField`] without an owner, a reason or evidence; [`Code::OutOfRange`] if the part of
    /// a canary is nobody or more than all.
    pub fn new(model: &str, version: u32, to: Stage, why: Why) -> Result<Self, Error> {
        why.check()?;
        let is_part = match &to {
            Stage::Canary(Part::Permille(n)) => (1..=1000).contains(n),
            Stage::Canary(Part::Cohorts(cohorts)) => !cohorts.is_empty(),
            _ => true,
        };
        if !is_part {
            return Err(Error::new(Code::OutOfRange).at("to"));
        }
        Ok(Self { model: model.to_string(), version, to, why })
    }

    /// Agrees.
    ///
    /// # Errors
    ///
    /// [`Code::NotApproved`] if nobody approves, or the owner.
    pub fn approve(self, approver: &str) -> Result<ApprovedStep, Error> {
        check_approver(&self.why.owner, approver)?;
        Ok(ApprovedStep { step: self, approver: approver.to_string() })
    }
}

impl Why {
    fn check(&self) -> Result<(), Error> {
        let texts =
            [("owner", &self.owner), ("reason", &self.reason), ("evidence", &self.evidence)];
        match texts.into_iter().find(|(_, text)| text.trim().is_empty()) {
            Some((field, _)) => Err(Error::new(Code::MissingField).at(field)),
            None => Ok(()),
        }
    }
}

impl Registry {
    /// Takes in a loaded model as a candidate.
    ///
    /// # Errors
    ///
    /// [`Code::DuplicateId`] if the version is known, [`Code::MissingField`] without somebody who brings it,
    /// [`Code::TimePassed`] before what has happened.
    pub fn register(&mut self, model: Arc<Model>, owner: &str, at: HostTime) -> Result<(), Error> {
        self.check_time(at)?;
        if owner.trim().is_empty() {
            return Err(Error::new(Code::MissingField).at("owner"));
        }
        let key = (model.id().to_string(), model.version());
        if self.models.contains_key(&key) {
            return Err(Error::new(Code::DuplicateId).at("version"));
        }
        self.history.push(StageChange {
            at,
            model: model.reference(),
            from: None,
            to: Stage::Candidate,
            owner: owner.to_string(),
            approver: None,
            reason: String::new(),
            evidence: String::new(),
            rollback: false,
        });
        self.models.insert(key, (model, Stage::Candidate));
        Ok(())
    }

    /// Takes a step, at once. Where it makes a version active, the one before retires.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownModel`]; [`Code::StageOrder`] if the version cannot go there from where it is, or
    /// another one is the canary; [`Code::TimePassed`] before what has happened.
    pub fn apply(&mut self, approved: ApprovedStep, at: HostTime) -> Result<(), Error> {
        let ApprovedStep { step: Step { model, version, to, why }, approver } = approved;
        self.check_time(at)?;
        let (_, from) = self.entry(&model, version)?;
        let other_canary = || {
            let canary = self.find(&model, |stage| matches!(stage, Stage::Canary(_)));
            canary.is_some_and(|other| other != version)
        };
        let is_canary = matches!(to, Stage::Canary(_));
        if !may_follow(from, &to) || is_canary && other_canary() {
            return Err(Error::new(Code::StageOrder).at("to"));
        }
        let word = Word { why: &why, approver: &approver, at, rollback: false };
        let before = self.active(&model).filter(|_| to == Stage::Active);
        if let Some(before) = before {
            self.set((&model, before), Stage::Retired, word);
        }
        self.set((&model, version), to, word);
        Ok(())
    }

    /// Goes back, at once, to the version that was active before the one that is; to none, and so to rules
    /// alone, if there was none. The one that was active retires.
    ///
    /// # Errors
    ///
    /// Those of a [`Step`], and [`Code::UnknownModel`] if no version is active.
    pub fn rollback(
        &mut self,
        model: &str,
        why: &Why,
        approver: &str,
        at: HostTime,
    ) -> Result<(), Error> {
        self.check_time(at)?;
        why.check()?;
        check_approver(&why.owner, approver)?;
        let active =
            self.active(model).ok_or_else(|| Error::new(Code::UnknownModel).at("model"))?;
        let before = self.before(model, active);
        let word = Word { why, approver, at, rollback: true };
        self.set((model, active), Stage::Retired, word);
        if let Some(before) = before {
            self.set((model, before), Stage::Active, word);
        }
        Ok(())
    }

    /// Who scores a patient now.
    pub fn assigned(&self, model: &str, patient: &PatientId, cohort: Option<&str>) -> Assigned {
        let mut assigned = Assigned::default();
        for (version, stage) in self.versions(model) {
            match stage {
                Stage::Canary(part) if part.holds(model, patient, cohort) => {
                    assigned.scores = Some(Arc::clone(version));
                }
                Stage::Active if assigned.scores.is_none() => {
                    assigned.scores = Some(Arc::clone(version));
                }
                Stage::Shadow => assigned.shadows.push(Arc::clone(version)),
                _ => {}
            }
        }
        assigned
    }

    /// Which version scored a patient at a time.
    pub fn scored_at(
        &self,
        model: &str,
        patient: &PatientId,
        cohort: Option<&str>,
        at: HostTime,
    ) -> Option<ModelRef> {
        let mut stages: BTreeMap<u32, &StageChange> = BTreeMap::new();
        for change in self.history.iter().filter(|c| c.model.id == model && c.at <= at) {
            stages.insert(change.model.version, change);
        }
        let is_canary = |change: &&&StageChange| match &change.to {
            Stage::Canary(part) => part.holds(model, patient, cohort),
            _ => false,
        };
        let canary = stages.values().find(is_canary);
        let found = canary.or_else(|| stages.values().find(|change| change.to == Stage::Active))?;
        Some(found.model.clone())
    }

    /// The stage of a version.
    pub fn stage(&self, model: &str, version: u32) -> Option<&Stage> {
        self.models.get(&(model.to_string(), version)).map(|(_, stage)| stage)
    }

    /// Every step, the oldest first.
    pub fn history(&self) -> &[StageChange] {
        &self.history
    }

    /// The same registry again, of its steps and the artifacts that they name.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownModel`] if an artifact is missing or another one.
    pub fn from_history(history: &[StageChange], models: &[Arc<Model>]) -> Result<Self, Error> {
        let mut registry = Self::default();
        for change in history {
            let model = models.iter().find(|model| model.reference() == change.model);
            let model = model.ok_or_else(|| Error::new(Code::UnknownModel).at("model"))?;
            let key = (change.model.id.clone(), change.model.version);
            registry.models.insert(key, (Arc::clone(model), change.to.clone()));
            registry.history.push(change.clone());
        }
        Ok(registry)
    }

    fn versions(&self, model: &str) -> impl Iterator<Item = &(Arc<Model>, Stage)> {
        let range = (model.to_string(), 0)..=(model.to_string(), u32::MAX);
        self.models.range(range).map(|(_, entry)| entry)
    }

    fn find(&self, model: &str, wanted: impl Fn(&Stage) -> bool) -> Option<u32> {
        self.versions(model).find(|(_, stage)| wanted(stage)).map(|(model, _)| model.version())
    }

    fn active(&self, model: &str) -> Option<u32> {
        self.find(model, |stage| *stage == Stage::Active)
    }

    fn entry(&self, model: &str, version: u32) -> Result<(&Arc<Model>, &Stage), Error> {
        let found = self.models.get(&(model.to_string(), version));
        let (model, stage) = found.ok_or_else(|| Error::new(Code::UnknownModel).at("model"))?;
        Ok((model, stage))
    }

    /// The version that retired when this one was promoted. One that a rollback brought back leads to the
    /// one before its own promotion, so that going back twice never comes to what was left first.
    fn before(&self, model: &str, active: u32) -> Option<u32> {
        let mut of_model = self.history.iter().filter(|change| change.model.id == model).rev();
        let is_promotion =
            |c: &&StageChange| c.model.version == active && c.to == Stage::Active && !c.rollback;
        let promoted = of_model.find(is_promotion)?;
        let retired = of_model.next()?;
        let is_it = retired.at == promoted.at && retired.from == Some(Stage::Active);
        is_it.then_some(retired.model.version)
    }

    fn set(&mut self, (model, version): (&str, u32), to: Stage, word: Word<'_>) {
        if let Some((model, stage)) = self.models.get_mut(&(model.to_string(), version)) {
            self.history.push(StageChange {
                at: word.at,
                model: model.reference(),
                from: Some(core::mem::replace(stage, to.clone())),
                to,
                owner: word.why.owner.clone(),
                approver: Some(word.approver.to_string()),
                reason: word.why.reason.clone(),
                evidence: word.why.evidence.clone(),
                rollback: word.rollback,
            });
        }
    }

    fn check_time(&self, at: HostTime) -> Result<(), Error> {
        let is_past = self.history.last().is_some_and(|last| at < last.at);
        if is_past { Err(Error::new(Code::TimePassed).at("at")) } else { Ok(()) }
    }
}

impl Part {
    fn holds(&self, model: &str, patient: &PatientId, cohort: Option<&str>) -> bool {
        match self {
            Self::Permille(n) => place(model, patient) < *n,
            Self::Cohorts(cohorts) => cohort.is_some_and(|c| cohorts.iter().any(|of| of == c)),
        }
    }
}

/// Where among a thousand a patient stands for a model: always the same, and for each model another.
fn place(model: &str, patient: &PatientId) -> u16 {
    let mut hash = Sha256::new();
    hash.update(model.as_bytes());
    hash.update([0]);
    hash.update(patient.as_str().as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    (first % 1000) as u16
}

fn check_approver(owner: &str, approver: &str) -> Result<(), Error> {
    if approver.trim().is_empty() || approver == owner {
        return Err(Error::new(Code::NotApproved).at("approver"));
    }
    Ok(())
}

/// The table of the module.
fn may_follow(from: &Stage, to: &Stage) -> bool {
    use Stage as S;
    match from {
        S::Candidate => matches!(to, S::Shadow | S::Retired),
        S::Shadow => matches!(to, S::Canary(_) | S::Active | S::Retired),
        S::Canary(_) => from != to && !matches!(to, S::Candidate),
        S::Active => matches!(to, S::Retired),
        S::Retired => matches!(to, S::Shadow),
    }
}
