//! What events carry, as `rpm_core::event` has it.

use super::*;

/// Why a reading has no value: the FHIR data-absent-reasons a device can mean.
#[uniffi::remote(Enum)]
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

/// A device's own state. Absent fields are unknown, not false.
#[uniffi::remote(Record)]
pub struct DeviceStatus {
    /// Whether it is worn.
    pub worn: Option<bool>,
    /// Battery charge in per cent.
    pub battery_percent: Option<u8>,
    /// Whether the link to the gateway is up.
    pub link_up: Option<bool>,
}

/// The patient's circumstances from now on. Absent fields are unknown, not false.
#[uniffi::remote(Record)]
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

/// Who the patient is, as far as rules need it.
#[uniffi::remote(Record)]
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
