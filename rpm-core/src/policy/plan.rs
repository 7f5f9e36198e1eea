//! The policy as executed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::modifier::Adjust;
use crate::record::{Distance, Level};
use crate::signal::Statistic;
use crate::signal::baseline::Norm;
use crate::signal::drift::DriftDef;
use crate::signal::summary::SummaryDef;
use crate::time::Duration;
use crate::value::div_round;

/// No value is as far out; and times the readings of a window, it fits 64 bits.
const FARTHEST: i64 = 1 << 40;

/// Whether a rule decides, only records, or rests; what says more comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mode {
    /// It decides.
    Active,
    /// It is evaluated and recorded, and annunciates nothing.
    Shadow,
    /// It rests.
    Disabled,
}

impl Mode {
    /// As policies and records name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Shadow => "shadow",
            Self::Disabled => "disabled",
        }
    }
}

/// A rule: one condition of every patient.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) mode: Mode,
    pub(crate) body: RuleBody,
    /// Whether it only follows the open episodes of a policy before.
    pub(crate) retired: Option<Retired>,
}

/// A rule that another policy put out of force.
#[derive(Clone, Debug)]
pub(crate) struct Retired {
    /// Its name and the version it comes from, such as `spo2-low@3`: records tell its condition from
    /// that of the rule in force.
    pub label: String,
    /// The rule of the same name that is in force.
    pub successor: Option<u16>,
}

#[derive(Clone, Debug)]
pub(crate) enum RuleBody {
    Limits(Limits),
    Missing(Missing),
}

/// Levels with limits.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// From mild to severe.
    pub levels: Vec<LevelDef>,
    /// The distinct signals it reads.
    pub signals: Vec<u16>,
    pub max_gap: i64,
    pub abandon_after: i64,
    pub unverified_after: Duration,
    /// Three re-entries within this time make an episode unstable.
    pub flap_window: Duration,
    /// How far back late evidence can reach: older states need not be kept.
    pub keep: i64,
    /// The longest window of `times`.
    pub longest_times: i64,
    /// Whether it reads one signal, and every level is raised by a single comparison with a limit that
    /// stands.
    pub plain: bool,
    /// Whether it reads one signal, and every level is raised by a single mean with a limit that no
    /// circumstances change: then it can be told for how long none can be met.
    pub bounded: bool,
    /// Whether a bad reading can change a verdict.
    pub minds_artifacts: bool,
    /// Whether circumstances change any level.
    pub modified: bool,
}

/// A signal that nobody measures.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    /// Index of the signal.
    pub signal: u16,
    /// The signals that it is made of, each once.
    pub inputs: Vec<u16>,
    pub how: Derivation,
}

/// What a derived signal makes of its inputs.
#[derive(Clone, Debug)]
pub(crate) enum Derivation {
    /// Part of a score, by its index.
    Score { score: u16, part: Part },
    /// What redundant sources say together.
    Fused(Fused),
    /// The first input minus the second.
    Difference,
    /// One value a night of its only input.
    Summary(SummaryDef),
    /// How far its only input has drifted from what is usual.
    Drift(DriftDef),
}

impl Derivation {
    /// Whether it asks for nothing of its inputs but the latest value of each.
    pub fn reads_latest_only(&self) -> bool {
        match self {
            Self::Score { .. } | Self::Difference => true,
            Self::Fused(fused) => fused.unless.is_none(),
            Self::Summary(_) | Self::Drift(_) => false,
        }
    }
}

/// Redundant sources of one thing.
#[derive(Clone, Debug)]
pub(crate) struct Fused {
    /// So many of the inputs, the first ones, are sources; the others are asked for `unless`.
    pub sources: u16,
    /// In thousandths.
    pub agree_within: Option<i64>,
    pub unless: Option<Expr>,
}

/// What of a score a signal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Total,
    /// The highest points of a single parameter.
    HighestSingle,
    /// The points of the parameter at this place in the chart.
    Parameter(u16),
}

/// A rule that reads a signal, as an ordinary reading meets it.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub rule: u16,
    /// What decides whether any level is met, where one comparison does.
    pub gauge: Option<Leaf>,
}

/// Which rules evaluate each signal.
pub(super) fn readers(signals: usize, rules: &[Rule]) -> Vec<Vec<Reader>> {
    let mut readers: Vec<Vec<Reader>> = (0..signals).map(|_| Vec::new()).collect();
    for (rule, def) in rules.iter().enumerate().filter(|(_, def)| def.mode != Mode::Disabled) {
        let RuleBody::Limits(limits) = &def.body else {
            continue;
        };
        for signal in &limits.signals {
            let reader = Reader { rule: rule as u16, gauge: limits.gauge() };
            readers[usize::from(*signal)].push(reader);
        }
    }
    readers
}

