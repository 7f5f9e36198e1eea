//! Hand-computed budgets.

use alloc::vec::Vec;

use super::objective::{BurnPolicy, Indicator, Objective};
use super::report::{ObjectiveReport, SloReport, Standing};
use super::{Misses, Slo};
use crate::insight::measure::{Rate, Share};
use crate::insight::testing::{With as _, at, urgent};
use crate::record::{AlertChange, DeliveryState, Level, Record};
use crate::time::Duration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

fn objective(indicator: Indicator, seconds: i64, share_permille: u16) -> Objective {
    let within = Duration::from_secs(seconds);
    Objective { name: "test".into(), indicator, critical: true, within, share_permille }
}

fn report(asked: Objective, records: &[Record], until: i64) -> SloReport {
    let mut slo = Slo::new(Vec::from([asked]), BurnPolicy::default());
    records.iter().for_each(|record| slo.fold(record));
    slo.report(at(until))
}

fn one(asked: Objective, records: &[Record], until: i64) -> ObjectiveReport {
    report(asked, records, until).objectives.remove(0)
}

#[test]
fn delays_have_the_ends_that_the_standard_names() {
    let records = [urgent(0, 1).opens(100), urgent(1, 1).level(Level::Review).opens(100)];
    let report = report(objective(Indicator::SignalDelay, 2, 900), &records, 100);
    for delays in [&report.critical, &report.non_critical] {
        assert_eq!(delays.condition_delay.longest, Some(Duration::from_secs(7)));
        assert_eq!(delays.signal_delay.longest, Some(Duration::from_secs(3)));
        assert_eq!(delays.signal_delay.count, 1);
    }
    assert_eq!((report.objectives[0].events, report.objectives[0].bad), (1, 1), "three, not two");
}

#[test]
fn messages_are_measured_to_handing_over_and_to_arrival() {
    use DeliveryState as S;
    let alert = urgent(0, 1);
    let records = [
        alert.opens(0),
        alert.planned(0, 1),
        alert.delivery(2, 1, S::Handed),
        alert.delivery(5, 1, S::Delivered),
        alert.delivery(9, 1, S::Seen),
        // A channel that skips states handed it over all the same.
        alert.planned(10, 2),
        alert.delivery(14, 2, S::Seen),
        alert.planned(20, 3),
        alert.delivery(50, 3, S::Expired),
        alert.planned(60, 4),
        alert.delivery(61, 4, S::Handed),
        alert.delivery(62, 4, S::Failed),
        alert.planned(70, 5),
        alert.delivery(71, 5, S::Cancelled),
    ];
    let report = report(objective(Indicator::Delivered, 4, 500), &records, 100);
    let critical = &report.critical;
    assert_eq!((critical.handed.count, critical.handed.longest), (3, Some(Duration::from_secs(4))));
    assert_eq!((critical.delivered.count, critical.misses.undelivered), (2, 2));
    assert_eq!(critical.delivered.longest, Some(Duration::from_secs(5)));
    // In time: 2. Late: 1. Given up: 3. Failed: 4. Taken back: 5, which is no event.
    assert_eq!((report.objectives[0].events, report.objectives[0].bad), (4, 3));
}

/// Ninety-nine of a hundred within five minutes, of twenty events: a fifth of an event is allowed.
#[test]
fn a_budget_is_a_share_of_the_events() {
    let mut records = Vec::new();
    for n in 0..20 {
        let alert = urgent(n, 1);
        let answer = if n == 0 { 301 } else { 300 };
        records.extend([alert.opens(0), alert.acknowledged(answer)]);
    }
    records.sort_by_key(|record| record.at);
    let asked = objective(Indicator::Acknowledged, 300, 990);
    let found = one(asked, &records, 301);
    assert_eq!((found.events, found.bad, found.waiting), (20, 1, 0));
    assert_eq!(found.good_share, Some(Share(950)));
    assert_eq!(found.standing, Standing::Missed);
    // Allowed 0.2, used 1: four times the budget below zero.
    assert_eq!(found.remaining_permille, Some(-4000));
    // 1 of 20 is five in a hundred: five times what is allowed.
    assert_eq!(found.burns[0].long_rate, Some(Rate(5000)));
    let milder = one(objective(Indicator::Acknowledged, 300, 900), &records, 301);
    assert_eq!((milder.standing, milder.remaining_permille), (Standing::Kept, Some(500)));
}

