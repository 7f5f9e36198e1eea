//! What was learned and is known of a patient.

use alloc::vec::Vec;

use crate::bytes::{Reader, Snap, Writer, corrupt};
use crate::error::Error;
use crate::policy::Policy;
use crate::rule::background::{Background, Since, Situation};
use crate::rule::wearing::{Said, Wearing};
use crate::signal::baseline::moments::{Moments, Sums};
use crate::signal::baseline::sketch::Sketch;
use crate::signal::baseline::{Baseline, BaselineDef, Kept, Learner, Norm, Usual};
use crate::signal::summary::{Summary, Total};

/// Set in the count of circumstances where what devices said of being worn follows them. Few patients have
/// any, and snapshots from before it was kept have none.
const WORN_FOLLOWS: u32 = 1 << 31;
/// The same for drifts that were begun anew.
const RESTARTS_FOLLOW: u32 = 1 << 30;

fields!(Moments { mean, mean_places, deviation_places, deviation, weight });
fields!(Sums { pivot, count, sum, squares });
fields!(Norm { low, high, spread, samples });

impl Background {
    pub(super) fn save(&self, w: &mut Writer) {
        self.usual.save(w);
        self.situation.save(w, !self.restarts.is_empty());
        if !self.restarts.is_empty() {
            w.list(self.restarts.iter());
        }
        self.carried.iter().for_each(|carried| carried.save(w));
        self.summaries.iter().for_each(|summary| summary.save(w));
    }

    pub(super) fn load(r: &mut Reader<'_>, policy: &Policy) -> Result<Self, Error> {
        let mut background = Self::new(policy);
        background.usual = Usual::load(r, policy)?;
        if background.situation.load_into(r)? {
            background.restarts = r.list()?;
        }
        for carried in &mut background.carried {
            *carried = r.read()?;
        }
        for summary in &mut background.summaries {
            summary.load_into(r)?;
        }
        Ok(background)
    }
}

impl Situation {
    fn save(&self, w: &mut Writer, restarts: bool) {
        let said = self.wearing.said();
        let worn = if said.is_empty() { 0 } else { WORN_FOLLOWS };
        let restarts = if restarts { RESTARTS_FOLLOW } else { 0 };
        (self.contexts.len() as u32 | worn | restarts).save(w);
        self.contexts.iter().for_each(|since| since.save(w));
        if !said.is_empty() {
            w.list(said.iter());
        }
    }

    /// What stands there; who the patient is stands elsewhere. Whether restarts follow.
    fn load_into(&mut self, r: &mut Reader<'_>) -> Result<bool, Error> {
        let count: u32 = r.read()?;
        for _ in 0..count & !(WORN_FOLLOWS | RESTARTS_FOLLOW) {
            self.contexts.push(r.read()?);
        }
        r.ensure(self.contexts.is_sorted_by(|a, b| a.at < b.at))?;
        if count & WORN_FOLLOWS != 0 {
            self.wearing = Wearing::of(r.list()?).ok_or_else(corrupt)?;
        }
        Ok(count & RESTARTS_FOLLOW != 0)
    }
}

impl Usual {
    fn save(&self, w: &mut Writer) {
        self.offset.save(w);
        self.baselines.iter().for_each(|baseline| baseline.save(w));
        w.len(self.kept.len());
        for kept in &self.kept {
            kept.alert.save(w);
            kept.index.save(w);
            kept.baseline.save(w);
        }
    }

    fn load(r: &mut Reader<'_>, policy: &Policy) -> Result<Self, Error> {
        let offset = r.time()?;
        let mut baselines = Vec::new();
        for def in policy.baselines() {
            baselines.push(Baseline::load(r, def)?);
        }
        let mut kept = Vec::new();
        for _ in 0..r.len()? {
            let (alert, index) = (r.read()?, r.read::<u16>()?);
            let def = policy.baselines().get(usize::from(index)).ok_or_else(corrupt)?;
            kept.push(Kept { alert, index, baseline: Baseline::load(r, def)? });
        }
        Ok(Self { baselines: baselines.into(), offset, kept })
    }
}

impl Baseline {
    fn save(&self, w: &mut Writer) {
        self.learner.save(w);
        (self.next, self.interval).save(w);
        (self.since, self.published).save(w);
        self.samples.save(w);
        self.norms.iter().for_each(|norm| norm.save(w));
    }

