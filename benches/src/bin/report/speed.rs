//! Time: of an event beside the loop's, of the slowest events, of text.

#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rpm_benches::json_lines::{Lines, Times, parse};
use rpm_benches::ward_engine::{Ward, readings};
use rpm_benches::ward_hour::{Params, Sample};
use rpm_benches::yardstick::Yardstick;

use crate::{BATCH, row};

/// Rounds in which the two sides take turns; medians are reported.
const ROUNDS: usize = 5;

/// The loop and the engine over the same stream. Making patients is timed on its own for both.
pub fn ratio(what: &str, target: &str, params: &Params, samples: &[Sample]) {
    let events = readings(samples);
    let [mut by_loop, mut by_engine, mut with_making] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let (mut yardstick, loop_made) = timed(|| Yardstick::new(params.patients));
        let ((), loop_ran) = timed(|| {
            for sample in samples {
                yardstick.push(sample);
            }
            yardstick.finish(params.duration_ms);
        });
        drop(yardstick);
        let (mut ward, engine_made) = timed(|| Ward::new(params.patients));
        let ((), engine_ran) = timed(|| {
            for batch in events.chunks(BATCH) {
                ward.push(batch);
            }
            ward.finish(params.duration_ms);
        });
        by_loop.push(ns(loop_ran, samples.len()));
        by_engine.push(ns(engine_ran, samples.len()));
        with_making
            .push((loop_made + loop_ran).as_secs_f64() / (engine_made + engine_ran).as_secs_f64());
    }
    let ratios = || by_loop.iter().zip(&by_engine).map(|(a, b)| a / b);
    let (least, most) = (ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max));
    let (by_loop, by_engine) = (median(&mut by_loop), median(&mut by_engine));
    let measured = format!(
        "{:.2} ({least:.2} to {most:.2}): {by_loop:.1} ns to {by_engine:.1} ns an event; \
         {:.2} with making the patients",
        by_loop / by_engine,
        median(&mut with_making)
    );
    row(&format!("events a second, of the loop's: {what}"), &measured, &format!(">= {target}"));
}

/// One reading at a time: taken in, and every output taken out.
pub fn latency(params: &Params, samples: &[Sample]) {
    let events = readings(samples);
    let mut ward = Ward::new(params.patients);
    let taken = histogram(&events, |reading| ward.push_one(reading));
    let empty = histogram(&events, |reading| {
        black_box(reading);
    });
    let at = |q: f64| {
        let (ns, idle) = (taken.value_at_quantile(q), empty.value_at_quantile(q));
        format!("{} ns; with nothing to do {} ns", grouped(ns), grouped(idle))
    };
    row("one at a time, p50", &at(0.5), "");
    row("one at a time, p99", &at(0.99), "");
    row("one at a time, p99.9", &at(0.999), "<= 2,000 ns");
    row("one at a time, p99.99", &at(0.9999), "<= 20,000 ns");
    let longest = (grouped(taken.max()), grouped(empty.max()));
    row(
        "one at a time, max",
        &format!("{} ns; with nothing to do {} ns", longest.0, longest.1),
        "",
    );
}

/// How long each call takes. Two looks at the clock are in every figure.
fn histogram<T>(items: &[T], mut take: impl FnMut(&T)) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("three digits are possible");
    for item in items {
        let start = Instant::now();
        take(item);
        let ns = start.elapsed().as_nanos() as u64;
        histogram.record(ns).expect("it grows as needed");
    }
    histogram
}

/// Lines into the engine, beside the same lines parsed and forgotten.
pub fn json_lines(params: &Params, samples: &[Sample]) {
    for (times, name) in [(Times::Text, "times as text"), (Times::Millis, "times as numbers")] {
        let lines = Lines::of(samples, times);
        let [mut alone, mut engine] = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let ((), parsed) = timed(|| match times {
                Times::Text => lines.iter().for_each(|(line, _)| {
                    black_box(parse::<&str>(line).is_ok());
                }),
                Times::Millis => lines.iter().for_each(|(line, _)| {
                    black_box(parse::<i64>(line).is_ok());
                }),
            });
            let mut ward = Ward::new(params.patients);
            let batch: Vec<_> = lines.iter().collect();
            let ((), taken) = timed(|| batch.chunks(BATCH).for_each(|lines| ward.push_json(lines)));
            drop(batch);
            alone.push(ns(parsed, samples.len()));
            engine.push(ns(taken, samples.len()));
        }
        let (alone, engine) = (median(&mut alone), median(&mut engine));
        let measured = format!("{:.2}: {alone:.0} ns to {engine:.0} ns a line", alone / engine);
        row(&format!("JSON Lines in, of parsing alone: {name}"), &measured, ">= 0.6");
    }
}

pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ns(time: Duration, events: usize) -> f64 {
    time.as_nanos() as f64 / events.max(1) as f64
}

/// `1234567` as `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
