//! Signals that nobody measures: scores, what redundant sources say together, differences.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::plan::{Derivation, Derived, Fused, Part};
use super::super::spec::{
    Direction, DriftSpec, FusedSpec, LearnSpec, PolicySpec, RuleSpec, SignalSpec, SummarySpec,
};
use super::predicates::{Build, Defaults};
use super::signals::KindFacts;
use super::{Compiler, MAX_PANES};
use crate::error::Code;
use crate::event::{Kind, Quality};
use crate::policy::score::Score;
use crate::signal::baseline::CHUNK;
use crate::signal::drift::{DriftDef, HIGHEST, KEPT};
use crate::signal::summary::{MOST_STEPS, SummaryDef, What};
use crate::signal::{Feed, HELD_LIMIT, Statistic};
use crate::time::Duration;
use crate::value::Value;

const MAX_SCORES: usize = 50;
const MAX_SOURCES: usize = 16;
const DAY_MS: i64 = 86_400_000;
/// Kinds of what is derived are numbered from the end: no reading can be of one.
const MEDIAN: &str = "median";
const PERCENTILE: &str = "percentile";
const LAST_KIND: u16 = u16::MAX;

impl Compiler {
    /// After the signals that are measured.
    pub(super) fn derived(&mut self, spec: &PolicySpec) -> (Vec<Score>, Vec<Derived>) {
        if spec.scores.len() > MAX_SCORES {
            self.error(Code::TooManyItems, "scores");
            return Default::default();
        }
        let compiled = spec.scores.iter().map(|(name, score)| self.score(name, score));
        let scores: Vec<Score> = compiled.flatten().collect();
        let mut derived = Vec::new();
        let all = || spec.signals.iter().filter(|(_, signal)| signal.is_derived());
        // What is made of devices can be summarised, and both can drift.
        let turn = |signal: &SignalSpec| match (&signal.summary, &signal.drift) {
            (None, None) => 0,
            (Some(_), None) => 1,
            _ => 2,
        };
        let turns = (0..3).flat_map(|now| all().filter(move |(_, signal)| turn(signal) == now));
        for (name, signal) in turns {
            let path = format!("signals.{name}");
            self.name(name, &path);
            let ways = [
                signal.score.is_some(),
                signal.fused.is_some(),
                signal.difference.is_some(),
                signal.summary.is_some(),
                signal.drift.is_some(),
            ];
            let one = ways.into_iter().filter(|way| *way).count() == 1;
            let stray_part = signal.part.is_some() && signal.score.is_none();
            if !one || signal.kind.is_some() || !signal.accept.is_empty() || stray_part {
                self.error(Code::DerivedSignal, path.as_str());
            }
            if let Some((how, inputs, facts)) = self.how(spec, signal, &scores, &path) {
                let kind = Kind(LAST_KIND - derived.len() as u16);
                let facts = KindFacts { kind, ..facts };
                derived.extend(self.add(name, signal, how, inputs, facts, derived.len(), &path));
            }
        }
        (scores, derived)
    }

    /// What it makes of what, and what that is.
    fn how(
        &mut self,
        policy: &PolicySpec,
        spec: &SignalSpec,
        scores: &[Score],
        path: &str,
    ) -> Option<(Derivation, Vec<u16>, KindFacts)> {
        if let Some(name) = &spec.score {
            return self.score_signal(policy, spec, scores, name, path);
        }
        if let Some(fused) = &spec.fused {
            return self.fused(policy, fused, path);
        }
        if let Some(summary) = &spec.summary {
            return self.summary(summary, path);
        }
        if let Some(drift) = &spec.drift {
            return self.drift(policy, drift, path);
        }
        let names = spec.difference.as_ref()?;
        let inputs = self.sources(names, &format!("{path}.difference"))?;
        let [(a_low, a_high), (b_low, b_high)] =
            [self.range_of(&inputs[..1]), self.range_of(&inputs[1..])];
        let facts = self.facts_of(&inputs, (a_low - b_high, a_high - b_low), path)?;
        let facts = KindFacts { title: names.join(" - "), ..facts };
        Some((Derivation::Difference, inputs, facts))
    }

