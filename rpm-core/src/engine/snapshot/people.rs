//! The state that is about people: responses, suppressions, messages, rosters.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::care::{CareState, Dated, History, Shelf};
use crate::alert::priority::Evidence;
use crate::alert::{Delivery, Escalation, Response, Roster, Round, Shift, Suppression, Trial};
use crate::bytes::{Reader, Snap, Writer, corrupt};
use crate::error::Error;
use crate::event::{Context, DeviceStatus, Profile};
use crate::record::{
    Closure, DeliveryState, IntentKey, ModelRef, NotifyReason, Part, Resolution, Stage,
    StageChange, Target, Tried,
};
use crate::small_map::SmallMap;

/// `Snap` for an enum of names: a variant is saved as its place in the list, which never changes.
/// A variant that is not in it does not compile.
macro_rules! names {
    ($type:ident { $($name:ident),* $(,)? }) => {
        const _: fn($type) = |known| match known {
            $($type::$name)|* => {}
        };
        impl Snap for $type {
            fn save(&self, w: &mut Writer) {
                (*self as u8).save(w);
            }
            fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
                let place: u8 = r.read()?;
                [$(Self::$name),*].into_iter().find(|v| *v as u8 == place).ok_or_else(corrupt)
            }
        }
    };
}

names!(Resolution { TrueActedOn, TrueNotActionable, FalseArtifact, FalseLimit, Duplicate, Other });
names!(DeliveryState { Planned, Handed, Delivered, Seen, Failed, Cancelled, Expired });
names!(NotifyReason {
    Opened,
    Raised,
    Reentered,
    AcknowledgementLapsed,
    RemediationOverdue,
    HandedOver,
    Unsuppressed,
    Unverified,
    Reopened,
    GivenBack,
    Assigned,
    Stale,
    Regrouped,
});

fields!(Round { since, reason, next });
fields!(Escalation { route, round, running, exhausted, unattended_since, evidence });
fields!(Evidence { coverage, trend, change });
fields!(Tried { intervention, tried, helped });
fields!(History { acknowledged, false_alarms, interventions });
fields!(Trial { intervention, since, finished_at });
fields!(Target { function, person });
fields!(Shift { function, person, from, until, tenant, patient });
fields!(Profile {
    age_band,
    conditions,
    cohort,
    spo2_scale,
    utc_offset_min,
    consent,
    declined_channels
});
fields!(Context { activity, asleep, on_oxygen, posture, care_phase });
fields!(DeviceStatus { worn, battery_percent, link_up });

impl Snap for String {
    fn save(&self, w: &mut Writer) {
        w.text(self);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.text()
    }
}

impl<T: Snap> Snap for Vec<T> {
    fn save(&self, w: &mut Writer) {
        w.list(self.iter());
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.list()
    }
}

impl<T: Snap> Snap for SmallMap<String, T> {
    fn save(&self, w: &mut Writer) {
        w.len(self.len());
        for (key, value) in self {
            key.save(w);
            value.save(w);
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let n = r.len()?;
        let mut map = Self::new();
        for _ in 0..n {
            let key: String = r.read()?;
            r.ensure(map.keys().next_back().is_none_or(|last| *last < key))?;
            map.insert(key, r.read()?);
        }
        Ok(map)
    }
}

impl<T: Snap> Snap for Dated<T> {
    fn save(&self, w: &mut Writer) {
        self.observed_at.save(w);
        self.what.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { observed_at: r.read()?, what: r.read()? })
    }
}

