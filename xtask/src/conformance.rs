//! The conformance cases: one file a case, run by every binding, written here.
//!
//! A file holds a story (`title`, `why`), a policy, inputs, and what is `expected` of them. People write
//! all but `expected`; this fills it in from the engine, and `--check` compares. See
//! `testdata/conformance/README.md` for the form.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, iter};

use rpm_core::policy::Policy;
use rpm_core::{Code, Engine, EngineConfig, Error, HostTime};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Outcome;

const FOLDER: &str = "testdata/conformance";

/// A case as its file has it. What people wrote is kept as they wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    title: String,
    why: String,
    pub policy: Box<RawValue>,
    /// Policies of changes, which a restore needs too.
    #[serde(default)]
    pub more_policies: Vec<Box<RawValue>>,
    #[serde(default)]
    config: Option<Box<RawValue>>,
    #[serde(default)]
    pub inputs: Vec<Box<RawValue>>,
    #[serde(default)]
    pub expected: Option<Expected>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Bounds {
    max_patients: Option<u32>,
    max_devices: Option<u16>,
    max_outputs: Option<usize>,
}

/// What every binding has to find.
#[derive(Serialize, Deserialize, PartialEq, Eq, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// Why there is no engine: code and path of each mistake of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_errors: Vec<String>,
    /// What is legal in the policy the engine begins under, and probably not meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_warnings: Vec<String>,
    /// What became of each input.
    #[serde(default)]
    pub answers: Vec<String>,
    /// `next_wakeup` after each answer, in milliseconds.
    #[serde(default)]
    pub wakeups: Vec<Option<i64>>,
    /// Every output in order, each as its line of JSON.
    #[serde(default)]
    pub outputs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    /// When.
    pub restore: i64,
}

/// Fills in what is expected.
pub(crate) fn write(root: &Path) -> Outcome {
    for path in files(root)? {
        let case = read(&path)?;
        fs::write(&path, text(&case, &play(&case)?)?)?;
    }
    Ok(())
}

/// Compares what is expected with what happens.
pub(crate) fn check(root: &Path) -> Outcome {
    let files = files(root)?;
    let mut outputs = 0;
    for path in &files {
        let case = read(path)?;
        let found = play(&case)?;
        outputs += found.outputs.len();
        if case.expected.as_ref() != Some(&found)
            || fs::read_to_string(path)? != text(&case, &found)?
        {
            let what = first_difference(&case.expected.unwrap_or_default(), &found);
            let hint = "if that is right, run `cargo xtask conformance` and review the change";
            return Err(format!("{}: {what}; {hint}", path.display()).into());
        }
    }
    println!("conformance: {} cases, {outputs} outputs as expected", files.len());
    Ok(())
}

/// The name of each case.
pub(crate) fn names(root: &Path) -> Result<Vec<String>, std::io::Error> {
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(files(root)?.into_iter().filter_map(stem).collect())
}

/// The files of all cases.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let entries = fs::read_dir(root.join(FOLDER))?;
    let mut files = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    Ok(files)
}

/// The case of a file.
pub(crate) fn read(path: &Path) -> Result<Case, Box<dyn std::error::Error>> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// The whole of the runner: what a binding has to do as well.
fn play(case: &Case) -> Result<Expected, Box<dyn std::error::Error>> {
    let mut found = Expected::default();
    let mut policies: Vec<Arc<Policy>> = Vec::new();
    for text in iter::once(&case.policy).chain(&case.more_policies) {
        match Policy::from_json(verbatim(text)?.as_bytes()) {
            Ok(policy) => policies.push(policy),
            Err(errors) => found.policy_errors.extend(errors.errors().iter().map(named)),
        }
    }
    let Some(policy) = policies.first().filter(|_| found.policy_errors.is_empty()) else {
        return Ok(found);
    };
    found.policy_warnings = policy.warnings().iter().map(named).collect();
    let config = config(case)?;
    let mut engine = Engine::new(Arc::clone(policy), config);
    for input in &case.inputs {
        if let Ok(Restore { restore }) = serde_json::from_str(input.get()) {
            let now = HostTime::from_millis(restore);
            let (again, r) = Engine::restore(&engine.snapshot()?, &policies, config, now)?;
            engine = again;
            found.answers.push(format!(
                "restored gap={} patients={} open_alerts={} timers_due={} readings_missed={}",
                r.gap.as_millis(),
                r.patients,
                r.open_alerts,
                r.timers_due,
                r.readings_missed
            ));
            found.wakeups.push(engine.next_wakeup().map(HostTime::as_millis));
            continue;
        }
        let line = verbatim(input)?;
        loop {
            let answer = engine.handle_input_json(line.as_bytes());
            found.answers.push(match &answer {
                Ok(answer) => answer.to_string(),
                Err(error) => format!("error {}", named(error)),
            });
            found.outputs.extend(iter::from_fn(|| engine.poll_output().map(|o| o.to_json())));
            found.wakeups.push(engine.next_wakeup().map(HostTime::as_millis));
            // For want of room the engine could not go on: polled, it is called again.
            if answer.err().is_none_or(|error| error.code() != Code::OutputQueueFull) {
                break;
            }
        }
    }
    Ok(found)
}

