//! What is shown: panels and lanes over one time axis.

use rpm_core::Timestamp;
use rpm_core::policy::{LimitLine, Policy};
use rpm_core::record::Level;

use super::trace::{GAP_CADENCES, Point};
use crate::episode::{Episode, Phase, Span};

/// A patient's picture.
pub struct Chart {
    /// Whose, and from which recording.
    pub title: String,
    /// Which policy.
    pub subtitle: String,
    /// Start of the time axis.
    pub from: i64,
    /// End of the time axis.
    pub until: i64,
    /// One a signal.
    pub panels: Vec<Panel>,
    /// One a rule with an alert.
    pub lanes: Vec<Lane>,
}

/// A signal.
pub struct Panel {
    /// For people.
    pub title: String,
    /// The unit.
    pub unit: String,
    /// In the order of time.
    pub points: Vec<Point>,
    /// A longer stretch without a good reading is a gap.
    pub longest_gap: i64,
    /// Raise limits on the signal's own scale.
    pub limits: Vec<Limit>,
    /// When a rule that reads the signal was active, and how badly; disjoint.
    pub shades: Vec<Shade>,
}

/// A raise limit.
#[derive(Clone, PartialEq, Debug)]
pub struct Limit {
    /// What it raises.
    pub level: Level,
    /// Thousandths of the unit.
    pub value: i64,
    /// Such as `urgent < 88 (mean)`.
    pub label: String,
}

/// A stretch of time to shade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shade {
    /// From when.
    pub from: i64,
    /// Until when.
    pub until: i64,
    /// The worst level then.
    pub level: Level,
}

/// A rule's alerts.
pub struct Lane {
    /// The rule's title.
    pub title: String,
    /// Alerts in the order of time.
    pub alerts: Vec<Mark>,
}

/// An alert.
pub struct Mark {
    /// The alert's number.
    pub number: u32,
    /// Since when the limit was crossed.
    pub onset: i64,
    /// What was known when.
    pub spans: Vec<Span>,
    /// For a tooltip.
    pub tip: String,
}

impl Chart {
    /// The picture of a patient with alerts. `points` gives the readings of a signal by its index.
    pub fn new(
        policy: &Policy,
        heading: (String, String),
        episodes: &[&Episode],
        until: Timestamp,
        points: impl Fn(usize) -> Vec<Point>,
    ) -> Self {
        let until = until.as_millis();
        let mut panels = Vec::new();
        let mut from = episodes.iter().map(|e| e.onset.as_millis()).min().unwrap_or(until);
        for (signal, definition) in policy.signals().iter().enumerate() {
            let reads = |rule: &&rpm_core::policy::Rule| rule.signals().contains(&signal);
            let read = policy.rules().iter().any(|rule| reads(&rule));
            // Of a composition only the signals that met their part: the others look normal.
            let concerns = |e: &&Episode| e.signals.contains(definition.name());
            let concerned: Vec<&Episode> = episodes.iter().copied().filter(concerns).collect();
            let points = points(signal);
            if !read || (points.is_empty() && concerned.is_empty()) {
                continue;
            }
            from = points.first().map_or(from, |p| from.min(p.at));
            panels.push(Panel {
                title: definition.title().to_string(),
                unit: unit_for_people(definition.unit()),
                points,
                longest_gap: definition.cadence().as_millis().saturating_mul(GAP_CADENCES),
                limits: limits(policy, signal),
                shades: shades(&concerned, until),
            });
        }
        let (title, subtitle) = heading;
        let lanes = lanes(policy, episodes);
        Self { title, subtitle, from, until: until.max(from + 1), panels, lanes }
    }
}

/// UCUM as it is spoken at a bedside.
fn unit_for_people(unit: &str) -> String {
    match unit {
        "Cel" => "°C".into(),
        "mm[Hg]" => "mmHg".into(),
        "/min" => "per min".into(),
        unit => unit.replace(['{', '}'], ""),
    }
}

fn limits(policy: &Policy, signal: usize) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    let rules = policy.rules().iter().filter(|rule| is_told(rule) && is_simple(policy, rule));
    for line in rules.flat_map(|rule| rule.lines()) {
        if line.signal != signal {
            continue;
        }
        let limit = Limit { level: line.level, value: line.limit, label: label(&line) };
        if !limits.contains(&limit) {
            limits.push(limit);
        }
    }
    limits
}

/// Shadow rules annunciate nothing; their limits would only confuse.
fn is_told(rule: &rpm_core::policy::Rule) -> bool {
    rule.mode() == rpm_core::policy::Mode::Active
}

/// Whether each level compares one signal with one limit. A part of a composition is no limit of its
/// own: crossing it alone raises nothing.
fn is_simple(policy: &Policy, rule: &rpm_core::policy::Rule) -> bool {
    let spec = policy.spec().rules.iter().find(|spec| spec.id == rule.id());
    spec.is_some_and(|spec| {
        spec.levels.iter().all(|level| {
            let raise = &level.raise;
            let limits = [&raise.below, &raise.at_or_below, &raise.above, &raise.at_or_above];
            limits.iter().any(|limit| limit.is_some())
        })
    })
}

fn label(line: &LimitLine) -> String {
    let level = crate::episode::level_name(line.level);
    let sign = match line.comparison.name() {
        "below" => "<",
        "at_or_below" => "≤",
        "above" => ">",
        "at_or_above" => "≥",
        other => other,
    };
    let statistic = match line.statistic {
        "last" => String::new(),
        statistic => format!(" ({statistic})"),
    };
    let limit = line.limit as f64 / 1000.0;
    format!("{level} {sign} {limit}{statistic}")
}

/// When any of the episodes was active, at the worst level of the moment.
fn shades(episodes: &[&Episode], end: i64) -> Vec<Shade> {
    let spans: Vec<(i64, i64, Level)> = episodes
        .iter()
        .filter(|e| !e.shadow)
        .flat_map(|e| &e.spans)
        .filter(|s| s.phase != Phase::Latched)
        .map(|s| (s.from.as_millis(), s.until.map_or(end, Timestamp::as_millis), s.level))
        .collect();
    let mut edges: Vec<i64> = spans.iter().flat_map(|(from, until, _)| [*from, *until]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut shades: Vec<Shade> = Vec::new();
    for pair in edges.windows(2) {
        let (from, until) = (pair[0], pair[1]);
        let here = spans.iter().filter(|(f, u, _)| *f <= from && *u >= until);
        let Some(level) = here.map(|(_, _, level)| *level).max() else {
            continue;
        };
        match shades.last_mut().filter(|last| last.until == from && last.level == level) {
            Some(last) => last.until = until,
            None => shades.push(Shade { from, until, level }),
        }
    }
    shades
}

/// Rules with alerts, in the policy's order.
fn lanes(policy: &Policy, episodes: &[&Episode]) -> Vec<Lane> {
    let rules = policy.rules().iter();
    let lanes = rules.map(|rule| {
        let own = episodes.iter().filter(|e| e.rule == rule.id() && !e.shadow);
        let mark = |e: &&Episode| Mark {
            number: e.alert.0,
            onset: e.onset.as_millis(),
            spans: e.spans.clone(),
            tip: format!("alert {}: {}", e.alert, e.reason),
        };
        Lane { title: rule.title().to_string(), alerts: own.map(mark).collect() }
    });
    lanes.filter(|lane| !lane.alerts.is_empty()).collect()
}
