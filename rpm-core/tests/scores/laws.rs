//! What holds for every value there can be.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rpm_core::event::Kind;
use rpm_core::policy::score::ScoreSpec;
use rpm_core::{Duration, ScoreFacts, ScoreInput, Value};
use serde_json::{Value as Json, json};

use crate::chart::{Chart, ON_AIR, ON_OXYGEN, UNKNOWN, scale};
use crate::common::cases;

/// Chart, parameter, kind, a value without points, and the points it can give.
type Row = (&'static str, &'static str, &'static str, i32, &'static [u8]);

const ROWS: [Row; 15] = [
    ("news2", "respiration", "respiratory_rate", 16_000, &[0, 1, 2, 3]),
    ("news2", "spo2", "spo2", 98_000, &[0, 1, 2, 3]),
    ("news2", "systolic", "systolic_bp", 120_000, &[0, 1, 2, 3]),
    ("news2", "pulse", "pulse_rate", 70_000, &[0, 1, 2, 3]),
    ("news2", "temperature", "body_temperature", 37_000, &[0, 1, 2, 3]),
    ("mews", "systolic", "systolic_bp", 120_000, &[0, 1, 2, 3]),
    ("mews", "heart_rate", "heart_rate", 70_000, &[0, 1, 2, 3]),
    ("mews", "respiration", "respiratory_rate", 12_000, &[0, 1, 2, 3]),
    ("mews", "temperature", "body_temperature", 37_000, &[0, 2]),
    ("qsofa", "respiration", "respiratory_rate", 16_000, &[0, 1]),
    ("qsofa", "systolic", "systolic_bp", 120_000, &[0, 1]),
    ("sirs", "temperature", "body_temperature", 37_000, &[0, 1]),
    ("sirs", "heart_rate", "heart_rate", 70_000, &[0, 1]),
    ("sirs", "respiration", "respiratory_rate", 16_000, &[0, 1]),
    ("shock_index", "shock_index", "heart_rate", 70_000, &[0, 1]),
];

/// Points for one value, in thousandths.
fn points(chart: &Chart, parameter: &str, kind: &str, value: i32, facts: ScoreFacts) -> u8 {
    let mut inputs = vec![None; chart.score.signals().len()];
    let mut put = |kind: &str, value| {
        let value = Value::from_thousandths(value);
        inputs[chart.input(kind)] = Some(ScoreInput { value, age: Duration::ZERO });
    };
    put(kind, value);
    if parameter == "shock_index" {
        put("systolic_bp", 120_000);
    }
    chart.points(&chart.score.evaluate(&inputs, facts), parameter).unwrap()
}

/// Every possible value in steps far under the chart's resolution: further from normal never gives
/// fewer points, normal gives none, and every band is reached. (graphgrid chains comparisons so that
/// some never are.)
#[test]
fn points_grow_away_from_normal_and_every_band_is_reached() {
    for (name, parameter, kind, normal, given) in ROWS {
        let chart = Chart::built_in(name);
        assert_grows(&chart, parameter, kind, normal, given, ON_AIR);
    }
}

#[test]
fn scale_2_grows_away_from_its_target() {
    let chart = Chart::built_in("news2");
    assert_grows(&chart, "spo2", "spo2", 90_000, &[0, 1, 2, 3], scale(2, ON_AIR));
    assert_grows(&chart, "spo2", "spo2", 90_000, &[0, 1, 2, 3], scale(2, ON_OXYGEN));
}

fn assert_grows(
    chart: &Chart,
    parameter: &str,
    kind: &str,
    normal: i32,
    given: &[u8],
    facts: ScoreFacts,
) {
    let possible = Kind::named(kind).unwrap().info().unwrap().possible;
    let (low, high) = (possible.0.thousandths(), possible.1.thousandths());
    let at = |value| points(chart, parameter, kind, value, facts);
    let mut reached = BTreeSet::from([at(normal)]);
    assert_eq!(at(normal), 0, "{parameter}");
    for side in [-1, 1] {
        let mut before = 0;
        let values = (1..).map(|n| normal + side * n * 20).take_while(|v| (low..=high).contains(v));
        for value in values {
            let now = at(value);
            assert!(now >= before, "{parameter}: {value} gives {now} after {before}");
            before = now;
            reached.insert(now);
        }
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), given, "{parameter}");
}

