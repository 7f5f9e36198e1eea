//! The engine on a Cortex-M4F without an operating system.
//!
//! `cargo run --release` builds the image and runs it in QEMU. Everything printed goes to standard
//! output through semihosting; the exit code is 0 only when `run` succeeds.
//!
//! Needs `qemu-system-arm` and `rustup target add thumbv7em-none-eabihf`. Without that target,
//! `.ci/run firmware` builds the library from source.

#![no_std]
#![no_main]

extern crate alloc;

use core::panic::PanicInfo;

use alloc::string::String;
// Linked for its critical section alone: one core, so the section masks interrupts.
use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, heprintln, hio};
use embedded_alloc::LlffHeap as Heap;

/// All the memory the engine may allocate: a limit, so that growth is an error and not a surprise.
const HEAP_BYTES: usize = 128 * 1024;

#[global_allocator]
static HEAP: Heap = Heap::empty();

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

/// What the image does. Replaying a recording through the engine goes here: build the policy, push
/// the readings, print one line a record with `print`.
fn run() -> Result<(), String> {
    print("hello\n")
}

/// Writes to the host's standard output in one semihosting call, which stops the core: print whole
/// lines, not pieces.
fn print(text: &str) -> Result<(), String> {
    hio::hstdout()
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .map_err(|()| String::from("the host refuses output"))
}

fn init_heap() {
    static mut MEMORY: [u8; HEAP_BYTES] = [0; HEAP_BYTES];
    // SAFETY: `main` calls this once, before the first allocation, and nothing else names MEMORY.
    unsafe { HEAP.init(&raw mut MEMORY as usize, HEAP_BYTES) }
}

/// Says where and ends with failure, so that a panic in the image is a failed run on the host.
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    heprintln!("{}", info);
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
