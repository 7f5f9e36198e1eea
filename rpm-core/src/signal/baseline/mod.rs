//! What is usual for one patient: learned from panes that can no longer change.
//!
//! | module | holds |
//! |---|---|
//! | `moments` | mean and deviation, with weights that halve with time |
//! | `sketch` | quantiles in bounded memory |
//! | `decay` | the weights |
//! | `command` | what people ask of it |
//!
//! A baseline takes in the panes of its signal in the order of their time, once nothing that arrives can
//! change them or what rules make of them: so neither the order of arrival nor duplicates matter. What
//! it says is published once an interval, of what was certain when the interval began. Late evidence is
//! therefore judged by what was published for its own time, whenever it comes. Only a median of few
//! panes needs none of this: those panes are there to be asked.

mod command;
pub(crate) mod decay;
pub(crate) mod moments;
pub(crate) mod sketch;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use decay::power;
use moments::{Moments, Sums};
use sketch::Sketch;

pub use command::{BaselineAction, BaselineCommand};

use super::ring::Ring;
use crate::id::AlertId;
use crate::value::{Value, div_round};

/// So many panes are waited for before they are taken in together.
pub(crate) const CHUNK: i64 = 16;
const HOURS: usize = 24;
/// So many stretches that were taken out are remembered.
const MOST_REMOVED: usize = 16;
const HOUR_MS: i64 = 3_600_000;
/// Before anything was learned.
const NEVER: i64 = i64::MIN;

/// What a policy says of a baseline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BaselineDef {
    pub id: String,
    /// The signal that is learned.
    pub signal: u16,
    pub method: Method,
    /// How often what it says is published, in milliseconds.
    pub interval: i64,
    /// So long ago a pane must be to be certain, in milliseconds.
    pub certain_after: i64,
    /// So many panes it must have seen, of the hour in question for a baseline by hour.
    pub warm_up: u32,
    /// What values are rounded to before quantiles are taken.
    pub resolution: Value,
    /// What a deviation counts as at least, in thousandths.
    pub least_spread: i32,
    /// While one of these rules is active, nothing is learned.
    pub guards: Vec<u16>,
    /// What is taken as usual until enough was seen, by age band; the last is for everybody.
    pub fallback: Vec<(Option<String>, (Value, Value))>,
}

/// How a baseline learns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// Mean and deviation; the weight decays by the factor each interval.
    Mean { factor: u32 },
    /// The same for each hour of the local day; decays each interval, too.
    ByHour { factor: u32 },
    /// The same for a patient who sleeps and for one who is awake.
    BySleep { factor: u32 },
    /// From one quantile to another, in thousandths.
    Range { low: u16, high: u16, factor: u32 },
    /// The median of the good ones of so many panes before this one.
    Median { of: u16 },
}

/// What is usual, in thousandths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Norm {
    pub low: i32,
    pub high: i32,
    /// A standard deviation, or what stands for one.
    pub spread: i32,
    /// How many panes were learned; none if there is no norm.
    pub samples: u32,
}

/// What one patient's baseline knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Baseline {
    pub(crate) learner: Learner,
    /// The first pane that has not been looked at.
    pub(crate) next: i64,
    /// The interval of the last pane learned.
    pub(crate) interval: i64,
    /// When learning began.
    pub(crate) since: i64,
    pub(crate) samples: u32,
    /// The newest interval for which a norm is published, and the norms of it and of the one before.
    pub(crate) published: i64,
    pub(crate) norms: [Norm; 2],
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Learner {
    Mean {
        usual: Moments,
        open: Sums,
    },
    ByHour {
        hours: Box<Hours>,
        hour: u8,
        open: Sums,
    },
    /// Awake, and asleep; each a mean of its own.
    BySleep(Box<[Baseline; 2]>),
    Range(Sketch),
    /// The panes know it all, but for those that people took out: from when, until before when.
    Median {
        removed: Vec<(i64, i64)>,
    },
}

/// Each hour of the local day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hours {
    pub usual: [Moments; HOURS],
    /// How many panes were seen, as far as that can be counted; unlike the weight, it never falls.
    pub seen: [u16; HOURS],
}

