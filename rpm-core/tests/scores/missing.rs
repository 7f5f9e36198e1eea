//! What nobody knows is said, and never makes a score look better than it might be.

use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use rpm_core::policy::score::Score;
use rpm_core::record::Absence::{NotMeasured, NotMonitored, TooOld};
use rpm_core::{Code, Duration, ScoreFacts, ScoreInput, Value};
use serde_json::json;

use crate::chart::{
    Chart, KINDS, Measured, ON_AIR, ON_OXYGEN, UNKNOWN, WELL, monitoring, scale, spec, well_but,
};

/// On scale 2 oxygen decides over 92 %: unknown scores as the worse of the two, and says so.
#[test]
fn unknown_oxygen_is_not_air() {
    let chart = Chart::built_in("news2");
    for (spo2, points, decides) in
        [("90", 0, false), ("92", 0, false), ("93", 1, true), ("97", 3, true)]
    {
        let outcome = chart.count(&[("spo2", spo2, "%", 0)], scale(2, UNKNOWN));
        assert_eq!(chart.points(&outcome, "spo2"), Some(points), "{spo2}");
        assert_eq!(outcome.parts[1].oxygen_unknown, decides, "{spo2}");
        assert!(chart.missing(&outcome).contains(&("oxygen", NotMeasured)));
        assert!(outcome.partial);
    }
    let words = chart.words(&[("spo2", "97", "%", 0)], scale(2, UNKNOWN)).to_string();
    assert!(
        words.starts_with("NEWS2 3 (low-medium): SpO2 97 % 3 (air or oxygen unknown)"),
        "{words}"
    );
}

/// Not even where what is missing counts as normal.
#[test]
fn unknown_oxygen_is_not_air_where_missing_is_normal() {
    let chart = Chart::of(&json!({ "chart": "news2", "if_missing": "normal" }));
    let outcome = chart.count(&well_but("spo2", "97"), scale(2, UNKNOWN));
    assert_eq!((outcome.total, outcome.partial), (Some(3), true));
    let refuses = Chart::of(&json!({
        "title": "Saturation", "if_missing": "refuse",
        "parameters": [{ "name": "spo2", "signal": "spo2", "bands": [{ "points": 0 }],
            "alternatives": [{ "when": { "on_oxygen": true }, "bands": [{ "points": 1 }] }] }],
    }));
    let measured = [("spo2", "97", "%", 0)];
    assert_eq!(refuses.count(&measured, UNKNOWN).total, None);
    assert_eq!(refuses.count(&measured, ON_OXYGEN).total, Some(1));
    assert_eq!(refuses.count(&measured, ON_AIR).total, Some(0));
}

/// Scale 2 is prescribed. Oxygen, or a number that no chart has, never selects it.
#[test]
fn the_scale_is_1_unless_prescribed() {
    let chart = Chart::built_in("news2");
    for facts in [ON_AIR, ON_OXYGEN, scale(1, ON_OXYGEN), scale(0, ON_AIR), scale(3, ON_OXYGEN)] {
        let outcome = chart.count(&[("spo2", "90", "%", 0)], facts);
        assert_eq!(chart.points(&outcome, "spo2"), Some(3));
        let outcome = chart.count(&[("spo2", "97", "%", 0)], facts);
        assert_eq!(chart.points(&outcome, "spo2"), Some(0));
    }
}

