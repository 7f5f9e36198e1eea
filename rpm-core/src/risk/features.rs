//! The row that goes into a model, as of a time of event time.

use alloc::vec::Vec;

use crate::policy::Policy;
use crate::policy::risk::{Feature, Scoring, Source};
use crate::rule::background::Background;
use crate::rule::predicate::pane_at;
use crate::signal::Signal;
use crate::signal::cursor::{Cursor, Window};
use crate::signal::statistic::{Statistic, WindowView};

/// What is known of a patient.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub policy: &'a Policy,
    pub signals: &'a [Signal],
    pub background: &'a Background,
}

impl Known<'_> {
    /// A number for each feature, in their order; NaN is missing.
    pub fn row(&self, risk: &Scoring, at: i64) -> Vec<f32> {
        risk.features.iter().map(|feature| self.number(feature, at)).collect()
    }

    /// The latest evidence that the features of a model are about.
    pub fn newest(&self, risk: &Scoring) -> Option<i64> {
        let signals = risk.features.iter().filter_map(|feature| match feature.source {
            Source::Signal { signal, .. } => Some(usize::from(signal)),
            Source::AgeBand(_) | Source::Condition(_) => None,
        });
        let latest = signals.filter_map(|signal| {
            let ring = &self.signals[signal].ring;
            Some(ring.last_of(ring.good_before(i64::MAX)?).0)
        });
        latest.max()
    }

    /// What is usual for the patient, where a baseline says; NaN where none does.
    pub fn usual_row(&self, risk: &Scoring, at: i64) -> Vec<f32> {
        risk.features.iter().map(|feature| self.usual_number(feature, at)).collect()
    }

    fn usual_number(&self, feature: &Feature, at: i64) -> f32 {
        use Statistic as S;
        match feature.source {
            _ if feature.missing => f32::NAN,
            Source::Signal { baseline: Some(_), .. } => 0.0,
            Source::Signal { signal, statistic: S::Last | S::Mean | S::Min | S::Max, .. } => {
                let baselines = self.policy.baselines();
                let of = baselines.iter().position(|def| def.signal == signal);
                let usual = of.and_then(|baseline| self.usual(baseline as u16, at));
                usual.map_or(f32::NAN, |usual| (usual as f64 / 1000.0) as f32)
            }
            _ => f32::NAN,
        }
    }

    fn number(&self, feature: &Feature, at: i64) -> f32 {
        let value = match &feature.source {
            Source::Signal { signal, statistic, window, per, baseline } => {
                let value = self.statistic(usize::from(*signal), *statistic, window, *per, at);
                match baseline {
                    Some(baseline) => value.zip(self.usual(*baseline, at)).map(|(v, u)| v - u),
                    None => value,
                }
            }
            Source::AgeBand(band) => {
                let known = self.profile().and_then(|profile| profile.age_band.as_ref());
                known.map(|known| if known == band { 1000 } else { 0 })
            }
            Source::Condition(condition) => {
                self.profile().map(|p| if p.conditions.contains(condition) { 1000 } else { 0 })
            }
        };
        match (feature.missing, value) {
            (true, value) => f32::from(u8::from(value.is_none())),
            // Once rounded: thousandths fit the double exactly.
            (false, Some(thousandths)) => (thousandths as f64 / 1000.0) as f32,
            (false, None) => f32::NAN,
        }
    }

    /// In thousandths. Counted afresh, so that a patient keeps nothing for a model.
    fn statistic(
        &self,
        index: usize,
        statistic: Statistic,
        window: &Window,
        per: i64,
        at: i64,
    ) -> Option<i64> {
        let (def, signal) = (&self.policy.signals()[index], &self.signals[index]);
        let counts = matches!(statistic, Statistic::Count | Statistic::Coverage);
        if signal.ring.newest().is_none() {
            return counts.then_some(0);
        }
        let mut cursor = Cursor::default();
        cursor.seek(&signal.ring, pane_at(at, def.pane_ms), window);
        let cover = signal.cover;
        let view = WindowView { ring: &signal.ring, cursor: &cursor, panes: window.panes, cover };
        view.compute(statistic, per).map(|quantity| quantity.thousandths())
    }

    /// The middle of what is usual, in thousandths.
    fn usual(&self, baseline: u16, at: i64) -> Option<i64> {
        let norm = self.background.usual_at(self.policy, self.signals, baseline, at)?;
        Some((i64::from(norm.low) + i64::from(norm.high)) / 2)
    }

    fn profile(&self) -> Option<&crate::event::Profile> {
        self.background.situation.profile()
    }
}
