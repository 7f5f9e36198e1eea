//! What people did, at which time: a file of JSON lines, in the form of [`rpm_core::input`].
//!
//! ```text
//! {"at":"2026-03-01T02:20:00Z","command":{"patient":"p1","alert":1,"seen_revision":1,"by":"ann","role":"nurse","action":"acknowledge"}}
//! {"at":"2026-03-01T02:40:00Z","command":{"patient":"p1","alert":1,"seen_revision":4,"by":"ann","role":"nurse","action":"resolve","reason":"true_acted_on"}}
//! ```

use std::path::Path;

use rpm_core::input::{self, Input, InputBody};
use rpm_core::{Error, Roster};

use crate::failure::Failure;
use crate::input::lines::{Line, Lines};

/// Reads a file of inputs that are no events, in the order of time; of the same time, as they stand.
pub fn read(path: &Path) -> Result<Vec<Input<'static>>, Failure> {
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
    let failed = |e: Error| Failure::new(format!("{}: {e}", path.display()));
    input::roster(&text).map_err(failed)
}

fn parse(line: &[u8]) -> Result<Input<'static>, String> {
    let input = Input::parse(line).map_err(|e| e.to_string())?;
    match input.body {
        InputBody::Event(_) => Err("an event: it belongs to the readings".to_string()),
        _ => Ok(input.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_no_commands() {
        let event = br#"{"at":0,"event":{}}"#;
        assert!(parse(event).is_err());
        let tick = br#"{"at":"2026-03-01T02:20:00Z"}"#;
        assert!(parse(tick).is_ok());
    }

    #[test]
    fn a_wrong_command_is_not_quoted() {
        let error = parse(br#"{"at":0,"command":{"patient":"Ada Lovelace"}}"#).unwrap_err();
        assert!(error.contains("command.alert") && !error.contains("Ada"), "{error}");
    }
}
