//! Any bytes are a model or an error; a model that loads computes, whatever goes in.

use rpm_core::record::Hash;
use rpm_core::risk::{Manifest, Model, Work};

/// A length, that many bytes as a manifest, and the rest as the model. The hash is set right, so that
/// what lies behind it is reached.
pub fn model(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (manifest, onnx) = rest.split_at(length);
    let _ = Model::load(onnx, manifest);
    let Ok(mut manifest) = Manifest::from_json(manifest) else { return };
    manifest.sha256 = Hash::of(onnx);
    match Model::load(onnx, manifest.to_json().as_bytes()) {
        Ok(model) => run(&model),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn run(model: &Model) {
    let mut work = Work::default();
    let usual = vec![0.0; model.inputs()];
    for value in [0.0, -1.0, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE] {
        let row = vec![value; model.inputs()];
        if let Ok(score) = model.score(&row, &mut work) {
            assert!((0..=1000).contains(&score.thousandths()), "outside zero and one");
            assert_eq!(model.score(&row, &mut work), Ok(score), "another score of the same row");
        }
        let reasons = model.reasons(&row, &usual, &mut work);
        assert_eq!(reasons.map(|reasons| reasons.terms.len()), Ok(model.inputs()));
    }
}
