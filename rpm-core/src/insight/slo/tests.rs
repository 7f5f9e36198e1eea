//! Hand-computed budgets.

use alloc::vec::Vec;

use super::report::{ObjectiveReport, SloReport, Standing};
use super::{BurnPolicy, Indicator, Latency, Miss, Misses, Objective, Slo};
use crate::insight::measure::{Rate, Share};
use crate::insight::testing::{With as _, at, urgent};
use crate::record::{AlertChange, DeliveryState, Level, Record};
use crate::time::Duration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

fn objective(of: Latency, seconds: i64, share_permille: u16) -> Objective {
    let indicator = Indicator::Latency { of, within: Duration::from_secs(seconds) };
    Objective { title: "test".into(), indicator, critical: true, share_permille }
}

fn no(of: Miss, share_permille: u16) -> Objective {
    let indicator = Indicator::Miss { of };
    Objective { title: "test".into(), indicator, critical: true, share_permille }
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
    let report = report(objective(Latency::SignalDelay, 2, 900), &records, 100);
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
    let report = report(objective(Latency::Delivered, 4, 500), &records, 100);
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
    let asked = objective(Latency::Acknowledged, 300, 990);
    let found = one(asked, &records, 301);
    assert_eq!((found.events, found.bad, found.waiting), (20, 1, 0));
    assert_eq!(found.good_share, Some(Share(950)));
    assert_eq!(found.standing, Standing::Missed);
    // Allowed 0.2, used 1: four times the budget below zero.
    assert_eq!(found.remaining_permille, Some(-4000));
    // 1 of 20 is five in a hundred: five times what is allowed.
    assert_eq!(found.burns[0].long_rate, Some(Rate(5000)));
    let milder = one(objective(Latency::Acknowledged, 300, 900), &records, 301);
    assert_eq!((milder.standing, milder.remaining_permille), (Standing::Kept, Some(500)));
}

#[test]
fn what_is_not_answered_is_bad_as_soon_as_its_time_is_up() {
    let records = [urgent(0, 1).opens(0)];
    let asked = || objective(Latency::Acknowledged, 300, 990);
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
    let report = report(objective(Latency::Acknowledged, 300, 990), &records, 2000);
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
    let asked = || objective(Latency::Acknowledged, 300, 990);
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
    let asked = || objective(Latency::Acknowledged, 300, 990);
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
    let asked = || objective(Latency::Acknowledged, 300, 1000);
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
    let report = report(objective(Latency::Acknowledged, 300, 990), &records, 1000);
    let expected = Misses { missed: 1, unanswered: 1, late: 1, ..Misses::default() };
    assert_eq!(report.critical.misses, expected);
    assert_eq!(report.non_critical.misses, Misses::default());
}

/// The good and the bad events of a miss, with as little a budget as there can be.
fn events(of: Miss, records: &[Record]) -> (u64, u64) {
    let found = one(no(of, 999), records, HOUR);
    assert_eq!(found.waiting, 0, "a miss is known when it happens");
    (found.events - found.bad, found.bad)
}

#[test]
fn beside_each_miss_there_is_what_came_through() {
    let [quick, late, never, over] = [1, 2, 3, 4].map(|n| urgent(n, n));
    let mut records = Vec::from([quick.opens(0), quick.acknowledged(60)]);
    records.push(quick.resolved(70, "duplicate"));
    records.extend([late.opens(100), late.exhausted(700), late.acknowledged(800)]);
    records.push(late.resolved(900, "true_acted_on"));
    // Everybody was told, and then it was over: missed, and unanswered.
    records.extend([never.opens(1000), never.exhausted(1600)]);
    records.extend(never.ends(1700));
    // Over before everybody was told: nobody was too late, and nobody looked either.
    records.push(over.opens(1800));
    records.extend(over.ends(1900));
    assert_eq!(events(Miss::Missed, &records), (1, 2));
    assert_eq!(events(Miss::Late, &records), (1, 1));
    assert_eq!(events(Miss::Unanswered, &records), (2, 2));
    assert_eq!(events(Miss::Duplicate, &records), (1, 1));
    assert_eq!(events(Miss::Undelivered, &records), (0, 0));
}

