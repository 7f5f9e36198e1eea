//! Each piece of state, field by field, and what must hold for it to be one.

use alloc::boxed::Box;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::super::backlog::Backlog;
use super::super::care::CareState;
use super::super::desk::Desk;
use super::super::lane::{Absence, Lane, RuleState, Watch};
use super::super::patient::Patient;
use crate::alert::Alert;
use crate::bytes::{Reader, Snap, Writer, corrupt};
use crate::error::Error;
use crate::event::Quality;
use crate::id::{AlertId, DeviceId, DeviceKey, PatientId, TenantId};
use crate::intake::{Counts, DeviceState, SequenceWindow};
use crate::policy::{Policy, RuleBody, SignalDef};
use crate::record::{Chain, Checksum, ConditionState, Hash, Level};
use crate::rule::background::Background;
use crate::rule::condition::{Condition, Hold, Machine, Pulse};
use crate::rule::pulses::Pulses;
use crate::signal::{Expected, Ring, Signal, Spoilt, Unworn};
use crate::time::{HostTime, Timestamp};

fields!(Chain { prev, seq, inputs, checksum });
fields!(Counts { accepted, duplicate, quarantined, unmonitored, beyond_horizon });
fields!(Absence { since, alert });
fields!(DeviceState { id, sequence });

impl Snap for Hash {
    fn save(&self, w: &mut Writer) {
        w.bytes.extend_from_slice(&self.0);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.take(32)?.try_into().map(Self).map_err(|_| corrupt())
    }
}

impl Snap for Expected {
    fn save(&self, w: &mut Writer) {
        self.from().save(w);
        self.until().save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self::new(r.read()?, r.read()?))
    }
}

impl Snap for Checksum {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.read().map(Self)
    }
}

impl Snap for HostTime {
    fn save(&self, w: &mut Writer) {
        self.as_millis().save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.read().map(Self::from_millis)
    }
}

impl Snap for Timestamp {
    fn save(&self, w: &mut Writer) {
        self.as_millis().save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        // Whatever the host said: these are compared and printed, never added up.
        r.read().map(Self::from_millis)
    }
}

impl Snap for AlertId {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.read().map(Self)
    }
}

macro_rules! identifiers {
    ($($type:ty),*) => {$(
        impl Snap for $type {
            fn save(&self, w: &mut Writer) {
                w.text(self.as_str());
            }
            fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
                Self::new(&r.text()?).map_err(|_| corrupt())
            }
        }
    )*};
}
identifiers!(TenantId, PatientId, DeviceId);

impl Snap for SequenceWindow {
    fn save(&self, w: &mut Writer) {
        self.next.save(w);
        self.bits.iter().for_each(|word| word.save(w));
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let mut window = Self { next: r.read()?, ..Self::default() };
        for word in &mut window.bits {
            *word = r.read()?;
        }
        Ok(window)
    }
}

impl Snap for Hold {
    fn save(&self, w: &mut Writer) {
        (self.since, self.paused).save(w);
        self.gap.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { since: r.time()?, paused: r.time()?, gap: r.time()? })
    }
}

impl Snap for (i64, i64) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.time()?, r.time()?))
    }
}

impl Snap for Machine {
    fn save(&self, w: &mut Writer) {
        self.level.save(w);
        self.seen.save(w);
        self.holds.iter().for_each(|hold| hold.save(w));
        (self.onset, self.reached).save(w);
        self.since.save(w);
        self.peak.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let mut machine = Self { level: r.read()?, seen: r.read()?, ..Self::default() };
        for hold in &mut machine.holds {
            *hold = r.read()?;
        }
        (machine.onset, machine.reached) = r.read()?;
        machine.since = r.time()?;
        machine.peak = r.read()?;
        Ok(machine)
    }
}

impl Snap for (i64, Machine) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.time()?, r.read()?))
    }
}

impl Snap for (i64, u8) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.time()?, r.read()?))
    }
}

