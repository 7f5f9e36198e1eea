//! The bad actors of a recording: the rules of a patient that alarm most, and one change for each.
//!
//! 1. The policy as it is tells who they are.
//! 2. One replay judges all changes of ten of their rules side by side, as rules that do not know
//!    of each other. Inhibitions and suppressions are left out of it, and nobody is told.
//! 3. Each change that is chosen is replayed in the whole policy, and that is where the figures of
//!    a suggestion come from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use rpm_core::Duration;
use rpm_core::insight::Owner;
use rpm_core::insight::kpi::Actor;
use rpm_core::policy::Policy;
use rpm_core::policy::care::spec::CareSpec;
use rpm_core::policy::spec::RuleSpec;
use rpm_core::record::PolicyRef;
use serde::Serialize;

use super::advice::{self, Refusal, Trial, Tried};
use super::back_test::BackTest;
use super::change::Change;
use super::history::{Cost, Keep, Stretch};
use super::{told, variants};
use crate::cli;
use crate::failure::{Failure, Verdict};
use crate::host;
use crate::run::commands;
use crate::run::journal::write_json;

/// What came once does not come again and again.
const OFTEN: u64 = 2;

/// So many rules are judged in one replay, each with a few dozen changes: a policy has its limits.
const AT_ONCE: usize = 10;

/// `bad-actors.json`.
#[derive(Serialize)]
pub struct Advice {
    /// What this is and what it is not.
    pub note: &'static str,
    /// What decided.
    pub policy: PolicyRef,
    /// The files.
    pub readings: Vec<PathBuf>,
    /// The longest hold to suggest, and the shortest that must be kept.
    pub longest_hold: Duration,
    /// The bad actors, the most frequent first.
    pub actors: Vec<Advised>,
}

/// A bad actor.
#[derive(Serialize)]
pub struct Advised {
    /// Who.
    #[serde(flatten)]
    pub actor: Actor,
    /// What is suggested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Suggestion>,
    /// Why nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<Refusal>,
}

/// A change, and what it would have done on this recording.
#[derive(Clone, Serialize)]
pub struct Suggestion {
    /// What it changes.
    #[serde(flatten)]
    pub change: Change,
    /// The alarms that would be left.
    pub then: u64,
    /// The alarms that would not have been.
    pub avoided: u64,
    /// Episodes that nobody would have heard of; the others are merged or shortened.
    pub lost: u64,
    /// Urgent stretches among them, or that are not urgent any more.
    pub lost_urgent: u64,
    /// The longest of those.
    pub longest_lost: Duration,
    /// By how much later at most the others would have been told.
    pub delay_at_most: Duration,
    /// The same for all patients: the rule is everybody's.
    pub all_patients: AllPatients,
    /// Alarms of all other rules, now and then.
    pub other_rules: [u64; 2],
    /// Where its replay lies.
    pub directory: PathBuf,
}

/// What a change of a rule does to all patients.
#[derive(Clone, Serialize)]
pub struct AllPatients {
    /// The rule's alarms now.
    pub now: u64,
    /// Those that would be left.
    pub then: u64,
    /// Episodes lost.
    pub lost: u64,
    /// The worst delay.
    pub delay_at_most: Duration,
}

/// Suggests a change for each of so many.
pub fn run(request: &cli::Suggest, most: usize, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let path = &request.policy;
    let policy = host::load_policy(path).map_err(|p| p.into_failure(path))?;
    let orders = request.commands.as_deref().map(commands::read).transpose()?;
    let now = BackTest::kept(request, &policy, &request.out.join("now"))?;
    // A command names an alert by its number, which is another one's under another policy. So
    // commands tell what was real, and the figures are of nobody answering.
    let real = match orders {
        Some(orders) => BackTest::passing(request, &policy, orders)?.real,
        None => BTreeMap::new(),
    };
    let actors = now.actors.iter().filter(|actor| actor.annunciated >= OFTEN).take(most);
    let actors: Vec<Actor> = actors.cloned().collect();
    let session = Session { request, policy: &policy, now, real };
    let trials = session.trials(&actors)?;
    let actors = session.advise(actors, &trials)?;
    let advice = Advice {
        note: told::NOTE,
        policy: policy.reference(),
        readings: request.readings.clone(),
        longest_hold: request.longest_hold,
        actors,
    };
    write_json(&request.out.join("bad-actors.json"), &advice)?;
    told::tell(&advice, out)?;
    Ok(Verdict::Clean)
}

