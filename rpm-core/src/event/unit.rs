//! Units: the UCUM subset that vital signs need, everyday spellings, and exact conversions.
//!
//! UCUM is case-sensitive and short on purpose, so everyday spellings collide with it: `F` is farad
//! and `C` is coulomb. Spellings are therefore listed one by one; nothing is guessed.

use super::kind::KindInfo;
use crate::error::{Code, Error};
use crate::value::Ratio;

macro_rules! units {
    ($($(#[$doc:meta])* $variant:ident $code:literal [$($spelling:literal),*];)*) => {
        /// A unit of the UCUM subset.
        ///
        /// ```
        /// use rpm_core::event::unit::Unit;
        /// use rpm_core::Code;
        /// assert_eq!(Unit::parse("bpm").unwrap().code(), "/min");
        /// assert_eq!(Unit::parse("C").unwrap_err().code(), Code::AmbiguousUnit);
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Unit {
            $($(#[$doc])* $variant,)*
        }

        impl Unit {
            /// Every unit.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The UCUM code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The everyday spellings that are read as this unit, beside its code.
            pub const fn spellings(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($spelling),*],)* }
            }

            fn listed(text: &str) -> Option<Self> {
                match text {
                    $($code $(| $spelling)* => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

units! {
    /// Per minute: rates. Annotations such as `{beats}` carry no meaning in UCUM.
    PerMinute "/min" [
        "1/min", "min-1", "{beats}/min", "{breaths}/min", "{count}/min", "bpm", "BPM", "brpm",
        "beats/min", "beats/minute", "breaths/min", "breaths/minute", "count/min", "per minute"
    ];
    /// Per second.
    Hertz "Hz" ["/s", "1/s", "s-1"];
    /// Per cent.
    Percent "%" ["percent"];
    /// A fraction, a ratio or a code.
    One "1" ["{ratio}", "{score}"];
    /// Degrees Celsius.
    Celsius "Cel" ["degC", "°C", "℃", "celsius", "Celsius"];
    /// Degrees Fahrenheit.
    Fahrenheit "[degF]" ["degF", "°F", "℉", "fahrenheit", "Fahrenheit"];
    /// Kelvin.
    Kelvin "K" [];
    /// Millimetres of mercury.
    MmHg "mm[Hg]" ["mmHg", "mm Hg", "mmhg"];
    /// Kilopascal.
    KiloPascal "kPa" ["kpa"];
    /// Milligrams per decilitre.
    MgPerDl "mg/dL" ["mg/dl"];
    /// Millimoles per litre: says how much only if the substance is known.
    MmolPerL "mmol/L" ["mmol/l"];
    /// Kilograms.
    Kilogram "kg" ["kilogram", "kilograms"];
    /// Grams.
    Gram "g" ["gram", "grams"];
    /// Pounds (avoirdupois).
    Pound "[lb_av]" ["lb", "lbs", "pound", "pounds"];
    /// Steps walked.
    Steps "{steps}" ["steps", "{step}", "count"];
    /// Metabolic equivalents, 3.5 mL/min/kg of oxygen.
    Met "[MET]" ["MET", "METs"];
    /// Milliseconds.
    Millisecond "ms" ["msec"];
    /// Seconds.
    Second "s" ["sec"];
    /// Litres per minute.
    LitrePerMinute "L/min" ["l/min", "LPM", "lpm"];
    /// Millilitres per minute.
    MillilitrePerMinute "mL/min" ["ml/min"];
}

/// What to write instead of the two letters that mean something else.
const DEGREES_HINT: &str = "write Cel or degC, [degF] or degF";

impl Unit {
    /// Reads a UCUM code of the subset or a listed everyday spelling.
    ///
    /// `F` and `C` are refused with [`Code::AmbiguousUnit`]: in UCUM they are farad and coulomb, and
    /// a temperature that is off by a scale is worse than none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "F" | "C" => Err(Error::new(Code::AmbiguousUnit).hint(DEGREES_HINT)),
            _ => Self::listed(text).ok_or_else(|| Error::new(Code::UnknownUnit)),
        }
    }

    /// Reads a unit from an Open mHealth document, whose schemas define `F` and `C` as degrees.
    pub fn parse_open_mhealth(text: &str) -> Result<Self, Error> {
        match text {
            "F" => Ok(Self::Fahrenheit),
            "C" => Ok(Self::Celsius),
            _ => Self::parse(text),
        }
    }
}

/// The exact conversion of `from` into the canonical unit of `kind`.
///
/// Fails with [`Code::UnknownUnit`] where the unit cannot measure this kind.
pub fn conversion(from: Unit, kind: &KindInfo) -> Result<Ratio, Error> {
    if from == kind.unit {
        return Ok(Ratio::ONE);
    }
    let ratio = match (from, kind.unit) {
        (Unit::Hertz, Unit::PerMinute) => Ratio::scale(60, 1),
        (Unit::One, Unit::Percent) => Ratio::scale(100, 1),
        (Unit::Fahrenheit, Unit::Celsius) => {
            Ratio { offset_hundredths: -3_200, numerator: 5, denominator: 9 }
        }
        (Unit::Kelvin, Unit::Celsius) => {
            Ratio { offset_hundredths: -27_315, numerator: 1, denominator: 1 }
        }
        // UCUM defines m[Hg] as 133.3220 kPa; the physical conventional value has more digits and
        // would put 12.0 kPa elsewhere.
        (Unit::KiloPascal, Unit::MmHg) => Ratio::scale(1_000_000, 133_322),
        (Unit::Gram, Unit::Kilogram) => Ratio::scale(1, 1000),
        (Unit::Pound, Unit::Kilogram) => Ratio::scale(45_359_237, 100_000_000),
        (Unit::Second, Unit::Millisecond) => Ratio::scale(1000, 1),
        (Unit::MillilitrePerMinute, Unit::LitrePerMinute) => Ratio::scale(1, 1000),
        // Not a UCUM conversion: it needs the substance (180.156 g/mol), so glucose only.
        (Unit::MmolPerL, Unit::MgPerDl) if kind.name == "glucose" => Ratio::scale(180_156, 10_000),
        _ => return Err(Error::new(Code::UnknownUnit)),
    };
    Ok(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::kind::Kind;
    use crate::value::Value;

    fn convert(kind: Kind, text: &str, unit: &str) -> Result<i32, Code> {
        let convert = || {
            let ratio = conversion(Unit::parse(unit)?, kind.info().unwrap())?;
            Value::convert(text.parse()?, ratio)
        };
        convert().map(Value::thousandths).map_err(|e| e.code())
    }

    #[test]
    fn every_code_and_spelling_reads_back() {
        for unit in Unit::ALL {
            assert_eq!(Unit::parse(unit.code()), Ok(*unit));
            for text in unit.spellings() {
                assert_eq!(Unit::parse(text), Ok(*unit), "{text}");
            }
        }
    }

    #[test]
    fn farad_and_coulomb_are_degrees_only_in_open_mhealth() {
        for (text, unit) in [("F", Unit::Fahrenheit), ("C", Unit::Celsius)] {
            assert_eq!(Unit::parse(text).unwrap_err().code(), Code::AmbiguousUnit);
            assert_eq!(Unit::parse_open_mhealth(text), Ok(unit));
        }
        assert_eq!(Unit::parse_open_mhealth("K"), Ok(Unit::Kelvin));
        assert_eq!(Unit::parse_open_mhealth("beats/min"), Ok(Unit::PerMinute));
    }

    #[test]
    fn unknown_units_are_refused() {
        for text in ["", " ", "Mm[Hg]", "MMHG", "cel", "KG", "mg/L", "mmol<180.15588>/L", "ﬀ"] {
            assert_eq!(Unit::parse(text).unwrap_err().code(), Code::UnknownUnit, "{text}");
        }
    }

    #[test]
    fn temperature_band_edges_are_exact() {
        for (f, cel) in [("95.0", 35_000), ("96.8", 36_000), ("100.4", 38_000), ("102.2", 39_000)] {
            assert_eq!(convert(Kind::BODY_TEMPERATURE, f, "degF"), Ok(cel));
        }
        assert_eq!(convert(Kind::BODY_TEMPERATURE, "0", "[degF]"), Ok(-17_778));
        assert_eq!(convert(Kind::BODY_TEMPERATURE, "310.15", "K"), Ok(37_000));
    }

    #[test]
    fn other_conversions_are_exact() {
        assert_eq!(convert(Kind::SYSTOLIC_BP, "12.0", "kPa"), Ok(90_008));
        assert_eq!(convert(Kind::SYSTOLIC_BP, "29.3", "kPa"), Ok(219_769));
        assert_eq!(convert(Kind::SYSTOLIC_BP, "16", "kPa"), Ok(120_010));
        assert_eq!(convert(Kind::GLUCOSE, "5.5", "mmol/L"), Ok(99_086));
        assert_eq!(convert(Kind::GLUCOSE, "3.9", "mmol/l"), Ok(70_261));
        assert_eq!(convert(Kind::WEIGHT, "150", "lb"), Ok(68_039));
        assert_eq!(convert(Kind::WEIGHT, "81250", "g"), Ok(81_250));
        assert_eq!(convert(Kind::SPO2, "0.97", "1"), Ok(97_000));
        assert_eq!(convert(Kind::HEART_RATE, "1.5", "Hz"), Ok(90_000));
        assert_eq!(convert(Kind::HRV_SDNN, "0.0425", "s"), Ok(42_500));
        assert_eq!(convert(Kind::OXYGEN_FLOW, "500", "mL/min"), Ok(500));
    }

    #[test]
    fn units_of_another_kind_are_refused() {
        assert_eq!(convert(Kind::HEART_RATE, "80", "%"), Err(Code::UnknownUnit));
        assert_eq!(convert(Kind::SPO2, "97", "/min"), Err(Code::UnknownUnit));
        assert_eq!(convert(Kind::WEIGHT, "80", "Cel"), Err(Code::UnknownUnit));
        let other = KindInfo { name: "urea", ..*Kind::GLUCOSE.info().unwrap() };
        assert_eq!(conversion(Unit::MmolPerL, &other).unwrap_err().code(), Code::UnknownUnit);
    }

    #[test]
    fn the_everyday_spellings_of_phones_are_known() {
        for text in ["mmHg", "bpm", "BPM", "degC", "degF", "lb", "lbs", "count/min", "beats/min"] {
            assert!(Unit::parse(text).is_ok(), "{text}");
        }
        for text in ["breaths/min", "°C", "°F", "mg/dl", "{beats}/min", "count", "steps"] {
            assert!(Unit::parse(text).is_ok(), "{text}");
        }
    }
}
