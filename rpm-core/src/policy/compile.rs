//! From a policy as written to a policy as executed, with every mistake at once.
//!
//! A rule has a *kind*: levels with limits, or a missing signal. To add one: a field in
//! [`RuleSpec`], a variant of [`RuleBody`], an arm in [`Compiler::rule_body`], and its evaluation in
//! `rule`.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::plan::{Comparison, Expr, Leaf, LevelDef, Limits, Missing, Mode, Rule, RuleBody, Times};
use super::spec::{LevelSpec, Number, PolicySpec, PredicateSpec, RuleSpec, SignalSpec};
use super::{Policy, PolicyErrors, SignalDef, check};
use crate::error::{Code, Error};
use crate::event::{Kind, Quality};
use crate::record::{Hash, Level};
use crate::signal::Statistic;
use crate::signal::cursor::Window;
use crate::time::Duration;
use crate::value::{Decimal, Ratio, Value};

/// Bounds, so that a policy's cost is bounded before it runs.
const MAX_RULES: usize = 1000;
const MAX_SIGNALS: usize = 200;
const MAX_KINDS: usize = 200;
const MAX_LEAVES: usize = 64;
const MAX_DEPTH: usize = 8;
const MAX_NAME: usize = 64;
const MAX_TITLE: usize = 500;
/// Panes a signal may keep: sums of squares of places and values stay within `i64`.
const MAX_PANES: i64 = 32_768;
const MAX_PANE_MS: i64 = 86_400_000;
/// Ten years: longer durations in a policy are mistakes, and arithmetic on these cannot overflow.
const MAX_DURATION_MS: i64 = 10 * 366 * 86_400_000;
const DEFAULT_COVERAGE_PERMILLE: i64 = 500;
/// Re-entries within so many cadences make an episode unstable.
const FLAP_CADENCES: i64 = 10;
/// A rule in this mode is checked, and then reads nothing.
const DISABLED: &str = "disabled";

pub(super) fn compile(spec: PolicySpec) -> Result<Policy, PolicyErrors> {
    let mut compiler = Compiler::default();
    compiler.head(&spec);
    compiler.kinds(&spec);
    compiler.signals(&spec);
    let rules = compiler.rules(&spec);
    let care = compiler.care(&spec.care, &rules);
    compiler.size_rings();
    if !compiler.errors.is_empty() {
        return Err(PolicyErrors(compiler.errors));
    }
    let signal_of = |kind: Kind| compiler.signals.iter().position(|s| s.kind == kind);
    let by_kind = Kind::all().map(|kind| signal_of(kind).map(|i| i as u16)).collect();
    let mut policy = Policy {
        hash: Hash::of(canonical(&spec).as_bytes()),
        spec,
        readers: super::plan::readers(compiler.signals.len(), &rules),
        horizon: compiler.horizon,
        max_future_skew: compiler.skew,
        kinds: compiler.kinds,
        signals: compiler.signals,
        rules,
        care,
        by_kind,
        warnings: Vec::new(),
    };
    policy.warnings = check::warnings(&policy);
    Ok(policy)
}

/// JSON in the order of the fields, without the editor's hint.
pub(super) fn canonical(spec: &PolicySpec) -> String {
    let spec = PolicySpec { schema: None, ..spec.clone() };
    serde_json::to_string(&spec).unwrap_or_default()
}

#[derive(Default)]
pub(super) struct Compiler {
    errors: Vec<Error>,
    horizon: Duration,
    skew: Duration,
    kinds: Vec<String>,
    /// What is known of each declared kind.
    declared: Vec<KindFacts>,
    signals: Vec<SignalDef>,
    names: BTreeMap<String, usize>,
}

/// What a signal needs to know of its kind, whether of the table or declared.
#[derive(Clone)]
struct KindFacts {
    kind: Kind,
    title: String,
    unit: String,
    possible: (Value, Value),
    plausible: (Value, Value),
}

/// What a rule's comparisons fall back to.
#[derive(Clone, Copy)]
struct Defaults<'a> {
    rule: &'a RuleSpec,
    spec: &'a PolicySpec,
}

impl Compiler {
    pub fn error(&mut self, code: Code, path: impl Into<String>) {
        self.errors.push(Error::new(code).at(path));
    }

    pub fn error_with(&mut self, code: Code, path: impl Into<String>, hint: String) {
        self.errors.push(Error::new(code).at(path).hint(hint));
    }

