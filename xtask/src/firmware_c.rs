//! The C library on bare metal: a C image in QEMU whose size is measured, and one that tells the conformance cases.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, iter};

use serde_json::Value;

use crate::conformance::{self, Case, Restore, verbatim};
use crate::firmware::{DEBIAN_RUSTC, TARGET, has_library, path_with_linker};
use crate::{Outcome, table};

const EXAMPLE: &str = "examples/firmware-c";
const PROFILE: &str = "bare-metal";
/// What a small board has, in all.
const RAM: u64 = 256 * 1024;
/// For the cases with many patients; a patient with eight rules needs far less.
const CONFORMANCE_POOL: &str = "-DPOOL_BYTES=2097152";
/// For a policy that nests forty deep, which is refused.
const CONFORMANCE_STACK: &str = "--defsym=STACK_BYTES=0x80000";

/// Builds the library and both images, runs them, and compares.
pub(crate) fn run(root: &Path, target_dir: Option<PathBuf>, rustc: Option<PathBuf>) -> Outcome {
    let target_dir =
        std::path::absolute(target_dir.unwrap_or_else(|| root.join("target/firmware-c")))?;
    let library = build_library(root, &target_dir, rustc)?;
    let work = target_dir.join("images");
    fs::create_dir_all(&work)?;
    let policy = fs::read_to_string(root.join(EXAMPLE).join("policy.json"))?;
    // JSON and C quote the same characters the same way.
    let policy = format!("static const char POLICY[] = {};\n", Value::from(policy));
    fs::write(work.join("policy.h"), policy)?;

    let watch = build_image(root, &work, "watch", [&[], &[]], &library)?;
    let printed = run_image(&watch, &work)?;
    let records = printed.lines().filter(|line| line.starts_with('{')).count();
    for line in printed.lines().filter(|line| !line.starts_with('{')) {
        println!("{line}");
    }
    let used = |what: &str| -> Option<u64> {
        let line = printed.lines().find(|line| line.starts_with(what))?;
        line.split(' ').nth(1)?.parse().ok()
    };
    let sections = sections(&watch)?;
    let (heap, stack) = (used("heap:").ok_or("no heap")?, used("stack:").ok_or("no stack")?);
    let fixed = sections.fixed_ram;
    println!(
        "flash {} KiB; RAM {} KiB: {} fixed, {heap} of heap and {stack} of stack at most, in bytes",
        sections.flash.div_ceil(1024),
        (fixed + heap + stack).div_ceil(1024),
        fixed
    );
    if records == 0 || fixed + heap + stack > RAM {
        return Err(format!("{records} records, or more RAM than {RAM} bytes").into());
    }

    let script = script(root)?;
    fs::write(work.join("conformance.txt"), script.text)?;
    let image = build_image(
        root,
        &work,
        "conformance",
        [&[CONFORMANCE_POOL], &[CONFORMANCE_STACK]],
        &library,
    )?;
    let printed = run_image(&image, &work)?;
    let told = sorted(&printed);
    for (at, expected) in script.expected.iter().enumerate() {
        if told.get(at) != Some(&expected.as_str()) {
            let found = told.get(at).unwrap_or(&"nothing more");
            return Err(format!("line {at}\n{TARGET}: {found}\nexpected: {expected}").into());
        }
    }
    table::told_alike("C, Cortex-M4", &conformance::names(root)?)?;
    println!("firmware-c: {} conformance cases passed on {TARGET}, from C", script.cases);
    Ok(())
}

/// What the image printed, in the order of the lists of a case: each answer is followed by its outputs and its
/// wake-up there.
fn sorted(printed: &str) -> Vec<&str> {
    let class = |line: &&str| "N!?=@".find(line.get(..1).unwrap_or_default()).unwrap_or(5);
    let mut cases: Vec<Vec<&str>> = Vec::new();
    for line in printed.lines().filter(|line| !line.ends_with("cases on bare metal")) {
        match (line, cases.last_mut()) {
            ("N", _) | (_, None) => cases.push(vec![line]),
            (_, Some(case)) => case.push(line),
        }
    }
    cases.iter_mut().for_each(|case| case.sort_by_key(class));
    cases.concat()
}

fn build_library(
    root: &Path,
    target_dir: &Path,
    rustc: Option<PathBuf>,
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let rustc = match rustc {
        None if !has_library()? => Some(PathBuf::from(DEBIAN_RUSTC)),
        given => given,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["rustc", "--quiet", "--locked", "--package", "rpm-ffi", "--lib"]);
    cargo.args(["--no-default-features", "--profile", PROFILE, "--crate-type", "staticlib"]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(target_dir);
    if let Some(rustc) = rustc {
        cargo.args(["-Z", "build-std=core,alloc"]);
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc).env("PATH", path_with_linker()?);
    }
    if !cargo.status()?.success() {
        return Err("the library does not build".into());
    }
    Ok(target_dir.join(TARGET).join(PROFILE).join("librpmon.a"))
}

