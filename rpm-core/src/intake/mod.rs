//! The trust boundary: what a reading must be before it may count.
//!
//! Two tiers of plausibility, a limit on clocks that run ahead, and the device's own counter. What
//! is refused comes out again with a reason; nothing is dropped.

mod sequence;

use crate::error::Code;
use crate::event::Quality;
use crate::id::DeviceId;
use crate::policy::{Policy, SignalDef};
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

pub(crate) use sequence::{Seen, SequenceWindow};

/// What became of an input. Every input has exactly one outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// It counts.
    Accepted,
    /// It was known already and changed nothing.
    Duplicate,
    /// It was refused for this reason and comes out again as an output.
    Quarantined(Code),
}

/// How many inputs had which outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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

impl Counts {
    pub(crate) fn count(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Accepted => self.accepted += 1,
            Receipt::Duplicate => self.duplicate += 1,
            Receipt::Quarantined(_) => self.quarantined += 1,
        }
    }

    /// All inputs.
    pub fn total(&self) -> u64 {
        self.accepted + self.duplicate + self.quarantined
    }
}

/// A device of a patient, as far as intake needs to know it.
#[derive(Clone, Debug)]
pub(crate) struct DeviceState {
    pub id: DeviceId,
    pub sequence: SequenceWindow,
}

/// Whether the time of observation can be believed.
#[inline]
pub(crate) fn check_time(policy: &Policy, observed: Timestamp, now: HostTime) -> Result<(), Code> {
    if !observed.is_plausible() {
        return Err(Code::BadTimestamp);
    }
    // The usual case first: it is from the past.
    if observed.as_millis() > now.as_millis() && now.lead_of(observed) > policy.max_future_skew() {
        return Err(Code::FutureTime);
    }
    Ok(())
}

/// Whether the value is as values of this kind are.
#[inline]
pub(crate) fn is_plausible(def: &SignalDef, value: Value) -> bool {
    value >= def.plausible.0 && value <= def.plausible.1
}

/// The reading's flags with plausibility added, or that it is impossible.
#[inline]
pub(crate) fn check_value(def: &SignalDef, value: Value, flags: Quality) -> Result<Quality, Code> {
    let inside = |range: (Value, Value)| value >= range.0 && value <= range.1;
    // Told to be no measurement: its number means nothing, so it cannot be an impossible one.
    if flags.any(Quality::ABSENT) {
        return Ok(flags);
    }
    match (inside(def.possible), inside(def.plausible)) {
        (false, _) => Err(Code::Impossible),
        (true, false) => Ok(flags.with(Quality::IMPLAUSIBLE)),
        (true, true) => Ok(flags),
    }
}
