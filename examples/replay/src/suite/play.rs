//! A case against the engine: what was expected, what was found, and why.

use std::sync::Arc;

use rpm_core::policy::Policy;
use rpm_core::record::{Body, Level, Record, SealedRecord};
use rpm_core::{AlertId, Code, Command, HostTime, Output, PatientKey, Rejected};

use super::case::{Case, Expectation, Told, What, state_told};
use crate::episode::{Episode, level_name};
use crate::failure::Failure;
use crate::host::{self, Host, Outputs};

/// Plays a case and returns everything that was not as expected, indented and ready to print.
pub fn play(case: &Case, policy: &Arc<Policy>) -> Result<Vec<String>, Failure> {
    let mut host = Host::new(policy, None);
    let patient = host.patient(&case.patient)?;
    let mut stage = Stage { host, patient, out: Kept::default(), complaints: Vec::new() };
    for step in &case.steps {
        match &step.what {
            What::Event(event) => drop(stage.host.event(event, step.at, &mut stage.out)?),
            What::Command(told) => stage.command(told, step.at)?,
            What::Expect(expectation) => stage.expect(expectation, step.at)?,
        }
    }
    Ok(stage.complaints)
}

struct Stage {
    host: Host,
    patient: PatientKey,
    out: Kept,
    complaints: Vec<String>,
}

/// The records of the case's one patient.
#[derive(Default)]
struct Kept {
    records: Vec<Record>,
    episodes: Vec<Episode>,
    /// Who was to be told since the last look.
    messages: Vec<String>,
}

impl Outputs for Kept {
    fn record(&mut self, sealed: SealedRecord) -> Result<(), Failure> {
        Episode::fold(&mut self.episodes, &sealed.record);
        self.records.push(sealed.record);
        Ok(())
    }

    fn message(&mut self, message: Output) -> Result<(), Failure> {
        if let Output::Deliver(intent) = message {
            self.messages.push(format!("{} to {}", intent.channel, intent.target.function));
        }
        Ok(())
    }

    fn quarantined(&mut self, _: Code, _: Rejected) -> Result<(), Failure> {
        Ok(())
    }
}

impl Stage {
    fn command(&mut self, told: &Told, at: HostTime) -> Result<(), Failure> {
        let current = self.revision(told.alert);
        let command = Command {
            patient: self.patient,
            alert: AlertId(told.alert),
            seen_revision: told.seen_revision.unwrap_or(current),
            actor: told.by.clone(),
            role: told.role.clone(),
            action: told.action.clone(),
        };
        let answer = self.host.command(&command, at, &mut self.out)?;
        let found = answer.err().map(|refusal| refusal.code.name());
        if found != told.refused.as_deref() {
            let name =
                |code: Option<&str>| code.map_or("obeyed".into(), |c| format!("refused: {c}"));
            let subject = format!("command to alert {}", told.alert);
            self.complain(&subject, &name(told.refused.as_deref()), &name(found));
        }
        Ok(())
    }

    /// The alert's revision now, as its records say it.
    fn revision(&self, alert: u32) -> u32 {
        let revisions = self.out.records.iter().filter_map(|record| match &record.body {
            Body::AlertOpened { alert: a, .. } if a.0 == alert => Some(1),
            Body::AlertChanged { alert: a, revision, .. } if a.0 == alert => Some(*revision),
            _ => None,
        });
        revisions.max().unwrap_or(0)
    }

    fn expect(&mut self, expectation: &Expectation, at: HostTime) -> Result<(), Failure> {
        self.host.finish(at, &mut self.out)?;
        let time = &expectation.at;
        for (rule, wanted) in &expectation.states {
            let found = self.host.condition(self.patient, rule);
            if found.is_some_and(|found| wanted.is(found)) {
                continue;
            }
            let found = found.map_or("unknown".into(), state_told);
            self.complain(&format!("at {time}: {rule}"), &wanted.told(), &found);
            if let Some(why) = self.host.why(self.patient, rule) {
                self.complaints.push(indented("why     ", &why));
            }
        }
        if let Some(wanted) = &expectation.alerts {
            self.alerts(time, wanted);
        }
        let told = std::mem::take(&mut self.out.messages);
        if let Some(wanted) = expectation.messages.as_ref().filter(|wanted| **wanted != told) {
            self.complain(&format!("at {time}: messages"), &list(wanted), &list(&told));
        }
        for (rule, texts) in &expectation.explains {
            self.explains(time, rule, texts);
        }
        Ok(())
    }

    /// The open alerts are those, no more and no less.
    fn alerts(&mut self, time: &str, wanted: &[(String, Option<Level>)]) {
        let mut open: Vec<&Episode> =
            self.out.episodes.iter().filter(|e| e.closed_at.is_none()).collect();
        let mut missing = false;
        for (rule, level) in wanted {
            let is =
                |e: &&Episode| e.rule == *rule && level.is_none_or(|l| current_level(e) == Some(l));
            match open.iter().position(is) {
                Some(at) => drop(open.remove(at)),
                None => missing = true,
            }
        }
        if !missing && open.is_empty() {
            return;
        }
        let wanted: Vec<String> = wanted
            .iter()
            .map(|(rule, level)| {
                level.map_or(rule.clone(), |l| format!("{rule} {}", level_name(l)))
            })
            .collect();
        let found = self.out.episodes.iter().filter(|e| e.closed_at.is_none());
        let found: Vec<String> = found
            .map(|e| format!("{} {}", e.rule, current_level(e).map_or("", level_name)))
            .collect();
        self.complain(&format!("at {time}: open alerts"), &list(&wanted), &list(&found));
    }

    fn explains(&mut self, time: &str, rule: &str, texts: &[String]) {
        let subject = format!("at {time}: explanation of {rule}");
        let latest = self.out.episodes.iter().rev().find(|e| e.rule == rule);
        let Some(alert) = latest.map(|e| e.alert) else {
            self.complain(&subject, "an alert", "none");
            if let Some(why) = self.host.why(self.patient, rule) {
                self.complaints.push(indented("why     ", &why));
            }
            return;
        };
        let explanation = host::explanation(&self.out.records, alert);
        let explanation = explanation.map(|e| e.to_string()).unwrap_or_default();
        for text in texts.iter().filter(|text| !explanation.contains(*text)) {
            self.complain(&subject, &format!("to contain \"{text}\""), &explanation);
        }
    }

    fn complain(&mut self, subject: &str, expected: &str, found: &str) {
        self.complaints.push(format!("    {subject}"));
        self.complaints.push(indented("expected", expected));
        self.complaints.push(indented("found   ", found));
    }
}

fn list(items: &[String]) -> String {
    match items {
        [] => "none".to_string(),
        items => items.join(", "),
    }
}

/// The level that an alert has now, or had last.
fn current_level(episode: &Episode) -> Option<Level> {
    episode.level_changes.last().map(|change| change.level)
}

/// A label and a text, whose further lines stand below its first.
fn indented(label: &str, text: &str) -> String {
    let text = text.trim_end().replace('\n', "\n                 ");
    format!("      {label} {text}")
}
