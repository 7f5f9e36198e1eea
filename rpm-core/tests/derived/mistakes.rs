//! What a policy may not say of derived signals: all of it at once, each with its place.

use rpm_core::Code;
use rpm_core::policy::Policy;
use serde_json::{Value as Json, json};

fn mistakes(signal: &Json) -> Vec<(u16, String)> {
    let policy = json!({
        "id": "p", "version": 1, "title": "P",
        "signals": {
            "heart_rate": { "cadence": "1 s" },
            "pulse_rate": { "cadence": "5 s" },
            "spo2": { "cadence": "1 s" },
            "gap": { "difference": ["heart_rate", "pulse_rate"], "cadence": "5 s" },
            "x": signal,
        },
        "rules": [],
    });
    let Err(errors) = Policy::from_json(policy.to_string().as_bytes()) else {
        return Vec::new();
    };
    let of = |e: &rpm_core::Error| (e.code() as u16, e.path().unwrap_or_default().to_string());
    errors.errors().iter().map(of).collect()
}

fn at(code: Code, path: &str) -> (u16, String) {
    (code as u16, path.to_string())
}

#[test]
fn what_is_right_is_taken() {
    for right in [
        json!({ "fused": { "of": ["heart_rate"] }, "cadence": "1 s" }),
        json!({ "fused": { "of": ["heart_rate", "pulse_rate"], "agree_within": 0 },
                "cadence": "5 s" }),
        json!({ "difference": ["pulse_rate", "heart_rate"], "cadence": "10 s", "accuracy": 2 }),
    ] {
        assert_eq!(mistakes(&right), []);
    }
}

#[test]
fn each_mistake_has_its_code_and_its_place() {
    let unless = |signal: &str| {
        json!({ "fused": { "of": ["heart_rate"], "unless": { "any": [
            { "signal": "spo2", "below": 50 }, { "signal": signal, "above": 5 },
        ] } }, "cadence": "5 s" })
    };
    let fused = |of: Json| json!({ "fused": { "of": of }, "cadence": "5 s" });
    let of = |place: usize| format!("signals.x.fused.of[{place}]");
    let cases = [
        (fused(json!(["heart_rate", "nobody"])), Code::UnknownSignal, of(1)),
        (fused(json!(["heart_rate", "heart_rate"])), Code::DuplicateId, of(1)),
        (fused(json!([])), Code::EmptyComposition, "signals.x.fused.of".into()),
        (fused(json!(["heart_rate", "spo2"])), Code::UnitMismatch, of(1)),
        (fused(json!(["gap"])), Code::DerivedSignal, of(0)),
        (unless("nobody"), Code::UnknownSignal, "signals.x.fused.unless.any[1].signal".into()),
        (unless("gap"), Code::DerivedSignal, "signals.x.fused.unless".into()),
        (
            json!({ "fused": { "of": ["pulse_rate"] }, "cadence": "7 s" }),
            Code::NotAMultiple,
            "signals.x.pane".into(),
        ),
        (
            json!({ "fused": { "of": ["heart_rate"], "agree_within": -1 }, "cadence": "1 s" }),
            Code::OutOfRange,
            "signals.x.fused.agree_within".into(),
        ),
        (
            json!({ "difference": ["heart_rate", "spo2"], "cadence": "1 s" }),
            Code::UnitMismatch,
            "signals.x.difference[1]".into(),
        ),
        (
            json!({ "difference": ["heart_rate", "heart_rate"], "cadence": "1 s" }),
            Code::DuplicateId,
            "signals.x.difference[1]".into(),
        ),
        (
            json!({ "difference": ["nobody", "heart_rate"], "cadence": "1 s" }),
            Code::UnknownSignal,
            "signals.x.difference[0]".into(),
        ),
    ];
    for (signal, code, path) in cases {
        assert_eq!(mistakes(&signal), [at(code, &path)], "{signal}");
    }
}

#[test]
fn a_signal_is_one_thing() {
    let fused = json!({ "of": ["heart_rate"] });
    for signal in [
        json!({ "fused": fused, "difference": ["heart_rate", "pulse_rate"], "cadence": "5 s" }),
        json!({ "fused": fused, "kind": "heart_rate", "cadence": "5 s" }),
        json!({ "fused": fused, "accept": ["implausible"], "cadence": "5 s" }),
        json!({ "fused": fused, "part": "total", "cadence": "5 s" }),
    ] {
        assert_eq!(mistakes(&signal), [at(Code::DerivedSignal, "signals.x")], "{signal}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let signal = json!({
        "fused": {
            "of": ["nobody", "spo2", "heart_rate"], "unless": { "signal": "me", "above": 1 },
        },
        "cadence": "5 s",
    });
    let paths: Vec<String> = mistakes(&signal).into_iter().map(|(_, path)| path).collect();
    assert_eq!(
        paths,
        ["signals.x.fused.of[0]", "signals.x.fused.of[2]", "signals.x.fused.unless.signal"]
    );
}
