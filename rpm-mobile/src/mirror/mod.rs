//! The core's own types as they cross into Swift, Kotlin and Python: field for field, nothing converted.
//!
//! `uniffi::remote` reads a declaration here and writes how the type of that name in `rpm-core` is
//! passed; a declaration that does not fit the type does not compile. So there is one set of words, and
//! a field or variant that the core gains is one line here.

mod code;
mod event;
mod evidence;
mod explain;
mod people;
mod record;
mod risk;

use rpm_core::alert::{
    Action, CancelDelivery, Command, Delivery, DeliveryIntent, DeliveryReport, MessagePart,
    Response, Shift, Suppression,
};
use rpm_core::engine::Waiting;
use rpm_core::engine::why::LevelNow;
use rpm_core::event::{AbsentReason, Context, DeviceStatus, Profile};
use rpm_core::policy::Mode;
use rpm_core::record::explain::{Event as HistoryEntry, Message, Said as ModelSaid};
use rpm_core::record::{
    Absence, AlertChange, Body as RecordBody, Change, Checksum, Clause, Closure, ConditionState,
    CountedParameter, CountedScore, DeliveryState, Distance, Drifted, Explanation, Hash, IntentKey,
    Level, ModelRef, Modified, Monitoring, NotWorn, NotifyReason, Part as CanaryPart, PolicyRef,
    Priority, Record, Resolution, RiskTerm, ScoreFailure, SealedRecord, Stage as ModelStage,
    StageChange, Status, Summarised, Target, Term, Tried, Usual, Verdict, WithholdReason,
};
use rpm_core::risk::registry::{RollOut, Why};
use rpm_core::{
    AlertId, BaselineAction, BaselineCommand, Code, Counts, HostTime, PatientId, PatientKey,
    Receipt, TenantId, Timestamp, Value,
};

use crate::convert::{TermName, TimeSpan};
