//! Rounds of messages: who is told of an alert, who next if nobody answers, and what is taken back.
//!
//! A round runs on time since it began. What channels report is remembered and recorded, and moves no
//! step.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::episode::Note;
use super::output::Output;
use super::patient::{Call, Patient};
use crate::alert::{Alert, CancelDelivery, Delivery, DeliveryIntent, MessagePart, Round};
use crate::error::{Code, Error};
use crate::id::AlertId;
use crate::policy::{AlertClass, Policy, Wanted, minute_of_day};
use crate::record::{
    AlertChange, Body, DeliveryState, IntentKey, Level, NotifyReason, Target, WithholdReason,
};
use crate::small_map::SmallMap;
use crate::time::HostTime;

/// To whom a message goes, and how.
type Address = (Target, String);

/// A message in the making.
struct Message {
    /// The alerts it names, with how far their escalation had come.
    alerts: Vec<AlertId>,
    reason: NotifyReason,
    escalation: String,
    step: u16,
    queue: String,
    /// What makes its key one.
    mark: String,
    replaces: Option<IntentKey>,
}

impl Patient {
    /// Begins a round: from the first step on, by the route that takes the alert now.
    pub fn begin(&mut self, call: &mut Call<'_>, id: AlertId, reason: NotifyReason) {
        let (policy, now) = (call.policy, call.now);
        let care = policy.care();
        let Some(alert) = self.alert(id).filter(|_| !care.routes.is_empty()) else {
            return;
        };
        if reason == NotifyReason::Stale && alert.is_escalating() {
            // Somebody is being told of it, and maybe at a higher level than a reminder has.
            return;
        }
        if let Some(why) = self.told_nobody(alert) {
            return self.withhold(call, id, why, None);
        }
        let level = pressing(alert, reason);
        let Some(route) = self.route_of(policy, alert, reason, now) else {
            return self.withhold(call, id, WithholdReason::NoRoute, None);
        };
        self.stop(call, id, WithholdReason::Superseded, false);
        // The record of the news has said so, if there is one.
        let queue = self.reroute(call, id, reason);
        if queue.is_some() {
            self.tell(call, id, AlertChange::Rerouted, Note { queue, ..Note::default() });
        }
        let offset = self.care().offset_min(policy);
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        alert.escalation.round = alert.escalation.round.saturating_add(1);
        alert.escalation.exhausted = false;
        if care.escalation(route).is_none() {
            return;
        }
        let (since, digest) = care.goes_out(route, level, now, offset);
        alert.escalation.running = Some(Round { since, reason, next: 0 });
        if since > now {
            let why = if digest { WithholdReason::Digest } else { WithholdReason::QuietHours };
            return self.withhold(call, id, why, Some(since));
        }
        self.send_due(call);
    }

    /// What is urgent does not wait for the end of quiet hours, although its round began when it
    /// was not.
    pub fn hurry(&mut self, call: &mut Call<'_>, id: AlertId) {
        let Some(alert) = self.alert(id).filter(|alert| alert.is_active()) else {
            return;
        };
        let put_off = alert.escalation.running.filter(|round| round.since > call.now);
        if let Some(round) = put_off.filter(|r| pressing(alert, r.reason) == Level::Urgent) {
            self.begin(call, id, round.reason);
        }
    }

    /// Finds the route that takes an alert now, if somebody should be told of it. Returns the queue in
    /// which it waits from now on, if that is another one.
    pub fn reroute(
        &mut self,
        call: &Call<'_>,
        id: AlertId,
        reason: NotifyReason,
    ) -> Option<String> {
        let care = call.policy.care();
        let reminded = |a: &Alert| reason == NotifyReason::Stale && a.is_escalating();
        let alert = self.alert(id).filter(|a| a.wants_answer() && !reminded(a))?;
        let route = self.route_of(call.policy, alert, reason, call.now)?;
        let alert = self.alert_mut(id)?;
        let before = alert.escalation.route.replace(route);
        let queue = |route: u16| care.routes.get(usize::from(route)).map(|route| &route.queue);
        let moved = queue(route) != before.and_then(queue);
        queue(route).filter(|_| moved).cloned()
    }