    fn score_signal(
        &mut self,
        policy: &PolicySpec,
        spec: &SignalSpec,
        scores: &[Score],
        name: &str,
        path: &str,
    ) -> Option<(Derivation, Vec<u16>, KindFacts)> {
        let Some(index) = scores.iter().position(|score| score.name() == name) else {
            // A score with mistakes of its own has been told.
            if !policy.scores.contains_key(name) {
                let known: Vec<_> = policy.scores.keys().cloned().collect();
                self.error_with(Code::UnknownScore, format!("{path}.score"), known.join(", "));
            }
            return None;
        };
        let score = &scores[index];
        let part = self.part(spec.part.as_deref(), score, path)?;
        let highest = Value::from_units(i32::from(score.highest_total())).unwrap_or_default();
        let facts = KindFacts {
            kind: Kind(LAST_KIND),
            title: score.title().to_string(),
            unit: "1".to_string(),
            possible: (Value::ZERO, highest),
            plausible: (Value::ZERO, highest),
            resolution: Value::from_thousandths(1000),
        };
        let how = Derivation::Score { score: index as u16, part };
        Some((how, score.signals().to_vec(), facts))
    }

    fn fused(
        &mut self,
        policy: &PolicySpec,
        spec: &FusedSpec,
        path: &str,
    ) -> Option<(Derivation, Vec<u16>, KindFacts)> {
        let inputs = self.sources(&spec.of, &format!("{path}.fused.of"));
        let within = spec.agree_within.as_ref().map(|n| {
            let path = format!("{path}.fused.agree_within");
            let within = self.number(n, &path).thousandths();
            if within < 0 {
                self.error(Code::OutOfRange, path);
            }
            i64::from(within)
        });
        let rule = RuleSpec::default();
        let mut build = Build::new(Defaults { rule: &rule, spec: policy });
        let unless_path = format!("{path}.fused.unless");
        let unless = match &spec.unless {
            Some(unless) => Some(self.expr(&mut build, unless, &unless_path, 0)?),
            None => None,
        };
        let mut inputs = inputs?;
        let sources = inputs.len() as u16;
        let facts = self.facts_of(&inputs, self.range_of(&inputs), path)?;
        for leaf in unless.iter().flat_map(|unless| unless.leaves()) {
            if self.signals[usize::from(leaf.signal)].derived.is_some() {
                self.error(Code::DerivedSignal, unless_path.as_str());
            }
            if !inputs.contains(&leaf.signal) {
                inputs.push(leaf.signal);
            }
        }
        let fused = Fused { sources, agree_within: within, unless };
        Some((Derivation::Fused(fused), inputs, facts))
    }

    /// One value a night.
    fn summary(
        &mut self,
        spec: &SummarySpec,
        path: &str,
    ) -> Option<(Derivation, Vec<u16>, KindFacts)> {
        let path = format!("{path}.summary");
        let from = self.time_of_day(&spec.from, &format!("{path}.from"));
        let until = self.time_of_day(&spec.until, &format!("{path}.until"));
        let coverage = spec.coverage.as_deref().unwrap_or("50 %");
        let coverage_permille = self.share(coverage, &format!("{path}.coverage"));
        let of = self.signal_index(Some(&spec.of), &format!("{path}.of"))?;
        let what = self.what_of_night(spec, of, &path);
        let (what, from, until) = (what?, from?, until?);
        let of_summary = |derived: u16| self.summarised.contains(&derived);
        if self.signals[of].derived.is_some_and(of_summary) {
            self.error(Code::DerivedSignal, format!("{path}.of"));
            return None;
        }
        let (width, minute) = (self.signals[of].pane_ms, 60_000);
        let length = (until - from - 1).rem_euclid(DAY_MS / minute) + 1;
        let def = SummaryDef {
            of: of as u16,
            place: self.summarised.len() as u16,
            what,
            until: until * minute,
            length: length * minute,
            coverage_permille: coverage_permille?,
            certain_after: self.horizon.as_millis().max(width) + 2 * width,
        };
        if width > def.length || kept(&def, width) > 2 * MAX_PANES {
            self.error(Code::WindowTooLong, format!("{path}.of"));
            return None;
        }
        let inputs = Vec::from([of as u16]);
        let (low, high) = self.range_of(&inputs);
        let range = match what {
            // As far as it can be held; no day of steps comes near that.
            What::Statistic(Statistic::Sum) => {
                (low.min(0) * i64::from(HELD_LIMIT), i64::from(HELD_LIMIT) - 1)
            }
            _ => (low, high),
        };
        let most = i64::from(HELD_LIMIT) - 1;
        let range = (range.0.max(-most), range.1.min(most));
        let facts = self.facts_of(&inputs, range, &path)?;
        Some((Derivation::Summary(def), inputs, facts))
    }