/// The bounds of a case's engine.
pub(crate) fn config(case: &Case) -> Result<EngineConfig, serde_json::Error> {
    let text = case.config.as_ref().map_or("{}", |config| config.get());
    let bounds: Bounds = serde_json::from_str(text)?;
    let mut config = EngineConfig::default();
    config.max_patients = bounds.max_patients.unwrap_or(config.max_patients);
    config.max_devices = bounds.max_devices.unwrap_or(config.max_devices);
    config.max_outputs = bounds.max_outputs.unwrap_or(config.max_outputs);
    Ok(config)
}

/// An object stands for itself, a string for the text in it.
pub(crate) fn verbatim(value: &RawValue) -> Result<String, serde_json::Error> {
    let text = value.get();
    if text.starts_with('"') { serde_json::from_str(text) } else { Ok(text.to_owned()) }
}

fn named(error: &Error) -> String {
    match error.path() {
        Some(path) => format!("{} {path}", error.code().name()),
        None => error.code().name().to_owned(),
    }
}

/// The file, with one input, answer or output a line.
fn text(case: &Case, expected: &Expected) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::from("{\n");
    writeln!(text, "  \"title\": {},", serde_json::to_string(&case.title)?)?;
    writeln!(text, "  \"why\": {},", serde_json::to_string(&case.why)?)?;
    writeln!(text, "  \"policy\": {},", case.policy)?;
    if !case.more_policies.is_empty() {
        lines(&mut text, "  ", "more_policies", case.more_policies.iter().map(|p| p.get().into()))?;
        text.push_str(",\n");
    }
    if let Some(config) = &case.config {
        writeln!(text, "  \"config\": {config},")?;
    }
    if !case.inputs.is_empty() {
        lines(&mut text, "  ", "inputs", case.inputs.iter().map(|i| i.get().into()))?;
        text.push_str(",\n");
    }
    let quoted = |all: &[String]| -> Result<Vec<String>, serde_json::Error> {
        all.iter().map(serde_json::to_string).collect()
    };
    text.push_str("  \"expected\": {\n");
    if !expected.policy_errors.is_empty() {
        lines(&mut text, "    ", "policy_errors", quoted(&expected.policy_errors)?.into_iter())?;
        text.push_str("\n  }\n}\n");
        return Ok(text);
    }
    if !expected.policy_warnings.is_empty() {
        let warnings = quoted(&expected.policy_warnings)?;
        lines(&mut text, "    ", "policy_warnings", warnings.into_iter())?;
        text.push_str(",\n");
    }
    lines(&mut text, "    ", "answers", quoted(&expected.answers)?.into_iter())?;
    writeln!(text, ",\n    \"wakeups\": {},", serde_json::to_string(&expected.wakeups)?)?;
    lines(&mut text, "    ", "outputs", quoted(&expected.outputs)?.into_iter())?;
    text.push_str("\n  }\n}\n");
    Ok(text)
}

fn lines(
    text: &mut String,
    indent: &str,
    name: &str,
    items: impl Iterator<Item = String>,
) -> std::fmt::Result {
    write!(text, "{indent}\"{name}\": [")?;
    let mut comma = "";
    for item in items {
        write!(text, "{comma}\n{indent}  {item}")?;
        comma = ",";
    }
    write!(text, "{}]", if comma.is_empty() { String::new() } else { format!("\n{indent}") })
}

fn first_difference(expected: &Expected, found: &Expected) -> String {
    let lists = [
        ("policy error", &expected.policy_errors, &found.policy_errors),
        ("policy warning", &expected.policy_warnings, &found.policy_warnings),
        ("answer", &expected.answers, &found.answers),
        ("output", &expected.outputs, &found.outputs),
    ];
    for (what, expected, found) in lists {
        let most = expected.len().max(found.len());
        if let Some(at) = (0..most).find(|at| expected.get(*at) != found.get(*at)) {
            let (expected, found) = (expected.get(at), found.get(at));
            return format!("{what} {at} differs:\nexpected {expected:?}\nfound    {found:?}");
        }
    }
    "wake-ups or layout differ".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_as_expected() {
        check(crate::root()).unwrap();
    }

    /// Any JSON library reads and writes whole numbers alike: a decimal stands in a string.
    #[test]
    fn numbers_are_whole() {
        fn whole(value: &serde_json::Value) -> bool {
            match value {
                serde_json::Value::Number(number) => number.is_i64(),
                serde_json::Value::Array(items) => items.iter().all(whole),
                serde_json::Value::Object(fields) => fields.values().all(whole),
                _ => true,
            }
        }
        for path in files(crate::root()).unwrap() {
            let case: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert!(whole(&case), "{}", path.display());
        }
    }

    /// A runner whose JSON library does not keep the order of fields takes its inputs from the text.
    #[test]
    fn inputs_stand_on_a_line_each() {
        for path in files(crate::root()).unwrap() {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().skip_while(|line| *line != "  \"inputs\": [").skip(1);
            let lines = lines.take_while(|line| *line != "  ],").map(|line| line.trim());
            let inputs = read(&path).unwrap().inputs;
            let inputs = inputs.iter().map(|input| input.get());
            assert!(lines.map(|line| line.trim_end_matches(',')).eq(inputs), "{}", path.display());
        }
    }
}
