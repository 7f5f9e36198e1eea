//! What a policy may not say of nights, each with its place.

use rpm_core::Code;
use rpm_core::policy::Policy;
use serde_json::{Value as Json, json};

fn mistakes(signal: &Json) -> Vec<(Code, String)> {
    let policy = json!({
        "id": "p", "version": 1, "title": "P",
        "signals": {
            "heart_rate": { "cadence": "1 s" },
            "spo2": { "cadence": "12 h" },
            "other": {
                "cadence": "1 d",
                "summary": { "of": "heart_rate", "from": "00:00", "until": "07:00" },
            },
            "x": signal,
        },
        "rules": [],
    });
    let Err(errors) = Policy::from_json(policy.to_string().as_bytes()) else {
        return Vec::new();
    };
    let of = |e: &rpm_core::Error| (e.code(), e.path().unwrap_or_default().to_string());
    errors.errors().iter().map(of).collect()
}

#[test]
fn each_mistake_has_its_code_and_its_place() {
    let night = |field: &str, value: Json| {
        let mut summary = json!({ "of": "heart_rate", "from": "22:00", "until": "07:00" });
        summary[field] = value;
        json!({ "cadence": "1 d", "summary": summary })
    };
    assert_eq!(mistakes(&night("statistic", "min".into())), []);
    let mut hourly = night("statistic", "max".into());
    hourly["cadence"] = "1 h".into();
    for (signal, code, path) in [
        (night("of", "nobody".into()), Code::UnknownSignal, "signals.x.summary.of"),
        (night("of", "other".into()), Code::DerivedSignal, "signals.x.summary.of"),
        (night("statistic", "slope".into()), Code::UnknownStatistic, "signals.x.summary.statistic"),
        (night("from", "24:00".into()), Code::BadTimeOfDay, "signals.x.summary.from"),
        (night("until", "7".into()), Code::BadTimeOfDay, "signals.x.summary.until"),
        (night("coverage", "half".into()), Code::BadShare, "signals.x.summary.coverage"),
        (night("of", "spo2".into()), Code::WindowTooLong, "signals.x.summary.of"),
        (hourly, Code::NotAMultiple, "signals.x.pane"),
    ] {
        assert_eq!(mistakes(&signal), [(code, path.to_string())], "{signal}");
    }
    let ranked = |statistic: &str, percentile: Json, resolution: Json| {
        let mut signal = night("statistic", statistic.into());
        let more = [("percentile", percentile), ("resolution", resolution)];
        for (field, value) in more.into_iter().filter(|(_, value)| !value.is_null()) {
            signal["summary"][field] = value;
        }
        signal
    };
    let none = || Json::Null;
    assert_eq!(mistakes(&ranked("median", none(), none())), []);
    assert_eq!(mistakes(&ranked("percentile", 99.9.into(), 0.5.into())), []);
    for (signal, field) in [
        (ranked("percentile", none(), none()), "percentile"),
        (ranked("median", 50.into(), none()), "percentile"),
        (ranked("percentile", 0.into(), none()), "percentile"),
        (ranked("percentile", 100.5.into(), none()), "percentile"),
        (ranked("mean", none(), 1.into()), "resolution"),
        (ranked("median", none(), 0.001.into()), "resolution"),
        (ranked("median", none(), (-1).into()), "resolution"),
    ] {
        let path = format!("signals.x.summary.{field}");
        assert_eq!(mistakes(&signal), [(Code::OutOfRange, path)], "{signal}");
    }
    let mut two = night("statistic", "mean".into());
    two["difference"] = json!(["heart_rate", "heart_rate"]);
    assert_eq!(mistakes(&two)[0], (Code::DerivedSignal, "signals.x".to_string()));
}
