//! A mean and a deviation in which what is long ago counts less.

use super::decay::aged;

/// No value lies further out, with 16 binary places.
const FAR: i64 = 1 << 48;

/// Mean and standard deviation of readings, each with a weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Moments {
    /// Thousandths, with 16 binary places.
    pub mean: i64,
    /// Thousandths, with 4 binary places.
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
    pub fn add(&mut self, value: i32) {
        if self.count == 0 {
            self.pivot = value;
        }
        let distance = i64::from(value) - i64::from(self.pivot);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(distance);
        self.squares = self.squares.saturating_add(distance.unsigned_abs().pow(2));
    }

    fn moments(&self) -> Moments {
        let (n, sum) = (i128::from(self.count.max(1)), i128::from(self.sum));
        let mean = (i64::from(self.pivot) << 16) + ((sum << 16).div_euclid(n)) as i64;
        let spread = (n * i128::from(self.squares) - sum * sum).max(0) as u128;
        let variance = (spread << 8) / (n * n) as u128;
        let weight = self.count.saturating_mul(1 << 8);
        Moments { mean, deviation: clamped(variance.isqrt()), weight }
    }
}

impl Moments {
    /// With readings that came after.
    pub fn with(self, sums: &Sums) -> Self {
        let new = sums.moments();
        if self.weight == 0 || sums.count == 0 {
            return if sums.count == 0 { self } else { new };
        }
        let (a, b) = (i128::from(self.weight), i128::from(new.weight));
        let apart = i128::from(new.mean) - i128::from(self.mean);
        let mean = self.mean + (apart * b).div_euclid(a + b) as i64;
        let variance = |m: &Self| i128::from(m.deviation) * i128::from(m.deviation);
        // Squares with 8 binary places, from 32.
        let between = ((apart * apart) >> 24) * (a * b / (a + b)) / (a + b);
        let variance = (a * variance(&self) + b * variance(&new)) / (a + b) + between;
        let weight = self.weight.saturating_add(new.weight);
        Self { mean, deviation: clamped(variance.max(0).unsigned_abs().isqrt()), weight }
    }

    /// Everything lies by so much higher.
    pub fn shift(&mut self, by: i32) {
        self.mean = (self.mean + (i64::from(by) << 16)).clamp(-FAR, FAR);
    }

    /// What is there counts less.
    pub fn age(&mut self, factor: u32) {
        self.weight = aged(self.weight, factor);
    }

    /// Rounded to thousandths.
    pub fn center(&self) -> i32 {
        ((self.mean + (1 << 15)) >> 16).clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }

    /// The standard deviation, rounded to thousandths.
    pub fn spread(&self) -> i32 {
        i32::try_from((u64::from(self.deviation) + 8) >> 4).unwrap_or(i32::MAX)
    }
}

fn clamped(n: u128) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
