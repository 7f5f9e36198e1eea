//! The library as C and C++ see it: their tests are built and run here, plain and under sanitizers.
//!
//! Without a C compiler, or a library that a test needs, a test says what is missing and is skipped; where
//! `RPM_CI` is set that is a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];
const SYSTEM: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo put the libraries of this build: beside this test.
fn libraries() -> PathBuf {
    let test = env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    assert!(deps.join("librpmon.a").is_file(), "no librpmon.a in {}", deps.display());
    deps.to_path_buf()
}

/// Something that a test needs is not there.
fn missing(what: &str) {
    assert!(env::var_os("RPM_CI").is_none(), "{what} is missing");
    eprintln!("SKIPPED: {what} is missing");
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// How to build one test program.
#[derive(Clone, Default)]
struct Program<'a> {
    source: &'a str,
    /// Tells builds of one source apart.
    name: &'a str,
    flags: &'a [&'a str],
    libraries: &'a [&'a str],
    shared: bool,
}

impl Program<'_> {
    /// The program, or nothing if there is no compiler.
    fn build(&self) -> Option<PathBuf> {
        let cpp = Path::new(self.source).extension().is_some_and(|e| e == "cpp");
        let (variable, usual, standard) =
            if cpp { ("CXX", "c++", "-std=c++17") } else { ("CC", "cc", "-std=c11") };
        let compiler = env::var(variable).unwrap_or_else(|_| usual.to_owned());
        if !runs(&compiler, &["--version"]) {
            missing(&format!("a compiler ({compiler})"));
            return None;
        }
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.name);
        let mut command = Command::new(compiler);
        command.arg(standard).args(STRICT).args(self.flags);
        command.arg("-I").arg(here().join("../include"));
        command.arg(here().join("tests").join(self.source));
        if self.shared {
            let folder = self.shared_folder();
            command.arg("-L").arg(&folder).arg("-lrpmon");
            command.arg(format!("-Wl,-rpath,{}", folder.display()));
        } else {
            command.arg(libraries().join("librpmon.a"));
        }
        command.args(self.libraries).args(SYSTEM).arg("-o").arg(&out);
        let built = command.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Some(out)
    }

    /// The shared library under the name that programs look for.
    fn shared_folder(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-lib", self.name));
        fs::create_dir_all(&folder).unwrap();
        for name in ["librpmon.so", "librpmon.so.0"] {
            let _ = fs::remove_file(folder.join(name));
            fs::copy(libraries().join("librpmon.so"), folder.join(name)).unwrap();
        }
        folder
    }

    fn check(&self, before: &[&str], arguments: &[PathBuf]) {
        let Some(program) = self.build() else {
            return;
        };
        let mut command = match before {
            [] => Command::new(&program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        // A trace behind the panic that a test injects is noise.
        let ran = command.args(arguments).env_remove("RUST_BACKTRACE").output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{}: {}\n{said}", self.name, ran.status);
        print!("{}", String::from_utf8_lossy(&ran.stdout));
    }
}

const IN_C: [&str; 5] = ["layout", "lifecycle", "bad_input", "threads", "models"];

fn all_in_c(how: &str, flags: &[&str], before: &[&str]) {
    for test in IN_C {
        let (source, name) = (format!("c/{test}.c"), format!("{test}-{how}"));
        let program = Program { source: &source, name: &name, flags, ..Program::default() };
        let arguments = if test == "models" { MODEL.map(trained).to_vec() } else { Vec::new() };
        program.check(before, &arguments);
    }
}

/// A policy with a model, the model, its manifest.
const MODEL: [&str; 3] =
    ["icu-hybrid.toml", "sepsis-vitals/sepsis-vitals.onnx", "sepsis-vitals/sepsis-vitals.json"];

fn trained(name: &str) -> PathBuf {
    here().join("../examples/training").join(name)
}

fn cases() -> Vec<PathBuf> {
    let folder = fs::read_dir(here().join("../testdata/conformance")).unwrap();
    let mut cases: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "json"));
    cases.sort();
    cases
}

/// One line a case, for `cargo xtask conformance-table`.
fn told_alike(language: &str, cases: &[PathBuf]) {
    if let Some(folder) = env::var_os("RPM_CONFORMANCE_RESULTS") {
        let name = |case: &PathBuf| format!("{}\n", case.file_stem().unwrap().to_string_lossy());
        let text: String = cases.iter().map(name).collect();
        fs::write(Path::new(&folder).join(format!("{language}.txt")), text).unwrap();
    }
}

/// Whether a header can be included.
fn has_header(language: &str, header: &str, package: &str) -> bool {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{package}.{language}"));
    fs::write(&source, format!("#include <{header}>\n")).unwrap();
    let compiler = if language == "c" { "cc" } else { "c++" };
    let found = runs(compiler, &["-fsyntax-only", &source.to_string_lossy()]);
    if !found {
        missing(package);
    }
    found
}

#[test]
fn c_programs_work() {
    all_in_c("plain", &[], &[]);
}

