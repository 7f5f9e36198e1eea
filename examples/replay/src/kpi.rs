//! `replay kpi`: whether people could have kept up, and how well it went by the objectives of the
//! policy; from the records, and the policy beside them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use rpm_core::TenantId;
use rpm_core::insight::kpi::KpiReport;
use rpm_core::insight::slo::SloReport;
use rpm_core::insight::{Kpi, Slo};
use rpm_core::policy::Policy;
use rpm_core::record::{Body, Hash, Record};
use serde::Serialize;

use crate::failure::{Failure, Verdict};
use crate::run::journal;
use crate::stream::{self, Checker};

/// Folds a run's records into alarm figures and service levels. Memory grows with patients, open
/// alerts, the ten minutes in which there was one, and for each objective the minutes in which
/// something was good or bad; not with the number of records.
pub fn run(directory: &Path, json: bool, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let (reports, checker) = reports(directory)?;
    if json {
        let text = serde_json::to_string_pretty(&reports);
        writeln!(out, "{}", text.map_err(|e| Failure::new(e.to_string()))?)?;
    } else {
        for Report { figures, service_levels } in &reports {
            writeln!(out, "{figures}")?;
            if let Some(levels) = service_levels {
                writeln!(out, "{levels}")?;
            }
        }
        writeln!(out, "{}", checker.told())?;
    }
    Ok(if checker.breaks.is_empty() { Verdict::Clean } else { Verdict::Findings })
}

/// What a tenant's records say.
#[derive(Serialize)]
pub struct Report {
    /// Whether people could have kept up.
    #[serde(flatten)]
    pub figures: KpiReport,
    /// How well it went, if the policy has objectives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_levels: Option<SloReport>,
}

/// One report for each tenant, and whether the records' chains hold.
pub fn reports(directory: &Path) -> Result<(Vec<Report>, Checker), Failure> {
    let policies = journal::policies(directory)?;
    // Recordings that were replayed together have tenants of their own, and each its own time.
    let mut tenants: BTreeMap<Option<TenantId>, Folds> = BTreeMap::new();
    let checker = stream::read(directory, |record| {
        // What concerns the engine as a whole is nobody's alarm.
        if record.patient.is_some() {
            let folds = tenants
                .entry(record.tenant.clone())
                .or_insert_with(|| Folds::of(policies.get(&record.tenant).map(|policy| &**policy)));
            folds.fold(&record);
        }
    })?;
    if tenants.values().any(|folds| folds.strange) {
        let message = "the policy beside the records is not the one that decided";
        return Err(Failure::new(format!("{}: {message}", directory.display())));
    }
    Ok((tenants.values().filter_map(Folds::report).collect(), checker))
}

/// The folds over a tenant's records.
struct Folds {
    figures: Kpi,
    service_levels: Option<Slo>,
    decided: Option<Hash>,
    /// Whether another policy decided.
    strange: bool,
}

impl Folds {
    fn of(policy: Option<&Policy>) -> Self {
        let asked = policy.filter(|policy| !policy.objectives().is_empty());
        Self {
            figures: Kpi::default(),
            service_levels: asked.map(Slo::of),
            decided: policy.map(Policy::hash),
            strange: false,
        }
    }

    fn fold(&mut self, record: &Record) {
        self.figures.fold(record);
        if let Some(levels) = &mut self.service_levels {
            levels.fold(record);
        }
        if let Body::AlertOpened { policy, .. } = &record.body {
            self.strange |= self.decided.is_some_and(|hash| hash != policy.hash);
        }
    }

    fn report(&self) -> Option<Report> {
        let latest = self.figures.latest()?;
        let service_levels = self.service_levels.as_ref().map(|levels| levels.report(latest));
        Some(Report { figures: self.figures.report(latest), service_levels })
    }
}
