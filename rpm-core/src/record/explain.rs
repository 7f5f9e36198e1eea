//! Why an alert is there, from its records alone.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::{
    AlertChange, Body, Clause, DeliveryState, Distance, Drifted, IntentKey, Level, ModelRef,
    Modified, NotWorn, NotifyReason, PolicyRef, Priority, Record, RiskTerm, StageChange, Status,
    Summarised, Target, Tried, Usual, Verdict, WithholdReason,
};
use crate::id::AlertId;
use crate::redact::redacted;
use crate::time::{Duration, HostTime, Timestamp};

/// Everything the records say of one alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// The alert.
    pub alert: AlertId,
    /// The rule that raised it.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// The level at which it opened.
    pub level: Level,
    /// Since when the limit was crossed.
    pub onset: Timestamp,
    /// Since when this level's limit was.
    pub since: Timestamp,
    /// When the level was reached, in event time.
    pub observed_at: Timestamp,
    /// When the engine learned it.
    pub learned_at: HostTime,
    /// What was measured.
    pub evidence: Vec<Clause>,
    /// How long it had to hold, and did.
    pub hold: Duration,
    /// What decided.
    pub policy: PolicyRef,
    /// What to look at first when it opened, and why.
    pub priority: Priority,
    /// The route that took it, if the policy has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What models said of the signals that were measured: the scores that were the latest when the alert
    /// opened, and the first of each other version since.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Said>,
    /// What was decided about those models while the alert was open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roll_out: Vec<StageChange>,
    /// What happened to the alert since.
    pub history: Vec<Event>,
    /// Who was told, and who was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// What is known to have helped or not, by the last record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Tried>,
    /// The status by the last record.
    pub status: Status,
}

/// What a model said.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// When, by the host's clock.
    pub at: HostTime,
    /// The signal that its score is.
    pub signal: String,
    /// Which version.
    pub model: Option<ModelRef>,
    /// The score.
    pub score: String,
    /// What moved it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<RiskTerm>,
    /// The step by which the version was in force, or in shadow, then: who decided it, and on what
    /// grounds. Nothing if the records hold none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageChange>,
}

/// One entry of an alert's history.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, by the host's clock.
    pub at: HostTime,
    /// What.
    pub change: AlertChange,
    /// The status after it.
    pub status: Status,
    /// Who.
    pub by: Option<String>,
    /// Until when it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<HostTime>,
    /// Why, as a code or a reference.
    pub reason: Option<String>,
    /// In a person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What is being done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervention: Option<String>,
    /// Where it waits from then on, if that is another queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// If it was taken back because a device had not been worn: when it had not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_worn: Option<NotWorn>,
}

/// One entry of who was told of an alert, and who was not.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Somebody was to be told.
    Planned {
        /// When.
        at: HostTime,
        /// The intent.
        key: IntentKey,
        /// To whom.
        target: Target,
        /// How.
        channel: String,
        /// Why.
        reason: NotifyReason,
        /// What became of it, by the last record.
        state: DeliveryState,
        /// Why, if it was taken back.
        #[serde(skip_serializing_if = "Option::is_none")]
        cancelled: Option<WithholdReason>,
    },
    /// Somebody would have been told, and was not.
    Withheld {
        /// When.
        at: HostTime,
        /// Why.
        reason: WithholdReason,
        /// Until when, if that was known.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<HostTime>,
        /// On which channel; on all of them if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    /// Everybody was told, and nobody had answered.
    Exhausted {
        /// When.
        at: HostTime,
    },
}

redacted!(Event, Message, Said);

