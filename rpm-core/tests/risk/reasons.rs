//! Contributions: exact where they say so, and what they add up to.

use proptest::prelude::*;
use rpm_core::risk::{Attribution, RiskModel, Work};

use super::{BUILT_IN, load, rows};

use crate::common;

fn row() -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec((-256_i16..256).prop_map(|n| f32::from(n) / 64.0), 16)
}

/// The average over all orders of what an input adds when it joins: the definition.
fn by_definition(
    model: &dyn RiskModel,
    row: &[f32],
    reference: &[f32],
    some: &[usize],
) -> Vec<f64> {
    let mut work = Work::default();
    let n = some.len();
    let mut value = |set: usize| {
        let mut mixed = reference.to_vec();
        for (bit, input) in some.iter().enumerate() {
            if set >> bit & 1 == 1 {
                mixed[*input] = row[*input];
            }
        }
        f64::from(model.margin(&mixed, &mut work))
    };
    let values: Vec<f64> = (0..1 << n).map(&mut value).collect();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    (0..n)
        .map(|bit| {
            let without = (0..1_usize << n).filter(|set| set >> bit & 1 == 0);
            let term = |set: usize| {
                let size = set.count_ones() as usize;
                let share = factorial(size) * factorial(n - size - 1) / factorial(n);
                share * (values[set | 1 << bit] - values[set])
            };
            without.map(term).sum()
        })
        .collect()
}

proptest! {
    #![proptest_config(common::cases("tests/regressions/risk.txt", 20_261_130))]

    /// Of models that say that they are exact, contributions add up to the difference of the margins.
    #[test]
    fn exact_contributions_add_up(row in row(), reference in row()) {
        let mut work = Work::default();
        for (name, _) in BUILT_IN {
            let model = load(name);
            let reasons = model.reasons(&row, &reference, &mut work).unwrap();
            let is_exact = !(name.starts_with("mlp") || *name == "normalized");
            prop_assert_eq!(reasons.how == Attribution::Exact, is_exact, "{}", name);
            if is_exact {
                let sum: f64 = reasons.terms.iter().map(|term| f64::from(term.added)).sum();
                let wanted = f64::from(reasons.margin) - f64::from(reasons.reference);
                prop_assert!((sum - wanted).abs() < 1e-4 * wanted.abs().max(1.0), "{} {} {}", name, sum, wanted);
            }
        }
    }

    /// Each of them is the Shapley value, by its definition over all 2^7 sets of inputs that differ.
    #[test]
    fn exact_contributions_are_shapley_values(row in row(), mut reference in row()) {
        let some = [0, 1, 2, 3, 4, 5, 9];
        for input in (0..16).filter(|input| !some.contains(input)) {
            reference[input] = row[input];
        }
        let mut work = Work::default();
        for name in ["logistic", "boosted", "forest", "xgboost", "lightgbm", "modes"] {
            let model = load(name);
            let wanted = by_definition(model.evaluator(), &row, &reference, &some);
            let mut found = vec![0.0; 16];
            model.evaluator().attribute(&row, &reference, &mut work, &mut found);
            for (input, wanted) in some.iter().zip(wanted) {
                let found = f64::from(found[*input]);
                prop_assert!((found - wanted).abs() < 1e-4, "{} {} {} {}", name, input, found, wanted);
            }
        }
    }
}

#[test]
fn an_input_that_is_as_usual_contributes_nothing() {
    let mut work = Work::default();
    for (name, missing) in BUILT_IN {
        let model = load(name);
        for row in rows(21, 20, 16, *missing).chunks_exact(16) {
            let reasons = model.reasons(row, row, &mut work).unwrap();
            assert!(reasons.terms.iter().all(|term| term.added.abs() <= 0.0), "{name}");
        }
    }
}

#[test]
fn the_strongest_comes_first() {
    let (model, mut work) = (load("boosted"), Work::default());
    let rows = rows(5, 2, 16, false);
    let reasons = model.reasons(&rows[..16], &rows[16..], &mut work).unwrap();
    assert!(reasons.terms.windows(2).all(|w| w[0].added.abs() >= w[1].added.abs()));
    assert_eq!(reasons.terms.len(), 16);
}
