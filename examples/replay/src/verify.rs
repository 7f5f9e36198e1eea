//! `replay verify`: nothing changed in the records, and nothing lost.
//!
//! A chain cannot miss what was cut off its end; the count in `summary.json` can.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::failure::{Failure, Verdict};
use crate::stream;

/// So many breaks are listed; more say nothing new.
const LISTED: usize = 20;

/// Checks the hash chains of a run.
pub fn run(directory: &Path, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let mut checker = stream::read(directory, |_| {})?;
    if counted(directory).is_some_and(|count| count != checker.lines) {
        checker.broken("the summary counts another number of records");
    }
    for found in checker.breaks.iter().take(LISTED) {
        writeln!(out, "line {}: {}", found.line, found.what)?;
    }
    writeln!(out, "{}", checker.told())?;
    Ok(if checker.breaks.is_empty() { Verdict::Clean } else { Verdict::Findings })
}

/// How many records the run wrote, if its summary is there.
fn counted(directory: &Path) -> Option<u64> {
    let text = fs::read(directory.join("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_slice(&text).ok()?;
    summary.get("records")?.as_u64()
}
