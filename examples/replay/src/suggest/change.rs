//! Changes that make a rule milder: a longer hold, a wider dead band. None makes it stricter.

use std::sync::Arc;

use rpm_core::Duration;
use rpm_core::policy::Policy;
use rpm_core::policy::spec::{LevelSpec, PolicySpec, PredicateSpec, RuleSpec};
use serde::Serialize;

use super::variants::{BANDS, HOLDS, back, cadence, limit};
use crate::episode::level_name;

/// A change of one rule.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// How far the way back lies from the limit at least, in per cent of the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_band_percent: Option<i64>,
    /// The hold that every level has at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
    /// In words.
    pub words: String,
    /// The rule with it.
    pub changed: RuleSpec,
}

impl Change {
    /// All that are tried for a rule, the mildest first: no delay before a delay, a short one
    /// before a long one, and of the same delay the narrow dead band before the wide one.
    pub fn all(of: &Policy, rule: &RuleSpec, longest_hold: Duration) -> Vec<Self> {
        let cadence = cadence(of, &rule.id);
        let holds = HOLDS.iter().map(|cadences| cadence.times(*cadences));
        let holds = holds.filter(|hold| !hold.is_zero() && *hold <= longest_hold).map(Some);
        let bands =
            || [None].into_iter().chain(BANDS.iter().filter(|b| **b > 0).copied().map(Some));
        let all = [None].into_iter().chain(holds);
        let all = all.flat_map(|hold| bands().map(move |band| (hold, band)));
        let changes = all.filter_map(|(hold, band)| Self::of(rule, hold, band));
        // A limit far out may leave no possible value to come back to.
        changes.filter(|change| change.policy(of).is_some()).collect()
    }

    /// None where a part of it changes nothing.
    fn of(rule: &RuleSpec, hold: Option<Duration>, band: Option<i64>) -> Option<Self> {
        let mut changed = rule.clone();
        let mut words = Vec::new();
        if let Some(percent) = band {
            let widened = changed.levels.iter_mut().filter_map(|level| widen(level, percent));
            let widened: Vec<String> = widened.collect();
            (!widened.is_empty()).then_some(())?;
            words.push(format!("dead band {percent} % ({})", widened.join(", ")));
        }
        if let Some(hold) = hold {
            let held = changed.levels.iter_mut().filter_map(|level| lengthen(level, hold));
            let held: Vec<String> = held.collect();
            (!held.is_empty()).then_some(())?;
            words.push(format!("held {hold} ({})", held.join(", ")));
        }
        let words = words.join(", ");
        (changed != *rule).then_some(Self { dead_band_percent: band, hold, words, changed })
    }

    /// The whole policy with this change and no other, if it is one.
    pub fn policy(&self, of: &Policy) -> Option<Arc<Policy>> {
        let mut spec: PolicySpec = of.spec().clone();
        spec.version = spec.version.saturating_add(1);
        let rule = spec.rules.iter_mut().find(|rule| rule.id == self.changed.id)?;
        rule.clone_from(&self.changed);
        Policy::from_spec(spec).ok()
    }
}

/// Moves the way back further out; says which, if it was nearer.
fn widen(level: &mut LevelSpec, percent: i64) -> Option<String> {
    let raise = limit(&level.raise)?;
    let clear = back(&level.raise, raise, percent);
    let (to, _) = limit(&clear)?;
    let from = match &level.clear {
        None => raise.0,
        Some(now) if (compared(now) == compared(&level.raise)) => limit(now)?.0,
        // It looks at something else: not ours to change.
        Some(_) => return None,
    };
    let (_, high) = raise;
    let further = if high { to < from } else { to > from };
    further.then_some(())?;
    let bound = if high { "or below" } else { "or above" };
    let number = clear.at_or_below.as_ref().or(clear.at_or_above.as_ref())?;
    let number = number.as_str().trim_end_matches('0').trim_end_matches('.');
    let told = format!("{} over at {number} {bound}", name(level));
    level.clear = Some(clear);
    Some(told)
}

/// What is compared with a limit.
fn compared(predicate: &PredicateSpec) -> [&Option<String>; 4] {
    [&predicate.signal, &predicate.statistic, &predicate.over, &predicate.per]
}

/// Makes the hold longer; says whose, if it was shorter.
fn lengthen(level: &mut LevelSpec, hold: Duration) -> Option<String> {
    let now = match &level.hold {
        Some(text) => text.parse().ok()?,
        None => Duration::default(),
    };
    if level.times.is_some() || now >= hold {
        return None;
    }
    level.hold = Some(hold.to_string());
    Some(name(level))
}

fn name(level: &LevelSpec) -> String {
    let derived = || level_name(level.harm?.with(level.onset?)).to_string().into();
    level.level.clone().or_else(derived).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::policy::spec::Number;

    fn rule(clear: Option<&str>, hold: Option<&str>) -> RuleSpec {
        let below = |limit: &str| Some(Number::from(limit));
        let level = LevelSpec {
            level: Some("review".into()),
            raise: PredicateSpec { below: below("90"), ..Default::default() },
            clear: clear.map(|c| PredicateSpec { above: below(c), ..Default::default() }),
            hold: hold.map(Into::into),
            ..Default::default()
        };
        RuleSpec { id: "low".into(), levels: vec![level], ..Default::default() }
    }

    #[test]
    fn nothing_becomes_stricter() {
        let hold = Some(Duration::from_secs(10));
        assert!(Change::of(&rule(Some("93"), None), None, Some(3)).is_none(), "92.7 is nearer");
        assert!(Change::of(&rule(None, Some("10 s")), hold, None).is_none(), "held already");
        assert!(Change::of(&rule(Some("93"), None), hold, Some(3)).is_none(), "is the hold alone");
        let wider = Change::of(&rule(Some("92"), Some("1 min")), None, Some(3)).unwrap();
        assert_eq!(wider.words, "dead band 3 % (review over at 92.7 or above)");
        assert_eq!(wider.changed.levels[0].hold.as_deref(), Some("1 min"));
        let held = Change::of(&rule(Some("92"), Some("5 s")), hold, None).unwrap();
        assert_eq!(held.changed.levels[0].clear, rule(Some("92"), None).levels[0].clear);
    }
}
