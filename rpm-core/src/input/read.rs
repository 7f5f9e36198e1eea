//! Reads inputs.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Change, Input, InputBody, MAX_SHIFTS, Whose};
use crate::alert::{Action, Command, DeliveryReport, Roster, Shift};
use crate::document;
use crate::error::{Code, Error};
use crate::event::json::{
    self, Fields, boolean, host_time, inside, items, short, string, time, whole,
};
use crate::id::{AlertId, PatientId, PatientKey, TenantId};
use crate::policy::Policy;
use crate::record::{Hash, IntentKey, ModelRef, RiskTerm, Stage};
use crate::risk::Scored;
use crate::risk::registry::{RollOut, Why};
use crate::signal::{BaselineAction, BaselineCommand};
use crate::time::HostTime;

pub(super) const BODIES: [&str; 8] =
    ["event", "command", "report", "baseline", "score", "roll_out", "roster", "change"];

/// The most terms of a score.
pub(super) const MAX_TERMS: usize = 64;

/// Nobody's: the engine looks the patient up by name.
const UNKNOWN: PatientKey = PatientKey(u32::MAX);

pub(super) fn input(text: &str) -> Result<Input<'_>, Error> {
    let mut fields = Fields::read(text)?;
    if fields.take("v").is_some() {
        let event = json::parse(text.as_bytes())?;
        let observed = HostTime::assume_immediate(event.observed_at);
        let at = event.received_at.unwrap_or(observed);
        return Ok(Input { at, body: InputBody::Event(text.into()) });
    }
    let at = fields.required("at", host_time)?;
    let mut body = None;
    for name in BODIES {
        let Some(inner) = fields.take(name) else {
            continue;
        };
        if body.is_some() {
            let hint = "an input is one thing: an event, a command, ...";
            return Err(Error::new(Code::ExclusiveFields).at(name).hint(hint));
        }
        body = Some(read_body(name, inner).map_err(inside(name))?);
    }
    fields.finish_strict()?;
    Ok(Input { at, body: body.unwrap_or(InputBody::Tick) })
}

fn read_body<'a>(name: &str, text: &'a str) -> Result<InputBody<'a>, Error> {
    match name {
        "event" if text.starts_with('"') => string(text).map(InputBody::Event),
        "event" => Ok(InputBody::Event(Cow::Borrowed(text))),
        "command" => command(text),
        "report" => report(text),
        "baseline" => baseline(text),
        "score" => score(text),
        "roll_out" => roll_out(text),
        "roster" => shifts(text).map(InputBody::Roster),
        _ => change(text).map(InputBody::Change),
    }
}

fn whose(fields: &mut Fields<'_>) -> Result<Whose, Error> {
    let tenant = fields.optional("tenant", |t| TenantId::new(&string(t)?))?;
    Ok(Whose { tenant, patient: fields.required("patient", |t| PatientId::new(&string(t)?))? })
}

fn command<'a>(text: &'a str) -> Result<InputBody<'a>, Error> {
    let mut fields = Fields::read(text)?;
    let whose = whose(&mut fields)?;
    let command = Command {
        patient: UNKNOWN,
        alert: AlertId(fields.required("alert", whole)?),
        seen_revision: fields.required("seen_revision", whole)?,
        actor: fields.required("by", short)?,
        role: fields.optional("role", short)?.unwrap_or_default(),
        action: take_action(&mut fields)?,
    };
    fields.finish_strict()?;
    Ok(InputBody::Command(whose, command))
}

/// Reads an action and what belongs to it, as an object: `{"action":"assign","to":"ann"}`.
///
/// ```
/// use rpm_core::{Code, input};
/// assert!(input::action(r#"{"action":"resolve","reason":"false_artifact"}"#).is_ok());
/// let error = input::action(r#"{"action":"acknowledge","reason":"other"}"#).unwrap_err();
/// assert_eq!((error.code(), error.path()), (Code::UnknownField, Some("reason")));
/// ```
///
/// # Errors
/// Names the field, never what was in it.
pub fn action(text: &str) -> Result<Action, Error> {
    let mut fields = Fields::read(text)?;
    let action = take_action(&mut fields)?;
    fields.finish_strict().map(|()| action)
}

