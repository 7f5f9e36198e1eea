//! One line of JSON for whatever enters: events, and what people, channels, models, rotas and time say.
//!
//! A log of such lines, with the policy it began under, is all it takes to decide the same again.
//!
//! ```json
//! {"at":"2026-03-01T02:13:06Z","event":{"v":"1.0","patient":"p1","device":"d1","observed_at":"2026-03-01T02:13:05Z","reading":{"kind":"spo2","value":86,"unit":"%"}}}
//! {"at":"2026-03-01T02:14:00Z","command":{"patient":"p1","alert":1,"seen_revision":1,"by":"ann","role":"nurse","action":"resolve","reason":"true_acted_on","note":"oxygen given"}}
//! {"at":"2026-03-01T02:14:01Z","report":{"patient":"p1","key":"0f5bd7d1c6e84f1e9f0c2a6b3d4e5f60","state":"delivered"}}
//! {"at":"2026-03-01T07:00:00Z","roster":[{"function":"nurse","person":"ann","from":"2026-03-01T07:00:00Z","until":"2026-03-01T19:00:00Z"}]}
//! {"at":"2026-03-01T08:00:00Z","baseline":{"patient":"p1","baseline":"usual","by":"dr.a","action":"restart"}}
//! {"at":"2026-03-01T09:00:00Z","change":{"to":{"id":"home","version":2,"title":"..."},"owner":"dr.a","reason":"too many alarms","approver":"dr.b"}}
//! {"at":"2026-03-01T09:00:30Z","score":{"patient":"p1","risk":"sepsis","model":{"id":"sepsis-vitals","version":3,"hash":"..."},"shadow":false,"observed_at":"2026-03-01T09:00:00Z","score":"0.7","inputs_hash":"..."}}
//! {"at":"2026-03-01T09:01:00Z","roll_out":{"action":"stage","id":"sepsis-vitals","version":4,"to":"active","owner":"dr.a","approver":"dr.b","reason":"found more, earlier","evidence":"trial.json"}}
//! {"at":"2026-03-01T09:02:00Z"}
//! ```
//!
//! - `at` is the host's time of the call. A line with nothing else lets time pass.
//! - `event` is an event in [its own form](crate::event::json), or a string with the text that came, if
//!   that was no JSON. What is wrong with it is for the engine to say: it is quarantined.
//! - An event may stand alone, without `at`: it is then taken in when it was received, or observed.
//! - Times are RFC 3339 or whole milliseconds. `tenant` may stand beside each `patient`.
//! - A `report`'s `state` is `handed`, `delivered`, `seen` or `failed`.
//! - What a model said (`score`) has the fields of its record, and `patient`: a `score` between 0 and 1, or the
//!   `reason` why there is none; `latency_us` and `terms` if they are known.
//! - What people decided about a version of a model (`roll_out`): `register` with its `model` and `owner`,
//!   `stage` with `id`, `version` and where `to` (`shadow`, `active`, `retired`, or
//!   `{"canary":{"permille":50}}`), `rollback` with `id`.
//! - A change may say which policy it was proposed for (`from`, as in records) and when it takes effect
//!   (`effective_at`); else it is for the policy in force, and at once.
//! - A field may occur once; a field without content is left out, never `null`; an unknown one is an
//!   error.

mod read;
#[cfg(feature = "schema")]
pub mod schema;
mod write;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::alert::{Command, DeliveryReport, Refusal, Roster};
use crate::error::{Code, Error};
use crate::id::{PatientId, TenantId};
use crate::intake::Receipt;
use crate::policy::{Approved, Policy, Proposal};
use crate::record::{PolicyRef, Status};
use crate::redact::redacted;
use crate::risk::Scored;
use crate::risk::registry::RollOut;
use crate::signal::BaselineCommand;
use crate::time::HostTime;

pub use read::{action, roster};

/// The longest line, in bytes: a policy fits.
pub const MAX_INPUT_LEN: usize = 16 << 20;

/// The most shifts of a roster.
pub const MAX_SHIFTS: usize = 65_536;

/// Something that enters, and when. Give it to [`Engine::handle_input`](crate::Engine::handle_input).
#[derive(Clone)]
pub struct Input<'a> {
    /// The host's time of the call.
    pub at: HostTime,
    /// What enters.
    pub body: InputBody<'a>,
}

/// What enters.
#[derive(Clone)]
#[non_exhaustive]
pub enum InputBody<'a> {
    /// The text of an event, not read yet.
    Event(Cow<'a, str>),
    /// A person's command. Its patient key counts for nothing: `whose` does.
    Command(Whose, Command),
    /// What a channel reports of a message. Its patient key counts for nothing: `whose` does.
    Report(Whose, DeliveryReport),
    /// What a person asks of a baseline. Its patient key counts for nothing: `whose` does.
    Baseline(Whose, BaselineCommand),
    /// What a model said. Its patient key counts for nothing: `whose` does.
    Score(Whose, Scored),
    /// What people decided about a version of a model.
    RollOut(RollOut),
    /// Who is on duty from now on.
    Roster(Roster),
    /// Another policy.
    Change(Change),
    /// Nothing: time passes.
    Tick,
}

/// Whom an input is about, by the host's names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whose {
    /// The organisation, where the host has more than one.
    pub tenant: Option<TenantId>,
    /// The patient.
    pub patient: PatientId,
}

