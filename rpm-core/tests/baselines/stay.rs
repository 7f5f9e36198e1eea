//! A patient's stay: readings in, and what the engine takes as usual.

use std::sync::Arc;

use rpm_core::event::{Body, Event, Kind, Profile};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::{self, Clause};
use rpm_core::{Engine, EngineConfig, HostTime, PatientKey, Receipt};
use serde_json::{Value as Json, json};

use crate::common::{self, Run, T0, event, host, reading};

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const P0: PatientKey = PatientKey(0);

/// From [`T0`] to the next midnight in UTC.
pub fn midnight() -> i64 {
    DAY - T0.rem_euclid(DAY)
}

/// A duration as a policy writes it.
pub fn text(ms: i64) -> String {
    format!("{ms} ms")
}

/// Heart rate in panes of a minute, with these baselines and rules.
pub fn ward(baselines: &Json, rules: &Json) -> Arc<Policy> {
    common::policy(&ward_json(baselines, rules))
}

pub fn ward_json(baselines: &Json, rules: &Json) -> Json {
    json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "2 min",
        "signals": { "heart_rate": { "cadence": "1 min" } },
        "baselines": baselines, "rules": rules,
    })
}

/// A rule that looks at the newest reading and decides nothing.
pub fn probe(id: &str, signal: &str, raise: &Json) -> Json {
    let levels = json!([{ "level": "review", "raise": raise }]);
    json!({ "id": id, "title": id, "mode": "shadow", "signal": signal, "levels": levels })
}

/// A rule that decides.
pub fn active(id: &str, signal: &str, raise: &Json) -> Json {
    let levels = json!([{ "level": "review", "raise": raise }]);
    json!({ "id": id, "title": id, "signal": signal, "levels": levels })
}

pub fn profile(ms: i64, age_band: Option<&str>, utc_offset_min: Option<i16>) -> Event {
    let age_band = age_band.map(Into::into);
    event(ms, Body::Profile(Box::new(Profile { age_band, utc_offset_min, ..Profile::default() })))
}

/// What a rule's first comparison says now.
pub fn clause(run: &mut Run, rule: &str) -> Option<Clause> {
    let why = run.engine.why(P0, rule)?;
    why.levels.first()?.now.first().cloned()
}

/// What a comparison with a baseline was measured from: low edge or high edge, spread, limit, in the
/// signal's unit; then from how many panes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Found {
    pub edge: f64,
    pub spread: f64,
    pub limit: f64,
    pub samples: u32,
    pub since: Option<i64>,
}

pub fn found(run: &mut Run, rule: &str) -> Option<Found> {
    let clause = clause(run, rule)?;
    let usual = clause.baseline.unwrap();
    let number = |text: Option<&String>| text.map(|t| t.parse::<f64>().unwrap());
    Some(Found {
        edge: number(usual.value.as_ref())?,
        spread: number(usual.spread.as_ref())?,
        limit: number(clause.limit.as_ref())?,
        samples: usual.samples,
        since: usual.since.map(|t| t.as_millis() - T0),
    })
}

/// A heart rate each minute from one time to another; the value by the number of the minute.
pub fn minutes(run: &mut Run, range: std::ops::Range<i64>, rate: impl Fn(i64) -> i32) {
    for minute in range {
        let at = minute * MINUTE;
        let receipt = run.live(reading(Kind::HEART_RATE, at, rate(minute) * 1000));
        assert_eq!(receipt, Receipt::Accepted);
    }
}

/// The same again, from a snapshot.
pub fn restored(run: Run, policies: &[Arc<Policy>], now: HostTime) -> Run {
    let bytes = run.engine.snapshot().unwrap();
    let (engine, _) = Engine::restore(&bytes, policies, EngineConfig::default(), now).unwrap();
    assert_eq!(engine.snapshot().unwrap(), bytes);
    Run { engine, ..run }
}

/// Another policy, at once.
pub fn change(run: &mut Run, to: &Arc<Policy>, ms: i64) {
    let from = Arc::clone(run.engine.policy());
    let proposal = Proposal::new(&from, Arc::clone(to), "dr.a", "a trial").unwrap();
    let approved = proposal.approve("dr.b", host(ms)).unwrap();
    run.engine.handle_change(approved, host(ms)).unwrap().unwrap();
    run.drain();
}

/// The evidence of the first alert of a rule.
pub fn evidence(run: &Run, rule: &str) -> Option<Vec<Clause>> {
    run.bodies().into_iter().find_map(|body| match body {
        record::Body::AlertOpened { rule: r, evidence, .. } if r == rule => Some(evidence.clone()),
        _ => None,
    })
}
