//! What is learned of each patient.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::plan::{
    Derivation, Derived, FromBaseline, LevelDef, Limits, Mode, Rule, RuleBody,
};
use super::super::spec::{BaselineSpec, LearnSpec, Number, PolicySpec};
use super::{Compiler, MAX_PANES};
use crate::error::Code;
use crate::signal::SignalDef;
use crate::signal::baseline::{BaselineDef, CHUNK, Method, decay};
use crate::small_map::SmallMap;
use crate::time::Duration;
use crate::value::Value;

const MAX_BASELINES: usize = 200;
const MAX_MEDIAN: u16 = 400;
/// So many panes of an hour of the day are counted.
const MAX_BY_HOUR: u32 = u16::MAX as u32;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// The age band that is everybody's.
const ANY: &str = "any";

impl Compiler {
    /// Where each baseline will be: rules refer to them before they are looked at.
    pub(super) fn name_baselines(&mut self, spec: &PolicySpec) {
        if spec.baselines.len() > MAX_BASELINES {
            return self.error(Code::TooManyItems, "baselines");
        }
        for (index, name) in spec.baselines.keys().enumerate() {
            self.name(name, &format!("baselines.{name}"));
            self.baseline_names.insert(name.clone(), index as u16);
        }
    }

    /// After the rules: what they look back on decides when a reading is certain.
    pub(super) fn baselines(
        &mut self,
        spec: &PolicySpec,
        rules: &[Rule],
        derived: &[Derived],
    ) -> Vec<BaselineDef> {
        let mut defs = Vec::new();
        for (index, (name, baseline)) in spec.baselines.iter().enumerate() {
            let path = format!("baselines.{name}");
            let signal = self.signal_index(Some(&baseline.of), &format!("{path}.of"));
            let certain_after = signal.map_or(0, |signal| {
                let looks_back = looks_back(index as u16, signal as u16, derived);
                let asked = rules.iter().filter_map(looks_back).max();
                let width = self.signals[signal].pane_ms;
                asked.unwrap_or(0).max(self.horizon.as_millis().max(width) + 2 * width)
            });
            defs.extend(self.baseline(name, baseline, signal, certain_after, &path));
        }
        defs
    }

    /// Nothing if there are mistakes in it; without a signal, the others are still told.
    fn baseline(
        &mut self,
        name: &str,
        spec: &BaselineSpec,
        signal: Option<usize>,
        certain_after: i64,
        path: &str,
    ) -> Option<BaselineDef> {
        let width = signal.map_or(1, |signal| self.signals[signal].pane_ms);
        let every = self.optional_duration(spec.every.as_ref(), &format!("{path}.every"));
        if every.is_some_and(|every| every.as_millis() < certain_after) {
            let hint = format!("at least {}", Duration::from_millis(certain_after));
            self.error_with(Code::OutOfRange, format!("{path}.every"), hint);
        }
        let interval = every.unwrap_or(HOUR).as_millis().max(certain_after);
        let method = self.method(&spec.learn, interval, path);
        let warm_up = self.optional_duration(spec.warm_up.as_ref(), &format!("{path}.warm_up"));
        let panes = |d: Duration| d.in_panes(width).clamp(1, u32::MAX.into()) as u32;
        let usually = match method {
            Some(Method::Median { of }) => u32::from(of).div_ceil(2),
            Some(Method::ByHour { .. }) => panes(HOUR),
            _ => panes(DAY),
        };
        let most =
            if matches!(method, Some(Method::ByHour { .. })) { MAX_BY_HOUR } else { u32::MAX };
        let least = spec.least_deviation.as_ref().map(|least| {
            let path = format!("{path}.least_deviation");
            let least = self.number(least, &path);
            if least < Value::ZERO {
                self.error(Code::OutOfRange, path);
            }
            least.thousandths()
        });
        let fallback = self.fallbacks(&spec.fallback, path);
        let signal = signal?;
        let def = BaselineDef {
            id: name.to_string(),
            signal: signal as u16,
            method: method?,
            interval,
            certain_after,
            warm_up: warm_up.map_or(usually, panes).min(most),
            resolution: self.signals[signal].resolution,
            least_spread: least.unwrap_or(self.signals[signal].resolution.thousandths()),
            guards: Vec::new(),
            fallback,
        };
        if kept(&def, width) > 2 * MAX_PANES {
            let hint = "too many panes until readings are certain: widen the pane".to_string();
            self.error_with(Code::WindowTooLong, format!("{path}.of"), hint);
        }
        Some(def)
    }

    fn method(&mut self, spec: &LearnSpec, interval: i64, path: &str) -> Option<Method> {
        let path = format!("{path}.learn");
        match spec {
            LearnSpec::Mean { half_life } => {
                let factor = self.half_life(half_life, interval, &format!("{path}.mean"))?;
                Some(Method::Mean { factor })
            }
            LearnSpec::ByHour { half_life } => {
                let path = format!("{path}.by_hour");
                if HOUR.as_millis() % interval != 0 {
                    let hint = "what comes into force must be a whole part of an hour".to_string();
                    self.error_with(Code::OutOfRange, path.as_str(), hint);
                }
                let factor = self.half_life(half_life, interval, &path)?;
                Some(Method::ByHour { factor })
            }
            LearnSpec::BySleep { half_life } => {
                let factor = self.half_life(half_life, interval, &format!("{path}.by_sleep"))?;
                Some(Method::BySleep { factor })
            }
            LearnSpec::Range { from, to, half_life } => {
                let path = format!("{path}.range");
                let low = self.share(from, &format!("{path}.from"))? as u16;
                let high = self.share(to, &format!("{path}.to"))? as u16;
                if low >= high {
                    self.error(Code::OutOfRange, format!("{path}.to"));
                }
                let factor = self.half_life(half_life, interval, &path)?;
                Some(Method::Range { low, high, factor })
            }
            LearnSpec::Median { panes } if (1..=MAX_MEDIAN).contains(panes) => {
                Some(Method::Median { of: *panes })
            }
            LearnSpec::Median { .. } => {
                let hint = format!("1 to {MAX_MEDIAN}");
                self.error_with(Code::OutOfRange, format!("{path}.median.panes"), hint);
                None
            }
        }
    }