impl Snap for Condition {
    fn save(&self, w: &mut Writer) {
        self.machine.save(w);
        w.list(self.undo.iter());
        w.list(self.hits.iter());
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let machine = r.read()?;
        let (undo, hits) = (r.list()?, r.list()?);
        Ok(Self { machine, undo, hits })
    }
}

impl Snap for Watch {
    fn save(&self, w: &mut Writer) {
        self.condition.save(w);
        self.unverified.save(w);
        self.dated.save(w);
        self.alert.save(w);
        self.told_at.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let condition = r.read()?;
        let (unverified, dated) = (r.read()?, r.read()?);
        Ok(Self { condition, unverified, dated, alert: r.read()?, told_at: r.read()? })
    }
}

impl Snap for Level {
    fn save(&self, w: &mut Writer) {
        (*self as u8).save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match r.read::<u8>()? {
            0 => Ok(Self::Informational),
            1 => Ok(Self::Review),
            2 => Ok(Self::Urgent),
            _ => Err(corrupt()),
        }
    }
}

impl Snap for ConditionState {
    fn save(&self, w: &mut Writer) {
        let (tag, level) = match *self {
            Self::NeverSeen => (0, None),
            Self::Normal => (1, None),
            Self::Pending => (2, None),
            Self::Active(level) => (3, Some(level)),
            Self::Clearing(level) => (4, Some(level)),
            Self::ActiveUnverified(level) => (5, Some(level)),
            Self::Latched(level) => (6, Some(level)),
        };
        u8::save(&tag, w);
        level.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match (r.read::<u8>()?, r.read::<Option<Level>>()?) {
            (0, None) => Ok(Self::NeverSeen),
            (1, None) => Ok(Self::Normal),
            (2, None) => Ok(Self::Pending),
            (3, Some(level)) => Ok(Self::Active(level)),
            (4, Some(level)) => Ok(Self::Clearing(level)),
            (5, Some(level)) => Ok(Self::ActiveUnverified(level)),
            (6, Some(level)) => Ok(Self::Latched(level)),
            _ => Err(corrupt()),
        }
    }
}

impl Snap for Alert {
    fn save(&self, w: &mut Writer) {
        self.id.save(w);
        (self.rule as u32).save(w);
        self.level.save(w);
        match (self.shadow, self.shadow_until) {
            (false, _) => 0_u8.save(w),
            (true, None) => 1_u8.save(w),
            (true, Some(until)) => {
                2_u8.save(w);
                until.save(w);
            }
        }
        self.onset.save(w);
        self.opened_at.save(w);
        self.version.save(w);
        self.revision.save(w);
        (self.repeats, self.stale).save(w);
        self.unstable.save(w);
        self.assigned.save(w);
        self.cleared_at.save(w);
        self.condition.save(w);
        self.response.save(w);
        self.suppression.save(w);
        w.list(self.reentries.iter());
        self.escalation.save(w);
        self.trial.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let (id, rule) = (r.read()?, r.read::<u32>()? as usize);
        let level = r.read()?;
        let (shadow, shadow_until) = match r.read::<u8>()? {
            0 => (false, None),
            1 => (true, None),
            2 => (true, Some(r.read()?)),
            _ => return Err(corrupt()),
        };
        let (onset, opened_at) = (r.read()?, r.read()?);
        let (version, revision) = (r.read()?, r.read()?);
        let (repeats, stale) = r.read()?;
        let (unstable, assigned, cleared_at) = (r.read()?, r.read()?, r.read()?);
        let (condition, response, suppression) = (r.read()?, r.read()?, r.read()?);
        let reentries: Vec<i64> = r.list()?;
        r.ensure(reentries.len() <= crate::alert::FLAPS)?;
        Ok(Self {
            id,
            rule,
            version,
            level,
            shadow,
            shadow_until,
            onset,
            opened_at,
            revision,
            repeats,
            unstable,
            stale,
            assigned,
            cleared_at,
            condition,
            response,
            suppression,
            reentries: SmallVec::from_vec(reentries),
            escalation: r.read()?,
            trial: r.read()?,
        })
    }
}

