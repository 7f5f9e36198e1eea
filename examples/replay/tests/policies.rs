//! Every bundled policy has unit tests beside it, and they pass.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Scratch, text};

fn policies() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/policies")).to_path_buf()
}

/// The files of a folder with one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> BTreeSet<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |path: &PathBuf| extensions.iter().any(|e| path.extension() == Some(e.as_ref()));
    paths.filter(wanted).collect()
}

fn stems(paths: &BTreeSet<PathBuf>) -> BTreeSet<String> {
    paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().into()).collect()
}

#[test]
fn every_bundled_policy_does_what_its_cases_say() {
    let tests = files(&policies().join("tests"), &["toml"]);
    assert_eq!(stems(&tests), stems(&files(&policies(), &["toml", "json"])));
    let mut arguments = vec!["test"];
    arguments.extend(tests.iter().map(|path| path.to_str().unwrap()));
    let output = Scratch::new("policies").replay(&arguments);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("; 0 failed"), "{said}");
}
