//! Convolutions and recurrent networks over window grids: in the core, and what is left for tract.

use rpm_core::error::Code;
use rpm_core::risk::{Attribution, GridModel, Manifest, Model, Work};

use super::scores::distance;
use super::{bytes, expected, load, rows};

/// Those that the core evaluates itself, of 60 lines of four signals.
pub const GRIDS: &[&str] =
    &["cnn", "cnn-strided", "cnn-channels-first", "gru", "gru-layers", "cnn-gru"];

fn is_as_onnxruntime(names: &[&str]) {
    let mut work = Work::default();
    for name in names {
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
fn outputs_are_those_of_onnxruntime() {
    is_as_onnxruntime(GRIDS);
}

#[cfg(feature = "onnx")]
#[test]
fn outputs_of_tract_are_those_of_onnxruntime() {
    is_as_onnxruntime(&["lstm"]);
}

#[test]
fn each_graph_is_evaluated_here() {
    let name = std::any::type_name::<GridModel>().rsplit("::").next().unwrap();
    for grid in GRIDS {
        assert!(format!("{:?}", load(grid).evaluator()).starts_with(name), "{grid}");
    }
}

/// What no other kernel of the machine, and no neighbour in a batch, may change.
#[test]
fn a_batch_is_its_rows_bit_for_bit() {
    let (mut work, mut batch) = (Work::default(), [0.0; 7]);
    for name in GRIDS {
        let model = load(name);
        let rows = rows(9, 7, 240, false);
        model.evaluator().margins(&rows, &mut work, &mut batch);
        for (row, margin) in rows.chunks_exact(240).zip(batch) {
            let alone = model.evaluator().margin(row, &mut Work::default());
            assert_eq!(alone.to_bits(), margin.to_bits(), "{name}");
        }
    }
}

/// Scores of one row to the last bit, as they were found on x86-64: another processor gets the same.
#[test]
fn margins_are_the_same_on_every_processor() {
    let mut work = Work::default();
    let row = rows(11, 1, 240, false);
    let bits = |name: &&str| load(name).evaluator().margin(&row, &mut work).to_bits();
    let found: Vec<u32> = GRIDS.iter().map(bits).collect();
    assert_eq!(found, [3262994342, 1073132652, 3240282388, 1077424034, 3205582833, 1084266747]);
}

#[test]
fn what_is_not_a_number_stays_so() {
    let mut work = Work::default();
    for name in GRIDS {
        let model = load(name);
        let mut row = rows(7, 1, 240, false);
        // Of an odd line: the windows of `cnn-strided` look at no other.
        row[4 * 31] = f32::NAN;
        assert!(model.output(&row, &mut work).is_err(), "{name}");
    }
}

#[test]
fn reasons_are_by_occlusion() {
    let mut work = Work::default();
    let rows = rows(7, 2, 240, false);
    for name in GRIDS {
        let reasons = load(name).reasons(&rows[..240], &rows[240..], &mut work).unwrap();
        assert_eq!(reasons.how, Attribution::Occlusion);
        assert_eq!(reasons.terms.len(), 240);
    }
}

#[cfg(feature = "onnx")]
#[test]
fn what_is_slow_is_said_when_it_is_loaded() {
    let codes = |name| load(name).warnings().iter().map(|w| w.code()).collect::<Vec<_>>();
    assert_eq!(codes("lstm"), [Code::SlowOperator]);
    assert_eq!(codes("gru"), []);
    assert_eq!(codes("mlp"), []);
}

#[cfg(not(feature = "onnx"))]
#[test]
fn what_only_tract_evaluates_is_refused_by_name() {
    let refused = Model::load(&bytes("lstm", "onnx"), &bytes("lstm", "json")).unwrap_err();
    assert_eq!((refused.code(), refused.path()), (Code::UnsupportedOperator, Some("LSTM")));
}

#[test]
fn another_shape_than_the_graph_has_is_refused() {
    let mut manifest = Manifest::from_json(&bytes("cnn", "json")).unwrap();
    manifest.output.shape = vec![1, 2];
    let refused = Model::load(&bytes("cnn", "onnx"), manifest.to_json().as_bytes());
    assert_eq!(refused.unwrap_err().code(), Code::ModelShape);
}
