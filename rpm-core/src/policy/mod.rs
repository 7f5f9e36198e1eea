//! Policies: what people write, checked whole, compiled once, never changed.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | the policy as written (JSON, TOML) |
//! | `plan` | the policy as executed: windows, comparisons, levels |
//! | `compile` | from one to the other, with every mistake at once: **add a rule kind here** |
//! | [`score`] | early warning scores: built-in charts, and a site's own |
//! | [`risk`] | models: what goes in, how often, where the score goes |
//! | [`care`] | who is told, who may do what, when an alert keeps quiet, how well that should go |
//! | `modifier` | circumstances that change what rules ask for |
//! | `check` | warnings: legal, but probably not meant |
//! | `words` | the policy in plain words |
//! | [`change`] | proposal and approval of another policy |
//! | `succession` | what becomes of rules and signals then |

pub mod care;
pub mod change;
mod check;
mod compile;
mod modifier;
mod plan;
mod read;
pub mod risk;
pub mod score;
pub mod spec;
mod succession;
mod words;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::error::Error;
use crate::event::{Kind, KindRef};
use crate::record::{Hash, PolicyRef};
use crate::signal::baseline::{BaselineDef, Method};
use crate::signal::summary::SummaryDef;
use crate::time::Duration;

pub use crate::signal::SignalDef;
pub use care::{AlertClass, BurnPolicy, Objective, Permission};
pub(crate) use care::{Care, Wanted, minute_of_day};
pub use change::{Approved, Proposal};
pub(crate) use compile::cover;
pub(crate) use modifier::{Adjust, Modifier};
pub use plan::{Comparison, LimitLine, Mode, Rule};
pub(crate) use plan::{
    Derivation, Derived, Expr, FromBaseline, Fused, Leaf, LevelDef, Limits, Missing, Part, Reader,
    Recently, RuleBody,
};
use score::Score;
pub use spec::{Harm, Onset, PolicySpec};
pub(crate) use succession::{Succession, succeed};
pub(crate) use words::unit_text;

/// Where the JSON Schema of a [`PolicySpec`] says it lives.
#[cfg(feature = "schema")]
pub const POLICY_V1_ID: &str = "urn:rpm:policy:1";

/// A checked policy, immutable and shared.
///
/// Two policies with the same [`hash`](Self::hash) decide the same.
#[derive(Clone, Debug)]
pub struct Policy {
    spec: Arc<PolicySpec>,
    hash: Hash,
    horizon: Duration,
    max_future_skew: Duration,
    /// What it declares: name and unit.
    kinds: Vec<(String, String)>,
    signals: Vec<SignalDef>,
    rules: Vec<Rule>,
    care: Arc<Care>,
    baselines: Vec<BaselineDef>,
    scores: Vec<Score>,
    /// The signals that nobody measures.
    derived: Vec<Derived>,
    modifiers: Vec<Modifier>,
    risks: Arc<[risk::Scoring]>,
    /// Of each signal.
    readers: Vec<Vec<Reader>>,
    /// Signal of each kind of the table.
    by_kind: Vec<Option<u16>>,
    warnings: Vec<Error>,
}

/// Everything that is wrong with a policy, each with its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyErrors(Vec<Error>);

impl Policy {
    /// Reads JSON.
    pub fn from_json(text: &[u8]) -> Result<Arc<Self>, PolicyErrors> {
        Self::from_spec(read::json(text)?)
    }

