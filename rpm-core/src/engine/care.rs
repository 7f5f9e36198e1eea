//! What keeps an alert from annunciating, and what is known of the patient that bears on it.
//!
//! The suppression region of an alert is a function of its causes; [`Patient::attend`] brings it, and
//! the round of messages, in line with what the alert has become.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::episode::Note;
use super::lane::Effects;
use super::patient::{Call, Patient};
use crate::alert::{Alert, Delivery, Suppression, SuppressionState};
use crate::event::{Context, DeviceStatus, Profile};
use crate::id::{AlertId, DeviceKey};
use crate::policy::Policy;
use crate::policy::care::spec::CircumstanceSpec;
use crate::record::{
    AlertChange, Body, ConditionState, Level, NotifyReason, Tried, WithholdReason,
};
use crate::small_map::SmallMap;
use crate::time::{HostTime, Timestamp};

/// What only a few patients have at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct CareState {
    pub profile: Option<Dated<Profile>>,
    /// Of each class of device.
    pub devices: SmallMap<String, Dated<DeviceStatus>>,
    pub shelves: Vec<Shelf>,
    pub deliveries: Vec<Delivery>,
    /// What people made of each rule's alerts, by its name.
    pub history: SmallMap<String, History>,
}

/// What was known when; what is older does not replace it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dated<T> {
    pub observed_at: Timestamp,
    pub what: T,
}

/// A rule that a person keeps from annunciating for a patient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shelf {
    pub rule: usize,
    /// What is worse breaks through; nothing breaks through while out of service.
    pub level: Level,
    /// `Shelved` or `OutOfService`.
    pub why: Suppression,
}

/// See the terms of [`crate::alert::priority`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct History {
    pub acknowledged: u8,
    pub false_alarms: u8,
    /// What was done, and whether it helped; the latest comes last.
    pub interventions: Vec<Tried>,
}

static NOTHING: CareState = CareState {
    profile: None,
    devices: SmallMap::new(),
    shelves: Vec::new(),
    deliveries: Vec::new(),
    history: SmallMap::new(),
};

impl CareState {
    /// Local time of the patient.
    pub fn offset_min(&self, policy: &Policy) -> i16 {
        let profile = self.profile.as_ref().and_then(|profile| profile.what.utc_offset_min);
        profile.unwrap_or(policy.care().offset_min)
    }

    /// Whether circumstances are known to be so.
    fn are(&self, now: &Context, wanted: &CircumstanceSpec) -> bool {
        let device = wanted.device_class.as_ref().and_then(|class| self.devices.get(class));
        same(&wanted.care_phase, &now.care_phase)
            && same(&wanted.activity, &now.activity)
            && same(&wanted.posture, &now.posture)
            && same(&wanted.asleep, &now.asleep)
            && same(&wanted.on_oxygen, &now.on_oxygen)
            && same(&wanted.worn, &device.and_then(|device| device.what.worn))
            && same(&wanted.link_up, &device.and_then(|device| device.what.link_up))
    }
}

fn same<T: PartialEq>(wanted: &Option<T>, known: &Option<T>) -> bool {
    wanted.is_none() || wanted == known
}

impl Shelf {
    fn holds(&self, alert: &Alert, now: HostTime) -> bool {
        self.rule == alert.rule
            && self.until().is_none_or(|until| now < until && !self.is_broken_by(alert))
    }

    /// Whether the alert is worse than what was put aside; what is over is not.
    fn is_broken_by(&self, alert: &Alert) -> bool {
        self.rule == alert.rule
            && self.until().is_some()
            && alert.is_active()
            && alert.level_now() > self.level
    }

    /// When it comes down by itself.
    pub fn until(&self) -> Option<HostTime> {
        self.why.until()
    }
}

impl Patient {
    pub fn care(&self) -> &CareState {
        self.care.as_deref().unwrap_or(&NOTHING)
    }

    pub fn care_mut(&mut self) -> &mut CareState {
        self.care.get_or_insert_with(Box::default)
    }

