//! Conditions of one signal against a model that is slow and obviously right: it keeps every
//! reading, sums every window anew at every pane, and knows nothing of rings, cursors or undo
//! lists. Arithmetic is exact.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::{Run, T0, history, patient_id, policy, reading};
use proptest::prelude::*;
use rpm_core::HostTime;
use rpm_core::event::{Kind, Quality};
use rpm_core::record::{Body, ConditionState, Level};
use serde_json::json;

// --- The model ---------------------------------------------------------------------------------

#[derive(Clone, Debug)]
struct Rule {
    cadence_s: i64,
    pane_s: i64,
    statistic: &'static str,
    /// In panes; `last` alone can do without.
    over: Option<i64>,
    coverage_permille: Option<i64>,
    max_artifact_permille: Option<i64>,
    max_gap_s: i64,
    abandon_after_s: i64,
    high: bool,
    strict: bool,
    levels: Vec<LevelRule>,
}

#[derive(Clone, Debug)]
struct LevelRule {
    level: Level,
    limit: i64,
    hold_s: i64,
    /// Count and window in seconds.
    times: Option<(i64, i64)>,
    clear: Option<i64>,
    clear_for_s: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Good {
    ms: i64,
    value: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Met,
    NotMet,
    Unknown,
}

/// Everything measured: good readings, and panes with bad ones.
#[derive(Default)]
struct Evidence {
    good: BTreeMap<i64, Vec<Good>>,
    bad: BTreeMap<i64, u32>,
}

impl Rule {
    fn is_windowed(&self) -> bool {
        !matches!(self.statistic, "last" | "time_since_last")
    }

    fn window(&self) -> i64 {
        let three_cadences = (3 * self.cadence_s + self.pane_s - 1) / self.pane_s;
        self.over.unwrap_or(three_cadences.max(1))
    }

    /// How much of the window must be covered, in thousandths: half, where the policy is silent
    /// and the statistic is one of a window.
    fn needed_coverage(&self) -> i64 {
        match (self.over, self.coverage_permille) {
            (Some(_), Some(share)) => share,
            (Some(_), None) if self.is_windowed() => 500,
            _ => 0,
        }
    }

    /// What the comparison says of the window that ends with `pane`.
    fn answer(&self, evidence: &Evidence, pane: i64, high: bool, limit: i64) -> Answer {
        let (panes, from) = (self.window(), pane - self.window() + 1);
        let covered = evidence.good.range(from..=pane).count() as i64;
        let spoilt = evidence.bad.range(from..=pane);
        let spoilt = spoilt.filter(|(p, _)| !evidence.good.contains_key(p)).count() as i64;
        if let Some(most) = self.max_artifact_permille {
            if spoilt * 1000 > most * (covered + spoilt) {
                // A gap and an artifact differ in words, not in what follows.
                return Answer::Unknown;
            }
        }
        let cover = (self.cadence_s + self.pane_s - 1) / self.pane_s;
        if covered * cover * 1000 < self.needed_coverage() * panes {
            return Answer::Unknown;
        }
        let mut all: Vec<Good> =
            evidence.good.range(from..=pane).flat_map(|(_, g)| g.clone()).collect();
        all.sort_unstable();
        let Some((top, bottom, squared)) = self.value(&all, panes, covered, cover) else {
            return Answer::Unknown;
        };
        let limit = i128::from(limit);
        let ordering = match (squared, limit < 0) {
            (true, true) => core::cmp::Ordering::Greater,
            (true, false) => top.cmp(&(limit * limit * bottom)),
            (false, _) => top.cmp(&(limit * bottom)),
        };
        let met = match (high, self.strict) {
            (true, true) => ordering.is_gt(),
            (true, false) => ordering.is_ge(),
            (false, true) => ordering.is_lt(),
            (false, false) => ordering.is_le(),
        };
        if met { Answer::Met } else { Answer::NotMet }
    }

