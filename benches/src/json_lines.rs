//! The ward hour as JSON Lines, and the least that reading such a line can cost.

use std::fmt::Write as _;
use std::ops::Range;

use rpm_core::{HostTime, Timestamp};
use serde::Deserialize;

use crate::ward_engine::patient_name;
use crate::ward_hour::Sample;

/// 2026-03-01T00:00:00Z: readings of 1970 are not believed.
const START_MS: i64 = 1_772_323_200_000;

/// How the times in a line are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// `"2026-03-01T00:00:07.250Z"`.
    Text,
    /// Milliseconds since 1970.
    Millis,
}

/// Events in their JSON form, in one piece of memory as from a file.
pub struct Lines {
    text: String,
    index: Vec<(Range<usize>, HostTime)>,
}

impl Lines {
    /// One line a sample.
    pub fn of(samples: &[Sample], times: Times) -> Self {
        let mut lines = Self { text: String::new(), index: Vec::with_capacity(samples.len()) };
        for sample in samples {
            let start = lines.text.len();
            write_line(&mut lines.text, sample, times);
            let received = START_MS + i64::from(sample.arrival_ms());
            lines.index.push((start..lines.text.len(), HostTime::from_millis(received)));
            lines.text.push('\n');
        }
        lines
    }

    /// Each line, without its end, and when it arrives.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], HostTime)> {
        let bytes = self.text.as_bytes();
        self.index.iter().map(|(range, now)| (&bytes[range.clone()], *now))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes of text.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }
}

fn write_line(out: &mut String, sample: &Sample, times: Times) {
    const KINDS: [(&str, &str); 4] = [
        ("heart_rate", "/min"),
        ("spo2", "%"),
        ("respiratory_rate", "/min"),
        ("body_temperature", "Cel"),
    ];
    let (kind, unit) = KINDS[usize::from(sample.kind)];
    let time = |ms: u32| {
        let at = START_MS + i64::from(ms);
        match times {
            Times::Text => format!("\"{}\"", Timestamp::from_millis(at)),
            Times::Millis => at.to_string(),
        }
    };
    let (observed, received) = (time(sample.t_ms), time(sample.arrival_ms()));
    let (patient, sequence) = (patient_name(sample.patient), sample.seq);
    let (whole, tenths) = (sample.value / 10, sample.value % 10);
    let quality = if sample.is_artifact() { r#","quality":["artifact"]"# } else { "" };
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        r#"{{"v":"1.0","patient":"{patient}","device":"bedside","sequence":{sequence},"observed_at":{observed},"received_at":{received},"reading":{{"kind":"{kind}","value":{whole}.{tenths},"unit":"{unit}"}}{quality}}}"#
    );
}

/// A line as a program would read it that does nothing else: borrowed text, floats, no checks.
/// `T` is how it takes times: [`&str`](str) or `i64`.
#[derive(Debug, Deserialize)]
pub struct Line<'a, T> {
    /// Version of the form.
    pub v: &'a str,
    /// Whose body it was.
    pub patient: &'a str,
    /// What measured it.
    pub device: &'a str,
    /// The device's own counter.
    pub sequence: u64,
    /// When the body was measured.
    pub observed_at: T,
    /// When it arrived.
    pub received_at: T,
    /// What was measured.
    #[serde(borrow)]
    pub reading: Measured<'a>,
    /// Flags, mostly none.
    #[serde(borrow, default)]
    pub quality: Vec<&'a str>,
}

/// The reading of a [`Line`].
#[derive(Debug, Deserialize)]
pub struct Measured<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its value.
    pub value: f64,
    /// Its unit.
    pub unit: &'a str,
}

/// Parsing alone: text checked in one pass, then read by `serde_json`.
///
/// # Errors
///
/// If the line is not a [`Line`].
pub fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<Line<'a, T>, serde_json::Error> {
    // What is not UTF-8 fails as the empty text does.
    serde_json::from_str(str::from_utf8(line).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ward_engine::Ward;
    use crate::ward_hour::{Params, generate};
    use rpm_core::Receipt;
    use rpm_core::event::json;

    #[test]
    fn every_line_is_a_plain_reading() {
        let samples = generate(&Params { patients: 5, duration_ms: 120_000, seed: 3 });
        for times in [Times::Text, Times::Millis] {
            let lines = Lines::of(&samples, times);
            let mut ward = Ward::new(5);
            for ((line, now), sample) in lines.iter().zip(&samples) {
                let wire = json::parse_reading(line).unwrap();
                assert_eq!(wire.value.thousandths(), i32::from(sample.value) * 100);
                assert_eq!(wire.quality.is_good(), !sample.is_artifact());
                let receipt = ward.engine.handle_json(line, now).unwrap();
                assert!(!matches!(receipt, Receipt::Quarantined(_)), "{receipt:?}");
                let alone = match times {
                    Times::Text => parse::<&str>(line).unwrap().reading,
                    Times::Millis => parse::<i64>(line).unwrap().reading,
                };
                assert_eq!((alone.value * 10.0).round() as i16, sample.value);
            }
        }
    }
}
