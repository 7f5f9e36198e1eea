//! What people write about people: who may do what, who is told, when nobody is, and how well it
//! should go.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Permission;
use crate::policy::spec::Number;
use crate::small_map::SmallMap;

/// Who is told of alerts, who may do what about them, when an alert keeps quiet, and how well all
/// that should go.
///
/// Without it alerts open, close and take commands from everybody, and nobody is told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CareSpec {
    /// Local time of patients whose profile does not say: `+01:00`. UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<String>,
    /// How long an acknowledgement stands while the condition is active, by level; for good if
    /// absent.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub acknowledged_for: SmallMap<String, String>,
    /// How long a remediation may take that names no time of its own, by level.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub remediation_for: SmallMap<String, String>,
    /// A condition that comes back within this time continues its episode. Not at all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopen_within: Option<String>,
    /// An alert that is still active so long after somebody resolved it opens again. Never if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopen_resolved_after: Option<String>,
    /// An alert that is open for so long is brought up again, a hundred times as often as that;
    /// `24 h` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<String>,
    /// The longest time for which anything can be shelved; `12 h`, a shift, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelve_at_most: Option<String>,
    /// Messages of one patient to one person that are due within this time become one message;
    /// urgent ones never wait for it. `10 s` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_within: Option<String>,
    /// After this time a message that has not arrived is of no use; `1 h` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<String>,
    /// When nobody is told of anything but what is urgent, in the patient's local time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<HoursSpec>,
    /// What each role may do. Without any, everybody may do everything but shelve what is urgent.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub roles: SmallMap<String, RoleSpec>,
    /// Circumstances that explain alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressions: Vec<SuppressionSpec>,
    /// Alerts that say what others would say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inhibitions: Vec<InhibitionSpec>,
    /// Which alerts go where: the first that takes an alert has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// Who is told, and who next if nobody answers, by name.
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub escalations: SmallMap<String, EscalationSpec>,
    /// Service-level objectives: how well it should go. They are reported, and decide nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<ObjectiveSpec>,
    /// The error budgets of all objectives, and when they burn too fast.
    #[serde(default, skip_serializing_if = "ErrorBudgetSpec::is_default")]
    pub error_budget: ErrorBudgetSpec,
}

/// From a time of day until another one, over midnight if need be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HoursSpec {
    /// `22:00`.
    pub from: String,
    /// `07:00`.
    pub until: String,
}

/// What a role may do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// Permissions. Notes may always be made.
    pub may: Vec<Permission>,
}

/// Circumstances under which alerts of some rules annunciate nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SuppressionSpec {
    /// Its name in records.
    pub id: String,
    /// For people.
    pub title: String,
    /// All of it must be known to be so. Unknown is not so.
    pub when: CircumstanceSpec,
    /// Which rules.
    pub rules: Vec<String>,
    /// Up to which level; `review` if absent. A more severe alert breaks through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
}

/// What is known of the patient and the equipment now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CircumstanceSpec {
    /// The phase of care, such as `procedure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub care_phase: Option<String>,
    /// What the patient does, such as `walking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// How the patient lies or stands, such as `prone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posture: Option<String>,
    /// Asleep or awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asleep: Option<bool>,
    /// With supplemental oxygen or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_oxygen: Option<bool>,
    /// The class of device that the next two are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_class: Option<String>,
    /// Whether it is worn; `false` while it charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worn: Option<bool>,
    /// Whether its link is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_up: Option<bool>,
}

/// While an alert of the one rule is active, annunciates, and is at least as severe, alerts of the
/// others annunciate nothing new. What has been annunciated goes on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InhibitionSpec {
    /// The rule whose alert says it.
    pub by: String,
    /// Rules about a signal of that one.
    pub rules: Vec<String>,
}

/// Which alerts go to which queue, and by which escalation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Its name in records.
    pub id: String,
    /// Which levels; all if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// `physiological` or `technical`; both if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Which rules; all if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Which cohorts of patients; all if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<String>,
    /// At which hours, in the patient's local time; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<HoursSpec>,
    /// Where it waits to be looked at.
    pub queue: String,
    /// Who is told; nobody if absent: it waits in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<String>,
    /// At which times of day messages go out, all at once; at once if absent. Not for `urgent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digest_at: Vec<String>,
}

/// Who is told, and who next if nobody answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EscalationSpec {
    /// In the order of time.
    pub steps: Vec<StepSpec>,
    /// How long the last message waits for an answer before the escalation is exhausted.
    pub answer_within: String,
}

/// One step: after how long unanswered, whom, how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// After how long without an answer.
    pub after: String,
    /// Functions in the care team.
    pub to: Vec<String>,
    /// Channels, by the host's names.
    pub channels: Vec<String>,
    /// How often it is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<RepeatSpec>,
}

/// A step that is repeated until somebody answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RepeatSpec {
    /// How long after the one before.
    pub every: String,
    /// How many times more.
    pub times: u16,
}

/// Which share of what must be good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ObjectiveSpec {
    /// For people.
    pub title: String,
    /// A latency that has to stay within a time: `condition_delay` (from the limit to the
    /// condition), `signal_delay` (from there to the alert), `handed`, `delivered` (from planning a
    /// message), `acknowledged`, `resolved` (from asking somebody). Or what must not happen:
    /// `missed` (everybody was told, nobody had answered), `unanswered` (closed by itself), `late`
    /// (taken after everybody was told), `undelivered` (messages), `duplicate` (resolved as that).
    pub indicator: String,
    /// Of urgent alerts, and of messages about them; or of all others.
    pub critical: bool,
    /// The time for a latency; nothing else has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// How many have to be good: `95 %`. The rest is the error budget; `100 %` leaves none.
    pub share: String,
}

/// For how long an error budget is, and when it burns too fast.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorBudgetSpec {
    /// The time for which it is; `30 d` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Each says by itself that it burns too fast; `1 h` and `5 min` at 14.4, `6 h` and `30 min` at
    /// 6 if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<BurnWindowsSpec>,
    /// With fewer events in the long window a rate says nothing; 10 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_events: Option<u32>,
    /// Nor does it with fewer bad ones; 2 if absent. Without a budget one is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bad: Option<u32>,
}

impl ErrorBudgetSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A long window that says it is serious, and a short one that says it still goes on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BurnWindowsSpec {
    /// The long one, in whole minutes.
    pub long: String,
    /// The short one.
    pub short: String,
    /// In both, so many times the rate that uses the budget up in the whole period.
    pub factor: Number,
}
