//! The smaller commands, and unit tests of policies.

use std::fs;
use std::process::{Command, Stdio};

use crate::common::{POLICY, Scratch, text, ward};

/// A breath that goes up and down across its limit: a hold or a dead band spares most alarms.
#[test]
fn a_sweep_tells_what_a_hold_spares_and_what_it_loses() {
    let scratch = Scratch::new("suggest");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    let policy = format!("{data}/policies/single-limits.toml");
    let readings = format!("{data}/recordings/cinc2019_setb/samples_20_patients.csv.gz");
    let suggest = |rule: &str| {
        scratch.replay(&[
            "suggest",
            "--policy",
            &policy,
            "--rule",
            rule,
            "--readings",
            &readings,
            "--out",
            "out",
        ])
    };
    let output = suggest("respiration-high");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let found: serde_json::Value = serde_json::from_str(&scratch.read("out/suggest.json")).unwrap();
    let outcomes = found.as_array().unwrap();
    let alarms = |outcome: &serde_json::Value| outcome["alarms"].as_u64().unwrap();
    let share = |outcome: &serde_json::Value| outcome["found"].as_f64().unwrap();
    assert_eq!((&outcomes[0]["present"], share(&outcomes[0])), (&true.into(), 1.0));
    assert!(alarms(&outcomes[0]) > 20, "{}", outcomes[0]);
    for outcome in outcomes {
        let beaten = outcomes.iter().any(|o| {
            let (fewer, more) = (alarms(o) <= alarms(outcome), share(o) >= share(outcome));
            fewer && more && (alarms(o), share(o)) != (alarms(outcome), share(outcome))
        });
        assert_eq!(outcome["best"], !beaten, "{outcome}");
    }
    let longest = outcomes.iter().filter(|o| o["hold"] == "60 h").map(alarms).max();
    assert_eq!(longest, Some(0), "nobody breathes fast for so long");
    assert!(scratch.read("out/suggest.html").contains("</svg>"));
    assert_eq!(suggest("no such rule").status.code(), Some(2));
}

/// The twenty stays of the project, with and without holds: fewer alarms, and fewer in time.
#[test]
fn a_comparison_tells_what_holds_spare_and_cost() {
    let scratch = Scratch::new("compare");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    let single = format!("{data}/policies/single-limits.toml");
    let held = format!("{data}/policies/held-limits.toml");
    let readings = format!("{data}/recordings/cinc2019_setb/samples_20_patients.csv.gz");
    let labels = format!("{data}/recordings/cinc2019_setb/labels.csv");
    let compare = |column: &str| {
        scratch.replay(&[
            "compare",
            "--policy",
            &single,
            "--policy",
            &held,
            "--readings",
            &readings,
            "--labels",
            &labels,
            "--onset-column",
            column,
            "--enrol",
            "--out",
            "out",
        ])
    };
    let output = compare("sepsis_onset_t_seconds");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let found: serde_json::Value = serde_json::from_str(&scratch.read("out/compare.json")).unwrap();
    let (a, b) = (&found["a"], &found["b"]);
    let alarms = |side: &serde_json::Value| side["by_level"]["review"]["alarms"].as_u64().unwrap();
    assert!(alarms(a) > 2 * alarms(b), "{} and {}", alarms(a), alarms(b));
    for side in [a, b] {
        let count = |name: &str| side["detection"][name].as_u64().unwrap();
        assert_eq!((count("events"), count("uneventful")), (10, 10));
        assert_eq!(count("before") + count("after") + count("missed"), 10);
        let hourly = side["load"]["hourly"].as_array().unwrap();
        let all: u64 = hourly.iter().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(all, alarms(side), "every alarm has its hour");
    }
    let page = scratch.read("out/compare.html");
    assert!(page.contains("</html>") && page.matches("<svg").count() == 3);
    assert_eq!(compare("no such column").status.code(), Some(2));
    let same = scratch.replay(&[
        "compare",
        "--policy",
        &held,
        "--policy",
        &held,
        "--readings",
        &readings,
        "--out",
        "same",
    ]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same));
}

