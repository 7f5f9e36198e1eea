//! Multilayer perceptrons.

use alloc::vec::Vec;

use super::prepare::Prepare;
use super::{Attribution, Link, RiskModel, Work, explain, link};

/// Dense layers, one behind the other.
#[derive(Clone, PartialEq, Debug)]
pub struct MlpModel {
    pub(super) inputs: usize,
    pub(super) prepare: Prepare,
    pub(super) layers: Vec<Layer>,
    pub(super) link: Link,
}

/// A dense layer and what is done to its sums.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Layer {
    /// For each input its weight in every sum: so the sums grow side by side, each in the order of the
    /// inputs.
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
    pub activation: Activation,
}

/// So many sums grow side by side.
const BLOCK: usize = 16;

/// What is done to a sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Activation {
    None,
    Relu,
    Tanh,
    Sigmoid,
}

impl RiskModel for MlpModel {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn link(&self) -> Link {
        self.link
    }

    fn margin(&self, inputs: &[f32], work: &mut Work) -> f32 {
        self.prepare.run(inputs, work);
        for layer in &self.layers {
            layer.run(&work.here, &mut work.next);
            core::mem::swap(&mut work.here, &mut work.next);
        }
        work.here.first().copied().unwrap_or(f32::NAN)
    }

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

impl Layer {
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn run(&self, row: &[f32], sums: &mut Vec<f32>) {
        sums.clear();
        if let [bias] = self.bias[..] {
            // One sum needs no room of its own.
            let products = row.iter().zip(&self.weights).map(|(x, w)| x * w);
            sums.push(products.fold(0.0, |sum, product| sum + product) + bias);
        } else {
            sums.resize(self.outputs(), 0.0);
            let mut blocks = sums.chunks_exact_mut(BLOCK);
            let mut first = 0;
            for block in &mut blocks {
                self.block(row, first, block);
                first += BLOCK;
            }
            let rest = blocks.into_remainder();
            for (x, weights) in row.iter().zip(self.weights.chunks_exact(self.outputs())) {
                rest.iter_mut().zip(&weights[first..]).for_each(|(sum, weight)| *sum += x * weight);
            }
            sums.iter_mut().zip(&self.bias).for_each(|(sum, bias)| *sum += bias);
        }
        self.activation.run(sums);
    }
}

impl Layer {
    /// Sums that lie side by side, held where they grow: in registers and not in memory.
    fn block(&self, row: &[f32], first: usize, block: &mut [f32]) {
        let mut sums = [0.0_f32; BLOCK];
        for (x, weights) in row.iter().zip(self.weights.chunks_exact(self.outputs())) {
            for (sum, weight) in sums.iter_mut().zip(&weights[first..first + BLOCK]) {
                *sum += x * weight;
            }
        }
        block.copy_from_slice(&sums);
    }
}

impl Activation {
    fn run(self, sums: &mut [f32]) {
        match self {
            Self::None => {}
            // What is not a number stays so: a model that overflows is to be noticed.
            Self::Relu => sums.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
            Self::Tanh => sums.iter_mut().for_each(|x| *x = libm::tanhf(*x)),
            Self::Sigmoid => sums.iter_mut().for_each(|x| *x = link::logistic(*x)),
        }
    }
}
