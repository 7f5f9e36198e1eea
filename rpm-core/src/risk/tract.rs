//! Graphs that the core does not evaluate itself, by tract.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::prelude::*;

use super::manifest::Manifest;
use super::{Link, RiskModel, Work};
use crate::error::{Code, Error};

/// Known to be several times slower here than in other runtimes.
const SLOW: &[&str] = &["LSTM"];

/// A graph as tract runs it; its output is its margin.
pub struct TractModel {
    inputs: usize,
    shape: Vec<usize>,
    plan: Arc<TypedSimplePlan>,
}

impl TractModel {
    /// Loads the graph for rows of the manifest's shape.
    ///
    /// # Errors
    ///
    /// The one that was given, if tract cannot evaluate it either.
    pub(super) fn load(
        onnx: &[u8],
        manifest: &Manifest,
        inputs: usize,
        otherwise: Error,
    ) -> Result<Self, Error> {
        let shape: Vec<usize> = manifest.input.shape.iter().map(|dim| *dim as usize).collect();
        // A library that panics on a model cannot run it; nobody else is to suffer for that.
        let plan = catch_unwind(|| plan(onnx, manifest, &shape));
        match plan {
            Ok(Ok(plan)) => Ok(Self { inputs, shape, plan }),
            _ => Err(otherwise),
        }
    }

    fn run(&self, inputs: &[f32]) -> TractResult<f32> {
        let row = Tensor::from_shape(&self.shape, inputs)?;
        let outputs = self.plan.run(core::iter::once(row.into_tvalue()).collect())?;
        let numbers = outputs[0].to_plain_array_view::<f32>()?;
        // Of two classes the second.
        Ok(numbers.iter().last().copied().unwrap_or(f32::NAN))
    }
}

impl RiskModel for TractModel {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn link(&self) -> Link {
        Link::Identity
    }

    fn margin(&self, inputs: &[f32], _work: &mut Work) -> f32 {
        let run = catch_unwind(AssertUnwindSafe(|| self.run(inputs)));
        run.ok().and_then(Result::ok).unwrap_or(f32::NAN)
    }
}

impl fmt::Debug for TractModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TractModel").field("shape", &self.shape).finish_non_exhaustive()
    }
}

fn plan(onnx: &[u8], manifest: &Manifest, shape: &[usize]) -> TractResult<Arc<TypedSimplePlan>> {
    let mut bytes = onnx;
    let mut model = tract_onnx::onnx().model_for_read(&mut bytes)?;
    model.set_input_names([&manifest.input.name])?;
    model.select_outputs_by_name([&manifest.output.name])?;
    model.set_input_fact(0, f32::fact(shape).into())?;
    let model = model.into_optimized()?;
    let fact = model.output_fact(0)?;
    let wanted: Vec<TDim> =
        manifest.output.shape.iter().map(|dim| i64::from(*dim).to_dim()).collect();
    if fact.datum_type != f32::datum_type() || fact.shape.dims() != wanted {
        return Err(TractError::msg("another output than declared"));
    }
    model.into_runnable()
}

/// What is worth a warning.
pub(super) fn warnings<'a>(operators: impl Iterator<Item = &'a str>) -> Vec<Error> {
    let slow = operators.filter(|op| SLOW.contains(op));
    slow.map(|op| Error::new(Code::SlowOperator).at(op)).collect()
}
