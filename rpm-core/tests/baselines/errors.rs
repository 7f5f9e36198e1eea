//! Mistakes about baselines, each with its code and its path, and all at once.

use rpm_core::Code;
use rpm_core::policy::Policy;
use serde_json::{Value as Json, json};

use crate::stay::ward_json;

fn mistakes(json: &Json) -> Vec<(Code, String)> {
    match Policy::from_json(json.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(errors) => {
            let all = errors.errors().iter();
            all.map(|e| (e.code(), e.path().unwrap_or_default().to_string())).collect()
        }
    }
}

#[test]
fn all_mistakes_at_once() {
    let mean = |half_life: &str| json!({ "mean": { "half_life": half_life } });
    let range =
        |from: &str, to: &str| json!({ "range": { "from": from, "to": to, "half_life": "3 d" } });
    let of = |learn: Json| json!({ "of": "heart_rate", "learn": learn });
    let mut json = ward_json(
        &json!({
            "fine": of(mean("3 d")),
            "a name": of(mean("3 d")),
            "elsewhere": { "of": "pulse", "learn": mean("nonsense") },
            "brief": of(mean("10 min")),
            "garbled": of(mean("soon")),
            "hasty": { "of": "heart_rate", "learn": mean("3 d"), "every": "3 min" },
            "uneven": { "of": "heart_rate", "learn": { "by_hour": { "half_life": "3 d" } },
                "every": "25 min" },
            "upside": of(range("95 %", "5 %")),
            "share": of(range("5", "95 %")),
            "none": of(json!({ "median": { "panes": 0 } })),
            "many": of(json!({ "median": { "panes": 401 } })),
            "nights": { "of": "heart_rate", "learn": { "median": { "panes": 7 } } },
            "warm": { "of": "heart_rate", "learn": mean("3 d"), "warm_up": "a while" },
            "narrow": { "of": "heart_rate", "learn": mean("3 d"), "least_deviation": -1 },
            "backwards": { "of": "heart_rate", "learn": mean("3 d"),
                "fallback": { "any": [100, 60], "child": [80, "x"] } },
        }),
        &json!([]),
    );
    json["signals"]["spo2"] = json!({ "cadence": "1 min" });
    json["signals"]["respiratory_rate"] = json!({ "cadence": "1 min" });
    let raise = [
        ("heart_rate", json!({ "above": 1, "baseline": "missing" })),
        ("heart_rate", json!({ "above": 1, "distance": "percent" })),
        ("spo2", json!({ "below": -1, "baseline": "fine" })),
        (
            "heart_rate",
            json!({
            "above": 1, "baseline": "fine", "statistic": "slope", "over": "5 min" }),
        ),
        (
            "heart_rate",
            json!({
            "above": 1, "baseline": "fine", "statistic": "standard_deviation", "over": "5 min" }),
        ),
        (
            "heart_rate",
            json!({
            "above": 1, "baseline": "fine", "statistic": "sum", "over": "5 min" }),
        ),
        // The same unit, but its panes may still change.
        ("respiratory_rate", json!({ "above": 1, "baseline": "nights" })),
    ];
    let rule = |(n, (signal, raise)): (usize, &(&str, Json))| {
        crate::stay::active(&format!("r{n}"), signal, raise)
    };
    json["rules"] = raise.iter().enumerate().map(rule).collect();
    let at = |n: usize| (Code::UnlikeBaseline, format!("rules[{n}].levels[0].raise.baseline"));
    let of = |code: Code, path: &str| (code, path.to_string());
    let expected = [
        of(Code::EmptyName, "baselines.a name"),
        of(Code::UnknownBaseline, "rules[0].levels[0].raise.baseline"),
        of(Code::UnknownBaseline, "rules[1].levels[0].raise.baseline"),
        at(2),
        at(3),
        at(4),
        at(5),
        at(6),
        of(Code::OutOfRange, "baselines.backwards.fallback.any"),
        of(Code::BadLimit, "baselines.backwards.fallback.child"),
        of(Code::OutOfRange, "baselines.brief.learn.mean.half_life"),
        of(Code::UnknownSignal, "baselines.elsewhere.of"),
        of(Code::BadDuration, "baselines.elsewhere.learn.mean.half_life"),
        of(Code::BadDuration, "baselines.garbled.learn.mean.half_life"),
        of(Code::OutOfRange, "baselines.hasty.every"),
        of(Code::OutOfRange, "baselines.many.learn.median.panes"),
        of(Code::OutOfRange, "baselines.narrow.least_deviation"),
        of(Code::OutOfRange, "baselines.none.learn.median.panes"),
        of(Code::BadShare, "baselines.share.learn.range.from"),
        of(Code::OutOfRange, "baselines.uneven.learn.by_hour"),
        of(Code::OutOfRange, "baselines.upside.learn.range.to"),
        of(Code::BadDuration, "baselines.warm.warm_up"),
    ];
    let found = mistakes(&json);
    let missing: Vec<_> = expected.iter().filter(|e| !found.contains(e)).collect();
    let surplus: Vec<_> = found.iter().filter(|e| !expected.contains(e)).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:?}, surplus {surplus:?}");
    assert_eq!(found.len(), expected.len(), "none twice: {found:?}");
}

#[test]
fn too_many_baselines_are_one_mistake() {
    let one = json!({ "of": "heart_rate", "learn": { "mean": { "half_life": "3 d" } } });
    let many: serde_json::Map<String, Json> =
        (0..201).map(|n| (format!("b{n}"), one.clone())).collect();
    let found = mistakes(&ward_json(&Json::Object(many), &json!([])));
    assert_eq!(found, [(Code::TooManyItems, "baselines".to_string())]);
}

/// What cannot be kept long enough to become certain is refused, and not forgotten.
#[test]
fn panes_too_narrow_for_what_they_must_wait_for_are_refused() {
    let mut json = ward_json(
        &json!({ "fast": { "of": "heart_rate", "learn": { "mean": { "half_life": "3 d" } } } }),
        &json!([crate::stay::active(
            "both",
            "heart_rate",
            &json!({ "all": [
            { "signal": "heart_rate", "above": 100 }, { "signal": "spo2", "below": 90 },
        ] })
        )]),
    );
    json["lateness_horizon"] = "2 s".into();
    json["signals"] = json!({ "heart_rate": { "cadence": "1 ms" }, "spo2": { "cadence": "2 s" } });
    assert_eq!(mistakes(&json), [], "six seconds of milliseconds fit");
    json["signals"]["spo2"]["cadence"] = "30 s".into();
    json["rules"][0]["abandon_after"] = "30 s".into();
    json["rules"][0]["max_gap"] = "30 s".into();
    let found = mistakes(&json);
    assert_eq!(found, [(Code::WindowTooLong, "baselines.fast.of".to_string())]);
}

#[test]
fn words_that_nobody_knows_are_refused() {
    for (at, word) in [
        ("learn", json!({ "mode": {} })),
        ("learn", json!({ "mean": { "half_life": "3 d", "from": "5 %" } })),
        ("each", json!("1 h")),
    ] {
        let mut baseline =
            json!({ "of": "heart_rate", "learn": { "mean": { "half_life": "3 d" } } });
        baseline[at] = word;
        let found = mistakes(&ward_json(&json!({ "b": baseline }), &json!([])));
        assert_eq!(found.len(), 1);
        assert!(found[0].1.starts_with("baselines.b"), "{found:?}");
    }
}
