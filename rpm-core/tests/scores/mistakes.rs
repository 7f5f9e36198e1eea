//! Mistakes in scores: each has its code and its path, and all come at once.

use rpm_core::policy::score::{Score, ScoreSpec};
use serde_json::{Value as Json, json};

use crate::chart::{KINDS, monitoring, spec};

/// Code and path of every mistake, as `code path-after-scores.s`.
fn mistakes_over(kinds: &[&str], json: &Json) -> Vec<String> {
    let policy = monitoring(kinds);
    let errors = Score::compile("s", &spec(json), policy.signals()).err();
    let said = |e: &rpm_core::Error| {
        let path = e.path().unwrap().strip_prefix("scores.s").unwrap();
        format!("{} {}", e.code().name(), path.trim_start_matches('.'))
    };
    errors.iter().flat_map(|errors| errors.errors()).map(said).collect()
}

#[track_caller]
fn assert_mistakes(json: &Json, expected: &[&str]) {
    assert_eq!(mistakes_over(&KINDS, json), expected, "{json:#}");
}

/// A score of one parameter of saturation.
fn with_bands(bands: &Json) -> Json {
    json!({ "title": "S", "parameters": [{ "name": "p", "signal": "spo2", "bands": bands }] })
}

fn with(field: &str, value: &Json) -> Json {
    let mut json = with_bands(&json!([{ "at_most": 91, "points": 3 }, { "points": 0 }]));
    json["parameters"][0][field] = value.clone();
    json
}

fn coded(bands: &Json) -> Json {
    json!({ "title": "S",
        "parameters": [{ "name": "p", "signal": "consciousness", "bands": bands }] })
}

fn with_risk(risk: &Json) -> Json {
    json!({ "title": "S", "risk": risk, "parameters": [
        { "name": "p", "signal": "spo2", "bands": [{ "at_most": 91, "points": 3 }, { "points": 0 }] },
        { "name": "o", "signal": "on_oxygen", "bands": [{ "is": ["air"], "points": 0 },
                                                        { "points": 2 }] },
    ] })
}

#[test]
fn bands_overlap_or_leave_a_gap() {
    let bands = "parameters[0].bands";
    for (json, expected) in [
        (json!([]), format!("band_order {bands}")),
        (json!([{ "at_most": 91, "points": 3 }]), format!("band_order {bands}[0]")),
        (json!([{ "points": 3 }, { "points": 0 }]), format!("band_order {bands}[0]")),
        (
            json!([{ "at_most": 93, "points": 2 }, { "at_most": 91, "points": 3 }, { "points": 0 }]),
            format!("band_order {bands}[1]"),
        ),
        (
            json!([{ "at_most": 91, "points": 2 }, { "at_most": 91, "points": 3 }, { "points": 0 }]),
            format!("band_order {bands}[1]"),
        ),
        (
            json!([{ "at_most": 91.5, "points": 3 }, { "points": 0 }]),
            format!("bad_limit {bands}[0].at_most"),
        ),
        (
            json!([{ "at_most": "ninety", "points": 3 }, { "points": 0 }]),
            format!("bad_limit {bands}[0].at_most"),
        ),
        (
            json!([{ "at_most": 91, "is": ["A"], "points": 3 }, { "points": 0 }]),
            format!("band_form {bands}[0].is"),
        ),
        // A saturation is 2 to 100 %.
        (
            json!([{ "at_most": 1, "points": 3 }, { "points": 0 }]),
            format!("unreachable_band {bands}[0]"),
        ),
        (
            json!([{ "at_most": 100, "points": 3 }, { "points": 0 }]),
            format!("unreachable_band {bands}[1]"),
        ),
    ] {
        assert_mistakes(&with_bands(&json), &[&expected]);
    }
}

