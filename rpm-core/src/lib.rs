//! Turns wearable and bedside telemetry into explained clinician alerts.
//!
//! The core does no input or output, reads no clock, starts no thread and keeps no global. It is a
//! fold: events, commands and time go in, [records](record) come out. The same policy and the same
//! inputs give the same records, byte for byte, on a phone, in a bridge's firmware and in a back
//! end.
//!
//! # The whole loop
//!
//! ```
//! use rpm_core::policy::Policy;
//! use rpm_core::{Engine, EngineConfig, HostTime, Output};
//!
//! let policy = Policy::from_json(br#"{
//!   "id": "home", "version": 1, "title": "Oxygen at home",
//!   "signals": { "spo2": { "cadence": "1 s" } },
//!   "rules": [{
//!     "id": "spo2-low", "title": "Low oxygen saturation", "signal": "spo2",
//!     "levels": [{ "level": "urgent", "raise": { "below": 88 }, "for": "2 s" }]
//!   }]
//! }"#)?;
//! let mut engine = Engine::new(policy, EngineConfig::default());
//!
//! let mut lines = Vec::new();
//! for second in 0..5 {
//!     let event = format!(
//!         r#"{{"v":"1.0","patient":"p1","device":"d1","observed_at":{},
//!             "reading":{{"kind":"spo2","value":86.5,"unit":"%"}}}}"#,
//!         second * 1000
//!     );
//!     // 1. Something comes in, at the host's time.
//!     let now = HostTime::from_millis(second * 1000 + 200);
//!     engine.handle_json(event.as_bytes(), now)?;
//!     // 2. Whatever was decided comes out: store it, act on it.
//!     while let Some(output) = engine.poll_output() {
//!         if let Output::Record(sealed) = output {
//!             lines.push(sealed.line);
//!         }
//!     }
//!     // 3. Sleep until the next input or `engine.next_wakeup()`, then `handle_timeout`.
//! }
//! assert!(lines.last().unwrap().contains(r#""type":"alert_opened""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Telling people, and hearing from them
//!
//! Where the policy says who is told, the engine asks for messages; where people answer, it takes them
//! back. Handing them over is the host's. A host that remembers keys never sends one twice, not even
//! after a crash.
//!
//! ```
//! use rpm_core::alert::{Action, Command, DeliveryReport};
//! use rpm_core::policy::Policy;
//! use rpm_core::record::DeliveryState;
//! use rpm_core::{Engine, EngineConfig, HostTime, Output};
//!
//! let policy = Policy::from_json(br#"{
//!   "id": "home", "version": 1, "title": "Oxygen at home",
//!   "signals": { "spo2": { "cadence": "1 s" } },
//!   "rules": [{
//!     "id": "spo2-low", "title": "Low oxygen saturation", "signal": "spo2",
//!     "levels": [{ "level": "urgent", "raise": { "below": 88 } }]
//!   }],
//!   "care": {
//!     "routes": [{ "id": "all", "queue": "ward", "escalation": "page" }],
//!     "escalations": { "page": { "answer_within": "5 min", "steps": [
//!       { "after": "0 s", "to": ["nurse"], "channels": ["pager"] }
//!     ] } }
//!   }
//! }"#)?;
//! let mut engine = Engine::new(policy, EngineConfig::default());
//! let event = br#"{"v":"1.0","patient":"p1","device":"d1","observed_at":0,
//!                  "reading":{"kind":"spo2","value":80,"unit":"%"}}"#;
//! engine.handle_json(event, HostTime::from_millis(200))?;
//!
//! let mut intents = Vec::new();
//! while let Some(output) = engine.poll_output() {
//!     if let Output::Deliver(intent) = output {
//!         intents.push(intent); // hand it to the pager, once for each `intent.key`
//!     }
//! }
//! let (intent, part) = (&intents[0], &intents[0].parts[0]);
//! assert_eq!(intent.target.function, "nurse");
//! let patient = engine.find_patient(None, &intent.patient).unwrap();
//!
//! // What the pager says of it, and what the nurse does.
//! let report = DeliveryReport { patient, key: intent.key, state: DeliveryState::Delivered };
//! engine.handle_report(&report, HostTime::from_millis(900))??;
//! let command = Command {
//!     patient,
//!     alert: part.alert,
//!     seen_revision: part.revision,
//!     actor: "ann".into(),
//!     role: "nurse".into(),
//!     action: Action::Acknowledge,
//! };
//! engine.handle_command(&command, HostTime::from_millis(5_000))??;
//! let taken_back =
//!     core::iter::from_fn(|| engine.poll_output()).any(|o| matches!(o, Output::Cancel(_)));
//! assert!(taken_back);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Floors
//!
//! A module uses only those above it in this table.
//!
//! | module | holds |
//! |---|---|
//! | [`time`] [`value`] [`id`] [`error`] [`redact`] | instants, fixed-point values, identifiers, codes |
//! | [`event`] | the contract: kinds, units, bodies, JSON |
//! | [`record`] | the words of decisions, the hash chain, explanations |
//! | [`signal`] | panes, windows, statistics |
//! | [`policy`] | what people write, compiled |
//! | [`intake`] | the trust boundary |
//! | `rule` | predicates and conditions |
//! | [`risk`] | models beside rules: verified, evaluated, explained |
//! | [`alert`] | episodes, what people do about them, who is told |
//! | [`input`] | one line of JSON for whatever enters |
//! | [`engine`] | the facade |
//! | [`insight`] | folds over records: figures, service levels, queue, patient card |
//! | [`mod@back_test`] | a log of inputs through a policy, and what came of it |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod alert;
pub mod back_test;
mod bytes;
mod document;
pub mod engine;
pub mod error;
pub mod event;
pub mod id;
pub mod input;
pub mod insight;
pub mod intake;
pub mod policy;
pub mod record;
pub mod redact;
pub mod risk;
mod rule;
pub mod signal;
mod small_map;
pub mod time;
pub mod value;

pub use alert::{Action, Alert, Command, DeliveryIntent, DeliveryReport, Refusal, Roster, Shift};
pub use back_test::{BackTest, back_test};
pub use engine::{
    BatchReceipt, Engine, EngineConfig, FeatureRow, Monitor, Output, Reading, Rejected,
    RestoreReport, Scorer, Waiting, WhyNot,
};
pub use error::{Code, Error};
pub use id::{AlertId, DeviceId, DeviceKey, PatientId, PatientKey, TenantId};
pub use input::{Answer, Input};
pub use intake::{Counts, Receipt};
pub use redact::Phi;
pub use risk::Scored;
pub use rule::score::{ScoreFacts, ScoreInput, ScoreOutcome, ScorePart};
pub use signal::{BaselineAction, BaselineCommand};
pub use small_map::SmallMap;
pub use time::{Duration, HostTime, Timestamp};
pub use value::{Decimal, Ratio, Value};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