    /// What is asked of a night, and in which steps.
    fn what_of_night(&mut self, spec: &SummarySpec, of: usize, path: &str) -> Option<What> {
        let name = spec.statistic.as_deref().unwrap_or(Statistic::Mean.name());
        let statistic = What::STATISTICS.into_iter().find(|known| known.name() == name);
        let ranked = matches!(name, MEDIAN | PERCENTILE);
        if statistic.is_none() && !ranked {
            let known = What::STATISTICS.map(Statistic::name).join(", ");
            let hint = format!("{known}, {MEDIAN}, {PERCENTILE}");
            self.error_with(Code::UnknownStatistic, format!("{path}.statistic"), hint);
            return None;
        }
        if spec.percentile.is_some() != (name == PERCENTILE) {
            let hint = "a percentile says which, and nothing else does".to_string();
            self.error_with(Code::OutOfRange, format!("{path}.percentile"), hint);
            return None;
        }
        let resolution_path = format!("{path}.resolution");
        let step = match &spec.resolution {
            Some(_) if !ranked => {
                let hint = "of a median or a percentile".to_string();
                self.error_with(Code::OutOfRange, resolution_path, hint);
                return None;
            }
            Some(resolution) => self.number(resolution, &resolution_path),
            None => self.signals[of].resolution,
        };
        if let Some(statistic) = statistic {
            return Some(What::Statistic(statistic));
        }
        let (step, (low, high)) = (step.thousandths(), self.range_of(&[of as u16]));
        let least = (high - low) / MOST_STEPS + 1;
        if i64::from(step) < least {
            let least = Value::from_thousandths(least as i32);
            self.error_with(Code::OutOfRange, resolution_path, format!("at least {least}"));
            return None;
        }
        let Some(percentile) = &spec.percentile else {
            return Some(What::Median { step });
        };
        let path = format!("{path}.percentile");
        let rank = self.number(percentile, &path).thousandths();
        if !(1..=100_000).contains(&rank) {
            self.error(Code::OutOfRange, path);
            return None;
        }
        Some(What::Percentile { rank, step })
    }

    /// How far a signal has drifted from what is usual.
    fn drift(
        &mut self,
        policy: &PolicySpec,
        spec: &DriftSpec,
        path: &str,
    ) -> Option<(Derivation, Vec<u16>, KindFacts)> {
        let path = format!("{path}.drift");
        let allowance_path = format!("{path}.allowance");
        let allowance = spec.allowance.as_ref().map(|n| self.number(n, &allowance_path));
        let allowance = allowance.map_or(500, Value::thousandths);
        if !(0..HIGHEST).contains(&allowance) {
            self.error(Code::OutOfRange, allowance_path);
        }
        let path = format!("{path}.baseline");
        let baseline = self.baseline_named(&spec.baseline, &path)?;
        let usual = policy.baselines.get(&spec.baseline)?;
        // What drifts does not drift itself.
        if policy.signals.get(&usual.of).is_some_and(|signal| signal.drift.is_some()) {
            self.error(Code::DerivedSignal, path);
            return None;
        }
        // A baseline of a signal that nobody knows has been told.
        let of = self.names.get(&usual.of).copied()?;
        let range = (Value::ZERO, Value::from_thousandths(HIGHEST));
        let facts = KindFacts {
            kind: Kind(LAST_KIND),
            title: format!("{} against {}", self.signals[of].title, spec.baseline),
            unit: "1".to_string(),
            possible: range,
            plausible: range,
            resolution: Value::from_thousandths(100),
        };
        let up = spec.direction == Direction::Up;
        let by_sleep = matches!(usual.learn, LearnSpec::BySleep { .. });
        let of_score = policy.signals.get(&usual.of).is_some_and(|signal| signal.score.is_some());
        if of_score && matches!(usual.learn, LearnSpec::Median { panes: 1 }) {
            // A score is compared with those before it, and its own pane is the newest of the median.
            self.error_with(Code::OutOfRange, path, "a median of two panes or more".to_string());
            return None;
        }
        let def = DriftDef { baseline, up, allowance, by_sleep, of_score };
        Some((Derivation::Drift(def), Vec::from([of as u16]), facts))
    }

    /// After the rules: what a night is made of is kept until it is certain, and of a drift how it came.
    pub(super) fn keep_derived(&mut self, derived: &[Derived]) {
        for derived in derived {
            if let Derivation::Summary(def) = &derived.how {
                let signal = &mut self.signals[usize::from(def.of)];
                let kept = kept(def, signal.pane_ms).clamp(1, 2 * MAX_PANES) as u32;
                signal.ring_panes = signal.ring_panes.max(kept);
            }
            if let Derivation::Drift(_) = &derived.how {
                let signal = &mut self.signals[usize::from(derived.signal)];
                signal.ring_panes = signal.ring_panes.max(KEPT);
            }
        }
    }

