//! The built-in charts, in the form in which sites write theirs.
//!
//! Limits are facts of the publications named at each chart. A parameter reads the signal of the kind
//! named here, whatever the policy calls it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::spec::{
    AlternativeSpec, BandSpec, ParameterSpec, ParametersSpec, RiskSpec, ScoreSpec, WhenSpec,
};

/// A chart as constants.
struct Chart {
    name: &'static str,
    title: &'static str,
    max_age: Option<&'static str>,
    parameters: &'static [Parameter],
    risk: &'static [Risk],
    declared_missing: &'static [&'static str],
}

struct Parameter {
    name: &'static str,
    title: &'static str,
    signal: &'static str,
    or: Option<&'static str>,
    divided_by: Option<&'static str>,
    bands: &'static [Band],
    alternatives: &'static [(WhenSpec, &'static [Band])],
}

enum Band {
    UpTo(&'static str, u8),
    Above(u8),
    Is(&'static [&'static str], u8),
}

struct Risk {
    at_most: Option<u16>,
    single: Option<u8>,
    level: &'static str,
    monitoring: Option<&'static str>,
    response: &'static str,
}

use Band::{Above, Is, UpTo};

const CHARTS: &[Chart] = &[NEWS2, MEWS, QSOFA, SIRS, SHOCK_INDEX];

/// Royal College of Physicians. *National Early Warning Score (NEWS) 2: Standardising the assessment
/// of acute-illness severity in the NHS. Updated report of a working party.* London: RCP, 2017;
/// charts 1, 2 and 4. Reproduced with acknowledgement: the numbers, not the charts. Not for people
/// under 16 or in pregnancy.
const NEWS2: Chart = Chart {
    name: "news2",
    title: "NEWS2",
    max_age: None,
    parameters: &[
        // Chart 1, respiration rate: 8, 9-11, 12-20, 21-24, 25.
        numbers(
            "respiration",
            "respiration",
            "respiratory_rate",
            &[UpTo("8", 3), UpTo("11", 1), UpTo("20", 0), UpTo("24", 2), Above(3)],
        ),
        Parameter {
            name: "spo2",
            title: "SpO2",
            signal: "spo2",
            or: None,
            divided_by: None,
            // Chart 1, scale 1: 91, 92-93, 94-95, 96.
            bands: &[UpTo("91", 3), UpTo("93", 2), UpTo("95", 1), Above(0)],
            alternatives: &[
                // Chart 1, scale 2: 83, 84-85, 86-87, 88-92, and 93 or more on air.
                (
                    WhenSpec { spo2_scale: Some(2), on_oxygen: Some(false) },
                    &[UpTo("83", 3), UpTo("85", 2), UpTo("87", 1), Above(0)],
                ),
                // The same on oxygen: then 93-94, 95-96, 97.
                (
                    WhenSpec { spo2_scale: Some(2), on_oxygen: Some(true) },
                    &[
                        UpTo("83", 3),
                        UpTo("85", 2),
                        UpTo("87", 1),
                        UpTo("92", 0),
                        UpTo("94", 1),
                        UpTo("96", 2),
                        Above(3),
                    ],
                ),
            ],
        },
        // Chart 1, air or oxygen: the one parameter that cannot give 3.
        Parameter {
            name: "oxygen",
            title: "air or oxygen",
            signal: "on_oxygen",
            or: Some("oxygen_flow"),
            divided_by: None,
            bands: &[Is(&["air"], 0), Is(&["oxygen"], 2)],
            alternatives: &[],
        },
        // Chart 1, systolic blood pressure: 90, 91-100, 101-110, 111-219, 220.
        numbers(
            "systolic",
            "systolic",
            "systolic_bp",
            &[UpTo("90", 3), UpTo("100", 2), UpTo("110", 1), UpTo("219", 0), Above(3)],
        ),
        // Chart 1, pulse: 40, 41-50, 51-90, 91-110, 111-130, 131. The chart says pulse, so that of
        // two equally old values the pulse counts and not the heart rate: they differ where beats
        // do not reach the finger.
        Parameter {
            name: "pulse",
            title: "pulse",
            signal: "pulse_rate",
            or: Some("heart_rate"),
            divided_by: None,
            bands: &[
                UpTo("40", 3),
                UpTo("50", 1),
                UpTo("90", 0),
                UpTo("110", 1),
                UpTo("130", 2),
                Above(3),
            ],
            alternatives: &[],
        },
        // Chart 1, consciousness: alert, or any of new confusion, voice, pain, unresponsive.
        numbers(
            "consciousness",
            "consciousness",
            "consciousness",
            &[Is(&["A"], 0), Is(&["C", "V", "P", "U"], 3)],
        ),
        // Chart 1, temperature: 35.0, 35.1-36.0, 36.1-38.0, 38.1-39.0, 39.1.
        numbers(
            "temperature",
            "temperature",
            "body_temperature",
            &[UpTo("35.0", 3), UpTo("36.0", 1), UpTo("38.0", 0), UpTo("39.0", 1), Above(2)],
        ),
    ],
    // Charts 2 and 4. A row stands where its urgency is: a total of 5 is worse than a single 3.
    risk: &[
        Risk {
            at_most: Some(0),
            single: None,
            level: "low",
            monitoring: Some("12 h"),
            response: "routine monitoring",
        },
        // The chart leaves 4 to 6 hours to the nurse; this is the shorter.
        Risk {
            at_most: Some(4),
            single: None,
            level: "low",
            monitoring: Some("4 h"),
            response: "a registered nurse assesses, and decides on monitoring and escalation",
        },
        Risk {
            at_most: None,
            single: Some(3),
            level: "low-medium",
            monitoring: Some("1 h"),
            response: "the nurse informs the medical team, who review and decide on escalation",
        },
        Risk {
            at_most: Some(6),
            single: None,
            level: "medium",
            monitoring: Some("1 h"),
            response: "urgent assessment by a clinician competent in acute illness",
        },
        Risk {
            at_most: None,
            single: None,
            level: "high",
            monitoring: Some("continuous"),
            response: "emergency assessment, registrar level or above",
        },
    ],
    declared_missing: &[],
};

