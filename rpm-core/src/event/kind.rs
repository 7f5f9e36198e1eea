//! What can be measured: one table.
//!
//! A new built-in kind is one row at the end of [`TABLE`]'s list; its number never changes, because
//! snapshots and records carry it. Kinds that only one deployment needs are declared in its policy.

use alloc::boxed::Box;

use super::unit::{self, Unit};
use crate::error::{Code, Error};
use crate::value::{Ratio, Value};

/// A kind of measurement, as a small number: built-in ones index [`TABLE`], those that a policy
/// declares follow from [`Kind::FIRST_DECLARED`] on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Kind(pub u16);

/// A kind as an event names it, before a policy has resolved it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KindRef {
    /// One of the table.
    Known(Kind),
    /// A name that only a policy can resolve, with the value's unit as delivered.
    Declared(Box<str>),
}

/// What is known of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KindInfo {
    /// The name, `snake_case`, the same in every language.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// LOINC codes, the preferred one first.
    pub loinc: &'static [&'static str],
    /// The canonical unit.
    pub unit: Unit,
    /// Charts band at this resolution.
    pub resolution: Value,
    /// Outside this range (inclusive) no living body can be.
    pub possible: (Value, Value),
    /// Outside this range (inclusive) a reading is kept with a flag.
    pub plausible: (Value, Value),
    /// Of a coded kind: the codes, whose values are 0, 1, 2, ... in this order.
    pub codes: &'static [&'static str],
}

/// The longest name of a kind, in bytes.
pub const MAX_KIND_NAME: usize = 64;

const fn thousandths(n: i32) -> Value {
    Value::from_thousandths(n)
}

/// Ranges in the table are in thousandths, as all values are: `2_000` is two units.
const fn range(low: i32, high: i32) -> (Value, Value) {
    (thousandths(low), thousandths(high))
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $number:literal $constant:ident $name:literal $title:literal
        [$($loinc:literal),*] $unit:ident by $resolution:literal,
        possible $plow:literal .. $phigh:literal, plausible $low:literal .. $high:literal
        $(, codes [$($code:literal),*])?;)*
    ) => {
        impl Kind {
            $($(#[$doc])* pub const $constant: Self = Self($number);)*

            /// The built-in kind of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$constant),)*
                    _ => None,
                }
            }
        }

        /// Every built-in kind, at the index that is its number.
        pub static TABLE: &[KindInfo] = &[$(KindInfo {
            name: $name,
            title: $title,
            loinc: &[$($loinc),*],
            unit: Unit::$unit,
            resolution: thousandths($resolution),
            possible: range($plow, $phigh),
            plausible: range($low, $high),
            codes: &[$($($code),*)?],
        },)*];
    };
}

