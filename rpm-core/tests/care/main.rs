//! From condition to clinician: who is told, when, and why not; each case by its name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod episodes;
mod escalation;
mod history;
mod modes;
mod policies;
mod preferences;
mod suppression;
mod ward;
