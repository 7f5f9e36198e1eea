//! Times the yardstick over the ward hour.
//!
//! `yardstick --patients 1000 --seconds 3600 [--seed 1]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report is for reading")]
#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use rpm_benches::ward_hour::{self, Params, Sample};
use rpm_benches::yardstick::{self, Transition, Yardstick};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The best of so many runs is reported: the others were disturbed.
const RUNS: usize = 5;

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(params) => {
            report(&params);
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\nusage: yardstick --patients N --seconds S [--seed X]");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Params, String> {
    let mut params = Params { patients: 1_000, duration_ms: 3_600_000, seed: 1 };
    while let Some(name) = arguments.next() {
        let text = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
        let number: u64 = text.parse().map_err(|_| format!("{name}: {text} is no number"))?;
        let small = u32::try_from(number).map_err(|_| format!("{name}: {text} is too large"));
        match name.as_str() {
            "--patients" => params.patients = small?,
            "--seconds" => params.duration_ms = milliseconds(small?)?,
            "--seed" => params.seed = number,
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(params)
}

fn milliseconds(seconds: u32) -> Result<u32, String> {
    let limit = 4_000_000;
    let fits = (seconds <= limit).then_some(seconds * 1_000);
    fits.ok_or_else(|| format!("--seconds: at most {limit}"))
}

fn report(params: &Params) {
    let samples = ward_hour::generate(params);
    let (single, transitions) = best(params, &samples, push_each);
    let (batched, _) = best(params, &samples, Yardstick::push_all);
    println!("events       {}", samples.len());
    println!("stream       {:016x}", ward_hour::hash(&samples));
    println!("ns/event     {:.2} one by one", each(single, &samples));
    println!("ns/event     {:.2} in batches", each(batched, &samples));
    println!("transitions  {}", transitions.len());
    for rule in 1..=4 {
        println!("  rule {rule}     {}", by_state(&transitions, rule));
    }
    println!("hash         {:016x}", yardstick::hash(&transitions));
}

fn push_each(ward: &mut Yardstick, samples: &[Sample]) {
    for sample in samples {
        ward.push(sample);
    }
}

fn each(time: Duration, samples: &[Sample]) -> f64 {
    time.as_nanos() as f64 / samples.len().max(1) as f64
}

/// The shortest of all runs, and what they found, which is the same for all.
fn best(
    params: &Params,
    samples: &[Sample],
    push: impl Fn(&mut Yardstick, &[Sample]),
) -> (Duration, Vec<Transition>) {
    let mut shortest = Duration::MAX;
    let mut transitions = Vec::new();
    for _ in 0..RUNS {
        // Memory is allocated before the clock starts, as it would be at a ward's start.
        let mut ward = Yardstick::new(params.patients);
        let start = Instant::now();
        push(&mut ward, samples);
        ward.finish(params.duration_ms);
        shortest = shortest.min(start.elapsed());
        transitions = ward.transitions().to_vec();
    }
    (shortest, transitions)
}

fn by_state(transitions: &[Transition], rule: u8) -> String {
    let [new, active, cleared] = [yardstick::NEW, yardstick::ACTIVE, yardstick::CLEARED]
        .map(|state| transitions.iter().filter(|t| t.rule == rule && t.state == state).count());
    format!("{:>6}  new {new}, active {active}, cleared {cleared}", new + active + cleared)
}
