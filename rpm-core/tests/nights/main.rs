//! One value a night, made by the engine from telemetry.
//!
//! `model` recomputes every night and the rule on it from all accepted readings, and what is here
//! holds the engine to it; `named` has the cases that matter, `mistakes` what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod extremes;
mod mistakes;
mod model;
mod named;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Run, cases};
use model::{arrivals, late, plan, steps};
use proptest::prelude::*;
use rpm_core::policy::Policy;
use rpm_core::{Engine, EngineConfig, PatientKey};

/// The newest value of the signal, and when it holds; in milliseconds and thousandths.
fn latest(run: &Run) -> Option<(i64, i64)> {
    let (at, value) = run.engine.latest(PatientKey(0), "night")?;
    Some((at.as_millis(), value.thousandths().into()))
}

fn restored(run: Run, policy: &Arc<Policy>) -> Run {
    let bytes = run.engine.snapshot().unwrap();
    let policies = [Arc::clone(policy)];
    let restored = Engine::restore(&bytes, &policies, EngineConfig::default(), late());
    Run { engine: restored.unwrap().0, ..run }
}

proptest! {
    #![proptest_config(cases("tests/regressions/nights.txt", 20_261_130))]

    /// Whatever the order of arrival within the horizon, with repetitions, corrections and voids: each
    /// night is what its accepted readings make of it, and so is what the rule says.
    #[test]
    fn nights_agree_with_an_offline_computation(plan in plan(), steps in steps()) {
        let (nights, history) = plan.expected(&steps);
        for in_time in [true, false] {
            let mut run = Run::new(&plan.policy());
            let mut told = BTreeMap::new();
            for (_, event) in arrivals(&steps, in_time) {
                run.event(event, late());
                told.extend(latest(&run));
            }
            prop_assert!(run.refused.is_empty(), "{:?}", run.refused);
            prop_assert_eq!(plan.found(&run), history.clone(), "in time: {}", in_time);
            prop_assert_eq!(latest(&run), nights.last().copied(), "in time: {}", in_time);
            if in_time {
                // Each was the newest once, and nothing was afterwards told of what was not.
                let voided = plan.voids(&steps);
                let all: BTreeMap<i64, i64> = nights.iter().copied().collect();
                prop_assert!(voided || told == all, "{:?} {:?}", told, all);
            }
        }
    }

    /// Wherever it is stopped and restored, it goes on as if nothing had been.
    #[test]
    fn a_snapshot_at_any_step_changes_nothing(plan in plan(), steps in steps(), every in 1..40_usize) {
        let (policy, arrivals) = (plan.policy(), arrivals(&steps, false));
        let (mut plain, mut stopped) = (Run::new(&policy), Run::new(&policy));
        for (index, (_, event)) in arrivals.into_iter().enumerate() {
            if index % every == 0 {
                stopped = restored(stopped, &policy);
            }
            plain.event(event.clone(), late());
            stopped.event(event, late());
            prop_assert_eq!(latest(&plain), latest(&stopped));
        }
        prop_assert_eq!(plain.lines(), stopped.lines());
    }
}