#[test]
fn a_message_arrives_or_not_and_one_taken_back_does_neither() {
    use DeliveryState as S;
    let alert = urgent(0, 1);
    let mut records = Vec::from([alert.opens(0)]);
    let fates = [&[S::Delivered, S::Seen][..], &[S::Seen], &[S::Failed], &[S::Expired]];
    let undone = [&[S::Cancelled][..], &[S::Handed], &[S::Handed, S::Cancelled]];
    for (key, states) in (1..).zip(fates.into_iter().chain(undone)) {
        records.push(alert.planned(1, key));
        records.extend(states.iter().map(|state| alert.delivery(2, key, *state)));
    }
    assert_eq!(events(Miss::Undelivered, &records), (2, 2));
}

#[test]
fn what_is_suppressed_is_missed_by_nobody() {
    let alert = urgent(0, 1);
    let mut records =
        Vec::from([alert.opens(0), alert.changes(10, AlertChange::Shelved).suppressed().by("ann")]);
    records.extend(alert.ends(1000).map(Record::suppressed));
    for of in Miss::ALL {
        assert_eq!(events(of, &records), (0, 0), "{of:?}");
    }
}

/// Who is called for something urgent misses something urgent, also if it has become milder since.
#[test]
fn a_miss_is_of_the_class_in_which_somebody_was_asked() {
    let [alert, milder] = [urgent(0, 1), urgent(0, 1).level(Level::Review)];
    let fell = milder.changes(100, AlertChange::Lowered);
    let missed = [alert.opens(0), fell.clone(), milder.exhausted(600)];
    assert_eq!(events(Miss::Missed, &missed), (0, 1));
    let answered = [alert.opens(0), fell, milder.acknowledged(600)];
    assert_eq!(events(Miss::Missed, &answered), (1, 0));
    // What rises is asked anew, and critical from then on.
    let rose = [milder.opens(0), alert.changes(100, AlertChange::Raised), alert.exhausted(600)];
    assert_eq!(events(Miss::Missed, &rose), (0, 1));
}

/// Ten urgent alerts are answered in the hour before; then these are missed, all at once.
fn missed(alerts: u32) -> Vec<Record> {
    let mut records = night(0);
    records.extend((0..alerts).map(|n| urgent(20 + n, 1).opens(HOUR + 4 * MINUTE)));
    records.extend((0..alerts).map(|n| urgent(20 + n, 1).exhausted(HOUR + 14 * MINUTE)));
    records
}

#[test]
fn a_miss_pages_at_once_where_the_budget_is_zero_and_else_only_in_numbers() {
    let now = HOUR + 14 * MINUTE;
    let zero = one(no(Miss::Missed, 1000), &missed(1), now);
    assert!(zero.pages, "nobody may be missed");
    assert_eq!((zero.standing, zero.remaining_permille), (Standing::Missed, None));
    let single = one(no(Miss::Missed, 990), &missed(1), now);
    assert_eq!((single.events, single.bad, single.pages), (11, 1, false));
    // One in the night, of one: a hundred times too fast, and no emergency.
    let lonely = [urgent(0, 1).opens(0), urgent(0, 1).exhausted(600)];
    let lonely = one(no(Miss::Missed, 990), &lonely, 600);
    assert_eq!(lonely.burns[0].long_rate, Some(Rate(100_000)));
    assert_eq!((lonely.standing, lonely.pages), (Standing::Missed, false));
    let several = one(no(Miss::Missed, 990), &missed(3), now);
    assert_eq!(several.burns[0].long_rate, Some(Rate(23_077)), "3 of 13");
    assert!(several.pages);
    // Of others the objective says nothing.
    let other = Objective { critical: false, ..no(Miss::Missed, 1000) };
    assert_eq!(one(other, &missed(3), now).events, 0);
}

#[test]
fn objectives_read_as_they_are_written() {
    let answers = serde_json::to_value(objective(Latency::Acknowledged, 300, 990)).unwrap();
    let [name, within] = ["indicator", "within"].map(|field| answers[field].as_str());
    assert_eq!((name, within), (Some("acknowledged"), Some("5 min")));
    let misses = serde_json::to_value(no(Miss::Late, 950)).unwrap();
    assert_eq!((&misses["indicator"], misses.get("within")), (&"late".into(), None));
    for of in Latency::ALL {
        assert_eq!(serde_json::to_value(of).unwrap(), of.name());
    }
    for of in Miss::ALL {
        assert_eq!(serde_json::to_value(of).unwrap(), of.name());
    }
}
