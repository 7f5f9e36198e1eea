//! The contract: everything that enters the engine is an [`Event`].
//!
//! | module | holds |
//! |---|---|
//! | [`kind`] | what can be measured: codes, units, resolution, plausibility |
//! | [`mod@unit`] | the UCUM subset, everyday spellings, exact conversions |
//! | [`json`] | the JSON form, its versions and up-casters |
//! | `schema` | the JSON Schema of that form (feature `schema`) |

pub mod json;
pub mod kind;
#[cfg(feature = "schema")]
pub mod schema;
pub mod unit;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{DeviceId, PatientId, TenantId};
use crate::redact::{Phi, redacted};
use crate::time::{Duration, HostTime, Timestamp};
use crate::value::Value;

pub use kind::{Kind, KindInfo, KindRef};

/// One fact from outside: a reading, a correction, a state of a device or of the patient.
///
/// `Debug` shows no patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// The organisation that owns the data.
    pub tenant: Option<TenantId>,
    /// Whose body it was.
    pub patient: PatientId,
    /// What measured it.
    pub device: Device,
    /// The device's own counter, if it has one.
    pub sequence: Option<u64>,
    /// When the body was measured.
    pub observed_at: Timestamp,
    /// When the first trusted host got it.
    pub received_at: Option<HostTime>,
    /// What was measured or happened.
    pub body: Body,
    /// What the device or gateway says of the quality.
    pub quality: Quality,
    /// Where it came from and what was done to it.
    pub lineage: Lineage,
    /// Fields of a newer minor version, kept as JSON text for the raw stream.
    pub unknown: Option<Box<str>>,
}

/// What an [`Event`] says. `Debug` shows which body it is, not its content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// A measurement.
    Reading {
        /// What was measured.
        kind: KindRef,
        /// The value in the kind's canonical unit, or why there is none.
        value: Result<Value, AbsentReason>,
    },
    /// The earlier reading of this device, kind and time was wrong: this is its value.
    Correction {
        /// What was measured.
        kind: KindRef,
        /// The right value.
        value: Value,
    },
    /// The earlier reading of this device, kind and time never was one.
    Void {
        /// What was not measured.
        kind: KindRef,
    },
    /// The device's own state.
    DeviceStatus(DeviceStatus),
    /// The patient's circumstances.
    Context(Context),
    /// Which signals are expected, how often, from when to when.
    Enrolment(Enrolment),
    /// Who the patient is, as far as rules need it.
    Profile(Box<Profile>),
}

/// What measured: identity, and what is known of its build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// The device's identifier.
    pub id: DeviceId,
    /// Maker's model name.
    pub model: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Class, such as `finger-oximeter`.
    pub class: Option<String>,
}

/// Why a reading has no value: the FHIR data-absent-reasons a device can mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbsentReason {
    /// Not known why (`unknown`).
    Unknown,
    /// The device could not measure: "not at this resolution", sensor fault (`error`).
    Error,
    /// `not-a-number`.
    NotANumber,
    /// `positive-infinity`.
    PositiveInfinity,
    /// `negative-infinity`.
    NegativeInfinity,
    /// Nobody measured (`not-performed`).
    NotPerformed,
    /// The device has no such sensor (`unsupported`).
    Unsupported,
}

/// Quality flags of a reading. No flag means good.
///
/// ```
/// use rpm_core::event::Quality;
/// let q = Quality::ARTIFACT.with(Quality::MOTION);
/// assert!(q.any(Quality::MOTION) && !q.is_good());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quality(u8);

impl Quality {
    /// Nothing is wrong.
    pub const GOOD: Self = Self(0);
    /// The device or gateway marks it as not from the body.
    pub const ARTIFACT: Self = Self(1);
    /// Measured in motion.
    pub const MOTION: Self = Self(1 << 1);
    /// Poor perfusion or contact.
    pub const LOW_PERFUSION: Self = Self(1 << 2);
    /// The device was not worn.
    pub const NOT_WORN: Self = Self(1 << 3);
    /// Outside the plausible range but not impossible; set by intake.
    pub const IMPLAUSIBLE: Self = Self(1 << 4);
    /// The device itself doubts it.
    pub const QUESTIONABLE: Self = Self(1 << 5);
    /// Entered by hand.
    pub const SELF_REPORTED: Self = Self(1 << 6);

    /// There is no value, only the news that the device is there; set by intake.
    pub(crate) const ABSENT: Self = Self(1 << 7);

