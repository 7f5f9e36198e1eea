//! `replay score`: a score hour by hour, as the engine counts it, and how well it tells the hours
//! of an event from all others.
//!
//! | module | holds |
//! |---|---|
//! | [`series`] | the values of every patient, hour by hour |
//! | [`discrimination`] | what they tell beside labels |

mod discrimination;
mod series;

use std::io::Write;
use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use rpm_core::policy::Policy;
use rpm_core::record::PolicyRef;
use serde::Serialize;

use crate::cli;
use crate::compare::labels;
use crate::compare::page::{Scatter, scatter};
use crate::failure::{Failure, Verdict};
use crate::host;
use crate::run::journal::{Journal, write_json};
use crate::run::summary::Summary;
use crate::run::{self, Job};
use discrimination::{Discrimination, Threshold};
use series::Collector;

/// `score.json`.
#[derive(Serialize)]
struct Report {
    /// What decided.
    policy: PolicyRef,
    /// Which of its signals.
    signal: String,
    /// What the values tell.
    #[serde(flatten)]
    discrimination: Discrimination,
}

/// Replays, writes the values down and judges them.
pub fn run(request: &cli::Score, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let path = &request.policy;
    let policy = host::load_policy(path).map_err(|p| p.into_failure(path))?;
    let pane = pane_of(&policy, &request.signal)?;
    let stay = request.from_column.as_deref().zip(request.until_column.as_deref());
    let labels = labels::asked(&request.file, stay.map(|(from, until)| [from, until]))?;
    let job = Job::new(policy, request.readings.clone());
    let mut journal = Journal::create(&request.out)?;
    let mut collector = Collector::new(&request.signal, pane);
    let tally = run::replay(&job, &mut journal, &mut collector)?;
    let finished = journal.finish(|_| {})?;
    finished.summarise(&Summary::new(&job.policy, &tally, &finished.classes, finished.records))?;
    let mut series = collector.finish(labels.as_ref(), request.unmeasured);
    if let Some(labels) = &labels {
        series.mark(labels, request.lead);
    }
    series.write(&request.out.join("score.csv"))?;
    let report = Report {
        policy: job.policy.reference(),
        signal: request.signal.clone(),
        discrimination: Discrimination::of(&series),
    };
    write_json(&request.out.join("score.json"), &report)?;
    tell(&report, labels.is_some(), out)?;
    if labels.is_some() {
        let page = request.out.join("score.html");
        draw(&report, &page)?;
        writeln!(out, "as a picture: {}", page.display())?;
    }
    Ok(Verdict::Clean)
}

/// The width of a signal's panes, in milliseconds.
fn pane_of(policy: &Policy, signal: &str) -> Result<i64, Failure> {
    let found = policy.signals().iter().find(|def| def.name() == signal);
    found.map(|def| def.pane().as_millis()).ok_or_else(|| {
        let names: Vec<&str> = policy.signals().iter().map(|def| def.name()).collect();
        Failure::new(format!("the policy has no signal {signal}: {}", names.join(", ")))
    })
}

/// The columns of the table; without labels only the first ones.
const HEAD: [&str; 5] =
    ["at or above", "upward crossings a patient-day", "panes", "panes of events", "events reached"];
const UNLABELLED: usize = 3;

fn tell(report: &Report, labelled: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let Report { signal, policy, discrimination: found } = report;
    writeln!(
        out,
        "{signal} of {} v{}: {} patients, {:.2} patient-days, {} panes, {} of them carried forward",
        policy.id, policy.version, found.patients, found.patient_days, found.panes, found.carried
    )?;
    if labelled {
        let auroc = found.auroc.map_or("-".to_string(), |auroc| format!("{auroc:.4}"));
        writeln!(
            out,
            "AUROC {auroc}: {} panes of {} events against {}",
            found.positive,
            found.events,
            found.panes - found.positive
        )?;
    }
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(&HEAD[..if labelled { HEAD.len() } else { UNLABELLED }]);
    for threshold in &found.thresholds {
        let mut row = vec![
            threshold.value.to_string(),
            format!("{:.3} ({})", threshold.crossings_per_patient_day, threshold.crossings),
            percent(threshold.panes, found.panes),
        ];
        if labelled {
            row.push(percent(threshold.positive, found.positive));
            row.push(format!("{} of {}", threshold.events, found.events));
        }
        table.add_row(row);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn percent(part: u64, of: u64) -> String {
    format!("{:.1} %", 100.0 * discrimination::share(part, of))
}

fn draw(report: &Report, page: &Path) -> Result<(), Failure> {
    let found = &report.discrimination;
    let point = |threshold: &Threshold| {
        let reached = discrimination::share(threshold.events, found.events);
        let tip = format!(
            "{} or more: {:.3} upward crossings a patient-day, {} of {} events reached",
            threshold.value, threshold.crossings_per_patient_day, threshold.events, found.events
        );
        (threshold.crossings_per_patient_day, reached, "a", tip)
    };
    let points: Vec<_> = found.thresholds.iter().map(point).collect();
    let said = Scatter {
        title: &format!("{}: upward crossings, and the share of events reached", report.signal),
        note: "For each value: how often it is crossed upwards, and how many events reach it.",
        across: "upward crossings for each day of a patient",
    };
    std::fs::write(page, scatter(&said, &points)).map_err(|e| Failure::at(page, &e))
}