/// Subbe CP, Kruger M, Rutherford P, Gemmel L. *Validation of a modified Early Warning Score in
/// medical admissions.* QJM 2001; 94: 521-526. Rows as openEHR's MEWS.v1.1 has them.
///
/// Two edges are disputed. They are decided by one rule: as printed, and where print leaves a gap,
/// the worse side.
const MEWS: Chart = Chart {
    name: "mews",
    title: "MEWS",
    max_age: None,
    parameters: &[
        // Systolic pressure: 70, 71-80, 81-100, 101-199, 200.
        numbers(
            "systolic",
            "systolic",
            "systolic_bp",
            &[UpTo("70", 3), UpTo("80", 2), UpTo("100", 1), UpTo("199", 0), Above(2)],
        ),
        // Heart rate: under 40 is 2 and 41-50 is 1, so that 40 itself is in neither: 2, as openEHR
        // has it. Then 51-100, 101-110, 111-129, 130.
        Parameter {
            name: "heart_rate",
            title: "heart rate",
            signal: "heart_rate",
            or: Some("pulse_rate"),
            divided_by: None,
            bands: &[
                UpTo("40", 2),
                UpTo("50", 1),
                UpTo("100", 0),
                UpTo("110", 1),
                UpTo("129", 2),
                Above(3),
            ],
            alternatives: &[],
        },
        // Respiratory rate: under 9, 9-14, 15-20, 21-29, 30.
        numbers(
            "respiration",
            "respiration",
            "respiratory_rate",
            &[UpTo("8", 2), UpTo("14", 0), UpTo("20", 1), UpTo("29", 2), Above(3)],
        ),
        // Temperature: under 35 is 2 and 35-38.4 is 0, so 35.0 is 0, although openEHR's rule, unlike
        // its label, gives it 2. Then 38.5.
        numbers(
            "temperature",
            "temperature",
            "body_temperature",
            &[UpTo("34.9", 2), UpTo("38.4", 0), Above(2)],
        ),
        // AVPU. The chart is older than new confusion as a level of its own: who is confused is not
        // alert, and reacts to voice.
        numbers(
            "consciousness",
            "consciousness",
            "consciousness",
            &[Is(&["A"], 0), Is(&["C", "V"], 1), Is(&["P"], 2), Is(&["U"], 3)],
        ),
    ],
    // 5 or more was linked to death and admission to intensive care.
    risk: &[row(Some(4), "low", "routine monitoring"), row(None, "high", "urgent assessment")],
    declared_missing: &[],
};

/// Singer M, Deutschman CS, Seymour CW, et al. *The Third International Consensus Definitions for
/// Sepsis and Septic Shock (Sepsis-3).* JAMA 2016; 315: 801-810.
const QSOFA: Chart = Chart {
    name: "qsofa",
    title: "qSOFA",
    max_age: None,
    parameters: &[
        // 22 or more breaths a minute.
        numbers("respiration", "respiration", "respiratory_rate", &[UpTo("21", 0), Above(1)]),
        // 100 mm[Hg] or less.
        numbers("systolic", "systolic", "systolic_bp", &[UpTo("100", 1), Above(0)]),
        // Altered mentation, a Glasgow coma scale under 15: whoever is not alert.
        numbers(
            "consciousness",
            "consciousness",
            "consciousness",
            &[Is(&["A"], 0), Is(&["C", "V", "P", "U"], 1)],
        ),
    ],
    risk: &[
        row(Some(1), "negative", "no more than before"),
        row(None, "positive", "look for organ dysfunction"),
    ],
    declared_missing: &[],
};

