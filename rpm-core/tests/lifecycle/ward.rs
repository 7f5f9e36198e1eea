//! One patient's ward: the policy under which everything here happens, and what can happen.

use std::fmt;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use rpm_core::Action;
use rpm_core::policy::Policy;
use rpm_core::record::{DeliveryState, Resolution};
use serde_json::json;

use crate::common::{host, policy};

/// Rules, in the order of the policy.
pub const HR_HIGH: usize = 0;
pub const SPO2_LOW: usize = 1;
pub const SPO2_MILD: usize = 2;
pub const HR_MISSING: usize = 3;
pub const RULES: [&str; 4] = ["hr-high", "spo2-low", "spo2-mild", "hr-missing"];

/// What differs from ward to ward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ward {
    /// Whether a condition that comes back continues its episode.
    pub reopens: bool,
    /// Whether there are quiet hours, from ten minutes after the beginning for half an hour.
    pub quiet: bool,
    /// Whether anybody is told of the mild rule, or it only waits in its queue.
    pub tells_mild: bool,
    /// Whether people may see alerts come back that they resolved too early.
    pub reopens_resolved: bool,
}

pub fn ward() -> impl Strategy<Value = Ward> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(reopens, quiet, tells_mild, reopens_resolved)| Ward {
            reopens,
            quiet,
            tells_mild,
            reopens_resolved,
        },
    )
}

impl Ward {
    /// The policy; [`model`](crate::model) says the same in its own way. Compiled once for all cases.
    pub fn policy(self) -> Arc<Policy> {
        static KNOWN: [OnceLock<Arc<Policy>>; 16] = [const { OnceLock::new() }; 16];
        let flags = [self.reopens, self.quiet, self.tells_mild, self.reopens_resolved];
        let number = flags.into_iter().fold(0, |number, flag| 2 * number + usize::from(flag));
        Arc::clone(KNOWN[number].get_or_init(|| self.compiled()))
    }

    fn compiled(self) -> Arc<Policy> {
        let mut care = json!({
            "acknowledged_for": { "urgent": "3 min", "review": "8 min" },
            "remediation_for": { "urgent": "5 min" },
            "stale_after": "2 h",
            "shelve_at_most": "30 min",
            "group_within": "0 s",
            "expire_after": "20 min",
            "roles": {
                "nurse": { "may": ["acknowledge", "remediate", "resolve", "shelve", "assign"] },
                "doctor": { "may": ["acknowledge", "remediate", "resolve", "shelve",
                                    "shelve_urgent", "assign"] },
                "technician": { "may": ["acknowledge", "out_of_service"] },
            },
            "suppressions": [{
                "id": "procedure", "title": "During a procedure",
                "when": { "care_phase": "procedure" },
                "rules": ["hr-high", "spo2-mild"], "at_most": "review",
            }],
            "inhibitions": [{ "by": "spo2-low", "rules": ["spo2-mild"] }],
            "routes": [
                { "id": "equipment", "class": "technical", "queue": "tech", "escalation": "calm" },
                { "id": "now", "levels": ["urgent"], "queue": "now", "escalation": "quick" },
                { "id": "mild", "rules": ["spo2-mild"], "queue": "later" },
                { "id": "rest", "queue": "later", "escalation": "quick" },
            ],
            "escalations": {
                "quick": {
                    "steps": [
                        { "after": "0 s", "to": ["nurse"], "channels": ["push"],
                          "repeat": { "every": "60 s", "times": 2 } },
                        { "after": "90 s", "to": ["doctor"], "channels": ["pager", "push"] },
                    ],
                    "answer_within": "2 min",
                },
                "calm": {
                    "steps": [
                        { "after": "30 s", "to": ["technician"], "channels": ["push"] },
                        { "after": "5 min", "to": ["nurse"], "channels": ["push"] },
                    ],
                    "answer_within": "3 min",
                },
            },
        });
        if self.reopens {
            care["reopen_within"] = json!("4 min");
        }
        if self.reopens_resolved {
            care["reopen_resolved_after"] = json!("6 min");
        }
        if self.quiet {
            care["quiet_hours"] = json!({ "from": "12:37", "until": "13:07" });
        }
        if self.tells_mild {
            care["routes"][2]["escalation"] = json!("calm");
        }
        policy(&json!({
            "id": "ward", "version": 1, "title": "ward",
            "signals": {
                "heart_rate": { "cadence": "10 s", "pane": "1 s" },
                "spo2": { "cadence": "10 s", "pane": "1 s" },
            },
            "rules": [
                { "id": "hr-high", "title": "Fast heart", "signal": "heart_rate",
                  "unverified_after": "100 s",
                  "levels": [
                    { "level": "review", "raise": { "above": 100 },
                      "clear": { "at_or_below": 95 } },
                    { "level": "urgent", "raise": { "above": 130 },
                      "clear": { "at_or_below": 120 } },
                  ] },
                { "id": "spo2-low", "title": "Low oxygen", "signal": "spo2",
                  "unverified_after": "200 s",
                  "levels": [{ "level": "urgent", "latch": false, "raise": { "below": 85 },
                               "clear": { "at_or_above": 90 } }] },
                { "id": "spo2-mild", "title": "Rather low oxygen", "signal": "spo2",
                  "unverified_after": "200 s",
                  "levels": [{ "level": "review", "raise": { "below": 92 },
                               "clear": { "at_or_above": 94 } }] },
                { "id": "hr-missing", "title": "No heart rate", "signal": "heart_rate",
                  "missing_for": "150 s" },
            ],
            "care": care,
        }))
    }
}

