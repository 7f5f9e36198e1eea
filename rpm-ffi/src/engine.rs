//! Engines: their patients, their time, their snapshots, their log.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::{c_char, c_void};

use rpm_core::policy::Policy;
use rpm_core::{
    Code, DeviceId, Engine, EngineConfig, HostTime, PatientId, PatientKey, RestoreReport, TenantId,
};

use crate::handle::{Handle, shared};
use crate::policy::rpmon_policy;
use crate::status::{self, code, rpmon_status};
use crate::text::{array, bytes, place, rpmon_bytes, rpmon_str};

/// An engine: it watches patients by a policy.
///
/// One call at a time: it may go from thread to thread, and two threads may not use it at once. A call that
/// finds another one at work returns `RPMON_IN_USE` and does nothing. After `RPMON_PANICKED` every call but
/// `rpmon_engine_free` returns `RPMON_POISONED`.
pub struct rpmon_engine {
    _opaque: (),
}

/// What an engine is told to do with what people who run it should know.
///
/// Called on the thread of the call that has something to say, before that call returns. It must not call
/// the same engine (it would get `RPMON_IN_USE`), and must come back. `message` lives until it does, and
/// contains nothing about a patient.
pub type rpmon_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: u32, message: rpmon_str)>;

/// Of the log: something is broken.
pub const RPMON_LOG_ERROR: u32 = 1;
/// Of the log: something needs attention.
pub const RPMON_LOG_WARN: u32 = 2;
/// Of the log: something happened that people may want to know.
pub const RPMON_LOG_INFO: u32 = 3;

/// Bounds of an engine. A field of 0 means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_config {
    /// How many patients at most.
    pub max_patients: u32,
    /// How many outputs may wait before input is refused with `RPMON_OUTPUT_QUEUE_FULL`.
    pub max_outputs: u32,
    /// How many devices a patient may have.
    pub max_devices: u16,
    /// 0.
    pub reserved: [u16; 3],
}

/// What a restore found: what happened while nobody looked.
#[repr(C)]
pub struct rpmon_restore_report {
    /// From the last call before the snapshot to the restore, in milliseconds.
    pub gap_ms: i64,
    /// How many readings were expected in the gap and have not come.
    pub readings_missed: u64,
    /// How many patients came back.
    pub patients: u64,
    /// How many alerts are open. None of them is annunciated again.
    pub open_alerts: u64,
    /// How many patients have a timer that fell due in the gap. The next call does what is due.
    pub timers_due: u64,
}

/// No time: of `rpmon_engine_next_wakeup`, nothing is due; of a change, at once.
pub const RPMON_NEVER: i64 = i64::MAX;

/// What an engine's handle holds.
pub struct Watch {
    /// The engine.
    pub engine: Engine,
    log: Log,
}

#[derive(Clone, Copy)]
struct Log {
    function: rpmon_log_fn,
    user: *mut c_void,
}

// SAFETY: the pointer is the caller's and is only handed back; the header says on which thread.
unsafe impl Send for Log {}

impl Watch {
    /// Tells the host.
    pub fn log(&self, level: u32, message: &str) {
        self.log.tell(level, message);
    }
}

impl Log {
    fn tell(self, level: u32, message: &str) {
        if let Some(function) = self.function {
            // SAFETY: the caller gave this function for this purpose.
            unsafe { function(self.user, level, rpmon_str::of(message)) }
        }
    }
}

/// Does something with an engine.
///
/// # Safety
/// As of [`Handle::with`].
pub unsafe fn with<R>(
    engine: *const rpmon_engine,
    work: impl FnOnce(&mut Watch) -> Result<R, Code>,
) -> Result<R, Code> {
    let mut log = None;
    // SAFETY: the caller's promise is the one that is asked for.
    let result = unsafe {
        Handle::with(engine.cast::<Handle<Watch>>(), |watch| {
            log = Some(watch.log);
            work(watch)
        })
    };
    if let (Err(code), Some(log)) = (&result, log) {
        match code {
            Code::Panicked => log.tell(RPMON_LOG_ERROR, code.message()),
            Code::OutputQueueFull => log.tell(RPMON_LOG_WARN, code.message()),
            _ => {}
        }
    }
    result
}

pub(crate) fn config_of(config: *const rpmon_config) -> EngineConfig {
    // SAFETY: callers of the C functions promise that it is null or points to a config.
    let given = unsafe { config.as_ref() };
    let mut bounds = EngineConfig::default();
    if let Some(given) = given {
        if given.max_patients > 0 {
            bounds.max_patients = given.max_patients;
        }
        if given.max_outputs > 0 {
            bounds.max_outputs = given.max_outputs as usize;
        }
        if given.max_devices > 0 {
            bounds.max_devices = given.max_devices;
        }
    }
    bounds
}

