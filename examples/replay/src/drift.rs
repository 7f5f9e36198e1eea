//! `replay drift`: whether what a model meets is still what it was trained on, from the records of a run and the
//! rows that it saw.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use rpm_core::insight::drift::{Drift, DriftConfig, DriftKind, Finding};
use rpm_core::record::Hash;
use rpm_core::risk::Manifest;
use rpm_core::{Duration, HostTime};
use serde_json::{Value, json};

use crate::cli;
use crate::failure::{Failure, Verdict};
use crate::run::journal::{self, write_json};
use crate::stream;

/// Reads what there is, and tells what drifted.
pub fn run(request: &cli::Drift, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let path = &request.manifest;
    let bytes = std::fs::read(path).map_err(|e| Failure::at(path, &e))?;
    let manifest = Manifest::from_json(&bytes).map_err(|e| Failure::new(e.to_string()))?;
    let model = manifest.id.clone();
    let trained = request.trained.unwrap_or_default();
    let mut drift = Drift::new(manifest, trained, DriftConfig::default());
    for policy in journal::policies(&request.directory)?.into_values() {
        drift = drift.beside(&policy);
    }
    let mut last = trained;
    let checker = stream::read(&request.directory, |record| {
        last = last.max(record.at);
        drift.record(&record);
    })?;
    if let Some(rows) = &request.rows {
        last = last.max(take_rows(&mut drift, rows, request)?);
    }
    // Without a date of training nobody can say how old it is.
    let due = drift.retraining(if request.trained.is_some() { last } else { trained });
    let findings: Vec<Value> = drift.findings().iter().map(as_json).collect();
    let due_json =
        due.as_ref().map(|due| json!({ "since": due.since.to_string(), "reason": due.reason }));
    let report = json!({ "model": model, "findings": findings, "retraining_due": due_json });
    write_json(&request.directory.join("drift.json"), &report)?;
    tell(&model, drift.findings(), out)?;
    if let Some(due) = &due {
        writeln!(out, "{model}: to be trained anew: {}", due.reason)?;
    }
    writeln!(out, "{}", checker.told())?;
    let clean = checker.breaks.is_empty() && drift.findings().is_empty() && due.is_none();
    Ok(if clean { Verdict::Clean } else { Verdict::Findings })
}

/// Rows as `run --rows` wrote them, in periods. When the last one was.
fn take_rows(drift: &mut Drift, path: &Path, request: &cli::Drift) -> Result<HostTime, Failure> {
    let fail = |e: csv::Error| Failure::new(format!("{}: {e}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(fail)?;
    let (mut end, mut last) = (None, HostTime::default());
    let mut days: BTreeMap<String, Day> = BTreeMap::new();
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(fail)?;
        let (at, values) = read_row(&row).ok_or_else(|| {
            Failure::new(format!("{}: row {}: no numbers", path.display(), number + 1))
        })?;
        let ends = *end.get_or_insert(at.plus(request.period));
        if at >= ends {
            drift.close_period(ends);
            end = Some(at.plus(request.period));
        }
        let key = row.get(0).unwrap_or_default();
        let lot = Hash::of(format!("{key} {at}").as_bytes());
        let day = days.entry(key.to_string()).or_insert_with(|| Day { begins: at, drawn: None });
        if at.since(day.begins) >= DAY {
            day.give(drift);
            *day = Day { begins: at, drawn: None };
        }
        if day.drawn.as_ref().is_none_or(|(drawn, ..)| lot < *drawn) {
            day.drawn = Some((lot, at, values));
        }
        last = last.max(at);
    }
    days.values_mut().for_each(|day| day.give(drift));
    drift.close_period(last);
    Ok(last)
}

/// A day of a patient: rows of it say little more than one of them, which is drawn by lot, so that no hour of a
/// stay is drawn more often than others. The lot is a hash: the same rows tell the same.
struct Day {
    begins: HostTime,
    drawn: Option<(Hash, HostTime, Vec<f32>)>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Day {
    fn give(&mut self, drift: &mut Drift) {
        if let Some((_, at, values)) = self.drawn.take() {
            drift.row(&values, at);
        }
    }
}

fn read_row(row: &csv::StringRecord) -> Option<(HostTime, Vec<f32>)> {
    let at = row.get(1)?.parse::<i64>().ok()?.checked_mul(1000)?;
    let number = |text: &str| if text.is_empty() { Some(f32::NAN) } else { text.parse().ok() };
    let values = row.iter().skip(2).map(number).collect::<Option<_>>()?;
    Some((HostTime::from_millis(at), values))
}

fn kind(finding: &Finding) -> &'static str {
    match finding.kind {
        DriftKind::Device => "device",
        DriftKind::Population => "population",
        DriftKind::Protocol => "protocol",
    }
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "kind": kind(finding),
        "what": finding.what,
        "since": finding.since.to_string(),
        "found_at": finding.found_at.to_string(),
        "models": finding.touches,
        "rules": finding.rules,
        "action": finding.action,
    })
}

/// By kind: what to do, and what was found.
fn tell(model: &str, findings: &[Finding], out: &mut dyn Write) -> Result<(), Failure> {
    if findings.is_empty() {
        writeln!(out, "{model}: nothing drifted")?;
    }
    for one in [DriftKind::Device, DriftKind::Population, DriftKind::Protocol] {
        let of_kind = || findings.iter().filter(|finding| finding.kind == one);
        if let Some(first) = of_kind().next() {
            writeln!(out, "{}: {}", kind(first), first.action)?;
        }
        for finding in of_kind() {
            let (what, since) = (&finding.what, finding.since);
            writeln!(out, "  {what}, since {since}, found {}", finding.found_at)?;
        }
    }
    if let Some(rules) = findings.first().map(|f| f.rules.join(", ")).filter(|r| !r.is_empty()) {
        writeln!(out, "rules that read {model}: {rules}")?;
    }
    Ok(())
}
