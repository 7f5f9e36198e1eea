//! What of the core C can reach, and what it cannot, and why not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Public methods of the core's own objects, with the C function that reaches them.
const REACHED: &[(&str, &str)] = &[
    ("Engine::new", "rpmon_engine_new"),
    ("Engine::policy", "rpmon_engine_policy"),
    ("Engine::rule_of", "rpmon_engine_alerts"),
    ("Engine::patient", "rpmon_engine_patient"),
    ("Engine::find_patient", "rpmon_engine_find_patient"),
    ("Engine::device", "rpmon_engine_device"),
    ("Engine::handle_batch", "rpmon_engine_handle_readings"),
    ("Engine::handle_reading", "rpmon_engine_handle_readings"),
    ("Engine::handle_json", "rpmon_engine_handle_json"),
    ("Engine::handle_json_batch", "rpmon_engine_handle_json_batch"),
    ("Engine::handle_input", "rpmon_engine_handle_input"),
    ("Engine::handle_input_json", "rpmon_engine_handle_input"),
    ("Engine::handle_command", "rpmon_engine_handle_command"),
    ("Engine::handle_report", "rpmon_engine_handle_report"),
    ("Engine::handle_roster", "rpmon_engine_handle_roster"),
    ("Engine::handle_change", "rpmon_engine_handle_change"),
    ("Engine::handle_baseline", "rpmon_engine_handle_input"),
    ("Engine::handle_score", "rpmon_engine_handle_input"),
    ("Engine::handle_roll_out", "rpmon_engine_handle_input"),
    ("Engine::handle_timeout", "rpmon_engine_handle_timeout"),
    ("Engine::poll_output", "rpmon_engine_poll"),
    ("Engine::next_wakeup", "rpmon_engine_next_wakeup"),
    ("Engine::len", "rpmon_engine_patients"),
    ("Engine::is_empty", "rpmon_engine_patients"),
    ("Engine::counts", "rpmon_engine_counts"),
    ("Engine::chain", "rpmon_engine_chain"),
    ("Engine::alerts", "rpmon_engine_alerts"),
    ("Engine::deliveries", "rpmon_engine_messages"),
    ("Engine::queue", "rpmon_engine_queue"),
    ("Engine::priority", "rpmon_engine_priority"),
    ("Engine::condition", "rpmon_engine_condition"),
    ("Engine::latest", "rpmon_engine_latest"),
    ("Engine::why", "rpmon_engine_why"),
    ("Engine::snapshot", "rpmon_engine_snapshot"),
    ("Engine::restore", "rpmon_engine_restore"),
    ("Engine::features", "rpmon_engine_features"),
    ("Model::load", "rpmon_model_load"),
    ("Model::id", "rpmon_model_id"),
    ("Model::version", "rpmon_model_version"),
    ("Model::hash", "rpmon_model_hash"),
    ("Model::inputs", "rpmon_model_inputs"),
    ("Model::warnings", "rpmon_model_warnings"),
    ("Model::score", "rpmon_model_score"),
    ("Model::reasons", "rpmon_model_reasons"),
    ("Model::reference", "rpmon_model_reference"),
    ("Registry::history", "rpmon_engine_model_history"),
    ("Registry::scored_at", "rpmon_engine_scored_at"),
    ("Scorer::new", "rpmon_scorer_new"),
    ("Scorer::load", "rpmon_scorer_load"),
    ("Scorer::run", "rpmon_scorer_run"),
    ("Policy::from_json", "rpmon_policy_from_json"),
    ("Policy::from_toml", "rpmon_policy_from_toml"),
    ("Policy::id", "rpmon_policy_id"),
    ("Policy::version", "rpmon_policy_version"),
    ("Policy::title", "rpmon_policy_title"),
    ("Policy::hash", "rpmon_policy_hash"),
    ("Policy::to_json", "rpmon_policy_to_json"),
    ("Policy::warnings", "rpmon_policy_warnings"),
    ("Policy::describe", "rpmon_policy_describe"),
    ("Policy::resolve", "rpmon_policy_kind"),
    ("Policy::kind_named", "rpmon_policy_kind"),
    ("Output::to_json", "rpmon_output_json"),
    ("Input::parse", "rpmon_engine_handle_input"),
    ("BackTest::to_json", "rpmon_back_test"),
    ("Kpi::fold", "rpmon_kpi"),
    ("Kpi::report", "rpmon_kpi"),
    ("Slo::of", "rpmon_slo"),
    ("Slo::fold", "rpmon_slo"),
    ("Slo::report", "rpmon_slo"),
];

