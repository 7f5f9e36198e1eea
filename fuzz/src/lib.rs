//! What the fuzz targets check, each a function of bytes that panics on a finding.
//!
//! Nothing here knows the fuzzer: `rpm-core/tests/fuzz_seeds.rs` includes this file and runs every
//! seed and every regression as an ordinary test.

mod bytes;
mod calls;
mod event_json;
mod ledger;
mod model;
mod people;
mod policy;
mod snapshot;

pub use calls::engine_ops;
pub use event_json::event_json;
pub use model::model;
pub use policy::policy;
pub use snapshot::snapshot;
