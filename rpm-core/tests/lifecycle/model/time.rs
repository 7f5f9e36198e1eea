//! What happens because time passes.

use super::*;

impl Model {
    /// Everything that is due until then happens, one after the other; of what is due at once, in
    /// the order of the list.
    pub fn advance(&mut self, until: i64) {
        while let Some((at, what, which)) = self.next_due().filter(|(at, ..)| *at <= until) {
            self.now = at.max(self.done);
            self.done = self.now;
            match what {
                0 => self.goes_missing(),
                1 => self.unverified(which as usize),
                2 => self.shelf_ends(which as usize),
                3 => self.lapse(which, Why::AcknowledgementLapsed),
                4 => self.lapse(which, Why::RemediationOverdue),
                5 => self.shift_ends(which),
                6 => {
                    let alert = self.get(which);
                    alert.revision += 1;
                    alert.cleared_at = None;
                    self.close(which);
                }
                7 => self.reopen(which),
                8 => self.send_due(),
                9 => {
                    let alert = self.get(which);
                    alert.stale += 1;
                    alert.revision += 1;
                    self.attend(which, Some(Why::Stale));
                }
                10 => self.expire(),
                _ => self.judge(which, false),
            }
        }
        self.now = until;
        self.done = until;
    }

    pub(super) fn next_due(&self) -> Option<(i64, u8, u32)> {
        let mut due: Vec<(i64, u8, u32)> = Vec::new();
        if !self.rules[HR_MISSING].missing {
            due.push((self.heart_at + MISSING_FOR, 0, 0));
        }
        for (rule, after) in [(HR_HIGH, 100 * S), (SPO2_LOW, 200 * S), (SPO2_MILD, 200 * S)] {
            let known = &self.rules[rule];
            if known.level.is_some() && known.episode.is_some() && !known.unverified {
                due.push((known.told_at + after, 1, rule as u32));
            }
        }
        for shelf in &self.shelves {
            due.extend(shelf.until.map(|until| (until, 2, shelf.rule as u32)));
        }
        for alert in &self.alerts {
            self.dues(alert, &mut due);
        }
        for message in &self.messages {
            if matches!(message.state, DeliveryState::Planned | DeliveryState::Handed) {
                due.push((message.expires_at, 10, 0));
            }
        }
        due.into_iter().min()
    }

    pub(super) fn dues(&self, alert: &Alert, due: &mut Vec<(i64, u8, u32)>) {
        let over = alert.now.is_none() && !alert.latched;
        match alert.response {
            // It stands for as long as the policy says, and for good once the condition is over.
            Response::Acknowledged { until: Some(until), .. } if alert.now.is_some() => {
                due.push((until, 3, alert.id));
            }
            Response::InRemediation { due: Some(at), .. } if alert.now.is_some() => {
                due.push((at, 4, alert.id));
            }
            Response::Closed { at, resolved: true }
                if alert.now.is_some() && self.ward.reopens_resolved =>
            {
                due.push((at + 6 * MIN, 7, alert.id));
            }
            _ => {}
        }
        due.extend(self.shift_end(alert).map(|at| (at, 5, alert.id)));
        if !alert.open() {
            return;
        }
        if let Some(cleared_at) = alert.cleared_at.filter(|_| over) {
            let reopen = if self.ward.reopens { 4 * MIN } else { 0 };
            let flaps = if alert.unstable { Self::flap_window(alert.rule) } else { 0 };
            due.push((cleared_at + reopen.max(flaps), 6, alert.id));
        }
        if alert.stale < 100 {
            due.push((alert.opened_at + (alert.stale + 1) * STALE_AFTER, 9, alert.id));
        }
        due.extend(self.send_at(alert).map(|at| (at, 8, 0)));
        if let Some((_, _, Some(finished))) = alert.trial {
            due.push((finished + 30 * MIN, 11, alert.id));
        }
    }

    pub(super) fn goes_missing(&mut self) {
        self.rules[HR_MISSING].missing = true;
        self.follow(HR_MISSING, false);
    }

    pub(super) fn unverified(&mut self, rule: usize) {
        self.rules[rule].unverified = true;
        let id = self.rules[rule].episode.unwrap();
        let alert = self.get(id);
        if alert.open() {
            alert.unverified = true;
            alert.revision += 1;
            self.attend(id, None);
        }
    }

    pub(super) fn shelf_ends(&mut self, rule: usize) {
        let now = self.now;
        self.shelves.retain(|s| s.rule != rule || s.until.is_none_or(|until| until > now));
        // Of an alert that was closed meanwhile it is only said.
        for alert in self.alerts.iter_mut().filter(|a| a.rule == rule && !a.open()) {
            alert.revision +=
                u32::from(std::mem::replace(&mut alert.quiet, Quiet::No) != Quiet::No);
        }
        self.attend_all();
    }

    pub(super) fn lapse(&mut self, id: u32, why: Why) {
        self.judge(id, false);
        let alert = self.get(id);
        alert.response = Response::Unowned;
        alert.repeats += 1;
        alert.revision += 1;
        self.attend(id, Some(why));
    }

    /// The turn of whoever has an alert, as of when they took it.
    pub(super) fn turn(&self, alert: &Alert) -> Option<&'static Turn> {
        let (Response::Acknowledged { by: who, at, .. }
        | Response::InRemediation { owner: who, at, .. }) = &alert.response
        else {
            return None;
        };
        let on = |t: &&Turn| t.1 == who && t.2 * S <= *at && *at < t.3 * S;
        self.roster.iter().filter(on).max_by_key(|t| t.3)
    }

    pub(super) fn shift_end(&self, alert: &Alert) -> Option<i64> {
        self.turn(alert).map(|turn| turn.3 * S)
    }

    pub(super) fn shift_ends(&mut self, id: u32) {
        let turn = self.turn(self.alert(id).unwrap()).unwrap();
        let end = turn.3 * S;
        let Some(next) = self.on_duty(turn.0, end) else {
            return self.lapse(id, Why::AcknowledgementLapsed);
        };
        let alert = self.get(id);
        match &mut alert.response {
            Response::Acknowledged { by: who, at, .. }
            | Response::InRemediation { owner: who, at, .. } => {
                *at = end;
                if std::mem::replace(who, next.into()) == next {
                    return;
                }
            }
            _ => unreachable!(),
        }
        alert.revision += 1;
        self.attend(id, None);
        self.tell(id, next, Why::HandedOver);
    }

    pub(super) fn reopen(&mut self, id: u32) {
        let rule = self.alert(id).unwrap().rule;
        let (level, unverified) = (self.active(rule), self.rules[rule].unverified);
        let alert = self.get(id);
        alert.response = Response::Unowned;
        alert.repeats += 1;
        alert.revision += 1;
        // As things are now.
        (alert.now, alert.unverified) = (level, unverified);
        self.attend(id, Some(Why::Reopened));
    }

    pub(super) fn expire(&mut self) {
        for message in &mut self.messages {
            let open = matches!(message.state, DeliveryState::Planned | DeliveryState::Handed);
            if open && message.expires_at <= self.now {
                message.state = DeliveryState::Expired;
            }
        }
    }
}
