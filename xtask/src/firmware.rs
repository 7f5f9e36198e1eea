//! The engine on bare metal decides what it decides here: byte for byte.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rpm_core::record::{Hash, read_line};

use crate::Outcome;

pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";
/// What a record's line begins with; everything else that the image prints is for people.
const RECORD: char = '{';
/// Debian's compiler, whose package `rust-web-src` holds the source of the library.
pub(crate) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Builds the image, runs it in QEMU, runs the same here, compares.
pub(crate) fn compare(root: &Path, target_dir: Option<PathBuf>, rustc: Option<PathBuf>) -> Outcome {
    let printed = run_image(&root.join("examples/firmware"), target_dir, rustc)?;
    let (there, notes): (Vec<_>, Vec<_>) = printed.lines().partition(|l| l.starts_with(RECORD));
    let mut here = Vec::new();
    let summary = firmware_replay::replay(|line| here.push(line.to_owned()))?;

    for (index, (theirs, ours)) in there.iter().zip(&here).enumerate() {
        if theirs != ours {
            let message = format!("record {} differs\n{TARGET}: {theirs}\nhost: {ours}", index + 1);
            return Err(message.into());
        }
    }
    if there.len() != here.len() || here.is_empty() {
        return Err(format!("{} records on {TARGET}, {} here", there.len(), here.len()).into());
    }
    if !notes.contains(&summary.to_string().as_str()) {
        return Err(format!("{TARGET} says {notes:?}, the host: {summary}").into());
    }
    check_chains(&here)?;
    for note in notes {
        println!("{note}");
    }
    println!("firmware: {} records identical on {TARGET} and the host", here.len());
    Ok(())
}

/// Each line has the hash it claims and follows the one before; each patient's chain starts anew.
fn check_chains(lines: &[String]) -> Outcome {
    let mut last = Hash::default();
    for line in lines {
        let (record, hash) = read_line(line)?;
        let follows = if record.seq == 1 { Hash::default() } else { last };
        if record.prev != follows {
            return Err(format!("record {} does not follow the one before", record.seq).into());
        }
        last = hash;
    }
    Ok(())
}

/// What the image prints. Its exit code is QEMU's, and cargo's.
fn run_image(
    firmware: &Path,
    target_dir: Option<PathBuf>,
    rustc: Option<PathBuf>,
) -> Result<String, Box<dyn std::error::Error>> {
    let target_dir = target_dir.unwrap_or_else(|| firmware.join("target"));
    let rustc = match rustc {
        None if !has_library()? => Some(PathBuf::from(DEBIAN_RUSTC)),
        given => given,
    };
    // In its own directory cargo reads its own configuration: target, linker script, runner.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(firmware).args(["run", "--quiet", "--locked", "--release"]);
    cargo.arg("--target-dir").arg(std::path::absolute(target_dir)?);
    if let Some(rustc) = rustc {
        // Building the library is a nightly feature of cargo; the linker is the usual compiler's.
        cargo.args(["-Z", "build-std=core,alloc"]);
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc).env("PATH", path_with_linker()?);
    }
    // QEMU would take this program's standard input for the board's serial line.
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let printed = String::from_utf8(output.stdout)?;
    if output.status.success() {
        return Ok(printed);
    }
    Err(format!("{printed}\nthe image failed: {}", output.status).into())
}

/// Whether the compiler in use comes with a library for the target.
pub(crate) fn has_library() -> Result<bool, Box<dyn std::error::Error>> {
    let folder = rustc_says(&["--print", "target-libdir", "--target", TARGET])?;
    Ok(Path::new(&folder).is_dir())
}

pub(crate) fn path_with_linker() -> Result<OsString, Box<dyn std::error::Error>> {
    // Beside the host's library lies `bin`, with rust-lld.
    let library = PathBuf::from(rustc_says(&["--print", "target-libdir"])?);
    let tools = library.with_file_name("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?)
}

pub(crate) fn rustc_says(arguments: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    let output = Command::new("rustc").args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("rustc {}: {}", arguments.join(" "), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
