//! Weights that halve with time, in whole numbers: the same on every processor.

/// `2^(-span / half_life)` as a share of 2^32; both in milliseconds, both positive.
pub(crate) fn factor(span: i64, half_life: i64) -> u32 {
    let (span, half_life) = (span.max(0) as u128, half_life.max(1) as u128);
    let (whole, part) = (span / half_life, ((span % half_life) << 32) / half_life);
    // One bit of the exponent after the other, each with the square root of the root before it.
    let (mut product, mut root) = (1_u128 << 62, 1_u128 << 61);
    for bit in (0..32).rev() {
        root = (root << 62).isqrt();
        if (part >> bit) & 1 == 1 {
            product = (product * root) >> 62;
        }
    }
    let scaled = product.checked_shr(30 + whole.min(100) as u32).unwrap_or(0);
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

/// A factor applied so many times.
pub(super) fn power(factor: u32, times: i64) -> u32 {
    let (mut result, mut square, mut left) = (1_u64 << 32, u64::from(factor), times.max(0));
    while left > 0 && result > 0 {
        if left & 1 == 1 {
            result = (result * square) >> 32;
        }
        square = (square * square) >> 32;
        left >>= 1;
    }
    u32::try_from(result).unwrap_or(u32::MAX)
}

/// A weight after it has decayed.
pub(super) fn aged(weight: u32, factor: u32) -> u32 {
    ((u64::from(weight) * u64::from(factor) + (1 << 31)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_life_halves() {
        for span in [1, 1000, 86_400_000] {
            assert_eq!(factor(span, span), 1 << 31);
            assert_eq!(factor(3 * span, span), 1 << 29);
            assert_eq!(factor(200 * span, span), 0);
        }
        assert_eq!(factor(0, 5), u32::MAX);
    }

    /// `2^32 * 2^(-1/2)`, `2^(-1/72)`, `2^(-7/3)` and `2^(-1/100000)`, from a table of powers.
    #[test]
    fn it_is_the_power_of_two_to_nine_places() {
        let known: [((i64, i64), u32); 4] = [
            ((1, 2), 3_037_000_500),
            ((3_600, 259_200), 4_253_817_848),
            ((7, 3), 852_229_450),
            ((1, 100_000), 4_294_937_526),
        ];
        for ((span, half_life), exact) in known {
            let found = factor(span, half_life);
            assert!(found.abs_diff(exact) <= 2, "{span}/{half_life}: {found} {exact}");
        }
    }

    #[test]
    fn applied_often_is_applied_once_for_longer() {
        let (hour, half_life) = (3_600_000, 3 * 86_400_000);
        for times in [0, 1, 2, 5, 24, 100] {
            let (often, once) =
                (power(factor(hour, half_life), times), factor(times * hour, half_life));
            assert!(often.abs_diff(once) <= 256, "{times}");
        }
    }
}
