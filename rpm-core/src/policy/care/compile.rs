//! From the part about people as written to the one executed.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::spec::{CareSpec, CircumstanceSpec, EscalationSpec, HoursSpec, RouteSpec, StepSpec};
use super::{AlertClass, Care, Circumstance, Escalation, Hours, Inhibition, PerLevel, Route, Send};
use crate::error::Code;
use crate::policy::compile::Compiler;
use crate::policy::plan::Rule;
use crate::record::Level;
use crate::small_map::SmallMap;
use crate::time::Duration;

const MAX_ROUTES: usize = 200;
const MAX_ESCALATIONS: usize = 200;
const MAX_NAMES: usize = 16;
/// Intents of one round: more would be spam, and each is remembered.
const MAX_INTENTS: usize = 64;
const MAX_OFFSET_MIN: i16 = 18 * 60;

/// What comes up again and again does so no more often than that.
const SHORTEST_SPAN: Duration = Duration::from_secs(60);
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);
const SHELVE_AT_MOST: Duration = Duration::from_secs(12 * 3600);
const GROUP_WITHIN: Duration = Duration::from_secs(10);
const EXPIRE_AFTER: Duration = Duration::from_secs(3600);

/// Everything but the spec that the parts are checked against.
struct Known<'a> {
    rules: &'a [Rule],
    escalations: Vec<&'a str>,
}

impl Compiler {
    pub fn care(&mut self, spec: &CareSpec, rules: &[Rule]) -> Care {
        let (routes, escalations) = (spec.routes.len(), spec.escalations.len());
        let many = spec.suppressions.len().max(spec.inhibitions.len()).max(spec.roles.len());
        if routes.max(many) > MAX_ROUTES || escalations > MAX_ESCALATIONS {
            self.error(Code::TooManyItems, "care");
            return Care::default();
        }
        let known =
            Known { rules, escalations: spec.escalations.keys().map(String::as_str).collect() };
        let span = |c: &mut Self, text: &Option<String>, field: &str, otherwise: Duration| {
            c.optional_duration(text.as_ref(), &format!("care.{field}")).unwrap_or(otherwise)
        };
        let roles = spec
            .roles
            .iter()
            .map(|(name, role)| (name.clone(), role.may.iter().copied().collect::<BTreeSet<_>>()));
        let care = Care {
            offset_min: self.offset(spec.utc_offset.as_deref()),
            acknowledged_for: self.per_level(&spec.acknowledged_for, "acknowledged_for"),
            remediation_for: self.per_level(&spec.remediation_for, "remediation_for"),
            reopen_within: span(self, &spec.reopen_within, "reopen_within", Duration::ZERO),
            reopen_resolved_after: self.optional_duration(
                spec.reopen_resolved_after.as_ref(),
                "care.reopen_resolved_after",
            ),
            stale_after: span(self, &spec.stale_after, "stale_after", STALE_AFTER),
            shelve_at_most: span(self, &spec.shelve_at_most, "shelve_at_most", SHELVE_AT_MOST),
            group_within: span(self, &spec.group_within, "group_within", GROUP_WITHIN),
            expire_after: span(self, &spec.expire_after, "expire_after", EXPIRE_AFTER),
            quiet_hours: spec.quiet_hours.as_ref().and_then(|h| self.hours(h, "care.quiet_hours")),
            roles: roles.collect(),
            suppressions: self.suppressions(spec, &known),
            inhibitions: self.inhibitions(spec, &known),
            routes: self.routes(&spec.routes, &known),
            escalations: self.escalations(&spec.escalations),
            objectives: self.objectives(&spec.objectives),
            burn: self.burn_policy(&spec.error_budget),
        };
        for (span, field) in
            [(care.stale_after, "stale_after"), (care.expire_after, "expire_after")]
        {
            if span < SHORTEST_SPAN {
                let hint = format!("at least {SHORTEST_SPAN}");
                self.error_with(Code::OutOfRange, format!("care.{field}"), hint);
            }
        }
        if is_circular(&care.inhibitions) {
            self.error(Code::Cycle, "care.inhibitions");
        }
        care
    }

    fn offset(&mut self, text: Option<&str>) -> i16 {
        let Some(text) = text else { return 0 };
        let parsed = || {
            let (sign, rest) = match text.split_at_checked(1)? {
                ("+", rest) => (1, rest),
                ("-", rest) => (-1, rest),
                _ => return None,
            };
            let minutes = minutes(rest)?;
            i16::try_from(minutes).ok().filter(|m| *m <= MAX_OFFSET_MIN).map(|m| sign * m)
        };
        parsed().unwrap_or_else(|| {
            self.error(Code::BadOffset, "care.utc_offset");
            0
        })
    }

