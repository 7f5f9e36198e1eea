//! `replay models`: versions of models in a folder, brought from stage to stage by people.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use comfy_table::{Table, presets};
use rpm_core::input::{Input, InputBody};
use rpm_core::record::ModelRef;
use rpm_core::risk::registry::{Part, Registry, RollOut, Stage, Why};
use rpm_core::{Error, HostTime};
use serde::Deserialize;

use crate::cli::{self, Deed};
use crate::failure::{Failure, Verdict};
use crate::run::models::{REGISTRY, load, roll_outs_of};
use crate::trial;

/// Does what was asked for, writes it down, and tells what has become of every version.
pub fn run(request: &cli::Models, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let folder = &request.directory;
    let mut registry = Registry::default();
    for input in roll_outs_of(folder)? {
        if let InputBody::RollOut(roll_out) = &input.body {
            registry.take(roll_out, input.at).map_err(fail)?;
        }
    }
    if let Some(deed) = &request.deed {
        let (roll_out, at) = decided(deed, folder, &registry)?;
        // The time of the step before if nobody says.
        let last = registry.history().last().map(|step| step.at);
        let at = at.or(last).unwrap_or_default();
        registry.take(&roll_out, at).map_err(fail)?;
        append(folder, &Input { at, body: InputBody::RollOut(roll_out) })?;
    }
    tell(&registry, out)
}

fn fail(error: Error) -> Failure {
    Failure::new(error.to_string())
}

/// What the command line asks for, and when.
fn decided(
    deed: &Deed,
    folder: &Path,
    registry: &Registry,
) -> Result<(RollOut, Option<HostTime>), Failure> {
    Ok(match deed {
        Deed::Register { name, owner, at } => {
            let model = load(&folder.join(name).with_extension("onnx"))?.reference();
            (RollOut::Register { model, owner: owner.clone() }, *at)
        }
        Deed::Step { model, version, to, share, cohorts, why, at } => {
            let part = match share {
                Some(permille) => Part::Permille(*permille),
                None => Part::Cohorts(cohorts.clone()),
            };
            let to = match to {
                cli::To::Shadow => Stage::Shadow,
                cli::To::Canary => Stage::Canary(part),
                cli::To::Active => Stage::Active,
                cli::To::Retired => Stage::Retired,
            };
            let (id, version) = (model.clone(), *version);
            let (why, approver) = grounds(why);
            (RollOut::Stage { id, version, to, why, approver }, *at)
        }
        Deed::Promote { model, version, report, owner, approver, reason, at } => {
            let until = about(report, model, *version, registry)?;
            let evidence = trial::evidence(report)?;
            let why = Why { owner: owner.clone(), reason: reason.clone(), evidence };
            let (id, approver) = (model.clone(), approver.clone());
            let roll_out =
                RollOut::Stage { id, version: *version, to: Stage::Active, why, approver };
            (roll_out, Some(at.unwrap_or(until)))
        }
        Deed::Rollback { model, why, at } => {
            let (why, approver) = grounds(why);
            (RollOut::Rollback { id: model.clone(), why, approver }, *at)
        }
    })
}

/// When the period of a report ended; it has to be about this version, artifact and all.
fn about(
    report: &Path,
    model: &str,
    version: u32,
    registry: &Registry,
) -> Result<HostTime, Failure> {
    #[derive(Deserialize)]
    struct Report {
        question: Period,
        candidate: Side,
    }
    #[derive(Deserialize)]
    struct Period {
        until: HostTime,
    }
    #[derive(Deserialize)]
    struct Side {
        voices: Vec<Voice>,
    }
    #[derive(Deserialize)]
    struct Voice {
        model: ModelRef,
    }
    let text = std::fs::read(report).map_err(|e| Failure::at(report, &e))?;
    let wrong = |what: &str| Failure::new(format!("{}: {what}", report.display()));
    let read: Report =
        serde_json::from_slice(&text).map_err(|_| wrong("is no report of a trial"))?;
    let known = registry.history().iter().map(|step| &step.model);
    let known = known.into_iter().find(|known| known.id == model && known.version == version);
    match (&read.candidate.voices[..], known) {
        ([voice], Some(known)) if voice.model == *known => Ok(read.question.until),
        _ => Err(wrong("is not about this version, or not about it alone")),
    }
}

fn grounds(why: &cli::Grounds) -> (Why, String) {
    let cli::Grounds { owner, approver, reason, evidence } = why.clone();
    (Why { owner, reason, evidence }, approver)
}

fn append(folder: &Path, input: &Input<'_>) -> Result<(), Failure> {
    let path = folder.join(REGISTRY);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let mut file = file.map_err(|e| Failure::at(&path, &e))?;
    writeln!(file, "{}", input.to_json()).map_err(|e| Failure::at(&path, &e))
}

fn tell(registry: &Registry, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["at", "model", "from", "to", "owner", "approver", "reason", "evidence"]);
    for step in registry.history() {
        table.add_row([
            step.at.to_string(),
            step.model.to_string(),
            step.from.as_ref().map(Stage::to_string).unwrap_or_default(),
            step.to.to_string(),
            step.owner.clone(),
            step.approver.clone().unwrap_or_default(),
            step.reason.clone(),
            step.evidence.clone(),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(Verdict::Clean)
}
