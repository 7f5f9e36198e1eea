//! A model that is asked only while a rule goes on that waits for the model is never asked: such circles are
//! found whatever they go through, and told by the way that they take.

use rpm_core::Code;
use rpm_core::policy::Policy;
use serde_json::{Value as Json, json};

/// Two models, of `a_risk` and `b_risk`, what is made of their scores, and rules.
fn plan(a: &Json, b: &Json, rules: &Json) -> Json {
    let kind = json!({ "title": "Risk", "unit": "1", "possible": [0, 1] });
    let model = |signal: &str, shadow: Json, more: &Json| {
        let mut model = json!({
            "title": "Risk", "model": "m", "signal": signal, "every": "1 min",
            "features": [{ "signal": "heart_rate", "over": "1 min" }],
        });
        for (key, value) in shadow.as_object().unwrap().iter().chain(more.as_object().unwrap()) {
            model[key] = value.clone();
        }
        model
    };
    json!({
        "id": "ward", "version": 1, "title": "Ward",
        "kinds": { "a_risk": kind, "a_next": kind, "b_risk": kind },
        "signals": {
            "heart_rate": { "cadence": "1 min" },
            "a_risk": { "cadence": "1 min" }, "a_next": { "cadence": "1 min" },
            "b_risk": { "cadence": "1 min" },
            "both": { "fused": { "of": ["a_risk", "b_risk"] }, "cadence": "1 min" },
            "trend": { "cadence": "1 min", "drift": { "baseline": "usual", "direction": "up" } },
            "night": { "cadence": "1 d", "summary": {
                "of": "a_risk", "from": "00:00", "until": "06:00",
            } },
        },
        "baselines": { "usual": { "of": "a_risk", "learn": { "mean": { "half_life": "30 d" } } } },
        "risk": {
            "a": model("a_risk", json!({ "shadow": "a_next" }), a),
            "b": model("b_risk", json!({}), b),
        },
        "rules": rules,
    })
}

fn above(signal: &str) -> Json {
    json!({ "signal": signal, "above": 0.5 })
}

fn rule(id: &str, raise: &Json) -> Json {
    json!({ "id": id, "title": id, "mode": "shadow",
            "levels": [{ "level": "review", "raise": raise }] })
}

fn only(rules: &[&str]) -> Json {
    json!({ "only_while": rules })
}

/// The circles: where, and on which way.
fn circles(plan: &Json) -> Vec<(String, String)> {
    let Err(errors) = Policy::from_json(plan.to_string().as_bytes()) else {
        return Vec::new();
    };
    let of = |error: &rpm_core::Error| {
        assert_eq!(error.code(), Code::Cycle, "{error}");
        let text = error.to_string();
        let (_, way) = text.rsplit_once("]: ").unwrap_or(("", &text));
        (error.path().unwrap_or_default().to_string(), way.to_string())
    };
    errors.errors().iter().map(of).collect()
}

fn circle(at: &str, way: &str) -> Vec<(String, String)> {
    vec![(at.into(), way.into())]
}

#[test]
fn a_circle_through_a_composition_is_found_and_its_way_is_told() {
    let fast = json!({ "signal": "heart_rate", "above": 100 });
    let of = |raise: &Json| {
        circles(&plan(&only(&["worse"]), &json!({}), &json!([rule("worse", raise)])))
    };
    let at = "risk.a.only_while[0]";
    let way = "risk.a -> rules.worse -> signals.a_risk -> risk.a";
    assert_eq!(of(&above("a_risk")), circle(at, way), "directly");
    assert_eq!(of(&json!({ "all": [fast, above("a_risk")] })), circle(at, way));
    assert_eq!(of(&json!({ "not": { "any": [fast, above("a_risk")] } })), circle(at, way));
    let two = json!({ "at_least": { "count": 2, "of": [fast, above("a_risk"), above("a_next")] } });
    let next = "risk.a -> rules.worse -> signals.a_next -> risk.a";
    assert_eq!(of(&two), circle(at, next));
    let recently = json!({ "recently": { "within": "5 min", "of": above("a_next") } });
    assert_eq!(of(&json!({ "all": [fast, recently] })), circle(at, next));
    // What something else can meet begins, and so the model is asked.
    assert_eq!(of(&json!({ "any": [fast, above("a_risk")] })), []);
    assert_eq!(of(&json!({ "not": { "all": [fast, above("a_risk")] } })), []);
    let one = json!({ "at_least": { "count": 1, "of": [fast, above("a_risk")] } });
    assert_eq!(of(&one), []);
}

/// Another rule's predicate is what is written there.
#[test]
fn a_circle_through_another_rule_is_found() {
    let rules = json!([
        rule("high", &above("a_risk")),
        rule(
            "worse",
            &json!({ "all": [
            { "rule": "high" }, { "signal": "heart_rate", "above": 100 },
        ] })
        ),
    ]);
    assert_eq!(
        circles(&plan(&only(&["worse"]), &json!({}), &rules)),
        circle("risk.a.only_while[0]", "risk.a -> rules.worse -> signals.a_risk -> risk.a")
    );
}

#[test]
fn a_circle_through_what_is_made_of_the_score_is_found() {
    for (made, signal, of) in [("trend", "trend", 0), ("night", "night", 0)] {
        let rules = json!([rule("worse", &above(signal))]);
        let way = format!("risk.a -> rules.worse -> signals.{made} -> signals.a_risk -> risk.a");
        let at = format!("risk.a.only_while[{of}]");
        assert_eq!(circles(&plan(&only(&["worse"]), &json!({}), &rules)), circle(&at, &way));
    }
    // What is fused of two scores comes as long as one of them does.
    let rules = json!([rule("worse", &above("both"))]);
    assert_eq!(circles(&plan(&only(&["worse"]), &json!({}), &rules)), []);
}

#[test]
fn a_circle_of_two_models_is_told_for_each() {
    let rules = json!([rule("a-high", &above("a_risk")), rule("b-high", &above("b_risk"))]);
    let both = plan(&only(&["b-high"]), &only(&["a-high"]), &rules);
    let found = circles(&both);
    let a = "risk.a -> rules.b-high -> signals.b_risk -> risk.b -> rules.a-high -> signals.a_risk \
             -> risk.a";
    let b = "risk.b -> rules.a-high -> signals.a_risk -> risk.a -> rules.b-high -> signals.b_risk \
             -> risk.b";
    assert_eq!(
        found,
        [circle("risk.a.only_while[0]", a), circle("risk.b.only_while[0]", b)].concat()
    );
    // One of them is asked whatever happens: that is no circle, nor if it is asked once in a while.
    assert_eq!(circles(&plan(&only(&["b-high"]), &json!({}), &rules)), []);
    let once = json!({ "only_while": ["a-high"], "at_least_every": "1 h" });
    assert_eq!(circles(&plan(&only(&["b-high"]), &once, &rules)), []);
}

/// Of several rules the one that waits is told; a missing score is waited for by nobody.
#[test]
fn the_rule_that_waits_is_told_and_no_other() {
    let rules = json!([
        rule("fast", &json!({ "signal": "heart_rate", "above": 100 })),
        rule("high", &above("a_risk")),
        { "id": "gone", "title": "No score", "signal": "a_risk", "missing_for": "1 h" },
    ]);
    assert_eq!(
        circles(&plan(&only(&["fast", "high", "gone"]), &json!({}), &rules)),
        circle("risk.a.only_while[1]", "risk.a -> rules.high -> signals.a_risk -> risk.a")
    );
}
