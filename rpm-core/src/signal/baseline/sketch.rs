//! Quantiles of readings, in bounded memory, in which what is long ago counts less.
//!
//! Vital signs come in steps of a chart's resolution, so that few distinct values say everything. Only
//! where there are more than fit do two neighbours become one between them: those to which it means
//! least.

use alloc::vec::Vec;

use super::decay::aged;

/// So many distinct values are told apart.
const MOST: usize = 26;

/// Values with their weights, from low to high.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sketch {
    /// Thousandths, and a weight with 8 binary places.
    pub points: Vec<(i32, u32)>,
}

impl Sketch {
    /// Takes a reading in.
    pub fn add(&mut self, value: i32) {
        match self.points.binary_search_by_key(&value, |point| point.0) {
            Ok(at) => self.points[at].1 = self.points[at].1.saturating_add(1 << 8),
            Err(at) => {
                if self.points.capacity() == 0 {
                    // So much at once, rather than twice as much later.
                    self.points.reserve_exact(MOST + 1);
                }
                self.points.insert(at, (value, 1 << 8));
                if self.points.len() > MOST {
                    self.join_two();
                }
            }
        }
    }

    /// What is there ages by the factor; what has no weight left is gone.
    pub fn age(&mut self, factor: u32) {
        self.points.iter_mut().for_each(|(_, weight)| *weight = aged(*weight, factor));
        self.points.retain(|(_, weight)| *weight > 0);
    }

    /// The lowest value that so many thousandths of the weight do not exceed.
    pub fn quantile(&self, permille: u16) -> Option<i32> {
        let total: u64 = self.points.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let wanted = (total * u64::from(permille)).div_ceil(1000).max(1);
        let mut below = 0;
        let reached = |(_, weight): &&(i32, u32)| {
            below += u64::from(*weight);
            below >= wanted
        };
        self.points.iter().find(reached).map(|(value, _)| *value)
    }

    fn join_two(&mut self) {
        // What is rare, or long ago, makes room for the rest.
        let cost = |at: &usize| {
            let ((a, a_weight), (b, b_weight)) = (self.points[*at], self.points[at + 1]);
            u64::from(b.abs_diff(a)) * u64::from(a_weight.min(b_weight))
        };
        let Some(at) = (0..self.points.len() - 1).min_by_key(cost) else {
            return;
        };
        let ((a, a_weight), (b, b_weight)) = (self.points[at], self.points[at + 1]);
        let (wa, wb) = (i128::from(a_weight), i128::from(b_weight));
        let between = crate::value::div_round(i128::from(a) * wa + i128::from(b) * wb, wa + wb);
        self.points[at] = (between as i32, a_weight.saturating_add(b_weight));
        self.points.remove(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn few_distinct_values_give_exact_quantiles() {
        let mut sketch = Sketch::default();
        let mut values = vec![];
        for i in 0_i32..500 {
            let value = 60_000 + (i * i % 23) * 1000;
            sketch.add(value);
            values.push(value);
        }
        values.sort_unstable();
        for permille in [1, 50, 250, 500, 950, 1000] {
            let rank = (values.len() * permille).div_ceil(1000).max(1);
            assert_eq!(sketch.quantile(permille as u16), Some(values[rank - 1]), "{permille}");
        }
        assert_eq!(Sketch::default().quantile(500), None);
    }

    #[test]
    fn many_distinct_values_stay_bounded_and_near() {
        let mut sketch = Sketch::default();
        for i in 0_i64..10_000 {
            sketch.add((i * 7919 % 10_000) as i32);
        }
        assert!(sketch.points.len() <= MOST);
        for permille in [50_u16, 500, 950] {
            let found = sketch.quantile(permille).unwrap();
            assert!((found - i32::from(permille) * 10).abs() < 800, "{permille}: {found}");
        }
    }
}
