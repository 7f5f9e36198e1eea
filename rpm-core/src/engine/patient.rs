//! One patient: the trust boundary, the lane, the record stream.

use alloc::boxed::Box;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::Reading;
use super::backlog::Backlog;
use super::care::CareState;
use super::lane::{Appended, Effects, Lane};
use super::output::{Output, Queue};
use crate::alert::{Alert, Roster};
use crate::error::{Code, Error};
use crate::event::Quality;
use crate::id::{DeviceKey, PatientId, TenantId};
use crate::intake::{self, Counts, DeviceState, Receipt, Seen};
use crate::policy::Policy;
use crate::record::{Body, Chain};
use crate::signal::{Placed, Sample};
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

/// No timer.
pub(crate) const UNARMED: i64 = i64::MAX;

/// See the module. What every reading needs comes first, in three lines of the cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Patient {
    pub devices: SmallVec<[DeviceState; 1]>,
    pub chain: Chain,
    pub counts: Counts,
    pub lane: Lane,
    pub tenant: Option<TenantId>,
    pub id: PatientId,
    /// Data older than the horizon, to be evaluated on their own.
    pub backlog: Option<Box<Backlog>>,
    /// Open alerts and the latest closed one of each rule.
    pub alerts: Vec<Alert>,
    pub next_alert: u32,
    /// What only a few have at a time.
    pub care: Option<Box<CareState>>,
    /// When the engine's timer for this patient goes off.
    pub armed: i64,
}

/// What every call carries down.
pub(crate) struct Call<'a> {
    pub policy: &'a Policy,
    pub roster: &'a Roster,
    pub now: HostTime,
    pub out: &'a mut Queue,
    /// Whether a timer may be due earlier than the one that is set.
    pub rearm: bool,
}

impl Patient {
    pub fn new(tenant: Option<TenantId>, id: PatientId, policy: &Policy) -> Self {
        Self {
            tenant,
            id,
            devices: SmallVec::new(),
            lane: Lane::new(policy),
            backlog: None,
            alerts: Vec::new(),
            next_alert: 1,
            care: None,
            chain: Chain::default(),
            counts: Counts::default(),
            armed: UNARMED,
        }
    }

    /// Reads what every reading needs, for the sake of the cache.
    #[inline]
    pub fn touch(&self) -> u64 {
        let seen = self.devices.first().map_or(0, |device| device.sequence.next);
        self.lane.newest as u64 ^ seen ^ self.chain.inputs
    }

    /// The same for the names of patient and device.
    #[inline]
    pub fn touch_names(&self) -> u8 {
        let first = |name: &str| name.as_bytes().first().copied().unwrap_or(0);
        first(self.id.as_str()) ^ self.devices.first().map_or(0, |d| first(d.id.as_str()))
    }

    /// Takes a reading in; a refusal is the caller's to put out, with the event.
    #[inline]
    pub fn reading(&mut self, call: &mut Call<'_>, r: &Reading) -> Receipt {
        self.note(r);
        self.take(call, r)
    }

    /// The same for one that has been noted.
    #[inline]
    pub fn take(&mut self, call: &mut Call<'_>, r: &Reading) -> Receipt {
        match self.glide(call.policy, r, call.now) {
            Appended::No => return self.take_in(call, r),
            Appended::Calm => {}
            Appended::Restless => self.look(call, r),
        }
        self.counts.accepted += 1;
        Receipt::Accepted
    }

    /// Good, new, and the next of its signal: see [`Lane::glide`].
    #[inline(always)]
    fn glide(&mut self, policy: &Policy, r: &Reading, now: HostTime) -> Appended {
        let (Some(index), Some(device)) =
            (policy.signal_of(r.kind), self.devices.get_mut(usize::from(r.device.0)))
        else {
            return Appended::No;
        };
        let new = r.sequence.is_none_or(|number| device.sequence.is_new(number));
        if !new || !r.quality.is_good() {
            return Appended::No;
        }
        let appended = self.lane.glide(policy, index, r, now);
        if let (Some(number), true) = (r.sequence, appended != Appended::No) {
            device.sequence.mark(number);
        }
        appended
    }

    /// Whatever else it is.
    #[inline(never)]
    fn take_in(&mut self, call: &mut Call<'_>, r: &Reading) -> Receipt {
        let Some(index) = call.policy.signal_of(r.kind) else {
            return self.irregular(call, r);
        };
        match self.regular(call, r, index) {
            Appended::No => return self.irregular(call, r),
            Appended::Calm => {}
            Appended::Restless => self.look(call, r),
        }
        self.counts.accepted += 1;
        Receipt::Accepted
    }

