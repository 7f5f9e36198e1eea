//! The conformance cases, case by language: from what each language's runner has written.
//!
//! A runner writes `LANGUAGE.txt` into the folder that `RPM_CONFORMANCE_RESULTS` names: one line for each
//! case whose records were those expected. Rust's column is of this very run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{Outcome, conformance};

const DOCUMENT: &str = "docs/conformance.md";
/// Names the folder into which runners write.
const RESULTS: &str = "RPM_CONFORMANCE_RESULTS";
const YES: &str = "yes";
const NO: &str = "**no**";

pub(crate) fn write(root: &Path, results: &Path) -> Outcome {
    fs::write(root.join(DOCUMENT), text(root, results)?)?;
    println!("{DOCUMENT}");
    Ok(())
}

/// Fails if a case is not told alike somewhere, or the document says something else.
pub(crate) fn check(root: &Path, results: &Path) -> Outcome {
    let text = text(root, results)?;
    if text.contains(NO) {
        return Err(format!("not every case is told alike:\n{text}").into());
    }
    if fs::read_to_string(root.join(DOCUMENT)).unwrap_or_default() != text {
        let hint = "run `cargo xtask conformance-table` after every language";
        return Err(format!("{DOCUMENT} is not what the languages found: {hint}").into());
    }
    let cases = conformance::names(root)?.len();
    let languages = languages(results)?.len() + 1;
    println!("conformance-table: {cases} cases alike in {languages} languages");
    Ok(())
}

/// Writes the cases of a runner, if somebody collects them.
pub(crate) fn told_alike(language: &str, cases: &[String]) -> Outcome {
    if let Some(folder) = std::env::var_os(RESULTS) {
        let text: String = cases.iter().map(|case| format!("{case}\n")).collect();
        fs::write(Path::new(&folder).join(format!("{language}.txt")), text)?;
    }
    Ok(())
}

fn text(root: &Path, results: &Path) -> Result<String, Box<dyn std::error::Error>> {
    conformance::check(root)?;
    let (cases, mut languages) = (conformance::names(root)?, languages(results)?);
    languages.insert("Rust".into(), cases.iter().cloned().collect());
    let mut text = String::from(
        "# Conformance\n\nThe stories of [`testdata/conformance`](../testdata/conformance/README.md): in which \
         languages they\nare told alike, record for record and byte for byte. Written by \
         `cargo xtask conformance-table`.\n\n",
    );
    let row = |text: &mut String, first: &str, cells: &[String]| {
        writeln!(text, "| {first} | {} |", cells.join(" | "))
    };
    let names: Vec<String> = languages.keys().cloned().collect();
    row(&mut text, "case", &names)?;
    row(&mut text, "---", &vec!["---".to_owned(); names.len()])?;
    for case in &cases {
        let told = |found: &BTreeSet<String>| if found.contains(case) { YES } else { NO };
        let cells: Vec<_> = languages.values().map(|found| told(found).to_owned()).collect();
        row(&mut text, case, &cells)?;
    }
    let all = |found: &BTreeSet<String>| cases.iter().filter(|case| found.contains(*case)).count();
    let sums: Vec<_> = languages.values().map(|found| all(found).to_string()).collect();
    row(&mut text, &format!("**all {}**", cases.len()), &sums)?;
    Ok(text)
}

/// The cases that each language tells alike.
fn languages(
    results: &Path,
) -> Result<BTreeMap<String, BTreeSet<String>>, Box<dyn std::error::Error>> {
    let mut languages = BTreeMap::new();
    let entries = fs::read_dir(results).map_err(|e| format!("{}: {e}", results.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let cases = fs::read_to_string(&path)?.lines().map(str::to_owned).collect();
        languages.insert(name.to_owned(), cases);
    }
    Ok(languages)
}