#[test]
fn explain_and_verify_work_from_records_alone() {
    let scratch = Scratch::new("explain");
    scratch.write("r.csv", ward());
    scratch.run("r.csv", "out", &[]);
    fs::create_dir(scratch.at("kept")).unwrap();
    scratch.write("kept/records.jsonl", scratch.read("out/records.jsonl"));
    let output = scratch.replay(&["explain", "kept", "p2/1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("Low oxygen saturation"), "{}", text(&output));
    assert!(text(&output).contains("hash chain intact"), "{}", text(&output));
    assert_eq!(scratch.replay(&["explain", "kept", "p2/9"]).status.code(), Some(2));
    assert_eq!(scratch.replay(&["explain", "--json", "kept", "p2/1"]).status.code(), Some(0));
    assert_eq!(scratch.replay(&["verify", "kept"]).status.code(), Some(0));
}

#[test]
fn kpi_folds_the_records_alone() {
    let scratch = Scratch::new("kpi");
    scratch.write("r.csv", ward());
    let command = r#"{"at":"1970-01-01T00:03:00Z","command":{"patient":"p2","alert":1,"seen_revision":2,"by":"n","action":"resolve","reason":"false_artifact"}}"#;
    scratch.write("c.jsonl", command);
    scratch.run("r.csv", "out", &["--commands", "c.jsonl", "--until", "1970-01-01T06:00:00Z"]);
    fs::create_dir(scratch.at("kept")).unwrap();
    scratch.write("kept/records.jsonl", scratch.read("out/records.jsonl"));
    let output = scratch.replay(&["kpi", "kept"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for needle in ["queue unrouted: 1 annunciated", "alarms an hour", "spo2-low of p2", "1 false"] {
        assert!(text(&output).contains(needle), "{needle}: {}", text(&output));
    }
    assert!(text(&output).contains("hash chain intact"), "{}", text(&output));

    let output = scratch.replay(&["kpi", "kept", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &report[0];
    let queue = &report["queues"][0];
    assert_eq!((&queue["queue"], &queue["annunciated"]), (&"unrouted".into(), &1.into()));
    assert_eq!(queue["peak"]["verdict"], "within");
    assert_eq!(report["patients"][0]["of"]["patient"], "p2");
    assert_eq!(report["patients"][0]["false"], 1);

    let changed = scratch.read("out/records.jsonl").replacen("urgent", "review", 1);
    scratch.write("kept/records.jsonl", changed);
    assert_eq!(scratch.replay(&["kpi", "kept"]).status.code(), Some(1));
    assert_eq!(scratch.replay(&["kpi", "absent"]).status.code(), Some(2));
}

#[test]
fn kpi_tells_the_service_levels_by_the_policy_of_the_run() {
    let scratch = Scratch::new("levels");
    scratch.write("r.csv", ward());
    let asked = format!(
        "{POLICY}\n{}",
        r#"
[care]
error_budget = { min_events = 1, min_bad = 1 }
routes = [{ id = "all", queue = "ward", escalation = "call" }]

[care.escalations.call]
answer_within = "1 min"
steps = [{ after = "0 s", to = ["nurse"], channels = ["push"] }]

[[care.objectives]]
title = "Nobody is missed"
indicator = "missed"
critical = true
share = "100 %"

[[care.objectives]]
title = "Taken soon"
indicator = "acknowledged"
critical = true
within = "2 h"
share = "95 %"
"#
    );
    scratch.write("asked.toml", asked);
    let run = ["run", "--policy", "asked.toml", "--readings", "r.csv", "--out", "out"];
    let output = scratch.replay(&[&run[..], &["--until", "1970-01-01T01:00:00Z"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    let output = scratch.replay(&["kpi", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let told = text(&output);
    for needle in [
        "queue ward: 1 annunciated",
        "objective Nobody is missed (critical): 100 % not missed\n  MISSED: 1 bad of 1",
        "objective Taken soon (critical): 95 % acknowledged within 120 min\n  too few",
    ] {
        assert!(told.contains(needle), "{needle}: {told}");
    }
    let output = scratch.replay(&["kpi", "out", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report[0]["queues"][0]["queue"], "ward");
    let levels = &report[0]["service_levels"];
    let objective = &levels["objectives"][0];
    assert_eq!((&objective["indicator"], &objective["pages"]), (&"missed".into(), &true.into()));
    assert_eq!((&levels["critical"]["missed"], &objective["bad"]), (&1.into(), &1.into()));

    // Without the policy there are the figures alone; by another policy there is nothing.
    let policies = scratch.read("out/policies.jsonl");
    fs::remove_file(scratch.at("out/policies.jsonl")).unwrap();
    let output = scratch.replay(&["kpi", "out", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report[0].get("service_levels").is_none() && !report[0]["queues"].is_null());
    for strange in [policies.replace("100 %", "10 %"), "{}".into(), policies.replacen('{', "", 1)] {
        scratch.write("out/policies.jsonl", strange);
        let output = scratch.replay(&["kpi", "out"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}

#[test]
fn a_changed_or_missing_record_is_found() {
    let scratch = Scratch::new("verify");
    scratch.write("r.csv", ward());
    scratch.run("r.csv", "out", &[]);
    let records = scratch.read("out/records.jsonl");
    let lines: Vec<&str> = records.lines().collect();
    let changed = records.replacen("urgent", "review", 1);
    let lost = [&lines[..3], &lines[4..]].concat().join("\n");
    let cut = lines[..lines.len() - 1].join("\n");
    let damaged = [("changed", changed), ("lost", lost), ("cut", cut), ("odd", "{}\n".into())];
    for (name, records) in damaged {
        fs::create_dir(scratch.at(name)).unwrap();
        scratch.write(&format!("{name}/summary.json"), scratch.read("out/summary.json"));
        scratch.write(&format!("{name}/records.jsonl"), records);
        let output = scratch.replay(&["verify", name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output).contains("BROKEN"), "{name}");
    }
}

#[test]
fn diff_finds_what_changed_between_two_policies() {
    let scratch = Scratch::new("diff");
    scratch.write("r.csv", ward());
    scratch.run("r.csv", "one", &[]);
    let output = scratch.replay(&["diff", "one", "one"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    let compare = |name: &str, policy: String| {
        scratch.write("other.toml", policy);
        let run = ["run", "--policy", "other.toml", "--readings", "r.csv", "--out", name];
        assert_eq!(scratch.replay(&run).status.code(), Some(0));
        let output = scratch.replay(&["diff", "one", name]);
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    let milder = compare("two", POLICY.replace("below = 88", "below = 80"));
    assert!(milder.contains("level urgent -> review"), "{milder}");
    let never = POLICY.replace("below = 92", "below = 72").replace("below = 88", "below = 70");
    let never = compare("three", never);
    assert!(never.contains("0 new, 1 gone"), "{never}");
}

#[test]
fn check_tells_mistakes_and_plain_words() {
    let scratch = Scratch::new("check");
    scratch.write("good.toml", POLICY);
    let output = scratch.replay(&["check", "good.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("valid"), "{}", text(&output));
    scratch.write("bad.toml", POLICY.replace("signal = \"spo2\"", "signal = \"spo3\""));
    let output = scratch.replay(&["check", "bad.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("unknown_signal"), "{}", text(&output));
    assert_eq!(scratch.replay(&["check", "absent.toml"]).status.code(), Some(2));
}

const CASES: &str = r#"
policy = "policy.toml"

[[case]]
name = "a dip is urgent after five seconds and latches"
series = { spo2 = "97x10 85x20 97x30" }

[[case.expect]]
at = "9 s"
state = { spo2-low = "normal" }
alerts = []

[[case.expect]]
at = "12 s"
state = { spo2-low = "pending" }

[[case.expect]]
at = "20 s"
state = { spo2-low = "active urgent" }
alerts = ["spo2-low urgent"]
explains = { spo2-low = ["85", "88"] }

[[case.expect]]
at = "59 s"
state = { spo2-low = "latched" }

[[case.command]]
at = "60 s"
alert = 1
action = "resolve"
reason = "false_artifact"
note = "probe repositioned"

[[case.expect]]
at = "60 s"
alerts = []
"#;

#[test]
fn cases_that_hold_pass_and_others_say_why() {
    let scratch = Scratch::new("suite");
    scratch.write("policy.toml", POLICY);
    scratch.write("good.test.toml", CASES);
    let output = scratch.replay(&["test", "good.test.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("1 passed; 0 failed"), "{}", text(&output));

    scratch.write("bad.test.toml", CASES.replace("\"active urgent\"", "\"normal\""));
    let output = scratch.replay(&["test", "good.test.toml", "bad.test.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let told = ["FAILED", "expected normal", "found    active urgent", "why", "1 passed; 1 failed"];
    for needle in told {
        assert!(text(&output).contains(needle), "{needle}: {}", text(&output));
    }

    scratch.write("odd.test.toml", CASES.replace("97x10", "97y10"));
    let output = scratch.replay(&["test", "odd.test.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("97y10"), "{}", text(&output));
}

#[test]
fn completions_and_help_are_there_and_a_closed_pipe_is_no_error() {
    let scratch = Scratch::new("help");
    let output = scratch.replay(&["completions", "bash"]);
    assert!(output.status.success() && text(&output).contains("_replay"));
    for command in
        [vec!["--help"], vec!["run", "--help"], vec!["test", "--help"], vec!["kpi", "--help"]]
    {
        let output = scratch.replay(&command);
        assert!(output.status.success() && text(&output).contains("Example"));
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_replay"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(output.stderr.is_empty());
}
