//! `replay trial`: what a rule in shadow would have done beside the one in force, from the records of a run:
//! a report for whoever has to sign.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rpm_core::insight::trial::{Block, Question, TrialReport};
use rpm_core::insight::{Owner, Trial};
use rpm_core::policy::Policy;
use rpm_core::record::Hash;
use rpm_core::{Duration, HostTime, PatientId};

use crate::cli;
use crate::compare::labels::{self, Labels};
use crate::compare::page::document;
use crate::failure::{Failure, Verdict};
use crate::picture::svg::Escaped;
use crate::run::journal::{self, write_json};
use crate::stream;

/// What promotion names as its evidence.
pub const REPORT: &str = "trial.json";

/// Reads the records of a run, and writes the report.
pub fn run(request: &cli::Trial, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let policy = policy_of(&request.directory)?;
    let question = question(request, &policy)?;
    let labels = labels::asked(&request.labels.file, request.stay())?;
    let mut trial = Trial::new(question);
    let checker = stream::read(&request.directory, |record| trial.fold(&record))?;
    if let Some(labels) = &labels {
        tell_events(&mut trial, labels)?;
    }
    let report = trial.report();
    let folder = request.out.as_ref().unwrap_or(&request.directory);
    std::fs::create_dir_all(folder).map_err(|e| Failure::at(folder, &e))?;
    let path = folder.join(REPORT);
    write_json(&path, &report)?;
    for (name, text) in [("trial.md", report.to_string()), ("trial.html", html(&report))] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| Failure::at(&path, &e))?;
    }
    write!(out, "{report}")?;
    writeln!(out, "evidence: {}", evidence(&path)?)?;
    writeln!(out, "to be signed: {}", folder.join("trial.html").display())?;
    writeln!(out, "{}", checker.told())?;
    Ok(if checker.breaks.is_empty() { Verdict::Clean } else { Verdict::Findings })
}

/// How a report is named where somebody decides on its grounds: by the hash of what it says.
pub fn evidence(report: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(report).map_err(|e| Failure::at(report, &e))?;
    let name = report.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name} sha256:{}", Hash::of(&bytes)))
}

fn policy_of(directory: &Path) -> Result<Arc<Policy>, Failure> {
    let mut policies = journal::policies(directory)?.into_values();
    match (policies.next(), policies.next()) {
        (Some(policy), None) => Ok(policy),
        (None, _) => Err(Failure::new("no policies.jsonl beside the records")),
        _ => Err(Failure::new("several recordings: a trial is of a run of its own")),
    }
}

fn question(request: &cli::Trial, policy: &Policy) -> Result<Question, Failure> {
    let asked = match (&request.candidate, &request.active) {
        (Some(candidate), Some(active)) => Question::of(policy, candidate, active),
        _ => Question::of_model(policy),
    };
    let asked = asked.map_err(|e| {
        let hint = "name a rule in shadow with --candidate, and one in force with --active";
        Failure::new(format!("{e}; {hint}"))
    })?;
    let mut span: Option<(HostTime, HostTime)> = None;
    if request.from.is_none() || request.until.is_none() {
        stream::read(&request.directory, |record| {
            let (first, last) = span.get_or_insert((record.at, record.at));
            (*first, *last) = ((*first).min(record.at), (*last).max(record.at));
        })?;
    }
    let (first, last) = span.unwrap_or_default();
    let until = request.until.unwrap_or(last.plus(Duration::from_millis(1)));
    let (apart, near) = (request.apart, request.near);
    let (lead, delay) = (request.labels.lead, request.labels.delay);
    Ok(Question { apart, near, lead, delay, ..asked }.between(request.from.unwrap_or(first), until))
}

fn tell_events(trial: &mut Trial, labels: &Labels) -> Result<(), Failure> {
    let owner = |name: &str| {
        let patient = PatientId::new(name).map_err(|e| Failure::new(e.to_string()))?;
        Ok::<_, Failure>(Owner { tenant: None, patient })
    };
    for (name, (from, until)) in &labels.stays {
        trial.watched(owner(name)?, *from, *until);
    }
    for (name, onsets) in &labels.onsets {
        let owner = owner(name)?;
        trial.event(owner.clone(), None);
        onsets.iter().for_each(|onset| trial.event(owner.clone(), Some(*onset)));
    }
    Ok(())
}

/// The report as a page that needs nothing from anywhere else, to be printed.
fn html(report: &TrialReport) -> String {
    let mut blocks = report.page().into_iter();
    let Some(Block::Heading(title)) = blocks.next() else {
        return String::new();
    };
    let mut body = String::new();
    blocks.for_each(|block| put(&mut body, &block));
    document(&title, &body)
}

// Writing to a string cannot fail.
fn put(body: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading(text) => writeln!(body, "<h2>{}</h2>", Escaped(text)),
        Block::Text(text) => writeln!(body, "<p>{}</p>", Escaped(text)),
        Block::List(points) => list(body, "", points),
        Block::Choices(choices) => list(body, "&#9744; ", choices),
        Block::Lines(lines) => lines.iter().try_for_each(|line| {
            let rule = "display:inline-block;width:55%;height:2em;border-bottom:1px solid";
            writeln!(body, "<p>{}: <span style=\"{rule}\"></span></p>", Escaped(line))
        }),
        Block::Table(head, rows) => table(body, head, rows),
    };
}

fn list(body: &mut String, mark: &str, points: &[String]) -> std::fmt::Result {
    body.push_str("<ul>\n");
    points.iter().try_for_each(|point| writeln!(body, "<li>{mark}{}</li>", Escaped(point)))?;
    writeln!(body, "</ul>")
}

fn table(body: &mut String, head: &[String], rows: &[Vec<String>]) -> std::fmt::Result {
    body.push_str("<table>\n<tr>");
    head.iter().try_for_each(|name| write!(body, "<th>{}</th>", Escaped(name)))?;
    writeln!(body, "</tr>")?;
    for row in rows {
        body.push_str("<tr>");
        row.iter().try_for_each(|cell| write!(body, "<td>{}</td>", Escaped(cell)))?;
        writeln!(body, "</tr>")?;
    }
    writeln!(body, "</table>")
}
