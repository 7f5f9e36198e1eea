//! Scores and the rules that read them by a model that is slow and obviously right: it keeps every
//! reading and counts every pane anew. Of the engine it has only the chart.

use std::collections::BTreeMap;

use rpm_core::policy::Policy;
use rpm_core::record::{ConditionState, Level};
use rpm_core::{Duration, ScoreFacts, ScoreInput, Value};

use crate::common::T0;
use crate::ward::{Fact, INPUTS, RulePlan, Shape, Ward, What};

/// Good readings: when, and what, in thousandths. Those of one time in the order of their values.
type Readings = Vec<(i64, i64)>;

/// What is known in the end.
pub struct Model<'a> {
    ward: &'a Ward,
    policy: &'a Policy,
    inputs: Vec<Readings>,
    oxygen: BTreeMap<i64, Option<bool>>,
    scale: Option<u8>,
    score: Readings,
}

impl<'a> Model<'a> {
    pub fn new(ward: &'a Ward, policy: &'a Policy, facts: &[Fact]) -> Self {
        let mut inputs = vec![Vec::new(); INPUTS.len()];
        let (mut oxygen, mut scale) = (BTreeMap::new(), None);
        for (place, fact) in facts.iter().enumerate() {
            let at = T0 + fact.ms;
            match fact.what {
                What::Reading { input, value, good, .. } => {
                    let amended = facts.iter().find_map(|fact| match fact.what {
                        What::Amendment { of, to } if of == place => Some(to),
                        _ => None,
                    });
                    let stands = amended.unwrap_or(good.then_some(value));
                    inputs[input].extend(stands.map(|value| (at, i64::from(value))));
                }
                What::Amendment { .. } => {}
                What::Oxygen(told) => drop(oxygen.insert(at, told)),
                What::Scale(prescribed) => scale = prescribed,
            }
        }
        inputs.iter_mut().for_each(|readings| readings.sort_unstable());
        let mut model = Self { ward, policy, inputs, oxygen, scale, score: Vec::new() };
        model.score = model.count();
        model
    }

    /// The score of every pane in which something was measured that it reads.
    fn count(&self) -> Readings {
        let score = &self.policy.scores()[0];
        let place = |signal: &u16| {
            let name = self.policy.signals()[usize::from(*signal)].name();
            INPUTS.iter().position(|(input, ..)| *input == name).unwrap()
        };
        let reads: Vec<usize> = score.signals().iter().map(place).collect();
        let width = self.ward.pane_s * 1000;
        let measured = reads.iter().flat_map(|input| &self.inputs[*input]);
        let mut panes: Vec<i64> = measured.map(|(at, _)| at.div_euclid(width)).collect();
        panes.sort_unstable();
        panes.dedup();
        let of_pane = |pane: i64| {
            let (start, end) = (pane * width, (pane + 1) * width);
            let last = |input: &usize| {
                let before = self.inputs[*input].iter().rev().find(|(at, _)| *at < end);
                before.map(|(at, value)| ScoreInput {
                    value: Value::from_thousandths(*value as i32),
                    age: Duration::from_millis((start - at).max(0)),
                })
            };
            let inputs: Vec<_> = reads.iter().map(last).collect();
            let told = self.oxygen.range(..end).next_back().and_then(|(_, told)| *told);
            let facts = ScoreFacts { spo2_scale: self.scale, on_oxygen: told };
            let outcome = score.evaluate(&inputs, facts);
            let total = outcome.total?;
            let points = match self.ward.part() {
                "total" => i64::from(total),
                "highest_single" => i64::from(outcome.highest_single),
                name => {
                    let index = score.parameters().position(|p| p == name).unwrap();
                    i64::from(outcome.parts[index].points?)
                }
            };
            Some((start, points * 1000))
        };
        panes.into_iter().filter_map(of_pane).collect()
    }

    /// When a rule's condition changed to what.
    pub fn history(&self, rule: &RulePlan) -> Vec<(i64, ConditionState)> {
        let composed = matches!(rule.shape, Shape::Both | Shape::Either | Shape::Unexplained);
        let score_width = self.ward.pane_s * 1000;
        let start = |width: i64| move |(at, _): &(i64, i64)| at.div_euclid(width) * width;
        let mut looks: Vec<i64> = self.score.iter().map(start(score_width)).collect();
        if composed {
            looks.extend(self.inputs[0].iter().map(start(self.ward.width(0))));
        }
        looks.sort_unstable();
        looks.dedup();
        let mut watch = Watch::new(self, rule);
        looks.into_iter().for_each(|at| watch.look(at));
        watch.history
    }

    /// Score readings of the window that ends with the pane at a time.
    fn window(&self, at: i64, panes: i64) -> &[(i64, i64)] {
        let width = self.ward.pane_s * 1000;
        let pane = at.div_euclid(width);
        let from = self.score.partition_point(|(t, _)| t.div_euclid(width) <= pane - panes);
        let to = self.score.partition_point(|(t, _)| t.div_euclid(width) <= pane);
        &self.score[from..to]
    }

    /// Whether the score's last value is at or above a limit.
    fn score_reaches(&self, at: i64, limit: i64) -> Option<bool> {
        let (_, value) = self.window(at, 3 * self.ward.cadence).last()?;
        Some(*value >= limit * 1000)
    }

