//! A score over a ward that monitors everything, and what it counts for one patient.

use std::sync::Arc;

use rpm_core::event::{Kind, kind};
use rpm_core::policy::Policy;
use rpm_core::policy::score::{Score, ScoreSpec};
use rpm_core::record::{Absence, CountedScore};
use rpm_core::{Duration, ScoreFacts, ScoreInput, ScoreOutcome};
use serde_json::{Value as Json, json};

use crate::common;

/// Air known, no scale prescribed.
pub const ON_AIR: ScoreFacts = ScoreFacts { spo2_scale: None, on_oxygen: Some(false) };
pub const ON_OXYGEN: ScoreFacts = ScoreFacts { spo2_scale: None, on_oxygen: Some(true) };
pub const UNKNOWN: ScoreFacts = ScoreFacts { spo2_scale: None, on_oxygen: None };

/// The same patient with a prescribed SpO2 scale.
pub fn scale(spo2_scale: u8, facts: ScoreFacts) -> ScoreFacts {
    ScoreFacts { spo2_scale: Some(spo2_scale), ..facts }
}

/// Every kind that a built-in chart reads, each a signal of the same name.
pub const KINDS: [&str; 9] = [
    "respiratory_rate",
    "spo2",
    "on_oxygen",
    "oxygen_flow",
    "systolic_bp",
    "pulse_rate",
    "heart_rate",
    "consciousness",
    "body_temperature",
];

pub struct Chart {
    pub score: Score,
    policy: Arc<Policy>,
}

/// A measured value: kind, text, unit, age in minutes.
pub type Measured<'a> = (&'a str, &'a str, &'a str, i64);

/// A policy that monitors these kinds, and the declared ones `white_cells` and `paco2`.
pub fn monitoring(kinds: &[&str]) -> Arc<Policy> {
    let signal = |kind: &&str| ((*kind).to_string(), json!({ "cadence": "1 h" }));
    let mut signals: serde_json::Map<String, Json> = kinds.iter().map(signal).collect();
    signals.insert("paco2".into(), json!({ "cadence": "1 d" }));
    signals.insert("white_cells".into(), json!({ "cadence": "1 d" }));
    common::policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "signals": signals, "rules": [],
        "kinds": {
            "paco2": { "title": "PaCO2", "unit": "mm[Hg]", "possible": [1, 200] },
            "white_cells": { "title": "White cells", "unit": "10*9/L", "possible": [0, 900] },
        },
    }))
}

pub fn spec(json: &Json) -> ScoreSpec {
    serde_json::from_value(json.clone()).unwrap()
}

impl Chart {
    /// A built-in chart.
    pub fn built_in(name: &str) -> Self {
        Self::of(&json!({ "chart": name }))
    }

    /// What a site wrote.
    pub fn of(json: &Json) -> Self {
        Self::over(&KINDS, json)
    }

    /// The same, where only these kinds are monitored.
    pub fn over(kinds: &[&str], json: &Json) -> Self {
        let policy = monitoring(kinds);
        match Score::compile("score", &spec(json), policy.signals()) {
            Ok(score) => Self { score, policy },
            Err(errors) => panic!("{errors}\n{json:#}"),
        }
    }

    /// Counts what was measured; what the score does not read is a mistake of the test.
    pub fn count(&self, measured: &[Measured<'_>], facts: ScoreFacts) -> ScoreOutcome {
        let mut inputs = vec![None; self.score.signals().len()];
        for (name, text, unit, minutes) in measured {
            let value = match Kind::named(name) {
                Some(kind) => kind::measure(kind, text, unit).unwrap(),
                None => text.parse().unwrap(),
            };
            let age = Duration::from_secs(minutes * 60);
            inputs[self.input(name)] = Some(ScoreInput { value, age });
        }
        self.score.evaluate(&inputs, facts)
    }

    /// The same in words.
    pub fn words(&self, measured: &[Measured<'_>], facts: ScoreFacts) -> CountedScore {
        self.count(measured, facts).words(&self.score)
    }

    /// The place of a signal among the score's inputs.
    pub fn input(&self, name: &str) -> usize {
        let signals = self.policy.signals();
        let is = |signal: &u16| signals[usize::from(*signal)].name() == name;
        self.score.signals().iter().position(is).unwrap_or_else(|| panic!("{name} is not read"))
    }

    /// Points of a parameter; `None` if it is missing.
    #[track_caller]
    pub fn points(&self, outcome: &ScoreOutcome, parameter: &str) -> Option<u8> {
        let at = self.score.parameters().position(|name| name == parameter);
        outcome.parts[at.unwrap_or_else(|| panic!("no parameter {parameter}"))].points
    }

    /// What is missing, in the order of the chart, and why.
    pub fn missing(&self, outcome: &ScoreOutcome) -> Vec<(&str, Absence)> {
        let parts = self.score.parameters().zip(&outcome.parts);
        parts.filter_map(|(name, part)| Some((name, part.value.err()?))).collect()
    }
}

/// An ordinary observation round: NEWS2 of 0 on air.
pub const WELL: [Measured<'static>; 6] = [
    ("respiratory_rate", "16", "/min", 5),
    ("spo2", "97", "%", 5),
    ("systolic_bp", "120", "mm[Hg]", 5),
    ("pulse_rate", "70", "/min", 5),
    ("consciousness", "A", "1", 5),
    ("body_temperature", "37.0", "Cel", 5),
];

/// The same with one value another.
pub fn well_but(kind: &'static str, text: &'static str) -> Vec<Measured<'static>> {
    let swap = |m: &Measured<'static>| if m.0 == kind { (m.0, text, m.2, m.3) } else { *m };
    assert!(WELL.iter().any(|m| m.0 == kind));
    WELL.iter().map(swap).collect()
}
