//! By how much readings are shifted, as it is written on the command line.

use std::str::FromStr;

use rpm_core::Value;

/// More amounts than anybody draws a curve of.
const MOST: usize = 100;

/// Amounts in the unit of a kind from low to high, none of them zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shifts(pub Vec<Value>);

impl FromStr for Shifts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut amounts = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                Some((first, last)) => amounts.extend(between(whole(first)?, whole(last)?)?),
                None => amounts.push(part.trim().parse().map_err(|_| unreadable(part))?),
            }
        }
        if amounts.contains(&Value::ZERO) {
            return Err("a shift of 0 changes nothing".into());
        }
        if amounts.len() > MOST {
            return Err(format!("at most {MOST} amounts"));
        }
        amounts.sort_unstable();
        amounts.dedup();
        Ok(Self(amounts))
    }
}

fn unreadable(part: &str) -> String {
    format!("{part:?} is neither an amount like 4.5 nor a range like 3..12")
}

fn whole(text: &str) -> Result<i32, String> {
    text.trim().parse().map_err(|_| format!("a range is of whole numbers, not {text:?}"))
}

/// Each whole number from one to the other, whichever is larger.
fn between(first: i32, last: i32) -> Result<Vec<Value>, String> {
    if first.abs_diff(last) as usize >= MOST {
        return Err(format!("at most {MOST} amounts"));
    }
    let step = (last - first).signum();
    let all = (0..=first.abs_diff(last) as i32).map(|n| Value::from_units(first + n * step));
    all.collect::<Option<_>>().ok_or_else(|| format!("{first}..{last} is too far"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let amounts = text.parse::<Shifts>()?.0;
        Ok(amounts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn amounts_are_lists_and_ranges() {
        let told = |text: &str| read(text).unwrap().join(" ");
        assert_eq!(told("3..6"), "3 4 5 6");
        assert_eq!(told("-2..-4,-10, -4.5,-3"), "-10 -4.5 -4 -3 -2");
        assert_eq!(told("7"), "7");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let bad = ["", "3..", "..4", "x", "3..4.5", "0", "-1..1", "1..101", "1..9999999999", "9e9"];
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("-2147483648..2147483647").is_err());
    }
}
