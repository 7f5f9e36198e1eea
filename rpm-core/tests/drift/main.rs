//! A slow drift away from what is usual, as a cumulative sum.
//!
//! `model` recomputes every sum and the rule on it from all accepted readings, and what is here holds
//! the engine to it; `named` has the cases that matter, and how often chance alone raises a rule. `sleep` is about
//! baselines of one who sleeps and is awake, `scores` about early warning scores and what models say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod model;
mod named;
mod scores;
mod sleep;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Run, cases, history, patient_id};
use model::{PANE, Plan, Step, arrivals, late, plan, steps};
use proptest::prelude::*;
use rpm_core::policy::Policy;
use rpm_core::{BaselineAction, BaselineCommand, Engine, EngineConfig, PatientKey};

/// So many panes are kept of a sum.
const KEPT: i64 = 64;

/// The newest sum: its pane, and thousandths.
fn latest(run: &Run) -> Option<(i64, i64)> {
    let (at, value) = run.engine.latest(PatientKey(0), "rise")?;
    Some((at.as_millis().div_euclid(PANE), value.thousandths().into()))
}

fn restored(run: Run, policy: &Arc<Policy>) -> Run {
    let bytes = run.engine.snapshot().unwrap();
    let policies = [Arc::clone(policy)];
    let restored = Engine::restore(&bytes, &policies, EngineConfig::default(), late());
    Run { engine: restored.unwrap().0, ..run }
}

/// Another medication, from now on.
pub fn restart() -> BaselineCommand {
    BaselineCommand {
        patient: PatientKey(0),
        baseline: "usual".into(),
        action: BaselineAction::Restart { from: None },
        actor: "ann".into(),
        role: "nurse".into(),
        reason: "beta blocker".into(),
    }
}

fn run(plan: &Plan, arrivals: Vec<(i64, rpm_core::event::Event)>) -> Run {
    let mut run = Run::new(&plan.policy());
    for (_, event) in arrivals {
        run.event(event, late());
    }
    run
}

proptest! {
    #![proptest_config(cases("tests/regressions/drift.txt", 20_261_129))]

    /// Whatever the order of arrival within the horizon, with repetitions, corrections and voids: each
    /// sum is what the accepted readings make of it, and so is what the rule says.
    #[test]
    fn sums_agree_with_a_naive_model(plan in plan(), steps in steps()) {
        let (sums, states) = plan.expected(&steps);
        for in_time in [true, false] {
            let run = run(&plan, arrivals(&steps, in_time));
            prop_assert!(run.refused.is_empty(), "{:?}", run.refused);
            // What has left the panes is added to, but no longer told.
            let newest = steps.iter().rev().find_map(Step::good_pane).unwrap_or(0);
            let told = sums.last().copied().filter(|(pane, _)| newest - pane < KEPT);
            prop_assert_eq!(latest(&run), told, "in time: {}", in_time);
            let found = history(&run.records, &patient_id(0), "drifts", PANE);
            prop_assert_eq!(&found, &states, "in time: {}", in_time);
        }
    }

    /// The sums on the way, each as long as it is the newest.
    #[test]
    fn each_sum_is_told_in_its_time(plan in plan(), steps in steps()) {
        let mut run = Run::new(&plan.policy());
        let mut told = BTreeMap::new();
        for (_, event) in arrivals(&steps, true) {
            run.event(event, late());
            told.extend(latest(&run));
        }
        let (sums, _) = plan.expected(&steps);
        prop_assert!(plan.amends(&steps) || told == sums.into_iter().collect(), "{:?}", told);
    }

    /// Somebody says that something else is usual: what was added up stands, and the sum begins anew with what
    /// comes after, also where evidence is late and the engine is stopped in between.
    #[test]
    fn a_restart_begins_the_sum_anew(
        plan in plan(),
        steps in steps(),
        at in any::<prop::sample::Index>(),
        stop in any::<bool>(),
    ) {
        let steps: Vec<Step> = steps.into_iter().map(Step::stays).collect();
        let known = at.index(steps.len()) + 1;
        let policy = plan.policy();
        let mut run = Run::new(&policy);
        for (index, (_, event)) in arrivals(&steps, false).into_iter().enumerate() {
            // Two devices each time.
            if index == 2 * known {
                run.engine.handle_baseline(&restart(), late()).unwrap().unwrap();
                run.drain();
                run = if stop { restored(run, &policy) } else { run };
            }
            run.event(event, late());
        }
        let (sums, states) = plan.restarted(&steps, known);
        let newest = steps.iter().rev().find_map(Step::good_pane).unwrap_or(0);
        let told = sums.last().copied().filter(|(pane, _)| newest - pane < KEPT);
        prop_assert_eq!(latest(&run), told);
        let found = history(&run.records, &patient_id(0), "drifts", PANE);
        prop_assert_eq!(&found, &states);
    }

    /// Wherever it is stopped and restored, it goes on as if nothing had been.
    #[test]
    fn a_snapshot_at_any_step_changes_nothing(plan in plan(), steps in steps(), every in 1..9_usize) {
        let policy = plan.policy();
        let (mut plain, mut stopped) = (Run::new(&policy), Run::new(&policy));
        for (index, (_, event)) in arrivals(&steps, false).into_iter().enumerate() {
            if index % every == 0 {
                stopped = restored(stopped, &policy);
            }
            plain.event(event.clone(), late());
            stopped.event(event, late());
        }
        prop_assert_eq!(latest(&plain), latest(&stopped));
        prop_assert_eq!(plain.lines(), stopped.lines());
    }
}