    /// By what a weight decays in an interval.
    fn half_life(&mut self, text: &str, interval: i64, path: &str) -> Option<u32> {
        let path = format!("{path}.half_life");
        let failed_before = self.errors.len();
        let half_life = self.duration(text, &path).as_millis();
        if self.errors.len() > failed_before {
            return None;
        }
        if half_life < interval {
            let hint = format!("at least {}", Duration::from_millis(interval));
            self.error_with(Code::OutOfRange, path, hint);
            return None;
        }
        Some(decay::factor(interval, half_life))
    }

    fn fallbacks(
        &mut self,
        spec: &SmallMap<String, [Number; 2]>,
        path: &str,
    ) -> Vec<(Option<String>, (Value, Value))> {
        let mut found = Vec::new();
        for (band, [low, high]) in spec {
            let path = format!("{path}.fallback.{band}");
            let failed_before = self.errors.len();
            let (low, high) = (self.number(low, &path), self.number(high, &path));
            if low >= high && self.errors.len() == failed_before {
                self.error(Code::OutOfRange, path);
            }
            found.push(((band != ANY).then(|| band.clone()), (low, high)));
        }
        found.sort_by_key(|(band, _)| band.is_none());
        found
    }
}

/// How far back a rule looks that reads the signal or compares with the baseline.
fn looks_back(
    baseline: u16,
    signal: u16,
    derived: &[Derived],
) -> impl Fn(&Rule) -> Option<i64> + '_ {
    move |rule| {
        let RuleBody::Limits(limits) = &rule.body else {
            return None;
        };
        let mut from = limits.levels.iter().flat_map(LevelDef::leaves).filter_map(|leaf| leaf.from);
        let reads = is_about(limits, baseline, signal, derived)
            || from.any(|from| from.baseline == baseline);
        reads.then_some(limits.keep)
    }
}

/// Whether a rule reads a baseline's signal, or how far that has drifted from it.
fn is_about(limits: &Limits, baseline: u16, signal: u16, derived: &[Derived]) -> bool {
    let drifts = |derived: &&Derived| match &derived.how {
        Derivation::Drift(def) => def.baseline == baseline,
        _ => false,
    };
    let mut drifts = derived.iter().filter(drifts).map(|derived| derived.signal);
    limits.signals.contains(&signal) || drifts.any(|drift| limits.signals.contains(&drift))
}

/// How long what rules make of panes must be remembered, in milliseconds.
pub(in crate::policy) fn remembered(def: &BaselineDef, pane_ms: i64) -> i64 {
    def.certain_after + (CHUNK + 2) * pane_ms
}

/// How many panes must be kept. A median is asked of late evidence, too.
fn kept(def: &BaselineDef, pane_ms: i64) -> i64 {
    let panes = |ms| Duration::from_millis(ms).in_panes(pane_ms);
    match def.method {
        Method::Median { of } => i64::from(of) + panes(def.certain_after) + 1,
        _ => panes(remembered(def, pane_ms)),
    }
}

/// Which rules keep each baseline from learning, and how long these and the panes must be remembered.
pub(in crate::policy) fn guard(
    baselines: &mut [BaselineDef],
    signals: &mut [SignalDef],
    rules: &mut [Rule],
    derived: &[Derived],
) {
    for (place, def) in baselines.iter_mut().enumerate() {
        let signal = &mut signals[usize::from(def.signal)];
        let remembered = remembered(def, signal.pane_ms);
        def.guards.clear();
        for (index, rule) in rules.iter_mut().enumerate().filter(|(_, r)| r.mode == Mode::Active) {
            match &mut rule.body {
                RuleBody::Limits(limits) if is_about(limits, place as u16, def.signal, derived) => {
                    def.guards.push(index as u16);
                    limits.keep = limits.keep.max(remembered);
                }
                _ => {}
            }
        }
        signal.ring_panes =
            signal.ring_panes.max(kept(def, signal.pane_ms).clamp(1, 2 * MAX_PANES) as u32);
    }
}

/// Circumstances move the limits of rules that compare with what is usual of one who sleeps, or is awake.
pub(super) fn moved_by_sleep(baselines: &[BaselineDef], rules: &mut [Rule]) {
    let by_sleep = |from: FromBaseline| {
        matches!(baselines[usize::from(from.baseline)].method, Method::BySleep { .. })
    };
    for rule in rules {
        if let RuleBody::Limits(limits) = &mut rule.body {
            let mut from = limits.levels.iter().flat_map(LevelDef::leaves).filter_map(|l| l.from);
            if from.any(by_sleep) {
                limits.modified = true;
                (limits.plain, limits.bounded) = (false, false);
            }
        }
    }
}
