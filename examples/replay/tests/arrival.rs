//! Whether readings arrive at once or late, in order or mixed up: within the lateness horizon the
//! same was going on in the end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use common::{Scratch, text};
use flate2::read::GzDecoder;
use rpm_core::Timestamp;
use rpm_core::record::{Body, ConditionState, read_line};

fn testdata(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(path)
}

/// Knuth's MMIX generator: the same lags on every machine.
struct Dice(u64);

impl Dice {
    /// From 0 to `below`, without it.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Each reading arrives with a lag of its own. `lag_ms` 0 keeps the order of the file.
fn with_lags(csv: &str, seed: u64, lag_ms: u64) -> String {
    let mut dice = Dice(seed);
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let time = header.iter().position(|column| *column == "t_seconds").unwrap();
    let mut delayed = format!("{},received_at\n", header.join(","));
    for line in lines {
        let seconds: f64 = line.split(',').nth(time).unwrap().parse().unwrap();
        let observed = (seconds * 1000.0).round() as u64;
        let lag = if lag_ms == 0 { 0 } else { dice.roll(lag_ms) };
        let received = observed + lag;
        writeln!(delayed, "{line},{}.{:03}", received / 1000, received % 1000).unwrap();
    }
    delayed
}

/// Of each patient and rule: when its condition changed, and to what.
type Histories = BTreeMap<(String, String), Vec<(i64, ConditionState)>>;

/// What the records say in the end: late evidence replaces what was recorded. What the passing of
/// host time alone caused depends on when readings arrive, and is left out.
fn histories(records: &str) -> Histories {
    let mut found = Histories::new();
    for line in records.lines() {
        let (record, _) = read_line(line).unwrap();
        let patient = record.patient.unwrap().as_str().to_string();
        match record.body {
            Body::ConditionChanged { rule, observed_at, state, .. }
                if !matches!(state, ConditionState::ActiveUnverified(_))
                    && !rule.ends_with("-missing") =>
            {
                found.entry((patient, rule)).or_default().push((observed_at.as_millis(), state));
            }
            Body::ConditionRevised { rule, since, history, .. } => {
                let of_rule = found.entry((patient, rule)).or_default();
                of_rule.retain(|(at, _)| *at < since.as_millis());
                let time = |t: Timestamp| t.as_millis();
                of_rule.extend(history.iter().map(|c| (time(c.observed_at), c.state)));
            }
            _ => {}
        }
    }
    for history in found.values_mut() {
        // A state that follows itself is no change; before the first change nothing was seen.
        let mut last = ConditionState::NeverSeen;
        history.retain(|(_, state)| std::mem::replace(&mut last, *state) != *state);
    }
    found.retain(|_, history| !history.is_empty());
    found
}

/// Replays a recording once in order and then mixed up, and compares what was going on.
fn assert_arrival_does_not_matter(name: &str, readings: &str, policy: &str, horizon_ms: u64) {
    let mut csv = String::new();
    let file = File::open(testdata("recordings").join(readings)).unwrap();
    GzDecoder::new(file).read_to_string(&mut csv).unwrap();
    let policy = testdata("policies").join(policy);
    let scratch = Scratch::new(name);
    let run = |seed: u64, lag_ms: u64| {
        scratch.write("readings.csv", with_lags(&csv, seed, lag_ms));
        let policy = policy.to_str().unwrap();
        let arguments =
            ["run", "--policy", policy, "--readings", "readings.csv", "--enrol", "--out", "out"];
        let output = scratch.replay(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        (histories(&scratch.read("out/records.jsonl")), scratch.summary("out"))
    };
    let (in_order, summary) = run(0, 0);
    let changes: usize = in_order.values().map(Vec::len).sum();
    assert!(changes > 100, "{changes} changes prove little");
    for seed in 1..=2 {
        let (mixed, mixed_summary) = run(seed, horizon_ms);
        for (key, history) in &in_order {
            assert_eq!(mixed.get(key), Some(history), "seed {seed}: {key:?}");
        }
        assert_eq!(mixed.len(), in_order.len(), "seed {seed}");
        assert_eq!(mixed_summary["events"], summary["events"], "seed {seed}");
    }
}

#[test]
fn a_monitored_bed_whose_readings_arrive_up_to_two_minutes_late() {
    assert_arrival_does_not_matter("late-bed", "bidmc/samples.csv.gz", "bedside.toml", 120_000);
}

#[test]
fn an_intensive_care_chart_that_is_filled_in_up_to_twelve_hours_late() {
    assert_arrival_does_not_matter(
        "late-chart",
        "cinc2019_setb/samples_20_patients.csv.gz",
        "icu-hourly.toml",
        12 * 3_600_000,
    );
}
