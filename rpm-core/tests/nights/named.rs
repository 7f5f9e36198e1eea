//! The cases that matter.

use std::sync::Arc;

use rpm_core::PatientKey;
use rpm_core::event::{Body, Event, Kind, Profile, Quality};
use rpm_core::policy::{Policy, Proposal};
use rpm_core::record::{self, ConditionState, Level};
use serde_json::{Value as Json, json};

use crate::common::{Run, T0, With, event, heart_rate, host, policy, reading, spo2};
use crate::model::{DAY, MINUTE};
use crate::{latest, restored};

const HOUR: i64 = 60 * MINUTE;

/// From [`T0`] to a time of a day, in UTC; the first whole day is day 0.
fn at(day: i64, hour: i64, minute: i64) -> i64 {
    DAY - T0.rem_euclid(DAY) + day * DAY + hour * HOUR + minute * MINUTE
}

/// The mean from 00:00 to 07:00 at or above the median of the seven nights before + 4, on two nights
/// in a row.
fn watch(version: u32, cadence: &str) -> Json {
    json!({
        "id": "nights", "version": version, "title": "Nights",
        "signals": {
            "heart_rate": { "cadence": cadence },
            "spo2": { "cadence": "1 min" },
            "night": { "cadence": "1 d", "summary": {
                "of": "heart_rate", "from": "00:00", "until": "07:00", "coverage": "60 %",
            } },
        },
        "baselines": { "earlier-nights": {
            "of": "night", "learn": { "median": { "panes": 7 } }, "warm_up": "3 d",
        } },
        "rules": [{
            "id": "night-high", "title": "Heart rate at night above the usual", "signal": "night",
            "levels": [{
                "level": "review", "times": { "count": 2, "within": "2 d" },
                "raise": { "baseline": "earlier-nights", "at_or_above": 4 },
            }],
        }],
    })
}

/// A night of heart rates from midnight on, one each cadence, swinging around a mean.
fn night(run: &mut Run, day: i64, hours: i64, cadence: i64, mean: i32) {
    for step in 0..hours * HOUR / cadence {
        let swing = i32::try_from(step % 5).unwrap() - 2;
        run.live(heart_rate(at(day, 0, 0) + step * cadence, mean + swing));
    }
}

fn evening(run: &mut Run, day: i64) {
    run.live(heart_rate(at(day, 20, 0), 95));
}

#[test]
fn two_nights_in_a_row_above_the_median_of_those_before_raise_it() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    for (day, mean) in [60, 61, 59, 60, 65, 60, 66].into_iter().enumerate() {
        night(&mut run, day as i64, 9, MINUTE, mean);
        evening(&mut run, day as i64);
    }
    assert!(run.opened("night-high").is_empty(), "one night is nothing");
    night(&mut run, 7, 8, MINUTE, 64);
    // As soon as the night is over, and dated by its end.
    assert_eq!(run.opened("night-high").len(), 1);
    let opened = run.records.iter().find_map(|sealed| match &sealed.record.body {
        record::Body::AlertOpened { observed_at, evidence, .. } => {
            Some((sealed.record.at, *observed_at, evidence.clone()))
        }
        _ => None,
    });
    let (told_at, observed_at, evidence) = opened.unwrap();
    assert_eq!((told_at, observed_at.as_millis()), (host(at(7, 7, 0)), T0 + at(7, 7, 0)));
    let said = evidence[0].to_string();
    let day = |day: i64, hour: i64| rpm_core::Timestamp::from_millis(T0 + at(day, hour, 0));
    assert_eq!(
        said,
        format!(
            "night last was 64 /min, limit at or above 64 /min (4 from 60, earlier-nights, 7 panes \
             since {}) (mean of 420 readings of heart_rate, {} to {}, coverage 100 %)",
            day(0, 0),
            day(7, 0),
            day(7, 7)
        )
    );
}

#[test]
fn a_night_at_one_a_second_costs_no_more_memory_than_its_first_hour() {
    let mut run = Run::new(&policy(&watch(1, "1 s")));
    let size = |run: &Run| run.engine.snapshot().unwrap().len();
    night(&mut run, 0, 1, 1000, 60);
    let early = size(&run);
    night(&mut run, 1, 8, 1000, 64);
    assert_eq!(latest(&run), Some((T0 + at(1, 7, 0), 64_000)));
    assert!(size(&run) <= early + 200, "{early} {}", size(&run));
    // Ten minutes at one a second, and what is needed until they are certain.
    assert!(early < 4096, "{early}");
}

