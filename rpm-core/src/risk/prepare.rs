//! What is done to the inputs before a model sees them: imputation, scaling, normalisation.

use alloc::vec::Vec;

use super::Work;

/// One step. Vectors have one number for each input, or one for all of them.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Step {
    /// Puts a number in the place of a missing one.
    Impute {
        /// What counts as missing; NaN is missing by itself.
        missing: f32,
        /// Instead of it.
        with: Vec<f32>,
    },
    /// `(x - offset) * scale`.
    Scale { offset: Vec<f32>, scale: Vec<f32> },
    /// `x + n`.
    Add(Vec<f32>),
    /// `x * n`.
    Multiply(Vec<f32>),
    /// Divides by a norm of the whole row.
    Normalize(Norm),
}

/// The norms of `ai.onnx.ml.Normalizer`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Norm {
    Max,
    L1,
    L2,
}

/// Steps, in their order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Prepare(pub Vec<Step>);

impl Prepare {
    /// The inputs as the model wants them, in `work`.
    pub fn run(&self, inputs: &[f32], work: &mut Work) {
        work.here.clear();
        work.here.extend_from_slice(inputs);
        self.0.iter().for_each(|step| step.run(&mut work.here));
    }

    /// Whether each number depends on one input alone.
    pub fn is_separate(&self) -> bool {
        !self.0.iter().any(|step| matches!(step, Step::Normalize(_)))
    }
}

impl Step {
    fn run(&self, row: &mut [f32]) {
        match self {
            Self::Impute { missing, with } => each(row, with, |x, with| {
                let is_missing = x.is_nan() && missing.is_nan() || same(x, *missing);
                if is_missing { with } else { x }
            }),
            Self::Scale { offset, scale } => {
                each(row, offset, |x, offset| x - offset);
                each(row, scale, |x, scale| x * scale);
            }
            Self::Add(numbers) => each(row, numbers, |x, n| x + n),
            Self::Multiply(numbers) => each(row, numbers, |x, n| x * n),
            Self::Normalize(norm) => {
                let size = norm.of(row);
                if size != 0.0 {
                    row.iter_mut().for_each(|x| *x /= size);
                }
            }
        }
    }
}

impl Norm {
    /// By the name that ONNX gives it.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"MAX" => Some(Self::Max),
            b"L1" => Some(Self::L1),
            b"L2" => Some(Self::L2),
            _ => None,
        }
    }

    fn of(self, row: &[f32]) -> f32 {
        match self {
            // Of the signed numbers, as onnxruntime has it.
            Self::Max => row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Self::L1 => row.iter().map(|x| x.abs()).sum(),
            Self::L2 => libm::sqrtf(row.iter().map(|x| x * x).sum()),
        }
    }
}

fn each(row: &mut [f32], numbers: &[f32], f: impl Fn(f32, f32) -> f32) {
    if let [number] = numbers {
        row.iter_mut().for_each(|x| *x = f(*x, *number));
    } else {
        row.iter_mut().zip(numbers).for_each(|(x, number)| *x = f(*x, *number));
    }
}

#[expect(clippy::float_cmp, reason = "the sign for a missing value is exactly that number")]
fn same(a: f32, b: f32) -> bool {
    a == b
}
