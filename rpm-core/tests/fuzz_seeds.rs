//! Every seed and every regression of the fuzz targets, as ordinary tests.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Runs a target on each file of its folders.
fn replay(name: &str, target: fn(&[u8])) {
    let fuzz = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz"));
    let mut files = 0;
    for folder in ["seeds", "regressions"] {
        // A target without findings has no folder of regressions.
        let Ok(entries) = std::fs::read_dir(fuzz.join(folder).join(name)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
            files += 1;
        }
    }
    assert!(files > 0, "no seeds of {name}");
}

#[test]
fn event_json() {
    replay("event_json", targets::event_json);
}

#[test]
fn model() {
    replay("model", targets::model);
}

#[test]
fn policy() {
    replay("policy", targets::policy);
}

#[test]
fn engine_ops() {
    replay("engine_ops", targets::engine_ops);
}

#[test]
fn snapshot() {
    replay("snapshot", targets::snapshot);
}
