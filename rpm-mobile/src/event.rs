//! One event with types, for hosts that have one at a time. It goes in by its JSON form, as every event
//! does, so that there is one way in and one set of mistakes.

use rpm_core::event::{AbsentReason, Context, DeviceStatus, Profile};
use rpm_core::{Code, DeviceId, Error, HostTime, PatientId, TenantId, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::convert::TimeSpan;

/// One fact from outside: a reading, a correction, a state of a device or of the patient.
#[derive(Clone, uniffi::Record)]
pub struct Event {
    /// Whose body it was.
    pub patient: PatientId,
    /// What measured it.
    pub device: Device,
    /// When the body was measured.
    pub observed_at: Timestamp,
    /// What was measured or happened.
    pub body: EventBody,
    /// What the device or gateway says of the quality; nothing means good.
    #[uniffi(default = [])]
    pub quality: Vec<QualityFlag>,
    /// The device's own counter, if it has one.
    #[uniffi(default = None)]
    pub sequence: Option<u64>,
    /// When the first trusted host got it.
    #[uniffi(default = None)]
    pub received_at: Option<HostTime>,
    /// The organisation that owns the data.
    #[uniffi(default = None)]
    pub tenant: Option<TenantId>,
}

/// What measured: identity, and what is known of its build.
#[derive(Clone, uniffi::Record)]
pub struct Device {
    /// The device's identifier.
    pub id: DeviceId,
    /// Maker's model name.
    #[uniffi(default = None)]
    pub model: Option<String>,
    /// Firmware version.
    #[uniffi(default = None)]
    pub firmware: Option<String>,
    /// Class, such as `finger-oximeter`.
    #[uniffi(default = None)]
    pub class: Option<String>,
}

/// What an event says.
#[derive(Clone, uniffi::Enum)]
pub enum EventBody {
    /// A measurement.
    Reading {
        /// What was measured: `spo2`, `heart_rate`, or a kind that the policy declares.
        kind: String,
        /// The value; converted exactly and rounded once.
        value: f64,
        /// Its unit: UCUM or an everyday spelling.
        unit: String,
    },
    /// A measurement of a coded kind, such as `consciousness`.
    Coded {
        /// What was measured.
        kind: String,
        /// The code: `A`, `V`, ...
        code: String,
    },
    /// A measurement without a value.
    Absent {
        /// What was not measured.
        kind: String,
        /// Why not.
        reason: AbsentReason,
    },
    /// The earlier reading of this device, kind and time was wrong: this is its value.
    Correction {
        /// What was measured.
        kind: String,
        /// The right value.
        value: f64,
        /// Its unit.
        unit: String,
    },
    /// The earlier reading of this device, kind and time never was one.
    Void {
        /// What was not measured.
        kind: String,
    },
    /// The device's own state.
    DeviceStatus {
        /// The state.
        status: DeviceStatus,
    },
    /// The patient's circumstances.
    Context {
        /// The circumstances.
        context: Context,
    },
    /// Which signals are expected, how often, from when to when.
    Enrolment {
        /// One entry a kind.
        signals: Vec<Expected>,
    },
    /// Who the patient is, as far as rules need it.
    Profile {
        /// The profile.
        profile: Profile,
    },
}

/// One expected signal.
#[derive(Clone, uniffi::Record)]
pub struct Expected {
    /// What.
    pub kind: String,
    /// How often.
    pub cadence: TimeSpan,
    /// From when.
    pub from: Timestamp,
    /// Until when; open if absent.
    #[uniffi(default = None)]
    pub until: Option<Timestamp>,
}

/// Why a reading is not simply good. The number is the flag's bit in a packed reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, uniffi::Enum)]
#[repr(u8)]
pub enum QualityFlag {
    /// The device or gateway marks it as not from the body.
    Artifact = 1,
    /// Measured in motion.
    Motion = 2,
    /// Poor perfusion or contact.
    LowPerfusion = 4,
    /// The device was not worn.
    NotWorn = 8,
    /// Outside the plausible range but not impossible; set by intake.
    Implausible = 16,
    /// The device itself doubts it.
    Questionable = 32,
    /// Entered by hand.
    SelfReported = 64,
}

impl Event {
    /// Its JSON form, version 1.0.
    ///
    /// # Errors
    /// [`Code::NotANumber`] for NaN and infinities, which are no JSON: they are [`EventBody::Absent`].
    pub(crate) fn to_json(&self) -> Result<String, Error> {
        let mut event = Map::new();
        let mut put = |name: &str, value: Json| {
            if !value.is_null() {
                event.insert(name.to_owned(), value);
            }
        };
        put("v", json!(rpm_core::event::json::VERSION));
        put("tenant", json!(self.tenant.as_ref().map(TenantId::as_str)));
        put("patient", json!(self.patient.as_str()));
        put("device", self.device.to_json());
        put("sequence", json!(self.sequence));
        put("observed_at", json!(self.observed_at.as_millis()));
        put("received_at", json!(self.received_at.map(HostTime::as_millis)));
        let (name, body) = self.body.to_json()?;
        put(name, body);
        if !self.quality.is_empty() {
            put("quality", self.quality.iter().map(|flag| flag.name()).collect());
        }
        Ok(Json::from(event).to_string())
    }
}

impl Device {
    fn to_json(&self) -> Json {
        let Self { id, model, firmware, class } = self;
        known(json!({ "id": id.as_str(), "model": model, "firmware": firmware, "class": class }))
    }
}

impl EventBody {
    /// The field of the event, and what is in it.
    fn to_json(&self) -> Result<(&'static str, Json), Error> {
        Ok(match self {
            Self::Reading { kind, value, unit } => {
                ("reading", json!({ "kind": kind, "value": finite(*value)?, "unit": unit }))
            }
            Self::Coded { kind, code } => ("reading", json!({ "kind": kind, "value": code })),
            Self::Absent { kind, reason } => {
                ("reading", json!({ "kind": kind, "absent": absent(*reason) }))
            }
            Self::Correction { kind, value, unit } => {
                ("correction", json!({ "kind": kind, "value": finite(*value)?, "unit": unit }))
            }
            Self::Void { kind } => ("void", json!({ "kind": kind })),
            Self::DeviceStatus { status } => {
                let DeviceStatus { worn, battery_percent, link_up } = status;
                let status =
                    json!({ "worn": worn, "battery_percent": battery_percent, "link_up": link_up });
                ("device_status", known(status))
            }
            Self::Context { context } => ("context", context_json(context)),
            Self::Enrolment { signals } => {
                let signals: Vec<_> = signals.iter().map(Expected::to_json).collect();
                ("enrolment", json!({ "signals": signals }))
            }
            Self::Profile { profile } => ("profile", profile_json(profile)),
        })
    }
}

impl Expected {
    fn to_json(&self) -> Json {
        let Self { kind, cadence, from, until } = self;
        known(json!({
            "kind": kind,
            "cadence": cadence.to_string(),
            "from": from.as_millis(),
            "until": until.map(Timestamp::as_millis),
        }))
    }
}

impl QualityFlag {
    fn name(self) -> &'static str {
        let flag = rpm_core::event::Quality::from_bits(self as u8);
        flag.names().next().unwrap_or_default()
    }
}

