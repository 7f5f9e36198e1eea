//! What keeps an alert quiet, and who is told of one that nothing keeps quiet.

use super::*;

impl Model {
    /// Maintenance, a person, circumstances, another alert: the first that holds.
    pub(super) fn cause(&self, alert: &Alert) -> Quiet {
        let shelf = |timed: bool| {
            let fits = |s: &&Shelf| s.rule == alert.rule && s.until.is_some() == timed;
            self.shelves.iter().any(|s| fits(&s) && s.until.is_none_or(|until| self.now < until))
        };
        // What is over cannot break through what explained it while it was there.
        let hidden = alert.now.is_none() && alert.quiet == Quiet::ByRule;
        let mild = alert.level() <= Level::Review || hidden;
        if shelf(false) {
            return Quiet::OutOfService;
        }
        if shelf(true) {
            return Quiet::Shelved;
        }
        let explained = [HR_HIGH, SPO2_MILD].contains(&alert.rule);
        if explained && mild && self.phase == Some("procedure") {
            return Quiet::ByRule;
        }
        let speaks =
            |a: &&Alert| a.rule == SPO2_LOW && a.open() && a.now.is_some() && a.quiet == Quiet::No;
        match self.alerts.iter().find(speaks) {
            Some(by) if alert.rule == SPO2_MILD && alert.rounds == 0 => Quiet::Inhibited(by.id),
            _ => Quiet::No,
        }
    }

    /// A shelf holds up to the level that was put aside; once broken through it is gone.
    pub(super) fn break_shelves(&mut self, id: u32) {
        let alert = self.alert(id).unwrap().clone();
        if alert.open() && alert.now.is_some() {
            let stays =
                |s: &Shelf| s.rule != alert.rule || s.until.is_none() || alert.now <= Some(s.level);
            self.shelves.retain(stays);
        }
    }

    /// Brings an alert's suppression and its messages in line with what it has become, and then those
    /// of others on which it bears.
    pub(super) fn attend(&mut self, id: u32, news: Option<Why>) {
        self.attend_one(id, news);
        while let Some(other) = self.alerts.iter().find(|a| a.open() && self.cause(a) != a.quiet) {
            self.attend_one(other.id, None);
        }
    }

    pub(super) fn attend_all(&mut self) {
        while let Some(other) = self.alerts.iter().find(|a| a.open() && self.cause(a) != a.quiet) {
            self.attend(other.id, None);
        }
    }

    pub(super) fn attend_one(&mut self, id: u32, mut news: Option<Why>) {
        let now = self.now;
        self.break_shelves(id);
        let to = self.cause(self.alert(id).unwrap());
        let alert = self.get(id);
        if alert.open() && to != alert.quiet {
            alert.quiet = to;
            alert.revision += 1;
            if to == Quiet::No && alert.wants_answer() {
                let why = if alert.unverified { Why::Unverified } else { Why::Unsuppressed };
                // That it is worse is what brought it out.
                news = news.filter(|news| *news == Why::Raised).or(Some(why));
            }
        }
        if !alert.wants_answer() {
            alert.round = None;
            return self.take_back(id);
        }
        if alert.quiet == Quiet::No {
            // What is urgent does not wait for the end of quiet hours.
            let now_urgent = alert.now == Some(Level::Urgent);
            let hurries = |round: &Round| now_urgent && round.why != Why::Stale;
            let put_off = alert.round.clone().filter(|round| hurries(round) && round.since > now);
            if let Some(why) = news.or(put_off.map(|round| round.why)) {
                self.begin(id, why);
            }
            return;
        }
        let ran = alert.round.take().is_some();
        let not = match alert.quiet {
            Quiet::Shelved => Not::Shelved,
            Quiet::OutOfService => Not::OutOfService,
            Quiet::ByRule => Not::SuppressedByRule,
            _ => Not::InhibitedBy,
        };
        if ran || news.is_some() {
            self.said.push(Said::Withheld(id, not));
        }
        self.take_back(id);
    }

    /// Messages under way are taken back; what else they named and is unanswered is said again.
    pub(super) fn take_back(&mut self, id: u32) {
        for place in 0..self.messages.len() {
            let message = &mut self.messages[place];
            if !under_way(message.state) || !message.alerts.contains(&id) {
                continue;
            }
            message.state = DeliveryState::Cancelled;
            self.said.push(Said::Cancel(place));
            let (mut rest, address) = (message.alerts.clone(), message.address.clone());
            rest.retain(|other| {
                let waits = |a: &Alert| a.wants_answer() && a.quiet == Quiet::No;
                *other != id && self.alert(*other).is_some_and(waits)
            });
            if !rest.is_empty() {
                self.send(rest, address, Why::Regrouped);
            }
        }
    }

