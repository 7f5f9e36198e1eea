//! Cases that went wrong in other systems, each by its name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{Run, With, enrolment, event, heart_rate, host, observed, policy, spo2};
use rpm_core::alert::Response;
use rpm_core::event::{Body, Kind, KindRef, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{self, AlertChange, ConditionState, Level, Status};
use rpm_core::{
    Action, Code, Duration, Engine, EngineConfig, HostTime, PatientKey, Receipt, Value,
};
use serde_json::{Value as Json, json};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// One urgent level below 90, cleared above 92; nothing latches.
fn low(hold: &str, clear_for: &str) -> Json {
    json!({
        "id": "low", "title": "Low oxygen saturation", "signal": "spo2",
        "max_gap": "3 s", "abandon_after": "10 s", "unverified_after": "20 s",
        "levels": [{
            "level": "urgent", "raise": { "below": 90 }, "for": hold,
            "clear": { "above": 92 }, "clear_for": clear_for, "latch": false,
        }],
    })
}

fn missing() -> Json {
    json!({ "id": "missing", "title": "No oxygen saturation", "signal": "spo2", "missing_for": "60 s" })
}

fn ward(rules: &[Json]) -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 1, "title": "Ward", "lateness_horizon": "30 s",
        "signals": { "spo2": { "cadence": "1 s" }, "heart_rate": { "cadence": "1 s" } },
        "rules": rules,
    }))
}

/// Readings of this saturation, one a second, live.
fn seconds(run: &mut Run, seconds: impl Iterator<Item = i64>, percent: i32) {
    for second in seconds {
        assert_eq!(run.live(spo2(second * 1000, percent)), Receipt::Accepted);
    }
}

fn resolve() -> Action {
    Action::Resolve {
        reason: record::Resolution::FalseArtifact,
        note: Some("probe was loose".into()),
    }
}

fn restored(run: &Run, now: HostTime) -> (Run, rpm_core::RestoreReport) {
    let bytes = run.engine.snapshot().unwrap();
    let policies = [Arc::clone(run.engine.policy())];
    let (engine, report) =
        Engine::restore(&bytes, &policies, EngineConfig::default(), now).unwrap();
    (Run::of(engine), report)
}

// --- Gaps and silence --------------------------------------------------------------------------

#[test]
fn a_scrape_gap_does_not_reset_the_hold() {
    let mut run = Run::new(&ward(&[low("10 s", "0 s")]));
    seconds(&mut run, 0..=5, 85);
    // Nothing at 6, 7, 8: five seconds were held before the gap, and count after it.
    seconds(&mut run, 9..=13, 85);
    assert_eq!(run.state("low"), ConditionState::Pending);
    seconds(&mut run, 14..=14, 85);
    assert_eq!(run.state("low"), ConditionState::Active(Level::Urgent));
    assert_eq!(run.opened("low"), [(Level::Urgent, 0)]);
}

#[test]
fn silence_does_not_satisfy_the_hold() {
    let mut run = Run::new(&ward(&[low("10 s", "0 s")]));
    seconds(&mut run, 0..=2, 85);
    // Longer than the hold, and the reading after it is low again.
    seconds(&mut run, 12..=12, 85);
    assert_eq!(run.state("low"), ConditionState::Pending);
    run.tick(host(20_000));
    assert_eq!(run.state("low"), ConditionState::Pending);
    assert!(run.opened("low").is_empty());
}

#[test]
fn a_long_silence_abandons_the_hold_and_says_so() {
    let mut run = Run::new(&ward(&[low("10 s", "0 s")]));
    seconds(&mut run, 0..=8, 85);
    // Far beyond what a ring of panes remembers.
    seconds(&mut run, 500..=505, 85);
    assert!(run.opened("low").is_empty());
    let given_up = run.bodies().into_iter().find_map(|body| match body {
        record::Body::HoldAbandoned { held, observed_at, .. } => Some((*held, *observed_at)),
        _ => None,
    });
    assert_eq!(given_up, Some((Duration::from_secs(8), observed(500_000))));
    seconds(&mut run, 506..=510, 85);
    assert_eq!(run.opened("low"), [(Level::Urgent, 500_000)]);
}

