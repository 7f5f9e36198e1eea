//! Variants of one rule: other holds, dead bands and coverages, side by side in one policy.
//!
//! Rules do not disturb each other, so one replay judges all of them.

use std::sync::Arc;

use rpm_core::Duration;
use rpm_core::policy::Policy;
use rpm_core::policy::spec::{LevelSpec, Number, PolicySpec, PredicateSpec, RuleSpec};
use serde::Serialize;

/// Holds, in cadences of the slowest signal.
const HOLDS: [i64; 7] = [0, 1, 2, 5, 10, 20, 60];
/// Dead bands, in per cent of the limit.
const BANDS: [i64; 4] = [0, 1, 3, 6];
/// Coverages, in per cent.
const COVERAGES: [i64; 4] = [25, 50, 66, 80];

/// What is varied; absent where the rule stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Variant {
    /// Its name in the replayed policy.
    pub rule: String,
    /// Whether it is the rule as it stands.
    pub present: bool,
    /// The hold of every level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
    /// How far the way back lies from the limit, in per cent of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_band_percent: Option<i64>,
    /// How much of a window must be covered, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<i64>,
}

impl Variant {
    /// What it changes.
    pub fn words(&self) -> String {
        if self.present {
            return "as it is".into();
        }
        let hold = self.hold.map(|hold| format!("held {hold}"));
        let band = self.dead_band_percent.map(|band| format!("dead band {band} %"));
        let coverage = self.coverage_percent.map(|share| format!("coverage {share} %"));
        let parts: Vec<String> = [hold, band, coverage].into_iter().flatten().collect();
        parts.join(", ")
    }
}

/// The policy that has every variant of a rule, and nothing else.
pub fn policy(of: &Policy, rule: &str) -> Result<(Arc<Policy>, Vec<Variant>), String> {
    let known = of.spec().rules.iter().find(|spec| spec.id == rule);
    let spec = known.ok_or_else(|| format!("the policy has no rule {rule}"))?;
    if spec.levels.is_empty() {
        return Err(format!("{rule} waits for a missing signal: there is nothing to hold"));
    }
    let (rules, variants) = all(of, spec);
    let care = Default::default();
    let varied = PolicySpec { rules, care, ..of.spec().clone() };
    let policy = Policy::from_spec(varied).map_err(|errors| errors.to_string())?;
    Ok((policy, variants))
}

fn all(of: &Policy, spec: &RuleSpec) -> (Vec<RuleSpec>, Vec<Variant>) {
    let (_, compiled) = of.rule(&spec.id).unzip();
    let signals = compiled.map(|rule| rule.signals()).unwrap_or_default();
    let cadence = signals.iter().map(|s| of.signals()[*s].cadence()).max().unwrap_or_default();
    let simple = |level: &LevelSpec| limit(&level.raise).is_some();
    let bands: &[i64] = if spec.levels.iter().all(simple) { &BANDS } else { &[] };
    let coverages: &[i64] = if spec.over.is_some() { &COVERAGES } else { &[] };
    let options = |of: &[i64]| -> Vec<Option<i64>> {
        if of.is_empty() { vec![None] } else { of.iter().copied().map(Some).collect() }
    };
    let mut rules = vec![RuleSpec { id: "present".into(), ..spec.clone() }];
    let present = Variant {
        rule: "present".into(),
        present: true,
        hold: None,
        dead_band_percent: None,
        coverage_percent: None,
    };
    let mut variants = vec![present];
    for cadences in HOLDS {
        for band in options(bands) {
            for coverage in options(coverages) {
                let variant = Variant {
                    rule: format!("v{}", variants.len()),
                    present: false,
                    hold: Some(cadence.times(cadences)),
                    dead_band_percent: band,
                    coverage_percent: coverage,
                };
                rules.push(varied(spec, &variant));
                variants.push(variant);
            }
        }
    }
    (rules, variants)
}

fn varied(spec: &RuleSpec, variant: &Variant) -> RuleSpec {
    let mut rule = RuleSpec { id: variant.rule.clone(), mode: None, ..spec.clone() };
    if let Some(share) = variant.coverage_percent {
        rule.coverage = Some(format!("{share} %"));
    }
    for level in &mut rule.levels {
        if level.times.is_none() {
            level.hold = variant.hold.map(|hold| hold.to_string());
        }
        let band = variant.dead_band_percent;
        let clear =
            band.and_then(|percent| Some(back(&level.raise, limit(&level.raise)?, percent)));
        level.clear = clear.or(level.clear.take());
    }
    rule
}

/// The limit of a single comparison, in thousandths, and whether values above it are the danger.
fn limit(raise: &PredicateSpec) -> Option<(i64, bool)> {
    let limits = [
        (&raise.below, false),
        (&raise.at_or_below, false),
        (&raise.above, true),
        (&raise.at_or_above, true),
    ];
    let (number, high) = limits.iter().find_map(|(l, high)| l.as_ref().map(|l| (l, *high)))?;
    let value: rpm_core::Value = number.as_str().parse().ok()?;
    Some((i64::from(value.thousandths()), high))
}

/// The way back: past the limit by a share of it, on the safe side.
fn back(raise: &PredicateSpec, (limit, high): (i64, bool), percent: i64) -> PredicateSpec {
    let band = (limit.abs() * percent + 99) / 100;
    let at = if high { limit - band } else { limit + band };
    let sign = if at < 0 { "-" } else { "" };
    let number = format!("{sign}{}.{:03}", at.abs() / 1000, at.abs() % 1000);
    let mut clear = PredicateSpec {
        below: None,
        at_or_below: None,
        above: None,
        at_or_above: None,
        ..raise.clone()
    };
    let number = Some(Number::from(number.as_str()));
    match high {
        true => clear.at_or_below = number,
        false => clear.at_or_above = number,
    }
    clear
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_lies_on_the_safe_side() {
        let below = PredicateSpec { below: Some(Number::from("90")), ..Default::default() };
        let clear = back(&below, limit(&below).unwrap(), 3);
        assert_eq!(clear.at_or_above, Some(Number::from("92.700")));
        assert_eq!(clear.below, None);
        let above = PredicateSpec { above: Some(Number::from("-1.5")), ..Default::default() };
        let clear = back(&above, limit(&above).unwrap(), 10);
        assert_eq!(clear.at_or_below, Some(Number::from("-1.650")));
    }
}
