//! A score hour by hour, and what it tells.

use serde_json::Value;

use crate::common::{Scratch, text};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");

/// Points by hand. `p1`: 0; pulse 120 is 2 and saturation 91 is 3; nothing new; saturation 97 is 0;
/// respiration 26 is 3. `p2`: nothing yet; pulse 95 is 1; nothing new.
const READINGS: &str = "\
patient,t_seconds,kind,value,unit
p1,3600,heart_rate,80,bpm
p1,7200,heart_rate,120,bpm
p1,7200,spo2,91,%
p1,14400,spo2,97,%
p1,18000,respiratory_rate,26,breaths/min
p2,7200,heart_rate,95,bpm
";

const LABELS: &str = "\
patient,onset,first,last
p1,14400,3600,18000
p2,,3600,10800
";

const STAY: [&str; 4] = ["--from-column", "first", "--until-column", "last"];

fn score(scratch: &Scratch, more: &[&str]) -> (String, Value) {
    scratch.write("r.csv", READINGS);
    scratch.write("l.csv", LABELS);
    let policy = format!("{DATA}/policies/news2-hourly.toml");
    let mut arguments = vec!["score", "--policy", &policy, "--readings", "r.csv", "--out", "out"];
    arguments.extend(more);
    let output = scratch.replay(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    (text(&output), serde_json::from_str(&scratch.read("out/score.json")).unwrap())
}

/// What is said of a limit.
fn at(found: &Value, value: f64) -> &Value {
    let thresholds = found["thresholds"].as_array().unwrap();
    thresholds.iter().find(|threshold| threshold["value"] == value).unwrap()
}

fn close(found: &Value, wanted: f64) {
    assert!((found.as_f64().unwrap() - wanted).abs() < 1e-9, "{found} is not {wanted}");
}

#[test]
fn every_hour_of_a_stay_has_a_value_and_the_figures_are_those_by_hand() {
    let scratch = Scratch::new("score");
    let labels = ["--labels", "l.csv", "--lead", "1 h", "--unmeasured", "0"];
    let (told, found) = score(&scratch, &[&labels[..], &STAY].concat());
    let series = "\
patient,t_seconds,value,carried,event
p1,3600,0,0,0
p1,7200,5,0,0
p1,10800,5,1,1
p1,14400,2,0,1
p1,18000,5,0,1
p2,3600,0,1,0
p2,7200,1,0,0
p2,10800,1,1,0
";
    assert_eq!(scratch.read("out/score.csv"), series);
    assert_eq!((&found["patients"], &found["panes"]), (&2.into(), &8.into()));
    assert_eq!((&found["carried"], &found["positive"]), (&3.into(), &3.into()));
    close(&found["patient_days"], 8.0 / 24.0);
    // Of 5, 2, 5 against 0, 5, 0, 1, 1: four and a half, four, and four and a half of five.
    close(&found["auroc"], 13.0 / 15.0);
    assert!(told.contains("AUROC 0.8667: 3 panes of 1 events against 5"), "{told}");
    let five = at(&found, 5.0);
    assert_eq!((&five["crossings"], &five["panes"]), (&2.into(), &3.into()), "{five}");
    close(&five["crossings_per_patient_day"], 6.0);
    assert_eq!((&five["positive"], &five["events"]), (&2.into(), &1.into()), "{five}");
    // `p1` rises to 2 once: from 5 it falls to 2.
    assert_eq!(at(&found, 2.0)["crossings"], 1);
    assert_eq!(at(&found, 0.0)["crossings"], 2, "a first hour counts");
    assert!(scratch.read("out/score.html").contains("</svg>"));
}

#[test]
fn hours_before_the_first_value_are_left_out_unless_they_count_something() {
    let scratch = Scratch::new("score-unmeasured");
    let (_, found) = score(&scratch, &[&["--labels", "l.csv"], &STAY[..]].concat());
    assert_eq!(found["panes"], 7);
    // From six hours before the onset: all of p1.
    assert_eq!(found["positive"], 5);
}

#[test]
fn without_labels_a_stay_is_from_the_first_reading_to_the_last() {
    let scratch = Scratch::new("score-plain");
    let (told, found) = score(&scratch, &["--signal", "heart_rate"]);
    assert_eq!((&found["panes"], &found["auroc"]), (&6.into(), &Value::Null));
    assert!(!told.contains("AUROC"), "{told}");
    let series = scratch.read("out/score.csv");
    assert!(series.starts_with("patient,t_seconds,value,carried\np1,3600,80,0\n"), "{series}");
    assert_eq!(at(&found, 95.0)["crossings"], 2, "each of them once");
}

#[test]
fn what_is_not_there_is_told() {
    let scratch = Scratch::new("score-wrong");
    score(&scratch, &[]);
    let policy = format!("{DATA}/policies/news2-hourly.toml");
    let base = ["score", "--policy", &policy, "--readings", "r.csv", "--out", "out"];
    for (more, wanted) in [
        (&["--signal", "mews"][..], "no signal mews: body_temperature"),
        (&["--labels", "l.csv", "--from-column", "first"], "--until-column"),
        (&["--labels", "l.csv", "--from-column", "x", "--until-column", "last"], "no column x"),
        (&["--labels", "l.csv", "--from-column", "onset", "--until-column", "last"], "line 3"),
    ] {
        let output = scratch.replay(&[&base[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(wanted), "{}", text(&output));
    }
}

/// Twenty real stays. What it must come to was counted by another program, straight from the chart's
/// bands and the files, without an engine.
#[test]
fn the_scores_of_real_stays_are_those_of_an_independent_count() {
    let scratch = Scratch::new("score-stays");
    let folder = format!("{DATA}/recordings/cinc2019_setb");
    let policy = format!("{DATA}/policies/news2-hourly.toml");
    let readings = format!("{folder}/samples_20_patients.csv.gz");
    let labels = format!("{folder}/labels.csv");
    let output = scratch.replay(&[
        "score",
        "--policy",
        &policy,
        "--readings",
        &readings,
        "--labels",
        &labels,
        "--onset-column",
        "label_first_1_t_seconds",
        "--lead",
        "0 s",
        "--from-column",
        "first_row_t_seconds",
        "--until-column",
        "last_row_t_seconds",
        "--unmeasured",
        "0",
        "--out",
        "out",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let found: Value = serde_json::from_str(&scratch.read("out/score.json")).unwrap();
    let count = |name: &str| found[name].as_u64().unwrap();
    assert_eq!([count("panes"), count("positive"), count("carried")], [905, 98, 109]);
    close(&found["auroc"], 0.554_371_190_855_524_3);
    let five = at(&found, 5.0);
    assert_eq!((&five["crossings"], &five["panes"]), (&49.into(), &152.into()), "{five}");
    assert_eq!((&five["positive"], &five["events"]), (&22.into(), &4.into()), "{five}");
}