/// What is usual for one patient, of every baseline of the policy.
#[derive(Clone, Debug)]
pub(crate) struct Usual {
    pub baselines: Box<[Baseline]>,
    /// How much later it is where the patient is, in milliseconds.
    pub offset: i64,
    /// What baselines had learned when an episode began that kept them from learning.
    pub kept: Vec<Kept>,
}

/// A baseline as it was when an episode began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    pub alert: AlertId,
    /// Index of the baseline.
    pub index: u16,
    pub baseline: Baseline,
}

/// Times that lie in one interval, and in one hour of the local day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub interval: i64,
    pub hour: u8,
    /// Where it ends.
    pub end: i64,
}

impl BaselineDef {
    /// The stretch in which a time lies.
    pub fn stretch(&self, at: i64, offset: i64) -> Stretch {
        let interval = self.interval_of(at, offset);
        let hours = at.saturating_add(offset).div_euclid(HOUR_MS);
        let next = interval.saturating_add(1).saturating_mul(self.interval);
        let next = next.min(hours.saturating_add(1).saturating_mul(HOUR_MS));
        let hour = hours.rem_euclid(HOURS as i64) as u8;
        Stretch { interval, hour, end: next.saturating_sub(offset) }
    }

    /// The interval in which a time lies. They are counted from 1970 in local time, and begin with the day
    /// only if they divide it.
    pub fn interval_of(&self, at: i64, offset: i64) -> i64 {
        at.saturating_add(offset).div_euclid(self.interval)
    }

    /// Up to when everything must be known for what is published for an interval.
    pub fn known_until(&self, interval: i64, offset: i64) -> i64 {
        interval.saturating_mul(self.interval).saturating_sub(offset + self.certain_after)
    }

    /// What is taken as usual for an age band until enough was seen.
    pub fn fallback(&self, age_band: Option<&str>) -> Option<Norm> {
        let fits = |(band, _): &&(Option<String>, _)| {
            band.as_deref().is_none_or(|band| Some(band) == age_band)
        };
        let (_, (low, high)) = self.fallback.iter().find(fits)?;
        let (low, high) = (low.thousandths(), high.thousandths());
        // A reference range holds 95 % of the healthy: two deviations to either side.
        let spread = div_round(i128::from(high) - i128::from(low), 4) as i32;
        Some(Norm { low, high, spread, samples: 0 })
    }
}

impl Usual {
    pub fn new(defs: &[BaselineDef], offset: i64) -> Self {
        let baselines = defs.iter().map(Baseline::new).collect();
        Self { baselines, offset, kept: Vec::new() }
    }

    /// By what time the patient lives. If it is another one, intervals begin anew.
    pub fn move_to(&mut self, offset: i64) {
        if offset != self.offset {
            self.offset = offset;
            self.baselines.iter_mut().for_each(Baseline::begin_intervals_anew);
        }
    }

    /// Up to when what is usual is what it is at a time: to the end of the interval.
    pub fn stands_until(&self, def: &BaselineDef, at: i64) -> i64 {
        if let Method::Median { .. } | Method::BySleep { .. } = def.method {
            return at;
        }
        let next = def.interval_of(at, self.offset).saturating_add(1);
        next.saturating_mul(def.interval).saturating_sub(self.offset + 1)
    }

    /// Since when what was usual at a time has been learned.
    pub fn since(
        &self,
        index: usize,
        def: &BaselineDef,
        ring: &Ring,
        at: i64,
        asleep: Option<bool>,
    ) -> Option<i64> {
        let baseline = self.baselines.get(index)?;
        match (def.method, &baseline.learner) {
            (Method::Median { of }, Learner::Median { removed }) => {
                let first = before(ring, at.div_euclid(ring.width), of, removed).next();
                first.map(|(pane, _)| ring.start_of(pane))
            }
            (_, Learner::BySleep(both)) => both[usize::from(asleep?)].since(),
            _ => baseline.since(),
        }
    }

