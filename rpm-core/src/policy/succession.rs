//! What becomes of rules and signals when one policy follows another.
//!
//! A rule that means the same in both goes on with all its state: a new title clears nothing. A rule
//! that changed or went away, and has open episodes, goes on as *retired*: it opens nothing and follows
//! its episodes to their end, by the signals and windows that it was written for. So the policy that is
//! executed is the new one with the retired rules behind its own.

use alloc::format;
use alloc::vec::Vec;

use super::compile::guard;
use super::modifier::Adjust;
use super::plan::{Derivation, Derived, Expr, LevelDef, Limits, Missing, Retired, Rule, RuleBody};
use super::{Mode, Policy, SignalDef};
use crate::event::Kind;
use crate::signal::Feed;
use crate::signal::baseline::BaselineDef;

/// One policy after another.
pub(crate) struct Succession {
    /// What is executed.
    pub policy: Policy,
    /// Of each of its signals: which one of the policy before its data come from.
    pub signals: Vec<Option<usize>>,
    /// Of each of its rules: which one of the policy before its state comes from.
    pub rules: Vec<Option<usize>>,
    /// Of each of its baselines: which one of the policy before goes on as it.
    pub baselines: Vec<Option<usize>>,
}

/// `new` after `old`, of which the rules that `is_open` names have open episodes.
pub(crate) fn succeed(old: &Policy, new: &Policy, is_open: impl Fn(usize) -> bool) -> Succession {
    let mut policy = new.clone();
    let mut rules: Vec<Option<usize>> =
        new.rules.iter().map(|rule| same_rule(old, new, rule)).collect();
    for (index, rule) in old.rules.iter().enumerate() {
        if is_open(index) && !rules.contains(&Some(index)) {
            retire(&mut policy, old, rule);
            rules.push(Some(index));
        }
    }
    policy.readers = super::plan::readers(policy.signals.len(), &policy.rules);
    guard(&mut policy.baselines, &mut policy.signals, &mut policy.rules, &policy.derived);
    let source = |def: &SignalDef| {
        let same = |s: &&SignalDef| same_signal(old, s, &policy, def);
        let exact = old.signals.iter().find(same);
        let alike = || old.signals.iter().find(|s| same_kind(old, s, &policy, def));
        let found = exact.or_else(alike);
        found.and_then(|found| old.signals.iter().position(|s| core::ptr::eq(s, found)))
    };
    let signals = policy.signals.iter().map(source).collect();
    let learned = |def: &BaselineDef| {
        old.baselines.iter().position(|was| same_baseline(old, was, &policy, def))
    };
    let baselines = policy.baselines.iter().map(learned).collect();
    Succession { policy, signals, rules, baselines }
}

/// The rule of the policy before that means the same.
fn same_rule(old: &Policy, new: &Policy, rule: &Rule) -> Option<usize> {
    let same = |(_, was): &(usize, &Rule)| {
        let body = match (&was.body, &rule.body) {
            (RuleBody::Limits(a), RuleBody::Limits(b)) => same_limits(old, a, new, b),
            (RuleBody::Missing(a), RuleBody::Missing(b)) => {
                let signals = (usize::from(a.signal), usize::from(b.signal));
                let (a_def, b_def) = (&old.signals[signals.0], &new.signals[signals.1]);
                let rests = same_modifiers(old, &a.rests, new, &b.rests);
                let modes = same_modes(old, &a.modes, new, &b.modes);
                a.after == b.after && rests && modes && same_signal(old, a_def, new, b_def)
            }
            _ => false,
        };
        was.id == rule.id && was.mode == rule.mode && body
    };
    // The one in force rather than a retired one, to which a rollback would return.
    old.rules.iter().enumerate().find(same).map(|(index, _)| index)
}