    pub(super) fn send(&mut self, alerts: BTreeSet<u32>, address: Address, why: Why) {
        self.said.push(Said::Deliver(alerts.clone(), address.clone(), why));
        let (state, expires_at) = (DeliveryState::Planned, self.now + EXPIRE_AFTER);
        self.messages.push(Message { alerts, address, why, state, expires_at });
    }

    pub(super) fn plan_of(&self, alert: &Alert, why: Why) -> Option<Plan> {
        if alert.rule == HR_MISSING || why == Why::Unverified {
            return Some(CALM);
        }
        match (pressing(alert, why), alert.rule) {
            (Level::Urgent, _) => Some(QUICK),
            (_, SPO2_MILD) => self.ward.tells_mild.then_some(CALM),
            _ => Some(QUICK),
        }
    }

    /// When what is due may go out: nothing but urgent in quiet hours.
    pub(super) fn goes_out(&self, level: Level, due: i64) -> i64 {
        let time = due.rem_euclid(DAY);
        let waits = self.ward.quiet && level != Level::Urgent;
        if waits && (QUIET.0..QUIET.1).contains(&time) { due - time + QUIET.1 } else { due }
    }

    /// A round begins, in place of the one before.
    pub(super) fn begin(&mut self, id: u32, why: Why) {
        if why == Why::Stale && self.alert(id).unwrap().escalating() {
            // Somebody is being told already.
            return;
        }
        self.get(id).round = None;
        self.take_back(id);
        let now = self.now;
        let alert = self.alert(id).unwrap();
        let (plan, since) = (self.plan_of(alert, why), self.goes_out(pressing(alert, why), now));
        let alert = self.get(id);
        alert.rounds += 1;
        alert.exhausted = false;
        let Some(plan) = plan else {
            return;
        };
        alert.round = Some(Round { plan, since, next: 0, why });
        if since > now {
            self.said.push(Said::Withheld(id, Not::QuietHours));
        } else {
            self.send_due();
        }
    }

    pub(super) fn send_at(&self, alert: &Alert) -> Option<i64> {
        let round = alert.round.as_ref()?;
        let (steps, end, _) = round.plan;
        let after = steps.get(round.next).map_or(end, |step| step.0);
        Some(self.goes_out(pressing(alert, round.why), round.since + after))
    }

    pub(super) fn on_duty(&self, function: &str, at: i64) -> Option<&'static str> {
        let on = |t: &&Turn| t.0 == function && t.2 * S <= at && at < t.3 * S;
        self.roster.iter().filter(on).max_by_key(|t| (t.2, t.3)).map(|t| t.1)
    }

    /// What is due now goes out, as one message to each address.
    pub(super) fn send_due(&mut self) {
        let mut out: BTreeMap<Address, (BTreeSet<u32>, Why)> = BTreeMap::new();
        for place in 0..self.alerts.len() {
            while self.send_at(&self.alerts[place]).is_some_and(|at| at <= self.now) {
                let alert = &mut self.alerts[place];
                let (id, round) = (alert.id, alert.round.as_mut().unwrap());
                let Some((_, function, channels)) = round.plan.0.get(round.next) else {
                    self.said.push(Said::Exhausted(id, round.plan.2));
                    alert.round = None;
                    alert.exhausted = true;
                    break;
                };
                round.next += 1;
                let why = round.why;
                let person = self.on_duty(function, self.now).map(String::from);
                for channel in *channels {
                    if self.declined.contains(channel) {
                        self.said.push(Said::Withheld(id, Not::PatientDeclined));
                        continue;
                    }
                    let to = ((*function).into(), person.clone(), (*channel).into());
                    out.entry(to).or_insert((BTreeSet::new(), why)).0.insert(id);
                }
            }
        }
        for (address, (alerts, why)) in out {
            self.send(alerts, address, why);
        }
    }

    /// One person is told at once.
    pub(super) fn tell(&mut self, id: u32, person: &str, why: Why) {
        if let Some((steps, ..)) = self.plan_of(self.alert(id).unwrap(), why) {
            for channel in steps[0].2 {
                if self.declined.contains(channel) {
                    self.said.push(Said::Withheld(id, Not::PatientDeclined));
                    continue;
                }
                let to = ("assignee".into(), Some(person.into()), (*channel).into());
                self.send(BTreeSet::from([id]), to, why);
            }
        }
    }
}

/// What has been open for long is reviewed, not paged about again.
fn pressing(alert: &Alert, why: Why) -> Level {
    if why == Why::Stale { alert.level().min(Level::Review) } else { alert.level() }
}
