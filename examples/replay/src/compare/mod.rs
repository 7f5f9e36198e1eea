//! `replay compare`: what another policy would change, on these recordings and by the engine itself.
//!
//! Both policies run through the same engine, with the same readings, commands and roster. What is
//! compared are the alerts that would have been raised: how many, for whom, how soon.
//!
//! | module | holds |
//! |---|---|
//! | [`labels`] | what happened to the patients, by somebody else's judgement |
//! | [`side`] | the measures of one policy |
//! | [`page`] | both as one HTML page |

pub mod labels;
pub mod page;
pub mod side;

use std::io::Write;
use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::cli;
use crate::diff;
use crate::failure::{Failure, Verdict};
use crate::host;
use crate::kpi;
use crate::progress::Progress;
use crate::run::journal::{Journal, write_json};
use crate::run::summary::Summary;
use crate::run::{self, Job, commands, team};
use labels::Labels;
use side::{Alarm, Detection, Rate, Side};

/// So many differences are shown; the file has all.
const SHOWN: usize = 20;

/// `compare.json`.
#[derive(Serialize)]
pub struct Comparison {
    /// The policy of now.
    pub a: Side,
    /// The policy that might follow.
    pub b: Side,
    /// Episodes one by one: `-` only under A, `+` only under B, `~` under both but different.
    pub differences: Vec<String>,
}

/// Runs both sides and writes what differs.
pub fn run(request: &cli::Compare, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let [first, second] = &request.policy[..] else {
        return Err(Failure::new("compare takes two policies: --policy A --policy B"));
    };
    let labels = labels::asked(&request.labels.file, None)?;
    let directories = [request.out.join("a"), request.out.join("b")];
    let a = judge(request, first, &directories[0], labels.as_ref())?;
    let b = judge(request, second, &directories[1], labels.as_ref())?;
    let differences = diff::differences(&directories[0], &directories[1])?;
    let verdict = differences.verdict();
    let comparison = Comparison { a, b, differences: differences.lines };
    write_json(&request.out.join("compare.json"), &comparison)?;
    let page = request.out.join("compare.html");
    std::fs::write(&page, page::html(&comparison)).map_err(|e| Failure::at(&page, &e))?;
    tell(&comparison, &differences.counts.to_string(), out)?;
    writeln!(out, "as a page: {}", page.display())?;
    Ok(verdict)
}

/// One policy over the readings.
fn judge(
    request: &cli::Compare,
    policy: &Path,
    directory: &Path,
    labels: Option<&Labels>,
) -> Result<Side, Failure> {
    let compiled = host::load_policy(policy).map_err(|p| p.into_failure(policy))?;
    let orders = request.commands.as_deref().map(commands::read).transpose()?;
    let job = Job {
        orders: orders.unwrap_or_default(),
        roster: request.roster.as_deref().map(commands::roster).transpose()?,
        team: request.team.as_deref().map(team::read).transpose()?,
        enrol: request.enrol,
        models: request.models.clone(),
        ..Job::new(compiled, request.readings.clone())
    };
    let mut journal = Journal::create(directory)?;
    let mut progress = Progress::new("replay");
    let tally = run::replay(&job, &mut journal, &mut progress)?;
    progress.done();
    let mut alarms = Vec::new();
    let finished = journal.finish(|episode| alarms.extend(Alarm::of(episode)))?;
    let summary = Summary::new(&job.policy, &tally, &finished.classes, finished.records);
    finished.summarise(&summary)?;
    let (lead, delay) = (request.labels.lead, request.labels.delay);
    let detection = labels.map(|labels| Detection::of(&alarms, labels, lead, delay));
    let (reports, _) = kpi::reports(directory)?;
    let queues = reports.into_iter().flat_map(|report| report.figures.queues).collect();
    Ok(Side::new(&job.policy, &summary, &alarms, queues, detection))
}

/// The figures side by side, for a terminal.
fn tell(comparison: &Comparison, counts: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let Comparison { a, b, differences } = comparison;
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["", &a.name(), &b.name()]);
    let mut row = |what: String, a: String, b: String| {
        table.add_row([what, a, b]);
    };
    row("patient-days".into(), side::figure(a.patient_days), side::figure(b.patient_days));
    let rate = |rate: Option<&Rate>| match rate {
        Some(rate) => format!("{} ({})", side::figure(rate.per_patient_day), rate.alarms),
        None => "0".into(),
    };
    for level in a.by_level.keys() {
        let what = format!("{level} alarms a patient-day (all)");
        row(what, rate(a.by_level.get(level)), rate(b.by_level.get(level)));
    }
    let rules: std::collections::BTreeSet<&String> =
        a.by_rule.keys().chain(b.by_rule.keys()).collect();
    for rule in rules {
        row(format!("  of {rule}"), rate(a.by_rule.get(rule)), rate(b.by_rule.get(rule)));
    }
    row("alarms an hour, all patients".into(), a.load.words(), b.load.words());
    row("time in flood (over 10 in 10 min)".into(), a.flood(), b.flood());
    if let (Some(a), Some(b)) = (&a.detection, &b.detection) {
        for ((what, a), (_, b)) in a.rows().into_iter().zip(b.rows()) {
            row(what, a, b);
        }
    }
    writeln!(out, "{table}")?;
    for line in differences.iter().take(SHOWN) {
        writeln!(out, "{line}")?;
    }
    let more = differences.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(out, "... and {more} more in compare.json")?;
    }
    writeln!(out, "{counts}")?;
    Ok(())
}
