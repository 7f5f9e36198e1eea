//! Bare metal: memory and panics are the caller's.
//!
//! The three functions declared here are not the library's: whoever links it without an operating system
//! defines them.

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::fmt::Write as _;
use core::panic::PanicInfo;

use crate::text::rpmon_str;

unsafe extern "C" {
    fn rpmon_alloc(size: usize, align: usize) -> *mut c_void;
    fn rpmon_dealloc(memory: *mut c_void, size: usize, align: usize);
    fn rpmon_panic(message: rpmon_str) -> !;
}

struct Caller;

#[global_allocator]
static MEMORY: Caller = Caller;

// SAFETY: the caller of the library promises what `rpmon_alloc` and `rpmon_dealloc` say, which is this.
unsafe impl GlobalAlloc for Caller {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller defined it.
        unsafe { rpmon_alloc(layout.size(), layout.align()).cast() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller defined it, and `memory` is of `rpmon_alloc` with this layout.
        unsafe { rpmon_dealloc(memory.cast(), layout.size(), layout.align()) }
    }
}

/// Where a panic happened, in memory that needs no heap: a panic may be the lack of it.
struct Place {
    text: [u8; 128],
    len: usize,
}

impl core::fmt::Write for Place {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.text.len() - self.len;
        let taken = text.len().min(room);
        self.text[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut place = Place { text: [0; 128], len: 0 };
    if let Some(location) = info.location() {
        // Only the place: a message could quote what it was about.
        let _ = write!(place, "{}:{}", location.file(), location.line());
    }
    // SAFETY: the caller defined it, and it does not come back.
    unsafe { rpmon_panic(rpmon_str { data: place.text.as_ptr().cast(), len: place.len }) }
}
