//! Reproducible workloads, and the loop that the engine is measured against.
//!
//! A figure such as "nanoseconds an event" says little by itself. This crate holds both things
//! that give it a meaning: an input that everybody can make again from a seed, and the same rules
//! written by hand with nothing around them.
//!
//! - [`ward_hour`]: the workload, a ward of monitored patients as an arrival-ordered vector of
//!   16-byte samples, with losses, repeats, late data, artifacts and clinical episodes.
//! - [`yardstick`]: the minimal loop over fixed arrays: what the rules cost when no engine, no
//!   record and no explanation is asked for.
//!
//! The binary `yardstick` runs the second over the first and prints the cost of an event.

mod fnv;
pub mod ward_engine;
pub mod ward_hour;
pub mod yardstick;
