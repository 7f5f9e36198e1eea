//! What a model's score costs, beside onnxruntime on the same rows in the same run, one thread each.
//!
//! ```text
//! export ORT_DYLIB_PATH=$(echo .venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*)
//! cargo run --release --manifest-path benches/models/Cargo.toml
//! ```

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use ort::memory::MemoryInfo;
use ort::session::Session;
use ort::value::Tensor;
use rpm_core::risk::{Model, Work};

/// In how many rounds they take turns; few, with `--quick`, only show that it runs.
const ROUNDS: usize = 15;
const QUICK: usize = 1;
/// Of one side in one round.
const ROUND_SECONDS: f64 = 0.05;

struct Case {
    what: &'static str,
    model: &'static str,
    batch: usize,
    target: f64,
}

const CASES: &[Case] = &[
    case("logistic regression, 16 inputs", "gemm", 1, 0.15),
    case("the same with imputation and scaling", "logistic", 1, 0.15),
    case("MLP 16-64-32-1", "mlp", 1, 0.15),
    case("boosted trees, 100 x depth 4, classifier", "boosted", 1, 0.35),
    case("the same in batches of 64", "boosted", 64, 1.1),
    case(
        "boosted trees, 100 x depth 4, regressor with values missing",
        "xgboost-regressor",
        1,
        0.35,
    ),
    case("the same in batches of 64", "xgboost-regressor", 64, 1.1),
    case("1D-CNN, 60 x 4", "cnn", 1, 1.35),
    case("GRU, 60 x 4", "gru", 1, 1.35),
];

const fn case(what: &'static str, model: &'static str, batch: usize, target: f64) -> Case {
    Case { what, model, batch, target }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("| what | onnxruntime | here | of onnxruntime's | target |\n|---|---|---|---|---|");
    let rounds =
        if std::env::args().any(|argument| argument == "--quick") { QUICK } else { ROUNDS };
    for case in CASES {
        let [theirs, ours] = measure(case, rounds)?;
        let ratio = ours / theirs;
        let Case { what, target, .. } = case;
        println!("| {what} | {theirs:.3} us | {ours:.3} us | {ratio:.2} | <= {target} |");
    }
    println!("{} models measured", CASES.len());
    Ok(())
}

/// Microseconds a row, of onnxruntime and of the engine: medians of rounds in which they take turns.
fn measure(case: &Case, rounds: usize) -> Result<[f64; 2], Box<dyn Error>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/models"));
    let onnx = std::fs::read(folder.join(format!("{}.onnx", case.model)))?;
    let manifest = std::fs::read(folder.join(format!("{}.json", case.model)))?;
    let model = Model::load(&onnx, &manifest)?;
    let builder = Session::builder()?.with_intra_threads(1)?.with_inter_threads(1)?;
    let mut session = builder.commit_from_memory(&onnx)?;

    let rows = rows(case.batch * model.inputs());
    let mut shape: Vec<i64> = model.manifest().input.shape.iter().map(|n| i64::from(*n)).collect();
    shape[0] = case.batch as i64;
    // Input and output are bound once: what is timed is the run and as little else as can be.
    let input = Tensor::from_array((shape, rows.clone()))?;
    let mut binding = session.create_binding()?;
    binding.bind_input(&model.manifest().input.name, &input)?;
    binding.bind_output_to_device(&model.manifest().output.name, &MemoryInfo::default())?;
    let (mut work, mut out) = (Work::default(), vec![0.0; case.batch]);
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        let theirs = time(case.batch, || {
            black_box(session.run_binding(&binding).is_ok());
        });
        let ours = time(case.batch, || {
            if case.batch == 1 {
                let _ = black_box(model.score(black_box(&rows), &mut work));
            } else {
                model.evaluator().margins(black_box(&rows), &mut work, &mut out);
                let link = model.evaluator().link();
                out.iter_mut().for_each(|margin| *margin = link.apply(*margin));
                black_box(&out);
            }
        });
        // The first round warms up.
        if round > 0 {
            times[0].push(theirs);
            times[1].push(ours);
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[rounds / 2]
    }))
}

/// Microseconds a row.
fn time(batch: usize, mut call: impl FnMut()) -> f64 {
    let (start, mut calls) = (Instant::now(), 0_u64);
    while start.elapsed().as_secs_f64() < ROUND_SECONDS {
        // Reading the clock costs as much as a small model.
        for _ in 0..256 {
            call();
        }
        calls += 256;
    }
    start.elapsed().as_secs_f64() * 1e6 / (calls * batch as u64) as f64
}

/// Multiples of 1/64 between -4 and 4, from a seed.
fn rows(count: usize) -> Vec<f32> {
    let mut state = 7_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        ((f64::from((state >> 16) % 512) - 256.0) / 64.0) as f32
    };
    std::iter::repeat_with(next).take(count).collect()
}