    /// The reading that nearly all are: believable, new, and the next of its signal.
    /// Does for it what [`receive`](Self::receive) does, or nothing and says so.
    fn regular(&mut self, call: &Call<'_>, r: &Reading, index: usize) -> Appended {
        let (sample, def) = (r.sample(), &call.policy.signals()[index]);
        let Some(device) = self.devices.get_mut(usize::from(sample.device.0)) else {
            return Appended::No;
        };
        // One slot of a pane can say that a reading is good, or that it is an artifact.
        let plain = sample.quality.is_good()
            || sample.quality == Quality::ARTIFACT && !def.accept.any(Quality::ARTIFACT);
        let believable = plain
            && def.twins.is_empty()
            && intake::is_plausible(def, sample.value)
            && intake::check_time(call.policy, sample.observed_at, call.now).is_ok();
        let new = r.sequence.is_none_or(|number| device.sequence.lookup(number) == Seen::No);
        if !believable || !new {
            return Appended::No;
        }
        let appended = self.lane.append(call.policy, def, index, &sample, call.now);
        if let (Some(number), true) = (r.sequence, appended != Appended::No) {
            device.sequence.insert(number);
        }
        appended
    }

    /// A rule has something to say of the pane into which a reading went, its signal's newest.
    #[inline(never)]
    fn look(&mut self, call: &mut Call<'_>, r: &Reading) {
        let mut effects = Effects::at(call.now);
        if let Some(index) = call.policy.signal_of(r.kind) {
            self.lane.look(call.policy, index, r.quality.is_good(), &mut effects);
        }
        self.take_effects(call, effects);
    }

    #[inline(never)]
    fn irregular(&mut self, call: &mut Call<'_>, r: &Reading) -> Receipt {
        let receipt = self.receive(call, r).unwrap_or_else(Receipt::Quarantined);
        self.counts.count(receipt);
        receipt
    }

    /// Into the count and checksum of the inputs: three words.
    #[inline]
    pub fn note(&mut self, r: &Reading) {
        let checksum = &mut self.chain.checksum;
        self.chain.inputs += 1;
        checksum.feed(r.observed_at.as_millis() as u64);
        let (value, device) = (r.value.thousandths() as u32, u32::from(r.device.0));
        checksum.feed(u64::from(value) << 32 | u64::from(device << 16 | u32::from(r.kind.0)));
        let sequence = r.sequence.map_or(u64::MAX, |s| s.wrapping_add(1));
        checksum.feed(sequence.rotate_left(8) ^ u64::from(r.quality.bits()));
    }

    fn receive(&mut self, call: &mut Call<'_>, r: &Reading) -> Result<Receipt, Code> {
        intake::check_time(call.policy, r.observed_at, call.now)?;
        let Some(device) = self.devices.get(usize::from(r.device.0)) else {
            return Err(Code::UnknownDevice);
        };
        let seen = r.sequence.map_or(Seen::Unknown, |n| device.sequence.lookup(n));
        let Some(index) = call.policy.signal_of(r.kind) else {
            return Ok(self.unmonitored(r, seen));
        };
        let def = &call.policy.signals()[index];
        let mut sample = r.sample();
        sample.quality = intake::check_value(def, sample.value, sample.quality)?;
        if seen == Seen::Yes {
            return self.repeated(index, &sample);
        }
        let placed = if self.lane.is_current(def, sample.observed_at.as_millis()) {
            self.live(call, index, &sample)
        } else {
            self.belated(call, index, &sample)
        };
        match placed {
            Placed::Accepted => {
                self.mark_sequence(r);
                Ok(Receipt::Accepted)
            }
            Placed::Duplicate => Ok(Receipt::Duplicate),
            Placed::Conflict => Err(Code::Conflict),
            Placed::TooOld => Err(Code::BeyondHorizon),
        }
    }

    #[inline]
    fn mark_sequence(&mut self, r: &Reading) {
        let device = self.devices.get_mut(usize::from(r.device.0));
        if let (Some(number), Some(device)) = (r.sequence, device) {
            device.sequence.insert(number);
        }
    }

    fn unmonitored(&mut self, r: &Reading, seen: Seen) -> Receipt {
        if seen == Seen::Yes {
            return Receipt::Duplicate;
        }
        self.mark_sequence(r);
        self.counts.unmonitored += 1;
        Receipt::Accepted
    }