fn take_action(fields: &mut Fields<'_>) -> Result<Action, Error> {
    let action = fields.required("action", string)?;
    Ok(match &*action {
        "acknowledge" => Action::Acknowledge,
        "unacknowledge" => Action::Unacknowledge,
        "start_remediation" => Action::StartRemediation {
            owner: fields.optional("owner", short)?,
            due: fields.optional("due", host_time)?,
            intervention: fields.optional("intervention", short)?,
        },
        "finish_remediation" => Action::FinishRemediation,
        "resolve" => Action::Resolve {
            reason: fields.required("reason", coded)?,
            note: fields.optional("note", words)?,
        },
        "shelve" => Action::Shelve {
            until: fields.required("until", host_time)?,
            reason: fields.required("reason", words)?,
        },
        "unshelve" => Action::Unshelve,
        "take_out_of_service" => {
            Action::TakeOutOfService { reference: fields.required("reference", short)? }
        }
        "return_to_service" => Action::ReturnToService,
        "assign" => Action::Assign { to: fields.required("to", short)? },
        "note" => Action::Note { text: fields.required("text", words)? },
        _ => return Err(Error::new(Code::UnknownCode).at("action")),
    })
}

fn report<'a>(text: &'a str) -> Result<InputBody<'a>, Error> {
    let mut fields = Fields::read(text)?;
    let whose = whose(&mut fields)?;
    let key = |text| IntentKey::try_from(string(text)?.into_owned());
    let report = DeliveryReport {
        patient: UNKNOWN,
        key: fields.required("key", |text| key(text).map_err(|e| Error::new(e.code())))?,
        state: fields.required("state", coded)?,
    };
    fields.finish_strict()?;
    Ok(InputBody::Report(whose, report))
}

fn baseline<'a>(text: &'a str) -> Result<InputBody<'a>, Error> {
    let mut fields = Fields::read(text)?;
    let whose = whose(&mut fields)?;
    let name = fields.required("action", string)?;
    let action = match &*name {
        "restart" => BaselineAction::Restart { from: fields.optional("from", time)? },
        "shift" => BaselineAction::Shift { by: fields.required("by_value", json::value)? },
        _ => return Err(Error::new(Code::UnknownCode).at("action")),
    };
    let command = BaselineCommand {
        patient: UNKNOWN,
        baseline: fields.required("baseline", short)?,
        action,
        actor: fields.required("by", short)?,
        role: fields.optional("role", short)?.unwrap_or_default(),
        reason: fields.optional("reason", words)?.unwrap_or_default(),
    };
    fields.finish_strict()?;
    Ok(InputBody::Baseline(whose, command))
}

fn score<'a>(text: &'a str) -> Result<InputBody<'a>, Error> {
    let mut fields = Fields::read(text)?;
    let whose = whose(&mut fields)?;
    let score = fields.optional("score", json::value)?;
    let reason = fields.optional("reason", coded)?;
    let result = match (score, reason) {
        (Some(score), None) => Ok(score),
        (None, Some(reason)) => Err(reason),
        (None, None) => return Err(Error::new(Code::MissingField).at("score")),
        (Some(_), Some(_)) => return Err(Error::new(Code::ExclusiveFields).at("reason")),
    };
    let scored = Scored {
        patient: UNKNOWN,
        risk: fields.required("risk", short)?,
        model: fields.optional("model", model)?,
        shadow: fields.optional("shadow", boolean)?.unwrap_or_default(),
        observed_at: fields.required("observed_at", time)?,
        result,
        inputs: fields.optional("inputs_hash", hash)?.unwrap_or_default(),
        latency_us: fields.optional("latency_us", whole)?,
        terms: fields.optional("terms", terms)?.unwrap_or_default(),
    };
    fields.finish_strict()?;
    Ok(InputBody::Score(whose, scored))
}

fn roll_out<'a>(text: &'a str) -> Result<InputBody<'a>, Error> {
    let mut fields = Fields::read(text)?;
    let action = fields.required("action", string)?;
    let roll_out = match &*action {
        "register" => RollOut::Register {
            model: fields.required("model", model)?,
            owner: fields.required("owner", short)?,
        },
        "stage" => RollOut::Stage {
            id: fields.required("id", short)?,
            version: fields.required("version", whole)?,
            to: fields.required("to", stage)?,
            why: why(&mut fields)?,
            approver: fields.required("approver", short)?,
        },
        "rollback" => RollOut::Rollback {
            id: fields.required("id", short)?,
            why: why(&mut fields)?,
            approver: fields.required("approver", short)?,
        },
        _ => return Err(Error::new(Code::UnknownCode).at("action")),
    };
    fields.finish_strict()?;
    Ok(InputBody::RollOut(roll_out))
}

