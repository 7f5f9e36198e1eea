//! The command line, called as people call it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bundle;
mod commands;
mod common;
mod drift;
mod models;
mod run;
mod score;
mod sensitivity;
mod suggest;
