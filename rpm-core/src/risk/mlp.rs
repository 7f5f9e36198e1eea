//! Multilayer perceptrons.

use alloc::vec::Vec;

use super::layer::Layer;
use super::prepare::Prepare;
use super::{Link, RiskModel, Work};

/// Dense layers, one behind the other.
#[derive(Clone, PartialEq, Debug)]
pub struct MlpModel {
    pub(super) inputs: usize,
    pub(super) prepare: Prepare,
    pub(super) layers: Vec<Layer>,
    pub(super) link: Link,
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
}
