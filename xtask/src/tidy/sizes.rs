//! Small files: a warning from 400 lines, an end at 800.

use crate::tree::{File, Tree};

use super::Finding;

const WARN: usize = 400;
const MAX: usize = 800;

/// Sources of people, in every language we write.
const SOURCES: [&str; 7] = [".rs", ".js", ".mjs", ".py", ".css", ".html", ".sh"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let long = sources(tree).filter(|(_, lines)| *lines > MAX);
    long.map(|(file, lines)| Finding {
        rule: "size",
        path: file.path.clone(),
        line: MAX + 1,
        says: format!("{lines} lines; expected at most {MAX}, one idea per file"),
    })
    .collect()
}

/// Files that are on the way to be too long.
pub(crate) fn warnings(tree: &Tree) -> Vec<String> {
    let longish = sources(tree).filter(|(_, lines)| (WARN + 1..=MAX).contains(lines));
    longish
        .map(|(file, lines)| {
            format!(
                "{}: {lines} lines; nearly all files stay below {WARN} (a warning)",
                file.path
            )
        })
        .collect()
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&File, usize)> {
    let written = tree
        .files
        .iter()
        .filter(|file| SOURCES.iter().any(|suffix| file.path.ends_with(suffix)));
    written.map(|file| (file, file.text.lines().count()))
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

    #[test]
    fn a_file_over_400_lines_is_warned_about() {
        let (ok, longish) = ("x\n".repeat(400), "x\n".repeat(401));
        assert_eq!(
            warnings(&tree(&[("a.rs", &ok), ("b.rs", &longish)])).len(),
            1
        );
    }
}