/// The whole policy with one change, replayed.
struct Replayed<'a> {
    change: &'a Change,
    directory: PathBuf,
    test: BackTest,
}

struct Session<'a> {
    request: &'a cli::Suggest,
    policy: &'a Arc<Policy>,
    now: BackTest,
    real: BTreeMap<String, BTreeMap<Owner, Vec<Stretch>>>,
}

impl Session<'_> {
    /// Every change of every rule concerned, the mildest first, by rule.
    fn trials(&self, actors: &[Actor]) -> Result<BTreeMap<String, Vec<Trial>>, Failure> {
        let concerned: BTreeSet<&str> = actors.iter().map(|actor| actor.rule.as_str()).collect();
        let rules = self.policy.spec().rules.iter().filter(|r| concerned.contains(r.id.as_str()));
        let changes: Vec<(&RuleSpec, Vec<Change>)> = rules
            .map(|rule| (rule, Change::all(self.policy, rule, self.request.longest_hold)))
            .collect();
        let mut trials = BTreeMap::new();
        for some in changes.chunks(AT_ONCE) {
            self.judge(some, &mut trials)?;
        }
        Ok(trials)
    }

    fn judge(
        &self,
        changes: &[(&RuleSpec, Vec<Change>)],
        trials: &mut BTreeMap<String, Vec<Trial>>,
    ) -> Result<(), Failure> {
        if changes.iter().all(|(_, changes)| changes.is_empty()) {
            return Ok(());
        }
        let (policy, names) = self.side_by_side(changes)?;
        let found = BackTest::passing(self.request, &policy, Vec::new())?;
        for ((rule, changes), names) in changes.iter().zip(&names) {
            // The first is the rule as it is.
            let (present, varied) = names.split_first().map_or(("", &[][..]), |(p, v)| (p, v));
            let trial = |(change, name): (&Change, &String)| {
                let costs = self.costs(&rule.id, &found, name);
                let count = |owner: &Owner| [present, name].map(|name| found.alarms(name, owner));
                let alarms = costs.keys().map(|owner| (owner.clone(), count(owner))).collect();
                Trial { change: change.clone(), alarms, costs }
            };
            trials.insert(rule.id.clone(), changes.iter().zip(varied).map(trial).collect());
        }
        Ok(())
    }

    /// The policy of all changes, and the names of each rule as it is and with each change.
    fn side_by_side(
        &self,
        changes: &[(&RuleSpec, Vec<Change>)],
    ) -> Result<(Arc<Policy>, Vec<Vec<String>>), Failure> {
        let prefix = variants::prefix(self.policy);
        let mut rules = Vec::new();
        let mut names = Vec::new();
        for (place, (rule, changes)) in changes.iter().enumerate() {
            let all = [*rule].into_iter().chain(changes.iter().map(|change| &change.changed));
            let named = (0..).zip(all).map(|(number, rule): (usize, &RuleSpec)| {
                let id = format!("{prefix}{place}.{number}");
                rules.push(RuleSpec { id: id.clone(), mode: None, ..rule.clone() });
                id
            });
            names.push(named.collect());
        }
        // What comes back belongs to the same alert for as long as in the whole policy.
        let reopen_within = self.policy.spec().care.reopen_within.clone();
        let care = CareSpec { reopen_within, ..CareSpec::default() };
        let policy = variants::beside(self.policy, rules, care);
        Ok((policy.map_err(|errors| Failure::new(errors.to_string()))?, names))
    }

    fn costs(&self, rule: &str, found: &BackTest, name: &str) -> BTreeMap<Owner, Cost> {
        let none = BTreeMap::new();
        let keep = Keep {
            lasting: self.request.longest_hold,
            real: self.real.get(rule).unwrap_or(&none),
            end: self.now.end,
        };
        self.now.histories.cost(rule, (&found.histories, name), &keep)
    }

    /// What is said of each bad actor.
    fn advise(
        &self,
        actors: Vec<Actor>,
        trials: &BTreeMap<String, Vec<Trial>>,
    ) -> Result<Vec<Advised>, Failure> {
        let mut replays = Vec::new();
        let mut advised = Vec::new();
        for actor in actors {
            let own = trials.get(&actor.rule).map_or(&[][..], Vec::as_slice);
            let (suggestion, none) = match self.chosen(&actor, own) {
                Err(refusal) => (None, Some(refusal)),
                Ok(change) => {
                    let place = self.replayed(change, &mut replays)?;
                    match self.suggestion(&actor, &replays[place]) {
                        Ok(suggestion) => (Some(suggestion), None),
                        Err(refusal) => (None, Some(refusal)),
                    }
                }
            };
            advised.push(Advised { actor, suggestion, none });
        }
        Ok(advised)
    }

    fn chosen<'t>(&self, actor: &Actor, trials: &'t [Trial]) -> Result<&'t Change, Refusal> {
        let rules = &self.policy.spec().rules;
        if rules.iter().any(|rule| rule.id == actor.rule && rule.missing_for.is_some()) {
            return Err(Refusal::Technical);
        }
        advice::choose(actor, trials).map(|trial| &trial.change)
    }

    /// The place of a change's replay. It is made once, however many it is suggested for.
    fn replayed<'t>(
        &self,
        change: &'t Change,
        replays: &mut Vec<Replayed<'t>>,
    ) -> Result<usize, Failure> {
        if let Some(place) = replays.iter().position(|replay| replay.change == change) {
            return Ok(place);
        }
        let (directory, test) = self.replay(change, replays.len() + 1)?;
        replays.push(Replayed { change, directory, test });
        Ok(replays.len() - 1)
    }

    /// The whole policy with one change.
    fn replay(&self, change: &Change, number: usize) -> Result<(PathBuf, BackTest), Failure> {
        let directory = self.request.out.join(format!("change-{number}"));
        let lost = || Failure::new("a change that was tried is no policy");
        let policy = change.policy(self.policy).ok_or_else(lost)?;
        let test = BackTest::kept(self.request, &policy, &directory)?;
        write_json(&directory.join("policy.json"), policy.spec())?;
        Ok((directory, test))
    }

    fn suggestion(&self, actor: &Actor, replayed: &Replayed<'_>) -> Result<Suggestion, Refusal> {
        let Replayed { change, directory, test } = replayed;
        let (rule, now) = (actor.rule.as_str(), actor.annunciated);
        let then = test.alarms(rule, &actor.owner);
        if then >= now {
            let tried = Tried { tried: change.words.clone(), avoids: 0 };
            return Err(Refusal::NotConfirmed { tried });
        }
        let costs = self.costs(rule, test, rule);
        let own = costs.get(&actor.owner);
        let [all_now, others_now] = self.now.alarms_and_others(rule);
        let [all_then, others_then] = test.alarms_and_others(rule);
        Ok(Suggestion {
            change: (*change).clone(),
            then,
            avoided: now - then,
            lost: own.map_or(0, |cost| cost.lost),
            lost_urgent: own.map_or(0, |cost| cost.lost_urgent),
            longest_lost: own.map_or(Duration::default(), |cost| cost.longest_lost),
            delay_at_most: own.map_or(Duration::default(), |cost| cost.delay),
            all_patients: AllPatients {
                now: all_now,
                then: all_then,
                lost: costs.values().map(|cost| cost.lost).sum(),
                delay_at_most: costs.values().map(|cost| cost.delay).max().unwrap_or_default(),
            },
            other_rules: [others_now, others_then],
            directory: directory.clone(),
        })
    }
}