/// What C cannot reach, and why.
const NOT_REACHED: &[(&str, &str)] = &[
    ("Engine::handle_event", "an event is a text in C: rpmon_engine_handle_json decides the same"),
    ("Engine::patient_id", "the caller asked by name"),
    ("Policy::risk", "the policy's JSON has it; its row is rpmon_engine_features"),
    ("Policy::risks", "the policy's JSON has them"),
    ("Model::manifest", "the caller gave it"),
    ("Model::evaluator", "a Rust trait: rpmon_model_score and _reasons ask it"),
    ("Model::output", "before calibration: nothing that a policy could read"),
    ("Registry::assigned", "rpmon_scorer_run asks it"),
    ("Engine::assigned", "rpmon_scorer_run asks it"),
    ("Scorer::ask", "rpmon_scorer_run asks and hands over"),
    ("Scorer::again", "to ask again is for the host that has the log: replay run --recompute"),
    ("Registry::take", "rpmon_engine_handle_input takes its steps"),
    ("Registry::from_history", "the snapshot has it"),
    ("Engine::registry", "its questions are rpmon_engine_model_history and _scored_at"),
    ("Engine::handle_roll_out", "a step is a line: rpmon_engine_handle_input takes it"),
    ("Registry::stage", "the history's last step has it"),
    ("Monitor::*", "an engine with one patient decides the same"),
    ("Policy::from_spec", "a spec is a Rust value: its JSON says the same"),
    ("Policy::spec", "its JSON says the same: rpmon_policy_to_json"),
    ("Policy::reference", "rpmon_policy_id, _version and _hash"),
    ("Policy::signals", "the policy's JSON has them"),
    ("Policy::rules", "the policy's JSON has them"),
    ("Policy::rule", "the policy's JSON has it"),
    ("Policy::scores", "a score is read as a signal: rpmon_engine_latest"),
    ("Policy::objectives", "the policy's JSON has them; rpmon_slo reports on them"),
    ("Policy::burn_policy", "the policy's JSON has it"),
    ("Policy::lateness_horizon", "the policy's JSON has it"),
    ("Policy::max_future_skew", "the policy's JSON has it"),
    ("Policy::kind_name", "the caller asked by name"),
    ("Policy::declared_unit", "the policy's JSON has it"),
    ("Policy::signal_of", "signals have names in C"),
    ("Input::into_owned", "of lifetimes, which C has not"),
    ("Input::whose_mut", "a host in C writes the line itself"),
    ("Input::to_json", "as above"),
    ("Kpi::new", "thresholds of one's own: not yet; the usual ones are the standards'"),
    ("Kpi::merge", "one call reads all records"),
    ("Kpi::latest", "the report has it"),
    ("Kpi::bins", "for charts: not yet"),
    ("Kpi::actors", "the report has the top of them"),
    ("Slo::new", "objectives come from the policy"),
    ("Slo::merge", "one call reads all records"),
    ("Slo::latencies", "the report has the percentiles"),
    (
        "Card::*",
        "a fold over records; how an alert stands is rpmon_engine_alerts, why is rpmon_explain",
    ),
    ("Queues::*", "a fold over records; the engine itself answers rpmon_engine_queue"),
    ("Score::*", "counts without an engine: an engine's signal says the same"),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The public methods of these types, as `Type::method`.
fn methods(types: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rpm-core/src"), &mut files);
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut current: Option<&str> = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("impl") {
                let name = rest.trim_start_matches("<'a>").trim_start();
                let name = name.split(['<', ' ', '{']).next().unwrap_or_default();
                current = types.iter().copied().find(|t| *t == name && !rest.contains(" for "));
            }
            let method =
                line.strip_prefix("    pub fn ").or(line.strip_prefix("    pub const fn "));
            if let (Some(of), Some(method)) = (current, method) {
                let name = method.split(['(', '<']).next().unwrap_or_default();
                found.push(format!("{of}::{name}"));
            }
            if line.contains("handle_input!();") && current == Some("Engine") {
                found.extend(["Engine::handle_input".into(), "Engine::handle_input_json".into()]);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn everything_public_is_reached_or_has_a_reason() {
    let types = [
        "Engine", "Monitor", "Policy", "Output", "Input", "BackTest", "Kpi", "Slo", "Card",
        "Queues", "Score", "Model", "Registry", "Scorer",
    ];
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/rpmon.h");
    let header = fs::read_to_string(header).unwrap();
    let reached: BTreeMap<_, _> = REACHED.iter().copied().collect();
    let excused: BTreeMap<_, _> = NOT_REACHED.iter().copied().collect();
    let methods = methods(&types);
    assert!(methods.len() > 80, "{methods:?}");
    for method in &methods {
        let whole = format!("{}::*", method.split_once("::").unwrap().0);
        match reached.get(method.as_str()) {
            Some(function) => {
                assert!(header.contains(&format!("{function}(")), "{method}: no {function}");
            }
            None => {
                let excuse = excused.get(method.as_str()).or(excused.get(whole.as_str()));
                assert!(excuse.is_some(), "{method} is neither reached from C nor excused");
            }
        }
    }
    for (method, _) in REACHED.iter().chain(NOT_REACHED).filter(|(m, _)| !m.ends_with('*')) {
        assert!(methods.iter().any(|m| m == method), "{method} is gone");
    }
}
