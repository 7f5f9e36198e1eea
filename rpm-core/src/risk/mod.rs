//! Models beside rules: what they compute, and why one may be believed.
//!
//! A model comes as an [`artifact`]: the ONNX bytes that training exported, and a manifest that says
//! whose it is, what it was trained on, what goes in and what comes out. Loading verifies all of it
//! and runs the manifest's own test cases; what does not fit is refused then, with a code, and not at
//! night in front of a patient.
//!
//! | module | holds |
//! |---|---|
//! | [`artifact`] | a loaded model: verified, calibrated, with its scores and reasons |
//! | [`manifest`] | what is said of a model |
//! | `graph` | ONNX as bytes |
//! | `chain` | from a graph to an evaluator: **add an operator here** |
//! | `layer` `smooth` | sums and functions of many numbers side by side |
//! | `linear` `mlp` `grid` `tree` | the evaluators, which need neither std nor a library |
//! | `tract` | all other graphs, with feature `onnx` |
//! | `calibration` | from a model's output to a probability |
//! | [`registry`] | versions of models: candidate, shadow, canary, active, retired |
//! | `features` | the row that goes in, counted when it is asked for |
//! | [`Scored`] | what a model said: an input |
//! | `explain` | what each input contributed, and how that is said |
//!
//! The built-in evaluators compute in 32-bit floats, in one fixed order, without fused operations and
//! without the functions of a platform; so does training's runtime but for the order, which is why scores are
//! compared to 1e-5 and kept as thousandths.

pub mod artifact;
mod calibration;
mod chain;
mod explain;
pub(crate) mod features;
mod graph;
mod grid;
mod layer;
mod linear;
mod link;
pub mod manifest;
mod mlp;
mod prepare;
pub mod registry;
mod scored;
mod smooth;
#[cfg(feature = "onnx")]
mod tract;
mod tree;

use alloc::vec::Vec;
use core::fmt;

pub use crate::record::{ModelRef, ScoreFailure};
pub use artifact::Model;
pub use explain::{Reasons, Term};
pub use grid::GridModel;
pub use linear::LinearModel;
pub use link::Link;
pub use manifest::Manifest;
pub use mlp::MlpModel;
pub use registry::Registry;
pub use scored::Scored;
#[cfg(feature = "onnx")]
pub use tract::TractModel;
pub use tree::TreeModel;

/// Larger models are not read: they would not fit where this runs.
pub const MAX_MODEL: usize = 16 << 20;
/// More numbers than this do not go into a model.
pub const MAX_INPUTS: usize = 4096;

/// Something that makes a number of a row of numbers, always the same of the same row.
///
/// A missing value is NaN. Rows are of [`inputs`](Self::inputs) numbers; what a window grid holds lies in
/// them line by line.
pub trait RiskModel: fmt::Debug + Send + Sync {
    /// How many numbers go in.
    fn inputs(&self) -> usize;

    /// What is done to the margin to get the output.
    fn link(&self) -> Link;

    /// The number in which contributions add up. Not a number if the model cannot say.
    fn margin(&self, inputs: &[f32], work: &mut Work) -> f32;

    /// The margins of many rows, one behind the other.
    fn margins(&self, rows: &[f32], work: &mut Work, out: &mut [f32]) {
        for (row, out) in rows.chunks_exact(self.inputs()).zip(out) {
            *out = self.margin(row, work);
        }
    }

    /// How much each input moves the margin away from that of a reference row, such as the patient's
    /// usual values. By occlusion, where a model knows nothing better.
    fn attribute(
        &self,
        inputs: &[f32],
        reference: &[f32],
        work: &mut Work,
        out: &mut [f32],
    ) -> Attribution {
        explain::occlude(self, inputs, reference, work, out)
    }
}

/// How contributions were found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Attribution {
    /// Shapley values against the reference: they add up to the difference of the margins.
    Exact,
    /// By putting the reference in the place of one input at a time; they need not add up.
    Occlusion,
}

/// Room to compute in, kept between calls so that none allocates.
#[derive(Clone, Default)]
pub struct Work {
    here: Vec<f32>,
    next: Vec<f32>,
    wide: Vec<f32>,
}

crate::redact::redacted!(Work);