/// Bone RC, Balk RA, Cerra FB, et al. *Definitions for sepsis and organ failure (ACCP/SCCM).* Chest
/// 1992; 101: 1644-1655. Two of its inputs are no vital signs.
const SIRS: Chart = Chart {
    name: "sirs",
    title: "SIRS without PaCO2 and white cells",
    max_age: None,
    parameters: &[
        // Under 36 or over 38 Cel.
        numbers(
            "temperature",
            "temperature",
            "body_temperature",
            &[UpTo("35.9", 1), UpTo("38.0", 0), Above(1)],
        ),
        // Over 90 a minute.
        Parameter {
            name: "heart_rate",
            title: "heart rate",
            signal: "heart_rate",
            or: Some("pulse_rate"),
            divided_by: None,
            bands: &[UpTo("90", 0), Above(1)],
            alternatives: &[],
        },
        // Over 20 a minute; "or PaCO2 under 32 mm[Hg]" is not read.
        numbers("respiration", "respiration", "respiratory_rate", &[UpTo("20", 0), Above(1)]),
    ],
    // Two of four; a third criterion that is not read can only add.
    risk: &[
        row(Some(1), "negative", "no more than before"),
        row(None, "positive", "look for an infection"),
    ],
    declared_missing: &["PaCO2", "white cells"],
};

/// Allgöwer M, Burri C. *Schockindex.* Dtsch Med Wochenschr 1967; 92: 1947-1950. Where it counts as
/// raised is a local choice between 0.9 and 1.0.
const SHOCK_INDEX: Chart = Chart {
    name: "shock_index",
    title: "Shock index",
    // Two values of different hours have no ratio.
    max_age: Some("1 h"),
    parameters: &[Parameter {
        name: "shock_index",
        title: "heart rate / systolic",
        signal: "heart_rate",
        or: Some("pulse_rate"),
        divided_by: Some("systolic_bp"),
        // 0.9 or more.
        bands: &[UpTo("0.899", 0), Above(1)],
        alternatives: &[],
    }],
    risk: &[row(Some(0), "normal", "no more than before"), row(None, "raised", "review")],
    declared_missing: &[],
};

/// A parameter of one signal and one table.
const fn numbers(
    name: &'static str,
    title: &'static str,
    signal: &'static str,
    bands: &'static [Band],
) -> Parameter {
    Parameter { name, title, signal, or: None, divided_by: None, bands, alternatives: &[] }
}

/// A row of a chart that says nothing of how often to observe.
const fn row(at_most: Option<u16>, level: &'static str, response: &'static str) -> Risk {
    Risk { at_most, single: None, level, monitoring: None, response }
}

impl ScoreSpec {
    /// The names of the built-in charts.
    pub fn charts() -> impl Iterator<Item = &'static str> {
        CHARTS.iter().map(|chart| chart.name)
    }

    /// A built-in chart as a site would have to write it.
    ///
    /// ```
    /// # use rpm_core::policy::score::ScoreSpec;
    /// assert_eq!(ScoreSpec::built_in("news2").unwrap().title.as_deref(), Some("NEWS2"));
    /// ```
    pub fn built_in(name: &str) -> Option<Self> {
        CHARTS.iter().find(|chart| chart.name == name).map(Chart::spec)
    }
}

impl Chart {
    fn spec(&self) -> ScoreSpec {
        ScoreSpec {
            chart: None,
            title: text(self.title),
            max_age: self.max_age.map(String::from),
            if_missing: None,
            parameters: ParametersSpec::Own(self.parameters.iter().map(Parameter::spec).collect()),
            risk: self.risk.iter().map(Risk::spec).collect(),
            declared_missing: strings(self.declared_missing),
        }
    }
}

impl Parameter {
    fn spec(&self) -> ParameterSpec {
        let alternative = |(when, bands): &(WhenSpec, &[Band])| AlternativeSpec {
            when: when.clone(),
            bands: bands.iter().map(Band::spec).collect(),
        };
        ParameterSpec {
            name: self.name.to_string(),
            title: text(self.title),
            signal: self.signal.to_string(),
            or: self.or.map(String::from),
            divided_by: self.divided_by.map(String::from),
            resolution: None,
            max_age: None,
            bands: self.bands.iter().map(Band::spec).collect(),
            alternatives: self.alternatives.iter().map(alternative).collect(),
        }
    }
}

impl Band {
    fn spec(&self) -> BandSpec {
        match *self {
            UpTo(limit, points) => {
                BandSpec { at_most: Some(limit.into()), points, ..BandSpec::default() }
            }
            Above(points) => BandSpec { points, ..BandSpec::default() },
            Is(codes, points) => BandSpec { is: strings(codes), points, ..BandSpec::default() },
        }
    }
}

impl Risk {
    fn spec(&self) -> RiskSpec {
        RiskSpec {
            at_most: self.at_most,
            single: self.single,
            level: self.level.to_string(),
            monitoring: self.monitoring.map(String::from),
            response: text(self.response),
        }
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_string())
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
