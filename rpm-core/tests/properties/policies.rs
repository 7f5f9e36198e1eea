//! Policies at random.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use serde_json::{Value as Json, json};

use crate::common::policy;

pub const KINDS: [Kind; 3] = [Kind::HEART_RATE, Kind::SPO2, Kind::RESPIRATORY_RATE];
pub const NAMES: [&str; 3] = ["heart_rate", "spo2", "respiratory_rate"];
/// The values go to and fro here, in whole units.
pub const RANGES: [(i32, i32); 3] = [(60, 140), (80, 99), (8, 32)];
pub const HORIZON_MS: i64 = 30_000;

pub const STATISTICS: [&str; 12] = [
    "last",
    "count",
    "mean",
    "min",
    "max",
    "sum",
    "delta",
    "rate_of_change",
    "slope",
    "standard_deviation",
    "coverage",
    "time_since_last",
];

/// A limit, as a share of the statistic's usual range.
pub fn limit(signal: usize, statistic: &str, share: i32) -> Json {
    let (low, high) = RANGES[signal];
    let (low, high) = match statistic {
        "count" => (0, 15),
        "sum" => (low, high * 10),
        "delta" => (low - high, high - low),
        "rate_of_change" | "slope" => (-200, 200),
        "standard_deviation" => (0, 20),
        "coverage" => (0, 100),
        "time_since_last" => (0, 12),
        _ => (low, high),
    };
    json!(low + (high - low) * share / 100)
}

#[derive(Clone, Debug)]
pub struct Comparison {
    pub signal: usize,
    pub statistic: &'static str,
    pub over_panes: i64,
    pub coverage: Option<i64>,
    pub high: bool,
    pub share: i32,
}

pub fn comparison() -> impl Strategy<Value = Comparison> {
    let statistic = prop_oneof![2 => Just("last"), 5 => prop::sample::select(&STATISTICS[..])];
    let coverage = prop::option::of(0..=100_i64);
    (0..3_usize, statistic, 1..12_i64, coverage, any::<bool>(), 5..95_i32).prop_map(
        |(signal, statistic, over_panes, coverage, high, share)| Comparison {
            signal,
            statistic,
            over_panes,
            coverage,
            high,
            share,
        },
    )
}

/// The pane of each signal in seconds.
type Panes = [i64; 3];

pub fn comparison_json(c: &Comparison, panes: Panes, high: bool, share: i32) -> Json {
    let name = if high { "above" } else { "below" };
    let mut found = json!({
        "signal": NAMES[c.signal], "statistic": c.statistic,
        name: limit(c.signal, c.statistic, share),
    });
    if !matches!(c.statistic, "last" | "time_since_last") {
        found["over"] = json!(format!("{} s", c.over_panes * panes[c.signal]));
        if let Some(coverage) = c.coverage {
            found["coverage"] = json!(format!("{coverage} %"));
        }
    }
    found
}

#[derive(Clone, Debug)]
pub enum RulePlan {
    Limits {
        parts: Vec<Comparison>,
        shape: usize,
        levels: Vec<LevelPlan>,
        gaps: (i64, i64),
        artifacts: Option<i64>,
        mode: usize,
    },
    Missing {
        signal: usize,
        seconds: i64,
    },
}

#[derive(Clone, Debug)]
pub struct LevelPlan {
    pub hold: i64,
    pub times: Option<(i64, i64)>,
    pub clear: Option<i32>,
    pub clear_for: i64,
    pub latch: Option<bool>,
}

pub fn level_plan() -> impl Strategy<Value = LevelPlan> {
    let hold = prop_oneof![3 => Just(0), 3 => 1..6_i64, 1 => 6..25_i64];
    let times = prop::option::weighted(0.2, (1..4_i64, 2..15_i64));
    let clear_for = prop_oneof![2 => Just(0), 3 => 1..6_i64, 1 => 6..25_i64];
    (hold, times, prop::option::of(-3..15_i32), clear_for, any::<Option<bool>>()).prop_map(
        |(hold, times, clear, clear_for, latch)| LevelPlan { hold, times, clear, clear_for, latch },
    )
}

pub fn rule_plan() -> impl Strategy<Value = RulePlan> {
    let limits = (
        prop::collection::vec(comparison(), 1..=3),
        0..6_usize,
        prop::collection::vec(level_plan(), 1..=3),
        (0..10_i64, 0..25_i64),
        prop::option::weighted(0.3, 0..=100_i64),
        prop_oneof![8 => Just(0_usize), 1 => Just(1), 1 => Just(2)],
    );
    let limits = limits.prop_map(|(parts, shape, levels, gaps, artifacts, mode)| {
        RulePlan::Limits { parts, shape, levels, gaps, artifacts, mode }
    });
    let missing = (0..3_usize, 5..60_i64);
    let missing = missing.prop_map(|(signal, seconds)| RulePlan::Missing { signal, seconds });
    prop_oneof![5 => limits, 1 => missing]
}

