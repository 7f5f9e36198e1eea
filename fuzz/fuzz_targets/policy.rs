//! Arbitrary bytes as a policy, in JSON and in TOML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rpm_fuzz::policy(bytes));
