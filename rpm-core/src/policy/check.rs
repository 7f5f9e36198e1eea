//! Warnings: legal, but probably not what was meant.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::plan::{Comparison, Expr, Leaf, LevelDef, Limits, RuleBody};
use super::{Policy, SignalDef};
use crate::error::{Code, Error};
use crate::signal::Statistic;

pub(super) fn warnings(policy: &Policy) -> Vec<Error> {
    let mut found = Vec::new();
    for (index, rule) in policy.rules.iter().enumerate() {
        if let RuleBody::Limits(limits) = &rule.body {
            let path = format!("rules[{index}]");
            rule_warnings(policy, limits, &path, &mut found);
        }
    }
    let unused = |(index, s): &(usize, &SignalDef)| {
        policy.readers(*index).is_empty()
            && s.watchers.is_empty()
            && s.feeds.is_empty()
            && s.summaries.is_empty()
            && !policy.risks.iter().any(|risk| risk.reads(*index as u16))
    };
    for (_, signal) in policy.signals.iter().enumerate().filter(unused) {
        found.push(Error::new(Code::UnusedSignal).at(format!("signals.{}", signal.name)));
    }
    let burn = policy.burn_policy();
    for (index, objective) in policy.objectives().iter().enumerate() {
        if !burn.can_page(objective) {
            let path = format!("care.objectives[{index}].share");
            let hint = "lower the factors of care.error_budget.windows";
            found.push(Error::new(Code::UnreachableBurn).at(path).hint(hint));
        }
    }
    found.extend(policy.scores.iter().flat_map(|score| score.warnings().to_vec()));
    found
}

fn rule_warnings(policy: &Policy, limits: &Limits, path: &str, found: &mut Vec<Error>) {
    let mut milder: Option<&LevelDef> = None;
    for (i, level) in limits.levels.iter().enumerate() {
        let path = format!("{path}.levels[{i}]");
        for leaf in level.raise.leaves() {
            let signal = &policy.signals[usize::from(leaf.signal)];
            leaf_warnings(signal, leaf, &path, found);
        }
        if let (Expr::Leaf(raise), Some(Expr::Leaf(clear))) = (&level.raise, &level.clear) {
            if clear_inside_raise(raise, clear) {
                let hint = "the clear limit should lie on the safe side of the raise limit";
                found.push(
                    Error::new(Code::ClearInsideRaise).at(format!("{path}.clear")).hint(hint),
                );
            }
        }
        if let Some((Expr::Leaf(mild), Expr::Leaf(severe))) =
            milder.map(|m| (&m.raise, &level.raise))
        {
            if comparable(mild, severe) && stricter(mild, severe) {
                let hint = "the milder level's limit is the stricter one";
                found.push(
                    Error::new(Code::UnreachableLevel).at(format!("{path}.raise")).hint(hint),
                );
            }
        }
        milder = Some(level);
    }
}

fn comparable(a: &Leaf, b: &Leaf) -> bool {
    (a.signal, a.statistic, a.window, a.per, a.from)
        == (b.signal, b.statistic, b.window, b.per, b.from)
}

/// Whether `mild` is met only where `severe` already is.
fn stricter(mild: &Leaf, severe: &Leaf) -> bool {
    match (mild.comparison.is_high(), severe.comparison.is_high()) {
        (true, true) => mild.limit > severe.limit,
        (false, false) => mild.limit < severe.limit,
        _ => false,
    }
}

fn clear_inside_raise(raise: &Leaf, clear: &Leaf) -> bool {
    comparable(raise, clear)
        && match (raise.comparison.is_high(), clear.comparison.is_high()) {
            (false, true) => clear.limit < raise.limit,
            (true, false) => clear.limit > raise.limit,
            _ => false,
        }
}

fn leaf_warnings(signal: &SignalDef, leaf: &Leaf, path: &str, found: &mut Vec<Error>) {
    let window = &signal.windows[usize::from(leaf.window)];
    let mut warn = |code, hint: Option<String>| {
        let error = Error::new(code).at(format!("{path}.raise"));
        found.push(match hint {
            Some(hint) => error.hint(hint),
            None => error,
        });
    };
    if leaf.windowed && window.panes < signal.cover {
        warn(Code::WindowShorterThanCadence, None);
    } else if leaf.windowed {
        let best = i64::from(window.panes / signal.cover * signal.cover) * 1000;
        if best / i64::from(window.panes) < leaf.coverage_permille {
            warn(Code::CoverageTooHigh, None);
        }
    }
    use Statistic as S;
    if leaf.from.is_some() || !matches!(leaf.statistic, S::Last | S::Mean | S::Min | S::Max) {
        return;
    }
    let (low, high) = signal.possible;
    let (low, high) = (i64::from(low.thousandths()), i64::from(high.thousandths()));
    let unreachable = match leaf.comparison {
        Comparison::Below => leaf.limit <= low,
        Comparison::AtOrBelow => leaf.limit < low,
        Comparison::Above => leaf.limit >= high,
        Comparison::AtOrAbove => leaf.limit > high,
    };
    if unreachable {
        warn(Code::UnreachableLevel, None);
    } else if leaf.limit < low || leaf.limit > high {
        warn(Code::LimitOutsideRange, Some("met by every possible reading".to_string()));
    }
}