    fn load(r: &mut Reader<'_>, def: &BaselineDef) -> Result<Self, Error> {
        let mut baseline = Self::new(def);
        baseline.load_into(r)?;
        Ok(baseline)
    }

    /// Into one of the policy's kind.
    fn load_into(&mut self, r: &mut Reader<'_>) -> Result<(), Error> {
        self.learner.load(r)?;
        (self.next, self.interval) = (r.time()?, r.time()?);
        (self.since, self.published) = (r.time()?, r.time()?);
        self.samples = r.read()?;
        for norm in &mut self.norms {
            *norm = r.read()?;
        }
        r.ensure(match &self.learner {
            Learner::Mean { usual, .. } => usual.is_sane(),
            Learner::ByHour { hours, .. } => hours.usual.iter().all(Moments::is_sane),
            Learner::BySleep(_) | Learner::Range(_) | Learner::Median { .. } => true,
        })
    }
}

impl Learner {
    fn save(&self, w: &mut Writer) {
        match self {
            Self::Mean { usual, open } => {
                usual.save(w);
                open.save(w);
            }
            Self::ByHour { hours, hour, open } => {
                hours.usual.iter().for_each(|cell| cell.save(w));
                hours.seen.iter().for_each(|seen| seen.save(w));
                hour.save(w);
                open.save(w);
            }
            Self::BySleep(both) => both.iter().for_each(|state| state.save(w)),
            Self::Range(sketch) => w.list(sketch.points.iter()),
            Self::Median { removed } => w.list(removed.iter()),
        }
    }

    /// Into one of the policy's kind.
    fn load(&mut self, r: &mut Reader<'_>) -> Result<(), Error> {
        match self {
            Self::Mean { usual, open } => (*usual, *open) = (r.read()?, r.read()?),
            Self::ByHour { hours, hour, open } => {
                for cell in &mut hours.usual {
                    *cell = r.read()?;
                }
                for seen in &mut hours.seen {
                    *seen = r.read()?;
                }
                (*hour, *open) = (r.read()?, r.read()?);
                r.ensure(usize::from(*hour) < hours.usual.len())?;
            }
            Self::BySleep(both) => {
                for state in both.iter_mut() {
                    state.load_into(r)?;
                }
            }
            Self::Range(sketch) => {
                let points: Vec<(i32, u32)> = r.list()?;
                r.ensure(points.is_sorted_by(|a, b| a.0 < b.0))?;
                *sketch = Sketch { points };
            }
            Self::Median { removed } => *removed = r.list()?,
        }
        Ok(())
    }
}

impl Summary {
    fn save(&self, w: &mut Writer) {
        (self.next, self.told).save(w);
        self.night.save(w);
        let Total { count, covered, sum, min, max, steps } = &self.total;
        (*count, *covered).save(w);
        sum.save(w);
        min.save(w);
        max.save(w);
        if let Some(steps) = steps {
            w.list(steps.iter());
        }
    }

    /// Into one of the policy's kind.
    fn load_into(&mut self, r: &mut Reader<'_>) -> Result<(), Error> {
        (self.next, self.told) = (r.time()?, r.time()?);
        self.night = r.time()?;
        let total = &mut self.total;
        (total.count, total.covered) = r.read()?;
        (total.sum, total.min, total.max) = (r.read()?, r.read()?, r.read()?);
        if let Some(steps) = &mut total.steps {
            *steps = r.list()?;
            r.ensure(steps.is_sorted_by(|a: &(i32, u32), b| a.0 < b.0))?;
            let panes: u64 = steps.iter().map(|(_, panes)| u64::from(*panes)).sum();
            r.ensure(panes == u64::from(total.covered))?;
        }
        Ok(())
    }
}

impl Snap for Said {
    fn save(&self, w: &mut Writer) {
        self.device.save(w);
        self.at.save(w);
        self.worn.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { device: r.read()?, at: r.time()?, worn: r.read()? })
    }
}

impl Snap for Since {
    fn save(&self, w: &mut Writer) {
        (self.at, self.phase_since).save(w);
        self.context.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        let (at, phase_since) = r.read()?;
        Ok(Self { at, phase_since, context: r.read()? })
    }
}

impl Snap for (i64, i32) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.time()?, r.read()?))
    }
}

impl Snap for (i64, u16) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.time()?, r.read()?))
    }
}

impl Snap for (i32, u32) {
    fn save(&self, w: &mut Writer) {
        self.0.save(w);
        self.1.save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok((r.read()?, r.read()?))
    }
}
