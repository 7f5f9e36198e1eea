//! Evidence: what a comparison found, and how a score came about, as `rpm_core::record` has it.

use super::*;

/// What one comparison found.
#[uniffi::remote(Record)]
pub struct Clause {
    /// The signal.
    pub signal: String,
    /// The statistic of it.
    pub statistic: String,
    /// Its window, if it has one.
    pub over: Option<TimeSpan>,
    /// The value found, as decimal text in `unit`, if there was enough data.
    pub value: Option<String>,
    /// UCUM unit of value and limit.
    pub unit: String,
    /// `below`, `at_or_below`, `above`, `at_or_above`.
    pub comparison: String,
    /// The limit in force; absent where it is measured from a baseline that is not known yet.
    pub limit: Option<String>,
    /// The circumstances that made the limit, or its distance from a baseline, what it is, in the order
    /// in which they applied.
    pub modifiers: Vec<Modified>,
    /// What the limit is measured from, if it is a distance from what is usual for the patient.
    pub baseline: Option<Usual>,
    /// The device's accuracy, if the value is nearer to the limit than that.
    pub accuracy: Option<String>,
    /// If the signal is a score: what it was counted from, and what it means.
    pub score: Option<CountedScore>,
    /// If the signal is one value a night: what it was made of.
    pub summary: Option<Summarised>,
    /// If the signal is a drift: what it was added up from.
    pub drift: Option<Drifted>,
    /// If readings in the window did not count because their device was not worn: the latest such stretch.
    pub not_worn: Option<NotWorn>,
    /// If it is about a missing signal: what came instead of readings that count. `nothing`; or what was wrong
    /// with what came, by the names of quality flags (`artifact`); `absent`, readings without a value; `not_worn`.
    pub instead: Vec<String>,
    /// Good readings' share of the window, in per cent.
    pub coverage: u8,
    /// What the comparison says.
    pub verdict: Verdict,
}

/// What circumstances made of a limit, or of a level.
#[uniffi::remote(Record)]
pub struct Modified {
    /// The modifier.
    pub modifier: String,
    /// The reason, for people.
    pub title: String,
    /// What the limit was before.
    pub from: String,
    /// And after.
    pub to: String,
    /// Since when the circumstances are known to be so.
    pub since: Option<Timestamp>,
    /// Until when they will be, where that is known: to an hour of the day, or so long after a phase began.
    pub until: Option<Timestamp>,
}

/// What was usual for the patient, and how far from it a limit lies.
#[uniffi::remote(Record)]
pub struct Usual {
    /// The baseline.
    pub baseline: String,
    /// The value from which the distance counts; absent if none is known yet.
    pub value: Option<String>,
    /// Its standard deviation, or what stands for one.
    pub spread: Option<String>,
    /// What the deviation was, if it is less than the least that counts.
    pub spread_found: Option<String>,
    /// How far from it the limit lies...
    pub distance: String,
    /// ... in what.
    pub measured: Distance,
    /// Whether it is of the patient asleep or awake, if it was learned of each.
    pub asleep: Option<bool>,
    /// How many panes it was learned from; none if it is the policy's fallback.
    pub samples: u32,
    /// Since when it has been learned.
    pub since: Option<Timestamp>,
}

/// What one value a night was made of.
#[uniffi::remote(Record)]
pub struct Summarised {
    /// The signal that was summarised.
    pub of: String,
    /// `mean`, `min`, `max`, `sum`, `median`, or `percentile 90`.
    pub statistic: String,
    /// When the night began.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// How many good readings there were.
    pub readings: u32,
    /// Good readings' share of it, in per cent.
    pub coverage: u8,
}

/// For how long a device was known not to be worn.
#[uniffi::remote(Record)]
pub struct NotWorn {
    /// Since when.
    pub since: Timestamp,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
}

/// What a drift away from a baseline was added up from.
#[uniffi::remote(Record)]
pub struct Drifted {
    /// The signal that drifts.
    pub of: String,
    /// From what.
    pub baseline: String,
    /// `up` or `down`.
    pub direction: String,
    /// Deviations that were taken off each time.
    pub allowance: String,
    /// How many values there were since the sum was last zero.
    pub values: u32,
    /// The first of them.
    pub since: Option<Timestamp>,
    /// Whether there were more before, of which nothing is known any more.
    pub longer: bool,
}

/// In what a distance from a baseline is measured.
#[uniffi::remote(Enum)]
pub enum Distance {
    /// In the signal's unit.
    Absolute,
    /// In per cent of what is usual.
    Percent,
    /// In standard deviations of what is usual.
    Deviations,
}

/// What a predicate says: there are four answers, not two.
#[uniffi::remote(Enum)]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not hold.
    NotMet,
    /// Too little data, or too old, to say.
    Stale,
    /// Data of too bad a quality to say.
    Invalid,
}

/// A score with its terms. `Display` is the line that a nurse reads.
#[uniffi::remote(Record)]
pub struct CountedScore {
    /// The score's name in the policy.
    pub score: String,
    /// What the clinician reads.
    pub title: String,
    /// The sum of the points; absent if there is no score.
    pub total: Option<u16>,
    /// Whether something is missing that was not counted as normal: then the total can only be too
    /// low.
    pub partial: bool,
    /// What the total means, as the chart calls it.
    pub level: Option<String>,
    /// How often to observe at least.
    pub monitoring: Option<Monitoring>,
    /// What to do.
    pub response: Option<String>,
    /// The parameters in the order of the chart.
    pub parameters: Vec<CountedParameter>,
    /// What the published score asks for and this one does not read.
    pub declared_missing: Vec<String>,
}

/// One parameter of a score.
#[uniffi::remote(Record)]
pub struct CountedParameter {
    /// Its name in the score.
    pub name: String,
    /// What the clinician reads.
    pub title: String,
    /// The value that was looked up, rounded to the chart's resolution, or its code.
    pub value: Option<String>,
    /// UCUM unit of the value; absent for ratios and codes.
    pub unit: Option<String>,
    /// How old it was.
    pub age: Option<TimeSpan>,
    /// The points; absent if they count for nothing.
    pub points: Option<u8>,
    /// Why there is no value. With points it was counted as normal.
    pub missing: Option<Absence>,
    /// Whether the points depend on oxygen or air, which nobody knows: they are the higher ones.
    pub oxygen_unknown: bool,
}

/// Why a parameter has no value.
#[uniffi::remote(Enum)]
pub enum Absence {
    /// The policy has no signal for it.
    NotMonitored,
    /// There is no value.
    NotMeasured,
    /// The youngest value is older than may count.
    TooOld,
}

/// How often to observe at least.
#[uniffi::remote(Enum)]
pub enum Monitoring {
    /// Once within this time.
    Every(TimeSpan),
    /// All the time.
    Continuous,
}

/// A priority and how it came about.
#[uniffi::remote(Record)]
pub struct Priority {
    /// Greater is sooner.
    pub total: i32,
    /// What it is the sum of; the sum stays within its class.
    pub terms: Vec<Term>,
}

/// One term of a priority.
#[uniffi::remote(Record)]
pub struct Term {
    /// Its name in the table of this module.
    pub name: TermName,
    /// What it adds.
    pub points: i32,
}

/// How often something was done about a patient's alerts of one rule, and how often it helped.
#[uniffi::remote(Record)]
pub struct Tried {
    /// What, as the site names it.
    pub intervention: String,
    /// How often it is known whether it helped.
    pub tried: u16,
    /// How often it did.
    pub helped: u16,
}
