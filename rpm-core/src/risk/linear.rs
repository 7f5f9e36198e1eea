//! Linear and logistic regression.

use alloc::vec::Vec;

use super::prepare::Prepare;
use super::{Attribution, Link, RiskModel, Work};

/// A weighted sum of the prepared inputs, through a link.
#[derive(Clone, PartialEq, Debug)]
pub struct LinearModel {
    pub(super) inputs: usize,
    pub(super) prepare: Prepare,
    pub(super) weights: Vec<f32>,
    pub(super) bias: f32,
    pub(super) link: Link,
}

impl RiskModel for LinearModel {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn link(&self) -> Link {
        self.link
    }

    fn margin(&self, inputs: &[f32], work: &mut Work) -> f32 {
        self.prepare.run(inputs, work);
        self.sum(&work.here)
    }

    fn attribute(
        &self,
        inputs: &[f32],
        reference: &[f32],
        work: &mut Work,
        out: &mut [f32],
    ) -> Attribution {
        if !self.prepare.is_separate() {
            return super::explain::occlude(self, inputs, reference, work, out);
        }
        self.prepare.run(reference, work);
        for ((out, weight), there) in out.iter_mut().zip(&self.weights).zip(&work.here) {
            *out = -weight * there;
        }
        self.prepare.run(inputs, work);
        for ((out, weight), here) in out.iter_mut().zip(&self.weights).zip(&work.here) {
            *out += weight * here;
        }
        Attribution::Exact
    }
}

impl LinearModel {
    fn sum(&self, row: &[f32]) -> f32 {
        let products = row.iter().zip(&self.weights).map(|(x, w)| x * w);
        products.fold(0.0, |sum, product| sum + product) + self.bias
    }
}