#[test]
fn silence_does_not_satisfy_the_hold_of_the_way_back() {
    let mut run = Run::new(&ward(&[low("0 s", "10 s")]));
    seconds(&mut run, 0..=3, 85);
    seconds(&mut run, 4..=5, 97);
    assert_eq!(run.state("low"), ConditionState::Clearing(Level::Urgent));
    seconds(&mut run, 400..=400, 97);
    assert_ne!(run.state("low"), ConditionState::Normal);
    seconds(&mut run, 401..=410, 97);
    assert_eq!(run.state("low"), ConditionState::Normal);
}

#[test]
fn resolved_is_not_sent_because_data_vanished() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s"), missing()]));
    seconds(&mut run, 0..=5, 85);
    for hour in 1..=48 {
        run.tick(host(hour * HOUR));
    }
    let changes = run.changes("low");
    assert_eq!(changes[0], AlertChange::Unverified);
    assert!(changes[1..].iter().all(|change| *change == AlertChange::BecameStale), "{changes:?}");
    assert_eq!(run.state("low"), ConditionState::ActiveUnverified(Level::Urgent));
    assert!(run.engine.alerts(PatientKey(0)).iter().all(rpm_core::Alert::is_open));
    // A technical alert joins it.
    assert_eq!(run.opened("missing").len(), 1);
}

#[test]
fn an_artifact_neither_raises_nor_clears() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    run.live(spo2(0, 50).quality(Quality::ARTIFACT));
    assert_eq!(run.state("low"), ConditionState::NeverSeen);
    seconds(&mut run, 1..=2, 85);
    run.live(spo2(3000, 99).quality(Quality::ARTIFACT));
    run.live(spo2(4000, 99).quality(Quality::NOT_WORN));
    assert_eq!(run.state("low"), ConditionState::Active(Level::Urgent));
    assert!(run.changes("low").is_empty());
}

#[test]
fn data_that_come_back_verify_the_alert_or_clear_it() {
    for (percent, expected) in [(85, AlertChange::Verified), (97, AlertChange::Cleared)] {
        let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
        seconds(&mut run, 0..=5, 85);
        run.tick(host(60_000));
        seconds(&mut run, 61..=61, percent);
        assert_eq!(run.changes("low")[..2], [AlertChange::Unverified, expected]);
        assert_eq!(run.opened("low").len(), 1);
    }
}

#[test]
fn data_that_cannot_tell_do_not_verify() {
    let mut rule = low("0 s", "0 s");
    rule["statistic"] = json!("mean");
    rule["over"] = json!("5 s");
    rule["coverage"] = json!("60 %");
    let mut run = Run::new(&ward(&[rule]));
    seconds(&mut run, 0..=5, 85);
    run.tick(host(60_000));
    // One normal reading covers a fifth of the window: still nobody knows.
    seconds(&mut run, 60..=60, 97);
    assert_eq!(run.changes("low"), [AlertChange::Unverified]);
    assert_eq!(run.state("low"), ConditionState::ActiveUnverified(Level::Urgent));
    seconds(&mut run, 61..=62, 97);
    assert_eq!(run.changes("low")[..2], [AlertChange::Unverified, AlertChange::Cleared]);
}

#[test]
fn an_alert_whose_data_thin_out_becomes_unverified() {
    let mut rule = low("0 s", "0 s");
    rule["statistic"] = json!("mean");
    rule["over"] = json!("10 s");
    rule["coverage"] = json!("60 %");
    let mut run = Run::new(&ward(&[rule]));
    seconds(&mut run, 0..=15, 85);
    assert_eq!(run.opened("low").len(), 1);
    // A fifth of the readings, for minutes: too little to say that it still holds, or does not.
    seconds(&mut run, (20..=200).step_by(5), 97);
    assert_eq!(run.state("low"), ConditionState::ActiveUnverified(Level::Urgent));
    assert_eq!(run.changes("low"), [AlertChange::Unverified]);
}

// --- Missing signals ---------------------------------------------------------------------------

