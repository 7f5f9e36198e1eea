//! `replay`: recordings in, explained alerts out. The command line of the engine, as `promtool` is
//! that of Prometheus.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | what can be asked |
//! | [`host`] | every call into the engine |
//! | [`input`] | files of readings, in the order of their arrival |
//! | [`run`] | a replay and the files it writes |
//! | [`bundle`] | the main job: the recordings that come with the project |
//! | [`episode`] [`stream`] | an alert from its records; records from a file |
//! | [`picture`] | a patient's signals and alerts as SVG |
//! | [`suite`] | unit tests of policies |
//! | [`compare`] [`suggest`] | what another policy, or another hold, would change |
//! | [`score`] | a score hour by hour, and what it tells |
//! | [`sensitivity`] | what change of a signal a policy would have found |
//! | [`check`] [`explain`] [`diff`] [`verify`] | the smaller commands |
//! | [`models`] | versions of models, from stage to stage |
//! | [`trial`] | what a rule in shadow would have done, for whoever has to sign |
//! | [`kpi`] | whether people could have kept up |
//! | [`draw`] | what is drawn, by a seed |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

mod bundle;
mod check;
mod cli;
mod compare;
mod diff;
mod draw;
mod drift;
mod episode;
mod explain;
mod failure;
mod host;
mod input;
mod kpi;
mod models;
mod picture;
mod progress;
mod run;
mod score;
mod sensitivity;
mod stream;
mod suggest;
mod suite;
mod table;
mod trial;
mod verify;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Request};
use failure::{Failure, Verdict, exit_code};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let result = dispatch(cli, &mut out).and_then(|verdict| {
        out.flush()?;
        Ok(verdict)
    });
    if let Err(Failure::Input(message)) = &result {
        // If even this cannot be written there is nobody to tell.
        let _ = writeln!(io::stderr(), "replay: {message}");
    }
    exit_code(&result)
}

fn dispatch(cli: Cli, out: &mut dyn Write) -> Result<Verdict, Failure> {
    match cli.command {
        None => bundle::run(out),
        Some(Request::Run(request)) => run::request(&request, out),
        Some(Request::Check { policy }) => check::run(&policy, out),
        Some(Request::Test { files }) => suite::run(&files, out),
        Some(Request::Explain { directory, alert, json }) => {
            explain::run(&directory, &alert, json, out)
        }
        Some(Request::Trial(request)) => trial::run(&request, out),
        Some(Request::Drift(request)) => drift::run(&request, out),
        Some(Request::Models(request)) => models::run(&request, out),
        Some(Request::Compare(request)) => compare::run(&request, out),
        Some(Request::Suggest(request)) => suggest::run(&request, out),
        Some(Request::Score(request)) => score::run(&request, out),
        Some(Request::Sensitivity(request)) => sensitivity::run(&request, out),
        Some(Request::Diff { before, after }) => diff::run(&before, &after, out),
        Some(Request::Kpi { directory, json }) => kpi::run(&directory, json, out),
        Some(Request::Verify { directory }) => verify::run(&directory, out),
        Some(Request::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "replay", &mut script);
            out.write_all(&script)?;
            Ok(Verdict::Clean)
        }
    }
}
