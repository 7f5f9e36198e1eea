//! `replay suggest`: what other holds and dead bands would spare, and cost.
//!
//! | module | holds |
//! |---|---|
//! | [`sweep`] | one rule, all that was tried |
//! | [`actors`] | the rules of a patient that alarm most, and one change for each |
//! | [`variants`] | a rule, varied |
//! | [`change`] | changes that make a rule milder |
//! | [`history`] | when conditions held, and what a change takes of that |
//! | [`back_test`] | one replay, and what is asked of it |
//! | [`advice`] | which change is suggested, or why none |
//! | [`told`] | the suggestions, for a terminal |

mod actors;
mod advice;
mod back_test;
mod change;
mod history;
mod sweep;
mod told;
mod variants;

use std::io::Write;

use crate::cli;
use crate::failure::{Failure, Verdict};

/// Sweeps a rule, or those that alarm most.
pub fn run(request: &cli::Suggest, out: &mut dyn Write) -> Result<Verdict, Failure> {
    match (&request.rule, request.bad_actors) {
        (Some(rule), _) => sweep::run(request, rule, out),
        (None, Some(most)) => actors::run(request, most.get(), out),
        // The command line asks for one of them.
        (None, None) => Err(Failure::new("suggest takes --rule or --bad-actors")),
    }
}
