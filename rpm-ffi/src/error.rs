//! What is wrong with a text that was to be loaded: every mistake with its place.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use rpm_core::{Code, Error};

use crate::handle::shared;
use crate::status::{self, rpmon_status};
use crate::text::{place, rpmon_str};

/// A list of what is wrong with a text: a policy has all its mistakes in one list. Also a list of
/// warnings.
///
/// It never changes: any number of threads may read it. Free it with `rpmon_error_free`. It names fields,
/// never what a patient's field contained.
pub struct rpmon_error {
    entries: Vec<Entry>,
}

struct Entry {
    code: Code,
    path: String,
    message: String,
}

impl rpmon_error {
    /// Of these.
    pub fn of<'a>(errors: impl IntoIterator<Item = &'a Error>) -> Self {
        let entry = |error: &Error| Entry {
            code: error.code(),
            path: error.path().map(Cow::from).unwrap_or_default().into_owned(),
            message: alloc::format!("{error}"),
        };
        Self { entries: errors.into_iter().map(entry).collect() }
    }

    fn entry<'a>(error: *const Self, index: usize) -> Option<&'a Entry> {
        // SAFETY: callers of the C functions promise what `shared::get` asks for.
        unsafe { shared::get(error) }.ok()?.entries.get(index)
    }
}

/// Hands mistakes out, if somebody wants them, and returns the first one's code.
///
/// # Safety
/// `out` is null or points to room for a pointer.
pub unsafe fn tell(errors: &[Error], out: *mut *mut rpmon_error) -> Code {
    // SAFETY: the caller's promise. Who gives no room does not want them.
    if let Ok(out) = unsafe { place(out) } {
        out.put(shared::new(rpmon_error::of(errors)));
    }
    errors.first().map_or(Code::PolicySyntax, Error::code)
}

/// How many mistakes there are; 0 of null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_error_count(error: *const rpmon_error) -> usize {
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { shared::get(error) }.map_or(0, |error| error.entries.len())
}

/// The code of a mistake; `RPMON_OK` if there is none of this index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_error_code(error: *const rpmon_error, index: usize) -> rpmon_status {
    rpmon_error::entry(error, index).map_or(status::OK, |entry| entry.code.number().into())
}

/// The field, as a path such as `rules[2].levels[0].raise`; empty if it is about the whole. It lives as
/// long as the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_error_path(error: *const rpmon_error, index: usize) -> rpmon_str {
    rpmon_error::entry(error, index).map_or(rpmon_str::EMPTY, |entry| rpmon_str::of(&entry.path))
}

/// The mistake in words, with its path and advice. It lives as long as the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_error_message(error: *const rpmon_error, index: usize) -> rpmon_str {
    rpmon_error::entry(error, index).map_or(rpmon_str::EMPTY, |entry| rpmon_str::of(&entry.message))
}

/// Frees a list and clears the variable. Null, or a variable that is null, does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_error_free(error: *mut *mut rpmon_error) -> rpmon_status {
    // SAFETY: the caller's promise is the one that is asked for.
    status::of(unsafe { shared::free(error) })
}
