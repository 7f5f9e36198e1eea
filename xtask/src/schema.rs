//! The published JSON Schemas: generated from the code, checked in for editors.

use std::fs;
use std::path::Path;

use rpm_core::policy::PolicySpec;
use serde_json::json;

use crate::Outcome;

const FOLDER: &str = "schemas";

/// Each file with its content.
fn files() -> [(&'static str, String); 2] {
    let event = rpm_core::event::schema::event_v1();
    [("event-v1.json", event + "\n"), ("policy-v1.json", policy_v1() + "\n")]
}

/// The shape of a policy. That names exist and limits make sense is the compiler's to say.
pub(crate) fn policy_v1() -> String {
    let mut schema = schemars::schema_for!(PolicySpec).to_value();
    schema["$id"] = json!("urn:rpm:policy:1");
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

    use jsonschema::Validator;
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
