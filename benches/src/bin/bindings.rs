//! What the engine costs through a binding, beside Rust, in one run.
//!
//! `bindings NAME=COMMAND...` writes part of the ward hour as packed readings, and runs each command in
//! turn with Rust. A command gets the policy, the file and the number of patients as its last arguments
//! and prints `batch SIZE NS OUTPUTS` for batches of 256 and of 4096 (nanoseconds a reading, every output
//! taken as a line, and how many there were), `reading NS` (one packed reading of one patient in a call of its
//! own, its outputs taken) and `event NS` (one event with types). All of them measure the processor's time, not
//! the clock's: other work on the machine counts less. Each command says the best of what it repeats in one
//! process, so that what a program that runs has is compared, not the first seconds of a virtual machine.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report is for reading")]
#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use rpm_benches::ward_engine::{POLICY, Ward, readings};
use rpm_benches::ward_hour::{Params, generate};
use rpm_core::event::{Kind, Quality};
use rpm_core::{DeviceKey, HostTime, PatientKey, Reading, Timestamp, Value};

const PART: Params = Params { patients: 1_000, duration_ms: 600_000, seed: 1 };
const BATCHES: [usize; 2] = [256, 4096];
/// Rounds in which Rust and a binding take turns; the quickest of each is reported.
const ROUNDS: usize = 3;
/// So many calls with a reading each.
const SINGLE: i64 = 1_000_000;
/// Set if the reading has a sequence number.
const HAS_SEQUENCE: u8 = 1;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let commands: Option<Vec<_>> = arguments.iter().map(|text| text.split_once('=')).collect();
    match commands.filter(|commands| !commands.is_empty()) {
        Some(commands) => match report(&commands) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("usage: bindings NAME=COMMAND...");
            ExitCode::from(2)
        }
    }
}

fn report(commands: &[(&str, &str)]) -> Result<(), Box<dyn Error>> {
    let events = readings(&generate(&PART));
    let folder = PathBuf::from("target/bindings");
    fs::create_dir_all(&folder)?;
    let (policy, packed) = (folder.join("ward-hour.toml"), folder.join("readings.bin"));
    fs::write(&policy, POLICY)?;
    fs::write(&packed, events.iter().flat_map(pack).collect::<Vec<_>>())?;

    println!("| binding | a reading in batches of 256 | of 4096 | one reading | one event |");
    println!("|---|---|---|---|---|");
    for (name, command) in commands {
        let mut words = command.split_whitespace();
        let mut child = Command::new(words.next().unwrap_or_default());
        child.args(words).arg(&policy).arg(&packed).arg(PART.patients.to_string());
        let (mut rust, mut theirs) = ([f64::MAX; 2], [f64::MAX; 2]);
        let (mut ours, mut reading, mut event) = (f64::MAX, f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            let measured = Measured::read(&mut child)?;
            for (at, size) in BATCHES.into_iter().enumerate() {
                let (ns, outputs) = direct(&events, size);
                let (theirs_ns, found) = measured.batches[at];
                if found != outputs {
                    return Err(format!("{name}: {found} outputs, {outputs} in Rust").into());
                }
                rust[at] = rust[at].min(ns);
                theirs[at] = theirs[at].min(theirs_ns);
            }
            ours = ours.min(one_by_one());
            reading = reading.min(measured.reading);
            event = event.min(measured.event);
        }
        let cell = |at: usize| {
            let (rust, theirs) = (rust[at], theirs[at]);
            format!("{:.2} of Rust's speed: {theirs:.0} ns, Rust {rust:.0} ns", rust / theirs)
        };
        let one = format!("{:.2} us, Rust {:.2} us", reading / 1000.0, ours / 1000.0);
        println!("| {name} | {} | {} | {one} | {:.1} us |", cell(0), cell(1), event / 1000.0);
    }
    Ok(())
}

/// What a command says.
struct Measured {
    batches: [(f64, u64); BATCHES.len()],
    reading: f64,
    event: f64,
}

impl Measured {
    fn read(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let output = command.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(output.stdout)?;
        let line = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found.ok_or_else(|| format!("it does not say `{name}`"))
        };
        let mut batches = [(0.0, 0); BATCHES.len()];
        for (found, size) in batches.iter_mut().zip(BATCHES) {
            let (ns, outputs) =
                line(&format!("batch {size} "))?.split_once(' ').ok_or("no number of outputs")?;
            *found = (ns.parse()?, outputs.parse()?);
        }
        let (reading, event) = (line("reading ")?.parse()?, line("event ")?.parse()?);
        Ok(Self { batches, reading, event })
    }
}

/// Nanoseconds a reading without any binding, and how many outputs there were.
fn direct(events: &[Reading], size: usize) -> (f64, u64) {
    let mut engine = Ward::new(PART.patients).engine;
    let mut outputs = 0;
    let start = processor_time();
    for batch in events.chunks(size) {
        let mut rest = batch;
        while !rest.is_empty() {
            rest = &rest[engine.handle_batch(rest).consumed..];
            let lines = std::iter::from_fn(|| engine.poll_output()).map(|output| output.to_json());
            outputs += lines.collect::<Vec<_>>().len() as u64;
        }
    }
    ((processor_time() - start) / events.len() as f64, outputs)
}

/// Nanoseconds for one reading of one patient in a call of its own.
fn one_by_one() -> f64 {
    let mut engine = Ward::new(1).engine;
    let start = processor_time();
    for second in 0..SINGLE {
        let reading = Reading {
            patient: PatientKey(0),
            device: DeviceKey(0),
            kind: Kind::SPO2,
            value: Value::from_thousandths(97_000),
            quality: Quality::default(),
            sequence: None,
            observed_at: Timestamp::from_millis(second * 1000),
            received_at: HostTime::from_millis(second * 1000),
        };
        engine.handle_batch(&[reading]);
        let lines = std::iter::from_fn(|| engine.poll_output()).map(|output| output.to_json());
        lines.for_each(drop);
    }
    (processor_time() - start) / SINGLE as f64
}

/// Nanoseconds that this thread has had; where the system does not say, of the clock.
fn processor_time() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let said = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_processor = said.split(' ').next().and_then(|ns| ns.parse().ok());
    on_processor.unwrap_or_else(|| START.elapsed().as_nanos() as f64)
}

/// A reading in 40 bytes, as `rpm-mobile` takes it.
fn pack(reading: &Reading) -> [u8; 40] {
    let mut bytes = [0; 40];
    let (device, kind) = (reading.device.0.to_le_bytes(), reading.kind.0.to_le_bytes());
    bytes[0..8].copy_from_slice(&reading.observed_at.as_millis().to_le_bytes());
    bytes[8..16].copy_from_slice(&reading.received_at.as_millis().to_le_bytes());
    bytes[16..24].copy_from_slice(&reading.sequence.unwrap_or(0).to_le_bytes());
    bytes[24..28].copy_from_slice(&reading.patient.0.to_le_bytes());
    bytes[28..32].copy_from_slice(&reading.value.thousandths().to_le_bytes());
    bytes[32..34].copy_from_slice(&device);
    bytes[34..36].copy_from_slice(&kind);
    bytes[36] = reading.quality.bits();
    bytes[37] = if reading.sequence.is_some() { HAS_SEQUENCE } else { 0 };
    bytes
}