    /// Signals that are measured, each once, in one unit.
    fn sources(&mut self, names: &[String], path: &str) -> Option<Vec<u16>> {
        let failed_before = self.errors.len();
        if names.is_empty() || names.len() > MAX_SOURCES {
            self.error(Code::EmptyComposition, path);
        }
        let mut found: Vec<u16> = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let path = format!("{path}[{i}]");
            let Some(index) = self.signal_index(Some(name), &path) else {
                continue;
            };
            let unit = |index: usize| self.signals[index].unit.as_str();
            let unlike =
                found.first().is_some_and(|first| unit(usize::from(*first)) != unit(index));
            if self.signals[index].derived.is_some() {
                self.error(Code::DerivedSignal, path);
            } else if found.contains(&(index as u16)) {
                self.error(Code::DuplicateId, path);
            } else if unlike {
                self.error(Code::UnitMismatch, path);
            }
            found.push(index as u16);
        }
        (self.errors.len() == failed_before).then_some(found)
    }

    /// Within what the readings of all these lie that count, in thousandths.
    fn range_of(&self, inputs: &[u16]) -> (i64, i64) {
        let ends = inputs.iter().map(|input| self.signals[usize::from(*input)].counting());
        let ends = ends.map(|(low, high)| (low.thousandths().into(), high.thousandths().into()));
        let both = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        ends.reduce(both).unwrap_or_default()
    }

    /// What is made of these, as the first of them is, with values in this range.
    fn facts_of(
        &mut self,
        inputs: &[u16],
        (low, high): (i64, i64),
        path: &str,
    ) -> Option<KindFacts> {
        let first = &self.signals[usize::from(*inputs.first()?)];
        let (kind, title) = (first.kind, first.title.clone());
        let (unit, resolution) = (first.unit.clone(), first.resolution);
        let limit = i64::from(HELD_LIMIT);
        if low <= -limit || high >= limit {
            let hint = "a derived signal holds values under 536870 on either side of zero";
            self.error_with(Code::OutOfRange, path, hint.to_string());
            return None;
        }
        // Both are far under what a value can be.
        let end = |end: i64| Value::from_thousandths(end as i32);
        let range = (end(low), end(high));
        Some(KindFacts { kind, title, unit, possible: range, plausible: range, resolution })
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact of the signal")]
    fn add(
        &mut self,
        name: &str,
        spec: &SignalSpec,
        how: Derivation,
        inputs: Vec<u16>,
        facts: KindFacts,
        index: usize,
        path: &str,
    ) -> Option<Derived> {
        let mut def = self.signal_of(name, spec, facts, Quality::GOOD, path)?;
        def.derived = Some(index as u16);
        let pane = |s: &u16| self.signals[usize::from(*s)].pane_ms;
        if let Derivation::Drift(_) = how {
            let of = inputs.first().map_or(def.pane_ms, pane);
            if def.pane_ms != of {
                let hint = format!("{}", Duration::from_millis(of));
                self.error_with(Code::NotAMultiple, format!("{path}.pane"), hint);
            }
        } else if !inputs.iter().all(|s| def.pane_ms % pane(s) == 0) {
            let widest = Duration::from_millis(inputs.iter().map(pane).max().unwrap_or(1));
            let hint = format!("whole panes of {widest}");
            self.error_with(Code::NotAMultiple, format!("{path}.pane"), hint);
        }
        let settles = inputs.iter().map(|s| self.signals[usize::from(*s)].settles_ms).max();
        def.settles_ms = settles.unwrap_or(0);
        if let Derivation::Summary(summary) = &how {
            if def.pane_ms != DAY_MS {
                self.error_with(Code::NotAMultiple, format!("{path}.pane"), "1 d".to_string());
            }
            self.summarised.push(index as u16);
            self.signals[usize::from(summary.of)].summaries.push(index as u16);
            // It can be told again for as long as its own panes can change, late in its own pane.
            def.settles_ms = summary.certain_after;
        }
        let summary = matches!(how, Derivation::Summary(_));
        let fed = if summary { &[][..] } else { &inputs[..] };
        for (input, signal) in fed.iter().enumerate() {
            let feed = Feed { derived: index as u16, input: input as u16 };
            let read = &mut self.signals[usize::from(*signal)];
            read.feeds.push(feed);
            // Late evidence of one input is counted with what the others said then. It may be a pane
            // of its own later than the horizon, and counts from where the derived pane begins.
            read.reach_ms = read.reach_ms.max(2 * def.pane_ms);
        }
        let signal = self.signals.len() as u16;
        self.names.insert(name.to_string(), self.signals.len());
        self.signals.push(def);
        Some(Derived { signal, inputs, how })
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

/// How many panes of what it summarises are kept.
fn kept(def: &SummaryDef, width: i64) -> i64 {
    Duration::from_millis(def.certain_after + (CHUNK + 2) * width).in_panes(width)
}
