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
                alert.response = Response::Unowned;
                news = Some(Why::GivenBack);
            }
            (Ask::Start { due: Some(..=0), .. }, _) => return Err(Code::TimePassed),
            (Ask::Start { to, due }, Response::Unowned | Response::Acknowledged { .. }) => {
                let usual = (level == Level::Urgent).then_some(now + 5 * MIN);
                let due = due.map(|due| now + due * S).or(usual);
                let owner = to.unwrap_or(actor).into();
                alert.response = Response::InRemediation { owner, at: now, due };
            }
            (Ask::Finish, Response::InRemediation { .. }) => alert.response = seen_by(actor),
            (Ask::Resolve(_), _) => {
                alert.response = Response::Closed { at: now, resolved: true };
                alert.latched = false;
                if alert.now.is_none() {
                    self.rules[rule].episode = None;
                }
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