impl Snap for (u16, u16) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.read()?, r.read()?))
    }
}

impl Desk {
    pub(super) fn save(&self, w: &mut Writer) {
        self.now.save(w);
        self.reached.save(w);
        self.behind.save(w);
        self.chain.save(w);
    }

    pub(super) fn load(&mut self, r: &mut Reader<'_>) -> Result<(), Error> {
        self.now = r.read()?;
        self.reached = r.read()?;
        self.behind = r.read()?;
        self.chain = r.read()?;
        Ok(())
    }
}

impl Signal {
    fn save(&self, w: &mut Writer) {
        self.ring.save(w);
        self.cover.save(w);
        // As it was before what does not count was told apart, where nothing of that kind came.
        let spoilt = self.spoilt_since();
        let unworn = self.aside.as_ref().and_then(|aside| aside.unworn);
        let came = [self.last_arrival.is_some(), spoilt.is_some(), unworn.is_some()];
        came.iter().rev().fold(0_u8, |bits, came| bits << 1 | u8::from(*came)).save(w);
        self.last_arrival.iter().for_each(|at| at.save(w));
        if let Some(Spoilt { since, flags }) = spoilt {
            since.save(w);
            flags.to_byte().save(w);
        }
        if let Some(Unworn { device, observed_at, came }) = unworn {
            device.0.save(w);
            observed_at.as_millis().save(w);
            came.save(w);
        }
        self.expected().save(w);
    }

    fn load(r: &mut Reader<'_>, def: &SignalDef, devices: usize) -> Result<Self, Error> {
        let ring = Ring::load(r, def.pane_ms, def.ring_panes, devices)?;
        let mut signal = Self { ring, cover: r.read()?, ..Self::new(def) };
        let came: u8 = r.read()?;
        r.ensure(signal.cover > 0 && came < 8)?;
        if came & 1 != 0 {
            signal.last_arrival = Some(r.read()?);
        }
        if came & 2 != 0 {
            let (since, flags) = (r.read()?, Quality::from_byte(r.read()?));
            signal.aside.get_or_insert_default().spoilt = Some(Spoilt { since, flags });
            r.ensure(!flags.is_good() && signal.spoilt_since().is_some())?;
        }
        if came & 4 != 0 {
            let (device, observed_at) = (DeviceKey(r.read()?), Timestamp::from_millis(r.time()?));
            let unworn = Unworn { device, observed_at, came: r.read()? };
            r.ensure(usize::from(device.0) < devices)?;
            signal.aside.get_or_insert_default().unworn = Some(unworn);
        }
        signal.expect(r.read()?);
        Ok(signal)
    }
}

impl Lane {
    fn save(&self, w: &mut Writer, policy: &Policy) {
        self.newest.save(w);
        self.signals.iter().for_each(|signal| signal.save(w));
        for rule in &self.rules {
            matches!(rule, RuleState::Resting).save(w);
            match rule {
                RuleState::Limits(watch) => watch.save(w),
                RuleState::Missing(absence) => absence.save(w),
                RuleState::Resting => {}
            }
        }
        for (index, rule) in self.rules.iter().enumerate() {
            match rule {
                RuleState::Resting => Pulse::default().frontier.save(w),
                _ => self.frontier(policy, index).save(w),
            }
        }
        self.learn_at.save(w);
        self.background.save(w);
    }

