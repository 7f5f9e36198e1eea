//! Whose alert it is: alerts are numbered within a patient, patients within a tenant.

use core::fmt;

use serde::Serialize;

use crate::id::{PatientId, TenantId};
use crate::record::Record;

/// A patient of a tenant. `Debug` is redacted; `Display` is for those who ask.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Owner {
    /// The organisation, where the host has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The patient.
    pub patient: PatientId,
}

impl Owner {
    /// Whose record it is; nobody's if it concerns the engine as a whole.
    pub fn of(record: &Record) -> Option<Self> {
        let patient = record.patient.clone()?;
        Some(Self { tenant: record.tenant.clone(), patient })
    }

    /// Whether it is this patient's.
    pub fn owns(&self, record: &Record) -> bool {
        record.patient.as_ref() == Some(&self.patient) && record.tenant == self.tenant
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = &self.tenant {
            write!(f, "{}/", tenant.as_str())?;
        }
        f.write_str(self.patient.as_str())
    }
}
