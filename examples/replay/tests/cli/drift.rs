//! Whether what a model meets is what it was trained on: told of the stays that come with the project, and of the
//! same ones with faster hearts.

use std::fs::File;
use std::path::Path;

use serde_json::Value;

use crate::common::{Scratch, text};

/// Replays the stays with heart rates so much faster; what was found, and the exit code.
fn found(scratch: &Scratch, faster: f64) -> (Vec<Value>, Option<i32>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let stays = root.join("testdata/recordings/cinc2019_setb/samples_20_patients.csv.gz");
    let mut stays =
        csv::Reader::from_reader(flate2::read::GzDecoder::new(File::open(stays).unwrap()));
    let mut readings = csv::Writer::from_path(scratch.at("readings.csv")).unwrap();
    readings.write_record(stays.headers().unwrap()).unwrap();
    for row in stays.records().map(Result::unwrap) {
        let mut fields: Vec<String> = row.iter().map(String::from).collect();
        if fields[2] == "heart_rate" {
            fields[3] = (fields[3].parse::<f64>().unwrap() + faster).to_string();
        }
        readings.write_record(fields).unwrap();
    }
    readings.flush().unwrap();
    let policy = root.join("examples/training/icu-hybrid.toml").display().to_string();
    let manifest = root.join("examples/training/sepsis-vitals/sepsis-vitals.json");
    let manifest = manifest.display().to_string();
    let run = ["run", "--policy", &policy, "--readings", "readings.csv", "--rows", "rows.csv"];
    let output = scratch.replay(&[&run[..], &["--out", "out"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let drift = ["drift", "out", "--manifest", &manifest, "--rows", "rows.csv"];
    let output = scratch.replay(&drift);
    let report: Value = serde_json::from_str(&scratch.read("out/drift.json")).unwrap();
    (report["findings"].as_array().unwrap().clone(), output.status.code())
}

#[test]
fn the_same_people_are_no_drift_and_faster_hearts_are() {
    let scratch = Scratch::new("drift");
    assert_eq!(found(&scratch, 0.0), (vec![], Some(0)));
    let (findings, code) = found(&scratch, 30.0);
    assert_eq!(code, Some(1));
    let whats: Vec<_> = findings.iter().map(|f| f["what"].as_str().unwrap()).collect();
    assert!(whats.contains(&"Heart rate mean over 24 h"), "{whats:?}");
    // What is made of heart rates differs as well, and nothing else does.
    let of_hearts = |what: &&str| what.starts_with("Heart rate") || what.starts_with("NEWS2");
    assert!(whats.iter().all(of_hearts), "{whats:?}");
    for finding in findings {
        assert_eq!(finding["kind"], "population");
        assert_eq!(finding["models"], serde_json::json!(["sepsis-vitals"]));
        assert!(finding["rules"].as_array().unwrap().contains(&"sepsis-likely".into()));
    }
}

#[test]
fn a_manifest_that_is_none_is_told() {
    let scratch = Scratch::new("drift-bad");
    scratch.write("m.json", "{}");
    let output = scratch.replay(&["drift", ".", "--manifest", "m.json"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("manifest_syntax"), "{}", text(&output));
}
