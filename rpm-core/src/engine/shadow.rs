//! What only records, by its rule or by circumstances, and when it does so no longer.
//!
//! Whether an alert is in shadow is decided as it opens, by what is known of the patient then, and again
//! whenever that may have changed. It leaves the shadow as soon as its level asks for that and its
//! condition is or may still be there: then people are told of it as of a new one. The other way there is
//! none: what is no mere record goes on until it is closed, so that nothing that somebody may have heard of
//! vanishes, and no rise in level waits.

use super::care::unsuppressed_news;
use super::episode::Note;
use super::patient::{Call, Patient};
use crate::alert::Alert;
use crate::id::AlertId;
use crate::policy::{Mode, Policy, RuleBody};
use crate::record::{AlertChange, Level, NotifyReason};
use crate::time::HostTime;

impl Patient {
    /// Whether what a rule says at a level is only recorded now.
    pub fn only_records(&self, policy: &Policy, rule: usize, level: Level, now: HostTime) -> bool {
        let modes = modes_of(policy, rule, level);
        let circumstances = self.lane.background.mode(policy, modes, now.as_millis());
        let mode = circumstances.map_or(policy.rules()[rule].mode, |(_, mode)| mode);
        mode != Mode::Active
    }

    /// Whether an alert that only records has to be looked at: it does so no longer, or it is not known when
    /// to look again.
    pub fn may_surface(&self, policy: &Policy, alert: &Alert, now: HostTime) -> bool {
        alert.shadow
            && (self.surfaces(policy, alert, now)
                || alert.shadow_until != self.shadow_until(policy, alert, now))
    }

    /// An alert that only records does so no longer, or is looked at again later. Returns why somebody should
    /// be told.
    pub fn surface(&mut self, call: &mut Call<'_>, id: AlertId) -> Option<NotifyReason> {
        let alert = self.alerts.iter().find(|alert| alert.id == id && alert.shadow)?;
        let until = self.shadow_until(call.policy, alert, call.now);
        if !self.surfaces(call.policy, alert, call.now) {
            self.alert_mut(id)?.shadow_until = until;
            return None;
        }
        let alert = self.alert_mut(id)?;
        (alert.shadow, alert.shadow_until) = (false, None);
        alert.revision += 1;
        let news = alert.suppression.is_none().then(|| unsuppressed_news(alert)).flatten();
        let queue = news.and_then(|reason| self.reroute(call, id, reason));
        self.tell(call, id, AlertChange::Surfaced, Note { queue, ..Note::default() });
        news
    }

    fn surfaces(&self, policy: &Policy, alert: &Alert, now: HostTime) -> bool {
        alert.is_open()
            && alert.is_active()
            && !self.only_records(policy, alert.rule, alert.level_now(), now)
    }

    /// When time alone may bring it out of the shadow.
    fn shadow_until(&self, policy: &Policy, alert: &Alert, now: HostTime) -> Option<HostTime> {
        let modes = modes_of(policy, alert.rule, alert.level_now());
        if modes.is_empty() || !alert.is_open() || !alert.is_active() {
            return None;
        }
        let modifiers = modes.iter().map(|(modifier, _)| *modifier);
        let at = self.lane.background.changes_after(policy, modifiers, now.as_millis());
        at.map(HostTime::from_millis)
    }
}

/// The modes that circumstances give a rule at a level.
fn modes_of(policy: &Policy, rule: usize, level: Level) -> &[(u16, Mode)] {
    match &policy.rules()[rule].body {
        RuleBody::Limits(limits) => {
            let def = limits.levels.iter().find(|def| def.level == level);
            def.map_or(&[], |def| &def.modes)
        }
        RuleBody::Missing(missing) => &missing.modes,
    }
}
