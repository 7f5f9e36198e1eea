//! Every interleaving of a few things that can happen to one alert, up to a depth.
//!
//! A state is what one can see of the engine, how much time has passed, and when it wants to be called
//! next. Its snapshot alone would not do as a name: it carries the end of the record chain, which two
//! different ways to one state never share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use rpm_core::alert::{Alert, Response, Suppression};
use rpm_core::record::{Level, Resolution, Status};
use rpm_core::{Code, Engine, EngineConfig, Output};

use crate::common::host;
use crate::laws::Listener;
use crate::ward::{Ask, Ward};
use crate::world::{Bed, PATIENT};

const ANN: usize = 0;
const DOC: usize = 2;

/// What can happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Move {
    /// Who asks what, having seen the last revision or the one before.
    Ask(usize, Ask, bool),
    /// A late reading that takes the condition back.
    TakenBack,
    /// The next thing that is due.
    Tick,
}

const MOVES: [Move; 10] = [
    Move::Ask(ANN, Ask::Acknowledge, true),
    Move::Ask(DOC, Ask::Acknowledge, false),
    Move::Ask(DOC, Ask::Resolve(Resolution::TrueActedOn), true),
    Move::Ask(ANN, Ask::Resolve(Resolution::TrueActedOn), false),
    Move::Ask(DOC, Ask::Shelve(45), true),
    Move::Ask(DOC, Ask::Shelve(45), false),
    Move::Ask(ANN, Ask::Unshelve, true),
    Move::Ask(DOC, Ask::Unshelve, false),
    Move::TakenBack,
    Move::Tick,
];

struct State {
    snapshot: Vec<u8>,
    now: i64,
    listener: Listener,
    way: Vec<Move>,
}

/// Begins with an alert of a level, at ten seconds, that one reading in between can take back.
fn begin(ward: Ward, level: Level) -> (Bed, Listener) {
    let (mut bed, mut listener) = (Bed::new(ward), Listener::default());
    bed.tick(20_000);
    // Between two limits the last value leaves things as they are.
    let values = if level == Level::Urgent { [80, 87] } else { [110, 98] };
    let signal = usize::from(level == Level::Urgent);
    bed.reading(signal, values[0], false, 10_000);
    bed.reading(signal, values[1], false, 20_000);
    listener.hear(&bed.out).unwrap();
    (bed, listener)
}

fn happens(bed: &mut Bed, what: Move, level: Level) -> Option<Result<(), Code>> {
    match what {
        Move::Ask(who, ask, current) => {
            let (id, seen) = bed.first(if current { 0 } else { -1 });
            let answer = bed.command(id, seen, who, ask);
            assert!(current || answer.is_err(), "a stale revision was taken");
            Some(answer)
        }
        Move::TakenBack => {
            let urgent = level == Level::Urgent;
            bed.reading(usize::from(urgent), if urgent { 97 } else { 80 }, false, 15_000);
            None
        }
        Move::Tick => {
            let next = bed.next_wakeup().unwrap_or(bed.now);
            bed.tick(next.max(bed.now));
            None
        }
    }
}

fn name(bed: &Bed) -> String {
    let mut name = format!("{} {:?} {:?};", bed.now, bed.next_wakeup(), bed.accepted());
    for alert in bed.alerts() {
        let response = match &alert.response {
            Response::Unowned => String::new(),
            Response::Acknowledged { by, at, until } => format!("{by} {at} {until:?}"),
            Response::InRemediation { owner, since, due } => format!("{owner} {since} {due:?}"),
            Response::Closed { at, reason } => format!("{at} {reason:?}"),
        };
        let until = match &alert.suppression {
            Suppression::Shelved { until, .. } => Some(*until),
            _ => None,
        };
        let round = (alert.rounds(), alert.is_escalating(), alert.is_exhausted());
        let _ = write!(
            name,
            "{} {:?} {:?} {response} {:?} {until:?} {round:?} {};",
            alert.id,
            alert.condition,
            alert.status(),
            alert.suppression.state(),
            alert.unstable,
        );
    }
    for delivery in bed.deliveries() {
        let target = (&delivery.target.function, &delivery.channel, delivery.expires_at);
        let _ = write!(name, "{:?} {target:?};", delivery.state);
    }
    name
}

/// Nothing that is urgent is forgotten.
fn check(bed: &Bed, way: &[Move]) {
    for alert in bed.alerts() {
        let (urgent, free) = (alert.level_now() == Level::Urgent, alert.suppression.is_none());
        if !alert.wants_answer() {
            continue;
        }
        let attended = alert.is_escalating() || alert.is_exhausted();
        assert!(!urgent || !free || attended, "lost: {} after {way:?}", alert.id);
        let ahead = bed.next_wakeup().is_some_and(|at| at > bed.now);
        assert!(ahead || (free && alert.is_exhausted()), "stuck: {} after {way:?}", alert.id);
    }
    let closed = |alert: &&Alert| alert.status() == Status::Resolved;
    for alert in bed.alerts().iter().filter(closed) {
        assert!(!alert.is_escalating(), "goes on: {} after {way:?}", alert.id);
    }
}

/// How many states there are up to a depth.
fn explore(ward: Ward, level: Level, depth: usize) -> usize {
    let (bed, listener) = begin(ward, level);
    let first =
        State { snapshot: bed.engine.snapshot().unwrap(), now: bed.now, listener, way: Vec::new() };
    let mut seen = BTreeSet::from([name(&bed)]);
    let mut waiting = VecDeque::from([first]);
    let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
    while let Some(state) = waiting.pop_front() {
        *ends.entry(state.way.len()).or_default() += 1;
        if state.way.len() == depth {
            continue;
        }
        for what in MOVES {
            let policies = [ward.policy()];
            let config = EngineConfig::default();
            let (engine, _) =
                Engine::restore(&state.snapshot, &policies, config, host(state.now)).unwrap();
            let mut bed = Bed::around(Arc::clone(&policies[0]), engine, state.now);
            let mut way = state.way.clone();
            way.push(what);
            let before = bed.alerts().to_vec();
            let refused = happens(&mut bed, what, level).is_some_and(|answer| answer.is_err());
            let mut listener = state.listener.clone();
            if let Err(wrong) = listener.hear(&bed.out) {
                panic!("{wrong} after {way:?}");
            }
            if refused {
                assert!(before == bed.engine.alerts(PATIENT), "refused, and changed: {way:?}");
                assert!(bed.out.iter().all(|output| matches!(output, Output::Record(_))));
                continue;
            }
            check(&bed, &way);
            if seen.insert(name(&bed)) {
                let snapshot = bed.engine.snapshot().unwrap();
                waiting.push_back(State { snapshot, now: bed.now, listener, way });
            }
        }
    }
    seen.len()
}

fn depth() -> usize {
    let given = std::env::var("SMALL_WORLD_DEPTH").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(5)
}

const WARD: Ward = Ward { reopens: false, quiet: false, tells_mild: false, reopens_resolved: true };

#[test]
fn no_order_of_events_loses_an_urgent_alert() {
    for reopens in [false, true] {
        let states = explore(Ward { reopens, ..WARD }, Level::Urgent, depth());
        println!("{states} states");
        assert!(states > 300, "only {states} states");
    }
}

#[test]
fn no_order_of_events_loses_an_alert_in_quiet_hours() {
    for reopens in [false, true] {
        let states = explore(Ward { reopens, quiet: true, ..WARD }, Level::Review, depth());
        println!("{states} states");
        assert!(states > 300, "only {states} states");
    }
}
