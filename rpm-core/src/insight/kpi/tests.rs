//! Hand-computed figures.

use alloc::vec::Vec;
use std::string::ToString as _;

use super::report::{KpiReport, QueueReport};
use super::{Kpi, Thresholds, Verdicts};
use crate::insight::measure::{Judgement, Rate, Share};
use crate::insight::testing::{With as _, at, owner, urgent};
use crate::record::{AlertChange, Body, ConditionState, Level, Record, Status};
use crate::time::Duration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

fn folded(records: &[Record]) -> Kpi {
    let mut kpi = Kpi::default();
    records.iter().for_each(|record| kpi.fold(record));
    kpi
}

fn report(records: &[Record], until: i64) -> KpiReport {
    folded(records).report(at(until))
}

fn ward(records: &[Record], until: i64) -> QueueReport {
    let report = report(records, until);
    report.queues.into_iter().find(|queue| queue.queue == "ward").unwrap()
}

/// Alerts of many patients that open within the minute, so that none chatters.
fn burst(first: u32, count: u32, second: i64) -> impl Iterator<Item = Record> {
    (0..count).map(move |n| urgent(first + n, 1).opens(second + i64::from(n)))
}

#[test]
fn bins_rates_and_floods_of_two_hours() {
    // Bins of ten minutes: 11, 5, 4, 0, 12 and seven without: 32 alarms in 12 bins.
    let records: Vec<Record> = burst(0, 11, 0)
        .chain(burst(20, 5, 10 * MINUTE))
        .chain(burst(40, 4, 20 * MINUTE))
        .chain(burst(60, 12, 40 * MINUTE))
        .collect();
    let queue = ward(&records, 2 * HOUR);
    assert_eq!(queue.annunciated, 32);
    assert_eq!(queue.per_hour.value, Rate(16_000), "32 in two hours");
    assert_eq!(queue.per_hour.verdict, Judgement::Beyond);
    assert_eq!((queue.peak.value, queue.peak_at), (12, Some(at(40 * MINUTE))));
    assert_eq!(queue.peak.verdict, Judgement::Beyond);
    assert_eq!(queue.over_ten.value, Share(167), "2 of 12");
    assert_eq!((queue.floods, queue.in_flood.value), (2, Share(250)), "3 of 12");
    assert_eq!(queue.in_flood.verdict, Judgement::Beyond);
    // Ten of 32 patients: 312.5 thousandths.
    assert_eq!((queue.top.len(), queue.top_share.value), (10, Share(313)));
    assert_eq!(queue.mix.value, [Share(0), Share(0), Share(1000)]);
    assert_eq!(queue.mix.verdict, Judgement::Beyond);
}

#[test]
fn ten_alarms_in_ten_minutes_are_no_flood_and_the_averages_are_judged() {
    let records: Vec<Record> = burst(0, 10, 0).collect();
    let queue = ward(&records, HOUR);
    assert_eq!((queue.floods, queue.over_ten.verdict), (0, Judgement::Within));
    assert_eq!(queue.peak.verdict, Judgement::Within);
    assert_eq!(queue.per_hour.verdict, Judgement::Tolerable, "10 an hour");
    assert_eq!(ward(&records, 2 * HOUR).per_hour.verdict, Judgement::Within, "5 an hour");
}

#[test]
fn bad_actors_are_ranked_over_all_queues() {
    // Patient 2's second alert is of the same rule, and waits elsewhere.
    let elsewhere = urgent(2, 17).queue(Some("desk"));
    let records = [
        urgent(1, 7).opens(0),
        urgent(3, 7).opens(20),
        urgent(2, 7).opens(30),
        elsewhere.opens(50),
        urgent(4, 7).opens_as(60, true),
    ];
    let actors = folded(&records).actors();
    let found: Vec<_> = actors.iter().map(|a| (a.owner.clone(), a.annunciated, a.share)).collect();
    let (often, once) = (Share(500), Share(250));
    assert_eq!(found, [(owner(2), 2, often), (owner(1), 1, once), (owner(3), 1, once)]);
}

#[test]
fn queues_are_apart_and_what_no_route_took_is_unrouted() {
    let other = urgent(1, 1).queue(None).level(Level::Review);
    let records =
        [urgent(0, 1).opens(0), urgent(0, 2).queue(Some("desk")).opens(1), other.opens(2)];
    let report = report(&records, HOUR);
    let found: Vec<_> = report.queues.iter().map(|q| (q.queue.as_str(), q.annunciated)).collect();
    assert_eq!(found, [("desk", 1), ("unrouted", 1), ("ward", 1)]);
    assert_eq!(report.queues[1].mix.value, [Share(0), Share(1000), Share(0)]);
}

