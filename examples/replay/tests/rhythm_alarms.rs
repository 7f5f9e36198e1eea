//! Alarms that experts judged true or false, through `rhythm-alarms.toml`: which are kept, which rank
//! lower.
//!
//! Each recording ends with the alarm of an intensive care monitor at 300 s, or 30 s after it. The
//! alarm is *kept* if the rule of its kind is urgent at any moment of the last ten seconds before it,
//! judged by what was known by then. Otherwise it is *suppressed*: at most a review, which asks for a
//! look.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{Scratch, text};
use rpm_core::Timestamp;
use serde_json::Value;

/// When the monitor's alarm came, and how long before it the event had begun at the earliest.
const ALARM: i64 = 300;
const BEFORE: i64 = 10;

/// What the monitor called the alarm, and the rule that judges it.
const RULES: [(&str, &str); 3] = [
    ("asystole", "asystole"),
    ("extreme_bradycardia", "extreme-bradycardia"),
    ("extreme_tachycardia", "extreme-tachycardia"),
];

/// What became of the alarms of one kind.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Tally {
    kept: u32,
    lost: Vec<String>,
    suppressed: u32,
    annoying: Vec<String>,
}

impl Tally {
    fn count(&mut self, patient: &str, is_true: bool, kept: bool) {
        match (is_true, kept) {
            (true, true) => self.kept += 1,
            (true, false) => self.lost.push(patient.into()),
            (false, true) => self.annoying.push(patient.into()),
            (false, false) => self.suppressed += 1,
        }
    }
}

fn testdata(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(path)
}

fn recording(name: &str) -> PathBuf {
    testdata("recordings/cinc2015_alarms").join(name)
}

fn seconds(time: &Value) -> i64 {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.as_millis() / 1000
}

/// Whether the condition of a record is urgent, be it clearing or unverified.
fn is_urgent(condition: &Value) -> bool {
    ["active", "clearing", "active_unverified"].iter().any(|state| condition[state] == "urgent")
}

/// From when to when each rule was urgent for each patient.
type Spans = BTreeMap<(String, String), Vec<(i64, i64)>>;

fn urgent_spans() -> Spans {
    let scratch = Scratch::new("rhythm-alarms");
    let policy = testdata("policies/rhythm-alarms.toml");
    let readings = recording("samples_22_records.csv.gz");
    let (policy, readings) = (policy.to_str().unwrap(), readings.to_str().unwrap());
    let arguments = ["run", "--policy", policy, "--readings", readings, "--enrol", "--out", "out"];
    let output = scratch.replay(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let mut spans = Spans::new();
    for line in scratch.read("out/records.jsonl").lines() {
        let sealed: Value = serde_json::from_str(line).unwrap();
        let record = &sealed["record"];
        let urgent = match record["type"].as_str().unwrap() {
            "alert_opened" => record["level"] == "urgent",
            "alert_changed" => is_urgent(&record["condition"]),
            _ => continue,
        };
        let at = seconds(record.get("observed_at").unwrap_or(&record["at"]));
        let name = |field: &str| record[field].as_str().unwrap().to_string();
        let of_rule = spans.entry((name("patient"), name("rule"))).or_default();
        match of_rule.last_mut().filter(|(_, until)| *until == i64::MAX) {
            Some((_, until)) if !urgent => *until = at,
            None if urgent => of_rule.push((at, i64::MAX)),
            _ => {}
        }
    }
    spans
}

fn tallies() -> BTreeMap<&'static str, Tally> {
    let spans = urgent_spans();
    let labels = std::fs::read_to_string(recording("labels.csv")).unwrap();
    let mut tallies = BTreeMap::new();
    for line in labels.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [patient, at, alarm, is_true] = fields[..4] else { panic!("{line}") };
        assert_eq!(at.parse(), Ok(ALARM));
        let (_, rule) = RULES.iter().find(|(name, _)| *name == alarm).unwrap();
        let of_rule = spans.get(&(patient.into(), (*rule).into()));
        let kept = of_rule
            .into_iter()
            .flatten()
            .any(|(from, until)| *from <= ALARM && *until >= ALARM - BEFORE);
        tallies.entry(*rule).or_insert_with(Tally::default).count(patient, is_true == "1", kept);
    }
    tallies
}

#[test]
fn no_true_alarm_is_lost_and_most_false_ones_rank_lower() {
    let tally = |kept, suppressed, annoying: &[&str]| Tally {
        kept,
        lost: Vec::new(),
        suppressed,
        annoying: annoying.iter().map(|p| (*p).into()).collect(),
    };
    let expected = BTreeMap::from([
        ("asystole", tally(4, 4, &[])),
        ("extreme-bradycardia", tally(4, 2, &["b341l"])),
        ("extreme-tachycardia", tally(4, 2, &["t116s"])),
    ]);
    assert_eq!(tallies(), expected);
}
