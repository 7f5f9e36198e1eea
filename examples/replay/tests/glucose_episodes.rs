//! Glucose episodes of eight people against the same episodes computed otherwise.
//!
//! `derived_events.csv` holds what the consensus definition finds in the recording; the engine
//! replays the recording through `glucose.toml`. The two differ in two points, both on purpose:
//!
//! - **return**: while the engine waits for the 15 minutes to be full, one reading back in range
//!   starts them anew; the definition lets a return of less than 15 minutes pass.
//! - **gap**: more than half an hour without readings ends an episode by the definition; in the
//!   engine missing data end nothing: the alert stays open and says that nobody knows.
//!
//! The test writes the definition down once more, with a switch for each point. Without switches it
//! gives `derived_events.csv`, with both of them it gives the engine's episodes, each time to the
//! last one: so nothing else differs. One switch at a time tells which point a difference is owed to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "cli/common.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;

use common::{Scratch, text};
use flate2::read::GzDecoder;
use rpm_core::Timestamp;
use serde_json::{Value, json};

/// Past the limit for so long; over after so long in range.
const HOLD: i64 = 15 * 60;
/// A longer silence is a gap.
const GAP: i64 = 30 * 60;
/// A silence of this length is an alert of its own.
const MISSING: i64 = 60 * 60;

/// Whether a value in mg/dL is past a limit.
type Breached = fn(f64) -> bool;

/// The rules that are compared.
const RULES: [(&str, Breached); 3] = [
    ("hypo_level1_lt70", |v| v < 70.0),
    ("hypo_level2_lt54", |v| v < 54.0),
    ("hyper_level2_gt250", |v| v > 250.0),
];

/// In seconds: the first reading past the limit, and the last one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Episode {
    patient: String,
    rule: String,
    start: i64,
    last: i64,
}

/// Where the engine departs from the definition.
#[derive(Clone, Copy)]
struct Switches {
    /// Any return in range starts a hold anew that is not full yet.
    returns: bool,
    /// A gap ends no episode whose hold is full.
    gaps: bool,
}

/// Readings between 20 and 600 of each patient by time, in the order in which they were delivered.
type Readings = BTreeMap<String, BTreeMap<i64, Vec<f64>>>;

fn recording(name: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/recordings/t1d_uom_cgm");
    PathBuf::from(root).join(name)
}

fn readings() -> Readings {
    let mut csv = String::new();
    let file = std::fs::File::open(recording("samples.csv.gz")).unwrap();
    GzDecoder::new(file).read_to_string(&mut csv).unwrap();
    let mut readings = Readings::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let value: f64 = fields[3].parse().unwrap();
        if (20.0..=600.0).contains(&value) {
            let of_patient = readings.entry(fields[0].into()).or_default();
            of_patient.entry(fields[1].parse().unwrap()).or_default().push(value);
        }
    }
    readings
}

/// The values that the definition uses: duplicate times averaged.
fn averaged(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The values that the engine uses: of two that contradict each other the first stands.
fn first(values: &[f64]) -> f64 {
    values[0]
}

/// An episode under way.
#[derive(Clone, Copy)]
struct Open {
    start: i64,
    last: i64,
    /// The first reading back in range.
    back: Option<i64>,
}

impl Open {
    fn is_full(&self) -> bool {
        self.last - self.start >= HOLD
    }
}

/// The consensus definition, with the engine's departures from it.
fn episodes(readings: &Readings, value: fn(&[f64]) -> f64, switch: Switches) -> BTreeSet<Episode> {
    let mut found = BTreeSet::new();
    for (patient, times) in readings {
        for (rule, breached) in RULES {
            let mut open: Option<Open> = None;
            let mut close = |open: &mut Option<Open>| {
                if let Some(Open { start, last, .. }) = open.take().filter(Open::is_full) {
                    found.insert(Episode {
                        patient: patient.clone(),
                        rule: rule.into(),
                        start,
                        last,
                    });
                }
            };
            let mut before = None;
            for (t, values) in times {
                if before.replace(*t).is_some_and(|before| t - before > GAP) {
                    match &mut open {
                        Some(open) if switch.gaps && open.is_full() => open.back = None,
                        _ => close(&mut open),
                    }
                }
                if breached(value(values)) {
                    let open = open.get_or_insert(Open { start: *t, last: *t, back: None });
                    (open.last, open.back) = (*t, None);
                } else if let Some(under_way) = &mut open {
                    let back = *under_way.back.get_or_insert(*t);
                    let given_up = switch.returns && !under_way.is_full();
                    if given_up || t - back >= HOLD {
                        close(&mut open);
                    }
                }
            }
            close(&mut open);
        }
    }
    found
}

/// `derived_events.csv`.
fn derived() -> BTreeSet<Episode> {
    let csv = std::fs::read_to_string(recording("derived_events.csv")).unwrap();
    let episode = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Episode {
            patient: fields[0].into(),
            rule: fields[3].into(),
            start: fields[1].parse().unwrap(),
            last: fields[2].parse().unwrap(),
        }
    };
    csv.lines().skip(1).map(episode).collect()
}