#[test]
fn shadow_and_suppressed_alerts_are_counted_apart() {
    let (shelved, late) = (urgent(1, 1), urgent(2, 1));
    let records = [
        urgent(0, 1).opens_as(0, true),
        urgent(0, 1).changes(1, AlertChange::Raised),
        // The next record of the same instant says that it was suppressed as it opened.
        shelved.opens(10),
        shelved.changes(10, AlertChange::Shelved).suppressed(),
        shelved.changes(20, AlertChange::Reentered).suppressed(),
        // Put aside by a person after it was annunciated: that counts.
        late.opens(30),
        late.changes(30, AlertChange::Shelved).suppressed().by("ann"),
        // Nobody had it when the shelf came down: it annunciates now.
        shelved.changes(40, AlertChange::Unsuppressed),
        late.becomes(
            50,
            AlertChange::Unsuppressed,
            Status::Acknowledged,
            ConditionState::Active(Level::Urgent),
        ),
    ];
    let queue = ward(&records, HOUR);
    assert_eq!((queue.annunciated, queue.suppressed, queue.shadow), (2, 2, 1));
    assert_eq!(queue.mix.value[2], Share(1000));
    assert_eq!(queue.top.iter().map(|actor| actor.annunciated).sum::<u64>(), 2);
}

/// One that only recorded is an alarm from when it is no mere record any more.
#[test]
fn what_leaves_the_shadow_annunciates_from_then_on() {
    let alert = urgent(0, 1);
    let records = [
        alert.opens_as(0, true),
        alert.changes(1, AlertChange::Raised),
        alert.changes(60, AlertChange::Surfaced),
        alert.acknowledged(90),
    ];
    let queue = ward(&records, HOUR);
    assert_eq!((queue.annunciated, queue.suppressed, queue.shadow), (1, 0, 1));
    let quiet = ward(&records[..2], HOUR);
    assert_eq!((quiet.annunciated, quiet.shadow), (0, 1));
}

#[test]
fn an_alarm_is_what_opens_rises_or_comes_back_and_not_its_reminders() {
    use AlertChange as C;
    let alert = urgent(0, 1).level(Level::Review);
    let count = |changes: &[AlertChange]| {
        let changes = (1..).zip(changes).map(|(n, change)| alert.changes(n * HOUR, *change));
        let records: Vec<Record> = [alert.opens(0)].into_iter().chain(changes).collect();
        ward(&records, 24 * HOUR).annunciated
    };
    assert_eq!(count(&[C::Raised, C::Reentered, C::BecameUnstable]), 4);
    assert_eq!(count(&[C::Lowered, C::Lapsed, C::BecameStale, C::RemediationOverdue]), 1);
    assert_eq!(count(&[C::Unacknowledged, C::HandedOver, C::Noted, C::Assigned, C::Verified]), 1);
}

#[test]
fn three_in_a_minute_chatter_and_the_count_can_be_set() {
    let alert = urgent(0, 1);
    let back = |second| alert.changes(second, AlertChange::Reentered);
    // Two bursts: 0, 30, 60 and 90 are one; 300, 310 and 320 are another.
    let seconds = [30, 60, 90, 300, 310, 320];
    let mut records: Vec<Record> = [alert.opens(0)].into();
    records.extend(seconds.map(back));
    records.extend([urgent(1, 1).opens(0), urgent(1, 2).opens(1), urgent(1, 3).opens(2)]);
    let queue = ward(&records, HOUR);
    assert_eq!(
        (queue.chattering.value, queue.chatter_bursts),
        (1, 2),
        "three rules are no chatter"
    );
    assert_eq!((queue.top[0].annunciated, queue.top[0].chatter_bursts), (7, 2));
    assert_eq!(queue.top[0].owner, owner(0));
    let strict = Thresholds { chatter_count: 5, ..Thresholds::default() };
    let mut kpi = Kpi::new(strict);
    records.iter().for_each(|record| kpi.fold(record));
    assert_eq!(kpi.report(at(HOUR)).queues[0].chattering.value, 0);
    assert_eq!(kpi.report(at(HOUR)).queues[0].chattering.verdict, Judgement::Within);
}

#[test]
fn what_is_suppressed_as_it_opens_does_not_chatter() {
    let mut records = Vec::new();
    for second in 0..5 {
        let alert = urgent(0, 1 + 10 * second);
        let second = i64::from(second);
        records.push(alert.opens(second));
        records.push(alert.changes(second, AlertChange::Inhibited).suppressed());
    }
    let queue = ward(&records, HOUR);
    assert_eq!((queue.annunciated, queue.suppressed, queue.chattering.value), (0, 5, 0));
}

#[test]
fn a_condition_shorter_than_ten_seconds_is_fleeting() {
    let [short, long, latched] = [urgent(0, 1), urgent(1, 1), urgent(2, 1)];
    let mut records = Vec::from([short.opens(0)]);
    records.extend(short.ends(9));
    records.push(long.opens(20));
    records.extend(long.ends(30));
    records.push(latched.opens(40));
    let state = ConditionState::Latched(Level::Urgent);
    records.push(latched.becomes(45, AlertChange::Cleared, Status::New, state));
    records.push(latched.resolved(4 * HOUR, "true_acted_on"));
    let queue = ward(&records, 5 * HOUR);
    assert_eq!(
        queue.fleeting.value, 2,
        "nine seconds, and five although a person had to resolve it"
    );
}

