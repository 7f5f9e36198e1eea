//! The engine for Swift, Kotlin and Python.
//!
//! One surface, from which UniFFI generates what `bindings/` holds; each language has an idiomatic layer
//! of its own over it. Names are the core's. Nothing decides here: a call locks, converts and asks
//! [`rpm_core`].
//!
//! | module | holds |
//! |---|---|
//! | `mirror` | the core's own types, as they are |
//! | `convert` | types that look different outside, and every conversion |
//! | `error` | the one error |
//! | `event` | one event with types |
//! | `packed` | many readings as bytes |
//! | `feed` | many readings by a plain call, for hosts where UniFFI's are slow |
//! | `policy` | a policy, kinds, units |
//! | `engine`, `monitor` | many patients, one patient |
//! | `model` | models, and the scorer that asks them beside an engine |
//! | `answers` | what records answer: explanations, notifications |

mod answers;
mod convert;
mod engine;
mod error;
mod event;
mod feed;
mod mirror;
mod model;
mod monitor;
mod packed;
mod policy;

pub use answers::{BackTest, LocalNotification, back_test, explain, notification, words_of};
pub use convert::{
    Alert, Answer, BatchReceipt, Chain, Config, Explained, Latest, Output, RestoreReport, WhyNot,
};
pub use engine::Engine;
pub use error::{Problem, RpmonError, code_message, code_name, code_number};
pub use event::{Device, Event, EventBody, Expected, QualityFlag};
pub use feed::{Feed, FeedAnswer, rpmon_feed_free, rpmon_feed_handle, rpmon_feed_new};
pub use model::{InputTerm, Model, Reasons, Scorer};
pub use monitor::Monitor;
pub use policy::{KindInfo, Policy, PolicyChange, Rule, Signal, kinds};

uniffi::setup_scaffolding!("rpmon");

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