    fn load(r: &mut Reader<'_>, policy: &Policy, devices: usize) -> Result<Self, Error> {
        let newest = r.time()?;
        let mut signals = Vec::new();
        for def in policy.signals() {
            signals.push(Signal::load(r, def, devices)?);
        }
        let mut rules = Vec::new();
        for rule in policy.rules() {
            let rests: bool = r.read()?;
            r.ensure(!rests || rule.retired.is_some())?;
            rules.push(match &rule.body {
                _ if rests => RuleState::Resting,
                RuleBody::Limits(limits) => {
                    let watch: Watch = r.read()?;
                    let levels = limits.levels.len();
                    let fits = |machine: &Machine| usize::from(machine.level) <= levels;
                    let undo = watch.condition.undo.iter().map(|(_, machine)| machine);
                    r.ensure(undo.chain([&watch.condition.machine]).all(fits))?;
                    RuleState::Limits(watch)
                }
                RuleBody::Missing(_) => RuleState::Missing(r.read()?),
            });
        }
        let mut pulses = Vec::new();
        for rule in &rules {
            let frontier = r.time()?;
            pulses.push(match rule {
                RuleState::Limits(watch) => Pulse::of(&watch.condition, frontier),
                RuleState::Missing(_) | RuleState::Resting => Pulse::default(),
            });
        }
        let pulses = Pulses::from(Box::from(pulses));
        let (signals, rules) = (signals.into(), rules.into());
        let (learn_at, background) = (r.read()?, Background::load(r, policy)?);
        let fresh = Self::new(policy);
        let mut lane = Self { signals, rules, pulses, newest, learn_at, background, ..fresh };
        lane.count_absent();
        Ok(lane)
    }
}

impl Backlog {
    fn len(&self) -> u32 {
        self.readings.len() as u32
    }

    fn save(&self, w: &mut Writer) {
        self.last_arrival.save(w);
        for ((observed, signal, device), (value, quality)) in &self.readings {
            observed.save(w);
            signal.save(w);
            device.save(w);
            value.save(w);
            quality.save(w);
        }
    }

    fn load(r: &mut Reader<'_>, len: u32, policy: &Policy) -> Result<Self, Error> {
        let mut backlog = Self { last_arrival: r.read()?, ..Self::default() };
        for _ in 0..len {
            let key: (i64, u16, u16) = (r.time()?, r.read()?, r.read()?);
            r.ensure(usize::from(key.1) < policy.signals().len())?;
            backlog.readings.insert(key, (r.read()?, r.read()?));
        }
        r.ensure(backlog.len() == len)?;
        Ok(backlog)
    }
}

impl Patient {
    pub(super) fn save(&self, w: &mut Writer, policy: &Policy) {
        self.tenant.save(w);
        self.id.save(w);
        w.list(self.devices.iter());
        self.lane.save(w, policy);
        self.backlog.as_deref().map(Backlog::len).save(w);
        self.backlog.iter().for_each(|backlog| backlog.save(w));
        w.list(self.alerts.iter());
        self.next_alert.save(w);
        self.care.is_some().save(w);
        self.care.iter().for_each(|care| care.save(w));
        self.chain.save(w);
        self.counts.save(w);
    }

    pub(super) fn load(r: &mut Reader<'_>, policy: &Policy) -> Result<Self, Error> {
        let (tenant, id) = (r.read()?, r.read()?);
        let devices = SmallVec::from_vec(r.list()?);
        let lane = Lane::load(r, policy, devices.len())?;
        let backlog = match r.read()? {
            Some(len) => Some(Box::new(Backlog::load(r, len, policy)?)),
            None => None,
        };
        let alerts: Vec<Alert> = r.list()?;
        r.ensure(alerts.iter().all(|a| a.rule < policy.rules().len()))?;
        let next_alert = r.read()?;
        let care: Option<CareState> = r.read()?;
        let shelves = care.iter().flat_map(|care| &care.shelves);
        r.ensure(shelves.into_iter().all(|shelf| shelf.rule < policy.rules().len()))?;
        let (chain, counts) = (r.read()?, r.read()?);
        let fresh = Self::new(tenant, id, policy);
        let care = care.map(Box::new);
        let mut patient =
            Self { devices, lane, backlog, alerts, next_alert, care, chain, counts, ..fresh };
        patient.know_profile(policy);
        Ok(patient)
    }
}
