//! The error codes, as `rpm_core::error` numbers them.

use super::*;

/// What went wrong, by stable number and name.
#[uniffi::remote(Enum)]
#[repr(u16)]
#[non_exhaustive]
pub enum Code {
    /// The text is not valid JSON.
    MalformedJson = 100,
    /// A required field is missing.
    MissingField = 101,
    /// A field has the wrong type.
    WrongType = 102,
    /// The field is not part of this schema version.
    UnknownField = 103,
    /// The schema version's major number is not known.
    UnknownSchema = 104,
    /// Neither the engine nor the policy knows this kind.
    UnknownKind = 105,
    /// The unit is not known for this kind.
    UnknownUnit = 106,
    /// The value is NaN, infinite or not a number.
    NotANumber = 107,
    /// The number cannot be represented.
    OutOfRange = 108,
    /// The time is not RFC 3339 or lies outside 1970 to 9999.
    BadTimestamp = 109,
    /// A duration is written like \"60 s\", \"10 min\", \"8 h\", \"2 d\".
    BadDuration = 110,
    /// An identifier has 1 to 256 bytes and no control characters.
    BadIdentifier = 111,
    /// The text is not UTF-8.
    BadEncoding = 112,
    /// The input is larger than this reader accepts.
    TooLarge = 113,
    /// The code is not in the code list of this field.
    UnknownCode = 114,
    /// The unit means something else in UCUM (F is farad, C is coulomb).
    AmbiguousUnit = 115,
    /// A field occurs twice.
    DuplicateField = 116,
    /// An event has one body, and a reading a value or a reason why not.
    ExclusiveFields = 117,
    /// The value cannot come from a living body.
    Impossible = 200,
    /// Observed later than the host's clock allows.
    FutureTime = 201,
    /// Same identity as an earlier reading but another value.
    Conflict = 202,
    /// The reading to correct or void is not known.
    NothingToCorrect = 203,
    /// The reading to correct is older than the lateness horizon.
    BeyondHorizon = 204,
    /// The patient key is not from this engine.
    UnknownPatient = 207,
    /// The device key is not from this patient.
    UnknownDevice = 208,
    /// The configured number of patients or devices is reached.
    CapacityReached = 209,
    /// The event was signed and the signature does not verify.
    BadSignature = 210,
    /// The policy text does not have the policy's shape.
    PolicySyntax = 300,
    /// The identifier is used twice.
    DuplicateId = 301,
    /// No signal of this name is declared.
    UnknownSignal = 302,
    /// No statistic of this name exists.
    UnknownStatistic = 303,
    /// A limit (below, at_or_below, above, at_or_above) is needed.
    MissingLimit = 304,
    /// A comparison has one limit.
    TooManyLimits = 305,
    /// High and low are different conditions: use two rules.
    MixedDirections = 306,
    /// The window needs more panes than a signal may keep.
    WindowTooLong = 307,
    /// This statistic needs `over`, a window.
    WindowNeeded = 308,
    /// The duration is not a whole number of panes.
    NotAMultiple = 310,
    /// A composition has no parts, or asks for more than it has.
    EmptyComposition = 311,
    /// Compositions are nested too deeply.
    TooDeep = 312,
    /// No level of this name exists.
    UnknownLevel = 313,
    /// Levels are listed once each, from mild to severe.
    LevelOrder = 314,
    /// A rule needs at least one level.
    NoLevels = 315,
    /// The limit is not a decimal number with at most three decimals.
    BadLimit = 316,
    /// A share is written like \"66 %\" and lies between 0 and 100.
    BadShare = 317,
    /// The policy has more entries than the engine accepts.
    TooManyItems = 318,
    /// The clear limit lies inside the raise limit: it could flap.
    ClearInsideRaise = 319,
    /// The window is shorter than the cadence.
    WindowShorterThanCadence = 320,
    /// No reading that is possible can reach this level.
    UnreachableLevel = 321,
    /// The limit lies outside what the kind can be.
    LimitOutsideRange = 322,
    /// Modes are active, shadow, disabled.
    UnknownMode = 323,
    /// No rule reads this signal.
    UnusedSignal = 324,
    /// A rule has either `levels` or `missing_for`.
    RuleKind = 326,
    /// Rules refer to each other in a circle.
    Cycle = 327,
    /// A name is empty or too long.
    EmptyName = 328,
    /// At this cadence the window can never be covered so well.
    CoverageTooHigh = 329,
    /// A change needs the approval of somebody other than its owner.
    NotApproved = 330,
    /// The change was proposed for a policy that is not in force.
    StaleProposal = 331,
    /// The gap is shorter than a pane: no hold could ever accrue.
    GapTooShort = 332,
    /// The proposed policy is the one it would replace.
    NothingChanges = 333,
    /// A declared kind would get the number of another: name new kinds so that they sort last.
    KindRenumbered = 334,
    /// No rule of this name exists.
    UnknownRule = 335,
    /// No escalation of this name exists.
    UnknownEscalation = 336,
    /// An escalation needs at least one step, with somebody to tell and a channel.
    NoSteps = 337,
    /// A time of day is written like \"07:30\".
    BadTimeOfDay = 338,
    /// Urgent alerts are never put off.
    UrgentDeferred = 339,
    /// An alert can only stand for another that is about one of its signals.
    UnrelatedInhibition = 340,
    /// Nothing of this name is known of a patient or a device.
    UnknownCircumstance = 341,
    /// A level is given, or follows from harm and onset; the two say different things.
    LevelMismatch = 342,
    /// An offset from UTC is written like \"+01:00\".
    BadOffset = 343,
    /// A latency needs `within`; what is counted whenever it happens has none.
    LatencyBound = 344,
    /// Even if everything goes wrong, the budget does not burn so fast as to page.
    UnreachableBurn = 345,
    /// No baseline of this name is declared.
    UnknownBaseline = 350,
    /// The baseline is of something else than what is compared.
    UnlikeBaseline = 351,
    /// A modifier changes a limit, a hold, a severity or whether a level is judged, of at least one
    /// rule.
    NothingModified = 352,
    /// This makes an urgent level less sensitive: say `widens_urgent` if that is meant.
    WidensUrgent = 353,
    /// A score is a built-in chart, or a title with parameters of its own.
    ScoreForm = 360,
    /// No built-in chart of this name exists.
    UnknownChart = 361,
    /// The chart has no parameter of this name.
    UnknownParameter = 362,
    /// Bands are limits in the signal's unit, or the codes of a coded kind.
    BandForm = 363,
    /// Bands go from low to high without a gap, and the last one takes what is left.
    BandOrder = 364,
    /// No value that is possible can reach this band.
    UnreachableBand = 365,
    /// The signals do not say the same in the same unit.
    UnitMismatch = 366,
    /// The policy monitors nothing that this parameter reads.
    UnmonitoredParameter = 367,
    /// No score of this name is declared.
    UnknownScore = 368,
    /// A signal that is made of others is a score, fused, a difference, a summary or a drift, of
    /// signals that can be made into that, and has no readings.
    DerivedSignal = 369,
    /// A model's score is a signal of a declared kind in unit 1, possible from 0 to 1.
    ScoreSignal = 370,
    /// A feature is of one signal over a time, or of an age band, or of a condition.
    FeatureForm = 371,
    /// A model is asked while rules say so that are not disabled; `at_least_every` is for those, and no shorter
    /// than `every`.
    AskedForm = 372,
    /// The snapshot's checksum or structure is wrong.
    SnapshotCorrupt = 400,
    /// The snapshot was written by a newer release.
    SnapshotNewer = 401,
    /// The snapshot needs a policy that was not given.
    SnapshotPolicy = 402,
    /// The bytes are not a snapshot.
    NotASnapshot = 403,
    /// No alert of this number exists.
    UnknownAlert = 500,
    /// The alert changed since it was seen.
    StaleRevision = 501,
    /// The alert is closed.
    AlertClosed = 502,
    /// The alert is acknowledged.
    AlreadyAcknowledged = 503,
    /// The policy does not let this role do that.
    NotPermitted = 504,
    /// The alert is not in a state in which that can be done.
    NotPossibleNow = 505,
    /// The policy does not let anything be shelved for so long.
    ShelvedTooLong = 506,
    /// The time lies in the past.
    TimePassed = 507,
    /// No delivery of this key is remembered.
    UnknownIntent = 508,
    /// The delivery has come further than that already.
    ReportOutOfOrder = 509,
    /// An intervention is named by 1 to 64 letters, digits, - _ .
    BadIntervention = 510,
    /// Poll outputs before calling again: nothing was changed.
    OutputQueueFull = 600,
    /// Poll all outputs before taking a snapshot.
    UndrainedOutputs = 601,
    /// A pointer that has to point to something is null.
    NullPointer = 602,
    /// No object in memory is as long as this length says.
    BadLength = 603,
    /// An argument is none of the values it may have.
    BadArgument = 604,
    /// There is nothing of this name or number.
    NotFound = 605,
    /// This build of the library does not have that.
    NotAvailable = 606,
    /// Another thread, or a callback, is in a call on this handle.
    InUse = 607,
    /// A defect of the library: free the handle, it answers nothing any more.
    Panicked = 608,
    /// An earlier call on this handle panicked: free it.
    Poisoned = 609,
    /// The bytes are not an ONNX model.
    ModelSyntax = 700,
    /// These are not the bytes that the manifest describes.
    ModelHash = 701,
    /// The text does not have a manifest's shape.
    ManifestSyntax = 702,
    /// The model has an operator that nothing here evaluates at that place.
    UnsupportedOperator = 703,
    /// The model's inputs, outputs or constants do not have the size that they must have.
    ModelShape = 704,
    /// The model has a constant that is no number.
    ModelNotFinite = 705,
    /// A calibration rises, with probabilities between 0 and 1.
    BadCalibration = 706,
    /// The model does not compute what its manifest says it must.
    SelfTestFailed = 707,
    /// The model has an operator that is evaluated slowly.
    SlowOperator = 709,
    /// No model of this name and version is there.
    UnknownModel = 720,
    /// A model goes from candidate through shadow and canary to active, one canary at a time.
    StageOrder = 721,
    /// The policy has no model of this name.
    UnknownRisk = 722,
    /// The registry lets another version of the model score this patient, or none.
    NotAssigned = 723,
}

#[cfg(test)]
mod tests {
    use uniffi::FfiConverter;

    use super::*;

    /// A code that is missing above would be a panic in a host.
    #[test]
    fn every_code_crosses() {
        for code in Code::ALL {
            let mut bytes = Vec::new();
            <Code as FfiConverter<crate::UniFfiTag>>::write(*code, &mut bytes);
            let back = <Code as FfiConverter<crate::UniFfiTag>>::try_read(&mut bytes.as_slice());
            assert_eq!(back.unwrap(), *code);
        }
    }
}
