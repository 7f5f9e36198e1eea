//! The one error that crosses: the core's codes, and what a caller can do about it.

use std::fmt;

use rpm_core::policy::PolicyErrors;
use rpm_core::record::Status;
use rpm_core::{Code, Error, Refusal};

/// Why a call did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, uniffi::Error)]
#[uniffi(name = "RpmonError")]
pub enum RpmonError {
    /// An input, or the moment of the call, was wrong. Nothing changed.
    Invalid {
        /// What, and where.
        problem: Problem,
    },
    /// A policy has mistakes: all of them, each with its place.
    Policy {
        /// One by one.
        problems: Vec<Problem>,
    },
    /// A person's command was refused. The refusal is recorded; nothing else changed.
    Refused {
        /// Why.
        code: Code,
        /// The alert's revision now, if there is such an alert.
        revision: Option<u32>,
        /// Its status now.
        status: Option<Status>,
    },
    /// An earlier call failed inside the engine, so that its state can no longer be trusted: go on from
    /// the last snapshot.
    Poisoned,
}

/// One mistake: which, and where. Never what a patient's field contained.
#[derive(Clone, PartialEq, Eq, Debug, uniffi::Record)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// The field, such as `rules[2].levels[0].raise`.
    pub path: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// All of that as one sentence for people.
    pub text: String,
}

impl Problem {
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            code: error.code(),
            path: error.path().map(str::to_owned),
            advice: error.advice().map(str::to_owned),
            text: error.to_string(),
        }
    }
}

impl From<Error> for RpmonError {
    fn from(error: Error) -> Self {
        Self::Invalid { problem: Problem::of(&error) }
    }
}

impl From<Code> for RpmonError {
    fn from(code: Code) -> Self {
        Error::new(code).into()
    }
}

impl From<PolicyErrors> for RpmonError {
    fn from(errors: PolicyErrors) -> Self {
        Self::Policy { problems: errors.errors().iter().map(Problem::of).collect() }
    }
}

impl From<Refusal> for RpmonError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, revision, status } = refusal;
        Self::Refused { code, revision, status }
    }
}

impl fmt::Display for RpmonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { problem } => f.write_str(&problem.text),
            Self::Policy { problems } => {
                let texts: Vec<_> = problems.iter().map(|problem| problem.text.as_str()).collect();
                f.write_str(&texts.join("\n"))
            }
            Self::Refused { code, revision, status } => {
                Refusal { code: *code, revision: *revision, status: *status }.fmt(f)
            }
            Self::Poisoned => {
                f.write_str("the engine failed in an earlier call: restore a snapshot")
            }
        }
    }
}

impl std::error::Error for RpmonError {}

/// The stable number of a code; the hundreds name its family.
#[uniffi::export]
pub fn code_number(code: Code) -> u16 {
    code.number()
}

/// The stable name of a code, as records and logs have it: `stale_revision`.
#[uniffi::export]
pub fn code_name(code: Code) -> String {
    code.name().to_owned()
}

/// What a code means, as one sentence for people.
#[uniffi::export]
pub fn code_message(code: Code) -> String {
    code.message().to_owned()
}
