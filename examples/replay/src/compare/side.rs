//! The measures of one policy.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::insight::kpi::QueueReport;
use rpm_core::policy::Policy;
use rpm_core::record::{Level, PolicyRef};
use rpm_core::{Duration, HostTime};
use serde::Serialize;

use super::labels::Labels;
use crate::episode::{Episode, level_name};
use crate::run::summary::Summary;
use crate::table;

const HOUR: i64 = 3_600_000;
/// So many points draw the curve of detection.
const POINTS: i64 = 48;

/// An alarm that calls somebody: of a rule that is in force.
#[derive(Clone)]
pub struct Alarm {
    patient: String,
    rule: String,
    level: Level,
    opened_at: HostTime,
    closed_at: Option<HostTime>,
}

impl Alarm {
    /// Of an episode, unless its rule only records.
    pub fn of(episode: &Episode) -> Option<Self> {
        (!episode.shadow).then(|| Self {
            patient: episode.patient.as_str().to_string(),
            rule: episode.rule.clone(),
            level: episode.level,
            opened_at: episode.opened_at,
            closed_at: episode.closed_at,
        })
    }
}

impl Alarm {
    /// How many of these a set of others has an alarm for: of the same patient, at some time in
    /// between.
    pub fn overlapping(these: &[Self], others: &[Self]) -> u64 {
        let mut by_patient: BTreeMap<&str, Vec<&Self>> = BTreeMap::new();
        for other in others {
            by_patient.entry(&other.patient).or_default().push(other);
        }
        let found = |alarm: &&Self| {
            let others = by_patient.get(alarm.patient.as_str());
            others.is_some_and(|others| {
                others.iter().any(|other| {
                    alarm.closed_at.is_none_or(|end| other.opened_at <= end)
                        && other.closed_at.is_none_or(|end| alarm.opened_at <= end)
                })
            })
        };
        these.iter().filter(found).count() as u64
    }
}

/// One policy on the recordings.
#[derive(Serialize)]
pub struct Side {
    /// What decided.
    pub policy: PolicyRef,
    /// Its title.
    pub title: String,
    /// Patients with an accepted event.
    pub patients: u64,
    /// Time under observation.
    pub patient_days: f64,
    /// Alarms by the highest level they reached.
    pub by_level: BTreeMap<&'static str, Rate>,
    /// Alarms by rule.
    pub by_rule: BTreeMap<String, Rate>,
    /// What reaches the queue if all patients are watched at once.
    pub load: Load,
    /// What each queue would have had.
    pub queues: Vec<QueueReport>,
    /// How the alarms fit what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
}

/// A count and what it means for one patient.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Rate {
    /// How many.
    pub alarms: u64,
    /// For each day of a patient.
    pub per_patient_day: f64,
}

/// Alarms over the host's time, of all patients together.
#[derive(Default, Serialize)]
pub struct Load {
    /// In each hour from the first alarm to the last.
    pub hourly: Vec<u64>,
}

/// How alarms fit labelled events. Alarms for review and urgent ones count.
#[derive(Serialize)]
pub struct Detection {
    /// How long before the onset an alarm still belongs to it, in seconds.
    pub lead_s: i64,
    /// How long after it.
    pub delay_s: i64,
    /// Labelled events.
    pub events: u64,
    /// With an alarm before the onset.
    pub before: u64,
    /// Of these, with one that was open already when the lead began: it may mean something else.
    pub standing: u64,
    /// With the first alarm after it.
    pub after: u64,
    /// Without one.
    pub missed: u64,
    /// From the first alarm to the onset, of those before: median in seconds.
    pub median_lead_s: Option<i64>,
    /// From the onset to the first alarm, of those after: median in seconds.
    pub median_delay_s: Option<i64>,
    /// Patients without an event.
    pub uneventful: u64,
    /// Of these, with an alarm.
    pub uneventful_alarmed: u64,
    /// Their alarms.
    pub uneventful_alarms: u64,
    /// Seconds from the onset, and the share of events with an alarm by then.
    pub curve: Vec<(i64, f64)>,
}

impl Side {
    /// From what a replay gave.
    pub fn new(
        policy: &Policy,
        summary: &Summary,
        alarms: &[Alarm],
        queues: Vec<QueueReport>,
        detection: Option<Detection>,
    ) -> Self {
        let days = summary.patient_days;
        let rate = |alarms: usize| Rate {
            alarms: alarms as u64,
            per_patient_day: if days > 0.0 { alarms as f64 / days } else { 0.0 },
        };
        let levels = [Level::Urgent, Level::Review, Level::Informational].into_iter();
        let by_level = levels.map(|level| {
            (level_name(level), rate(alarms.iter().filter(|a| a.level == level).count()))
        });
        let rules: BTreeSet<&String> = alarms.iter().map(|alarm| &alarm.rule).collect();
        let by_rule = rules
            .into_iter()
            .map(|rule| (rule.clone(), rate(alarms.iter().filter(|a| a.rule == *rule).count())));
        Self {
            policy: policy.reference(),
            title: policy.title().to_string(),
            patients: summary.patients,
            patient_days: days,
            by_level: by_level.collect(),
            by_rule: by_rule.collect(),
            load: Load::of(alarms),
            queues,
            detection,
        }
    }

    /// The share of time in flood, by queue.
    pub fn flood(&self) -> String {
        let told: Vec<String> =
            self.queues.iter().map(|q| format!("{} {}", q.queue, q.in_flood.value)).collect();
        if told.is_empty() { "-".into() } else { told.join(", ") }
    }

    /// For the head of a column.
    pub fn name(&self) -> String {
        format!("{} v{}", self.policy.id, self.policy.version)
    }
}