#[test]
fn stale_alerts_are_counted_on_the_days_they_reach_into() {
    let day = 24 * HOUR;
    // Opened on day 0, closed on day 2: stale from noon of day 1 on.
    let mut records: Vec<Record> = (0..3).map(|p| urgent(p, 1).opens(12 * HOUR)).collect();
    // Opened on day 1 and never closed: stale from noon of day 2 on.
    records.extend((3..6).map(|p| urgent(p, 1).opens(day + 12 * HOUR)));
    records.extend((0..3).flat_map(|p| urgent(p, 1).ends(2 * day + HOUR)));
    // Open for exactly a day.
    records.push(urgent(9, 1).opens(5 * day));
    records.extend(urgent(9, 1).ends(6 * day));
    let queue = ward(&records, 7 * day);
    assert_eq!((queue.stale.value, queue.stale_now), (6, 3), "day 2 has both");
    assert_eq!(queue.stale.verdict, Judgement::Beyond);
}

#[test]
fn times_to_acknowledge_and_resolve_run_from_asking() {
    let [first, second] = [urgent(0, 1), urgent(1, 1).level(Level::Review)];
    let records = [
        first.opens(0),
        first.acknowledged(30),
        first.resolved(100, "true_acted_on"),
        second.opens(1000),
        // More severe: measured anew from here.
        urgent(1, 1).changes(1500, AlertChange::Raised),
        urgent(1, 1).resolved(1560, "false_artifact"),
    ];
    let queue = ward(&records, HOUR);
    assert_eq!(queue.acknowledge.count, 2);
    assert_eq!(queue.acknowledge.longest, Some(Duration::from_secs(60)));
    assert_eq!(queue.resolve.count, 2);
    assert_eq!(queue.resolve.longest, Some(Duration::from_secs(100)));
}

#[test]
fn predictive_values_are_of_what_was_judged() {
    let whys =
        ["true_acted_on", "true_not_actionable", "false_limit", "duplicate", "no such reason"];
    let mut records = Vec::new();
    for (n, why) in (0..).zip(whys) {
        let alert = urgent(n % 2, 1 + 10 * n);
        records.extend([
            alert.opens(i64::from(n) * HOUR),
            alert.resolved(i64::from(n) * HOUR + 1, why),
        ]);
    }
    let report = report(&records, 10 * HOUR);
    assert_eq!(report.rules[0].of, "rule1");
    assert_eq!(report.rules[0].verdicts, Verdicts { correct: 2, wrong: 1, unknown: 2 });
    assert_eq!(report.rules[0].value, Some(Share(667)));
    assert_eq!(report.patients[0].verdicts, Verdicts { correct: 1, wrong: 1, unknown: 1 });
    assert_eq!(report.patients[1].value, Some(Share(1000)), "one true, one that nobody judged");
}

#[test]
fn refused_suppression_is_counted_and_other_refusals_are_not() {
    let refused = |(action, reason): (&str, &str)| Body::CommandRefused {
        alert: crate::AlertId(1),
        action: action.into(),
        reason: reason.into(),
        revision: Some(1),
        status: Some(Status::New),
        by: "ann".into(),
    };
    let asked = [
        ("shelve", "not_permitted"),
        ("shelve", "shelved_too_long"),
        ("shelve", "stale_revision"),
        ("take_out_of_service", "not_permitted"),
        ("acknowledge", "not_permitted"),
    ];
    let records = asked.map(|asked| urgent(0, 1).record(0, refused(asked)));
    let found = report(&records, HOUR).unauthorized;
    assert_eq!((found.refused.value, found.not_permitted, found.shelved_too_long), (3, 2, 1));
    assert_eq!(found.refused.verdict, Judgement::Beyond);
}

#[test]
fn an_alert_that_opens_again_is_followed_again() {
    let alert = urgent(0, 1);
    let active = ConditionState::Active(Level::Urgent);
    let records = [
        alert.opens(0),
        alert.becomes(10, AlertChange::Resolved, Status::Resolved, active).because("other"),
        alert.becomes(20, AlertChange::Noted, Status::Resolved, active),
        alert.changes(700, AlertChange::Reopened),
        alert.acknowledged(760),
    ];
    let queue = ward(&records, 30 * HOUR);
    assert_eq!((queue.annunciated, queue.acknowledge.count, queue.stale_now), (1, 2, 1));
    assert_eq!(queue.acknowledge.longest, Some(Duration::from_secs(60)));
}

/// What a fold that begins in the middle is told of is left out, and nothing is no reason to fail.
#[test]
fn unknown_alerts_and_empty_streams_are_survived() {
    let records = [urgent(0, 1).changes(0, AlertChange::Raised), urgent(0, 1).acknowledged(1)];
    assert!(report(&records, HOUR).queues.is_empty());
    let empty = Kpi::default().report(at(0));
    assert_eq!((empty.from, empty.to_string().as_str()), (None, "no records"));
}

#[test]
fn thirty_days_are_enough() {
    let records = [urgent(0, 1).opens(0)];
    let day = 24 * HOUR;
    assert!(!report(&records, 30 * day - 1).enough);
    assert!(report(&records, 30 * day).enough);
}
