//! Nights and drifts of whatever comes, whenever: nothing makes them panic, and no snapshot differs.

use proptest::prelude::*;
use rpm_core::HostTime;
use rpm_core::event::{Body, Event, Kind, KindRef, Profile, Quality};
use serde_json::json;

use crate::common::{Run, With, cases, event, policy};
use crate::restored;

/// Half a year either side of the ends of what a time can be, and the middle.
fn times() -> impl Strategy<Value = i64> {
    const DAY: i64 = 86_400_000;
    let end = 253_402_300_799_999_i64;
    prop_oneof![
        4 => 0..40 * DAY,
        2 => 1_600_000_000_000..1_600_000_000_000 + 40 * DAY,
        1 => end - 40 * DAY..=end,
        1 => 0..=end,
    ]
}

fn happening() -> impl Strategy<Value = Event> {
    let value = prop_oneof![3 => -80_000..200_000_i32, 1 => any::<i32>()];
    let flags = prop_oneof![6 => Just(Quality::GOOD), 1 => Just(Quality::ARTIFACT)];
    let what = prop_oneof![8 => Just(None), 1 => (-840..=840_i16).prop_map(Some)];
    (times(), value, flags, what, 0..3_u8).prop_map(|(at, value, flags, offset, device)| {
        let body = match offset {
            Some(utc_offset_min) => {
                let utc_offset_min = Some(utc_offset_min);
                Body::Profile(Box::new(Profile { utc_offset_min, ..Profile::default() }))
            }
            None => Body::Reading {
                kind: KindRef::Known(Kind::BODY_TEMPERATURE),
                value: Ok(rpm_core::Value::from_thousandths(value)),
            },
        };
        let mut event = event(0, body).quality(flags).device(device);
        event.observed_at = rpm_core::Timestamp::from_millis(at);
        event
    })
}

proptest! {
    #![proptest_config(cases("tests/regressions/nights.txt", 20_261_201))]

    #[test]
    fn nothing_makes_them_panic(
        happenings in prop::collection::vec(happening(), 1..60),
        statistic in prop::sample::select(vec!["mean", "min", "max", "sum"]),
        pane in prop::sample::select(vec!["5 min", "15 min", "3 h"]),
        horizon in prop::sample::select(vec!["0 s", "10 min", "20 d"]),
        sorted in any::<bool>(),
    ) {
        let pane = if horizon == "20 d" { "3 h" } else { pane };
        let policy = policy(&json!({
            "id": "p", "version": 1, "title": "P", "lateness_horizon": horizon,
            "signals": {
                "body_temperature": { "cadence": pane, "accept": ["implausible"] },
                "night": { "cadence": "1 d", "summary": {
                    "of": "body_temperature", "statistic": statistic, "from": "21:00", "until": "09:00",
                    "coverage": "0 %",
                } },
                "up": { "cadence": "1 d", "drift": { "baseline": "nights", "direction": "up" } },
                "down": { "cadence": pane, "drift": { "baseline": "hours", "direction": "down" } },
            },
            "baselines": {
                "nights": { "of": "night", "learn": { "median": { "panes": 5 } }, "warm_up": "1 d",
                            "least_deviation": 0 },
                "hours": { "of": "body_temperature", "learn": { "mean": { "half_life": "70 d" } },
                           "warm_up": "3 h", "least_deviation": 0 },
            },
            "rules": [
                { "id": "up", "title": "Up", "signal": "up",
                  "levels": [{ "level": "review", "raise": { "above": 2 } }] },
                { "id": "both", "title": "Both", "signal": "down", "levels": [
                    { "level": "urgent", "raise": { "all": [
                        { "signal": "down", "above": 2 },
                        { "signal": "night", "below": 36, "baseline": "nights" },
                    ] } },
                ] },
            ],
        }));
        let mut happenings = happenings;
        if sorted {
            happenings.sort_by_key(|event| event.observed_at);
        }
        let (mut plain, mut stopped) = (Run::new(&policy), Run::new(&policy));
        let now = HostTime::from_millis(253_402_300_799_999);
        for (index, happening) in happenings.into_iter().enumerate() {
            if index % 7 == 3 {
                stopped = restored(stopped, &policy);
            }
            plain.event(happening.clone(), now);
            stopped.event(happening, now);
        }
        prop_assert_eq!(plain.lines(), stopped.lines());
    }
}
