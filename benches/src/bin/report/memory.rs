//! Memory: of a patient, of a snapshot, of a million patients.

use std::hint::black_box;
use std::process::exit;
use std::sync::Arc;

use rpm_benches::ward_engine::Ward;
use rpm_benches::ward_hour::{Params, Sample, generate};
use rpm_core::{Engine, EngineConfig, HostTime};
use stats_alloc::Region;

use crate::speed::{grouped, median, timed};
use crate::{ALLOCATOR, row, run_engine};

const ROUNDS: usize = 5;

/// A ward at the end of its stream and the memory that its engine holds.
pub struct Lived {
    pub ward: Ward,
    end: HostTime,
    bytes: usize,
}

/// Runs the stream and weighs what is left of it.
pub fn after(params: &Params, samples: &[Sample]) -> Lived {
    let region = Region::new(ALLOCATOR);
    let mut ward = Ward::new(params.patients);
    let made = live(&region);
    run_engine(&mut ward, params, samples);
    // The list of transitions is the benchmark's.
    let own = ward.transitions.capacity() * size_of_val(&ward.transitions[..1]);
    let bytes = live(&region) - own;
    let each = |bytes: usize| grouped((bytes / params.patients as usize) as u64);
    let measured = format!("{} bytes; {} before the first reading", each(bytes), each(made));
    row("state of a patient, everything in the engine by their number", &measured, "<= 6,144");
    let end = HostTime::from_millis(i64::from(params.duration_ms) + 30_000);
    Lived { ward, end, bytes }
}

fn live(region: &Region<'_, std::alloc::System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// Snapshot and restore, in megabytes of snapshot a second.
pub fn snapshot(lived: &Lived) {
    let engine = &lived.ward.engine;
    let policies = [Arc::clone(engine.policy())];
    let [mut out, mut back, mut both] = [const { Vec::new() }; 3];
    let mut size = 0;
    for _ in 0..ROUNDS {
        let (bytes, saved) = timed(|| engine.snapshot().expect("outputs are polled"));
        let restored = || Engine::restore(&bytes, &policies, EngineConfig::default(), lived.end);
        let (restored, loaded) = timed(|| restored().expect("its own snapshot"));
        black_box(restored);
        size = bytes.len();
        let rate = |seconds: f64| size as f64 / 1e6 / seconds;
        out.push(rate(saved.as_secs_f64()));
        back.push(rate(loaded.as_secs_f64()));
        both.push(rate((saved + loaded).as_secs_f64()));
    }
    let [out, back, both] = [&mut out, &mut back, &mut both].map(|rates| median(rates));
    row("snapshot", &format!("{out:.0} MB/s"), ">= 200 MB/s");
    row("restore", &format!("{back:.0} MB/s"), ">= 200 MB/s");
    row("snapshot, then restore", &format!("{both:.0} MB/s"), "");
    let share = size as f64 / lived.bytes as f64;
    let each = grouped((size / engine.len().max(1)) as u64);
    row("snapshot, of live state", &format!("{share:.2}: {each} bytes a patient"), "<= 1.2");
}

/// A million patients in one process. The figures are in bytes and in kernel pages.
pub fn million(params: &Params) {
    crate::header();
    let samples = generate(params);
    let region = Region::new(ALLOCATOR);
    let before = status("VmRSS");
    let mut ward = Ward::new(params.patients);
    run_engine(&mut ward, params, &samples);
    let gib = |bytes: u64| format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30));
    let what = "1,000,000 patients, 10 s";
    row(&format!("{what}: peak of the process"), &gib(status("VmHWM")), "<= 12 GiB");
    let own = status("VmRSS").saturating_sub(before);
    row(&format!("{what}: without the stream"), &gib(own), "");
    row(&format!("{what}: allocated by the engine"), &gib(live(&region) as u64), "");
    black_box(ward);
}

/// A size from the kernel's account of this process, in bytes.
fn status(name: &str) -> u64 {
    let found = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    let Some(kib) = found else {
        eprintln!("/proc/self/status has no {name}: this works on Linux only");
        exit(1);
    };
    kib * 1024
}
