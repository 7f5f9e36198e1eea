//! From a policy as written to a policy as executed, with every mistake at once.
//!
//! | module | holds |
//! |---|---|
//! | `signals` | kinds and signals |
//! | `rules` | rules and their levels |
//! | `predicates` | comparisons and compositions |
//! | `baselines` | what is learned of each patient |
//! | `modifiers` | circumstances that change what rules ask for |
//! | `risk` | what goes into models, and where their scores go |
//! | `derived` | signals that nobody measures: scores, what redundant sources say together |
//!
//! A rule has a *kind*: levels with limits, or a missing signal. To add one: a field in
//! [`RuleSpec`](super::spec::RuleSpec), a variant of [`RuleBody`](super::RuleBody), an arm in
//! [`Compiler::rule_body`], and its evaluation in `rule`.

mod asked;
mod baselines;
mod derived;
mod modifiers;
mod predicates;
mod risk;
mod rules;
mod signals;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::spec::{Number, PolicySpec};
use super::{Policy, PolicyErrors, SignalDef, check};
use crate::error::{Code, Error};
use crate::event::Kind;
use crate::record::Hash;
use crate::small_map::SmallMap;
use crate::time::Duration;
use crate::value::{Decimal, Ratio, Value};

use baselines::moved_by_sleep;
pub(super) use baselines::{guard, remembered};
use signals::KindFacts;
pub(crate) use signals::cover;

// Bounds here and in the modules, so that a policy's cost is bounded before it runs.
const MAX_NAME: usize = 64;
const MAX_TITLE: usize = 500;
/// Panes a signal may keep: sums of squares of places and values stay within `i64`.
const MAX_PANES: i64 = 32_768;
/// Ten years: longer durations in a policy are mistakes, and arithmetic on these cannot overflow.
const MAX_DURATION_MS: i64 = 10 * 366 * 86_400_000;

pub(super) fn compile(spec: PolicySpec) -> Result<Policy, PolicyErrors> {
    // The editor's hint is no part of it.
    let spec = PolicySpec { schema: None, ..spec };
    let mut compiler = Compiler::default();
    compiler.head(&spec);
    compiler.kinds(&spec);
    compiler.signals(&spec);
    compiler.name_baselines(&spec);
    let (scores, derived) = compiler.derived(&spec);
    let mut rules = compiler.rules(&spec);
    let modifiers = compiler.modifiers(&spec, &mut rules);
    let care = compiler.care(&spec.care, &rules);
    let risks = compiler.risks(&spec);
    compiler.asked(&spec, &rules, &derived);
    compiler.size_rings();
    compiler.keep_derived(&derived);
    let mut baselines = compiler.baselines(&spec, &rules, &derived);
    guard(&mut baselines, &mut compiler.signals, &mut rules, &derived);
    if !compiler.errors.is_empty() {
        return Err(PolicyErrors(compiler.errors));
    }
    moved_by_sleep(&baselines, &mut rules);
    let signal_of = |kind: Kind| compiler.signals.iter().position(|s| s.kind == kind);
    let by_kind = Kind::all().map(|kind| signal_of(kind).map(|i| i as u16)).collect();
    let mut policy = Policy {
        hash: Hash::of(canonical(&spec).as_bytes()),
        spec: Arc::new(spec),
        readers: super::plan::readers(compiler.signals.len(), &rules),
        horizon: compiler.horizon,
        max_future_skew: compiler.skew,
        kinds: compiler.kinds,
        signals: compiler.signals,
        rules,
        care: Arc::new(care),
        baselines,
        scores,
        derived,
        modifiers,
        risks: risks.into(),
        by_kind,
        warnings: Vec::new(),
    };
    policy.warnings = check::warnings(&policy);
    Ok(policy)
}

/// JSON in the order of the fields.
pub(super) fn canonical(spec: &PolicySpec) -> String {
    serde_json::to_string(spec).unwrap_or_default()
}

#[derive(Default)]
pub(super) struct Compiler {
    pub(super) errors: Vec<Error>,
    horizon: Duration,
    skew: Duration,
    /// Name and unit.
    kinds: Vec<(String, String)>,
    /// What is known of each declared kind.
    declared: Vec<KindFacts>,
    pub(super) signals: Vec<SignalDef>,
    names: SmallMap<String, usize>,
    baseline_names: SmallMap<String, u16>,
    /// The derived signals that are one value a night.
    summarised: Vec<u16>,
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
    pub fn number(&mut self, number: &Number, path: &str) -> Value {
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

    pub fn share(&mut self, text: &str, path: &str) -> Option<i64> {
        let number = text.strip_suffix('%').map(str::trim);
        let value = number.and_then(|n| n.parse::<Value>().ok()).map(Value::thousandths);
        match value {
            // Thousandths of a per cent to thousandths of one.
            Some(v) if (0..=100_000).contains(&v) && v % 100 == 0 => Some(i64::from(v / 100)),
            _ => {
                self.error(Code::BadShare, path);
                None
            }
        }
    }
}
