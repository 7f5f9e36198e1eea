//! What people cost: the ward hour with everything about them switched on, and a hundred thousand
//! open alerts.

#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use rpm_benches::ward_engine::{Ward, readings};
use rpm_benches::ward_hour::{Params, Sample};
use rpm_core::alert::{Action, Command};
use rpm_core::event::{Kind, Quality};
use rpm_core::policy::Policy;
use rpm_core::{DeviceKey, HostTime, PatientKey, Reading, Timestamp, Value};

use crate::speed::{grouped, median, timed};
use crate::{BATCH, row};

const ROUNDS: usize = 10;
const CROWD: u32 = 100_000;
const LOOKS: i64 = 2_000;

/// The same stream with and without routes, escalations, inhibitions and deadlines.
pub fn care(params: &Params, samples: &[Sample]) {
    let what = "events a second with routes and escalations, of those without";
    against(params, samples, Ward::policy_with_care, what, ">= 0.95");
}

/// The same stream with and without baselines and a score.
pub fn usual(params: &Params, samples: &[Sample]) {
    let what = "events a second with three deviation rules and NEWS2, of those without";
    against(params, samples, Ward::policy_with_usual, what, ">= 0.5");
}

/// The same stream under the ward hour's policy and under another, turn by turn.
fn against(
    params: &Params,
    samples: &[Sample],
    other: fn() -> Arc<Policy>,
    what: &str,
    target: &str,
) {
    let events = readings(samples);
    let [mut without, mut with] = [const { Vec::new() }; 2];
    for round in 0..ROUNDS {
        let mut turns = [(Ward::policy(), &mut without), (other(), &mut with)];
        // What runs second finds a warmer machine: they take turns at that, too.
        turns.rotate_left(round % 2);
        for (policy, times) in turns {
            let mut ward = Ward::of(policy, params.patients);
            let ((), ran) = timed(|| {
                for batch in events.chunks(BATCH) {
                    ward.push(batch);
                }
                ward.finish(params.duration_ms);
            });
            times.push(ran.as_secs_f64());
        }
    }
    // The work is the same in every round, and whatever else the machine does only adds to it.
    let least = |times: &[f64]| times.iter().copied().fold(f64::MAX, f64::min);
    let (best, middle) = (least(&without) / least(&with), median(&mut without) / median(&mut with));
    let measured = format!("{best:.2} in the quickest rounds, {middle:.2} in the middle ones");
    row(what, &measured, target);
}

/// Everybody is short of oxygen at once.
pub fn crowd() {
    let mut ward = Ward::of(Ward::policy_with_care(), CROWD);
    for second in 0..60 {
        let all: Vec<_> = (0..CROWD).map(|patient| reading(patient, second)).collect();
        ward.push(&all);
    }
    let open = (0..CROWD).filter(|p| !ward.engine.alerts(PatientKey(*p)).is_empty()).count();
    let alerts = grouped(open as u64);
    let mut now = 60_000;
    let mut look = |what: &str, ward: &mut Ward, work: &mut dyn FnMut(&mut Ward, i64)| {
        let mut histogram: Histogram<u64> = Histogram::new(3).expect("three digits are possible");
        for _ in 0..LOOKS {
            now += 1;
            let start = Instant::now();
            work(ward, now);
            let ns = start.elapsed().as_nanos() as u64;
            histogram.record(ns).expect("it grows as needed");
        }
        let at = |q| grouped(histogram.value_at_quantile(q));
        let measured = format!("p50 {} ns, p99 {} ns", at(0.5), at(0.99));
        row(&format!("{alerts} open alerts: {what}"), &measured, "microseconds");
    };
    look("the next wake-up", &mut ward, &mut |ward, _| {
        black_box(ward.engine.next_wakeup());
    });
    look("the first 20 of the queue", &mut ward, &mut |ward, now| {
        let first = ward.engine.queue(Some("ward"), HostTime::from_millis(now), 20);
        assert_eq!(first.len(), 20);
    });
    look("an acknowledgement, with its record", &mut ward, &mut |ward, now| {
        let first = ward.engine.queue(Some("ward"), HostTime::from_millis(now), 1);
        let waiting = &first[0];
        let alerts = ward.engine.alerts(waiting.patient);
        let alert = alerts.iter().find(|a| a.id == waiting.alert).expect("it waits");
        let command = Command {
            patient: waiting.patient,
            alert: alert.id,
            seen_revision: alert.revision,
            actor: "ann".into(),
            role: "nurse".into(),
            action: Action::Acknowledge,
        };
        let answer = ward.engine.handle_command(&command, HostTime::from_millis(now));
        assert_eq!(answer, Ok(Ok(())));
        while ward.engine.poll_output().is_some() {}
    });
}

fn reading(patient: u32, second: i64) -> Reading {
    Reading {
        patient: PatientKey(patient),
        device: DeviceKey(0),
        kind: Kind::SPO2,
        // Not all alike: the queue has many ranks.
        value: Value::from_thousandths(80_000 + (patient % 90) as i32 * 100),
        quality: Quality::GOOD,
        sequence: None,
        observed_at: Timestamp::from_millis(second * 1000),
        received_at: HostTime::from_millis(second * 1000),
    }
}
