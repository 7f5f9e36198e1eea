//! Answers: why an alert is there, and why there is none, as `rpm_core` gives them.

use super::*;

/// Everything the records say of one alert.
#[uniffi::remote(Record)]
pub struct Explanation {
    /// The alert.
    pub alert: AlertId,
    /// The rule that raised it.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// The level at which it opened.
    pub level: Level,
    /// Since when the limit was crossed.
    pub onset: Timestamp,
    /// Since when this level's limit was.
    pub since: Timestamp,
    /// When the level was reached, in event time.
    pub observed_at: Timestamp,
    /// When the engine learned it.
    pub learned_at: HostTime,
    /// What was measured.
    pub evidence: Vec<Clause>,
    /// How long it had to hold, and did.
    pub hold: TimeSpan,
    /// What decided.
    pub policy: PolicyRef,
    /// What to look at first when it opened, and why.
    pub priority: Priority,
    /// The route that took it, if the policy has one.
    pub route: Option<String>,
    /// What models said of the signals that were measured: the scores that were the latest when the alert
    /// opened, and the first of each other version since.
    pub models: Vec<ModelSaid>,
    /// What was decided about those models while the alert was open.
    pub roll_out: Vec<StageChange>,
    /// What happened to the alert since.
    pub history: Vec<HistoryEntry>,
    /// Who was told, and who was not.
    pub messages: Vec<Message>,
    /// What is known to have helped or not, by the last record.
    pub interventions: Vec<Tried>,
    /// The status by the last record.
    pub status: Status,
}

/// One entry of an alert's history.
#[uniffi::remote(Record)]
pub struct HistoryEntry {
    /// When, by the host's clock.
    pub at: HostTime,
    /// What.
    pub change: AlertChange,
    /// The status after it.
    pub status: Status,
    /// Who.
    pub by: Option<String>,
    /// Until when it stands.
    pub until: Option<HostTime>,
    /// Why, as a code or a reference.
    pub reason: Option<String>,
    /// In a person's words.
    pub note: Option<String>,
    /// What is being done about it.
    pub intervention: Option<String>,
    /// Where it waits from then on, if that is another queue.
    pub queue: Option<String>,
    /// If it was taken back because a device had not been worn: when it had not.
    pub not_worn: Option<NotWorn>,
}

/// One entry of who was told of an alert, and who was not.
#[uniffi::remote(Enum)]
pub enum Message {
    /// Somebody was to be told.
    Planned {
        /// When.
        at: HostTime,
        /// The intent.
        key: IntentKey,
        /// To whom.
        target: Target,
        /// How.
        channel: String,
        /// Why.
        reason: NotifyReason,
        /// What became of it, by the last record.
        state: DeliveryState,
        /// Why, if it was taken back.
        cancelled: Option<WithholdReason>,
    },
    /// Somebody would have been told, and was not.
    Withheld {
        /// When.
        at: HostTime,
        /// Why.
        reason: WithholdReason,
        /// Until when, if that was known.
        until: Option<HostTime>,
        /// On which channel; on all of them if absent.
        channel: Option<String>,
    },
    /// Everybody was told, and nobody had answered.
    Exhausted {
        /// When.
        at: HostTime,
    },
}

/// Where one level stands.
#[uniffi::remote(Record)]
pub struct LevelNow {
    /// The level.
    pub level: Level,
    /// Whether it is active.
    pub active: bool,
    /// What its comparisons say now: those that clear it if it is active, else those that raise it.
    pub now: Vec<Clause>,
    /// How long they have been met, over covered time.
    pub held: TimeSpan,
    /// How long they must be.
    pub needed: TimeSpan,
    /// Of `held` so far, how long a gap did not count.
    pub paused: TimeSpan,
}

/// What became of an input. Every input has exactly one outcome.
#[uniffi::remote(Enum)]
pub enum Receipt {
    /// It counts.
    Accepted,
    /// It was known already and changed nothing.
    Duplicate,
    /// It was refused for this reason and comes out again as an output.
    Quarantined(Code),
}

/// How many inputs had which outcome.
#[uniffi::remote(Record)]
pub struct Counts {
    /// Accepted.
    pub accepted: u64,
    /// Known already.
    pub duplicate: u64,
    /// Refused.
    pub quarantined: u64,
    /// Of the accepted: of kinds that the policy does not monitor.
    pub unmonitored: u64,
    /// Of the accepted: older than the lateness horizon, evaluated on their own.
    pub beyond_horizon: u64,
}

/// Whether a rule decides, only records, or rests.
#[uniffi::remote(Enum)]
pub enum Mode {
    /// It decides.
    Active,
    /// It is evaluated and recorded, and annunciates nothing.
    Shadow,
    /// It rests.
    Disabled,
}