    /// The device used the number before: for the same reading, or for another.
    fn repeated(&self, index: usize, sample: &Sample) -> Result<Receipt, Code> {
        let backlog = self.backlog.as_ref();
        let in_backlog = || backlog.and_then(|backlog| backlog.find(index, sample));
        let known = self.lane.find(index, sample).or_else(in_backlog);
        let oldest = self.lane.signals[index].ring.oldest();
        let pane = self.lane.signals[index].ring.pane_of(sample.observed_at);
        match known {
            Some(value) if value == sample.value => Ok(Receipt::Duplicate),
            // The pane has left the ring: all that is known is the number.
            None if pane < oldest => Ok(Receipt::Duplicate),
            _ => Err(Code::Conflict),
        }
    }

    fn live(&mut self, call: &mut Call<'_>, index: usize, sample: &Sample) -> Placed {
        let mut effects = Effects::at(call.now);
        let placed = self.lane.insert(call.policy, index, sample, &mut effects);
        if placed != Placed::Accepted {
            return placed;
        }
        let def = &call.policy.signals()[index];
        call.rearm |= self.lane.signals[index].last_arrival.is_none();
        let counts = self.lane.arrives(index, def, sample, call.now);
        if counts && self.lane.absent > 0 {
            self.signal_is_back(call, index, sample.observed_at);
        }
        for twin in def.twins.iter().map(|twin| usize::from(*twin)) {
            let came = self.lane.signals[twin].last_arrival == Some(call.now);
            if came && self.lane.absent > 0 {
                self.signal_is_back(call, twin, sample.observed_at);
            }
        }
        if !effects.list.is_empty() {
            self.take_effects(call, effects);
        }
        placed
    }

    /// Data from before the horizon: kept, and read on their own when no more comes.
    fn belated(&mut self, call: &mut Call<'_>, index: usize, sample: &Sample) -> Placed {
        if let Some(known) = self.lane.find(index, sample) {
            return if known == sample.value { Placed::Duplicate } else { Placed::Conflict };
        }
        if self.backlog.as_ref().is_some_and(|backlog| backlog.is_full()) {
            self.close_backlog(call);
        }
        let placed = self.backlog.get_or_insert_default().add(index, sample, call.now);
        if placed == Placed::Accepted {
            self.counts.beyond_horizon += 1;
            call.rearm = true;
        }
        placed
    }

    /// The newest good value in the panes of a signal.
    pub fn latest(&self, policy: &Policy, signal: &str) -> Option<(Timestamp, Value)> {
        let index = policy.signals().iter().position(|def| def.name == signal)?;
        let ring = &self.lane.signals[index].ring;
        let (at, value) = ring.last_of(ring.good_before(i64::MAX)?);
        Some((Timestamp::from_millis(at), Value::from_thousandths(value)))
    }

    pub fn record(&mut self, call: &mut Call<'_>, body: Body) {
        let sealed = self.chain.seal(self.tenant.as_ref(), Some(&self.id), call.now, body);
        call.out.push(Output::Record(sealed.into()));
    }

    /// The device's key; devices are few, so a scan will do.
    pub fn device(&mut self, id: &crate::id::DeviceId, most: usize) -> Result<DeviceKey, Error> {
        if let Some(index) = self.devices.iter().position(|d| d.id == *id) {
            return Ok(DeviceKey(index as u16));
        }
        if self.devices.len() >= most {
            return Err(Error::new(Code::CapacityReached).at("device"));
        }
        self.devices.push(DeviceState { id: id.clone(), sequence: Default::default() });
        Ok(DeviceKey(self.devices.len() as u16 - 1))
    }

    /// Gives a reading another value, or takes it out; whether that changed anything.
    pub fn amend(
        &mut self,
        call: &mut Call<'_>,
        r: &Reading,
        to: Option<Value>,
    ) -> Result<Receipt, Code> {
        intake::check_time(call.policy, r.observed_at, call.now)?;
        let device = self.devices.get(usize::from(r.device.0));
        let sequence = r.sequence.zip(device.map(|d| d.sequence));
        if sequence.is_some_and(|(number, window)| window.lookup(number) == Seen::Yes) {
            return Ok(Receipt::Duplicate);
        }
        let index = call.policy.signal_of(r.kind).ok_or(Code::NothingToCorrect)?;
        let def = &call.policy.signals()[index];
        let mut sample = r.sample();
        if let Some(value) = to {
            sample.quality = intake::check_value(def, value, Quality::GOOD)?;
        }
        let mut effects = Effects::of_amendment(call.now, to.is_none());
        let changed = self.lane.amend(call.policy, index, &sample, to, &mut effects)?;
        self.mark_sequence(r);
        self.take_effects(call, effects);
        Ok(if changed { Receipt::Accepted } else { Receipt::Duplicate })
    }
}
