//! Scores, and the signals that they are.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::super::plan::{Part, Tab};
use super::super::spec::{PolicySpec, SignalSpec};
use super::Compiler;
use super::signals::KindFacts;
use crate::error::Code;
use crate::event::{Kind, Quality};
use crate::policy::score::Score;
use crate::signal::Feed;
use crate::time::Duration;
use crate::value::Value;

const MAX_SCORES: usize = 50;
/// Kinds of what is counted are numbered from the end: no reading can be of one.
const LAST_KIND: u16 = u16::MAX;

impl Compiler {
    /// After the signals that are measured.
    pub(super) fn tabs(&mut self, spec: &PolicySpec) -> (Vec<Score>, Vec<Tab>) {
        if spec.scores.len() > MAX_SCORES {
            self.error(Code::TooManyItems, "scores");
            return Default::default();
        }
        let compiled = spec.scores.iter().map(|(name, score)| self.score(name, score));
        let scores: Vec<Score> = compiled.flatten().collect();
        let mut tabs = Vec::new();
        for (name, signal) in &spec.signals {
            let (Some(score), path) = (&signal.score, format!("signals.{name}")) else {
                continue;
            };
            self.name(name, &path);
            match scores.iter().position(|s| s.name() == score) {
                Some(index) => {
                    tabs.extend(self.tab(name, signal, &scores, index, tabs.len(), &path))
                }
                // A score with mistakes of its own has been told.
                None if spec.scores.contains_key(score) => {}
                None => {
                    let known: Vec<_> = spec.scores.keys().cloned().collect();
                    self.error_with(Code::UnknownScore, format!("{path}.score"), known.join(", "));
                }
            }
        }
        (scores, tabs)
    }

    fn tab(
        &mut self,
        name: &str,
        spec: &SignalSpec,
        scores: &[Score],
        index: usize,
        tab: usize,
        path: &str,
    ) -> Option<Tab> {
        let score = &scores[index];
        if spec.kind.is_some() || !spec.accept.is_empty() {
            self.error(Code::ScoreSignal, path);
        }
        let part = self.part(spec.part.as_deref(), score, path)?;
        let highest = Value::from_units(i32::from(score.highest_total())).unwrap_or_default();
        let facts = KindFacts {
            kind: Kind(LAST_KIND - tab as u16),
            title: score.title().to_string(),
            unit: "1".to_string(),
            possible: (Value::ZERO, highest),
            plausible: (Value::ZERO, highest),
            resolution: Value::from_thousandths(1000),
        };
        let mut def = self.signal_of(name, spec, facts, Quality::GOOD, path)?;
        def.tab = Some(tab as u16);
        let widest = score.signals().iter().map(|s| self.signals[usize::from(*s)].pane_ms).max();
        let whole = |s: &u16| def.pane_ms % self.signals[usize::from(*s)].pane_ms == 0;
        if !score.signals().iter().all(whole) {
            let hint = format!("whole panes of {}", Duration::from_millis(widest.unwrap_or(1)));
            self.error_with(Code::NotAMultiple, format!("{path}.pane"), hint);
        }
        for (input, signal) in score.signals().iter().enumerate() {
            let feed = Feed { tab: tab as u16, input: input as u16 };
            self.signals[usize::from(*signal)].feeds.push(feed);
        }
        let signal = self.signals.len() as u16;
        self.names.insert(name.to_string(), self.signals.len());
        self.signals.push(def);
        Some(Tab { signal, score: index as u16, part })
    }

    fn part(&mut self, name: Option<&str>, score: &Score, path: &str) -> Option<Part> {
        match name {
            None | Some("total") => Some(Part::Total),
            Some("highest_single") => Some(Part::HighestSingle),
            Some(name) => {
                let found = score.parameters().position(|parameter| parameter == name);
                if found.is_none() {
                    let known: Vec<_> = score.parameters().collect();
                    let path = format!("{path}.part");
                    self.error_with(Code::UnknownParameter, path, known.join(", "));
                }
                found.map(|index| Part::Parameter(index as u16))
            }
        }
    }
}