#[derive(Clone, Debug)]
pub(crate) struct LevelDef {
    pub level: Level,
    pub raise: Expr,
    /// `not raise` if absent.
    pub clear: Option<Expr>,
    pub hold: i64,
    /// What circumstances make of it, in the order in which they apply.
    pub hold_adjusts: Vec<Adjust>,
    /// Modifiers under which the level is not judged.
    pub rests: Vec<u16>,
    /// Modifiers under which it counts as another level, in the order in which they apply: which one, by
    /// its place.
    pub severities: Vec<(u16, u8)>,
    /// Modifiers under which the rule is in another mode at this level, in the order in which they apply.
    pub modes: Vec<(u16, Mode)>,
    pub times: Option<Times>,
    pub clear_hold: i64,
    pub latch: bool,
}

impl Limits {
    /// See [`Reader::gauge`]. A rule that is bounded has better than that.
    pub fn gauge(&self) -> Option<Leaf> {
        match &self.levels[..] {
            [only] if self.plain && !self.bounded => only.leaf().cloned(),
            _ => None,
        }
    }
}

impl Leaf {
    /// Whether its limit is the same at all times.
    #[inline]
    pub fn is_fixed(&self) -> bool {
        self.from.is_none() && self.adjusts.is_empty()
    }
}

impl LevelDef {
    /// Whether any circumstances change it.
    pub fn is_modified(&self) -> bool {
        let adjusted = |leaf: &Leaf| !leaf.adjusts.is_empty();
        !self.rests.is_empty()
            || self.modes.iter().any(|(_, mode)| *mode == Mode::Disabled)
            || !self.severities.is_empty()
            || !self.hold_adjusts.is_empty()
            || self.leaves().any(adjusted)
    }

    /// Every comparison that raises or clears it.
    pub fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        [Some(&self.raise), self.clear.as_ref()].into_iter().flatten().flat_map(Expr::leaves)
    }

    /// The comparison that raises it, if it is one alone.
    #[inline]
    pub fn leaf(&self) -> Option<&Leaf> {
        match &self.raise {
            Expr::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Times {
    pub count: u16,
    pub within: i64,
}

/// A signal that is silent although it is expected.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub signal: u16,
    pub after: Duration,
    /// The highest level of the rules that it blinds.
    pub level: Level,
    /// Modifiers under which it is not judged.
    pub rests: Vec<u16>,
    /// Modifiers under which the rule is in another mode, in the order in which they apply.
    pub modes: Vec<(u16, Mode)>,
}

impl Missing {
    /// Whether any circumstances keep it from being judged.
    pub fn may_rest(&self) -> bool {
        !self.rests.is_empty() || self.modes.iter().any(|(_, mode)| *mode == Mode::Disabled)
    }

    /// Every modifier of it.
    pub fn modifiers(&self) -> impl Iterator<Item = u16> + '_ {
        self.rests.iter().copied().chain(self.modes.iter().map(|(modifier, _)| *modifier))
    }
}

/// A predicate with four answers.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Leaf(Leaf),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    AtLeast(u16, Vec<Expr>),
    Not(Box<Expr>),
    Recently(Box<Recently>),
}

/// A predicate that was met within a time up to now.
#[derive(Clone, Debug)]
pub(crate) struct Recently {
    pub of: Expr,
    /// In milliseconds.
    pub within: i64,
    /// The distinct signals of it.
    pub signals: Vec<u16>,
}

/// One comparison.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Leaf {
    pub signal: u16,
    /// Index of the signal's window.
    pub window: u16,
    pub statistic: Statistic,
    /// Time base of rates in milliseconds.
    pub per: i64,
    pub comparison: Comparison,
    /// Thousandths; of a distance, if it is measured from a baseline.
    pub limit: i64,
    /// From where the limit is measured, if not from zero.
    pub from: Option<FromBaseline>,
    /// What circumstances make of the limit, in the order in which they apply.
    pub adjusts: Vec<Adjust>,
    /// Whether the window is the policy's, or only bounds how far `last` looks back.
    pub windowed: bool,
    pub coverage_permille: i64,
    pub max_spoilt_permille: i64,
}

/// A limit that lies so far from what is usual for the patient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FromBaseline {
    /// Index of the baseline.
    pub baseline: u16,
    pub distance: Distance,
}

impl FromBaseline {
    /// From where the distance counts: a baseline that is a range is left on the side on which the
    /// limit lies.
    pub fn edge(&self, norm: &Norm, comparison: Comparison) -> i64 {
        i64::from(if comparison.is_high() { norm.high } else { norm.low })
    }

