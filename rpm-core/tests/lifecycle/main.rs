//! The life of alerts: what people do about them, who is told, what is taken back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod laws;
mod model;
mod named;
mod small_world;
mod ward;
mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;

use ward::{Step, Ward, any_steps, ward};
use world::World;

fn cases(seed: u64, cases: u32) -> Config {
    let mut config = common::cases("tests/regressions/lifecycle.txt", seed);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

proptest! {
    #![proptest_config(cases(20_260_401, 400))]

    /// Whatever happens, engine and model agree on every alert and every message after every step.
    #[test]
    fn the_engine_does_what_the_model_does(ward in ward(), steps in any_steps()) {
        agree(ward, &steps)?;
    }
}

fn agree(ward: Ward, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new(ward);
    for (place, step) in steps.iter().enumerate() {
        if let Err(difference) = world.step(step) {
            let now = world.bed.now / 1000;
            let said: Vec<String> =
                world.bed.bodies().map(|b| serde_json::to_string(b).unwrap()).collect();
            let message =
                format!("step {place} at {now} s, {step:?}: {difference}\n{}", said.join("\n"));
            return Err(TestCaseError::fail(message));
        }
    }
    Ok(())
}
