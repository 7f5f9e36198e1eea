//! Texts and bytes on their way in and out.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::c_char;
use core::{ptr, slice, str};

use rpm_core::Code;
use serde::Serialize;

use crate::status::{self, rpmon_status};

/// A text or bytes that somebody else owns: a pointer and a length, without a zero byte at the end.
///
/// As an argument: null with 0 is empty; it has to stay as it is for the time of the call. As a result: it
/// lives as long as what it was asked of.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rpmon_str {
    /// UTF-8, where it is a text. May be null if `len` is 0.
    pub data: *const c_char,
    /// Its length in bytes.
    pub len: usize,
}

/// Bytes that the caller owns, and gives back with `rpmon_bytes_free`.
#[repr(C)]
pub struct rpmon_bytes {
    /// The bytes; null if there are none.
    pub data: *mut c_char,
    /// How many.
    pub len: usize,
}

impl rpmon_str {
    /// Of a text that outlives it.
    pub const fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), len: text.len() }
    }

    /// Nothing.
    pub(crate) const EMPTY: Self = Self { data: ptr::null(), len: 0 };

    /// The text, for the time of the call.
    ///
    /// # Safety
    /// As [`bytes`].
    pub unsafe fn text<'a>(self) -> Result<&'a str, Code> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { text(self.data, self.len) }
    }
}

impl rpmon_bytes {
    /// Hands bytes over.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Self { data: ptr::null_mut(), len: 0 };
        }
        let len = bytes.len();
        Self { data: Box::into_raw(bytes.into_boxed_slice()).cast(), len }
    }

    /// Hands a text over.
    pub fn from_text(text: String) -> Self {
        Self::from_vec(text.into_bytes())
    }

    /// Hands the JSON form over.
    pub fn from_json(value: &impl Serialize) -> Self {
        // Serialising the core's types cannot fail: no map has keys that are not text.
        Self::from_vec(serde_json::to_vec(value).unwrap_or_default())
    }
}

/// The bytes of an argument, for the time of the call.
///
/// # Safety
/// `data` points to `len` bytes that nobody changes meanwhile, or is null.
pub unsafe fn bytes<'a>(data: *const c_char, len: usize) -> Result<&'a [u8], Code> {
    // SAFETY: a byte needs no alignment; the rest is the caller's promise.
    unsafe { array(data.cast(), len) }
}

/// The text of an argument, for the time of the call.
///
/// # Safety
/// As [`bytes`].
pub unsafe fn text<'a>(data: *const c_char, len: usize) -> Result<&'a str, Code> {
    // SAFETY: the caller's promise is the one that is asked for.
    let bytes = unsafe { bytes(data, len) }?;
    str::from_utf8(bytes).map_err(|_| Code::BadEncoding)
}

/// The items of an argument, for the time of the call.
///
/// # Safety
/// `data` points to `len` items that nobody changes meanwhile, or is null.
pub unsafe fn array<'a, T>(data: *const T, len: usize) -> Result<&'a [T], Code> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Code::NullPointer);
    }
    // Nothing in memory is larger, whatever an overflown length says.
    if len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Code::BadLength);
    }
    if !data.is_aligned() {
        return Err(Code::BadArgument);
    }
    // SAFETY: not null, aligned, not too long; that the items are there is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// Where a result goes, asked before anything is done.
///
/// # Safety
/// `out` points to room for a `T`, or is null.
pub unsafe fn place<'a, T>(out: *mut T) -> Result<Place<'a, T>, Code> {
    if out.is_null() {
        return Err(Code::NullPointer);
    }
    if !out.is_aligned() {
        return Err(Code::BadArgument);
    }
    Ok(Place { out, lives: core::marker::PhantomData })
}

/// Room for a result, which may hold nothing yet.
pub struct Place<'a, T> {
    out: *mut T,
    lives: core::marker::PhantomData<&'a mut T>,
}

impl<T> Place<'_, T> {
    /// Puts the result there. What was there is forgotten, not dropped.
    pub fn put(self, value: T) {
        // SAFETY: `place` looked at it: not null, aligned; that there is room is the caller's promise.
        unsafe { self.out.write(value) }
    }
}

/// Copies items into a caller's buffer if they fit, and says how many there are.
///
/// # Safety
/// `buffer` points to room for `capacity` items, or is null; `count` as for [`place`].
pub unsafe fn fill<T>(
    items: impl ExactSizeIterator<Item = T>,
    buffer: *mut T,
    capacity: usize,
    count: *mut usize,
) -> Result<(), Code> {
    // SAFETY: the caller's promise is the one that is asked for.
    let count = unsafe { place(count) }?;
    let needed = items.len();
    if needed > 0 && needed <= capacity {
        if buffer.is_null() {
            return Err(Code::NullPointer);
        }
        if !buffer.is_aligned() {
            return Err(Code::BadArgument);
        }
        for (at, item) in items.enumerate().take(needed) {
            // SAFETY: `at` is below `capacity`, for which the caller promised room.
            unsafe { buffer.add(at).write(item) }
        }
    }
    count.put(needed);
    Ok(())
}

/// A text in an array of fixed length, with zeros behind it. Longer ones are cut.
pub fn fixed<const N: usize>(text: &str) -> [c_char; N] {
    let mut fixed = [0; N];
    let cut = text.bytes().take(N - 1);
    fixed.iter_mut().zip(cut).for_each(|(to, byte)| *to = byte as c_char);
    fixed
}

/// Gives bytes back, and leaves none in their place. Null, or no bytes, does nothing; so does a second time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_bytes_free(bytes: *mut rpmon_bytes) -> rpmon_status {
    status::of(status::boundary(|| {
        if bytes.is_null() {
            return Ok(());
        }
        // SAFETY: not null; that it is bytes of this library, or none, is the caller's promise.
        let taken = unsafe { ptr::replace(bytes, rpmon_bytes { data: ptr::null_mut(), len: 0 }) };
        if !taken.data.is_null() {
            let slice = ptr::slice_from_raw_parts_mut(taken.data.cast::<u8>(), taken.len);
            // SAFETY: it was made by `from_vec` from a box of this length, and is forgotten now.
            drop(unsafe { Box::from_raw(slice) });
        }
        Ok(())
    }))
}
