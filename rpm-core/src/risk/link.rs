//! From the sum of a model to its output.

/// What is done to a model's margin, which adds up, to get its output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Link {
    /// Nothing.
    Identity,
    /// The logistic function: the margin is the logarithm of odds.
    Logistic,
}

impl Link {
    /// The output of this margin.
    pub fn apply(self, margin: f32) -> f32 {
        match self {
            Self::Identity => margin,
            Self::Logistic => logistic(margin),
        }
    }
}

/// `1 / (1 + exp(-x))`, without overflow on either side.
pub(super) fn logistic(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::expf(-x))
    } else {
        let e = libm::expf(x);
        e / (1.0 + e)
    }
}
