//! What people did, at which time: a file of JSON lines.
//!
//! ```text
//! {"at":"2026-03-01T02:20:00Z","patient":"p1","alert":1,"seen_revision":1,"by":"nurse 7","action":"acknowledge"}
//! {"at":"2026-03-01T02:40:00Z","patient":"p1","alert":1,"seen_revision":4,"by":"nurse 7","action":"resolve","reason":"oxygen given"}
//! ```

use std::path::Path;

use rpm_core::{Action, AlertId, HostTime, PatientId};
use serde::Deserialize;

use crate::failure::Failure;
use crate::input::lines::{Line, Lines};

/// A command and its time.
#[derive(Clone, Debug)]
pub struct Order {
    /// When.
    pub at: HostTime,
    /// Whose alert.
    pub patient: PatientId,
    /// Which alert.
    pub alert: AlertId,
    /// The revision that the person saw.
    pub seen_revision: u32,
    /// Who.
    pub by: String,
    /// What.
    pub action: Action,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    at: HostTime,
    patient: PatientId,
    alert: AlertId,
    seen_revision: u32,
    by: String,
    action: Verb,
    reason: Option<String>,
}

/// What a person can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// "I have seen it."
    Acknowledge,
    /// "It is dealt with", with a reason.
    Resolve,
}

impl Verb {
    /// The engine's form; resolving needs a reason.
    pub fn with(self, reason: Option<String>) -> Result<Action, &'static str> {
        match (self, reason) {
            (Self::Acknowledge, None) => Ok(Action::Acknowledge),
            (Self::Acknowledge, Some(_)) => Err("acknowledge takes no reason"),
            (Self::Resolve, Some(reason)) => Ok(Action::Resolve { reason }),
            (Self::Resolve, None) => Err("resolve needs a reason"),
        }
    }
}

/// Reads a file of commands, in the order of time; of the same time, as they stand.
pub fn read(path: &Path) -> Result<Vec<Order>, Failure> {
    let fail = |e: std::io::Error| Failure::at(path, &e);
    let mut lines = Lines::open(path).map_err(fail)?;
    let mut orders = Vec::new();
    loop {
        let number = lines.number() + 1;
        let wrong = |what: &str| Failure::new(format!("{}:{number}: {what}", path.display()));
        match lines.next().map_err(fail)? {
            None => break,
            Some(Line::TooLong(_)) => return Err(wrong("the line is too long")),
            Some(Line::Bytes(line)) if line.trim_ascii().is_empty() => {}
            Some(Line::Bytes(line)) => orders.push(parse(line).map_err(|e| wrong(&e))?),
        }
    }
    orders.sort_by_key(|order| order.at);
    Ok(orders)
}

fn parse(line: &[u8]) -> Result<Order, String> {
    // serde_json's own message could quote the line; the category and column cannot.
    let written: Written = serde_json::from_slice(line).map_err(|e| {
        format!("not a command (column {}): see `replay run --help` for the form", e.column())
    })?;
    Ok(Order {
        at: written.at,
        patient: written.patient,
        alert: written.alert,
        seen_revision: written.seen_revision,
        by: written.by,
        action: written.action.with(written.reason)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_commands_are_read() {
        let base =
            r#"{"at":"2026-03-01T02:20:00Z","patient":"p1","alert":1,"seen_revision":1,"by":"n""#;
        assert!(parse(format!("{base},\"action\":\"acknowledge\"}}").as_bytes()).is_ok());
        let resolve = format!("{base},\"action\":\"resolve\"");
        assert!(parse(format!("{resolve}}}").as_bytes()).unwrap_err().contains("reason"));
        assert!(parse(format!("{resolve},\"reason\":\"x\"}}").as_bytes()).is_ok());
    }

    #[test]
    fn a_wrong_command_is_not_quoted() {
        let error = parse(br#"{"patient":"Ada Lovelace"}"#).unwrap_err();
        assert!(!error.contains("Ada"), "{error}");
    }
}