/// Explains an alert of the patient whose records these are, in their order. Those that concern the engine
/// as a whole may stand among them: they say who let which version of a model speak.
///
/// Returns nothing if none of them opened it.
pub fn explain<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    wanted: AlertId,
) -> Option<Explanation> {
    let mut found: Option<Explanation> = None;
    let mut said: Vec<Said> = Vec::new();
    let mut stages: Vec<StageChange> = Vec::new();
    for record in records {
        match &record.body {
            Body::ModelChanged { .. } => {
                let Some(change) = StageChange::of(record) else { continue };
                if let Some(explanation) = &mut found {
                    explanation.decide(&change);
                }
                stages.retain(|old| old.model != change.model);
                stages.push(change);
            }
            Body::AlertOpened { alert, .. } if *alert == wanted => {
                found = opened(record);
                if let Some(explanation) = &mut found {
                    explanation.models = core::mem::take(&mut said);
                    explanation.models.retain(|said| said.is_of(&explanation.evidence));
                }
            }
            Body::RiskScored { .. } if found.is_none() => {
                let Some(new) = Said::of(record, &stages) else { continue };
                said.retain(|old| old.signal != new.signal);
                said.push(new);
            }
            Body::RiskScored { .. } => {
                if let Some((explanation, new)) = found.as_mut().zip(Said::of(record, &stages)) {
                    explanation.hear(new);
                }
            }
            body => {
                if let Some(explanation) = &mut found {
                    explanation.go_on(record.at, body);
                }
            }
        }
    }
    found
}

impl Said {
    fn of(record: &Record, stages: &[StageChange]) -> Option<Self> {
        let Body::RiskScored { signal, model, score, terms, .. } = &record.body else {
            return None;
        };
        Some(Self {
            at: record.at,
            signal: signal.clone()?,
            model: model.clone(),
            score: score.clone(),
            terms: terms.clone(),
            stage: stages.iter().find(|stage| Some(&stage.model) == model.as_ref()).cloned(),
        })
    }

    fn is_of(&self, evidence: &[Clause]) -> bool {
        evidence.iter().any(|clause| clause.signal == self.signal)
    }
}

impl Explanation {
    /// Takes in a score after the alert opened, if another version speaks.
    fn hear(&mut self, said: Said) {
        let of_signal = |old: &&Said| old.signal == said.signal;
        let last = self.models.iter().rev().find(of_signal);
        let is_new = last.is_none_or(|last| last.model != said.model);
        let is_open = !matches!(self.status, Status::Resolved);
        if is_open && is_new && said.is_of(&self.evidence) {
            self.models.push(said);
        }
    }

    /// Takes in what was decided about a model after the alert opened.
    fn decide(&mut self, change: &StageChange) {
        let mut spoke = self.models.iter().filter_map(|said| said.model.as_ref());
        let is_open = !matches!(self.status, Status::Resolved);
        if is_open && spoke.any(|model| model.id == change.model.id) {
            self.roll_out.push(change.clone());
        }
    }

    /// Takes in a record after the one that opened the alert.
    fn go_on(&mut self, at: HostTime, body: &Body) {
        match body {
            Body::InterventionJudged { alert, so_far, .. } if *alert == self.alert => {
                so_far.clone().put_into(&mut self.interventions);
            }
            Body::AlertChanged {
                alert,
                change,
                status,
                by,
                until,
                reason,
                note,
                intervention,
                queue,
                evidence,
                ..
            } if *alert == self.alert => {
                let mut left_out = evidence.iter().filter_map(|clause| clause.not_worn);
                let by_wearing = reason.as_deref() == Some("not_worn");
                self.status = *status;
                self.history.push(Event {
                    at,
                    change: *change,
                    status: *status,
                    by: by.clone(),
                    until: *until,
                    reason: reason.clone(),
                    note: note.clone(),
                    intervention: intervention.clone(),
                    queue: queue.clone(),
                    not_worn: left_out.next().filter(|_| by_wearing),
                });
            }
            body => {
                self.messages.iter_mut().for_each(|message| message.follow(body));
                self.messages.extend(Message::of(at, body, self.alert));
            }
        }
    }
}

impl Message {
    /// What a record says of who is told of an alert.
    pub(crate) fn of(at: HostTime, body: &Body, wanted: AlertId) -> Option<Self> {
        match body {
            Body::DeliveryPlanned { key, alerts, target, channel, reason, .. }
                if alerts.contains(&wanted) =>
            {
                Some(Self::Planned {
                    at,
                    key: *key,
                    target: target.clone(),
                    channel: channel.clone(),
                    reason: *reason,
                    state: DeliveryState::Planned,
                    cancelled: None,
                })
            }
            Body::NotificationWithheld { alert, reason, until, channel, .. }
                if *alert == wanted =>
            {
                let channel = channel.clone();
                Some(Self::Withheld { at, reason: *reason, until: *until, channel })
            }
            Body::EscalationExhausted { alert, .. } if *alert == wanted => {
                Some(Self::Exhausted { at })
            }
            _ => None,
        }
    }