// Where the ranges come from. *Possible* follows the validity bounds of MIMIC-Extract (in brackets
// there: its outlier bounds) and mimic-code; *plausible* those of eICU's pivoted vitals and CLIFpy,
// widened where these drop what intensive care really sees (SpO2 45 %, 31 Cel). Two rules stand
// above the sources:
// - A zero that a body can produce and that must alarm is possible and plausible: asystole on an
//   ECG, apnoea, no exhaled CO2. A device that lost contact says so with an absent value.
// - A zero that only a broken chain produces is impossible: a pressure or saturation of exactly 0.
kinds! {
    /// Heart rate, from an ECG or unspecified.
    0 HEART_RATE "heart_rate" "Heart rate" ["8867-4"] PerMinute by 1_000,
        // MIMIC-Extract 0 to 350; mimic-code below 300, CLIFpy 0 to 300.
        possible 0 .. 350_000, plausible 0 .. 300_000;
    /// Pulse rate, from an oximeter or a cuff.
    1 PULSE_RATE "pulse_rate" "Pulse rate" ["8889-8"] PerMinute by 1_000,
        // As heart rate, but an optical zero is lost contact far more often than a lost pulse;
        // eICU starts at 25.
        possible 0 .. 350_000, plausible 20_000 .. 300_000;
    /// Peripheral oxygen saturation.
    2 SPO2 "spo2" "SpO2" ["59408-5", "2708-6"] Percent by 1_000,
        // mimic-code above 0 to 100. From 2 %, so that a fraction sent as per cent (0.97, 1.0) is
        // caught. CLIFpy's 50 drops real readings: 40.
        possible 2_000 .. 100_000, plausible 40_000 .. 100_000;
    /// Respiratory rate.
    3 RESPIRATORY_RATE "respiratory_rate" "Respiratory rate" ["9279-1"] PerMinute by 1_000,
        // MIMIC-Extract 0 to 300; mimic-code below 70, eICU and CLIFpy 0 to 60.
        possible 0 .. 300_000, plausible 0 .. 70_000;
    /// Body temperature.
    4 BODY_TEMPERATURE "body_temperature" "Body temperature" ["8310-5"] Celsius by 100,
        // MIMIC-Extract's outlier bounds are 14.2 to 47; 13.7 was survived. Catches the 0 degF that
        // a converter turns into -17.8. CLIFpy's 32 drops real readings: 30.
        possible 13_000 .. 47_000, plausible 30_000 .. 43_000;
    /// Systolic blood pressure.
    5 SYSTOLIC_BP "systolic_bp" "Systolic pressure" ["8480-6"] MmHg by 1_000,
        // MIMIC-Extract up to 375; eICU 25 to 250, CLIFpy up to 300.
        possible 1_000 .. 375_000, plausible 25_000 .. 300_000;
    /// Diastolic blood pressure.
    6 DIASTOLIC_BP "diastolic_bp" "Diastolic pressure" ["8462-4"] MmHg by 1_000,
        // MIMIC-Extract up to 375; eICU 1 to 200, CLIFpy 0 to 200, Health Connect from 10.
        possible 1_000 .. 375_000, plausible 10_000 .. 200_000;
    /// Mean blood pressure.
    7 MEAN_BP "mean_bp" "Mean pressure" ["8478-0"] MmHg by 1_000,
        // MIMIC-Extract 14 to 330 (375); eICU 1 to 250.
        possible 1_000 .. 375_000, plausible 14_000 .. 250_000;
    /// Glucose, in blood or interstitial.
    8 GLUCOSE "glucose" "Glucose" ["41653-7", "99504-3", "105272-9", "2339-0"] MgPerDl by 1_000,
        // MIMIC-Extract 33 to 2000 (2200). From 10, so that mmol/L sent as mg/dL is mostly caught;
        // 20 is where meters stop reading, and what lies between 20 and 33 is a real emergency.
        possible 10_000 .. 2_200_000, plausible 20_000 .. 2_000_000;
    /// Body weight.
    9 WEIGHT "weight" "Weight" ["29463-7", "3141-9"] Kilogram by 100,
        // MIMIC-Extract 0 to 250; the heaviest human on record weighed 635, the lightest 0.2.
        possible 200 .. 650_000, plausible 1_000 .. 350_000;
    /// Steps walked.
    10 STEPS "steps" "Steps" ["55423-8"] Steps by 1_000,
        // Health Connect up to 1,000,000; a day of ultramarathon stays below 300,000.
        possible 0 .. 1_000_000_000, plausible 0 .. 300_000_000;
    /// Activity in metabolic equivalents.
    11 ACTIVITY "activity" "Activity" [] Met by 100,
        // Sleep is 0.95, the hardest entry of the Compendium of Physical Activities 23.
        possible 0 .. 40_000, plausible 500 .. 25_000;
    /// Heart rate variability: root mean square of successive differences.
    12 HRV_RMSSD "hrv_rmssd" "HRV (RMSSD)" [] Millisecond by 1_000,
        possible 0 .. 2_000_000, plausible 1_000 .. 500_000;
    /// Heart rate variability: standard deviation of the beat intervals.
    13 HRV_SDNN "hrv_sdnn" "HRV (SDNN)" ["80404-7"] Millisecond by 1_000,
        possible 0 .. 2_000_000, plausible 1_000 .. 500_000;
    /// End-tidal carbon dioxide, as partial pressure.
    14 ETCO2 "etco2" "End-tidal CO2" ["19891-1"] MmHg by 1_000,
        possible 0 .. 200_000, plausible 0 .. 120_000;
    /// Flow of supplemental oxygen.
    15 OXYGEN_FLOW "oxygen_flow" "Oxygen flow" ["3151-8"] LitrePerMinute by 100,
        // High-flow nasal therapy ends at 60 to 80.
        possible 0 .. 150_000, plausible 0 .. 80_000;
    /// Breathing air or supplemental oxygen.
    16 ON_OXYGEN "on_oxygen" "Air or oxygen" [] One by 1_000,
        possible 0 .. 1_000, plausible 0 .. 1_000, codes ["air", "oxygen"];
    /// Level of consciousness: alert, new confusion, voice, pain, unresponsive.
    17 CONSCIOUSNESS "consciousness" "Consciousness" ["67775-7", "80288-4"] One by 1_000,
        possible 0 .. 4_000, plausible 0 .. 4_000, codes ["A", "C", "V", "P", "U"];
    /// Perfusion index of an oximeter.
    18 PERFUSION_INDEX "perfusion_index" "Perfusion index" ["61006-3"] Percent by 10,
        // Makers specify 0.02 to 20 %.
        possible 0 .. 40_000, plausible 20 .. 20_000;
}

