//! Small files: a warning from 400 lines, an end at 800.

use crate::say;
use crate::tree::Tree;

use super::Finding;

const WARN: usize = 400;
const MAX: usize = 800;

/// Sources of people, in every language we write.
const SOURCES: [&str; 7] = [".rs", ".js", ".mjs", ".py", ".css", ".html", ".sh"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if !SOURCES.iter().any(|suffix| file.path.ends_with(suffix)) {
            continue;
        }
        let lines = file.text.lines().count();
        if lines > MAX {
            let says = format!("{lines} lines; expected at most {MAX}, one idea per file");
            findings.push(Finding {
                rule: "size",
                path: file.path.clone(),
                line: MAX + 1,
                says,
            });
        } else if lines > WARN {
            say::line(&format!(
                "{}: {lines} lines; nearly all files stay below {WARN} (a warning)",
                file.path
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{places, tree};
    use super::*;

    #[test]
    fn a_file_ends_at_800_lines() {
        let (ok, long) = ("x\n".repeat(800), "x\n".repeat(801));
        let found = check(&tree(&[
            ("a.rs", &ok),
            ("b.rs", &long),
            ("Cargo.lock", &long),
        ]));
        assert_eq!(places(&found), ["b.rs:801"]);
    }
}
