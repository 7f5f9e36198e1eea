//! What is wrong with a model is said when it is loaded, by code, without a panic.

use std::fs;

use rpm_core::error::Code;
use rpm_core::record::Hash;
use rpm_core::risk::{Manifest, Model};

use super::{bytes, folder};

/// The manifest of a model, changed.
fn with(name: &str, change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    let mut manifest = Manifest::from_json(&bytes(name, "json")).unwrap();
    change(&mut manifest);
    manifest.to_json().into_bytes()
}

fn code(onnx: &[u8], manifest: &[u8]) -> Code {
    Model::load(onnx, manifest).unwrap_err().code()
}

#[test]
fn a_manifest_must_fit_its_model() {
    let onnx = bytes("boosted", "onnx");
    let refused = |change: fn(&mut Manifest)| code(&onnx, &with("boosted", change));
    assert_eq!(refused(|m| m.sha256 = Hash::of(b"other")), Code::ModelHash);
    assert_eq!(refused(|m| m.input.name = "Y".into()), Code::ModelShape);
    assert_eq!(refused(|m| m.input.shape = vec![1, 17]), Code::ModelShape);
    assert_eq!(refused(|m| m.input.shape = vec![16]), Code::ModelShape);
    assert_eq!(refused(|m| m.input.shape = vec![1, u32::MAX]), Code::ModelShape);
    assert_eq!(refused(|m| m.output.name = "Y".into()), Code::ModelShape);
    assert_eq!(refused(|m| m.output.name = "label".into()), Code::ModelShape);
    assert_eq!(refused(|m| m.output.shape = vec![1, 1]), Code::ModelShape);
    assert_eq!(refused(|m| m.self_test.clear()), Code::SelfTestFailed);
    assert_eq!(refused(|m| m.self_test[0].output += 2e-5), Code::SelfTestFailed);
    assert_eq!(refused(|m| m.self_test[1].inputs.truncate(3)), Code::SelfTestFailed);
    assert_eq!(refused(|m| m.author.clear()), Code::EmptyName);
    assert_eq!(refused(|m| m.id = "a b".into()), Code::EmptyName);
    assert_eq!(refused(|m| m.thresholds.extend([("review".into(), 1.5)])), Code::BadShare);
    assert_eq!(code(&onnx, b"{}"), Code::ManifestSyntax);
    assert_eq!(code(&onnx, b"[1"), Code::ManifestSyntax);
    let twice =
        String::from_utf8(with("boosted", |_| ())).unwrap().replacen('{', "{\"version\": 9,", 1);
    assert_eq!(code(&onnx, twice.as_bytes()), Code::ManifestSyntax);
}

#[test]
fn what_has_no_evaluator_is_refused_by_name() {
    for (name, output, path) in [
        ("SVMClassifier", "probabilities", "ai.onnx.ml.SVMClassifier"),
        ("ZipMap", "output_probability", "ai.onnx.ml.ZipMap"),
        ("three-classes", "probabilities", "ai.onnx.ml.LinearClassifier"),
    ] {
        let onnx = fs::read(folder().join("refused").join(format!("{name}.onnx"))).unwrap();
        let manifest = with("boosted", |m| {
            m.sha256 = Hash::of(&onnx);
            m.output.name = output.into();
        });
        let error = Model::load(&onnx, &manifest).unwrap_err();
        assert_eq!(error.path(), Some(path), "{error}");
        let wanted =
            if name == "three-classes" { Code::ModelShape } else { Code::UnsupportedOperator };
        assert_eq!(error.code(), wanted);
    }
}

/// A window operator that claims room which nobody has, or is of a kind that has no evaluator here.
#[test]
fn operators_over_windows_are_refused_before_they_take_room() {
    for (name, path, wanted) in [
        ("padding-of-a-petabyte", "Conv", Code::ModelShape),
        ("padding-of-a-megabyte", "Conv", Code::TooLarge),
        ("dilation-beyond-the-window", "k", Code::ModelShape),
        #[cfg(not(feature = "onnx"))]
        ("grouped", "Conv", Code::UnsupportedOperator),
        #[cfg(not(feature = "onnx"))]
        ("bidirectional", "GRU", Code::UnsupportedOperator),
    ] {
        let onnx = fs::read(folder().join("refused").join(format!("{name}.onnx"))).unwrap();
        let manifest = with("cnn", |m| m.sha256 = Hash::of(&onnx));
        let error = Model::load(&onnx, &manifest).unwrap_err();
        assert_eq!((error.code(), error.path()), (wanted, Some(path)), "{name}");
    }
}

