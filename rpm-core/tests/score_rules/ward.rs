//! Wards at random: a score of what they measure, rules that read it, and what happens to a patient.

use std::sync::Arc;

use proptest::prelude::*;
use rpm_core::event::{Body, Context, Event, Kind, KindRef, Profile, Quality};
use rpm_core::policy::Policy;
use rpm_core::{HostTime, Value as Quantity};
use serde_json::{Value as Json, json};

use crate::common::{self, With, event, host, reading};

pub const HORIZON_MS: i64 = 60_000;
/// So late is what comes within the horizon: panes are up to half a minute wide.
const LATE_MS: i64 = HORIZON_MS - 6000;

/// What may be measured, and values in thousandths that differ in points, or do not.
pub const INPUTS: [(&str, Kind, [i32; 6]); 7] = [
    ("heart_rate", Kind::HEART_RATE, [35_000, 70_000, 71_000, 100_000, 120_000, 140_000]),
    ("pulse_rate", Kind::PULSE_RATE, [45_000, 70_000, 89_000, 95_000, 125_000, 135_000]),
    ("spo2", Kind::SPO2, [83_000, 90_000, 92_000, 94_000, 96_000, 98_000]),
    ("respiratory_rate", Kind::RESPIRATORY_RATE, [7_000, 10_000, 15_000, 16_000, 22_000, 30_000]),
    ("systolic_bp", Kind::SYSTOLIC_BP, [85_000, 95_000, 105_000, 120_000, 121_000, 225_000]),
    ("on_oxygen", Kind::ON_OXYGEN, [0, 0, 0, 1000, 1000, 1000]),
    ("oxygen_flow", Kind::OXYGEN_FLOW, [0, 0, 500, 2_000, 2_000, 6_000]),
];

/// A ward: one score as one signal, named `score`.
#[derive(Clone, Debug)]
pub struct Ward {
    /// NEWS2, a site's own table, or the shock index.
    pub chart: usize,
    /// Total, highest single, or the points of one parameter.
    pub part: usize,
    pub if_missing: usize,
    /// In seconds; unlimited if absent.
    pub max_age: Option<i64>,
    pub pane_s: i64,
    /// The score's cadence in panes.
    pub cadence: i64,
    /// By how much the panes of each input are narrower.
    pub narrower: [i64; 7],
    pub rules: Vec<RulePlan>,
}

#[derive(Clone, Debug)]
pub struct RulePlan {
    pub shape: Shape,
    pub limit: i64,
    /// So far below the limit it clears.
    pub clear: Option<i64>,
    pub hold_s: i64,
    pub times: Option<(i64, i64)>,
    pub clear_for_s: i64,
    /// In panes.
    pub over: i64,
    pub max_gap_s: i64,
    pub abandon_after_s: i64,
    pub two_levels: bool,
}

/// What a rule compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Last,
    Mean,
    /// A score trend.
    Delta,
    /// The score is high, and the heart is fast.
    Both,
    Either,
    /// The heart is fast, and no score explains it.
    Unexplained,
}

impl Ward {
    /// Width of an input's pane in milliseconds.
    pub fn width(&self, input: usize) -> i64 {
        self.pane_s * 1000 / self.narrower[input]
    }

    pub fn score(&self) -> Json {
        let mut score = match self.chart {
            0 => json!({ "chart": "news2" }),
            1 => site_score(),
            _ => json!({ "chart": "shock_index" }),
        };
        // What NEWS2 asks for is not all there: it would never be counted.
        let missing = if self.chart == 0 { self.if_missing % 2 } else { self.if_missing };
        score["if_missing"] = json!(["partial", "normal", "refuse"][missing]);
        score["max_age"] = match self.max_age {
            Some(s) => json!(format!("{s} s")),
            None => json!("unlimited"),
        };
        score
    }

    pub fn part(&self) -> &'static str {
        match (self.part, self.chart) {
            (0, _) => "total",
            (1, _) | (_, 2) => "highest_single",
            (_, 0) => "pulse",
            (_, _) => "beats",
        }
    }

    /// The policy. If it is `calm`, nothing counts as unverified because host time passed.
    pub fn policy(&self, calm: bool) -> Arc<Policy> {
        common::policy(&self.json(1, calm))
    }

    pub fn json(&self, version: u32, calm: bool) -> Json {
        let mut signals = json!({ "score": {
            "score": "s", "part": self.part(), "pane": format!("{} s", self.pane_s),
            "cadence": format!("{} s", self.pane_s * self.cadence),
        } });
        for (input, (name, ..)) in INPUTS.iter().enumerate() {
            signals[name] = json!({ "cadence": format!("{} ms", self.width(input)) });
        }
        let rules: Vec<Json> =
            self.rules.iter().enumerate().map(|(i, rule)| rule.json(self, i, calm)).collect();
        json!({
            "id": "ward", "version": version, "title": "Ward", "lateness_horizon": "60 s",
            "signals": signals, "scores": { "s": self.score() }, "rules": rules,
        })
    }
}

