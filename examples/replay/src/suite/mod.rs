//! `replay test`: unit tests of policies, kept beside them.
//!
//! | module | holds |
//! |---|---|
//! | [`notation`] | series of readings, in short |
//! | [`mod@file`] | a file of cases |
//! | [`case`] | one case, checked and put in order |
//! | [`play`] | a case against the engine |

pub mod case;
pub mod file;
pub mod notation;
pub mod play;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Verdict};
use crate::host;

/// Runs every case of every file.
pub fn run(files: &[PathBuf], out: &mut dyn Write) -> Result<Verdict, Failure> {
    let mut passed = 0;
    let mut failed = 0;
    for path in files {
        let suite = file::read(path)?;
        let policy_path = path.parent().unwrap_or(Path::new("")).join(&suite.policy);
        let policy = host::load_policy(&policy_path).map_err(|p| p.into_failure(&policy_path))?;
        let cases = suite.cases(&policy).map_err(|e| in_file(path, &e))?;
        writeln!(
            out,
            "{}: {} of {} v{}",
            path.display(),
            crate::check::counted(cases.len(), "case"),
            policy.id(),
            policy.version()
        )?;
        for case in &cases {
            let complaints = play::play(case, &policy)?;
            let verdict = if complaints.is_empty() { "ok" } else { "FAILED" };
            writeln!(out, "case {} ... {verdict}", case.name)?;
            for complaint in &complaints {
                writeln!(out, "{complaint}")?;
            }
            if complaints.is_empty() { passed += 1 } else { failed += 1 }
        }
        writeln!(out)?;
    }
    writeln!(out, "{passed} passed; {failed} failed")?;
    Ok(if failed == 0 { Verdict::Clean } else { Verdict::Findings })
}

fn in_file(path: &Path, problem: &str) -> Failure {
    Failure::new(format!("{}: {problem}", path.display()))
}