fn same_limits(old: &Policy, a: &Limits, new: &Policy, b: &Limits) -> bool {
    let same_level = |(a, b): (&LevelDef, &LevelDef)| {
        let clear = match (&a.clear, &b.clear) {
            (Some(a), Some(b)) => same_expr(old, a, new, b),
            (None, None) => true,
            _ => false,
        };
        let holds = (a.level, a.hold, a.clear_hold, a.latch, a.times)
            == (b.level, b.hold, b.clear_hold, b.latch, b.times);
        let rests = same_modifiers(old, &a.rests, new, &b.rests);
        let severities = (a.severities.len() == b.severities.len())
            && a.severities
                .iter()
                .zip(&b.severities)
                .all(|(a, b)| a.1 == b.1 && same_modifier(old, a.0, new, b.0));
        let modes = same_modes(old, &a.modes, new, &b.modes);
        let adjusts =
            same_adjusts(old, &a.hold_adjusts, new, &b.hold_adjusts) && severities && modes;
        holds && rests && adjusts && clear && same_expr(old, &a.raise, new, &b.raise)
    };
    let spans = |l: &Limits| (l.levels.len(), l.max_gap, l.abandon_after, l.unverified_after);
    spans(a) == spans(b)
        && a.minds_artifacts == b.minds_artifacts
        && a.levels.iter().zip(&b.levels).all(same_level)
}

fn same_expr(old: &Policy, a: &Expr, new: &Policy, b: &Expr) -> bool {
    let same_parts = |a: &[Expr], b: &[Expr]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_expr(old, a, new, b))
    };
    match (a, b) {
        (Expr::Leaf(a), Expr::Leaf(b)) => {
            let defs = (&old.signals[usize::from(a.signal)], &new.signals[usize::from(b.signal)]);
            let panes = |def: &SignalDef, window: u16| def.windows[usize::from(window)].panes;
            let neutral = |leaf: &super::Leaf| {
                let from = leaf.from.map(|from| super::FromBaseline { baseline: 0, ..from });
                super::Leaf { signal: 0, window: 0, from, adjusts: Vec::new(), ..leaf.clone() }
            };
            let usual = |policy: &'_ Policy, leaf: &super::Leaf| {
                leaf.from.map(|from| policy.baselines[usize::from(from.baseline)].clone())
            };
            let same_usual = match (usual(old, a), usual(new, b)) {
                (Some(a), Some(b)) => same_baseline(old, &a, new, &b),
                (a, b) => a.is_none() && b.is_none(),
            };
            neutral(a) == neutral(b)
                && same_usual
                && same_adjusts(old, &a.adjusts, new, &b.adjusts)
                && panes(defs.0, a.window) == panes(defs.1, b.window)
                && same_signal(old, defs.0, new, defs.1)
        }
        (Expr::All(a), Expr::All(b)) | (Expr::Any(a), Expr::Any(b)) => same_parts(a, b),
        (Expr::AtLeast(n, a), Expr::AtLeast(m, b)) => n == m && same_parts(a, b),
        (Expr::Not(a), Expr::Not(b)) => same_expr(old, a, new, b),
        (Expr::Recently(a), Expr::Recently(b)) => {
            a.within == b.within && same_expr(old, &a.of, new, &b.of)
        }
        _ => false,
    }
}

