//! A histogram of latencies: little memory, any range, mergeable, and percentiles that never flatter.
//!
//! Buckets are log-linear, as in HDR histograms: exact below 128 ms, then 64 to each doubling. A
//! percentile is the upper edge of its bucket (at most the greatest value seen), so it is never below
//! the true one and less than 1/64, 1.6 %, above it.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// Buckets to each doubling.
const PER_DOUBLING: u64 = 1 << BITS;
const BITS: u32 = 6;
/// For every duration there is: 29 KiB at the very most, 9 KiB up to an hour.
const MOST_BUCKETS: usize = (64 - BITS as usize) * PER_DOUBLING as usize;

/// Counts of durations by how long they are.
///
/// ```
/// use rpm_core::Duration;
/// use rpm_core::insight::Histogram;
///
/// let mut answers = Histogram::default();
/// for seconds in 1..=100 {
///     answers.record(Duration::from_secs(seconds));
/// }
/// let median = answers.percentile(500).unwrap().as_millis();
/// assert!((50_000..50_800).contains(&median));
/// assert_eq!(answers.percentile(1000), Some(Duration::from_secs(100)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Histogram {
    count: u64,
    min: Duration,
    max: Duration,
    /// Up to the last that is not empty.
    buckets: Vec<u64>,
}

/// As it is written: only the buckets that hold something.
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    min: Duration,
    max: Duration,
    buckets: Vec<(usize, u64)>,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let at = bucket_of(duration);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] = self.buckets[at].saturating_add(1);
        self.widen(duration, duration);
        self.count = self.count.saturating_add(1);
    }

    /// Counts everything that the other has counted.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.saturating_add(*theirs);
        }
        self.widen(other.min, other.max);
        self.count = self.count.saturating_add(other.count);
    }

    fn widen(&mut self, min: Duration, max: Duration) {
        self.min = if self.is_empty() { min } else { self.min.min(min) };
        self.max = self.max.max(max);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The shortest, exactly.
    pub fn min(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(self.min)
    }

    /// The longest, exactly.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(self.max)
    }

    /// So many of a thousand took no longer than this, by nearest rank: 500 is the median, 0 the
    /// shortest, 1000 and more the longest.
    pub fn percentile(&self, permille: u16) -> Option<Duration> {
        if self.is_empty() || permille == 0 {
            return self.min();
        }
        let wanted = u128::from(self.count) * u128::from(permille.min(1000));
        let rank = wanted.div_ceil(1000);
        let mut seen = 0_u128;
        for (at, held) in self.buckets.iter().enumerate() {
            seen += u128::from(*held);
            if seen >= rank {
                return Some(upper_edge(at).clamp(self.min, self.max));
            }
        }
        self.max()
    }
}

fn bucket_of(duration: Duration) -> usize {
    let ms = duration.as_millis().unsigned_abs();
    let shift = (63 - (ms | 1).leading_zeros()).saturating_sub(BITS);
    // Below the first doubling the bucket is the number itself.
    (u64::from(shift) * PER_DOUBLING + (ms >> shift)) as usize
}

/// The longest duration that the bucket holds.
fn upper_edge(bucket: usize) -> Duration {
    let (bucket, doublings) = (bucket as u64, bucket as u64 / PER_DOUBLING);
    let shift = doublings.saturating_sub(1);
    let top = ((bucket - shift * PER_DOUBLING + 1) << shift) - 1;
    Duration::from_millis(i64::try_from(top).unwrap_or(i64::MAX))
}

impl From<Histogram> for Written {
    fn from(histogram: Histogram) -> Self {
        let Histogram { count, min, max, buckets } = histogram;
        let buckets = buckets.into_iter().enumerate().filter(|(_, held)| *held > 0).collect();
        Self { count, min, max, buckets }
    }
}

impl TryFrom<Written> for Histogram {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let mut buckets = Vec::new();
        let mut sum = 0_u64;
        for (at, held) in written.buckets {
            if at >= MOST_BUCKETS || at < buckets.len() || held == 0 {
                return Err("buckets are in order, within range and not empty");
            }
            buckets.resize(at + 1, 0);
            buckets[at] = held;
            sum = sum.saturating_add(held);
        }
        let (min, max) = (written.min, written.max);
        let ends = match buckets.iter().position(|held| *held > 0) {
            Some(first) => bucket_of(min) == first && bucket_of(max) + 1 == buckets.len(),
            None => min.is_zero() && max.is_zero(),
        };
        if sum != written.count || !ends || min > max {
            return Err("count, shortest and longest are those of the buckets");
        }
        Ok(Self { count: sum, min, max, buckets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|ms| histogram.record(Duration::from_millis(*ms)));
        histogram
    }

    fn percentile(histogram: &Histogram, permille: u16) -> i64 {
        histogram.percentile(permille).unwrap().as_millis()
    }

    #[test]
    fn edges_of_buckets_meet() {
        assert_eq!(bucket_of(Duration::from_millis(i64::MAX)), MOST_BUCKETS - 1);
        for bucket in 0..MOST_BUCKETS {
            let top = upper_edge(bucket);
            assert_eq!(bucket_of(top), bucket);
            if top.as_millis() < i64::MAX {
                assert_eq!(bucket_of(top.plus(Duration::from_millis(1))), bucket + 1);
            }
        }
    }

    #[test]
    fn small_values_are_exact_and_ranks_are_nearest() {
        let histogram = of(&[10, 20, 30, 40]);
        let found = [0, 1, 250, 251, 500, 501, 750, 999, 1000, 2000];
        let found = found.map(|permille| percentile(&histogram, permille));
        assert_eq!(found, [10, 10, 10, 20, 20, 30, 30, 40, 40, 40]);
        assert_eq!(of(&[]).percentile(500), None);
    }

    /// 1000 ms lies in the bucket 1000 to 1007: 64 to 128 times 8.
    #[test]
    fn a_percentile_is_the_upper_edge_but_no_more_than_the_longest() {
        assert_eq!(percentile(&of(&[1000, 5000]), 500), 1007);
        assert_eq!(percentile(&of(&[1000]), 500), 1000);
    }

    #[test]
    fn reading_back_what_was_written_and_nothing_else() {
        let histogram = of(&[0, 5, 5, 70_000, i64::MAX]);
        let text = serde_json::to_string(&histogram).unwrap();
        assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), histogram);
        assert_eq!(serde_json::to_string(&of(&[1, 1])).unwrap(), EXPECTED);
        let empty = serde_json::to_string(&of(&[])).unwrap();
        assert_eq!(serde_json::from_str::<Histogram>(&empty).unwrap(), of(&[]));
        let wrong =
            [("[1,2]", "[9999999,2]"), ("[1,2]", "[1,3]"), ("\"max\":\"1 ms", "\"max\":\"9 ms")];
        for (from, to) in wrong {
            let text = EXPECTED.replace(from, to);
            assert!(serde_json::from_str::<Histogram>(&text).is_err(), "{text}");
        }
    }

    const EXPECTED: &str = r#"{"count":2,"min":"1 ms","max":"1 ms","buckets":[[1,2]]}"#;
}
