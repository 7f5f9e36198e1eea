//! Variants of one rule: other holds, dead bands and coverages, side by side in one policy.
//!
//! Rules do not disturb each other, so one replay judges all of them.

use std::sync::Arc;

use rpm_core::Duration;
use rpm_core::policy::care::spec::CareSpec;
use rpm_core::policy::spec::{LevelSpec, Number, PolicySpec, PredicateSpec, RuleSpec};
use rpm_core::policy::{Policy, PolicyErrors};
use serde::Serialize;

/// Holds, in cadences of the slowest signal.
pub const HOLDS: [i64; 7] = [0, 1, 2, 5, 10, 20, 60];
/// Dead bands, in per cent of the limit.
pub const BANDS: [i64; 4] = [0, 1, 3, 6];
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

/// The policy that decides by every variant of a rule, and nothing else.
pub fn policy(of: &Policy, rule: &str) -> Result<(Arc<Policy>, Vec<Variant>), String> {
    let known = of.spec().rules.iter().find(|spec| spec.id == rule);
    let spec = known.ok_or_else(|| format!("the policy has no rule {rule}"))?;
    if spec.levels.is_empty() {
        return Err(format!("{rule} waits for a missing signal: there is nothing to hold"));
    }
    let (rules, variants) = all(of, spec);
    let policy = beside(of, rules, CareSpec::default()).map_err(|errors| errors.to_string())?;
    Ok((policy, variants))
}

/// The policy that decides by these rules. Its own are there only to be referred to.
pub fn beside(
    of: &Policy,
    rules: Vec<RuleSpec>,
    care: CareSpec,
) -> Result<Arc<Policy>, PolicyErrors> {
    let disabled = |rule: &RuleSpec| RuleSpec { mode: Some("disabled".into()), ..rule.clone() };
    let rules = of.spec().rules.iter().map(disabled).chain(rules).collect();
    Policy::from_spec(PolicySpec { rules, care, ..of.spec().clone() })
}

/// What no rule's name begins with.
pub fn prefix(of: &Policy) -> String {
    let mut prefix = String::from("v");
    while of.spec().rules.iter().any(|rule| rule.id.starts_with(&prefix)) {
        prefix.push('_');
    }
    prefix
}

fn all(of: &Policy, spec: &RuleSpec) -> (Vec<RuleSpec>, Vec<Variant>) {
    let cadence = cadence(of, &spec.id);
    let simple = |level: &LevelSpec| limit(&level.raise).is_some();
    let bands: &[i64] = if spec.levels.iter().all(simple) { &BANDS } else { &[] };
    let coverages: &[i64] = if spec.over.is_some() { &COVERAGES } else { &[] };
    let options = |of: &[i64]| -> Vec<Option<i64>> {
        if of.is_empty() { vec![None] } else { of.iter().copied().map(Some).collect() }
    };
    let prefix = prefix(of);
    let present = Variant {
        rule: format!("{prefix}0"),
        present: true,
        hold: None,
        dead_band_percent: None,
        coverage_percent: None,
    };
    let mut rules = vec![RuleSpec { id: present.rule.clone(), ..spec.clone() }];
    let mut variants = vec![present];
    for cadences in HOLDS {
        for band in options(bands) {
            for coverage in options(coverages) {
                let variant = Variant {
                    rule: format!("{prefix}{}", variants.len()),
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

/// How often a rule's slowest signal is expected.
pub fn cadence(of: &Policy, rule: &str) -> Duration {
    let (_, compiled) = of.rule(rule).unzip();
    let signals = compiled.map(|rule| rule.signals()).unwrap_or_default();
    signals.iter().map(|s| of.signals()[*s].cadence()).max().unwrap_or_default()
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
pub fn limit(raise: &PredicateSpec) -> Option<(i64, bool)> {
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
pub fn back(raise: &PredicateSpec, (limit, high): (i64, bool), percent: i64) -> PredicateSpec {
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