    /// The limit that a distance makes of what is usual, in thousandths.
    pub fn limit(&self, norm: &Norm, comparison: Comparison, distance: i64) -> i64 {
        let edge = self.edge(norm, comparison);
        let scaled =
            |by: i64, of: i128| div_round(i128::from(by) * i128::from(distance), of) as i64;
        let limit = edge
            + match self.distance {
                Distance::Absolute => distance,
                Distance::Percent => scaled(edge, 100_000),
                Distance::Deviations => scaled(norm.spread.into(), 1000),
            };
        limit.clamp(-FARTHEST, FARTHEST)
    }
}

/// How a statistic is compared with its limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Comparison {
    /// Less than.
    Below,
    /// Less than or equal to.
    AtOrBelow,
    /// Greater than.
    Above,
    /// Greater than or equal to.
    AtOrAbove,
}

impl Comparison {
    /// Its name in policies and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::AtOrBelow => "at_or_below",
            Self::Above => "above",
            Self::AtOrAbove => "at_or_above",
        }
    }

    /// Whether a greater value is worse.
    pub fn is_high(self) -> bool {
        matches!(self, Self::Above | Self::AtOrAbove)
    }

    /// Whether a value that compares so with the limit is met.
    #[inline]
    pub(crate) fn met(self, ordering: core::cmp::Ordering) -> bool {
        match self {
            Self::Below => ordering.is_lt(),
            Self::AtOrBelow => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtOrAbove => ordering.is_ge(),
        }
    }
}

/// A limit to draw into a picture of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitLine {
    /// Index of the signal.
    pub signal: usize,
    /// The level that it raises.
    pub level: Level,
    /// Thousandths of the signal's unit.
    pub limit: i64,
    /// What is compared with it.
    pub statistic: &'static str,
    /// How.
    pub comparison: Comparison,
}

impl Expr {
    /// Every comparison in it.
    pub fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::Leaf(leaf) => Vec::from([leaf]),
            Self::All(parts) | Self::Any(parts) | Self::AtLeast(_, parts) => {
                parts.iter().flat_map(Self::leaves).collect()
            }
            Self::Not(part) => part.leaves(),
            Self::Recently(recently) => recently.of.leaves(),
        }
    }

    /// How far back it looks for what was met recently, in milliseconds.
    pub fn looks_back(&self) -> i64 {
        match self {
            Self::Leaf(_) => 0,
            Self::All(parts) | Self::Any(parts) | Self::AtLeast(_, parts) => {
                parts.iter().map(Self::looks_back).max().unwrap_or(0)
            }
            Self::Not(part) => part.looks_back(),
            Self::Recently(recently) => recently.within.saturating_add(recently.of.looks_back()),
        }
    }
}

impl Rule {
    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What records of its condition call it.
    pub(crate) fn label(&self) -> String {
        self.retired.as_ref().map_or_else(|| self.id.clone(), |retired| retired.label.clone())
    }

    /// What the clinician reads.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether it decides.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it only records, whatever the circumstances.
    pub(crate) fn only_records(&self) -> bool {
        let changes = match &self.body {
            RuleBody::Limits(limits) => limits.levels.iter().any(|def| !def.modes.is_empty()),
            RuleBody::Missing(missing) => !missing.modes.is_empty(),
        };
        self.mode == Mode::Shadow && !changes
    }

    /// Indices of the signals it is about.
    pub fn signals(&self) -> Vec<usize> {
        match &self.body {
            RuleBody::Limits(limits) => limits.signals.iter().map(|s| usize::from(*s)).collect(),
            RuleBody::Missing(missing) => Vec::from([usize::from(missing.signal)]),
        }
    }

    /// The raise limits that lie on a signal's own scale, for pictures.
    pub fn lines(&self) -> Vec<LimitLine> {
        let RuleBody::Limits(limits) = &self.body else {
            return Vec::new();
        };
        let on_scale = |leaf: &Leaf| {
            use Statistic as S;
            leaf.is_fixed() && matches!(leaf.statistic, S::Last | S::Mean | S::Min | S::Max)
        };
        let line = |level: Level, leaf: &Leaf| LimitLine {
            signal: usize::from(leaf.signal),
            level,
            limit: leaf.limit,
            statistic: leaf.statistic.name(),
            comparison: leaf.comparison,
        };
        let of_level = |def: &LevelDef| {
            let leaves = def.raise.leaves().into_iter().filter(|leaf| on_scale(leaf));
            leaves.map(|leaf| line(def.level, leaf)).collect::<Vec<_>>()
        };
        limits.levels.iter().flat_map(of_level).collect()
    }
}
