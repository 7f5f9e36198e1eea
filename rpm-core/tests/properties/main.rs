//! What must hold for every policy and every stream of events.
//!
//! | module | holds |
//! |---|---|
//! | `policies` | policies at random |
//! | `streams` | what happens under them, at random |
//! | `laws` | what must hold |

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod laws;
mod policies;
mod streams;
