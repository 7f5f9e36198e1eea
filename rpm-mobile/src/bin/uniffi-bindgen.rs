//! Writes the Swift, Kotlin and Python code of the bindings; `cargo xtask bindings` calls it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
