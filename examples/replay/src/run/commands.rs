//! What people did, at which time: a file of JSON lines.
//!
//! ```text
//! {"at":"2026-03-01T02:20:00Z","patient":"p1","alert":1,"seen_revision":1,"by":"ann","role":"nurse","action":"acknowledge"}
//! {"at":"2026-03-01T02:40:00Z","patient":"p1","alert":1,"seen_revision":4,"by":"ann","role":"nurse","action":"resolve","reason":"true_acted_on","note":"oxygen given"}
//! ```

use std::path::Path;

use rpm_core::{Action, AlertId, HostTime, PatientId, Roster, Shift};
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
    /// In which role.
    pub role: String,
    /// What.
    pub action: Action,
}

#[derive(Deserialize)]
struct Written {
    at: HostTime,
    patient: PatientId,
    alert: AlertId,
    seen_revision: u32,
    by: String,
    #[serde(default)]
    role: String,
    /// What is left is the action, which knows its own fields.
    #[serde(flatten)]
    action: serde_json::Map<String, serde_json::Value>,
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

/// Reads a roster: a JSON array of shifts.
pub fn roster(path: &Path) -> Result<Roster, Failure> {
    let text = std::fs::read(path).map_err(|e| Failure::at(path, &e))?;
    // A rota is no patient's: the message may quote it.
    let shifts: Result<Vec<Shift>, _> = serde_json::from_slice(&text);
    let shifts = shifts.map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    Ok(Roster::new(shifts))
}

fn parse(line: &[u8]) -> Result<Order, String> {
    // serde_json's own message could quote the line; the category and column cannot.
    let written: Written = serde_json::from_slice(line).map_err(|e| {
        format!("not a command (column {}): see `replay run --help` for the form", e.column())
    })?;
    // What serde says here could quote the line as well.
    let action = action(written.action)
        .map_err(|_| "no such action, or not with these fields".to_string())?;
    Ok(Order {
        at: written.at,
        patient: written.patient,
        alert: written.alert,
        seen_revision: written.seen_revision,
        by: written.by,
        role: written.role,
        action,
    })
}

/// An action from its fields, and no others: an action without fields of its own would not mind any.
pub fn action(fields: serde_json::Map<String, serde_json::Value>) -> Result<Action, String> {
    let names: Vec<String> = fields.keys().cloned().collect();
    let action = Action::deserialize(serde_json::Value::Object(fields));
    let action = action.map_err(|e| e.to_string())?;
    let known = serde_json::to_value(&action).map_err(|e| e.to_string())?;
    match names.iter().find(|name| known.get(name).is_none()) {
        Some(name) => Err(format!("this action has no field `{name}`")),
        None => Ok(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_knows_its_fields() {
        let base =
            r#"{"at":"2026-03-01T02:20:00Z","patient":"p1","alert":1,"seen_revision":1,"by":"n""#;
        let parsed = |rest: &str| parse(format!("{base},{rest}}}").as_bytes());
        assert!(parsed(r#""action":"acknowledge""#).is_ok());
        assert!(parsed(r#""action":"acknowledge","reason":"x""#).is_err());
        assert!(parsed(r#""action":"resolve""#).is_err(), "without a reason");
        assert!(parsed(r#""action":"resolve","reason":"duplicate","note":"x""#).is_ok());
        let until = r#""until":"2026-03-01T02:30:00Z""#;
        assert!(parsed(&format!(r#""action":"shelve","reason":"bath",{until}"#)).is_ok());
    }

    #[test]
    fn a_wrong_command_is_not_quoted() {
        let error = parse(br#"{"patient":"Ada Lovelace"}"#).unwrap_err();
        assert!(!error.contains("Ada"), "{error}");
    }
}