    /// What became of it, if a record says so.
    pub(crate) fn follow(&mut self, body: &Body) {
        let Self::Planned { key, state, cancelled, .. } = self else {
            return;
        };
        match body {
            Body::DeliveryChanged { key: changed, state: to, reason } if changed == key => {
                (*state, *cancelled) = (*to, *reason);
            }
            _ => {}
        }
    }
}

fn opened(record: &Record) -> Option<Explanation> {
    let Body::AlertOpened {
        alert,
        rule,
        title,
        level,
        onset,
        since,
        observed_at,
        evidence,
        hold,
        policy,
        priority,
        route,
        interventions,
        ..
    } = &record.body
    else {
        return None;
    };
    Some(Explanation {
        alert: *alert,
        rule: rule.to_owned(),
        title: title.to_owned(),
        level: *level,
        onset: *onset,
        since: *since,
        observed_at: *observed_at,
        learned_at: record.at,
        evidence: evidence.to_owned(),
        hold: *hold,
        policy: policy.to_owned(),
        priority: priority.clone(),
        route: route.clone(),
        models: Vec::new(),
        roll_out: Vec::new(),
        history: Vec::new(),
        messages: Vec::new(),
        interventions: interventions.clone(),
        status: Status::New,
    })
}

impl fmt::Display for Clause {
    /// As a nurse would say it: `spo2 mean over 60 s was 88.4 %, limit 90 %, coverage 97 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.instead.is_empty() {
            return self.fmt_silence(f);
        }
        write!(f, "{} {}", self.signal, self.statistic.replace('_', " "))?;
        if let Some(over) = self.over {
            write!(f, " over {over}")?;
        }
        let unit = if self.unit == "1" { "" } else { self.unit.as_str() };
        let space = if unit.is_empty() { "" } else { " " };
        match &self.value {
            Some(value) => write!(f, " was {value}{space}{unit}")?,
            None => f.write_str(" could not be told")?,
        }
        match &self.limit {
            Some(limit) => {
                let comparison = self.comparison.replace('_', " ");
                write!(f, ", limit {comparison} {limit}{space}{unit}")?;
            }
            None => f.write_str(", no limit yet")?,
        }
        self.modifiers.iter().try_for_each(|modified| write!(f, " ({modified})"))?;
        self.baseline.iter().try_for_each(|usual| write!(f, " ({usual})"))?;
        self.score.iter().try_for_each(|score| write!(f, " ({score})"))?;
        self.summary.iter().try_for_each(|summary| write!(f, " ({summary})"))?;
        self.drift.iter().try_for_each(|drift| write!(f, " ({drift})"))?;
        if let Some(accuracy) = &self.accuracy {
            write!(f, ", nearer than the device's accuracy of {accuracy}{space}{unit}")?;
        }
        if self.over.is_some() {
            write!(f, ", coverage {} %", self.coverage)?;
        }
        self.not_worn.iter().try_for_each(|not_worn| write!(f, ", left out: {not_worn}"))?;
        match self.verdict {
            Verdict::Met => Ok(()),
            Verdict::NotMet => f.write_str(" (not met)"),
            Verdict::Stale => f.write_str(" (too little data)"),
            Verdict::Invalid => f.write_str(" (too many artifacts)"),
        }
    }
}

impl Clause {
    /// `spo2: nothing came for 120 s, limit 120 s`, or `only artifacts came`.
    fn fmt_silence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} came", self.signal, came_words(&self.instead))?;
        self.value.iter().try_for_each(|value| write!(f, " for {value} {}", self.unit))?;
        self.limit.iter().try_for_each(|limit| write!(f, ", limit {limit} {}", self.unit))?;
        self.modifiers.iter().try_for_each(|modified| write!(f, " ({modified})"))?;
        self.not_worn.iter().try_for_each(|not_worn| write!(f, ", left out: {not_worn}"))
    }
}

