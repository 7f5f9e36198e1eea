//! The ward hour, call by call: `cargo bench -p rpm-benches`.
//!
//! A short run on a small ward, for comparing one change with the next. The README's figures come
//! from the program `report`, on the whole ward.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use rpm_benches::json_lines::{Lines, Times, parse};
use rpm_benches::ward_engine::{Ward, readings};
use rpm_benches::ward_hour::{Params, generate};
use rpm_benches::yardstick::Yardstick;
use rpm_core::{Engine, EngineConfig, HostTime};

const WARD: Params = Params { patients: 200, duration_ms: 20 * 60_000, seed: 1 };

/// Text is large, and a part of it tells as much.
const LINES: usize = 100_000;

fn group<'a>(c: &'a mut Criterion, name: &str, each: Throughput) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).throughput(each);
    group
}

fn typed(c: &mut Criterion) {
    let samples = generate(&WARD);
    let events = readings(&samples);
    let mut group = group(c, "typed", Throughput::Elements(samples.len() as u64));
    group.bench_function("yardstick", |b| {
        let run = |mut yardstick: Yardstick| {
            samples.iter().for_each(|sample| yardstick.push(sample));
            yardstick
        };
        b.iter_batched(|| Yardstick::new(WARD.patients), run, BatchSize::PerIteration);
    });
    group.bench_function("engine/batches", |b| {
        let run = |mut ward: Ward| {
            events.chunks(256).for_each(|batch| ward.push(batch));
            ward
        };
        b.iter_batched(|| Ward::new(WARD.patients), run, BatchSize::PerIteration);
    });
    group.bench_function("engine/one-by-one", |b| {
        let run = |mut ward: Ward| {
            events.iter().for_each(|reading| ward.push_one(reading));
            ward
        };
        b.iter_batched(|| Ward::new(WARD.patients), run, BatchSize::PerIteration);
    });
    group.finish();
}

fn json_lines(c: &mut Criterion) {
    let samples = generate(&WARD);
    let lines = Lines::of(&samples[..LINES], Times::Text);
    let batch: Vec<_> = lines.iter().collect();
    let mut group = group(c, "json-lines", Throughput::Elements(lines.len() as u64));
    group.bench_function("parsing-alone", |b| {
        b.iter(|| lines.iter().filter(|(line, _)| black_box(parse::<&str>(line)).is_ok()).count());
    });
    group.bench_function("engine", |b| {
        let run = |mut ward: Ward| {
            ward.push_json(&batch);
            ward
        };
        b.iter_batched(|| Ward::new(WARD.patients), run, BatchSize::PerIteration);
    });
    group.finish();
}

fn snapshots(c: &mut Criterion) {
    let mut ward = Ward::new(WARD.patients);
    ward.push(&readings(&generate(&WARD)));
    ward.finish(WARD.duration_ms);
    let bytes = ward.engine.snapshot().expect("outputs are polled");
    let policies = [Arc::clone(ward.engine.policy())];
    let now = HostTime::from_millis(i64::from(WARD.duration_ms) + 30_000);
    let mut group = group(c, "state", Throughput::Bytes(bytes.len() as u64));
    group.bench_function("snapshot", |b| b.iter(|| ward.engine.snapshot()));
    group.bench_function("restore", |b| {
        let restore = || Engine::restore(&bytes, &policies, EngineConfig::default(), now);
        b.iter_with_large_drop(restore);
    });
    group.finish();
}

criterion_group!(benches, typed, json_lines, snapshots);
criterion_main!(benches);
