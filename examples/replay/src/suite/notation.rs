//! Series of readings, in short.
//!
//! | written | means |
//! |---|---|
//! | `97` | one reading |
//! | `97x60` | the same value, 60 times |
//! | `88+0.5x20` | 20 readings: 88, 88.5, 89, ... |
//! | `97-1x5` | 5 readings: 97, 96, 95, 94, 93 |
//! | `_` | no reading |
//! | `_x30` | no reading, 30 times |
//! | `!92` | a reading marked as an artifact; with `x` and steps as above |
//!
//! Entries are separated by white space; each stands for one or more intervals of time.

use rpm_core::{Decimal, Ratio, Value};

/// What stands at one interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Which interval, from 0.
    pub index: u32,
    /// The value in the unit of the series, in thousandths.
    pub value: Value,
    /// Whether it is marked as an artifact.
    pub artifact: bool,
}

/// The longest series: twelve days of seconds.
const LONGEST: u32 = 1 << 20;

/// Reads a series, converting each value by `ratio`. Errors name the entry.
pub fn parse(series: &str, ratio: Ratio) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let mut index = 0_u32;
    for entry in series.split_whitespace() {
        let wrong = |what: &str| format!("`{entry}`: {what}");
        let parsed = Entry::parse(entry).map_err(|e| wrong(&e))?;
        if parsed.times > LONGEST - index {
            return Err(wrong("the series is longer than a million intervals"));
        }
        for n in 0..parsed.times {
            if let Some(value) = parsed.value(n, ratio).map_err(|e| wrong(&e))? {
                samples.push(Sample { index: index + n, value, artifact: parsed.artifact });
            }
        }
        index += parsed.times;
    }
    Ok(samples)
}

/// One entry: a start, a step, a count.
#[derive(Debug)]
struct Entry {
    /// Both as `mantissa x 10^exponent` with the same exponent; `None` is a gap.
    ramp: Option<(i64, i64, i8)>,
    times: u32,
    artifact: bool,
}

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        let (artifact, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (value, times) = match text.split_once('x') {
            Some((value, times)) => (value, count(times)?),
            None => (text, 1),
        };
        if value == "_" {
            return match artifact {
                true => Err("a gap cannot be an artifact".into()),
                false => Ok(Self { ramp: None, times, artifact }),
            };
        }
        Ok(Self { ramp: Some(ramp(value)?), times, artifact })
    }

    fn value(&self, n: u32, ratio: Ratio) -> Result<Option<Value>, String> {
        let Some((start, step, exponent)) = self.ramp else {
            return Ok(None);
        };
        let way = step.checked_mul(i64::from(n)).and_then(|way| start.checked_add(way));
        let mantissa = way.ok_or("the number is too large")?;
        let value = Value::convert(Decimal { mantissa, exponent }, ratio);
        value.map(Some).map_err(|e| e.code().message().to_string())
    }
}

fn count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(times) if times > 0 => Ok(times),
        _ => Err("after `x` comes how many times, at least 1".into()),
    }
}

/// `88`, `88+0.5`, `88-0.5`, `-1.5+1`: start and step on the same power of ten.
fn ramp(text: &str) -> Result<(i64, i64, i8), String> {
    let sign = text.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
    let (start, step) = match sign {
        Some((at, '-')) => (&text[..at], text[at..].to_string()),
        Some((at, _)) => (&text[..at], text[at + 1..].to_string()),
        None => (text, "0".to_string()),
    };
    let (start, step) = (decimal(start)?, decimal(&step)?);
    let exponent = start.exponent.min(step.exponent);
    Ok((at_exponent(start, exponent)?, at_exponent(step, exponent)?, exponent))
}

fn decimal(text: &str) -> Result<Decimal, String> {
    // Exponents would be mistaken for steps: `1e-3`.
    if text.contains(['e', 'E']) {
        return Err("write the number without an exponent".into());
    }
    text.parse().map_err(|_| "neither a number nor `_`".into())
}

fn at_exponent(decimal: Decimal, exponent: i8) -> Result<i64, String> {
    let power = u32::from(decimal.exponent.abs_diff(exponent));
    let scale = 10_i64.checked_pow(power);
    scale.and_then(|s| decimal.mantissa.checked_mul(s)).ok_or("the number is too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(series: &str) -> Vec<String> {
        let one =
            |s: Sample| format!("{}:{}{}", s.index, if s.artifact { "!" } else { "" }, s.value);
        parse(series, Ratio::ONE).unwrap().into_iter().map(one).collect()
    }

    #[test]
    fn every_form_means_what_the_table_says() {
        assert_eq!(told("97x2 89"), ["0:97", "1:97", "2:89"]);
        assert_eq!(told("88+0.5x3"), ["0:88", "1:88.5", "2:89"]);
        assert_eq!(told("97-1x3"), ["0:97", "1:96", "2:95"]);
        assert_eq!(told("1 _ _x3 2"), ["0:1", "5:2"]);
        assert_eq!(told("!92 !90+1x2"), ["0:!92", "1:!90", "2:!91"]);
        assert_eq!(told("-1.5+1x3"), ["0:-1.5", "1:-0.5", "2:0.5"]);
        assert_eq!(told("36.65"), ["0:36.65"]);
        assert_eq!(told(" "), [""; 0]);
    }

    #[test]
    fn mistakes_name_the_entry() {
        for series in
            ["97 x3", "97x0", "97x-1", "!_", "abc", "97x9999999", "1e3", "97+", "99999999"]
        {
            let error = parse(series, Ratio::ONE).unwrap_err();
            assert!(error.starts_with('`'), "{series}: {error}");
        }
    }
}
