//! `replay explain`: why an alert was raised and what became of it, from the records alone.

use std::io::Write;
use std::path::Path;

use rpm_core::AlertId;
use rpm_core::record::Record;

use crate::failure::{Failure, Verdict};
use crate::host;
use crate::stream;

/// An alert as people name it.
struct Reference<'a> {
    owner: &'a str,
    alert: AlertId,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        let form = || Failure::new("an alert is named PATIENT/NUMBER, as in the table of alerts");
        let (owner, number) = text.rsplit_once('/').ok_or_else(form)?;
        let number = number.parse().map_err(|_| form())?;
        Ok(Self { owner, alert: AlertId(number) })
    }

    /// Whether a record is the patient's; `TENANT/PATIENT` and `PATIENT` both name one. Those of the engine
    /// itself, which say who let which model speak, are everybody's.
    fn owns(&self, record: &Record) -> bool {
        let Some(patient) = &record.patient else {
            return true;
        };
        if patient.as_str() == self.owner {
            return true;
        }
        let tenant = record.tenant.as_ref().map(|t| t.as_str());
        tenant.and_then(|t| self.owner.strip_prefix(t)).and_then(|rest| rest.strip_prefix('/'))
            == Some(patient.as_str())
    }
}

/// Explains an alert of a run.
pub fn run(
    directory: &Path,
    alert: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    let reference = Reference::parse(alert)?;
    let mut records: Vec<Record> = Vec::new();
    let checker = stream::read(directory, |record| {
        if reference.owns(&record) {
            records.push(record);
        }
    })?;
    let tenants: Vec<_> =
        records.iter().filter(|r| r.patient.is_some()).map(|r| &r.tenant).collect();
    if tenants.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Failure::new(
            "several recordings have this patient: name TENANT/PATIENT/NUMBER",
        ));
    }
    let explanation = host::explanation(&records, reference.alert)
        .ok_or_else(|| Failure::new("the records have no such alert"))?;
    if json {
        let text = serde_json::to_string_pretty(&explanation);
        writeln!(out, "{}", text.map_err(|e| Failure::new(e.to_string()))?)?;
    } else {
        writeln!(out, "{}\n\n{}", explanation.to_string().trim_end(), checker.told())?;
    }
    Ok(if checker.breaks.is_empty() { Verdict::Clean } else { Verdict::Findings })
}
