//! `replay run`: every row has one outcome, and the same rows give the same bytes.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::common::{POLICY, Scratch, text, ward};

const FILES: [&str; 7] = [
    "records.jsonl",
    "alerts.jsonl",
    "messages.jsonl",
    "models.jsonl",
    "quarantine.jsonl",
    "policies.jsonl",
    "summary.json",
];

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {value:#}"))
}

/// `in` is the sum of the rest, in all and for each kind, and the kinds add up.
fn assert_adds_up(summary: &Value) {
    let check = |fates: &Value| {
        let reasons = fates["quarantined_by_reason"].as_object().unwrap().values();
        let reasons: u64 = reasons.map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(number(fates, "/quarantined"), reasons, "{summary:#}");
        let parts = ["/accepted", "/duplicate", "/quarantined"].map(|p| number(fates, p));
        assert_eq!(number(fates, "/in"), parts.iter().sum::<u64>(), "{summary:#}");
    };
    check(&summary["events"]);
    let kinds = summary["kinds"].as_object().unwrap();
    kinds.values().for_each(check);
    let all: u64 = kinds.values().map(|kind| number(kind, "/in")).sum();
    assert_eq!(number(&summary["events"], "/in"), all);
}

fn assert_same(scratch: &Scratch, one: &str, two: &str) {
    for file in FILES {
        let read = |directory: &str| scratch.read(&format!("{directory}/{file}"));
        assert_eq!(read(one), read(two), "{file}");
    }
}

#[test]
fn a_dip_becomes_one_explained_alert() {
    let scratch = Scratch::new("dip");
    scratch.write("r.csv", ward());
    scratch.run("r.csv", "out", &[]);
    let alerts = scratch.read("out/alerts.jsonl");
    assert_eq!(alerts.lines().count(), 1, "{alerts}");
    let alert: Value = serde_json::from_str(&alerts).unwrap();
    assert_eq!(alert["patient"], "p2");
    assert_eq!(alert["level"], "urgent");
    assert_eq!(alert["priority"], "high");
    assert_eq!(alert["onset"], "1970-01-01T00:01:00Z");
    assert!(alert["explanation"].as_str().unwrap().contains("85"));
    let summary = scratch.summary("out");
    assert_adds_up(&summary);
    assert_eq!(number(&summary, "/unmonitored/heart_rate"), 200);
    assert_eq!(number(&summary, "/events/accepted"), 600);
    assert_eq!(number(&summary, "/alerts/urgent"), 1);
}

#[test]
fn a_second_run_gives_the_same_bytes() {
    let scratch = Scratch::new("again");
    scratch.write("r.csv", ward());
    scratch.run("r.csv", "one", &[]);
    scratch.run("r.csv", "two", &[]);
    assert_same(&scratch, "one", "two");
}

#[test]
fn sorting_on_disk_gives_what_sorting_in_memory_gives() {
    let scratch = Scratch::new("sort");
    // Grouped by patient, as recordings are: the order of arrival is not that of the file.
    let csv = ward();
    let mut lines: Vec<&str> = csv.lines().skip(1).collect();
    lines.sort_by_key(|line| line.split(',').next());
    let header = csv.lines().next().unwrap();
    scratch.write("r.csv", format!("{header}\n{}\n", lines.join("\n")));
    scratch.run("r.csv", "memory", &[]);
    // No memory at all: each row is a run of its own.
    scratch.run("r.csv", "disk", &["--sort-memory", "0"]);
    assert_same(&scratch, "memory", "disk");
    let left = std::fs::read_dir(scratch.at("disk")).unwrap().count();
    assert_eq!(left, FILES.len(), "temporary files are removed");
}

#[test]
fn gzip_reads_like_plain_text() {
    let scratch = Scratch::new("gzip");
    scratch.write("r.csv", ward());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(ward().as_bytes()).unwrap();
    scratch.write("r.csv.gz", encoder.finish().unwrap());
    scratch.run("r.csv", "plain", &[]);
    scratch.run("r.csv.gz", "gzip", &[]);
    assert_eq!(scratch.read("plain/records.jsonl"), scratch.read("gzip/records.jsonl"));
}

/// Rows, and the reason for which each is refused, if it is.
const ROWS: [(&str, Option<&str>); 17] = [
    ("p1,1,spo2,97,%", None),
    ("p1,2,spo2,,%", None),
    ("p1,3,spo2,NaN,%", None),
    ("p1,4,spo2,ninety,%", Some("not_a_number")),
    ("p1,5,spo2,97,furlong", Some("unknown_unit")),
    ("p1,6,moon_phase,1,%", Some("unknown_kind")),
    ("p1,soon,spo2,97,%", Some("bad_timestamp")),
    ("p1,-7,spo2,97,%", Some("bad_timestamp")),
    ("p1,8,spo2,97", Some("missing_field")),
    ("p1,9,spo2,97,%,1", Some("unknown_field")),
    (",10,spo2,97,%", Some("bad_identifier")),
    ("p1,11,spo2,\"97,%", Some("wrong_type")),
    ("p1,12,spo2,1e30,%", Some("out_of_range")),
    ("p1,13,spo2,250,%", Some("impossible")),
    ("p1,1,spo2,97,%", None),
    ("p1,1,spo2,96,%", Some("conflict")),
    ("\"p1\",14,\"spo2\",97,%", None),
];

