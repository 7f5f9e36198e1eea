//! Every seed and every regression of the fuzz target over the C functions, as an ordinary test.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

#[path = "../../fuzz/src/bytes.rs"]
mod bytes;
#[path = "../../fuzz/src/c_calls.rs"]
mod c_calls;

#[test]
fn c_calls_are_answered() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut files = 0;
    for folder in ["seeds", "regressions"] {
        let Ok(entries) = std::fs::read_dir(fuzz.join(folder).join("c_calls")) else {
            continue;
        };
        for entry in entries {
            c_calls::c_calls(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
    }
    assert!(files > 0, "no seeds");
}
