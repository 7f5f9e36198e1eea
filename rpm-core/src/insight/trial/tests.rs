//! What a trial counts, counted by hand.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::*;
use crate::insight::testing::{Subject, With as _, at, owner, urgent};
use crate::record::{AlertChange, ConditionState, Hash, Stage, Status};
use crate::time::Timestamp;

const HOUR: i64 = 3600;

/// The second rule in shadow, beside the first.
fn question() -> Question {
    let hours = |n: i64| Duration::from_secs(n * HOUR);
    Question {
        candidate: "rule2".into(),
        active: "rule1".into(),
        risk: Some("sepsis".into()),
        both_read: true,
        from: at(0),
        until: at(1000 * HOUR),
        apart: hours(1),
        near: hours(12),
        lead: hours(12),
        delay: hours(3),
    }
}

fn of(records: impl IntoIterator<Item = Record>) -> TrialReport {
    let mut trial = Trial::new(question());
    records.into_iter().for_each(|record| trial.fold(&record));
    trial.report()
}

/// An alert of a rule from one hour to another.
fn stood(alert: Subject, shadow: bool, from: i64, until: i64) -> Vec<Record> {
    let mut records = Vec::from([alert.opens_as(from * HOUR, shadow)]);
    records.extend(alert.ends(until * HOUR));
    records
}

fn candidate(patient: u32, number: u32, from: i64, until: i64) -> Vec<Record> {
    stood(urgent(patient, number * 10 + 2), true, from, until)
}

fn active(patient: u32, number: u32, from: i64, until: i64) -> Vec<Record> {
    stood(urgent(patient, number * 10 + 1), false, from, until)
}

fn counts(report: &TrialReport) -> (u64, u64, u64) {
    let Episodes { both, only_candidate, only_active, .. } = report.episodes;
    (both, only_candidate, only_active)
}

#[test]
fn alarms_that_overlap_or_nearly_so_are_one_episode() {
    // Overlapping; three hours apart; half an hour apart; alone; another patient's.
    let records = [
        candidate(1, 1, 10, 12),
        active(1, 1, 11, 14),
        candidate(1, 2, 20, 21),
        active(1, 2, 24, 25),
        candidate(2, 1, 10, 12),
        active(3, 1, 10, 12),
    ];
    let report = of(records.into_iter().flatten());
    assert_eq!(counts(&report), (1, 2, 2));
    assert_eq!((report.candidate.alarms, report.active.alarms), (3, 3));
    assert_eq!((report.lead.earlier, report.lead.same, report.lead.later), (1, 0, 0));
    let first = &report.found[0];
    assert_eq!((first.from, first.until), (at(10 * HOUR), at(14 * HOUR)));
    let edge = |second| {
        let mut records = candidate(1, 1, 10, 12);
        records.push(urgent(1, 11).opens(12 * HOUR + second));
        counts(&of(records))
    };
    assert_eq!((edge(3599), edge(3600)), ((1, 0, 0), (0, 1, 1)));
}

#[test]
fn what_is_suppressed_as_it_opens_is_no_alarm_and_what_comes_out_of_it_is() {
    let alert = urgent(1, 2);
    let hushed = alert.changes(10 * HOUR, AlertChange::Inhibited).suppressed();
    let report = of([alert.opens_as(10 * HOUR, true), hushed.clone()]);
    assert_eq!((report.candidate.alarms, report.candidate.suppressed), (0, 1));
    assert_eq!(counts(&report), (0, 0, 0));
    let out = alert.changes(13 * HOUR, AlertChange::Unsuppressed);
    let report = of([alert.opens_as(10 * HOUR, true), hushed, out]);
    assert_eq!(report.found[0].from, at(13 * HOUR));
    assert_eq!((report.candidate.alarms, report.episodes.not_over), (1, 1));
}

/// Nobody closes an alert in shadow: one that latches must not swallow what comes after it.
#[test]
fn a_latched_alert_is_over_and_may_come_back() {
    let alert = urgent(1, 2);
    let latched = ConditionState::Latched(alert.level);
    let report = of([
        alert.opens_as(10 * HOUR, true),
        alert.becomes(11 * HOUR, AlertChange::Cleared, Status::New, latched),
        alert.changes(20 * HOUR, AlertChange::Reentered),
    ]);
    assert_eq!((report.candidate.alarms, counts(&report)), (2, (0, 2, 0)));
}