    pub fn route_of(
        &self,
        policy: &Policy,
        alert: &Alert,
        reason: NotifyReason,
        now: HostTime,
    ) -> Option<u16> {
        let rule = &policy.rules()[alert.rule];
        // When nobody knows whether it still holds, it is the equipment that needs somebody.
        let class = match reason {
            NotifyReason::Unverified => AlertClass::Technical,
            _ => rule.class(),
        };
        let care = self.care();
        let profile = care.profile.as_ref();
        policy.care().route(&Wanted {
            level: pressing(alert, reason),
            class,
            rule: rule.id(),
            cohort: profile.and_then(|profile| profile.what.cohort.as_deref()),
            minute: minute_of_day(now, care.offset_min(policy)),
        })
    }

    /// When the next message of an alert's round is due, or its exhaustion.
    pub fn send_at(&self, policy: &Policy, alert: &Alert) -> Option<HostTime> {
        let (round, route) = (alert.escalation.running?, alert.escalation.route?);
        let escalation = policy.care().escalation(route)?;
        let send = escalation.sends.get(usize::from(round.next));
        let after = send.map_or(escalation.exhausted_after, |send| send.after);
        let offset = self.care().offset_min(policy);
        let level = pressing(alert, round.reason);
        let (at, _) = policy.care().goes_out(route, level, round.since.plus(after), offset);
        Some(at)
    }

    /// Sends what is due. Messages to one person by one channel become one; what would follow within
    /// the policy's time goes with it.
    pub fn send_due(&mut self, call: &mut Call<'_>) {
        let mut messages: SmallMap<Address, Message> = SmallMap::new();
        let ids: Vec<AlertId> = self.alerts.iter().map(|alert| alert.id).collect();
        for id in &ids {
            while self.is_due(call.policy, *id, call.now) {
                self.take_send(call, *id, &mut messages);
            }
        }
        let soon = call.now.plus(call.policy.care().group_within);
        for id in &ids {
            let joins = self.addresses(call, *id).is_some_and(|addresses| {
                !addresses.is_empty() && addresses.iter().all(|to| messages.contains_key(to))
            });
            if joins && self.is_due(call.policy, *id, soon) {
                self.take_send(call, *id, &mut messages);
            }
        }
        for (address, message) in messages {
            self.send(call, address, message);
        }
        call.rearm = true;
    }

    fn is_due(&self, policy: &Policy, id: AlertId, now: HostTime) -> bool {
        let at = self.alert(id).and_then(|alert| self.send_at(policy, alert));
        at.is_some_and(|at| at <= now)
    }

    /// Where the next message of an alert's round goes, as far as the patient agrees; nothing if
    /// nobody is left.
    fn addresses(&self, call: &Call<'_>, id: AlertId) -> Option<Vec<Address>> {
        let escalation = self.alert(id)?.escalation;
        let (round, route) = (escalation.running?, escalation.route?);
        let sends = &call.policy.care().escalation(route)?.sends;
        let send = sends.get(usize::from(round.next))?;
        let person = |function: &String| {
            let shift = call.roster.on_duty(function, self.tenant.as_ref(), &self.id, call.now);
            let person = shift.map(|shift| shift.person.clone());
            Target { function: function.clone(), person }
        };
        let targets = send.to.iter().map(person);
        let allowed: Vec<&String> =
            send.channels.iter().filter(|channel| !self.care().declines(channel)).collect();
        let channels = |target: Target| {
            allowed.iter().map(move |channel| (target.clone(), (*channel).clone()))
        };
        Some(targets.flat_map(channels).collect())
    }

