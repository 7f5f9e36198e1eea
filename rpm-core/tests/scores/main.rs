//! Early warning scores, from outside: published vectors, errors that others made, laws, and mistakes
//! in tables of a site's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod chart;
mod laws;
mod missing;
mod mistakes;
mod named;
mod vectors;
