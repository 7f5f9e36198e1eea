//! Comparisons, and their compositions.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::plan::{Comparison, Expr, FromBaseline, Leaf, Recently};
use super::super::spec::{LearnSpec, Number, PolicySpec, PredicateSpec, RecentlySpec, RuleSpec};
use super::{Compiler, MAX_PANES};
use crate::error::Code;
use crate::signal::Statistic;
use crate::signal::cursor::Window;
use crate::time::Duration;

const MAX_LEAVES: usize = 64;
const MAX_DEPTH: usize = 8;
/// So many panes are looked at for what was met recently.
const MAX_RECENT: i64 = 4096;
const DEFAULT_COVERAGE_PERMILLE: i64 = 500;

/// What a rule's comparisons fall back to.
#[derive(Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub rule: &'a RuleSpec,
    pub spec: &'a PolicySpec,
}

/// One predicate under construction.
pub(super) struct Build<'a> {
    from: Defaults<'a>,
    leaves: usize,
    /// Rules on the way here, to find circles.
    rules: Vec<String>,
}

impl<'a> Build<'a> {
    pub fn new(from: Defaults<'a>) -> Self {
        Self { from, leaves: 0, rules: Vec::new() }
    }
}

impl Compiler {
    pub(super) fn expr(
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
            spec.recently.is_some(),
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
        if let Some(recently) = &spec.recently {
            return self.recently(build, recently, &format!("{path}.recently"), depth);
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
        let mut compiled = compiled.into_iter().collect::<Option<Vec<_>>>()?;
        // What looks back costs most: mostly the others decide.
        compiled.sort_by_key(|part| part.looks_back() > 0);
        Some(compiled)
    }

    /// What was met a while ago. One such time does not look for another.
    fn recently(
        &mut self,
        build: &mut Build<'_>,
        spec: &RecentlySpec,
        path: &str,
        depth: usize,
    ) -> Option<Expr> {
        let within = self.duration(&spec.within, &format!("{path}.within")).as_millis();
        let of = self.expr(build, &spec.of, &format!("{path}.of"), depth + 1)?;
        let signals: BTreeSet<u16> = of.leaves().into_iter().map(|leaf| leaf.signal).collect();
        let signals: Vec<u16> = signals.into_iter().collect();
        let narrowest = signals.iter().map(|s| self.signals[usize::from(*s)].pane_ms).min()?;
        if within < narrowest || within / narrowest > MAX_RECENT {
            let most = Duration::from_millis(narrowest).times(MAX_RECENT);
            let hint = format!("{} to {most}", Duration::from_millis(narrowest));
            self.error_with(Code::OutOfRange, format!("{path}.within"), hint);
            return None;
        }
        if of.looks_back() > 0 {
            self.error(Code::TooDeep, format!("{path}.of"));
            return None;
        }
        for signal in &signals {
            let def = &mut self.signals[usize::from(*signal)];
            def.reach_ms = def.reach_ms.max(within);
        }
        Some(Expr::Recently(Box::new(Recently { of, within, signals })))
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
        let coverage = coverage.and_then(|c| self.share(c, &format!("{path}.coverage")));
        let spoilt = rule.max_artifact.as_ref();
        let spoilt = spoilt.and_then(|s| self.share(s, &format!("{path}.max_artifact")));
        let signal = spec.signal.as_deref().or(rule.signal.as_deref());
        let signal = self.signal_index(signal, &format!("{path}.signal"))?;
        let statistic = statistic?;
        let from = self.measured_from(spec, statistic, signal, from.spec, path);
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
            from,
            adjusts: Vec::new(),
            windowed,
            coverage_permille: match coverage {
                Some(share) if windowed => share,
                None if windowed && row.window => DEFAULT_COVERAGE_PERMILLE,
                _ => 0,
            },
            max_spoilt_permille: spoilt.unwrap_or(1000),
        }))
    }

    /// From where the limit is measured. What is usual for one thing says nothing of another.
    fn measured_from(
        &mut self,
        spec: &PredicateSpec,
        statistic: Statistic,
        signal: usize,
        policy: &PolicySpec,
        path: &str,
    ) -> Option<FromBaseline> {
        let Some(name) = &spec.baseline else {
            if spec.distance.is_some() {
                self.error(Code::UnknownBaseline, format!("{path}.baseline"));
            }
            return None;
        };
        let baseline = self.baseline_named(name, &format!("{path}.baseline"))?;
        let spec_of = policy.baselines.get(name);
        let of = spec_of.and_then(|b| self.names.get(&b.of));
        let same = of.is_none_or(|of| self.signals[*of].unit == self.signals[signal].unit);
        // The panes of another signal can still change when this one is compared.
        let median = matches!(spec_of.map(|b| &b.learn), Some(LearnSpec::Median { .. }));
        let apart = median && of.is_some_and(|of| *of != signal);
        use Statistic as S;
        if !same || apart || !matches!(statistic, S::Last | S::Mean | S::Min | S::Max) {
            self.error(Code::UnlikeBaseline, format!("{path}.baseline"));
        }
        Some(FromBaseline { baseline, distance: spec.distance.unwrap_or_default() })
    }

    pub(super) fn baseline_named(&mut self, name: &str, path: &str) -> Option<u16> {
        let found = self.baseline_names.get(name).copied();
        if found.is_none() {
            let known: Vec<_> = self.baseline_names.keys().cloned().collect();
            self.error_with(Code::UnknownBaseline, path, known.join(", "));
        }
        found
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

    pub(super) fn signal_index(&mut self, name: Option<&str>, path: &str) -> Option<usize> {
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
