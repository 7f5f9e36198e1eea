//! Respiration by impedance against breaths counted by hand, as measured and as
//! `trusted-respiration.toml` believes it.
//!
//! What is compared is the engine's mean over 60 panes of one second, every half minute from the
//! sixtieth second on, with the rate of the breaths that two people counted in the same 60 seconds:
//! intervals between them, the mean of both people. Recordings of the same person stay together;
//! every other person, in the order of their first recordings, belongs to the half on which the
//! policy's limits were chosen.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rpm_core::event::{Body, Device, Event, Kind, KindRef, Lineage, Quality};
use rpm_core::policy::Policy;
use rpm_core::{DeviceId, Engine, EngineConfig, HostTime, PatientId, Timestamp, Value};

const SECONDS: std::ops::RangeInclusive<i64> = 60..=480;
const EVERY: usize = 30;
/// A mean of less than half a minute counts as unknown.
const LEAST_COVERAGE: u8 = 50;
/// Off by more than that is wrong.
const OFF: f64 = 3.0;

/// The same comparison of both signals, for the policy's own rules say nothing while nothing is
/// believed. The heart rate has it judged when this test asks, whatever respiration does.
const PROBE: &str = r#"
[signals.heart_rate]
cadence = "30 s"
[[rules]]
id = "probe"
title = "For this test"
mode = "shadow"
statistic = "mean"
over = "60 s"
coverage = "0 %"
[[rules.levels]]
level = "informational"
[rules.levels.raise]
all = [
    { signal = "respiratory_rate", above = 100 },
    { signal = "trusted_respiration", above = 100 },
    { signal = "heart_rate", statistic = "last", above = 100 },
]
"#;

