//! A policy, as hosts hold it.

use std::sync::Arc;

use rpm_core::event::Kind;
use rpm_core::event::unit::{self, Unit};
use rpm_core::policy::{Approved, Mode, Policy as CorePolicy, Proposal};
use rpm_core::record::Hash;
use rpm_core::{Code, Decimal, Error, HostTime, Ratio, Value};

use crate::convert::TimeSpan;
use crate::error::{Problem, RpmonError};

/// A checked policy, immutable and shared. Two with the same hash decide the same.
#[derive(uniffi::Object)]
pub struct Policy {
    pub(crate) core: Arc<CorePolicy>,
}

/// A signal that a policy monitors.
#[derive(Clone, uniffi::Record)]
pub struct Signal {
    /// Its name in the policy.
    pub name: String,
    /// What the clinician reads.
    pub title: String,
    /// The UCUM unit of its values.
    pub unit: String,
    /// The kind that it monitors, by its number in a packed reading.
    pub kind: u16,
    /// How often a reading is expected.
    pub cadence: TimeSpan,
}

/// A rule of a policy.
#[derive(Clone, uniffi::Record)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// What the clinician reads.
    pub title: String,
    /// Whether it decides.
    pub mode: Mode,
}

#[uniffi::export]
impl Policy {
    /// Reads JSON. The error has every mistake, each with its place.
    #[uniffi::constructor]
    pub fn from_json(text: Vec<u8>) -> Result<Self, RpmonError> {
        Ok(Self { core: CorePolicy::from_json(&text)? })
    }

    /// Reads TOML. The error has every mistake, each with its place.
    #[uniffi::constructor]
    pub fn from_toml(text: String) -> Result<Self, RpmonError> {
        Ok(Self { core: CorePolicy::from_toml(&text)? })
    }

    /// Its name.
    pub fn id(&self) -> String {
        self.core.id().to_owned()
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        self.core.version()
    }

    /// One line for people.
    pub fn title(&self) -> String {
        self.core.title().to_owned()
    }

    /// The SHA-256 of its canonical JSON.
    pub fn hash(&self) -> Hash {
        self.core.hash()
    }

    /// The canonical JSON that the hash is of.
    pub fn to_json(&self) -> String {
        self.core.to_json()
    }

    /// The policy in plain words, one paragraph a rule.
    pub fn describe(&self) -> String {
        self.core.describe()
    }

    /// Legal, but probably not meant.
    pub fn warnings(&self) -> Vec<Problem> {
        self.core.warnings().iter().map(Problem::of).collect()
    }

    /// What is monitored.
    pub fn signals(&self) -> Vec<Signal> {
        let signal = |def: &rpm_core::policy::SignalDef| Signal {
            name: def.name().to_owned(),
            title: def.title().to_owned(),
            unit: def.unit().to_owned(),
            kind: def.kind().0,
            cadence: def.cadence(),
        };
        self.core.signals().iter().map(signal).collect()
    }

    /// What raises alerts.
    pub fn rules(&self) -> Vec<Rule> {
        let rule = |rule: &rpm_core::policy::Rule| Rule {
            id: rule.id().to_owned(),
            title: rule.title().to_owned(),
            mode: rule.mode(),
        };
        self.core.rules().iter().map(rule).collect()
    }

    /// The number of a kind in a packed reading: built-in, or declared by this policy.
    pub fn kind(&self, name: &str) -> Option<u16> {
        self.core.kind_named(name).map(|kind| kind.0)
    }

    /// A value as delivered, in thousandths of the canonical unit of its kind: converted exactly and
    /// rounded once, half away from zero.
    pub fn measure(&self, kind: &str, value: f64, unit: &str) -> Result<Value, RpmonError> {
        Ok(self.scale(kind, unit)?.convert(value)?)
    }

