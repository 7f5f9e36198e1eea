//! Models: equal to onnxruntime, refused when anything is wrong with them, explained exactly.

#![allow(clippy::panic, clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod asked;
mod beside;
#[path = "../common/mod.rs"]
mod common;
mod drift;
mod reasons;
mod refused;
mod registry;
mod scores;
#[cfg(feature = "toml")]
mod trained;
mod windows;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rpm_core::risk::Model;

/// Those that the core evaluates itself, with whether rows have values missing.
const BUILT_IN: &[(&str, bool)] = &[
    ("logistic", true),
    ("normalized", false),
    ("linear", false),
    ("gemm", false),
    ("softmax", false),
    ("mlp", false),
    ("mlp-pair", false),
    ("mlp-tanh", false),
    ("boosted", false),
    ("boosted-regressor", false),
    ("forest", false),
    ("forest-regressor", false),
    ("xgboost", true),
    ("xgboost-regressor", true),
    ("lightgbm", true),
    ("lightgbm-regressor", true),
    ("modes", true),
];

const EDGES: [f32; 10] =
    [0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 1000.0, -1000.0, 30_000.0, -30_000.0];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/models"))
}

fn bytes(name: &str, ending: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.{ending}"))).unwrap()
}

fn load(name: &str) -> Arc<Model> {
    Model::load(&bytes(name, "onnx"), &bytes(name, "json"))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What onnxruntime said of the thousand rows.
fn expected(name: &str) -> Vec<f32> {
    let number = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    bytes(name, "expected").chunks_exact(4).map(number).collect()
}

/// The rows of `testdata/models/make.py`.
fn rows(seed: u32, count: usize, width: usize, missing: bool) -> Vec<f32> {
    let mut state = seed;
    let mut rows = Vec::with_capacity(count * width);
    for row in 0..count {
        for _ in 0..width {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let value = (f64::from((state >> 16) % 512) - 256.0) / 64.0;
            rows.push(if missing && state & 15 == 0 { f32::NAN } else { value as f32 });
        }
        if row % 10 == 0 {
            rows[row * width + row / 10 % width] = EDGES[row / 10 % EDGES.len()];
        }
    }
    rows
}