/// A change of the policy that somebody proposed and somebody else approved.
#[derive(Clone, Debug)]
pub struct Change {
    /// For which policy it was proposed; for the one in force if absent.
    pub from: Option<PolicyRef>,
    /// What is to decide.
    pub to: Arc<Policy>,
    /// Who proposed it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approver: String,
    /// When it takes effect; at once if absent.
    pub effective_at: Option<HostTime>,
}

/// What became of an input. Printed it is a word, with the code's name if it was refused.
///
/// ```
/// # use rpm_core::{Code, Receipt, input::Answer};
/// assert_eq!(Answer::Event(Receipt::Accepted).to_string(), "accepted");
/// assert_eq!(Answer::Event(Receipt::Quarantined(Code::Impossible)).to_string(), "quarantined impossible");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// An event, or a score, has its receipt.
    Event(Receipt),
    /// It was taken.
    Taken,
    /// It was refused and changed nothing. A record says so where the patient is known.
    Refused {
        /// Why.
        error: Error,
        /// Of a command: the alert's revision now, if there is such an alert.
        revision: Option<u32>,
        /// Of a command: its status now.
        status: Option<Status>,
    },
}

redacted!(Input<'_>, InputBody<'_>);

impl<'a> Input<'a> {
    /// Reads a line.
    ///
    /// ```
    /// use rpm_core::{Code, input::Input};
    /// assert!(Input::parse(br#"{"at":"2026-03-01T09:01:00Z"}"#).is_ok());
    /// let line = br#"{"at":0,"command":{"patient":"p1","alert":1,"by":"ann","action":"acknowledge"}}"#;
    /// let error = Input::parse(line).unwrap_err();
    /// assert_eq!(error.code(), Code::MissingField);
    /// assert_eq!(error.path(), Some("command.seen_revision"));
    /// ```
    ///
    /// # Errors
    /// Names the field, never what was in it. Of a policy that is wrong it is the first error;
    /// [`Policy::from_json`] tells all.
    pub fn parse(line: &'a [u8]) -> Result<Self, Error> {
        if line.len() > MAX_INPUT_LEN {
            return Err(Error::new(Code::TooLarge));
        }
        let text = core::str::from_utf8(line).map_err(|_| Error::new(Code::BadEncoding))?;
        read::input(text)
    }

    /// The line that is read as this input again: what a host logs of a call that it made with types.
    pub fn to_json(&self) -> String {
        write::line(self)
    }

    /// The same with a text of its own.
    pub fn into_owned(self) -> Input<'static> {
        let body = match self.body {
            InputBody::Event(text) => InputBody::Event(Cow::Owned(text.into_owned())),
            InputBody::Command(whose, command) => InputBody::Command(whose, command),
            InputBody::Report(whose, report) => InputBody::Report(whose, report),
            InputBody::Baseline(whose, command) => InputBody::Baseline(whose, command),
            InputBody::Score(whose, scored) => InputBody::Score(whose, scored),
            InputBody::RollOut(roll_out) => InputBody::RollOut(roll_out),
            InputBody::Roster(roster) => InputBody::Roster(roster),
            InputBody::Change(change) => InputBody::Change(change),
            InputBody::Tick => InputBody::Tick,
        };
        Input { at: self.at, body }
    }

    /// Whom it is about, unless it is an event, which says so itself, or about nobody.
    pub fn whose_mut(&mut self) -> Option<&mut Whose> {
        match &mut self.body {
            InputBody::Command(whose, _)
            | InputBody::Report(whose, _)
            | InputBody::Baseline(whose, _)
            | InputBody::Score(whose, _) => Some(whose),
            _ => None,
        }
    }
}

impl Change {
    /// What the engine takes, if it may.
    pub(crate) fn approved(&self, in_force: &Policy, at: HostTime) -> Result<Approved, Error> {
        let Self { to, owner, reason, approver, .. } = self;
        let proposal = Proposal::new(in_force, Arc::clone(to), owner, reason)?;
        let mut approved = proposal.approve(approver, self.effective_at.unwrap_or(at))?;
        approved.from = self.from.clone().unwrap_or(approved.from);
        Ok(approved)
    }
}

impl Answer {
    /// Why it was refused, if it was.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Event(Receipt::Quarantined(code)) => Some(*code),
            Self::Refused { error, .. } => Some(error.code()),
            _ => None,
        }
    }
}

impl From<Result<(), Refusal>> for Answer {
    fn from(result: Result<(), Refusal>) -> Self {
        let refused = |Refusal { code, revision, status }| {
            let error = Error::new(code);
            Self::Refused { error, revision, status }
        };
        result.map_or_else(refused, |()| Self::Taken)
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::Refused { error, revision: None, status: None }
    }
}

impl From<Result<Receipt, Error>> for Answer {
    fn from(result: Result<Receipt, Error>) -> Self {
        result.map_or_else(Self::from, Self::Event)
    }
}

impl From<Result<(), Error>> for Answer {
    fn from(result: Result<(), Error>) -> Self {
        result.map_or_else(Self::from, |()| Self::Taken)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(Receipt::Accepted) => f.write_str("accepted"),
            Self::Event(Receipt::Duplicate) => f.write_str("duplicate"),
            Self::Event(Receipt::Quarantined(code)) => write!(f, "quarantined {}", code.name()),
            Self::Taken => f.write_str("taken"),
            Self::Refused { error, .. } => write!(f, "refused {}", error.code().name()),
        }
    }
}