fn new(engine: Engine) -> *mut rpmon_engine {
    let log = Log { function: None, user: core::ptr::null_mut() };
    Handle::new(Watch { engine, log }).cast()
}

/// Makes an engine without patients.
///
/// @param policy stays the caller's; may be freed before the engine
/// @param config null means all defaults
/// @param out the engine, to be freed with `rpmon_engine_free`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_new(
    policy: *const rpmon_policy,
    config: *const rpmon_config,
    out: *mut *mut rpmon_engine,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, policy) = unsafe { (place(out)?, shared::get(policy)?) };
        out.put(new(Engine::new(Arc::clone(&policy.0), config_of(config))));
        Ok(())
    }))
}

/// Frees an engine and clears the variable. Null, or a variable that is null, does nothing.
///
/// @return `RPMON_IN_USE` if a call is at work on it: the variable is left as it was
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_free(engine: *mut *mut rpmon_engine) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { Handle::free(engine.cast::<*mut Handle<Watch>>()) })
}

/// Tells an engine where to say what people who run it should know; null for nowhere.
///
/// @param user handed back to `function` as it is
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_set_log(
    engine: *mut rpmon_engine,
    function: rpmon_log_fn,
    user: *mut c_void,
) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe {
        with(engine, |watch| {
            watch.log = Log { function, user };
            Ok(())
        })
    })
}

/// The policy in force, as a handle of its own, to be freed with `rpmon_policy_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_policy(
    engine: *const rpmon_engine,
    out: *mut *mut rpmon_policy,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            place(out)?.put(shared::new(rpmon_policy(Arc::clone(watch.engine.policy()))));
            Ok(())
        })
    })
}

/// The key of a patient, who is added if new. Keys stay the same across snapshot and restore.
///
/// @param tenant the organisation; empty if the host has one only
/// @return `RPMON_BAD_IDENTIFIER`, `RPMON_CAPACITY_REACHED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_patient(
    engine: *mut rpmon_engine,
    tenant: rpmon_str,
    patient: rpmon_str,
    out: *mut u32,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, (tenant, patient)) = (place(out)?, names(tenant, patient)?);
            let key = watch.engine.patient(tenant.as_ref(), &patient).map_err(code)?;
            out.put(key.0);
            Ok(())
        })
    })
}

/// The key of a patient whom the engine has seen.
///
/// @return `RPMON_UNKNOWN_PATIENT`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_find_patient(
    engine: *const rpmon_engine,
    tenant: rpmon_str,
    patient: rpmon_str,
    out: *mut u32,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, (tenant, patient)) = (place(out)?, names(tenant, patient)?);
            let key = watch.engine.find_patient(tenant.as_ref(), &patient);
            out.put(key.ok_or(Code::UnknownPatient)?.0);
            Ok(())
        })
    })
}

/// # Safety
/// As of [`rpmon_str::text`].
unsafe fn names(
    tenant: rpmon_str,
    patient: rpmon_str,
) -> Result<(Option<TenantId>, PatientId), Code> {
    // SAFETY: the caller's promise is the one that is asked for.
    let (tenant, patient) = unsafe { (tenant.text()?, patient.text()?) };
    let tenant = (!tenant.is_empty()).then(|| TenantId::new(tenant)).transpose().map_err(code)?;
    Ok((tenant, PatientId::new(patient).map_err(code)?))
}

/// The key of a patient's device, which is added if new. Keys stay the same across snapshot and restore.
///
/// @return `RPMON_UNKNOWN_PATIENT`, `RPMON_BAD_IDENTIFIER`, `RPMON_CAPACITY_REACHED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_device(
    engine: *mut rpmon_engine,
    patient: u32,
    device: rpmon_str,
    out: *mut u16,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let (out, device) = (place(out)?, DeviceId::new(device.text()?).map_err(code)?);
            out.put(watch.engine.device(PatientKey(patient), &device).map_err(code)?.0);
            Ok(())
        })
    })
}

/// Does what is due by `now`. Calling early is harmless, calling late only delays.
///
/// @return `RPMON_OUTPUT_QUEUE_FULL`: poll, then call again; what was done stays done
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_handle_timeout(
    engine: *mut rpmon_engine,
    now_ms: i64,
) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe {
        with(engine, |watch| {
            watch.engine.handle_timeout(HostTime::from_millis(now_ms)).map_err(code)
        })
    })
}