#[test]
fn every_bad_row_has_a_reason_and_a_place() {
    let scratch = Scratch::new("bad");
    let lines = ROWS.map(|(row, _)| row).join("\r\n");
    let mut bytes = format!("patient,t_seconds,kind,value,unit\r\n{lines}\r\n").into_bytes();
    bytes.extend_from_slice(b"p1,15,spo2,\xff,%\r\n");
    scratch.write("r.csv", bytes);
    scratch.run("r.csv", "out", &[]);
    let summary = scratch.summary("out");
    assert_adds_up(&summary);
    assert_eq!(number(&summary, "/events/in"), ROWS.len() as u64 + 1);
    assert_eq!(number(&summary, "/events/duplicate"), 1);
    assert_eq!(number(&summary, "/without_value/spo2"), 2);
    assert_eq!(number(&summary, "/events/quarantined_by_reason/bad_encoding"), 1);
    let quarantine = scratch.read("out/quarantine.jsonl");
    let parse = |line| serde_json::from_str::<Value>(line).unwrap();
    let found: Vec<Value> = quarantine.lines().map(parse).collect();
    assert_eq!(found.len() as u64, number(&summary, "/events/quarantined"));
    for (line, (row, reason)) in (2..).zip(ROWS) {
        let here = found.iter().find(|refused| refused["line"] == line);
        assert_eq!(here.and_then(|refused| refused["reason"].as_str()), reason, "{row}");
    }
}

#[test]
fn optional_columns_count_and_arrival_decides_the_order() {
    let scratch = Scratch::new("optional");
    let mut csv = String::from(
        "note,patient,observed_at,received_at,device,sequence,kind,value,unit,quality\n",
    );
    for t in 0..30 {
        let quality = if t < 10 { "0.2" } else { "" };
        let times = format!("2026-03-01T00:00:{t:02}Z,2026-03-01T00:01:{t:02}Z");
        writeln!(csv, "x,p,{times},d,{t},spo2,80,%,{quality}").unwrap();
    }
    scratch.write("r.csv", csv);
    let output = scratch.run("r.csv", "out", &["--until", "2026-03-01T00:05:00Z"]);
    assert!(text(&output).contains("columns not read: note"), "{}", text(&output));
    let alert: Value = serde_json::from_str(&scratch.read("out/alerts.jsonl")).unwrap();
    assert_eq!(alert["onset"], "2026-03-01T00:00:10Z", "artifacts do not count");
    assert!(alert["opened_at"].as_str().unwrap().starts_with("2026-03-01T00:01:1"));
    assert!(scratch.read("out/records.jsonl").contains("unverified"), "time went on");
}

#[test]
fn json_lines_and_commands_are_replayed() {
    let scratch = Scratch::new("jsonl");
    let mut lines = String::new();
    for t in 0..30 {
        writeln!(
            lines,
            r#"{{"v":"1.0","patient":"p","device":"d","observed_at":"1970-01-01T00:00:{t:02}Z","reading":{{"kind":"spo2","value":80,"unit":"%"}}}}"#
        )
        .unwrap();
    }
    lines.push_str("{\"v\":\"1.0\"}\nnot json\n\n");
    scratch.write("r.jsonl", lines);
    let command = r#"{"at":"1970-01-01T00:00:20Z","command":{"patient":"p","alert":1,"seen_revision":99,"by":"n","action":"acknowledge"}}"#;
    scratch.write("c.jsonl", command);
    scratch.run("r.jsonl", "out", &["--commands", "c.jsonl"]);
    let summary = scratch.summary("out");
    assert_adds_up(&summary);
    assert_eq!(number(&summary, "/events/accepted"), 30);
    assert_eq!(number(&summary, "/events/quarantined"), 2);
    assert_eq!(number(&summary, "/commands/refused/stale_revision"), 1);
}

