//! Instants in RFC 3339.

use core::fmt;

const SECONDS_A_DAY: i64 = 86_400;

/// Milliseconds since 1970 of a date and a time with its distance from UTC; finer digits are dropped.
///
/// A leap second is the second before it. A space may stand for the `T`, and the distance may be written
/// without its colon or minutes, as many devices do.
pub(super) fn read(text: &[u8]) -> Option<i64> {
    let (stem, rest) = text.split_first_chunk::<19>()?;
    let seconds = read_seconds(stem)?;
    let (millis, zone) = match rest {
        [b'.' | b',', digits @ ..] => read_fraction(digits)?,
        zone => (0, zone),
    };
    Some((seconds - read_zone(zone)?) * 1000 + i64::from(millis))
}

/// Of exactly `YYYY-MM-DDTHH:MM:SS`.
fn read_seconds(stem: &[u8; 19]) -> Option<i64> {
    let date = pairs(stem, b"0000-00-")?;
    let between = if matches!(stem[10], b't' | b' ') { b'T' } else { stem[10] };
    let day = pairs(
        &[stem[8], stem[9], between, stem[11], stem[12], stem[13], stem[14], stem[15]],
        b"00T00:00",
    )?;
    let time = pairs(&stem[11..], b"00:00:00")?;
    let (year, month, day) = (at(date, 0) * 100 + at(date, 2), at(date, 5), at(day, 0));
    let (hour, minute, second) = (at(time, 0), at(time, 3), at(time, 6));
    let date_ok = (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    if !date_ok || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let in_day = hour * 3600 + minute * 60 + second.min(59);
    Some(i64::from(days_from_civil(year, month, day)) * SECONDS_A_DAY + i64::from(in_day))
}

/// The milliseconds that some digits are, and what follows them.
fn read_fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, zone) = text.split_at(end);
    let place = |at: usize| digits.get(at).map_or(0, |byte| i32::from(byte - b'0'));
    let millis = place(0) * 100 + place(1) * 10 + place(2);
    (1..=9).contains(&end).then_some((millis, zone))
}

/// Seconds east of UTC.
fn read_zone(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match text {
        [b'Z' | b'z'] => return Some(0),
        [sign @ (b'+' | b'-'), h, o] => (sign, [h, o], [&b'0', &b'0']),
        [sign @ (b'+' | b'-'), h, o, m, i] => (sign, [h, o], [m, i]),
        [sign @ (b'+' | b'-'), h, o, b':', m, i] => (sign, [h, o], [m, i]),
        _ => return None,
    };
    let number = |[tens, ones]: [&u8; 2]| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let east = (hours * 60 + minutes) * 60;
    (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -east } else { east })
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
/// Days of a period of the calendar: 400 years.
const PERIOD: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Days since 1970-01-01, years counted from March.
fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before = BEFORE.get(month as usize - 1).copied().unwrap_or(0);
    year * 365 + leap_days + before + day - 1 - EPOCH as i32
}

/// Year, month and day.
fn civil_from_days(days: i64) -> (i64, usize, i64) {
    let days = days + EPOCH;
    let (period, in_period) = (days.div_euclid(PERIOD), days.rem_euclid(PERIOD));
    // A century has 36,524 days and the last one a day more; so has a year of four.
    let year = (in_period - in_period / 1460 + in_period / 36_524 - in_period / 146_096) / 365;
    let in_year = in_period - (365 * year + year / 4 - year / 100);
    let started = |month: &usize| i64::from(BEFORE[*month]) <= in_year;
    let month = (2..12).chain(0..2).take_while(started).last().unwrap_or(2);
    let next = i64::from(month < 2);
    (period * 400 + year + next, month + 1, in_year - i64::from(BEFORE[month]) + 1)
}

/// In UTC, with as many digits of a second as there are. Of the years 0 to 9999.
pub(super) fn write(ms: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (seconds, millis) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_A_DAY));
    let in_day = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    match (millis / 100, millis / 10 % 10, millis % 10) {
        (0, 0, 0) => {}
        (a, 0, 0) => write!(f, ".{a}")?,
        (a, b, 0) => write!(f, ".{a}{b}")?,
        (a, b, c) => write!(f, ".{a}{b}{c}")?,
    }
    f.write_str("Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn calendar(text: &str) -> Option<i64> {
        text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
    }

    #[test]
    fn other_forms_of_a_time_are_read() {
        let same = calendar("2026-03-01T01:13:05.12Z");
        for text in [
            "2026-03-01T01:13:05.12Z",
            "2026-03-01t01:13:05.12z",
            "2026-03-01 01:13:05.12Z",
            "2026-03-01T01:13:05,12Z",
            "2026-03-01T01:13:05.120999999Z",
            "2026-03-01T02:13:05.12+01:00",
            "2026-03-01T02:13:05.12+0100",
            "2026-03-01T02:13:05.12+01",
            "2026-02-28T19:43:05.12-05:30",
        ] {
            assert_eq!(read(text.as_bytes()), same, "{text}");
            assert_eq!(calendar(text), same, "{text}");
        }
        assert_eq!(read(b"2026-06-30T23:59:60Z"), calendar("2026-06-30T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "2026-03-01",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T02:60:00Z",
            "2026-03-01T02:13:61Z",
            "2026-03-01T02:13:05",
            "2026-03-01T02:13:05.Z",
            "2026-03-01T02:13:05.1234567890Z",
            "2026-03-01T02:13:05+",
            "2026-03-01T02:13:05+26:00",
            "2026-03-01T02:13:05+01:60",
            "2026-03-01T02:13:05+1:00",
            "2026-03-01T02:13:05Z ",
            "2026-03-01_02:13:05Z",
            "+026-03-01T02:13:05Z",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
            assert_eq!(calendar(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_is_that_of_the_calendar() {
        for day in (0..2_932_896).step_by(7) {
            let ms = day * SECONDS_A_DAY * 1000 + 12_345_678;
            let text = Timestamp::from_millis(ms).to_string();
            assert_eq!(read(text.as_bytes()), Some(ms), "{text}");
            // The library's own time ends a day before the year 9999 does.
            if day % 50 == 0 {
                assert_eq!(jiff::Timestamp::from_millisecond(ms).unwrap().to_string(), text);
            }
        }
        assert_eq!(
            Timestamp::from_millis(253_402_300_799_999).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
    }

    proptest! {
        #[test]
        fn a_time_is_written_as_the_calendar_has_it(ms in 0_i64..253_402_200_000_000) {
            let text = Timestamp::from_millis(ms).to_string();
            prop_assert_eq!(&text, &jiff::Timestamp::from_millisecond(ms).unwrap().to_string());
            prop_assert_eq!(read(text.as_bytes()), Some(ms));
        }

        #[test]
        fn a_time_is_read_as_the_calendar_has_it(
            date in "(19[67]|20[02]|[1-8][0-9]{2})[0-9]-[01][0-9]-[0-3][0-9]",
            time in "[Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?",
            zone in "Z|z|[+-][01][0-9]:[0-6]0|[+-][01][0-9]([0-6]0)?|"
        ) {
            let text = format!("{date}{time}{zone}");
            let ours = read(text.as_bytes());
            // Before 1970 finer digits are dropped towards the past, not towards 1970.
            if ours.is_none_or(|ms| ms >= 0) {
                prop_assert_eq!(ours, calendar(&text), "{}", text);
            }
        }
    }
}
