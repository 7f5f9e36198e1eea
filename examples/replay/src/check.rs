//! `replay check`: every mistake of a policy, or what it says in plain words.

use std::io::Write;
use std::path::Path;

use crate::failure::{Failure, Verdict};
use crate::host::{self, PolicyProblem};

/// Checks a policy.
pub fn run(path: &Path, out: &mut dyn Write) -> Result<Verdict, Failure> {
    let name = path.display();
    let policy = match host::load_policy(path) {
        Ok(policy) => policy,
        Err(PolicyProblem::Unreadable(failure)) => return Err(failure),
        Err(PolicyProblem::Wrong(errors)) => {
            for error in errors.errors() {
                writeln!(out, "error: {error}")?;
            }
            writeln!(out, "\n{name}: {}", counted(errors.errors().len(), "error"))?;
            return Ok(Verdict::Findings);
        }
    };
    for warning in policy.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    if !policy.warnings().is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}\n", policy.describe().trim_end())?;
    let warnings = counted(policy.warnings().len(), "warning");
    writeln!(out, "{name}: valid, {warnings}, hash {}", policy.hash())?;
    Ok(Verdict::Clean)
}

/// `1 error`, `2 errors`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
