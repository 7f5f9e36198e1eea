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

/// Milliseconds of exactly `YYYY-MM-DDTHH:MM:SS[.m{1,3}]Z` from 1970 on; `None` leaves the text
/// (other shapes, leap seconds, dates that do not exist) to the general reader.
fn utc_millis(text: &[u8]) -> Option<i64> {
    let (stem, rest) = text.split_first_chunk::<19>()?;
    let millis = match rest {
        [b'Z'] => 0,
        [b'.', a, b, c, b'Z'] => number(&[*a, *b, *c])?,
        // The general reader ends a day before the year does.
        _ if stem.starts_with(b"9999") => return None,
        [b'.', a, b'Z'] => number(&[*a, b'0', b'0'])?,
        [b'.', a, b, b'Z'] => number(&[*a, *b, b'0'])?,
        _ => return None,
    };
    let date = pairs(stem, b"0000-00-")?;
    let day = pairs(&stem[8..], b"00T00:00")?;
    let time = pairs(&stem[11..], b"00:00:00")?;
    let (year, month, day) = (at(date, 0) * 100 + at(date, 2), at(date, 5), at(day, 0));
    let (hour, minute, second) = (at(time, 0), at(time, 3), at(time, 6));
    let date_ok = (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    if year < 1970 || !date_ok || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(days_from_civil(year, month, day)) * 86_400
        + i64::from(hour * 3600 + minute * 60 + second);
    Some(seconds * 1000 + i64::from(millis))
}

/// The numbers that each two neighbours of the first eight bytes are, if those are digits where `form` has
/// zeros, and as there elsewhere. All in one go: beside the form, digits are at most nine and the rest is
/// nothing.
#[inline(always)]
fn pairs(text: &[u8], form: &[u8; 8]) -> Option<u64> {
    let (first, _) = text.split_first_chunk::<8>()?;
    let beside = u64::from_le_bytes(*first) ^ u64::from_le_bytes(*form);
    // What is more than it may be reaches the highest bit of its byte.
    let room = form.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f });
    let over = beside | beside.wrapping_add(u64::from_le_bytes(room));
    (over & 0x8080_8080_8080_8080 == 0).then_some(beside.wrapping_mul(10) + (beside >> 8))
}

/// The number that begins at a place.
#[inline(always)]
fn at(pairs: u64, place: u32) -> i32 {
    (pairs >> (8 * place) & 0xff) as i32
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

/// How many days of a year that begins in March lie before each month, January first.
const BEFORE: [i32; 12] = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

/// Days since 1970-01-01 of a date since then, years counted from March.
fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let leap_days = year / 4 - year / 100 + year / 400;
    let before = BEFORE.get(month as usize - 1).copied().unwrap_or(0);
    year * 365 + leap_days + before + day - 719_469
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
            "2026-03-01T02:13:05.Z",
            "2026-03-01T02:13:05.1234Z",
            "2026-03-01T02:13:05z",
            "2026-03-01t02:13:05Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59.5Z",
            "+026-03-01T02:13:05Z",
        ] {
            assert_eq!(utc_millis(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_end_of_a_month_is_known() {
        for year in [1970, 1999, 2000, 2024, 2026, 2100, 2400, 9998] {
            for (month, day) in (1..=12).flat_map(|m| (28..=32).map(move |d| (m, d))) {
                let text = format!("{year}-{month:02}-{day:02}T23:59:59.5Z");
                let general = text.parse::<Timestamp>().map(Timestamp::as_millis);
                assert_eq!(utc_millis(text.as_bytes()), general.ok(), "{text}");
            }
        }
    }

    proptest! {
        /// The quick readers say what the general ones say.
        #[test]
        fn quick_times_are_right(ms in 0_i64..253_402_300_799_999) {
            let text = Timestamp::from_millis(ms).to_string();
            prop_assert_eq!(instant(&text), Ok(ms));
            if !text.starts_with("9999") {
                prop_assert_eq!(utc_millis(text.as_bytes()), Some(ms));
            }
        }

        #[test]
        fn quick_times_accept_no_more(
            date in "(19[67]|20[02]|[0-9]{3})[0-9]-[01][0-9]-[0-3][0-9]",
            time in "[Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,9})?",
            zone in "Z|z|[+-][01][0-9]:[03]0|"
        ) {
            let text = format!("{date}{time}{zone}");
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
