//! What people ask for, and what channels report.

use super::*;

impl Model {
    pub fn command(&mut self, id: u32, seen: u32, who: usize, ask: Ask) -> Result<(), Code> {
        let (actor, role) = PEOPLE[who];
        let now = self.now;
        let alert = self.alert(id).ok_or(Code::UnknownAlert)?;
        let (rule, level, open) = (alert.rule, alert.level(), alert.open());
        if alert.revision != seen {
            return Err(Code::StaleRevision);
        }
        let technician = matches!(ask, Ask::OutOfService | Ask::Return);
        let may = match (role, ask) {
            (_, Ask::Note) => true,
            ("technician", Ask::Acknowledge | Ask::Unacknowledge) => true,
            ("technician", _) => technician,
            ("nurse", Ask::Shelve(_)) => level != Level::Urgent,
            ("nurse" | "doctor", _) => !technician,
            _ => false,
        };
        if !may {
            return Err(Code::NotPermitted);
        }
        if !open && !matches!(ask, Ask::Unshelve | Ask::Return | Ask::Note) {
            return Err(Code::AlertClosed);
        }
        let acknowledged_for = if level == Level::Urgent { 3 * MIN } else { 8 * MIN };
        let until = Some(now + acknowledged_for);
        let seen_by = |by: &str| Response::Acknowledged { by: by.into(), at: now, until };
        let alert = self.get(id);
        let mut news = None;
        match (ask, &alert.response) {
            (Ask::Acknowledge, Response::Acknowledged { .. }) => {
                return Err(Code::AlreadyAcknowledged);
            }
            (Ask::Acknowledge, Response::Unowned) => alert.response = seen_by(actor),
            (
                Ask::Unacknowledge,
                Response::Acknowledged { .. } | Response::InRemediation { .. },
            ) => {
                // Who has done it has done it, whoever has the alert.
                alert.trial = alert.trial.filter(|trial| trial.2.is_some());
                alert.response = Response::Unowned;
                news = Some(Why::GivenBack);
            }
            (Ask::Start { due: Some(..=0), .. }, _) => return Err(Code::TimePassed),
            (Ask::Start { what: Some("two words"), .. }, _) => return Err(Code::BadIntervention),
            (Ask::Start { to, due, what }, Response::Unowned | Response::Acknowledged { .. }) => {
                let usual = (level == Level::Urgent).then_some(now + 5 * MIN);
                let due = due.map(|due| now + due * S).or(usual);
                let owner = to.unwrap_or(actor).into();
                alert.response = Response::InRemediation { owner, at: now, due };
                // What was done before has not been enough.
                self.judge(id, false);
                let alert = self.get(id);
                let there = alert.now.is_some() && !alert.unverified;
                alert.trial = what.filter(|_| there).map(|what| (what, now, None));
            }
            (Ask::Finish, Response::InRemediation { .. }) => {
                alert.response = seen_by(actor);
                alert.trial = alert.trial.map(|(what, since, _)| (what, since, Some(now)));
            }
            (Ask::Resolve(_), _) => {
                alert.response = Response::Closed { at: now, resolved: true };
                alert.latched = false;
                if alert.now.is_none() {
                    self.rules[rule].episode = None;
                }
                self.judge(id, false);
            }
            (Ask::Shelve(..=0), _) => return Err(Code::TimePassed),
            (Ask::Shelve(1801..), _) => return Err(Code::ShelvedTooLong),
            (Ask::Shelve(s), _) => {
                self.shelves.retain(|s| s.rule != rule || s.until.is_none());
                self.shelves.push(Shelf { rule, level, until: Some(now + s * S) });
            }
            (Ask::OutOfService, _) => {
                self.shelves.retain(|s| s.rule != rule || s.until.is_some());
                self.shelves.push(Shelf { rule, level, until: None });
            }
            (Ask::Unshelve | Ask::Return, _) => {
                let meant =
                    |s: &Shelf| s.rule == rule && s.until.is_some() == (ask == Ask::Unshelve);
                if !self.shelves.iter().any(meant) {
                    return Err(Code::NotPossibleNow);
                }
                self.shelves.retain(|s| !meant(s));
                // Of what is closed nothing is hidden any more, should it open again.
                if !open {
                    self.get(id).quiet = Quiet::No;
                }
            }
            (Ask::Assign(_) | Ask::Note, _) => {}
            _ => return Err(Code::NotPossibleNow),
        }
        if ask == Ask::Note {
            return Ok(());
        }
        self.changed_by_person(id, ask, news);
        Ok(())
    }

    pub(super) fn changed_by_person(&mut self, id: u32, ask: Ask, news: Option<Why>) {
        // What a person did and what it brought about is one change.
        let before = self.alert(id).unwrap().revision;
        self.attend(id, news);
        self.get(id).revision = before + 1;
        if let Ask::Assign(to) = ask {
            self.tell(id, to, Why::Assigned);
        }
    }

    pub fn phase(&mut self, phase: &'static str) {
        self.phase = Some(phase);
        self.attend_all();
    }

    /// It is known whether what was done about an alert helped. What is over cannot have failed.
    pub(super) fn judge(&mut self, id: u32, helped: bool) {
        let alert = self.get(id);
        let (rule, over) = (alert.rule, alert.now.is_none());
        let Some((what, ..)) = alert.trial.take().filter(|_| helped || !over) else {
            return;
        };
        // Of a rule the last four different things are remembered.
        let mut others: Vec<&str> = Vec::new();
        for (_, other, _) in self.judged.iter().rev().filter(|(of, ..)| *of == rule) {
            if !others.contains(other) {
                others.push(other);
            }
        }
        let forgotten: Vec<&str> =
            others.into_iter().filter(|other| *other != what).skip(3).collect();
        let known = |of: usize, other: &str| of == rule && forgotten.contains(&other);
        self.judged.push((rule, what, helped));
        self.judged.retain(|(of, other, _)| !known(*of, other));
        let ours = self.judged.iter().filter(|(of, other, _)| (*of, *other) == (rule, what));
        let times: Vec<bool> = ours.map(|(.., helped)| *helped).collect();
        let of = times.iter().filter(|helped| **helped).count() as u16;
        self.said.push(Said::Judged(id, what.into(), helped, (of, times.len() as u16)));
    }

    /// What is under way on channels that the patient declines is taken back.
    pub fn declines(&mut self, channels: &'static [&'static str]) {
        self.declined = channels;
        for place in 0..self.messages.len() {
            let message = &mut self.messages[place];
            if under_way(message.state) && channels.contains(&message.address.2.as_str()) {
                message.state = DeliveryState::Cancelled;
                self.said.push(Said::Cancel(place));
            }
        }
    }

    pub fn roster(&mut self, which: usize) {
        self.roster = ROSTERS[which];
    }

    pub fn report(&mut self, place: usize, to: DeliveryState) -> Result<(), Code> {
        use DeliveryState::{Delivered, Failed, Handed, Planned, Seen};
        let fits = match self.messages[place].state {
            Planned => matches!(to, Handed | Delivered | Seen | Failed),
            Handed => matches!(to, Delivered | Seen | Failed),
            Delivered => to == Seen,
            _ => false,
        };
        if !fits {
            return Err(Code::ReportOutOfOrder);
        }
        self.messages[place].state = to;
        Ok(())
    }
}
