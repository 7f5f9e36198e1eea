//! What to look at first: the facts behind a priority.

use super::care::History;
use super::patient::Patient;
use crate::alert::priority::{Evidence, Facts, UNATTENDED_STEP};
use crate::alert::{Alert, ResponseState};
use crate::id::AlertId;
use crate::policy::{Leaf, Policy, RuleBody};
use crate::record::{Clause, Priority};
use crate::signal::Ring;
use crate::time::HostTime;

/// So far back a trend looks, and over so many panes at most.
const TREND_MS: i64 = 300_000;
const TREND_PANES: i64 = 300;
/// A change is taken over so long.
const CHANGE_MS: i64 = 60_000;

impl Patient {
    /// An alert's priority at a time.
    pub fn priority(&self, policy: &Policy, id: AlertId, now: HostTime) -> Priority {
        self.alert(id).map(|a| self.facts(policy, a, now).priority()).unwrap_or_default()
    }

    pub fn facts(&self, policy: &Policy, alert: &Alert, now: HostTime) -> Facts {
        let (care, escalation) = (self.care(), &alert.escalation);
        let history = care.history.get(policy.rules()[alert.rule].id());
        let other = |a: &&Alert| a.id != alert.id && a.is_open() && a.is_active() && !a.shadow;
        let waited = escalation.unattended_since.map(|since| now.since(since).as_millis());
        let answered = matches!(
            alert.response.state(),
            ResponseState::Acknowledged | ResponseState::InRemediation
        );
        Facts {
            level: alert.level_now(),
            evidence: escalation.evidence,
            others: self.alerts.iter().filter(other).count(),
            conditions: care.profile.as_ref().map_or(0, |p| p.what.conditions.len()),
            risk: self.risk_points(policy, now),
            unattended: waited.unwrap_or(0) / UNATTENDED_STEP.as_millis(),
            exhausted: escalation.exhausted,
            acknowledged: history.map_or(0, |history| history.acknowledged),
            false_alarms: history.map_or(0, |history| history.false_alarms),
            helped: history.map_or(0, History::best_help),
            answered,
        }
    }

    /// Takes what was measured into an alert's priority.
    pub fn weigh(&mut self, policy: &Policy, id: AlertId, evidence: &[Clause]) {
        let Some(rule) = self.alert(id).map(|alert| alert.rule) else {
            return;
        };
        let windowed = evidence.iter().filter(|clause| clause.over.is_some());
        let coverage = windowed.map(|clause| clause.coverage).min().unwrap_or(100);
        let leaf = match &policy.rules()[rule].body {
            RuleBody::Limits(limits) => {
                limits.levels.iter().find_map(|level| level.raise.leaves().into_iter().next())
            }
            RuleBody::Missing(_) => None,
        };
        let motion = leaf.map_or((0, 0), |leaf| self.motion(policy, leaf));
        let weighed = Evidence { coverage, trend: motion.0, change: motion.1 };
        if let Some(alert) = self.alert_mut(id) {
            alert.escalation.evidence = weighed;
        }
    }

    /// Trend and change of a comparison's signal towards its limit, in tenths of a per cent of the
    /// plausible span a minute.
    fn motion(&self, policy: &Policy, leaf: &Leaf) -> (i32, i32) {
        let def = &policy.signals()[usize::from(leaf.signal)];
        let ring = &self.lane.signals[usize::from(leaf.signal)].ring;
        let span =
            i128::from(def.plausible.1.thousandths()) - i128::from(def.plausible.0.thousandths());
        let sign = if leaf.comparison.is_high() { 1 } else { -1 };
        let scaled = |numerator: i128, denominator: i128| {
            let share = sign * numerator * 1000 * 60_000;
            let of = denominator * i128::from(def.pane_ms) * span;
            let points = if of > 0 { share / of } else { 0 };
            points.clamp(-1000, 1000) as i32
        };
        let (trend, change) = (slope(ring, def.pane_ms), step(ring, def.pane_ms));
        (scaled(trend.0, trend.1), scaled(change.0, change.1))
    }
}

/// Means of the newest panes, the newest first: how many panes back, and the mean.
fn means(ring: &Ring, pane_ms: i64, back_ms: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
    let newest = ring.newest_pane();
    let panes = (back_ms / pane_ms).clamp(1, TREND_PANES);
    let oldest = ring.oldest().max(newest.saturating_sub(panes));
    (oldest..=newest).rev().filter_map(move |pane| {
        let tally = ring.tally(pane);
        (tally.good > 0).then(|| (newest - pane, tally.sum / i64::from(tally.good)))
    })
}

/// The least-squares slope a pane, as a fraction.
fn slope(ring: &Ring, pane_ms: i64) -> (i128, i128) {
    let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0_i128, 0_i128, 0_i128, 0_i128, 0_i128);
    for (back, mean) in means(ring, pane_ms, TREND_MS) {
        let (x, y) = (i128::from(-back), i128::from(mean));
        (n, sx, sy, sxx, sxy) = (n + 1, sx + x, sy + y, sxx + x * x, sxy + x * y);
    }
    (n * sxy - sx * sy, n * sxx - sx * sx)
}

/// The change a pane between the newest reading and the one about a minute before it.
fn step(ring: &Ring, pane_ms: i64) -> (i128, i128) {
    let mut panes = means(ring, pane_ms, CHANGE_MS.max(pane_ms));
    let newest = panes.next();
    match newest.zip(panes.last()) {
        Some(((near, new), (far, old))) => (i128::from(new - old), i128::from(far - near)),
        None => (0, 0),
    }
}