/// The first of these programs that is there.
fn tool(variable: &str, names: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    if let Ok(name) = std::env::var(variable) {
        return Ok(name);
    }
    let runs =
        |name: &&&str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    let found = names.iter().find(runs).ok_or_else(|| format!("none of {names:?} is installed"))?;
    Ok((*found).to_owned())
}

fn build_image(
    root: &Path,
    work: &Path,
    name: &str,
    [flags, linker_flags]: [&[&str]; 2],
    library: &Path,
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let clang = tool("RPM_CLANG", &["clang", "clang-14", "clang-19", "clang-16"])?;
    let linker = tool("RPM_LLD", &["ld.lld", "ld.lld-14", "ld.lld-19", "ld.lld-16"])?;
    let example = root.join(EXAMPLE);
    let mut objects = Vec::new();
    for source in ["board", name] {
        let object = work.join(format!("{name}-{source}.o"));
        let mut command = Command::new(&clang);
        command.args(["--target=thumbv7em-none-eabihf", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"]);
        command.args(["-std=c11", "-Os", "-ffreestanding", "-ffunction-sections", "-fno-builtin"]);
        command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]).args(flags);
        command.arg("-I").arg(root.join("include")).arg("-I").arg(work).arg("-c");
        command.arg(example.join(format!("{source}.c"))).arg("-o").arg(&object);
        succeed(&mut command)?;
        objects.push(object);
    }
    let image = work.join(format!("{name}.elf"));
    let mut command = Command::new(linker);
    command.args(linker_flags).args(["--gc-sections", "-T"]).arg(example.join("link.ld"));
    command.args(&objects).arg(library).arg("-o").arg(&image);
    succeed(&mut command)?;
    Ok(image)
}

fn succeed(command: &mut Command) -> Outcome {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let program = command.get_program().display();
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn run_image(image: &Path, work: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-cpu", "cortex-m4", "-machine", "mps2-an386", "-nographic", "-monitor", "none"]);
    qemu.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(image);
    let output = qemu.current_dir(work).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let printed = String::from_utf8(output.stdout)?;
    if output.status.success() {
        return Ok(printed);
    }
    let last: Vec<&str> = printed.lines().rev().take(3).collect();
    Err(format!("{last:?}\nthe image failed: {}", output.status).into())
}

struct Sections {
    flash: u64,
    /// Data and zeroed memory without the pool, of which the peak counts.
    fixed_ram: u64,
}

/// What the linker put where, from the image's own section table.
fn sections(image: &Path) -> Result<Sections, Box<dyn std::error::Error>> {
    let size = tool("RPM_SIZE", &["size", "llvm-size-14", "llvm-size"])?;
    let output = Command::new(size).arg("-A").arg(image).output()?;
    let table = String::from_utf8(output.stdout)?;
    let of = |name: &str| -> u64 {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    let pool = 128 * 1024;
    let fixed_ram = (of(".data") + of(".bss")).saturating_sub(pool);
    Ok(Sections { flash: of(".text") + of(".data"), fixed_ram })
}

struct Script {
    text: String,
    expected: Vec<String>,
    cases: usize,
}

/// The conformance cases as the image reads them, and what it has to print.
fn script(root: &Path) -> Result<Script, Box<dyn std::error::Error>> {
    let mut script = Script { text: String::new(), expected: Vec::new(), cases: 0 };
    for file in conformance::files(root)? {
        add_case(&conformance::read(&file)?, &mut script)?;
    }
    Ok(script)
}

fn add_case(case: &Case, script: &mut Script) -> Outcome {
    let Script { text, expected: all, cases } = script;
    let expected = case.expected.as_ref().ok_or("a case without expectations")?;
    *cases += 1;
    text.push_str("N\n");
    all.push("N".into());
    let bounds = conformance::config(case)?;
    let outputs = u32::try_from(bounds.max_outputs)?;
    writeln!(text, "C {} {outputs} {}", bounds.max_patients, bounds.max_devices)?;
    for policy in iter::once(&case.policy).chain(&case.more_policies) {
        let policy = verbatim(policy)?;
        writeln!(text, "P {}\n{policy}", policy.len())?;
    }
    for input in &case.inputs {
        if let Ok(Restore { restore }) = serde_json::from_str(input.get()) {
            writeln!(text, "R {restore}")?;
        } else {
            let line = verbatim(input)?;
            writeln!(text, "I {}\n{line}", line.len())?;
        }
    }
    all.extend(expected.policy_errors.iter().map(|error| format!("!{error}")));
    all.extend(expected.policy_warnings.iter().map(|warning| format!("?{warning}")));
    all.extend(expected.answers.iter().map(|answer| format!("={answer}")));
    let time = |at: &Option<i64>| at.map_or("@null".to_owned(), |at| format!("@{at}"));
    all.extend(expected.wakeups.iter().map(time));
    all.extend(expected.outputs.iter().cloned());
    Ok(())
}