#[test]
fn too_little_of_a_night_is_no_night() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    night(&mut run, 0, 4, MINUTE, 60);
    evening(&mut run, 0);
    assert_eq!(latest(&run), None, "240 of 420 minutes are less than 60 %");
    night(&mut run, 1, 5, MINUTE, 61);
    evening(&mut run, 1);
    assert_eq!(latest(&run), Some((T0 + at(1, 7, 0), 61_000)));
}

#[test]
fn a_late_reading_counts_in_its_night() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    let all: Vec<i64> = (0..7 * 60).collect();
    let (late, in_time): (Vec<i64>, Vec<i64>) = all.into_iter().partition(|m| m % 60 > 56);
    for minute in in_time.iter().filter(|minute| **minute < 410) {
        run.live(heart_rate(at(0, 0, *minute), 60));
        if late.contains(&(minute - 5)) {
            run.event(heart_rate(at(0, 0, minute - 5), 80), host(at(0, 0, *minute)));
        }
    }
    run.live(heart_rate(at(0, 7, 1), 120));
    let value = |run: &Run| latest(run).unwrap().1;
    let before = value(&run);
    // Nine minutes late, after the night was told.
    run.event(heart_rate(at(0, 6, 52), 137), host(at(0, 7, 1)));
    assert!(value(&run) > before);
    // The same again changes nothing, and what is older than the horizon is not the night's.
    let told = value(&run);
    run.event(heart_rate(at(0, 6, 52), 137), host(at(0, 7, 1)));
    run.event(heart_rate(at(0, 6, 3), 200), host(at(0, 7, 1)));
    assert_eq!(value(&run), told);
}

/// Whatever is measured says that the night is over, also if it is nothing but an artifact.
#[test]
fn a_night_ends_with_whatever_comes_after_it() {
    for (after, device) in [
        (spo2(at(0, 7, 0), 97), 0),
        (heart_rate(at(0, 7, 3), 0).quality(Quality::ARTIFACT), 0),
        (heart_rate(at(0, 9, 0), 70), 1),
    ] {
        let mut run = Run::new(&policy(&watch(1, "1 min")));
        night(&mut run, 0, 6, MINUTE, 60);
        run.live(spo2(at(0, 6, 59), 97));
        assert_eq!(latest(&run), None);
        run.live(after.device(device));
        assert_eq!(latest(&run), Some((T0 + at(0, 7, 0), 60_000)));
    }
}

#[test]
fn a_year_of_silence_leaves_the_night_before_it() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    night(&mut run, 0, 6, MINUTE, 60);
    night(&mut run, 366, 8, MINUTE, 70);
    assert_eq!(latest(&run), Some((T0 + at(366, 7, 0), 70_000)));
    assert_eq!(run.state("night-high"), ConditionState::Normal);
}

fn profile(ms: i64, utc_offset_min: i16) -> Event {
    let profile = Profile { utc_offset_min: Some(utc_offset_min), ..Profile::default() };
    event(ms, Body::Profile(Box::new(profile)))
}

#[test]
fn nights_are_by_the_patients_own_clock() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    run.live(profile(at(0, 0, 0), 180));
    // From 21:00 to 04:00 in UTC.
    for minute in -120..9 * 60 {
        let rate = if (0..420).contains(&(minute + 180)) { 60 } else { 90 };
        let ms = at(1, 0, minute);
        run.live(heart_rate(ms - 120 * MINUTE, rate - 2));
    }
    let (told, value) = latest(&run).unwrap();
    assert_eq!(told, T0 + at(1, 4, 0));
    assert!(value < 75_000, "{value}");
}

/// Who travels has the nights that the clock of each day says, and every snapshot goes on the same.
#[test]
fn a_traveller_loses_no_night_to_an_hour() {
    for offsets in [[0, 60], [60, 0], [-30, 60], [0, 0]] {
        let watch = policy(&watch(1, "1 min"));
        let (mut plain, mut stopped) = (Run::new(&watch), Run::new(&watch));
        for day in 0..6 {
            stopped = restored(stopped, &watch);
            for run in [&mut plain, &mut stopped] {
                night(run, day, 3, MINUTE, 60);
                run.live(profile(at(day, 3, 0), offsets[day as usize % 2]));
                for minute in 3 * 60..24 * 60 {
                    run.live(heart_rate(at(day, 0, minute), 60));
                }
                let (told, value) = latest(run).unwrap();
                let local = told - T0 + i64::from(offsets[day as usize % 2]) * MINUTE;
                assert_eq!((local, value), (at(day, 7, 0), 60_000), "{offsets:?}");
            }
        }
        assert_eq!(plain.lines(), stopped.lines());
    }
}

