//! Scores as signals: what each pane of one holds is a function of the panes of others.

use smallvec::SmallVec;

use super::predicate::{Signals, pane_at};
use super::score::{ScoreFacts, ScoreInput, ScoreOutcome};
use crate::policy::score::Score;
use crate::policy::{Part, Tab};
use crate::record::CountedScore;
use crate::time::Duration;
use crate::value::Value;

/// The youngest value of each input: when it was observed, and what it is.
pub(crate) type Inputs = SmallVec<[Option<(i64, i32)>; 8]>;

impl Signals<'_> {
    /// The last good value of a signal before a time at which one of its panes ends.
    pub fn as_of(&self, signal: usize, end: i64) -> Option<(i64, i32)> {
        let ring = &self.live[signal].ring;
        let pane = ring.good_before(pane_at(end, self.policy.signals()[signal].pane_ms));
        let in_ring = pane.map(|pane| ring.last_of(pane));
        let carried = || *self.background.carried.get(signal)?;
        in_ring.or_else(|| carried().filter(|(at, _)| *at < end))
    }

    /// The inputs of a score as of the end of one of its panes.
    pub fn inputs(&self, score: &Score, end: i64) -> Inputs {
        score.signals().iter().map(|signal| self.as_of(usize::from(*signal), end)).collect()
    }

    /// The terms of a score at a time, for a record.
    pub fn terms(&self, tab: u16, at: i64) -> CountedScore {
        let tab = &self.policy.tabs()[usize::from(tab)];
        let score = &self.policy.scores()[usize::from(tab.score)];
        let width = self.policy.signals()[usize::from(tab.signal)].pane_ms;
        let start = pane_at(at, width).saturating_mul(width);
        let inputs = self.inputs(score, start + width);
        self.counted(score, &inputs, start, start + width).words(score)
    }

    /// The score of a pane that starts at a time.
    pub fn counted(&self, score: &Score, inputs: &Inputs, start: i64, end: i64) -> ScoreOutcome {
        let input = |known: &Option<(i64, i32)>| {
            let (at, value) = (*known)?;
            let age = Duration::from_millis(start.saturating_sub(at).max(0));
            Some(ScoreInput { value: Value::from_thousandths(value), age })
        };
        let inputs: SmallVec<[Option<ScoreInput>; 8]> = inputs.iter().map(input).collect();
        let situation = &self.background.situation;
        let facts = ScoreFacts {
            spo2_scale: situation.profile().and_then(|profile| profile.spo2_scale),
            on_oxygen: situation.at(end - 1).on_oxygen,
        };
        score.evaluate(&inputs, facts)
    }
}

impl Tab {
    /// What of a score the signal is, in thousandths.
    pub fn value(&self, outcome: &ScoreOutcome) -> Option<i32> {
        let total = outcome.total?;
        let points = match self.part {
            Part::Total => i32::from(total),
            Part::HighestSingle => i32::from(outcome.highest_single),
            Part::Parameter(index) => i32::from(outcome.parts.get(usize::from(index))?.points?),
        };
        Some(points * 1000)
    }
}