    /// With the internal flag, for snapshots.
    pub(crate) const fn to_byte(self) -> u8 {
        self.0
    }

    /// With the internal flag, for snapshots.
    pub(crate) const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// Every flag with its name, as in JSON and policies.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("artifact", Self::ARTIFACT),
        ("motion", Self::MOTION),
        ("low_perfusion", Self::LOW_PERFUSION),
        ("not_worn", Self::NOT_WORN),
        ("implausible", Self::IMPLAUSIBLE),
        ("questionable", Self::QUESTIONABLE),
        ("self_reported", Self::SELF_REPORTED),
    ];

    /// From the bits; unknown bits are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x7f)
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets of flags.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether any flag of `other` is set.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no flag is set.
    pub const fn is_good(self) -> bool {
        self.0 == 0
    }

    /// The flag of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, flag)| *flag)
    }

    /// The names of the set flags.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(_, flag)| self.any(*flag)).map(|(name, _)| name)
    }
}

impl fmt::Debug for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Where an event came from and what was done to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lineage {
    /// The adapter that decoded it, with version: `gatt/1`.
    pub adapter: Option<String>,
    /// The value as delivered, as text.
    pub original_value: Option<Phi<String>>,
    /// The unit as delivered.
    pub original_unit: Option<String>,
    /// What is known of the signature.
    pub signature: Signature,
    /// How a wrong device clock was repaired, if it was.
    pub clock_repair: Option<ClockRepair>,
}

/// Whether the event was signed, and by whom it was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Signature {
    /// Not signed.
    #[default]
    None,
    /// Signed by the gateway, verified.
    Gateway,
    /// Signed by the device itself, verified.
    Device,
    /// Signed, and the signature did not verify.
    Invalid,
}

/// A repair of a wrong device clock, and its evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClockRepair {
    /// What was added to the device's time, in milliseconds.
    pub offset_ms: i64,
    /// The evidence: `base-time-offset`, `coincident-timestamp`.
    pub evidence: String,
}

/// A device's own state. Absent fields are unknown, not false.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DeviceStatus {
    /// Whether it is worn, from when this was observed until it says otherwise; absent says nothing of it. What
    /// a device measures that is not worn does not count, unless the policy's signal accepts `not_worn`.
    pub worn: Option<bool>,
    /// Battery charge in per cent.
    pub battery_percent: Option<u8>,
    /// Whether the link to the gateway is up.
    pub link_up: Option<bool>,
}

/// The patient's circumstances from now on. Absent fields are unknown, not false.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// `rest`, `walking`, `exercise`, ...
    pub activity: Option<String>,
    /// Asleep or awake.
    pub asleep: Option<bool>,
    /// Supplemental oxygen.
    pub on_oxygen: Option<bool>,
    /// `supine`, `upright`, ...
    pub posture: Option<String>,
    /// `pre-op`, `recovery`, `ward`, `home`, ...
    pub care_phase: Option<String>,
}

/// Which signals are expected of a patient.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Enrolment {
    /// What is expected, one entry a kind.
    pub signals: Vec<Expected>,
}

/// One expected signal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// What.
    pub kind: KindRef,
    /// How often.
    pub cadence: Duration,
    /// From when.
    pub from: Timestamp,
    /// Until when; open if absent.
    pub until: Option<Timestamp>,
}

/// Who the patient is, as far as rules need it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// `adult`, `child`, ... as the policy names them.
    pub age_band: Option<String>,
    /// Conditions as the policy names them.
    pub conditions: Vec<String>,
    /// Cohort.
    pub cohort: Option<String>,
    /// SpO2 scale of NEWS2: 1 or 2.
    pub spo2_scale: Option<u8>,
    /// Offset of local time from UTC in minutes.
    pub utc_offset_min: Option<i16>,
    /// Whether the patient consents to being monitored.
    pub consent: Option<bool>,
    /// Channels, by the host's names, on which nothing about the patient may go out.
    pub declined_channels: Vec<String>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reading { .. } => "reading",
            Self::Correction { .. } => "correction",
            Self::Void { .. } => "void",
            Self::DeviceStatus(_) => "device_status",
            Self::Context(_) => "context",
            Self::Enrolment(_) => "enrolment",
            Self::Profile(_) => "profile",
        })
    }
}

redacted!(DeviceStatus, Context, Profile);

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("body", &self.body).finish_non_exhaustive()
    }
}
