//! The model of `examples/training`: loads, and is of the features that its policy declares.

use std::fs;
use std::path::PathBuf;

use rpm_core::policy::Policy;
use rpm_core::risk::{Attribution, Model, Work};

#[test]
fn the_trained_model_is_of_the_features_of_its_policy() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/training"));
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    // Loading runs the twenty rows of which onnxruntime said the outputs.
    let onnx = read("sepsis-vitals/sepsis-vitals.onnx");
    let model = Model::load(&onnx, &read("sepsis-vitals/sepsis-vitals.json")).unwrap();
    assert_eq!(model.manifest().self_test.len(), 20);
    let policy = String::from_utf8(read("icu-hybrid.toml")).unwrap();
    let policy = Policy::from_toml(&policy).unwrap();
    let risk = policy.risk("sepsis").unwrap();
    assert_eq!(model.manifest().features, Some(risk.hash()));
    assert_eq!(model.inputs(), risk.features().len());
    let names = model.manifest().reference.iter().map(|reference| reference.name.as_str());
    assert!(names.eq(risk.features()));
    // Nothing known is a row like any other for trees; its reasons are exact.
    let row = vec![f32::NAN; model.inputs()];
    assert_eq!(model.reasons(&row, &[], &mut Work::default()).unwrap().how, Attribution::Exact);
}