fn stage(text: &str) -> Result<Stage, Error> {
    serde_json::from_str(text).map_err(|_| Error::new(Code::UnknownCode))
}

fn why(fields: &mut Fields<'_>) -> Result<Why, Error> {
    Ok(Why {
        owner: fields.required("owner", short)?,
        reason: fields.required("reason", words)?,
        evidence: fields.required("evidence", words)?,
    })
}

fn model(text: &str) -> Result<ModelRef, Error> {
    let mut fields = Fields::read(text)?;
    let model = ModelRef {
        id: fields.required("id", short)?,
        version: fields.required("version", whole)?,
        hash: fields.required("hash", hash)?,
    };
    fields.finish_strict().map(|()| model)
}

fn hash(text: &str) -> Result<Hash, Error> {
    document::read(&Json::from(string(text)?)).map_err(|_| Error::new(Code::OutOfRange))
}

fn terms(text: &str) -> Result<Vec<RiskTerm>, Error> {
    let mut terms = Vec::new();
    for (at, text) in items::<MAX_TERMS>(text)?.into_iter().enumerate() {
        terms.push(term(text).map_err(inside(&alloc::format!("[{at}]")))?);
    }
    Ok(terms)
}

fn term(text: &str) -> Result<RiskTerm, Error> {
    let mut fields = Fields::read(text)?;
    let term = RiskTerm {
        feature: fields.required("feature", short)?,
        value: fields.optional("value", short)?,
        usual: fields.optional("usual", short)?,
        added: fields.required("added", short)?,
    };
    fields.finish_strict().map(|()| term)
}

/// Reads a roster: a list of shifts.
///
/// # Errors
/// Names the shift and the field, never what was in it.
pub fn roster(text: &[u8]) -> Result<Roster, Error> {
    let text = core::str::from_utf8(text).map_err(|_| Error::new(Code::BadEncoding))?;
    shifts(text.trim())
}

fn shifts(text: &str) -> Result<Roster, Error> {
    let mut shifts = Vec::new();
    for (at, text) in items::<MAX_SHIFTS>(text)?.into_iter().enumerate() {
        shifts.push(shift(text).map_err(inside(&alloc::format!("[{at}]")))?);
    }
    Ok(Roster::new(shifts))
}

fn shift(text: &str) -> Result<Shift, Error> {
    let mut fields = Fields::read(text)?;
    let shift = Shift {
        function: fields.required("function", short)?,
        person: fields.required("person", short)?,
        from: fields.required("from", host_time)?,
        until: fields.required("until", host_time)?,
        tenant: fields.optional("tenant", |t| TenantId::new(&string(t)?))?,
        patient: fields.optional("patient", |t| PatientId::new(&string(t)?))?,
    };
    fields.finish_strict().map(|()| shift)
}

fn change(text: &str) -> Result<Change, Error> {
    let mut fields = Fields::read(text)?;
    let change = Change {
        from: fields.optional("from", |text| {
            let json: Json = serde_json::from_str(text).map_err(|_| Error::new(Code::WrongType))?;
            document::read_known(&json).map_err(|_| Error::new(Code::WrongType))
        })?,
        to: fields.required("to", |text| {
            let first = |e: crate::policy::PolicyErrors| e.errors().first().cloned();
            let unread = || Error::new(Code::PolicySyntax);
            Policy::from_json(text.as_bytes()).map_err(|e| first(e).unwrap_or_else(unread))
        })?,
        owner: fields.required("owner", short)?,
        reason: fields.required("reason", words)?,
        approver: fields.required("approver", short)?,
        effective_at: fields.optional("effective_at", host_time)?,
    };
    fields.finish_strict().map(|()| change)
}

/// A person's words, of any length that a line can have.
fn words(text: &str) -> Result<String, Error> {
    string(text).map(Cow::into_owned)
}

/// One of a list of names.
fn coded<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    document::read(&Json::from(string(text)?)).map_err(|_| Error::new(Code::UnknownCode))
}