impl Snap for Closure {
    fn save(&self, w: &mut Writer) {
        match self {
            Self::Cleared => 0_u8.save(w),
            Self::Retracted => 1_u8.save(w),
            Self::Resolved(resolution) => {
                2_u8.save(w);
                resolution.save(w);
            }
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match r.read::<u8>()? {
            0 => Ok(Self::Cleared),
            1 => Ok(Self::Retracted),
            2 => Ok(Self::Resolved(r.read()?)),
            _ => Err(corrupt()),
        }
    }
}

impl Snap for Response {
    fn save(&self, w: &mut Writer) {
        match self {
            Self::Unowned => 0_u8.save(w),
            Self::Acknowledged { by, at, until } => {
                1_u8.save(w);
                by.save(w);
                at.save(w);
                until.save(w);
            }
            Self::InRemediation { owner, since, due } => {
                2_u8.save(w);
                owner.save(w);
                since.save(w);
                due.save(w);
            }
            Self::Closed { at, reason } => {
                3_u8.save(w);
                at.save(w);
                reason.save(w);
            }
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match r.read::<u8>()? {
            0 => Ok(Self::Unowned),
            1 => Ok(Self::Acknowledged { by: r.read()?, at: r.read()?, until: r.read()? }),
            2 => Ok(Self::InRemediation { owner: r.read()?, since: r.read()?, due: r.read()? }),
            3 => Ok(Self::Closed { at: r.read()?, reason: r.read()? }),
            _ => Err(corrupt()),
        }
    }
}

impl Snap for Suppression {
    fn save(&self, w: &mut Writer) {
        match self {
            Self::None => 0_u8.save(w),
            Self::Shelved { until, by, reason } => {
                1_u8.save(w);
                until.save(w);
                by.save(w);
                reason.save(w);
            }
            Self::ByRule { id } => {
                2_u8.save(w);
                id.save(w);
            }
            Self::InhibitedBy { alert } => {
                3_u8.save(w);
                alert.save(w);
            }
            Self::OutOfService { reference } => {
                4_u8.save(w);
                reference.save(w);
            }
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match r.read::<u8>()? {
            0 => Ok(Self::None),
            1 => Ok(Self::Shelved { until: r.read()?, by: r.read()?, reason: r.read()? }),
            2 => Ok(Self::ByRule { id: r.read()? }),
            3 => Ok(Self::InhibitedBy { alert: r.read()? }),
            4 => Ok(Self::OutOfService { reference: r.read()? }),
            _ => Err(corrupt()),
        }
    }
}

impl Snap for Shelf {
    fn save(&self, w: &mut Writer) {
        (self.rule as u32).save(w);
        self.level.save(w);
        self.why.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let shelf = Self { rule: r.read::<u32>()? as usize, level: r.read()?, why: r.read()? };
        let aside =
            matches!(shelf.why, Suppression::Shelved { .. } | Suppression::OutOfService { .. });
        r.ensure(aside)?;
        Ok(shelf)
    }
}

impl Snap for IntentKey {
    fn save(&self, w: &mut Writer) {
        w.bytes.extend_from_slice(&self.0.to_le_bytes());
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let bytes = r.take(size_of::<u128>())?;
        Ok(Self(u128::from_le_bytes(bytes.try_into().map_err(|_| corrupt())?)))
    }
}

fields!(ModelRef { id, version, hash });
fields!(StageChange { at, model, from, to, owner, approver, reason, evidence, rollback });

impl Snap for Stage {
    fn save(&self, w: &mut Writer) {
        match self {
            Self::Candidate => 0_u8.save(w),
            Self::Shadow => 1_u8.save(w),
            Self::Canary(Part::Permille(n)) => {
                2_u8.save(w);
                n.save(w);
            }
            Self::Canary(Part::Cohorts(cohorts)) => {
                3_u8.save(w);
                cohorts.save(w);
            }
            Self::Active => 4_u8.save(w),
            Self::Retired => 5_u8.save(w),
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match r.read::<u8>()? {
            0 => Ok(Self::Candidate),
            1 => Ok(Self::Shadow),
            2 => Ok(Self::Canary(Part::Permille(r.read()?))),
            3 => Ok(Self::Canary(Part::Cohorts(r.read()?))),
            4 => Ok(Self::Active),
            5 => Ok(Self::Retired),
            _ => Err(corrupt()),
        }
    }
}

fields!(Delivery { key, alerts, target, channel, state, expires_at });
fields!(CareState { profile, devices, shelves, deliveries, history });

impl Snap for Roster {
    fn save(&self, w: &mut Writer) {
        w.len(self.shifts().count());
        self.shifts().for_each(|shift| shift.save(w));
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let shifts: Vec<Shift> = r.list()?;
        Ok(Self::new(shifts))
    }
}