#[test]
fn what_began_before_the_period_is_left_out() {
    let mut trial = Trial::new(question().between(at(11 * HOUR), at(100 * HOUR)));
    let records = [active(1, 1, 10, 20), candidate(1, 1, 12, 20), candidate(2, 1, 30, 200)];
    records.into_iter().flatten().for_each(|record| trial.fold(&record));
    let report = trial.report();
    let Episodes { begun_before, not_over, .. } = report.episodes;
    assert_eq!((counts(&report), begun_before, not_over), ((0, 1, 0), 1, 1));
    assert_eq!((report.candidate.alarms, report.active.alarms), (2, 0));
    assert_eq!(report.found[0].until, at(100 * HOUR));
}

#[test]
fn episodes_are_true_if_people_said_so() {
    let resolved = |patient, alert, hour, why| urgent(patient, alert).resolved(hour * HOUR, why);
    let mut records = Vec::new();
    for patient in 1..=3 {
        records.extend(candidate(patient, 1, 10, 12));
        records.extend(active(patient, 1, 11, 12));
    }
    // One true, one false, of the third nothing is known.
    records.push(resolved(1, 11, 13, "true_acted_on"));
    records.push(resolved(2, 11, 13, "false_artifact"));
    records.push(resolved(3, 11, 13, "duplicate"));
    // Missed, and true.
    records.extend(active(4, 1, 10, 12));
    records.push(resolved(4, 11, 13, "true_not_actionable"));
    // The candidate alone: another rule's alert was true eleven hours later; and a day later.
    for (patient, hour) in [(5, 23), (6, 36)] {
        records.extend(candidate(patient, 1, 10, 12));
        records.push(urgent(patient, 13).opens(hour * HOUR));
        records.push(resolved(patient, 13, hour + 1, "true_acted_on"));
    }
    let report = of(records);
    let outcomes = &report.outcomes;
    let told = |verdicts: &crate::insight::kpi::Verdicts| {
        (verdicts.correct, verdicts.wrong, verdicts.unknown)
    };
    assert_eq!(told(&outcomes.both), (1, 1, 1));
    assert_eq!(told(&outcomes.only_active), (1, 0, 0));
    assert_eq!(told(&outcomes.only_candidate), (1, 0, 1));
    assert_eq!(outcomes.reasons["true_acted_on"], 1);
    assert_eq!(outcomes.reasons.values().sum::<u64>(), 4);
}

#[test]
fn leads_are_told_of_eight_and_shares_of_twenty() {
    let with = |patients: u32| {
        let mut trial = Trial::new(question());
        for patient in 1..=patients {
            let early = 10 - i64::from(patient % 4);
            let records = [candidate(patient, 1, early, 12), active(patient, 1, 10, 12)];
            records.into_iter().flatten().for_each(|record| trial.fold(&record));
        }
        trial.report()
    };
    assert_eq!(with(7).lead.quartiles, None);
    let lead = with(8).lead;
    let hours =
        lead.quartiles.map(|by| [by.first_ms, by.median_ms, by.third_ms].map(|ms| ms / 3_600_000));
    assert_eq!((lead.earlier, lead.same, hours), (6, 2, Some([0, 1, 2])));
    assert_eq!(with(19).candidate.patients.share, None);
    assert_eq!(with(20).candidate.patients.share.map(|share| share.0), Some(1000));
    // Each was seen for two to five hours.
    assert_eq!(with(20).candidate.alarms_per_patient_day, None);
}