/// Everything that a chart can say: a second source, a ratio, tables for some patients.
fn site_score() -> Json {
    json!({ "title": "Site", "parameters": [
        { "name": "beats", "signal": "pulse_rate", "or": "heart_rate", "bands": [
            { "at_most": 60, "points": 1 }, { "at_most": 90, "points": 0 },
            { "at_most": 110, "points": 2 }, { "points": 3 } ] },
        { "name": "ratio", "signal": "heart_rate", "divided_by": "systolic_bp", "bands": [
            { "at_most": 0.9, "points": 0 }, { "at_most": 1.2, "points": 1 }, { "points": 3 } ] },
        { "name": "saturation", "signal": "spo2",
          "bands": [{ "at_most": 91, "points": 3 }, { "at_most": 95, "points": 1 }, { "points": 0 }],
          "alternatives": [{ "when": { "on_oxygen": true },
            "bands": [{ "at_most": 87, "points": 4 }, { "at_most": 92, "points": 0 }, { "points": 2 }] },
          ] },
        { "name": "oxygen", "signal": "on_oxygen", "or": "oxygen_flow", "bands": [
            { "is": ["air"], "points": 0 }, { "is": ["oxygen"], "points": 0 } ] },
    ] })
}

impl RulePlan {
    pub fn limits(&self, level: i64) -> (i64, i64) {
        let limit = self.limit + 2 * level;
        (limit, limit - self.clear.unwrap_or(0))
    }

    fn json(&self, ward: &Ward, index: usize, calm: bool) -> Json {
        let over = format!("{} s", self.over * ward.pane_s);
        let fast = json!({ "signal": "heart_rate", "at_or_above": 100 });
        let raise = |limit: i64| match self.shape {
            Shape::Last => json!({ "signal": "score", "at_or_above": limit }),
            Shape::Mean => json!({
                "signal": "score", "statistic": "mean", "over": over, "at_or_above": limit }),
            Shape::Delta => json!({
                "signal": "score", "statistic": "delta", "over": over, "at_or_above": limit }),
            Shape::Both => json!({ "all": [{ "signal": "score", "at_or_above": limit }, fast] }),
            Shape::Either => json!({ "any": [{ "signal": "score", "at_or_above": limit }, fast] }),
            Shape::Unexplained => json!({ "all": [fast,
                { "not": { "signal": "score", "at_or_above": limit } }] }),
        };
        let names = ["review", "urgent"];
        let level = |n: usize| {
            let (limit, clear) = self.limits(n as i64);
            let mut level = json!({
                "level": names[n], "raise": raise(limit), "latch": false,
                "clear_for": format!("{} s", self.clear_for_s),
            });
            match self.times {
                Some((count, within)) => {
                    level["times"] = json!({ "count": count, "within": format!("{within} s") });
                }
                None => level["for"] = json!(format!("{} s", self.hold_s)),
            }
            if self.clear.is_some() {
                level["clear"] = json!({ "signal": "score", "below": clear });
            }
            level
        };
        let levels: Vec<Json> = (0..=usize::from(self.two_levels)).map(level).collect();
        json!({
            "id": format!("r{index}"), "title": "rule", "levels": levels,
            "max_gap": format!("{} s", self.max_gap_s),
            "abandon_after": format!("{} s", self.abandon_after_s),
            "unverified_after": if calm { "30 d" } else { "45 s" },
        })
    }
}

fn rule_plan() -> impl Strategy<Value = RulePlan> {
    let shape = prop::sample::select(&[
        Shape::Last,
        Shape::Mean,
        Shape::Delta,
        Shape::Both,
        Shape::Either,
        Shape::Unexplained,
    ]);
    let hold = prop_oneof![1 => Just(0), 1 => 1..40_i64];
    let times = prop::option::weighted(0.2, (1..4_i64, 5..120_i64));
    (
        (shape, 1..6_i64, prop::option::of(0..3_i64), hold, times),
        (prop_oneof![1 => Just(0), 1 => 1..40_i64], 1..8_i64),
        (30..90_i64, 0..120_i64, any::<bool>()),
    )
        .prop_map(
            |((shape, limit, clear, hold_s, times), (clear_for_s, over), (gap, longer, two))| {
                RulePlan {
                    shape,
                    limit,
                    clear,
                    hold_s,
                    times,
                    clear_for_s,
                    over,
                    max_gap_s: gap,
                    abandon_after_s: gap + longer,
                    two_levels: two,
                }
            },
        )
}

pub fn ward() -> impl Strategy<Value = Ward> {
    let max_age = prop_oneof![1 => Just(None), 2 => (1..200_i64).prop_map(Some)];
    let narrower = prop::sample::select(&[1_i64, 1, 2, 5]);
    (
        (0..3_usize, 0..3_usize, 0..3_usize, max_age),
        (prop::sample::select(&[1_i64, 2, 5, 10, 30]), 1..3_i64),
        prop::array::uniform7(narrower),
        prop::collection::vec(rule_plan(), 1..=3),
    )
        .prop_map(
            |((chart, part, if_missing, max_age), (pane_s, cadence), narrower, rules)| Ward {
                chart,
                part,
                if_missing,
                max_age,
                pane_s,
                cadence,
                narrower,
                rules,
            },
        )
}

