//! Transitions of the loop and of the engine side by side, and why they differ.
//!
//! The engine follows semantics that the loop leaves out. Each difference is put down to what
//! arrived when it came about; what has no such cause is counted as unexplained.

use std::collections::{BTreeMap, BTreeSet};

use rpm_benches::ward_hour::{HEART_RATE, SPO2, Sample};
use rpm_benches::yardstick::{ACTIVE, Transition};

/// Transitions of one alert further apart than this are not the same one, told at other times.
const APART_MS: u32 = 120_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Equal,
    Artifact,
    Late,
    HostTime,
    Repeat,
    Unexplained,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Equal, "equal: patient, rule, state, arrival, event time"),
    (
        Kind::Artifact,
        "an artifact arrived: the loop evaluates, because its window moved on; the engine waits \
         for the next good reading",
    ),
    (
        Kind::Late,
        "a late reading arrived: the loop asks the newest window only and dates by the late \
         reading; the engine evaluates again from there on and dates in event time",
    ),
    (
        Kind::HostTime,
        "missing signal: the loop dates the end by the sample's event time, the engine by host \
         time, to which the rule belongs",
    ),
    (Kind::Repeat, "a repeat arrived: the loop tells it by its slot, the engine by its identity"),
    (Kind::Unexplained, "unexplained"),
];

/// What arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Nothing,
    Next,
    Artifact,
    Late,
    Repeat,
}

/// Prints how many transitions are equal, and how many differ for which reason, by rule.
pub fn print(samples: &[Sample], by_loop: &[Transition], by_engine: &[Transition]) {
    let arrivals = Arrivals::of(samples, by_loop.iter().chain(by_engine));
    let mut counts: BTreeMap<(Kind, u8), usize> = BTreeMap::new();
    for (in_loop, in_engine) in pairs(by_loop, by_engine) {
        let kind = arrivals.why(in_loop.as_ref(), in_engine.as_ref());
        let rule = in_loop.or(in_engine).map_or(0, |t| t.rule);
        *counts.entry((kind, rule)).or_default() += 1;
    }
    println!("| transitions, by rule | 1 | 2 | 3 | 4 |");
    println!("|---|---|---|---|---|");
    for (kind, name) in KINDS {
        let count = |rule| counts.get(&(kind, rule)).copied().unwrap_or(0);
        println!("| {name} | {} | {} | {} | {} |", count(1), count(2), count(3), count(4));
    }
    let escalated = |rule| by_loop.iter().filter(|t| t.rule == rule && t.state == ACTIVE).count();
    let [a, b, c, d] = [1, 2, 3, 4].map(escalated);
    println!("| not compared: the loop's `ACTIVE`, which is escalation | {a} | {b} | {c} | {d} |");
}

/// Each transition of either side, beside the one that it is on the other side, if there is one.
fn pairs(
    by_loop: &[Transition],
    by_engine: &[Transition],
) -> Vec<(Option<Transition>, Option<Transition>)> {
    let sorted = |all: &[Transition]| {
        let mut all: Vec<_> = all.iter().filter(|t| t.state != ACTIVE).copied().collect();
        all.sort_unstable_by_key(|t| (t.patient, t.rule, t.t_ms, t.state));
        all
    };
    let (mut ours, mut theirs) = (sorted(by_loop), sorted(by_engine));
    let mut pairs = Vec::new();
    // The equal ones first, so that no other one takes their place.
    for apart in [0, APART_MS] {
        ours.retain(|a| {
            let same = |b: &Transition| {
                let exact = apart > 0 || a.observed_ms == b.observed_ms;
                let alert = (a.patient, a.rule, a.state) == (b.patient, b.rule, b.state);
                alert && exact && a.t_ms.abs_diff(b.t_ms) <= apart
            };
            let found = theirs.iter().position(same);
            pairs.extend(found.map(|at| (Some(*a), Some(theirs.remove(at)))));
            found.is_none()
        });
    }
    pairs.extend(ours.into_iter().map(|a| (Some(a), None)));
    pairs.extend(theirs.into_iter().map(|b| (None, Some(b))));
    pairs
}

/// What arrived when, of the patients to whom anything happened: by patient, kind, arrival and
/// event time.
struct Arrivals(BTreeMap<(u32, u8, u32, u32), Arrival>);

impl Arrivals {
    fn of<'a>(samples: &[Sample], transitions: impl Iterator<Item = &'a Transition>) -> Self {
        let patients: BTreeSet<_> = transitions.map(|t| t.patient).collect();
        let mut newest: BTreeMap<(u32, u8), u32> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut arrivals = BTreeMap::new();
        for s in samples.iter().filter(|s| s.kind <= SPO2 && patients.contains(&s.patient)) {
            let newest = newest.entry((s.patient, s.kind)).or_default();
            let arrival = match seen.insert((s.patient, s.kind, s.t_ms)) {
                false => Arrival::Repeat,
                true if s.is_artifact() => Arrival::Artifact,
                true if s.t_ms < *newest => Arrival::Late,
                true => Arrival::Next,
            };
            *newest = s.t_ms.max(*newest);
            arrivals.insert((s.patient, s.kind, s.arrival_ms(), s.t_ms), arrival);
        }
        Self(arrivals)
    }

    /// What arrived at a transition: of several at once, the one that it is dated by.
    fn at(&self, t: &Transition) -> Arrival {
        let kind = if t.rule == 2 { HEART_RATE } else { SPO2 };
        let key = |observed_ms| (t.patient, kind, t.t_ms, observed_ms);
        let exact = self.0.get(&key(t.observed_ms));
        let any = || self.0.range(key(0)..=key(u32::MAX)).next().map(|(_, arrival)| arrival);
        exact.or_else(any).copied().unwrap_or(Arrival::Nothing)
    }

    fn why(&self, in_loop: Option<&Transition>, in_engine: Option<&Transition>) -> Kind {
        if in_loop == in_engine {
            return Kind::Equal;
        }
        let same = in_loop.zip(in_engine).filter(|(a, b)| a.rule == 4 && a.t_ms == b.t_ms);
        if same.is_some_and(|(_, b)| b.observed_ms == b.t_ms) {
            return Kind::HostTime;
        }
        let [in_loop, in_engine] =
            [in_loop, in_engine].map(|t| t.map_or(Arrival::Nothing, |t| self.at(t)));
        match (in_loop, in_engine) {
            (Arrival::Repeat, _) | (_, Arrival::Repeat) => Kind::Repeat,
            (Arrival::Artifact, Arrival::Next | Arrival::Nothing) => Kind::Artifact,
            (Arrival::Late, _) | (_, Arrival::Late) => Kind::Late,
            _ => Kind::Unexplained,
        }
    }
}