    /// The same for a column: 64-bit floats in, 32-bit integers out, both little-endian.
    ///
    /// What is no number (NaN, infinities, beyond the range) becomes the smallest integer, which no
    /// kind allows: the engine quarantines it unless the host leaves it out.
    pub fn measure_column(
        &self,
        kind: &str,
        values: &[u8],
        unit: &str,
    ) -> Result<Vec<u8>, RpmonError> {
        let scale = self.scale(kind, unit)?;
        let (values, rest) = values.as_chunks();
        if !rest.is_empty() {
            return Err(Error::new(Code::BadLength).at("values").into());
        }
        let thousandths = |bytes: &[u8; 8]| {
            let value = scale.convert(f64::from_le_bytes(*bytes));
            value.map_or(i32::MIN, Value::thousandths).to_le_bytes()
        };
        Ok(values.iter().flat_map(thousandths).collect())
    }
}

impl Policy {
    fn scale(&self, name: &str, unit_name: &str) -> Result<Scale, Error> {
        let unknown = || Error::new(Code::UnknownKind).at("kind");
        let kind = self.core.kind_named(name).ok_or_else(unknown)?;
        let ratio = match self.core.declared_unit(kind) {
            Some(declared) if declared == unit_name => Ratio::ONE,
            Some(_) => return Err(Error::new(Code::UnknownUnit).at("unit")),
            None => {
                let info = kind.info().ok_or_else(unknown)?;
                let from = Unit::parse(unit_name).and_then(|from| unit::conversion(from, info));
                from.map_err(|error| error.at("unit"))?
            }
        };
        Ok(Scale { ratio })
    }
}

/// Another policy, proposed by somebody and approved by somebody else.
#[derive(Clone, uniffi::Record)]
pub struct PolicyChange {
    /// What is to decide.
    pub to: Arc<Policy>,
    /// Who proposed it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who approved it: not the owner.
    pub approver: String,
    /// When it takes effect; in the past means at once.
    pub effective_at: HostTime,
}

impl PolicyChange {
    /// For the policy in force.
    pub(crate) fn approve(&self, in_force: &CorePolicy) -> Result<Approved, Error> {
        let Self { to, owner, reason, approver, effective_at } = self;
        let proposal = Proposal::new(in_force, Arc::clone(&to.core), owner, reason)?;
        proposal.approve(approver, *effective_at)
    }
}

/// The policies as the core takes them.
pub(crate) fn cores(policies: &[Arc<Policy>]) -> Vec<Arc<CorePolicy>> {
    policies.iter().map(|policy| Arc::clone(&policy.core)).collect()
}

/// How numbers of one kind and unit become values.
struct Scale {
    ratio: Ratio,
}

/// The largest count of thousandths.
const MOST: f64 = i32::MAX as f64;

impl Scale {
    #[allow(
        clippy::float_cmp,
        reason = "both sides are rounded as IEEE 754 says, on every processor"
    )]
    fn convert(&self, value: f64) -> Result<Value, Error> {
        // Most floats are the nearest ones to a number of thousandths, which is then what was meant.
        let thousandths = (value * 1000.0).round();
        if self.ratio == Ratio::ONE && thousandths.abs() < MOST && thousandths / 1000.0 == value {
            return Ok(Value::from_thousandths(thousandths as i32));
        }
        Value::convert(Decimal::from_f64(value)?, self.ratio).map_err(|error| error.at("value"))
    }
}

/// A kind of measurement that every policy knows.
#[derive(Clone, uniffi::Record)]
pub struct KindInfo {
    /// Its number in a packed reading.
    pub number: u16,
    /// Its name, the same in every language.
    pub name: String,
    /// For people.
    pub title: String,
    /// Its LOINC codes, the preferred one first.
    pub loinc: Vec<String>,
    /// The canonical UCUM unit.
    pub unit: String,
    /// Of a coded kind: the codes, whose values are 0, 1, 2, ... in this order.
    pub codes: Vec<String>,
}

/// Every kind that every policy knows.
#[uniffi::export]
pub fn kinds() -> Vec<KindInfo> {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let of = |kind: Kind| {
        let info = kind.info()?;
        Some(KindInfo {
            number: kind.0,
            name: info.name.to_owned(),
            title: info.title.to_owned(),
            loinc: texts(info.loinc),
            unit: info.unit.code().to_owned(),
            codes: texts(info.codes),
        })
    };
    Kind::all().filter_map(of).collect()
}
