//! Circumstances that change what rules ask for.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::super::modifier::{Adjust, Modifier, Shift, When};
use super::super::plan::{Expr, Leaf, LevelDef, Missing, Mode, Rule, RuleBody};
use super::super::spec::{HoldChangeSpec, LimitChangeSpec, ModifierSpec, PolicySpec, WhenSpec};
use super::Compiler;
use crate::error::Code;
use crate::record::Level;

const MAX_MODIFIERS: usize = 200;

/// What a modifier does, compiled.
struct Effect {
    limit: Option<Shift>,
    hold: Option<Shift>,
    rests: bool,
    severity: Option<Level>,
    mode: Option<Mode>,
}

impl Effect {
    /// Writes what a modifier does into a rule on a missing signal. Whether that makes it less sensitive.
    fn put_into(&self, missing: &mut Missing, modifier: u16, own: Mode) -> bool {
        missing.rests.extend(self.rests.then_some(modifier));
        missing.modes.extend(self.mode.map(|mode| (modifier, mode)));
        self.rests || self.mode.is_some_and(|mode| mode > own)
    }
}

impl Compiler {
    /// After the rules: each modifier is written into what it changes.
    pub(super) fn modifiers(&mut self, spec: &PolicySpec, rules: &mut [Rule]) -> Vec<Modifier> {
        if spec.modifiers.len() > MAX_MODIFIERS {
            self.error(Code::TooManyItems, "modifiers");
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut compiled = Vec::new();
        for (index, modifier) in spec.modifiers.iter().enumerate() {
            let path = format!("modifiers[{index}]");
            self.name(&modifier.id, &format!("{path}.id"));
            self.title(&modifier.title, &format!("{path}.title"));
            if !seen.insert(modifier.id.as_str()) {
                self.error(Code::DuplicateId, format!("{path}.id"));
            }
            let when = self.when(&modifier.when, &format!("{path}.when"));
            self.apply(modifier, index as u16, rules, &path);
            let (id, title) = (modifier.id.clone(), modifier.title.clone());
            compiled.push(Modifier { id, title, when });
        }
        for rule in rules {
            if let RuleBody::Limits(limits) = &mut rule.body {
                limits.modified = limits.levels.iter().any(LevelDef::is_modified);
                limits.plain &= !limits.modified;
                limits.bounded &= !limits.modified;
            }
        }
        compiled
    }

    fn when(&mut self, spec: &WhenSpec, path: &str) -> When {
        if *spec == WhenSpec::default() {
            self.error(Code::UnknownCircumstance, path);
        }
        let within = format!("{path}.phase_within");
        let phase_within = self.optional_duration(spec.phase_within.as_ref(), &within);
        if phase_within.is_some() && spec.care_phase.is_empty() {
            self.error_with(Code::UnknownCircumstance, within, "of which care_phase?".to_string());
        }
        let hours = spec.hours.as_ref();
        When {
            activity: spec.activity.clone(),
            posture: spec.posture.clone(),
            care_phase: spec.care_phase.clone(),
            phase_within,
            asleep: spec.asleep,
            on_oxygen: spec.on_oxygen,
            age_band: spec.age_band.clone(),
            conditions: spec.conditions.clone(),
            cohort: spec.cohort.clone(),
            hours: hours.and_then(|hours| self.hours(hours, &format!("{path}.hours"))),
        }
    }

    fn apply(&mut self, spec: &ModifierSpec, index: u16, rules: &mut [Rule], path: &str) {
        let effect = Effect {
            limit: spec.limit.as_ref().map(|limit| self.limit_change(limit, path)),
            hold: spec.hold.as_ref().map(|hold| self.hold_change(hold, path)),
            rests: spec.rests,
            severity: spec
                .severity
                .as_ref()
                .and_then(|name| self.level_named(name, &format!("{path}.severity"))),
            mode: spec.mode.as_deref().map(|mode| self.mode(Some(mode), path)),
        };
        let levels_change = effect.rests || spec.severity.is_some() || spec.mode.is_some();
        if effect.limit.is_none() && effect.hold.is_none() && !levels_change {
            self.error(Code::NothingModified, path);
        }
        let mut levels = Vec::new();
        for (i, name) in spec.levels.iter().enumerate() {
            levels.extend(self.level_named(name, &format!("{path}.levels[{i}]")));
        }
        if spec.rules.is_empty() {
            self.error(Code::NothingModified, format!("{path}.rules"));
        }
        for (i, name) in spec.rules.iter().enumerate() {
            let path = format!("{path}.rules[{i}]");
            let rule = rules.iter_mut().find(|rule| rule.id == *name);
            let Some(rule) = rule else {
                self.error(Code::UnknownRule, path);
                continue;
            };
            let own_mode = rule.mode;
            if effect.mode.is_some() && own_mode == Mode::Disabled {
                let hint = "the rule is disabled, and nothing evaluates it".to_string();
                self.error_with(Code::NothingModified, path.as_str(), hint);
            }
            let limits = match &mut rule.body {
                RuleBody::Limits(limits) => limits,
                RuleBody::Missing(missing) => {
                    let widens = effect.put_into(missing, index, own_mode);
                    let concerned = levels.is_empty() || levels.contains(&missing.level);
                    let judges = effect.limit.is_some() || effect.hold.is_some();
                    if judges || spec.severity.is_some() || !concerned {
                        let level = missing.level.name();
                        let hint = format!(
                            "a missing signal has the level of what it blinds, {level}, and no limit, hold \
                             or severity; it may rest, or be in another mode"
                        );
                        self.error_with(Code::NothingModified, path, hint);
                    } else if widens && missing.level == Level::Urgent && !spec.widens_urgent {
                        self.error(Code::WidensUrgent, path);
                    }
                    continue;
                }
            };
            let chosen = |level: &&mut LevelDef| levels.is_empty() || levels.contains(&level.level);
            let place = |wanted| limits.levels.iter().position(|def| def.level == wanted);
            let severity = effect.severity.map(|wanted| (wanted, place(wanted)));
            if let Some((wanted, None)) = severity {
                let hint = format!("the rule has no level {}", wanted.name());
                self.error_with(Code::UnknownLevel, path.as_str(), hint);
            }
            let mut touched = false;
            for level in limits.levels.iter_mut().filter(chosen) {
                touched = true;
                let mut widened = modify(level, index, &effect);
                if let Some((wanted, Some(place))) = severity {
                    level.severities.push((index, place as u8));
                    widened |= wanted < level.level;
                }
                if let Some(mode) = effect.mode {
                    level.modes.push((index, mode));
                    widened |= mode > own_mode;
                }
                if widened && level.level == Level::Urgent && !spec.widens_urgent {
                    self.error(Code::WidensUrgent, path.as_str());
                }
            }
            if !touched {
                self.error(Code::NothingModified, path);
            }
        }
    }

    fn limit_change(&mut self, spec: &LimitChangeSpec, path: &str) -> Shift {
        let path = format!("{path}.limit");
        match spec {
            LimitChangeSpec::To(n) => Shift::To(self.number(n, &path).thousandths().into()),
            LimitChangeSpec::Plus(n) => Shift::Plus(self.number(n, &path).thousandths().into()),
        }
    }

    fn hold_change(&mut self, spec: &HoldChangeSpec, path: &str) -> Shift {
        let path = format!("{path}.hold");
        match spec {
            HoldChangeSpec::To(text) => Shift::To(self.duration(text, &path).as_millis()),
            HoldChangeSpec::Plus(text) => Shift::Plus(self.duration(text, &path).as_millis()),
        }
    }
}

/// Writes a modifier into a level. Whether that can make it less sensitive.
fn modify(level: &mut LevelDef, modifier: u16, effect: &Effect) -> bool {
    let mut widened = effect.rests;
    if effect.rests {
        level.rests.push(modifier);
    }
    if let Some(change) = effect.hold {
        widened |= match change {
            Shift::To(hold) => hold > level.hold,
            Shift::Plus(more) => more > 0,
        };
        level.hold_adjusts.push(Adjust { modifier, change });
    }
    let Some(change) = effect.limit else {
        return widened;
    };
    // The clear limit keeps its distance from the raise limit of the same signal and statistic.
    let raised: Vec<Leaf> = level.raise.leaves().into_iter().cloned().collect();
    let measure = |leaf: &Leaf| (leaf.signal, leaf.statistic, leaf.from);
    let Some(first) = raised.first().map(measure) else {
        return widened;
    };
    adjust(&mut level.raise, false, &mut |leaf, negated| {
        if measure(leaf) == first {
            let (to, high) = (change.apply(leaf.limit), leaf.comparison.is_high() != negated);
            widened |= if high { to > leaf.limit } else { to < leaf.limit };
            leaf.adjusts.push(Adjust { modifier, change });
        }
    });
    if let (Some(clear), Some(raise)) = (&mut level.clear, raised.first()) {
        adjust(clear, false, &mut |leaf, _| {
            if measure(leaf) == first {
                let to = leaf.limit + change.apply(raise.limit) - raise.limit;
                let change = match change {
                    Shift::To(_) => Shift::To(to),
                    plus @ Shift::Plus(_) => plus,
                };
                leaf.adjusts.push(Adjust { modifier, change });
            }
        });
    }
    widened
}

/// Changes every comparison; what is told of each is whether it counts when it is not met.
fn adjust(expr: &mut Expr, negated: bool, change: &mut dyn FnMut(&mut Leaf, bool)) {
    match expr {
        Expr::Leaf(leaf) => change(leaf, negated),
        Expr::All(parts) | Expr::Any(parts) | Expr::AtLeast(_, parts) => {
            parts.iter_mut().for_each(|part| adjust(part, negated, change));
        }
        Expr::Not(part) => adjust(part, !negated, change),
        Expr::Recently(recently) => adjust(&mut recently.of, negated, change),
    }
}
