//! Data older than the lateness horizon: kept until no more comes, then read from the oldest to the
//! newest in a lane of its own, which can only find out what *was*.
//!
//! A phone that was offline for eight hours uploads in whatever order it likes, in pieces, twice.
//! Sorted by time first, none of that matters.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::lane::{Effect, Effects, Lane, RuleState};
use crate::event::Quality;
use crate::id::DeviceKey;
use crate::policy::Policy;
use crate::rule::condition::Machine;
use crate::signal::{Placed, Sample};
use crate::small_map::SmallMap;
use crate::time::{HostTime, Timestamp};
use crate::value::Value;

/// So many readings are read at once; more than a day of two signals at one a second.
const MOST: usize = 200_000;

/// Readings by time of observation, signal and device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backlog {
    pub readings: BTreeMap<(i64, u16, u16), (i32, u8)>,
    /// When the last one arrived.
    pub last_arrival: HostTime,
}

/// A rule that was active in old data: the state in which it was at its worst, and until when.
pub(crate) struct Past {
    pub rule: usize,
    pub machine: Machine,
    pub until: i64,
}

impl Backlog {
    /// Keeps a reading for later.
    pub fn add(&mut self, signal: usize, sample: &Sample, now: HostTime) -> Placed {
        let key = (sample.observed_at.as_millis(), signal as u16, sample.device.0);
        let value = sample.value.thousandths();
        if let Some((known, _)) = self.readings.get(&key) {
            return if *known == value { Placed::Duplicate } else { Placed::Conflict };
        }
        self.readings.insert(key, (value, sample.quality.to_byte()));
        self.last_arrival = now;
        Placed::Accepted
    }

    /// The value kept for a reading of this identity.
    pub fn find(&self, signal: usize, sample: &Sample) -> Option<Value> {
        let key = (sample.observed_at.as_millis(), signal as u16, sample.device.0);
        self.readings.get(&key).map(|(value, _)| Value::from_thousandths(*value))
    }

    /// Whether it should be read before more is kept.
    pub fn is_full(&self) -> bool {
        self.readings.len() >= MOST
    }

    /// Reads it through. `live` lends what enrolment said of the signals, and the profile of
    /// the patient; what was usual so long ago is not known any more.
    pub fn read(&self, policy: &Policy, live: &Lane) -> Vec<Past> {
        let mut lane = Lane::new(policy);
        for (signal, from) in lane.signals.iter_mut().zip(&live.signals) {
            signal.cover = from.cover;
        }
        lane.background.situation = live.background.situation.clone();
        lane.background.usual.move_to(live.background.usual.offset);
        let mut open: SmallMap<usize, Machine> = SmallMap::new();
        let mut past = Vec::new();
        for ((observed, signal, device), (value, quality)) in &self.readings {
            let sample = Sample {
                observed_at: Timestamp::from_millis(*observed),
                device: DeviceKey(*device),
                value: Value::from_thousandths(*value),
                quality: Quality::from_byte(*quality),
            };
            let mut effects = Effects::at(self.last_arrival);
            lane.insert(policy, usize::from(*signal), &sample, &mut effects);
            let changed = effects.list.iter().filter(|(_, e)| matches!(e, Effect::Changed(_)));
            for (rule, _) in changed {
                let until = lane.frontier(policy, *rule);
                follow(&lane, *rule, until, &mut open, &mut past);
            }
        }
        // What was still active where the data end.
        let ends = open.into_iter().map(|(rule, machine)| Past {
            rule,
            machine,
            until: lane.frontier(policy, rule),
        });
        past.extend(ends);
        past
    }
}

/// Notes that a rule became active, became worse, or is over.
fn follow(
    lane: &Lane,
    rule: usize,
    until: i64,
    open: &mut SmallMap<usize, Machine>,
    past: &mut Vec<Past>,
) {
    let RuleState::Limits(watch) = &lane.rules[rule] else {
        return;
    };
    let machine = watch.condition.machine;
    if machine.level == 0 {
        past.extend(open.remove(&rule).map(|machine| Past { rule, machine, until }));
        return;
    }
    let worst = open.get_or_insert_with(rule, || machine);
    if machine.level > worst.level {
        *worst = machine;
    }
}
