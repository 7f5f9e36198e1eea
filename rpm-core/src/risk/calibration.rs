//! From a model's output to a probability.

use alloc::vec::Vec;

use super::manifest::CalibrationSpec;
use crate::error::{Code, Error};
use crate::value::Value;

/// A checked calibration.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Calibration {
    /// The output is the probability.
    None,
    /// A logistic curve over the output's log-odds.
    Platt { slope: f64, intercept: f64 },
    /// Straight lines between points that never fall.
    Isotonic(Vec<[f64; 2]>),
}

/// Outputs nearer to certainty than this count as this near.
const LEAST: f64 = 1e-6;
/// More points than any fit needs.
const MAX_POINTS: usize = 4096;

impl Calibration {
    pub fn of(spec: &CalibrationSpec) -> Result<Self, Error> {
        let bad = || Error::new(Code::BadCalibration).at("calibration");
        match spec {
            CalibrationSpec::None => Ok(Self::None),
            CalibrationSpec::Platt { slope, intercept } => {
                let (slope, intercept) = (*slope, *intercept);
                let is_curve = slope.is_finite() && intercept.is_finite() && slope > 0.0;
                if is_curve { Ok(Self::Platt { slope, intercept }) } else { Err(bad()) }
            }
            CalibrationSpec::Isotonic { points } => {
                let is_point = |p: &[f64; 2]| p[0].is_finite() && (0.0..=1.0).contains(&p[1]);
                let rises = points.windows(2).all(|w| w[0][0] < w[1][0] && w[0][1] <= w[1][1]);
                let fits = (1..=MAX_POINTS).contains(&points.len());
                let is_curve = fits && rises && points.iter().all(is_point);
                if is_curve { Ok(Self::Isotonic(points.clone())) } else { Err(bad()) }
            }
        }
    }

    /// The probability in thousandths, half rounded up; none of what is not finite.
    pub fn score(&self, output: f32) -> Option<Value> {
        if !output.is_finite() {
            return None;
        }
        let p = self.probability(f64::from(output)).clamp(0.0, 1.0);
        Some(Value::from_thousandths((p * 1000.0 + 0.5) as i32))
    }

    fn probability(&self, output: f64) -> f64 {
        match self {
            Self::None => output,
            Self::Platt { slope, intercept } => {
                let p = output.clamp(LEAST, 1.0 - LEAST);
                let odds = slope * libm::log(p / (1.0 - p)) + intercept;
                1.0 / (1.0 + libm::exp(-odds))
            }
            Self::Isotonic(points) => between(points, output),
        }
    }
}

/// On the lines between points; the first and the last go on level.
fn between(points: &[[f64; 2]], x: f64) -> f64 {
    let after = points.partition_point(|p| p[0] < x);
    let before = after.checked_sub(1).and_then(|before| points.get(before));
    match (before.copied(), points.get(after).copied()) {
        (Some([x0, y0]), Some([x1, y1])) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (None, Some([_, y])) | (Some([_, y]), None) => y,
        (None, None) => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(calibration: &Calibration, output: f32) -> Option<i32> {
        calibration.score(output).map(Value::thousandths)
    }

    #[test]
    fn scores_are_thousandths_within_zero_and_one() {
        let none = Calibration::None;
        assert_eq!(score(&none, 0.1234), Some(123));
        assert_eq!(score(&none, 0.5), Some(500));
        assert_eq!(score(&none, -3.0), Some(0));
        assert_eq!(score(&none, 7.0), Some(1000));
        assert_eq!(score(&none, f32::NAN), None);
        assert_eq!(score(&none, f32::INFINITY), None);
    }

    #[test]
    fn platt_moves_log_odds() {
        let same = Calibration::Platt { slope: 1.0, intercept: 0.0 };
        assert_eq!(score(&same, 0.3), Some(300));
        assert_eq!(score(&same, 0.0), Some(0));
        // Odds of one to one times three.
        let thrice = Calibration::Platt { slope: 1.0, intercept: libm::log(3.0) };
        assert_eq!(score(&thrice, 0.5), Some(750));
    }

    #[test]
    fn isotonic_goes_level_at_its_ends() {
        let points = Vec::from([[0.2, 0.1], [0.4, 0.3], [0.6, 0.3]]);
        let curve = Calibration::of(&CalibrationSpec::Isotonic { points }).unwrap();
        let at = [0.0, 0.2, 0.3, 0.4, 0.5, 0.9].map(|x| score(&curve, x));
        assert_eq!(at, [Some(100), Some(100), Some(200), Some(300), Some(300), Some(300)]);
    }

    #[test]
    fn curves_that_fall_are_refused() {
        let isotonic = |points: &[[f64; 2]]| CalibrationSpec::Isotonic { points: points.into() };
        for spec in [
            isotonic(&[]),
            isotonic(&[[0.0, 0.5], [1.0, 0.4]]),
            isotonic(&[[0.0, 0.5], [0.0, 0.6]]),
            isotonic(&[[0.0, 1.5]]),
            CalibrationSpec::Platt { slope: -1.0, intercept: 0.0 },
        ] {
            assert_eq!(Calibration::of(&spec).unwrap_err().code(), Code::BadCalibration);
        }
    }
}
