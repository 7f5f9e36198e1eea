//! State to bytes and back.
//!
//! A snapshot holds what cannot be derived: panes, conditions, alerts, chains. Running sums are not
//! in it; they follow from the panes. It begins with a magic word and a version and ends with a
//! checksum over everything before. It holds patients' data and must be kept like them.

/// `Snap` for a struct whose fields all have it.
macro_rules! fields {
    ($type:ty { $($field:ident),* }) => {
        impl Snap for $type {
            fn save(&self, w: &mut Writer) {
                $(self.$field.save(w);)*
            }
            fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(Self { $($field: r.read()?),* })
            }
        }
    };
}

mod background;
mod people;
mod state;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::change::Force;
use super::patient::Patient;
use super::{Engine, EngineConfig, Monitor};
use crate::bytes::{Reader, Snap, Writer, corrupt};
use crate::error::{Code, Error};
use crate::policy::{Policy, SignalDef};
use crate::signal::Signal;
use crate::time::{Duration, HostTime};

const MAGIC: &[u8; 6] = b"RPMSNP";
/// Written by this release; earlier ones are read as well.
const VERSION: u16 = 1;
const CHECKSUM_LEN: usize = 4;

/// What a restore found: what happened while nobody looked.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// From the last call before the snapshot to the restore.
    pub gap: Duration,
    /// How many patients came back.
    pub patients: usize,
    /// How many alerts are open. None of them is annunciated again.
    pub open_alerts: usize,
    /// How many patients have a timer that fell due in the gap. The next call does what is due, and
    /// dates it.
    pub timers_due: usize,
    /// How many readings were expected in the gap and have not come.
    pub readings_missed: u64,
}

impl Engine {
    /// The whole state as bytes.
    ///
    /// # Errors
    /// [`Code::UndrainedOutputs`]: poll first. A snapshot holds no outputs, so that none is
    /// delivered twice.
    pub fn snapshot(&self) -> Result<Vec<u8>, Error> {
        if !self.desk.out.is_empty() {
            return Err(Error::new(Code::UndrainedOutputs));
        }
        let mut w = head(&self.force);
        self.desk.save(&mut w);
        w.len(self.patients.len());
        for patient in &self.patients {
            patient.save(&mut w, &self.force.plan);
        }
        Ok(seal(w))
    }

    /// An engine from a snapshot. Going on with it equals never having stopped.
    ///
    /// # Errors
    /// [`Code::NotASnapshot`], [`Code::SnapshotNewer`], [`Code::SnapshotCorrupt`], or
    /// [`Code::SnapshotPolicy`] if the policy it was made under is not among `policies`.
    pub fn restore(
        bytes: &[u8],
        policies: &[Arc<Policy>],
        config: EngineConfig,
        now: HostTime,
    ) -> Result<(Self, RestoreReport), Error> {
        let (mut r, force) = open(bytes, policies)?;
        let mut engine = Self::new(Arc::clone(&force.plan), config);
        engine.force = force;
        engine.desk.load(&mut r)?;
        let count = r.len()?;
        for _ in 0..count {
            let patient = Patient::load(&mut r, &engine.force.plan)?;
            let known = engine.find_patient(patient.tenant.as_ref(), &patient.id);
            r.ensure(known.is_none())?;
            engine.add_patient(patient);
            engine.arm(engine.patients.len() as u32 - 1);
        }
        r.ensure(r.is_empty())?;
        let report = report(&engine.force, &engine.patients, engine.desk.now, now);
        Ok((engine, report))
    }
}

impl Monitor {
    /// The whole state as bytes; as [`Engine::snapshot`].
    pub fn snapshot(&self) -> Result<Vec<u8>, Error> {
        if !self.desk.out.is_empty() {
            return Err(Error::new(Code::UndrainedOutputs));
        }
        let mut w = head(&self.force);
        self.desk.save(&mut w);
        self.patient.save(&mut w, &self.force.plan);
        Ok(seal(w))
    }

    /// A monitor from its snapshot; as [`Engine::restore`].
    pub fn restore(
        bytes: &[u8],
        policies: &[Arc<Policy>],
        now: HostTime,
    ) -> Result<(Self, RestoreReport), Error> {
        let (mut r, force) = open(bytes, policies)?;
        let mut desk = super::monitor::new_desk(&force.plan);
        desk.load(&mut r)?;
        let patient = Patient::load(&mut r, &force.plan)?;
        r.ensure(r.is_empty())?;
        let report = report(&force, core::slice::from_ref(&patient), desk.now, now);
        Ok((Self { force, patient, desk }, report))
    }
}

fn head(force: &Force) -> Writer {
    let mut w = Writer::default();
    w.bytes.extend_from_slice(MAGIC);
    VERSION.save(&mut w);
    force.save(&mut w);
    w
}

fn seal(mut w: Writer) -> Vec<u8> {
    let checksum = crc32fast::hash(&w.bytes);
    checksum.save(&mut w);
    w.bytes
}

/// Checks the frame; the reader stands behind the head.
fn open<'a>(bytes: &'a [u8], policies: &[Arc<Policy>]) -> Result<(Reader<'a>, Force), Error> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| Error::new(Code::NotASnapshot))?;
    // The version before the checksum: a newer release may sum differently.
    let version: u16 = Reader::new(rest).read()?;
    if version > VERSION {
        return Err(Error::new(Code::SnapshotNewer));
    }
    let body = bytes.len().checked_sub(CHECKSUM_LEN).ok_or_else(corrupt)?;
    let (body, checksum) = bytes.split_at(body);
    let checksum: u32 = Reader::new(checksum).read()?;
    if checksum != crc32fast::hash(body) || version == 0 {
        return Err(corrupt());
    }
    let mut r = Reader::new(body);
    r.take(MAGIC.len() + size_of::<u16>())?;
    let force = Force::load(&mut r, policies)?;
    Ok((r, force))
}

fn report(force: &Force, patients: &[Patient], saved: HostTime, now: HostTime) -> RestoreReport {
    let due = |p: &&Patient| p.next_deadline(force, saved).is_some_and(|at| at <= now);
    let missed = |(signal, def): (&Signal, &SignalDef)| {
        let last = signal.waited_since();
        let silent = last.map_or(Duration::ZERO, |last| now.since(last));
        (silent.as_millis() / def.cadence().as_millis().max(1)) as u64
    };
    let of_patient =
        |p: &Patient| -> u64 { p.lane.signals.iter().zip(force.plan.signals()).map(missed).sum() };
    RestoreReport {
        gap: if saved == HostTime::NEVER { Duration::ZERO } else { now.since(saved) },
        patients: patients.len(),
        open_alerts: patients.iter().flat_map(|p| &p.alerts).filter(|a| a.is_open()).count(),
        timers_due: patients.iter().filter(due).count(),
        readings_missed: patients.iter().map(of_patient).sum(),
    }
}