    fn per_level(&mut self, spec: &SmallMap<String, String>, field: &str) -> PerLevel {
        let mut spans = PerLevel::default();
        for (name, text) in spec {
            let path = format!("care.{field}.{name}");
            let span = self.duration(text, &path);
            if let Some(level) = self.level_named(name, &path) {
                spans[level as usize] = Some(span);
            }
        }
        spans
    }

    pub fn hours(&mut self, spec: &HoursSpec, path: &str) -> Option<Hours> {
        let from = self.time_of_day(&spec.from, &format!("{path}.from"))?;
        let until = self.time_of_day(&spec.until, &format!("{path}.until"))?;
        if from == until {
            self.error(Code::BadTimeOfDay, path);
            return None;
        }
        Some(Hours { from, until })
    }

    pub fn time_of_day(&mut self, text: &str, path: &str) -> Option<i64> {
        let minute = minutes(text).filter(|minute| *minute < super::DAY);
        if minute.is_none() {
            self.error(Code::BadTimeOfDay, path);
        }
        minute
    }

    fn known_rules(&mut self, names: &[String], known: &Known<'_>, path: &str) -> Vec<String> {
        for (index, name) in names.iter().enumerate() {
            if !known.rules.iter().any(|rule| rule.id == *name) {
                self.error(Code::UnknownRule, format!("{path}[{index}]"));
            }
        }
        names.to_vec()
    }

    fn suppressions(&mut self, spec: &CareSpec, known: &Known<'_>) -> Vec<Circumstance> {
        let mut found = Vec::new();
        for (index, item) in spec.suppressions.iter().enumerate() {
            let path = format!("care.suppressions[{index}]");
            self.name(&item.id, &format!("{path}.id"));
            self.title(&item.title, &format!("{path}.title"));
            let when = format!("{path}.when");
            let of_device = item.when.worn.is_some() || item.when.link_up.is_some();
            if item.when == CircumstanceSpec::default()
                || of_device != item.when.device_class.is_some()
            {
                let hint = "name something; worn and link_up go with device_class".to_string();
                self.error_with(Code::UnknownCircumstance, when, hint);
            }
            let at_most = item.at_most.as_deref().unwrap_or("review");
            let at_most = self.level_named(at_most, &format!("{path}.at_most"));
            let rules = self.known_rules(&item.rules, known, &format!("{path}.rules"));
            let (id, when) = (item.id.clone(), item.when.clone());
            found.extend(at_most.map(|at_most| Circumstance { id, when, rules, at_most }));
        }
        found
    }

    fn inhibitions(&mut self, spec: &CareSpec, known: &Known<'_>) -> Vec<Inhibition> {
        let mut found = Vec::new();
        for (index, item) in spec.inhibitions.iter().enumerate() {
            let path = format!("care.inhibitions[{index}]");
            let rules = self.known_rules(&item.rules, known, &format!("{path}.rules"));
            let rule = |name: &str| known.rules.iter().find(|rule| rule.id == name);
            let Some(by) = rule(&item.by) else {
                self.error(Code::UnknownRule, format!("{path}.by"));
                continue;
            };
            let about = by.signals();
            for (at, name) in rules.iter().enumerate() {
                let related = rule(name).is_none_or(|rule| {
                    rule.id != by.id && rule.signals().iter().any(|s| about.contains(s))
                });
                if !related {
                    self.error(Code::UnrelatedInhibition, format!("{path}.rules[{at}]"));
                }
            }
            found.push(Inhibition { by: item.by.clone(), rules });
        }
        found
    }

    fn routes(&mut self, spec: &[RouteSpec], known: &Known<'_>) -> Vec<Route> {
        let mut seen = BTreeSet::new();
        let mut routes = Vec::new();
        for (index, item) in spec.iter().enumerate() {
            let path = format!("care.routes[{index}]");
            self.name(&item.id, &format!("{path}.id"));
            self.name(&item.queue, &format!("{path}.queue"));
            if !seen.insert(item.id.as_str()) {
                self.error(Code::DuplicateId, format!("{path}.id"));
            }
            let level = |c: &mut Self, (i, name): (usize, &String)| {
                c.level_named(name, &format!("{path}.levels[{i}]"))
            };
            let levels: Vec<Level> =
                item.levels.iter().enumerate().filter_map(|l| level(self, l)).collect();
            let class = self.class(item.class.as_deref(), &path);
            let rules = self.known_rules(&item.rules, known, &format!("{path}.rules"));
            let hours = item.hours.as_ref().and_then(|h| self.hours(h, &format!("{path}.hours")));
            let escalation = item.escalation.as_deref().and_then(|name| {
                let found = known.escalations.iter().position(|known| *known == name);
                if found.is_none() {
                    self.error(Code::UnknownEscalation, format!("{path}.escalation"));
                }
                found.map(|index| index as u16)
            });
            let digest_at = self.digest(item, &levels, &path);
            routes.push(Route {
                id: item.id.clone(),
                levels,
                class,
                rules,
                cohorts: item.cohorts.clone(),
                hours,
                queue: item.queue.clone(),
                escalation,
                digest_at,
            });
        }
        routes
    }

