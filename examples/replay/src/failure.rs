//! How a command ends: clean, with findings, or not at all.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// What a command that ran to its end has to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing to report: exit code 0.
    Clean,
    /// Findings, differences or failed tests: exit code 1.
    Findings,
}

/// Why a command could not run to its end: bad usage or bad input, exit code 2.
///
/// Messages name files, lines and fields, never what a patient's field contained.
#[derive(Debug)]
pub enum Failure {
    /// Something for the user to correct.
    Input(String),
    /// The reader of our output went away, as `head` does: nothing is wrong.
    Pipe,
}

impl Failure {
    /// A failure in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    /// An I/O error at a file.
    pub fn at(path: &Path, error: &io::Error) -> Self {
        Self::Input(format!("{}: {error}", path.display()))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::Input(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message) => f.write_str(message),
            Self::Pipe => f.write_str("the output was closed"),
        }
    }
}

/// The exit code of a result.
pub fn exit_code(result: &Result<Verdict, Failure>) -> ExitCode {
    match result {
        Ok(Verdict::Clean) | Err(Failure::Pipe) => ExitCode::SUCCESS,
        Ok(Verdict::Findings) => ExitCode::from(1),
        Err(Failure::Input(_)) => ExitCode::from(2),
    }
}
