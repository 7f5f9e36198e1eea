//! How large a change of a signal a policy would have found.

use serde_json::{Value, json};

use crate::common::{Scratch, text};

/// One limit at once, one that is held, one on trial, one that looks back.
const POLICY: &str = r#"
id = "ward"
version = 2
title = "For tests"

[signals]
heart_rate = { cadence = "1 s" }
spo2 = { cadence = "1 s" }

[[rules]]
id = "fast"
title = "Fast heart rate"
signal = "heart_rate"
levels = [{ level = "review", raise = { above = 100 } }]

[[rules]]
id = "fast-held"
title = "Fast heart rate for four seconds"
signal = "heart_rate"
levels = [{ level = "review", raise = { above = 110 }, for = "4 s" }]

[[rules]]
id = "fast-lately"
title = "Fast heart rate, remembered"
signal = "heart_rate"
statistic = "max"
over = "10 s"
levels = [{ level = "review", raise = { above = 110 }, for = "4 s" }]

[[rules]]
id = "low"
title = "Low oxygen saturation"
mode = "shadow"
signal = "spo2"
levels = [{ level = "review", raise = { below = 90 } }]
"#;

/// Four calm patients at 80 for 100 s; `fever` is at 105 all the time; `brief` is gone after 20 s.
fn ward() -> String {
    let mut csv = String::from("patient,t_seconds,kind,value,unit\n");
    for t in 0..100 {
        for patient in ["p1", "p2", "p3", "p4"] {
            csv.push_str(&format!("{patient},{t},heart_rate,80,bpm\n{patient},{t},spo2,97,%\n"));
        }
        csv.push_str(&format!("fever,{t},heart_rate,105,bpm\n"));
        if t < 20 {
            csv.push_str(&format!("brief,{t},heart_rate,80,bpm\n"));
        }
    }
    csv
}

/// What `sensitivity.json` says, of 5 places for each patient.
fn asked(scratch: &Scratch, more: &[&str]) -> Value {
    scratch.write("policy.toml", POLICY);
    scratch.write("ward.csv", ward());
    let basics =
        ["sensitivity", "--policy", "policy.toml", "--readings", "ward.csv", "--out", "out"];
    let settled = ["--settle", "30 s", "--places", "5"];
    let output = scratch.replay(&[&basics[..], &settled, more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    serde_json::from_str(&scratch.read("out/sensitivity.json")).unwrap()
}

/// Amount, found while it lasted, found later.
fn curve(told: &Value) -> Vec<(f64, u64, u64)> {
    let points = told["curve"].as_array().unwrap().iter();
    let count = |point: &Value, name: &str| point[name].as_u64().unwrap();
    points
        .map(|p| (p["shift"].as_f64().unwrap(), count(p, "found"), count(p, "found_later")))
        .collect()
}

const HEART: [&str; 4] = ["--kind", "heart_rate", "--for", "3 s"];

#[test]
fn a_shift_is_found_from_the_limit_on() {
    let scratch = Scratch::new("sensitivity");
    let told = asked(&scratch, &[&HEART[..], &["--shift", "19..21,20.5"]].concat());
    assert_eq!(curve(&told), [(19.0, 0, 0), (20.0, 0, 0), (20.5, 20, 0), (21.0, 20, 0)]);
    // Five places of `fever` are no places: it has an alarm anyway. `brief` ends before it settled.
    assert_eq!((&told["places"], &told["alarmed_anyway"]), (&json!(20), &json!(5)));
    assert_eq!(told["curve"][2]["median_delay_s"], 0);
    assert_eq!(told["curve"][2]["share"], 1.0);
    let now = json!({
        "patients": 6, "days": 6, "alarm_days": 1, "alarm_days_in_100": 100.0 / 6.0, "alarms": 1
    });
    assert_eq!(told["now"], now);
    // As it is means as it is.
    assert!(!scratch.at("out/.sensitivity").exists());
    scratch.replay(&["run", "--policy", "policy.toml", "--readings", "ward.csv", "--out", "run"]);
    assert_eq!(scratch.read("out/now/records.jsonl"), scratch.read("run/records.jsonl"));
}

#[test]
fn what_is_found_when_it_is_over_is_told_apart() {
    let scratch = Scratch::new("sensitivity-later");
    let of = |rule: &str, later: &str| {
        let more = ["--shift", "40", "--rule", rule, "--later", later];
        curve(&asked(&scratch, &[&HEART[..], &more].concat()))
    };
    // Three seconds are never held for four; a window remembers them, and fills the hold after them.
    assert_eq!(of("fast-held", "9 s"), [(40.0, 0, 0)]);
    assert_eq!(of("fast-lately", "1 s"), [(40.0, 0, 0)]);
    assert_eq!(of("fast-lately", "9 s"), [(40.0, 0, 25)]);
    let page = scratch.read("out/sensitivity.html");
    assert_eq!(page.matches("<polyline").count(), 2);
    assert!(page.contains("fast-lately of ward v2: shifts of heart_rate that are found"), "{page}");
    assert!(page.contains("100 % (25)"), "{page}");
}

#[test]
fn a_rule_on_trial_counts_if_it_is_asked_for() {
    let scratch = Scratch::new("sensitivity-shadow");
    let of = |more: &[&str]| {
        let kind = ["--kind", "spo2", "--for", "3 s", "--shift", "-6..-8"];
        curve(&asked(&scratch, &[&kind[..], more].concat()))
    };
    assert_eq!(of(&[]), [(-8.0, 0, 0), (-7.0, 0, 0), (-6.0, 0, 0)]);
    assert_eq!(of(&["--rule", "low"]), [(-8.0, 20, 0), (-7.0, 0, 0), (-6.0, 0, 0)]);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let scratch = Scratch::new("sensitivity-mistakes");
    scratch.write("policy.toml", POLICY);
    scratch.write("ward.csv", ward());
    let refused = |more: &[&str], why: &str| {
        let basics =
            ["sensitivity", "--policy", "policy.toml", "--readings", "ward.csv", "--out", "out"];
        let output = scratch.replay(&[&basics[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(why), "{}", text(&output));
    };
    let kind = |kind| ["--kind", kind, "--for", "3 s", "--shift", "5"];
    refused(&kind("pulse_rate"), "no signal of the policy is of kind pulse_rate");
    refused(&kind("nonsense"), "no signal of the policy is of kind nonsense");
    let more = |more| [&kind("spo2")[..], more].concat();
    refused(&more(&["--rule", "none"]), "the policy has no rule none");
    refused(&more(&["--settle", "2 min"]), "no patient has readings of spo2 over");
    refused(&["--kind", "spo2", "--for", "0 s", "--shift", "5"], "--for takes some time");
    refused(&["--kind", "spo2", "--for", "3 s", "--shift", "0..5"], "a shift of 0 changes nothing");
}
