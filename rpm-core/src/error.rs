//! The one table of error codes, and the one error type of everything that reads foreign input.
//!
//! A code never changes its number or its name; a retired one stays reserved. Messages are for
//! people and may be improved. No message contains an identifier or a value of a patient: an error
//! says *which field*, never *what was in it*.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

macro_rules! codes {
    ($($(#[$meta:meta])* $number:literal $variant:ident $name:literal $message:literal;)*) => {
        /// What went wrong, by stable number and name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Code {
            $(#[doc = $message] $(#[$meta])* $variant = $number,)*
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable number; the hundreds name the family.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The stable name, `snake_case`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence for people.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

codes! {
    // 1xx: the text of an event.
    100 MalformedJson "malformed_json" "the text is not valid JSON";
    101 MissingField "missing_field" "a required field is missing";
    102 WrongType "wrong_type" "a field has the wrong type";
    103 UnknownField "unknown_field" "the field is not part of this schema version";
    104 UnknownSchema "unknown_schema" "the schema version's major number is not known";
    105 UnknownKind "unknown_kind" "neither the engine nor the policy knows this kind";
    106 UnknownUnit "unknown_unit" "the unit is not known for this kind";
    107 NotANumber "not_a_number" "the value is NaN, infinite or not a number";
    108 OutOfRange "out_of_range" "the number cannot be represented";
    109 BadTimestamp "bad_timestamp" "the time is not RFC 3339 or lies outside 1970 to 9999";
    110 BadDuration "bad_duration" "a duration is written like \"60 s\", \"10 min\", \"8 h\", \"2 d\"";
    111 BadIdentifier "bad_identifier" "an identifier has 1 to 256 bytes and no control characters";
    112 BadEncoding "bad_encoding" "the text is not UTF-8";
    113 TooLarge "too_large" "the input is larger than this reader accepts";
    114 UnknownCode "unknown_code" "the code is not in the code list of this field";
    115 AmbiguousUnit "ambiguous_unit" "the unit means something else in UCUM (F is farad, C is coulomb)";
    116 DuplicateField "duplicate_field" "a field occurs twice";
    117 ExclusiveFields "exclusive_fields" "an event has one body, and a reading a value or a reason why not";
    // 2xx: intake, the reasons of quarantine.
    200 Impossible "impossible" "the value cannot come from a living body";
    201 FutureTime "future_time" "observed later than the host's clock allows";
    202 Conflict "conflict" "same identity as an earlier reading but another value";
    203 NothingToCorrect "nothing_to_correct" "the reading to correct or void is not known";
    204 BeyondHorizon "beyond_horizon" "the reading to correct is older than the lateness horizon";
    207 UnknownPatient "unknown_patient" "the patient key is not from this engine";
    208 UnknownDevice "unknown_device" "the device key is not from this patient";
    209 CapacityReached "capacity_reached" "the configured number of patients or devices is reached";
    210 BadSignature "bad_signature" "the event was signed and the signature does not verify";
    // 3xx: policies.
    300 PolicySyntax "policy_syntax" "the policy text does not have the policy's shape";
    301 DuplicateId "duplicate_id" "the identifier is used twice";
    302 UnknownSignal "unknown_signal" "no signal of this name is declared";
    303 UnknownStatistic "unknown_statistic" "no statistic of this name exists";
    304 MissingLimit "missing_limit" "a limit (below, at_or_below, above, at_or_above) is needed";
    305 TooManyLimits "too_many_limits" "a comparison has one limit";
    306 MixedDirections "mixed_directions" "high and low are different conditions: use two rules";
    307 WindowTooLong "window_too_long" "the window needs more panes than a signal may keep";
    308 WindowNeeded "window_needed" "this statistic needs `over`, a window";
    310 NotAMultiple "not_a_multiple" "the duration is not a whole number of panes";
    311 EmptyComposition "empty_composition" "a composition has no parts, or asks for more than it has";
    312 TooDeep "too_deep" "compositions are nested too deeply";
    313 UnknownLevel "unknown_level" "no level of this name exists";
    314 LevelOrder "level_order" "levels are listed once each, from mild to severe";
    315 NoLevels "no_levels" "a rule needs at least one level";
    316 BadLimit "bad_limit" "the limit is not a decimal number with at most three decimals";
    317 BadShare "bad_share" "a share is written like \"66 %\" and lies between 0 and 100";
    318 TooManyItems "too_many_items" "the policy has more entries than the engine accepts";
    319 ClearInsideRaise "clear_inside_raise" "the clear limit lies inside the raise limit: it could flap";
    320 WindowShorterThanCadence "window_shorter_than_cadence" "the window is shorter than the cadence";
    321 UnreachableLevel "unreachable_level" "no reading that is possible can reach this level";
    322 LimitOutsideRange "limit_outside_range" "the limit lies outside what the kind can be";
    323 UnknownMode "unknown_mode" "modes are active, shadow, disabled";
    324 UnusedSignal "unused_signal" "no rule reads this signal";
    326 RuleKind "rule_kind" "a rule has either `levels` or `missing_for`";
    327 Cycle "cycle" "rules refer to each other in a circle";
    328 EmptyName "empty_name" "a name is empty or too long";
    329 CoverageTooHigh "coverage_too_high" "at this cadence the window can never be covered so well";
    330 NotApproved "not_approved" "a change needs the approval of somebody other than its owner";
    331 StaleProposal "stale_proposal" "the change was proposed for a policy that is not in force";
    332 GapTooShort "gap_too_short" "the gap is shorter than a pane: no hold could ever accrue";
    333 NothingChanges "nothing_changes" "the proposed policy is the one it would replace";
    334 KindRenumbered "kind_renumbered" "a declared kind would get the number of another: name new kinds so that they sort last";
    335 UnknownRule "unknown_rule" "no rule of this name exists";
    336 UnknownEscalation "unknown_escalation" "no escalation of this name exists";
    337 NoSteps "no_steps" "an escalation needs at least one step, with somebody to tell and a channel";
    338 BadTimeOfDay "bad_time_of_day" "a time of day is written like \"07:30\"";
    339 UrgentDeferred "urgent_deferred" "urgent alerts are never put off";
    340 UnrelatedInhibition "unrelated_inhibition" "an alert can only stand for another that is about one of its signals";
    341 UnknownCircumstance "unknown_circumstance" "nothing of this name is known of a patient or a device";
    342 LevelMismatch "level_mismatch" "a level is given, or follows from harm and onset; the two say different things";
    343 BadOffset "bad_offset" "an offset from UTC is written like \"+01:00\"";
    344 LatencyBound "latency_bound" "a latency needs `within`; what is counted whenever it happens has none";
    345 UnreachableBurn "unreachable_burn" "even if everything goes wrong, the budget does not burn so fast as to page";
    350 UnknownBaseline "unknown_baseline" "no baseline of this name is declared";
    351 UnlikeBaseline "unlike_baseline" "the baseline is of something else than what is compared";
    352 NothingModified "nothing_modified" "a modifier changes a limit, a hold, a severity or whether a level is judged, of at least one rule";
    353 WidensUrgent "widens_urgent" "this makes an urgent level less sensitive: say `widens_urgent` if that is meant";
    360 ScoreForm "score_form" "a score is a built-in chart, or a title with parameters of its own";
    361 UnknownChart "unknown_chart" "no built-in chart of this name exists";
    362 UnknownParameter "unknown_parameter" "the chart has no parameter of this name";
    363 BandForm "band_form" "bands are limits in the signal's unit, or the codes of a coded kind";
    364 BandOrder "band_order" "bands go from low to high without a gap, and the last one takes what is left";
    365 UnreachableBand "unreachable_band" "no value that is possible can reach this band";
    366 UnitMismatch "unit_mismatch" "the signals do not say the same in the same unit";
    367 UnmonitoredParameter "unmonitored_parameter" "the policy monitors nothing that this parameter reads";
    368 UnknownScore "unknown_score" "no score of this name is declared";
    369 DerivedSignal "derived_signal" "a signal that is made of others is a score, fused, a difference, a summary or a drift, of signals that can be made into that, and has no readings";
    370 ScoreSignal "score_signal" "a model's score is a signal of a declared kind in unit 1, possible from 0 to 1";
    371 FeatureForm "feature_form" "a feature is of one signal over a time, or of an age band, or of a condition";
    372 AskedForm "asked_form" "a model is asked while rules say so that are not disabled; `at_least_every` is for those, and no shorter than `every`";
    // 4xx: snapshots.
    400 SnapshotCorrupt "snapshot_corrupt" "the snapshot's checksum or structure is wrong";
    401 SnapshotNewer "snapshot_newer" "the snapshot was written by a newer release";
    402 SnapshotPolicy "snapshot_policy" "the snapshot needs a policy that was not given";
    403 NotASnapshot "not_a_snapshot" "the bytes are not a snapshot";
    // 5xx: commands.
    500 UnknownAlert "unknown_alert" "no alert of this number exists";
    501 StaleRevision "stale_revision" "the alert changed since it was seen";
    502 AlertClosed "alert_closed" "the alert is closed";
    503 AlreadyAcknowledged "already_acknowledged" "the alert is acknowledged";
    504 NotPermitted "not_permitted" "the policy does not let this role do that";
    505 NotPossibleNow "not_possible_now" "the alert is not in a state in which that can be done";
    506 ShelvedTooLong "shelved_too_long" "the policy does not let anything be shelved for so long";
    507 TimePassed "time_passed" "the time lies in the past";
    508 UnknownIntent "unknown_intent" "no delivery of this key is remembered";
    509 ReportOutOfOrder "report_out_of_order" "the delivery has come further than that already";
    510 BadIntervention "bad_intervention" "an intervention is named by 1 to 64 letters, digits, - _ .";
    // 6xx: the caller's own mistakes.
    600 OutputQueueFull "output_queue_full" "poll outputs before calling again: nothing was changed";
    601 UndrainedOutputs "undrained_outputs" "poll all outputs before taking a snapshot";
    // What only callers in other languages can do wrong.
    602 NullPointer "null_pointer" "a pointer that has to point to something is null";
    603 BadLength "bad_length" "no object in memory is as long as this length says";
    604 BadArgument "bad_argument" "an argument is none of the values it may have";
    605 NotFound "not_found" "there is nothing of this name or number";
    606 NotAvailable "not_available" "this build of the library does not have that";
    607 InUse "in_use" "another thread, or a callback, is in a call on this handle";
    608 Panicked "panicked" "a defect of the library: free the handle, it answers nothing any more";
    609 Poisoned "poisoned" "an earlier call on this handle panicked: free it";
    // 7xx: models.
    700 ModelSyntax "model_syntax" "the bytes are not an ONNX model";
    701 ModelHash "model_hash" "these are not the bytes that the manifest describes";
    702 ManifestSyntax "manifest_syntax" "the text does not have a manifest's shape";
    703 UnsupportedOperator "unsupported_operator" "the model has an operator that nothing here evaluates at that place";
    704 ModelShape "model_shape" "the model's inputs, outputs or constants do not have the size that they must have";
    705 ModelNotFinite "model_not_finite" "the model has a constant that is no number";
    706 BadCalibration "bad_calibration" "a calibration rises, with probabilities between 0 and 1";
    707 SelfTestFailed "self_test_failed" "the model does not compute what its manifest says it must";
    709 SlowOperator "slow_operator" "the model has an operator that is evaluated slowly";
    720 UnknownModel "unknown_model" "no model of this name and version is there";
    721 StageOrder "stage_order" "a model goes from candidate through shadow and canary to active, one canary at a time";
    722 UnknownRisk "unknown_risk" "the policy has no model of this name";
    723 NotAssigned "not_assigned" "the registry lets another version of the model score this patient, or none";
}

/// An error of reading or deciding: a [`Code`], and where it happened.
///
/// ```
/// use rpm_core::{Code, Duration};
/// let e = "1 fortnight".parse::<Duration>().unwrap_err();
/// assert_eq!(e.code(), Code::BadDuration);
/// assert_eq!(e.code().number(), 110);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    code: Code,
    /// Apart: results are handed on in two registers, in hundreds of places.
    details: Option<Box<Details>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Details {
    path: Option<String>,
    hint: Option<Cow<'static, str>>,
}

impl Error {
    /// An error without a place.
    pub const fn new(code: Code) -> Self {
        Self { code, details: None }
    }

    /// The same error at a field, written as a path such as `rules[2].levels[0].raise`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.details().path = Some(path.into());
        self
    }

    /// The same error with advice. The advice never quotes input that could be a patient's.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.details().hint = Some(hint.into());
        self
    }

    #[cold]
    fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The field, if the error has one.
    pub fn path(&self) -> Option<&str> {
        self.details.as_ref()?.path.as_deref()
    }

    /// The advice, if there is one.
    pub fn advice(&self) -> Option<&str> {
        self.details.as_ref()?.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path() {
            write!(f, "{path}: ")?;
        }
        write!(f, "{} [{}]", self.code.message(), self.code.name())?;
        match self.advice() {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ordered() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number());
        }
        let mut names: alloc::vec::Vec<_> = Code::ALL.iter().map(|c| c.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
