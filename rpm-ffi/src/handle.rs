//! Objects that callers hold.
//!
//! A handle is used by one call at a time; a second one, from another thread or from a callback, is told
//! so and waits for nobody. After a panic a handle answers nothing but `Poisoned`. Freeing takes the
//! address of the caller's pointer and clears it, so that freeing the same variable twice does nothing.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use rpm_core::Code;

use crate::status;

/// What stands behind an opaque pointer.
pub struct Handle<T> {
    busy: AtomicBool,
    poisoned: AtomicBool,
    inner: UnsafeCell<T>,
}

// SAFETY: `inner` is reached only by the call that turned `busy` on, one at a time.
unsafe impl<T: Send> Sync for Handle<T> {}

impl<T> Handle<T> {
    /// A pointer for the caller to keep.
    pub fn new(inner: T) -> *mut Self {
        let (busy, poisoned) = (AtomicBool::new(false), AtomicBool::new(false));
        Box::into_raw(Box::new(Self { busy, poisoned, inner: UnsafeCell::new(inner) }))
    }

    /// Does something with what is behind a pointer; a panic poisons it.
    ///
    /// # Safety
    /// `handle` is null or came from [`new`](Self::new) and was not freed.
    pub unsafe fn with<R>(
        handle: *const Self,
        work: impl FnOnce(&mut T) -> Result<R, Code>,
    ) -> Result<R, Code> {
        // SAFETY: the caller's promise; shared, for only the flags are touched before `busy` is ours.
        let handle = unsafe { handle.as_ref() }.ok_or(Code::NullPointer)?;
        if handle.busy.swap(true, Ordering::Acquire) {
            return Err(Code::InUse);
        }
        let result = if handle.poisoned.load(Ordering::Relaxed) {
            Err(Code::Poisoned)
        } else {
            // SAFETY: `busy` was off and is on: no other call is here.
            let inner = unsafe { &mut *handle.inner.get() };
            let result = status::boundary(|| work(inner));
            if result.as_ref().is_err_and(|code| *code == Code::Panicked) {
                handle.poisoned.store(true, Ordering::Relaxed);
            }
            result
        };
        handle.busy.store(false, Ordering::Release);
        result
    }

    /// Frees what a caller's variable points to, and clears the variable.
    ///
    /// # Safety
    /// `variable` is null or points to a pointer that is null or came from [`new`](Self::new), was not
    /// freed, and is in no call.
    pub unsafe fn free(variable: *mut *mut Self) -> Result<(), Code> {
        if variable.is_null() {
            return Ok(());
        }
        // SAFETY: not null; the rest is the caller's promise.
        let handle = unsafe { ptr::replace(variable, ptr::null_mut()) };
        // SAFETY: as above; shared, for only a flag is looked at.
        let Some(shared) = (unsafe { handle.as_ref() }) else {
            return Ok(());
        };
        if shared.busy.load(Ordering::Acquire) {
            // SAFETY: as above. It is still the caller's to free.
            unsafe { *variable = handle };
            return Err(Code::InUse);
        }
        status::boundary(|| {
            // SAFETY: it came from a box, and the caller's variable does not name it any more.
            drop(unsafe { Box::from_raw(handle) });
            Ok(())
        })
    }
}

/// What callers only read, from as many threads as they like.
pub mod shared {
    use super::{Box, Code, ptr, status};

    /// A pointer for the caller to keep.
    pub fn new<T>(inner: T) -> *mut T {
        Box::into_raw(Box::new(inner))
    }

    /// What is behind a pointer.
    ///
    /// # Safety
    /// `handle` is null or came from [`new`] and lives for the call.
    pub unsafe fn get<'a, T>(handle: *const T) -> Result<&'a T, Code> {
        // SAFETY: the caller's promise.
        unsafe { handle.as_ref() }.ok_or(Code::NullPointer)
    }

    /// Frees what a caller's variable points to, and clears the variable.
    ///
    /// # Safety
    /// `variable` is null or points to a pointer that is null or came from [`new`], was not freed, and
    /// is in no call.
    pub unsafe fn free<T>(variable: *mut *mut T) -> Result<(), Code> {
        if variable.is_null() {
            return Ok(());
        }
        // SAFETY: not null; the rest is the caller's promise.
        let handle = unsafe { ptr::replace(variable, ptr::null_mut()) };
        if handle.is_null() {
            return Ok(());
        }
        status::boundary(|| {
            // SAFETY: it came from a box, and the caller's variable does not name it any more.
            drop(unsafe { Box::from_raw(handle) });
            Ok(())
        })
    }
}