/// NEWS2 as somebody else would write it down.
fn copied() -> Json {
    let up = |limits: &[(&str, u8)], rest: u8| {
        let mut bands: Vec<Json> =
            limits.iter().map(|(at, points)| json!({ "at_most": at, "points": points })).collect();
        bands.push(json!({ "points": rest }));
        Json::Array(bands)
    };
    json!({
        "title": "Ours",
        "parameters": [
            { "name": "rr", "signal": "respiratory_rate",
              "bands": up(&[("8", 3), ("11", 1), ("20", 0), ("24", 2)], 3) },
            { "name": "sat", "signal": "spo2",
              "bands": up(&[("91", 3), ("93", 2), ("95", 1)], 0),
              "alternatives": [
                { "when": { "spo2_scale": 2, "on_oxygen": true }, "bands":
                  up(&[("83", 3), ("85", 2), ("87", 1), ("92", 0), ("94", 1), ("96", 2)], 3) },
                { "when": { "spo2_scale": 2 }, "bands": up(&[("83", 3), ("85", 2), ("87", 1)], 0) },
              ] },
            { "name": "o2", "signal": "on_oxygen", "or": "oxygen_flow",
              "bands": [{ "is": ["oxygen"], "points": 2 }, { "points": 0 }] },
            { "name": "sys", "signal": "systolic_bp",
              "bands": up(&[("90", 3), ("100", 2), ("110", 1), ("219", 0)], 3) },
            { "name": "hr", "signal": "pulse_rate", "or": "heart_rate",
              "bands": up(&[("40", 3), ("50", 1), ("90", 0), ("110", 1), ("130", 2)], 3) },
            { "name": "avpu", "signal": "consciousness",
              "bands": [{ "is": ["A"], "points": 0 }, { "points": 3 }] },
            { "name": "temp", "signal": "body_temperature", "resolution": 0.1,
              "bands": up(&[("35", 3), ("36", 1), ("38", 0), ("39", 1)], 2) },
        ],
        "risk": [
            { "at_most": 0, "level": "low", "monitoring": "12 h" },
            { "at_most": 4, "level": "low", "monitoring": "4 h" },
            { "single": 3, "level": "low-medium", "monitoring": "1 h" },
            { "at_most": 6, "level": "medium", "monitoring": "1 h" },
            { "level": "high", "monitoring": "continuous" },
        ],
    })
}

/// A value that is possible for the signal, or none, and an age around the longest that counts.
fn input(chart: &Chart, index: usize) -> impl Strategy<Value = Option<ScoreInput>> + use<> {
    let kind = crate::chart::KINDS.iter().find(|kind| chart.input(kind) == index).unwrap();
    let info = Kind::named(kind).unwrap().info().unwrap();
    let (low, high) = (info.possible.0.thousandths(), info.possible.1.thousandths());
    let coded = !info.codes.is_empty();
    let value = (low..=high).prop_map(move |n| if coded { n / 1000 * 1000 } else { n });
    // Where charts have their bands, not where monsters live.
    let usual =
        (low..=high.min(250_000)).prop_map(move |n| if coded { n / 1000 * 1000 } else { n });
    let value = prop_oneof![1 => value, 3 => usual];
    let age = prop_oneof![5 => 0..=1_000_i64, 1 => 43_199_000..=43_201_000_i64];
    let found = (value, age).prop_map(|(value, age)| ScoreInput {
        value: Value::from_thousandths(value),
        age: Duration::from_millis(age),
    });
    proptest::option::weighted(0.9, found)
}

fn facts() -> impl Strategy<Value = ScoreFacts> {
    (proptest::option::of(1..=2_u8), proptest::option::of(any::<bool>()))
        .prop_map(|(spo2_scale, on_oxygen)| ScoreFacts { spo2_scale, on_oxygen })
}