#[test]
fn a_stream_never_seen_raises() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s"), missing()]));
    run.live(enrolment(0, &[Kind::SPO2], Duration::from_secs(1), 10_000, None));
    run.tick(host(69_999));
    assert!(run.opened("missing").is_empty());
    assert_eq!(run.engine.next_wakeup(), Some(host(70_000)));
    run.tick(host(70_000));
    // As urgent as what it blinds.
    assert_eq!(run.opened("missing"), [(Level::Urgent, 10_000)]);
    assert_eq!(run.state("missing"), ConditionState::Active(Level::Urgent));
}

#[test]
fn nobody_waits_for_a_stream_after_its_enrolment() {
    let mut run = Run::new(&ward(&[missing()]));
    run.live(enrolment(0, &[Kind::SPO2], Duration::from_secs(1), 0, Some(50_000)));
    run.tick(host(HOUR));
    assert!(run.opened("missing").is_empty());
}

#[test]
fn an_inactivity_alarm_does_not_fire_for_a_stream_that_just_came_back() {
    let mut run = Run::new(&ward(&[missing()]));
    seconds(&mut run, 0..=10, 97);
    run.tick(host(200_000));
    assert_eq!(run.opened("missing"), [(Level::Review, 10_000)].map(|(_, t)| (run_level(&run), t)));
    run.live(spo2(200_000, 97));
    assert_eq!(run.state("missing"), ConditionState::Normal);
    for second in 200..260 {
        run.tick(host(second * 1000));
    }
    assert_eq!(run.opened("missing").len(), 1);
    run.tick(host(260_000));
    assert_eq!(run.opened("missing").len(), 2);
}

/// The level of the first alert: of a missing signal that blinds nothing, whatever the policy says.
fn run_level(run: &Run) -> Level {
    run.engine.alerts(PatientKey(0))[0].level
}

#[test]
fn an_old_upload_does_not_end_an_inactivity_alarm() {
    let mut run = Run::new(&ward(&[missing()]));
    seconds(&mut run, 0..=10, 97);
    run.tick(host(HOUR));
    for second in 11..=20 {
        run.event(spo2(second * 1000, 97), host(HOUR));
    }
    assert!(matches!(run.state("missing"), ConditionState::Active(_)));
}

// --- Late data ---------------------------------------------------------------------------------

#[test]
fn late_data_are_not_dropped_without_a_word() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    seconds(&mut run, 0..=9, 97);
    seconds(&mut run, 20..=100, 97);
    // Within the horizon: what was going on is revised.
    let receipt = run.event(spo2(80_500, 80), host(100_000));
    assert_eq!(receipt, Receipt::Accepted);
    assert!(run.findings("low").iter().any(|(_, from, ..)| *from / 1000 == 80));
    // Beyond it: evaluated on its own.
    for second in 12..=15 {
        let percent = if second < 15 { 80 } else { 97 };
        let receipt = run.event(spo2(second * 1000, percent), host(101_000));
        assert_eq!(receipt, Receipt::Accepted);
    }
    assert_eq!(run.engine.counts(PatientKey(0)).unwrap().beyond_horizon, 4);
    // The word comes when the upload has come to its end, and soon.
    let due = run.engine.next_wakeup().unwrap();
    assert!(due <= host(101_000 + 2 * MINUTE));
    run.tick(due);
    let found = run.findings("low");
    assert!(found.contains(&(Level::Urgent, 12_000, 15_000, false)), "{found:?}");
    assert!(run.opened("low").is_empty());
}

#[test]
fn late_evidence_takes_an_alert_back() {
    let mut run = Run::new(&ward(&[low("3 s", "0 s")]));
    seconds(&mut run, 0..=0, 97);
    for second in [1, 2, 4, 5] {
        run.live(spo2(second * 1000, 85));
    }
    assert_eq!(run.opened("low").len(), 1);
    // In the middle it was normal, so it never held for three seconds.
    run.event(spo2(3000, 97), host(5500));
    assert_eq!(run.state("low"), ConditionState::Pending);
    assert_eq!(run.changes("low"), [AlertChange::Revised, AlertChange::Closed]);
}

