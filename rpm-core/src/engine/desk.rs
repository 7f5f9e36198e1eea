//! What one patient and many have in common: the clock, the queue, the engine's own records.

use super::change::Force;
use super::output::{Output, Queue, Rejected};
use super::patient::Call;
use crate::error::{Code, Error};
use crate::intake::Receipt;
use crate::policy::Policy;
use crate::record::{Body, Chain};
use crate::risk::registry::RollOut;
use crate::time::{HostTime, Timestamp};

/// The most outputs that one rule can cause by one input: a change, an alert, its end, a finding,
/// another queue, what helped.
const OUTPUTS_PER_RULE: usize = 14;
/// The most that one intent of an alert can cause: it is sent, taken back, and another takes its
/// place; each has its record.
const OUTPUTS_PER_INTENT: usize = 6;
/// The most that the input itself can cause.
const OUTPUTS_PER_INPUT: usize = 8;

#[derive(Debug)]
pub(crate) struct Desk {
    pub out: Queue,
    /// Room that one call may need.
    room: usize,
    /// The latest host time seen.
    pub now: HostTime,
    /// Up to when timers have been done.
    pub reached: HostTime,
    /// Whether the host's clock is behind the latest time seen, so that it is said once.
    pub behind: bool,
    /// Records that concern no patient.
    pub chain: Chain,
}

impl Desk {
    pub fn new(policy: &Policy, max_outputs: usize) -> Self {
        let mut desk = Self {
            out: Queue::new(max_outputs),
            room: 0,
            now: HostTime::NEVER,
            reached: HostTime::NEVER,
            behind: false,
            chain: Chain::default(),
        };
        desk.make_room(policy);
        desk
    }

    /// For what one call under this policy may put out.
    fn make_room(&mut self, policy: &Policy) {
        let messages = OUTPUTS_PER_INTENT * policy.care().most_intents();
        self.room = OUTPUTS_PER_INPUT + (OUTPUTS_PER_RULE + messages) * policy.rules().len();
        self.out.hold_at_least(self.room);
    }

    /// Another policy is in force.
    pub fn policy_changed(&mut self, policy: &Policy, at: HostTime, body: Body) {
        self.make_room(policy);
        self.record(at, body);
        // What it finds overdue is due now, not before it was in force.
        self.reached = self.reached.max(at);
    }

    #[inline]
    pub fn has_room(&self) -> bool {
        self.out.has_room(self.room)
    }

    /// Refuses what would find no room, before anything changes.
    pub fn ensure_room(&self) -> Result<(), Error> {
        if self.has_room() { Ok(()) } else { Err(Error::new(Code::OutputQueueFull)) }
    }

    /// The engine's time after the host said `now`: it never goes back.
    #[inline]
    pub fn tick(&mut self, now: HostTime) -> HostTime {
        if now >= self.now {
            (self.now, self.behind) = (now, false);
        } else if !self.behind && self.has_room() {
            self.behind = true;
            self.record(self.now, Body::ClockWentBack { said: now });
        }
        self.now
    }

    #[inline]
    pub fn call<'a>(&'a mut self, force: &'a Force, now: HostTime) -> Call<'a> {
        let (policy, roster) = (&*force.plan, &*force.roster);
        Call { policy, roster, now, out: &mut self.out, rearm: false }
    }

    pub fn record(&mut self, at: HostTime, body: Body) {
        let sealed = self.chain.seal(None, None, at, body);
        self.out.push(Output::Record(sealed.into()));
    }

    /// What people decided about a version of a model; each step that it was has a record.
    pub fn roll_out(
        &mut self,
        force: &mut Force,
        roll_out: &RollOut,
        now: HostTime,
    ) -> Result<(), Error> {
        let before = force.registry.history().len();
        force.registry.take(roll_out, now)?;
        let steps = &force.registry.history()[before..];
        steps.iter().for_each(|step| self.record(now, step.clone().body()));
        Ok(())
    }

    /// Refuses an input that belongs to no patient.
    pub fn reject(&mut self, now: HostTime, reason: Code, input: Rejected) -> Receipt {
        let observed_at = match &input {
            Rejected::Event(event) => event.observed_at,
            Rejected::Text(_) => Timestamp::default(),
        };
        self.chain.inputs += 1;
        let reason_name = reason.name().into();
        let body = Body::EventQuarantined { reason: reason_name, kind: None, observed_at };
        self.record(now, body);
        self.out.push(Output::Quarantined { reason, input });
        Receipt::Quarantined(reason)
    }
}
