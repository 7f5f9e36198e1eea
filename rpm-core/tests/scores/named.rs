//! Errors of published implementations and test suites, by name, and edges that are easy to miss.

use rpm_core::ScoreFacts;
use rpm_core::record::Monitoring;
use serde_json::json;

use crate::chart::{Chart, ON_AIR, ON_OXYGEN, UNKNOWN, WELL, scale, well_but};

#[track_caller]
fn assert_risk(
    measured: &[(&str, &str, &str, i64)],
    facts: ScoreFacts,
    total: u16,
    level: &str,
    monitoring: &str,
) {
    let words = Chart::built_in("news2").words(measured, facts);
    assert_eq!((words.total, words.level.as_deref()), (Some(total), Some(level)), "{words}");
    let expected: Monitoring = monitoring.parse().unwrap();
    assert_eq!(words.monitoring, Some(expected), "{words}");
    assert!(!words.partial, "{words}");
}

#[track_caller]
fn assert_points(chart: &str, parameter: &str, measured: (&str, &str, &str), points: u8) {
    let chart = Chart::built_in(chart);
    let (kind, text, unit) = measured;
    let outcome = chart.count(&[(kind, text, unit, 0)], ON_AIR);
    assert_eq!(chart.points(&outcome, parameter), Some(points), "{kind} {text} {unit}");
}

/// openEHR's rule forgets SpO2 in its "3 in one parameter" and says low, 4 to 6 hours.
#[test]
fn spo2_of_91_on_air_is_low_medium_and_hourly() {
    assert_risk(&well_but("spo2", "91"), ON_AIR, 3, "low-medium", "60 min");
}

/// NEWS2-Live and two others score 93 % and more on scale 2 as if everybody were on oxygen.
#[test]
fn scale_2_on_air_gives_no_points_for_a_high_saturation() {
    let chart = Chart::built_in("news2");
    for (spo2, on_air, on_oxygen) in
        [("92", 0, 0), ("93", 0, 1), ("94", 0, 1), ("95", 0, 2), ("96", 0, 2), ("97", 0, 3)]
    {
        let points = |facts| {
            let outcome = chart.count(&[("spo2", spo2, "%", 0)], scale(2, facts));
            chart.points(&outcome, "spo2")
        };
        assert_eq!(points(ON_AIR), Some(on_air), "{spo2} on air");
        // HL7 Norway's example labels 93 and 94 on oxygen as 3.
        assert_eq!(points(ON_OXYGEN), Some(on_oxygen), "{spo2} on oxygen");
    }
}

/// NHS Wales' guide gives it 1, in all six of its patients.
#[test]
fn a_temperature_of_37_5_gives_no_points() {
    assert_points("news2", "temperature", ("body_temperature", "37.5", "Cel"), 0);
}

/// NEWS2-Live calls any single 3 high, and a total of 3 or 4 medium.
#[test]
fn a_single_three_is_not_high_and_four_is_not_medium() {
    assert_risk(&well_but("consciousness", "V"), ON_AIR, 3, "low-medium", "60 min");
    // Respiration 2, pulse 1, temperature 1.
    let four = [
        ("respiratory_rate", "21", "/min", 0),
        ("spo2", "97", "%", 0),
        ("systolic_bp", "120", "mm[Hg]", 0),
        ("pulse_rate", "95", "/min", 0),
        ("consciousness", "A", "1", 0),
        ("body_temperature", "38.5", "Cel", 0),
    ];
    assert_risk(&four, ON_AIR, 4, "low", "4 h");
    // The same on oxygen is 6, and a single 3 does not pull a worse total down.
    assert_risk(&four, ON_OXYGEN, 6, "medium", "60 min");
    assert_risk(&well_but("consciousness", "U"), ON_OXYGEN, 5, "medium", "60 min");
    let mut seven = four;
    seven[0].1 = "25";
    assert_risk(&seven, ON_OXYGEN, 7, "high", "continuous");
    assert_risk(&WELL, ON_AIR, 0, "low", "12 h");
}

/// Air or oxygen can only give 2: it is never the single 3, whatever the total.
#[test]
fn oxygen_is_never_the_single_three() {
    assert_risk(&WELL, ON_OXYGEN, 2, "low", "4 h");
    assert_risk(&well_but("spo2", "95"), ON_OXYGEN, 3, "low", "4 h");
}

/// A float puts 100.4 degF at 38.00000000000006 degrees, one band too high.
#[test]
fn fahrenheit_edges_are_the_charts_edges() {
    for (degrees, points) in [("95.0", 3), ("96.8", 1), ("100.4", 0), ("102.2", 1)] {
        assert_points("news2", "temperature", ("body_temperature", degrees, "[degF]"), points);
    }
    for (degrees, points) in [("95.2", 1), ("97.0", 0), ("100.6", 1), ("102.4", 2)] {
        assert_points("news2", "temperature", ("body_temperature", degrees, "[degF]"), points);
    }
}