impl Kind {
    /// The first number that a policy may give to a kind of its own.
    pub const FIRST_DECLARED: u16 = 1024;

    /// The row of a built-in kind.
    pub fn info(self) -> Option<&'static KindInfo> {
        TABLE.get(usize::from(self.0))
    }

    /// The built-in kind with this LOINC code.
    pub fn by_loinc(code: &str) -> Option<Self> {
        let at = TABLE.iter().position(|info| info.loinc.contains(&code))?;
        u16::try_from(at).ok().map(Self)
    }

    /// Every built-in kind.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(TABLE.len())
    }
}

impl KindRef {
    /// The kind of this name: built-in, or one that a policy must declare.
    ///
    /// A name is 1 to [`MAX_KIND_NAME`] lower-case letters, digits and underscores.
    pub fn named(name: &str) -> Result<Self, Error> {
        match Kind::named(name) {
            Some(kind) => Ok(Self::Known(kind)),
            None if is_kind_name(name) => Ok(Self::Declared(name.into())),
            None => Err(Error::new(Code::UnknownKind)),
        }
    }
}

pub(super) fn is_kind_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=MAX_KIND_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

/// The value of a code of a coded kind.
///
/// ```
/// use rpm_core::event::kind::{self, Kind};
/// let voice = kind::code_value(Kind::CONSCIOUSNESS, "V").unwrap();
/// assert_eq!(kind::code_name(Kind::CONSCIOUSNESS, voice), Some("V"));
/// ```
pub fn code_value(kind: Kind, code: &str) -> Option<Value> {
    let at = kind.info()?.codes.iter().position(|c| *c == code)?;
    Value::from_units(i32::try_from(at).ok()?)
}

/// The code of a value of a coded kind.
pub fn code_name(kind: Kind, value: Value) -> Option<&'static str> {
    let whole = (value.thousandths() % 1000 == 0).then_some(value.thousandths() / 1000)?;
    kind.info()?.codes.get(usize::try_from(whole).ok()?).copied()
}

/// Reads a value as delivered: a decimal with its unit, or the code of a coded kind.
///
/// The error's path is `value` or `unit`.
///
/// ```
/// use rpm_core::event::kind::{self, Kind};
/// let value = kind::measure(Kind::BODY_TEMPERATURE, "100.4", "degF").unwrap();
/// assert_eq!(value.to_string(), "38");
/// ```
pub fn measure(kind: Kind, value: &str, unit: &str) -> Result<Value, Error> {
    let info = kind.info().ok_or_else(|| Error::new(Code::UnknownKind).at("kind"))?;
    let ratio = ratio(info, unit).map_err(|e| e.at("unit"))?;
    decimal_or_code(kind, info, value, ratio).map_err(|e| e.at("value"))
}

/// The conversion of a unit as written; the canonical code, by far the most frequent, needs no look
/// into the list.
pub(super) fn ratio(info: &KindInfo, unit: &str) -> Result<Ratio, Error> {
    if unit == info.unit.code() {
        return Ok(Ratio::ONE);
    }
    unit::conversion(Unit::parse(unit)?, info)
}