#[test]
fn c_programs_are_clean_under_address_and_undefined_sanitizers() {
    all_in_c("asan", &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"], &[]);
}

/// The library is instrumented too, with the standard library in it: `RPM_TSAN_LIBRARY` is a `librpmon.a` that was
/// built so, as `.ci/run capi` does. What is used as documented is clean; what is not is found, so that a library
/// or a runtime that sees nothing does not pass.
#[test]
fn threads_are_clean_under_the_thread_sanitizer() {
    let Some(library) = env::var_os("RPM_TSAN_LIBRARY") else {
        return missing("a library built with the thread sanitizer (RPM_TSAN_LIBRARY)");
    };
    let Some(runtime) = thread_sanitizer() else {
        return missing("the thread sanitizer of the Rust toolchain");
    };
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("threads-tsan");
    let object = out.with_extension("o");
    let mut compile = Command::new("cc");
    compile.args(["-std=gnu11", "-fsanitize=thread", "-c"]).args(STRICT);
    compile.arg("-I").arg(here().join("../include")).arg("-o").arg(&object);
    // The C compiler's own runtime does not know all that Rust's instrumentation calls: Rust's is linked.
    let mut link = Command::new("cc");
    link.arg("-o").arg(&out).arg(&object).arg(library);
    link.arg("-Wl,--whole-archive").arg(runtime).arg("-Wl,--no-whole-archive").args(SYSTEM);
    for command in [compile.arg(here().join("tests/c/threads.c")), &mut link] {
        let built = command.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
    let run = |argument: &[&str]| {
        let mut command = Command::new("setarch");
        command.arg("-R").arg(&out).args(argument).output().unwrap()
    };
    let used = run(&[]);
    assert!(used.status.success(), "{}", String::from_utf8_lossy(&used.stderr));
    print!("thread sanitizer: {}", String::from_utf8_lossy(&used.stdout));
    let misused = run(&["misuse"]);
    let said = String::from_utf8_lossy(&misused.stderr);
    assert!(said.contains("WARNING: ThreadSanitizer"), "a race went unseen: {said}");
    assert!(said.contains(" rpmon_policy_version "), "the library's own read is not told: {said}");
}

/// The runtime that comes with Rust.
fn thread_sanitizer() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    let files = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.into_iter().find(|path| path.to_string_lossy().ends_with("_rt.tsan.a"))
}

#[test]
fn c_programs_are_clean_under_valgrind() {
    if !runs("valgrind", &["--version"]) {
        return missing("valgrind");
    }
    let before = ["valgrind", "-q", "--leak-check=full", "--error-exitcode=9"];
    all_in_c("valgrind", &[], &before);
}

#[test]
fn c_programs_work_with_the_shared_library() {
    let program = Program {
        source: "c/lifecycle.c",
        name: "lifecycle-shared",
        shared: true,
        ..Program::default()
    };
    program.check(&[], &[]);
}

#[test]
fn c_tells_the_conformance_cases() {
    if has_header("c", "cjson/cJSON.h", "libcjson-dev") {
        let libraries = ["-lcjson"];
        let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        let program = Program {
            source: "c/conformance.c",
            name: "conformance-c",
            flags: &flags,
            libraries: &libraries,
            shared: false,
        };
        program.check(&[], &cases());
        told_alike("C", &cases());
    }
}

#[test]
fn cpp_tells_the_conformance_cases() {
    if has_header("cpp", "nlohmann/json.hpp", "nlohmann-json3-dev") {
        let flags = ["-fno-exceptions", "-DJSON_NOEXCEPTION", "-fsanitize=address,undefined"];
        let program = Program {
            source: "cpp/conformance.cpp",
            name: "conformance-cpp",
            flags: &flags,
            ..Program::default()
        };
        program.check(&[], &cases());
        told_alike("C++", &cases());
    }
}

#[test]
fn cpp_programs_need_no_exceptions() {
    let flags = ["-fno-exceptions", "-fno-rtti", "-fsanitize=address,undefined"];
    let program =
        Program { source: "cpp/wrapper.cpp", name: "wrapper", flags: &flags, ..Program::default() };
    program.check(&[], &MODEL.map(trained));
}

/// What the header declares is what the library has, and nothing else.
#[test]
fn the_library_exports_what_the_header_declares() {
    if !runs("nm", &["--version"]) {
        return missing("nm");
    }
    let library = libraries().join("librpmon.so");
    let symbols = Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().unwrap();
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let names = symbols.lines().filter_map(|line| line.split(' ').next_back());
    // The panic on purpose is of builds for tests alone.
    let exported: BTreeSet<&str> = names.filter(|name| *name != "rpmon_test_panic").collect();
    let header = fs::read_to_string(here().join("../include/rpmon.h")).unwrap();
    let header = header.split("#ifdef RPMON_BARE").next().unwrap();
    let declared: BTreeSet<&str> = header
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(')
        .filter_map(|word| word.split_once('(').map(|(name, _)| name))
        .filter(|name| name.starts_with("rpmon_"))
        .collect();
    assert_eq!(exported, declared);
}
