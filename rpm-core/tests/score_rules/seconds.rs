//! A pane of a score in which inputs are measured many times: the newest value of each is what counts,
//! after every single reading, by whatever way it comes.

use proptest::prelude::*;
use rpm_core::event::Kind;
use rpm_core::policy::Policy;
use rpm_core::policy::score::{Score, ScoreSpec};
use rpm_core::{Duration, PatientKey, ScoreFacts, ScoreInput, Value};
use serde_json::json;

use crate::common::{self, Run, With, host, policy, reading};

const KINDS: [Kind; 3] = [Kind::SPO2, Kind::HEART_RATE, Kind::RESPIRATORY_RATE];

/// One reading.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Which of the kinds.
    kind: usize,
    /// Around the edges of bands.
    value: i32,
    /// Of the second device, whose readings are not the usual ones.
    other_device: bool,
    /// So many seconds late.
    late: i64,
    /// Until the next one.
    wait: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let late = prop_oneof![6 => Just(0), 1 => 1..50_i64];
    let wait = prop_oneof![8 => Just(1), 1 => 2..90_i64];
    (0..3_usize, 0..4_i32, prop::bool::weighted(0.1), late, wait).prop_map(
        |(kind, value, other_device, late, wait)| {
            let value = [94 + value, 89 + value, 19 + value][kind];
            Step { kind, value, other_device, late, wait }
        },
    )
}

/// The score of the newest reading of each kind.
fn counted(score: &Score, policy: &Policy, newest: &[Option<(i64, i32)>; 3]) -> Option<u16> {
    let input = |signal: &u16| {
        let kind = policy.signals()[usize::from(*signal)].kind();
        let (_, value) = newest[KINDS.iter().position(|k| *k == kind)?]?;
        Some(ScoreInput { value: Value::from_units(value)?, age: Duration::ZERO })
    };
    let inputs: Vec<_> = score.signals().iter().map(input).collect();
    score.evaluate(&inputs, ScoreFacts { spo2_scale: None, on_oxygen: None }).total
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/score_seconds.txt", 31))]

    #[test]
    fn the_newest_value_of_each_input_counts_after_every_reading(
        steps in prop::collection::vec(step(), 1..200),
        alarm in 1..9_u8,
    ) {
        let policy = policy(&json!({
            "id": "ward", "version": 1, "title": "Ward",
            "lateness_horizon": "60 s",
            "signals": {
                "spo2": { "cadence": "1 s" },
                "heart_rate": { "cadence": "1 s" },
                "respiratory_rate": { "cadence": "1 s" },
                "news2": { "score": "news2", "cadence": "60 s" }
            },
            "scores": { "news2": { "chart": "news2" } },
            "rules": [{ "id": "high", "title": "NEWS2 is high", "signal": "news2", "levels": [
                { "level": "review", "raise": { "at_or_above": alarm }, "latch": false }
            ] }]
        }));
        let spec = ScoreSpec { chart: Some("news2".into()), ..ScoreSpec::default() };
        let score = Score::compile("news2", &spec, policy.signals()).unwrap();
        let mut run = Run::new(&policy);
        let (mut now, mut newest) = (0, [None; 3]);
        for step in steps {
            now += step.wait * 1000;
            // At times of its own, so that no two readings are equally new.
            let apart = 11 * i64::from(step.other_device) + 7 * i64::from(step.late > 0);
            let at = now - step.late * 1000 + apart;
            let event = reading(KINDS[step.kind], at, step.value * 1000);
            let event = if step.other_device { event.device(1) } else { event };
            run.event(event, host(now + 100));
            let known = &mut newest[step.kind];
            if known.is_none_or(|(then, _)| then < at) {
                *known = Some((at, step.value));
            }
            let (_, total) = run.engine.latest(PatientKey(0), "news2").unwrap();
            let expected = counted(&score, &policy, &newest);
            prop_assert_eq!(Some(total), expected.and_then(|n| Value::from_units(n.into())));
        }
    }
}
