//! Questions that records, or a whole recording, can answer.

use std::sync::Arc;

use rpm_core::record::{
    AlertChange, Body, Clause, Level, Record, explain as explain_records, read_line,
};
use rpm_core::{AlertId, EngineConfig, HostTime};

use crate::convert::Explained;
use crate::error::RpmonError;
use crate::policy::Policy;

/// Explains an alert of the patient whose records these are, in their order, each as its canonical
/// line. Nothing if none of them opened it.
#[uniffi::export]
pub fn explain(lines: Vec<String>, alert: AlertId) -> Result<Option<Explained>, RpmonError> {
    let read = |line: &String| read_line(line).map(|(record, _)| record);
    let records = lines.iter().map(read).collect::<Result<Vec<Record>, _>>()?;
    Ok(explain_records(&records, alert).map(Explained::from))
}

/// What to show on a lock screen: what happened, and no identifier of the patient.
#[derive(Clone, PartialEq, Eq, Debug, uniffi::Record)]
pub struct LocalNotification {
    /// The level and the rule's title.
    pub title: String,
    /// What was measured.
    pub body: String,
    /// How severe it is.
    pub level: Level,
    /// The alert.
    pub alert: AlertId,
}

/// The local notification that a record asks for, if the person who carries the phone is to be told: an
/// alert opened, and not only for the record.
///
/// Who else is told is for the policy to say, and comes out as `Output::Deliver`.
#[uniffi::export]
pub fn notification(line: &str) -> Result<Option<LocalNotification>, RpmonError> {
    let (record, _) = read_line(line)?;
    let Body::AlertOpened { alert, title, level, shadow: false, evidence, .. } = record.body else {
        return Ok(None);
    };
    let clauses: Vec<_> = evidence.iter().map(Clause::to_string).collect();
    let title = format!("{}: {title}", level_name(level));
    Ok(Some(LocalNotification { title, body: clauses.join("; "), level, alert }))
}

/// What happened to an alert, in words for people.
#[uniffi::export]
pub fn words_of(change: AlertChange) -> String {
    change.words().to_owned()
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Informational => "For information",
        Level::Review => "Review",
        Level::Urgent => "Urgent",
    }
}

/// What a policy made of a recording.
#[derive(Clone, PartialEq, Eq, Debug, uniffi::Record)]
pub struct BackTest {
    /// Everything that came out, in order, as lines of JSON.
    pub lines: Vec<String>,
    /// How many events were accepted.
    pub accepted: u64,
    /// How many were known already.
    pub duplicate: u64,
    /// How many were refused; they are among the lines.
    pub quarantined: u64,
    /// How many other inputs were taken.
    pub taken: u64,
    /// How many other inputs were refused.
    pub refused: u64,
    /// How many lines were no inputs, and were left out.
    pub unreadable: u64,
    /// The alarm figures, as JSON.
    pub figures: String,
}

/// A recording through a policy, in one call: a line of JSON for each input, in the order in which they
/// came (see `Engine.handle_input`). Time ends with the last input, or at `until`.
#[uniffi::export(default(until = None))]
pub fn back_test(policy: &Policy, recording: Vec<u8>, until: Option<HostTime>) -> BackTest {
    let mut lines = Vec::new();
    let (policy, config) = (Arc::clone(&policy.core), EngineConfig::default());
    let found = rpm_core::back_test(policy, config, &recording, until, |output| {
        lines.push(output.to_json());
    });
    BackTest {
        lines,
        accepted: found.accepted,
        duplicate: found.duplicate,
        quarantined: found.quarantined,
        taken: found.taken,
        refused: found.refused,
        unreadable: found.unreadable,
        // Serialising these types cannot fail: no map has keys that are not text.
        figures: serde_json::to_string(&found.kpi).unwrap_or_default(),
    }
}