/// What came of a missing signal, for people: `nothing`, `only artifacts`.
pub(crate) fn came_words(instead: &[String]) -> String {
    let kind = |name: &String| match name.as_str() {
        "nothing" => String::from("nothing"),
        "artifact" => String::from("artifacts"),
        "absent" => String::from("readings without a value"),
        "not_worn" => String::from("readings of a device that is not worn"),
        flag => words(flag) + " readings",
    };
    let kinds: Vec<String> = instead.iter().map(kind).collect();
    let only = if instead.iter().any(|name| name == "nothing") { "" } else { "only " };
    alloc::format!("{only}{}", kinds.join(" and "))
}

impl fmt::Display for Modified {
    /// `120 became 140: walking, since 2026-03-01T14:02:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} became {}: {}", self.from, self.to, self.title)?;
        self.since.iter().try_for_each(|since| write!(f, ", since {since}"))?;
        self.until.iter().try_for_each(|until| write!(f, ", until {until}"))
    }
}

impl fmt::Display for Summarised {
    /// `mean of 412 readings of heart_rate, 2026-03-01T23:00:00Z to 2026-03-02T06:00:00Z, coverage 98 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, statistic, from, until, readings, coverage } = self;
        write!(f, "{statistic} of {readings} readings of {of}, {from} to {until}")?;
        write!(f, ", coverage {coverage} %")
    }
}

impl fmt::Display for NotWorn {
    /// `device not worn since 2026-03-01T02:10:00Z, until 2026-03-01T02:40:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device not worn since {}", self.since)?;
        self.until.iter().try_for_each(|until| write!(f, ", until {until}"))
    }
}

impl fmt::Display for Drifted {
    /// `9 values of night-hr above earlier-nights, in deviations less 0.5 each, since 2026-03-02T07:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, baseline, allowance, values, .. } = self;
        let side = if self.direction == "up" { "above" } else { "below" };
        write!(
            f,
            "{values} values of {of} {side} {baseline}, in deviations less {allowance} each"
        )?;
        let since = if self.longer { "since before" } else { "since" };
        self.since.iter().try_for_each(|at| write!(f, ", {since} {at}"))
    }
}

impl fmt::Display for Usual {
    /// `3 deviations of 4.2 from 71.5, usual-hr, 18720 panes since 2026-03-01T00:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = &self.value else {
            return write!(f, "{} is not known yet", self.baseline);
        };
        match (self.measured, &self.spread) {
            (Distance::Absolute, _) => write!(f, "{} from {value}", self.distance)?,
            (Distance::Percent, _) => write!(f, "{} % from {value}", self.distance)?,
            (Distance::Deviations, spread) => {
                write!(f, "{} deviations", self.distance)?;
                spread.iter().try_for_each(|spread| write!(f, " of {spread}"))?;
                let found = self.spread_found.iter();
                found.into_iter().try_for_each(|found| write!(f, " (at least; {found} found)"))?;
                write!(f, " from {value}")?;
            }
        }
        write!(f, ", {}", self.baseline)?;
        let state = |asleep: &bool| if *asleep { " asleep" } else { " awake" };
        f.write_str(self.asleep.as_ref().map_or("", state))?;
        match self.samples {
            0 => f.write_str(", the policy's fallback"),
            samples => {
                write!(f, ", {samples} panes")?;
                self.since.iter().try_for_each(|since| write!(f, " since {since}"))
            }
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.rule)?;
        write!(f, " is {}", self.level.name())?;
        for (i, clause) in self.evidence.iter().enumerate() {
            write!(f, "{} {clause}", if i == 0 { ":" } else { ";" })?;
        }
        if self.hold.is_zero() {
            write!(f, ", since {}", self.since)?;
        } else {
            write!(f, ", held {} from {}", self.hold, self.since)?;
        }
        write!(f, ", policy {} v{}", self.policy.id, self.policy.version)?;
        let delay = self.learned_at.age_of(self.observed_at);
        if delay > Duration::from_secs(60) {
            write!(f, "; learned {delay} later, at {}", self.learned_at)?;
        }
        for said in &self.models {
            write!(f, "\n  {said}")?;
            said.stage.iter().try_for_each(|step| write!(f, "\n    {} {step}", step.at))?;
        }
        self.roll_out.iter().try_for_each(|step| write!(f, "\n  {} {step}", step.at))?;
        for event in &self.history {
            write!(f, "\n  {} {}", event.at, event.change.words())?;
            if let Some(by) = &event.by {
                write!(f, " by {by}")?;
            }
            if let Some(until) = &event.until {
                write!(f, " until {until}")?;
            }
            if let Some(queue) = &event.queue {
                write!(f, ", waits in {queue}")?;
            }
            // Since when it was not worn says that it was not.
            let reason = event.reason.as_ref().filter(|_| event.not_worn.is_none());
            let named = [reason, event.intervention.as_ref()];
            let named = named.map(|code| code.map(|code| words(code)));
            let left_out = event.not_worn.as_ref().map(NotWorn::to_string);
            let words = named.into_iter().chain([left_out, event.note.clone()]);
            let words: Vec<String> = words.flatten().collect();
            if !words.is_empty() {
                write!(f, ": {}", words.join("; "))?;
            }
        }
        self.interventions.iter().try_for_each(|tried| write!(f, "\n  {tried}"))?;
        self.messages.iter().try_for_each(|message| write!(f, "\n  {message}"))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.at)?;
        match &self.model {
            Some(model) => write!(f, "{model}")?,
            None => f.write_str("a model")?,
        }
        write!(f, " said {} of {}", self.score, self.signal)?;
        let lead = |i| if i == 0 { ": " } else { "; " };
        self.terms.iter().enumerate().try_for_each(|(i, term)| write!(f, "{}{term}", lead(i)))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned { at, target, channel, reason, state, cancelled, .. } => {
                write!(f, "{at} {channel} to {}", target.function)?;
                if let Some(person) = &target.person {
                    write!(f, " ({person})")?;
                }
                write!(f, " because {}: {}", name_of(reason), name_of(state))?;
                cancelled.iter().try_for_each(|why| write!(f, ", {}", name_of(why)))
            }
            Self::Withheld { at, reason, until, channel } => {
                let how = channel.as_ref().map(|channel| alloc::format!(" by {channel}"));
                write!(f, "{at} nobody told{}: {}", how.unwrap_or_default(), name_of(reason))?;
                until.iter().try_for_each(|until| write!(f, " until {until}"))
            }
            Self::Exhausted { at } => write!(f, "{at} everybody told, nobody has answered"),
        }
    }
}