    fn digest(&mut self, item: &RouteSpec, levels: &[Level], path: &str) -> Vec<i64> {
        let path = format!("{path}.digest_at");
        if item.digest_at.len() > MAX_NAMES {
            self.error(Code::TooManyItems, path.as_str());
        }
        if !item.digest_at.is_empty() && (levels.is_empty() || levels.contains(&Level::Urgent)) {
            let hint = "name the levels that wait".to_string();
            self.error_with(Code::UrgentDeferred, path.as_str(), hint);
        }
        let times = item.digest_at.iter().enumerate();
        let mut times: Vec<i64> =
            times.filter_map(|(i, text)| self.time_of_day(text, &format!("{path}[{i}]"))).collect();
        times.sort_unstable();
        times
    }

    fn class(&mut self, name: Option<&str>, path: &str) -> Option<AlertClass> {
        match name? {
            "physiological" => Some(AlertClass::Physiological),
            "technical" => Some(AlertClass::Technical),
            _ => {
                let hint = "physiological or technical".to_string();
                self.error_with(Code::UnknownCode, format!("{path}.class"), hint);
                None
            }
        }
    }

    fn escalations(&mut self, spec: &SmallMap<String, EscalationSpec>) -> Vec<Escalation> {
        let mut escalations = Vec::new();
        for (id, item) in spec {
            let path = format!("care.escalations.{id}");
            self.name(id, &path);
            let mut sends = Vec::new();
            for (index, step) in item.steps.iter().enumerate() {
                self.step(step, index, &path, &mut sends);
            }
            if item.steps.is_empty() {
                self.error(Code::NoSteps, format!("{path}.steps"));
            }
            // Repetitions of one step may fall between steps that follow it.
            sends.sort_by_key(|send: &Send| (send.after, send.step));
            let answer = self.duration(&item.answer_within, &format!("{path}.answer_within"));
            let last = sends.last().map_or(Duration::ZERO, |send| send.after);
            let escalation =
                Escalation { id: id.clone(), sends, exhausted_after: last.plus(answer) };
            if escalation.intents() > MAX_INTENTS || answer.is_zero() {
                let hint = format!("at most {MAX_INTENTS} messages, and time to answer the last");
                self.error_with(Code::OutOfRange, path, hint);
            }
            escalations.push(escalation);
        }
        escalations
    }

    fn step(&mut self, step: &StepSpec, index: usize, path: &str, sends: &mut Vec<Send>) {
        let path = format!("{path}.steps[{index}]");
        let after = self.duration(&step.after, &format!("{path}.after"));
        if step.to.is_empty() || step.channels.is_empty() {
            self.error(Code::NoSteps, path.as_str());
        }
        if step.to.len() > MAX_NAMES || step.channels.len() > MAX_NAMES {
            self.error(Code::TooManyItems, path.as_str());
            return;
        }
        for (i, name) in step.to.iter().enumerate() {
            self.name(name, &format!("{path}.to[{i}]"));
        }
        for (i, name) in step.channels.iter().enumerate() {
            self.name(name, &format!("{path}.channels[{i}]"));
        }
        let (every, times) = match &step.repeat {
            Some(repeat) => {
                let every = self.duration(&repeat.every, &format!("{path}.repeat.every"));
                if every.is_zero() || usize::from(repeat.times) > MAX_INTENTS {
                    self.error(Code::OutOfRange, format!("{path}.repeat"));
                    return;
                }
                (every, i64::from(repeat.times))
            }
            None => (Duration::ZERO, 0),
        };
        sends.extend((0..=times).map(|n| Send {
            after: after.plus(every.times(n)),
            step: index as u16 + 1,
            to: step.to.clone(),
            channels: step.channels.clone(),
        }));
    }
}

/// Whether a rule would inhibit itself in the end: then nobody would speak. Rules that nothing
/// inhibits are taken out until none is left.
fn is_circular(inhibitions: &[Inhibition]) -> bool {
    let mut rest: Vec<&Inhibition> = inhibitions.iter().collect();
    loop {
        let before = rest.len();
        let inhibited: BTreeSet<&String> = rest.iter().flat_map(|i| &i.rules).collect();
        rest.retain(|i| inhibited.contains(&i.by));
        if rest.is_empty() || rest.len() == before {
            return !rest.is_empty();
        }
    }
}

/// Minutes of `hh:mm`.
fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| digits)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}