/// An episode that had its alert ended earlier than was thought: that is no finding of something that
/// nobody was told of.
#[test]
fn an_alerted_episode_that_was_shorter_is_no_finding() {
    let mut run = Run::new(&ward(&[low("2 s", "2 s")]));
    seconds(&mut run, 0..=0, 97);
    seconds(&mut run, 1..=3, 85);
    assert_eq!(run.opened("low").len(), 1);
    seconds(&mut run, 5..=7, 97);
    assert_eq!(run.state("low"), ConditionState::Normal);
    // The reading between arrives late: it was over at 6 s, not at 7 s.
    run.event(spo2(4000, 97), host(7500));
    assert!(run.findings("low").is_empty(), "{:?}", run.findings("low"));
}

/// A phone that was offline for eight hours, in which the patient was low from 3:10 to 3:40.
fn offline_policy() -> Arc<Policy> {
    policy(&json!({
        "id": "home", "version": 1, "title": "Home", "lateness_horizon": "10 min",
        "signals": { "spo2": { "cadence": "60 s" } },
        "rules": [{
            "id": "low", "title": "Low oxygen saturation", "signal": "spo2",
            "levels": [{ "level": "urgent", "raise": { "below": 88 }, "for": "2 min",
                         "clear": { "above": 90 }, "clear_for": "2 min" }],
        }],
    }))
}

fn offline_value(minute: i64) -> i32 {
    if (190..220).contains(&minute) { 82 } else { 96 }
}

fn upload(run: &mut Run, minutes: impl Iterator<Item = i64>) {
    for (i, minute) in minutes.enumerate() {
        let now = host(480 * MINUTE + i as i64 * 20);
        let receipt = run.event(spo2(minute * MINUTE, offline_value(minute)), now);
        assert_eq!(receipt, Receipt::Accepted, "{minute}");
    }
}

/// The low half hour is found, once or in parts, and nobody is called.
fn assert_found(run: &Run) {
    assert!(run.opened("low").is_empty(), "paged for the past");
    let found = run.findings("low");
    assert!(found.iter().all(|f| f.0 == Level::Urgent && !f.3), "{found:?}");
    let from = found.iter().map(|f| f.1).min().unwrap_or_else(|| panic!("nothing was found"));
    let until = found.iter().map(|f| f.2).max().unwrap();
    assert_eq!(from, 190 * MINUTE, "{found:?}");
    assert!((219 * MINUTE..=224 * MINUTE).contains(&until), "{found:?}");
}

#[test]
fn an_offline_phone_that_uploads_oldest_first_gives_one_dated_finding() {
    let mut run = Run::new(&offline_policy());
    run.live(spo2(0, 96));
    upload(&mut run, 1..=480);
    assert_found(&run);
    assert_eq!(run.findings("low").len(), 1);
    assert_eq!(run.state("low"), ConditionState::Normal);
}

#[test]
fn an_offline_phone_whose_live_data_resumed_first_gives_one_dated_finding() {
    let mut run = Run::new(&offline_policy());
    run.live(spo2(0, 96));
    run.live(spo2(480 * MINUTE, 96));
    upload(&mut run, 1..480);
    run.tick(host(480 * MINUTE + 10 * MINUTE));
    assert_found(&run);
    assert_eq!(run.findings("low").len(), 1);
    assert_eq!(run.state("low"), ConditionState::Normal);
}

#[test]
fn an_offline_phone_that_uploads_newest_first_is_not_ignored() {
    let mut run = Run::new(&offline_policy());
    run.live(spo2(0, 96));
    run.live(spo2(480 * MINUTE, 96));
    upload(&mut run, (1..480).rev());
    run.tick(host(480 * MINUTE + 10 * MINUTE));
    assert!(run.opened("low").is_empty(), "paged for the past");
    let found = run.findings("low");
    assert!(!found.is_empty(), "nothing was found");
    assert!(found.iter().all(|f| f.1 >= 190 * MINUTE && f.2 <= 224 * MINUTE), "{found:?}");
}