    /// What was usual at a time, with a deviation of at least what the policy says.
    pub fn at(
        &self,
        index: usize,
        def: &BaselineDef,
        ring: &Ring,
        at: i64,
        age_band: Option<&str>,
        asleep: Option<bool>,
    ) -> Option<Norm> {
        let norm = self.found(index, def, ring, at, age_band, asleep)?;
        Some(Norm { spread: norm.spread.max(def.least_spread), ..norm })
    }

    /// What a median of panes before a time says without one of them, that which begins at another time.
    pub fn median_without(
        &self,
        index: usize,
        def: &BaselineDef,
        ring: &Ring,
        at: i64,
        without: i64,
    ) -> Option<Norm> {
        let (Method::Median { of }, Learner::Median { removed }) =
            (def.method, &self.baselines.get(index)?.learner)
        else {
            return None;
        };
        let mut removed = removed.clone();
        removed.push((without, without.saturating_add(1)));
        // Where all of the panes were asked for, one less is all.
        let least = def.warm_up.min(u32::from(of).saturating_sub(1));
        let norm = middle(ring, at.div_euclid(ring.width), of, least, &removed)?;
        Some(Norm { spread: norm.spread.max(def.least_spread), ..norm })
    }

    /// What was found to be usual at a time: learned, or the fallback, which has no samples.
    pub fn found(
        &self,
        index: usize,
        def: &BaselineDef,
        ring: &Ring,
        at: i64,
        age_band: Option<&str>,
        asleep: Option<bool>,
    ) -> Option<Norm> {
        let learned = self.baselines.get(index)?.norm(def, ring, at, self.offset, asleep);
        learned.or_else(|| def.fallback(age_band))
    }
}

impl Baseline {
    pub fn new(def: &BaselineDef) -> Self {
        Self::of(Learner::new(def.method))
    }

    fn of(learner: Learner) -> Self {
        Self {
            learner,
            next: NEVER,
            interval: NEVER,
            since: NEVER,
            samples: 0,
            published: NEVER,
            norms: [Norm::default(); 2],
        }
    }

    /// When learning began.
    pub fn since(&self) -> Option<i64> {
        (self.since != NEVER).then_some(self.since)
    }

    /// Nothing is published for intervals as they are now.
    fn begin_intervals_anew(&mut self) {
        self.published = NEVER;
        if let Learner::BySleep(both) = &mut self.learner {
            both.iter_mut().for_each(Self::begin_intervals_anew);
        }
    }

    /// Forgets what was observed before a time.
    pub fn restart(&mut self, def: &BaselineDef, width: i64, from: i64) {
        if let Learner::Median { removed } = &mut self.learner {
            *removed = Vec::from([(NEVER, from)]);
            return;
        }
        // Rounded up: a pane that began before is not all from after.
        let next = self.next.max(from.div_euclid(width) + i64::from(from.rem_euclid(width) > 0));
        *self = Self { next, published: self.published, ..Self::new(def) };
    }

    /// Everything learned lies by so much higher. Whether there is anything that can.
    pub fn shift(&mut self, by: i32) -> bool {
        match &mut self.learner {
            Learner::Mean { usual, open } => {
                usual.shift(by);
                open.pivot = open.pivot.saturating_add(by);
            }
            Learner::ByHour { hours, open, .. } => {
                hours.usual.iter_mut().for_each(|cell| cell.shift(by));
                open.pivot = open.pivot.saturating_add(by);
            }
            Learner::Range(sketch) => {
                sketch.points.iter_mut().for_each(|point| point.0 = point.0.saturating_add(by));
                // At the ends of the range values may have become one.
                sketch.points.dedup_by_key(|point| point.0);
            }
            Learner::BySleep(both) => return both.iter_mut().all(|state| state.shift(by)),
            Learner::Median { .. } => return false,
        }
        for norm in self.norms.iter_mut().filter(|norm| norm.samples > 0) {
            for value in [&mut norm.low, &mut norm.high] {
                *value = value.saturating_add(by);
            }
        }
        true
    }