    pub fn alert(&self, id: AlertId) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.id == id)
    }

    pub fn alert_mut(&mut self, id: AlertId) -> Option<&mut Alert> {
        self.alerts.iter_mut().find(|alert| alert.id == id)
    }

    /// Circumstances changed: what they explain is looked at again.
    pub fn take_circumstances(&mut self, call: &mut Call<'_>, take: impl FnOnce(&mut CareState)) {
        take(self.care_mut());
        self.attend_all(call, None);
        call.rearm = true;
    }

    /// The patient's circumstances changed, from a time on.
    pub fn take_context(&mut self, call: &mut Call<'_>, at: Timestamp, context: &Context) {
        self.lane.know_context(call.policy, at, context);
        self.circumstances_changed(call, at);
        self.attend_all(call, None);
        call.rearm = true;
    }

    /// A device says that it is worn from a time on, or that it is not.
    pub fn take_wearing(
        &mut self,
        call: &mut Call<'_>,
        device: DeviceKey,
        at: Timestamp,
        worn: bool,
    ) {
        let mut effects = Effects::of_circumstances(call.now);
        let came = self.lane.know_wearing(call.policy, device, at, worn, &mut effects);
        for (signal, observed_at) in came {
            self.signal_is_back(call, signal, observed_at);
        }
        self.take_effects(call, effects);
        call.rearm = true;
    }

    /// What rules and scores ask of beside measurements is otherwise from a time on.
    pub fn circumstances_changed(&mut self, call: &mut Call<'_>, from: Timestamp) {
        let mut effects = Effects::of_circumstances(call.now);
        self.lane.circumstances_changed(call.policy, from.as_millis(), &mut effects);
        self.take_effects(call, effects);
    }

    /// Why an open alert should annunciate nothing now. Where several causes hold, the first that
    /// is found is said: maintenance, a person, circumstances, another alert.
    pub fn cause(&self, policy: &Policy, now: HostTime, alert: &Alert) -> Suppression {
        let care = self.care();
        let held = care.shelves.iter().filter(|shelf| shelf.holds(alert, now));
        if let Some(shelf) = held.max_by_key(|shelf| shelf.why.state()) {
            return shelf.why.clone();
        }
        let rule = policy.rules()[alert.rule].id();
        let level = alert.level_now();
        // What is over does not break through what explained it while it was there.
        let explained = |id: &String| match &alert.suppression {
            Suppression::ByRule { id: known } => !alert.is_active() && known == id,
            _ => false,
        };
        let explains = policy.care().suppressions.iter().find(|c| {
            (level <= c.at_most || explained(&c.id))
                && c.rules.iter().any(|r| r == rule)
                && care.are(self.lane.background.situation.now(), &c.when)
        });
        if let Some(circumstance) = explains {
            return Suppression::ByRule { id: circumstance.id.clone() };
        }
        // What has been annunciated goes on.
        let silent = alert.rounds() == 0;
        let by = silent.then(|| self.inhibitor(policy, rule, level)).flatten();
        by.map_or(Suppression::None, |alert| Suppression::InhibitedBy { alert })
    }

    /// An open alert that says what one of this rule would say.
    fn inhibitor(&self, policy: &Policy, rule: &str, level: Level) -> Option<AlertId> {
        let inhibitions = policy.care().inhibitions.iter();
        let by: Vec<&str> = inhibitions
            .filter(|i| i.rules.iter().any(|r| r == rule))
            .map(|i| i.by.as_str())
            .collect();
        let speaks = |a: &&Alert| {
            by.contains(&policy.rules()[a.rule].id())
                && a.is_open()
                && a.is_active()
                && !a.shadow
                && a.suppression.is_none()
                && a.level_now() >= level
        };
        self.alerts.iter().find(speaks).map(|alert| alert.id)
    }

    /// After an alert changed, or what bears on it: its suppression, its messages, and alerts that it
    /// may inhibit. `news` is why somebody should be told, if somebody should.
    pub fn attend(&mut self, call: &mut Call<'_>, id: AlertId, news: Option<NotifyReason>) {
        // That it is worse is what brought it out of a suppression, and what is said.
        let rose = news.filter(|news| *news == NotifyReason::Raised);
        let news = rose.or(self.suppress(call, id)).or(news);
        let news = news.or(self.surface(call, id));
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let answer = alert.wants_answer();
        let since = alert.escalation.unattended_since;
        alert.escalation.unattended_since = answer.then(|| since.unwrap_or(call.now));
        let over = match (alert.is_open(), answer, alert.suppression.state()) {
            (false, ..) => Some(WithholdReason::Closed),
            (true, true, SuppressionState::None) => None,
            (true, true, state) => Some(withheld(state)),
            (true, false, _) if alert.response.owner().is_some() => Some(WithholdReason::Answered),
            (true, false, _) => Some(WithholdReason::Cleared),
        };
        if over == Some(WithholdReason::Closed) {
            self.drop_kept(id);
        }
        match (over, news) {
            (Some(reason), news) => self.stop(call, id, reason, news.is_some()),
            (None, Some(reason)) => self.begin(call, id, reason),
            (None, None) => self.hurry(call, id),
        }
        self.attend_all(call, Some(id));
        call.rearm = true;
    }

    /// Every open alert but one, whose suppression may have changed.
    pub fn attend_all(&mut self, call: &mut Call<'_>, but: Option<AlertId>) {
        let (policy, now) = (call.policy, call.now);
        let moved = |p: &Self| {
            let open = p.alerts.iter().filter(|a| a.is_open() && Some(a.id) != but);
            let moves = |a: &&Alert| {
                p.cause(policy, now, a) != a.suppression || p.may_surface(policy, a, now)
            };
            let mut moved = open.filter(moves);
            moved.next().map(|alert| alert.id)
        };
        while let Some(id) = moved(self) {
            self.attend(call, id, None);
        }
    }

    /// Brings the suppression region in line with its causes. Returns why somebody should be told.
    fn suppress(&mut self, call: &mut Call<'_>, id: AlertId) -> Option<NotifyReason> {
        let alert = self.alerts.iter().find(|alert| alert.id == id && alert.is_open())?;
        // What was broken through does not come back when the level falls again.
        if let Some(care) = &mut self.care {
            care.shelves.retain(|shelf| !shelf.is_broken_by(alert));
        }
        let to = self.cause(call.policy, call.now, alert);
        if to == alert.suppression {
            return None;
        }
        let alert = self.alert_mut(id)?;
        let change = change_to(to.state());
        alert.suppression = to;
        alert.revision += 1;
        let news = alert.suppression.is_none().then(|| unsuppressed_news(alert)).flatten();
        let queue = news.and_then(|reason| self.reroute(call, id, reason));
        self.tell(call, id, change, Note { queue, ..Note::default() });
        news
    }

    /// Takes a shelf down, or finds that its time has come.
    pub fn unshelve(&mut self, call: &mut Call<'_>, rule: usize) {
        let now = call.now;
        let stays = |s: &Shelf| s.rule != rule || s.until().is_none_or(|until| until > now);
        self.care_mut().shelves.retain(stays);
        let last = self.alerts.iter().filter(|alert| alert.rule == rule).max_by_key(|a| a.id);
        let Some((id, open)) = last.map(|alert| (alert.id, alert.is_open())) else {
            return;
        };
        if open {
            self.attend_all(call, None);
        } else {
            // It was resolved meanwhile; whoever put it aside should know.
            if let Some(alert) = self.alert_mut(id).filter(|alert| !alert.suppression.is_none()) {
                alert.suppression = Suppression::None;
                alert.revision += 1;
            }
            self.tell(call, id, AlertChange::Unsuppressed, Note::default());
        }
        call.rearm = true;
    }

    pub fn withhold(
        &mut self,
        call: &mut Call<'_>,
        id: AlertId,
        reason: WithholdReason,
        until: Option<HostTime>,
    ) {
        let Some(alert) = self.alert(id) else {
            return;
        };
        let rule = call.policy.rules()[alert.rule].label();
        let channel = None;
        self.record(call, Body::NotificationWithheld { alert: id, rule, reason, until, channel });
    }
}