#[test]
fn an_offline_phone_that_uploads_out_of_order_is_not_ignored() {
    let mut run = Run::new(&offline_policy());
    run.live(spo2(0, 96));
    run.live(spo2(480 * MINUTE, 96));
    // Neighbours swapped: 2, 1, 4, 3, ...
    upload(&mut run, (0..239).flat_map(|i| [2 * i + 2, 2 * i + 1]));
    run.tick(host(480 * MINUTE + 10 * MINUTE));
    assert_found(&run);
}

#[test]
fn what_still_holds_at_the_newest_reading_of_an_upload_pages() {
    let mut run = Run::new(&offline_policy());
    run.live(spo2(0, 96));
    for minute in 1..=480 {
        let percent = if minute >= 470 { 80 } else { 96 };
        run.event(spo2(minute * MINUTE, percent), host(480 * MINUTE));
    }
    assert_eq!(run.opened("low"), [(Level::Urgent, 470 * MINUTE)]);
    assert!(run.findings("low").is_empty());
}

#[test]
fn what_began_beyond_the_horizon_and_still_holds_pages_once_it_is_known() {
    let mut run = Run::new(&offline_policy());
    run.live(spo2(0, 96));
    for minute in 1..=480 {
        let percent = if minute >= 400 { 80 } else { 96 };
        run.event(spo2(minute * MINUTE, percent), host(480 * MINUTE));
    }
    // Told once the evidence says something of the present, with the onset as it was.
    assert_eq!(run.opened("low"), [(Level::Urgent, 400 * MINUTE)]);
    assert!(run.findings("low").is_empty());
}

// --- Alerts and people -------------------------------------------------------------------------

#[test]
fn an_acknowledgement_racing_a_resolve_is_refused() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    seconds(&mut run, 0..=2, 85);
    let seen = run.revision(1);
    run.command(1, seen, resolve(), host(3000)).unwrap();
    assert_eq!(run.command(1, seen, Action::Acknowledge, host(3000)), Err(Code::StaleRevision));
    let now = run.revision(1);
    assert_eq!(run.command(1, now, Action::Acknowledge, host(3000)), Err(Code::AlertClosed));
    assert_eq!(run.engine.alerts(PatientKey(0))[0].status(), Status::Resolved);
    let refused = |b: &&record::Body| matches!(b, record::Body::CommandRefused { .. });
    assert_eq!(run.bodies().into_iter().filter(refused).count(), 2);
    // Resolved while low: the same low is not an alert again, a new one is.
    seconds(&mut run, 4..=6, 85);
    assert_eq!(run.opened("low").len(), 1);
    seconds(&mut run, 7..=7, 97);
    seconds(&mut run, 8..=8, 85);
    assert_eq!(run.opened("low").len(), 2);
}

#[test]
fn an_acknowledgement_of_what_has_changed_since_is_refused() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    seconds(&mut run, 0..=2, 85);
    let seen = run.revision(1);
    run.tick(host(60_000));
    assert_eq!(run.command(1, seen, Action::Acknowledge, host(60_000)), Err(Code::StaleRevision));
    assert_eq!(run.engine.alerts(PatientKey(0))[0].response, Response::Unowned);
    assert_eq!(run.command(9, 1, Action::Acknowledge, host(60_000)), Err(Code::UnknownAlert));
}

#[test]
fn acknowledging_disconnected_does_not_acknowledge_what_is_hidden_beneath() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s"), missing()]));
    seconds(&mut run, 0..=5, 85);
    run.tick(host(120_000));
    let technical = run.engine.alerts(PatientKey(0)).iter().find(|a| a.rule == 1).unwrap();
    let (id, revision) = (technical.id.0, technical.revision);
    run.command(id, revision, Action::Acknowledge, host(121_000)).unwrap();
    let status = |run: &Run, rule: usize| {
        let alerts = run.engine.alerts(PatientKey(0));
        alerts.iter().find(|a| a.rule == rule).unwrap().status()
    };
    assert_eq!(status(&run, 1), Status::Acknowledged);
    assert_eq!(status(&run, 0), Status::New);
    seconds(&mut run, 122..=125, 85);
    assert_eq!(status(&run, 0), Status::New);
    assert_eq!(run.changes("low"), [AlertChange::Unverified, AlertChange::Verified]);
    // And the other way round.
    run.tick(host(400_000));
    let hidden = run.revision(1);
    run.command(1, hidden, Action::Acknowledge, host(400_000)).unwrap();
    let missing = run.engine.alerts(PatientKey(0)).iter().find(|a| a.rule == 1 && a.is_open());
    assert_eq!(missing.unwrap().status(), Status::New);
}