    /// Reads TOML.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Arc<Self>, PolicyErrors> {
        Self::from_spec(read::toml(text)?)
    }

    /// Checks and compiles.
    pub fn from_spec(spec: PolicySpec) -> Result<Arc<Self>, PolicyErrors> {
        compile::compile(spec).map(Arc::new)
    }

    /// The policy's name.
    pub fn id(&self) -> &str {
        &self.spec.id
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        self.spec.version
    }

    /// One line for people.
    pub fn title(&self) -> &str {
        &self.spec.title
    }

    /// SHA-256 of its canonical JSON.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// As written, without the editor's hint.
    pub fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    /// The canonical JSON that the hash is of.
    pub fn to_json(&self) -> String {
        compile::canonical(&self.spec)
    }

    /// Name, version and hash.
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { id: self.spec.id.clone(), version: self.spec.version, hash: self.hash }
    }

    /// Legal, but probably not meant.
    pub fn warnings(&self) -> &[Error] {
        &self.warnings
    }

    /// The policy in plain words, one paragraph a rule.
    pub fn describe(&self) -> String {
        words::describe(self)
    }

    /// What is monitored.
    pub fn signals(&self) -> &[SignalDef] {
        &self.signals
    }

    /// What raises alerts.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that evaluate a signal.
    #[inline]
    pub(crate) fn readers(&self, signal: usize) -> &[Reader] {
        self.readers.get(signal).map_or(&[], Vec::as_slice)
    }

    /// The rule of this name, with its place.
    pub fn rule(&self, id: &str) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.id() == id)
    }

    /// What is learned of each patient.
    pub(crate) fn baselines(&self) -> &[BaselineDef] {
        &self.baselines
    }

    /// The scores that are counted.
    pub fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// So far back in event time late evidence can change what rules make of it, in milliseconds.
    pub(crate) fn look_back(&self) -> i64 {
        let of_rule = |rule: &Rule| match &rule.body {
            RuleBody::Limits(limits) => limits.keep,
            RuleBody::Missing(_) => 0,
        };
        let widest = self.signals.iter().map(|def| def.pane_ms).max().unwrap_or(0);
        let keep = self.rules.iter().map(of_rule).max().unwrap_or(0);
        // Whether the patient slept is asked when a pane is certain.
        let by_sleep = |def: &&BaselineDef| matches!(def.method, Method::BySleep { .. });
        let learned = |def: &BaselineDef| {
            compile::remembered(def, self.signals[usize::from(def.signal)].pane_ms)
        };
        let keep = self.baselines.iter().filter(by_sleep).map(learned).fold(keep, i64::max);
        keep.max(self.horizon.as_millis()).saturating_add(2 * widest)
    }

    /// The signals that nobody measures.
    pub(crate) fn derived(&self) -> &[Derived] {
        &self.derived
    }

    /// The signals that are one value a night, and what each is made of, in the order of their places.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = (&Derived, &SummaryDef)> {
        self.derived.iter().filter_map(|derived| match &derived.how {
            Derivation::Summary(def) => Some((derived, def)),
            _ => None,
        })
    }

    /// Whether anything waits for readings to be certain.
    pub(crate) fn learns(&self) -> bool {
        !self.baselines.is_empty() || self.summaries().next().is_some()
    }

    /// Whether anything is made of readings as they come.
    pub(crate) fn has_feeds(&self) -> bool {
        self.signals.iter().any(|def| !def.feeds.is_empty())
    }

    /// Circumstances that change what rules ask for.
    pub(crate) fn modifiers(&self) -> &[Modifier] {
        &self.modifiers
    }

    /// The models that score patients, by name.
    pub fn risks(&self) -> &[risk::Scoring] {
        &self.risks
    }

    /// The entry of this name.
    pub fn risk(&self, name: &str) -> Option<&risk::Scoring> {
        self.risks.iter().find(|risk| risk.name() == name)
    }

    /// The part about people.
    pub(crate) fn care(&self) -> &Care {
        &self.care
    }

    /// What is asked of the service; see [`insight::Slo`](crate::insight::Slo).
    pub fn objectives(&self) -> &[Objective] {
        &self.care.objectives
    }

    /// For how long the objectives' error budgets are, and when they burn too fast.
    pub fn burn_policy(&self) -> &BurnPolicy {
        &self.care.burn
    }

    /// How late a reading may be and still count as part of what is going on now.
    pub fn lateness_horizon(&self) -> Duration {
        self.horizon
    }

    /// How far ahead of the host's clock a reading may claim to be.
    pub fn max_future_skew(&self) -> Duration {
        self.max_future_skew
    }

    /// The kind that an event means, if the table or this policy knows it.
    pub fn resolve(&self, kind: &KindRef) -> Option<Kind> {
        match kind {
            KindRef::Known(kind) => Some(*kind),
            KindRef::Declared(name) => self.kind_named(name),
        }
    }

    /// The kind of this name.
    pub fn kind_named(&self, name: &str) -> Option<Kind> {
        let declared = || self.kinds.iter().position(|(k, _)| k == name);
        let number = |index: usize| Kind(Kind::FIRST_DECLARED + index as u16);
        Kind::named(name).or_else(|| declared().map(number))
    }

    /// Whether no number of a kind that another policy declares means something else here.
    pub(crate) fn keeps_kinds_of(&self, other: &Self) -> bool {
        self.kinds.iter().zip(&other.kinds).all(|((here, _), (there, _))| here == there)
    }

    /// The name of a kind.
    pub fn kind_name(&self, kind: Kind) -> Option<&str> {
        match kind.info() {
            Some(info) => Some(info.name),
            None => self.declared(kind).map(|(name, _)| name.as_str()),
        }
    }

    /// The unit in which a declared kind's values arrive.
    pub fn declared_unit(&self, kind: Kind) -> Option<&str> {
        self.declared(kind).map(|(_, unit)| unit.as_str())
    }

    fn declared(&self, kind: Kind) -> Option<&(String, String)> {
        let index = kind.0.checked_sub(Kind::FIRST_DECLARED)?;
        self.kinds.get(usize::from(index))
    }

    /// The signal that monitors a kind.
    #[inline]
    pub fn signal_of(&self, kind: Kind) -> Option<usize> {
        match self.by_kind.get(usize::from(kind.0)) {
            Some(signal) => signal.map(usize::from),
            // Declared kinds: a handful, so that a scan beats a search.
            // What is derived is nobody's reading.
            None => self.signals.iter().position(|s| s.kind == kind && s.derived.is_none()),
        }
    }
}

impl PolicyErrors {
    /// One by one.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{error}")?;
        }
        Ok(())
    }
}

impl core::error::Error for PolicyErrors {}
