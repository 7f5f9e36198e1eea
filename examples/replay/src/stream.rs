//! Reading `records.jsonl` back: parsing lines and checking the hash chain.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rpm_core::record::{Hash, Record};

use crate::failure::Failure;
use crate::input::lines::{Line, Lines};

/// A line of `records.jsonl`.
#[derive(Debug)]
pub struct Sealed {
    /// The hash that the line carries.
    pub hash: Hash,
    /// The record.
    pub record: Record,
    /// Whether the hash is that of the record's bytes.
    pub intact: bool,
}

/// Why a line is no record. Never quotes the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotARecord;

impl fmt::Display for NotARecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is not a record")
    }
}

const HEAD: &[u8] = b"{\"hash\":\"";
const MIDDLE: &[u8] = b"\",\"record\":";
const HEX: usize = 64;

/// Parses a line `{"hash":"...","record":{...}}`; the hash covers the record's exact bytes.
pub fn parse(line: &[u8]) -> Result<Sealed, NotARecord> {
    let rest = line.strip_prefix(HEAD).ok_or(NotARecord)?;
    let (hex, rest) = rest.split_at_checked(HEX).ok_or(NotARecord)?;
    let bytes = rest.strip_prefix(MIDDLE).and_then(|r| r.strip_suffix(b"}")).ok_or(NotARecord)?;
    let hex = str::from_utf8(hex).map_err(|_| NotARecord)?;
    let hash: Hash = serde_json::from_value(hex.into()).map_err(|_| NotARecord)?;
    let record = serde_json::from_slice(bytes).map_err(|_| NotARecord)?;
    Ok(Sealed { hash, record, intact: Hash::of(bytes) == hash })
}

/// What is wrong with a stream of records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Break {
    /// The line, from 1.
    pub line: u64,
    /// What.
    pub what: &'static str,
}

/// Checks chains as lines come: one chain for each patient.
#[derive(Default)]
pub struct Checker {
    heads: BTreeMap<(String, String), (u64, Hash)>,
    /// Lines seen.
    pub lines: u64,
    /// Everything that is wrong.
    pub breaks: Vec<Break>,
}

impl Checker {
    /// How many chains there are.
    pub fn chains(&self) -> usize {
        self.heads.len()
    }

    /// Takes in a line and returns its record, if it is one.
    pub fn line(&mut self, line: &Line<'_>) -> Option<Record> {
        self.lines += 1;
        let sealed = match line {
            Line::Bytes(bytes) => parse(bytes),
            Line::TooLong(_) => Err(NotARecord),
        };
        let Ok(sealed) = sealed else {
            self.broken("not a record");
            return None;
        };
        if !sealed.intact {
            self.broken("the hash is not that of the record: it was changed");
        }
        let key = chain(&sealed.record);
        let (seq, head) = self.heads.get(&key).copied().unwrap_or_default();
        if sealed.record.prev != head {
            self.broken("the record does not follow the one before it: one was changed or lost");
        } else if sealed.record.seq != seq + 1 {
            self.broken("the numbers of the records do not count up by one");
        }
        self.heads.insert(key, (sealed.record.seq, sealed.hash));
        Some(sealed.record)
    }

    /// In one line.
    pub fn told(&self) -> String {
        let (lines, chains) = (self.lines, self.chains());
        match self.breaks.first() {
            None => format!("hash chain intact: {lines} records, {chains} patients"),
            Some(first) => format!(
                "HASH CHAIN BROKEN in {} of {lines} records, first in line {}: {}",
                self.breaks.len(),
                first.line,
                first.what
            ),
        }
    }

    /// Notes that something is wrong at the line that came last.
    pub fn broken(&mut self, what: &'static str) {
        self.breaks.push(Break { line: self.lines, what });
    }
}

fn chain(record: &Record) -> (String, String) {
    let tenant = record.tenant.as_ref().map_or("", |t| t.as_str());
    let patient = record.patient.as_ref().map_or("", |p| p.as_str());
    (tenant.to_string(), patient.to_string())
}

/// Reads the records of a directory, checking them; `see` gets each with its line number.
pub fn read(directory: &Path, mut see: impl FnMut(Record)) -> Result<Checker, Failure> {
    let path = records_of(directory);
    let fail = |e: std::io::Error| Failure::at(&path, &e);
    let mut lines = Lines::open(&path).map_err(fail)?;
    let mut checker = Checker::default();
    while let Some(line) = lines.next().map_err(fail)? {
        if let Some(record) = checker.line(&line) {
            see(record);
        }
    }
    Ok(checker)
}

/// `DIR/records.jsonl`, or the file itself if one was given.
fn records_of(directory: &Path) -> PathBuf {
    if directory.is_file() { directory.to_path_buf() } else { directory.join("records.jsonl") }
}
