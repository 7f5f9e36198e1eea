//! Scorers: that models are asked when they are due, and which version scored whom.

use alloc::sync::Arc;
use core::ffi::c_void;

use rpm_core::{Code, HostTime, PatientId, PatientKey, Scorer};

use crate::engine::{rpmon_engine, with};
use crate::handle::{Handle, shared};
use crate::model::rpmon_model;
use crate::status::{self, code, rpmon_status};
use crate::text::{fill, place, rpmon_bytes, rpmon_str};

/// Asks models when they are due, and gives what they say to an engine, which records it and lets rules read
/// it. The engine's registry says which version counts.
///
/// One call at a time, as of an engine, after a panic as well. Nothing of it is in a snapshot: after a restart
/// make another one, and load the models again.
pub struct rpmon_scorer {
    _opaque: (),
}

/// Counts microseconds, from whatever start, for the time that the policy gives a model.
///
/// Called on the thread of `rpmon_scorer_run`, before it returns. It must not call the same scorer or engine.
pub type rpmon_clock_fn = Option<unsafe extern "C" fn(user: *mut c_void) -> u64>;

/// What a scorer's handle holds.
struct Bench {
    scorer: Scorer,
    clock: rpmon_clock_fn,
    user: *mut c_void,
}

// SAFETY: the pointer is the caller's and is only handed back; the header says on which thread.
unsafe impl Send for Bench {}

/// # Safety
/// As of [`Handle::with`].
unsafe fn bench<R>(
    scorer: *const rpmon_scorer,
    work: impl FnOnce(&mut Bench) -> Result<R, Code>,
) -> Result<R, Code> {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { Handle::with(scorer.cast::<Handle<Bench>>(), work) }
}

/// Makes a scorer without models.
///
/// @param clock null means that no model is ever found too slow, and 0 is recorded as its time
/// @param user handed back to `clock` as it is
/// @param out the scorer, to be freed with `rpmon_scorer_free`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_new(
    clock: rpmon_clock_fn,
    user: *mut c_void,
    out: *mut *mut rpmon_scorer,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promise is the one that is asked for.
        let out = unsafe { place(out) }?;
        out.put(Handle::new(Bench { scorer: Scorer::default(), clock, user }).cast());
        Ok(())
    }))
}

/// Takes a model in. Whether it is asked, and for whom, the engine's registry says: steps of models enter as
/// lines (`roll_out`) by `rpmon_engine_handle_input`, and are in the engine's records and snapshot.
///
/// @param model stays the caller's; may be freed before the scorer
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_load(
    scorer: *mut rpmon_scorer,
    model: *const rpmon_model,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            bench.scorer.load(Arc::clone(&shared::get(model)?.0));
            Ok(())
        })
    })
}

/// Asks the models that are due for a patient: where there is new evidence, and not more often than the
/// policy says. What they say enters the engine, is recorded, and is a reading of the signal that the policy
/// names. Call it after inputs, whenever there is time.
///
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again; what was said already is kept
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_run(
    scorer: *mut rpmon_scorer,
    engine: *mut rpmon_engine,
    patient: u32,
    now_ms: i64,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            with(engine, |watch| {
                let (clock, user) = (bench.clock, bench.user);
                // The caller gave this function for this purpose.
                let mut clock = || clock.map_or(0, |clock| clock(user));
                let (engine, now) = (&mut watch.engine, HostTime::from_millis(now_ms));
                engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
                bench.scorer.run(engine, PatientKey(patient), now, &mut clock).map_err(code)
            })
        })
    })
}

/// The row that goes into a model of the engine's policy for a patient, as of the latest evidence in it: the
/// same numbers in training and later.
///
/// @param risk which entry of the policy's `risk`
/// @param observed_at_ms when that evidence was observed; may be null
/// @param buffer room for `capacity` numbers; null if `capacity` is 0. NaN is missing
/// @param count how many there are: if more than `capacity`, nothing was written to `buffer`
/// @return `RPMON_UNKNOWN_PATIENT`; `RPMON_NOT_FOUND` before there is any evidence, or of an unknown name
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_features(
    engine: *const rpmon_engine,
    patient: u32,
    risk: rpmon_str,
    observed_at_ms: *mut i64,
    buffer: *mut f32,
    capacity: usize,
    count: *mut usize,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (engine, risk) = (&watch.engine, risk.text()?);
            engine.counts(PatientKey(patient)).ok_or(Code::UnknownPatient)?;
            let row = engine.features(PatientKey(patient), risk).ok_or(Code::NotFound)?;
            fill(row.values.iter().copied(), buffer, capacity, count)?;
            if let Ok(at) = place(observed_at_ms) {
                at.put(row.observed_at.as_millis());
            }
            Ok(())
        })
    })
}

/// Every step that a version of a model took, the oldest first, as a JSON list. Free it with
/// `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_model_history(
    engine: *const rpmon_engine,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            place(out)?.put(rpmon_bytes::from_json(&watch.engine.registry().history()));
            Ok(())
        })
    })
}

/// Which version of a model scored a patient at a time, as JSON: its id, version and hash. Free it with
/// `rpmon_bytes_free`.
///
/// @param patient as the host names patients
/// @param cohort the patient's; empty if there is none
/// @return `RPMON_NOT_FOUND` if none did
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_scored_at(
    engine: *const rpmon_engine,
    model: rpmon_str,
    patient: rpmon_str,
    cohort: rpmon_str,
    at_ms: i64,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, model, cohort) = (place(out)?, model.text()?, cohort.text()?);
            let patient = PatientId::new(patient.text()?).map_err(code)?;
            let cohort = (!cohort.is_empty()).then_some(cohort);
            let at = HostTime::from_millis(at_ms);
            let found = watch.engine.registry().scored_at(model, &patient, cohort, at);
            out.put(rpmon_bytes::from_json(&found.ok_or(Code::NotFound)?));
            Ok(())
        })
    })
}

/// Frees a scorer and clears the variable. Null, or a variable that is null, does nothing.
///
/// @return `RPMON_IN_USE` if a call is at work on it: the variable is left as it was
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_free(scorer: *mut *mut rpmon_scorer) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { Handle::free(scorer.cast::<*mut Handle<Bench>>()) })
}
