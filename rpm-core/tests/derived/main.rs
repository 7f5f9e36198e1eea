//! Derived signals: what redundant sources say together, and the difference of a pair.
//!
//! `model` recomputes every pane and every condition from all accepted readings, and what is here
//! holds the engine to it; `named` has the cases that matter, `mistakes` what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod mistakes;
mod model;
mod named;

use std::sync::Arc;

use common::{Run, cases};
use model::{Plan, arrivals, late, plan, steps};
use proptest::prelude::*;
use rpm_core::policy::Policy;
use rpm_core::{Engine, EngineConfig, PatientKey};

fn run(plan: &Plan, arrivals: &[(i64, rpm_core::event::Event)]) -> Run {
    let mut run = Run::new(&plan.policy());
    for (_, event) in arrivals {
        run.event(event.clone(), late());
    }
    run
}

fn restored(run: Run, policy: &Arc<Policy>) -> Run {
    let bytes = run.engine.snapshot().unwrap();
    let policies = [Arc::clone(policy)];
    let restored = Engine::restore(&bytes, &policies, EngineConfig::default(), late());
    Run { engine: restored.unwrap().0, ..run }
}

proptest! {
    #![proptest_config(cases("tests/regressions/derived.txt", 20_261_123))]

    /// Whatever the order of arrival within the horizon, with repetitions, corrections and voids:
    /// the conditions are those that the accepted readings make.
    #[test]
    fn derived_signals_agree_with_the_model(plan in plan(), steps in steps()) {
        let expected = plan.expected(&steps);
        for in_time in [true, false] {
            let run = run(&plan, &arrivals(&steps, in_time));
            prop_assert!(run.refused.is_empty(), "{:?}", run.refused);
            prop_assert_eq!(&plan.found(&run), &expected, "in time: {}", in_time);
        }
    }

    /// Wherever it is stopped and restored, it goes on as if nothing had been.
    #[test]
    fn a_snapshot_at_any_step_changes_nothing(plan in plan(), steps in steps()) {
        let (policy, arrivals) = (plan.policy(), arrivals(&steps, false));
        let mut plain = run(&plan, &arrivals);
        let mut stopped = Run::new(&policy);
        for (_, event) in &arrivals {
            stopped = restored(stopped, &policy);
            stopped.event(event.clone(), late());
        }
        prop_assert_eq!(plain.lines(), stopped.lines());
        for rule in ["high", "apart"] {
            let key = PatientKey(0);
            prop_assert_eq!(plain.engine.why(key, rule), stopped.engine.why(key, rule));
        }
    }
}
