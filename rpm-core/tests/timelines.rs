//! Three stories as their records tell them, for people to read and to notice changes in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use common::{Run, T0, host, policy, spo2};
use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use rpm_core::record::{Body, ConditionState, Level, explain};
use rpm_core::{Action, AlertId, HostTime, Timestamp};
use serde_json::json;

fn ward() -> Arc<Policy> {
    policy(&json!({
        "id": "ward", "version": 3, "title": "Ward", "lateness_horizon": "60 s",
        "signals": { "spo2": { "cadence": "1 s" } },
        "rules": [
            { "id": "low", "title": "Low oxygen saturation", "signal": "spo2",
              "statistic": "mean", "over": "5 s", "coverage": "60 %", "unverified_after": "15 s",
              "levels": [
                { "level": "review", "raise": { "below": 92 }, "for": "5 s",
                  "clear": { "above": 93 }, "clear_for": "5 s" },
                { "level": "urgent", "raise": { "below": 88 }, "for": "3 s",
                  "clear": { "above": 90 }, "clear_for": "3 s" },
              ] },
            { "id": "missing", "title": "No oxygen saturation", "signal": "spo2", "missing_for": "30 s" },
        ],
    }))
}

/// Minutes and seconds since the beginning.
fn clock(ms: i64) -> String {
    let (seconds, rest) = ((ms - T0).div_euclid(1000), (ms - T0).rem_euclid(1000));
    let mut text = format!("{:02}:{:02}", seconds / 60, seconds % 60);
    if rest != 0 {
        write!(text, ".{rest:03}").unwrap();
    }
    text
}

fn words(state: ConditionState) -> String {
    let of = |level: Level| level.name();
    match state {
        ConditionState::NeverSeen => "never seen".into(),
        ConditionState::Normal => "normal".into(),
        ConditionState::Pending => "pending".into(),
        ConditionState::Active(l) => format!("active, {}", of(l)),
        ConditionState::Clearing(l) => format!("clearing, {}", of(l)),
        ConditionState::ActiveUnverified(l) => format!("active, {}, unverified", of(l)),
        ConditionState::Latched(l) => format!("latched, {}", of(l)),
    }
}

fn at(t: Timestamp) -> String {
    clock(t.as_millis())
}

/// One line a record: host time, then what was decided.
fn timeline(run: &Run) -> String {
    let mut text = String::new();
    for sealed in &run.records {
        write!(text, "{}  ", clock(sealed.record.at.as_millis())).unwrap();
        match &sealed.record.body {
            Body::ConditionChanged { rule, observed_at, state, .. } => {
                write!(text, "{rule}: {} at {}", words(*state), at(*observed_at))
            }
            Body::ConditionRevised { rule, since, history, .. } => {
                write!(text, "{rule}: revised since {}:", at(*since)).unwrap();
                for change in history {
                    write!(text, " [{} {}]", at(change.observed_at), words(change.state)).unwrap();
                }
                Ok(())
            }
            Body::HoldAbandoned { rule, level, observed_at, held } => {
                write!(
                    text,
                    "{rule}: {} held {held}, given up at {}",
                    level.name(),
                    at(*observed_at)
                )
            }
            Body::RetrospectiveFinding { rule, level, from, until, alerted } => {
                let told = if *alerted { "alerted" } else { "not alerted" };
                write!(text, "{rule}: was {} {} to {}, {told}", level.name(), at(*from), at(*until))
            }
            Body::AlertOpened { alert, rule, level, onset, evidence, .. } => {
                write!(text, "{rule}: ALERT {alert} {}, onset {}", level.name(), at(*onset))
                    .unwrap();
                evidence.iter().try_for_each(|clause| write!(text, "; {clause}"))
            }
            Body::AlertChanged {
                alert, rule, revision, change, status, peak, by, reason, ..
            } => {
                write!(text, "{rule}: alert {alert} {}", change.words()).unwrap();
                if let Some(by) = by {
                    write!(text, " by {by}").unwrap();
                }
                if let Some(reason) = reason {
                    write!(text, ": {reason}").unwrap();
                }
                if let Some(peak) = peak {
                    write!(text, ", worst {peak}").unwrap();
                }
                write!(text, " ({status:?}, revision {revision})")
            }
            other => write!(text, "{other:?}"),
        }
        .unwrap();
        text.push('\n');
    }
    text
}

fn explained(run: &Run, alert: u32) -> String {
    let records = run.records.iter().map(|r| &r.record);
    explain(records, AlertId(alert)).unwrap().to_string()
}

fn live(run: &mut Run, seconds: impl Iterator<Item = i64>, percent: i32) {
    for second in seconds {
        run.live(spo2(second * 1000, percent));
    }
}

#[test]
fn a_desaturation_from_review_to_urgent_and_back() {
    let mut run = Run::new(&ward());
    live(&mut run, 0..10, 97);
    live(&mut run, 10..25, 90);
    let seen = run.revision(1);
    run.command(1, seen, Action::Acknowledge, host(24_500)).unwrap();
    live(&mut run, 25..40, 84);
    live(&mut run, 40..60, 96);
    let seen = run.revision(1);
    run.command(1, seen, Action::Acknowledge, host(60_500)).unwrap();
    let (seen, note) = (run.revision(1), Some("oxygen 2 L/min".to_string()));
    let reason = rpm_core::record::Resolution::TrueActedOn;
    run.command(1, seen, Action::Resolve { reason, note }, host(61_000)).unwrap();
    insta::assert_snapshot!("desaturation", timeline(&run));
    insta::assert_snapshot!("desaturation_explained", explained(&run, 1));
}

#[test]
fn a_gap_while_active_and_the_recovery() {
    let mut run = Run::new(&ward());
    live(&mut run, 0..10, 97);
    live(&mut run, 10..30, 85);
    while let Some(now) = run.engine.next_wakeup().filter(|now| *now <= host(120_000)) {
        run.tick(now);
    }
    run.tick(host(120_000));
    live(&mut run, 120..126, 85);
    live(&mut run, 126..145, 97);
    insta::assert_snapshot!("gap", timeline(&run));
    insta::assert_snapshot!("gap_explained", explained(&run, 1));
}

#[test]
fn a_late_burst_that_revises() {
    let mut run = Run::new(&ward());
    live(&mut run, 0..10, 97);
    // Every other reading is held up on the way; those that come at once look bad.
    for second in (10..40).step_by(3) {
        run.live(spo2(second * 1000, 80));
    }
    live(&mut run, 40..45, 96);
    for second in (10..40).filter(|s| s % 3 != 1) {
        run.event(spo2(second * 1000, 95), host(45_500));
    }
    // Some seconds really were bad, and are learned late.
    for second in 46..60 {
        run.event(spo2(second * 1000, 82), HostTime::from_millis(T0 + 75_000));
    }
    live(&mut run, 76..90, 97);
    insta::assert_snapshot!("late_burst", timeline(&run));
    assert_eq!(run.engine.policy().signals()[0].kind(), Kind::SPO2);
}
