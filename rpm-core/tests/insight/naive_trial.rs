//! What a trial should find, computed the long way: each alert's story by itself, and what is near joined two
//! by two until nothing changes.

use std::collections::BTreeMap;

use rpm_core::HostTime;
use rpm_core::insight::trial::{Episode, Question};
use rpm_core::record::{AlertChange, Body, ConditionState as C, Record};

/// Whose, from, until, the candidate's first alarm, that of the rule in force.
pub type Told = (String, i64, i64, Option<i64>, Option<i64>);

/// What the fold says.
pub fn told(episode: &Episode) -> Told {
    let ms = |at: HostTime| at.as_millis();
    let patient = episode.owner.patient.as_str().to_string();
    let (candidate, active) = (episode.candidate.map(ms), episode.active.map(ms));
    (patient, ms(episode.from), ms(episode.until), candidate, active)
}

/// What it should say.
pub fn episodes(records: &[Record], question: &Question) -> Vec<Told> {
    let mut stories: BTreeMap<(String, u32), Vec<&Record>> = BTreeMap::new();
    let (from, until) = (question.from.as_millis(), question.until.as_millis());
    for record in records.iter().filter(|r| r.at < question.until) {
        let alert = match &record.body {
            Body::AlertOpened { alert, .. } | Body::AlertChanged { alert, .. } => *alert,
            _ => continue,
        };
        let patient = record.patient.as_ref().unwrap().as_str().to_string();
        stories.entry((patient, alert.0)).or_default().push(record);
    }
    let mut all: Vec<Told> = Vec::new();
    for ((patient, _), story) in &stories {
        let Body::AlertOpened { rule, .. } = &story[0].body else { continue };
        let candidate = match rule.as_str() {
            name if name == question.candidate => true,
            name if name == question.active => false,
            _ => continue,
        };
        for (start, end) in alarms(story) {
            let end = end.unwrap_or(until).min(until);
            if start < until && end >= from {
                let first = Some(start);
                let sides = if candidate { (first, None) } else { (None, first) };
                all.push((patient.clone(), start, end, sides.0, sides.1));
            }
        }
    }
    while let Some((a, b)) = near(&all, question.apart.as_millis()) {
        let other = all.remove(b);
        let one = &mut all[a];
        let first = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        (one.1, one.2) = (one.1.min(other.1), one.2.max(other.2));
        (one.3, one.4) = (first(one.3, other.3), first(one.4, other.4));
    }
    all.retain(|told| told.1 >= from);
    all.sort();
    all
}

/// Two that belong together, the second after the first in the list.
fn near(all: &[Told], apart: i64) -> Option<(usize, usize)> {
    let is_near = |a: &Told, b: &Told| {
        let gap = (b.1 - a.2).max(a.1 - b.2);
        a.0 == b.0 && (gap < apart || gap <= 0)
    };
    let pairs = (0..all.len()).flat_map(|a| (a + 1..all.len()).map(move |b| (a, b)));
    pairs.into_iter().find(|(a, b)| is_near(&all[*a], &all[*b]))
}

/// When an alert annunciates, moment by moment.
fn alarms(story: &[&Record]) -> Vec<(i64, Option<i64>)> {
    let mut alarms: Vec<(i64, Option<i64>)> = Vec::new();
    for record in story {
        let at = record.at.as_millis();
        let (sounds, suppressed, retracted) = match &record.body {
            Body::AlertOpened { .. } => (true, false, false),
            Body::AlertChanged { condition, suppression, change, .. } => {
                let active =
                    matches!(condition, C::Active(_) | C::Clearing(_) | C::ActiveUnverified(_));
                let retracted = *change == AlertChange::Retracted;
                (active && suppression.is_none(), suppression.is_some(), retracted)
            }
            _ => unreachable!(),
        };
        match alarms.last().copied() {
            Some((_, None)) if sounds => {}
            Some((start, None)) => {
                alarms.pop();
                if !(suppressed && start == at) {
                    alarms.push((start, Some(at)));
                }
            }
            _ if sounds => alarms.push((at, None)),
            _ => {}
        }
        // Nobody had been told.
        if retracted {
            alarms.pop();
        }
    }
    alarms
}
