//! "At or above the median of the nights before + 4 on two nights in a row", against a script that is
//! plain enough to be right: on the resting heart rates of 38 people, and on generated nights with
//! missing ones, in order and late.
//!
//! The script looks at every night afresh, with all nights of the person before it. So the night under
//! test is never part of its own median, and what is missing is simply not there: no later night can
//! stand in for it. The engine's active nights must be the script's, to the last one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use common::{Scratch, text};
use flate2::read::GzDecoder;
use rpm_core::Timestamp;
use serde_json::Value;

/// Two baselines, and three ways to say "two nights in a row".
const POLICY: &str = r#"
id = "nightly"
version = 1
title = "For tests"
lateness_horizon = "3 d"

[kinds.resting_heart_rate]
title = "Resting heart rate"
unit = "bpm"
possible = [20, 250]

[signals]
resting_heart_rate = { cadence = "1 d" }

[baselines.all-before]
of = "resting_heart_rate"
learn = { median = { panes = 400 } }
warm_up = "3 d"

[baselines.four-weeks]
of = "resting_heart_rate"
learn = { median = { panes = 28 } }
warm_up = "14 d"

[[rules]]
id = "calendar"
title = "Two nights of two"
signal = "resting_heart_rate"
levels = [{ level = "review", raise = { baseline = "all-before", at_or_above = 4 }, times = { count = 2, within = "2 d" } }]

[[rules]]
id = "held"
title = "From one night to the next"
signal = "resting_heart_rate"
max_gap = "1 d"
levels = [{ level = "review", raise = { baseline = "all-before", at_or_above = 4 }, for = "1 d" }]

[[rules]]
id = "measured"
title = "Two measured nights, at most three apart"
signal = "resting_heart_rate"
max_gap = "3 d"
levels = [{ level = "review", raise = { baseline = "all-before", at_or_above = 4 }, for = "1 d" }]

[[rules]]
id = "recent"
title = "Two nights of two, against four weeks"
signal = "resting_heart_rate"
levels = [{ level = "review", raise = { baseline = "four-weeks", at_or_above = 4 }, times = { count = 2, within = "2 d" } }]
"#;

/// What a rule of the policy means to the script.
struct Rule {
    id: &'static str,
    /// So many nights before this one are looked at.
    nights: i64,
    /// So many of them must have been measured.
    least: usize,
    /// The measured night before counts if it is at most so long ago.
    apart: i64,
}

const RULES: [Rule; 4] = [
    Rule { id: "calendar", nights: 400, least: 3, apart: 1 },
    Rule { id: "held", nights: 400, least: 3, apart: 1 },
    Rule { id: "measured", nights: 400, least: 3, apart: 3 },
    Rule { id: "recent", nights: 28, least: 14, apart: 1 },
];

/// What is asked for, in thousandths.
const ABOVE: i64 = 4000;
const DAY: i64 = 86_400;