fn same_adjusts(old: &Policy, a: &[Adjust], new: &Policy, b: &[Adjust]) -> bool {
    let same = |(a, b): (&Adjust, &Adjust)| {
        a.change == b.change && same_modifier(old, a.modifier, new, b.modifier)
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

fn same_modes(old: &Policy, a: &[(u16, Mode)], new: &Policy, b: &[(u16, Mode)]) -> bool {
    let same =
        |(a, b): (&(u16, Mode), &(u16, Mode))| a.1 == b.1 && same_modifier(old, a.0, new, b.0);
    a.len() == b.len() && a.iter().zip(b).all(same)
}

fn same_modifiers(old: &Policy, a: &[u16], new: &Policy, b: &[u16]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_modifier(old, *a, new, *b))
}

/// Whether two modifiers are in force at the same times.
fn same_modifier(old: &Policy, a: u16, new: &Policy, b: u16) -> bool {
    old.modifiers[usize::from(a)].when == new.modifiers[usize::from(b)].when
}

/// Whether two baselines learn the same from the same.
fn same_baseline(old: &Policy, a: &BaselineDef, new: &Policy, b: &BaselineDef) -> bool {
    let facts = |def: &BaselineDef| {
        (
            def.method,
            def.interval,
            def.warm_up,
            def.resolution,
            def.least_spread,
            def.fallback.clone(),
        )
    };
    let signals = (&old.signals[usize::from(a.signal)], &new.signals[usize::from(b.signal)]);
    a.id == b.id && facts(a) == facts(b) && same_signal(old, signals.0, new, signals.1)
}

/// Whether the panes of two signals hold the same of the same.
fn same_signal(old: &Policy, a: &SignalDef, new: &Policy, b: &SignalDef) -> bool {
    let facts = |s: &SignalDef| (s.pane_ms, s.cover, s.accept, s.possible, s.plausible);
    facts(a) == facts(b) && same_kind(old, a, new, b)
}

/// Whether values of two signals are values of the same.
fn same_kind(old: &Policy, a: &SignalDef, new: &Policy, b: &SignalDef) -> bool {
    match (a.derived, b.derived) {
        (None, None) => a.unit == b.unit && old.kind_name(a.kind) == new.kind_name(b.kind),
        (Some(a), Some(b)) => {
            let derived = (&old.derived[usize::from(a)], &new.derived[usize::from(b)]);
            same_derived(old, derived.0, new, derived.1)
        }
        _ => false,
    }
}

/// Whether two derived signals make the same of the same.
fn same_derived(old: &Policy, a: &Derived, new: &Policy, b: &Derived) -> bool {
    let how = match (&a.how, &b.how) {
        (
            Derivation::Score { score: a, part: a_part },
            Derivation::Score { score: b, part: b_part },
        ) => {
            let scores = (&old.scores[usize::from(*a)], &new.scores[usize::from(*b)]);
            a_part == b_part && scores.0.counts_like(scores.1)
        }
        (Derivation::Fused(a), Derivation::Fused(b)) => {
            let unless = match (&a.unless, &b.unless) {
                (Some(a), Some(b)) => same_expr(old, a, new, b),
                (None, None) => true,
                _ => false,
            };
            (a.sources, a.agree_within) == (b.sources, b.agree_within) && unless
        }
        (Derivation::Difference, Derivation::Difference) => true,
        (Derivation::Summary(a), Derivation::Summary(b)) => a.summarises_like(b),
        (Derivation::Drift(a), Derivation::Drift(b)) => {
            let usual =
                [&old.baselines[usize::from(a.baseline)], &new.baselines[usize::from(b.baseline)]];
            (a.up, a.allowance) == (b.up, b.allowance)
                && same_baseline(old, usual[0], new, usual[1])
        }
        _ => false,
    };
    let same = |(a, b): (&u16, &u16)| {
        same_signal(old, &old.signals[usize::from(*a)], new, &new.signals[usize::from(*b)])
    };
    how && a.inputs.len() == b.inputs.len() && a.inputs.iter().zip(&b.inputs).all(same)
}

/// Puts a rule of the policy before behind the rules of this one.
fn retire(policy: &mut Policy, old: &Policy, rule: &Rule) {
    let successor = policy.rules.iter().position(|r| r.id == rule.id && r.retired.is_none());
    let mut rule = rule.clone();
    let label = match &rule.retired {
        Some(retired) => retired.label.clone(),
        None => format!("{}@{}", rule.id, old.version()),
    };
    rule.retired = Some(Retired { label, successor: successor.map(|s| s as u16) });
    let index = policy.rules.len() as u16;
    match &mut rule.body {
        RuleBody::Limits(limits) => {
            let later = policy.horizon.as_millis().saturating_sub(old.horizon.as_millis());
            limits.keep = limits.keep.saturating_add(later);
            for level in &mut limits.levels {
                let exprs = [Some(&mut level.raise), level.clear.as_mut()];
                exprs.into_iter().flatten().for_each(|expr| adopt(policy, old, expr));
                for adjust in &mut level.hold_adjusts {
                    adjust.modifier = adopt_modifier(policy, old, adjust.modifier);
                }
                let severities = level.severities.iter_mut().map(|(modifier, _)| modifier);
                let modes = level.modes.iter_mut().map(|(modifier, _)| modifier);
                for modifier in level.rests.iter_mut().chain(severities).chain(modes) {
                    *modifier = adopt_modifier(policy, old, *modifier);
                }
            }
            for signal in &mut limits.signals {
                *signal = adopt_signal(policy, old, *signal);
            }
        }
        RuleBody::Missing(Missing { signal, rests, modes, .. }) => {
            for modifier in rests.iter_mut().chain(modes.iter_mut().map(|(modifier, _)| modifier)) {
                *modifier = adopt_modifier(policy, old, *modifier);
            }
            *signal = adopt_signal(policy, old, *signal);
            if rule.mode != Mode::Disabled {
                policy.signals[usize::from(*signal)].watchers.push(index);
            }
        }
    }
    policy.rules.push(rule);
}

/// Makes an expression's comparisons refer to signals and windows of this policy.
fn adopt(policy: &mut Policy, old: &Policy, expr: &mut Expr) {
    match expr {
        Expr::Leaf(leaf) => {
            let window = old.signals[usize::from(leaf.signal)].windows[usize::from(leaf.window)];
            leaf.signal = adopt_signal(policy, old, leaf.signal);
            let windows = &mut policy.signals[usize::from(leaf.signal)].windows;
            let known = windows.iter().position(|w| w.panes == window.panes);
            let at = known.unwrap_or(windows.len());
            match windows.get_mut(at) {
                Some(known) => known.line |= window.line,
                None => windows.push(window),
            }
            leaf.window = at as u16;
            for adjust in &mut leaf.adjusts {
                adjust.modifier = adopt_modifier(policy, old, adjust.modifier);
            }
            if let Some(from) = &mut leaf.from {
                from.baseline = adopt_baseline(policy, old, from.baseline);
            }
        }
        Expr::All(parts) | Expr::Any(parts) | Expr::AtLeast(_, parts) => {
            parts.iter_mut().for_each(|part| adopt(policy, old, part));
        }
        Expr::Not(part) => adopt(policy, old, part),
        Expr::Recently(recently) => {
            adopt(policy, old, &mut recently.of);
            for signal in &mut recently.signals {
                *signal = adopt_signal(policy, old, *signal);
            }
        }
    }
}

/// The modifier of this policy that is the one before; added if there is none.
fn adopt_modifier(policy: &mut Policy, old: &Policy, index: u16) -> u16 {
    let was = &old.modifiers[usize::from(index)];
    let known = policy.modifiers.iter().position(|modifier| modifier == was);
    let at = known.unwrap_or_else(|| {
        policy.modifiers.push(was.clone());
        policy.modifiers.len() - 1
    });
    at as u16
}

/// The baseline of this policy that is the one before; added if there is none.
fn adopt_baseline(policy: &mut Policy, old: &Policy, index: u16) -> u16 {
    let was = &old.baselines[usize::from(index)];
    let known = policy.baselines.iter().position(|def| same_baseline(old, was, policy, def));
    let at = known.unwrap_or_else(|| {
        let signal = adopt_signal(policy, old, was.signal);
        policy.baselines.push(BaselineDef { signal, ..was.clone() });
        policy.baselines.len() - 1
    });
    at as u16
}

/// The signal of this policy whose panes are those of the one before; added if there is none.
fn adopt_signal(policy: &mut Policy, old: &Policy, index: u16) -> u16 {
    let was = &old.signals[usize::from(index)];
    let known = policy.signals.iter().position(|s| same_signal(old, was, policy, s));
    let at = known.unwrap_or_else(|| add_signal(policy, old, was));
    let signal = &mut policy.signals[at];
    let later = (signal.horizon_panes - was.horizon_panes).max(0) as u32;
    signal.ring_panes = signal.ring_panes.max(was.ring_panes.saturating_add(later));
    let derived = was.derived_panes.saturating_add(later.into());
    signal.derived_panes = signal.derived_panes.max(derived);
    at as u16
}

fn add_signal(policy: &mut Policy, old: &Policy, was: &SignalDef) -> usize {
    if let Some(derived) = was.derived {
        return add_derived(policy, old, was, old.derived[usize::from(derived)].clone());
    }
    let kind = match was.kind.info() {
        Some(_) => was.kind,
        None => declared(policy, old, old.kind_name(was.kind).unwrap_or_default()),
    };
    let at = policy.signals.len();
    match policy.signal_of(kind) {
        // Readings reach it through the signal that the new policy has for the kind; not if they
        // come in another unit now.
        Some(main) if policy.signals[main].unit == was.unit => {
            policy.signals[main].twins.push(at as u16);
        }
        Some(_) => {}
        None => {
            if let Some(slot) = policy.by_kind.get_mut(usize::from(kind.0)) {
                *slot = Some(at as u16);
            }
        }
    }
    policy.signals.push(SignalDef { kind, ..unread(was) });
    at
}

/// The same signal, and nobody who reads it yet.
fn unread(was: &SignalDef) -> SignalDef {
    let mut def = was.clone();
    (def.windows, def.watchers) = (Vec::new(), Vec::new());
    (def.twins, def.feeds, def.summaries) = (Vec::new(), Vec::new(), Vec::new());
    def
}

/// A derived signal of the policy before, with those that it is made of.
fn add_derived(policy: &mut Policy, old: &Policy, was: &SignalDef, mut derived: Derived) -> usize {
    let inputs = derived.inputs.iter().map(|input| adopt_signal(policy, old, *input));
    derived.inputs = inputs.collect();
    match &mut derived.how {
        Derivation::Score { score, .. } => {
            let mut counted = old.scores[usize::from(*score)].clone();
            counted.signals.clone_from(&derived.inputs);
            *score = policy.scores.len() as u16;
            policy.scores.push(counted);
        }
        Derivation::Fused(fused) => {
            fused.unless.iter_mut().for_each(|unless| adopt(policy, old, unless));
        }
        Derivation::Difference => {}
        Derivation::Drift(def) => def.baseline = adopt_baseline(policy, old, def.baseline),
        Derivation::Summary(def) => {
            def.of = derived.inputs.first().copied().unwrap_or(def.of);
            def.place = policy.summaries().count() as u16;
        }
    }
    let (at, index) = (policy.signals.len(), policy.derived.len() as u16);
    for (input, signal) in derived.inputs.iter().enumerate() {
        let read = &mut policy.signals[usize::from(*signal)];
        match derived.how {
            Derivation::Summary(_) => read.summaries.push(index),
            _ => read.feeds.push(Feed { derived: index, input: input as u16 }),
        }
    }
    policy.derived.push(Derived { signal: at as u16, ..derived });
    policy.signals.push(SignalDef { derived: Some(index), ..unread(was) });
    at
}

/// A declared kind's number in this policy; kinds that only the policy before declared come last.
fn declared(policy: &mut Policy, old: &Policy, name: &str) -> Kind {
    policy.kind_named(name).unwrap_or_else(|| {
        // Its unit is still asked for.
        policy.kinds.extend(old.kinds.iter().find(|(kind, _)| kind == name).cloned());
        Kind(Kind::FIRST_DECLARED + policy.kinds.len() as u16 - 1)
    })
}
