//! The C ABI: what `include/rpmon.h` declares, which is generated from here.
//!
//! | module | holds |
//! |---|---|
//! | [`text`] | texts and bytes on their way in and out |
//! | [`status`] | one number for each way a call can end, and the one panic boundary |
//! | [`handle`] | objects that callers hold: used by one call at a time, poisoned by a panic |
//! | [`error`] | what is wrong with a text that was to be loaded |
//! | [`policy`] | policies |
//! | [`engine`] | engines: their patients, time, snapshots, log |
//! | [`input`] | what enters: readings, events, commands, reports, rosters, changes |
//! | [`output`] | what comes out, typed and as JSON |
//! | [`query`] | how things stand |
//! | [`model`] | models: verified as they are loaded |
//! | [`scorer`] | which version of a model scores whom, and when it is asked |
//! | [`records`] | folds over records, and back-tests |
//! | `bare` | memory and panics where there is no operating system |
//!
//! Every function checks its arguments, changes nothing unless it returns `RPMON_OK`, and lets no panic
//! out. Documentation that is meant for callers in C stands on the items and goes into the header.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(non_camel_case_types, reason = "these are the names that C sees")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules for pointers are the same everywhere, and stand at the head of the header"
)]

extern crate alloc;

#[cfg(not(feature = "std"))]
pub mod bare;
pub mod engine;
pub mod error;
pub mod handle;
pub mod input;
pub mod model;
pub mod output;
pub mod policy;
pub mod query;
pub mod records;
pub mod scorer;
pub mod status;
pub mod text;
