//! What a policy says of a signal: pace, panes, windows, and who reads it.

use alloc::string::String;
use alloc::vec::Vec;

use super::cursor::Window;
use crate::event::{Kind, Quality};
use crate::time::Duration;
use crate::value::Value;

/// A monitored signal.
#[derive(Clone, Debug)]
pub struct SignalDef {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) kind: Kind,
    pub(crate) cadence: Duration,
    pub(crate) pane_ms: i64,
    /// Panes covered by one reading at the policy's cadence.
    pub(crate) cover: u32,
    pub(crate) ring_panes: u32,
    /// How much further back than the horizon evidence of a neighbour in a rule can reach.
    pub(crate) reach_ms: i64,
    pub(crate) horizon_panes: i64,
    pub(crate) horizon_ms: i64,
    /// What is derived of it is derived again no further back than this from the newest pane.
    pub(crate) derived_panes: i64,
    /// How far back a hold of a rule that reads the signal survives a gap.
    pub(crate) memory_ms: i64,
    /// How long after its end a pane of one value a night can still change; zero for what is measured
    /// or made of readings as they come.
    pub(crate) settles_ms: i64,
    /// Flags that do not keep a reading from counting.
    pub(crate) accept: Quality,
    pub(crate) possible: (Value, Value),
    pub(crate) plausible: (Value, Value),
    /// To what a chart rounds it.
    pub(crate) resolution: Value,
    /// How far from the truth it may be, in thousandths; nobody said if zero.
    pub(crate) accuracy: i64,
    /// Each distinct window, whatever the number of rules that use it.
    pub(crate) windows: Vec<Window>,
    /// The rules that fire when it is missing.
    pub(crate) watchers: Vec<u16>,
    /// Signals of the same kind with other panes, which only retired rules read.
    pub(crate) twins: Vec<u16>,
    /// If nobody measures it: which of the policy's derived signals it is.
    pub(crate) derived: Option<u16>,
    /// The derived signals that are made of it.
    pub(crate) feeds: Vec<Feed>,
    /// The derived signals that summarise its nights. Readings change these long after.
    pub(crate) summaries: Vec<u16>,
}

/// A derived signal that is made of another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Feed {
    /// Which of the policy's derived signals.
    pub derived: u16,
    /// Which of its inputs.
    pub input: u16,
}

impl SignalDef {
    /// Within what the readings lie that count.
    pub(crate) fn counting(&self) -> (Value, Value) {
        if self.accept.any(Quality::IMPLAUSIBLE) { self.possible } else { self.plausible }
    }

    /// Whether a value that leaves the ring is older than all that can still be derived, so that the next one may
    /// stand in for it.
    #[inline]
    pub(crate) fn stands_in(&self) -> bool {
        i64::from(self.ring_panes) > self.derived_panes + 1
    }

    /// Its name in policies and records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// UCUM code of the canonical unit.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What it measures.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How often a reading is expected.
    pub fn cadence(&self) -> Duration {
        self.cadence
    }

    /// The width of a pane.
    pub fn pane(&self) -> Duration {
        Duration::from_millis(self.pane_ms)
    }
}