/// Whatever a byte is changed to: a model that loads passed its self-test, and nothing panics.
#[test]
fn damaged_models_are_refused_or_compute_the_same() {
    for name in ["logistic", "mlp-tanh", "modes", "cnn-strided", "gru-layers"] {
        let onnx = bytes(name, "onnx");
        let (mut refused, mut tried) = (0, 0);
        // The small one whole, of the others a part that no size of a record divides.
        for at in (0..onnx.len()).step_by(if onnx.len() < 1000 { 1 } else { 13 }) {
            for to in [0, 0x7f, 0xff, onnx[at] ^ 1] {
                let mut damaged = onnx.clone();
                damaged[at] = to;
                let manifest = with(name, |m| m.sha256 = Hash::of(&damaged));
                tried += 1;
                refused += usize::from(Model::load(&damaged, &manifest).is_err());
            }
        }
        assert!(4 * refused > tried, "{name}: {refused} of {tried}");
    }
}

#[test]
fn truncated_models_are_refused() {
    for name in ["logistic", "mlp-tanh", "modes", "cnn-strided", "gru-layers"] {
        let onnx = bytes(name, "onnx");
        // What ends a model file is its opset, which a chain of known operators does not need.
        for length in (0..onnx.len() - 64).step_by(3) {
            let manifest = with(name, |m| m.sha256 = Hash::of(&onnx[..length]));
            assert!(Model::load(&onnx[..length], &manifest).is_err(), "{name} {length}");
        }
    }
}

/// A tensor that claims 2^40 numbers is refused before anything is allocated for them.
#[test]
fn huge_dimensions_are_refused() {
    let varint = |mut n: u64| {
        let mut bytes = Vec::new();
        while n > 127 {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    };
    let field = |number: u64, content: &[u8]| {
        [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
    };
    let number = |number: u64, value: u64| [varint(number << 3), varint(value)].concat();
    let node = |op: &str, inputs: &[&str], output: &str| {
        let inputs: Vec<u8> = inputs.iter().flat_map(|i| field(1, i.as_bytes())).collect();
        field(1, &[inputs, field(2, output.as_bytes()), field(4, op.as_bytes())].concat())
    };
    let port = |tag: u64, name: &str, dims: &[u64]| {
        let dims: Vec<u8> = dims.iter().flat_map(|d| field(1, &number(1, *d))).collect();
        let tensor = [number(1, 1), field(2, &dims)].concat();
        field(tag, &[field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat())
    };
    let model = |dims: [u64; 2], width: u64| {
        let dims: Vec<u8> = dims.iter().flat_map(|d| number(1, *d)).collect();
        let tensor = [dims, number(2, 1), field(8, b"w"), field(9, &[0; 64])].concat();
        let ports = [port(11, "x", &[1, width]), port(12, "y", &[1, 1])].concat();
        field(7, &[node("MatMul", &["x", "w"], "y"), field(5, &tensor), ports].concat())
    };
    let load = |onnx: &[u8], width: u32| {
        let manifest = with("mlp", |m| {
            m.sha256 = Hash::of(onnx);
            m.input.shape = vec![1, width];
            m.self_test.truncate(1);
            m.self_test[0].inputs = vec![Some(0.0); width as usize % 100];
            m.self_test[0].output = 0.0;
        });
        Model::load(onnx, &manifest)
    };
    assert!(load(&model([16, 1], 16), 16).is_ok(), "the bytes made here are a model");
    for (dims, width, wanted) in [
        ([16, 1 << 40], 16, Code::TooLarge),
        ([16, u64::MAX], 16, Code::TooLarge),
        ([1 << 32, 1 << 32], 16, Code::ModelShape),
        ([1 << 40, 1], u64::from(u32::MAX), Code::ModelShape),
        ([16, 2], 16, Code::ModelShape),
        ([16, 1 << 14], 16, Code::ModelShape),
        ([0, 1], 16, Code::ModelShape),
    ] {
        let refused = load(&model(dims, width), width as u32).map(|_| ());
        assert_eq!(refused.map_err(|e| e.code()), Err(wanted), "{dims:?}");
    }
}
