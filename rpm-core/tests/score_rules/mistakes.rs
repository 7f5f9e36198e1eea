//! Mistakes in policies with scores: each has its code and its path, and all come at once.

use rpm_core::policy::Policy;
use serde_json::{Value as Json, json};

fn ward() -> Json {
    json!({
        "id": "ward", "version": 1, "title": "Ward",
        "signals": {
            "heart_rate": { "cadence": "1 min" },
            "spo2": { "cadence": "2 min" },
            "score": { "score": "s", "cadence": "2 min" },
        },
        "scores": { "s": { "title": "Site", "parameters": [
            { "name": "beats", "signal": "heart_rate",
              "bands": [{ "at_most": 100, "points": 0 }, { "points": 3 }] },
            { "name": "saturation", "signal": "spo2",
              "bands": [{ "at_most": 91, "points": 3 }, { "points": 0 }] },
        ] } },
        "rules": [{ "id": "high", "title": "High", "signal": "score",
                    "levels": [{ "level": "review", "raise": { "at_or_above": 3 } }] }],
    })
}

/// Number, name and path of each mistake in the ward with another value at a JSON pointer.
fn mistakes(pointer: &str, value: &Json) -> Vec<String> {
    let mut json = ward();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap();
    match field.parse::<usize>() {
        Ok(place) => parent[place] = value.clone(),
        Err(_) => parent[field] = value.clone(),
    }
    let errors = Policy::from_json(json.to_string().as_bytes()).err();
    let said = |e: &rpm_core::Error| {
        format!("{} {} {}", e.code().number(), e.code().name(), e.path().unwrap_or("-"))
    };
    errors.iter().flat_map(|errors| errors.errors()).map(said).collect()
}

#[test]
fn the_ward_itself_is_right() {
    assert_eq!(mistakes("/version", &json!(1)), Vec::<String>::new());
}

#[test]
fn each_mistake_has_its_code_and_its_path() {
    let chart = |chart: &str| json!({ "chart": chart });
    let bands = "/scores/s/parameters/1/bands";
    let refused = json!({ "chart": "news2", "if_missing": "refuse" });
    let cases: Vec<(&str, Json, &str)> = vec![
        ("/scores/s", json!({ "title": "Site" }), "360 score_form scores.s.parameters"),
        ("/scores/s", json!({ "chart": "news2", "title": "Ours" }), "360 score_form scores.s"),
        ("/scores/s", chart("news3"), "361 unknown_chart scores.s.chart"),
        ("/signals/score/part", json!("pulse"), "362 unknown_parameter signals.score.part"),
        (
            "/scores/s",
            json!({ "chart": "news2", "parameters": { "beats": { "max_age": "1 h" } } }),
            "362 unknown_parameter scores.s.parameters.beats",
        ),
        (
            bands,
            json!([{ "is": ["A"], "at_most": 91, "points": 3 }, { "points": 0 }]),
            "363 band_form scores.s.parameters[1].bands[0].is",
        ),
        (
            bands,
            json!([{ "at_most": 95, "points": 1 }, { "at_most": 91, "points": 3 }, { "points": 0 }]),
            "364 band_order scores.s.parameters[1].bands[1]",
        ),
        (
            bands,
            json!([{ "at_most": 1, "points": 3 }, { "points": 0 }]),
            "365 unreachable_band scores.s.parameters[1].bands[0]",
        ),
        (
            "/scores/s/parameters/1/or",
            json!("heart_rate"),
            "366 unit_mismatch scores.s.parameters[1].or",
        ),
        ("/scores/s", refused, "367 unmonitored_parameter scores.s.parameters.respiration"),
        ("/signals/score/score", json!("t"), "368 unknown_score signals.score.score"),
        ("/signals/spo2/part", json!("total"), "368 unknown_score signals.spo2.score"),
        ("/signals/score/kind", json!("glucose"), "369 derived_signal signals.score"),
        ("/signals/score/accept", json!(["motion"]), "369 derived_signal signals.score"),
        (
            "/rules/0",
            json!({ "id": "gone", "title": "Gone", "signal": "score", "missing_for": "10 min" }),
            "369 derived_signal rules[0].signal",
        ),
        ("/signals/score/cadence", json!("3 min"), "signals.score.pane"),
        ("/signals/score/pane", json!("1 min"), "signals.score.pane"),
    ];
    for (pointer, value, expected) in cases {
        let found = mistakes(pointer, &value);
        let said = found.iter().any(|found| found.ends_with(expected));
        assert!(said, "{pointer} {value}: {found:?}, not {expected}");
    }
}

/// A score of another score would be a circle, or a wheel within it.
#[test]
fn a_score_does_not_read_a_score() {
    let found = mistakes("/scores/s/parameters/1/signal", &json!("score"));
    assert!(!found.is_empty());
}

#[test]
fn all_mistakes_come_at_once() {
    let mut json = ward();
    json["scores"]["t"] = json!({ "chart": "none" });
    json["scores"]["u"] = json!({ "title": " ", "parameters": [] });
    json["signals"]["other"] = json!({ "score": "nothing", "cadence": "0 s" });
    json["rules"][0]["signal"] = json!("heart_beat");
    let errors = Policy::from_json(json.to_string().as_bytes()).unwrap_err();
    let paths: Vec<_> = errors.errors().iter().filter_map(rpm_core::Error::path).collect();
    for path in ["scores.t.chart", "scores.u.parameters", "signals.other.score"] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
    assert!(paths.iter().any(|path| path.starts_with("rules[0]")), "{paths:?}");
}
