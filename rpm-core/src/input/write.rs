//! Writes inputs: what a host logs.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Change, Input, InputBody, Whose};
use crate::alert::{Action, Command, DeliveryReport, Shift};
use crate::id::{AlertId, PatientId, TenantId};
use crate::record::{DeliveryState, Hash, IntentKey, ModelRef, PolicyRef, RiskTerm, ScoreFailure};
use crate::risk::Scored;
use crate::risk::registry::RollOut;
use crate::signal::{BaselineAction, BaselineCommand};
use crate::time::{HostTime, Timestamp};

#[derive(Serialize)]
struct Line<'a> {
    at: HostTime,
    #[serde(flatten)]
    body: Option<Body<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Body<'a> {
    Event(Event<'a>),
    Command(CommandLine<'a>),
    Report(ReportLine<'a>),
    Baseline(BaselineLine<'a>),
    Score(ScoreLine<'a>),
    RollOut(&'a RollOut),
    Roster(Vec<&'a Shift>),
    Change(ChangeLine<'a>),
}

/// As it stands, or as a string if it is no JSON of one line.
#[derive(Serialize)]
#[serde(untagged)]
enum Event<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

#[derive(Serialize)]
struct Who<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a TenantId>,
    patient: &'a PatientId,
}

#[derive(Serialize)]
struct CommandLine<'a> {
    #[serde(flatten)]
    whose: Who<'a>,
    alert: AlertId,
    seen_revision: u32,
    by: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    role: &'a str,
    #[serde(flatten)]
    action: &'a Action,
}

#[derive(Serialize)]
struct ReportLine<'a> {
    #[serde(flatten)]
    whose: Who<'a>,
    key: IntentKey,
    state: DeliveryState,
}

#[derive(Serialize)]
struct BaselineLine<'a> {
    #[serde(flatten)]
    whose: Who<'a>,
    baseline: &'a str,
    by: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    role: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_value: Option<String>,
}

#[derive(Serialize)]
struct ScoreLine<'a> {
    #[serde(flatten)]
    whose: Who<'a>,
    risk: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a ModelRef>,
    shadow: bool,
    observed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ScoreFailure>,
    inputs_hash: Hash,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_us: Option<u64>,
    #[serde(skip_serializing_if = "<[RiskTerm]>::is_empty")]
    terms: &'a [RiskTerm],
}

#[derive(Serialize)]
struct ChangeLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a PolicyRef>,
    to: Box<RawValue>,
    owner: &'a str,
    reason: &'a str,
    approver: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<HostTime>,
}

pub(super) fn line(input: &Input<'_>) -> String {
    let body = match &input.body {
        InputBody::Event(text) => Some(Body::Event(Event::of(text))),
        InputBody::Command(whose, command) => Some(Body::Command(CommandLine::of(whose, command))),
        InputBody::Report(whose, report) => {
            let DeliveryReport { key, state, .. } = *report;
            Some(Body::Report(ReportLine { whose: whose.into(), key, state }))
        }
        InputBody::Baseline(whose, command) => {
            Some(Body::Baseline(BaselineLine::of(whose, command)))
        }
        InputBody::Score(whose, scored) => Some(Body::Score(ScoreLine::of(whose, scored))),
        InputBody::RollOut(roll_out) => Some(Body::RollOut(roll_out)),
        InputBody::Roster(roster) => Some(Body::Roster(roster.shifts().collect())),
        InputBody::Change(change) => Some(Body::Change(change.into())),
        InputBody::Tick => None,
    };
    // Serialising these types cannot fail: no map has keys that are not text.
    serde_json::to_string(&Line { at: input.at, body }).unwrap_or_default()
}

impl<'a> Event<'a> {
    fn of(text: &'a str) -> Self {
        let is_line = text.starts_with('{') && !text.contains(['\n', '\r']);
        let json = serde_json::from_str(text).ok().filter(|_| is_line);
        json.map_or(Self::Text(text), Self::Json)
    }
}

impl<'a> From<&'a Whose> for Who<'a> {
    fn from(whose: &'a Whose) -> Self {
        Self { tenant: whose.tenant.as_ref(), patient: &whose.patient }
    }
}

impl<'a> CommandLine<'a> {
    fn of(whose: &'a Whose, command: &'a Command) -> Self {
        let Command { alert, seen_revision, actor, role, action, .. } = command;
        let (alert, seen_revision) = (*alert, *seen_revision);
        Self { whose: whose.into(), alert, seen_revision, by: actor, role, action }
    }
}

impl<'a> BaselineLine<'a> {
    fn of(whose: &'a Whose, command: &'a BaselineCommand) -> Self {
        let BaselineCommand { baseline, action, actor, role, reason, .. } = command;
        let (from, by_value) = match action {
            BaselineAction::Restart { from } => (*from, None),
            BaselineAction::Shift { by } => (None, Some(format!("{by}"))),
        };
        let (whose, action) = (whose.into(), action.name());
        Self { whose, baseline, by: actor, role, reason, action, from, by_value }
    }
}

impl<'a> ScoreLine<'a> {
    fn of(whose: &'a Whose, scored: &'a Scored) -> Self {
        Self {
            whose: whose.into(),
            risk: &scored.risk,
            model: scored.model.as_ref(),
            shadow: scored.shadow,
            observed_at: scored.observed_at,
            score: scored.result.ok().map(|score| format!("{score}")),
            reason: scored.result.err(),
            inputs_hash: scored.inputs,
            latency_us: scored.latency_us,
            terms: &scored.terms,
        }
    }
}

impl<'a> From<&'a Change> for ChangeLine<'a> {
    fn from(change: &'a Change) -> Self {
        let Change { from, to, owner, reason, approver, effective_at } = change;
        // What the policy writes is JSON.
        let to = RawValue::from_string(to.to_json()).unwrap_or_default();
        Self { from: from.as_ref(), to, owner, reason, approver, effective_at: *effective_at }
    }
}