#[test]
fn codes_are_all_given_once_and_known() {
    let bands = "parameters[0].bands";
    for (json, expected) in [
        (
            json!([{ "is": ["A"], "points": 0 }, { "is": ["V", "P", "U"], "points": 3 }]),
            format!("band_order {bands}"),
        ),
        (
            json!([{ "is": ["A", "X"], "points": 0 }, { "points": 3 }]),
            format!("unknown_code {bands}[0].is[1]"),
        ),
        (
            json!([{ "is": ["A"], "points": 0 }, { "is": ["A"], "points": 1 }, { "points": 3 }]),
            format!("duplicate_id {bands}[1].is[0]"),
        ),
        (json!([{ "points": 3 }, { "is": ["A"], "points": 0 }]), format!("band_order {bands}[0]")),
        (
            json!([{ "is": ["A", "C", "V", "P", "U"], "points": 0 }, { "points": 3 }]),
            format!("unreachable_band {bands}[1]"),
        ),
        (
            json!([{ "is": ["A"], "points": 0 }, { "at_most": 4, "points": 3 }]),
            format!("band_form {bands}[1].at_most"),
        ),
    ] {
        let found = mistakes_over(&KINDS, &coded(&json));
        assert!(found.contains(&expected), "{found:?}\n{json:#}");
    }
}

#[test]
fn parameters_read_what_there_is() {
    for (json, expected) in [
        (with("signal", &json!("spo3")), "unknown_signal parameters[0].signal"),
        (with("or", &json!("spo3")), "unknown_signal parameters[0].or"),
        (with("or", &json!("heart_rate")), "unit_mismatch parameters[0].or"),
        (with("or", &json!("consciousness")), "unit_mismatch parameters[0].or"),
        (with("divided_by", &json!("on_oxygen")), "unit_mismatch parameters[0].divided_by"),
        (with("name", &json!("SpO2 %")), "empty_name parameters[0].name"),
        (with("title", &json!(" ")), "empty_name parameters[0].title"),
        (with("max_age", &json!("soon")), "bad_duration parameters[0].max_age"),
        (with("max_age", &json!("0 s")), "bad_duration parameters[0].max_age"),
        (with("resolution", &json!(0)), "bad_limit parameters[0].resolution"),
    ] {
        assert_mistakes(&json, &[expected]);
    }
    let mut twice = with_risk(&json!([]));
    twice["parameters"][1]["name"] = json!("p");
    assert_mistakes(&twice, &["duplicate_id parameters[1].name"]);
    // A limit in another unit is out of what the kind can be.
    let fahrenheit = json!({ "title": "S", "parameters": [{ "name": "t", "signal": "body_temperature",
        "bands": [{ "at_most": 95, "points": 3 }, { "points": 0 }] }] });
    assert_mistakes(&fahrenheit, &["unreachable_band parameters[0].bands[1]"]);
}

#[test]
fn every_alternative_is_for_somebody() {
    let bands = json!([{ "points": 1 }]);
    let when = |whens: &[Json]| {
        let list: Vec<_> = whens.iter().map(|w| json!({ "when": w, "bands": bands })).collect();
        with("alternatives", &json!(list))
    };
    let two = json!({ "spo2_scale": 2 });
    assert_mistakes(&when(&[two.clone(), json!({ "on_oxygen": true })]), &[]);
    let shadowed = [two.clone(), json!({ "spo2_scale": 2, "on_oxygen": true })];
    assert_mistakes(&when(&shadowed), &["unreachable_band parameters[0].alternatives[1].when"]);
    let everybody = [two, json!({ "spo2_scale": 1 })];
    assert_mistakes(&when(&everybody), &["unreachable_band parameters[0].bands"]);
    let three = [json!({ "spo2_scale": 3 })];
    assert!(
        mistakes_over(&KINDS, &when(&three))
            .contains(&"unknown_circumstance parameters[0].alternatives[0].when".into())
    );
}

#[test]
fn risks_go_from_mild_to_severe_and_can_happen() {
    for (json, expected) in [
        (json!([{ "at_most": 1, "level": "low" }]), "band_order risk[0]"),
        (json!([{ "single": 3, "level": "low" }]), "band_order risk"),
        (json!([{ "level": "low" }, { "at_most": 1, "level": "high" }]), "band_order risk[0]"),
        (
            json!([{ "at_most": 3, "level": "a" }, { "at_most": 2, "level": "b" }, { "level": "c" }]),
            "band_order risk[1]",
        ),
        (
            json!([{ "at_most": 1, "single": 3, "level": "a" }, { "level": "b" }]),
            "band_order risk[0]",
        ),
        // Saturation and oxygen give 5 at most, and 3 in one.
        (json!([{ "at_most": 5, "level": "a" }, { "level": "b" }]), "unreachable_band risk[1]"),
        (
            json!([{ "level": "a" }, { "single": 4, "level": "b" }]),
            "unreachable_band risk[1].single",
        ),
        (json!([{ "level": "" }]), "empty_name risk[0].level"),
        (json!([{ "level": "a", "monitoring": "often" }]), "bad_duration risk[0].monitoring"),
        (json!([{ "level": "a", "monitoring": "0 s" }]), "bad_duration risk[0].monitoring"),
    ] {
        let found = mistakes_over(&KINDS, &with_risk(&json));
        assert_eq!(found.first().map(String::as_str), Some(expected), "{found:?} {json:#}");
    }
    let fine =
        json!([{ "at_most": 4, "level": "a" }, { "single": 3, "level": "b" }, { "level": "c" }]);
    assert_mistakes(&with_risk(&fine), &[]);
}

