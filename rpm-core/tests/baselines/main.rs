//! What is usual for a patient, and limits that are measured from it.
//!
//! | module | proves |
//! |---|---|
//! | `agreement` | every method says what a naive model says that has all readings before it |
//! | `laws` | order, duplicates, snapshots, ticks, guards, doors, extremes, change of policy |
//! | `named` | cases by their names |
//! | `numbers` | long half-lives, far values, many distinct values |
//! | `sleep` | of the patient asleep and awake: agreement with a naive model, named cases |
//! | `errors` | mistakes in policies, all at once |

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "a model's tolerance hides what platforms differ in")]
#![allow(clippy::float_cmp, reason = "the engine's decimals are read, not computed")]

mod agreement;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod laws;
mod model;
mod named;
mod numbers;
mod sleep;
mod stay;

use proptest::test_runner::Config;

fn cases(seed: u64, cases: u32) -> Config {
    let mut config = common::cases("tests/regressions/baselines.txt", seed);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}
