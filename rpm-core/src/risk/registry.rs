//! Which version of a model may say what about whom, and who decided that.
//!
//! A version is registered as a candidate, runs in shadow, may be tried on a part of the patients (the
//! canary), and becomes active; then the version before it retires. Every step is proposed by one
//! person and approved by another, with a reason and evidence. What stands here is a fold over those
//! steps. They are inputs: the engine has the registry, records each step, and takes no score of a
//! version that the registry does not let score the patient.
//!
//! | from | to |
//! |---|---|
//! | candidate | shadow, retired |
//! | shadow | canary, active, retired |
//! | canary | another canary, active, shadow, retired |
//! | active | retired; by a rollback the version before it is active again |
//! | retired | shadow |
//!
//! One version of a model is the canary at a time, and one is in shadow: their scores are readings of one
//! signal each, and those of two could not be told apart.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Error};
use crate::id::PatientId;
use crate::record::ModelRef;
pub use crate::record::risk::{Part, Stage, StageChange};
use crate::time::HostTime;

/// What people decide about a version of a model. Give it to
/// [`Engine::handle_roll_out`](crate::Engine::handle_roll_out).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum RollOut {
    /// A version is taken in as a candidate.
    Register {
        /// Which, by the hash of its manifest.
        model: ModelRef,
        /// Who brings it, as the host names people.
        owner: String,
    },
    /// A version comes to another stage. Where it becomes active, the one before retires.
    Stage {
        /// The model.
        id: String,
        /// Which version.
        version: u32,
        /// Where to.
        to: Stage,
        /// Who wants it, and on what grounds.
        #[serde(flatten)]
        why: Why,
        /// Who else approves it.
        approver: String,
    },
    /// Back, at once, to the version that was active before the one that is; to none, and so to rules
    /// alone, if there was none. The one that was active retires.
    Rollback {
        /// The model.
        id: String,
        /// Who wants it, and on what grounds.
        #[serde(flatten)]
        why: Why,
        /// Who else approves it.
        approver: String,
    },
}

/// Who wants something, and on what grounds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Why {
    /// Who wants it, as the host names people.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Where what was found out can be read: a report, by name or hash.
    pub evidence: String,
}

/// On whose word a step is taken, and when.
#[derive(Clone, Copy)]
struct Word<'a> {
    why: &'a Why,
    approver: &'a str,
    at: HostTime,
    rollback: bool,
}

/// All versions of all models: a fold over [`RollOut`]s.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Registry {
    models: BTreeMap<(String, u32), (ModelRef, Stage)>,
    history: Vec<StageChange>,
}

/// Who scores a patient.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Assigned {
    /// The version that counts.
    pub scores: Option<ModelRef>,
    /// Those that are watched beside it.
    pub shadows: Vec<ModelRef>,
}

impl Why {
    fn check(&self, approver: &str) -> Result<(), Error> {
        let texts =
            [("owner", &self.owner), ("reason", &self.reason), ("evidence", &self.evidence)];
        if let Some((field, _)) = texts.into_iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(Error::new(Code::MissingField).at(field));
        }
        if approver.trim().is_empty() || approver == self.owner {
            return Err(Error::new(Code::NotApproved).at("approver"));
        }
        Ok(())
    }
}

impl Registry {
    /// Does what was decided, at once.
    ///
    /// # Errors
    ///
    /// [`Code::MissingField`] without an owner, a reason or evidence; [`Code::NotApproved`] if nobody
    /// approves, or the owner; [`Code::TimePassed`] before what has happened; [`Code::UnknownModel`];
    /// [`Code::DuplicateId`] if a version is registered again; [`Code::StageOrder`] if it cannot go there
    /// from where it is, or another one is the canary or in shadow; [`Code::OutOfRange`] if the part of a canary is
    /// nobody or more than all.
    pub fn take(&mut self, roll_out: &RollOut, at: HostTime) -> Result<(), Error> {
        if self.history.last().is_some_and(|last| at < last.at) {
            return Err(Error::new(Code::TimePassed).at("at"));
        }
        match roll_out {
            RollOut::Register { model, owner } => self.register(model, owner, at),
            RollOut::Stage { id, version, to, why, approver } => {
                why.check(approver)?;
                self.stage_to((id, *version), to, Word { why, approver, at, rollback: false })
            }
            RollOut::Rollback { id, why, approver } => {
                why.check(approver)?;
                self.roll_back(id, Word { why, approver, at, rollback: true })
            }
        }
    }

    fn register(&mut self, model: &ModelRef, owner: &str, at: HostTime) -> Result<(), Error> {
        if owner.trim().is_empty() {
            return Err(Error::new(Code::MissingField).at("owner"));
        }
        let key = (model.id.clone(), model.version);
        if self.models.contains_key(&key) {
            return Err(Error::new(Code::DuplicateId).at("version"));
        }
        self.history.push(StageChange {
            at,
            model: model.clone(),
            from: None,
            to: Stage::Candidate,
            owner: owner.to_string(),
            approver: None,
            reason: String::new(),
            evidence: String::new(),
            rollback: false,
        });
        self.models.insert(key, (model.clone(), Stage::Candidate));
        Ok(())
    }

