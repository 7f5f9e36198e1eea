//! Instants and spans: when the body was measured, and when the host called.
//!
//! The two are different facts. [`Timestamp`] is event time: it orders readings and drives
//! conditions. [`HostTime`] is what the host's clock said when it called: it drives people and
//! timers. There is no comparison between them; [`HostTime::age_of`] is the one bridge, and it says
//! in its name what is computed.

mod rfc3339;

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Code, Error};

/// When the body was measured: milliseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use rpm_core::Timestamp;
/// let t: Timestamp = "2026-03-01T02:13:05+01:00".parse().unwrap();
/// assert_eq!(t.to_string(), "2026-03-01T01:13:05Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// When the host called, by the host's own clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HostTime(i64);

/// A length of time in milliseconds, never negative.
///
/// Written `500 ms`, `60 s`, `10 min`, `8 h`, `2 d` in policies and printed the same way.
///
/// ```
/// use rpm_core::Duration;
/// assert_eq!("10 min".parse::<Duration>().unwrap(), Duration::from_secs(600));
/// assert_eq!(Duration::from_secs(90).to_string(), "90 s");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(i64);

/// The last instant with a four-digit year, which RFC 3339 can still write.
const LAST_WRITABLE: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Later by `d`, stopping at the end of the number range.
    pub const fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// Earlier by `d`, stopping at the start of the number range.
    pub const fn minus(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(d.0))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether the instant lies between 1970 and 9999, the years a reading may carry.
    pub const fn is_plausible(self) -> bool {
        self.0 >= 0 && self.0 <= LAST_WRITABLE
    }
}

impl HostTime {
    /// Before the first call.
    pub(crate) const NEVER: Self = Self(i64::MIN);

    /// From milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Later by `d`, stopping at the end of the number range.
    pub const fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }

    /// Earlier by `d`, stopping at the start of the number range.
    pub const fn minus(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(d.0))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// How old a measurement is for a host whose clock shows this: zero if it is from the future.
    pub const fn age_of(self, observed: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(observed.0))
    }

    /// How far a measurement lies ahead of the host's clock: zero if it does not.
    pub const fn lead_of(self, observed: Timestamp) -> Duration {
        Duration::from_millis(observed.0.saturating_sub(self.0))
    }

    /// The host time at which a measurement counts as received if nobody recorded its arrival: the
    /// moment it was observed. For recordings; a live host passes its clock.
    pub const fn assume_immediate(observed: Timestamp) -> Self {
        Self(observed.0)
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From milliseconds; negative counts become zero.
    pub const fn from_millis(ms: i64) -> Self {
        Self(if ms < 0 { 0 } else { ms })
    }

    /// From seconds; negative counts become zero.
    pub const fn from_secs(s: i64) -> Self {
        Self::from_millis(s.saturating_mul(1000))
    }

    /// Milliseconds, never negative.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whether the span is empty.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, stopping at the end of the number range.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, stopping at zero.
    pub const fn minus(self, other: Self) -> Self {
        Self::from_millis(self.0.saturating_sub(other.0))
    }

    /// How many panes of this width it takes to cover the span.
    pub(crate) const fn in_panes(self, pane_ms: i64) -> i64 {
        self.0 / pane_ms + (self.0 % pane_ms != 0) as i64
    }

    /// The product, stopping at the end of the number range; a negative factor gives zero.
    pub const fn times(self, factor: i64) -> Self {
        Self::from_millis(self.0.saturating_mul(factor))
    }
}

/// Units of a written duration, largest first, so that printing picks the largest that divides.
const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

/// Below this a duration prints in the smaller unit: `90 s` and `120 s` read better than a mix.
const KEEP_SMALL_BELOW: i64 = 3;

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0 s");
        }
        let fits = |ms: &i64| self.0 % ms == 0 && (self.0 / ms >= KEEP_SMALL_BELOW || *ms <= 1000);
        let (unit, ms) = UNITS.iter().find(|(_, ms)| fits(ms)).copied().unwrap_or(("ms", 1));
        write!(f, "{} {unit}", self.0 / ms)
    }
}

impl FromStr for Duration {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(Code::BadDuration);
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let count: i64 = text[..end].parse().map_err(|_| bad())?;
        let unit = text[end..].trim_start();
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        count.checked_mul(*ms).map(Duration).ok_or_else(bad)
    }
}

fn write_instant(ms: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // What has no such form is only ever seen in a quarantined event: shown as it came.
    if Timestamp(ms).is_plausible() { rfc3339::write(ms, f) } else { write!(f, "{ms}") }
}

fn read_instant(text: &str) -> Result<i64, Error> {
    rfc3339::read(text.as_bytes()).ok_or_else(|| Error::new(Code::BadTimestamp))
}

macro_rules! instant {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_instant(self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_instant(self.0, f)
            }
        }
        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                read_instant(text).map(Self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
                // A record of a refused event writes a time that no calendar has as it came.
                let number = text.parse().ok().map(Self::from_millis);
                number.map_or_else(|| text.parse(), Ok).map_err(serde::de::Error::custom)
            }
        }
    };
}
instant!(Timestamp);
instant!(HostTime);

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Duration> for String {
    fn from(d: Duration) -> Self {
        d.to_string()
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_they_are_written() {
        for text in ["500 ms", "60 s", "90 s", "10 min", "8 h", "3 d", "0 s"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        assert_eq!("48 h".parse::<Duration>().unwrap().to_string(), "48 h");
        assert_eq!("2 min".parse::<Duration>().unwrap().to_string(), "120 s");
    }

    #[test]
    fn durations_without_unit_or_beyond_range_are_refused() {
        for text in ["", "60", "s", "1.5 s", "-1 s", "9223372036854775807 d", "60 sec"] {
            assert_eq!(text.parse::<Duration>().unwrap_err().code(), Code::BadDuration, "{text}");
        }
    }

    #[test]
    fn extremes_neither_overflow_nor_panic() {
        let end = Timestamp::from_millis(i64::MAX);
        let start = Timestamp::from_millis(i64::MIN);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(start.since(end), Duration::ZERO);
        assert_eq!(end.since(start).as_millis(), i64::MAX);
        assert_eq!(start.to_string(), i64::MIN.to_string());
    }
}