/// A code as words.
fn words(code: &str) -> String {
    code.replace('_', " ")
}

/// The name of a code in records, as words.
pub(crate) fn name_of(code: &impl Serialize) -> String {
    let name = serde_json::to_value(code).ok();
    name.as_ref().and_then(serde_json::Value::as_str).map(words).unwrap_or_default()
}

impl Level {
    /// From mild to severe.
    pub const ALL: [Self; 3] = [Self::Informational, Self::Review, Self::Urgent];

    /// Its name in policies and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Review => "review",
            Self::Urgent => "urgent",
        }
    }

    /// The alarm priority of IEC 60601-1-8 that the class stands for.
    pub fn priority(self) -> &'static str {
        match self {
            Self::Informational => "low",
            Self::Review => "medium",
            Self::Urgent => "high",
        }
    }
}

impl AlertChange {
    /// What happened, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Raised => "became more severe",
            Self::Lowered => "became less severe",
            Self::Unverified => "data stopped: nobody knows whether it still holds",
            Self::Verified => "data are back and it still holds",
            Self::Cleared => "cleared",
            Self::Reentered => "came back",
            Self::Revised => "taken back by late evidence",
            Self::Retracted => "taken back by late evidence before anybody was told",
            Self::BecameUnstable => "keeps coming and going: one episode from now on",
            Self::BecameStale => "has been open for too long",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "given back",
            Self::Lapsed => "acknowledgement ran out while it is still there",
            Self::HandedOver => "handed over",
            Self::RemediationStarted => "remediation started",
            Self::RemediationFinished => "remediation finished",
            Self::RemediationOverdue => "remediation has not helped in time",
            Self::Shelved => "shelved",
            Self::SuppressedByRule => "suppressed by circumstances",
            Self::Inhibited => "said by another alert",
            Self::OutOfService => "taken out of service",
            Self::Unsuppressed => "annunciates again",
            Self::Surfaced => "is no longer a mere record",
            Self::Assigned => "assigned",
            Self::Noted => "noted",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Reopened => "still there after it was resolved: open again",
            Self::Rerouted => "waits in another queue",
        }
    }
}