    /// The statistic in thousandths as a fraction, or its square; rates are per minute.
    fn value(
        &self,
        all: &[Good],
        panes: i64,
        covered: i64,
        cover: i64,
    ) -> Option<(i128, i128, bool)> {
        let n = all.len() as i128;
        let sum: i128 = all.iter().map(|g| i128::from(g.value)).sum();
        let values = || all.iter().map(|g| i128::from(g.value));
        let ends = || Some((all.first()?, all.last()?));
        let whole = |top: i128| Some((top, 1, false));
        match self.statistic {
            "last" => whole(i128::from(all.last()?.value)),
            "count" => whole(n * 1000),
            "mean" => (n > 0).then_some((sum, n, false)),
            "min" => whole(values().min()?),
            "max" => whole(values().max()?),
            "sum" => (n > 0).then_some((sum, 1, false)),
            "delta" => {
                let (first, last) = ends()?;
                whole(i128::from(last.value - first.value))
            }
            "rate_of_change" => {
                let (first, last) = ends()?;
                let span = i128::from(last.ms - first.ms);
                (span > 0).then_some((i128::from(last.value - first.value) * 60_000, span, false))
            }
            "slope" => {
                let width = self.pane_s * 1000;
                let place =
                    |g: &Good| i128::from(g.ms.div_euclid(width) - all[0].ms.div_euclid(width));
                let x: i128 = all.iter().map(place).sum();
                let xx: i128 = all.iter().map(|g| place(g) * place(g)).sum();
                let xy: i128 = all.iter().map(|g| place(g) * i128::from(g.value)).sum();
                let bottom = n * xx - x * x;
                (bottom > 0).then_some((
                    (n * xy - x * sum) * 60_000,
                    bottom * i128::from(width),
                    false,
                ))
            }
            "standard_deviation" => {
                let squares: i128 = values().map(|v| v * v).sum();
                (n > 1).then_some((n * squares - sum * sum, n * (n - 1), true))
            }
            "coverage" => {
                let covered = (covered * cover).min(panes);
                Some((i128::from(covered) * 100_000, i128::from(panes), false))
            }
            // Conditions are looked at where there is a reading, so it was just now.
            "time_since_last" => whole(0),
            other => panic!("{other}"),
        }
    }
}

/// A predicate's persistence: what has been covered since it was first met.
#[derive(Clone, Copy, Default)]
struct Hold {
    running: bool,
    held: i64,
    last_met: i64,
    /// Whether the look before this one found it met.
    unbroken: bool,
}

struct Model<'a> {
    rule: &'a Rule,
    level: usize,
    holds: [Hold; 3],
    met_at: [Vec<i64>; 3],
    history: Vec<(i64, ConditionState)>,
    abandoned: Vec<(i64, Level, i64)>,
}

impl Model<'_> {
    fn hold(&mut self, i: usize, answer: Answer, at: i64) -> Option<i64> {
        let (max_gap, abandon) = (self.rule.max_gap_s * 1000, self.rule.abandon_after_s * 1000);
        let hold = &mut self.holds[i];
        let before = *hold;
        hold.unbroken = answer == Answer::Met;
        if answer == Answer::NotMet {
            *hold = Hold::default();
            return None;
        }
        let silence = at - before.last_met;
        if before.running && silence > abandon {
            self.abandoned.push((at, self.rule.levels[i].level, before.held));
            *hold = Hold { unbroken: hold.unbroken, ..Hold::default() };
        }
        if answer == Answer::Unknown {
            return None;
        }
        if !hold.running {
            *hold = Hold { running: true, held: 0, last_met: at, unbroken: true };
        } else {
            if before.unbroken && silence <= max_gap {
                hold.held += silence;
            }
            hold.last_met = at;
        }
        Some(hold.held)
    }

    fn look(&mut self, evidence: &Evidence, pane: i64) {
        let rule = self.rule;
        let at = pane * rule.pane_s * 1000;
        let mut raised = None;
        for (i, level) in rule.levels.iter().enumerate() {
            let answer = rule.answer(evidence, pane, rule.high, level.limit);
            if answer == Answer::Met {
                self.met_at[i].push(at);
            }
            if i < self.level {
                continue;
            }
            let held = self.hold(i, answer, at);
            let often = |(count, within): (i64, i64)| {
                let recent = self.met_at[i].iter().filter(|t| **t > at - within * 1000).count();
                answer == Answer::Met && recent as i64 >= count
            };
            let enough = match level.times {
                Some(times) => often(times),
                None => held.is_some_and(|held| held >= level.hold_s * 1000),
            };
            if enough {
                raised = Some(i);
            }
        }
        if let Some(i) = raised {
            self.level = i + 1;
            self.holds[..=i].fill(Hold::default());
        } else if self.level > 0 {
            let mut remaining = 0;
            for i in 0..self.level {
                let level = &rule.levels[i];
                let answer = match level.clear {
                    Some(limit) => rule.answer(evidence, pane, !rule.high, limit),
                    None => match rule.answer(evidence, pane, rule.high, level.limit) {
                        Answer::Met => Answer::NotMet,
                        Answer::NotMet => Answer::Met,
                        Answer::Unknown => Answer::Unknown,
                    },
                };
                if self.hold(i, answer, at).is_none_or(|held| held < level.clear_for_s * 1000) {
                    remaining = i + 1;
                }
            }
            if remaining < self.level {
                self.level = remaining;
                self.holds[remaining..].fill(Hold::default());
            }
        }
        let state = match self.level {
            0 if self.holds.iter().any(|h| h.running) => ConditionState::Pending,
            0 => ConditionState::Normal,
            top if self.holds[top - 1].running => {
                ConditionState::Clearing(rule.levels[top - 1].level)
            }
            top => ConditionState::Active(rule.levels[top - 1].level),
        };
        if self.history.last().is_none_or(|(_, last)| *last != state) {
            self.history.push((at, state));
        }
    }
}

