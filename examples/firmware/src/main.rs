//! The engine on a Cortex-M4F without an operating system: replays bundled recordings and prints
//! each record's line.
//!
//! `cargo run --release` here builds the image and runs it in QEMU; `cargo xtask firmware` from
//! anywhere also compares its records with the host's. Everything printed goes to standard output
//! through semihosting; the exit code is 0 only when `run` succeeds.
//!
//! Needs `qemu-system-arm` and `rustup target add thumbv7em-none-eabihf`. Without that target
//! `cargo xtask firmware` builds the library from source.

#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use alloc::format;
use alloc::string::String;
// Linked for its critical section alone: one core, so the section masks interrupts.
use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, heprintln, hio};
use embedded_alloc::LlffHeap as Heap;

/// All the memory the engine may allocate: a limit, so that growth is an error and not a surprise.
const HEAP_BYTES: usize = 128 * 1024;

#[global_allocator]
static HEAP: Measured = Measured { heap: Heap::empty(), most: AtomicUsize::new(0) };

/// A heap that remembers the most that was ever in use.
struct Measured {
    heap: Heap,
    most: AtomicUsize,
}

#[entry]
fn main() -> ! {
    init_heap();
    match run() {
        Ok(()) => debug::exit(debug::EXIT_SUCCESS),
        Err(message) => {
            heprintln!("error: {}", message);
            debug::exit(debug::EXIT_FAILURE);
        }
    }
    unreachable!("QEMU ends at debug::exit")
}

/// What the image does.
fn run() -> Result<(), String> {
    let mut printed = Ok(());
    let summary = firmware_replay::replay(|line| {
        if printed.is_ok() {
            printed = print(line).and_then(|()| print("\n"));
        }
    })?;
    printed?;
    print(&format!("{summary}\n"))?;
    let most = HEAP.most.load(Ordering::Relaxed);
    print(&format!("heap: {most} of {HEAP_BYTES} bytes at most\n"))
}

/// Writes to the host's standard output in one semihosting call, which stops the core: not piece by
/// piece.
fn print(text: &str) -> Result<(), String> {
    hio::hstdout()
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .map_err(|()| String::from("the host refuses output"))
}

fn init_heap() {
    static mut MEMORY: [u8; HEAP_BYTES] = [0; HEAP_BYTES];
    // SAFETY: `main` calls this once, before the first allocation, and nothing else names MEMORY.
    unsafe { HEAP.heap.init(&raw mut MEMORY as usize, HEAP_BYTES) }
}

// SAFETY: every call goes to a heap that upholds the contract; measuring changes nothing in it.
unsafe impl GlobalAlloc for Measured {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the heap asks for.
        let memory = unsafe { self.heap.alloc(layout) };
        self.most.fetch_max(self.heap.used(), Ordering::Relaxed);
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.heap.dealloc(memory, layout) }
    }
}

/// Says where and ends with failure, so that a panic in the image is a failed run on the host.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    heprintln!("{}", info);
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
