//! `replay models`: versions of models in a folder, brought from stage to stage by people.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use comfy_table::{Table, presets};
use rpm_core::risk::Model;
use rpm_core::risk::registry::{Part, Registry, Stage, StageChange, Step, Why};
use rpm_core::{Error, HostTime};

use crate::cli::{self, Deed};
use crate::failure::{Failure, Verdict};
use crate::run::models::{REGISTRY, load, models_of, steps_of};

/// Does what was asked for, writes the steps down, and tells what has become of every version.
pub fn run(request: &cli::Models, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let folder = &request.directory;
    let models = models_of(folder)?;
    let steps = if folder.join(REGISTRY).exists() { steps_of(folder)? } else { Vec::new() };
    let mut registry = Registry::from_history(&steps, &models).map_err(fail)?;
    if let Some(deed) = &request.deed {
        act(&mut registry, deed, &models, folder).map_err(fail)?;
        append(folder, &registry.history()[steps.len()..])?;
    }
    tell(&registry, out)
}

fn fail(error: Error) -> Failure {
    Failure::new(error.to_string())
}

fn act(
    registry: &mut Registry,
    deed: &Deed,
    models: &[Arc<Model>],
    folder: &Path,
) -> Result<(), Error> {
    match deed {
        Deed::Register { name, owner, at } => {
            let path = folder.join(name).with_extension("onnx");
            let named = load(&path).ok();
            let known =
                |m: &&Arc<Model>| named.as_ref().is_some_and(|n| n.reference() == m.reference());
            let model = models.iter().find(known);
            let model = model.ok_or_else(|| Error::new(rpm_core::Code::UnknownModel).at("name"))?;
            registry.register(Arc::clone(model), owner, at_or_last(registry, *at))
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
            let step = Step::new(model, *version, to, grounds(why))?.approve(&why.approver)?;
            let at = at_or_last(registry, *at);
            registry.apply(step, at)
        }
        Deed::Rollback { model, why, at } => {
            let at = at_or_last(registry, *at);
            registry.rollback(model, &grounds(why), &why.approver, at)
        }
    }
}

fn grounds(why: &cli::Grounds) -> Why {
    let cli::Grounds { owner, reason, evidence, .. } = why;
    Why { owner: owner.clone(), reason: reason.clone(), evidence: evidence.clone() }
}

/// The time of the step before if nobody says.
fn at_or_last(registry: &Registry, at: Option<HostTime>) -> HostTime {
    let last = registry.history().last().map(|step| step.at);
    at.or(last).unwrap_or_default()
}

fn append(folder: &Path, steps: &[StageChange]) -> Result<(), Failure> {
    let path = folder.join(REGISTRY);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let mut file = file.map_err(|e| Failure::at(&path, &e))?;
    for step in steps {
        let line = serde_json::to_string(step).map_err(|e| Failure::new(e.to_string()))?;
        writeln!(file, "{line}").map_err(|e| Failure::at(&path, &e))?;
    }
    Ok(())
}

fn tell(registry: &Registry, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["at", "model", "from", "to", "owner", "approver", "reason", "evidence"]);
    let stage = |stage: &Stage| match stage {
        Stage::Canary(Part::Permille(n)) => format!("canary of {n} in 1000"),
        Stage::Canary(Part::Cohorts(cohorts)) => format!("canary of {}", cohorts.join(", ")),
        Stage::Candidate => "candidate".into(),
        Stage::Shadow => "shadow".into(),
        Stage::Active => "active".into(),
        _ => "retired".into(),
    };
    for step in registry.history() {
        table.add_row([
            step.at.to_string(),
            step.model.to_string(),
            step.from.as_ref().map(stage).unwrap_or_default(),
            stage(&step.to),
            step.owner.clone(),
            step.approver.clone().unwrap_or_default(),
            step.reason.clone(),
            step.evidence.clone(),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(Verdict::Clean)
}
