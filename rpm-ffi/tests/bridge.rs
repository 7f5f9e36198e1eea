//! The gateway of `examples/bridge-c` decides the same however often it is killed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rpm_core::record::read_line;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bridge")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds a program of the example, or says what is missing.
fn build(source: &str) -> Option<PathBuf> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    if Command::new(&compiler).arg("--version").output().is_err() {
        assert!(env::var_os("RPM_CI").is_none(), "no C compiler");
        eprintln!("SKIPPED: no C compiler");
        return None;
    }
    fs::create_dir_all(folder()).unwrap();
    let out = folder().join(source.trim_end_matches(".c"));
    let mut command = Command::new(compiler);
    command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-O1"]);
    command.arg("-I").arg(root().join("include"));
    command.arg(root().join("examples/bridge-c").join(source));
    let test = env::current_exe().unwrap();
    command
        .arg(test.with_file_name("librpmon.a"))
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(&out);
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(out)
}

/// An hour of two wearables, with desaturations, silences, and noise on the line.
fn packets(maker: &Path) -> Vec<u8> {
    let mut lines = String::new();
    for second in (0..3600).filter(|second| !(2000..2400).contains(second)) {
        let low = second % 900 > 600 && second % 900 < 800;
        writeln!(lines, "{second},spo2,{}", if low { 80 } else { 97 }).unwrap();
        writeln!(lines, "{second},heart_rate,{}", 70 + second % 30).unwrap();
    }
    let mut child =
        Command::new(maker).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let mut bytes = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    // A broken frame, and bytes that are none.
    bytes[5 * 29 + 9] ^= 0x40;
    bytes.splice(40 * 29..40 * 29, [0xA5, 1, 2, 3]);
    bytes
}

fn bridge(program: &Path, state: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--policy").arg(root().join("examples/bridge-c/policy.json"));
    command.arg("--state").arg(state).arg("--replay").arg(folder().join("ward.bin"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_gateway_that_is_killed_decides_what_one_decides_that_is_not() {
    let (Some(program), Some(maker)) = (build("bridge.c"), build("packets.c")) else {
        return;
    };
    fs::write(folder().join("ward.bin"), packets(&maker)).unwrap();
    let (whole, torn) = (folder().join("whole"), folder().join("torn"));
    for state in [&whole, &torn] {
        let _ = fs::remove_dir_all(state);
    }
    let done = bridge(&program, &whole).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(String::from_utf8_lossy(&done.stderr).contains("6399 packets"), "{done:?}");
    let expected = fs::read_to_string(whole.join("records.jsonl")).unwrap();
    assert!(expected.contains("alert_opened") && expected.lines().count() > 20);
    expected.lines().for_each(|line| drop(read_line(line).unwrap()));

    let mut killed = 0;
    let mut wait = Duration::from_millis(3);
    loop {
        let mut child = bridge(&program, &torn).spawn().unwrap();
        std::thread::sleep(wait);
        // Where it stands does not matter: no state may be half a state.
        child.kill().unwrap();
        let ended = child.wait_with_output().unwrap();
        if ended.status.success() || killed > 200 {
            assert!(ended.status.success(), "it never came to its end");
            break;
        }
        killed += 1;
        wait += Duration::from_millis(killed % 5);
    }
    assert!(killed >= 3, "it was killed {killed} times: too quick to prove anything");
    assert_eq!(fs::read_to_string(torn.join("records.jsonl")).unwrap(), expected);
    eprintln!("killed {killed} times, and decided the same {} records", expected.lines().count());
}
