//! What the engine costs through a binding, beside Rust, in one run.
//!
//! `bindings NAME=COMMAND...` writes part of the ward hour as packed readings, and runs each command in
//! turn with Rust. A command gets the policy, the file and the number of patients as its last arguments
//! and prints `batch NS RECORDS` (nanoseconds a reading in batches of 256, and how many outputs there
//! were) and `event NS` (nanoseconds for one event with types).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report is for reading")]
#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use rpm_benches::ward_engine::{POLICY, Ward, readings};
use rpm_benches::ward_hour::{Params, generate};
use rpm_core::{Output, Reading};

const PART: Params = Params { patients: 1_000, duration_ms: 600_000, seed: 1 };
const BATCH: usize = 256;
/// Rounds in which Rust and a binding take turns; the quickest of each is reported.
const ROUNDS: usize = 3;
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

    println!("| binding | a reading in batches | of Rust's events a second | one event |");
    println!("|---|---|---|---|");
    for (name, command) in commands {
        let (mut rust, mut theirs, mut event) = (f64::MAX, f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            let (ns, outputs) = direct(&events);
            rust = rust.min(ns);
            let mut words = command.split_whitespace();
            let mut child = Command::new(words.next().unwrap_or_default());
            child.args(words).arg(&policy).arg(&packed).arg(PART.patients.to_string());
            let measured = Measured::read(&mut child)?;
            if measured.outputs != outputs {
                let found = measured.outputs;
                return Err(format!("{name}: {found} outputs, {outputs} in Rust").into());
            }
            theirs = theirs.min(measured.batch);
            event = event.min(measured.event);
        }
        let (ratio, event) = (rust / theirs, event / 1000.0);
        println!("| {name} | {theirs:.0} ns, Rust {rust:.0} ns | {ratio:.2} | {event:.1} us |");
    }
    Ok(())
}

/// What a command says.
struct Measured {
    batch: f64,
    outputs: u64,
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
        let (batch, outputs) = line("batch ")?.split_once(' ').ok_or("no number of outputs")?;
        Ok(Self {
            batch: batch.parse()?,
            outputs: outputs.parse()?,
            event: line("event ")?.parse()?,
        })
    }
}

/// Nanoseconds a reading without any binding, and how many outputs there were.
fn direct(events: &[Reading]) -> (f64, u64) {
    let mut engine = Ward::new(PART.patients).engine;
    let mut outputs = 0;
    let start = Instant::now();
    for batch in events.chunks(BATCH) {
        let mut rest = batch;
        while !rest.is_empty() {
            rest = &rest[engine.handle_batch(rest).consumed..];
            let drained: Vec<Output> = std::iter::from_fn(|| engine.poll_output()).collect();
            outputs += drained.len() as u64;
        }
    }
    (start.elapsed().as_nanos() as f64 / events.len() as f64, outputs)
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