#[test]
fn whoever_says_oxygen_is_believed() {
    let chart = Chart::built_in("news2");
    let points =
        |measured: &[Measured<'_>], facts| chart.points(&chart.count(measured, facts), "oxygen");
    for (measured, facts, expected) in [
        (&[("oxygen_flow", "0.5", "L/min", 0)][..], UNKNOWN, Some(2)),
        (&[("oxygen_flow", "0", "L/min", 0)], UNKNOWN, Some(0)),
        (&[("on_oxygen", "oxygen", "1", 0)], UNKNOWN, Some(2)),
        (&[("on_oxygen", "air", "1", 0)], UNKNOWN, Some(0)),
        (&[("on_oxygen", "air", "1", 0)], ON_OXYGEN, Some(2)),
        (&[("on_oxygen", "oxygen", "1", 0)], ON_AIR, Some(2)),
        // Of two signals the younger.
        (&[("on_oxygen", "air", "1", 9), ("oxygen_flow", "2", "L/min", 1)], UNKNOWN, Some(2)),
        (&[("on_oxygen", "oxygen", "1", 9), ("oxygen_flow", "0", "L/min", 1)], UNKNOWN, Some(0)),
        (&[("on_oxygen", "oxygen", "1", 721)], UNKNOWN, None),
        (&[("on_oxygen", "oxygen", "1", 721)], ON_AIR, Some(0)),
        (&[], UNKNOWN, None),
    ] {
        assert_eq!(points(measured, facts), expected, "{measured:?} {:?}", facts.on_oxygen);
    }
}

/// The chart says pulse. A younger heart rate beats it: an old spot reading must not hide a monitor.
#[test]
fn the_youngest_of_pulse_and_heart_rate_counts() {
    let chart = Chart::built_in("news2");
    let points = |pulse_age, heart_age| {
        let measured =
            [("pulse_rate", "70", "/min", pulse_age), ("heart_rate", "135", "/min", heart_age)];
        chart.points(&chart.count(&measured, ON_AIR), "pulse")
    };
    assert_eq!(points(600, 1), Some(3));
    assert_eq!(points(1, 600), Some(0));
    assert_eq!(points(1, 1), Some(0), "of equally old ones the pulse");
}

#[test]
fn what_is_too_old_is_missing_and_said() {
    let round = |age| [("respiratory_rate", "30", "/min", age), ("spo2", "97", "%", 0)];
    let chart = |json| Chart::over(&["respiratory_rate", "spo2"], &json);
    let twelve = chart(json!({ "chart": "news2" }));
    assert_eq!(twelve.count(&round(12 * 60), ON_AIR).total, Some(3));
    let outcome = twelve.count(&round(12 * 60 + 1), ON_AIR);
    assert_eq!((outcome.total, outcome.partial), (Some(0), true));
    assert_eq!(twelve.missing(&outcome)[0], ("respiration", TooOld));
    let ours = chart(json!({
        "chart": "news2", "max_age": "1 h", "parameters": { "respiration": { "max_age": "2 h" } },
    }));
    assert_eq!(ours.count(&round(120), ON_AIR).total, Some(3));
    assert_eq!(ours.count(&round(121), ON_AIR).total, Some(0));
    let forever = chart(json!({ "chart": "news2", "max_age": "unlimited" }));
    assert_eq!(forever.count(&round(1 << 40), ON_AIR).total, Some(3));
}

#[test]
fn the_policy_says_what_missing_means() {
    let counted = |if_missing: &str, measured: &[Measured<'_>], facts: ScoreFacts| {
        let chart = Chart::of(&json!({ "chart": "news2", "if_missing": if_missing }));
        let outcome = chart.count(measured, facts);
        (outcome.total, outcome.partial, outcome.words(&chart.score).to_string())
    };
    let some = &well_but("spo2", "91")[..4];
    let said = "NEWS2 3 (low-medium): respiration 16 /min 0, SpO2 91 % 3, air or oxygen: air 0, \
                systolic 120 mm[Hg] 0, pulse 70 /min 0";
    let missing = "consciousness, temperature";
    let partial = format!("{said}; missing: {missing}");
    assert_eq!(counted("partial", some, ON_AIR), (Some(3), true, partial));
    let normal = format!("{said}; counted as normal: {missing}");
    assert_eq!(counted("normal", some, ON_AIR), (Some(3), false, normal));
    let refused = format!("NEWS2: no score; missing: {missing}");
    assert_eq!(counted("refuse", some, ON_AIR), (None, true, refused));
    assert_eq!(counted("refuse", &WELL, ON_AIR).0, Some(0));
    assert_eq!(counted("refuse", &WELL, UNKNOWN).0, None);
    // Nothing at all is no score of 0.
    for if_missing in ["partial", "normal", "refuse"] {
        assert_eq!(counted(if_missing, &[], UNKNOWN).0, None, "{if_missing}");
    }
}

#[test]
fn what_the_policy_does_not_monitor_is_missing_for_everybody_and_warned_of() {
    let chart = Chart::over(&["spo2", "heart_rate"], &json!({ "chart": "news2" }));
    let outcome = chart.count(&[("spo2", "90", "%", 0), ("heart_rate", "95", "/min", 0)], ON_AIR);
    assert_eq!((outcome.total, outcome.partial), (Some(4), true));
    let lacking = ["respiration", "systolic", "consciousness", "temperature"];
    assert_eq!(chart.missing(&outcome), lacking.map(|name| (name, NotMonitored)));
    let warned: Vec<_> = chart.score.warnings().iter().map(|e| e.path().unwrap()).collect();
    assert_eq!(warned, lacking.map(|name| format!("scores.score.parameters.{name}")));
    assert!(chart.score.warnings().iter().all(|e| e.code() == Code::UnmonitoredParameter));
}

/// A signal that the policy calls by another name feeds the chart's parameter by its kind.
#[test]
fn a_chart_finds_signals_by_their_kind() {
    let policy = Policy::from_json(
        br#"{ "id": "p", "version": 1, "title": "P", "rules": [],
              "signals": { "oximeter": { "kind": "spo2", "cadence": "1 s" } } }"#,
    )
    .unwrap();
    let score = Score::compile("n", &spec(&json!({ "chart": "news2" })), policy.signals()).unwrap();
    assert_eq!(score.signals(), [0]);
    let input = ScoreInput { value: Value::from_units(91).unwrap(), age: Duration::ZERO };
    assert_eq!(score.evaluate(&[Some(input)], ON_AIR).total, Some(3));
}

/// Whatever comes in, something sensible comes out: also fewer and more inputs than are read.
#[test]
fn no_input_is_too_odd() {
    let extremes = [i32::MIN, -1, 0, 1, i32::MAX].map(Value::from_thousandths);
    for name in rpm_core::policy::score::ScoreSpec::charts() {
        let chart = Chart::built_in(name);
        for value in extremes {
            let input = Some(ScoreInput { value, age: Duration::ZERO });
            for count in 0..=chart.score.signals().len() + 1 {
                let outcome = chart.score.evaluate(&vec![input; count], UNKNOWN);
                let highest = chart.score.highest_total();
                assert!(outcome.total.is_none_or(|total| total <= highest));
                outcome.words(&chart.score).to_string();
            }
        }
    }
    assert!(monitoring(&KINDS).signal_of(Kind::SPO2).is_some());
}