fn change(run: &mut Run, to: &Json, now: i64) {
    let from = Arc::clone(run.engine.policy());
    let to: Arc<Policy> = policy(to);
    let proposal = Proposal::new(&from, to, "dr.a", "as agreed").unwrap();
    let approved = proposal.approve("dr.b", host(now)).unwrap();
    run.engine.handle_change(approved, host(now)).unwrap().unwrap();
    run.drain();
}

#[test]
fn a_night_goes_on_under_another_policy_that_means_the_same() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    night(&mut run, 0, 4, MINUTE, 58);
    let mut to = watch(2, "1 min");
    to["rules"][0]["title"] = "Another title".into();
    change(&mut run, &to, at(0, 4, 0));
    for minute in 4 * 60..8 * 60 {
        run.live(heart_rate(at(0, 0, minute), 65));
    }
    // Four hours of 58 and three of 65.
    assert_eq!(latest(&run), Some((T0 + at(0, 7, 0), 61_000)));
}

#[test]
fn an_episode_is_followed_by_its_own_nights_to_its_end() {
    let mut run = Run::new(&policy(&watch(1, "1 min")));
    for day in 0..6 {
        night(&mut run, day, 8, MINUTE, if day < 4 { 60 } else { 68 });
    }
    let active = ConditionState::Active(Level::Review);
    assert_eq!(run.state("night-high"), active);
    let mut to = watch(2, "1 min");
    to["signals"]["night"]["summary"]["until"] = "06:00".into();
    change(&mut run, &to, at(5, 12, 0));
    let watch = [policy(&watch(1, "1 min")), policy(&to)];
    let bytes = run.engine.snapshot().unwrap();
    let config = rpm_core::EngineConfig::default();
    run.engine = rpm_core::Engine::restore(&bytes, &watch, config, host(at(5, 12, 0))).unwrap().0;
    night(&mut run, 6, 8, MINUTE, 60);
    let changes = run.changes("night-high");
    assert!(changes.contains(&record::AlertChange::Cleared), "{changes:?}");
}

/// A rule may ask of nights and of now.
#[test]
fn a_rule_can_read_nights_and_minutes() {
    let mut watch = watch(1, "1 min");
    watch["rules"].as_array_mut().unwrap().push(json!({
        "id": "both", "title": "Both", "signal": "spo2",
        "levels": [{ "level": "review", "raise": { "all": [
            { "signal": "night", "above": 62 },
            { "signal": "spo2", "statistic": "mean", "over": "5 min", "below": 92 },
        ] } }],
    }));
    let mut run = Run::new(&policy(&watch));
    for minute in 0..8 * 60 {
        run.live(heart_rate(at(0, 0, minute), 64));
        run.live(spo2(at(0, 0, minute), if minute < 7 * 60 + 20 { 97 } else { 85 }));
        let expected = minute >= 7 * 60 + 20 + 2;
        assert_eq!(!run.opened("both").is_empty(), expected, "{minute}");
    }
}

#[test]
fn steps_of_a_day_add_up() {
    let steps = json!({
        "id": "steps", "version": 1, "title": "Steps",
        "signals": {
            "steps": { "cadence": "15 min" },
            "steps-of-the-day": { "cadence": "1 d", "summary": {
                "of": "steps", "statistic": "sum", "from": "00:00", "until": "00:00",
                "coverage": "10 %",
            } },
        },
        "rules": [{
            "id": "hardly-moved", "title": "Hardly moved", "signal": "steps-of-the-day",
            "levels": [{ "level": "review", "raise": { "below": 1000 } }],
        }],
    });
    let mut run = Run::new(&policy(&steps));
    for (day, each) in [50, 3].into_iter().enumerate() {
        for quarter in 0..96 {
            run.live(reading(Kind::STEPS, at(day as i64, 0, 15 * quarter), each * 1000));
        }
    }
    run.live(reading(Kind::STEPS, at(2, 0, 0), 0));
    let found = run.engine.latest(PatientKey(0), "steps-of-the-day").unwrap();
    assert_eq!((found.0.as_millis(), found.1.thousandths()), (T0 + at(2, 0, 0), 96 * 3000));
    assert_eq!(run.opened("hardly-moved").len(), 1);
}

#[test]
fn the_policy_says_it_in_words() {
    let words = policy(&watch(1, "1 min")).describe();
    let said = "night: the mean of heart_rate from 00:00 until 07:00 by the patient's clock, if \
                readings cover 60 % of it.";
    assert!(words.contains(said), "{words}");
}