/// 90.008 and 219.769 mm[Hg]: without rounding to the chart's resolution they score 2 and 0.
#[test]
fn kilopascals_are_rounded_to_the_chart_before_they_are_looked_up() {
    assert_points("news2", "systolic", ("systolic_bp", "12.0", "kPa"), 3);
    assert_points("news2", "systolic", ("systolic_bp", "29.3", "kPa"), 3);
    assert_points("news2", "systolic", ("systolic_bp", "90.5", "mm[Hg]"), 2);
    assert_points("news2", "systolic", ("systolic_bp", "90.499", "mm[Hg]"), 3);
    assert_points("news2", "temperature", ("body_temperature", "36.05", "Cel"), 0);
    assert_points("news2", "temperature", ("body_temperature", "36.049", "Cel"), 1);
}

/// Two edges of MEWS on which implementations differ: as printed, else the worse side.
#[test]
fn the_disputed_edges_of_mews_are_decided() {
    for (rate, points) in [("39", 2), ("40", 2), ("41", 1)] {
        assert_points("mews", "heart_rate", ("heart_rate", rate, "/min"), points);
    }
    for (degrees, points) in [("34.9", 2), ("35.0", 0), ("35.1", 0), ("38.4", 0), ("38.5", 2)] {
        assert_points("mews", "temperature", ("body_temperature", degrees, "Cel"), points);
    }
    for (code, points) in [("A", 0), ("C", 1), ("V", 1), ("P", 2), ("U", 3)] {
        assert_points("mews", "consciousness", ("consciousness", code, "1"), points);
    }
}

#[test]
fn the_shock_index_is_an_exact_ratio() {
    for (rate, pressure, value, points) in [
        ("90", "100", "0.9", 1),
        ("89", "100", "0.89", 0),
        ("120", "133", "0.902", 1),
        ("119", "133", "0.895", 0),
        ("70", "140", "0.5", 0),
    ] {
        let chart = Chart::built_in("shock_index");
        let words = chart.words(
            &[("heart_rate", rate, "/min", 0), ("systolic_bp", pressure, "mm[Hg]", 59)],
            UNKNOWN,
        );
        assert_eq!(words.parameters[0].value.as_deref(), Some(value));
        assert_eq!(words.parameters[0].points, Some(points), "{words}");
        assert_eq!(words.level.as_deref(), Some(["normal", "raised"][usize::from(points)]));
        // As old as the older of the two.
        assert_eq!(words.parameters[0].age.unwrap().to_string(), "59 min");
    }
}

/// Another threshold is a table of its own; the built-in ones are not bent.
#[test]
fn a_site_writes_its_own_threshold_for_the_shock_index() {
    let chart = Chart::of(&json!({
        "title": "Shock index", "max_age": "30 min",
        "parameters": [{ "name": "shock_index", "signal": "heart_rate", "divided_by": "systolic_bp",
            "bands": [{ "at_most": 0.999, "points": 0 }, { "points": 1 }] }],
    }));
    let count = |rate, age| {
        let measured = [("heart_rate", rate, "/min", 0), ("systolic_bp", "100", "mm[Hg]", age)];
        chart.count(&measured, UNKNOWN).total
    };
    assert_eq!((count("99", 0), count("100", 0), count("100", 31)), (Some(0), Some(1), None));
}

#[test]
fn one_line_says_it_all() {
    let chart = Chart::built_in("news2");
    let measured = [
        ("respiratory_rate", "26", "/min", 0),
        ("spo2", "92.6", "%", 0),
        ("systolic_bp", "118", "mm[Hg]", 0),
        ("heart_rate", "104", "/min", 0),
        ("consciousness", "V", "1", 0),
    ];
    let words = chart.words(&measured, ON_OXYGEN);
    assert_eq!(
        words.to_string(),
        "NEWS2 11 (high): respiration 26 /min 3, SpO2 93 % 2, air or oxygen: oxygen 2, \
         systolic 118 mm[Hg] 0, pulse 104 /min 1, consciousness: V 3; missing: temperature"
    );
    let text = serde_json::to_string(&words).unwrap();
    let back: rpm_core::record::CountedScore = serde_json::from_str(&text).unwrap();
    assert!(back == words, "{text}");
    assert_eq!(back.highest_single(), 3);
}

#[test]
fn sirs_says_that_it_is_partial() {
    let chart = Chart::built_in("sirs");
    let words = chart.words(
        &[
            ("body_temperature", "38.1", "Cel", 0),
            ("heart_rate", "100", "/min", 0),
            ("respiratory_rate", "18", "/min", 0),
        ],
        UNKNOWN,
    );
    assert!(words.partial);
    assert_eq!(
        words.to_string(),
        "SIRS without PaCO2 and white cells 2 (positive): temperature 38.1 Cel 1, \
         heart rate 100 /min 1, respiration 18 /min 0; not read: PaCO2, white cells"
    );
}

/// What a patient measured is in the words, for whoever asks, and in no `Debug`.
#[test]
fn debug_texts_show_no_value() {
    let chart = Chart::built_in("news2");
    let outcome = chart.count(&well_but("spo2", "83"), ON_AIR);
    let words = outcome.words(&chart.score);
    for text in [
        format!("{outcome:?}"),
        format!("{:?}", outcome.parts),
        format!("{words:?} {:?}", words.parameters),
        format!("{ON_OXYGEN:?}"),
    ] {
        assert!(!text.contains(|c: char| c.is_ascii_digit()) && !text.contains("true"), "{text}");
    }
}