    /// Takes the next send of an alert's round into messages, or finds it exhausted.
    fn take_send(
        &mut self,
        call: &mut Call<'_>,
        id: AlertId,
        messages: &mut SmallMap<Address, Message>,
    ) {
        let (addresses, policy) = (self.addresses(call, id), call.policy);
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let Some((round, route)) = alert.escalation.running.zip(alert.escalation.route) else {
            return;
        };
        let care = policy.care();
        let Some(escalation) = care.escalation(route) else {
            alert.escalation.running = None;
            return;
        };
        let Some(addresses) = addresses else {
            alert.escalation.running = None;
            alert.escalation.exhausted = true;
            let (rule, name) = (policy.rules()[alert.rule].label(), escalation.id.clone());
            return self.exhausted(call, id, rule, name);
        };
        alert.escalation.running = Some(Round { next: round.next + 1, ..round });
        let mark = format!("{id}/{}/{}", alert.escalation.round, round.next);
        let send = &escalation.sends[usize::from(round.next)];
        for channel in &send.channels {
            if self.care().declines(channel) {
                self.decline(call, id, channel);
            }
        }
        let step = send.step;
        for address in addresses {
            let message = messages.get_or_insert_with(address, || Message {
                alerts: Vec::new(),
                reason: round.reason,
                escalation: escalation.id.clone(),
                step,
                queue: care.routes[usize::from(route)].queue.clone(),
                mark: String::new(),
                replaces: None,
            });
            if !message.alerts.contains(&id) {
                message.alerts.push(id);
                message.mark.push_str(&mark);
                message.mark.push(' ');
            }
        }
    }

    fn exhausted(&mut self, call: &mut Call<'_>, alert: AlertId, rule: String, escalation: String) {
        let (tenant, patient) = (self.tenant.clone(), self.id.clone());
        let body = Body::EscalationExhausted { alert, rule, escalation: escalation.clone() };
        self.record(call, body);
        call.out.push(Output::EscalationExhausted { tenant, patient, alert, escalation });
    }

    fn send(&mut self, call: &mut Call<'_>, (target, channel): Address, mut message: Message) {
        let grave = |id: &AlertId| {
            let level = self.alert(*id).map(Alert::level_now);
            (core::cmp::Reverse(level), *id)
        };
        message.alerts.sort_by_key(grave);
        let tenant = self.tenant.as_ref().map_or("", |tenant| tenant.as_str());
        let person = target.person.as_deref().unwrap_or_default();
        let parts = [tenant, self.id.as_str(), &message.mark, &target.function, person, &channel];
        let key = IntentKey::of(&parts);
        let body = Body::DeliveryPlanned {
            key,
            alerts: message.alerts.clone(),
            target: target.clone(),
            channel: channel.clone(),
            reason: message.reason,
            escalation: message.escalation,
            step: message.step,
            replaces: message.replaces,
        };
        self.record(call, body);
        let parts = message.alerts.iter().filter_map(|id| self.part(call, *id)).collect();
        let expires_at = call.now.plus(call.policy.care().expire_after);
        let intent = DeliveryIntent {
            key,
            tenant: self.tenant.clone(),
            patient: self.id.clone(),
            parts,
            target: target.clone(),
            channel: channel.clone(),
            queue: message.queue,
            reason: message.reason,
            at: call.now,
            expires_at,
            replaces: message.replaces,
        };
        call.out.push(Output::Deliver(intent.into()));
        let (alerts, state) = (message.alerts, DeliveryState::Planned);
        let delivery = Delivery { key, alerts, target, channel, state, expires_at };
        self.forget_deliveries();
        self.care_mut().deliveries.push(delivery);
    }

    /// Of messages that are no longer under way only those of open alerts are remembered.
    fn forget_deliveries(&mut self) {
        let open: Vec<AlertId> = self.alerts.iter().filter(|a| a.is_open()).map(|a| a.id).collect();
        let kept = |d: &Delivery| {
            d.state.is_under_way() || d.alerts.iter().any(|alert| open.contains(alert))
        };
        self.care_mut().deliveries.retain(kept);
    }

