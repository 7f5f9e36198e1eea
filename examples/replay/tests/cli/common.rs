//! What the tests of the command line share: a scratch directory, a policy, and a way to call.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of one test, removed with it.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// An empty directory; `name` is the test's.
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file in it.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// Calls the command line in it.
    pub fn replay(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replay"));
        command.args(arguments).current_dir(&self.path).output().unwrap()
    }

    /// Replays readings through the policy into `out`, with more arguments.
    pub fn run(&self, readings: &str, out: &str, more: &[&str]) -> Output {
        self.write("policy.toml", POLICY);
        let mut arguments =
            vec!["run", "--policy", "policy.toml", "--readings", readings, "--out", out];
        arguments.extend(more);
        let output = self.replay(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        output
    }

    /// The summary of a run.
    pub fn summary(&self, out: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("{out}/summary.json"))).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Everything that was printed.
pub fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

/// Low saturation with two levels; heart rate without a rule.
pub const POLICY: &str = r#"
id = "test"
version = 1
title = "For tests"

[signals]
spo2 = { cadence = "1 s" }

[[rules]]
id = "spo2-low"
title = "Low oxygen saturation"
signal = "spo2"

[[rules.levels]]
level = "review"
raise = { below = 92 }
for = "5 s"
clear = { above = 94 }
clear_for = "5 s"

[[rules.levels]]
level = "urgent"
raise = { below = 88 }
for = "5 s"
clear = { above = 90 }
clear_for = "5 s"
"#;

/// Two patients for 200 seconds; `p2` has a dip to 85 from 60 to 100.
pub fn ward() -> String {
    let mut csv = String::from("patient,t_seconds,kind,value,unit\n");
    for t in 0..200 {
        let dip = if (60..100).contains(&t) { 85 } else { 97 };
        csv.push_str(&format!("p1,{t},spo2,98,%\np2,{t},spo2,{dip},%\np1,{t},heart_rate,70,bpm\n"));
    }
    csv
}
