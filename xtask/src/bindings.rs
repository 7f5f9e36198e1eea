//! What UniFFI generates of `rpm-mobile` for Swift, Kotlin and Python: checked in, so that what a
//! reader sees is what ships, and compared with the code.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// Of each language the file that is generated, and where it lies.
const FILES: [(&str, &str, &str); 5] = [
    ("swift", "Rpmon.swift", "bindings/swift/Sources/Rpmon/Generated/Rpmon.swift"),
    ("swift", "RpmonFFI.h", "bindings/swift/Sources/RpmonFFI/RpmonFFI.h"),
    ("swift", "RpmonFFI.modulemap", "bindings/swift/Sources/RpmonFFI/module.modulemap"),
    ("kotlin", "org/rpmon/rpmon.kt", "bindings/kotlin/src/main/kotlin/org/rpmon/rpmon.kt"),
    ("python", "rpmon.py", "bindings/python/rpmon/_native.py"),
];

pub(crate) fn write(root: &Path) -> Outcome {
    for (path, text) in generate(root)? {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, text)?;
        println!("{}", path.strip_prefix(root)?.display());
    }
    Ok(())
}

pub(crate) fn check(root: &Path) -> Outcome {
    for (path, text) in generate(root)? {
        if fs::read_to_string(root.join(path)).unwrap_or_default() != text {
            return Err(format!("{path} is stale: run `cargo xtask bindings`").into());
        }
    }
    println!("bindings: {} generated files are what the code says", FILES.len());
    Ok(())
}

/// Each file's path, with what should be in it.
fn generate(root: &Path) -> Result<Vec<(&'static str, String)>, Box<dyn std::error::Error>> {
    // One build has both: the generator, and a library whose symbols describe the surface.
    run(cargo(root)
        .args(["build", "--quiet", "--locked", "-p", "rpm-mobile"])
        .args(["--features", "bindgen"]))?;
    let built = target_dir(root).join("debug");
    let library = built.join(format!("{DLL_PREFIX}rpmon_mobile{DLL_SUFFIX}"));
    let out = built.join("bindings");
    for language in ["swift", "kotlin", "python"] {
        let mut generator = Command::new(built.join("uniffi-bindgen"));
        generator.current_dir(root).args(["generate", "--no-format", "--metadata-no-deps"]);
        generator.args(["--language", language, "--out-dir"]).arg(out.join(language));
        run(generator.arg(&library))?;
    }
    let read = |(language, name, path): (&str, &str, &'static str)| {
        let text = fs::read_to_string(out.join(language).join(name))?;
        let text = if language == "swift" { rename_monitor(&text) } else { text };
        Ok((path, tidy(&text)))
    };
    FILES.into_iter().map(read).collect()
}

/// What `uniffi.toml` renames for Swift the generator forgets where a constructor with a name of its own
/// returns it.
fn rename_monitor(text: &str) -> String {
    text.replace("throws  -> Monitor  {", "throws  -> MonitorCore  {")
        .replace("FfiConverterTypeMonitor_lift", "FfiConverterTypeMonitorCore_lift")
}

/// Without white space at the ends of lines.
fn tidy(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned() + "\n"
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn run(command: &mut Command) -> Outcome {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}\n{said}", command.get_program().to_string_lossy(), output.status).into())
}