fn inputs() -> impl Strategy<Value = Vec<Option<ScoreInput>>> {
    let chart = Chart::built_in("news2");
    (0..chart.score.signals().len()).map(|index| input(&chart, index)).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(cases("tests/scores/laws.proptest-regressions", 0x0E57_5C0E))]

    /// One mechanism: a chart that a site copies counts as the built-in one does.
    #[test]
    fn a_copied_chart_counts_the_same(inputs in inputs(), facts in facts()) {
        let (ours, theirs) = (Chart::of(&copied()), Chart::built_in("news2"));
        prop_assert_eq!(ours.score.signals(), theirs.score.signals());
        let (a, b) = (ours.score.evaluate(&inputs, facts), theirs.score.evaluate(&inputs, facts));
        prop_assert!(a == b);
        let (a, b) = (a.words(&ours.score), b.words(&theirs.score));
        prop_assert_eq!((a.level, a.monitoring), (b.level, b.monitoring));
    }

    #[test]
    fn a_total_is_the_sum_of_its_parts(inputs in inputs(), facts in facts()) {
        let chart = Chart::built_in("news2");
        let outcome = chart.score.evaluate(&inputs, facts);
        let points: Vec<u8> = outcome.parts.iter().filter_map(|part| part.points).collect();
        let sum: u16 = points.iter().map(|p| u16::from(*p)).sum();
        prop_assert!(outcome.total.is_none_or(|total| total == sum));
        prop_assert_eq!(outcome.total.is_none(), points.is_empty());
        prop_assert_eq!(outcome.highest_single, points.into_iter().max().unwrap_or(0));
    }

    /// What becomes known never lowers a partial score.
    #[test]
    fn a_partial_score_is_the_least_that_it_can_be(
        inputs in inputs(), facts in facts(), dropped in any::<u16>(),
    ) {
        let chart = Chart::built_in("news2");
        let oxygen = [chart.input("on_oxygen"), chart.input("oxygen_flow")];
        // Oxygen may turn out to be air, and behind a younger rate may stand an older one.
        let keep = |(index, input): (usize, &Option<ScoreInput>)| {
            let rates = [chart.input("pulse_rate"), chart.input("heart_rate")];
            let kept = oxygen.contains(&index) || rates.contains(&index) || dropped >> index & 1 == 0;
            input.filter(|_| kept)
        };
        let fewer: Vec<_> = inputs.iter().enumerate().map(keep).collect();
        let all = chart.score.evaluate(&inputs, facts);
        let some = chart.score.evaluate(&fewer, facts);
        prop_assert!(some.total.unwrap_or(0) <= all.total.unwrap_or(0));
        prop_assert!(some.highest_single <= all.highest_single);
    }

    /// Unknown oxygen gives the saturation the worse points of air and oxygen, and no others.
    #[test]
    fn unknown_oxygen_is_the_worse_of_both(spo2 in 2_000..=100_000, prescribed in 1..=2_u8) {
        let chart = Chart::built_in("news2");
        let at = |facts| points(&chart, "spo2", "spo2", spo2, scale(prescribed, facts));
        prop_assert_eq!(at(UNKNOWN), at(ON_AIR).max(at(ON_OXYGEN)));
    }
}

#[test]
fn the_highest_totals_are_those_of_the_charts() {
    let highest = ScoreSpec::charts().map(|name| Chart::built_in(name).score.highest_total());
    assert_eq!(highest.collect::<Vec<_>>(), [20, 14, 3, 3, 1]);
}

/// The form in which charts are written is the one that sites write, through text too.
#[test]
fn a_built_in_chart_written_out_compiles_to_itself() {
    for name in ScoreSpec::charts() {
        let text = serde_json::to_string(&ScoreSpec::built_in(name).unwrap()).unwrap();
        let written = Chart::of(&serde_json::from_str(&text).unwrap());
        assert!(written.score == Chart::built_in(name).score, "{name}");
    }
}
