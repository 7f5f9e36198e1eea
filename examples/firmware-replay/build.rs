//! Turns the recordings that the image carries into a table of compact rows.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

const SAMPLES: &str = "../../testdata/recordings/bidmc/samples.csv.gz";
const HEADER: &str = "patient,t_seconds,kind,value,unit";

/// A saturation that dips below 90 % and comes back, a lost probe, and one that stays low.
const PATIENTS: [&str; 3] = ["bidmc_22", "bidmc_19", "bidmc_32"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={SAMPLES}");
    let recordings = read(Path::new(SAMPLES))?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("recordings.rs"), table(&recordings)?)?;
    Ok(())
}

/// The rows of each of [`PATIENTS`], as Rust expressions.
fn read(samples: &Path) -> Result<BTreeMap<&'static str, Vec<String>>, Box<dyn Error>> {
    let text = BufReader::new(flate2::read::GzDecoder::new(File::open(samples)?));
    let mut lines = text.lines();
    if lines.next().transpose()?.as_deref() != Some(HEADER) {
        return Err(format!("{SAMPLES}: the columns are not {HEADER}").into());
    }
    let mut recordings = BTreeMap::new();
    for line in lines {
        let line = line?;
        let [patient, second, kind, value, unit] = *line.split(',').collect::<Vec<_>>() else {
            return Err(format!("{SAMPLES}: not five columns: {line}").into());
        };
        let Some(patient) = PATIENTS.into_iter().find(|p| *p == patient) else {
            continue;
        };
        let kind = constant(kind, unit).ok_or_else(|| format!("{SAMPLES}: kind, unit: {line}"))?;
        // Whole seconds and whole numbers in this set; anything else must not be cut silently.
        let (second, value): (u16, i16) = (second.parse()?, value.parse()?);
        let row = format!("Row {{ second: {second}, kind: Kind::{kind}, value: {value} }}");
        recordings.entry(patient).or_insert_with(Vec::new).push(row);
    }
    Ok(recordings)
}

/// The engine's name of a kind whose unit in the file is the canonical one.
fn constant(kind: &str, unit: &str) -> Option<&'static str> {
    match (kind, unit) {
        ("heart_rate", "bpm") => Some("HEART_RATE"),
        ("pulse_rate", "bpm") => Some("PULSE_RATE"),
        ("respiratory_rate", "breaths/min") => Some("RESPIRATORY_RATE"),
        ("spo2", "%") => Some("SPO2"),
        _ => None,
    }
}

fn table(recordings: &BTreeMap<&str, Vec<String>>) -> Result<String, Box<dyn Error>> {
    let mut code = String::from("static RECORDINGS: &[Recording] = &[\n");
    for patient in PATIENTS {
        let rows = recordings.get(patient).ok_or_else(|| format!("{SAMPLES}: no {patient}"))?;
        writeln!(code, "Recording {{ patient: {patient:?}, rows: &[{}] }},", rows.join(", "))?;
    }
    code.push_str("];\n");
    Ok(code)
}
