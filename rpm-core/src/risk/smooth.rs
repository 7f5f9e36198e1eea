//! The logistic function and the hyperbolic tangent of many numbers.
//!
//! A network of 60 steps asks for thousands of them, and `libm` gives them one at a time. These are made of
//! additions, multiplications, one division and bits, in one order, so that a compiler does several side by
//! side and every processor gets the same. They are within 3e-7 of the functions; the last step of a model,
//! from margin to probability, is [`Link`](super::Link)'s, which is as near for the smallest probabilities.

/// `1.5 x 2^23`: a number to which it is added loses what is behind the point, to the nearest.
const ROUND: f32 = 12_582_912.0;
/// Beyond it `e^x` is no number of 32 bits, or none with all its digits.
const FARTHEST: f32 = 87.0;
/// The logarithm of two in two parts: the first has so few digits that its multiples are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `1 / (1 + e^-x)` of each number.
pub(super) fn logistic(numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|x| *x = 1.0 / (1.0 + exp(-*x)));
}

/// The hyperbolic tangent of each number.
pub(super) fn tanh(numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|x| *x = 1.0 - 2.0 / (1.0 + exp(2.0 * *x)));
}

/// `e^x`, of what is beyond [`FARTHEST`] that of it; what is not a number stays so.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Comparisons and not `clamp`, which is a call where it cannot be a choice of bits.
    let x = if x > FARTHEST { FARTHEST } else { x };
    let x = if x < -FARTHEST { -FARTHEST } else { x };
    let shifted = x * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    // The first terms of its series: `r` is at most half the logarithm of two.
    let mut sum = 1.0 / 720.0;
    for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + term;
    }
    // The lowest bits of `shifted` are `n`; as an exponent they are its power of two.
    let power = (shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits());
    sum * f32::from_bits(power)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn both_are_near_enough_everywhere() {
        let mut worst = [0.0_f64; 2];
        for i in -400_000..=400_000_i32 {
            let x = f64::from(i) / 4000.0;
            let (mut a, mut b) = ([x as f32], [x as f32]);
            logistic(&mut a);
            tanh(&mut b);
            worst[0] = worst[0].max((f64::from(a[0]) - 1.0 / (1.0 + libm::exp(-x))).abs());
            worst[1] = worst[1].max((f64::from(b[0]) - libm::tanh(x)).abs());
        }
        assert!(worst.iter().all(|worst| *worst < 3e-7), "{worst:?}");
    }

    #[test]
    fn the_ends_are_the_ends() {
        let mut far = [f32::NEG_INFINITY, -1e30, 1e30, f32::INFINITY];
        let mut same = far;
        logistic(&mut far);
        tanh(&mut same);
        assert!(far[..2].iter().all(|x| (0.0..1e-37).contains(x)), "{far:?}");
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&far[2..]), bits(&[1.0, 1.0]));
        assert_eq!(bits(&same), bits(&[-1.0, -1.0, 1.0, 1.0]));
        let mut no_number = [f32::NAN];
        logistic(&mut no_number);
        assert!(no_number[0].is_nan());
        tanh(&mut no_number);
        assert!(no_number[0].is_nan());
    }
}