fn context_json(context: &Context) -> Json {
    let Context { activity, asleep, on_oxygen, posture, care_phase } = context;
    known(json!({
        "activity": activity,
        "asleep": asleep,
        "on_oxygen": on_oxygen,
        "posture": posture,
        "care_phase": care_phase,
    }))
}

fn profile_json(profile: &Profile) -> Json {
    let Profile { age_band, conditions, cohort, spo2_scale, utc_offset_min, consent, .. } = profile;
    known(json!({
        "age_band": age_band,
        "conditions": conditions,
        "cohort": cohort,
        "spo2_scale": spo2_scale,
        "utc_offset_min": utc_offset_min,
        "consent": consent,
        "declined_channels": profile.declined_channels,
    }))
}

/// The FHIR code of a reason.
fn absent(reason: AbsentReason) -> &'static str {
    match reason {
        AbsentReason::Unknown => "unknown",
        AbsentReason::Error => "error",
        AbsentReason::NotANumber => "not-a-number",
        AbsentReason::PositiveInfinity => "positive-infinity",
        AbsentReason::NegativeInfinity => "negative-infinity",
        AbsentReason::NotPerformed => "not-performed",
        AbsentReason::Unsupported => "unsupported",
    }
}

fn finite(value: f64) -> Result<f64, Error> {
    let bad = || Error::new(Code::NotANumber).at("value");
    value.is_finite().then_some(value).ok_or_else(bad)
}

/// An object without what is not known: absence is not `null` in an event.
fn known(mut object: Json) -> Json {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
