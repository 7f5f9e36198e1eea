//! The published JSON Schemas: generated from the code, checked in for editors.

use std::fs;
use std::path::Path;

use rpm_core::policy::{POLICY_V1_ID, PolicySpec};
use serde_json::json;

use crate::Outcome;

const FOLDER: &str = "schemas";

/// Each file with its content.
fn files() -> [(&'static str, String); 3] {
    let event = rpm_core::event::schema::event_v1();
    let input = rpm_core::input::schema::input_v1();
    [("event-v1.json", event), ("input-v1.json", input), ("policy-v1.json", policy_v1())]
        .map(|(name, text)| (name, text + "\n"))
}

/// The shape of a policy. That names exist and limits make sense is the compiler's to say.
pub(crate) fn policy_v1() -> String {
    let mut schema = schemars::schema_for!(PolicySpec).to_value();
    schema["$id"] = json!(POLICY_V1_ID);
    schema["title"] = json!("Policy");
    format!("{schema:#}")
}

pub(crate) fn write(root: &Path) -> Outcome {
    fs::create_dir_all(root.join(FOLDER))?;
    for (name, text) in files() {
        fs::write(root.join(FOLDER).join(name), text)?;
        println!("{FOLDER}/{name}");
    }
    Ok(())
}

pub(crate) fn check(root: &Path) -> Outcome {
    for (name, text) in files() {
        let stored = fs::read_to_string(root.join(FOLDER).join(name)).unwrap_or_default();
        if stored != text {
            return Err(format!("{FOLDER}/{name} is stale: run `cargo xtask schema`").into());
        }
    }
    println!("schema: {} files are what the code says", files().len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jsonschema::{Resource, Validator};
    use rpm_core::policy::Policy;
    use serde_json::Value;

    use super::*;

    fn validator() -> Validator {
        let schema = serde_json::from_str(&policy_v1()).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&schema));
        jsonschema::draft202012::new(&schema).unwrap()
    }

    /// Every policy in the repository, as JSON.
    fn policies() -> Vec<(PathBuf, Value)> {
        let bundled = crate::root().join("testdata/policies");
        let mut paths: Vec<_> = fs::read_dir(bundled).unwrap().map(|e| e.unwrap().path()).collect();
        paths.push(crate::root().join("examples/firmware-replay/policy.json"));
        paths.sort();
        let read = |path: PathBuf| {
            let text = || fs::read_to_string(&path).unwrap();
            let json = match path.extension()?.to_str()? {
                "json" => serde_json::from_str(&text()).unwrap(),
                "toml" => toml::from_str(&text()).unwrap(),
                _ => return None,
            };
            Some((path, json))
        };
        paths.into_iter().filter_map(read).collect()
    }

    fn input_validator() -> Validator {
        let read = |text: String| serde_json::from_str(&text).unwrap();
        let resource = |text| Resource::from_contents(read(text));
        let input = read(rpm_core::input::schema::input_v1());
        assert!(jsonschema::draft202012::meta::is_valid(&input));
        let event = resource(rpm_core::event::schema::event_v1());
        jsonschema::options()
            .with_resource(rpm_core::event::schema::EVENT_V1_ID, event)
            .with_resource(POLICY_V1_ID, resource(policy_v1()))
            .should_validate_formats(true)
            .build(&input)
            .unwrap()
    }

    /// What the engine took in the conformance cases the schema accepts, and what was no input it does not,
    /// unless what is wrong is more than a shape.
    #[test]
    fn inputs_fit_the_schema_as_they_fit_the_engine() {
        const DEEPER: [&str; 1] = ["duplicate_field"];
        let validator = input_validator();
        let (mut taken, mut refused, mut otherwise) = (0, 0, Vec::new());
        for path in crate::conformance::files(crate::root()).unwrap() {
            let case = crate::conformance::read(&path).unwrap();
            let mut answers = case.expected.map(|expected| expected.answers).unwrap_or_default();
            // Then the same input was given again.
            answers.retain(|answer| !answer.contains("output_queue_full"));
            for (input, answer) in case.inputs.iter().zip(&answers) {
                let text = input.get();
                let text = serde_json::from_str(text).unwrap_or_else(|_| text.to_string());
                let json: Option<Value> = serde_json::from_str(&text).ok();
                let fits = json.as_ref().is_some_and(|json| validator.is_valid(json));
                // The schema is of one version of events; what is refused or quarantined may fit it or not.
                let version = json.as_ref().and_then(|json| json["event"].get("v"));
                if version.is_some_and(|v| v != "1.0") {
                    continue;
                }
                let is_right = match answer.split(' ').next() {
                    Some("quarantined" | "refused" | "restored") => continue,
                    Some("error") => {
                        refused += 1;
                        !fits || DEEPER.iter().any(|code| answer.contains(code))
                    }
                    _ => {
                        taken += 1;
                        fits
                    }
                };
                if !is_right {
                    otherwise.push(format!("{}: {text}: {answer}", path.display()));
                }
            }
        }
        assert!(otherwise.is_empty(), "{otherwise:#?}");
        assert!(taken > 500 && refused > 20, "{taken} {refused}");
    }

    #[test]
    fn schemas_are_fresh() {
        check(crate::root()).unwrap();
    }

    #[test]
    fn bundled_policies_fit_the_schema() {
        let validator = validator();
        let policies = policies();
        assert!(policies.len() >= 2);
        for (path, policy) in policies {
            let errors: Vec<_> = validator.iter_errors(&policy).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
            // Its canonical form is a policy too.
            let compiled = Policy::from_json(policy.to_string().as_bytes()).unwrap();
            let canonical = serde_json::from_str(&compiled.to_json()).unwrap();
            assert!(validator.is_valid(&canonical), "{}", path.display());
        }
    }

    #[test]
    fn misspelt_policies_do_not() {
        let validator = validator();
        let (_, policy) = policies().swap_remove(0);
        for (pointer, bad) in [
            ("", json!({ "titel": "x" })),
            ("/rules/0", json!({ "levles": [] })),
            ("/rules/0/levels/0/raise", json!({ "bellow": 88 })),
            ("/rules/0/levels/0/raise", json!({ "below": "eighty" })),
            ("/rules/0", json!({ "over": 60 })),
            ("", json!({ "version": "one" })),
        ] {
            let mut policy = policy.clone();
            let place = policy.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            place.extend(bad.as_object().unwrap().clone());
            assert!(!validator.is_valid(&policy), "{pointer}: {bad}");
        }
    }
}
