//! Arbitrary bytes as a snapshot, a snapshot of an arbitrary engine, or that with a few changes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rpm_fuzz::snapshot(bytes));
