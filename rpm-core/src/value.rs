//! Fixed-point measurements: an `i32` count of thousandths of a kind's canonical unit.
//!
//! Integers add up to the same sum in every order and on every processor; that is what makes a
//! window's result independent of arrival. Decimals from devices are converted exactly, as
//! rationals, and rounded once, half away from zero.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// Thousandths of the canonical unit of the reading's kind.
///
/// ```
/// use rpm_core::Value;
/// let spo2: Value = "97.4".parse().unwrap();
/// assert_eq!(spo2.thousandths(), 97_400);
/// assert_eq!(spo2.to_string(), "97.4");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(i32);

/// An exact decimal, `mantissa x 10^exponent`, as devices and texts deliver it.
///
/// ```
/// use rpm_core::Decimal;
/// assert_eq!("36.60".parse::<Decimal>().unwrap(), Decimal { mantissa: 3660, exponent: -2 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Decimal {
    /// The digits, with sign.
    pub mantissa: i64,
    /// The power of ten.
    pub exponent: i8,
}

/// An exact linear conversion into the canonical unit: `(x + offset) x numerator / denominator`.
///
/// The offset is in hundredths of the source unit (32 degF and 273.15 K both fit).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    /// Added first, in hundredths of the source unit.
    pub offset_hundredths: i64,
    /// Then multiplied by this.
    pub numerator: i64,
    /// Then divided by this; positive.
    pub denominator: i64,
}

impl Ratio {
    /// No conversion.
    pub const ONE: Self = Self::scale(1, 1);

    /// A pure scale.
    pub const fn scale(numerator: i64, denominator: i64) -> Self {
        Self { offset_hundredths: 0, numerator, denominator }
    }
}

impl Value {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// From thousandths of the canonical unit.
    pub const fn from_thousandths(n: i32) -> Self {
        Self(n)
    }

    /// From whole canonical units, if they fit.
    pub const fn from_units(n: i32) -> Option<Self> {
        match n.checked_mul(1000) {
            Some(t) => Some(Self(t)),
            None => None,
        }
    }

    /// Thousandths of the canonical unit.
    pub const fn thousandths(self) -> i32 {
        self.0
    }

    /// The canonical value of a decimal in another unit: exact, rounded once, half away from zero.
    pub fn convert(source: Decimal, ratio: Ratio) -> Result<Self, Error> {
        let range = || Error::new(Code::OutOfRange);
        // value x 1000 = (m x 10^e + offset / 100) x 1000 x num / den
        //              = (m x 10^(e+2) + offset) x 10 x num / den, kept integer by moving the power.
        let power = i32::from(source.exponent) + 2;
        let mantissa = i128::from(source.mantissa);
        let offset = i128::from(ratio.offset_hundredths);
        let (top, extra) = if power >= 0 {
            let scaled = mantissa.checked_mul(pow10(power).ok_or_else(range)?);
            (scaled.and_then(|s| s.checked_add(offset)).ok_or_else(range)?, 1)
        } else if mantissa == 0 && offset == 0 {
            (0, 1)
        } else {
            let scale = pow10(-power).ok_or_else(range)?;
            let shifted = offset.checked_mul(scale).and_then(|o| o.checked_add(mantissa));
            (shifted.ok_or_else(range)?, scale)
        };
        let top = top.checked_mul(10).and_then(|t| t.checked_mul(i128::from(ratio.numerator)));
        let bottom = i128::from(ratio.denominator).checked_mul(extra).ok_or_else(range)?;
        let rounded = div_round(top.ok_or_else(range)?, bottom);
        i32::try_from(rounded).map(Self).map_err(|_| range())
    }

    /// Rounded to a multiple of `step` (a chart's resolution), half away from zero.
    #[must_use]
    pub fn round_to(self, step: Self) -> Self {
        if step.0 <= 1 {
            return self;
        }
        let steps = div_round(i128::from(self.0), i128::from(step.0));
        let back = steps.saturating_mul(i128::from(step.0));
        Self(i32::try_from(back).unwrap_or(if back < 0 { i32::MIN } else { i32::MAX }))
    }
}

impl Decimal {
    /// The shortest decimal that reads back as this float; NaN and infinities are refused.
    ///
    /// ```
    /// use rpm_core::{Code, Decimal};
    /// assert_eq!(Decimal::from_f64(36.6).unwrap(), Decimal { mantissa: 366, exponent: -1 });
    /// assert_eq!(Decimal::from_f64(f64::NAN).unwrap_err().code(), Code::NotANumber);
    /// ```
    pub fn from_f64(x: f64) -> Result<Self, Error> {
        use core::fmt::Write as _;
        if !x.is_finite() {
            return Err(Error::new(Code::NotANumber));
        }
        let mut text = String::new();
        write!(text, "{x:e}").map_err(|_| Error::new(Code::OutOfRange))?;
        text.parse()
    }
}

impl FromStr for Decimal {
    type Err = Error;

