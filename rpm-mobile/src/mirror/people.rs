//! People: what they ask for, who is told and why, as `rpm_core::alert` has it.

use super::*;

/// What a person asks for.
#[uniffi::remote(Record)]
pub struct Command {
    /// Whose alert.
    pub patient: PatientKey,
    /// Which. A shelf outlives its episode: to take it down, name the rule's last alert.
    pub alert: AlertId,
    /// The revision that the person saw. If the alert has changed since, the command is refused.
    pub seen_revision: u32,
    /// Who, as the host names people.
    pub actor: String,
    /// In which role, by the host's word; the policy says what a role may do.
    pub role: String,
    /// What.
    pub action: Action,
}

/// What can be done with an alert.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum Action {
    /// "I have seen it."
    Acknowledge,
    /// "It is not mine after all."
    Unacknowledge,
    /// "Something is being done."
    StartRemediation {
        /// By whom; by the actor if absent.
        owner: Option<String>,
        /// Until when it should have helped; the policy's time if absent.
        due: Option<HostTime>,
        /// What, as the site names it: `reposition_probe`, `oxygen`. Whether it
        /// helped is remembered for the rule and the patient.
        intervention: Option<String>,
    },
    /// "It has been done."
    FinishRemediation,
    /// "It has been dealt with."
    Resolve {
        /// What it was.
        reason: Resolution,
        /// In the person's words.
        note: Option<String>,
    },
    /// "Not now." Holds for the rule and this patient, up to the alert's level, until the time.
    Shelve {
        /// Until when; the policy sets the longest time.
        until: HostTime,
        /// Why.
        reason: String,
    },
    /// "Now again."
    Unshelve,
    /// "The equipment is being worked on." Holds for the rule and this patient until it is back.
    TakeOutOfService {
        /// Work order or ticket.
        reference: String,
    },
    /// "The equipment is back."
    ReturnToService,
    /// "This is for you." Who is named is told at once.
    Assign {
        /// Who.
        to: String,
    },
    /// For the record.
    Note {
        /// In the person's words.
        text: String,
    },
}

/// What a person asks of what was learned of a patient: a new medication or a new device makes
/// something else usual.
#[uniffi::remote(Record)]
pub struct BaselineCommand {
    /// Whose.
    pub patient: PatientKey,
    /// Which, by its name in the policy.
    pub baseline: String,
    /// What.
    pub action: BaselineAction,
    /// Who, as the host names people.
    pub actor: String,
    /// In which role, by the host's word; the policy says what a role may do.
    pub role: String,
    /// Why, in the person's words.
    pub reason: String,
}

/// What can be done with a baseline.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum BaselineAction {
    /// Forget everything: nothing observed before a time is usual any more. Until enough has been
    /// seen again, the fallback is.
    Restart {
        /// From when on to learn; from the newest observation on if absent.
        from: Option<Timestamp>,
    },
    /// Everything learned lies by so much higher, or lower if negative: another device, say, that
    /// reads 2 less. Not for a median, which asks the readings themselves.
    Shift {
        /// By how much, in the signal's unit.
        by: Value,
    },
}

/// One person's shift.
#[uniffi::remote(Record)]
pub struct Shift {
    /// The function in the care team, as escalations of the policy name it.
    pub function: String,
    /// Who.
    pub person: String,
    /// From when.
    pub from: HostTime,
    /// Until when.
    pub until: HostTime,
    /// Within this organisation; in all if absent.
    pub tenant: Option<TenantId>,
    /// For this patient alone, and before whoever has the function for all.
    pub patient: Option<PatientId>,
}

/// What people did about an alert.
#[uniffi::remote(Enum)]
pub enum Response {
    /// Nobody has taken it.
    Unowned,
    /// Somebody has seen it.
    Acknowledged {
        /// Who.
        by: String,
        /// When, by the host's clock.
        at: HostTime,
        /// Until when it stands while the condition is active; for good if absent.
        until: Option<HostTime>,
    },
    /// Somebody is doing something about it.
    InRemediation {
        /// Who.
        owner: String,
        /// Since when.
        since: HostTime,
        /// Until when it should have helped.
        due: Option<HostTime>,
    },
    /// It is over.
    Closed {
        /// When.
        at: HostTime,
        /// How.
        reason: Closure,
    },
}