/// A policy that tells a nurse, a roster that says who that is, and a nurse who answers.
#[test]
fn who_is_told_and_who_answers_is_replayed() {
    let scratch = Scratch::new("told");
    let care = r#"
[[care.routes]]
id = "all"
queue = "ward"
escalation = "page"

[care.escalations.page]
answer_within = "5 min"
steps = [{ after = "0 s", to = ["nurse"], channels = ["push"], repeat = { every = "30 s", times = 3 } }]
"#;
    scratch.write("care.toml", [POLICY, care].concat());
    scratch.write("r.csv", ward());
    scratch.write(
        "roster.json",
        r#"[{"function":"nurse","person":"ann","from":"1970-01-01T00:00:00Z","until":"1970-01-01T08:00:00Z"}]"#,
    );
    let run = |out: &str, more: &[&str]| {
        let fixed = ["run", "--policy", "care.toml", "--readings", "r.csv", "--out", out];
        let roster = ["--roster", "roster.json"];
        let output = scratch.replay(&[&fixed[..], &roster, more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let lines = scratch.read(&format!("{out}/messages.jsonl"));
        lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<Value>>()
    };
    let unanswered = run("alone", &[]);
    assert!(unanswered.iter().filter(|m| m["type"] == "deliver").count() >= 3);
    assert_eq!(unanswered[0]["target"]["person"], "ann");
    assert_eq!(unanswered[0]["parts"][0]["rule"], "spo2-low");
    let revision = &unanswered.last().unwrap()["parts"][0]["revision"];
    assert!(revision.is_u64(), "what an answer to the message has seen");
    let answer = r#"{"at":"1970-01-01T00:01:08Z","command":{"patient":"p2","alert":1,"seen_revision":1,"by":"ann","role":"nurse","action":"acknowledge"}}"#;
    scratch.write("c.jsonl", answer);
    let answered = run("answered", &["--commands", "c.jsonl"]);
    let kinds: Vec<&Value> = answered.iter().map(|m| &m["type"]).collect();
    assert_eq!(kinds[..2], ["deliver", "cancel"], "{answered:#?}");
    assert_eq!(answered[0]["key"], unanswered[0]["key"], "the same decision, the same key");
    assert_eq!(answered[1]["key"], answered[0]["key"]);
}

/// Nobody is on call, and somebody answers all the same: the same team in every run.
#[test]
fn a_simulated_team_answers_the_same_way_every_time() {
    let scratch = Scratch::new("team");
    let care = r#"
[care]
acknowledged_for = { urgent = "10 min" }

[[care.routes]]
id = "all"
queue = "ward"
escalation = "page"

[care.escalations.page]
answer_within = "1 min"
steps = [{ after = "0 s", to = ["nurse"], channels = ["push"], repeat = { every = "10 s", times = 2 } }]
"#;
    scratch.write("care.toml", [POLICY, care].concat());
    scratch.write("r.csv", ward());
    let team = |ignores: u32| {
        let text = format!(
            "seed = 7\n[functions.nurse]\nanswers_within = [\"2 s\", \"9 s\"]\n\
             works_for = [\"20 s\", \"30 s\"]\nat_once = 1\nignores = \"{ignores} %\"\n\
             false_alarms = \"100 %\"\n"
        );
        scratch.write("team.toml", text);
    };
    let run = |out: &str| {
        let arguments = [
            "run",
            "--policy",
            "care.toml",
            "--readings",
            "r.csv",
            "--team",
            "team.toml",
            "--out",
            out,
            "--until",
            "1970-01-01T00:10:00Z",
        ];
        let output = scratch.replay(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        (scratch.read(&format!("{out}/records.jsonl")), scratch.summary(out))
    };
    team(0);
    let (records, summary) = run("one");
    assert_eq!(number(&summary, "/commands/accepted"), 2, "seen, and dealt with: {summary:#}");
    assert!(records.contains("false_artifact") && !records.contains("escalation_exhausted"));
    assert_eq!(records, run("two").0);
    team(100);
    let (records, summary) = run("nobody");
    assert_eq!(number(&summary, "/commands/accepted"), 0);
    assert!(records.contains("escalation_exhausted"));
}

#[test]
fn bad_usage_is_told_apart_from_findings_and_shows_no_value() {
    let scratch = Scratch::new("usage");
    scratch.write("policy.toml", POLICY);
    scratch.write("headless.csv", "patient,kind,value\nAda,spo2,97\n");
    scratch.write("wrong.toml", "id = \"x\"\n");
    let run = |policy: &str, readings: &str| {
        scratch.replay(&["run", "--policy", policy, "--readings", readings, "--out", "out"])
    };
    for (output, needle) in [
        (run("policy.toml", "headless.csv"), "headless.csv"),
        (run("policy.toml", "absent.csv"), "absent.csv"),
        (run("wrong.toml", "headless.csv"), "not a valid policy"),
        (scratch.replay(&["run"]), "--policy"),
        (scratch.replay(&["explain", "out", "nonsense"]), "PATIENT/NUMBER"),
    ] {
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(needle), "{}", text(&output));
        assert!(!text(&output).contains("Ada"), "{}", text(&output));
    }
}