/// Values of the two signals, from harmless to bad; those in between two limits change nothing.
pub const VALUES: [[i32; 5]; 2] = [[80, 98, 110, 125, 150], [97, 93, 91, 87, 80]];
pub const PEOPLE: [(&str, &str); 5] = [
    ("ann", "nurse"),
    ("bob", "nurse"),
    ("doc", "doctor"),
    ("tec", "technician"),
    ("eve", "visitor"),
];
/// Function, person, from and until in seconds.
pub type Turn = (&'static str, &'static str, i64, i64);
pub const ROSTERS: [&[Turn]; 4] = [
    &[],
    &[
        ("nurse", "ann", 0, 900),
        ("nurse", "bob", 900, 7200),
        ("nurse", "bob", 7200, 20_000),
        ("doctor", "doc", 0, 50_000),
    ],
    &[("nurse", "bob", 0, 90_000), ("technician", "tec", 300, 1500)],
    &[("nurse", "ann", 0, 400), ("doctor", "doc", 200, 600), ("doctor", "bob", 500, 1200)],
];

/// Channels that the patient may decline; `letter` is none of the policy's.
pub const DECLINED: [&[&str]; 5] = [&[], &["push"], &["pager"], &["letter"], &["pager", "push"]];

/// What somebody asks for; times in seconds from then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    Acknowledge,
    Unacknowledge,
    Start { to: Option<&'static str>, due: Option<i64>, what: Option<&'static str> },
    Finish,
    Resolve(Resolution),
    Shelve(i64),
    Unshelve,
    OutOfService,
    Return,
    Assign(&'static str),
    Note,
}

impl Ask {
    /// As the engine takes it.
    pub fn action(self, now: i64) -> Action {
        match self {
            Self::Acknowledge => Action::Acknowledge,
            Self::Unacknowledge => Action::Unacknowledge,
            Self::Start { to, due, what } => Action::StartRemediation {
                owner: to.map(Into::into),
                due: due.map(|due| host(now + due * 1000)),
                intervention: what.map(Into::into),
            },
            Self::Finish => Action::FinishRemediation,
            Self::Resolve(reason) => Action::Resolve { reason, note: None },
            Self::Shelve(s) => {
                Action::Shelve { until: host(now + s * 1000), reason: "bath".into() }
            }
            Self::Unshelve => Action::Unshelve,
            Self::OutOfService => Action::TakeOutOfService { reference: "wo-1".into() },
            Self::Return => Action::ReturnToService,
            Self::Assign(to) => Action::Assign { to: to.into() },
            Self::Note => Action::Note { text: "looked".into() },
        }
    }
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Only time passes.
    Tick,
    /// A signal's value, observed so many seconds ago.
    Reading { signal: usize, value: i32, artifact: bool, ago_s: i64 },
    /// Of the last readings of a signal, one had another value.
    Correct { signal: usize, back: usize, value: i32 },
    /// The phase of care.
    Phase(&'static str),
    /// The patient declines other channels.
    Declines(usize),
    /// Who asks what of which alert: a place in the list of alerts, and how far off the revision is.
    Command { alert: usize, off: i64, who: usize, ask: Ask },
    /// Of a message: a place in the list of all messages so far, the last first.
    Report { message: usize, state: DeliveryState },
    /// Another roster.
    Roster(usize),
    /// Stop, and go on from a snapshot.
    Restore,
}

/// Something happens so many seconds after what happened before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub after_s: i64,
    pub event: Event,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick => write!(f, "nothing"),
            Self::Reading { signal, value, artifact, ago_s } => {
                let name = ["heart rate", "spo2"][*signal];
                write!(f, "{name} {value}")?;
                if *artifact {
                    write!(f, ", an artifact")?;
                }
                if *ago_s > 0 { write!(f, ", {ago_s} s late") } else { Ok(()) }
            }
            Self::Correct { signal, back, value } => {
                let name = ["heart rate", "spo2"][*signal];
                write!(f, "{name}, {back} readings back, was {value}")
            }
            Self::Phase(phase) => write!(f, "care phase {phase}"),
            Self::Declines(which) => write!(f, "declines {:?}", DECLINED[*which]),
            Self::Command { alert, off, who, ask } => {
                write!(f, "{} to alert number {alert} of the list: {ask:?}", PEOPLE[*who].0)?;
                if *off != 0 { write!(f, ", revision off by {off}") } else { Ok(()) }
            }
            Self::Report { message, state } => write!(f, "message {message} back: {state:?}"),
            Self::Roster(which) => write!(f, "roster {which}"),
            Self::Restore => write!(f, "snapshot and restore"),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{} s: {:?}", self.after_s, self.event)
    }
}