    /// What was observed from one time to another was not usual: back to what was known before.
    pub fn remove(&mut self, before: Self, from: i64, until: i64) {
        if let Learner::Median { removed } = &mut self.learner {
            if removed.len() >= MOST_REMOVED {
                removed.remove(0);
            }
            removed.push((from, until));
            return;
        }
        if let Learner::BySleep(both) = &mut self.learner {
            let Learner::BySleep(were) = before.learner else {
                return;
            };
            let states = both.iter_mut().zip(*were);
            return states.for_each(|(state, was)| state.remove(was, from, until));
        }
        // What is published stays until the next interval.
        *self = Self { next: self.next, published: self.published, norms: self.norms, ..before };
    }

    /// Takes in the means of panes of one stretch, from a time on, that come after all those before.
    pub fn learn(
        &mut self,
        def: &BaselineDef,
        from: i64,
        values: &[i32],
        stretch: &Stretch,
        asleep: Option<bool>,
    ) {
        if values.is_empty() {
            return;
        }
        if let Learner::BySleep(both) = &mut self.learner {
            if let Some(asleep) = asleep {
                both[usize::from(asleep)].learn(def, from, values, stretch, None);
            }
            return;
        }
        let interval = stretch.interval;
        let passed = if self.interval == NEVER { 0 } else { interval - self.interval };
        if self.since == NEVER {
            self.since = from;
        }
        self.learner.learn(def, values, stretch.hour, passed);
        self.interval = interval;
        self.samples = self.samples.saturating_add(values.len() as u32);
    }

    /// Publishes what is known for an interval, the one after the newest or a later one.
    pub fn publish(&mut self, def: &BaselineDef, interval: i64) {
        if let Learner::BySleep(both) = &mut self.learner {
            both.iter_mut().for_each(|state| state.publish(def, interval));
            self.published = interval;
            return;
        }
        let start = interval.saturating_mul(def.interval);
        let hour = start.div_euclid(HOUR_MS).rem_euclid(HOURS as i64);
        let before = if self.published == interval - 1 { self.norms[1] } else { Norm::default() };
        self.norms = [before, self.learner.norm(def, hour as usize, self.samples)];
        self.published = interval;
    }

    /// What was published for a time; nothing if not enough had been seen by then.
    pub fn norm(
        &self,
        def: &BaselineDef,
        ring: &Ring,
        at: i64,
        offset: i64,
        asleep: Option<bool>,
    ) -> Option<Norm> {
        if let Learner::BySleep(both) = &self.learner {
            return both[usize::from(asleep?)].norm(def, ring, at, offset, None);
        }
        if let (Method::Median { of }, Learner::Median { removed }) = (def.method, &self.learner) {
            return middle(ring, at.div_euclid(ring.width), of, def.warm_up, removed);
        }
        let interval = def.interval_of(at, offset);
        let norm = match self.published.wrapping_sub(interval) {
            0 => self.norms[1],
            1 => self.norms[0],
            _ => return None,
        };
        (norm.samples > 0).then_some(norm)
    }
}

impl Learner {
    fn new(method: Method) -> Self {
        match method {
            Method::Mean { .. } => Self::mean(),
            Method::BySleep { .. } => {
                Self::BySleep(Box::new([(), ()].map(|()| Baseline::of(Self::mean()))))
            }
            Method::ByHour { .. } => {
                Self::ByHour { hours: Box::default(), hour: 0, open: Sums::default() }
            }
            Method::Range { .. } => Self::Range(Sketch::default()),
            Method::Median { .. } => Self::Median { removed: Vec::new() },
        }
    }

    fn mean() -> Self {
        Self::Mean { usual: Moments::default(), open: Sums::default() }
    }

