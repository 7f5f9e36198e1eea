//! An arbitrary sequence of calls of the C functions.

#![no_main]

#[path = "../src/bytes.rs"]
mod bytes;
#[path = "../src/c_calls.rs"]
mod c_calls;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| c_calls::c_calls(bytes));