/// The predicate of one level: shapes 0 to 2 are a single comparison.
pub fn predicate(
    parts: &[Comparison],
    shape: usize,
    panes: Panes,
    distance: i32,
    clear: bool,
) -> Json {
    let part = |c: &Comparison| {
        let outwards = if c.high { distance } else { -distance };
        comparison_json(c, panes, c.high != clear, (c.share + outwards).clamp(1, 99))
    };
    let all: Vec<Json> = parts.iter().map(part).collect();
    match shape {
        3 => json!({ "all": all }),
        4 => json!({ "any": all }),
        5 if all.len() > 1 => json!({ "at_least": { "count": 2, "of": all } }),
        5 => json!({ "not": all[0] }),
        _ => all[0].clone(),
    }
}

pub fn rule_json(index: usize, plan: &RulePlan, panes: Panes, unverified_after: &str) -> Json {
    let id = format!("r{index}");
    let (parts, shape, levels, gaps, artifacts, mode) = match plan {
        RulePlan::Missing { signal, seconds } => {
            return json!({
                "id": id, "title": "missing", "signal": NAMES[*signal],
                "missing_for": format!("{seconds} s"),
            });
        }
        RulePlan::Limits { parts, shape, levels, gaps, artifacts, mode } => {
            (parts, *shape, levels, gaps, artifacts, *mode)
        }
    };
    // High and low of the same statistic may not stand in one rule.
    let mut parts = parts.clone();
    let first = parts[0].clone();
    for part in &mut parts[1..] {
        if (part.signal, part.statistic) == (first.signal, first.statistic) {
            part.high = first.high;
        }
    }
    if let [_, b, c] = &mut parts[..] {
        if (c.signal, c.statistic) == (b.signal, b.statistic) {
            c.high = b.high;
        }
    }
    let names = ["informational", "review", "urgent"];
    let count = levels.len();
    let level = |(i, plan): (usize, &LevelPlan)| {
        let distance = i as i32 * 8;
        let mut level = json!({
            "level": names[3 - count + i],
            "raise": predicate(&parts, shape, panes, distance, false),
            "clear_for": format!("{} s", plan.clear_for),
        });
        match plan.times {
            Some((count, within)) => {
                level["times"] = json!({ "count": count, "within": format!("{within} s") });
            }
            None => level["for"] = json!(format!("{} s", plan.hold)),
        }
        if let Some(clear) = plan.clear {
            level["clear"] = predicate(&parts, shape, panes, distance - clear, true);
        }
        if let Some(latch) = plan.latch {
            level["latch"] = json!(latch);
        }
        level
    };
    let levels: Vec<Json> = levels.iter().enumerate().map(level).collect();
    let modes = ["active", "shadow", "disabled"];
    // A gap shorter than a pane is refused: no hold could ever accrue.
    let gap = gaps.0.max(panes.iter().copied().max().unwrap_or(1));
    let mut rule = json!({
        "id": id, "title": "limits", "levels": levels,
        "mode": modes[mode],
        "max_gap": format!("{gap} s"),
        "abandon_after": format!("{} s", gap + gaps.1),
        "unverified_after": unverified_after,
    });
    if let Some(share) = artifacts {
        rule["max_artifact"] = json!(format!("{share} %"));
    }
    rule
}

#[derive(Clone, Debug)]
pub struct PolicyPlan {
    pub panes: Panes,
    pub cadences: [i64; 3],
    pub rules: Vec<RulePlan>,
    pub unverified_s: i64,
    pub skew_s: i64,
}

impl PolicyPlan {
    /// The policy; with `calm`, nothing ever counts as unverified because host time passed.
    pub fn policy(&self, calm: bool) -> Arc<Policy> {
        let unverified =
            if calm { "300 d".to_string() } else { format!("{} s", self.unverified_s) };
        let signal = |i: usize| {
            json!({
                "cadence": format!("{} s", self.cadences[i]),
                "pane": format!("{} s", self.panes[i]),
                "accept": if i == 0 { json!(["motion"]) } else { json!([]) },
            })
        };
        let rules = self.rules.iter().enumerate();
        let rules: Vec<Json> =
            rules.map(|(i, plan)| rule_json(i, plan, self.panes, &unverified)).collect();
        policy(&json!({
            "id": "generated", "version": 1, "title": "generated",
            "lateness_horizon": format!("{} s", HORIZON_MS / 1000),
            "max_future_skew": format!("{} s", self.skew_s),
            "signals": { NAMES[0]: signal(0), NAMES[1]: signal(1), NAMES[2]: signal(2) },
            "rules": rules,
        }))
    }
}

pub fn policy_plan() -> impl Strategy<Value = PolicyPlan> {
    let timing = prop_oneof![
        3 => Just((1_i64, 1_i64)), 1 => Just((1, 5)), 1 => Just((5, 5)), 1 => Just((10, 10)), 1 => Just((1, 3)),
    ];
    let rules = prop::collection::vec(rule_plan(), 1..=3);
    (prop::array::uniform3(timing), rules, 5..60_i64, 1..20_i64).prop_map(
        |(timing, rules, unverified_s, skew_s)| PolicyPlan {
            panes: timing.map(|t| t.0),
            cadences: timing.map(|t| t.1),
            rules,
            unverified_s,
            skew_s,
        },
    )
}