    fn part(&mut self, call: &Call<'_>, id: AlertId) -> Option<MessagePart> {
        let alert = self.alert(id)?;
        let (rule, revision, onset) = (alert.rule, alert.revision, alert.onset);
        let level: Level = alert.level_now();
        let evidence = self.evidence_now(call, rule);
        let words: Vec<String> = evidence.iter().map(ToString::to_string).collect();
        let def = &call.policy.rules()[rule];
        Some(MessagePart {
            alert: id,
            revision,
            rule: def.id().into(),
            title: def.title().into(),
            level,
            onset,
            detail: words.join("; "),
        })
    }

    /// Tells one person of one alert, outside the steps.
    pub fn tell_person(
        &mut self,
        call: &mut Call<'_>,
        id: AlertId,
        person: &str,
        reason: NotifyReason,
    ) {
        let policy = call.policy;
        let Some(alert) = self.alert(id).filter(|alert| self.told_nobody(alert).is_none()) else {
            return;
        };
        let mark = format!("{id}@{}", alert.revision);
        let route = self.route_of(policy, alert, reason, call.now);
        let Some((route, escalation)) = route.and_then(|r| Some((r, policy.care().escalation(r)?)))
        else {
            return;
        };
        let queue = &policy.care().routes[usize::from(route)].queue;
        let channels = escalation.sends.first().map_or(&[][..], |send| &send.channels);
        for channel in channels {
            if self.care().declines(channel) {
                self.decline(call, id, channel);
                continue;
            }
            let message = Message {
                alerts: Vec::from([id]),
                reason,
                escalation: escalation.id.clone(),
                step: 0,
                queue: queue.clone(),
                mark: mark.clone(),
                replaces: None,
            };
            let target = Target { function: "assignee".into(), person: Some(person.into()) };
            self.send(call, (target, channel.clone()), message);
        }
    }

    /// Ends an alert's round, and takes back what is under way of it. `news` is whether somebody would
    /// have been told right now.
    pub fn stop(&mut self, call: &mut Call<'_>, id: AlertId, reason: WithholdReason, news: bool) {
        let care = !call.policy.care().routes.is_empty();
        let Some(alert) = self.alert_mut(id) else {
            return;
        };
        let ran = alert.escalation.running.take().is_some();
        let hushed = !alert.suppression.is_none() || reason == WithholdReason::NoConsent;
        if care && hushed && alert.wants_answer() && (ran || news) {
            let until = alert.suppression.until();
            self.withhold(call, id, reason, until);
        }
        let under_way = |d: &&Delivery| d.state.is_under_way() && d.alerts.contains(&id);
        let keys: Vec<IntentKey> =
            self.care().deliveries.iter().filter(under_way).map(|d| d.key).collect();
        for key in keys {
            self.cancel(call, key, id, reason);
        }
    }

    /// Takes a message back because of one alert. What else it named, and still wants an answer, gets
    /// one of its own in its place.
    fn cancel(
        &mut self,
        call: &mut Call<'_>,
        key: IntentKey,
        because: AlertId,
        reason: WithholdReason,
    ) {
        let Some(((target, channel), named)) = self.take_back(call, key, reason) else {
            return;
        };
        let waits = |id: &AlertId| {
            let alert = self.alert(*id).filter(|alert| self.told_nobody(alert).is_none());
            *id != because && alert.is_some_and(|a| a.wants_answer() && a.suppression.is_none())
        };
        let rest: Vec<AlertId> = named.into_iter().filter(waits).collect();
        let first = rest.first().and_then(|id| self.alert(*id));
        let route = first.and_then(|alert| alert.escalation.route);
        let care = call.policy.care();
        let Some((route, escalation)) = route.and_then(|r| Some((r, care.escalation(r)?))) else {
            return;
        };
        let message = Message {
            alerts: rest,
            reason: NotifyReason::Regrouped,
            escalation: escalation.id.clone(),
            step: 0,
            queue: care.routes[usize::from(route)].queue.clone(),
            mark: format!("for {key}"),
            replaces: Some(key),
        };
        self.send(call, (target, channel), message);
    }

