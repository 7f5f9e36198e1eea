//! Models.

use alloc::sync::Arc;
use core::ffi::c_char;

use rpm_core::Code;
use rpm_core::record::ScoreFailure;
use rpm_core::risk::{Attribution, Model, Term, Work};

use crate::error::{rpmon_error, tell};
use crate::handle::shared;
use crate::status::{self, rpmon_status};
use crate::text::{array, bytes, fill, place, rpmon_bytes, rpmon_str};

/// A verified model: its bytes are those of its manifest, and it computes what it did when it was trained.
///
/// It never changes: any number of scorers and threads may use it at the same time. A scorer keeps what it
/// needs of it, so that it may be freed before the scorer.
pub struct rpmon_model(pub(crate) Arc<Model>);

/// What one input added to a model's sum.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_term {
    /// Its place in the row.
    pub input: u32,
    /// Its value; NaN if missing.
    pub value: f32,
    /// What it was compared with.
    pub usual: f32,
    /// What it added to the sum: the logarithm of odds, of a model that ends in a logistic function.
    pub added: f32,
}

/// Terms are Shapley values: they add up to the difference between the row and the reference.
pub const RPMON_ATTRIBUTION_EXACT: u32 = 1;
/// Terms are found by putting the reference in the place of one input at a time; they need not add up.
pub const RPMON_ATTRIBUTION_OCCLUSION: u32 = 2;

/// Loads a model: verifies its hash, its shapes and its calibration, and runs the manifest's own rows.
///
/// Linear models, dense, convolutional and recurrent networks and trees are evaluated by every build of the
/// library; what else there is needs `RPMON_CAPABILITY_ONNX` or is refused by name.
///
/// @param onnx the bytes that training exported
/// @param onnx_len how many
/// @param manifest its JSON, UTF-8
/// @param manifest_len its length in bytes
/// @param out the model, to be freed with `rpmon_model_free`
/// @param error may be null; if there is no such model, why
/// @return `RPMON_OK`, `RPMON_MANIFEST_SYNTAX`, `RPMON_MODEL_HASH`, `RPMON_UNSUPPORTED_OPERATOR`,
///         `RPMON_SELF_TEST_FAILED`, or another code of the 700s
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_load(
    onnx: *const c_char,
    onnx_len: usize,
    manifest: *const c_char,
    manifest_len: usize,
    out: *mut *mut rpmon_model,
    error: *mut *mut rpmon_error,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, onnx) = unsafe { (place(out)?, bytes(onnx, onnx_len)?) };
        // SAFETY: as above.
        let manifest = unsafe { bytes(manifest, manifest_len)? };
        // SAFETY: as above.
        let told = |e| unsafe { tell(core::slice::from_ref(&e), error) };
        out.put(shared::new(rpmon_model(Model::load(onnx, manifest).map_err(told)?)));
        Ok(())
    }))
}

/// The model's name; empty of null. It lives as long as the model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_id(model: *const rpmon_model) -> rpmon_str {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(model) }.map_or(rpmon_str::EMPTY, |model| rpmon_str::of(model.0.id()))
}

/// The model's version; 0 of null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_version(model: *const rpmon_model) -> u32 {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(model) }.map_or(0, |model| model.0.version())
}

/// How many numbers go into the model; 0 of null. A window grid goes in line by line.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_inputs(model: *const rpmon_model) -> usize {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(model) }.map_or(0, |model| model.0.inputs())
}

/// The SHA-256 of the model's manifest, which holds that of its bytes: it names the model and all that was
/// said of it.
///
/// @param hash room for 32 bytes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_hash(
    model: *const rpmon_model,
    hash: *mut [u8; 32],
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (hash, model) = unsafe { (place(hash)?, shared::get(model)?) };
        hash.put(model.0.hash().0);
        Ok(())
    }))
}

/// The model's id, version and hash as JSON: what a line that registers it (`roll_out`) says. Free it with
/// `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_reference(
    model: *const rpmon_model,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, model) = unsafe { (place(out)?, shared::get(model)?) };
        out.put(rpmon_bytes::from_json(&model.0.reference()));
        Ok(())
    }))
}

/// What is legal in the model and probably not meant, as a list; an empty one if there is nothing. Free it
/// with `rpmon_error_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_warnings(
    model: *const rpmon_model,
    out: *mut *mut rpmon_error,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, model) = unsafe { (place(out)?, shared::get(model)?) };
        out.put(shared::new(rpmon_error::of(model.0.warnings())));
        Ok(())
    }))
}

/// The calibrated score of a row. Nothing is recorded: `rpmon_scorer_run` asks for an engine's patients.
///
/// @param row `count` numbers, as many as `rpmon_model_inputs`; NaN is missing
/// @param score between 0 and 1000: thousandths
/// @return `RPMON_BAD_ARGUMENT` of another count; `RPMON_NOT_A_NUMBER` if there is no score of this row
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_score(
    model: *const rpmon_model,
    row: *const f32,
    count: usize,
    score: *mut i32,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (score, model) = unsafe { (place(score)?, shared::get(model)?) };
        // SAFETY: as above.
        let row = unsafe { array(row, count)? };
        score.put(model.0.score(row, &mut Work::default()).map_err(failed)?.thousandths());
        Ok(())
    }))
}

/// What moved a score away from that of a reference row, the strongest first.
///
/// @param row as of `rpmon_model_score`
/// @param reference what is usual, as many numbers as `row`; null means the medians of training
/// @param attribution how it was found: `RPMON_ATTRIBUTION_...`; may be null
/// @param buffer room for `capacity` terms; null if `capacity` is 0
/// @param terms how many there are: if more than `capacity`, nothing was written to `buffer`
/// @return `RPMON_BAD_ARGUMENT` of another count than the model has inputs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_reasons(
    model: *const rpmon_model,
    row: *const f32,
    count: usize,
    reference: *const f32,
    attribution: *mut u32,
    buffer: *mut rpmon_term,
    capacity: usize,
    terms: *mut usize,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (model, row) = unsafe { (shared::get(model)?, array(row, count)?) };
        let usual = if reference.is_null() { 0 } else { count };
        // SAFETY: as above.
        let reference = unsafe { array(reference, usual)? };
        let reasons = model.0.reasons(row, reference, &mut Work::default()).map_err(failed)?;
        // SAFETY: as above.
        unsafe { fill(reasons.terms.iter().map(rpmon_term::of), buffer, capacity, terms)? };
        // SAFETY: as above. Who gives no room does not want it.
        if let Ok(attribution) = unsafe { place(attribution) } {
            attribution.put(match reasons.how {
                Attribution::Exact => RPMON_ATTRIBUTION_EXACT,
                _ => RPMON_ATTRIBUTION_OCCLUSION,
            });
        }
        Ok(())
    }))
}

/// Frees a model and clears the variable. Null, or a variable that is null, does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_model_free(model: *mut *mut rpmon_model) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { shared::free(model) })
}

impl rpmon_term {
    fn of(term: &Term) -> Self {
        let Term { input, value, usual, added } = *term;
        Self { input: input as u32, value, usual, added }
    }
}

fn failed(failure: ScoreFailure) -> Code {
    match failure {
        ScoreFailure::MissingInputs => Code::BadArgument,
        _ => Code::NotANumber,
    }
}
