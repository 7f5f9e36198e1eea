//! Whether those who are scored are like those of the training: distributions against the manifest's.

use alloc::vec::Vec;

use crate::risk::manifest::ReferenceSpec;

/// Counts of one feature, in the bins of its reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sketch {
    bins: Vec<u64>,
    missing: u64,
}

/// How far a feature is from its reference.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Distance {
    /// Population stability index: `sum (a - e) ln(a / e)` over the bins.
    pub psi: f64,
    /// Kolmogorov and Smirnov's distance of the cumulative shares, at the limits between the bins.
    pub ks: f64,
    /// How much larger the share of missing values is; below zero if smaller.
    pub missing: f64,
    /// Of how many values.
    pub count: u64,
}

/// A share of the reference below this counts as this much: far, and not infinitely far.
const LEAST_SHARE: f64 = 1e-4;
/// A smaller index is no drift, however many values say so.
const SMALL: f64 = 0.1;
/// A smaller difference of missing values is none.
const SMALL_SHARE: f64 = 0.05;

impl Sketch {
    /// Of nothing yet.
    pub fn new(reference: &ReferenceSpec) -> Self {
        Self { bins: alloc::vec![0; reference.edges.len() + 1], missing: 0 }
    }

    /// Counts a value; NaN is missing.
    pub fn add(&mut self, reference: &ReferenceSpec, value: f32) {
        if value.is_nan() {
            self.missing += 1;
            return;
        }
        let bin = reference.edges.partition_point(|edge| *edge < value);
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(here, there)| *here += there);
        self.missing += other.missing;
    }

    /// How far it is from the reference; none if nothing was counted.
    pub fn distance(&self, reference: &ReferenceSpec) -> Option<Distance> {
        let count: u64 = self.bins.iter().sum();
        let all = count + self.missing;
        if all == 0 {
            return None;
        }
        let (mut psi, mut ks, mut found, mut wanted) = (0.0, 0.0_f64, 0.0, 0.0);
        for (bin, share) in self.bins.iter().zip(&reference.shares) {
            if count == 0 {
                break;
            }
            let actual = *bin as f64 / count as f64;
            // Half a value more in each bin: an empty one of few values is no wonder.
            let a = (*bin as f64 + 0.5) / (count as f64 + 0.5 * self.bins.len() as f64);
            let e = share.max(LEAST_SHARE);
            psi += (a - e) * libm::log(a / e);
            (found, wanted) = (found + actual, wanted + share);
            ks = ks.max((found - wanted).abs());
        }
        let missing = self.missing as f64 / all as f64 - reference.missing;
        Some(Distance { psi, ks, missing, count })
    }
}

impl Distance {
    /// Whether it is more than small, and more than chance explains once in a thousand looks: `n` times the
    /// index is about chi-squared with a degree of freedom for each bin but one, as long as the bins are
    /// those of a large training.
    pub fn is_drift(&self, bins: usize) -> bool {
        let by_chance = chi_squared_999(bins.saturating_sub(1)) / self.count.max(1) as f64;
        self.psi > SMALL.max(by_chance)
    }

    /// Whether values are missing more often, by the same standard.
    pub fn is_missing(&self, reference: &ReferenceSpec) -> bool {
        let n = self.count.max(1) as f64;
        let share = reference.missing.clamp(0.001, 0.999);
        // Three and a bit standard deviations: once in a thousand, on one side.
        let by_chance = 3.09 * libm::sqrt(share * (1.0 - share) / n);
        self.missing > SMALL_SHARE.max(by_chance)
    }
}

/// The 99.9 % point, by Wilson and Hilferty.
fn chi_squared_999(degrees: usize) -> f64 {
    let k = degrees.max(1) as f64;
    let cube = 1.0 - 2.0 / (9.0 * k) + 3.09 * libm::sqrt(2.0 / (9.0 * k));
    k * cube * cube * cube
}
