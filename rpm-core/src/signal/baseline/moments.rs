//! A mean and a deviation in which what is long ago counts less.

use super::decay::aged;

/// No values are further from their mean than this, in thousandths.
const WIDEST: u64 = 1 << 31;

/// Mean and standard deviation of readings, each with a weight. Both have 16 binary places: a short
/// interval changes what a long half-life has gathered by very little.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Moments {
    /// Thousandths.
    pub mean: i32,
    pub mean_places: u16,
    pub deviation_places: u16,
    /// Thousandths.
    pub deviation: u32,
    /// How many readings it stands for, with 8 binary places.
    pub weight: u32,
}

/// Readings of a short time, which all weigh the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sums {
    /// The first of them: the others are counted from it.
    pub pivot: i32,
    pub count: u32,
    pub sum: i64,
    pub squares: u64,
}

impl Sums {
    /// One more; not if there is no room for its square.
    fn add(&mut self, value: i32) -> bool {
        let pivot = if self.count == 0 { value } else { self.pivot };
        let distance = i64::from(value) - i64::from(pivot);
        let squares = self.squares.checked_add(distance.unsigned_abs().pow(2));
        let sums = (self.count.checked_add(1), self.sum.checked_add(distance), squares);
        let (Some(count), Some(sum), Some(squares)) = sums else {
            return false;
        };
        *self = Self { pivot, count, sum, squares };
        true
    }

    fn moments(&self) -> Moments {
        let (n, sum) = (i128::from(self.count.max(1)), i128::from(self.sum));
        let mean = (i128::from(self.pivot) << 16) + (sum << 16).div_euclid(n);
        let spread = (n * i128::from(self.squares) - sum * sum).max(0) as u128;
        let square = (n * n) as u128;
        let variance = ((spread / square) << 32) + ((spread % square) << 32) / square;
        Moments::new(mean, variance, self.count.saturating_mul(1 << 8))
    }
}

impl Moments {
    /// Of a mean with 16 binary places and a variance with 32.
    fn new(mean: i128, variance: u128, weight: u32) -> Self {
        let mean = mean.clamp(i128::from(i32::MIN) << 16, i128::from(i32::MAX) << 16);
        let deviation = variance.isqrt().min(u128::from(WIDEST << 16));
        Self {
            mean: (mean >> 16) as i32,
            mean_places: mean as u16,
            deviation_places: deviation as u16,
            deviation: (deviation >> 16) as u32,
            weight,
        }
    }

    /// More values after those of `open`, which is taken in if it is full.
    pub fn note(&mut self, open: &mut Sums, values: &[i32]) {
        for value in values {
            if !open.add(*value) {
                *self = self.with(open);
                *open = Sums::default();
                open.add(*value);
            }
        }
    }

    /// With readings that came after.
    pub fn with(self, sums: &Sums) -> Self {
        let new = sums.moments();
        if self.weight == 0 || sums.count == 0 {
            return if sums.count == 0 { self } else { new };
        }
        let (a, b) = (u128::from(self.weight), u128::from(new.weight));
        let apart = new.fine_mean() - self.fine_mean();
        let mean = self.fine_mean() + (apart * b as i128).div_euclid((a + b) as i128);
        let between = apart.unsigned_abs().pow(2) * (a * b / (a + b)) / (a + b);
        let variance = |m: &Self| m.fine_deviation().pow(2);
        let within = (a * variance(&self) + b * variance(&new)) / (a + b);
        Self::new(mean, within + between, self.weight.saturating_add(new.weight))
    }

    /// Everything lies by so much higher.
    pub fn shift(&mut self, by: i32) {
        self.mean = self.mean.saturating_add(by);
    }

    /// What is there counts less.
    pub fn age(&mut self, factor: u32) {
        self.weight = aged(self.weight, factor);
    }

    fn fine_mean(&self) -> i128 {
        (i128::from(self.mean) << 16) + i128::from(self.mean_places)
    }

    fn fine_deviation(&self) -> u128 {
        (u128::from(self.deviation) << 16) + u128::from(self.deviation_places)
    }

    /// Whether arithmetic on it cannot overflow: so of all that was learned.
    pub fn is_sane(&self) -> bool {
        self.fine_deviation() <= u128::from(WIDEST << 16)
    }

    /// Rounded to thousandths.
    pub fn center(&self) -> i32 {
        self.mean.saturating_add(i32::from(self.mean_places >= 1 << 15))
    }

    /// The standard deviation, rounded to thousandths.
    pub fn spread(&self) -> i32 {
        let rounded = self.deviation.saturating_add(u32::from(self.deviation_places >= 1 << 15));
        i32::try_from(rounded).unwrap_or(i32::MAX)
    }
}