#[test]
fn a_score_is_a_chart_or_a_table() {
    for (json, expected) in [
        (json!({}), "score_form parameters"),
        (json!({ "title": "S", "parameters": { "p": {} } }), "score_form parameters"),
        (json!({ "chart": "news3" }), "unknown_chart chart"),
        (json!({ "chart": "news2", "title": "Ours" }), "score_form "),
        (json!({ "chart": "news2", "risk": [{ "level": "a" }] }), "score_form "),
        (json!({ "chart": "news2", "declared_missing": ["pain"] }), "score_form "),
        (
            json!({ "chart": "news2", "parameters": { "temp": { "max_age": "1 h" } } }),
            "unknown_parameter parameters.temp",
        ),
        (
            json!({ "chart": "news2", "parameters": { "temperature": { "max_age": "1" } } }),
            "bad_duration parameters.temperature.max_age",
        ),
        (json!({ "chart": "news2", "max_age": "never" }), "bad_duration max_age"),
        (json!({ "chart": "news2", "if_missing": "guess" }), "unknown_code if_missing"),
    ] {
        assert_mistakes(&json, &[expected]);
    }
    let untitled = json!({ "parameters": [{ "name": "p", "signal": "spo2",
                                            "bands": [{ "points": 0 }] }] });
    assert_mistakes(&untitled, &["empty_name title"]);
    let mut list = with_bands(&json!([{ "points": 0 }]));
    list["chart"] = json!("news2");
    list["title"] = Json::Null;
    assert_mistakes(&list, &["score_form "]);
}

/// A score that could never be counted is a mistake, not a silence.
#[test]
fn a_score_that_refuses_needs_all_of_its_signals() {
    let refuses = json!({ "chart": "qsofa", "if_missing": "refuse" });
    assert_eq!(
        mistakes_over(&["respiratory_rate", "consciousness"], &refuses),
        ["unmonitored_parameter parameters.systolic"]
    );
    let nothing = mistakes_over(&["spo2"], &json!({ "chart": "qsofa" }));
    assert_eq!(nothing, ["unmonitored_parameter parameters"]);
}

#[test]
fn all_mistakes_come_at_once() {
    let json = json!({
        "title": "", "max_age": "x", "if_missing": "y",
        "parameters": [
            { "name": "a", "signal": "nothing", "bands": [] },
            { "name": "b", "signal": "spo2", "bands": [{ "at_most": 91, "points": 1 }] },
            { "name": "b", "signal": "consciousness", "bands": [{ "is": ["Z"], "points": 1 }] },
        ],
    });
    assert_mistakes(
        &json,
        &[
            "empty_name title",
            "bad_duration max_age",
            "unknown_code if_missing",
            "unknown_signal parameters[0].signal",
            "band_order parameters[1].bands[0]",
            "duplicate_id parameters[2].name",
            "unknown_code parameters[2].bands[0].is[0]",
            "band_order parameters[2].bands",
        ],
    );
}

/// A mistake of shape is told at its place, in a list and in a table.
#[test]
fn unknown_fields_are_refused() {
    for (text, inside) in [
        (
            r#"{ "parameters": [{ "name": "p", "signal": "s", "bands": [], "weight": 1 }] }"#,
            "weight",
        ),
        (r#"{ "chart": "news2", "parameters": { "spo2": { "bands": [] } } }"#, "bands"),
        (r#"{ "chart": "news2", "parameters": "all" }"#, "a list of parameters"),
    ] {
        let error = serde_json::from_str::<ScoreSpec>(text).unwrap_err().to_string();
        assert!(error.contains(inside), "{error}");
    }
}
