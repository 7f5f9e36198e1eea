//! Arbitrary bytes as a model with its manifest.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rpm_fuzz::model(bytes));