fn model<'a>(rule: &'a Rule, readings: &[Measured]) -> Model<'a> {
    let mut evidence = Evidence::default();
    for r in readings {
        let pane = (T0 + r.ms).div_euclid(rule.pane_s * 1000);
        if r.good {
            let good = Good { ms: T0 + r.ms, value: i64::from(r.value) };
            evidence.good.entry(pane).or_default().push(good);
        } else {
            *evidence.bad.entry(pane).or_default() += 1;
        }
    }
    let mut model = Model {
        rule,
        level: 0,
        holds: [Hold::default(); 3],
        met_at: [const { Vec::new() }; 3],
        history: Vec::new(),
        abandoned: Vec::new(),
    };
    for pane in evidence.good.keys() {
        model.look(&evidence, *pane);
    }
    model
}

// --- The engine --------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Measured {
    ms: i64,
    device: u8,
    value: i32,
    good: bool,
    /// By how much it is late, for the order of arrival.
    late_ms: i64,
}

const HORIZON_S: i64 = 30;

fn spec(rule: &Rule) -> serde_json::Value {
    let comparison = |high: bool, limit: i64| {
        let name = match (high, rule.strict) {
            (true, true) => "above",
            (true, false) => "at_or_above",
            (false, true) => "below",
            (false, false) => "at_or_below",
        };
        json!({ name: limit as f64 / 1000.0 })
    };
    let levels = rule.levels.iter().map(|l| {
        let name = ["informational", "review", "urgent"][l.level as usize];
        let mut level = json!({
            "level": name,
            "raise": comparison(rule.high, l.limit),
            "clear_for": format!("{} s", l.clear_for_s),
        });
        match l.times {
            Some((count, within)) => {
                level["times"] = json!({ "count": count, "within": format!("{within} s") });
            }
            None => level["for"] = json!(format!("{} s", l.hold_s)),
        }
        if let Some(limit) = l.clear {
            level["clear"] = comparison(!rule.high, limit);
        }
        level
    });
    let mut text = json!({
        "id": "r", "title": "r", "signal": "heart_rate", "statistic": rule.statistic,
        "max_gap": format!("{} s", rule.max_gap_s),
        "abandon_after": format!("{} s", rule.abandon_after_s),
        "unverified_after": "30 d",
        "levels": levels.collect::<Vec<_>>(),
    });
    let share = |permille: i64| json!(format!("{}.{} %", permille / 10, permille % 10));
    if let Some(over) = rule.over {
        text["over"] = json!(format!("{} s", over * rule.pane_s));
        if let Some(permille) = rule.coverage_permille {
            text["coverage"] = share(permille);
        }
    }
    if let Some(permille) = rule.max_artifact_permille {
        text["max_artifact"] = share(permille);
    }
    json!({
        "id": "reference", "version": 1, "title": "reference",
        "lateness_horizon": format!("{HORIZON_S} s"),
        "signals": { "heart_rate": {
            "cadence": format!("{} s", rule.cadence_s), "pane": format!("{} s", rule.pane_s),
        } },
        "rules": [text],
    })
}

