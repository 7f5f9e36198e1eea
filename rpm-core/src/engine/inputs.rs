//! Whatever enters, by its one form: each goes through the door that it would have used by itself.

use super::output::Rejected;
use super::{Engine, Monitor};
use crate::error::{Code, Error};
use crate::event::json;
use crate::id::PatientKey;
use crate::input::{Answer, Input, InputBody, Whose};
use crate::intake::Receipt;
use crate::time::HostTime;

/// What an engine and a monitor have in common, from outside.
macro_rules! handle_input {
    () => {
        /// Takes an input in, at its own time; see [`input`](crate::input).
        ///
        /// # Errors
        /// [`Code::OutputQueueFull`]: poll, then call again with the same input. Whatever is wrong with
        /// the input itself is an [`Answer`].
        pub fn handle_input(&mut self, input: &Input<'_>) -> Result<Answer, Error> {
            let at = input.at;
            match &input.body {
                InputBody::Event(text) => self.handle_json(text.as_bytes(), at).map(Answer::Event),
                InputBody::Command(whose, command) => match self.key_of(whose) {
                    Some(patient) => {
                        let command = crate::alert::Command { patient, ..command.clone() };
                        self.handle_command(&command, at).map(Answer::from)
                    }
                    None => self.nobodys(at),
                },
                InputBody::Report(whose, report) => match self.key_of(whose) {
                    Some(patient) => {
                        let report = crate::alert::DeliveryReport { patient, ..report.clone() };
                        self.handle_report(&report, at).map(Answer::from)
                    }
                    None => self.nobodys(at),
                },
                InputBody::Baseline(whose, command) => match self.key_of(whose) {
                    Some(patient) => {
                        let command = crate::signal::BaselineCommand { patient, ..command.clone() };
                        self.handle_baseline(&command, at).map(Answer::from)
                    }
                    None => self.nobodys(at),
                },
                InputBody::Score(whose, scored) => match self.key_of(whose) {
                    Some(patient) => {
                        let scored = crate::risk::Scored { patient, ..scored.clone() };
                        self.handle_score(&scored, at).map(Answer::from)
                    }
                    None => self.nobodys(at),
                },
                InputBody::Roster(roster) => {
                    self.handle_roster(roster.clone(), at).map(|()| Answer::Taken)
                }
                InputBody::RollOut(roll_out) => {
                    self.handle_roll_out(roll_out, at).map(Answer::from)
                }
                InputBody::Change(change) => {
                    // What is due by then may be a change itself.
                    self.advance(at)?;
                    match change.approved(self.policy(), at) {
                        Ok(approved) => self.handle_change(approved, at).map(Answer::from),
                        Err(error) => Ok(Answer::from(error)),
                    }
                }
                InputBody::Tick => self.handle_timeout(at).map(|()| Answer::Taken),
            }
        }

        /// Takes an input in, as a line of JSON; see [`input`](crate::input) for its form.
        ///
        /// # Errors
        /// [`Code::OutputQueueFull`]: poll, then call again with the same line. Else the line is no
        /// input, and nothing happened: the error names the field.
        pub fn handle_input_json(&mut self, line: &[u8]) -> Result<Answer, Error> {
            self.handle_input(&Input::parse(line)?)
        }

        /// An input about somebody who is not here. Its time passes all the same.
        fn nobodys(&mut self, at: HostTime) -> Result<Answer, Error> {
            self.advance(at)?;
            Ok(Answer::from(Error::new(Code::UnknownPatient).at("patient")))
        }
    };
}

impl Engine {
    handle_input!();

    fn key_of(&self, whose: &Whose) -> Option<PatientKey> {
        self.find_patient(whose.tenant.as_ref(), &whose.patient)
    }
}

impl Monitor {
    handle_input!();

    /// Takes one event in, in its JSON form; as [`Engine::handle_json`](super::Engine::handle_json).
    pub fn handle_json(&mut self, text: &[u8], now: HostTime) -> Result<Receipt, Error> {
        match json::parse(text) {
            Ok(event) => self.handle_event(event, now),
            Err(error) => {
                let now = self.advance(now)?;
                Ok(self.desk.reject(now, error.code(), Rejected::Text(text.to_vec())))
            }
        }
    }

    fn key_of(&self, whose: &Whose) -> Option<PatientKey> {
        let here = whose.patient == self.patient.id && whose.tenant == self.patient.tenant;
        // A monitor has one patient, whose key it ignores.
        here.then_some(PatientKey(0))
    }
}
