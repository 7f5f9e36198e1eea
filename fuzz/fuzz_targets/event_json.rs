//! Arbitrary bytes as one event in JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rpm_fuzz::event_json(bytes));