/// Everything arrives at the end of time, so that nothing happens because host time passes.
fn engine(rule: &Rule, arrivals: &[Measured]) -> Run {
    let mut run = Run::new(&policy(&spec(rule)));
    let end = HostTime::from_millis(T0 + 100_000_000);
    for r in arrivals {
        let mut event = common::With::device(reading(Kind::HEART_RATE, r.ms, r.value), r.device);
        event.quality = if r.good { Quality::GOOD } else { Quality::MOTION };
        let receipt = run.event(event, end);
        assert_eq!(receipt, rpm_core::Receipt::Accepted, "{r:?}");
    }
    run
}

fn compare(rule: &Rule, readings: &[Measured]) -> Result<(), TestCaseError> {
    let expected = model(rule, readings);
    // In the order of measuring, then as late as the horizon allows.
    let mut arrivals = readings.to_vec();
    arrivals.sort_by_key(|r| r.ms);
    let in_order = engine(rule, &arrivals);
    let pane_ms = rule.pane_s * 1000;
    let found = |run: &Run| history(&run.records, &patient_id(0), "r", pane_ms);
    prop_assert_eq!(&found(&in_order), &expected.history, "in order of measuring");
    arrivals.sort_by_key(|r| r.ms + r.late_ms);
    let late = engine(rule, &arrivals);
    prop_assert_eq!(&found(&late), &expected.history, "with late readings");
    prop_assert_eq!(in_order.state("r"), late.state("r"));
    Ok(())
}

/// In the order of measuring and with one reading a pane, what is given up is given up at once.
fn compare_given_up(rule: &Rule, readings: &[Measured]) -> Result<(), TestCaseError> {
    let pane_ms = rule.pane_s * 1000;
    let pane = |r: &Measured| (T0 + r.ms).div_euclid(pane_ms);
    let mut readings = readings.to_vec();
    readings.sort_by_key(|r| r.ms);
    readings.dedup_by_key(|r| pane(r));
    let run = engine(rule, &readings);
    let given_up = |body: &Body| match body {
        Body::HoldAbandoned { level, observed_at, held, .. } => {
            let at = observed_at.as_millis().div_euclid(pane_ms) * pane_ms;
            Some((at, *level, held.as_millis()))
        }
        _ => None,
    };
    let found: Vec<_> = run.bodies().into_iter().filter_map(given_up).collect();
    prop_assert_eq!(&found, &model(rule, &readings).abandoned);
    Ok(())
}

// --- Rules and readings at random --------------------------------------------------------------

const STATISTICS: [&str; 12] = [
    "last",
    "count",
    "mean",
    "min",
    "max",
    "sum",
    "delta",
    "rate_of_change",
    "slope",
    "standard_deviation",
    "coverage",
    "time_since_last",
];

/// Limits where the readings (60 to 100) make the statistic go to and fro.
fn limits_of(statistic: &'static str) -> (i64, i64) {
    match statistic {
        "count" => (0, 20_000),
        "sum" => (60_000, 1_000_000),
        "delta" => (-30_000, 30_000),
        "rate_of_change" | "slope" => (-200_000, 200_000),
        "standard_deviation" => (0, 20_000),
        "coverage" => (0, 100_000),
        "time_since_last" => (0, 10_000),
        _ => (60_000, 100_000),
    }
}