    fn heart_is_fast(&self, at: i64) -> Option<bool> {
        let width = self.ward.width(0);
        let pane = at.div_euclid(width);
        let known = self.inputs[0].iter().rev().find(|(t, _)| t.div_euclid(width) <= pane)?;
        (known.0.div_euclid(width) > pane - 3).then_some(known.1 >= 100_000)
    }

    fn raises(&self, rule: &RulePlan, at: i64, limit: i64) -> Option<bool> {
        let window = self.window(at, rule.over);
        // Half of a window has to be covered.
        let covered = || window.len() as i64 * self.ward.cadence * 2 >= rule.over;
        let (score, fast) = (|| self.score_reaches(at, limit), || self.heart_is_fast(at));
        match rule.shape {
            Shape::Last => score(),
            Shape::Mean if covered() && !window.is_empty() => {
                let sum: i64 = window.iter().map(|(_, value)| value).sum();
                Some(sum >= limit * 1000 * window.len() as i64)
            }
            Shape::Delta if covered() && !window.is_empty() => {
                Some(window[window.len() - 1].1 - window[0].1 >= limit * 1000)
            }
            Shape::Mean | Shape::Delta => None,
            Shape::Both => all(score(), fast()),
            Shape::Either => all(score().map(|s| !s), fast().map(|f| !f)).map(|none| !none),
            Shape::Unexplained => all(fast(), score().map(|s| !s)),
        }
    }
}

fn all(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// How long something has been so: what has been covered since.
#[derive(Clone, Copy, Default)]
struct Hold {
    running: bool,
    held: i64,
    last_met: i64,
    unbroken: bool,
}

struct Watch<'a> {
    model: &'a Model<'a>,
    rule: &'a RulePlan,
    levels: Vec<(Level, i64, i64)>,
    level: usize,
    holds: [Hold; 2],
    met_at: [Vec<i64>; 2],
    history: Vec<(i64, ConditionState)>,
}

impl<'a> Watch<'a> {
    fn new(model: &'a Model<'a>, rule: &'a RulePlan) -> Self {
        let names = [Level::Review, Level::Urgent];
        let level = |n: usize| {
            let (limit, clear) = rule.limits(n as i64);
            (names[n], limit, clear)
        };
        Self {
            model,
            rule,
            levels: (0..=usize::from(rule.two_levels)).map(level).collect(),
            level: 0,
            holds: [Hold::default(); 2],
            met_at: [const { Vec::new() }; 2],
            history: Vec::new(),
        }
    }

    fn hold(&mut self, i: usize, answer: Option<bool>, at: i64) -> Option<i64> {
        let hold = &mut self.holds[i];
        let before = *hold;
        hold.unbroken = answer == Some(true);
        if answer == Some(false) {
            *hold = Hold::default();
            return None;
        }
        let silence = at - before.last_met;
        if before.running && silence > self.rule.abandon_after_s * 1000 {
            *hold = Hold { unbroken: hold.unbroken, ..Hold::default() };
        }
        answer?;
        if !hold.running {
            *hold = Hold { running: true, held: 0, last_met: at, unbroken: true };
        } else {
            if before.unbroken && silence <= self.rule.max_gap_s * 1000 {
                hold.held += silence;
            }
            hold.last_met = at;
        }
        Some(hold.held)
    }

    fn look(&mut self, at: i64) {
        let (model, rule) = (self.model, self.rule);
        let mut raised = None;
        for i in 0..self.levels.len() {
            let answer = model.raises(rule, at, self.levels[i].1);
            if answer == Some(true) {
                self.met_at[i].push(at);
            }
            if i < self.level {
                continue;
            }
            let held = self.hold(i, answer, at);
            let enough = match rule.times {
                Some((count, within)) => {
                    let recent = self.met_at[i].iter().filter(|t| **t > at - within * 1000);
                    answer == Some(true) && recent.count() as i64 >= count
                }
                None => held.is_some_and(|held| held >= rule.hold_s * 1000),
            };
            if enough {
                raised = Some(i);
            }
        }
        if let Some(i) = raised {
            self.level = i + 1;
            self.holds[..=i].fill(Hold::default());
        } else {
            self.clear(at);
        }
        let state = match self.level {
            0 if self.holds.iter().any(|h| h.running) => ConditionState::Pending,
            0 => ConditionState::Normal,
            top if self.holds[top - 1].running => ConditionState::Clearing(self.levels[top - 1].0),
            top => ConditionState::Active(self.levels[top - 1].0),
        };
        if self.history.last().is_none_or(|(_, last)| *last != state) {
            self.history.push((at, state));
        }
    }

    fn clear(&mut self, at: i64) {
        let mut remaining = 0;
        for i in 0..self.level {
            let (_, limit, clear) = self.levels[i];
            let answer = match self.rule.clear {
                Some(_) => self.model.score_reaches(at, clear).map(|reaches| !reaches),
                None => self.model.raises(self.rule, at, limit).map(|met| !met),
            };
            let held = self.hold(i, answer, at);
            if held.is_none_or(|held| held < self.rule.clear_for_s * 1000) {
                remaining = i + 1;
            }
        }
        if remaining < self.level {
            self.level = remaining;
            self.holds[remaining..].fill(Hold::default());
        }
    }
}
