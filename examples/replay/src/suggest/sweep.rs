//! What other holds, dead bands and coverages of one rule would spare, and cost.

use std::collections::BTreeMap;
use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::cli;
use crate::compare::labels;
use crate::compare::page::{Scatter, scatter};
use crate::compare::side::{Alarm, Detection, figure};
use crate::failure::{Failure, Verdict};
use crate::host;
use crate::progress::Progress;
use crate::run::journal::{Journal, write_json};
use crate::run::summary::Summary;
use crate::run::{self, Job};
use crate::suggest::variants::{self, Variant};

/// One variant, and what it would have done.
#[derive(Serialize)]
pub struct Outcome {
    /// What it changes.
    #[serde(flatten)]
    pub variant: Variant,
    /// Its alarms.
    pub alarms: u64,
    /// For each day of a patient.
    pub per_patient_day: f64,
    /// The share of what counts that it finds: labelled events with an alarm in time, or without
    /// labels the alarms of the rule as it is.
    pub found: f64,
    /// How it fits the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// Whether none finds as much with fewer alarms.
    pub best: bool,
}

/// Sweeps a rule.
pub fn run(request: &cli::Suggest, rule: &str, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let path = &request.policy;
    let policy = host::load_policy(path).map_err(|p| p.into_failure(path))?;
    let (varied, variants) = variants::policy(&policy, rule).map_err(Failure::new)?;
    let labels = labels::asked(&request.labels.file, None)?;
    let (lead, delay) = (request.labels.lead, request.labels.delay);
    let job = Job { enrol: request.enrol, ..Job::new(varied, request.readings.clone()) };
    let mut journal = Journal::create(&request.out)?;
    let mut progress = Progress::new("replay");
    let tally = run::replay(&job, &mut journal, &mut progress)?;
    progress.done();
    let mut alarms: BTreeMap<String, Vec<Alarm>> = BTreeMap::new();
    let finished = journal.finish(|episode| {
        alarms.entry(episode.rule.clone()).or_default().extend(Alarm::of(episode));
    })?;
    let days = Summary::new(&job.policy, &tally, &finished.classes, finished.records).patient_days;
    let none = Vec::new();
    let present = variants.first().and_then(|v| alarms.get(&v.rule)).unwrap_or(&none);
    let outcomes = variants.into_iter().map(|variant| {
        let own = alarms.get(&variant.rule).unwrap_or(&none);
        let detection = labels.as_ref().map(|l| Detection::of(own, l, lead, delay));
        let found = match &detection {
            Some(d) => share(d.before + d.after, d.events),
            None => share(Alarm::overlapping(present, own), present.len() as u64),
        };
        let per_patient_day = if days > 0.0 { own.len() as f64 / days } else { 0.0 };
        let alarms = own.len() as u64;
        Outcome { variant, alarms, per_patient_day, found, detection, best: false }
    });
    let mut outcomes: Vec<Outcome> = outcomes.collect();
    mark_best(&mut outcomes);
    write_json(&request.out.join("suggest.json"), &outcomes)?;
    let page = request.out.join("suggest.html");
    let points: Vec<_> = outcomes.iter().map(point).collect();
    let drawn = Scatter {
        title: &format!("{rule}: alarms a patient-day, and the share found"),
        note: "Green: the rule as it is. Orange: variants that none beats in both. Blue: the others.",
        across: "alarms for each day of a patient",
    };
    std::fs::write(&page, scatter(&drawn, &points)).map_err(|e| Failure::at(&page, &e))?;
    tell(&outcomes, labels.is_some(), out)?;
    writeln!(out, "as a picture: {}", page.display())?;
    Ok(Verdict::Clean)
}

fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

/// Those that nothing beats: with fewer alarms less is found.
fn mark_best(outcomes: &mut [Outcome]) {
    let seen: Vec<(u64, f64)> = outcomes.iter().map(|o| (o.alarms, o.found)).collect();
    for outcome in outcomes {
        let beats = |(alarms, found): &(u64, f64)| {
            *alarms <= outcome.alarms
                && *found >= outcome.found
                && (*alarms < outcome.alarms || *found > outcome.found)
        };
        outcome.best = !seen.iter().any(beats);
    }
}

fn point(outcome: &Outcome) -> (f64, f64, &'static str, String) {
    let class = match (outcome.variant.present, outcome.best) {
        (true, _) => "now",
        (false, true) => "b",
        (false, false) => "a",
    };
    let tip = format!(
        "{}: {} alarms a patient-day, {} % found",
        outcome.variant.words(),
        figure(outcome.per_patient_day),
        figure(outcome.found * 100.0)
    );
    (outcome.per_patient_day, outcome.found, class, tip)
}

/// The rule as it is, and the variants that nothing beats, from most alarms to fewest.
fn tell(outcomes: &[Outcome], labelled: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let found = if labelled { "events alarmed" } else { "of its alarms" };
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["variant", "alarms a patient-day", "spared", found]);
    let now = outcomes.first().map_or(0, |o| o.alarms);
    let mut shown: Vec<&Outcome> =
        outcomes.iter().filter(|o| o.best || o.variant.present).collect();
    shown.sort_by_key(|o| std::cmp::Reverse((o.alarms, o.variant.present)));
    // Of variants that come to the same, the first says as much as all.
    shown.dedup_by(|a, b| {
        (a.alarms, a.found) == (b.alarms, b.found) && !a.variant.present && !b.variant.present
    });
    for outcome in shown {
        let spared = now as f64 - outcome.alarms as f64;
        table.add_row([
            outcome.variant.words(),
            format!("{} ({})", figure(outcome.per_patient_day), outcome.alarms),
            format!("{} %", figure(100.0 * spared / now.max(1) as f64)),
            format!("{} %", figure(outcome.found * 100.0)),
        ]);
    }
    writeln!(out, "{table}")?;
    let tried = outcomes.len().saturating_sub(1);
    writeln!(out, "{tried} variants tried; shown are those that none beats in both")?;
    Ok(())
}
