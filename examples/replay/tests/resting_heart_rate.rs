//! What `resting-heart-rate.toml` costs well people, and what it finds: the figures in the policies'
//! README, on the half of the people on whom it was chosen and on the other half.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use common::{Scratch, text};
use flate2::read::GzDecoder;
use serde_json::Value;

fn testdata(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(path)
}

/// The recording of one half of the people.
fn half(of: &str) -> String {
    let folder = testdata("recordings/lifesnaps_daily");
    let halves = std::fs::read_to_string(folder.join("halves.csv")).unwrap();
    let file = std::fs::File::open(folder.join("resting_heart_rate_38_people.csv.gz")).unwrap();
    let mut csv = String::new();
    GzDecoder::new(file).read_to_string(&mut csv).unwrap();
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    let wanted = |line: &&str| {
        let (patient, _) = line.split_once(',').unwrap();
        halves.lines().any(|person| person == format!("{patient},{of}"))
    };
    let kept: Vec<&str> = [header].into_iter().chain(lines.filter(wanted)).collect();
    kept.join("\n") + "\n"
}

/// How many days have a reading and, before it, 14 of 28 days: the rule can say something there.
fn judged(csv: &str) -> u64 {
    let days: BTreeSet<(&str, i64)> = csv
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.split(',');
            let patient = fields.next().unwrap();
            (patient, fields.next().unwrap().parse::<i64>().unwrap() / 86_400)
        })
        .collect();
    let known = |(patient, day): &&(&str, i64)| {
        (1..=28).filter(|back| days.contains(&(*patient, day - back))).count() >= 14
    };
    days.iter().filter(known).count() as u64
}

/// Days with a reading, alarm days, places, and what is found of 4, 8 and 12 a minute.
fn figures(of: &str) -> ([u64; 3], Vec<u64>) {
    let scratch = Scratch::new(&format!("resting-heart-rate-{of}"));
    scratch.write("half.csv", half(of));
    let policy = testdata("policies/resting-heart-rate.toml");
    let policy = ["sensitivity", "--policy", policy.to_str().unwrap(), "--readings", "half.csv"];
    let what = ["--kind", "resting_heart_rate", "--shift", "4,8,12", "--out", "out"];
    let time = ["--for", "3 d", "--later", "1 d", "--settle", "28 d"];
    let output = scratch.replay(&[&policy[..], &what, &time].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let told: Value = serde_json::from_str(&scratch.read("out/sensitivity.json")).unwrap();
    let curve = told["curve"].as_array().unwrap().iter();
    let found = curve.map(|point| point["found"].as_u64().unwrap()).collect();
    let counts = [&told["now"]["days"], &told["now"]["alarm_days"], &told["places"]];
    (counts.map(|count| count.as_u64().unwrap()), found)
}

#[test]
fn fewer_than_three_alarm_days_in_a_hundred_and_the_curve() {
    for (of, counts, days, found) in [
        ("chosen_on", [1297, 29, 153], 1010, [31, 95, 121]),
        ("reported_on", [1157, 2, 165], 854, [41, 117, 138]),
    ] {
        assert_eq!(figures(of), (counts, found.to_vec()), "{of}");
        assert_eq!(judged(&half(of)), days, "{of}");
        let [_, alarm_days, _] = counts;
        assert!(100 * alarm_days < 3 * days, "{of}");
    }
}
