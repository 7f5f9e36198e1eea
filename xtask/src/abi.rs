//! What compiled programs rely on: every declaration of `include/rpmon.h`, without words, a line each.
//!
//! The list of the last release is kept. A later header may have more lines; one that has not all of them
//! breaks programs, and `RPMON_ABI_VERSION` and the library's name have to change.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Outcome;

const HEADER: &str = "include/rpmon.h";
const RECORDED: &str = "rpm-ffi/abi/rpmon-0.txt";

/// The declarations of a header in C, each on one line.
fn declarations(header: &str) -> BTreeSet<String> {
    let code = without_comments(header);
    let mut found = BTreeSet::new();
    let (mut open, mut current) = (0_i32, String::new());
    for line in code.lines().map(str::trim) {
        if let Some(define) = line.strip_prefix("#define ") {
            if define.contains(' ') {
                found.insert(line.to_owned());
            }
            continue;
        }
        if line.is_empty() || line.starts_with('#') || line.starts_with("extern \"C\"") {
            continue;
        }
        current.extend([line, " "]);
        open += line.matches('{').count() as i32 - line.matches('}').count() as i32;
        if open <= 0 && line.ends_with(';') {
            found.insert(current.split_whitespace().collect::<Vec<_>>().join(" "));
            current.clear();
        }
        // The brace that ends `extern "C"`.
        open = open.max(0);
    }
    found
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        code.push_str(part.split_once("*/").map_or("", |(_, after)| after));
    }
    code
}

pub(crate) fn write(root: &Path) -> Outcome {
    let found = declarations(&fs::read_to_string(root.join(HEADER))?);
    let lines: Vec<_> = found.into_iter().collect();
    fs::create_dir_all(root.join(RECORDED).with_file_name(""))?;
    fs::write(root.join(RECORDED), lines.join("\n") + "\n")?;
    println!("{RECORDED}");
    Ok(())
}

pub(crate) fn check(root: &Path) -> Outcome {
    let found = declarations(&fs::read_to_string(root.join(HEADER))?);
    let recorded = fs::read_to_string(root.join(RECORDED))?;
    let recorded: BTreeSet<String> = recorded.lines().map(str::to_owned).collect();
    let broken: Vec<_> = recorded.difference(&found).cloned().collect();
    if !broken.is_empty() {
        let broken = broken.join("\n  ");
        return Err(format!("changed or gone, which breaks compiled programs:\n  {broken}").into());
    }
    let added = found.len() - recorded.len();
    println!("abi: {} declarations as released, {added} added", recorded.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_programs_rely_on_has_changed() {
        check(crate::root()).unwrap();
    }

    #[test]
    fn a_change_is_seen_and_an_addition_is_fine() {
        let before =
            "typedef struct a {\n  /** x */\n  int x;\n} a;\nint f(int a,\n      int b);\n";
        let found = declarations(before);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains("int f(int a, int b);"));
        let more = declarations(&format!("{before}int g(void);\n#define X 1\n"));
        assert!(more.is_superset(&found) && more.len() == 4);
        let other = declarations(&before.replace("int x", "long x"));
        assert!(!other.is_superset(&found));
    }
}
