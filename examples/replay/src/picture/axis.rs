//! Ticks and scales: round numbers for people.

use rpm_core::Timestamp;

use crate::table::is_elapsed;

/// From data to pixels, linearly.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    from: f64,
    until: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// `from` lies at pixel `start`, `until` at pixel `end`.
    pub fn new((from, until): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self { from, until, start, end }
    }

    /// The pixel of a value, kept inside the range.
    pub fn at(&self, value: f64) -> f64 {
        let width = self.until - self.from;
        let share = if width > 0.0 { (value - self.from) / width } else { 0.5 };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// The pixel of a time.
    pub fn time(&self, ms: i64) -> f64 {
        self.at(ms as f64)
    }
}

/// A range of values, widened to round numbers, and its ticks.
#[derive(Clone, PartialEq, Debug)]
pub struct Ticks {
    /// The lowest value shown.
    pub low: f64,
    /// The highest value shown.
    pub high: f64,
    /// Where the ticks are.
    pub at: Vec<f64>,
    step: f64,
}

impl Ticks {
    /// About `wanted` ticks over a range, with a little room beyond its ends.
    pub fn over(low: f64, high: f64, wanted: usize) -> Self {
        let room = ((high - low) * 0.08).max(0.5);
        let (low, high) = (low - room, high + room);
        let step = round_step((high - low) / wanted as f64);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let at = (first..=last).map(|n| n as f64 * step).collect();
        Self { low, high, at, step }
    }

    /// A tick as text, with as many decimals as the step needs.
    pub fn label(&self, value: f64) -> String {
        match self.step {
            step if step >= 1.0 => format!("{value:.0}"),
            step if step >= 0.1 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        }
    }
}

/// The next of 1, 2, 5 times a power of ten.
fn round_step(at_least: f64) -> f64 {
    let mut power = 0.001;
    loop {
        for digit in [1.0, 2.0, 5.0] {
            if digit * power >= at_least {
                return digit * power;
            }
        }
        power *= 10.0;
        if power > 1e12 {
            return power;
        }
    }
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps of a time axis that people count in.
const STEPS: [i64; 22] = [
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
];

/// So many ticks fit side by side.
const MOST_TIME_TICKS: i64 = 11;

/// Ticks of a time axis with their texts.
pub fn time_ticks(from: i64, until: i64) -> Vec<(i64, String)> {
    let width = until.saturating_sub(from).max(SECOND);
    let fits = |step: &&i64| width / **step <= MOST_TIME_TICKS;
    let step = STEPS.iter().find(fits).copied().unwrap_or(width.max(DAY));
    let first = from.div_euclid(step) + i64::from(from.rem_euclid(step) != 0);
    (first..)
        .map(|n| n.saturating_mul(step))
        .take_while(|at| *at <= until)
        .take(20)
        .map(|at| (at, time_label(at, step)))
        .collect()
}

/// A time for an axis: elapsed for recordings without a date, else the clock.
fn time_label(at: i64, step: i64) -> String {
    if !is_elapsed(at) {
        let text = Timestamp::from_millis(at).to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        let part = |text: &str, range: std::ops::Range<usize>| {
            text.get(range).unwrap_or_default().to_string()
        };
        return match step {
            step if step >= DAY => date.to_string(),
            step if step >= 6 * HOUR => format!("{} {}", part(date, 5..10), part(time, 0..5)),
            step if step >= MINUTE => part(time, 0..5),
            _ => part(time, 0..8),
        };
    }
    let (days, hours, minutes) = (at / DAY, at / HOUR % 24, at / MINUTE % 60);
    match step {
        step if step >= DAY => format!("{days} d"),
        step if step >= HOUR && days == 0 => format!("{hours} h"),
        step if step >= HOUR && hours == 0 => format!("{days} d"),
        step if step >= HOUR => format!("{days} d {hours} h"),
        step if step >= MINUTE && at >= HOUR => format!("{}:{minutes:02} h", at / HOUR),
        step if step >= MINUTE => format!("{minutes} min"),
        _ => format!("{}:{:02}", at / MINUTE, at / SECOND % 60),
    }
}

/// What the time axis counts.
pub fn time_title(from: i64) -> &'static str {
    if is_elapsed(from) { "time in the recording" } else { "time, UTC" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = Ticks::over(83.0, 100.0, 5);
        assert_eq!(ticks.at, [85.0, 90.0, 95.0, 100.0]);
        assert_eq!(ticks.label(85.0), "85");
        let flat = Ticks::over(36.6, 36.6, 5);
        assert!(flat.low < 36.6 && flat.high > 36.6 && !flat.at.is_empty());
        assert_eq!(flat.label(flat.at[0]).split('.').count(), 2);
    }

    #[test]
    fn time_is_told_as_people_count_it() {
        let labels = |from, until| -> Vec<String> {
            time_ticks(from, until).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(0, 8 * MINUTE)[..3], ["0 min", "1 min", "2 min"]);
        assert_eq!(labels(0, 48 * HOUR)[..5], ["0 h", "6 h", "12 h", "18 h", "1 d"]);
        assert_eq!(labels(0, 90 * DAY)[..2], ["0 d", "14 d"]);
        let night = "2026-03-01T02:13:05Z".parse::<Timestamp>().unwrap().as_millis();
        assert_eq!(labels(night, night + 40 * MINUTE)[0], "02:15");
        assert!(time_ticks(i64::MAX - 10, i64::MAX).len() <= 20);
    }
}