/// Why an alert annunciates nothing for now, if so.
#[uniffi::remote(Enum)]
pub enum Suppression {
    /// It annunciates.
    None,
    /// A person put it aside for a while.
    Shelved {
        /// Until when.
        until: HostTime,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The patient's circumstances explain it: a rule of the policy says so.
    ByRule {
        /// Which of the policy's suppressions.
        id: String,
    },
    /// Another open alert of the patient says what there is to say.
    InhibitedBy {
        /// Which.
        alert: AlertId,
    },
    /// Maintenance took the rule out of service for this patient.
    OutOfService {
        /// Work order or ticket.
        reference: String,
    },
}

/// An alert that waits in a queue.
#[uniffi::remote(Record)]
pub struct Waiting {
    /// Whose.
    pub patient: PatientKey,
    /// Which.
    pub alert: AlertId,
    /// Why it stands where it does.
    pub priority: Priority,
}

/// Asks the host to tell somebody. The engine itself sends nothing.
#[uniffi::remote(Record)]
pub struct DeliveryIntent {
    /// Never two messages for one key.
    pub key: IntentKey,
    /// The organisation, where the host has more than one.
    pub tenant: Option<TenantId>,
    /// About whom.
    pub patient: PatientId,
    /// What the message says, one part an alert, the gravest first.
    pub parts: Vec<MessagePart>,
    /// To whom.
    pub target: Target,
    /// How: `push`, `pager`, ... as the policy names channels.
    pub channel: String,
    /// In which queue the alert waits.
    pub queue: String,
    /// Why now.
    pub reason: NotifyReason,
    /// When it was decided.
    pub at: HostTime,
    /// After this it is of no use to anybody.
    pub expires_at: HostTime,
    /// The message it takes the place of: the host may update that one.
    pub replaces: Option<IntentKey>,
}

/// What a message says of one alert.
#[uniffi::remote(Record)]
pub struct MessagePart {
    /// The alert.
    pub alert: AlertId,
    /// Its revision: what an acknowledgement from the message has seen.
    pub revision: u32,
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// How bad now.
    pub level: Level,
    /// Since when, in event time.
    pub onset: Timestamp,
    /// What was measured, in words.
    pub detail: String,
}

/// An intent, as the engine remembers it.
#[uniffi::remote(Record)]
pub struct Delivery {
    /// Which.
    pub key: IntentKey,
    /// The alerts it names.
    pub alerts: Vec<AlertId>,
    /// To whom.
    pub target: Target,
    /// How.
    pub channel: String,
    /// Where it has come to.
    pub state: DeliveryState,
    /// When it is given up, unless it arrives.
    pub expires_at: HostTime,
}

/// Asks the host to take a message back, if it still can.
#[uniffi::remote(Record)]
pub struct CancelDelivery {
    /// The organisation, where the host has more than one.
    pub tenant: Option<TenantId>,
    /// About whom it is.
    pub patient: PatientId,
    /// Which.
    pub key: IntentKey,
    /// To whom it went, or would have gone.
    pub target: Target,
    /// How.
    pub channel: String,
    /// Why.
    pub reason: WithholdReason,
}

/// What the host reports of an intent.
#[uniffi::remote(Record)]
pub struct DeliveryReport {
    /// Whose.
    pub patient: PatientKey,
    /// Which.
    pub key: IntentKey,
    /// `Handed`, `Delivered`, `Seen` or `Failed`.
    pub state: DeliveryState,
}

/// To whom a message goes.
#[uniffi::remote(Record)]
pub struct Target {
    /// The function in the care team that the policy asks for.
    pub function: String,
    /// Who has it by the roster; nobody is known to the engine if absent.
    pub person: Option<String>,
}

/// Why somebody is told.
#[uniffi::remote(Enum)]
pub enum NotifyReason {
    /// The alert opened.
    Opened,
    /// It became more severe.
    Raised,
    /// It came back.
    Reentered,
    /// The acknowledgement ran out while the condition is still there.
    AcknowledgementLapsed,
    /// What was done has not helped in time.
    RemediationOverdue,
    /// Whoever had it went off shift.
    HandedOver,
    /// It is no longer suppressed, and still there.
    Unsuppressed,
    /// It is no longer suppressed, and the data have stopped: nobody knows.
    Unverified,
    /// Somebody resolved it, and it is still there.
    Reopened,
    /// Somebody gave it back.
    GivenBack,
    /// It was assigned to this person.
    Assigned,
    /// It has been open for too long.
    Stale,
    /// A message named several alerts, and one of them is answered.
    Regrouped,
}

/// Why somebody is not told, or no longer.
#[uniffi::remote(Enum)]
pub enum WithholdReason {
    /// Put aside by a person.
    Shelved,
    /// Explained by circumstances.
    SuppressedByRule,
    /// Said by another alert.
    InhibitedBy,
    /// Under maintenance.
    OutOfService,
    /// It waits for the end of quiet hours.
    QuietHours,
    /// It waits for the digest.
    Digest,
    /// The patient has not consented to being monitored.
    NoConsent,
    /// The patient declines this channel.
    PatientDeclined,
    /// The rule only records.
    Shadow,
    /// No route of the policy takes it.
    NoRoute,
    /// Somebody has taken it.
    Answered,
    /// The condition is over.
    Cleared,
    /// The episode is closed.
    Closed,
    /// Another message says it better.
    Superseded,
}

/// Where an intent has come to.
#[uniffi::remote(Enum)]
pub enum DeliveryState {
    /// The engine asked.
    Planned,
    /// The host handed it to the channel.
    Handed,
    /// The channel says it arrived.
    Delivered,
    /// A person has looked at it.
    Seen,
    /// The channel says it did not arrive.
    Failed,
    /// It was taken back.
    Cancelled,
    /// Nothing was heard of it in time.
    Expired,
}

/// Why an episode was closed.
#[uniffi::remote(Enum)]
pub enum Closure {
    /// The condition was over and nothing kept it open.
    Cleared,
    /// Late evidence took it back before anybody was told.
    Retracted,
    /// A person resolved it.
    Resolved(Resolution),
}

/// What an alert turned out to be. The share of true ones is a rule's predictive value.
#[uniffi::remote(Enum)]
pub enum Resolution {
    /// True, and something was done.
    TrueActedOn,
    /// True, and there was nothing to do.
    TrueNotActionable,
    /// False: not from the body.
    FalseArtifact,
    /// False: the limit does not fit the patient.
    FalseLimit,
    /// Said by another alert already.
    Duplicate,
    /// None of these; say so in the note.
    Other,
}
