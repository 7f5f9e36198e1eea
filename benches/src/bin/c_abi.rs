//! The ward hour through the C functions beside the Rust ones, in one run: `cargo run --release -p rpm-benches
//! --bin c_abi`. Also the cost of a call for one reading, and the memory over all events.

#![allow(clippy::print_stdout, reason = "a report is for reading")]
#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use std::ptr;
use std::time::{Duration, Instant};

use rpm_benches::ward_engine::{POLICY, Ward, patient_name, readings};
use rpm_benches::ward_hour::{Params, generate};
use rpm_core::Reading;
use rpmon::engine::rpmon_engine_patient;
use rpmon::engine::{rpmon_engine, rpmon_engine_device, rpmon_engine_free, rpmon_engine_new};
use rpmon::input::{rpmon_batch, rpmon_engine_handle_readings, rpmon_reading};
use rpmon::output::rpmon_engine_poll_lines;
use rpmon::policy::{rpmon_policy_free, rpmon_policy_from_toml};
use rpmon::text::{rpmon_bytes, rpmon_bytes_free, rpmon_str};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const HOUR: Params = Params { patients: 1_000, duration_ms: 3_600_000, seed: 1 };
/// More than ten million events: whether memory grows with them.
const LONGER: Params = Params { duration_ms: 4_800_000, ..HOUR };
const BATCH: usize = 256;
const ROUNDS: usize = 5;

/// An engine behind its C handle.
struct CWard {
    engine: *mut rpmon_engine,
    bytes: usize,
}

impl CWard {
    fn new(patients: u32) -> Self {
        let (mut policy, mut engine) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: every pointer is to a variable of this function, or came from the library.
        unsafe {
            let text = POLICY.as_ptr().cast();
            assert_eq!(rpmon_policy_from_toml(text, POLICY.len(), &mut policy, ptr::null_mut()), 0);
            assert_eq!(rpmon_engine_new(policy, ptr::null(), &mut engine), 0);
            rpmon_policy_free(&mut policy);
            for patient in 0..patients {
                let (mut key, mut device) = (0, 0);
                let name = patient_name(patient);
                let none = rpmon_str::of("");
                assert_eq!(rpmon_engine_patient(engine, none, rpmon_str::of(&name), &mut key), 0);
                assert_eq!(
                    rpmon_engine_device(engine, key, rpmon_str::of("bedside"), &mut device),
                    0
                );
            }
        }
        Self { engine, bytes: 0 }
    }

    fn push(&mut self, readings: &[rpmon_reading]) {
        let mut rest = readings;
        while !rest.is_empty() {
            let mut batch = rpmon_batch { consumed: 0, accepted: 0, duplicate: 0, quarantined: 0 };
            // SAFETY: as above; the readings live through the call.
            let status = unsafe {
                rpmon_engine_handle_readings(self.engine, rest.as_ptr(), rest.len(), &mut batch)
            };
            assert_eq!(status, 0);
            rest = &rest[batch.consumed as usize..];
            self.drain();
        }
    }

    fn drain(&mut self) {
        let mut lines = rpmon_bytes { data: ptr::null_mut(), len: 0 };
        // SAFETY: as above.
        unsafe {
            assert_eq!(rpmon_engine_poll_lines(self.engine, &mut lines), 0);
            self.bytes += lines.len;
            rpmon_bytes_free(&mut lines);
        }
    }
}

impl Drop for CWard {
    fn drop(&mut self) {
        // SAFETY: it came from the library and is not used again.
        unsafe { rpmon_engine_free(&mut self.engine) };
    }
}

fn in_c(reading: &Reading) -> rpmon_reading {
    rpmon_reading {
        observed_at_ms: reading.observed_at.as_millis(),
        received_at_ms: reading.received_at.as_millis(),
        sequence: reading.sequence.unwrap_or(0),
        patient: reading.patient.0,
        value_thousandths: reading.value.thousandths(),
        device: reading.device.0,
        kind: reading.kind.0,
        quality: reading.quality.bits(),
        has_sequence: u8::from(reading.sequence.is_some()),
        reserved: 0,
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

fn main() {
    let samples = generate(&HOUR);
    let events = readings(&samples);
    let hour: Vec<_> = events.iter().map(in_c).collect();
    let ns = |time: Duration| time.as_nanos() as f64 / events.len() as f64;
    let [mut rust, mut c, mut ratios] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let mut ward = Ward::new(HOUR.patients);
        let by_rust = timed(|| events.chunks(BATCH).for_each(|batch| ward.push(batch)));
        drop(ward);
        let mut ward = CWard::new(HOUR.patients);
        let by_c = timed(|| hour.chunks(BATCH).for_each(|batch| ward.push(batch)));
        rust.push(ns(by_rust));
        c.push(ns(by_c));
        ratios.push(by_rust.as_secs_f64() / by_c.as_secs_f64());
    }
    println!(
        "{} events in batches of {BATCH}: Rust {:.1} ns, C {:.1} ns an event; C has {:.2} of Rust's speed",
        events.len(),
        median(rust),
        median(c),
        median(ratios)
    );

    let part = &hour[..1_000_000];
    let mut ward = CWard::new(HOUR.patients);
    let single = timed(|| part.chunks(1).for_each(|one| ward.push(one)));
    println!("one by one: {:.0} ns an event", single.as_nanos() as f64 / part.len() as f64);
    drop(ward);

    let in_c: Vec<_> = readings(&generate(&LONGER)).iter().map(in_c).collect();
    let before = live();
    let mut ward = CWard::new(LONGER.patients);
    let fifth = in_c.len() / 5;
    in_c[..fifth].chunks(BATCH).for_each(|batch| ward.push(batch));
    let after_a_fifth = live() - before;
    in_c[fifth..].chunks(BATCH).for_each(|batch| ward.push(batch));
    let at_the_end = live() - before;
    drop(ward);
    println!(
        "memory: {after_a_fifth} bytes after a fifth of {} events, {at_the_end} after all, {} when freed",
        in_c.len(),
        live().saturating_sub(before)
    );
}