/// Low from the start: the limit is crossed all the while, and what is missing is coverage. The
/// reading that brings it raises, not a later one.
#[test]
fn the_reading_that_completes_the_coverage_raises() {
    let mean = json!({
        "id": "low", "title": "Low oxygen saturation", "signal": "spo2",
        "statistic": "mean", "over": "60 s", "coverage": "66.6 %",
        "levels": [{ "level": "urgent", "raise": { "below": 90 } }],
    });
    let mut run = Run::new(&ward(&[mean]));
    seconds(&mut run, 0..=38, 70);
    assert_eq!(run.state("low"), ConditionState::Normal);
    seconds(&mut run, 39..=39, 70);
    assert_eq!(run.state("low"), ConditionState::Active(Level::Urgent));
}

#[test]
fn high_and_low_are_different_conditions() {
    let both = json!({
        "id": "both", "title": "Out of range", "signal": "heart_rate",
        "levels": [
            { "level": "review", "raise": { "below": 50 } },
            { "level": "urgent", "raise": { "above": 130 } },
        ],
    });
    let text = json!({
        "id": "ward", "version": 1, "title": "Ward",
        "signals": { "heart_rate": { "cadence": "1 s" } }, "rules": [both],
    });
    let errors = Policy::from_json(text.to_string().as_bytes()).unwrap_err();
    assert!(errors.errors().iter().any(|e| e.code() == Code::MixedDirections), "{errors}");

    let rule = |id: &str, raise: Json| {
        json!({ "id": id, "title": id, "signal": "heart_rate",
                "levels": [{ "level": "urgent", "raise": raise }] })
    };
    let rules = [rule("high", json!({ "above": 130 })), rule("slow", json!({ "below": 50 }))];
    let mut run = Run::new(&ward(&rules));
    run.live(heart_rate(0, 140));
    let seen = run.revision(1);
    run.command(1, seen, Action::Acknowledge, host(0)).unwrap();
    // Acknowledged and latched high, now low: an alert of its own, which nobody has seen.
    run.live(heart_rate(1000, 40));
    assert_eq!(run.opened("slow").len(), 1);
    let alerts = run.engine.alerts(PatientKey(0));
    assert_eq!(
        alerts.iter().map(rpm_core::Alert::status).collect::<Vec<_>>(),
        [Status::Acknowledged, Status::New]
    );
}

#[test]
fn a_higher_level_clears_the_acknowledgement() {
    let mut rule = low("0 s", "0 s");
    rule["levels"] = json!([
        { "level": "review", "raise": { "below": 94 }, "clear": { "above": 95 } },
        { "level": "urgent", "raise": { "below": 88 }, "clear": { "above": 90 } },
    ]);
    let mut run = Run::new(&ward(&[rule]));
    run.live(spo2(0, 92));
    let seen = run.revision(1);
    run.command(1, seen, Action::Acknowledge, host(0)).unwrap();
    run.live(spo2(1000, 85));
    assert_eq!(run.changes("low"), [AlertChange::Acknowledged, AlertChange::Raised]);
    let alert = &run.engine.alerts(PatientKey(0))[0];
    assert_eq!((alert.status(), alert.level), (Status::Repeated(1), Level::Urgent));
    // Down again is no news, and over latches until somebody resolves it.
    run.live(spo2(2000, 92));
    run.live(spo2(3000, 97));
    assert_eq!(run.changes("low")[2..], [AlertChange::Lowered, AlertChange::Cleared]);
    assert_eq!(run.state("low"), ConditionState::Latched(Level::Urgent));
    let seen = run.revision(1);
    run.command(1, seen, resolve(), host(4000)).unwrap();
    assert_eq!(run.state("low"), ConditionState::Normal);
}