#[test]
fn events_are_found_from_twelve_hours_before_to_three_after() {
    let mut trial = Trial::new(question());
    let records = [
        // Two hours before, and one after.
        candidate(1, 1, 98, 99),
        active(1, 1, 101, 102),
        // Stood for days: it counts, from twelve hours before on.
        active(2, 1, 10, 200),
        // Too late.
        candidate(3, 1, 104, 105),
        // Nothing happened to this one, and to one who was only watched.
        candidate(4, 1, 50, 51),
    ];
    records.into_iter().flatten().for_each(|record| trial.fold(&record));
    for patient in 1..=5 {
        trial.event(owner(patient), (patient <= 3).then_some(at(100 * HOUR)));
    }
    trial.watched(owner(5), at(0), at(240 * HOUR));
    let report = trial.report();
    let events = report.events.unwrap();
    assert_eq!((events.events, events.both), (3, 1));
    assert_eq!((events.only_candidate, events.only_active), (0, 1));
    assert_eq!((events.candidate_false.of, events.candidate_false.all), (1, 2));
    assert_eq!(events.active_false.of, 0);
    assert_eq!(report.patients, 5);
    assert_eq!(report.patient_days.to_string(), "10");
    assert_eq!(report.candidate.alarms_per_patient_day.map(|rate| rate.0), Some(300));
}

fn said(patient: u32, second: i64, version: u32, shadow: bool, score: &str) -> Record {
    let hash = Hash::of(&version.to_le_bytes());
    let model = Some(ModelRef { id: "sepsis".into(), version, hash });
    let observed_at = Timestamp::from_millis(second * 1000);
    let (risk, score, inputs_hash) = ("sepsis".into(), score.into(), Hash::default());
    let (signal, latency_us, terms) = (None, None, Vec::new());
    let body = Body::RiskScored {
        risk,
        signal,
        model,
        shadow,
        observed_at,
        score,
        inputs_hash,
        latency_us,
        terms,
    };
    urgent(patient, 1).record(second, body)
}

/// An alert that is brought up again for days says nothing of how long anybody was there.
#[test]
fn a_patient_is_there_as_long_as_something_comes_in() {
    let alert = urgent(1, 2);
    let of_day = |day: i64, inputs| {
        let stale = alert.changes(day * 24 * HOUR, AlertChange::BecameStale);
        Record { inputs, ..stale }
    };
    let opened = Record { inputs: 5, ..alert.opens_as(0, true) };
    let report = of([opened, of_day(1, 9), of_day(2, 9), of_day(3, 9)]);
    assert_eq!(report.patient_days.to_string(), "1");
}

#[test]
fn scores_of_the_same_evidence_are_set_against_each_other() {
    let mut records = Vec::new();
    for (second, one, two) in [(1, "0.5", "0.501"), (2, "0.5", "0.48"), (3, "0.1", "0.2")] {
        records.extend([said(1, second, 1, false, one), said(1, second, 2, true, two)]);
    }
    records.push(said(1, 4, 1, false, "0.9"));
    let report = of(records);
    let agreement = report.agreement.unwrap();
    assert_eq!((agreement.pairs, agreement.mean_difference), (3, 27));
    let gaps = [agreement.median_gap, agreement.p90_gap, agreement.greatest_gap];
    assert_eq!(gaps, [20, 100, 100]);
    assert_eq!((report.candidate.voices[0].scores, report.active.voices[0].scores), (3, 4));
}

#[test]
fn the_page_asks_states_its_limits_and_has_room_for_two_names() {
    let step = Body::ModelChanged {
        model: ModelRef { id: "sepsis".into(), version: 2, hash: Hash::of(&2_u32.to_le_bytes()) },
        from: Some(Stage::Candidate),
        to: Stage::Shadow,
        owner: "dr.a".into(),
        approver: Some("dr.b".into()),
        reason: "card read".into(),
        evidence: "MODEL_CARD.md".into(),
        rollback: false,
    };
    let mut records = Vec::from([Record { patient: None, ..urgent(1, 1).record(0, step) }]);
    records.extend([said(1, 1, 1, false, "0.5"), said(1, 1, 2, true, "0.7")]);
    records.extend(candidate(1, 1, 10, 12));
    let report = of(records);
    let text = report.to_string();
    for wanted in [
        "# Trial in shadow: sepsis@2, by rule2",
        "Shall sepsis@2 take the place of sepsis@1?",
        "sepsis@2 shadow (candidate before) by dr.a, approved by dr.b: card read; on MODEL_CARD.md",
        "| found by the candidate alone: it would have opened | 1 |",
        "too few days",
        "## Limitations",
        "Nobody saw what only the candidate found",
        "- [ ] retired",
        "Approved by (name, function): ____",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    assert_eq!(text.matches("Date and signature").count(), 2);
}
