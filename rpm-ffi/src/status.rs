//! How a call ended, as the number of the core's one table of codes; and the one panic boundary.

#[cfg(feature = "std")]
use std::panic::{AssertUnwindSafe, catch_unwind};

use rpm_core::{Code, Error};

use crate::text::rpmon_str;

/// How a call ended: `RPMON_OK`, or the number of a code.
// The header has the numbers from `Code::ALL`, so that there is one table.
pub type rpmon_status = u32;

/// It is done.
pub(crate) const OK: rpmon_status = 0;

/// The number of a code, or success.
pub fn of(result: Result<(), Code>) -> rpmon_status {
    result.map_or_else(|code| rpmon_status::from(code.number()), |()| OK)
}

/// The code of a number.
pub fn code_of(status: rpmon_status) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| rpmon_status::from(code.number()) == status)
}

/// What is behind an error, for calls that have no room for more.
pub fn code(error: Error) -> Code {
    error.code()
}

/// Runs what may panic; a panic becomes `Panicked`, and goes no further.
#[cfg(feature = "std")]
pub fn boundary<R>(work: impl FnOnce() -> Result<R, Code>) -> Result<R, Code> {
    // What a panic may have left half done is never looked at again: handles are poisoned, and
    // whatever else was under way was never handed out.
    let caught = catch_unwind(AssertUnwindSafe(work));
    caught.unwrap_or_else(|payload| {
        // Dropping it may panic again: what that leaves behind is let go.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            core::mem::forget(second);
        }
        Err(Code::Panicked)
    })
}

/// Runs what may panic; on bare metal a panic ends in `rpmon_panic`, which does not come back.
#[cfg(not(feature = "std"))]
pub fn boundary<R>(work: impl FnOnce() -> Result<R, Code>) -> Result<R, Code> {
    work()
}

/// The name of a status, such as `stale_revision`; `ok` of success, empty of a number that is none.
///
/// The text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn rpmon_status_name(status: rpmon_status) -> rpmon_str {
    if status == OK {
        rpmon_str::of("ok")
    } else {
        rpmon_str::of(code_of(status).map_or("", Code::name))
    }
}

/// One sentence for people; empty of a number that is none. It names no patient.
///
/// The text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn rpmon_status_message(status: rpmon_status) -> rpmon_str {
    let message = code_of(status).map_or("", Code::message);
    rpmon_str::of(if status == OK { "it is done" } else { message })
}
