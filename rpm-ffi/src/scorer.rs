//! Scorers: which version of a model scores whom, and that it is asked when it is due.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::{c_char, c_void};

use rpm_core::risk::Model;
use rpm_core::risk::registry::{Registry, Stage, StageChange, Step, Why};
use rpm_core::{Code, HostTime, PatientId, PatientKey, Scorer};

use crate::engine::{rpmon_engine, with};
use crate::handle::{Handle, shared};
use crate::model::rpmon_model;
use crate::status::{self, code, rpmon_status};
use crate::text::{array, bytes, fill, place, rpmon_bytes, rpmon_str};

/// Asks models when they are due, and gives what they say to an engine, which records it and lets rules read
/// it. It holds the registry: which versions there are, and how far each has come.
///
/// One call at a time, as of an engine, after a panic as well. Nothing of it is in a snapshot: keep
/// `rpmon_scorer_history`, and after a restart give it to `rpmon_scorer_restore`.
pub struct rpmon_scorer {
    _opaque: (),
}

/// Counts microseconds, from whatever start, for the time that the policy gives a model.
///
/// Called on the thread of `rpmon_scorer_run`, before it returns. It must not call the same scorer or engine.
pub type rpmon_clock_fn = Option<unsafe extern "C" fn(user: *mut c_void) -> u64>;

/// A step of a version, and on whose word.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_step {
    /// The model's name.
    pub model: rpmon_str,
    /// Which version of it.
    pub version: u32,
    /// 0.
    pub reserved: u32,
    /// Where it goes, as JSON: `"shadow"`, `{"canary":{"permille":100}}`, `{"canary":{"cohorts":["a"]}}`,
    /// `"active"`, `"retired"`.
    pub to: rpmon_str,
    /// Who proposed it, as the host names people.
    pub owner: rpmon_str,
    /// Why.
    pub reason: rpmon_str,
    /// Where what was found out can be read: a report, by name or hash.
    pub evidence: rpmon_str,
    /// Who approved it: somebody else.
    pub approver: rpmon_str,
}

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

/// Takes a model in as a candidate, which scores nobody yet.
///
/// @param model stays the caller's; may be freed before the scorer
/// @param owner who brings it, as the host names people
/// @return `RPMON_DUPLICATE_ID`, `RPMON_MISSING_FIELD` without an owner, `RPMON_TIME_PASSED` before what has
///         happened
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_register(
    scorer: *mut rpmon_scorer,
    model: *const rpmon_model,
    owner: rpmon_str,
    now_ms: i64,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            let (model, owner) = (Arc::clone(&shared::get(model)?.0), owner.text()?);
            let now = HostTime::from_millis(now_ms);
            bench.scorer.registry_mut().register(model, owner, now).map_err(code)
        })
    })
}

/// Takes an approved step, at once: from candidate through shadow and canary to active. Where it makes a
/// version active, the one before retires.
///
/// @return `RPMON_MISSING_FIELD`, `RPMON_NOT_APPROVED`, `RPMON_UNKNOWN_MODEL`, `RPMON_STAGE_ORDER`,
///         `RPMON_TIME_PASSED`; `RPMON_BAD_ARGUMENT` if `to` is no stage
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_step(
    scorer: *mut rpmon_scorer,
    step: *const rpmon_step,
    now_ms: i64,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            let step = shared::get(step)?;
            let to: Stage = serde_json::from_str(step.to.text()?).map_err(|_| Code::BadArgument)?;
            let approver = step.approver.text()?;
            let wanted = Step::new(step.model.text()?, step.version, to, step.why()?);
            let approved = wanted.and_then(|step| step.approve(approver)).map_err(code)?;
            let now = HostTime::from_millis(now_ms);
            bench.scorer.registry_mut().apply(approved, now).map_err(code)
        })
    })
}

/// Goes back, at once, to the version that was active before the one that is; to rules alone, if there was
/// none.
///
/// @param step its `version` and `to` are not looked at
/// @return `RPMON_MISSING_FIELD`, `RPMON_NOT_APPROVED`, `RPMON_TIME_PASSED`; `RPMON_UNKNOWN_MODEL` if none is
///         active
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_rollback(
    scorer: *mut rpmon_scorer,
    step: *const rpmon_step,
    now_ms: i64,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            let step = shared::get(step)?;
            let (model, why, approver) = (step.model.text()?, step.why()?, step.approver.text()?);
            let (registry, now) = (bench.scorer.registry_mut(), HostTime::from_millis(now_ms));
            registry.rollback(model, &why, approver, now).map_err(code)
        })
    })
}

/// Every step that was taken, the oldest first, as a JSON list. Free it with `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_history(
    scorer: *const rpmon_scorer,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            place(out)?.put(rpmon_bytes::from_json(&bench.scorer.registry().history()));
            Ok(())
        })
    })
}

/// Makes the registry again of its steps, in place of what the scorer has.
///
/// @param history of `rpmon_scorer_history`
/// @param models those that the steps name, and any others
/// @return `RPMON_MALFORMED_JSON`; `RPMON_UNKNOWN_MODEL` if a model is missing or another one
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_restore(
    scorer: *mut rpmon_scorer,
    history: *const c_char,
    len: usize,
    models: *const *const rpmon_model,
    model_count: usize,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            let history = bytes(history, len)?;
            let history: Vec<StageChange> =
                serde_json::from_slice(history).map_err(|_| Code::MalformedJson)?;
            let model = |m: &*const rpmon_model| Ok(Arc::clone(&shared::get(*m)?.0));
            let models = array(models, model_count)?.iter().map(model);
            let models: Vec<Arc<Model>> = models.collect::<Result<_, Code>>()?;
            *bench.scorer.registry_mut() =
                Registry::from_history(&history, &models).map_err(code)?;
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
pub unsafe extern "C" fn rpmon_scorer_scored_at(
    scorer: *const rpmon_scorer,
    model: rpmon_str,
    patient: rpmon_str,
    cohort: rpmon_str,
    at_ms: i64,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        bench(scorer, |bench| {
            let (out, model, cohort) = (place(out)?, model.text()?, cohort.text()?);
            let patient = PatientId::new(patient.text()?).map_err(code)?;
            let cohort = (!cohort.is_empty()).then_some(cohort);
            let at = HostTime::from_millis(at_ms);
            let found = bench.scorer.registry().scored_at(model, &patient, cohort, at);
            out.put(rpmon_bytes::from_json(&found.ok_or(Code::NotFound)?));
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

/// Frees a scorer and clears the variable. Null, or a variable that is null, does nothing.
///
/// @return `RPMON_IN_USE` if a call is at work on it: the variable is left as it was
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_scorer_free(scorer: *mut *mut rpmon_scorer) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { Handle::free(scorer.cast::<*mut Handle<Bench>>()) })
}

impl rpmon_step {
    /// # Safety
    /// As of [`rpmon_str::text`].
    unsafe fn why(&self) -> Result<Why, Code> {
        // SAFETY: the caller's promise is the one that is asked for.
        let (owner, reason) = unsafe { (self.owner.text()?, self.reason.text()?) };
        // SAFETY: as above.
        let evidence = unsafe { self.evidence.text()? };
        Ok(Why { owner: owner.into(), reason: reason.into(), evidence: evidence.into() })
    }
}
