//! Alarms that come and go: so many within so short a time.

use alloc::collections::VecDeque;

use super::Thresholds;
use crate::time::HostTime;

/// The latest annunciations of one rule for one patient.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Chatter {
    recent: VecDeque<HostTime>,
    chatters: bool,
    /// How often it began to chatter.
    pub bursts: u64,
}

impl Chatter {
    pub fn push(&mut self, thresholds: &Thresholds, at: HostTime) {
        let count = thresholds.chatter_count.max(1);
        self.recent.push_back(at);
        while self.recent.len() > count {
            self.recent.pop_front();
        }
        let first = self.recent.front().copied().unwrap_or(at);
        let chatters = self.recent.len() == count && at.since(first) <= thresholds.chatter_within;
        self.bursts += u64::from(chatters && !self.chatters);
        self.chatters = chatters;
    }
}
