//! Policies.

use alloc::sync::Arc;
use core::ffi::c_char;

use rpm_core::Code;
use rpm_core::policy::{Policy, PolicyErrors};

use crate::error::{rpmon_error, tell};
use crate::handle::shared;
use crate::status::{self, rpmon_status};
use crate::text::{bytes, place, rpmon_bytes, rpmon_str, text};

/// A checked policy.
///
/// It never changes: any number of engines and threads may use it at the same time. An engine keeps what
/// it needs of it, so that it may be freed before the engine.
pub struct rpmon_policy(pub(crate) Arc<Policy>);

/// Reads a policy in JSON.
///
/// @param json the text, UTF-8
/// @param len its length in bytes
/// @param out the policy, to be freed with `rpmon_policy_free`
/// @param error may be null; if the text is no policy, a list of every mistake in it
/// @return `RPMON_OK`, or the code of the first mistake
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_from_json(
    json: *const c_char,
    len: usize,
    out: *mut *mut rpmon_policy,
    error: *mut *mut rpmon_error,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, json) = unsafe { (place(out)?, bytes(json, len)?) };
        // SAFETY: as above.
        out.put(unsafe { loaded(Policy::from_json(json), error) }?);
        Ok(())
    }))
}

/// Reads a policy in TOML, where the library has it (`RPMON_CAPABILITY_TOML`).
///
/// Parameters and result as of `rpmon_policy_from_json`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_from_toml(
    toml: *const c_char,
    len: usize,
    out: *mut *mut rpmon_policy,
    error: *mut *mut rpmon_error,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, toml) = unsafe { (place(out)?, text(toml, len)?) };
        // SAFETY: as above.
        out.put(unsafe { loaded(from_toml(toml)?, error) }?);
        Ok(())
    }))
}

#[cfg(feature = "toml")]
fn from_toml(text: &str) -> Result<Result<Arc<Policy>, PolicyErrors>, Code> {
    Ok(Policy::from_toml(text))
}

#[cfg(not(feature = "toml"))]
fn from_toml(_: &str) -> Result<Result<Arc<Policy>, PolicyErrors>, Code> {
    Err(Code::NotAvailable)
}

/// # Safety
/// As [`tell`].
unsafe fn loaded(
    policy: Result<Arc<Policy>, PolicyErrors>,
    error: *mut *mut rpmon_error,
) -> Result<*mut rpmon_policy, Code> {
    // SAFETY: the caller's promise is the one that is asked for.
    let policy = policy.map_err(|errors| unsafe { tell(errors.errors(), error) })?;
    Ok(shared::new(rpmon_policy(policy)))
}

/// Another handle of the same policy, to be freed by itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_clone(
    policy: *const rpmon_policy,
    out: *mut *mut rpmon_policy,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, policy) = unsafe { (place(out)?, shared::get(policy)?) };
        out.put(shared::new(rpmon_policy(Arc::clone(&policy.0))));
        Ok(())
    }))
}

/// The policy's name; empty of null. It lives as long as the policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_id(policy: *const rpmon_policy) -> rpmon_str {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(policy) }.map_or(rpmon_str::EMPTY, |policy| rpmon_str::of(policy.0.id()))
}

/// The policy's title, one line for people; empty of null. It lives as long as the policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_title(policy: *const rpmon_policy) -> rpmon_str {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(policy) }
        .map_or(rpmon_str::EMPTY, |policy| rpmon_str::of(policy.0.title()))
}

/// The policy's version; 0 of null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_version(policy: *const rpmon_policy) -> u32 {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(policy) }.map_or(0, |policy| policy.0.version())
}

/// The SHA-256 of the policy's canonical JSON: two policies with the same hash decide the same.
///
/// @param hash room for 32 bytes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_hash(
    policy: *const rpmon_policy,
    hash: *mut [u8; 32],
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (hash, policy) = unsafe { (place(hash)?, shared::get(policy)?) };
        hash.put(policy.0.hash().0);
        Ok(())
    }))
}

/// The policy's canonical JSON, which the hash is of. Free it with `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_to_json(
    policy: *const rpmon_policy,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, policy) = unsafe { (place(out)?, shared::get(policy)?) };
        out.put(rpmon_bytes::from_text(policy.0.to_json()));
        Ok(())
    }))
}

/// The policy in plain words, one paragraph a rule. Free it with `rpmon_bytes_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_describe(
    policy: *const rpmon_policy,
    out: *mut rpmon_bytes,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, policy) = unsafe { (place(out)?, shared::get(policy)?) };
        out.put(rpmon_bytes::from_text(policy.0.describe()));
        Ok(())
    }))
}

/// What is legal in the policy and probably not meant, as a list; an empty one if there is nothing. Free it
/// with `rpmon_error_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_warnings(
    policy: *const rpmon_policy,
    out: *mut *mut rpmon_error,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, policy) = unsafe { (place(out)?, shared::get(policy)?) };
        out.put(shared::new(rpmon_error::of(policy.0.warnings())));
        Ok(())
    }))
}

/// The number of a kind, for `rpmon_reading`: of the built-in table (`RPMON_KIND_...`), or one that the
/// policy declares. Numbers of declared kinds stay as they are when an engine changes its policy.
///
/// @return `RPMON_UNKNOWN_KIND` if neither knows the name
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_kind(
    policy: *const rpmon_policy,
    name: rpmon_str,
    out: *mut u16,
) -> rpmon_status {
    status::of(status::boundary(|| {
        // SAFETY: the caller's promises are those that are asked for.
        let (out, policy, name) = unsafe { (place(out)?, shared::get(policy)?, name.text()?) };
        out.put(policy.0.kind_named(name).ok_or(Code::UnknownKind)?.0);
        Ok(())
    }))
}

/// Frees a policy and clears the variable. Null, or a variable that is null, does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_policy_free(policy: *mut *mut rpmon_policy) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { shared::free(policy) })
}
