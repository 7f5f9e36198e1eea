//! A slow drift away from what is usual: the cumulative sum (CUSUM) of Page, one side at a time.
//!
//! Each value is told in deviations from what is usual, an allowance is taken off, and what is left is
//! added up from zero; the sum never falls below zero. Chance keeps it small, and a lasting shift that
//! no single value shows makes it grow. How often chance alone takes it to a limit is known: the
//! average number of values until then (average run length) is
//!
//! | limit | allowance 0.5, nothing changed | 1 deviation of shift | 2 deviations |
//! |---|---|---|---|
//! | 3 | 118 | 6.4 | 2.6 |
//! | 4 | 335 | 8.4 | 3.3 |
//! | 5 | 930 | 10.4 | 4.0 |
//!
//! for independent normal values and a baseline that is exact. Montgomery, *Introduction to Statistical
//! Quality Control*, has 168 and 465 for limits of 4 and 5 on both sides at once, half of this, and the same
//! after a shift; Siegmund's approximation gives 119, 338 and 938. A test below counts it again. A baseline
//! of few values is not exact, and calls more often: see the policies' README.

use super::baseline::Norm;
use crate::value::div_round;

/// No value counts for more deviations, in thousandths: one alone is no drift.
const FARTHEST: i64 = 4000;
/// The sum is held here, in thousandths, so that what is over is seen to be over.
pub(crate) const HIGHEST: i32 = 10_000;
/// So many panes at least are kept of it, to tell since when it has grown.
pub(crate) const KEPT: u32 = 64;

/// What a policy says of a drift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DriftDef {
    /// Index of the baseline whose signal it follows.
    pub baseline: u16,
    /// Whether it is above what is usual that counts, or below.
    pub up: bool,
    /// Deviations that are taken off each time, in thousandths.
    pub allowance: i32,
    /// Whether the baseline has a mean for the patient asleep and one awake: then circumstances that are learned
    /// late change what a value is compared with.
    pub by_sleep: bool,
    /// Whether it follows a score, which each reading of a round moves: then a pane counts when it is over, in the
    /// next pane that has a score.
    pub of_score: bool,
}

impl DriftDef {
    /// The sum after one more value, all in thousandths.
    pub fn step(&self, before: i32, value: i32, usual: &Norm) -> i32 {
        let middle = div_round(i128::from(usual.low) + i128::from(usual.high), 2);
        let apart = i128::from(value) - middle;
        let apart = if self.up { apart } else { -apart };
        let deviations = div_round(apart * 1000, usual.spread.max(1).into());
        let counts = deviations.clamp((-FARTHEST).into(), FARTHEST.into()) as i32;
        (before + counts - self.allowance).clamp(0, HIGHEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal values in thousandths of a deviation, of whole numbers only: how many of 512 bits are set,
    /// and where between two counts.
    struct Normal(u64);

    impl Normal {
        fn word(&mut self) -> u64 {
            // Steele, Lea and Flood's splitmix64.
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        fn next(&mut self) -> i32 {
            let ones: u32 = (0..8).map(|_| self.word().count_ones()).sum();
            let between = (self.word() >> 54) as i64 - 512;
            let count = (i64::from(ones) - 256) * 1024 + between;
            // The variance is 128, and a twelfth for what lies between: 11.3174 counts a deviation.
            (count * 10_000_000 / (113_174 * 1024)) as i32
        }
    }

    fn def(up: bool) -> DriftDef {
        DriftDef { baseline: 0, up, allowance: 500, by_sleep: false, of_score: false }
    }

    /// The average number of values until the sum reaches a limit, in thousandths.
    fn run_length(limit: i32, shift: i32, runs: u64, seed: u64) -> u64 {
        let def = def(true);
        let usual = Norm { low: 0, high: 0, spread: 1000, samples: 1 };
        let (mut normal, mut values) = (Normal(seed), 0);
        for _ in 0..runs {
            let mut sum = 0;
            while sum < limit {
                sum = def.step(sum, normal.next() + shift, &usual);
                values += 1;
            }
        }
        values * 1000 / runs
    }

    #[test]
    fn the_source_of_chance_is_normal() {
        let (mut normal, n) = (Normal(7), 100_000);
        let (mut sum, mut squares, mut beyond) = (0_i64, 0_i64, 0);
        for _ in 0..n {
            let value = i64::from(normal.next());
            sum += value;
            squares += value * value;
            beyond += i64::from(value.abs() >= 1960);
        }
        assert!((sum / n).abs() < 12, "{}", sum / n);
        assert!((squares / n - 1_000_000).abs() < 15_000, "{}", squares / n);
        assert!((beyond - n / 20).abs() < 250, "{beyond}");
    }

    /// What was published, within what so many runs can tell.
    #[test]
    fn chance_reaches_a_limit_as_seldom_as_was_published() {
        for (limit, shift, published, runs, slack) in [
            (3000, 0, 117_600, 4000, 4),
            (4000, 0, 335_400, 2500, 5),
            (5000, 0, 930_900, 1200, 7),
            (3000, 1000, 6400, 8000, 2),
            (4000, 1000, 8380, 8000, 2),
            (5000, 1000, 10_380, 8000, 2),
            (4000, 2000, 3340, 8000, 2),
            (5000, 2000, 4010, 8000, 2),
        ] {
            let found = run_length(limit, shift, runs, 20_261_130);
            let apart = found.abs_diff(published) * 100;
            assert!(apart <= slack * published, "{limit} {shift}: {found} for {published}");
        }
    }

    #[test]
    fn it_counts_one_side_and_stays_within_bounds() {
        let usual = Norm { low: 58_000, high: 62_000, spread: 2000, samples: 9 };
        let (up, down) = (def(true), def(false));
        assert_eq!((up.step(0, 63_000, &usual), down.step(0, 63_000, &usual)), (1000, 0));
        assert_eq!((up.step(1000, 57_000, &usual), down.step(1000, 57_000, &usual)), (0, 2000));
        // One value however far away is no drift of 4.
        assert_eq!(up.step(0, i32::MAX, &usual), 3500);
        assert_eq!(up.step(HIGHEST, i32::MAX, &usual), HIGHEST);
        assert_eq!(up.step(HIGHEST, i32::MIN, &Norm { spread: 0, ..usual }), HIGHEST - 4500);
    }
}