    fn stage_to(
        &mut self,
        (id, version): (&str, u32),
        to: &Stage,
        word: Word<'_>,
    ) -> Result<(), Error> {
        let is_part = match to {
            Stage::Canary(Part::Permille(n)) => (1..=1000).contains(n),
            Stage::Canary(Part::Cohorts(cohorts)) => !cohorts.is_empty(),
            _ => true,
        };
        if !is_part {
            return Err(Error::new(Code::OutOfRange).at("to"));
        }
        let from =
            self.stage(id, version).ok_or_else(|| Error::new(Code::UnknownModel).at("id"))?;
        let is_taken = |by: fn(&Stage) -> bool| {
            by(to) && self.find(id, by).is_some_and(|other| other != version)
        };
        if !may_follow(from, to) {
            return Err(Error::new(Code::StageOrder).at("to"));
        }
        let taken =
            [is_taken(|s| matches!(s, Stage::Canary(_))), is_taken(|s| *s == Stage::Shadow)];
        if taken.contains(&true) {
            let hint = "another version of the model is there: it has to leave first";
            return Err(Error::new(Code::StageOrder).at("to").hint(hint));
        }
        let before = self.active(id).filter(|_| *to == Stage::Active);
        if let Some(before) = before {
            self.set((id, before), &Stage::Retired, word);
        }
        self.set((id, version), to, word);
        Ok(())
    }

    fn roll_back(&mut self, id: &str, word: Word<'_>) -> Result<(), Error> {
        let active = self.active(id).ok_or_else(|| Error::new(Code::UnknownModel).at("id"))?;
        let before = self.before(id, active);
        self.set((id, active), &Stage::Retired, word);
        if let Some(before) = before {
            self.set((id, before), &Stage::Active, word);
        }
        Ok(())
    }

    /// Who scores a patient now.
    pub fn assigned(&self, model: &str, patient: &PatientId, cohort: Option<&str>) -> Assigned {
        let mut assigned = Assigned::default();
        for (version, stage) in self.versions(model) {
            match stage {
                Stage::Canary(part) if holds(part, model, patient, cohort) => {
                    assigned.scores = Some(version.clone());
                }
                Stage::Active if assigned.scores.is_none() => {
                    assigned.scores = Some(version.clone());
                }
                Stage::Shadow => assigned.shadows.push(version.clone()),
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
            Stage::Canary(part) => holds(part, model, patient, cohort),
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

    /// The same registry again, of its [history](Self::history).
    pub fn from_history(history: Vec<StageChange>) -> Self {
        let staged = |change: &StageChange| {
            let key = (change.model.id.clone(), change.model.version);
            (key, (change.model.clone(), change.to.clone()))
        };
        Self { models: history.iter().map(staged).collect(), history }
    }

    /// Whether a version may say what it says of a patient: as the one that counts, or in shadow. Of a
    /// model of which no version was ever registered anything may.
    pub(crate) fn lets(
        &self,
        id: &str,
        said: (&ModelRef, bool),
        patient: &PatientId,
        cohort: Option<&str>,
    ) -> bool {
        let (model, shadow) = said;
        let assigned = self.assigned(id, patient, cohort);
        let is_assigned = match shadow {
            true => assigned.shadows.contains(model),
            false => assigned.scores.as_ref() == Some(model),
        };
        is_assigned || self.versions(id).next().is_none()
    }

    fn versions(&self, model: &str) -> impl Iterator<Item = &(ModelRef, Stage)> {
        let range = (model.to_string(), 0)..=(model.to_string(), u32::MAX);
        self.models.range(range).map(|(_, entry)| entry)
    }

    fn find(&self, model: &str, wanted: impl Fn(&Stage) -> bool) -> Option<u32> {
        self.versions(model).find(|(_, stage)| wanted(stage)).map(|(model, _)| model.version)
    }

    fn active(&self, model: &str) -> Option<u32> {
        self.find(model, |stage| *stage == Stage::Active)
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

    fn set(&mut self, (id, version): (&str, u32), to: &Stage, word: Word<'_>) {
        if let Some((model, stage)) = self.models.get_mut(&(id.to_string(), version)) {
            self.history.push(StageChange {
                at: word.at,
                model: model.clone(),
                from: Some(core::mem::replace(stage, to.clone())),
                to: to.clone(),
                owner: word.why.owner.clone(),
                approver: Some(word.approver.to_string()),
                reason: word.why.reason.clone(),
                evidence: word.why.evidence.clone(),
                rollback: word.rollback,
            });
        }
    }
}

/// Whether a patient is of a part.
fn holds(part: &Part, model: &str, patient: &PatientId, cohort: Option<&str>) -> bool {
    match part {
        Part::Permille(n) => place(model, patient) < *n,
        Part::Cohorts(cohorts) => cohort.is_some_and(|c| cohorts.iter().any(|of| of == c)),
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
