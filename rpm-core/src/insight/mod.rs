//! Folds over records: alarm figures, service levels, the queue, the patient card.
//!
//! None of them knows the engine. Each takes [`Record`](crate::record::Record)s one by one, in the
//! order of their stream, and can be asked at any time; a stored stream and a live one give the same
//! answer, and so does the same stream read twice.
//!
//! | module | answers | can be merged |
//! |---|---|---|
//! | [`kpi`] | whether people can keep up: the figures of ISA-18.2 and IEC 62682, per queue | yes |
//! | [`slo`] | how long each hand-over takes, and how much of an error budget is left | yes |
//! | [`trial`] | what a rule in shadow would have done, beside the one in force | yes |
//! | [`histogram`] | percentiles of latencies in little memory | yes |
//! | [`queue`] | what waits to be looked at, the most pressing first | no: ask each engine |
//! | [`drift`] | whether a model still meets what it was trained on | no: streams have an order |
//! | [`card`] | all there is to know of one patient's open alerts | no: one stream |
//!
//! **Merging.** A fleet in shards has one fold for each engine. As long as the records of one patient
//! go to one fold, merging the folds gives what one fold over all records would have given, in any
//! interleaving: every figure is a sum over patients, or is computed from such sums when the report
//! is made (bins and floods, stale alerts by day, shares, percentiles, burn rates).
//!
//! A stream that begins in the middle names alerts that it did not open; what it says of those is
//! left out.

pub mod card;
pub mod drift;
mod episode;
pub mod histogram;
pub mod kpi;
pub mod measure;
mod owner;
pub mod queue;
pub mod slo;
#[cfg(test)]
mod testing;
pub mod trial;

pub use card::Card;
pub use drift::Drift;
pub use histogram::Histogram;
pub use kpi::Kpi;
pub use owner::Owner;
pub use queue::Queues;
pub use slo::Slo;
pub use trial::Trial;