fn seconds(time: &Value) -> Option<i64> {
    let time: Timestamp = time.as_str()?.parse().unwrap();
    Some(time.as_millis() / 1000)
}

/// What the engine said.
struct Replayed {
    summary: Value,
    /// The alerts of the compared rules, and what became of each.
    episodes: BTreeMap<Episode, Vec<String>>,
    /// Each alert for a silent sensor: whose, and since when.
    silences: BTreeSet<(String, i64)>,
}

fn replayed(readings: &Readings) -> Replayed {
    let scratch = Scratch::new("glucose");
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/policies/glucose.toml");
    let samples = recording("samples.csv.gz");
    let readings_path = samples.to_str().unwrap();
    let output =
        scratch.replay(&["run", "--policy", policy, "--readings", readings_path, "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let mut changes: BTreeMap<(String, u64), Vec<String>> = BTreeMap::new();
    for line in scratch.read("out/records.jsonl").lines() {
        let sealed: Value = serde_json::from_str(line).unwrap();
        let record = &sealed["record"];
        if let Some(change) = record["change"].as_str() {
            let patient = record["patient"].as_str().unwrap().to_string();
            let alert = record["alert"].as_u64().unwrap();
            changes.entry((patient, alert)).or_default().push(change.into());
        }
    }
    let mut replayed = Replayed {
        summary: scratch.summary("out"),
        episodes: BTreeMap::new(),
        silences: BTreeSet::new(),
    };
    for line in scratch.read("out/alerts.jsonl").lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let patient = alert["patient"].as_str().unwrap().to_string();
        let start = seconds(&alert["onset"]).unwrap();
        let rule = alert["rule"].as_str().unwrap().to_string();
        let Some((_, breached)) = RULES.iter().find(|(name, _)| *name == rule) else {
            assert_eq!(rule, "glucose-missing");
            assert!(replayed.silences.insert((patient, start)));
            continue;
        };
        // The alert names its end; the last reading past the limit is the recording's to say.
        let end = seconds(&alert["cleared_at"]).unwrap_or(i64::MAX);
        let within = readings[&patient].range(start..=end);
        let last = within.filter(|(_, values)| breached(first(values))).map(|(t, _)| *t).max();
        let of_alert = changes.remove(&(patient.clone(), alert["alert"].as_u64().unwrap()));
        let episode = Episode { patient, rule, start, last: last.unwrap() };
        assert!(replayed.episodes.insert(episode, of_alert.unwrap_or_default()).is_none());
    }
    replayed
}

/// What became of an episode of the definition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    /// A return in range started the hold anew: the same end, a later beginning.
    LaterByReturn,
    /// No 15 minutes without a return: no alert.
    NoneByReturn,
    /// The alert before or after a gap went on: one where the definition counts several.
    JoinedOverGap,
    /// The alert went on over a gap, into readings that alone would have been too few.
    LongerOverGap,
}

fn fate(episode: &Episode, derived: &BTreeSet<Episode>, engine: &BTreeSet<Episode>) -> Fate {
    let meets = |other: &&Episode| {
        let same = (&other.patient, &other.rule) == (&episode.patient, &episode.rule);
        same && other.start <= episode.last && episode.start <= other.last
    };
    let alerts: Vec<&Episode> = engine.iter().filter(meets).collect();
    let [alert] = alerts[..] else {
        assert!(alerts.is_empty(), "{episode:?} became {alerts:?}");
        return Fate::NoneByReturn;
    };
    if (alert.last, alert.start > episode.start) == (episode.last, true) {
        return Fate::LaterByReturn;
    }
    let covers = |d: &&Episode| {
        let same = (&alert.patient, &alert.rule) == (&d.patient, &d.rule);
        same && alert.start <= d.start && d.last <= alert.last
    };
    assert!(covers(&episode), "{episode:?} became {alert:?}");
    if derived.iter().filter(covers).count() > 1 {
        return Fate::JoinedOverGap;
    }
    assert_eq!(alert.start, episode.start, "{episode:?} became {alert:?}");
    Fate::LongerOverGap
}