    /// Reads `-12.50`, `1e3`, `9.7E-1`: digits, one point, one exponent, at most 18 digits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(Code::NotANumber);
        let (digits, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| bad())?),
            None => (text, 0),
        };
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(bad());
        }
        let mut mantissa: i64 = 0;
        let mut exponent = exponent;
        for (in_fraction, byte) in
            whole.bytes().map(|b| (false, b)).chain(fraction.bytes().map(|b| (true, b)))
        {
            let digit = i64::from((byte as char).to_digit(10).ok_or_else(bad)?);
            let next = mantissa.checked_mul(10).and_then(|m| m.checked_add(digit));
            mantissa = next.ok_or_else(|| Error::new(Code::OutOfRange))?;
            exponent = exponent.saturating_sub(i32::from(in_fraction));
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        let exponent = if mantissa == 0 { 0 } else { exponent };
        let exponent = i8::try_from(exponent).map_err(|_| Error::new(Code::OutOfRange))?;
        Ok(Self { mantissa, exponent })
    }
}

impl FromStr for Value {
    type Err = Error;

    /// Reads a decimal in the canonical unit.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::convert(text.parse()?, Ratio::ONE)
    }
}

/// What was measured is a patient's; `Display` prints it for those who ask.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value([redacted])")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_thousandths(i64::from(self.0), f)
    }
}

/// Prints a count of thousandths as a decimal without trailing zeros.
pub(crate) fn write_thousandths(n: i64, f: &mut dyn fmt::Write) -> fmt::Result {
    let (sign, n) = (if n < 0 { "-" } else { "" }, n.unsigned_abs());
    let (whole, part) = (n / 1000, n % 1000);
    match (part, part % 10, part % 100) {
        (0, ..) => write!(f, "{sign}{whole}"),
        (_, _, 0) => write!(f, "{sign}{whole}.{}", part / 100),
        (_, 0, _) => write!(f, "{sign}{whole}.{:02}", part / 10),
        _ => write!(f, "{sign}{whole}.{part:03}"),
    }
}

fn pow10(n: i32) -> Option<i128> {
    u32::try_from(n).ok().and_then(|n| 10_i128.checked_pow(n))
}

/// `top / bottom`, rounded half away from zero. `bottom` must be positive.
pub(crate) fn div_round(top: i128, bottom: i128) -> i128 {
    let quotient = top / bottom;
    let rest = top % bottom;
    if rest.unsigned_abs() >= bottom.unsigned_abs().div_ceil(2) {
        quotient + top.signum()
    } else {
        quotient
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    const FAHRENHEIT: Ratio = Ratio { offset_hundredths: -3200, numerator: 5, denominator: 9 };

    fn from(text: &str, ratio: Ratio) -> i32 {
        Value::convert(text.parse().unwrap(), ratio).unwrap().thousandths()
    }

    /// The chart's band edges are exact in Fahrenheit; a float result lands one band too high.
    #[test]
    fn fahrenheit_band_edges_are_exact() {
        assert_eq!(from("95.0", FAHRENHEIT), 35_000);
        assert_eq!(from("96.8", FAHRENHEIT), 36_000);
        assert_eq!(from("100.4", FAHRENHEIT), 38_000);
        assert_eq!(from("102.2", FAHRENHEIT), 39_000);
    }

    #[test]
    fn kilopascal_goes_through_the_ucum_factor() {
        let kpa = Ratio::scale(1_000_000, 133_322);
        assert_eq!(from("12.0", kpa), 90_008);
        assert_eq!(from("29.3", kpa), 219_769);
    }

    #[test]
    fn halves_round_away_from_zero() {
        assert_eq!(from("0.0005", Ratio::ONE), 1);
        assert_eq!(from("-0.0005", Ratio::ONE), -1);
        assert_eq!(from("0.00049", Ratio::ONE), 0);
        assert_eq!(div_round(-7, 2), -4);
        assert_eq!(div_round(1, 3), 0);
        assert_eq!(div_round(2, 3), 1);
    }

    #[test]
    fn floats_are_read_at_their_shortest_form() {
        let value = |x: f64| Value::convert(Decimal::from_f64(x).unwrap(), Ratio::ONE).unwrap();
        assert_eq!(value(0.1 + 0.2).thousandths(), 300);
        assert_eq!(value(71.7016).thousandths(), 71_702);
        assert_eq!(value(-17.8).to_string(), "-17.8");
    }

    #[test]
    fn extremes_are_refused_not_wrapped() {
        for text in ["1e99", "9999999999", "123456789012345678901234567890"] {
            let got = text.parse::<Decimal>().and_then(|d| Value::convert(d, Ratio::ONE));
            assert_eq!(got.unwrap_err().code(), Code::OutOfRange, "{text}");
        }
        for text in ["", ".", "-", "1.2.3", "NaN", "inf", "1e", "0x10"] {
            assert_eq!(text.parse::<Decimal>().unwrap_err().code(), Code::NotANumber, "{text}");
        }
        assert_eq!("1e-99".parse::<Decimal>().unwrap().exponent, -99);
        assert_eq!("0e-99".parse::<Value>().unwrap(), Value::ZERO);
    }
}