    fn head(&mut self, spec: &PolicySpec) {
        self.name(&spec.id, "id");
        self.title(&spec.title, "title");
        self.horizon = self.duration(&spec.lateness_horizon, "lateness_horizon");
        self.skew = self.duration(&spec.max_future_skew, "max_future_skew");
    }

    pub fn name(&mut self, text: &str, path: &str) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(fits) {
            self.error_with(Code::EmptyName, path, "1 to 64 letters, digits, - _ .".to_string());
        }
    }

    pub fn title(&mut self, text: &str, path: &str) {
        if text.trim().is_empty() || text.len() > MAX_TITLE {
            self.error(Code::EmptyName, path);
        }
    }

    pub fn duration(&mut self, text: &str, path: &str) -> Duration {
        match text.parse::<Duration>() {
            Ok(d) if d.as_millis() <= MAX_DURATION_MS => d,
            Ok(_) => {
                self.error(Code::OutOfRange, path);
                Duration::ZERO
            }
            Err(e) => {
                self.errors.push(e.at(path));
                Duration::ZERO
            }
        }
    }

    pub fn optional_duration(&mut self, text: Option<&String>, path: &str) -> Option<Duration> {
        text.map(|text| self.duration(text, path))
    }

    /// Thousandths; more decimals would be rounded, and a limit is what it says.
    fn number(&mut self, number: &Number, path: &str) -> Value {
        let exact = |d: &Decimal| {
            let excess = u32::try_from(-3 - i32::from(d.exponent)).unwrap_or(0);
            excess == 0 || 10_i64.checked_pow(excess).is_some_and(|p| d.mantissa % p == 0)
        };
        let decimal = number.as_str().parse::<Decimal>().ok().filter(exact);
        match decimal.and_then(|d| Value::convert(d, Ratio::ONE).ok()) {
            Some(value) => value,
            None => {
                self.error(Code::BadLimit, path);
                Value::ZERO
            }
        }
    }

    fn share(&mut self, text: &str, path: &str) -> i64 {
        let number = text.strip_suffix('%').map(str::trim);
        let value = number.and_then(|n| n.parse::<Value>().ok()).map(Value::thousandths);
        match value {
            // Thousandths of a per cent to thousandths of one.
            Some(v) if (0..=100_000).contains(&v) && v % 100 == 0 => i64::from(v / 100),
            _ => {
                self.error(Code::BadShare, path);
                0
            }
        }
    }

    fn kinds(&mut self, spec: &PolicySpec) {
        if spec.kinds.len() > MAX_KINDS {
            return self.error(Code::TooManyItems, "kinds");
        }
        for (name, kind) in &spec.kinds {
            let path = format!("kinds.{name}");
            self.name(name, &path);
            self.title(&kind.title, &format!("{path}.title"));
            if Kind::named(name).is_some() {
                self.error(Code::DuplicateId, path.as_str());
            }
            let range = |c: &mut Self, ends: &[Number; 2], field: &str| {
                let path = format!("{path}.{field}");
                let (low, high) = (c.number(&ends[0], &path), c.number(&ends[1], &path));
                if low >= high {
                    c.error(Code::OutOfRange, path);
                }
                (low, high)
            };
            let possible = range(self, &kind.possible, "possible");
            let plausible = match &kind.plausible {
                Some(ends) => range(self, ends, "plausible"),
                None => possible,
            };
            let number = Kind(Kind::FIRST_DECLARED + self.kinds.len() as u16);
            let (title, unit) = (kind.title.clone(), kind.unit.clone());
            self.kinds.push(name.clone());
            self.declared.push(KindFacts { kind: number, title, unit, possible, plausible });
        }
    }

    fn signals(&mut self, spec: &PolicySpec) {
        if spec.signals.len() > MAX_SIGNALS {
            return self.error(Code::TooManyItems, "signals");
        }
        let mut kinds = BTreeSet::new();
        for (name, signal) in &spec.signals {
            let path = format!("signals.{name}");
            self.name(name, &path);
            if let Some(def) = self.signal(name, signal, &path) {
                if !kinds.insert(def.kind) {
                    self.error(Code::DuplicateId, format!("{path}.kind"));
                }
                self.names.insert(name.clone(), self.signals.len());
                self.signals.push(def);
            }
        }
    }

    fn signal(&mut self, name: &str, spec: &SignalSpec, path: &str) -> Option<SignalDef> {
        let cadence = self.duration(&spec.cadence, &format!("{path}.cadence"));
        let pane_path = format!("{path}.pane");
        let pane = self.optional_duration(spec.pane.as_ref(), &pane_path).unwrap_or(cadence);
        let accept = self.accept(&spec.accept, path);
        let kind_name = spec.kind.as_deref().unwrap_or(name);
        let Some(facts) = self.kind(kind_name) else {
            self.error(Code::UnknownKind, format!("{path}.kind"));
            return None;
        };
        let pane_ms = pane.as_millis();
        if pane_ms == 0 || pane_ms > MAX_PANE_MS || cadence.is_zero() {
            self.error_with(Code::OutOfRange, pane_path, "1 ms to 1 d".to_string());
            return None;
        }
        let horizon_panes = self.horizon.in_panes(pane_ms).max(1);
        Some(SignalDef {
            name: name.to_string(),
            title: facts.title,
            unit: facts.unit,
            kind: facts.kind,
            cadence,
            pane_ms,
            cover: cover(cadence, pane_ms),
            ring_panes: 0,
            reach_ms: 0,
            memory_ms: 0,
            horizon_panes,
            accept,
            possible: facts.possible,
            plausible: facts.plausible,
            windows: Vec::new(),
            watchers: Vec::new(),
            twins: Vec::new(),
        })
    }

    fn accept(&mut self, names: &[String], path: &str) -> Quality {
        let mut accept = Quality::GOOD;
        for (index, name) in names.iter().enumerate() {
            match Quality::named(name) {
                Some(flag) => accept = accept.with(flag),
                None => self.error(Code::UnknownCode, format!("{path}.accept[{index}]")),
            }
        }
        accept
    }

    fn kind(&self, name: &str) -> Option<KindFacts> {
        let Some(kind) = Kind::named(name) else {
            return self.declared.get(self.kinds.iter().position(|k| k == name)?).cloned();
        };
        let info = kind.info()?;
        Some(KindFacts {
            kind,
            title: info.title.to_string(),
            unit: info.unit.code().to_string(),
            possible: info.possible,
            plausible: info.plausible,
        })
    }

    fn rules(&mut self, spec: &PolicySpec) -> Vec<Rule> {
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

    fn mode(&mut self, name: Option<&str>, path: &str) -> Mode {
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
        if after.is_zero() {
            self.error(Code::BadDuration, format!("{path}.missing_for"));
        }
        if rule.mode.as_deref() != Some(DISABLED) {
            self.signals[signal].watchers.push(index as u16);
        }
        // The level follows when all rules are known.
        Some(RuleBody::Missing(Missing { signal: signal as u16, after, level: Level::Review }))
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
        for signal in &signals {
            let def = &mut self.signals[usize::from(*signal)];
            def.memory_ms = def.memory_ms.max(abandon_after.as_millis());
            def.reach_ms = def.reach_ms.max(if signals.len() > 1 { widest } else { 0 });
        }
        let horizon = self.horizon.as_millis().max(widest);
        let plain = signals.len() == 1 && levels.iter().all(|l| l.leaf().is_some());
        let of_mean = |l: &LevelDef| l.leaf().is_some_and(|l| l.statistic == Statistic::Mean);
        (self.errors.len() == failed_before).then(|| {
            RuleBody::Limits(Limits {
                plain,
                bounded: plain && levels.iter().all(of_mean),
                levels,
                signals,
                max_gap: max_gap.as_millis(),
                abandon_after: abandon_after.as_millis(),
                unverified_after,
                flap_window: cadence.times(FLAP_CADENCES),
                longest_times: times.max().unwrap_or(0),
                keep: horizon + 2 * widest,
                minds_artifacts: rule.max_artifact.is_some(),
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
        let mut build = Build { from, leaves: 0, rules: Vec::new() };
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

    fn expr(
        &mut self,
        build: &mut Build<'_>,
        spec: &PredicateSpec,
        path: &str,
        depth: usize,
    ) -> Option<Expr> {
        build.leaves += 1;
        if depth > MAX_DEPTH || build.leaves > MAX_LEAVES {
            self.error(Code::TooDeep, path);
            return None;
        }
        let limits = limits_of(spec);
        let compositions = [
            spec.all.is_some(),
            spec.any.is_some(),
            spec.at_least.is_some(),
            spec.not.is_some(),
            spec.rule.is_some(),
        ];
        match (limits.as_slice(), compositions.iter().filter(|given| **given).count()) {
            ([(comparison, limit)], 0) => self.leaf(build.from, spec, *comparison, limit, path),
            ([], 0) => {
                self.error(Code::MissingLimit, path);
                None
            }
            ([], 1) => self.composition(build, spec, path, depth),
            _ => {
                self.error(Code::TooManyLimits, path);
                None
            }
        }
    }

    fn composition(
        &mut self,
        build: &mut Build<'_>,
        spec: &PredicateSpec,
        path: &str,
        depth: usize,
    ) -> Option<Expr> {
        if let Some(parts) = &spec.all {
            return self.parts(build, parts, 1, &format!("{path}.all"), depth).map(Expr::All);
        }
        if let Some(parts) = &spec.any {
            return self.parts(build, parts, 1, &format!("{path}.any"), depth).map(Expr::Any);
        }
        if let Some(at_least) = &spec.at_least {
            let path = format!("{path}.at_least.of");
            let parts = self.parts(build, &at_least.of, at_least.count, &path, depth)?;
            return Some(Expr::AtLeast(at_least.count, parts));
        }
        if let Some(part) = &spec.not {
            let part = self.expr(build, part, &format!("{path}.not"), depth + 1)?;
            return Some(Expr::Not(Box::new(part)));
        }
        self.other_rule(build, spec.rule.as_deref().unwrap_or_default(), path, depth)
    }

    fn parts(
        &mut self,
        build: &mut Build<'_>,
        parts: &[PredicateSpec],
        least: u16,
        path: &str,
        depth: usize,
    ) -> Option<Vec<Expr>> {
        if parts.is_empty() || least == 0 || usize::from(least) > parts.len() {
            self.error(Code::EmptyComposition, path);
            return None;
        }
        let mut compiled = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            compiled.push(self.expr(build, part, &format!("{path}[{i}]"), depth + 1));
        }
        compiled.into_iter().collect()
    }

    /// Another rule's mildest raise predicate, with that rule's own defaults.
    fn other_rule(
        &mut self,
        build: &mut Build<'_>,
        id: &str,
        path: &str,
        depth: usize,
    ) -> Option<Expr> {
        let path = format!("{path}.rule");
        let spec = build.from.spec;
        let other = spec.rules.iter().find(|r| r.id == id);
        let Some((other, level)) = other.and_then(|r| Some((r, r.levels.first()?))) else {
            self.error(Code::UnknownCode, path);
            return None;
        };
        let in_circle = id == build.from.rule.id || build.rules.iter().any(|r| r == id);
        if in_circle {
            self.error(Code::Cycle, path);
            return None;
        }
        build.rules.push(id.to_string());
        let before = core::mem::replace(&mut build.from, Defaults { rule: other, spec });
        let expr = self.expr(build, &level.raise, &path, depth + 1);
        build.from = before;
        build.rules.pop();
        expr
    }

    fn leaf(
        &mut self,
        from: Defaults<'_>,
        spec: &PredicateSpec,
        comparison: Comparison,
        limit: &Number,
        path: &str,
    ) -> Option<Expr> {
        let rule = from.rule;
        let limit_path = format!("{path}.{}", comparison.name());
        let limit = i64::from(self.number(limit, &limit_path).thousandths());
        let statistic = self.statistic(spec.statistic.as_ref().or(rule.statistic.as_ref()), path);
        let per = spec.per.as_ref().map(|p| self.duration(p, &format!("{path}.per")));
        let per = per.map_or(60_000, Duration::as_millis);
        let coverage = spec.coverage.as_ref().or(rule.coverage.as_ref());
        let coverage = coverage.map(|c| self.share(c, &format!("{path}.coverage")));
        let spoilt = rule.max_artifact.as_ref();
        let spoilt = spoilt.map(|s| self.share(s, &format!("{path}.max_artifact")));
        let signal = spec.signal.as_deref().or(rule.signal.as_deref());
        let signal = self.signal_index(signal, &format!("{path}.signal"))?;
        let statistic = statistic?;
        // A comparison with a statistic of its own does not inherit the rule's window for `last`.
        let own = spec.statistic.is_some() && !statistic.row().window;
        let over = spec.over.as_ref().or(rule.over.as_ref().filter(|_| !own));
        let (panes, windowed) = self.window(over, statistic, signal, path)?;
        let row = statistic.row();
        if per == 0 {
            self.error(Code::BadDuration, format!("{path}.per"));
            return None;
        }
        Some(Expr::Leaf(Leaf {
            signal: signal as u16,
            window: self.intern(signal, Window { panes, line: row.line }),
            statistic,
            per,
            comparison,
            limit,
            windowed,
            coverage_permille: match coverage {
                Some(share) if windowed => share,
                None if windowed && row.window => DEFAULT_COVERAGE_PERMILLE,
                _ => 0,
            },
            max_spoilt_permille: spoilt.unwrap_or(1000),
        }))
    }

    fn statistic(&mut self, name: Option<&String>, path: &str) -> Option<Statistic> {
        let Some(name) = name else {
            return Some(Statistic::Last);
        };
        let found = Statistic::named(name);
        if found.is_none() {
            let names: Vec<_> = Statistic::names().collect();
            let path = format!("{path}.statistic");
            self.error_with(Code::UnknownStatistic, path, names.join(", "));
        }
        found
    }

    fn signal_index(&mut self, name: Option<&str>, path: &str) -> Option<usize> {
        let found = name.and_then(|n| self.names.get(n)).copied();
        if found.is_none() {
            let known: Vec<_> = self.names.keys().cloned().collect();
            self.error_with(Code::UnknownSignal, path, known.join(", "));
        }
        found
    }

    /// Length in panes, and whether the policy gave it.
    fn window(
        &mut self,
        over: Option<&String>,
        statistic: Statistic,
        signal: usize,
        path: &str,
    ) -> Option<(u32, bool)> {
        let path = format!("{path}.over");
        let (pane_ms, cadence) = (self.signals[signal].pane_ms, self.signals[signal].cadence);
        let Some(over) = over else {
            if statistic.row().window {
                self.error(Code::WindowNeeded, path);
                return None;
            }
            let back = cadence.times(3).in_panes(pane_ms).clamp(1, MAX_PANES);
            return Some((back as u32, false));
        };
        let over = self.duration(over, &path).as_millis();
        if over == 0 || over % pane_ms != 0 {
            let pane = Duration::from_millis(pane_ms);
            self.error_with(Code::NotAMultiple, path, format!("the signal's pane is {pane}"));
            return None;
        }
        if over / pane_ms > MAX_PANES {
            self.error(Code::WindowTooLong, path);
            return None;
        }
        Some(((over / pane_ms) as u32, true))
    }

    /// Each distinct window is kept once. One that keeps a line serves those that need none.
    fn intern(&mut self, signal: usize, wanted: Window) -> u16 {
        let windows = &mut self.signals[signal].windows;
        if let Some(index) = windows.iter().position(|w| w.panes == wanted.panes) {
            windows[index].line |= wanted.line;
            return index as u16;
        }
        windows.push(wanted);
        (windows.len() - 1) as u16
    }

    fn size_rings(&mut self) {
        let mut too_long = Vec::new();
        for signal in &mut self.signals {
            let longest = signal.windows.iter().map(|w| i64::from(w.panes)).max().unwrap_or(1);
            // From a late pane the evaluation before is looked for as far back as a hold survives.
            let memory = Duration::from_millis(signal.memory_ms).in_panes(signal.pane_ms);
            let longest = longest.max(memory.saturating_add(2));
            // Late evidence of another signal in the same rule may reach back one pane more.
            let reach = Duration::from_millis(signal.reach_ms).in_panes(signal.pane_ms);
            let panes = longest.saturating_add(signal.horizon_panes).saturating_add(reach);
            if panes > 2 * MAX_PANES {
                too_long.push(format!("signals.{}.pane", signal.name));
            }
            signal.ring_panes = panes.clamp(1, 2 * MAX_PANES) as u32;
        }
        for path in too_long {
            let hint = "the lateness horizon has too many panes: widen the pane".to_string();
            self.error_with(Code::WindowTooLong, path, hint);
        }
    }
}

/// One predicate under construction.
struct Build<'a> {
    from: Defaults<'a>,
    leaves: usize,
    /// Rules on the way here, to find circles.
    rules: Vec<String>,
}

/// Panes that one reading covers at this cadence.
pub(crate) fn cover(cadence: Duration, pane_ms: i64) -> u32 {
    cadence.in_panes(pane_ms).clamp(1, MAX_PANES) as u32
}

fn limits_of(spec: &PredicateSpec) -> Vec<(Comparison, &Number)> {
    [
        (Comparison::Below, &spec.below),
        (Comparison::AtOrBelow, &spec.at_or_below),
        (Comparison::Above, &spec.above),
        (Comparison::AtOrAbove, &spec.at_or_above),
    ]
    .into_iter()
    .filter_map(|(comparison, limit)| limit.as_ref().map(|l| (comparison, l)))
    .collect()
}
