//! A care team that is not there: it answers the engine's messages after a while, as many at once as it
//! can. So escalations and queues can be studied on recordings with nobody on call.
//!
//! ```toml
//! seed = 7
//!
//! [functions.nurse]
//! answers_within = ["30 s", "4 min"]   # something in between, for each message
//! works_for = ["2 min", "15 min"]      # until it is dealt with
//! at_once = 2                          # alerts that one function has at a time
//! ignores = "10 %"                     # messages that nobody ever answers
//! false_alarms = "60 %"                # of what is dealt with
//! ```
//!
//! What is drawn depends on the seed and on the message's key alone: the same replay has the same
//! team, and another policy meets the same people.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use rpm_core::record::{IntentKey, NotifyReason, Resolution};
use rpm_core::{Action, AlertId, DeliveryIntent, Duration, HostTime, PatientId};
use serde::Deserialize;

use crate::draw::mixed;
use crate::failure::Failure;

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamSpec {
    /// Another seed is another team of the same sort.
    #[serde(default)]
    pub seed: u64,
    /// Who answers, by function in the care team. Messages to others nobody answers.
    pub functions: BTreeMap<String, FunctionSpec>,
}

/// How a function works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSpec {
    /// The shortest and the longest time until an answer, if somebody is free.
    pub answers_within: [Duration; 2],
    /// From the answer until the alert is dealt with.
    pub works_for: [Duration; 2],
    /// How many alerts it has at a time.
    pub at_once: u16,
    /// Of all messages.
    #[serde(default)]
    pub ignores: Share,
    /// Of all alerts that are dealt with.
    #[serde(default)]
    pub false_alarms: Share,
    /// In which role it acts, where the policy has roles.
    #[serde(default)]
    pub role: String,
}

/// A share, written `10 %`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Share(u64);

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_suffix('%').and_then(|n| n.trim().parse().ok());
        let share = number.filter(|n| *n <= 100).map(Self);
        share.ok_or_else(|| "a share is written like \"10 %\"".to_string())
    }
}

/// What somebody is about to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deed {
    /// When.
    pub at: HostTime,
    /// Deeds of one instant are done in the order of their messages.
    order: u64,
    /// Whose alert.
    pub patient: PatientId,
    /// Which.
    pub alert: AlertId,
    /// Who.
    pub by: String,
    /// The function.
    function: String,
    kind: Kind,
    key: IntentKey,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Answer,
    Finish,
}

/// The team at work.
pub struct Team {
    spec: TeamSpec,
    deeds: BinaryHeap<Reverse<Deed>>,
    /// Of each function: when those at work will be free.
    busy: BTreeMap<String, Vec<HostTime>>,
    messages: u64,
}

/// Reads the file.
pub fn read(path: &Path) -> Result<TeamSpec, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| Failure::at(path, &e))?;
    // A team is no patient's: the message may quote it.
    toml::from_str(&text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

impl Team {
    /// Nobody has heard of anything yet.
    pub fn new(spec: TeamSpec) -> Self {
        Self { spec, deeds: BinaryHeap::new(), busy: BTreeMap::new(), messages: 0 }
    }

    /// When somebody does something next.
    pub fn next(&self) -> Option<HostTime> {
        self.deeds.peek().map(|Reverse(deed)| deed.at)
    }

    /// What somebody does now.
    pub fn take(&mut self) -> Option<Deed> {
        self.deeds.pop().map(|Reverse(deed)| deed)
    }

    /// A message arrives.
    pub fn hear(&mut self, intent: &DeliveryIntent) {
        let Some(spec) = self.spec.functions.get(&intent.target.function) else {
            return;
        };
        let handed_over = intent.reason == NotifyReason::HandedOver;
        if handed_over || self.draw(intent.key, 0, 100) < spec.ignores.0 {
            return;
        }
        let at = intent.at.plus(self.between(intent.key, 1, spec.answers_within));
        let function = intent.target.function.clone();
        let by = intent.target.person.clone().unwrap_or_else(|| function.clone());
        for part in &intent.parts {
            self.messages += 1;
            self.deeds.push(Reverse(Deed {
                at,
                order: self.messages,
                patient: intent.patient.clone(),
                alert: part.alert,
                by: by.clone(),
                function: function.clone(),
                kind: Kind::Answer,
                key: intent.key,
            }));
        }
    }

    /// What a deed is, now that its time has come; `answered` is whether somebody has the alert.
    /// Nothing if it has become pointless, or if nobody is free: then it waits.
    pub fn act(&mut self, deed: Deed, answered: bool, open: bool) -> Option<Action> {
        let spec = self.spec.functions.get(&deed.function)?.clone();
        match deed.kind {
            Kind::Answer if answered || !open => None,
            Kind::Answer => {
                let busy = self.busy.entry(deed.function.clone()).or_default();
                busy.retain(|free| *free > deed.at);
                if busy.len() >= usize::from(spec.at_once) {
                    let free = busy.iter().min().copied()?;
                    self.deeds.push(Reverse(Deed { at: free, ..deed }));
                    return None;
                }
                let done = deed.at.plus(self.between(deed.key, 2, spec.works_for));
                self.busy.entry(deed.function.clone()).or_default().push(done);
                self.deeds.push(Reverse(Deed { at: done, kind: Kind::Finish, ..deed }));
                Some(Action::Acknowledge)
            }
            Kind::Finish if !open => None,
            Kind::Finish => {
                let mistaken = self.draw(deed.key, 3, 100) < spec.false_alarms.0;
                let reason =
                    if mistaken { Resolution::FalseArtifact } else { Resolution::TrueActedOn };
                Some(Action::Resolve { reason, note: None })
            }
        }
    }

    /// In which role a function acts.
    pub fn role(&self, deed: &Deed) -> String {
        self.spec.functions.get(&deed.function).map(|f| f.role.clone()).unwrap_or_default()
    }

    fn between(&self, key: IntentKey, what: u64, [least, most]: [Duration; 2]) -> Duration {
        let span = most.as_millis().saturating_sub(least.as_millis()).unsigned_abs();
        let drawn = self.draw(key, what, span.saturating_add(1));
        least.plus(Duration::from_millis(i64::try_from(drawn).unwrap_or(0)))
    }

    /// Something below a bound, of seed, key and purpose.
    fn draw(&self, key: IntentKey, what: u64, below: u64) -> u64 {
        let folded = (key.0 >> 64) as u64 ^ key.0 as u64;
        let what = what.wrapping_mul(0xd1b5_4a32_d192_ed03);
        mixed(folded ^ self.spec.seed.rotate_left(17) ^ what) % below.max(1)
    }
}
