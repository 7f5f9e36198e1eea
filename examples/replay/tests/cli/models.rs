//! A version of a model from shadow to promotion and back, by command, on the stays that come with the project;
//! and recorded scores, asked for again.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::common::{POLICY, Scratch, text, ward as two_patients};

const MODEL: &str = "sepsis-vitals";
const HOUR: i64 = 3600;
const PEOPLE: [&str; 4] = ["--owner", "dr.a", "--approver", "dr.b"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn policy() -> String {
    root().join("examples/training/icu-hybrid.toml").display().to_string()
}

/// Stays by patient, with when each ends and when sepsis began, in the order of the labels.
fn stays() -> Vec<(String, i64, Option<i64>)> {
    let path = root().join("testdata/recordings/cinc2019_setb/labels.csv");
    let mut labels = csv::Reader::from_path(path).unwrap();
    let rows = labels.records().map(Result::unwrap);
    rows.map(|row| (row[0].into(), row[2].parse().unwrap(), row[9].parse().ok())).collect()
}

/// When each stay begins on the ward, every eight hours, and when the last of the first ones has ended: those
/// that are watched in shadow come first, then the others.
fn admissions() -> (BTreeMap<String, i64>, i64) {
    let all = stays();
    let half = |odd: usize| all.iter().skip(odd).step_by(2);
    let mut clock = BTreeMap::new();
    let mut end = 0;
    for (n, (patient, last, _)) in (0..).zip(half(1)) {
        clock.insert(patient.clone(), n * 8 * HOUR);
        end = end.max(n * 8 * HOUR + last + HOUR);
    }
    let others = (0..).zip(half(0));
    clock.extend(others.map(|(n, (patient, ..))| (patient.clone(), end + n * 8 * HOUR)));
    (clock, end)
}

/// The readings of the ward, and what happened to those who are watched in shadow.
fn ward(scratch: &Scratch) -> i64 {
    let (clock, end) = admissions();
    let folder = root().join("testdata/recordings/cinc2019_setb");
    let mut bytes = Vec::new();
    let file = fs::File::open(folder.join("samples_20_patients.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    let mut readings = String::from("patient,t_seconds,kind,value,unit\n");
    for row in csv::Reader::from_reader(&bytes[..]).records().map(Result::unwrap) {
        let at = row[1].parse::<i64>().unwrap() + clock[&row[0]];
        readings += &format!("{},{at},{},{},{}\n", &row[0], &row[2], &row[3], &row[4]);
    }
    scratch.write("ward.csv", readings);
    let mut labels = String::from("patient,onset,from,until\n");
    for (patient, last, onset) in stays().into_iter().skip(1).step_by(2) {
        let from = clock[&patient];
        let onset = onset.map(|at| (at + from).to_string()).unwrap_or_default();
        labels += &format!("{patient},{onset},{from},{}\n", from + last);
    }
    scratch.write("labels.csv", labels);
    end
}

/// The model that comes with the project, as version 1; calibrated otherwise, as version 2.
fn artifacts(scratch: &Scratch) {
    fs::create_dir_all(scratch.at("models")).unwrap();
    let folder = root().join("examples/training/sepsis-vitals");
    let onnx = fs::read(folder.join("sepsis-vitals.onnx")).unwrap();
    let manifest = fs::read(folder.join("sepsis-vitals.json")).unwrap();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for version in 1..=2 {
        scratch.write(&format!("models/v{version}.onnx"), &onnx);
        scratch.write(&format!("models/v{version}.json"), manifest.to_string());
        manifest["version"] = 2.into();
        manifest["calibration"]["platt"]["intercept"] = 0.2.into();
    }
}

/// Calls, and expects that it works.
fn ok(scratch: &Scratch, arguments: &[&str]) -> String {
    let output = scratch.replay(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{}", text(&output));
    text(&output)
}

fn models(scratch: &Scratch, arguments: &[&str]) -> String {
    ok(scratch, &[&["models", "models"], arguments, &PEOPLE].concat())
}

/// Version 1 in force and version 2 in shadow from the beginning.
fn registered(scratch: &Scratch) {
    artifacts(scratch);
    let card = ["--reason", "card read", "--evidence", "MODEL_CARD.md", "--at", "0"];
    for version in ["1", "2"] {
        let name = format!("v{version}");
        ok(scratch, &["models", "models", "register", &name, "--owner", "dr.a", "--at", "0"]);
        models(scratch, &[&["step", MODEL, version, "shadow"], &card[..]].concat());
        // One version is in shadow at a time.
        if version == "1" {
            models(scratch, &[&["step", MODEL, version, "active"], &card[..]].concat());
        }
    }
}

fn run(scratch: &Scratch, out: &str, more: &[&str]) -> String {
    let policy = policy();
    let run = ["run", "--policy", &policy, "--readings", "ward.csv", "--out", out];
    ok(scratch, &[&run[..], more].concat())
}

/// Explanations of a rule's alerts, with when each opened.
fn explained(scratch: &Scratch, out: &str, rule: &str) -> Vec<(String, String)> {
    let alerts = scratch.read(&format!("{out}/alerts.jsonl"));
    let alerts = alerts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_rule = alerts.filter(|alert| alert["rule"] == rule);
    let named = of_rule.map(|alert| {
        let name = format!("{}/{}", alert["patient"].as_str().unwrap(), alert["alert"]);
        let told = ok(scratch, &["explain", out, &name]);
        let known = alert["explanation"].as_str().unwrap().trim_end().to_string();
        assert!(told.starts_with(&known), "the same in alerts.jsonl: {told}\n{known}");
        (alert["opened_at"].as_str().unwrap().to_string(), told)
    });
    named.collect()
}

#[test]
fn a_period_in_shadow_ends_in_a_promotion_and_a_rollback() {
    let scratch = Scratch::new("roll-out");
    registered(&scratch);
    let end = ward(&scratch);
    run(&scratch, "shadow", &["--models", "models"]);

    let until = end.to_string();
    let labels = ["--labels", "labels.csv", "--from-column", "from", "--until-column", "until"];
    let period = ["trial", "shadow", "--from", "0", "--until", &until];
    let told = ok(&scratch, &[&period[..], &labels].concat());
    let report: Value = serde_json::from_str(&scratch.read("shadow/trial.json")).unwrap();
    let versions = |side: &str| report[side]["voices"].as_array().unwrap().clone();
    assert_eq!(versions("candidate").len(), 1);
    assert_eq!(versions("candidate")[0]["model"]["version"], 2);
    assert_eq!(versions("active")[0]["model"]["version"], 1);
    assert_eq!(report["patients"], 10);
    assert_eq!(report["events"]["events"], 5);
    let count = |what: &str| report["episodes"][what].as_u64().unwrap();
    assert!(count("both") > 0 && count("only_candidate") > 0, "{}", report["episodes"]);
    // Calibrated higher, and with the same ranks: it never comes later.
    assert_eq!((count("only_active"), &report["lead"]["later"]), (0, &Value::from(0)));
    assert!(told.contains("Shall sepsis-vitals@2 take the place of sepsis-vitals@1?"), "{told}");
    let page = scratch.read("shadow/trial.html");
    assert!(page.contains("Approved by (name, function)") && page.contains("Limitations"));
    let evidence = told.lines().find_map(|line| line.strip_prefix("evidence: ")).unwrap();

    let because = ["--reason", "finds more, earlier"];
    let grounds = ["--report", "shadow/trial.json"];
    let wrong = ["models", "models", "promote", MODEL, "1"];
    let wrong = scratch.replay(&[&wrong[..], &grounds, &because, &PEOPLE].concat());
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong));
    models(&scratch, &[&["promote", MODEL, "2"], &grounds[..], &because].concat());
    let back = (end + 40 * HOUR).to_string();
    let why = ["--reason", "too many alarms", "--evidence", "shift report 12", "--at", &back];
    let history = models(&scratch, &[&["rollback", MODEL], &why[..]].concat());
    assert!(history.contains(evidence) && history.contains("shift report 12"), "{history}");

    run(&scratch, "after", &["--models", "models"]);
    let promoted = format!(
        "{MODEL}@2 active (shadow before) by dr.a, approved by dr.b: finds more, earlier; on {evidence}"
    );
    let rolled_back = format!(
        "rolled back: {MODEL}@1 active (retired before) by dr.a, approved by dr.b: too many alarms; \
         on shift report 12"
    );
    let alerts = explained(&scratch, "after", "sepsis-likely");
    let says = |what: &str| alerts.iter().filter(|(_, told)| told.contains(what)).count();
    assert!(says(&format!("{MODEL}@2 said")) > 0 && says(&promoted) > 0, "{alerts:?}");
    let after =
        |told: &str| told.contains(&format!("{MODEL}@1 said")) && told.contains(&rolled_back);
    assert!(alerts.iter().any(|(_, told)| after(told)), "{alerts:?}");
    ok(&scratch, &["verify", "after"]);
    // Whatever came after it, the period says the same.
    ok(&scratch, &[&["trial", "after", "--from", "0", "--until", &until], &labels[..]].concat());
    let again: Value = serde_json::from_str(&scratch.read("after/trial.json")).unwrap();
    assert_eq!((&again["episodes"], &again["lead"]), (&report["episodes"], &report["lead"]));
}

#[test]
fn recorded_scores_are_taken_byte_for_byte_and_asked_for_again() {
    let scratch = Scratch::new("recompute");
    registered(&scratch);
    ward(&scratch);
    run(&scratch, "first", &["--models", "models"]);
    let recorded = ["--commands", "first/models.jsonl"];
    run(&scratch, "again", &recorded);
    assert_eq!(scratch.read("first/records.jsonl"), scratch.read("again/records.jsonl"));
    assert_eq!(scratch.read("first/models.jsonl"), scratch.read("again/models.jsonl"));

    let again = ["--models", "models", "--recompute"];
    let told = run(&scratch, "asked", &[&recorded[..], &again].concat());
    assert!(told.contains("0 within 1 thousandths, 0 differ"), "{told}");
    assert_eq!(scratch.read("first/records.jsonl"), scratch.read("asked/records.jsonl"));

    // One thousandth more, and five: by a tolerance of one only the second is found.
    let lines = scratch.read("first/models.jsonl");
    let mut lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let scored = lines.iter_mut().filter(|line| line["score"]["score"].is_string());
    for (line, more) in scored.skip(100).step_by(50).zip([0.001, 0.005]) {
        let score: f64 = line["score"]["score"].as_str().unwrap().parse().unwrap();
        line["score"]["score"] = format!("{:.3}", score + more).into();
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    scratch.write("altered.jsonl", lines.join("\n"));
    let policy = policy();
    let run = ["run", "--policy", &policy, "--readings", "ward.csv", "--out", "altered"];
    let altered = [&run[..], &["--commands", "altered.jsonl"], &again].concat();
    let output = scratch.replay(&altered);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("1 within 1 thousandths, 1 differ"), "{}", text(&output));
    let exact = scratch.replay(&[&altered[..], &["--tolerance", "0"]].concat());
    assert!(text(&exact).contains("0 within 0 thousandths, 2 differ"), "{}", text(&exact));
    let told: Value = serde_json::from_str(&scratch.read("altered/recompute.json")).unwrap();
    assert_eq!(told["differ"].as_array().unwrap().len(), 2);
    // Another artifact under the same name and number is not the one that spoke.
    scratch.write("models/v1.json", scratch.read("models/v1.json").replace("the rpm", "The rpm"));
    let other = scratch.replay(&[&run[..], &recorded, &again].concat());
    assert_eq!(other.status.code(), Some(1), "{}", text(&other));
    assert!(text(&other).contains("now no model"), "{}", text(&other));
}

/// A rule in shadow with a milder limit and a shorter hold, without any model: found by both, four seconds earlier.
#[test]
fn a_rule_on_trial_needs_no_model() {
    let scratch = Scratch::new("trial-of-a-rule");
    let next = "\n[[rules]]\nid = \"spo2-low-next\"\ntitle = \"Low, next\"\nmode = \"shadow\"\n\
        signal = \"spo2\"\n\n[[rules.levels]]\nlevel = \"review\"\nraise = { below = 92 }\nfor = \"1 s\"\n\
        clear = { above = 94 }\nclear_for = \"5 s\"\n";
    scratch.write("next.toml", format!("{POLICY}{next}"));
    scratch.write("ward.csv", two_patients());
    ok(&scratch, &["run", "--policy", "next.toml", "--readings", "ward.csv", "--out", "out"]);
    let rules = ["--candidate", "spo2-low-next", "--active", "spo2-low"];
    let told = ok(&scratch, &[&["trial", "out", "--apart", "30 s"], &rules[..]].concat());
    assert!(told.contains("Shall spo2-low-next take the place of spo2-low?"), "{told}");
    let report: Value = serde_json::from_str(&scratch.read("out/trial.json")).unwrap();
    assert_eq!(report["episodes"]["both"], 1);
    assert_eq!(report["lead"]["earlier"], 1);
    let at = |side: &str| report["found"][0][side].as_str().unwrap().to_string();
    assert_eq!(at("candidate"), "1970-01-01T00:01:01Z");
    assert_eq!(at("active"), "1970-01-01T00:01:05Z");
    // What is in force is no candidate.
    let turned = ["--candidate", "spo2-low", "--active", "spo2-low-next"];
    let refused = scratch.replay(&[&["trial", "out"], &turned[..]].concat());
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    let unnamed = scratch.replay(&["trial", "out"]);
    assert!(
        text(&unnamed).contains("name a rule in shadow with --candidate"),
        "{}",
        text(&unnamed)
    );
}
