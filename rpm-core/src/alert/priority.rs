//! What to look at first: within a class, alerts are ordered by expected harm.
//!
//! The number is a sum of bounded terms, each of which stands in the record. The class is never
//! crossed: no sum of terms lifts a review alert over an urgent one, or lets an urgent one sink.
//!
//! | term | points | from |
//! |---|---|---|
//! | `class` | 0, 1000, 2000 | informational, review, urgent |
//! | `base` | 400 | so that terms can take away as well |
//! | `quality` | 0 to 100 | coverage of the evidence in per cent |
//! | `trend` | 0 to 100 | slope towards danger over the last panes, in 0.1 % of the plausible span a minute |
//! | `change` | 0 to 100 | the same between the last two readings a minute apart |
//! | `patient` | 0 to 100 | 20 for each other active alert |
//! | `conditions` | 0 to 50 | 10 for each condition in the profile |
//! | `risk` | 0 to 100, or -100 to 100 | the latest score of a model; below zero only where the policy lets a low one lower |
//! | `unattended` | 0 to 150 | 25 for each 10 minutes without an answer |
//! | `unanswered` | 50 | the escalation is exhausted |
//! | `acknowledged` | 0 to 40 | 10 for each earlier acknowledgement of the rule without a false one after it |
//! | `false_alarms` | -100 to 0 | minus 25 for each of the rule's last resolutions that was false |
//! | `helped` | 0 to 40 | 10 for each time by which the rule's best intervention helped more often than not |
//! | `answered` | -300 | somebody has taken it |

use crate::record::{Level, Priority, Term};
use crate::time::Duration;

/// How long an alert waits for each step of `unattended`.
pub(crate) const UNATTENDED_STEP: Duration = Duration::from_secs(600);
/// After so many steps it counts no more.
pub(crate) const UNATTENDED_STEPS: i64 = 6;

/// The most that waiting adds.
pub(crate) const MOST_UNATTENDED: i32 = 25 * UNATTENDED_STEPS as i32;

/// What was measured when the alert opened or rose; it enters the priority as it was then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Evidence {
    /// Per cent.
    pub coverage: u8,
    /// Tenths of a per cent of the plausible span a minute, towards danger.
    pub trend: i32,
    /// The same between two readings.
    pub change: i32,
}

/// What a priority is a function of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub level: Level,
    pub evidence: Evidence,
    pub others: usize,
    pub conditions: usize,
    /// What the latest scores of models say.
    pub risk: i32,
    /// Whole steps without an answer.
    pub unattended: i64,
    pub exhausted: bool,
    pub acknowledged: u8,
    pub false_alarms: u8,
    /// Of what helps best: how much more often it helped than not.
    pub helped: i64,
    pub answered: bool,
}

const BASE: i32 = 400;
const SPAN: i32 = 999;

impl Facts {
    pub fn priority(&self) -> Priority {
        let class = 1000 * self.level as i32;
        let bounded = |points: i64, most: i64| points.clamp(0, most) as i32;
        let steps = self.unattended.clamp(0, UNATTENDED_STEPS);
        let terms = [
            ("class", class),
            ("base", BASE),
            ("quality", bounded(self.evidence.coverage.into(), 100)),
            ("trend", bounded(self.evidence.trend.into(), 100)),
            ("change", bounded(self.evidence.change.into(), 100)),
            ("patient", bounded(20 * self.others as i64, 100)),
            ("conditions", bounded(10 * self.conditions as i64, 50)),
            ("risk", self.risk.clamp(-100, 100)),
            ("unattended", bounded(25 * steps, MOST_UNATTENDED.into())),
            ("unanswered", if self.exhausted { 50 } else { 0 }),
            ("acknowledged", bounded(10 * i64::from(self.acknowledged), 40)),
            ("false_alarms", -bounded(25 * i64::from(self.false_alarms), 100)),
            ("helped", bounded(10 * self.helped, 40)),
            ("answered", if self.answered { -300 } else { 0 }),
        ];
        let sum: i32 = terms.iter().map(|(_, points)| points).sum();
        let told = terms.into_iter().filter(|(name, points)| *points != 0 || *name == "class");
        let term = |(name, points): (&'static str, i32)| Term { name: name.into(), points };
        Priority { total: sum.clamp(class, class + SPAN), terms: told.map(term).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_terms_cross_a_class() {
        let level = |level| Facts {
            level,
            evidence: Evidence { coverage: 100, trend: i32::MAX, change: i32::MAX },
            others: 50,
            conditions: 50,
            risk: i32::MAX,
            unattended: i64::MAX,
            exhausted: true,
            acknowledged: 255,
            false_alarms: 0,
            helped: i64::from(u16::MAX),
            answered: false,
        };
        let worst = |facts: Facts| Facts {
            evidence: Evidence::default(),
            others: 0,
            conditions: 0,
            risk: i32::MIN,
            unattended: 0,
            exhausted: false,
            acknowledged: 0,
            false_alarms: 255,
            helped: -i64::from(u16::MAX),
            answered: true,
            ..facts
        };
        let [low, review, urgent] = [Level::Informational, Level::Review, Level::Urgent].map(level);
        assert!(low.priority().total < worst(review).priority().total);
        assert!(review.priority().total < worst(urgent).priority().total);
    }

    #[test]
    fn the_terms_add_up_to_the_total() {
        let facts = Facts {
            level: Level::Review,
            evidence: Evidence { coverage: 97, trend: 12, change: -4 },
            others: 2,
            conditions: 1,
            risk: 30,
            unattended: 3,
            exhausted: false,
            acknowledged: 1,
            false_alarms: 2,
            helped: 2,
            answered: false,
        };
        let priority = facts.priority();
        let sum: i32 = priority.terms.iter().map(|term| term.points).sum();
        assert_eq!(priority.total, sum);
        assert_eq!(sum, 1000 + 400 + 97 + 12 + 40 + 10 + 30 + 75 + 10 - 50 + 20);
    }
}
