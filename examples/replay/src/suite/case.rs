//! One case, checked and put in the order of time.

use std::sync::Arc;

use rpm_core::event::{Body, Device, Event, Lineage, Quality};
use rpm_core::policy::Policy;
use rpm_core::record::{ConditionState, Level};
use rpm_core::{Action, DeviceId, Duration, HostTime, PatientId, Timestamp};

use super::file::{
    FullSeries, Suite, WrittenCase, WrittenCommand, WrittenExpectation, WrittenSeries,
};
use super::notation;
use crate::episode::level_name;
use crate::host::Units;

/// A case ready to be played.
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Its only patient.
    pub patient: PatientId,
    /// When it starts.
    pub start: Timestamp,
    /// Everything that happens, in order.
    pub steps: Vec<Step>,
}

/// Something that happens.
pub struct Step {
    /// When.
    pub at: HostTime,
    /// What.
    pub what: What,
}

/// What happens; of the same instant, readings come before commands before expectations.
pub enum What {
    /// A reading arrives.
    Event(Box<Event>),
    /// A person does something.
    Command(Told),
    /// Something must be so.
    Expect(Expectation),
}

/// A command.
pub struct Told {
    /// To which alert.
    pub alert: u32,
    /// The revision that was seen; the current one if absent.
    pub seen_revision: Option<u32>,
    /// Who.
    pub by: String,
    /// In which role.
    pub role: String,
    /// What.
    pub action: Action,
    /// The code with which it must be refused.
    pub refused: Option<String>,
}

/// What must be so.
pub struct Expectation {
    /// The time as it was written.
    pub at: String,
    /// States by rule.
    pub states: Vec<(String, Wanted)>,
    /// All open alerts.
    pub alerts: Option<Vec<(String, Option<Level>)>>,
    /// Messages since the expectation before.
    pub messages: Option<Vec<String>>,
    /// Texts by rule.
    pub explains: Vec<(String, Vec<String>)>,
}

/// A state as it is expected: with any level if none was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    state: StateName,
    level: Option<Level>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StateName {
    NeverSeen,
    Normal,
    Pending,
    Active,
    Clearing,
    ActiveUnverified,
    Latched,
}

const STATES: [(&str, StateName); 7] = [
    ("never_seen", StateName::NeverSeen),
    ("normal", StateName::Normal),
    ("pending", StateName::Pending),
    ("active", StateName::Active),
    ("clearing", StateName::Clearing),
    ("active_unverified", StateName::ActiveUnverified),
    ("latched", StateName::Latched),
];

/// When a case starts that does not say so.
const START: &str = "2026-03-01T00:00:00Z";
/// The interval of a series that does not say so.
const INTERVAL: &str = "1 s";

impl Case {
    /// Checks a case.
    pub fn new(suite: &Suite, case: &WrittenCase, policy: &Arc<Policy>) -> Result<Self, String> {
        let start = case.start.as_ref().or(suite.start.as_ref()).map_or(START, String::as_str);
        let start = start.parse().map_err(|_| "start: not a time like 2026-03-01T00:00:00Z")?;
        let interval = case.interval.as_ref().or(suite.interval.as_ref());
        let interval = interval.map_or(INTERVAL, String::as_str);
        let patient = PatientId::new("case").map_err(|e| e.to_string())?;
        let mut this = Self { name: case.name.clone(), patient, start, steps: Vec::new() };
        let units = Units::new(policy);
        for (kind, written) in &case.series {
            let series = full(written);
            this.series(kind, &series, interval, &units).map_err(|e| format!("{kind}: {e}"))?;
        }
        for command in &case.commands {
            this.command(command).map_err(|e| format!("command at {}: {e}", command.at))?;
        }
        for expectation in &case.expectations {
            let checked = expect(expectation, policy);
            let checked = checked.map_err(|e| format!("expect at {}: {e}", expectation.at))?;
            this.step(&expectation.at, What::Expect(checked))?;
        }
        this.steps.sort_by_key(|step| (step.at, step.what.order()));
        Ok(this)
    }

    fn series(
        &mut self,
        kind: &str,
        series: &FullSeries,
        interval: &str,
        units: &Units,
    ) -> Result<(), String> {
        let own = units.unit_of(kind).ok_or("neither the engine nor the policy knows this kind")?;
        let unit = series.unit.as_deref().unwrap_or(&own);
        let measure = units.measure(kind, unit).map_err(|code| code.message().to_string())?;
        let interval = duration(series.interval.as_deref().unwrap_or(interval))?;
        let delay = series.delay.as_deref().map(duration).transpose()?.unwrap_or_default();
        let device = DeviceId::new(kind).map_err(|e| e.to_string())?;
        for sample in notation::parse(&series.values, measure.ratio)? {
            let observed_at = self.start.plus(interval.times(i64::from(sample.index)));
            let event = Event {
                tenant: None,
                patient: self.patient.clone(),
                device: Device { id: device.clone(), model: None, firmware: None, class: None },
                sequence: None,
                observed_at,
                received_at: None,
                body: Body::Reading { kind: measure.kind.clone(), value: Ok(sample.value) },
                quality: if sample.artifact { Quality::ARTIFACT } else { Quality::GOOD },
                lineage: Lineage::default(),
                unknown: None,
            };
            let at = HostTime::assume_immediate(observed_at).plus(delay);
            self.steps.push(Step { at, what: What::Event(Box::new(event)) });
        }
        Ok(())
    }