/// When to call `rpmon_engine_handle_timeout` if nothing else happens before; `RPMON_NEVER` if there is
/// nothing to wait for. Ask again after every `rpmon_engine_handle_...` call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_next_wakeup(
    engine: *const rpmon_engine,
    out: *mut i64,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let at = watch.engine.next_wakeup().map_or(RPMON_NEVER, HostTime::as_millis);
            place(out)?.put(at);
            Ok(())
        })
    })
}

/// The whole state as bytes, to be freed with `rpmon_bytes_free`. They hold patients' data and must be kept
/// like them.
///
/// @return `RPMON_UNDRAINED_OUTPUTS`: poll first, so that nothing is delivered twice or lost
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_snapshot(
    engine: *const rpmon_engine,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    // SAFETY: the caller's promises are those that are asked for.
    status::of(unsafe {
        with(engine, |watch| {
            let out = place(out)?;
            out.put(rpmon_bytes::from_vec(watch.engine.snapshot().map_err(code)?));
            Ok(())
        })
    })
}

/// Makes an engine from a snapshot. Going on with it equals never having stopped.
///
/// @param policies those that were in force and those with open episodes: give all that you have
/// @param config null means all defaults
/// @param report may be null
/// @return `RPMON_NOT_A_SNAPSHOT`, `RPMON_SNAPSHOT_NEWER`, `RPMON_SNAPSHOT_CORRUPT`, or
///         `RPMON_SNAPSHOT_POLICY` if a policy is not among those given
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_engine_restore(
    snapshot: *const c_char,
    len: usize,
    policies: *const *const rpmon_policy,
    policy_count: usize,
    config: *const rpmon_config,
    now_ms: i64,
    out: *mut *mut rpmon_engine,
    report: *mut rpmon_restore_report,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, snapshot) = unsafe { (place(out)?, bytes(snapshot, len)?) };
        // SAFETY: as above.
        let policies = unsafe { policies_of(policies, policy_count)? };
        let (config, now) = (config_of(config), HostTime::from_millis(now_ms));
        let (engine, found) = Engine::restore(snapshot, &policies, config, now).map_err(code)?;
        out.put(new(engine));
        // SAFETY: as above. Who gives no room does not want it.
        if let Ok(report) = unsafe { place(report) } {
            report.put(told(&found));
        }
        Ok(())
    }))
}

/// # Safety
/// As of [`array`], of policies that live.
unsafe fn policies_of(
    policies: *const *const rpmon_policy,
    count: usize,
) -> Result<Vec<Arc<Policy>>, Code> {
    // SAFETY: the caller's promise is the one that is asked for.
    let policies = unsafe { array(policies, count) }?;
    // SAFETY: as above.
    let policy = |p: &*const rpmon_policy| Ok(Arc::clone(&unsafe { shared::get(*p) }?.0));
    policies.iter().map(policy).collect()
}

fn told(report: &RestoreReport) -> rpmon_restore_report {
    rpmon_restore_report {
        gap_ms: report.gap.as_millis(),
        readings_missed: report.readings_missed,
        patients: report.patients as u64,
        open_alerts: report.open_alerts as u64,
        timers_due: report.timers_due as u64,
    }
}

/// The version of the library, such as `0.1.0`. The text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn rpmon_version() -> rpmon_str {
    rpmon_str::of(env!("CARGO_PKG_VERSION"))
}

/// The version of this interface, which a library with the same number has whole: functions are added, and
/// none is changed. Compare it with `RPMON_ABI_VERSION`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn rpmon_abi_version() -> u32 {
    RPMON_ABI_VERSION
}

/// The version of the interface that this header describes.
pub const RPMON_ABI_VERSION: u32 = 0;

/// What this build of the library can: a sum of `RPMON_CAPABILITY_...`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn rpmon_capabilities() -> u32 {
    let has = |there: bool, what: u32| if there { what } else { 0 };
    has(cfg!(feature = "std"), RPMON_CAPABILITY_UNWIND)
        | has(cfg!(feature = "toml"), RPMON_CAPABILITY_TOML)
        | has(cfg!(feature = "onnx"), RPMON_CAPABILITY_ONNX)
}

/// A panic becomes `RPMON_PANICKED`. Without it, on bare metal, it ends in `rpmon_panic`.
pub const RPMON_CAPABILITY_UNWIND: u32 = 1;
/// Policies in TOML.
pub const RPMON_CAPABILITY_TOML: u32 = 2;
/// Models whose graph the library does not evaluate itself.
pub const RPMON_CAPABILITY_ONNX: u32 = 4;

/// Panics inside of a call, so that tests can see what becomes of it.
#[cfg(feature = "panic-injection")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_test_panic(engine: *mut rpmon_engine) -> rpmon_status {
    #[allow(clippy::panic, reason = "this is what it is for")]
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { with(engine, |_| -> Result<(), Code> { panic!("injected") }) })
}
