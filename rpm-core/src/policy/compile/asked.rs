//! Whether a model that is asked only while a rule goes on is ever asked.
//!
//! A rule that cannot be met before the model has scored never begins: directly, where it reads the score;
//! or in a circle through compositions, through signals that are made of the score, or through other models.
//! A composition that something else can meet is no circle.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::plan::{Derivation, Derived, Expr, Rule, RuleBody};
use super::super::risk::ScoringSpec;
use super::super::spec::PolicySpec;
use super::Compiler;
use crate::error::Code;
use crate::signal::SignalDef;
use crate::small_map::SmallMap;

/// A model: which signals its scores are, and while which rules it is asked.
struct Asked<'a> {
    name: &'a str,
    scores: Vec<u16>,
    only_while: &'a [String],
    /// Whether it is never asked unless one of these goes on.
    is_conditional: bool,
}

impl<'a> Asked<'a> {
    fn of(name: &'a str, spec: &'a ScoringSpec, names: &SmallMap<String, usize>) -> Self {
        let scores = [Some(&spec.signal), spec.shadow.as_ref()].into_iter().flatten();
        Self {
            name,
            scores: scores.filter_map(|name| Some(*names.get(name)? as u16)).collect(),
            only_while: &spec.only_while,
            is_conditional: !spec.only_while.is_empty() && spec.at_least_every.is_none(),
        }
    }
}

/// What waits for what.
struct Waiting<'a> {
    signals: &'a [SignalDef],
    rules: &'a [Rule],
    derived: &'a [Derived],
    risks: &'a [Asked<'a>],
    /// The model that has not scored yet, by its place.
    own: usize,
    /// Which signals come all the same.
    comes: Vec<bool>,
}

impl Compiler {
    /// After the models, whatever other mistakes they have: none waits for a rule that waits for it.
    pub(super) fn asked(&mut self, spec: &PolicySpec, rules: &[Rule], derived: &[Derived]) {
        let mut circles = Vec::new();
        let risks: Vec<Asked<'_>> =
            spec.risk.iter().map(|(name, spec)| Asked::of(name, spec, &self.names)).collect();
        for (own, risk) in risks.iter().enumerate().filter(|(_, risk)| risk.is_conditional) {
            let (signals, risks) = (&self.signals, &risks);
            let mut waiting = Waiting { signals, rules, derived, risks, own, comes: Vec::new() };
            waiting.settle();
            for (i, name) in risk.only_while.iter().enumerate() {
                let mut path = Vec::from([format!("risk.{}", risk.name)]);
                if waiting.leads_back(name, &mut path) {
                    let at = format!("risk.{}.only_while[{i}]", risk.name);
                    circles.push((at, path.join(" -> ")));
                }
            }
        }
        for (at, path) in circles {
            self.error_with(Code::Cycle, at, path);
        }
    }
}

impl Waiting<'_> {
    /// Finds which signals come before the model has scored.
    fn settle(&mut self) {
        let is_score = |signal: u16| self.risks.iter().any(|risk| risk.scores.contains(&signal));
        let measured =
            |(index, def): (usize, &SignalDef)| def.derived.is_none() && !is_score(index as u16);
        self.comes = self.signals.iter().enumerate().map(measured).collect();
        loop {
            let made = self.derived.iter().filter(|derived| self.is_made(derived));
            let others = self.risks.iter().enumerate().filter(|(i, _)| *i != self.own);
            let asked = others.filter(|(_, risk)| self.is_asked(risk)).map(|(_, risk)| risk);
            let scores = asked.flat_map(|risk| risk.scores.iter().copied());
            let new = made.map(|derived| derived.signal).chain(scores);
            let new: Vec<u16> = new.filter(|signal| !self.comes(*signal)).collect();
            if new.is_empty() {
                return;
            }
            new.iter().for_each(|signal| self.comes[usize::from(*signal)] = true);
        }
    }

    fn comes(&self, signal: u16) -> bool {
        self.comes[usize::from(signal)]
    }

    fn is_made(&self, derived: &Derived) -> bool {
        let mut inputs = derived.inputs.iter().map(|input| self.comes(*input));
        match &derived.how {
            Derivation::Score { .. } => inputs.any(|comes| comes),
            Derivation::Fused(fused) => inputs.take(usize::from(fused.sources)).any(|comes| comes),
            Derivation::Difference | Derivation::Summary(_) | Derivation::Drift(_) => {
                inputs.all(|comes| comes)
            }
        }
    }

    fn is_asked(&self, risk: &Asked<'_>) -> bool {
        let known = |name: &String| self.rules.iter().find(|rule| rule.id == *name);
        !risk.is_conditional
            || risk.only_while.iter().filter_map(known).any(|rule| self.may_begin(rule))
    }

    fn may_begin(&self, rule: &Rule) -> bool {
        match &rule.body {
            RuleBody::Limits(limits) => limits.levels.iter().any(|def| self.may(&def.raise, true)),
            // That nothing comes is what it waits for.
            RuleBody::Missing(_) => true,
        }
    }

    /// Whether a predicate can be met, or found not to be, by what comes.
    fn may(&self, expr: &Expr, met: bool) -> bool {
        let count = |parts: &[Expr]| parts.iter().filter(|part| self.may(part, met)).count();
        match (expr, met) {
            (Expr::Leaf(leaf), _) => self.comes(leaf.signal),
            (Expr::Not(part), _) => self.may(part, !met),
            (Expr::Recently(recently), _) => self.may(&recently.of, met),
            (Expr::All(parts), true) | (Expr::Any(parts), false) => count(parts) == parts.len(),
            (Expr::All(parts), false) | (Expr::Any(parts), true) => count(parts) > 0,
            (Expr::AtLeast(n, parts), true) => count(parts) >= usize::from(*n),
            (Expr::AtLeast(n, parts), false) => count(parts) + usize::from(*n) > parts.len(),
        }
    }

    /// Whether a rule waits for the model, and on which way.
    fn leads_back(&self, rule: &str, path: &mut Vec<String>) -> bool {
        let step = format!("rules.{rule}");
        let waits = self.rules.iter().find(|def| def.id == rule && !self.may_begin(def));
        let Some(RuleBody::Limits(limits)) = waits.map(|rule| &rule.body) else {
            return false;
        };
        self.through(step, path, |path| {
            limits.signals.iter().any(|signal| self.signal_leads_back(*signal, path))
        })
    }

    fn signal_leads_back(&self, signal: u16, path: &mut Vec<String>) -> bool {
        if self.comes(signal) {
            return false;
        }
        let def = &self.signals[usize::from(signal)];
        self.through(format!("signals.{}", def.name), path, |path| {
            if let Some(derived) = def.derived {
                let inputs = &self.derived[usize::from(derived)].inputs;
                return inputs.iter().any(|input| self.signal_leads_back(*input, path));
            }
            let mut scored =
                self.risks.iter().enumerate().filter(|(_, risk)| risk.scores.contains(&signal));
            scored.any(|(index, risk)| {
                let step = format!("risk.{}", risk.name);
                if index == self.own {
                    path.push(step);
                    return true;
                }
                self.through(step, path, |path| {
                    risk.only_while.iter().any(|rule| self.leads_back(rule, path))
                })
            })
        })
    }

    /// One more step of a way, which is taken back if it leads nowhere.
    fn through(
        &self,
        step: String,
        path: &mut Vec<String>,
        goes_on: impl FnOnce(&mut Vec<String>) -> bool,
    ) -> bool {
        if path.contains(&step) {
            return false;
        }
        path.push(step);
        let found = goes_on(path);
        if !found {
            path.pop();
        }
        found
    }
}