/// Why somebody is told of an alert that annunciates again. What is not so any more is in the record;
/// of what nobody knows, that is what is said.
pub(crate) fn unsuppressed_news(alert: &Alert) -> Option<NotifyReason> {
    match alert.condition {
        _ if !alert.wants_answer() => None,
        ConditionState::ActiveUnverified(_) => Some(NotifyReason::Unverified),
        _ => Some(NotifyReason::Unsuppressed),
    }
}

pub(crate) fn change_to(state: SuppressionState) -> AlertChange {
    match state {
        SuppressionState::None => AlertChange::Unsuppressed,
        SuppressionState::Shelved => AlertChange::Shelved,
        SuppressionState::SuppressedByRule => AlertChange::SuppressedByRule,
        SuppressionState::InhibitedBy => AlertChange::Inhibited,
        SuppressionState::OutOfService => AlertChange::OutOfService,
    }
}

fn withheld(state: SuppressionState) -> WithholdReason {
    match state {
        SuppressionState::Shelved => WithholdReason::Shelved,
        SuppressionState::SuppressedByRule => WithholdReason::SuppressedByRule,
        SuppressionState::InhibitedBy => WithholdReason::InhibitedBy,
        SuppressionState::OutOfService | SuppressionState::None => WithholdReason::OutOfService,
    }
}
