//! Scores as signals: rules read them as they read a measurement.
//!
//! | module | proves |
//! |---|---|
//! | `named` | what people expect of a score, by name; others' errors |
//! | `mistakes` | each mistake in a policy has its code and its path |
//! | `laws` | agreement with a naive model, and what must hold in any order, through any door |
//! | `extremes` | no panic, and no pane of a score lost, at the ends of what is accepted |
//! | `seconds` | many readings in a pane of a score: the newest counts |
//! | `model` | the model: every pane of a score counted anew from all readings |
//! | `ward` | wards, and what happens in them, at random |

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod extremes;
mod laws;
mod mistakes;
mod model;
mod named;
mod seconds;
mod ward;
