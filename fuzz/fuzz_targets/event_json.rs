//! Arbitrary bytes as one event in JSON: a typed error or an event, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Placeholder until the decoder is linked.
    let _ = core::str::from_utf8(bytes);
});
