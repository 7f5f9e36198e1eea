//! What the patient has agreed to: being monitored at all, and the channels on which that is told.

use alloc::vec::Vec;

use super::care::{CareState, Dated, unsuppressed_news};
use super::patient::{Call, Patient};
use crate::alert::Alert;
use crate::event::Profile;
use crate::id::AlertId;
use crate::record::{Body, IntentKey, WithholdReason};

type Known = Option<Dated<Profile>>;

impl CareState {
    fn consents(&self) -> bool {
        self.profile.as_ref().and_then(|profile| profile.what.consent) != Some(false)
    }

    /// Whether nothing may go out on a channel.
    pub fn declines(&self, channel: &str) -> bool {
        let profile = self.profile.as_ref();
        profile.is_some_and(|known| known.what.declined_channels.iter().any(|c| c == channel))
    }
}

impl Patient {
    /// Another profile is known. What it does not allow any more is taken back; what it allows again,
    /// and still wants an answer, is told.
    pub fn take_profile(&mut self, call: &mut Call<'_>, take: impl FnOnce(Known) -> Known) {
        let consented = self.care().consents();
        self.take_circumstances(call, |care| care.profile = take(care.profile.take()));
        let consents = self.care().consents();
        let open = self.alerts.iter().filter(|alert| alert.is_open() && !alert.shadow);
        let open: Vec<AlertId> = open.map(|alert| alert.id).collect();
        for id in open {
            match (consented, consents) {
                (true, false) => self.stop(call, id, WithholdReason::NoConsent, false),
                (false, true) => self.tell_again(call, id),
                _ => {}
            }
        }
        let declined = |care: &CareState| -> Vec<IntentKey> {
            let messages = care.deliveries.iter().filter(|d| d.state.is_under_way());
            messages.filter(|d| care.declines(&d.channel)).map(|d| d.key).collect()
        };
        for key in declined(self.care()) {
            self.take_back(call, key, WithholdReason::PatientDeclined);
        }
    }

    fn tell_again(&mut self, call: &mut Call<'_>, id: AlertId) {
        let free = self.alert(id).filter(|alert| alert.suppression.is_none());
        if let Some(reason) = free.and_then(unsuppressed_news) {
            self.attend(call, id, Some(reason));
        }
    }

    /// Why nobody may be told of an alert at all.
    pub fn told_nobody(&self, alert: &Alert) -> Option<WithholdReason> {
        match (alert.shadow, self.care().consents()) {
            (true, _) => Some(WithholdReason::Shadow),
            (false, false) => Some(WithholdReason::NoConsent),
            (false, true) => None,
        }
    }

    /// Somebody would be told of an alert on a channel that the patient declines.
    pub fn decline(&mut self, call: &mut Call<'_>, id: AlertId, channel: &str) {
        let Some(alert) = self.alert(id) else {
            return;
        };
        let rule = call.policy.rules()[alert.rule].label();
        let (reason, channel) = (WithholdReason::PatientDeclined, Some(channel.into()));
        let body = Body::NotificationWithheld { alert: id, rule, reason, until: None, channel };
        self.record(call, body);
    }
}