/// Of each person the measured nights, in thousandths.
type Nights = BTreeMap<String, BTreeMap<i64, i64>>;
/// On which nights a rule was active for a person.
type Active = BTreeMap<(&'static str, String), BTreeSet<i64>>;

/// The script.
fn expected(people: &Nights) -> Active {
    let mut active = Active::new();
    for rule in &RULES {
        for (person, nights) in people {
            active.insert((rule.id, person.clone()), of_person(rule, nights));
        }
    }
    active
}

fn of_person(rule: &Rule, nights: &BTreeMap<i64, i64>) -> BTreeSet<i64> {
    let mut active = BTreeSet::new();
    let mut on = false;
    for night in nights.keys() {
        let before = nights.range(..night).next_back().map(|(before, _)| before);
        let in_a_row = before
            .is_some_and(|b| night - b <= rule.apart && is_up(rule, nights, *b) == Some(true));
        on = match is_up(rule, nights, *night) {
            Some(true) => on || in_a_row,
            Some(false) => false,
            // Nobody can say: it stays as it is.
            None => on,
        };
        if on {
            active.insert(*night);
        }
    }
    active
}

/// Whether a night is so far above the median of those before it, if there are enough.
fn is_up(rule: &Rule, nights: &BTreeMap<i64, i64>, night: i64) -> Option<bool> {
    let mut before: Vec<i64> = nights.range(night - rule.nights..night).map(|(_, v)| *v).collect();
    if before.len() < rule.least {
        return None;
    }
    before.sort_unstable();
    let twice = before[(before.len() - 1) / 2] + before[before.len() / 2];
    // A median of whole thousandths, half away from zero, as every value is kept.
    Some(nights[&night] >= (twice + 1) / 2 + ABOVE)
}

/// What the engine says in the end: late evidence replaces what it said before.
fn found(scratch: &Scratch, people: &Nights) -> Active {
    let mut told: BTreeMap<(String, String), Vec<(i64, bool)>> = BTreeMap::new();
    for line in scratch.read("out/records.jsonl").lines() {
        let sealed: Value = serde_json::from_str(line).unwrap();
        let record = &sealed["record"];
        let name = |field: &str| record[field].as_str().unwrap().to_string();
        match record["type"].as_str().unwrap() {
            "condition_changed" => {
                let at = seconds(&record["observed_at"]);
                let history = told.entry((name("rule"), name("patient"))).or_default();
                history.push((at, is_active(&record["state"])));
            }
            "condition_revised" => {
                let since = seconds(&record["since"]);
                let history = told.entry((name("rule"), name("patient"))).or_default();
                history.retain(|(at, _)| *at < since);
                let changes = record["history"].as_array().unwrap().iter();
                history
                    .extend(changes.map(|c| (seconds(&c["observed_at"]), is_active(&c["state"]))));
            }
            _ => {}
        }
    }
    let mut active = Active::new();
    for (rule, (person, nights)) in
        RULES.iter().flat_map(|rule| people.iter().map(move |p| (rule, p)))
    {
        let history = told.get(&(rule.id.into(), person.clone())).map_or(&[][..], Vec::as_slice);
        let state = |night: &&i64| {
            history.iter().rfind(|(at, _)| *at < (**night + 1) * DAY).is_some_and(|(_, on)| *on)
        };
        active.insert((rule.id, person.clone()), nights.keys().filter(state).copied().collect());
    }
    active
}

fn seconds(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<Timestamp>().unwrap().as_millis() / 1000
}

fn is_active(state: &Value) -> bool {
    ["active", "clearing", "active_unverified"].iter().any(|name| state.get(name).is_some())
}

/// Both, compared; how many nights each rule was active.
fn compared(name: &str, csv: &str, people: &Nights) -> BTreeMap<&'static str, usize> {
    let scratch = Scratch::new(name);
    scratch.write("nightly.toml", POLICY);
    scratch.write("nights.csv", csv);
    let policy = ["--policy", "nightly.toml", "--readings", "nights.csv", "--out", "out"];
    let output = scratch.replay(&[&["run"][..], &policy].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let (expected, found) = (expected(people), found(&scratch, people));
    let mut counts = BTreeMap::new();
    for (key, nights) in &expected {
        assert_eq!(&found[key], nights, "{key:?}");
        *counts.entry(key.0).or_default() += nights.len();
    }
    counts
}

#[test]
fn resting_heart_rates_of_38_people() {
    let path = "../../testdata/recordings/lifesnaps_daily/resting_heart_rate_38_people.csv.gz";
    let file = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut csv = String::new();
    GzDecoder::new(file).read_to_string(&mut csv).unwrap();
    let mut people = Nights::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [person, at, kind, value, _] = fields[..] else { panic!("{line}") };
        assert_eq!(kind, "resting_heart_rate");
        let night = at.parse::<i64>().unwrap() / DAY;
        let twice = people.entry(person.into()).or_default().insert(night, thousandths(value));
        assert_eq!(twice, None, "{line}");
    }
    assert_eq!((people.len(), people.values().map(BTreeMap::len).sum()), (38, 2454));
    let counts = compared("nightly-people", &csv, &people);
    let nights = [("calendar", 122), ("held", 122), ("measured", 123), ("recent", 96)];
    assert_eq!(counts, BTreeMap::from(nights));
}

/// Half away from zero, without a float in between.
fn thousandths(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{part:0<4}");
    let thousandths: i64 = digits[..3].parse().unwrap();
    whole.parse::<i64>().unwrap() * 1000 + thousandths + i64::from(digits.as_bytes()[3] >= b'5')
}

/// Nights of people, some missing, some with a fever; at some hour of the day, and how late they came.
fn generated(seed: u64, latest: u64) -> (String, Nights) {
    let mut state = seed;
    let mut below = |bound: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut csv = String::from("patient,t_seconds,kind,value,unit,received_at\n");
    let mut people = Nights::new();
    for person in 0..30 {
        // From nobody who forgets to somebody who wears it every other night.
        let missing = person * 2;
        let (mut fever, mut drawer) = (0, 0);
        for night in 1..=120 {
            fever = if fever == 0 && below(9) == 0 { 2 + below(6) } else { fever.max(1) - 1 };
            drawer = if drawer == 0 && below(50) == 0 { 5 + below(25) } else { drawer.max(1) - 1 };
            let up = if fever > 0 { 4000 + below(4) * 1000 } else { 0 };
            let value = 60_000 + below(9) * 500 + up;
            if drawer > 0 || below(100) < missing {
                continue;
            }
            let at = night as i64 * DAY + below(DAY as u64) as i64;
            let received = at + below(latest + 1) as i64;
            let (whole, part) = (value / 1000, value % 1000);
            writeln!(csv, "n{person},{at},resting_heart_rate,{whole}.{part:03},bpm,{received}")
                .unwrap();
            let nights = people.entry(format!("n{person}")).or_default();
            nights.insert(night as i64, value as i64);
        }
    }
    (csv, people)
}

#[test]
fn generated_nights_with_missing_ones() {
    for seed in 1..=3 {
        let (csv, people) = generated(seed, 0);
        let counts = compared("nightly-generated", &csv, &people);
        assert_eq!(counts["calendar"], counts["held"]);
        // A missing night in between is where the ways to say it differ.
        let enough = counts["calendar"] > 80 && counts["measured"] > counts["calendar"];
        assert!(enough, "{counts:?}");
    }
}

#[test]
fn generated_nights_that_come_up_to_two_days_late() {
    for seed in 4..=6 {
        let (csv, people) = generated(seed, 2 * DAY as u64);
        compared("nightly-late", &csv, &people);
    }
}