fn level(statistic: &'static str) -> impl Strategy<Value = LevelRule> {
    let (low, high) = limits_of(statistic);
    let limit = (low / 500..=high / 500).prop_map(|n| n * 500);
    let hold = prop_oneof![3 => Just(0), 3 => 1..8_i64, 1 => 8..40_i64];
    let times = prop::option::weighted(0.2, (1..4_i64, 2..20_i64));
    let clear = prop::option::weighted(0.6, -4..10_i64);
    let clear_for = prop_oneof![2 => Just(0), 3 => 1..8_i64, 1 => 8..40_i64];
    (limit, hold, times, clear, clear_for).prop_map(
        move |(limit, hold_s, times, clear, clear_for_s)| {
            let clear = clear.map(|steps| steps * (high - low) / 40 / 500 * 500);
            LevelRule { level: Level::Review, limit, hold_s, times, clear, clear_for_s }
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let timing = prop_oneof![
        4 => Just((1, 1)), 1 => Just((5, 1)), 1 => Just((2, 2)), 1 => Just((5, 5)), 1 => Just((1, 3)),
    ];
    let statistic = prop::sample::select(&STATISTICS[..]);
    let shares = (
        prop::option::of(prop_oneof![1..1000_i64, Just(666), Just(500), Just(1000)]),
        prop::option::weighted(0.3, prop_oneof![0..1000_i64, Just(333), Just(500)]),
    );
    let gaps = (prop_oneof![Just(3), 0..20_i64], 0..40_i64);
    (timing, statistic, 1..15_i64, any::<bool>(), shares, gaps, any::<(bool, bool)>(), 1..=3_usize)
        .prop_flat_map(|(timing, statistic, over, given, shares, gaps, (high, strict), count)| {
            (prop::collection::vec(level(statistic), count), 0..3_usize).prop_map(
                move |(mut levels, skip)| {
                    // Mostly the severer the further out.
                    if skip > 0 {
                        levels.sort_by_key(|l| if high { l.limit } else { -l.limit });
                    }
                    let first = 3 - count;
                    for (i, level) in levels.iter_mut().enumerate() {
                        level.level =
                            [Level::Informational, Level::Review, Level::Urgent][first + i];
                        // A clear limit is so far on the safe side of the raise limit.
                        let side = if high { -1 } else { 1 };
                        level.clear = level.clear.map(|distance| level.limit + side * distance);
                    }
                    let windowed = !matches!(statistic, "last" | "time_since_last");
                    // A gap shorter than a pane is refused: no hold could ever accrue.
                    let (max_gap_s, longer) = (gaps.0.max(timing.1), gaps.1);
                    Rule {
                        cadence_s: timing.0,
                        pane_s: timing.1,
                        statistic,
                        over: (windowed || given).then_some(over),
                        coverage_permille: shares.0,
                        max_artifact_permille: shares.1,
                        max_gap_s,
                        abandon_after_s: max_gap_s + longer,
                        high,
                        strict,
                        levels,
                    }
                },
            )
        })
}

/// Readings that stay for a while where they are, with gaps, artifacts and neighbours.
fn readings() -> impl Strategy<Value = Vec<Measured>> {
    let gap_s = prop_oneof![
        1 => Just(0_i64), 12 => Just(1), 3 => 2..6_i64, 1 => 6..60_i64, 1 => 60..200_i64,
    ];
    let level = prop::option::weighted(0.25, 60..=100_i32);
    let step =
        (gap_s, 0..1000_i64, level, -2..=2_i32, 0..10_u8, 0..HORIZON_S * 1000 - 6000, 0..10_u8);
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let (mut second, mut base) = (0, 80);
        let mut found: Vec<Measured> = Vec::new();
        for (gap, jitter, level, noise, bad, late_ms, device) in steps {
            second += gap;
            base = level.unwrap_or(base);
            // Most devices are regular; most readings are in order.
            let jitter = if bad < 5 { 0 } else { jitter };
            let late_ms = if device < 5 { 0 } else { late_ms };
            let (good, device) = (bad != 9, u8::from(device == 9));
            let value = (base + noise) * 1000;
            let ms = second * 1000 + jitter;
            if !found.iter().any(|r| (r.ms, r.device) == (ms, device)) {
                found.push(Measured { ms, device, value, good, late_ms });
            }
        }
        found
    })
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/reference.txt", 20_260_301))]

    #[test]
    fn the_engine_agrees_with_the_model(rule in rule(), readings in readings()) {
        compare(&rule, &readings)?;
    }

    #[test]
    fn a_hold_given_up_is_recorded_once_each(rule in rule(), readings in readings()) {
        compare_given_up(&rule, &readings)?;
    }
}
