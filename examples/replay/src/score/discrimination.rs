//! What the values of a score tell: how often each is crossed, and how well they separate the panes
//! of events from all others.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::Value;
use serde::Serialize;

use super::series::{Series, Step};

const DAY: f64 = 86_400_000.0;

/// The figures of a series.
#[derive(Serialize)]
pub struct Discrimination {
    /// Patients with a pane.
    pub patients: u64,
    /// All panes together, in days.
    pub patient_days: f64,
    /// Panes with a value.
    pub panes: u64,
    /// Of these, with the value of the pane before.
    pub carried: u64,
    /// Of these, panes of events.
    pub positive: u64,
    /// Patients with a pane of an event.
    pub events: u64,
    /// The chance that a pane of an event has the higher value of two, equal ones counting half;
    /// none if there are not both kinds.
    pub auroc: Option<f64>,
    /// Each value that occurs, from low to high.
    pub thresholds: Vec<Threshold>,
}

/// What a limit at a value would come to.
#[derive(Serialize)]
pub struct Threshold {
    /// At or above.
    #[serde(serialize_with = "as_number")]
    pub value: Value,
    /// How often it is reached from below; a first pane that has it counts.
    pub crossings: u64,
    /// For each day of a patient.
    pub crossings_per_patient_day: f64,
    /// Panes at or above.
    pub panes: u64,
    /// Of these, panes of events.
    pub positive: u64,
    /// Events with such a pane.
    pub events: u64,
}

impl Discrimination {
    /// Of a series; without labels no pane is one of an event.
    pub fn of(series: &Series) -> Self {
        let steps = || series.patients.iter().flat_map(|(_, steps)| steps);
        let count = |wanted: fn(&Step) -> bool| steps().filter(|step| wanted(step)).count() as u64;
        let panes = count(|_| true);
        let patient_days = panes as f64 * series.pane as f64 / DAY;
        let values: BTreeSet<Value> = steps().map(|step| step.value).collect();
        let threshold = |value: &Value| Threshold::at(*value, series, patient_days);
        let watched = series.patients.iter().filter(|(_, steps)| !steps.is_empty());
        let struck = |(_, steps): &&(String, Vec<Step>)| steps.iter().any(|step| step.of_event);
        Self {
            patients: watched.clone().count() as u64,
            patient_days,
            panes,
            carried: count(|step| step.carried),
            positive: count(|step| step.of_event),
            events: watched.filter(struck).count() as u64,
            auroc: auroc(steps().map(|step| (step.value, step.of_event))),
            thresholds: values.iter().map(threshold).collect(),
        }
    }
}

impl Threshold {
    fn at(value: Value, series: &Series, days: f64) -> Self {
        let (mut crossings, mut panes, mut positive, mut events) = (0, 0, 0, 0);
        for (_, steps) in &series.patients {
            let mut above = false;
            let mut reached = false;
            for step in steps {
                let now = step.value >= value;
                crossings += u64::from(now && !above);
                panes += u64::from(now);
                positive += u64::from(now && step.of_event);
                reached |= now && step.of_event;
                above = now;
            }
            events += u64::from(reached);
        }
        let crossings_per_patient_day = if days > 0.0 { crossings as f64 / days } else { 0.0 };
        Self { value, crossings, crossings_per_patient_day, panes, positive, events }
    }
}

/// The area under the receiver operating characteristic: of all pairs of a positive and another
/// value, the share in which the positive one is higher; of equal ones half. Exact but for the last
/// division; the libraries that offer it count in floats.
fn auroc(values: impl Iterator<Item = (Value, bool)>) -> Option<f64> {
    let mut counts: BTreeMap<Value, [u128; 2]> = BTreeMap::new();
    for (value, positive) in values {
        counts.entry(value).or_default()[usize::from(positive)] += 1;
    }
    let (mut below, mut all, mut twice_won) = (0, 0, 0);
    for [others, positive] in counts.into_values() {
        twice_won += positive * (2 * below + others);
        below += others;
        all += positive;
    }
    let twice_pairs = 2 * below * all;
    (twice_pairs > 0).then(|| twice_won as f64 / twice_pairs as f64)
}

/// A share; none of nothing is nothing.
pub fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

fn as_number<S: serde::Serializer>(value: &Value, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(f64::from(value.thousandths()) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(others: &[i32], positive: &[i32]) -> Option<f64> {
        let values = |of: &[i32], flag: bool| {
            of.iter().map(|n| (Value::from_thousandths(*n), flag)).collect::<Vec<_>>()
        };
        auroc([values(others, false), values(positive, true)].concat().into_iter())
    }

    fn is(found: Option<f64>, wanted: f64) {
        assert!((found.unwrap() - wanted).abs() < 1e-12, "{found:?} is not {wanted}");
    }

    /// By hand: of 3 x 2 pairs, 2 is above 0 and 1 and equals 2; 1 is above 0 and equals 1.
    #[test]
    fn the_area_is_the_share_of_pairs_won_and_ties_are_half() {
        is(area(&[0, 1, 2], &[2, 1]), (2.5 + 1.5) / 6.0);
        is(area(&[1, 2], &[3, 4]), 1.0);
        is(area(&[3, 4], &[1, 2]), 0.0);
        is(area(&[5, 5, 5], &[5]), 0.5);
        is(area(&[1, 3], &[2]), 0.5);
    }

    #[test]
    fn one_kind_alone_has_no_area() {
        assert_eq!(area(&[1, 2], &[]), None);
        assert_eq!(area(&[], &[1, 2]), None);
    }
}