impl Load {
    fn of(alarms: &[Alarm]) -> Self {
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for alarm in alarms {
            *counts.entry(alarm.opened_at.as_millis().div_euclid(HOUR)).or_default() += 1;
        }
        let (first, last) = (counts.keys().next().copied(), counts.keys().last().copied());
        let range = first.zip(last).map_or(0..0, |(first, last)| first..last + 1);
        Self { hourly: range.map(|hour| counts.get(&hour).copied().unwrap_or(0)).collect() }
    }

    /// Mean and most an hour.
    pub fn words(&self) -> String {
        let all: u64 = self.hourly.iter().sum();
        let mean = all as f64 / self.hourly.len().max(1) as f64;
        let most = self.hourly.iter().max().copied().unwrap_or(0);
        format!("mean {}, at most {most}", figure(mean))
    }
}

impl Detection {
    /// Of the alarms beside the labels.
    pub fn of(alarms: &[Alarm], labels: &Labels, lead: Duration, delay: Duration) -> Self {
        let mut by_patient: BTreeMap<&str, Vec<&Alarm>> = BTreeMap::new();
        for alarm in alarms.iter().filter(|alarm| alarm.level >= Level::Review) {
            by_patient.entry(&alarm.patient).or_default().push(alarm);
        }
        let (lead, delay) = (lead.as_millis(), delay.as_millis());
        let (mut firsts, mut events) = (Vec::new(), 0);
        let (mut uneventful, mut alarmed, mut spurious) = (0, 0, 0);
        for (patient, onsets) in &labels.onsets {
            let of_patient = by_patient.get(patient.as_str()).map_or(&[][..], Vec::as_slice);
            if onsets.is_empty() {
                uneventful += 1;
                alarmed += u64::from(!of_patient.is_empty());
                spurious += of_patient.len() as u64;
            }
            for onset in onsets {
                events += 1;
                firsts.extend(first_alarm(of_patient, *onset, lead, delay));
            }
        }
        let (mut before, mut after): (Vec<i64>, Vec<i64>) = firsts.iter().partition(|at| **at < 0);
        let step = ((lead + delay) / POINTS).max(1);
        let share = |at: i64| {
            let by_then = firsts.iter().filter(|first| **first <= at).count();
            (at / 1000, by_then as f64 / f64::from(u32::try_from(events).unwrap_or(1).max(1)))
        };
        Self {
            lead_s: lead / 1000,
            delay_s: delay / 1000,
            events,
            before: before.len() as u64,
            standing: before.iter().filter(|at| **at == -lead).count() as u64,
            after: after.len() as u64,
            missed: events - firsts.len() as u64,
            median_lead_s: median(&mut before).map(|at| -at / 1000),
            median_delay_s: median(&mut after).map(|at| at / 1000),
            uneventful,
            uneventful_alarmed: alarmed,
            uneventful_alarms: spurious,
            curve: (0..=POINTS).map(|point| share(point * step - lead)).collect(),
        }
    }

    /// For the table.
    pub fn rows(&self) -> Vec<(String, String)> {
        let clock = |seconds: Option<i64>| match seconds {
            Some(seconds) => table::span(seconds * 1000),
            None => "-".into(),
        };
        let share = |count: u64, of: u64| {
            format!("{count} of {of} ({} %)", figure(100.0 * count as f64 / of.max(1) as f64))
        };
        let lead = table::span(self.lead_s * 1000);
        let delay = table::span(self.delay_s * 1000);
        let alarms = self.uneventful_alarms as f64 / self.uneventful.max(1) as f64;
        vec![
            (format!("events alarmed up to {lead} before"), share(self.before, self.events)),
            ("  of these, standing from earlier".into(), share(self.standing, self.before)),
            ("  median lead time".into(), clock(self.median_lead_s)),
            (format!("events alarmed up to {delay} after"), share(self.after, self.events)),
            ("  median delay".into(), clock(self.median_delay_s)),
            ("events missed".into(), share(self.missed, self.events)),
            (
                "patients without event, but alarms".into(),
                share(self.uneventful_alarmed, self.uneventful),
            ),
            ("  alarms for each of them".into(), figure(alarms)),
        ]
    }
}

/// When, from the onset, the first alarm was there that belongs to it. One that was open already when
/// the time began was there then.
fn first_alarm(alarms: &[&Alarm], onset: HostTime, lead: i64, delay: i64) -> Option<i64> {
    let at = |time: HostTime| time.as_millis().saturating_sub(onset.as_millis());
    let there = |alarm: &&&Alarm| {
        at(alarm.opened_at) <= delay && alarm.closed_at.is_none_or(|closed| at(closed) > -lead)
    };
    alarms.iter().filter(there).map(|alarm| at(alarm.opened_at).max(-lead)).min()
}

fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// A figure to three digits.
pub fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(opened: i64, closed: Option<i64>) -> Alarm {
        Alarm {
            patient: "p".into(),
            rule: "r".into(),
            level: Level::Review,
            opened_at: HostTime::from_millis(opened),
            closed_at: closed.map(HostTime::from_millis),
        }
    }

    #[test]
    fn an_alarm_belongs_to_an_onset_from_its_lead_to_its_delay() {
        let onset = HostTime::from_millis(1000);
        let first = |alarms: &[Alarm]| {
            let alarms: Vec<&Alarm> = alarms.iter().collect();
            first_alarm(&alarms, onset, 500, 200)
        };
        assert_eq!(first(&[alarm(100, Some(400))]), None, "over before");
        assert_eq!(first(&[alarm(100, Some(600))]), Some(-500), "already open");
        assert_eq!(first(&[alarm(900, None), alarm(700, Some(800))]), Some(-300), "the first");
        assert_eq!(first(&[alarm(1200, None)]), Some(200));
        assert_eq!(first(&[alarm(1201, None)]), None, "too late");
    }
}
