//! Drift: false alarms as rare as was said, changes found as soon as theory says.

use rpm_core::insight::drift::{Adwin, Drift, DriftConfig, DriftKind, PageHinkley, Sketch};
use rpm_core::risk::Manifest;
use rpm_core::risk::manifest::ReferenceSpec;

use rpm_core::event::Device;
use rpm_core::policy::Policy;
use rpm_core::record::Record;
use rpm_core::{DeviceId, HostTime, Value};
use serde_json::json;

use super::bytes;
use super::common::{host, observed};

/// Random numbers: uniform, and about normal.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// On average over many runs, how many observations until an alarm.
fn run_length(shift: f64, wanted: f64, mean: f64, runs: u64, rare: Option<f64>) -> f64 {
    let total: u64 = (0..runs)
        .map(|run| {
            let mut random =
                Random(0x9e37_79b9_7f4a_7c15 ^ (run + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
            let mut test = PageHinkley::new(shift, wanted);
            (1..)
                .find(|_| {
                    let z = match rare {
                        Some(share) => {
                            let x = if random.uniform() < share { 1.0 } else { 0.0 };
                            (x - share) / (share * (1.0 - share)).sqrt()
                        }
                        None => random.normal(),
                    };
                    test.observe(z + mean).is_some()
                })
                .unwrap()
        })
        .sum();
    total as f64 / runs as f64
}

#[test]
fn false_alarms_are_as_rare_as_was_said() {
    for (shift, wanted) in [(1.0, 500.0), (1.0, 2000.0), (0.5, 1000.0), (0.5, 5000.0)] {
        let found = run_length(shift, wanted, 0.0, 400, None);
        println!("shift {shift}, once in {wanted}: {found:.0}");
        // The mean of 400 exponential times is within 15 % of the truth.
        assert!((0.8..1.25).contains(&(found / wanted)), "{found} of {wanted}");
    }
    // Of a share of one in five, which is not normal at all, no more often than half as rare.
    let found = run_length(0.5, 2000.0, 0.0, 200, Some(0.2));
    println!("a share of 20 %, once in 2000: {found:.0}");
    assert!(found > 1000.0, "{found}");
}

#[test]
fn a_change_is_found_soon() {
    // By the same formula 13 and 45 observations.
    for (shift, wanted, most) in [(1.0, 2000.0, 15.0), (0.5, 5000.0, 50.0)] {
        let found = run_length(shift, wanted, shift, 400, None);
        println!("shift {shift}, false once in {wanted}: found after {found:.1}");
        assert!(found < most, "{found}");
    }
}

#[test]
fn adwin_cuts_seldom_without_a_change_and_soon_with_one() {
    let (mut cuts, mut looks) = (0, 0);
    for run in 1..40 {
        let (mut random, mut window) = (Random(run * 7919), Adwin::new(0.002));
        for _ in 0..5000 {
            cuts += u32::from(window.observe(random.normal()).is_some());
        }
        looks += 5000 / 32;
    }
    println!("adwin: {cuts} false cuts in {looks} looks");
    assert!(f64::from(cuts) <= 0.002 * f64::from(looks), "{cuts} in {looks}");
    for (shift, most) in [(1.0, 160), (0.5, 480)] {
        for run in 1..20 {
            let (mut random, mut window) = (Random(run * 104_729), Adwin::new(0.002));
            for _ in 0..2000 {
                window.observe(random.normal());
            }
            let found = (1..5000).find(|_| window.observe(random.normal() + shift).is_some());
            assert!(found.is_some_and(|found| found <= most), "{shift} {found:?}");
            for _ in 0..1000 {
                window.observe(random.normal() + shift);
            }
            assert!((window.mean().unwrap() - shift).abs() < 0.3, "what was before is kept");
        }
    }
}

fn reference(name: &str) -> ReferenceSpec {
    // Deciles of a normal distribution.
    let edges = vec![-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816];
    ReferenceSpec { name: name.into(), usual: 0.0, missing: 0.1, edges, shares: vec![0.1; 10] }
}

/// A feature of so many values, moved by so much, with so many missing.
fn sketch(seed: u64, count: usize, moved: f64, missing: f64) -> Sketch {
    let (reference, mut random) = (reference("x"), Random(seed));
    let mut sketch = Sketch::new(&reference);
    for _ in 0..count {
        let is_missing = random.uniform() < missing;
        let value = if is_missing { f64::NAN } else { random.normal() + moved };
        sketch.add(&reference, value as f32);
    }
    sketch
}

#[test]
fn a_population_that_is_the_same_is_no_drift() {
    let reference = reference("x");
    let mut false_alarms = 0;
    for seed in 1..2000_u64 {
        // From few values the index is large by chance alone.
        let count = [50, 200, 1000][seed as usize % 3];
        let distance = sketch(seed * 31, count, 0.0, 0.1).distance(&reference).unwrap();
        let is_drift = distance.is_drift(10) || distance.is_missing(&reference);
        false_alarms += u32::from(is_drift);
    }
    println!("population: {false_alarms} false alarms in 2000 looks");
    assert!(false_alarms <= 20, "{false_alarms}");
}

#[test]
fn a_population_that_moved_is_drift_and_missing_values_are_told_apart() {
    let reference = reference("x");
    for seed in 1..100_u64 {
        let moved = sketch(seed, 1000, 0.5, 0.1).distance(&reference).unwrap();
        assert!(moved.is_drift(10) && !moved.is_missing(&reference), "{moved:?}");
        assert!((0.12..0.3).contains(&moved.ks), "{moved:?}");
        let missing = sketch(seed, 1000, 0.0, 0.3).distance(&reference).unwrap();
        assert!(!missing.is_drift(10) && missing.is_missing(&reference), "{missing:?}");
    }
}

#[test]
fn each_kind_of_drift_is_found_as_what_it_is() {
    let mut manifest = Manifest::from_json(&bytes("gemm", "json")).unwrap();
    manifest.reference = (0..16).map(|i| reference(&format!("feature {i}"))).collect();
    let mut drift = Drift::new(manifest, host(0), DriftConfig::default());
    let mut random = Random(77);
    let day = 86_400_000;
    for n in 0..2000 {
        let mut row: Vec<f32> = (0..16).map(|_| random.normal() as f32).collect();
        for value in &mut row {
            if random.uniform() < 0.1 {
                *value = f32::NAN;
            }
        }
        row[3] += 1.0;
        if random.uniform() < 0.5 {
            row[5] = f32::NAN;
        }
        drift.row(&row, host(n * 1000));
    }
    assert_eq!(drift.retraining(host(day)), None);
    drift.close_period(host(day));
    let found: Vec<_> =
        drift.findings().iter().map(|f| (f.kind, f.what.as_str(), f.since)).collect();
    let wanted =
        [(DriftKind::Population, "feature 3", host(0)), (DriftKind::Device, "feature 5", host(0))];
    assert_eq!(found, wanted);
    let due = drift.retraining(host(day)).unwrap();
    assert_eq!((due.model.as_str(), due.since), ("gemm", host(0)));
    assert!(due.reason.contains("feature 3") && !due.reason.contains("feature 5"));
    // What people do: one in ten alerts was false, and then one in three.
    for n in 0..4000 {
        let share = if n < 2000 { 0.1 } else { 0.33 };
        let yes = random.uniform() < share;
        drift.observe(DriftKind::Protocol, "alerts resolved as false", yes, host(day + n * 1000));
    }
    let found = drift.findings().last().unwrap();
    assert_eq!(
        (found.kind, found.touches.as_slice()),
        (DriftKind::Protocol, &["gemm".to_string()][..])
    );
    let (since, found_at) = (found.since.as_millis(), found.found_at.as_millis());
    let changed = host(day + 2_000_000).as_millis();
    assert!(since.abs_diff(changed) < 60_000, "since {}", since - changed);
    assert!((0..120_000).contains(&(found_at - changed)), "found {}", found_at - changed);
}

#[test]
fn a_model_grows_old() {
    let manifest = Manifest::from_json(&bytes("gemm", "json")).unwrap();
    let drift = Drift::new(manifest, host(0), DriftConfig::default());
    let day = 86_400_000;
    assert_eq!(drift.retraining(host(179 * day)), None);
    assert!(drift.retraining(host(180 * day)).unwrap().reason.starts_with("trained"));
}

const DAY: i64 = 86_400_000;

fn watch(run_length: f64) -> Drift {
    let manifest = Manifest::from_json(&bytes("gemm", "json")).unwrap();
    Drift::new(manifest, host(0), DriftConfig { run_length, ..DriftConfig::default() })
}

/// What was found, and that all of it is of one kind and in time: within so many days after a change.
fn found(drift: &Drift, kind: DriftKind, changed: HostTime, days: i64) -> Vec<&str> {
    for finding in drift.findings() {
        let late = finding.found_at.as_millis() - changed.as_millis();
        assert!(finding.kind == kind && (0..days * DAY).contains(&late), "{finding:?}");
    }
    let mut names: Vec<_> = drift.findings().iter().map(|f| f.what.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Also of a share that has to be learned first, and of one so rare that it was never seen while it was.
#[test]
fn streams_alarm_falsely_no_more_often_than_was_said() {
    for share in [0.001, 0.01, 0.05, 0.2, 0.5] {
        let (mut drift, mut random) = (watch(2000.0), Random(31));
        let looks = 1_000_000;
        for n in 0..looks {
            let yes = random.uniform() < share;
            drift.observe(DriftKind::Device, "x", yes, host(n));
        }
        let once_in = looks as f64 / drift.findings().len().max(1) as f64;
        println!("a share of {share}, once in 2000: once in {once_in:.0}");
        assert!(once_in > 2000.0, "{share}: {once_in}");
    }
}

/// Two hundred devices, told of once a day; two versions of firmware, of which one is rolled out.
#[test]
fn another_firmware_is_found_and_the_same_is_not() {
    let (mut drift, mut random) = (watch(1e6), Random(5));
    let day_of_change = 60;
    let device = |firmware: &str| Device {
        id: DeviceId::new("d1").unwrap(),
        model: Some("oximeter".into()),
        firmware: Some(firmware.into()),
        class: None,
    };
    for day in 0..day_of_change + 10 {
        let rolled_out = if day < day_of_change { 0.0 } else { 0.2 * (day - day_of_change) as f64 };
        for n in 0..200 {
            let old = if random.uniform() < 0.3 { "1.1" } else { "1.2" };
            let firmware = if random.uniform() < rolled_out { "2.0" } else { old };
            drift.device(&device(firmware), host(day * DAY + n));
        }
        if day < day_of_change {
            assert_eq!(drift.findings(), [], "day {day}");
        }
    }
    let changed = host(day_of_change * DAY);
    let names = found(&drift, DriftKind::Device, changed, 10);
    assert!(names.contains(&"firmware of oximeter: 2.0"), "{names:?}");
    let first = drift.findings().first().unwrap();
    assert!(first.found_at.as_millis() < changed.as_millis() + 3 * DAY, "{first:?}");
}

/// One pair in fifty disagrees by chance, and then one in eight.
#[test]
fn pairs_that_disagree_more_often_are_found() {
    let (mut drift, mut random) = (watch(20_000.0), Random(11));
    let value = Value::from_thousandths;
    for n in 0..8000 {
        let share = if n < 6000 { 0.02 } else { 0.125 };
        let apart = if random.uniform() < share { 9000 } else { 2000 };
        let values = [value(80_000), value(80_000 + apart)];
        drift.pair("heart_rate", values, value(5000), host(n * DAY / 100));
    }
    let names = found(&drift, DriftKind::Device, host(60 * DAY), 3);
    assert_eq!(names, ["pairs of heart_rate that disagree"]);
}

fn alert_record(alert: i64, at: i64, body: serde_json::Value) -> Record {
    let mut record = json!({
        "patient": "p1", "seq": 1, "at": host(at), "inputs": 1, "checksum": "0000000000000000",
        "prev": "0".repeat(64), "alert": alert, "rule": "low",
    });
    record.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    serde_json::from_value(record).unwrap()
}

fn opened(at: i64, route: &str) -> serde_json::Value {
    let at = observed(at);
    json!({
        "type": "alert_opened", "title": "Low", "level": "review", "shadow": false, "onset": at,
        "since": at, "observed_at": at, "evidence": [], "hold": "0 s",
        "policy": { "id": "x", "version": 1, "hash": "0".repeat(64) },
        "priority": { "total": 0, "terms": [] }, "route": route,
    })
}

/// Alerts go to two routes and are called true or false within hours; then to another one, and later.
#[test]
fn who_gets_alerts_and_how_long_a_label_takes_is_watched() {
    for what in ["nothing", "route", "delay"] {
        let (mut drift, mut random) = (watch(1e6), Random(17));
        for n in 0..3000_i64 {
            let (at, is_after) = (n * DAY / 20, n >= 2000);
            let usual = if random.uniform() < 0.4 { "bed" } else { "station" };
            let is_other = is_after && what == "route" && random.uniform() < 0.3;
            let route = if is_other { "hotline" } else { usual };
            drift.record(&alert_record(n, at, opened(at, route)));
            let late = if is_after && what == "delay" { 0.3 } else { 0.05 };
            let delay = if random.uniform() < late { 30 } else { 3 } * DAY / 24;
            let label = if random.uniform() < 0.2 { "false_artifact" } else { "true_acted_on" };
            drift.record(&alert_record(n, at + delay, json!({
                "type": "alert_changed", "revision": 2, "change": "resolved", "status": "resolved",
                "condition": "normal", "reason": label,
            })));
        }
        let names = found(&drift, DriftKind::Protocol, host(100 * DAY), 10);
        match what {
            "nothing" => assert_eq!(names, [""; 0]),
            "route" => assert!(names.contains(&"alerts routed to hotline"), "{names:?}"),
            _ => assert_eq!(names, ["alerts labelled late"]),
        }
    }
}

/// Half of the alerts clear before anybody takes them, and then nine in ten; and limits were changed.
#[test]
fn what_nobody_takes_is_watched_and_other_limits_are_told() {
    let hybrid = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/training/icu-hybrid.toml");
    let policy = Policy::from_toml(&std::fs::read_to_string(hybrid).unwrap()).unwrap();
    let mut manifest = Manifest::from_json(&bytes("gemm", "json")).unwrap();
    manifest.id = "sepsis-vitals".into();
    let config = DriftConfig { run_length: 1e6, ..DriftConfig::default() };
    let mut drift = Drift::new(manifest, host(0), config).beside(&policy);
    let mut random = Random(23);
    for n in 0..3000_i64 {
        let at = n * DAY / 20;
        let rest = json!({ "revision": 2, "status": "new", "condition": "normal" });
        let changed = |change: &str| {
            let mut body = rest.clone();
            body["type"] = "alert_changed".into();
            body["change"] = change.into();
            body
        };
        drift.record(&alert_record(n, at, opened(at, "bed")));
        if random.uniform() < if n < 2000 { 0.5 } else { 0.1 } {
            drift.record(&alert_record(n, at + 1, changed("acknowledged")));
        }
        drift.record(&alert_record(n, at + 2, changed("closed")));
    }
    assert_eq!(
        found(&drift, DriftKind::Protocol, host(100 * DAY), 10),
        ["alerts that nobody took"]
    );
    let rules = &drift.findings()[0].rules;
    assert!(rules.iter().any(|rule| rule == "sepsis-likely"), "{rules:?}");
    assert!(!rules.iter().any(|rule| rule == "blood-pressure-low"), "{rules:?}");

    let version = |version: u32| json!({ "id": "icu", "version": version, "hash": "0".repeat(64) });
    let body = json!({
        "type": "policy_changed", "from": version(1), "to": version(2), "reason": "too many",
        "owner": "dr.a", "approver": "dr.b",
    });
    drift.record(&alert_record(1, 150 * DAY, body));
    assert_eq!(drift.findings().last().unwrap().what, "policy icu 2 in force");
}
