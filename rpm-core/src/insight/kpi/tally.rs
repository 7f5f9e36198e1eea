//! What is counted of one queue.

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::chatter::Chatter;
use super::time::{Bins, Days};
use super::{Ask, Episode, Owner, Thresholds, Turn, Wait};
use crate::insight::histogram::Histogram;
use crate::time::HostTime;

/// The counts of one queue.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    pub bins: Bins,
    pub levels: [u64; 3],
    pub pairs: BTreeMap<(String, Owner), Pair>,
    pub suppressed: u64,
    pub shadow: u64,
    pub fleeting: u64,
    pub stale: Days,
    pub acknowledge: Histogram,
    pub resolve: Histogram,
}

/// The counts of one rule for one patient.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Pair {
    pub annunciated: u64,
    pub chatter: Chatter,
    /// What it was before an alert opened that may be taken back in the same instant.
    before: Option<Chatter>,
}

impl Tally {
    pub fn turn(
        &mut self,
        thresholds: &Thresholds,
        owner: &Owner,
        episode: &Episode,
        turn: Turn,
        at: HostTime,
    ) {
        match turn {
            Turn::Shadow => self.shadow += 1,
            Turn::Hushed => self.suppressed += 1,
            Turn::Asked(why) => self.asked(thresholds, owner, episode, why, at),
            Turn::TakenBack => self.taken_back(owner, episode, at),
            Turn::Met(Wait::Answer, clock) => self.acknowledge.record(at.since(clock.since)),
            Turn::Met(Wait::Resolution, clock) => self.resolve.record(at.since(clock.since)),
            Turn::Over(lasted) if episode.was_asked() => {
                self.fleeting += u64::from(lasted < thresholds.fleeting_below);
            }
            Turn::Ended { .. } => {
                self.stale.span(episode.open_since.plus(thresholds.stale_after), at);
            }
            _ => {}
        }
    }

    fn pair(&mut self, owner: &Owner, episode: &Episode) -> &mut Pair {
        self.pairs.entry((episode.rule.clone(), owner.clone())).or_default()
    }

    fn asked(
        &mut self,
        thresholds: &Thresholds,
        owner: &Owner,
        episode: &Episode,
        why: Ask,
        at: HostTime,
    ) {
        self.bins.count(at);
        self.levels[episode.level as usize] += 1;
        let pair = self.pair(owner, episode);
        pair.annunciated += 1;
        pair.before = (why == Ask::Opened).then(|| pair.chatter.clone());
        // Becoming worse is no coming back.
        if matches!(why, Ask::Opened | Ask::Back) {
            pair.chatter.push(thresholds, at);
        }
    }

    /// The next record says that what just opened is suppressed: it annunciated nothing.
    fn taken_back(&mut self, owner: &Owner, episode: &Episode, at: HostTime) {
        self.suppressed += 1;
        self.bins.take_back(at);
        let level = &mut self.levels[episode.level as usize];
        *level = level.saturating_sub(1);
        let pair = self.pair(owner, episode);
        pair.annunciated = pair.annunciated.saturating_sub(1);
        if let Some(before) = pair.before.take() {
            pair.chatter = before;
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.bins.merge(other.bins);
        for (mine, theirs) in self.levels.iter_mut().zip(other.levels) {
            *mine += theirs;
        }
        // Pairs are of a patient, and a patient is in one fold only.
        self.pairs.extend(other.pairs);
        self.suppressed += other.suppressed;
        self.shadow += other.shadow;
        self.fleeting += other.fleeting;
        self.stale.merge(&other.stale);
        self.acknowledge.merge(&other.acknowledge);
        self.resolve.merge(&other.resolve);
    }
}
