//! Values and times from their text: exact, and quick for the shapes that nearly all texts have.

use crate::error::{Code, Error};
use crate::event::kind::{self, Kind};
use crate::time::Timestamp;
use crate::value::{Decimal, Ratio, Value};

/// The longest text of a value, in bytes; a decimal needs no more.
pub(super) const MAX_VALUE_LEN: usize = 64;

/// A value in the canonical unit.
pub(super) struct Measured {
    pub value: Value,
    /// Whether unit and digits were kept as delivered.
    pub as_given: bool,
}

/// A decimal or code of a built-in kind. The error's path is `value` or `unit`.
pub(super) fn measure(kind: Kind, text: &str, unit: Option<&str>) -> Result<Measured, Error> {
    let info = kind.info().ok_or_else(|| Error::new(Code::UnknownKind).at("kind"))?;
    let coded = !info.codes.is_empty();
    let canonical = unit.map_or(coded, |unit| unit == info.unit.code());
    let ratio = match unit {
        _ if canonical => Ratio::ONE,
        Some(unit) => kind::ratio(info, unit).map_err(|e| e.at("unit"))?,
        None => return Err(Error::new(Code::MissingField).at("unit")),
    };
    if coded {
        let value = kind::decimal_or_code(kind, info, text, ratio).map_err(|e| e.at("value"))?;
        return Ok(Measured { value, as_given: true });
    }
    let read = decimal(text, ratio).map_err(|e| e.at("value"))?;
    Ok(Measured { as_given: canonical && read.as_given, ..read })
}

/// A decimal, converted and rounded once.
pub(super) fn decimal(text: &str, ratio: Ratio) -> Result<Measured, Error> {
    if ratio == Ratio::ONE {
        if let Some(n) = short_decimal(text.as_bytes()) {
            return Ok(Measured { value: Value::from_thousandths(n), as_given: true });
        }
    }
    if text.len() > MAX_VALUE_LEN {
        return Err(Error::new(Code::TooLarge));
    }
    let source: Decimal = text.parse()?;
    let value = Value::convert(source, ratio)?;
    Ok(Measured { value, as_given: ratio == Ratio::ONE && has_thousandths_only(source) })
}

fn has_thousandths_only(d: Decimal) -> bool {
    let dropped = u32::try_from(-3 - i32::from(d.exponent)).unwrap_or(0);
    match 10_i64.checked_pow(dropped) {
        Some(step) => d.mantissa % step == 0,
        None => d.mantissa == 0,
    }
}

/// The thousandths of `[-]d{1,6}[.d{1,3}]`; `None` leaves the text to the general reader.
fn short_decimal(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (whole, thousandths) = match digits {
        [whole @ .., b'.', a] => (whole, number(&[*a, b'0', b'0'])?),
        [whole @ .., b'.', a, b] => (whole, number(&[*a, *b, b'0'])?),
        [whole @ .., b'.', a, b, c] => (whole, number(&[*a, *b, *c])?),
        whole => (whole, 0),
    };
    if !(1..=6).contains(&whole.len()) {
        return None;
    }
    let n = number(whole)? * 1000 + thousandths;
    Some(if negative { -n } else { n })
}

fn digit(byte: u8) -> Option<i32> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(i32::from(digit))
}

/// A time in RFC 3339 within the years a reading may carry.
pub(super) fn instant(text: &str) -> Result<i64, Error> {
    plausible(text.parse::<Timestamp>()?.as_millis())
}

pub(super) fn plausible(ms: i64) -> Result<i64, Error> {
    let ok = Timestamp::from_millis(ms).is_plausible();
    if ok { Ok(ms) } else { Err(Error::new(Code::BadTimestamp)) }
}

fn number(digits: &[u8]) -> Option<i32> {
    let mut n = 0;
    for byte in digits {
        n = n * 10 + digit(*byte)?;
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    proptest! {
        /// The quick reader says what the general one says.
        #[test]
        fn quick_decimals_are_right(text in "-?[0-9]{0,8}(\\.[0-9]{0,5})?") {
            if let Some(n) = short_decimal(text.as_bytes()) {
                prop_assert_eq!(text.parse::<Value>(), Ok(Value::from_thousandths(n)));
            }
        }

        #[test]
        fn rounding_is_noticed(whole in 0_i32..1000, part in "[0-9]{1,8}") {
            let read = decimal(&format!("{whole}.{part}"), Ratio::ONE).unwrap();
            prop_assert_eq!(read.as_given, part.bytes().skip(3).all(|b| b == b'0'));
        }
    }
}
