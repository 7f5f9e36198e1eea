//! Equality with onnxruntime, and with oneself.

use rpm_core::risk::{LinearModel, MlpModel, ScoreFailure, Work};

use super::{BUILT_IN, expected, load, rows};

/// How far apart two outputs are, of one or of the output if that is more.
pub fn distance(a: f32, b: f32) -> f32 {
    (a - b).abs() / b.abs().max(1.0)
}

#[test]
fn outputs_are_those_of_onnxruntime() {
    let mut work = Work::default();
    for (name, missing) in BUILT_IN {
        let model = load(name);
        let (rows, expected) = (rows(7, 1000, model.inputs(), *missing), expected(name));
        assert_eq!(expected.len(), 1000);
        let mut worst = 0.0_f32;
        for (row, expected) in rows.chunks_exact(model.inputs()).zip(expected) {
            worst = worst.max(distance(model.output(row, &mut work).unwrap(), expected));
        }
        println!("{name}: {worst:e}");
        assert!(worst <= 1e-5, "{name}: {worst}");
    }
}

#[test]
fn a_batch_is_its_rows_bit_for_bit() {
    let mut work = Work::default();
    for (name, missing) in BUILT_IN {
        let model = load(name);
        let (evaluator, width) = (model.evaluator(), model.inputs());
        let rows = rows(9, 67, width, *missing);
        let mut batch = vec![0.0; 67];
        evaluator.margins(&rows, &mut work, &mut batch);
        for (row, margin) in rows.chunks_exact(width).zip(batch) {
            assert_eq!(evaluator.margin(row, &mut work).to_bits(), margin.to_bits(), "{name}");
        }
    }
}

#[test]
fn each_graph_has_the_evaluator_that_it_should() {
    let kind = |name: &str| {
        let text = format!("{:?}", load(name).evaluator());
        text.split([' ', '{']).next().unwrap().to_string()
    };
    let name = |full: &str| full.rsplit("::").next().unwrap().to_string();
    for linear in ["logistic", "normalized", "linear", "gemm", "softmax"] {
        assert_eq!(kind(linear), name(std::any::type_name::<LinearModel>()), "{linear}");
    }
    for mlp in ["mlp", "mlp-pair", "mlp-tanh"] {
        assert_eq!(kind(mlp), name(std::any::type_name::<MlpModel>()), "{mlp}");
    }
    for tree in ["boosted", "forest", "xgboost", "lightgbm", "modes"] {
        assert_eq!(kind(tree), "TreeModel", "{tree}");
    }
}

#[test]
fn a_row_of_another_length_or_without_a_number_has_no_score() {
    let (model, mut work) = (load("mlp"), Work::default());
    assert_eq!(model.score(&[0.0; 15], &mut work), Err(ScoreFailure::MissingInputs));
    let reasons = model.reasons(&[0.0; 15], &[], &mut work);
    assert!(matches!(reasons, Err(ScoreFailure::MissingInputs)));
    assert_eq!(model.score(&[f32::NAN; 16], &mut work), Err(ScoreFailure::NotFinite));
    // Infinities of both signs meet in the first layer.
    assert_eq!(model.score(&[f32::INFINITY; 16], &mut work), Err(ScoreFailure::NotFinite));
    // Trees know what to do about a missing value, whatever the row.
    let tree = load("xgboost");
    assert!((0..=1000).contains(&tree.score(&[f32::NAN; 16], &mut work).unwrap().thousandths()));
}