#[test]
fn episodes_agree_with_the_consensus_definition_except_where_the_engine_is_stricter() {
    let readings = readings();
    let derived = derived();
    assert_eq!(derived.len(), 987);
    let plain = Switches { returns: false, gaps: false };
    let returns = Switches { returns: true, ..plain };
    let gaps = Switches { gaps: true, ..plain };
    let both = Switches { returns: true, gaps: true };

    // The definition is understood, and which of two contradicting values counts decides nothing.
    assert_eq!(episodes(&readings, averaged, plain), derived);
    assert_eq!(episodes(&readings, first, plain), derived);

    // The engine differs from it in the two points named above, and in nothing else.
    let replayed = replayed(&readings);
    let engine: BTreeSet<Episode> = replayed.episodes.keys().cloned().collect();
    assert_eq!(engine.len(), 950);
    assert_eq!(engine, episodes(&readings, first, both));

    // Each point alone: which rows of the definition it takes away.
    let with_returns = episodes(&readings, first, returns);
    let with_gaps = episodes(&readings, first, gaps);
    assert_eq!((with_returns.len(), derived.intersection(&with_returns).count()), (955, 919));
    assert_eq!((with_gaps.len(), derived.intersection(&with_gaps).count()), (982, 976));

    // Every row of the definition: agreed upon, or owed to exactly one point.
    let agreed: BTreeSet<&Episode> = derived.intersection(&engine).collect();
    assert_eq!(agreed.len(), 908);
    let mut fates: BTreeMap<Fate, usize> = BTreeMap::new();
    for episode in derived.difference(&engine) {
        let fate = fate(episode, &derived, &engine);
        let by_return = !with_returns.contains(episode);
        let by_gap = !with_gaps.contains(episode);
        let expected = match fate {
            Fate::LaterByReturn | Fate::NoneByReturn => (true, false),
            Fate::JoinedOverGap | Fate::LongerOverGap => (false, true),
        };
        assert_eq!((by_return, by_gap), expected, "{fate:?}: {episode:?}");
        *fates.entry(fate).or_default() += 1;
    }
    let counted = [
        (Fate::LaterByReturn, 36),
        (Fate::NoneByReturn, 32),
        (Fate::JoinedOverGap, 10), // five alerts, two rows each
        (Fate::LongerOverGap, 1),
    ];
    assert_eq!(fates, counted.into());
    assert_eq!(agreed.len() + fates.values().sum::<usize>(), derived.len());

    // And every alert of the engine that is no row: likewise.
    let mut surplus = (0, 0);
    for (episode, changes) in &replayed.episodes {
        if derived.contains(episode) {
            continue;
        }
        match (with_returns.contains(episode), with_gaps.contains(episode)) {
            (true, false) => surplus.0 += 1,
            (false, true) => {
                surplus.1 += 1;
                // It said so while the readings stayed away.
                assert!(changes.iter().any(|c| c == "unverified"), "{episode:?}: {changes:?}");
            }
            unexplained => panic!("{episode:?}: {unexplained:?}"),
        }
    }
    assert_eq!(surplus, (36, 6));

    // What became of the readings.
    assert_eq!(
        replayed.summary["events"],
        json!({
            "in": 181_269, "accepted": 174_012, "duplicate": 7_048, "quarantined": 209,
            "quarantined_by_reason": { "conflict": 202, "impossible": 7 },
        })
    );
    // A silent sensor is an alert of its own, whatever else is open. Without enrolment the end of a
    // person's recording is a silence too, as long as time goes on with somebody else's.
    let end = readings.values().filter_map(|times| times.keys().max()).max().unwrap();
    let mut silences = BTreeSet::new();
    let (mut within, mut at_the_end) = (0, 0);
    for (patient, times) in &readings {
        let times: Vec<i64> = times.keys().copied().collect();
        let silent = times.windows(2).filter(|pair| pair[1] - pair[0] >= MISSING);
        within += silent.clone().count();
        silences.extend(silent.map(|pair| (patient.clone(), pair[0])));
        if let Some(last) = times.last().filter(|last| *last + MISSING <= *end) {
            silences.insert((patient.clone(), *last));
            at_the_end += 1;
        }
    }
    assert_eq!(replayed.silences, silences);
    assert_eq!((within, at_the_end), (236, 7));
}
