//! Rules: their kinds and levels.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::plan::{Expr, LevelDef, Limits, Missing, Mode, Rule, RuleBody, Times};
use super::super::spec::{LevelSpec, PolicySpec, RuleSpec};
use super::Compiler;
use super::predicates::{Build, Defaults};
use crate::error::Code;
use crate::record::Level;
use crate::signal::Statistic;

const MAX_RULES: usize = 1000;
/// Re-entries within so many cadences make an episode unstable.
const FLAP_CADENCES: i64 = 10;
/// A rule in this mode is checked, and then reads nothing.
const DISABLED: &str = "disabled";

impl Compiler {
    pub(super) fn rules(&mut self, spec: &PolicySpec) -> Vec<Rule> {
        if spec.rules.len() > MAX_RULES {
            self.error(Code::TooManyItems, "rules");
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut rules = Vec::new();
        for (index, rule) in spec.rules.iter().enumerate() {
            let path = format!("rules[{index}]");
            self.name(&rule.id, &format!("{path}.id"));
            self.title(&rule.title, &format!("{path}.title"));
            if !seen.insert(rule.id.as_str()) {
                self.error(Code::DuplicateId, format!("{path}.id"));
            }
            let mode = self.mode(rule.mode.as_deref(), &path);
            if let Some(body) = self.rule_body(Defaults { rule, spec }, index, &path) {
                let (id, title) = (rule.id.clone(), rule.title.clone());
                rules.push(Rule { id, title, mode, body, retired: None });
            }
        }
        self.set_missing_levels(&mut rules);
        rules
    }

    pub(super) fn mode(&mut self, name: Option<&str>, path: &str) -> Mode {
        match name {
            None | Some("active") => Mode::Active,
            Some("shadow") => Mode::Shadow,
            Some(DISABLED) => Mode::Disabled,
            Some(_) => {
                self.error(Code::UnknownMode, format!("{path}.mode"));
                Mode::Active
            }
        }
    }

    fn rule_body(&mut self, from: Defaults<'_>, index: usize, path: &str) -> Option<RuleBody> {
        match (&from.rule.missing_for, from.rule.levels.is_empty()) {
            (Some(after), true) => self.missing(from.rule, after, index, path),
            (None, false) => self.limits(from, path),
            (None, true) => {
                self.error(Code::NoLevels, format!("{path}.levels"));
                None
            }
            (Some(_), false) => {
                self.error(Code::RuleKind, path);
                None
            }
        }
    }

    fn missing(
        &mut self,
        rule: &RuleSpec,
        after: &str,
        index: usize,
        path: &str,
    ) -> Option<RuleBody> {
        let after = self.duration(after, &format!("{path}.missing_for"));
        let signal = self.signal_index(rule.signal.as_deref(), &format!("{path}.signal"))?;
        if self.signals[signal].derived.is_some() {
            self.error(Code::DerivedSignal, format!("{path}.signal"));
        }
        if after.is_zero() {
            self.error(Code::BadDuration, format!("{path}.missing_for"));
        }
        if rule.mode.as_deref() != Some(DISABLED) {
            self.signals[signal].watchers.push(index as u16);
        }
        // The level follows when all rules are known.
        let (signal, level) = (signal as u16, Level::Review);
        let (rests, modes) = (Vec::new(), Vec::new());
        Some(RuleBody::Missing(Missing { signal, after, level, rests, modes }))
    }

    /// A missing signal is as bad as the worst that it hides.
    fn set_missing_levels(&mut self, rules: &mut [Rule]) {
        let mut worst = BTreeMap::new();
        for rule in rules.iter().filter(|r| r.mode == Mode::Active) {
            let RuleBody::Limits(limits) = &rule.body else {
                continue;
            };
            let Some(level) = limits.levels.last().map(|l| l.level) else {
                continue;
            };
            for signal in &limits.signals {
                let entry = worst.entry(*signal).or_insert(level);
                *entry = level.max(*entry);
            }
        }
        for rule in rules {
            if let RuleBody::Missing(missing) = &mut rule.body {
                missing.level = worst.get(&missing.signal).copied().unwrap_or(Level::Review);
            }
        }
    }

    fn limits(&mut self, from: Defaults<'_>, path: &str) -> Option<RuleBody> {
        let failed_before = self.errors.len();
        let mut levels: Vec<LevelDef> = Vec::new();
        for (i, level) in from.rule.levels.iter().enumerate() {
            let path = format!("{path}.levels[{i}]");
            if let Some(def) = self.level(from, level, &path) {
                if levels.last().is_some_and(|last| last.level >= def.level) {
                    self.error(Code::LevelOrder, format!("{path}.level"));
                }
                levels.push(def);
            }
        }
        let signals = self.signals_of(&levels);
        self.check_directions(&levels, &signals, path);
        // Evidence comes once a cadence, and no more often than once a pane.
        let pace = |s: &u16| {
            let def = &self.signals[usize::from(*s)];
            def.cadence.max(def.pane())
        };
        let cadence = signals.iter().map(pace).max().unwrap_or_default();
        let rule = from.rule;
        let span = |c: &mut Self, text: &Option<String>, field: &str, cadences: i64| {
            let given = c.optional_duration(text.as_ref(), &format!("{path}.{field}"));
            given.unwrap_or(cadence.times(cadences))
        };
        let max_gap = span(self, &rule.max_gap, "max_gap", 3);
        let abandon_after = span(self, &rule.abandon_after, "abandon_after", 10).max(max_gap);
        let unverified_after = span(self, &rule.unverified_after, "unverified_after", 10);
        let narrowest = signals.iter().map(|s| self.signals[usize::from(*s)].pane_ms).min();
        let holds = levels.iter().any(|l| l.hold > 0 || l.clear_hold > 0);
        if holds && narrowest.is_some_and(|pane| max_gap.as_millis() < pane) {
            self.error(Code::GapTooShort, format!("{path}.max_gap"));
        }
        let widest = signals.iter().map(|s| self.signals[usize::from(*s)].pane_ms).max();
        let widest = widest.unwrap_or(1);
        let times = levels.iter().filter_map(|l| l.times).map(|t| t.within);
        let times = times.collect::<Vec<_>>().into_iter();
        let exprs = levels.iter().flat_map(|l| [Some(&l.raise), l.clear.as_ref()]).flatten();
        let recent = exprs.map(Expr::looks_back).max().unwrap_or(0);
        let settles = signals.iter().map(|s| self.signals[usize::from(*s)].settles_ms).max();
        let settles = settles.unwrap_or(0);
        for signal in &signals {
            let def = &mut self.signals[usize::from(*signal)];
            def.memory_ms = def.memory_ms.max(abandon_after.as_millis());
            let more = if signals.len() > 1 { widest + settles } else { 0 };
            def.reach_ms = def.reach_ms.max(more + recent);
        }
        let horizon = self.horizon.as_millis().max(widest);
        let alone = signals.len() == 1 && levels.iter().all(|l| l.leaf().is_some());
        let fixed = |l: &LevelDef| l.leaf().is_some_and(|leaf| leaf.from.is_none());
        let of_mean = |l: &LevelDef| l.leaf().is_some_and(|l| l.statistic == Statistic::Mean);
        (self.errors.len() == failed_before).then(|| {
            RuleBody::Limits(Limits {
                plain: alone && levels.iter().all(fixed),
                bounded: alone && levels.iter().all(of_mean),
                levels,
                signals,
                max_gap: max_gap.as_millis(),
                abandon_after: abandon_after.as_millis(),
                unverified_after,
                flap_window: cadence.times(FLAP_CADENCES),
                longest_times: times.max().unwrap_or(0),
                keep: horizon + 2 * widest + recent,
                minds_artifacts: rule.max_artifact.is_some(),
                modified: false,
            })
        })
    }

    /// The distinct signals.
    fn signals_of(&self, levels: &[LevelDef]) -> Vec<u16> {
        let exprs = levels.iter().flat_map(|l| [Some(&l.raise), l.clear.as_ref()]).flatten();
        let signals: BTreeSet<u16> = exprs.flat_map(Expr::leaves).map(|l| l.signal).collect();
        signals.into_iter().collect()
    }

    /// High and low of one signal are different dangers; silencing one must not silence the other.
    /// A pattern of several signals is a danger of its own, and may contain both.
    fn check_directions(&mut self, levels: &[LevelDef], signals: &[u16], path: &str) {
        let mut seen: BTreeMap<Statistic, bool> = BTreeMap::new();
        for leaf in levels.iter().flat_map(|l| l.raise.leaves()).filter(|_| signals.len() == 1) {
            let high = leaf.comparison.is_high();
            if *seen.entry(leaf.statistic).or_insert(high) != high {
                return self.error(Code::MixedDirections, format!("{path}.levels"));
            }
        }
    }

    fn level(&mut self, from: Defaults<'_>, spec: &LevelSpec, path: &str) -> Option<LevelDef> {
        let level = self.triage(spec, path);
        let mut build = Build::new(from);
        let raise = self.expr(&mut build, &spec.raise, &format!("{path}.raise"), 0);
        let clear = spec.clear.as_ref();
        let clear = clear.map(|c| self.expr(&mut build, c, &format!("{path}.clear"), 0));
        let hold = self.optional_duration(spec.hold.as_ref(), &format!("{path}.for"));
        let clear_hold =
            self.optional_duration(spec.clear_for.as_ref(), &format!("{path}.clear_for"));
        let times = spec.times.as_ref().map(|t| {
            let within = self.duration(&t.within, &format!("{path}.times.within"));
            if t.count == 0 || within.is_zero() || spec.hold.is_some() {
                let hint = "times has a count and a window, and takes the place of for".to_string();
                self.error_with(Code::OutOfRange, format!("{path}.times"), hint);
            }
            Times { count: t.count, within: within.as_millis() }
        });
        let level = level?;
        Some(LevelDef {
            level,
            raise: raise?,
            clear: match clear {
                Some(clear) => Some(clear?),
                None => None,
            },
            hold: hold.unwrap_or_default().as_millis(),
            hold_adjusts: Vec::new(),
            rests: Vec::new(),
            severities: Vec::new(),
            modes: Vec::new(),
            times,
            clear_hold: clear_hold.unwrap_or_default().as_millis(),
            latch: spec.latch.unwrap_or(level == Level::Urgent),
        })
    }

    /// The class of a level: given, or what harm and onset make of it.
    fn triage(&mut self, spec: &LevelSpec, path: &str) -> Option<Level> {
        let given =
            spec.level.as_ref().map(|name| self.level_named(name, &format!("{path}.level")));
        let derived = match (spec.harm, spec.onset) {
            (Some(harm), Some(onset)) => Some(harm.with(onset)),
            (None, None) => None,
            _ => {
                self.error(Code::LevelMismatch, path);
                return None;
            }
        };
        match (given, derived) {
            (Some(given), None) => given,
            (None, Some(derived)) => Some(derived),
            (Some(given), Some(derived)) if given.is_none_or(|given| given == derived) => given,
            (Some(_), Some(derived)) => {
                let hint = format!("harm and onset make it {}", derived.name());
                self.error_with(Code::LevelMismatch, format!("{path}.level"), hint);
                None
            }
            (None, None) => {
                self.error(Code::UnknownLevel, format!("{path}.level"));
                None
            }
        }
    }

    pub fn level_named(&mut self, name: &str, path: &str) -> Option<Level> {
        let found = Level::ALL.into_iter().find(|level| level.name() == name);
        if found.is_none() {
            let hint = "informational, review or urgent".to_string();
            self.error_with(Code::UnknownLevel, path, hint);
        }
        found
    }
}
