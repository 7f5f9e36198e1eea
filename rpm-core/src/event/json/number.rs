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
    let (ratio, canonical) = match unit {
        Some(unit) => {
            let ratio = kind::ratio(info, unit).map_err(|e| e.at("unit"))?;
            (ratio, ratio == Ratio::ONE && unit == info.unit.code())
        }
        None if coded => (Ratio::ONE, true),
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
    let point = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
    let (whole, part) = (&digits[..point], digits.get(point + 1..).unwrap_or(&[]));
    let bare_point = point + 1 == digits.len();
    if whole.is_empty() || whole.len() > 6 || part.len() > 3 || bare_point {
        return None;
    }
    let mut n = 0;
    for byte in whole.iter().chain(part) {
        n = n * 10 + digit(*byte)?;
    }
    for _ in part.len()..3 {
        n *= 10;
    }
    Some(if negative { -n } else { n })
}

fn digit(byte: u8) -> Option<i32> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(i32::from(digit))
}

/// A time in RFC 3339 within the years a reading may carry.
pub(super) fn instant(text: &str) -> Result<i64, Error> {
    let time = match utc_millis(text.as_bytes()) {
        Some(ms) => Timestamp::from_millis(ms),
        None => text.parse()?,
    };
    plausible(time.as_millis())
}

pub(super) fn plausible(ms: i64) -> Result<i64, Error> {
    let ok = Timestamp::from_millis(ms).is_plausible();
    if ok { Ok(ms) } else { Err(Error::new(Code::BadTimestamp)) }
}

/// Milliseconds of exactly `YYYY-MM-DDTHH:MM:SS[.mmm]Z`; `None` leaves the text (other shapes, leap
/// seconds, dates that do not exist) to the general reader.
fn utc_millis(text: &[u8]) -> Option<i64> {
    let (stem, millis) = match text {
        [stem @ .., b'.', a, b, c, b'Z'] => (stem, number(&[*a, *b, *c])?),
        [stem @ .., b'Z'] => (stem, 0),
        _ => return None,
    };
    let stem: &[u8; 19] = stem.try_into().ok()?;
    let marks = (stem[4], stem[7], stem[10], stem[13], stem[16]);
    if marks != (b'-', b'-', b'T', b':', b':') {
        return None;
    }
    let (year, month, day) = (number(&stem[..4])?, number(&stem[5..7])?, number(&stem[8..10])?);
    let (hour, minute) = (number(&stem[11..13])?, number(&stem[14..16])?);
    let second = number(&stem[17..])?;
    let date_ok = (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    if !date_ok || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(seconds * 1000 + i64::from(millis))
}

fn number(digits: &[u8]) -> Option<i32> {
    let mut n = 0;
    for byte in digits {
        n = n * 10 + digit(*byte)?;
    }
    Some(n)
}

fn month_days(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, years counted from March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn odd_times_are_left_to_the_general_reader() {
        for text in [
            "",
            "Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T02:13:60Z",
            "2026-03-01T02:13:05+01:00",
            "2026-03-01 02:13:05Z",
            "2026-03-01T02:13:05.1Z",
            "+026-03-01T02:13:05Z",
        ] {
            assert_eq!(utc_millis(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        /// The quick readers say what the general ones say.
        #[test]
        fn quick_times_are_right(ms in 0_i64..253_402_300_799_999) {
            let text = Timestamp::from_millis(ms).to_string();
            prop_assert_eq!(instant(&text), Ok(ms));
            if let Some(quick) = utc_millis(text.as_bytes()) {
                prop_assert_eq!(quick, ms);
            }
            let full = Timestamp::from_millis(ms - ms % 1000).to_string();
            prop_assert_eq!(utc_millis(full.as_bytes()), Some(ms - ms % 1000));
        }

        #[test]
        fn quick_times_accept_no_more(
            text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z"
        ) {
            if let Some(ms) = utc_millis(text.as_bytes()) {
                prop_assert_eq!(text.parse::<Timestamp>().map(Timestamp::as_millis), Ok(ms));
            }
        }

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
