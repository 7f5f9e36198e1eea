//! What happened to the patients: a CSV file with a column `patient` and one with the time of onset.
//!
//! A row whose onset is empty names a patient to whom nothing happened; a patient may have several rows.

use std::collections::BTreeMap;
use std::path::Path;

use rpm_core::HostTime;

use crate::cli;
use crate::failure::Failure;
use crate::run::parse_time;

/// Columns that are taken for the onset if none is named.
const ONSETS: [&str; 3] = ["onset", "t_seconds", "observed_at"];

/// Onsets by patient; none for a patient to whom nothing happened.
#[derive(Default)]
pub struct Labels {
    /// In the order of time.
    pub onsets: BTreeMap<String, Vec<HostTime>>,
    /// From when to when each patient was watched, if columns for that were named.
    pub stays: BTreeMap<String, (HostTime, HostTime)>,
}

/// Reads the file that was asked for, if one was; with the columns of first and last hour, if named.
pub fn asked(request: &cli::LabelFile, stay: Option<[&str; 2]>) -> Result<Option<Labels>, Failure> {
    let column = request.onset_column.as_deref();
    request.labels.as_deref().map(|path| read(path, column, stay)).transpose()
}

fn read(path: &Path, column: Option<&str>, stay: Option<[&str; 2]>) -> Result<Labels, Failure> {
    let wrong = |what: &str| Failure::new(format!("{}: {what}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(|_| wrong("cannot be read as CSV"))?;
    let header = reader.headers().map_err(|_| wrong("has no header"))?.clone();
    let find = |name: &str| header.iter().position(|h| h == name);
    let named = |name: &str| find(name).ok_or_else(|| wrong(&format!("has no column {name}")));
    let patient = named("patient")?;
    let onset = match column {
        Some(name) => named(name)?,
        None => ONSETS.iter().find_map(|name| find(name)).ok_or_else(|| {
            wrong("has no column onset, t_seconds or observed_at: name one with --onset-column")
        })?,
    };
    let stay = match stay {
        Some([from, until]) => Some((named(from)?, named(until)?)),
        None => None,
    };
    let mut labels = Labels::default();
    for (number, row) in (2..).zip(reader.records()) {
        // Values are patients' data: the message names the line alone.
        let bad = |what: &str| wrong(&format!("line {number}: {what}"));
        let row = row.map_err(|_| bad("not a row of CSV"))?;
        let name = row.get(patient).filter(|p| !p.is_empty()).ok_or_else(|| bad("no patient"))?;
        let onsets = labels.onsets.entry(name.to_string()).or_default();
        if let Some(text) = row.get(onset).filter(|text| !text.is_empty()) {
            onsets.push(parse_time(text).map_err(|_| bad("the onset is not a time"))?);
        }
        if let Some((from, until)) = stay {
            let time = |column: usize| parse_time(row.get(column).unwrap_or_default());
            let times = (time(from), time(until));
            let (Ok(from), Ok(until)) = times else {
                return Err(bad("the stay is not from a time to a time"));
            };
            labels.stays.insert(name.to_string(), (from, until));
        }
    }
    labels.onsets.values_mut().for_each(|onsets| onsets.sort_unstable());
    Ok(labels)
}
