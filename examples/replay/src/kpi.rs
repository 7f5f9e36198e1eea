//! `replay kpi`: whether people could have kept up, from the records alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use rpm_core::TenantId;
use rpm_core::insight::Kpi;
use rpm_core::insight::kpi::KpiReport;

use crate::failure::{Failure, Verdict};
use crate::stream::{self, Checker};

/// Folds a run's records into alarm figures. Memory grows with patients, open alerts and the ten
/// minutes in which there was one; not with the number of records.
pub fn run(directory: &Path, json: bool, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let (reports, checker) = reports(directory)?;
    if json {
        let text = serde_json::to_string_pretty(&reports);
        writeln!(out, "{}", text.map_err(|e| Failure::new(e.to_string()))?)?;
    } else {
        for report in &reports {
            writeln!(out, "{report}")?;
        }
        writeln!(out, "{}", checker.told())?;
    }
    Ok(if checker.breaks.is_empty() { Verdict::Clean } else { Verdict::Findings })
}

/// One report for each tenant, and whether the records' chains hold.
pub fn reports(directory: &Path) -> Result<(Vec<KpiReport>, Checker), Failure> {
    // Recordings that were replayed together have tenants of their own, and each its own time.
    let mut tenants: BTreeMap<Option<TenantId>, Kpi> = BTreeMap::new();
    let checker = stream::read(directory, |record| {
        // What concerns the engine as a whole is nobody's alarm.
        if record.patient.is_some() {
            tenants.entry(record.tenant.clone()).or_default().fold(&record);
        }
    })?;
    let report = |kpi: &Kpi| kpi.latest().map(|latest| kpi.report(latest));
    Ok((tenants.values().filter_map(report).collect(), checker))
}