#[test]
fn what_is_not_answered_is_bad_as_soon_as_its_time_is_up() {
    let records = [urgent(0, 1).opens(0)];
    let asked = || objective(Indicator::Acknowledged, 300, 990);
    let found = one(asked(), &records, 300);
    assert_eq!((found.events, found.waiting), (0, 1), "the last moment is in time");
    let found = one(asked(), &records, 301);
    assert_eq!((found.events, found.bad, found.waiting), (1, 1, 0));
    // An answer after that changes nothing, and neither does the end of the condition.
    let answered = [urgent(0, 1).opens(0), urgent(0, 1).acknowledged(400)];
    assert_eq!(one(asked(), &answered, 500).bad, 1);
    let mut ended = Vec::from([urgent(0, 1).opens(0)]);
    ended.extend(urgent(0, 1).ends(400));
    assert_eq!(one(asked(), &ended, 500).bad, 1);
    let mut in_time = Vec::from([urgent(0, 1).opens(0)]);
    in_time.extend(urgent(0, 1).ends(200));
    assert_eq!(one(asked(), &in_time, 500).events, 0, "nobody was needed any more");
}

#[test]
fn what_is_suppressed_waits_for_nobody() {
    let alert = urgent(0, 1);
    let records = [
        alert.opens(0),
        alert.changes(10, AlertChange::Shelved).suppressed().by("ann"),
        alert.changes(1000, AlertChange::Unsuppressed),
        alert.acknowledged(1100),
    ];
    let report = report(objective(Indicator::Acknowledged, 300, 990), &records, 2000);
    assert_eq!((report.objectives[0].events, report.objectives[0].bad), (1, 0));
    assert_eq!(report.critical.acknowledged.longest, Some(Duration::from_secs(100)));
}

/// Ten answers in the hour before, and then a number of alerts that nobody answers.
fn night(unanswered: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for n in 0..10 {
        let alert = urgent(n, 1);
        records.extend([alert.opens(HOUR), alert.acknowledged(HOUR + 60)]);
    }
    records.extend((0..unanswered).map(|n| urgent(20 + n, 1).opens(HOUR + 10 * MINUTE)));
    records.sort_by_key(|record| record.at);
    records
}

#[test]
fn one_event_at_night_does_not_page_and_several_do() {
    let asked = || objective(Indicator::Acknowledged, 300, 990);
    // Their time is up at fifteen past.
    let now = HOUR + 15 * MINUTE + 1;
    let lonely = one(asked(), &[urgent(0, 1).opens(HOUR + 10 * MINUTE)], now);
    assert_eq!(lonely.burns[0].long_rate, Some(Rate(100_000)), "the rate is a hundred");
    assert!(!lonely.pages, "of one event");
    let single = one(asked(), &night(1), now);
    assert!(!single.pages, "one bad event of eleven burns nine times too fast, and is one");
    let several = one(asked(), &night(3), now);
    // 3 of 13 in the hour, 3 of 3 in the last five minutes; a hundredth is allowed.
    assert_eq!(several.burns[0].long_rate, Some(Rate(23_077)));
    assert_eq!(several.burns[0].short_rate, Some(Rate(100_000)));
    assert!(several.burns[0].pages && several.burns[1].pages && several.pages);
}

#[test]
fn a_page_ends_when_the_short_window_is_clean() {
    let asked = || objective(Indicator::Acknowledged, 300, 990);
    let later = one(asked(), &night(3), HOUR + 21 * MINUTE);
    assert_eq!(later.burns[0].short_rate, None, "nothing happened in the last five minutes");
    assert!(!later.burns[0].pages && later.burns[1].pages, "half an hour is the other short one");
    let next_day = one(asked(), &night(3), 30 * HOUR);
    assert!(!next_day.pages);
    assert_eq!(next_day.bad, 3, "the budget remembers");
    let next_period = one(asked(), &night(3), 31 * 24 * HOUR);
    assert_eq!((next_period.events, next_period.remaining_permille), (0, None));
}

#[test]
fn without_a_budget_one_is_enough() {
    let asked = || objective(Indicator::Acknowledged, 300, 1000);
    let found = one(asked(), &[urgent(0, 1).opens(0)], 301);
    assert!(found.pages);
    assert_eq!((found.remaining_permille, found.burns[0].long_rate), (None, None));
    let fine = one(asked(), &[urgent(0, 1).opens(0), urgent(0, 1).acknowledged(10)], 301);
    assert_eq!((fine.remaining_permille, fine.standing), (Some(1000), Standing::TooFew));
}

#[test]
fn misses_are_counted_where_they_happened() {
    let [late, never] = [urgent(0, 1), urgent(1, 1)];
    let mut records = Vec::from([late.opens(0), late.exhausted(600), late.acknowledged(700)]);
    records.extend([never.opens(800)]);
    records.extend(never.ends(900));
    let report = report(objective(Indicator::Acknowledged, 300, 990), &records, 1000);
    let expected = Misses { missed: 1, unanswered: 1, late: 1, undelivered: 0 };
    assert_eq!(report.critical.misses, expected);
    assert_eq!(report.non_critical.misses, Misses::default());
}

#[test]
fn objectives_are_plain_data() {
    let text = r#"{"name":"answers","indicator":"acknowledged","critical":true,"within":"5 min","share_permille":990}"#;
    let asked: Objective = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&asked).unwrap(), text);
    assert!(serde_json::from_str::<Objective>(&text.replace("name", "nam")).is_err());
}
