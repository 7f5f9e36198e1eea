//! Everything that the README's table says, measured in one run.
//!
//! `report` prints the table; `report --million` the memory of a million patients; `report --people` the
//! rows about people alone.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report is for reading")]

mod differences;
mod memory;
mod people;
mod speed;

use std::process::ExitCode;

use rpm_benches::ward_engine::Ward;
use rpm_benches::ward_hour::{Params, Sample, generate};
use rpm_benches::yardstick::Yardstick;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// The system's allocator, counting. It costs an atomic addition or two for each allocation, which
/// the engine makes for records only.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Readings in a batch, as from one read of a socket.
const BATCH: usize = 256;

const MILLION: Params = Params { patients: 1_000_000, duration_ms: 10_000, seed: 1 };
const HOUR: Params = Params { patients: 1_000, duration_ms: 3_600_000, seed: 1 };
const CROWD: Params = Params { patients: 100_000, duration_ms: 60_000, seed: 1 };
/// A part of the hour, because text is large.
const TEXT: Params = Params { patients: 1_000, duration_ms: 600_000, seed: 1 };

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => report(),
        ["--people"] => {
            header();
            let samples = generate(&HOUR);
            people::care(&HOUR, &samples);
            people::usual(&HOUR, &samples);
            people::crowd();
        }
        ["--million"] => memory::million(&MILLION),
        _ => {
            eprintln!("usage: report [--million | --people]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn report() {
    header();
    let samples = generate(&HOUR);
    speed::ratio("1,000 patients, 1 h", "0.33", &HOUR, &samples);
    speed::latency(&HOUR, &samples);
    people::care(&HOUR, &samples);
    people::usual(&HOUR, &samples);
    people::crowd();
    let ward = memory::after(&HOUR, &samples);
    memory::snapshot(&ward);
    speed::ratio("100,000 patients, 60 s", "0.25", &CROWD, &generate(&CROWD));
    speed::json_lines(&TEXT, &generate(&TEXT));
    println!();
    let yardstick = run_yardstick(&HOUR, &samples);
    differences::print(&samples, yardstick.transitions(), &ward.ward.transitions);
}

fn header() {
    println!("| what | measured | target |");
    println!("|---|---|---|");
}

fn row(what: &str, measured: &str, target: &str) {
    println!("| {what} | {measured} | {target} |");
}

fn run_yardstick(params: &Params, samples: &[Sample]) -> Yardstick {
    let mut yardstick = Yardstick::new(params.patients);
    for sample in samples {
        yardstick.push(sample);
    }
    yardstick.finish(params.duration_ms);
    yardstick
}

/// Feeds an engine in batches that are made on the way: a large stream is not held twice.
fn run_engine(ward: &mut Ward, params: &Params, samples: &[Sample]) {
    for batch in samples.chunks(BATCH) {
        let readings = rpm_benches::ward_engine::readings(batch);
        ward.push(&readings);
    }
    ward.finish(params.duration_ms);
}