    /// More values of one hour and interval, so many intervals after the ones before.
    fn learn(&mut self, def: &BaselineDef, values: &[i32], at_hour: u8, passed: i64) {
        match (self, def.method) {
            (Self::Mean { usual, open }, Method::Mean { factor } | Method::BySleep { factor }) => {
                if passed > 0 {
                    *usual = usual.with(open);
                    usual.age(power(factor, passed));
                    *open = Sums::default();
                }
                usual.note(open, values);
            }
            (Self::ByHour { hours, hour, open }, Method::ByHour { factor }) => {
                if passed > 0 || at_hour != *hour {
                    let cell = &mut hours.usual[usize::from(*hour) % HOURS];
                    *cell = cell.with(open);
                    *open = Sums::default();
                    let factor = power(factor, passed);
                    hours.usual.iter_mut().for_each(|cell| cell.age(factor));
                    *hour = at_hour;
                }
                let at = usize::from(at_hour) % HOURS;
                let more = u16::try_from(values.len()).unwrap_or(u16::MAX);
                hours.seen[at] = hours.seen[at].saturating_add(more);
                hours.usual[at].note(open, values);
            }
            (Self::Range(sketch), Method::Range { factor, .. }) => {
                if passed > 0 {
                    sketch.age(power(factor, passed));
                }
                for value in values {
                    let value = Value::from_thousandths(*value).round_to(def.resolution);
                    sketch.add(value.thousandths());
                }
            }
            _ => {}
        }
    }

    /// What it says at an hour of the day, if it has seen enough.
    fn norm(&self, def: &BaselineDef, hour: usize, samples: u32) -> Norm {
        let (found, seen) = match (self, def.method) {
            (Self::Mean { usual, open }, _) => (around(&usual.with(open)), samples),
            (Self::ByHour { hours, hour: now, open }, _) => {
                let cell = hours.usual[hour % HOURS];
                let cell = if usize::from(*now) == hour { cell.with(open) } else { cell };
                (around(&cell), hours.seen[hour % HOURS].into())
            }
            (Self::Range(sketch), Method::Range { low, high, .. }) => {
                let at = |permille: u16| sketch.quantile(permille).unwrap_or_default();
                let (low, high) = (at(low), at(high));
                // As wide as the middle half of a normal distribution with that deviation.
                let spread = i128::from(at(750)) - i128::from(at(250));
                let spread = bounded(div_round(spread * 1000, 1349));
                (Norm { low, high, spread, samples }, samples)
            }
            _ => (Norm::default(), 0),
        };
        let enough = seen >= def.warm_up.max(1);
        if enough { Norm { samples: samples.max(1), ..found } } else { Norm::default() }
    }
}

fn around(moments: &Moments) -> Norm {
    let (center, spread) = (moments.center(), moments.spread());
    Norm { low: center, high: center, spread, samples: 0 }
}

/// The good ones of so many panes before one, but for those that were taken out, and what each holds.
fn before<'a>(
    ring: &'a Ring,
    pane: i64,
    of: u16,
    removed: &'a [(i64, i64)],
) -> impl Iterator<Item = (i64, i32)> + 'a {
    let first = pane.saturating_sub(of.into()).max(ring.oldest());
    let stands = move |pane: &i64| {
        let start = ring.start_of(*pane);
        removed.iter().all(|(from, until)| start < *from || start >= *until)
    };
    (first..pane).filter(stands).filter_map(|pane| Some((pane, ring.tally(pane).mean()?)))
}

/// The median of the good panes before one, and the median distance from it times what makes that a
/// deviation of normal data.
fn middle(ring: &Ring, pane: i64, of: u16, least: u32, removed: &[(i64, i64)]) -> Option<Norm> {
    let values: Vec<i32> = before(ring, pane, of, removed).map(|(_, value)| value).collect();
    let samples = values.len() as u32;
    if samples < least.max(1) {
        return None;
    }
    let center = median(values.clone());
    let distances = values.iter().map(|v| center.abs_diff(*v).min(i32::MAX as u32) as i32);
    let spread = div_round(i128::from(median(distances.collect())) * 14_826, 10_000);
    Some(Norm { low: center, high: center, spread: bounded(spread), samples })
}

fn median(mut values: Vec<i32>) -> i32 {
    values.sort_unstable();
    let (below, above) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(below), values.get(above)) {
        (Some(a), Some(b)) => div_round(i128::from(*a) + i128::from(*b), 2) as i32,
        _ => 0,
    }
}

/// The nearest spread that there is room for: values at both ends of their range are further apart.
fn bounded(spread: i128) -> i32 {
    i32::try_from(spread).unwrap_or(i32::MAX)
}
