//! The conformance cases cover what can come out: every record and every code that an input or a policy
//! can produce. `cargo xtask conformance --check` runs them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rpm_core::Code;
use rpm_core::record::{Body, Record};
use serde_json::Value;

/// Codes that no case can show, and why.
const ELSEWHERE: [(Code, &str); 24] = [
    (Code::BadEncoding, "a JSON file holds no bytes that are not UTF-8"),
    (Code::UnknownDevice, "device keys are numbers of a host's calls, and no part of a line"),
    (Code::SnapshotCorrupt, "snapshots are no inputs"),
    (Code::SnapshotNewer, "as above"),
    (Code::SnapshotPolicy, "as above"),
    (Code::NotASnapshot, "as above"),
    (Code::UndrainedOutputs, "a case polls before every snapshot"),
    (Code::NullPointer, "calls from C: rpm-ffi/tests/c/bad_input.c"),
    (Code::BadLength, "as above"),
    (Code::BadArgument, "as above"),
    (Code::NotFound, "as above"),
    (Code::NotAvailable, "as above"),
    (Code::InUse, "as above"),
    (Code::Panicked, "as above"),
    (Code::Poisoned, "as above"),
    (Code::ModelSyntax, "models are loaded by hosts: tests/risk/"),
    (Code::ModelHash, "as above"),
    (Code::ManifestSyntax, "as above"),
    (Code::UnsupportedOperator, "as above"),
    (Code::ModelShape, "as above"),
    (Code::ModelNotFinite, "as above"),
    (Code::BadCalibration, "as above"),
    (Code::SelfTestFailed, "as above"),
    (Code::SlowOperator, "as above"),
];

fn cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/conformance");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
}

fn texts<'a>(case: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    let list = case["expected"][list].as_array();
    list.into_iter().flatten().map(|text| text.as_str().unwrap())
}

#[test]
fn every_record_appears() {
    let cases = cases();
    assert!(cases.len() >= 40);
    let mut seen = BTreeSet::new();
    for line in cases.iter().flat_map(|case| texts(case, "outputs")) {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(name) = line["record"]["type"].as_str() {
            let record: Record = serde_json::from_value(line["record"].clone()).unwrap();
            assert_eq!(record.body.name(), name);
            seen.insert(name.to_string());
        }
    }
    // What a reader expects is the list of all.
    let error = serde_json::from_str::<Body>(r#"{"type":"?"}"#).unwrap_err().to_string();
    let all: BTreeSet<String> = error.split('`').skip(3).step_by(2).map(String::from).collect();
    assert!(all.len() >= 20, "{error}");
    assert_eq!(seen, all);
}

#[test]
fn every_code_appears() {
    let cases = cases();
    let mut seen = BTreeSet::new();
    for case in &cases {
        for list in ["policy_errors", "policy_warnings"] {
            seen.extend(texts(case, list).filter_map(|text| text.split(' ').next()));
        }
        seen.extend(texts(case, "answers").filter_map(|answer| answer.split(' ').nth(1)));
    }
    for code in Code::ALL {
        let elsewhere = ELSEWHERE.iter().any(|(other, _)| other == code);
        assert_ne!(seen.contains(code.name()), elsewhere, "{}", code.name());
    }
}
