//! What a trial found, as it is handed out.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{LEAST_FOR_SHARE, Question};
use crate::insight::kpi::Verdicts;
use crate::insight::measure::{Rate, Share};
use crate::insight::owner::Owner;
use crate::record::{ModelRef, PolicyRef, StageChange};
use crate::time::HostTime;

/// A trial over its period. It names patients: keep it like records.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TrialReport {
    /// What is to be decided, and how it is counted.
    pub question: Question,
    /// Every policy that decided in the period.
    pub policies: Vec<PolicyRef>,
    /// What was decided about the models that spoke, up to the last record.
    pub roll_out: Vec<StageChange>,
    /// Patients who were seen in the period.
    pub patients: u64,
    /// How long, in thousandths of a day, all together.
    pub patient_days: Rate,
    /// The rule in shadow.
    pub candidate: Side,
    /// The rule in force.
    pub active: Side,
    /// Who found what.
    pub episodes: Episodes,
    /// How much earlier the candidate was.
    pub lead: Lead,
    /// What people said.
    pub outcomes: Outcomes,
    /// Whether what happened was found, if the host said what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// Whether both versions said the same, if they scored the same evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// What has to be known before somebody signs.
    pub limitations: Vec<String>,
    /// Each episode, by patient and time.
    pub found: Vec<Episode>,
}

/// One of the two rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Side {
    /// The rule.
    pub rule: String,
    /// The versions whose scores it read.
    pub voices: Vec<Voice>,
    /// Alarms that began in the period.
    pub alarms: u64,
    /// The same by the most severe level that each reached.
    pub by_level: BTreeMap<&'static str, u64>,
    /// For each day of a patient, in thousandths; nothing for too few days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarms_per_patient_day: Option<Rate>,
    /// Alerts that were suppressed as they opened.
    pub suppressed: u64,
    /// Patients with an alarm.
    pub patients: Counted,
}

/// A version of a model that spoke.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Voice {
    /// Which.
    pub model: ModelRef,
    /// Scores of it.
    pub scores: u64,
    /// Why it had none, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<&'static str, u64>,
}

/// A part of a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counted {
    /// So many...
    pub of: u64,
    /// ... of so many.
    pub all: u64,
    /// The share, in thousandths; nothing of too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

impl Counted {
    pub(super) fn new(of: u64, all: u64) -> Self {
        let share = Share::of(of, all).filter(|_| all >= LEAST_FOR_SHARE);
        Self { of, all, share }
    }
}

/// Who found what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Episodes {
    /// Both.
    pub both: u64,
    /// The candidate alone: more alarms, if it takes the other's place.
    pub only_candidate: u64,
    /// The rule in force alone: what the candidate misses, or spares.
    pub only_active: u64,
    /// Begun before the period, and left out.
    pub begun_before: u64,
    /// Of those that count: not over when the period was.
    pub not_over: u64,
}

/// How much earlier the candidate was, where both found an episode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Lead {
    /// Earlier.
    pub earlier: u64,
    /// At the same time.
    pub same: u64,
    /// Later.
    pub later: u64,
    /// By how much; below zero it was later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quartiles: Option<Quartiles>,
}

/// Quartiles by nearest rank, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Quartiles {
    /// A quarter is at most this.
    pub first_ms: i64,
    /// Half is.
    pub median_ms: i64,
    /// Three quarters are.
    pub third_ms: i64,
}

/// What people said of episodes: of one several times, if they judged several alerts in it, as true if any was.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Outcomes {
    /// Reasons with which alerts of the rule in force were resolved.
    pub reasons: BTreeMap<String, u64>,
    /// Of episodes that both found: what the alert of the rule in force was.
    pub both: Verdicts,
    /// Of episodes that the candidate did not find.
    pub only_active: Verdicts,
    /// Of episodes that only the candidate found: what other alerts nearby were.
    pub only_candidate: Verdicts,
}

/// Whether what happened was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Events {
    /// Events in the period.
    pub events: u64,
    /// Found by both.
    pub both: u64,
    /// Found by the candidate alone.
    pub only_candidate: u64,
    /// Found by the rule in force alone.
    pub only_active: u64,
    /// From the candidate's first alarm that belongs to the event to its onset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate_lead: Option<Quartiles>,
    /// The same of the rule in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_lead: Option<Quartiles>,
    /// Patients to whom nothing happened, with an alarm of the candidate.
    pub candidate_false: Counted,
    /// The same of the rule in force.
    pub active_false: Counted,
}

/// Whether both versions said the same of the same evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Agreement {
    /// So many times both had a score.
    pub pairs: u64,
    /// What the candidate said less what the other said, on average, in thousandths.
    pub mean_difference: i64,
    /// Half differ by no more than this, in thousandths.
    pub median_gap: u16,
    /// Nine of ten do.
    pub p90_gap: u16,
    /// The most.
    pub greatest_gap: u16,
}

/// An episode of the period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Episode {
    /// Whose.
    #[serde(flatten)]
    pub owner: Owner,
    /// From the first alarm...
    pub from: HostTime,
    /// ... to the end of the last, or of the period.
    pub until: HostTime,
    /// The candidate's first alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<HostTime>,
    /// That of the rule in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<HostTime>,
    /// Whether it was true: by what people called the alert of the rule in force, or others nearby if only
    /// the candidate found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_true: Option<bool>,
}