// --- Restarts ----------------------------------------------------------------------------------

#[test]
fn restart_does_not_page_again() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s"), missing()]));
    seconds(&mut run, 0..=5, 85);
    let seen = run.revision(1);
    run.command(1, seen, Action::Acknowledge, host(5000)).unwrap();
    let (mut again, report) = restored(&run, host(7000));
    assert_eq!((report.patients, report.open_alerts), (1, 1));
    assert_eq!(report.gap, Duration::from_secs(2));
    again.drain();
    assert!(again.records.is_empty(), "a restart is no news");
    seconds(&mut again, 8..=15, 85);
    assert!(again.records.is_empty(), "{:#?}", again.bodies());
    assert_eq!(again.engine.alerts(PatientKey(0))[0].status(), Status::Acknowledged);
}

#[test]
fn restart_does_not_lose_a_latch_or_a_hold() {
    let mut run = Run::new(&ward(&[low("10 s", "0 s")]));
    seconds(&mut run, 0..=6, 85);
    let (mut again, _) = restored(&run, host(7000));
    seconds(&mut again, 7..=10, 85);
    assert_eq!(again.opened("low"), [(Level::Urgent, 0)]);
}

#[test]
fn restart_after_a_long_gap_says_what_fell_due_and_resolves_nothing() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s"), missing()]));
    seconds(&mut run, 0..=5, 85);
    let (mut again, report) = restored(&run, host(HOUR));
    assert_eq!(report.timers_due, 1);
    assert!(report.readings_missed > 3000);
    again.tick(host(HOUR));
    assert!(again.opened("low").is_empty());
    assert_eq!(again.changes("low"), [AlertChange::Unverified]);
    assert_eq!(again.opened("missing").len(), 1);
}

// --- The trust boundary ------------------------------------------------------------------------

#[test]
fn of_two_values_for_one_reading_the_first_stands() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    run.live(spo2(0, 97));
    let receipt = run.event(spo2(0, 80), host(100));
    assert_eq!(receipt, Receipt::Quarantined(Code::Conflict));
    assert_eq!(run.state("low"), ConditionState::Normal);
    assert_eq!(run.refused.len(), 1);
    // Under the same number but at another time, too.
    run.live(spo2(1000, 97).sequence(7));
    let receipt = run.live(spo2(2000, 80).sequence(7));
    assert_eq!(receipt, Receipt::Quarantined(Code::Conflict));
    // Another device may say something else.
    assert_eq!(run.live(spo2(2000, 80).device(1).sequence(7)), Receipt::Accepted);
    assert_eq!(run.state("low"), ConditionState::Active(Level::Urgent));
}

fn correction(ms: i64, percent: i32) -> rpm_core::event::Event {
    let value = Value::from_units(percent).unwrap();
    event(ms, Body::Correction { kind: KindRef::Known(Kind::SPO2), value })
}

fn void(ms: i64) -> rpm_core::event::Event {
    event(ms, Body::Void { kind: KindRef::Known(Kind::SPO2) })
}

#[test]
fn a_correction_and_a_void_change_what_was() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    run.live(spo2(0, 97));
    run.live(spo2(1000, 80));
    assert_eq!(run.opened("low").len(), 1);
    assert_eq!(run.event(correction(1000, 96), host(1500)), Receipt::Accepted);
    assert_eq!(run.state("low"), ConditionState::Normal);
    assert_eq!(run.changes("low"), [AlertChange::Revised, AlertChange::Closed]);
    run.live(spo2(2000, 80));
    assert_eq!(run.opened("low").len(), 2);
    assert_eq!(run.event(void(2000), host(2500)), Receipt::Accepted);
    assert_eq!(run.state("low"), ConditionState::Normal);
}