const REASONS: &[Resolution] =
    &[Resolution::TrueActedOn, Resolution::FalseArtifact, Resolution::Other];
const STATES: &[DeliveryState] = &[
    DeliveryState::Handed,
    DeliveryState::Delivered,
    DeliveryState::Seen,
    DeliveryState::Failed,
    DeliveryState::Cancelled,
];

/// What is done about alerts; the last is no name.
const WHAT: &[&str] =
    &["oxygen", "oxygen", "oxygen", "probe", "turn", "fluid", "call", "two words"];

fn ask() -> impl Strategy<Value = Ask> {
    let to = prop::sample::select(&["ann", "bob"][..]);
    prop_oneof![
        6 => Just(Ask::Acknowledge),
        2 => Just(Ask::Unacknowledge),
        5 => (
            prop::option::of(to.clone()),
            prop::option::weighted(0.4, -5..500_i64),
            prop::option::weighted(0.8, prop::sample::select(WHAT)),
        )
            .prop_map(|(to, due, what)| Ask::Start { to, due, what }),
        3 => Just(Ask::Finish),
        4 => prop::sample::select(REASONS).prop_map(Ask::Resolve),
        4 => prop_oneof![10 => 20..1800_i64, 1 => Just(1801), 1 => Just(0)].prop_map(Ask::Shelve),
        2 => Just(Ask::Unshelve),
        2 => Just(Ask::OutOfService),
        2 => Just(Ask::Return),
        2 => to.prop_map(Ask::Assign),
        1 => Just(Ask::Note),
    ]
}

/// Who would rather be allowed to ask that, most of the time.
fn asked_by(ask: Ask, other: usize, luck: u8) -> usize {
    match ask {
        _ if luck < 30 => other,
        Ask::OutOfService | Ask::Return => 3,
        Ask::Shelve(_) => 2,
        _ => other % 3,
    }
}

fn event() -> impl Strategy<Value = Event> {
    let command = (
        0..4_usize,
        prop_oneof![14 => Just(0_i64), 1 => Just(-1), 1 => Just(1)],
        0..PEOPLE.len(),
        any::<u8>(),
        ask(),
    );
    let command = command.prop_map(|(alert, off, other, luck, ask)| Event::Command {
        alert,
        off,
        who: asked_by(ask, other, luck),
        ask,
    });
    let late = prop_oneof![8 => Just(0), 1 => 1..20_i64, 1 => 20..300_i64];
    let reading =
        (0..2_usize, 0..5_usize, 0..20_u8, late).prop_map(|(signal, place, artifact, ago_s)| {
            Event::Reading { signal, value: VALUES[signal][place], artifact: artifact == 0, ago_s }
        });
    let correct = (0..2_usize, 0..3_usize, 0..5_usize).prop_map(|(signal, back, place)| {
        Event::Correct { signal, back, value: VALUES[signal][place] }
    });
    let report = (0..6_usize, prop::sample::select(STATES))
        .prop_map(|(message, state)| Event::Report { message, state });
    prop_oneof![
        3 => Just(Event::Tick),
        14 => reading,
        1 => correct,
        1 => prop::sample::select(&["procedure", "ward"][..]).prop_map(Event::Phase),
        1 => (0..DECLINED.len()).prop_map(Event::Declines),
        8 => command,
        2 => report,
        1 => (0..ROSTERS.len()).prop_map(Event::Roster),
        1 => Just(Event::Restore),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![
        3 => Just(0_i64), 6 => Just(1), 10 => 2..30_i64, 4 => 30..200_i64, 2 => 200..900_i64,
        1 => 900..20_000_i64,
    ];
    let step = (after, event()).prop_map(|(after_s, event)| Step { after_s, event });
    prop::collection::vec(step, 1..45)
}

/// A heart that comes and goes faster than people can follow, and people who try.
pub fn flutter() -> impl Strategy<Value = Vec<Step>> {
    let value = (0..5_usize, 0..10_u8).prop_map(|(place, late)| Event::Reading {
        signal: 0,
        value: VALUES[0][place],
        artifact: false,
        ago_s: if late == 0 { 4 } else { 0 },
    });
    let who = prop_oneof![Just(0_usize), Just(2)];
    let asked = (who, ask()).prop_map(|(who, ask)| Event::Command { alert: 0, off: 0, who, ask });
    let phase = prop::sample::select(&["procedure", "ward"][..]).prop_map(Event::Phase);
    let event = prop_oneof![12 => value, 4 => asked, 1 => phase, 1 => Just(Event::Tick)];
    let after = prop_oneof![10 => 1..12_i64, 2 => 12..100_i64, 1 => 100..700_i64];
    let step = (after, event).prop_map(|(after_s, event)| Step { after_s, event });
    prop::collection::vec(step, 1..60)
}

/// Either.
pub fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![2 => steps(), 1 => flutter()]
}
