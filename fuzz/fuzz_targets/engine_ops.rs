//! An arbitrary sequence of calls of the engine.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rpm_fuzz::engine_ops(bytes));