#[test]
fn what_cannot_be_corrected_is_refused() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    seconds(&mut run, 0..=100, 97);
    let now = host(100_000);
    let nothing = Receipt::Quarantined(Code::NothingToCorrect);
    assert_eq!(run.event(correction(90_500, 80), now), nothing);
    assert_eq!(run.event(void(90_000).device(1), now), nothing);
    let beyond = Receipt::Quarantined(Code::BeyondHorizon);
    assert_eq!(run.event(correction(10_000, 80), now), beyond);
    let impossible = Receipt::Quarantined(Code::Impossible);
    assert_eq!(run.event(correction(99_000, 300), now), impossible);
    assert_eq!(run.refused.len(), 4);
}

#[test]
fn a_reading_delivered_again_does_not_undo_its_void() {
    for number in [None, Some(3)] {
        let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
        let mut reading = spo2(1000, 80);
        reading.sequence = number;
        run.live(spo2(0, 97));
        run.live(reading.clone());
        run.event(void(1000), host(1100));
        let receipt = run.event(reading, host(1200));
        assert_ne!(receipt, Receipt::Accepted, "{number:?}");
        assert_eq!(run.state("low"), ConditionState::Normal, "{number:?}");
    }
}

#[test]
fn a_reading_delivered_again_after_its_correction_is_a_duplicate() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    let reading = spo2(1000, 80).sequence(3);
    run.live(reading.clone());
    run.event(correction(1000, 97).sequence(4), host(1100));
    // The network delivers at least once: this is the same message, not a contradiction.
    assert_eq!(run.event(reading, host(1200)), Receipt::Duplicate);
    assert_eq!(run.state("low"), ConditionState::Normal);
}

#[test]
fn a_correction_delivered_again_does_not_undo_the_next() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    run.live(spo2(1000, 97).sequence(1));
    run.event(correction(1000, 80).sequence(2), host(1100));
    run.event(correction(1000, 96).sequence(3), host(1200));
    assert_eq!(run.event(correction(1000, 80).sequence(2), host(1300)), Receipt::Duplicate);
    assert_eq!(run.state("low"), ConditionState::Normal);
    // And a void, which has nothing left to void.
    run.event(void(1000).sequence(4), host(1400));
    assert_eq!(run.event(void(1000).sequence(4), host(1500)), Receipt::Duplicate);
}

#[test]
fn the_future_is_refused_as_far_as_clocks_can_be_trusted() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s")]));
    assert_eq!(run.event(spo2(120_000, 97), host(0)), Receipt::Accepted);
    let receipt = run.event(spo2(120_001, 97), host(0));
    assert_eq!(receipt, Receipt::Quarantined(Code::FutureTime));
    assert_eq!(run.event(spo2(120_001, 97), host(1)), Receipt::Accepted);
}

#[test]
fn a_clock_that_goes_back_is_said_once_and_followed_never() {
    let mut run = Run::new(&ward(&[low("0 s", "0 s"), missing()]));
    run.live(spo2(100_000, 85));
    for now in [50_000, 40_000, 60_000] {
        run.event(spo2(100_000 + now, 85), host(now));
        run.tick(host(now));
    }
    let said = |run: &Run| -> Vec<HostTime> {
        let bodies = run.bodies().into_iter();
        bodies
            .filter_map(|b| match b {
                record::Body::ClockWentBack { said } => Some(*said),
                _ => None,
            })
            .collect()
    };
    assert_eq!(said(&run), [host(50_000)]);
    run.tick(host(101_000));
    run.tick(host(90_000));
    assert_eq!(said(&run), [host(50_000), host(90_000)]);
    let mut last = HostTime::from_millis(i64::MIN);
    for sealed in &run.records {
        assert!(sealed.record.at >= last, "time went back in the records");
        last = sealed.record.at;
    }
    assert!(run.opened("missing").is_empty());
}

#[test]
fn a_rule_on_trial_says_that_it_is() {
    let mut rule = low("0 s", "0 s");
    rule["mode"] = json!("shadow");
    let mut run = Run::new(&ward(&[rule]));
    run.live(spo2(0, 80));
    let shadow = |b: &&record::Body| matches!(b, record::Body::AlertOpened { shadow: true, .. });
    assert_eq!(run.bodies().into_iter().filter(shadow).count(), 1);
}
