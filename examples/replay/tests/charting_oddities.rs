//! Two days of intensive care as charted, through intake: every oddity that the recording's README
//! lists is caught and counted, and every row has one outcome.
//!
//! The test looks for the oddities in the file itself and predicts, row by row, what must be refused
//! and why; the engine must refuse exactly these rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use common::{Scratch, text};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

const POLICY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/policies/icu-charting.toml");

fn recording() -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/recordings/cinc2012");
    PathBuf::from(root).join("samples.csv.gz")
}

/// A row of the recording.
struct Row {
    /// In the file, from 1; the header is line 1.
    line: u64,
    patient: String,
    seconds: i64,
    kind: String,
    value: f64,
}

impl Row {
    fn is_zero(&self) -> bool {
        self.value.abs() < f64::EPSILON
    }

    fn is_pressure(&self) -> bool {
        self.kind.contains("_bp_")
    }

    /// No body can have it: no pressure at all, or a temperature below the coldest survived.
    fn is_impossible(&self) -> bool {
        let frozen = self.kind == "body_temperature" && self.value < 13.0;
        frozen || (self.is_pressure() && self.is_zero())
    }
}

fn rows() -> Vec<Row> {
    let mut csv = String::new();
    let file = std::fs::File::open(recording()).unwrap();
    GzDecoder::new(file).read_to_string(&mut csv).unwrap();
    let row = |(line, text): (u64, &str)| {
        let fields: Vec<&str> = text.split(',').collect();
        Row {
            line,
            patient: fields[0].into(),
            seconds: fields[1].parse().unwrap(),
            kind: fields[2].into(),
            value: fields[3].parse().unwrap(),
        }
    };
    (1..).zip(csv.lines()).skip(1).map(row).collect()
}

/// What is odd about the recording: rows that must be refused and why, and how many there are of
/// each oddity.
struct Odd {
    refused: BTreeMap<u64, &'static str>,
    zero_pressures: BTreeMap<String, u64>,
    /// Same patient, kind and time as a row before it.
    repeated: BTreeMap<String, u64>,
    /// Of these: either of the two is impossible.
    repeated_impossible: u64,
    same_value: u64,
}

fn oddities(rows: &[Row]) -> Odd {
    let mut odd = Odd {
        refused: BTreeMap::new(),
        zero_pressures: BTreeMap::new(),
        repeated: BTreeMap::new(),
        repeated_impossible: 0,
        same_value: 0,
    };
    let mut seen: BTreeMap<(&str, &str, i64), &Row> = BTreeMap::new();
    for row in rows {
        if row.is_pressure() && row.is_zero() {
            *odd.zero_pressures.entry(row.kind.clone()).or_default() += 1;
        }
        if row.is_impossible() {
            odd.refused.insert(row.line, "impossible");
        }
        let Some(before) = seen.insert((&row.patient, &row.kind, row.seconds), row) else {
            continue;
        };
        *odd.repeated.entry(row.kind.clone()).or_default() += 1;
        if before.value.total_cmp(&row.value).is_eq() {
            odd.same_value += 1;
        }
        if before.is_impossible() || row.is_impossible() {
            // What was refused stands in nobody's way, and is refused for what it is.
            odd.repeated_impossible += 1;
        } else {
            odd.refused.insert(row.line, "conflict");
        }
    }
    odd
}

fn counted(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| ((*name).into(), *count)).collect()
}

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {value:#}"))
}