/// One window: what was counted, measured and believed.
struct Window {
    counted: f64,
    measured: f64,
    /// None if less than half of it was believed.
    believed: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Half {
    Chosen,
    Other,
}

fn testdata(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(path)
}

/// The rows of a file, without its header.
fn rows(name: &str) -> Vec<csv::StringRecord> {
    let file = File::open(testdata("recordings/bidmc").join(name)).unwrap();
    let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
    reader.records().map(Result::unwrap).collect()
}

fn policy() -> std::sync::Arc<Policy> {
    let text = std::fs::read_to_string(testdata("policies/trusted-respiration.toml")).unwrap();
    Policy::from_toml(&format!("{text}{PROBE}")).unwrap()
}

/// What people said of the recordings.
#[derive(Default)]
struct Labels {
    /// When breaths were, in seconds, by recording and annotator.
    breaths: BTreeMap<(String, String), Vec<f64>>,
    /// Of each recording.
    persons: BTreeMap<String, String>,
}

fn labels() -> Labels {
    let mut labels = Labels::default();
    for row in rows("labels.csv.gz") {
        let (recording, detail) = (row[0].to_string(), row[3].to_string());
        match &row[2] {
            "breath" => {
                let times = labels.breaths.entry((recording, detail)).or_default();
                times.push(row[1].parse().unwrap());
            }
            "meta_source_subject" => {
                labels.persons.insert(recording, detail);
            }
            other => panic!("{other}"),
        }
    }
    labels
}

/// Breaths a minute between the first and the last of a window.
fn rate(breaths: &[f64], from: f64, until: f64) -> f64 {
    let within = breaths.iter().copied().filter(|at| (from..until).contains(at));
    let within: Vec<f64> = within.collect();
    60.0 * (within.len() - 1) as f64 / (within.last().unwrap() - within.first().unwrap())
}

fn reading(recording: &str, kind: Kind, second: i64, value: &str) -> Event {
    let value = Value::from_thousandths((value.parse::<f64>().unwrap() * 1000.0).round() as i32);
    Event {
        tenant: None,
        patient: PatientId::new(recording).unwrap(),
        device: Device {
            id: DeviceId::new("monitor").unwrap(),
            model: None,
            firmware: None,
            class: None,
        },
        sequence: None,
        observed_at: Timestamp::from_millis(second * 1000),
        received_at: None,
        body: Body::Reading { kind: KindRef::Known(kind), value: Ok(value) },
        quality: Quality::GOOD,
        lineage: Lineage::default(),
        unknown: None,
    }
}

/// What the engine makes of the windows of each recording: the mean as measured, and as believed.
fn means() -> BTreeMap<(String, i64), (f64, Option<f64>)> {
    let mut measured: BTreeMap<(String, i64), String> = BTreeMap::new();
    for row in rows("respiration_53_recordings.csv.gz") {
        assert_eq!(&row[2], "respiratory_rate");
        measured.insert((row[0].to_string(), row[1].parse().unwrap()), row[3].to_string());
    }
    let recordings: std::collections::BTreeSet<String> =
        measured.keys().map(|(recording, _)| recording.clone()).collect();
    let mut engine = Engine::new(policy(), EngineConfig::default());
    let take = |engine: &mut Engine, event: Event| {
        let now = HostTime::assume_immediate(event.observed_at);
        engine.handle_event(event, now).unwrap();
        while engine.poll_output().is_some() {}
    };
    let mut means = BTreeMap::new();
    for second in 0..=*SECONDS.end() {
        for recording in &recordings {
            if let Some(value) = measured.get(&(recording.clone(), second)) {
                let kind = Kind::RESPIRATORY_RATE;
                take(&mut engine, reading(recording, kind, second, value));
            }
            if !SECONDS.step_by(EVERY).any(|asked| asked == second) {
                continue;
            }
            take(&mut engine, reading(recording, Kind::HEART_RATE, second, "80"));
            let patient = engine.find_patient(None, &PatientId::new(recording).unwrap()).unwrap();
            let why = engine.why(patient, "probe").unwrap();
            let number = |text: &Option<String>| text.as_ref().map(|v| v.parse::<f64>().unwrap());
            let [raw, trusted, _] = &why.levels[0].now[..] else { panic!("{why}") };
            let believed = number(&trusted.value).filter(|_| trusted.coverage >= LEAST_COVERAGE);
            means.insert((recording.clone(), second), (number(&raw.value).unwrap(), believed));
        }
    }
    means
}

fn windows() -> Vec<(Half, Window)> {
    let Labels { breaths, persons } = labels();
    let mut order: Vec<&String> = Vec::new();
    for person in persons.values() {
        if !order.contains(&person) {
            order.push(person);
        }
    }
    let window = |((recording, second), (measured, believed)): ((String, i64), _)| {
        let of = |annotator: &str| {
            let times = &breaths[&(recording.clone(), annotator.to_string())];
            rate(times, (second - 59) as f64, (second + 1) as f64)
        };
        let counted = (of("annotator_1") + of("annotator_2")) / 2.0;
        let place = order.iter().position(|person| **person == persons[&recording]).unwrap();
        let half = if place % 2 == 0 { Half::Chosen } else { Half::Other };
        (half, Window { counted, measured, believed })
    };
    means().into_iter().map(window).collect()
}

/// How many windows have an estimate, its mean error, and the share of them that are off.
fn figures(windows: &[&Window], estimate: impl Fn(&Window) -> Option<f64>) -> String {
    let error = |window: &&Window| Some((estimate(window)? - window.counted).abs());
    let errors: Vec<f64> = windows.iter().filter_map(error).collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let off = errors.iter().filter(|error| **error > OFF).count();
    let share = 100.0 * off as f64 / errors.len() as f64;
    format!("{} windows, error {mean:.2} /min, {share:.1} % off", errors.len())
}

/// How many means cross a limit of the example policies although what was counted does not, how
/// many do so with it, and how many do not although it does.
fn crossings(windows: &[&Window], estimate: impl Fn(&Window) -> Option<f64>) -> [usize; 3] {
    let crossed = |rate: f64| !(12.0..=20.0).contains(&rate);
    let said = |window: &Window| estimate(window).is_some_and(crossed);
    let count = |said_so: bool, is_so: bool| {
        windows.iter().filter(|w| said(w) == said_so && crossed(w.counted) == is_so).count()
    };
    [count(true, false), count(true, true), count(false, true)]
}

#[test]
fn what_is_believed_agrees_better_with_breaths_counted_by_hand() {
    let windows = windows();
    let of = |half: Option<Half>| -> Vec<&Window> {
        let mine = windows.iter().filter(|(other, _)| half.is_none_or(|half| half == *other));
        mine.map(|(_, window)| window).collect()
    };
    let measured = |window: &Window| Some(window.measured);
    let same = |window: &Window| window.believed.and(Some(window.measured));
    let believed = |window: &Window| window.believed;
    let table = [Some(Half::Chosen), Some(Half::Other), None].map(|half| {
        let windows = of(half);
        [figures(&windows, measured), figures(&windows, believed), figures(&windows, same)]
    });
    let expected = [
        [
            "390 windows, error 1.19 /min, 13.1 % off",
            "359 windows, error 0.74 /min, 6.4 % off",
            "359 windows, error 0.77 /min, 6.7 % off",
        ],
        [
            "405 windows, error 1.08 /min, 5.7 % off",
            "380 windows, error 0.45 /min, 2.6 % off",
            "380 windows, error 0.44 /min, 2.1 % off",
        ],
        [
            "795 windows, error 1.13 /min, 9.3 % off",
            "739 windows, error 0.59 /min, 4.5 % off",
            "739 windows, error 0.60 /min, 4.3 % off",
        ],
    ];
    assert_eq!(table, expected);
    let all = of(None);
    assert_eq!(crossings(&all, measured), [38, 117, 33]);
    assert_eq!(crossings(&all, believed), [16, 106, 44]);
}
