//! One CSV row as a reading, or why it is none.

use rpm_core::event::{AbsentReason, Quality};
use rpm_core::{Code, Decimal, HostTime, Timestamp, Value};

use super::columns::{Columns, TimeColumn};
use super::fields::Fields;
use super::names::{self, Names};
use crate::host;

/// A reading of a CSV file; patient, device and kind are numbers of [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// When the body was measured.
    pub observed: Timestamp,
    /// When it arrived, if the file says so.
    pub received: Option<HostTime>,
    /// Whose.
    pub patient: u32,
    /// What measured it.
    pub device: u32,
    /// Kind and unit.
    pub measure: u32,
    /// The value in the canonical unit, or why there is none.
    pub value: Result<Value, AbsentReason>,
    /// Flags.
    pub quality: Quality,
    /// The device's counter.
    pub sequence: Option<u64>,
    /// Which file, in the order of the command line.
    pub file: u16,
    /// Which line of it.
    pub line: u64,
}

/// Why a row is no reading, and which column is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The reason.
    pub code: Code,
    /// The column.
    pub column: &'static str,
}

impl Row {
    /// When the row is replayed: at its arrival, else when it was observed.
    pub fn due(&self) -> HostTime {
        self.received.unwrap_or_else(|| HostTime::assume_immediate(self.observed))
    }

    /// Reads a row. A missing or odd *value* is still a reading, without a value.
    pub fn read(
        fields: &Fields,
        columns: &Columns,
        names: &mut Names,
        place: (u16, u64),
    ) -> Result<Self, Refusal> {
        if fields.len() > columns.count {
            return Err(Refusal { code: Code::UnknownField, column: "(after the last)" });
        }
        let get =
            |at: usize, column| fields.get(at).ok_or(Refusal { code: Code::MissingField, column });
        let optional = |at: Option<usize>| at.and_then(|at| fields.get(at)).unwrap_or("");
        let kind = get(columns.kind, "kind")?;
        let at = |column| move |code| Refusal { code, column };
        let patient = names.patient(get(columns.patient, "patient")?).map_err(at("patient"))?;
        let measure = names.measure(kind, get(columns.unit, "unit")?).map_err(|code| {
            let column = if code == Code::UnknownKind { "kind" } else { "unit" };
            Refusal { code, column }
        })?;
        let device = match optional(columns.device) {
            "" => kind,
            text => text,
        };
        let time = columns.observed;
        let observed = instant(get(time.index(), time.name())?, time).map_err(at(time.name()))?;
        Ok(Self {
            observed: Timestamp::from_millis(observed),
            received: received(optional(columns.received), time).map_err(at("received_at"))?,
            patient,
            device: names.device(device).map_err(at("device"))?,
            measure,
            value: value(get(columns.value, "value")?, measure, names).map_err(at("value"))?,
            quality: names::quality(optional(columns.quality)).map_err(at("quality"))?,
            sequence: sequence(optional(columns.sequence)).map_err(at("sequence"))?,
            file: place.0,
            line: place.1,
        })
    }
}

fn value(text: &str, measure: u32, names: &Names) -> Result<Result<Value, AbsentReason>, Code> {
    if let Some(reason) = absent(text) {
        return Ok(Err(reason));
    }
    let measure = names.measure_at(measure).ok_or(Code::UnknownKind)?;
    match text.parse::<Decimal>() {
        Ok(decimal) => Value::convert(decimal, measure.ratio).map(Ok).map_err(|e| e.code()),
        // Consciousness and the like are charted as letters.
        Err(error) => host::code_value(&measure.kind, text).map(Ok).ok_or(error.code()),
    }
}

/// The ways in which files write "no value".
fn absent(text: &str) -> Option<AbsentReason> {
    const WORDS: [(&str, AbsentReason); 10] = [
        ("", AbsentReason::Unknown),
        ("nan", AbsentReason::NotANumber),
        ("na", AbsentReason::Unknown),
        ("null", AbsentReason::Unknown),
        ("none", AbsentReason::Unknown),
        ("inf", AbsentReason::PositiveInfinity),
        ("+inf", AbsentReason::PositiveInfinity),
        ("infinity", AbsentReason::PositiveInfinity),
        ("-inf", AbsentReason::NegativeInfinity),
        ("-infinity", AbsentReason::NegativeInfinity),
    ];
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, reason)| *reason)
}

fn received(text: &str, form: TimeColumn) -> Result<Option<HostTime>, Code> {
    match text {
        "" => Ok(None),
        text => instant(text, form).map(|ms| Some(HostTime::from_millis(ms))),
    }
}

fn sequence(text: &str) -> Result<Option<u64>, Code> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Code::WrongType),
    }
}

/// Milliseconds since the epoch of a time in the file's form.
fn instant(text: &str, form: TimeColumn) -> Result<i64, Code> {
    let ms = match form {
        TimeColumn::Seconds(_) => seconds(text).ok_or(Code::BadTimestamp)?,
        TimeColumn::Instant(_) => text.parse::<Timestamp>().map_err(|e| e.code())?.as_millis(),
    };
    match Timestamp::from_millis(ms).is_plausible() {
        true => Ok(ms),
        false => Err(Code::BadTimestamp),
    }
}

/// Seconds as decimal text, to the millisecond, half away from zero.
pub fn seconds(text: &str) -> Option<i64> {
    let decimal: Decimal = text.parse().ok()?;
    let power = i32::from(decimal.exponent) + 3;
    let scale = 10_i64.checked_pow(power.unsigned_abs());
    if power >= 0 {
        return match decimal.mantissa {
            0 => Some(0),
            mantissa => mantissa.checked_mul(scale?),
        };
    }
    let Some(scale) = scale else { return Some(0) };
    let rest = decimal.mantissa % scale;
    let away =
        if rest.unsigned_abs() >= scale.unsigned_abs().div_ceil(2) { rest.signum() } else { 0 };
    Some(decimal.mantissa / scale + away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_to_the_millisecond() {
        for (text, ms) in [
            ("0", Some(0)),
            ("2.0", Some(2000)),
            ("1.0005", Some(1001)),
            ("1.0004", Some(1000)),
            ("-0.0005", Some(-1)),
            ("1e3", Some(1_000_000)),
            ("1e-60", Some(0)),
            ("1e60", None),
            ("9223372036854775807", None),
            ("", None),
            ("12:30", None),
        ] {
            assert_eq!(seconds(text), ms, "{text}");
        }
    }

    #[test]
    fn words_for_no_value_are_told_apart_from_garbage() {
        assert_eq!(absent(""), Some(AbsentReason::Unknown));
        assert_eq!(absent("NaN"), Some(AbsentReason::NotANumber));
        assert_eq!(absent("-Inf"), Some(AbsentReason::NegativeInfinity));
        assert_eq!(absent("12"), None);
        assert_eq!(absent("high"), None);
    }

    #[test]
    fn times_before_1970_and_after_9999_are_refused() {
        let form = TimeColumn::Seconds(0);
        assert_eq!(instant("-1", form), Err(Code::BadTimestamp));
        assert_eq!(instant("253402300800", form), Err(Code::BadTimestamp));
        assert_eq!(instant("2026-03-01", TimeColumn::Instant(0)), Err(Code::BadTimestamp));
    }
}