pub(super) fn decimal_or_code(
    kind: Kind,
    info: &KindInfo,
    text: &str,
    ratio: Ratio,
) -> Result<Value, Error> {
    if info.codes.is_empty() {
        return Value::convert(text.parse()?, ratio);
    }
    let unknown = || Error::new(Code::UnknownCode);
    code_value(kind, text)
        .or_else(|| text.parse().ok().filter(|v| code_name(kind, *v).is_some()))
        .ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn numbers_index_the_table() {
        for (at, kind) in Kind::all().enumerate() {
            let info = kind.info().unwrap();
            assert_eq!(usize::from(kind.0), at);
            assert_eq!(Kind::named(info.name), Some(kind));
            assert!(is_kind_name(info.name));
            assert!(kind.0 < Kind::FIRST_DECLARED);
        }
        assert_eq!(Kind(Kind::FIRST_DECLARED).info(), None);
        assert_eq!(Kind::PERFUSION_INDEX.info().unwrap().name, "perfusion_index");
    }

    /// Sums over a window stay far from overflow because no possible value reaches 2^30.
    #[test]
    fn ranges_are_nested_and_small() {
        for info in TABLE {
            let ((lowest, highest), (low, high)) = (info.possible, info.plausible);
            assert!(lowest <= low && low < high && high <= highest, "{}", info.name);
            assert!(lowest.thousandths() > -(1 << 30) && highest.thousandths() < 1 << 30);
            assert!(info.resolution.thousandths() > 0);
        }
    }

    #[test]
    fn loinc_codes_lead_to_one_kind() {
        let mut seen = Vec::new();
        for kind in Kind::all() {
            for code in kind.info().unwrap().loinc {
                assert_eq!(Kind::by_loinc(code), Some(kind));
                assert!(!seen.contains(code), "{code}");
                seen.push(code);
            }
        }
        assert_eq!(Kind::by_loinc("2708-6"), Some(Kind::SPO2));
        assert_eq!(Kind::by_loinc("85354-9"), None);
    }

    #[test]
    fn the_two_tiers_decide_the_known_traps() {
        let tier = |kind: Kind, n: i32| {
            let info = kind.info().unwrap();
            let inside = |r: (Value, Value)| (r.0..=r.1).contains(&thousandths(n));
            (inside(info.possible), inside(info.plausible))
        };
        assert_eq!(tier(Kind::HEART_RATE, 0), (true, true));
        assert_eq!(tier(Kind::PULSE_RATE, 0), (true, false));
        assert_eq!(tier(Kind::RESPIRATORY_RATE, 0), (true, true));
        assert_eq!(tier(Kind::SPO2, 0), (false, false));
        assert_eq!(tier(Kind::SPO2, 1_000), (false, false));
        assert_eq!(tier(Kind::SPO2, 39_000), (true, false));
        assert_eq!(tier(Kind::SPO2, 100_100), (false, false));
        assert_eq!(tier(Kind::SYSTOLIC_BP, 0), (false, false));
        assert_eq!(tier(Kind::DIASTOLIC_BP, 0), (false, false));
        assert_eq!(tier(Kind::MEAN_BP, 0), (false, false));
        assert_eq!(tier(Kind::BODY_TEMPERATURE, -17_800), (false, false));
        assert_eq!(tier(Kind::BODY_TEMPERATURE, 10_000), (false, false));
        assert_eq!(tier(Kind::BODY_TEMPERATURE, 29_900), (true, false));
        assert_eq!(tier(Kind::GLUCOSE, 1_800), (false, false));
    }

    #[test]
    fn coded_kinds_read_codes_and_their_numbers() {
        for (at, code) in ["A", "C", "V", "P", "U"].into_iter().enumerate() {
            let value = measure(Kind::CONSCIOUSNESS, code, "1").unwrap();
            assert_eq!(value, thousandths(i32::try_from(at).unwrap() * 1000));
            assert_eq!(code_name(Kind::CONSCIOUSNESS, value), Some(code));
        }
        assert_eq!(measure(Kind::ON_OXYGEN, "1", "1"), Ok(thousandths(1000)));
        for text in ["X", "a", "5", "-1", "0.5", ""] {
            let error = measure(Kind::CONSCIOUSNESS, text, "1").unwrap_err();
            assert_eq!((error.code(), error.path()), (Code::UnknownCode, Some("value")));
        }
        assert_eq!(code_value(Kind::HEART_RATE, "A"), None);
        assert_eq!(code_name(Kind::HEART_RATE, Value::ZERO), None);
    }

    #[test]
    fn names_of_declared_kinds_are_plain() {
        assert_eq!(KindRef::named("spo2"), Ok(KindRef::Known(Kind::SPO2)));
        assert_eq!(KindRef::named("lactate"), Ok(KindRef::Declared("lactate".into())));
        for name in ["", "SpO2", "a b", "é", &"x".repeat(65)] {
            assert_eq!(KindRef::named(name).unwrap_err().code(), Code::UnknownKind);
        }
    }
}
