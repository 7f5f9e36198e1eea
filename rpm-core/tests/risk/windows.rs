//! Convolutions and recurrent networks over window grids, by tract.

use rpm_core::error::Code;
use rpm_core::risk::{Attribution, Work};

use super::scores::distance;
use super::{bytes, expected, load, rows};

#[test]
fn outputs_are_those_of_onnxruntime() {
    let mut work = Work::default();
    for name in ["cnn", "gru", "lstm"] {
        let model = load(name);
        assert_eq!(model.inputs(), 240);
        let mut worst = 0.0_f32;
        for (row, expected) in rows(7, 1000, 240, false).chunks_exact(240).zip(expected(name)) {
            worst = worst.max(distance(model.output(row, &mut work).unwrap(), expected));
        }
        println!("{name}: {worst:e}");
        assert!(worst <= 1e-5, "{name}: {worst}");
    }
}

#[test]
fn what_is_slow_is_said_when_it_is_loaded() {
    let codes = |name| load(name).warnings().iter().map(|w| w.code()).collect::<Vec<_>>();
    assert_eq!(codes("lstm"), [Code::SlowOperator]);
    assert_eq!(codes("gru"), []);
    assert_eq!(codes("mlp"), []);
}

#[test]
fn reasons_are_by_occlusion() {
    let (model, mut work) = (load("cnn"), Work::default());
    let rows = rows(7, 2, 240, false);
    let reasons = model.reasons(&rows[..240], &rows[240..], &mut work).unwrap();
    assert_eq!(reasons.how, Attribution::Occlusion);
    assert_eq!(reasons.terms.len(), 240);
}

#[test]
fn another_shape_than_the_graph_has_is_refused() {
    let mut manifest = rpm_core::risk::Manifest::from_json(&bytes("cnn", "json")).unwrap();
    manifest.output.shape = vec![1, 2];
    let refused = rpm_core::risk::Model::load(&bytes("cnn", "onnx"), manifest.to_json().as_bytes());
    assert_eq!(refused.unwrap_err().code(), Code::UnsupportedOperator);
}
