//! One replay, and what is asked of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rpm_core::insight::kpi::Actor;
use rpm_core::insight::{Kpi, Owner};
use rpm_core::policy::Policy;
use rpm_core::record::{AlertChange, Body, Record, Resolution};
use rpm_core::{AlertId, Input, Timestamp};

use super::history::{Histories, Stretch};
use crate::cli;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::run::journal::Journal;
use crate::run::summary::Summary;
use crate::run::{self, Job};
use crate::stream;

/// What a policy made of the recordings.
pub struct BackTest {
    /// The rules of a patient that alarmed, the most frequent first.
    pub actors: Vec<Actor>,
    /// The same by rule.
    alarms: BTreeMap<String, BTreeMap<Owner, u64>>,
    /// When their conditions held.
    pub histories: Histories,
    /// What people resolved as real, by rule.
    pub real: BTreeMap<String, BTreeMap<Owner, Vec<Stretch>>>,
    /// The end of the recordings.
    pub end: Timestamp,
}

impl BackTest {
    /// Replays, and leaves in the directory what `run` would.
    pub fn kept(
        request: &cli::Suggest,
        policy: &Arc<Policy>,
        directory: &Path,
    ) -> Result<Self, Failure> {
        let job = job(request, policy);
        let mut journal = Journal::create(directory)?;
        let mut progress = Progress::new("replay");
        let tally = run::replay(&job, &mut journal, &mut progress)?;
        progress.done();
        let finished = journal.finish(|_| {})?;
        let summary = Summary::new(policy, &tally, &finished.classes, finished.records);
        finished.summarise(&summary)?;
        Self::read(directory, tally.span().map(|(_, last)| last))
    }

    /// Replays, and leaves nothing.
    pub fn passing(
        request: &cli::Suggest,
        policy: &Arc<Policy>,
        orders: Vec<Input<'static>>,
    ) -> Result<Self, Failure> {
        let directory = request.out.join(".suggest");
        let job = Job { orders, ..job(request, policy) };
        let mut journal = Journal::create(&directory)?;
        let mut progress = Progress::new("replay");
        let tally = run::replay(&job, &mut journal, &mut progress)?;
        progress.done();
        journal.close()?;
        let found = Self::read(&directory, tally.span().map(|(_, last)| last));
        std::fs::remove_dir_all(&directory).map_err(|e| Failure::at(&directory, &e))?;
        found
    }

    fn read(directory: &Path, end: Option<Timestamp>) -> Result<Self, Failure> {
        let (mut kpi, mut histories, mut people) =
            (Kpi::default(), Histories::default(), People::default());
        stream::read(directory, |record| {
            kpi.fold(&record);
            histories.fold(&record);
            people.fold(&record);
        })?;
        let end = end.unwrap_or(Timestamp::from_millis(0));
        let actors = kpi.actors();
        let mut alarms: BTreeMap<String, BTreeMap<Owner, u64>> = BTreeMap::new();
        for Actor { rule, owner, annunciated, .. } in &actors {
            alarms.entry(rule.clone()).or_default().insert(owner.clone(), *annunciated);
        }
        Ok(Self { actors, alarms, histories, real: people.real, end })
    }

    /// The alarms of a rule for a patient.
    pub fn alarms(&self, rule: &str, owner: &Owner) -> u64 {
        let own = self.alarms.get(rule).and_then(|patients| patients.get(owner));
        own.copied().unwrap_or(0)
    }

    /// The alarms of a rule, and those of all others.
    pub fn alarms_and_others(&self, rule: &str) -> [u64; 2] {
        let (own, others) = self.actors.iter().partition::<Vec<&Actor>, _>(|a| a.rule == rule);
        [own, others].map(|actors| actors.iter().map(|actor| actor.annunciated).sum())
    }
}

fn job(request: &cli::Suggest, policy: &Arc<Policy>) -> Job {
    Job { enrol: request.enrol, ..Job::new(policy.clone(), request.readings.clone()) }
}

/// What people said of alerts.
#[derive(Default)]
struct People {
    open: BTreeMap<(Owner, AlertId), (String, Timestamp)>,
    real: BTreeMap<String, BTreeMap<Owner, Vec<Stretch>>>,
}

impl People {
    fn fold(&mut self, record: &Record) {
        let Some(owner) = Owner::of(record) else {
            return;
        };
        match &record.body {
            Body::AlertOpened { alert, rule, observed_at, .. } => {
                self.open.insert((owner, *alert), (rule.clone(), *observed_at));
            }
            Body::AlertChanged { alert, change: AlertChange::Resolved, reason, .. } => {
                let reason = reason.clone().map(serde_json::Value::String);
                let reason: Option<Resolution> =
                    reason.and_then(|r| serde_json::from_value(r).ok());
                let opened = self.open.get(&(owner.clone(), *alert)).cloned();
                if let (Some(true), Some((rule, from))) =
                    (reason.and_then(Resolution::is_true), opened)
                {
                    let until = Timestamp::from_millis(record.at.as_millis());
                    let real = self.real.entry(rule).or_default().entry(owner).or_default();
                    real.push(Stretch { from, until });
                }
            }
            _ => {}
        }
    }
}