/// Something that happens, and by how much it becomes known later.
#[derive(Clone, Debug)]
pub struct Fact {
    pub ms: i64,
    pub late_ms: i64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Reading {
        input: usize,
        device: u8,
        value: i32,
        good: bool,
    },
    /// Of the fact at this place: another value, or none.
    Amendment {
        of: usize,
        to: Option<i32>,
    },
    /// Oxygen, air, or nobody knows.
    Oxygen(Option<bool>),
    Scale(Option<u8>),
}

impl Fact {
    pub fn event(&self, facts: &[Fact]) -> Event {
        match &self.what {
            What::Reading { input, device, value, good } => {
                let quality = if *good { Quality::GOOD } else { Quality::ARTIFACT };
                reading(INPUTS[*input].1, self.ms, *value).device(*device).quality(quality)
            }
            What::Amendment { of, to } => {
                let What::Reading { input, device, .. } = facts[*of].what else {
                    panic!("not a reading")
                };
                let kind = KindRef::Known(INPUTS[input].1);
                let body = match to {
                    Some(value) => {
                        Body::Correction { kind, value: Quantity::from_thousandths(*value) }
                    }
                    None => Body::Void { kind },
                };
                event(self.ms, body).device(device)
            }
            What::Oxygen(on_oxygen) => {
                let context = Context { on_oxygen: *on_oxygen, ..Context::default() };
                event(self.ms, Body::Context(context)).device(9)
            }
            What::Scale(spo2_scale) => {
                let profile = Profile { spo2_scale: *spo2_scale, ..Profile::default() };
                event(self.ms, Body::Profile(Box::new(profile))).device(9)
            }
        }
    }

    pub fn known_at(&self) -> i64 {
        self.ms + self.late_ms
    }
}

/// Facts in the order in which they happen; none of them twice.
pub fn facts() -> impl Strategy<Value = Vec<Fact>> {
    any_facts(i64::MAX)
}

/// So few of them, so close together, that all lie within the horizon; prescriptions change.
pub fn recent_facts() -> impl Strategy<Value = Vec<Fact>> {
    any_facts(700)
}

fn any_facts(longest_gap: i64) -> impl Strategy<Value = Vec<Fact>> {
    let gap = prop_oneof![
        3 => Just(0_i64), 8 => Just(1000), 3 => 1..3000_i64, 2 => 3000..20_000_i64,
        1 => 20_000..400_000_i64,
    ];
    let late = prop_oneof![2 => Just(0), 1 => 0..LATE_MS];
    let step = (gap, 0..7_usize, 0..6_usize, late, 0..100_u8, (0..LATE_MS, 0..6_usize));
    let scale = prop::option::weighted(0.3, prop::option::of(1..=2_u8));
    (scale, prop::collection::vec(step, 1..70)).prop_map(move |(scale, steps)| {
        let mut ms = 0;
        let prescribed = |scale| Fact { ms, late_ms: 0, what: What::Scale(scale) };
        let mut facts: Vec<Fact> = scale.into_iter().map(prescribed).collect();
        let mut seen = std::collections::BTreeSet::new();
        for (gap, input, value, late_ms, odd, (later, other)) in steps {
            ms += gap.min(longest_gap);
            if longest_gap < i64::MAX && (95..98).contains(&odd) && seen.insert((ms, 101, 0)) {
                let scale = [Some(1), Some(2), None][value % 3];
                facts.push(Fact { ms, late_ms, what: What::Scale(scale) });
                continue;
            }
            if (90..95).contains(&odd) && seen.insert((ms, 100, 0)) {
                let told = [Some(true), Some(false), None][value % 3];
                facts.push(Fact { ms, late_ms, what: What::Oxygen(told) });
                continue;
            }
            let device = u8::from(odd % 7 == 0);
            if !seen.insert((ms, input, device)) {
                continue;
            }
            let what =
                What::Reading { input, device, value: INPUTS[input].2[value], good: odd >= 8 };
            facts.push(Fact { ms, late_ms, what });
            if (20..32).contains(&odd) {
                let late_ms = late_ms.max(later);
                let to = (odd < 26).then_some(INPUTS[input].2[other]);
                let of = facts.len() - 1;
                facts.push(Fact { ms, late_ms, what: What::Amendment { of, to } });
            }
        }
        facts
    })
}

/// The events as they become known.
pub fn arrivals(facts: &[Fact]) -> Vec<(HostTime, Event)> {
    let mut order: Vec<&Fact> = facts.iter().collect();
    order.sort_by_key(|fact| fact.known_at());
    order.into_iter().map(|fact| (host(fact.known_at()), fact.event(facts))).collect()
}

/// The events as they happened, and what was amended right after.
pub fn in_order(facts: &[Fact]) -> Vec<Event> {
    facts.iter().map(|fact| fact.event(facts)).collect()
}