    /// Takes a message back. Returns where it went, and the alerts that it named.
    pub fn take_back(
        &mut self,
        call: &mut Call<'_>,
        key: IntentKey,
        reason: WithholdReason,
    ) -> Option<(Address, Vec<AlertId>)> {
        let delivery = self.care_mut().deliveries.iter_mut().find(|d| d.key == key)?;
        delivery.state = DeliveryState::Cancelled;
        let (target, channel) = (delivery.target.clone(), delivery.channel.clone());
        let named = delivery.alerts.clone();
        let state = DeliveryState::Cancelled;
        self.record(call, Body::DeliveryChanged { key, state, reason: Some(reason) });
        call.out.push(Output::Cancel(CancelDelivery {
            tenant: self.tenant.clone(),
            patient: self.id.clone(),
            key,
            target: target.clone(),
            channel: channel.clone(),
            reason,
        }));
        Some(((target, channel), named))
    }

    /// The host reports of a message.
    pub fn report(
        &mut self,
        call: &mut Call<'_>,
        key: IntentKey,
        state: DeliveryState,
    ) -> Result<(), Error> {
        self.chain.inputs += 1;
        self.chain.checksum.feed((key.0 >> 64) as u64);
        self.chain.checksum.feed(key.0 as u64);
        self.chain.checksum.feed(state as u64);
        let known = self
            .care
            .as_mut()
            .and_then(|care| care.deliveries.iter_mut().find(|delivery| delivery.key == key));
        let by_host = matches!(
            state,
            DeliveryState::Handed
                | DeliveryState::Delivered
                | DeliveryState::Seen
                | DeliveryState::Failed
        );
        let refused = match known {
            None => Some(Code::UnknownIntent),
            Some(d) if by_host && d.state.may_become(state) => {
                d.state = state;
                None
            }
            Some(_) => Some(Code::ReportOutOfOrder),
        };
        if let Some(code) = refused {
            self.record(call, Body::ReportRefused { key, reason: code.name().into() });
            return Err(Error::new(code));
        }
        self.record(call, Body::DeliveryChanged { key, state, reason: None });
        call.rearm = true;
        Ok(())
    }

    /// When the first message of which nothing was heard is given up.
    pub fn expires_at(&self) -> Option<HostTime> {
        let waits = |d: &&Delivery| d.state.may_become(DeliveryState::Expired);
        self.care().deliveries.iter().filter(waits).map(|d| d.expires_at).min()
    }

    pub fn expire(&mut self, call: &mut Call<'_>, due: HostTime) {
        let late =
            |d: &&mut Delivery| d.state.may_become(DeliveryState::Expired) && d.expires_at <= due;
        let mut keys = Vec::new();
        for delivery in self.care_mut().deliveries.iter_mut().filter(late) {
            delivery.state = DeliveryState::Expired;
            keys.push(delivery.key);
        }
        for key in keys {
            let state = DeliveryState::Expired;
            self.record(call, Body::DeliveryChanged { key, state, reason: None });
        }
    }

    /// Whether any message that names an alert has left the host.
    pub fn was_told(&self, id: AlertId) -> bool {
        let told = |d: &Delivery| d.state.was_handed() && d.alerts.contains(&id);
        self.care().deliveries.iter().any(told)
    }
}

/// How pressing a message is. What has been open for a day is reviewed, not paged about again.
fn pressing(alert: &Alert, reason: NotifyReason) -> Level {
    match reason {
        NotifyReason::Stale => alert.level_now().min(Level::Review),
        _ => alert.level_now(),
    }
}
