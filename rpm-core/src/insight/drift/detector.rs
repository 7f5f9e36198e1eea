//! Streams that change: two detectors whose false alarms are known beforehand.

use alloc::vec::Vec;

/// Page's test for a mean that moves, in units of the stream's standard deviation, on either side.
///
/// Two sums, each of what lies more than half of the wanted shift beyond the reference; one that passes the
/// threshold is an alarm. The threshold follows from how long the test is to run without a false alarm, by
/// Siegmund's formula for the average run length of a cumulative sum, `(exp(2kb) - 2kb - 1) / 2k^2` with
/// `b = h + 1.166`; of two sides it is half as long. The tests simulate it.
///
/// Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); D. Siegmund, "Sequential
/// Analysis" (1985), section II.6.
#[derive(Clone, PartialEq, Debug)]
pub struct PageHinkley {
    slack: f64,
    threshold: f64,
    above: f64,
    below: f64,
    /// How many observations since either sum was last zero.
    rising: u64,
    falling: u64,
}

/// Siegmund's correction for the overshoot.
const OVERSHOOT: f64 = 1.166;

impl PageHinkley {
    /// A test that is to find a shift of so many standard deviations, and to alarm falsely once in so many
    /// observations on average.
    pub fn new(shift: f64, run_length: f64) -> Self {
        let slack = shift.abs().max(0.01) / 2.0;
        let wanted = 2.0 * run_length.max(10.0);
        let length = |h: f64| {
            let x = 2.0 * slack * (h + OVERSHOOT);
            (libm::exp(x) - x - 1.0) / (2.0 * slack * slack)
        };
        // The length grows with the threshold: halves until it is found.
        let (mut low, mut high) = (0.0, 1000.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if length(middle) < wanted { low = middle } else { high = middle }
        }
        Self { slack, threshold: high, above: 0.0, below: 0.0, rising: 0, falling: 0 }
    }

    /// Takes an observation in, as standard deviations from the reference. At an alarm: how many
    /// observations ago the change is most likely to have begun; then it starts anew.
    pub fn observe(&mut self, z: f64) -> Option<u64> {
        if !z.is_finite() {
            return None;
        }
        self.above = (self.above + z - self.slack).max(0.0);
        self.below = (self.below - z - self.slack).max(0.0);
        self.rising = if self.above > 0.0 { self.rising + 1 } else { 0 };
        self.falling = if self.below > 0.0 { self.falling + 1 } else { 0 };
        let since = if self.above > self.threshold { self.rising } else { self.falling };
        if self.above.max(self.below) <= self.threshold {
            return None;
        }
        (self.above, self.below, self.rising, self.falling) = (0.0, 0.0, 0, 0);
        Some(since)
    }
}

/// A window that keeps what still looks like one distribution, and drops what is older (ADWIN).
///
/// Wherever it could be cut in two whose means differ by more than chance at `1 - delta` explains, the older
/// part goes. It knows no reference and forgets nothing that fits. Memory grows with the logarithm of the
/// window.
///
/// Source: A. Bifet and R. Gavalda, "Learning from time-changing data with adaptive windowing", SDM 2007,
/// with the bound for normal approximations and exponential histograms of at most five buckets a row.
#[derive(Clone, PartialEq, Debug)]
pub struct Adwin {
    delta: f64,
    /// The oldest first; sizes are powers of two and never grow towards the newest.
    buckets: Vec<Bucket>,
    seen: u64,
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Bucket {
    size: f64,
    sum: f64,
    /// Sum of squares about its own mean.
    squares: f64,
}

const PER_ROW: usize = 5;
/// How often a cut is looked for, and how small a part may be.
const EVERY: u64 = 32;
const LEAST: f64 = 32.0;

impl Adwin {
    /// A window that cuts falsely with a chance of at most `delta` each time it looks.
    pub fn new(delta: f64) -> Self {
        Self { delta: delta.clamp(1e-12, 0.5), buckets: Vec::new(), seen: 0 }
    }

    /// Takes an observation in. Where the window was cut: how many observations are left in it.
    pub fn observe(&mut self, x: f64) -> Option<u64> {
        if !x.is_finite() {
            return None;
        }
        self.buckets.push(Bucket { size: 1.0, sum: x, squares: 0.0 });
        self.merge();
        self.seen += 1;
        let looks = self.seen % EVERY == 0;
        let mut cut = false;
        while looks && self.is_to_cut() {
            self.buckets.remove(0);
            cut = true;
        }
        cut.then(|| self.total().size as u64)
    }

    /// The mean of what is in the window.
    pub fn mean(&self) -> Option<f64> {
        let total = self.total();
        (total.size > 0.0).then(|| total.sum / total.size)
    }

    /// Two of a row with too many become one of the next.
    fn merge(&mut self) {
        let mut end = self.buckets.len();
        while end > PER_ROW {
            let size = self.buckets[end - 1].size;
            let of_size = |b: &&Bucket| (b.size - size).abs() < 0.5;
            let row = self.buckets[..end].iter().rev().take_while(of_size).count();
            if row <= PER_ROW {
                return;
            }
            let first = end - row;
            let merged = self.buckets[first].with(self.buckets[first + 1]);
            self.buckets[first] = merged;
            self.buckets.remove(first + 1);
            end = first + 1;
        }
    }

    fn total(&self) -> Bucket {
        self.buckets.iter().fold(Bucket::default(), |all, bucket| all.with(*bucket))
    }

    fn is_to_cut(&self) -> bool {
        let total = self.total();
        let variance = total.squares / total.size.max(1.0);
        let looks = libm::log(total.size.max(2.0));
        let confidence = libm::log(2.0 * looks / self.delta);
        let (mut size, mut sum) = (0.0, 0.0);
        self.buckets.iter().any(|bucket| {
            (size, sum) = (size + bucket.size, sum + bucket.sum);
            let rest = total.size - size;
            if size < LEAST || rest < LEAST {
                return false;
            }
            let apart = (sum / size - (total.sum - sum) / rest).abs();
            let m = 1.0 / (1.0 / size + 1.0 / rest);
            let bound = libm::sqrt(2.0 / m * variance * confidence) + 2.0 / (3.0 * m) * confidence;
            apart > bound
        })
    }
}

impl Bucket {
    fn with(self, other: Self) -> Self {
        let size = self.size + other.size;
        if self.size * other.size <= 0.0 {
            return if self.size > 0.0 { self } else { other };
        }
        let apart = self.sum / self.size - other.sum / other.size;
        let squares = self.squares + other.squares + apart * apart * self.size * other.size / size;
        Self { size, sum: self.sum + other.sum, squares }
    }
}
