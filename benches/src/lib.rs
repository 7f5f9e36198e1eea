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
//! - [`ward_engine`]: the engine on the same workload.
//! - [`json_lines`]: the workload as text, and parsing alone.
//!
//! The binary `report` compares everything in one run; `yardstick` runs the loop alone. The README
//! has the commands and the figures.

mod fnv;
pub mod json_lines;
pub mod ward_engine;
pub mod ward_hour;
pub mod yardstick;