    fn command(&mut self, command: &WrittenCommand) -> Result<(), String> {
        let told = Told {
            alert: command.alert,
            seen_revision: command.seen_revision,
            by: command.by.clone(),
            role: command.role.clone(),
            action: action(&command.action, self.start)?,
            refused: command.refused.clone(),
        };
        self.step(&command.at, What::Command(told))
    }

    fn step(&mut self, at: &str, what: What) -> Result<(), String> {
        let at = HostTime::assume_immediate(self.start.plus(duration(at)?));
        self.steps.push(Step { at, what });
        Ok(())
    }
}

impl What {
    fn order(&self) -> u8 {
        match self {
            Self::Event(_) => 0,
            Self::Command(_) => 1,
            Self::Expect(_) => 2,
        }
    }
}

fn full(written: &WrittenSeries) -> FullSeries {
    let (values, interval, unit, delay) = match written {
        WrittenSeries::Values(values) => (values, None, None, None),
        WrittenSeries::Full(f) => (&f.values, f.interval.clone(), f.unit.clone(), f.delay.clone()),
    };
    FullSeries { values: values.clone(), interval, unit, delay }
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map_err(|e: rpm_core::Error| e.to_string())
}

fn expect(written: &WrittenExpectation, policy: &Policy) -> Result<Expectation, String> {
    let known = |rule: &str| match policy.rules().iter().any(|r| r.id() == rule) {
        true => Ok(rule.to_string()),
        false => Err(format!("the policy has no rule {rule}")),
    };
    let mut states = Vec::new();
    for (rule, state) in &written.state {
        states.push((known(rule)?, Wanted::parse(state)?));
    }
    let mut explains = Vec::new();
    for (rule, texts) in &written.explains {
        explains.push((known(rule)?, texts.all()));
    }
    let alert = |text: &String| -> Result<_, String> {
        let (rule, level) = match text.split_once(char::is_whitespace) {
            Some((rule, level)) => (rule, Some(self::level(level.trim())?)),
            None => (text.as_str(), None),
        };
        Ok((known(rule)?, level))
    };
    let alerts = written.alerts.as_ref().map(|list| list.iter().map(alert).collect());
    let (at, messages) = (written.at.clone(), written.messages.clone());
    Ok(Expectation { at, states, alerts: alerts.transpose()?, messages, explains })
}

fn level(text: &str) -> Result<Level, String> {
    let all = [Level::Informational, Level::Review, Level::Urgent];
    let found = all.into_iter().find(|level| level_name(*level) == text);
    found.ok_or_else(|| format!("`{text}`: levels are informational, review, urgent"))
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or("");
        let state = STATES.iter().find(|(n, _)| *n == name).map(|(_, state)| *state);
        let state = state.ok_or_else(|| {
            let names: Vec<&str> = STATES.iter().map(|(name, _)| *name).collect();
            format!("`{text}`: states are {}", names.join(", "))
        })?;
        let level = words.next().map(level).transpose()?;
        if words.next().is_some() {
            return Err(format!("`{text}`: a state and a level at most"));
        }
        Ok(Self { state, level })
    }

    /// Whether a state is as wanted.
    pub fn is(self, found: ConditionState) -> bool {
        let (state, level) = parts(found);
        state == self.state && self.level.is_none_or(|wanted| Some(wanted) == level)
    }

    /// As it was written.
    pub fn told(self) -> String {
        told(self.state, self.level)
    }
}

/// A state as it is written in a case.
pub fn state_told(state: ConditionState) -> String {
    let (state, level) = parts(state);
    told(state, level)
}

fn told(state: StateName, level: Option<Level>) -> String {
    let name = STATES.iter().find(|(_, s)| *s == state).map_or("", |(name, _)| *name);
    level.map_or_else(|| name.to_string(), |level| format!("{name} {}", level_name(level)))
}

fn parts(state: ConditionState) -> (StateName, Option<Level>) {
    match state {
        ConditionState::NeverSeen => (StateName::NeverSeen, None),
        ConditionState::Normal => (StateName::Normal, None),
        ConditionState::Pending => (StateName::Pending, None),
        ConditionState::Active(level) => (StateName::Active, Some(level)),
        ConditionState::Clearing(level) => (StateName::Clearing, Some(level)),
        ConditionState::ActiveUnverified(level) => (StateName::ActiveUnverified, Some(level)),
        ConditionState::Latched(level) => (StateName::Latched, Some(level)),
    }
}

/// An action as the engine takes it: its times are written from the start of the case.
fn action(written: &toml::Table, start: Timestamp) -> Result<Action, String> {
    let mut fields = serde_json::Map::new();
    for (name, value) in written {
        let text = value.as_str().ok_or_else(|| format!("{name}: not a text"))?;
        let value = match name.as_str() {
            "until" | "due" => start.plus(duration(text)?).to_string(),
            _ => text.to_string(),
        };
        fields.insert(name.clone(), value.into());
    }
    let text = serde_json::Value::Object(fields).to_string();
    rpm_core::input::action(&text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_matches_with_its_level_or_any() {
        let urgent = ConditionState::Active(Level::Urgent);
        assert!(Wanted::parse("active").unwrap().is(urgent));
        assert!(Wanted::parse("active urgent").unwrap().is(urgent));
        assert!(!Wanted::parse("active review").unwrap().is(urgent));
        assert!(!Wanted::parse("normal").unwrap().is(urgent));
        assert_eq!(state_told(urgent), "active urgent");
        for text in ["", "activ", "active red", "active urgent now"] {
            assert!(Wanted::parse(text).is_err(), "{text}");
        }
    }
}