#[test]
fn every_oddity_of_the_charting_is_caught_and_counted() {
    let rows = rows();
    assert_eq!(rows.len(), 139_069);
    let odd = oddities(&rows);

    // What the recording's README says of itself.
    let cold = |limit: f64| {
        let temperatures = rows.iter().filter(|r| r.kind == "body_temperature");
        temperatures.filter(|r| r.value <= limit).count()
    };
    assert_eq!((cold(0.0), cold(0.8)), (6, 7));
    let pressures = [
        ("systolic_bp_cuff", 21),
        ("diastolic_bp_cuff", 9),
        ("mean_bp_cuff", 5),
        ("systolic_bp_line", 85),
        ("diastolic_bp_line", 85),
        ("mean_bp_line", 2),
    ];
    assert_eq!(odd.zero_pressures, counted(&pressures));
    assert_eq!(odd.zero_pressures.values().sum::<u64>(), 207);
    let repeated = [
        ("urine_output", 148),
        ("mean_bp_line", 130),
        ("body_temperature", 10),
        ("respiratory_rate", 1),
        ("glucose", 1),
    ];
    assert_eq!(odd.repeated, counted(&repeated));
    assert_eq!(odd.repeated.values().sum::<u64>(), 290);
    assert_eq!(odd.same_value, 0);
    // Four temperatures of 0 and one of 0.8 were charted beside a real one, which stands.
    assert_eq!(odd.repeated_impossible, 5);

    let scratch = Scratch::new("charting");
    let readings = recording();
    let readings = readings.to_str().unwrap();
    let output =
        scratch.replay(&["run", "--policy", POLICY, "--readings", readings, "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    // Exactly the rows foreseen were refused, each for the reason foreseen.
    let mut refused: BTreeMap<u64, String> = BTreeMap::new();
    for line in scratch.read("out/quarantine.jsonl").lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let reason = entry["reason"].as_str().unwrap().to_string();
        assert!(refused.insert(number(&entry, "/line"), reason).is_none());
    }
    let foreseen = odd.refused.iter().map(|(line, why)| (*line, (*why).to_string())).collect();
    assert_eq!(refused, foreseen);

    // The summary adds up, in all and kind by kind.
    let summary = scratch.summary("out");
    assert_eq!(
        summary["events"],
        json!({
            "in": 139_069, "accepted": 138_570, "duplicate": 0, "quarantined": 499,
            // 290 repeated, without the five of which one is impossible; 207 pressures and 7
            // temperatures.
            "quarantined_by_reason": { "conflict": 285, "impossible": 214 },
        })
    );
    let mut rows_in: BTreeMap<&str, u64> = BTreeMap::new();
    let mut rows_refused: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &rows {
        *rows_in.entry(&row.kind).or_default() += 1;
        *rows_refused.entry(&row.kind).or_default() += u64::from(refused.contains_key(&row.line));
    }
    let kinds = summary["kinds"].as_object().unwrap();
    assert_eq!(kinds.len(), rows_in.len());
    for (kind, fates) in kinds {
        let (all, wrong) = (rows_in[&**kind], rows_refused[&**kind]);
        assert_eq!(number(fates, "/in"), all, "{kind}");
        assert_eq!(number(fates, "/quarantined"), wrong, "{kind}");
        assert_eq!(number(fates, "/accepted"), all - wrong, "{kind}");
    }
    // 400 stays, one of them without any reading; three have no vital sign, only laboratory values.
    assert_eq!(number(&summary, "/patients"), 399);
    let laboratory = ["glucose", "lactate"];
    let mut vital: BTreeMap<&str, bool> = BTreeMap::new();
    for row in &rows {
        *vital.entry(&row.patient).or_default() |= !laboratory.contains(&&*row.kind);
    }
    assert_eq!(vital.values().filter(|vital| !**vital).count(), 3);

    a_zero_that_a_body_can_have_counts(&rows, &scratch, &refused);
}

/// Asystole, apnoea and anuria are charted as 0: accepted, and a heart that stands still alarms.
fn a_zero_that_a_body_can_have_counts(
    rows: &[Row],
    scratch: &Scratch,
    refused: &BTreeMap<u64, String>,
) {
    let zeros = |kind: &str| -> Vec<&Row> {
        rows.iter().filter(|row| row.kind == kind && row.is_zero()).collect()
    };
    let refused_of = |rows: &[&Row]| -> Vec<String> {
        rows.iter().filter_map(|row| refused.get(&row.line).cloned()).collect()
    };
    let (hearts, breaths, urines) =
        (zeros("heart_rate"), zeros("respiratory_rate"), zeros("urine_output"));
    assert_eq!((hearts.len(), breaths.len(), urines.len()), (1, 8, 218));
    assert!(refused_of(&hearts).is_empty() && refused_of(&breaths).is_empty());
    // No urine is refused for being none; some contradicts an entry of the same time.
    assert!(refused_of(&urines).iter().all(|reason| reason == "conflict"));

    let alerts = scratch.read("out/alerts.jsonl");
    let alerts = alerts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let still = alerts.filter(|alert| alert["patient"] == *hearts[0].patient);
    let still: Vec<Value> =
        still.filter(|a| a["rule"] == "heart-rate-low" && a["peak"] == "0").collect();
    assert_eq!(still.len(), 1);
    assert_eq!((&still[0]["level"], &still[0]["priority"]), (&json!("urgent"), &json!("high")));
    let onset: rpm_core::Timestamp = still[0]["onset"].as_str().unwrap().parse().unwrap();
    assert_eq!(onset.as_millis(), hearts[0].seconds * 1000);
}
